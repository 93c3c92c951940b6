// SPDX-License-Identifier: Apache-2.0
#pragma once
// Writes safetensors files for tests: valid ones with SafetensorsWriter, malformed ones from a
// handwritten header.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/raw_bytes.hpp"

namespace tutti::test {

/// A file with this header and this buffer, whether they fit each other or not.
inline std::string safetensors_bytes(std::string_view header, std::string_view buffer) {
  return raw_bytes(std::uint64_t{header.size()}) + std::string(header) + std::string(buffer);
}

/// Collects tensors and lays them out one after the other.
class SafetensorsWriter {
 public:
  SafetensorsWriter& add(const std::string& name, const std::string& dtype,
                         const std::vector<std::size_t>& shape, std::string_view data) {
    header_[name] = {{"dtype", dtype},
                     {"shape", shape},
                     {"data_offsets", {buffer_.size(), buffer_.size() + data.size()}}};
    buffer_ += data;
    return *this;
  }

  SafetensorsWriter& add_f32(const std::string& name, const std::vector<std::size_t>& shape,
                             const std::vector<float>& values) {
    return add(name, "F32", shape, raw_bytes(values));
  }

  [[nodiscard]] std::string bytes() const {
    std::string header = header_.dump();
    header.resize((header.size() + 7) / 8 * 8, ' ');  // as the reference writer aligns the buffer
    return safetensors_bytes(header, buffer_);
  }

  void write(const std::filesystem::path& path) const {
    const std::string content = bytes();
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file) throw std::runtime_error("cannot write " + path.string());
  }

 private:
  nlohmann::json header_ = nlohmann::json::object();
  std::string buffer_;
};

}  // namespace tutti::test

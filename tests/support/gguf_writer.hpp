// SPDX-License-Identifier: Apache-2.0
#pragma once
// Writes GGUF files for tests. Nothing is checked, and counts and offsets can be overridden, to
// write malformed files too.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/raw_bytes.hpp"

namespace tutti::test {

/// Type ids of GGUF that tests use.
struct GgufIds {
  static constexpr std::uint32_t f32 = 0, f16 = 1, q4_0 = 2, q8_0 = 8, q4_k = 12, q6_k = 14;
  static constexpr std::uint32_t value_u8 = 0, value_i8 = 1, value_u32 = 4, value_i32 = 5,
                                 value_f32 = 6, value_bool = 7, value_string = 8, value_array = 9,
                                 value_u64 = 10, value_f64 = 12;
};

class GgufWriter {
 public:
  std::uint32_t version = 3;
  /// Of the layout; written to the file only by add("general.alignment", ...).
  std::size_t alignment = 32;
  std::optional<std::uint64_t> tensor_count;    ///< Instead of the true one.
  std::optional<std::uint64_t> metadata_count;  ///< Instead of the true one.

  GgufWriter& add(const std::string& key, std::uint32_t value) {
    return add_raw(key, GgufIds::value_u32, raw_bytes(value));
  }
  GgufWriter& add(const std::string& key, std::int32_t value) {
    return add_raw(key, GgufIds::value_i32, raw_bytes(value));
  }
  GgufWriter& add(const std::string& key, float value) {
    return add_raw(key, GgufIds::value_f32, raw_bytes(value));
  }
  GgufWriter& add(const std::string& key, bool value) {
    return add_raw(key, GgufIds::value_bool, raw_bytes(value));
  }
  GgufWriter& add(const std::string& key, std::string_view value) {
    return add_raw(key, GgufIds::value_string, string(value));
  }
  GgufWriter& add(const std::string& key, const char* value) {
    return add(key, std::string_view(value));
  }
  GgufWriter& add(const std::string& key, const std::vector<std::string>& values) {
    std::string items;
    for (const std::string& value : values) items += string(value);
    return add_array(key, GgufIds::value_string, values.size(), items);
  }
  GgufWriter& add(const std::string& key, const std::vector<float>& values) {
    return add_array(key, GgufIds::value_f32, values.size(), raw_bytes(values));
  }
  GgufWriter& add(const std::string& key, const std::vector<std::int32_t>& values) {
    return add_array(key, GgufIds::value_i32, values.size(), raw_bytes(values));
  }
  GgufWriter& add_array(const std::string& key, std::uint32_t type, std::uint64_t count,
                        std::string_view items) {
    return add_raw(key, GgufIds::value_array,
                   raw_bytes(type) + raw_bytes(count) + std::string(items));
  }
  /// Any value type, followed by any bytes.
  GgufWriter& add_raw(const std::string& key, std::uint32_t type, std::string_view value) {
    metadata_ += string(key) + raw_bytes(type) + std::string(value);
    ++pairs_;
    return *this;
  }

  /// @param extents as GGUF orders them: the contiguous one (in_features) first.
  GgufWriter& tensor(std::string_view name, std::uint32_t type,
                     const std::vector<std::uint64_t>& extents, std::string_view data,
                     std::optional<std::uint64_t> offset = std::nullopt) {
    pad(data_);
    infos_ += string(name) + raw_bytes(static_cast<std::uint32_t>(extents.size())) +
              raw_bytes(extents) + raw_bytes(type) + raw_bytes(offset.value_or(data_.size()));
    data_ += data;
    ++tensors_;
    return *this;
  }

  GgufWriter& tensor_f32(std::string_view name, const std::vector<std::uint64_t>& extents,
                         const std::vector<float>& values) {
    return tensor(name, GgufIds::f32, extents, raw_bytes(values));
  }

  [[nodiscard]] std::string bytes() const {
    std::string file = std::string("GGUF") + raw_bytes(version) +
                       raw_bytes(tensor_count.value_or(tensors_)) +
                       raw_bytes(metadata_count.value_or(pairs_)) + metadata_ + infos_;
    pad(file);
    return file + data_;
  }

  void write(const std::filesystem::path& path) const {
    const std::string content = bytes();
    std::ofstream file(path, std::ios::binary);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    if (!file) throw std::runtime_error("cannot write " + path.string());
  }

  static std::string string(std::string_view text) {
    return raw_bytes(std::uint64_t{text.size()}) + std::string(text);
  }

 private:
  void pad(std::string& bytes) const {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment, '\0');
  }

  std::string metadata_;
  std::string infos_;
  std::string data_;
  std::uint64_t pairs_ = 0;
  std::uint64_t tensors_ = 0;
};

}  // namespace tutti::test

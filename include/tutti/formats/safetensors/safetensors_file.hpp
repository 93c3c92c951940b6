// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of one safetensors file: u64 header length, JSON header, tensor bytes. The file is mapped
// and tensors are views into it. Accepts and refuses what the format's reference reader does,
// except that duplicate keys are refused. Format: https://github.com/huggingface/safetensors

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/mapped_file.hpp"
#include "tutti/base/tensor.hpp"
#include "tutti/formats/byte_reader.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"

namespace tutti {

/// A tensor of a dtype that is legal in safetensors but that weights cannot have here, such as
/// "I64".
struct OtherTensor {
  std::string name;
  std::string dtype;
  std::vector<std::size_t> shape;
  std::span<const std::byte> data;
};

/// One file. Copies share the mapping; the views stay valid as long as a copy, or mapping(), is
/// alive.
class SafetensorsFile {
 public:
  /// Limit of the reference reader.
  static constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

  /// Maps and validates the whole header.
  /// @throws FormatError that names the file and what is wrong with it.
  explicit SafetensorsFile(const std::filesystem::path& path)
      : path_(path.string()), mapping_(std::make_shared<const MappedFile>(path)) {
    parse(mapping_->bytes());
  }

  /// Validates a file that is in memory already. `bytes` must outlive this object and its copies;
  /// `name` is its name in errors.
  /// @throws FormatError as above.
  SafetensorsFile(std::span<const std::byte> bytes, std::string name) : path_(std::move(name)) {
    parse(bytes);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Null for a file that was given as bytes.
  [[nodiscard]] const std::shared_ptr<const MappedFile>& mapping() const { return mapping_; }

  /// F32, F16 and BF16 tensors in the order of their bytes.
  [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }
  /// Tensors of all other dtypes, in the order of their bytes.
  [[nodiscard]] const std::vector<OtherTensor>& other_tensors() const { return others_; }
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& metadata() const {
    return metadata_;
  }

  /// Whether there is a tensor of that name, of whatever dtype.
  [[nodiscard]] bool contains(std::string_view name) const {
    return index_.contains(name) || other_index_.contains(name);
  }

  /// The tensor called `name`, or nullptr when there is none.
  /// @throws FormatError when there is one whose dtype weights cannot have.
  [[nodiscard]] const TensorView* find(std::string_view name) const {
    if (const auto entry = index_.find(name); entry != index_.end())
      return &tensors_[entry->second];
    if (const auto entry = other_index_.find(name); entry != other_index_.end()) {
      fail<FormatError>(path_, ": tensor ", in_quotes(name), " has dtype ",
                        others_[entry->second].dtype, "; weights can be F32, F16 or BF16");
    }
    return nullptr;
  }

 private:
  struct Entry {
    std::string name;
    std::string dtype;
    std::vector<std::size_t> shape;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void parse(std::span<const std::byte> bytes) {
    ByteReader reader(bytes, path_);
    const auto header_bytes = reader.read<std::uint64_t>("the header length");
    require<FormatError>(header_bytes <= kMaxHeaderBytes, path_, ": header of ", header_bytes,
                         " bytes, more than the format's ", kMaxHeaderBytes,
                         "; this is no safetensors file");
    const std::span<const std::byte> text = reader.take(header_bytes, "the header");
    const std::string_view header(reinterpret_cast<const char*>(text.data()), text.size());
    const std::size_t begin = header.find_first_not_of(" \t\n\r");
    require<FormatError>(begin != std::string_view::npos && header[begin] == '{', path_,
                         ": the header does not begin with '{'; this is no safetensors file");
    place(read_entries(parse_json(header, path_)), bytes.subspan(reader.position()));
  }

  /// The reference reader also takes an array of the three members.
  static Json entry_object(const Json& value) {
    if (!value.is_array() || value.size() != 3) return value;
    Json object;
    object["dtype"] = value[0];
    object["shape"] = value[1];
    object["data_offsets"] = value[2];
    return object;
  }

  /// Entries by the begin and the end of their bytes.
  using Entries = std::multimap<std::pair<std::size_t, std::size_t>, Entry>;

  Entries read_entries(const Json& header) {
    Entries entries;
    for (const auto& [name, value] : header.items()) {
      const std::string where = path_ + ": " + in_quotes(name);
      if (name == "__metadata__" && value.is_null()) continue;
      const Json info = entry_object(value);
      require<FormatError>(info.is_object(), where, ": expected an object, found ",
                           detail::found_text(info));
      if (name == "__metadata__") {
        for (const auto& entry : info.items())
          metadata_.emplace(entry.key(), json_get<std::string>(info, entry.key(), where));
        continue;
      }
      const auto offsets = json_get<std::vector<std::size_t>>(info, "data_offsets", where);
      require<FormatError>(offsets.size() == 2, where, ": \"data_offsets\" has ", offsets.size(),
                           " numbers, expected 2");
      auto shape = json_get<std::vector<std::size_t>>(info, "shape", where);
      entries.emplace(std::pair(offsets[0], offsets[1]),
                      Entry{name, json_get<std::string>(info, "dtype", where), std::move(shape),
                            offsets[0], offsets[1]});
    }
    return entries;
  }

  /// Checks that the entries tile `buffer` without holes or overlap, and makes the views.
  void place(Entries&& entries, std::span<const std::byte> buffer) {
    std::size_t position = 0;
    for (auto& [range, entry] : entries) {
      const std::string where = path_ + ": " + in_quotes(entry.name);
      require<FormatError>(entry.begin == position, where, ": begins at byte ", entry.begin,
                           " of the buffer, expected ", position,
                           " (tensors must follow each other without holes or overlap)");
      require<FormatError>(entry.end >= entry.begin && entry.end <= buffer.size(), where,
                           ": ends at byte ", entry.end, ", expected between its begin ",
                           entry.begin, " and the buffer's end ", buffer.size());
      position = entry.end;
      const std::size_t size = entry.end - entry.begin;
      const std::optional<std::size_t> needed = bytes_of(entry.dtype, entry.shape, where);
      require<FormatError>(needed == size, where, ": ", entry.dtype, " of shape ",
                           shape_text(entry.shape), " needs ",
                           needed ? std::to_string(*needed) : "no whole 64-bit number of",
                           " bytes, its offsets hold ", size);
      add(std::move(entry), buffer.subspan(position - size, size));
    }
    require<FormatError>(position == buffer.size(), path_, ": the tensors end at byte ", position,
                         " of the buffer, the file at ", buffer.size(),
                         "; it is truncated, or has something appended");
  }

  void add(Entry entry, std::span<const std::byte> data) {
    constexpr std::array<std::pair<std::string_view, DType>, 3> kWeightTypes{
        {{"F32", DType::f32}, {"F16", DType::f16}, {"BF16", DType::bf16}}};
    for (const auto& [dtype, type] : kWeightTypes) {
      if (entry.dtype != dtype) continue;
      index_.emplace(entry.name, tensors_.size());
      tensors_.push_back(
          {std::move(entry.name), type, std::move(entry.shape), data.data(), data.size()});
      return;
    }
    other_index_.emplace(entry.name, others_.size());
    others_.push_back(
        {std::move(entry.name), std::move(entry.dtype), std::move(entry.shape), data});
  }

  /// Bytes of a tensor, or nothing when they do not fit 64 bits or are not whole.
  static std::optional<std::size_t> bytes_of(std::string_view dtype,
                                             const std::vector<std::size_t>& shape,
                                             const std::string& where) {
    // In bits: the format has types of 4 and 6.
    constexpr std::array<std::pair<std::string_view, std::size_t>, 22> kBits{
        {{"BOOL", 8},    {"U8", 8},          {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8},
         {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"U16", 16},    {"I16", 16},
         {"F16", 16},    {"BF16", 16},       {"U32", 32},        {"I32", 32},    {"F32", 32},
         {"U64", 64},    {"I64", 64},        {"F64", 64},        {"C64", 64},    {"F4", 4},
         {"F6_E2M3", 6}, {"F6_E3M2", 6}}};
    const auto known = std::find_if(kBits.begin(), kBits.end(),
                                    [&](const auto& entry) { return entry.first == dtype; });
    require<FormatError>(known != kBits.end(), where, ": unknown dtype ", in_quotes(dtype));
    std::optional<std::size_t> bits = known->second;
    for (const std::size_t extent : shape) {
      bits = checked_multiply(*bits, extent);
      if (!bits) return std::nullopt;
    }
    return *bits % 8 == 0 ? std::optional(*bits / 8) : std::nullopt;
  }

  std::string path_;
  std::shared_ptr<const MappedFile> mapping_;
  std::vector<TensorView> tensors_;
  std::vector<OtherTensor> others_;
  std::map<std::string, std::size_t, std::less<>> index_;        // into tensors_
  std::map<std::string, std::size_t, std::less<>> other_index_;  // into others_
  std::map<std::string, std::string, std::less<>> metadata_;
};

}  // namespace tutti

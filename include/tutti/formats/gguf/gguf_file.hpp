// SPDX-License-Identifier: Apache-2.0
#pragma once
// Reader of GGUF version 3: metadata, and tensors as views into the mapped file. Quantized blocks
// are not converted. GGUF lists the contiguous dimension first; shapes here are reversed, so that a
// linear layer is [out, in] as everywhere else. Format:
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
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
#include "tutti/formats/gguf/gguf_metadata.hpp"

namespace tutti {

namespace detail {

/// The name of GGUF's tensor type `id`, or "?".
[[nodiscard]] constexpr std::string_view gguf_type_name(std::uint32_t id) {
  constexpr std::array<std::string_view, 40> kNames{"F32",
                                                    "F16",
                                                    "Q4_0",
                                                    "Q4_1",
                                                    "Q4_2 (removed)",
                                                    "Q4_3 (removed)",
                                                    "Q5_0",
                                                    "Q5_1",
                                                    "Q8_0",
                                                    "Q8_1",
                                                    "Q2_K",
                                                    "Q3_K",
                                                    "Q4_K",
                                                    "Q5_K",
                                                    "Q6_K",
                                                    "Q8_K",
                                                    "IQ2_XXS",
                                                    "IQ2_XS",
                                                    "IQ3_XXS",
                                                    "IQ1_S",
                                                    "IQ4_NL",
                                                    "IQ3_S",
                                                    "IQ2_S",
                                                    "IQ4_XS",
                                                    "I8",
                                                    "I16",
                                                    "I32",
                                                    "I64",
                                                    "F64",
                                                    "IQ1_M",
                                                    "BF16",
                                                    "?",
                                                    "?",
                                                    "?",
                                                    "TQ1_0",
                                                    "TQ2_0",
                                                    "?",
                                                    "?",
                                                    "?",
                                                    "MXFP4"};
  return id < kNames.size() ? kNames[id] : "?";
}

/// The DType with the same name, if weights can be kept in it.
[[nodiscard]] constexpr std::optional<DType> gguf_dtype(std::uint32_t id) {
  for (const DType type :
       {DType::f32, DType::f16, DType::bf16, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
        DType::q8_0, DType::q4_k, DType::q5_k, DType::q6_k}) {
    if (layout_of(type).name == gguf_type_name(id)) return type;
  }
  return std::nullopt;
}

}  // namespace detail

/// One file. Copies share the mapping; views and strings stay valid as long as a copy, or
/// mapping(), is alive.
class GgufFile {
 public:
  static constexpr std::uint32_t kVersion = 3;
  static constexpr std::uint64_t kMaxNameBytes = 63;  // ggml keeps tensor names in char[64]
  static constexpr std::uint32_t kMaxRank = 4;

  /// Maps the file and validates everything except the values of the weights.
  /// @throws FormatError that names the file and what is wrong with it.
  explicit GgufFile(const std::filesystem::path& path)
      : path_(path.string()), mapping_(std::make_shared<const MappedFile>(path)) {
    parse(mapping_->bytes());
  }

  /// Validates a file in memory. `bytes` must outlive this object and its copies; `name` is used in
  /// errors.
  /// @throws FormatError as above.
  GgufFile(std::span<const std::byte> bytes, std::string name) : path_(std::move(name)) {
    parse(bytes);
  }

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Null for a file that was given as bytes.
  [[nodiscard]] const std::shared_ptr<const MappedFile>& mapping() const { return mapping_; }
  [[nodiscard]] const GgufMetadata& metadata() const { return metadata_; }
  /// All tensors in the order of the file.
  [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }

  /// The tensor called `name`, or nullptr.
  [[nodiscard]] const TensorView* find(std::string_view name) const {
    const auto entry = index_.find(name);
    return entry == index_.end() ? nullptr : &tensors_[entry->second];
  }

 private:
  void parse(std::span<const std::byte> bytes) {
    ByteReader reader(bytes, path_);
    const bool is_gguf = bytes.size() >= 4 && std::memcmp(bytes.data(), "GGUF", 4) == 0;
    require<FormatError>(is_gguf, path_,
                         ": does not begin with \"GGUF\", so it is no GGUF file; a model of "
                         "safetensors is loaded by its directory");
    reader.take(4, "the magic");
    const auto version = reader.read<std::uint32_t>("the version");
    require<FormatError>(version == kVersion, path_, ": GGUF version ", version, ", only ",
                         kVersion, " (little-endian) is supported");
    const auto tensor_count = reader.read<std::uint64_t>("the number of tensors");
    const auto pair_count = reader.read<std::uint64_t>("the number of metadata pairs");
    metadata_ = GgufMetadata(reader, pair_count);
    read_tensors(reader, bytes, tensor_count);
  }

  void read_tensors(ByteReader& reader, std::span<const std::byte> bytes, std::uint64_t count) {
    // An entry has at least a name length, a rank, a type and an offset, which bounds the memory
    // reserved for a hostile count.
    require<FormatError>(count <= reader.remaining() / 24, path_, ": ", count,
                         " tensors cannot fit the remaining ", reader.remaining(), " bytes");
    const auto alignment = metadata_.get<std::uint32_t>("general.alignment", 32);
    require<FormatError>(std::has_single_bit(alignment), path_, ": \"general.alignment\" is ",
                         alignment, ", expected a power of two");
    tensors_.reserve(count);
    std::vector<std::size_t> offsets;
    std::size_t expected = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      TensorView& tensor = tensors_.emplace_back(read_tensor(reader));
      const auto offset = reader.read<std::uint64_t>("a tensor's offset");
      require<FormatError>(offset == expected, path_, ": tensor ", in_quotes(tensor.name),
                           " is at offset ", offset, ", expected ", expected,
                           " (after the previous tensor)");
      offsets.push_back(offset);
      expected = padded(checked_add(offset, tensor.bytes), alignment, tensor.name);
    }
    if (count > 0)
      locate(bytes, offsets, padded(reader.position(), alignment, tensors_.front().name));
  }

  /// `size` rounded up to a multiple of `alignment`.
  std::size_t padded(std::optional<std::size_t> size, std::size_t alignment,
                     std::string_view tensor) const {
    const std::optional<std::size_t> sum = size ? checked_add(*size, alignment - 1) : std::nullopt;
    require<FormatError>(sum.has_value(), path_, ": tensor ", in_quotes(tensor),
                         " ends beyond 2^64 bytes");
    return *sum & ~(alignment - 1);
  }

  /// Reads one tensor's entry except its offset.
  TensorView read_tensor(ByteReader& reader) {
    const std::string_view name = reader.read_string("a tensor name", kMaxNameBytes);
    require<FormatError>(index_.emplace(name, index_.size()).second, path_, ": duplicate tensor ",
                         in_quotes(name));
    TensorView tensor;
    tensor.name = name;
    const auto rank = reader.read<std::uint32_t>("a tensor's rank");
    require<FormatError>(rank <= kMaxRank, path_, ": tensor ", in_quotes(name), " has ", rank,
                         " dimensions, at most ", kMaxRank, " are allowed");
    for (std::uint32_t i = 0; i < rank; ++i)
      tensor.shape.push_back(reader.read<std::uint64_t>("a tensor's shape"));
    std::reverse(tensor.shape.begin(), tensor.shape.end());
    const auto type = reader.read<std::uint32_t>("a tensor's type");
    const std::optional<DType> supported = detail::gguf_dtype(type);
    require<FormatError>(
        supported.has_value(), path_, ": tensor ", in_quotes(name), " has type ", type, " (",
        detail::gguf_type_name(type),
        "); supported are F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K and Q6_K");
    tensor.type = *supported;
    tensor.bytes = bytes_of(tensor);
    return tensor;
  }

  std::size_t bytes_of(const TensorView& tensor) const {
    const DTypeLayout layout = layout_of(tensor.type);
    std::optional<std::size_t> elements = 1;
    for (const std::size_t extent : tensor.shape)
      elements = elements ? checked_multiply(*elements, extent) : std::nullopt;
    const std::size_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
    require<FormatError>(row % layout.block_elements == 0, path_, ": tensor ",
                         in_quotes(tensor.name), " has rows of ", row,
                         " elements, which is no multiple of the block of ", layout.block_elements,
                         " of ", layout.name);
    const std::optional<std::size_t> bytes =
        elements ? checked_multiply(*elements / layout.block_elements, layout.block_bytes)
                 : std::nullopt;
    require<FormatError>(bytes.has_value() && *bytes > 0, path_, ": tensor ",
                         in_quotes(tensor.name), " of shape ", shape_text(tensor.shape), " is ",
                         bytes ? "empty" : "larger than 2^64 bytes");
    return *bytes;
  }

  /// Sets the data of all tensors, whose `offsets` count from byte `data_start` of the file.
  void locate(std::span<const std::byte> bytes, const std::vector<std::size_t>& offsets,
              std::size_t data_start) {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      TensorView& tensor = tensors_[i];
      const std::size_t available = bytes.size() - std::min(bytes.size(), data_start);
      require<FormatError>(offsets[i] <= available && tensor.bytes <= available - offsets[i], path_,
                           ": tensor ", in_quotes(tensor.name), " needs ", tensor.bytes,
                           " bytes at offset ", offsets[i], ", but the file has only ", available,
                           " bytes of data; it is truncated");
      tensor.data = bytes.data() + data_start + offsets[i];
    }
  }

  std::string path_;
  std::shared_ptr<const MappedFile> mapping_;
  GgufMetadata metadata_;
  std::vector<TensorView> tensors_;
  std::map<std::string_view, std::size_t> index_;
};

}  // namespace tutti

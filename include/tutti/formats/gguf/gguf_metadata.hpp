// SPDX-License-Identifier: Apache-2.0
#pragma once
// The key-value section of a GGUF file with typed access. Strings are views into the file and
// numeric arrays are only converted on request, so that reading a vocabulary of 50,000 tokens costs
// one pass over its lengths.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/formats/byte_reader.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/gguf/gguf_type.hpp"

namespace tutti {

/// All key-value pairs of one file. Strings that it returns point into the file's bytes, which must
/// outlive them.
class GgufMetadata {
 public:
  static constexpr std::uint64_t kMaxKeyBytes = 65'535;  // the format's own limit
  static constexpr std::uint64_t kMaxStringBytes = 1U << 26;
  static constexpr std::uint64_t kMaxArrayItems = 1U << 28;

  GgufMetadata() = default;

  /// Reads `count` pairs at `reader`.
  /// @throws FormatError on anything that does not follow the format.
  GgufMetadata(ByteReader& reader, std::uint64_t count) : file_(reader.file()) {
    // A pair has at least a key length, a type and one byte of value.
    require<FormatError>(count <= reader.remaining() / 13, file_, ": ", count,
                         " metadata pairs cannot fit the remaining ", reader.remaining(), " bytes");
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string_view key = reader.read_string("a metadata key", kMaxKeyBytes);
      const bool is_new = values_.emplace(key, read_value(reader, key)).second;
      require<FormatError>(is_new, file_, ": duplicate metadata key ", in_quotes(key));
    }
  }

  [[nodiscard]] bool contains(std::string_view key) const {
    return values_.find(key) != values_.end();
  }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  /// All keys, sorted.
  [[nodiscard]] std::vector<std::string_view> keys() const {
    std::vector<std::string_view> names;
    for (const auto& entry : values_) names.push_back(entry.first);
    return names;
  }
  /// Type and value of a key that is there, for messages: "the u32 3".
  [[nodiscard]] std::string description(std::string_view key) const {
    return text_of(values_.find(key)->second);
  }
  /// Whether the value of `key` is an array of numbers. Some keys have one value or one for each
  /// layer.
  [[nodiscard]] bool is_number_array(std::string_view key) const {
    const auto entry = values_.find(key);
    const auto* numbers = entry == values_.end() ? nullptr : std::get_if<Numbers>(&entry->second);
    return numbers != nullptr && numbers->is_array;
  }

  /// The value of `key` as T, or nothing when there is no such key. T is bool, an integer (any
  /// integer type of the file that fits), float, double, std::string_view, std::string, or a
  /// std::vector of these.
  /// @throws FormatError when the value has another type or does not fit T.
  template <class T>
  [[nodiscard]] std::optional<T> find(std::string_view key) const {
    const auto entry = values_.find(key);
    if (entry == values_.end()) return std::nullopt;
    std::optional<T> value;
    if constexpr (is_vector<T>) {
      value = to_vector<typename T::value_type>(entry->second);
    } else {
      value = convert<T>(entry->second);
    }
    if (!value) {
      fail<FormatError>(file_, ": metadata key ", in_quotes(key), " is ", text_of(entry->second),
                        ", expected ", expected_text<T>());
    }
    return value;
  }

  /// As find, but nothing when the value has another type or does not fit T.
  template <class T>
  [[nodiscard]] std::optional<T> find_if(std::string_view key) const {
    const auto entry = values_.find(key);
    return entry == values_.end() ? std::nullopt : convert<T>(entry->second);
  }

  /// As find, for a key that must be there.
  template <class T>
  [[nodiscard]] T get(std::string_view key) const {
    std::optional<T> value = find<T>(key);
    if (!value)
      fail<FormatError>(file_, ": metadata key ", in_quotes(key), " is missing, expected ",
                        expected_text<T>());
    return *std::move(value);
  }

  /// As find, with a default for a key that is not there.
  template <class T>
  [[nodiscard]] T get(std::string_view key, T fallback) const {
    return find<T>(key).value_or(std::move(fallback));
  }

 private:
  template <class T>
  static constexpr bool is_vector = requires {
    typename T::allocator_type;
  }
  &&!std::same_as<T, std::string>;

  /// A number or bool, or an array of these, as bytes of the file.
  struct Numbers {
    GgufType type;
    bool is_array;
    std::span<const std::byte> bytes;

    [[nodiscard]] std::size_t count() const { return bytes.size() / size_of(type); }
  };
  using Value = std::variant<Numbers, std::string_view, std::vector<std::string_view>>;

  static GgufType read_type(ByteReader& reader, std::string_view key) {
    const auto type = reader.read<std::uint32_t>("a value type");
    require<FormatError>(type < kGgufTypes, reader.file(), ": metadata key ", in_quotes(key),
                         " has value type ", type, ", the format's types end at ", kGgufTypes - 1);
    return static_cast<GgufType>(type);
  }

  static Value read_value(ByteReader& reader, std::string_view key) {
    const GgufType type = read_type(reader, key);
    if (type == GgufType::string) return reader.read_string("a metadata string", kMaxStringBytes);
    if (type != GgufType::array) return read_numbers(reader, key, type, false, 1);

    const GgufType item = read_type(reader, key);
    require<FormatError>(item != GgufType::array, reader.file(), ": metadata key ", in_quotes(key),
                         " is an array of arrays, which is not supported");
    const auto count = reader.read<std::uint64_t>("an array length");
    // A string takes at least the 8 bytes of its length.
    const std::uint64_t most = std::min<std::uint64_t>(
        kMaxArrayItems, reader.remaining() / std::max<std::size_t>(size_of(item), 1));
    require<FormatError>(count <= (item == GgufType::string ? most / 8 : most), reader.file(),
                         ": metadata key ", in_quotes(key), " has ", count, " items of type ",
                         name_of(item), ", more than the remaining ", reader.remaining(),
                         " bytes or the limit of ", kMaxArrayItems, " allow");
    if (item != GgufType::string) return read_numbers(reader, key, item, true, count);
    std::vector<std::string_view> strings;
    strings.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i)
      strings.push_back(reader.read_string("a string of an array", kMaxStringBytes));
    return strings;
  }

  static Numbers read_numbers(ByteReader& reader, std::string_view key, GgufType type,
                              bool is_array, std::uint64_t count) {
    const Numbers numbers{type, is_array, reader.take(count * size_of(type), "a metadata value")};
    if (type == GgufType::boolean) {
      for (const std::byte value : numbers.bytes) {
        require<FormatError>(value <= std::byte{1}, reader.file(), ": metadata key ",
                             in_quotes(key), " has the byte ", std::to_integer<int>(value),
                             " for a bool, expected 0 or 1");
      }
    }
    return numbers;
  }

  /// Item `index` as T, or nothing when its type or range does not fit.
  template <class T>
  static std::optional<T> number(const Numbers& numbers, std::size_t index) {
    const std::byte* at = numbers.bytes.data() + index * size_of(numbers.type);
    switch (numbers.type) {
      case GgufType::u8: return from<std::uint8_t, T>(at);
      case GgufType::i8: return from<std::int8_t, T>(at);
      case GgufType::u16: return from<std::uint16_t, T>(at);
      case GgufType::i16: return from<std::int16_t, T>(at);
      case GgufType::u32: return from<std::uint32_t, T>(at);
      case GgufType::i32: return from<std::int32_t, T>(at);
      case GgufType::u64: return from<std::uint64_t, T>(at);
      case GgufType::i64: return from<std::int64_t, T>(at);
      case GgufType::f32: return from<float, T>(at);
      case GgufType::f64: return from<double, T>(at);
      case GgufType::boolean: return from<bool, T>(at);
      default: return std::nullopt;
    }
  }

  template <class Stored, class T>
  static std::optional<T> from(const std::byte* at) {
    Stored stored;
    std::memcpy(&stored, at, sizeof(Stored));
    if constexpr (std::same_as<Stored, bool> || std::same_as<T, bool>) {
      if constexpr (std::same_as<Stored, T>) return stored;
    } else if constexpr (std::integral<Stored> && std::integral<T>) {
      if (std::in_range<T>(stored)) return static_cast<T>(stored);
    } else if constexpr (std::floating_point<Stored> && std::floating_point<T>) {
      if constexpr (sizeof(T) >= sizeof(Stored))
        return static_cast<T>(stored);
      else if (!(std::abs(stored) > static_cast<Stored>(std::numeric_limits<T>::max())) ||
               std::isinf(stored))
        return static_cast<T>(stored);
    }
    return std::nullopt;
  }

  template <class T>
  static std::optional<T> convert(const Value& value) {
    if constexpr (std::same_as<T, std::string_view> || std::same_as<T, std::string>) {
      if (const auto* text = std::get_if<std::string_view>(&value)) return T(*text);
    } else if (const auto* numbers = std::get_if<Numbers>(&value);
               numbers != nullptr && !numbers->is_array) {
      return number<T>(*numbers, 0);
    }
    return std::nullopt;
  }

  template <class T>
  static std::optional<std::vector<T>> to_vector(const Value& value) {
    if constexpr (std::same_as<T, std::string_view> || std::same_as<T, std::string>) {
      if (const auto* strings = std::get_if<std::vector<std::string_view>>(&value)) {
        return std::vector<T>(strings->begin(), strings->end());
      }
    } else if (const auto* numbers = std::get_if<Numbers>(&value);
               numbers != nullptr && numbers->is_array) {
      std::vector<T> items;
      items.reserve(numbers->count());
      for (std::size_t i = 0; i < numbers->count(); ++i) {
        const std::optional<T> item = number<T>(*numbers, i);
        if (!item) return std::nullopt;
        items.push_back(*item);
      }
      return items;
    }
    return std::nullopt;
  }

  static std::string text_of(const Value& value) {
    if (const auto* text = std::get_if<std::string_view>(&value))
      return "the string " + in_quotes(*text);
    if (const auto* strings = std::get_if<std::vector<std::string_view>>(&value)) {
      return "an array of " + std::to_string(strings->size()) + " strings";
    }
    const auto& numbers = std::get<Numbers>(value);
    const std::string type(name_of(numbers.type));
    if (numbers.is_array) return "an array of " + std::to_string(numbers.count()) + " " + type;
    if (const auto whole = number<std::int64_t>(numbers, 0))
      return "the " + type + " " + std::to_string(*whole);
    if (const auto real = number<double>(numbers, 0))
      return "the " + type + " " + std::to_string(*real);
    return "a " + type;
  }

  template <class T>
  static std::string expected_text() {
    if constexpr (is_vector<T>) {
      return "an array, each item " + expected_text<typename T::value_type>();
    } else if constexpr (std::same_as<T, bool>) {
      return "a bool";
    } else if constexpr (std::integral<T>) {
      return "an integer from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
             std::to_string(std::numeric_limits<T>::max());
    } else {
      return std::floating_point<T> ? "a floating-point number" : "a string";
    }
  }

  std::string file_;
  std::map<std::string_view, Value> values_;
};

}  // namespace tutti

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Strict reading of untrusted JSON. Refuses what a plain parse accepts: duplicate keys (the last
// one would silently win), unbounded nesting, and bytes after a NUL. Accessors check type and range
// and name what they found.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"

namespace tutti {

using Json = nlohmann::json;

/// Deeper nesting is refused, as by serde_json, which reads these files elsewhere. Model files need
/// five levels.
inline constexpr std::size_t kMaxJsonDepth = 127;

/// Larger files are refused: parsed JSON takes up to twenty times its text. The largest
/// tokenizer.json has about 40 MB.
inline constexpr std::size_t kMaxJsonBytes = std::size_t{1} << 27;

namespace detail {

/// "the string "x"", "the number 3": what was found, for messages.
[[nodiscard]] std::string found_text(const Json& value);

/// @throws FormatError
[[noreturn]] void fail_for_missing_member(std::string_view key, const std::string& file,
                                          const std::string& expected);
/// @throws FormatError
[[noreturn]] void fail_for_wrong_member(const Json& value, std::string_view key,
                                        const std::string& file, const std::string& expected);

template <class T>
[[nodiscard]] std::optional<T> json_convert(const Json& value) {
  if constexpr (std::same_as<T, bool>) {
    if (value.is_boolean()) return value.get<bool>();
  } else if constexpr (std::integral<T>) {
    if (value.is_number_unsigned() && std::in_range<T>(value.get<std::uint64_t>()))
      return value.get<T>();
    if (value.is_number_integer() && !value.is_number_unsigned() &&
        std::in_range<T>(value.get<std::int64_t>()))
      return value.get<T>();
  } else if constexpr (std::floating_point<T>) {
    if (value.is_number() &&
        std::abs(value.get<double>()) <= static_cast<double>(std::numeric_limits<T>::max()))
      return value.get<T>();
  } else if constexpr (std::same_as<T, std::string>) {
    if (value.is_string()) return value.get<std::string>();
  } else {
    static_assert(std::same_as<T, std::vector<typename T::value_type>>,
                  "json_get reads bool, numbers, std::string and vectors of these");
    if (!value.is_array()) return std::nullopt;
    T items;
    for (const Json& item : value) {
      auto converted = json_convert<typename T::value_type>(item);
      if (!converted) return std::nullopt;
      items.push_back(std::move(*converted));
    }
    return items;
  }
  return std::nullopt;
}

template <class T>
[[nodiscard]] std::string expected_text() {
  if constexpr (std::same_as<T, bool>) {
    return "true or false";
  } else if constexpr (std::integral<T>) {
    return "a whole number from " + std::to_string(std::numeric_limits<T>::min()) + " to " +
           std::to_string(std::numeric_limits<T>::max());
  } else if constexpr (std::floating_point<T>) {
    return "a finite number";
  } else if constexpr (std::same_as<T, std::string>) {
    return "a string";
  } else {
    return "an array, each item " + expected_text<typename T::value_type>();
  }
}

}  // namespace detail

/// Parses `text`, the whole of it; `file` is named in errors.
/// @throws FormatError with the file and the byte.
[[nodiscard]] Json parse_json(std::string_view text, const std::string& file);

/// Parses the file at `path`.
/// @throws FormatError when it cannot be read or is not strict JSON.
[[nodiscard]] Json read_json_file(const std::filesystem::path& path);

/// As read_json_file, for files that Python's json module reads: NaN, Infinity and -Infinity are
/// read, as the strings of their names.
/// @throws FormatError as read_json_file.
[[nodiscard]] Json read_python_json_file(const std::filesystem::path& path);

/// The member `key` of `object`; null counts as absent, as everywhere in Hugging Face's files.
[[nodiscard]] const Json* json_find(const Json& object, std::string_view key);

/// As json_find.
/// @throws FormatError when `object` is something else than an object.
[[nodiscard]] const Json* json_member(const Json& object, std::string_view key,
                                      const std::string& file);

/// The member `key` as T (bool, an integer, float, double, std::string, or a std::vector of these),
/// or nothing when absent or null.
/// @throws FormatError when it has another type or does not fit T.
template <class T>
[[nodiscard]] std::optional<T> json_optional(const Json& object, std::string_view key,
                                             const std::string& file) {
  const Json* value = json_member(object, key, file);
  if (value == nullptr) return std::nullopt;
  std::optional<T> converted = detail::json_convert<T>(*value);
  if (!converted) detail::fail_for_wrong_member(*value, key, file, detail::expected_text<T>());
  return converted;
}

/// As json_optional, for a member that must be there.
template <class T>
[[nodiscard]] T json_get(const Json& object, std::string_view key, const std::string& file) {
  std::optional<T> value = json_optional<T>(object, key, file);
  if (!value) detail::fail_for_missing_member(key, file, detail::expected_text<T>());
  return *std::move(value);
}

/// As json_optional, with a default for a member that is absent or null.
template <class T>
[[nodiscard]] T json_get(const Json& object, std::string_view key, const std::string& file,
                         T fallback) {
  return json_optional<T>(object, key, file).value_or(std::move(fallback));
}

}  // namespace tutti

#if !defined(TUTTI_COMPILED)
#include "tutti/formats/json-inl.hpp"
#endif

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Strict reading of a stranger's JSON. What a plain parse lets through is refused here: duplicate
// keys (the last one would silently win), nesting without bound, and bytes after a NUL. Accessors
// check type and range and name what they found.

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/mapped_file.hpp"
#include "tutti/formats/checked.hpp"

namespace tutti {

using Json = nlohmann::json;

/// Deeper nesting is refused. Model files need five levels.
inline constexpr std::size_t kMaxJsonDepth = 64;

/// Larger files are refused: parsed JSON takes up to twenty times its text. The largest
/// tokenizer.json has about 40 MB.
inline constexpr std::size_t kMaxJsonBytes = std::size_t{1} << 27;

namespace detail {

/// Walks the text and tells how far the parser has read, which its event interface does not.
class TrackedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedIterator(const char* position, const char** furthest)
      : position_(position), furthest_(furthest) {}

  reference operator*() const { return *position_; }
  TrackedIterator& operator++() {
    *furthest_ = ++position_;
    return *this;
  }
  TrackedIterator operator++(int) {
    TrackedIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const TrackedIterator& a, const TrackedIterator& b) {
    return a.position_ == b.position_;
  }
  friend bool operator!=(const TrackedIterator& a, const TrackedIterator& b) { return !(a == b); }

 private:
  const char* position_;
  const char** furthest_;
};

/// Builds a Json from parse events.
class StrictJsonBuilder {
 public:
  StrictJsonBuilder(const std::string& file, const char* begin, const char* const* furthest)
      : file_(file), begin_(begin), furthest_(furthest) {}

  Json take() { return std::move(root_); }

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(Json::number_integer_t value) { return add(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return add(value); }
  bool number_float(Json::number_float_t value, const Json::string_t&) { return add(value); }
  bool string(Json::string_t& value) { return add(std::move(value)); }
  bool binary(Json::binary_t&) { return false; }  // JSON text has none
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(Json::string_t& name) {
    const auto [entry, is_new] = open_.back()->get_ref<Json::object_t&>().try_emplace(name);
    if (!is_new)
      fail<FormatError>(file_, ": duplicate JSON key ", in_quotes(name), " at byte ",
                        *furthest_ - begin_);
    member_ = &entry->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const Json::exception& error) {
    // "[json.exception...] parse error at line 1, column 5: reason", the reason with the offending
    // text whatever its length.
    std::string_view reason = error.what();
    if (const std::size_t start = reason.find(": "); start != std::string_view::npos)
      reason.remove_prefix(start + 2);
    fail<FormatError>(file_, ": invalid JSON at byte ", position, ": ", escaped(reason, 200));
  }

 private:
  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    if (open_.back()->is_array())
      return &open_.back()->get_ref<Json::array_t&>().emplace_back(std::move(value));
    return &(*member_ = std::move(value));
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json container) {
    require<FormatError>(open_.size() < kMaxJsonDepth, file_, ": JSON nested deeper than ",
                         kMaxJsonDepth, " levels at byte ", *furthest_ - begin_);
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  const std::string& file_;
  const char* begin_;
  const char* const* furthest_;
  Json root_;
  std::vector<Json*>
      open_;  // the containers around the current position; only the innermost one grows
  Json* member_ = nullptr;  // the object member that waits for its value
};

/// "the string "x"", "the number 3": what was found, for messages.
[[nodiscard]] inline std::string found_text(const Json& value) {
  if (value.is_string()) return "the string " + in_quotes(value.get_ref<const std::string&>());
  if (value.is_number()) return "the number " + value.dump();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_null()) return "null";
  return value.is_array() ? "an array" : "an object";
}

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
    if (value.is_number() && std::abs(value.get<double>()) <= double{std::numeric_limits<T>::max()})
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
[[nodiscard]] inline Json parse_json(std::string_view text, const std::string& file) {
  // The parser takes a NUL for the end of the text, so whatever follows it would go unread.
  const std::size_t nul = text.find('\0');
  require<FormatError>(nul == std::string_view::npos, file, ": invalid JSON at byte ", nul,
                       ": a NUL byte");
  const char* furthest = text.data();
  detail::StrictJsonBuilder builder(file, text.data(), &furthest);
  Json::sax_parse(detail::TrackedIterator(text.data(), &furthest),
                  detail::TrackedIterator(text.data() + text.size(), &furthest), &builder);
  return builder.take();
}

/// Parses the file at `path`.
/// @throws FormatError when it cannot be read or is not strict JSON.
[[nodiscard]] inline Json read_json_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  require<FormatError>(file.bytes().size() <= kMaxJsonBytes, path.string(), ": ",
                       file.bytes().size(), " bytes of JSON, at most ", kMaxJsonBytes, " are read");
  return parse_json({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                    path.string());
}

/// The member `key` of `object`; null counts as absent, as everywhere in Hugging Face's files.
[[nodiscard]] inline const Json* json_find(const Json& object, const std::string& key) {
  const auto entry = object.find(key);
  return entry == object.end() || entry->is_null() ? nullptr : &*entry;
}

/// The member `key` as T (bool, an integer, float, double, std::string, or a std::vector of these),
/// or nothing when absent or null.
/// @throws FormatError when it has another type or does not fit T.
template <class T>
[[nodiscard]] std::optional<T> json_optional(const Json& object, const std::string& key,
                                             const std::string& file) {
  require<FormatError>(object.is_object(), file, ": expected an object around ", in_quotes(key),
                       ", found ", detail::found_text(object));
  const Json* value = json_find(object, key);
  if (value == nullptr) return std::nullopt;
  std::optional<T> converted = detail::json_convert<T>(*value);
  if (!converted) {
    fail<FormatError>(file, ": ", in_quotes(key), " is ", detail::found_text(*value), ", expected ",
                      detail::expected_text<T>());
  }
  return converted;
}

/// As json_optional, for a member that must be there.
template <class T>
[[nodiscard]] T json_get(const Json& object, const std::string& key, const std::string& file) {
  std::optional<T> value = json_optional<T>(object, key, file);
  if (!value)
    fail<FormatError>(file, ": ", in_quotes(key), " is missing, expected ",
                      detail::expected_text<T>());
  return *std::move(value);
}

/// As json_optional, with a default for a member that is absent or null.
template <class T>
[[nodiscard]] T json_get(const Json& object, const std::string& key, const std::string& file,
                         T fallback) {
  return json_optional<T>(object, key, file).value_or(std::move(fallback));
}

}  // namespace tutti

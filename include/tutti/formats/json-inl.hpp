// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of json.hpp.

#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/macros.hpp"
#include "tutti/base/mapped_file.hpp"
#include "tutti/formats/checked.hpp"
#include "tutti/formats/json.hpp"

namespace tutti {

namespace detail {

/// An iterator over the text that records how far the parser has read, which its events do not say.
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
  std::vector<Json*> open_;  // the containers around the position; only the innermost one grows
  Json* member_ = nullptr;   // the object member whose value comes next
};

TUTTI_INLINE std::string found_text(const Json& value) {
  if (value.is_string()) return "the string " + in_quotes(value.get_ref<const std::string&>());
  if (value.is_number()) return "the number " + value.dump();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_null()) return "null";
  return value.is_array() ? "an array" : "an object";
}

TUTTI_INLINE void fail_for_missing_member(std::string_view key, const std::string& file,
                                          const std::string& expected) {
  fail<FormatError>(file, ": ", in_quotes(key), " is missing, expected ", expected);
}

TUTTI_INLINE void fail_for_wrong_member(const Json& value, std::string_view key,
                                        const std::string& file, const std::string& expected) {
  fail<FormatError>(file, ": ", in_quotes(key), " is ", found_text(value), ", expected ", expected);
}

}  // namespace detail

TUTTI_INLINE Json parse_json(std::string_view text, const std::string& file) {
  // The parser takes a NUL for the end of the text, so whatever follows it would go unread.
  const std::size_t nul = text.find('\0');
  require<FormatError>(nul == std::string_view::npos, file, ": invalid JSON at byte ", nul,
                       ": a NUL byte");
  const char* furthest = text.data();
  detail::StrictJsonBuilder builder(file, text.data(), &furthest);
  // Json::sax_parse does the same, but compiles the readers of five binary formats with it.
  const auto input = [&] {
    return nlohmann::detail::input_adapter(
        detail::TrackedIterator(text.data(), &furthest),
        detail::TrackedIterator(text.data() + text.size(), &furthest));
  };
  nlohmann::detail::parser<Json, decltype(input())>(input()).sax_parse(&builder);
  return builder.take();
}

namespace detail {

/// The text of `file`, which is at `path`.
/// @throws FormatError when it is larger than kMaxJsonBytes.
inline std::string_view json_text(const MappedFile& file, const std::filesystem::path& path) {
  require<FormatError>(file.bytes().size() <= kMaxJsonBytes, path.string(), ": ",
                       file.bytes().size(), " bytes of JSON, at most ", kMaxJsonBytes, " are read");
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

/// The text with NaN, Infinity and -Infinity in quotes where they are outside of strings.
inline std::string quote_python_numbers(std::string_view text) {
  std::string result;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\' && i + 1 < text.size()) {
      result += text.substr(i++, 2);
      continue;
    }
    if (text[i] == '"') in_string = !in_string;
    std::string_view number;
    for (const std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
      if (!in_string && text.substr(i).starts_with(name)) number = name;
    }
    if (number.empty()) {
      result += text[i];
    } else {
      result.append("\"").append(number).append("\"");
      i += number.size() - 1;
    }
  }
  return result;
}

}  // namespace detail

TUTTI_INLINE Json read_json_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_json(detail::json_text(file, path), path.string());
}

TUTTI_INLINE Json read_python_json_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  const std::string_view text = detail::json_text(file, path);
  const bool has_numbers = text.find("NaN") != std::string_view::npos ||
                           text.find("Infinity") != std::string_view::npos;
  return has_numbers ? parse_json(detail::quote_python_numbers(text), path.string())
                     : parse_json(text, path.string());
}

TUTTI_INLINE const Json* json_find(const Json& object, std::string_view key) {
  const auto entry = object.find(key);
  return entry == object.end() || entry->is_null() ? nullptr : &*entry;
}

TUTTI_INLINE const Json* json_member(const Json& object, std::string_view key,
                                     const std::string& file) {
  require<FormatError>(object.is_object(), file, ": expected an object around ", in_quotes(key),
                       ", found ", detail::found_text(object));
  return json_find(object, key);
}

}  // namespace tutti

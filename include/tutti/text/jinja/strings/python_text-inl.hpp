// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of python_text.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tutti/text/jinja/strings/code_points.hpp"
#include "tutti/text/jinja/strings/python_space.hpp"
#include "tutti/text/jinja/strings/python_text.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::jinja {

namespace detail {

[[nodiscard]] inline bool contains_code_point(std::string_view set, char32_t code_point) {
  bool found = false;
  for_each_code_point(set, [&](char32_t c, std::size_t, std::size_t) { found |= c == code_point; });
  return found;
}

/// What str.splitlines ends a line at.
[[nodiscard]] constexpr bool is_line_end(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

}  // namespace detail

TUTTI_INLINE std::vector<TaintedText> split_code_points(const TaintedText& text) {
  std::vector<TaintedText> parts;
  detail::for_each_code_point(text.bytes(), [&](char32_t, std::size_t begin, std::size_t end) {
    parts.push_back(text.slice(begin, end));
  });
  return parts;
}

TUTTI_INLINE TaintedText strip(const TaintedText& text, std::optional<std::string_view> characters,
                               bool left, bool right) {
  const std::string_view bytes = text.bytes();
  const auto is_stripped = [&](char32_t c) {
    return characters ? detail::contains_code_point(*characters, c) : is_python_space(c);
  };
  std::size_t begin = 0;
  std::size_t end = bytes.size();
  while (left && begin < end) {
    const DecodedCodePoint next = decode_utf8(bytes, begin);
    if (!is_stripped(next.code_point)) break;
    begin += next.length;
  }
  while (right && end > begin) {
    const std::size_t at = previous_code_point(bytes, end);
    if (!is_stripped(decode_utf8(bytes, at).code_point)) break;
    end = at;
  }
  return text.slice(begin, end);
}

TUTTI_INLINE std::vector<TaintedText> split(const TaintedText& text,
                                            std::optional<std::string_view> separator,
                                            std::int64_t max_splits, bool from_right) {
  const std::string_view bytes = text.bytes();
  std::vector<TaintedText> parts;
  const auto may_split = [&] {
    return max_splits < 0 || parts.size() < static_cast<std::size_t>(max_splits);
  };
  if (!from_right) {
    std::size_t begin = separator ? 0 : skip_python_spaces(bytes, 0);
    while (separator || begin < bytes.size()) {
      std::size_t end = begin;
      if (separator) {
        end = std::min(bytes.find(*separator, begin), bytes.size());
      } else {
        while (end < bytes.size() && !is_python_space(decode_utf8(bytes, end).code_point)) {
          end += decode_utf8(bytes, end).length;
        }
      }
      if (!may_split()) end = bytes.size();
      parts.push_back(text.slice(begin, end));
      if (separator && end == bytes.size()) break;
      begin = separator ? end + separator->size() : skip_python_spaces(bytes, end);
    }
    return parts;
  }
  std::size_t end = separator ? bytes.size() : skip_python_spaces_back(bytes, 0, bytes.size());
  while (separator || end > 0) {
    std::size_t begin = end;
    std::size_t next_end = std::string_view::npos;
    if (separator) {
      const std::size_t at = bytes.substr(0, end).rfind(*separator);
      begin = at == std::string_view::npos ? 0 : at + separator->size();
      next_end = at;
    } else {
      while (begin > 0) {
        const std::size_t at = previous_code_point(bytes, begin);
        if (is_python_space(decode_utf8(bytes, at).code_point)) break;
        begin = at;
      }
      next_end = skip_python_spaces_back(bytes, 0, begin);
    }
    if (!may_split()) {
      begin = 0;
      next_end = separator ? std::string_view::npos : 0;
    }
    parts.push_back(text.slice(begin, end));
    if (next_end == std::string_view::npos) break;
    end = next_end;
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

TUTTI_INLINE std::vector<TaintedText> split_lines(const TaintedText& text, bool keep_ends) {
  const std::string_view bytes = text.bytes();
  std::vector<TaintedText> lines;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const DecodedCodePoint next = decode_utf8(bytes, at);
    std::size_t after = at + next.length;
    if (detail::is_line_end(next.code_point)) {
      if (next.code_point == U'\r' && after < bytes.size() && bytes[after] == '\n') ++after;
      lines.push_back(text.slice(begin, keep_ends ? after : at));
      begin = after;
    }
    at = after;
  }
  if (begin < bytes.size()) lines.push_back(text.slice(begin, bytes.size()));
  return lines;
}

TUTTI_INLINE std::size_t count_replacements(std::string_view text, std::string_view from,
                                            std::int64_t max_count) {
  std::size_t count = 0;
  if (from.empty()) {
    count = count_code_points(text) + 1;
  } else {
    for (std::size_t at = text.find(from); at != std::string_view::npos;
         at = text.find(from, at + from.size())) {
      ++count;
    }
  }
  return max_count < 0 ? count : std::min(count, static_cast<std::size_t>(max_count));
}

TUTTI_INLINE TaintedText replace(const TaintedText& text, std::string_view from,
                                 const TaintedText& to, std::int64_t max_count) {
  const std::string_view bytes = text.bytes();
  TaintedText result;
  std::size_t done = 0;
  std::size_t search = 0;
  for (std::size_t count = count_replacements(bytes, from, max_count); count > 0; --count) {
    const std::size_t at = bytes.find(from, search);
    result.append(text, done, at);
    result.append(to);
    done = at + from.size();
    // Nothing is found before every code point and at the end.
    search = from.empty() && at < bytes.size() ? at + decode_utf8(bytes, at).length : done;
  }
  result.append(text, done, bytes.size());
  return result;
}

}  // namespace tutti::jinja

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Python's str.strip, split, splitlines and replace on tainted text: white space is Unicode's.
// Every byte of a result keeps the flag of the byte that it came from.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/strings/tainted_text.hpp"

namespace tutti::jinja {

/// The code points one by one.
[[nodiscard]] std::vector<TaintedText> split_code_points(const TaintedText& text);

/// str.strip, lstrip and rstrip. Without `characters`: white space.
[[nodiscard]] TaintedText strip(const TaintedText& text, std::optional<std::string_view> characters,
                                bool left, bool right);

/// str.split and rsplit. Without a separator: at runs of white space. A negative `max_splits` means
/// all. Precondition: `separator` is not empty.
[[nodiscard]] std::vector<TaintedText> split(const TaintedText& text,
                                             std::optional<std::string_view> separator,
                                             std::int64_t max_splits, bool from_right);

/// str.splitlines.
[[nodiscard]] std::vector<TaintedText> split_lines(const TaintedText& text, bool keep_ends);

/// How often str.replace finds `from`, at most `max_count` times unless that is negative.
[[nodiscard]] std::size_t count_replacements(std::string_view text, std::string_view from,
                                             std::int64_t max_count);

/// str.replace.
[[nodiscard]] TaintedText replace(const TaintedText& text, std::string_view from,
                                  const TaintedText& to, std::int64_t max_count);

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/strings/python_text-inl.hpp"
#endif

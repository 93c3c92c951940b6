// SPDX-License-Identifier: Apache-2.0
#pragma once
// Filters of strings, after jinja2/filters.py.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/printing.hpp"
#include "tutti/text/jinja/python/string_format.hpp"
#include "tutti/text/jinja/strings/letter_case.hpp"
#include "tutti/text/jinja/strings/python_text.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja::detail {

template <LetterCase kCase>
[[nodiscard]] Value case_filter(Runtime& runtime, const Value& value, const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "this filter", arguments, {});
  const TaintedText text = to_text(runtime, value);
  runtime.charge_text(text.size());
  return Value(change_case(text, kCase));
}

[[nodiscard]] inline Value trim_filter(Runtime& runtime, const Value& value,
                                       const Arguments& arguments) {
  const ArgumentReader reader(runtime, "trim", arguments, {"chars"});
  std::optional<std::string_view> characters;
  if (reader.has(0)) characters = reader.string(0).bytes();
  return runtime.make_string(strip(to_text(runtime, value), characters, true, true));
}

[[nodiscard]] inline Value string_filter(Runtime& runtime, const Value& value,
                                         const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "this filter", arguments, {});
  return value.is_string() ? value : Value(to_text(runtime, value));
}

[[nodiscard]] inline Value replace_filter(Runtime& runtime, const Value& value,
                                          const Arguments& arguments) {
  const ArgumentReader reader(runtime, "replace", arguments, {"old", "new", "count"}, 2);
  const TaintedText text = to_text(runtime, value);
  const TaintedText from = to_text(runtime, reader.get(0));
  const TaintedText to = to_text(runtime, reader.get(1));
  const std::int64_t count = reader.integer(2, -1);
  runtime.charge_text(text.size() +
                      count_replacements(text.bytes(), from.bytes(), count) * to.size());
  return Value(replace(text, from.bytes(), to, count));
}

[[nodiscard]] inline Value indent_filter(Runtime& runtime, const Value& value,
                                         const Arguments& arguments) {
  const ArgumentReader reader(runtime, "indent", arguments, {"width", "first", "blank"});
  TaintedText indentation("    ");
  if (reader.has(0) && reader.get(0).is_string()) {
    indentation = reader.string(0);
  } else if (reader.find(0) != nullptr) {
    const std::int64_t width = to_integer(runtime, reader.get(0), "indent");
    runtime.require_text(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)));
    indentation = TaintedText(
        std::string(static_cast<std::size_t>(std::max<std::int64_t>(width, 0)), ' '));
  }
  TaintedText text = to_string(runtime, value, "indent");
  text.append("\n");  // as in jinja2: the last line counts even if it is empty
  TaintedText result;
  bool first = true;
  for (const TaintedText& line : split_lines(text, false)) {
    runtime.require_text(result.size() + indentation.size() + line.size());
    if (!first) result.append("\n");
    const bool is_indented = first ? reader.flag(1) : reader.flag(2) || !line.empty();
    if (is_indented) result.append(indentation);
    result.append(line);
    first = false;
  }
  return runtime.make_string(std::move(result));
}

[[nodiscard]] inline Value escape_filter(Runtime& runtime, const Value& value,
                                         const Arguments& arguments) {
  const ArgumentReader no_arguments(runtime, "escape", arguments, {});
  const TaintedText text = to_text(runtime, value);
  constexpr std::string_view kSpecial = "&<>'\"";
  constexpr std::array<std::string_view, 5> kEntities{"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  TaintedText result;
  std::size_t done = 0;
  for (std::size_t at = text.bytes().find_first_of(kSpecial); at != std::string::npos;
       at = text.bytes().find_first_of(kSpecial, done)) {
    result.append(text, done, at);
    result.append(kEntities[kSpecial.find(text.bytes()[at])], text.is_tainted(at));
    done = at + 1;
  }
  result.append(text, done, text.size());
  return runtime.make_string(std::move(result));
}

[[nodiscard]] inline Value format_filter(Runtime& runtime, const Value& value,
                                         const Arguments& arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty()) {
    runtime.fail("format takes arguments with names or without, not both");
  }
  const TaintedText format = to_text(runtime, value);
  if (arguments.named.empty()) {
    return Value(percent_format(runtime, format, runtime.make_tuple(arguments.positional)));
  }
  Dict names;
  for (const auto& [name, argument] : arguments.named) names.append(Value(name), argument);
  return Value(percent_format(runtime, format, runtime.make_dict(std::move(names))));
}

[[nodiscard]] inline Value json_filter(Runtime& runtime, const Value& value,
                                       const Arguments& arguments) {
  const ArgumentReader reader(runtime, "tojson", arguments,
                              {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii_only = reader.flag(0);
  style.sort_keys = reader.flag(3);
  if (reader.has(1)) {
    style.item_separator = ",";
    if (reader.get(1).is_string()) {
      style.indent = reader.string(1).bytes();
    } else {
      const std::int64_t width = std::max<std::int64_t>(reader.integer(1, 0), 0);
      runtime.require_text(static_cast<std::size_t>(width));
      style.indent = std::string(static_cast<std::size_t>(width), ' ');
    }
  }
  if (reader.has(2)) {
    const auto separators = iterate(runtime, reader.get(2));
    if (separators->items.size() != 2) runtime.fail("tojson needs two separators");
    style.item_separator = to_string(runtime, separators->items[0], "tojson").bytes();
    style.key_separator = to_string(runtime, separators->items[1], "tojson").bytes();
  }
  return Value(to_json(runtime, value, style));
}

}  // namespace tutti::jinja::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Python's str methods that look for a part of the string.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/strings/code_points.hpp"
#include "tutti/text/jinja/strings/python_text.hpp"
#include "tutti/text/jinja/value/runtime.hpp"
#include "tutti/text/jinja/value/value.hpp"
#include "tutti/text/unicode/utf8.hpp"

namespace tutti::jinja::detail {

/// The part [start, end) of a string that find, count, startswith and so on look at, in bytes.
struct Window {
  std::string_view text;
  std::size_t begin = 0;  // in code points
};

[[nodiscard]] inline Window window(Runtime& runtime, const TaintedText& text,
                                   const ArgumentReader& reader) {
  Window result{text.bytes(), 0};
  if (!reader.has(1) && !reader.has(2)) return result;
  const auto size = static_cast<std::int64_t>(count_code_points(text.bytes()));
  runtime.charge_steps(text.size() / 64);
  const auto clamp = [size](std::int64_t at) {
    return static_cast<std::size_t>(std::clamp<std::int64_t>(at < 0 ? at + size : at, 0, size));
  };
  const std::size_t begin = clamp(reader.integer(1, 0));
  const std::size_t end = std::max(begin, clamp(reader.integer(2, size)));
  const auto offset = [&](std::size_t index) {
    std::size_t at = 0;
    for (; index > 0; --index) at += decode_utf8(text.bytes(), at).length;
    return at;
  };
  result.begin = begin;
  result.text = result.text.substr(0, offset(end)).substr(offset(begin));
  return result;
}

[[nodiscard]] inline Value affix_method(Runtime& runtime, const Value& self,
                                        const Arguments& arguments, bool at_end) {
  const ArgumentReader reader(runtime, at_end ? "endswith" : "startswith", arguments,
                              {"affix", "start", "end"}, 1);
  const std::string_view text = window(runtime, *self.string(), reader).text;
  const auto matches = [&](const Value& affix) {
    const std::string& bytes = to_string(runtime, affix, "startswith or endswith").bytes();
    return at_end ? text.ends_with(bytes) : text.starts_with(bytes);
  };
  const Sequence* affixes = reader.get(0).sequence();
  if (affixes == nullptr || affixes->kind != SequenceKind::tuple)
    return Value(matches(reader.get(0)));
  return Value(std::any_of(affixes->items.begin(), affixes->items.end(), matches));
}

[[nodiscard]] inline Value find_method(Runtime& runtime, const Value& self,
                                       const Arguments& arguments, bool from_right,
                                       bool must_exist) {
  const ArgumentReader reader(runtime, "find", arguments, {"sub", "start", "end"}, 1);
  const Window part = window(runtime, *self.string(), reader);
  const std::string& wanted = reader.string(0).bytes();
  const std::size_t at = from_right ? part.text.rfind(wanted) : part.text.find(wanted);
  if (at == std::string_view::npos) {
    if (must_exist) runtime.fail("index: the substring is not there");
    return Value(-1);
  }
  return Value(static_cast<std::int64_t>(part.begin + count_code_points(part.text.substr(0, at))));
}

[[nodiscard]] inline Value partition_method(Runtime& runtime, const Value& self,
                                            const Arguments& arguments, bool from_right) {
  const ArgumentReader reader(runtime, "partition", arguments, {"sep"}, 1);
  const TaintedText& text = *self.string();
  const TaintedText& separator = reader.string(0);
  if (separator.empty()) runtime.fail("partition at an empty string");
  runtime.charge_text(text.size());
  const std::size_t at = from_right ? text.bytes().rfind(separator.bytes())
                                    : text.bytes().find(separator.bytes());
  if (at == std::string::npos) {
    if (from_right) return runtime.make_tuple({Value(""), Value(""), self});
    return runtime.make_tuple({self, Value(""), Value("")});
  }
  return runtime.make_tuple({Value(text.slice(0, at)), Value(separator),
                             Value(text.slice(at + separator.size(), text.size()))});
}

[[nodiscard]] inline Value remove_affix(Runtime& runtime, const Value& self,
                                        const Arguments& arguments, bool at_end) {
  const ArgumentReader reader(runtime, "removeprefix or removesuffix", arguments, {"affix"}, 1);
  const TaintedText& text = *self.string();
  const std::string& affix = reader.string(0).bytes();
  const bool found = at_end ? text.bytes().ends_with(affix) : text.bytes().starts_with(affix);
  if (!found) return self;
  return runtime.make_string(at_end ? text.slice(0, text.size() - affix.size())
                                    : text.slice(affix.size(), text.size()));
}

[[nodiscard]] inline Value replace_method(Runtime& runtime, const Value& self,
                                          const Arguments& arguments) {
  const ArgumentReader reader(runtime, "replace", arguments, {"old", "new", "count"}, 2);
  const TaintedText& text = *self.string();
  const std::string& from = reader.string(0).bytes();
  const TaintedText& to = reader.string(1);
  const std::int64_t count = reader.integer(2, -1);
  const std::size_t found = count_replacements(text.bytes(), from, count);
  runtime.charge_text(text.size() + found * to.size());
  return Value(replace(text, from, to, count));
}

[[nodiscard]] inline Value count_method(Runtime& runtime, const Value& self,
                                        const Arguments& arguments) {
  const ArgumentReader reader(runtime, "count", arguments, {"sub", "start", "end"}, 1);
  const Window part = window(runtime, *self.string(), reader);
  return Value(
      static_cast<std::int64_t>(count_replacements(part.text, reader.string(0).bytes(), -1)));
}

}  // namespace tutti::jinja::detail

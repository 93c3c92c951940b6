// SPDX-License-Identifier: Apache-2.0
#pragma once
// Python's str methods, and the table of their names.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/builtins/detail/method.hpp"
#include "tutti/text/jinja/builtins/detail/string_search_methods.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/string_format.hpp"
#include "tutti/text/jinja/strings/code_points.hpp"
#include "tutti/text/jinja/strings/letter_case.hpp"
#include "tutti/text/jinja/strings/python_text.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja::detail {

[[nodiscard]] inline Value strip_method(Runtime& runtime, const Value& self,
                                        const Arguments& arguments, bool left, bool right) {
  const ArgumentReader reader(runtime, "strip", arguments, {"chars"});
  std::optional<std::string_view> characters;
  if (reader.has(0)) characters = reader.string(0).bytes();
  runtime.charge_steps(characters ? characters->size() : 0);
  return runtime.make_string(strip(*self.string(), characters, left, right));
}

[[nodiscard]] inline Value split_method(Runtime& runtime, const Value& self,
                                        const Arguments& arguments, bool from_right) {
  const ArgumentReader reader(runtime, "split", arguments, {"sep", "maxsplit"});
  std::optional<std::string_view> separator;
  if (reader.has(0)) separator = reader.string(0).bytes();
  if (separator && separator->empty()) runtime.fail("split at an empty string");
  const TaintedText& text = *self.string();
  runtime.charge_text(text.size());
  runtime.charge_steps(separator ? count_replacements(text.bytes(), *separator, -1)
                                 : text.size() / 2);
  std::vector<Value> items;
  for (TaintedText& part : split(text, separator, reader.integer(1, -1), from_right)) {
    items.emplace_back(std::move(part));
  }
  return runtime.make_list(std::move(items));
}

[[nodiscard]] inline Value case_method(Runtime& runtime, const Value& self,
                                       const Arguments& arguments, LetterCase letter_case) {
  const ArgumentReader no_arguments(runtime, "a change of case", arguments, {});
  runtime.charge_text(self.string()->size());
  return Value(change_case(*self.string(), letter_case));
}

[[nodiscard]] inline Value character_method(Runtime& runtime, const Value& self,
                                            const Arguments& arguments, CharacterTest test) {
  const ArgumentReader no_arguments(runtime, "a test of characters", arguments, {});
  return Value(all_characters(self.string()->bytes(), test));
}

[[nodiscard]] inline Value pad_method(Runtime& runtime, const Value& self,
                                      const Arguments& arguments, bool left, bool right) {
  const ArgumentReader reader(runtime, "just", arguments, {"width", "fillchar"}, 1);
  const TaintedText& text = *self.string();
  const auto size = static_cast<std::int64_t>(count_code_points(text.bytes()));
  const TaintedText fill = reader.has(1) ? reader.string(1) : TaintedText(" ");
  if (count_code_points(fill.bytes()) != 1) runtime.fail("a fill character must be one character");
  const std::int64_t missing = std::max<std::int64_t>(
      0, reader.integer(0, 0) - std::max<std::int64_t>(size, 0));
  const std::int64_t before = !left    ? 0
                              : !right ? missing
                                       : missing / 2 + (missing & reader.integer(0, 0) & 1);
  const auto bytes = checked_multiply(fill.size(), static_cast<std::size_t>(missing));
  runtime.charge_text(
      checked_add(bytes.value_or(std::numeric_limits<std::size_t>::max()), text.size())
          .value_or(std::numeric_limits<std::size_t>::max()));
  TaintedText result;
  for (std::int64_t i = 0; i < before; ++i) result.append(fill);
  result.append(text);
  for (std::int64_t i = before; i < missing; ++i) result.append(fill);
  return Value(std::move(result));
}

[[nodiscard]] inline Value join_method(Runtime& runtime, const Value& self,
                                       const Arguments& arguments) {
  const ArgumentReader reader(runtime, "join", arguments, {"iterable"}, 1);
  require_defined(runtime, reader.get(0));
  TaintedText result;
  bool first = true;
  for (const Value& item : items_of(runtime, reader.get(0))) {
    const TaintedText& text = to_string(runtime, item, "join");
    runtime.require_text(result.size() + self.string()->size() + text.size());
    if (!first) result.append(*self.string());
    result.append(text);
    first = false;
  }
  return runtime.make_string(std::move(result));
}

[[nodiscard]] inline Value split_lines_method(Runtime& runtime, const Value& self,
                                              const Arguments& arguments) {
  const ArgumentReader reader(runtime, "splitlines", arguments, {"keepends"});
  runtime.charge_text(self.string()->size());
  std::vector<Value> items;
  for (TaintedText& line : split_lines(*self.string(), reader.flag(0))) {
    items.emplace_back(std::move(line));
  }
  return runtime.make_list(std::move(items));
}

[[nodiscard]] inline Value fill_with_zeros(Runtime& runtime, const Value& self,
                                           const Arguments& arguments) {
  const ArgumentReader reader(runtime, "zfill", arguments, {"width"}, 1);
  const std::string& bytes = self.string()->bytes();
  const std::size_t sign = bytes.starts_with('-') || bytes.starts_with('+') ? 1 : 0;
  const std::int64_t size = static_cast<std::int64_t>(count_code_points(bytes));
  const std::int64_t missing = std::max<std::int64_t>(
      0, std::max<std::int64_t>(reader.integer(0, 0), size) - size);
  runtime.charge_text(static_cast<std::size_t>(missing) + bytes.size());
  TaintedText result = self.string()->slice(0, sign);
  result.append(std::string(static_cast<std::size_t>(missing), '0'));
  result.append(*self.string(), sign, bytes.size());
  return Value(std::move(result));
}

inline constexpr std::array<Method, 47> kStringMethods{{
    {"strip", [](Runtime& r, const Value& s,
                 const Arguments& a) { return strip_method(r, s, a, true, true); }},
    {"lstrip", [](Runtime& r, const Value& s,
                  const Arguments& a) { return strip_method(r, s, a, true, false); }},
    {"rstrip", [](Runtime& r, const Value& s,
                  const Arguments& a) { return strip_method(r, s, a, false, true); }},
    {"split",
     [](Runtime& r, const Value& s, const Arguments& a) { return split_method(r, s, a, false); }},
    {"rsplit",
     [](Runtime& r, const Value& s, const Arguments& a) { return split_method(r, s, a, true); }},
    {"splitlines", split_lines_method},
    {"startswith",
     [](Runtime& r, const Value& s, const Arguments& a) { return affix_method(r, s, a, false); }},
    {"endswith",
     [](Runtime& r, const Value& s, const Arguments& a) { return affix_method(r, s, a, true); }},
    {"replace", replace_method},
    {"upper", [](Runtime& r, const Value& s,
                 const Arguments& a) { return case_method(r, s, a, LetterCase::upper); }},
    {"lower", [](Runtime& r, const Value& s,
                 const Arguments& a) { return case_method(r, s, a, LetterCase::lower); }},
    {"title", [](Runtime& r, const Value& s,
                 const Arguments& a) { return case_method(r, s, a, LetterCase::title); }},
    {"capitalize",
     [](Runtime& r, const Value& s, const Arguments& a) {
       return case_method(r, s, a, LetterCase::capitalized);
     }},
    {"join", join_method},
    {"format", [](Runtime& r, const Value& s,
                  const Arguments& a) { return Value(brace_format(r, *s.string(), a)); }},
    {"find", [](Runtime& r, const Value& s,
                const Arguments& a) { return find_method(r, s, a, false, false); }},
    {"rfind", [](Runtime& r, const Value& s,
                 const Arguments& a) { return find_method(r, s, a, true, false); }},
    {"index", [](Runtime& r, const Value& s,
                 const Arguments& a) { return find_method(r, s, a, false, true); }},
    {"rindex", [](Runtime& r, const Value& s,
                  const Arguments& a) { return find_method(r, s, a, true, true); }},
    {"count", count_method},
    {"partition", [](Runtime& r, const Value& s,
                     const Arguments& a) { return partition_method(r, s, a, false); }},
    {"rpartition", [](Runtime& r, const Value& s,
                      const Arguments& a) { return partition_method(r, s, a, true); }},
    {"removeprefix",
     [](Runtime& r, const Value& s, const Arguments& a) { return remove_affix(r, s, a, false); }},
    {"removesuffix",
     [](Runtime& r, const Value& s, const Arguments& a) { return remove_affix(r, s, a, true); }},
    {"ljust", [](Runtime& r, const Value& s,
                 const Arguments& a) { return pad_method(r, s, a, false, true); }},
    {"rjust", [](Runtime& r, const Value& s,
                 const Arguments& a) { return pad_method(r, s, a, true, false); }},
    {"center", [](Runtime& r, const Value& s,
                  const Arguments& a) { return pad_method(r, s, a, true, true); }},
    {"zfill", fill_with_zeros},
    {"isalpha",
     [](Runtime& r, const Value& s, const Arguments& a) {
       return character_method(r, s, a, CharacterTest::letter);
     }},
    {"isdigit", [](Runtime& r, const Value& s,
                   const Arguments& a) { return character_method(r, s, a, CharacterTest::digit); }},
    {"isalnum",
     [](Runtime& r, const Value& s, const Arguments& a) {
       return character_method(r, s, a, CharacterTest::letter_or_digit);
     }},
    {"isspace", [](Runtime& r, const Value& s,
                   const Arguments& a) { return character_method(r, s, a, CharacterTest::space); }},
    {"isupper", [](Runtime& r, const Value& s,
                   const Arguments& a) { return character_method(r, s, a, CharacterTest::upper); }},
    {"islower", [](Runtime& r, const Value& s,
                   const Arguments& a) { return character_method(r, s, a, CharacterTest::lower); }},
    {"casefold", nullptr},
    {"encode", nullptr},
    {"expandtabs", nullptr},
    {"format_map", nullptr},
    {"isascii", nullptr},
    {"isdecimal", nullptr},
    {"isidentifier", nullptr},
    {"isnumeric", nullptr},
    {"isprintable", nullptr},
    {"istitle", nullptr},
    {"maketrans", nullptr},
    {"swapcase", nullptr},
    {"translate", nullptr},
}};

}  // namespace tutti::jinja::detail

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What programs take and give: nothing, a number, a list of numbers, or a text.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace programs {

enum class Type : std::uint8_t { number, list, text };

/// The result of what is not defined, such as the first element of an empty list. Every operation
/// on nothing gives nothing.
using Nothing = std::monostate;
using List = std::vector<int>;
using Value = std::variant<Nothing, int, List, std::string>;

/// Numbers stay in this range, as in DeepCoder: each of them is one token.
inline constexpr int kSmallest = -256;
inline constexpr int kLargest = 255;

[[nodiscard]] constexpr int clip(long long number) {
  return static_cast<int>(
      std::clamp(number, static_cast<long long>(kSmallest), static_cast<long long>(kLargest)));
}

[[nodiscard]] inline bool is_nothing(const Value& value) {
  return std::holds_alternative<Nothing>(value);
}

[[nodiscard]] inline bool has_type(const Value& value, Type type) {
  switch (type) {
    case Type::number: return std::holds_alternative<int>(value);
    case Type::list: return std::holds_alternative<List>(value);
    case Type::text: return std::holds_alternative<std::string>(value);
  }
  return false;
}

/// Numbers or characters in `value`: what the limits of the interpreters count.
[[nodiscard]] inline std::size_t size_of(const Value& value) {
  if (const List* list = std::get_if<List>(&value)) return list->size();
  if (const std::string* text = std::get_if<std::string>(&value)) return text->size();
  return is_nothing(value) ? 0 : 1;
}

/// `-`, `3`, `[1, 2]` or `"ab"`.
[[nodiscard]] inline std::string to_text(const Value& value) {
  if (const int* number = std::get_if<int>(&value)) return std::to_string(*number);
  if (const std::string* text = std::get_if<std::string>(&value)) return '"' + *text + '"';
  const List* list = std::get_if<List>(&value);
  if (list == nullptr) return "-";
  std::string all = "[";
  for (std::size_t i = 0; i < list->size(); ++i)
    all += (i == 0 ? "" : ", ") + std::to_string((*list)[i]);
  return all + "]";
}

}  // namespace programs

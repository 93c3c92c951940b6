// SPDX-License-Identifier: Apache-2.0
#pragma once
// The list language of DeepCoder: Balog, Gaunt, Brockschmidt, Nowozin and Tarlow, "DeepCoder:
// Learning to Write Programs" (ICLR 2017), appendix F. First-order and higher-order functions on
// lists; the lambdas are fixed, so each pair of a higher-order function and a lambda is one
// operation here. Divisions round down.

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "programs/language.hpp"
#include "programs/value.hpp"

namespace programs {

/// Families: 0 ends in a number, 1 in a map, 2 in a selection or order, 3 in a combination of
/// elements.
inline constexpr std::array<Operation, 38> kListOperations{{
    {"HEAD", {Argument::list}, Type::number, 0},
    {"LAST", {Argument::list}, Type::number, 0},
    {"MINIMUM", {Argument::list}, Type::number, 0},
    {"MAXIMUM", {Argument::list}, Type::number, 0},
    {"SUM", {Argument::list}, Type::number, 0},
    {"ACCESS", {Argument::number, Argument::list}, Type::number, 0},
    {"COUNT(>0)", {Argument::list}, Type::number, 0},
    {"COUNT(<0)", {Argument::list}, Type::number, 0},
    {"COUNT(even)", {Argument::list}, Type::number, 0},
    {"COUNT(odd)", {Argument::list}, Type::number, 0},
    {"MAP(+1)", {Argument::list}, Type::list, 1},
    {"MAP(-1)", {Argument::list}, Type::list, 1},
    {"MAP(*2)", {Argument::list}, Type::list, 1},
    {"MAP(/2)", {Argument::list}, Type::list, 1},
    {"MAP(*-1)", {Argument::list}, Type::list, 1},
    {"MAP(**2)", {Argument::list}, Type::list, 1},
    {"MAP(*3)", {Argument::list}, Type::list, 1},
    {"MAP(/3)", {Argument::list}, Type::list, 1},
    {"MAP(*4)", {Argument::list}, Type::list, 1},
    {"MAP(/4)", {Argument::list}, Type::list, 1},
    {"FILTER(>0)", {Argument::list}, Type::list, 2},
    {"FILTER(<0)", {Argument::list}, Type::list, 2},
    {"FILTER(even)", {Argument::list}, Type::list, 2},
    {"FILTER(odd)", {Argument::list}, Type::list, 2},
    {"REVERSE", {Argument::list}, Type::list, 2},
    {"SORT", {Argument::list}, Type::list, 2},
    {"TAKE", {Argument::number, Argument::list}, Type::list, 2},
    {"DROP", {Argument::number, Argument::list}, Type::list, 2},
    {"ZIPWITH(+)", {Argument::list, Argument::list}, Type::list, 3},
    {"ZIPWITH(-)", {Argument::list, Argument::list}, Type::list, 3},
    {"ZIPWITH(*)", {Argument::list, Argument::list}, Type::list, 3},
    {"ZIPWITH(min)", {Argument::list, Argument::list}, Type::list, 3},
    {"ZIPWITH(max)", {Argument::list, Argument::list}, Type::list, 3},
    {"SCANL1(+)", {Argument::list}, Type::list, 3},
    {"SCANL1(-)", {Argument::list}, Type::list, 3},
    {"SCANL1(*)", {Argument::list}, Type::list, 3},
    {"SCANL1(min)", {Argument::list}, Type::list, 3},
    {"SCANL1(max)", {Argument::list}, Type::list, 3},
}};

namespace detail {

/// Places in the table; those of operations with a lambda are the place of the first.
enum ListOperation : std::uint8_t {
  kHead,
  kLast,
  kMinimum,
  kMaximum,
  kSum,
  kAccess,
  kCount,
  kMap = 10,
  kFilter = 20,
  kReverse = 24,
  kSort,
  kTake,
  kDrop,
  kZipWith,
  kScan = 33
};
static_assert(
    kListOperations[kAccess].name == "ACCESS" && kListOperations[kCount].name == "COUNT(>0)" &&
    kListOperations[kMap].name == "MAP(+1)" && kListOperations[kFilter].name == "FILTER(>0)" &&
    kListOperations[kReverse].name == "REVERSE" && kListOperations[kDrop].name == "DROP" &&
    kListOperations[kZipWith].name == "ZIPWITH(+)" && kListOperations[kScan].name == "SCANL1(+)");

[[nodiscard]] constexpr int divide_down(int a, int b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

/// The lambdas of MAP, in the order of the table.
[[nodiscard]] constexpr int map_lambda(int which, int x) {
  switch (which) {
    case 0: return clip(x + 1);
    case 1: return clip(x - 1);
    case 2: return clip(x * 2);
    case 3: return divide_down(x, 2);
    case 4: return clip(-x);
    case 5: return clip(x * x);
    case 6: return clip(x * 3);
    case 7: return divide_down(x, 3);
    case 8: return clip(x * 4);
    default: return divide_down(x, 4);
  }
}

/// The predicates of FILTER and COUNT, in the order of the table.
[[nodiscard]] constexpr bool predicate(int which, int x) {
  switch (which) {
    case 0: return x > 0;
    case 1: return x < 0;
    case 2: return x % 2 == 0;
    default: return x % 2 != 0;
  }
}

/// The lambdas of ZIPWITH and SCANL1, in the order of the table.
[[nodiscard]] constexpr int combine(int which, int a, int b) {
  switch (which) {
    case 0: return clip(a + b);
    case 1: return clip(a - b);
    case 2: return clip(a * b);
    case 3: return std::min(a, b);
    default: return std::max(a, b);
  }
}

[[nodiscard]] inline Value fold(int operation, const List& list) {
  if (operation == kSum) {
    long long sum = 0;
    for (const int x : list) sum += x;
    return clip(sum);
  }
  if (operation >= kCount) {
    return clip(std::count_if(list.begin(), list.end(),
                              [&](int x) { return predicate(operation - kCount, x); }));
  }
  if (list.empty()) return Nothing{};
  switch (operation) {
    case kHead: return list.front();
    case kLast: return list.back();
    case kMinimum: return *std::min_element(list.begin(), list.end());
    default: return *std::max_element(list.begin(), list.end());
  }
}

[[nodiscard]] inline Value select_by_number(int operation, int number, const List& list) {
  if (operation == kAccess) {
    if (number < 0 || static_cast<std::size_t>(number) >= list.size()) return Nothing{};
    return list[static_cast<std::size_t>(number)];
  }
  const auto cut = list.begin() + std::clamp<std::ptrdiff_t>(number, 0, std::ssize(list));
  return operation == kTake ? List(list.begin(), cut) : List(cut, list.end());
}

[[nodiscard]] inline List transform_list(int operation, List list) {
  if (operation == kReverse) {
    std::reverse(list.begin(), list.end());
  } else if (operation == kSort) {
    std::sort(list.begin(), list.end());
  } else if (operation >= kScan) {
    for (std::size_t i = 1; i < list.size(); ++i)
      list[i] = combine(operation - kScan, list[i - 1], list[i]);
  } else if (operation >= kFilter) {
    std::erase_if(list, [&](int x) { return !predicate(operation - kFilter, x); });
  } else {
    for (int& x : list) x = map_lambda(operation - kMap, x);
  }
  return list;
}

[[nodiscard]] inline List zip_lists(int which, const List& a, const List& b) {
  List result(std::min(a.size(), b.size()));
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = combine(which, a[i], b[i]);
  return result;
}

}  // namespace detail

/// One operation on its arguments, of which the second is ignored where the operation has one. The
/// types must be the operation's.
[[nodiscard]] inline Value apply_list_operation(int operation, const Value& first,
                                                const Value& second) {
  using namespace detail;
  const Operation& entry = kListOperations[static_cast<std::size_t>(operation)];
  if (is_nothing(first) || (entry.arity() == 2 && is_nothing(second))) return Nothing{};
  if (entry.arguments[0] == Argument::number)
    return select_by_number(operation, std::get<int>(first), std::get<List>(second));
  const List& list = std::get<List>(first);
  if (entry.arity() == 2) return zip_lists(operation - kZipWith, list, std::get<List>(second));
  return entry.result == Type::number ? fold(operation, list)
                                      : Value(transform_list(operation, list));
}

/// The result of a well-typed program. @pre the inputs have the types of its signature.
[[nodiscard]] inline Value run_list_program(std::span<const Statement> statements,
                                            std::span<const Value> inputs,
                                            const Limits& limits = {}) {
  std::vector<Value> variables(inputs.begin(), inputs.end());
  variables.reserve(inputs.size() + statements.size());
  std::size_t steps = 0;
  for (const Statement& statement : statements) {
    const Value& first = variables[static_cast<std::size_t>(statement.arguments[0])];
    const Value& second = variables[static_cast<std::size_t>(statement.arguments[1])];
    steps += size_of(first) + size_of(second);
    if (steps > limits.steps) return Nothing{};
    variables.push_back(apply_list_operation(statement.operation, first, second));
    if (size_of(variables.back()) > limits.size) return Nothing{};
  }
  return variables.back();
}

}  // namespace programs

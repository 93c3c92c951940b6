// SPDX-License-Identifier: Apache-2.0
#pragma once
// The functions that problems in the list language ask for: minimal, not trivial, and of one split
// each.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "programs/behavior.hpp"
#include "programs/list_search.hpp"

namespace programs {

/// A program of its domain, and what it does there.
struct Function {
  Program program;
  std::size_t domain = 0;
  std::uint64_t behavior = 0;
};

namespace detail {

[[nodiscard]] inline bool is_empty_list(const Value& value) {
  const List* list = std::get_if<List>(&value);
  return list != nullptr && list->empty();
}

/// Whether clipping may have made `value` what it is.
[[nodiscard]] inline bool is_clipped(const Value& value) {
  const auto at_limit = [](int number) { return number == kSmallest || number == kLargest; };
  if (const int* number = std::get_if<int>(&value)) return at_limit(*number);
  const List* list = std::get_if<List>(&value);
  return list != nullptr && std::any_of(list->begin(), list->end(), at_limit);
}

/// Whether a list function is worth asking for: seldom undefined, empty or clipped, with many
/// different outputs.
[[nodiscard]] inline bool is_interesting(std::span<const Value> outputs, Type type) {
  std::size_t undefined = 0;
  std::size_t clipped = 0;
  std::unordered_set<std::uint64_t> different;
  for (const Value& output : outputs) {
    undefined += is_nothing(output) || is_empty_list(output) ? 1U : 0U;
    clipped += is_clipped(output) ? 1U : 0U;
    different.insert(mix_value(0, output));
  }
  return undefined * 4 <= outputs.size() && clipped * 8 <= outputs.size() &&
         different.size() * (type == Type::number ? 6 : 2) >= outputs.size();
}

/// Whether the program only repeats an input, or does the same with the values of an input dealt to
/// other probes.
[[nodiscard]] inline bool ignores_inputs(const Program& program, std::span<const Inputs> probes,
                                         std::span<const Value> outputs) {
  for (std::size_t v = 0; v < program.signature.inputs.size(); ++v) {
    bool repeats = true;
    bool ignores = true;
    for (std::size_t i = 0; i < probes.size() && (repeats || ignores); ++i) {
      repeats = repeats && outputs[i] == probes[i][v];
      Inputs changed = probes[i];
      changed[v] = probes[(i + 1) % probes.size()][v];
      ignores = ignores && outputs[i] == run(program, changed);
    }
    if (repeats || ignores) return true;
  }
  return false;
}

}  // namespace detail

class ListFunctions {
 public:
  /// Up to this length, all functions are tabulated; longer programs are drawn and compared with
  /// the table.
  static constexpr std::size_t kTabulated = 2;

  ListFunctions() {
    for (std::size_t d = 0; d < kListDomains; ++d) tabulate(d);
  }

  /// All functions of a split whose shortest program has `length` statements. @pre 1 <= length <=
  /// kTabulated
  [[nodiscard]] const std::vector<Function>& tabulated(std::size_t length, Split split) const {
    return functions_[length - 1][static_cast<std::size_t>(split)];
  }

  /// A function of the split that needs kTabulated + 1 statements, if the program drawn is one.
  [[nodiscard]] std::optional<Function> draw(Random& random, Split split) const {
    const std::size_t domain =
        random.chance(50) ? 0
                          : 1 + random.below(2);  // as many functions with one input as with two
    std::optional<Program> program = draw_program(random, domains()[domain].types);
    if (!program) return std::nullopt;
    const std::vector<Value> outputs = outputs_on_probes(*program, domain);
    const std::uint64_t behavior = hash_values(outputs);
    if (split_of_hash(behavior) != split || shorter_[domain].contains(behavior) ||
        !accepts(*program, domain, outputs))
      return std::nullopt;
    return Function{std::move(*program), domain, behavior};
  }

 private:
  void tabulate(std::size_t domain) {
    const Domain& inputs = domains()[domain];
    std::vector<Value> outputs(inputs.probes.size());
    ListSearch search(inputs.types, inputs.probes);
    for (std::size_t length = 1; length <= kTabulated; ++length) {
      search.visit_programs(
          length, [&](const std::vector<Statement>& statements, const auto& evaluate) {
            for (std::size_t i = 0; i < outputs.size(); ++i) outputs[i] = evaluate(i);
            const std::uint64_t behavior = hash_values(outputs);
            if (!shorter_[domain].insert(behavior).second) return false;
            Program program{{inputs.types, kListOperations[statements.back().operation].result},
                            statements};
            if (accepts(program, domain, outputs)) {
              functions_[length - 1][static_cast<std::size_t>(split_of_hash(behavior))].push_back(
                  {std::move(program), domain, behavior});
            }
            return false;
          });
    }
  }

  [[nodiscard]] static bool accepts(const Program& program, std::size_t domain,
                                    std::span<const Value> outputs) {
    return detail::is_interesting(outputs, program.signature.output) &&
           !detail::ignores_inputs(program, domains()[domain].probes, outputs);
  }

  /// Statements drawn one after the other; nothing if one has no argument of its type or one is not
  /// used by a later one.
  [[nodiscard]] static std::optional<Program> draw_program(Random& random,
                                                           const std::vector<Type>& inputs) {
    std::vector<Type> types = inputs;
    std::vector<bool> used(inputs.size() + kTabulated, false);
    Program program;
    for (std::size_t i = 0; i <= kTabulated; ++i) {
      Statement statement{draw_operation(random), Modifier::none, {0, 0}};
      const Operation& operation = kListOperations[statement.operation];
      for (std::size_t k = 0; k < operation.arity(); ++k) {
        const std::optional<std::size_t> variable = draw_variable(random, types,
                                                                  operation.arguments[k]);
        if (!variable) return std::nullopt;
        statement.arguments[k] = static_cast<std::int16_t>(*variable);
        used[*variable] = true;
      }
      types.push_back(operation.result);
      program.statements.push_back(statement);
    }
    if (std::find(used.begin(), used.end(), false) != used.end()) return std::nullopt;
    program.signature = {inputs, types.back()};
    return program;
  }

  /// By what it does first and by its lambda then: otherwise half of all statements would be maps
  /// and scans.
  [[nodiscard]] static std::uint8_t draw_operation(Random& random) {
    using namespace detail;
    struct Group {
      int first, count, weight;
    };
    constexpr std::array<Group, 9> kGroups{{{kHead, 5, 18},
                                            {kAccess, 1, 5},
                                            {kCount, 4, 8},
                                            {kMap, 10, 20},
                                            {kFilter, 4, 14},
                                            {kReverse, 2, 10},
                                            {kTake, 2, 8},
                                            {kZipWith, 5, 8},
                                            {kScan, 5, 9}}};
    int ticket = random.between(0, 99);
    for (const Group& group : kGroups) {
      if (ticket < group.weight)
        return static_cast<std::uint8_t>(
            random.between(group.first, group.first + group.count - 1));
      ticket -= group.weight;
    }
    return kSort;
  }

  /// A variable that an argument of this kind can be: the newest as often as all others together.
  [[nodiscard]] static std::optional<std::size_t> draw_variable(Random& random,
                                                                const std::vector<Type>& types,
                                                                Argument kind) {
    std::vector<std::size_t> fitting;
    for (std::size_t v = 0; v < types.size(); ++v) {
      if (types[v] == (kind == Argument::number ? Type::number : Type::list)) fitting.push_back(v);
    }
    if (fitting.empty()) return std::nullopt;
    return random.chance(50) ? fitting.back() : random.pick(fitting);
  }

  /// Behaviors of all programs of kTabulated statements at most.
  std::unordered_set<std::uint64_t> shorter_[kListDomains];
  std::vector<Function> functions_[kTabulated][3];  ///< [length - 1][split]
};

}  // namespace programs

// SPDX-License-Identifier: Apache-2.0
#pragma once
// All list programs of a length, on given inputs. A statement that only repeats a value at hand on
// every input (observational equivalence) or that nothing uses is not extended: some shorter
// program does the same.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "programs/domain.hpp"
#include "programs/list_language.hpp"

namespace programs {

/// Calls `visit(statements, evaluate)` for programs of exactly `length` statements until it returns
/// true; evaluate(i) is the program's output for inputs[i], computed when asked for.
class ListSearch {
 public:
  ListSearch(const std::vector<Type>& types, std::span<const Inputs> inputs)
      : types_(types), count_(inputs.size()) {
    for (std::size_t v = 0; v < types.size(); ++v) {
      values_.emplace_back();
      for (const Inputs& each : inputs) values_.back().push_back(each[v]);
    }
  }

  /// True if a visit returned true.
  template <class Visit>
  bool visit_programs(std::size_t length, Visit&& visit) {
    for (std::size_t o = 0; o < kListOperations.size(); ++o) {
      const Operation& operation = kListOperations[o];
      for (std::size_t a = 0; a < types_.size(); ++a) {
        if (!fits(operation.arguments[0], a)) continue;
        const std::size_t seconds = operation.arity() == 2 ? types_.size() : 1;
        for (std::size_t b = 0; b < seconds; ++b) {
          if (operation.arity() == 2 && !fits(operation.arguments[1], b)) continue;
          const Statement statement{static_cast<std::uint8_t>(o),
                                    Modifier::none,
                                    {static_cast<std::int16_t>(a), static_cast<std::int16_t>(b)}};
          if (length == 1 ? visit_last(statement, visit) : extend(statement, length, visit))
            return true;
        }
      }
    }
    return false;
  }

 private:
  [[nodiscard]] bool fits(Argument kind, std::size_t variable) const {
    return types_[variable] == (kind == Argument::number ? Type::number : Type::list);
  }

  [[nodiscard]] Value evaluate(const Statement& statement, std::size_t i) const {
    return apply_list_operation(statement.operation,
                                values_[static_cast<std::size_t>(statement.arguments[0])][i],
                                values_[static_cast<std::size_t>(statement.arguments[1])][i]);
  }

  template <class Visit>
  bool visit_last(const Statement& statement, Visit& visit) {
    statements_.push_back(statement);
    const bool stop = all_used() && visit(std::as_const(statements_),
                                          [&](std::size_t i) { return evaluate(statement, i); });
    statements_.pop_back();
    return stop;
  }

  template <class Visit>
  bool extend(const Statement& statement, std::size_t length, Visit& visit) {
    std::vector<Value> outputs(count_);
    for (std::size_t i = 0; i < count_; ++i) outputs[i] = evaluate(statement, i);
    for (const std::vector<Value>& known : values_) {
      if (known == outputs) return false;
    }
    statements_.push_back(statement);
    values_.push_back(std::move(outputs));
    types_.push_back(kListOperations[statement.operation].result);
    const bool stop = visit_programs(length - 1, visit);
    types_.pop_back();
    values_.pop_back();
    statements_.pop_back();
    return stop;
  }

  /// Whether every statement but the last is an argument of a later one.
  [[nodiscard]] bool all_used() const {
    const std::size_t inputs = types_.size() - (statements_.size() - 1);
    std::size_t used = 0;
    for (const Statement& statement : statements_) {
      used |= std::size_t{1} << statement.arguments[0];
      if (kListOperations[statement.operation].arity() == 2)
        used |= std::size_t{1} << statement.arguments[1];
    }
    const std::size_t wanted = (std::size_t{1} << (statements_.size() - 1)) - 1;
    return ((used >> inputs) & wanted) == wanted;
  }

  std::vector<Type> types_;
  std::size_t count_;
  std::vector<std::vector<Value>> values_;  ///< [variable][input]
  std::vector<Statement> statements_;
};

}  // namespace programs

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The part of the interpreter that evaluates expressions: one function per kind of node.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/access.hpp"
#include "tutti/text/jinja/builtins/filters.hpp"
#include "tutti/text/jinja/builtins/methods.hpp"
#include "tutti/text/jinja/builtins/tests.hpp"
#include "tutti/text/jinja/detail/scope_stack.hpp"
#include "tutti/text/jinja/python/arithmetic.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/printing.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja::detail {

class Evaluator {
 protected:
  Evaluator(Runtime& runtime, Variables globals, Variables context)
      : runtime_(runtime), scopes_(std::move(globals), std::move(context)) {}
  ~Evaluator() = default;

  [[nodiscard]] Value look_up_name(std::string_view name) const {
    if (const Value* value = scopes_.find(name)) return *value;
    return Value::undefined(in_quotes(name) + " is undefined");
  }

  [[nodiscard]] Value evaluate(const ExpressionPtr& expression) { return evaluate(*expression); }

  [[nodiscard]] Value evaluate(const Expression& expression) {
    const Runtime::Level level(runtime_);
    runtime_.charge_steps(1);
    runtime_.set_line(expression.line);
    const auto& children = expression.children;
    switch (expression.kind) {
      case ExpressionKind::literal: return expression.literal;
      case ExpressionKind::name: return look_up_name(expression.name);
      case ExpressionKind::list: return runtime_.make_list(evaluate_all(expression));
      case ExpressionKind::tuple: return runtime_.make_tuple(evaluate_all(expression));
      case ExpressionKind::dict: return evaluate_dict(expression);
      case ExpressionKind::attribute:
        return get_attribute(runtime_, evaluate_at(expression, 0), expression.name);
      case ExpressionKind::item: return evaluate_item(expression);
      case ExpressionKind::slice: return evaluate_slice(expression);
      case ExpressionKind::call: return evaluate_call(expression, nullptr);
      case ExpressionKind::filter: return evaluate_filter(expression, nullptr);
      case ExpressionKind::test: return evaluate_test(expression);
      case ExpressionKind::logical_not: return Value(!is_true(evaluate(children[0])));
      case ExpressionKind::negation: return negate(runtime_, evaluate_at(expression, 0));
      case ExpressionKind::identity: return evaluate_identity(expression);
      case ExpressionKind::arithmetic: return evaluate_arithmetic(expression);
      case ExpressionKind::concatenation: return evaluate_concatenation(expression);
      case ExpressionKind::comparison: return evaluate_comparison(expression);
      case ExpressionKind::logical_and: return evaluate_logical(expression, false);
      case ExpressionKind::logical_or: return evaluate_logical(expression, true);
      case ExpressionKind::conditional: return evaluate_conditional(expression);
    }
    return {};
  }

  /// A child; errors that follow are those of the parent's line again.
  [[nodiscard]] Value evaluate_at(const Expression& expression, std::size_t child) {
    Value value = evaluate(expression.children[child]);
    runtime_.set_line(expression.line);
    return value;
  }

  [[nodiscard]] std::vector<Value> evaluate_all(const Expression& expression) {
    std::vector<Value> values;
    for (std::size_t i = 0; i < expression.children.size(); ++i) {
      values.push_back(evaluate_at(expression, i));
    }
    return values;
  }

  [[nodiscard]] Value evaluate_dict(const Expression& expression) {
    Dict dict;
    for (std::size_t i = 0; i < expression.children.size(); i += 2) {
      Value key = evaluate_at(expression, i);
      set_key(runtime_, dict, std::move(key), evaluate_at(expression, i + 1));
    }
    return runtime_.make_dict(std::move(dict));
  }

  [[nodiscard]] Value evaluate_item(const Expression& expression) {
    const Value object = evaluate_at(expression, 0);
    return get_item(runtime_, object, evaluate_at(expression, 1));
  }

  [[nodiscard]] Value evaluate_slice(const Expression& expression) {
    const Value object = evaluate_at(expression, 0);
    std::vector<Value> bounds(3, Value(None{}));
    for (std::size_t i = 0; i < 3; ++i) {
      if (expression.children[i + 1] != nullptr) bounds[i] = evaluate_at(expression, i + 1);
    }
    return get_slice(runtime_, object, &bounds[0], &bounds[1], &bounds[2]);
  }

  [[nodiscard]] Arguments evaluate_arguments(const Expression& expression) {
    Arguments arguments;
    const std::size_t first_named = expression.children.size() - expression.keywords.size();
    for (std::size_t i = 1; i < expression.children.size(); ++i) {
      Value value = evaluate_at(expression, i);
      if (i < first_named) {
        arguments.positional.push_back(std::move(value));
      } else {
        arguments.named.push_back({expression.keywords[i - first_named], std::move(value)});
      }
    }
    return arguments;
  }

  /// @param caller what {% call %} hands to the macro, or null.
  [[nodiscard]] Value evaluate_call(const Expression& expression, const Value* caller) {
    const Expression& callee = *expression.children[0];
    Value object;  // that the method belongs to
    Value function;
    const bool is_attribute = callee.kind == ExpressionKind::attribute;
    if (is_attribute) {
      object = evaluate_at(callee, 0);
      require_defined(runtime_, object);
    } else {
      function = evaluate(callee);
    }
    Arguments arguments = evaluate_arguments(expression);
    runtime_.set_line(expression.line);
    if (caller != nullptr) arguments.named.push_back({"caller", *caller});
    if (is_attribute) {
      if (const Loop* loop = object.loop()) {
        if (callee.name == "cycle") return cycle(*loop, arguments);
        if (callee.name == "changed") return changed(*loop, arguments);
      }
      if (has_method(object, callee.name)) {
        return call_method(runtime_, object, callee.name, arguments);
      }
      function = get_attribute(runtime_, object, callee.name);
    }
    require_defined(runtime_, function);
    const Callable* callable = function.callable();
    if (callable == nullptr) runtime_.fail("a value of type ", type_name(function), " is called");
    return callable->call(runtime_, arguments);
  }

  [[nodiscard]] Value cycle(const Loop& loop, const Arguments& arguments) const {
    if (arguments.positional.empty()) runtime_.fail("loop.cycle needs items");
    return arguments.positional[loop.index % arguments.positional.size()];
  }

  [[nodiscard]] Value changed(const Loop& loop, const Arguments& arguments) {
    const Value now = runtime_.make_tuple(arguments.positional);
    const bool is_same = loop.last_changed != nullptr &&
                         equal(runtime_, Value(loop.last_changed), now);
    // A copy of the items, since they are compared with later ones and never nested.
    if (!is_same) loop.last_changed = std::make_shared<const Sequence>(*now.sequence());
    return Value(!is_same);
  }

  /// @param block what a filter at the beginning of a chain is applied to.
  [[nodiscard]] Value evaluate_filter(const Expression& expression, const Value* block) {
    const Runtime::Level level(runtime_);
    const ExpressionPtr& child = expression.children[0];
    const Value value = child == nullptr                        ? *block
                        : child->kind == ExpressionKind::filter ? evaluate_filter(*child, block)
                                                                : evaluate(child);
    const Arguments arguments = evaluate_arguments(expression);
    runtime_.set_line(expression.line);
    return expression.filter->apply(runtime_, value, arguments);
  }

  [[nodiscard]] Value evaluate_test(const Expression& expression) {
    const Value value = evaluate_at(expression, 0);
    const Arguments arguments = evaluate_arguments(expression);
    return Value(expression.test->apply(runtime_, value, arguments));
  }

  [[nodiscard]] Value evaluate_identity(const Expression& expression) {
    Value value = evaluate_at(expression, 0);
    require_defined(runtime_, value);
    if (!value.is_number()) runtime_.fail("the operator + does not apply to ", type_name(value));
    return value.is<bool>() ? Value(value.integer()) : value;
  }

  [[nodiscard]] Value evaluate_arithmetic(const Expression& expression) {
    Value result = evaluate_at(expression, 0);
    for (std::size_t i = 0; i < expression.operators.size(); ++i) {
      const Value operand = evaluate_at(expression, i + 1);
      result = calculate(runtime_, expression.operators[i], result, operand);
    }
    return result;
  }

  [[nodiscard]] Value evaluate_concatenation(const Expression& expression) {
    TaintedText text;
    for (const Value& value : evaluate_all(expression)) {
      const TaintedText part = to_text(runtime_, value);
      runtime_.require_text(text.size() + part.size());
      text.append(part);
    }
    return runtime_.make_string(std::move(text));
  }

  [[nodiscard]] Value evaluate_comparison(const Expression& expression) {
    Value left = evaluate_at(expression, 0);
    for (std::size_t i = 0; i < expression.operators.size(); ++i) {
      Value right = evaluate_at(expression, i + 1);
      if (!compare(runtime_, expression.operators[i], left, right)) return Value(false);
      left = std::move(right);
    }
    return Value(true);
  }

  /// and, or: the operand that decides.
  [[nodiscard]] Value evaluate_logical(const Expression& expression, bool decides) {
    Value value;
    for (const ExpressionPtr& operand : expression.children) {
      value = evaluate(operand);
      if (is_true(value) == decides) break;
    }
    return value;
  }

  [[nodiscard]] Value evaluate_conditional(const Expression& expression) {
    if (is_true(evaluate(expression.children[0]))) return evaluate(expression.children[1]);
    if (expression.children[2] != nullptr) return evaluate(expression.children[2]);
    return Value::undefined("an inline \"if\" without \"else\" is false");
  }

  Runtime& runtime_;
  ScopeStack scopes_;
};

}  // namespace tutti::jinja::detail

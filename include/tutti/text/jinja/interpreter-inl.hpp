// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of interpreter.hpp: the part of the interpreter that runs statements and macros.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/globals.hpp"
#include "tutti/text/jinja/detail/evaluator.hpp"
#include "tutti/text/jinja/detail/scope_stack.hpp"
#include "tutti/text/jinja/interpreter.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/python/printing.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

namespace detail {

class Interpreter : private Evaluator {
 public:
  Interpreter(Runtime& runtime, std::vector<std::pair<std::string, Value>> variables)
      : Evaluator(runtime, make_globals(), std::move(variables)) {}

  [[nodiscard]] TaintedText run(const SyntaxTree& tree) {
    TaintedText output;
    output_ = &output;
    const ScopeStack::Inner scope(scopes_);
    execute(tree.body);
    return output;
  }

 private:
  enum class Flow : std::uint8_t { next, break_loop, continue_loop };

  /// Collects the output while it lives.
  class Capture {
   public:
    explicit Capture(Interpreter& interpreter)
        : interpreter_(interpreter), outer_(std::exchange(interpreter.output_, &text_)) {}
    ~Capture() { interpreter_.output_ = outer_; }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;

    [[nodiscard]] Value take() { return Value(std::move(text_)); }

   private:
    Interpreter& interpreter_;
    TaintedText text_;
    TaintedText* outer_;
  };

  // ---- Statements

  Flow execute(const Block& block) {
    const Runtime::Level level(runtime_);
    for (const Statement& statement : block) {
      const Flow flow = execute(statement);
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Flow execute(const Statement& statement) {
    runtime_.set_line(statement.line);
    runtime_.charge_steps(1);
    switch (statement.kind) {
      case StatementKind::text: write(*statement.text.string()); break;
      case StatementKind::output:
        write(to_text(runtime_, evaluate(statement.expressions[0])));
        break;
      case StatementKind::for_loop: return execute_for(statement);
      case StatementKind::if_else: return execute_if(statement);
      case StatementKind::set:
        assign(*statement.targets[0], evaluate(statement.expressions[0]));
        break;
      case StatementKind::set_block:
        assign(*statement.targets[0], filtered_block(statement));
        break;
      case StatementKind::macro: scopes_.set(statement.macro->name, make_macro(statement)); break;
      case StatementKind::call_block: execute_call(statement); break;
      case StatementKind::filter_block: write(to_text(runtime_, filtered_block(statement))); break;
      case StatementKind::with: return execute_with(statement);
      case StatementKind::scope: {
        const ScopeStack::Inner scope(scopes_);
        return execute(statement.blocks[0]);
      }
      case StatementKind::break_loop: return Flow::break_loop;
      case StatementKind::continue_loop: return Flow::continue_loop;
    }
    return Flow::next;
  }

  void write(const TaintedText& text) {
    runtime_.charge_text(text.size());
    runtime_.require_text(output_->size() + text.size());
    output_->append(text);
  }

  Flow execute_if(const Statement& statement) {
    for (std::size_t i = 0; i < statement.expressions.size(); ++i) {
      if (is_true(evaluate(statement.expressions[i]))) return execute(statement.blocks[i]);
    }
    const bool has_else = statement.blocks.size() > statement.expressions.size();
    return has_else ? execute(statement.blocks.back()) : Flow::next;
  }

  Flow execute_with(const Statement& statement) {
    std::vector<Value> values;
    for (const ExpressionPtr& expression : statement.expressions) {
      values.push_back(evaluate(expression));
    }
    const ScopeStack::Inner scope(scopes_);
    for (std::size_t i = 0; i < values.size(); ++i) {
      assign(*statement.targets[i], std::move(values[i]));
    }
    return execute(statement.blocks[0]);
  }

  [[nodiscard]] std::shared_ptr<const Sequence> loop_items(const Statement& statement) {
    const Value iterable = evaluate(statement.expressions[0]);
    std::shared_ptr<const Sequence> all = iterate(runtime_, iterable);
    if (statement.expressions[1] == nullptr) return all;
    auto kept = std::make_shared<Sequence>();
    kept->depth = all->depth;
    for (const Value& item : all->items) {
      const ScopeStack::Inner scope(scopes_);
      assign(*statement.targets[0], item);
      if (is_true(evaluate(statement.expressions[1]))) kept->items.push_back(item);
    }
    return kept;
  }

  Flow execute_for(const Statement& statement) {
    auto loop = std::make_shared<Loop>();
    loop->items = loop_items(statement);
    for (const Value& item : loop->items->items) loop->depth = runtime_.deeper(loop->depth, item);
    loop->depth = std::max(loop->depth, std::min(loop->items->depth + 1, kMaxValueDepth));
    const std::vector<Value>& items = loop->items->items;
    for (std::size_t i = 0; i < items.size(); ++i) {
      runtime_.set_line(statement.line);
      runtime_.charge_steps(1);
      loop->index = i;
      const ScopeStack::Inner scope(scopes_);
      assign(*statement.targets[0], items[i]);
      scopes_.set("loop", Value(std::shared_ptr<const Loop>(loop)));
      if (execute(statement.blocks[0]) == Flow::break_loop) break;
    }
    if (items.empty() && statement.blocks.size() > 1) {
      const ScopeStack::Inner scope(scopes_);
      return execute(statement.blocks[1]);
    }
    return Flow::next;
  }

  /// The output of the block after {% set %} or {% filter %}, filtered.
  [[nodiscard]] Value filtered_block(const Statement& statement) {
    Value text;
    {
      const ScopeStack::Inner scope(scopes_);
      Capture capture(*this);
      execute(statement.blocks[0]);
      text = capture.take();
    }
    return statement.expressions[0] != nullptr ? evaluate_filter(*statement.expressions[0], &text)
                                               : text;
  }

  void execute_call(const Statement& statement) {
    const Value caller = make_macro(statement);
    const Runtime::Level level(runtime_);
    write(to_text(runtime_, evaluate_call(*statement.expressions[0], &caller)));
  }

  void assign(const Expression& target, Value value) {
    if (target.kind == ExpressionKind::name) {
      scopes_.set(target.name, std::move(value));
    } else if (target.kind == ExpressionKind::tuple) {
      require_defined(runtime_, value);
      const auto items = iterate(runtime_, value);
      if (items->items.size() != target.children.size()) {
        runtime_.fail(items->items.size(), " values for ", target.children.size(), " names");
      }
      for (std::size_t i = 0; i < target.children.size(); ++i) {
        assign(*target.children[i], items->items[i]);
      }
    } else {
      Namespace* space = look_up_name(target.children[0]->name).space();
      if (space == nullptr) {
        runtime_.fail(in_quotes(target.children[0]->name), " is no namespace: its attribute ",
                      in_quotes(target.name), " cannot be set");
      }
      if (target.name.starts_with('_')) {
        runtime_.fail("the attribute ", in_quotes(target.name),
                      " of a namespace begins with \"_\"");
      }
      (void)runtime_.deeper(1, value);
      space->attributes.set(Value(target.name), std::move(value));
    }
  }

  // ---- Macros

  [[nodiscard]] Value make_macro(const Statement& statement) {
    auto callable = std::make_shared<Callable>();
    callable->name = statement.macro->name;
    callable->is_macro = true;
    callable->call = [this, &statement, scope = scopes_.capture()](Runtime&,
                                                                   const Arguments& arguments) {
      return call_macro(statement, scope, arguments);
    };
    return Value(std::shared_ptr<const Callable>(std::move(callable)));
  }

  /// Binds the arguments as jinja2's runtime.Macro does, and runs the body.
  [[nodiscard]] Value call_macro(const Statement& statement, Scope* parent,
                                 const Arguments& arguments) {
    const Signature& signature = *statement.macro;
    const std::size_t count = signature.parameters.size();
    std::vector<std::pair<std::string, Value>> named = arguments.named;
    const auto take_named = [&named](std::string_view name) -> std::unique_ptr<Value> {
      const auto found = std::find_if(named.begin(), named.end(),
                                      [&](const auto& argument) { return argument.first == name; });
      if (found == named.end()) return nullptr;
      auto value = std::make_unique<Value>(std::move(found->second));
      named.erase(found);
      return value;
    };
    const ScopeStack::Inner scope(scopes_, parent);
    Capture capture(*this);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string& name = signature.parameters[i];
      if (i < arguments.positional.size()) {
        scopes_.set(name, arguments.positional[i]);
      } else if (const std::unique_ptr<Value> value = take_named(name)) {
        scopes_.set(name, *value);
      } else if (i + signature.defaults.size() >= count) {
        scopes_.set(name, evaluate(signature.defaults[i + signature.defaults.size() - count]));
      } else {
        scopes_.set(name, Value::undefined("parameter " + in_quotes(name) + " was not provided"));
      }
    }
    const bool has_caller_parameter = std::find(signature.parameters.begin(),
                                                signature.parameters.end(),
                                                "caller") != signature.parameters.end();
    if (signature.uses_caller && !has_caller_parameter) {
      const std::unique_ptr<Value> caller = take_named("caller");
      scopes_.set("caller", caller ? *caller : Value::undefined("no caller defined"));
    }
    if (signature.uses_kwargs) {
      Dict rest;
      for (auto& [name, value] : named) rest.append(Value(name), std::move(value));
      scopes_.set("kwargs", runtime_.make_dict(std::move(rest)));
    } else if (!named.empty()) {
      runtime_.fail("the macro ", in_quotes(signature.name), " has no parameter ",
                    in_quotes(named.front().first));
    }
    const auto extra = static_cast<std::ptrdiff_t>(std::min(count, arguments.positional.size()));
    if (signature.uses_varargs) {
      scopes_.set("varargs", runtime_.make_tuple({arguments.positional.begin() + extra,
                                                  arguments.positional.end()}));
    } else if (arguments.positional.size() > count) {
      runtime_.fail("the macro ", in_quotes(signature.name), " takes at most ", count,
                    " arguments, not ", arguments.positional.size());
    }
    execute(statement.blocks[0]);
    return capture.take();
  }

  TaintedText* output_ = nullptr;
};

}  // namespace detail

TUTTI_INLINE TaintedText render(Runtime& runtime, const SyntaxTree& tree,
                                std::vector<std::pair<std::string, Value>> variables) {
  return detail::Interpreter(runtime, std::move(variables)).run(tree);
}

}  // namespace tutti::jinja

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The scopes of a rendering: each names variables and hides those of its parents.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja::detail {

using Variables = std::vector<std::pair<std::string, Value>>;

/// The variables of one iteration of a loop, of one call of a macro and so on.
struct Scope {
  Scope* parent = nullptr;
  Variables variables;
  bool is_captured = false;  // a macro that was defined inside may still read it
};

class ScopeStack {
 public:
  ScopeStack(Variables globals, Variables context)
      : globals_{nullptr, std::move(globals)}, context_{&globals_, std::move(context)} {}
  ScopeStack(const ScopeStack&) = delete;
  ScopeStack& operator=(const ScopeStack&) = delete;

  /// The variable in the innermost scope that has it; null if none has.
  [[nodiscard]] const Value* find(std::string_view name) const {
    for (const Scope* scope = current_; scope != nullptr; scope = scope->parent) {
      for (const auto& [known, value] : scope->variables) {
        if (known == name) return &value;
      }
    }
    return nullptr;
  }

  /// Sets a variable of the current scope.
  void set(std::string_view name, Value value) {
    for (auto& [known, old] : current_->variables) {
      if (known == name) {
        old = std::move(value);
        return;
      }
    }
    current_->variables.push_back({std::string(name), std::move(value)});
  }

  /// The current scope, which lives as long as the stack from now on, and so do its parents.
  [[nodiscard]] Scope* capture() {
    for (Scope* scope = current_; scope != nullptr && !scope->is_captured; scope = scope->parent) {
      scope->is_captured = true;
    }
    return current_;
  }

  /// A new scope, which is the current one while this object lives.
  class Inner {
   public:
    explicit Inner(ScopeStack& stack) : Inner(stack, stack.current_) {}
    Inner(ScopeStack& stack, Scope* parent)
        : stack_(stack), outer_(stack.current_), scope_(std::make_unique<Scope>()) {
      scope_->parent = parent;
      stack_.current_ = scope_.get();
    }
    ~Inner() {
      stack_.current_ = outer_;
      if (scope_->is_captured) stack_.captured_.push_back(std::move(scope_));
    }
    Inner(const Inner&) = delete;
    Inner& operator=(const Inner&) = delete;

   private:
    ScopeStack& stack_;
    Scope* outer_;
    std::unique_ptr<Scope> scope_;
  };

 private:
  std::vector<std::unique_ptr<Scope>> captured_;
  Scope globals_;
  Scope context_;
  Scope* current_ = &context_;
};

}  // namespace tutti::jinja::detail

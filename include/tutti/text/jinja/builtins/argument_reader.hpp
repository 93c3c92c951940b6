// SPDX-License-Identifier: Apache-2.0
#pragma once
// Binds the arguments of a call to the names of parameters, as Python does.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "tutti/base/macros.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::jinja {

class Runtime;

/// Refers to the arguments, which must outlive it.
class ArgumentReader {
 public:
  /// @param callee for messages.
  /// @param required how many of the parameters have no default.
  /// @throws OptionError when there are too many arguments, too few, or one of an unknown name.
  ArgumentReader(Runtime& runtime, std::string_view callee, const Arguments& arguments,
                 std::initializer_list<std::string_view> parameters, std::size_t required = 0);

  /// The argument, null if it is not given.
  [[nodiscard]] const Value* find(std::size_t at) const { return bound_[at]; }
  /// Precondition: the argument is given.
  [[nodiscard]] const Value& get(std::size_t at) const { return *bound_[at]; }
  /// Whether the argument is given and is not None.
  [[nodiscard]] bool has(std::size_t at) const {
    return bound_[at] != nullptr && !bound_[at]->is_none();
  }

  [[nodiscard]] bool flag(std::size_t at) const;
  [[nodiscard]] std::int64_t integer(std::size_t at, std::int64_t fallback) const;
  /// Precondition: the argument is given.
  [[nodiscard]] const TaintedText& string(std::size_t at) const;

 private:
  Runtime& runtime_;
  std::string_view callee_;
  std::vector<const Value*> bound_;
};

}  // namespace tutti::jinja

#if !defined(TUTTI_COMPILED)
#include "tutti/text/jinja/builtins/argument_reader-inl.hpp"
#endif

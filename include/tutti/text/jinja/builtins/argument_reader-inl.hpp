// SPDX-License-Identifier: Apache-2.0
#pragma once
// Bodies of argument_reader.hpp.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "tutti/formats/checked.hpp"
#include "tutti/text/jinja/builtins/argument_reader.hpp"
#include "tutti/text/jinja/python/operations.hpp"
#include "tutti/text/jinja/value/runtime.hpp"

namespace tutti::jinja {

TUTTI_INLINE ArgumentReader::ArgumentReader(Runtime& runtime, std::string_view callee,
                                            const Arguments& arguments,
                                            std::initializer_list<std::string_view> parameters,
                                            std::size_t required)
    : runtime_(runtime), callee_(callee), bound_(parameters.size()) {
  if (arguments.positional.size() > parameters.size()) {
    runtime.fail(callee, " takes at most ", parameters.size(), " arguments, not ",
                 arguments.positional.size());
  }
  std::size_t count = 0;
  for (const Value& value : arguments.positional) bound_[count++] = &value;
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(parameters.begin(), parameters.end(), name);
    if (found == parameters.end()) runtime.fail(callee, " has no argument ", in_quotes(name));
    const Value*& bound = bound_[static_cast<std::size_t>(found - parameters.begin())];
    if (bound != nullptr) runtime.fail(callee, ": two values for ", in_quotes(name));
    bound = &value;
  }
  for (std::size_t i = 0; i < required; ++i) {
    if (bound_[i] == nullptr) {
      runtime.fail(callee, " needs the argument ", *(parameters.begin() + i));
    }
  }
}

TUTTI_INLINE bool ArgumentReader::flag(std::size_t at) const {
  return bound_[at] != nullptr && is_true(*bound_[at]);
}

TUTTI_INLINE std::int64_t ArgumentReader::integer(std::size_t at, std::int64_t fallback) const {
  return has(at) ? to_integer(runtime_, *bound_[at], callee_) : fallback;
}

TUTTI_INLINE const TaintedText& ArgumentReader::string(std::size_t at) const {
  return to_string(runtime_, *bound_[at], callee_);
}

}  // namespace tutti::jinja

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Runs small templates.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tutti/base/error.hpp"
#include "tutti/text/jinja/interpreter.hpp"
#include "tutti/text/jinja/syntax/parser.hpp"
#include "tutti/text/jinja/syntax/syntax_tree.hpp"
#include "tutti/text/jinja/value/runtime.hpp"
#include "tutti/text/jinja/value/value.hpp"

namespace tutti::test {

using Variables = std::vector<std::pair<std::string, jinja::Value>>;

inline jinja::TaintedText run_tainted(std::string_view source, Variables variables = {},
                                      const ChatLimits& limits = {}) {
  std::tm now{};
  now.tm_year = 124;
  now.tm_mon = 6;
  now.tm_mday = 6;
  now.tm_hour = 15;
  now.tm_min = 4;
  now.tm_sec = 9;
  jinja::Runtime runtime(limits, now);
  return jinja::render(runtime, *jinja::parse(source), std::move(variables));
}

inline std::string run(std::string_view source, Variables variables = {},
                       const ChatLimits& limits = {}) {
  return run_tainted(source, std::move(variables), limits).bytes();
}

/// The value of one expression.
inline std::string value_of(std::string_view expression, Variables variables = {}) {
  return run("{{ " + std::string(expression) + " }}", std::move(variables));
}

/// The message of the error, with its type.
inline std::string error_of(std::string_view source, const ChatLimits& limits = {}) {
  try {
    return "no error: " + run(source, {}, limits);
  } catch (const FormatError& error) {
    return std::string("FormatError: ") + error.what();
  } catch (const OptionError& error) {
    return std::string("OptionError: ") + error.what();
  } catch (const CapacityError& error) {
    return std::string("CapacityError: ") + error.what();
  }
}

}  // namespace tutti::test

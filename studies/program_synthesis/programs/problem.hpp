// SPDX-License-Identifier: Apache-2.0
#pragma once
// A problem: find the function from three examples. Five more are hidden and decide whether it was
// found.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "programs/interpreter.hpp"
#include "programs/language.hpp"
#include "programs/value.hpp"

namespace programs {

struct Example {
  std::vector<Value> inputs;
  Value output;

  friend bool operator==(const Example&, const Example&) = default;
};

inline constexpr std::size_t kShownExamples = 3;
inline constexpr std::size_t kHiddenExamples = 5;

struct Problem {
  Signature signature;
  std::vector<Example> shown;   ///< kShownExamples, with outputs that differ from one another.
  std::vector<Example> hidden;  ///< kHiddenExamples of the same kind.
  Program solution;             ///< No program of fewer statements behaves like it.
  /// Hash of the solution's outputs on the probe inputs of the domain.
  std::uint64_t behavior = 0;
  std::size_t domain = 0;  ///< What the inputs are: an index into domains().
};

/// `[3, 1], 2 -> [1, 3]`
[[nodiscard]] inline std::string to_text(const Example& example) {
  std::string text;
  for (const Value& input : example.inputs) text += (text.empty() ? "" : ", ") + to_text(input);
  return text + " -> " + to_text(example.output);
}

}  // namespace programs

// SPDX-License-Identifier: Apache-2.0
#pragma once
// Infinity, for the tests of logits, scores and arithmetic.

#include <limits>

namespace tutti::test {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace tutti::test

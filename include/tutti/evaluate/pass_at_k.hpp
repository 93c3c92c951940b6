// SPDX-License-Identifier: Apache-2.0
#pragma once
// pass@k: the probability that at least one of k samples solves a problem, estimated from n >= k
// samples of which c solved it.

#include <cstddef>
#include <span>

#include "tutti/base/error.hpp"

namespace tutti {

/// The samples of one problem, and how many of them solved it.
struct SampleCount {
  std::size_t samples = 0;  ///< n
  std::size_t solved = 0;   ///< c, at most n
};

/// The unbiased estimate 1 - C(n - c, k) / C(n, k) of Chen et al., "Evaluating large language
/// models trained on code" (2021), as the product 1 - prod_{i = n-c+1..n} (1 - k / i), which
/// avoids large factorials. The simpler 1 - (1 - c/n)^k is biased.
/// @throws OptionError unless 1 <= k <= n and c <= n.
[[nodiscard]] inline double pass_at_k(SampleCount count, std::size_t k) {
  const auto [n, c] = count;
  require<OptionError>(
      c <= n, c, " of ", n,
      " samples solve the problem: the number of solving samples is at most the number of "
      "samples");
  require<OptionError>(k >= 1 && k <= n, "pass@", k, " of ", n,
                       " samples: k must be between 1 and the number of samples");
  if (n - c < k) return 1.0;  // any k samples contain a solution
  double none = 1.0;
  for (std::size_t i = n - c + 1; i <= n; ++i)
    none *= 1.0 - static_cast<double>(k) / static_cast<double>(i);
  return 1.0 - none;
}

/// The mean of `pass@k` over problems.
/// @throws OptionError for no problems, and as above for each problem.
[[nodiscard]] inline double pass_at_k(std::span<const SampleCount> problems, std::size_t k) {
  require<OptionError>(!problems.empty(), "pass@", k, " of 0 problems: give at least one");
  double sum = 0;
  for (const SampleCount& problem : problems) sum += pass_at_k(problem, k);
  return sum / static_cast<double>(problems.size());
}

}  // namespace tutti

// SPDX-License-Identifier: Apache-2.0
#pragma once
// The confidence of a candidate as DeepConf computes it: means over sliding groups of tokens.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tutti/base/candidate.hpp"

namespace tutti {

/// The confidence of one token of a candidate: not negative, larger is more certain.
using TokenConfidence = std::function<double(const Candidate&, std::size_t token)>;

/// The probability of the token that was drawn.
struct DrawnTokenProbability {
  [[nodiscard]] double operator()(const Candidate& candidate, std::size_t token) const {
    return std::exp(static_cast<double>(candidate.log_probabilities[token]));
  }
};

/// The confidence of a candidate, from the means of all groups of successive tokens.
enum class CandidateConfidence : std::uint8_t {
  mean,          ///< Mean over all tokens.
  tail,          ///< Mean over the last group.
  lowest_group,  ///< The lowest mean of a group.
  lowest_tenth,  ///< Mean of the lowest tenth of the group means, of one at least.
};

namespace detail {

/// Mean confidence of the tokens from `begin` to `end`; 0 for none.
[[nodiscard]] inline double mean_confidence(const Candidate& candidate, std::size_t begin,
                                            std::size_t end, const TokenConfidence& confidence) {
  double sum = 0;
  for (std::size_t i = begin; i < end; ++i) sum += confidence(candidate, i);
  return end > begin ? sum / static_cast<double>(end - begin) : 0.0;
}

/// Mean of the last `group` tokens, of all if there are fewer.
[[nodiscard]] inline double last_group_confidence(const Candidate& candidate, std::size_t group,
                                                  const TokenConfidence& confidence) {
  const std::size_t count = candidate.tokens.size();
  return mean_confidence(candidate, count - std::min(group, count), count, confidence);
}

/// A candidate shorter than a group is one group.
[[nodiscard]] inline double candidate_confidence(const Candidate& candidate,
                                                 CandidateConfidence measure, std::size_t group,
                                                 const TokenConfidence& confidence) {
  const std::size_t count = candidate.tokens.size();
  if (measure == CandidateConfidence::mean || count <= group)
    return mean_confidence(candidate, 0, count, confidence);
  if (measure == CandidateConfidence::tail)
    return last_group_confidence(candidate, group, confidence);
  std::vector<double> tokens, means;
  for (std::size_t i = 0; i < count; ++i) tokens.push_back(confidence(candidate, i));
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    sum += tokens[i];
    if (i >= group) sum -= tokens[i - group];
    if (i + 1 >= group) means.push_back(sum / static_cast<double>(group));
  }
  const std::size_t used = measure == CandidateConfidence::lowest_group
                               ? 1
                               : std::max<std::size_t>(1, means.size() / 10);
  std::partial_sort(means.begin(), means.begin() + static_cast<std::ptrdiff_t>(used), means.end());
  double lowest = 0;
  for (std::size_t i = 0; i < used; ++i) lowest += means[i] / static_cast<double>(used);
  return lowest;
}

/// The value below which `share` of the values lie, interpolated as numpy.percentile does.
[[nodiscard]] inline double quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double rank = share * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(rank);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (rank - static_cast<double>(low)) * (values[high] - values[low]);
}

}  // namespace detail

}  // namespace tutti

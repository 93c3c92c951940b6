// SPDX-License-Identifier: Apache-2.0
#pragma once
// Decides which candidates give the same answer, for selectors that count votes.

#include <concepts>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tutti/base/candidate.hpp"
#include "tutti/selector/selector.hpp"
#include "tutti/selector/white_space.hpp"

namespace tutti {

/// A callable that maps a candidate to its answer: equal strings are equal answers. It returns
/// std::string or std::optional<std::string>; with std::nullopt or an empty string the candidate
/// abstains.
template <class C>
concept CanonicalAnswer = requires(const C& canonical, const Candidate& candidate) {
  { canonical(candidate) } -> std::convertible_to<std::optional<std::string>>;
};

/// The text without white space (Unicode's) at both ends. Blank texts abstain.
struct TrimmedText {
  [[nodiscard]] std::optional<std::string> operator()(const Candidate& candidate) const {
    std::string answer(detail::trim_white_space(candidate.text));
    if (answer.empty()) return std::nullopt;
    return answer;
  }
};

namespace detail {

/// Instead of an answer's number, for a candidate that abstains.
inline constexpr std::size_t kAbstains = std::numeric_limits<std::size_t>::max();

/// The number of each candidate's answer, or kAbstains. Answers are numbered in order of
/// appearance. Candidates that may not vote are not passed to `canonical`.
template <CanonicalAnswer Canonical>
[[nodiscard]] std::vector<std::size_t> number_answers(std::span<const Candidate> candidates,
                                                      const Canonical& canonical) {
  std::map<std::string, std::size_t> numbers;
  std::vector<std::size_t> result;
  result.reserve(candidates.size());
  for (const Candidate& candidate : candidates) {
    std::optional<std::string> answer;
    if (may_vote(candidate)) answer = canonical(candidate);
    const bool abstains = !answer || answer->empty();
    result.push_back(abstains
                         ? kAbstains
                         : numbers.try_emplace(std::move(*answer), numbers.size()).first->second);
  }
  return result;
}

}  // namespace detail

}  // namespace tutti

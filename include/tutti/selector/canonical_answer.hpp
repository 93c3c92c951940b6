// SPDX-License-Identifier: Apache-2.0
#pragma once
// What makes two candidates the same answer. Votes are counted by it.

#include <concepts>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tutti/base/candidate.hpp"

namespace tutti {

/// A callable that gives each candidate the answer it stands for: equal strings are equal answers.
template <class C>
concept CanonicalAnswer = requires(const C& canonical, const Candidate& candidate) {
  { canonical(candidate) } -> std::convertible_to<std::string>;
};

/// The text without the white space around it.
struct TrimmedText {
  [[nodiscard]] std::string operator()(const Candidate& candidate) const {
    constexpr std::string_view kWhiteSpace = " \t\n\r\f\v";
    const std::size_t first = candidate.text.find_first_not_of(kWhiteSpace);
    if (first == std::string::npos) return {};
    return candidate.text.substr(first, candidate.text.find_last_not_of(kWhiteSpace) - first + 1);
  }
};

namespace detail {

/// For each candidate the number of its answer; answers are numbered in the order in which they
/// appear.
template <CanonicalAnswer Canonical>
[[nodiscard]] std::vector<std::size_t> number_answers(std::span<const Candidate> candidates,
                                                      const Canonical& canonical) {
  std::map<std::string, std::size_t> numbers;
  std::vector<std::size_t> result;
  for (const Candidate& candidate : candidates)
    result.push_back(numbers.try_emplace(canonical(candidate), numbers.size()).first->second);
  return result;
}

}  // namespace detail

}  // namespace tutti

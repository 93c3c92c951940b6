// SPDX-License-Identifier: Apache-2.0
#pragma once
// Problem sets: the same (split, seed, count) gives the same problems on every machine.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "programs/behavior.hpp"
#include "programs/list_functions.hpp"
#include "programs/problem.hpp"
#include "programs/string_functions.hpp"
#include "programs/vocabulary.hpp"
#include "tutti/base/error.hpp"

namespace programs {

namespace detail {

/// In tokens. Any three of a problem's examples may be shown, so all keep to it.
inline constexpr std::size_t kLongestExample = 29;
static_assert(2 + 3 * (kLongestExample + 1) + 3 * 4 + 1 <= kLongestSequence,
              "marks, three examples, three of the longest expressions");

/// Of a hundred problems of a language, how many have functions that need one, two and three
/// statements. Lists have few functions that need only one: with these shares, sets of some
/// thousand problems are of the same difficulty as sets of some hundred.
inline constexpr std::array<std::size_t, 3> kListShares{2, 25, 73};
inline constexpr std::array<std::size_t, 3> kStringShares{6, 50, 44};

/// Whether a problem may have this example: the output says something, and it is short enough.
[[nodiscard]] inline bool is_good_example(const Example& example) {
  if (is_nothing(example.output) || is_empty_list(example.output) || is_clipped(example.output))
    return false;
  return encode_example(example).size() <= kLongestExample;
}

/// Draws one problem after the other and remembers their functions.
class ProblemGenerator {
 public:
  /// @param tries  draws that may fail one after the other before a length counts as exhausted
  ProblemGenerator(Split split, std::uint64_t seed, std::size_t tries = 20'000)
      : split_(split), tries_(tries), random_(seed, static_cast<std::uint64_t>(split)) {
    for (std::size_t length = 1; length <= ListFunctions::kTabulated; ++length) {
      left_[length - 1] = list_functions().tabulated(length, split);
      random_.shuffle(left_[length - 1]);
    }
  }

  [[nodiscard]] Problem next(Language language) {
    std::size_t& shortest = shortest_[static_cast<std::size_t>(language)];
    const std::size_t wanted = draw_length(language);
    for (;;) {
      const std::size_t length = std::max(wanted, shortest);
      for (std::size_t tries = 0; tries < tries_; ++tries) {
        std::optional<Problem> problem = draw_problem(language, length);
        if (problem) return std::move(*problem);
      }
      // A set may ask for more short functions than there are: then longer ones take their places.
      tutti::require<tutti::OptionError>(length < kLongest, "no further function after ",
                                         used_.size(), " problems: ask for fewer");
      shortest = length + 1;
    }
  }

 private:
  static constexpr std::size_t kLongest = 3;

  [[nodiscard]] static const ListFunctions& list_functions() {
    static const ListFunctions functions;
    return functions;
  }
  [[nodiscard]] static const StringFunctions& string_functions() {
    static const StringFunctions functions;
    return functions;
  }

  [[nodiscard]] static std::uint64_t hash_tokens(const std::vector<tutti::Token>& tokens) {
    std::uint64_t hash = tokens.size();
    for (const tutti::Token token : tokens) hash = mix(hash, static_cast<std::uint64_t>(token));
    return hash;
  }

  [[nodiscard]] std::size_t draw_length(Language language) {
    const auto& shares = language == Language::list ? kListShares : kStringShares;
    const std::size_t percent = random_.below(100);
    return percent < shares[0] ? 1 : percent < shares[0] + shares[1] ? 2 : 3;
  }

  [[nodiscard]] std::optional<Problem> draw_problem(Language language, std::size_t length) {
    const std::optional<Function> function = language == Language::list
                                                 ? next_list_function(length)
                                                 : string_functions().draw(random_, length, split_);
    if (!function || used_.contains(function->behavior)) return std::nullopt;
    const std::uint64_t written = hash_tokens(encode_program(function->program));
    if (used_programs_.contains(written)) return std::nullopt;
    std::optional<Problem> problem = make_problem(*function);
    if (!problem) return std::nullopt;
    used_.insert(function->behavior);
    used_programs_.insert(written);
    return problem;
  }

  [[nodiscard]] std::optional<Function> next_list_function(std::size_t length) {
    for (; length <= ListFunctions::kTabulated; ++length) {
      std::vector<Function>& left = left_[length - 1];
      if (left.empty()) continue;
      Function function = std::move(left.back());
      left.pop_back();
      return function;
    }
    return list_functions().draw(random_, split_);
  }

  /// Examples of a function; nothing if good ones are hard to find.
  [[nodiscard]] std::optional<Problem> make_problem(const Function& function) {
    Problem problem{
        function.program.signature, {}, {}, function.program, function.behavior, function.domain};
    const std::size_t style = random_.below(kStyles);
    std::size_t repeating = 0;  // examples from which nothing is seen; one of them may be shown
    for (std::size_t tries = 0; tries < 60; ++tries) {
      Example example{domains()[function.domain].draw(random_, style), {}};
      example.output = run(function.program, example.inputs);
      if (!is_good_example(example)) continue;
      std::vector<Example>& into = problem.shown.size() < kShownExamples ? problem.shown
                                                                         : problem.hidden;
      if (&into == &problem.shown && repeats_an_input(example) && ++repeating > 1) continue;
      const auto repeats = [&](const Example& other) {
        return other.inputs == example.inputs ||
               (&into == &problem.shown && other.output == example.output);
      };
      if (std::any_of(problem.shown.begin(), problem.shown.end(), repeats)) continue;
      if (std::any_of(problem.hidden.begin(), problem.hidden.end(), repeats)) continue;
      into.push_back(std::move(example));
      if (problem.hidden.size() == kHiddenExamples) return problem;
    }
    return std::nullopt;
  }

  [[nodiscard]] static bool repeats_an_input(const Example& example) {
    return std::find(example.inputs.begin(), example.inputs.end(), example.output) !=
           example.inputs.end();
  }

  Split split_;
  std::size_t tries_;
  Random random_;
  /// The least length of which a language has functions left.
  std::array<std::size_t, 2> shortest_{1, 1};
  std::vector<Function> left_[ListFunctions::kTabulated];
  std::unordered_set<std::uint64_t> used_;  ///< Behaviors.
  /// A program counts once, even if it does different things in different domains.
  std::unordered_set<std::uint64_t> used_programs_;
};

}  // namespace detail

/// `count` problems of functions that belong to the split, half of them of each language, no two
/// with the same behavior.
/// @throws tutti::OptionError if the split has fewer functions
[[nodiscard]] inline std::vector<Problem> make_problems(Split split, std::uint64_t seed,
                                                        std::size_t count) {
  detail::ProblemGenerator generator(split, seed);
  std::vector<Problem> problems;
  problems.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    problems.push_back(generator.next(i % 2 == 0 ? Language::list : Language::string));
  return problems;
}

}  // namespace programs

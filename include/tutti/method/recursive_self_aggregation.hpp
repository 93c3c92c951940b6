// SPDX-License-Identifier: Apache-2.0
#pragma once
// Recursive self-aggregation (RSA): Venkatraman, Jain, Mittal, Shah, Obando-Ceron, Bengio,
// Bartoldson, Kailkhura, Lajoie, Berseth, Malkin and Jain, "Recursive self-aggregation unlocks deep
// thinking in large language models" (2025, arXiv:2509.26626).
//
// A population of N answers is rewritten T - 1 times: every new member is an answer to a prompt
// that contains the question and K members of the last population, drawn without replacement. The
// last population votes.
//
// Cost: N T answers, and N (T - 1) prompts of about K answers each; the N prompts of a round are
// computed in one batch. The first N candidates of the result are those of the full run of
// Generate, the last N are the last population. The paper uses N = 16, K = 4, T = 10.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/base/numeric/philox.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/method/detail/further_prompts.hpp"
#include "tutti/method/detail/stages.hpp"
#include "tutti/selector/canonical_answer.hpp"
#include "tutti/selector/majority_vote.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti {

/// The default prompt of a round.
[[nodiscard]] inline std::string aggregation_prompt(std::string_view question,
                                                    std::span<const std::string> answers) {
  std::string text = "Question:\n";
  text.append(question).append("\n\nHere are proposed answers. Some of them may be wrong.\n");
  for (std::size_t i = 0; i < answers.size(); ++i)
    text.append("\nAnswer ").append(std::to_string(i + 1)).append(":\n").append(answers[i] + "\n");
  return text.append(
      "\nUse what is right in them, correct what is wrong, and write one better answer to the "
      "question.\n");
}

struct AggregationOptions {
  std::size_t rounds = 3;   ///< T, the first population included.
  std::size_t members = 4;  ///< K, at most the size of the population.
  std::function<std::string(std::string_view question, std::span<const std::string> answers)>
      prompt = aggregation_prompt;
};

/// N = the number of experts times Request::samples_per_expert; each member is rewritten by the
/// expert that wrote it.
template <CanonicalAnswer Canonical = TrimmedText>
class RecursiveSelfAggregation {
 public:
  /// @throws OptionError for an option out of range.
  explicit RecursiveSelfAggregation(AggregationOptions options = {},
                                    Canonical canonical = Canonical())
      : options_(std::move(options)), canonical_(std::move(canonical)) {
    require<OptionError>(options_.rounds >= 1 && options_.members >= 1, "rounds is ",
                         options_.rounds, " and members is ", options_.members,
                         ": both must be at least 1");
  }

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  static Task<Selection> answer(Session& session, RecursiveSelfAggregation self) {
    const std::vector<std::size_t> first = co_await session.write(
        session.request().samples_per_expert);
    std::vector<Candidate> population(session.candidates().begin(), session.candidates().end());
    bool limited = detail::limit_reached(session, first);
    std::size_t round = 1;
    for (; round < self.options_.rounds && !limited; ++round) {
      std::vector<Awaitable<Result>> asked;
      for (std::size_t i = 0; i < population.size(); ++i) {
        Request request = self.request_of(session, population, round, i);
        const std::uint32_t expert = population[i].expert;
        asked.push_back(session.ask(std::move(request),
                                    [expert](Session& part) { return write_one(part, expert); }));
      }
      for (std::size_t i = 0; i < population.size(); ++i) {
        const Result result = co_await asked[i];
        population[i] = result.best();
        limited = limited || population[i].finish == FinishReason::canceled;
      }
    }
    if (round == 1) co_return MajorityVote<Canonical>(self.canonical_).select(population);
    const std::size_t before = session.candidates().size();
    for (const Candidate& member : population) session.adopt(member);
    const std::span<const Candidate> last = session.candidates().subspan(before);
    Selection selection = MajorityVote<Canonical>(self.canonical_).select(last);
    selection.index += before;
    selection.selector_scores.insert(selection.selector_scores.begin(), before, 0.0);
    co_return selection;
  }

  static Task<Selection> write_one(Session& session, std::uint32_t expert) {
    Route route(session.experts());
    route[expert] = 1;
    co_await session.write(route);
    co_return Selection{};
  }

  /// The prompt of member i: K members, by the first steps of a Fisher-Yates shuffle.
  [[nodiscard]] Request request_of(const Session& session, const std::vector<Candidate>& population,
                                   std::size_t round, std::size_t i) const {
    const Request& request = session.request();
    // No expert has the number 65535, so that no candidate draws with this key.
    const DrawKey key{request.seed, request.draw_stream, 65535, static_cast<std::uint16_t>(round),
                      static_cast<std::uint32_t>(i)};
    std::vector<std::size_t> order(population.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::vector<std::string> texts;
    for (std::size_t k = 0; k < std::min(options_.members, order.size()); ++k) {
      const auto u = static_cast<double>(
          to_open_unit(draw_block(key, static_cast<std::uint32_t>(k))[0]));
      const auto rest = static_cast<double>(order.size() - k);
      std::swap(order[k], order[k + static_cast<std::size_t>(u * rest)]);
      texts.push_back(population[order[k]].text);
    }
    const std::size_t number = round * population.size() + i;
    return detail::further_request(session, options_.prompt(session.prompt_text(), texts),
                                   static_cast<std::uint32_t>(number));
  }

  AggregationOptions options_;
  Canonical canonical_;
};

}  // namespace tutti

TUTTI_COROUTINES_END

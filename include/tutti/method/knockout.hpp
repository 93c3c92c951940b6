// SPDX-License-Identifier: Apache-2.0
#pragma once
// A knockout tournament with pairwise comparisons by a judge: Chen, Pan, Li, Ding and Zhou, "Simple
// and provable scaling laws for the test-time compute of large language models" (2024,
// arXiv:2411.19477). In each round the candidates that are left are compared in pairs, and the
// better of each pair goes on.
//
// The judge, one of the experts, reads both answers and its next token says which is better. The
// paper draws K verdicts and takes their majority; here the log-odds of the two verdicts are read
// from the logits, for both orders of the answers, which cancels a preference for a place:
//     advantage(i, j) = [log p(A | i, j) - log p(B | i, j) + log p(B | j, i) - log p(A | j, i)]
//     / 2.
// i goes on if it is not negative. Equal texts are not compared.
//
// Cost: the candidates, and at most N - 1 comparisons of two judge prompts in ceil(log2 N) rounds;
// the comparisons of a round are scored in one batch. The selector's values count the rounds that a
// candidate survived.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tutti/base/error.hpp"
#include "tutti/engine/detail/check_request.hpp"
#include "tutti/engine/session.hpp"
#include "tutti/engine/task.hpp"
#include "tutti/method/detail/further_prompts.hpp"
#include "tutti/selector/selector.hpp"

TUTTI_COROUTINES_BEGIN

namespace tutti {

/// The default question to a judge.
[[nodiscard]] inline std::string pairwise_judge_prompt(std::string_view question,
                                                       std::string_view first,
                                                       std::string_view second) {
  std::string text = "Which of two answers to a question is better?\n\nQuestion:\n";
  text.append(question).append("\n\nAnswer A:\n").append(first);
  text.append("\n\nAnswer B:\n").append(second);
  return text.append("\n\nReply with the letter A or B only.\n");
}

struct KnockoutOptions {
  std::uint32_t judge = 0;  ///< The expert that compares.
  std::function<std::string(std::string_view question, std::string_view first,
                            std::string_view second)>
      prompt = pairwise_judge_prompt;
  std::string first_is_better = "A";  ///< The judge's verdicts.
  std::string second_is_better = "B";
};

class Knockout {
 public:
  explicit Knockout(KnockoutOptions options = {}) : options_(std::move(options)) {}

  Task<Selection> operator()(Session& session) const { return answer(session, *this); }

 private:
  using Pair = std::pair<std::size_t, std::size_t>;

  /// @throws OptionError for a judge that does not exist, a prompt given as tokens, no tokenizer.
  static Task<Selection> answer(Session& session, Knockout self) {
    co_await session.write(session.request().samples_per_expert);
    Selection selection;
    selection.selector_scores.resize(session.candidates().size());
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < session.candidates().size(); ++i) {
      if (detail::may_vote(session.candidates()[i])) left.push_back(i);
    }
    while (left.size() > 1 && !session.stop_requested()) {
      const std::vector<Pair> pairs = self.pairs_to_compare(session, left);
      std::vector<TextToScore> texts = self.judge_texts(session, pairs);
      std::vector<std::vector<float>> scores;
      try {
        if (!texts.empty()) scores = co_await session.score(std::move(texts));
      } catch (const CanceledError&) {
        left.resize(1);
        continue;
      }
      left = winners(left, pairs, scores);
      for (const std::size_t i : left) ++selection.selector_scores[i];
    }
    if (!left.empty()) selection.index = left.front();
    co_return selection;
  }

  /// Neighbors among those left, except where the texts are equal; an odd last one waits.
  static std::vector<Pair> pairs_to_compare(const Session& session,
                                            const std::vector<std::size_t>& left) {
    std::vector<Pair> pairs;
    for (std::size_t i = 0; i + 1 < left.size(); i += 2) {
      if (session.candidates()[left[i]].text != session.candidates()[left[i + 1]].text)
        pairs.emplace_back(left[i], left[i + 1]);
    }
    return pairs;
  }

  /// Four per pair: both verdicts for both orders.
  [[nodiscard]] std::vector<TextToScore> judge_texts(const Session& session,
                                                     const std::vector<Pair>& pairs) const {
    std::vector<TextToScore> texts;
    for (const auto& [first, second] : pairs) {
      for (const auto& [a, b] : {Pair{first, second}, Pair{second, first}}) {
        std::string prompt = options_.prompt(session.prompt_text(), session.candidates()[a].text,
                                             session.candidates()[b].text);
        const Request request = detail::further_request(session, std::move(prompt), 0);
        const std::vector<Token> context = detail::encode_prompt(request, session.codec());
        for (const std::string* verdict : {&options_.first_is_better, &options_.second_is_better}) {
          texts.push_back(
              {options_.judge, context, detail::encode_continuation(session.codec(), *verdict)});
        }
      }
    }
    return texts;
  }

  static std::vector<std::size_t> winners(const std::vector<std::size_t>& left,
                                          const std::vector<Pair>& pairs,
                                          const std::vector<std::vector<float>>& scores) {
    std::vector<std::size_t> next;
    std::size_t compared = 0;
    for (std::size_t i = 0; i < left.size(); i += 2) {
      next.push_back(left[i]);
      if (compared >= pairs.size() || pairs[compared].first != left[i]) continue;
      const auto sum = [&](std::size_t text) {
        const std::vector<float>& values = scores[4 * compared + text];
        return std::accumulate(values.begin(), values.end(), 0.0);
      };
      if (sum(0) - sum(1) + sum(3) - sum(2) < 0) next.back() = left[i + 1];
      ++compared;
    }
    return next;
  }

  KnockoutOptions options_;
};

}  // namespace tutti

TUTTI_COROUTINES_END

// SPDX-License-Identifier: Apache-2.0
#include "tutti/method/deep_conf.hpp"

#include "tests/method/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Confidence of a letter: 'a' is 0, 'b' is 1, ...
double letter_confidence(const Candidate& candidate, std::size_t token) {
  return candidate.tokens[token];
}

/// The answer is the last letter.
std::string last_letter(const Candidate& candidate) {
  return candidate.text.substr(candidate.text.size() - 1);
}
using LastLetter = std::string (*)(const Candidate&);

DeepConfOptions by_letter(CandidateConfidence measure, double keep) {
  DeepConfOptions options;
  options.token = letter_confidence;
  options.group = 2;
  options.measure = measure;
  options.keep = keep;
  return options;
}

}  // namespace

TEST_CASE("The confidence of a candidate comes from its groups of tokens", "[deep_conf]") {
  Candidate candidate;
  candidate.tokens = {4, 2, 1, 3, 5};  // groups of two: 3, 1.5, 2, 4
  const auto confidence = [&](CandidateConfidence measure, std::size_t group) {
    return detail::candidate_confidence(candidate, measure, group, letter_confidence);
  };
  CHECK(confidence(CandidateConfidence::mean, 2) == 3.0);
  CHECK(confidence(CandidateConfidence::tail, 2) == 4.0);
  CHECK(confidence(CandidateConfidence::lowest_group, 2) == 1.5);
  CHECK(confidence(CandidateConfidence::lowest_tenth, 2) == 1.5);  // a tenth of 4 groups: one
  CHECK(confidence(CandidateConfidence::lowest_group, 9) == 3.0);
  candidate.tokens.clear();
  CHECK(confidence(CandidateConfidence::lowest_group, 2) == 0.0);
  for (Token token = 0; token < 21; ++token) candidate.tokens.push_back(token);
  // Twenty groups with the means .5, 1.5, ...: the lowest two.
  CHECK(confidence(CandidateConfidence::lowest_tenth, 2) == 1.0);
}

TEST_CASE("The threshold is interpolated as numpy.percentile does", "[deep_conf]") {
  CHECK(detail::quantile({4, 1, 3, 2}, 0.9) == Approx(3.7));
  CHECK(detail::quantile({4, 1, 3, 2}, 0.0) == 1.0);
  CHECK(detail::quantile({4, 1, 3, 2}, 1.0) == 4.0);
  CHECK(detail::quantile({7}, 0.3) == 7.0);
}

TEST_CASE("The default confidence of a token is its probability", "[deep_conf]") {
  Candidate candidate;
  candidate.tokens = {1, 2};
  candidate.log_probabilities = {std::log(0.25F), std::log(0.75F)};
  CHECK(detail::mean_confidence(candidate, 0, 2, DrawnTokenProbability{}) == Approx(0.5));
}

TEST_CASE("DeepConf offline weights votes by confidence and keeps the best", "[deep_conf]") {
  Engine engine = letter_engine();
  // Means: bbb 1, bcb 4/3, jjc 20/3, kkb 7.
  const Request request = scripted({{"bbb.", "bcb.", "jjc.", "kkb."}});
  const auto vote = [&](double keep) {
    return answer(
        engine, request,
        DeepConfOffline<LastLetter>(by_letter(CandidateConfidence::mean, keep), last_letter));
  };
  const Result all = vote(1.0);
  CHECK(all.candidates[2].score == Approx(20.0 / 3));
  CHECK(all.selection.selector_scores[0] == Approx(1 + 4.0 / 3 + 7));
  CHECK(all.selection.selector_scores[2] == Approx(20.0 / 3));
  CHECK(all.selection.index == 3);  // of 'b', the most confident
  const Result half = vote(0.5);
  CHECK(half.selection.selector_scores[3] == Approx(7.0));
  CHECK(half.selection.selector_scores[0] == 0.0);
}

TEST_CASE("DeepConf online stops candidates whose confidence falls below the threshold",
          "[deep_conf]") {
  Engine engine = letter_engine();
  // Lowest groups of two of the warm-up: eec 3, ggb 3.5. keep = .5: the threshold is 3.25.
  const Request request = scripted({{"eec.", "ggb.", "eebeeeee.", "ffffffffc.", "hhb."}});
  DeepConfOptions options = by_letter(CandidateConfidence::lowest_group, 0.5);
  options.warm_up = 2;
  options.consensus = 1.1;
  const Result result = answer(engine, request, DeepConfOnline<LastLetter>(options, last_letter));
  CHECK(texts_of(result) == std::vector<std::string>{"eec", "ggb", "eeb", "ffffffffc", "hhb"});
  CHECK(result.candidates[2].finish == FinishReason::pruned);  // after the group e b: 2.5
  // eec is below the threshold; ggb 3.5, ffffffffc (5 + 2) / 2 = 3.5, hhb (7 + 1) / 2 = 4 vote.
  CHECK(result.selection.selector_scores == std::vector<double>{0.0, 7.5, 0.0, 3.5, 7.5});
  CHECK(result.selection.index == 4);
  const Result full = answer(engine, request, Generate<>());
  CHECK(full.cost.total().generated_tokens == 4 + 4 + 9 + 10 + 4);
  CHECK(result.cost.total().generated_tokens == 4 + 4 + 3 + 10 + 4);
  CHECK(is_part_of(result, full));
}

TEST_CASE("DeepConf online ends when the answers agree", "[deep_conf]") {
  Engine engine = letter_engine();
  const Request request = scripted({{"eec.", "eec.", "ggb.", "eec.", "eec.", "eec."}});
  DeepConfOptions options = by_letter(CandidateConfidence::lowest_group, 0.9);
  options.warm_up = 1;
  options.per_stage = 1;
  CHECK(
      answer(engine, request, DeepConfOnline<LastLetter>(options, last_letter)).candidates.size() ==
      1);
  options.warm_up = 3;  // c 6 of 9.5 = .63, 9 of 12.5 = .72, 12 of 15.5 = .774
  options.consensus = 0.75;
  CHECK(
      answer(engine, request, DeepConfOnline<LastLetter>(options, last_letter)).candidates.size() ==
      5);
}

TEST_CASE("DeepConf options out of range are refused", "[deep_conf]") {
  DeepConfOptions options;
  options.keep = 0;
  CHECK_THROWS_WITH(DeepConfOffline<>(options), contains("keep is 0"));
  options.keep = 0.5, options.group = 0;
  CHECK_THROWS_WITH(DeepConfOnline<>(options), contains("group is 0"));
}

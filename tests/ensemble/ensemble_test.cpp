// SPDX-License-Identifier: Apache-2.0
#include "tutti/ensemble/ensemble.hpp"

#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>

#include "tests/ensemble/support.hpp"
#include "tests/support/catch.hpp"
#include "tutti/router/any_router.hpp"
#include "tutti/router/fixed_subset.hpp"
#include "tutti/router/round_robin.hpp"
#include "tutti/scorer/any_scorer.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/scorer/log_probability.hpp"
#include "tutti/selector/any_selector.hpp"
#include "tutti/selector/majority_vote.hpp"
#include "tutti/selector/minimum_bayes_risk.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

template <std::size_t N, class Scorer = MeanLogProbability, class Router = AllExperts>
using LetterEnsemble = Ensemble<N, LetterModel, Scorer, Router>;

template <std::size_t N>
ExpertStack<N, LetterModel> stack_of(std::vector<LetterModel> models) {
  return ExpertStack<N, LetterModel>(std::move(models));
}

Request greedy(std::string prompt, std::size_t tokens) {
  Request request;
  request.prompt = std::move(prompt);
  request.samples_per_expert = 1;
  request.max_new_tokens = tokens;
  request.sampling.temperature = 0;
  return request;
}

Request sampled(std::size_t samples, std::size_t tokens) {
  Request request = greedy("a", tokens);
  request.samples_per_expert = samples;
  request.sampling.temperature = 1;
  return request;
}

}  // namespace

TEST_CASE("Every expert writes its candidates, ordered by expert and sample", "[ensemble]") {
  LetterEnsemble<3> ensemble(stack_of<3>({{1}, {2}, {3}}), letter_codec());
  Request request = greedy("xa", 3);
  request.samples_per_expert = 2;
  const Result result = ensemble.generate(request);
  REQUIRE(result.candidates.size() == 6);
  CHECK(result.candidates[0].text == "bcd");
  CHECK(result.candidates[2].text == "ceg");
  CHECK(result.candidates[5].text == "dgj");
  CHECK(result.candidates[5].expert == 2);
  CHECK(result.candidates[5].sample == 1);
  CHECK(result.candidates[0].finish == FinishReason::length);
  CHECK(result.prompt_tokens == std::vector<Token>{23, 0});
}

TEST_CASE(
    "Log-probabilities are the expert's own at temperature 1, and the scorer's pick is the answer",
    "[ensemble]") {
  const LetterModel unsure{1, 1.0F};
  const LetterModel sure{2, 5.0F};
  LetterEnsemble<2> ensemble(stack_of<2>({unsure, sure}), letter_codec());
  const Result result = ensemble.generate(greedy("a", 2));
  CHECK(result.candidates[0].log_probabilities[1] == Approx(unsure.log_probability_of_favorite()));
  CHECK(result.candidates[1].score == Approx(sure.log_probability_of_favorite()));
  CHECK(result.selection.index == 1);
  CHECK(result.text() == "ce");
}

TEST_CASE("Cross-expert likelihood reads every candidate under every expert", "[ensemble]") {
  // Experts 0 and 1 agree; expert 2 is the most confident, but the others give its answer a low
  // probability.
  const LetterModel agreeing{1, 3.0F};
  const LetterModel loner{5, 6.0F};
  LetterEnsemble<3, CrossExpertLikelihood> ensemble(stack_of<3>({agreeing, agreeing, loner}),
                                                    letter_codec());
  const Result result = ensemble.generate(greedy("a", 4));
  const double own = agreeing.log_probability_of_favorite();
  const double under_loner = -std::log(std::exp(6.0) + 25);
  CHECK(result.candidates[0].score == Approx((2 * own + under_loner) / 3).epsilon(1e-5));
  const double loner_own = loner.log_probability_of_favorite();
  const double under_others = -std::log(std::exp(3.0) + 25);
  CHECK(result.candidates[2].score == Approx((loner_own + 2 * under_others) / 3).epsilon(1e-5));
  CHECK(result.text() == "bcde");
  // Expert 2 reads two candidates of other experts: all tokens but the last of each.
  CHECK(result.cost.per_expert[2].scored_tokens == 6);
}

TEST_CASE("Samples differ from each other, and the same request gives the same samples",
          "[ensemble]") {
  LetterEnsemble<8> ensemble(stack_of<8>(std::vector<LetterModel>(8, {1, 0.0F})), letter_codec());
  const Result first = ensemble.generate(sampled(2, 12));
  const Result again = ensemble.generate(sampled(2, 12));
  std::set<std::vector<Token>> different;
  for (std::size_t i = 0; i < 16; ++i) {
    different.insert(first.candidates[i].tokens);
    CHECK(first.candidates[i].tokens == again.candidates[i].tokens);
    CHECK(first.candidates[i].log_probabilities == again.candidates[i].log_probabilities);
  }
  CHECK(different.size() == 16);
}

TEST_CASE("A candidate is the same alone and among sixteen", "[ensemble]") {
  const std::vector<LetterModel> models{{1, 1.0F}, {2, 1.5F}, {3, 0.5F}, {4, 1.0F},
                                        {5, 1.0F}, {6, 1.0F}, {7, 1.0F}, {8, 1.0F}};
  LetterEnsemble<8> all(stack_of<8>(models), letter_codec());
  const Result sixteen = all.generate(sampled(2, 20));
  LetterEnsemble<8, MeanLogProbability, FixedSubset> one(stack_of<8>(models), letter_codec(), {},
                                                         FixedSubset({5}));
  const Result alone = one.generate(sampled(1, 20));
  REQUIRE(alone.candidates.size() == 1);
  CHECK(alone.candidates[0].expert == 5);
  CHECK(alone.candidates[0].tokens == sixteen.candidates[10].tokens);
  CHECK(alone.candidates[0].log_probabilities == sixteen.candidates[10].log_probabilities);
}

TEST_CASE("Seeds and draw streams change the draws", "[ensemble]") {
  LetterEnsemble<1> ensemble(stack_of<1>({{1, 0.0F}}), letter_codec());
  Request request = sampled(1, 20);
  const auto tokens = [&] { return ensemble.generate(request).candidates[0].tokens; };
  const std::vector<Token> reference = tokens();
  request.seed = 1;
  CHECK(tokens() != reference);
  request.seed = 0;
  request.draw_stream = 1;
  CHECK(tokens() != reference);
  request.draw_stream = 0;
  CHECK(tokens() == reference);
}

TEST_CASE("A candidate ends at the end-of-text token, which is no part of it", "[ensemble]") {
  LetterEnsemble<1> ensemble(stack_of<1>({{1, 3.0F, 9.0F}}), letter_codec());
  const Result result = ensemble.generate(greedy("a", 5));
  CHECK(result.candidates[0].tokens.empty());
  CHECK(result.candidates[0].finish == FinishReason::end_of_text);
  Request on = greedy("a", 5);
  on.ignore_end_of_text = true;
  CHECK(ensemble.generate(on).candidates[0].finish == FinishReason::length);
}

TEST_CASE("Stop tokens and stop strings end a candidate", "[ensemble]") {
  LetterEnsemble<1> ensemble(stack_of<1>({{1}}), letter_codec());
  Request request = greedy("a", 10);
  request.stop_tokens = {4};
  CHECK(ensemble.generate(request).text() == "bcd");
  CHECK(ensemble.generate(request).candidates[0].finish == FinishReason::stop_token);
  request.stop_tokens.clear();
  request.stop_strings = {"ef"};
  const Result result = ensemble.generate(request);
  CHECK(result.text() == "bcd");
  CHECK(result.candidates[0].tokens.size() == 5);
  CHECK(result.candidates[0].finish == FinishReason::stop_string);
}

TEST_CASE("A candidate ends when the context is full", "[ensemble]") {
  LetterEnsemble<1> ensemble(stack_of<1>({{1, 3.0F, -20.0F, 6}}), letter_codec());
  const Result result = ensemble.generate(greedy("abc", 10));
  CHECK(result.text() == "def");
  CHECK(result.candidates[0].finish == FinishReason::context_full);
}

TEST_CASE("A budget of tokens is never exceeded", "[ensemble]") {
  LetterEnsemble<2> ensemble(stack_of<2>({{1}, {2}}), letter_codec());
  Request request = greedy("a", 10);
  request.samples_per_expert = 2;
  request.budget.max_total_tokens = 11;
  const Result result = ensemble.generate(request);
  CHECK(result.cost.total().generated_tokens == 8);
  CHECK(result.candidates[3].finish == FinishReason::budget);
  CHECK(result.candidates[3].text == "ce");
  for (const std::size_t tokens : {1U, 3U}) {  // less than one of each
    request.budget.max_total_tokens = tokens;
    const Result nothing = ensemble.generate(request);
    CHECK(nothing.cost.total().generated_tokens == 0);
    CHECK(nothing.candidates.size() == 4);
    CHECK(nothing.candidates[3].finish == FinishReason::budget);
  }
  request.budget.max_total_tokens = 3;
  CHECK(ensemble.fuse(request).text().size() == 3);
}

TEST_CASE("A stop token of the caller ends the generation with the candidates so far",
          "[ensemble]") {
  LetterEnsemble<2> ensemble(stack_of<2>({{1}, {2}}), letter_codec());
  StopSource source;
  Request request = greedy("a", 10);
  request.stop = source.get_token();
  request.stream = [&](const StreamEvent& event) {
    if (event.expert == 1 && event.token == 6) source.request_stop();
  };
  const Result result = ensemble.generate(request);
  CHECK(result.candidates[0].text == "bcd");
  CHECK(result.candidates[1].text == "ceg");
  CHECK(result.candidates[0].finish == FinishReason::canceled);
  const Result at_once = ensemble.generate(request);  // the stop was already requested
  CHECK(at_once.cost.total().generated_tokens == 0);
  CHECK(at_once.candidates[0].finish == FinishReason::canceled);
}

TEST_CASE("The stream tells every token and joins to the texts", "[ensemble]") {
  LetterEnsemble<2> ensemble(stack_of<2>({{1}, {2}}), letter_codec());
  Request request = greedy("a", 4);
  request.stop_strings = {"zz", "gh"};
  std::vector<std::string> texts(2);
  std::vector<std::size_t> tokens(2);
  std::vector<FinishReason> reasons(2, FinishReason::running);
  request.stream = [&](const StreamEvent& event) {
    texts[event.expert] += event.text;
    tokens[event.expert] += event.token >= 0 ? 1 : 0;
    if (event.finish != FinishReason::running) reasons[event.expert] = event.finish;
  };
  const Result result = ensemble.generate(request);
  CHECK(texts[0] == result.candidates[0].text);
  CHECK(texts[1] == "cegi");
  CHECK(tokens == std::vector<std::size_t>{4, 4});
  CHECK(reasons == std::vector<FinishReason>(2, FinishReason::length));
}

TEST_CASE("A callback that throws ends the request, and the ensemble can be used again",
          "[ensemble]") {
  LetterEnsemble<1> ensemble(stack_of<1>({{1}}), letter_codec());
  Request request = greedy("a", 4);
  request.stream = [](const StreamEvent& event) {
    if (event.token == 2) throw std::runtime_error("enough");
  };
  CHECK_THROWS_WITH(ensemble.generate(request), "enough");
  CHECK(ensemble.generate(greedy("a", 4)).text() == "bcde");
}

TEST_CASE("The mean of probabilities is the mixture of the experts", "[ensemble]") {
  // From 'a': expert 0 gives 'b' e^2/(e^2+25), expert 1 gives 'c' e^4/(e^4+25): the mixture prefers
  // 'c'.
  LetterEnsemble<2> ensemble(stack_of<2>({{1, 2.0F, -60.0F}, {2, 4.0F, -60.0F}}), letter_codec());
  const Result result = ensemble.fuse(greedy("a", 1));
  CHECK(result.text() == "c");
  const double c_under_0 = 1 / (std::exp(2.0) + 25);
  const double c_under_1 = std::exp(4.0) / (std::exp(4.0) + 25);
  CHECK(result.best().log_probabilities[0] ==
        Approx(std::log((c_under_0 + c_under_1) / 2)).epsilon(1e-5));
}

TEST_CASE("The product of experts is their normalized geometric mean", "[ensemble]") {
  LetterEnsemble<2> ensemble(stack_of<2>({{1, 2.0F, -60.0F}, {2, 4.0F, -60.0F}}), letter_codec());
  const Result result = ensemble.fuse(greedy("a", 1), Fusion::product_of_experts);
  CHECK(result.text() == "c");
  // Mean logits: 'b' 1, 'c' 2, 24 letters 0, the end token -60.
  CHECK(result.best().log_probabilities[0] ==
        Approx(2 - std::log(std::exp(1.0) + std::exp(2.0) + 24)).epsilon(1e-5));
}

TEST_CASE("An ensemble is a language model: the mixture of its experts", "[ensemble]") {
  static_assert(LanguageModel<LetterEnsemble<2>>);
  LetterEnsemble<2> ensemble(stack_of<2>({{1, 2.0F, -60.0F}, {2, 4.0F, -60.0F}}), letter_codec());
  std::vector<float> logits(27);
  const std::vector<Token> context{0};
  ensemble.next_logits(context, logits);
  const double b = (std::exp(2.0) / (std::exp(2.0) + 25) + 1 / (std::exp(4.0) + 25)) / 2;
  CHECK(logits[1] == Approx(std::log(b)).epsilon(1e-5));
  LetterEnsemble<1> full(stack_of<1>({{1, 3.0F, -20.0F, 4}}), letter_codec());
  full.next_logits(std::vector<Token>{0, 1, 2, 3}, logits);  // as long as a model's context
  CHECK(logits[4] > logits[5]);
  CHECK_THROWS_AS(full.next_logits(std::vector<Token>(5, 0), logits), CapacityError);
}

TEST_CASE("A lambda is a scorer", "[ensemble]") {
  Ensemble ensemble(stack_of<3>({{1}, {2}, {1}}), letter_codec(), [](const Candidate& candidate) {
    return candidate.text.find('g') != std::string::npos ? 1.0 : 0.0;
  });
  CHECK(ensemble.generate(greedy("a", 3)).selection.index == 1);
}

TEST_CASE("A sampler of the caller's own draws instead of the options", "[ensemble]") {
  LetterEnsemble<1> ensemble(stack_of<1>({{1}}), letter_codec());
  Request request = greedy("a", 3);
  request.sampling = {};
  request.custom_sampler = [](std::span<const float>, const SamplingContext& context,
                              const DrawKey&,
                              SamplerScratch&) { return context.history.back() + 3; };
  CHECK(ensemble.generate(request).text() == "dgj");
  request.custom_sampler = [](std::span<const float>, const SamplingContext&, const DrawKey&,
                              SamplerScratch&) { return Token{27}; };
  CHECK_THROWS_WITH(ensemble.generate(request), contains("drew token 27 from a vocabulary of 27"));
}

TEST_CASE("Scorers that break their contract get an error that says so", "[ensemble]") {
  Ensemble with_nan(stack_of<2>({{1}, {2}}), letter_codec(),
                    [](const Candidate&) { return std::nan(""); });
  CHECK_THROWS_AS(with_nan.generate(greedy("a", 3)), ComponentError);
  Ensemble with_one(stack_of<2>({{1}, {2}}), letter_codec(),
                    [](const ScoringRequest&) { return std::vector<double>{1.0}; });
  CHECK_THROWS_AS(with_one.generate(greedy("a", 3)), ComponentError);
}

TEST_CASE("NaN logits name the expert, the sample and the position", "[ensemble]") {
  LetterEnsemble<2> ensemble(stack_of<2>({{1}, {1, std::nanf("")}}), letter_codec());
  CHECK_THROWS_AS(ensemble.generate(greedy("abc", 3)), NumericError);
  CHECK_THROWS_WITH(ensemble.generate(greedy("abc", 3)),
                    contains("expert 1, sample 0, position 3"));
  CHECK_THROWS_WITH(ensemble.fuse(greedy("abc", 3)),
                    contains("of 2 different experts, number 1: the logit of token"));
}

TEST_CASE("Requests out of range are refused with both numbers", "[ensemble]") {
  LetterEnsemble<2> ensemble(stack_of<2>({{1, 3.0F, -20.0F, 5}, {2, 3.0F, -20.0F, 5}}),
                             letter_codec());
  const auto refused = [&](auto change, const std::string& message) {
    Request request = greedy("ab", 3);
    change(request);
    CHECK_THROWS_WITH(ensemble.generate(request), contains(message));
    CHECK_THROWS_WITH(ensemble.fuse(request), contains(message));
  };
  refused([](Request& r) { r.prompt = ""; }, "prompt is empty");
  refused([](Request& r) { r.prompt = "abcde"; }, "the prompt has 5 tokens, the context holds 5");
  refused([](Request& r) { r.prompt_tokens = {1}; },
          "a prompt of 2 bytes, 0 messages and 1 prompt tokens: give one of the three");
  refused(
      [](Request& r) {
        r.prompt = "", r.prompt_tokens = {1, 27};
      },
      "prompt token 27 is outside the vocabulary of 27");
  refused([](Request& r) { r.samples_per_expert = 0; }, "samples_per_expert is 0");
  refused([](Request& r) { r.max_new_tokens = 0; }, "max_new_tokens is 0");
  refused([](Request& r) { r.sampling.temperature = -1; }, "-1");
  refused([](Request& r) { r.budget.max_seconds = -2; }, "budget.max_seconds is -2");
  refused([](Request& r) { r.stop_strings = {"a", ""}; }, "stop string 1 of 2 is empty");
  refused([](Request& r) { r.stop_strings = {"\xA9"}; }, "stop string 0 of 1 is not valid UTF-8");
  CHECK(ensemble.generate(greedy("ab", 3)).candidates.size() == 2);
}

TEST_CASE("A text prompt without a codec is refused, tokens are not", "[ensemble]") {
  LetterEnsemble<1> ensemble(stack_of<1>({{1}}));
  CHECK_THROWS_WITH(ensemble.generate(greedy("a", 3)), contains("needs a tokenizer"));
  Request request = greedy("", 3);
  request.prompt_tokens = {0};
  CHECK(ensemble.generate(request).candidates[0].tokens == std::vector<Token>{1, 2, 3});
  request.stop_strings = {"c", "d"};
  CHECK_THROWS_WITH(ensemble.generate(request), contains("2 stop strings need the text of tokens"));
}

TEST_CASE("The ledger counts tokens by expert", "[ensemble]") {
  LetterEnsemble<2> ensemble(stack_of<2>({{1}, {2}}), letter_codec());
  Request request = greedy("abc", 4);
  request.samples_per_expert = 2;
  const Result result = ensemble.generate(request);
  CHECK(result.cost.per_expert[0].prompt_tokens == 3);
  CHECK(result.cost.per_expert[1].generated_tokens == 8);
  CHECK(result.cost.total().generated_tokens == 16);
  CHECK(result.cost.steps == 4);
  const Result fused = ensemble.fuse(request);
  CHECK(fused.cost.total().generated_tokens == 4);
  CHECK(fused.cost.per_expert[0].generated_tokens == 4);
}

TEST_CASE("Every expert's candidates end at its own end tokens", "[ensemble]") {
  // Expert 0 counts by 1 and ends at 'd'; expert 1 counts by 2, passes 'e' and ends at 'g'.
  TextCodec codec = letter_codec();
  codec.expert_end_tokens = {{3}, {6}};
  LetterEnsemble<2> ensemble(stack_of<2>({{1}, {2}}), codec);
  Request request = greedy("a", 5);
  const Result result = ensemble.generate(request);
  CHECK(result.candidates[0].text == "bc");
  CHECK(result.candidates[1].text == "ce");
  CHECK(result.candidates[1].finish == FinishReason::end_of_text);
  // A fused candidate ends at an end token of any expert.
  CHECK(LetterEnsemble<2>(stack_of<2>({{1}, {1}}), codec).fuse(request).text() == "bc");
  request.ignore_end_of_text = true;
  CHECK(ensemble.generate(request).candidates[0].text == "bcdef");
  codec.expert_end_tokens.pop_back();
  CHECK_THROWS_WITH(LetterEnsemble<2>(stack_of<2>({{1}, {2}}), codec),
                    contains("end tokens for 1 experts, the ensemble 2 experts"));
}

TEST_CASE("A chat goes through the codec, and the last user message is the prompt's text",
          "[ensemble]") {
  std::string seen_by_router;
  std::string seen_by_scorer;
  struct Router {
    std::string* text;
    Route route(const RouterQuery& query) const {
      *text = query.text;
      return {1};
    }
  };
  TextCodec codec = letter_codec();
  codec.encode_chat = [](std::span<const ChatMessage> messages) {
    return std::vector<Token>{23, messages.back().content[0] - 'a'};
  };
  Ensemble ensemble(
      stack_of<1>({{1}}), codec,
      [&](const ScoringRequest& scoring) {
        seen_by_scorer = scoring.prompt_text;
        return std::vector<double>(scoring.candidates.size());
      },
      Router{&seen_by_router});
  Request request = greedy("", 2);
  request.messages = {{"system", "s"}, {"user", "old"}, {"assistant", "x"}, {"user", "c"}};
  CHECK(ensemble.generate(request).text() == "de");
  CHECK(ensemble.generate(request).prompt_tokens == std::vector<Token>{23, 2});
  CHECK(seen_by_router == "c");
  CHECK(seen_by_scorer == "c");
  CHECK(ensemble.generate(greedy("ab", 1)).text() == "c");
  CHECK(seen_by_router == "ab");
  CHECK_THROWS_WITH(LetterEnsemble<1>(stack_of<1>({{1}}), letter_codec()).generate(request),
                    contains("a chat of 4 messages needs a chat template"));
}

TEST_CASE("Custom filters run before the sampling options", "[ensemble]") {
  LetterEnsemble<2> ensemble(stack_of<2>({{1}, {2}}), letter_codec());
  Request request = greedy("a", 3);
  std::vector<float> seen;
  request.sampling.logit_bias = {{9, 100.0F}};
  request.filters = {[&](LogitSet& logits, const SamplingContext& context) {
                       if (context.history.size() == 1 && seen.empty())
                         seen.assign(logits.dense_logits().begin(), logits.dense_logits().end());
                       logits.keep_if([](const TokenLogit& entry) { return entry.token >= 4; });
                     },
                     [](LogitSet& logits, const SamplingContext&) {
                       logits.keep_if([](const TokenLogit& entry) { return entry.token < 9; });
                     }};
  // 'e' is the lowest remaining token; the bias cannot restore 'j'.
  CHECK(ensemble.generate(request).candidates[0].text == "efg");
  CHECK(seen[1] == 3.0F);
  CHECK(seen[9] == 0.0F);
  seen.clear();
  CHECK(ensemble.fuse(request).text() == "efg");
  CHECK(seen[9] < 0.0F);  // log-probabilities of the fused distribution
  request.filters[1] = [](LogitSet& logits, const SamplingContext&) { logits.keep_first(0); };
  CHECK_THROWS_WITH(ensemble.generate(request), contains("no token left"));
  request.filters[1] = nullptr;
  CHECK_THROWS_WITH(ensemble.generate(request), contains("filter 1 of 2 is an empty"));
}

TEST_CASE("A custom sampler together with sampling options or filters is refused", "[ensemble]") {
  LetterEnsemble<1> ensemble(stack_of<1>({{1}}), letter_codec());
  Request request = greedy("a", 3);
  request.custom_sampler = [](std::span<const float>, const SamplingContext&, const DrawKey&,
                              SamplerScratch&) { return Token{1}; };
  CHECK_THROWS_AS(ensemble.generate(request), OptionError);  // greedy() sets the temperature
  CHECK_THROWS_WITH(ensemble.generate(request), contains("custom_sampler and also sampling"));
  request.sampling = {};
  CHECK(ensemble.generate(request).text() == "bbb");
  request.filters = {[](LogitSet&, const SamplingContext&) {}};
  CHECK_THROWS_WITH(ensemble.fuse(request), contains("custom_sampler and 1 filters"));
}

TEST_CASE("Components with explicit default constructors are default arguments too", "[ensemble]") {
  struct ExplicitRouter : AllExperts {
    explicit ExplicitRouter() = default;
  };
  Ensemble<2, LetterModel, MeanLogProbability, AllExperts, MajorityVote<>> majority(
      stack_of<2>({{1}, {2}}));
  Ensemble<2, LetterModel, MeanLogProbability, ExplicitRouter, WeightedMajorityVote<>> weighted(
      stack_of<2>({{1}, {2}}));
  Ensemble<2, LetterModel, MeanLogProbability, RoundRobin, MinimumBayesRisk<>> similar(
      stack_of<2>({{1}, {2}}));
  Request request;
  request.prompt_tokens = {0};
  CHECK(majority.generate(request).candidates.size() == 4);
  CHECK(weighted.generate(request).candidates.size() == 4);
  CHECK(similar.generate(request).candidates.size() == 2);
}

TEST_CASE("A scorer that denies needing the experts must not ask them", "[ensemble]") {
  struct Denies : CrossExpertLikelihood {
    static bool needs_models() { return false; }
  };
  Ensemble<2, LetterModel, Denies, FixedSubset> ensemble(stack_of<2>({{1}, {2}}), letter_codec(),
                                                         {}, FixedSubset({0}));
  CHECK_THROWS_AS(ensemble.generate(greedy("a", 3)), ComponentError);
  CHECK_THROWS_WITH(
      ensemble.generate(greedy("a", 3)),
      contains("asks 2 experts for likelihoods, of which 0 have read the candidates"));
}

TEST_CASE("An ensemble can choose scorer, router and selector at run time", "[ensemble]") {
  Ensemble<std::dynamic_extent, LetterModel, AnyScorer, AnyRouter, AnySelector> ensemble(
      ExpertStack(std::vector<LetterModel>{{1}, {2}}), letter_codec());
  CHECK(ensemble.generate(greedy("a", 3)).candidates.size() == 2);
  ensemble.router() = FixedSubset({1});
  ensemble.scorer() = [](const Candidate& candidate) {
    return static_cast<double>(candidate.tokens.size());
  };
  ensemble.selector() = MajorityVote<>();
  Result result = ensemble.generate(greedy("a", 3));
  CHECK(result.candidates.size() == 1);
  CHECK(result.best().score == 3);
  CHECK(result.cost.per_expert[0].prompt_tokens == 0);  // no one needs expert 0's prompt
  ensemble.scorer() = CrossExpertLikelihood{};
  result = ensemble.generate(greedy("a", 3));
  CHECK(result.cost.per_expert[0].prompt_tokens == 1);
  CHECK(result.cost.per_expert[0].scored_tokens == 2);
}

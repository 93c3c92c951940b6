// SPDX-License-Identifier: Apache-2.0
#include "tutti/method/step_search.hpp"

#include <cmath>

#include "tests/method/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Steps end with 'x'. The reward is the number of the last letter before it.
double reward(const Candidate& candidate) {
  const std::size_t end = candidate.text.find_last_not_of('x');
  return end == std::string::npos ? 0.0 : candidate.text[end] - 'a';
}

StepOptions steps(std::size_t branches, std::size_t max_steps = 40) {
  return {"x", 0, max_steps, branches};
}

}  // namespace

TEST_CASE("Step beam search continues the best candidates in several ways", "[step_search]") {
  Engine engine = letter_engine();
  // Four first steps with the rewards 1 4 2 3; of 4 / 2 = 2 kept, samples 4 and 5 are the branches.
  Request request = scripted(4, [](std::size_t, std::size_t sample) {
    const std::vector<std::string> texts{"bx", "exfx.", "cx", "dxhx.", "exgx.", "dxix."};
    return texts.at(sample);
  });
  request.max_new_tokens = 5;
  const Result result = answer(engine, request,
                               StepBeamSearch<double (*)(const Candidate&)>(reward, steps(2, 2)));
  CHECK(texts_of(result) == std::vector<std::string>{"bx", "exfx", "cx", "dxhx", "exgx", "dxix"});
  CHECK(result.candidates[0].finish == FinishReason::pruned);
  CHECK(result.candidates[2].finish == FinishReason::pruned);
  CHECK(result.text() == "dxix");
  CHECK(result.best().score == 8.0);
  // 4 steps of 2 tokens, then 4 of 2 with their ends: what branches share is not written again.
  CHECK(result.cost.total().generated_tokens == 8 + 12);
}

TEST_CASE("Beam search continues until the candidates that it keeps have ended", "[step_search]") {
  Engine engine = letter_engine();
  // One beam of two. Step 1: e > b. Step 2: f (sample 0 ended), d: the ended one is kept.
  const Request request = scripted(2, [](std::size_t, std::size_t sample) {
    const std::vector<std::string> texts{"exf.", "bx", "exdx"};
    return texts.at(sample);
  });
  const Result result = answer(engine, request,
                               StepBeamSearch<double (*)(const Candidate&)>(reward, steps(2)));
  CHECK(texts_of(result) == std::vector<std::string>{"exf", "bx", "exdx"});
  CHECK(result.selection.index == 0);
  CHECK(result.candidates[2].finish == FinishReason::pruned);
}

TEST_CASE("A branch continues the candidate of its source, token by token", "[step_search]") {
  Engine engine = letter_engine(2, {1, 2.0F, 0.0F});
  Request request;
  request.prompt = "a";
  request.samples_per_expert = 4;
  request.max_new_tokens = 12;
  request.sampling.temperature = 1;
  StepOptions options;
  options.tokens = 3;
  options.mark.clear();
  const auto by_length = [](const Candidate& c) { return static_cast<double>(c.tokens.size()); };
  const Result result = answer(engine, request, StepBeamSearch(by_length, options));
  const Result again = answer(engine, request, StepBeamSearch(by_length, options));
  CHECK(result.candidates.size() > 8);
  for (std::size_t i = 0; i < result.candidates.size(); ++i) {
    CHECK(result.candidates[i].tokens.size() <= 12);
    CHECK(result.candidates[i].tokens == again.candidates[i].tokens);
  }
}

TEST_CASE("Systematic resampling gives floor or ceil of N p copies", "[step_search]") {
  using Copies = std::vector<std::size_t>;
  const double two = std::log(2.0), three = std::log(3.0);
  CHECK(detail::resample({two, 0, 0, -1000}, 0.5) == Copies{2, 1, 1, 0});  // N p = 2, 1, 1, 0
  CHECK(detail::resample({0, 0, 0, 0}, 0.01) == Copies{1, 1, 1, 1});
  CHECK(detail::resample({three, 0}, 0.4) == Copies{2, 0});  // 1.5 and .5: points .4 and 1.4
  CHECK(detail::resample({three, 0}, 0.6) == Copies{1, 1});
  const double none = -std::numeric_limits<double>::infinity();
  CHECK(detail::resample({none, none}, 0.5) == Copies{1, 1});
  CHECK_THROWS_AS(detail::resample({0.0, -none}, 0.5), ComponentError);
}

TEST_CASE("A particle filter resamples with the odds of the reward", "[step_search]") {
  Engine engine = letter_engine();
  // w of the first steps: log 2, 0, 0, -1000, so that N p is 2, 1, 1, 0.
  const auto log_odds = [](const Candidate& candidate) {
    switch (candidate.text.size() > 2 ? candidate.text[2] : candidate.text[0]) {
      case 'b': return std::log(2.0);
      case 'e': return -1000.0;
      case 'z': return 5.0;
      default: return 0.0;
    }
  };
  const Request request = scripted(4, [](std::size_t, std::size_t sample) {
    const std::vector<std::string> texts{"bxf.", "cxg.", "dxh.", "exi.", "bxz."};
    return texts.at(sample);
  });
  const Result result = answer(engine, request, ParticleFilter(log_odds, steps(1)));
  CHECK(texts_of(result) == std::vector<std::string>{"bxf", "cxg", "dxh", "ex", "bxz"});
  CHECK(result.candidates[3].finish == FinishReason::pruned);
  CHECK(result.selection.index == 4);
  CHECK(result.best().score == 5.0);
}

TEST_CASE("Step options out of range are refused", "[step_search]") {
  CHECK_THROWS_WITH(StepBeamSearch(reward, {"", 0, 40, 4}), contains("the mark is empty"));
  CHECK_THROWS_WITH(ParticleFilter(reward, {"x", 0, 0, 4}), contains("max_steps is 0"));
}

// SPDX-License-Identifier: Apache-2.0
#include "tutti/scorer/noisy_channel.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/base/numeric/probability.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// The channel model reads the candidate, then the prompt; all prompt tokens but the first are
/// scored.
ChannelReading candidate_first(const ScoringRequest& request, const Candidate& candidate) {
  ChannelReading reading{candidate.tokens, {}};
  for (const Token token : request.prompt) {
    if (!reading.tokens.empty())
      reading.scored_positions.push_back(static_cast<std::uint32_t>(reading.tokens.size()));
    reading.tokens.push_back(token);
  }
  return reading;
}

std::vector<Candidate> candidates_of(std::initializer_list<std::vector<Token>> texts) {
  std::vector<Candidate> candidates;
  for (const std::vector<Token>& tokens : texts) candidates.emplace_back().tokens = tokens;
  return candidates;
}

}  // namespace

TEST_CASE("A noisy channel's score is the sum of log p of the scored positions",
          "[noisy_channel]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Token> prompt = some_tokens(3);
  const std::vector<Candidate> candidates = candidates_of({some_tokens(4, 2), some_tokens(2, 5)});
  NoisyChannel<TestBackend> channel(model, candidate_first, on_threads(2), exact_cache());
  const std::vector<double> values = channel.score({prompt, {}, candidates});
  REQUIRE(values.size() == 2);
  for (std::size_t c = 0; c < 2; ++c) {
    std::vector<Token> read = candidates[c].tokens;
    double expected = 0;
    for (const Token token : prompt) {
      expected += static_cast<double>(
          log_probability_of(logits_alone(model, read, exact_cache()), token));
      read.push_back(token);
    }
    CHECK(values[c] == Approx(expected).margin(1e-5));
  }
}

TEST_CASE("A noisy channel reads equal candidates once, and a score does not depend on the others",
          "[noisy_channel]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Token> prompt = some_tokens(6);
  const std::vector<Candidate> candidates = candidates_of(
      {some_tokens(4, 2), some_tokens(7, 5), some_tokens(4, 2)});
  NoisyChannel<TestBackend> channel(model, candidate_first);
  const std::vector<double> together = channel.score({prompt, {}, candidates});
  const double rows_of_two = channel.ledger().total().flops;
  CHECK(together[0] == together[2]);
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    CHECK(channel.score({prompt, {}, std::span(candidates).subspan(c, 1)})[0] == together[c]);
  }
  (void)channel.score({prompt, {}, std::span(candidates).first(2)});
  CHECK(channel.ledger().total().flops == rows_of_two);
}

TEST_CASE("A noisy channel gives -infinity to a candidate without scored positions",
          "[noisy_channel]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Candidate> candidates = candidates_of({some_tokens(4, 2), {}});
  const std::vector<Token> prompt = some_tokens(3);
  NoisyChannel<TestBackend> channel(
      model, [](const ScoringRequest& request, const Candidate& candidate) {
        return candidate.tokens.empty() ? ChannelReading{} : candidate_first(request, candidate);
      });
  const std::vector<double> values = channel.score({prompt, {}, candidates});
  CHECK(std::isfinite(values[0]));
  CHECK(values[1] == -std::numeric_limits<double>::infinity());
  CHECK(channel.score({prompt, {}, {}}).empty());
}

TEST_CASE("A noisy channel refuses scored positions out of range and models with a value head",
          "[noisy_channel]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Candidate> candidates = candidates_of({some_tokens(4, 2)});
  const auto score = [&](ChannelReading reading) {
    return NoisyChannel<TestBackend>(
               model, [&](const ScoringRequest&, const Candidate&) { return reading; })
        .score({{}, {}, candidates});
  };
  CHECK_THROWS_WITH(score({{1, 2, 3}, {3}}),
                    contains("3 tokens scores position 3: it must be 1 to 2"));
  CHECK_THROWS_AS(score({{1, 2, 3}, {0}}), ComponentError);
  CHECK_THROWS_WITH(score({{1, 2, 3}, {2, 1}}),
                    contains("position 1 after position 2: positions must ascend"));
  CHECK_THROWS_WITH(
      NoisyChannel<TestBackend>(TestModel::load(checkpoint("reward")), candidate_first),
      contains("has a value head"));
}

// SPDX-License-Identifier: Apache-2.0
#include "tutti/ensemble/candidate_rescorer.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "tests/ensemble/support.hpp"
#include "tests/support/catch.hpp"
#include "tutti/ensemble/generation.hpp"
#include "tutti/transformer/expert_stack.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

using Stack = ExpertStack<2, LetterModel>;

const LetterModel kByOne{1, 3.0F, -60.0F};
const LetterModel kByTwo{2, 5.0F, -60.0F};

/// Two experts that have read the prompt "a".
struct PromptedExperts {
  Stack stack{std::vector<LetterModel>{kByOne, kByTwo}};
  TextCodec codec = letter_codec();
  Request request;
  std::vector<Token> prompt{0};
  Generation<Stack> generation{stack, codec, request, prompt};
  CandidateRescorer<Stack> rescorer{stack, generation.prompt()};

  PromptedExperts() { generation.prefill({true, true}); }
};

Candidate candidate_of(std::uint32_t expert, std::vector<Token> tokens) {
  Candidate candidate;
  candidate.expert = expert;
  candidate.log_probabilities.assign(tokens.size(), -0.5F);
  candidate.tokens = std::move(tokens);
  return candidate;
}

}  // namespace

TEST_CASE("The rescorer reads a candidate under every other expert", "[candidate_rescorer]") {
  PromptedExperts experts;
  // "bd": expert 1 finds 'b' unlikely after "a", and 'd' likely after 'b'.
  const std::vector<Candidate> candidates{candidate_of(0, {1, 3})};
  const LikelihoodTable table = experts.rescorer.likelihoods(candidates);
  CHECK(table.candidates() == 1);
  CHECK(table.experts() == 2);
  CHECK(table.at(0, 0) == std::vector<float>{-0.5F, -0.5F});  // its own, copied
  REQUIRE(table.at(0, 1).size() == 2);
  CHECK(table.at(0, 1)[0] == Approx(-std::log(std::exp(5.0) + 25)));
  CHECK(table.at(0, 1)[1] == Approx(kByTwo.log_probability_of_favorite()));
  CHECK(experts.stack.ledger().per_expert[0].scored_tokens == 0);
  CHECK(experts.stack.ledger().per_expert[1].scored_tokens == 1);
}

TEST_CASE("The rescorer takes empty candidates, single tokens, and none at all",
          "[candidate_rescorer]") {
  PromptedExperts experts;
  const std::vector<Candidate> candidates{candidate_of(1, {}), candidate_of(1, {1})};
  const LikelihoodTable table = experts.rescorer.likelihoods(candidates);
  CHECK(table.at(0, 0).empty());
  REQUIRE(table.at(1, 0).size() == 1);
  CHECK(table.at(1, 0)[0] == Approx(kByOne.log_probability_of_favorite()));
  CHECK(experts.rescorer.likelihoods({}).candidates() == 0);
}

TEST_CASE("The rescorer splits many candidates into batches with the same result",
          "[candidate_rescorer]") {
  PromptedExperts experts;
  std::vector<Token> counting;
  for (Token t = 1; t <= 600; ++t) counting.push_back(t % 26);
  const std::vector<Candidate> candidates(10,
                                          candidate_of(0, counting));  // 5,990 rows, at most 4,096
  const LikelihoodTable table = experts.rescorer.likelihoods(candidates);
  for (std::size_t c = 1; c < 10; ++c) CHECK(table.at(c, 1) == table.at(0, 1));
  CHECK(table.at(9, 1)[599] == Approx(-std::log(std::exp(5.0) + 25)));
}

TEST_CASE("The rescorer refuses candidates whose tokens and log-probabilities differ in number",
          "[candidate_rescorer]") {
  PromptedExperts experts;
  std::vector<Candidate> candidates{candidate_of(0, {1}), candidate_of(0, {1, 2})};
  candidates[1].log_probabilities.pop_back();
  CHECK_THROWS_AS(experts.rescorer.likelihoods(candidates), ComponentError);
  CHECK_THROWS_WITH(experts.rescorer.likelihoods(candidates),
                    contains("candidate 1 of 2 has 2 tokens and 1 log-probabilities"));
}

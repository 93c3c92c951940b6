// SPDX-License-Identifier: Apache-2.0
#include "tutti/ensemble/generation.hpp"

#include <vector>

#include "tests/ensemble/support.hpp"
#include "tests/support/catch.hpp"
#include "tutti/transformer/expert_stack.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

using LetterStack = ExpertStack<2, LetterModel>;

/// Two experts, one counting by 1, one by 2, and a greedy request for five tokens after "a".
struct GenerationFixture {
  LetterStack stack{std::vector<LetterModel>{{1}, {2}}};
  TextCodec codec = letter_codec();
  Request request;
  std::vector<Token> prompt{0};

  GenerationFixture() {
    request.sampling.temperature = 0;
    request.max_new_tokens = 5;
  }
  Generation<LetterStack> generation() { return {stack, codec, request, prompt}; }
};

}  // namespace

TEST_CASE("Prefill processes the prompt for the wanted experts only", "[generation]") {
  GenerationFixture f;
  f.prompt = {5, 6, 7};
  auto generation = f.generation();
  generation.prefill({false, true});
  CHECK(generation.prompt().length == 3);
  CHECK(f.stack.ledger().per_expert[0].prompt_tokens == 0);
  CHECK(f.stack.ledger().per_expert[1].prompt_tokens == 3);
  CHECK(generation.prompt().last_logits.row(1)[9] == 3.0F);  // 7 + 2
}

TEST_CASE("A generation follows its route", "[generation]") {
  GenerationFixture f;
  auto generation = f.generation();
  generation.prefill({true, true});
  const std::vector<Candidate> candidates = generation.sample({0, 2});
  REQUIRE(candidates.size() == 2);
  CHECK(candidates[0].expert == 1);
  CHECK(candidates[1].sample == 1);
  CHECK(candidates[0].text == "cegik");
}

TEST_CASE("A generation that reaches its budget in prefill returns empty candidates",
          "[generation]") {
  GenerationFixture f;
  f.request.budget.max_total_tokens = 1;
  auto generation = f.generation();
  generation.prefill({true, true});
  const std::vector<Candidate> candidates = generation.sample({1, 1});
  REQUIRE(candidates.size() == 2);
  CHECK(candidates[0].tokens.empty());
  CHECK(candidates[0].finish == FinishReason::budget);
}

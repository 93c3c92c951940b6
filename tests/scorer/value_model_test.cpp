// SPDX-License-Identifier: Apache-2.0
#include "tutti/scorer/value_model.hpp"

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/formats/json.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Prompt of `prompt_length` tokens, and candidates that continue it to the lengths in the file.
void check_values(const TestModel& model, const char* expected_of, std::size_t prompt_length) {
  const Json expected = read_json_file(checkpoint(expected_of) / "expected.json");
  const std::vector<Token> tokens = expected.at("tokens");
  std::vector<Candidate> candidates;
  for (const std::size_t length : expected.at("lengths")) {
    candidates.emplace_back().tokens.assign(
        tokens.begin() + static_cast<std::ptrdiff_t>(prompt_length),
        tokens.begin() + static_cast<std::ptrdiff_t>(length));
  }
  ValueModel<TestBackend> scorer(model, 0, on_threads(2), exact_cache());
  const std::vector<double> scores = scorer.score(
      {std::span(tokens).first(prompt_length), {}, candidates});
  REQUIRE(scores.size() == 3);
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(scores[i] == Approx(expected.at("values")[i][0].get<double>()).margin(1e-4));
}

}  // namespace

TEST_CASE("A value model gives transformers' values for prompt and candidate", "[value_model]") {
  // The first candidate is empty: its value is that of the prompt.
  check_values(TestModel::load(checkpoint("reward")), "reward", 1);
}

TEST_CASE("An adapter with a value head makes a reward model of a language model",
          "[value_model]") {
  check_values(TestModel::load(checkpoint("llama")).with_adapter(checkpoint("lora_reward")),
               "lora_reward", 1);
}

TEST_CASE("A value model's score does not depend on the other candidates", "[value_model]") {
  const auto model = TestModel::load(checkpoint("reward"));
  const std::vector<Token> prompt = some_tokens(9);
  std::vector<Candidate> candidates(3);
  for (std::uint32_t i = 0; i < 3; ++i) candidates[i].tokens = some_tokens(5 + 3 * i, i + 2);
  ValueModel<TestBackend> scorer(model);
  const std::vector<double> together = scorer.score({prompt, {}, candidates});
  for (std::size_t i = 0; i < 3; ++i)
    CHECK(scorer.score({prompt, {}, std::span(candidates).subspan(i, 1)})[0] == together[i]);
}

TEST_CASE("A value model refuses models without a value head and labels out of range",
          "[value_model]") {
  CHECK_THROWS_AS(ValueModel<TestBackend>(TestModel::load(checkpoint("llama"))), ModelError);
  CHECK_THROWS_WITH(ValueModel<TestBackend>(TestModel::load(checkpoint("llama"))),
                    contains("no value head"));
  CHECK_NOTHROW(ValueModel<TestBackend>(TestModel::load(checkpoint("reward_three")), 2));
  CHECK_THROWS_WITH(ValueModel<TestBackend>(TestModel::load(checkpoint("reward_three")), 3),
                    contains("label 3 of a value head with 3 labels"));
}

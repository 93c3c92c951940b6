// SPDX-License-Identifier: Apache-2.0
#include "tutti/transformer/expert_stack.hpp"

#include <cmath>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Predicts the sum of all previous tokens, modulo 10, plus `shift`.
struct SumModel {
  int shift = 0;
  std::size_t vocabulary = 10;

  [[nodiscard]] std::size_t vocabulary_size() const { return vocabulary; }
  [[nodiscard]] static std::size_t context_length() { return 6; }
  void next_logits(std::span<const Token> context, std::span<float> logits) const {
    int sum = shift;
    for (const Token token : context) sum += token;
    for (std::size_t t = 0; t < logits.size(); ++t)
      logits[t] = static_cast<int>(t) == sum % 10 ? 0.0F : -9.0F;
  }
};

static_assert(LanguageModel<SumModel>);
static_assert(LanguageModel<TestModel>);

}  // namespace

TEST_CASE("A stack of the caller's own models computes rows of each", "[expert_stack]") {
  ExpertStack<2, SumModel> stack(std::vector<SumModel>{{0}, {1}});
  const SequenceId a = stack.create();
  const SequenceId b = stack.create();
  const std::vector<Row> rows{{0, a, 0, 3}, {0, a, 1, 4}, {1, b, 0, 8}};
  const std::vector<std::uint32_t> outputs{1, 2};
  MatrixView<const float> logits = stack.forward(rows, outputs);
  CHECK(logits.row(0)[7] == 0.0F);
  CHECK(logits.row(1)[9] == 0.0F);

  const SequenceId fork = stack.fork(a, 1);
  const std::vector<Row> next{{0, fork, 1, 5}};
  const std::vector<std::uint32_t> first{0};
  logits = stack.forward(next, first);
  CHECK(logits.row(0)[8] == 0.0F);  // 3 + 5: the parent's 4 is not the fork's
}

TEST_CASE("A stack of the caller's own models gives log-probabilities of targets",
          "[expert_stack]") {
  ExpertStack<1, SumModel> stack(std::vector<SumModel>{{0}});
  const SequenceId a = stack.create();
  const std::vector<Row> rows{{0, a, 0, 3}, {0, a, 1, 4}};
  const std::vector<TargetToken> targets{{0, 3}, {1, 6}};
  std::vector<float> values(2);
  stack.log_probabilities(rows, targets, values);
  const double normalizer = std::log(1 + 9 * std::exp(-9.0));
  CHECK(values[0] == Approx(-normalizer));
  CHECK(values[1] == Approx(-9 - normalizer));
}

TEST_CASE("Stacks check how many experts there are and whether they fit", "[expert_stack]") {
  CHECK_THROWS_WITH((ExpertStack<3, SumModel>(std::vector<SumModel>{{0}, {1}})),
                    contains("an ensemble of 3 experts was given 2"));
  CHECK_THROWS_AS((ExpertStack<std::dynamic_extent, SumModel>(std::vector<SumModel>{})),
                  ModelError);
  CHECK_THROWS_WITH((ExpertStack<2, SumModel>(std::vector<SumModel>{{0, 10}, {0, 12}})),
                    contains("vocabulary of 12, expert 0 one of 10"));
  const auto model = TestModel::load(checkpoint("llama"));
  CHECK_THROWS_WITH((ExpertStack<2, TestModel>(std::vector<TestModel>{model})),
                    contains("an ensemble of 2 experts was given 1"));
  CHECK(ExpertStack<std::dynamic_extent, TestModel>(std::vector<TestModel>(3, model)).size() == 3);
}

TEST_CASE("A reward model is no expert and has no logits", "[expert_stack]") {
  const auto reward = TestModel::load(checkpoint("reward"));
  std::vector<float> logits(96);
  CHECK_THROWS_WITH((ExpertStack<2, TestModel>(std::vector<TestModel>(2, reward))),
                    contains("has a value head (score.weight)"));
  CHECK_THROWS_AS(reward.next_logits(some_tokens(3), logits), ModelError);
  const auto adapted = TestModel::load(checkpoint("llama")).with_adapter(checkpoint("lora_reward"));
  CHECK_THROWS_WITH((ExpertStack<1, TestModel>(std::vector<TestModel>{adapted})),
                    contains("has a value head (score.weight)"));
}

TEST_CASE("A sequence longer than the context is refused by both kinds of stack",
          "[expert_stack]") {
  ExpertStack<1, SumModel> stack(std::vector<SumModel>{{0}});
  std::vector<Row> rows;
  append_rows(rows, 0, stack.create(), 0, std::vector<Token>(7, 1));
  CHECK_THROWS_WITH(stack.forward(rows, {}), contains("outside the context of 6"));
}

TEST_CASE("A transformer alone gives the logits of its stack", "[expert_stack]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Token> context = some_tokens(12);
  std::vector<float> logits(96);
  model.next_logits(context, logits);
  CHECK(same_bits(logits, logits_alone(model, context)));
  CHECK_THROWS_WITH(model.next_logits({}, logits), contains("0 tokens"));
  CHECK_THROWS_WITH(model.next_logits(context, std::span(logits).first(5)),
                    contains("room for 5 logits"));
}

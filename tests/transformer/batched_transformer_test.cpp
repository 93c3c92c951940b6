// SPDX-License-Identifier: Apache-2.0
#include "tutti/transformer/batched_transformer.hpp"

#include <array>
#include <cmath>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

std::vector<ModelWeights> three_experts() {
  const auto base = TestModel::load(checkpoint("llama"));
  return {base.weights(), TestModel::load(checkpoint("llama_second")).weights(),
          base.with_adapter(checkpoint("lora_all")).weights()};
}

}  // namespace

TEST_CASE("A row has the same bits alone and in a ragged batch of several experts",
          "[batched_transformer]") {
  const std::vector<ModelWeights> experts = three_experts();
  const std::vector<Token> prompt = some_tokens(70);
  for (const KvType kv : {KvType::f32, KvType::f16, KvType::bf16}) {
    StackOptions options;
    options.kv_type = kv;
    BatchedTransformer<TestBackend> stack(experts, on_threads(2), options);
    std::vector<Row> rows;
    append_rows(rows, 0, stack.create(), 0, std::span(prompt).first(9));
    append_rows(rows, 1, stack.create(), 0, prompt);
    append_rows(rows, 2, stack.create(), 0, std::span(prompt).first(1));
    const std::vector<std::uint32_t> outputs{8, 78, 79};
    const MatrixView<const float> logits = stack.forward(rows, outputs);
    CHECK(same_bits(logits.row_span(0),
                    logits_alone(TestModel(experts[0]), std::span(prompt).first(9), options)));
    CHECK(same_bits(logits.row_span(1), logits_alone(TestModel(experts[1]), prompt, options)));
    CHECK(same_bits(logits.row_span(2),
                    logits_alone(TestModel(experts[2]), std::span(prompt).first(1), options)));
  }
}

TEST_CASE("Quantized weights keep a row's bits too", "[batched_transformer]") {
  const std::vector<Token> prompt = some_tokens(20);
  for (const char* name : {"gguf/q4_0.gguf", "gguf/q4_1.gguf", "gguf/q5_0.gguf", "gguf/q5_1.gguf",
                           "gguf/q8_0.gguf", "gguf/bf16.gguf"}) {
    INFO(name);
    const auto model = TestModel::load(checkpoint(name));
    BatchedTransformer<TestBackend> stack(std::vector<ModelWeights>(3, model.weights()),
                                          on_threads(2));
    std::vector<Row> rows;
    for (std::uint32_t e = 0; e < 3; ++e) append_rows(rows, e, stack.create(), 0, prompt);
    const std::vector<std::uint32_t> outputs{19, 39, 59};
    const MatrixView<const float> logits = stack.forward(rows, outputs);
    const std::vector<float> alone = logits_alone(model, prompt);
    for (std::size_t e = 0; e < 3; ++e) CHECK(same_bits(logits.row_span(e), alone));
  }
}

TEST_CASE("Neither threads nor the length of a pass change a bit", "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Token> prompt = some_tokens(150);
  const std::vector<float> reference = logits_alone(model, prompt);
  for (const std::size_t threads : {2U, 3U})
    CHECK(same_bits(logits_alone(model, prompt, {}, threads), reference));
  for (const std::size_t rows : {1U, 7U, 64U, 100U}) {
    StackOptions options;
    options.rows_per_pass = rows;
    CHECK(same_bits(logits_alone(model, prompt, options), reference));
  }
}

TEST_CASE("Decoding token by token gives the bits of the whole sequence at once",
          "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Token> tokens = some_tokens(67);
  BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1));
  const SequenceId sequence = stack.create();
  const std::uint32_t output = 0;
  MatrixView<const float> logits;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    const Row row{0, sequence, static_cast<std::uint32_t>(t), tokens[t]};
    logits = stack.forward(std::span(&row, 1), std::span(&output, 1));
  }
  CHECK(same_bits(logits.row_span(0), logits_alone(model, tokens)));
}

TEST_CASE("Samples that share a prompt compute the same as with prompts of their own",
          "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Token> prompt = some_tokens(70);
  const std::vector<Token> first = some_tokens(5, 2);
  const std::vector<Token> second = some_tokens(3, 3);
  BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(2),
                                        exact_cache());
  const SequenceId shared = stack.create();
  std::vector<Row> rows;
  append_rows(rows, 0, shared, 0, prompt);
  stack.forward(rows, {});
  rows.clear();
  append_rows(rows, 0, stack.fork(shared, prompt.size()), prompt.size(), first);
  append_rows(rows, 0, stack.fork(shared, prompt.size()), prompt.size(), second);
  const std::vector<std::uint32_t> outputs{4, 7};
  const MatrixView<const float> logits = stack.forward(rows, outputs);

  std::vector<Token> whole = prompt;
  whole.insert(whole.end(), first.begin(), first.end());
  const std::vector<float> alone = logits_alone(model, whole, exact_cache());
  // Page boundaries differ, so sums are formed in another order: equal up to rounding.
  for (std::size_t t = 0; t < alone.size(); ++t)
    CHECK(logits.row(0)[t] == Approx(alone[t]).margin(1e-4));
}

TEST_CASE(
    "A row after a shared prompt has the same bits alone at once, and token by token beside other "
    "experts and samples",
    "[batched_transformer]") {
  const std::vector<ModelWeights> experts = three_experts();
  const std::vector<Token> prompt = some_tokens(6), text = some_tokens(5, 2),
                           other_text = some_tokens(5, 3);
  for (std::uint32_t e = 0; e < 3; ++e) {
    CAPTURE(e);
    const auto with_prompt = [&](BatchedTransformer<TestBackend>& stack, std::uint32_t expert) {
      const SequenceId shared = stack.create();
      std::vector<Row> rows;
      append_rows(rows, expert, shared, 0, prompt);
      stack.forward(rows, {});
      return shared;
    };
    BatchedTransformer<TestBackend> alone(std::span(&experts[e], 1), on_threads(1));
    std::vector<Row> rows;
    append_rows(rows, 0, alone.fork(with_prompt(alone, 0), prompt.size()), prompt.size(), text);
    const std::uint32_t last = 4;
    const MatrixView<const float> at_once = alone.forward(rows, std::span(&last, 1));

    BatchedTransformer<TestBackend> among(experts, on_threads(2));
    std::vector<SequenceId> others;  // of every expert, this one included
    for (std::uint32_t x = 0; x < 3; ++x)
      others.push_back(among.fork(with_prompt(among, x), prompt.size()));
    const SequenceId sample = among.fork(with_prompt(among, e), prompt.size());
    MatrixView<const float> token_by_token;
    for (std::size_t i = 0; i < text.size(); ++i) {
      rows.clear();
      for (std::uint32_t x = 0; x < 3; ++x) {
        append_rows(rows, x, others[x], prompt.size() + i, std::span(other_text).subspan(i, 1));
        if (x == e) append_rows(rows, e, sample, prompt.size() + i, std::span(text).subspan(i, 1));
      }
      const std::uint32_t output = e + 1;
      token_by_token = among.forward(rows, std::span(&output, 1));
    }
    CHECK(same_bits(token_by_token.row_span(0), at_once.row_span(0)));
  }
}

TEST_CASE("Log-probabilities of targets are those of the logits", "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Token> tokens = some_tokens(130);
  BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(2));
  std::vector<Row> rows;
  append_rows(rows, 0, stack.create(), 0, tokens);
  std::vector<TargetToken> targets;
  for (std::uint32_t r = 0; r < rows.size(); ++r)
    targets.push_back({r, tokens[(r + 1) % tokens.size()]});
  std::vector<float> values(targets.size());
  stack.log_probabilities(rows, targets, values);
  for (const std::size_t r : {0U, 63U, 64U, 129U}) {
    const std::vector<float> logits = logits_alone(model, std::span(tokens).first(r + 1));
    CHECK(values[r] == log_probability_of(logits, targets[r].target));
  }
}

TEST_CASE("A padding token or any other last token: reward models give the values of transformers",
          "[batched_transformer]") {
  for (const char* name : {"reward", "reward_three"}) {
    const auto model = TestModel::load(checkpoint(name));
    const Json expected = read_json_file(checkpoint(name) / "expected.json");
    const std::vector<Token> tokens = expected.at("tokens");
    for (std::size_t i = 0; i < expected.at("lengths").size(); ++i) {
      const std::size_t length = expected.at("lengths")[i];
      const std::vector<float> values = logits_alone(model, std::span(tokens).first(length),
                                                     exact_cache());
      const std::vector<float> reference = expected.at("values")[i];
      REQUIRE(values.size() == reference.size());
      for (std::size_t v = 0; v < values.size(); ++v)
        CHECK(values[v] == Approx(reference[v]).margin(1e-4));
    }
  }
}

TEST_CASE("The ledger counts a shared matrix once and splits it evenly", "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const auto read_by = [](const std::vector<ModelWeights>& experts) {
    BatchedTransformer<TestBackend> stack(experts);
    std::vector<Row> rows;
    std::vector<std::uint32_t> outputs;
    for (std::uint32_t e = 0; e < experts.size(); ++e) {
      rows.push_back({e, stack.create(), 0, 5});
      outputs.push_back(e);
    }
    stack.forward(rows, outputs);
    return stack.ledger();
  };
  const CostLedger one = read_by({model.weights()});
  const CostLedger same = read_by({model.weights(), model.weights()});
  const CostLedger different = read_by(
      {model.weights(), TestModel::load(checkpoint("llama_second")).weights()});
  // Hidden 32, 4 heads and 2 kv heads of 8, intermediate 48, 2 layers, vocabulary 96, float32.
  const double layer = 32.0 * 32 * 2 + 16 * 32 * 2 + 48 * 32 * 3;
  CHECK(one.total().weight_bytes == Approx(4 * (2 * layer + 96 * 32)));
  CHECK(one.total().flops == Approx(2 * (2 * layer + 96 * 32) + 4.0 * 2 * 32));
  CHECK(one.total().kv_bytes == Approx(2.0 * 2 * 16 * 2));
  CHECK(same.total().weight_bytes == Approx(one.total().weight_bytes));
  CHECK(same.per_expert[0].weight_bytes == Approx(one.total().weight_bytes / 2));
  CHECK(different.total().weight_bytes == Approx(2 * one.total().weight_bytes));
  CHECK(same.total().flops == Approx(2 * one.total().flops));
  CHECK(one.steps == 1);
  // Rank 3 on the queries and values of both layers; the base is read once.
  const CostLedger adapted = read_by(
      {model.weights(), model.with_adapter(checkpoint("lora_rs")).weights()});
  const double factors = 2 * 3.0 * (32 + 32 + 32 + 16);
  CHECK(adapted.per_expert[0].weight_bytes == Approx(one.total().weight_bytes / 2));
  CHECK(adapted.per_expert[1].weight_bytes == Approx(one.total().weight_bytes / 2 + 4 * factors));
  CHECK(adapted.per_expert[1].flops == Approx(one.total().flops + 2 * factors));
}

TEST_CASE(
    "The ledger counts the positions of a page that a pass reads once, in whatever order its rows "
    "come",
    "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const double position = 2.0 * 2 * 16 *
                          2;  // keys and values of 2 heads of 8 in 2 layers, in 16 bits
  const std::vector<Token> prompt = some_tokens(100);
  for (const std::size_t rows_per_pass : {256U, 50U}) {
    StackOptions options;
    options.rows_per_pass = rows_per_pass;
    BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(1), options);
    std::vector<Row> rows;
    append_rows(rows, 0, stack.create(), 0, prompt);
    stack.forward(rows, {});
    CHECK(stack.ledger().total().kv_bytes ==
          Approx(position * (rows_per_pass == 256 ? 100 : 50 + 100)));
  }
  // Forks at the end of a page share it; a fork within a page reads its own copy.
  for (const auto& [first, second, positions] :
       {std::array{64, 64, 64 + 2}, std::array{64, 1, 65 + 2}, std::array{1, 64, 2 + 65}}) {
    BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1));
    const SequenceId sequence = stack.create();
    std::vector<Row> rows;
    append_rows(rows, 0, sequence, 0, std::span(prompt).first(64));
    stack.forward(rows, {});
    const double before = stack.ledger().total().kv_bytes;
    rows.clear();
    for (const int length : {first, second}) {
      const auto at = static_cast<std::uint32_t>(length);
      rows.push_back({0, stack.fork(sequence, at), at, 5});
    }
    stack.forward(rows, {});
    CHECK(stack.ledger().total().kv_bytes - before == Approx(position * positions));
  }
}

TEST_CASE("Experts with contexts of different lengths have the shortest together",
          "[batched_transformer]") {
  std::vector<ModelWeights> experts = three_experts();
  experts[1].config.context_length = 16;
  BatchedTransformer<TestBackend> stack(experts);
  CHECK(stack.context_length() == 16);
  std::vector<Row> rows;
  append_rows(rows, 0, stack.create(), 0, some_tokens(17));
  CHECK_THROWS_WITH(stack.forward(rows, {}), contains("position 16 is outside the context of 16"));
}

TEST_CASE(
    "A pass without rows, and one whose rows are of some experts only, compute what they have",
    "[batched_transformer]") {
  const std::vector<ModelWeights> experts = three_experts();
  BatchedTransformer<TestBackend> stack(experts, on_threads(2), exact_cache());
  CHECK(stack.forward({}, {}).rows == 0);
  CHECK_NOTHROW(stack.log_probabilities({}, {}, {}));
  std::vector<Row> rows;
  append_rows(rows, 2, stack.create(), 0, some_tokens(9));
  CHECK(stack.forward(rows, {}).rows == 0);
  rows.clear();
  append_rows(rows, 1, stack.create(), 0, some_tokens(5));
  const std::uint32_t last = 4;
  const MatrixView<const float> logits = stack.forward(rows, std::span(&last, 1));
  CHECK(same_bits(logits.row_span(0),
                  logits_alone(TestModel(experts[1]), some_tokens(5), exact_cache())));
}

TEST_CASE("Rows that the model cannot compute are refused, and the stack works on after clear",
          "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  StackOptions options;
  options.context_length = 8;
  BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(1), options);
  const SequenceId sequence = stack.create();
  const auto forward = [&](Row row) { return stack.forward(std::span(&row, 1), {}); };
  CHECK_THROWS_WITH(forward({1, sequence, 0, 5}), contains("expert 1 in a stack of 1"));
  CHECK_THROWS_WITH(forward({0, sequence, 0, 96}),
                    contains("token 96 is outside the vocabulary of 96"));
  CHECK_THROWS_WITH(forward({0, sequence, 0, -1}), contains("token -1"));
  CHECK_THROWS_WITH(forward({0, sequence, 8, 5}),
                    contains("position 8 is outside the context of 8"));
  CHECK_THROWS_AS(forward({0, sequence, 3, 5}), OptionError);
  stack.clear();
  CHECK_NOTHROW(forward({0, stack.create(), 0, 5}));
}

TEST_CASE("Options that no stack can keep are refused with both numbers", "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const auto make = [&](StackOptions options) {
    return BatchedTransformer<TestBackend>(std::span(&model.weights(), 1), on_threads(1), options);
  };
  StackOptions options;
  options.context_length = 257;
  CHECK_THROWS_AS(make(options), OptionError);
  CHECK_THROWS_WITH(make(options), contains("context_length is 257, but the models have 256"));
  options.context_length = 256;
  CHECK(make(options).context_length() == 256);
  const std::size_t page = KvShape{2, 2, 8, KvType::f16}.page_bytes();
  options.max_cache_bytes = page - 1;
  CHECK_THROWS_WITH(make(options),
                    contains("max_cache_bytes is " + std::to_string(page - 1) +
                             ", but one page of 64 positions takes " + std::to_string(page)));
  options.max_cache_bytes = page;
  CHECK_NOTHROW(make(options));
  options.rows_per_pass = 0;
  CHECK_THROWS_WITH(make(options), contains("rows_per_pass is 0"));
}

TEST_CASE("A cache that is too small for the rows says so", "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  StackOptions options;
  options.max_cache_bytes = KvShape{2, 2, 8, KvType::f16}.page_bytes();  // one page: 64 positions
  BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(1), options);
  std::vector<Row> rows;
  append_rows(rows, 0, stack.create(), 0, some_tokens(65));
  CHECK_THROWS_AS(stack.forward(rows, {}), CapacityError);
  CHECK_THROWS_WITH(stack.forward(rows, {}), contains("position"));
  stack.clear();
  rows.clear();
  append_rows(rows, 0, stack.create(), 0, some_tokens(64));
  CHECK_NOTHROW(stack.forward(rows, {}));
}

TEST_CASE("Pages of released sequences serve later ones, and their memory can be given back",
          "[batched_transformer]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const std::vector<Token> text = some_tokens(100);
  const std::vector<float> expected = logits_alone(model, text);
  BatchedTransformer<TestBackend> stack(std::vector<ModelWeights>(2, model.weights()));
  const auto compute = [&](SequenceId sequence) {
    std::vector<Row> rows;
    append_rows(rows, 0, sequence, stack.length(sequence),
                std::span(text).subspan(stack.length(sequence)));
    const auto last = static_cast<std::uint32_t>(rows.size() - 1);
    const MatrixView<const float> logits = stack.forward(rows, std::span(&last, 1));
    const bool same = same_bits(logits.row_span(0), expected);
    stack.release(sequence);
    return same;
  };
  CHECK(compute(stack.open(0, text)));
  CHECK(stack.pages().idle_pages() == 1);
  const SequenceId again = stack.open(1, text);  // an equal expert
  CHECK(stack.length(again) == 64);
  CHECK(compute(again));
  stack.release_memory();
  CHECK(stack.pages().idle_pages() == 0);
  const SequenceId fresh = stack.open(0, text);
  CHECK(stack.length(fresh) == 0);
  CHECK(compute(fresh));
}

// SPDX-License-Identifier: Apache-2.0
// The ensemble over real transformers: the same bits, whatever the batch and the number of threads.
#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/ensemble/ensemble.hpp"
#include "tutti/router/fixed_subset.hpp"
#include "tutti/scorer/cross_expert_likelihood.hpp"
#include "tutti/scorer/log_probability.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Eight experts: two checkpoints, the first of them twice, and LoRA experts on it.
std::vector<TestModel> eight_experts() {
  const auto base = TestModel::load(checkpoint("llama"));
  return {base,
          TestModel::load(checkpoint("llama_second")),
          base.with_adapter(checkpoint("lora_all")),
          base.with_adapter(checkpoint("lora_rs")),
          base,
          base.with_adapter(checkpoint("lora_pattern")),
          base.with_adapter(checkpoint("lora_all")),
          TestModel::load(checkpoint("llama_second"))};
}

Request request_of(std::size_t samples, std::size_t tokens = 12) {
  Request request;
  request.prompt_tokens = some_tokens(70);
  request.samples_per_expert = samples;
  request.max_new_tokens = tokens;
  request.seed = 7;
  return request;
}

template <class Scorer = MeanLogProbability, class Router = AllExperts>
Result generate(const Request& request, std::size_t threads, Router router = {},
                StackOptions options = {}) {
  Ensemble<8, TestModel, Scorer, Router> ensemble(
      ExpertStack<8, TestModel>(eight_experts(), on_threads(threads), options), {}, {}, router);
  return ensemble.generate(request);
}

/// The model with a NaN in the embedding of one token.
TestModel with_nan(const TestModel& model, Token token) {
  ModelWeights weights = model.weights();
  WeightMatrix& matrix = weights.embedding.weight;
  const auto* values = reinterpret_cast<const float*>(matrix.data);
  const auto copy = std::make_shared<std::vector<float>>(values,
                                                         values + matrix.rows * matrix.cols);
  (*copy)[static_cast<std::size_t>(token) * matrix.cols] = std::numeric_limits<float>::quiet_NaN();
  matrix.data = reinterpret_cast<const std::byte*>(copy->data());
  weights.owners.push_back(copy);
  return TestModel(std::move(weights));
}

void check_same(const Candidate& a, const Candidate& b) {
  CHECK(a.expert == b.expert);
  CHECK(a.tokens == b.tokens);
  CHECK(same_bits(a.log_probabilities, b.log_probabilities));
}

}  // namespace

TEST_CASE("Sixteen candidates have the same bits for any number of threads and rows per pass",
          "[transformer_ensemble]") {
  const Result reference = generate(request_of(2), 1);
  REQUIRE(reference.candidates.size() == 16);
  for (const std::size_t threads : {2U, 3U}) {
    const Result result = generate(request_of(2), threads);
    for (std::size_t i = 0; i < 16; ++i) check_same(result.candidates[i], reference.candidates[i]);
    CHECK(result.selection.index == reference.selection.index);
  }
  StackOptions short_passes;
  short_passes.rows_per_pass = 5;
  const Result result = generate(request_of(2), 2, AllExperts{}, short_passes);
  for (std::size_t i = 0; i < 16; ++i) check_same(result.candidates[i], reference.candidates[i]);
}

TEST_CASE("Each expert's candidates have the same bits alone and among sixteen",
          "[transformer_ensemble]") {
  const Result all = generate(request_of(2), 2);
  for (std::uint32_t e = 0; e < 8; ++e) {
    const Result alone = generate(request_of(1), 1, FixedSubset({e}));
    REQUIRE(alone.candidates.size() == 1);
    check_same(alone.candidates[0], all.candidates[2 * e]);
  }
}

TEST_CASE("Samples of equal experts differ, since their draws do", "[transformer_ensemble]") {
  const Result result = generate(request_of(2), 2);
  std::set<std::vector<Token>> different;
  for (const Candidate& candidate : result.candidates) different.insert(candidate.tokens);
  CHECK(different.size() == 16);
}

TEST_CASE("Experts that are equal compute their prompt once", "[transformer_ensemble]") {
  const Result result = generate(request_of(1), 2);
  CHECK(result.cost.total().prompt_tokens ==
        6 * 70);  // experts 4 and 7 are copies; 2 and 6 have adapters read twice
  CHECK(result.cost.per_expert[4].prompt_tokens == 0);
  CHECK(result.cost.per_expert[4].generated_tokens == 12);
}

TEST_CASE("Rescored candidates have the log-probabilities of their generation, bit for bit",
          "[transformer_ensemble]") {
  const Request request = request_of(2, 70);
  const Result written = generate(request, 2);
  Engine engine(ExpertStack<8, TestModel>(eight_experts(), on_threads(2)));
  std::vector<std::vector<float>> rescored;
  const auto method = [&](Session& session) -> Task<Selection> {
    std::vector<TextToScore> texts;
    for (const Candidate& candidate : written.candidates)
      texts.push_back({candidate.expert, request.prompt_tokens, candidate.tokens});
    rescored = co_await session.score(texts);
    co_return Selection{};
  };
  (void)engine.submit(request, method).get();
  REQUIRE(rescored.size() == written.candidates.size());
  for (std::size_t c = 0; c < rescored.size(); ++c)
    CHECK(same_bits(rescored[c], written.candidates[c].log_probabilities));
}

TEST_CASE("Cross-expert likelihood is the mean over experts of their own log-probabilities",
          "[transformer_ensemble]") {
  const Result result = generate<CrossExpertLikelihood>(request_of(1, 6), 2);
  const std::vector<TestModel> experts = eight_experts();
  const Candidate& candidate = result.candidates[3];
  double sum = 0;
  for (const TestModel& expert : experts) {
    std::vector<Token> context = result.prompt_tokens;
    for (const Token token : candidate.tokens) {
      sum += static_cast<double>(log_probability_of(logits_alone(expert, context), token));
      context.push_back(token);
    }
  }
  CHECK(candidate.score ==
        Approx(sum / (8.0 * static_cast<double>(candidate.tokens.size()))).epsilon(1e-3));
}

TEST_CASE("A stop string ends its candidate where it stands, and the others go on as they were",
          "[transformer_ensemble]") {
  TextCodec codec;
  codec.token_bytes = [](Token token) { return "<" + std::to_string(token) + ">"; };
  Ensemble<8, TestModel, MeanLogProbability> ensemble(
      ExpertStack<8, TestModel>(eight_experts(), on_threads(2)), codec);
  Request request = request_of(2, 20);
  const Result free = ensemble.generate(request);
  const auto bytes_of = [&](std::size_t candidate, std::size_t token) {
    return codec.token_bytes(free.candidates[candidate].tokens[token]);
  };
  request.stop_strings = {bytes_of(3, 1) + bytes_of(3, 2), bytes_of(8, 10)};
  const Result stopped = ensemble.generate(request);
  std::size_t ended = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    CAPTURE(i);
    const Candidate& candidate = stopped.candidates[i];
    const bool has_ended = candidate.finish == FinishReason::stop_string;
    ended += has_ended ? 1 : 0;
    CHECK(has_ended == (candidate.tokens.size() < 20));
    REQUIRE(candidate.tokens.size() <= 20);
    CHECK(std::equal(candidate.tokens.begin(), candidate.tokens.end(),
                     free.candidates[i].tokens.begin()));
    for (const std::string& stop : request.stop_strings)
      CHECK(candidate.text.find(stop) == std::string::npos);
  }
  CHECK(stopped.candidates[3].tokens.size() <= 3);
  CHECK(stopped.candidates[8].tokens.size() <= 11);
  CHECK((ended >= 2 && ended < 16));
}

TEST_CASE("An end token of one expert ends its candidates only, on the device too",
          "[transformer_ensemble]") {
  TextCodec codec;
  Ensemble ensemble(ExpertStack<8, TestModel>(eight_experts(), on_threads(2)), codec);
  const Request request = request_of(2, 20);
  const Result free = ensemble.generate(request);
  // Expert e ends at the token that its first sample draws at step 2 + e; all end at `common`.
  const Token common = free.candidates[15].tokens[12];
  for (std::uint32_t e = 0; e < 8; ++e)
    codec.expert_end_tokens.push_back({free.candidates[2 * e].tokens[2 + e], common});
  Ensemble with_ends(ExpertStack<8, TestModel>(eight_experts(), on_threads(2)), codec);
  const Result ended = with_ends.generate(request);
  for (std::size_t i = 0; i < 16; ++i) {
    CAPTURE(i);
    const std::vector<Token>& whole = free.candidates[i].tokens;
    const std::vector<Token>& ends = codec.expert_end_tokens[free.candidates[i].expert];
    const auto end = std::find_first_of(whole.begin(), whole.end(), ends.begin(), ends.end());
    CHECK(ended.candidates[i].tokens == std::vector<Token>(whole.begin(), end));
    CHECK(ended.candidates[i].finish ==
          (end == whole.end() ? FinishReason::length : FinishReason::end_of_text));
  }
}

TEST_CASE("Custom filters move the draws to the host, with the same tokens",
          "[transformer_ensemble]") {
  Ensemble ensemble(ExpertStack<8, TestModel>(eight_experts(), on_threads(2)));
  Request request = request_of(2);
  const Result plain = ensemble.generate(request);
  request.filters = {[](LogitSet&, const SamplingContext&) {}};
  const Result filtered = ensemble.generate(request);
  for (std::size_t i = 0; i < 16; ++i)
    CHECK(filtered.candidates[i].tokens == plain.candidates[i].tokens);
  // Even tokens only, at every position of every candidate.
  request.filters.push_back([](LogitSet& logits, const SamplingContext&) {
    logits.keep_if([](const TokenLogit& entry) { return entry.token % 2 == 0; });
  });
  const Result even = ensemble.generate(request);
  for (const Candidate& candidate : even.candidates) {
    CHECK(candidate.tokens.size() == 12);
    for (const Token token : candidate.tokens) CHECK(token % 2 == 0);
  }
}

TEST_CASE("Candidates that a budget ends leave the cache to the scorer as all others do",
          "[transformer_ensemble]") {
  const std::vector<TestModel> experts = {TestModel::load(checkpoint("llama")),
                                          TestModel::load(checkpoint("llama_second"))};
  const ModelConfig& config = experts[0].config();
  StackOptions options;  // room for two prompts and sixteen candidates
  options.max_cache_bytes =
      18 * KvShape{config.layers, config.kv_heads, config.head_dim, options.kv_type}.page_bytes();
  Ensemble<2, TestModel, CrossExpertLikelihood> ensemble(
      ExpertStack<2, TestModel>(experts, on_threads(2), options));
  Request request = request_of(8, 5);
  request.prompt_tokens = some_tokens(20);
  const Result whole = ensemble.generate(request);
  request.max_new_tokens = 9;
  request.budget.max_total_tokens = 16 * 5;
  const Result ended = ensemble.generate(request);
  for (std::size_t i = 0; i < 16; ++i) {
    CHECK(ended.candidates[i].finish == FinishReason::budget);
    CHECK(ended.candidates[i].tokens == whole.candidates[i].tokens);
    CHECK(ended.candidates[i].score == whole.candidates[i].score);
  }
}

TEST_CASE(
    "NaN logits after a drawn token name the expert, the sample and the position, and the next "
    "request is answered",
    "[transformer_ensemble]") {
  const auto model = TestModel::load(checkpoint("llama"));
  Ensemble<2, TestModel, MeanLogProbability> ensemble(
      ExpertStack<2, TestModel>(std::vector<TestModel>{model, with_nan(model, 92)}));
  Request request = request_of(1, 4);
  request.prompt_tokens = {3, 14, 15};
  const std::vector<Token> expected = ensemble.generate(request).candidates[1].tokens;
  request.sampling.logit_bias = {{92, 1000.0F}};
  CHECK_THROWS_AS(ensemble.generate(request), NumericError);
  CHECK_THROWS_WITH(ensemble.generate(request), contains("expert 1, sample 0, position 4"));
  request.sampling.logit_bias = {{92, -std::numeric_limits<float>::infinity()}};
  CHECK(ensemble.generate(request).candidates[1].tokens == expected);
}

TEST_CASE("Fusing one expert with itself changes nothing", "[transformer_ensemble]") {
  const auto model = TestModel::load(checkpoint("llama"));
  Request request = request_of(1);
  request.sampling.temperature = 0;
  Ensemble<1, TestModel, MeanLogProbability> one(
      ExpertStack<1, TestModel>(std::vector<TestModel>(1, model)));
  Ensemble<4, TestModel, MeanLogProbability> four(
      ExpertStack<4, TestModel>(std::vector<TestModel>(4, model)));
  const std::vector<Token> reference = one.generate(request).candidates[0].tokens;
  CHECK(four.fuse(request).best().tokens == reference);
  CHECK(four.fuse(request, Fusion::product_of_experts).best().tokens == reference);
}

TEST_CASE("Fusion weighs distinct experts by the number of their copies",
          "[transformer_ensemble]") {
  const auto model = TestModel::load(checkpoint("llama"));
  const auto other = TestModel::load(checkpoint("llama_second"));
  const auto first_logits = [&](std::vector<TestModel> models) {
    Ensemble ensemble(ExpertStack<std::dynamic_extent, TestModel>(models, on_threads(1)));
    Request request;
    request.prompt_tokens = {3, 14, 15};
    request.max_new_tokens = 1;
    request.sampling.temperature = 0;
    std::vector<float> seen;
    request.filters = {[&](LogitSet& logits, const SamplingContext&) {
      seen.assign(logits.dense_logits().begin(), logits.dense_logits().end());
    }};
    (void)ensemble.fuse(request, Fusion::product_of_experts);
    return seen;
  };
  const std::vector<float> a = first_logits({model});
  const std::vector<float> b = first_logits({other});
  const std::vector<float> both = first_logits({model, other, model});
  // Up to the normalization: 2/3 log p_a + 1/3 log p_b.
  const auto expected = [&](std::size_t t) { return (2 * a[t] + b[t]) / 3; };
  for (std::size_t t = 1; t < a.size(); ++t)
    CHECK(both[t] - both[0] == Approx(expected(t) - expected(0)).margin(1e-4));
}

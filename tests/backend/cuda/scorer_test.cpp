// SPDX-License-Identifier: Apache-2.0
// Scorers that compute with a model, on the Cuda backend: the values of `transformers`, and those of the Cpu backend; and the bits of
// rows on which scores rest.
#include <vector>

#include "tests/backend/cuda/support.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/backend/cuda/cuda.cuh"
#include "tutti/formats/json.hpp"
#include "tutti/scorer/noisy_channel.hpp"
#include "tutti/scorer/value_model.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

/// Candidates that go on from a prompt of one token to the lengths of the file.
void check_values_on_device(const CpuModel& model, const char* expected_of) {
  const Json expected = read_json_file(checkpoint(expected_of) / "expected.json");
  const std::vector<Token> tokens = expected.at("tokens");
  std::vector<Candidate> candidates;
  for (const std::size_t length : expected.at("lengths")) {
    candidates.emplace_back().tokens.assign(tokens.begin() + 1, tokens.begin() + static_cast<std::ptrdiff_t>(length));
  }
  ValueModel<Cuda> scorer(Transformer<Cuda>(model.weights()), 0, {0, 1}, exact_cache());
  const std::vector<double> scores = scorer.score({std::span(tokens).first(1), {}, candidates});
  REQUIRE(scores.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) CHECK(scores[i] == Approx(expected.at("values")[i][0].get<double>()).margin(1e-4));
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(scorer.score({std::span(tokens).first(1), {}, std::span(candidates).subspan(i, 1)})[0] == scores[i]);
  }
}

}  // namespace

TEST_CASE("A value model on the Cuda backend gives transformers' values, alone and among others", "[cuda]") {
  check_values_on_device(CpuModel::load(checkpoint("reward")), "reward");
  check_values_on_device(CpuModel::load(checkpoint("llama")).with_adapter(checkpoint("lora_reward")), "lora_reward");
}

TEST_CASE("A noisy channel on the Cuda backend values candidates as on the Cpu backend", "[cuda]") {
  const CpuModel model = CpuModel::load(checkpoint("llama"));
  const std::vector<Token> prompt = some_tokens(6);
  std::vector<Candidate> candidates(3);
  for (std::uint32_t i = 0; i < 3; ++i) candidates[i].tokens = some_tokens(2 + 2 * std::size_t{i}, i + 2);
  const auto read = [](const ScoringRequest& request, const Candidate& candidate) {
    ChannelReading reading{candidate.tokens, {}};
    for (const Token token : request.prompt) {
      reading.asked.push_back(static_cast<std::uint32_t>(reading.tokens.size()));
      reading.tokens.push_back(token);
    }
    return reading;
  };
  NoisyChannel<Cpu> cpu(model, read, {1}, exact_cache());
  NoisyChannel<Cuda> cuda(Transformer<Cuda>(model.weights()), read, {0, 1}, exact_cache());
  const std::vector<double> expected = cpu.score({prompt, {}, candidates}), values = cuda.score({prompt, {}, candidates});
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(values[i] == Approx(expected[i]).margin(1e-4));
    CHECK(cuda.score({prompt, {}, std::span(candidates).subspan(i, 1)})[0] == values[i]);
  }
}

TEST_CASE("A row on the Cuda backend has the same bits alone, among experts, token by token and behind a shared prompt", "[cuda]") {
  const CpuModel base = CpuModel::load(checkpoint("llama"));
  const std::vector<ModelWeights> experts = {base.weights(), CpuModel::load(checkpoint("llama_second")).weights(),
                                             base.with_adapter(checkpoint("lora_all")).weights()};
  const std::vector<Token> tokens = some_tokens(11), others = some_tokens(11, 3);
  const auto last_logits = [](BatchedTransformer<Cuda>& stack, const std::vector<Row>& rows) {
    const auto last = static_cast<std::uint32_t>(rows.size() - 1);
    const MatrixView<const float> logits = stack.forward(rows, std::span(&last, 1));
    return std::vector<float>(logits.row(0), logits.row(0) + logits.cols);
  };
  for (std::uint32_t e = 0; e < 3; ++e) {
    CAPTURE(e);
    BatchedTransformer<Cuda> alone(std::span(&experts[e], 1), {0, 1}, exact_cache());
    std::vector<Row> rows;
    append_rows(rows, 0, alone.create(), 0, tokens);
    const std::vector<float> expected = last_logits(alone, rows);

    BatchedTransformer<Cuda> among(experts, {0, 1}, exact_cache());
    rows.clear();
    for (std::uint32_t other = 0; other < e; ++other)
      append_rows(rows, other, among.create(), 0, some_tokens(3 + 5 * std::size_t{other}, other + 7));
    append_rows(rows, e, among.create(), 0, tokens);
    CHECK(same_bits(last_logits(among, rows), expected));

    const auto fork_behind_prompt = [&](BatchedTransformer<Cuda>& stack, std::uint32_t expert) {
      const SequenceId prompt = stack.create();
      rows.clear();
      append_rows(rows, expert, prompt, 0, std::span(tokens).first(6));
      (void)last_logits(stack, rows);
      return prompt;
    };
    const SequenceId whole = alone.fork(fork_behind_prompt(alone, 0), 6);
    rows.clear();
    append_rows(rows, 0, whole, 6, std::span(tokens).subspan(6));
    const std::vector<float> at_once = last_logits(alone, rows);
    const SequenceId prompt = fork_behind_prompt(among, e);
    const SequenceId sample = among.fork(prompt, 6), other = among.fork(prompt, 6);
    std::vector<float> token_by_token;
    for (std::size_t i = 6; i < tokens.size(); ++i) {
      rows.clear();
      append_rows(rows, e, other, i, std::span(others).subspan(i, 1));
      append_rows(rows, e, sample, i, std::span(tokens).subspan(i, 1));
      token_by_token = last_logits(among, rows);
    }
    CHECK(same_bits(token_by_token, at_once));
  }
}

// SPDX-License-Identifier: Apache-2.0
// Real models against llama.cpp (tests/data/real_models/generate.py), and their memory.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/transformer/support.hpp"

using namespace tutti;
using namespace tutti::test;

namespace {

const std::filesystem::path kModel = std::filesystem::path(TUTTI_MODEL_DIR) /
                                     "SmolLM2-135M-Instruct.Q4_1.gguf";
const std::filesystem::path kGemma = std::filesystem::path(TUTTI_MODEL_DIR) /
                                     "gemma-3-270m-q4_k_m.gguf";

Json greedy_cases(const char* name) {
  return read_json_file(std::filesystem::path(TUTTI_TEST_DATA) / "real_models" /
                        (std::string(name) + ".json"))
      .at("greedy");
}

/// `count` greedy tokens after each prompt, all prompts in one batch.
std::vector<std::vector<Token>> write_greedily(BatchedTransformer<TestBackend>& stack,
                                               const std::vector<std::vector<Token>>& prompts,
                                               std::size_t count) {
  std::vector<SequenceId> sequences;
  std::vector<Row> rows;
  std::vector<std::uint32_t> outputs;
  for (const std::vector<Token>& prompt : prompts) {
    sequences.push_back(stack.create());
    append_rows(rows, 0, sequences.back(), 0, prompt);
    outputs.push_back(static_cast<std::uint32_t>(rows.size() - 1));
  }
  std::vector<std::vector<Token>> written(prompts.size());
  for (std::size_t step = 0; step < count; ++step) {
    const MatrixView<const float> logits = stack.forward(rows, outputs);
    rows.clear();
    for (std::uint32_t p = 0; p < prompts.size(); ++p) {
      written[p].push_back(static_cast<Token>(argmax(logits.row_span(p))));
      rows.push_back({0, sequences[p], static_cast<std::uint32_t>(stack.length(sequences[p])),
                      written[p].back()});
      outputs[p] = p;
    }
  }
  return written;
}

/// Resident anonymous memory of this process, in bytes: pages of mapped files do not count, they
/// can be dropped at any time.
std::size_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == "RssAnon:" && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

/// Checks 64 greedy tokens after each prompt of the cases `name` against llama.cpp's.
void check_greedy(const std::filesystem::path& file, const char* name) {
  // Weights expanded to float and a float cache on both sides: so rounding of activations does not
  // affect the comparison.
  const auto model = TestModel::load(file, {.storage = DType::f32});
  BatchedTransformer<TestBackend> stack(std::span(&model.weights(), 1), on_threads(2),
                                        exact_cache());
  const Json cases = greedy_cases(name);
  REQUIRE(cases.size() == 5);
  std::vector<std::vector<Token>> prompts;
  for (const Json& entry : cases) prompts.push_back(entry.at("prompt_tokens"));
  const std::vector<std::vector<Token>> written = write_greedily(stack, prompts, 64);
  for (std::size_t p = 0; p < cases.size(); ++p) {
    const Json& entry = cases[p];
    INFO(entry.at("prompt").get<std::string>());
    const std::vector<Token> expected = entry.at("tokens");
    const auto difference =
        std::mismatch(written[p].begin(), written[p].end(), expected.begin()).first -
        written[p].begin();
    INFO("first difference at token " << difference << " of " << expected.size());
    // At a difference, the two largest logits must be tied: less than 1e-3 apart.
    CHECK((difference == 64 ||
           entry.at("gaps").at(static_cast<std::size_t>(difference)).get<double>() < 1e-3));
  }
}

}  // namespace

TEST_CASE("Greedy continuations of SmolLM2 equal those of llama.cpp", "[smollm2]") {
  if (!std::filesystem::exists(kModel))
    TUTTI_SKIP("the model is not downloaded; run cmake -P cmake/fetch_model.cmake");
  check_greedy(kModel, "smollm2");
}

TEST_CASE(
    "Greedy continuations of Gemma 3 270M equal those of llama.cpp, past the sliding window too",
    "[gemma3]") {
  if (!std::filesystem::exists(kGemma)) {
    TUTTI_SKIP(
        "an optional model is not downloaded; run cmake -D MODEL=gemma3-270m -P "
        "cmake/fetch_model.cmake");
  }
  check_greedy(kGemma, "gemma3");
}

TEST_CASE("Quantized in place, SmolLM2's logits stay as close to the exact ones as llama.cpp's do",
          "[smollm2]") {
  if (!std::filesystem::exists(kModel))
    TUTTI_SKIP("the model is not downloaded; run cmake -P cmake/fetch_model.cmake");
  const auto exact = TestModel::load(kModel, {.storage = DType::f32});
  const auto in_place = TestModel::load(kModel);
  const Json cases = greedy_cases("smollm2");
  double difference = 0;
  double probability_difference = 0;
  for (const Json& entry : cases) {
    const std::vector<Token> prompt = entry.at("prompt_tokens");
    const std::vector<float> a = logits_alone(exact, prompt, {}, 2);
    const std::vector<float> b = logits_alone(in_place, prompt, {}, 2);
    double sum = 0;
    for (std::size_t t = 0; t < a.size(); ++t)
      sum += std::abs(static_cast<double>(a[t]) - static_cast<double>(b[t]));
    difference += sum / static_cast<double>(a.size()) / static_cast<double>(cases.size());
    const auto best = static_cast<Token>(argmax(a));
    probability_difference +=
        std::abs(std::exp(log_probability_of(a, best)) - std::exp(log_probability_of(b, best))) / 5;
  }
  // llama.cpp's mean |difference| from the exact logits is 0.16 to 0.21 on these prompts (8-bit
  // activations).
  CHECK(difference < 0.3);
  CHECK(probability_difference < 0.05);
}

TEST_CASE("A mapped model needs little private memory", "[smollm2]") {
  if (!std::filesystem::exists(kModel))
    TUTTI_SKIP("the model is not downloaded; run cmake -P cmake/fetch_model.cmake");
  const std::size_t before = anonymous_memory();
  const auto model = TestModel::load(kModel);
  const auto size = static_cast<double>(std::filesystem::file_size(kModel));
  // Weights used in place need no copy; only norms are converted.
  CHECK(static_cast<double>(anonymous_memory() - before) < 0.02 * size);
}

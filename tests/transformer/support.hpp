// SPDX-License-Identifier: Apache-2.0
#pragma once
// Shared by the tests of models: the tiny checkpoints, and rows of one sequence.

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/support/test_backend.hpp"
#include "tutti/formats/json.hpp"
#include "tutti/formats/quantized/convert.hpp"
#include "tutti/transformer/transformer.hpp"

namespace tutti::test {

using CpuModel = Transformer<Cpu>;
using TestModel = Transformer<TestBackend>;

inline std::filesystem::path checkpoint(const std::string& name) {
  return std::filesystem::path(TUTTI_TEST_DATA) / "transformer" / name;
}

/// Options of a cache that does not round.
inline StackOptions exact_cache(std::size_t rows_per_pass = StackOptions{}.rows_per_pass) {
  StackOptions options;
  options.kv_type = KvType::f32;
  options.rows_per_pass = rows_per_pass;
  return options;
}

/// Some tokens of the tiny vocabulary of 96.
inline std::vector<Token> some_tokens(std::size_t count, std::uint32_t seed = 1) {
  std::vector<Token> tokens;
  for (std::uint32_t x = seed; tokens.size() < count;) {
    x = x * 1664525U + 1013904223U;
    tokens.push_back(static_cast<Token>((x >> 16) % 96));
  }
  return tokens;
}

inline void append_rows(std::vector<Row>& rows, std::uint32_t expert, SequenceId sequence,
                        std::size_t position, std::span<const Token> tokens) {
  for (const Token token : tokens)
    rows.push_back({expert, sequence, static_cast<std::uint32_t>(position++), token});
}

/// Logits after the last of `tokens`, computed alone: one expert, one sequence, one pass.
template <class B>
std::vector<float> logits_alone(const Transformer<B>& model, std::span<const Token> tokens,
                                StackOptions options = {}, std::size_t threads = 1) {
  BatchedTransformer<B> stack(std::span(&model.weights(), 1), on_threads<B>(threads), options);
  std::vector<Row> rows;
  append_rows(rows, 0, stack.create(), 0, tokens);
  const auto last = static_cast<std::uint32_t>(rows.size() - 1);
  const MatrixView<const float> logits = stack.forward(rows, std::span(&last, 1));
  return {logits.row(0), logits.row(0) + logits.cols};
}

/// The largest |difference| of a model's logits from another program's: {"tokens", "positions",
/// "logits"}.
template <class B>
double largest_difference(const Transformer<B>& model, const Json& expected,
                          StackOptions options = exact_cache(),
                          typename B::Options backend_options = on_threads<B>(2)) {
  BatchedTransformer<B> stack(std::span(&model.weights(), 1), backend_options, options);
  std::vector<Row> rows;
  append_rows(rows, 0, stack.create(), 0, expected.at("tokens").get<std::vector<Token>>());
  const MatrixView<const float> logits = stack.forward(
      rows, expected.at("positions").get<std::vector<std::uint32_t>>());
  const auto reference = expected.at("logits").get<std::vector<std::vector<double>>>();
  double largest = reference.size() == logits.rows ? 0.0 : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < logits.rows; ++i) {
    if (reference.at(i).size() != logits.cols) return std::numeric_limits<double>::infinity();
    for (std::size_t t = 0; t < logits.cols; ++t) {
      const double difference = std::abs(static_cast<double>(logits.row(i)[t]) - reference[i][t]);
      if (!(difference <= largest)) largest = difference;  // NaN is a difference too
    }
  }
  return largest;
}

/// The expert with its adapter's matrices in another type.
inline ModelWeights with_adapter_type(ModelWeights expert, DType type) {
  for (LayerWeights& layer : expert.layers) {
    for (const LayerWeights::LinearMember member : LayerWeights::kLinears) {
      std::optional<LowRankDelta>& delta = (layer.*member).delta;
      if (!delta) continue;
      delta->a = convert(delta->a, type, expert.owners, "A");
      delta->b_transposed = convert(delta->b_transposed, type, expert.owners, "B");
    }
  }
  return expert;
}

/// Whether two rows are the same to the bit.
inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace tutti::test

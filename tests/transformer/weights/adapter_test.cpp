// SPDX-License-Identifier: Apache-2.0
#include "tutti/transformer/weights/adapter.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/raw_bytes.hpp"
#include "tests/support/safetensors_writer.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/transformer/support.hpp"
#include "tutti/formats/quantized/dequantize.hpp"

using namespace tutti;
using namespace tutti::test;

TEST_CASE("An adapter adds deltas to the layers it names and shares everything else", "[adapter]") {
  const ModelWeights base = load_weights(checkpoint("llama"));
  const ModelWeights expert = apply_adapter(base, checkpoint("lora_rs"));
  CHECK(expert.layers[0].query.delta.has_value());
  CHECK_FALSE(expert.layers[0].key.delta.has_value());
  CHECK(expert.layers[0].query.weight == base.layers[0].query.weight);
  CHECK(expert.layers[0].query.delta->a.rows == 3);
  CHECK(expert.layers[0].value.delta->b_transposed.cols == 16);
}

TEST_CASE("An adapter of 16-bit floats stays in them where they hold its product with the scale",
          "[adapter]") {
  const ModelWeights base = load_weights(checkpoint("llama"));
  const TemporaryDirectory directory;
  const std::string name = "base_model.model.model.layers.0.self_attn.q_proj";
  const auto from_file = [&](const char* dtype, auto type, auto round, float alpha) {
    using Element = decltype(type);
    std::vector<Element> a, b;
    for (int i = 0; i < 2 * 32; ++i)
      a.push_back(round(0.01F * static_cast<float>(i - 20))),
          b.push_back(round(0.3F / static_cast<float>(i + 1)));
    SafetensorsWriter writer;
    writer.add(name + ".lora_A.weight", dtype, {2, 32}, raw_bytes(a))
        .add(name + ".lora_B.weight", dtype, {32, 2}, raw_bytes(b));
    writer.write(directory.path() / "adapter_model.safetensors");
    std::ofstream(directory.path() / "adapter_config.json")
        << R"({"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "lora_alpha": )" << alpha
        << "}";
    const ModelWeights expert = apply_adapter(base, directory.path());
    const LowRankDelta& delta = *expert.layers[0].query.delta;
    std::vector<float> row(32);
    for (std::size_t k = 0; k < 2; ++k) {
      dequantize_row(delta.b_transposed.type, delta.b_transposed.row(k), 32, row.data());
      for (std::size_t n = 0; n < 32; ++n) CHECK(row[n] == alpha / 2.0F * to_float(b[2 * n + k]));
    }
    return std::pair(delta.a.type, delta.b_transposed.type);
  };
  CHECK(from_file("BF16", BFloat16{}, to_bfloat16, 8.0F) == std::pair(DType::bf16, DType::bf16));
  CHECK(from_file("F16", Float16{}, to_float16, 8.0F) == std::pair(DType::f16, DType::f16));
  CHECK(from_file("BF16", BFloat16{}, to_bfloat16, 6.0F) == std::pair(DType::bf16, DType::f32));
  CHECK(from_file("F16", Float16{}, to_float16, 6.0F) == std::pair(DType::f16, DType::f32));
}

TEST_CASE("An adapter is converted to the floats that are asked for, and a value head is not",
          "[adapter]") {
  const CpuModel base = CpuModel::load(checkpoint("llama"));
  const auto types = [&](DType storage) {
    const LowRankDelta delta = *base.with_adapter(checkpoint("lora_all"), {.storage = storage})
                                    .weights()
                                    .layers[0]
                                    .query.delta;
    return std::pair(delta.a.type, delta.b_transposed.type);
  };
  CHECK(types(DType::bf16) == std::pair(DType::bf16, DType::bf16));
  CHECK(types(DType::f16) == std::pair(DType::f16, DType::f16));
  CHECK(types(DType::q8_0) == std::pair(DType::f32, DType::f32));
}

TEST_CASE(
    "Adapters of 16-bit floats give the logits of the same values in 32 bits, beside adapters of "
    "any rank and type",
    "[adapter]") {
  const CpuModel base = CpuModel::load(checkpoint("llama"));
  const ModelWeights wide = base.with_adapter(checkpoint("lora_all")).weights(),
                     other = base.with_adapter(checkpoint("lora_rs")).weights();
  const std::vector<Token> tokens = some_tokens(9);
  for (const DType type : {DType::f16, DType::bf16}) {
    const ModelWeights narrow = with_adapter_type(wide, type);
    const std::vector<ModelWeights> experts = {other, narrow, with_adapter_type(narrow, DType::f32),
                                               base.weights(), with_adapter_type(other, type)};
    for (const bool round : {false, true}) {
      BatchedTransformer<Cpu> stack(experts, {2, round}, exact_cache());
      std::vector<Row> rows;
      std::vector<std::uint32_t> last;
      for (std::uint32_t e = 0; e < experts.size(); ++e) {
        append_rows(rows, e, stack.create(), 0, tokens);
        last.push_back(static_cast<std::uint32_t>(rows.size() - 1));
      }
      const MatrixView<const float> logits = stack.forward(rows, last);
      float difference = 0.0F, effect = 0.0F;
      for (std::size_t i = 0; i < logits.cols; ++i) {
        difference = std::max(difference, std::abs(logits.row(1)[i] - logits.row(2)[i]));
        effect = std::max(effect, std::abs(logits.row(1)[i] - logits.row(3)[i]));
      }
      CHECK(difference <= (round && type == DType::bf16 ? 0.05F * effect : 1e-5F));
      CHECK(effect > 0.01F);
      CHECK(same_bits({logits.row(0), logits.cols},
                      logits_alone(CpuModel(other), tokens, exact_cache())));
    }
  }
}

TEST_CASE("A head that peft saved beside an adapter replaces the base's if it differs",
          "[adapter]") {
  const ModelWeights base = load_weights(checkpoint("llama"));
  const ModelWeights same = apply_adapter(base, checkpoint("lora_head"));
  CHECK(same.head->weight == base.head->weight);
  CHECK(same.head->delta.has_value());
  CHECK(same.embedding.weight == base.embedding.weight);
  const ModelWeights other = apply_adapter(base, checkpoint("lora_other_head"));
  CHECK(other.head->weight.data != base.head->weight.data);
  CHECK(other.embedding.weight == base.embedding.weight);
  // In the type of the base, as if torch had copied it there.
  const ModelWeights half = load_weights(checkpoint("llama"), {.storage = DType::f16});
  CHECK(apply_adapter(half, checkpoint("lora_head")).head->weight == half.head->weight);
  CHECK(apply_adapter(half, checkpoint("lora_other_head")).head->weight.type == DType::f16);
  // In a tied model this is also the embedding.
  const ModelWeights tied = apply_adapter(load_weights(checkpoint("llama_tied")),
                                          checkpoint("lora_tied_head"));
  CHECK(tied.head->weight == tied.embedding.weight);
  ModelWeights small = load_weights(checkpoint("llama"));
  small.head->weight.rows = 95;
  CHECK_THROWS_WITH(apply_adapter(small, checkpoint("lora_head")),
                    contains("\"lm_head\" has shape [96, 32], the base has [95, 32]"));
}

TEST_CASE("Adapters that do not fit are refused with both shapes", "[adapter]") {
  CHECK_THROWS_AS(apply_adapter(load_weights(checkpoint("llama_head_dim")), checkpoint("lora_rs")),
                  ModelError);
  CHECK_THROWS_WITH(
      apply_adapter(load_weights(checkpoint("llama_head_dim")), checkpoint("lora_rs")),
      contains("is for a layer of [32, 32], the base has [48, 36]"));
}

TEST_CASE("An adapter on top of an adapter is refused", "[adapter]") {
  const ModelWeights once = apply_adapter(load_weights(checkpoint("llama")), checkpoint("lora_rs"));
  CHECK_THROWS_WITH(apply_adapter(once, checkpoint("lora_rs")), contains("has an adapter already"));
}

TEST_CASE("An adapter for more layers than the base has is refused", "[adapter]") {
  ModelWeights shallow = load_weights(checkpoint("llama"));
  shallow.layers.pop_back();
  CHECK_THROWS_WITH(apply_adapter(shallow, checkpoint("lora_rs")),
                    contains("changes 4 modules, of which the base"));
}

TEST_CASE("On a base with neighboring rotary pairs the rows of B are permuted like the base's",
          "[adapter]") {
  // Head dimension 8: pairs (0, 4), (1, 5), ... of Hugging Face become neighbors.
  CHECK(detail::interleaved_row(0, 8) == 0);
  CHECK(detail::interleaved_row(1, 8) == 4);
  CHECK(detail::interleaved_row(2, 8) == 1);
  CHECK(detail::interleaved_row(7, 8) == 7);
  CHECK(detail::interleaved_row(9, 8) == 12);
}

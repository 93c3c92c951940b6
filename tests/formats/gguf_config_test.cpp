// SPDX-License-Identifier: Apache-2.0
#include "tutti/formats/gguf_config.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/gguf_writer.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tutti {
namespace {

using test::contains;
using test::GgufWriter;
using test::TemporaryDirectory;

/// Metadata and embedding of a small model; tests that replace a key give its name as `without`.
GgufWriter small_model(const std::string& without = "") {
  GgufWriter writer;
  const auto add = [&](const std::string& key, auto value) {
    if (key != without) writer.add(key, value);
  };
  add("general.architecture", "llama");
  add("llama.embedding_length", std::uint32_t{4});
  add("llama.feed_forward_length", std::uint32_t{8});
  add("llama.block_count", std::uint32_t{2});
  add("llama.attention.head_count", std::uint32_t{2});
  add("llama.context_length", std::uint32_t{64});
  add("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  if (without != "token_embd.weight") writer.tensor_f32("token_embd.weight", {4, 3}, std::vector<float>(12));
  return writer;
}

ModelConfig read(const GgufWriter& writer) {
  const TemporaryDirectory directory;
  return read_gguf_config(GgufFile(directory.write("m.gguf", writer.bytes())));
}

void check_refused(const GgufWriter& writer, const std::string& reason) { CHECK_THROWS_WITH(read(writer), contains(reason)); }

TEST_CASE("Absent keys take the format's defaults") {
  const ModelConfig config = read(small_model());
  CHECK(config.architecture == "llama");
  CHECK(config.vocabulary_size == 3);
  CHECK(config.hidden_size == 4);
  CHECK(config.intermediate_size == 8);
  CHECK(config.layers == 2);
  CHECK(config.heads == 2);
  CHECK(config.kv_heads == 2);
  CHECK(config.head_dim == 2);
  CHECK(config.context_length == 64);
  CHECK(config.rms_epsilon == 1e-5F);
  CHECK(config.rope_theta == 10'000.0F);
  CHECK(config.rope_pairing == RopePairing::interleaved);
  CHECK_FALSE(config.rope_scaling.has_value());
  CHECK_FALSE(config.rope_factors_tensor);
  CHECK(config.tied_embeddings);
  CHECK_FALSE(config.attention_bias);
  CHECK_FALSE(config.mlp_bias);
  CHECK_FALSE(config.bos_token.has_value());
  CHECK(config.eos_tokens.empty());
}

TEST_CASE("Given keys and tensors are taken") {
  const ModelConfig config = read(small_model()
                                      .add("llama.attention.head_count_kv", std::uint32_t{1})
                                      .add("llama.attention.key_length", std::uint32_t{6})
                                      .add("llama.attention.value_length", std::uint32_t{6})
                                      .add("llama.rope.dimension_count", std::uint32_t{6})
                                      .add("llama.rope.freq_base", 5e5F)
                                      .add("llama.vocab_size", std::uint32_t{3})
                                      .add("llama.attention.sliding_window", std::uint32_t{16})
                                      .add("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "c"})
                                      .add("tokenizer.ggml.bos_token_id", std::uint32_t{0})
                                      .add("tokenizer.ggml.eos_token_id", std::uint32_t{1})
                                      .add("tokenizer.ggml.eot_token_id", std::uint32_t{2})
                                      .add("tokenizer.ggml.padding_token_id", std::uint32_t{2})
                                      .tensor_f32("output.weight", {4, 3}, std::vector<float>(12))
                                      .tensor_f32("rope_freqs.weight", {3}, {1, 1, 1})
                                      .tensor_f32("blk.0.attn_q.bias", {1}, {0})
                                      .tensor_f32("blk.0.ffn_gate.bias", {1}, {0}));
  CHECK(config.kv_heads == 1);
  CHECK(config.head_dim == 6);
  CHECK(config.rope_theta == 5e5F);
  CHECK(config.rope_factors_tensor);
  CHECK(config.sliding_window == 16U);
  CHECK_FALSE(config.tied_embeddings);
  CHECK(config.attention_bias);
  CHECK(config.mlp_bias);
  CHECK(config.bos_token == 0);
  CHECK(config.eos_tokens == std::vector<Token>{1, 2});
  CHECK(config.pad_token == 2);
}

TEST_CASE("Linear RoPE scaling is read, other kinds are refused") {
  const RopeScaling linear{RopeScaling::Kind::linear, 4.0F};
  CHECK(read(small_model().add("llama.rope.scaling.type", "linear").add("llama.rope.scaling.factor", 4.0F)).rope_scaling == linear);
  CHECK(read(small_model().add("llama.rope.scale_linear", 4.0F)).rope_scaling == linear);
  CHECK_FALSE(read(small_model().add("llama.rope.scaling.type", "none")).rope_scaling.has_value());
  check_refused(small_model().add("llama.rope.scaling.type", "yarn"), "\"llama.rope.scaling.type\" is \"yarn\"");
  check_refused(small_model().add("llama.rope.scaling.type", "linear"), "\"llama.rope.scaling.factor\" is missing");
}

TEST_CASE("Other architectures, and Llamas that are not plain, are refused") {
  check_refused(small_model("general.architecture").add("general.architecture", "gemma3"),
                "\"general.architecture\" is \"gemma3\", only \"llama\" is supported");
  check_refused(small_model("general.architecture"), "\"general.architecture\" is missing");
  check_refused(small_model().add("llama.expert_count", std::uint32_t{8}), "\"llama.expert_count\" is 8");
  check_refused(small_model().add("llama.rope.dimension_count", std::uint32_t{1}), "is 1, expected the head dimension 2");
  check_refused(small_model().add("llama.attention.value_length", std::uint32_t{4}), "is 4, expected the key length 2");
}

TEST_CASE("Keys and tensors that are missing or contradict each other are refused") {
  check_refused(small_model("token_embd.weight"), "tensor \"token_embd.weight\" is missing");
  check_refused(small_model("token_embd.weight").tensor_f32("token_embd.weight", {12}, std::vector<float>(12)), "is no matrix");
  for (const char* key : {"llama.embedding_length", "llama.feed_forward_length", "llama.block_count", "llama.attention.head_count",
                          "llama.context_length", "llama.attention.layer_norm_rms_epsilon"}) {
    check_refused(small_model(key), "metadata key \"" + std::string(key) + "\" is missing");
  }
  check_refused(small_model().add("llama.vocab_size", std::uint32_t{4}), "\"llama.vocab_size\" is 4, the embedding matrix has 3 rows");
  check_refused(small_model().add("tokenizer.ggml.tokens", std::vector<std::string>{"a"}),
                "the tokenizer has 1 tokens, the embedding matrix 3 rows");
  check_refused(small_model("llama.attention.head_count").add("llama.attention.head_count", std::uint32_t{3}), "is no multiple of 3 heads");
  check_refused(small_model("llama.attention.head_count").add("llama.attention.head_count", std::vector<std::int32_t>{2, 2}),
                "is an array of 2 i32");
}

TEST_CASE("Token ids beyond the vocabulary are refused") {
  check_refused(small_model().add("tokenizer.ggml.bos_token_id", std::uint32_t{3}), "BOS token is 3, but the vocabulary has 3 tokens");
  check_refused(small_model().add("tokenizer.ggml.eom_token_id", std::uint32_t{9}), "EOS token is 9");
  check_refused(small_model().add("tokenizer.ggml.unknown_token_id", std::uint32_t{3}), "tokenizer.ggml.unknown_token_id is 3, but");
  check_refused(small_model().add("tokenizer.ggml.padding_token_id", ~std::uint32_t{0}), "is the u32 4294967295, expected an integer");
}

}  // namespace
}  // namespace tutti

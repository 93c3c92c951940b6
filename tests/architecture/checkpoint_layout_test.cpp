// SPDX-License-Identifier: Apache-2.0
#include "tutti/architecture/checkpoint_layout.hpp"

#include "tests/support/catch.hpp"

namespace tutti {
namespace {

TEST_CASE("Names of tensors are put together from prefix, number and part") {
  CHECK(kHuggingFaceLayout.base_name(kHuggingFaceLayout.embedding) == "model.embed_tokens");
  CHECK(kHuggingFaceLayout.block_name(11, kHuggingFaceLayout.block.query) ==
        "model.layers.11.self_attn.q_proj");
  CHECK(kGpt2Layout.block_name(0, kGpt2Layout.block.query_key_value) ==
        "transformer.h.0.attn.c_attn");
  CHECK(gguf_layout().block_name(3, gguf_layout().block.mlp_post_norm) == "blk.3.post_ffw_norm");
}

TEST_CASE("A part that a family does not have has no name") {
  CHECK(kGpt2Layout.block_name(0, kGpt2Layout.block.gate).empty());
}

TEST_CASE("Gemma 3's post_attention_layernorm has another place than Llama's") {
  CHECK(kHuggingFaceLayout.block.mlp_norm == "post_attention_layernorm");
  CHECK(gemma3_layout().block.attention_post_norm == "post_attention_layernorm");
  CHECK(gemma3_layout().block.mlp_norm == "pre_feedforward_layernorm");
}

}  // namespace
}  // namespace tutti

// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the tensors of the Llama family are called in each format, without ".weight" and ".bias".

#include <cstddef>
#include <string>

namespace tutti {

struct LayerNames {
  std::string attention_norm, query, key, value, output, mlp_norm, gate, up, down;
};

struct TensorNames {
  std::string embedding;
  std::string final_norm;
  std::string head;
  std::string value_head;
  bool absent_head_is_tied = false;  ///< GGUF leaves a tied head out without saying so.
  std::string layer_prefix;          ///< Followed by the layer's number and a dot.
  LayerNames layer_suffixes;

  [[nodiscard]] LayerNames layer(std::size_t index) const {
    const std::string stem = layer_prefix + std::to_string(index) + ".";
    const LayerNames& s = layer_suffixes;
    return {stem + s.attention_norm, stem + s.query, stem + s.key, stem + s.value, stem + s.output,
            stem + s.mlp_norm,       stem + s.gate,  stem + s.up,  stem + s.down};
  }
};

[[nodiscard]] inline TensorNames hugging_face_tensor_names() {
  return {"model.embed_tokens",
          "model.norm",
          "lm_head",
          "score",
          false,
          "model.layers.",
          {"input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "post_attention_layernorm",
           "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"}};
}

[[nodiscard]] inline TensorNames gguf_tensor_names() {
  return {"token_embd",
          "output_norm",
          "output",
          "score",
          true,
          "blk.",
          {"attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate", "ffn_up", "ffn_down"}};
}

}  // namespace tutti

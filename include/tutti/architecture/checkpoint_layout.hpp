// SPDX-License-Identifier: Apache-2.0
#pragma once
// How one format stores the tensors of one family: their names, without ".weight" and ".bias", and
// the conventions of their contents. An empty name stands for a tensor that the family does not
// have.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "tutti/architecture/layer_types.hpp"

namespace tutti {

/// Names of one block's tensors, after its prefix.
struct BlockNames {
  std::string_view attention_norm, query, key, value;
  /// One matrix instead of query, key and value, with their rows one after the other.
  std::string_view query_key_value;
  std::string_view query_norm, key_norm;
  std::string_view output;
  std::string_view attention_post_norm;
  std::string_view mlp_norm, gate, up, down;
  std::string_view mlp_post_norm;
};

struct CheckpointLayout {
  /// Prefix of all names except the heads'. A checkpoint of the base model alone omits it.
  std::string_view base_prefix;
  std::string_view embedding, positions, final_norm;
  std::string_view head, value_head;
  /// Comes after base_prefix; followed by the block's number and a dot.
  std::string_view block_prefix;
  BlockNames block;
  /// Suffixes of tensors that hold no weights, such as masks.
  std::array<std::string_view, 2> ignored{};

  RopePairing pairing = RopePairing::halves;
  bool absent_head_is_tied = false;  ///< In GGUF an absent head is tied.
  bool linears_transposed = false;   ///< Linear layers of blocks are stored [in, out].
  bool norms_lack_one = false;       ///< Norm weights are stored minus 1.

  [[nodiscard]] std::string base_name(std::string_view name) const {
    return std::string(base_prefix).append(name);
  }
  /// The name of a tensor of block `index`; empty if `name` is.
  [[nodiscard]] std::string block_name(std::size_t index, std::string_view name) const {
    if (name.empty()) return {};
    return base_name(block_prefix).append(std::to_string(index)).append(".").append(name);
  }
};

/// Llama and the families with the same names.
inline constexpr CheckpointLayout kHuggingFaceLayout{
    .base_prefix = "model.",
    .embedding = "embed_tokens",
    .positions = "",
    .final_norm = "norm",
    .head = "lm_head",
    .value_head = "score",
    .block_prefix = "layers.",
    .block = {.attention_norm = "input_layernorm",
              .query = "self_attn.q_proj",
              .key = "self_attn.k_proj",
              .value = "self_attn.v_proj",
              .query_key_value = "",
              .query_norm = "self_attn.q_norm",
              .key_norm = "self_attn.k_norm",
              .output = "self_attn.o_proj",
              .attention_post_norm = "",
              .mlp_norm = "post_attention_layernorm",
              .gate = "mlp.gate_proj",
              .up = "mlp.up_proj",
              .down = "mlp.down_proj",
              .mlp_post_norm = ""},
    .ignored = {"rotary_emb.inv_freq"},
};

/// As Llama, except that post_attention_layernorm is a norm of the attention's output.
[[nodiscard]] constexpr CheckpointLayout gemma3_layout() {
  CheckpointLayout layout = kHuggingFaceLayout;
  layout.block.attention_post_norm = "post_attention_layernorm";
  layout.block.mlp_norm = "pre_feedforward_layernorm";
  layout.block.mlp_post_norm = "post_feedforward_layernorm";
  layout.norms_lack_one = true;
  return layout;
}

inline constexpr CheckpointLayout kGpt2Layout{
    .base_prefix = "transformer.",
    .embedding = "wte",
    .positions = "wpe",
    .final_norm = "ln_f",
    .head = "lm_head",
    .value_head = "score",
    .block_prefix = "h.",
    .block = {.attention_norm = "ln_1",
              .query = "",
              .key = "",
              .value = "",
              .query_key_value = "attn.c_attn",
              .query_norm = "",
              .key_norm = "",
              .output = "attn.c_proj",
              .attention_post_norm = "",
              .mlp_norm = "ln_2",
              .gate = "",
              .up = "mlp.c_fc",
              .down = "mlp.c_proj",
              .mlp_post_norm = ""},
    .ignored = {".attn.bias", ".attn.masked_bias"},  // the causal mask, in old checkpoints
    .linears_transposed = true,
};

/// GGUF uses the same names for every family.
[[nodiscard]] constexpr CheckpointLayout gguf_layout(RopePairing pairing = RopePairing::halves) {
  return {.base_prefix = "",
          .embedding = "token_embd",
          .positions = "position_embd",
          .final_norm = "output_norm",
          .head = "output",
          .value_head = "score",
          .block_prefix = "blk.",
          .block = {.attention_norm = "attn_norm",
                    .query = "attn_q",
                    .key = "attn_k",
                    .value = "attn_v",
                    .query_key_value = "attn_qkv",
                    .query_norm = "attn_q_norm",
                    .key_norm = "attn_k_norm",
                    .output = "attn_output",
                    .attention_post_norm = "post_attention_norm",
                    .mlp_norm = "ffn_norm",
                    .gate = "ffn_gate",
                    .up = "ffn_up",
                    .down = "ffn_down",
                    .mlp_post_norm = "post_ffw_norm"},
          .pairing = pairing,
          .absent_head_is_tied = true};
}

}  // namespace tutti

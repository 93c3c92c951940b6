# SPDX-License-Identifier: Apache-2.0
"""A GGUF file with random weights in the shape of Llama-3.2-1B, for measuring speed: what it generates means nothing.

    pip install gguf numpy
    python benchmarks/peers/make_random_model.py --format Q4_K_M --tokenizer models/SmolLM2-135M-Instruct.Q4_1.gguf \
        --output random-1b.Q4_K_M.gguf

Formats: F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q6_K, and the mixtures Q4_K_M and Q5_K_M (as llama.cpp makes them: the
embedding, and in half of the layers the value and down projections, are Q6_K). The tokenizer is another file's, padded with
unused tokens to the size of the vocabulary. 509 random rows per type and row length repeat throughout the matrices. Types that
gguf can quantize are quantized from normally distributed weights; blocks of the K types are random bytes with small scales.
"""

import argparse

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type

HIDDEN, LAYERS, FEED_FORWARD, HEADS, KV_HEADS, HEAD, VOCABULARY = 2048, 16, 8192, 32, 8, 64, 128256
ROWS = 509
# Offset of each 16-bit float in a block.
HALVES = {Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208,)}


class RandomMatrices:
    def __init__(self):
        self.generator = np.random.default_rng(0)
        self.rows = {}

    def make(self, rows, columns, kind):
        if (kind, columns) not in self.rows:
            self.rows[kind, columns] = self._pool(columns, kind)
        pool = self.rows[kind, columns]
        return np.resize(pool, (rows, pool.shape[1]))

    def _pool(self, columns, kind):
        if kind not in HALVES:
            weights = self.generator.standard_normal((ROWS, columns), dtype=np.float32) * (0.7 / np.sqrt(columns))
            if kind == Type.F32:
                return weights
            return weights.astype(np.float16) if kind == Type.F16 else gguf.quants.quantize(weights, kind)
        elements, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = self.generator.integers(0, 256, (ROWS, columns // elements, size), dtype=np.uint8)
        scale = np.frombuffer(np.float16(0.02 / np.sqrt(columns) / 16).tobytes(), np.uint8)
        for offset in HALVES[kind]:
            blocks[..., offset:offset + 2] = scale
        return blocks.reshape(ROWS, -1)


def type_of(tensor, layer, kind):
    """The type of a matrix in a file of format `kind`."""
    if not kind.endswith("_K_M"):
        return Type[kind]
    if tensor == "token_embd":
        return Type.Q6_K
    more_bits = layer < LAYERS // 8 or layer >= 7 * LAYERS // 8 or (layer - LAYERS // 8) % 3 == 2
    if tensor in ("attn_v", "ffn_down") and more_bits:
        return Type.Q6_K
    return Type[kind.removesuffix("_M")]


def copy_tokenizer(path, writer):
    for name, field in gguf.GGUFReader(path).fields.items():
        if not name.startswith("tokenizer."):
            continue
        value = field.contents()
        if name == "tokenizer.ggml.tokens":
            value += [f"<|unused_{i}|>" for i in range(VOCABULARY - len(value))]
        elif name in ("tokenizer.ggml.token_type", "tokenizer.ggml.scores"):
            value += [gguf.TokenType.UNUSED if name.endswith("type") else 0.0] * (VOCABULARY - len(value))
        writer.add_key_value(name, value, field.types[0], field.types[-1] if len(field.types) > 1 else None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--format", required=True)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--output", required=True)
    arguments = parser.parse_args()
    writer = gguf.GGUFWriter(arguments.output, "llama")
    writer.add_context_length(8192)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(500000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCABULARY)
    copy_tokenizer(arguments.tokenizer, writer)
    matrices = RandomMatrices()

    def add(tensor, layer, rows, columns):
        kind = type_of(tensor, layer, arguments.format)
        name = f"{tensor}.weight" if layer is None else f"blk.{layer}.{tensor}.weight"
        plain = kind in (Type.F32, Type.F16)
        writer.add_tensor(name, matrices.make(rows, columns, kind), raw_dtype=None if plain else kind)

    add("token_embd", None, VOCABULARY, HIDDEN)
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    for layer in range(LAYERS):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", np.ones(HIDDEN, np.float32))
        for tensor, rows, columns in (
                ("attn_q", HEADS * HEAD, HIDDEN), ("attn_k", KV_HEADS * HEAD, HIDDEN), ("attn_v", KV_HEADS * HEAD, HIDDEN),
                ("attn_output", HIDDEN, HEADS * HEAD), ("ffn_gate", FEED_FORWARD, HIDDEN), ("ffn_up", FEED_FORWARD, HIDDEN),
                ("ffn_down", HIDDEN, FEED_FORWARD)):
            add(tensor, layer, rows, columns)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()

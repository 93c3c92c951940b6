# SPDX-License-Identifier: Apache-2.0
"""The small Llama that is trained here: parameters in Hugging Face's layout, with three liberties taken during training only.

The rows of integers in the embedding are a free part plus a linear map of numeric features, adapters are held as factors of each
matrix, and the last layer is computed where a program token is predicted and nowhere else. `export.py` folds the first two into
plain tensors, so that what is written is exactly a `LlamaForCausalLM`.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

from shared import normalize, rotary_tables, rotate

POSITIONS = 192


@dataclasses.dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int = 64
    layers: int = 2
    heads: int = 4
    hidden: int = 128


def integer_features(vocabulary: dict) -> torch.Tensor:
    """[tokens, features]: magnitudes, signs and residues of the integer tokens, zero for all other tokens."""
    integers = vocabulary["integers"]
    n = torch.arange(integers["count"], dtype=torch.float32) + integers["first_value"]
    log = torch.log1p(n.abs()) / 3
    columns = [(n / 16).clamp(-4, 4), n / 64, n / 256, n.sign() * log, n.sign(), (n == 0).float(), log, torch.tanh(n / 4), torch.tanh(n / 10)]
    for period in (2, 3, 4, 5, 6, 8, 10, 16, 20, 32, 64, 128):
        columns += [torch.cos(2 * math.pi * n / period), torch.sin(2 * math.pi * n / period)]
    features = torch.zeros(len(vocabulary["tokens"]), len(columns))
    features[integers["first_id"]:integers["first_id"] + integers["count"]] = torch.stack(columns, 1)
    return features


class Linear(nn.Module):
    """A matrix, and the two factors of an adapter once `add_adapter` was called."""

    def __init__(self, inputs: int, outputs: int, deviation: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) * deviation)
        self.lora_A = self.lora_B = None
        self.scale = 1.0

    def add_adapter(self, rank: int, alpha: float):
        outputs, inputs = self.weight.shape
        self.weight.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.randn(rank, inputs) / math.sqrt(inputs))
        self.lora_B = nn.Parameter(torch.zeros(outputs, rank))
        self.scale = alpha / rank

    def merged(self) -> torch.Tensor:
        # The matrices are so small that adding the factors' product to them costs less than two more products with the rows.
        return self.weight if self.lora_A is None else self.weight + self.scale * (self.lora_B @ self.lora_A)


class Layer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        width, hidden = shape.width, shape.hidden
        inner, outer = 1 / math.sqrt(width), 1 / math.sqrt(2 * shape.layers)
        self.heads = shape.heads
        self.q_proj, self.k_proj, self.v_proj = (Linear(width, width, inner) for _ in range(3))
        self.o_proj = Linear(width, width, inner * outer)
        self.gate_proj, self.up_proj = Linear(width, hidden, inner), Linear(width, hidden, inner)
        self.down_proj = Linear(hidden, width, outer / math.sqrt(hidden))

    @staticmethod
    def split(x, heads: int):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    def project(self, x, rotary):
        """Queries, keys and values [sequences, heads, tokens, width of a head] of x [sequences, tokens, width]."""
        h = normalize(x)
        qk = self.split(F.linear(h, torch.cat([self.q_proj.merged(), self.k_proj.merged()])), 2 * self.heads)
        q, k = rotate(qk, *rotary).chunk(2, 1)
        return q, k, self.split(F.linear(h, self.v_proj.merged()), self.heads)

    def add(self, x, attended, dropout: float):
        """x with what attention [sequences, heads, tokens, width of a head] and the MLP add to it."""
        attended = attended.transpose(1, 2).flatten(2)
        x = x + F.dropout(F.linear(attended, self.o_proj.merged()), dropout, self.training)
        gate, up = F.linear(normalize(x), torch.cat([self.gate_proj.merged(), self.up_proj.merged()])).chunk(2, -1)
        return x + F.dropout(F.linear(F.silu(gate) * up, self.down_proj.merged()), dropout, self.training)

    def forward(self, x, rotary, dropout: float, rows=None):
        """x [sequences, tokens, width]. `rows` [sequences, n] are the positions to compute, all of them if None."""
        q, k, v = self.project(x, rotary)
        if rows is None:
            return self.add(x, F.scaled_dot_product_attention(q, k, v, is_causal=True), dropout)
        sequence = torch.arange(len(x), device=x.device)[:, None]
        x, q = x[sequence, rows], q.transpose(1, 2)[sequence, rows].transpose(1, 2)
        visible = (torch.arange(k.shape[2], device=x.device) <= rows[..., None])[:, None]
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        return self.add(x, scores.masked_fill(~visible, -1e9).softmax(-1) @ v, dropout)


class Expert(nn.Module):
    """A language model over the programs' vocabulary."""

    def __init__(self, shape: Shape, features: torch.Tensor):
        super().__init__()
        self.shape = shape
        self.dropout = 0.0  # of what a block adds; never of the embedding, in which a number is spread over all channels
        self.free = nn.Parameter(torch.randn(shape.vocabulary, shape.width) * 0.1)
        self.projection = nn.Parameter(torch.randn(features.shape[1], shape.width) * 0.08)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        cosine, sine = rotary_tables(POSITIONS, shape.width // shape.heads)
        self.register_buffer("features", features, persistent=False)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)

    def add_adapters(self, rank: int, alpha: float):
        self.requires_grad_(False)
        for layer in self.layers:
            for linear in layer.children():
                if isinstance(linear, Linear):
                    linear.add_adapter(rank, alpha)

    def embedding(self) -> torch.Tensor:
        return self.free + self.features @ self.projection

    def final(self, x):
        return normalize(x) * self.norm

    def forward(self, tokens, rows):
        """Logits [sequences, n, vocabulary] at the positions `rows` [sequences, n]."""
        embedding = self.embedding()
        x = F.embedding(tokens, embedding)
        rotary = self.cosine[:tokens.shape[1]], self.sine[:tokens.shape[1]]
        for i, layer in enumerate(self.layers):
            x = layer(x, rotary, self.dropout, rows if i + 1 == len(self.layers) else None)
        return F.linear(self.final(x), embedding)

# SPDX-License-Identifier: Apache-2.0
"""The small Llama that is trained here. `export.py` writes it as a `LlamaForCausalLM`, exactly.

Norms inside the layers have unit weights, because the matrices after them can scale their inputs
themselves. The output matrix is not the embedding: letters are only read, and the two together are
a few percent of the parameters.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F
from torch import nn

from shared import normalize, rotary_tables, rotate

POSITIONS = 96  # twice 22 letters and a separator, and answers of up to 50 tokens


@dataclasses.dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int = 64
    layers: int = 2
    heads: int = 4
    hidden: int = 192


@dataclasses.dataclass(frozen=True)
class Dropout:
    layers: float = 0.0  # of what each half of a layer adds
    embedding: float = 0.0
    attention: float = 0.0  # of the weights of attention


def drop(x, share: float, training: bool):
    """F.dropout with one random byte per element (so `share` is rounded to 1/256): on a CPU,
    drawing the random numbers of F.dropout costs a tenth of a step."""
    limit = round(256 * share)
    if not training or limit == 0:
        return x
    words = torch.empty(-(-x.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
    kept = (words.view(torch.uint8)[: x.numel()] >= limit).view(x.shape)
    return x * (kept.to(x.dtype) * (256 / (256 - limit)))


def matrix(outputs: int, inputs: int, deviation: float) -> nn.Parameter:
    return nn.Parameter(torch.randn(outputs, inputs) * deviation)


class Layer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        width, hidden = shape.width, shape.hidden
        inner, outer = 1 / math.sqrt(width), 1 / math.sqrt(2 * shape.layers)
        self.heads = shape.heads
        self.q_proj, self.k_proj, self.v_proj = (matrix(width, width, inner) for _ in range(3))
        self.o_proj = matrix(width, width, inner * outer)
        self.gate_proj, self.up_proj = (matrix(hidden, width, inner) for _ in range(2))
        self.down_proj = matrix(width, hidden, outer / math.sqrt(hidden))

    def project(self, x, rotary):
        """Queries, keys, values [sequences, heads, tokens, head width] of x [.., tokens, width]."""
        h = normalize(x)
        qkv = F.linear(h, torch.cat([self.q_proj, self.k_proj, self.v_proj]))
        qkv = qkv.unflatten(-1, (3 * self.heads, -1)).transpose(1, 2)
        q, k = rotate(qkv[:, : 2 * self.heads], *rotary).chunk(2, 1)
        return q, k, qkv[:, 2 * self.heads :]

    def add(self, x, attended, dropout: float):
        """x plus the outputs of attention [sequences, heads, tokens, head width] and of the MLP."""
        attended = attended.transpose(1, 2).flatten(2)
        x = x + drop(F.linear(attended, self.o_proj), dropout, self.training)
        gate, up = F.linear(normalize(x), torch.cat([self.gate_proj, self.up_proj])).chunk(2, -1)
        return x + drop(F.linear(F.silu(gate) * up, self.down_proj), dropout, self.training)

    def forward(self, x, rotary, rates: Dropout, start: int, cache: list | None = None):
        """x [sequences, tokens, width] to the same from token `start` on. With a cache, x follows
        the tokens that are in it."""
        q, k, v = self.project(x, rotary)
        if cache is not None:
            if cache:
                k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
            cache[:] = k, v
        tokens, total = x.shape[1], k.shape[2]
        scores = (q[:, :, start:] @ k.mT) * (1 / math.sqrt(q.shape[-1]))
        if tokens > 1:
            first = total - tokens + start
            scores = scores + torch.full((tokens - start, total), -1e9).triu(first + 1)
        weights = drop(scores.softmax(-1), rates.attention, self.training)
        return self.add(x[:, start:], weights @ v, rates.layers)


class Speller(nn.Module):
    """A language model: letters, separator, phonemes, end."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.dropout = Dropout()
        self.embedding = matrix(shape.vocabulary, shape.width, 0.5)
        self.head = matrix(shape.vocabulary, shape.width, 0.5 / math.sqrt(shape.width))
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        cosine, sine = rotary_tables(POSITIONS, shape.width // shape.heads)
        self.register_buffer("cosine", cosine, persistent=False)
        self.register_buffer("sine", sine, persistent=False)

    def make_cache(self) -> list[list]:
        return [[] for _ in self.layers]

    def forward(self, tokens, start: int = 0, cache: list[list] | None = None):
        """Logits [sequences, tokens - start, vocabulary] of tokens [sequences, tokens]."""
        past = cache[0][0].shape[2] if cache and cache[0] else 0
        rotary = (
            self.cosine[past : past + tokens.shape[1]],
            self.sine[past : past + tokens.shape[1]],
        )
        x = drop(F.embedding(tokens, self.embedding), self.dropout.embedding, self.training)
        for i, layer in enumerate(self.layers):
            last = i + 1 == len(self.layers)
            x = layer(
                x, rotary, self.dropout, start if last else 0, None if cache is None else cache[i]
            )
        return F.linear(normalize(x) * self.norm, self.head)


def count_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())

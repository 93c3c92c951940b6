# SPDX-License-Identifier: Apache-2.0
"""Many samples of many problems."""

import math

import numpy as np
import torch
import torch.nn.functional as F

ROWS = 1024  # sequences a step: large enough for the products, small enough for the caches


@torch.no_grad()
def sample(model, prompts, samples: int, end: int, longest: int, seed: int, temperature: float = 1.0) -> list[list[list[int]]]:
    """For each prompt, `samples` programs as token lists; one that has not ended after `longest` tokens is cut there."""
    generator = torch.Generator().manual_seed(seed)
    result = [None] * len(prompts)
    lengths = np.array([len(prompt) for prompt in prompts])
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        for group in np.array_split(same, min(len(same), math.ceil(len(same) * samples / ROWS))):
            tokens = continuations(model, torch.tensor([prompts[i] for i in group]), samples, end, longest, generator, temperature)
            for i, drawn in zip(group, tokens.view(len(group), samples, -1).tolist()):
                result[i] = [program[:program.index(end) + 1] if end in program else program for program in drawn]
    return result


def continuations(model, prompts, samples, end, longest, generator, temperature: float) -> torch.Tensor:
    """[prompts * samples, longest] for prompts [n, length]. A prompt's keys and values are read by all its samples and stored once."""
    n, length = prompts.shape
    embedding = model.embedding()
    x, shared = F.embedding(prompts, embedding), []
    for layer in model.layers:
        q, k, v = layer.project(x, (model.cosine[:length], model.sine[:length]))
        shared.append((k, v))
        x = layer.add(x, F.scaled_dot_product_attention(q, k, v, is_causal=True), 0)
    x = x[:, -1:].repeat_interleave(samples, 0)
    own = [([], []) for _ in model.layers]
    tokens = torch.full((n * samples, longest), end)
    running = torch.ones(n * samples, dtype=torch.bool)
    for at in range(longest):
        logits = F.linear(model.final(x)[:, 0], embedding)
        # By the cumulative probabilities: torch.multinomial draws a number for every token of the vocabulary, a third of all time.
        below = (logits / temperature).softmax(-1).cumsum(-1)
        drawn = torch.searchsorted(below, torch.rand(len(below), 1, generator=generator) * below[:, -1:])[:, 0]
        tokens[running, at] = drawn[running]
        running &= drawn != end
        if at + 1 == longest or not running.any():
            return tokens
        x = F.embedding(drawn, embedding)[:, None]
        rotary = model.cosine[length + at:length + at + 1], model.sine[length + at:length + at + 1]
        for layer, (keys, values), (own_keys, own_values) in zip(model.layers, shared, own):
            q, k, v = (y.view(n, samples, layer.heads, -1).transpose(1, 2) for y in layer.project(x, rotary))
            own_keys.append(k)
            own_values.append(v)
            to_own = torch.stack([(q * key).sum(-1) for key in own_keys], -1)
            weights = (torch.cat([q @ keys.mT, to_own], -1) / math.sqrt(q.shape[-1])).softmax(-1)
            attended = weights[..., :length] @ values
            for j, value in enumerate(own_values):
                attended = attended + weights[..., length + j, None] * value
            x = layer.add(x, attended.transpose(1, 2).reshape(n * samples, layer.heads, 1, -1), 0)
    return tokens

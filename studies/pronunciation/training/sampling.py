# SPDX-License-Identifier: Apache-2.0
"""Pronunciations of many words by one model or several: greedy, fused, sampled; and their log p."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

import data
from data import Pronunciation
from model import Speller
from options import Form

LONGEST = 30  # tokens of an answer; the longest in the dictionary has 33, all but a few below 20
ROWS = 1024  # sequences per pass


def fuse(logits: torch.Tensor, rule: str) -> torch.Tensor:
    """[members, rows, tokens] -> log p [rows, tokens] by the mean or product of probabilities."""
    logp = F.log_softmax(logits, -1)
    if rule == "mean":
        return torch.logsumexp(logp, 0) - math.log(len(logp))
    return F.log_softmax(logp.mean(0), -1)


def groups_by_length(words: Sequence[str], rows: int) -> list[np.ndarray]:
    """Indices of equally long words, at most `rows` at a time."""
    lengths = np.array([len(word) for word in words])
    groups = []
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        groups += np.array_split(same, math.ceil(len(same) / rows))
    return groups


@torch.no_grad()
def answer(
    models: Sequence[Speller],
    words: Sequence[str],
    form: Form = Form(),
    rule: str = "mean",
    temperature: float = 0.0,
    samples: int = 1,
    seed: int = 0,
) -> list[list[Pronunciation]]:
    """`samples` pronunciations of each word. Temperature 0 is greedy. With several models every
    token is chosen by their fused probabilities; all of them must read the same form."""
    generator = torch.Generator().manual_seed(seed)
    result: list[list[Pronunciation]] = [[] for _ in words]
    for group in groups_by_length(words, max(1, ROWS // samples)):
        prompts = torch.tensor([data.encode_word(words[i], form) for i in group])
        tokens = prompts.repeat_interleave(samples, 0)
        caches = [model.make_cache() for model in models]
        written, running = [], torch.ones(len(tokens), dtype=torch.bool)
        while len(written) < LONGEST and running.any():
            logits = torch.stack(
                [
                    model(tokens, tokens.shape[1] - 1, cache)[:, 0]
                    for model, cache in zip(models, caches)
                ]
            )
            logp = fuse(logits, rule)
            if temperature == 0:
                chosen = logp.argmax(-1)
            else:
                below = (logp / temperature).softmax(-1).cumsum(-1)
                drawn = torch.rand(len(below), 1, generator=generator) * below[:, -1:]
                chosen = torch.searchsorted(below, drawn)[:, 0].clamp(max=below.shape[1] - 1)
            chosen = torch.where(running, chosen, data.END)
            running &= chosen != data.END
            written.append(chosen)
            tokens = chosen[:, None]
        rows = torch.stack(written, 1).tolist()
        for n, i in enumerate(group):
            result[i] = [
                data.decode_pronunciation(row, form)
                for row in rows[n * samples : (n + 1) * samples]
            ]
    return result


@torch.no_grad()
def log_probabilities(model: Speller, pairs: data.Pairs, size: int = ROWS) -> np.ndarray:
    """Log p of each pair's answer, the end token included, in nats."""
    result = np.zeros(len(pairs))
    for batch in data.batches(pairs, size):
        logp = F.log_softmax(model(batch.inputs, batch.start), -1)
        logp = logp.gather(-1, batch.targets.clamp(min=0)[..., None])[..., 0]
        result[batch.indices] = (logp * (batch.targets != data.IGNORED)).sum(1).double().numpy()
    return result


def nats_per_word(logp: np.ndarray, words: np.ndarray) -> float:
    """Mean over words of -log of the probability of a right answer, any of the listed ones."""
    total = np.full(words.max() + 1, -np.inf)
    np.logaddexp.at(total, words, logp)
    return float(-total.mean())


def correct(
    predicted: Sequence[Pronunciation], entries: Sequence[data.Entry], stress: bool
) -> np.ndarray:
    """1 where the prediction is one of the word's listed pronunciations."""
    form = (lambda p: p) if stress else data.without_stress
    return np.array(
        [
            form(p) in {form(q) for q in entry.pronunciations}
            for p, entry in zip(predicted, entries)
        ],
        dtype=float,
    )

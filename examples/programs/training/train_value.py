# SPDX-License-Identifier: Apache-2.0
"""Trains the value model: does this candidate solve the problem?

    python train_value.py --init seed_0

Starts with a member's parameters. Reads value_candidates.pt (value_candidates.py makes it) and writes the best state by the AUC on the
development set's candidates as value.pt, with value.json, in --runs.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

from load import load, record, vocabulary_of
from optimizer import Optimizer
from train import rate_at, size_of

LAST_WEIGHT = 7  # of the last token's answer, the one that counts, beside 1 of each other


@dataclasses.dataclass(frozen=True)
class Packed:
    tokens: torch.Tensor     # [sequences, tokens]: a prompt, then its candidates
    positions: torch.Tensor  # the same: each candidate's count on from the prompt's
    mask: torch.Tensor       # [sequences, tokens, tokens]: the prompt and the own candidate, up to oneself
    last: torch.Tensor       # [sequences, n]: each candidate's last token; 0 where a prompt has fewer
    rows: torch.Tensor       # [sequences, m]: every token of the candidates; 0 where a prompt has fewer
    row_owner: torch.Tensor  # [sequences, m]: whose it is, of n; -1 there
    is_last: torch.Tensor    # [sequences, m]: whether it is the candidate's last token


def pack(pairs, pad: int) -> Packed:
    """For (prompt, candidates) pairs. A prompt is most of a sequence: six candidates behind it cost little more than one."""
    longest = max(len(prompt) + sum(map(len, candidates)) for prompt, candidates in pairs)
    most = max(len(candidates) for _, candidates in pairs)
    tokens = np.full((len(pairs), longest), pad, np.int64)
    positions, owner = np.zeros_like(tokens), np.full_like(tokens, -1)
    last = np.zeros((len(pairs), most), np.int64)
    for i, (prompt, candidates) in enumerate(pairs):
        at = len(prompt)
        tokens[i, :at], positions[i, :at], owner[i, :at] = prompt, np.arange(at), 0
        for j, candidate in enumerate(candidates):
            end = at + len(candidate)
            tokens[i, at:end], owner[i, at:end] = candidate, j + 1
            positions[i, at:end] = len(prompt) + np.arange(len(candidate))
            at, last[i, j] = end, end - 1
    rows = np.zeros((len(pairs), max(sum(map(len, candidates)) for _, candidates in pairs)), np.int64)
    row_owner = np.full_like(rows, -1)
    for i, (prompt, candidates) in enumerate(pairs):
        at = len(prompt) + np.arange(sum(map(len, candidates)))
        rows[i, :len(at)], row_owner[i, :len(at)] = at, owner[i, at] - 1
    is_last = (rows[:, :, None] == last[:, None]).any(-1) & (row_owner >= 0)
    tokens, positions, owner, last, rows, row_owner, is_last = map(
        torch.from_numpy, (tokens, positions, owner, last, rows, row_owner, is_last))
    seen = (owner[:, None, :] == 0) | (owner[:, None, :] == owner[:, :, None])
    return Packed(tokens, positions, seen & torch.ones(longest, longest, dtype=torch.bool).tril(), last, rows, row_owner, is_last)


def groups(pairs, size: int, rng=None):
    lengths = np.array([len(prompt) + sum(map(len, candidates)) for prompt, candidates, *_ in pairs])
    order = rng.permutation(len(pairs)) if rng is not None else np.arange(len(pairs))
    order = order[np.argsort(lengths[order], kind="stable")]
    result = [order[at:at + size] for at in range(0, len(order), size)]
    if rng is not None:
        rng.shuffle(result)
    return result


@torch.no_grad()
def values_of(model, pairs, pad: int) -> list[np.ndarray]:
    model.eval()
    result = [None] * len(pairs)
    for group in groups(pairs, 64):
        packed = pack([pairs[i][:2] for i in group], pad)
        values = model.values(packed.tokens, packed.last, packed.positions, packed.mask).numpy()
        for i, row in zip(group, values):
            result[i] = row[:len(pairs[i][1])]
    return result


def loss_of(model, packed: Packed, labels):
    """At every token of a candidate the model says whether it will be right: what it says after the first tokens is all that the
    members know, and much more to learn from than one answer behind the last."""
    table = torch.zeros(packed.last.shape)
    for i, row in enumerate(labels):
        table[i, :len(row)] = torch.tensor(row)
    target = table.gather(1, packed.row_owner.clamp(min=0))
    values = model.values(packed.tokens, packed.rows, packed.positions, packed.mask)
    weight = (packed.row_owner >= 0) + LAST_WEIGHT * packed.is_last
    losses = F.binary_cross_entropy_with_logits(values, target, reduction="none")
    return (losses * weight).sum() / weight.sum()


def area_under_curve(values: np.ndarray, right: np.ndarray) -> float:
    """Probability that a right candidate's value is above a wrong one's (Mann-Whitney); ties are rare in float32."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values)] = np.arange(1, len(values) + 1)
    positives = right.sum()
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * (len(right) - positives)))


def selection(model, sampled, right, pad: int) -> dict:
    """What picking by value solves. `sampled`: (prompt, different programs, how often each was drawn) of every problem."""
    values = values_of(model, sampled, pad)
    shares = [float(np.dot(r, counts) / sum(counts)) for r, (_, _, counts) in zip(right, sampled)]
    picks = [bool(r[v.argmax()]) for r, v in zip(right, values)]
    random, oracle, picked = float(np.mean(shares)), float(np.mean([any(r) for r in right])), float(np.mean(picks))
    return {"auc": round(area_under_curve(np.concatenate(values), np.concatenate(right).astype(bool)), 4), "random": round(random, 4),
            "value": round(picked, 4), "oracle": round(oracle, 4), "gap": round((picked - random) / (oracle - random), 4)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="value")
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--init", required=True)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.005)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--checks", type=int, default=6, help="looks at the development set in an epoch")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main(options):
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    vocabulary = vocabulary_of(options.data)
    pad = vocabulary["pad"]
    pairs, development, right = torch.load(pathlib.Path(options.runs, "value_candidates.pt"), weights_only=False)
    candidates = sum(len(programs) for _, programs, _ in pairs)
    print("candidates", candidates, "from", len(pairs), "prompts", flush=True)

    model = load(options.runs, options.init, vocabulary, value=True)
    model.dropout = options.dropout
    optimizer = Optimizer(model, options.weight_decay)
    total, steps, curve, best, losses = options.epochs * -(-len(pairs) // options.batch), 0, [], None, []
    begin = time.process_time()
    for epoch in range(options.epochs):
        order = groups(pairs, options.batch, rng)
        for group in order:
            model.train()
            packed = pack([pairs[i][:2] for i in group], pad)
            loss = loss_of(model, packed, [pairs[i][2] for i in group])
            loss.backward()
            optimizer.step(rate_at(steps, total, options.rate))
            losses.append(loss.item())
            steps += 1
            if steps % (len(order) // options.checks) == 0:
                curve.append({"epoch": round(steps / len(order), 2), "steps": steps, "train": round(float(np.mean(losses)), 4),
                              **selection(model, development, right, pad), "cpu_seconds": round(time.process_time() - begin, 1)})
                losses = []
                print(options.name, curve[-1], flush=True)
                if best is None or curve[-1]["auc"] > best["auc"]:
                    best = curve[-1]
                    torch.save({name: p.detach() for name, p in model.named_parameters()}, pathlib.Path(options.runs, options.name + ".pt"))
    shape = {key: record(options.runs, options.init)["options"][key] for key in ("width", "layers", "heads", "hidden")}
    figures = {"options": vars(options) | shape, "candidates": candidates, "prompts": len(pairs), "parameters": size_of(model),
               "best": best, "curve": curve}
    pathlib.Path(options.runs, options.name + ".json").write_text(json.dumps(figures))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(arguments())

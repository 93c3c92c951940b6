# SPDX-License-Identifier: Apache-2.0
"""Trains the value model: does this candidate solve the problem? Its candidates are what the members wrote for training problems.

    python train_value.py --exporter program_problems --members seed_0,seed_1,... --init seed_0

Every member samples each problem once, from a prompt with examples of its own choice. Of one prompt's candidates as many wrong as
right ones are kept (from the same prompt wherever it has them), so that the model cannot win by knowing which problems are easy.
Writes value.pt and value.json in --runs, and value_candidates.pt, with which a second run need not sample again.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

import data
from evaluate import LONGEST, SAMPLES
from load import load, load_all, record, vocabulary_of
from optimizer import Optimizer
from sampling import sample
from train import rate_at
from verify import DEVELOPMENT, VALUE

PACKED = 6  # candidates that share a prompt in one sequence


@dataclasses.dataclass(frozen=True)
class Packed:
    tokens: torch.Tensor     # [sequences, tokens]: a prompt, then its candidates
    positions: torch.Tensor  # the same: each candidate's count on from the prompt's
    mask: torch.Tensor       # [sequences, tokens, tokens]: the prompt and the own candidate, up to oneself
    last: torch.Tensor       # [sequences, n]: each candidate's last token; 0 where a prompt has fewer


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
    tokens, positions, owner, last = (torch.from_numpy(array) for array in (tokens, positions, owner, last))
    seen = (owner[:, None, :] == 0) | (owner[:, None, :] == owner[:, :, None])
    return Packed(tokens, positions, seen & torch.ones(longest, longest, dtype=torch.bool).tril(), last)


def sample_candidates(members, problems, vocabulary, samples: int, seed: int):
    """[(problem, prompt, programs)]: for every member and problem the different programs of `samples` draws from one prompt."""
    rng, result = np.random.default_rng(seed), []
    for number, model in enumerate(members):
        prompts = [data.redrawn_prompt(p, vocabulary, rng) for p in problems]
        drawn = sample(model, prompts, samples, vocabulary["end"], LONGEST, seed * 1000 + number)
        result += [(i, prompt, [list(p) for p in dict.fromkeys(map(tuple, programs)) if p[-1] == vocabulary["end"]])
                   for i, (prompt, programs) in enumerate(zip(prompts, drawn))]
        print("sampled by member", number, flush=True)
    return result


def balanced(sampled, verdicts, rng):
    """[(prompt, programs, right)] with as many wrong as right programs, PACKED at most."""
    result, verdict = [], iter(verdicts)
    for _, prompt, programs in sampled:
        right = [next(verdict) for _ in programs]
        positive = [p for p, r in zip(programs, right) if r][:PACKED // 2]
        negative = [p for p, r in zip(programs, right) if not r]
        pairs = min(len(positive), len(negative))
        if pairs:
            chosen = [negative[i] for i in rng.permutation(len(negative))[:pairs]]
            result.append((prompt, positive[:pairs] + chosen, [1.0] * pairs + [0.0] * pairs))
    return result


def judge(exporter, problem_set, sampled):
    return [v["solves"] for v in problem_set.verdicts(exporter, [(i, program) for i, _, programs in sampled for program in programs])]


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


def area_under_curve(values: np.ndarray, right: np.ndarray) -> float:
    """Probability that a right candidate's value is above a wrong one's (Mann-Whitney); ties are rare in float32."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values)] = np.arange(1, len(values) + 1)
    positives = right.sum()
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * (len(right) - positives)))


def selection(model, sampled, right, pad: int) -> dict:
    """`sampled`: sixteen or fewer different programs of each problem with how often each was drawn as third entry."""
    values = values_of(model, sampled, pad)
    shares = [float(np.dot(r, counts) / sum(counts)) for r, (_, _, counts) in zip(right, sampled)]
    picks = [bool(r[v.argmax()]) for r, v in zip(right, values)]
    random, oracle, picked = float(np.mean(shares)), float(np.mean([any(r) for r in right])), float(np.mean(picks))
    return {"auc": round(area_under_curve(np.concatenate(values), np.concatenate(right).astype(bool)), 4), "random": round(random, 4),
            "value": round(picked, 4), "oracle": round(oracle, 4), "gap": round((picked - random) / (oracle - random), 4)}


def development_candidates(members, problems, vocabulary, exporter):
    """What the report judges: 16 samples, shared by the members, of each problem's own prompt."""
    per_member = [sample(model, [p.prompt for p in problems], SAMPLES // len(members), vocabulary["end"], LONGEST, 500 + i)
                  for i, model in enumerate(members)]
    sampled = []
    for i, problem in enumerate(problems):
        counts = {}
        for programs in per_member:
            for program in programs[i]:
                counts[tuple(program)] = counts.get(tuple(program), 0) + 1
        sampled.append((problem.prompt, [list(p) for p in counts], list(counts.values())))
    verdicts = iter(DEVELOPMENT.verdicts(exporter, [(i, p) for i, (_, programs, _) in enumerate(sampled) for p in programs]))
    return sampled, [np.array([next(verdicts)["solves"] for _ in programs], float) for _, programs, _ in sampled]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="value")
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--members", required=True)
    parser.add_argument("--init", required=True)
    parser.add_argument("--problems", type=int, default=VALUE.count)
    parser.add_argument("--check-problems", type=int, default=500)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.005)
    parser.add_argument("--weight-decay", type=float, default=0.05)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--checks", type=int, default=3, help="looks at the development set in an epoch")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main(options):
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    vocabulary = vocabulary_of(options.data)
    pad = vocabulary["pad"]
    members = load_all(options.runs, options.members.split(","), vocabulary)
    cache = pathlib.Path(options.runs, options.name + "_candidates.pt")
    if cache.exists():
        pairs, development, right = torch.load(cache, weights_only=False)
    else:
        problems = data.load_problems(pathlib.Path(options.data, "value.jsonl"))[:options.problems]
        sampled = sample_candidates(members, problems, vocabulary, options.samples, options.seed + 1)
        pairs = balanced(sampled, judge(options.exporter, VALUE, sampled), rng)
        check = data.load_problems(pathlib.Path(options.data, "development.jsonl"))[:options.check_problems]
        development, right = development_candidates(members, check, vocabulary, options.exporter)
        torch.save((pairs, development, right), cache)
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
            values = model.values(packed.tokens, packed.last, packed.positions, packed.mask)
            labels = np.zeros(values.shape, np.float32)
            known = np.zeros(values.shape, bool)
            for row, i in enumerate(group):
                labels[row, :len(pairs[i][2])], known[row, :len(pairs[i][2])] = pairs[i][2], True
            loss = F.binary_cross_entropy_with_logits(values[torch.from_numpy(known)], torch.from_numpy(labels[known]))
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
    pathlib.Path(options.runs, options.name + ".json").write_text(json.dumps(
        {"options": vars(options) | shape, "candidates": candidates, "prompts": len(pairs), "best": best, "curve": curve}))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(arguments())

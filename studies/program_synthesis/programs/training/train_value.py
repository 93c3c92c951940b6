# SPDX-License-Identifier: Apache-2.0
"""Trains the value model: how likely are the shown outputs, if this candidate is the program?

    python train_value.py --name value_outputs --init large_3 --ranking 0
    python train_value.py --name value --init value_outputs --rate 0.003

A noisy channel (Brown et al. 1993): the model reads a candidate and the inputs, and predicts the outputs, as an interpreter would. A
candidate's value is the sum of log p of the shown outputs. Nothing is executed when it is asked. Without ranking it learns from what the right
candidates do, the outputs' every token being an answer; with ranking it reads right and wrong candidates, as many of each, and learns
besides that a right one's value is the higher one (Bradley and Terry 1952).

Starts with a run's parameters. Reads value_candidates.pt (value_candidates.py makes it) and writes the state that picks best on the
development set's candidates as NAME.pt, with NAME.json, in --runs.
"""

import argparse
import dataclasses
import json
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

from data import IGNORED
from load import load, record, vocabulary_of
from shared import Optimizer
from train import rate_at, size_of

SORTED = 100  # batches among which sequences are sorted by length


@dataclasses.dataclass(frozen=True)
class Reading:
    """A candidate as the value model reads it."""
    tokens: list[int]
    outputs: list[int]  # positions of the outputs' tokens and of the separators behind them


def examples_of(prompt: list[int], vocabulary: dict) -> list[list[int]]:
    """The examples of BEGIN, each example with a separator behind it, PROGRAM."""
    examples, at = [], 1
    for i, token in enumerate(prompt):
        if token == vocabulary["separator"]:
            examples.append(prompt[at:i])
            at = i + 1
    return examples


def reading(program: list[int], examples, vocabulary: dict) -> Reading:
    """BEGIN, PROGRAM, the program and its end, each example with a separator behind it."""
    tokens, outputs = [vocabulary["begin"], vocabulary["program"], *program], []
    for example in examples:
        first = len(tokens) + example.index(vocabulary["equals"]) + 1
        tokens += [*example, vocabulary["separator"]]
        outputs += range(first, len(tokens))
    return Reading(tokens, outputs)


def collate(readings, pad: int):
    """Tokens, and the rows and targets [sequences, n] of the outputs."""
    tokens = np.full((len(readings), max(len(r.tokens) for r in readings)), pad, np.int64)
    rows = np.zeros((len(readings), max(len(r.outputs) for r in readings)), np.int64)
    targets = np.full_like(rows, IGNORED)
    for i, r in enumerate(readings):
        tokens[i, :len(r.tokens)] = r.tokens
        rows[i, :len(r.outputs)] = np.array(r.outputs) - 1
        targets[i, :len(r.outputs)] = [r.tokens[at] for at in r.outputs]
    return torch.from_numpy(tokens[:, :-1]), torch.from_numpy(rows), torch.from_numpy(targets)


def log_probabilities(model, readings, pad: int) -> torch.Tensor:
    """[sequences, n]: log p of every token of the outputs, 0 where there are fewer."""
    tokens, rows, targets = collate(readings, pad)
    logp = F.log_softmax(model(tokens, rows), -1).gather(-1, targets.clamp(min=0)[..., None])[..., 0]
    return logp.masked_fill(targets == IGNORED, 0)


def loss_of(logp: torch.Tensor, counts: torch.Tensor, right: torch.Tensor, prompts: torch.Tensor, ranking: float) -> torch.Tensor:
    """logp [sequences, n], the outputs' lengths, which candidates are right, and behind which prompt each one stands."""
    loss = -logp[right].sum() / counts[right].sum()
    if ranking == 0:
        return loss
    values = logp.sum(1)
    pairs = right[:, None] & ~right[None, :] & (prompts[:, None] == prompts[None, :])
    return loss + ranking * F.softplus(values[None, :] - values[:, None])[pairs].mean()


@torch.no_grad()
def values_of(model, sampled, vocabulary: dict) -> list[np.ndarray]:
    """The values of each problem's programs, for (prompt, programs, ...) of every problem."""
    model.eval()
    readings = [reading(program, examples_of(prompt, vocabulary), vocabulary) for prompt, programs, *_ in sampled for program in programs]
    values = np.zeros(len(readings))
    order = np.argsort([len(r.tokens) for r in readings], kind="stable")
    for at in range(0, len(order), 256):
        group = order[at:at + 256]
        values[group] = log_probabilities(model, [readings[i] for i in group], vocabulary["pad"]).sum(1).numpy()
    return np.split(values, np.cumsum([len(programs) for _, programs, *_ in sampled])[:-1])


def selection(values, sampled, right) -> dict:
    """What picking by value solves. `sampled`: (prompt, different programs, how often each was drawn) of every problem."""
    shares = [float(np.dot(r, counts) / sum(counts)) for r, (_, _, counts) in zip(right, sampled)]
    picks = [bool(r[v.argmax()]) for r, v in zip(right, values)]
    random, oracle, picked = float(np.mean(shares)), float(np.mean([any(r) for r in right])), float(np.mean(picks))
    return {"random": round(random, 4), "value": round(picked, 4), "oracle": round(oracle, 4),
            "gap": round((picked - random) / (oracle - random), 4)}


def batches(prompts, size: int, ranking: float, vocabulary: dict, rng):
    """Readings, which are right, and their prompts' numbers. The examples come in any order; without ranking nobody reads the wrong ones."""
    readings = []
    for prompt, programs, labels in prompts:
        examples = examples_of(prompt, vocabulary)
        examples = [examples[i] for i in rng.permutation(len(examples))]
        readings.append([(reading(program, examples, vocabulary), label == 1) for program, label in zip(programs, labels) if label == 1 or ranking])
    lengths = np.array([max(len(r.tokens) for r, _ in group) for group in readings])
    candidates_a_prompt = sum(map(len, readings)) / len(readings)
    step = max(1, round(size / candidates_a_prompt))
    shuffled = rng.permutation(len(readings))
    for part in np.array_split(shuffled, max(1, len(shuffled) // (SORTED * step))):
        part = part[np.argsort(lengths[part], kind="stable")]
        groups = [part[at:at + step] for at in range(0, len(part), step)]
        rng.shuffle(groups)
        for group in groups:
            chosen = [(r, is_right, i) for i in group for r, is_right in readings[i]]
            yield [r for r, _, _ in chosen], torch.tensor([is_right for _, is_right, _ in chosen]), torch.tensor([i for _, _, i in chosen])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default="value")
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--init", required=True)
    parser.add_argument("--ranking", type=float, default=0.03, help="weight of the loss of pairs; about 1 / tokens of the outputs")
    parser.add_argument("--posed", type=float, default=1.0, help="share of the prompts with a candidate's outputs that is used")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64, help="candidates")
    parser.add_argument("--rate", type=float, default=0.006)
    parser.add_argument("--constant", type=float, default=0.3, help="share of the steps after which the rate falls")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--checks", type=int, default=12, help="looks at the development set in an epoch")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main(options):
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    vocabulary = vocabulary_of(options.data)
    own, posed, development, right = torch.load(pathlib.Path(options.runs, "value_candidates.pt"), weights_only=False)
    prompts = own + [posed[i] for i in rng.permutation(len(posed))[:round(options.posed * len(posed))]]
    candidates = sum(sum(label == 1 or options.ranking > 0 for label in labels) for _, _, labels in prompts)
    print("candidates", candidates, "from", len(prompts), "prompts", flush=True)

    model = load(options.runs, options.init, vocabulary)
    model.dropout = options.dropout
    optimizer = Optimizer(model, options.weight_decay)
    total, steps, curve, best, losses = options.epochs * candidates // options.batch, 0, [], None, []
    begin = time.process_time()
    for _ in range(options.epochs):
        for readings, is_right, numbers in batches(prompts, options.batch, options.ranking, vocabulary, rng):
            model.train()
            logp = log_probabilities(model, readings, vocabulary["pad"])
            loss = loss_of(logp, torch.tensor([len(r.outputs) for r in readings]), is_right, numbers, options.ranking)
            loss.backward()
            optimizer.step(rate_at(steps, total, options.rate, options.constant))
            losses.append(loss.item())
            steps += 1
            if steps % (total // (options.epochs * options.checks)) == 0:
                curve.append({"epoch": round(options.epochs * steps / total, 2), "steps": steps, "train": round(float(np.mean(losses)), 4),
                              **selection(values_of(model, development, vocabulary), development, right),
                              "cpu_seconds": round(time.process_time() - begin, 1)})
                losses = []
                print(options.name, curve[-1], flush=True)
                if best is None or curve[-1]["gap"] > best["gap"]:
                    best = curve[-1]
                    torch.save({name: p.detach() for name, p in model.named_parameters()}, pathlib.Path(options.runs, options.name + ".pt"))
    shape = {key: record(options.runs, options.init)["options"][key] for key in ("width", "layers", "heads", "hidden")}
    figures = {"options": vars(options) | shape, "candidates": candidates, "prompts": len(prompts), "parameters": size_of(model),
               "best": best, "curve": curve}
    pathlib.Path(options.runs, options.name + ".json").write_text(json.dumps(figures))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(arguments())

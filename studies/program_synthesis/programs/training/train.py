# SPDX-License-Identifier: Apache-2.0
"""Trains one model on a fixed set of problems and keeps its best epoch by the development set.

    python train.py --name seed_0 --seed 0
    python train.py --name fork_0 --seed 0 --fork base --fold 0 --epochs 4 --rate 0.003
    python train.py --name lora_0 --seed 0 --fork base --fold 0 --rank 8

Reads train.jsonl, development.jsonl and vocabulary.json in --data; writes NAME.pt (the best epoch's parameters) and NAME.json (the
configuration and the learning curve) in --runs.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F

import data
from model import Expert, Shape, integer_features
from shared import Optimizer

WARM_UP = 60  # steps over which the rate rises


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0.01)
    parser.add_argument("--constant", type=float, default=0.5, help="share of the steps after which the rate falls; 1: never")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--augment", type=int, default=1, help="1: three other examples of the problem at every visit")
    parser.add_argument("--outputs", type=float, default=0.0, help="weight of the loss of predicting the shown outputs as well")
    parser.add_argument("--fold", type=int, help="the fold of the data that this member does not see, of eight")
    parser.add_argument("--family", type=int, help="only the problems of this family")
    parser.add_argument("--fork", help="name of the run whose parameters this one starts with")
    parser.add_argument("--rank", type=int, default=0, help="train adapters of this rank, and nothing else")
    parser.add_argument("--patience", type=int, default=4, help="epochs without improvement after which it ends")
    parser.add_argument("--limit", type=int, help="only so many problems, to try things")
    return parser.parse_args()


def build(options, vocabulary) -> Expert:
    shape = Shape(len(vocabulary["tokens"]), options.width, options.layers, options.heads, options.hidden)
    model = Expert(shape, integer_features(vocabulary))
    if options.fork:
        model.load_state_dict(torch.load(pathlib.Path(options.runs, options.fork + ".pt")), strict=False)
    if options.rank:
        model.add_adapters(options.rank, alpha=2 * options.rank)
    model.dropout = options.dropout
    return model.to(options.device)


def rate_at(step: int, total: int, peak: float, constant: float = 0.5) -> float:
    """Rises, stays, and falls from the share `constant` of all steps on, linearly, to a hundredth."""
    falling = max(0.01, (1 - step / total) / (1 - constant)) if constant < 1 else 1
    return peak * min(1, (step + 1) / WARM_UP, falling)


@torch.no_grad()
def log_probabilities(model, problems, vocabulary, device="cpu") -> np.ndarray:
    """[problems, longest program]: log p of every program token, NaN after the end."""
    widest = max(len(problem.program) for problem in problems)
    result = np.full((len(problems), widest), np.nan, np.float32)
    model.eval()
    for batch in data.batches(problems, range(len(problems)), vocabulary, 128):
        batch = batch.to(device)
        logp = F.log_softmax(model(batch.tokens, batch.rows), -1)
        of_target = logp.gather(-1, batch.targets.clamp(min=0)[..., None])[..., 0].masked_fill(batch.targets < 0, torch.nan)
        result[batch.problems, :of_target.shape[1]] = of_target.cpu().numpy()
    return result


def nats_per_program(logp: np.ndarray) -> float:
    return float(-np.nansum(logp, 1).mean())


def losses_of(model, batch, outputs: float):
    """The loss to minimize, and the part of it that the program's tokens have: nats per token."""
    width = batch.rows.shape[1]
    rows = torch.cat([batch.rows, batch.output_rows], 1) if outputs else batch.rows
    logits = model(batch.tokens, rows)
    of_program = F.cross_entropy(logits[:, :width].flatten(0, 1), batch.targets.flatten(), ignore_index=data.IGNORED)
    if not outputs:
        return of_program, of_program
    return of_program + outputs * F.cross_entropy(logits[:, width:].flatten(0, 1), batch.output_targets.flatten(),
                                                  ignore_index=data.IGNORED), of_program


def size_of(model) -> int:
    """Parameters of the exported model, in which the features' projection is part of the embedding."""
    return sum(p.numel() for name, p in model.named_parameters() if name != "projection")


def train(options):
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    vocabulary = data.load_vocabulary(pathlib.Path(options.data, "vocabulary.json"))
    problems = data.load_problems(pathlib.Path(options.data, "train.jsonl"))[:options.limit]
    development = data.load_problems(pathlib.Path(options.data, "development.jsonl"))
    bag = data.choose_bag(problems, options.fold, options.family)
    model = build(options, vocabulary)
    optimizer = Optimizer(model, options.weight_decay)
    target = pathlib.Path(options.runs, options.name + ".pt")
    target.parent.mkdir(parents=True, exist_ok=True)
    steps, curve, best = 0, [], None
    total = options.epochs * -(-len(bag) // options.batch)
    begin = time.process_time()
    for epoch in range(1, options.epochs + 1):
        losses = []
        model.train()
        for batch in data.batches(problems, bag, vocabulary, options.batch, rng, bool(options.augment), options.outputs > 0):
            batch = batch.to(options.device)
            loss, of_program = losses_of(model, batch, options.outputs)
            loss.backward()
            optimizer.step(rate_at(steps, total, options.rate, options.constant))
            losses.append(of_program.detach())
            steps += 1
        nll = nats_per_program(log_probabilities(model, development, vocabulary, options.device))
        curve.append({"epoch": epoch, "steps": steps, "train": round(float(torch.stack(losses).mean()), 4), "development": round(nll, 4),
                      "cpu_seconds": round(time.process_time() - begin, 1)})
        print(options.name, curve[-1], flush=True)
        if best is None or nll < best["development"]:
            best = curve[-1]
            torch.save({name: p.detach().cpu() for name, p in model.named_parameters()}, target)
        target.with_suffix(".json").write_text(json.dumps({"options": vars(options), "problems": len(bag), "parameters": size_of(model),
                                                           "best": best, "curve": curve}))
        if epoch - best["epoch"] >= options.patience:
            break


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(arguments())

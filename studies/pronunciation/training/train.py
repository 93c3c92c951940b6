# SPDX-License-Identifier: Apache-2.0
"""Trains one model, keeps its best states by the development set, and can be stopped at any time.

    python train.py --name try --words 2000 --width 64 --epochs 40

Works in a folder of its own, WORK/NAME: `checkpoint.pt` holds all that is needed to continue
exactly (parameters, optimizer, average, random state, place in the epoch), `best.pt` the best
states so far. On SIGTERM it writes a checkpoint and ends with status 3; the same command
continues. A finished run writes RESULTS/NAME.json.
"""

import argparse
import copy
import dataclasses
import fcntl
import json
import os
import pathlib
import signal
import sys
import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

import data
from model import Dropout, Shape, Speller, count_parameters
from options import INTERRUPTED, RESULTS, Form, Options, work_folder
from sampling import answer, correct, log_probabilities, nats_per_word
from shared import Optimizer

WARM_UP = 100  # steps over which the rate rises
CURVE_WORDS = 2000  # development words of the learning curve; the final figures use all


def use_onednn():
    """Lets oneDNN compute matrix products, which on AMD machines takes half the time of MKL. It may
    round inputs to bfloat16 where the machine has matrix units for that (AMX)."""
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"


def rate_at(step: int, total: int, options: Options) -> float:
    """Rises, stays, and falls to a hundredth along a cosine."""
    falling = max(0.0, (step / total - options.constant) / (1 - options.constant))
    shape = 0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1.0, falling)))
    return options.rate * min(1.0, (step + 1) / WARM_UP) * float(shape)


class Run:
    """A training in progress. What changes is in `state`, the models and the optimizer."""

    def __init__(self, options: Options, parts: dict[str, list[data.Entry]]):
        self.options = options
        train = parts["train"][: options.words or None]
        self.train_words = data.bag(train, options.fold if options.fold >= 0 else None)
        self.pairs = data.make_pairs(self.train_words, options.form)
        self.development = parts["development"]
        self.curve_words = self.development[:CURVE_WORDS]
        self.curve_pairs = data.make_pairs(self.curve_words, options.form)
        torch.manual_seed(options.seed)
        self.model = Speller(
            Shape(len(data.TOKENS), options.width, options.layers, options.heads, options.hidden)
        )
        self.model.dropout = Dropout(
            options.dropout, options.embedding_dropout, options.attention_dropout
        )
        self.average = copy.deepcopy(self.model)
        self.average.requires_grad_(False)
        self.optimizer = Optimizer(self.model, options.weight_decay, options.adam_share)
        self.per_epoch = sum(1 for _ in self.batches(0))
        self.every = max(1, round(options.every * self.per_epoch))
        self.total = options.epochs * self.per_epoch
        self.state = {"step": 0, "seconds": 0.0, "curve": [], "losses": [], "best": {}, "stale": 0}
        self.best_states: dict[str, dict] = {}

    def batches(self, epoch: int) -> Iterator[data.Batch]:
        """A function of the seed and the epoch, so that a checkpoint need not hold the order."""
        rng = np.random.default_rng([self.options.seed, epoch])
        return data.batches(self.pairs, self.options.batch, rng, self.options.jitter)

    def save(self, folder: pathlib.Path):
        write(folder / "best.pt", {"options": dataclasses.asdict(self.options), **self.best_states})
        write(
            folder / "checkpoint.pt",
            {
                "options": dataclasses.asdict(self.options),
                "state": self.state,
                "model": self.model.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "random": torch.get_rng_state(),
                "best_states": self.best_states,
            },
        )

    def load(self, folder: pathlib.Path):
        saved = torch.load(folder / "checkpoint.pt", weights_only=True)
        if Options(**saved["options"]) != self.options:
            raise ValueError(f"{folder} holds a run with other options; remove it to start again")
        self.state, self.best_states = saved["state"], saved["best_states"]
        self.model.load_state_dict(saved["model"])
        self.average.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["random"])

    @property
    def finished(self) -> bool:
        return self.state["step"] >= self.total or self.state["stale"] >= self.options.patience

    def step(self, batch: data.Batch):
        options, step = self.options, self.state["step"]
        inputs = batch.inputs
        if options.noise:
            hidden = (torch.rand(inputs.shape) < options.noise) & (inputs != data.SEPARATOR)
            inputs = inputs.masked_fill(hidden, data.PAD)
        logits = self.model(inputs, batch.start)
        loss = F.cross_entropy(
            logits.flatten(0, 1),
            batch.targets.flatten(),
            ignore_index=data.IGNORED,
            label_smoothing=options.smoothing,
        )
        loss.backward()
        self.optimizer.step(rate_at(step, self.total, options))
        self.state["losses"].append(loss.item())
        keep = min(1 - 1 / (options.average * self.per_epoch), (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.average.parameters()), list(self.model.parameters()), 1 - keep
            )
        self.state["step"] += 1

    def evaluate(self):
        """Adds a point to the curve, of the last weights and of their average, and keeps the best
        states by development loss and by word error."""
        point = {
            "epoch": round(self.state["step"] / self.per_epoch, 2),
            "step": self.state["step"],
            "train_loss": round(float(np.mean(self.state["losses"])), 4),
            "cpu_seconds": round(self.state["seconds"], 1),
        }
        improved = False
        for kind, model in (("last", self.model), ("average", self.average)):
            model.eval()
            loss = nats_per_word(log_probabilities(model, self.curve_pairs), self.curve_pairs.words)
            predicted = [
                one
                for (one,) in answer([model], [e.word for e in self.curve_words], self.options.form)
            ]
            errors = {
                stress: 1 - correct(predicted, self.curve_words, stress).mean()
                for stress in (True, False)
            }
            model.train()
            point[kind] = {
                "loss": round(loss, 4),
                "error": round(float(errors[True]), 4),
                "error_without_stress": round(float(errors[False]), 4),
            }
            for by, value in (("loss", loss), ("error", float(errors[True] + errors[False]))):
                best = self.state["best"].get(f"{kind}_by_{by}")
                if best is None or value < best["value"]:
                    self.state["best"][f"{kind}_by_{by}"] = {
                        "value": value,
                        "epoch": point["epoch"],
                    }
                    self.best_states[f"{kind}_by_{by}"] = copy.deepcopy(model.state_dict())
                    improved = True
        self.state["stale"] = 0 if improved else self.state["stale"] + 1
        self.state["losses"] = []
        self.state["curve"].append(point)
        return point

    def train(self, folder: pathlib.Path, checkpoint_seconds: float, stop) -> bool:
        """Trains until the run is finished (True) or `stop()` says so (False)."""
        clock, saved = time.process_time(), time.monotonic()
        self.model.train()
        while not self.finished:
            epoch, done = divmod(self.state["step"], self.per_epoch)
            for batch in list(self.batches(epoch))[done:]:
                self.step(batch)
                self.state["seconds"] += time.process_time() - clock
                clock = time.process_time()
                if self.state["step"] % self.every == 0 or self.state["step"] == self.total:
                    print(folder.name, json.dumps(self.evaluate()), flush=True)
                if self.finished:
                    break
                if stop() or time.monotonic() - saved > checkpoint_seconds:
                    self.save(folder)
                    saved = time.monotonic()
                if stop():
                    return False
        self.save(folder)
        return True

    def report(self) -> dict:
        """Final figures on all development words, for each kind of best state."""
        final = {}
        scratch = copy.deepcopy(self.average).eval()
        for kind, state in self.best_states.items():
            scratch.load_state_dict(state)
            final[kind] = {"epoch": self.state["best"][kind]["epoch"]} | development_figures(
                scratch, self.development, self.options.form
            )
        return {
            "options": dataclasses.asdict(self.options),
            "train_words": len(self.train_words),
            "train_pairs": len(self.pairs),
            "parameters": count_parameters(self.model),
            "steps": self.state["step"],
            "steps_per_epoch": self.per_epoch,
            "stopped_early": self.state["step"] < self.total,
            "cpu_seconds": round(self.state["seconds"]),
            "development_words": len(self.development),
            "final": final,
            "curve": self.state["curve"],
        }


def development_figures(model: Speller, entries: list[data.Entry], form: Form) -> dict:
    pairs = data.make_pairs(entries, form)
    predicted = [one for (one,) in answer([model], [entry.word for entry in entries], form)]
    return {
        "loss": round(nats_per_word(log_probabilities(model, pairs), pairs.words), 4),
        "error": round(1 - float(correct(predicted, entries, True).mean()), 4),
        "error_without_stress": round(1 - float(correct(predicted, entries, False).mean()), 4),
    }


def write(path: pathlib.Path, value):
    """Whole or not at all: a process that is killed while it writes leaves the old file."""
    partial = path.with_suffix(".partial")
    if path.suffix == ".json":
        partial.write_text(value)
    else:
        torch.save(value, partial)
    os.replace(partial, path)


def format_report(report: dict) -> str:
    """JSON with one line per top-level value and per point of the curve."""
    curve = ",\n    ".join(json.dumps(point) for point in report["curve"])
    head = "".join(
        f"  {json.dumps(key)}: {json.dumps(value)},\n"
        for key, value in report.items()
        if key != "curve"
    )
    return f'{{\n{head}  "curve": [\n    {curve}\n  ]\n}}\n'


def parse() -> tuple[argparse.Namespace, Options]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", required=True)
    parser.add_argument("--work", type=pathlib.Path, default=work_folder())
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--checkpoint-seconds", type=float, default=120)
    parser.add_argument("--parent", type=int, help="stop as on SIGTERM when this parent has ended")
    for field in dataclasses.fields(Options):
        kind = (lambda text: text == "True") if field.type is bool else field.type
        parser.add_argument("--" + field.name.replace("_", "-"), type=kind, default=field.default)
    parsed = parser.parse_args()
    return parsed, Options(
        **{field.name: getattr(parsed, field.name) for field in dataclasses.fields(Options)}
    )


def main() -> int:
    parsed, options = parse()
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    signal.signal(signal.SIGINT, lambda *_: stopped.append(True))
    folder = parsed.work / parsed.name
    folder.mkdir(parents=True, exist_ok=True)
    lock = open(folder / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # one process per run
    run = Run(options, data.split(data.load_dictionary(), options.split_seed))
    if (folder / "checkpoint.pt").exists():
        run.load(folder)
        print(parsed.name, "continues at step", run.state["step"], flush=True)

    def stop() -> bool:
        return bool(stopped) or (parsed.parent is not None and os.getppid() != parsed.parent)

    if not run.train(folder, parsed.checkpoint_seconds, stop):
        return INTERRUPTED
    parsed.results.mkdir(parents=True, exist_ok=True)
    write(parsed.results / f"{parsed.name}.json", format_report(run.report()))
    return 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    use_onednn()
    sys.exit(main())

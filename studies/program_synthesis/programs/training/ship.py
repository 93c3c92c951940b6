# SPDX-License-Identifier: Apache-2.0
"""Exports the chosen runs, each with its model card.

    python ship.py --experts fork_0,...,fork_7 --base base --adapters lora_0,...,lora_7 --single single --value value
"""

import argparse
import pathlib

from export import export_adapter, export_model, write_json
from load import load, record, vocabulary_of

CARD = """---
license: apache-2.0
library_name: transformers
---
# {title}

{role}

{what} in DeepCoder's list language (Balog et al. 2017) or in a FlashFill-style
string language (Gulwani 2011); tokens are those of `../vocabulary.json`. It demonstrates ensembles. Exhaustive enumeration solves
these problems far better, so it is of no use as a solver.

| | |
| --- | --- |
{rows}

Made by `studies/program_synthesis/programs/training/` of tutti; all runs' figures are in `results/runs.json` there. License: Apache-2.0.
"""

ROLES = {
    "expert": ("Expert {number} of 8", "One of eight small language models that answer as one ensemble."),
    "base": ("Base of the adapters", "The model that the eight adapters beside it change."),
    "adapter": ("Adapter {number} of 8", "A LoRA adapter (`peft`) of `../base`, one of eight that answer as one ensemble."),
    "single": ("The single model", "The model with the lowest loss on the development set of all that were trained: the ensemble's opponent."),
    "value": ("Value model", "It reads a program and the inputs of the shown examples, and says how likely their outputs are: the sum of these "
                             "log-probabilities is the program's value."),
}


def rows(run: dict) -> dict:
    options, best = run["options"], run["best"]
    result = {"parameters" if not options.get("rank") else "parameters, with the base": run.get("parameters"),
              "layers x width, heads, hidden": f"{options['layers']} x {options['width']}, {options['heads']}, {options['hidden']}",
              "problems trained on": run.get("problems"), "fold left out": options.get("fold"), "family": options.get("family"),
              "candidates trained on": run.get("candidates"), "started from": options.get("fork") or options.get("init"),
              "rank": options.get("rank") or None, "seed": options["seed"], "dropout": options["dropout"],
              "weight decay": options["weight_decay"], "peak learning rate": options["rate"], "batch": options["batch"],
              "steps": best["steps"], "CPU seconds": best["cpu_seconds"],
              "development set, nats per program": best.get("development"),
              "share of the gap between random and oracle": best.get("gap")}
    return {key: value for key, value in result.items() if value is not None}


def write_card(kind: str, number: int, run: dict, folder: pathlib.Path):
    title, role = (text.format(number=number) for text in ROLES[kind])
    what = "Programs are" if kind == "value" else "It writes a program for three examples of inputs and outputs,"
    table = "\n".join(f"| {key} | {value} |" for key, value in rows(run).items())
    (folder / "README.md").write_text(CARD.format(title=title, role=role, what=what, rows=table))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--out", default="../../models")
    parser.add_argument("--experts", default="")
    parser.add_argument("--base")
    parser.add_argument("--adapters", default="")
    parser.add_argument("--single")
    parser.add_argument("--value")
    options = parser.parse_args()
    vocabulary = vocabulary_of(options.data)
    out = pathlib.Path(options.out)
    chosen = [("expert", i, name) for i, name in enumerate(filter(None, options.experts.split(",")))]
    chosen += [("adapter", i, name) for i, name in enumerate(filter(None, options.adapters.split(",")))]
    chosen += [(kind, 0, getattr(options, kind)) for kind in ("base", "single", "value") if getattr(options, kind)]
    for kind, number, name in chosen:
        folder = out / (f"{kind}_{number}" if kind in ("expert", "adapter") else kind)
        model = load(options.runs, name, vocabulary)
        export_adapter(model, folder) if kind == "adapter" else export_model(model, vocabulary, folder)
        write_card(kind, number, record(options.runs, name), folder)
    write_json(vocabulary, out / "vocabulary.json")


if __name__ == "__main__":
    main()

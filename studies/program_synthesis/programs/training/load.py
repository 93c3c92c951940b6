# SPDX-License-Identifier: Apache-2.0
"""Trained runs by name."""

import json
import pathlib

import torch

import data
from model import Expert, Shape, integer_features


def record(runs, name: str) -> dict:
    return json.loads(pathlib.Path(runs, name + ".json").read_text())


def load(runs, name: str, vocabulary: dict) -> Expert:
    """The best epoch of a run. An adapter's comes with its base's parameters under it."""
    options = record(runs, name)["options"]
    shape = Shape(len(vocabulary["tokens"]), options["width"], options["layers"], options["heads"], options["hidden"])
    model = Expert(shape, integer_features(vocabulary))
    if options.get("rank"):
        model.add_adapters(options["rank"], alpha=2 * options["rank"])
    missing, unexpected = model.load_state_dict(torch.load(pathlib.Path(runs, name + ".pt")), strict=False)
    if unexpected or missing:
        raise ValueError(f"{name}.pt does not fit its configuration: {missing} missing, {unexpected} unexpected")
    return model.eval()


def load_all(runs, names, vocabulary) -> list[Expert]:
    return [load(runs, name, vocabulary) for name in names]


def vocabulary_of(folder) -> dict:
    return data.load_vocabulary(pathlib.Path(folder, "vocabulary.json"))

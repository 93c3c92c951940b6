# SPDX-License-Identifier: Apache-2.0
"""Trained runs by name."""

import json
import pathlib

import torch

import data
from model import Shape, Speller
from options import Form, Options


def report_of(results: pathlib.Path, name: str) -> dict:
    return json.loads((results / f"{name}.json").read_text())


def best_kind(report: dict) -> str:
    """Which of a run's best states (last or averaged weights, by loss or by error) has the fewest
    wrong words of the development set, with and without stress taken together."""
    return min(
        report["final"],
        key=lambda kind: (
            report["final"][kind]["error"] + report["final"][kind]["error_without_stress"]
        ),
    )


def load(name: str, work: pathlib.Path, report: dict, kind: str = "") -> tuple[Speller, Form]:
    """A run's best state, ready to evaluate, and the form in which it reads words."""
    options = Options(**report["options"])
    model = Speller(
        Shape(len(data.TOKENS), options.width, options.layers, options.heads, options.hidden)
    )
    states = torch.load(work / name / "best.pt", weights_only=True)
    model.load_state_dict(states[kind or best_kind(report)])
    return model.eval().requires_grad_(False), options.form

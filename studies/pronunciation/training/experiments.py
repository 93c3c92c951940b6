# SPDX-License-Identifier: Apache-2.0
"""Every run of the study, in order of priority.

A group's runs start from the options of the best finished run of its base groups, so a search goes
in stages: size and dropout, then all else, then members that differ by seed, bag or direction.
"""

import dataclasses
import json
import pathlib

from options import Options

MEMBERS = range(8)


@dataclasses.dataclass(frozen=True)
class Group:
    name: str
    base: tuple[str, ...]  # groups whose best run lends its options; none: `common` alone
    runs: dict[str, dict]  # options that differ, by the run's name
    common: dict = dataclasses.field(default_factory=dict)


def sizes(*which: str) -> dict[str, dict]:
    """ "64x2_d2": width 64, 2 layers, dropout 0.2."""
    shapes = {
        "64x2": (64, 2, 4, 192),
        "96x3": (96, 3, 4, 256),
        "128x3": (128, 3, 4, 384),
        "128x4": (128, 4, 4, 384),
        "192x4": (192, 4, 6, 512),
        "256x4": (256, 4, 8, 704),
        "256x6": (256, 6, 8, 704),
    }
    runs = {}
    for label in which:
        shape, dropout = label.split("_d")
        width, layers, heads, hidden = shapes[shape]
        runs[label] = {
            "width": width,
            "layers": layers,
            "heads": heads,
            "hidden": hidden,
            "dropout": int(dropout) / 10,
        }
    return runs


SMALL = {"words": 2000, "epochs": 120, "every": 5.0, "batch": 64, "patience": 6}
MEDIUM = {"words": 8000, "epochs": 80, "every": 4.0, "batch": 64, "patience": 5}

TUNING = {
    "smooth0": {"smoothing": 0.0},
    "smooth1": {"smoothing": 0.1},
    "smooth2": {"smoothing": 0.2},
    "noise1": {"noise": 0.1},
    "noise2": {"noise": 0.2},
    "rate1": {"rate": 0.01},
    "rate4": {"rate": 0.04},
    "decay2": {"weight_decay": 0.2},
    "echo": {"echo": True},
    "longer": {"epochs": 240, "patience": 8},
}


def members(groups: str, base: tuple[str, ...], which: tuple[str, ...]) -> list[Group]:
    kinds = {
        "seeds": {f"{i}": {"seed": 11 + i} for i in MEMBERS},
        "reverse": {f"{i}": {"seed": 21 + i, "reverse": True} for i in range(2)},
        "bags": {f"{i}": {"seed": 31 + i, "fold": i} for i in MEMBERS},
    }
    return [Group(f"{groups}_{kind}", base, kinds[kind]) for kind in which]


GROUPS = [
    Group(
        "2000_size",
        (),
        sizes(
            "64x2_d2",
            "96x3_d3",
            "64x2_d3",
            "96x3_d2",
            "128x4_d3",
            "128x4_d4",
            "64x2_d1",
            "96x3_d4",
            "128x4_d2",
        ),
        SMALL,
    ),
    Group("8000_size", (), sizes("128x4_d3", "96x3_d2", "128x4_d2"), MEDIUM),
    Group("2000_tune", ("2000_size",), TUNING),
    *members("2000", ("2000_size", "2000_tune"), ("seeds", "reverse", "bags")),
]


def runs_of(group: Group) -> list[str]:
    return [f"{group.name}_{label}" for label in group.runs]


def score(report: dict) -> float:
    """Mean word error rate, with and without stress, of a run's best state: lower is better."""
    return min(
        (state["error"] + state["error_without_stress"]) / 2 for state in report["final"].values()
    )


def read_reports(results: pathlib.Path) -> dict[str, dict]:
    return {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}


def best_run(names: list[str], reports: dict[str, dict]) -> str:
    return min(names, key=lambda name: score(reports[name]))


def resolve(group: Group, reports: dict[str, dict]) -> dict[str, Options] | None:
    """Options of each run of the group, or None while a run of its base is missing."""
    base = Options()
    if group.base:
        names = [name for other in GROUPS if other.name in group.base for name in runs_of(other)]
        if any(name not in reports for name in names):
            return None
        base = Options(**reports[best_run(names, reports)]["options"])
    return {
        f"{group.name}_{label}": dataclasses.replace(base, **{**group.common, **changed})
        for label, changed in group.runs.items()
    }

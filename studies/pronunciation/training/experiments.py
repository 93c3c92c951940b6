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


WORDS_2000 = {"words": 2000, "epochs": 120, "every": 5.0, "batch": 64, "patience": 6}
WORDS_8000 = {"words": 8000, "epochs": 80, "every": 4.0, "batch": 64, "patience": 5}
WORDS_32000 = {"words": 32000, "epochs": 50, "every": 2.0, "batch": 128, "patience": 5}
ALL_WORDS = {"words": 0, "epochs": 40, "every": 1.0, "batch": 256, "patience": 6}

# What a training needs to work at all, on the smallest model and few words.
BASICS = {
    "sorted": {},
    "mixed": {"jitter": 100.0},
    "mixed_adam5": {"jitter": 100.0, "adam_share": 0.5},
    "mixed_adam10": {"jitter": 100.0, "adam_share": 1.0},
    "near_adam5": {"jitter": 2.0, "adam_share": 0.5},
    "near_adam10": {"jitter": 2.0, "adam_share": 1.0},
}
TUNING = {
    "smooth1": {"smoothing": 0.1},
    "noise1": {"noise": 0.1},
    "echo": {"echo": True},
    "smooth0": {"smoothing": 0.0},
    "rate1": {"rate": 0.01},
    "rate4": {"rate": 0.04},
    "attention": {"attention_dropout": 0.2},
    "embedding": {"embedding_dropout": 0.1},
    "decay2": {"weight_decay": 0.2},
    "smooth2": {"smoothing": 0.2},
    "noise2": {"noise": 0.2},
    "longer": {"epochs": 240, "patience": 8},
}
TUNING_8000 = {name: TUNING[name] for name in ("smooth1", "noise1", "echo", "attention")} | {
    "longer": {"epochs": 160, "patience": 8}
}


def members(words: str, base: tuple[str, ...], which: tuple[str, ...]) -> list[Group]:
    kinds = {
        "seeds": {f"{i}": {"seed": 11 + i} for i in MEMBERS},
        "reverse": {f"{i}": {"seed": 21 + i, "reverse": True} for i in range(2)},
        "bags": {f"{i}": {"seed": 31 + i, "fold": i} for i in MEMBERS},
    }
    return [Group(f"{words}_{kind}", base, kinds[kind]) for kind in which]


CHOSEN_2000 = ("2000_size", "2000_tune")
CHOSEN_8000 = ("8000_size", "8000_tune")

# Members have at most 128x4, so that eight of them can be shipped; larger models are opponents.
GROUPS = [
    Group("2000_basics", (), BASICS, WORDS_2000 | {"epochs": 60}),
    Group(
        "2000_size",
        ("2000_basics",),
        sizes("64x2_d2", "96x3_d3", "64x2_d3", "96x3_d2", "128x4_d3", "96x3_d4", "128x4_d4"),
        WORDS_2000,
    ),
    Group("8000_size", ("2000_basics",), sizes("128x4_d3", "96x3_d2", "128x4_d2"), WORDS_8000),
    Group("2000_tune", ("2000_size",), TUNING),
    *members("2000", CHOSEN_2000, ("seeds", "reverse")),
    Group("8000_tune", ("8000_size",), TUNING_8000),
    *members("8000", CHOSEN_8000, ("seeds", "reverse")),
    *members("2000", CHOSEN_2000, ("bags",)),
    Group("2000_large", CHOSEN_2000, sizes("192x4_d4", "256x4_d4", "256x4_d5")),
    Group("8000_large", CHOSEN_8000, sizes("192x4_d3", "256x4_d4")),
    Group("32000_size", CHOSEN_8000, sizes("128x4_d2", "128x4_d1"), WORDS_32000),
    *members("32000", ("32000_size",), ("seeds", "reverse")),
    Group("32000_large", ("32000_size",), sizes("192x4_d2", "256x4_d3")),
    Group("all_size", CHOSEN_8000, sizes("128x4_d1", "128x4_d2"), ALL_WORDS),
    Group("all_tune", ("all_size",), {"longer": {"epochs": 80, "patience": 10}}),
    Group("all_large", ("all_size",), sizes("192x4_d2", "256x4_d2", "256x6_d3")),
    *members("all", ("all_size", "all_tune"), ("seeds", "reverse", "bags")),
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

# SPDX-License-Identifier: Apache-2.0
"""Outcomes of candidates as evaluate_programs writes them, and the selectors that choose among them.

A system's fields are arrays [problems, writers, samples]. A selector gives each problem the chance that its pick solves it.
"""

import json

import numpy as np

SHOWN = 3


class System:
    def __init__(self, entry, problems):
        shape = (problems, entry["writers"], entry["samples"])
        columns = entry["outcomes"]
        self.name = entry["name"]
        self.writers, self.samples = shape[1:]
        self.temperature = entry["temperature"]
        self.expert = entry.get("expert")
        self.costs = entry["costs"]
        self.valid = np.array(columns["valid"], bool).reshape(shape)
        self.passes = (np.array(columns["shown"]) == SHOWN).reshape(shape)
        self.solved = np.array(columns["solved"], float).reshape(shape)
        self.behavior = np.array(columns["behavior"]).reshape(shape)
        self.scores = {
            "own sum": np.array(columns["own_sum"], float).reshape(shape),
            "own mean": (np.array(columns["own_sum"], float) / np.array(columns["length"])).reshape(shape),
            "all experts": np.array(columns["all_mean"], float).reshape(shape),
            "value": np.array(columns["value"], float).reshape(shape),
        }
        all_sum = self.scores["all experts"] * np.array(columns["length"]).reshape(shape)
        self.scores["noisy channel"] = self.scores["value"] + all_sum  # log p(outputs | program) + log p(program | examples)

    def draws(self, samples):
        """The disjoint draws of `samples` programs from each writer, each a Candidates."""
        return [Candidates(self, slice(first, first + samples)) for first in range(0, self.samples - samples + 1, samples)]


class Candidates:
    """Fields of some samples of all writers: [problems, candidates]."""

    def __init__(self, system, samples):
        def chosen(field):
            return field[:, :, samples].reshape(len(field), -1)

        self.valid, self.passes, self.solved, self.behavior = map(chosen, (system.valid, system.passes, system.solved, system.behavior))
        self.scores = {name: chosen(field) for name, field in system.scores.items()}

    def allowed(self, filtered):
        """Whom the check lets through: those that pass the shown examples, or everybody where nobody does."""
        return self.passes | ~self.passes.any(1, keepdims=True) if filtered else np.ones_like(self.passes)


def random_pick(c, filtered):
    allowed = c.allowed(filtered)
    return (c.solved * allowed).sum(1) / allowed.sum(1)


def best_pick(scores, c, filtered):
    """The largest score; the first of equals, as in the library."""
    best = np.where(c.allowed(filtered), scores, -np.inf).argmax(1)
    return c.solved[np.arange(len(best)), best]


def votes(c, weights, filtered):
    """Each candidate's sum of the weights of those that do the same. What is no program votes for itself alone."""
    weights = weights * c.allowed(filtered)
    same = (c.behavior[:, :, None] == c.behavior[:, None, :]) & c.valid[:, :, None] & c.valid[:, None, :]
    same |= np.eye(same.shape[1], dtype=bool)
    return (same * weights[:, None, :]).sum(2)


def vote_pick(c, weights, filtered):
    """The most votes; of equals the best own mean log p."""
    total = votes(c, weights, filtered)
    leaders = np.isclose(total, np.where(c.allowed(filtered), total, -np.inf).max(1, keepdims=True)) & c.allowed(filtered)
    return best_pick(np.where(leaders, c.scores["own mean"], -np.inf), c, filtered)


def softmax(scores):
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


SELECTORS = {
    "random": random_pick,
    "own mean log p": lambda c, filtered: best_pick(c.scores["own mean"], c, filtered),
    "own sum log p": lambda c, filtered: best_pick(c.scores["own sum"], c, filtered),
    "all experts' log p": lambda c, filtered: best_pick(c.scores["all experts"], c, filtered),
    "majority vote": lambda c, filtered: vote_pick(c, np.ones_like(c.solved), filtered),
    "vote weighted by all experts' p": lambda c, filtered: vote_pick(c, np.exp(c.scores["all experts"]), filtered),
    "value model": lambda c, filtered: best_pick(c.scores["value"], c, filtered),
    "value model + all experts' log p": lambda c, filtered: best_pick(c.scores["noisy channel"], c, filtered),
    "vote weighted by both": lambda c, filtered: vote_pick(c, softmax(c.scores["noisy channel"]), filtered),
}


def select(system, samples, selector, filtered):
    """Chance of solving each problem, averaged over the disjoint draws: [problems]."""
    return np.mean([SELECTORS[selector](draw, filtered) for draw in system.draws(samples)], 0)


def oracle(system, samples):
    return np.mean([draw.solved.max(1) for draw in system.draws(samples)], 0)


def can_be_asked(system, selector):
    """Whether the outcomes say what the selector needs."""
    needed = {"all experts' log p": "all experts", "vote weighted by all experts' p": "all experts", "value model": "value",
              "value model + all experts' log p": "noisy channel", "vote weighted by both": "noisy channel"}
    return selector not in needed or not np.isnan(system.scores[needed[selector]]).any()


def load(path):
    with open(path) as file:
        report = json.load(file)
    systems = {entry["name"]: System(entry, len(report["problems"])) for entry in report["systems"]}
    return report, systems

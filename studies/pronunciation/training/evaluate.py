# SPDX-License-Identifier: Apache-2.0
"""Compares systems on development words, to decide what is trained and published next.

    python evaluate.py --group 2000_seeds --opponent 2000_size_96x3_d3 --out 2000_seeds.json
    python evaluate.py --runs a,b,c --part family_development

Members alone, token fusion, and sixteen candidates (16 of one model, or 16 / n of each of n
members) chosen in several ways. Word and phoneme error rates with 95 % bootstrap intervals over
words, paired for differences. The published evaluation, on the test set, is another program.
"""

import argparse
import json
import pathlib
from collections.abc import Sequence

import numpy as np
import torch

import data
import experiments
from data import Entry, Pronunciation
from load import load, report_of
from model import Speller
from options import RESULTS, Form, work_folder
from sampling import answer, correct, log_probabilities
from train import use_onednn, write

CANDIDATES = 16
RESAMPLES = 2000

Candidates = list[list[Pronunciation]]  # by word


def edit_distance(one: Pronunciation, other: Pronunciation) -> int:
    row = list(range(len(other) + 1))
    for i, x in enumerate(one):
        diagonal, row[0] = row[0], i + 1
        for j, y in enumerate(other):
            diagonal, row[j + 1] = row[j + 1], min(row[j + 1] + 1, row[j] + 1, diagonal + (x != y))
    return row[-1]


def phoneme_errors(predicted: Sequence[Pronunciation], entries: Sequence[Entry]) -> np.ndarray:
    """Edit distance without stress to the nearest listed pronunciation, by that one's length."""
    result = []
    for p, entry in zip(predicted, entries):
        listed = {data.without_stress(q) for q in entry.pronunciations}
        result.append(min(edit_distance(data.without_stress(p), q) / len(q) for q in listed))
    return np.array(result)


def score_candidates(
    model: Speller, form: Form, words: Sequence[str], candidates: Candidates
) -> list[np.ndarray]:
    """Log p of every candidate of every word."""
    entries = [Entry(word, tuple(of_word)) for word, of_word in zip(words, candidates)]
    logp = log_probabilities(model, data.make_pairs(entries, form))
    return np.split(logp, np.cumsum([len(of_word) for of_word in candidates])[:-1])


def choose(candidates: Candidates, scores: Sequence[np.ndarray]) -> list[Pronunciation]:
    return [of_word[int(np.argmax(s))] for of_word, s in zip(candidates, scores)]


def choose_least_risk(
    candidates: Candidates, scores: Sequence[np.ndarray], scale: float = 1.0
) -> list[Pronunciation]:
    """Minimum Bayes risk: the candidate with the least expected edit distance to the others, under
    the candidates' probabilities exp(scale * score), normalized over the distinct ones."""
    result = []
    for of_word, s in zip(candidates, scores):
        distinct = {p: float(value) for p, value in zip(of_word, s)}
        names = list(distinct)
        weight = np.exp(scale * (np.array(list(distinct.values())) - max(distinct.values())))
        distance = np.array([[edit_distance(one, other) for other in names] for one in names])
        result.append(names[int(np.argmin(distance @ weight))])
    return result


def choose_sound(candidates: Candidates, scores: Sequence[np.ndarray]) -> list[Pronunciation]:
    """The most probable pronunciation without stress, summed over the stress patterns among the
    candidates; of these, the most probable."""
    result = []
    for of_word, s in zip(candidates, scores):
        distinct = {p: float(value) for p, value in zip(of_word, s)}
        sounds: dict[Pronunciation, float] = {}
        for p, value in distinct.items():
            sound = data.without_stress(p)
            sounds[sound] = float(np.logaddexp(sounds.get(sound, -np.inf), value))
        best = max(sounds, key=sounds.get)
        result.append(
            max((p for p in distinct if data.without_stress(p) == best), key=distinct.get)
        )
    return result


class Comparison:
    """Errors of every system on the same words. Random and oracle have no phoneme error rate."""

    def __init__(self, entries: Sequence[Entry], seed: int = 0):
        self.entries = entries
        self.resamples = np.random.default_rng(seed).integers(
            0, len(entries), (RESAMPLES, len(entries))
        )
        self.errors: dict[str, dict[str, np.ndarray]] = {}

    def add(self, name: str, predicted: Sequence[Pronunciation]):
        self.errors[name] = {
            "error": 1 - correct(predicted, self.entries, True),
            "error_without_stress": 1 - correct(predicted, self.entries, False),
            "phoneme_error": phoneme_errors(predicted, self.entries),
        }

    def add_pool(self, name: str, candidates: Candidates):
        """A random candidate, and the best that any choice could do."""
        right = {
            stress: np.stack([correct(column, self.entries, stress) for column in zip(*candidates)])
            for stress in (True, False)
        }
        for label, reduce in (("random", lambda x: x.mean(0)), ("oracle", lambda x: x.max(0))):
            self.errors[f"{name}, {label}"] = {
                "error": 1 - reduce(right[True]),
                "error_without_stress": 1 - reduce(right[False]),
            }

    def interval(self, values: np.ndarray) -> list[float]:
        means = values[self.resamples].mean(1)
        return [round(float(x), 4) for x in (values.mean(), *np.quantile(means, (0.025, 0.975)))]

    def table(self) -> dict:
        return {
            name: {kind: self.interval(values) for kind, values in of_system.items()}
            for name, of_system in self.errors.items()
        }

    def differences(self, one: str, others: Sequence[str]) -> dict:
        """Of `one` minus each other system: negative where `one` has fewer errors."""
        return {
            other: {
                kind: self.interval(self.errors[one][kind] - self.errors[other][kind])
                for kind in self.errors[one]
            }
            for other in others
        }


def add_choices(
    comparison: Comparison, name: str, candidates: Candidates, scores: Sequence[np.ndarray]
):
    comparison.add(f"{name}, log p", choose(candidates, scores))
    comparison.add(f"{name}, least risk", choose_least_risk(candidates, scores))
    comparison.add(f"{name}, sound", choose_sound(candidates, scores))


def add_single(comparison: Comparison, name: str, model: Speller, form: Form, temperature: float):
    words = [entry.word for entry in comparison.entries]
    comparison.add(f"{name}, greedy", [one for (one,) in answer([model], words, form)])
    drawn = answer([model], words, form, temperature=temperature, samples=CANDIDATES, seed=1)
    pool = f"{name} x {CANDIDATES}"
    comparison.add_pool(pool, drawn)
    add_choices(comparison, pool, drawn, score_candidates(model, form, words, drawn))


def add_ensemble(
    comparison: Comparison, name: str, members: Sequence[tuple[Speller, Form]], temperature: float
):
    """Members that read in other directions take part in candidates and scores, not in fusion."""
    words = [entry.word for entry in comparison.entries]
    form = members[0][1]
    alike = [model for model, own in members if own == form]
    for rule in ("mean", "product"):
        comparison.add(
            f"{name}, fusion by {rule}", [one for (one,) in answer(alike, words, form, rule)]
        )
    share = CANDIDATES // len(members)
    drawn = [
        answer([model], words, own, temperature=temperature, samples=share, seed=2 + i)
        for i, (model, own) in enumerate(members)
    ]
    pools = [sum(of_word, []) for of_word in zip(*drawn)]
    pool = f"{name} {len(members)} x {share}"
    comparison.add_pool(pool, pools)
    by_member = [score_candidates(model, own, words, pools) for model, own in members]
    product = [np.mean(of_word, 0) for of_word in zip(*by_member)]
    mean = [np.logaddexp.reduce(np.array(of_word), 0) for of_word in zip(*by_member)]
    add_choices(comparison, f"{pool}, all experts (product)", pools, product)
    add_choices(comparison, f"{pool}, all experts (mean)", pools, mean)


def strongest(names: Sequence[str], reports: dict[str, dict]) -> str:
    return min(names, key=lambda name: experiments.score(reports[name]))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--group", help="members: the finished runs of this group of experiments.py"
    )
    parser.add_argument("--runs", default="", help="members by name, separated by commas")
    parser.add_argument("--opponent", default="", help="single models to compare with")
    parser.add_argument("--part", default="development", help="part of the split")
    parser.add_argument("--words", type=int, default=4000)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--work", type=pathlib.Path, default=work_folder())
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    use_onednn()
    reports = experiments.read_reports(options.results)
    names = [name for name in options.runs.split(",") if name]
    if options.group:
        group = next(group for group in experiments.GROUPS if group.name == options.group)
        names += [name for name in experiments.runs_of(group) if name in reports]
    opponents = [name for name in options.opponent.split(",") if name]
    split_seed = reports[(names + opponents)[0]]["options"]["split_seed"]
    entries = data.split(data.load_dictionary(), split_seed)[options.part][: options.words]
    comparison = Comparison(entries)
    loaded = {
        name: load(name, options.work, report_of(options.results, name))
        for name in names + opponents
    }
    best = strongest(names, reports)
    for name in names:
        if name != best:
            comparison.add(
                f"{name}, greedy",
                [
                    one
                    for (one,) in answer(
                        [loaded[name][0]], [entry.word for entry in entries], loaded[name][1]
                    )
                ],
            )
    for name in dict.fromkeys([best, *opponents]):
        add_single(comparison, name, *loaded[name], options.temperature)
    record = {
        "part": options.part,
        "words": len(entries),
        "temperature": options.temperature,
        "members": names,
        "best_member": best,
        "opponents": opponents,
    }
    if len(names) > 1:
        add_ensemble(comparison, "ensemble", [loaded[name] for name in names], options.temperature)
        singles = [
            name
            for name in comparison.errors
            if not name.startswith("ensemble") and not name.endswith(("random", "oracle"))
        ]
        record["differences"] = {
            name: comparison.differences(name, singles)
            for name in comparison.errors
            if name.startswith("ensemble") and not name.endswith(("random", "oracle"))
        }
    record["systems"] = comparison.table()
    for name, row in record["systems"].items():
        print(
            f"{name:60}",
            *(
                f"{kind} {value[0]:.4f} [{value[1]:.4f}, {value[2]:.4f}]"
                for kind, value in row.items()
            ),
            flush=True,
        )
    if options.out:
        write(options.out, json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()

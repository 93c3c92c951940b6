# SPDX-License-Identifier: Apache-2.0
"""What the members write for training problems, with verdicts: as many right as wrong programs for the value model to tell apart.

    python value_candidates.py --exporter program_problems --members seed_0,seed_1,...

A round gives every member one prompt of each problem, with examples of its own choice, and draws programs from it. After the first
round, which draws half as many, only those problems stay that some member has solved, since without a right program there is nothing to tell apart. Of one prompt's
different programs as many wrong ones as right ones are kept, so that the value model cannot win by knowing which problems are easy.
Writes value_candidates.pt in --runs: the pairs, and the development set's candidates as the report draws them.
"""

import argparse
import pathlib

import numpy as np
import torch

import data
from evaluate import LONGEST, SAMPLES
from load import load_all, vocabulary_of
from sampling import sample
from verify import DEVELOPMENT, VALUE

MOST = 3  # right programs of one prompt


def drawn_in_round(members, problems, active, vocabulary, samples: int, seed: int, rng):
    """[(problem, prompt, different programs)] of every member and active problem."""
    result = []
    for number, model in enumerate(members):
        prompts = [data.redrawn_prompt(problems[i], vocabulary, rng) for i in active]
        drawn = sample(model, prompts, samples, vocabulary["end"], LONGEST, seed + number)
        result += [(i, prompt, [list(p) for p in dict.fromkeys(map(tuple, programs)) if p[-1] == vocabulary["end"]])
                   for i, prompt, programs in zip(active, prompts, drawn)]
    return result


def judged(exporter, problem_set, sampled) -> list[np.ndarray]:
    verdicts = iter(problem_set.verdicts(exporter, [(i, program) for i, _, programs in sampled for program in programs]))
    return [np.array([next(verdicts)["solves"] for _ in programs], bool) for _, _, programs in sampled]


def balanced(sampled, right, rng):
    """[(prompt, programs, labels)] with as many wrong as right programs."""
    result = []
    for (_, prompt, programs), solves in zip(sampled, right):
        positive, negative = (rng.permutation(np.flatnonzero(which))[:MOST] for which in (solves, ~solves))
        pairs = min(len(positive), len(negative))
        if pairs:
            chosen = [programs[j] for j in (*positive[:pairs], *negative[:pairs])]
            result.append((prompt, chosen, [1.0] * pairs + [0.0] * pairs))
    return result


def gather(members, problems, vocabulary, exporter, wanted: int, samples: int, seed: int):
    rng, active, pairs, count = np.random.default_rng(seed), list(range(len(problems))), [], 0
    for round_number in range(100):
        sampled = drawn_in_round(members, problems, active, vocabulary, samples if round_number else samples // 2,
                                 seed + 100 * round_number, rng)
        right = judged(exporter, VALUE, sampled)
        pairs += balanced(sampled, right, rng)
        count = sum(len(programs) for _, programs, _ in pairs)
        if round_number == 0:
            active = sorted({i for (i, _, _), solves in zip(sampled, right) if solves.any()})
        print("round", round_number, "candidates", count, "prompts", len(pairs), "problems left", len(active), flush=True)
        if count >= wanted:
            return pairs
    raise RuntimeError(f"{count} of {wanted} candidates after 100 rounds: the members solve too few problems")


def development_candidates(members, problems, vocabulary, exporter):
    """[(prompt, different programs, how often each was drawn)] of sixteen samples shared by the members, and which are right."""
    per_member = [sample(model, [p.prompt for p in problems], SAMPLES // len(members), vocabulary["end"], LONGEST, 500 + i)
                  for i, model in enumerate(members)]
    sampled = []
    for i, problem in enumerate(problems):
        counts = {}
        for programs in per_member:
            for program in programs[i]:
                counts[tuple(program)] = counts.get(tuple(program), 0) + 1
        sampled.append((problem.prompt, [list(p) for p in counts], list(counts.values())))
    right = judged(exporter, DEVELOPMENT, [(i, prompt, programs) for i, (prompt, programs, _) in enumerate(sampled)])
    return sampled, right


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--members", required=True)
    parser.add_argument("--problems", type=int, default=VALUE.count)
    parser.add_argument("--wanted", type=int, default=220000)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    vocabulary = vocabulary_of(options.data)
    members = load_all(options.runs, options.members.split(","), vocabulary)
    problems = data.load_problems(pathlib.Path(options.data, "value.jsonl"))[:options.problems]
    development = data.load_problems(pathlib.Path(options.data, "development.jsonl"))
    checks = development_candidates(members, development, vocabulary, options.exporter)
    pairs = gather(members, problems, vocabulary, options.exporter, options.wanted, options.samples, options.seed)
    torch.save((pairs, *checks), pathlib.Path(options.runs, "value_candidates.pt"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

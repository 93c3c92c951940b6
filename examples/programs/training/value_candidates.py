# SPDX-License-Identifier: Apache-2.0
"""What the members write for training problems, with verdicts: as many right as wrong programs for the value model to tell apart.

    python value_candidates.py --exporter program_problems --members seed_0,seed_1,...

A round gives every member one prompt of each problem, with examples of its own choice, and draws programs from it. After the first
round only those problems stay that some member has solved, since without a right program there is nothing to tell apart. A program's
verdict holds whichever of the problem's examples are shown: each problem's different programs, right and wrong in equal numbers, are
shown behind prompts with other examples until there are as many pairs as wanted. So the value model can win neither by knowing
which problems are easy nor by remembering a prompt. Writes value_candidates.pt in --runs: the pairs, and the development set's candidates
as the report draws them.
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

MOST = 3  # right programs behind one prompt


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


def gather(members, problems, vocabulary, exporter, draws, seed: int):
    """Each problem's different right and wrong programs: {problem: (right, wrong)}, of problems that have both."""
    rng, active, pools = np.random.default_rng(seed), range(len(problems)), {}
    for round_number, samples in enumerate(draws):
        sampled = drawn_in_round(members, problems, active, vocabulary, samples, seed + 100 * round_number, rng)
        for (i, _, programs), solves in zip(sampled, judged(exporter, VALUE, sampled)):
            for program, solved in zip(programs, solves):
                pools.setdefault(i, ({}, {}))[0 if solved else 1][tuple(program)] = None
        active = sorted(i for i, (right, _) in pools.items() if right)
        print("round", round_number, "problems solved", len(active), "right", sum(len(pools[i][0]) for i in active), "wrong",
              sum(len(pools[i][1]) for i in active), flush=True)
    return {i: (list(right), list(wrong)) for i, (right, wrong) in pools.items() if right and wrong}


def paired(pools, problems, vocabulary, wanted: int, seed: int):
    """[(prompt, programs, labels)] with as many wrong as right programs, `wanted` programs or a few more."""
    rng, result, count = np.random.default_rng(seed), [], 0
    while count < wanted:
        for i, kinds in pools.items():
            pairs = min(MOST, *map(len, kinds))
            chosen = [list(kind[j]) for kind in kinds for j in rng.permutation(len(kind))[:pairs]]
            result.append((data.redrawn_prompt(problems[i], vocabulary, rng), chosen, [1.0] * pairs + [0.0] * pairs))
            count += len(chosen)
    return result


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
    parser.add_argument("--draws", type=int, nargs="+", default=[2, 8], help="of each round, for a prompt")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    vocabulary = vocabulary_of(options.data)
    members = load_all(options.runs, options.members.split(","), vocabulary)
    problems = data.load_problems(pathlib.Path(options.data, "value.jsonl"))[:options.problems]
    development = data.load_problems(pathlib.Path(options.data, "development.jsonl"))
    checks = development_candidates(members, development, vocabulary, options.exporter)
    pools = gather(members, problems, vocabulary, options.exporter, options.draws, options.seed)
    pairs = paired(pools, problems, vocabulary, options.wanted, options.seed)
    torch.save((pairs, *checks), pathlib.Path(options.runs, "value_candidates.pt"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

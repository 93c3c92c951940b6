# SPDX-License-Identifier: Apache-2.0
"""What the members write for training problems, with verdicts: as many right as wrong programs for the value model to tell apart.

    python value_candidates.py --exporter program_problems --members seed_0,seed_1,...

In the first round every problem is read by some of the members, in turn; in the second only those problems that somebody has solved. Two
kinds of prompts come of it, both with examples of the problem's that are drawn anew, so that the value model can win neither by knowing
which problems are easy nor by remembering a prompt:

- the problem's own examples: programs that solve it, and as many that do not;
- the same inputs with the outputs of one of the candidates: that candidate is right here, and another one, which does something else,
  is wrong. So every candidate is a right program once, and few problems need to be solved. Only candidates whose function belongs to the
  training split may be: a test function must not be an answer in training.

Writes value_candidates.pt in --runs: the prompts, and the development set's candidates as the report draws them.
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


def drawn_in_round(members, readers: int, problems, active, vocabulary, samples: int, temperature: float, seed: int, rng):
    """[(problem, different programs)]: each active problem is read by `readers` members, another choice for the next problem."""
    result = []
    for number, model in enumerate(members):
        own = [i for i in active if (number - i * readers - seed) % len(members) < readers]
        prompts = [data.redrawn_prompt(problems[i], vocabulary, rng) for i in own]
        drawn = sample(model, prompts, samples, vocabulary["end"], LONGEST, seed + number, temperature)
        result += [(i, [list(p) for p in dict.fromkeys(map(tuple, programs)) if p[-1] == vocabulary["end"]])
                   for i, programs in zip(own, drawn)]
    return result


def judged(exporter, problem_set, sampled, **options) -> list[list[dict]]:
    verdicts = iter(problem_set.verdicts(exporter, [(i, program) for i, programs in sampled for program in programs], **options))
    return [[next(verdicts) for _ in programs] for _, programs in sampled]


def gather(members, problems, vocabulary, options) -> dict[int, dict[tuple, dict]]:
    """{problem: {program: verdict}}"""
    rng, active, pools = np.random.default_rng(options.seed), range(len(problems)), {}
    for round_number, samples in enumerate(options.draws):
        sampled = drawn_in_round(members, options.readers, problems, active, vocabulary, samples, options.temperature,
                                 options.seed + 100 * round_number, rng)
        for (i, programs), verdicts in zip(sampled, judged(options.exporter, VALUE, sampled, behavior=True)):
            pools.setdefault(i, {}).update(zip(map(tuple, programs), verdicts))
        active = sorted(i for i, pool in pools.items() if any(v["solves"] for v in pool.values()))
        print("round", round_number, "problems solved", len(active), "programs", sum(map(len, pools.values())), flush=True)
    return pools


def some(rng, programs, most: int) -> list[list[int]]:
    return [list(programs[j]) for j in rng.permutation(len(programs))[:most]]


def own_problems(pools, problems, vocabulary, rng):
    """[(prompt, programs, labels)] of the problems that were solved: as many wrong as right programs."""
    result = []
    for i, pool in pools.items():
        right = [program for program, v in pool.items() if v["solves"]]
        wrong = [program for program, v in pool.items() if not v["solves"]]
        n = min(MOST, len(right), len(wrong))
        if n > 0:
            result.append((data.redrawn_prompt(problems[i], vocabulary, rng), some(rng, right, n) + some(rng, wrong, n), [1.0] * n + [0.0] * n))
    return result


def behavior_of(verdict):
    behavior = verdict["behavior"]
    return behavior and tuple(map(tuple, behavior["examples"]))


def relabeled(pools, problems, vocabulary, rng):
    """The same of the problems that candidates pose: the inputs of theirs, and what a candidate makes of them."""
    result = []
    for i, pool in pools.items():
        for examples in {behavior_of(v) for v in pool.values() if v["behavior"] and v["behavior"]["split"] == "training"}:
            right = [program for program, v in pool.items() if behavior_of(v) == examples]
            wrong = [program for program, v in pool.items() if behavior_of(v) != examples]
            if len(set(examples)) <= data.SHOWN or not wrong or any(pool[program]["solves"] for program in right):
                continue
            n = min(MOST, len(right), len(wrong))
            posed = data.Problem([], list(max(right, key=len)), list(map(list, examples)), problems[i].language, 0, 0)
            prompt = data.redrawn_prompt(posed, vocabulary, rng)
            if prompt:
                result.append((prompt, some(rng, right, n) + some(rng, wrong, n), [1.0] * n + [0.0] * n))
    return result


def count(prompts) -> int:
    return sum(len(programs) for _, programs, _ in prompts)


def development_candidates(members, problems, vocabulary, options):
    """[(prompt, different programs, how often each was drawn)] of sixteen samples shared by the members, and which are right."""
    per_member = [sample(model, [p.prompt for p in problems], SAMPLES // len(members), vocabulary["end"], LONGEST, 500 + i,
                         options.temperature) for i, model in enumerate(members)]
    sampled = []
    for i, problem in enumerate(problems):
        counts = {}
        for programs in per_member:
            for program in programs[i]:
                counts[tuple(program)] = counts.get(tuple(program), 0) + 1
        sampled.append((problem.prompt, [list(p) for p in counts], list(counts.values())))
    verdicts = judged(options.exporter, DEVELOPMENT, [(i, programs) for i, (_, programs, _) in enumerate(sampled)])
    return sampled, [np.array([v["solves"] for v in of_problem], bool) for of_problem in verdicts]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--members", required=True)
    parser.add_argument("--problems", type=int, default=VALUE.count)
    parser.add_argument("--readers", type=int, default=3, help="members that read one problem in a round")
    parser.add_argument("--draws", type=int, nargs="+", default=[4, 8], help="of each round, for a reader")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--repeats", type=int, default=4, help="prompts with other examples of every solved problem")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main(options):
    vocabulary = vocabulary_of(options.data)
    members = load_all(options.runs, options.members.split(","), vocabulary)
    problems = data.load_problems(pathlib.Path(options.data, "value.jsonl"))[:options.problems]
    development = data.load_problems(pathlib.Path(options.data, "development.jsonl"))
    checks = development_candidates(members, development, vocabulary, options)
    pools = gather(members, problems, vocabulary, options)
    rng = np.random.default_rng(options.seed)
    own = [prompt for _ in range(options.repeats) for prompt in own_problems(pools, problems, vocabulary, rng)]
    posed = relabeled(pools, problems, vocabulary, rng)
    print("prompts of solved problems", len(own), "with candidates", count(own), "of candidates' problems", len(posed), "with", count(posed))
    torch.save((own, posed, *checks), pathlib.Path(options.runs, "value_candidates.pt"))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(arguments())

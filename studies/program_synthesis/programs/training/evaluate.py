# SPDX-License-Identifier: Apache-2.0
"""What a set of members reaches on the development set: alone, by token fusion, and by sixteen samples with the filter.

    python evaluate.py --exporter program_problems --set seeds=seed_0,seed_1,seed_2,seed_3,seed_4,seed_5,seed_6,seed_7 --set single=single

Every set gets sixteen samples a problem, shared evenly by its members. Writes NAME_OF_SET.set.json in --runs.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import data
from load import load_all, vocabulary_of
from sampling import sample
from train import log_probabilities, nats_per_program
from verify import DEVELOPMENT

SAMPLES = 16
LONGEST = 14  # tokens of a program; the longest that a generator writes has 12


def fused(logp: np.ndarray) -> np.ndarray:
    """[members, problems, tokens] -> [problems, tokens]: log of the members' mean probability."""
    top = logp.max(0)
    return top + np.log(np.exp(logp - top).mean(0))


def fusion(logp: np.ndarray) -> dict:
    """Nats per program: members alone, and fusion of the first 2, 4, 8."""
    alone = [nats_per_program(one) for one in logp]
    sizes = [n for n in (2, 4, 8) if n <= len(logp)]
    return {"members": np.round(alone, 4).tolist(), "mean": round(float(np.mean(alone)), 4), "best": round(min(alone), 4),
            "fusion": {str(n): round(nats_per_program(fused(logp[:n])), 4) for n in sizes}}


@torch.no_grad()
def candidate_log_probabilities(model, problems, candidates, vocabulary) -> np.ndarray:
    """Mean log p of a token, for each (index of a problem, program)."""
    lengths = np.array([len(problems[i].prompt) + len(program) for i, program in candidates])
    order = np.argsort(lengths, kind="stable")
    result = np.zeros(len(candidates))
    for at in range(0, len(order), 256):
        group = order[at:at + 256]
        batch = data.collate([problems[candidates[j][0]].prompt for j in group], [candidates[j][1] for j in group], group, vocabulary)
        logp = F.log_softmax(model(batch.tokens, batch.rows), -1).gather(-1, batch.targets.clamp(min=0)[..., None])[..., 0]
        known = batch.targets >= 0
        result[group] = ((logp * known).sum(1) / known.sum(1)).numpy()
    return result


def solved(members, problems, vocabulary, exporter, problem_set) -> dict:
    """Shares of problems solved by sixteen samples: a random one, filter + mean log p under all members, and any (oracle)."""
    drawn = [[] for _ in problems]
    for seed, model in enumerate(members):
        share = SAMPLES // len(members)
        for pool, programs in zip(drawn, sample(model, [p.prompt for p in problems], share, vocabulary["end"], LONGEST, seed)):
            pool += programs
    candidates = [(i, program) for i, pool in enumerate(drawn) for program in pool]
    verdicts = problem_set.verdicts(exporter, candidates)
    score = np.mean([candidate_log_probabilities(model, problems, candidates, vocabulary) for model in members], 0)
    solves = np.array([v["solves"] for v in verdicts]).reshape(len(problems), SAMPLES)
    shown = np.array([v["shown"] == data.SHOWN for v in verdicts]).reshape(solves.shape)
    score = score.reshape(solves.shape)
    pick = np.where(shown, score, score - 1e3).argmax(1)
    by_likelihood = score.argmax(1)
    each = np.arange(len(problems))
    return {"problems": len(problems), "random": round(float(solves.mean()), 4), "likelihood": round(float(solves[each, by_likelihood].mean()), 4),
            "filtered": round(float(solves[each, pick].mean()), 4), "oracle": round(float(solves.any(1).mean()), 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--set", action="append", required=True, metavar="NAME=RUN,RUN,...")
    parser.add_argument("--problems", type=int, default=300)
    options = parser.parse_args()
    vocabulary = vocabulary_of(options.data)
    development = data.load_problems(pathlib.Path(options.data, "development.jsonl"))
    for named in options.set:
        name, runs = named.split("=")
        members = load_all(options.runs, runs.split(","), vocabulary)
        logp = np.stack([log_probabilities(model, development, vocabulary) for model in members])
        record = {"runs": runs.split(","), **fusion(logp)}
        if options.problems:
            record["solved"] = solved(members, development[:options.problems], vocabulary, options.exporter, DEVELOPMENT)
        pathlib.Path(options.runs, name + ".set.json").write_text(json.dumps(record))
        print(name, json.dumps(record), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

# SPDX-License-Identifier: Apache-2.0
"""Problems as the exporter wrote them, bags of them, and batches of sequences of nearly equal length."""

import dataclasses
import json
import pathlib

import numpy as np
import torch

LONGEST = 128    # of a whole sequence, in tokens; a choice of examples that would be longer is not made
SHOWN = 3
IGNORED = -100   # the target that cross_entropy leaves out
FOLDS = 8


@dataclasses.dataclass(frozen=True)
class Problem:
    prompt: list[int]
    program: list[int]
    examples: list[list[int]]
    language: str
    family: int
    length: int


@dataclasses.dataclass(frozen=True)
class Batch:
    tokens: torch.Tensor    # [sequences, tokens], padded on the right
    rows: torch.Tensor      # [sequences, n]: the positions that predict a program token
    targets: torch.Tensor   # [sequences, n]: these tokens, IGNORED where the program is shorter
    output_rows: torch.Tensor | None     # [sequences, m]: the positions that predict the shown outputs, of the second example on
    output_targets: torch.Tensor | None  # [sequences, m]
    problems: np.ndarray    # [sequences]: index of each sequence's problem

    def to(self, device):
        moved = {field.name: getattr(self, field.name).to(device) for field in dataclasses.fields(self)
                 if isinstance(getattr(self, field.name), torch.Tensor)}
        return dataclasses.replace(self, **moved)


def load_vocabulary(path) -> dict:
    return json.loads(pathlib.Path(path).read_text())


def load_problems(path) -> list[Problem]:
    names = [field.name for field in dataclasses.fields(Problem)]
    with open(path) as lines:
        return [Problem(**{name: record[name] for name in names}) for record in map(json.loads, lines)]


def choose_bag(problems, fold: int | None, family: int | None) -> list[int]:
    """Indices of a member's problems. Of eight folds a bag lacks one, so that every problem is new to exactly one of eight members.
    The languages alternate in a set, hence pairs of problems."""
    return [i for i, problem in enumerate(problems)
            if (fold is None or i // 2 % FOLDS != fold) and (family is None or problem.family == family)]


def redrawn_prompt(problem: Problem, vocabulary: dict, rng: np.random.Generator) -> list[int]:
    """The prompt with three other examples of the same problem, in any order."""
    for _ in range(4):
        shown = [problem.examples[i] for i in rng.permutation(len(problem.examples))[:SHOWN]]
        prompt = [vocabulary["begin"]]
        for example in shown:
            prompt += example + [vocabulary["separator"]]
        prompt.append(vocabulary["program"])
        if len(prompt) + len(problem.program) <= LONGEST:
            return prompt
    return problem.prompt


def output_positions(prompt, vocabulary) -> list[int]:
    """Where the tokens of an output and the separator behind it stand, from the second example on: the first gives no hint yet of
    what the program does."""
    result, inside, example = [], False, 0
    for i, token in enumerate(prompt):
        if inside and example > 0:
            result.append(i)
        if token == vocabulary["equals"]:
            inside = True
        elif token == vocabulary["separator"]:
            inside, example = False, example + 1
    return result


def outputs_of(prompts, vocabulary):
    """Rows and targets [sequences, m] of the prompts' outputs."""
    positions = [output_positions(prompt, vocabulary) for prompt in prompts]
    widest = max(map(len, positions))
    rows = np.zeros((len(prompts), widest), np.int64)
    targets = np.full((len(prompts), widest), IGNORED, np.int64)
    for i, (prompt, at) in enumerate(zip(prompts, positions)):
        rows[i, :len(at)] = np.array(at) - 1
        targets[i, :len(at)] = [prompt[j] for j in at]
    return torch.from_numpy(rows), torch.from_numpy(targets)


def collate(prompts, programs, indices, vocabulary: dict, outputs: bool = False) -> Batch:
    sizes = [len(prompt) for prompt in prompts]
    pad, widest = vocabulary["pad"], max(len(program) for program in programs)
    tokens = np.full((len(prompts), max(n + len(p) for n, p in zip(sizes, programs)) - 1), pad, np.int64)
    targets = np.full((len(prompts), widest), IGNORED, np.int64)
    for i, (prompt, program) in enumerate(zip(prompts, programs)):
        tokens[i, :len(prompt)] = prompt
        tokens[i, len(prompt):len(prompt) + len(program) - 1] = program[:-1]  # nothing follows the last token
        targets[i, :len(program)] = program
    rows = np.minimum(np.array(sizes)[:, None] - 1 + np.arange(widest), tokens.shape[1] - 1)
    return Batch(torch.from_numpy(tokens), torch.from_numpy(rows), torch.from_numpy(targets),
                 *(outputs_of(prompts, vocabulary) if outputs else (None, None)), np.asarray(indices))


def batches(problems, indices, vocabulary: dict, size: int, rng: np.random.Generator | None = None, augment: bool = False,
            outputs: bool = False):
    """One pass over `problems[indices]`; in random order with `rng`, else from short to long."""
    prompts = [redrawn_prompt(problems[i], vocabulary, rng) if augment else problems[i].prompt for i in indices]
    lengths = np.array([len(prompt) + len(problems[i].program) for prompt, i in zip(prompts, indices)])
    shuffled = rng.permutation(len(indices)) if rng is not None else np.arange(len(indices))
    order = shuffled[np.argsort(lengths[shuffled], kind="stable")]
    groups = [order[at:at + size] for at in range(0, len(order), size)]
    if rng is not None:
        rng.shuffle(groups)
    for group in groups:
        chosen = [indices[i] for i in group]
        yield collate([prompts[i] for i in group], [problems[i].program for i in chosen], chosen, vocabulary, outputs)

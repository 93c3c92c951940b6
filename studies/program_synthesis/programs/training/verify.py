# SPDX-License-Identifier: Apache-2.0
"""Problem sets and verdicts, both asked of the C++ exporter, so that there is one interpreter of the languages."""

import dataclasses
import json
import pathlib
import subprocess


@dataclasses.dataclass(frozen=True)
class ProblemSet:
    """What the exporter needs to make a set again."""
    split: str
    seed: int
    count: int

    def write(self, exporter, path: pathlib.Path):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([exporter, "--split", self.split, "--seed", str(self.seed), "--count", str(self.count), "--out", path],
                           check=True)

    def verdicts(self, exporter, candidates, behavior: bool = False) -> list[dict]:
        """For each (index of a problem, program's tokens): valid, shown, hidden (tests passed) and solves. With `behavior` also what
        the program does with the problem's inputs: {split, examples}, or None where no problem could be made of that."""
        lines = [json.dumps({**dataclasses.asdict(self), "index": int(index), "tokens": tokens}) for index, tokens in candidates]
        done = subprocess.run([exporter, "--verify", *["--behavior"] * behavior], input="\n".join(lines), capture_output=True, text=True,
                              check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


TRAINING = ProblemSet("training", 1, 6000)
DEVELOPMENT = ProblemSet("development", 2, 1000)
VALUE = ProblemSet("training", 3, 24000)  # functions of the training split, most of which the experts have not seen

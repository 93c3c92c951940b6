# SPDX-License-Identifier: Apache-2.0
"""What decides a run's outcome, and where its files are. Imports nothing slow."""

import dataclasses
import os
import pathlib

HERE = pathlib.Path(__file__).parent
RESULTS = HERE.parent / "results" / "runs"
INTERRUPTED = 3  # exit status of a run that was stopped and can be continued


def work_folder() -> pathlib.Path:
    """Where checkpoints go: $TUTTI_PRONUNCIATION_WORK, or build/pronunciation in the repository."""
    return pathlib.Path(
        os.environ.get("TUTTI_PRONUNCIATION_WORK", HERE.parents[2] / "build" / "pronunciation")
    )


@dataclasses.dataclass(frozen=True)
class Form:
    """How a word and its pronunciation become tokens."""

    reverse: bool = False  # right to left, both
    echo: bool = False  # the word twice, so that its letters can attend to all of its letters


@dataclasses.dataclass(frozen=True)
class Options:
    """Everything that decides a run's outcome. `words` is the size of the training set."""

    seed: int = 1
    split_seed: int = 1
    words: int = 0  # of the training set; 0: all
    fold: int = -1  # the fold of eight that this member does not see; -1: it sees all words
    reverse: bool = False  # reads and writes right to left
    echo: bool = False  # reads the word twice
    width: int = 64
    layers: int = 2
    heads: int = 4
    hidden: int = 192
    dropout: float = 0.2  # of what each half of a layer adds
    embedding_dropout: float = 0.0
    attention_dropout: float = 0.0
    smoothing: float = 0.05  # label smoothing
    noise: float = 0.0  # share of input tokens that are hidden (replaced by <pad>)
    weight_decay: float = 0.05
    rate: float = 0.02
    adam_share: float = 0.2  # AdamW's rate as a share of Muon's
    constant: float = 0.0  # share of the steps before the rate falls
    batch: int = 64
    jitter: float = 0.0  # how far pairs of a batch may differ in their answers' lengths
    epochs: int = 100
    average: float = 4.0  # epochs that the exponential average of the weights looks back
    patience: int = 8  # evaluations without improvement after which the run ends
    every: float = 5.0  # epochs between evaluations

    @property
    def form(self) -> Form:
        return Form(self.reverse, self.echo)

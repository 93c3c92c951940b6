#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what tokenizers makes of random added tokens: flags, repeated and empty ones, ids, text decoded with and without special tokens.

Written with tokenizers 0.23.3 (Python 3.11). Writes next to this file random_added_tokens.json: cases, each with the kind of the
tokenizer (tokenizer_KIND.json), its "added_tokens" in place of the file's, texts, and for each text the ids, the ids without
special tokens in the text, and the decoded texts. `python3 generate_added_tokens.py SEED COUNT DIRECTORY` writes other cases
to DIRECTORY/random_added_tokens.json instead; the test reads the file that the environment variable TUTTI_ADDED_TOKENS names.
"""

import json
import pathlib
import random
import sys

from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
KINDS = ("gpt2", "llama3", "qwen2", "smollm", "llama2", "mistral", "gemma")
FRAGMENTS = (
    ["Quux", "quux", "a", "b", "the", " ", "  ", "\n", "\u3000", "<x>", "<y>", "é", "e\u0301", "Ġ", "▁", "日本", "_", "1"]
    + ["-", ".", "'s", "</s>", "<s>", "right", "▁the", "ux", "X"]
)


def random_tokens(rng, tokenizer):
    """The file's tokens or none, and up to six more, some of them empty, repeated or in the vocabulary."""
    vocabulary = tokenizer["model"]["vocab"]
    words = [word for word in vocabulary if not word.startswith("<0x")]
    tokens = tokenizer["added_tokens"] if rng.random() < 0.5 else []
    ids = {token["content"]: token["id"] for token in tokens}
    next_id = len(vocabulary) + sum(text not in vocabulary for text in ids)
    for _ in range(rng.randint(1, 6)):
        text = "".join(rng.choice(FRAGMENTS) for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))
        kind = rng.random()
        if kind < 0.05:
            text = ""
        elif kind < 0.15 and ids:
            text = rng.choice(sorted(ids))
        elif kind < 0.25:
            text = rng.choice(words)
        special = rng.random() < 0.4
        token = {"id": vocabulary.get(text, ids.get(text, next_id)), "content": text}
        for flag in ("single_word", "lstrip", "rstrip"):
            token[flag] = rng.random() < 0.3
        token |= {"normalized": rng.random() < (0.3 if special else 0.6), "special": special}
        if text and text not in vocabulary and text not in ids:
            next_id += 1
        ids.setdefault(text, token["id"])
        tokens = [*tokens, token]
    return tokens


def random_case(rng):
    kind = rng.choice(KINDS)
    file = json.loads((HERE / f"tokenizer_{kind}.json").read_text(encoding="utf-8"))
    file["added_tokens"] = tokens = random_tokens(rng, file)
    file["post_processor"] = None
    tokenizer = Tokenizer.from_str(json.dumps(file))
    pool = [token["content"] for token in tokens]
    texts = []
    for _ in range(6):
        parts = rng.choice((1, 2, 3, 5, 8))
        texts.append("".join(rng.choice(pool if rng.random() < 0.5 else FRAGMENTS) for _ in range(parts)))
    ids = [tokenizer.encode(text).ids for text in texts]
    case = {
        "kind": kind,
        "added_tokens": tokens,
        "texts": texts,
        "ids": ids,
        "decoded": [tokenizer.decode(each) for each in ids],
        "with_special": [tokenizer.decode(each, skip_special_tokens=False) for each in ids],
    }
    tokenizer.encode_special_tokens = True
    case["plain_ids"] = [tokenizer.encode(text).ids for text in texts]
    return case


def main():
    seed, count, directory = (int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])) if sys.argv[1:] else (6, 84, HERE)
    rng = random.Random(seed)
    cases = []
    while len(cases) < count:
        try:
            cases.append(random_case(rng))
        except BaseException as error:  # tokenizers panics where white space is stripped by two tokens
            if "bad split" not in str(error):
                raise
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases)
    (directory / "random_added_tokens.json").write_text("[" + lines + "]\n", encoding="utf-8")


if __name__ == "__main__":
    main()

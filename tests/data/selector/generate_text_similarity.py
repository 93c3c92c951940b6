# SPDX-License-Identifier: Apache-2.0
"""Writes text_similarity.json: values of other programs for tests/selector/text_similarity_test.cpp.

    pip install sacrebleu==2.6.0
    python3 tests/data/selector/generate_text_similarity.py

chrF: sacrebleu's CHRF() with its defaults, divided by 100. Token F1: the formula of SQuAD's
evaluation script (f1_score) on str.split(), without its normalization. White space: str.isspace.
"""

import collections
import json
import pathlib
import random
import sys

import sacrebleu
from sacrebleu.metrics import CHRF


def token_f1(hypothesis, reference):
    words, other = hypothesis.split(), reference.split()
    if not words or not other:
        return float(words == other)
    common = sum((collections.Counter(words) & collections.Counter(other)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(words), common / len(other)
    return 2 * precision * recall / (precision + recall)


def texts():
    yield from [
        ("", ""), ("", " \n"), ("a", ""), ("", "a"), ("a", "a"), ("abc", "abc"), ("abc", "xyz"),
        ("the cat sat on the mat", "the cat is on the mat"), ("a", "a b c"), ("ab", "abcdefgh"),
        ("Gr\u00fc\u00dfe aus K\u00f6ln", "Gruesse aus K\u00f6ln"), ("hello world", ""),
        ("\u00a042", "42\u3000"), ("a\u2028b", "a b"), ("a\u200bb", "a b"), ("x\u001cy", "x y"),
        ("\u4f60\u597d \u4e16\u754c", "\u4f60\u597d\u4e16\u754c"), ("\U0001f642\U0001f642", "\U0001f642"),
        ("aaaaaaaa", "aaaa"), ("one\ttwo", "two\none"), ("a b b", "b a  c"),
    ]
    draw = random.Random(1)
    spaces = [" ", "\t", "\n", "\u00a0", "\u2003", "\u3000", "\u0085", "\u200b", "\x1f"]
    for _ in range(60):
        words = ["".join(draw.choices("abc\u00e9\u4e16\U0001f642", k=draw.randint(1, 6)))
                 for _ in range(draw.randint(1, 8))]
        join = lambda: "".join(w + draw.choice(spaces) for w in draw.choices(words, k=draw.randint(0, 9)))
        yield join(), join()


def main():
    metric = CHRF()
    cases = [{"hypothesis": h, "reference": r, "chrf": metric.sentence_score(h, [r]).score / 100,
              "token_f1": token_f1(h, r)} for h, r in texts()]
    spaces = [c for c in range(0x110000) if chr(c).isspace()]
    out = {"made_with": f"sacrebleu {sacrebleu.__version__}, Python {sys.version.split()[0]}",
           "white_space": spaces, "cases": cases}
    path = pathlib.Path(__file__).with_name("text_similarity.json")
    path.write_text(json.dumps(out, indent=1) + "\n")


main()

# SPDX-License-Identifier: Apache-2.0
"""Writes regex.json: random regular expressions with texts, and whether Python's re.fullmatch matches them.

    python generate_regex.py

Only texts that match with and without re.ASCII, or neither, are kept: dialects differ in whether \\w has letters outside ASCII. Made with Python 3.11.
"""

import json
import pathlib
import random
import re
import signal

HERE = pathlib.Path(__file__).parent
ALPHABET = "abcxyzAB019_ -.+\n\té漢🙂"


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def atom(self, depth):
        choice = self.random.random()
        if depth > 0 and choice < 0.25:
            return self.random.choice(["(", "(?:", "(?P<n%d>" % self.random.randint(0, 10 ** 6)]) + self.alternatives(depth - 1) + ")"
        if choice < 0.5:
            return self.random.choice(["a", "b", "c", "x", "0", "1", "é", "漢", "🙂", "\\.", "\\-", "\\+", " ", "-", "_"])
        if choice < 0.6:
            return self.random.choice(["\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "."])
        if choice < 0.9:
            parts = "".join(self.random.choice(["a", "b-x", "0-9", "\\d", "\\s", "é", "漢-龯", "_", "A-Z", "\\.", "\\x41", "\\u00e9"])
                            for _ in range(self.random.randint(1, 3)))
            return "[" + self.random.choice(["", "", "^"]) + parts + self.random.choice(["", "-"]) + "]"
        return self.random.choice(["\\n", "\\t", "\\x62", "\\u6f22", "ab", "xyz"])

    def sequence(self, depth):
        parts = []
        for _ in range(self.random.randint(0 if depth < 2 else 1, 4)):
            quantifier = self.random.choice(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "+?", "{1,40}"])
            atom = self.atom(depth)
            if atom in ("ab", "xyz"):
                quantifier = ""
            parts.append(atom + quantifier)
        return "".join(parts)

    def alternatives(self, depth):
        return "|".join(self.sequence(depth) for _ in range(self.random.choice([1, 1, 2, 3])))

    def text(self, low, high):
        return "".join(self.random.choice(ALPHABET) for _ in range(self.random.randint(low, high)))


def draw(pattern, rng):
    """A text that matches, often: by walking Python's parse of the pattern."""
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import sre_parse
    categories = {"CATEGORY_DIGIT": "019", "CATEGORY_WORD": "abzAZ09_", "CATEGORY_SPACE": " \n\t", "CATEGORY_NOT_DIGIT": "ab -",
                  "CATEGORY_NOT_WORD": " -.+", "CATEGORY_NOT_SPACE": "ab09-"}

    def one(op, value):
        name = str(op)
        if name == "LITERAL":
            return chr(value)
        if name == "NOT_LITERAL":
            return rng.choice([c for c in ALPHABET if c != chr(value)])
        if name == "ANY":
            return rng.choice([c for c in ALPHABET if c != "\n"])
        if name == "RANGE":
            return chr(rng.randint(*value))
        if name == "CATEGORY":
            return rng.choice(categories[str(value)])
        if name == "IN":
            if str(value[0][0]) == "NEGATE":
                return rng.choice(ALPHABET)
            return one(*rng.choice(value))
        if name == "BRANCH":
            return walk(rng.choice(value[1]))
        if name == "SUBPATTERN":
            return walk(value[3])
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, inner = value
            return "".join(walk(inner) for _ in range(rng.randint(low, min(int(high), low + 3))))
        raise NotImplementedError(name)

    def walk(parsed):
        return "".join(one(op, value) for op, value in parsed)
    return walk(sre_parse.parse(pattern))


def verdicts_within_a_second(compiled, texts):
    def stop(*_):
        raise TimeoutError
    signal.signal(signal.SIGALRM, stop)
    signal.alarm(1)
    try:
        verdicts = [bool(compiled.fullmatch(text)) for text in texts]
        ascii_only = re.compile(compiled.pattern, re.ASCII)
        return [matches if bool(ascii_only.fullmatch(text)) == matches else None for text, matches in zip(texts, verdicts)]
    except TimeoutError:
        return None
    finally:
        signal.alarm(0)


def main():
    cases, seed = [], 0
    while len(cases) < 250:
        generator = Generator(seed)
        seed += 1
        pattern = generator.alternatives(2)
        try:
            compiled = re.compile(pattern)
        except re.error:
            continue
        texts = {generator.text(0, 4) for _ in range(3)}
        for _ in range(8):
            text = draw(pattern, generator.random)
            texts.add(text)
            at = generator.random.randint(0, len(text))
            texts.add(text[:at] + generator.text(0, 2) + text[at + generator.random.randint(0, 2):])
        texts = [text for text in sorted(texts) if len(text) < 120]
        # Python backtracks without end on some of them.
        verdicts = verdicts_within_a_second(compiled, texts)
        if verdicts is None:
            continue
        cases.append({"pattern": pattern, "matches": [text for text, matches in zip(texts, verdicts) if matches],
                      "others": [text for text, matches in zip(texts, verdicts) if matches is False]})
    text = json.dumps(cases, ensure_ascii=False, indent=0)
    (HERE / "regex.json").write_text(text + "\n", encoding="utf-8")
    print(len(cases), "patterns,", sum(len(c["matches"]) for c in cases), "matches,", sum(len(c["others"]) for c in cases), "others,",
          len(text.encode()), "bytes")


main()

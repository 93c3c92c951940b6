# SPDX-License-Identifier: Apache-2.0
"""Writes gbnf.json: grammars with texts that llama.cpp accepts and refuses under them.

    python generate_gbnf.py MODEL.gguf

llama.cpp's own engine judges every text, through llama-cpp-python (0.3.36), with the vocabulary of SmolLM2-135M-Instruct: each token
must be left by its grammar sampler, and after the last one the end token. The grammars marked "llama.cpp" are those that llama.cpp
publishes (MIT license, Copyright (c) 2023-2026 The ggml authors), as llama-cpp-python distributes them; the others and all texts were
written for this file.
"""

import ctypes
import json
import math
import pathlib
import random
import sys

import llama_cpp
from llama_cpp import llama_cpp as lib
from llama_cpp import llama_grammar as published

HERE = pathlib.Path(__file__).parent

# name, grammar, seeds: texts that llama.cpp should accept, from which others are made by edits
CASES = [
    ("llama.cpp json", published.JSON_GBNF, ['{"a": [1, 2.5e3, "x\\n\\u00e9"], "b": {}}', "{}", '{"k":null,"t":true,"f":false}', '{"ü": -0.5}']),
    ("llama.cpp json_arr", published.JSON_ARR_GBNF, ['[\n1,\n{"a": "b"}]', "[\n]", '[\n"x",\ntrue]']),
    ("llama.cpp list", published.LIST_GBNF, ["- one\n- two three\n", "- a\n"]),
    ("llama.cpp arithmetic", published.ARITHMETIC_GBNF, ["1+2=3\n", "(a -b) *2 =c\n", "x /(y +12) =z\n"]),
    ("llama.cpp c", published.C_GBNF, ["int main(){int x = 1;return x;}", "float f(int a){return a;}", "int g(){f(a);}"]),
    ("chess", 'root ::= ([1-9] [0-9]? ". " move " " move "\\n")+\n'
              'move ::= (pawn | piece | castle) [+#]?\n'
              'piece ::= [NBKQR] [1-8a-h]? "x"? [a-h] [1-8]\n'
              'pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBQR])?\n'
              'castle ::= "O-O" "-O"?',
     ["1. e4 e5\n2. Nf3 Nc6\n3. Bb5 a6\n", "1. d4 d5\n2. c4 dxc4\n", "1. e4 c5\n2. O-O O-O-O+\n"]),
    ("japanese", "root ::= character+ ([ \\t\\n] character+)*\ncharacter ::= hiragana | [ァ-ヶー] | punctuation | [一-龯]\n"
                 "hiragana ::= [ぁ-ゟ]\npunctuation ::= [、-〾]", ["日本語", "こんにちは 世界", "カタカナ。"]),
    ("optional and repeated", 'root ::= "a"? [b-d]+ ("e" | "f"){2} .*', ["abef", "dcbffz", "beezz"]),
    ("counts", 'root ::= x{3} "-" x{1,2} "-" x{2,}\nx ::= [xy]', ["xyx-y-xx", "xxx-yx-xyxyx"]),
    ("large counts", 'root ::= [a-c]{5,200} "!"', ["aaaaa!", "abcabcabcabcabc!"]),
    ("nested counts", 'root ::= ("0x" [A-F0-9]{2} " "?){3,5}', ["0xFF 0x12 0xAB", "0xFF0x120xAB 0x000x00"]),
    ("empty iterations", 'root ::= ( [x]* )* "y"?', ["xxx", "y", "", "xy"]),
    ("empty rule", 'root ::= a b a\na ::= | "1"\nb ::= ("2" a)*', ["", "1", "121", "12211"]),
    ("comments and lines", '# first\nroot ::= # here\n  "a" | # or\n  ("b"\n   "c")\n', ["a", "bc"]),
    ("escapes", 'root ::= "\\x41\\u00e9\\U0001F642" [\\x30-\\u0039\\]\\[]* "\\"\\\\\\t"', ["Aé🙂09][\"\\\t", "Aé🙂\"\\\t"]),
    ("negated class", 'root ::= "<" [^<>\\n]* ">"', ["<a é🙂>", "<>", "<x y>"]),
    ("code points", 'root ::= [α-ω]{2} . [^a-z]', ["αβxé", "ωα🙂🙂"]),
    ("brackets", 'root ::= "(" root ")" root | "[" root "]" | ""', ["()[]", "(([]))()", ""]),
    ("right recursion", 'root ::= "a" root | "b"', ["b", "aaaab", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"]),
    ("ambiguous", 'root ::= ("a" | "aa" | "aaa")* "b"', ["aaaaaaaaab", "b", "aab"]),
    ("names", 'root ::= first-part second-part Part3\nfirst-part ::= "x"\nsecond-part ::= "y"?\nPart3 ::= [0-9]', ["xy1", "x2"]),
    ("dashes in classes", 'root ::= [a-] [-b] [+--]', ["a-+", "--,", "ab-"]),
    ("csv", 'root ::= row ("\\n" row)*\nrow ::= cell ("," cell)*\ncell ::= [^",\\n]* | "\\"" ([^"] | "\\"\\"")* "\\""',
     ["a,b\n1,2", '"x,""y",z', ",,", ""]),
]

REFUSED = [
    ("left recursion", 'root ::= "a" | root "a"'),
    ("left recursion through another rule", 'root ::= a\na ::= "a" | b "b"\nb ::= "c" | a "d"'),
    ("left recursion behind an empty rule", 'root ::= a\na ::= "a" | b "b"\nb ::= "c" | e a "d"\ne ::= "x" |'),
    ("missing rule", "root ::= missing"),
    ("no root", 'start ::= "a"'),
    ("unclosed group", 'root ::= ("a"'),
    ("unclosed class", "root ::= [a"),
    ("nothing to repeat", "root ::= *"),
    ("unknown escape", 'root ::= "\\q"'),
]


class Engine:
    def __init__(self, path):
        self.model = llama_cpp.Llama(path, vocab_only=True, verbose=False)
        self.vocab = lib.llama_model_get_vocab(self.model._model.model)

    def judge(self, grammar, text):
        """Whether llama.cpp accepts the text; None when it refuses the grammar."""
        sampler = lib.llama_sampler_init_grammar(self.vocab, grammar.encode(), b"root")
        if not sampler:
            return None
        try:
            tokens = self.model.tokenize(text.encode(), add_bos=False, special=False) if text else []
            for token in tokens:
                if not self.allows(sampler, token):
                    return False
                lib.llama_sampler_accept(sampler, token)
            return self.allows(sampler, self.model.token_eos())
        finally:
            lib.llama_sampler_free(sampler)

    def allows(self, sampler, token):
        data = (lib.llama_token_data * 1)(lib.llama_token_data(token, 1.0, 0.0))
        array = lib.llama_token_data_array(data, 1, -1, False)
        lib.llama_sampler_apply(sampler, ctypes.byref(array))
        return math.isfinite(data[0].logit)


def edit(text, random):
    for _ in range(random.randint(1, 2)):
        at = random.randint(0, len(text))
        way = random.randint(0, 3)
        if way == 0:
            text = text[:at] + text[at + 1:]
        elif way == 1:
            text = text[:at] + random.choice(text + " a1\"") + text[at:]
        elif way == 2:
            text = text[:at] + text[at:at + 3] + text[at:]
        else:
            text = text[:at]
    return text


def main():
    engine = Engine(sys.argv[1])
    rng = random.Random(1)
    cases = []
    for name, grammar, seeds in CASES:
        texts = list(seeds)
        while len(texts) < len(seeds) + 30:
            texts.append(edit(rng.choice(seeds), rng))
        case = {"name": name, "grammar": grammar, "accepted": [], "refused": []}
        for text in dict.fromkeys(texts):
            verdict = engine.judge(grammar, text)
            assert verdict is not None, name
            case["accepted" if verdict else "refused"].append(text)
        missing = [seed for seed in seeds if seed not in case["accepted"]]
        if missing:
            print(name, "does not accept", missing)
        cases.append(case)
    for name, grammar in REFUSED:
        verdict = engine.judge(grammar, "")
        if verdict is not None:
            print("llama.cpp reads", name)
    text = json.dumps({"cases": cases, "refused_grammars": [grammar for _, grammar in REFUSED]}, ensure_ascii=False, indent=0)
    (HERE / "gbnf.json").write_text(text + "\n", encoding="utf-8")
    print(len(cases), "grammars,", sum(len(c["accepted"]) for c in cases), "accepted,", sum(len(c["refused"]) for c in cases), "refused,",
          len(text.encode()), "bytes")


main()

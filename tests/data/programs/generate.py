# SPDX-License-Identifier: Apache-2.0
"""Writes logits.json: what `transformers` and `peft` compute, in float32, with the weights in studies/program_synthesis/models.

    python generate.py

For each model two sequences, one of each language, and some of the logits after the last token: the sixteen highest and sixteen more at
fixed ids. For the value model also what it reads of a candidate, and its value: the sum of log p of the outputs' tokens. VERSIONS.txt says
with which versions.
"""

import importlib.metadata as metadata
import json
import pathlib
import sys

import torch
from peft import PeftModel
from transformers import LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
sys.path.append(str(HERE.parents[2] / "studies" / "program_synthesis" / "programs" / "training"))
from train_value import examples_of, reading  # noqa: E402

MODELS = HERE.parents[2] / "studies" / "program_synthesis" / "models"
FIXED = list(range(3, 643, 40))


def sequences(vocabulary: dict) -> list[list[int]]:
    def number(n):
        return vocabulary["integers"]["first_id"] + n - vocabulary["integers"]["first_value"]

    def word(text, first=0):
        return vocabulary["tokens"].index(text, first)

    marks = {mark: word(mark, vocabulary["begin"]) for mark in ("number", "list", "text")}
    characters = vocabulary["separator"]  # behind it: a digit is a character there and an integer before

    def items(values):
        return [marks["list"]] + [number(n) for n in values]

    def text(string):
        return [marks["text"]] + [word("␣" if c == " " else c, characters) for c in string]

    def sequence(examples, program):
        tokens = [vocabulary["begin"]]
        for given, result in examples:
            tokens += given + [vocabulary["equals"]] + result + [vocabulary["separator"]]
        return tokens + [vocabulary["program"]] + program

    variables = len(vocabulary["tokens"]) - 6  # a to f are the last; the letters are characters too
    lists = sequence([(items([5, -3, 8, 1]), items([1, 3, 5, 8])), (items([4, 4, -9, 7]), items([4, 4, 7, 9])),
                      (items([0, 2, -6]), items([0, 2, 6]))], [word("SORT"), variables])
    names = sequence([(text("turing, alan"), text("alan turing")), (text("hopper, grace"), text("grace hopper")),
                      (text("moore, leslie"), text("leslie moore"))], [word("WORD"), word("2", characters)])
    return [lists, names]


@torch.no_grad()
def expected(model, tokens):
    last = model(torch.tensor([tokens])).logits[0, -1]
    ids = sorted(set(last.topk(16).indices.tolist()) | set(FIXED))
    return {"ids": ids, "logits": [float(f"{last[i].item():.9g}") for i in ids]}


@torch.no_grad()
def channel(model, sequence, vocabulary):
    cut = sequence.index(vocabulary["program"]) + 1
    prompt, program = sequence[:cut], sequence[cut:] + [vocabulary["end"]]
    read = reading(program, examples_of(prompt, vocabulary), vocabulary)
    logp = model(torch.tensor([read.tokens])).logits[0].log_softmax(-1)
    value = sum(logp[at - 1, read.tokens[at]].item() for at in read.outputs)
    return {"prompt": prompt, "program": program, "reading": read.tokens, "value": float(f"{value:.9g}")}


def load(folder: pathlib.Path):
    if (folder / "adapter_config.json").exists():
        return PeftModel.from_pretrained(load(folder.parent / "base"), folder).eval()
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


def main():
    torch.set_num_threads(1)
    vocabulary = json.loads((MODELS / "vocabulary.json").read_text())
    tokens = sequences(vocabulary)
    channels = ",\n".join(f"  {json.dumps(channel(load(MODELS / 'value'), one, vocabulary))}" for one in tokens)
    models = {folder.name: [expected(load(folder), one) for one in tokens] for folder in sorted(MODELS.iterdir()) if folder.is_dir()}
    lines = ",\n".join(f'  "{name}": {json.dumps(values)}' for name, values in models.items())
    (HERE / "logits.json").write_text(f'{{\n "tokens": {json.dumps(tokens)},\n "models": {{\n{lines}\n }},\n "channel": [\n{channels}\n ]\n}}\n')
    (HERE / "VERSIONS.txt").write_text("".join(f"{name} {metadata.version(name)}\n"
                                               for name in ("torch", "transformers", "peft", "safetensors")))


if __name__ == "__main__":
    main()

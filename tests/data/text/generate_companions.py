#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what transformers makes of random files beside a tokenizer.json: tokenizer_config.json, special_tokens_map.json, added_tokens.json.

Written with transformers 5.24.0 and tokenizers 0.23.3 (Python 3.11). Writes next to this file random_companions.json: cases, each
with the texts of the files, the tokens that transformers names by their role, texts, and for each text the ids and the text
decoded with and without special tokens. `python3 generate_companions.py SEED COUNT DIRECTORY` writes other cases to
DIRECTORY/random_companions.json instead; the test reads the file that the environment variable TUTTI_COMPANIONS names.
"""

import json
import os
import pathlib
import random
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
from transformers import PreTrainedTokenizerFast  # noqa: E402

HERE = pathlib.Path(__file__).parent
VOCABULARY = ["<unk>", "<s>", "</s>", "a", "b", "▁", "▁a", "<pad>", "<eot>", "x"]
ROLES = ("bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token")
FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


def added(rng, text, special):
    token = {"content": text, "single_word": False}
    for flag in ("lstrip", "rstrip"):
        token[flag] = rng.random() < 0.2
    return token | {"normalized": rng.random() < 0.2, "special": special}


def tokenizer_json(rng):
    texts = [text for text in ("<unk>", "<s>", "</s>", "<pad>", "<eot>", "<new>", "<more>") if rng.random() < 0.6]
    tokens = []
    for text in texts:
        index = VOCABULARY.index(text) if text in VOCABULARY else len(VOCABULARY) + sum(t["id"] >= len(VOCABULARY) for t in tokens)
        tokens.append({"id": index} | added(rng, text, rng.random() < 0.8))
    step = {"Replace": {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}}["Replace"]
    bos = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}
    bos |= {"pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]}
    bos |= {"special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    model = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None}
    model |= {"fuse_unk": True, "byte_fallback": False, "ignore_merges": False}
    model |= {"vocab": {text: i for i, text in enumerate(VOCABULARY)}, "merges": [["▁", "a"]]}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
        "pre_tokenizer": None, "post_processor": bos if rng.random() < 0.5 else None,
        "decoder": {"type": "Sequence", "decoders": [step, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": model,
    }  # fmt: skip


def named(rng, known, in_config):
    roles = {}
    for role in ROLES:
        if rng.random() < 0.35:
            text = rng.choice(known)
            roles[role] = text
            if rng.random() < 0.3:
                token = added(rng, text, True)
                del token["special"]
                roles[role] = token | ({"__type": "AddedToken"} if in_config else {})
            elif rng.random() < 0.1:
                roles[role] = None
    return roles


def random_files(rng):
    tokenizer = tokenizer_json(rng)
    known = VOCABULARY + [t["content"] for t in tokenizer["added_tokens"] if t["content"] not in VOCABULARY]
    files = {"tokenizer.json": tokenizer}
    config = {"tokenizer_class": "PreTrainedTokenizerFast"} | named(rng, known, True)
    for key, values in (("add_bos_token", (True, False)), ("add_eos_token", (True, False)), ("legacy", (False,)),
                        ("clean_up_tokenization_spaces", (True, False)), ("do_lower_case", (True,)), ("model_max_length", (4,))):  # fmt: skip
        if rng.random() < 0.3:
            config[key] = rng.choice(values)
    if rng.random() < 0.25:
        config[rng.choice(("additional_special_tokens", "extra_special_tokens"))] = rng.sample(["<e1>", "<e2>", "a", *known[-2:]], 2)
    if rng.random() < 0.15:
        config["image_token"] = "<image>"
    if rng.random() < 0.3:
        decoder = {str(t["id"]): {k: t[k] for k in t if k != "id"} for t in tokenizer["added_tokens"]}
        for entry in decoder.values():
            if rng.random() < 0.2:
                entry["lstrip"] = not entry["lstrip"]
            if rng.random() < 0.2:
                entry["special"] = not entry["special"]
        if rng.random() < 0.5:
            decoder[str(len(known))] = added(rng, "<dec>", rng.random() < 0.5)
        config["added_tokens_decoder"] = decoder
    elif rng.random() < 0.2:
        files["added_tokens.json"] = {"<legacy>": len(known)}
    if rng.random() < 0.85:
        files["tokenizer_config.json"] = config
    if rng.random() < 0.6:
        files["special_tokens_map.json"] = named(rng, known, False)
        if rng.random() < 0.3:
            files["special_tokens_map.json"]["additional_special_tokens"] = rng.sample(["<e1>", "<e3>", "b"], 2)
    return files


def random_case(rng):
    files = random_files(rng)
    pieces = ["a", "b", " ", "x", "<s>", "</s>", "<pad>", "<eot>", "<new>", "<more>", "<e1>", "<e2>", "<e3>", "<image>", "<dec>", "<legacy>"]
    texts = ["".join(rng.choice(pieces) for _ in range(rng.choice((1, 3, 6)))) for _ in range(6)]
    with tempfile.TemporaryDirectory() as directory:
        for name, content in files.items():
            (pathlib.Path(directory) / name).write_text(json.dumps(content), encoding="utf-8")
        tokenizer = PreTrainedTokenizerFast.from_pretrained(directory)
    ids = [tokenizer(text)["input_ids"] for text in texts]
    return {
        "files": files,
        "named": {name: text for name, text in tokenizer.special_tokens_map.items()},
        "texts": texts,
        "ids": ids,
        "decoded": [tokenizer.decode(each, skip_special_tokens=True) for each in ids],
        "with_special": [tokenizer.decode(each) for each in ids],
    }


def main():
    seed, count, directory = (int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])) if sys.argv[1:] else (4, 60, HERE)
    rng = random.Random(seed)
    lines = ",\n".join(json.dumps(random_case(rng), ensure_ascii=False, separators=(",", ":")) for _ in range(count))
    (directory / "random_companions.json").write_text("[" + lines + "]\n", encoding="utf-8")


if __name__ == "__main__":
    main()

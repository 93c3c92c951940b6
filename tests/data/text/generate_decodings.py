#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Records what random tokens are decoded to, most of which are bytes that are not UTF-8.

Written with tokenizers 0.23.3, sentencepiece 0.2.3 and gguf 0.19.0 (Python 3.11). Writes next to this file decodings.json: for each
tokenizer_KIND.json and each sentencepiece_KIND.gguf, cases of token ids and their text, with special tokens skipped and, for
tokenizers, not skipped.

What differs is the text of invalid bytes. The decoder ByteLevel writes one U+FFFD for each maximal subpart of an invalid sequence
(Rust's from_utf8_lossy). ByteFallback takes each run of byte tokens as a whole: unless it is UTF-8, every byte of it is one U+FFFD.
sentencepiece writes one U+FFFD for each byte that is not part of a valid character.
"""

import json
import pathlib
import random

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
KINDS = ("gpt2", "llama3", "qwen2", "smollm", "llama2", "mistral", "gemma")
SENTENCEPIECE_KINDS = ("llama2", "gemma")
COUNT = 100
# Whole characters, parts of them, overlong forms, surrogates, bytes that never occur.
FRAGMENTS = [b"a", b" ", "é".encode(), "€".encode(), "😀".encode(), b"\xc3", b"\xa9", b"\xe2", b"\xe2\x82", b"\xf0\x9f"]
FRAGMENTS += [b"\xf0\x9f\x98", b"\x80", b"\xbf\xbf", b"\xc0\xaf", b"\xe0\x80", b"\xed\xa0\x80", b"\xf4\x90", b"\xff", b"\xfe"]


def byte_alphabet():
    """The characters that byte-level vocabularies write bytes as."""
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in kept]
    return {byte: chr(byte) for byte in kept} | {byte: chr(256 + i) for i, byte in enumerate(others)}


def random_sequences(rng, size, bytes_to_ids):
    """Ids of random fragments whose bytes all have a token, and of random other tokens."""
    fragments = [fragment for fragment in FRAGMENTS if all(byte in bytes_to_ids for byte in fragment)]
    others = sorted(set(range(size)) - set(bytes_to_ids.values()))
    for _ in range(COUNT):
        ids = []
        for _ in range(rng.randint(1, 6)):
            if rng.random() < 0.25:
                ids.append(rng.choice(others))
            else:
                ids += [bytes_to_ids[byte] for byte in rng.choice(fragments)]
        yield ids


def tokenizers_cases(rng, kind):
    tokenizer = Tokenizer.from_file(str(HERE / f"tokenizer_{kind}.json"))
    fallback = {byte: f"<0x{byte:02X}>" for byte in range(256)}
    names = fallback if tokenizer.token_to_id("<0x00>") is not None else byte_alphabet()
    ids = {byte: tokenizer.token_to_id(name) for byte, name in names.items()}
    ids = {byte: token for byte, token in ids.items() if token is not None}
    for tokens in random_sequences(rng, tokenizer.get_vocab_size(), ids):
        yield {"ids": tokens, "text": tokenizer.decode(tokens), "whole": tokenizer.decode(tokens, skip_special_tokens=False)}


def sentencepiece_cases(rng, kind):
    reader = gguf.GGUFReader(HERE / f"sentencepiece_{kind}.gguf")
    read = lambda key: reader.get_field(f"tokenizer.ggml.{key}").contents()
    model = sentencepiece_model_pb2.ModelProto()
    for text, score, type_ in zip(read("tokens"), read("scores"), read("token_type")):
        model.pieces.add(piece=text, score=score, type=type_)
    model.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.add_dummy_prefix = bool(read("add_space_prefix"))
    model.normalizer_spec.remove_extra_whitespaces = False
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString())
    ids = {byte: processor.piece_to_id(f"<0x{byte:02X}>") for byte in range(256)}
    for tokens in random_sequences(rng, processor.get_piece_size(), ids):
        yield {"ids": tokens, "text": processor.decode(tokens)}


def main():
    rng = random.Random(1)
    result = {kind: list(tokenizers_cases(rng, kind)) for kind in KINDS}
    result |= {f"sentencepiece_{kind}": list(sentencepiece_cases(rng, kind)) for kind in SENTENCEPIECE_KINDS}
    lines = (f"{json.dumps(kind)}: [\n" + ",\n".join(map(json.dumps, cases)) + "\n]" for kind, cases in result.items())
    (HERE / "decodings.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

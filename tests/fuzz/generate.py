# SPDX-License-Identifier: Apache-2.0
"""Writes the seed corpora and dictionaries of the fuzz targets from the checkpoints and tokenizers in tests/data.

    python generate.py

Made with gguf 0.19.0, safetensors 0.8.0 and numpy 2.4.6 on Python 3.11. A seed should be small: libFuzzer runs
a 1 KB input many times faster than a 100 KB one, so models are cut to a few rows and vocabularies to a few tokens. Files that
stand for several have them one after the other with 0x1E between them. Finds are kept in regressions/, which this leaves alone.
"""

import json
import pathlib
import re
import shutil
import struct
import tempfile

import gguf
import numpy as np
from safetensors.numpy import load_file, save

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent / "data"
CHECKPOINTS = DATA / "transformer"
SEPARATOR = b"\x1e"


def write(target, name, content):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


# ------- safetensors

def raw_safetensors(header, buffer):
    text = header if isinstance(header, bytes) else compact(header)
    return struct.pack("<Q", len(text)) + text + buffer


def safetensors_seeds():
    tensors = load_file(CHECKPOINTS / "llama" / "model.safetensors")
    write("safetensors", "weights", save({name: tensors[name].flat[:4].copy() for name in sorted(tensors)[:4]}))
    adapter = load_file(CHECKPOINTS / "lora_pattern" / "adapter_model.safetensors")
    write("safetensors", "adapter", save({name: value[:1, :2].copy() for name, value in adapter.items()}, {"format": "pt"}))
    kinds = [("F32", 4), ("F16", 2), ("BF16", 2), ("F64", 8), ("I64", 8), ("I32", 4), ("I16", 2), ("I8", 1), ("U8", 1), ("BOOL", 1),
             ("F8_E4M3", 1), ("F8_E5M2", 1), ("C64", 8), ("U16", 2)]
    header, end = {}, 0
    for kind, size in kinds:
        header[f"t.{kind}"] = {"dtype": kind, "shape": [2, 1], "data_offsets": [end, end + 2 * size]}
        end += 2 * size
    write("safetensors", "every_dtype", raw_safetensors(header, bytes(range(end))))
    write("safetensors", "scalar_and_empty", raw_safetensors(
        {"__metadata__": {"format": "pt"}, "s": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
         "e": {"dtype": "F16", "shape": [0, 7], "data_offsets": [0, 0]},
         "x": {"dtype": "F4", "shape": [3, 2], "data_offsets": [4, 7]}}, b"0123456"))
    write("safetensors", "padded", raw_safetensors(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   ', b"a"))
    write("safetensors", "nothing", raw_safetensors({}, b""))


# ------- GGUF

def tiny_gguf(kind, vocabulary=8, hidden=32, tokenizer=None, pre="smollm", extra=()):
    """One layer of the architecture llama, cut from the quantized test models' shape, matrices in `kind`."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "m.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_context_length(64)
        writer.add_embedding_length(hidden)
        writer.add_block_count(1)
        writer.add_feed_forward_length(hidden)
        writer.add_head_count(2)
        writer.add_head_count_kv(1)
        writer.add_layer_norm_rms_eps(1e-5)
        for add in extra:
            add(writer)
        if tokenizer:
            writer.add_tokenizer_model(tokenizer)
            if tokenizer == "gpt2":
                tokens = ["<|im_start|>", "<|im_end|>", "a", "b", "ab", "\u0120", "\u0120a", "1"]
                writer.add_token_list(tokens)
                writer.add_token_types([3, 3, 1, 1, 1, 1, 1, 4])
                writer.add_tokenizer_pre(pre)
                writer.add_token_merges(["a b", "\u0120 a"])
                writer.add_bos_token_id(0)
            else:
                writer.add_token_list(["<unk>", "<s>", "</s>", "<0x0A>", "\u2581", "a", "\u2581a", "b"])
                writer.add_token_scores([0.0, 0.0, 0.0, 0.0, -1.0, -2.0, -3.0, -4.0])
                writer.add_token_types([2, 3, 3, 6, 1, 1, 1, 1])
                writer.add_bos_token_id(1)
                writer.add_unk_token_id(0)
                writer.add_add_space_prefix(True)
            writer.add_eos_token_id(2)
            writer.add_add_bos_token(True)
            writer.add_chat_template("{{ '<|im_start|>system\nBe brief<|im_end|>\n' }}")
        generator = np.random.default_rng(1)

        def matrix(name, rows):
            values = generator.standard_normal((rows, hidden)).astype(np.float32)
            if kind in (gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16):
                writer.add_tensor(name, values if kind == gguf.GGMLQuantizationType.F32 else values.astype(np.float16))
            else:
                writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

        matrix("token_embd.weight", vocabulary)
        writer.add_tensor("blk.0.attn_norm.weight", np.ones(hidden, np.float32))
        for part, rows in (("attn_q", hidden), ("attn_k", hidden // 2), ("attn_v", hidden // 2), ("attn_output", hidden)):
            matrix(f"blk.0.{part}.weight", rows)
        writer.add_tensor("blk.0.ffn_norm.weight", np.ones(hidden, np.float32))
        for part in ("ffn_gate", "ffn_up", "ffn_down"):
            matrix(f"blk.0.{part}.weight", hidden)
        writer.add_tensor("output_norm.weight", np.ones(hidden, np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def blocks_gguf():
    """One row of every block type, random bits."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "m.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        generator = np.random.default_rng(2)
        for kind in ("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"):
            quant = gguf.GGMLQuantizationType[kind]
            size = gguf.GGML_QUANT_SIZES[quant][1]
            writer.add_tensor(kind, generator.integers(0, 256, (1, size), dtype=np.uint8), raw_dtype=quant)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


def gguf_seeds():
    kinds = gguf.GGMLQuantizationType
    write("gguf", "f16_byte_level", tiny_gguf(kinds.F16, hidden=4, tokenizer="gpt2"))
    write("gguf", "f32_sentencepiece", tiny_gguf(kinds.F32, hidden=4, tokenizer="llama"))
    write("gguf", "q4_0_scaled_rope", tiny_gguf(kinds.Q4_0, extra=[lambda w: w.add_rope_freq_base(5e5), lambda w: w.add_rope_scaling_factor(2.0),
                                                       lambda w: w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)]))
    write("gguf", "blocks", blocks_gguf())
    values = tiny_values()
    write("gguf", "every_value_type", values)
    write("gguf", "alignment_64", values.replace(b"general.alignment" + struct.pack("<II", 4, 32), b"general.alignment" + struct.pack("<II", 4, 64)))


def tiny_values():
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "m.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_custom_alignment(32)
        for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"):
            getattr(writer, f"add_{kind}")(f"k.{kind}", 7)
        writer.add_float32("k.float32", 0.5)
        writer.add_float64("k.float64", 0.25)
        writer.add_bool("k.bool", True)
        writer.add_array("k.strings", ["a", "", "bc"])
        writer.add_array("k.numbers", [1, 2, 3])
        writer.add_array("k.floats", [0.5, 1.5])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


# ------- config.json

# Of other families, as their config.json names things; sizes are tiny. See formats.md and transformers' configuration classes.
FAMILIES = {
    "mistral": {"model_type": "mistral", "sliding_window": 16, "rms_norm_eps": 1e-5, "rope_theta": 1e6},
    "qwen2": {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 16, "max_window_layers": 2},
    "qwen3": {"model_type": "qwen3", "head_dim": 16, "attention_bias": False},
    "gemma3": {"model_type": "gemma3_text", "head_dim": 16, "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 16,
               "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"], "rope_local_base_freq": 1e4,
               "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                                   "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    "gpt2": {"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "n_inner": None,
             "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new"},
}


def config_seeds():
    for name in ("llama", "llama3_rope", "llama_bias", "llama_head_dim", "llama_tied", "reward_three"):
        write("config", name, compact(read_json(CHECKPOINTS / name / "config.json")))
    base = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
            "num_key_value_heads": 2, "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": [2, 3]}
    for name, changes in FAMILIES.items():
        write("config", name, compact({**base, **changes}))
    write("config", "old_rope", compact({**base, "model_type": "llama", "rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}}))
    # The whole of a model: one layer of hidden size 4.
    config = {**base, "model_type": "llama", "vocab_size": 4, "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1,
              "num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": True}
    shapes = {"model.embed_tokens": (4, 4), "model.norm": (4,), "model.layers.0.input_layernorm": (4,),
              "model.layers.0.post_attention_layernorm": (4,), "model.layers.0.self_attn.q_proj": (4, 4),
              "model.layers.0.self_attn.k_proj": (2, 4), "model.layers.0.self_attn.v_proj": (2, 4),
              "model.layers.0.self_attn.o_proj": (4, 4), "model.layers.0.mlp.gate_proj": (4, 4), "model.layers.0.mlp.up_proj": (4, 4),
              "model.layers.0.mlp.down_proj": (4, 4)}
    tensors = {f"{name}.weight": np.ones(shape, np.float16) for name, shape in shapes.items()}
    write("config", "whole_model", compact(config) + SEPARATOR + save(tensors))


# ------- adapter

def adapter_seeds():
    for name in ("lora_all", "lora_pattern", "lora_rs", "lora_reward"):
        config = {k: v for k, v in read_json(CHECKPOINTS / name / "adapter_config.json").items() if v not in (None, {}, False)}
        tensors = load_file(CHECKPOINTS / name / "adapter_model.safetensors")
        modules = sorted({re.sub(r"\.lora_[AB]\.weight$", "", key) for key in tensors})
        kept = [module for module in modules if "score" in module] + [module for module in modules if "score" not in module][:2]
        small = {}
        for key, value in tensors.items():
            if re.sub(r"\.lora_[AB]\.weight$", "", key) in kept:
                small[key] = (value[:, :2] if ".lora_A." in key else value[:2, :]).copy()
        write("adapter", name, compact(config) + SEPARATOR + save(small))
    pattern = {"peft_type": "LORA", "r": 1, "lora_alpha": 2, "target_modules": r".*\.(q|v)_proj|x[a-c]+?\d*$",
               "rank_pattern": {r"^a.*\.(b|c)": 1, "d.e": 2}, "use_dora": False, "bias": "none", "init_lora_weights": "gaussian"}
    stem = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    tensors = {stem + "A.weight": np.ones((1, 2), np.float16), stem + "B.weight": np.ones((2, 1), np.float16)}
    write("adapter", "patterns", compact(pattern) + SEPARATOR + save(tensors))


# ------- tokenizer.json

def cut_tokenizer(tokenizer, merges):
    """The first `merges` merges and the bytes they are made of."""
    result = json.loads(json.dumps(tokenizer))
    kept = tokenizer["model"]["merges"][:merges]
    texts = sorted(set("".join(left + right for left, right in kept) + "Helo wrd12\u0120"))
    texts += [left + right for left, right in kept]
    unknown = tokenizer["model"]["unk_token"]
    texts += [unknown] if unknown else []
    result["model"]["vocab"] = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    result["model"]["merges"] = kept
    ids = {}
    for token in result["added_tokens"][:3]:
        ids[token["content"]] = len(result["model"]["vocab"]) + len(ids)
        token["id"] = ids[token["content"]]
    result["added_tokens"] = result["added_tokens"][:3]

    def renumber(value):
        if isinstance(value, dict):
            for key, special in value.get("special_tokens", {}).items() if isinstance(value.get("special_tokens"), dict) else ():
                special["ids"] = [ids.get(key, 0)]
            for inner in value.values():
                renumber(inner)
        elif isinstance(value, list):
            for inner in value:
                renumber(inner)

    renumber(result["post_processor"])
    return result


SENTENCEPIECE = {
    "version": "1.0", "truncation": None, "padding": None,
    "added_tokens": [{"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
                     for i, text in enumerate(("<unk>", "<s>", "</s>"))],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
                                                       {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
    "pre_tokenizer": None, "post_processor": None,
    "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                                                 {"type": "ByteFallback"}, {"type": "Fuse"},
                                                 {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None,
              "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
              "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "<0x0A>": 3, "\u2581": 4, "a": 5, "\u2581a": 6, "b": 7},
              "merges": [["\u2581", "a"]]},
}


def tokenizer_seeds():
    config = compact({"bos_token": "<|endoftext|>", "eos_token": {"content": "<|im_end|>", "lstrip": False},
                      "chat_template": "{{ '<|im_start|>system\nBe brief<|im_end|>\n' }}"})
    for name in ("gpt2", "llama3", "qwen2", "smollm"):
        tokenizer = cut_tokenizer(read_json(DATA / "text" / f"tokenizer_{name}.json"), 6)
        write("tokenizer_json", name, compact(tokenizer))
        if name == "gpt2":
            write("tokenizer_json", "with_config", compact(tokenizer) + SEPARATOR + config + SEPARATOR + "e n<|im_end|>w\u00f6".encode())
            tokenizer["model"]["merges"] = [" ".join(merge) for merge in tokenizer["model"]["merges"]]
            tokenizer["normalizer"] = {"type": "NFC"}
            write("tokenizer_json", "old_merges_nfc", compact(tokenizer))
            tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": r"\s+|[a-z]{1,3}|(?=x)\d"}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}
            write("tokenizer_json", "any_split", compact(tokenizer))
    write("tokenizer_json", "sentencepiece", compact(SENTENCEPIECE))


# ------- chat templates

CHAT_TEMPLATES = sorted((DATA / "text/chat/templates").glob("*.jinja")) + sorted((DATA / "text/chat_templates").glob("*.jinja"))


def chat_seeds():
    messages = SEPARATOR + b"Hi" + SEPARATOR + b" Yes?\n" + SEPARATOR + "<|im_end|> \u00e9".encode()
    for path in CHAT_TEMPLATES:
        template = path.read_bytes()
        if path.stem.startswith("constructs"):  # one seed for each tag
            for i, tag in enumerate(sorted(set(re.findall(rb"\{\{.*?\}\}|\{%-? (?:for|macro|set|with|filter|call|raw)[^\n]*", template)))):
                write("chat_template", f"{path.stem}_{i}", tag + messages)
        elif len(template) < 4000:
            write("chat_template", path.stem, template + messages)


# ------- dictionaries

def grammar_seeds():
    folder = DATA / "text/grammar"
    for i, case in enumerate(read_json(folder / "json_schema.json")[::8]):
        if len(case["schema"]) < 800:
            write("json_schema", str(i), case["schema"].encode() + SEPARATOR + case["valid"][0].encode())
    for i, case in enumerate(read_json(folder / "gbnf.json")["cases"]):
        write("gbnf", case["name"].replace(" ", "_"), case["grammar"].encode() + SEPARATOR + case["accepted"][0].encode())
    for i, case in enumerate(read_json(folder / "regex.json")[::6]):
        write("regex", str(i), case["pattern"].encode() + SEPARATOR + (case["matches"] + [""])[0].encode())


def strings_of(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from strings_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings_of(inner)
    elif isinstance(value, str):
        yield value


def write_dictionary(target, words):
    folder = HERE / "dictionaries"
    folder.mkdir(exist_ok=True)
    escape = lambda word: "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02X}" for b in word)
    kept = sorted({word for word in words if 2 <= len(word) <= 64})
    (folder / f"{target}.dict").write_text("".join(f'"{escape(word)}"\n' for word in kept))


def quoted(words):
    return {f'"{word}"'.encode() for word in words}


def dictionaries():
    numbers = {b"18446744073709551615", b"9223372036854775808", b"4294967296", b"-1", b"1e308", b"0.5", b"null", b"true", b"[]", b"{}"}
    json_files = lambda target: [json.loads(path.read_bytes().split(SEPARATOR)[0]) for path in sorted((HERE / "corpus" / target).iterdir())]
    write_dictionary("safetensors", numbers | quoted(["dtype", "shape", "data_offsets", "__metadata__", "F32", "F16", "BF16", "I64", "F4", "F6_E2M3"]))
    for target in ("config", "adapter", "tokenizer_json"):
        write_dictionary(target, numbers | quoted(word for file in json_files(target) for word in strings_of(file)) | {SEPARATOR * 2})
    keys = {match for path in (HERE / "corpus" / "gguf").iterdir()
            for match in re.findall(rb"[a-z_]+(?:\.[a-z_0-9]+)+", path.read_bytes())}
    write_dictionary("gguf", keys | {b"GGUF", b"general.alignment", struct.pack("<Q", 2**63), struct.pack("<Q", 2**32), b"\xff" * 8,
                                     struct.pack("<I", 8), struct.pack("<I", 9), b"gpt2", b"llama-bpe", b"llama.expert_count",
                                     b"llama.attention.sliding_window", b"rope_freqs.weight", b"tokenizer.ggml.add_eos_token"})
    words = set()
    for path in CHAT_TEMPLATES:
        words |= set(re.findall(rb"\{%-? *[a-z]+|\| *[a-z]+\(?|\.[a-z]+\(|\bis (?:not )?[a-z]+|loop\.[a-z0-9]+|[a-z_]+\(", path.read_bytes()))
    write_dictionary("chat_template", words | {b"{{", b"}}", b"{{-", b"-}}", b"{%", b"%}", b"{%-", b"-%}", b"{#", b"#}", b"\\n", b"//", b"**", b"not in",
                                               b"[::-1]", b"%}{%", b"messages", b"content", b"namespace()", b"9223372036854775807", b"1e308", SEPARATOR * 2})
    write_dictionary("gbnf", {b"::=", b"root", b"{1,3}", b"{1000000000}", b"[^", b"\\x41", b"\\u00e9", b"|", b")*", b"root ::= "})
    write_dictionary("regex", {b"(?:", b"(?<n>", b"[^", b"{1,3}", b"{1000000000}", b"\\d", b"\\W", b"\\S", b"\\u00e9", b"^", b"$", b")*"})
    keywords = quoted(["type", "object", "string", "integer", "number", "array", "properties", "required", "additionalProperties", "items",
                       "prefixItems", "minItems", "maxItems", "enum", "const", "minLength", "maxLength", "pattern", "format", "date-time",
                       "minimum", "maximum", "exclusiveMinimum", "anyOf", "oneOf", "allOf", "$ref", "#", "#/$defs/a", "$defs", "a"])
    write_dictionary("json_schema", numbers | keywords | {b":{", b"},", b":["})


if __name__ == "__main__":
    for folder in ("corpus", "dictionaries"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    safetensors_seeds()
    gguf_seeds()
    config_seeds()
    adapter_seeds()
    tokenizer_seeds()
    chat_seeds()
    grammar_seeds()
    dictionaries()

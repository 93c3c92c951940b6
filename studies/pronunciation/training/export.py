# SPDX-License-Identifier: Apache-2.0
"""Writes a model as `transformers` reads it: config.json, model.safetensors, vocabulary.json.

    python export.py --name 2000_seeds_0 --out exported/2000_seeds_0

There is no tokenizer: vocabulary.json lists the tokens (special tokens, letters, phonemes with
stress) and says how a prompt is made: `reverse` (right to left), `echo` (the word twice).
"""

import argparse
import dataclasses
import json
import pathlib

import torch
from safetensors.torch import save_file

import data
from load import load, report_of
from model import POSITIONS, Speller
from options import RESULTS, Form, work_folder
from shared import NORM_EPSILON, ROPE_THETA

BLOCK_OF = {name: "self_attn" for name in ("q_proj", "k_proj", "v_proj", "o_proj")} | {
    name: "mlp" for name in ("gate_proj", "up_proj", "down_proj")
}
TYPES = {"float32": torch.float32, "float16": torch.float16}


def configuration(model: Speller, dtype: str) -> dict:
    shape = model.shape
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "head_dim": shape.width // shape.heads,
        "hidden_act": "silu",
        "max_position_embeddings": POSITIONS,
        "rms_norm_eps": NORM_EPSILON,
        "rope_parameters": {"rope_theta": ROPE_THETA, "rope_type": "default"},
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": None,
        "eos_token_id": data.END,
        "pad_token_id": data.PAD,
        "dtype": dtype,
    }


def tensors(model: Speller) -> dict[str, torch.Tensor]:
    result = {
        "model.embed_tokens.weight": model.embedding,
        "model.norm.weight": model.norm,
        "lm_head.weight": model.head,
    }
    for i, layer in enumerate(model.layers):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            result[f"model.layers.{i}.{norm}.weight"] = torch.ones(model.shape.width)
        for name, weight in layer.named_parameters():
            result[f"model.layers.{i}.{BLOCK_OF[name]}.{name}.weight"] = weight
    return result


def write_json(value: dict, path: pathlib.Path):
    path.write_text(json.dumps(value, indent=2) + "\n")


def export_model(model: Speller, form: Form, folder: pathlib.Path, dtype: str = "float32"):
    folder.mkdir(parents=True, exist_ok=True)
    write_json(configuration(model, dtype), folder / "config.json")
    named = {name: t.detach().to(TYPES[dtype]).contiguous() for name, t in tensors(model).items()}
    path = folder / "model.safetensors"
    save_file(named, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors writes for the owner alone
    write_json(
        {
            "tokens": data.TOKENS,
            "pad": data.PAD,
            "separator": data.SEPARATOR,
            "end": data.END,
            **dataclasses.asdict(form),
        },
        folder / "vocabulary.json",
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=work_folder())
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    parser.add_argument("--dtype", choices=TYPES, default="float32")
    options = parser.parse_args()
    model, form = load(options.name, options.work, report_of(options.results, options.name))
    export_model(model, form, options.out, options.dtype)


if __name__ == "__main__":
    main()

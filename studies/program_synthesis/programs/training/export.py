# SPDX-License-Identifier: Apache-2.0
"""Writes trained models as `transformers` and `peft` read them: config.json + model.safetensors in float16, adapters likewise.

The integers' numeric features are folded into the embedding. The norms inside the layers have unit weights: training leaves them out,
because the matrices behind them can scale their inputs themselves.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file

from model import POSITIONS, Expert, Linear
from shared import NORM_EPSILON, ROPE_THETA

BLOCK_OF = {name: "self_attn" for name in ("q_proj", "k_proj", "v_proj", "o_proj")} | {
    name: "mlp" for name in ("gate_proj", "up_proj", "down_proj")}


def configuration(model: Expert, vocabulary: dict) -> dict:
    shape = model.shape
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": shape.vocabulary, "hidden_size": shape.width, "intermediate_size": shape.hidden,
              "num_hidden_layers": shape.layers, "num_attention_heads": shape.heads, "num_key_value_heads": shape.heads,
              "head_dim": shape.width // shape.heads, "hidden_act": "silu", "max_position_embeddings": POSITIONS,
              "rms_norm_eps": NORM_EPSILON, "rope_parameters": {"rope_theta": ROPE_THETA, "rope_type": "default"}, "tie_word_embeddings": True, "attention_bias": False,
              "mlp_bias": False, "bos_token_id": vocabulary["begin"], "eos_token_id": vocabulary["end"],
              "pad_token_id": vocabulary["pad"], "dtype": "float16"}


@torch.no_grad()
def tensors(model: Expert) -> dict[str, torch.Tensor]:
    result = {"model.embed_tokens.weight": model.embedding(), "model.norm.weight": model.norm}
    for i, layer in enumerate(model.layers):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            result[f"model.layers.{i}.{norm}.weight"] = torch.ones(model.shape.width)
        for name, linear in layer.named_children():
            result[f"model.layers.{i}.{BLOCK_OF[name]}.{name}.weight"] = linear.merged()
    return result


def write_tensors(named: dict[str, torch.Tensor], path: pathlib.Path):
    save_file({name: t.detach().cpu().to(torch.float16).contiguous() for name, t in named.items()}, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors writes for the owner alone


def write_json(value: dict, path: pathlib.Path):
    path.write_text(json.dumps(value, indent=2) + "\n")


def export_model(model: Expert, vocabulary: dict, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(configuration(model, vocabulary), folder / "config.json")
    write_tensors(tensors(model), folder / "model.safetensors")


def export_adapter(model: Expert, folder, base: str = "../base"):
    """Only the factors, in peft's format; the base is exported by itself."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    named, rank, scale = {}, None, None
    for i, layer in enumerate(model.layers):
        for name, linear in layer.named_children():
            prefix = f"base_model.model.model.layers.{i}.{BLOCK_OF[name]}.{name}"
            named[f"{prefix}.lora_A.weight"], named[f"{prefix}.lora_B.weight"] = linear.lora_A, linear.lora_B
            rank, scale = linear.lora_A.shape[0], linear.scale
    write_json({"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "r": rank, "lora_alpha": scale * rank,
                "target_modules": sorted(BLOCK_OF), "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False,
                "inference_mode": True}, folder / "adapter_config.json")
    write_tensors(named, folder / "adapter_model.safetensors")

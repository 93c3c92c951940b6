# SPDX-License-Identifier: Apache-2.0
"""Writes the tiny random checkpoints of this folder and the logits that `transformers` and `peft` compute for them.

    python generate.py

Made with torch 2.x, transformers 5.x, peft 0.x, safetensors, gguf (see VERSIONS.txt, written beside the data). All models
are float32 with random weights; the seeds are fixed. Every folder holds a checkpoint as its library saves it, and
`expected.json`: token ids and the logits after chosen positions.
"""

import importlib.metadata as metadata
import json
import os
import pathlib
import shutil

import gguf
import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

HERE = pathlib.Path(__file__).parent
TOKENS = [3, 17, 42, 5, 88, 61, 9, 70, 33, 2, 54, 11, 90, 27, 64, 8, 19, 76, 1, 45, 38, 95, 12, 50]


def config(**changes):
    values = dict(
        vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, tie_word_embeddings=False,
        bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.2)
    values.update(changes)
    return LlamaConfig(**values)


def randomise(model, seed):
    """Larger weights than the usual initialisation, so that attention is not uniform, and norms and biases not trivial."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_(1 + 0.3 * torch.randn(parameter.shape, generator=generator))
            elif name.endswith("bias"):
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
            else:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.eval()


def expected(model, tokens, keep):
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0]
    return {"tokens": tokens, "positions": keep,
            "logits": [[float(f"{x:.9g}") for x in logits[p].tolist()] for p in keep]}


def save(name, model, tokens=TOKENS, keep=(0, 1, 11, 23), shard=None):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder, **({"max_shard_size": shard} if shard else {}))
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "expected.json").write_text(json.dumps(expected(model, tokens, list(keep))))
    return folder


def llama(name, seed, **changes):
    shard = changes.pop("shard", None)
    model = randomise(LlamaForCausalLM(config(**changes)), seed)
    save(name, model, shard=shard)
    return model


def lora(name, base, seed, **changes):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    values = dict(r=4, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
                  lora_dropout=0.0, task_type="CAUSAL_LM")
    values.update(changes)
    model = get_peft_model(LlamaForCausalLM(base.config), LoraConfig(**values))
    model.base_model.model.load_state_dict(
        {k.replace("_proj.", "_proj.base_layer.") if any(t in k for t in values["target_modules"]) else k: v
         for k, v in base.state_dict().items()}, strict=False)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "lora_" in parameter_name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    model.eval()
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    merged = model.merge_and_unload().eval()
    (folder / "expected.json").write_text(json.dumps(expected(merged, TOKENS, [0, 11, 23])))


def lora_on_head(name, base_name, seed, change_head):
    """A LoRA of the output layer, beside which peft saves the layer's own weight; `change_head`: another one than the base's.
    The logits are those of the adapter loaded onto the base."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model = get_peft_model(LlamaForCausalLM.from_pretrained(base_name),
                           LoraConfig(r=4, lora_alpha=8, target_modules=["lm_head", "q_proj"], task_type="CAUSAL_LM"))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "lora_" in parameter_name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
        if change_head:
            model.base_model.model.lm_head.base_layer.weight.mul_(-0.5)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    loaded = PeftModel.from_pretrained(LlamaForCausalLM.from_pretrained(base_name), folder).eval()
    (folder / "expected.json").write_text(json.dumps(expected(loaded, TOKENS, [0, 11, 23])))


def reward_lora(name, base_name, seed):
    """A LoRA on top of a language model with a value head of its own, as TRL's reward trainer saves it."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model = LlamaForSequenceClassification.from_pretrained(base_name, num_labels=1)
    model = get_peft_model(model, LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "up_proj"], task_type="SEQ_CLS"))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            if "lora_" in parameter_name or "score" in parameter_name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    model.eval()
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    values = []
    for length in (1, 7, 24):
        with torch.no_grad():
            values.append(model(torch.tensor([TOKENS[:length]])).logits[0].tolist())
    (folder / "expected.json").write_text(json.dumps({"tokens": TOKENS, "lengths": [1, 7, 24], "values": values}))


def write_gguf(name, model, types):
    """The model under GGUF's names, q and k rows permuted as llama.cpp's converter permutes them, one quantisation a file."""
    c = model.config
    state = {k: v.numpy() for k, v in model.state_dict().items()}
    head_dim = c.hidden_size // c.num_attention_heads

    def permute(w, heads):
        return w.reshape(heads, 2, head_dim // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)

    for kind in types:
        path = HERE / name / f"{kind.name.lower()}.gguf"
        path.parent.mkdir(exist_ok=True)
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_name("tiny")
        writer.add_context_length(c.max_position_embeddings)
        writer.add_embedding_length(c.hidden_size)
        writer.add_block_count(c.num_hidden_layers)
        writer.add_feed_forward_length(c.intermediate_size)
        writer.add_head_count(c.num_attention_heads)
        writer.add_head_count_kv(c.num_key_value_heads)
        writer.add_layer_norm_rms_eps(c.rms_norm_eps)
        writer.add_rope_dimension_count(head_dim)
        writer.add_rope_freq_base(10000.0)
        writer.add_vocab_size(c.vocab_size)

        def put(tensor_name, w):
            if w.ndim == 1:
                writer.add_tensor(tensor_name, w.astype(np.float32))
            else:
                writer.add_tensor(tensor_name, gguf.quants.quantize(w, kind), raw_dtype=kind)

        put("token_embd.weight", state["model.embed_tokens.weight"])
        put("output_norm.weight", state["model.norm.weight"])
        if not c.tie_word_embeddings:
            put("output.weight", state["lm_head.weight"])
        for layer in range(c.num_hidden_layers):
            hf, blk = f"model.layers.{layer}.", f"blk.{layer}."
            put(blk + "attn_norm.weight", state[hf + "input_layernorm.weight"])
            put(blk + "attn_q.weight", permute(state[hf + "self_attn.q_proj.weight"], c.num_attention_heads))
            put(blk + "attn_k.weight", permute(state[hf + "self_attn.k_proj.weight"], c.num_key_value_heads))
            put(blk + "attn_v.weight", state[hf + "self_attn.v_proj.weight"])
            put(blk + "attn_output.weight", state[hf + "self_attn.o_proj.weight"])
            put(blk + "ffn_norm.weight", state[hf + "post_attention_layernorm.weight"])
            put(blk + "ffn_gate.weight", state[hf + "mlp.gate_proj.weight"])
            put(blk + "ffn_up.weight", state[hf + "mlp.up_proj.weight"])
            put(blk + "ffn_down.weight", state[hf + "mlp.down_proj.weight"])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        # The reference sees the weights as the file has them: quantised, then expanded to float.
        rounded = LlamaForCausalLM(c)
        rounded.load_state_dict({k: v if v.ndim == 1 else torch.tensor(
            gguf.quants.dequantize(gguf.quants.quantize(v.numpy(), kind), kind).reshape(v.shape)) for k, v in model.state_dict().items()})
        (HERE / name / f"{kind.name.lower()}.json").write_text(json.dumps(expected(rounded.eval(), TOKENS, [0, 11, 23])))


def random_blocks(kind, rows, cols, rng):
    """Random blocks of a K-quant, which the gguf package can only expand: random codes, scales that give weights of about 0.1."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (rows, cols // block, size), dtype=np.uint8)
    scale = np.float16(2e-4 if kind == gguf.GGMLQuantizationType.Q4_K else 5e-5)
    data[..., (0 if kind == gguf.GGMLQuantizationType.Q4_K else 208):][..., :2] = np.frombuffer(scale.tobytes(), np.uint8)
    if kind == gguf.GGMLQuantizationType.Q4_K:
        # dmin such that the offsets roughly centre the weights
        data[..., 2:4] = np.frombuffer(np.float16(1.5e-3).tobytes(), np.uint8)
    return data.reshape(rows, -1)


def write_k_quants(name, seed):
    """A model of one layer whose matrices are Q4_K and, as in files called Q4_K_M, some Q6_K."""
    rng = np.random.default_rng(seed)
    q4, q6 = gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q6_K
    c = config(hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, vocab_size=96)
    model = randomise(LlamaForCausalLM(c), seed)
    state = model.state_dict()
    writer = gguf.GGUFWriter(HERE / name / "q4_k_m.gguf", "llama")
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(256)
    writer.add_block_count(1)
    writer.add_feed_forward_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(96)

    def norm(tensor_name, hf):
        writer.add_tensor(tensor_name, state[hf].numpy())

    def matrix(tensor_name, hf, kind, heads=0):
        rows, cols = state[hf].shape
        data = random_blocks(kind, rows, cols, rng)
        writer.add_tensor(tensor_name, data, raw_dtype=kind)
        w = gguf.quants.dequantize(data, kind).reshape(rows, cols)
        if heads:  # the file's rows are permuted; undo it for transformers
            w = w.reshape(heads, 32, 2, cols).swapaxes(1, 2).reshape(rows, cols)
        state[hf] = torch.tensor(w)

    layer = "model.layers.0."
    matrix("token_embd.weight", "model.embed_tokens.weight", q4)
    norm("output_norm.weight", "model.norm.weight")
    matrix("output.weight", "lm_head.weight", q6)
    norm("blk.0.attn_norm.weight", layer + "input_layernorm.weight")
    matrix("blk.0.attn_q.weight", layer + "self_attn.q_proj.weight", q4, heads=4)
    matrix("blk.0.attn_k.weight", layer + "self_attn.k_proj.weight", q4, heads=2)
    matrix("blk.0.attn_v.weight", layer + "self_attn.v_proj.weight", q6)
    matrix("blk.0.attn_output.weight", layer + "self_attn.o_proj.weight", q4)
    norm("blk.0.ffn_norm.weight", layer + "post_attention_layernorm.weight")
    matrix("blk.0.ffn_gate.weight", layer + "mlp.gate_proj.weight", q4)
    matrix("blk.0.ffn_up.weight", layer + "mlp.up_proj.weight", q4)
    matrix("blk.0.ffn_down.weight", layer + "mlp.down_proj.weight", q6)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    model.load_state_dict(state)
    (HERE / name / "q4_k_m.json").write_text(json.dumps(expected(model.eval(), TOKENS, [0, 11, 23])))


def main():
    os.chdir(HERE)  # adapters note the path of their base: it must be relative
    torch.manual_seed(0)
    base = llama("llama", 1)
    llama("llama_second", 2)
    llama("llama_tied", 3, tie_word_embeddings=True)
    llama("llama_bias", 4, attention_bias=True, mlp_bias=True)
    llama("llama_sharded", 5, shard="40KB")
    llama("llama_head_dim", 6, head_dim=16, num_attention_heads=3, num_key_value_heads=1, hidden_size=36)
    llama("llama3_rope", 7, rope_parameters=dict(
        rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=32))
    lora("lora_all", base, 8)
    lora("lora_rs", base, 9, r=3, use_rslora=True, target_modules=["q_proj", "v_proj"])
    lora("lora_pattern", base, 10, target_modules=["k_proj", "down_proj"], rank_pattern={"layers.1.self_attn.k_proj": 2},
         alpha_pattern={"layers.1.self_attn.k_proj": 5})
    lora_on_head("lora_head", "llama", 14, change_head=False)
    lora_on_head("lora_other_head", "llama", 15, change_head=True)
    lora_on_head("lora_tied_head", "llama_tied", 16, change_head=True)
    for labels, name in ((1, "reward"), (3, "reward_three")):
        model = randomise(LlamaForSequenceClassification(config(num_labels=labels)), 11 + labels)
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        values = []
        for length in (1, 7, 24):
            with torch.no_grad():
                values.append(model(torch.tensor([TOKENS[:length]])).logits[0].tolist())
        (folder / "expected.json").write_text(json.dumps({"tokens": TOKENS, "lengths": [1, 7, 24], "values": values}))
    reward_lora("lora_reward", "llama", 14)
    T = gguf.GGMLQuantizationType
    wide = randomise(LlamaForCausalLM(config(hidden_size=64, intermediate_size=96, num_hidden_layers=2)), 20)
    write_gguf("gguf", wide, [T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0])
    write_k_quants("gguf", 21)
    (HERE / "VERSIONS.txt").write_text("".join(
        f"{p} {metadata.version(p)}\n" for p in ("torch", "transformers", "peft", "safetensors", "gguf", "numpy")))


if __name__ == "__main__":
    main()

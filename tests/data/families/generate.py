# SPDX-License-Identifier: Apache-2.0
"""Writes one tiny random model of every family, as safetensors and as GGUF, and what `transformers` computes with it.

    python generate.py

Made with torch, transformers, peft, safetensors, gguf and llama-cpp-python in the versions of VERSIONS.txt, which is written beside the
data. All weights are float32 and random with fixed seeds; norms and biases are far from 1 and 0, so that one left out shows. The
prompt is longer than the windows and longer than two cache pages.

<name>/           config.json, model.safetensors, expected.json. Where "weights" in expected.json names another folder, the
                  tensors are that one's: the models differ in their configuration alone.
<name>.gguf       the same model in the conventions of llama.cpp's converter, named by gguf's own table; <name>.json where GGUF
                  cannot say something that config.json says, so that the expectation is another.

gpt2_lora/        an adapter of gpt2 on its fused query, key and value, and on its MLP.

Also prints, where llama.cpp reads the GGUF, how far its logits are from those of transformers. It is no oracle here: it computes
GELU from a table in half precision, and it gives no window to models of arch llama, which Mistral's are.
"""

import importlib.metadata as metadata
import json
import os
import pathlib
import shutil

os.environ["OMP_NUM_THREADS"] = "1"

import gguf
import llama_cpp
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import (Gemma3ForCausalLM, Gemma3TextConfig, GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM,
                          MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

HERE = pathlib.Path(__file__).parent
VOCABULARY = 96
WINDOW = 40
POSITIONS = [0, 1, 39, 40, 63, 64, 104, 149]  # the first, and those around the ends of the window and of cache pages
PROMPT = [int(t) for t in np.random.default_rng(4).integers(0, VOCABULARY, 150)]
COMMON = dict(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=256, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2, pad_token_id=0,
              attn_implementation="eager")


def randomise(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("bias"):
                parameter.copy_(0.3 * noise)
            elif "norm" in name or ".ln_" in name:
                parameter.copy_((0 if model.config.model_type == "gemma3_text" else 1) + 0.3 * noise)
            else:
                parameter.copy_(0.2 * noise)
    return model.eval()


def expected(model):
    with torch.no_grad():
        logits = model(torch.tensor([PROMPT]), use_cache=False).logits[0]
        sequence, gap = list(PROMPT), float("inf")
        for _ in range(64):
            top = model(torch.tensor([sequence]), use_cache=False).logits[0, -1].topk(2)
            gap = min(gap, float(top.values[0] - top.values[1]))
            sequence.append(int(top.indices[0]))
    greedy = sequence[len(PROMPT):]
    print(f"  {len(set(greedy))} different greedy tokens, smallest gap to the second {gap:.2g}")
    assert gap > 1e-3, "a greedy token is decided by rounding: take another seed"
    return {"tokens": PROMPT, "positions": POSITIONS, "greedy": greedy,
            "logits": [[float(f"{x:.8g}") for x in logits[p].tolist()] for p in POSITIONS]}


def save(name, model, weights=None):
    print(name)
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    values = expected(model)
    if weights:
        (folder / "model.safetensors").unlink()
        values["weights"] = weights
    (folder / "expected.json").write_text(json.dumps(values))
    return values


def tensor_value(arch, name, w, c):
    """What llama.cpp's converter does to the contents of a tensor of transformers."""
    if arch == "llama" and ("q_proj" in name or "k_proj" in name):
        heads = c.num_attention_heads if "q_proj" in name else c.num_key_value_heads
        return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)
    if arch == "gemma3" and name.endswith("norm.weight"):
        return w + 1
    if arch == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
        return w.T
    return w


def write_gguf(name, model, arch, add_keys):
    c = model.config
    path = HERE / f"{name}.gguf"
    writer = gguf.GGUFWriter(path, arch)
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(getattr(c, "intermediate_size", None) or c.n_inner)
    writer.add_head_count(c.num_attention_heads)
    writer.add_vocab_size(c.vocab_size)
    writer.add_tokenizer_model("none")
    if arch == "gpt2":
        writer.add_layer_norm_eps(c.layer_norm_epsilon)
    else:
        writer.add_layer_norm_rms_eps(c.rms_norm_eps)
        writer.add_head_count_kv(c.num_key_value_heads)
        if getattr(c, "head_dim", None):
            writer.add_key_length(c.head_dim)
            writer.add_value_length(c.head_dim)
    add_keys(writer)
    names = gguf.get_tensor_name_map({v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}[arch], c.num_hidden_layers)
    for hf_name, tensor in model.state_dict().items():
        if hf_name == "lm_head.weight" and c.tie_word_embeddings:
            continue
        to = names.get_name(hf_name, try_suffixes=(".weight", ".bias"))
        writer.add_tensor(to, np.ascontiguousarray(tensor_value(arch, hf_name, tensor.numpy(), c), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    compare_with_llama_cpp(path, model)


def compare_with_llama_cpp(path, model):
    try:
        other = llama_cpp.Llama(str(path), n_ctx=256, n_batch=256, n_threads=1, logits_all=True, verbose=False, type_k=0, type_v=0)
        other.eval(PROMPT)
        with torch.no_grad():
            logits = model(torch.tensor([PROMPT])).logits[0].numpy()
        difference = np.abs(np.array(other.scores[:len(PROMPT)]) - logits).max(axis=1)
        print(f"  {path.name}: llama.cpp differs by at most {difference.max():.2g}; "
              f"{difference[:WINDOW].max():.2g} before the window closes; logits reach {np.abs(logits).max():.3g}")
    except Exception as error:  # what it cannot read is not compared
        print(f"  {path.name}: not read by llama.cpp: {error}")


def write_llama():
    llama3 = dict(rope_type="llama3", rope_theta=10000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
                  original_max_position_embeddings=32)
    model = randomise(LlamaForCausalLM(LlamaConfig(**COMMON, rope_parameters=llama3)), 1)
    save("llama3", model)

    def keys(writer):
        writer.add_rope_dimension_count(8)
        writer.add_rope_freq_base(10000.0)
        # The scaling of Llama 3 arrives as divisors of the frequencies.
        plain = 10000.0 ** (-np.arange(0, 8, 2) / 8)
        writer.add_tensor("rope_freqs.weight", (plain / model.model.rotary_emb.inv_freq.numpy()).astype(np.float32))
    write_gguf("llama3", model, "llama", keys)

    linear = LlamaForCausalLM(LlamaConfig(**COMMON, rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0)))
    linear.load_state_dict(model.state_dict())
    save("llama_linear", linear.eval(), weights="llama3")

    mistral = MistralForCausalLM(MistralConfig(**COMMON, sliding_window=WINDOW))
    mistral.load_state_dict(model.state_dict())
    save("mistral", mistral.eval(), weights="llama3")

    def mistral_keys(writer):
        writer.add_rope_dimension_count(8)
        writer.add_rope_freq_base(10000.0)
        writer.add_sliding_window(WINDOW)
    write_gguf("mistral", mistral, "llama", mistral_keys)


def write_qwen():
    model = randomise(Qwen2ForCausalLM(Qwen2Config(**COMMON, tie_word_embeddings=True, rope_parameters=dict(
        rope_type="default", rope_theta=1000000.0))), 2)
    save("qwen2", model)
    write_gguf("qwen2", model, "qwen2", lambda writer: writer.add_rope_freq_base(1000000.0))

    window = Qwen2ForCausalLM(Qwen2Config(**COMMON, tie_word_embeddings=True, use_sliding_window=True, sliding_window=WINDOW,
                                          max_window_layers=1))
    window.load_state_dict(model.state_dict())
    save("qwen2_window", window.eval(), weights="qwen2")

    model = randomise(Qwen3ForCausalLM(Qwen3Config(**COMMON, head_dim=16, tie_word_embeddings=True, rope_parameters=dict(
        rope_type="default", rope_theta=1000000.0))), 3)
    save("qwen3", model)
    write_gguf("qwen3", model, "qwen3", lambda writer: writer.add_rope_freq_base(1000000.0))


def write_gemma():
    values = COMMON | dict(num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, head_dim=16, sliding_window=WINDOW,
                           sliding_window_pattern=3, layer_types=["sliding_attention", "sliding_attention", "full_attention"],
                           rope_parameters=dict(sliding_attention=dict(rope_type="default", rope_theta=10000.0),
                                                full_attention=dict(rope_type="linear", rope_theta=1000000.0, factor=8.0)))
    model = randomise(Gemma3ForCausalLM(Gemma3TextConfig(**values, query_pre_attn_scalar=24)), 4)
    save("gemma3", model)

    # GGUF has no key for query_pre_attn_scalar; it is head_dim but in the model of 62 layers.
    plain = Gemma3ForCausalLM(Gemma3TextConfig(**values, query_pre_attn_scalar=16))
    plain.load_state_dict(model.state_dict())

    def keys(writer):
        writer.add_sliding_window(WINDOW)
        writer.add_sliding_window_pattern(3)
        writer.add_rope_freq_base(1000000.0)
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(8.0)
    print("gemma3 with query_pre_attn_scalar = head_dim")
    (HERE / "gemma3.json").write_text(json.dumps(expected(plain.eval())))
    write_gguf("gemma3", plain, "gemma3", keys)


def write_gpt2():
    model = randomise(GPT2LMHeadModel(GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=224, n_inner=48, bos_token_id=1, eos_token_id=2,
        attn_implementation="eager")), 5)
    save("gpt2", model)
    write_gguf("gpt2", model, "gpt2", lambda writer: None)
    write_gpt2_lora(model)


def write_gpt2_lora(base):
    folder = HERE / "gpt2_lora"
    shutil.rmtree(folder, ignore_errors=True)
    model = get_peft_model(base, LoraConfig(r=2, lora_alpha=3, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True,
                                            task_type="CAUSAL_LM"))
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    model.eval().save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    print("gpt2_lora")
    (folder / "expected.json").write_text(json.dumps(expected(model.merge_and_unload().eval())))


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    write_llama()
    write_qwen()
    write_gemma()
    write_gpt2()
    (HERE / "VERSIONS.txt").write_text("".join(
        f"{p} {metadata.version(p)}\n" for p in ("torch", "transformers", "peft", "safetensors", "gguf", "llama-cpp-python", "numpy")))


if __name__ == "__main__":
    main()

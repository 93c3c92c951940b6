# SPDX-License-Identifier: Apache-2.0
"""What a decode step of N experts x M samples takes in PyTorch: the peers of benchmarks/gpu/decode_steps.cu on the same device.

    pip install torch transformers
    python benchmarks/peers/compare_pytorch.py --shape 135M 1B --experts 1 8 --samples 1 2 --tutti decode_steps.json --json out.json
    python benchmarks/peers/compare_pytorch.py --device cpu --shape tiny --new-tokens 4    # tries all of it without a GPU

Peers, both with random weights in bf16, a static cache, greedy tokens fed back on the device, and a step captured as one CUDA graph:
- loop: N models of `transformers`, one after the other, M rows each;
- vmap: torch.func.vmap of one model over the stacked weights of all N.
The second must give the first one's logits before it is timed. With --tutti, the file that decode_steps has written in the same run,
each line also says how many times as long the peer takes.
"""

import argparse
import json
import platform
import statistics
import sys
import time

import torch
import transformers
from torch.nn import functional as F

# hidden, intermediate, layers, heads, key-value heads, head size, vocabulary: those of decode_steps.cu.
SHAPES = {
    "tiny": (32, 64, 2, 4, 2, 8, 96),
    "135M": (576, 1536, 30, 9, 3, 64, 49152),
    "360M": (960, 2560, 32, 15, 5, 64, 49152),
    "1B": (2048, 8192, 16, 32, 8, 64, 128256),
}
WARM_UP = 3
CHUNK = 16  # steps between two looks of the host, as in decode_steps.cu


def make_models(shape, count, positions, device, dtype):
    hidden, intermediate, layers, heads, kv_heads, head_dim, vocabulary = SHAPES[shape]
    config = transformers.LlamaConfig(
        hidden_size=hidden, intermediate_size=intermediate, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv_heads, head_dim=head_dim, vocab_size=vocabulary, max_position_embeddings=max(positions, 2048),
        tie_word_embeddings=True, attn_implementation="sdpa")
    models = []
    for seed in range(count):
        torch.manual_seed(seed)
        with torch.device(device):
            models.append(transformers.LlamaForCausalLM(config).to(dtype).eval())
    return models


class Peer:
    """A step that draws from `logits_of(tokens, position, mask)` and moves on, as one graph where there is a GPU."""

    def __init__(self, experts, samples, prompt, positions, device):
        self.tokens = torch.full((experts, samples), 5, dtype=torch.long, device=device)
        self.position = torch.full((1,), prompt, dtype=torch.long, device=device)
        self.numbers = torch.arange(positions, device=device)
        self.graph = None

    def step(self):
        logits = self.logits_of(self.tokens, self.position, self.numbers <= self.position)
        self.tokens.copy_(logits.argmax(-1))
        self.position.add_(1)

    def capture(self):
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                self.step()
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.step()

    def times(self, new_tokens, device):
        """Seconds a step, for each chunk of the new tokens."""
        on_gpu = device.type == "cuda"
        if on_gpu:
            self.capture()
        else:
            self.step()
        run = self.graph.replay if on_gpu else self.step
        seconds = []
        chunk = min(CHUNK, new_tokens)
        for _ in range(new_tokens // chunk):
            start = time.perf_counter()
            for _ in range(chunk):
                run()
            if on_gpu:
                torch.cuda.synchronize()
            seconds.append((time.perf_counter() - start) / chunk)
        return seconds[1:] or seconds


class Loop(Peer):
    def __init__(self, models, samples, prompt, positions, device):
        super().__init__(len(models), samples, prompt, positions, device)
        self.models = models
        ids = (7 * torch.arange(prompt, device=device) + 11) % models[0].config.vocab_size
        self.caches = []
        for model in models:
            cache = transformers.StaticCache(config=model.config, max_cache_len=positions)
            model(input_ids=ids.repeat(samples, 1), past_key_values=cache, use_cache=True, logits_to_keep=1)
            self.caches.append(cache)

    def logits_of(self, tokens, position, mask):
        # Positions and mask are given, so that no model asks the host for them.
        samples = tokens.shape[1]
        return torch.stack([
            model(input_ids=tokens[e].unsqueeze(1), position_ids=position.expand(samples, 1),
                  attention_mask=mask.expand(samples, 1, 1, -1), past_key_values=self.caches[e], use_cache=True).logits[:, 0]
            for e, model in enumerate(self.models)])


def rms_norm(x, weight, epsilon):
    return weight * (x.float() * torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + epsilon)).to(x.dtype)


class Vmap(Peer):
    def __init__(self, loop, samples, prompt, positions, device):
        super().__init__(len(loop.models), samples, prompt, positions, device)
        self.config = loop.models[0].config
        self.parameters, _ = torch.func.stack_module_state(loop.models)
        # [experts, samples, key-value heads, positions, head size] of each layer
        layers = range(self.config.num_hidden_layers)
        self.keys = [torch.stack([cache.layers[i].keys for cache in loop.caches]) for i in layers]
        self.values = [torch.stack([cache.layers[i].values for cache in loop.caches]) for i in layers]
        theta = loop.models[0].model.rotary_emb.inv_freq
        self.frequencies = torch.cat((theta, theta)).to(device)

    def logits_of(self, tokens, position, mask):
        angles = position.float() * self.frequencies
        step = torch.func.vmap(self.one_expert, in_dims=(0, 0, 0, 0, None, None, None, None))
        return step(self.parameters, tokens, self.keys, self.values, position, mask, angles.cos(), angles.sin())

    def one_expert(self, parameters, tokens, keys, values, position, mask, cosines, sines):
        config = self.config
        heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
        samples = tokens.shape[0]

        def turned(x):
            half = torch.cat((-x[..., dim // 2:], x[..., :dim // 2]), -1)
            return x * cosines.to(x.dtype) + half * sines.to(x.dtype)

        x = F.embedding(tokens, parameters["model.embed_tokens.weight"])
        for i in range(config.num_hidden_layers):
            weight = lambda name: parameters[f"model.layers.{i}.{name}.weight"]
            normed = rms_norm(x, weight("input_layernorm"), config.rms_norm_eps)
            query = turned(F.linear(normed, weight("self_attn.q_proj")).view(samples, heads, 1, dim))
            key = turned(F.linear(normed, weight("self_attn.k_proj")).view(samples, kv_heads, 1, dim))
            value = F.linear(normed, weight("self_attn.v_proj")).view(samples, kv_heads, 1, dim)
            keys[i][:, :, position] = key  # index_copy_, as in StaticCache, runs expert by expert under vmap
            values[i][:, :, position] = value
            # Query heads that share a key-value head are rows of one product.
            query = query.view(samples, kv_heads, heads // kv_heads, dim)
            scores = query @ keys[i].transpose(-1, -2) * dim ** -0.5
            weights = scores.masked_fill(~mask, float("-inf")).softmax(-1, dtype=torch.float32).to(x.dtype)
            x = x + F.linear((weights @ values[i]).reshape(samples, heads * dim), weight("self_attn.o_proj"))
            normed = rms_norm(x, weight("post_attention_layernorm"), config.rms_norm_eps)
            gated = F.silu(F.linear(normed, weight("mlp.gate_proj"))) * F.linear(normed, weight("mlp.up_proj"))
            x = x + F.linear(gated, weight("mlp.down_proj"))
        x = rms_norm(x, parameters["model.norm.weight"], config.rms_norm_eps)
        return F.linear(x, parameters["model.embed_tokens.weight"])


def check(loop, vmap, prompt, dtype):
    """The peers must agree on the logits behind the prompt."""
    arguments = (loop.tokens, loop.position, loop.numbers <= loop.position)
    expected, found = loop.logits_of(*arguments).float(), vmap.logits_of(*arguments).float()
    for cache in loop.caches:  # as if that had not been
        for layer in cache.layers:
            layer.cumulative_length.fill_(prompt)
    difference = ((found - expected).abs().max() / expected.abs().max()).item()
    limit = 0.05 if dtype == torch.bfloat16 else 1e-4
    if difference > limit:
        raise RuntimeError(f"vmap's logits differ from those of transformers by {difference} of the largest one")
    return difference


def measure(arguments, shape, experts, samples, prompt, device, dtype):
    positions = prompt + arguments.new_tokens + WARM_UP + 2
    lines = []
    models = make_models(shape, experts, positions, device, dtype)
    loop = Loop(models, samples, prompt, positions, device)
    vmap = Vmap(loop, samples, prompt, positions, device)
    difference = check(loop, vmap, prompt, dtype)
    for name, peer in (("loop", loop), ("vmap", vmap)):
        line = {"peer": name, "shape": shape, "experts": experts, "samples": samples, "prompt": prompt, "difference": difference}
        try:
            seconds = sorted(peer.times(arguments.new_tokens, device))
        except RuntimeError as error:  # a graph that cannot be captured
            lines.append(line | {"failed": str(error)})
            continue
        n = len(seconds)
        line["microseconds"] = statistics.median(seconds) * 1e6
        line["spread_microseconds"] = (seconds[n * 3 // 4] - seconds[n // 4]) / 2 * 1e6
        line["tokens_per_second"] = experts * samples / statistics.median(seconds)
        lines.append(line)
    return lines


def compare(lines, tutti):
    """How many times as long each peer takes as tutti's independent experts."""
    keys = ("shape", "experts", "samples", "prompt")
    ours = {tuple(r[k] for k in keys): r.get("microseconds") for r in tutti["results"] if r["kind"] == "independent"}
    for line in lines:
        step = ours.get(tuple(line[k] for k in keys))
        if step and "microseconds" in line:
            line["times_as_long_as_tutti"] = line["microseconds"] / step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", nargs="+", choices=SHAPES, default=["135M", "360M", "1B"])
    parser.add_argument("--experts", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--samples", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--prompt", nargs="+", type=int, default=[128, 1024])
    parser.add_argument("--new-tokens", type=int, default=256)
    parser.add_argument("--tutti", help="JSON of decode_steps, measured in the same run")
    parser.add_argument("--json", help="where to write the result; it is printed in any case")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("SKIPPED: torch finds no GPU", file=sys.stderr)
        return 0
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    result = {
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine(),
        "torch": torch.__version__, "transformers": transformers.__version__, "cuda": torch.version.cuda,
        "weights": str(dtype), "new_tokens": arguments.new_tokens, "results": []}
    for shape in arguments.shape:
        for experts in arguments.experts:
            for samples in arguments.samples:
                for prompt in arguments.prompt:
                    try:
                        lines = measure(arguments, shape, experts, samples, prompt, device, dtype)
                    except RuntimeError as error:
                        lines = [{"shape": shape, "experts": experts, "samples": samples, "prompt": prompt, "failed": str(error)}]
                    result["results"].extend(lines)
                    print(json.dumps(lines), file=sys.stderr)
    if arguments.tutti:
        with open(arguments.tutti) as file:
            compare(result["results"], json.load(file))
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.json:
        with open(arguments.json, "w") as file:
            file.write(text + "\n")
    return 1 if any("failed" in line for line in result["results"]) else 0


if __name__ == "__main__":
    with torch.inference_mode():
        sys.exit(main())

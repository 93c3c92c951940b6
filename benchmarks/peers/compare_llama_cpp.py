# SPDX-License-Identifier: Apache-2.0
"""tutti against llama.cpp on the same GGUF file, in turn within one run.

    pip install llama-cpp-python numpy
    python benchmarks/peers/compare_llama_cpp.py --model models/SmolLM2-135M-Instruct.Q4_1.gguf \
        --tutti build/bench/benchmarks/peer_step --json out.json

For prefill and for decoding 1 and 16 sequences behind one prompt, both programs are measured one after the other, several
times; the medians and their ratio are printed. llama.cpp is driven through its own batch interface, all sequences in one
llama_decode, with the prompt's cache shared by llama_memory_seq_cp, which is its fastest way for many samples.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import time

import llama_cpp
import numpy as np

PROMPT = 128


class LlamaCpp:
    def __init__(self, path, threads, sequences):
        llama_cpp.llama_backend_init()
        llama_cpp.llama_log_set(_silent, None)
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), llama_cpp.llama_model_default_params())
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = 4096
        params.n_batch = params.n_ubatch = 512
        params.n_seq_max = sequences + 1
        params.n_threads = params.n_threads_batch = threads
        params.kv_unified = True
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.sequences = sequences
        self.batch = llama_cpp.llama_batch_init(512, 0, 1)

    def decode(self, rows):
        """rows: (token, position, sequence, wants logits)"""
        self.batch.n_tokens = len(rows)
        for i, (token, position, sequence, logits) in enumerate(rows):
            self.batch.token[i] = token
            self.batch.pos[i] = position
            self.batch.n_seq_id[i] = 1
            self.batch.seq_id[i][0] = sequence
            self.batch.logits[i] = logits
        assert llama_cpp.llama_decode(self.context, self.batch) == 0
        llama_cpp.llama_synchronize(self.context)

    def prefill(self):
        memory = llama_cpp.llama_get_memory(self.context)
        llama_cpp.llama_memory_clear(memory, True)
        rows = [((7 * p + 11) % 49152, p, 0, p + 1 == PROMPT) for p in range(PROMPT)]
        start = time.perf_counter()
        self.decode(rows)
        seconds = time.perf_counter() - start
        for s in range(1, self.sequences + 1):
            llama_cpp.llama_memory_seq_cp(memory, 0, s, -1, -1)
        return seconds

    def steps(self, count):
        times = []
        for i in range(count):
            rows = [((5 * i + 3 * s) % 49152, PROMPT + i, s, True) for s in range(1, self.sequences + 1)]
            start = time.perf_counter()
            self.decode(rows)
            times.append(time.perf_counter() - start)
        return statistics.median(times)


@llama_cpp.llama_log_callback
def _silent(level, text, data):
    pass


def tutti(program, model, threads, sequences, steps):
    output = subprocess.run([program, model, str(threads), str(sequences), str(steps)], check=True, capture_output=True, text=True)
    return json.loads(output.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--tutti", required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    result = {"machine": platform.processor() or platform.machine(), "cpu": _cpu_name(), "threads": arguments.threads,
              "llama_cpp_python": llama_cpp.__version__, "model": os.path.basename(arguments.model), "cases": {}}
    for sequences in (1, 16):
        peer = LlamaCpp(arguments.model, arguments.threads, sequences)
        rounds = {"tutti_prefill": [], "llama_prefill": [], "tutti_step": [], "llama_step": []}
        for _ in range(arguments.rounds):
            rounds["llama_prefill"].append(peer.prefill())
            rounds["llama_step"].append(peer.steps(arguments.steps))
            ours = tutti(arguments.tutti, arguments.model, arguments.threads, sequences, arguments.steps)
            rounds["tutti_prefill"].append(ours["prefill_seconds"])
            rounds["tutti_step"].append(ours["step_seconds"])
        case = {}
        for what, tokens in (("prefill", PROMPT), ("step", sequences)):
            ratios = np.array(rounds[f"llama_{what}"]) / np.array(rounds[f"tutti_{what}"])
            case[what] = {
                "tutti_tokens_per_second": tokens / statistics.median(rounds[f"tutti_{what}"]),
                "llama_cpp_tokens_per_second": tokens / statistics.median(rounds[f"llama_{what}"]),
                "tutti_is_faster_by": float(np.median(ratios)), "smallest_ratio": float(ratios.min()),
                "largest_ratio": float(ratios.max())}
        result["cases"][f"{sequences} sequences"] = case
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        with open(arguments.json, "w") as file:
            file.write(text + "\n")


def _cpu_name():
    with open("/proc/cpuinfo") as file:
        return next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    main()

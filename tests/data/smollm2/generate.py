# SPDX-License-Identifier: Apache-2.0
"""Greedy continuations of SmolLM2-135M-Instruct by llama.cpp, and the gap between its two largest logits at each step.

    python tests/data/smollm2/generate.py models/SmolLM2-135M-Instruct.Q4_1.gguf

Made with llama-cpp-python 0.3.36 and gguf 0.19.0. The file's Q4_1 and Q8_0 weights are first expanded to F32 in a temporary
file, and the cache is F32: on quantised weights llama.cpp rounds activations to 8 bits, which makes its logits depend on
every last bit of what came before (with an F16 instead of an F32 cache they move by 0.17 on average), so that two programs
can only be compared where neither rounds. Prompts are given to both programs as the same token ids.
"""

import json
import pathlib
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np

PROMPTS = [
    "The capital of France is",
    "<|im_start|>user\nExplain in two sentences why the sky is blue.<|im_end|>\n<|im_start|>assistant\n",
    "def fibonacci(n):\n",
    "Once upon a time, in a village by the sea,",
    "Water boils at 100 degrees Celsius, and it freezes at",
]


def expand(source, target):
    """Copies a GGUF file with all tensors as F32."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        writer.add_key_value(field.name, field.contents(), kind, field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
    for tensor in reader.tensors:
        shape = [int(n) for n in reversed(tensor.shape)]
        writer.add_tensor(tensor.name, gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    with tempfile.TemporaryDirectory() as folder:
        expanded = str(pathlib.Path(folder) / "f32.gguf")
        expand(sys.argv[1], expanded)
        model = llama_cpp.Llama(expanded, n_ctx=512, n_threads=2, type_k=0, type_v=0, verbose=False)
        cases = []
        for prompt in PROMPTS:
            tokens = model.tokenize(prompt.encode(), add_bos=False, special=True)
            model.reset()
            model.eval(tokens)
            written, gaps = [], []
            for _ in range(64):
                logits = np.array(model._ctx.get_logits_ith(-1)[: model.n_vocab()])
                second, first = np.sort(logits)[-2:]
                written.append(int(np.argmax(logits)))
                gaps.append(float(f"{first - second:.6g}"))
                model.eval([written[-1]])
            cases.append({"prompt": prompt, "prompt_tokens": tokens, "tokens": written, "gaps": gaps})
    path = pathlib.Path(__file__).parent / "greedy.json"
    path.write_text(json.dumps(cases) + "\n")


main()

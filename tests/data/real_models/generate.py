# SPDX-License-Identifier: Apache-2.0
"""Greedy continuations of real models by llama.cpp, the gap between its two largest logits at each step, and its token ids of texts.

    python tests/data/real_models/generate.py smollm2 models/SmolLM2-135M-Instruct.Q4_1.gguf
    python tests/data/real_models/generate.py gemma3 models/gemma-3-270m-q4_k_m.gguf

Made with llama-cpp-python 0.3.36 and gguf 0.19.0. The file's quantised weights are first expanded to F32 in a temporary
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

PROMPTS = {
    "smollm2": [
        "The capital of France is",
        "<|im_start|>user\nExplain in two sentences why the sky is blue.<|im_end|>\n<|im_start|>assistant\n",
        "def fibonacci(n):\n",
        "Once upon a time, in a village by the sea,",
        "Water boils at 100 degrees Celsius, and it freezes at",
    ],
    "gemma3": [
        "<bos>The capital of France is",
        "<bos><start_of_turn>user\nExplain in two sentences why the sky is blue.<end_of_turn>\n<start_of_turn>model\n",
        "<bos>def fibonacci(n):\n",
        "<bos>Once upon a time, in a village by the sea,",
        # 739 tokens, more than the sliding window of 512.
        "<bos>" + " ".join(f"Ship {n} left the harbour with {n * 37 % 101} barrels of salt." for n in range(1, 51)),
    ],
}

TEXTS = [
    "Hello, world!",
    " leading, trailing ",
    "two  spaces, three   spaces,\ttab,\n\nnew lines\r\n",
    "I'm sure they'll say it isn't.",
    "1984 + 2 = 3.14159e-10",
    "na\u00efve caf\u00e9 \u2014 \u6771\u4eac \U0001f44d\U0001f3fd \u0928\u092e\u0938\u094d\u0924\u0947 \u05e9\u05dc\u05d5\u05dd",
    "e\u0301 (decomposed), \ufb01 (ligature), \u00a0 (no-break), \u200d (joiner), \u2581 (block)",
    "{\n    \"key\": [1, 2, 3],\n\t\"other\": null\n}",
    "for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }  // dot",
    "\u0001\u0002 control, \U0010fffd last plane",
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
    name, source = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        expanded = str(pathlib.Path(folder) / "f32.gguf")
        expand(source, expanded)
        model = llama_cpp.Llama(expanded, n_ctx=2048, n_threads=2, type_k=0, type_v=0, verbose=False)
        cases = []
        for prompt in PROMPTS[name]:
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
        texts = [{"text": text, "tokens": model.tokenize(text.encode(), add_bos=False, special=True)} for text in TEXTS]
    path = pathlib.Path(__file__).parent / f"{name}.json"
    path.write_text(json.dumps({"greedy": cases, "texts": texts}) + "\n")


main()

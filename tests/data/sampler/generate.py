#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes hugging_face.json and llama_cpp.json: which tokens the samplers of the two programs leave, and how likely each is.

Written with transformers 5.24.0 (torch 2.15.0), llama-cpp-python 0.3.36 and numpy 2.4.6. Run it in this folder.

Each file: "logits", a list of rows; "cases", each with the row it uses, the history, the options by the names of
SamplingOptions, and the outcome: "tokens" ascending with their "probabilities".
"""
import ctypes
import json

import llama_cpp
import numpy as np
import torch
from transformers.generation import logits_process as hf

VOCABULARY = 160


def rows():
    random = np.random.default_rng(11)
    flat = random.normal(0, 1, VOCABULARY)
    usual = np.minimum(random.normal(-1, 2, VOCABULARY), 4 + random.random(VOCABULARY))
    peaked = random.normal(-8, 2, VOCABULARY)
    peaked[[7, 90, 31]] = [6.5, 5.25, 3.125]
    # Whole multiples of 1/65536 are exact in JSON and float; no two are equal, so that no outcome depends on a tie.
    rounded = [np.round(row * 65536) / 65536 for row in (flat, usual, peaked)]
    assert all(len(set(row)) == VOCABULARY for row in rounded)
    return [row.astype(np.float32) for row in rounded]


def history(length):
    return [int(t) for t in np.random.default_rng(12).integers(0, 60, length)]


CASES = [
    dict(row=0, options=dict(temperature=0.7)),
    dict(row=0, options=dict(top_k=10)),
    dict(row=1, options=dict(top_k=1000, temperature=1.5)),
    dict(row=0, options=dict(top_p=0.5)),
    dict(row=1, options=dict(top_p=0.9, temperature=2.0)),
    dict(row=2, options=dict(top_p=0.3, temperature=0.5)),
    dict(row=1, options=dict(min_p=0.05, temperature=1.8)),
    dict(row=0, options=dict(min_p=0.3, temperature=0.6)),
    dict(row=1, options=dict(top_k=40, top_p=0.95, min_p=0.05, temperature=0.8)),
    dict(row=1, options=dict(top_k=12, top_p=0.8, min_p=0.02, temperature=1.4)),
    dict(row=2, options=dict(top_k=40, top_p=0.95, min_p=0.05, temperature=2.5)),
    dict(row=1, history=30, options=dict(repetition_penalty=1.3)),
    dict(row=0, history=150, options=dict(repetition_penalty=1.2, top_k=30, temperature=0.9)),
    dict(row=1, history=150, options=dict(repetition_penalty=0.8, top_p=0.9)),
    dict(row=2, history=5, options=dict(logit_bias=[[7, -3.5], [90, float("-inf")], [12, 9.0]], top_p=0.9)),
    dict(row=1, history=80, options=dict(logit_bias=[[3, 2.0]], repetition_penalty=1.1, top_k=25, top_p=0.85, min_p=0.01, temperature=1.2)),
]
# transformers has neither of these.
LLAMA_CPP_CASES = [
    dict(row=1, history=40, options=dict(presence_penalty=0.75)),
    dict(row=0, history=40, options=dict(frequency_penalty=0.5, top_k=20)),
    dict(row=1, history=100, options=dict(repetition_penalty=1.2, presence_penalty=0.3, frequency_penalty=-0.2, temperature=1.1)),
    dict(row=1, history=100, options=dict(frequency_penalty=0.4, penalty_last_n=10)),
]


def apart(logits, options, temperature_first):
    """No outcome may hang on the last bit: the sums of probabilities keep away from top_p and 1 - top_p."""
    logits = np.sort(logits[np.isfinite(logits)].astype(np.float64))[::-1]
    if temperature_first:
        logits = logits / options.get("temperature", 1.0)
    logits = logits[: options.get("top_k", len(logits))]
    p = np.exp(logits - logits[0])
    p /= p.sum()
    assert np.abs(np.cumsum(p) - options.get("top_p", 2.0)).min() > 1e-4
    assert np.abs(p / p[0] - options.get("min_p", 2.0)).min() > 1e-4


def outcome(tokens, logits):
    order = np.argsort(tokens)
    tokens, logits = np.asarray(tokens)[order], np.asarray(logits, np.float64)[order]
    p = np.exp(logits - logits.max())
    p /= p.sum()
    return dict(tokens=[int(t) for t in tokens], probabilities=[float(f"{x:.9g}") for x in p])


def hugging_face(logits, past, options):
    ids = torch.tensor([past], dtype=torch.long)
    scores = torch.from_numpy(logits.copy())[None]
    # The order of GenerationMixin._get_logits_processor.
    if options.get("logit_bias"):
        scores = hf.SequenceBiasLogitsProcessor([[[t], b] for t, b in options["logit_bias"]])(ids, scores)
    if options.get("repetition_penalty", 1.0) != 1.0:
        scores = hf.RepetitionPenaltyLogitsProcessor(options["repetition_penalty"])(ids, scores)
    apart(scores[0].numpy(), options, True)
    if options.get("temperature", 1.0) != 1.0:
        scores = hf.TemperatureLogitsWarper(options["temperature"])(ids, scores)
    if options.get("top_k"):
        scores = hf.TopKLogitsWarper(options["top_k"])(ids, scores)
    if options.get("top_p", 1.0) < 1.0:
        scores = hf.TopPLogitsWarper(options["top_p"])(ids, scores)
    if options.get("min_p", 0.0) > 0.0:
        scores = hf.MinPLogitsWarper(options["min_p"])(ids, scores)
    scores = scores[0].numpy()
    tokens = np.flatnonzero(np.isfinite(scores))
    return outcome(tokens, scores[tokens])


def llama(logits, past, options):
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    bias = options.get("logit_bias", [])
    biases = (llama_cpp.llama_logit_bias * max(len(bias), 1))(*[llama_cpp.llama_logit_bias(t, b) for t, b in bias])
    # The order of common_params_sampling, without what it has beyond SamplingOptions.
    for sampler in (
        llama_cpp.llama_sampler_init_logit_bias(VOCABULARY, len(bias), biases),
        llama_cpp.llama_sampler_init_penalties(VOCABULARY, options.get("penalty_last_n", 64), options.get("repetition_penalty", 1.0),
                                               options.get("frequency_penalty", 0.0), options.get("presence_penalty", 0.0)),
    ):
        llama_cpp.llama_sampler_chain_add(chain, sampler)
    for token in past:
        llama_cpp.llama_sampler_accept(chain, token)
    data = (llama_cpp.llama_token_data * VOCABULARY)(*[llama_cpp.llama_token_data(t, float(l), 0.0) for t, l in enumerate(logits)])
    array = llama_cpp.llama_token_data_array(data, VOCABULARY, -1, False)
    llama_cpp.llama_sampler_apply(chain, ctypes.byref(array))
    apart(np.array([array.data[i].logit for i in range(array.size)]), options, False)
    rest = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for sampler in (
        llama_cpp.llama_sampler_init_top_k(options.get("top_k", 0)),
        llama_cpp.llama_sampler_init_top_p(options.get("top_p", 1.0), 0),
        llama_cpp.llama_sampler_init_min_p(options.get("min_p", 0.0), 0),
        llama_cpp.llama_sampler_init_temp(options.get("temperature", 1.0)),
    ):
        llama_cpp.llama_sampler_chain_add(rest, sampler)
    llama_cpp.llama_sampler_apply(rest, ctypes.byref(array))
    left = [(array.data[i].id, array.data[i].logit) for i in range(array.size)]
    llama_cpp.llama_sampler_free(chain)
    llama_cpp.llama_sampler_free(rest)
    left = [(t, l) for t, l in left if np.isfinite(l)]
    return outcome([t for t, _ in left], [l for _, l in left])


def write(name, program, cases):
    logits = rows()
    made = []
    for case in cases:
        past = history(case.get("history", 0))
        options = {k: v if k != "logit_bias" else [[t, b if np.isfinite(b) else "-inf"] for t, b in v] for k, v in case["options"].items()}
        made.append(dict(row=case["row"], history=past, options=options, **program(logits[case["row"]], past, case["options"])))
    with open(name, "w") as file:
        file.write('{"logits": [\n' + ",\n".join(json.dumps([float(x) for x in row]) for row in logits) + '],\n"cases": [\n')
        file.write(",\n".join(json.dumps(case) for case in made) + "]}\n")


if __name__ == "__main__":
    write("hugging_face.json", hugging_face, CASES)
    write("llama_cpp.json", llama, CASES + LLAMA_CPP_CASES)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Renders chats by the published templates in chat_templates/ and writes chat_cases.json. Written with transformers 5.24.0, jinja2 3.1.6.

The templates are those of the models' repositories. From the long ones (Llama 3.2, Mistral v3, Qwen2.5, Qwen3, Gemma 3) most of what
writes tools and images is left out: it is never reached. What a template refuses is null.
"""

import itertools
import json
import pathlib

import jinja2
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
TOKENS = {"llama3": ("<|begin_of_text|>", "<|eot_id|>"), "llama3.2": ("<|begin_of_text|>", "<|eot_id|>"), "gemma": ("<bos>", "<eos>")}

SYSTEM = {"role": "system", "content": " Be brief. "}
TURNS = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "<think>\nA greeting.\n</think>\n\n Hello! "},
    {"role": "user", "content": " Where is\u00a0Würzburg?\n"},
    {"role": "assistant", "content": "\n In Bavaria.\x1f"},
    {"role": "user", "content": "[INST] <|im_end|> 'x' \\n \u3000"},
]
CHATS = [turns for n in range(1, 6) for turns in (TURNS[:n], [SYSTEM, *TURNS[:n]])]
CHATS += [
    [SYSTEM],
    [TURNS[0], SYSTEM],
    [TURNS[0], TURNS[2]],
    [TURNS[1]],
    [TURNS[0], TURNS[1], TURNS[3]],
    [TURNS[0], {"role": "assistant", "content": "a</think>b</think>\n\nc"}],
    [TURNS[0], {"role": "assistant", "content": "x <think>\n\n</think>y\n"}, {"role": "user", "content": "<tool_response>4</tool_response>"}],
]


def main():
    cases = {"chats": CHATS}
    for path in sorted((HERE / "chat_templates").glob("*.jinja")):
        family = path.stem.split("_")[0]
        bos, eos = TOKENS.get(family, ("<s>", "</s>"))
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token=bos, eos_token=eos)
        tokenizer.chat_template = path.read_text(encoding="utf-8")
        rendered = []
        for chat, prompt in itertools.product(CHATS, (False, True)):
            try:
                # Where Llama 3.2's template would ask for today's date, its own date for a world without clocks.
                text = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=prompt, date_string="26 Jul 2024")
            except jinja2.TemplateError:
                text = None
            rendered.append(text)
        cases[path.stem] = {"bos": bos, "eos": eos, "rendered": rendered}
    lines = ",\n".join(json.dumps(key) + ":" + json.dumps(value, separators=(",", ":")) for key, value in cases.items())
    (HERE / "chat_cases.json").write_text("{" + lines + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

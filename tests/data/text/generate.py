#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains four small byte-level tokenizers and records what the Hugging Face `tokenizers` package makes of difficult texts.

Written with tokenizers 0.23.3 (Python 3.11). Writes next to this file:
  tokenizer_{gpt2,llama3,qwen2,smollm}.json   the tokenizers
  cases.json                                  texts and, for each tokenizer, their ids with and without special tokens
and, with --random COUNT FILE, that many random texts with their ids, one JSON array a line: too many to keep, for a check by
hand with tests/text/tokenizer_reference_test.cpp.
"""

import json
import pathlib
import random
import sys
import unicodedata

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
KINDS = ("gpt2", "llama3", "qwen2", "smollm")

# Article 1 of the Universal Declaration of Human Rights, and texts of ours that bring numbers, code and contractions.
CORPUS = """\
All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards
one another in a spirit of brotherhood.
Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und sollen einander im
Geiste der Brüderlichkeit begegnen.
Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de conscience et doivent agir
les uns envers les autres dans un esprit de fraternité.
Todos los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y conciencia, deben comportarse
fraternalmente los unos con los otros.
Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении
друг друга в духе братства.
Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.
人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。
すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。
모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.
يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.
सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।
I'm sure that you've seen it, they'll say we'd better not; it's what he doesn't like. WE'RE SURE, IT'S FINE, THEY'LL SEE.
In 1984 there were 365 days, 52 weeks, 12 months and 8760 hours; 3.14159265 is near 22/7, and 2^16 = 65536.
for (int i = 0; i < 10; ++i) { sum += values[i] * weights[i]; }  // a loop
    if x is None:
        return {"key": [1, 2, 3], "other": True}

The model writes one token after another, the sampler draws it, the scorer gives it a value, and the selector picks the answer.
"""

SPECIAL = [AddedToken(t, special=True, normalized=False) for t in ("<|endoftext|>", "<|im_start|>", "<|im_end|>")]
# Longest match, white space taken along, looked for in the second pass; "<|im" is a prefix of special tokens.
ADDED = [
    AddedToken("<left>", lstrip=True, normalized=False),
    AddedToken("<right>", rstrip=True, normalized=False),
    AddedToken("<both>", lstrip=True, rstrip=True, normalized=False),
    AddedToken("<|im", normalized=True),
    AddedToken("zz", normalized=False),
    AddedToken("zzz", normalized=True),
    AddedToken("日本 語", normalized=False),
]

CONTRACTIONS = r"'s|'t|'re|'ve|'m|'ll|'d"
LLAMA3 = r"(?i:" + CONTRACTIONS + r")|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def train(kind):
    tokenizer = Tokenizer(models.BPE())
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=kind in ("gpt2", "smollm"))
    if kind == "gpt2":
        tokenizer.pre_tokenizer = byte_level
    elif kind == "smollm":
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])
    else:
        pattern = LLAMA3 if kind == "llama3" else LLAMA3.replace("{1,3}", "")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    # As in SmolLM2's vocabulary, bytes that the corpus lacks are missing in two of the four.
    alphabet = pre_tokenizers.ByteLevel.alphabet() if kind in ("gpt2", "llama3") else []
    trainer = trainers.BpeTrainer(
        vocab_size=700, initial_alphabet=alphabet, special_tokens=SPECIAL if kind == "smollm" else [], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS.splitlines(keepends=True) * 2, trainer)
    if kind == "llama3":
        # Tokens that no merge makes: only ignore_merges finds them.
        model = json.loads(tokenizer.to_str())["model"]
        for word in ("Ġbrothers", "brotherly", "ĠTh", "??!"):
            assert word not in model["vocab"]
            model["vocab"][word] = len(model["vocab"])
        tokenizer.model = models.BPE(
            vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], ignore_merges=True
        )
    elif kind == "qwen2":
        model = json.loads(tokenizer.to_str())["model"]
        model["vocab"]["<unk>"] = len(model["vocab"])
        tokenizer.model = models.BPE(
            vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], unk_token="<unk>", fuse_unk=True
        )
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.add_tokens(ADDED)
    if kind == "llama3":
        bos, eos = "<|endoftext|>", "<|im_end|>"
        template = processors.TemplateProcessing(
            single=f"{bos} $A {eos}", special_tokens=[(t, tokenizer.token_to_id(t)) for t in (bos, eos)]
        )
        tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    else:
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


WHITE_SPACE = [" ", "  ", "   ", "\t", "\n", "\r\n", "\r", "\n\n", "\v", "\f", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u3000"]
CURIOUS = (
    ["\x00", "\x1f", "\x7f", "\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\ufffd", "\ufffe", "\U0010ffff", "\u017f", "\u212a"]
    + ["½", "²", "Ⅷ", "٣", "९", "一", "𝟘", "①", "\U00011de0", "\U00016ff4", "\u1c89", "\u088f", "ǅ", "ʰ", "ª", "ﬁ", "İ", "ß"]
    + ["e\u0301", "é", "\u0301", "ก็", "한", "각", "👍🏽", "👩‍👩‍👧‍👦", "🇩🇪", "❤️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "\U0001f600"]
)
ENDINGS = ("s", "S", "t", "re", "rE", "ve", "VE", "m", "ll", "Ll", "d", "x", "l", "r", "\u017f")
APOSTROPHES = [apostrophe + ending for apostrophe in ("'", "’", "`") for ending in ENDINGS]
WORDS = (
    "the rights are free tokens tokens' Brüder свободными 平等 자유 الناس मनुष्यों don't IT'S x a "
    "brothers brotherly Th ??! <| |> zz zzz zzzz"
).split()
MARKERS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<left>", "<right>", "<both>", "<|im", "zz", "日本 語", "<|im_"]
SYMBOLS = list("!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "->", "«", "»", "—", "€", "∑", "://"]


def random_text(rng):
    pools = [WORDS] * 6 + [WHITE_SPACE] * 5 + [SYMBOLS] * 2 + [APOSTROPHES, CURIOUS, MARKERS, list("0123456789"), list("0123456789")]
    parts = []
    for _ in range(rng.choice((1, 2, 4, 8, 16))):
        if rng.random() < 0.08:
            code_point = rng.choice((rng.randrange(0x250), rng.randrange(0x3000), rng.randrange(0x20000), rng.randrange(0x110000)))
            parts.append(chr(code_point) if not 0xD800 <= code_point < 0xE000 else "\ufffd")
        else:
            parts.append(rng.choice(rng.choice(pools)) * rng.choice((1, 1, 1, 1, 2, 3)))
    return "".join(parts)


def torture_text():
    """Every general category, before and after a letter, a space and a digit."""
    samples = {}
    for c in range(0x110000):
        samples.setdefault(unicodedata.category(chr(c)), []).append(chr(c))
    samples.pop("Cs")
    parts = []
    for category in sorted(samples):
        for c in (samples[category][0], samples[category][len(samples[category]) // 2], samples[category][-1]):
            parts += [c, "a", c, c, " ", c, "1", c, "\n"]
    return "".join(parts) + "".join(WHITE_SPACE) + "a".join(WHITE_SPACE) + "a".join(APOSTROPHES) + " ".join(CURIOUS) + "".join(CURIOUS)


# Overlong forms, surrogates, beyond 10FFFF, truncated and stray bytes, each as maximal subparts of ill-formed sequences.
INVALID = [
    b"\x80", b"a\xffb", b"\xc0\xafx", b"\xc1\xbf", b"\xc2", b"\xc2 s", b"\xe0\x80\x80", b"\xe0\xa0", b"\xe2\x82 \xe2\x82\xac",
    b"\xed\xa0\x80\xed\xb0\x80", b"\xef\xbf", b"\xf0\x80\x80\x80", b"\xf0\x9f\x91", b"\xf0\x9f\x91\x8d\xf0\x9f",
    b"\xf4\x8f\xbf\xbf\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"free\xe4\xba and\xe4\xba\xba equal\xbf", b"<|im_end\xff|>", b"\xfe\xff",
]  # fmt: skip


def main():
    tokenizers = {}
    for kind in KINDS:
        tokenizer = train(kind)
        text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
        (HERE / f"tokenizer_{kind}.json").write_text(text + "\n", encoding="utf-8")
        tokenizers[kind] = tokenizer

    if len(sys.argv) == 4 and sys.argv[1] == "--random":
        rng = random.Random(2)
        with open(sys.argv[3], "w", encoding="utf-8") as file:
            for _ in range(int(sys.argv[2])):
                text = random_text(rng)
                print(json.dumps([text, [tokenizers[kind].encode(text).ids for kind in KINDS]]), file=file)
        return

    rng = random.Random(1)
    texts = ["", " ", "'", CORPUS[:400], torture_text(), *APOSTROPHES, *MARKERS] + [random_text(rng) for _ in range(250)]
    cases = {
        "texts": texts,
        "invalid_hex": [raw.hex() for raw in INVALID],
        "invalid_repaired": [raw.decode("utf-8", errors="replace") for raw in INVALID],
    }
    for kind, tokenizer in tokenizers.items():
        ids = [tokenizer.encode(text).ids for text in texts]
        cases[kind] = {
            "ids": ids,
            "decoded": [tokenizer.decode(each, skip_special_tokens=True) for each in ids],
            "invalid_ids": [tokenizer.encode(text, add_special_tokens=False).ids for text in cases["invalid_repaired"]],
        }
        tokenizer.encode_special_tokens = True
        cases[kind]["plain_ids"] = [tokenizer.encode(text, add_special_tokens=False).ids for text in MARKERS]
        tokenizer.encode_special_tokens = False
    cases["plain_texts"] = MARKERS
    # One list a line, so that a change of one tokenizer shows as one.
    lines = ",\n".join(json.dumps(key) + ":" + json.dumps(value, separators=(",", ":")) for key, value in cases.items())
    (HERE / "cases.json").write_text("{" + lines + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

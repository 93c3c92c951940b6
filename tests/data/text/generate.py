#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains small tokenizers and records what the packages they come from make of difficult texts.

Written with tokenizers 0.23.3, sentencepiece 0.2.3, gguf 0.19.0 and llama-cpp-python 0.3.36 (Python 3.11). Writes next to this file:
  tokenizer_KIND.json        the tokenizers: byte-level ones, and those that train_sentencepiece.py trains
  sentencepiece_KIND.gguf    the same SentencePiece vocabularies in GGUF
  cases.json                 texts and, for each tokenizer, their ids with and without special tokens (from tokenizers)
  sentencepiece_cases.json   the ids that sentencepiece gives to the same texts, and llama.cpp to texts with special tokens
  splits.json                for patterns and all behaviours of Split, a hash of the pieces' lengths in most of the texts of cases.json
  random.json                what random_strings() draws from, and a hash of the ids of every 100 of its 10,000 texts
"""

import json
import pathlib
import random
import unicodedata

import llama_cpp
import train_sentencepiece

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
KINDS = ("gpt2", "llama3", "qwen2", "smollm")
SENTENCEPIECE_KINDS = ("llama2", "mistral", "gemma")

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
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
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


class SplitMix64:
    """Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. The test has it too."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
        return (z ^ (z >> 31)) % bound


def random_string(seed, fragments):
    """1 to 16 fragments, some repeated, every twelfth a random code point. Every number drawn is one call of `below`, in this order."""
    rng = SplitMix64(seed)
    parts = []
    for _ in range(1 << rng.below(5)):
        if rng.below(12) == 0:
            code_point = rng.below((0x250, 0x3000, 0x20000, 0x110000)[rng.below(4)])
            parts.append(chr(code_point) if not 0xD800 <= code_point < 0xE000 else "\ufffd")
        else:
            parts.append(fragments[rng.below(len(fragments))] * (1, 1, 1, 1, 2, 3)[rng.below(6)])
    return "".join(parts)


def hash_of(lists_of_ids):
    """FNV-1a with 64 bits over the ids, each one step, and -1 behind every list."""
    value = 0xCBF29CE484222325
    for ids in lists_of_ids:
        for token in [*ids, 2**32 - 1]:
            value = ((value ^ token) * 0x100000001B3) % 2**64
    return f"{value:016x}"


def write_lines(name, values):
    """One key a line, so that a change of one tokenizer shows as one."""
    lines = ",\n".join(json.dumps(key) + ":" + json.dumps(value, separators=(",", ":")) for key, value in values.items())
    (HERE / name).write_text("{" + lines + "}\n", encoding="utf-8")


def write_sentencepiece(models, texts):
    special_texts = ["<s>a</s>", " <s> a  b </s>\n", "Hello<unk> world", "<s><s>", "a<pad>b", "</s", "<h1>Hi  <start_of_turn>  a\n\n\nb"]
    cases = {"special_texts": special_texts}
    for kind, model in models.items():
        path = HERE / f"sentencepiece_{kind}.gguf"
        train_sentencepiece.write_gguf(kind, model, path)
        llama = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
        ids = [model.encode(text) for text in texts]
        cases[kind] = {
            "ids": ids,
            "decoded": [model.decode(each) for each in ids],
            "special_ids": [llama.tokenize(text.encode(), special=True) for text in special_texts],
        }
    write_lines("sentencepiece_cases.json", cases)


CASED = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
ENDING = r"(?i:" + CONTRACTIONS + r")?"
PATTERNS = [
    LLAMA3,
    # GPT-4 and its possessive quantifiers, GPT-4o, parts of DeepSeek's, and what the two engines read differently.
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    r"[^\r\n\p{L}\p{N}]?" + CASED[0] + "*" + CASED[1] + "+" + ENDING + r"|[^\r\n\p{L}\p{N}]?" + CASED[0] + "+" + CASED[1] + "*" + ENDING
    + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    r"[一-龥\u3040-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
    r"\p{N}",
    r"\s+",
    r"[\S]+",
    r"\w+|[^\w\s]+",
    r"\W",
    r"\b",
    r"\B",
    r"\h+",
    r"x*",
    r"(?i)the|S",
    r"^.|a$",
]  # fmt: skip


def write_splits(texts):
    """Unicode 14.0 is PCRE2's and Python 3.11's; texts with characters that are younger are left out."""
    known = [i for i, text in enumerate(texts) if len(text) < 2000 and not any(unicodedata.category(c) == "Cn" for c in text)]
    hashes = {}
    for pattern in PATTERNS:
        hashes[pattern] = []
        for behavior in ("isolated", "removed", "merged_with_previous", "merged_with_next", "contiguous"):
            for invert in (False, True):
                splitter = pre_tokenizers.Split(Regex(pattern), behavior, invert)
                lengths = [[len(piece.encode()) for piece, _ in splitter.pre_tokenize_str(texts[i])] for i in known]
                hashes[pattern].append(hash_of(lengths))
    write_lines("splits.json", {"texts": known, "hashes": hashes})


def main():
    models = {kind: train_sentencepiece.train(kind, CORPUS) for kind in ("llama2", "gemma")}
    tokenizers = {kind: train(kind) for kind in KINDS}
    for kind in SENTENCEPIECE_KINDS:
        tokenizers[kind] = train_sentencepiece.to_tokenizers(kind, models["gemma" if kind == "gemma" else "llama2"])
        tokenizers[kind].add_special_tokens(SPECIAL)
        tokenizers[kind].add_tokens(ADDED)
    for kind, tokenizer in tokenizers.items():
        text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
        (HERE / f"tokenizer_{kind}.json").write_text(text + "\n", encoding="utf-8")

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
    write_lines("cases.json", cases)
    write_sentencepiece(models, texts)
    write_splits(texts)

    fragments = WORDS * 3 + WHITE_SPACE * 3 + SYMBOLS + APOSTROPHES + CURIOUS + MARKERS + list("0123456789") * 2
    strings = [random_string(seed, fragments) for seed in range(10_000)]
    hashes = {"fragments": fragments}
    for kind, encode in [(kind, lambda text, t=tokenizer: t.encode(text).ids) for kind, tokenizer in tokenizers.items()] + [
        ("sentencepiece_" + kind, model.encode) for kind, model in models.items()
    ]:
        ids = [encode(text) for text in strings]
        hashes[kind] = [hash_of(ids[i : i + 100]) for i in range(0, len(ids), 100)]
    write_lines("random.json", hashes)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Trains small SentencePiece vocabularies and writes them as Llama 2's, Mistral's and Gemma's files have them.

Used by generate.py; written with sentencepiece 0.2.3, tokenizers 0.23.3 and gguf 0.19.0.
"""

import io

import gguf
import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

MARK = "\u2581"
USER_DEFINED = ["<start_of_turn>", "\n\n", MARK * 2, MARK * 3, MARK * 4, "<h1>"]
NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def train(kind, corpus):
    """The trained model as a SentencePieceProcessor."""
    model = io.BytesIO()
    gemma = kind == "gemma"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus.splitlines()),
        model_writer=model,
        model_type="bpe",
        vocab_size=900 if gemma else 800,
        character_coverage=0.98,
        byte_fallback=True,
        split_digits=True,
        add_dummy_prefix=not gemma,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        allow_whitespace_only_pieces=True,
        user_defined_symbols=USER_DEFINED if gemma else [],
        unk_id=3 if gemma else 0,
        bos_id=2 if gemma else 1,
        eos_id=1 if gemma else 2,
        pad_id=0 if gemma else -1,
        num_threads=1,
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def pieces_of(kind, model):
    """(text, score, type) by id."""
    user_defined = USER_DEFINED if kind == "gemma" else []

    def type_of(i):
        for number, holds in ((UNKNOWN, model.is_unknown), (CONTROL, model.is_control), (UNUSED, model.is_unused), (BYTE, model.is_byte)):
            if holds(i):
                return number
        return USER if model.id_to_piece(i) in user_defined else NORMAL

    return [(model.id_to_piece(i), model.get_score(i), type_of(i)) for i in range(model.get_piece_size())]


def merges_of(pieces):
    """Every way to make a piece from two others, the best score first: what transformers extracts from such a model."""
    ids = {text: i for i, (text, _, _) in enumerate(pieces)}
    merges = []
    for text, score, number in pieces:
        if number not in (NORMAL, USER):
            continue
        ways = [(text[:i], text[i:]) for i in range(1, len(text))]
        ways = [way for way in ways if way[0] in ids and way[1] in ids]
        merges += [(left, right, score) for left, right in sorted(ways, key=lambda way: (ids[way[0]], ids[way[1]]))]
    merges.sort(key=lambda merge: (merge[2], len(merge[0]), len(merge[1])), reverse=True)
    return [(left, right) for left, right, _ in merges]


def to_tokenizers(kind, model):
    pieces = pieces_of(kind, model)
    vocabulary = {text: i for i, (text, _, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges_of(pieces), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    replace = normalizers.Replace(" ", MARK)
    undo = [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]
    if kind == "gemma":
        tokenizer.normalizer = replace
        tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    else:
        undo.append(decoders.Strip(" ", 1, 0))
        if kind == "llama2":
            tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), replace])
        else:
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=MARK, prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(undo)
    special = [text for text, _, number in pieces if number in (UNKNOWN, CONTROL)]
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special])
    if kind == "gemma":
        tokenizer.add_tokens([AddedToken(text, normalized=False) for text in USER_DEFINED])
    bos = "<s>"
    tokenizer.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, vocabulary[bos])])
    return tokenizer


def write_gguf(kind, model, path):
    """As llama.cpp's converter writes it: spaces of user-defined tokens are spaces."""
    pieces = pieces_of(kind, model)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([text.replace(MARK, " ") if number == USER else text for text, _, number in pieces])
    writer.add_token_scores([score for _, score, _ in pieces])
    writer.add_token_types([number for _, _, number in pieces])
    writer.add_bos_token_id(model.bos_id())
    writer.add_eos_token_id(model.eos_id())
    writer.add_unk_token_id(model.unk_id())
    writer.add_add_space_prefix(kind != "gemma")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

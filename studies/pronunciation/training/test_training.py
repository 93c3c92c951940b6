# SPDX-License-Identifier: Apache-2.0
"""pytest test_training.py: no leaks between the splits, exact resumption, exact export."""

import dataclasses
import pathlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import data
import evaluate
import experiments
import sampling
from export import export_model
from load import load
from model import Shape, Speller, drop
from options import Form, Options
from shared import orthogonalize
from train import Run, format_report

TINY = Options(
    words=60,
    width=16,
    heads=2,
    layers=2,
    hidden=32,
    batch=16,
    epochs=3,
    every=1.0,
    dropout=0.2,
    noise=0.1,
)


@pytest.fixture(scope="session")
def dictionary() -> list[data.Entry]:
    return data.load_dictionary()


@pytest.fixture(scope="session", params=[1, 2])
def parts(request, dictionary) -> dict[str, list[data.Entry]]:
    return data.split(dictionary, request.param)


@pytest.fixture
def few() -> dict[str, list[data.Entry]]:
    words = {
        "cat": ["K AE1 T"],
        "cats": ["K AE1 T S"],
        "at": ["AE1 T", "AH0 T"],
        "tac": ["T AE1 K"],
    }
    entries = [
        data.Entry(word, tuple(tuple(p.split()) for p in listed)) for word, listed in words.items()
    ]
    return {"train": 15 * entries, "development": entries}


def random_model() -> Speller:
    torch.manual_seed(7)
    model = Speller(Shape(len(data.TOKENS), width=16, layers=2, heads=2, hidden=32))
    model.norm.data += 0.2 * torch.randn(16)
    return model.eval().requires_grad_(False)


def words_of(entries: list[data.Entry]) -> set[str]:
    return {entry.word for entry in entries}


# The splits


def test_every_word_is_in_exactly_one_part(dictionary, parts):
    words = [entry.word for part in parts.values() for entry in part]
    assert len(words) == len(set(words)) == len(dictionary)
    assert len(parts["test"]) == 12000 and len(parts["development"]) == 4000


def test_no_word_of_a_family_part_has_a_relative_elsewhere(dictionary, parts):
    for name in ("family_test", "family_development"):
        inside = words_of(parts[name])
        outside = {entry.word for entry in dictionary} - inside
        for word in inside:
            assert not data.stems(word) & outside, word
        for word in outside:
            assert not data.stems(word) & inside, word


def test_a_family_is_a_stem_with_all_that_comes_of_it():
    words = [
        "bake",
        "baker",
        "bakers",
        "baking",
        "run",
        "running",
        "carry",
        "carried",
        "cat",
        "co-op",
        "coop",
    ]
    families = dict(zip(words, data.families(words)))
    for one, other in (
        ("bake", "bakers"),
        ("bake", "baking"),
        ("run", "running"),
        ("carry", "carried"),
        ("co-op", "coop"),
    ):
        assert families[one] == families[other]
    assert len(set(families.values())) == 5


def test_a_split_depends_on_its_seed_alone(dictionary):
    assert data.split(dictionary, 3) == data.split(dictionary, 3)
    assert words_of(data.split(dictionary, 3)["test"]) != words_of(
        data.split(dictionary, 4)["test"]
    )


def test_every_letter_and_phoneme_is_a_token(dictionary):
    for entry in dictionary:
        assert data.PAD not in data.encode_word(entry.word)
        for pronunciation in entry.pronunciations:
            assert (
                data.decode_pronunciation(data.encode_pronunciation(pronunciation)) == pronunciation
            )


# Tokens and batches


def test_a_form_says_how_a_word_is_read(few):
    ids = [data.ID[letter] for letter in "cat"]
    assert data.encode_word("cat") == [*ids, data.SEPARATOR]
    assert data.encode_word("cat", Form(reverse=True)) == [*ids[::-1], data.SEPARATOR]
    assert data.encode_word("cat", Form(echo=True)) == 2 * [*ids, data.SEPARATOR]
    reverse = Form(reverse=True)
    written = data.encode_pronunciation(("K", "AE1", "T"), reverse)
    assert written == [data.ID["T"], data.ID["AE1"], data.ID["K"], data.END]
    assert data.decode_pronunciation(written, reverse) == ("K", "AE1", "T")


def test_targets_follow_the_separator(few):
    pairs = data.make_pairs(few["development"])
    batch = data.make_batch(pairs, np.array([0, 4]))  # cat, tac
    assert batch.start == 3
    assert batch.inputs[0].tolist() == [
        *data.encode_word("cat"),
        *map(data.ID.get, ("K", "AE1", "T")),
    ]
    assert batch.targets[0].tolist() == [*map(data.ID.get, ("K", "AE1", "T")), data.END]


def test_batches_hold_every_pair_once(few):
    pairs = data.make_pairs(few["train"])
    for rng in (None, np.random.default_rng(1)):
        seen = np.concatenate([batch.indices for batch in data.batches(pairs, 16, rng)])
        assert sorted(seen) == list(range(75))


def test_every_word_is_new_to_one_of_eight_bags(dictionary):
    some = dictionary[:80]
    missing = [
        entry.word for fold in range(8) for entry in some if entry not in data.bag(some, fold)
    ]
    assert sorted(missing) == sorted(words_of(some))


# Training


def assert_equal(one, other):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            if key != "seconds" and key != "cpu_seconds":
                assert_equal(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for a, b in zip(one, other):
            assert_equal(a, b)
    else:
        assert one == other


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(few, tmp_path):
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = Run(TINY, few)
    assert whole.train(tmp_path / "whole", 1e9, lambda: False)
    parts = 0
    while True:
        run = Run(TINY, few)
        if parts:
            run.load(tmp_path / "parts")
        end = run.state["step"] + 4
        if run.train(tmp_path / "parts", 1e9, lambda: run.state["step"] >= end):
            break
        parts += 1
    assert parts > 2
    for file in ("checkpoint.pt", "best.pt"):
        assert_equal(
            *(torch.load(tmp_path / name / file, weights_only=True) for name in ("whole", "parts"))
        )


def test_a_checkpoint_of_other_options_is_refused(few, tmp_path):
    run = Run(TINY, few)
    run.save(tmp_path)
    with pytest.raises(ValueError, match="other options"):
        Run(dataclasses.replace(TINY, dropout=0.3), few).load(tmp_path)


def test_a_word_may_be_learned(few, tmp_path):
    options = dataclasses.replace(TINY, epochs=80, every=40.0, dropout=0.0, noise=0.0)
    run = Run(options, few)
    (tmp_path / "run").mkdir()
    run.train(tmp_path / "run", 1e9, lambda: False)
    report = run.report()
    assert report["final"]["last_by_error"]["error"] == 0
    assert "curve" in format_report(report)
    model, form = load("run", tmp_path, report)
    assert sampling.answer([model], ["cats"], form)[0][0] == ("K", "AE1", "T", "S")


def test_dropout_keeps_the_mean_and_drops_its_share():
    torch.manual_seed(1)
    dropped = drop(torch.ones(1000, 100), 0.25, True)
    assert abs((dropped == 0).float().mean() - 0.25) < 0.01
    assert abs(dropped.mean() - 1) < 0.01
    assert torch.equal(drop(torch.ones(3), 0.25, False), torch.ones(3))


def test_muon_brings_singular_values_near_one():
    generator = torch.Generator().manual_seed(1)
    values = torch.linalg.svdvals(orthogonalize(torch.randn(2, 8, 20, generator=generator)))
    assert ((values > 0.6) & (values < 1.3)).all()


# Decoding


def test_a_cache_does_not_change_logits():
    model, tokens = random_model(), torch.tensor([[3, 9, 4, 1, 40, 50]])
    cache = model.make_cache()
    parts = [
        model(tokens[:, :4], 0, cache),
        model(tokens[:, 4:5], 0, cache),
        model(tokens[:, 5:], 0, cache),
    ]
    torch.testing.assert_close(torch.cat(parts, 1), model(tokens), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(model(tokens, 3), model(tokens)[:, 3:], atol=1e-5, rtol=1e-5)


def test_fusion_by_mean_and_by_product():
    logits = torch.log(torch.tensor([[[0.2, 0.8]], [[0.5, 0.5]]]))
    torch.testing.assert_close(sampling.fuse(logits, "mean").exp(), torch.tensor([[0.35, 0.65]]))
    product = torch.tensor([[0.1, 0.4]]).sqrt()
    torch.testing.assert_close(sampling.fuse(logits, "product").exp(), product / product.sum())


def test_a_word_with_two_pronunciations_counts_both():
    logp, words = np.log([0.25, 0.25, 0.1]), np.array([0, 0, 1])
    assert sampling.nats_per_word(logp, words) == pytest.approx(-(np.log(0.5) + np.log(0.1)) / 2)


def test_samples_follow_the_models_probabilities():
    model = random_model()
    drawn = sampling.answer([model], ["cat"], temperature=1.0, samples=4000, seed=1)[0]
    first = (
        np.bincount([data.ID[p[0]] if p else data.END for p in drawn], minlength=len(data.TOKENS))
        / 4000
    )
    expected = F.softmax(model(torch.tensor([data.encode_word("cat")]), 3)[0, 0], -1).numpy()
    assert np.abs(first - expected).max() < 0.04  # five standard deviations of the likeliest


def test_the_choice_of_least_risk_is_the_middle_one():
    near, middle, far = ("K", "AE1", "T"), ("K", "AE1", "T", "S"), ("K", "AE1", "T", "S", "IH0")
    pool = [[near, middle, far, far]]
    assert evaluate.edit_distance(near, far) == 2
    assert evaluate.choose(pool, [np.log([0.4, 0.25, 0.35, 0.35])]) == [near]
    assert evaluate.choose_least_risk(pool, [np.log([0.4, 0.25, 0.35, 0.35])]) == [middle]


def test_a_sound_has_the_probability_of_all_its_stress_patterns():
    one, other, third = ("AH0", "B", "AW1", "T"), ("AH1", "B", "AW0", "T"), ("AE1", "B", "AW0", "T")
    scores = [np.log([0.3, 0.2, 0.4])]
    assert evaluate.choose([[one, other, third]], scores) == [third]
    assert evaluate.choose_sound([[one, other, third]], scores) == [one]


def test_a_comparison_is_paired(few):
    entries = few["development"]
    right = [entry.pronunciations[0] for entry in entries]
    comparison = evaluate.Comparison(entries)
    comparison.add("right", right)
    comparison.add("wrong at first", [("T",), *right[1:]])
    comparison.add_pool("pool", [[p, ("T",)] for p in right])
    assert comparison.table()["wrong at first"]["error"][0] == 0.25
    assert comparison.table()["pool, random"]["error"][0] == 0.5
    assert comparison.table()["pool, oracle"]["error"][0] == 0
    difference = comparison.differences("right", ["wrong at first"])["wrong at first"]["error"]
    assert difference[0] == -0.25 and difference[2] <= 0


def test_a_members_options_are_those_of_the_best_run_of_the_base():
    group = experiments.Group("x_seeds", ("2000_size",), {"0": {"seed": 5}})
    names = experiments.runs_of(next(g for g in experiments.GROUPS if g.name == "2000_size"))
    reports = {
        name: {
            "options": dataclasses.asdict(Options(width=32 + 2 * i)),
            "final": {
                "last_by_loss": {"error": 0.3 - 0.01 * (i == 3), "error_without_stress": 0.2}
            },
        }
        for i, name in enumerate(names)
    }
    assert experiments.resolve(group, reports)["x_seeds_0"] == Options(width=38, seed=5)
    del reports[names[0]]
    assert experiments.resolve(group, reports) is None


# Export


def test_an_exported_model_is_a_llama(tmp_path: pathlib.Path):
    transformers = pytest.importorskip("transformers")
    model, tokens = random_model(), torch.tensor([[3, 9, 4, 1, 40, 50], [30, 5, 20, 1, 90, 100]])
    export_model(model, Form(), tmp_path)
    llama = transformers.LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    torch.testing.assert_close(model(tokens), llama(tokens).logits.detach(), atol=1e-5, rtol=1e-5)

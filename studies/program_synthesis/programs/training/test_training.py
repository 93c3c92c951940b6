# SPDX-License-Identifier: Apache-2.0
"""python -m unittest test_training: what is exported is what was trained, as transformers and peft read it; and a sample's law."""

import pathlib
import tempfile
import unittest

import numpy as np
import torch
import torch.nn.functional as F
from peft import PeftModel
from transformers import LlamaForCausalLM

import data
from evaluate import fused
from export import export_adapter, export_model
from model import Expert, Shape, integer_features
from shared import orthogonalize
from sampling import sample
from train_value import examples_of, loss_of, reading, values_of

VOCABULARY = {"tokens": [""] * 40, "integers": {"first_id": 0, "first_value": -10, "count": 21}, "begin": 30, "end": 31, "pad": 32,
              "program": 33, "equals": 34, "separator": 35}
TOKENS = torch.tensor([[30, 3, 17, 20, 34, 5, 35, 33, 36, 38, 37], [30, 1, 2, 34, 0, 35, 33, 39, 36, 32, 32]])
ROWS = torch.tensor([[7, 8, 9, 10], [6, 7, 8, 8]])


def random_model(rank=0) -> Expert:
    torch.manual_seed(7)
    model = Expert(Shape(40, width=16, layers=2, heads=2, hidden=24), integer_features(VOCABULARY))
    if rank:
        model.add_adapters(rank, alpha=2 * rank)
    for parameter in model.parameters():
        parameter.data += 0.2 * torch.randn_like(parameter)
        # What float16 holds exactly, so that the file adds no difference of its own. The sum with the features is rounded once more.
        parameter.data = parameter.data.half().float()
    return model.eval()


class Export(unittest.TestCase):
    def compare(self, ours, theirs):
        np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=5e-3, rtol=2e-3)

    def test_a_model_is_a_llama(self):
        model = random_model()
        with tempfile.TemporaryDirectory() as folder:
            export_model(model, VOCABULARY, folder)
            llama = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
            self.assertEqual(llama.lm_head.weight.data_ptr(), llama.model.embed_tokens.weight.data_ptr())
            theirs = llama(TOKENS).logits
        self.compare(model(TOKENS, ROWS), theirs[torch.arange(2)[:, None], ROWS])

    def test_an_adapter_is_pefts(self):
        model = random_model(rank=3)
        base = Expert(model.shape, model.features).eval()
        base.load_state_dict({name: p for name, p in model.state_dict().items() if "lora" not in name})
        with tempfile.TemporaryDirectory() as folder:
            export_model(base, VOCABULARY, pathlib.Path(folder, "base"))
            export_adapter(model, pathlib.Path(folder, "adapter"))
            llama = LlamaForCausalLM.from_pretrained(pathlib.Path(folder, "base"), dtype=torch.float32)
            theirs = PeftModel.from_pretrained(llama, pathlib.Path(folder, "adapter"))(TOKENS).logits
        self.compare(model(TOKENS, ROWS), theirs[torch.arange(2)[:, None], ROWS])
        self.assertGreater((model(TOKENS, ROWS) - base(TOKENS, ROWS)).abs().max().item(), 0.1)


class Parts(unittest.TestCase):
    def test_the_gradient_of_the_norm(self):
        from shared import normalize
        self.assertTrue(torch.autograd.gradcheck(normalize, torch.randn(3, 4, 6, dtype=torch.float64, requires_grad=True)))

    def test_samples_follow_the_models_probabilities(self):
        model, prompt = random_model(), [30, 4, 34, 9, 35, 33]
        drawn = sample(model, [prompt], 4000, end=31, longest=2, seed=1)[0]
        first = np.bincount([program[0] for program in drawn], minlength=40) / 4000
        expected = F.softmax(model(torch.tensor([prompt]), torch.tensor([[5]]))[0, 0], -1).detach().numpy()
        self.assertLess(np.abs(first - expected).max(), 0.04)  # five standard deviations of the likeliest frequency
        most = int(first.argmax())
        if most != 31:
            second = np.bincount([program[1] for program in drawn if program[0] == most], minlength=40)
            expected = F.softmax(model(torch.tensor([prompt + [most]]), torch.tensor([[6]]))[0, 0], -1).detach().numpy()
            self.assertLess(np.abs(second / second.sum() - expected).max(), 5 * 0.5 / np.sqrt(second.sum()))

    def test_a_reading_has_the_program_first_and_asks_for_the_outputs(self):
        prompt, program = [30, 1, 34, 2, 35, 3, 34, 4, 5, 35, 33], [36, 31]
        read = reading(program, examples_of(prompt, VOCABULARY), VOCABULARY)
        self.assertEqual(read.tokens, [30, 33, 36, 31, 1, 34, 2, 35, 3, 34, 4, 5, 35])
        self.assertEqual([read.tokens[at] for at in read.outputs], [2, 35, 4, 5, 35])

    def test_a_value_is_the_log_probability_of_the_outputs(self):
        model, sampled = random_model(), [([30, 1, 34, 2, 35, 33], [[36, 31], [37, 38, 31]])]
        for value, program in zip(values_of(model, sampled, VOCABULARY)[0], sampled[0][1]):
            tokens, at = [30, 33, *program, 1, 34, 2, 35], len(program) + 4
            logp = F.log_softmax(model(torch.tensor([tokens]), torch.tensor([[at - 1, at]]))[0], -1)
            self.assertAlmostEqual(value, (logp[0, 2] + logp[1, 35]).item(), places=4)

    def test_a_right_candidate_above_a_wrong_one_of_its_own_prompt_costs_little(self):
        logp, counts = torch.tensor([[-1.0], [-9.0], [-30.0], [0.0]]), torch.ones(4, dtype=torch.long)
        right, prompts = torch.tensor([True, False, True, False]), torch.tensor([0, 0, 1, 1])
        pairs = np.log1p(np.exp(-8)), np.log1p(np.exp(30))  # the other prompt's candidates are in no pair
        self.assertAlmostEqual(loss_of(logp, counts, right, prompts, 0.5).item(), 15.5 + 0.5 * np.mean(pairs), places=4)
        self.assertAlmostEqual(loss_of(logp, counts, right, prompts, 0).item(), 15.5, places=5)

    def test_muon_brings_singular_values_near_one(self):
        values = torch.linalg.svdvals(orthogonalize(torch.randn(2, 8, 20, generator=torch.Generator().manual_seed(1))))
        self.assertTrue(bool(((values > 0.6) & (values < 1.3)).all()), values)

    def test_fusion_is_the_mean_of_probabilities(self):
        logp = np.log(np.array([[[0.2, 0.5]], [[0.6, 0.1]]]))
        np.testing.assert_allclose(np.exp(fused(logp)), [[0.4, 0.3]])

    def test_targets_stand_where_they_are_predicted(self):
        batch = data.collate([[30, 1, 33], [30, 33]], [[36, 31], [37, 38, 31]], [4, 9], VOCABULARY)
        self.assertEqual(batch.tokens.tolist(), [[30, 1, 33, 36], [30, 33, 37, 38]])
        self.assertEqual(batch.rows.tolist(), [[2, 3, 3], [1, 2, 3]])
        self.assertEqual(batch.targets.tolist(), [[36, 31, data.IGNORED], [37, 38, 31]])

    def test_outputs_are_predicted_from_the_second_example_on(self):
        prompt = [30, 1, 34, 2, 35, 3, 34, 4, 5, 35, 6, 34, 35, 33]
        batch = data.collate([prompt, [30, 33]], [[31], [31]], [0, 1], VOCABULARY, outputs=True)
        self.assertEqual(batch.output_rows.tolist(), [[6, 7, 8, 11], [0, 0, 0, 0]])
        self.assertEqual(batch.output_targets.tolist(), [[4, 5, 35, 35], [data.IGNORED] * 4])

    def test_every_problem_is_new_to_one_of_eight_bags(self):
        problem = data.Problem([], [], [], "list", 0, 1)
        bags = [data.choose_bag([problem] * 24, fold, None) for fold in range(8)]
        self.assertEqual(sorted(i for bag in bags for i in range(24) if i not in bag), list(range(24)))


if __name__ == "__main__":
    unittest.main()

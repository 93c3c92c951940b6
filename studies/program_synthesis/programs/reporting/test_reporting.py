# SPDX-License-Identifier: Apache-2.0
"""python -m unittest reporting.test_reporting, in studies/program_synthesis/programs"""

import itertools
import unittest

import numpy as np

from reporting.outcomes import Candidates, System, best_pick, random_pick, vote_pick
from reporting.statistics import Bootstrap, error_correlation, pass_at_k, team_pass_at_k


def one_problem(shown, solved, own_sum, behavior):
    """A system of one writer with four samples of one problem, two tokens each."""
    columns = {"valid": [int(b >= 0) for b in behavior], "shown": shown, "solved": solved, "behavior": behavior, "own_sum": own_sum, "length": [2] * 4,
               "all_mean": [None] * 4, "value": [None] * 4}
    return Candidates(System({"name": "", "writers": 1, "samples": 4, "temperature": 1, "costs": [], "outcomes": columns}, 1), slice(0, 4))


class Selectors(unittest.TestCase):
    def test_filter_passes_those_that_pass_the_shown_examples(self):
        c = one_problem(shown=[0, 3, 3, 1], solved=[0, 0, 1, 0], own_sum=[-1, -4, -3, -2], behavior=[0, 1, 2, 3])
        self.assertEqual(best_pick(c.scores["own mean"], c, filtered=False), 0)
        self.assertEqual(best_pick(c.scores["own mean"], c, filtered=True), 1)
        self.assertEqual(random_pick(c, filtered=False), 0.25)
        self.assertEqual(random_pick(c, filtered=True), 0.5)

    def test_filter_passes_everybody_where_nobody_passes(self):
        c = one_problem(shown=[0, 2, 0, 0], solved=[0, 0, 0, 1], own_sum=[-2, -3, -4, -1], behavior=[0, 1, 2, 3])
        self.assertEqual(best_pick(c.scores["own mean"], c, filtered=True), 1)

    def test_programs_that_do_the_same_vote_together_and_what_is_no_program_alone(self):
        c = one_problem(shown=[0] * 4, solved=[0, 0, 1, 1], own_sum=[-1, -2, -3, -4], behavior=[-1, -1, 5, 5])
        self.assertEqual(vote_pick(c, np.ones((1, 4)), filtered=False), 1)
        self.assertEqual(vote_pick(c, np.array([[9.0, 1, 1, 1]]), filtered=False), 0)


class Statistics(unittest.TestCase):
    def test_pass_at_k_counts_the_draws(self):
        solved = np.array([[1, 1, 0, 0], [0, 0, 0, 0]])
        np.testing.assert_allclose(pass_at_k(solved, 2), [5 / 6, 0])

    def test_a_teams_pass_at_k_counts_the_even_draws(self):
        solved = (np.random.default_rng(3).random((3, 3, 3)) < 0.4).astype(float)
        for k in range(1, 8):
            few, more = divmod(k, 3)
            for p, got in enumerate(team_pass_at_k(solved, k)):
                hits = []
                for givers in itertools.combinations(range(3), more):
                    draws = [itertools.combinations(range(3), few + (w in givers)) for w in range(3)]
                    hits += [any(solved[p, w, i] for w in range(3) for i in draw[w]) for draw in itertools.product(*map(list, draws))]
                self.assertAlmostEqual(got, np.mean(hits))

    def test_intervals_are_paired(self):
        rng = np.random.default_rng(0)
        a = (rng.random(500) < 0.5).astype(float)
        bootstrap = Bootstrap(500, resamples=1000)
        estimate, low, high = bootstrap.mean(a)
        self.assertAlmostEqual(high - low, 2 * 1.96 * np.sqrt(0.25 / 500), delta=0.01)
        self.assertTrue(low < estimate < high)
        np.testing.assert_allclose(bootstrap.difference(a, a - 0.25), [0.25] * 3, atol=1e-6)

    def test_experts_that_solve_the_same_are_correlated_and_others_are_not(self):
        rate = np.random.default_rng(1).random((4000, 1, 1)) > 0.5
        solved = np.concatenate([np.repeat(rate, 4, 2), np.repeat(rate, 4, 2), np.repeat(rate[::-1], 4, 2)], 1).astype(float)
        matrix = error_correlation(solved)
        self.assertAlmostEqual(matrix[0, 1], 1)
        self.assertAlmostEqual(matrix[0, 2], 0, delta=0.06)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Intervals, pass@k and the correlation of errors."""

from math import comb

import numpy as np


class Bootstrap:
    """Percentile intervals over problems. Every figure sees the same resamples, so that differences are paired."""

    def __init__(self, problems, resamples=10000, confidence=0.95, seed=0):
        generator = np.random.default_rng(seed)
        self.counts = np.stack([np.bincount(generator.integers(0, problems, problems), minlength=problems) for _ in range(resamples)])
        self.counts = self.counts.astype(np.float32) / problems
        self.quantiles = ((1 - confidence) / 2, (1 + confidence) / 2)

    def interval(self, statistic, *columns):
        """(estimate, low, high) of statistic(mean of each column)."""
        means = [self.counts @ column.astype(np.float32) for column in columns]
        with np.errstate(divide="ignore", invalid="ignore"):
            values = statistic(*means)
            estimate = float(statistic(*[np.float64(column.mean()) for column in columns]))
        values = values[np.isfinite(values)]
        low, high = np.quantile(values, self.quantiles) if len(values) else (np.nan, np.nan)
        return estimate, float(low), float(high)

    def mean(self, column):
        return self.interval(lambda m: m, column)

    def difference(self, a, b):
        return self.interval(lambda m: m, a - b)

    def ratio(self, a, b):
        return self.interval(lambda x, y: x / y, a, b)

    def gap_recovered(self, random, selected, oracle):
        return self.interval(lambda r, s, o: (s - r) / (o - r), random, selected, oracle)


def pass_at_k(solved, k):
    """Unbiased, for each problem; samples of all writers in one pool: solved is [problems, samples]."""
    n = solved.shape[1]
    return np.array([1 - comb(n - int(c), k) / comb(n, k) for c in solved.sum(1)])


def team_pass_at_k(solved, k):
    """The same for k samples spread over the writers as evenly as k allows, the writers that give one more drawn at random:
    solved is [problems, writers, samples]."""
    writers, n = solved.shape[1:]
    wrong = n - solved.sum(2).astype(int)
    few, more = k // writers, k % writers
    # The coefficient of x^more in the product of (fails(few) + fails(few + 1) x) sums over which writers give one more.
    def fails(count):
        return np.array([[comb(w, count) / comb(n, count) for w in row] for row in wrong])

    ways = np.zeros((writers + 1, len(solved)))
    ways[0] = 1
    low, high = fails(few), fails(few + 1) if more else np.zeros_like(wrong)
    for w in range(writers):
        grown = ways * low[:, w]
        grown[1:] += ways[:-1] * high[:, w]
        ways = grown
    return 1 - ways[more] / comb(writers, more)


def error_correlation(solved):
    """Correlations of two experts' pass rates, from different halves of the samples, so that an expert has one with itself:
    [experts, experts]."""
    half = solved.shape[2] // 2
    first, second = solved[:, :, :half].mean(2).T, solved[:, :, half : 2 * half].mean(2).T
    experts = len(first)
    cross = np.corrcoef(first, second)[:experts, experts:]
    return (cross + cross.T) / 2

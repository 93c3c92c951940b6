# SPDX-License-Identifier: Apache-2.0
"""Draws the learning curves of results/runs.json.

    python plot.py results/runs.json results/learning_curves.svg
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "tutti"  # the same file from the same figures
matplotlib.rcParams["svg.fonttype"] = "none"
import matplotlib.pyplot as plt

STYLES = ["-", "--", ":", "-."]


def main(source, target):
    results = json.loads(pathlib.Path(source).read_text())
    groups = {}
    for name, run in results["runs"].items():
        if not name.startswith("first_data"):  # of other problems
            groups.setdefault(run["group"], []).append((name, run))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), gridspec_kw={"width_ratios": [3, 2]})
    for number, (group, runs) in enumerate(groups.items()):
        for i, (_, run) in enumerate(runs):
            epochs, nll = zip(*((point["epoch"], point["development"]) for point in run["curve"]))
            left.plot(epochs, nll, color=f"C{number % 10}", linestyle=STYLES[number // 10 % len(STYLES)], linewidth=1, alpha=0.8,
                      label=group if i == 0 else None)
    left.set(xlabel="epoch", ylabel="nats per program", title="Development set while training", ylim=(4.5, 12))
    left.legend(fontsize=6, ncol=2)
    fused = {name: members for name, members in results["sets"].items() if members["fusion"]}
    for name, members in fused.items():
        sizes = [1] + [int(n) for n in members["fusion"]]
        right.plot(sizes, [members["mean"]] + list(members["fusion"].values()), marker="o", markersize=3, label=name)
    right.set(xlabel="members fused", title="Token fusion", xscale="log", xticks=[1, 2, 4, 8], xticklabels=[1, 2, 4, 8], ylim=(4.5, 7))
    right.minorticks_off()
    right.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main(*sys.argv[1:])

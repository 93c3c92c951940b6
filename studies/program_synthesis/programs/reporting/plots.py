# SPDX-License-Identifier: Apache-2.0
"""The report's plots, as SVG."""

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "tutti", "svg.fonttype": "none", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
import matplotlib.pyplot as plt  # noqa: E402


def save(figure, path):
    # No date and a fixed salt: the same figures give the same file.
    figure.savefig(path, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def pass_at_k(curves, path):
    figure, axes = plt.subplots(figsize=(6.4, 4.2))
    for name, values in curves.items():
        axes.plot(range(1, len(values) + 1), values, marker="o", markersize=3, label=name)
    axes.set(xlabel="k programs", ylabel="pass@k", xlim=(0.5, 16.5), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, path)


def gain_against_cost(curves, path):
    """curves: name -> [(operations, solved, low, high)]"""
    figure, axes = plt.subplots(figsize=(6.4, 4.2))
    for name, points in curves.items():
        x, y, low, high = map(list, zip(*points))
        axes.errorbar(x, y, yerr=[[a - b for a, b in zip(y, low)], [b - a for a, b in zip(y, high)]], marker="o", markersize=3, linewidth=1, capsize=2, label=name)
    axes.set(xscale="log", xlabel="floating-point operations a problem", ylabel="solved", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, path)


def selectors(rows, bounds, path):
    """rows: selector -> ((share, low, high) without, with the check); bounds: (random, oracle)"""
    figure, axes = plt.subplots(figsize=(6.4, 4.2))
    for offset, (label, color) in enumerate([("nothing is run", "tab:orange"), ("filter by the shown examples first", "tab:blue")]):
        for y, parts in enumerate(rows.values()):
            share, low, high = parts[offset]
            axes.barh(y + 0.4 * offset - 0.2, share, 0.36, color=color, label=label if y == 0 else None)
            axes.plot([low, high], [y + 0.4 * offset - 0.2] * 2, color="black", linewidth=1)
    for x, style, label in zip(bounds, (":", "--"), ("one random program", "oracle")):
        axes.axvline(x, color="gray", linestyle=style, linewidth=1, label=label)
    axes.set(yticks=range(len(rows)), yticklabels=rows, xlabel="solved")
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    save(figure, path)


def correlation(matrix, path):
    figure, axes = plt.subplots(figsize=(4.6, 3.8))
    image = axes.imshow(matrix, vmin=0, vmax=1, cmap="viridis")
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color="white" if value < 0.6 else "black")
    axes.set(xlabel="expert", ylabel="expert", xticks=range(len(matrix)), yticks=range(len(matrix)))
    figure.colorbar(image, label="correlation of pass rates")
    save(figure, path)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes docs/evaluation.md, its plots and docs/evaluation/results.json of what evaluate_programs wrote.

    build/demo/studies/program_synthesis/evaluate_programs && python3 studies/program_synthesis/programs/report.py

Needs numpy and matplotlib. Every sentence that concludes something is computed from an interval.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from reporting import plots
from reporting.outcomes import SELECTORS, can_be_asked, load, oracle, select
from reporting.statistics import Bootstrap, error_correlation, pass_at_k, team_pass_at_k

KINDS = {"experts": "eight experts", "adapters": "eight adapters on one base"}
TOGETHER = 2  # programs from each expert of a team: 8 x 2


def text(interval, digits=3):
    return "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*interval, d=digits)


def signed(interval):
    return "{:+.3f} [{:+.3f}, {:+.3f}]".format(*interval)


def percent(interval):
    return "{:.0f} % [{:.0f}, {:.0f}]".format(*(100 * x for x in interval))


def verdict(interval, goal):
    """Where the interval lies decides, not the estimate."""
    estimate, low, high = interval
    if low >= goal:
        return "**holds**"
    if high < goal:
        return "**does not hold**"
    reached = "the estimate reaches it" if estimate >= goal else "the estimate misses it"
    return f"**is not decided**: the interval contains the goal, {reached}" + (", and all of it is above 0" if 0 < low and goal < 0.1 else "")


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join(["---"] * len(header)) + " |"]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


class Report:
    def __init__(self, source, folder):
        self.data, self.systems = load(source)
        self.folder = folder
        self.problems = len(self.data["problems"])
        self.bootstrap = Bootstrap(self.problems)
        self.results = {"problems": self.problems, "seed": self.data["seed"]}
        self.enumeration = np.array(self.data["enumeration"]["solved"], float)
        # How many programs each model alone can write for the operations that 8 x 2 programs cost.
        spent = max(self.writing_cost(kind) for kind in KINDS)
        self.affordable = {name: self.programs_for(self.systems[name], spent) for name in ("single", *(f"{kind}: best expert" for kind in KINDS))}
        self.columns = {}  # name of a line -> chance of solving each problem
        self.define_columns()

    def writing_cost(self, kind):
        """Operations that a team's programs cost, nobody but their writers reading them."""
        return next(cost["write_flops"] for cost in self.systems[kind].costs if cost["samples"] == TOGETHER)

    @staticmethod
    def programs_for(system, flops):
        """How many programs the system can write for as many operations, of those that were drawn."""
        samples, costs = zip(*((cost["samples"], cost["write_flops"]) for cost in system.costs))
        return int(np.interp(flops, costs, samples))

    def define_columns(self):
        """Every line that is compared, by name."""
        c, s = self.columns, self.systems
        for kind in KINDS:
            team, best = s[kind], s[f"{kind}: best expert"]
            c[f"{kind}: one random program"] = select(team, TOGETHER, "random", False)
            c[f"{kind}: best expert, greedy"] = select(s[f"{kind}: best expert, greedy"], 1, "random", False)
            for name, selector in (("own", "own mean log p"), ("all", "all experts' log p"), ("value", "value model"), ("value + all", "value model + all experts' log p"),
                                   ("vote", "majority vote")):
                for filtered in (True, False):
                    how = ("filter + " if filtered else "") + name
                    c[f"{kind}: 8 x 2, {how}"] = select(team, TOGETHER, selector, filtered)
                    c[f"{kind}: best expert x 16, {how}"] = select(best, 16, selector, filtered)
            c[f"{kind}: 8 x 2, oracle"] = oracle(team, TOGETHER)
            c[f"{kind}: best expert x 16, oracle"] = oracle(best, 16)
            c[f"{kind}: fusion, greedy"] = select(s[f"{kind}: fusion, greedy"], 1, "random", False)
            c[f"{kind}: fusion x 16, filter + own"] = select(s[f"{kind}: fusion"], 16, "own mean log p", True)
            c[f"{kind}: fusion x 16, own"] = select(s[f"{kind}: fusion"], 16, "own mean log p", False)
            c[f"{kind}: fusion x 16, oracle"] = oracle(s[f"{kind}: fusion"], 16)
        for name in ("single", "base"):
            c[f"{name}: greedy"] = select(s[f"{name}, greedy"], 1, "random", False)
            for short, selector in (("own", "own mean log p"), ("value", "value model"), ("value + all", "value model + all experts' log p"),
                                    ("vote", "majority vote")):
                for filtered in (True, False):
                    c[f"{name} x 16, " + ("filter + " if filtered else "") + short] = select(s[name], 16, selector, filtered)
            c[f"{name} x 16, oracle"] = oracle(s[name], 16)
        for name, k in self.affordable.items():
            c[f"{name} x {k}, filter + own"] = select(s[name], k, "own mean log p", True)
        c["enumeration"] = self.enumeration

    def mean(self, name):
        return self.bootstrap.mean(self.columns[name])

    def difference(self, a, b):
        return self.bootstrap.difference(self.columns[a], self.columns[b])

    def same_operations(self, name):
        """The line of a model alone that costs what 8 x 2 costs."""
        return f"{name} x {self.affordable[name]}, filter + own"

    # --- sections -----------------------------------------------------------------------------------------------------

    def summary(self):
        lines = []
        for kind in KINDS:
            lines += [f"{kind}: one random program", f"{kind}: best expert, greedy", f"{kind}: best expert x 16, filter + own",
                      self.same_operations(f"{kind}: best expert"), f"{kind}: fusion, greedy",
                      f"{kind}: fusion x 16, filter + own", f"{kind}: 8 x 2, filter + own", f"{kind}: 8 x 2, filter + all", f"{kind}: 8 x 2, value",
                      f"{kind}: 8 x 2, oracle"]
        lines += ["base: greedy", "base x 16, filter + own", "single: greedy", "single x 16, filter + own", "single x 16, value"]
        lines = list(dict.fromkeys(lines + [self.same_operations("single"), "single x 16, oracle", "enumeration"]))
        by_language = {language: np.array([p["language"] == language for p in self.data["problems"]]) for language in ("list", "string")}
        rows = []
        for name in lines:
            column = self.columns[name]
            rows.append([name, text(self.mean(name))] + [f"{column[mask].mean():.3f}" for mask in by_language.values()]
                        + [signed(self.difference(name, "single x 16, filter + own"))])
        self.results["lines"] = {name: self.mean(name) for name in self.columns}
        return table(["system", "solved", "lists", "texts", "minus single x 16, filter + own"], rows) + (
            "\nLines with other numbers of programs than 16 are one model with as many operations as 8 x 2.\n")

    def goals(self):
        rows = []
        for kind, label in KINDS.items():
            c = self.columns
            pick, best = f"{kind}: 8 x 2, filter + all", f"{kind}: 8 x 2, oracle"
            recovered = self.bootstrap.ratio(c[pick], c[best])
            rows.append([label, "filter + all experts' log p solves >= 95 % of what the oracle solves", percent(recovered), verdict(recovered, 0.95)])
            gap = self.bootstrap.gap_recovered(c[f"{kind}: one random program"], c[f"{kind}: 8 x 2, value"], c[best])
            rows.append([label, "without any execution, the value model recovers >= 45 % of the gap between random and oracle", percent(gap), verdict(gap, 0.45)])
            gap = self.bootstrap.gap_recovered(c[f"{kind}: one random program"], c[f"{kind}: 8 x 2, value + all"], c[best])
            rows.append([label, "the same, of the value model and all experts' log p together", percent(gap), verdict(gap, 0.45)])
            for how in ("own", "all"):
                gain = self.difference(f"{kind}: 8 x 2, filter + {how}", f"{kind}: best expert x 16, filter + {how}")
                rows.append([label, f"8 x 2 beats the best expert x 16 by >= .03, both filter + {how}", signed(gain), verdict(gain, 0.03)])
            gain = self.difference(f"{kind}: 8 x 2, filter + own", self.same_operations(f"{kind}: best expert"))
            rows.append([label, f"8 x 2 beats {self.same_operations(f'{kind}: best expert')} (> 0): equal operations", signed(gain), verdict(gain, np.nextafter(0, 1))])
            for ours, theirs in ((f"{kind}: 8 x 2, filter + own", "single x 16, filter + own"), (pick, "single x 16, filter + own"),
                                 (f"{kind}: fusion x 16, filter + own", "single x 16, filter + own"), (f"{kind}: fusion, greedy", "single: greedy")):
                gain = self.difference(ours, theirs)
                rows.append([label, f"{ours.split(': ')[1]} beats {theirs} (> 0)", signed(gain), verdict(gain, np.nextafter(0, 1))])
        self.results["goals"] = [row[:3] + [row[3].replace("*", "")] for row in rows]
        return table(["ensemble", "goal", "measured", "verdict"], rows)

    def comparisons(self):
        """Comparisons of an ensemble with one model: the same number of programs or of operations, the same selector or the nearest."""
        rows = []
        for kind in KINDS:
            for how in ("own", "value", "vote", "filter + own", "filter + value", "filter + vote", "value + all"):
                for rival in (f"{kind}: best expert", "base", "single"):
                    rows.append((f"{kind}: 8 x 2, {how}", f"{rival} x 16, {how}"))
            for how in ("all", "filter + all"):
                rows.append((f"{kind}: 8 x 2, {how}", f"{kind}: best expert x 16, {how}"))
                rows.append((f"{kind}: 8 x 2, {how}", f"single x 16, {how.replace('all', 'own')}"))
            rows += [(f"{kind}: 8 x 2, filter + own", self.same_operations(f"{kind}: best expert")), (f"{kind}: 8 x 2, filter + own", self.same_operations("single"))]
            rows += [(f"{kind}: fusion x 16, filter + own", "single x 16, filter + own"), (f"{kind}: fusion x 16, own", "single x 16, own"),
                     (f"{kind}: fusion, greedy", "single: greedy"), (f"{kind}: fusion, greedy", "base: greedy"), (f"{kind}: fusion, greedy", f"{kind}: best expert, greedy")]
        measured = sorted(((self.difference(a, b), a, b) for a, b in dict.fromkeys(rows)), key=lambda row: row[0][0])
        self.results["comparisons"] = [[a, b, *interval] for interval, a, b in measured]
        better = sum(interval[1] > 0 for interval, _, _ in measured)
        worse = sum(interval[2] < 0 for interval, _, _ in measured)
        sentence = (f"Of {len(measured)} comparisons, the ensemble is better in {better}, worse in {worse}, and in "
                    f"{len(measured) - better - worse} the interval contains 0. The worst for us, the best for us, and all others:\n\n")
        ends = [measured[0], measured[-1]]
        full = [[a, b, signed(interval)] for interval, a, b in measured]
        sentence = ("The same number of programs in every pair but these: for the operations that 8 x 2 programs cost, where every expert must read the prompt, "
                    + ", ".join(f"{name} writes {k}" for name, k in self.affordable.items()) + ".\n\n") + sentence
        return (sentence + table(["ensemble", "opponent", "difference"], [[a, b, signed(interval)] for interval, a, b in ends])
                + "\n<details><summary>All comparisons, worst first</summary>\n\n" + table(["ensemble", "opponent", "difference"], full) + "\n</details>\n")

    def curves(self):
        s = self.systems
        ks = range(1, 17)
        curves = {}
        for kind, label in KINDS.items():
            curves[label] = [team_pass_at_k(s[kind].solved, k).mean() for k in ks]
            curves[f"best of the {kind}"] = [pass_at_k(s[f"{kind}: best expert"].solved[:, 0], k).mean() for k in ks]
            curves[f"fusion of the {kind}"] = [pass_at_k(s[f"{kind}: fusion"].solved[:, 0], k).mean() for k in ks]
        curves["mean of the experts"] = [np.mean([pass_at_k(s["experts"].solved[:, e], k).mean() for e in range(s["experts"].writers)]) for k in ks]
        curves["base"] = [pass_at_k(s["base"].solved[:, 0], k).mean() for k in ks]
        curves["single model"] = [pass_at_k(s["single"].solved[:, 0], k).mean() for k in ks]
        plots.pass_at_k(curves, self.folder / "pass_at_k.svg")
        self.results["pass_at_k"] = curves
        shown = (1, 2, 4, 8, 16)
        rows = [[name] + [f"{values[k - 1]:.3f}" for k in shown] for name, values in curves.items()]
        last = self.bootstrap.difference(team_pass_at_k(s["experts"].solved, 16), pass_at_k(s["single"].solved[:, 0], 16))
        first = self.bootstrap.difference(team_pass_at_k(s["experts"].solved, 1), pass_at_k(s["single"].solved[:, 0], 1))
        return (table(["pass@k"] + [f"k = {k}" for k in shown], rows)
                + f"\nEight experts minus the single model: {signed(first)} at k = 1, {signed(last)} at k = 16. Each system samples at its own temperature.\n")

    def selectors(self):
        parts = []
        entries = [(f"{label}, 8 x 2", self.systems[kind], TOGETHER) for kind, label in KINDS.items()]
        entries += [("best of the experts x 16", self.systems["experts: best expert"], 16), ("single model x 16", self.systems["single"], 16)]
        for label, system, samples in entries:
            random, best = select(system, samples, "random", False), oracle(system, samples)
            rows, bars = [], {}
            for selector in SELECTORS:
                if not can_be_asked(system, selector) or (system.name == "single" and selector in ("all experts' log p", "vote weighted by all experts' p")):
                    continue
                picked = [select(system, samples, selector, filtered) for filtered in (False, True)]
                bars[selector] = [self.bootstrap.mean(p) for p in picked]
                rows.append([selector] + [cell for p, bar in zip(picked, bars[selector]) for cell in (text(bar), percent(self.bootstrap.gap_recovered(random, p, best)))])
            self.results.setdefault("selectors", {})[label] = bars
            if system.name == "experts":
                plots.selectors(bars, (random.mean(), best.mean()), self.folder / "selectors.svg")
            parts.append(f"{label[0].upper() + label[1:]} (random {text(self.bootstrap.mean(random))}, oracle {text(self.bootstrap.mean(best))}):\n\n"
                         + table(["selector", "nothing is run", "of the gap", "filter first", "of the gap"], rows))
        return "\n".join(parts)

    def correlation(self):
        rows = []
        for kind, label in KINDS.items():
            system = self.systems[kind]
            matrix = error_correlation(system.solved)
            off = matrix[~np.eye(len(matrix), dtype=bool)]
            self.results.setdefault("error_correlation", {})[kind] = matrix.tolist()
            plots.correlation(matrix, self.folder / f"correlation_{kind}.svg")
            solved = system.solved.mean(2)
            rows.append([label, f"{off.mean():.2f} ({off.min():.2f} to {off.max():.2f})", f"{np.diag(matrix).mean():.2f}", f"{off.mean() / np.diag(matrix).mean():.2f}",
                         f"{(solved > 0).any(1).mean():.3f}", f"{(solved > 0).all(1).mean():.3f}"])
        return table(["", "two experts", "an expert with itself", "ratio", "solved by any of 8 x 16", "solved by every expert in 16"], rows)

    def cost(self):
        curves, rows = {}, []
        entries = [(label, self.systems[kind], "all experts' log p", "write_and_read_flops") for kind, label in KINDS.items()]
        entries += [(f"{label}, own log p", self.systems[kind], "own mean log p", "write_flops") for kind, label in KINDS.items()]
        entries += [("best of the experts", self.systems["experts: best expert"], "own mean log p", "write_flops"),
                    ("single model", self.systems["single"], "own mean log p", "write_flops"),
                    ("fusion of the experts", self.systems["experts: fusion"], "own mean log p", "write_flops")]
        for label, system, selector, flops in entries:
            for cost in system.costs:
                share = self.bootstrap.mean(select(system, cost["samples"], selector, True))
                curves.setdefault(label, []).append((cost[flops], *share))
                rows.append([label, cost["samples"] * system.writers, f"{cost[flops] / 1e6:.1f}", text(share)])
        plots.gain_against_cost(curves, self.folder / "cost.svg")
        self.results["cost"] = curves
        return table(["filter, then log p", "programs", "Mflop a problem", "solved"], rows)

    def development(self):
        rows = []
        for choice in self.data["development"]:
            sampled = choice["sampled"]
            best = max(sampled, key=lambda entry: entry["together"])
            rows.append([choice["name"], "; ".join(f"{e['temperature']:.2g}: {e['together']:.3f}" for e in sampled), f"{best['temperature']:.2g}",
                         ", ".join(f"{x:.3f}" for x in choice["greedy"])])
        return table(["system", "temperature: solved", "chosen", "greedy, each writer"], rows)

    def write(self, page):
        self.folder.mkdir(parents=True, exist_ok=True)
        s = self.systems
        name = self.folder.name
        enumeration = self.mean("enumeration")
        ours = max((n for n in self.columns if "oracle" not in n and n != "enumeration"), key=lambda n: self.mean(n)[0])
        parts = [
            "# Evaluation of the embedded experts\n",
            f"{self.problems} fresh test problems of two program languages (seed {self.data['seed']}); no test function behaves like a training function. A problem counts as solved when the picked program "
            "passes the three shown examples and five hidden tests. Intervals: 95 %, bootstrap over problems, 10000 resamples, the same ones for all systems, so that differences are paired. "
            "Experts and temperatures were chosen on development problems, nothing on the test set. 8 x 2 is averaged over the eight disjoint draws that 16 programs from each expert allow.\n",
            f"**Exhaustive enumeration of short programs solves {text(enumeration)}, the best line with models here, {ours}, {text(self.mean(ours))}**: the difference is "
            f"{signed(self.difference('enumeration', ours))}. These models demonstrate ensembling; they are no way to solve such problems. "
            f"Enumeration tries {np.mean(self.data['enumeration']['programs']):.0f} programs a problem on average.\n",
            "This page is written by a program, conclusions included; do not edit it:\n",
            "```sh\ncmake --preset demo && cmake --build --preset demo --target evaluation\n```\n",
            "## The lines\n",
            "Own: the mean log p a token under whoever wrote the program; all: the mean over all eight experts, who then read the best expert's programs too; value: the value model, and no program is run. "
            "Single is the model with the lowest loss on the development set of all that were trained on the same data, as studies/program_synthesis/programs/training/README.md tells: twice as long as any expert, with more "
            "dropout. The adapters' base is the best of the experts.\n", self.summary(),
            "## What was aimed for\n", "A goal holds when the whole interval is beyond it.\n", self.goals(),
            "## The comparison that looks worst beside the one that looks best\n", self.comparisons(),
            "## pass@k\n", f"![pass@k]({name}/pass_at_k.svg)\n", self.curves(),
            "## Selectors, with and without the check\n",
            "The check runs a program on the shown examples. \"Of the gap\" is (selected - random) / (oracle - random). Votes count programs that do the same on unlabeled probe inputs; minimum Bayes "
            "risk with exact match of behavior is the majority vote.\n", f"![selectors]({name}/selectors.svg)\n", self.selectors(),
            "## Are the experts wrong together?\n",
            "Correlation over problems of the pass rates of two experts, each from its own half of the samples; an expert's correlation with itself is what noise leaves of 1.\n", self.correlation(),
            f"![correlation of the experts]({name}/correlation_experts.svg) ![correlation of the adapters]({name}/correlation_adapters.svg)\n",
            "## Gain against cost\n", "Operations are counted by the library's ledger, not measured.\n", f"![cost]({name}/cost.svg)\n", self.cost(),
            "## What was chosen on the development set\n", self.development(),
        ]
        best = {kind: (s[f"{kind}: best expert"].expert, s[f"{kind}: best expert"].temperature, s[f"{kind}: best expert, greedy"].expert) for kind in KINDS}
        parts.append("\n" + " ".join(f"Best of the {kind}: {b[0]} at temperature {b[1]:.2g}; greedily {b[2]}." for kind, b in best.items()) + "\n")
        page.write_text("\n".join(parts))
        with open(self.folder / "results.json", "w") as file:
            json.dump(rounded(self.results), file, separators=(",", ":"))
            file.write("\n")


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outcomes", type=Path, default=Path("build/evaluation.json"))
    parser.add_argument("--page", type=Path, default=Path("docs/evaluation.md"))
    arguments = parser.parse_args()
    Report(arguments.outcomes, arguments.page.with_suffix("")).write(arguments.page)


if __name__ == "__main__":
    main()

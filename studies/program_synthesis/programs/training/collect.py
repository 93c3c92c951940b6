# SPDX-License-Identifier: Apache-2.0
"""Gathers all runs' figures, the lost ones too, in one file, and prints the table of the sets for README.md.

    python collect.py --runs runs --out results/runs.json
"""

import argparse
import json
import pathlib
import re

from experiments import SETS


def table(sets: dict) -> str:
    """The sets of experiments.py, in their order."""
    lines = ["| set | members alone: mean, best | fused: 2, 4, 8 | random | likelihood | filtered | oracle |", "| --- " * 7 + "|"]
    for name in [name for name in SETS if name in sets]:
        result = sets[name]
        alone = f"{result['mean']:.2f}, {result['best']:.2f}" if len(result["members"]) > 1 else f"{result['best']:.2f}"
        shares = [f"{result['solved'][key]:.3f}".lstrip("0") for key in ("random", "likelihood", "filtered", "oracle")]
        lines.append("| " + " | ".join([f"`{name}`", alone, ", ".join(f"{nats:.2f}" for nats in result["fusion"].values()), *shares]) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--out", default="results/runs.json")
    options = parser.parse_args()
    runs, sets, value = {}, {}, {}
    for path in sorted(pathlib.Path(options.runs).glob("*.json")):
        record = json.loads(path.read_text())
        if path.name.endswith(".set.json"):
            sets[path.name.removesuffix(".set.json")] = record
        elif "candidates" in record:
            value[path.stem] = record
        else:
            record["group"] = re.sub(r"_\d+$", "", path.stem)
            runs[path.stem] = record
    for record in [*runs.values(), *value.values()]:  # where a run kept its files is no figure of it
        record["options"] = {key: v for key, v in record["options"].items()
                             if v is not None and key not in ("name", "data", "runs", "device", "exporter")}
    lines = []
    for title, records in (("runs", runs), ("sets", sets), ("value", value)):
        rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(record, separators=(',', ':'))}" for name, record in records.items())
        lines.append(f' "{title}": {{\n{rows}\n }}')
    out = pathlib.Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(table(sets))


if __name__ == "__main__":
    main()

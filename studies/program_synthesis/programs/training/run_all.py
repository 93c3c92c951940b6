# SPDX-License-Identifier: Apache-2.0
"""Everything from the problems to the shipped models: every experiment whose figures results/runs.json holds.

    python run_all.py --exporter ../../../build/demo/studies/program_synthesis/program_problems --jobs 2
    python run_all.py --exporter ... --only base,fork      # the experiments whose names begin so, and what they start from

A run that has its figures in --runs is not made again, so that it can be stopped and continued.
"""

import argparse
import concurrent.futures
import pathlib
import subprocess
import sys

from experiments import CHOSEN, EXPERIMENTS, SETS, VALUE_STAGES
from verify import DEVELOPMENT, TRAINING, VALUE

HERE = pathlib.Path(__file__).parent


def run(script: str, *arguments, log: pathlib.Path):
    with open(log, "w") as out:
        subprocess.run([sys.executable, HERE / script, *map(str, arguments)], stdout=out, stderr=subprocess.STDOUT, check=True)


def waves(experiments: dict) -> list[list[str]]:
    """Names in the order in which they can be made: those that start from nothing, then those that start from one of them."""
    first = [name for name, options in experiments.items() if "--fork" not in options]
    return [first, [name for name in experiments if name not in first]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exporter", required=True)
    parser.add_argument("--data", default="data")
    parser.add_argument("--runs", default="runs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=2, help="trainings beside one another, one thread each")
    parser.add_argument("--only", help="only the experiments whose names begin with one of these, and no more than training")
    options = parser.parse_args()
    folder, runs = pathlib.Path(options.data), pathlib.Path(options.runs)
    runs.mkdir(parents=True, exist_ok=True)
    for problem_set, name in ((TRAINING, "train"), (DEVELOPMENT, "development"), (VALUE, "value")):
        problem_set.write(options.exporter, folder / f"{name}.jsonl")
    subprocess.run([options.exporter, "--vocabulary", folder / "vocabulary.json"], check=True)
    places = ["--data", folder, "--runs", runs]

    wanted = tuple(options.only.split(",")) if options.only else ("",)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for wave in waves(EXPERIMENTS):
            names = [name for name in wave if name.startswith(wanted) and not (runs / f"{name}.json").exists()]
            for done in [pool.submit(run, "train.py", "--name", name, "--device", options.device, *places, *EXPERIMENTS[name].split(),
                                     log=runs / f"{name}.log") for name in names]:
                done.result()
    if options.only:
        return

    sets = [part for name, members in SETS.items() for part in ("--set", f"{name}={','.join(members)}")]
    run("evaluate.py", "--exporter", options.exporter, *places, *sets, log=runs / "evaluate.log")
    run("value_candidates.py", "--exporter", options.exporter, *places, "--members", ",".join(CHOSEN["value_members"]),
        log=runs / "value_candidates.log")
    for name, stage in VALUE_STAGES.items():
        run("train_value.py", *places, "--name", name, *stage.split(), log=runs / f"{name}.log")
    run("ship.py", *places, "--out", HERE.parents[1] / "models", "--experts", ",".join(CHOSEN["experts"]), "--base",
        CHOSEN["base"], "--adapters", ",".join(CHOSEN["adapters"]), "--single", CHOSEN["single"], "--value", CHOSEN["value"],
        log=runs / "ship.log")
    (HERE / "results").mkdir(exist_ok=True)
    run("collect.py", "--runs", runs, "--out", HERE / "results" / "runs.json", log=runs / "collect.log")
    run("plot.py", HERE / "results" / "runs.json", HERE / "results" / "learning_curves.svg", log=runs / "plot.log")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Trains everything that `experiments.py` declares, in its order, and can be stopped at any time.

    python run_all.py --jobs 2             # all; skips finished runs, continues unfinished ones
    python run_all.py --only 2000_size     # the groups whose names begin so
    python run_all.py --status             # what is done, and what each group's best run is

SIGTERM to this process writes checkpoints and ends. `kill -STOP -- -PGID` and `-CONT` pause and
continue it with its trainings; if it was started by setsid, PGID is the number in WORK/runner.pid.
"""

import argparse
import dataclasses
import fcntl
import os
import pathlib
import signal
import subprocess
import sys
import time

import experiments
from options import INTERRUPTED, RESULTS, Options, work_folder

HERE = pathlib.Path(__file__).parent


def pending(results: pathlib.Path, prefixes: tuple[str, ...]) -> list[tuple[str, Options]]:
    """Runs that can start now and have no report yet, in order of priority."""
    reports = experiments.read_reports(results)
    found = []
    for group in experiments.GROUPS:
        if group.name.startswith(prefixes):
            for name, options in (experiments.resolve(group, reports) or {}).items():
                if name not in reports:
                    found.append((name, options))
    return found


def start(
    name: str, options: Options, work: pathlib.Path, results: pathlib.Path
) -> subprocess.Popen:
    flags = [
        text
        for field in dataclasses.fields(options)
        for text in (f"--{field.name.replace('_', '-')}", str(getattr(options, field.name)))
    ]
    # Batches have many shapes; with its usual 1024 places oneDNN would make kernels over and over.
    environment = os.environ | {
        "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "8000",
        "CUDA_VISIBLE_DEVICES": "",
    }
    with open(work / f"{name}.log", "a") as log:
        return subprocess.Popen(
            [
                sys.executable,
                HERE / "train.py",
                "--name",
                name,
                "--work",
                work,
                "--results",
                results,
                "--parent",
                str(os.getpid()),
                *flags,
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
        )


def run(work: pathlib.Path, results: pathlib.Path, jobs: int, prefixes: tuple[str, ...]) -> int:
    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stopped.append(received))
    running: dict[str, subprocess.Popen] = {}
    failed: set[str] = set()
    while True:
        for name, process in list(running.items()):
            status = process.poll()
            if status is not None:
                del running[name]
                print(time.strftime("%H:%M:%S"), name, "ended with", status, flush=True)
                if status not in (0, INTERRUPTED):
                    failed.add(name)
        if stopped:
            for process in running.values():
                process.terminate()
            for process in running.values():
                process.wait()
            return INTERRUPTED
        if len(running) < jobs:
            waiting = [
                (name, options)
                for name, options in pending(results, prefixes)
                if name not in running and name not in failed
            ]
            if waiting:
                name, options = waiting[0]
                running[name] = start(name, options, work, results)
                print(time.strftime("%H:%M:%S"), name, "started", flush=True)
                continue
            if not running:
                return 1 if failed else 0
        time.sleep(1)


def print_status(results: pathlib.Path):
    reports = experiments.read_reports(results)
    for group in experiments.GROUPS:
        names = experiments.runs_of(group)
        done = [name for name in names if name in reports]
        print(f"{group.name}: {len(done)} of {len(names)}")
        for name in sorted(done, key=lambda name: experiments.score(reports[name])):
            report = reports[name]
            kind, best = min(
                report["final"].items(),
                key=lambda item: item[1]["error"] + item[1]["error_without_stress"],
            )
            least = min(state["loss"] for state in report["final"].values())
            print(
                f"  {name:28} {report['parameters']:8} parameters  loss {least:7.4f}  "
                f"error {best['error']:.4f} {best['error_without_stress']:.4f}  {kind} of epoch "
                f"{best['epoch']:g}/{report['options']['epochs']}  {report['cpu_seconds']} s"
            )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=pathlib.Path, default=work_folder())
    parser.add_argument("--results", type=pathlib.Path, default=RESULTS)
    parser.add_argument(
        "--jobs", type=int, default=2, help="trainings side by side, one thread each"
    )
    parser.add_argument("--only", default="", help="prefixes of groups, separated by commas")
    parser.add_argument("--status", action="store_true")
    options = parser.parse_args()
    if options.status:
        print_status(options.results)
        return 0
    options.work.mkdir(parents=True, exist_ok=True)
    lock = open(options.work / "runner.lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # one runner per folder
    (options.work / "runner.pid").write_text(f"{os.getpid()}\n")
    return run(options.work, options.results, options.jobs, tuple(options.only.split(",")))


if __name__ == "__main__":
    sys.exit(main())

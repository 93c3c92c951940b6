#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts instructions of the products' inner loops on 64-bit ARM and asks llvm-mca for cycles: static figures, not measurements.

Compiles inner_loops.cpp for each instruction set, finds the loop of each function that multiplies most, and prints a table in
Markdown. llvm-mca assumes that every load hits the first-level cache and that no branch is mispredicted.

Needs g++-aarch64-linux-gnu and LLVM 17 or newer, whose models know the two processors: apt-get install llvm-19

Usage: python3 benchmarks/static/count_arm.py
"""

import collections
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROCESSORS = ["neoverse-n2", "neoverse-v1"]
SETS = {
    "neon": "-march=armv8-a",
    "neon_dotprod": "-march=armv8.2-a+dotprod",
    "neon_i8mm": "-march=armv8.2-a+dotprod+i8mm",
}
# Function and its instruction sets; weight rows, columns and activation rows of an iteration; bytes of a weight.
LOOPS = [
    ("bf16, 1 row", "dense_loop<tutti::BFloat16, 4ul, 1ul>", ["neon"], (4, 32, 1), 2),
    ("bf16, 6 rows", "dense_loop<tutti::BFloat16, 2ul, 6ul>", ["neon"], (2, 32, 6), 2),
    ("Q8_0, 1 row", "few_loop<(tutti::DType)7>", ["neon", "neon_dotprod"], (8, 32, 1), 34 / 32),
    ("Q4_K, 1 row", "few_loop<(tutti::DType)8>", ["neon", "neon_dotprod"], (8, 64, 1), 144 / 256),
    ("Q8_0, 4 rows", "many_loop<(tutti::DType)7>", list(SETS), (16, 32, 4), 34 / 32),
    ("Q4_K, 4 rows", "many_loop<(tutti::DType)8>", list(SETS), (16, 32, 4), 144 / 256),
]
MULTIPLIES = re.compile(r"fmla|[su]dot|[su]mmla|[su]ml?[au]l{1,2}2?|smull2?|smlal2?")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def functions(object_file):
    """The instructions of each function as (address, mnemonic, operands)."""
    found, current = {}, None
    for line in run("aarch64-linux-gnu-objdump", "-d", "-C", "--no-show-raw-insn", object_file).splitlines():
        if start := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            current = found.setdefault(start[1], [])
        elif (code := re.match(r"\s*([0-9a-f]+):\s+(\S+)\s*(.*)$", line)) and current is not None:
            current.append((int(code[1], 16), code[2], code[3]))
    return found


def is_branch(mnemonic):
    return re.match(r"b$|b\.|bl|br|cbn?z|tbn?z|ret", mnemonic) is not None


def main_loop(code):
    """Of the innermost loops (backward branches) the shortest among those that multiply most."""
    place = {address: i for i, (address, _, _) in enumerate(code)}
    loops = []
    for i, (_, mnemonic, operands) in enumerate(code):
        target = re.search(r"([0-9a-f]+) <", operands)
        if is_branch(mnemonic) and target and place.get(int(target[1], 16), i + 1) <= i:
            loop = code[place[int(target[1], 16)] : i + 1]
            if not any(m == "bl" for _, m, _ in loop):
                loops.append(loop)
    return max(loops, key=lambda loop: (sum(bool(MULTIPLIES.match(m)) for _, m, _ in loop), -len(loop)))


def cycles(loop, processor, folder):
    lines = []
    for _, mnemonic, operands in loop:
        if not is_branch(mnemonic):
            lines.append(mnemonic + " " + re.sub(r"<[^>]*>|\s*//.*", "", operands))
    source = pathlib.Path(folder) / "loop.s"
    source.write_text("\n".join(lines) + "\n")
    report = run("llvm-mca-19", "-mtriple=aarch64", f"-mcpu={processor}", "-iterations=100", str(source))
    return int(re.search(r"Total Cycles:\s+(\d+)", report)[1]) / 100


def main():
    head = ["loop", "set", "instructions", "of them multiplying"]
    for processor in PROCESSORS:
        head += [f"{processor}: cycles", "products per cycle", "bytes of weights per cycle"]
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    with tempfile.TemporaryDirectory() as folder:
        code = {}
        for name, flag in SETS.items():
            target = f"{folder}/{name}.o"
            run("aarch64-linux-gnu-g++", "-std=c++20", "-O3", flag, f"-I{ROOT}/include", "-c", f"{ROOT}/benchmarks/static/inner_loops.cpp", "-o", target)
            code[name] = functions(target)
        for title, function, sets, (rows, columns, activations), weight_bytes in LOOPS:
            for name in sets:
                plain = {re.sub(rf"::{name}::", "::", f): c for f, c in code[name].items()}
                loop = main_loop(next(c for f, c in plain.items() if function in f))
                counts = collections.Counter(m for _, m, _ in loop)
                multiplying = sum(n for m, n in counts.items() if MULTIPLIES.match(m))
                cells = [title, name, str(len(loop)), str(multiplying)]
                for processor in PROCESSORS:
                    n = cycles(loop, processor, folder)
                    cells += [f"{n:.0f}", f"{rows * columns * activations / n:.1f}", f"{rows * columns * weight_bytes / n:.1f}"]
                print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Every training run, by name, with its options of train.py; the sets of runs that are compared; and what is shipped.

Names that end in a number are members of one set. Lost experiments stay here, so that their figures can be made again.
"""

MEMBERS = range(8)

# The recipe: every other run says how it differs from it.
SCRATCH = "--epochs 20 --outputs 0.5"
FORK = "--fork base --epochs 10 --constant 0.3 --outputs 0.5"

EXPERIMENTS = {
    "base": "--seed 100 --epochs 10 --constant 1 --outputs 0.5 --patience 10",
    **{f"seed_{i}": f"--seed {i} {SCRATCH}" for i in MEMBERS},
    **{f"fork_{i}": f"--seed {20 + i} --fold {i} {FORK}" for i in MEMBERS},
}

SETS = {
    "seeds": [f"seed_{i}" for i in MEMBERS],
    "forks": [f"fork_{i}" for i in MEMBERS],
}

CHOSEN = {
    "experts": SETS["forks"],
    "base": "base",
    "adapters": [],
    "single": "seed_0",
    "value_init": "fork_0",
}

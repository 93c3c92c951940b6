# SPDX-License-Identifier: Apache-2.0
"""Every training run, by name, with its options of train.py; the sets of runs that are compared; and what is shipped.

Names that end in a number are members of one set. Lost experiments stay here, so that their figures can be made again. Only the runs
`first_data_*` of results/runs.json cannot be: they are of earlier problems.
"""

MEMBERS = range(8)

SCRATCH = "--epochs 20 --outputs 0.5"
LARGE = "--epochs 20 --outputs 0.5 --width 96 --layers 3 --hidden 192 --rate 0.006 --dropout 0.1"
FORK = "--fork base --epochs 10 --constant 0.3 --outputs 0.5"
CONTINUED = "--fork seed_0 --outputs 0.5 --patience 8"

EXPERIMENTS = {
    # Eight members by seed alone.
    **{f"seed_{i}": f"--seed {i} {SCRATCH}" for i in MEMBERS},
    # Eight members that share the first half of their training, each on a bag of its own. (The figures in results/runs.json are of
    # bags that lacked a quarter of one language; train.py has since taken an eighth of both. lora_0 likewise.)
    "base": "--seed 100 --epochs 10 --constant 1 --outputs 0.5 --patience 10",
    **{f"fork_{i}": f"--seed {20 + i} --fold {i} {FORK}" for i in MEMBERS},
    # Members of the best single model's size, which is the next thing to try: results/runs.json has no figures of them yet.
    **{f"large_{i}": f"--seed {200 + i} {LARGE}" for i in range(1, 8)},
    # A finished model, continued on one family each.
    **{f"family_{i}": f"--seed {60 + i} --family {i} --epochs 5 --constant 0.3 --rate 0.004 {CONTINUED}" for i in MEMBERS},
    # Adapters: of the base that the forks share, and of a finished model, with a low and with a high learning rate.
    "lora_0": "--seed 40 --fold 0 --epochs 10 --constant 0.3 --outputs 0.5 --fork base --rank 16 --rate 0.005",
    **{f"gentle_{i}": f"--seed {40 + i} --fold {i} --epochs 5 --constant 0.2 --rate 0.004 --rank 16 {CONTINUED}" for i in range(2)},
    **{f"wild_{i}": f"--seed {50 + i} --fold {i} --epochs 4 --constant 0.4 --rate 0.015 --rank 16 {CONTINUED}" for i in MEMBERS},
    # The opponent: one model, longer, larger, regularised.
    "single_64x2_long": "--seed 200 --epochs 60 --outputs 0.5 --patience 10",
    "single_64x2_d1": "--seed 200 --epochs 30 --outputs 0.5 --dropout 0.1",
    "single_96x3_d1": f"--seed 200 {LARGE}",
    "single_128x3": "--seed 200 --epochs 16 --outputs 0.5 --width 128 --layers 3 --hidden 256",
    "single_128x3_d1": "--seed 200 --epochs 16 --outputs 0.5 --width 128 --layers 3 --hidden 256 --dropout 0.1",
}

SETS = {
    "seeds": [f"seed_{i}" for i in MEMBERS],
    "forks": [f"fork_{i}" for i in MEMBERS],
    "families": [f"family_{i}" for i in MEMBERS],
    "adapters": [f"wild_{i}" for i in MEMBERS],
    "seed_0": ["seed_0"],
    "fork_4": ["fork_4"],
    "single_64x2_d1": ["single_64x2_d1"],
    "single_96x3_d1": ["single_96x3_d1"],
}

CHOSEN = {
    "experts": SETS["seeds"],
    "base": "seed_0",
    "adapters": SETS["adapters"],
    "single": "single_96x3_d1",
    "value_members": SETS["seeds"][:7],  # the eighth was not yet there
    "value_init": "seed_0",
}

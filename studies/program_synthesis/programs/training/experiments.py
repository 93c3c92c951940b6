# SPDX-License-Identifier: Apache-2.0
"""Every training run, by name, with its options of train.py; the sets of runs that are compared; and what is shipped.

Names that end in a number are members of one set. Lost experiments stay here, so that their figures can be made again. Only the runs
`first_data_*` of results/runs.json cannot be: they are of earlier problems.
"""

MEMBERS = range(8)

SCRATCH = "--epochs 20 --outputs 0.5"
LARGE_SHAPE = "--width 96 --layers 3 --hidden 192"
LARGE = f"--epochs 20 --outputs 0.5 {LARGE_SHAPE} --rate 0.006 --dropout 0.1"
FORK = "--fork base --epochs 10 --constant 0.3 --outputs 0.5"
CONTINUED = "--fork seed_0 --outputs 0.5 --patience 8"

EXPERIMENTS = {
    # Eight members by seed alone.
    **{f"seed_{i}": f"--seed {i} {SCRATCH}" for i in MEMBERS},
    # Eight members that share the first half of their training, each on a bag of its own. (The figures in results/runs.json are of
    # bags that lacked a quarter of one language; train.py has since taken an eighth of both. lora_0 likewise.)
    "base": "--seed 100 --epochs 10 --constant 1 --outputs 0.5 --patience 10",
    **{f"fork_{i}": f"--seed {20 + i} --fold {i} {FORK}" for i in MEMBERS},
    # Members of the best single model's size; `single_96x3_d1` is the eighth.
    **{f"large_{i}": f"--seed {200 + i} {LARGE}" for i in range(1, 8)},
    # The same, twice and four times as long: one of each, which told that they want more dropout.
    "long_1": f"--seed 201 {LARGE} --epochs 40 --patience 10",
    "longer_1": f"--seed 201 {LARGE} --epochs 80 --patience 20",
    # With more dropout: what is shipped, with `single_96x3_longer_d2` and `single_96x3_longer`.
    **{f"longer_d2_{i}": f"--seed {200 + i} {LARGE} --epochs 80 --patience 20 --dropout 0.2" for i in range(1, 7)},
    # From scratch, each on a bag of its own; each on one family.
    **{f"bag_{i}": f"--seed {i} --fold {i} {SCRATCH}" for i in MEMBERS},
    **{f"alone_family_{i}": f"--seed {i} --family {i} {SCRATCH}" for i in MEMBERS},
    # A finished model, continued on one family each.
    **{f"family_{i}": f"--seed {60 + i} --family {i} --epochs 5 --constant 0.3 --rate 0.004 {CONTINUED}" for i in MEMBERS},
    # Adapters: of the base that the forks share, and of a finished model, with a low and with a high learning rate.
    "lora_0": "--seed 40 --fold 0 --epochs 10 --constant 0.3 --outputs 0.5 --fork base --rank 16 --rate 0.005",
    **{f"gentle_{i}": f"--seed {40 + i} --fold {i} --epochs 5 --constant 0.2 --rate 0.004 --rank 16 {CONTINUED}" for i in range(2)},
    **{f"wild_{i}": f"--seed {50 + i} --fold {i} --epochs 4 --constant 0.4 --rate 0.015 --rank 16 {CONTINUED}" for i in MEMBERS},
    **{f"wild_family_{i}": f"--seed {70 + i} --family {i} --epochs 12 --constant 0.4 --rate 0.015 --rank 16 {CONTINUED}" for i in MEMBERS},
    # Adapters of the best of the large members.
    **{f"large_wild_{i}": f"--seed {80 + i} --fold {i} --epochs 4 --constant 0.4 --rate 0.01 --rank 16 --fork large_3 --outputs 0.5 --patience 8 {LARGE_SHAPE}"
       for i in MEMBERS},
    # Adapters of the best of the long members.
    **{f"longer_wild_{i}": f"--seed {80 + i} --fold {i} --epochs 4 --constant 0.4 --rate 0.01 --rank 16 --fork single_96x3_longer_d2 --outputs 0.5 --patience 8 "
                           f"{LARGE_SHAPE} --dropout 0.2" for i in MEMBERS},
    # The opponent: one model, longer, larger, regularized.
    "single_64x2_long": "--seed 200 --epochs 60 --outputs 0.5 --patience 10",
    "single_64x2_d1": "--seed 200 --epochs 30 --outputs 0.5 --dropout 0.1",
    "single_96x3_d1": f"--seed 200 {LARGE}",
    "single_96x3_long": f"--seed 200 {LARGE} --epochs 40",
    "single_96x3_longer": f"--seed 200 {LARGE} --epochs 80 --patience 20",
    "single_96x3_longer_d2": f"--seed 200 {LARGE} --epochs 80 --patience 20 --dropout 0.2",
    "single_96x3_longest_d2": f"--seed 200 {LARGE} --epochs 160 --patience 30 --dropout 0.2",
    "single_96x3_longest_d3": f"--seed 200 {LARGE} --epochs 160 --patience 30 --dropout 0.3",
    "single_128x3": "--seed 200 --epochs 16 --outputs 0.5 --width 128 --layers 3 --hidden 256",
    "single_128x3_d1": "--seed 200 --epochs 16 --outputs 0.5 --width 128 --layers 3 --hidden 256 --dropout 0.1",
}

SETS = {
    "seeds": [f"seed_{i}" for i in MEMBERS],
    "bags": [f"bag_{i}" for i in MEMBERS],
    "forks": [f"fork_{i}" for i in MEMBERS],
    "families": [f"family_{i}" for i in MEMBERS],
    "alone_families": [f"alone_family_{i}" for i in MEMBERS],
    "large": ["single_96x3_d1", *(f"large_{i}" for i in range(1, 8))],
    "longer": ["single_96x3_longer_d2", *(f"longer_d2_{i}" for i in range(1, 7)), "single_96x3_longer"],
    "adapters": [f"wild_{i}" for i in MEMBERS],
    "family_adapters": [f"wild_family_{i}" for i in MEMBERS],
    "large_adapters": [f"large_wild_{i}" for i in MEMBERS],
    "longer_adapters": [f"longer_wild_{i}" for i in MEMBERS],
    "seed_0": ["seed_0"],
    "fork_4": ["fork_4"],
    "large_3": ["large_3"],
    "single_64x2_d1": ["single_64x2_d1"],
    "single_96x3_d1": ["single_96x3_d1"],
    "single_96x3_long": ["single_96x3_long"],
    "single_96x3_longer": ["single_96x3_longer"],
    "single_96x3_longer_d2": ["single_96x3_longer_d2"],
    "single_96x3_longest_d2": ["single_96x3_longest_d2"],
    "single_96x3_longest_d3": ["single_96x3_longest_d3"],
}

# Two stages of train_value.py: the outputs of right candidates alone, then right and wrong candidates.
VALUE_STAGES = {
    "value_outputs": "--init large_3 --ranking 0",
    "value": "--init value_outputs --posed 0.65 --rate 0.003 --constant 0.2",
}

CHOSEN = {
    "experts": SETS["longer"],
    "base": "single_96x3_longer_d2",
    "adapters": SETS["longer_adapters"],
    "single": "single_96x3_longest_d3",
    "value": "value",
    "value_members": SETS["seeds"],
}

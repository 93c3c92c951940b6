# SPDX-License-Identifier: Apache-2.0
"""What the studies share, from the folder studies/shared."""

import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / "shared"))

from muon import Optimizer, orthogonalize  # noqa: E402, F401
from small_llama import (  # noqa: E402, F401
    NORM_EPSILON,
    ROPE_THETA,
    normalize,
    rotary_tables,
    rotate,
)

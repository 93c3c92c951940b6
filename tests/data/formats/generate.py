#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes dequantize.bin: random blocks of every quantised type with the floats that the gguf package makes of them.

Written with gguf 0.19.0 and numpy 2.4.6. Run it in this folder.

Layout, little-endian, once for each type in the order of TYPES: the raw bytes of BLOCKS blocks, then their elements as float32.
All bits of a block are random except the f16 scales, which are finite: what becomes of NaN is up to the processor.
"""
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Type, quants

BLOCKS = 4
# Each with the byte offsets of the f16 numbers in its block.
TYPES = [
    (Type.BF16, []),
    (Type.F16, [0]),
    (Type.Q4_0, [0]),
    (Type.Q4_1, [0, 2]),
    (Type.Q5_0, [0]),
    (Type.Q5_1, [0, 2]),
    (Type.Q8_0, [0]),
    (Type.Q4_K, [0, 2]),
    (Type.Q5_K, [0, 2]),
    (Type.Q6_K, [208]),
]


def main():
    random = np.random.default_rng(2)
    with open("dequantize.bin", "wb") as file:
        for type_, halves in TYPES:
            elements, size = GGML_QUANT_SIZES[type_]
            count = 64 if elements == 1 else BLOCKS
            blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
            if type_ == Type.BF16:
                blocks[:, 1] &= 0xBF  # exponent below 128: finite
            for offset in halves:
                # Exponent 31 stands for infinity and NaN. The first block has a subnormal scale.
                blocks[:, offset + 1] &= 0xBF
                blocks[0, offset + 1] &= 0x83
            values = quants.dequantize(blocks.reshape(-1) if elements == 1 else blocks, type_)
            assert np.isfinite(values).all() and values.size == count * elements
            file.write(blocks.tobytes() + values.astype("<f4").tobytes())


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the golden vectors of the weight encodings beside this file.

Needs the PyPI packages gguf (0.19.0 was used) and numpy; gguf's numpy
dequantiser is the independent reference. Each <encoding>.bin holds a line
"rows columns", the encoded bytes, and the decoded numbers as float32, all
little endian. The bytes are random, but for the f16 scales, which are finite,
so every code and every packed scale occurs.
"""

import pathlib

import gguf
import numpy as np

# Offsets of the f16 fields of a block.
HALF_FIELDS = {
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q8_0": [0],
    "IQ4_NL": [0],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}
ROWS = 3


def half_values(random, count):
    """Scales of usual size, large ones, subnormals and both zeros."""
    values = random.normal(0, 0.02, count).astype(np.float16)
    special = np.array([0.0, -0.0, 6e-8, -3e-6, 1.0, -1000.0], np.float16)
    where = random.integers(0, 12, count)
    return np.where(where < len(special), special[where % len(special)], values)


def encoded_bytes(name, random):
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    if name == "F32":
        return random.normal(0, 1, (ROWS, 64)).astype("<f4").view(np.uint8)
    if name == "F16":
        bits = random.integers(0, 1 << 16, (ROWS, 1024)).astype("<u2")
        bits[(bits & 0x7FFF) > 0x7C00] = 0x7C00  # no NaN; infinity stays
        bits[0, :8] = [0, 0x8000, 1, 0x8001, 0x3FF, 0x400, 0x7BFF, 0xFC00]
        return bits.view(np.uint8)
    if name == "BF16":
        bits = random.integers(0, 1 << 16, (ROWS, 256)).astype("<u2")
        bits[(bits & 0x7FFF) > 0x7F80] = 0x7F80
        return bits.view(np.uint8)
    blocks = max(2, 256 // elements)
    data = random.integers(0, 256, (ROWS, blocks, size), np.uint8)
    for offset in HALF_FIELDS[name]:
        halves = half_values(random, ROWS * blocks).astype("<f2")
        data[:, :, offset : offset + 2] = halves.view(np.uint8).reshape(
            ROWS, blocks, 2
        )
    return data.reshape(ROWS, -1)


def main():
    folder = pathlib.Path(__file__).parent
    names = ["F32", "F16", "BF16", *HALF_FIELDS]
    for number, name in enumerate(names):
        data = encoded_bytes(name, np.random.default_rng(number))
        kind = gguf.GGMLQuantizationType[name]
        values = gguf.quants.dequantize(data, kind).astype("<f4")
        header = f"{ROWS} {values.shape[1]}\n".encode()
        path = folder / f"{name.lower()}.bin"
        path.write_bytes(header + data.tobytes() + values.tobytes())


if __name__ == "__main__":
    main()

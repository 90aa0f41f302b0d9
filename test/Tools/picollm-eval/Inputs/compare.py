"""compare.py LOGITS.json GOLDEN: max|difference| / max|reference| per position."""

import ast
import json
import struct
import sys


def read_npy(path):
    """Rows of a two-dimensional array of little-endian float32."""
    data = open(path, "rb").read()
    (length,) = struct.unpack_from("<H", data, 8)
    header = ast.literal_eval(data[10 : 10 + length].decode())
    assert header["descr"] == "<f4" and not header["fortran_order"], header
    rows, columns = header["shape"]
    values = struct.unpack_from(f"<{rows * columns}f", data, 10 + length)
    return [values[i * columns : (i + 1) * columns] for i in range(rows)]


rows = json.load(open(sys.argv[1]))["logits"]
positions = json.load(open(sys.argv[2] + ".json"))["logits_positions"]
golden = read_npy(sys.argv[2] + ".npy")
for position, expected in zip(positions, golden):
    found = rows[position]
    assert len(found) == len(expected)
    error = max(abs(a - b) for a, b in zip(found, expected))
    error /= max(abs(b) for b in expected)
    if error > 1e-3:
        sys.exit(f"position {position}: relative error {error}")
print(f"{len(rows)} rows, {len(golden)} compared: equal")

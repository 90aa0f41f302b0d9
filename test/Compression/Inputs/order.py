"""order.py IR WEIGHTS NAME: the order of the columns of a packed matrix."""

import re
import struct
import sys

line = next(l for l in open(sys.argv[1]) if f"@{sys.argv[3]} : !picollm_layout.matrix" in l)
columns = int(re.search(r"matrix<(\d+)", line)[1])
with open(sys.argv[2], "rb") as weights:
    weights.seek(int(re.search(r"offset = (\d+)", line)[1]))
    print(*struct.unpack(f"<{columns}H", weights.read(2 * columns)))

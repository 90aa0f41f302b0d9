"""spoil_weights.py IN.gguf OUT.gguf COUNT: a copy of a GGUF file whose last
tensors are F32, with NaN in the last COUNT numbers, but infinity in the last."""

import struct
import sys

content = bytearray(open(sys.argv[1], "rb").read())
count = int(sys.argv[3])
for i in range(count):
    end = len(content) - 4 * i
    content[end - 4 : end] = struct.pack("<f", float("nan" if i else "inf"))
open(sys.argv[2], "wb").write(content)

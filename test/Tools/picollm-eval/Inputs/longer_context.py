"""longer_context.py MODEL RESULT: a GGUF file with 2048 positions."""

import struct
import sys

data = bytearray(open(sys.argv[1], "rb").read())
key = b"llama.context_length"
at = data.index(key) + len(key)
kind, context = struct.unpack_from("<II", data, at)
assert (kind, context) == (4, 512), "another type or length than make.py writes"
struct.pack_into("<I", data, at + 4, 2048)
open(sys.argv[2], "wb").write(data)

"""flip_bits.py FILE OFFSET OUT: copies a file, all bits of one byte inverted."""

import sys

content = bytearray(open(sys.argv[1], "rb").read())
content[int(sys.argv[2])] ^= 0xFF
open(sys.argv[3], "wb").write(content)

"""same_logits.py A.json B.json: equal but for the order of float sums.

A rounding may tip a code of an activation, so logits are compared with 1 % of
the largest of their row.
"""

import json
import sys

a, b = (json.load(open(path))["logits"] for path in sys.argv[1:])
assert len(a) == len(b)
for position, (x, y) in enumerate(zip(a, b)):
    assert len(x) == len(y)
    error = max(abs(p - q) for p, q in zip(x, y)) / max(map(abs, x))
    if error > 0.01:
        sys.exit(f"position {position}: relative error {error}")
print(f"{len(a)} rows: same")

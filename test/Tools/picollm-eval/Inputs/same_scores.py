"""same_scores.py COMPARE PERPLEXITY WEIGHTS: the last model of both JSON
outputs of picollm-eval has the same scores, and the size of the file."""

import json
import os
import sys

compare, one = (json.load(open(path)) for path in sys.argv[1:3])
row = compare["models"][-1]
for key in ("perplexity", "perplexity_geometric", "increase", "kl_divergence",
            "top1_agreement"):
    assert row[key] == one[key], (key, row[key], one[key])
assert row["weight_bytes"] == os.path.getsize(sys.argv[3]), row
assert one["kl_divergence"] > 0, one
assert (compare["texts"], compare["tokens"]) == (one["texts"], one["tokens"])
print("same scores")

"""Checks that the third model of `picollm-eval compare --json` has as many
bytes as the second and less divergence from the first."""

import json
import sys

_, plain, tuned = json.load(open(sys.argv[1]))["models"]
if tuned["weight_bytes"] != plain["weight_bytes"]:
    sys.exit(f"{tuned['bytes']} bytes instead of {plain['bytes']}")
if not tuned["kl_divergence"] < 0.9 * plain["kl_divergence"]:
    sys.exit(f"{plain['kl_divergence']} became {tuned['kl_divergence']}")
print("as many bytes, less divergence")

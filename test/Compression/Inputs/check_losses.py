"""check_losses.py LOSSES: says whether the losses of all blocks fall with the
width and none is negative."""

import json
import sys

stacks = json.load(open(sys.argv[1]))["stacks"]
wrong = []
for index, stack in enumerate(stacks):
    for panel in stack["losses"]:
        for block in panel:
            if block != sorted(block, reverse=True) or block[-1] < 0:
                wrong.append((index, block))
print(f"losses of {len(stacks)} stacks: {wrong or 'all fall with the width'}")

"""Every rule of dialects/SPEC.md is printed by a verifier and broken by a test.

usage: check_labels.py SOURCE_ROOT
"""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
LABEL = re.compile(r"\((\w+_c\d+)\)")


def labels(files, pattern=LABEL):
    return {label for file in files for label in pattern.findall(file.read_text())}


specified = labels([root / "dialects/SPEC.md"])
broken = labels((root / "test/Dialect").glob("*/rules.mlir"))

# A label may be given to a function that prints it, as "embedding_c1", or be
# put together from the op's name and "_c1": the products share their rules.
sources = list((root / "dialects/PicoLLM").glob("*/*.cpp"))
printed = labels(sources) | labels(sources, re.compile(r'"(\w+_c\d+)"'))
shared = labels(sources, re.compile(r'"_(c\d+)\)?"'))
printed |= {f"{op}_{suffix}" for op in ("linear", "logits") for suffix in shared}

failures = 0
for name, found in (("printed by a verifier", printed), ("broken in rules.mlir", broken)):
    for label in sorted(specified - found):
        print(f"rule {label} of SPEC.md is not {name}")
        failures += 1
    for label in sorted(found - specified):
        print(f"label {label} is {name} but no rule of SPEC.md")
        failures += 1
print(f"{len(specified)} rules")
sys.exit(1 if failures or not specified else 0)

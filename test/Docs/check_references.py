"""Checks that what the documents name exists: the targets of relative links in
every Markdown file, and each file that a numbered step of ARCHITECTURE.md's two
walks names in `code`. Prints what is missing and exits with 1."""

import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
listed = [
    path.relative_to(root)
    for path in sorted(root.rglob("*.md"))
    if not path.relative_to(root).parts[0].startswith((".", "build"))
]
missing = []
links = steps = 0
for name in listed:
    document = root / name
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
        if ":" in target:
            continue
        links += 1
        if not (document.parent / target).exists():
            missing.append(f"{name}: link to {target}")
for line in (root / "ARCHITECTURE.md").read_text().splitlines():
    step = re.match(r"\d\. `([^`]+)`", line)
    if step:
        steps += 1
        if not (root / step.group(1)).is_file():
            missing.append(f"ARCHITECTURE.md: step names {step.group(1)}")
print("\n".join(missing))
print(f"{links} links, {steps} steps of walks, {len(missing)} missing")
sys.exit(bool(missing))

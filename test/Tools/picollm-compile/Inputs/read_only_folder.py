"""read_only_folder.py COMPILER MODEL FOLDER: compiles into a folder without the
permission to write there. Root may write anywhere, so it becomes another user."""

import os
import pathlib
import subprocess
import sys

compiler, model, folder = sys.argv[1:4]
out = pathlib.Path(folder)
out.mkdir(exist_ok=True)
command = [compiler, model, "--scheme=none", "--quiet", "-o"]


def become_nobody():
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


options = {}
if os.geteuid() == 0:
    options["preexec_fn"] = become_nobody
    try:
        subprocess.run([compiler, "--version"], check=True, stdout=subprocess.DEVNULL, **options)
    except (OSError, subprocess.SubprocessError):
        print("refused, nothing written (not tried: others cannot enter the build folder)")
        sys.exit()
out.chmod(0o555)
done = subprocess.run([*command, out / "out"], stderr=subprocess.PIPE, text=True, **options)
out.chmod(0o755)
assert done.returncode == 1, done.returncode
lines = done.stderr.splitlines()
assert len(lines) == 1 and "cannot be made: Permission denied" in lines[0], lines
assert not list(out.iterdir())
print("refused, nothing written")

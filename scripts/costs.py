"""What kernel-costs and step-costs share: programs that must succeed, and counts
beside those that are expected."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOLERANCE = 0.05


def run(*command, text=None):
    """Standard output of a command; one that fails ends the script."""
    result = subprocess.run([str(part) for part in command], input=text,
                            capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: "
                 f"{pathlib.Path(command[0]).name} failed:\n"
                 f"{(result.stderr or result.stdout)[-2000:]}")
    return result.stdout


def add_update_option(parser):
    parser.add_argument("--update", action="store_true",
                        help="write what is measured as what is expected")


def report(count, kind, file, found, meaning):
    """Prints how many of `count` things of a kind differ from a file, one line
    of `found` each; the exit status."""
    for line in found:
        print(line)
    print(f"{count} {kind}, {len(found)} differ from {file.relative_to(ROOT)}: "
          f"{meaning}")
    if found:
        print(f"scripts/{pathlib.Path(sys.argv[0]).name} --update takes them as "
              "expected")
    return 1 if found else 0

"""resumed.py BUILD MODEL TEXTS FOLDER: a compression that was killed goes on where
it stopped, and ends in the same bytes as one that was not."""

import pathlib
import random
import re
import signal
import subprocess
import sys
import time

build, model, texts, folder = (pathlib.Path(argument) for argument in sys.argv[1:])
out = folder / "tiny.picollm"
stages = ["calibrate", "quantize", "tune"]
environment_of_faults = {"LD_PRELOAD": str(build / "test/libpicollm-fault-injection.so")}


def command(output, *more):
    return [
        build / "bin/picollm-compile",
        *(model, "-o", output, f"--calibration={texts}", "--tune-steps=4", "--name=tiny"),
        *(more or ["--bits=3"]),
    ]


def start(fault=None, more=()):
    environment = environment_of_faults | {"PICOLLM_FAULT": fault} if fault else {}
    return subprocess.Popen(
        ["env", *(f"{name}={value}" for name, value in environment.items()), *command(out, *more)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def left():
    return [p for p in folder.iterdir() if p.name.startswith("tiny.picollm.partial-")]


def finish(what):
    """The same command again; returns the stages that went on."""
    process = start()
    message = process.communicate()[1]
    assert process.returncode == 0, f"{what}: {message}"
    assert out.read_bytes() == expected, f"{what}: other bytes; {message}"
    assert not left(), f"{what}: left {left()}"
    out.unlink()
    return re.findall(r"(\w+) +\d+/\d+ \w+.*, \d+ of them before", message)


whole = folder / "whole.picollm"
begin = time.monotonic()
subprocess.run(command(whole), stderr=subprocess.DEVNULL, check=True, stdout=subprocess.DEVNULL)
duration = time.monotonic() - begin
expected = whole.read_bytes()
went_on = set()

if pathlib.Path(environment_of_faults["LD_PRELOAD"]).exists():  # not with sanitizers
    # Killed before every nth call that changes files.
    number, kills = 1, 0
    while True:
        process = start(f"kill:{number}")
        process.communicate()
        if process.returncode == 0:
            out.unlink()
            break
        went_on |= set(finish(f"kill at call {number}"))
        kills += 1
        number += 53
    assert kills > 8, kills
    assert went_on == set(stages), went_on

# Killed, interrupted while it goes on, and again.
random.seed(3)
interrupted = 0
for i in range(6):
    for name in [signal.SIGKILL, [signal.SIGTERM, signal.SIGINT, signal.SIGHUP][i % 3]]:
        process = start()
        time.sleep(random.uniform(0.3, 0.7) * duration)
        kept = bool(list(folder.glob("*.partial-*/.scratch/checkpoint")))
        process.send_signal(name)
        message = process.communicate()[1]
        if process.returncode == 0:
            break
        assert process.returncode == -name, (process.returncode, message)
        if name != signal.SIGKILL and kept and left():
            advice = "the same command goes on from here; to drop what is done, remove"
            assert f"{advice} {left()[0]}" in message, message
            interrupted += 1
    if out.exists():
        out.unlink()
    else:
        finish(name)
assert interrupted > 0


def kill_in(stage, more=()):
    """Kills it once a stage has kept something."""
    process = start(more=more)
    while process.poll() is None and not list(folder.glob(f"*.partial-*/.scratch/checkpoint/{stage}/steps")):
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL, f"{stage} ended too early"


# Another budget uses what was measured, but not what was quantised.
kill_in("quantize", ["--size=40K"])
assert "quantize" not in finish("another budget")
# Other texts use nothing.
kill_in("quantize")
texts.write_text(texts.read_text().replace("token", "letter"))
subprocess.run(command(whole), stderr=subprocess.DEVNULL, check=True, stdout=subprocess.DEVNULL)
expected = whole.read_bytes()
assert not finish("other texts")

# A mistake does not take with it what was done before.
kill_in("calibrate")
process = start(more=["--size=1K"])
message = process.communicate()[1]
assert process.returncode == 1 and left(), message
assert f"what was done stays in {left()[0]}, and the next compilation of {out} goes on from there" in message, message
finish("another size")
print("the same bytes, each time")

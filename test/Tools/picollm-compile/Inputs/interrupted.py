"""interrupted.py BUILD MODEL OTHER_MODEL FOLDER: a compilation that ends at any
moment leaves the old output or the new one, and nothing else for long."""

import filecmp
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

build, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[4])


def without_chat(path):
    """A copy without a chat template, whose rendering takes most of the time."""
    copy = folder / pathlib.Path(path).name
    content = pathlib.Path(path).read_bytes()
    copy.write_bytes(content.replace(b"tokenizer.chat_template", b"tokenizer.chat_tempIate"))
    return copy


model, other = without_chat(sys.argv[2]), without_chat(sys.argv[3])
compiler = build / "bin/picollm-compile"
preload = build / "test/libpicollm-fault-injection.so"


def command(source, out, *more):
    return [compiler, source, "--scheme=none", "--quiet", "--name=tiny", "-o", out, *more]


def same(a, b):
    if a.is_file() or b.is_file():
        return a.is_file() and b.is_file() and filecmp.cmp(a, b, shallow=False)
    names = sorted(p.name for p in a.iterdir())
    if names != sorted(p.name for p in b.iterdir()):
        return False
    return not any(filecmp.cmpfiles(a, b, names, shallow=False)[1:])


class Place:
    """An output that is compiled over and over."""

    def __init__(self, name, *more):
        self.more = more
        self.parent = folder / (name + ".place")
        self.out = self.parent / name
        self.old, self.new = folder / f"old-{name}", folder / f"new-{name}"
        subprocess.run(command(model, self.old, *more), check=True, stdout=subprocess.DEVNULL)
        subprocess.run(command(other, self.new, *more), check=True, stdout=subprocess.DEVNULL)

    def reset(self, with_old):
        shutil.rmtree(self.parent, ignore_errors=True)
        self.parent.mkdir()
        if with_old:
            (shutil.copytree if self.old.is_dir() else shutil.copy)(self.old, self.out)

    def start(self, fault=None, before=None):
        environment = dict(os.environ)
        if fault:
            environment |= {"LD_PRELOAD": str(preload), "PICOLLM_FAULT": fault}
        return subprocess.Popen(
            command(other, self.out, *self.more),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=before,
        )

    def state(self):
        if not self.out.exists():
            return "none"
        return "old" if same(self.out, self.old) else "new" if same(self.out, self.new) else "torn"

    def check(self, what, with_old):
        state = self.state()
        assert state in (("old", "new") if with_old else ("none", "new")), f"{what}: {state}"
        return state

    def check_alone(self, what):
        left = [p.name for p in self.parent.iterdir() if p != self.out]
        assert not left, f"{what}: left {left}"


def sweep(place, fault, step=1):
    """Every call that changes files fails once."""
    number, failures = 1, 0
    while True:
        with_old = number % 3 != 0
        place.reset(with_old)
        process = place.start(f"{fault}:{number}")
        message = process.communicate()[1]
        what = f"{fault} at call {number}"
        if process.returncode == 0:
            assert place.check(what, with_old) == "new", what
            return failures
        elif fault == "kill":
            assert process.returncode == -signal.SIGKILL or "failed" in message, message
            place.check(what, with_old)
        else:
            assert process.returncode == 1, f"{what}: {process.returncode} {message}"
            lines = message.splitlines()
            assert len(lines) == 1 and lines[0].startswith("picollm-compile: error: "), message
            assert "No space left" in message, message
            place.check(what, with_old)
            place.check_alone(what)
        failures += 1
        number += step


def clean_up(place, what):
    """The next compilation removes what dead ones left."""
    process = place.start()
    process.communicate()
    assert process.returncode == 0 and place.state() == "new"
    place.check_alone(what)


def kill_at_random(place, signals, count):
    random.seed(7)
    place.reset(True)
    start = time.monotonic()
    place.start().communicate()
    whole = time.monotonic() - start
    states = {}
    place.reset(True)
    for i in range(count):
        number = signals[i % len(signals)]
        process = place.start()
        time.sleep(random.uniform(0, whole))
        process.send_signal(number)
        process.communicate()
        assert process.returncode in (0, -number), process.returncode
        state = place.check(f"signal {number}", True)
        states[state] = states.get(state, 0) + 1
        if number != signal.SIGKILL:
            place.check_alone(f"signal {number}")
        elif i + 1 == count:
            clean_up(place, "kill")
        if state == "new" or number == signal.SIGKILL:
            place.reset(True)
    return states


def hang_up(place):
    """What nohup starts goes on when the terminal is gone."""
    place.reset(True)
    process = place.start(before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    while not list(place.parent.glob("*.partial-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    process.communicate()
    assert process.returncode == 0 and place.state() == "new", process.returncode


folder_place = Place("tiny")
file_place = Place("tiny.picollm")
if preload.exists():  # not in builds with sanitizers
    assert sweep(file_place, "kill", step=2) > 15
    clean_up(file_place, "kill")
    assert sweep(file_place, "28", step=4) > 5
    assert sweep(folder_place, "kill", step=9) > 2
    clean_up(folder_place, "kill")
    assert sweep(folder_place, "28", step=11) > 2
kill_at_random(folder_place, [signal.SIGKILL], 4)
kill_at_random(folder_place, [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], 3)
hang_up(folder_place)
print("old or new, each time")

"""Types into picollm-run --chat on a terminal of its own.

usage: converse.py TOOL FOLDER SCENARIO OUTPUT

The scenario is one of the functions below; what it saves goes to OUTPUT. Exits
with 0 if all went as expected.
"""
import json
import os
import pty
import select
import sys
import termios
import time

LEFT, UP, BACKSPACE, CTRL_C, CTRL_D = "\x1b[D", "\x1b[A", "\x7f", "\x03", "\x04"


class Terminal:
    def __init__(self, tool, *arguments):
        self.seen = b""
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(tool, [tool, *arguments])

    def type(self, text):
        os.write(self.file, text.encode())

    def wait_for_prompt(self, after=0, prompt="> "):
        """Waits for the prompt, and then until the tool reads keys, not lines."""
        end = self.wait_for(prompt, after)
        while termios.tcgetattr(self.file)[3] & termios.ICANON:
            time.sleep(0.01)
        return end

    def read(self):
        try:
            part = os.read(self.file, 65536)
        except OSError:  # the other side is closed
            part = b""
        self.seen += part
        return part

    def wait_for(self, text, after=0):
        """Reads on until `text` comes after so many bytes; returns its end."""
        text = text.encode()
        while (at := self.seen.find(text, after)) < 0:
            if not self.read():
                sys.exit(f"no {text} in {self.seen[after:]!r}")
        return at + len(text)

    def ask(self, message, end="threads"):
        """Types a line; waits for the line that follows the answer."""
        begin = len(self.seen)
        self.type(message + "\r")
        return self.wait_for_prompt(self.wait_for(end, begin))

    def interrupt(self):
        """Types Ctrl-C and waits until the tool takes a line. Around a Ctrl-C a
        terminal may drop what is typed and what is written."""
        begin = len(self.seen)
        self.type(CTRL_C)
        while b"Ctrl-C ends an answer" not in self.seen[begin:]:
            if not select.select([self.file], [], [], 0.2)[0]:
                self.type("/help\r")
            elif not self.read():
                sys.exit("ended by Ctrl-C")
        self.wait_for_prompt(self.wait_for("Ctrl-C ends an answer", begin))

    def exit_status(self, keys):
        """Types keys whenever the tool is silent, until it ends."""
        self.type(keys)
        while True:
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process:
                return os.waitstatus_to_exitcode(status)
            if not select.select([self.file], [], [], 1)[0]:
                self.type(keys)
            elif not self.read():  # closed: it is about to end
                return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])


def expect(found, expected):
    if found != expected:
        sys.exit(f"found {found!r}, expected {expected!r}")


def saved(terminal, output):
    terminal.ask("/save " + output, end="written")
    with open(output, encoding="utf-8") as file:
        return json.load(file)


def asked(dialog):
    return [message["content"] for message in dialog if message["role"] == "user"]


def edit(start, output):
    terminal = start("--max-tokens=8")
    terminal.wait_for_prompt()
    terminal.ask("helxlo" + LEFT + LEFT + BACKSPACE)
    terminal.ask(UP + "!")
    terminal.ask("gr\u00fc\u00df dich \u4f60" + LEFT + BACKSPACE)
    begin = len(terminal.seen)
    terminal.type("one \\\r")
    terminal.wait_for_prompt(begin, "+ ")
    terminal.ask("two")
    terminal.ask("not this" + "\x15" + " /this")  # Ctrl-U
    dialog = saved(terminal, output)
    expect(
        asked(dialog),
        ["hello", "hello!", "gr\u00fc\u00df dich\u4f60", "one \ntwo", " /this"],
    )
    expect([m["role"] for m in dialog], ["user", "assistant"] * 5)
    expect(terminal.exit_status(CTRL_D), 0)


def interrupt(start, output):
    terminal = start("--context=50000", "--max-tokens=0")
    terminal.wait_for_prompt()
    for question in ("first", "second"):
        begin = len(terminal.seen)
        terminal.type(question + "\r")
        answer = terminal.wait_for("\n", begin)
        while len(terminal.seen) < answer + 10:
            terminal.read()
        terminal.interrupt()
    dialog = saved(terminal, output)
    expect(asked(dialog), ["first", "second"])
    expect([m["role"] for m in dialog], ["user", "assistant"] * 2)
    for message in dialog:
        if not 0 < len(message["content"]) < 50000:
            sys.exit(f"{len(message['content'])} characters")
    expect(terminal.exit_status(CTRL_D), 0)


def leave(start, output):
    terminal = start("--max-tokens=8")
    terminal.wait_for_prompt()
    # Ctrl-C drops the line; only the second in a row ends.
    terminal.type("never said")
    terminal.interrupt()
    terminal.ask("said")
    terminal.type("dropped")
    terminal.interrupt()
    terminal.interrupt()
    expect(asked(saved(terminal, output)), ["said"])
    expect(terminal.exit_status(CTRL_C), 0)


def command(start, output):
    terminal = start("--max-tokens=8", "--system=Be brief.")
    terminal.wait_for_prompt(terminal.wait_for("/help lists more"))
    terminal.ask("/help", end="/load FILE")
    terminal.ask("/nonsense", end="unknown command /nonsense")
    terminal.ask("/save", end="needs a file")
    terminal.ask("/save /no/such/folder/file", end="cannot be written")
    terminal.ask("/load /no/such/file", end="cannot be read")
    terminal.ask("one")
    first = saved(terminal, output)
    expect(first[0], {"role": "system", "content": "Be brief."})
    terminal.type("/reset\r/system Be long.\r")
    terminal.ask("two")
    second = saved(terminal, output + ".second")
    expect(second[0], {"role": "system", "content": "Be long."})
    expect(asked(second), ["two"])
    terminal.ask("/load " + output, end="the dialog has 2 messages")
    terminal.ask("three")
    expect(asked(saved(terminal, output + ".third")), ["one", "three"])
    for wrong in ("[", "{}", "[1]", '[{"role": "user", "content": "x"}]'):
        with open(output + ".wrong", "w") as file:
            file.write(wrong)
        terminal.ask("/load " + output + ".wrong", end=".wrong: ")
    expect(asked(saved(terminal, output)), ["one", "three"])
    expect(terminal.exit_status(CTRL_D), 0)


def fill(start, output):
    terminal = start("--context=100", "--max-tokens=0")
    terminal.wait_for_prompt()
    terminal.ask("hello", end="--context=60000 has room")
    # There is no room for a second question, and the dialog keeps the first.
    terminal.ask("again", end="tokens is full: /reset starts a new dialog")
    expect(asked(saved(terminal, output)), ["hello"])
    terminal.type("/reset\r")
    terminal.ask("once more", end="--context=60000 has room")
    expect(asked(saved(terminal, output)), ["once more"])
    expect(terminal.exit_status(CTRL_D), 0)


def main():
    tool, folder, scenario, output = sys.argv[1:]

    def start(*options):
        return Terminal(tool, folder, "--chat", "--stats", *options)

    globals()[scenario](start, output)


main()

"""What Jinja2 makes of random dialogs, to compare a compiled model with.

usage: render_dialogs.py TEMPLATE SYSTEM BOS EOS

Writes a JSON list of objects with "messages" and "text". The dialogs begin with
a system message in half of the cases if SYSTEM is 1. No message is blank.
"""
import json
import random
import sys

from jinja2 import Environment
from jinja2.ext import Extension

PARTS = [
    "word", "Two words", "\n", "\n\n", " ", "  ", "\t", "\r\n", ".", "'", '"', "\\",
    "{{", "}}", "{%", "#}", "<", "&", "<think>", "</think>", "<|im_end|>", "</s>",
    "\u00e9", "\u4f60\u597d", "\U0001f600", "\u00a0", "\u3000", "\u200b", "\x1c",
    "[INST]", "None", "0", "-1.5", "user", "system", "```", "$HOME", "%d", "%%",
]


class Training(Extension):
    tags = {"generation"}

    def parse(self, parser):
        parser.stream.skip()
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def content(draw):
    while True:
        text = "".join(draw.choices(PARTS, k=draw.randrange(1, 12)))
        # What remains of a thought must not be blank either.
        if text.split("</think>")[-1].strip():
            return text


def dialog(draw, with_system):
    messages = []
    if with_system and draw.random() < 0.5:
        messages.append({"role": "system", "content": content(draw)})
    for turn in range(2 * draw.randrange(7) + 1):
        role = "assistant" if turn % 2 else "user"
        messages.append({"role": role, "content": content(draw)})
    return messages


def complain(message):
    raise ValueError(message)


def main():
    path, with_system, bos, eos = sys.argv[1:]
    environment = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", Training],
    )
    with open(path, encoding="utf-8", newline="") as file:
        template = environment.from_string(file.read())
    draw = random.Random(path.rsplit("/", 1)[-1])
    result = []
    for _ in range(300):
        messages = dialog(draw, with_system == "1")
        text = template.render(
            messages=messages,
            add_generation_prompt=True,
            bos_token=bos,
            eos_token=eos,
            raise_exception=complain,
        )
        result.append({"messages": messages, "text": text})
    json.dump(result, sys.stdout)


main()

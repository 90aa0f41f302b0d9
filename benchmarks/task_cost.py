#!/usr/bin/env python3
"""A model compressed for a task beside the same at as many bytes for text.

usage: benchmarks/task_cost.py items DATA OUT
       benchmarks/task_cost.py compress MODEL DATA OUT [--bits=3] [--only=NAME]
       benchmarks/task_cost.py judge MODEL DATA OUT [--items=N] [--texts=N]

DATA is a folder with c4-train, c4-valid and arc-easy, arc-challenge: texts that
are a question, its choices "(A) ..." and a line "Answer: A". `items` writes
OUT/train.jsonl and OUT/held-out.jsonl: every fourth question is held out, and
none that is in one file is in the other. `compress` compresses MODEL, each time
to as many bits:
  text        --calibration=DATA/c4-train
  task        --task=train.jsonl
  task+text   both
  items       --calibration of the training items as texts: the same tokens as
              task has, but every prediction counts
`judge` compares what was made with MODEL at 16 bits on the held-out items and on
c4-valid: nats per token, KL divergence and increase from that.
"""
import argparse
import json
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SETS = ["arc-easy", "arc-challenge"]
NAMES = ["text", "task", "task+text", "items"]
CHOICE = re.compile(r" \(([A-E1-5])\) ")


def read_item(text):
    """One item: the answer is the text of the right choice, not its letter."""
    question, _, letter = text.strip().rpartition("\nAnswer: ")
    first, *parts = CHOICE.split(question)
    letters, choices = parts[::2], [" " + c.strip() for c in parts[1::2]]
    if len(choices) < 2 or letter not in letters or len(set(choices)) < len(choices):
        return None
    index = letters.index(letter)
    return {"prompt": f"Question: {first.strip()}\nAnswer:",
            "answer": choices[index], "choices": choices, "answer_index": index}


def write_items(data, out):
    """Sets by turns, so that the beginning of a file has some of each."""
    numbered = [(int(path.stem), name, path) for name in SETS
                for path in (data / name).glob("*.txt")]
    parts = {"held-out": [], "train": []}
    seen = {}
    for rank, (_, _, path) in enumerate(sorted(numbered)):
        part = "held-out" if rank % 4 == 3 else "train"
        item = read_item(path.read_text(encoding="utf-8"))
        if item and seen.setdefault(item["prompt"], part) == part:
            parts[part].append(item)
    out.mkdir(parents=True, exist_ok=True)
    for part, items in parts.items():
        lines = [json.dumps(item, ensure_ascii=False) + "\n" for item in items]
        (out / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")
        print(f"{part}.jsonl: {len(items)} items")
    texts = out / "train-texts"
    texts.mkdir(exist_ok=True)
    for number, item in enumerate(parts["train"]):
        text = item["prompt"] + item["answer"]
        (texts / f"{number}.txt").write_text(text, encoding="utf-8")


def compress(model, data, out, tools, bits, only, items):
    flags = {
        "text": [f"--calibration={data / 'c4-train'}"],
        "task": [f"--task={out / 'train.jsonl'}"],
        "task+text": [f"--task={out / 'train.jsonl'}",
                      f"--calibration={data / 'c4-train'}"],
        "items": [f"--calibration={out / 'train-texts'}",
                  f"--calibration-texts={items}"],
    }
    for name in only or NAMES:
        subprocess.run([tools / "picollm-compile", model, f"--bits={bits}",
                        *flags[name], "-o", out / f"{name}.picollm"], check=True)


def judge(model, data, out, tools, items, texts):
    """Models are run by the runtime, so the .picollm files are compiled first."""
    header = ("answer loss", "KL", "accuracy", "C4 KL", "C4 increase")
    print(f"{'':10s} {'bytes':>9s} " + " ".join(f"{h:>12s}" for h in header))
    held_out = [f"--items={out / 'held-out.jsonl'}", f"--limit={items}"]
    c4 = [f"--texts={data / 'c4-valid'}", f"--limit={texts}"]

    def evaluate(*arguments):
        command = [tools / "picollm-eval", *arguments, "--path=prefill", "--json"]
        result = subprocess.run(command, check=True, capture_output=True, text=True)
        return json.loads(result.stdout)

    def build(source, compiled, *flags):
        subprocess.run([tools / "picollm-compile", source, "--quiet", *flags,
                        "-o", compiled], check=True, stdout=subprocess.DEVNULL)
        return next(compiled.glob("*.weights")).stat().st_size

    reference = out / "16-bits"
    size = build(model, reference, "--scheme=none")
    task = evaluate("task", reference, *held_out)
    print(f"{'16 bits':10s} {size:9d} {task['answer_loss']:12.4f} {'':12s} "
          f"{task['accuracy']:12.4f}", flush=True)
    for name in NAMES:
        packed, compiled = out / f"{name}.picollm", out / name.replace("+", "-")
        if not packed.exists():
            continue
        size = build(packed, compiled)
        task = evaluate("task", compiled, f"--reference={reference}", *held_out)
        text = evaluate("perplexity", compiled, f"--reference={reference}", *c4)
        print(f"{name:10s} {size:9d} {task['answer_loss']:12.4f} "
              f"{task['kl_divergence']:12.4f} {task['accuracy']:12.4f} "
              f"{text['kl_divergence']:12.4f} {text['increase']:12.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("items", "compress", "judge"):
        command = commands.add_parser(name)
        if name != "items":
            command.add_argument("model", type=pathlib.Path)
            command.add_argument("--tools", type=pathlib.Path,
                                 default=ROOT / "build" / "bin",
                                 help="folder of the tools, default build/bin")
        command.add_argument("data", type=pathlib.Path)
        command.add_argument("out", type=pathlib.Path)
        if name == "compress":
            command.add_argument("--bits", type=float, default=3)
            command.add_argument("--only", action="append", choices=NAMES)
            command.add_argument("--items", type=int, default=339,
                                 help="training items that `items` takes; default: "
                                 "as many as `task` does with SmolLM2's tokenizer")
        if name == "judge":
            command.add_argument("--items", type=int, default=0)
            command.add_argument("--texts", type=int, default=8)
    arguments = vars(parser.parse_args())
    {"items": write_items, "compress": compress, "judge": judge}[
        arguments.pop("command")](**arguments)


if __name__ == "__main__":
    main()

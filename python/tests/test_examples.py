"""The programs in examples/, and the code in the README."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import GOLDEN, TREE

import picollm_aot as picollm

EXAMPLES = TREE / "python" / "examples"


def run(name: str, *arguments: object, given: str = "") -> "tuple[int, str, str]":
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        input=given.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return result.returncode, result.stdout.decode(), result.stderr.decode()


def test_complete(smollm2: picollm.CompiledModel, engine: picollm.PicoLLM) -> None:
    prompt = "The capital of France is"
    status, text, notes = run(
        "complete.py", smollm2.path, prompt, "--max-tokens=12", "--device=cpu:2"
    )
    assert status == 0, notes
    assert text == engine.generate(prompt, 12).completion + "\n"
    assert notes.startswith("12 tokens, ")


def test_complete_without_a_model() -> None:
    status, text, notes = run("complete.py", "/nowhere", "prompt")
    assert (status, text) == (1, "")
    assert notes.startswith("complete.py: /nowhere")


def test_chat(smollm2: picollm.CompiledModel) -> None:
    status, text, notes = run(
        "chat.py",
        smollm2.path,
        given="What is the capital of France?\n\nThank you.\n",
    )
    assert status == 0, notes
    assert "Paris" in text
    assert text.count("> ") >= 3


def test_compile_and_run(tmp_path: Path) -> None:
    status, text, notes = run("compile_and_run.py", GOLDEN, tmp_path / "tiny", 8)
    assert status == 0, notes
    first, *_ = text.splitlines()
    size = (tmp_path / "tiny" / "tiny.weights").stat().st_size
    assert first == f"{tmp_path / 'tiny'}: {size} bytes of weights"
    assert "bits per weight" in notes


def test_the_code_of_the_readme_runs(
    smollm2: picollm.CompiledModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    readme = (TREE / "python" / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.S)
    assert len(blocks) >= 3
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smol").symlink_to(smollm2.path.resolve())
    names: "dict[str, object]" = {}
    for block in blocks:
        if "picollm.compile(" not in block:  # minutes; test_compile does it
            exec(compile(block, "README.md", "exec"), names)
    assert "Paris" in capsys.readouterr().out

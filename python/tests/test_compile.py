"""compile()."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import threading
from pathlib import Path
from typing import Any, List

import pytest
from conftest import BUILD, GOLDEN

import picollm_aot as picollm


def test_a_compiled_model_runs(tmp_path: Path) -> None:
    model = picollm.compile(GOLDEN, tmp_path / "tiny", scheme="none", progress=False)
    assert model.path == tmp_path / "tiny"
    assert os.fspath(model) == str(model.path)
    assert model.weights_path == model.path / "tiny.weights"
    assert model.weights_bytes == model.weights_path.stat().st_size
    with picollm.create(model_path=model) as pllm:
        assert pllm.generate("The", 3).usage.completion_tokens == 3


def test_options_reach_the_tool(tmp_path: Path) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    for i in range(4):
        (texts / f"{i}.txt").write_text("The model reads every token. " * 200)
    model = picollm.compile(
        GOLDEN,
        tmp_path / "tiny",
        bits=6.5,
        target="x86-64,x86-64-v3",
        calibration=texts,
        calibration_texts=2,
        name="other",
        threads=1,
        progress=False,
    )
    manifest = json.loads((model.path / "manifest.json").read_text())
    assert (model.path / "other.weights").is_file()
    weights = json.loads((model.path / "allocation.json").read_text())["weights"]
    assert model.weights_bytes is not None
    assert 5.5 < model.weights_bytes * 8 / weights <= 6.5
    assert "x86-64-v3" in json.dumps(manifest) or "avx2" in json.dumps(manifest)


def test_effort_and_tuning_reach_the_tool(tmp_path: Path) -> None:
    def weights(name: str, **options: Any) -> bytes:
        model = picollm.compile(GOLDEN, tmp_path / name, progress=False, **options)
        assert model.weights_path is not None
        return model.weights_path.read_bytes()

    fast = weights("a", effort="fast")
    assert weights("a", effort="fast") == fast
    assert weights("a", effort="default") != fast
    assert weights("a", effort="fast", tune_steps=4) != fast


def test_progress_is_passed_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: List[str] = []
    options = {"output": tmp_path / "tiny", "bits": 8, "calibration_texts": 2}
    picollm.compile(GOLDEN, progress=lines.append, **options)  # type: ignore[arg-type]
    summary = [line for line in lines if "bits per weight" in line]
    assert summary
    assert capsys.readouterr().err == ""
    picollm.compile(GOLDEN, **options)  # type: ignore[arg-type]
    assert summary[0] in capsys.readouterr().err


def test_without_an_output_it_is_named_after_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = picollm.compile(GOLDEN, scheme="none", progress=False)
    assert model.path == Path("gqa-tied-f32")
    assert (tmp_path / "gqa-tied-f32" / "manifest.json").is_file()


def test_a_missing_model_gives_the_sentence_of_the_tool(tmp_path: Path) -> None:
    with pytest.raises(picollm.PicoLLMCompileError) as raised:
        picollm.compile(tmp_path / "none.gguf", tmp_path / "out")
    assert "none.gguf" in raised.value.message
    assert "\n" not in raised.value.message
    assert not raised.value.message.startswith("picollm-compile")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bits": 3, "size": "1M"}, "exclude each other"),
        ({"bits": "three"}, "bits"),
        ({"size": "3 apples"}, "is not a size"),
        ({"scheme": "magic"}, "unknown --scheme 'magic'"),
        ({"target": "abacus"}, "abacus"),
        ({"calibration": "/nowhere"}, "/nowhere"),
        ({"calibration_texts": 0}, "calibration"),
        ({"task": "/nowhere.jsonl"}, "/nowhere.jsonl"),
        ({"effort": "much"}, "effort"),
        ({"tune": -1}, "tune"),
    ],
)
def test_options_out_of_range_give_the_sentence_of_the_tool(
    tmp_path: Path, options: "dict[str, object]", says: str
) -> None:
    with pytest.raises(picollm.PicoLLMCompileError, match=says):
        picollm.compile(GOLDEN, tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def program(path: Path, text: str) -> Path:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_tool_that_crashes_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    tool = program(tmp_path / "tool", "echo last words >&2; kill -SEGV $$\n")
    with pytest.raises(picollm.PicoLLMCompileError) as raised:
        picollm.compile(GOLDEN, tmp_path / "out", compiler=tool, progress=False)
    assert f"signal {signal.SIGSEGV.value}" in raised.value.message
    assert "last words" in raised.value.message


def test_a_tool_that_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(picollm.PicoLLMCompileError, match="cannot be run"):
        picollm.compile(GOLDEN, tmp_path / "out", compiler=tmp_path / "none")


def test_ctrl_c_ends_the_tool(tmp_path: Path) -> None:
    tool = program(
        tmp_path / "tool",
        f"trap 'echo ended >{tmp_path}/ended; exit 1' TERM\n"
        "echo started\nwhile :; do sleep 0.05; done\n",
    )

    def press(line: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait()

    with pytest.raises(KeyboardInterrupt):
        picollm.compile(GOLDEN, tmp_path / "out", compiler=tool, progress=press)
    assert (tmp_path / "ended").read_text() == "ended\n"


def test_the_compiler_of_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = program(tmp_path / "mine", "exit 0\n")
    monkeypatch.setenv("PICOLLM_COMPILE", str(tool))
    assert picollm.find_compiler() == str(tool)
    monkeypatch.setenv("PICOLLM_COMPILE", str(tmp_path / "none"))
    with pytest.raises(picollm.PicoLLMCompileError, match="PICOLLM_COMPILE names it"):
        picollm.find_compiler()


def test_the_compiler_of_the_tree_or_of_the_path_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from picollm_aot import _compile

    monkeypatch.delenv("PICOLLM_COMPILE")
    package = tmp_path / "package"
    package.mkdir()
    monkeypatch.setattr(_compile, "__file__", str(package / "_compile.py"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    with pytest.raises(picollm.PicoLLMCompileError, match="scripts/setup"):
        picollm.find_compiler()

    (tmp_path / "path").mkdir()
    on_path = program(tmp_path / "path" / "picollm-compile", "exit 0\n")
    assert picollm.find_compiler() == str(on_path)

    folders = [str(tmp_path / "unbuilt"), str(BUILD / "bin")]
    (package / "built_from.json").write_text(json.dumps({"compiler_folders": folders}))
    assert picollm.find_compiler() == str(BUILD / "bin" / "picollm-compile")

    (package / "bin").mkdir()
    shutil.copy(on_path, package / "bin" / "picollm-compile")
    assert picollm.find_compiler() == str(package / "bin" / "picollm-compile")

"""``compile``: runs picollm-compile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List, Optional, Union

from ._errors import PicoLLMCompileError

PathLike = Union[str, "os.PathLike[str]"]

_TOOL = "picollm-compile"


@dataclass(frozen=True)
class CompiledModel(os.PathLike):  # type: ignore[type-arg]
    """What ``compile`` wrote; ``create`` takes it as ``model_path``.

    Attributes:
        path: The folder, or the ``.picollm`` file.
        weights_path: The weight file; None for a ``.picollm`` file.
        weights_bytes: Its size, which is what ``bits`` and ``size`` budget.
    """

    path: Path
    weights_path: Optional[Path] = None
    weights_bytes: Optional[int] = None

    def __fspath__(self) -> str:
        return str(self.path)


def find_compiler() -> str:
    """The picollm-compile that ``compile`` runs, the first there is of: what
    the environment variable PICOLLM_COMPILE names; the one in the package; the
    one in the source tree that the package was installed from; the one on PATH.

    Raises:
        PicoLLMCompileError: There is none.
    """
    named = os.environ.get("PICOLLM_COMPILE")
    if named:
        found = shutil.which(named)
        if not found:
            raise PicoLLMCompileError(
                f"{named}: the environment variable PICOLLM_COMPILE names it, but "
                "there is no such program"
            )
        return found
    package = Path(__file__).parent
    places = [package / "bin"]
    try:
        built_from = json.loads((package / "built_from.json").read_text("utf-8"))
        places += [Path(folder) for folder in built_from["compiler_folders"]]
    except OSError:
        pass  # not installed by its build
    for place in places:
        found = shutil.which(_TOOL, path=str(place))
        if found:
            return found
    found = shutil.which(_TOOL)
    if found:
        return found
    looked = ", ".join(str(place) for place in places)
    raise PicoLLMCompileError(
        f"{_TOOL} was not found in {looked} nor on PATH; build it with scripts/setup "
        "in the source tree, or name it by the environment variable PICOLLM_COMPILE"
    )


def compile(  # the name in the API  # noqa: A001
    model: PathLike,
    output: Optional[PathLike] = None,
    *,
    bits: Optional[float] = None,
    size: Optional[Union[int, str]] = None,
    allocation: Optional[PathLike] = None,
    scheme: Optional[str] = None,
    target: Optional[str] = None,
    cpu: Optional[str] = None,
    features: Optional[str] = None,
    calibration: Optional[PathLike] = None,
    calibration_texts: Optional[int] = None,
    task: Optional[PathLike] = None,
    effort: Optional[str] = None,
    tune: Optional[float] = None,
    tune_steps: Optional[int] = None,
    name: Optional[str] = None,
    threads: Optional[int] = None,
    progress: Union[bool, Callable[[str], object]] = True,
    compiler: Optional[PathLike] = None,
) -> CompiledModel:
    """Compresses a model and compiles it ahead of time, by picollm-compile.

    What is not given is as picollm-compile --help says.

    Args:
        model: What picollm-compile reads: a GGUF file, ...
        output: The folder to write, replaced if it holds a compiled model;
            None: in the current folder, named as the model is.
        bits: Bits per weight of the whole weight file, such as 3.5.
        size: Instead, its size in bytes, or "60M" and the like.
        allocation: Instead, an edited allocation.json.
        scheme: "pico", learned widths per column, "gptq" or "rtn", one width
            as published, or "none", 16 bits.
        target: "host", "x86-64", "x86-64-v3", an LLVM triple, ...; several with
            commas between them.
        cpu: A CPU as in clang's -mcpu.
        features: CPU features as in "+avx2,-fma".
        calibration: Texts that show what the model is used for, a file or a
            folder; None: the model writes its own.
        calibration_texts: How many of them to take, or of the items of a task
            without texts.
        task: "perplexity", or a file of items, ``{"prompt": "...", "answer":
            "..."}`` on each line, whose answers are what errors are judged by.
        effort: How long to compress: "fast" shows a first result, "max" goes
            on as long as it gains, "default" lies between them.
        tune: Minutes of tuning scales and norms by gradient.
        tune_steps: Instead, how many steps of it, which repeats exactly.
        name: Of the library; None: the folder's.
        threads: None: one per core.
        progress: Whether the tool's progress goes to ``sys.stderr``, or what
            to call with each line of it.
        compiler: The tool; None: see :func:`find_compiler`.

    Raises:
        PicoLLMCompileError: It failed; the message is its sentence. An earlier
            output is left as it was.
    """
    tool = os.fspath(compiler) if compiler is not None else find_compiler()
    path = Path(output) if output is not None else Path(_default_output(model))
    command = [tool, os.fspath(model), "-o", str(path)]
    options = {
        "--bits": bits,
        "--size": size,
        "--allocation": allocation,
        "--scheme": scheme,
        "--target": target,
        "--mcpu": cpu,
        "--mattr": features,
        "--calibration": calibration,
        "--calibration-texts": calibration_texts,
        "--task": task,
        "--effort": effort,
        "--tune": tune,
        "--tune-steps": tune_steps,
        "--name": name,
    }
    for option, value in options.items():
        if value is not None:
            text = os.fspath(value) if isinstance(value, os.PathLike) else str(value)
            command.append(f"{option}={text}")
    if threads is not None:
        command.append(f"-j{threads}")
    if progress is False:
        command.append("--quiet")
    _run(command, progress)
    return _describe(path)


def _default_output(model: PathLike) -> str:
    path = Path(model)
    return path.stem if path.suffix in (".gguf", ".picollm") else path.resolve().name


def _run(command: List[str], progress: Union[bool, Callable[[str], object]]) -> None:
    lines: List[str] = []
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except (OSError, ValueError) as error:
        raise PicoLLMCompileError(f"{command[0]}: cannot be run: {error}") from error
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if callable(progress):
                    progress(lines[-1])
                elif progress and "error: " not in line:
                    print(lines[-1], file=sys.stderr, flush=True)
            status = process.wait()
        except BaseException:
            # It writes beside the output, which is still what it was.
            process.terminate()
            raise
    if status != 0:
        raise PicoLLMCompileError(_sentence(lines, status))


def _sentence(lines: List[str], status: int) -> str:
    """What the tool says is wrong."""
    for line in reversed(lines):
        _, mark, sentence = line.partition(_TOOL + ": error: ")
        if mark:
            return sentence
    what = f"signal {-status}" if status < 0 else f"exit status {status}"
    return "\n".join([f"{_TOOL} ended with {what}", *lines[-5:]])


def _describe(path: Path) -> CompiledModel:
    weights = sorted(path.glob("*.weights")) if path.is_dir() else []
    if not weights:
        return CompiledModel(path)
    return CompiledModel(path, weights[0], weights[0].stat().st_size)

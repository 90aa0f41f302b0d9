"""create(), devices, release()."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from conftest import TREE

import picollm_aot as picollm


def test_devices_that_are_listed_can_be_created(golden: picollm.CompiledModel) -> None:
    devices = picollm.available_devices()
    assert devices[:2] == ["cpu", "cpu:1"]
    for device in [None, "best", *devices]:
        picollm.create(model_path=golden, device=device).release()


@pytest.mark.parametrize(
    ("device", "says"),
    [
        ("gpu", "models cannot be run on a GPU yet; there are: best, cpu"),
        ("gpu:1", "models cannot be run on a GPU yet; there are: best, cpu"),
        ("cpu:0", "is unknown; there are: best, cpu"),
        ("cpu:257", "is unknown; there are: best, cpu"),
        ("cpu:two", "is unknown; there are: best, cpu"),
        ("cpu:", "is unknown; there are: best, cpu"),
        ("", "is unknown; there are: best, cpu"),
        (2, "must be a str, not int"),
    ],
)
def test_other_devices_are_refused(
    golden: picollm.CompiledModel, device: Any, says: str
) -> None:
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match=says):
        picollm.create(model_path=golden, device=device)


def test_an_access_key_is_taken_and_ignored(golden: picollm.CompiledModel) -> None:
    with picollm.create(access_key="${ACCESS_KEY}", model_path=golden) as by_name:
        with picollm.create("${ACCESS_KEY}", golden, "cpu:1", True) as by_position:
            assert by_name.model == by_position.model == "golden"


def test_a_missing_model_path_is_an_error() -> None:
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="model_path"):
        picollm.create()


@pytest.mark.parametrize("path", [7, "", b"bytes", "with\0null"])
def test_what_is_no_path_is_an_error(path: Any) -> None:
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="model_path"):
        picollm.create(model_path=path)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(picollm.PicoLLMIOError, match="nowhere") as raised:
        picollm.create(model_path=tmp_path / "nowhere")
    assert raised.value.message == str(raised.value)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(picollm.PicoLLMIOError):
        picollm.create(model_path=tmp_path)


def test_damaged_weights_are_an_error(
    golden: picollm.CompiledModel, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(golden, copy)
    weights = copy / "golden.weights"
    data = bytearray(weights.read_bytes())
    data[-100] ^= 1
    weights.write_bytes(data)
    picollm.create(model_path=copy).release()
    with pytest.raises(picollm.PicoLLMIOError):
        picollm.create(model_path=copy, verify=True)
    weights.write_bytes(data[: len(data) // 2])
    with pytest.raises(picollm.PicoLLMIOError):
        picollm.create(model_path=copy)


def test_weights_in_huge_pages_are_the_same(golden: picollm.CompiledModel) -> None:
    texts = []
    for huge_pages in (False, True):
        with picollm.create(
            model_path=golden, verify=True, huge_pages=huge_pages
        ) as pllm:
            texts.append(pllm.generate("Hello", completion_token_limit=8).completion)
    assert texts[0] == texts[1]


def test_a_folder_whose_name_is_not_ascii(
    golden: picollm.CompiledModel, tmp_path: Path
) -> None:
    copy = tmp_path / "mod\u00e8le \u6a21\u578b"
    shutil.copytree(golden, copy)
    with picollm.create(model_path=str(copy)) as pllm:
        assert pllm.model == "golden"


def test_properties(golden: picollm.CompiledModel) -> None:
    with picollm.create(model_path=golden, context_length=96) as pllm:
        assert pllm.model == "golden"
        assert pllm.context_length == 96
        assert pllm.version == picollm.__version__
        assert pllm.max_top_choices == 128


@pytest.mark.parametrize("length", [0, -1, 2**40, "64", 1.5, True])
def test_context_lengths_out_of_range_are_errors(
    golden: picollm.CompiledModel, length: Any
) -> None:
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="context_length"):
        picollm.create(model_path=golden, context_length=length)


def test_a_context_longer_than_the_models_is_an_error(
    golden: picollm.CompiledModel,
) -> None:
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="context"):
        picollm.create(model_path=golden, context_length=10**6)


def test_a_library_that_is_missing_is_an_error(
    golden: picollm.CompiledModel, tmp_path: Path
) -> None:
    with pytest.raises(picollm.PicoLLMIOError, match="there is no such file"):
        picollm.create(model_path=golden, library_path=tmp_path / "none.so")


def test_a_library_that_is_none_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "libpicollm-runtime.so"
    path.write_text("not a library")
    with pytest.raises(picollm.PicoLLMIOError, match="cannot be loaded"):
        picollm.available_devices(library_path=path)


def test_a_library_of_something_else_is_an_error(
    golden: picollm.CompiledModel,
) -> None:
    with pytest.raises(picollm.PicoLLMRuntimeError, match="has no function"):
        picollm.available_devices(library_path=golden.path / "libgolden.so")


def test_another_copy_of_the_library_is_used(
    golden: picollm.CompiledModel, tmp_path: Path
) -> None:
    from picollm_aot import _binding

    copy = tmp_path / "copy.so"
    shutil.copy(_binding.bundled_library(), copy)
    with picollm.create(model_path=golden, library_path=copy) as pllm:
        assert pllm._library.path == copy
        assert pllm.forward(0)


def test_everything_fails_after_release(
    golden: picollm.CompiledModel, tmp_path: Path
) -> None:
    pllm = picollm.create(model_path=golden, enable_context_caching=True)
    pllm.release()
    pllm.release()
    pllm.interrupt()  # of nothing
    calls: List[Callable[[], object]] = [
        lambda: pllm.generate("text"),
        lambda: pllm.stream("text"),
        lambda: pllm.tokenize("text", False, False),
        lambda: pllm.detokenize([1]),
        lambda: pllm.forward(1),
        lambda: pllm.reset(),
        lambda: pllm.context_save(tmp_path / "context"),
        lambda: pllm.context_load(tmp_path / "context"),
        lambda: pllm.get_dialog(),
        lambda: pllm.model,
        lambda: pllm.context_length,
    ]
    for call in calls:
        with pytest.raises(picollm.PicoLLMInvalidStateError, match="was released"):
            call()


def test_release_ends_a_generation_of_another_thread(
    smollm2: picollm.CompiledModel,
) -> None:
    pllm = picollm.create(model_path=smollm2, device="cpu:2")
    started = threading.Event()
    results: List[picollm.PicoLLMCompletion] = []
    worker = threading.Thread(
        target=lambda: results.append(
            pllm.generate("1, 2, 3,", stream_callback=lambda piece: started.set())
        )
    )
    worker.start()
    started.wait()
    pllm.release()
    worker.join()
    assert results[0].endpoint is picollm.PicoLLMEndpoints.INTERRUPTED


def test_release_from_the_stream_callback(smollm2: picollm.CompiledModel) -> None:
    pllm = picollm.create(model_path=smollm2, device="cpu:2")
    completion = pllm.generate("1, 2, 3,", stream_callback=lambda piece: pllm.release())
    assert completion.endpoint is picollm.PicoLLMEndpoints.INTERRUPTED
    with pytest.raises(picollm.PicoLLMInvalidStateError):
        pllm.generate("1, 2, 3,")


def test_two_models_at_once_give_what_each_gives_alone(
    smollm2: picollm.CompiledModel, golden: picollm.CompiledModel
) -> None:
    engines = {
        "smollm2": picollm.create(model_path=smollm2, device="cpu:2"),
        "again": picollm.create(model_path=smollm2, device="cpu:1"),
        "golden": picollm.create(model_path=golden, device="cpu:1"),
    }
    prompt = "The model reads"
    alone = {k: e.generate(prompt, 24).completion for k, e in engines.items()}
    assert alone["smollm2"] == alone["again"] != alone["golden"]
    together: Dict[str, str] = {}

    def run(name: str) -> None:
        together[name] = engines[name].generate(prompt, 24).completion

    threads = [threading.Thread(target=run, args=(name,)) for name in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone
    for engine in engines.values():
        engine.release()


def test_errors_of_the_closed_engine_can_be_named() -> None:
    names = """Error MemoryError IOError InvalidArgumentError StopIterationError
        KeyError InvalidStateError RuntimeError ActivationError ActivationLimitError
        ActivationThrottledError ActivationRefusedError"""
    for name in names.split():
        assert issubclass(getattr(picollm, "PicoLLM" + name), picollm.PicoLLMError)


def test_types_are_shipped() -> None:
    package = Path(picollm.__file__).parent
    assert (package / "py.typed").is_file()
    assert os.path.commonpath([package, TREE / "python" / "src"]) != str(
        TREE / "python" / "src"
    ), "tests are about the installed package"

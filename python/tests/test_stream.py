"""Pieces of text, callbacks, interruption, one thing at a time."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any, List

import pytest

import picollm_aot as picollm
from picollm_aot import PicoLLMEndpoints

PROMPT = "1, 2, 3,"


def listed() -> List[threading.Thread]:
    """Threads of generations, also those which are about to be started.

    One whose start was interrupted by Ctrl-C stays in Python's list for ever.
    """
    return [t for t in threading.enumerate() if t.name == "picollm-generate"]


def generating() -> List[threading.Thread]:
    return [thread for thread in listed() if thread.is_alive()]


def when_generating(action: Any) -> threading.Thread:
    """Does it in another thread as soon as a generation runs, or begins to."""
    before = listed()

    def wait_and_act() -> None:
        while all(thread in before for thread in listed()):
            time.sleep(0.001)
        action()

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


def test_pieces_of_the_callback_add_up_to_the_completion(
    engine: picollm.PicoLLM,
) -> None:
    pieces: List[str] = []
    threads = set()

    def receive(piece: str) -> None:
        pieces.append(piece)
        threads.add(threading.current_thread())

    prompt = "Greetings in Chinese, Japanese and Korean: \u4f60\u597d,"
    completion = engine.generate(prompt, 40, stream_callback=receive)
    assert len(pieces) > 5
    assert all(pieces)
    assert "".join(pieces) == completion.completion
    assert threads == {threading.current_thread()}


def test_pieces_of_the_stream_add_up_to_the_completion(
    engine: picollm.PicoLLM,
) -> None:
    expected = engine.generate(PROMPT, 40)
    stream = engine.stream(PROMPT, 40)
    pieces = list(stream)
    assert len(pieces) > 30
    assert "".join(pieces) == expected.completion
    completion = stream.completion
    assert completion.completion == expected.completion
    assert completion.endpoint is expected.endpoint
    assert completion.completion_tokens == expected.completion_tokens
    assert list(stream) == []


def test_the_completion_of_a_stream_waits_for_the_rest(
    engine: picollm.PicoLLM,
) -> None:
    stream = engine.stream(PROMPT, 30)
    next(stream)
    assert stream.completion.completion == engine.generate(PROMPT, 30).completion


def test_closing_a_stream_ends_the_generation(engine: picollm.PicoLLM) -> None:
    with engine.stream(PROMPT) as stream:
        first = next(stream)
    assert not generating()
    assert list(stream) == []
    completion = stream.completion
    assert completion.endpoint is PicoLLMEndpoints.INTERRUPTED
    assert completion.completion.startswith(first)
    assert completion.usage.completion_tokens < 100
    stream.close()
    assert engine.generate(PROMPT, 3).usage.completion_tokens == 3


def test_leaving_a_loop_over_a_stream_frees_the_engine(
    engine: picollm.PicoLLM,
) -> None:
    for _ in engine.stream(PROMPT):
        break
    gc.collect()
    assert engine.generate(PROMPT, 3).usage.completion_tokens == 3


def test_a_stream_waits_for_a_slow_reader(engine: picollm.PicoLLM) -> None:
    stream = engine.stream(PROMPT, 200)
    next(stream)
    while engine._generation and engine._generation._slots > 0:
        time.sleep(0.001)  # until it is as far ahead as it goes
    stream.close()
    assert stream.completion.usage.completion_tokens < 40


def test_interrupt_from_another_thread(engine: picollm.PicoLLM) -> None:
    thread = when_generating(engine.interrupt)
    completion = engine.generate(PROMPT)
    thread.join()
    assert completion.endpoint is PicoLLMEndpoints.INTERRUPTED


def test_interrupt_from_the_callback_ends_with_that_piece(
    engine: picollm.PicoLLM,
) -> None:
    pieces: List[str] = []

    def receive(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 3:
            engine.interrupt()

    completion = engine.generate(PROMPT, 100, stream_callback=receive)
    assert completion.endpoint is PicoLLMEndpoints.INTERRUPTED
    assert len(pieces) == 3
    assert completion.completion == "".join(pieces)


def test_interrupt_of_nothing_does_nothing(engine: picollm.PicoLLM) -> None:
    engine.interrupt()
    assert engine.generate(PROMPT, 3).usage.completion_tokens == 3


def test_interrupt_ends_a_long_prompt(engine: picollm.PicoLLM) -> None:
    thread = when_generating(engine.interrupt)
    completion = engine.generate("word " * 500, 5)
    thread.join()
    assert completion.endpoint is PicoLLMEndpoints.INTERRUPTED


def test_what_the_callback_raises_is_raised(engine: picollm.PicoLLM) -> None:
    def receive(piece: str) -> None:
        raise ZeroDivisionError("of the callback")

    with pytest.raises(ZeroDivisionError, match="of the callback"):
        engine.generate(PROMPT, stream_callback=receive)
    assert not generating()
    assert engine.generate(PROMPT, 3).usage.completion_tokens == 3


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_raises_keyboard_interrupt(engine: picollm.PicoLLM) -> None:
    thread = when_generating(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        engine.generate(PROMPT)
    thread.join()
    assert not generating()
    assert engine.generate(PROMPT, 3).usage.completion_tokens == 3


def test_ctrl_c_before_the_thread_runs(
    engine: picollm.PicoLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(thread: threading.Thread) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine.generate(PROMPT)
    assert not generating()
    assert engine.generate(PROMPT, 3).usage.completion_tokens == 3


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_raises_keyboard_interrupt_from_a_stream(
    engine: picollm.PicoLLM,
) -> None:
    thread = when_generating(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        for _ in engine.stream(PROMPT):
            pass
    thread.join()
    assert engine.generate(PROMPT, 3).usage.completion_tokens == 3


def test_one_thing_at_a_time(engine: picollm.PicoLLM) -> None:
    token = engine.tokenize("a", False, False)[0]
    with engine.stream(PROMPT) as stream:
        next(stream)
        for call in (
            lambda: engine.generate(PROMPT),
            lambda: engine.stream(PROMPT),
            lambda: engine.forward(token),
            lambda: engine.reset(),
        ):
            with pytest.raises(picollm.PicoLLMInvalidStateError, match="is busy"):
                call()
        # These need no context.
        assert engine.tokenize("a", False, False) == [token]
        assert engine.detokenize([token]) == "a"


def test_no_generation_inside_the_callback(engine: picollm.PicoLLM) -> None:
    with pytest.raises(picollm.PicoLLMInvalidStateError, match="is busy"):
        engine.generate(PROMPT, stream_callback=lambda piece: engine.reset())


def test_a_program_may_end_amid_a_stream(smollm2: picollm.CompiledModel) -> None:
    program = (
        "import sys, picollm_aot as picollm\n"
        "pllm = picollm.create(model_path=sys.argv[1], device='cpu:2')\n"
        "stream = pllm.stream('1, 2, 3,')\n"
        "print(next(stream))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, str(smollm2.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout

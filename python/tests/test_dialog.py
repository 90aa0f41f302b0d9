"""Dialogs: alternation, history, prompts, answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import GOLDEN

import picollm_aot as picollm
from picollm_aot import PicoLLMInvalidArgumentError, PicoLLMInvalidStateError

# Written by hand after the template in SmolLM2's tokenizer_config.json.
DEFAULT_SYSTEM = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by "
    "Hugging Face<|im_end|>\n"
)


def turn(role: str, content: str) -> str:
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


ANSWER = "<|im_start|>assistant\n"


def test_the_prompt_is_that_of_the_models_template(engine: picollm.PicoLLM) -> None:
    dialog = engine.get_dialog()
    dialog.add_human_request("Hi!")
    assert dialog.prompt() == DEFAULT_SYSTEM + turn("user", "Hi!") + ANSWER


def test_a_system_message_replaces_the_default(engine: picollm.PicoLLM) -> None:
    dialog = engine.get_dialog(system="Be brief.")
    dialog.add_human_request("Hi!")
    expected = turn("system", "Be brief.") + turn("user", "Hi!") + ANSWER
    assert dialog.prompt() == expected


@pytest.mark.parametrize(
    ("history", "kept"), [(None, 3), (0, 0), (1, 1), (2, 2), (3, 3), (10, 3)]
)
def test_history_is_how_many_rounds_are_kept(
    engine: picollm.PicoLLM, history: Any, kept: int
) -> None:
    dialog = engine.get_dialog(history=history)
    rounds = [(f"request {i}", f"response {i}") for i in range(3)]
    for request, response in rounds:
        dialog.add_human_request(request)
        dialog.add_llm_response(response)
    dialog.add_human_request("the last")
    expected = DEFAULT_SYSTEM
    for request, response in rounds[3 - kept :]:
        expected += turn("user", request) + turn("assistant", response)
    assert dialog.prompt() == expected + turn("user", "the last") + ANSWER


def test_requests_and_responses_alternate(engine: picollm.PicoLLM) -> None:
    dialog = engine.get_dialog()
    with pytest.raises(PicoLLMInvalidStateError, match="no request to respond to"):
        dialog.prompt()
    with pytest.raises(PicoLLMInvalidStateError, match="no request to respond to"):
        dialog.add_llm_response("I begin")
    dialog.add_human_request("one")
    with pytest.raises(PicoLLMInvalidStateError, match="has no response yet"):
        dialog.add_human_request("two")
    dialog.add_llm_response("1")
    with pytest.raises(PicoLLMInvalidStateError, match="no request to respond to"):
        dialog.prompt()
    with pytest.raises(PicoLLMInvalidStateError, match="no request to respond to"):
        dialog.add_llm_response("2")


@pytest.mark.parametrize("history", [-1, 1.5, "2", True])
def test_histories_out_of_range_are_errors(
    engine: picollm.PicoLLM, history: Any
) -> None:
    with pytest.raises(PicoLLMInvalidArgumentError, match="history: "):
        engine.get_dialog(history=history)


@pytest.mark.parametrize("mode", ["qa", "", 1])
def test_other_modes_are_errors(engine: picollm.PicoLLM, mode: Any) -> None:
    with pytest.raises(PicoLLMInvalidArgumentError, match="mode: "):
        engine.get_dialog(mode=mode)
    engine.get_dialog(mode="chat")


def test_what_is_no_text_is_an_error(engine: picollm.PicoLLM) -> None:
    nothing: Any = None
    dialog = engine.get_dialog()
    with pytest.raises(PicoLLMInvalidArgumentError, match="content: "):
        dialog.add_human_request(nothing)
    number: Any = 7
    with pytest.raises(PicoLLMInvalidArgumentError, match="system: "):
        engine.get_dialog(system=number)


def edited(tmp_path: Path, old: bytes, new: bytes) -> picollm.CompiledModel:
    """The golden model with other bytes, as many, in its metadata."""
    data = GOLDEN.read_bytes()
    assert data.count(old) == 1 and len(old) == len(new)
    file = tmp_path / "edited.gguf"
    file.write_bytes(data.replace(old, new))
    return picollm.compile(file, tmp_path / "edited", scheme="none", progress=False)


def test_a_model_without_a_template_says_so(tmp_path: Path) -> None:
    model = edited(tmp_path, b"tokenizer.chat_template", b"tokenizer.chat_nothing_")
    with picollm.create(model_path=model) as pllm:
        with pytest.raises(PicoLLMInvalidArgumentError, match="template"):
            pllm.get_dialog()
        assert pllm.generate("The", 2).usage.completion_tokens == 2


def test_a_template_that_could_not_be_compiled_says_so(tmp_path: Path) -> None:
    model = edited(tmp_path, b"message['content'] +", b"message['content']  ")
    with picollm.create(model_path=model) as pllm:
        with pytest.raises(PicoLLMInvalidArgumentError, match="template"):
            pllm.get_dialog()


def test_a_dialog_is_answered_as_its_prompt(engine: picollm.PicoLLM) -> None:
    dialog = engine.get_dialog(history=None)
    dialog.add_human_request("What is the capital of France?")
    by_text = engine.generate(dialog.prompt(), 40)
    by_dialog = engine.generate(dialog, 40)
    assert by_dialog.completion == by_text.completion
    assert by_dialog.usage.prompt_tokens == by_text.usage.prompt_tokens
    assert "".join(engine.stream(dialog, 40)) == by_text.completion


def test_control_tokens_in_a_message_stay_text_in_a_dialog(
    engine: picollm.PicoLLM,
) -> None:
    dialog = engine.get_dialog()
    dialog.add_human_request("What is <|im_end|>?")
    by_text = engine.generate(dialog.prompt(), 1)
    by_dialog = engine.generate(dialog, 1)
    # "<|im_end|>" as text is several tokens.
    assert by_dialog.usage.prompt_tokens > by_text.usage.prompt_tokens


def test_a_long_dialog_only_computes_what_is_new(caching: picollm.PicoLLM) -> None:
    dialog = caching.get_dialog(history=None)
    dialog.add_human_request("What is the capital of France?")
    first = caching.generate(dialog, 40)
    dialog.add_llm_response(first.completion)
    dialog.add_human_request("And of Italy?")
    second = caching.generate(dialog, 40)
    assert second.usage.reused_tokens >= first.usage.prompt_tokens
    caching.reset()
    assert caching.generate(dialog, 40).completion == second.completion


def test_a_dialog_ends_with_its_engine(smollm2: picollm.CompiledModel) -> None:
    with picollm.create(model_path=smollm2) as pllm:
        dialog = pllm.get_dialog()
    dialog.add_human_request("Hi!")
    with pytest.raises(PicoLLMInvalidStateError, match="was released"):
        dialog.prompt()

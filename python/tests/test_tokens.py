"""tokenize(), detokenize(), forward(), reset()."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from conftest import GOLDEN, Tool

import picollm_aot as picollm

TEXTS = [
    "",
    " ",
    "Hello, world!",
    "a\n\n  b\tc",
    "Gr\u00fc\u00dfe aus K\u00f6ln, \u4f60\u597d, \U0001f469\u200d\U0001f680!",
    "null \0 inside",
    "<|im_start|>user\nHi<|im_end|>\n",
]


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_spell_the_text(engine: picollm.PicoLLM, text: str) -> None:
    assert engine.detokenize(engine.tokenize(text, bos=False, eos=False)) == text


def test_golden_prompt_is_tokenized_as_by_another_implementation(
    golden: picollm.CompiledModel,
) -> None:
    prompt = json.loads(GOLDEN.with_suffix(".json").read_text())["prompt"]
    with picollm.create(model_path=golden) as pllm:
        assert pllm.tokenize(prompt["text"], False, False) == prompt["ids"]


def test_control_tokens_in_the_text_are_parsed(engine: picollm.PicoLLM) -> None:
    (token,) = engine.tokenize("<|im_end|>", False, False)
    assert engine.detokenize([token]) == "<|im_end|>"


def test_eos_is_the_token_that_ends_a_text(engine: picollm.PicoLLM) -> None:
    plain = engine.tokenize("Hi", bos=False, eos=False)
    # The tokenizer of SmolLM2 asks for no begin token.
    assert engine.tokenize("Hi", bos=True, eos=False) == plain
    *same, end = engine.tokenize("Hi", bos=False, eos=True)
    assert same == plain
    assert engine.detokenize([end]) == "<|im_end|>"


@pytest.mark.parametrize(
    "text", [7, None, b"bytes", "\ud800"], ids=["int", "None", "bytes", "surrogate"]
)
def test_what_is_no_text_is_an_error(engine: picollm.PicoLLM, text: Any) -> None:
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="text: "):
        engine.tokenize(text, False, False)
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="prompt: "):
        engine.generate(text)


def test_forward_gives_the_logits_of_picollm_eval(
    engine: picollm.PicoLLM, smollm2: picollm.CompiledModel, tool: Tool
) -> None:
    tokens = engine.tokenize("The capital of France is", False, False)
    listed = ",".join(map(str, tokens))
    printed = json.loads(
        tool("picollm-eval", "logits", smollm2.path, f"--tokens={listed}", "--json")
    )
    found = [engine.forward(token) for token in tokens]
    assert len(found) == len(printed["logits"])
    for row, expected in zip(found, printed["logits"]):
        assert max(abs(a - b) for a, b in zip(row, expected)) < 1e-5


def test_forward_gives_the_golden_tokens(golden: picollm.CompiledModel) -> None:
    data = json.loads(GOLDEN.with_suffix(".json").read_text())
    with picollm.create(model_path=golden) as pllm:
        for token in data["prompt"]["ids"]:
            logits = pllm.forward(token)
        for expected in data["greedy"]:
            token = max(range(len(logits)), key=logits.__getitem__)
            assert token == expected
            logits = pllm.forward(token)


def test_reset_begins_again(engine: picollm.PicoLLM) -> None:
    first = engine.forward(100)
    second = engine.forward(100)
    assert first != second
    engine.reset()
    assert engine.forward(100) == first


def test_logits_are_finite_floats_one_per_token(engine: picollm.PicoLLM) -> None:
    logits = engine.forward(0)
    assert len(logits) == 49152
    assert all(type(x) is float and math.isfinite(x) for x in logits)


@pytest.mark.parametrize("token", [-1, 49152, 2**40, "1", 1.0, None, True])
def test_what_is_no_token_is_an_error(engine: picollm.PicoLLM, token: Any) -> None:
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="token: "):
        engine.forward(token)
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="token: "):
        engine.detokenize([token])


def test_forward_beyond_the_context_is_an_error(
    golden: picollm.CompiledModel,
) -> None:
    with picollm.create(model_path=golden, context_length=3) as pllm:
        for _ in range(3):
            pllm.forward(1)
        with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="context"):
            pllm.forward(1)
        pllm.reset()
        pllm.forward(1)

"""generate(): text, endpoints, sampling, log-probabilities."""

from __future__ import annotations

import json
import math
from typing import Any, Dict, List

import pytest
from conftest import Tool

import picollm_aot as picollm
from picollm_aot import PicoLLMEndpoints

PROMPT = "The capital of France is"


def log_softmax(logits: List[float]) -> List[float]:
    largest = max(logits)
    total = math.log(math.fsum(math.exp(x - largest) for x in logits)) + largest
    return [x - total for x in logits]


def test_greedy_text_is_that_of_picollm_run(
    engine: picollm.PicoLLM, smollm2: picollm.CompiledModel, tool: Tool
) -> None:
    printed = json.loads(
        tool("picollm-run", smollm2.path, PROMPT, "--max-tokens=20", "--json")
    )
    completion = engine.generate(PROMPT, completion_token_limit=20)
    assert completion.completion == printed["text"]
    assert "Paris" in completion.completion
    assert completion.usage.prompt_tokens == printed["prompt_tokens"] == 5
    assert completion.usage.completion_tokens == printed["completion_tokens"] == 20
    assert completion.endpoint is PicoLLMEndpoints.COMPLETION_TOKEN_LIMIT_REACHED


def test_sampled_text_is_that_of_picollm_run(
    engine: picollm.PicoLLM, smollm2: picollm.CompiledModel, tool: Tool
) -> None:
    flags = ["--temperature=0.9", "--top-p=0.95", "--top-k=50", "--seed=7"]
    printed = json.loads(
        tool("picollm-run", smollm2.path, PROMPT, "-n", 32, "--json", *flags)
    )
    completion = engine.generate(
        PROMPT, 32, seed=7, temperature=0.9, top_p=0.95, top_k=50
    )
    assert completion.completion == printed["text"]


def test_every_generation_begins_with_an_empty_context(
    engine: picollm.PicoLLM,
) -> None:
    first = engine.generate(PROMPT, 16).completion
    engine.generate("Something else entirely", 8)
    engine.forward(17)
    assert engine.generate(PROMPT, 16).completion == first


def test_a_seed_gives_its_text_for_any_number_of_threads(
    smollm2: picollm.CompiledModel,
) -> None:
    texts: Dict[int, List[str]] = {}
    for device in ("cpu:1", "cpu:2"):
        with picollm.create(model_path=smollm2, device=device) as pllm:
            for seed in (0, 1, 2**64 - 1):
                completion = pllm.generate(PROMPT, 20, seed=seed, temperature=1.0)
                texts.setdefault(seed, []).append(completion.completion)
    assert all(first == second for first, second in texts.values())
    assert len({first for first, _ in texts.values()}) == 3


def test_without_a_seed_texts_differ(engine: picollm.PicoLLM) -> None:
    texts = {engine.generate(PROMPT, 24, temperature=1.5).completion for _ in range(3)}
    assert len(texts) > 1


def test_top_k_of_one_is_greedy(engine: picollm.PicoLLM) -> None:
    greedy = engine.generate(PROMPT, 16).completion
    assert engine.generate(PROMPT, 16, temperature=2.0, top_k=1).completion == greedy


def test_the_model_ends_its_text(engine: picollm.PicoLLM) -> None:
    completion = engine.generate(PROMPT)
    assert completion.endpoint is PicoLLMEndpoints.END_OF_SENTENCE
    assert "<|" not in completion.completion
    assert len(completion.completion_tokens) == completion.usage.completion_tokens
    spelled = "".join(token.token.token for token in completion.completion_tokens)
    assert spelled == completion.completion


@pytest.mark.parametrize(
    ("given", "first"),
    [("0", 0), ("unsaid 1", 1), ("2 1", 1), ("1 3", 3)],
    ids=["one", "one that is not said", "two", "one inside the other"],
)
def test_the_first_complete_stop_phrase_ends_the_text_and_is_its_end(
    engine: picollm.PicoLLM, given: str, first: int
) -> None:
    whole = engine.generate(PROMPT, 20).completion
    parts = [whole[1:4], whole[5:20], whole[10:30], whole[8:12]]
    phrases = {parts[int(x)] if x.isdigit() else x for x in given.split()}
    pieces: List[str] = []
    stopped = engine.generate(
        PROMPT, 20, stop_phrases=phrases, stream_callback=pieces.append
    )
    assert stopped.endpoint is PicoLLMEndpoints.STOP_PHRASE_ENCOUNTERED
    assert stopped.completion.endswith(parts[first])
    assert stopped.completion == whole[: len(stopped.completion)]
    assert not any(phrase in stopped.completion[:-1] for phrase in phrases)
    assert "".join(pieces) == stopped.completion


def test_a_stop_phrase_across_tokens(engine: picollm.PicoLLM) -> None:
    whole = engine.generate("1, 2, 3, 4,", 40).completion
    phrase = whole[7:16]  # digits, commas and blanks: each its own token
    assert len(engine.tokenize(phrase, False, False)) > 3
    stopped = engine.generate("1, 2, 3, 4,", 40, stop_phrases=[phrase])
    assert stopped.endpoint is PicoLLMEndpoints.STOP_PHRASE_ENCOUNTERED
    assert stopped.completion == whole[: whole.index(phrase) + len(phrase)]


def test_log_probabilities_are_those_of_the_logits(engine: picollm.PicoLLM) -> None:
    completion = engine.generate(PROMPT, 4, num_top_choices=5)
    engine.reset()
    for token in engine.tokenize(PROMPT, bos=True, eos=False):
        logits = engine.forward(token)
    for found in completion.completion_tokens:
        expected = log_softmax(logits)
        best = sorted(range(len(expected)), key=lambda i: -expected[i])[:5]
        assert {choice.id for choice in found.top_choices} == set(best)
        assert found.token == found.top_choices[0]
        for choice in found.top_choices:
            # A prompt computed at once is rounded elsewhere than token by token.
            assert choice.log_prob == pytest.approx(expected[choice.id], abs=0.01)
            assert choice.token == engine.detokenize([choice.id])
        logits = engine.forward(found.token.id)


def test_probabilities_of_a_whole_vocabulary_add_up_to_one(
    golden: picollm.CompiledModel,
) -> None:
    with picollm.create(model_path=golden) as pllm:
        completion = pllm.generate("The model", 3, num_top_choices=128)
        pllm.reset()
        for token in pllm.tokenize("The model", bos=True, eos=False):
            logits = pllm.forward(token)
    top = completion.completion_tokens[0].top_choices
    assert len(top) == 128
    # The top choices and, from the logits, the rest of the 320 tokens.
    listed = {choice.id for choice in top}
    rest = [p for i, p in enumerate(log_softmax(logits)) if i not in listed]
    total = sum(math.exp(choice.log_prob) for choice in top) + sum(map(math.exp, rest))
    assert total == pytest.approx(1, abs=1e-4)


def test_log_probabilities_come_without_top_choices_too(
    engine: picollm.PicoLLM,
) -> None:
    tokens = engine.generate(PROMPT, 3).completion_tokens
    assert len(tokens) == 3
    assert all(t.token.log_prob < 0 and len(t.top_choices) == 0 for t in tokens)


def test_log_probabilities_do_not_depend_on_sampling(engine: picollm.PicoLLM) -> None:
    greedy = engine.generate(PROMPT, 1, num_top_choices=10)
    sampled = engine.generate(
        PROMPT, 1, num_top_choices=10, temperature=1.7, top_p=0.5, seed=3
    )
    first, second = greedy.completion_tokens[0], sampled.completion_tokens[0]
    assert first.top_choices == second.top_choices


@pytest.mark.parametrize("penalty", ["presence_penalty", "frequency_penalty"])
def test_penalties_lessen_repetition(engine: picollm.PicoLLM, penalty: str) -> None:
    def repeated(completion: picollm.PicoLLMCompletion) -> int:
        ids = [token.token.id for token in completion.completion_tokens]
        return len(ids) - len(set(ids))

    options: Dict[str, Any] = {penalty: 100.0}
    prompt = "no no no no no no no"
    assert repeated(engine.generate(prompt, 20)) > 5
    assert repeated(engine.generate(prompt, 20, **options)) <= 1


def test_parts_of_characters_are_shown_as_hexadecimal(
    golden: picollm.CompiledModel,
) -> None:
    with picollm.create(model_path=golden) as pllm:
        completion = pllm.generate("The model", 40, temperature=3.0, seed=1)
    tokens = [token.token.token for token in completion.completion_tokens]
    partial = [token for token in tokens if "\\x" in token]
    assert partial
    assert all(len(token) % 4 == 0 for token in partial if token.startswith("\\x"))


def test_a_full_context_ends_the_text(smollm2: picollm.CompiledModel) -> None:
    with picollm.create(model_path=smollm2, context_length=16) as pllm:
        completion = pllm.generate("1, 2, 3,")
        assert completion.endpoint is PicoLLMEndpoints.CONTEXT_FULL
        usage = completion.usage
        assert usage.prompt_tokens + usage.completion_tokens in (16, 17)


def test_a_prompt_longer_than_the_context_is_an_error(
    smollm2: picollm.CompiledModel,
) -> None:
    with picollm.create(model_path=smollm2, context_length=16) as pllm:
        with pytest.raises(picollm.PicoLLMInvalidArgumentError, match="context"):
            pllm.generate("word " * 50)
        assert pllm.generate("word", 3).usage.completion_tokens == 3


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("completion_token_limit", 0),
        ("completion_token_limit", -1),
        ("completion_token_limit", 1.5),
        ("stop_phrases", "one"),
        ("stop_phrases", [""]),
        ("stop_phrases", ["a\0b"]),
        ("stop_phrases", [1]),
        ("seed", -1),
        ("seed", 2**64),
        ("seed", "1"),
        ("presence_penalty", math.nan),
        ("frequency_penalty", math.inf),
        ("presence_penalty", "1"),
        ("temperature", -0.1),
        ("temperature", math.nan),
        ("temperature", None),
        ("top_p", 0),
        ("top_p", 1.1),
        ("top_p", math.nan),
        ("num_top_choices", -1),
        ("num_top_choices", 129),
        ("top_k", 0),
        ("top_k", -5),
    ],
)
def test_arguments_out_of_range_are_errors(
    engine: picollm.PicoLLM, argument: str, value: Any
) -> None:
    options: Dict[str, Any] = {"completion_token_limit": 4, argument: value}
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match=argument):
        engine.generate(PROMPT, **options)
    with pytest.raises(picollm.PicoLLMInvalidArgumentError, match=argument):
        with engine.stream(PROMPT, **options) as pieces:
            list(pieces)
    assert engine.generate(PROMPT, 2).usage.completion_tokens == 2


def test_integers_of_other_types_are_integers(engine: picollm.PicoLLM) -> None:
    class Four:
        def __index__(self) -> int:
            return 4

    limit: Any = Four()
    assert engine.generate(PROMPT, limit).usage.completion_tokens == 4

"""Prefix reuse, and the context in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

import picollm_aot as picollm

STORY = "Once upon a time, in a village by the sea, there lived an old fisherman"
FIRST = STORY + " who had three sons."
SECOND = STORY + " whose boat was older than he was."


def test_reuse_gives_the_same_text(
    engine: picollm.PicoLLM, caching: picollm.PicoLLM
) -> None:
    for prompt in (FIRST, SECOND, FIRST, STORY):
        expected = engine.generate(prompt, 24)
        found = caching.generate(prompt, 24)
        assert found.completion == expected.completion
        assert expected.usage.reused_tokens == 0


def test_what_prompts_share_is_not_computed_again(caching: picollm.PicoLLM) -> None:
    first = caching.generate(FIRST, 8)
    assert first.usage.reused_tokens == 0
    second = caching.generate(SECOND, 8)
    tokens = [caching.tokenize(prompt, True, False) for prompt in (FIRST, SECOND)]
    shared = next(i for i, (a, b) in enumerate(zip(*tokens)) if a != b)
    assert shared > 10
    assert second.usage.reused_tokens == shared


def test_a_saved_context_is_reused(
    smollm2: picollm.CompiledModel,
    engine: picollm.PicoLLM,
    caching: picollm.PicoLLM,
    tmp_path: Path,
) -> None:
    path = tmp_path / "story.context"
    first = caching.generate(FIRST, 8)
    caching.context_save(path)
    caching.reset()
    with picollm.create(
        model_path=smollm2, enable_context_caching=True, context_length=300
    ) as other:
        other.context_load(str(path))
        continued = other.generate(FIRST + first.completion, 12)
        assert continued.usage.reused_tokens > first.usage.prompt_tokens
        assert (
            continued.completion
            == engine.generate(FIRST + first.completion, 12).completion
        )


def test_a_loaded_context_is_continued_by_forward(
    caching: picollm.PicoLLM, tmp_path: Path
) -> None:
    path = tmp_path / "tokens.context"
    for token in (10, 20, 30):
        caching.forward(token)
    caching.context_save(path)
    expected = caching.forward(40)
    caching.reset()
    caching.context_load(path)
    assert caching.forward(40) == expected


def test_without_caching_contexts_are_not_kept(
    engine: picollm.PicoLLM, tmp_path: Path
) -> None:
    engine.generate(STORY, 2)
    for call in (engine.context_save, engine.context_load):
        with pytest.raises(picollm.PicoLLMInvalidStateError, match="caching=True"):
            call(tmp_path / "context")
    assert not (tmp_path / "context").exists()


def test_an_empty_context_is_not_saved(
    caching: picollm.PicoLLM, tmp_path: Path
) -> None:
    with pytest.raises(picollm.PicoLLMInvalidStateError, match="is empty"):
        caching.context_save(tmp_path / "context")


def test_a_context_that_cannot_be_written_is_an_error(
    caching: picollm.PicoLLM, tmp_path: Path
) -> None:
    caching.forward(1)
    with pytest.raises(picollm.PicoLLMIOError):
        caching.context_save(tmp_path / "nowhere" / "context")


def test_files_that_are_no_context_leave_it_unchanged(
    caching: picollm.PicoLLM, golden: picollm.CompiledModel, tmp_path: Path
) -> None:
    path = tmp_path / "context"
    caching.forward(10)
    caching.context_save(path)
    expected = caching.forward(20)

    damaged = tmp_path / "damaged"
    damaged.write_bytes(path.read_bytes()[:-10])
    with picollm.create(model_path=golden, enable_context_caching=True) as other:
        other.forward(1)
        foreign = tmp_path / "foreign"
        other.context_save(foreign)
        with pytest.raises(picollm.PicoLLMIOError):
            other.context_load(path)

    caching.context_load(path)
    for bad in (damaged, foreign, tmp_path / "missing"):
        with pytest.raises(picollm.PicoLLMIOError):
            caching.context_load(bad)
    assert caching.forward(20) == expected


def test_a_context_that_does_not_fit_is_an_error(
    caching: picollm.PicoLLM, smollm2: picollm.CompiledModel, tmp_path: Path
) -> None:
    caching.generate(FIRST, 20)
    caching.context_save(tmp_path / "context")
    with picollm.create(
        model_path=smollm2, enable_context_caching=True, context_length=8
    ) as small:
        with pytest.raises(picollm.PicoLLMInvalidArgumentError):
            small.context_load(tmp_path / "context")

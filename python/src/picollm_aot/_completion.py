"""What ``PicoLLM.generate`` returns; names and shape are those of ``picollm``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Sequence


class PicoLLMEndpoints(Enum):
    """Why a completion ended."""

    #: The model ended its text.
    END_OF_SENTENCE = 0
    #: ``completion_token_limit`` was reached.
    COMPLETION_TOKEN_LIMIT_REACHED = 1
    #: One of ``stop_phrases`` appeared; it is the end of the completion.
    STOP_PHRASE_ENCOUNTERED = 2
    #: ``interrupt()``, or the stream was closed.
    INTERRUPTED = 3
    #: The context has no room for more; ``picollm`` has no such value.
    CONTEXT_FULL = 4


@dataclass(frozen=True)
class PicoLLMUsage:
    """How much was computed.

    Attributes:
        prompt_tokens: Tokens of the prompt, with the begin token if there is one.
        completion_tokens: Tokens of the completion.
        reused_tokens: Tokens of the prompt that were in the context already.
        prompt_seconds: Time until the first token was known.
        completion_seconds: Time from then on.
    """

    prompt_tokens: int
    completion_tokens: int
    reused_tokens: int = 0
    prompt_seconds: float = 0.0
    completion_seconds: float = 0.0


@dataclass(frozen=True)
class PicoLLMToken:
    """A token and how probable the model found it.

    Attributes:
        token: Its text; bytes that are not UTF-8 by themselves as ``\\xNN``.
        log_prob: Natural logarithm of its probability, before temperature,
            penalties, ``top_k`` and ``top_p``.
        id: Its number in the vocabulary.
    """

    token: str
    log_prob: float
    id: int = -1


@dataclass(frozen=True)
class PicoLLMCompletionToken:
    """A generated token.

    Attributes:
        token: The one that was chosen.
        top_choices: The ``num_top_choices`` most probable ones, by falling
            probability.
    """

    token: PicoLLMToken
    top_choices: Sequence[PicoLLMToken]


@dataclass(frozen=True)
class PicoLLMCompletion:
    """A completion.

    Attributes:
        usage: How much was computed.
        endpoint: Why it ended.
        completion_tokens: Its tokens, ``usage.completion_tokens`` of them.
        completion: Its text.
    """

    usage: PicoLLMUsage
    endpoint: PicoLLMEndpoints
    completion_tokens: Sequence[PicoLLMCompletionToken]
    completion: str

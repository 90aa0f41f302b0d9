"""Dialogs: the requests of a human and the responses of the model in turn."""

from __future__ import annotations

from typing import Callable, List, Optional, Tuple

from ._errors import PicoLLMInvalidArgumentError, PicoLLMInvalidStateError


class Dialog:
    """A dialog with the model of the engine whose ``get_dialog`` made it.

    It is written down as the chat template of the model's own files does,
    which was read when the model was compiled.

    Attributes:
        history: How many of the last rounds of request and response the prompt
            holds; None: all, 0: none.
        system: How the model should behave; None: what the template says.
    """

    def __init__(
        self,
        write: Callable[[List[Tuple[str, str]]], str],
        history: Optional[int],
        system: Optional[str],
    ) -> None:
        if history is not None and (
            isinstance(history, bool) or not isinstance(history, int) or history < 0
        ):
            raise PicoLLMInvalidArgumentError(
                f"history: must be a number of rounds, or None for all, not {history!r}"
            )
        self._write = write
        self.history = history
        self.system = system
        self._requests: List[str] = []
        self._responses: List[str] = []

    def add_human_request(self, content: str) -> None:
        """Adds what the human says.

        Raises:
            PicoLLMInvalidStateError: The last request has no response yet.
        """
        if len(self._requests) > len(self._responses):
            raise PicoLLMInvalidStateError(
                "add_human_request: the last request has no response yet; give it to "
                "add_llm_response first"
            )
        self._requests.append(_text(content))

    def add_llm_response(self, content: str) -> None:
        """Adds what the model answered.

        Raises:
            PicoLLMInvalidStateError: There is no request without a response.
        """
        if len(self._requests) == len(self._responses):
            raise PicoLLMInvalidStateError(
                "add_llm_response: there is no request to respond to; give one to "
                "add_human_request first"
            )
        self._responses.append(_text(content))

    def messages(self) -> List[Tuple[str, str]]:
        """Role ("system", "user", "assistant") and content of all that the
        prompt holds.

        Raises:
            PicoLLMInvalidStateError: There is no request without a response.
        """
        if len(self._requests) == len(self._responses):
            raise PicoLLMInvalidStateError(
                "prompt: there is no request to respond to; give one to "
                "add_human_request first"
            )
        rounds = len(self._responses)
        kept = rounds if self.history is None else min(self.history, rounds)
        messages = [] if self.system is None else [("system", self.system)]
        for i in range(rounds - kept, rounds):
            messages.append(("user", self._requests[i]))
            messages.append(("assistant", self._responses[i]))
        messages.append(("user", self._requests[-1]))
        return messages

    def prompt(self) -> str:
        """The text that ``generate`` continues with the model's response.

        Raises:
            PicoLLMInvalidStateError: There is no request without a response,
                or the engine was released.
        """
        return self._write(self.messages())


def _text(content: str) -> str:
    if not isinstance(content, str):
        raise PicoLLMInvalidArgumentError(
            f"content: must be a str, not {type(content).__name__}"
        )
    return content

"""The errors of the package, named and arranged as those of ``picollm``."""

from __future__ import annotations

from typing import Dict, Sequence, Type


class PicoLLMError(Exception):
    """The base of all errors of this package.

    Attributes:
        message: One sentence: what is wrong, what was expected, what helps.
        message_stack: ``message`` again, as the only element; for programs
            written for ``picollm``.
    """

    def __init__(self, message: str = "", message_stack: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.message_stack: Sequence[str] = tuple(message_stack) or (message,)


class PicoLLMMemoryError(PicoLLMError):
    """There is not enough memory."""


class PicoLLMIOError(PicoLLMError):
    """A file is missing, unreadable, damaged, or does not belong to the model."""


class PicoLLMInvalidArgumentError(PicoLLMError):
    """An argument is outside its range, or does not fit into the context."""


class PicoLLMInvalidStateError(PicoLLMError):
    """The call does not go with what was done before, such as ``release()``."""


class PicoLLMRuntimeError(PicoLLMError):
    """The machine cannot run the model, or an engine of another version."""


class PicoLLMCompileError(PicoLLMError):
    """``compile()`` failed; the message is the sentence of picollm-compile."""


class PicoLLMStopIterationError(PicoLLMError):
    """Never raised; here so that handlers written for ``picollm`` still work."""


class PicoLLMKeyError(PicoLLMError):
    """Never raised; here so that handlers written for ``picollm`` still work."""


class PicoLLMActivationError(PicoLLMError):
    """Never raised: nothing is activated, there is no key and no licence server."""


class PicoLLMActivationLimitError(PicoLLMError):
    """Never raised; see :class:`PicoLLMActivationError`."""


class PicoLLMActivationThrottledError(PicoLLMError):
    """Never raised; see :class:`PicoLLMActivationError`."""


class PicoLLMActivationRefusedError(PicoLLMError):
    """Never raised; see :class:`PicoLLMActivationError`."""


# By picollm_status of picollm.h.
_BY_STATUS: Dict[int, Type[PicoLLMError]] = {
    1: PicoLLMInvalidArgumentError,  # PICOLLM_INVALID_ARGUMENT
    2: PicoLLMIOError,  # PICOLLM_NOT_FOUND
    3: PicoLLMIOError,  # PICOLLM_DAMAGED_FILE
    4: PicoLLMIOError,  # PICOLLM_MISMATCH
    5: PicoLLMRuntimeError,  # PICOLLM_UNSUPPORTED_CPU
    6: PicoLLMMemoryError,  # PICOLLM_OUT_OF_MEMORY
    7: PicoLLMInvalidArgumentError,  # PICOLLM_CONTEXT_FULL
    8: PicoLLMIOError,  # PICOLLM_SYSTEM_ERROR
    9: PicoLLMInvalidStateError,  # PICOLLM_BUSY
}


def error_of_status(status: int, message: str) -> PicoLLMError:
    """The error to raise for a ``picollm_status`` other than 0."""
    return _BY_STATUS.get(status, PicoLLMError)(message)

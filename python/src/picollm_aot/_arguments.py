"""What arguments may be; others raise ``PicoLLMInvalidArgumentError``."""

from __future__ import annotations

import operator
import re
from typing import Iterable, Optional, Sequence, SupportsFloat, SupportsIndex

from . import _binding
from ._errors import PicoLLMInvalidArgumentError

MAX_THREADS = 256


def threads_of(device: Optional[str]) -> int:
    """Threads of a device; 0: as the runtime thinks best."""
    if device is None or device in ("best", "cpu"):
        return 0
    exist = f"there are: best, cpu, and cpu:N with 1 to {MAX_THREADS} threads"
    if not isinstance(device, str):
        raise PicoLLMInvalidArgumentError(
            f"device: must be a str, not {type(device).__name__}; {exist}"
        )
    if re.fullmatch(r"gpu(:\d+)?", device):
        raise PicoLLMInvalidArgumentError(
            f"device '{device}': models cannot be run on a GPU yet; {exist}"
        )
    match = re.fullmatch(r"cpu:([0-9]{1,9})", device)
    if not match or not 1 <= int(match[1]) <= MAX_THREADS:
        raise PicoLLMInvalidArgumentError(f"device '{device}': is unknown; {exist}")
    return int(match[1])


def integer(value: object, argument: str, least: int, most: int) -> int:
    # Any integer, numpy's too.
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise PicoLLMInvalidArgumentError(
            f"{argument}: must be an int, not {type(value).__name__}"
        )
    number = operator.index(value)
    if not least <= number <= most:
        raise PicoLLMInvalidArgumentError(
            f"{argument}: must be between {least} and {most}, not {number}"
        )
    return number


def number(value: object, argument: str) -> float:
    if not isinstance(value, SupportsFloat) or isinstance(value, str):
        raise PicoLLMInvalidArgumentError(
            f"{argument}: must be a number, not {type(value).__name__}"
        )
    return float(value)


def stop_phrases(phrases: Optional[Iterable[str]]) -> Sequence[bytes]:
    if phrases is None:
        return ()
    if isinstance(phrases, str):
        raise PicoLLMInvalidArgumentError(
            "stop_phrases: must be a collection of phrases, not one str; write "
            f"[{phrases!r}]"
        )
    encoded = [_binding.encode_text(phrase, "stop_phrases") for phrase in phrases]
    for phrase in encoded:
        if not phrase or b"\0" in phrase:
            raise PicoLLMInvalidArgumentError(
                "stop_phrases: a phrase must not be empty and holds no null character"
            )
    return encoded

"""The C API of the runtime, ``picollm.h``, for ctypes.

Structures and prototypes repeat the header; ``tests/test_binding.py`` compares
them with what a C compiler makes of it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import (
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int,
    c_int32,
    c_int64,
    c_size_t,
    c_uint64,
    c_void_p,
)
from importlib import metadata
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

from ._errors import (
    PicoLLMInvalidArgumentError,
    PicoLLMIOError,
    PicoLLMRuntimeError,
    error_of_status,
)

MAX_TOP_CHOICES = 128

END_OF_TEXT = 0
END_TOKEN_LIMIT = 1
END_CONTEXT_FULL = 2
END_STOP_STRING = 3
END_INTERRUPTED = 4


class Error(Structure):
    _fields_ = [("code", c_int), ("message", c_char * 512)]


class ModelOptions(Structure):
    _fields_ = [("verify", c_int), ("huge_pages", c_int)]


class Message(Structure):
    _fields_ = [("role", c_char_p), ("content", c_char_p), ("length", c_size_t)]


class SessionOptions(Structure):
    _fields_ = [("context_length", c_int64), ("threads", c_int32)]


class TokenChoice(Structure):
    _fields_ = [("token", c_int32), ("log_probability", c_float)]


class TokenResult(Structure):
    _fields_ = [
        ("chosen", TokenChoice),
        ("top", POINTER(TokenChoice)),
        ("top_count", c_size_t),
    ]


TokenCallback = ctypes.CFUNCTYPE(c_int, POINTER(TokenResult), c_void_p)
StreamCallback = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t, c_void_p)


class GenerateOptions(Structure):
    _fields_ = [
        ("max_tokens", c_int64),
        ("temperature", c_double),
        ("top_p", c_double),
        ("top_k", c_int64),
        ("presence_penalty", c_double),
        ("frequency_penalty", c_double),
        ("seed", c_uint64),
        ("parse_special", c_int),
        ("from_start", c_int),
        ("stop", POINTER(c_char_p)),
        ("stop_count", c_size_t),
        ("keep_stop", c_int),
        ("top_choices", c_int32),
        ("on_token", TokenCallback),
        ("on_token_user", c_void_p),
    ]


class GenerateResult(Structure):
    _fields_ = [
        ("prompt_tokens", c_int64),
        ("reused_tokens", c_int64),
        ("completion_tokens", c_int64),
        ("end", c_int),
        ("stop_index", c_int64),
        ("prompt_seconds", c_double),
        ("completion_seconds", c_double),
    ]


#: C name of each structure.
STRUCTURES: Dict[str, Any] = {
    "picollm_error": Error,
    "picollm_model_options": ModelOptions,
    "picollm_message": Message,
    "picollm_session_options": SessionOptions,
    "picollm_token_choice": TokenChoice,
    "picollm_token_result": TokenResult,
    "picollm_generate_options": GenerateOptions,
    "picollm_generate_result": GenerateResult,
}

_ERROR = POINTER(Error)
_MODEL = c_void_p
_SESSION = c_void_p
_GENERATION: List[Any] = [
    POINTER(GenerateOptions),
    StreamCallback,
    c_void_p,
    POINTER(GenerateResult),
    _ERROR,
]
_DIALOG: List[Any] = [_MODEL, POINTER(Message), c_size_t]

#: Result and arguments of each function that the package calls.
PROTOTYPES: Dict[str, Tuple[Any, List[Any]]] = {
    "picollm_version": (c_char_p, []),
    "picollm_model_load": (
        c_int,
        [c_char_p, POINTER(ModelOptions), POINTER(_MODEL), _ERROR],
    ),
    "picollm_model_free": (None, [_MODEL]),
    "picollm_model_name": (c_char_p, [_MODEL]),
    "picollm_model_vocabulary": (c_int64, [_MODEL]),
    "picollm_tokenize": (
        c_int,
        [
            _MODEL,
            c_char_p,
            c_size_t,
            c_int,
            c_int,
            POINTER(c_int32),
            c_size_t,
            POINTER(c_size_t),
            _ERROR,
        ],
    ),
    "picollm_token_bytes": (
        c_int,
        [_MODEL, c_int32, POINTER(c_void_p), POINTER(c_size_t), _ERROR],
    ),
    "picollm_token_ends_text": (c_int, [_MODEL, c_int32]),
    "picollm_end_token": (c_int32, [_MODEL]),
    "picollm_chat_prompt": (
        c_int,
        [*_DIALOG, c_void_p, c_size_t, POINTER(c_size_t), _ERROR],
    ),
    "picollm_session_create": (
        c_int,
        [_MODEL, POINTER(SessionOptions), POINTER(_SESSION), _ERROR],
    ),
    "picollm_session_free": (None, [_SESSION]),
    "picollm_session_reset": (None, [_SESSION]),
    "picollm_session_interrupt": (None, [_SESSION]),
    "picollm_session_save": (c_int, [_SESSION, c_char_p, _ERROR]),
    "picollm_session_load": (c_int, [_SESSION, c_char_p, _ERROR]),
    "picollm_session_position": (c_int64, [_SESSION]),
    "picollm_session_context": (c_int64, [_SESSION]),
    "picollm_session_threads": (c_int32, [_SESSION]),
    "picollm_forward": (
        c_int,
        [_SESSION, POINTER(c_int32), c_size_t, c_size_t, POINTER(c_float), _ERROR],
    ),
    "picollm_generate": (c_int, [_SESSION, c_char_p, c_size_t, *_GENERATION]),
    "picollm_chat": (c_int, [_SESSION, POINTER(Message), c_size_t, *_GENERATION]),
}


def bundled_library() -> Path:
    """Where the package keeps the runtime that it was installed with."""
    name = {"win32": "picollm-runtime.dll", "darwin": "libpicollm-runtime.dylib"}
    return (
        Path(__file__).parent / "lib" / name.get(sys.platform, "libpicollm-runtime.so")
    )


class Library:
    """The runtime, loaded and with its prototypes set.

    Raises:
        PicoLLMIOError: There is no such library, or it cannot be loaded.
        PicoLLMRuntimeError: It is of another version than this package.
    """

    def __init__(self, path: Optional[Union[str, "os.PathLike[str]"]] = None) -> None:
        self.path = Path(path) if path is not None else bundled_library()
        if not self.path.is_file():
            raise PicoLLMIOError(
                f"{self.path}: there is no such file; expected the shared library "
                "of the picollm runtime"
            )
        try:
            self._library = ctypes.CDLL(str(self.path.resolve()))
        except OSError as error:
            raise PicoLLMIOError(f"{self.path}: cannot be loaded: {error}") from error
        for name, (result, arguments) in PROTOTYPES.items():
            try:
                function = getattr(self._library, name)
            except AttributeError:
                raise PicoLLMRuntimeError(
                    f"{self.path}: has no function {name}; expected the picollm "
                    f"runtime of version {metadata.version('picollm-aot')}"
                ) from None
            function.restype = result
            function.argtypes = arguments
        # Structures may grow between versions.
        found, expected = self.version, metadata.version("picollm-aot")
        if found.split(".")[:2] != expected.split(".")[:2]:
            raise PicoLLMRuntimeError(
                f"{self.path}: is version {found} of the runtime, this package needs "
                f"{expected}"
            )

    @property
    def version(self) -> str:
        text: bytes = self._library.picollm_version()
        return text.decode()

    def get(self, name: str, *arguments: Any) -> Any:
        """Calls ``picollm_<name>`` and returns its result."""
        return getattr(self._library, "picollm_" + name)(*arguments)

    def call(self, name: str, *arguments: Any) -> None:
        """Calls ``picollm_<name>``, which returns a status and takes a
        ``picollm_error`` as its last argument, and raises what it reports."""
        error = Error()
        status = self.get(name, *arguments, ctypes.byref(error))
        if status != 0:
            message: bytes = error.message
            raise error_of_status(status, message.decode("utf-8", "replace"))


def encode_text(text: str, argument: str) -> bytes:
    """UTF-8 of a text of the user.

    Raises:
        PicoLLMInvalidArgumentError: ``text`` is no str, or has lone surrogates.
    """
    if not isinstance(text, str):
        raise PicoLLMInvalidArgumentError(
            f"{argument}: must be a str, not {type(text).__name__}"
        )
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise PicoLLMInvalidArgumentError(
            f"{argument}: has a lone surrogate at {error.start}, which is no text"
        ) from None


def encode_path(path: Union[str, "os.PathLike[str]"], argument: str) -> bytes:
    """The bytes of a path, which ``picollm.h`` takes as UTF-8.

    Raises:
        PicoLLMInvalidArgumentError: ``path`` is no path, or holds a null.
    """
    try:
        text = os.fspath(path)
    except TypeError:
        text = ""
    if not isinstance(text, str) or not text:
        raise PicoLLMInvalidArgumentError(
            f"{argument}: must be a path, not {type(path).__name__}"
        )
    if "\0" in text:
        raise PicoLLMInvalidArgumentError(f"{argument}: a path holds no null character")
    # Undoes how Python shows file names that are not UTF-8.
    return text.encode("utf-8", "surrogateescape")

"""One call of ``picollm_generate`` or ``picollm_chat`` in a thread of its own.

The thread of the caller stays in Python meanwhile: it receives the pieces of
text, runs the user's callback, and Ctrl-C reaches it at once.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
import weakref
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Callable, List, Optional, Sequence, Tuple, Union

from . import _binding
from ._completion import (
    PicoLLMCompletion,
    PicoLLMCompletionToken,
    PicoLLMEndpoints,
    PicoLLMToken,
    PicoLLMUsage,
)

_ENDPOINTS = {
    _binding.END_OF_TEXT: PicoLLMEndpoints.END_OF_SENTENCE,
    _binding.END_TOKEN_LIMIT: PicoLLMEndpoints.COMPLETION_TOKEN_LIMIT_REACHED,
    _binding.END_CONTEXT_FULL: PicoLLMEndpoints.CONTEXT_FULL,
    _binding.END_STOP_STRING: PicoLLMEndpoints.STOP_PHRASE_ENCOUNTERED,
    _binding.END_INTERRUPTED: PicoLLMEndpoints.INTERRUPTED,
}

#: (role, content) of each message of a dialog.
Messages = Sequence[Tuple[str, str]]


@dataclass(frozen=True)
class Request:
    """The checked arguments of one generation."""

    prompt: Union[bytes, Messages]
    max_tokens: int  #: 0: no limit
    stop_phrases: Sequence[bytes]
    seed: int
    presence_penalty: float
    frequency_penalty: float
    temperature: float
    top_p: float
    top_k: int  #: 0: all
    num_top_choices: int
    keep_context: bool  #: reuse what the context shares with the prompt


def c_messages(messages: Messages) -> "ctypes.Array[_binding.Message]":
    """The dialog as the C API takes it; refers to the bytes that it holds."""
    array = (_binding.Message * len(messages))()
    for element, (role, content) in zip(array, messages):
        data = _binding.encode_text(content, role)
        element.role = role.encode()
        element.content = data
        element.length = len(data)
    return array


class Generation:
    """A generation that runs.

    Args:
        session: Used by nobody else until ``on_end`` is called, which happens
            in the thread of the generation.
        ahead: How many pieces it may be ahead of the one who takes them;
            0: it goes on when a piece has been dealt with. None: no pieces.
    """

    def __init__(
        self,
        library: _binding.Library,
        model: Any,
        session: Any,
        request: Request,
        ahead: Optional[int],
        on_end: Callable[[], None],
    ) -> None:
        self._library = library
        self._model = model
        self._session = session
        self._request = request
        self._on_end = on_end
        self._delivers = ahead is not None
        self._slots = ahead or 0
        self._slots_change = threading.Condition(threading.RLock())
        self._pieces: "SimpleQueue[Optional[str]]" = SimpleQueue()
        self._text: List[str] = []
        self._tokens: List[PicoLLMCompletionToken] = []
        self._lock = threading.RLock()
        self._running = True
        self._entered = False
        self._abandoned = False
        self._left = threading.Event()
        self._stopped = False
        self._failure: Optional[BaseException] = None
        self._completion: Optional[PicoLLMCompletion] = None
        self._thread = threading.Thread(
            target=self._run, name="picollm-generate", daemon=True
        )

    def start(self) -> None:
        """Begins; where no thread can be had, ``on_end`` is called."""
        _running.add(self)
        try:
            self._thread.start()
        except BaseException:
            # Ctrl-C may come when the thread runs already.
            with self._lock:
                self._abandoned = not self._entered
            if self._abandoned:
                self._end()
            else:
                self.close()
            raise

    def interrupt(self) -> None:
        """Lets it end soon, from any thread; what was generated stays."""
        with self._lock:
            self._stopped = True
            if self._running:
                self._library.get("session_interrupt", self._session)
        # It may be waiting for someone to take its pieces.
        with self._slots_change:
            self._slots_change.notify()

    @property
    def stopped(self) -> bool:
        """Whether it was interrupted; it ends soon then."""
        return self._stopped

    def join(self) -> None:
        """Waits until it has left the session."""
        self._left.wait()
        try:
            self._thread.join()
        except RuntimeError:  # It was never started.
            pass

    def close(self) -> None:
        """Interrupts it and waits until it has left the session."""
        self.interrupt()
        self.join()

    def next_piece(self) -> Optional[str]:
        """Waits for the next piece of text; None: there are no more."""
        while True:
            try:
                # Waiting without a limit cannot be interrupted on Windows.
                return self._pieces.get(timeout=1)
            except Empty:
                pass

    def piece_done(self) -> None:
        """To be called for each piece after it was dealt with."""
        with self._slots_change:
            self._slots += 1
            self._slots_change.notify()

    def result(self) -> PicoLLMCompletion:
        """After the last piece: the completion, or the error is raised."""
        if self._failure is not None:
            raise self._failure
        assert self._completion is not None
        return self._completion

    def _run(self) -> None:
        with self._lock:
            if self._abandoned:
                return
            self._entered = True
        try:
            self._completion = self._generate()
        except BaseException as failure:
            self._failure = failure
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._running = False
        _running.discard(self)
        self._on_end()
        self._pieces.put(None)
        self._left.set()

    def _generate(self) -> PicoLLMCompletion:
        request = self._request
        if not request.keep_context:
            self._library.get("session_reset", self._session)
        stop = (ctypes.c_char_p * len(request.stop_phrases))(*request.stop_phrases)
        options = _binding.GenerateOptions(
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            top_k=request.top_k,
            presence_penalty=request.presence_penalty,
            frequency_penalty=request.frequency_penalty,
            seed=request.seed,
            parse_special=1,
            from_start=1,
            stop=stop,
            stop_count=len(stop),
            keep_stop=1,
            top_choices=request.num_top_choices,
            on_token=_binding.TokenCallback(self._guard(self._receive_token)),
        )
        stream = _binding.StreamCallback(self._guard(self._receive_text))
        result = _binding.GenerateResult()
        function: str
        prompt: Any
        if isinstance(request.prompt, bytes):
            function, prompt = "generate", request.prompt
        else:
            function, prompt = "chat", c_messages(request.prompt)
        self._library.call(
            function,
            self._session,
            prompt,
            len(prompt),
            ctypes.byref(options),
            stream,
            None,
            ctypes.byref(result),
        )
        if self._failure is not None:
            raise self._failure
        # The token that ended the text is no part of it.
        del self._tokens[result.completion_tokens :]
        return PicoLLMCompletion(
            PicoLLMUsage(
                result.prompt_tokens,
                result.completion_tokens,
                result.reused_tokens,
                result.prompt_seconds,
                result.completion_seconds,
            ),
            _ENDPOINTS[result.end],
            self._tokens,
            "".join(self._text),
        )

    def _guard(self, receive: Callable[..., None]) -> Callable[..., int]:
        """What ctypes calls: an exception cannot pass through C."""

        def callback(*arguments: Any) -> int:
            try:
                receive(*arguments)
            except BaseException as failure:
                self._failure = failure
                return 1
            # After a token, its text is still to come.
            return 1 if self._stopped and receive == self._receive_text else 0

        return callback

    def _receive_text(self, text: Optional[int], length: int, user: Any) -> None:
        if length == 0 or text is None:
            return
        piece = ctypes.string_at(text, length).decode("utf-8")
        self._text.append(piece)
        if self._delivers:
            self._pieces.put(piece)
            with self._slots_change:
                self._slots_change.wait_for(lambda: self._slots > 0 or self._stopped)
                self._slots -= 1

    def _receive_token(self, pointer: Any, user: Any) -> None:
        token = pointer.contents
        top = [self._token(token.top[i]) for i in range(token.top_count)]
        self._tokens.append(PicoLLMCompletionToken(self._token(token.chosen), top))

    def _token(self, choice: Any) -> PicoLLMToken:
        text = token_bytes(self._library, self._model, choice.token)
        return PicoLLMToken(
            text.decode("utf-8", "backslashreplace"),
            choice.log_probability,
            choice.token,
        )


def token_bytes(library: _binding.Library, model: Any, token: int) -> bytes:
    """What a token stands for, perhaps a part of a character."""
    pointer, length = ctypes.c_void_p(), ctypes.c_size_t()
    library.call(
        "token_bytes", model, token, ctypes.byref(pointer), ctypes.byref(length)
    )
    return ctypes.string_at(pointer, length.value) if length.value else b""


# A thread that comes back from C when the interpreter is gone ends badly.
_running: "weakref.WeakSet[Generation]" = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for generation in list(_running):
        generation.close()


class PicoLLMStream:
    """The pieces of a completion as they come: an iterator of str.

    They are whole characters; together they are ``completion.completion``.
    Generation runs in the background, some pieces ahead. Closing the stream
    ends it, so does leaving it as a context manager, so does dropping it.
    """

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self._taken = False
        self._ended = False
        generation.start()

    def __iter__(self) -> "PicoLLMStream":
        return self

    def __next__(self) -> str:
        if self._ended:
            raise StopIteration
        if self._taken:
            self._taken = False
            self._generation.piece_done()
        try:
            piece = self._generation.next_piece()
        except BaseException:
            self.close()
            raise
        if piece is None:
            self._ended = True
            self._generation.result()
            raise StopIteration
        self._taken = True
        return piece

    @property
    def completion(self) -> PicoLLMCompletion:
        """The whole completion; what has not been taken yet is waited for.

        Raises:
            PicoLLMError: The generation failed.
        """
        for _ in self:
            pass
        return self._generation.result()

    def close(self) -> None:
        """Ends the generation; ``completion`` then is what there was of it."""
        self._generation.close()
        self._ended = True

    def __enter__(self) -> "PicoLLMStream":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._generation.interrupt()

"""The engine: a compiled model and its one context."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import threading
from typing import (
    Callable,
    Iterable,
    Iterator,
    List,
    Optional,
    Tuple,
    Union,
)

from . import _arguments, _binding
from ._completion import PicoLLMCompletion
from ._dialog import Dialog
from ._errors import PicoLLMInvalidArgumentError, PicoLLMInvalidStateError
from ._generation import (
    Generation,
    Messages,
    PicoLLMStream,
    Request,
    c_messages,
    token_bytes,
)

PathLike = Union[str, "os.PathLike[str]"]

#: How many pieces a stream is generated ahead of the one who reads it.
_STREAM_AHEAD = 16


def available_devices(library_path: Optional[PathLike] = None) -> List[str]:
    """What ``create`` takes as ``device`` on this machine, besides "best".

    "cpu" chooses the number of threads, one per physical core; "cpu:N" takes N,
    of which those up to the number of logical CPUs of this process are listed.

    Args:
        library_path: Another runtime than that of the package.

    Raises:
        PicoLLMError: The runtime cannot be loaded.
    """
    _binding.Library(library_path)
    affinity = getattr(os, "sched_getaffinity", None)
    logical = len(affinity(0)) if affinity else os.cpu_count() or 1
    count = min(logical, _arguments.MAX_THREADS)
    return ["cpu"] + [f"cpu:{threads}" for threads in range(1, count + 1)]


class PicoLLM:
    """A compiled model with one context; made by :func:`create`.

    It may be used from several threads, but does one thing at a time: a call
    that needs the context while another one runs raises
    ``PicoLLMInvalidStateError``. Only ``interrupt``, ``tokenize`` and
    ``detokenize`` work at any time. For conversations side by side create
    several engines; they share the weights.
    """

    def __init__(
        self,
        model_path: PathLike,
        device: Optional[str] = None,
        enable_context_caching: bool = False,
        library_path: Optional[PathLike] = None,
        *,
        context_length: Optional[int] = None,
        verify: bool = False,
        huge_pages: bool = False,
    ) -> None:
        self._released = True
        threads = _arguments.threads_of(device)
        path = _binding.encode_path(model_path, "model_path")
        positions = 0
        if context_length is not None:
            positions = _arguments.integer(
                context_length, "context_length", 1, 2**31 - 1
            )
        self._caching = bool(enable_context_caching)
        self._state = threading.RLock()  # while handles are used or freed
        self._busy = threading.Lock()  # while the context is in use
        self._generation: Optional[Generation] = None
        self._library = _binding.Library(library_path)
        self._model = ctypes.c_void_p()
        self._session = ctypes.c_void_p()
        self._library.call(
            "model_load",
            path,
            ctypes.byref(_binding.ModelOptions(bool(verify), bool(huge_pages))),
            ctypes.byref(self._model),
        )
        try:
            self._library.call(
                "session_create",
                self._model,
                ctypes.byref(_binding.SessionOptions(positions, threads)),
                ctypes.byref(self._session),
            )
        except BaseException:
            self._library.get("model_free", self._model)
            raise
        self._vocabulary = int(self._library.get("model_vocabulary", self._model))
        self._released = False

    # ---- Text --------------------------------------------------------------

    def generate(
        self,
        prompt: Union[str, Dialog],
        completion_token_limit: Optional[int] = None,
        stop_phrases: Optional[Iterable[str]] = None,
        seed: Optional[int] = None,
        presence_penalty: float = 0.0,
        frequency_penalty: float = 0.0,
        temperature: float = 0.0,
        top_p: float = 1.0,
        num_top_choices: int = 0,
        stream_callback: Optional[Callable[[str], object]] = None,
        *,
        top_k: Optional[int] = None,
    ) -> PicoLLMCompletion:
        """Continues a text from an empty context, and waits for the end.

        Ctrl-C ends the generation and raises ``KeyboardInterrupt``.

        Args:
            prompt: The text. Spellings of control tokens in it, such as
                "<|im_end|>", become these tokens. A ``Dialog`` instead is
                answered, and spellings in its messages stay text: prefer it to
                ``dialog.prompt()`` where others write the messages.
            completion_token_limit: Tokens to generate at most, at least 1; None:
                until the model ends its text or the context is full.
            stop_phrases: The text ends with the first of these that appears,
                also where it is spread over tokens.
            seed: The same seed, 0 to 2^64 - 1, gives the same text on every
                machine and for any number of threads; None: a random one.
            presence_penalty: Subtracted from the logit of every token that the
                completion already holds.
            frequency_penalty: The same, times how often it holds it.
            temperature: At least 0; 0: always the most probable token.
            top_p: Draw from the smallest set of most probable tokens whose
                probabilities reach this; above 0, at most 1 (off).
            num_top_choices: Alternatives to report for each token, at most
                ``max_top_choices``.
            stream_callback: Called in this thread with each new piece of text;
                together they are the completion. What it raises ends the
                generation and is raised here.
            top_k: Draw from so many most probable tokens; None: all.

        Raises:
            PicoLLMInvalidArgumentError: An argument is outside its range, or
                the prompt does not fit into the context.
            PicoLLMInvalidStateError: The engine is busy or was released.
            PicoLLMMemoryError: There is not enough memory.
        """
        request = self._request(
            prompt,
            completion_token_limit,
            stop_phrases,
            seed,
            presence_penalty,
            frequency_penalty,
            temperature,
            top_p,
            num_top_choices,
            top_k,
        )
        generation = self._prepare(request, ahead=0 if stream_callback else None)
        try:
            generation.start()
            while (piece := generation.next_piece()) is not None:
                assert stream_callback is not None
                stream_callback(piece)
                generation.piece_done()
        except BaseException:
            generation.close()
            raise
        return generation.result()

    def stream(
        self,
        prompt: Union[str, Dialog],
        completion_token_limit: Optional[int] = None,
        stop_phrases: Optional[Iterable[str]] = None,
        seed: Optional[int] = None,
        presence_penalty: float = 0.0,
        frequency_penalty: float = 0.0,
        temperature: float = 0.0,
        top_p: float = 1.0,
        num_top_choices: int = 0,
        *,
        top_k: Optional[int] = None,
    ) -> PicoLLMStream:
        """As ``generate``, but returns an iterator of the pieces of text.

        The engine is busy until the iterator has ended or was closed.

            with pllm.stream("Once upon a time") as pieces:
                for piece in pieces:
                    print(piece, end="", flush=True)
        """
        request = self._request(
            prompt,
            completion_token_limit,
            stop_phrases,
            seed,
            presence_penalty,
            frequency_penalty,
            temperature,
            top_p,
            num_top_choices,
            top_k,
        )
        return PicoLLMStream(self._prepare(request, ahead=_STREAM_AHEAD))

    def interrupt(self) -> None:
        """Ends the generation that runs, if one does, with what there is of it.

        From any thread, from the stream callback, or from a signal handler.
        """
        with self._state:
            generation = self._generation
        if generation is not None:
            generation.interrupt()

    def get_dialog(
        self,
        mode: Optional[str] = None,
        history: Optional[int] = 0,
        system: Optional[str] = None,
    ) -> Dialog:
        """Begins a dialog in the form that the model was trained for.

        Args:
            mode: None or "chat"; there are no others.
            history: How many of the last rounds of request and response each
                prompt holds; None: all.
            system: How the model should behave; None: what its template says.

        Raises:
            PicoLLMInvalidArgumentError: The model has no chat template or one
                that could not be compiled, or takes no ``system``; the message
                says why.
        """
        if mode not in (None, "chat"):
            raise PicoLLMInvalidArgumentError(
                f"mode: must be None or 'chat', not {mode!r}"
            )
        if system is not None:
            _binding.encode_text(system, "system")
        dialog = Dialog(self._write_dialog, history, system)
        trial = Dialog(self._write_dialog, 0, system)
        trial.add_human_request("Hello")
        trial.prompt()
        return dialog

    # ---- Tokens ------------------------------------------------------------

    def tokenize(self, text: str, bos: bool, eos: bool) -> List[int]:
        """The tokens of a text; spellings of control tokens become these.

        Args:
            bos: Begin with the model's begin token, if it asks for one.
            eos: End with the token that ends a text, if the model has one.
        """
        data = _binding.encode_text(text, "text")
        count = ctypes.c_size_t()
        # A token stands for at least one byte, but for the begin token.
        tokens = (ctypes.c_int32 * (len(data) + 1))()
        with self._model_in_use():
            self._library.call(
                "tokenize",
                self._model,
                data,
                len(data),
                1,
                bool(bos),
                tokens,
                len(tokens),
                ctypes.byref(count),
            )
            end = self._library.get("end_token", self._model) if eos else -1
        return tokens[: count.value] + ([end] if end >= 0 else [])

    def detokenize(self, tokens: Iterable[int]) -> str:
        """The text of tokens; bytes that are not UTF-8 become U+FFFD."""
        text = b""
        with self._model_in_use():
            for token in tokens:
                _arguments.integer(token, "token", 0, self._vocabulary - 1)
                text += token_bytes(self._library, self._model, token)
        return text.decode("utf-8", "replace")

    def forward(self, token: int) -> List[float]:
        """Appends a token to the context and returns the logits of the next.

        Returns:
            One number for each token of the vocabulary.

        Raises:
            PicoLLMInvalidArgumentError: There is no such token, or the context
                is full.
            PicoLLMInvalidStateError: The engine is busy or was released.
        """
        _arguments.integer(token, "token", 0, self._vocabulary - 1)
        logits = (ctypes.c_float * self._vocabulary)()
        with self._session_in_use("forward"):
            self._library.call(
                "forward", self._session, ctypes.c_int32(token), 1, 0, logits
            )
        return list(logits)

    def reset(self) -> None:
        """Empties the context: what ``forward`` gets next is the first token."""
        with self._session_in_use("reset"):
            self._library.get("session_reset", self._session)

    # ---- The context in a file ----------------------------------------------

    def context_save(self, path: PathLike) -> None:
        """Writes the context to a file, which appears complete or not at all.

        Raises:
            PicoLLMInvalidStateError: The engine was created without
                ``enable_context_caching``, or the context is empty.
            PicoLLMIOError: The file cannot be written.
        """
        data = _binding.encode_path(path, "path")
        self._need_caching("context_save")
        with self._session_in_use("context_save"):
            if self._library.get("session_position", self._session) == 0:
                raise PicoLLMInvalidStateError(
                    "context_save: the context is empty; call generate or forward first"
                )
            self._library.call("session_save", self._session, data)

    def context_load(self, path: PathLike) -> None:
        """Replaces the context by one that was saved with the same model.

        What the next prompt shares with it from the first token on is not
        computed again. It is unchanged where this fails.

        Raises:
            PicoLLMInvalidStateError: The engine was created without
                ``enable_context_caching``.
            PicoLLMIOError: The file is missing, damaged, or of another model.
            PicoLLMInvalidArgumentError: It does not fit into this context.
        """
        data = _binding.encode_path(path, "path")
        self._need_caching("context_load")
        with self._session_in_use("context_load"):
            self._library.call("session_load", self._session, data)

    # ---- What it is ----------------------------------------------------------

    @property
    def model(self) -> str:
        """The model's name."""
        with self._model_in_use():
            name: bytes = self._library.get("model_name", self._model)
        return name.decode("utf-8", "replace")

    @property
    def context_length(self) -> int:
        """Tokens that the context has room for, prompt and completion."""
        with self._model_in_use():
            return int(self._library.get("session_context", self._session))

    @property
    def version(self) -> str:
        """The version of the runtime."""
        return self._library.version

    @property
    def max_top_choices(self) -> int:
        """The largest ``num_top_choices``."""
        return _binding.MAX_TOP_CHOICES

    # ---- Its end ------------------------------------------------------------

    def release(self) -> None:
        """Frees the context and the model; a generation that runs is ended.

        Afterwards every other call raises ``PicoLLMInvalidStateError``; a
        second ``release`` does nothing.
        """
        if self._released:
            return
        with self._state:
            if self._released:
                return
            self._released = True
            generation = self._generation
        if generation is not None:
            generation.close()
        with self._busy, self._state:
            self._library.get("session_free", self._session)
            self._library.get("model_free", self._model)

    def __enter__(self) -> "PicoLLM":
        return self

    def __exit__(self, *exception: object) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()

    # ---- Inside --------------------------------------------------------------

    def _need_caching(self, call: str) -> None:
        if not self._caching:
            raise PicoLLMInvalidStateError(
                f"{call}: the engine does not keep its context; create it with "
                "enable_context_caching=True"
            )

    @contextlib.contextmanager
    def _model_in_use(self) -> Iterator[None]:
        """While the model must not be freed."""
        with self._state:
            if self._released:
                raise PicoLLMInvalidStateError(
                    "the engine was released; create another one"
                )
            yield

    def _take_session(self, call: str) -> None:
        """Until ``_busy`` is released, the session is the caller's."""
        if not self._busy.acquire(blocking=False):
            with self._state:
                generation = self._generation
            # One that was interrupted is only being waited for.
            if generation is not None and generation.stopped:
                generation.join()
            if not self._busy.acquire(blocking=False):
                raise PicoLLMInvalidStateError(
                    f"{call}: the engine is busy with another call or a stream; wait "
                    "for its end, close the stream, or create another engine"
                )
        if self._released:
            self._busy.release()
            raise PicoLLMInvalidStateError(
                f"{call}: the engine was released; create another one"
            )

    @contextlib.contextmanager
    def _session_in_use(self, call: str) -> Iterator[None]:
        self._take_session(call)
        try:
            yield
        finally:
            self._busy.release()

    def _prepare(self, request: Request, ahead: Optional[int]) -> Generation:
        """A generation that has the session, and is to be started."""
        self._take_session("generate")
        generation = Generation(
            self._library,
            self._model,
            self._session,
            request,
            ahead,
            self._end_generation,
        )
        with self._state:
            self._generation = generation
        return generation

    def _end_generation(self) -> None:
        with self._state:
            self._generation = None
        self._busy.release()

    def _request(
        self,
        prompt: Union[str, Dialog],
        completion_token_limit: Optional[int],
        stop_phrases: Optional[Iterable[str]],
        seed: Optional[int],
        presence_penalty: float,
        frequency_penalty: float,
        temperature: float,
        top_p: float,
        num_top_choices: int,
        top_k: Optional[int],
    ) -> Request:
        """Checks what the C API, for which 0 is the default, could not."""
        text: Union[bytes, Messages]
        if isinstance(prompt, Dialog):
            text = prompt.messages()
        else:
            text = _binding.encode_text(prompt, "prompt")
        limit = 0
        if completion_token_limit is not None:
            limit = _arguments.integer(
                completion_token_limit, "completion_token_limit", 1, 2**63 - 1
            )
        if seed is None:
            seed = secrets.randbits(64)
        nucleus = _arguments.number(top_p, "top_p")
        if not 0 < nucleus <= 1:
            raise PicoLLMInvalidArgumentError(
                f"top_p: must be above 0 and at most 1, not {top_p}"
            )
        return Request(
            prompt=text,
            max_tokens=limit,
            stop_phrases=_arguments.stop_phrases(stop_phrases),
            seed=_arguments.integer(seed, "seed", 0, 2**64 - 1),
            presence_penalty=_arguments.number(presence_penalty, "presence_penalty"),
            frequency_penalty=_arguments.number(frequency_penalty, "frequency_penalty"),
            temperature=_arguments.number(temperature, "temperature"),
            top_p=nucleus,
            top_k=0
            if top_k is None
            else _arguments.integer(top_k, "top_k", 1, 2**63 - 1),
            num_top_choices=_arguments.integer(
                num_top_choices, "num_top_choices", 0, _binding.MAX_TOP_CHOICES
            ),
            keep_context=self._caching,
        )

    def _write_dialog(self, messages: List[Tuple[str, str]]) -> str:
        array = c_messages(messages)
        length = ctypes.c_size_t()
        with self._model_in_use():
            for _ in range(2):  # first asks for the length
                text = ctypes.create_string_buffer(length.value or 1)
                self._library.call(
                    "chat_prompt",
                    self._model,
                    array,
                    len(array),
                    text,
                    length.value,
                    ctypes.byref(length),
                )
        return text.raw[: length.value].decode("utf-8", "replace")


def create(
    access_key: Optional[str] = None,
    model_path: Optional[PathLike] = None,
    device: Optional[str] = None,
    enable_context_caching: bool = False,
    library_path: Optional[PathLike] = None,
    *,
    context_length: Optional[int] = None,
    verify: bool = False,
    huge_pages: bool = False,
) -> PicoLLM:
    """Loads a compiled model.

    Its code runs in this process: load only models that you trust as you would
    a program.

    Args:
        access_key: Not needed and not looked at; here so that calls written
            for ``picollm`` work.
        model_path: The folder that ``compile`` or picollm-compile wrote.
        device: "best" (None too), "cpu", or "cpu:N" with N threads; see
            :func:`available_devices`. Results do not depend on it.
        enable_context_caching: Keep the context after a call, so that what the
            next prompt shares with it from its start is not computed again
            (logits may then differ in their last bits).
        library_path: Another runtime than that of the package.
        context_length: Tokens that the context has room for, at most the
            model's; None: the model's, at most 8192.
        verify: Also compare the SHA-256 of the weights, which reads them all.
        huge_pages: On Linux, read the weights into memory of the model's own, in
            huge pages: loads slower, writes some per cent faster.

    Raises:
        PicoLLMInvalidArgumentError: An argument is outside its range.
        PicoLLMIOError: The model is missing, damaged, or of another version.
        PicoLLMRuntimeError: The CPU lacks instructions that the model needs.
        PicoLLMMemoryError: There is not enough memory.
    """
    if model_path is None:
        raise PicoLLMInvalidArgumentError(
            "model_path: is missing; give the folder of a compiled model"
        )
    return PicoLLM(
        model_path,
        device,
        enable_context_caching,
        library_path,
        context_length=context_length,
        verify=verify,
        huge_pages=huge_pages,
    )

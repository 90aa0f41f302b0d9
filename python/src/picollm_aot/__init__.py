"""Compiles language models to mixed bits ahead of time, and runs them.

    import picollm_aot as picollm

    model = picollm.compile("SmolLM2.gguf", "smol", bits=4.5)
    with picollm.create(model_path=model) as pllm:
        print(pllm.generate("The capital of France is").completion)

The calls have the shape of the package ``picollm``; the README lists what
differs.
"""

from importlib import metadata as _metadata

from ._compile import CompiledModel, compile, find_compiler
from ._completion import (
    PicoLLMCompletion,
    PicoLLMCompletionToken,
    PicoLLMEndpoints,
    PicoLLMToken,
    PicoLLMUsage,
)
from ._dialog import Dialog
from ._engine import PicoLLM, available_devices, create
from ._errors import (
    PicoLLMActivationError,
    PicoLLMActivationLimitError,
    PicoLLMActivationRefusedError,
    PicoLLMActivationThrottledError,
    PicoLLMCompileError,
    PicoLLMError,
    PicoLLMInvalidArgumentError,
    PicoLLMInvalidStateError,
    PicoLLMIOError,
    PicoLLMKeyError,
    PicoLLMMemoryError,
    PicoLLMRuntimeError,
    PicoLLMStopIterationError,
)
from ._generation import PicoLLMStream

__version__ = _metadata.version("picollm-aot")

__all__ = [
    "CompiledModel",
    "Dialog",
    "PicoLLM",
    "PicoLLMActivationError",
    "PicoLLMActivationLimitError",
    "PicoLLMActivationRefusedError",
    "PicoLLMActivationThrottledError",
    "PicoLLMCompileError",
    "PicoLLMCompletion",
    "PicoLLMCompletionToken",
    "PicoLLMEndpoints",
    "PicoLLMError",
    "PicoLLMIOError",
    "PicoLLMInvalidArgumentError",
    "PicoLLMInvalidStateError",
    "PicoLLMKeyError",
    "PicoLLMMemoryError",
    "PicoLLMRuntimeError",
    "PicoLLMStopIterationError",
    "PicoLLMStream",
    "PicoLLMToken",
    "PicoLLMUsage",
    "available_devices",
    "compile",
    "create",
    "find_compiler",
]

"""Continues a text: python complete.py MODEL PROMPT [--seed=N] ...

MODEL is a folder that picollm_aot.compile or picollm-compile made. The text is
printed as it is generated; Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import sys

import picollm_aot as picollm


def main() -> None:
    parser = argparse.ArgumentParser(description="Continues a text.")
    parser.add_argument("model")
    parser.add_argument("prompt")
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--stop", action="append", default=[])
    parser.add_argument("--device", default="best")
    options = parser.parse_args()
    try:
        with picollm.create(model_path=options.model, device=options.device) as pllm:
            stream = pllm.stream(
                options.prompt,
                completion_token_limit=options.max_tokens,
                stop_phrases=options.stop,
                seed=options.seed,
                temperature=options.temperature,
            )
            try:
                for piece in stream:
                    print(piece, end="", flush=True)
            except KeyboardInterrupt:
                pass
            print()
            usage = stream.completion.usage
    except picollm.PicoLLMError as error:
        sys.exit(f"complete.py: {error}")
    speed = usage.completion_tokens / max(usage.completion_seconds, 1e-9)
    print(f"{usage.completion_tokens} tokens, {speed:.1f} per second", file=sys.stderr)


if __name__ == "__main__":
    main()

"""A conversation: python chat.py MODEL [--system=TEXT]

Ctrl-C ends an answer, Ctrl-D (the end of the input) the conversation.
"""

from __future__ import annotations

import argparse
import sys

import picollm_aot as picollm


def main() -> None:
    parser = argparse.ArgumentParser(description="A conversation with a model.")
    parser.add_argument("model")
    parser.add_argument("--system")
    parser.add_argument("--history", type=int, help="rounds that the model remembers")
    options = parser.parse_args()
    try:
        # Caching: each answer only computes what is new in the dialog.
        with picollm.create(
            model_path=options.model, enable_context_caching=True
        ) as pllm:
            dialog = pllm.get_dialog(history=options.history, system=options.system)
            while True:
                try:
                    request = input("> ")
                except EOFError:
                    break
                if not request:
                    continue
                dialog.add_human_request(request)
                stream = pllm.stream(dialog)
                try:
                    for piece in stream:
                        print(piece, end="", flush=True)
                except KeyboardInterrupt:
                    pass
                print()
                dialog.add_llm_response(stream.completion.completion)
    except picollm.PicoLLMError as error:
        sys.exit(f"chat.py: {error}")


if __name__ == "__main__":
    main()

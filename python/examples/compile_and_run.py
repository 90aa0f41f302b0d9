"""Compiles a model, lets it talk: python compile_and_run.py MODEL FOLDER BITS"""

from __future__ import annotations

import sys

import picollm_aot as picollm


def main() -> None:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    file, folder, bits = sys.argv[1:]
    try:
        model = picollm.compile(file, folder, bits=float(bits), target="host")
        with picollm.create(model_path=model) as pllm:
            prompt = "The capital of France is"
            completion = pllm.generate(prompt, 24, num_top_choices=3)
    except picollm.PicoLLMError as error:
        sys.exit(f"compile_and_run.py: {error}")
    print(f"{model.path}: {model.weights_bytes} bytes of weights")
    print(prompt + completion.completion)
    for token in completion.completion_tokens[:3]:
        choices = ", ".join(f"{c.token!r} {c.log_prob:.2f}" for c in token.top_choices)
        print(f"{token.token.token!r} of {choices}")


if __name__ == "__main__":
    main()

"""make_items.py FILE COUNT: items of multiple choice, a line each."""

import json
import sys

with open(sys.argv[1], "w", encoding="utf-8") as file:
    for i in range(int(sys.argv[2])):
        answer = f" The answer is {i}."
        item = {
            "prompt": f"Question {i}: What is said?\nAnswer:",
            "answer": answer,
            "choices": [" Nothing at all is said.", answer],
            "answer_index": 1,
        }
        file.write(json.dumps(item) + "\n")

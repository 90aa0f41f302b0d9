"""Whether a dialog and a prompt are the same to a model.

usage: same_text.py FOLDER MESSAGE PROMPT    (\\n in PROMPT is a line break)
"""
import json
import subprocess
import sys


def run(folder, *arguments):
    command = ["picollm-run", folder, "--json", "-n", "9", *arguments]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return result["text"], result["prompt_tokens"]


folder, message, prompt = sys.argv[1:]
dialog = run(folder, "--chat", message)
text = run(folder, prompt.replace("\\n", "\n"))
if dialog != text:
    sys.exit(f"{dialog} is not {text}")

"""Renders a chat template for picollm-compile, which runs this text.

Standard input is a JSON object: "template" (Jinja source), "variables" (strings
that the template may name), "dialogs" (lists of messages with "role" and
"content"). Standard output is one too: "dialogs", for each of them "text" or
"error"; or only "error"; or "missing", a module that has to be installed.

The template is a stranger's: it runs in Jinja2's sandbox, and the process can
open no file and has bounds of time, memory and output. It sees no clock and no
random numbers, so that the same template always writes the same text.
"""
import json
import re
import resource
import signal
import sys

CPU_SECONDS = 5
MEMORY_BYTES = 1 << 30
TEXT_CHARACTERS = 1 << 18  # of one dialog
OUTPUT_BYTES = 1 << 27


class TimeIsUp(BaseException):
    """Not an Exception, which a template's environment might catch."""


def on_time_is_up(signal_number, frame):
    raise TimeIsUp


def bound_process():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGXCPU, on_time_is_up)
    # Code that never returns to the interpreter is killed at the second bound.
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 2))


def make_environment():
    """Jinja as `apply_chat_template` of transformers sets it up, but for the
    clock."""
    import jinja2.debug  # imported here, as no file can be opened later
    import jinja2.ext
    import jinja2.sandbox

    class Generation(jinja2.ext.Extension):
        """{% generation %} marks what a model is trained on; here it only
        groups."""

        tags = {"generation"}

        def parse(self, parser):
            next(parser.stream)
            return parser.parse_statements(["name:endgeneration"], drop_needle=True)

    def raise_exception(message):
        raise jinja2.TemplateError(message)

    def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, jinja2.ext.loopcontrols],
    )
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = raise_exception
    del environment.filters["random"]
    del environment.globals["lipsum"]
    # Makes Python load what it needs while it may open files.
    environment.from_string("{{ '\\n' ~ x }}").render()
    return environment


def sentence(exception):
    if isinstance(exception, MemoryError):
        return f"it takes more than {MEMORY_BYTES >> 30} GiB of memory"
    text = " ".join(str(exception).split()) or type(exception).__name__
    text = text.encode(errors="replace").decode()
    return re.sub("0x[0-9a-f]+", "0x...", text)[:200]


def render(template, variables, messages):
    try:
        text = template.render(
            messages=messages,
            tools=None,
            documents=None,
            add_generation_prompt=True,
            **variables,
        )
        if len(text) > TEXT_CHARACTERS:
            return {"error": f"it writes more than {TEXT_CHARACTERS} characters"}
        text.encode()
    except UnicodeEncodeError:
        return {"error": "it writes characters that Unicode does not have"}
    except Exception as exception:
        return {"error": sentence(exception)}
    return {"text": text}


def answer(request):
    try:
        environment = make_environment()
    except ImportError as problem:
        return {"missing": problem.name or "jinja2"}
    bound_process()
    try:
        template = environment.from_string(request["template"])
    except Exception as exception:
        line = getattr(exception, "lineno", None)
        where = f", line {line}" if line else ""
        return {"error": f"it is not valid Jinja: {sentence(exception)}{where}"}
    return {
        "dialogs": [
            render(template, request["variables"], messages)
            for messages in request["dialogs"]
        ]
    }


def main():
    request = json.loads(sys.stdin.buffer.read())
    try:
        result = answer(request)
    except TimeIsUp:
        result = {"error": f"it takes more than {CPU_SECONDS} seconds"}
    sys.stdout.buffer.write(json.dumps(result, ensure_ascii=False).encode())


main()

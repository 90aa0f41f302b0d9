"""The ctypes declarations against what a C compiler makes of picollm.h."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from pathlib import Path
from typing import Dict

import pytest
from conftest import TREE

import picollm_aot as picollm
from picollm_aot import _binding, _errors, _generation

INCLUDE = TREE / "runtime" / "include"


def value_of_each(expressions: Dict[str, str], folder: Path) -> Dict[str, int]:
    """What C integer expressions are, with picollm.h included."""
    compiler = shutil.which("cc") or shutil.which("clang-22")
    assert compiler, "no C compiler"
    lines = [
        f'  printf("%s %lld\\n", "{name}", (long long)({expression}));'
        for name, expression in expressions.items()
    ]
    source = folder / "values.c"
    source.write_text(
        "#include <picollm.h>\n#include <stdio.h>\nint main(void) {\n"
        + "\n".join(lines)
        + "\n  return 0;\n}\n"
    )
    program = folder / "values"
    subprocess.run(
        [compiler, f"-I{INCLUDE}", str(source), "-o", str(program)], check=True
    )
    output = subprocess.run([str(program)], stdout=subprocess.PIPE, check=True).stdout
    pairs = (line.rsplit(" ", 1) for line in output.decode().splitlines())
    return {name: int(number) for name, number in pairs}


def test_structures_have_the_sizes_and_offsets_of_the_header(tmp_path: Path) -> None:
    expressions, found = {}, {}
    for name, structure in _binding.STRUCTURES.items():
        expressions[name] = f"sizeof({name})"
        found[name] = ctypes.sizeof(structure)
        for field, *_ in structure._fields_:
            key = f"{name}.{field}"
            expressions[key] = f"offsetof({name}, {field})"
            found[key] = getattr(structure, field).offset
            expressions[key + " size"] = f"sizeof((({name} *)0)->{field})"
            found[key + " size"] = getattr(structure, field).size
    assert found == value_of_each(expressions, tmp_path)


def test_structures_have_all_fields_of_the_header() -> None:
    header = re.sub(r"/\*.*?\*/", "", (INCLUDE / "picollm.h").read_text(), flags=re.S)
    for name, structure in _binding.STRUCTURES.items():
        body = re.search(r"struct %s \{(.*?)\}" % name, header, re.S)
        assert body, name
        declared = re.findall(r"(\w+)(?:\[\d+\])?;", body[1])
        assert [field for field, *_ in structure._fields_] == declared


def test_constants_are_those_of_the_header(tmp_path: Path) -> None:
    ends = [name for name in vars(_binding) if name.startswith("END_")]
    assert len(ends) == 5
    names = {**{name: "PICOLLM_" + name for name in ends}}
    names["MAX_TOP_CHOICES"] = "PICOLLM_MAX_TOP_CHOICES"
    values = value_of_each(names, tmp_path)
    assert values == {name: getattr(_binding, name) for name in names}
    assert set(_generation._ENDPOINTS) == {values[name] for name in ends}


def test_every_status_of_the_header_has_an_error() -> None:
    header = (INCLUDE / "picollm.h").read_text()
    body = re.search(r"enum picollm_status \{(.*?)\} picollm_status;", header, re.S)
    assert body
    statuses = {int(value) for value in re.findall(r"PICOLLM_\w+ = (\d+)", body[1])}
    assert set(_errors._BY_STATUS) == statuses - {0}


@pytest.mark.parametrize("name", sorted(_binding.PROTOTYPES))
def test_functions_take_as_many_arguments_as_in_the_header(name: str) -> None:
    header = re.sub(r"/\*.*?\*/", "", (INCLUDE / "picollm.h").read_text(), flags=re.S)
    declaration = re.search(r"\b%s\(([^)]*)\);" % name, header)
    assert declaration, f"{name} is not declared"
    parameters = declaration[1].strip()
    count = 0 if parameters == "void" else parameters.count(",") + 1
    assert len(_binding.PROTOTYPES[name][1]) == count


def test_the_package_is_of_the_version_of_its_runtime() -> None:
    assert _binding.Library().version == picollm.__version__


def test_an_error_status_without_a_name_is_still_an_error() -> None:
    error = _errors.error_of_status(99, "something new")
    assert type(error) is picollm.PicoLLMError
    assert error.message == "something new"
    assert list(error.message_stack) == ["something new"]

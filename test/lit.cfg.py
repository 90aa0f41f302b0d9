# How lit finds and runs the tests. A test calls the tools by their names
# (picollm-opt, picollm-compile, picollm-run, picollm-eval, picollm-bench,
# FileCheck, not, split-file) and may use, besides lit's %s, %t and %S:
#   %{source}  root of the source tree
#   %{build}   root of the build tree
#   %{python}  a Python 3 interpreter
#   %{qemu-aarch64}, %{qemu-x86_64}, %{bin-aarch64}   after `REQUIRES: emulated`:
#              emulators, and the folder of picollm-run for aarch64
#   %{chromium} after `REQUIRES: chromium`: the browser that scripts/setup installs

import os
import platform
import shutil

import lit.formats
import lit.util

config.name = "picollm"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Unit", "Inputs"]
config.test_source_root = os.path.dirname(__file__)

# A test that hangs is to end with its name and what it printed. This says nothing
# about speed: the longest takes a minute.
if lit.util.killProcessAndChildrenIsSupported()[0]:
    lit_config.maxIndividualTestTime = 1200

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.picollm_build, "bin"), config.llvm_tools, os.environ["PATH"]]
)
config.substitutions += [
    ("%{source}", os.path.normpath(config.picollm_source)),
    ("%{build}", config.picollm_build),
    ("%{python}", config.python),
]
# Of tests that say `REQUIRES: emulated` or `emulated-x86-64`.
if config.emulated:
    config.available_features.add("emulated")
    # Sanitisers take more addresses than the emulator of one's own processor has.
    if not config.sanitized:
        config.available_features.add("emulated-x86-64")
    config.substitutions += [
        ("%{qemu-aarch64}", config.qemu_aarch64),
        ("%{qemu-x86_64}", config.qemu_x86_64),
        ("%{bin-aarch64}", os.path.join(config.runtime_aarch64, "bin")),
    ]

browser = shutil.which("chromium")
if browser:
    config.available_features.add("chromium")
    config.substitutions += [("%{chromium}", browser)]

# Where callgrind counts the instructions of AVX2. Sanitisers do not run in it.
if (
    shutil.which("valgrind")
    and platform.machine() == "x86_64"
    and not config.sanitized
):
    config.available_features.add("callgrind")

# The model that scripts/setup fetches.
if os.path.exists(
    os.path.join(config.picollm_build, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
):
    config.available_features.add("smollm2")

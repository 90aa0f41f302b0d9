# How lit finds and runs the tests. A test calls the tools by their names
# (picollm-opt, picollm-compile, picollm-run, picollm-eval, picollm-bench,
# FileCheck, not, split-file) and may use, besides lit's %s, %t and %S:
#   %{source}  root of the source tree
#   %{build}   root of the build tree
#   %{python}  a Python 3 interpreter

import os

import lit.formats

config.name = "picollm"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Unit", "Inputs"]
config.test_source_root = os.path.dirname(__file__)

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.picollm_build, "bin"), config.llvm_tools, os.environ["PATH"]]
)
config.substitutions += [
    ("%{source}", os.path.normpath(config.picollm_source)),
    ("%{build}", config.picollm_build),
    ("%{python}", config.python),
]

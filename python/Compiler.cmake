# picollm-compile for picollm_aot.compile(). PICOLLM_COMPILER is one of
#   AUTO  (default) that of the tree if it is built; else build it and put it
#         into the package if LLVM, MLIR and Halide are found; else go without
#   ON    build it and put it into the package
#   OFF   go without: compile() looks for it when it is called
set(PICOLLM_COMPILER AUTO CACHE STRING "AUTO, ON or OFF")
set(PICOLLM_COMPILER_PRESET release CACHE STRING
    "preset of the tree to build the compiler by")
set(compiler_folders "${tree}/build-release/bin" "${tree}/build/bin")
set(PICOLLM_COMPILER_FOLDERS "${compiler_folders}" CACHE STRING
    "where compile() looks for picollm-compile, in this order")

file(GLOB halide_candidates "${tree}/.venv/lib/python3*/site-packages/halide")
find_path(HALIDE_ROOT include/Halide.h PATHS ${halide_candidates} NO_DEFAULT_PATH
  DOC "folder with Halide's include/ and lib64/, as in the PyPI wheel")

set(build_compiler OFF)
if(PICOLLM_COMPILER STREQUAL "AUTO")
  find_program(tree_compiler picollm-compile
    PATHS ${PICOLLM_COMPILER_FOLDERS} NO_DEFAULT_PATH NO_CACHE)
  find_package(MLIR 22.1 QUIET CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
  if(tree_compiler)
    message(STATUS "compile() will use ${tree_compiler}")
  elseif(MLIR_FOUND AND HALIDE_ROOT)
    set(build_compiler ON)
  else()
    message(STATUS "no MLIR 22.1 with Halide: compile() will need a "
                   "picollm-compile that is built by scripts/setup")
  endif()
elseif(PICOLLM_COMPILER)
  set(build_compiler ON)
  if(NOT HALIDE_ROOT)
    message(FATAL_ERROR "Halide 21 not found in '${tree}/.venv': run "
                        "scripts/setup, or set HALIDE_ROOT")
  endif()
endif()

if(build_compiler)
  include(ExternalProject)
  ExternalProject_Add(compiler
    SOURCE_DIR "${tree}"
    BINARY_DIR "${CMAKE_CURRENT_BINARY_DIR}/compiler"
    CONFIGURE_COMMAND "${CMAKE_COMMAND}" --preset ${PICOLLM_COMPILER_PRESET}
      -S "${tree}" -B "${CMAKE_CURRENT_BINARY_DIR}/compiler"
      "-DHALIDE_ROOT=${HALIDE_ROOT}"
    BUILD_COMMAND "${CMAKE_COMMAND}" --build
      "${CMAKE_CURRENT_BINARY_DIR}/compiler" --target picollm-compile
    BUILD_ALWAYS ON
    USES_TERMINAL_BUILD ON
    INSTALL_COMMAND "")
  # It looks for the generator of attention kernels beside itself.
  foreach(tool IN ITEMS picollm-compile picollm-attention-generator)
    install(PROGRAMS "${CMAKE_CURRENT_BINARY_DIR}/compiler/bin/${tool}"
      DESTINATION picollm_aot/bin COMPONENT python)
  endforeach()
endif()

string(REPLACE ";" "\", \"" folders "${PICOLLM_COMPILER_FOLDERS}")
file(WRITE "${CMAKE_CURRENT_BINARY_DIR}/built_from.json"
     "{\"compiler_folders\": [\"${folders}\"]}\n")
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/built_from.json"
  DESTINATION picollm_aot COMPONENT python)

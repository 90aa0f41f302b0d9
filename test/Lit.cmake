# Tests of textual input and output: every *.mlir and *.test below test/ (but
# Unit/). `ninja check-picollm` runs them, and ctest as the test `lit`.
find_program(LLVM_EXTERNAL_LIT NAMES lit llvm-lit
             HINTS /usr/lib/llvm-22/bin NO_DEFAULT_PATH REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(PICOLLM_TEST_SOURCE_DIR ${CMAKE_CURRENT_LIST_DIR})
set(PICOLLM_TEST_BINARY_DIR ${CMAKE_BINARY_DIR}/test/lit)
configure_file(${CMAKE_CURRENT_LIST_DIR}/lit.site.cfg.py.in
               ${PICOLLM_TEST_BINARY_DIR}/lit.site.cfg.py @ONLY)

set(lit_command ${LLVM_EXTERNAL_LIT} -sv ${PICOLLM_TEST_BINARY_DIR})
set(lit_tools)
foreach(tool picollm-opt picollm-compile picollm-run picollm-eval picollm-bench)
  if(TARGET ${tool})
    list(APPEND lit_tools ${tool})
  endif()
endforeach()
if(PICOLLM_EMULATED_TESTS)
  list(APPEND lit_tools programs-aarch64)
endif()
add_custom_target(check-picollm COMMAND ${lit_command}
                  DEPENDS ${lit_tools} USES_TERMINAL)
add_test(NAME lit COMMAND ${lit_command})

# Tests of textual input and output: every *.mlir and *.test below test/ (but
# Unit/). ctest runs them as the test `lit`; targets run what a developer wants:
#   check-picollm                        lit and the unit tests
#   check-picollm-dialect-layout         lit, one directory (and those below it)
#   check-picollm-unit, -unit-solver     GoogleTest: all, one directory
# The end-to-end tests on a real model are left to ctest.
find_program(LLVM_EXTERNAL_LIT NAMES lit llvm-lit
             HINTS /usr/lib/llvm-22/bin NO_DEFAULT_PATH REQUIRED)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(PICOLLM_TEST_SOURCE_DIR ${CMAKE_CURRENT_LIST_DIR})
set(PICOLLM_TEST_BINARY_DIR ${CMAKE_BINARY_DIR}/test/lit)
configure_file(${CMAKE_CURRENT_LIST_DIR}/lit.site.cfg.py.in
               ${PICOLLM_TEST_BINARY_DIR}/lit.site.cfg.py @ONLY)

set(lit_command ${LLVM_EXTERNAL_LIT} -sv ${PICOLLM_TEST_BINARY_DIR})
# A sanitised build has the unit tests alone.
if(NOT PICOLLM_SANITIZER)
  add_test(NAME lit COMMAND ${lit_command})
endif()

# What lit tests call, when it is part of this build.
add_custom_target(picollm-lit-depends)
foreach(target picollm-opt picollm-compile picollm-run picollm-eval
               picollm-bench)
  if(TARGET ${target})
    add_dependencies(picollm-lit-depends ${target})
  endif()
endforeach()
if(PICOLLM_EMULATED_TESTS)
  add_dependencies(picollm-lit-depends programs-aarch64)
endif()

add_custom_target(check-picollm COMMAND ${lit_command}
                  DEPENDS picollm-lit-depends USES_TERMINAL)
# picollm_add_unittest makes its programs part of these.
set(ctest_command ${CMAKE_CTEST_COMMAND} --test-dir ${CMAKE_BINARY_DIR}
    --output-on-failure --no-tests=error)
add_custom_target(check-picollm-unit COMMAND ${ctest_command} -L "^Unit/"
                  USES_TERMINAL)
add_dependencies(check-picollm check-picollm-unit)

# check-picollm-<directory, in small letters, with - for />
function(picollm_check_target_name directory result)
  string(TOLOWER "check-picollm-${directory}" name)
  string(REPLACE "/" "-" name ${name})
  set(${result} ${name} PARENT_SCOPE)
endfunction()

file(GLOB_RECURSE lit_tests RELATIVE ${CMAKE_CURRENT_LIST_DIR} CONFIGURE_DEPENDS
     *.mlir *.test)
foreach(test ${lit_tests})
  get_filename_component(directory ${test} DIRECTORY)
  while(directory AND NOT directory MATCHES "^Unit|Inputs$")
    picollm_check_target_name(${directory} target)
    if(NOT TARGET ${target})
      add_custom_target(${target}
        COMMAND ${lit_command} "--filter=:: ${directory}/"
        DEPENDS picollm-lit-depends USES_TERMINAL VERBATIM)
    endif()
    get_filename_component(directory "${directory}" DIRECTORY)
  endwhile()
endforeach()

# Targets of the compiler. LLVM and MLIR are linked as their shared libraries:
# mixing them with the static component libraries duplicates state. Fuzz targets,
# which use nothing but LLVMSupport, link that one statically, so that they run
# where LLVM is not installed.
if(PICOLLM_FUZZ)
  set(picollm_llvm ${LLVM_LIBRARY_DIR}/libLLVMSupport.a
                   ${LLVM_LIBRARY_DIR}/libLLVMDemangle.a)
else()
  set(picollm_llvm LLVM)
endif()

# picollm_add_library(Name source... [LINK target...] [OPTIMIZE])
# OPTIMIZE: numeric loops, -O3 in every build type but sanitised ones.
function(picollm_add_library name)
  cmake_parse_arguments(ARG "OPTIMIZE" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} ${picollm_llvm})
  if(ARG_OPTIMIZE AND NOT PICOLLM_SANITIZER AND NOT PICOLLM_FUZZ)
    target_compile_options(${name} PRIVATE -O3)
  endif()
endfunction()

# picollm_add_mlir_library(Name source... [LINK target...])
function(picollm_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC ${ARG_LINK} MLIR LLVM)
endfunction()

# picollm_add_pass_library(Name Directory PassGroup source... [LINK target...]):
# a library of passes. The declarations of include/picollm/<Directory>/Passes.td
# are included as "picollm/<Directory>/Passes.h.inc"; register<PassGroup>Passes
# registers all of them.
function(picollm_add_pass_library name directory group)
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/include/picollm/${directory})
  set(LLVM_TARGET_DEFINITIONS
      ${PROJECT_SOURCE_DIR}/include/picollm/${directory}/Passes.td)
  mlir_tablegen(include/picollm/${directory}/Passes.h.inc -gen-pass-decls
                -name ${group})
  add_public_tablegen_target(${name}IncGen)
  picollm_add_mlir_library(${name} ${ARGN})
  add_dependencies(${name} ${name}IncGen)
  target_include_directories(${name} PUBLIC
                             ${CMAKE_CURRENT_BINARY_DIR}/include)
endfunction()

# picollm_add_tool(name source... [LINK target...]): built into build/bin, and
# installed. LLVM stays where it is: the installed tool names its folder.
function(picollm_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
    INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ${name})
endfunction()

# picollm_add_unittest(Name source... [LINK target...] [PARAMETERS name...]): a
# GoogleTest program; each of its cases is a test of ctest, labelled with the
# directory below test/. With PARAMETERS it is one test for each of these
# parameters, whose cases then share what is slow to set up, and one for the
# rest. Those in Unit/ are run by check-picollm-unit and check-picollm-unit-<directory>
# (test/Lit.cmake); `ninja unittests` builds all programs.
add_custom_target(unittests)
function(picollm_add_unittest name)
  cmake_parse_arguments(ARG "" "" "LINK;PARAMETERS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    PICOLLM_TEST_DIR="${PROJECT_SOURCE_DIR}/test"
    PICOLLM_BUILD_DIR="${PROJECT_BINARY_DIR}")
  add_dependencies(unittests ${name})
  set(environment)
  if(PICOLLM_SANITIZER STREQUAL address)
    # LLVM's allocators poison what they have not given out: our instantiations
    # of them do, those inside libLLVM, which is not instrumented, never undo it.
    set(environment ENVIRONMENT ASAN_OPTIONS=allow_user_poisoning=0)
  endif()
  file(RELATIVE_PATH directory ${PROJECT_SOURCE_DIR}/test
       ${CMAKE_CURRENT_SOURCE_DIR})
  if(ARG_PARAMETERS)
    set(rest "-")
    foreach(parameter ${ARG_PARAMETERS})
      add_test(NAME ${name}.${parameter}
               COMMAND ${name} --gtest_filter=*/${parameter})
      set_tests_properties(${name}.${parameter} PROPERTIES
        LABELS ${directory} ${environment}
        SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\]")
      string(APPEND rest "*/${parameter}:")
    endforeach()
    add_test(NAME ${name}.rest COMMAND ${name} --gtest_filter=${rest})
    set_tests_properties(${name}.rest PROPERTIES
      LABELS ${directory} ${environment})
  else()
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
                         PROPERTIES LABELS ${directory} ${environment})
  endif()
  if(NOT directory MATCHES "^Unit/")
    return()
  endif()
  picollm_check_target_name(${directory} check)
  if(NOT TARGET ${check})
    add_custom_target(${check}
      COMMAND ${CMAKE_CTEST_COMMAND} --test-dir ${CMAKE_BINARY_DIR}
              --output-on-failure --no-tests=error -L "^${directory}$"
      USES_TERMINAL VERBATIM)
  endif()
  add_dependencies(${check} ${name})
  add_dependencies(check-picollm-unit ${name})
endfunction()

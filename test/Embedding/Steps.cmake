# What the scripts of this folder share. They get BUILD, the build folder;
# SOURCE, the source tree; WORK, a folder of their own. In it, Install.cmake
# puts `prefix`, an installed picollm, and `model`, compiled by it.
cmake_minimum_required(VERSION 3.20)
set(prompt "token model")
# What scripts/setup installs; a machine may have no make.
set(ENV{CMAKE_GENERATOR} Ninja)
set(prefix "${WORK}/prefix")

# run(command...): fails with what the command printed. Its standard output is
# in `output`.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result
                  OUTPUT_VARIABLE text ERROR_VARIABLE errors)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "${line}\n${text}${errors}-> ${result}")
  endif()
  set(output "${text}" PARENT_SCOPE)
endfunction()

# The same for a command that must fail with a message that has `expected`.
function(run_failing expected)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result
                  OUTPUT_VARIABLE text ERROR_VARIABLE text)
  string(FIND "${text}" "${expected}" at)
  if(result EQUAL 0 OR at EQUAL -1)
    list(JOIN ARGN " " line)
    message(FATAL_ERROR "${line}\n${text}-> ${result}, expected a failure that "
                        "says: ${expected}")
  endif()
endfunction()

# The program must print what picollm-run prints.
function(expect_text_of_model)
  run(${ARGN})
  set(found "${output}")
  run(${prefix}/bin/picollm-run ${WORK}/model ${prompt} --max-tokens=32)
  if(NOT found STREQUAL output OR output MATCHES "^\n*$")
    message(FATAL_ERROR "${ARGN}\nprinted: ${found}\npicollm-run: ${output}")
  endif()
endfunction()

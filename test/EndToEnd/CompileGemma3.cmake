# Compiles Gemma 3 270M for Gemma3Test: -DBUILD=build folder. The model is
# optional: scripts/fetch-gemma3 gets it; the environment variable
# PICOLLM_GEMMA3 names another place. Without it the tests are skipped.
set(model "$ENV{PICOLLM_GEMMA3}")
if(NOT model)
  set(model "${BUILD}/models/gemma-3-270m-q4_k_m.gguf")
endif()
set(folder "${BUILD}/end-to-end/Gemma3")
if(NOT EXISTS "${model}")
  file(REMOVE_RECURSE "${folder}")
  message(STATUS "${model} is missing; run scripts/fetch-gemma3")
  return()
endif()
file(MAKE_DIRECTORY "${BUILD}/end-to-end")
execute_process(
  COMMAND "${BUILD}/bin/picollm-compile" "${model}" -o "${folder}" --name=gemma
          --scheme=none --quiet
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "picollm-compile failed: ${result}")
endif()

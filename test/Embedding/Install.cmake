# An installation that was moved, and a model that its compiler made.
include(${CMAKE_CURRENT_LIST_DIR}/Steps.cmake)
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/first)
file(RENAME ${WORK}/first ${prefix})
foreach(file bin/picollm-compile bin/picollm-attention-generator bin/picollm-run
             bin/picollm-eval bin/picollm-bench bin/picollm-opt
             include/picollm.h include/picollm/abi.h
             share/picollm/examples/embed/linked.c)
  if(NOT EXISTS ${prefix}/${file})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()
foreach(tool eval bench opt)
  run(${prefix}/bin/picollm-${tool} --help)
endforeach()
# An empty cache: the installed generator must run too.
run(${CMAKE_COMMAND} -E env XDG_CACHE_HOME=${WORK}/cache
    ${prefix}/bin/picollm-compile ${SOURCE}/test/Fixtures/Llama/gqa-tied-f32.gguf
    --scheme=none --name=smol -o ${WORK}/model --quiet)

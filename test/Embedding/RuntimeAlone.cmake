# The runtime without the compiler: its own project, its own installation.
include(${CMAKE_CURRENT_LIST_DIR}/Steps.cmake)
set(alone ${WORK}/alone)
file(REMOVE_RECURSE ${alone})
run(${CMAKE_COMMAND} -S ${SOURCE}/runtime -B ${alone}/build
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DCMAKE_C_COMPILER_LAUNCHER=${LAUNCHER}
    -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
run(${CMAKE_COMMAND} --build ${alone}/build --parallel 2)
run(${CMAKE_COMMAND} --install ${alone}/build --prefix ${alone}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/examples/embed -B ${alone}/embed
    -DCMAKE_PREFIX_PATH=${alone}/prefix -DMODEL=${WORK}/model)
run(${CMAKE_COMMAND} --build ${alone}/embed)
foreach(program loaded linked)
  expect_text_of_model(${alone}/embed/${program} ${WORK}/model ${prompt})
endforeach()

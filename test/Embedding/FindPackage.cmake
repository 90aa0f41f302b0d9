# The installed examples as a CMake project, once in C and once beside C++.
include(${CMAKE_CURRENT_LIST_DIR}/Steps.cmake)
set(project ${WORK}/find-package)
file(REMOVE_RECURSE ${project})
file(MAKE_DIRECTORY ${project}/both)
run(${CMAKE_COMMAND} -S ${prefix}/share/picollm/examples/embed
    -B ${project}/build -DCMAKE_PREFIX_PATH=${prefix} -DMODEL=${WORK}/model
    -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${project}/build)
foreach(program loaded linked)
  expect_text_of_model(${project}/build/${program} ${WORK}/model ${prompt})
endforeach()
# Equal texts go the same way.
run(${project}/build/together ${WORK}/model ${prompt} ${prompt})
string(LENGTH "${output}" length)
math(EXPR half "${length} / 2")
string(SUBSTRING "${output}" 0 ${half} first)
if(half LESS 2 OR NOT output STREQUAL "${first}${first}")
  message(FATAL_ERROR "together printed: ${output}")
endif()
run_failing("together: ${WORK}: holds no compiled model"
            ${project}/build/together ${WORK} ${prompt})
run_failing("loaded: ${WORK}: holds no compiled model"
            ${project}/build/loaded ${WORK} ${prompt})
run_failing("linked: ${WORK}/smol.weights: cannot be read"
            ${project}/build/linked ${WORK} ${prompt})

file(WRITE ${project}/both/CMakeLists.txt "
cmake_minimum_required(VERSION 3.20)
project(both LANGUAGES C CXX)
find_package(picollm-runtime 0.1 REQUIRED)
foreach(library runtime runtime-shared)
  add_executable(with-\${library} ${prefix}/share/picollm/examples/embed/loaded.c)
  target_link_libraries(with-\${library} PRIVATE picollm::\${library})
endforeach()
")
run(${CMAKE_COMMAND} -S ${project}/both -B ${project}/both-build
    -DCMAKE_PREFIX_PATH=${prefix})
run(${CMAKE_COMMAND} --build ${project}/both-build)
foreach(library runtime runtime-shared)
  expect_text_of_model(${project}/both-build/with-${library} ${WORK}/model
                       ${prompt})
endforeach()

file(WRITE ${project}/newer/CMakeLists.txt "
cmake_minimum_required(VERSION 3.20)
project(newer LANGUAGES C)
find_package(picollm-runtime 99 REQUIRED)
")
run_failing("compatible" ${CMAKE_COMMAND} -S ${project}/newer
            -B ${project}/newer-build -DCMAKE_PREFIX_PATH=${prefix})

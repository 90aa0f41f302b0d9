# The examples by pkg-config alone: shared, and with the static library.
include(${CMAKE_CURRENT_LIST_DIR}/Steps.cmake)
set(ENV{PKG_CONFIG_PATH} ${prefix}/lib/pkgconfig)
set(examples ${prefix}/share/picollm/examples/embed)
set(programs ${WORK}/pkg-config)
file(REMOVE_RECURSE ${programs})
file(MAKE_DIRECTORY ${programs})
set(shared "$(pkg-config --cflags --libs picollm-runtime) \
-Wl,-rpath,$(pkg-config --variable=libdir picollm-runtime)")
# -lpicollm-runtime means the shared library wherever there is one.
set(static "$(pkg-config --cflags picollm-runtime) \
$(pkg-config --variable=libdir picollm-runtime)/libpicollm-runtime.a \
$(pkg-config --static --libs-only-other --libs-only-l picollm-runtime | \
sed 's/-lpicollm-runtime//')")
foreach(kind shared static)
  run(sh -ec "cc ${examples}/loaded.c ${${kind}} -o ${programs}/loaded-${kind}")
  run(sh -ec "cc ${examples}/linked.c -I${WORK}/model -L${WORK}/model -lsmol \
-Wl,-rpath,${WORK}/model ${${kind}} -o ${programs}/linked-${kind}")
  foreach(program loaded linked)
    expect_text_of_model(${programs}/${program}-${kind} ${WORK}/model ${prompt})
  endforeach()
endforeach()
run(pkg-config --modversion picollm-runtime)
if(NOT output STREQUAL "0.1.0\n")
  message(FATAL_ERROR "pkg-config knows version ${output}")
endif()

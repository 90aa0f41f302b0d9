# Installs the package for its tests: -DPYTHON= -DFOLDER= -DSOURCE= -DBUILD=
# -DLAUNCHER=, the compiler launcher of the build, perhaps empty.
set(packages scikit-build-core==1.1.2 pytest mypy==2.4.1)
set(venv "${FOLDER}/venv")
set(stamp "${FOLDER}/installed")
set(pip "${venv}/bin/python" -m pip --disable-pip-version-check -q install)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    list(JOIN ARGV " " command)
    message(FATAL_ERROR "failed (${result}): ${command}")
  endif()
endfunction()

set(installed "")
if(EXISTS "${stamp}")
  file(READ "${stamp}" installed)
endif()
if(NOT installed STREQUAL "${PYTHON} ${packages}")
  file(REMOVE_RECURSE "${venv}")
  run("${PYTHON}" -m venv "${venv}")
  run(${pip} ${packages})
  file(WRITE "${stamp}" "${PYTHON} ${packages}")
endif()

# What a sanitised or cross build sets must not reach this one, which is a
# build of its own; its folder is kept, so that only what changed is built.
set(ENV{CMAKE_CXX_COMPILER_LAUNCHER} "${LAUNCHER}")
run(${pip} --no-build-isolation --no-deps --force-reinstall "${SOURCE}"
    "--config-settings=build-dir=${FOLDER}/cmake"
    "--config-settings=cmake.define.PICOLLM_COMPILER=OFF"
    "--config-settings=cmake.define.PICOLLM_COMPILER_FOLDERS=${BUILD}/bin")

# What the shared runtime shows to a program: its SONAME and the functions that
# picollm.h declares, nothing of C++.
include(${CMAKE_CURRENT_LIST_DIR}/Steps.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/Exports.cmake)
set(library ${prefix}/lib/libpicollm-runtime.so)
run(readelf -d ${library})
if(NOT output MATCHES "SONAME\\)[^\n]*\\[libpicollm-runtime\\.so\\.0\\]")
  message(FATAL_ERROR "no SONAME libpicollm-runtime.so.0: ${output}")
endif()
expect_exports(${library})

# The libraries, their headers, and what CMake and pkg-config know of them. All
# paths are relative to where these files lie: the prefix may be moved.
include(CMakePackageConfigHelpers)

install(TARGETS picollm-runtime EXPORT picollm-runtimeTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS picollm-runtime-shared EXPORT picollm-runtimeTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
set_target_properties(picollm-runtime PROPERTIES EXPORT_NAME runtime)
set_target_properties(picollm-runtime-shared PROPERTIES
  EXPORT_NAME runtime-shared)
install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/include/
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# What a C program that links the static library needs besides.
set(cxx_libraries ${CMAKE_CXX_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_ITEM cxx_libraries ${CMAKE_C_IMPLICIT_LINK_LIBRARIES})
list(REMOVE_DUPLICATES cxx_libraries)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/picollm-runtime)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/picollm-runtimeConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/picollm-runtimeConfig.cmake
  INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(
  ${CMAKE_CURRENT_BINARY_DIR}/picollm-runtimeConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(EXPORT picollm-runtimeTargets NAMESPACE picollm::
  DESTINATION ${package_directory})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/picollm-runtimeConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/picollm-runtimeConfigVersion.cmake
  DESTINATION ${package_directory})

set(private_libraries ${cxx_libraries} ${CMAKE_DL_LIBS})
list(TRANSFORM private_libraries PREPEND -l)
list(JOIN private_libraries " " private_libraries)
file(RELATIVE_PATH prefix_from_pkgconfig
  /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" prefix_from_pkgconfig ${prefix_from_pkgconfig})
configure_file(${CMAKE_CURRENT_LIST_DIR}/picollm-runtime.pc.in
  ${CMAKE_CURRENT_BINARY_DIR}/picollm-runtime.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/picollm-runtime.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

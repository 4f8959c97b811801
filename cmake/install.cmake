# SPDX-License-Identifier: Apache-2.0
install(TARGETS carina_lib EXPORT carina LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS carina_program RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/carina DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

# pkg-config's carina.pc and CMake's find_package(Carina), which gives Carina::carina.
set_target_properties(carina_lib PROPERTIES EXPORT_NAME carina)
configure_file(cmake/carina.pc.in carina.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/carina.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(CarinaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/CarinaConfigVersion.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Carina)
install(EXPORT carina FILE CarinaConfig.cmake NAMESPACE Carina::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Carina)

# SPDX-License-Identifier: Apache-2.0
# base/, the CPU plugin with its kernels, and kcheck: what builds with a bare cross compiler.
find_package(Threads REQUIRED)
file(GLOB BASE_SOURCES CONFIGURE_DEPENDS src/base/*.c)
carina_isa_flags(${BASE_SOURCES})
add_library(carina_base OBJECT ${BASE_SOURCES})
target_include_directories(carina_base PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(carina_base PUBLIC Threads::Threads m ${CMAKE_DL_LIBS})
target_compile_definitions(carina_base PRIVATE CARINA_VERSION="${PROJECT_VERSION}")
set(CARINA_ABI 1)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
enable_testing()
add_subdirectory(src/plugins/cpu)
add_subdirectory(tests/kernels)

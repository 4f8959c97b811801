# SPDX-License-Identifier: Apache-2.0
option(CARINA_TESTS "build the tests" ON)
option(CARINA_WERROR "warnings are errors (CI)" OFF)
set(CARINA_SANITIZE "" CACHE STRING "address, thread or memory: build everything with that sanitizer")

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_DEBUG "-Og -g")

add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Wvla -Wstrict-prototypes
  -Wmissing-prototypes -Wcast-qual -Wpointer-arith -Wswitch-enum -Wformat=2
  -Wno-missing-field-initializers -ffp-contract=off)
add_compile_definitions(_GNU_SOURCE)
if(CARINA_WERROR)
  add_compile_options(-Werror)
endif()
if(CARINA_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=address,undefined)
elseif(CARINA_SANITIZE)
  add_compile_options(-fsanitize=${CARINA_SANITIZE} -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${CARINA_SANITIZE})
else()
  add_link_options(-Wl,--no-undefined -Wl,--as-needed)
endif()

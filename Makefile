# SPDX-License-Identifier: Apache-2.0
# The README's commands. CMake and Ninja do the work; each first installs what is missing.
BUILD ?= build
PREFIX ?= /usr/local
CMAKE = cmake -S . -B $(BUILD) -G Ninja -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(CMAKE_FLAGS)

.PHONY: all demo test nightly install bench clean
all:
	@scripts/setup build
	@$(CMAKE) -DCARINA_TESTS=OFF > /dev/null
	@cmake --build $(BUILD)

test:
	@scripts/setup test
	@scripts/test

demo: all
	@scripts/demo

nightly:
	@scripts/setup nightly
	@scripts/nightly

bench:
	@scripts/setup bench
	@$(CMAKE) -DCARINA_TESTS=OFF -DCARINA_BENCH=ON > /dev/null
	@cmake --build $(BUILD)
	@bench/run

install: all
	@cmake --install $(BUILD)

clean:
	rm -rf $(BUILD) build-*

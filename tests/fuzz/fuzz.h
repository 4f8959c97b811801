/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the fuzz targets share. A target is given bytes; a property that does not hold ends the process, which is
 * how libFuzzer and the replay programs learn of it.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/memory.h"
#include "graph/graph.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, saying what did not hold, unless it does. */
void fuzz_require(bool holds, const char *what, const char *detail);
CaBuffer *fuzz_buffer(const uint8_t *data, size_t size);
/* A refusal has a status below 0 and a sentence. */
void fuzz_require_sentence(CarinaStatus status, const CarinaError *err);
/* The graph infers to itself and, written as IR and read, is the same graph. Frees it. */
void fuzz_graph(CaGraph *graph);
/* A path under which the bytes can be opened; valid until the next call. */
const char *fuzz_file(const uint8_t *data, size_t size);

#endif

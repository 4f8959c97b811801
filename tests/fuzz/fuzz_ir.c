/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as an IR: the .xml, then "\n<!--bin-->\n" and the .bin. Without that mark the weights are 4096 bytes of a
 * pattern, so that an .xml alone is a seed.
 */
#include "fuzz.h"

#include "ir/ir.h"

#include <string.h>

static const char mark[] = "\n<!--bin-->\n";
enum { N_MARK = sizeof mark - 1, N_PATTERN = 4096 };

static CaBuffer *pattern(void)
{
    CaBuffer *b = ca_buffer_create(N_PATTERN);
    fuzz_require(b, "there is memory for the weights", "");
    for (size_t i = 0; i < N_PATTERN; i++) /* i32 1, 2, 3 ... */
        ((uint8_t *)b->data)[i] = i % 4 ? 0 : (uint8_t)(i / 4 + 1);
    return b;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memmem(data, size, mark, N_MARK) : NULL;
    const size_t n = cut ? (size_t)(cut - data) : size;
    CaBuffer *xml = fuzz_buffer(data, n);
    CaBuffer *bin = cut ? fuzz_buffer(cut + N_MARK, size - n - N_MARK) : pattern();
    CaGraph *graph = NULL;
    CarinaError err = {0};
    int version = 0;
    const CarinaStatus status = ca_ir_read(&graph, "fuzz.xml", xml, bin, &version, &err);
    ca_buffer_unref(&xml);
    ca_buffer_unref(&bin);
    fuzz_require((status == CARINA_OK) == (graph != NULL), "a graph or an error", "");
    if (graph)
        fuzz_graph(graph);
    else
        fuzz_require_sentence(status, &err);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as an MXNet model: the -symbol.json, then "\n#params\n" and the .params. Without that mark there are none.
 */
#include "fuzz.h"

#include "formats/mxnet/mxnet.h"

#include <string.h>

static const char mark[] = "\n#params\n";
enum { N_MARK = sizeof mark - 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memmem(data, size, mark, N_MARK) : NULL;
    const size_t n = cut ? (size_t)(cut - data) : size;
    const CarinaReadOptions none = {.struct_size = sizeof none};
    const CaMxnetFile symbol = {"fuzz-symbol.json", fuzz_buffer(data, n)};
    const CaMxnetFile params = {
        "fuzz.params", cut ? fuzz_buffer(cut + N_MARK, size - n - N_MARK) : NULL};
    CaBuffer *first = symbol.data, *second = params.data;
    CaGraph *graph = NULL;
    CarinaError err = {0};
    int64_t version = 0;
    const CarinaStatus status =
        ca_mxnet_read(&graph, &symbol, &params, cut ? 1 : 0, &none, NULL, &version, &err);
    ca_buffer_unref(&first);
    ca_buffer_unref(&second);
    fuzz_require((status == CARINA_OK) == (graph != NULL), "a graph or an error", "");
    if (graph)
        fuzz_graph(graph);
    else
        fuzz_require_sentence(status, &err);
    return 0;
}

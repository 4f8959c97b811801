/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a Caffe model: the .prototxt, then "\n#weights\n" and the .caffemodel. Without that mark the second
 * is empty.
 */
#include "fuzz.h"

#include "formats/caffe/caffe.h"

#include <string.h>

static const char mark[] = "\n#weights\n";
enum { N_MARK = sizeof mark - 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *cut = size ? memmem(data, size, mark, N_MARK) : NULL;
    const size_t n = cut ? (size_t)(cut - data) : size;
    CaBuffer *text = fuzz_buffer(data, n);
    CaBuffer *weights =
        cut ? fuzz_buffer(cut + N_MARK, size - n - N_MARK) : fuzz_buffer(data, 0);
    CaGraph *graph = NULL;
    CarinaError err = {0};
    const CarinaStatus status =
        ca_caffe_read(&graph, "fuzz.prototxt", text, "fuzz.caffemodel", weights, &err);
    ca_buffer_unref(&text);
    ca_buffer_unref(&weights);
    fuzz_require((status == CARINA_OK) == (graph != NULL), "a graph or an error", "");
    if (graph)
        fuzz_graph(graph);
    else
        fuzz_require_sentence(status, &err);
    return 0;
}

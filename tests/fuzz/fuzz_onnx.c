/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as an ONNX file. External data is looked for in an empty folder.
 */
#include "fuzz.h"

#include "formats/onnx/onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CaGraph *graph = NULL;
    CaBuffer *file = fuzz_buffer(data, size);
    CarinaError err = {0};
    int opset = 0;
    const CarinaStatus status =
        ca_onnx_read(&graph, "/proc/self/fdinfo/x.onnx", file, &opset, &err);
    ca_buffer_unref(&file);
    fuzz_require((status == CARINA_OK) == (graph != NULL), "a graph or an error", "");
    if (graph)
        fuzz_graph(graph);
    else
        fuzz_require_sentence(status, &err);
    return 0;
}

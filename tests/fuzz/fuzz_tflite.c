/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a TFLite file.
 */
#include "fuzz.h"

#include "formats/tflite/tflite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const CarinaReadOptions options = {sizeof options, NULL};
    CaGraph *graph = NULL;
    CarinaError err = {0};
    CaSource source = {.path = "x.tflite",
                       .file = fuzz_buffer(data, size),
                       .options = &options,
                       .err = &err};
    const CarinaStatus status = ca_reader_tflite.read(&graph, &source);
    ca_buffer_unref(&source.file);
    fuzz_require((status == CARINA_OK) == (graph != NULL), "a graph or an error", "");
    if (graph)
        fuzz_graph(graph);
    else
        fuzz_require_sentence(status, &err);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a TensorFlow graph, binary or text.
 */
#include "fuzz.h"

#include "formats/tensorflow/tf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CaGraph *graph = NULL;
    CaBuffer *file = fuzz_buffer(data, size);
    CarinaError err = {0};
    const CarinaStatus status = ca_tf_read(&graph, "fuzz.pb", file, NULL, &err);
    ca_buffer_unref(&file);
    fuzz_require((status == CARINA_OK) == (graph != NULL), "a graph or an error", "");
    if (graph)
        fuzz_graph(graph);
    else
        fuzz_require_sentence(status, &err);
    return 0;
}

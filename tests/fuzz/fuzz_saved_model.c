/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a SavedModel's or a .meta file, whichever they look like, without variables: functions, signatures, branches.
 */
#include "fuzz.h"

#include "formats/tensorflow/tf_container.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CaGraph *graph = NULL;
    CarinaError err = {0};
    const CarinaReadOptions options = {.struct_size = sizeof options};
    CaSource s = {.path = "fuzz.pb", .options = &options, .err = &err};
    s.file = fuzz_buffer(data, size);
    if (!ca_tf_is_container(&s)) {
        ca_buffer_unref(&s.file);
        return 0;
    }
    const CarinaStatus status = ca_tf_read_container(&graph, &s);
    ca_buffer_unref(&s.file);
    fuzz_require((status == CARINA_OK) == (graph != NULL), "a graph or an error", "");
    if (graph)
        fuzz_graph(graph);
    else
        fuzz_require_sentence(status, &err);
    return 0;
}

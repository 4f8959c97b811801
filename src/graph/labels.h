/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the classes of a classifier are called: the graph's info "labels", one a line.
 */
#ifndef CA_GRAPH_LABELS_H
#define CA_GRAPH_LABELS_H

#include "base/text.h"
#include "graph/graph.h"

typedef enum CaLabelsForm {
    CA_LABELS_LINES, /* one a line */
    CA_LABELS_WORDS, /* OpenVINO's Model API: between blanks, a blank within one is an underscore */
    CA_LABELS_VALUE /* what people write into metadata: lines, "a, b", or JSON's or Python's
                      * ["a", "b"], {0: "a", 1: "b"}, {"a": 0, "b": 1} */
} CaLabelsForm;

/* text [0, n) from a file; what names no class leaves the graph as it is. */
void ca_labels_set(CaGraph *graph, const char *text, size_t n, CaLabelsForm form);
/* Do people keep labels under that key? */
bool ca_labels_is_key(const char *key);
/* The labels, as the info has them, for the Model API. Is that what ca_labels_set would read again? */
bool ca_labels_words(CaText *t, const char *labels);

#endif

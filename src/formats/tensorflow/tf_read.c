/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of TensorFlow's files. Here: a GraphDef, binary (.pb) or text (.pbtxt), frozen or with its variables given.
 */
#include "formats/tensorflow/tf_text.h"
#include "formats/tensorflow/tf_variables.h"

#include <stdio.h>

/* Field 1, length-delimited, holds a field 1 and then a field 2, both strings: a node's name and operator. What else
 * begins so has a number or a message there. */
static bool is_node(const unsigned char *p, size_t n)
{
    size_t at = 0;
    for (unsigned char field = 1; field <= 2; field++) {
        size_t length = 0;
        if (at >= n || p[at++] != (field << 3 | 2))
            return false;
        for (unsigned shift = 0;; shift += 7) {
            if (at >= n || shift > 28)
                return false;
            length |= (size_t)(p[at] & 0x7f) << shift;
            if (!(p[at++] & 0x80))
                break;
        }
        if (length == 0 || length > n - at)
            return false;
        for (size_t i = 0; i < length; i++)
            if (p[at + i] <= ' ' || p[at + i] > '~')
                return false;
        at += length;
    }
    return true;
}

static bool match(const CaSource *s)
{
    if (ca_tf_is_container(s))
        return true;
    if (!s->file || s->file->size < 8)
        return false;
    const unsigned char *p = s->file->data;
    if (ca_tf_is_text(s->file))
        return ca_tf_text_begins(s->file, "node");
    size_t at = 1;
    while (at < 6 && (p[at] & 0x80))
        at++;
    return p[0] == 0x0a && is_node(p + at + 1, s->file->size - at - 1);
}

/* A GraphDef does not know the release, only the version of graphs that it wrote. */
static void name_producer(CaGraph *g, int64_t version)
{
    char text[32];
    ca_graph_set_info(g, "producer", "TensorFlow");
    (void)snprintf(text, sizeof text, "graph %d", (int)version);
    if (version > 0 && version < INT32_MAX)
        ca_graph_set_info(g, "producer_version", text);
}

CarinaStatus ca_tf_read(CaGraph **out, const char *path, CaBuffer *file,
                        const CarinaReadOptions *options, CarinaError *err)
{
    return ca_tf_read_with(out, path, file, options, NULL, err);
}

CarinaStatus ca_tf_read_with(CaGraph **out, const char *path, CaBuffer *file,
                             const CarinaReadOptions *options, const CaCustoms *customs,
                             CarinaError *err)
{
    CaTf *r;
    CaTfVariables *variables = NULL;
    *out = NULL;
    CA_TRY(ca_tf_begin(&r, path, file, CA_TF_GRAPH, options, err));
    r->b.customs = customs;
    CarinaStatus status = ca_tf_parse_graph(r, (CaTfSpan){0, r->file->size});
    if (status == CARINA_OK)
        status = ca_tf_variables_given(&variables, r);
    if (status == CARINA_OK)
        status = ca_tf_inline(r);
    if (status == CARINA_OK)
        status = ca_tf_prune(r);
    if (status == CARINA_OK)
        status = ca_tf_finish(out, r);
    if (status == CARINA_OK)
        name_producer(*out, r->producer);
    ca_tf_variables_free(&variables);
    ca_tf_free(&r);
    return status;
}

static CarinaStatus read_source(CaGraph **out, CaSource *s)
{
    if (ca_tf_is_container(s))
        return ca_tf_read_container(out, s);
    (void)snprintf(s->format, sizeof s->format, "TensorFlow");
    return ca_tf_read_with(out, s->path, s->file, s->options, s->customs, s->err);
}

const CaReader ca_reader_tensorflow = {"TensorFlow", match, read_source,
                                       ca_tf_operator_name};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node of the file gives its translation: inputs, attributes, names of outputs.
 */
#include "formats/onnx/onnx_reader.h"

#include <string.h>

CaValue *ca_onnx_in(CaOnnxCall *c, int i)
{
    CaValue *v = ca_onnx_opt(c, i);
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "input %d is missing; the file is damaged",
                      i);
    return v;
}

CaValue *ca_onnx_opt(CaOnnxCall *c, int i) { return i < c->n_in ? c->in[i] : NULL; }

bool ca_onnx_out_used(const CaOnnxCall *c, int i)
{
    return (size_t)i < c->node->n_output && c->node->output[i][0] != 0;
}

const Onnx__AttributeProto *ca_onnx_attr(const CaOnnxCall *c, const char *name)
{
    for (size_t i = 0; i < c->node->n_attribute; i++)
        if (c->node->attribute[i]->name && strcmp(c->node->attribute[i]->name, name) == 0)
            return c->node->attribute[i];
    return NULL;
}

int64_t ca_onnx_attr_int(const CaOnnxCall *c, const char *name, int64_t absent)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    return a ? a->i : absent;
}

double ca_onnx_attr_real(const CaOnnxCall *c, const char *name, double absent)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    return a ? (double)a->f : absent;
}

const char *ca_onnx_attr_text(CaOnnxCall *c, const char *name, const char *absent)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    if (!a)
        return absent;
    const char *text =
        a->s.len ? ca_arena_copy_n(c->r->b.work, (const char *)a->s.data, a->s.len) : "";
    if (!text)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    return text ? text : absent;
}

const int64_t *ca_onnx_attr_ints(const CaOnnxCall *c, const char *name, int *n)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    *n = a ? (int)a->n_ints : -1;
    return a ? a->ints : NULL;
}

void ca_onnx_out(CaOnnxCall *c, int i, CaValue *v)
{
    if (!ca_build_settle(c->b) || !v || !ca_onnx_out_used(c, i))
        return;
    CaOnnx *r = c->r;
    const char *name = c->node->output[i];
    for (size_t at = (size_t)ca_hash(name, strlen(name), 0) & (r->room - 1);
         r->names[at].key; at = (at + 1) & (r->room - 1))
        if (strcmp(r->names[at].key, name) == 0)
            r->names[at].value = v;
    if (v->node->id >= c->first_id) {
        if (i == 0)
            ca_build_ok(c->b, ca_node_rename(r->b.graph, v->node, c->name, r->b.err));
        ca_value_set_name(r->b.graph, v, name);
    } else if (!v->name) {
        ca_value_set_name(r->b.graph, v, name);
    }
}

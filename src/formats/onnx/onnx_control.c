/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX: operators with bodies. A body there sees the names of the graph around it; what it uses of them becomes
 * further inputs of our operator.
 */
#include "formats/onnx/onnx_reader.h"

#include <string.h>

/* A node with bodies while it is made: its inputs grow by what each captures. */
typedef struct Joint {
    CaOnnxCall *c;
    const char *op;
    CaValue **in;
    int n_in, room, n_out;
    CaGraph *graphs[2];
    CaOnnxCapture *captures[2];
    int first[2]; /* of the inputs that are captures */
    int n_bodies;
} Joint;

static const Onnx__GraphProto *body_of(CaOnnxCall *c, const char *attr)
{
    const Onnx__AttributeProto *a = ca_onnx_attr(c, attr);
    if (a && a->g)
        return a->g;
    ca_build_fail(c->b, CARINA_ERR_FORMAT, "it has no graph '%s'; the file is damaged",
                  attr);
    return NULL;
}

static int n_captures(const CaOnnxCapture *k)
{
    int n = 0;
    for (; k; k = k->next)
        n++;
    return n;
}

static void free_graphs(Joint *j)
{
    for (int i = 0; i < 2; i++)
        ca_graph_free(&j->graphs[i]);
}

static void add_input(Joint *j, CaValue *v)
{
    if (j->n_in == j->room) {
        const int room = j->room ? 2 * j->room : 16;
        CaValue **p = ca_arena_array(j->c->b->work, (size_t)room, sizeof *p);
        if (!p) {
            ca_build_fail(j->c->b, CARINA_ERR_MEMORY, "out of memory");
            return;
        }
        if (j->n_in)
            memcpy(p, j->in, (size_t)j->n_in * sizeof *p);
        j->in = p;
        j->room = room;
    }
    j->in[j->n_in++] = v;
}

static void add_body(Joint *j, const Onnx__GraphProto *g, const CaOnnxPort *in, int n_in,
                     const CaOnnxPort *out, int n_out)
{
    const int i = j->n_bodies++;
    j->graphs[i] =
        g ? ca_onnx_body(j->c, g, in, n_in, out, n_out, &j->captures[i]) : NULL;
    j->first[i] = j->n_in;
    for (const CaOnnxCapture *k = j->captures[i]; k && j->c->b->status == CARINA_OK;
         k = k->next)
        add_input(j, k->outer);
}

/* The node, its bodies with room for that many own ports and back edges; captures are joined. NULL where it failed. */
static CaValue *make(Joint *j, int n_own, int n_outputs, int n_back)
{
    CaBuild *b = j->c->b;
    CaValue *v =
        b->status == CARINA_OK ? ca_build_make(b, j->op, j->in, j->n_in, j->n_out) : NULL;
    for (int i = 0; v && i < j->n_bodies; i++) {
        const int n = n_captures(j->captures[i]);
        CaGraph *graph = j->graphs[i];
        j->graphs[i] = NULL;
        if (!ca_build_ok(b, ca_node_set_body(b->graph, v->node, j->n_bodies, i, graph,
                                             n_own + n, n_outputs, n_back, b->err)))
            break;
        CarinaBody *body = &v->node->bodies[i];
        for (int k = 0; k < n; k++)
            body->inputs[n_own + k] = (CarinaPortMap){.outer = j->first[i] + k,
                                                      .inner = graph->n_inputs - n + k,
                                                      .stride = 1,
                                                      .part_size = 1};
    }
    free_graphs(j);
    return b->status == CARINA_OK ? v : NULL;
}

static CarinaPortMap whole(int outer, int inner)
{
    return (CarinaPortMap){
        .outer = outer, .inner = inner, .end = -1, .stride = 1, .part_size = 1};
}

static CarinaPortMap parts(int outer, int inner, int64_t axis, bool is_backwards)
{
    CarinaPortMap m = whole(outer, inner);
    m.is_sliced = true;
    m.axis = (int32_t)axis;
    if (is_backwards) {
        m.start = -1;
        m.end = 0;
        m.stride = -1;
    }
    return m;
}

static void give(CaOnnxCall *c, CaValue *v, int n)
{
    for (int i = 0; v && ca_build_settle(c->b) && i < n; i++)
        ca_onnx_out(c, i, v + i);
}

static CaOnnxPort *ports(CaOnnxCall *c, size_t n)
{
    CaOnnxPort *p = ca_arena_array(c->b->work, n + 1, sizeof *p);
    if (!p)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    return p;
}

static CaOnnxPort port_of(CaOnnxCall *c, CaValue *v)
{
    return (CaOnnxPort){.type = ca_build_type(c->b, v), .shape = ca_build_shape(c->b, v)};
}

/* --- If. */

static void choice(CaOnnxCall *c)
{
    Joint j = {.c = c, .op = "If", .n_out = (int)c->node->n_output};
    const Onnx__GraphProto *g[2] = {body_of(c, "then_branch"), body_of(c, "else_branch")};
    const CaOnnxPort *none = ports(c, (size_t)j.n_out);
    add_input(&j, ca_onnx_in(c, 0));
    for (int i = 0; i < 2 && c->b->status == CARINA_OK; i++)
        add_body(&j, g[i], none, 0, none, j.n_out);
    CaValue *v = make(&j, 0, j.n_out, 0);
    for (int i = 0; v && i < 2; i++)
        for (int k = 0; k < j.n_out; k++)
            v->node->bodies[i].outputs[k] = whole(k, k);
    give(c, v, j.n_out);
}

/* --- Loop: trips and condition, then what is handed on; results likewise, then what is put together. */

static void loop(CaOnnxCall *c)
{
    const Onnx__GraphProto *g = body_of(c, "body");
    const int n_vars = c->node->n_input > 2 ? (int)c->node->n_input - 2 : 0;
    const int n_out = (int)c->node->n_output, n_results = g ? (int)g->n_output : 0;
    Joint j = {.c = c, .op = "Loop", .n_out = n_out};
    CaOnnxPort *in = ports(c, (size_t)n_vars + 2), *out = ports(c, (size_t)n_results);
    if (c->b->status == CARINA_OK && (n_out < n_vars || n_results != n_out + 1))
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "%d inputs to hand on, %d outputs, %d results of its body", n_vars,
                      n_out, n_results);
    CaValue *trips = ca_onnx_opt(c, 0), *condition = ca_onnx_opt(c, 1);
    const CarinaShape scalar = ca_shape(0, NULL);
    add_input(&j, trips ? trips : ca_build_scalar(c->b, -1));
    add_input(&j, condition
                      ? condition
                      : ca_build_convert(c->b, ca_build_scalar(c->b, 1), CARINA_BOOL));
    if (c->b->status != CARINA_OK)
        return;
    in[0] = (CaOnnxPort){.type = CARINA_I64, .shape = scalar};
    in[1] = (CaOnnxPort){.type = CARINA_BOOL, .shape = ca_build_shape(c->b, j.in[1])};
    for (int i = 0; i < n_vars; i++) {
        CaValue *v = ca_onnx_in(c, 2 + i);
        in[2 + i] = port_of(c, v);
        add_input(&j, v);
    }
    for (int i = 1 + n_vars; i < n_results; i++)
        out[i].is_part = true;
    if (c->b->status == CARINA_OK)
        add_body(&j, g, in, n_vars + 2, out, n_results);
    CaValue *v = make(&j, n_vars + 1, n_out, n_vars + 1);
    if (!v)
        return;
    CarinaBody *b = &v->node->bodies[0];
    b->iteration_input = 0;
    b->condition_output = 0;
    for (int i = 0; i <= n_vars; i++) { /* the condition, then the variables */
        b->inputs[i] = whole(1 + i, 1 + i);
        b->back_edges[i] = (CarinaBackEdge){i, 1 + i};
    }
    for (int i = 0; i < n_out; i++)
        b->outputs[i] = i < n_vars ? whole(i, 1 + i) : parts(i, 1 + i, 0, false);
    give(c, v, n_out);
}

/* --- Scan: what is handed on, then what is taken apart; results likewise. */

static int64_t list_at(CaOnnxCall *c, const char *attr, int i)
{
    int n = 0;
    const int64_t *v = ca_onnx_attr_ints(c, attr, &n);
    return v && i < n ? v[i] : 0;
}

static int64_t scan_axis(CaOnnxCall *c, CaValue *v, int i)
{
    return ca_build_axis(c->b, list_at(c, "scan_input_axes", i), ca_build_rank(c->b, v));
}

static void scan(CaOnnxCall *c)
{
    const Onnx__GraphProto *g = body_of(c, "body");
    const int n_in = (int)c->node->n_input, n_out = (int)c->node->n_output;
    const int64_t n_parts = ca_onnx_attr_int(c, "num_scan_inputs", 0);
    Joint j = {.c = c, .op = "TensorIterator", .n_out = n_out};
    CaOnnxPort *in = ports(c, (size_t)n_in), *out = ports(c, (size_t)n_out);
    if (c->opset < 9)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "Scan of opset 8, which has batches of its own; export with opset 9");
    if (c->b->status == CARINA_OK &&
        (n_parts < 1 || n_parts > n_in || n_out < n_in - n_parts))
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "num_scan_inputs is %lld with %d inputs and %d outputs",
                      (long long)n_parts, n_in, n_out);
    if (c->b->status != CARINA_OK)
        return;
    const int n_states = n_in - (int)n_parts;
    for (int i = 0; i < n_in && c->b->status == CARINA_OK; i++) {
        CaValue *v = ca_onnx_in(c, i);
        in[i] = port_of(c, v);
        add_input(&j, v);
        if (i < n_states)
            continue;
        in[i].is_part = true;
        in[i].axis = scan_axis(c, v, i - n_states);
        if (in[i].shape.rank > 0)
            in[i].shape.dims[in[i].axis] = 1;
    }
    for (int i = n_states; i < n_out; i++)
        out[i] = (CaOnnxPort){.is_part = true,
                              .axis = list_at(c, "scan_output_axes", i - n_states)};
    if (c->b->status == CARINA_OK)
        add_body(&j, g, in, n_in, out, n_out);
    CaValue *v = make(&j, n_in, n_out, n_states);
    if (!v)
        return;
    CarinaBody *b = &v->node->bodies[0];
    for (int i = 0; i < n_in; i++)
        b->inputs[i] =
            i < n_states ? whole(i, i)
                         : parts(i, i, in[i].axis,
                                 list_at(c, "scan_input_directions", i - n_states) == 1);
    for (int i = 0; i < n_out; i++)
        b->outputs[i] =
            i < n_states ? whole(i, i)
                         : parts(i, i, out[i].axis,
                                 list_at(c, "scan_output_directions", i - n_states) == 1);
    for (int i = 0; i < n_states; i++)
        b->back_edges[i] = (CarinaBackEdge){i, i};
    give(c, v, n_out);
}

const CaOnnxOp ca_onnx_control[] = {
    {"", "If", choice, NULL},
    {"", "Loop", loop, NULL},
    {"", "Scan", scan, NULL},
    {NULL, NULL, NULL, NULL},
};

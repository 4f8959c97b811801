/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running definitions: tensors become numbers, the operator's reference computes, results are rounded once.
 */
#include "graph/op.h"

#include "graph/dequantize.h"

#include <string.h>

int64_t ca_ref_broadcast(const CarinaShape *out, const CarinaShape *in, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int d = out->rank - 1, e = in->rank - 1; e >= 0; d--, e--) {
        const int64_t x = i % out->dims[d];
        i /= out->dims[d];
        if (in->dims[e] != 1)
            at += x * stride;
        stride *= in->dims[e];
    }
    return at;
}

void ca_ref_strides(const CarinaShape *s, int64_t strides[CARINA_MAX_RANK])
{
    int64_t n = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        strides[i] = n;
        n *= s->dims[i];
    }
}

static bool room(CaArena *arena, CaRefTensor *r, bool is_moved)
{
    const size_t n = (size_t)r->n + 1;
    if (is_moved)
        return (r->bytes = ca_arena_array(arena, n, r->elem_size ? r->elem_size : 1)) !=
               NULL;
    if (ca_type_is_real(r->type))
        return (r->real = ca_arena_array(arena, n, sizeof *r->real)) != NULL;
    return (r->whole = ca_arena_array(arena, n, sizeof *r->whole)) != NULL;
}

static void describe(CaRefTensor *r, const CarinaTensor *t)
{
    *r = (CaRefTensor){.type = t->type, .shape = t->shape, .n = ca_tensor_count(t)};
    r->elem_size = (size_t)carina_type_bits(t->type) / 8;
}

/* 4- and 1-bit elements are storage only: they arrive as numbers, never as bytes. */
static bool load(CaArena *arena, CaRefTensor *r, const CarinaTensor *t)
{
    describe(r, t);
    if (!room(arena, r, false))
        return false;
    for (int64_t i = 0; i < r->n; i++) {
        if (r->real)
            r->real[i] = ca_get_real(t->type, t->data, i);
        else
            r->whole[i] = ca_get_int(t->type, t->data, i);
    }
    r->bytes = t->data;
    return true;
}

static void store(CarinaTensor *t, const CaRefTensor *r)
{
    for (int64_t i = 0; i < r->n; i++) {
        if (r->real)
            ca_put_real(t->type, t->data, i, r->real[i]);
        else
            ca_put_int(t->type, t->data, i, r->whole[i]);
    }
}

size_t ca_work_array(size_t total, int64_t n, size_t size)
{
    size_t bytes = 0;
    if (n < 0 || !ca_mul_size(&bytes, (size_t)n, size) ||
        !ca_add_size(&bytes, bytes, 15) || !ca_add_size(&bytes, bytes, total))
        return SIZE_MAX;
    return bytes;
}

int64_t ca_value_count(const CarinaValue *v)
{
    int64_t n = 0;
    return v && ca_shape_count(&v->shape, &n) ? n : 0;
}

int64_t ca_node_dim(const CarinaNode *node, int k, int i)
{
    const CaValue *v = k < node->n_inputs ? node->inputs[k].value : NULL;
    return v && i < v->shape.rank ? v->shape.dims[i] : 0;
}

size_t ca_reference_work(const CaNode *node)
{
    size_t total = CA_ARENA_OWN;
    if (node->op->run_in)
        return node->op->work ? node->op->work(node) : 0;
    total = ca_work_array(total, node->n_inputs + 1, sizeof(CaRefTensor));
    total = ca_work_array(total, node->n_outputs + 1, sizeof(CaRefTensor));
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i].value)
            total = ca_work_array(total, ca_value_count(node->inputs[i].value) + 1,
                                  sizeof(double));
    for (int i = 0; i < node->n_outputs; i++)
        total =
            ca_work_array(total, ca_value_count(&node->outputs[i]) + 1, sizeof(double));
    if (node->op->work && !ca_add_size(&total, total, node->op->work(node)))
        return SIZE_MAX;
    return total;
}

static CarinaStatus run_in(CaArena *arena, const CaNode *node,
                           CarinaTensor *const *outputs,
                           const CarinaTensor *const *inputs, CarinaError *err)
{
    const bool moves = (node->op->flags & CA_OP_MOVES) != 0;
    CarinaStatus status = CARINA_OK;
    CaRefTensor *in =
        arena ? ca_arena_array(arena, (size_t)node->n_inputs + 1, sizeof *in) : NULL;
    CaRefTensor *out =
        in ? ca_arena_array(arena, (size_t)node->n_outputs + 1, sizeof *out) : NULL;
    bool fits = out != NULL;
    for (int i = 0; fits && i < node->n_inputs; i++)
        if (inputs[i])
            fits = load(arena, &in[i], inputs[i]);
    for (int i = 0; fits && i < node->n_outputs; i++) {
        describe(&out[i], outputs[i]);
        const bool is_bytes = moves && carina_type_bits(out[i].type) >= 8;
        if (is_bytes)
            out[i].bytes = outputs[i]->data;
        else
            fits = room(arena, &out[i], false);
    }
    CaRefArgs args = {.node = node,
                      .attrs = node->attrs,
                      .n_in = node->n_inputs,
                      .n_out = node->n_outputs,
                      .in = in,
                      .out = out,
                      .arena = arena};
    if (!fits) {
        status = ca_err(err, CARINA_ERR_MEMORY,
                        "node '%s' (%s): out of memory for the reference", node->name,
                        node->op_name);
    } else {
        node->op->ref(&args);
        if (args.problem)
            status = ca_err(err, CARINA_ERR_ARGUMENT, "node '%s' (%s): %s", node->name,
                            node->op_name, args.problem);
        for (int i = 0; status == CARINA_OK && i < node->n_outputs; i++)
            if (out[i].real || out[i].whole)
                store(outputs[i], &out[i]);
    }
    return status;
}

static CarinaStatus computes(const CaNode *node, CarinaError *err)
{
    if (node->op->ref)
        return CARINA_OK;
    return ca_err(err, CARINA_ERR_UNSUPPORTED,
                  "node '%s' (%s): the operator computes nothing", node->name,
                  node->op_name);
}

static CarinaStatus run_in_own(const CaNode *node, CarinaTensor *const *outputs,
                               const CarinaTensor *const *inputs, CarinaError *err)
{
    const size_t size = ca_reference_work(node);
    void *work = size == SIZE_MAX ? NULL : ca_alloc(size);
    const CarinaStatus status =
        work ? node->op->run_in(node, outputs, inputs, work, size, err)
             : ca_err(err, CARINA_ERR_MEMORY,
                      "node '%s' (%s): out of memory for its work space", node->name,
                      node->op_name);
    ca_free(work);
    return status;
}

CarinaStatus ca_reference_node(const CaNode *node, CarinaTensor *const *outputs,
                               const CarinaTensor *const *inputs, CarinaError *err)
{
    if (node->op->run)
        return node->op->run(node, outputs, inputs, err);
    if (node->op->run_in)
        return run_in_own(node, outputs, inputs, err);
    CA_TRY(computes(node, err));
    CaArena *arena = ca_arena_create(0);
    const CarinaStatus status = run_in(arena, node, outputs, inputs, err);
    ca_arena_free(&arena);
    return status;
}

CarinaStatus ca_reference_node_in(const CaNode *node, CarinaTensor *const *outputs,
                                  const CarinaTensor *const *inputs, void *work,
                                  size_t work_size, CarinaError *err)
{
    if (node->op->run)
        return node->op->run(node, outputs, inputs, err);
    if (node->op->run_in)
        return node->op->run_in(node, outputs, inputs, work, work_size, err);
    CA_TRY(computes(node, err));
    return run_in(ca_arena_create_in(work, work_size), node, outputs, inputs, err);
}

CarinaStatus ca_reference_known(const CaNode *node, CarinaTensor **outputs,
                                CarinaError *err)
{
    const CarinaTensor *ins[CA_KNOWN_PORTS] = {NULL};
    CarinaStatus status = CARINA_OK;
    if (node->n_inputs > CA_KNOWN_PORTS)
        return ca_err(err, CARINA_ERR_LIMIT, "node '%s' (%s): more than %d inputs",
                      node->name, node->op_name, CA_KNOWN_PORTS);
    for (int i = 0; i < node->n_inputs; i++)
        ins[i] = node->inputs[i].value ? node->inputs[i].value->constant : NULL;
    for (int i = 0; i < node->n_outputs && status == CARINA_OK; i++)
        status = carina_tensor_create(&outputs[i], node->outputs[i].type,
                                      &node->outputs[i].shape, err);
    if (status == CARINA_OK && !ca_dequantize(node, outputs, ins))
        status = ca_reference_node(node, outputs, ins, err);
    for (int i = 0; i < node->n_outputs && status != CARINA_OK; i++)
        carina_tensor_free(&outputs[i]);
    return status;
}

/* One node of a run: tensors[] holds every value's tensor by node id. */
static CarinaStatus step(const CaNode *n, CarinaTensor ***tensors, CarinaError *err)
{
    const CarinaTensor *ins[256] = {NULL};
    if (n->n_inputs > 256)
        return ca_err(err, CARINA_ERR_LIMIT, "node '%s' (%s): more than 256 inputs",
                      n->name, n->op_name);
    for (int i = 0; i < n->n_inputs; i++) {
        const CaValue *v = n->inputs[i].value;
        ins[i] = v ? tensors[v->node->id][v->index] : NULL;
    }
    for (int i = 0; i < n->n_outputs; i++)
        CA_TRY(carina_tensor_create(&tensors[n->id][i], n->outputs[i].type,
                                    &n->outputs[i].shape, err));
    return ca_reference_node(n, tensors[n->id], ins, err);
}

static CarinaStatus run_nodes(const CaGraph *g, CarinaTensor ***tensors,
                              const CarinaTensor *const *inputs, CarinaError *err)
{
    int32_t next_input = 0;
    CA_EACH_NODE(n, g) {
        tensors[n->id] = ca_alloc((size_t)n->n_outputs * sizeof **tensors + 1);
        if (!tensors[n->id])
            return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the reference");
        if (ca_node_is(n, "Parameter")) {
            for (next_input = 0; next_input < g->n_inputs && g->inputs[next_input] != n;
                 next_input++)
                continue;
            CA_TRY(ca_tensor_share(&tensors[n->id][0], inputs[next_input], err));
        } else if (ca_node_is(n, "Const")) {
            CA_TRY(ca_tensor_share(&tensors[n->id][0], n->outputs[0].constant, err));
        } else if (!ca_node_is(n, "Result")) {
            CA_TRY(step(n, tensors, err));
        }
    }
    return CARINA_OK;
}

CarinaStatus ca_reference_run(const CaGraph *g, CarinaTensor **outputs,
                              const CarinaTensor *const *inputs, CarinaError *err)
{
    CarinaTensor ***tensors = ca_alloc((size_t)g->own->next_id * sizeof *tensors + 1);
    CarinaStatus status =
        tensors ? run_nodes(g, tensors, inputs, err)
                : ca_err(err, CARINA_ERR_MEMORY, "out of memory for the reference");
    for (int32_t i = 0; i < g->n_outputs; i++) {
        const CaValue *v = g->outputs[i]->inputs[0].value;
        outputs[i] = NULL;
        if (status == CARINA_OK)
            status = ca_tensor_share(&outputs[i], tensors[v->node->id][v->index], err);
    }
    if (tensors)
        CA_EACH_NODE(n, g) {
            for (int i = 0; tensors[n->id] && i < n->n_outputs; i++)
                carina_tensor_free(&tensors[n->id][i]);
            ca_free(tensors[n->id]);
        }
    ca_free(tensors);
    return status;
}

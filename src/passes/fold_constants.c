/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold-constants: a node of constants becomes the constant that its definition gives, and the ShapeOf of a static
 * shape too.
 *
 * Stored forms of weights stay as they are: Convert of float16 or of quantized integers to float, of a bias that the
 * TFLite reader marks, FakeQuantize of weights, and what is computed from these. A result that is more than 1 MiB larger than its inputs is not stored.
 */
#include "passes/rewrite.h"

enum { MAX_PORTS = CA_KNOWN_PORTS, MAX_GROWTH = 1 << 20 };
#define MAX_WORK (INT64_C(1) << 30)

/* Is the node how weights are stored small? */
static bool is_stored_form(const CaNode *n)
{
    const CaValue *from = ca_node_input(n, 0);
    if (ca_node_is(n, "FakeQuantize"))
        return true;
    if (!ca_node_is(n, "Convert") || !from || !ca_type_is_real(n->outputs[0].type))
        return false;
    if (ca_info_find(n->info, "user_data.quantization"))
        return true; /* a bias that floats do not hold */
    return carina_type_bits(from->type) < carina_type_bits(n->outputs[0].type) &&
           from->type != CARINA_BOOL && from->type != CARINA_I32;
}

static bool add_tensor(size_t *bytes, int64_t *most, CarinaType type,
                       const CarinaShape *shape)
{
    int64_t n = 0;
    size_t size = 0;
    if (type == CARINA_UNKNOWN || !ca_shape_count(shape, &n) ||
        !ca_type_size(type, n, &size))
        return false;
    *most = n > *most ? n : *most;
    return ca_add_size(bytes, *bytes, size);
}

static bool can_fold(const CaNode *n)
{
    size_t in = 0, out = 0;
    int64_t most_in = 1, most_out = 1;
    if (!ca_op_folds(n->op) || n->n_inputs < 1 || n->n_inputs > MAX_PORTS ||
        n->n_outputs > MAX_PORTS || is_stored_form(n))
        return false;
    for (int i = 0; i < n->n_outputs; i++)
        if (!add_tensor(&out, &most_out, n->outputs[i].type, &n->outputs[i].shape))
            return false;
    if (ca_node_is(n, "ShapeOf"))
        return n->outputs[0].constant != NULL;
    for (int i = 0; i < n->n_inputs; i++) {
        const CaValue *v = ca_node_input(n, i);
        if (v && (!ca_node_is(v->node, "Const") || !v->constant ||
                  !add_tensor(&in, &most_in, v->type, &v->shape)))
            return false;
    }
    if (out > in && out - in > MAX_GROWTH)
        return false;
    return (n->op->flags & (CA_OP_ELEMENTWISE | CA_OP_MOVES)) ||
           most_in <= MAX_WORK / most_out;
}

/* The definition's answer; false where it refuses the data (the node then stays and says so when it runs). */
static bool compute(const CaNode *n, CarinaTensor *outs[MAX_PORTS])
{
    if (ca_node_is(n, "ShapeOf"))
        return ca_tensor_share(&outs[0], n->outputs[0].constant, NULL) == CARINA_OK;
    return ca_reference_known(n, outs, NULL) == CARINA_OK;
}

static CarinaStatus fold(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    CarinaTensor *outs[MAX_PORTS] = {NULL};
    CarinaStatus status = CARINA_OK;
    if (!compute(n, outs))
        return CARINA_OK;
    for (int i = 0; i < n->n_outputs; i++) {
        CaValue *c = NULL;
        const char *name =
            i ? ca_arena_printf(ca_graph_arena(g), "%s/out%d", n->name, i) : n->name;
        if (status != CARINA_OK || !n->outputs[i].uses) {
            carina_tensor_free(&outs[i]);
            continue;
        }
        status = ca_graph_constant(&c, g, n, name, outs[i], err);
        if (status == CARINA_OK)
            ca_rewrite_overtake(&n->outputs[i], c);
    }
    CA_TRY(status);
    ca_rewrite_drop(g, n);
    ++*n_changes;
    return CARINA_OK;
}

static bool is_read(const CaNode *n)
{
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i].uses)
            return true;
    return false;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if (is_read(n) && can_fold(n))
        CA_TRY(fold(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_fold_constants = {
    .name = "fold-constants",
    .summary = "computes what depends on constants only",
    .run = run,
};

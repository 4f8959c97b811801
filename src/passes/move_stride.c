/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move-stride: where all readers of a value are 1x1 convolutions that skip, say, every second row and column, the value
 * is made without what they skip, and they skip nothing. The stride moves up through pointwise operators to the
 * convolutions that feed them; what else comes in, as a shortcut, is thinned out by a MaxPool of one element.
 *
 * Exact: every number that is left is computed as before. Spatial dimensions must be known.
 */
#include "passes/rewrite.h"

#include <string.h>

enum { MAX_DEPTH = 8 };

static bool is_convolution(const CaNode *n)
{
    return ca_node_is(n, "Convolution") || ca_node_is(n, "GroupConvolution");
}

static bool all_are(CarinaInts list, int64_t v)
{
    for (int i = 0; i < list.n; i++)
        if (list.v[i] != v)
            return false;
    return true;
}

/* Padding that does not depend on the stride. */
static bool has_fixed_padding(const CaNode *n)
{
    const char *mode = carina_node_enum(n, "auto_pad");
    return strcmp(mode, "explicit") == 0 || strcmp(mode, "valid") == 0;
}

/* A convolution that reads one place for each output, and not all of them. */
static bool skips(const CaNode *n)
{
    const CaValue *w = is_convolution(n) ? ca_node_input(n, 1) : NULL;
    const CarinaInts strides = carina_node_ints(n, "strides");
    const bool is_valid = strcmp(carina_node_enum(n, "auto_pad"), "valid") == 0;
    if (!w || !ca_shape_is_static(&w->shape) || !has_fixed_padding(n) || strides.n < 1 ||
        strides.n > CARINA_MAX_RANK - 2 || all_are(strides, 1) ||
        (!is_valid && (!all_are(carina_node_ints(n, "pads_begin"), 0) ||
                       !all_are(carina_node_ints(n, "pads_end"), 0))))
        return false;
    for (int i = 0; i < strides.n; i++)
        if (w->shape.dims[w->shape.rank - 1 - i] != 1)
            return false;
    return true;
}

/* The strides that all readers of v have; false if there is a reader of another kind. */
static bool common_strides(const CaValue *v, CarinaInts *strides)
{
    *strides = (CarinaInts){0};
    for (const CaUse *u = v->uses; u; u = u->next) {
        const CarinaInts s = carina_node_ints(u->node, "strides");
        if (u->index != 0 || !skips(u->node) || (strides->n && strides->n != s.n))
            return false;
        for (int i = 0; strides->n && i < s.n; i++)
            if (s.v[i] != strides->v[i])
                return false;
        *strides = s;
    }
    return strides->n > 0 && v->shape.rank == strides->n + 2;
}

/* Along the spatial axes: as long as y, or of one element (*is_one)? */
static bool is_spatial(const CaValue *v, const CaValue *y, bool *is_one)
{
    const int shift = y->shape.rank - v->shape.rank;
    int n_ones = 0, n_same = 0;
    for (int d = 2; d < y->shape.rank && v->shape.rank >= 0; d++) {
        const int64_t dim = d < shift ? 1 : v->shape.dims[d - shift];
        n_ones += dim == 1;
        n_same += dim == y->shape.dims[d] && dim >= 0;
    }
    *is_one = n_ones == y->shape.rank - 2;
    return v->shape.rank >= 0 && (*is_one || n_same == y->shape.rank - 2);
}

/* Would one element for each output do? *n_gains: convolutions that then compute less. */
static bool can_thin(const CaValue *v, bool is_root, int depth, int *n_gains)
{
    const CaNode *n = v->node;
    const bool is_own = is_root || ca_pass_only_reader(n);
    if (is_own && is_convolution(n) && has_fixed_padding(n)) {
        ++*n_gains;
        return true;
    }
    if (depth == MAX_DEPTH || !is_own || !(n->op->flags & CA_OP_ELEMENTWISE) ||
        n->n_outputs != 1 || !ca_rewrite_is_numpy(n))
        return !is_root && n->n_outputs >= 1 && ca_type_is_real(v->type);
    for (int i = 0; i < n->n_inputs; i++) {
        const CaValue *x = ca_node_input(n, i);
        bool is_one = false;
        if (!x || !is_spatial(x, v, &is_one) ||
            (!is_one && (x->shape.rank != v->shape.rank || ca_rewrite_constant(x) ||
                         !can_thin(x, false, depth + 1, n_gains))))
            return false;
    }
    return true;
}

static CarinaStatus set_strides(CaGraph *g, CaNode *n, CarinaInts by, bool to_one,
                                CarinaError *err)
{
    int64_t v[CARINA_MAX_RANK];
    const CarinaInts now = carina_node_ints(n, "strides");
    for (int i = 0; i < by.n; i++)
        v[i] = to_one ? 1 : by.v[i] * (i < now.n ? now.v[i] : 1);
    CA_TRY(ca_node_set_ints(g, n, "strides", v, by.n, err));
    return ca_node_infer(g, n, err);
}

/* Every strides-th element of v, for the reader. */
static CarinaStatus pool(CaGraph *g, CaNode *reader, int input, CarinaInts strides,
                         CarinaError *err)
{
    static const int64_t ones[CARINA_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
    static const int64_t zeros[CARINA_MAX_RANK];
    CaValue *x = ca_node_input(reader, input);
    CaNode *n = NULL;
    CA_TRY(ca_graph_add(&n, g, reader, "MaxPool", 1, NULL, &x, 1, 1, err));
    CA_TRY(ca_node_set_ints(g, n, "kernel", ones, strides.n, err));
    CA_TRY(ca_node_set_ints(g, n, "strides", strides.v, strides.n, err));
    CA_TRY(ca_node_set_ints(g, n, "pads_begin", zeros, strides.n, err));
    CA_TRY(ca_node_set_ints(g, n, "pads_end", zeros, strides.n, err));
    CA_TRY(ca_node_infer(g, n, err));
    ca_node_set_input(reader, input, &n->outputs[0]);
    return CARINA_OK;
}

static CarinaStatus thin(CaGraph *g, CaNode *n, CarinaInts strides, int depth,
                         CarinaError *err)
{
    if (is_convolution(n))
        return set_strides(g, n, strides, false, err);
    const CaValue y = n->outputs[0];
    for (int i = 0; i < n->n_inputs; i++) {
        CaValue *x = ca_node_input(n, i);
        bool is_one = false;
        int n_gains = 0;
        if (!is_spatial(x, &y, &is_one) || is_one)
            continue;
        const bool is_own = ca_pass_only_reader(x->node) != NULL;
        const bool goes_on =
            is_own && can_thin(x, true, depth + 1, &n_gains) && depth + 1 < MAX_DEPTH;
        CA_TRY(goes_on ? thin(g, x->node, strides, depth + 1, err)
                       : pool(g, n, i, strides, err));
    }
    return ca_node_infer(g, n, err);
}

static CarinaStatus move(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    CarinaInts given;
    int n_gains = 0;
    if (n->n_outputs != 1 || !n->outputs[0].uses ||
        !common_strides(&n->outputs[0], &given) ||
        !can_thin(&n->outputs[0], true, 0, &n_gains) || n_gains == 0)
        return CARINA_OK;
    int64_t v[CARINA_MAX_RANK];
    memcpy(v, given.v, (size_t)given.n * sizeof *v);
    const CarinaInts strides = {given.n, v};
    CA_TRY(thin(g, n, strides, 0, err));
    for (const CaUse *u = n->outputs[0].uses; u; u = u->next)
        CA_TRY(set_strides(g, u->node, strides, true, err));
    ++*n_changes;
    return CARINA_OK;
}

/* From the end, so that a stride that reached a 1x1 convolution moves on. */
static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    for (CaNode *n = g->last; n; n = n->prev)
        CA_TRY(move(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_move_stride = {
    .name = "move-stride",
    .summary = "moves the stride of 1x1 convolutions up to where less is then computed",
    .run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold-batch-norm: BatchNormInference with constant statistics becomes Multiply and Add per channel,
 *   scale = gamma / sqrt(variance + epsilon), shift = beta - mean * scale,
 * which fuse-linear takes into a convolution.
 */
#include "passes/rewrite.h"

#include <math.h>

enum { GAMMA, BETA, MEAN, VARIANCE, N_STATS };

/* scale and shift into v[GAMMA] and v[BETA]. */
static void combine(double *const v[N_STATS], int64_t n, double epsilon)
{
    for (int64_t c = 0; c < n; c++) {
        v[GAMMA][c] /= sqrt(v[VARIANCE][c] + epsilon);
        v[BETA][c] -= v[MEAN][c] * v[GAMMA][c];
    }
}

static CarinaStatus replace(CaGraph *g, CaNode *n, CaValue *x, const double *scale,
                            const double *shift, int64_t channels, CarinaError *err)
{
    CarinaShape s = {.rank = x->shape.rank};
    CaValue *c[2] = {NULL, NULL};
    CaNode *multiply = NULL, *add = NULL;
    CaArena *arena = ca_graph_arena(g);
    for (int d = 0; d < s.rank; d++)
        s.dims[d] = d == 1 ? channels : 1;
    CA_TRY(ca_graph_reals(&c[0], g, n, ca_arena_printf(arena, "%s/scale", n->name),
                          x->type, &s, scale, channels, err));
    CA_TRY(ca_graph_reals(&c[1], g, n, ca_arena_printf(arena, "%s/shift", n->name),
                          x->type, &s, shift, channels, err));
    CA_TRY(ca_rewrite_add(&multiply, g, n, "Multiply",
                          ca_arena_printf(arena, "%s/multiply", n->name),
                          (CaValue *[]){x, c[0]}, 2, err));
    CA_TRY(ca_rewrite_add(&add, g, n, "Add", n->name,
                          (CaValue *[]){&multiply->outputs[0], c[1]}, 2, err));
    add->info = n->info;
    return ca_rewrite_same(g, &n->outputs[0], &add->outputs[0], err);
}

static CarinaStatus fold(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    static const int places[2][N_STATS] = {{0, 1, 3, 4}, {1, 2, 3, 4}};
    const int is_new = n->opset >= 5;
    CaValue *x = ca_node_input(n, is_new ? 0 : 2);
    double *v[N_STATS] = {NULL};
    CarinaStatus status = CARINA_OK;
    int64_t channels = -1;
    bool fits = x && x->shape.rank >= 2 && ca_type_is_real(x->type);
    for (int i = 0; fits && i < N_STATS; i++) {
        const CaValue *in = ca_node_input(n, places[is_new][i]);
        const CarinaTensor *t = in ? ca_rewrite_constant(in) : NULL;
        v[i] = t ? ca_rewrite_reals(in) : NULL;
        fits = v[i] && (channels < 0 || channels == ca_tensor_count(t));
        channels = fits ? ca_tensor_count(t) : channels;
    }
    if (fits) {
        combine(v, channels, carina_node_float(n, "epsilon", 0));
        fits = ca_rewrite_fits(x->type, v[GAMMA], channels) &&
               ca_rewrite_fits(x->type, v[BETA], channels);
    }
    if (fits) {
        status = replace(g, n, x, v[GAMMA], v[BETA], channels, err);
        ++*n_changes;
    }
    for (int i = 0; i < N_STATS; i++)
        ca_free(v[i]);
    CA_TRY(status);
    if (fits)
        ca_rewrite_drop(g, n);
    return CARINA_OK;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if (ca_node_is(n, "BatchNormInference"))
        CA_TRY(fold(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_fold_batch_norm = {
    .name = "fold-batch-norm",
    .summary = "makes batch normalisation a multiplication and an addition",
    .run = run,
};

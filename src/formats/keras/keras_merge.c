/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: layers that merge several inputs, and matrix products.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

/* --- Merging. */

/* Inputs of fewer dimensions get ones behind the batch. */
static CaValue *widened(CaKerasCall *c, CaValue *v, int rank)
{
    const int has = ca_build_rank(c->b, v);
    return has < rank && has > 0
               ? ca_build_2(c->b, "Unsqueeze", v, ca_build_iota(c->b, 1, rank - has))
               : v;
}

/* A step counts where it counts in all inputs that have a mask (Keras 2), or in any, all having one (Keras 3). */
static CaValue *mask_of_all(CaKerasCall *c)
{
    const bool is_new = c->r->version >= 3;
    CaValue *all = NULL;
    for (int i = 0; i < c->n_in; i++) {
        CaValue *mask = ca_keras_mask(c, i);
        if (is_new && !mask)
            return NULL;
        all = ca_keras_both_masks(c, all, mask, is_new);
    }
    return all;
}

/* Keras 3's maximum and minimum: where a step of one does not count, the other's goes. */
static CaValue *chosen(CaKerasCall *c)
{
    CaValue *v = ca_keras_in(c, 0), *v_mask = ca_keras_mask(c, 0);
    for (int i = 1; i < c->n_in; i++) {
        CaValue *x = c->in[i], *mask = ca_keras_mask(c, i);
        if (mask)
            x = ca_keras_where(c, mask, 1, x, v);
        if (v_mask)
            v = ca_keras_where(c, v_mask, 1, v, x);
        v_mask = mask && v_mask ? ca_keras_both_masks(c, v_mask, mask, true) : NULL;
        v = ca_build_2(c->b, c->layer->op->ours, v, x);
    }
    return v;
}

/* Keras 3's product: steps that do not count are 1, and 0 where none does. */
static CaValue *multiplied(CaKerasCall *c)
{
    CaValue *v = NULL, *all = mask_of_all(c);
    for (int i = 0; i < c->n_in; i++) {
        CaValue *x = c->in[i], *mask = ca_keras_mask(c, i);
        if (mask)
            x = ca_keras_where(c, mask, 1, x, ca_build_number(c->b, x, 1));
        v = v ? ca_build_2(c->b, "Multiply", v, x) : x;
    }
    return all ? ca_keras_where(c, all, 1, v, ca_build_number(c->b, v, 0)) : v;
}

/* The result that differs from plain merging; NULL where it does not. */
static CaValue *merged_by_mask(CaKerasCall *c)
{
    bool is_masked = false;
    for (int i = 0; i < c->n_in; i++)
        is_masked = is_masked || ca_keras_mask(c, i);
    if (!is_masked || c->r->version < 3 || strcmp(c->layer->op->ours, "Add") == 0)
        return NULL;
    return strcmp(c->layer->op->ours, "Multiply") == 0 ? multiplied(c) : chosen(c);
}

static void merge(CaKerasCall *c)
{
    const bool is_average = strcmp(c->layer->class_name, "Average") == 0;
    int rank = 0;
    CaValue *v = merged_by_mask(c);
    if (v) {
        ca_keras_out(c, v);
        ca_keras_give_mask(c, 0, mask_of_all(c));
        return;
    }
    for (int i = 0; i < c->n_in; i++) {
        const int has = ca_build_rank(c->b, c->in[i]);
        rank = has > rank ? has : rank;
    }
    for (int i = 0; i < c->n_in; i++) {
        CaValue *x = widened(c, ca_keras_in(c, i), rank);
        v = v ? ca_build_2(c->b, c->layer->op->ours, v, x) : x;
    }
    if (is_average)
        v = ca_build_times(c->b, v, 1.0 / (c->n_in ? c->n_in : 1));
    ca_keras_out(c, v);
    ca_keras_give_mask(c, 0, mask_of_all(c));
}

static void subtract(CaKerasCall *c)
{
    CaValue *a = ca_keras_in(c, 0), *b = ca_keras_in(c, 1);
    const int p = ca_build_rank(c->b, a), q = ca_build_rank(c->b, b);
    ca_keras_out(c, ca_build_2(c->b, "Subtract", widened(c, a, q), widened(c, b, p)));
    ca_keras_give_mask(c, 0, mask_of_all(c));
}

/* keras.applications' InceptionResNetV2 has this one of its own: x + scale * y. */
static void scaled_sum(CaKerasCall *c)
{
    CaValue *y = ca_build_times(c->b, ca_keras_in(c, 1), ca_keras_real(c, "scale", 1));
    ca_keras_out(c, ca_build_2(c->b, "Add", ca_keras_in(c, 0), y));
}

/* Along the features a step counts as in other merges, along the steps the masks follow each other. An input without
 * a mask counts everywhere. */
static CaValue *joined_mask(CaKerasCall *c, int axis, int rank)
{
    const bool is_new = c->r->version >= 3, is_last = axis == rank - 1;
    CaValue **part = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof *part);
    CaValue *all = NULL;
    bool is_masked = false;
    for (int i = 0; part && i < c->n_in; i++) {
        part[i] = ca_keras_mask(c, i);
        is_masked = is_masked || part[i];
        if (is_last && is_new && !part[i])
            return NULL;
        all = is_last ? ca_keras_both_masks(c, all, part[i], is_new) : NULL;
    }
    if (!part || !is_masked || is_last)
        return all;
    for (int i = 0; i < c->n_in; i++)
        if (!part[i] || axis != 1 || rank != 3 || ca_build_rank(c->b, part[i]) != 2) {
            ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                          "inputs of which only some carry a mask, or masks of images, "
                          "joined along axis %d; mask behind it",
                          axis);
            return NULL;
        }
    all = ca_build_make(c->b, "Concat", part, c->n_in, 1);
    ca_build_set_int(c->b, all, "axis", axis);
    return all;
}

static void concatenate(CaKerasCall *c)
{
    const int rank = ca_build_rank(c->b, ca_keras_in(c, 0));
    const int axis = ca_build_axis(c->b, ca_keras_int(c, "axis", -1), rank);
    CaValue *v = ca_build_make(c->b, "Concat", c->in, c->n_in, 1);
    ca_build_set_int(c->b, v, "axis", axis);
    ca_keras_out(c, v);
    ca_keras_give_mask(c, 0, joined_mask(c, axis, rank));
}

/* --- Dot. */

static CaValue *unit(CaKerasCall *c, CaValue *v, int64_t axis)
{
    CaValue *sum = ca_build_2(c->b, "ReduceSum", ca_build_2(c->b, "Multiply", v, v),
                              ca_build_vector(c->b, &axis, 1));
    ca_build_set_text(c->b, sum, "keep_dims", "true");
    sum = ca_build_2(c->b, "Maximum", sum, ca_build_number(c->b, v, 1e-12));
    return ca_build_2(c->b, "Divide", v, ca_build_1(c->b, "Sqrt", sum));
}

/* "abc,adb->acd" for axes 1 and 2: the batch stays, the axes are summed. */
static const char *dot_equation(CaKerasCall *c, const int rank[2], const int axis[2])
{
    char text[64], free_of[2][CARINA_MAX_RANK + 1];
    int letter = 'b', n = 0;
    for (int k = 0; k < 2; k++) {
        int f = 0;
        text[n++] = 'a';
        for (int i = 1; i < rank[k]; i++) {
            text[n++] = i == axis[k] ? 'z' : (char)letter;
            if (i != axis[k])
                free_of[k][f++] = (char)letter++;
        }
        free_of[k][f] = 0;
        if (k == 0)
            text[n++] = ',';
    }
    text[n] = 0;
    return ca_arena_printf(c->b->work, "%s->a%s%s", text, free_of[0], free_of[1]);
}

static void dot(CaKerasCall *c)
{
    CaValue *x[] = {ca_keras_real_in(c, 0), ca_keras_real_in(c, 1)};
    const int rank[] = {ca_build_rank(c->b, x[0]), ca_build_rank(c->b, x[1])};
    int64_t list[2] = {0};
    int axis[2];
    ca_keras_ints(c, list, 2, "axes", -1);
    for (int k = 0; k < 2; k++) {
        axis[k] = ca_build_axis(c->b, list[k], rank[k]);
        if (c->b->status == CARINA_OK && (axis[k] < 1 || rank[k] > 6))
            ca_build_fail(c->b, CARINA_ERR_SHAPE, "a product over the batch");
        if (ca_keras_bool(c, "normalize", false))
            x[k] = unit(c, x[k], axis[k]);
    }
    if (c->b->status != CARINA_OK)
        return;
    CaValue *v;
    if (rank[0] == 2 && rank[1] == 2) {
        v = ca_build_2(c->b, "ReduceSum", ca_build_2(c->b, "Multiply", x[0], x[1]),
                       ca_build_iota(c->b, 1, 1));
        ca_build_set_text(c->b, v, "keep_dims", "true");
    } else if (rank[0] == 3 && rank[1] == 3) {
        v = ca_build_2(c->b, "MatMul", x[0], x[1]);
        ca_build_set_text(c->b, v, "transpose_a", axis[0] == 1 ? "true" : "false");
        ca_build_set_text(c->b, v, "transpose_b", axis[1] == 2 ? "true" : "false");
    } else {
        const char *equation = dot_equation(c, rank, axis);
        v = ca_build_2(c->b, "Einsum", x[0], x[1]);
        ca_build_set_text(c->b, v, "equation", equation ? equation : "");
    }
    ca_keras_out(c, v);
}

/* --- Products with weights. */

static void dense(CaKerasCall *c)
{
    const int64_t units = ca_keras_int(c, "units", ca_keras_int(c, "output_dim", -1));
    CaValue *x = ca_keras_real_in(c, 0);
    const CarinaShape s = ca_build_shape(c->b, x);
    const int64_t dims[] = {s.rank > 0 ? s.dims[s.rank - 1] : -1, units};
    CaValue *kernel = ca_keras_weight(c, 0, "kernel", dims, 2, NULL);
    CaValue *v = ca_build_2(c->b, "MatMul", x, kernel);
    ca_build_set_text(c->b, v, "transpose_a", "false");
    ca_build_set_text(c->b, v, "transpose_b", "false");
    if (ca_keras_bool(c, "use_bias", true))
        v = ca_build_2(c->b, "Add", v, ca_keras_weight(c, 1, "bias", &units, 1, NULL));
    ca_keras_out(c, ca_keras_activation(c, v));
}

/* Letters of the kernel that the output shares are its free ones, and come last there as a rule: then it is one matrix
 * product over the last axes of x. */
static CaValue *einsum_product(CaKerasCall *c, CaValue *x, CaValue *kernel,
                               const char *equation)
{
    const char *comma = strchr(equation, ','), *arrow = strstr(equation, "->");
    const int rank = ca_build_rank(c->b, kernel), x_rank = ca_build_rank(c->b, x);
    const CarinaShape ks = ca_build_shape(c->b, kernel), xs = ca_build_shape(c->b, x);
    if (!comma || !arrow || comma > arrow || c->b->status != CARINA_OK)
        return NULL;
    const char *k = comma + 1, *out = arrow + 2;
    const int n_k = (int)(arrow - k), n_x = (int)(comma - equation),
              n_out = (int)strlen(out);
    int summed = 0;
    while (summed < n_k && !memchr(out, k[summed], (size_t)n_out))
        summed++;
    const int n_free = n_k - summed, n_lead = n_x - summed;
    const bool is_plain = !strchr(equation, '.') && !strchr(equation, ' ') &&
                          n_k == rank && n_x == x_rank && summed > 0 && n_free > 0 &&
                          n_lead > 0 && n_out == n_lead + n_free &&
                          memcmp(equation + n_lead, k, (size_t)summed) == 0 &&
                          memcmp(out, equation, (size_t)n_lead) == 0 &&
                          memcmp(out + n_lead, k + summed, (size_t)n_free) == 0;
    if (!is_plain || !ca_shape_is_static(&ks))
        return NULL;
    int64_t flat[2] = {ca_shape_product(&ks, 0, summed),
                       ca_shape_product(&ks, summed, rank)},
            rows[CARINA_MAX_RANK], back[CARINA_MAX_RANK];
    for (int i = 0; i < n_lead; i++) {
        rows[i] = i == 0 ? 0 : xs.dims[i];
        back[i] = i == 0 ? 0 : xs.dims[i];
        if (i > 0 && xs.dims[i] < 0)
            return NULL;
    }
    rows[n_lead] = flat[0];
    for (int i = 0; i < n_free; i++)
        back[n_lead + i] = ks.dims[summed + i];
    if (summed > 1)
        x = ca_build_reshape_0(c->b, x, rows, n_lead + 1);
    CaValue *v = ca_build_2(c->b, "MatMul", x, ca_build_reshape(c->b, kernel, flat, 2));
    return n_free > 1 ? ca_build_reshape_0(c->b, v, back, n_lead + n_free) : v;
}

static CaValue *einsum_dense_of(CaKerasCall *c, CaValue *x, CaValue *kernel,
                                const char *equation)
{
    CaValue *v = einsum_product(c, x, kernel, equation);
    if (v || c->b->status != CARINA_OK)
        return v;
    v = ca_build_2(c->b, "Einsum", x, kernel);
    ca_build_set_text(c->b, v, "equation", equation);
    return v;
}

static void einsum_dense(CaKerasCall *c)
{
    const char *equation = ca_keras_text(c, "equation", "");
    const char *bias_axes = ca_keras_text(c, "bias_axes", "");
    const char *comma = strchr(equation, ','), *arrow = strstr(equation, "->");
    int64_t any[CARINA_MAX_RANK];
    const int rank = comma && arrow && arrow > comma ? (int)(arrow - comma) - 1 : 0;
    if (rank < 1 || rank > CARINA_MAX_RANK || strlen(bias_axes) > CARINA_MAX_RANK) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "equation '%s' has no two terms",
                      equation);
        return;
    }
    for (int i = 0; i < CARINA_MAX_RANK; i++)
        any[i] = -1;
    CaValue *kernel = ca_keras_weight(c, 0, "kernel", any, rank, NULL);
    CaValue *v = einsum_dense_of(c, ca_keras_real_in(c, 0), kernel, equation);
    if (bias_axes[0]) /* stored with ones where it is to spread */
        v = ca_build_2(c->b, "Add", v, ca_keras_weight(c, 1, "bias", any, -1, NULL));
    ca_keras_out(c, ca_keras_activation(c, v));
}

static CaValue *rows_of(CaKerasCall *c, CaValue *table, CaValue *ids)
{
    if (ca_build_type(c->b, ids) != CARINA_I64)
        ids = ca_build_convert(c->b, ids, CARINA_I32);
    return ca_build_3(c->b, "Gather", table, ids, ca_build_scalar(c->b, 0));
}

static void embedding(CaKerasCall *c)
{
    const int64_t dims[] = {ca_keras_int(c, "input_dim", -1),
                            ca_keras_int(c, "output_dim", -1)};
    CaValue *table = ca_keras_weight(c, 0, "embeddings", dims, 2, NULL);
    if (json_is_true(json_object_get(c->kwargs, "reverse"))) {
        CaValue *v = ca_build_2(c->b, "MatMul", ca_keras_real_in(c, 0), table);
        ca_build_set_text(c->b, v, "transpose_b", "true");
        ca_keras_out(c, v);
        return;
    }
    CaValue *ids = ca_keras_in(c, 0);
    ca_keras_out(c, rows_of(c, table, ids));
    if (ca_keras_bool(c, "mask_zero", false))
        ca_keras_give_mask(
            c, 0, ca_build_2(c->b, "NotEqual", ids, ca_build_number(c->b, ids, 0)));
}

const CaKerasOp ca_keras_merge[] = {
    {"Add", merge, "Add", 0, CA_KERAS_USES},
    {"Average", merge, "Add", 0, CA_KERAS_USES},
    {"Concatenate", concatenate, NULL, 0, CA_KERAS_USES},
    {"CustomScaleLayer", scaled_sum, NULL, 0, CA_KERAS_STOPS},
    {"Dense", dense, NULL, 0, CA_KERAS_PASSES},
    {"Dot", dot, NULL, 0, CA_KERAS_STOPS},
    {"EinsumDense", einsum_dense, NULL, 0, CA_KERAS_STOPS},
    {"Embedding", embedding, NULL, 0, CA_KERAS_USES},
    {"ReversibleEmbedding", embedding, NULL, 0, CA_KERAS_USES},
    {"Maximum", merge, "Maximum", 0, CA_KERAS_USES},
    {"Minimum", merge, "Minimum", 0, CA_KERAS_USES},
    {"Multiply", merge, "Multiply", 0, CA_KERAS_USES},
    {"Subtract", subtract, NULL, 0, CA_KERAS_USES},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};

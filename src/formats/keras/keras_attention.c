/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: attention, written as matrix products and a softmax.
 */
#include "formats/keras/keras_reader.h"

#include <math.h>
#include <string.h>

static CaValue *product(CaKerasCall *c, CaValue *a, CaValue *b, bool turn_b)
{
    CaValue *v = ca_build_2(c->b, "MatMul", a, b);
    ca_build_set_text(c->b, v, "transpose_a", "false");
    ca_build_set_text(c->b, v, "transpose_b", turn_b ? "true" : "false");
    return v;
}

static CaValue *softmax_last(CaKerasCall *c, CaValue *v)
{
    const int rank = ca_build_rank(c->b, v);
    v = ca_build_1(c->b, "Softmax", v);
    ca_build_set_int(c->b, v, "axis", rank - 1);
    return v;
}

static bool flag(CaKerasCall *c, const char *key)
{
    return json_is_true(json_object_get(c->kwargs, key)) || ca_keras_bool(c, key, false);
}

/* What lies ahead of scores [.., T, S], as numbers to add: 0 or far below all. NULL where the size is not known. */
static CaValue *ahead(CaKerasCall *c, CaValue *scores)
{
    const CarinaShape s = ca_build_shape(c->b, scores);
    const int64_t rows = s.rank >= 2 ? s.dims[s.rank - 2] : -1,
                  columns = s.rank >= 2 ? s.dims[s.rank - 1] : -1;
    if (rows < 1 || columns < 1 || rows > 8192 || columns > 8192) {
        ca_build_fail(
            c->b, CARINA_ERR_SHAPE,
            "a causal mask, but the number of steps is not known or above 8192; give "
            "the model's input shape");
        return NULL;
    }
    const int64_t dims[] = {rows, columns};
    const CarinaShape shape = ca_shape(2, dims);
    double *mask = ca_arena_array(c->b->work, (size_t)(rows * columns), sizeof *mask);
    if (!mask) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i + 1; j < columns; j++)
            mask[i * columns + j] = -1e30;
    return ca_build_reals(c->b, &shape, mask);
}

/* Scores with what lies ahead pushed out of the softmax. */
static CaValue *causal(CaKerasCall *c, CaValue *scores)
{
    CaValue *mask = ahead(c, scores);
    return mask ? ca_build_2(c->b, "Add", scores, mask) : NULL;
}

/* --- Attention and AdditiveAttention: inputs query, value, key (the value where absent). */

static CaValue *dot_scores(CaKerasCall *c, CaValue *q, CaValue *k)
{
    const char *mode = ca_keras_text(c, "score_mode", "dot");
    const bool is_dot = strcmp(mode, "dot") == 0,
               is_scaled = ca_keras_bool(c, "use_scale", false);
    const CaKerasScope *own = &c->layer->scope;
    CaValue *scale =
        is_scaled ? ca_keras_weight_at(c, own, 0, "scale", 0, NULL, 0, NULL) : NULL;
    if (is_dot) {
        CaValue *v = product(c, q, k, true);
        return scale ? ca_build_2(c->b, "Multiply", v, scale) : v;
    }
    const int64_t second = 2, first = 1, last = -1;
    CaValue *sum = ca_build_2(
        c->b, "Add", ca_build_2(c->b, "Unsqueeze", q, ca_build_vector(c->b, &second, 1)),
        ca_build_2(c->b, "Unsqueeze", k, ca_build_vector(c->b, &first, 1)));
    CaValue *weight =
        ca_keras_weight_at(c, own, is_scaled, "concat_score_weight", 0, NULL, 0, NULL);
    if (scale)
        sum = ca_build_2(c->b, "Multiply", sum, scale);
    CaValue *v = ca_build_2(c->b, "ReduceSum", ca_build_1(c->b, "Tanh", sum),
                            ca_build_vector(c->b, &last, 1));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    return ca_build_2(c->b, "Multiply", v, weight);
}

static CaValue *additive_scores(CaKerasCall *c, CaValue *q, CaValue *k)
{
    const int64_t second = 2, first = 1, last = -1, any = -1;
    CaValue *sum = ca_build_2(
        c->b, "Add", ca_build_2(c->b, "Unsqueeze", q, ca_build_vector(c->b, &second, 1)),
        ca_build_2(c->b, "Unsqueeze", k, ca_build_vector(c->b, &first, 1)));
    CaValue *v = ca_build_1(c->b, "Tanh", sum);
    if (ca_keras_bool(c, "use_scale", true))
        v = ca_build_2(c->b, "Multiply", v,
                       ca_keras_weight(c, 0, "scale", &any, 1, NULL));
    v = ca_build_2(c->b, "ReduceSum", v, ca_build_vector(c->b, &last, 1));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    return v;
}

static void attention(CaKerasCall *c)
{
    CaValue *q = ca_keras_real_in(c, 0), *value = ca_keras_real_in(c, 1),
            *k = c->n_in > 2 ? ca_keras_real_in(c, 2) : value;
    CaValue *q_mask = ca_keras_mask(c, 0), *v_mask = ca_keras_mask(c, 1);
    const bool is_additive = strcmp(c->layer->class_name, "AdditiveAttention") == 0;
    CaValue *scores = is_additive ? additive_scores(c, q, k) : dot_scores(c, q, k);
    if (flag(c, "use_causal_mask") || flag(c, "causal"))
        scores = causal(c, scores);
    if (v_mask)
        scores =
            ca_keras_where(c, v_mask, -1, scores, ca_build_number(c->b, scores, -1e30));
    CaValue *weights = softmax_last(c, scores);
    CaValue *v = product(c, weights, value, false);
    if (q_mask)
        v = ca_keras_where(c, q_mask, 1, v, ca_build_number(c->b, v, 0));
    ca_keras_out(c, v);
    if (flag(c, "return_attention_scores"))
        ca_keras_out(c, weights);
    ca_keras_give_mask(c, 0, q_mask);
}

/* --- Several heads. */

typedef struct Heads {
    int64_t n, size;
    const char *object, *word; /* .keras: "query_dense", HDF5: "query" */
} Heads;

/* x [B, T, E] to [B, T, heads, size] by the projection's weights. */
static CaValue *projected(CaKerasCall *c, CaValue *x, const Heads *h, bool has_bias)
{
    const char *sub = ca_arena_printf(c->b->work, "%s|_%s", h->object, h->object);
    const CaKerasScope scope = ca_keras_part(c, &c->layer->scope, sub, h->word);
    const CarinaShape s = ca_build_shape(c->b, x);
    const int64_t width = s.rank == 3 ? s.dims[2] : -1, dims[] = {width, h->n, h->size};
    CaValue *kernel = ca_keras_weight_at(c, &scope, 0, "kernel", 0, dims, 3, NULL);
    const CarinaShape k = ca_build_shape(c->b, kernel);
    if (c->b->status != CARINA_OK)
        return NULL;
    const int64_t flat[] = {k.dims[0], h->n * h->size}, apart[] = {0, 0, h->n, h->size};
    CaValue *v = product(c, x, ca_build_reshape(c->b, kernel, flat, 2), false);
    if (has_bias) {
        CaValue *bias = ca_keras_weight_at(c, &scope, 1, "bias", 0, dims + 1, 2, NULL);
        v = ca_build_2(c->b, "Add", v, ca_build_reshape(c->b, bias, flat + 1, 1));
    }
    return ca_build_reshape_0(c->b, v, apart, 4);
}

static CaValue *heads_first(CaKerasCall *c, CaValue *v)
{
    static const int perm[] = {0, 2, 1, 3};
    return ca_build_transpose(c->b, v, perm, 4);
}

/* [B, T, heads, size] to [B, T, O] */
static CaValue *joined(CaKerasCall *c, CaValue *v, const Heads *h, bool has_bias)
{
    const CaKerasScope scope = ca_keras_part(
        c, &c->layer->scope, "output_dense|_output_dense", "attention_output");
    const int64_t dims[] = {h->n, h->size, -1}, any = -1, rows[] = {0, 0, h->n * h->size};
    CaValue *kernel = ca_keras_weight_at(c, &scope, 0, "kernel", 0, dims, 3, NULL);
    const CarinaShape k = ca_build_shape(c->b, kernel);
    if (c->b->status != CARINA_OK)
        return NULL;
    const int64_t flat[] = {h->n * h->size, k.dims[2]};
    v = product(c, ca_build_reshape_0(c->b, v, rows, 3),
                ca_build_reshape(c->b, kernel, flat, 2), false);
    if (has_bias)
        v = ca_build_2(c->b, "Add", v,
                       ca_keras_weight_at(c, &scope, 1, "bias", 0, &any, 1, NULL));
    return v;
}

/* The keyword's tensor, or input i. */
static CaValue *named_input(CaKerasCall *c, const char *key, int i)
{
    CaValue *v = ca_keras_value(c, json_object_get(c->kwargs, key));
    return v ? v : i < c->n_in ? ca_keras_real_in(c, i) : NULL;
}

static CaValue *spread(CaKerasCall *c, CaValue *mask, int at)
{
    return mask ? ca_build_2(c->b, "Unsqueeze", mask, ca_build_iota(c->b, at, 1)) : NULL;
}

/* True where to look, [B, T, S] or [T, S]: the keyword's, and those of query, value and key. NULL: everywhere. */
static CaValue *mask_of_heads(CaKerasCall *c)
{
    CaValue *all = ca_keras_value(c, json_object_get(c->kwargs, "attention_mask"));
    if (all && ca_build_type(c->b, all) != CARINA_BOOL)
        all = ca_build_convert(c->b, all, CARINA_BOOL);
    CaValue *const of[] = {spread(c, ca_keras_mask_named(c, "query_mask", "query", 0), 2),
                           spread(c, ca_keras_mask_named(c, "value_mask", "value", 1), 1),
                           spread(c, ca_keras_mask_named(c, "key_mask", "key", 2), 1)};
    for (int i = 0; i < 3; i++)
        all = ca_keras_both_masks(c, all, of[i], false);
    return all;
}

/* Softmax over what is looked at. is_zero: all else becomes 0, where nothing is left as well. */
static CaValue *weights_of(CaKerasCall *c, CaValue *scores, CaValue *mask, bool is_zero)
{
    const bool is_causal = flag(c, "use_causal_mask");
    if (!mask)
        return softmax_last(c, is_causal ? causal(c, scores) : scores);
    if (ca_build_rank(c->b, mask) == 3)
        mask = spread(c, mask, 1);
    if (is_causal) {
        CaValue *later = ahead(c, scores);
        mask = ca_keras_both_masks(
            c, mask, ca_build_2(c->b, "Equal", later, ca_build_number(c->b, later, 0)),
            false);
    }
    scores = ca_keras_where(c, mask, 0, scores, ca_build_number(c->b, scores, -1e30));
    CaValue *v = softmax_last(c, scores);
    return is_zero ? ca_keras_where(c, mask, 0, v, ca_build_number(c->b, v, 0)) : v;
}

/* q, k, v [B, heads, T, size]. Where Keras 3 does not call its own product of attention, it makes 0 of what is not
 * looked at; else, and in Keras 2, a step that looks at nothing gets the mean of all. */
static CaValue *attended(CaKerasCall *c, CaValue *q, CaValue *k, CaValue *v, double scale,
                         bool is_flat, CaValue **weights)
{
    CaValue *scores = product(c, ca_build_times(c->b, q, scale), k, true);
    const bool is_own = ca_keras_real(c, "dropout", 0) > 0 ||
                        flag(c, "return_attention_scores") || !is_flat;
    *weights = weights_of(c, scores, mask_of_heads(c), c->r->version >= 3 && is_own);
    return heads_first(c, product(c, *weights, v, false));
}

/* All dimensions between batch and features, where attention goes over all of them, as one. */
static CaValue *as_sequence(CaKerasCall *c, CaValue *x)
{
    const CarinaShape s = ca_build_shape(c->b, x);
    int64_t axes[CARINA_MAX_RANK];
    const int n = ca_keras_list(c, axes, CARINA_MAX_RANK, "attention_axes");
    const int64_t flat[] = {0, -1, s.rank > 3 ? s.dims[s.rank - 1] : 0};
    if (s.rank <= 3)
        return x;
    if (n >= 0 && n != s.rank - 2)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "attention_axes that leave dimensions out; reshape the input to [batch, "
            "steps, features]");
    return ca_build_reshape_0(c->b, x, flat, 3);
}

static CaValue *back_to_planes(CaKerasCall *c, CaValue *v, const CarinaShape *before)
{
    const CarinaShape s = ca_build_shape(c->b, v);
    int64_t dims[CARINA_MAX_RANK] = {0};
    for (int i = 1; i < before->rank; i++)
        dims[i] = before->dims[i];
    dims[before->rank - 1] = s.rank == 3 ? s.dims[2] : -1;
    return ca_build_reshape_0(c->b, v, dims, before->rank);
}

static CaValue *repeated(CaKerasCall *c, CaValue *v, int64_t heads, int64_t times)
{
    int64_t *which = ca_arena_array(c->b->work, (size_t)(heads * times), sizeof *which);
    for (int64_t i = 0; which && i < heads * times; i++)
        which[i] = i / times;
    return which && times > 1
               ? ca_build_3(c->b, "Gather", v,
                            ca_build_vector(c->b, which, (int)(heads * times)),
                            ca_build_scalar(c->b, 2))
               : v;
}

static void multi_head(CaKerasCall *c)
{
    const bool is_grouped = strcmp(c->layer->class_name, "MultiHeadAttention") != 0;
    const int64_t heads =
                      ca_keras_int(c, is_grouped ? "num_query_heads" : "num_heads", -1),
                  key_heads =
                      is_grouped ? ca_keras_int(c, "num_key_value_heads", -1) : heads,
                  size = ca_keras_int(c, is_grouped ? "head_dim" : "key_dim", -1),
                  value_size = is_grouped ? size : ca_keras_int(c, "value_dim", size);
    const bool bias = ca_keras_bool(c, "use_bias", true);
    const Heads hq = {heads, size, "query_dense", "query"},
                hk = {key_heads, size, "key_dense", "key"},
                hv = {key_heads, value_size, "value_dense", "value"},
                hg = {heads, value_size, "gate_dense", "gate"},
                ho = {heads, value_size, NULL, NULL};
    CaValue *query = named_input(c, "query", 0), *value = named_input(c, "value", 1),
            *weights = NULL;
    CaValue *key = named_input(c, "key", 2);
    if (!query || !value || heads < 1 || key_heads < 1 || size < 1 || value_size < 1 ||
        heads > 65536 || size > 65536 || value_size > 65536 || heads % key_heads)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "it has no query, no value or no usable heads");
    json_t *window = json_object_get(c->config, "sliding_window");
    if (window && !json_is_null(window))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "sliding_window; save the model without");
    if (c->b->status != CARINA_OK)
        return;
    const CarinaShape before = ca_build_shape(c->b, query);
    query = as_sequence(c, query);
    value = as_sequence(c, value);
    key = key ? as_sequence(c, key) : value;
    CaValue *q = heads_first(c, projected(c, query, &hq, bias));
    CaValue *k = heads_first(
        c, repeated(c, projected(c, key, &hk, bias), key_heads, heads / key_heads));
    CaValue *v = heads_first(
        c, repeated(c, projected(c, value, &hv, bias), key_heads, heads / key_heads));
    CaValue *out =
        attended(c, q, k, v, 1 / sqrt((double)size), before.rank <= 3, &weights);
    if (ca_keras_bool(c, "use_gate", false))
        out = ca_build_2(c->b, "Multiply", out,
                         ca_build_1(c->b, "Sigmoid", projected(c, query, &hg, bias)));
    out = joined(c, out, &ho, bias);
    if (before.rank > 3)
        out = back_to_planes(c, out, &before);
    ca_keras_out(c, out);
    if (flag(c, "return_attention_scores"))
        ca_keras_out(c, weights);
    ca_keras_give_mask(c, 0, ca_keras_mask_named(c, "query_mask", "query", 0));
}

const CaKerasOp ca_keras_attend[] = {
    {"AdditiveAttention", attention, NULL, 0, CA_KERAS_USES},
    {"Attention", attention, NULL, 0, CA_KERAS_USES},
    {"GroupQueryAttention", multi_head, NULL, 0, CA_KERAS_USES},
    {"GroupedQueryAttention", multi_head, NULL, 0, CA_KERAS_USES},
    {"MultiHeadAttention", multi_head, NULL, 0, CA_KERAS_USES},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};

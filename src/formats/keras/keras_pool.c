/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: pooling - windows, global, adaptive.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

static void pool(CaKerasCall *c)
{
    const int n = c->layer->op->n;
    const bool is_max = strcmp(c->layer->op->ours, "MaxPool") == 0;
    const char *padding = ca_keras_text(c, "padding", "valid");
    const bool same = strcmp(padding, "same") == 0;
    int64_t kernel[CARINA_MAX_RANK], strides[CARINA_MAX_RANK],
        zeros[CARINA_MAX_RANK] = {0};
    const char *size =
        json_object_get(c->config, "pool_size") ? "pool_size" : "pool_length";
    ca_keras_ints(c, kernel, n, size, 2);
    ca_keras_ints(c, strides, n, "strides", -1);
    for (int i = 0; i < n; i++) {
        strides[i] = strides[i] == -1 ? kernel[i] : strides[i];
        if (kernel[i] < 1 || kernel[i] > INT32_MAX || strides[i] < 1 ||
            strides[i] > INT32_MAX)
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "pool_size and strides must be positive");
    }
    if (!same && strcmp(padding, "valid") != 0)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "padding '%s'; valid and same are read", padding);
    CaValue *x = ca_keras_to_work(c, ca_keras_real_in(c, 0));
    CaValue *v = ca_build_make_at(c->b, c->layer->op->ours, 1, &x, 1, 1);
    ca_build_set_ints(c->b, v, "kernel", kernel, n);
    ca_build_set_ints(c->b, v, "strides", strides, n);
    ca_build_set_ints(c->b, v, "pads_begin", zeros, n);
    ca_build_set_ints(c->b, v, "pads_end", zeros, n);
    ca_build_set_text(c->b, v, "auto_pad", same ? "same_upper" : "explicit");
    ca_build_set_text(c->b, v, "rounding_type", "floor");
    if (!is_max)
        ca_build_set_text(c->b, v, "exclude-pad", "true");
    ca_keras_out(c, ca_keras_from_work(c, v));
}

static void global_pool(CaKerasCall *c)
{
    const bool keep = ca_keras_bool(c, "keepdims", false);
    CaValue *x = ca_keras_to_work(c, ca_keras_real_in(c, 0));
    if (ca_build_rank(c->b, x) != c->layer->op->n + 2)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its input has %d dimensions, needs %d",
                      ca_build_rank(c->b, x), c->layer->op->n + 2);
    CaValue *v =
        ca_build_2(c->b, c->layer->op->ours, x, ca_build_iota(c->b, 2, c->layer->op->n));
    ca_build_set_text(c->b, v, "keep_dims", keep ? "true" : "false");
    ca_keras_out(c, keep ? ca_keras_from_work(c, v) : v);
}

/* The mean of the steps that count. */
static CaValue *mean_of_counted(CaKerasCall *c, CaValue *x, CaValue *mask, bool keep)
{
    const bool is_first = ca_keras_is_first(c);
    const int64_t axis = is_first ? 2 : 1;
    CaValue *steps = ca_build_vector(c->b, &axis, 1), *zero = ca_build_number(c->b, x, 0);
    CaValue *count =
        ca_build_2(c->b, "Unsqueeze", ca_build_convert(c->b, mask, CARINA_F32),
                   ca_build_iota(c->b, is_first ? 1 : 2, 1));
    count = ca_build_2(c->b, "ReduceSum", count, steps);
    ca_build_set_text(c->b, count, "keep_dims", keep ? "true" : "false");
    CaValue *sum = ca_build_2(c->b, "ReduceSum",
                              ca_keras_where(c, mask, is_first ? -1 : 1, x, zero), steps);
    ca_build_set_text(c->b, sum, "keep_dims", keep ? "true" : "false");
    return ca_build_2(c->b, "Divide", sum, count);
}

static void global_mean_1d(CaKerasCall *c)
{
    CaValue *mask = ca_keras_mask(c, 0), *x = ca_keras_real_in(c, 0);
    if (mask && ca_build_rank(c->b, mask) == 2 && ca_build_rank(c->b, x) == 3)
        ca_keras_out(c, mean_of_counted(c, x, mask, ca_keras_bool(c, "keepdims", false)));
    else
        global_pool(c);
}

static void adaptive_pool(CaKerasCall *c)
{
    const int n = c->layer->op->n;
    const bool is_max = strcmp(c->layer->op->ours, "AdaptiveMaxPool") == 0;
    int64_t size[CARINA_MAX_RANK];
    ca_keras_ints(c, size, n, "output_size", 1);
    CaValue *x = ca_keras_to_work(c, ca_keras_real_in(c, 0));
    CaValue *const in[] = {x, ca_build_vector(c->b, size, n)};
    CaValue *v = ca_build_make(c->b, c->layer->op->ours, in, 2, is_max ? 2 : 1);
    if (is_max)
        ca_build_set_text(c->b, v, "index_element_type", "i64");
    ca_keras_out(c, ca_keras_from_work(c, v));
}

#define GLOBAL_MEAN_1 global_mean_1d
#define GLOBAL_MEAN_2 global_pool
#define GLOBAL_MEAN_3 global_pool
#define POOLS(n)                                                                         \
    {"MaxPooling" #n "D", pool, "MaxPool", n, CA_KERAS_STOPS},                           \
        {"MaxPool" #n "D", pool, "MaxPool", n, CA_KERAS_STOPS},                          \
        {"AveragePooling" #n "D", pool, "AvgPool", n, CA_KERAS_STOPS},                   \
        {"AvgPool" #n "D", pool, "AvgPool", n, CA_KERAS_STOPS},                          \
        {"GlobalMaxPooling" #n "D", global_pool, "ReduceMax", n, CA_KERAS_STOPS},        \
        {"GlobalMaxPool" #n "D", global_pool, "ReduceMax", n, CA_KERAS_STOPS},           \
        {"GlobalAveragePooling" #n "D", GLOBAL_MEAN_##n, "ReduceMean", n,                \
         CA_KERAS_USES},                                                                 \
        {"GlobalAvgPool" #n "D", GLOBAL_MEAN_##n, "ReduceMean", n, CA_KERAS_USES},       \
        {"AdaptiveAveragePooling" #n "D", adaptive_pool, "AdaptiveAvgPool", n,           \
         CA_KERAS_STOPS},                                                                \
    {                                                                                    \
        "AdaptiveMaxPooling" #n "D", adaptive_pool, "AdaptiveMaxPool", n, CA_KERAS_STOPS \
    }

const CaKerasOp ca_keras_pool[] = {
    POOLS(1),
    POOLS(2),
    POOLS(3),
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};

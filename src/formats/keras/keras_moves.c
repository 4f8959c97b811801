/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: layers that move elements - reshaping, padding, cropping, repeating.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

/* [0, target...]: the batch is copied, and a -1 is worked out where it can be. */
static CaValue *reshaped(CaKerasCall *c, CaValue *v, const int64_t *target, int n)
{
    const CarinaShape s = ca_build_shape(c->b, v);
    int64_t dims[CARINA_MAX_RANK] = {0}, known = 1, all = 1;
    int open = -1;
    if (n + 1 > CARINA_MAX_RANK) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "%d dimensions; at most %d are possible",
                      n + 1, CARINA_MAX_RANK);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        dims[i + 1] = target[i];
        if (target[i] == -1)
            open = i + 1;
        else if (target[i] < 1 || target[i] > INT32_MAX || known > INT32_MAX)
            ca_build_fail(c->b, CARINA_ERR_SHAPE, "dimension %lld in target_shape",
                          (long long)target[i]);
        else
            known *= target[i];
    }
    const CarinaShape tail = ca_shape(s.rank > 0 ? s.rank - 1 : 0, s.dims + 1);
    if (c->b->status != CARINA_OK)
        return NULL;
    if (open > 0 && s.rank > 0 && ca_shape_count(&tail, &all) && all % known == 0)
        dims[open] = all / known;
    return ca_build_reshape_0(c->b, v, dims, n + 1);
}

static void reshape(CaKerasCall *c)
{
    int64_t target[CARINA_MAX_RANK];
    const int n = ca_keras_list(c, target, CARINA_MAX_RANK, "target_shape");
    ca_keras_out(c, reshaped(c, ca_keras_in(c, 0), target, n < 0 ? 0 : n));
}

static void flatten(CaKerasCall *c)
{
    const int64_t all = -1;
    CaValue *v = ca_keras_in(c, 0);
    if (ca_keras_is_first(c) && ca_build_rank(c->b, v) > 2)
        v = ca_build_channels_last(c->b, v);
    ca_keras_out(c, reshaped(c, v, &all, 1));
}

static void permute(CaKerasCall *c)
{
    CaValue *v = ca_keras_in(c, 0);
    int64_t dims[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK] = {0};
    const int rank = ca_build_rank(c->b, v),
              n = ca_keras_list(c, dims, CARINA_MAX_RANK, "dims");
    bool is_used[CARINA_MAX_RANK + 1] = {false};
    if (c->b->status == CARINA_OK && n != rank - 1)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "dims has %d numbers, its input %d dimensions", n, rank);
    for (int i = 0; c->b->status == CARINA_OK && i < n; i++) {
        if (dims[i] < 1 || dims[i] > n || is_used[dims[i]]) {
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "dims is no order of 1 to %d", n);
            return;
        }
        is_used[dims[i]] = true;
        perm[i + 1] = (int)dims[i];
    }
    if (c->b->status == CARINA_OK)
        ca_keras_out(c, ca_build_transpose(c->b, v, perm, rank));
}

static void repeat_vector(CaKerasCall *c)
{
    const int64_t repeats[] = {1, ca_keras_int(c, "n", 1), 1};
    CaValue *v =
        ca_build_2(c->b, "Unsqueeze", ca_keras_in(c, 0), ca_build_iota(c->b, 1, 1));
    ca_keras_out(c, ca_build_2(c->b, "Tile", v, ca_build_vector(c->b, repeats, 3)));
}

/* ((top, bottom), (left, right)), (height, width) or one number, as pairs. */
static void pairs_of(CaKerasCall *c, const char *key, int n, int64_t absent,
                     int64_t begin[], int64_t end[])
{
    json_t *j = json_object_get(c->config, key);
    for (int i = 0; i < n; i++) {
        int64_t two[2] = {absent, absent};
        json_t *item = json_is_array(j) && n > 1 ? json_array_get(j, (size_t)i) : j;
        const int got = ca_keras_json_ints(c, two, 2, item, key);
        begin[i] = two[0];
        end[i] = got == 1 ? two[0] : two[1];
        if (begin[i] < 0 || end[i] < 0 || begin[i] > INT32_MAX || end[i] > INT32_MAX) {
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "%s has %lld and %lld; they must be 0 or more", key,
                          (long long)begin[i], (long long)end[i]);
            begin[i] = end[i] = 0; /* for the arithmetic that follows */
        }
    }
}

static void cropping(CaKerasCall *c)
{
    const int n = c->layer->op->n, at = ca_keras_is_first(c) ? 2 : 1;
    int64_t begin[3], end[3], start[CARINA_MAX_RANK] = {0}, stop[CARINA_MAX_RANK] = {0},
                              step[CARINA_MAX_RANK], free_begin[CARINA_MAX_RANK],
                              free_end[CARINA_MAX_RANK];
    pairs_of(c, "cropping", n, n == 2 ? 0 : 1, begin, end);
    for (int i = 0; i < n + 2; i++)
        step[i] = free_begin[i] = free_end[i] = 1;
    for (int i = 0; i < n; i++) {
        start[at + i] = begin[i];
        stop[at + i] = -end[i];
        free_begin[at + i] = 0;
        free_end[at + i] = end[i] == 0;
    }
    CaValue *const in[] = {ca_keras_in(c, 0), ca_build_vector(c->b, start, n + 2),
                           ca_build_vector(c->b, stop, n + 2),
                           ca_build_vector(c->b, step, n + 2)};
    CaValue *v = ca_build_make(c->b, "StridedSlice", in, 4, 1);
    ca_build_set_ints(c->b, v, "begin_mask", free_begin, n + 2);
    ca_build_set_ints(c->b, v, "end_mask", free_end, n + 2);
    ca_keras_out(c, v);
}

/* In the layout that convolutions work in, so that the zeros become their padding. */
static void zero_padding(CaKerasCall *c)
{
    const int n = c->layer->op->n;
    int64_t begin[3], end[3], before[CARINA_MAX_RANK] = {0},
                              behind[CARINA_MAX_RANK] = {0};
    pairs_of(c, "padding", n, 1, begin, end);
    for (int i = 0; i < n; i++) {
        before[i + 2] = begin[i];
        behind[i + 2] = end[i];
    }
    CaValue *x = ca_keras_to_work(c, ca_keras_in(c, 0));
    CaValue *const in[] = {x, ca_build_vector(c->b, before, n + 2),
                           ca_build_vector(c->b, behind, n + 2),
                           ca_build_number(c->b, x, 0)};
    CaValue *v = ca_build_make_at(c->b, "Pad", 1, in, 4, 1);
    ca_build_set_text(c->b, v, "pad_mode", "constant");
    ca_keras_out(c, ca_keras_from_work(c, v));
}

/* Steps whose features all equal the value become 0, and carry a mask. */
static void masking(CaKerasCall *c)
{
    const int64_t last = -1;
    CaValue *x = ca_keras_real_in(c, 0);
    CaValue *differs = ca_build_2(
        c->b, "NotEqual", x, ca_build_number(c->b, x, ca_keras_real(c, "mask_value", 0)));
    CaValue *any =
        ca_build_2(c->b, "ReduceLogicalOr", differs, ca_build_vector(c->b, &last, 1));
    ca_build_set_text(c->b, any, "keep_dims", "true");
    ca_keras_out(c, ca_build_3(c->b, "Select", any, x, ca_build_number(c->b, x, 0)));
    ca_keras_give_mask(c, 0,
                       ca_build_2(c->b, "Squeeze", any, ca_build_vector(c->b, &last, 1)));
}

const CaKerasOp ca_keras_moves[] = {
    {"Cropping1D", cropping, NULL, 1, CA_KERAS_STOPS},
    {"Cropping2D", cropping, NULL, 2, CA_KERAS_STOPS},
    {"Cropping3D", cropping, NULL, 3, CA_KERAS_STOPS},
    {"Flatten", flatten, NULL, 0, CA_KERAS_STOPS},
    {"Masking", masking, NULL, 0, CA_KERAS_USES},
    {"Permute", permute, NULL, 0, CA_KERAS_STOPS},
    {"RepeatVector", repeat_vector, NULL, 0, CA_KERAS_STOPS},
    {"Reshape", reshape, NULL, 0, CA_KERAS_STOPS},
    {"ZeroPadding1D", zero_padding, NULL, 1, CA_KERAS_STOPS},
    {"ZeroPadding2D", zero_padding, NULL, 2, CA_KERAS_STOPS},
    {"ZeroPadding3D", zero_padding, NULL, 3, CA_KERAS_STOPS},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};

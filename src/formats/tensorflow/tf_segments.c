/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: rows that go together by number, rows that change their places, and counts.
 */
#include "formats/tensorflow/tf.h"

#include <float.h>
#include <string.h>

enum { MAX_ROWS = 1 << 20 };

static CaValue *scattered(CaBuild *b, CaValue *base, CaValue *ids, CaValue *updates,
                          const char *how)
{
    const int64_t last = -1;
    CaValue *index = ca_build_2(b, "Unsqueeze", ids, ca_build_vector(b, &last, 1));
    CaValue *v = ca_build_3(b, "ScatterNDUpdate", base, index, updates);
    ca_build_set_text(b, v, "reduction", how);
    return v;
}

/* The elements of input i: how many, -1 where they are not known. */
static int known_list(CaTfCall *c, int i, int64_t **out)
{
    const CarinaShape s = ca_build_shape(c->b, ca_tf_in(c, i));
    int64_t n = 0;
    if (!ca_shape_is_static(&s) || !ca_shape_count(&s, &n) || n > MAX_ROWS)
        return -1;
    *out = ca_arena_array(c->b->work, (size_t)n + 1, sizeof **out);
    return *out ? ca_build_known_ints(c->b, c->in[i], *out, (int)n) : -1;
}

/* What changes nothing: 0, 1, or the other end of the type. */
static CaValue *neutral(CaTfCall *c, CaValue *like, const char *how)
{
    const CarinaType type = ca_build_type(c->b, like);
    const bool is_max = strcmp(how, "max") == 0;
    if (strcmp(how, "sum") == 0 || strcmp(how, "prod") == 0)
        return ca_build_number(c->b, like, strcmp(how, "prod") == 0);
    if (type == CARINA_I32)
        return ca_build_number(c->b, like, is_max ? INT32_MIN : INT32_MAX);
    if (type != CARINA_F32)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "the largest or smallest of numbers other than f32 and i32");
    return ca_build_number(c->b, like, is_max ? -(double)FLT_MAX : (double)FLT_MAX);
}

/* [n, rows of x without the first dimension], filled. n: i64 [1] */
static CaValue *filled(CaTfCall *c, CaValue *x, CaValue *n, CaValue *with)
{
    CaBuild *b = c->b;
    const int64_t one = 1, end = INT32_MAX, zero = 0;
    CaValue *const cut[] = {ca_build_1(b, "ShapeOf", x), ca_build_vector(b, &one, 1),
                            ca_build_vector(b, &end, 1), ca_build_vector(b, &one, 1),
                            ca_build_vector(b, &zero, 1)};
    CaValue *const both[] = {n, ca_build_make(b, "Slice", cut, 5, 1)};
    CaValue *to = ca_build_make(b, "Concat", both, 2, 1);
    ca_build_set_int(b, to, "axis", 0);
    return ca_build_2(b, "Broadcast", with, to);
}

/* Rows [n, ...] by numbers [n] in any order; how many numbers there are is given. */
static void unsorted(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t one = 1;
    CaValue *x = ca_tf_in(c, 0), *ids = ca_tf_in(c, 1);
    if (ca_build_rank(b, ids) != 1)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "its numbers are no list");
    CaValue *n =
        ca_build_reshape(b, ca_build_convert(b, ca_tf_in(c, 2), CARINA_I64), &one, 1);
    CaValue *base = filled(c, x, n, neutral(c, x, c->row->ours));
    ca_tf_out(c, 0, scattered(b, base, ids, x, c->row->ours));
}

/* One number a row of x, as a column. */
static CaValue *column_of(CaTfCall *c, CaValue *x, const double *v, int64_t n)
{
    const CarinaShape s = ca_build_along(0, ca_build_rank(c->b, x), n);
    return ca_build_reals(c->b, &s, v);
}

/* Numbers in order, the last of which says how many there are. Numbers that no row has give 0, of a product 1. */
static void sorted(CaTfCall *c)
{
    CaBuild *b = c->b;
    const bool is_mean = strcmp(c->row->ours, "mean") == 0;
    const char *how = is_mean ? "sum" : c->row->ours;
    CaValue *x = ca_tf_in(c, 0);
    int64_t *ids = NULL;
    const int n = known_list(c, 1, &ids);
    if (n < 1 || ids[n - 1] < 0 || ids[n - 1] >= MAX_ROWS) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "how many numbers there are is not known before the run; cut the "
                      "model with --input and --output");
        return;
    }
    const int64_t count = ids[n - 1] + 1;
    double *rows = ca_arena_array(b->work, (size_t)count, sizeof *rows);
    bool has_gaps = false;
    for (int i = 0; rows && i < n; i++)
        if (ids[i] >= 0 && ids[i] < count)
            rows[ids[i]]++;
    for (int64_t i = 0; rows && i < count; i++)
        has_gaps = has_gaps || rows[i] < 1;
    CaValue *base = filled(c, x, ca_build_vector(b, &count, 1), neutral(c, x, how));
    CaValue *v = scattered(b, base, ca_tf_in(c, 1), x, how);
    if (!rows || !ca_build_settle(b))
        return;
    if (has_gaps && strcmp(how, "prod") != 0)
        v = ca_build_3(b, "Select",
                       ca_build_convert(b, column_of(c, x, rows, count), CARINA_BOOL), v,
                       ca_build_number(b, v, 0));
    for (int64_t i = 0; i < count; i++)
        rows[i] = rows[i] < 1 ? 1 : rows[i];
    ca_tf_out(c, 0,
              is_mean ? ca_build_2(b, "Divide", v, column_of(c, x, rows, count)) : v);
}

/* --- Places. */

/* All dimensions from at on as one tensor's rows. */
static CaValue *rows_of(CaTfCall *c, CaValue *v, int at, int64_t n)
{
    const CarinaShape s = ca_build_shape(c->b, v);
    int64_t dims[CARINA_MAX_RANK + 1] = {n};
    for (int i = at; i < s.rank; i++)
        dims[i - at + 1] = s.dims[i];
    return ca_build_reshape(c->b, v, dims, s.rank - at + 1);
}

/* from[place]: which row of all goes there; -1 where the lists of places are not known or leave one out. */
static int64_t order_of(CaTfCall *c, int n_lists, int64_t **from)
{
    int64_t total = 0, most = -1, at = 0;
    for (int i = 0; i < n_lists; i++) {
        const CarinaShape s = ca_build_shape(c->b, ca_tf_in(c, i));
        int64_t n = 0;
        if (!ca_shape_is_static(&s) || !ca_shape_count(&s, &n) || n > MAX_ROWS ||
            (total += n) > MAX_ROWS)
            return -1;
    }
    int64_t *to = *from = ca_arena_array(c->b->work, (size_t)total + 1, sizeof *to);
    for (int i = 0; i < n_lists; i++) {
        int64_t *places = NULL;
        const int n = to ? known_list(c, i, &places) : -1;
        if (n < 0)
            return -1;
        for (int j = 0; j < n; j++) {
            if (places[j] < 0 || places[j] >= total)
                return -1;
            to[places[j]] = ++at;
            most = places[j] > most ? places[j] : most;
        }
    }
    for (int64_t i = 0; i <= most; i++)
        if (--to[i] < 0)
            return -1;
    return most + 1;
}

/* Inputs: lists of places, then as many tensors of rows. A place that is named twice has the last row. */
static void stitch(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int n = c->n_in / 2;
    int64_t *from = NULL, n_rows = order_of(c, n, &from);
    CaValue **parts = ca_arena_array(b->work, (size_t)n + 1, sizeof *parts);
    if (n_rows < 1 || !parts) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "places that are not known before the run, or of which one is left "
                      "out; give the model's input shape");
        return;
    }
    for (int i = 0; i < n && b->status == CARINA_OK; i++) {
        const CarinaShape s = ca_build_shape(b, c->in[i]);
        int64_t k = 0;
        (void)ca_shape_count(&s, &k);
        parts[i] = rows_of(c, ca_tf_in(c, n + i), s.rank, k);
    }
    CaValue *all = n == 1 ? parts[0] : ca_build_make(b, "Concat", parts, n, 1);
    if (n > 1)
        ca_build_set_int(b, all, "axis", 0);
    ca_tf_out(c, 0,
              ca_build_3(b, "Gather", all, ca_build_vector(b, from, (int)n_rows),
                         ca_build_scalar(b, 0)));
}

static void partition(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t *which = NULL;
    const int rank = ca_build_rank(b, ca_tf_in(c, 1)), n = known_list(c, 1, &which);
    int64_t *rows = ca_arena_array(b->work, (size_t)(n < 0 ? 0 : n) + 1, sizeof *rows);
    const int64_t parts = ca_tf_attr_int(c->r, c->node, "num_partitions", 1);
    if (n < 0 || !rows || parts < 1 || parts > 4096) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "which row goes where is not known before the run; cut the model "
                      "with --input and --output");
        return;
    }
    CaValue *x = rows_of(c, ca_tf_in(c, 0), rank, n);
    for (int p = 0; p < parts && b->status == CARINA_OK; p++) {
        int k = 0;
        for (int i = 0; i < n; i++)
            if (which[i] == p)
                rows[k++] = i;
        ca_tf_out(c, p,
                  ca_build_3(b, "Gather", x, ca_build_vector(b, rows, k),
                             ca_build_scalar(b, 0)));
    }
}

/* --- Counts. */

/* How often 0 .. size - 1 stand in a list, or in each row; weights count instead of ones. */
static void bincount(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0), *weights = ca_tf_in(c, 2);
    const CarinaShape w = ca_build_shape(b, weights);
    const bool is_weighted = !(w.rank == 1 && w.dims[0] == 0),
               is_rows =
                   strcmp(c->node->op, "DenseBincount") == 0 && ca_build_rank(b, x) == 2;
    const int64_t last = -1, axis = is_rows ? 1 : 0;
    if (!is_rows)
        x = ca_build_reshape(b, x, &last, 1);
    CaValue *const in[] = {x, ca_build_to_scalar(b, ca_tf_in(c, 1)),
                           ca_build_number(b, weights, 1),
                           ca_build_number(b, weights, 0)};
    CaValue *v = ca_build_make_at(b, "OneHot", 1, in, 4, 1);
    ca_build_set_int(b, v, "axis", -1);
    if (is_weighted) {
        if (!is_rows)
            weights = ca_build_reshape(b, weights, &last, 1);
        v = ca_build_2(b, "Multiply", v,
                       ca_build_2(b, "Unsqueeze", weights, ca_build_vector(b, &last, 1)));
    }
    const bool is_binary = ca_tf_attr_bool(c->r, c->node, "binary_output", false);
    v = ca_build_2(b, is_binary ? "ReduceMax" : "ReduceSum", v,
                   ca_build_vector(b, &axis, 1));
    ca_build_set_text(b, v, "keep_dims", "false");
    ca_tf_out(c, 0, v);
}

const CaTfOp ca_tf_segments[] = {
    {"Bincount", bincount, NULL, 0},
    {"DenseBincount", bincount, NULL, 0},
    {"DynamicPartition", partition, NULL, 0},
    {"DynamicStitch", stitch, NULL, 0},
    {"ParallelDynamicStitch", stitch, NULL, 0},
    {"SegmentMax", sorted, "max", 0},
    {"SegmentMean", sorted, "mean", 0},
    {"SegmentMin", sorted, "min", 0},
    {"SegmentProd", sorted, "prod", 0},
    {"SegmentSum", sorted, "sum", 0},
    {"UnsortedSegmentMax", unsorted, "max", 0},
    {"UnsortedSegmentMin", unsorted, "min", 0},
    {"UnsortedSegmentProd", unsorted, "prod", 0},
    {NULL, NULL, NULL, 0},
};

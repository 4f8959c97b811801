/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: gathering, scattering, segments, diagonals, and the choice of boxes.
 */
#include "formats/tflite/tflite_reader.h"

#include <math.h>
#include <string.h>

/* --- Gathering. */

static void gather(CaTfliteCall *c)
{
    CaValue *v = ca_tflite_gather(c, ca_tflite_in(c, 0), ca_tflite_in(c, 1),
                                  ca_tflite_opt_int(c, "axis"));
    ca_build_set_int(c->b, v, "batch_dims", ca_tflite_opt_int(c, "batch_dims"));
    ca_tflite_out(c, 0, v);
}

static void embedding_lookup(CaTfliteCall *c)
{
    ca_tflite_out(c, 0, ca_tflite_gather(c, ca_tflite_in(c, 1), ca_tflite_in(c, 0), 0));
}

static void gather_nd(CaTfliteCall *c)
{
    ca_tflite_out(c, 0,
                  ca_build_2(c->b, "GatherND", ca_tflite_in(c, 0), ca_tflite_in(c, 1)));
}

/* Places of true elements, one row each. */
static void where(CaTfliteCall *c)
{
    static const int turned[] = {1, 0};
    CaValue *v = ca_build_1(c->b, "NonZero", ca_tflite_in(c, 0));
    ca_build_set_text(c->b, v, "output_type", "i64");
    ca_tflite_out(c, 0, ca_build_transpose(c->b, v, turned, 2));
}

/* --- Scattering. */

/* Updates that meet are added, over a background of one value. */
static CaValue *scattered(CaTfliteCall *c, CaValue *index, CaValue *updates,
                          CaValue *shape, CaValue *background, const char *reduction)
{
    CaValue *into = ca_build_2(c->b, "Broadcast", background, shape);
    CaValue *v = ca_build_3(c->b, "ScatterNDUpdate", into, index, updates);
    if (reduction)
        ca_build_set_text(c->b, v, "reduction", reduction);
    return v;
}

static void scatter_nd(CaTfliteCall *c)
{
    CaValue *index = ca_tflite_in(c, 0), *updates = ca_tflite_in(c, 1);
    ca_tflite_out(c, 0,
                  scattered(c, index, updates, ca_tflite_in(c, 2),
                            ca_build_number(c->b, updates, 0), "sum"));
}

/* Indices of rank 0, 1 or 2; one value may stand for all. */
static void sparse_to_dense(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *index = ca_tflite_in(c, 0), *shape = ca_tflite_in(c, 1);
    CaValue *values = ca_tflite_in(c, 2), *background = ca_tflite_in(c, 3);
    const CarinaShape s = ca_build_static_shape(b, index),
                      vs = ca_build_static_shape(b, values);
    if (b->status != CARINA_OK)
        return;
    const int64_t n = s.rank == 0 ? 1 : s.dims[0];
    if (s.rank < 2)
        index = ca_build_reshape(b, index, (const int64_t[]){n, 1}, 2);
    if (vs.rank == 0)
        values = ca_build_2(b, "Broadcast", values, ca_build_vector(b, &n, 1));
    ca_tflite_out(
        c, 0,
        scattered(c, index, values, shape, ca_build_to_scalar(b, background), NULL));
}

static void one_hot(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *const in[] = {ca_tflite_in(c, 0), ca_build_to_scalar(b, ca_tflite_in(c, 1)),
                           ca_build_to_scalar(b, ca_tflite_in(c, 2)),
                           ca_build_to_scalar(b, ca_tflite_in(c, 3))};
    CaValue *v = ca_build_make_at(b, "OneHot", 1, in, 4, 1);
    ca_build_set_int(b, v, "axis", ca_tflite_opt_int(c, "axis"));
    ca_tflite_out(c, 0, v);
}

/* --- Segments: rows of x that are joined by number. */

typedef struct Join {
    const char *reduction;
    double start; /* of a segment without rows */
} Join;

static Join join_of(const char *ours)
{
    static const Join joins[] = {{"sum", 0},
                                 {"prod", 1},
                                 {"max", -3.4028234663852886e38},
                                 {"min", 3.4028234663852886e38}};
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++)
        if (strcmp(joins[i].reduction, ours) == 0)
            return joins[i];
    return joins[0];
}

static CaValue *segments(CaTfliteCall *c, CaValue *x, CaValue *ids, CaValue *count)
{
    CaBuild *b = c->b;
    const int rank = ca_build_rank(b, x), n_ids = ca_build_rank(b, ids);
    const Join join = join_of(c->op->ours);
    const CarinaType type = ca_build_type(b, x);
    if (b->status == CARINA_OK && (n_ids < 1 || n_ids > rank))
        ca_build_fail(b, CARINA_ERR_SHAPE, "segments of %d dimensions for rows of %d",
                      n_ids, rank);
    if (b->status != CARINA_OK)
        return NULL;
    double start = join.start;
    if (!ca_type_is_real(type) && fabs(start) > 1)
        start = start > 0 ? (double)INT32_MAX : (double)INT32_MIN;
    CaValue *shape = ca_build_to_scalar(b, count);
    shape = ca_build_convert(b, ca_tflite_unsqueeze(c, shape, 0), CARINA_I64);
    if (rank > n_ids) {
        CaValue *rest =
            ca_tflite_sliced(c, ca_tflite_shape_of(c, x, CARINA_I64), n_ids, rank, 0);
        shape = ca_tflite_concat(c, (CaValue *const[]){shape, rest}, 2, 0);
    }
    return scattered(c, ca_tflite_unsqueeze(c, ids, -1), x, shape,
                     ca_build_number(b, x, start), join.reduction);
}

static void unsorted_segment(CaTfliteCall *c)
{
    ca_tflite_out(
        c, 0, segments(c, ca_tflite_in(c, 0), ca_tflite_in(c, 1), ca_tflite_in(c, 2)));
}

/* Sorted: the last number says how many there are. */
static void segment_sum(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tflite_in(c, 0), *ids = ca_tflite_in(c, 1);
    CaValue *last = ca_tflite_reduced(c, "ReduceMax", ids, 0, false);
    ca_tflite_out(
        c, 0,
        segments(c, x, ids, ca_build_2(b, "Add", last, ca_build_number(b, ids, 1))));
}

/* --- Diagonals. */

/* [n, n] that holds 1 on the diagonal, as booleans. */
static CaValue *diagonal(CaTfliteCall *c, int64_t rows, int64_t columns)
{
    CaBuild *b = c->b;
    CaValue *in[2];
    const int64_t sizes[] = {rows, columns};
    for (int i = 0; i < 2; i++) {
        CaValue *const ends[] = {ca_build_scalar(b, 0), ca_build_scalar(b, sizes[i]),
                                 ca_build_scalar(b, 1)};
        in[i] = ca_build_make(b, "Range", ends, 3, 1);
        ca_build_set_text(b, in[i], "output_type", "i64");
    }
    return ca_build_2(b, "Equal", ca_tflite_unsqueeze(c, in[0], 1), in[1]);
}

static int64_t last_dim(CaTfliteCall *c, CaValue *v, int from_end)
{
    const int rank = ca_build_rank(c->b, v);
    const CarinaShape s = ca_build_shape(c->b, v);
    if (c->b->status == CARINA_OK && (rank < from_end || s.dims[rank - from_end] < 0))
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its input has no known last dimensions");
    return c->b->status == CARINA_OK ? s.dims[rank - from_end] : 0;
}

static void matrix_diag(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tflite_in(c, 0);
    const int64_t n = last_dim(c, x, 1);
    ca_tflite_out(c, 0,
                  ca_build_3(b, "Select", diagonal(c, n, n),
                             ca_tflite_unsqueeze(c, x, -1), ca_build_number(b, x, 0)));
}

static void matrix_set_diag(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tflite_in(c, 0), *diag = ca_tflite_in(c, 1);
    const int64_t rows = last_dim(c, x, 2), columns = last_dim(c, x, 1);
    int64_t pads[2 * CARINA_MAX_RANK] = {0};
    const int rank = ca_build_rank(b, diag);
    /* as wide as the matrix: what is past the shorter side is not looked at */
    if (b->status == CARINA_OK && rank > 0 && rows < columns) {
        pads[2 * rank - 1] = columns - rows;
        diag = ca_tflite_padded(c, diag, pads, rank, "constant", NULL);
    }
    ca_tflite_out(c, 0,
                  ca_build_3(b, "Select", diagonal(c, rows, columns),
                             ca_tflite_unsqueeze(c, diag, -2), x));
}

/* --- Boxes. */

/* Inputs: boxes [N, 4], scores [N], how many at most, overlap, lowest score, and in version 5 a sigma. */
static void non_max_suppression(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    const bool is_soft = strcmp(c->op->name, "NON_MAX_SUPPRESSION_V5") == 0;
    CaValue *scores = ca_tflite_in(c, 1);
    CaValue *in[6] = {ca_tflite_unsqueeze(c, ca_tflite_in(c, 0), 0),
                      ca_build_2(b, "Unsqueeze", scores, ca_build_iota(b, 0, 2))};
    int64_t most = 0;
    ca_tflite_ints(c, 2, &most, 1);
    for (int i = 2; i < (is_soft ? 6 : 5); i++)
        in[i] = ca_build_to_scalar(b, ca_tflite_in(c, i));
    CaValue *v = ca_build_make(b, "NonMaxSuppression", in, is_soft ? 6 : 5, 3);
    ca_build_set_text(b, v, "box_encoding", "corner");
    ca_build_set_text(b, v, "sort_result_descending", "false");
    ca_build_set_text(b, v, "output_type", "i32");
    if (b->status != CARINA_OK || !v)
        return;
    CaValue *rows = v, *marks = v + 1, *count = v + 2;
    CaValue *index = ca_tflite_squeeze(c, ca_tflite_sliced(c, rows, 2, 3, 1), 1);
    CaValue *score = ca_tflite_squeeze(c, ca_tflite_sliced(c, marks, 2, 3, 1), 1);
    CaValue *unused = ca_build_2(b, "Less", index, ca_build_number(b, index, 0));
    score = ca_build_3(b, "Select", unused, ca_build_number(b, score, 0), score);
    index = ca_build_2(b, "Maximum", index, ca_build_number(b, index, 0));
    const CarinaShape s = ca_build_static_shape(b, index);
    const int64_t pads[] = {
        0, b->status == CARINA_OK && s.dims[0] < most ? most - s.dims[0] : 0};
    if (pads[1] > 0 && pads[1] <= INT32_MAX) {
        index = ca_tflite_padded(c, index, pads, 1, "constant", NULL);
        score = ca_tflite_padded(c, score, pads, 1, "constant", NULL);
    }
    ca_tflite_out(c, 0, index);
    if (is_soft)
        ca_tflite_out(c, 1, score);
    ca_tflite_out(c, is_soft ? 2 : 1, ca_build_to_scalar(b, count));
}

const CaTfliteOp ca_tflite_index[] = {
    {"EMBEDDING_LOOKUP", embedding_lookup, NULL, true},
    {"GATHER", gather, NULL, true},
    {"GATHER_ND", gather_nd, NULL, true},
    {"MATRIX_DIAG", matrix_diag, NULL, true},
    {"MATRIX_SET_DIAG", matrix_set_diag, NULL, true},
    {"NON_MAX_SUPPRESSION_V4", non_max_suppression, NULL, false},
    {"NON_MAX_SUPPRESSION_V5", non_max_suppression, NULL, false},
    {"ONE_HOT", one_hot, NULL, false},
    {"SCATTER_ND", scatter_nd, NULL, false},
    {"SEGMENT_SUM", segment_sum, "sum", false},
    {"SPARSE_TO_DENSE", sparse_to_dense, NULL, false},
    {"UNSORTED_SEGMENT_MAX", unsorted_segment, "max", false},
    {"UNSORTED_SEGMENT_MIN", unsorted_segment, "min", false},
    {"UNSORTED_SEGMENT_PROD", unsorted_segment, "prod", false},
    {"UNSORTED_SEGMENT_SUM", unsorted_segment, "sum", false},
    {"WHERE", where, NULL, false},
    {NULL, NULL, NULL, false},
};

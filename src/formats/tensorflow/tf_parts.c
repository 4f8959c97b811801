/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: parts of tensors by place, and tensors put together from parts.
 */
#include "formats/tensorflow/tf.h"

#include <string.h>

enum { MAX_MASK = 1 << 20 };

/* size -1: the rest. */
static int64_t end_of(int64_t from, int64_t size)
{
    return size < 0 || from > INT32_MAX || size > INT32_MAX ? INT32_MAX : from + size;
}

static void slice(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t from[CARINA_MAX_RANK], size[CARINA_MAX_RANK], to[CARINA_MAX_RANK],
        ones[CARINA_MAX_RANK];
    const CarinaShape s = ca_build_shape(b, ca_tf_in(c, 1));
    const int n_from = ca_build_known_ints(b, ca_tf_in(c, 1), from, CARINA_MAX_RANK),
              n_size = ca_build_known_ints(b, ca_tf_in(c, 2), size, CARINA_MAX_RANK);
    const int n = s.rank == 1 && s.dims[0] >= 0 && s.dims[0] <= CARINA_MAX_RANK
                      ? (int)s.dims[0]
                      : 0;
    CaValue *starts, *stops;
    if (n == 0 || (n_size >= 0 && n_size != n)) {
        ca_build_fail(b, CARINA_ERR_SHAPE, "begin and size do not fit its input");
        return;
    }
    for (int i = 0; i < n; i++) {
        ones[i] = 1;
        to[i] = n_from < 0 || n_size < 0 ? 0 : end_of(from[i], size[i]);
    }
    if (n_from >= 0 && n_size >= 0) {
        starts = ca_build_vector(b, from, n);
        stops = ca_build_vector(b, to, n);
    } else {
        starts = ca_build_convert(b, c->in[1], CARINA_I64);
        stops = ca_build_convert(b, c->in[2], CARINA_I64);
        CaValue *rest = ca_build_2(b, "Less", stops, ca_build_scalar(b, 0));
        stops = ca_build_3(b, "Select", rest, ca_build_scalar(b, INT32_MAX),
                           ca_build_2(b, "Add", starts, stops));
    }
    CaValue *const in[] = {ca_tf_in(c, 0), starts, stops, ca_build_vector(b, ones, n),
                           ca_build_iota(b, 0, n)};
    ca_tf_out(c, 0, ca_build_make(b, "Slice", in, 5, 1));
}

/* Bit i of a mask is entry i of the list. */
static void set_mask(CaTfCall *c, CaValue *v, const char *attr, int n)
{
    const int64_t bits = ca_tf_attr_int(c->r, c->node, attr, 0);
    int64_t list[CARINA_MAX_RANK];
    for (int i = 0; i < n; i++)
        list[i] = bits >> i & 1;
    ca_build_set_ints(c->b, v, attr, list, n);
}

static void strided_slice(CaTfCall *c)
{
    CaBuild *b = c->b;
    static const char *const masks[] = {"begin_mask", "end_mask", "new_axis_mask",
                                        "shrink_axis_mask", "ellipsis_mask"};
    CaValue *begin = ca_tf_in(c, 1);
    const CarinaShape s = ca_build_shape(b, begin);
    CaValue *const in[] = {ca_tf_in(c, 0), begin, ca_tf_in(c, 2), ca_tf_in(c, 3)};
    if (s.rank != 1 || s.dims[0] < 0 || s.dims[0] > CARINA_MAX_RANK) {
        ca_build_fail(b, CARINA_ERR_SHAPE, "how many axes it cuts is not known");
        return;
    }
    CaValue *v = ca_build_make(b, "StridedSlice", in, 4, 1);
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++)
        set_mask(c, v, masks[i], (int)s.dims[0]);
    ca_tf_out(c, 0, v);
}

/* --- Gathering. */

static void gather(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *axis =
        ca_tf_opt(c, 2) ? ca_build_to_scalar(b, c->in[2]) : ca_build_scalar(b, 0);
    const int64_t batch = ca_tf_attr_int(c->r, c->node, "batch_dims", 0);
    if (!ca_tf_opt(c, 2) && batch > 0) /* ResourceGather */
        axis = ca_build_scalar(b, batch);
    CaValue *v = ca_build_3(b, "Gather", ca_tf_in(c, 0), ca_tf_in(c, 1), axis);
    ca_build_set_int(b, v, "batch_dims", batch);
    ca_tf_out(c, 0, v);
}

static void gather_nd(CaTfCall *c)
{
    CaValue *v = ca_build_2(c->b, "GatherND", ca_tf_in(c, 0), ca_tf_in(c, 1));
    ca_build_set_int(c->b, v, "batch_dims",
                     ca_tf_attr_int(c->r, c->node, "batch_dims", 0));
    ca_tf_out(c, 0, v);
}

/* --- Scattering. */

static CaValue *scattered(CaBuild *b, CaValue *base, CaValue *index, CaValue *updates,
                          const char *how)
{
    CaValue *v = ca_build_3(b, "ScatterNDUpdate", base, index, updates);
    ca_build_set_text(b, v, "reduction", how);
    return v;
}

/* What goes to the same place is added. */
static void scatter_nd(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *updates = ca_tf_in(c, 1);
    CaValue *base =
        ca_build_2(b, "Broadcast", ca_build_number(b, updates, 0), ca_tf_in(c, 2));
    ca_tf_out(c, 0, scattered(b, base, ca_tf_in(c, 0), updates, "sum"));
}

static void tensor_scatter(CaTfCall *c)
{
    ca_tf_out(
        c, 0,
        scattered(c->b, ca_tf_in(c, 0), ca_tf_in(c, 1), ca_tf_in(c, 2), c->row->ours));
}

/* Inputs: places, shape, values (one for all or one each), what is elsewhere. */
static void sparse_to_dense(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t last = -1;
    CaValue *index = ca_tf_in(c, 0), *values = ca_tf_in(c, 2);
    const int rank = ca_build_rank(b, index);
    if (rank < 1) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "one place without a list");
        return;
    }
    if (rank == 1)
        index = ca_build_2(b, "Unsqueeze", index, ca_build_vector(b, &last, 1));
    const CarinaShape s = ca_build_shape(b, index);
    if (ca_build_rank(b, values) == 0)
        values = ca_build_2(b, "Broadcast", values, ca_build_vector(b, s.dims, 1));
    CaValue *base =
        ca_build_2(b, "Broadcast", ca_build_to_scalar(b, ca_tf_in(c, 3)), ca_tf_in(c, 1));
    ca_tf_out(c, 0, scattered(b, base, index, values, "none"));
}

/* Rows that have the same number are added; numbers [n], rows [n, ...]. */
static void segment_sum(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t last = -1, one = 1, end = INT32_MAX, zero = 0;
    CaValue *x = ca_tf_in(c, 0), *ids = ca_tf_in(c, 1);
    if (ca_build_rank(b, ids) != 1)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "its numbers are no list");
    CaValue *sizes = ca_build_1(b, "ShapeOf", x);
    CaValue *const cut[] = {sizes, ca_build_vector(b, &one, 1),
                            ca_build_vector(b, &end, 1), ca_build_vector(b, &one, 1),
                            ca_build_vector(b, &zero, 1)};
    CaValue *n =
        ca_build_reshape(b, ca_build_convert(b, ca_tf_in(c, 2), CARINA_I64), &one, 1);
    CaValue *const both[] = {n, ca_build_make(b, "Slice", cut, 5, 1)};
    CaValue *to = ca_build_make(b, "Concat", both, 2, 1);
    ca_build_set_int(b, to, "axis", 0);
    CaValue *base = ca_build_2(b, "Broadcast", ca_build_number(b, x, 0), to);
    ca_tf_out(c, 0,
              scattered(b, base,
                        ca_build_2(b, "Unsqueeze", ids, ca_build_vector(b, &last, 1)), x,
                        "sum"));
}

/* --- Matrices. */

/* A constant mask [rows, columns] of what lies between two diagonals. */
static CaValue *band(CaTfCall *c, int64_t rows, int64_t columns, int64_t below,
                     int64_t above)
{
    CaBuild *b = c->b;
    const int64_t dims[] = {rows, columns};
    const CarinaShape s = ca_shape(2, dims);
    int64_t n;
    if (rows < 0 || columns < 0 || !ca_shape_count(&s, &n) || n > MAX_MASK) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "the matrix's size is not known or absurd; give the model's input "
                      "shape");
        return NULL;
    }
    double *mask = ca_arena_array(b->work, (size_t)n + 1, sizeof *mask);
    if (!mask) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            mask[i * columns + j] =
                (below < 0 || i - j <= below) && (above < 0 || j - i <= above);
    return ca_build_convert(b, ca_build_reals(b, &s, mask), CARINA_BOOL);
}

/* The same of one diagonal. */
static CaValue *one_diagonal(CaTfCall *c, int64_t rows, int64_t columns, int64_t k)
{
    CaValue *upper = k > 0 ? band(c, rows, columns, 0, k) : NULL;
    if (k == 0)
        return band(c, rows, columns, 0, 0);
    CaValue *wide = upper ? upper : band(c, rows, columns, -k, 0),
            *less = upper ? band(c, rows, columns, 0, k - 1)
                          : band(c, rows, columns, -k - 1, 0);
    return ca_build_2(c->b, "LogicalXor", wide, less);
}

static void matrix_band(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t below, above;
    CaValue *x = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(b, x);
    if (ca_build_known_ints(b, ca_tf_in(c, 1), &below, 1) != 1 ||
        ca_build_known_ints(b, ca_tf_in(c, 2), &above, 1) != 1 || s.rank < 2) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "its diagonals are computed");
        return;
    }
    CaValue *mask = band(c, s.dims[s.rank - 2], s.dims[s.rank - 1], below, above);
    ca_tf_out(c, 0, ca_build_3(b, "Select", mask, x, ca_build_number(b, x, 0)));
}

/* The newer operators have other diagonals and values outside them. */
static void only_main_diagonal(CaTfCall *c, int n_sizes)
{
    int64_t k = 0;
    double outside = 0;
    for (int i = 0; i < n_sizes; i++) {
        int64_t size = -1;
        if (ca_tf_opt(c, 2 + i) &&
            ca_build_known_ints(c->b, c->in[2 + i], &size, 1) == 1 && size >= 0)
            k = 1;
    }
    if (ca_tf_opt(c, 1) &&
        (k || ca_build_known_ints(c->b, c->in[1], &k, 1) != 1 || k != 0 ||
         ca_build_known_reals(c->b, ca_tf_in(c, 2 + n_sizes), &outside, 1) != 1 ||
         outside != 0))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "other than the main diagonal of a square matrix with 0 beside it");
}

static void matrix_diagonal(CaTfCall *c)
{
    CaBuild *b = c->b;
    const int64_t last = -1;
    CaValue *x = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(b, x);
    only_main_diagonal(c, 2);
    if (s.rank < 1) {
        ca_build_fail(b, CARINA_ERR_SHAPE, "its input is no vector");
        return;
    }
    CaValue *mask = band(c, s.dims[s.rank - 1], s.dims[s.rank - 1], 0, 0);
    ca_tf_out(c, 0,
              ca_build_3(b, "Select", mask,
                         ca_build_2(b, "Unsqueeze", x, ca_build_vector(b, &last, 1)),
                         ca_build_number(b, x, 0)));
}

/* All else is 0, so the sum along the longer axis is the diagonal. */
static void diagonal_part(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(b, x);
    only_main_diagonal(c, 0);
    if (s.rank < 2) {
        ca_build_fail(b, CARINA_ERR_SHAPE, "its input is no matrix");
        return;
    }
    const int64_t rows = s.dims[s.rank - 2], columns = s.dims[s.rank - 1],
                  axis = s.rank - (rows <= columns ? 1 : 2);
    CaValue *mask = band(c, rows, columns, 0, 0);
    CaValue *v = ca_build_2(b, "ReduceSum",
                            ca_build_3(b, "Select", mask, x, ca_build_number(b, x, 0)),
                            ca_build_vector(b, &axis, 1));
    ca_build_set_text(b, v, "keep_dims", "false");
    ca_tf_out(c, 0, v);
}

/* The diagonal k above (or below) the main one of matrices becomes the given vectors. */
static void set_diagonal(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t k[2] = {0, 0};
    CaValue *x = ca_tf_in(c, 0), *v = ca_tf_in(c, 1);
    const CarinaShape s = ca_build_shape(b, x);
    const int n = ca_tf_opt(c, 2) ? ca_build_known_ints(b, c->in[2], k, 2) : 1;
    const int64_t rows = s.rank < 2 ? -1 : s.dims[s.rank - 2],
                  columns = s.rank < 2 ? -1 : s.dims[s.rank - 1];
    if (n < 1 || (n == 2 && k[0] != k[1]) || k[0] <= -rows || k[0] >= columns) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "other than one diagonal of matrices of known size");
        return;
    }
    /* k >= 0: element i stands in row i; else in column i */
    const int64_t length = k[0] < 0 ? (rows + k[0] < columns ? rows + k[0] : columns)
                                    : (columns - k[0] < rows ? columns - k[0] : rows);
    const int64_t axis = k[0] < 0 ? -2 : -1;
    int64_t zeros[CARINA_MAX_RANK] = {0}, behind[CARINA_MAX_RANK] = {0};
    behind[s.rank - 2] = (k[0] < 0 ? columns : rows) - length;
    CaValue *const in[] = {v, ca_build_vector(b, zeros, s.rank - 1),
                           ca_build_vector(b, behind, s.rank - 1),
                           ca_build_number(b, v, 0)};
    if (behind[s.rank - 2] > 0) {
        v = ca_build_make(b, "Pad", in, 4, 1);
        ca_build_set_text(b, v, "pad_mode", "constant");
    }
    v = ca_build_2(b, "Unsqueeze", v, ca_build_vector(b, &axis, 1));
    CaValue *mask = one_diagonal(c, rows, columns, k[0]);
    ca_tf_out(c, 0, ca_build_3(b, "Select", mask, v, x));
}

/* Diag and DiagPart are of vectors and matrices; of more dimensions they mean others. */
static void of_vectors(CaTfCall *c)
{
    const bool is_part = strcmp(c->node->op, "DiagPart") == 0;
    const CarinaShape s = ca_build_shape(c->b, ca_tf_in(c, 0));
    if (s.rank != (is_part ? 2 : 1)) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "its input has %d dimensions; vectors and matrices are read",
                      s.rank);
        return;
    }
    if (is_part)
        diagonal_part(c);
    else
        matrix_diagonal(c);
}

/* Sizes or pairs of them in one layout put into the order of another. */
static void permuted_sizes(CaTfCall *c)
{
    const char *from = ca_tf_attr_text(c->r, c->node, "src_format", "NHWC"),
               *to = ca_tf_attr_text(c->r, c->node, "dst_format", "NCHW");
    CaValue *x = ca_tf_in(c, 0);
    const CarinaShape s = ca_build_shape(c->b, x);
    const size_t n = strlen(from);
    int64_t which[CARINA_MAX_RANK];
    bool good =
        n == strlen(to) && n <= CARINA_MAX_RANK && s.rank >= 1 && s.dims[0] == (int64_t)n;
    for (size_t i = 0; good && i < n; i++) {
        const char *at = strchr(from, to[i]);
        good = at != NULL;
        which[i] = at ? at - from : 0;
    }
    if (!good)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "from '%s' to '%s'", from, to);
    else
        ca_tf_out(c, 0,
                  ca_build_3(c->b, "Gather", x, ca_build_vector(c->b, which, (int)n),
                             ca_build_scalar(c->b, 0)));
}

const CaTfOp ca_tf_parts[] = {
    {"DataFormatVecPermute", permuted_sizes, NULL, 0},
    {"Diag", of_vectors, NULL, 0},
    {"DiagPart", of_vectors, NULL, 0},
    {"Gather", gather, NULL, 0},
    {"GatherNd", gather_nd, NULL, 0},
    {"GatherV2", gather, NULL, 0},
    {"MatrixBandPart", matrix_band, NULL, 0},
    {"MatrixDiag", matrix_diagonal, NULL, 0},
    {"MatrixDiagPart", diagonal_part, NULL, 0},
    {"MatrixDiagPartV2", diagonal_part, NULL, 0},
    {"MatrixDiagPartV3", diagonal_part, NULL, 0},
    {"MatrixDiagV2", matrix_diagonal, NULL, 0},
    {"MatrixDiagV3", matrix_diagonal, NULL, 0},
    {"MatrixSetDiag", set_diagonal, NULL, 0},
    {"MatrixSetDiagV2", set_diagonal, NULL, 0},
    {"MatrixSetDiagV3", set_diagonal, NULL, 0},
    {"ResourceGather", gather, NULL, 0},
    {"ResourceGatherNd", gather_nd, NULL, 0},
    {"ScatterNd", scatter_nd, NULL, 0},
    {"Slice", slice, NULL, 0},
    {"SparseToDense", sparse_to_dense, NULL, 0},
    {"StridedSlice", strided_slice, NULL, 0},
    {"TensorScatterAdd", tensor_scatter, "sum", 0},
    {"TensorScatterMax", tensor_scatter, "max", 0},
    {"TensorScatterMin", tensor_scatter, "min", 0},
    {"TensorScatterSub", tensor_scatter, "sub", 0},
    {"TensorScatterUpdate", tensor_scatter, "none", 0},
    {"UnsortedSegmentSum", segment_sum, NULL, 0},
    {NULL, NULL, NULL, 0},
};

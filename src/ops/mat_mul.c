/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MatMul: products of the matrices in the last two dimensions, the others broadcast. OpenVINO opset1.
 *
 * A vector is a row on the left and a column on the right; the dimension it was given is taken away again, and
 * the transpose flags do not apply to it. Integers wrap. K = 0 gives zeros.
 */
#include "ops/check.h"

typedef struct {
    bool transpose_a, transpose_b;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_BOOL(Attrs, transpose_a, CA_DEFAULT("false")),
    CA_ATTR_BOOL(Attrs, transpose_b, CA_DEFAULT("false")),
    CA_ATTRS_END,
};

/* An operand as a stack of matrices. */
typedef struct {
    CarinaShape batch;
    int64_t rows, cols; /* of the matrix that takes part, after transposing */
    bool transposed, is_vector;
} Side;

static Side side_of(const CarinaShape *s, bool transpose, bool is_left)
{
    Side m = {.is_vector = s->rank == 1};
    if (m.is_vector) {
        m.batch = ca_shape(0, s->dims);
        m.rows = is_left ? 1 : s->dims[0];
        m.cols = is_left ? s->dims[0] : 1;
        return m;
    }
    m.batch = ca_shape(s->rank - 2, s->dims);
    m.transposed = transpose;
    m.rows = s->dims[s->rank - (transpose ? 1 : 2)];
    m.cols = s->dims[s->rank - (transpose ? 2 : 1)];
    return m;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    const CarinaShape left = ca_in_shape(a, 0), right = ca_in_shape(a, 1);
    CA_TRY(ca_check_same(a, 0, 2, err));
    CA_TRY(ca_check_rank(a, 0, 1, CARINA_MAX_RANK, err));
    CA_TRY(ca_check_rank(a, 1, 1, CARINA_MAX_RANK, err));
    CarinaShape y = ca_shape_unknown();
    if (left.rank >= 0 && right.rank >= 0) {
        const Side l = side_of(&left, at->transpose_a, true);
        const Side r = side_of(&right, at->transpose_b, false);
        char ta[CA_SHAPE_TEXT], tb[CA_SHAPE_TEXT];
        if (l.cols >= 0 && r.rows >= 0 && l.cols != r.rows)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "%s and %s do not multiply: %lld columns meet %lld rows",
                                ca_shape_text(ta, sizeof ta, &left),
                                ca_shape_text(tb, sizeof tb, &right), (long long)l.cols,
                                (long long)r.rows);
        if (!ca_shape_broadcast(&y, &l.batch, &r.batch))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "the leading dimensions of %s and %s do not broadcast",
                                ca_shape_text(ta, sizeof ta, &left),
                                ca_shape_text(tb, sizeof tb, &right));
        if (!l.is_vector)
            y.dims[y.rank++] = l.rows;
        if (!r.is_vector)
            y.dims[y.rank++] = r.cols;
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static int64_t element(const Side *m, int64_t base, int64_t row, int64_t col)
{
    return base + (m->transposed ? col * m->rows + row : row * m->cols + col);
}

static void dot(CaRefArgs *r, const Side *l, const Side *m, const int64_t base[2],
                int64_t row, int64_t col, int64_t out)
{
    const CaRefTensor *x = &r->in[0], *y = &r->in[1];
    double sum = 0;
    uint64_t wraps = 0;
    for (int64_t k = 0; k < l->cols; k++) {
        const int64_t i = element(l, base[0], row, k), j = element(m, base[1], k, col);
        if (x->real)
            sum += x->real[i] * y->real[j];
        else
            wraps += (uint64_t)x->whole[i] * (uint64_t)y->whole[j];
    }
    if (x->real)
        r->out[0].real[out] = sum;
    else
        r->out[0].whole[out] = (int64_t)wraps;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const Side l = side_of(&r->in[0].shape, at->transpose_a, true);
    const Side m = side_of(&r->in[1].shape, at->transpose_b, false);
    CarinaShape batch;
    int64_t n;
    if (!ca_shape_broadcast(&batch, &l.batch, &m.batch) || !ca_shape_count(&batch, &n)) {
        r->problem = "the leading dimensions do not broadcast";
        return;
    }
    int64_t out = 0;
    for (int64_t b = 0; b < n && r->out[0].n; b++) {
        const int64_t base[2] = {ca_ref_broadcast(&batch, &l.batch, b) * l.rows * l.cols,
                                 ca_ref_broadcast(&batch, &m.batch, b) * m.rows * m.cols};
        for (int64_t row = 0; row < l.rows; row++)
            for (int64_t col = 0; col < m.cols; col++)
                dot(r, &l, &m, base, row, col, out++);
    }
}

const CaOp ca_op_mat_mul = {
    .name = "MatMul",
    .opset = 1,
    .summary = "matrix product",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};

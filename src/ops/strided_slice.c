/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StridedSlice: a slice described entry by entry. OpenVINO opset1.
 *
 * Entry i of begin, end and strides is about the next axis of x, unless a mask says otherwise: ellipsis_mask
 * stands for all axes that no other entry is about, new_axis_mask puts in an axis of one element,
 * shrink_axis_mask takes index begin[i] and drops the axis; where several are set the first named wins. A 1 in
 * begin_mask or end_mask means that the value is ignored; shrinking does not look at begin_mask.
 */
#include "ops/axes.h"
#include "ops/slice_range.h"

typedef struct {
    CarinaInts begin_mask, end_mask, new_axis_mask, shrink_axis_mask, ellipsis_mask;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INTS(Attrs, begin_mask, 0, 1, CA_REQUIRED),
    CA_ATTR_INTS(Attrs, end_mask, 0, 1, CA_REQUIRED),
    CA_ATTR_INTS(Attrs, new_axis_mask, 0, 1, CA_DEFAULT(NULL)),
    CA_ATTR_INTS(Attrs, shrink_axis_mask, 0, 1, CA_DEFAULT(NULL)),
    CA_ATTR_INTS(Attrs, ellipsis_mask, 0, 1, CA_DEFAULT(NULL)),
    CA_ATTRS_END,
};

enum { MAX_ENTRIES = 2 * CARINA_MAX_RANK };

typedef struct {
    const Attrs *attrs;
    const CarinaShape *x;
    const int64_t *begin, *end, *strides; /* NULL: not known; strides: all 1 */
    int n;
    bool is_known;
    CarinaShape y;
    int64_t base;                  /* offset of the first element in x */
    int64_t step[CARINA_MAX_RANK]; /* along y's axes, in elements of x */
} Plan;

static bool bit(const CarinaInts *mask, int i) { return i < mask->n && mask->v[i] != 0; }

static const char *push(Plan *p, int64_t dim, int64_t step)
{
    if (p->y.rank == CARINA_MAX_RANK)
        return "the output has too many axes";
    p->step[p->y.rank] = step;
    p->y.dims[p->y.rank++] = dim;
    return NULL;
}

/* Entry i on axis d of x, whose elements lie `stride` apart. */
static const char *entry(Plan *p, int i, int d, int64_t stride)
{
    const int64_t n = p->x->dims[d], step = p->strides ? p->strides[i] : 1;
    const bool from_end = step < 0, is_shrunk = bit(&p->attrs->shrink_axis_mask, i);
    int64_t first = 0, count = CARINA_DYNAMIC;
    if (is_shrunk) {
        if (!p->is_known || n < 0)
            return NULL;
        first = p->begin[i] < 0 ? p->begin[i] + n : p->begin[i];
        if (first < 0 || first >= n)
            return "an index to shrink at is outside the axis";
        p->base += first * stride;
        return NULL;
    }
    if (p->is_known && step == 0)
        return "a stride is 0";
    if (p->is_known && n >= 0) {
        const int64_t b =
            bit(&p->attrs->begin_mask, i) ? (from_end ? INT64_MAX : 0) : p->begin[i];
        const int64_t e =
            bit(&p->attrs->end_mask, i) ? (from_end ? INT64_MIN : INT64_MAX) : p->end[i];
        count = ca_slice_range(&first, n, b, e, step);
        p->base += count > 0 ? first * stride : 0;
    }
    return push(p, count, count > 1 ? stride * step : 0);
}

/* How many axes of x the entries are about, the ellipsis not counted; -1: two ellipses. */
static int n_consumed(const Plan *p)
{
    int n = 0, n_ellipses = 0;
    for (int i = 0; i < p->n; i++) {
        n_ellipses += bit(&p->attrs->ellipsis_mask, i);
        n += !bit(&p->attrs->ellipsis_mask, i) && !bit(&p->attrs->new_axis_mask, i);
    }
    return n_ellipses > 1 ? -1 : n;
}

static const char *plan(Plan *p)
{
    const int used = n_consumed(p);
    const char *problem = NULL;
    int64_t strides[CARINA_MAX_RANK] = {0}, n;
    int d = 0;
    if (used < 0)
        return "ellipsis_mask has two entries set";
    if (used > p->x->rank)
        return "there are more entries than axes";
    if (ca_shape_count(p->x, &n)) /* else nothing is moved */
        ca_ref_strides(p->x, strides);
    for (int i = 0; i < p->n && !problem; i++) {
        if (bit(&p->attrs->ellipsis_mask, i)) {
            for (int k = used; k < p->x->rank && !problem; k++, d++)
                problem = push(p, p->x->dims[d], strides[d]);
        } else if (bit(&p->attrs->new_axis_mask, i)) {
            problem = push(p, 1, 0);
        } else {
            problem = entry(p, i, d, strides[d]);
            d++;
        }
    }
    for (; d < p->x->rank && !problem; d++)
        problem = push(p, p->x->dims[d], strides[d]);
    return problem;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), s = ca_in_shape(a, 1);
    int64_t v[3][MAX_ENTRIES];
    int n[3] = {0};
    const bool has_strides = ca_node_input(a->node, 3) != NULL;
    for (int k = 0; k < 3; k++)
        CA_TRY(ca_infer_whole(a, k + 1, "each of begin, end and strides", err));
    if (x.rank < 0 || s.rank != 1 || s.dims[0] < 0)
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    if (s.dims[0] > MAX_ENTRIES)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "begin has %lld entries, at most %d are supported",
                            (long long)s.dims[0], MAX_ENTRIES);
    Plan p = {.attrs = a->attrs, .x = &x, .n = (int)s.dims[0], .is_known = true};
    for (int k = 0; k < 2 + has_strides; k++) {
        p.is_known = p.is_known && ca_in_ints(a, k + 1, v[k], MAX_ENTRIES, &n[k]);
        if (p.is_known && n[k] != p.n)
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "begin has %d entries and input %d has %d; they must agree", p.n, k + 1,
                n[k]);
    }
    if (p.is_known) {
        p.begin = v[0];
        p.end = v[1];
        p.strides = has_strides ? v[2] : NULL;
    }
    const char *const problem = plan(&p);
    if (problem)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", problem);
    ca_out(a, 0, ca_in_type(a, 0), &p.y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    Plan p = {.attrs = r->attrs,
              .x = &r->in->shape,
              .begin = r->in[1].whole,
              .end = r->in[2].whole,
              .strides = ca_ref_has(r, 3) ? r->in[3].whole : NULL,
              .n = (int)r->in[1].n,
              .is_known = true};
    if (r->in[1].n > MAX_ENTRIES || r->in[2].n != p.n || (p.strides && r->in[3].n != p.n))
        r->problem = "begin, end and strides differ in length";
    else
        r->problem = plan(&p);
    if (!r->problem && !ca_shape_equal(&p.y, &r->out->shape))
        r->problem = "the slice is not of the shape that was planned";
    if (!r->problem)
        ca_move_strided(r->out, r->in, p.base, p.step);
}

const CaOp ca_op_strided_slice = {
    .name = "StridedSlice",
    .opset = 1,
    .summary = "a slice, with axes put in or dropped",
    .arity = {3, 4, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};

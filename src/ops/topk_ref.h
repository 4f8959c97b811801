/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TopK in its versions: the k largest or smallest along an axis, and where they were.
 *
 * Of equals the one with the lower index comes first, in all versions and modes; NaN counts as the largest.
 * sort none gives the order of value.
 */
#ifndef CA_OPS_TOPK_REF_H
#define CA_OPS_TOPK_REF_H

#include "ops/axes.h"
#include "ops/whole.h"

enum { CA_TOPK_MIN, CA_TOPK_MAX };
enum { CA_TOPK_NONE, CA_TOPK_INDEX, CA_TOPK_VALUE };

typedef struct CaTopkAttrs {
    int64_t axis;
    int32_t mode, sort;
    CarinaType index_element_type;
    bool stable;
} CaTopkAttrs;

static const char *const ca_topk_modes[] = {"min", "max", NULL};
static const char *const ca_topk_sorts[] = {"none", "index", "value", NULL};

static inline CarinaStatus ca_infer_topk(const CaInferArgs *a, CarinaError *err)
{
    const CaTopkAttrs *const t = a->attrs;
    const CarinaShape x = ca_in_shape(a, 0), s = ca_in_shape(a, 1);
    CarinaShape y = x;
    int64_t k, count;
    int axis, n;
    CA_TRY(ca_infer_whole(a, 1, "k", err));
    if (t->index_element_type != CARINA_I32 && t->index_element_type != CARINA_I64)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "index_element_type is %s; it must be i32 or i64",
                            carina_type_name(t->index_element_type));
    if (t->stable && t->sort == CA_TOPK_NONE)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "stable needs sort value or index");
    if (ca_shape_count(&s, &count) && count != 1)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "k has %lld elements; it must be one number",
                            (long long)count);
    if (x.rank >= 0) {
        CA_TRY(ca_infer_axis(a, t->axis, x.rank, &axis, err));
        y.dims[axis] = CARINA_DYNAMIC;
        if (ca_in_ints(a, 1, &k, 1, &n) && n == 1) {
            if (k < 0 || (x.dims[axis] >= 0 && k > x.dims[axis]))
                return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                    "k is %lld, axis %d has %lld elements", (long long)k,
                                    axis, (long long)x.dims[axis]);
            y.dims[axis] = k;
        }
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    ca_out(a, 1, t->index_element_type, &y);
    return CARINA_OK;
}

/* Does element i come before the best so far, which has a lower index? */
static inline bool ca_topk_beats(const CaRefTensor *x, int32_t mode, int64_t i,
                                 int64_t best)
{
    if (x->real) {
        const double v = x->real[i], b = x->real[best];
        const bool is_larger = !isnan(b) && (isnan(v) || v > b);
        const bool is_smaller = !isnan(v) && (isnan(b) || v < b);
        return mode == CA_TOPK_MAX ? is_larger : is_smaller;
    }
    return mode == CA_TOPK_MAX ? ca_whole_less(x->type, x->whole[best], x->whole[i])
                               : ca_whole_less(x->type, x->whole[i], x->whole[best]);
}

/* rank[i]: 1 for the first of the row, 2 for the second, ... k; 0 for the rest. */
static inline void ca_topk_rank(int64_t *rank, const CaRefTensor *x, int32_t mode,
                                int64_t at, int64_t n, int64_t stride, int64_t k)
{
    memset(rank, 0, (size_t)n * sizeof *rank);
    for (int64_t place = 1; place <= k; place++) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++)
            if (!rank[i] &&
                (best < 0 || ca_topk_beats(x, mode, at + i * stride, at + best * stride)))
                best = i;
        rank[best] = place;
    }
}

static inline size_t ca_work_topk(const CarinaNode *node)
{
    return ca_work_array(0, ca_value_count(node->inputs[0].value) + 1, sizeof(int64_t));
}

static inline void ca_ref_topk(CaRefArgs *r)
{
    const CaTopkAttrs *const t = r->attrs;
    const CaRefTensor *const x = r->in;
    int axis;
    if (!ca_axis(t->axis, x->shape.rank, &axis) || r->out->n == 0)
        return;
    const int64_t n = x->shape.dims[axis], k = r->out->shape.dims[axis];
    const int64_t inner = ca_shape_product(&x->shape, axis + 1, x->shape.rank);
    int64_t *const rank = ca_arena_array(r->arena, (size_t)n + 1, sizeof *rank);
    if (!rank || k > n || r->in[1].whole[0] != k) {
        r->problem =
            rank ? "k is not what was planned" : "out of memory for the reference";
        return;
    }
    for (int64_t row = 0; row < x->n / n; row++) {
        const int64_t from = row / inner * inner * n + row % inner,
                      to = row / inner * inner * k + row % inner;
        int64_t n_seen = 0;
        ca_topk_rank(rank, x, t->mode, from, n, inner, k);
        for (int64_t i = 0; i < n; i++) {
            if (!rank[i])
                continue;
            const int64_t o =
                to + (t->sort == CA_TOPK_INDEX ? n_seen++ : rank[i] - 1) * inner;
            if (x->real)
                r->out[0].real[o] = x->real[from + i * inner];
            else
                r->out[0].whole[o] = x->whole[from + i * inner];
            r->out[1].whole[o] = i;
        }
    }
}

#endif

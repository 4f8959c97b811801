/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks shared by shape rules, and counting shared by references.
 */
#include "ops/check.h"

CarinaStatus ca_check_same(const CaInferArgs *a, int first, int n, CarinaError *err)
{
    const CarinaType type = ca_in_type(a, first);
    for (int i = first; i < first + n; i++) {
        if (!ca_node_input(a->node, i))
            return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                                "input %d is absent; it is required", i);
        if (ca_in_type(a, i) != type || type == CARINA_UNKNOWN)
            return ca_infer_err(a, err, CARINA_ERR_TYPE,
                                "input %d is %s and input %d is %s; give both one type",
                                first, carina_type_name(type), i,
                                carina_type_name(ca_in_type(a, i)));
    }
    return CARINA_OK;
}

CarinaStatus ca_check_real(const CaInferArgs *a, int first, int n, CarinaError *err)
{
    CA_TRY(ca_check_same(a, first, n, err));
    if (!ca_type_is_real(ca_in_type(a, first)))
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "input %d is %s, not a floating type; convert it first",
                            first, carina_type_name(ca_in_type(a, first)));
    return CARINA_OK;
}

CarinaStatus ca_check_whole(const CaInferArgs *a, int i, CarinaError *err)
{
    if (!ca_node_input(a->node, i))
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "input %d is absent; it is required", i);
    if (!ca_type_is_whole(ca_in_type(a, i)))
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "input %d is %s, not an integer type; give i32 or i64", i,
                            carina_type_name(ca_in_type(a, i)));
    return CARINA_OK;
}

CarinaStatus ca_check_rank(const CaInferArgs *a, int i, int lo, int hi, CarinaError *err)
{
    const CarinaShape s = ca_in_shape(a, i);
    if (s.rank < 0 || (s.rank >= lo && s.rank <= hi))
        return CARINA_OK;
    if (lo == hi)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "input %d has %d dimensions; give %d", i, (int)s.rank, lo);
    return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                        "input %d has %d dimensions; give %d to %d", i, (int)s.rank, lo,
                        hi);
}

CarinaStatus ca_check_count(const CaInferArgs *a, const char *attr, CarinaInts list,
                            int n, CarinaError *err)
{
    if (list.n == n)
        return CARINA_OK;
    return ca_infer_err(a, err, CARINA_ERR_ARGUMENT, "%s has %d numbers; give %d", attr,
                        (int)list.n, n);
}

bool ca_dim_meet(int64_t *d, int64_t other)
{
    if (*d < 0)
        *d = other;
    return other < 0 || *d == other;
}

bool ca_dim_times(int64_t *out, int64_t a, int64_t b)
{
    if (a < 0 || b < 0) {
        *out = CARINA_DYNAMIC;
        return true;
    }
    if (a && b > INT64_MAX / a)
        return false;
    *out = a * b;
    return true;
}

int64_t ca_dim(const CarinaShape *s, int i)
{
    return i < s->rank ? s->dims[i] : CARINA_DYNAMIC;
}

bool ca_axes_mask(const int64_t *axes, int64_t n, int rank, bool mask[CARINA_MAX_RANK])
{
    for (int i = 0; i < CARINA_MAX_RANK; i++)
        mask[i] = false;
    for (int64_t i = 0; i < n; i++) {
        int axis;
        if (!ca_axis(axes[i], rank, &axis))
            return false;
        mask[axis] = true;
    }
    return true;
}

CarinaStatus ca_check_axes(const CaInferArgs *a, int i, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    int64_t v[CARINA_MAX_RANK];
    int n;
    CA_TRY(ca_check_whole(a, i, err));
    CA_TRY(ca_check_rank(a, i, 0, 1, err));
    if (x.rank < 0 || !ca_in_ints(a, i, v, CARINA_MAX_RANK, &n))
        return CARINA_OK;
    for (int k = 0; k < n; k++) {
        int axis;
        if (!ca_axis(v[k], x.rank, &axis))
            return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                                "axis %lld is out of range; the input has %d dimensions",
                                (long long)v[k], (int)x.rank);
    }
    return CARINA_OK;
}

int64_t ca_ref_group(const CarinaShape *s, const bool mask[CARINA_MAX_RANK], int64_t i)
{
    int64_t group = 0, step = 1;
    for (int d = s->rank - 1; d >= 0; d--) {
        const int64_t at = i % s->dims[d];
        i /= s->dims[d];
        if (!mask[d]) {
            group += at * step;
            step *= s->dims[d];
        }
    }
    return group;
}

int64_t ca_ref_n_groups(const CarinaShape *s, const bool mask[CARINA_MAX_RANK])
{
    int64_t n = 1;
    for (int d = 0; d < s->rank; d++)
        if (!mask[d])
            n *= s->dims[d];
    return n;
}

double *ca_ref_doubles(CaRefArgs *r, int64_t n)
{
    double *p = (double *)ca_arena_array(r->arena, (size_t)n, sizeof(double));
    if (!p)
        r->problem = "out of memory for work space";
    return p;
}

bool ca_ref_has(const CaRefArgs *r, int i)
{
    return i < r->n_in && r->in[i].type != CARINA_UNKNOWN;
}

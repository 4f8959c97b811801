/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CumSum: sums of all elements up to each one along an axis; exclusive leaves the element itself out, reverse
 * starts at the end. OpenVINO opset3.
 */
#include "ops/axes.h"
#include "ops/whole.h"

typedef struct {
    bool exclusive, reverse;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_BOOL(Attrs, exclusive, CA_DEFAULT("false")),
    CA_ATTR_BOOL(Attrs, reverse, CA_DEFAULT("false")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    int64_t given;
    int axis, n;
    CA_TRY(ca_infer_whole(a, 1, "the axis", err));
    if (x.rank >= 0 && ca_in_ints(a, 1, &given, 1, &n) && n == 1)
        CA_TRY(ca_infer_axis(a, given, x.rank, &axis, err));
    return ca_infer_same_as_input(a, err);
}

/* One row of n elements, step apart (negative: from the end). The exclusive sum is shifted, never x subtracted. */
static void row(CaRefArgs *r, int64_t at, int64_t n, int64_t step, bool is_exclusive)
{
    double sum = 0;
    int64_t whole = 0;
    for (int64_t i = 0; i < n; i++, at += step) {
        const double before = sum;
        const int64_t whole_before = whole;
        if (r->out->real) {
            sum += r->in->real[at];
            r->out->real[at] = is_exclusive ? before : sum;
        } else {
            whole = ca_wrap_add(whole, r->in->whole[at]);
            r->out->whole[at] = is_exclusive ? whole_before : whole;
        }
    }
}

static void ref(CaRefArgs *r)
{
    const Attrs *const t = r->attrs;
    const CarinaShape *const s = &r->in->shape;
    int axis;
    if (r->in[1].n != 1 || !ca_axis(r->in[1].whole[0], s->rank, &axis)) {
        r->problem = "the axis is outside the input's rank";
        return;
    }
    const int64_t n = s->dims[axis], inner = ca_shape_product(s, axis + 1, s->rank);
    for (int64_t o = 0; n && o < r->out->n / n; o++) {
        const int64_t first = o / inner * inner * n + o % inner;
        row(r, t->reverse ? first + (n - 1) * inner : first, n,
            t->reverse ? -inner : inner, t->exclusive);
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "CumSum",
     .map = {{"exclusive", "exclusive", "false"}, {"reverse", "reverse", "false"}}},
    {0},
};

const CaOp ca_op_cum_sum = {
    .name = "CumSum",
    .opset = 3,
    .summary = "running sums along an axis",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};

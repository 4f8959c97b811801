/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse: backwards along the listed axes, or those a mask of booleans names. OpenVINO opset1, gone in opset4. */
#include "ops/axes.h"

enum { INDEX, MASK };

typedef struct {
    int32_t mode;
} Attrs;

static const char *const modes[] = {"index", "mask", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, mode, modes, CA_REQUIRED),
    CA_ATTRS_END,
};

enum { MAX_AXES = 64 };

/* Which axes to reverse. NULL, or the problem. */
static const char *choose(bool *is_reversed, int32_t mode, int rank, const int64_t *v,
                          int64_t n)
{
    int axis;
    if (mode == MASK && n != rank)
        return "the mask must have one entry for each axis";
    for (int64_t i = 0; i < n; i++) {
        if (mode == INDEX && !ca_axis(v[i], rank, &axis))
            return "an axis is outside the input's rank";
        if (mode == INDEX)
            is_reversed[axis] = true;
        else
            is_reversed[i] = v[i] != 0;
    }
    return NULL;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    bool is_reversed[CARINA_MAX_RANK];
    int64_t v[MAX_AXES];
    int n;
    CA_TRY(ca_infer_whole(a, 1, "the axes' tensor", err));
    if (x.rank >= 0 && ca_in_ints(a, 1, v, MAX_AXES, &n)) {
        const char *const problem =
            choose(is_reversed, ((const Attrs *)a->attrs)->mode, x.rank, v, n);
        if (problem)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", problem);
    }
    return ca_infer_same_as_input(a, err);
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *const s = &r->in->shape;
    bool is_reversed[CARINA_MAX_RANK] = {false};
    int64_t strides[CARINA_MAX_RANK], base = 0;
    r->problem = choose(is_reversed, ((const Attrs *)r->attrs)->mode, s->rank,
                        r->in[1].whole, r->in[1].n);
    if (r->problem || r->out->n == 0)
        return;
    ca_ref_strides(s, strides);
    for (int d = 0; d < s->rank; d++) {
        base += is_reversed[d] ? (s->dims[d] - 1) * strides[d] : 0;
        strides[d] *= is_reversed[d] ? -1 : 1;
    }
    ca_move_strided(r->out, r->in, base, strides);
}

const CaOp ca_op_reverse = {
    .name = "Reverse",
    .opset = 1,
    .summary = "backwards along axes",
    .arity = {2, 2, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};

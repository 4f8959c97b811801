/* SPDX-License-Identifier: Apache-2.0 */
/* ShuffleChannels: the axis seen as [group, n / group] and transposed. OpenVINO opset1. */
#include "ops/axes.h"

typedef struct {
    int64_t axis, group;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_DEFAULT("1")),
    CA_ATTR_INT(Attrs, group, 1, INT32_MAX, CA_DEFAULT("1")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *const t = a->attrs;
    const CarinaShape x = ca_in_shape(a, 0);
    int axis;
    if (x.rank >= 0) {
        CA_TRY(ca_infer_axis(a, t->axis, x.rank, &axis, err));
        if (x.dims[axis] >= 0 && x.dims[axis] % t->group != 0)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "axis %d of %lld does not divide into %lld groups", axis,
                                (long long)x.dims[axis], (long long)t->group);
    }
    return ca_infer_same_as_input(a, err);
}

static void ref(CaRefArgs *r)
{
    const Attrs *const t = r->attrs;
    const CarinaShape *const s = &r->in->shape;
    int axis;
    if (!ca_axis(t->axis, s->rank, &axis))
        return;
    const int64_t size = s->dims[axis] / t->group;
    for (int64_t o = 0; o < r->out->n; o++) {
        int64_t c[CARINA_MAX_RANK];
        ca_coords(c, s, o);
        c[axis] = c[axis] % t->group * size + c[axis] / t->group;
        ca_move(r->out, o, r->in, ca_offset(s, c));
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_CAFFE, "ShuffleChannel",
     .map = {{"group", "group", "1"}, {"axis", NULL, "1"}}},
    {0},
};

const CaOp ca_op_shuffle_channels = {
    .name = "ShuffleChannels",
    .opset = 1,
    .summary = "channels of groups interleaved",
    .arity = {1, 1, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SpaceToDepth: blocks of the spatial axes become channels. OpenVINO opset1.
 *
 * The deep channel is block * C + c with blocks_first and c * blocks + block with depth_first, where block
 * counts the places in a block row by row.
 */
#include "ops/axes.h"

enum { BLOCKS_FIRST, DEPTH_FIRST };

typedef struct {
    int64_t block_size;
    int32_t mode;
} Attrs;

static const char *const modes[] = {"blocks_first", "depth_first", NULL};

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, block_size, 1, 1 << 16, CA_DEFAULT("1")),
    CA_ATTR_ENUM(Attrs, mode, modes, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const int64_t b = ((const Attrs *)a->attrs)->block_size;
    const CarinaShape x = ca_in_shape(a, 0);
    CarinaShape y = x;
    int64_t n = 1;
    bool fits = true;
    if (x.rank < 0)
        return ca_infer_unknown(a, 0, ca_in_type(a, 0));
    if (x.rank < 3)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "the input has %d axes; it needs 3 or more", x.rank);
    for (int d = 2; d < x.rank; d++)
        fits &= ca_dim_mul(&n, n, b);
    if (!fits)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT, "block_size %lld is too large",
                            (long long)b);
    for (int d = 2; d < x.rank; d++) {
        if (x.dims[d] >= 0 && x.dims[d] % b != 0)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "axis %d of %lld does not divide by %lld", d,
                                (long long)x.dims[d], (long long)b);
        y.dims[d] = x.dims[d] < 0 ? CARINA_DYNAMIC : x.dims[d] / b;
    }
    fits &= ca_dim_mul(&y.dims[1], x.dims[1], n);
    if (!fits)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT, "the output is too large");
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* The place in the deep tensor of the element that lies at c in the wide one. */
static int64_t deep(const CarinaShape *s, const int64_t *c, int64_t b, int64_t n_channels,
                    int32_t mode)
{
    int64_t at[CARINA_MAX_RANK] = {c[0]}, block = 0, n_blocks = 1;
    for (int d = 2; d < s->rank; d++) {
        block = block * b + c[d] % b;
        n_blocks *= b;
        at[d] = c[d] / b;
    }
    at[1] = mode == BLOCKS_FIRST ? block * n_channels + c[1] : c[1] * n_blocks + block;
    return ca_offset(s, at);
}

static void ref(CaRefArgs *r)
{
    const Attrs *const t = r->attrs;
    const CarinaShape *const wide = &r->in->shape, *const s = &r->out->shape;
    for (int64_t i = 0; i < r->out->n; i++) {
        int64_t c[CARINA_MAX_RANK];
        ca_coords(c, wide, i);
        const int64_t k = deep(s, c, t->block_size, wide->dims[1], t->mode);
        ca_move(r->out, k, r->in, i);
    }
}

const CaOp ca_op_space_to_depth = {
    .name = "SpaceToDepth",
    .opset = 1,
    .summary = "blocks of the image into channels",
    .arity = {1, 1, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};

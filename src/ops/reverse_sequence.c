/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ReverseSequence: in row b of batch_axis, the first lengths[b] elements of seq_axis backwards. OpenVINO opset1.
 */
#include "ops/axes.h"

#include <math.h>

typedef struct {
    int64_t batch_axis, seq_axis;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, batch_axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1,
                CA_DEFAULT("0")),
    CA_ATTR_INT(Attrs, seq_axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_DEFAULT("1")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *const t = a->attrs;
    const CarinaShape x = ca_in_shape(a, 0), lengths = ca_in_shape(a, 1);
    int batch, seq;
    if (x.rank >= 0) {
        CA_TRY(ca_infer_axis(a, t->batch_axis, x.rank, &batch, err));
        CA_TRY(ca_infer_axis(a, t->seq_axis, x.rank, &seq, err));
        if (lengths.rank >= 0 &&
            (lengths.rank != 1 || (lengths.dims[0] >= 0 && x.dims[batch] >= 0 &&
                                   lengths.dims[0] != x.dims[batch])))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "there must be one length for each of %lld rows",
                                (long long)x.dims[batch]);
    }
    return ca_infer_same_as_input(a, err);
}

static void ref(CaRefArgs *r)
{
    const Attrs *const t = r->attrs;
    const CaRefTensor *const x = r->in, *const lengths = &r->in[1];
    int batch, seq;
    if (!ca_axis(t->batch_axis, x->shape.rank, &batch) ||
        !ca_axis(t->seq_axis, x->shape.rank, &seq))
        return;
    for (int64_t o = 0; o < r->out->n; o++) {
        int64_t c[CARINA_MAX_RANK];
        ca_coords(c, &x->shape, o);
        const int64_t b = c[batch];
        const int64_t n = lengths->whole
                              ? lengths->whole[b]
                              : (int64_t)fmin(fmax(lengths->real[b], -1), 0x1p62);
        if (n < 0 || n > x->shape.dims[seq]) {
            r->problem = "a length is outside the sequence";
            return;
        }
        c[seq] = c[seq] < n ? n - 1 - c[seq] : c[seq];
        ca_move(r->out, o, x, ca_offset(&x->shape, c));
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "ReverseSequence",
     .map = {{"batch_axis", "batch_axis", "1"}, {"seq_axis", "time_axis", "0"}}},
    {0},
};

const CaOp ca_op_reverse_sequence = {
    .name = "ReverseSequence",
    .opset = 1,
    .summary = "the beginning of each sequence backwards",
    .arity = {2, 2, 1},
    .flags = CA_OP_MOVES,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Select: then where cond holds, else elsewhere; all three broadcast. OpenVINO opset1.
 *
 * Elements are copied, never blended: a NaN that is not chosen does not show.
 */
#include "ops/axes.h"
#include "ops/binary.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape c = ca_in_shape(a, 0), t = ca_in_shape(a, 1), e = ca_in_shape(a, 2);
    const CarinaType tc = ca_in_type(a, 0), tt = ca_in_type(a, 1), te = ca_in_type(a, 2);
    char sc[CA_SHAPE_TEXT], st[CA_SHAPE_TEXT], se[CA_SHAPE_TEXT];
    CarinaShape both, y;
    if (tc != CARINA_UNKNOWN && tc != CARINA_BOOL)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "the condition is %s; convert it to boolean first",
                            carina_type_name(tc));
    if (tt != CARINA_UNKNOWN && te != CARINA_UNKNOWN && tt != te)
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "the values are %s and %s; convert one", carina_type_name(tt),
                            carina_type_name(te));
    if (!ca_shape_broadcast(&both, &t, &e) || !ca_shape_broadcast(&y, &both, &c))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s, %s and %s do not broadcast",
                            ca_shape_text(sc, sizeof(sc), &c),
                            ca_shape_text(st, sizeof(st), &t),
                            ca_shape_text(se, sizeof(se), &e));
    ca_out(a, 0, tt != CARINA_UNKNOWN ? tt : te, &y);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    CaRefTensor *const y = r->out;
    for (int64_t i = 0; i < y->n; i++) {
        const int64_t c = ca_ref_broadcast(&y->shape, &r->in[0].shape, i);
        const CaRefTensor *const from = &r->in[r->in[0].whole[c] ? 1 : 2];
        ca_move(y, i, from, ca_ref_broadcast(&y->shape, &from->shape, i));
    }
}

static const CaImportRule imports[] = {
    {CA_FORMAT_ONNX, "Where"},
    {0},
};

const CaOp ca_op_select = {
    .name = "Select",
    .opset = 1,
    .summary = "one of two tensors, by a condition",
    .arity = {3, 3, 1},
    .flags = CA_OP_ELEMENTWISE | CA_OP_MOVES,
    .attrs_size = sizeof(CaBroadcastAttrs),
    .attrs = ca_broadcast_attrs,
    .infer = infer,
    .ref = ref,
    .imports = imports,
};

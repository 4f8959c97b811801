/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedTable: y = table[x - lowest of x's type]: any function of one quantised integer. Carina's own.
 *
 * The table has an entry for every number of the type, 256 or 65536; the result has its type.
 */
#include "ops/quantized.h"
#include "ops/whole.h"

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), t = ca_in_shape(a, 1);
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_steps(a, 1, err));
    CA_TRY(ca_check_rank(a, 1, 1, 1, err));
    const int64_t want = ca_in_type(a, 0) == CARINA_UNKNOWN
                             ? -1
                             : INT64_C(1) << carina_type_bits(ca_in_type(a, 0));
    int64_t have = ca_dim(&t, 0);
    if (!ca_dim_meet(&have, want))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "the table has %lld entries; the type has %lld numbers",
                            (long long)have, (long long)want);
    ca_out(a, 0, ca_in_type(a, 1), &x);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const int64_t lowest = ca_whole_lowest(r->in[0].type);
    for (int64_t i = 0; i < r->out[0].n; i++)
        r->out[0].whole[i] = r->in[1].whole[r->in[0].whole[i] - lowest];
}

const CaOp ca_op_quantized_table = {
    .name = "QuantizedTable",
    .opset = 1,
    .summary = "a function of one quantised integer, by its table",
    .arity = {2, 2, 1},
    .flags = CA_OP_OWN,
    .infer = infer,
    .ref = ref,
};

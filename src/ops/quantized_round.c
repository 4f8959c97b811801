/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedRound: floats become quantised integers: x / scale in f32 to the nearest, halves away from zero, plus the zero
 * point, held within the type. NaN is the zero point. Carina's own.
 */
#include "ops/quantized.h"
#include "ops/whole.h"

typedef struct {
    int32_t type;
    double scale;
    int64_t zero;
} Attrs;

static const char *const types[] = {"i8", "u8", "i16", NULL};
static const CarinaType of[] = {CARINA_I8, CARINA_U8, CARINA_I16};

static const CarinaAttr attrs[] = {
    CA_ATTR_ENUM(Attrs, type, types, CA_REQUIRED),
    CA_ATTR_FLOAT(Attrs, scale, 0, 1e30, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, zero, CA_DEFAULT("0")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0);
    CA_TRY(ca_check_real(a, 0, 1, err));
    ca_out(a, 0, of[((const Attrs *)a->attrs)->type], &x);
    return CARINA_OK;
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const int64_t lowest = ca_whole_lowest(of[at->type]),
                  highest = ca_whole_highest(of[at->type]);
    for (int64_t i = 0; i < r->out[0].n; i++) {
        const float q = roundf((float)r->in[0].real[i] / (float)at->scale);
        const float whole = isnan(q) ? 0 : fminf(fmaxf(q, -0x1p24f), 0x1p24f);
        r->out[0].whole[i] = ca_step_held((int64_t)whole + at->zero, lowest, highest);
    }
}

const CaOp ca_op_quantized_round = {
    .name = "QuantizedRound",
    .opset = 1,
    .summary = "floats as quantised integers, rounded as TensorFlow Lite does",
    .arity = {1, 1, 1},
    .flags = CA_OP_ELEMENTWISE | CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};

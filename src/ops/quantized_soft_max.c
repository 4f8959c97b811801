/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedSoftMax: along the last axis, in floats, by a table: table[i] = exp of scale * beta * (i - 255) in f32.
 * Carina's own.
 *
 * The sum of exponentials is taken in f32 from first to last, as TensorFlow Lite takes it. y = zero_y +
 * exp / sum / scale_y, rounded: halves away from zero (i8), or up after adding a half in f32 (u8).
 */
#include "ops/quantized.h"
#include "ops/whole.h"

typedef struct {
    double scale_y;
    int64_t zero_y;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_FLOAT(Attrs, scale_y, 0, 1e30, CA_REQUIRED),
    CA_STEP_ATTR(Attrs, zero_y, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), t = ca_in_shape(a, 1);
    const CarinaType type = ca_in_type(a, 0);
    CA_TRY(ca_check_steps(a, 0, err));
    CA_TRY(ca_check_rank(a, 0, 1, CARINA_MAX_RANK, err));
    CA_TRY(ca_check_real(a, 1, 1, err));
    if (type == CARINA_I16 || (t.rank >= 0 && (t.rank != 1 || t.dims[0] != 256)))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "give 8-bit integers and a table of 256 numbers");
    ca_out(a, 0, type, &x);
    return CARINA_OK;
}

static void row(const Attrs *at, CarinaType type, int64_t *y, const int64_t *x,
                const double *table, int64_t n)
{
    const int64_t lowest = ca_whole_lowest(type), highest = lowest + 255;
    int64_t most = lowest;
    float sum = 0;
    for (int64_t i = 0; i < n; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < n; i++)
        sum += (float)table[255 - most + x[i]];
    const float by = 1.0f / (sum * (float)at->scale_y);
    for (int64_t i = 0; i < n; i++) {
        const float p = (float)table[255 - most + x[i]] * by;
        const float q = type == CARINA_U8 ? floorf(p + 0.5f) : roundf(p);
        y[i] = ca_step_held((q > -1e6f && q < 1e6f ? (int64_t)q : 1000000) + at->zero_y,
                            lowest, highest);
    }
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *s = &r->in[0].shape;
    const int64_t n = s->dims[s->rank - 1];
    for (int64_t i = 0; n > 0 && i + n <= r->in[0].n; i += n)
        row(r->attrs, r->in[0].type, r->out[0].whole + i, r->in[0].whole + i,
            r->in[1].real, n);
}

const CaOp ca_op_quantized_soft_max = {
    .name = "QuantizedSoftMax",
    .opset = 1,
    .summary =
        "softmax of 8-bit integers along the last axis, exact to TensorFlow Lite's",
    .arity = {2, 2, 1},
    .flags = CA_OP_OWN,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};

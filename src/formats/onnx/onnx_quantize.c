/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX: QuantizeLinear and DequantizeLinear.
 *
 * A pair with the same scale and zero point is one FakeQuantize from floats to floats. A lone QuantizeLinear is a
 * FakeQuantize onto the integers; a lone DequantizeLinear, of weights, is (x - zero) * scale.
 */
#include "formats/onnx/onnx_reader.h"

#include <string.h>

typedef struct Range {
    double low, high;
} Range;

static bool type_range(CarinaType type, Range *out)
{
    switch (type) {
    case CARINA_U8: *out = (Range){0, 255}; return true;
    case CARINA_I8: *out = (Range){-128, 127}; return true;
    case CARINA_U16: *out = (Range){0, 65535}; return true;
    case CARINA_I16: *out = (Range){-32768, 32767}; return true;
    case CARINA_U4: *out = (Range){0, 15}; return true;
    case CARINA_I4: *out = (Range){-8, 7}; return true;
    case CARINA_UNKNOWN:
    case CARINA_F32:
    case CARINA_F16:
    case CARINA_BF16:
    case CARINA_F64:
    case CARINA_I32:
    case CARINA_U32:
    case CARINA_I64:
    case CARINA_U64:
    case CARINA_BOOL:
    case CARINA_U1: break;
    }
    return false;
}

/* Scale or zero point, one number or one a channel, as floats that broadcast against x. */
static CaValue *parameter(CaOnnxCall *c, CaValue *v, CaValue *x, CarinaType real)
{
    const CarinaShape s = ca_build_shape(c->b, v);
    int64_t n = 0;
    v = ca_build_convert(c->b, v, real);
    if (!ca_shape_count(&s, &n) || s.rank > 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "scales in blocks; export with one scale a channel");
    if (n <= 1 || c->b->status != CARINA_OK)
        return v;
    const int rank = ca_build_rank(c->b, x);
    const int axis = ca_build_axis(c->b, ca_onnx_attr_int(c, "axis", 1), rank);
    return ca_build_per_channel(c->b, v, axis, rank);
}

/* (bound - zero) * scale */
static CaValue *bound(CaOnnxCall *c, double at, CaValue *scale, CaValue *zero)
{
    CaValue *v = ca_build_number(c->b, scale, at);
    if (zero)
        v = ca_build_2(c->b, "Subtract", v, zero);
    return ca_build_2(c->b, "Multiply", v, scale);
}

static CaValue *fake_quantize(CaOnnxCall *c, CaValue *x, CaValue *scale, CaValue *zero,
                              Range q, bool to_floats)
{
    const CarinaType real = ca_build_type(c->b, x);
    scale = parameter(c, scale, x, real);
    zero = zero ? parameter(c, zero, x, real) : NULL;
    CaValue *low = bound(c, q.low, scale, zero), *high = bound(c, q.high, scale, zero);
    CaValue *const in[] = {x, low, high,
                           to_floats ? low : ca_build_number(c->b, x, q.low),
                           to_floats ? high : ca_build_number(c->b, x, q.high)};
    CaValue *v = ca_build_make(c->b, "FakeQuantize", in, 5, 1);
    ca_build_set_int(c->b, v, "levels", (int64_t)(q.high - q.low) + 1);
    return v;
}

static void quantize(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *scale = ca_onnx_in(c, 1), *zero = ca_onnx_opt(c, 2);
    CarinaType type = zero ? ca_build_type(c->b, zero) : CARINA_U8;
    const int64_t code = ca_onnx_attr_int(c, "output_dtype", 0);
    Range q = {0, 0};
    if (!zero && code > 0 && code < 64)
        type = ca_onnx_type((int32_t)code);
    if (!type_range(type, &q))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "quantises to %s; export with 8-bit integers",
                      carina_type_name(type));
    if (!ca_type_is_real(ca_build_type(c->b, x)))
        x = ca_build_convert(c->b, x, CARINA_F32);
    CaValue *v = fake_quantize(c, x, scale, zero, q, false);
    v = ca_build_convert(c->b, v, type);
    CaOnnxQuant *note = ca_arena_alloc(c->r->b.work, sizeof *note);
    if (!note)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    if (note && v)
        *note = (CaOnnxQuant){
            v, x, scale, zero, type, ca_onnx_attr_int(c, "axis", 1), c->r->quants};
    if (note && v)
        c->r->quants = note;
    ca_onnx_out(c, 0, v);
}

/* The same value, or constants with the same bytes. */
static bool equal(const CaValue *a, const CaValue *b)
{
    if (a == b)
        return true;
    const CarinaTensor *s = a ? a->constant : NULL, *t = b ? b->constant : NULL;
    return s && t && s->type == t->type && s->size == t->size &&
           ca_shape_equal(&s->shape, &t->shape) &&
           (s->size == 0 || memcmp(s->data, t->data, s->size) == 0);
}

static CaValue *dequantized_weight(CaOnnxCall *c, CaValue *x, CaValue *scale,
                                   CaValue *zero)
{
    const CarinaType real = ca_build_type(c->b, scale);
    CaValue *v = ca_build_convert(c->b, x, real);
    if (zero)
        v = ca_build_2(c->b, "Subtract", v, parameter(c, zero, x, real));
    return ca_build_2(c->b, "Multiply", v, parameter(c, scale, x, real));
}

static void dequantize(CaOnnxCall *c)
{
    CaValue *x = ca_onnx_in(c, 0), *scale = ca_onnx_in(c, 1), *zero = ca_onnx_opt(c, 2);
    Range q = {0, 0};
    for (const CaOnnxQuant *note = c->r->quants; note && x; note = note->next)
        if (note->quantized == x && equal(note->scale, scale) &&
            equal(note->zero, zero) && note->axis == ca_onnx_attr_int(c, "axis", 1) &&
            type_range(note->type, &q)) {
            ca_onnx_out(c, 0, fake_quantize(c, note->input, scale, zero, q, true));
            return;
        }
    ca_onnx_out(c, 0, dequantized_weight(c, x, scale, zero));
}

const CaOnnxOp ca_onnx_quant[] = {
    {"", "DequantizeLinear", dequantize, NULL},
    {"", "QuantizeLinear", quantize, NULL},
    {NULL, NULL, NULL, NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: fake quantisation. The limits are moved so that 0 is one of the steps, as its kernels do it.
 */
#include "formats/tensorflow/tf.h"

#include <math.h>
#include <string.h>

typedef struct Steps {
    double low, high; /* the least and the greatest step */
} Steps;

static bool read_steps(CaTfCall *c, Steps *s)
{
    const int64_t bits = ca_tf_attr_int(c->r, c->node, "num_bits", 8);
    const bool narrow = ca_tf_attr_bool(c->r, c->node, "narrow_range", false);
    if (bits < 2 || bits > 16)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "num_bits is %lld; it must be 2 to 16",
                      (long long)bits);
    *s = (Steps){narrow ? 1 : 0, (double)((1 << (bits & 31)) - 1)};
    return c->b->status == CARINA_OK;
}

/* In floats, as the kernels compute. */
static void nudge(const Steps *s, double *min, double *max)
{
    const float low = (float)s->low, high = (float)s->high, from = (float)*min,
                to = (float)*max;
    const float step = (to - from) / (high - low);
    if (!(step > 0)) {
        *min = *max = 0;
        return;
    }
    const float zero = low - from / step;
    const float place = zero < low ? low : zero > high ? high : roundf(zero);
    *min = (double)((low - place) * step);
    *max = (double)((high - place) * step);
}

static CaValue *limit(CaTfCall *c, const double *v, int64_t n)
{
    const CarinaShape one = ca_shape(0, NULL), list = ca_shape(1, &n);
    CaBuild *b = c->b;
    return ca_build_reals(b, n > 0 ? &list : &one, v);
}

/* n = 0: one pair for all. */
static void quantized(CaTfCall *c, double *min, double *max, int64_t n)
{
    CaBuild *b = c->b;
    Steps s;
    bool any = false;
    if (!read_steps(c, &s))
        return;
    for (int64_t i = 0; i < (n ? n : 1); i++) {
        nudge(&s, &min[i], &max[i]);
        any = any || max[i] > min[i];
    }
    CaValue *x = ca_tf_in(c, 0);
    if (!any) { /* limits of 0: all is 0 */
        ca_tf_out(c, 0, ca_build_2(b, "Multiply", x, ca_build_number(b, x, 0)));
        return;
    }
    CaValue *low = limit(c, min, n), *high = limit(c, max, n);
    CaValue *const in[] = {x, low, high, low, high};
    CaValue *v = ca_build_make(b, "FakeQuantize", in, 5, 1);
    ca_build_set_int(b, v, "levels", (int64_t)(s.high - s.low) + 1);
    ca_tf_out(c, 0, v);
}

static void by_attributes(CaTfCall *c)
{
    double min = ca_tf_attr_real(c->r, c->node, "min", -6),
           max = ca_tf_attr_real(c->r, c->node, "max", 6);
    quantized(c, &min, &max, 0);
}

/* Limits are inputs: one, or one a channel of the last axis. */
static void by_inputs(CaTfCall *c)
{
    CaBuild *b = c->b;
    CaValue *low = ca_tf_in(c, 1), *high = ca_tf_in(c, 2);
    const CarinaShape s = ca_build_shape(b, low);
    int64_t n = 0;
    if (b->status != CARINA_OK)
        return;
    if (!low->constant || !high->constant || !ca_shape_count(&s, &n) || n < 1 ||
        n > CA_MAX_PORTS || ca_tensor_count(high->constant) != n) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "its limits are computed; export the model for inference");
        return;
    }
    double *min = ca_arena_array(b->work, (size_t)n, sizeof *min),
           *max = ca_arena_array(b->work, (size_t)n, sizeof *max);
    if (!min || !max) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    (void)ca_build_known_reals(b, low, min, (int)n);
    (void)ca_build_known_reals(b, high, max, (int)n);
    quantized(c, min, max, s.rank == 0 ? 0 : n);
}

/* --- Quantised and back, with a range that is given: the steps are whole multiples, and 0 is one of them. */

static void there_and_back(CaTfCall *c)
{
    CaBuild *b = c->b;
    const bool is_signed = ca_tf_attr_bool(c->r, c->node, "signed_input", true),
               narrow = ca_tf_attr_bool(c->r, c->node, "narrow_range", false);
    int64_t bits = ca_tf_attr_int(c->r, c->node, "num_bits", 8);
    double min = 0, max = 0;
    if (ca_tf_opt(c, 3))
        (void)ca_build_known_ints(b, c->in[3], &bits, 1);
    const bool given =
        ca_tf_attr_bool(c->r, c->node, "range_given",
                        strcmp(c->node->op, "QuantizeAndDequantizeV2") != 0);
    if (!given || ca_build_known_reals(b, ca_tf_in(c, 1), &min, 1) != 1 ||
        ca_build_known_reals(b, ca_tf_in(c, 2), &max, 1) != 1 || bits < 2 || bits > 16) {
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                      "its range is computed; export the model for inference");
        return;
    }
    const double high = (double)((1 << (is_signed ? bits - 1 : bits)) - 1),
                 low = is_signed ? -high - (narrow ? 0 : 1)
                       : narrow  ? 1
                                 : 0;
    const double from_min = low * min > 0 ? low / min : (double)INFINITY,
                 from_max = high * max > 0 ? high / max : (double)INFINITY;
    const double step = from_min < from_max ? min / low : max / high;
    min = low * step;
    max = high * step;
    CaValue *from = ca_build_number(b, NULL, min), *to = ca_build_number(b, NULL, max);
    CaValue *const in[] = {ca_tf_in(c, 0), from, to, from, to};
    CaValue *v = ca_build_make(b, "FakeQuantize", in, 5, 1);
    ca_build_set_int(b, v, "levels", (int64_t)(high - low) + 1);
    ca_tf_out(c, 0, v);
}

/* Whole numbers of 8 or 16 bits to [min, max]. */
static void dequantize(CaTfCall *c)
{
    CaBuild *b = c->b;
    const char *mode = ca_tf_attr_text(c->r, c->node, "mode", "MIN_COMBINED");
    const CarinaType type = ca_build_type(b, ca_tf_in(c, 0));
    double min = 0, max = 0;
    const int bits = type == CARINA_I8 || type == CARINA_U8     ? 8
                     : type == CARINA_I16 || type == CARINA_U16 ? 16
                                                                : 0;
    if (!bits || ca_build_known_reals(b, ca_tf_in(c, 1), &min, 1) != 1 ||
        ca_build_known_reals(b, ca_tf_in(c, 2), &max, 1) != 1) {
        ca_build_fail(
            b, CARINA_ERR_UNSUPPORTED,
            "its range is computed or a list; export without quantised weights");
        return;
    }
    const bool is_signed = !ca_type_is_unsigned(type);
    const double steps = (double)((1 << bits) - 1),
                 lowest = is_signed ? -(double)(1 << (bits - 1)) : 0;
    double scale = (max - min) / steps, offset = min;
    if (strcmp(mode, "SCALED") == 0) {
        const double greatest = is_signed ? (double)((1 << (bits - 1)) - 1) : steps;
        scale = (is_signed ? fmax(fabs(min), fabs(max)) : max) / greatest;
        offset = lowest * scale;
    } else if (strcmp(mode, "MIN_FIRST") == 0 && scale > 0) {
        offset = round(min / scale) * scale;
    }
    CaValue *v = ca_build_convert(b, ca_tf_in(c, 0), CARINA_F32);
    v = ca_build_plus(b, v, -lowest);
    ca_tf_out(c, 0, ca_build_plus(b, ca_build_times(b, v, scale), offset));
}

const CaTfOp ca_tf_quantize[] = {
    {"Dequantize", dequantize, NULL, 0},
    {"FakeQuantWithMinMaxArgs", by_attributes, NULL, 0},
    {"FakeQuantWithMinMaxVars", by_inputs, NULL, 0},
    {"FakeQuantWithMinMaxVarsPerChannel", by_inputs, NULL, 0},
    {"QuantizeAndDequantizeV2", there_and_back, NULL, 0},
    {"QuantizeAndDequantizeV3", there_and_back, NULL, 0},
    {"QuantizeAndDequantizeV4", there_and_back, NULL, 0},
    {NULL, NULL, NULL, 0},
};

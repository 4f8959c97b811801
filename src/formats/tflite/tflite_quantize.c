/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: quantised tensors as FakeQuantize, and the operators that quantise.
 *
 * A tensor of 8-bit steps has real = (q - zero) * scale for q from lowest to highest: one FakeQuantize with the
 * range (lowest - zero) * scale .. (highest - zero) * scale on both sides. The node keeps scale and zero point as
 * they are in the file, which the rounded ends of the range cannot always give back to the last bit.
 */
#include "formats/tflite/tflite_reader.h"

#include <math.h>
#include <string.h>

typedef struct Steps {
    double scale, zero, lowest, highest;
} Steps;

static bool type_range(CarinaType type, Steps *out)
{
    switch (type) {
    case CARINA_U8: out->lowest = 0, out->highest = 255; return true;
    case CARINA_I8: out->lowest = -128, out->highest = 127; return true;
    case CARINA_I16: out->lowest = -32768, out->highest = 32767; return true;
    case CARINA_U16: out->lowest = 0, out->highest = 65535; return true;
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
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4: break;
    }
    return false;
}

bool ca_tflite_is_quantized(const CaTfliteTensor *t)
{
    Steps s;
    return t && t->scales.n > 0 && type_range(t->type, &s);
}

static Steps steps_of(const CaTflite *r, const CaTfliteTensor *t)
{
    Steps s = {.scale = (double)ca_flat_load_f32(r->flat.data + t->scales.at)};
    if (t->zeros.n > 0)
        s.zero = (double)ca_flat_at(&r->flat, &t->zeros, 0, CA_FLAT_I64, 8);
    type_range(t->type, &s);
    return s;
}

bool ca_tflite_same_steps(const CaTflite *r, const CaTfliteTensor *a,
                          const CaTfliteTensor *b)
{
    if (!ca_tflite_is_quantized(a) || !ca_tflite_is_quantized(b) || a->type != b->type)
        return false;
    const Steps s = steps_of(r, a), t = steps_of(r, b);
    return !(s.scale < t.scale) && !(s.scale > t.scale) && !(s.zero < t.zero) &&
           !(s.zero > t.zero);
}

static bool is_power_of_two(const CaTflite *r, const CaTfliteTensor *t)
{
    int exponent = 0;
    return ca_tflite_is_quantized(t) && t->type == CARINA_I16 &&
           fabs(frexp(steps_of(r, t).scale, &exponent) - 0.5) <= 0;
}

/* What the operator has to say for its exact integers that is not seen in the graph; the pass whole-steps reads it. */
static const char *kind_of(CaTfliteCall *c, const CaTfliteTensor *out)
{
    const char *name = c->op ? c->op->name : "";
    if (out != ca_tflite_out_tensor(c, 0))
        return "";
    if (strcmp(name, "QUANTIZE") == 0 &&
        !ca_tflite_is_quantized(ca_tflite_in_tensor(c, 0)))
        return ", of floats";
    if (strcmp(name, "BATCH_MATMUL") == 0)
        return ", of BATCH_MATMUL";
    if ((strcmp(name, "ADD") == 0 || strcmp(name, "SUB") == 0) &&
        is_power_of_two(c->r, out) && is_power_of_two(c->r, ca_tflite_in_tensor(c, 0)) &&
        is_power_of_two(c->r, ca_tflite_in_tensor(c, 1)) &&
        ca_tflite_opt_int(c, "powers_of_two"))
        return ", of shifted sum";
    return "";
}

/* The same of a value that was rounded before: to integers it is rounded again. */
static const char *kind_before(const CaValue *v, const char *steps)
{
    while (ca_node_is(v->node, "Transpose"))
        v = ca_node_input(v->node, 0);
    const char *mark = ca_info_find(v->node->info, CA_TFLITE_STEPS_MARK);
    const size_t n = strlen(steps);
    return mark && strncmp(mark, steps, n) == 0 && mark[n] == ',' ? mark + n : "\"";
}

typedef enum Side { REAL, WHOLE } Side;

/* From one side to the other through the tensor's steps. */
static CaValue *fake_quantize(CaTfliteCall *c, const CaTfliteTensor *t, CaValue *v,
                              Side from, Side to)
{
    CaBuild *b = c->b;
    const Steps s = steps_of(c->r, t);
    CaValue *ends[2][2] = {{NULL, NULL}, {NULL, NULL}};
    if (from == REAL || to == REAL) {
        ends[REAL][0] = ca_build_number(b, v, (s.lowest - s.zero) * s.scale);
        ends[REAL][1] = ca_build_number(b, v, (s.highest - s.zero) * s.scale);
    }
    if (from == WHOLE || to == WHOLE) {
        ends[WHOLE][0] = ca_build_number(b, v, s.lowest);
        ends[WHOLE][1] = ca_build_number(b, v, s.highest);
    }
    CaValue *const in[] = {v, ends[from][0], ends[from][1], ends[to][0], ends[to][1]};
    CaValue *out = ca_build_make(b, "FakeQuantize", in, 5, 1);
    ca_build_set_int(b, out, "levels", (int64_t)(s.highest - s.lowest) + 1);
    const char *steps =
        ca_arena_printf(b->work, "value=\"scale %.9g, zero point %.0f", s.scale, s.zero);
    const char *exact =
        !out || !steps ? NULL
        : to == WHOLE  ? ca_arena_printf(b->work, "%s%s", steps, kind_before(v, steps))
                       : ca_arena_printf(b->work, "%s%s\"", steps,
                                        from == REAL ? kind_of(c, t) : "");
    if (out && exact)
        ca_node_set_info(b->graph, out->node, CA_TFLITE_STEPS_MARK, exact);
    return out;
}

CaValue *ca_tflite_rounded(CaTfliteCall *c, const CaTfliteTensor *t, CaValue *v)
{
    if (!ca_type_is_real(ca_build_type(c->b, v)))
        v = ca_build_convert(c->b, v, CARINA_F32);
    return fake_quantize(c, t, v, REAL, REAL);
}

CaValue *ca_tflite_to_steps(CaTfliteCall *c, const CaTfliteTensor *t, CaValue *v)
{
    return ca_build_convert(c->b, fake_quantize(c, t, v, REAL, WHOLE), t->type);
}

CaValue *ca_tflite_from_steps(CaTfliteCall *c, const CaTfliteTensor *t, CaValue *v)
{
    return fake_quantize(c, t, ca_build_convert(c->b, v, CARINA_F32), WHOLE, REAL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ONNX: operators of extensions, and those that another model stands for.
 */
#include "formats/custom_call.h"
#include "formats/onnx/onnx_reader.h"

static CaCustomValue reals_of(CaOnnxCall *c, const Onnx__AttributeProto *a)
{
    double *v = ca_arena_array(c->b->work, a->n_floats + 1, sizeof *v);
    for (size_t i = 0; v && i < a->n_floats; i++)
        v[i] = (double)a->floats[i];
    return (CaCustomValue){
        .kind = v ? CA_CUSTOM_REALS : CA_CUSTOM_OTHER, .n = (int)a->n_floats, .reals = v};
}

/* Which member counts is what the attribute's type says; proto3 leaves out zeros, and old writers the type. */
static CaCustomValue value(void *arg, const char *name, CarinaAttrKind wanted)
{
    CaOnnxCall *c = arg;
    const Onnx__AttributeProto *a = ca_onnx_attr(c, name);
    if (!a)
        return (CaCustomValue){0};
    if (a->g || a->t || a->n_ints > INT32_MAX || a->n_floats > INT32_MAX)
        return (CaCustomValue){.kind = CA_CUSTOM_OTHER};
    if (a->n_floats)
        return reals_of(c, a);
    if (a->n_ints || (!a->has_i && !a->has_f && !a->has_s &&
                      (wanted == CARINA_ATTR_INTS || wanted == CARINA_ATTR_FLOATS)))
        return (CaCustomValue){
            .kind = CA_CUSTOM_INTS, .n = (int)a->n_ints, .ints = a->ints};
    if (a->has_s)
        return (CaCustomValue){.kind = CA_CUSTOM_TEXT,
                               .text = ca_onnx_attr_text(c, name, "")};
    if (a->has_f)
        return (CaCustomValue){.kind = CA_CUSTOM_REAL, .real = (double)a->f};
    if (wanted == CARINA_ATTR_TYPE)
        return (CaCustomValue){.kind = CA_CUSTOM_INT,
                               .whole = (int64_t)ca_onnx_type((int32_t)a->i)};
    if (wanted == CARINA_ATTR_STRING || wanted == CARINA_ATTR_ENUM)
        return (CaCustomValue){.kind = a->has_i ? CA_CUSTOM_OTHER : CA_CUSTOM_TEXT,
                               .text = ""};
    return (CaCustomValue){.kind = CA_CUSTOM_INT, .whole = a->i};
}

void ca_onnx_custom(CaOnnxCall *c, const char *domain)
{
    CaCustomCall call = {.format = CARINA_FORMAT_ONNX,
                         .domain = domain,
                         .type = c->node->op_type,
                         .in = c->in,
                         .n_in = c->n_in,
                         .n_out = (int)c->node->n_output,
                         .attr = value,
                         .arg = c};
    while (call.n_out > 0 && !ca_onnx_out_used(c, call.n_out - 1))
        call.n_out--;
    ca_custom_call(c->b, &call);
    for (int i = 0; i < call.n_made; i++)
        ca_onnx_out(c, i, call.out[i]);
    ca_build_settle(c->b);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: custom operators that an extension has, and operators that another model stands for. Attributes are what the
 * custom options, a FlexBuffer, hold by name; quantised tensors arrive as the numbers they mean.
 */
#include "formats/custom_call.h"
#include "formats/tflite/tflite_flex.h"
#include "formats/tflite/tflite_reader.h"

#include <math.h>

enum { OPERATOR_CUSTOM_OPTIONS = 5, MOST = 1 << 12 };

typedef struct Options {
    CaTfliteCall *c;
    CaFlex map;
} Options;

static CaCustomValue list_value(const Options *o, const char *name)
{
    double *reals = ca_arena_array(o->c->b->work, MOST, sizeof *reals);
    int64_t *ints = ca_arena_array(o->c->b->work, MOST, sizeof *ints);
    const int n = reals && ints ? ca_flex_list(&o->map, name, reals, MOST) : -1;
    bool whole = true;
    for (int i = 0; i < n; i++) {
        whole = whole && reals[i] == floor(reals[i]) && fabs(reals[i]) < 9e15;
        ints[i] = whole ? (int64_t)reals[i] : 0;
    }
    return (CaCustomValue){.kind = n < 0   ? CA_CUSTOM_OTHER
                                   : whole ? CA_CUSTOM_INTS
                                           : CA_CUSTOM_REALS,
                           .n = n,
                           .ints = ints,
                           .reals = reals};
}

static CaCustomValue value(void *arg, const char *name, CarinaAttrKind wanted)
{
    const Options *o = arg;
    size_t n = 0;
    const double number = ca_flex_number(&o->map, name, (double)NAN);
    const char *text = ca_flex_text(&o->map, name, &n);
    (void)wanted;
    if (!ca_flex_has(&o->map, name))
        return (CaCustomValue){0};
    if (!isnan(number))
        return (CaCustomValue){.kind = CA_CUSTOM_REAL, .real = number};
    if (text)
        text = ca_arena_copy_n(o->c->b->work, text, n);
    return text ? (CaCustomValue){.kind = CA_CUSTOM_TEXT, .text = text}
                : list_value(o, name);
}

void ca_tflite_extension(CaTfliteCall *c)
{
    const CaFlatVector none = {0};
    const CaFlatVector bytes =
        c->node->is_custom && ca_tflite_readable(c)
            ? ca_flat_vector(&c->r->flat, &c->node->table, OPERATOR_CUSTOM_OPTIONS, 1)
            : none;
    const int n_in = ca_tflite_n_in(c);
    CaValue **in = ca_arena_array(c->b->work, (size_t)n_in + 1, sizeof(CaValue *));
    if (!in || !ca_tflite_readable(c)) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    Options options = {
        c, ca_flex_map(c->r->flat.data + bytes.at, bytes.is_there ? bytes.n : 0)};
    for (int i = 0; i < n_in; i++)
        in[i] = ca_tflite_opt(c, i);
    CaCustomCall call = {.format = CARINA_FORMAT_TFLITE,
                         .type = c->node->type,
                         .in = in,
                         .n_in = n_in,
                         .n_out = ca_tflite_n_out(c),
                         .attr = value,
                         .arg = &options};
    ca_custom_call(c->b, &call);
    for (int i = 0; i < call.n_made && i < call.n_out; i++)
        ca_tflite_out(c, i, call.out[i]);
}

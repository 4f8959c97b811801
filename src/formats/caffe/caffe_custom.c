/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caffe: layers of types that an extension has or that another model stands for. The layer's blobs are inputs behind its
 * bottoms; attributes are what its own parameter message, which no descriptor has, says:
 *     layer { type: "Snake" ... snake_param { alpha: 0.5 } }
 */
#include "formats/caffe/caffe_reader.h"
#include "formats/caffe/caffe_text.h"
#include "formats/custom_call.h"
#include "formats/protobuf/protobuf_text.h"

enum { MOST = 1 << 12, TEXT_ROOM = 4096 };

/* The values that one name has in the layer's messages. */
typedef struct Found {
    CaCaffeCall *c;
    const char *name;
    CarinaAttrKind wanted;
    int n;
    bool whole, real, is_truth;
    int64_t *ints;
    double *reals;
    const char *text; /* of the last */
} Found;

static CarinaStatus note(Found *f, const CaProtoToken *t)
{
    int64_t whole = 0;
    double real = 0;
    bool truth = false;
    if (f->n >= MOST)
        return CARINA_ERR_LIMIT;
    f->whole = !t->quoted && ca_proto_int(t, &whole) && f->whole;
    f->real = !t->quoted && ca_proto_real(t, &real) && f->real;
    f->is_truth = !t->quoted && ca_proto_bool(t, &truth);
    f->ints[f->n] = f->is_truth && f->wanted == CARINA_ATTR_BOOL ? truth : whole;
    f->reals[f->n++] = real;
    f->text = ca_arena_copy_n(f->c->b->work, t->text, t->n);
    return f->text ? CARINA_OK : CARINA_ERR_MEMORY;
}

/* Fields of a message, which has been read before: it is well formed. depth 0: those that may be attributes. */
static CarinaStatus scan(Found *f, CaProtoText *t, int depth)
{
    char name[CA_PROTO_NAME];
    if (depth > CA_PROTO_DEPTH)
        return CARINA_ERR_LIMIT;
    for (;;) {
        while (ca_proto_take(t, ',') || ca_proto_take(t, ';'))
            ;
        if (!ca_proto_more(t) || ca_proto_take(t, '}') || ca_proto_take(t, '>'))
            return CARINA_OK;
        CA_TRY(ca_proto_name(t, name));
        (void)ca_proto_take(t, ':');
        const bool is_list = ca_proto_take(t, '[');
        if (is_list && ca_proto_take(t, ']'))
            continue;
        do {
            CaProtoToken token;
            if (ca_proto_take(t, '{') || ca_proto_take(t, '<')) {
                CA_TRY(scan(f, t, depth + 1));
                continue;
            }
            CA_TRY(ca_proto_scalar(t, &token));
            if (depth == 0 && ca_text_equal(name, f->name))
                CA_TRY(note(f, &token));
        } while (is_list && ca_proto_take(t, ','));
        if (is_list)
            (void)ca_proto_take(t, ']');
    }
}

static CaCustomValue value(void *arg, const char *name, CarinaAttrKind wanted)
{
    CaCaffeCall *c = arg;
    const CaCustomValue other = {.kind = CA_CUSTOM_OTHER};
    Found f = {.c = c, .name = name, .wanted = wanted, .whole = true, .real = true};
    const bool is_list = wanted == CARINA_ATTR_INTS || wanted == CARINA_ATTR_FLOATS ||
                         wanted == CARINA_ATTR_SHAPE;
    f.ints = ca_arena_array(c->b->work, MOST, sizeof *f.ints);
    f.reals = ca_arena_array(c->b->work, MOST, sizeof *f.reals);
    if (!f.ints || !f.reals)
        return other;
    for (const CaCaffeSpan *s = c->r->unknown; s; s = s->next) {
        CaProtoText t = {
            s->from, s->to, 1, c->b->path, "prototxt", NULL, {.limit = TEXT_ROOM + 1}};
        const CarinaStatus status =
            s->owner == &c->layer->base ? scan(&f, &t, 0) : CARINA_OK;
        ca_text_free(&t.string);
        if (status != CARINA_OK)
            return other;
    }
    if (f.n == 0)
        return (CaCustomValue){0};
    if (!is_list && f.n > 1) /* given again: the last counts */
        f.ints[0] = f.ints[f.n - 1], f.reals[0] = f.reals[f.n - 1];
    if (wanted == CARINA_ATTR_BOOL)
        return f.is_truth ? (CaCustomValue){.kind = CA_CUSTOM_INT, .whole = f.ints[0]}
                          : other;
    if (!f.real)
        return is_list ? other : (CaCustomValue){.kind = CA_CUSTOM_TEXT, .text = f.text};
    if (is_list)
        return (CaCustomValue){.kind = f.whole ? CA_CUSTOM_INTS : CA_CUSTOM_REALS,
                               .n = f.n,
                               .ints = f.ints,
                               .reals = f.reals};
    return f.whole ? (CaCustomValue){.kind = CA_CUSTOM_INT, .whole = f.ints[0]}
                   : (CaCustomValue){.kind = CA_CUSTOM_REAL, .real = f.reals[0]};
}

void ca_caffe_custom(CaCaffeCall *c)
{
    const int n_weights = (int)ca_caffe_n_weights(c);
    CaValue **in =
        ca_arena_array(c->b->work, (size_t)(c->n_in + n_weights) + 1, sizeof(CaValue *));
    if (!in) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int i = 0; i < c->n_in; i++)
        in[i] = c->in[i];
    for (int i = 0; i < n_weights; i++)
        if (!(in[c->n_in + i] = ca_caffe_weight_stored(c, (size_t)i)))
            return;
    CaCustomCall call = {.format = CARINA_FORMAT_CAFFE,
                         .type = c->type,
                         .in = in,
                         .n_in = c->n_in + n_weights,
                         .n_weights = n_weights,
                         .n_out = (int)c->layer->n_top,
                         .attr = value,
                         .arg = c};
    ca_custom_call(c->b, &call);
    for (int i = 0; i < call.n_made && i < (int)c->layer->n_top; i++)
        c->out[i] = call.out[i];
}

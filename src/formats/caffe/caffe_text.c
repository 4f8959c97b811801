/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prototxt to messages, with bounds: depth, numbers of their field's range, and an arena with a limit.
 */
#include "formats/caffe/caffe_text.h"

#include "formats/protobuf/protobuf_text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 40, TEXT_ROOM = 4096 };

typedef struct Reader {
    CaProtoText t;
    CaArena *arena;
    const CaCaffeSpan *unknown;
} Reader;

typedef const ProtobufCFieldDescriptor Field;

/* Words that only training, or the choice of an implementation, reads. */
static const char ignored[] =
    "weight_filler,bias_filler,filler,scale_filler,engine,force_nd_im2col,moving_average_fraction,stable_prod_grad,"
    "save_output_param,visualize,visualize_threshold,save_file,input_dim,data_filler,added_by,debug_info,"
    "variance_norm,sparse,objectness_score,force_backward";

static CarinaStatus no_memory(const Reader *r)
{
    return ca_err(r->t.err, CARINA_ERR_MEMORY, "%s: line %d: out of memory", r->t.path,
                  r->t.line);
}

/* --- Values. */

static bool boolean(const CaProtoToken *t, protobuf_c_boolean *v)
{
    bool truth = false;
    const bool is_one = ca_proto_bool(t, &truth);
    *v = truth;
    return is_one;
}

static bool enumerated(const CaProtoToken *t, const ProtobufCEnumDescriptor *e, int *out)
{
    int64_t v = 0;
    const bool is_number = ca_proto_int(t, &v);
    for (unsigned i = 0; i < e->n_values; i++)
        if (is_number ? e->values[i].value == v : ca_proto_is(t, e->values[i].name)) {
            *out = e->values[i].value;
            return true;
        }
    return false;
}

static size_t element_size(Field *f)
{
    if (f->type == PROTOBUF_C_TYPE_INT64)
        return sizeof(int64_t);
    return f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE
               ? sizeof(void *)
               : 4;
}

/* Where the next value of the field goes. Arrays grow when their count is a power of two. */
static void *place(Reader *r, ProtobufCMessage *m, Field *f)
{
    char *base = (char *)m;
    void *const member = base + f->offset;
    if (f->label != PROTOBUF_C_LABEL_REPEATED) {
        if (f->quantifier_offset)
            memcpy(base + f->quantifier_offset, &(protobuf_c_boolean){1},
                   sizeof(protobuf_c_boolean));
        return member;
    }
    size_t n;
    char *array;
    const size_t size = element_size(f);
    memcpy(&n, base + f->quantifier_offset, sizeof n);
    memcpy(&array, member, sizeof array);
    if ((n & (n - 1)) == 0) {
        char *grown = ca_arena_array(r->arena, n ? 2 * n : 1, size);
        if (!grown)
            return NULL;
        if (n)
            memcpy(grown, array, n * size);
        array = grown;
        memcpy(member, &array, sizeof array);
    }
    n++;
    memcpy(base + f->quantifier_offset, &n, sizeof n);
    return array + (n - 1) * size;
}

/* The value's own bytes; false where the word is none of the field's kind. */
static bool convert(Reader *r, Field *f, const CaProtoToken *t, void *out)
{
    int64_t whole = 0;
    double v = 0;
    if (f->type == PROTOBUF_C_TYPE_STRING) {
        char *text =
            memchr(t->text, 0, t->n) ? NULL : ca_arena_copy_n(r->arena, t->text, t->n);
        memcpy(out, &text, sizeof text);
        return text != NULL;
    }
    if (f->type == PROTOBUF_C_TYPE_FLOAT) {
        if (t->quoted || !ca_proto_real(t, &v))
            return false;
        memcpy(out, &(float){(float)v}, sizeof(float));
        return true;
    }
    if (f->type == PROTOBUF_C_TYPE_BOOL)
        return boolean(t, out);
    if (f->type == PROTOBUF_C_TYPE_ENUM)
        return enumerated(t, f->descriptor, out);
    if (t->quoted || !ca_proto_int(t, &whole))
        return false;
    if (f->type == PROTOBUF_C_TYPE_INT64)
        memcpy(out, &whole, sizeof whole);
    else if (f->type == PROTOBUF_C_TYPE_INT32 && whole >= INT32_MIN && whole <= INT32_MAX)
        memcpy(out, &(int32_t){(int32_t)whole}, sizeof(int32_t));
    else if (f->type == PROTOBUF_C_TYPE_UINT32 && whole >= 0 && whole <= UINT32_MAX)
        memcpy(out, &(uint32_t){(uint32_t)whole}, sizeof(uint32_t));
    else
        return false;
    return true;
}

static CarinaStatus set_scalar(Reader *r, ProtobufCMessage *m, Field *f)
{
    CaProtoToken t;
    uint64_t value[1] = {0};
    CA_TRY(ca_proto_scalar(&r->t, &t));
    if (!f ||
        f->type == PROTOBUF_C_TYPE_MESSAGE) /* V1's param is a word, V2's a message */
        return CARINA_OK;
    if (!convert(r, f, &t, value))
        return ca_err(r->t.err, CARINA_ERR_FORMAT,
                      "%s: line %d: '%s%.*s' is no value for %s; correct the file there",
                      r->t.path, r->t.line, t.minus ? "-" : "",
                      (int)(t.n < SHOWN ? t.n : SHOWN), t.text, f->name);
    void *to = place(r, m, f);
    if (!to)
        return no_memory(r);
    memcpy(to, value, element_size(f));
    return CARINA_OK;
}

/* --- Messages. */

static CarinaStatus read_fields(Reader *r, ProtobufCMessage *m, bool strict, char close,
                                int depth);

static CarinaStatus skip_message(Reader *r, const ProtobufCMessage *m, char close,
                                 int depth)
{
    const char *from = r->t.p;
    CA_TRY(read_fields(r, NULL, false, close, depth + 1));
    CaCaffeSpan *s = m ? ca_arena_alloc(r->arena, sizeof *s) : NULL;
    if (m && !s)
        return no_memory(r);
    if (s) {
        *s = (CaCaffeSpan){m, from, r->t.p - 1, r->unknown};
        r->unknown = s;
    }
    return CARINA_OK;
}

static CarinaStatus set_message(Reader *r, ProtobufCMessage *m, Field *f, int depth)
{
    const char close = *r->t.p++ == '{' ? '}' : '>';
    ProtobufCMessage *inner = NULL;
    if (depth == CA_PROTO_DEPTH)
        return ca_proto_fail(
            &r->t,
            "messages inside each other more than 64 deep; Carina reads no such file");
    if (!f)
        return skip_message(r, m, close, depth);
    if (f->type != PROTOBUF_C_TYPE_MESSAGE)
        return ca_err(
            r->t.err, CARINA_ERR_FORMAT,
            "%s: line %d: %s is a plain value, not a message; correct the file there",
            r->t.path, r->t.line, f->name);
    if (f->label != PROTOBUF_C_LABEL_REPEATED) /* given twice: merged */
        memcpy(&inner, (char *)m + f->offset, sizeof inner);
    if (!inner) {
        const ProtobufCMessageDescriptor *kind = f->descriptor;
        void *to = place(r, m, f);
        inner = to ? ca_arena_alloc(r->arena, kind->sizeof_message) : NULL;
        if (!inner)
            return no_memory(r);
        protobuf_c_message_init(kind, inner);
        memcpy(to, &inner, sizeof inner);
    }
    const size_t n = strlen(f->name);
    return read_fields(r, inner, n > 6 && strcmp(f->name + n - 6, "_param") == 0, close,
                       depth + 1);
}

static CarinaStatus read_value(Reader *r, ProtobufCMessage *m, Field *f, int depth)
{
    if (ca_proto_more(&r->t) && (*r->t.p == '{' || *r->t.p == '<'))
        return set_message(r, m, f, depth);
    return set_scalar(r, m, f);
}

/* caffe.proto puts '_' behind a name that C cannot have. */
static Field *find_field(const ProtobufCMessageDescriptor *d, const char *name)
{
    char longer[CA_PROTO_NAME + 1];
    Field *f = protobuf_c_message_descriptor_get_field_by_name(d, name);
    if (f)
        return f;
    (void)snprintf(longer, sizeof longer, "%s_", name);
    return protobuf_c_message_descriptor_get_field_by_name(d, longer);
}

static CarinaStatus read_field(Reader *r, ProtobufCMessage *m, bool strict, int depth)
{
    char name[CA_PROTO_NAME];
    CA_TRY(ca_proto_name(&r->t, name));
    Field *f = m ? find_field(m->descriptor, name) : NULL;
    if (strict && !f && !ca_text_in_list(ignored, name))
        return ca_err(
            r->t.err, CARINA_ERR_UNSUPPORTED,
            "%s: line %d: '%s' is no parameter that Carina knows of this layer; "
            "remove it if the layer works without it",
            r->t.path, r->t.line, name);
    const bool colon = ca_proto_take(&r->t, ':');
    if (colon && ca_proto_take(&r->t, '[')) {
        if (ca_proto_take(&r->t, ']'))
            return CARINA_OK;
        do
            CA_TRY(read_value(r, m, f, depth));
        while (ca_proto_take(&r->t, ','));
        return ca_proto_take(&r->t, ']')
                   ? CARINA_OK
                   : ca_proto_fail(&r->t,
                                   "a list is not closed by ']'; correct the file there");
    }
    if (!colon && ca_proto_more(&r->t) && *r->t.p != '{' && *r->t.p != '<')
        return ca_err(
            r->t.err, CARINA_ERR_FORMAT,
            "%s: line %d: neither ':' nor '{' after '%s'; correct the file there",
            r->t.path, r->t.line, name);
    return read_value(r, m, f, depth);
}

/* close 0: to the end of the file. */
static CarinaStatus read_fields(Reader *r, ProtobufCMessage *m, bool strict, char close,
                                int depth)
{
    const int from = r->t.line;
    for (;;) {
        while (ca_proto_take(&r->t, ',') || ca_proto_take(&r->t, ';'))
            ;
        if (!ca_proto_more(&r->t))
            return !close ? CARINA_OK
                          : ca_err(r->t.err, CARINA_ERR_FORMAT,
                                   "%s: line %d: the message that begins here is not "
                                   "closed by '%c'; the file was cut",
                                   r->t.path, from, close);
        if (close && ca_proto_take(&r->t, close))
            return CARINA_OK;
        CA_TRY(read_field(r, m, strict, depth));
    }
}

CarinaStatus ca_caffe_text(ProtobufCMessage **out, const CaCaffeSpan **unknown,
                           CaArena *arena, const ProtobufCMessageDescriptor *kind,
                           const char *path, const CaBuffer *file, CarinaError *err)
{
    const char *data = file->data;
    Reader r = {
        {data, data + file->size, 1, path, "prototxt", err, {.limit = TEXT_ROOM + 1}},
        arena,
        NULL};
    if (file->size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        r.t.p += 3;
    *out = ca_arena_alloc(arena, kind->sizeof_message);
    if (!*out)
        return no_memory(&r);
    protobuf_c_message_init(kind, *out);
    const CarinaStatus status = read_fields(&r, *out, false, 0, 0);
    ca_text_free(&r.t.string);
    *unknown = r.unknown;
    return status;
}

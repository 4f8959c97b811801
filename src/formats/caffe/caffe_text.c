/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prototxt to messages, with bounds: depth, numbers of their field's range, and an arena with a limit.
 */
#include "formats/caffe/caffe_text.h"

#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 64, SHOWN = 40, TEXT_ROOM = 4096, FIELD_ROOM = 64 };

typedef struct Reader {
    const char *p, *end;
    int line;
    const char *path;
    CaArena *arena;
    CarinaError *err;
    char text[TEXT_ROOM]; /* the string just read */
} Reader;

typedef struct Token { /* a scalar */
    const char *text;
    size_t n;
    bool quoted, minus;
} Token;

typedef const ProtobufCFieldDescriptor Field;

/* Words that only training, or the choice of an implementation, reads. */
static const char ignored[] =
    "weight_filler,bias_filler,filler,scale_filler,engine,force_nd_im2col,moving_average_fraction,stable_prod_grad,"
    "save_output_param,visualize,visualize_threshold,save_file,input_dim,data_filler,added_by,debug_info,"
    "variance_norm,sparse,objectness_score,force_backward";

static CarinaStatus fail(const Reader *r, const char *what)
{
    return ca_err(r->err, CARINA_ERR_FORMAT, "%s: line %d: %s", r->path, r->line, what);
}
static CarinaStatus no_memory(const Reader *r)
{
    return ca_err(r->err, CARINA_ERR_MEMORY, "%s: line %d: out of memory", r->path,
                  r->line);
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '+' || c == '-';
}

/* Blanks and comments. True where something is left. */
static bool skip_blanks(Reader *r)
{
    for (; r->p < r->end; r->p++) {
        if (*r->p == '#')
            while (r->p < r->end && *r->p != '\n')
                r->p++;
        if (r->p == r->end)
            break;
        if (*r->p == '\n')
            r->line++;
        else if (*r->p != ' ' && *r->p != '\t' && *r->p != '\r')
            break;
    }
    return r->p < r->end;
}

static bool take(Reader *r, char c)
{
    if (!skip_blanks(r) || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* --- Strings. */

static char octal(const char **p, const char *end)
{
    int v = 0;
    for (int i = 0; i < 3 && *p < end && **p >= '0' && **p <= '7'; i++)
        v = v * 8 + (*(*p)++ - '0');
    return (char)v;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* p is behind the backslash. */
static char escaped(const char **p, const char *end)
{
    static const char from[] = "ntrabfv", to[] = "\n\t\r\a\b\f\v";
    if (**p >= '0' && **p <= '7')
        return octal(p, end);
    const char c = *(*p)++;
    if (c == 'x' && *p < end && hex_digit(**p) >= 0) {
        int v = 0;
        for (int i = 0; i < 2 && *p < end && hex_digit(**p) >= 0; i++)
            v = v * 16 + hex_digit(*(*p)++);
        return (char)v;
    }
    const char *at = c ? strchr(from, c) : NULL;
    return at ? to[at - from] : c;
}

/* Adjacent strings are one. */
static CarinaStatus read_string(Reader *r, Token *t)
{
    char *text = r->text;
    t->text = text;
    t->quoted = true;
    while (skip_blanks(r) && (*r->p == '"' || *r->p == '\'')) {
        const char quote = *r->p++;
        while (r->p < r->end && *r->p != quote && *r->p != '\n') {
            if (t->n == TEXT_ROOM)
                return fail(r,
                            "a text of more than 4096 bytes; Carina reads no such file");
            if (*r->p != '\\')
                text[t->n++] = *r->p++;
            else if (++r->p < r->end)
                text[t->n++] = escaped(&r->p, r->end);
        }
        if (r->p == r->end || *r->p == '\n')
            return fail(
                r,
                "a text is not closed by its quotation mark; the file was cut or is damaged");
        r->p++;
    }
    return CARINA_OK;
}

static CarinaStatus read_scalar(Reader *r, Token *t)
{
    *t = (Token){0};
    if (!skip_blanks(r))
        return fail(r, "the file ends where a value should be; it was cut");
    if (*r->p == '"' || *r->p == '\'')
        return read_string(r, t);
    t->minus = take(r, '-');
    (void)skip_blanks(r);
    t->text = r->p;
    while (r->p < r->end && is_word(*r->p))
        r->p++;
    t->n = (size_t)(r->p - t->text);
    return t->n ? CARINA_OK
                : fail(r, "no value where one should be; correct the file there");
}

/* --- Values. */

static bool integer(const Token *t, int64_t *v)
{
    uint64_t magnitude = 0;
    if (t->text[0] == '-') /* a second sign */
        return false;
    if (t->n > 2 && t->text[0] == '0' && (t->text[1] | 32) == 'x') {
        for (size_t i = 2; i < t->n; i++) {
            const int d = hex_digit(t->text[i]);
            if (d < 0 || magnitude >> 58)
                return false;
            magnitude = magnitude * 16 + (uint64_t)d;
        }
        *v = (int64_t)magnitude;
    } else if (!ca_text_int(v, t->text, t->n)) {
        return false;
    }
    if (t->minus)
        *v = -*v;
    return true;
}

static bool real(const Token *t, double *v)
{
    size_t n = t->n;
    const bool suffix =
        n > 1 && (t->text[n - 1] | 32) == 'f' && (t->text[n - 2] | 32) != 'n';
    if (!ca_text_real(v, t->text, suffix ? n - 1 : n))
        return false;
    if (t->minus)
        *v = -*v;
    return true;
}

static bool token_is(const Token *t, const char *word)
{
    return t->n == strlen(word) && memcmp(t->text, word, t->n) == 0;
}

static bool boolean(const Token *t, protobuf_c_boolean *v)
{
    *v = token_is(t, "true") || token_is(t, "t") || token_is(t, "True") ||
         token_is(t, "1");
    return *v || token_is(t, "false") || token_is(t, "f") || token_is(t, "False") ||
           token_is(t, "0");
}

static bool enumerated(const Token *t, const ProtobufCEnumDescriptor *e, int *out)
{
    int64_t v = 0;
    const bool is_number = integer(t, &v);
    for (unsigned i = 0; i < e->n_values; i++)
        if (is_number ? e->values[i].value == v : token_is(t, e->values[i].name)) {
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
static bool convert(Reader *r, Field *f, const Token *t, void *out)
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
        if (t->quoted || !real(t, &v))
            return false;
        memcpy(out, &(float){(float)v}, sizeof(float));
        return true;
    }
    if (f->type == PROTOBUF_C_TYPE_BOOL)
        return boolean(t, out);
    if (f->type == PROTOBUF_C_TYPE_ENUM)
        return enumerated(t, f->descriptor, out);
    if (t->quoted || !integer(t, &whole))
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
    Token t;
    uint64_t value[1] = {0};
    CA_TRY(read_scalar(r, &t));
    if (!f ||
        f->type == PROTOBUF_C_TYPE_MESSAGE) /* V1's param is a word, V2's a message */
        return CARINA_OK;
    if (!convert(r, f, &t, value))
        return ca_err(r->err, CARINA_ERR_FORMAT,
                      "%s: line %d: '%s%.*s' is no value for %s; correct the file there",
                      r->path, r->line, t.minus ? "-" : "",
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

static CarinaStatus set_message(Reader *r, ProtobufCMessage *m, Field *f, int depth)
{
    const char close = *r->p++ == '{' ? '}' : '>';
    ProtobufCMessage *inner = NULL;
    if (depth == MAX_DEPTH)
        return fail(
            r, "messages inside each other more than 64 deep; Carina reads no such file");
    if (!f)
        return read_fields(r, NULL, false, close, depth + 1);
    if (f->type != PROTOBUF_C_TYPE_MESSAGE)
        return ca_err(
            r->err, CARINA_ERR_FORMAT,
            "%s: line %d: %s is a plain value, not a message; correct the file there",
            r->path, r->line, f->name);
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
    if (skip_blanks(r) && (*r->p == '{' || *r->p == '<'))
        return set_message(r, m, f, depth);
    return set_scalar(r, m, f);
}

static CarinaStatus read_name(Reader *r, char *name, size_t room)
{
    size_t n = 0;
    const bool extension = *r->p == '[';
    if (extension)
        r->p++;
    while (r->p < r->end && (is_word(*r->p) || (extension && *r->p == '/'))) {
        if (n + 1 < room)
            name[n++] = *r->p;
        r->p++;
    }
    name[n] = 0;
    if (n == 0 || (extension && !take(r, ']')))
        return ca_err(
            r->err, CARINA_ERR_FORMAT,
            "%s: line %d: no name of a field where one should be (byte 0x%02x); "
            "the file is no prototxt or is damaged",
            r->path, r->line,
            (unsigned)(unsigned char)*(r->p < r->end ? r->p : r->p - 1));
    return CARINA_OK;
}

/* caffe.proto puts '_' behind a name that C cannot have. */
static Field *find_field(const ProtobufCMessageDescriptor *d, const char *name)
{
    char longer[FIELD_ROOM + 1];
    Field *f = protobuf_c_message_descriptor_get_field_by_name(d, name);
    if (f)
        return f;
    (void)snprintf(longer, sizeof longer, "%s_", name);
    return protobuf_c_message_descriptor_get_field_by_name(d, longer);
}

static CarinaStatus read_field(Reader *r, ProtobufCMessage *m, bool strict, int depth)
{
    char name[FIELD_ROOM];
    CA_TRY(read_name(r, name, sizeof name));
    Field *f = m ? find_field(m->descriptor, name) : NULL;
    if (strict && !f && !ca_text_in_list(ignored, name))
        return ca_err(
            r->err, CARINA_ERR_UNSUPPORTED,
            "%s: line %d: '%s' is no parameter that Carina knows of this layer; "
            "remove it if the layer works without it",
            r->path, r->line, name);
    const bool colon = take(r, ':');
    if (colon && take(r, '[')) {
        if (take(r, ']'))
            return CARINA_OK;
        do
            CA_TRY(read_value(r, m, f, depth));
        while (take(r, ','));
        return take(r, ']')
                   ? CARINA_OK
                   : fail(r, "a list is not closed by ']'; correct the file there");
    }
    if (!colon && skip_blanks(r) && *r->p != '{' && *r->p != '<')
        return ca_err(
            r->err, CARINA_ERR_FORMAT,
            "%s: line %d: neither ':' nor '{' after '%s'; correct the file there",
            r->path, r->line, name);
    return read_value(r, m, f, depth);
}

/* close 0: to the end of the file. */
static CarinaStatus read_fields(Reader *r, ProtobufCMessage *m, bool strict, char close,
                                int depth)
{
    const int from = r->line;
    for (;;) {
        while (take(r, ',') || take(r, ';'))
            ;
        if (!skip_blanks(r))
            return !close ? CARINA_OK
                          : ca_err(r->err, CARINA_ERR_FORMAT,
                                   "%s: line %d: the message that begins here is not "
                                   "closed by '%c'; the file was cut",
                                   r->path, from, close);
        if (close && take(r, close))
            return CARINA_OK;
        CA_TRY(read_field(r, m, strict, depth));
    }
}

CarinaStatus ca_caffe_text(ProtobufCMessage **out, CaArena *arena,
                           const ProtobufCMessageDescriptor *kind, const char *path,
                           const CaBuffer *file, CarinaError *err)
{
    const char *data = file->data;
    Reader r = {data, data + file->size, 1, path, arena, err, {0}};
    if (file->size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        r.p += 3;
    *out = ca_arena_alloc(arena, kind->sizeof_message);
    if (!*out)
        return no_memory(&r);
    protobuf_c_message_init(kind, *out);
    return read_fields(&r, *out, false, 0, 0);
}

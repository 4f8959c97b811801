/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the words of protobuf's text format, with bounds.
 */
#include "formats/protobuf/protobuf_text.h"

#include <string.h>

CarinaStatus ca_proto_fail(const CaProtoText *t, const char *what)
{
    return ca_err(t->err, CARINA_ERR_FORMAT, "%s: line %d: %s", t->path, t->line, what);
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '.' || c == '+' || c == '-';
}

bool ca_proto_more(CaProtoText *t)
{
    for (; t->p < t->end; t->p++) {
        if (*t->p == '#')
            while (t->p < t->end && *t->p != '\n')
                t->p++;
        if (t->p == t->end)
            break;
        if (*t->p == '\n')
            t->line++;
        else if (*t->p != ' ' && *t->p != '\t' && *t->p != '\r')
            break;
    }
    return t->p < t->end;
}

bool ca_proto_take(CaProtoText *t, char c)
{
    if (!ca_proto_more(t) || *t->p != c)
        return false;
    t->p++;
    return true;
}

CarinaStatus ca_proto_name(CaProtoText *t, char name[CA_PROTO_NAME])
{
    size_t n = 0;
    const bool extension = *t->p == '[';
    if (extension)
        t->p++;
    while (t->p < t->end && (is_word(*t->p) || (extension && *t->p == '/'))) {
        if (n + 1 < CA_PROTO_NAME)
            name[n++] = *t->p;
        t->p++;
    }
    name[n] = 0;
    if (n == 0 || (extension && !ca_proto_take(t, ']')))
        return ca_err(
            t->err, CARINA_ERR_FORMAT,
            "%s: line %d: no name of a field where one should be (byte 0x%02x); "
            "the file is no %s or is damaged",
            t->path, t->line, (unsigned)(unsigned char)*(t->p < t->end ? t->p : t->p - 1),
            t->what);
    return CARINA_OK;
}

/* --- Strings. */

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
    int v = 0;
    if (**p >= '0' && **p <= '7') {
        for (int i = 0; i < 3 && *p < end && **p >= '0' && **p <= '7'; i++)
            v = v * 8 + (*(*p)++ - '0');
        return (char)v;
    }
    const char c = *(*p)++;
    if (c == 'x' && *p < end && hex_digit(**p) >= 0) {
        for (int i = 0; i < 2 && *p < end && hex_digit(**p) >= 0; i++)
            v = v * 16 + hex_digit(*(*p)++);
        return (char)v;
    }
    const char *at = c ? strchr(from, c) : NULL;
    return at ? to[at - from] : c;
}

/* The plain bytes up to the next quotation mark, backslash or end of line. */
static void plain(CaProtoText *t, char quote)
{
    const char *from = t->p;
    while (t->p < t->end && *t->p != quote && *t->p != '\n' && *t->p != '\\')
        t->p++;
    ca_text_add_n(&t->string, from, (size_t)(t->p - from));
}

static CarinaStatus read_string(CaProtoText *t, CaProtoToken *out)
{
    t->string.size = 0;
    out->quoted = true;
    while (ca_proto_more(t) && (*t->p == '"' || *t->p == '\'')) {
        const char quote = *t->p++;
        for (plain(t, quote); t->p < t->end && *t->p == '\\'; plain(t, quote)) {
            if (++t->p == t->end)
                break;
            const char c = escaped(&t->p, t->end);
            ca_text_add_n(&t->string, &c, 1);
        }
        if (t->p == t->end || *t->p == '\n')
            return ca_proto_fail(
                t,
                "a text is not closed by its quotation mark; the file was cut or is damaged");
        t->p++;
    }
    if (t->string.failed)
        return ca_proto_fail(t, "a text that is too long; Carina reads no such file");
    out->text = t->string.data ? t->string.data : "";
    out->n = t->string.size;
    return CARINA_OK;
}

/* --- Scalars. */

CarinaStatus ca_proto_scalar(CaProtoText *t, CaProtoToken *out)
{
    *out = (CaProtoToken){0};
    if (!ca_proto_more(t))
        return ca_proto_fail(t, "the file ends where a value should be; it was cut");
    if (*t->p == '"' || *t->p == '\'')
        return read_string(t, out);
    out->minus = ca_proto_take(t, '-');
    (void)ca_proto_more(t);
    out->text = t->p;
    while (t->p < t->end && is_word(*t->p))
        t->p++;
    out->n = (size_t)(t->p - out->text);
    return out->n
               ? CARINA_OK
               : ca_proto_fail(t, "no value where one should be; correct the file there");
}

bool ca_proto_int(const CaProtoToken *t, int64_t *v)
{
    uint64_t magnitude = 0;
    if (t->quoted || t->text[0] == '-') /* a second sign */
        return false;
    if (t->n > 2 && t->text[0] == '0' && (t->text[1] | 32) == 'x') {
        for (size_t i = 2; i < t->n; i++) {
            const int d = hex_digit(t->text[i]);
            if (d < 0 || magnitude >> 58)
                return false;
            magnitude = magnitude * 16 + (uint64_t)d;
        }
    } else {
        for (size_t i = 0; i < t->n; i++) {
            const unsigned d = (unsigned)(t->text[i] - '0');
            if (d > 9 || magnitude > (UINT64_MAX - d) / 10)
                return false;
            magnitude = magnitude * 10 + d;
        }
    }
    if (t->minus && magnitude > (uint64_t)INT64_MAX + 1)
        return false;
    *v = (int64_t)(t->minus ? 0 - magnitude : magnitude);
    return true;
}

bool ca_proto_real(const CaProtoToken *t, double *v)
{
    size_t n = t->n;
    const bool suffix =
        n > 1 && (t->text[n - 1] | 32) == 'f' && (t->text[n - 2] | 32) != 'n';
    if (t->quoted || !ca_text_real(v, t->text, suffix ? n - 1 : n))
        return false;
    if (t->minus)
        *v = -*v;
    return true;
}

bool ca_proto_is(const CaProtoToken *t, const char *word)
{
    return t->n == strlen(word) && memcmp(t->text, word, t->n) == 0;
}

bool ca_proto_bool(const CaProtoToken *t, bool *v)
{
    *v = ca_proto_is(t, "true") || ca_proto_is(t, "t") || ca_proto_is(t, "True") ||
         ca_proto_is(t, "1");
    return *v || ca_proto_is(t, "false") || ca_proto_is(t, "f") ||
           ca_proto_is(t, "False") || ca_proto_is(t, "0");
}

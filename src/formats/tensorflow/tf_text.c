/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow's text form to its binary one, along a table of the messages' fields. Fields that no reader looks at are
 * skipped.
 */
#include "formats/tensorflow/tf_text.h"

#include "formats/protobuf/protobuf_text.h"
#include "formats/protobuf/protobuf_wire.h"

#include <string.h>

typedef enum Message {
    GRAPH,
    NODE,
    ATTR,
    VALUE,
    LIST,
    FUNC,
    TENSOR,
    SHAPE,
    DIM,
    LIBRARY,
    FUNCTION,
    OP,
    ARG,
    PAIR,
    SAVED_MODEL,
    META_GRAPH,
    META_INFO,
    SAVER,
    COLLECTION,
    COLLECTED,
    NODE_LIST,
    BYTES_LIST,
    SIGNATURE,
    SIGNED,
    INFO,
    INFO_VALUE,
    UNKNOWN /* its fields are skipped */
} Message;

typedef enum Kind { TEXT, INT, BOOL, F32, F64, TYPE, INNER } Kind;

typedef struct Row {
    Message of;
    const char *name;
    uint8_t number;
    Kind kind;
    Message inner;
} Row;

static const Row rows[] = {
    {GRAPH, "node", 1, INNER, NODE},
    {GRAPH, "library", 2, INNER, LIBRARY},
    {NODE, "name", 1, TEXT, UNKNOWN},
    {NODE, "op", 2, TEXT, UNKNOWN},
    {NODE, "input", 3, TEXT, UNKNOWN},
    {NODE, "attr", 5, INNER, ATTR},
    {ATTR, "key", 1, TEXT, UNKNOWN},
    {ATTR, "value", 2, INNER, VALUE},
    {VALUE, "list", 1, INNER, LIST},
    {VALUE, "s", 2, TEXT, UNKNOWN},
    {VALUE, "i", 3, INT, UNKNOWN},
    {VALUE, "f", 4, F32, UNKNOWN},
    {VALUE, "b", 5, BOOL, UNKNOWN},
    {VALUE, "type", 6, TYPE, UNKNOWN},
    {VALUE, "shape", 7, INNER, SHAPE},
    {VALUE, "tensor", 8, INNER, TENSOR},
    {VALUE, "placeholder", 9, TEXT, UNKNOWN},
    {VALUE, "func", 10, INNER, FUNC},
    {LIST, "s", 2, TEXT, UNKNOWN},
    {LIST, "i", 3, INT, UNKNOWN},
    {LIST, "f", 4, F32, UNKNOWN},
    {LIST, "b", 5, BOOL, UNKNOWN},
    {LIST, "type", 6, TYPE, UNKNOWN},
    {LIST, "shape", 7, INNER, SHAPE},
    {LIST, "tensor", 8, INNER, TENSOR},
    {LIST, "func", 9, INNER, FUNC},
    {FUNC, "name", 1, TEXT, UNKNOWN},
    {FUNC, "attr", 2, INNER, ATTR},
    {TENSOR, "dtype", 1, TYPE, UNKNOWN},
    {TENSOR, "tensor_shape", 2, INNER, SHAPE},
    {TENSOR, "tensor_content", 4, TEXT, UNKNOWN},
    {TENSOR, "float_val", 5, F32, UNKNOWN},
    {TENSOR, "double_val", 6, F64, UNKNOWN},
    {TENSOR, "int_val", 7, INT, UNKNOWN},
    {TENSOR, "string_val", 8, TEXT, UNKNOWN},
    {TENSOR, "int64_val", 10, INT, UNKNOWN},
    {TENSOR, "bool_val", 11, BOOL, UNKNOWN},
    {TENSOR, "half_val", 13, INT, UNKNOWN},
    {TENSOR, "uint32_val", 16, INT, UNKNOWN},
    {TENSOR, "uint64_val", 17, INT, UNKNOWN},
    {SHAPE, "dim", 2, INNER, DIM},
    {SHAPE, "unknown_rank", 3, BOOL, UNKNOWN},
    {DIM, "size", 1, INT, UNKNOWN},
    {DIM, "name", 2, TEXT, UNKNOWN},
    {LIBRARY, "function", 1, INNER, FUNCTION},
    {FUNCTION, "signature", 1, INNER, OP},
    {FUNCTION, "node_def", 3, INNER, NODE},
    {FUNCTION, "ret", 4, INNER, PAIR},
    {FUNCTION, "attr", 5, INNER, ATTR},
    {OP, "name", 1, TEXT, UNKNOWN},
    {OP, "input_arg", 2, INNER, ARG},
    {OP, "output_arg", 3, INNER, ARG},
    {OP, "is_stateful", 17, BOOL, UNKNOWN},
    {ARG, "name", 1, TEXT, UNKNOWN},
    {ARG, "type", 3, TYPE, UNKNOWN},
    {ARG, "type_attr", 4, TEXT, UNKNOWN},
    {ARG, "number_attr", 5, TEXT, UNKNOWN},
    {ARG, "type_list_attr", 6, TEXT, UNKNOWN},
    {ARG, "is_ref", 16, BOOL, UNKNOWN},
    {PAIR, "key", 1, TEXT, UNKNOWN},
    {PAIR, "value", 2, TEXT, UNKNOWN},
    {SAVED_MODEL, "saved_model_schema_version", 1, INT, UNKNOWN},
    {SAVED_MODEL, "meta_graphs", 2, INNER, META_GRAPH},
    {META_GRAPH, "meta_info_def", 1, INNER, META_INFO},
    {META_GRAPH, "graph_def", 2, INNER, GRAPH},
    {META_GRAPH, "saver_def", 3, INNER, SAVER},
    {META_GRAPH, "collection_def", 4, INNER, COLLECTION},
    {META_GRAPH, "signature_def", 5, INNER, SIGNATURE},
    {META_INFO, "tags", 4, TEXT, UNKNOWN},
    {META_INFO, "tensorflow_version", 5, TEXT, UNKNOWN},
    {SAVER, "filename_tensor_name", 1, TEXT, UNKNOWN},
    {SAVER, "save_tensor_name", 2, TEXT, UNKNOWN},
    {SAVER, "restore_op_name", 3, TEXT, UNKNOWN},
    {COLLECTION, "key", 1, TEXT, UNKNOWN},
    {COLLECTION, "value", 2, INNER, COLLECTED},
    {COLLECTED, "node_list", 1, INNER, NODE_LIST},
    {COLLECTED, "bytes_list", 2, INNER, BYTES_LIST},
    {NODE_LIST, "value", 1, TEXT, UNKNOWN},
    {BYTES_LIST, "value", 1, TEXT, UNKNOWN},
    {SIGNATURE, "key", 1, TEXT, UNKNOWN},
    {SIGNATURE, "value", 2, INNER, SIGNED},
    {SIGNED, "inputs", 1, INNER, INFO},
    {SIGNED, "outputs", 2, INNER, INFO},
    {SIGNED, "method_name", 3, TEXT, UNKNOWN},
    {INFO, "key", 1, TEXT, UNKNOWN},
    {INFO, "value", 2, INNER, INFO_VALUE},
    {INFO_VALUE, "name", 1, TEXT, UNKNOWN},
    {INFO_VALUE, "dtype", 2, TYPE, UNKNOWN},
    {INFO_VALUE, "tensor_shape", 3, INNER, SHAPE},
};
enum { N_ROWS = sizeof rows / sizeof rows[0], SHOWN = 40, LOOK = 4096 };

typedef struct Reader {
    CaProtoText t;
    CaText out;
    CaWire w;
} Reader;

static const Row *row_of(Message of, const char *name)
{
    for (int i = 0; of != UNKNOWN && i < N_ROWS; i++)
        if (rows[i].of == of && strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

/* --- Scalars. */

/* The bits and the wire of a number; false where the word is no value of that kind. */
static bool number(const CaProtoToken *t, Kind kind, uint64_t *bits)
{
    int64_t whole = 0;
    double real = 0;
    bool truth = false;
    if (kind == BOOL) {
        const bool ok = ca_proto_bool(t, &truth);
        *bits = truth;
        return ok;
    }
    if (kind == F32 || kind == F64) {
        const bool ok = ca_proto_real(t, &real);
        const float single = (float)real;
        uint32_t word;
        memcpy(&word, &single, sizeof word);
        memcpy(bits, &real, sizeof real);
        if (kind == F32)
            *bits = word;
        return ok;
    }
    if (kind == TYPE && ca_tf_type_find(t->text, t->n, bits))
        return true;
    const bool ok = ca_proto_int(t, &whole);
    *bits = (uint64_t)whole;
    return ok;
}

static void put_fixed(CaText *out, uint64_t bits, size_t n)
{
    char bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(unsigned char)(bits >> 8 * i);
    ca_text_add_n(out, bytes, n);
}

static CarinaStatus put_scalar(Reader *r, const Row *row)
{
    CaProtoToken t;
    uint64_t bits = 0;
    CA_TRY(ca_proto_scalar(&r->t, &t));
    if (!row)
        return CARINA_OK;
    if (row->kind == INNER || (row->kind == TEXT) != t.quoted ||
        (row->kind != TEXT && !number(&t, row->kind, &bits)))
        return ca_err(r->t.err, CARINA_ERR_FORMAT,
                      "%s: line %d: '%s%.*s' is no value for %s; correct the file there",
                      r->t.path, r->t.line, t.minus ? "-" : "",
                      (int)(t.n < SHOWN ? t.n : SHOWN), t.text, row->name);
    const unsigned wire = row->kind == TEXT  ? 2
                          : row->kind == F32 ? 5
                          : row->kind == F64 ? 1
                                             : 0;
    ca_wire_put(&r->out, (uint64_t)row->number << 3 | wire, 1);
    if (wire == 2) {
        ca_wire_put(&r->out, t.n, 1);
        ca_text_add_n(&r->out, t.text, t.n);
    } else if (wire == 0) {
        ca_wire_put(&r->out, bits, 1);
    } else {
        put_fixed(&r->out, bits, wire == 5 ? 4 : 8);
    }
    return CARINA_OK;
}

/* --- Messages. */

static CarinaStatus put_fields(Reader *r, Message of, char close, int depth);

static CarinaStatus put_message(Reader *r, const Row *row, int depth)
{
    const char close = *r->t.p++ == '{' ? '}' : '>';
    const CaWireField here = {.key = (size_t)r->t.line};
    if (depth == CA_PROTO_DEPTH)
        return ca_proto_fail(
            &r->t,
            "messages inside each other more than 64 deep; Carina reads no such file");
    if (!row)
        return put_fields(r, UNKNOWN, close, depth + 1);
    if (row->kind != INNER)
        return ca_err(
            r->t.err, CARINA_ERR_FORMAT,
            "%s: line %d: %s is a plain value, not a message; correct the file there",
            r->t.path, r->t.line, row->name);
    const size_t start = ca_wire_begin(&r->w, row->number);
    CA_TRY(put_fields(r, row->inner, close, depth + 1));
    return ca_wire_end(&r->w, start, &here);
}

static CarinaStatus put_value(Reader *r, const Row *row, int depth)
{
    if (ca_proto_more(&r->t) && (*r->t.p == '{' || *r->t.p == '<'))
        return put_message(r, row, depth);
    return put_scalar(r, row);
}

static CarinaStatus put_field(Reader *r, Message of, int depth)
{
    char name[CA_PROTO_NAME];
    CA_TRY(ca_proto_name(&r->t, name));
    const Row *row = row_of(of, name);
    const bool colon = ca_proto_take(&r->t, ':');
    if (colon && ca_proto_take(&r->t, '[')) {
        if (ca_proto_take(&r->t, ']'))
            return CARINA_OK;
        do
            CA_TRY(put_value(r, row, depth));
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
    return put_value(r, row, depth);
}

/* close 0: to the end of the file. */
static CarinaStatus put_fields(Reader *r, Message of, char close, int depth)
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
        CA_TRY(put_field(r, of, depth));
    }
}

/* --- The file. */

static CaProtoText begin(const char *path, const CaBuffer *file, CarinaError *err)
{
    const char *data = file->data;
    CaProtoText t = {data, data + file->size,    1, path, "TensorFlow graph",
                     err,  {.limit = file->size}};
    if (file->size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        t.p += 3;
    return t;
}

bool ca_tf_is_text(const CaBuffer *file)
{
    const char *p = file->data;
    const size_t look = file->size < LOOK ? file->size : LOOK;
    size_t i = look >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    if (i == look)
        return false;
    for (; i < look; i++)
        if ((unsigned char)p[i] < ' ' && p[i] != '\n' && p[i] != '\r' && p[i] != '\t')
            return false;
    return true;
}

bool ca_tf_text_begins(const CaBuffer *file, const char *field)
{
    CaProtoText t = begin("", file, NULL);
    char name[CA_PROTO_NAME];
    return ca_proto_more(&t) && ca_proto_name(&t, name) == CARINA_OK &&
           strcmp(name, field) == 0 && ca_proto_more(&t) && *t.p == '{';
}

CarinaStatus ca_tf_text_read(CaBuffer **out, const char *path, const CaBuffer *file,
                             CaTfRoot root, CarinaError *err)
{
    const Message of = root == CA_TF_GRAPH        ? GRAPH
                       : root == CA_TF_META_GRAPH ? META_GRAPH
                                                  : SAVED_MODEL;
    Reader r = {.t = begin(path, file, err)};
    r.w = (CaWire){NULL, path, "is no TensorFlow model", &r.out, err};
    *out = NULL;
    /* "[0,0" is 2 characters an element and becomes 9 bytes. */
    CarinaStatus status = ca_wire_open(&r.w, file->size, 8, "model");
    if (status == CARINA_OK)
        status = put_fields(&r, of, 0, 0);
    if (status == CARINA_OK && (r.out.failed || !(*out = ca_buffer_create(r.out.size))))
        status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    if (status == CARINA_OK && r.out.size)
        memcpy((*out)->data, r.out.data, r.out.size);
    ca_text_free(&r.out);
    ca_text_free(&r.t.string);
    return status;
}

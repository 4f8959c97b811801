/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: subgraphs, tensors and operators of the file's tables, parsed when a subgraph is first needed.
 */
#include "formats/tflite/tflite_reader.h"

#include <string.h>

/* Field ids of TensorFlow Lite's schema.fbs. */
enum { SUBGRAPH_TENSORS = 0, SUBGRAPH_INPUTS, SUBGRAPH_OUTPUTS, SUBGRAPH_OPERATORS };
enum {
    TENSOR_SHAPE = 0,
    TENSOR_TYPE = 1,
    TENSOR_BUFFER = 2,
    TENSOR_NAME = 3,
    TENSOR_QUANTIZATION = 4,
    TENSOR_IS_VARIABLE = 5,
    TENSOR_SPARSITY = 6,
    TENSOR_SIGNATURE = 7,
    TENSOR_EXTERNAL = 10
};
enum {
    QUANT_SCALE = 2,
    QUANT_ZERO = 3,
    QUANT_DETAILS_TYPE = 4,
    QUANT_DETAILS = 5,
    QUANT_AXIS = 6
};
enum { BUFFER_DATA = 0, BUFFER_OFFSET, BUFFER_SIZE };
enum { CODE_OLD = 0, CODE_CUSTOM = 1, CODE_NEW = 3 };
enum {
    OPERATOR_CODE = 0,
    OPERATOR_INPUTS,
    OPERATOR_OUTPUTS,
    OPERATOR_OPTIONS_TYPE,
    OPERATOR_OPTIONS
};
enum { CODE_IS_CUSTOM = 32, BLOCKWISE = 2 };
enum { OP_DEQUANTIZE = 6, OP_DENSIFY = 124 };

typedef struct Type {
    const char *text;
    CarinaType type;
} Type;

static const Type types[] = {
    {"float32", CARINA_F32},       {"float16", CARINA_F16},
    {"int32", CARINA_I32},         {"uint8", CARINA_U8},
    {"int64", CARINA_I64},         {"string", CARINA_UNKNOWN},
    {"bool", CARINA_BOOL},         {"int16", CARINA_I16},
    {"complex64", CARINA_UNKNOWN}, {"int8", CARINA_I8},
    {"float64", CARINA_F64},       {"complex128", CARINA_UNKNOWN},
    {"uint64", CARINA_U64},        {"resource", CARINA_UNKNOWN},
    {"variant", CARINA_UNKNOWN},   {"uint32", CARINA_U32},
    {"uint16", CARINA_U16},        {"int4", CARINA_I4},
    {"bfloat16", CARINA_BF16},     {"int2", CARINA_UNKNOWN},
    {"uint4", CARINA_U4},
};
enum { N_TYPES = sizeof types / sizeof types[0] };

CarinaType ca_tflite_type(int32_t code)
{
    return code >= 0 && code < N_TYPES ? types[code].type : CARINA_UNKNOWN;
}
const char *ca_tflite_type_text(int32_t code)
{
    return code >= 0 && code < N_TYPES ? types[code].text : "unknown";
}

typedef struct Code {
    int32_t code;
    const char *name;
    int options_type;
} Code;

static const Code codes[] = {
#define CA_TFLITE_CODE(code, name, options) {code, #name, options},
#include "formats/tflite/tflite_codes.def"
#undef CA_TFLITE_CODE
};

static const Code *code_of(int32_t code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code)
            return &codes[i];
    return NULL;
}

const char *ca_tflite_code_text(int32_t code)
{
    const Code *row = code_of(code);
    return row ? row->name : NULL;
}
int ca_tflite_options_type(int32_t code)
{
    const Code *row = code_of(code);
    return row && row->options_type ? row->options_type : -1;
}

/* --- Tensors. */

static CarinaStatus read_shape(CaTflite *r, CaTfliteTensor *t, const CaFlatTable *table)
{
    CaFlat *f = &r->flat;
    CaFlatVector v = ca_flat_vector(f, table, TENSOR_SHAPE, 4);
    const CaFlatVector signature = ca_flat_vector(f, table, TENSOR_SIGNATURE, 4);
    bool is_empty = false;
    for (uint32_t i = 0; i < v.n; i++)
        is_empty = is_empty || ca_flat_i32(f, &v, i) == 0;
    if (t->data_size == 0 && !is_empty)
        t->is_constant = false; /* an empty buffer of its own */
    if (signature.n == v.n && !t->is_constant)
        v = signature;
    if (v.n > CARINA_MAX_RANK)
        return ca_err(f->err, CARINA_ERR_LIMIT,
                      "%s: tensor '%s' has %u dimensions; Carina reads at most %d",
                      f->path, t->name, v.n, CARINA_MAX_RANK);
    t->shape = ca_shape_of_rank((int)v.n);
    for (uint32_t i = 0; i < v.n; i++) {
        const int32_t dim = ca_flat_i32(f, &v, i);
        t->shape.dims[i] = dim;
        if (dim < -1 || (dim < 0 && t->is_constant))
            return ca_err(f->err, CARINA_ERR_FORMAT,
                          "%s: tensor '%s' has dimension %d; the file is damaged",
                          f->path, t->name, dim);
    }
    return f->status;
}

/* Where the tensor's bytes lie: in the buffer's vector, or behind the tables in files above 2 GiB. */
static CarinaStatus read_buffer(CaTflite *r, CaTfliteTensor *t, const CaFlatTable *table)
{
    CaFlat *f = &r->flat;
    const int64_t index = ca_flat_int(f, table, TENSOR_BUFFER, CA_FLAT_U32, 0);
    if (ca_flat_int(f, table, TENSOR_EXTERNAL, CA_FLAT_U32, 0) != 0)
        return ca_err(f->err, CARINA_ERR_UNSUPPORTED,
                      "%s: tensor '%s' has its data in another file; Carina reads models "
                      "of one file, convert without external buffers",
                      f->path, t->name);
    if (index == 0 || f->status != CARINA_OK)
        return f->status; /* buffer 0 is empty by definition */
    if (index >= r->buffers.n)
        return ca_err(f->err, CARINA_ERR_FORMAT,
                      "%s: tensor '%s' is in buffer %lld, the file has %u; the file is "
                      "damaged",
                      f->path, t->name, (long long)index, r->buffers.n);
    const CaFlatTable buffer = ca_flat_item(f, &r->buffers, (uint32_t)index);
    const CaFlatVector data = ca_flat_vector(f, &buffer, BUFFER_DATA, 1);
    const uint64_t offset =
        (uint64_t)ca_flat_int(f, &buffer, BUFFER_OFFSET, CA_FLAT_U64, 0);
    const uint64_t size = (uint64_t)ca_flat_int(f, &buffer, BUFFER_SIZE, CA_FLAT_U64, 0);
    t->is_constant = data.is_there || offset > 1;
    t->data = offset > 1 ? offset : data.at;
    t->data_size = offset > 1 ? size : data.n;
    if (t->data > f->size || t->data_size > f->size - t->data)
        return ca_err(f->err, CARINA_ERR_FORMAT,
                      "%s: tensor '%s' has bytes %llu to %llu of a file of %zu; the file "
                      "was cut",
                      f->path, t->name, (unsigned long long)t->data,
                      (unsigned long long)(t->data + t->data_size), f->size);
    return f->status;
}

static CarinaStatus read_quantization(CaTflite *r, CaTfliteTensor *t,
                                      const CaFlatTable *table)
{
    CaFlat *f = &r->flat;
    const CaFlatTable q = ca_flat_table(f, table, TENSOR_QUANTIZATION);
    t->scales = ca_flat_vector(f, &q, QUANT_SCALE, 4);
    t->zeros = ca_flat_vector(f, &q, QUANT_ZERO, 8);
    t->axis = (int32_t)ca_flat_int(f, &q, QUANT_AXIS, CA_FLAT_I32, 0);
    if (ca_flat_int(f, &q, QUANT_DETAILS_TYPE, CA_FLAT_U8, 0) == BLOCKWISE)
        t->blocks = ca_flat_table(f, &q, QUANT_DETAILS);
    if (t->shape.rank == 1 || t->scales.n == 1)
        t->axis = 0; /* biases of old converters name their weight's dimension */
    if (t->scales.n > 1 && t->is_constant &&
        (t->axis < 0 || t->axis >= t->shape.rank ||
         t->shape.dims[t->axis] != (int64_t)t->scales.n))
        return ca_err(f->err, CARINA_ERR_FORMAT,
                      "%s: tensor '%s' has %u scales along dimension %d, which does not "
                      "fit its shape; the file is damaged",
                      f->path, t->name, t->scales.n, t->axis);
    if (t->scales.n > 0 && t->zeros.n > 1 && t->zeros.n != t->scales.n)
        return ca_err(
            f->err, CARINA_ERR_FORMAT,
            "%s: tensor '%s' has %u scales and %u zero points; the file is damaged",
            f->path, t->name, t->scales.n, t->zeros.n);
    for (uint32_t i = 0; i < t->scales.n; i++) {
        const float s = ca_flat_load_f32(f->data + t->scales.at + (size_t)i * 4);
        if (!(s >= 0) || s > 1e30f)
            return ca_err(f->err, CARINA_ERR_FORMAT,
                          "%s: tensor '%s' has scale %g; it must be positive", f->path,
                          t->name, (double)s);
        if (s == 0)
            t->scales.n = 0; /* not quantised: some converters write it so */
    }
    return f->status;
}

static CarinaStatus read_tensor(CaTflite *r, CaTfliteTensor *t, const CaFlatTable *table)
{
    CaFlat *f = &r->flat;
    const char *name = ca_flat_text(f, table, TENSOR_NAME);
    t->name = name && name[0] ? name : "?";
    t->code = (int32_t)ca_flat_int(f, table, TENSOR_TYPE, CA_FLAT_I8, 0);
    t->type = ca_tflite_type(t->code);
    t->is_variable = ca_flat_int(f, table, TENSOR_IS_VARIABLE, CA_FLAT_BOOL, 0) != 0;
    t->stands_for = t->maker = t->reader = -1;
    CA_TRY(f->status);
    CA_TRY(read_buffer(r, t, table));
    CA_TRY(read_shape(r, t, table));
    CA_TRY(read_quantization(r, t, table));
    t->sparsity = ca_flat_table(f, table, TENSOR_SPARSITY);
    return f->status;
}

/* --- Operators. */

static CarinaStatus read_code(CaTflite *r, CaTfliteNode *n, int64_t index)
{
    CaFlat *f = &r->flat;
    if (index < 0 || index >= r->codes.n)
        return ca_flat_fail(f, n->table.at, "an operator has code %lld of %u",
                            (long long)index, r->codes.n);
    const CaFlatTable code = ca_flat_item(f, &r->codes, (uint32_t)index);
    const int64_t old = ca_flat_int(f, &code, CODE_OLD, CA_FLAT_I8, 0),
                  now = ca_flat_int(f, &code, CODE_NEW, CA_FLAT_I32, 0);
    const char *custom = ca_flat_text(f, &code, CODE_CUSTOM);
    n->code = (int32_t)(old > now ? old : now);
    n->is_custom = n->code == CODE_IS_CUSTOM;
    n->type = n->is_custom ? custom : ca_tflite_code_text(n->code);
    if (!n->type)
        n->type = ca_arena_printf(r->b.work, "builtin %d", n->code);
    if (f->status == CARINA_OK && !n->type)
        return ca_err(f->err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
    return f->status;
}

/* Every index of a tensor is checked here, once. */
static CarinaStatus check_indices(CaTflite *r, const CaTfliteGraph *g,
                                  const CaFlatVector *v, int32_t lowest, const char *what)
{
    for (uint32_t i = 0; i < v->n; i++) {
        const int32_t at = ca_flat_i32(&r->flat, v, i);
        if (at < lowest || at >= g->n_tensors)
            return ca_flat_fail(&r->flat, v->at + (size_t)i * 4, "%s is tensor %d of %d",
                                what, at, g->n_tensors);
    }
    return CARINA_OK;
}

static CarinaStatus read_node(CaTflite *r, const CaTfliteGraph *g, CaTfliteNode *n,
                              const CaFlatTable *table)
{
    CaFlat *f = &r->flat;
    n->table = *table;
    CA_TRY(read_code(r, n, ca_flat_int(f, table, OPERATOR_CODE, CA_FLAT_U32, 0)));
    n->inputs = ca_flat_vector(f, table, OPERATOR_INPUTS, 4);
    n->outputs = ca_flat_vector(f, table, OPERATOR_OUTPUTS, 4);
    n->options_type =
        (int32_t)ca_flat_int(f, table, OPERATOR_OPTIONS_TYPE, CA_FLAT_U8, 0);
    if (n->options_type)
        n->options = ca_flat_table(f, table, OPERATOR_OPTIONS);
    CA_TRY(f->status);
    CA_TRY(check_indices(r, g, &n->inputs, -1, "an operator's input"));
    CA_TRY(check_indices(r, g, &n->outputs, -1, "an operator's output"));
    if (n->inputs.n > CA_MAX_PORTS || n->outputs.n > CA_MAX_PORTS)
        return ca_err(f->err, CARINA_ERR_LIMIT,
                      "%s: an operator %s has more than %d inputs or outputs", f->path,
                      n->type, CA_MAX_PORTS);
    return CARINA_OK;
}

/* Who makes and who reads each tensor, and which only unpack a constant. */
static CarinaStatus connect(CaTflite *r, CaTfliteGraph *g)
{
    CaFlat *f = &r->flat;
    for (int32_t k = 0; k < g->n_nodes; k++) {
        const CaTfliteNode *n = &g->nodes[k];
        for (uint32_t i = 0; i < n->inputs.n; i++) {
            const int32_t at = ca_flat_i32(f, &n->inputs, i);
            if (at >= 0) {
                g->tensors[at].reader = k;
                g->tensors[at].n_readers++;
            }
        }
        for (uint32_t i = 0; i < n->outputs.n; i++) {
            const int32_t at = ca_flat_i32(f, &n->outputs, i);
            if (at >= 0 && (g->tensors[at].maker >= 0 || g->tensors[at].is_constant))
                return ca_err(
                    f->err, CARINA_ERR_FORMAT,
                    "%s: node '%s' (%s): tensor '%s' is made twice; the file is damaged",
                    f->path, g->tensors[at].name, n->type, g->tensors[at].name);
            if (at >= 0)
                g->tensors[at].maker = k;
        }
        const bool unpacks = !n->is_custom &&
                             (n->code == OP_DEQUANTIZE || n->code == OP_DENSIFY) &&
                             n->inputs.n == 1 && n->outputs.n == 1;
        const int32_t from = unpacks ? ca_flat_i32(f, &n->inputs, 0) : -1,
                      to = unpacks ? ca_flat_i32(f, &n->outputs, 0) : -1;
        if (from >= 0 && to >= 0 && from != to) {
            const int32_t root = g->tensors[from].stands_for;
            if (g->tensors[from].is_constant || root >= 0)
                g->tensors[to].stands_for = root >= 0 ? root : from;
        }
    }
    for (uint32_t i = 0; i < g->outputs.n; i++)
        g->tensors[ca_flat_i32(f, &g->outputs, i)].n_readers++;
    return CARINA_OK;
}

static CarinaStatus parse(CaTflite *r, CaTfliteGraph *g)
{
    CaFlat *f = &r->flat;
    const CaFlatTable table = ca_flat_item(f, &r->subgraphs, (uint32_t)g->index);
    const CaFlatVector tensors = ca_flat_vector(f, &table, SUBGRAPH_TENSORS, 4),
                       nodes = ca_flat_vector(f, &table, SUBGRAPH_OPERATORS, 4);
    g->inputs = ca_flat_vector(f, &table, SUBGRAPH_INPUTS, 4);
    g->outputs = ca_flat_vector(f, &table, SUBGRAPH_OUTPUTS, 4);
    CA_TRY(f->status);
    if (tensors.n > CA_MAX_NODES || nodes.n > CA_MAX_NODES)
        return ca_err(f->err, CARINA_ERR_LIMIT,
                      "%s: subgraph %d has %u tensors and %u operators; Carina reads at "
                      "most %d",
                      f->path, g->index, tensors.n, nodes.n, CA_MAX_NODES);
    g->tensors = ca_arena_array(r->b.work, (size_t)tensors.n + 1, sizeof *g->tensors);
    g->nodes = ca_arena_array(r->b.work, (size_t)nodes.n + 1, sizeof *g->nodes);
    if (!g->tensors || !g->nodes)
        return ca_err(f->err, CARINA_ERR_MEMORY, "%s: out of memory", f->path);
    g->n_tensors = (int32_t)tensors.n;
    for (int32_t i = 0; i < g->n_tensors; i++) {
        const CaFlatTable item = ca_flat_item(f, &tensors, (uint32_t)i);
        CA_TRY(f->status);
        CA_TRY(read_tensor(r, &g->tensors[i], &item));
    }
    CA_TRY(check_indices(r, g, &g->inputs, 0, "an input of a subgraph"));
    CA_TRY(check_indices(r, g, &g->outputs, 0, "an output of a subgraph"));
    for (uint32_t i = 0; i < nodes.n; i++, g->n_nodes++) {
        const CaFlatTable item = ca_flat_item(f, &nodes, i);
        CA_TRY(f->status);
        CA_TRY(read_node(r, g, &g->nodes[i], &item));
    }
    return connect(r, g);
}

CarinaStatus ca_tflite_graph(CaTfliteGraph **out, CaTflite *r, int64_t index)
{
    if (index < 0 || index >= r->subgraphs.n)
        return ca_err(
            r->flat.err, CARINA_ERR_FORMAT,
            "%s: subgraph %lld is asked for, the file has %u; the file is damaged",
            r->flat.path, (long long)index, r->subgraphs.n);
    if (!r->graphs[index]) {
        CaTfliteGraph *g = ca_arena_alloc(r->b.work, sizeof *g);
        if (!g)
            return ca_err(r->flat.err, CARINA_ERR_MEMORY, "%s: out of memory",
                          r->flat.path);
        g->index = (int32_t)index;
        CA_TRY(parse(r, g));
        r->graphs[index] = g;
    }
    *out = r->graphs[index];
    return CARINA_OK;
}

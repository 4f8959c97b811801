/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs, outputs and attributes of the operator that is being translated.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <string.h>

/* --- Inputs and outputs. */

CaValue *ca_mxnet_opt(CaMxnetCall *c, int i)
{
    if (i >= c->n_in || c->b->status != CARINA_OK)
        return NULL;
    const CaMxnetEdge e = c->node->in[i];
    CaMxnetMade *m = &c->r->made[e.node];
    const CaMxnetNode *from = &c->r->symbol.nodes[e.node];
    if (m->array && !m->out[0])
        m->out[0] = ca_mxnet_constant(c->r, m->array);
    if (e.out < m->n_out && m->out[e.out])
        return m->out[e.out];
    if (m->is_variable && !m->array && e.out == 0)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "its weight '%s' is not in %s; %s",
                      from->name,
                      c->r->params_path ? c->r->params_path : "the symbol file",
                      c->r->has_structural_names
                          ? "its names are those of save_parameters(): write both files "
                            "with export()"
                          : "give the .params file that belongs to this network");
    else
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "it reads output %d of '%s' (%s), which Carina does not compute",
                      e.out, from->name, from->op);
    return NULL;
}

CaValue *ca_mxnet_in(CaMxnetCall *c, int i)
{
    if (i >= c->n_in)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "it has %d inputs, needs %d; the file is damaged", c->n_in, i + 1);
    return ca_mxnet_opt(c, i);
}

CaValue *ca_mxnet_weight(CaMxnetCall *c, int i, const char *name)
{
    if (i < c->n_in)
        return ca_mxnet_opt(c, i);
    const char *full = ca_arena_printf(c->b->work, "%s_%s", c->node->name, name);
    const CaMxnetArray *a = full ? ca_mxnet_array(c->r, full) : NULL;
    if (a)
        return ca_mxnet_constant(c->r, a);
    ca_build_fail(c->b, CARINA_ERR_FORMAT,
                  "it has %d inputs and %s has no '%s_%s'; the file is damaged", c->n_in,
                  c->r->params_path ? c->r->params_path : "the symbol file",
                  c->node->name, name);
    return NULL;
}

const char *ca_mxnet_out_name(CaMxnet *r, const CaMxnetNode *n, const CaMxnetMade *m,
                              int i)
{
    if (m->names)
        return ca_arena_printf(r->b.work, "%s_%s", n->name, m->names[i]);
    return m->n_out == 1 ? ca_arena_printf(r->b.work, "%s_output", n->name)
                         : ca_arena_printf(r->b.work, "%s_output%d", n->name, i);
}

void ca_mxnet_outs(CaMxnetCall *c, CaValue *const *v, int n)
{
    if (!ca_build_settle(c->b))
        return;
    c->r->n_outputs += n;
    if (c->r->n_outputs > CA_MAX_NODES)
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "more than %d outputs are made",
                      CA_MAX_NODES);
    CaValue **out = ca_arena_array(c->b->work, (size_t)n, sizeof(CaValue *));
    if (!out)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    if (c->b->status != CARINA_OK)
        return;
    c->made->out = out;
    c->made->n_out = n;
    for (int i = 0; i < n; i++) {
        out[i] = v[i];
        if (!v[i] || (v[i]->node->id < c->first_id && v[i]->name))
            continue;
        if (i == 0 && v[i]->node->id >= c->first_id)
            ca_build_ok(
                c->b, ca_node_rename(c->b->graph, v[i]->node, c->node->name, c->b->err));
        const char *name = ca_mxnet_out_name(c->r, c->node, c->made, i);
        if (name)
            ca_value_set_name(c->b->graph, v[i], name);
    }
}

void ca_mxnet_named_outs(CaMxnetCall *c, CaValue *const *v, int n,
                         const char *const *names)
{
    c->made->names = names;
    ca_mxnet_outs(c, v, n);
}

void ca_mxnet_out(CaMxnetCall *c, CaValue *v) { ca_mxnet_outs(c, &v, 1); }

/* --- Attributes. */

static void bad(CaMxnetCall *c, const char *key, const char *value)
{
    ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s is '%.40s'; the file is damaged", key,
                  value);
}

const char *ca_mxnet_text(const CaMxnetCall *c, const char *key, const char *absent)
{
    const char *v = ca_mxnet_attr(c->node, key);
    return v ? v : absent;
}

bool ca_mxnet_is(const CaMxnetCall *c, const char *key, const char *value)
{
    return strcmp(ca_mxnet_text(c, key, ""), value) == 0;
}

bool ca_mxnet_flag(CaMxnetCall *c, const char *key, bool absent)
{
    const char *v = ca_mxnet_attr(c->node, key);
    bool out = absent;
    if (v && !ca_mxnet_bool(v, &out))
        bad(c, key, v);
    return out;
}

int64_t ca_mxnet_int(CaMxnetCall *c, const char *key, int64_t absent)
{
    int64_t out = absent;
    const int n = ca_mxnet_list(c, key, &out, 1);
    if (n == 0)
        bad(c, key, ca_mxnet_text(c, key, ""));
    return n == 1 ? out : absent;
}

double ca_mxnet_real(CaMxnetCall *c, const char *key, double absent)
{
    double out = absent;
    const int n = ca_mxnet_real_list(c, key, &out, 1);
    if (n == 0)
        bad(c, key, ca_mxnet_text(c, key, ""));
    return n == 1 ? out : absent;
}

int ca_mxnet_list(CaMxnetCall *c, const char *key, int64_t *out, int max)
{
    const char *v = ca_mxnet_attr(c->node, key);
    const int n = v ? ca_mxnet_ints(v, out, max, INT64_MIN) : -1;
    if (v && n < 0)
        bad(c, key, v);
    return n;
}

int ca_mxnet_real_list(CaMxnetCall *c, const char *key, double *out, int max)
{
    const char *v = ca_mxnet_attr(c->node, key);
    const int n = v ? ca_mxnet_reals(v, out, max) : -1;
    if (v && n < 0)
        bad(c, key, v);
    return n;
}

CarinaType ca_mxnet_dtype(CaMxnetCall *c, const char *key, CarinaType absent)
{
    static const struct {
        const char *name;
        CarinaType type;
    } names[] = {
        {"float32", CARINA_F32}, {"float64", CARINA_F64}, {"float16", CARINA_F16},
        {"uint8", CARINA_U8},    {"int32", CARINA_I32},   {"int8", CARINA_I8},
        {"int64", CARINA_I64},   {"bool", CARINA_BOOL},   {"bfloat16", CARINA_BF16},
        {"float", CARINA_F32},   {"double", CARINA_F64},  {"int", CARINA_I32}};
    const char *v = ca_mxnet_attr(c->node, key);
    int64_t flag = 0;
    for (size_t i = 0; v && i < sizeof names / sizeof names[0]; i++)
        if (strcmp(v, names[i].name) == 0)
            return names[i].type;
    if (!v || (ca_mxnet_ints(v, &flag, 1, -1) == 1 && flag == -1))
        return absent;
    if (ca_mxnet_ints(v, &flag, 1, -1) != 1 || ca_mxnet_type(flag) == CARINA_UNKNOWN)
        bad(c, key, v);
    return ca_mxnet_type(flag);
}

/* --- Made of several operators. */

CaValue *ca_mxnet_reduce(CaBuild *b, const char *op, CaValue *v, CaValue *axes, bool keep)
{
    CaValue *out = ca_build_2(b, op, v, axes);
    ca_build_set_text(b, out, "keep_dims", keep ? "true" : "false");
    return out;
}

CaValue *ca_mxnet_slice(CaBuild *b, CaValue *v, int64_t axis, int64_t from, int64_t to)
{
    const int64_t one = 1;
    CaValue *const in[] = {v, ca_build_vector(b, &from, 1), ca_build_vector(b, &to, 1),
                           ca_build_vector(b, &one, 1), ca_build_vector(b, &axis, 1)};
    return ca_build_make(b, "Slice", in, 5, 1);
}

CaValue *ca_mxnet_transposed(CaBuild *b, CaValue *v, int first, int second)
{
    int perm[CARINA_MAX_RANK];
    const int rank = ca_build_rank(b, v);
    if (b->status != CARINA_OK)
        return NULL;
    for (int i = 0; i < rank; i++)
        perm[i] = i == first ? second : i == second ? first : i;
    return ca_build_transpose(b, v, perm, rank);
}

CaValue *ca_mxnet_shape_of(CaBuild *b, CaValue *v)
{
    CaValue *out = ca_build_1(b, "ShapeOf", v);
    ca_build_set_text(b, out, "output_type", "i64");
    return out;
}

CaValue *ca_mxnet_softmax(CaBuild *b, const char *op, CaValue *v, int64_t axis)
{
    const int rank = ca_build_rank(b, v);
    CaValue *out = ca_build_1(b, op, v);
    ca_build_set_int(b, out, "axis", ca_build_axis(b, axis, rank));
    return out;
}

CaValue *ca_mxnet_matmul(CaBuild *b, CaValue *x, CaValue *y, bool tx, bool ty)
{
    CaValue *out = ca_build_2(b, "MatMul", x, y);
    ca_build_set_text(b, out, "transpose_a", tx ? "true" : "false");
    ca_build_set_text(b, out, "transpose_b", ty ? "true" : "false");
    return out;
}

CaValue *ca_mxnet_index(CaBuild *b, CaValue *v)
{
    const CarinaType type = ca_build_type(b, v);
    return type == CARINA_I32 || type == CARINA_I64 ? v
                                                    : ca_build_convert(b, v, CARINA_I64);
}

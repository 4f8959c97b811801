/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: an operator's inputs, options and outputs, and the nodes that several translations make.
 */
#include "formats/tflite/tflite_reader.h"

#include <stdlib.h>
#include <string.h>

/* --- Inputs. */

int ca_tflite_n_in(const CaTfliteCall *c) { return (int)c->node->inputs.n; }
int ca_tflite_n_out(const CaTfliteCall *c) { return (int)c->node->outputs.n; }

static CaTfliteTensor *tensor_of(const CaTfliteCall *c, const CaFlatVector *v, int i)
{
    const int32_t at = (uint32_t)i < v->n ? ca_flat_i32(&c->r->flat, v, (uint32_t)i) : -1;
    return at < 0 ? NULL : &c->s->graph->tensors[at];
}
CaTfliteTensor *ca_tflite_in_tensor(const CaTfliteCall *c, int i)
{
    return tensor_of(c, &c->node->inputs, i);
}
CaTfliteTensor *ca_tflite_out_tensor(const CaTfliteCall *c, int i)
{
    return tensor_of(c, &c->node->outputs, i);
}

/* The constant behind a tensor; NULL where it is computed. */
static CaTfliteTensor *constant_of(const CaTfliteCall *c, CaTfliteTensor *t)
{
    if (t->stands_for >= 0)
        return &c->s->graph->tensors[t->stands_for];
    return t->is_constant ? t : NULL;
}

/* State that lives from run to run: every run begins with its first value. */
static CaValue *first_state(CaTfliteCall *c, const CaTfliteTensor *t)
{
    const CarinaShape none = ca_shape(0, NULL);
    const CarinaType type = ca_tflite_is_quantized(t) ? CARINA_F32 : t->type;
    const double zero = 0;
    CaValue *v = NULL;
    if (type == CARINA_UNKNOWN || !ca_shape_is_static(&t->shape)) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "the state '%s' has no usable type or size", t->name);
        return NULL;
    }
    ca_graph_set_info(c->b->graph, "state", "starts at zero in every run");
    if (!ca_build_ok(c->b, ca_graph_reals(&v, c->b->graph, NULL, NULL, type, &none, &zero,
                                          1, c->b->err)))
        return NULL;
    return ca_build_2(c->b, "Broadcast", v,
                      ca_build_vector(c->b, t->shape.dims, t->shape.rank));
}

static CaValue *value_of(CaTfliteCall *c, CaTfliteTensor *t)
{
    CaTfliteTensor *constant = constant_of(c, t);
    CaValue **at = &c->s->values[t - c->s->graph->tensors];
    if (*at)
        return *at;
    if (constant && (!constant->real || constant->graph != c->b->graph)) {
        const bool is_real = constant != t || ca_tflite_is_quantized(constant);
        CaValue *v = is_real ? ca_tflite_dequantized(c, constant, NULL, 0)
                             : ca_tflite_constant(c, constant);
        constant->real = v;
    }
    if (constant)
        return constant->real;
    if (t->is_variable && t->maker < 0)
        *at = first_state(c, t);
    else
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "tensor '%s' is read before it is made; the file is damaged",
                      t->name);
    return *at;
}

CaValue *ca_tflite_opt(CaTfliteCall *c, int i)
{
    CaTfliteTensor *t = ca_tflite_in_tensor(c, i);
    return t && ca_build_settle(c->b) ? value_of(c, t) : NULL;
}

CaValue *ca_tflite_in(CaTfliteCall *c, int i)
{
    if (!ca_tflite_in_tensor(c, i))
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "input %d is missing; the file is damaged",
                      i);
    return ca_tflite_opt(c, i);
}

CaValue *ca_tflite_weight(CaTfliteCall *c, int i, int rank, const int *perm,
                          int64_t split)
{
    CaTfliteTensor *t = ca_tflite_in_tensor(c, i),
                   *constant = t ? constant_of(c, t) : NULL;
    if (!constant || c->s->values[t - c->s->graph->tensors]) {
        CaValue *v = ca_tflite_in(c, i);
        const int seen = ca_build_rank(c->b, v);
        if (seen != rank)
            ca_build_fail(c->b, CARINA_ERR_SHAPE,
                          "its weights have %d dimensions, not %d", seen, rank);
        if (perm && c->b->status == CARINA_OK)
            v = ca_build_transpose(c->b, v, perm, rank);
        if (split > 0 && c->b->status == CARINA_OK) {
            const CarinaShape s = ca_build_static_shape(c->b, v);
            int64_t dims[CARINA_MAX_RANK + 1] = {split, -1};
            if (c->b->status == CARINA_OK && rank < CARINA_MAX_RANK) {
                memcpy(dims + 2, s.dims + 1, (size_t)(rank - 1) * sizeof dims[0]);
                v = ca_build_reshape(c->b, v, dims, rank + 1);
            }
        }
        return v;
    }
    if (constant->shape.rank != rank)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its weights have %d dimensions, not %d",
                      constant->shape.rank, rank);
    if (!ca_build_settle(c->b))
        return NULL;
    return ca_tflite_dequantized(c, constant, perm, split);
}

/* Has the bias integers that f32 does not count, or is it of 32 bits where 64 are usual? Then its integers stay. */
static bool needs_integers(const CaTfliteTensor *x, const CarinaTensor *t)
{
    if (!ca_tflite_is_quantized(x) || (t->type != CARINA_I32 && t->type != CARINA_I64))
        return false;
    for (int64_t i = 0; i < ca_tensor_count(t); i++) {
        const int64_t b = ca_get_int(t->type, t->data, i);
        if (b >= 1 << 23 || b <= -(1 << 23))
            return true;
    }
    return x->type == CARINA_I16 && t->type == CARINA_I32;
}

CaValue *ca_tflite_bias(CaTfliteCall *c, int i)
{
    CaTfliteTensor *t = ca_tflite_in_tensor(c, i);
    CaValue *v = t ? ca_tflite_weight(c, i, t->shape.rank, NULL, 0) : NULL;
    if (!v || !ca_build_settle(c->b) || !ca_node_is(v->node, "Multiply"))
        return v;
    CaNode *from = ca_node_input_node(v->node, 0);
    const CaValue *stored = ca_node_is(from, "Convert") ? ca_node_input(from, 0) : NULL;
    /* the data is input 0, of a transposed convolution the one before the bias */
    const CaTfliteTensor *x = ca_tflite_in_tensor(c, i > 2 ? i - 1 : 0);
    if (stored && stored->constant && needs_integers(x, stored->constant))
        ca_node_set_info(c->b->graph, from, CA_TFLITE_STEPS_MARK, "value=\"bias\"");
    return v;
}

int ca_tflite_ints(CaTfliteCall *c, int i, int64_t *out, int max)
{
    CaValue *v = ca_tflite_in(c, i);
    const int n = ca_build_known_ints(c->b, v, out, max);
    if (n < 0)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "input %d is computed or has more than %d numbers; convert the model "
            "with fixed shapes",
            i, max);
    return n < 0 ? 0 : n;
}

int ca_tflite_axis(CaTfliteCall *c, int i, int rank)
{
    int64_t axis = 0;
    ca_tflite_ints(c, i, &axis, 1);
    return ca_build_axis(c->b, axis, rank);
}

/* --- Options. */

typedef struct Field {
    int type, id;
    const char *name;
    CaFlatKind kind;
    double absent;
} Field;

static const Field fields[] = {
#define CA_TFLITE_FIELD(type, table, field, id, kind, absent) \
    {type, id, #field, CA_FLAT_##kind, absent},
#include "formats/tflite/tflite_options.def"
#undef CA_TFLITE_FIELD
};

/* The field of the operator's options; a translation that asks for one that is not in the table is our mistake. */
static const Field *field_of(CaTfliteCall *c, const char *name)
{
    const int type = ca_tflite_options_type(c->node->code);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].type == type && strcmp(fields[i].name, name) == 0)
            return &fields[i];
    ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "its options have no field %s", name);
    return NULL;
}

bool ca_tflite_readable(CaTfliteCall *c)
{
    if (c->b->status == CARINA_OK)
        c->b->status = c->r->flat.status; /* it has said what is damaged */
    return c->b->status == CARINA_OK;
}

int64_t ca_tflite_opt_int(CaTfliteCall *c, const char *name)
{
    const Field *f = ca_tflite_readable(c) ? field_of(c, name) : NULL;
    const int64_t v = f ? ca_flat_int(&c->r->flat, &c->node->options, f->id, f->kind,
                                      (int64_t)f->absent)
                        : 0;
    return ca_tflite_readable(c) ? v : 0;
}
double ca_tflite_opt_real(CaTfliteCall *c, const char *name)
{
    const Field *f = ca_tflite_readable(c) ? field_of(c, name) : NULL;
    const double v =
        f ? ca_flat_real(&c->r->flat, &c->node->options, f->id, f->absent) : 0;
    return ca_tflite_readable(c) ? v : 0;
}
CaFlatVector ca_tflite_opt_ints(CaTfliteCall *c, const char *name)
{
    const CaFlatVector none = {0};
    const Field *f = ca_tflite_readable(c) ? field_of(c, name) : NULL;
    const CaFlatVector v =
        f ? ca_flat_vector(&c->r->flat, &c->node->options, f->id, 4) : none;
    return ca_tflite_readable(c) ? v : none;
}

CaValue *ca_tflite_activation(CaTfliteCall *c, CaValue *v, int64_t act)
{
    static const struct {
        const char *op;
        double low, high;
    } acts[] = {{NULL, 0, 0},    {"ReLU", 0, 0}, {"Clamp", -1, 1},
                {"Clamp", 0, 6}, {"Tanh", 0, 0}, {"Sign", 0, 0}};
    if (act < 0 || act >= (int64_t)(sizeof acts / sizeof acts[0]) || act == 5) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "fused activation %lld, which no converter writes", (long long)act);
        return NULL;
    }
    if (!acts[act].op)
        return v;
    v = ca_build_1(c->b, acts[act].op, v);
    if (strcmp(acts[act].op, "Clamp") == 0) {
        ca_build_set_real(c->b, v, "min", acts[act].low);
        ca_build_set_real(c->b, v, "max", acts[act].high);
    }
    return v;
}

CaValue *ca_tflite_act(CaTfliteCall *c, CaValue *v)
{
    return ca_tflite_activation(c, v, ca_tflite_opt_int(c, "act"));
}

/* --- Outputs. */

bool ca_tflite_out_used(const CaTfliteCall *c, int i)
{
    const CaTfliteTensor *t = ca_tflite_out_tensor(c, i);
    return t && t->n_readers > 0;
}

/* An operator that only moves elements between tensors of the same steps: they are on steps already. */
static bool is_on_steps(const CaTfliteCall *c, const CaTfliteTensor *out)
{
    bool any = false;
    if (!c->op || !c->op->moves)
        return false;
    for (int i = 0; i < ca_tflite_n_in(c); i++) {
        const CaTfliteTensor *in = ca_tflite_in_tensor(c, i);
        if (!ca_tflite_is_quantized(in))
            continue;
        any = true;
        if (!ca_tflite_same_steps(c->r, in, out))
            return false;
    }
    return any;
}

static void name_value(CaTfliteCall *c, int i, const CaTfliteTensor *t, CaValue *v)
{
    CaGraph *g = c->b->graph;
    const char *name = c->s->prefix[0]
                           ? ca_arena_printf(c->b->work, "%s%s", c->s->prefix, t->name)
                           : t->name;
    if (!name)
        return;
    if (v->node->id >= c->first_id) {
        if (i == 0)
            ca_build_ok(c->b, ca_node_rename(g, v->node, name, c->b->err));
        ca_value_set_name(g, v, name);
    } else if (!v->name) {
        ca_value_set_name(g, v, name);
    } else if (!ca_text_in_list(v->name, name) && strlen(v->name) < 4096) {
        const char *both = ca_arena_printf(c->b->work, "%s,%s", v->name, name);
        if (both)
            ca_value_set_name(g, v, both);
    }
}

static CaValue *on_steps(CaTfliteCall *c, const CaTfliteTensor *t, CaValue *v)
{
    return ca_tflite_is_quantized(t) && !is_on_steps(c, t) ? ca_tflite_rounded(c, t, v)
                                                           : v;
}

static void store(CaTfliteCall *c, int i, CaTfliteTensor *t, CaValue *v)
{
    if (!ca_build_settle(c->b) || !v)
        return;
    name_value(c, i, t, v);
    c->s->values[t - c->s->graph->tensors] = v;
}

void ca_tflite_out(CaTfliteCall *c, int i, CaValue *v)
{
    CaTfliteTensor *t = ca_tflite_out_tensor(c, i);
    if (t && v && ca_build_settle(c->b))
        store(c, i, t, on_steps(c, t, v));
}

void ca_tflite_out_last(CaTfliteCall *c, int i, CaValue *v)
{
    CaTfliteTensor *t = ca_tflite_out_tensor(c, i);
    if (t && v && ca_build_settle(c->b))
        store(c, i, t, ca_build_channels_last(c->b, on_steps(c, t, v)));
}

/* --- Nodes that several parts make. */

CaValue *ca_tflite_reduced(CaTfliteCall *c, const char *op, CaValue *v, int64_t axis,
                           bool keep)
{
    v = ca_build_2(c->b, op, v, ca_build_vector(c->b, &axis, 1));
    ca_build_set_text(c->b, v, "keep_dims", keep ? "true" : "false");
    return v;
}

CaValue *ca_tflite_matmul(CaTfliteCall *c, CaValue *v, CaValue *w, bool tv, bool tw)
{
    v = ca_build_2(c->b, "MatMul", v, w);
    ca_build_set_text(c->b, v, "transpose_a", tv ? "true" : "false");
    ca_build_set_text(c->b, v, "transpose_b", tw ? "true" : "false");
    return v;
}

CaValue *ca_tflite_concat(CaTfliteCall *c, CaValue *const *in, int n, int64_t axis)
{
    CaValue *v = ca_build_make(c->b, "Concat", in, n, 1);
    ca_build_set_int(c->b, v, "axis", axis);
    return v;
}

CaValue *ca_tflite_sliced(CaTfliteCall *c, CaValue *v, int64_t from, int64_t to,
                          int64_t axis)
{
    const int64_t one = 1;
    CaValue *const in[] = {v, ca_build_vector(c->b, &from, 1),
                           ca_build_vector(c->b, &to, 1), ca_build_vector(c->b, &one, 1),
                           ca_build_vector(c->b, &axis, 1)};
    return ca_build_make(c->b, "Slice", in, 5, 1);
}

CaValue *ca_tflite_gather(CaTfliteCall *c, CaValue *v, CaValue *index, int64_t axis)
{
    return ca_build_3(c->b, "Gather", v, index, ca_build_scalar(c->b, axis));
}

CaValue *ca_tflite_unsqueeze(CaTfliteCall *c, CaValue *v, int64_t axis)
{
    return ca_build_2(c->b, "Unsqueeze", v, ca_build_vector(c->b, &axis, 1));
}

CaValue *ca_tflite_squeeze(CaTfliteCall *c, CaValue *v, int64_t axis)
{
    return ca_build_2(c->b, "Squeeze", v, ca_build_vector(c->b, &axis, 1));
}

CaValue *ca_tflite_shape_of(CaTfliteCall *c, CaValue *v, CarinaType type)
{
    v = ca_build_1(c->b, "ShapeOf", v);
    ca_build_set_text(c->b, v, "output_type", type == CARINA_I64 ? "i64" : "i32");
    return v;
}

CaValue *ca_tflite_padded(CaTfliteCall *c, CaValue *v, const int64_t *pads, int n,
                          const char *mode, CaValue *value)
{
    CaValue *const in[] = {v, ca_build_vector(c->b, pads, n),
                           ca_build_vector(c->b, pads + n, n),
                           value ? value : ca_build_number(c->b, v, 0)};
    CaValue *out = ca_build_make(c->b, "Pad", in, 4, 1);
    ca_build_set_text(c->b, out, "pad_mode", mode);
    return out;
}

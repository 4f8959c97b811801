/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-linear: products and sums with constants go into the weights of convolutions and matrix products.
 *
 *   conv(x) * s       -> conv'(x), weights scaled by output channel
 *   conv(x * s)       -> conv'(x), weights scaled by input channel
 *   conv(x + a)       -> conv(x) + b, where nothing is padded
 *   (x * a) * b       -> x * ab            (x + a) + b -> x + (a + b)
 *   (conv(x) + a) * b -> conv(x) * b + ab, so that the product meets the convolution
 *
 * All of it computed in double and rounded once to the type of the weights.
 */
#include "passes/rewrite.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_ROUNDS = 64 };

/* x * c or x + c. */
typedef struct Linear {
    CaNode *node;
    CaValue *x, *c;
    bool is_scale;
} Linear;

/* The weights of a node as [g, a, b, s]: a or b is the output channel within its group, the other the input's. */
typedef struct Weights {
    CaNode *node;
    CaValue *value;
    int64_t g, a, b, s;
    bool out_is_a;
    int rank, in_axis, out_axis; /* of the data */
} Weights;

static bool read_linear(CaNode *n, Linear *l)
{
    const bool either = ca_node_is(n, "Add") || ca_node_is(n, "Multiply");
    if (!n || (!either && !ca_node_is(n, "Subtract") && !ca_node_is(n, "Divide")) ||
        !ca_rewrite_is_numpy(n) || !ca_type_is_real(n->outputs[0].type))
        return false;
    for (int i = 1; i >= (either ? 0 : 1); i--) {
        CaValue *c = ca_node_input(n, i), *x = ca_node_input(n, 1 - i);
        if (!c || !x || !ca_rewrite_constant(c) || ca_rewrite_constant(x))
            continue;
        *l = (Linear){n, x, c, ca_node_is(n, "Multiply") || ca_node_is(n, "Divide")};
        return true;
    }
    return false;
}

/* The factors or summands, for ca_free. */
static double *coefficients(const Linear *l, int64_t *n)
{
    double *v = ca_rewrite_reals(l->c);
    *n = ca_tensor_count(ca_rewrite_constant(l->c));
    for (int64_t i = 0; v && i < *n; i++) {
        if (ca_node_is(l->node, "Subtract"))
            v[i] = -v[i];
        else if (ca_node_is(l->node, "Divide"))
            v[i] = 1 / v[i];
    }
    return v;
}

static bool read_product(CaNode *n, Weights *w)
{
    const CaValue *x = ca_node_input(n, 0);
    const CarinaShape *s = &w->value->shape;
    if (s->rank != 2 || x->shape.rank < 2)
        return false;
    w->g = w->s = 1;
    w->a = s->dims[0];
    w->b = s->dims[1];
    w->out_is_a = carina_node_bool(n, "transpose_b", false);
    w->rank = x->shape.rank;
    w->out_axis = w->rank - 1;
    w->in_axis = w->rank - (carina_node_bool(n, "transpose_a", false) ? 2 : 1);
    return true;
}

/* A node with constant weights. */
static bool read_weights(CaNode *n, Weights *w)
{
    const bool forward =
        ca_node_is(n, "Convolution") || ca_node_is(n, "GroupConvolution");
    const bool back = ca_node_is(n, "ConvolutionBackpropData") ||
                      ca_node_is(n, "GroupConvolutionBackpropData");
    if (!forward && !back && !ca_node_is(n, "MatMul"))
        return false;
    *w = (Weights){.node = n, .value = ca_node_input(n, 1), .g = 1, .out_is_a = forward};
    if (!w->value || !ca_node_input(n, 0) || !ca_rewrite_constant(w->value) ||
        ca_rewrite_constant(ca_node_input(n, 0)))
        return false;
    if (!forward && !back)
        return read_product(n, w);
    const CarinaShape *s = &w->value->shape;
    const int grouped = strncmp(n->op_name, "Group", 5) == 0;
    if (s->rank < 3 + grouped)
        return false;
    w->g = grouped ? s->dims[0] : 1;
    w->a = s->dims[grouped];
    w->b = s->dims[grouped + 1];
    w->s = ca_shape_product(s, grouped + 2, s->rank);
    w->rank = s->rank - grouped;
    w->in_axis = w->out_axis = 1;
    return true;
}

static int64_t n_out(const Weights *w) { return w->g * (w->out_is_a ? w->a : w->b); }
static int64_t n_in(const Weights *w) { return w->g * (w->out_is_a ? w->b : w->a); }

/* Channel of weight i. */
static int64_t channel(const Weights *w, int64_t i, bool is_out)
{
    const int64_t b = i / w->s % w->b, a = i / (w->s * w->b) % w->a;
    const int64_t g = i / (w->s * w->b * w->a);
    return is_out == w->out_is_a ? g * w->a + a : g * w->b + b;
}

/* Is c one number, or one per channel along the axis of data of that rank? */
static bool is_per_channel(const CaValue *c, int rank, int axis, int64_t channels)
{
    const CarinaShape *s = &c->shape;
    int64_t n = 0;
    if (!ca_shape_count(s, &n) || s->rank > rank || n < 1)
        return false;
    const int at = axis - (rank - s->rank);
    return n == 1 || (n == channels && at >= 0 && s->dims[at] == channels);
}

/* The largest magnitude as bits, which order as numbers do, with infinities and NaN above all. */
static uint32_t largest(const char *from, int64_t n)
{
    uint32_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, from + (size_t)i * sizeof bits, sizeof bits);
        bits &= 0x7fffffff;
        most = bits > most ? bits : most;
    }
    return most;
}

/* Rounding keeps order: if the largest of a run fits, all of it does. */
static bool floats_fit(const Weights *w, const char *from, int64_t run, const double *v,
                       int64_t n_v, bool by_out)
{
    const int64_t n = w->g * w->a * w->b * w->s;
    for (int64_t i = 0; i < n; i += run) {
        const uint32_t bits = largest(from + (size_t)i * sizeof(float), run);
        float x;
        memcpy(&x, &bits, sizeof x);
        x = (float)((double)x * v[n_v == 1 ? 0 : channel(w, i, by_out)]);
        if (!(fabsf(x) <= FLT_MAX))
            return false;
    }
    return true;
}

/* Weights of f32 times v, each product in double and rounded once, where they lie if nobody else sees them; NULL with
 * status OK: they do not fit. */
static CarinaStatus scale_floats(CarinaTensor **out, const Weights *w, const double *v,
                                 int64_t n_v, bool by_out, CarinaError *err)
{
    const CarinaTensor *t = ca_rewrite_constant(w->value);
    const int64_t run = by_out == w->out_is_a ? w->b * w->s : w->s; /* of one channel */
    const char *from = t->data;
    if (!floats_fit(w, from, run, v, n_v, by_out))
        return CARINA_OK;
    if (ca_node_is(w->value->node, "Const") && ca_value_n_uses(w->value) == 1 &&
        t->buffer && ca_buffer_is_own(t->buffer))
        CA_TRY(ca_tensor_share(out, t, err));
    else
        CA_TRY(ca_tensor_create_unset(out, CARINA_F32, &t->shape, err));
    float *to = (*out)->data;
    for (int64_t i = 0, n = w->g * w->a * w->b * w->s; i < n; i += run) {
        const double k = v[n_v == 1 ? 0 : channel(w, i, by_out)];
        for (int64_t j = i; j < i + run; j++) {
            float x;
            memcpy(&x, from + (size_t)j * sizeof x, sizeof x);
            to[j] = (float)((double)x * k);
        }
    }
    return CARINA_OK;
}

static CarinaStatus scale_any(CarinaTensor **out, const Weights *w, const double *v,
                              int64_t n_v, bool by_out, CarinaError *err)
{
    const int64_t n = w->g * w->a * w->b * w->s;
    double *x = ca_rewrite_reals(w->value);
    CarinaStatus status = CARINA_OK;
    if (!x)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the weights of '%s'",
                      w->node->name);
    for (int64_t i = 0; i < n; i++)
        x[i] *= v[n_v == 1 ? 0 : channel(w, i, by_out)];
    if (ca_rewrite_fits(w->value->type, x, n))
        status = carina_tensor_create(out, w->value->type, &w->value->shape, err);
    for (int64_t i = 0; *out && i < n; i++)
        ca_put_real((*out)->type, (*out)->data, i, x[i]);
    ca_free(x);
    return status;
}

/* Weights times v by channel; *done stays false where they would not fit their type. */
static CarinaStatus scale_weights(CaGraph *g, const Weights *w, const double *v,
                                  int64_t n_v, bool by_out, bool *done, CarinaError *err)
{
    CaNode *old = w->value->node;
    const bool is_own = ca_value_n_uses(w->value) == 1;
    CarinaTensor *scaled = NULL;
    CaValue *fresh = NULL;
    const bool is_float = ca_rewrite_constant(w->value)->type == CARINA_F32;
    CA_TRY((is_float ? scale_floats : scale_any)(&scaled, w, v, n_v, by_out, err));
    if (!scaled)
        return CARINA_OK;
    CA_TRY(ca_graph_constant(&fresh, g, w->node, is_own ? old->name : NULL, scaled, err));
    ca_node_set_input(w->node, 1, fresh);
    ca_rewrite_drop(g, old);
    *done = true;
    return CARINA_OK;
}

/* conv(x) * s */
static CarinaStatus fold_back(CaGraph *g, const Linear *l, bool *done, CarinaError *err)
{
    Weights w;
    int64_t n = 0;
    CaNode *p = l->x->node;
    if (!l->is_scale || ca_pass_only_reader(p) != l->node || !read_weights(p, &w) ||
        !is_per_channel(l->c, w.rank, w.out_axis, n_out(&w)))
        return CARINA_OK;
    double *v = coefficients(l, &n);
    CarinaStatus status = v ? scale_weights(g, &w, v, n, true, done, err) : CARINA_OK;
    ca_free(v);
    CA_TRY(status);
    if (*done) {
        ca_rewrite_overtake(&l->node->outputs[0], l->x);
        ca_rewrite_drop(g, l->node);
    }
    return CARINA_OK;
}

static bool all_zero(CarinaInts list)
{
    for (int i = 0; i < list.n; i++)
        if (list.v[i])
            return false;
    return true;
}

/* Does every output see only real input? */
static bool is_unpadded(const CaNode *n)
{
    const char *mode = carina_node_enum(n, "auto_pad");
    if (ca_node_is(n, "MatMul"))
        return true;
    if (!ca_node_is(n, "Convolution") && !ca_node_is(n, "GroupConvolution"))
        return false;
    return strcmp(mode, "valid") == 0 || (strcmp(mode, "explicit") == 0 &&
                                          all_zero(carina_node_ints(n, "pads_begin")) &&
                                          all_zero(carina_node_ints(n, "pads_end")));
}

/* What x + v adds to each output channel: for ca_free. */
static double *shift_of(const Weights *w, const double *v, int64_t n_v)
{
    size_t size = 0;
    double *x = ca_rewrite_reals(w->value);
    const int64_t n = w->g * w->a * w->b * w->s;
    double *b =
        x && ca_mul_size(&size, (size_t)n_out(w), sizeof *b) ? ca_alloc(size) : NULL;
    for (int64_t i = 0; b && i < n; i++)
        b[channel(w, i, true)] += x[i] * v[n_v == 1 ? 0 : channel(w, i, false)];
    ca_free(x);
    return b;
}

/* An Add of b per output channel behind the node. */
static CarinaStatus add_behind(CaGraph *g, const Weights *w, const double *b,
                               CarinaError *err)
{
    CaNode *n = w->node, *add = NULL, *before = n->next;
    CaValue *y = &n->outputs[0], *c = NULL;
    CarinaShape s = {.rank = w->rank};
    CaArena *arena = ca_graph_arena(g);
    const char *name = n->name;
    for (int d = 0; d < s.rank; d++)
        s.dims[d] = d == w->out_axis ? n_out(w) : 1;
    CA_TRY(ca_graph_reals(&c, g, before, ca_arena_printf(arena, "%s/shift", name),
                          y->type, &s, b, n_out(w), err));
    CA_TRY(ca_rewrite_add(&add, g, before, "Add", ca_arena_printf(arena, "%s/add", name),
                          (CaValue *[]){c, c}, 2, err));
    ca_rewrite_overtake(y, &add->outputs[0]);
    y->name = NULL;
    if (add->name == n->name)
        CA_TRY(ca_node_rename(g, n, ca_arena_printf(arena, "%s/product", name), err));
    ca_node_set_input(add, 0, y);
    return ca_node_infer(g, add, err);
}

/* conv(x * s), conv(x + a) */
static CarinaStatus fold_forward(CaGraph *g, const Linear *l, bool *done,
                                 CarinaError *err)
{
    Weights w, before;
    int64_t n = 0;
    CaNode *r = ca_pass_only_reader(l->node);
    if (!r || !read_weights(r, &w) || r->inputs[0].value != &l->node->outputs[0] ||
        l->x->shape.rank != w.rank || l->x->shape.dims[w.in_axis] != n_in(&w) ||
        !is_per_channel(l->c, w.rank, w.in_axis, n_in(&w)))
        return CARINA_OK;
    if (!l->is_scale && (!is_unpadded(r) || read_weights(l->x->node, &before)))
        return CARINA_OK;
    double *v = coefficients(l, &n);
    double *b = v && !l->is_scale ? shift_of(&w, v, n) : NULL;
    CarinaStatus status = CARINA_OK;
    if (v && l->is_scale) {
        status = scale_weights(g, &w, v, n, false, done, err);
    } else if (b && ca_rewrite_fits(r->outputs[0].type, b, n_out(&w))) {
        status = add_behind(g, &w, b, err);
        *done = true;
    }
    ca_free(b);
    ca_free(v);
    CA_TRY(status);
    if (*done) {
        ca_node_set_input(r, 0, l->x);
        ca_rewrite_drop(g, l->node);
    }
    return CARINA_OK;
}

/* a op b, broadcast, in memory for ca_free; NULL where the result is larger than both. */
static double *combine(CarinaShape *s, const Linear *p, const Linear *q, bool multiply)
{
    int64_t n_a = 0, n_b = 0, n = 0;
    size_t size = 0;
    double *a = coefficients(p, &n_a), *b = coefficients(q, &n_b), *y = NULL;
    if (a && b && ca_shape_broadcast(s, &p->c->shape, &q->c->shape) &&
        ca_shape_count(s, &n) && n <= (n_a > n_b ? n_a : n_b) &&
        ca_mul_size(&size, (size_t)n, sizeof *y))
        y = ca_alloc(size);
    for (int64_t i = 0; y && i < n; i++) {
        const double u = a[ca_ref_broadcast(s, &p->c->shape, i)];
        const double v = b[ca_ref_broadcast(s, &q->c->shape, i)];
        y[i] = multiply ? u * v : u + v;
    }
    if (y && !ca_rewrite_fits(q->c->type, y, n)) {
        ca_free(y);
        y = NULL;
    }
    ca_free(a);
    ca_free(b);
    return y;
}

/* The product then meets a convolution, or another product. */
static bool swap_helps(CaNode *p)
{
    Weights w;
    Linear l;
    CaNode *from = ca_node_input_node(p, 0);
    CaNode *other = ca_node_input_node(p, 1);
    from = ca_node_is(from, "Const") ? other : from;
    return from && ca_pass_only_reader(from) == p &&
           (read_weights(from, &w) || (read_linear(from, &l) && l.is_scale));
}

/* Two in a row, the first read by the second only. */
static CarinaStatus merge(CaGraph *g, const Linear *q, bool *done, CarinaError *err)
{
    Linear p;
    CarinaShape s;
    CaNode *n = q->node, *fresh = NULL;
    CaValue *c = NULL, *x = NULL;
    if (!read_linear(q->x->node, &p) || ca_pass_only_reader(p.node) != n ||
        (p.is_scale && !q->is_scale))
        return CARINA_OK;
    const bool swap = q->is_scale && !p.is_scale;
    if (swap && !swap_helps(p.node))
        return CARINA_OK;
    double *v = combine(&s, &p, q, q->is_scale);
    if (!v)
        return CARINA_OK;
    const CarinaStatus status = ca_graph_reals(&c, g, n, NULL, q->c->type, &s, v,
                                               ca_shape_product(&s, 0, s.rank), err);
    ca_free(v);
    CA_TRY(status);
    x = p.x;
    if (swap) {
        CA_TRY(ca_rewrite_add(&fresh, g, n, n->op_name, p.node->name,
                              (CaValue *[]){x, q->c}, 2, err));
        x = &fresh->outputs[0];
    }
    CA_TRY(ca_rewrite_add(&fresh, g, n, q->is_scale && !swap ? "Multiply" : "Add",
                          n->name, (CaValue *[]){x, c}, 2, err));
    CA_TRY(ca_rewrite_same(g, &n->outputs[0], &fresh->outputs[0], err));
    ca_rewrite_drop(g, n);
    *done = true;
    return CARINA_OK;
}

static CarinaStatus once(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    {
        Linear l;
        bool done = false;
        if (!read_linear(n, &l) || !n->outputs[0].uses)
            continue;
        CA_TRY(fold_back(g, &l, &done, err));
        if (!done)
            CA_TRY(merge(g, &l, &done, err));
        if (!done)
            CA_TRY(fold_forward(g, &l, &done, err));
        *n_changes += done;
    }
    return CARINA_OK;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    for (int round = 0, before = -1; round < MAX_ROUNDS && before != *n_changes;
         round++) {
        before = *n_changes;
        CA_TRY(once(g, n_changes, err));
    }
    return CARINA_OK;
}

const CaPass ca_pass_fuse_linear = {
    .name = "fuse-linear",
    .summary = "takes products and sums with constants into weights and biases",
    .run = run,
};

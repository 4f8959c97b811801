/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-prelu: sums, differences, maxima, minima and products with constants of x, |x| and relu(x) that are x where
 * x > 0 and a x where x < 0 become PReLU with slope a, or ReLU where a is 0.
 *
 * Each part of such an expression is p x on one side of 0 and n x on the other, p and n numbers or numbers by channel.
 * So relu(x) + a (x - |x|) / 2, relu(x) - a relu(-x) and max(x, a x) are the same to it.
 */
#include "passes/gated.h"

#include <math.h>

enum { DEPTH = 8 };

/* p, n: of each channel. */
typedef struct Sides {
    double *p, *n;
} Sides;

typedef struct Expression {
    const CaNode *root;
    CaValue *x;
    int64_t count; /* channels; 1: numbers only */
    int from_end;  /* the axis they go along: 1 is the last */
    int n_bent;    /* absolute values and the like: without, it is a plain product */
} Expression;

typedef enum Kind {
    NONE,
    SUM,
    DIFFERENCE,
    PRODUCT,
    QUOTIENT,
    MOST,
    LEAST,
    ABS,
    RELU,
    NEGATIVE
} Kind;

static Kind kind(const CaNode *n)
{
    static const struct {
        const char *name;
        Kind kind;
    } kinds[] = {{"Add", SUM},         {"Subtract", DIFFERENCE}, {"Multiply", PRODUCT},
                 {"Divide", QUOTIENT}, {"Maximum", MOST},        {"Minimum", LEAST},
                 {"Abs", ABS},         {"ReLU", RELU},           {"Negative", NEGATIVE}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (ca_node_is(n, kinds[i].name))
            return ca_rewrite_is_numpy(n) ? kinds[i].kind : NONE;
    return NONE;
}

/* Numbers along one axis at most, the same one in the whole expression. */
static bool take_constant(Expression *e, const CaValue *c)
{
    const CarinaShape *s = &c->shape;
    int64_t count = 0;
    if (!ca_shape_count(s, &count) || count < 1)
        return false;
    for (int d = 0; d < s->rank; d++) {
        if (s->dims[d] == 1)
            continue;
        if (s->dims[d] != count ||
            (e->count != 1 && (e->count != count || e->from_end != s->rank - d)))
            return false;
        e->count = count;
        e->from_end = s->rank - d;
    }
    return true;
}

/* Which x is it about, and which channels do its constants have? */
static bool explore(Expression *e, CaValue *v, int depth)
{
    CaNode *n = v->node;
    const Kind k = kind(n);
    const bool is_open = n == e->root || ca_pass_only_reader(n);
    if (ca_rewrite_constant(v))
        return take_constant(e, v);
    if (k == NONE || !is_open) {
        e->x = e->x ? e->x : v;
        return e->x == v;
    }
    if (depth == DEPTH)
        return false;
    e->n_bent += k == MOST || k == LEAST || k == ABS || k == RELU;
    for (int i = 0; i < n->n_inputs; i++)
        if (!ca_node_input(n, i) || !explore(e, ca_node_input(n, i), depth + 1))
            return false;
    return n->n_inputs >= 1;
}

static void bend(Kind k, double *p, double *n, double q, double m)
{
    switch (k) {
    case SUM: *p += q, *n += m; break;
    case DIFFERENCE: *p -= q, *n -= m; break;
    case MOST: *p = fmax(*p, q), *n = fmin(*n, m); break; /* x is negative for n and m */
    case LEAST: *p = fmin(*p, q), *n = fmax(*n, m); break;
    case ABS: *p = fabs(*p), *n = -fabs(*n); break;
    case RELU: *p = fmax(*p, 0), *n = fmin(*n, 0); break;
    case NEGATIVE: *p = -*p, *n = -*n; break;
    case NONE:
    case PRODUCT:
    case QUOTIENT: break;
    }
}

static bool evaluate(const Expression *e, const CaValue *v, Sides *s, Sides *room);

/* v times or through the constant c. */
static bool scale(const Expression *e, const CaNode *n, Sides *s, Sides *room)
{
    const bool is_quotient = kind(n) == QUOTIENT;
    for (int i = 1; i >= (is_quotient ? 1 : 0); i--) {
        const CarinaTensor *c = ca_rewrite_constant(ca_node_input(n, i));
        if (!c)
            continue;
        if (!evaluate(e, ca_node_input(n, 1 - i), s, room))
            return false;
        for (int64_t k = 0; k < e->count; k++) {
            const double f =
                ca_get_real(c->type, c->data, ca_tensor_count(c) == 1 ? 0 : k);
            s->p[k] *= is_quotient ? 1 / f : f;
            s->n[k] *= is_quotient ? 1 / f : f;
        }
        return true;
    }
    return false;
}

/* The sides of v into s; room is for what is below it, two arrays a level. A constant is only a factor, or 0. */
static bool evaluate(const Expression *e, const CaValue *v, Sides *s, Sides *room)
{
    const CaNode *n = v->node;
    const Kind k = kind(n);
    double zero;
    const bool is_zero = ca_rewrite_number(v, &zero) && zero == 0;
    if (v == e->x || is_zero) {
        for (int64_t i = 0; i < e->count; i++)
            s->p[i] = s->n[i] = v == e->x;
        return true;
    }
    if (ca_rewrite_constant(v))
        return false;
    if (k == PRODUCT || k == QUOTIENT)
        return scale(e, n, s, room);
    if (!evaluate(e, ca_node_input(n, 0), s, room) ||
        (n->n_inputs > 1 && !evaluate(e, ca_node_input(n, 1), room, room + 1)))
        return false;
    for (int64_t i = 0; i < e->count; i++)
        bend(k, &s->p[i], &s->n[i], n->n_inputs > 1 ? room->p[i] : 0,
             n->n_inputs > 1 ? room->n[i] : 0);
    return true;
}

/* A vector is of axis 1 for PReLU; along other axes all ranks are given. */
static CarinaShape slope_shape(const Expression *e)
{
    const int rank = e->x->shape.rank;
    CarinaShape s = {.rank = 1, .dims = {e->count}};
    if (e->count == 1 || e->from_end == rank - 1)
        return s;
    s.rank = rank;
    for (int d = 0; d < rank; d++)
        s.dims[d] = d == rank - e->from_end ? e->count : 1;
    return s;
}

static CarinaStatus put(CaGraph *g, CaNode *root, const Expression *e, const double *n,
                        CarinaError *err)
{
    const CarinaShape shape = slope_shape(e);
    CaValue *slope = NULL;
    CaNode *fresh = NULL;
    bool is_relu = true;
    for (int64_t i = 0; i < e->count; i++)
        is_relu = is_relu && n[i] == 0;
    if (!is_relu)
        CA_TRY(
            ca_graph_reals(&slope, g, root, NULL, e->x->type, &shape, n, e->count, err));
    return ca_activation_put(&fresh, g, root, is_relu ? "ReLU" : "PReLU", e->x, slope,
                             NULL, NULL, err);
}

static bool is_prelu(const Expression *e, const Sides *s)
{
    for (int64_t i = 0; i < e->count; i++)
        if (!ca_rewrite_near(e->x->type, s->p[i], 1) || !isfinite(s->n[i]))
            return false;
    return ca_rewrite_fits(e->x->type, s->n, e->count);
}

static CarinaStatus fuse(CaGraph *g, CaNode *root, int *n_changes, CarinaError *err)
{
    Expression e = {.root = root, .count = 1};
    const CaValue *y = &root->outputs[0];
    Sides rooms[DEPTH + 2];
    size_t size = 0;
    if (!explore(&e, &root->outputs[0], 0) || !e.x || !e.n_bent || e.x->shape.rank < 1 ||
        !ca_type_is_real(e.x->type) || e.x->type != y->type ||
        !ca_shape_equal(&e.x->shape, &y->shape) || e.from_end > e.x->shape.rank)
        return CARINA_OK;
    double *all = ca_mul_size(&size, (size_t)e.count, 2 * (DEPTH + 2) * sizeof *all)
                      ? ca_alloc(size)
                      : NULL;
    if (!all)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the slopes of '%s'",
                      root->name);
    for (int i = 0; i < DEPTH + 2; i++)
        rooms[i] = (Sides){all + e.count * (2 * i), all + e.count * (2 * i + 1)};
    CarinaStatus status = CARINA_OK;
    if (evaluate(&e, y, &rooms[0], &rooms[1]) && is_prelu(&e, &rooms[0])) {
        status = put(g, root, &e, rooms[0].n, err);
        ++*n_changes;
    }
    ca_free(all);
    return status;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    {
        const Kind k = kind(n);
        if ((k == SUM || k == DIFFERENCE || k == MOST || k == PRODUCT || k == QUOTIENT) &&
            n->outputs[0].uses)
            CA_TRY(fuse(g, n, n_changes, err));
    }
    return CARINA_OK;
}

const CaPass ca_pass_fuse_prelu = {
    .name = "fuse-prelu",
    .summary = "sees PReLU in sums and maxima of x, |x| and relu(x) times constants",
    .run = run,
};

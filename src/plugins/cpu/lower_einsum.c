/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Einsum of one term (a view: permuted, or along a diagonal) or of two f32 ones, by MatMul: the terms are copied to
 * [batch, m, k] and [batch, k, n], and their product to the output's order. What is summed in one term alone is left to
 * the reference.
 *
 * The shape rule has checked the equation.
 */
#include "lower_parts.h"

#include <string.h>

enum { N_LETTERS = 52, N_LABELS = N_LETTERS + CARINA_MAX_RANK, MAX_AXES = 16 };

typedef struct Einsum {
    int n_terms, n_out, n_ellipsis;
    bool is_in[2][N_LABELS], is_out[N_LABELS];
    int64_t size[N_LABELS],
        stride[2]
              [N_LABELS]; /* stride: of the term; a label that comes twice: their sum */
    int out[CARINA_MAX_RANK];
} Einsum;

static int letter(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* Letters of a term into labels, -1 for an ellipsis; p moves behind it. */
static int read_term(const char **p, int *labels, int room)
{
    int n = 0;
    for (; **p && **p != ',' && **p != '-'; ++*p) {
        if (letter(**p) < 0 && **p != '.')
            continue;
        if (n == room)
            return -1;
        labels[n++] = letter(**p);
        if (**p == '.')
            *p += strspn(*p, ".") - 1;
    }
    return n;
}

static bool set_term(Einsum *e, int t, const int *names, int n, const CarinaShape *s)
{
    int letters = 0, d = s->rank;
    int64_t stride = 1;
    for (int i = 0; i < n; i++)
        letters += names[i] >= 0;
    const int spread = s->rank - letters;
    if (spread < 0)
        return false;
    e->n_ellipsis = spread > e->n_ellipsis ? spread : e->n_ellipsis;
    for (int i = n - 1; i >= 0; i--)
        for (int k = names[i] >= 0 ? 1 : spread; k-- > 0;) {
            const int label = names[i] >= 0 ? names[i] : N_LABELS - spread + k;
            const int64_t dim = s->dims[--d];
            e->is_in[t][label] = true;
            e->stride[t][label] += dim == 1 ? 0 : stride;
            e->size[label] = dim > e->size[label] ? dim : e->size[label];
            stride *= dim;
        }
    return d == 0;
}

static bool put_out(Einsum *e, int label)
{
    if (e->n_out == CARINA_MAX_RANK)
        return false;
    e->is_out[label] = true;
    e->out[e->n_out++] = label;
    return true;
}

static bool put_ellipsis(Einsum *e)
{
    bool good = true;
    for (int k = 0; k < e->n_ellipsis; k++)
        good = good && put_out(e, N_LABELS - e->n_ellipsis + k);
    return good;
}

/* The ellipsis, then the letters that occur once. */
static bool imply_output(Einsum *e, const int *n_seen)
{
    bool good = put_ellipsis(e);
    for (int l = 0; l < N_LETTERS; l++)
        good = good && (n_seen[l] != 1 || put_out(e, l));
    return good;
}

static bool parse(Einsum *e, const CarinaNode *n)
{
    const char *const *text = carina_node_attr(n, "equation", CARINA_ATTR_STRING);
    const char *p = text && *text ? *text : "";
    int names[CARINA_MAX_RANK + 1], n_seen[N_LETTERS] = {0}, count = 0;
    *e = (Einsum){.n_terms = n->n_inputs};
    if (e->n_terms > 2)
        return false;
    for (int t = 0; t < e->n_terms; t++) {
        count = read_term(&p, names, CARINA_MAX_RANK + 1);
        if (count < 0 || !set_term(e, t, names, count, &n->inputs[t].value->shape))
            return false;
        for (int i = 0; i < count; i++)
            if (names[i] >= 0)
                n_seen[names[i]]++;
        p += *p == ',';
    }
    if (!*p)
        return imply_output(e, n_seen);
    p += strspn(p, "->");
    count = read_term(&p, names, CARINA_MAX_RANK + 1);
    bool good = count >= 0;
    for (int i = 0; i < count && good; i++)
        good = names[i] >= 0 ? put_out(e, names[i]) : put_ellipsis(e);
    return good;
}

/* --- Groups of labels: their axes in one tensor. */

typedef struct Group {
    int n, labels[N_LABELS];
    int64_t size;
} Group;

static void append(const Einsum *e, Group *g, int label)
{
    g->labels[g->n++] = label;
    g->size *= e->size[label];
}

typedef struct Axes {
    int rank;
    int64_t dims[MAX_AXES], strides[MAX_AXES];
} Axes;

static bool push(Axes *a, const Einsum *e, int t, const Group *g)
{
    for (int i = 0; i < g->n; i++) {
        if (a->rank == MAX_AXES)
            return false;
        a->dims[a->rank] = e->size[g->labels[i]];
        a->strides[a->rank++] = e->stride[t][g->labels[i]];
    }
    return true;
}

typedef struct Groups {
    Group batch, m, n, k;
} Groups;

/* False where a label is summed in one term alone. */
static bool classify(Groups *g, const Einsum *e)
{
    *g = (Groups){{.size = 1}, {.size = 1}, {.size = 1}, {.size = 1}};
    for (int i = 0; i < e->n_out; i++) {
        const int l = e->out[i];
        append(e,
               e->is_in[0][l] && e->is_in[1][l] ? &g->batch
               : e->is_in[0][l]                 ? &g->m
                                                : &g->n,
               l);
    }
    for (int l = 0; l < N_LABELS; l++) {
        if (e->is_out[l] || (!e->is_in[0][l] && !e->is_in[1][l]))
            continue;
        if (!e->is_in[0][l] || !e->is_in[1][l])
            return false;
        append(e, &g->k, l);
    }
    return true;
}

/* One axis for each label of the output, in the product [batch, m, n]. */
static void output_axes(Axes *out, const Einsum *e, const Groups *g)
{
    const Group *const groups[] = {&g->n, &g->m, &g->batch};
    int64_t stride[N_LABELS], step = 1;
    for (int k = 0; k < 3; k++)
        for (int i = groups[k]->n - 1; i >= 0; i--) {
            stride[groups[k]->labels[i]] = step;
            step *= e->size[groups[k]->labels[i]];
        }
    out->rank = e->n_out;
    for (int i = 0; i < e->n_out; i++) {
        out->dims[i] = e->size[e->out[i]];
        out->strides[i] = stride[e->out[i]];
    }
}

static CarinaStatus copy_term(CaCpuBuild *b, const CarinaNode *n, int *out, int t,
                              const Axes *axes, const CarinaValue *result)
{
    const CarinaValue *x = n->inputs[t].value;
    int in = 0;
    CA_TRY(ca_cpu_plain(b, &in, x));
    return ca_cpu_copy_strided(b, n, out, in, axes->rank, axes->dims, axes->strides,
                               ca_cpu_count(&x->shape), ca_cpu_elem_size(x->type),
                               result);
}

static CarinaStatus lower_view(CaCpuBuild *b, const CarinaNode *n, const Einsum *e)
{
    Axes axes = {.rank = e->n_out};
    int out = 0;
    for (int l = 0; l < N_LABELS; l++)
        if (e->is_in[0][l] && !e->is_out[l])
            return CARINA_ERR_UNSUPPORTED;
    for (int i = 0; i < e->n_out; i++) {
        axes.dims[i] = e->size[e->out[i]];
        axes.strides[i] = e->stride[0][e->out[i]];
    }
    return copy_term(b, n, &out, 0, &axes, &n->outputs[0]);
}

CarinaStatus ca_cpu_lower_einsum(CaCpuBuild *b, const CarinaNode *n)
{
    Einsum e;
    Groups g;
    Axes left = {0}, right = {0}, last;
    int a = 0, w = 0, product = 0, out = 0;
    size_t size = 0;
    if (!parse(&e, n) || !ca_cpu_is_bytes(n->outputs[0].type))
        return CARINA_ERR_UNSUPPORTED;
    if (e.n_terms == 1)
        return lower_view(b, n, &e);
    if (!ca_cpu_is_float(n->outputs[0].type) || !classify(&g, &e) || !g.k.size ||
        !push(&left, &e, 0, &g.batch) || !push(&left, &e, 0, &g.m) ||
        !push(&left, &e, 0, &g.k) || !push(&right, &e, 1, &g.batch) ||
        !push(&right, &e, 1, &g.k) || !push(&right, &e, 1, &g.n) ||
        !ca_mul_size(&size, (size_t)ca_cpu_count(&n->outputs[0].shape), sizeof(float)))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(copy_term(b, n, &a, 0, &left, NULL));
    CA_TRY(copy_term(b, n, &w, 1, &right, NULL));
    CA_TRY(ca_cpu_add_buffer(b, &product, (CaCpuBuffer){.size = size}));
    CA_TRY(
        ca_cpu_multiply(b, n, product, a, w, g.batch.size, g.m.size, g.k.size, g.n.size));
    output_axes(&last, &e, &g);
    return ca_cpu_copy_strided(b, n, &out, product, last.rank, last.dims, last.strides,
                               ca_cpu_count(&n->outputs[0].shape), sizeof(float),
                               &n->outputs[0]);
}

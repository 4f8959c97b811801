/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Einsum: the sum over indices, written "ij,jk->ik". OpenVINO opset7.
 *
 * Letters of either case, "..." for leading dimensions that broadcast, blanks anywhere. A letter twice in one term
 * walks the diagonal; a letter not in the output is summed. Without "->" the output is the ellipsis, then the letters
 * that occur once, capitals first.
 */
#include "ops/check.h"

#include <string.h>

typedef struct {
    const char *equation;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_STRING(Attrs, equation, CA_REQUIRED),
    CA_ATTRS_END,
};

enum { MAX_TERMS = 16, N_LETTERS = 52, N_LABELS = N_LETTERS + CARINA_MAX_RANK };

typedef struct {
    int n_terms;
    int rank[MAX_TERMS], label[MAX_TERMS][CARINA_MAX_RANK];
    int n_out, out[CARINA_MAX_RANK];
    int n_ellipsis; /* dimensions it stands for: the last of the labels past the letters */
    bool has_ellipsis;
    int64_t size[N_LABELS];
    int seen[N_LABELS];
} Plan;

static int letter(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1;
}

/* Label of dimension k of an ellipsis of n: aligned at the end. */
static int ellipsis_label(int k, int n) { return N_LABELS - n + k; }

/* Reads a term: letters into names, -1 where the ellipsis stands. */
static const char *read_term(const char **at, int names[CARINA_MAX_RANK + 1], int *n)
{
    const char *p = *at;
    bool has_ellipsis = false;
    *n = 0;
    for (; *p && *p != ',' && *p != '-'; p++) {
        if (*p == ' ')
            continue;
        if (*n > CARINA_MAX_RANK)
            return "a term is too long";
        if (strncmp(p, "...", 3) == 0 && !has_ellipsis) {
            has_ellipsis = true;
            names[(*n)++] = -1;
            p += 2;
        } else if (letter(*p) >= 0) {
            names[(*n)++] = letter(*p);
        } else {
            return "a term holds something else than letters and one ellipsis";
        }
    }
    *at = p;
    return NULL;
}

static const char *set_term(Plan *p, const int *names, int n, const CarinaShape *s)
{
    int letters = 0, *label = p->label[p->n_terms];
    for (int i = 0; i < n; i++)
        letters += names[i] >= 0;
    const int spread = s->rank - letters;
    if (spread < 0 || (spread && letters == n))
        return "a term does not fit its input's number of dimensions";
    p->rank[p->n_terms] = 0;
    for (int i = 0; i < n; i++) {
        const int repeat = names[i] >= 0 ? 1 : spread;
        for (int k = 0; k < repeat; k++) {
            const int l = names[i] >= 0 ? names[i] : ellipsis_label(k, spread);
            const int64_t d = s->dims[p->rank[p->n_terms]];
            int64_t *size = &p->size[l];
            if (l >= N_LETTERS && p->seen[l] && (*size == 1 || d == 1))
                *size = *size == 1 ? d : *size;
            else if (!p->seen[l])
                *size = d;
            else if (!ca_dim_meet(size, d))
                return "one letter stands for different lengths";
            p->seen[l]++;
            label[p->rank[p->n_terms]++] = l;
        }
        if (names[i] < 0) {
            p->has_ellipsis = true;
            p->n_ellipsis = spread > p->n_ellipsis ? spread : p->n_ellipsis;
        }
    }
    p->n_terms++;
    return NULL;
}

static const char *put_out(Plan *p, int label)
{
    if (p->n_out == CARINA_MAX_RANK)
        return "the output has too many dimensions";
    p->out[p->n_out++] = label;
    return NULL;
}

static const char *set_output(Plan *p, const int *names, int n)
{
    bool used[N_LETTERS] = {false}, has_ellipsis = false;
    for (int i = 0; i < n; i++) {
        const char *problem = NULL;
        if (names[i] < 0) {
            has_ellipsis = true;
            for (int k = 0; k < p->n_ellipsis && !problem; k++)
                problem = put_out(p, ellipsis_label(k, p->n_ellipsis));
        } else if (!p->seen[names[i]] || used[names[i]]) {
            return "a letter of the output occurs twice there or in no input";
        } else {
            used[names[i]] = true;
            problem = put_out(p, names[i]);
        }
        if (problem)
            return problem;
    }
    return p->n_ellipsis && !has_ellipsis ? "the output lacks the inputs' ellipsis"
                                          : NULL;
}

static const char *implicit_output(Plan *p)
{
    const char *problem = NULL;
    for (int k = 0; k < p->n_ellipsis && !problem; k++)
        problem = put_out(p, ellipsis_label(k, p->n_ellipsis));
    for (int l = 0; l < N_LETTERS && !problem; l++)
        if (p->seen[l] == 1)
            problem = put_out(p, l);
    return problem;
}

/* NULL, or what is wrong. */
static const char *plan(Plan *p, const char *text, const CarinaShape *shapes, int n)
{
    int names[CARINA_MAX_RANK + 1], n_names;
    *p = (Plan){0};
    if (n > MAX_TERMS)
        return "there are more than 16 inputs";
    for (int i = 0; i < n; i++) {
        const char *problem = read_term(&text, names, &n_names);
        if (!problem)
            problem = set_term(p, names, n_names, &shapes[i]);
        if (problem)
            return problem;
        if (i + 1 < n && *text++ != ',')
            return "it has fewer terms than there are inputs";
    }
    if (!*text)
        return implicit_output(p);
    if (strncmp(text, "->", 2) != 0)
        return "it has more terms than there are inputs";
    text += 2;
    const char *problem = read_term(&text, names, &n_names);
    if (problem || *text)
        return problem ? problem : "something follows the output";
    return set_output(p, names, n_names);
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const char *text = ((const Attrs *)a->attrs)->equation;
    const int n = a->node->n_inputs;
    CarinaShape shapes[MAX_TERMS], y = ca_shape_unknown();
    Plan p;
    bool known = true;
    CA_TRY(ca_check_same(a, 0, n, err));
    for (int i = 0; i < n && i < MAX_TERMS; i++) {
        shapes[i] = ca_in_shape(a, i);
        known = known && shapes[i].rank >= 0;
    }
    if (known) {
        const char *problem = plan(&p, text, shapes, n);
        if (problem)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE, "equation '%s': %s", text,
                                problem);
        y = ca_shape_of_rank(p.n_out);
        for (int i = 0; i < p.n_out; i++)
            y.dims[i] = p.size[p.out[i]];
    }
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* Offset in input t of the element at the labels' positions. */
static int64_t offset(const Plan *p, int t, const CarinaShape *s, const int64_t *at)
{
    int64_t o = 0;
    for (int d = 0; d < p->rank[t]; d++)
        o = o * s->dims[d] + (s->dims[d] == 1 ? 0 : at[p->label[t][d]]);
    return o;
}

static bool advance(const Plan *p, const int *labels, int n, int64_t *at)
{
    for (int i = n - 1; i >= 0; i--) {
        if (++at[labels[i]] < p->size[labels[i]])
            return true;
        at[labels[i]] = 0;
    }
    return false;
}

static void sum_at(CaRefArgs *r, const Plan *p, const int *summed, int n, int64_t *at,
                   int64_t out)
{
    double sum = 0;
    uint64_t wraps = 0;
    do {
        double real = 1;
        uint64_t whole = 1;
        for (int t = 0; t < p->n_terms; t++) {
            const int64_t o = offset(p, t, &r->in[t].shape, at);
            if (r->in[t].real)
                real *= r->in[t].real[o];
            else
                whole *= (uint64_t)r->in[t].whole[o];
        }
        sum += real;
        wraps += whole;
    } while (advance(p, summed, n, at));
    if (r->out[0].real)
        r->out[0].real[out] = sum;
    else
        r->out[0].whole[out] = (int64_t)wraps;
}

static void ref(CaRefArgs *r)
{
    CarinaShape shapes[MAX_TERMS];
    Plan p;
    int summed[N_LABELS], n = 0;
    int64_t at[N_LABELS] = {0}, out = 0;
    for (int i = 0; i < r->n_in && i < MAX_TERMS; i++)
        shapes[i] = r->in[i].shape;
    r->problem = plan(&p, ((const Attrs *)r->attrs)->equation, shapes, r->n_in);
    if (r->problem)
        return;
    bool is_empty = false;
    for (int l = 0; l < N_LABELS; l++) {
        bool is_out = false;
        for (int i = 0; i < p.n_out; i++)
            is_out = is_out || p.out[i] == l;
        if (p.seen[l] && !is_out) {
            summed[n++] = l;
            is_empty = is_empty || p.size[l] == 0;
        }
    }
    for (int64_t i = 0; i < r->out[0].n && is_empty; i++) {
        if (r->out[0].real)
            r->out[0].real[i] = 0;
        else
            r->out[0].whole[i] = 0;
    }
    if (is_empty || r->out[0].n == 0)
        return;
    do
        sum_at(r, &p, summed, n, at, out++);
    while (advance(&p, p.out, p.n_out, at));
}

const CaOp ca_op_einsum = {
    .name = "Einsum",
    .opset = 7,
    .summary = "sum over indices, by an equation",
    .arity = {1, -1, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};

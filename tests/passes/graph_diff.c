/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two graphs, run by their definitions on the same numbers.
 */
#include "graph_diff.h"

#include "passes/quantize.h"

#include <math.h>
#include <string.h>

enum { MAX_PORTS_RUN = 16 };

const CaPass *pass_named(const char *name)
{
    for (int i = 0; ca_pass_at(i); i++)
        if (strcmp(ca_pass_at(i)->name, name) == 0)
            return ca_pass_at(i);
    /* Run only where layers are quantized. */
    return strcmp(ca_pass_lift_quantize.name, name) == 0 ? &ca_pass_lift_quantize : NULL;
}

/* splitmix64 */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

double random_real(uint64_t *state) { return (double)(next(state) >> 11) * 0x1p-52 - 1; }

uint64_t random_whole(uint64_t *state, uint64_t below) { return next(state) % below; }

static CarinaTensor *make_input(const CaValue *v, uint64_t *state, double scale)
{
    CarinaTensor *t = NULL;
    if (carina_tensor_create(&t, v->type, &v->shape, NULL) != CARINA_OK)
        return NULL;
    for (int64_t i = 0; i < ca_tensor_count(t); i++)
        ca_put_real(t->type, t->data, i, random_real(state) * scale);
    return t;
}

/* A copy whose inputs are static: unknown dimensions are 3. */
static CaGraph *make_static(const CaGraph *g)
{
    CaGraph *copy = NULL;
    if (ca_graph_copy(&copy, g, NULL) != CARINA_OK)
        return NULL;
    for (int i = 0; i < copy->n_inputs; i++) {
        CarinaShape *s = &((CaParameterAttrs *)copy->inputs[i]->attrs)->shape;
        for (int d = 0; d < s->rank; d++)
            s->dims[d] = s->dims[d] < 0 ? 3 : s->dims[d];
    }
    if (ca_graph_infer(copy, NULL) != CARINA_OK)
        ca_graph_free(&copy);
    return copy;
}

static double tensor_diff(const CarinaTensor *a, const CarinaTensor *b, double *most)
{
    double worst = 0;
    if (!a || !b || a->type != b->type || !ca_shape_equal(&a->shape, &b->shape))
        return INFINITY;
    for (int64_t i = 0; i < ca_tensor_count(a); i++) {
        const double x = ca_get_real(a->type, a->data, i);
        const double d = fabs(x - ca_get_real(b->type, b->data, i));
        *most = fmax(*most, fabs(x));
        worst = d <= worst ? worst : isnan(d) ? INFINITY : d;
    }
    return worst;
}

static double run_both(const CaGraph *a, const CaGraph *b, uint64_t seed, double scale,
                       double *most)
{
    CarinaTensor *in[MAX_PORTS_RUN] = {NULL}, *out[2][MAX_PORTS_RUN] = {{NULL}};
    double worst = 0;
    for (int i = 0; i < a->n_inputs; i++)
        in[i] = make_input(&a->inputs[i]->outputs[0], &seed, scale);
    if (ca_reference_run(a, out[0], (const CarinaTensor *const *)in, NULL) != CARINA_OK ||
        ca_reference_run(b, out[1], (const CarinaTensor *const *)in, NULL) != CARINA_OK)
        worst = INFINITY;
    for (int i = 0; i < a->n_outputs; i++) {
        worst = fmax(worst, tensor_diff(out[0][i], out[1][i], most));
        carina_tensor_free(&out[0][i]);
        carina_tensor_free(&out[1][i]);
    }
    for (int i = 0; i < a->n_inputs; i++)
        carina_tensor_free(&in[i]);
    return worst;
}

double graph_diff(const CaGraph *a, const CaGraph *b, uint64_t seed, double scale,
                  double *most)
{
    double worst = INFINITY;
    *most = 0;
    if (a->n_inputs != b->n_inputs || a->n_outputs != b->n_outputs ||
        a->n_inputs > MAX_PORTS_RUN || a->n_outputs > MAX_PORTS_RUN)
        return INFINITY;
    CaGraph *x = make_static(a), *y = make_static(b);
    if (x && y)
        worst = run_both(x, y, seed, scale, most);
    ca_graph_free(&x);
    ca_graph_free(&y);
    return worst;
}

static bool stands_before(const CaNode *a, const CaNode *b)
{
    for (a = a->next; a && a != b;)
        a = a->next;
    return a != NULL;
}

static const char *edge_fault(const CaNode *n)
{
    for (int i = 0; i < n->n_inputs; i++) {
        const CaValue *v = n->inputs[i].value;
        bool is_listed = false;
        if (!v)
            continue;
        if (!stands_before(v->node, n))
            return "a producer does not stand before its reader";
        for (const CaUse *u = v->uses; u; u = u->next)
            is_listed = is_listed || u == &n->inputs[i];
        if (!is_listed)
            return "a use is not in its value's list";
    }
    return NULL;
}

const char *graph_fault(CaGraph *g)
{
    CA_EACH_NODE(n, g) {
        const char *fault = edge_fault(n);
        if (fault)
            return fault;
        if (n->n_outputs < 1 || ca_node_is(n, "Const") || ca_node_is(n, "Parameter"))
            continue;
        const CarinaShape shape = n->outputs[0].shape;
        const CarinaType type = n->outputs[0].type;
        if (ca_node_infer(g, n, NULL) != CARINA_OK)
            return "a node does not infer";
        if (type != n->outputs[0].type || !ca_shape_equal(&shape, &n->outputs[0].shape))
            return "a node was left with a type or shape that is not its own";
    }
    return NULL;
}

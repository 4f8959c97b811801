/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators with bodies: shapes through a body, and running it by definition.
 */
#include "ops/loops.h"

#include <string.h>

enum { NO_PARTS = -2, MOST_ITERATIONS = 1 << 24, MOST_ROUNDS = 3 };

/* --- Port maps. */

static bool good_axis(const CarinaPortMap *m)
{
    return !m->is_sliced || (m->axis >= -CARINA_MAX_RANK && m->axis < CARINA_MAX_RANK &&
                             m->stride != 0 && m->part_size > 0);
}

static bool good_maps(const CaNode *node, const CarinaBody *b)
{
    for (int i = 0; i < b->n_inputs; i++)
        if (b->inputs[i].outer < 0 || b->inputs[i].outer >= node->n_inputs ||
            b->inputs[i].inner < 0 || b->inputs[i].inner >= b->graph->n_inputs ||
            !good_axis(&b->inputs[i]))
            return false;
    for (int i = 0; i < b->n_outputs; i++)
        if (b->outputs[i].outer < 0 || b->outputs[i].outer >= node->n_outputs ||
            b->outputs[i].inner < 0 || b->outputs[i].inner >= b->graph->n_outputs ||
            !good_axis(&b->outputs[i]))
            return false;
    for (int i = 0; i < b->n_back_edges; i++)
        if (b->back_edges[i].from < 0 || b->back_edges[i].from >= b->graph->n_outputs ||
            b->back_edges[i].to < 0 || b->back_edges[i].to >= b->graph->n_inputs)
            return false;
    return b->iteration_input < b->graph->n_inputs &&
           b->condition_output < b->graph->n_outputs;
}

/* Has each Parameter of the body one source, and each output of the node? */
static CarinaStatus check_sources(const CaInferArgs *a, const CarinaBody *b,
                                  CarinaError *err)
{
    for (int i = 0; i < b->graph->n_inputs; i++) {
        int n = i == b->iteration_input;
        for (int k = 0; k < b->n_inputs; k++)
            n += b->inputs[k].inner == i;
        if (n != 1)
            return ca_infer_err(a, err, CARINA_ERR_FORMAT,
                                "%d inputs go to '%.60s' of its body, must be 1", n,
                                b->graph->inputs[i]->name);
    }
    for (int i = 0; i < a->node->n_outputs; i++) {
        int n = 0;
        for (int k = 0; k < b->n_outputs; k++)
            n += b->outputs[k].outer == i;
        if (n != 1)
            return ca_infer_err(a, err, CARINA_ERR_FORMAT,
                                "%d results of its body go to output %d, must be 1", n,
                                i);
    }
    return CARINA_OK;
}

CarinaStatus ca_bodies_check(const CaInferArgs *a, int n, CarinaError *err)
{
    if (a->node->n_bodies != n)
        return ca_infer_err(a, err, CARINA_ERR_FORMAT, "it has %d bodies, needs %d",
                            a->node->n_bodies, n);
    for (int i = 0; i < n; i++) {
        const CarinaBody *b = &a->node->bodies[i];
        if (!b->graph || !good_maps(a->node, b))
            return ca_infer_err(a, err, CARINA_ERR_FORMAT,
                                "its port map names a port that is not there, or parts "
                                "of no size");
        CA_TRY(check_sources(a, b, err));
    }
    return CARINA_OK;
}

static int64_t from_end(int64_t v, int64_t size) { return v < 0 ? v + size : v; }

bool ca_part_count(int64_t *n, const CarinaPortMap *m, int64_t size)
{
    const int64_t start = from_end(m->start, size), end = from_end(m->end, size);
    const int64_t step = m->stride < 0 ? -m->stride : m->stride;
    const int64_t length = (m->stride < 0 ? start - end : end - start) + 1;
    if (start < 0 || end < 0 || start >= size || end >= size || length < m->part_size ||
        m->stride == INT64_MIN || (length - m->part_size) % step != 0)
        return false;
    *n = (length - m->part_size) / step + 1;
    return true;
}

int64_t ca_part_begin(const CarinaPortMap *m, int64_t size, int64_t i)
{
    const int64_t start = from_end(m->start, size);
    return start + i * m->stride - (m->stride < 0 ? m->part_size - 1 : 0);
}

/* --- Shapes. */

static CarinaStatus part_shape(const CaInferArgs *a, const CarinaPortMap *m,
                               CarinaShape *s, CarinaError *err)
{
    int axis = 0;
    int64_t n = 0;
    if (!m->is_sliced || s->rank < 0)
        return CARINA_OK;
    if (!ca_axis(m->axis, s->rank, &axis))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "input %d is taken apart on axis %d, but has %d dimensions",
                            m->outer, m->axis, s->rank);
    if (s->dims[axis] >= 0 && !ca_part_count(&n, m, s->dims[axis]))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "input %d has %lld elements on axis %d, which do not make "
                            "parts of %lld from %lld to %lld by %lld",
                            m->outer, (long long)s->dims[axis], axis,
                            (long long)m->part_size, (long long)m->start,
                            (long long)m->end, (long long)m->stride);
    s->dims[axis] = m->part_size;
    return CARINA_OK;
}

static void set_parameter(CaNode *parameter, CarinaType type, const CarinaShape *shape)
{
    CaParameterAttrs *p = parameter->attrs;
    if (type != CARINA_UNKNOWN)
        p->element_type = type;
    p->shape = *shape;
}

static CarinaStatus infer_inside(const CaInferArgs *a, const CarinaBody *b,
                                 CarinaError *err)
{
    CarinaError e = {CARINA_OK, ""};
    if (ca_graph_infer(b->graph, &e) == CARINA_OK)
        return CARINA_OK;
    return ca_infer_err(a, err, e.code, "in its body: %.200s", e.text);
}

/* Is a shape that an iteration hands on within the one that it got? */
static bool is_within(const CarinaShape *next, const CarinaShape *got)
{
    if (got->rank < 0)
        return true;
    for (int d = 0; d < got->rank && next->rank == got->rank; d++)
        if (got->dims[d] >= 0 && next->dims[d] != got->dims[d])
            return false;
    return next->rank == got->rank;
}

/* Dimensions in which an iteration hands on another shape than it got are not known; with all, none are. False where
 * there are no such. */
static bool widen(const CarinaBody *b, bool all)
{
    bool changed = false;
    for (int i = 0; i < b->n_back_edges; i++) {
        CaParameterAttrs *p = b->graph->inputs[b->back_edges[i].to]->attrs;
        const CarinaShape next =
            b->graph->outputs[b->back_edges[i].from]->inputs[0].value->shape;
        if (is_within(&next, &p->shape))
            continue;
        changed = true;
        if (next.rank != p->shape.rank)
            p->shape = ca_shape_unknown();
        for (int d = 0; d < p->shape.rank; d++)
            if (next.dims[d] != p->shape.dims[d])
                p->shape.dims[d] = CARINA_DYNAMIC;
    }
    for (int i = 0; changed && all && i < b->n_back_edges; i++)
        ((CaParameterAttrs *)b->graph->inputs[b->back_edges[i].to]->attrs)->shape =
            ca_shape_unknown();
    return changed;
}

CarinaStatus ca_body_infer(const CaInferArgs *a, const CarinaBody *b, bool is_loop,
                           CarinaError *err)
{
    for (int i = 0; i < b->n_inputs; i++) {
        const CarinaPortMap *m = &b->inputs[i];
        CarinaShape s = ca_in_shape(a, m->outer);
        CA_TRY(part_shape(a, m, &s, err));
        set_parameter(b->graph->inputs[m->inner], ca_in_type(a, m->outer), &s);
    }
    CA_TRY(infer_inside(a, b, err));
    /* Bodies may lie in bodies, and each round infers those too: a few rounds are all that a shape gets. */
    for (int round = 0; is_loop && widen(b, round == MOST_ROUNDS); round++)
        CA_TRY(infer_inside(a, b, err));
    return CARINA_OK;
}

CarinaStatus ca_iterations_by_parts(const CaInferArgs *a, int64_t *n, CarinaError *err)
{
    const CarinaBody *b = &a->node->bodies[0];
    *n = NO_PARTS;
    for (int i = 0; i < b->n_inputs; i++) {
        const CarinaPortMap *m = &b->inputs[i];
        const CarinaShape s = ca_in_shape(a, m->outer);
        int axis = 0;
        int64_t parts = CARINA_DYNAMIC;
        if (!m->is_sliced)
            continue;
        if (s.rank >= 0 && ca_axis(m->axis, s.rank, &axis) && s.dims[axis] >= 0 &&
            !ca_part_count(&parts, m, s.dims[axis]))
            parts = CARINA_DYNAMIC;
        if (*n >= 0 && parts >= 0 && *n != parts)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "its inputs have %lld and %lld parts, must have as many",
                                (long long)*n, (long long)parts);
        *n = *n < 0 ? parts : *n;
    }
    return CARINA_OK;
}

CarinaStatus ca_loop_outputs(const CaInferArgs *a, int64_t n_iterations, CarinaError *err)
{
    const CarinaBody *b = &a->node->bodies[0];
    for (int i = 0; i < b->n_outputs; i++) {
        const CarinaPortMap *m = &b->outputs[i];
        const CaValue *v = b->graph->outputs[m->inner]->inputs[0].value;
        CarinaShape s = v->shape;
        int axis = 0;
        if (m->is_sliced && s.rank >= 0) {
            if (!ca_axis(m->axis, s.rank, &axis))
                return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                    "output %d is put together on axis %d, but has %d "
                                    "dimensions",
                                    m->outer, m->axis, s.rank);
            s.dims[axis] = n_iterations < 0 || s.dims[axis] < 0 ||
                                   n_iterations > INT32_MAX || s.dims[axis] > INT32_MAX
                               ? CARINA_DYNAMIC
                               : n_iterations * s.dims[axis];
        }
        ca_out(a, m->outer, v->type, &s);
    }
    return CARINA_OK;
}

/* --- How often, where no data says so. */

static bool is_true(const CarinaTensor *t)
{
    return t && ca_tensor_count(t) == 1 && ca_get_int(t->type, t->data, 0) != 0;
}

/* Is the condition of every further iteration known to hold? Either it is a constant, or it is a Parameter that gets a
 * constant and hands itself on. */
static bool goes_on(const CaNode *node, const CarinaBody *b)
{
    if (b->condition_output < 0)
        return true;
    const CaValue *v = b->graph->outputs[b->condition_output]->inputs[0].value;
    if (v->constant)
        return is_true(v->constant);
    for (int i = 0; i < b->n_inputs; i++) {
        const CarinaPortMap *m = &b->inputs[i];
        if (b->graph->inputs[m->inner] != v->node)
            continue;
        for (int k = 0; k < b->n_back_edges; k++)
            if (b->back_edges[k].to == m->inner &&
                b->graph->outputs[b->back_edges[k].from]->inputs[0].value != v)
                return false;
        const CaValue *given = ca_node_input(node, m->outer);
        return !m->is_sliced && given && is_true(given->constant);
    }
    return false;
}

int64_t ca_iterations_known(const CaNode *node)
{
    const CarinaBody *b = &node->bodies[0];
    const CaInferArgs args = {NULL, (CaNode *)(uintptr_t)node, node->attrs};
    int64_t parts = NO_PARTS, trips = -1;
    int n = 0;
    if (ca_iterations_by_parts(&args, &parts, NULL) != CARINA_OK)
        return CARINA_DYNAMIC;
    if (!ca_node_is(node, "Loop"))
        return parts < 0 ? CARINA_DYNAMIC : parts;
    if (!ca_in_ints(&args, 0, &trips, 1, &n) || n != 1 || trips < 0 ||
        !ca_node_input(node, 1) || !is_true(ca_node_input(node, 1)->constant) ||
        !goes_on(node, b))
        return CARINA_DYNAMIC;
    return trips;
}

/* --- Running. */

void ca_elements_copy(const CarinaTensor *to, const CarinaTensor *from)
{
    const int64_t n = ca_tensor_count(to);
    if (to->type == from->type && to->size == from->size) {
        if (to->size)
            memcpy(to->data, from->data, to->size);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        if (ca_type_is_real(to->type))
            ca_put_real(to->type, to->data, i, ca_get_real(from->type, from->data, i));
        else
            ca_put_int(to->type, to->data, i, ca_get_int(from->type, from->data, i));
    }
}

/* The rows [begin, begin + part's own) of whole along an axis: copied to the part, or from it. */
static void move_part(const CarinaTensor *whole, const CarinaTensor *part, int axis,
                      int64_t begin, bool to_part)
{
    const size_t size = (size_t)carina_type_bits(whole->type) / 8;
    const int64_t outer = ca_shape_product(&whole->shape, 0, axis),
                  inner = ca_shape_product(&whole->shape, axis + 1, whole->shape.rank);
    const size_t row = (size_t)(part->shape.dims[axis] * inner) * size,
                 stride = (size_t)(whole->shape.dims[axis] * inner) * size;
    for (int64_t i = 0; i < outer; i++) {
        char *w = (char *)whole->data + (size_t)i * stride +
                  (size_t)(begin * inner) * size,
             *p = (char *)part->data + (size_t)i * row;
        memcpy(to_part ? p : w, to_part ? w : p, row);
    }
}

typedef struct Running {
    const CaNode *node;
    const CarinaBody *b;
    CarinaTensor *const *outputs;
    const CarinaTensor *const *inputs;
    CarinaTensor **given, **results; /* of the body, one iteration */
    CarinaError *err;
} Running;

static CarinaStatus run_err(const Running *r, CarinaStatus code, const char *text)
{
    return ca_err(r->err, code, "node '%s' (%s): %s", r->node->name, r->node->op_name,
                  text);
}

static CarinaStatus take_part(const Running *r, const CarinaPortMap *m, int64_t i)
{
    const CarinaTensor *whole = r->inputs[m->outer];
    CarinaShape s = whole->shape;
    int axis = 0;
    int64_t n = 0;
    if (carina_type_bits(whole->type) < 8 || !ca_axis(m->axis, s.rank, &axis) ||
        !ca_part_count(&n, m, s.dims[axis]) || i >= n)
        return run_err(r, CARINA_ERR_SHAPE, "an input has no part for an iteration");
    const int64_t begin = ca_part_begin(m, s.dims[axis], i);
    s.dims[axis] = m->part_size;
    CA_TRY(carina_tensor_create(&r->given[m->inner], whole->type, &s, r->err));
    move_part(whole, r->given[m->inner], axis, begin, true);
    return CARINA_OK;
}

static CarinaStatus count_iteration(const Running *r, int64_t i)
{
    const CaParameterAttrs *p = r->b->graph->inputs[r->b->iteration_input]->attrs;
    CarinaTensor *t = NULL;
    int64_t n = 0;
    if (!ca_shape_count(&p->shape, &n) || n != 1 || !ca_type_is_whole(p->element_type))
        return run_err(r, CARINA_ERR_SHAPE,
                       "the count of iterations is no single whole number in its body");
    CA_TRY(carina_tensor_create(&t, p->element_type, &p->shape, r->err));
    ca_put_int(t->type, t->data, 0, i);
    r->given[r->b->iteration_input] = t;
    return CARINA_OK;
}

/* What the Parameters get in iteration i: results[] still holds what the last one gave. */
static CarinaStatus give(const Running *r, int64_t i)
{
    for (int k = 0; k < r->b->n_inputs; k++) {
        const CarinaPortMap *m = &r->b->inputs[k];
        const CarinaTensor *from = r->inputs[m->outer];
        for (int e = 0; i > 0 && e < r->b->n_back_edges; e++)
            if (r->b->back_edges[e].to == m->inner)
                from = r->results[r->b->back_edges[e].from];
        if (!from)
            return run_err(r, CARINA_ERR_ARGUMENT, "an input of its body is absent");
        if (m->is_sliced)
            CA_TRY(take_part(r, m, i));
        else
            CA_TRY(ca_tensor_share(&r->given[m->inner], from, r->err));
    }
    return r->b->iteration_input >= 0 ? count_iteration(r, i) : CARINA_OK;
}

static void let_go(CarinaTensor **list, int n)
{
    for (int i = 0; i < n; i++)
        carina_tensor_free(&list[i]);
}

static CarinaStatus put_part(const Running *r, const CarinaPortMap *m, int64_t i)
{
    const CarinaTensor *whole = r->outputs[m->outer], *part = r->results[m->inner];
    CarinaTensor *same = NULL;
    int axis = 0;
    const bool fits = ca_axis(m->axis, whole->shape.rank, &axis) &&
                      part->shape.rank == whole->shape.rank &&
                      carina_type_bits(whole->type) >= 8;
    const int64_t n = fits && part->shape.dims[axis]
                          ? whole->shape.dims[axis] / part->shape.dims[axis]
                          : 0;
    CarinaShape expected = part->shape;
    if (fits)
        expected.dims[axis] = n * part->shape.dims[axis];
    if (!fits || i >= n || !ca_shape_equal(&expected, &whole->shape))
        return run_err(r, CARINA_ERR_SHAPE,
                       "a result's shape is not that of its part of an output");
    CA_TRY(carina_tensor_create(&same, whole->type, &part->shape, r->err));
    ca_elements_copy(same, part);
    move_part(whole, same, axis, (m->stride < 0 ? n - 1 - i : i) * part->shape.dims[axis],
              false);
    carina_tensor_free(&same);
    return CARINA_OK;
}

static CarinaStatus put_last(const Running *r, const CarinaPortMap *m,
                             const CarinaTensor *last)
{
    const CarinaTensor *to = r->outputs[m->outer];
    if (!last || !ca_shape_equal(&last->shape, &to->shape))
        return run_err(
            r, CARINA_ERR_SHAPE,
            "the shape of an output depends on the data, which is not offered");
    ca_elements_copy(to, last);
    return CARINA_OK;
}

static CarinaStatus iterate(const Running *r, int64_t i)
{
    CarinaStatus status = give(r, i);
    let_go(r->results, r->b->graph->n_outputs);
    if (status == CARINA_OK)
        status = ca_reference_run(r->b->graph, r->results,
                                  (const CarinaTensor *const *)r->given, r->err);
    let_go(r->given, r->b->graph->n_inputs);
    for (int k = 0; status == CARINA_OK && k < r->b->n_outputs; k++)
        if (r->b->outputs[k].is_sliced)
            status = put_part(r, &r->b->outputs[k], i);
    return status;
}

/* After no iteration at all an output is what would have been handed to the first. */
static const CarinaTensor *initial(const Running *r, int result)
{
    for (int e = 0; e < r->b->n_back_edges; e++)
        for (int k = 0; r->b->back_edges[e].from == result && k < r->b->n_inputs; k++)
            if (r->b->inputs[k].inner == r->b->back_edges[e].to)
                return r->inputs[r->b->inputs[k].outer];
    return NULL;
}

static CarinaStatus run_all(const Running *r)
{
    const CaNode *node = r->node;
    const bool is_loop = ca_node_is(node, "Loop");
    const CaInferArgs args = {NULL, (CaNode *)(uintptr_t)node, node->attrs};
    int64_t parts = NO_PARTS, trips = -1, i = 0;
    bool on = true;
    CA_TRY(ca_iterations_by_parts(&args, &parts, r->err));
    if (is_loop) {
        trips = ca_get_int(r->inputs[0]->type, r->inputs[0]->data, 0);
        on = is_true(r->inputs[1]);
    } else {
        trips = parts;
    }
    for (; on && (trips < 0 || i < trips); i++) {
        if (trips < 0 && i == MOST_ITERATIONS)
            return run_err(r, CARINA_ERR_LIMIT, "it does not end");
        CA_TRY(iterate(r, i));
        if (r->b->condition_output >= 0)
            on = is_true(r->results[r->b->condition_output]);
    }
    for (int k = 0; k < r->b->n_outputs; k++) {
        const CarinaPortMap *m = &r->b->outputs[k];
        if (!m->is_sliced)
            CA_TRY(put_last(r, m, i ? r->results[m->inner] : initial(r, m->inner)));
    }
    return CARINA_OK;
}

CarinaStatus ca_loop_run(const CaNode *node, CarinaTensor *const *outputs,
                         const CarinaTensor *const *inputs, CarinaError *err)
{
    const CarinaBody *b = &node->bodies[0];
    Running r = {node, b, outputs, inputs, NULL, NULL, err};
    const size_t n = (size_t)b->graph->n_inputs + (size_t)b->graph->n_outputs + 1;
    CarinaTensor **all = ca_alloc(n * sizeof(CarinaTensor *));
    if (!all)
        return run_err(&r, CARINA_ERR_MEMORY, "out of memory for the reference");
    r.given = all;
    r.results = all + b->graph->n_inputs;
    const CarinaStatus status = run_all(&r);
    let_go(all, (int)n);
    ca_free(all);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loop: its body is a program of its own, which runs with all threads as long as the condition holds. What is handed on
 * lies in one of two places in turn; the first round reads what comes in where it is.
 *
 * Ports that are taken apart or put together, and types that are computed in another, are left to the definition.
 */
#include "cpu_program.h"

#include <string.h>

enum { MOST_ROUNDS = 1 << 24 }; /* of a loop without a limit, as the definition has it */

typedef struct LoopStep {
    const CarinaProgram *body;
    int n_in, n_out,
        n_results;         /* Parameters and Results of the body, outputs of the node */
    int *sources;          /* of each Parameter: a buffer, -1: the number of the round */
    int *handed;           /* which Result it gets in the next round; -1: none */
    CarinaTensor *tensors; /* without data: Parameters, then Results */
    size_t
        *places; /* of each Result: where in the step's work; twice as large as it is */
    int *outs, *inner;    /* of each output: buffer, Result */
    int trips, condition; /* buffers */
    CarinaType trips_type;
    int condition_result;
    size_t body_at, pointers_at;
} LoopStep;

static int64_t whole_number(const void *p, CarinaType type)
{
    return type == CARINA_I64 ? *(const int64_t *)p : *(const int32_t *)p;
}

static void put_number(const CarinaTensor *t, int64_t v)
{
    if (t->type == CARINA_I64)
        *(int64_t *)t->data = v;
    else
        *(int32_t *)t->data = (int32_t)v;
}

/* Tensors of one run, in the step's work. */
typedef struct Round {
    CarinaTensor *t;
    const CarinaTensor **ins;
    CarinaTensor **outs;
    int64_t *number;
} Round;

static Round begin(const LoopStep *d, CaCpuRun *r)
{
    unsigned char *at = r->work + d->pointers_at;
    Round w = {.number = (int64_t *)(void *)at};
    w.t = (CarinaTensor *)(void *)(at + 64);
    w.ins = (const CarinaTensor **)(void *)(w.t + d->n_in + d->n_out);
    w.outs = (CarinaTensor **)(void *)(w.ins + d->n_in);
    for (int i = 0; i < d->n_in + d->n_out; i++) {
        w.t[i] = d->tensors[i];
        if (i < d->n_in) {
            w.ins[i] = &w.t[i];
            w.t[i].data =
                d->sources[i] < 0 ? (void *)w.number : ca_cpu_at(r, d->sources[i]);
        } else {
            w.outs[i - d->n_in] = &w.t[i];
        }
    }
    return w;
}

/* After no round at all an output is what would have been handed to the first. */
static const void *initial(const LoopStep *d, const Round *w, int result)
{
    for (int i = 0; i < d->n_in; i++)
        if (d->handed[i] == result)
            return w->ins[i]->data;
    return NULL;
}

static CarinaStatus run_loop(const CaCpuStep *s, CaCpuRun *r)
{
    const LoopStep *d = s->data;
    const int64_t trips = whole_number(ca_cpu_at(r, d->trips), d->trips_type);
    const Round w = begin(d, r);
    bool on = *(const unsigned char *)ca_cpu_at(r, d->condition) != 0;
    int64_t i = 0;
    for (; on && (trips < 0 || i < trips); i++) {
        if (i == MOST_ROUNDS && trips < 0) {
            ca_cpu_refuse(r, s, "it does not end");
            return r->status;
        }
        for (int k = 0; k < d->n_in; k++)
            if (d->sources[k] < 0)
                put_number(w.ins[k], i);
        for (int k = 0; k < d->n_out; k++)
            w.outs[k]->data = r->work + d->places[k] +
                              (i & 1 ? (w.outs[k]->size + 63) & ~(size_t)63 : 0);
        CA_TRY(ca_cpu_run_body(d->body, w.outs, w.ins, r, r->work + d->body_at));
        for (int k = 0; k < d->n_in; k++)
            if (d->handed[k] >= 0)
                w.t[k].data = w.outs[d->handed[k]]->data;
        if (d->condition_result >= 0)
            on = *(const unsigned char *)w.outs[d->condition_result]->data != 0;
    }
    for (int k = 0; k < d->n_results; k++) {
        const CarinaTensor *t = w.outs[d->inner[k]];
        const void *last = i ? t->data : initial(d, &w, d->inner[k]);
        if (!last) {
            ca_cpu_refuse(r, s,
                          "an output is what the first round makes, and there is none");
            return r->status;
        }
        memcpy(ca_cpu_at(r, d->outs[k]), last, t->size);
    }
    return CARINA_OK;
}

/* --- Compiling. */

static bool is_plain(const CarinaValue *v)
{
    for (int i = 0; i < v->shape.rank; i++)
        if (v->shape.dims[i] < 0)
            return false;
    return v->shape.rank >= 0 && ca_cpu_is_bytes(v->type) &&
           ca_cpu_type(v->type) == v->type;
}

static bool is_like(const CarinaValue *a, const CarinaValue *b)
{
    return a && b && is_plain(a) && a->type == b->type &&
           ca_cpu_is_same_shape(&a->shape, &b->shape);
}

static bool is_one(const CarinaValue *v, bool is_truth)
{
    return v && is_plain(v) && ca_cpu_count(&v->shape) == 1 &&
           (is_truth ? v->type == CARINA_BOOL
                     : v->type == CARINA_I64 || v->type == CARINA_I32);
}

static const CarinaValue *parameter(const CarinaBody *b, int i)
{
    return &b->graph->inputs[i]->outputs[0];
}

static const CarinaValue *result(const CarinaBody *b, int i)
{
    return b->graph->outputs[i]->inputs[0].value;
}

/* Does all that goes in and out keep its type and a known shape, and go as a whole? */
static bool is_offered(const CarinaNode *n, const CarinaBody *b)
{
    if (!is_one(ca_cpu_in(n, 0), false) || !is_one(ca_cpu_in(n, 1), true))
        return false;
    for (const CarinaNode *m = b->graph->first; m; m = m->next)
        for (int i = 0; i < m->n_outputs; i++)
            for (int k = 0; k < m->outputs[i].shape.rank || m->outputs[i].shape.rank < 0;
                 k++)
                if (m->outputs[i].shape.rank < 0 || m->outputs[i].shape.dims[k] < 0)
                    return false;
    for (int i = 0; i < b->n_inputs; i++)
        if (b->inputs[i].is_sliced ||
            !is_like(ca_cpu_in(n, b->inputs[i].outer), parameter(b, b->inputs[i].inner)))
            return false;
    for (int i = 0; i < b->n_outputs; i++)
        if (b->outputs[i].is_sliced ||
            !is_like(&n->outputs[b->outputs[i].outer], result(b, b->outputs[i].inner)))
            return false;
    for (int i = 0; i < b->n_back_edges; i++)
        if (!is_like(parameter(b, b->back_edges[i].to), result(b, b->back_edges[i].from)))
            return false;
    for (int i = 0; i < b->graph->n_outputs; i++)
        if (!is_plain(result(b, i)))
            return false;
    return (b->iteration_input < 0 || is_one(parameter(b, b->iteration_input), false)) &&
           (b->condition_output < 0 || is_one(result(b, b->condition_output), true));
}

static CarinaTensor tensor_of(const CarinaValue *v)
{
    return (CarinaTensor){.type = v->type,
                          .shape = v->shape,
                          .size = (size_t)ca_cpu_count(&v->shape) *
                                  ca_cpu_elem_size(v->type)};
}

static bool allocate(LoopStep *d, CaArena *arena, const CarinaNode *n,
                     const CarinaBody *b)
{
    d->n_in = b->graph->n_inputs;
    d->n_out = b->graph->n_outputs;
    d->n_results = n->n_outputs;
    d->sources = ca_arena_array(arena, (size_t)d->n_in + 1, sizeof *d->sources);
    d->handed = ca_arena_array(arena, (size_t)d->n_in + 1, sizeof *d->handed);
    d->tensors =
        ca_arena_array(arena, (size_t)d->n_in + (size_t)d->n_out + 1, sizeof *d->tensors);
    d->places = ca_arena_array(arena, (size_t)d->n_out + 1, sizeof *d->places);
    d->outs = ca_arena_array(arena, (size_t)d->n_results + 1, sizeof *d->outs);
    d->inner = ca_arena_array(arena, (size_t)d->n_results + 1, sizeof *d->inner);
    return d->sources && d->handed && d->tensors && d->places && d->outs && d->inner;
}

/* The step's work: pairs of Results, the tensors of a run, the body's own. False on overflow. */
static bool lay_out(LoopStep *d, const CarinaBody *b, size_t *work)
{
    const size_t each = sizeof(CarinaTensor) + sizeof(void *);
    size_t at = 0, size = 0, pointers = 0;
    for (int i = 0; i < d->n_in; i++) {
        d->tensors[i] = tensor_of(parameter(b, i));
        d->sources[i] = d->handed[i] = -1;
    }
    for (int i = 0; i < d->n_out; i++) {
        d->tensors[d->n_in + i] = tensor_of(result(b, i));
        d->places[i] = at;
        if (!ca_add_size(&size, d->tensors[d->n_in + i].size, 63) ||
            !ca_mul_size(&size, size & ~(size_t)63, 2) || !ca_add_size(&at, at, size))
            return false;
    }
    d->pointers_at = at;
    if (!ca_mul_size(&pointers, (size_t)d->n_in + (size_t)d->n_out, each) ||
        !ca_add_size(&at, at, pointers) || !ca_add_size(&at, at, 128))
        return false;
    d->body_at = at & ~(size_t)63;
    return ca_add_size(work, d->body_at, ca_cpu_body_work(d->body));
}

static CarinaStatus join(CaCpuBuild *b, LoopStep *d, const CarinaNode *n,
                         const CarinaBody *body)
{
    for (int i = 0; i < body->n_inputs; i++)
        CA_TRY(ca_cpu_plain(b, &d->sources[body->inputs[i].inner],
                            ca_cpu_in(n, body->inputs[i].outer)));
    for (int i = 0; i < body->n_back_edges; i++)
        d->handed[body->back_edges[i].to] = body->back_edges[i].from;
    for (int i = 0; i < body->n_outputs; i++) {
        d->inner[body->outputs[i].outer] = body->outputs[i].inner;
        CA_TRY(ca_cpu_new_plain(b, &d->outs[body->outputs[i].outer],
                                &n->outputs[body->outputs[i].outer]));
    }
    d->condition_result = body->condition_output;
    d->trips_type = ca_cpu_in(n, 0)->type;
    CA_TRY(ca_cpu_plain(b, &d->trips, ca_cpu_in(n, 0)));
    return ca_cpu_plain(b, &d->condition, ca_cpu_in(n, 1));
}

CarinaStatus ca_cpu_lower_loop(CaCpuBuild *b, const CarinaNode *n)
{
    LoopStep d = {0};
    CarinaProgram *program = NULL;
    CaCpuStep *s = NULL;
    size_t work = 0;
    if (n->n_bodies != 1 || !is_offered(n, &n->bodies[0]))
        return CARINA_ERR_UNSUPPORTED;
    const CarinaBody *body = &n->bodies[0];
    CA_TRY(ca_cpu_compile_body(b, &program, body->graph));
    d.body = program;
    if (!allocate(&d, b->p->arena, n, body))
        return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
    if (!lay_out(&d, body, &work))
        return ca_err(b->err, CARINA_ERR_LIMIT,
                      "node '%s' (%s): its work space is too large for this machine",
                      n->name, n->op_name);
    CA_TRY(join(b, &d, n, body));
    CA_TRY(ca_cpu_add_step(b, &s, n, "loop", NULL, sizeof d));
    *(LoopStep *)s->data = d;
    s->whole = run_loop;
    s->shared_work = work;
    s->thread_work = program->thread_work;
    for (int i = 0; i < d.n_in; i++)
        if (d.sources[i] >= 0)
            ca_cpu_use(b, d.sources[i]);
    for (int i = 0; i < d.n_results; i++)
        ca_cpu_use(b, d.outs[i]);
    ca_cpu_use(b, d.trips);
    ca_cpu_use(b, d.condition);
    return CARINA_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element-wise operators: chains of them become one step.
 *
 * A chain starts at a node and follows single readers for as long as the other operand is a number, a number a
 * channel, or (for the first node) another activation.
 */
#include "kernels/eltwise/eltwise.h"
#include "lower_act.h"

#include <string.h>

typedef struct EltStep {
    const CaEltwise *kernel;
    CaChain chain;
    CaCpuRef in, out, other; /* other: the first step's activation operand */
    int plain_in, plain_out;
    int64_t n, c, inner; /* plain */
    bool is_blocked;
} EltStep;

typedef struct BinaryStep {
    const CaEltwise *kernel;
    CaBroadcast plan;
    CaChainOp op;
    int a, b, out;
} BinaryStep;

static void run_chain(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const EltStep *d = s->data;
    (void)phase;
    if (!d->is_blocked) {
        d->kernel->run_plain(&d->chain, ca_cpu_at(r, d->plain_out),
                             ca_cpu_at(r, d->plain_in), d->n, d->c, d->inner, thread,
                             n_threads);
        return;
    }
    const CaActs in = ca_cpu_acts(r, &d->in), out = ca_cpu_acts(r, &d->out);
    if (d->other.buffer < 0) {
        d->kernel->run(&d->chain, &out, &in, thread, n_threads);
        return;
    }
    CaChain chain = d->chain;
    const CaActs other = ca_cpu_acts(r, &d->other);
    chain.steps[0].acts = &other;
    d->kernel->run(&chain, &out, &in, thread, n_threads);
}

static void run_binary(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const BinaryStep *d = s->data;
    (void)phase;
    d->kernel->binary(&d->plan, d->op, ca_cpu_at(r, d->out), ca_cpu_at(r, d->a),
                      ca_cpu_at(r, d->b), thread, n_threads);
}

typedef struct BinaryRow {
    const char *op;
    CaChainOp forward, reversed; /* x first, x second */
} BinaryRow;
static const BinaryRow binaries[] = {
    {"Add", CA_CHAIN_ADD, CA_CHAIN_ADD},
    {"Subtract", CA_CHAIN_SUB, CA_CHAIN_RSUB},
    {"Multiply", CA_CHAIN_MUL, CA_CHAIN_MUL},
    {"Divide", CA_CHAIN_DIV, CA_CHAIN_RDIV},
    {"Maximum", CA_CHAIN_MAX, CA_CHAIN_MAX},
    {"Minimum", CA_CHAIN_MIN, CA_CHAIN_MIN},
    {"Power", CA_CHAIN_POW, CA_CHAIN_RPOW},
    {"SquaredDifference", CA_CHAIN_SQUARED_DIFF, CA_CHAIN_SQUARED_DIFF},
};
static const BinaryRow *binary_of(const CarinaNode *n)
{
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++)
        if (ca_cpu_is(n, binaries[i].op))
            return &binaries[i];
    return NULL;
}

typedef struct UnaryRow {
    const char *op;
    CaChainOp chain;
} UnaryRow;
static const UnaryRow unaries[] = {
    {"Abs", CA_CHAIN_ABS},      {"Negative", CA_CHAIN_NEG}, {"Sqrt", CA_CHAIN_SQRT},
    {"Log", CA_CHAIN_LOG},      {"Erf", CA_CHAIN_ERF},      {"Floor", CA_CHAIN_FLOOR},
    {"Ceiling", CA_CHAIN_CEIL},
};

/* The chain operations from RELU on stand in the order of CaActKind, which starts with NONE. */
static CaChainOp chain_of_act(CaActKind kind)
{
    return (CaChainOp)((int)CA_CHAIN_RELU + ((int)kind - (int)CA_ACT_RELU));
}

static bool unary_step(CaStep *step, const CarinaNode *n)
{
    CaAct act;
    *step = (CaStep){.operand = CA_OPERAND_NONE};
    if (ca_cpu_act_of(&act, n)) {
        step->op = chain_of_act(act.kind);
        step->a = act.a;
        step->b = act.b;
        return true;
    }
    if (ca_cpu_is(n, "Round")) {
        step->op = strcmp(carina_node_enum(n, "mode"), "half_away_from_zero") == 0
                       ? CA_CHAIN_ROUND_AWAY
                       : CA_CHAIN_ROUND;
        return true;
    }
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++)
        if (ca_cpu_is(n, unaries[i].op)) {
            step->op = unaries[i].chain;
            return true;
        }
    return false;
}

/* Channels of a value: its axis 1, as element-wise constants mean it where they are [1, C, 1, 1] or [C, 1, 1]. */
static int64_t channels_of(const CarinaShape *s) { return s->rank >= 2 ? s->dims[1] : 1; }

/* A constant that is one number, or one a channel of out. */
static bool constant_operand(CaCpuBuild *b, CaStep *step, const CarinaValue *v,
                             const CarinaShape *out, const float **y)
{
    int64_t n = 0;
    if (!ca_cpu_constant(v) ||
        ca_cpu_count(&v->shape) > (channels_of(out) > 1 ? channels_of(out) : 1) ||
        !(*y = ca_cpu_floats(b, v, &n)))
        return false;
    if (n == 1 && v->shape.rank <= out->rank) {
        step->operand = CA_OPERAND_SCALAR;
        return true;
    }
    const int behind = out->rank - 2; /* axes after the channels */
    if (v->shape.rank <= behind || v->shape.rank > out->rank || n != channels_of(out) ||
        v->shape.dims[v->shape.rank - 1 - behind] != n)
        return false;
    step->operand = CA_OPERAND_CHANNEL;
    step->y = *y;
    return true;
}

static bool fake_quantize_step(CaCpuBuild *b, CaStep *step, const CarinaNode *n)
{
    const CarinaShape *out = &n->outputs[0].shape;
    bool by_channel = false;
    CaStep each[4];
    const float *y[4] = {NULL};
    memset(each, 0, sizeof each);
    for (int i = 0; i < 4; i++) {
        if (!ca_cpu_in(n, i + 1) ||
            !constant_operand(b, &each[i], ca_cpu_in(n, i + 1), out, &y[i]))
            return false;
        by_channel = by_channel || each[i].operand == CA_OPERAND_CHANNEL;
    }
    *step = (CaStep){.op = CA_CHAIN_FAKE_QUANTIZE,
                     .operand = by_channel ? CA_OPERAND_CHANNEL : CA_OPERAND_SCALAR,
                     .levels = (int)carina_node_int(n, "levels", 256)};
    for (int i = 0; i < 4; i++) {
        if (by_channel && each[i].operand == CA_OPERAND_SCALAR) {
            float *all =
                ca_arena_array(b->p->arena, (size_t)channels_of(out) + 16, sizeof *all);
            for (int64_t c = 0; all && c < channels_of(out); c++)
                all[c] = y[i][0];
            y[i] = all;
        }
        step->range[i] = y[i];
    }
    return true;
}

/* The node as a step on its operand `at`, all others constant. */
static bool step_of(CaCpuBuild *b, CaStep *step, const CarinaNode *n, int at)
{
    const CarinaShape *out = &n->outputs[0].shape;
    const BinaryRow *row = binary_of(n);
    const float *y = NULL;
    if (at == 0 && unary_step(step, n))
        return true;
    if (at == 0 && ca_cpu_is(n, "FakeQuantize"))
        return fake_quantize_step(b, step, n);
    *step = (CaStep){.operand = CA_OPERAND_NONE};
    if (at == 0 && ca_cpu_is(n, "PReLU")) {
        /* slopes [C] belong to axis 1 whatever the rank: operators.md */
        const CarinaValue *slope = ca_cpu_in(n, 1);
        int64_t count = 0;
        if (!ca_cpu_constant(slope) || !(step->y = ca_cpu_floats(b, slope, &count)) ||
            !ca_cpu_is_channel_slope(&slope->shape, out))
            return false;
        step->op = CA_CHAIN_PRELU;
        step->operand = CA_OPERAND_CHANNEL;
        return true;
    }
    if (!row || n->n_inputs != 2 ||
        strcmp(carina_node_enum(n, "auto_broadcast"), "pdpd") == 0 ||
        !constant_operand(b, step, n->inputs[1 - at].value, out, &y))
        return false;
    step->op = at == 0 ? row->forward : row->reversed;
    if (step->operand == CA_OPERAND_SCALAR)
        step->a = y[0];
    return true;
}

static bool same_shape(const CarinaShape *a, const CarinaShape *b)
{
    return a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

/* As many readers as fit; returns the node whose result the chain makes. */
static const CarinaNode *extend(CaCpuBuild *b, CaChain *chain, const CarinaNode *last)
{
    for (;;) {
        const CarinaUse *u = last->outputs[0].uses;
        if (!u || u->next || chain->n_steps == CA_CHAIN_MAX_STEPS ||
            !u->node->n_outputs || b->is_skipped[u->node->id] ||
            b->fusions[u->node->id].conv || b->takes_narrow[u->node->id] ||
            (ca_cpu_is_quantizer(b, u->node) &&
             ca_cpu_wants_narrow(b, &u->node->outputs[0])) ||
            ca_cpu_value(b, &last->outputs[0])->root >= 0 ||
            !same_shape(&u->node->outputs[0].shape, &last->outputs[0].shape) ||
            !ca_cpu_is_float(u->node->outputs[0].type) ||
            !step_of(b, &chain->steps[chain->n_steps], u->node, u->index))
            return last;
        chain->n_steps++;
        last = u->node;
        b->is_skipped[last->id] = true;
    }
}

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, CaChain *chain,
                         const CarinaValue *x, const CarinaValue *other, bool is_blocked)
{
    EltStep d = {.kernel = ca_eltwise_select(b->host->cpu_flags),
                 .other = {.buffer = -1},
                 .is_blocked = is_blocked};
    CaCpuStep *s = NULL;
    const CarinaNode *last = extend(b, chain, n);
    const CarinaShape *shape = &last->outputs[0].shape;
    d.chain = *chain;
    if (is_blocked) {
        CA_TRY(ca_cpu_blocked(b, &d.in, x, 0));
        if (other)
            CA_TRY(ca_cpu_blocked(b, &d.other, other, 0));
        CA_TRY(ca_cpu_new_blocked(b, &d.out, &last->outputs[0]));
    } else {
        CA_TRY(ca_cpu_plain(b, &d.plain_in, x));
        CA_TRY(ca_cpu_new_plain(b, &d.plain_out, &last->outputs[0]));
        d.c = channels_of(shape);
        d.n = shape->rank >= 2 ? shape->dims[0] : 1;
        d.inner = ca_cpu_count(shape) > 0 ? ca_cpu_count(shape) / (d.n * d.c) : 0;
    }
    CA_TRY(ca_cpu_add_step(b, &s, n, d.kernel->name, run_chain, sizeof d));
    *(EltStep *)s->data = d;
    s->info.shape = *shape;
    s->info.flop = (double)ca_cpu_count(shape) * chain->n_steps;
    s->info.bytes = 8.0 * (double)ca_cpu_count(shape);
    ca_cpu_use(b, is_blocked ? d.in.buffer : d.plain_in);
    ca_cpu_use(b, is_blocked ? d.out.buffer : d.plain_out);
    if (d.other.buffer >= 0)
        ca_cpu_use(b, d.other.buffer);
    return CARINA_OK;
}

/* x op y with y an activation too: blocked where y has x's shape or is one number a channel of each image. */
static CarinaStatus two_activations(CaCpuBuild *b, const CarinaNode *n,
                                    const BinaryRow *row, bool *is_done)
{
    const CarinaShape *out = &n->outputs[0].shape;
    CaChain chain = {.n_steps = 1};
    *is_done = false;
    if (out->rank != 4 || (!ca_cpu_has_blocked(b, n->inputs[0].value) &&
                           !ca_cpu_has_blocked(b, n->inputs[1].value)))
        return CARINA_OK;
    for (int at = 0; at < 2; at++) {
        const CarinaValue *x = n->inputs[at].value, *y = n->inputs[1 - at].value;
        const CarinaShape *s = &y->shape;
        const bool is_map = s->rank == 4 && s->dims[0] == out->dims[0] &&
                            s->dims[1] == out->dims[1] && s->dims[2] == 1 &&
                            s->dims[3] == 1;
        if (!same_shape(&x->shape, out) || ca_cpu_constant(y) ||
            (!same_shape(s, out) && !is_map))
            continue;
        chain.steps[0] = (CaStep){.op = at == 0 ? row->forward : row->reversed,
                                  .operand = CA_OPERAND_ACTS};
        *is_done = true;
        return emit(b, n, &chain, x, y, true);
    }
    return CARINA_OK;
}

static CarinaStatus broadcast(CaCpuBuild *b, const CarinaNode *n, const BinaryRow *row)
{
    BinaryStep d = {.kernel = ca_eltwise_select(b->host->cpu_flags), .op = row->forward};
    CaCpuStep *s = NULL;
    const CarinaShape *x = &n->inputs[0].value->shape, *y = &n->inputs[1].value->shape;
    if (strcmp(carina_node_enum(n, "auto_broadcast"), "pdpd") == 0 ||
        !ca_broadcast_plan(&d.plan, x->rank, x->dims, y->rank, y->dims))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_plain(b, &d.a, n->inputs[0].value));
    CA_TRY(ca_cpu_plain(b, &d.b, n->inputs[1].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, d.kernel->name, run_binary, sizeof d));
    *(BinaryStep *)s->data = d;
    ca_cpu_use(b, d.a);
    ca_cpu_use(b, d.b);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_eltwise(CaCpuBuild *b, const CarinaNode *n)
{
    CaChain chain = {.n_steps = 1};
    const BinaryRow *row = binary_of(n);
    bool is_done = false;
    if (!ca_cpu_is_float(n->outputs[0].type))
        return CARINA_ERR_UNSUPPORTED;
    for (int at = 0; at < n->n_inputs && at < 2; at++) {
        const CarinaValue *x = ca_cpu_in(n, at);
        if (x && same_shape(&x->shape, &n->outputs[0].shape) && !x->constant &&
            step_of(b, &chain.steps[0], n, at))
            return emit(b, n, &chain, x, NULL, ca_cpu_has_blocked(b, x));
    }
    if (!row || n->n_inputs != 2)
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(two_activations(b, n, row, &is_done));
    return is_done ? CARINA_OK : broadcast(b, n, row);
}

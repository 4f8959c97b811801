/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LSTM, GRU and RNN, cells and sequences, with constant weights: one product of all inputs with W, then step by step
 * one with R and the gates.
 *
 *   phase 0           state = initial state; gx [dirs, batch * steps, gates] = x W' + b
 *   each step         gh [dirs, batch, gates] = h R', then gates, cell and h by pieces of PIECE units
 *   GRU, where the reset gate comes first, needs two such pairs a step: r * h has a product of its own
 *
 * The state lies in the outputs [batch, dirs, hidden]. Steps past a sequence's length give 0 and change nothing.
 */
#include "cpu_packed.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/gemm/gemm.h"

#include <math.h>
#include <string.h>

typedef enum Kind { RNN, GRU, LSTM } Kind;
enum { MAX_DIRS = 2, PIECE = 64 };

typedef struct RecurrentStep {
    Kind kind;
    bool is_linear, is_reset_first; /* GRU: of the two forms */
    bool is_reversed[MAX_DIRS];
    int64_t batch, steps, dirs, hidden, gates; /* gates: columns of gx */
    float clip;                                /* 0: none */
    const CaEltwise *eltwise;
    CaChain functions[3];
    CaGemm by_w, by_r, by_reset;                                /* by_reset: of r * h */
    const float *w[MAX_DIRS], *r[MAX_DIRS], *r_reset[MAX_DIRS]; /* packed */
    const float *bias[MAX_DIRS];
    size_t gh_offset, reset_offset;  /* of floats in the work space; gx lies first */
    int x, h0, c0, lengths, y, h, c; /* buffers; -1: none */
    CarinaType length_type;
} RecurrentStep;

/* --- Running. */

static const CaAct no_act = {CA_ACT_NONE, 0, 0};

static float *gx_of(const CaCpuRun *r) { return (float *)(void *)r->work; }
static float *gh_of(const RecurrentStep *d, const CaCpuRun *r)
{
    return gx_of(r) + d->gh_offset;
}
/* r * h, and the update gate behind it */
static float *reset_of(const RecurrentStep *d, const CaCpuRun *r)
{
    return gx_of(r) + d->reset_offset;
}

static int64_t length_of(const RecurrentStep *d, const CaCpuRun *r, int64_t b)
{
    if (d->lengths < 0)
        return d->steps;
    const void *p = ca_cpu_at(r, d->lengths);
    return d->length_type == CARINA_I64 ? ((const int64_t *)p)[b]
                                        : ((const int32_t *)p)[b];
}

static void start(const CaCpuStep *s, CaCpuRun *r, int thread, int n_threads)
{
    const RecurrentStep *d = s->data;
    const int64_t n = d->batch * d->dirs * d->hidden, begin = n * thread / n_threads,
                  end = n * (thread + 1) / n_threads;
    const size_t size = (size_t)(end - begin) * sizeof(float);
    memcpy((float *)ca_cpu_at(r, d->h) + begin, (float *)ca_cpu_at(r, d->h0) + begin,
           size);
    if (d->kind == LSTM)
        memcpy((float *)ca_cpu_at(r, d->c) + begin, (float *)ca_cpu_at(r, d->c0) + begin,
               size);
    for (int64_t dir = 0; dir < d->dirs; dir++)
        ca_gemm_run(&d->by_w, gx_of(r) + dir * d->batch * d->steps * d->gates, d->gates,
                    ca_cpu_at(r, d->x), d->by_w.k, d->w[dir], d->bias[dir], &no_act,
                    thread, n_threads);
    for (int64_t b = 0; b < d->batch; b++)
        if (length_of(d, r, b) < 0 || length_of(d, r, b) > d->steps)
            ca_cpu_refuse(
                r, s, "a sequence length is negative or more than the steps there are");
}

static void multiply(const RecurrentStep *d, CaCpuRun *r, int thread, int n_threads)
{
    const float *h = ca_cpu_at(r, d->h);
    for (int64_t dir = 0; dir < d->dirs; dir++)
        ca_gemm_run(&d->by_r, gh_of(d, r) + dir * d->batch * d->gates, d->gates,
                    h + dir * d->hidden, d->dirs * d->hidden, d->r[dir], NULL, &no_act,
                    thread, n_threads);
}

static void multiply_reset(const RecurrentStep *d, CaCpuRun *r, int thread, int n_threads)
{
    const int64_t n = d->batch * d->hidden;
    for (int64_t dir = 0; dir < d->dirs; dir++)
        ca_gemm_run(&d->by_reset, gh_of(d, r) + dir * d->batch * d->gates + 2 * d->hidden,
                    d->gates, reset_of(d, r) + dir * n, d->hidden, d->r_reset[dir], NULL,
                    &no_act, thread, n_threads);
}

/* n units of one sequence and direction at one step. */
typedef struct Units {
    const float *gx, *gh; /* of the first unit; gates are `hidden` apart */
    float *h, *c, *rh, *z;
    const float *reset_bias; /* GRU, linear */
    int n;
} Units;

static void activate(const RecurrentStep *d, int function, float *v, int n)
{
    d->eltwise->run_plain(&d->functions[function], v, v, 1, 1, n, 0, 1);
}

static void clip(const RecurrentStep *d, float *v, int n)
{
    for (int i = 0; i < n && d->clip > 0; i++)
        v[i] = v[i] > d->clip ? d->clip : v[i] < -d->clip ? -d->clip : v[i];
}

/* Gate k of the units: its sum, held within the clip, through its function. */
static void gate(const RecurrentStep *d, float *v, const Units *u, int k, int function)
{
    const float *x = u->gx + k * d->hidden, *h = u->gh + k * d->hidden;
    for (int i = 0; i < u->n; i++)
        v[i] = x[i] + h[i];
    clip(d, v, u->n);
    activate(d, function, v, u->n);
}

static void units_lstm(const RecurrentStep *d, const Units *u)
{
    float f[PIECE], in[PIECE], c[PIECE], o[PIECE];
    gate(d, f, u, 0, 0);
    gate(d, in, u, 1, 0);
    gate(d, c, u, 2, 1);
    gate(d, o, u, 3, 0);
    for (int i = 0; i < u->n; i++)
        u->c[i] = c[i] = f[i] * u->c[i] + in[i] * c[i];
    activate(d, 2, c, u->n);
    for (int i = 0; i < u->n; i++)
        u->h[i] = o[i] * c[i];
}

static void units_rnn(const RecurrentStep *d, const Units *u)
{
    float h[PIECE];
    gate(d, h, u, 0, 0);
    memcpy(u->h, h, (size_t)u->n * sizeof *h);
}

static void units_gru_linear(const RecurrentStep *d, const Units *u)
{
    float z[PIECE], r[PIECE], g[PIECE];
    gate(d, z, u, 0, 0);
    gate(d, r, u, 1, 0);
    for (int i = 0; i < u->n; i++)
        g[i] = u->gx[2 * d->hidden + i] +
               r[i] * (u->gh[2 * d->hidden + i] + u->reset_bias[i]);
    clip(d, g, u->n);
    activate(d, 1, g, u->n);
    for (int i = 0; i < u->n; i++)
        u->h[i] = (1 - z[i]) * g[i] + z[i] * u->h[i];
}

static void units_gru_reset(const RecurrentStep *d, const Units *u)
{
    float r[PIECE];
    gate(d, u->z, u, 0, 0);
    gate(d, r, u, 1, 0);
    for (int i = 0; i < u->n; i++)
        u->rh[i] = r[i] * u->h[i];
}

static void units_gru_last(const RecurrentStep *d, const Units *u)
{
    float g[PIECE];
    gate(d, g, u, 2, 1);
    for (int i = 0; i < u->n; i++)
        u->h[i] = (1 - u->z[i]) * g[i] + u->z[i] * u->h[i];
}

/* Piece number `at` of all: direction, sequence, units. Its h goes to y too, unless this is a GRU's first half. */
static void run_piece(const RecurrentStep *d, CaCpuRun *r, int64_t step, int64_t at,
                      bool is_reset)
{
    const int64_t n_pieces = (d->hidden + PIECE - 1) / PIECE, row = at / n_pieces;
    const int64_t dir = row / d->batch, b = row % d->batch, first = at % n_pieces * PIECE;
    const int64_t left = d->hidden - first, length = length_of(d, r, b);
    const int64_t t = step < length && d->is_reversed[dir] ? length - 1 - step : step;
    const int64_t state = (b * d->dirs + dir) * d->hidden + first;
    const int64_t reset = row * d->hidden + first;
    const int64_t n_reset = d->dirs * d->batch * d->hidden;
    float *y = d->y < 0 ? NULL
                        : (float *)ca_cpu_at(r, d->y) +
                              ((b * d->dirs + dir) * d->steps + t) * d->hidden + first;
    const Units u = {
        .gx = gx_of(r) + ((dir * d->batch + b) * d->steps + t) * d->gates + first,
        .gh = gh_of(d, r) + row * d->gates + first,
        .h = (float *)ca_cpu_at(r, d->h) + state,
        .c = d->kind == LSTM ? (float *)ca_cpu_at(r, d->c) + state : NULL,
        .rh = reset_of(d, r) + reset,
        .z = reset_of(d, r) + n_reset + reset,
        .reset_bias = d->is_linear ? d->bias[dir] + 3 * d->hidden + first : NULL,
        .n = left < PIECE ? (int)left : PIECE};
    const size_t size = (size_t)u.n * sizeof(float);
    if (step >= length) {
        if (y)
            memset(y, 0, size);
        return;
    }
    if (d->kind == LSTM)
        units_lstm(d, &u);
    else if (d->kind == RNN)
        units_rnn(d, &u);
    else if (d->is_linear)
        units_gru_linear(d, &u);
    else if (is_reset)
        units_gru_reset(d, &u);
    else
        units_gru_last(d, &u);
    if (y && !is_reset)
        memcpy(y, u.h, size);
}

static void run_pieces(const RecurrentStep *d, CaCpuRun *r, int64_t step, bool is_reset,
                       int thread, int n_threads)
{
    const int64_t n = d->dirs * d->batch * ((d->hidden + PIECE - 1) / PIECE);
    const int64_t end = n * (thread + 1) / n_threads;
    for (int64_t at = n * thread / n_threads; at < end; at++)
        run_piece(d, r, step, at, is_reset);
}

static void run_recurrent(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                          int n_threads)
{
    const RecurrentStep *d = s->data;
    const int each = d->is_reset_first ? 4 : 2, part = (phase - 1) % each;
    const int64_t step = (phase - 1) / each;
    if (phase == 0)
        start(s, r, thread, n_threads);
    else if (r->status != CARINA_OK)
        return;
    else if (part == 0)
        multiply(d, r, thread, n_threads);
    else if (part == 2)
        multiply_reset(d, r, thread, n_threads);
    else
        run_pieces(d, r, step, d->is_reset_first && part == 1, thread, n_threads);
}

/* --- Compiling. */

static bool is_same_word(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((a[i] | 32) != b[i])
            return false;
    return b[n] == 0;
}

/* "sigmoid,tanh": one chain a function. */
static bool read_functions(RecurrentStep *d, const CarinaNode *n)
{
    static const struct {
        const char *name;
        CaChainOp op;
    } known[] = {{"sigmoid", CA_CHAIN_SIGMOID},
                 {"tanh", CA_CHAIN_TANH},
                 {"relu", CA_CHAIN_RELU},
                 {"hardsigmoid", CA_CHAIN_HSIGMOID}};
    const char *const *text = carina_node_attr(n, "activations", CARINA_ATTR_STRING);
    const CarinaFloats *alpha =
                           carina_node_attr(n, "activations_alpha", CARINA_ATTR_FLOATS),
                       *beta =
                           carina_node_attr(n, "activations_beta", CARINA_ATTR_FLOATS);
    const char *p = text && *text ? *text : "";
    for (int i = 0; i <= (int)d->kind; i++) {
        const size_t size = strcspn(p, ",");
        size_t k = 0;
        while (k < 4 && !is_same_word(p, known[k].name, size))
            k++;
        if (k == 4)
            return false;
        d->functions[i] = (CaChain){.n_steps = 1};
        d->functions[i].steps[0] =
            (CaStep){.op = known[k].op,
                     .operand = CA_OPERAND_NONE,
                     .a = alpha && i < alpha->n ? (float)alpha->v[i] : 0.2f,
                     .b = beta && i < beta->n ? (float)beta->v[i] : 0.5f};
        p += size + (p[size] == ',');
    }
    return true;
}

/* Rows [0, n) of a constant [n, k] at data, packed. */
static CarinaStatus pack(CaCpuBuild *b, const float **out, const CaGemm *plan,
                         const float *data)
{
    unsigned char *packed = NULL;
    bool is_there = false;
    CA_TRY(ca_cpu_packed(
        b, &packed, &is_there, plan->packed_size,
        ca_cpu_source_floats(data, plan->n * plan->k, ca_gemm_pack_key(plan, true))));
    if (!is_there)
        ca_gemm_pack_b(plan, (float *)(void *)packed, data, plan->k, true, 0,
                       plan->n_panels);
    *out = (const float *)(const void *)packed;
    return CARINA_OK;
}

static CarinaStatus take_weights(CaCpuBuild *b, RecurrentStep *d, const CarinaNode *n,
                                 int w_at)
{
    const CaGemmKernel *gemm = ca_gemm_select(b->host->cpu_flags);
    const CarinaShape *x = &n->inputs[0].value->shape;
    const int64_t width = x->dims[x->rank - 1], hidden = d->hidden;
    const int64_t n_bias = d->gates + (d->is_linear ? hidden : 0);
    int64_t count[3] = {0};
    const float *data[3];
    for (int i = 0; i < 3; i++)
        if (!(data[i] = ca_cpu_floats(b, ca_cpu_in(n, w_at + i), &count[i])))
            return CARINA_ERR_UNSUPPORTED;
    if (count[0] != d->dirs * d->gates * width ||
        count[1] != d->dirs * d->gates * hidden || count[2] != d->dirs * n_bias)
        return CARINA_ERR_UNSUPPORTED;
    ca_gemm_plan(&d->by_w, gemm, d->batch * d->steps, d->gates, width, false);
    ca_gemm_plan(&d->by_r, gemm, d->batch, d->is_reset_first ? 2 * hidden : d->gates,
                 hidden, false);
    ca_gemm_plan(&d->by_reset, gemm, d->batch, hidden, hidden, false);
    for (int64_t dir = 0; dir < d->dirs; dir++) {
        const float *r = data[1] + dir * d->gates * hidden;
        CA_TRY(pack(b, &d->w[dir], &d->by_w, data[0] + dir * d->gates * width));
        CA_TRY(pack(b, &d->r[dir], &d->by_r, r));
        if (d->is_reset_first)
            CA_TRY(pack(b, &d->r_reset[dir], &d->by_reset, r + 2 * hidden * hidden));
        d->bias[dir] = data[2] + dir * n_bias;
    }
    return CARINA_OK;
}

/* Floats of work space: gx, gh, r * h and the update gate. False where that overflows. */
static bool size_work(RecurrentStep *d, size_t *size)
{
    size_t gx = 0, gh = 0, reset = 0, total = 0;
    if (!ca_mul_size(&gx, (size_t)(d->dirs * d->batch), (size_t)d->gates) ||
        !ca_mul_size(&gx, gx, (size_t)d->steps) ||
        !ca_mul_size(&gh, (size_t)(d->dirs * d->batch), (size_t)d->gates) ||
        !ca_mul_size(&reset, (size_t)(d->dirs * d->batch), (size_t)(2 * d->hidden)))
        return false;
    gx = (gx + 15) & ~(size_t)15;
    gh = (gh + 15) & ~(size_t)15;
    d->gh_offset = gx;
    d->reset_offset = gx + gh;
    return ca_add_size(&total, gx, gh) && ca_add_size(&total, total, reset) &&
           ca_mul_size(size, total, sizeof(float));
}

/* Input and output tensors; returns the place of W among the inputs. */
static CarinaStatus take_tensors(CaCpuBuild *b, RecurrentStep *d, const CarinaNode *n,
                                 bool is_sequence)
{
    int in = 1, out = 0;
    CA_TRY(ca_cpu_plain(b, &d->x, n->inputs[0].value));
    CA_TRY(ca_cpu_plain(b, &d->h0, n->inputs[in++].value));
    if (d->kind == LSTM)
        CA_TRY(ca_cpu_plain(b, &d->c0, n->inputs[in++].value));
    if (is_sequence) {
        d->length_type = n->inputs[in].value->type;
        CA_TRY(ca_cpu_plain(b, &d->lengths, n->inputs[in].value));
        CA_TRY(ca_cpu_new_plain(b, &d->y, &n->outputs[out++]));
    }
    CA_TRY(ca_cpu_new_plain(b, &d->h, &n->outputs[out++]));
    if (d->kind == LSTM)
        CA_TRY(ca_cpu_new_plain(b, &d->c, &n->outputs[out]));
    return CARINA_OK;
}

static CarinaStatus lower(CaCpuBuild *b, const CarinaNode *n, Kind kind, bool is_sequence)
{
    const CarinaShape *x = &n->inputs[0].value->shape;
    const char *direction = carina_node_enum(n, "direction");
    const int lengths_at = kind == LSTM ? 3 : 2, w_at = lengths_at + is_sequence;
    const bool is_linear = carina_node_bool(n, "linear_before_reset", false);
    RecurrentStep d = {.kind = kind,
                       .is_linear = kind == GRU && is_linear,
                       .is_reset_first = kind == GRU && !is_linear,
                       .is_reversed = {strcmp(direction, "reverse") == 0, true},
                       .batch = x->dims[0],
                       .steps = is_sequence ? x->dims[1] : 1,
                       .dirs = strcmp(direction, "bidirectional") == 0 ? 2 : 1,
                       .hidden = carina_node_int(n, "hidden_size", 0),
                       .clip = (float)carina_node_float(n, "clip", 0),
                       .eltwise = ca_eltwise_select(b->host->cpu_flags),
                       .x = -1,
                       .h0 = -1,
                       .c0 = -1,
                       .lengths = -1,
                       .y = -1,
                       .h = -1,
                       .c = -1};
    CaCpuStep *s = NULL;
    size_t work = 0;
    d.gates = d.hidden * (kind == LSTM ? 4 : kind == GRU ? 3 : 1);
    const CarinaType lengths = n->inputs[lengths_at].value->type;
    if (!ca_cpu_is_float(n->outputs[0].type) || d.steps < 1 || d.steps > INT32_MAX / 8 ||
        x->dims[x->rank - 1] < 1 || !read_functions(&d, n) ||
        (is_sequence && lengths != CARINA_I64 && lengths != CARINA_I32) ||
        !size_work(&d, &work))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(take_weights(b, &d, n, w_at));
    CA_TRY(take_tensors(b, &d, n, is_sequence));
    CA_TRY(ca_cpu_add_step(b, &s, n, d.by_w.kernel->name, run_recurrent, sizeof d));
    *(RecurrentStep *)s->data = d;
    s->n_phases = 1 + (int)d.steps * (d.is_reset_first ? 4 : 2);
    s->shared_work = work;
    s->info.flop = 2.0 * (double)(d.dirs * d.batch * d.steps) * (double)d.gates *
                   (double)(d.hidden + x->dims[x->rank - 1]);
    const int used[] = {d.x, d.h0, d.c0, d.lengths, d.y, d.h, d.c};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        if (used[i] >= 0)
            ca_cpu_use(b, used[i]);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_recurrent(CaCpuBuild *b, const CarinaNode *n)
{
    static const struct {
        const char *op;
        Kind kind;
        bool is_sequence;
    } rows[] = {{"LSTMCell", LSTM, false},  {"GRUCell", GRU, false},
                {"RNNCell", RNN, false},    {"LSTMSequence", LSTM, true},
                {"GRUSequence", GRU, true}, {"RNNSequence", RNN, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ca_cpu_is(n, rows[i].op))
            return lower(b, n, rows[i].kind, rows[i].is_sequence);
    return CARINA_ERR_UNSUPPORTED;
}

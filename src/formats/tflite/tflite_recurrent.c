/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: recurrent operators, step by step.
 *
 * The cell state is clipped, the cell may see itself (peepholes), be projected, normalised, or couple its gates: no
 * one operator of ours says all that, so the steps are written out. Where none of it can matter a sequence is one
 * LSTMSequence. States are variables, which are zero when a run begins.
 */
#include "formats/tflite/tflite_reader.h"

#include <math.h>

enum { STEPS_MOST = 4096, TANH = 4 };
enum { I, F, C, O, GATES };

/* --- Sequences. */

typedef struct Sequence {
    CaValue *x; /* [B, T, ...] */
    int64_t n;  /* T */
    bool is_time_major, is_backward;
} Sequence;

static CaValue *time_swapped(CaTfliteCall *c, CaValue *v)
{
    static const int perm[] = {1, 0, 2};
    return ca_build_transpose(c->b, v, perm, 3);
}

static Sequence read_sequence(CaTfliteCall *c, int input, bool is_time_major,
                              bool is_backward)
{
    CaValue *x = ca_tflite_in(c, input);
    const CarinaShape s = ca_build_shape(c->b, x);
    Sequence q = {x, 0, is_time_major, is_backward};
    if (c->b->status != CARINA_OK)
        return q;
    if (s.rank != 3)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its input has %d dimensions; it needs 3",
                      s.rank);
    else
        q.n = s.dims[is_time_major ? 0 : 1];
    if (s.rank == 3 && (q.n < 1 || q.n > STEPS_MOST))
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "a sequence of %lld steps; Carina writes out 1 to %d, give the model's "
            "input shape",
            (long long)q.n, STEPS_MOST);
    if (is_time_major && c->b->status == CARINA_OK)
        q.x = time_swapped(c, x);
    return q;
}

/* Step t of [B, T, K] as [B, K]. */
static CaValue *step_of(CaTfliteCall *c, CaValue *v, int64_t t)
{
    return ca_tflite_squeeze(c, ca_tflite_sliced(c, v, t, t + 1, 1), 1);
}

/* The states of all steps, [B, H] each, as the operator's output. */
static CaValue *joined_steps(CaTfliteCall *c, const Sequence *q, CaValue **h)
{
    const int64_t axis = q->is_time_major ? 0 : 1;
    for (int64_t t = 0; t < q->n; t++)
        h[t] = ca_tflite_unsqueeze(c, h[t], axis);
    return ca_tflite_concat(c, h, (int)q->n, axis);
}

static CaValue **room_for(CaTfliteCall *c, int64_t n)
{
    CaValue **v = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *v);
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    return v;
}

/* A state of [B, H]: an input, zeros where it is absent. */
static CaValue *state(CaTfliteCall *c, int i, CaValue *x, int64_t size)
{
    CaBuild *b = c->b;
    CaValue *v = ca_tflite_opt(c, i);
    if (v || b->status != CARINA_OK)
        return v;
    CaValue *batch = ca_tflite_sliced(c, ca_tflite_shape_of(c, x, CARINA_I64), 0, 1, 0);
    CaValue *shape = ca_tflite_concat(
        c, (CaValue *const[]){batch, ca_build_vector(b, &size, 1)}, 2, 0);
    return ca_build_2(b, "Broadcast", ca_build_number(b, x, 0), shape);
}

static int64_t rows(CaTfliteCall *c, CaValue *w)
{
    const CarinaShape s = ca_build_shape(c->b, w);
    if (c->b->status == CARINA_OK &&
        (s.rank != 2 || s.dims[0] < 1 || s.dims[0] > 1 << 20))
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its recurrent weights are no matrix");
    return c->b->status == CARINA_OK ? s.dims[0] : 1;
}

/* --- Plain recurrent networks: h = act(W x + R h + b). */

static CaValue *product(CaTfliteCall *c, CaValue *v, CaValue *w)
{
    return ca_tflite_matmul(c, v, w, false, true);
}

static CaValue *plus(CaTfliteCall *c, CaValue *v, CaValue *w)
{
    return w ? ca_build_2(c->b, "Add", v, w) : v;
}

/* Weights at inputs first.. (W, R, b, state); the last state of all is where the next run would begin. */
static CaValue *rnn_sequence(CaTfliteCall *c, const Sequence *q, int first, int64_t act)
{
    CaValue *w = ca_tflite_weight(c, first, 2, NULL, 0),
            *r = ca_tflite_weight(c, first + 1, 2, NULL, 0);
    CaValue *bias = ca_tflite_bias(c, first + 2);
    CaValue **all = room_for(c, q->n), *h = state(c, first + 3, q->x, rows(c, w));
    CaValue *in = plus(c, product(c, q->x, w), bias);
    for (int64_t i = 0; i < q->n && c->b->status == CARINA_OK; i++) {
        const int64_t t = q->is_backward ? q->n - 1 - i : i;
        h = ca_tflite_activation(c, plus(c, step_of(c, in, t), product(c, h, r)), act);
        all[t] = h;
    }
    return c->b->status == CARINA_OK ? joined_steps(c, q, all) : NULL;
}

static void rnn(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    CaValue *w = ca_tflite_weight(c, 1, 2, NULL, 0),
            *r = ca_tflite_weight(c, 2, 2, NULL, 0);
    CaValue *bias = ca_tflite_bias(c, 3), *h = state(c, 4, x, rows(c, w));
    CaValue *v = plus(c, plus(c, product(c, x, w), product(c, h, r)), bias);
    ca_tflite_out(c, 0, ca_tflite_act(c, v));
}

static void sequence_rnn(CaTfliteCall *c)
{
    const Sequence q =
        read_sequence(c, 0, ca_tflite_opt_int(c, "time_major") != 0, false);
    if (c->b->status == CARINA_OK)
        ca_tflite_out(c, 0, rnn_sequence(c, &q, 1, ca_tflite_opt_int(c, "act")));
}

/* Two directions, side by side or joined. */
static void both_out(CaTfliteCall *c, CaValue *forward, CaValue *backward)
{
    if (ca_tflite_opt_int(c, "merge_outputs")) {
        ca_tflite_out(c, 0,
                      ca_tflite_concat(c, (CaValue *const[]){forward, backward}, 2, 2));
    } else {
        ca_tflite_out(c, 0, forward);
        ca_tflite_out(c, 1, backward);
    }
}

static bool refuse_auxiliary(CaTfliteCall *c, int first, int last)
{
    for (int i = first; i <= last; i++)
        if (ca_tflite_in_tensor(c, i))
            ca_build_fail(
                c->b, CARINA_ERR_UNSUPPORTED,
                "a second input beside the sequence; convert without stacking by it");
    return c->b->status == CARINA_OK;
}

static void bidirectional_rnn(CaTfliteCall *c)
{
    const bool major = ca_tflite_opt_int(c, "time_major") != 0;
    const int64_t act = ca_tflite_opt_int(c, "act");
    const Sequence forward = read_sequence(c, 0, major, false),
                   backward = read_sequence(c, 0, major, true);
    if (!refuse_auxiliary(c, 9, 11))
        return;
    CaValue *one = rnn_sequence(c, &forward, 1, act);
    both_out(c, one, rnn_sequence(c, &backward, 5, act));
}

/* --- LSTM. */

typedef struct Lstm {
    CaValue *w, *r; /* gates stacked: [G * H, I], [G * H, P] */
    CaValue *bias[GATES], *peephole[GATES], *norm[GATES];
    CaValue *projection, *projection_bias;
    CaValue *h, *c; /* states */
    int64_t size;   /* H */
    int n_gates;    /* 3: the input gate is what the forget gate leaves */
    double cell_clip, projection_clip;
    int64_t act;
    bool is_plain;
} Lstm;

static CaValue *stacked(CaTfliteCall *c, int first, bool coupled)
{
    CaValue *in[GATES];
    int n = 0;
    for (int g = coupled ? F : I; g < GATES; g++)
        in[n++] = ca_tflite_weight(c, first + g, 2, NULL, 0);
    return ca_tflite_concat(c, in, n, 0);
}

/* Weights at inputs first.. (W 4, R 4, peepholes 3, biases 4, projection 2), states, coefficients of the norms. */
static Lstm read_lstm(CaTfliteCall *c, int first, int h, int cell, int norms, CaValue *x)
{
    static const int peephole_gates[] = {I, F, O};
    Lstm l = {.act = ca_tflite_opt_int(c, "act"),
              .cell_clip = ca_tflite_opt_real(c, "cell_clip"),
              .projection_clip = ca_tflite_opt_real(c, "proj_clip")};
    const bool coupled = !ca_tflite_in_tensor(c, first);
    CaValue *forget = ca_tflite_weight(c, first + F, 2, NULL, 0);
    l.size = rows(c, forget);
    l.n_gates = coupled ? GATES - 1 : GATES;
    l.w = stacked(c, first, coupled);
    l.r = stacked(c, first + 4, coupled);
    l.is_plain = !coupled && l.act == TANH;
    for (int i = 0; i < 3; i++) {
        l.peephole[peephole_gates[i]] = ca_tflite_bias(c, first + 8 + i);
        l.is_plain = l.is_plain && !l.peephole[peephole_gates[i]];
    }
    for (int g = 0; g < GATES; g++) {
        l.bias[g] = ca_tflite_bias(c, first + 11 + g);
        l.norm[g] = norms >= 0 ? ca_tflite_bias(c, norms + g) : NULL;
        l.is_plain = l.is_plain && !l.norm[g] && l.bias[g];
    }
    l.projection = ca_tflite_in_tensor(c, first + 15)
                       ? ca_tflite_weight(c, first + 15, 2, NULL, 0)
                       : NULL;
    l.projection_bias = ca_tflite_bias(c, first + 16);
    l.is_plain = l.is_plain && !l.projection;
    const int64_t out = l.projection ? rows(c, l.projection) : l.size;
    l.h = state(c, h, x, out);
    l.c = state(c, cell, x, l.size);
    return l;
}

static CaValue *clipped(CaTfliteCall *c, CaValue *v, double limit)
{
    if (!(limit > 0))
        return v;
    v = ca_build_1(c->b, "Clamp", v);
    ca_build_set_real(c->b, v, "min", -limit);
    ca_build_set_real(c->b, v, "max", limit);
    return v;
}

/* A gate before its function: peephole, norm, bias. */
static CaValue *gate(CaTfliteCall *c, const Lstm *l, int g, CaValue *sum, CaValue *cell)
{
    CaBuild *b = c->b;
    const int64_t last = -1;
    if (l->peephole[g])
        sum = ca_build_2(b, "Add", sum, ca_build_2(b, "Multiply", cell, l->peephole[g]));
    if (l->norm[g]) {
        sum = ca_build_2(b, "MVN", sum, ca_build_vector(b, &last, 1));
        ca_build_set_text(b, sum, "normalize_variance", "true");
        ca_build_set_real(b, sum, "eps", 1e-8);
        ca_build_set_text(b, sum, "eps_mode", "inside_sqrt");
        sum = ca_build_2(b, "Multiply", sum, l->norm[g]);
    }
    return plus(c, sum, l->bias[g]);
}

/* One step: in is W x of all gates, [B, G * H]. l->h and l->c move on. */
static void lstm_step(CaTfliteCall *c, Lstm *l, CaValue *in)
{
    CaBuild *b = c->b;
    CaValue *sum = plus(c, in, product(c, l->h, l->r)), *sums[GATES] = {NULL};
    CaValue *parts = ca_build_make(
        b, "Split", (CaValue *const[]){sum, ca_build_scalar(b, 1)}, 2, l->n_gates);
    ca_build_set_int(b, parts, "num_splits", l->n_gates);
    if (!ca_build_settle(b) || !parts)
        return;
    for (int g = GATES - l->n_gates; g < GATES; g++)
        sums[g] = parts + g - (GATES - l->n_gates);
    CaValue *f = ca_build_1(b, "Sigmoid", gate(c, l, F, sums[F], l->c));
    CaValue *i = sums[I] ? ca_build_1(b, "Sigmoid", gate(c, l, I, sums[I], l->c))
                         : ca_build_2(b, "Subtract", ca_build_number(b, f, 1), f);
    CaValue *fresh = ca_tflite_activation(c, gate(c, l, C, sums[C], l->c), l->act);
    l->c = ca_build_2(b, "Add", ca_build_2(b, "Multiply", f, l->c),
                      ca_build_2(b, "Multiply", i, fresh));
    l->c = clipped(c, l->c, l->cell_clip);
    CaValue *o = ca_build_1(b, "Sigmoid", gate(c, l, O, sums[O], l->c));
    l->h = ca_build_2(b, "Multiply", o, ca_tflite_activation(c, l->c, l->act));
    if (l->projection) {
        l->h = plus(c, product(c, l->h, l->projection), l->projection_bias);
        l->h = clipped(c, l->h, l->projection_clip);
    }
}

/* Gates i f c o of [4H, ...] in the order f i c o, with a leading 1. */
static CaValue *reordered(CaTfliteCall *c, CaValue *v, int64_t size, int axis)
{
    static const int order[] = {F, I, C, O};
    CaValue *parts[GATES];
    for (int g = 0; g < GATES; g++)
        parts[g] = ca_tflite_sliced(c, v, order[g] * size, (order[g] + 1) * size, axis);
    return ca_tflite_unsqueeze(c, ca_tflite_concat(c, parts, GATES, axis), 0);
}

/* Outputs of all steps by one LSTMSequence. */
static CaValue *plain_lstm(CaTfliteCall *c, const Lstm *l, const Sequence *q)
{
    CaBuild *b = c->b;
    CaValue *batch =
        ca_tflite_sliced(c, ca_tflite_shape_of(c, q->x, CARINA_I64), 0, 1, 0);
    CaValue *bias = ca_tflite_concat(c, l->bias, GATES, 0);
    CaValue *const in[] = {q->x,
                           ca_tflite_unsqueeze(c, l->h, 1),
                           ca_tflite_unsqueeze(c, l->c, 1),
                           ca_build_2(b, "Broadcast", ca_build_scalar(b, q->n), batch),
                           reordered(c, l->w, l->size, 0),
                           reordered(c, l->r, l->size, 0),
                           reordered(c, bias, l->size, 0)};
    CaValue *v = ca_build_make(b, "LSTMSequence", in, 7, 3);
    ca_build_set_int(b, v, "hidden_size", l->size);
    ca_build_set_text(b, v, "direction", q->is_backward ? "reverse" : "forward");
    v = ca_tflite_squeeze(c, v, 1);
    return q->is_time_major ? time_swapped(c, v) : v;
}

static bool is_zero(const CaValue *v)
{
    const CarinaTensor *t = v ? v->constant : NULL;
    for (int64_t i = 0; t && i < ca_tensor_count(t); i++)
        if (fabs(ca_get_real(t->type, t->data, i)) > 0)
            return false;
    return t != NULL;
}

static CaValue *lstm_sequence(CaTfliteCall *c, Lstm *l, const Sequence *q)
{
    if (!ca_build_settle(c->b))
        return NULL;
    /* |c| grows by at most 1 a step from zero: no clip is reached in as many steps */
    if (l->is_plain &&
        (!(l->cell_clip > 0) || (is_zero(l->c) && l->cell_clip >= (double)q->n)))
        return plain_lstm(c, l, q);
    CaValue **all = room_for(c, q->n), *in = product(c, q->x, l->w);
    for (int64_t i = 0; i < q->n && c->b->status == CARINA_OK; i++) {
        const int64_t t = q->is_backward ? q->n - 1 - i : i;
        lstm_step(c, l, step_of(c, in, t));
        all[t] = l->h;
    }
    return c->b->status == CARINA_OK ? joined_steps(c, q, all) : NULL;
}

static void sequence_lstm(CaTfliteCall *c)
{
    const Sequence q =
        read_sequence(c, 0, ca_tflite_opt_int(c, "time_major") != 0, false);
    if (c->b->status != CARINA_OK)
        return;
    Lstm l = read_lstm(c, 1, 18, 19, 20, q.x);
    ca_tflite_out(c, 0, lstm_sequence(c, &l, &q));
}

static void bidirectional_lstm(CaTfliteCall *c)
{
    const bool major = ca_tflite_opt_int(c, "time_major") != 0;
    const Sequence forward = read_sequence(c, 0, major, false),
                   backward = read_sequence(c, 0, major, true);
    if (!refuse_auxiliary(c, 39, 47))
        return;
    Lstm one = read_lstm(c, 1, 35, 36, -1, forward.x),
         two = read_lstm(c, 18, 37, 38, -1, backward.x);
    CaValue *v = lstm_sequence(c, &one, &forward);
    both_out(c, v, lstm_sequence(c, &two, &backward));
}

/* Inputs x, h, W [4H, I + H], b, c; gates i, new, f, o; nothing is clipped. Outputs h, c and
 * work space. */
static void basic_lstm(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tflite_in(c, 0), *h = ca_tflite_in(c, 1), *cell = ca_tflite_in(c, 4);
    CaValue *w = ca_tflite_weight(c, 2, 2, NULL, 0), *bias = ca_tflite_bias(c, 3);
    CaValue *both = ca_tflite_concat(c, (CaValue *const[]){x, h}, 2, 1);
    CaValue *sum = plus(c, product(c, both, w), bias);
    CaValue *part =
        ca_build_make(b, "Split", (CaValue *const[]){sum, ca_build_scalar(b, 1)}, 2, 4);
    ca_build_set_int(b, part, "num_splits", 4);
    if (!ca_build_settle(b) || !part)
        return;
    CaValue *fresh = ca_build_2(b, "Multiply", ca_build_1(b, "Sigmoid", part),
                                ca_build_1(b, "Tanh", part + 1));
    CaValue *kept = ca_build_2(b, "Multiply", ca_build_1(b, "Sigmoid", part + 2), cell);
    cell = ca_build_2(b, "Add", fresh, kept);
    ca_tflite_out(c, 1, cell);
    ca_tflite_out(c, 0,
                  ca_build_2(b, "Multiply", ca_build_1(b, "Sigmoid", part + 3),
                             ca_build_1(b, "Tanh", cell)));
}

static void lstm(CaTfliteCall *c)
{
    if (ca_tflite_opt_int(c, "kernel_type") == 1) {
        basic_lstm(c);
        return;
    }
    CaValue *x = ca_tflite_in(c, 0);
    Lstm l = read_lstm(c, 1, 18, 19, 20, x);
    if (c->b->status == CARINA_OK)
        lstm_step(c, &l, product(c, x, l.w));
    ca_tflite_out(c, ca_tflite_n_out(c) - 1, l.h);
}

/* --- SVDF: a filter over time of rank r. Inputs x [B, I], W [F, I], T [F, M], bias [U], the last M products. */
static void svdf(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    const int64_t rank = ca_tflite_opt_int(c, "rank");
    CaValue *x = ca_tflite_in(c, 0), *w = ca_tflite_weight(c, 1, 2, NULL, 0);
    CaValue *times = ca_tflite_weight(c, 2, 2, NULL, 0), *bias = ca_tflite_bias(c, 3);
    const CarinaShape s = ca_build_static_shape(b, times);
    if (b->status == CARINA_OK &&
        (s.rank != 2 || rank < 1 || s.dims[0] % rank || s.dims[1] < 1))
        ca_build_fail(b, CARINA_ERR_SHAPE, "its filters do not divide into rank %lld",
                      (long long)rank);
    if (b->status != CARINA_OK)
        return;
    const int64_t filters = s.dims[0], memory = s.dims[1];
    CaValue *old = ca_build_reshape(b, state(c, 4, x, filters * memory),
                                    (const int64_t[]){-1, filters, memory}, 3);
    CaValue *now = ca_tflite_unsqueeze(c, product(c, x, w), 2);
    if (memory > 1) /* the oldest goes */
        now = ca_tflite_concat(
            c, (CaValue *const[]){ca_tflite_sliced(c, old, 1, memory, 2), now}, 2, 2);
    CaValue *v = ca_tflite_reduced(c, "ReduceSum", ca_build_2(b, "Multiply", now, times),
                                   2, false);
    v = ca_build_reshape(b, v, (const int64_t[]){-1, filters / rank, rank}, 3);
    v = plus(c, ca_tflite_reduced(c, "ReduceSum", v, 2, false), bias);
    ca_tflite_out(c, 0, ca_tflite_act(c, v));
}

const CaTfliteOp ca_tflite_recurrent[] = {
    {"BIDIRECTIONAL_SEQUENCE_LSTM", bidirectional_lstm, NULL, false},
    {"BIDIRECTIONAL_SEQUENCE_RNN", bidirectional_rnn, NULL, false},
    {"LSTM", lstm, NULL, false},
    {"RNN", rnn, NULL, false},
    {"SVDF", svdf, NULL, false},
    {"UNIDIRECTIONAL_SEQUENCE_LSTM", sequence_lstm, NULL, false},
    {"UNIDIRECTIONAL_SEQUENCE_RNN", sequence_rnn, NULL, false},
    {NULL, NULL, NULL, false},
};

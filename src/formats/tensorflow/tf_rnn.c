/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: recurrent cells in one operator. Their gates stand in other orders than ours (f, i, c, o; z, r, h),
 * and x and h are multiplied by one matrix [(I + H), gates H].
 */
#include "formats/tensorflow/tf.h"

#include <string.h>

/* Where each of our gates lies among theirs. */
static const int lstm_old[] = {2, 0, 1, 3}; /* i, c, f, o */
static const int lstm_new[] = {1, 0, 2, 3}; /* i, f, c, o */

static CaValue *part(CaBuild *b, CaValue *v, int64_t from, int64_t to, int64_t axis)
{
    const int64_t one = 1;
    CaValue *const in[] = {v, ca_build_vector(b, &from, 1), ca_build_vector(b, &to, 1),
                           ca_build_vector(b, &one, 1), ca_build_vector(b, &axis, 1)};
    return ca_build_make(b, "Slice", in, 5, 1);
}

/* Blocks of n along the first axis in another order. */
static CaValue *reordered(CaBuild *b, CaValue *v, const int *order, int n_gates,
                          int64_t n)
{
    CaValue *parts[4];
    for (int i = 0; i < n_gates; i++)
        parts[i] = part(b, v, order[i] * n, (order[i] + 1) * n, 0);
    CaValue *out = ca_build_make(b, "Concat", parts, n_gates, 1);
    ca_build_set_int(b, out, "axis", 0);
    return out;
}

typedef struct Lstm {
    CaValue *x, *c, *h, *w, *r, *bias; /* W [4H, I], R [4H, H], B [4H], our order */
    int64_t inputs, hidden;
} Lstm;

/* at: the input that is x. */
static bool read_lstm(CaTfCall *c, Lstm *m, int at, bool is_new, double forget)
{
    static const int turned[] = {1, 0};
    CaBuild *b = c->b;
    const int *order = is_new ? lstm_new : lstm_old;
    *m = (Lstm){.x = ca_tf_in(c, at), .c = ca_tf_in(c, at + 1), .h = ca_tf_in(c, at + 2)};
    CaValue *w = ca_tf_in(c, at + 3), *bias = ca_tf_in(c, at + 7);
    const CarinaShape s = ca_build_static_shape(b, w);
    if (b->status == CARINA_OK &&
        (s.rank != 2 || s.dims[1] % 4 || s.dims[0] <= s.dims[1] / 4))
        ca_build_fail(b, CARINA_ERR_SHAPE, "its weights are no matrix of 4 gates");
    if (ca_tf_attr_bool(c->r, c->node, "use_peephole", false))
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "use_peephole; export without it");
    if (ca_tf_attr_real(c->r, c->node, "cell_clip", 0) > 0)
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "cell_clip; export without it");
    if (b->status != CARINA_OK)
        return false;
    m->hidden = s.dims[1] / 4;
    m->inputs = s.dims[0] - m->hidden;
    w = reordered(b, ca_build_transpose(b, w, turned, 2), order, 4, m->hidden);
    m->w = part(b, w, 0, m->inputs, 1);
    m->r = part(b, w, m->inputs, m->inputs + m->hidden, 1);
    m->bias = reordered(b, bias, order, 4, m->hidden);
    if (forget != 0) { /* added to the first of our gates */
        double *more = ca_arena_array(b->work, (size_t)s.dims[1], sizeof *more);
        const CarinaShape list = ca_shape(1, &s.dims[1]);
        for (int64_t i = 0; more && i < m->hidden; i++)
            more[i] = forget;
        if (!more)
            ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        else
            m->bias = ca_build_2(b, "Add", m->bias,
                                 ca_build_convert(b, ca_build_reals(b, &list, more),
                                                  ca_build_type(b, m->bias)));
    }
    return ca_build_settle(b);
}

static void only_state(CaTfCall *c, unsigned allowed)
{
    for (int i = 0; i < 7; i++)
        if (!(allowed >> i & 1) && ca_tf_out_used(c, i))
            ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                          "its output %d, a gate, is read; export for inference", i);
}

static void lstm_cell(CaTfCall *c)
{
    CaBuild *b = c->b;
    Lstm m;
    only_state(c, 1u << 1 | 1u << 6);
    if (!read_lstm(c, &m, 0, false, ca_tf_attr_real(c->r, c->node, "forget_bias", 1)))
        return;
    CaValue *const in[] = {m.x, m.h, m.c, m.w, m.r, m.bias};
    CaValue *v = ca_build_make(b, "LSTMCell", in, 6, 2);
    ca_build_set_int(b, v, "hidden_size", m.hidden);
    if (!ca_build_settle(b) || !v)
        return;
    ca_tf_out(c, 6, v);
    ca_tf_out(c, 1, v + 1);
}

/* x [T, N, I]; h of all steps [T, N, H]. seq_len_max is the number of steps, which x says too. */
static void block_lstm(CaTfCall *c)
{
    static const int batch_first[] = {1, 0, 2}, time_first[] = {2, 0, 1, 3};
    static const int64_t zero = 0, one = 1;
    CaBuild *b = c->b;
    Lstm m;
    const bool is_new = strcmp(c->node->op, "BlockLSTMV2") == 0;
    only_state(c, 1u << 6);
    if (!read_lstm(c, &m, 1, is_new,
                   is_new ? 0 : ca_tf_attr_real(c->r, c->node, "forget_bias", 1)))
        return;
    CaValue *x = ca_build_transpose(b, m.x, batch_first, 3);
    CaValue *sizes = ca_build_1(b, "ShapeOf", x);
    CaValue *lengths =
        ca_build_2(b, "Broadcast", part(b, sizes, 1, 2, 0), part(b, sizes, 0, 1, 0));
    CaValue *axis = ca_build_vector(b, &one, 1), *front = ca_build_vector(b, &zero, 1);
    CaValue *const in[] = {x,
                           ca_build_2(b, "Unsqueeze", m.h, axis),
                           ca_build_2(b, "Unsqueeze", m.c, axis),
                           lengths,
                           ca_build_2(b, "Unsqueeze", m.w, front),
                           ca_build_2(b, "Unsqueeze", m.r, front),
                           ca_build_2(b, "Unsqueeze", m.bias, front)};
    CaValue *v = ca_build_make(b, "LSTMSequence", in, 7, 3);
    ca_build_set_int(b, v, "hidden_size", m.hidden);
    ca_build_set_text(b, v, "direction", "forward");
    /* [N, 1, T, H] to [T, N, 1, H] */
    v = ca_build_transpose(b, v, time_first, 4);
    const int64_t two = 2;
    ca_tf_out(c, 6, ca_build_2(b, "Squeeze", v, ca_build_vector(b, &two, 1)));
}

/* Inputs x, h, w_ru [(I + H), 2H], w_c [(I + H), H], b_ru, b_c. */
static void gru_cell(CaTfCall *c)
{
    static const int turned[] = {1, 0}, order[] = {1, 0};
    CaBuild *b = c->b;
    only_state(c, 1u << 3);
    CaValue *gates = ca_tf_in(c, 2), *state = ca_tf_in(c, 3);
    const CarinaShape s = ca_build_static_shape(b, state);
    if (b->status == CARINA_OK && (s.rank != 2 || s.dims[0] <= s.dims[1]))
        ca_build_fail(b, CARINA_ERR_SHAPE, "its weights are no matrix of gates");
    if (b->status != CARINA_OK)
        return;
    const int64_t hidden = s.dims[1], all = s.dims[0], inputs = all - hidden;
    CaValue *const rows[] = {
        reordered(b, ca_build_transpose(b, gates, turned, 2), order, 2, hidden),
        ca_build_transpose(b, state, turned, 2)};
    CaValue *const biases[] = {reordered(b, ca_tf_in(c, 4), order, 2, hidden),
                               ca_tf_in(c, 5)};
    CaValue *w = ca_build_make(b, "Concat", rows, 2, 1);
    ca_build_set_int(b, w, "axis", 0);
    CaValue *wx = part(b, w, 0, inputs, 1), *wh = part(b, w, inputs, all, 1);
    CaValue *bias = ca_build_make(b, "Concat", biases, 2, 1);
    ca_build_set_int(b, bias, "axis", 0);
    CaValue *const in[] = {ca_tf_in(c, 0), ca_tf_in(c, 1), wx, wh, bias};
    CaValue *v = ca_build_make(b, "GRUCell", in, 5, 1);
    ca_build_set_int(b, v, "hidden_size", hidden);
    ca_build_set_text(b, v, "linear_before_reset", "false");
    ca_tf_out(c, 3, v);
}

const CaTfOp ca_tf_rnn[] = {
    {"BlockLSTM", block_lstm, NULL, 0},
    {"BlockLSTMV2", block_lstm, NULL, 0},
    {"GRUBlockCell", gru_cell, NULL, 0},
    {"LSTMBlockCell", lstm_cell, NULL, 0},
    {NULL, NULL, NULL, 0},
};

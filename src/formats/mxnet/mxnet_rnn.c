/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet's RNN: all layers and directions of a recurrent network in one node, all weights in one vector.
 *
 *      vector:  for each layer, each direction: W [gH, I], R [gH, H]; then for each of them: bW [gH], bR [gH]
 *
 * I is the input's size for the first layer and D * H for the others. What is made of it is cut out by Slice and put
 * in OpenVINO's order of gates by Gather: where the vector is a constant, folding leaves none of that.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <string.h>

typedef struct Mode {
    const char *name, *op;
    int64_t gates;
    int64_t order[4]; /* of MXNet's gates in OpenVINO's sequence */
    const char *activations;
} Mode;

static const Mode modes[] = {
    {"lstm", "LSTMSequence", 4, {1, 0, 2, 3}, "sigmoid,tanh,tanh"}, /* ifgo to fico */
    {"gru", "GRUSequence", 3, {1, 0, 2}, "sigmoid,tanh"},           /* rzn to zrh */
    {"rnn_tanh", "RNNSequence", 1, {0}, "tanh"},
    {"rnn_relu", "RNNSequence", 1, {0}, "relu"},
};

enum { MAX_LAYERS = 256 };
static const int64_t largest = 1 << 24;

typedef struct Rnn {
    CaMxnetCall *c;
    CaBuild *b;
    const Mode *mode;
    int64_t layers, directions, hidden, input; /* L, D, H, I */
    CaValue *vector, *shape;                   /* shape: of the data, [T, N, I] */
} Rnn;

/* Elements of W and R of one direction. */
static int64_t n_weights(const Rnn *r, int64_t layer)
{
    const int64_t input = layer ? r->directions * r->hidden : r->input;
    return r->mode->gates * r->hidden * (input + r->hidden);
}

/* The input's size follows from the vector's length. */
static bool find_input_size(Rnn *r)
{
    const CarinaShape s = ca_build_shape(r->b, r->vector);
    const int64_t gates = r->mode->gates * r->hidden, all = r->directions * gates;
    const int64_t above = (r->layers - 1) * all * ((r->directions + 1) * r->hidden + 2);
    if (r->b->status != CARINA_OK)
        return false;
    const int64_t first = s.rank == 1 ? s.dims[0] - above : -1;
    r->input = first > 0 ? first / all - r->hidden - 2 : 0;
    if (first > 0 && first % all == 0 && r->input > 0)
        return true;
    ca_build_fail(r->b, CARINA_ERR_SHAPE,
                  "its vector of weights has %lld numbers, which is no network of %lld "
                  "layers of %lld",
                  s.rank == 1 ? (long long)s.dims[0] : -1LL, (long long)r->layers,
                  (long long)r->hidden);
    return false;
}

/* [from, from + rows * columns) of the vector as [1, rows, columns], the gates in our order; columns 0: [1, rows]. */
static CaValue *piece(Rnn *r, int64_t from, int64_t columns)
{
    CaBuild *const b = r->b;
    const int64_t width = columns ? columns : 1, rows = r->mode->gates * r->hidden;
    const int64_t by_gate[] = {r->mode->gates, r->hidden * width};
    const int64_t dims[] = {1, rows, columns};
    CaValue *v = ca_mxnet_slice(b, r->vector, 0, from, from + rows * width);
    v = ca_build_reshape(b, v, by_gate, 2);
    v = ca_build_3(b, "Gather", v,
                   ca_build_vector(b, r->mode->order, (int)r->mode->gates),
                   ca_build_scalar(b, 0));
    return ca_build_reshape(b, v, dims, columns ? 3 : 2);
}

/* The two biases in one: added, but for GRU's last gate, whose parts stay apart. */
static CaValue *bias(Rnn *r, int64_t from)
{
    CaBuild *const b = r->b;
    const int64_t rows = r->mode->gates * r->hidden, cut = 2 * r->hidden;
    CaValue *w = piece(r, from, 0), *h = piece(r, from + rows, 0);
    CaValue *sum = ca_build_2(b, "Add", w, h);
    if (strcmp(r->mode->name, "gru") != 0)
        return sum;
    CaValue *const in[] = {ca_mxnet_slice(b, sum, 1, 0, cut),
                           ca_mxnet_slice(b, w, 1, cut, rows),
                           ca_mxnet_slice(b, h, 1, cut, rows)};
    CaValue *v = ca_build_make(b, "Concat", in, 3, 1);
    ca_build_set_int(b, v, "axis", 1);
    return v;
}

static CaValue *joined(Rnn *r, CaValue *const *v, int n, int64_t axis)
{
    if (n == 1)
        return v[0];
    CaValue *out = ca_build_make(r->b, "Concat", v, n, 1);
    ca_build_set_int(r->b, out, "axis", axis);
    return out;
}

/* One dimension of the data, as a vector of one number. */
static CaValue *dimension(Rnn *r, int64_t which)
{
    return ca_build_3(r->b, "Gather", r->shape, ca_build_vector(r->b, &which, 1),
                      ca_build_scalar(r->b, 0));
}

/* [N, D, H] of a layer, from [L * D, N, H] or of zeros. */
static CaValue *state(Rnn *r, int slot, int64_t layer)
{
    CaBuild *const b = r->b;
    static const int swapped[] = {1, 0, 2};
    const bool is_zero =
        slot >= r->c->n_in || r->c->r->made[r->c->node->in[slot].node].is_zero;
    if (is_zero) {
        const int64_t rest[] = {r->directions, r->hidden};
        CaValue *const dims[] = {dimension(r, 1), ca_build_vector(b, rest, 2)};
        return ca_build_2(b, "Broadcast", ca_build_number(b, r->vector, 0),
                          joined(r, dims, 2, 0));
    }
    CaValue *v = ca_mxnet_slice(b, ca_mxnet_in(r->c, slot), 0, layer * r->directions,
                                (layer + 1) * r->directions);
    return ca_build_transpose(b, v, swapped, 3);
}

static CaValue *sequence(Rnn *r, CaValue *x, int64_t layer, int64_t weights,
                         int64_t biases)
{
    CaBuild *const b = r->b;
    const bool is_lstm = strcmp(r->mode->name, "lstm") == 0;
    const int64_t input = layer ? r->directions * r->hidden : r->input;
    CaValue *w[2], *h[2], *bb[2], *in[7];
    int n = 0;
    for (int d = 0; d < (int)r->directions; d++) {
        const int64_t at = weights + d * n_weights(r, layer);
        w[d] = piece(r, at, input);
        h[d] = piece(r, at + r->mode->gates * r->hidden * input, r->hidden);
        bb[d] = bias(r, biases + 2 * d * r->mode->gates * r->hidden);
    }
    in[n++] = x;
    in[n++] = state(r, 2, layer);
    if (is_lstm)
        in[n++] = state(r, 3, layer);
    CaValue *const batch = dimension(r, 1); /* first: arguments have no order */
    in[n++] = ca_build_2(b, "Broadcast", ca_build_to_scalar(b, dimension(r, 0)), batch);
    in[n++] = joined(r, w, (int)r->directions, 0);
    in[n++] = joined(r, h, (int)r->directions, 0);
    in[n++] = joined(r, bb, (int)r->directions, 0);
    CaValue *v = ca_build_make(b, r->mode->op, in, n, is_lstm ? 3 : 2);
    ca_build_set_int(b, v, "hidden_size", r->hidden);
    ca_build_set_text(b, v, "direction",
                      r->directions == 2 ? "bidirectional" : "forward");
    ca_build_set_text(b, v, "activations", r->mode->activations);
    if (strcmp(r->mode->name, "gru") == 0)
        ca_build_set_text(b, v, "linear_before_reset", "true");
    return v;
}

/* [N, D, T, H] to [N, T, D * H], or to [T, N, D * H] where it is the result. */
static CaValue *outputs_of(Rnn *r, CaValue *v, bool is_last)
{
    static const int within[] = {0, 2, 1, 3}, out[] = {2, 0, 1, 3};
    const int64_t dims[] = {0, 0, r->directions * r->hidden};
    return ca_build_reshape_0(
        r->b, ca_build_transpose(r->b, v, is_last ? out : within, 4), dims, 3);
}

static void check(Rnn *r)
{
    CaMxnetCall *const c = r->c;
    const CarinaShape s = ca_build_shape(r->b, ca_mxnet_in(c, 0));
    const char *mode = ca_mxnet_text(c, "mode", "(none)");
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(mode, modes[i].name) == 0)
            r->mode = &modes[i];
    if (!r->mode)
        ca_build_fail(r->b, CARINA_ERR_UNSUPPORTED,
                      "mode %.20s; Carina has lstm, gru, rnn_tanh and rnn_relu", mode);
    if (ca_mxnet_attr(c->node, "projection_size") ||
        ca_mxnet_attr(c->node, "lstm_state_clip_min") ||
        ca_mxnet_flag(c, "use_sequence_length", false))
        ca_build_fail(r->b, CARINA_ERR_UNSUPPORTED,
                      "projection_size, state clipping or use_sequence_length, which "
                      "Carina does not have");
    if (r->layers < 1 || r->layers > MAX_LAYERS || r->hidden < 1 || r->hidden > largest)
        ca_build_fail(r->b, CARINA_ERR_FORMAT,
                      "num_layers is %lld and state_size %lld; the file is damaged",
                      (long long)r->layers, (long long)r->hidden);
    if (r->b->status == CARINA_OK && find_input_size(r) && s.rank == 3 &&
        s.dims[2] >= 0 && s.dims[2] != r->input)
        ca_build_fail(r->b, CARINA_ERR_SHAPE,
                      "its weights are for %lld features, its input has %lld",
                      (long long)r->input, (long long)s.dims[2]);
}

void ca_mxnet_rnn(CaMxnetCall *c)
{
    static const char *const names[] = {"output", "state_output", "statecell_output"};
    static const int swapped[] = {1, 0, 2};
    Rnn r = {.c = c,
             .b = c->b,
             .layers = ca_mxnet_int(c, "num_layers", 0),
             .hidden = ca_mxnet_int(c, "state_size", 0),
             .directions = ca_mxnet_flag(c, "bidirectional", false) ? 2 : 1};
    CaValue *hidden[MAX_LAYERS], *cell[MAX_LAYERS], *y = NULL;
    CaValue *x = ca_mxnet_in(c, 0);
    r.vector = ca_build_convert(c->b, ca_mxnet_in(c, 1), ca_build_type(c->b, x));
    check(&r);
    if (c->b->status != CARINA_OK)
        return;
    const bool is_lstm = strcmp(r.mode->name, "lstm") == 0;
    int64_t at = 0, biases = 0;
    for (int64_t l = 0; l < r.layers; l++)
        biases += r.directions * n_weights(&r, l);
    r.shape = ca_mxnet_shape_of(c->b, x);
    x = ca_build_transpose(c->b, x, swapped, 3);
    for (int64_t l = 0; l < r.layers && c->b->status == CARINA_OK; l++) {
        y = sequence(&r, x, l, at, biases);
        if (!ca_build_settle(c->b))
            return;
        hidden[l] = ca_build_transpose(c->b, y + 1, swapped, 3);
        cell[l] = is_lstm ? ca_build_transpose(c->b, y + 2, swapped, 3) : NULL;
        at += r.directions * n_weights(&r, l);
        biases += r.directions * 2 * r.mode->gates * r.hidden;
        x = outputs_of(&r, y, l == r.layers - 1);
    }
    CaValue *const out[] = {x, joined(&r, hidden, (int)r.layers, 0),
                            is_lstm ? joined(&r, cell, (int)r.layers, 0) : NULL};
    ca_mxnet_named_outs(c, out, is_lstm ? 3 : 2, names);
}

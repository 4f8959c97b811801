/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: recurrent cells and sequences.
 *
 * Their weights are one matrix [gates * hidden, input + hidden], which the operator set has as two; gates come in the
 * same order in both.
 */
#include "ir/ir_legacy.h"

#include <string.h>

typedef struct Cell {
    const char *op, *sequence;
    int gates;
    bool has_cell; /* LSTM: a second state */
} Cell;

static const Cell lstm = {"LSTMCell", "LSTMSequence", 4, true};
static const Cell gru = {"GRUCell", "GRUSequence", 3, false};
static const Cell rnn = {"RNNCell", "RNNSequence", 1, false};

typedef struct Sizes {
    int64_t hidden, input, rows, bias;
} Sizes;

/* Columns [from, from + n) of a matrix, as they are stored. */
static CarinaTensor *columns(CaLegacyCall *c, const CarinaTensor *t, int64_t from,
                             int64_t n, bool has_direction)
{
    const int64_t rows = t->shape.dims[0], width = t->shape.dims[1];
    const CarinaShape shape = has_direction ? ca_shape(3, (int64_t[]){1, rows, n})
                                            : ca_shape(2, (int64_t[]){rows, n});
    const size_t size = (size_t)carina_type_bits(t->type) / 8;
    CarinaTensor *part = NULL;
    if (!ca_build_ok(&c->b, carina_tensor_create(&part, t->type, &shape, c->b.err)))
        return NULL;
    for (int64_t i = 0; i < rows; i++)
        memcpy((char *)part->data + (size_t)(i * n) * size,
               (const char *)t->data + (size_t)(i * width + from) * size,
               (size_t)n * size);
    return part;
}

static Sizes sizes(CaLegacyCall *c, const Cell *cell, const CarinaShape *x)
{
    Sizes s = {.hidden = ca_legacy_need_int(c, "hidden_size", 1)};
    const bool is_reset_last = ca_legacy_flag(c, "linear_before_reset", false);
    s.input = x->rank > 1 ? x->dims[x->rank - 1] : 0;
    s.rows = cell->gates * s.hidden;
    s.bias = s.rows + (cell == &gru && is_reset_last ? s.hidden : 0);
    if (c->b.status == CARINA_OK && (s.hidden > CA_LEGACY_LARGEST || s.input < 1))
        ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                      "hidden_size %lld with an input of %d dimensions",
                      (long long)s.hidden, x->rank);
    return s;
}

/* W, R and B into in[0], in[1], in[2]. */
static void cell_weights(CaLegacyCall *c, const Sizes *s, bool has_direction,
                         CaValue **in)
{
    const CarinaShape both = ca_shape(2, (int64_t[]){s->rows, s->input + s->hidden}),
                      row = has_direction ? ca_shape(2, (int64_t[]){1, s->bias})
                                          : ca_shape(1, &s->bias);
    CarinaTensor *t = ca_legacy_blob_tensor(c, "weights", &both);
    if (!t && c->b.status == CARINA_OK)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "it has no weights in <blobs>");
    if (c->b.status == CARINA_OK) {
        in[0] = ca_legacy_constant(c, ca_arena_printf(c->b.work, "%s/W", c->b.name),
                                   columns(c, t, 0, s->input, has_direction));
        in[1] = ca_legacy_constant(c, ca_arena_printf(c->b.work, "%s/R", c->b.name),
                                   columns(c, t, s->input, s->hidden, has_direction));
    }
    carina_tensor_free(&t);
    in[2] = ca_legacy_blob(c, "biases", &row);
    if (!in[2] && c->b.status == CARINA_OK) { /* the RNN of a framework may have none */
        double *zeros = ca_arena_array(c->b.work, (size_t)s->bias, sizeof *zeros);
        if (!zeros)
            ca_build_fail(&c->b, CARINA_ERR_MEMORY, "out of memory");
        else
            in[2] = ca_build_reals(&c->b, &row, zeros);
    }
}

static void set_functions(CaLegacyCall *c, CaValue *v, const Cell *cell, int64_t hidden)
{
    ca_build_set_int(&c->b, v, "hidden_size", hidden);
    ca_legacy_copy(c, v, "activations,activations_alpha,activations_beta,clip");
    if (cell == &gru)
        ca_legacy_set_flag(c, v, "linear_before_reset",
                           ca_legacy_flag(c, "linear_before_reset", false));
}

static void one_step(CaLegacyCall *c, const Cell *cell)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const Sizes s = sizes(c, cell, &x);
    const int n_states = cell->has_cell ? 2 : 1;
    CaValue *in[6] = {c->in[0], c->in[1], cell->has_cell ? c->in[2] : NULL};
    if (c->b.status != CARINA_OK)
        return;
    cell_weights(c, &s, false, in + 1 + n_states);
    CaValue *v = ca_build_make(&c->b, cell->op, in, 4 + n_states, n_states);
    set_functions(c, v, cell, s.hidden);
    for (int i = 0; v && i < n_states && i < c->n_out; i++)
        c->out[i] = v + i;
}

static void lstm_cell(CaLegacyCall *c) { one_step(c, &lstm); }
static void gru_cell(CaLegacyCall *c) { one_step(c, &gru); }
static void rnn_cell(CaLegacyCall *c) { one_step(c, &rnn); }

/* --- Sequences: x is [N, T, I], or [T, N, I] where axis is 0; one direction. */

static CaValue *with_direction(CaLegacyCall *c, CaValue *v)
{
    const int64_t at[] = {1};
    return ca_build_2(&c->b, "Unsqueeze", v, ca_build_vector(&c->b, at, 1));
}

static CaValue *without_direction(CaLegacyCall *c, CaValue *v)
{
    const int64_t at[] = {1};
    return v ? ca_build_2(&c->b, "Squeeze", v, ca_build_vector(&c->b, at, 1)) : NULL;
}

static CaValue *swapped(CaLegacyCall *c, CaValue *v)
{
    static const int perm[] = {1, 0, 2};
    return v ? ca_build_transpose(&c->b, v, perm, 3) : NULL;
}

static void sequence(CaLegacyCall *c, const Cell *cell)
{
    const int n_states = cell->has_cell ? 2 : 1;
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const bool is_time_first = ca_legacy_int(c, "axis", 0, 1) == 0;
    const char *direction = ca_legacy_text(c, "direction");
    const bool is_reverse = direction && (ca_text_equal_nocase(direction, "Backward") ||
                                          ca_text_equal_nocase(direction, "reverse"));
    const Sizes s = sizes(c, cell, &x);
    if (c->b.status == CARINA_OK && x.rank != 3)
        ca_build_fail(&c->b, CARINA_ERR_SHAPE, "its input has %d dimensions, must have 3",
                      x.rank);
    if (direction && !is_reverse && !ca_text_equal_nocase(direction, "Forward"))
        ca_build_fail(&c->b, CARINA_ERR_UNSUPPORTED,
                      "direction \"%.40s\"; one direction a layer is read", direction);
    if (c->n_in != 1 + n_states)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "it has %d input ports, needs %d",
                      c->n_in, 1 + n_states);
    if (c->b.status != CARINA_OK)
        return;
    const int64_t batch = x.dims[is_time_first], time = x.dims[!is_time_first];
    int64_t *lengths = ca_arena_array(c->b.work, (size_t)batch, sizeof *lengths);
    if (!lengths || batch > CA_LEGACY_LARGEST) {
        ca_build_fail(&c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int64_t i = 0; i < batch; i++)
        lengths[i] = time;
    CaValue *in[8] = {is_time_first ? swapped(c, c->in[0]) : c->in[0]};
    for (int i = 1; i <= n_states; i++)
        in[i] = with_direction(c, c->in[i]);
    in[1 + n_states] = ca_build_vector(&c->b, lengths, (int)batch);
    cell_weights(c, &s, true, in + 2 + n_states);
    CaValue *v = ca_build_make(&c->b, cell->sequence, in, 5 + n_states, 1 + n_states);
    set_functions(c, v, cell, s.hidden);
    ca_build_set_text(&c->b, v, "direction", is_reverse ? "reverse" : "forward");
    if (!ca_build_settle(&c->b))
        return;
    for (int i = 0; i < c->n_out && i < 1 + n_states; i++)
        c->out[i] = without_direction(c, v + i);
    if (is_time_first && c->n_out)
        c->out[0] = swapped(c, c->out[0]);
}

static void lstm_sequence(CaLegacyCall *c) { sequence(c, &lstm); }
static void gru_sequence(CaLegacyCall *c) { sequence(c, &gru); }
static void rnn_sequence(CaLegacyCall *c) { sequence(c, &rnn); }

const CaLegacyOp ca_legacy_rnn[] = {
    {"LSTMCell", lstm_cell, 3, 3},
    {"GRUCell", gru_cell, 2, 2},
    {"RNNCell", rnn_cell, 2, 2},
    {"LSTMSequence", lstm_sequence, 2, 4},
    {"GRUSequence", gru_sequence, 2, 3},
    {"RNNSequence", rnn_sequence, 2, 3},
    {NULL, NULL, 0, 0},
};

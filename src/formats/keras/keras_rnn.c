/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: recurrent layers. LSTM, GRU and SimpleRNN become sequence operators where their activations allow it, and
 * are written out step by step otherwise, as are stacked cells and convolutional LSTMs.
 *
 * Keras has the gates i, f, c, o (LSTM; OpenVINO f, i, c, o) and z, r, h (GRU), kernels [in, gates * units].
 */
#include "formats/keras/keras_rnn.h"

#include <string.h>

enum { MOST_STEPS = 4096 };

/* --- Small pieces. */

static CaValue *part_of(CaKerasCall *c, CaValue *v, int64_t i, int64_t axis)
{
    return ca_build_3(c->b, "Gather", v, ca_build_scalar(c->b, i),
                      ca_build_scalar(c->b, axis));
}

/* The first dimension of x and the given ones behind it, as a shape. */
static CaValue *batch_shape(CaKerasCall *c, CaValue *x, const int64_t *rest, int n)
{
    const CarinaShape s = ca_build_shape(c->b, x);
    int64_t all[CARINA_MAX_RANK];
    if (s.rank > 0 && s.dims[0] >= 0) {
        all[0] = s.dims[0];
        for (int i = 0; i < n; i++)
            all[i + 1] = rest[i];
        return ca_build_vector(c->b, all, n + 1);
    }
    const int64_t zero = 0;
    CaValue *shape = ca_build_1(c->b, "ShapeOf", x);
    ca_build_set_text(c->b, shape, "output_type", "i64");
    CaValue *batch = ca_build_3(c->b, "Gather", shape, ca_build_vector(c->b, &zero, 1),
                                ca_build_scalar(c->b, 0));
    if (!n)
        return batch;
    CaValue *const in[] = {batch, ca_build_vector(c->b, rest, n)};
    CaValue *v = ca_build_make(c->b, "Concat", in, 2, 1);
    ca_build_set_int(c->b, v, "axis", 0);
    return v;
}

static CaValue *filled(CaKerasCall *c, CaValue *value, CaValue *shape)
{
    CaValue *v = ca_build_2(c->b, "Broadcast", value, shape);
    ca_build_set_text(c->b, v, "mode", "numpy");
    return v;
}

CaValue *ca_keras_zeros(CaKerasCall *c, CaValue *x, const int64_t *rest, int n)
{
    return filled(c, ca_build_number(c->b, NULL, 0), batch_shape(c, x, rest, n));
}

static const char *activation_name(json_t *config, const char *key, const char *absent)
{
    json_t *j = json_object_get(config, key);
    const char *name = j ? ca_keras_name_of(j) : absent;
    return name[0] ? name : "linear";
}

/* --- A cell. */

static int n_gates(CaKerasCellKind kind)
{
    return kind == CA_KERAS_LSTM ? 4 : kind == CA_KERAS_GRU ? 3 : 1;
}
static int n_states(const CaKerasCell *cell)
{
    return cell->kind == CA_KERAS_LSTM ? 2 : 1;
}

static bool kind_of(const char *class_name, CaKerasCellKind *out)
{
    static const struct {
        const char *name;
        CaKerasCellKind kind;
    } kinds[] = {{"LSTM", CA_KERAS_LSTM},           {"LSTMCell", CA_KERAS_LSTM},
                 {"CuDNNLSTM", CA_KERAS_LSTM},      {"GRU", CA_KERAS_GRU},
                 {"GRUCell", CA_KERAS_GRU},         {"SimpleRNN", CA_KERAS_SIMPLE},
                 {"SimpleRNNCell", CA_KERAS_SIMPLE}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, class_name) == 0) {
            *out = kinds[i].kind;
            return true;
        }
    return false;
}

/* Reads the cell's configuration and weights: the k-th of the names in scope (HDF5), or the object's own (.keras). */
static CaKerasCell read_cell(CaKerasCall *c, const char *class_name, json_t *config,
                             const CaKerasScope *scope, int k, int64_t inputs)
{
    CaKerasCell cell = {.config = config};
    CaKerasCall own = *c;
    own.config = config;
    if (!kind_of(class_name, &cell.kind)) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "cell '%s'; LSTMCell, GRUCell and SimpleRNNCell are read",
                      class_name);
        return cell;
    }
    cell.units = ca_keras_int(&own, "units", -1);
    if (cell.units < 1 || cell.units > (1 << 20)) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "units is %lld", (long long)cell.units);
        return cell;
    }
    const int64_t wide = n_gates(cell.kind) * cell.units;
    const int64_t w[] = {inputs, wide}, r[] = {cell.units, wide}, flat[] = {wide},
                  two[] = {2, wide};
    cell.reset_after = cell.kind == CA_KERAS_GRU &&
                       ca_keras_bool(&own, "reset_after", c->r->version >= 3);
    cell.activation = json_object_get(config, "activation");
    cell.recurrent = json_object_get(config, "recurrent_activation");
    cell.kernel = ca_keras_weight_at(c, scope, 0, "kernel", k, w, 2, NULL);
    cell.recurrent_kernel =
        ca_keras_weight_at(c, scope, 1, "recurrent_kernel", k, r, 2, NULL);
    if (ca_keras_bool(&own, "use_bias", true))
        cell.bias =
            ca_keras_weight_at(c, scope, 2, "bias", k, cell.reset_after ? two : flat,
                               cell.reset_after ? 2 : 1, NULL);
    return cell;
}

/* --- As a sequence operator. */

/* [in, g * U] -> [1, g * U, in], gates in OpenVINO's order. */
static CaValue *gate_rows(CaKerasCall *c, const CaKerasCell *cell, CaValue *kernel)
{
    static const int turn[] = {1, 0};
    static const int64_t order[] = {1, 0, 2, 3};
    const int64_t g = n_gates(cell->kind);
    CaValue *v = ca_build_transpose(c->b, kernel, turn, 2);
    const CarinaShape s = ca_build_shape(c->b, v);
    if (s.rank != 2)
        return NULL;
    const int64_t apart[] = {g, cell->units, s.dims[1]},
                  whole[] = {1, g * cell->units, s.dims[1]};
    if (cell->kind == CA_KERAS_LSTM)
        v = ca_build_3(c->b, "Gather", ca_build_reshape(c->b, v, apart, 3),
                       ca_build_vector(c->b, order, 4), ca_build_scalar(c->b, 0));
    return ca_build_reshape(c->b, v, whole, 3);
}

static CaValue *rows(CaKerasCall *c, CaValue *v, const int64_t *which, int n)
{
    return ca_build_3(c->b, "Gather", v, ca_build_vector(c->b, which, n),
                      ca_build_scalar(c->b, 0));
}

/* [1, g * U]; of a GRU that resets after the product [1, 4 * U]: z and r summed, the two of h apart. */
static CaValue *gate_bias(CaKerasCall *c, const CaKerasCell *cell)
{
    static const int64_t order[] = {1, 0, 2, 3}, zr[] = {0, 1}, zr2[] = {3, 4},
                         h[] = {2, 5};
    const int64_t g = n_gates(cell->kind), u = cell->units;
    const int64_t apart[] = {g, u}, pair[] = {2 * g, u}, whole[] = {1, g * u},
                  four[] = {1, 4 * u};
    if (!cell->bias) {
        const CarinaShape s = ca_shape(2, cell->reset_after ? four : whole);
        double *zeros = ca_arena_array(c->b->work, (size_t)(4 * u), sizeof *zeros);
        return zeros ? ca_build_reals(c->b, &s, zeros) : NULL;
    }
    if (cell->reset_after) {
        CaValue *b = ca_build_reshape(c->b, cell->bias, pair, 2);
        CaValue *const in[] = {
            ca_build_2(c->b, "Add", rows(c, b, zr, 2), rows(c, b, zr2, 2)),
            rows(c, b, h, 2)};
        CaValue *v = ca_build_make(c->b, "Concat", in, 2, 1);
        ca_build_set_int(c->b, v, "axis", 0);
        return ca_build_reshape(c->b, v, four, 2);
    }
    CaValue *v = ca_build_reshape(c->b, cell->bias, apart, 2);
    if (cell->kind == CA_KERAS_LSTM)
        v = rows(c, v, order, 4);
    return ca_build_reshape(c->b, v, whole, 2);
}

static const char *operator_function(const char *name)
{
    static const char *const known[] = {"sigmoid", "tanh", "relu"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], name) == 0)
            return known[i];
    return NULL;
}

/* The operator's activations; false where one of them has to be written out. */
static bool functions_of(const CaKerasCell *cell, const char **f, const char **g)
{
    *f = operator_function(
        activation_name(cell->config, "recurrent_activation", "sigmoid"));
    *g = operator_function(activation_name(cell->config, "activation", "tanh"));
    return *g && (*f || cell->kind == CA_KERAS_SIMPLE);
}

static CaValue *with_direction(CaKerasCall *c, CaValue *state)
{
    return ca_build_2(c->b, "Unsqueeze", state, ca_build_iota(c->b, 1, 1));
}
static CaValue *without_direction(CaKerasCall *c, CaValue *v)
{
    return ca_build_2(c->b, "Squeeze", v, ca_build_iota(c->b, 1, 1));
}

static CaValue *lengths_of(CaKerasCall *c, CaValue *x)
{
    const CarinaShape s = ca_build_shape(c->b, x);
    CaValue *t;
    if (s.rank == 3 && s.dims[1] >= 0) {
        t = ca_build_scalar(c->b, s.dims[1]);
    } else {
        CaValue *shape = ca_build_1(c->b, "ShapeOf", x);
        ca_build_set_text(c->b, shape, "output_type", "i64");
        t = part_of(c, shape, 1, 0);
    }
    return filled(c, t, batch_shape(c, x, NULL, 0));
}

static CaKerasSequence by_operator(CaKerasCall *c, const CaKerasCell *cell, CaValue *x,
                                   CaKerasCounted counted, CaValue *const *states,
                                   bool is_reverse)
{
    static const char *const names[] = {"RNNSequence", "GRUSequence", "LSTMSequence"};
    CaKerasSequence out = {.n_states = n_states(cell)};
    const char *f, *g;
    CaValue *in[7];
    int n = 0;
    if (!functions_of(cell, &f, &g))
        return out;
    in[n++] = counted.mask ? ca_keras_to_front(c, x, counted.mask) : x;
    for (int i = 0; i < n_states(cell); i++)
        in[n++] = with_direction(c, states[i]);
    in[n++] = counted.mask ? ca_keras_lengths(c, counted.mask) : lengths_of(c, x);
    in[n++] = gate_rows(c, cell, cell->kernel);
    in[n++] = gate_rows(c, cell, cell->recurrent_kernel);
    in[n++] = gate_bias(c, cell);
    CaValue *v = ca_build_make(c->b, names[cell->kind], in, n, 1 + n_states(cell));
    const char *text =
        cell->kind == CA_KERAS_LSTM  ? ca_arena_printf(c->b->work, "%s,%s,%s", f, g, g)
        : cell->kind == CA_KERAS_GRU ? ca_arena_printf(c->b->work, "%s,%s", f, g)
                                     : g;
    ca_build_set_int(c->b, v, "hidden_size", cell->units);
    ca_build_set_text(c->b, v, "activations", text ? text : "");
    ca_build_set_text(c->b, v, "direction", is_reverse ? "reverse" : "forward");
    if (cell->kind == CA_KERAS_GRU)
        ca_build_set_text(c->b, v, "linear_before_reset",
                          cell->reset_after ? "true" : "false");
    if (!ca_build_settle(c->b) || !v)
        return out;
    out.all = without_direction(c, v);
    for (int i = 0; i < n_states(cell); i++)
        out.states[i] = without_direction(c, v + 1 + i);
    out.last = out.states[0];
    if (counted.mask) {
        out.all = ca_keras_from_front(c, out.all, counted, is_reverse);
        out.last = part_of(c, out.all, is_reverse ? 0 : -1, 1);
    }
    return out;
}

/* --- Step by step. */

static CaValue *add(CaKerasCall *c, CaValue *a, CaValue *b)
{
    return ca_build_2(c->b, "Add", a, b);
}
static CaValue *multiply(CaKerasCall *c, CaValue *a, CaValue *b)
{
    return ca_build_2(c->b, "Multiply", a, b);
}
static CaValue *matmul(CaKerasCall *c, CaValue *a, CaValue *b)
{
    return ca_build_2(c->b, "MatMul", a, b);
}

/* n equal parts; the first, with the others behind it. */
static CaValue *split(CaKerasCall *c, CaValue *v, int n, int64_t axis)
{
    CaValue *const in[] = {v, ca_build_scalar(c->b, axis)};
    CaValue *parts = ca_build_make(c->b, "Split", in, 2, n);
    ca_build_set_int(c->b, parts, "num_splits", n);
    return ca_build_settle(c->b) ? parts : NULL;
}

/* f, g: of the gates and of the new content. gates: [.., 4 U] summed. */
static void lstm_step(CaKerasCall *c, CaValue *gates, json_t *f, json_t *g, int64_t axis,
                      CaValue *states[2])
{
    CaValue *v = split(c, gates, 4, axis);
    if (!v)
        return;
    CaValue *i = ca_keras_activated(c, v, f), *forget = ca_keras_activated(c, v + 1, f),
            *content = ca_keras_activated(c, v + 2, g),
            *o = ca_keras_activated(c, v + 3, f);
    states[1] = add(c, multiply(c, forget, states[1]), multiply(c, i, content));
    states[0] = multiply(c, o, ca_keras_activated(c, states[1], g));
}

static CaValue *gru_step(CaKerasCall *c, const CaKerasCell *cell, CaValue *x, CaValue *h)
{
    json_t *f = cell->recurrent, *g = cell->activation;
    CaValue *xs = split(c, x, 3, -1);
    CaValue *hidden = NULL, *z, *r;
    if (cell->reset_after) {
        CaValue *inner = matmul(c, h, cell->recurrent_kernel);
        if (cell->bias)
            inner = add(c, inner, part_of(c, cell->bias, 1, 0));
        CaValue *hs = split(c, inner, 3, -1);
        if (!xs || !hs)
            return NULL;
        z = ca_keras_activated(c, add(c, xs, hs), f);
        r = ca_keras_activated(c, add(c, xs + 1, hs + 1), f);
        hidden = multiply(c, r, hs + 2);
    } else {
        CaValue *rs = split(c, cell->recurrent_kernel, 3, -1);
        if (!xs || !rs)
            return NULL;
        z = ca_keras_activated(c, add(c, xs, matmul(c, h, rs)), f);
        r = ca_keras_activated(c, add(c, xs + 1, matmul(c, h, rs + 1)), f);
        hidden = matmul(c, multiply(c, r, h), rs + 2);
    }
    CaValue *content = ca_keras_activated(c, add(c, xs + 2, hidden), g);
    /* z h + (1 - z) content */
    CaValue *difference = ca_build_2(c->b, "Subtract", h, content);
    return add(c, content, multiply(c, z, difference));
}

/* One step of a cell on x [N, in]; states change; the output is states[0]. */
static void cell_step(CaKerasCall *c, const CaKerasCell *cell, CaValue *x,
                      CaValue **states)
{
    CaValue *sum = matmul(c, x, cell->kernel);
    if (cell->bias)
        sum = add(c, sum, cell->reset_after ? part_of(c, cell->bias, 0, 0) : cell->bias);
    if (cell->kind == CA_KERAS_GRU) {
        states[0] = gru_step(c, cell, sum, states[0]);
        return;
    }
    sum = add(c, sum, matmul(c, states[0], cell->recurrent_kernel));
    if (cell->kind == CA_KERAS_LSTM)
        lstm_step(c, sum, cell->recurrent, cell->activation, -1, states);
    else
        states[0] = ca_keras_activated(c, sum, cell->activation);
}

static int64_t steps_of(CaKerasCall *c, CaValue *x)
{
    const CarinaShape s = ca_build_shape(c->b, x);
    if (s.rank >= 3 && s.dims[1] >= 1 && s.dims[1] <= MOST_STEPS)
        return s.dims[1];
    ca_build_fail(
        c->b, CARINA_ERR_SHAPE,
        "it is written out step by step, but the number of steps is not known or "
        "above %d; give the model's input shape",
        MOST_STEPS);
    return 0;
}

/* Steps [N, ...] as [N, T, ...]. */
static CaValue *stacked(CaKerasCall *c, CaValue **step, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        step[i] = ca_build_2(c->b, "Unsqueeze", step[i], ca_build_iota(c->b, 1, 1));
    CaValue *v = ca_build_make(c->b, "Concat", step, (int)n, 1);
    ca_build_set_int(c->b, v, "axis", 1);
    return v;
}

/* Puts back what a step that does not count changed: n states from before; gives the step's output, last before. */
static CaValue *undone(CaKerasCall *c, CaKerasCounted counted, int64_t at, int wide,
                       CaValue **states, CaValue *const *before, int n, CaValue *v,
                       CaValue *last)
{
    CaValue *mask = part_of(c, counted.mask, at, 1);
    for (int i = 0; i < n; i++)
        states[i] = ca_keras_where(c, mask, wide, states[i], before[i]);
    return ca_keras_where(c, mask, wide, v,
                          last && !counted.zeros ? last : ca_build_number(c->b, v, 0));
}

/* Cells on top of each other; states of all, one after the other. */
static CaKerasSequence by_steps(CaKerasCall *c, const CaKerasCell *cells, int n_cells,
                                CaValue *x, CaKerasCounted counted,
                                CaValue *const *states, bool is_reverse)
{
    CaKerasSequence out = {0};
    const int64_t n = steps_of(c, x);
    CaValue **step = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *step);
    for (int i = 0; i < n_cells; i++)
        out.n_states += n_states(&cells[i]);
    for (int i = 0; i < out.n_states; i++)
        out.states[i] = states[i];
    for (int64_t t = 0; step && t < n && c->b->status == CARINA_OK; t++) {
        const int64_t at = is_reverse ? n - 1 - t : t;
        CaValue *v = part_of(c, x, at, 1), *before[2 * CA_KERAS_CELLS];
        memcpy(before, out.states, sizeof before);
        for (int i = 0, s = 0; i < n_cells; s += n_states(&cells[i++])) {
            cell_step(c, &cells[i], v, &out.states[s]);
            v = out.states[s];
        }
        if (counted.mask)
            v = undone(c, counted, at, 1, out.states, before, out.n_states, v, out.last);
        step[at] = out.last = v;
    }
    if (step && c->b->status == CARINA_OK)
        out.all = stacked(c, step, n);
    return out;
}

/* --- Layers. */

static CaValue *reversed(CaKerasCall *c, CaValue *v)
{
    v = ca_build_2(c->b, "Reverse", v, ca_build_iota(c->b, 1, 1));
    ca_build_set_text(c->b, v, "mode", "index");
    return v;
}

/* Cells of the layer: itself, its "cell", or the cells of a stack. */
static int read_cells(CaKerasCall *c, CaKerasCell cells[CA_KERAS_CELLS],
                      const CaKerasScope *scope, int64_t inputs)
{
    const CaKerasScope own = ca_keras_part(c, scope, "cell", NULL);
    json_t *cell = json_object_get(c->config, "cell");
    json_t *list = json_object_get(json_object_get(cell, "config"), "cells");
    if (strcmp(c->layer->class_name, "RNN") != 0 || !cell) {
        cells[0] = read_cell(c, c->layer->class_name, c->config, &own, 0, inputs);
        return 1;
    }
    const char *name = json_string_value(json_object_get(cell, "class_name"));
    if (!json_is_array(list)) {
        cells[0] = read_cell(c, name ? name : "?", json_object_get(cell, "config"), &own,
                             0, inputs);
        return 1;
    }
    const size_t n = json_array_size(list);
    int seen[3] = {0};
    if (n < 1 || n > CA_KERAS_CELLS) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT, "%zu stacked cells; 1 to %d are read", n,
                      CA_KERAS_CELLS);
        return 0;
    }
    static const char *const folders[] = {"simple_rnn_cell", "gru_cell", "lstm_cell"};
    for (size_t i = 0; i < n && c->b->status == CARINA_OK; i++) {
        json_t *item = json_array_get(list, i);
        CaKerasCellKind kind = CA_KERAS_SIMPLE;
        name = json_string_value(json_object_get(item, "class_name"));
        (void)kind_of(name ? name : "?", &kind);
        const char *sub =
            seen[kind]
                ? ca_arena_printf(c->b->work, "cells/%s_%d", folders[kind], seen[kind])
                : ca_arena_printf(c->b->work, "cells/%s", folders[kind]);
        const CaKerasScope at = ca_keras_part(c, &own, sub, NULL);
        seen[kind]++;
        cells[i] = read_cell(c, name ? name : "?", json_object_get(item, "config"), &at,
                             (int)i, inputs);
        inputs = cells[i].units;
    }
    return (int)n;
}

CaKerasSequence ca_keras_recur(CaKerasCall *c, const CaKerasScope *scope, CaValue *x,
                               CaKerasCounted counted, CaValue *const *given, int n_given)
{
    CaKerasCell cells[CA_KERAS_CELLS];
    CaKerasSequence out = {0};
    CaValue *states[2 * CA_KERAS_CELLS];
    const CarinaShape s = ca_build_shape(c->b, x);
    const char *f, *g;
    int n = 0;
    if (s.rank != 3 || ca_keras_bool(c, "time_major", false))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "inputs other than [batch, steps, features]");
    if (c->b->status != CARINA_OK)
        return out;
    const int n_cells = read_cells(c, cells, scope, s.dims[2]);
    for (int i = 0; i < n_cells && c->b->status == CARINA_OK; i++)
        for (int k = 0; k < n_states(&cells[i]); k++, n++)
            states[n] = n < n_given ? given[n]
                                    : ca_keras_state_before(
                                          c, n, ca_keras_zeros(c, x, &cells[i].units, 1));
    if (n_given && n_given != n)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%d initial states, needs %d", n_given, n);
    if (c->b->status != CARINA_OK)
        return out;
    const bool back = ca_keras_bool(c, "go_backwards", false);
    out = n_cells == 1 && functions_of(&cells[0], &f, &g)
              ? by_operator(c, &cells[0], x, counted, states, back)
              : by_steps(c, cells, n_cells, x, counted, states, back);
    if (!n_given)
        ca_keras_keep_states(c, out.states, out.n_states);
    return out;
}

/* Inputs behind the first, and what the keyword initial_state refers to. */
int ca_keras_states(CaKerasCall *c, CaValue **out, int max)
{
    json_t *list = json_object_get(c->kwargs, "initial_state"), *item;
    int n = 0;
    size_t i;
    for (int k = 1; k < c->n_in && n < max; k++)
        out[n++] = c->in[k];
    if (n || (!json_is_array(list) && !json_is_object(list)))
        return n;
    CaValue *one = ca_keras_value(c, list);
    if (one) {
        out[n++] = one;
        return n;
    }
    json_array_foreach(list, i, item)
    {
        CaValue *v = n < max ? ca_keras_value(c, item) : NULL;
        if (v)
            out[n++] = v;
    }
    return n;
}

/* Keras 3 hands no mask on to a layer that is called with more than one tensor. */
static CaValue *mask_beside(CaKerasCall *c, int n_given)
{
    return c->r->version >= 3 && n_given > 0 ? NULL : ca_keras_mask(c, 0);
}

static void recurrent(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0), *given[2 * CA_KERAS_CELLS];
    const int n = ca_keras_states(c, given, 2 * CA_KERAS_CELLS);
    const bool all = ca_keras_bool(c, "return_sequences", false),
               back = ca_keras_bool(c, "go_backwards", false);
    const CaKerasCounted counted = {mask_beside(c, n),
                                    ca_keras_bool(c, "zero_output_for_mask", false)};
    const CaKerasSequence s = ca_keras_recur(c, &c->layer->scope, x, counted, given, n);
    if (c->b->status != CARINA_OK)
        return;
    ca_keras_out(c, !all ? s.last : back ? reversed(c, s.all) : s.all);
    if (ca_keras_bool(c, "return_state", false))
        for (int i = 0; i < s.n_states; i++)
            ca_keras_out(c, s.states[i]);
    ca_keras_give_mask(c, 0, all ? counted.mask : NULL);
}

/* --- Both directions. */

static CaValue *merged(CaKerasCall *c, CaValue *a, CaValue *b, const char *mode)
{
    if (strcmp(mode, "concat") == 0) {
        CaValue *const in[] = {a, b};
        CaValue *v = ca_build_make(c->b, "Concat", in, 2, 1);
        ca_build_set_int(c->b, v, "axis", -1);
        return v;
    }
    if (strcmp(mode, "mul") == 0)
        return multiply(c, a, b);
    CaValue *v = add(c, a, b);
    return strcmp(mode, "ave") == 0 ? ca_build_times(c->b, v, 0.5) : v;
}

static CaKerasCall call_inner(CaKerasCall *c, json_t *element)
{
    CaKerasCall inner = *c;
    CaKerasLayer *l = ca_keras_layer(c->r, element, c->layer->scope);
    if (l) {
        l->kept = c->layer->kept;
        inner.layer = l;
        inner.config = l->config;
    }
    return inner;
}

static void bidirectional(CaKerasCall *c)
{
    json_t *element = json_object_get(c->config, "layer"),
           *other = json_object_get(c->config, "backward_layer");
    json_t *merge = json_object_get(c->config, "merge_mode");
    const char *mode = json_is_string(merge) ? json_string_value(merge) : "";
    const char *name = c->b->name, *type = c->b->type;
    CaValue *x = ca_keras_real_in(c, 0), *given[4 * CA_KERAS_CELLS];
    const int n = ca_keras_states(c, given, 4 * CA_KERAS_CELLS);
    const CaKerasScope forward =
                           ca_keras_part(c, &c->layer->scope, "forward_layer", "forward"),
                       backward = ca_keras_part(c, &c->layer->scope, "backward_layer",
                                                "backward");
    CaKerasCall f = call_inner(c, element),
                b = call_inner(c, json_is_object(other) ? other : element);
    c->b->name = name;
    c->b->type = type;
    if (c->b->status != CARINA_OK)
        return;
    CaKerasSequence s[2];
    json_t *own = json_is_object(other) ? NULL : json_deep_copy(f.config);
    if (own) { /* Keras 2 says nothing of the backward layer where it is the forward one turned round */
        json_object_set_new(own, "go_backwards",
                            json_boolean(!ca_keras_bool(&f, "go_backwards", false)));
        b.config = own;
    }
    const bool all = ca_keras_bool(&f, "return_sequences", false);
    const CaKerasCounted counted = {mask_beside(c, n), all};
    s[0] = ca_keras_recur(&f, &forward, x, counted, given, n / 2);
    s[1] = ca_keras_recur(&b, &backward, x, counted, given + n / 2, n / 2);
    json_decref(own);
    if (!ca_build_settle(c->b))
        return;
    CaValue *v = all ? s[0].all : s[0].last, *w = all ? s[1].all : s[1].last;
    if (mode[0]) {
        ca_keras_out(c, merged(c, v, w, mode));
    } else {
        ca_keras_out(c, v);
        ca_keras_out(c, w);
    }
    for (int k = 0; k < 2 && ca_keras_bool(&f, "return_state", false); k++)
        for (int i = 0; i < s[k].n_states; i++)
            ca_keras_out(c, s[k].states[i]);
    for (int k = 0; k < (mode[0] ? 1 : 2) && all; k++)
        ca_keras_give_mask(c, k, counted.mask);
}

/* --- Convolutional LSTM. */

static CaValue *convolved(CaKerasCall *c, CaValue *x, CaValue *kernel,
                          const int64_t *strides, const int64_t *dilations, int n,
                          bool same)
{
    const int64_t zeros[CARINA_MAX_RANK] = {0};
    CaValue *v = ca_build_2(c->b, "Convolution", x, kernel);
    ca_build_set_ints(c->b, v, "strides", strides, n);
    ca_build_set_ints(c->b, v, "dilations", dilations, n);
    ca_build_set_ints(c->b, v, "pads_begin", zeros, n);
    ca_build_set_ints(c->b, v, "pads_end", zeros, n);
    ca_build_set_text(c->b, v, "auto_pad", same ? "same_upper" : "explicit");
    return v;
}

typedef struct Frames { /* of a convolutional LSTM */
    int n;              /* spatial dimensions */
    int64_t filters, steps;
    CaValue *all;    /* [N, T, 4 F, spatial...]: the input's part of the gates */
    CaValue *kernel; /* recurrent */
    CaValue *zero;   /* [N, F, spatial...] */
} Frames;

/* [k..., in, out] -> [out, in, k...] */
static CaValue *frame_kernel(CaKerasCall *c, const CaKerasScope *scope, int i,
                             const char *name, int64_t in, const Frames *f)
{
    int64_t size[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK];
    ca_keras_ints(c, size, f->n, "kernel_size", 0);
    size[f->n] = in;
    size[f->n + 1] = 4 * f->filters;
    perm[0] = f->n + 1;
    perm[1] = f->n;
    for (int k = 0; k < f->n; k++)
        perm[k + 2] = k;
    return ca_keras_weight_at(c, scope, i, name, 0, size, f->n + 2, perm);
}

/* The input's part of all steps at once: time becomes part of the batch. */
static void convolve_input(CaKerasCall *c, Frames *f, CaValue *x,
                           const CaKerasScope *scope)
{
    const bool same = strcmp(ca_keras_text(c, "padding", "valid"), "same") == 0;
    const CarinaShape s = ca_build_shape(c->b, x);
    const int64_t wide = 4 * f->filters;
    int64_t strides[CARINA_MAX_RANK], dilations[CARINA_MAX_RANK],
        flat[CARINA_MAX_RANK] = {-1}, apart[CARINA_MAX_RANK] = {-1};
    ca_keras_ints(c, strides, f->n, "strides", 1);
    ca_keras_ints(c, dilations, f->n, "dilation_rate", 1);
    for (int i = 0; i < f->n + 1; i++)
        flat[i + 1] = s.dims[i + 2];
    CaValue *v = ca_keras_to_work(c, ca_build_reshape(c->b, x, flat, f->n + 2));
    v = convolved(c, v, frame_kernel(c, scope, 0, "kernel", -1, f), strides, dilations,
                  f->n, same);
    if (ca_keras_bool(c, "use_bias", true))
        v = ca_keras_bias(c, v,
                          ca_keras_weight_at(c, scope, 2, "bias", 0, &wide, 1, NULL), 1);
    const CarinaShape a = ca_build_shape(c->b, v);
    if (a.rank != f->n + 2)
        return;
    apart[1] = f->steps;
    for (int i = 0; i <= f->n; i++)
        apart[i + 2] = a.dims[i + 1];
    f->all = ca_build_reshape(c->b, v, apart, f->n + 3);
    apart[2] = f->filters;
    f->zero = ca_keras_zeros(c, x, apart + 2, f->n + 1);
}

static void conv_lstm(CaKerasCall *c)
{
    static const int64_t ones[] = {1, 1, 1};
    CaValue *x = ca_keras_real_in(c, 0);
    const CaKerasScope scope = ca_keras_part(c, &c->layer->scope, "cell", NULL);
    Frames f = {.n = c->layer->op->n, .filters = ca_keras_int(c, "filters", -1)};
    json_t *gate = json_object_get(c->config, "recurrent_activation"),
           *content = json_object_get(c->config, "activation");
    if (ca_build_rank(c->b, x) != f.n + 3 || f.filters < 1 || f.filters > (1 << 20) ||
        c->n_in > 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "inputs other than [batch, steps, image], or given states");
    f.steps = steps_of(c, x);
    if (c->b->status != CARINA_OK)
        return;
    convolve_input(c, &f, x, &scope);
    f.kernel = frame_kernel(c, &scope, 1, "recurrent_kernel", f.filters, &f);
    CaValue **step = ca_arena_array(c->b->work, (size_t)f.steps + 1, sizeof *step);
    CaValue *states[] = {ca_keras_state_before(c, 0, f.zero),
                         ca_keras_state_before(c, 1, f.zero)};
    const bool back = ca_keras_bool(c, "go_backwards", false),
               all = ca_keras_bool(c, "return_sequences", false);
    const CaKerasCounted counted = {ca_keras_mask(c, 0),
                                    ca_keras_bool(c, "zero_output_for_mask", false)};
    CaValue *last = NULL;
    for (int64_t t = 0; step && t < f.steps && c->b->status == CARINA_OK; t++) {
        const int64_t at = back ? f.steps - 1 - t : t;
        CaValue *const before[] = {states[0], states[1]};
        CaValue *sum = add(c, part_of(c, f.all, at, 1),
                           convolved(c, states[0], f.kernel, ones, ones, f.n, true));
        lstm_step(c, sum, gate, content, 1, states);
        last = counted.mask
                   ? undone(c, counted, at, f.n + 1, states, before, 2, states[0], last)
                   : states[0];
        step[t] = ca_keras_from_work(c, last);
    }
    ca_keras_keep_states(c, states, 2);
    if (!step || c->b->status != CARINA_OK)
        return;
    ca_keras_out(c, all ? stacked(c, step, f.steps) : step[f.steps - 1]);
    if (ca_keras_bool(c, "return_state", false))
        for (int i = 0; i < 2; i++)
            ca_keras_out(c, ca_keras_from_work(c, states[i]));
    ca_keras_give_mask(c, 0, all ? counted.mask : NULL);
}

/* --- Cells as layers: one step. */

static void cell_layer(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0), *states[2] = {NULL, NULL};
    const CarinaShape s = ca_build_shape(c->b, x);
    const CaKerasCell cell = read_cell(c, c->layer->class_name, c->config,
                                       &c->layer->scope, 0, s.rank == 2 ? s.dims[1] : -1);
    for (int i = 0; i < n_states(&cell); i++)
        states[i] = ca_keras_in(c, i + 1);
    if (c->b->status != CARINA_OK)
        return;
    cell_step(c, &cell, x, states);
    ca_keras_out(c, states[0]);
    for (int i = 0; i < n_states(&cell); i++)
        ca_keras_out(c, states[i]);
}

const CaKerasOp ca_keras_rnn[] = {
    {"Bidirectional", bidirectional, NULL, 0, CA_KERAS_USES},
    {"ConvLSTM1D", conv_lstm, NULL, 1, CA_KERAS_USES},
    {"ConvLSTM2D", conv_lstm, NULL, 2, CA_KERAS_USES},
    {"ConvLSTM3D", conv_lstm, NULL, 3, CA_KERAS_USES},
    {"GRU", recurrent, NULL, 0, CA_KERAS_USES},
    {"GRUCell", cell_layer, NULL, 0, CA_KERAS_STOPS},
    {"LSTM", recurrent, NULL, 0, CA_KERAS_USES},
    {"LSTMCell", cell_layer, NULL, 0, CA_KERAS_STOPS},
    {"RNN", recurrent, NULL, 0, CA_KERAS_USES},
    {"SimpleRNN", recurrent, NULL, 0, CA_KERAS_USES},
    {"SimpleRNNCell", cell_layer, NULL, 0, CA_KERAS_STOPS},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};

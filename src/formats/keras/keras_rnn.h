/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recurrent layers of Keras: a cell, and what a walk along a sequence gives.
 */
#ifndef CA_FORMATS_KERAS_RNN_H
#define CA_FORMATS_KERAS_RNN_H

#include "formats/keras/keras_reader.h"

enum { CA_KERAS_CELLS = 16 }; /* stacked */

typedef enum CaKerasCellKind {
    CA_KERAS_SIMPLE,
    CA_KERAS_GRU,
    CA_KERAS_LSTM
} CaKerasCellKind;

typedef struct CaKerasCell {
    CaKerasCellKind kind;
    int64_t units;
    bool reset_after;
    json_t *config, *activation, *recurrent;
    CaValue *kernel, *recurrent_kernel, *bias; /* as Keras has them; bias may be NULL */
} CaKerasCell;

typedef struct CaKerasSequence {
    CaValue *all, *last; /* [N, T, U] in the order of time, [N, U] */
    CaValue *states[2 * CA_KERAS_CELLS];
    int n_states;
} CaKerasSequence;

/* Steps of which not all count: the state is kept where one does not, and the output is that of the last one that did
 * (zeros before), or zeros (zero_output_for_mask). */
typedef struct CaKerasCounted {
    CaValue *mask; /* [N, T] of bool; NULL: all count */
    bool zeros;
} CaKerasCounted;

/* The call's layer along x, from the given states or zeros. */
CaKerasSequence ca_keras_recur(CaKerasCall *c, const CaKerasScope *scope, CaValue *x,
                               CaKerasCounted counted, CaValue *const *given,
                               int n_given);
/* --- keras_rnn_mask.c: sequence operators know lengths, not masks. The steps that count move together to the front,
 * in their order; behind the operator each finds its output again. */
CaValue *ca_keras_lengths(CaKerasCall *c, CaValue *mask); /* [N] */
CaValue *ca_keras_to_front(CaKerasCall *c, CaValue *x, CaValue *mask);
/* y [N, T, U] of the steps in front as outputs of all steps. */
CaValue *ca_keras_from_front(CaKerasCall *c, CaValue *y, CaKerasCounted counted,
                             bool is_reverse);
/* The states that the call is given: how many. */
int ca_keras_states(CaKerasCall *c, CaValue **out, int max);
/* Zeros of x's batch and the given dimensions. */
CaValue *ca_keras_zeros(CaKerasCall *c, CaValue *x, const int64_t *rest, int n);

/* --- keras_rnn_state.c: where the layer is stateful, what it keeps as its i-th state, v in a request's first run; else v. */
CaValue *ca_keras_state_before(CaKerasCall *c, int i, CaValue *v);
void ca_keras_keep_states(CaKerasCall *c, CaValue *const *states, int n);

#endif

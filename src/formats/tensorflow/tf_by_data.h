/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops whose rounds the data counts: our Loop, with a body that is translated in a graph of its own.
 *
 *      begin   from here on nodes are made in the body
 *      enter   what a round begins with: Parameters, and what is known and stays
 *      (the reader's own nodes, and the condition of the next round)
 *      leave   what a round ends with
 *      end     the node in the graph around
 */
#ifndef CA_FORMATS_TF_BY_DATA_H
#define CA_FORMATS_TF_BY_DATA_H

#include "formats/tensorflow/tf.h"

typedef struct CaTfByData {
    CaTfCall *c;
    CaValue **in; /* of the node: rounds, condition, what Parameters get */
    bool *stays;  /* of each state, set before enter: a round hands it on as it got it */
    CaGraph *graph; /* the body; NULL once it is a node's */
    CaGraph *outer;
    int n_in, n_states, n_results;
} CaTfByData;

/* condition: of the first round, in the graph around. False where it failed, and then there is no end. */
bool ca_tf_by_data_begin(CaTfByData *d, CaTfCall *c, CaValue *condition, int n_states);
/* inner[i] is what state[i] of the graph around is in the body. */
bool ca_tf_by_data_enter(CaTfByData *d, CaValue *const *state, CaValue **inner);
void ca_tf_by_data_leave(CaTfByData *d, CaValue *condition, CaValue *const *next);
/* state[i] becomes what it is behind the loop, in the graph around, which is the reader's again. */
void ca_tf_by_data_end(CaTfByData *d, CaValue **state);

/* The first edge from here backwards that is no Identity's. */
const CaTfEdge *ca_tf_behind_identities(const CaTfEdge *edge);

#endif

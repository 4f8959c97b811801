/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What LSTM, GRU and RNN share, as one step (Cell) and as sequences: attributes, shape rule, reference.
 *
 * Gates in the order of OpenVINO: LSTM f, i, c, o; GRU z, r, h. Before the activations each sum is held within
 * +-clip where clip > 0. Steps at or past a sequence's length give 0 and change nothing; reverse walks from the
 * last valid step to the first and writes each result at its own place.
 */
#ifndef CA_OPS_RECURRENT_H
#define CA_OPS_RECURRENT_H

#include "graph/op.h"

#include <float.h>

typedef struct CaRecurrentAttrs {
    int64_t hidden_size;
    const char *activations;
    CarinaFloats activations_alpha, activations_beta;
    double clip;
    int32_t direction;
    bool linear_before_reset;
} CaRecurrentAttrs;

typedef enum CaRecurrentKind { CA_RNN, CA_GRU, CA_LSTM } CaRecurrentKind;
extern const char *const ca_recurrent_directions[];

#define CA_RECURRENT_ATTRS(functions)                                          \
    CA_ATTR_INT(CaRecurrentAttrs, hidden_size, 1, 1 << 24, CA_REQUIRED),       \
        CA_ATTR_STRING(CaRecurrentAttrs, activations, CA_DEFAULT(functions)),  \
        CA_ATTR_FLOATS(CaRecurrentAttrs, activations_alpha, -FLT_MAX, FLT_MAX, \
                       CA_DEFAULT("")),                                        \
        CA_ATTR_FLOATS(CaRecurrentAttrs, activations_beta, -FLT_MAX, FLT_MAX,  \
                       CA_DEFAULT("")),                                        \
        CA_ATTR_FLOAT(CaRecurrentAttrs, clip, 0, FLT_MAX, CA_DEFAULT("0"))
#define CA_RECURRENT_DIRECTION \
    CA_ATTR_ENUM(CaRecurrentAttrs, direction, ca_recurrent_directions, CA_REQUIRED)
#define CA_RECURRENT_LINEAR \
    CA_ATTR_BOOL(CaRecurrentAttrs, linear_before_reset, CA_DEFAULT("false"))

CarinaStatus ca_recurrent_infer(const CaInferArgs *a, CaRecurrentKind kind,
                                bool is_sequence, CarinaError *err);
size_t ca_recurrent_work(const CarinaNode *node);
void ca_recurrent_ref(CaRefArgs *r, CaRecurrentKind kind, bool is_sequence);

#endif

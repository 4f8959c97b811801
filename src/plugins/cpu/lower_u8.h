/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes between a quantized value and the FakeQuantize that quantizes what they make of it, done in u8 in one step.
 */
#ifndef CA_CPU_LOWER_U8_H
#define CA_CPU_LOWER_U8_H

#include "cpu_program.h"

/* FakeQuantize `n`, whose u8 form is wanted: may what stands before it be one step with it? Then those nodes are marked:
 * they read u8 and are lowered with n. */
bool ca_cpu_u8_chain_mark(CaCpuBuild *b, const CarinaNode *n);
CarinaStatus ca_cpu_u8_chain_lower(CaCpuBuild *b, const CarinaNode *n);

/* A part of a concatenation whose FakeQuantize has steps of its own: who makes the part may write it there at once, in
 * those steps; `is_there` says that this was done. */
typedef struct CaCpuPlaceU8 {
    const CarinaValue *result; /* what FakeQuantize makes of the concatenation */
    int first_block;
    bool *is_there;
} CaCpuPlaceU8;
/* The part's place in the result's u8 form, which is made where it is not there. */
CarinaStatus ca_cpu_u8_place(CaCpuBuild *b, CaCpuRef *ref, const CarinaValue *part);

/* A fully connected layer whose input is quantized (of its filter the caller knows the scales): marking what it takes with
 * it, and its step. */
bool ca_cpu_is_u8_matmul(CaCpuBuild *b, const CarinaNode *n);
void ca_cpu_u8_matmul_mark(CaCpuBuild *b, const CarinaNode *n);
CarinaStatus ca_cpu_u8_matmul_lower(CaCpuBuild *b, const CarinaNode *n);

/* FakeQuantize's steps, of any rank: one range for all, and 0 is a step. */
bool ca_cpu_quant_of(CaCpuBuild *b, CaQuant *q, const CarinaNode *n);
/* A concatenation of channels in whole blocks. */
bool ca_cpu_is_channel_concat(const CarinaNode *n);
/* Pooling or reduction that is a mean of windows of rank 4: its windows. */
struct CaU8Mean;
bool ca_cpu_u8_mean_of(const CarinaNode *n, struct CaU8Mean *m);
const CarinaNode *ca_cpu_only_reader(const CarinaValue *v);

#endif

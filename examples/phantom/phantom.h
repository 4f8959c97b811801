/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chest phantoms: drawn frontal radiographs with known findings, for the demo.
 *
 * A phantom is a sum of attenuations (soft tissue, air, bone, vessels, fluid) that is turned
 * into film brightness. One seed is one patient: the same seed with another set of findings is
 * the same patient, ill in another way. Only + - * / and sqrt are used, which IEEE 754 rounds
 * exactly, so a seed gives the same bytes on every machine.
 *
 * They are cartoons for testing programs. They say nothing about people.
 */
#ifndef PHANTOM_H
#define PHANTOM_H

#include <stdint.h>

#define PHANTOM_SIDE 128 /* pixels; images are [128, 128], 8-bit grey, bone is bright */
#define PHANTOM_PIXELS (PHANTOM_SIDE * PHANTOM_SIDE)
#define PHANTOM_FINDINGS 5

/* Bits of a set of findings, in the order of the network's outputs. */
enum {
    PHANTOM_EFFUSION = 1,
    PHANTOM_NODULE = 2,
    PHANTOM_CARDIOMEGALY = 4,
    PHANTOM_PNEUMOTHORAX = 8,
    PHANTOM_CONSOLIDATION = 16
};

/* "Effusion", … for bit 0 … PHANTOM_FINDINGS - 1. */
const char *phantom_finding_name(int bit);

/* The seed of image i of a series; series do not overlap in practice (64-bit hash). */
uint64_t phantom_seed(uint64_t series, uint64_t i);

/* A random set of findings: each is present with probability 1/4. */
unsigned phantom_pick_findings(uint64_t seed);

/* Draws the patient seed with the findings. pixels [PHANTOM_SIDE, PHANTOM_SIDE]. */
void phantom_draw(uint8_t *pixels, uint64_t seed, unsigned findings);

#endif

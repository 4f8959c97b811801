/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of measured constants that choices are made from: sizes here, speeds in cost.def. Measured on two
 * cores of a Zen 4 with bench/ (`carina_bench --all`), filters cold. What is chosen depends on shapes and the
 * instruction set alone, never on threads: the bits must not.
 */
#ifndef CA_CPU_COST_H
#define CA_CPU_COST_H

/* Bytes. */
enum {
    CA_PANEL_SIZE = 320 << 10,   /* of a filter panel that stays in L2 beside the rest */
    CA_FETCH_FROM = 1 << 20,     /* filters of this size are cold when their turn comes */
    CA_FETCH_1X1_FROM = 1 << 18, /* those of 1x1 have shorter sums to hide it behind */
    CA_STRASSEN_BY_PAIR =
        4 << 20, /* a filter that each pair of tiles reads anew, from L2 or L3 */
    CA_SHARED_FROM =
        4 << 20, /* transformed filters of this size are read once for all threads */
    CA_STREAM_FROM = 8 << 20, /* and of this size once for all tiles, V lying in L3 */
    CA_V_IN_L2 = 272 << 10,   /* transformed input of a block of tiles */
    CA_V_IN_L3 = 8 << 20,
    CA_MOST_PLANES = 8 /* channels; a block of 16 would be half padding */
};

/* Winograd rounds more than a direct sum: it must win by this. */
#define CA_WINOGRAD_MARGIN 1.05

/* So does Strassen's product, by less. */
#define CA_STRASSEN_MARGIN 1.02

/* ns that a vector of 16 channels costs more in a step of its own, which all threads begin and end, than on the way into
 * Strassen's sums. */
#define CA_COST_BEFORE 1.5

#define CA_COST_MEMORY 40 /* ns for 1 KiB that is read: 25 GB/s */

#endif

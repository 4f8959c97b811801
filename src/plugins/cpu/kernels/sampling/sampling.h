/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain maps [n, channels, h, w] read between their elements, at places that the data says.
 *
 *     out[i, c, p] = sum over taps k of weight[p, k] * in[i, c, offset[p, k]]
 *
 * The taps of a place (1, 4 or 16) are the same in all channels: they are found once, for CA_SAMPLING_RUN places at a
 * time, in double as the definition does, since a rounding more could move a place to another element. A tap outside of
 * the map that counts as 0 is left out, so a map may hold infinities.
 *
 * Tolerance: a weight is rounded once, so are its product and each sum: (taps + 2) / 2 ulp of sum |weight * in|.
 */
#ifndef CA_CPU_SAMPLING_H
#define CA_CPU_SAMPLING_H

#include <stdbool.h>
#include <stdint.h>

typedef enum CaSamplingMode {
    CA_SAMPLING_NEAREST,
    CA_SAMPLING_BILINEAR,
    CA_SAMPLING_BICUBIC
} CaSamplingMode;

/* What an element outside of the map is: nothing, the nearest one, its mirror image. */
typedef enum CaSamplingEdge {
    CA_SAMPLING_ZEROS,
    CA_SAMPLING_BORDER,
    CA_SAMPLING_REFLECTION
} CaSamplingEdge;

typedef struct CaSampling {
    int64_t n, channels, h, w; /* h * w below 2^31 */
    int64_t n_places;          /* of an image */
    CaSamplingMode mode;
    CaSamplingEdge edge;
    bool
        align_corners; /* -1 and 1: the middles of the first and last element, else their outer sides */
} CaSampling;

enum { CA_SAMPLING_RUN = 64 };

/* Thread's share of the places: out [n, channels, n_places]; places [n, n_places, 2], column and row. */
void ca_sampling_run(const CaSampling *s, float *out, const float *in,
                     const float *places, int thread, int n_threads);

#endif

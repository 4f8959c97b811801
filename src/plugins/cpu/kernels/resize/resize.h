/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing of f32 tensors along one or two axes, by tables of weights.
 *
 *   out[y, x] = sum over taps s, t of wy[y, s] * wx[x, t] * in[first_y[y] + s, first_x[x] + t]
 */
#ifndef CA_RESIZE_H
#define CA_RESIZE_H

#include "../acts.h"

#include <stdbool.h>
#include <stdint.h>

/* One axis: each output has the same number of taps, which lie within the input. */
typedef struct CaResizeAxis {
    int64_t in, out;
    int taps;
    int32_t *first; /* [out] */
    float *weights; /* [out, taps] */
} CaResizeAxis;

typedef enum CaResizeMode {
    CA_RESIZE_NEAREST,
    CA_RESIZE_LINEAR,
    CA_RESIZE_LINEAR_ONNX,
    CA_RESIZE_CUBIC,
    CA_RESIZE_BILINEAR_PILLOW,
    CA_RESIZE_BICUBIC_PILLOW,
    CA_N_RESIZE_MODES
} CaResizeMode;
typedef enum CaResizeCoordinate {
    CA_RESIZE_HALF_PIXEL,
    CA_RESIZE_PYTORCH_HALF_PIXEL,
    CA_RESIZE_ASYMMETRIC,
    CA_RESIZE_TF_HALF_PIXEL_FOR_NN,
    CA_RESIZE_ALIGN_CORNERS,
    CA_N_RESIZE_COORDINATES
} CaResizeCoordinate;
typedef enum CaResizeRound {
    CA_RESIZE_ROUND_PREFER_FLOOR,
    CA_RESIZE_ROUND_PREFER_CEIL,
    CA_RESIZE_FLOOR,
    CA_RESIZE_CEIL,
    CA_RESIZE_SIMPLE,
    CA_N_RESIZE_ROUNDS
} CaResizeRound;

typedef struct CaResizeRule {
    CaResizeMode mode;
    CaResizeCoordinate coordinate;
    CaResizeRound round;
    double cube_coeff;
    double scale;   /* output / input, or as the user gave it */
    double stretch; /* how much LINEAR widens: 1, or 1 / scale against aliasing */
} CaResizeRule;

/* Most taps of an output of axis->in to axis->out; row: axis->in zeros, which are left zero. */
int ca_resize_count_taps(const CaResizeAxis *axis, const CaResizeRule *rule, double *row);
/* Fills first and weights; axis->taps as counted. */
void ca_resize_fill(CaResizeAxis *axis, const CaResizeRule *rule, double *row);
/* Every output is its input: first and weights of one tap. */
void ca_resize_fill_same(CaResizeAxis *axis);

typedef struct CaResize {
    int64_t n_planes;
    CaResizeAxis y,
        x; /* y.taps 0: rows as they are; x.taps 0: a row of x.in elements stays */
} CaResize;

typedef struct CaResizeKernel {
    const char *name;
    uint32_t needs;
    /* out [n_planes, y.out, x.out] of in [n_planes, y.in, x.in]; row: x.in floats of the thread's own, where both axes
     * have taps. */
    void (*planes)(const CaResize *r, float *out, const float *in, float *row, int thread,
                   int n_threads);
    /* Both axes have taps: those of the activations' height and width. */
    void (*blocked)(const CaResize *r, const CaActs *out, const CaActs *in, int thread,
                    int n_threads);
} CaResizeKernel;

/* Best first; the last row needs nothing. */
extern const CaResizeKernel ca_resize_kernels[];
const CaResizeKernel *ca_resize_select(uint32_t cpu);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows that slide over the spatial dimensions: the geometry of convolution and pooling, in one place.
 *
 * A window always has three axes: leading ones are trivial (length, kernel and stride 1) where the operator has
 * fewer, so references are written once with three loops.
 */
#ifndef CA_OPS_WINDOW_H
#define CA_OPS_WINDOW_H

#include "graph/op.h"

enum { CA_WINDOW_AXES = 3 };
/* Bounds that keep every product within 64 bits. */
#define CA_WINDOW_MAX_STEP (1 << 24)
#define CA_WINDOW_MAX_SIZE INT32_MAX

enum { CA_PAD_EXPLICIT, CA_PAD_SAME_UPPER, CA_PAD_SAME_LOWER, CA_PAD_VALID };
enum { CA_ROUND_FLOOR, CA_ROUND_CEIL, CA_ROUND_CEIL_TORCH };

/* The first member of the attributes of every operator with a window. Empty lists mean ones (pads: zeros). */
typedef struct CaWindowAttrs {
    CarinaInts strides, dilations, pads_begin, pads_end, kernel, output_padding;
    int32_t auto_pad, rounding_type;
} CaWindowAttrs;

extern const char *const ca_window_auto_pads[];  /* NULL-terminated */
extern const char *const ca_window_roundings[];  /* floor, ceil */
extern const char *const ca_window_roundings3[]; /* and ceil_torch */

#define CA_WINDOW_STRIDES \
    CA_ATTR_INTS(CaWindowAttrs, strides, 1, CA_WINDOW_MAX_STEP, CA_REQUIRED)
#define CA_WINDOW_DILATIONS(...) \
    CA_ATTR_INTS(CaWindowAttrs, dilations, 1, CA_WINDOW_MAX_STEP, __VA_ARGS__)
#define CA_WINDOW_PADS(lowest)                                                        \
    CA_ATTR_INTS(CaWindowAttrs, pads_begin, lowest, CA_WINDOW_MAX_STEP, CA_REQUIRED), \
        CA_ATTR_INTS(CaWindowAttrs, pads_end, lowest, CA_WINDOW_MAX_STEP, CA_REQUIRED)
#define CA_WINDOW_KERNEL \
    CA_ATTR_INTS(CaWindowAttrs, kernel, 1, CA_WINDOW_MAX_STEP, CA_REQUIRED)
#define CA_WINDOW_AUTO_PAD \
    CA_ATTR_ENUM(CaWindowAttrs, auto_pad, ca_window_auto_pads, CA_DEFAULT("explicit"))
#define CA_WINDOW_ROUNDING(table) \
    CA_ATTR_ENUM(CaWindowAttrs, rounding_type, table, CA_DEFAULT("floor"))

typedef struct CaWindowAxis {
    int64_t in, out; /* lengths; dynamic where unknown */
    int64_t kernel, stride, dilation;
    int64_t begin, end; /* padding that holds, auto_pad applied */
} CaWindowAxis;

typedef struct CaWindow {
    int n; /* real axes: the last n */
    CaWindowAxis axis[CA_WINDOW_AXES];
    char problem[160];
} CaWindow;

/* Lengths and padding from n spatial dimensions in[], kernel[] (either may be dynamic). False: see problem. */
bool ca_window_set(CaWindow *w, const CaWindowAttrs *a, const int64_t *in,
                   const int64_t *kernel, int n);
/* The transposed convolution: in is the short side. out: what the output_shape input asks for, or NULL. */
bool ca_window_set_back(CaWindow *w, const CaWindowAttrs *a, const int64_t *in,
                        const int64_t *kernel, const int64_t *out, int n);
/* Writes the n output lengths. */
void ca_window_out(const CaWindow *w, int64_t *dims);
/* Pooling: [N, C, spatial] of input 0 to the shape of the output. */
CarinaStatus ca_window_infer_pool(const CaInferArgs *a, CarinaShape *y, CarinaError *err);
/* Products over the axes. */
int64_t ca_window_n_in(const CaWindow *w);
int64_t ca_window_n_out(const CaWindow *w);
int64_t ca_window_n_taps(const CaWindow *w);
/* Positions of tap `tap` of the window at output `out` (flat numbers): may lie in the padding. */
void ca_window_at(const CaWindow *w, int64_t out, int64_t tap,
                  int64_t at[CA_WINDOW_AXES]);
/* Flat number of a position in the input, or -1 where it lies outside. */
int64_t ca_window_index(const CaWindow *w, const int64_t at[CA_WINDOW_AXES]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * f32 convolution with its fused end: plan once, pack the filter once, run many times.
 *
 * Six algorithms: direct, Winograd F(4,3) and F(2,3) for 3x3 of step 1 (of step 2 with F(4,2) and F(2,2) of the even
 * inputs), Strassen for 1x1, and depthwise on activations in blocks
 * of 16 channels (acts.h); and direct from planes, for the few channels of a picture. Grouped filters become direct ones: neighbouring groups
 * are merged, with zeros between them, until both sides are whole blocks.
 *
 * A run is n_phases calls a thread: the caller forks and joins once per phase, there is no barrier
 * inside. Results do not depend on the number of threads, bit by bit.
 */
#ifndef CA_CPU_CONV_H
#define CA_CPU_CONV_H

#include "../act.h"
#include "../acts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct CaConvShape {
    int n, ci, co, ih, iw, oh, ow;
    int kh, kw, stride_h, stride_w, dilation_h, dilation_w;
    int pad_top, pad_left; /* bottom and right follow from oh and ow */
    int groups;
} CaConvShape;

/* What is done to the input of a 1x1 while it is read: min(max(x * scale + shift, lo), hi), [ci rounded up to 16] each. */
typedef struct CaConvBefore {
    const float *scale, *shift;
    float lo, hi;
} CaConvBefore;

/* out = act(prelu(convolution + bias + add)) */
typedef struct CaConvEnd {
    CaAct act;
    const float *slope; /* [co rounded up to 16] PReLU: x < 0 ? slope * x : x; or NULL */
    const CaActs *add;  /* of the result's shape, not overlapping it; or NULL */
    const CaConvBefore *before; /* Strassen only, and not an end at all; or NULL */
} CaConvEnd;

typedef enum CaConvAlgorithm {
    CA_CONV_DIRECT,
    CA_CONV_WINOGRAD_2, /* m = 2: F(2,3), 3e-6 of the largest result */
    CA_CONV_WINOGRAD_4, /* m = 4: F(4,3), 1e-5 of the largest result */
    CA_CONV_STRASSEN, /* one level of Strassen's product, for 1x1: 7/8 of the multiplications */
    CA_CONV_DEPTHWISE,
    CA_CONV_PLANES, /* the input is row-major, without halo: block_stride is that of a channel */
    CA_N_CONV_ALGORITHMS
} CaConvAlgorithm;

typedef struct CaConvIsa CaConvIsa;

/* The caller reads what stands above the line; the rest belongs to conv/. */
typedef struct CaConvPlan {
    CaConvShape s;
    const char *kernel; /* for reports: "f32_conv_direct_avx512" */
    int algorithm;
    int n_phases;
    int in_halo;        /* the least halo that the input must have */
    size_t packed_size; /* bytes; packed, shared and own must be aligned to 64 */
    size_t shared_scratch, thread_scratch;
    int n_pack_items;
    /* ---- */
    const CaConvIsa *isa;
    int n_parts, ci, co;               /* merged groups, channels of one of them */
    int ci_blocks, ci_last, co_blocks; /* of one part; channels of the last block */
    int group_blocks, n_groups; /* blocks of results of one walk through the input */
    bool one;                   /* 1x1 */
    bool pixels_outside;        /* the filter stays in L2: pixels first, then groups */
    bool fetch_panels;          /* the filter is large: fetch the next panel ahead */
    int row_width;              /* planes: floats of an input row with its padding */
    int chunk;                  /* blocks of input channels of one walk */
    int m, tile_rows, tile_cols,
        block;                  /* Winograd: F(m,3), tiles of an image and of a block */
    int short_rows, short_cols; /* the last of them, a result shorter */
    int n_pairs;                /* Strassen: of tiles of pixels */
    bool by_group;              /* threads share V, or T */
    size_t places_size;         /* of where a block's tiles lie, first in own */
} CaConvPlan;

/* The fastest algorithm by estimate (conv_cost.h). false: a shape we do not offer (sizes below 1, padding below 0, groups
 * that do not divide, more memory than a size_t counts). cpu: CA_CPU_ flags. */
bool ca_conv_plan(CaConvPlan *p, const CaConvShape *s, uint32_t cpu, bool allow_winograd);
/* The same for a 1x1 that does something before; false too where that is faster as a step of its own. */
bool ca_conv_plan_before(CaConvPlan *p, const CaConvShape *s, uint32_t cpu);
/* From planes; false too where channels are so many that blocks are better. */
bool ca_conv_plan_planes(CaConvPlan *p, const CaConvShape *s, uint32_t cpu);
/* Items [item_begin, item_end) of p->n_pack_items; any order, any thread.
 * oihw [co][ci / groups][kh][kw], bias [co] or NULL. */
void ca_conv_pack(const CaConvPlan *p, void *packed, const float *oihw, const float *bias,
                  int item_begin, int item_end);
/* Plans of the same key pack the same filter and bias into the same bytes, whatever the images' sizes and number. Holds
 * within the process. */
uint64_t ca_conv_pack_key(const CaConvPlan *p);
/* One phase of one of n_threads threads. shared: of all threads, own: of this one. */
void ca_conv_run(const CaConvPlan *p, int phase, int thread, int n_threads,
                 const CaActs *out, const CaActs *in, const void *packed,
                 const CaConvEnd *end, void *shared, void *own);

/* May the filter take a number for each input channel (a gate, [N, C, 1, 1])? */
bool ca_conv_takes_gate(const CaConvPlan *p);
/* Bytes of n packed filters, one an image, aligned to 64; false: more than a size_t counts. */
bool ca_conv_gate_size(const CaConvPlan *p, int n, size_t *size);
/* The image's among them: what ca_conv_run takes as packed. */
void *ca_conv_gated(const CaConvPlan *p, void *gated, int image);
/* Makes it: one of n_threads threads. */
void ca_conv_gate(const CaConvPlan *p, void *gated, const void *packed,
                  const CaActs *gate, int image, int thread, int n_threads);

#endif

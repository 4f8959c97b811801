/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution by dot products of short numbers: u8 x s8 summed in int32, bf16 x bf16 summed in f32.
 * Direct and depthwise, on blocks of 16 channels (acts.h), with a fused end. Plan once, pack the filter once,
 * run many times; one phase; results do not depend on the number of threads, bit by bit.
 */
#ifndef CA_CPU_DOT_H
#define CA_CPU_DOT_H

#include "../act.h"
#include "../acts.h"
#include "../conv/conv.h"
#include "base/fixed.h"

/* y = act(prelu(sum * scale + bias + add * add_scale)), stored as it is, or in u8 as `out` says. With `mid` (u8) the
 * sum is first rounded to a step of its own: v = round(sum * scale + bias) within [mid->low, mid->high], and
 * y = v * mid->scale + mid->zero + add * add_scale. */

/* The end in whole numbers (base/fixed.h), of a plan by ca_dot_plan_fixed: y = factor of the channel * (sum + bias) +
 * zero, held within [low, high]; rounded twice or once. */
typedef struct CaDotFixed {
    CaFixedRounding rounding;
    int32_t zero, low, high;
    const int32_t *pixel_sums; /* [n * oh * ow], added to each pixel's sums; or NULL */
} CaDotFixed;

typedef struct CaDotEnd {
    CaAct act;
    const float *slope; /* [co rounded up to 16] or NULL */
    const CaMap
        *add; /* of any element, of the result's shape, not overlapping it; or NULL */
    float add_scale;
    const CaQuant *mid; /* or NULL */
    CaQuant out;
    const CaDotFixed *fixed; /* instead of all the others, where the plan is fixed */
} CaDotEnd;

typedef struct CaDotIsa CaDotIsa;

typedef struct CaDotPlan {
    CaConvShape s;
    const char *kernel;
    int in_halo;
    size_t packed_size; /* bytes; packed and own must be aligned to 64 */
    size_t thread_scratch;
    int n_pack_items;
    /* ---- */
    const CaDotIsa *isa;
    CaElem type; /* of the input: u8 or bf16 */
    bool depthwise, one, fixed;
    int ci_blocks, co_blocks, group_blocks, n_groups;
    int last; /* steps of the last block of input channels */
    size_t filter_at, group_size;
} CaDotPlan;

/* false: not offered (groups other than 1 and the number of channels, sums that int32 may not hold). */
bool ca_dot_plan(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu);
/* Items [item_begin, item_end) of n_pack_items. oihw: [co][ci / groups][kh][kw], for u8 whole numbers of s8; scale and
 * bias: [co] or NULL for 1 and 0. in_zero: what stands for 0 in the input (u8). */
void ca_dot_pack(const CaDotPlan *p, void *packed, const float *oihw, const float *scale,
                 const float *bias, int in_zero, int item_begin, int item_end);
/* u8 with an end in whole numbers; biases of 2^29 at most. */
bool ca_dot_plan_fixed(CaDotPlan *p, const CaConvShape *s, uint32_t cpu);
/* After ca_dot_pack (without scale and bias): what each channel's end needs. bias, mantissa, exponent (0 or less): [co].
 * The filter is stored less filter_zero; where that is not 0, pixel_sums must be ca_dot_pixel_sums. */
void ca_dot_pack_fixed(const CaDotPlan *p, void *packed, const int32_t *bias,
                       const int32_t *mantissa, const int32_t *exponent, int in_zero,
                       int filter_zero);
/* [n * oh * ow]: -filter_zero times the sum of the input under each pixel's window. One of n_threads threads. */
void ca_dot_pixel_sums(const CaDotPlan *p, int32_t *out, const CaMap *in, int filter_zero,
                       int thread, int n_threads);
/* One of n_threads threads. own: thread_scratch bytes of the thread's. */
void ca_dot_run(const CaDotPlan *p, int thread, int n_threads, const CaMap *out,
                const CaMap *in, const void *packed, const CaDotEnd *end, void *own);

/* From f32 to another element or back; q: of the u8 side. The halo of out is set. Same n, c, h, w. */
void ca_map_convert(const CaMap *out, const CaMap *in, const CaQuant *q, uint32_t cpu,
                    int thread, int n_threads);
/* u8: out = a * ka + b * kb + k, rounded to nearest even, held within [low, high]. Same n, c, h, w, any halos. */
typedef struct CaMapAdd {
    float ka, kb, k, low, high;
} CaMapAdd;
void ca_map_add(const CaMap *out, const CaMap *a, const CaMap *b, const CaMapAdd *how,
                int zero, uint32_t cpu, int thread, int n_threads);
/* u8: the largest of each window; what lies in the padding does not count. */
typedef struct CaMapPool {
    int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
} CaMapPool;
void ca_map_max_pool(const CaMap *out, const CaMap *in, const CaMapPool *how, int zero,
                     int thread, int n_threads);
/* u8, in whole numbers: a and b less their zeros are summed (shifted left and multiplied by a factor of their own each)
 * or multiplied; times factor y, plus zero_y, held within [low, high]. Exponents are 0 or less. */
typedef enum CaFixedMode { CA_FIXED_ADD, CA_FIXED_SUB, CA_FIXED_MUL } CaFixedMode;
typedef struct CaMapFixed {
    CaFixedMode mode;
    int left, zero_a, zero_b, zero_y, low, high;
    CaFixed a, b, y;
} CaMapFixed;
void ca_map_fixed(const CaMap *out, const CaMap *a, const CaMap *b, const CaMapFixed *how,
                  int zero, uint32_t cpu, int thread, int n_threads);
/* u8: the mean of each window without the padding, less `less`, to the nearest, halves away from zero, plus `less`. */
typedef struct CaMapMean {
    CaMapPool pool;
    int less, low, high;
} CaMapMean;
void ca_map_mean_pool(const CaMap *out, const CaMap *in, const CaMapMean *how, int zero,
                      int thread, int n_threads);
/* u8: table[x]. */
void ca_map_table(const CaMap *out, const CaMap *in, const unsigned char *table, int zero,
                  int thread, int n_threads);
/* u8: from and to [N, C, H, W] of bytes, every byte with its bits turned by `flip` (0 or 0x80: i8). */
void ca_map_pack(const CaMap *out, const unsigned char *in, int flip, int zero,
                 int thread, int n_threads);
void ca_map_unpack(unsigned char *out, const CaMap *in, int flip, int thread,
                   int n_threads);
void ca_map_copy(const CaMap *out, const CaMap *in, int zero, int thread, int n_threads);
/* value: what stands for 0 (u8). */
void ca_map_fill_halo(const CaMap *m, int value, int thread, int n_threads);

#endif

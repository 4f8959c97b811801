/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution by dot products of short numbers: u8 x s8 summed in int32, bf16 x bf16 summed in f32.
 * Direct, depthwise, and Winograd F(2,3) of bf16, on blocks of 16 channels (acts.h), with a fused end. Plan once, pack
 * the filter once, run many times, n_phases calls a thread; results do not depend on the number of threads, bit by bit.
 */
#ifndef CA_CPU_DOT_H
#define CA_CPU_DOT_H

#include "../act.h"
#include "../acts.h"
#include "../conv/conv.h"
#include "base/fixed.h"

/* Here it is done to f32 input while it is rounded. */
typedef CaConvBefore CaDotBefore;

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
    bool is_bounded; /* |sum * scale + bias| < 2^31 for all inputs: allows faster ends */
    CaQuant out;
    const CaDotBefore *before; /* of ca_dot_plan_before, and not an end at all */
    const CaDotFixed *fixed;   /* instead of all the others, where the plan is fixed */
} CaDotEnd;

typedef struct CaDotIsa CaDotIsa;

typedef struct CaDotPlan {
    CaConvShape s;
    const char *kernel;
    const char *why; /* "only", "estimate" or "exact": see ca_conv_candidates */
    int in_halo;
    size_t packed_size; /* bytes; packed and own must be aligned to 64 */
    int n_phases;
    size_t shared_scratch, thread_scratch;
    int n_pack_items;
    size_t result_step,
        channel_step; /* of the filter that is packed: [co][ci][taps] unless the caller says more */
    /* ---- */
    const CaDotIsa *isa;
    CaElem type; /* of the input: u8 or bf16 */
    bool depthwise, one, winograd, packed_pixels, before, fixed;
    int words; /* depthwise by words: of a row of the filter, all its shifts; else 0 */
    int ci_blocks, co_blocks, group_blocks, n_groups;
    int last; /* steps of the last block of input channels */
    size_t filter_at, group_size, tile_at;
    int tile_rows, tile_cols, block; /* Winograd: tiles of an image and of a block */
    bool by_group;                   /* threads share V */
} CaDotPlan;

/* false: not offered (groups other than 1 and the number of channels, sums that int32 may not hold). */
bool ca_dot_plan(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu,
                 bool allow_winograd);
/* Of up to 4 channels, for a first layer: `in` holds them pixel by pixel (ca_map_pack_pixels), so that a row of the
 * filter is one run of kw * ci numbers and no word is half empty. The last word may reach beyond the run, where its
 * weights are zero: infinity and NaN there become NaN. */
bool ca_dot_plan_packed(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu);
/* Of 1x1, step 1: `in` is f32 and becomes short numbers tile by tile, with what end->before does to it. */
bool ca_dot_plan_before(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu);
/* Operations of the plan's products (a multiply-add is 2): the definition's, or fewer for Winograd. */
double ca_dot_operations(const CaDotPlan *p);
/* Items [item_begin, item_end) of n_pack_items. oihw: [co][ci / groups][kh][kw], for u8 whole numbers of s8; scale and
 * bias: [co] or NULL for 1 and 0. in_zero: what stands for 0 in the input (u8). */
void ca_dot_pack(const CaDotPlan *p, void *packed, const float *oihw, const float *scale,
                 const float *bias, int in_zero, int item_begin, int item_end);
/* The same of a filter of s8. */
void ca_dot_pack_s8(const CaDotPlan *p, void *packed, const int8_t *oihw,
                    const float *scale, const float *bias, int in_zero, int item_begin,
                    int item_end);
/* As ca_conv_pack_key: of plans that pack alike. */
uint64_t ca_dot_pack_key(const CaDotPlan *p);
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
/* One phase of one of n_threads threads. shared: of all threads, own: of this one. */
void ca_dot_run(const CaDotPlan *p, int phase, int thread, int n_threads,
                const CaMap *out, const CaMap *in, const void *packed,
                const CaDotEnd *end, void *shared, void *own);

/* From f32 to another element or back; q: of the u8 side. The halo of out is set. Same n, c, h, w. */
void ca_map_convert(const CaMap *out, const CaMap *in, const CaQuant *q, uint32_t cpu,
                    int thread, int n_threads);
/* nchw [n][c][h][w] into rows of (w + 2 halo) * c elements; 16 bytes more than all of them are read behind the last.
 * own: ca_map_pack_scratch(out) bytes of the thread's. */
size_t ca_map_pack_scratch(const CaMap *out);
void ca_map_pack_pixels(const CaMap *out, const float *nchw, const CaQuant *q,
                        uint32_t cpu, int thread, int n_threads, void *own);
/* x [out->w][out->c] floats into out, a map of one row, and back from one of f32: what a matrix product reads and makes. */
void ca_map_pack_matrix(const CaMap *out, const float *x, uint32_t cpu, int thread,
                        int n_threads);
void ca_map_unpack_matrix(float *y, const CaMap *in, int thread, int n_threads);
/* u8: out = a * ka + b * kb + k, rounded to nearest even, held within [low, high]. Same n, c, h, w, any halos. */
typedef struct CaMapAdd {
    float ka, kb, k, low, high;
} CaMapAdd;
void ca_map_add(const CaMap *out, const CaMap *a, const CaMap *b, const CaMapAdd *how,
                int zero, uint32_t cpu, int thread, int n_threads);
/* The largest of each window, u8 or bf16; what lies in the padding does not count, nor does NaN. Windows are at most
 * CA_MAP_POOL_WIDEST columns wide, from the first to the last; one without numbers gives the least there is. */
enum { CA_MAP_POOL_WIDEST = 128 };
typedef struct CaMapPool {
    int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
} CaMapPool;
void ca_map_max_pool(const CaMap *out, const CaMap *in, const CaMapPool *how, int zero,
                     uint32_t cpu, int thread, int n_threads);
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

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

/* y = act(prelu(sum * scale + bias + add * add_scale)), stored as it is, or in u8 as `out` says. With `mid` (u8) the
 * sum is first rounded to a step of its own: v = round(sum * scale + bias) within [mid->low, mid->high], and
 * y = v * mid->scale + mid->zero + add * add_scale. */
typedef struct CaDotEnd {
    CaAct act;
    const float *slope; /* [co rounded up to 16] or NULL */
    const CaMap
        *add; /* of any element, of the result's shape, not overlapping it; or NULL */
    float add_scale;
    const CaQuant *mid; /* or NULL */
    bool is_bounded; /* |sum * scale + bias| < 2^31 for all inputs: allows faster ends */
    CaQuant out;
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
    bool depthwise, one;
    int words; /* depthwise by words: of a row of the filter, all its shifts; else 0 */
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
/* The same of a filter of s8. */
void ca_dot_pack_s8(const CaDotPlan *p, void *packed, const int8_t *oihw,
                    const float *scale, const float *bias, int in_zero, int item_begin,
                    int item_end);
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
/* u8: the largest of each window; what lies in the padding does not count. Windows are at most CA_MAP_POOL_WIDEST columns
 * wide, from the first to the last. */
enum { CA_MAP_POOL_WIDEST = 128 };
typedef struct CaMapPool {
    int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
} CaMapPool;
void ca_map_max_pool(const CaMap *out, const CaMap *in, const CaMapPool *how, int zero,
                     int thread, int n_threads);
void ca_map_copy(const CaMap *out, const CaMap *in, int zero, int thread, int n_threads);
/* value: what stands for 0 (u8). */
void ca_map_fill_halo(const CaMap *m, int value, int thread, int n_threads);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tile, which blocking: from the shape and the instruction set alone, so that results never depend on the
 * number of threads. The sizes are those of cost.h; which algorithm is conv_cost.c's.
 */
#include "conv_kernels.h"

#include "../cost.h"
#include "base/memory.h"

#include <limits.h>
#include <string.h>

enum { LARGEST = 1 << 24 }; /* of any size, and taps of a filter: indices fit into int */

#define CA_CONV_ISA(isa) extern const CaConvIsa ca_f32_conv_##isa;
#include "conv.def"
#undef CA_CONV_ISA

const CaConvIsa *const ca_conv_isas[] = {
#define CA_CONV_ISA(isa) &ca_f32_conv_##isa,
#include "conv.def"
#undef CA_CONV_ISA
};

static int min_int(int a, int b) { return a < b ? a : b; }

static int up(int a, int b) { return (a + b - 1) / b; }

static bool in_range(const CaConvShape *s)
{
    const int sizes[] = {s->n,        s->ci,         s->co,         s->ih,    s->iw,
                         s->oh,       s->ow,         s->kh,         s->kw,    s->stride_h,
                         s->stride_w, s->dilation_h, s->dilation_w, s->groups};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] < 1 || sizes[i] > LARGEST)
            return false;
    return (int64_t)s->kh * s->kw <= LARGEST && s->pad_top >= 0 &&
           s->pad_top <= LARGEST && s->pad_left >= 0 && s->pad_left <= LARGEST &&
           s->ci % s->groups == 0 && s->co % s->groups == 0;
}

/* The padding read after the last row: what the last result reaches beyond the input. */
static int64_t after(int size, int result, int k, int stride, int dilation, int before)
{
    return (int64_t)(result - 1) * stride + (int64_t)(k - 1) * dilation - before -
           (size - 1);
}

static bool set_halo(CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    const int64_t all[] = {
        s->pad_left, s->pad_top,
        after(s->ih, s->oh, s->kh, s->stride_h, s->dilation_h, s->pad_top),
        after(s->iw, s->ow, s->kw, s->stride_w, s->dilation_w, s->pad_left)};
    int64_t halo = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        halo = all[i] > halo ? all[i] : halo;
    p->in_halo = (int)halo;
    return halo <= LARGEST;
}

/* As few neighbouring groups to a part as give whole blocks on both sides; else one part of all. */
static void merge_groups(CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    const int ci = s->ci / s->groups, co = s->co / s->groups;
    int merged = 1;

    while (merged < s->groups &&
           (s->groups % merged || (int64_t)merged * ci % 16 || (int64_t)merged * co % 16))
        merged++;
    p->n_parts = s->groups / merged;
    p->ci = ci * merged;
    p->co = co * merged;
}

/* *out = product of n sizes; false where it does not fit. */
static bool product(size_t *out, const int *sizes, int n)
{
    *out = 1;
    for (int i = 0; i < n; i++)
        if (!ca_mul_size(out, *out, (size_t)sizes[i]))
            return false;
    return true;
}

/* packed = the bias and `taps` numbers for each pair of channels. */
static bool set_packed(CaConvPlan *p, int rows, int taps_h, int taps_w, size_t *filter)
{
    const int blocks = p->n_parts * p->co_blocks;
    const int sizes[] = {blocks, 16, (int)sizeof(float), rows, taps_h, taps_w};
    const size_t bias = (size_t)blocks * 16 * sizeof(float);

    return product(filter, sizes, 6) && ca_add_size(&p->packed_size, *filter, bias) &&
           p->packed_size <= SIZE_MAX / 4;
}

static bool plan_direct(CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    size_t filter;

    if (!set_packed(p, p->ci, s->kh, s->kw, &filter))
        return false;
    p->one = s->kh == 1 && s->kw == 1 && s->stride_w <= 2;
    p->group_blocks = p->isa->max_blocks;
    if (p->isa->wide_pixels && s->ow == p->isa->wide_pixels && p->co_blocks % 4 == 0)
        p->group_blocks = 4;
    if (s->stride_w > 2)
        p->group_blocks = 1;
    p->n_groups = p->n_parts * up(p->co_blocks, p->group_blocks);
    p->pixels_outside = p->one && filter <= CA_PANEL_SIZE;
    p->fetch_panels = filter >= (p->one ? CA_FETCH_1X1_FROM : CA_FETCH_FROM);

    const size_t panel = filter / (size_t)p->n_parts / (size_t)p->co_blocks *
                         (size_t)min_int(p->group_blocks, p->co_blocks);
    const size_t chunks = (panel + CA_PANEL_SIZE - 1) / CA_PANEL_SIZE;
    p->chunk = chunks >= (size_t)p->ci_blocks ? 1 : up(p->ci_blocks, (int)chunks);
    p->n_phases = 1;
    p->n_pack_items = p->n_groups;
    return true;
}

static bool plan_winograd(CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    const int a = p->m + 2;
    size_t u;

    if (s->kh != 3 || s->kw != 3 || s->stride_h > 2 || s->stride_w != s->stride_h ||
        s->dilation_h != 1 || s->dilation_w != 1 || s->groups != 1 ||
        !set_packed(p, p->ci, a, a, &u))
        return false;
    p->tile_rows = up(s->oh, p->m);
    p->tile_cols = up(s->ow, p->m);
    p->short_rows = min_int(p->tile_rows, p->tile_rows * p->m - s->oh);
    p->short_cols = min_int(p->tile_cols, p->tile_cols * p->m - s->ow);
    const int64_t tiles = (int64_t)s->n * p->tile_rows * p->tile_cols;
    if (tiles > INT_MAX)
        return false;

    /* Blocks of equal size. V of one tile is per_tile bytes. */
    const int places = ca_winograd_places(p);
    const size_t per_tile =
        (size_t)(places * places) * (size_t)p->ci_blocks * 16 * sizeof(float);

    const int64_t fit =
        (int64_t)((u > CA_STREAM_FROM ? CA_V_IN_L3 : CA_V_IN_L2) / per_tile);
    const int64_t block = fit < 7 ? 7 : fit;
    const int64_t n_blocks = (tiles + block - 1) / block;
    p->block = (int)((tiles + n_blocks - 1) / n_blocks);
    p->group_blocks = p->co_blocks >= 16 ? 4 : 2;
    p->n_groups = up(p->co_blocks, p->group_blocks);
    p->by_group = u >= CA_SHARED_FROM;
    p->n_phases = p->by_group ? 2 * up((int)tiles, p->block) : 1;
    p->n_pack_items = p->n_groups;

    size_t v, m;
    const int groups[] = {places * places, p->group_blocks, 16, (int)sizeof(float),
                          p->block};
    if (!ca_mul_size(&v, per_tile, (size_t)p->block) || !product(&m, groups, 5) ||
        !ca_add_size(&p->thread_scratch, p->by_group ? 0 : v, m) ||
        !ca_mul_size(&p->places_size, (size_t)p->block, CA_WINOGRAD_PLACE))
        return false;
    p->places_size = (p->places_size + 63) / 64 * 64;
    if (!ca_add_size(&p->thread_scratch, p->thread_scratch, p->places_size))
        return false;
    p->shared_scratch = p->by_group ? v : 0;
    return true;
}

/* Whole blocks in each half. Scratch has room for all seven operands, since maps that have gaps are copied. */
static bool plan_strassen(CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    const int64_t pixels = (int64_t)s->n * s->oh * s->ow, pair = 2 * p->isa->max_pixels;
    size_t filter, t, all;

    if (s->kh != 1 || s->kw != 1 || s->groups != 1 || s->ci % 32 || s->co % 32 ||
        s->pad_top || s->pad_left || p->in_halo || (pixels + pair - 1) / pair > LARGEST ||
        !set_packed(p, s->ci / 4 * 7, 1, 1, &filter))
        return false;
    p->n_pairs = (int)((pixels + pair - 1) / pair);
    p->group_blocks = p->isa->max_blocks;
    p->n_groups = p->n_pack_items = up(p->co_blocks / 2, p->group_blocks);
    p->by_group = filter > CA_STRASSEN_BY_PAIR;
    p->n_phases = p->by_group ? 2 : 1;
    p->fetch_panels = filter >= CA_FETCH_FROM;

    const int sizes[] = {7, p->ci_blocks / 2, 16, (int)sizeof(float), p->isa->max_pixels};
    if (!product(&t, sizes, 5) ||
        !ca_mul_size(&all, t, (size_t)(p->by_group ? p->n_pairs : 1)))
        return false;
    p->shared_scratch = p->by_group ? all : 0;
    return ca_add_size(&p->thread_scratch, p->by_group ? 0 : all,
                       CA_STRASSEN_SUMS * sizeof(float));
}

/* The input's rows of a row of results, with their padding, are copied to where the thread works. */
static bool plan_planes(CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    const int64_t width =
        (int64_t)(s->ow - 1) * s->stride_w + (int64_t)(s->kw - 1) * s->dilation_w + 1;
    size_t rows;

    if (s->groups != 1 || width > LARGEST || !plan_direct(p))
        return false;
    const int sizes[] = {s->ci, s->kh, (int)width, (int)sizeof(float)};
    p->one = p->pixels_outside = p->fetch_panels = false;
    p->in_halo = 0;
    p->row_width = (int)width;
    return product(&rows, sizes, 4) && ca_add_size(&p->thread_scratch, rows, 64);
}

static bool plan_depthwise(CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    size_t filter;

    if (s->groups != s->ci || s->co != s->ci)
        return false;
    p->n_parts = 1;
    p->ci = p->co = s->ci;
    p->ci_blocks = p->co_blocks = up(s->ci, 16);
    p->ci_last = s->ci - 16 * (p->ci_blocks - 1);
    p->group_blocks = 1;
    p->n_groups = p->n_pack_items = p->co_blocks;
    p->n_phases = 1;
    return set_packed(p, 1, s->kh, s->kw, &filter);
}

bool ca_conv_plan_as(CaConvPlan *p, const CaConvShape *s, const CaConvIsa *isa,
                     CaConvAlgorithm algorithm)
{
    *p = (CaConvPlan){.s = *s,
                      .isa = isa,
                      .algorithm = (int)algorithm,
                      .kernel = isa->kernel[algorithm]};
    if (!in_range(s) || !set_halo(p))
        return false;
    merge_groups(p);
    p->ci_blocks = up(p->ci, 16);
    p->ci_last = p->ci - 16 * (p->ci_blocks - 1);
    p->co_blocks = up(p->co, 16);
    p->m = algorithm == CA_CONV_WINOGRAD_2 ? 2 : 4;
    switch (algorithm) {
    case CA_CONV_DIRECT: return plan_direct(p);
    case CA_CONV_WINOGRAD_2:
    case CA_CONV_WINOGRAD_4: return plan_winograd(p);
    case CA_CONV_STRASSEN: return plan_strassen(p);
    case CA_CONV_PLANES: return plan_planes(p);
    case CA_CONV_DEPTHWISE: return plan_depthwise(p);
    case CA_N_CONV_ALGORITHMS: break;
    }
    return false;
}

static const CaConvIsa *const *isa_of(uint32_t cpu)
{
    const CaConvIsa *const *isa = ca_conv_isas;

    while (((*isa)->needs & cpu) != (*isa)->needs) /* stops at ref, which needs nothing */
        isa++;
    return isa;
}

bool ca_conv_plan_planes(CaConvPlan *p, const CaConvShape *s, uint32_t cpu)
{
    return s->ci <= CA_MOST_PLANES && ca_conv_plan_as(p, s, *isa_of(cpu), CA_CONV_PLANES);
}

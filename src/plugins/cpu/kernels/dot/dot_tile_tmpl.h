/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tile of conv/ for short numbers: P pixels times NV vectors of results; a step multiplies D channels (4 of u8,
 * 2 of bf16) of each pixel, one word of 32 bits, with D rows of the filter.
 *
 *      in    [ci / 16][row][column][16]
 *      w     [ci / 16][kh][kw][16 / D][NV * VF32_N][D]      read strictly forward
 *
 * The includer gives its simd_<isa>.h, then
 *      E, D                                    bytes of an element, elements of a word
 *      vdot, vdot_load, vdot_word, vdot_row, vdot_step, vdot_float
 *                                              sums; D elements in all lanes; D rows of the filter; one step
 *      narrow_load, narrow_store               VF32_N elements as floats, and back (rounded, saturated)
 *      IS_SCALED                               sums are whole numbers to be scaled
 *      HAS_FIXED                               1: ends in whole numbers too; then also vdot_set1, vdot_add, vdot_sub,
 *                                              vdot_shift_left, vdot_mul, vdot_clamp, vdot_of_float, vdot_of_bytes,
 *                                              vdot_to_bytes, vdot_twice, vdot_once (of base/fixed.h, by mantissas and
 *                                              shifts to the right)
 *      MAX_PIXELS, MAX_BLOCKS, WIDE_PIXELS, TYPE, ELEM, ISA, NEEDS
 *      HAS_WINOGRAD                            1: dot_winograd_tmpl.h too (bf16)
 *      HAS_SLIDE                               1: depthwise 3x3 by slide_tmpl.h (bf16)
 * Registers: P * NV sums, NV of the filter, 1 of the input, as in conv/.
 */
#include "../act_tmpl.h"
#include "../finish_tmpl.h"
#include "base/cpu.h"
#include "dot_kernels.h"

#define PIXELS_4(X, b) X(1, b) X(2, b) X(3, b) X(4, b)
#define PIXELS_6(X, b) PIXELS_4(X, b) X(5, b) X(6, b)
#define PIXELS_14(X, b) \
    PIXELS_6(X, b)      \
    X(7, b) X(8, b) X(9, b) X(10, b) X(11, b) X(12, b) X(13, b) X(14, b)
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define EACH_PIXELS PASTE(PIXELS_, MAX_PIXELS)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

#ifndef WORDS_OF /* depthwise by words, u8 only */
#    define WORDS_OF NULL
#endif
#ifndef HAS_STORE_4 /* narrow_store_4_within, u8 only: four pixels, one vector each */
#    define HAS_STORE_4 0
#endif

enum { BLOCK_NV = 16 / VF32_N };

CA_INLINE vf32 dot_load(CaElem elem, const unsigned char *p)
{
    return elem == CA_ELEM_F32 ? vf32_load((const float *)(const void *)p)
                               : narrow_load(p);
}

CA_INLINE vf32 dot_mid(const CaDotGeo *g, vf32 y)
{
    y = vf32_min(vf32_set1(g->mid.high), vf32_max(vf32_set1(g->mid.low), y));
    return vf32_fma(vf32_round(y), vf32_set1(g->mid.scale), vf32_set1(g->mid.zero));
}

/* One pixel's vector of results: n channels' scale, bias and residual, bounds, the element stored. */
CA_INLINE void dot_end(CaElem out_elem, CaElem add_elem, bool has_add, const CaDotGeo *g,
                       unsigned char *out, vdot sum, vf32 scale, vf32 bias,
                       const unsigned char *add)
{
    vf32 y = vdot_float(sum);
    if (IS_SCALED)
        y = vf32_fma(y, scale, bias);
    if (IS_SCALED && g->has_mid)
        y = dot_mid(g, y);
    if (has_add)
        y = vf32_fma(dot_load(add_elem, add), vf32_set1(g->add_scale), y);
    y = vf32_min(vf32_set1(g->hi), vf32_max(vf32_set1(g->lo), y));
    if (out_elem == CA_ELEM_F32)
        vf32_store((float *)(void *)out, y);
    else
        narrow_store(out, y);
}

CA_INLINE void dot_ends(CaElem out_elem, CaElem add_elem, bool has_add, int pixels,
                        int nv, const CaDotGeo *g, unsigned char *out, const vdot *sum,
                        const CaDotChannel *c, const unsigned char *add)
{
    const ptrdiff_t out_size = out_elem == CA_ELEM_F32 ? 4 : E,
                    add_size = add_elem == CA_ELEM_F32 ? 4 : E;
    for (int v = 0; v < nv; v++) {
        const ptrdiff_t lane = v % BLOCK_NV * VF32_N, block = v / BLOCK_NV;
        const vf32 scale = vf32_load(c->scale + v * VF32_N),
                   bias = vf32_load(c->bias + v * VF32_N);
        for (ptrdiff_t i = 0; i < pixels; i++)
            dot_end(out_elem, add_elem, has_add, g,
                    out + block * g->out_block + (i * 16 + lane) * out_size,
                    sum[i * nv + v], scale, bias,
                    has_add ? add + block * g->add_block + (i * 16 + lane) * add_size
                            : NULL);
    }
}

#if HAS_FIXED
CA_INLINE void fixed_end(const CaDotFixed *f, unsigned char *out, vdot sum, vdot mantissa,
                         vdot right)
{
    const vdot y = f->rounding == CA_FIXED_ONCE ? vdot_once(sum, mantissa, right)
                                                : vdot_twice(sum, mantissa, right);
    vdot_to_bytes(out, vdot_clamp(vdot_add(y, vdot_set1(f->zero)), f->low, f->high));
}

CA_INLINE void fixed_ends(int pixels, int nv, const CaDotGeo *g, unsigned char *out,
                          const vdot *sum, const CaDotChannel *c)
{
    for (int v = 0; v < nv; v++) {
        const ptrdiff_t lane = v % BLOCK_NV * VF32_N, block = v / BLOCK_NV;
        const vdot mantissa = vdot_load(c->mantissa + v * VF32_N),
                   right = vdot_load(c->right + v * VF32_N);
        for (ptrdiff_t i = 0; i < pixels; i++) {
            vdot x = sum[i * nv + v];
            if (g->pixel_sums)
                x = vdot_add(x, vdot_set1(g->pixel_sums[i]));
            fixed_end(g->fixed, out + block * g->out_block + i * 16 + lane, x, mantissa,
                      right);
        }
    }
}

/* P neighbours at once where the window moves by one pixel: D bytes of a word are added by a step with ones. */
static void byte_sums(const CaDotGeo *g, int32_t *out, int n, const unsigned char *in,
                      int last_channels)
{
    enum { P = VF32_N / 4 };
    unsigned char ones[VF32_N * 4], last[VF32_N * 4];
    for (int i = 0; i < VF32_N * 4; i++) {
        ones[i] = 1;
        last[i] = i % 16 < last_channels;
    }
    for (int x = 0; x < n;) {
        const int count = g->pixel == 16 && x + P <= n ? P : 1;
        const unsigned char *block = in + x * g->pixel;
        vdot sum = vdot_set1(0);
        int32_t lanes[VF32_N], alone = 0;
        for (int b = 0; b < g->n_blocks; b++, block += g->block) {
            const unsigned char *w = b + 1 < g->n_blocks ? ones : last;
            const int n_bytes = b + 1 < g->n_blocks ? 16 : last_channels;
            for (int ky = 0; ky < g->kh; ky++)
                for (int kx = 0; kx < g->kw; kx++) {
                    const unsigned char *p =
                        block + ky * g->filter_row + kx * g->filter_col;
                    if (count > 1)
                        sum = vdot_step(sum, vdot_load(p), vdot_row(w));
                    for (int i = 0; count == 1 && i < n_bytes; i++)
                        alone += p[i];
                }
        }
        memcpy(lanes, &sum, sizeof lanes);
        for (int i = 0; i < count; i++)
            out[x + i] = count == 1 ? alone
                                    : lanes[4 * i] + lanes[4 * i + 1] + lanes[4 * i + 2] +
                                          lanes[4 * i + 3];
        x += count;
    }
}

/* One row of a and b each, by the same factors in all lanes. */
static void fixed_row(unsigned char *out, const unsigned char *a, const unsigned char *b,
                      int n, const CaMapFixed *how)
{
    const vdot za = vdot_set1(how->zero_a), zb = vdot_set1(how->zero_b),
               zy = vdot_set1(how->zero_y);
    const vdot ma = vdot_set1(how->a.mantissa), ra = vdot_set1(-how->a.exponent),
               mb = vdot_set1(how->b.mantissa), rb = vdot_set1(-how->b.exponent),
               my = vdot_set1(how->y.mantissa), ry = vdot_set1(-how->y.exponent);
    for (ptrdiff_t i = 0; i < n; i += VF32_N) {
        vdot x = vdot_sub(vdot_of_bytes(a + i), za),
             y = vdot_sub(vdot_of_bytes(b + i), zb);
        if (how->mode == CA_FIXED_MUL) {
            x = vdot_mul(x, y);
        } else {
            x = vdot_twice(vdot_shift_left(x, how->left), ma, ra);
            y = vdot_twice(vdot_shift_left(y, how->left), mb, rb);
            x = how->mode == CA_FIXED_ADD ? vdot_add(x, y) : vdot_sub(x, y);
        }
        x = vdot_add(vdot_twice(x, my, ry), zy);
        vdot_to_bytes(out + i, vdot_clamp(x, how->low, how->high));
    }
}
#endif

/* Out of line, the sums in memory: within the tile gcc 12 keeps sums on the stack for it (whose loop is then half as
 * fast). */
static CA_NOINLINE void end_tile(int pixels, int nv, const CaDotGeo *g,
                                 unsigned char *out, const vdot *sum,
                                 const CaDotChannel *c, const unsigned char *add)
{
#if HAS_FIXED
    if (g->fixed) {
        fixed_ends(pixels, nv, g, out, sum, c);
        return;
    }
#endif
    if (g->out == ELEM && !add)
        dot_ends(ELEM, ELEM, false, pixels, nv, g, out, sum, c, NULL);
    else if (g->out == ELEM && g->add == ELEM)
        dot_ends(ELEM, ELEM, true, pixels, nv, g, out, sum, c, add);
    else
        dot_ends(g->out, g->add, add != NULL, pixels, nv, g, out, sum, c, add);
}

/* The usual end of sums that are floats already, in registers. */
CA_INLINE void dot_short_end(const bool has_add, const int P, const int NV,
                             const CaDotGeo *g, unsigned char *out, const vdot *sum,
                             const unsigned char *add)
{
    const vf32 lo = vf32_set1(g->lo), hi = vf32_set1(g->hi), k = vf32_set1(g->add_scale);
    UNROLL_FOR(i, P)
        UNROLL_FOR(v, NV) {
            const ptrdiff_t block = v / BLOCK_NV,
                            at = (i * 16 + v % BLOCK_NV * VF32_N) * E;
            vf32 y = vdot_float(sum[i * NV + v]);
            if (has_add)
                y = vf32_fma(narrow_load(add + block * g->add_block + at), k, y);
            narrow_store(out + block * g->out_block + at, vf32_min(hi, vf32_max(lo, y)));
        }
}

#if HAS_STORE_4
/* u8 is stored, of the sum alone, of its steps, or of these and those of a residual in u8: from the registers. */
CA_INLINE void dot_ends_u8(const bool has_mid, const bool is_sum, const int P,
                           const int NV, const CaDotGeo *g, unsigned char *out,
                           const vdot *sum, const CaDotChannel *c,
                           const unsigned char *add)
{
    UNROLL_FOR(v, NV) {
        const vf32 scale = vf32_load(c->scale + v * VF32_N),
                   bias = vf32_load(c->bias + v * VF32_N);
        unsigned char *to = out + v * g->out_block;
        vf32 y[4];
        UNROLL_FOR(i, P) {
            y[i % 4] = vf32_fma(vdot_float(sum[i * NV + v]), scale, bias);
            if (has_mid)
                y[i % 4] = dot_mid(g, y[i % 4]);
            if (is_sum)
                y[i % 4] = vf32_fma(narrow_load(add + v * g->add_block + i * 16),
                                    vf32_set1(g->add_scale), y[i % 4]);
            if (i % 4 == 3)
                narrow_store_4_within(to + (i - 3) * 16, y, g->low_bytes, g->high_bytes);
            else if (i >= P / 4 * 4)
                narrow_store(to + i * 16, vf32_min(vf32_set1(g->hi),
                                                   vf32_max(vf32_set1(g->lo), y[i % 4])));
        }
    }
}
#endif

CA_INLINE void dot_tile(const bool one, const int P, const int NV, const ptrdiff_t step,
                        const CaDotGeo *g, unsigned char *restrict out,
                        const unsigned char *restrict in, const unsigned char *restrict w,
                        const CaDotChannel *c, const unsigned char *add)
{
    const ptrdiff_t pixel = step > 0   ? step * 16 * E
                            : step < 0 ? -step * 3 * E
                                       : g->pixel;
    const int kh = one ? 1 : g->kh, kw = one ? 1 : g->kw;
    vdot sum[28], row[4];

    UNROLL_FOR(v, NV) {
        const vdot start = vdot_load((const char *)c->start + v * VF32_N * 4);
        CA_PREFETCH_W(out + v / BLOCK_NV * g->out_block);
        UNROLL_FOR(i, P)
            sum[i * NV + v] = start;
    }
    for (int block = 0; block < g->n_blocks; block++, in += g->block) {
        const int n = block + 1 < g->n_blocks ? 16 / D : g->last;
        for (int ky = 0; ky < kh; ky++)
            for (int kx = 0; kx < kw; kx++) {
                const unsigned char *p =
                    one ? in : in + ky * g->filter_row + kx * g->filter_col;
                for (int q = 0; q < n; q++, w += NV * VF32_N * 4) {
                    UNROLL_FOR(v, NV)
                        row[v] = vdot_row(w + v * VF32_N * 4);
                    UNROLL_FOR(i, P) {
                        const vdot x = vdot_word(p + i * pixel + q * 4);
                        UNROLL_FOR(v, NV)
                            sum[i * NV + v] = vdot_step(sum[i * NV + v], x, row[v]);
                    }
                }
            }
    }
    if (!IS_SCALED && g->out == ELEM && !add) {
        dot_short_end(false, P, NV, g, out, sum, add);
        return;
    }
    if (!IS_SCALED && g->out == ELEM && g->add == ELEM) {
        dot_short_end(true, P, NV, g, out, sum, add);
        return;
    }
#if HAS_STORE_4
    if (g->fast == CA_DOT_FAST_PLAIN) {
        dot_ends_u8(false, false, P, NV, g, out, sum, c, NULL);
        return;
    }
    if (g->fast == CA_DOT_FAST_MID) {
        dot_ends_u8(true, false, P, NV, g, out, sum, c, NULL);
        return;
    }
    if (g->fast == CA_DOT_FAST_SUM) {
        dot_ends_u8(true, true, P, NV, g, out, sum, c, add);
        return;
    }
#endif
    vdot all[28];
    UNROLL_FOR(i, P * NV)
        all[i] = sum[i];
    end_tile(P, NV, g, out, all, c, add);
}

#define TILE(one, pixels, blocks, step)                                          \
    static CA_NOINLINE void tile_##one##_##pixels##x##blocks##_##step(           \
        const CaDotGeo *g, unsigned char *out, const unsigned char *in,          \
        const unsigned char *w, const CaDotChannel *c, const unsigned char *add) \
    {                                                                            \
        dot_tile(one, pixels, (blocks)*BLOCK_NV, step, g, out, in, w, c, add);   \
    }
#define TILES_OF(pixels, blocks) \
    TILE(0, pixels, blocks, 1)   \
    TILE(0, pixels, blocks, 2)   \
    TILE(1, pixels, blocks, 1)   \
    TILE(1, pixels, blocks, 2)
#define TILE_ANY(pixels, blocks) TILE(0, pixels, blocks, 0)
/* Pixels of three channels, a step of one or two. */
#define TILE_RGB(pixels, blocks, step)                                           \
    static CA_NOINLINE void tile_rgb_##pixels##x##blocks##_##step(               \
        const CaDotGeo *g, unsigned char *out, const unsigned char *in,          \
        const unsigned char *w, const CaDotChannel *c, const unsigned char *add) \
    {                                                                            \
        dot_tile(0, pixels, (blocks)*BLOCK_NV, -(step), g, out, in, w, c, add);  \
    }
#define TILES_RGB(pixels, blocks) TILE_RGB(pixels, blocks, 1) TILE_RGB(pixels, blocks, 2)
#define ROW_RGB_1(pixels, blocks) tile_rgb_##pixels##x##blocks##_1,
#define ROW_RGB_2(pixels, blocks) tile_rgb_##pixels##x##blocks##_2,
#define ROW_0_1(pixels, blocks) tile_0_##pixels##x##blocks##_1,
#define ROW_0_2(pixels, blocks) tile_0_##pixels##x##blocks##_2,
#define ROW_1_1(pixels, blocks) tile_1_##pixels##x##blocks##_1,
#define ROW_1_2(pixels, blocks) tile_1_##pixels##x##blocks##_2,
#define ROW_ANY(pixels, blocks) tile_0_##pixels##x##blocks##_0,
#define TABLE(blocks)                                                     \
    static CaDotTile *const tiles_##blocks[2][2][MAX_PIXELS] = {          \
        {{EACH_PIXELS(ROW_0_1, blocks)}, {EACH_PIXELS(ROW_0_2, blocks)}}, \
        {{EACH_PIXELS(ROW_1_1, blocks)}, {EACH_PIXELS(ROW_1_2, blocks)}}};

EACH_PIXELS(TILES_OF, 1)
EACH_PIXELS(TILE_ANY, 1)
TABLE(1)
static CaDotTile *const tiles_any[MAX_PIXELS] = {EACH_PIXELS(ROW_ANY, 1)};
EACH_PIXELS(TILES_RGB, 1)
static CaDotTile *const tiles_rgb_1[2][MAX_PIXELS] = {{EACH_PIXELS(ROW_RGB_1, 1)},
                                                      {EACH_PIXELS(ROW_RGB_2, 1)}};
#if MAX_BLOCKS == 2
EACH_PIXELS(TILES_OF, 2)
TABLE(2)
EACH_PIXELS(TILES_RGB, 2)
static CaDotTile *const tiles_rgb_2[2][MAX_PIXELS] = {{EACH_PIXELS(ROW_RGB_1, 2)},
                                                      {EACH_PIXELS(ROW_RGB_2, 2)}};
#endif
#if WIDE_PIXELS
TILES_OF(7, 4)
static CaDotTile *const tiles_4[2][2] = {{tile_0_7x4_1, tile_0_7x4_2},
                                         {tile_1_7x4_1, tile_1_7x4_2}};
#endif

static CaDotTile *tile_of(bool one, int blocks, int pixels, CaDotStep step)
{
    const bool is_rgb = step == CA_DOT_STEP_RGB_1 || step == CA_DOT_STEP_RGB_2;
    if (step == CA_DOT_STEP_ANY)
        return tiles_any[pixels - 1];
#if MAX_BLOCKS == 2
    if (is_rgb && blocks == 2)
        return tiles_rgb_2[step == CA_DOT_STEP_RGB_2][pixels - 1];
#endif
    if (is_rgb)
        return tiles_rgb_1[step == CA_DOT_STEP_RGB_2][pixels - 1];
#if WIDE_PIXELS
    if (blocks == 4)
        return tiles_4[one][step];
#endif
#if MAX_BLOCKS == 2
    if (blocks == 2)
        return tiles_2[one][step][pixels - 1];
#endif
    (void)blocks;
    return tiles_1[one][step][pixels - 1];
}

#if MAX_BLOCKS == 2
/* 1x1 in tiles of 4 pixels: all of a tile's end fits in what the processor looks ahead, so that it overlaps with the steps
 * of the next tile; of 14 pixels it does not. The last tile laps back over the one before it: same inputs, same results. */
CA_INLINE void dot_strip(const ptrdiff_t step, const CaDotGeo *g, unsigned char *out,
                         const unsigned char *in, const unsigned char *w,
                         const CaDotChannel *c, const unsigned char *add, int n)
{
    enum { P = CA_DOT_STRIP_PIXELS };
    for (int x = 0; x < n; x += P) {
        const ptrdiff_t at = x + P <= n ? x : n - P;
        dot_tile(true, P, 2 * BLOCK_NV, step, g, out + at * 16 * E,
                 in + at * step * 16 * E, w, c, add ? add + at * 16 * E : NULL);
    }
}

static CA_NOINLINE void strip_1(const CaDotGeo *g, unsigned char *out,
                                const unsigned char *in, const unsigned char *w,
                                const CaDotChannel *c, const unsigned char *add, int n)
{
    dot_strip(1, g, out, in, w, c, add, n);
}

static CA_NOINLINE void strip_2(const CaDotGeo *g, unsigned char *out,
                                const unsigned char *in, const unsigned char *w,
                                const CaDotChannel *c, const unsigned char *add, int n)
{
    dot_strip(2, g, out, in, w, c, add, n);
}

static CaDotStrip *strip_of(CaDotStep step)
{
    return step == CA_DOT_STEP_1 ? strip_1 : step == CA_DOT_STEP_2 ? strip_2 : NULL;
}
#endif

/* --- Depthwise: in floats, which hold all sums of whole numbers exactly (514 taps at most). */

CA_INLINE void depthwise_tile(const int P, const CaDotGeo *g, unsigned char *out,
                              const unsigned char *in, const float *w,
                              const CaDotChannel *c, const unsigned char *add, int lane)
{
    const ptrdiff_t out_size = g->out == CA_ELEM_F32 ? 4 : E,
                    add_size = g->add == CA_ELEM_F32 ? 4 : E;
    const vf32 lo = vf32_set1(g->lo), hi = vf32_set1(g->hi), k = vf32_set1(g->add_scale);
    vf32 sum[8];
    const vf32 start = vdot_float(vdot_load((const char *)c->start + lane * 4));
    UNROLL_FOR(i, P)
        sum[i] = start;
    for (int ky = 0; ky < g->kh; ky++)
        for (int kx = 0; kx < g->kw; kx++, w += 16) {
            const vf32 f = vf32_load(w + lane);
            const unsigned char *p =
                in + ky * g->filter_row + kx * g->filter_col + lane * E;
            UNROLL_FOR(i, P)
                sum[i] = vf32_fma(narrow_load(p + i * g->pixel), f, sum[i]);
        }
#if HAS_FIXED
    if (g->fixed) {
        const vdot bias = vdot_load(c->whole_bias + lane),
                   mantissa = vdot_load(c->mantissa + lane),
                   right = vdot_load(c->right + lane);
        UNROLL_FOR(i, P)
            fixed_end(g->fixed, out + i * 16 + lane,
                      vdot_add(vdot_of_float(sum[i]), bias), mantissa, right);
        return;
    }
#endif
    UNROLL_FOR(i, P) {
        vf32 y = sum[i];
        if (IS_SCALED)
            y = vf32_fma(y, vf32_load(c->scale + lane), vf32_load(c->bias + lane));
        if (IS_SCALED && g->has_mid)
            y = dot_mid(g, y);
        if (add)
            y = vf32_fma(dot_load(g->add, add + (i * 16 + lane) * add_size), k, y);
        y = vf32_min(hi, vf32_max(lo, y));
        unsigned char *to = out + (i * 16 + lane) * out_size;
        if (g->out == CA_ELEM_F32)
            vf32_store((float *)(void *)to, y);
        else
            narrow_store(to, y);
    }
}

/* The last tile of a row laps back over the one before it: same inputs, same results. */
static void depthwise(const CaDotGeo *g, unsigned char *out, int n,
                      const unsigned char *in, const float *w, const CaDotChannel *c,
                      const unsigned char *add)
{
    const ptrdiff_t out_size = g->out == CA_ELEM_F32 ? 4 : E,
                    add_size = g->add == CA_ELEM_F32 ? 4 : E;
    const int P = n < 8 ? 1 : 8;
    for (int lane = 0; lane < 16; lane += VF32_N)
        for (int x = 0; x < n; x += P) {
            const ptrdiff_t at = x + P <= n ? x : n - P;
            unsigned char *to = out + at * 16 * out_size;
            const unsigned char *from = in + at * g->pixel,
                                *more = add ? add + at * 16 * add_size : NULL;
            if (P == 1)
                depthwise_tile(1, g, to, from, w, c, more, lane);
            else
                depthwise_tile(8, g, to, from, w, c, more, lane);
        }
}

#if HAS_SLIDE
#    define SLIDE_E E
#    define SLIDE_ROWS (VF32_N == 8 ? 2 : 3) /* AVX2 has 16 registers */
CA_INLINE vf32 slide_load(const unsigned char *p) { return narrow_load(p); }
CA_INLINE ptrdiff_t slide_add_at(const CaSlide *g, int i)
{
    return i * (g->add == CA_ELEM_F32 ? 4 : E);
}
CA_INLINE vf32 slide_add(vf32 y, const CaSlide *g, const unsigned char *add)
{
    return vf32_fma(dot_load(g->add, add), vf32_set1(g->add_scale), y);
}
CA_INLINE void slide_store(unsigned char *out, bool wide, vf32 y)
{
    if (wide)
        vf32_store((float *)(void *)out, y);
    else
        narrow_store(out, y);
}
#    include "../slide_tmpl.h"
SLIDE(slide_1, false, 1)
SLIDE(slide_2, false, 2)
SLIDE(slide_wide_1, true, 1)
SLIDE(slide_wide_2, true, 2)
#endif

static void narrow(unsigned char *out, const float *in, int n, const CaQuant *q)
{
    const vf32 scale = vf32_set1(q->scale), zero = vf32_set1(q->zero);
    const vf32 lo = vf32_set1(q->low), hi = vf32_set1(q->high);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n * 16; i += VF32_N) {
        vf32 x = vf32_load(in + i);
        if (IS_SCALED)
            x = vf32_min(hi, vf32_max(lo, vf32_fma(x, scale, zero)));
        narrow_store(out + i * E, x);
    }
}

/* A product and a sum, each rounded, so that plain C stores the same 16 bits as any instruction set. */
static void before_row(unsigned char *out, const float *in, int n, const float *scale,
                       const float *shift, float lo, float hi)
{
    for (int lane = 0; lane < 16; lane += VF32_N) {
        const vf32 k = vf32_load(scale + lane), c = vf32_load(shift + lane);
        for (ptrdiff_t i = lane; i < (ptrdiff_t)n * 16; i += 16) {
            const vf32 x = vf32_add(vf32_mul(vf32_load(in + i), k), c);
            narrow_store(out + i * E,
                         vf32_min(vf32_set1(hi), vf32_max(vf32_set1(lo), x)));
        }
    }
}

static void widen(float *out, const unsigned char *in, int n, const CaQuant *q)
{
    const vf32 step = vf32_set1(1 / q->scale), zero = vf32_set1(q->zero);
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n * 16; i += VF32_N) {
        vf32 x = narrow_load(in + i * E);
        if (IS_SCALED)
            x = vf32_mul(vf32_sub(x, zero), step);
        vf32_store(out + i, x);
    }
}

/* Three channels, of which compilers make shuffles, or any number. */
static void interleave(unsigned char *restrict out, const unsigned char *restrict rows,
                       ptrdiff_t row, int channels, int n)
{
    if (channels == 3) {
        for (ptrdiff_t x = 0; x < n; x++)
            UNROLL_FOR(c, 3)
                memcpy(out + (x * 3 + c) * E, rows + c * row + x * E, E);
        return;
    }
    for (ptrdiff_t x = 0; x < n; x++)
        for (ptrdiff_t c = 0; c < channels; c++)
            memcpy(out + (x * channels + c) * E, rows + c * row + x * E, E);
}

static void add_row(unsigned char *out, const unsigned char *a, const unsigned char *b,
                    int n, const CaMapAdd *how)
{
    const vf32 ka = vf32_set1(how->ka), kb = vf32_set1(how->kb), k = vf32_set1(how->k);
    const vf32 lo = vf32_set1(how->low), hi = vf32_set1(how->high);
    for (ptrdiff_t i = 0; i < n; i += VF32_N) {
        const vf32 x = vf32_add(vf32_mul(narrow_load(b + i * E), kb), k);
        const vf32 y = vf32_add(vf32_mul(narrow_load(a + i * E), ka), x);
        narrow_store(out + i * E, vf32_min(hi, vf32_max(lo, y)));
    }
}

#include "dot_max_tmpl.h"
#if HAS_WINOGRAD
#    include "dot_winograd_tmpl.h"
#endif

const CaDotIsa PASTE(PASTE(PASTE(ca_dot_, TYPE), _), ISA) = {
    .name = TEXT(TYPE) "_conv_direct_" TEXT(ISA),
    .name_packed = TEXT(TYPE) "_conv_packed_" TEXT(ISA),
    .name_depthwise = TEXT(TYPE) "_conv_depthwise_" TEXT(ISA),
#if HAS_WINOGRAD
    .name_winograd = TEXT(TYPE) "_conv_winograd2_" TEXT(ISA),
    .winograd = &winograd,
#endif
    .type = ELEM,
    .needs = NEEDS,
    .max_pixels = MAX_PIXELS,
    .max_blocks = MAX_BLOCKS,
    .wide_pixels = WIDE_PIXELS,
    .tile = tile_of,
#if MAX_BLOCKS == 2
    .strip = strip_of,
#endif
    .depthwise = depthwise,
    .words = WORDS_OF,
#if HAS_SLIDE
    .slide = {{slide_1, slide_2}, {slide_wide_1, slide_wide_2}},
#endif
    .narrow = narrow,
    .widen = widen,
    .interleave = interleave,
    .max_rows = max_rows,
    .max_columns = max_columns,
    .finish = finish,
    .add = add_row,
    .before = before_row,
#if HAS_FIXED
    .fixed = fixed_row,
    .sums = byte_sums,
#endif
};

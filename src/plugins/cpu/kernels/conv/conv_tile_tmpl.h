/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one register tile of direct convolution and of Winograd's products: P pixels of a row times
 * NV vectors of results, summed over filter taps and input channels.
 *
 *      in    [ci / 16][row][column][16]          read along a row, one number a pixel
 *      w     [ci / 16][kh][kw][16][NV * VF32_N]  read strictly forward
 *      out   [co / 16][row][column][16]
 *
 * Registers: P * NV sums, NV of the filter, 1 of the input: 31 of 32 for 14 x 2 on AVX-512, 15 of
 * 16 for 6 x 2 on AVX2. 7 x 4 is one more than there are; a step of 28 FMA hides what that costs.
 * Memory latency is hidden by prefetching what the hardware cannot foresee: the lines of the result (for
 * writing) and of the residual, the next tile's input, the next panel of the filter.
 * 1x1 filters have an instance without the loops over taps: their sums are short. Where the last block has 8 results or
 * fewer (24, 40, 72 channels) HV half vectors stand for it: a vector of 256 bits costs half on processors that execute 512
 * bits in two.
 * Planes (steps 1 and 2) are blocks of one channel; steps of another size than the four are not constants.
 */
#define PIXELS_4(X, b) X(1, b) X(2, b) X(3, b) X(4, b)
#define PIXELS_6(X, b) PIXELS_4(X, b) X(5, b) X(6, b)
#define PIXELS_10(X, b) PIXELS_6(X, b) X(7, b) X(8, b) X(9, b) X(10, b)
#define PIXELS_14(X, b) PIXELS_10(X, b) X(11, b) X(12, b) X(13, b) X(14, b)
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
#define EACH_PIXELS PASTE(PIXELS_, MAX_PIXELS)

enum { BLOCK_NV = 16 / VF32_N };

/* Pixel i of a tile of results that may go on in the next row. */
CA_INLINE ptrdiff_t conv_out_at(const bool spans, const CaConvGeo *g, int i)
{
    return i * 16 + (spans && i >= g->split ? g->gap : 0);
}

CA_INLINE void conv_tile(const bool one, const bool bare, const int P, const int NV,
                         const int HV, const ptrdiff_t step, const CaConvGeo *g,
                         float *out, const float *restrict in, const float *restrict w,
                         const float *bias, const float *add, const float *start)
{
    const ptrdiff_t pixel = step ? step : g->pixel, out_block = g->out_block;
    ptrdiff_t in_block = g->block;
    /* A few lines to a block: one after another, so that loads need not wait behind them. */
    const int spread = one && g->lines <= 16 ? g->lines : 0,
              lines = spread || (one && P <= 2) ? 0 : g->lines;
    const int kh = one ? 1 : g->kh, kw = one ? 1 : g->kw;
    const float *fetch_out = out, *fetch_add = add ? add : in, *next = g->next;
    /* short sums end before the second block of results would be fetched in its turn */
    const int blocks = NV / BLOCK_NV + (HV > 0), width = NV * VF32_N + (HV ? 16 : 0);
    const float *fetch_short = out + (blocks > 1 && g->n_blocks <= 2 ? out_block : 0);
    const ptrdiff_t half_at = NV / BLOCK_NV * out_block;
    vf32 sum[28], row[4];
    vh32 half[14], half_row[2];
    const bool spans = SPANS_ROWS && one && !bare && step == 16;

    UNROLL_FOR(v, NV) {
        const vf32 b = bare ? vf32_zero() : vf32_load(bias + v * VF32_N);
        UNROLL_FOR(i, P)
            sum[i * NV + v] = b;
    }
    UNROLL_FOR(v, HV) {
        const vh32 b = vh32_load(bias + NV * VF32_N + v * VH32_N);
        UNROLL_FOR(i, P)
            half[i * HV + v] = b;
    }
    if (!bare && start)
        UNROLL_FOR(i, P)
            UNROLL_FOR(v, NV)
                sum[i * NV + v] =
                    vf32_add(sum[i * NV + v], vf32_load(start + conv_out_at(spans, g, i) +
                                                        v / BLOCK_NV * g->sum_block +
                                                        v % BLOCK_NV * VF32_N));
    if (!bare && start)
        UNROLL_FOR(i, P)
            UNROLL_FOR(v, HV)
                half[i * HV + v] = vh32_add(
                    half[i * HV + v], vh32_load(start + NV / BLOCK_NV * g->sum_block +
                                                conv_out_at(spans, g, i) + v * VH32_N));

    for (const CaConvMore *more = g->more,
                          *stop = more + (one && !bare && !HV ? g->n_more : 0);
         ; more++) {
        for (int block = 0; block < g->n_blocks; block++, in += in_block) {
            const int n_channels = step == 1 || step == 2    ? 1
                                   : block + 1 < g->n_blocks ? g->per_block
                                                             : g->last;
            for (int ky = 0; ky < kh; ky++)
                for (int kx = 0; kx < kw; kx++) {
                    const float *p =
                        one ? in : in + ky * g->filter_row + kx * g->filter_col;
                    for (int q = 0; q < lines; q++, next += 16)
                        CA_PREFETCH_L2(next);
                    if (!one && fetch_out < out + P * 16) {
                        UNROLL_FOR(v, NV / BLOCK_NV)
                            CA_PREFETCH_W(fetch_out + v * out_block);
                        fetch_out += 16;
                    }
                    for (int c = 0; c < n_channels; c++, w += width) {
                        if (one && P > 2) { /* fewer are there at once */
                            CA_PREFETCH(in + (g->by_block ? in_block : P * pixel) +
                                        c * 16);
                            CA_PREFETCH_L2(next + c * spread);
                            CA_PREFETCH_W(fetch_out + c * 16);
                            if (!bare && blocks > 1)
                                CA_PREFETCH_W(fetch_short + c * 16);
                            if (!bare)
                                CA_PREFETCH(fetch_add + c * 16);
                        }
                        UNROLL_FOR(v, NV)
                            row[v] = vf32_load(w + v * VF32_N);
                        UNROLL_FOR(v, HV)
                            half_row[v] = vh32_load(w + NV * VF32_N + v * VH32_N);
                        UNROLL_FOR(i, P) {
                            const vf32 x = vf32_set1(p[i * pixel + c]);
                            UNROLL_FOR(v, NV)
                                sum[i * NV + v] = vf32_fma(x, row[v], sum[i * NV + v]);
                            UNROLL_FOR(v, HV)
                                half[i * HV + v] =
                                    vh32_fma(vf32_low(x), half_row[v], half[i * HV + v]);
                        }
                    }
                }
            next += 16 * spread;
            if (one && block + 1 < blocks) {
                fetch_out += out_block;
                fetch_add += add ? g->add_block : 0;
            }
        }
        if (!one || bare || HV || more == stop)
            break;
        if (more->to)
            UNROLL_FOR(i, P)
                UNROLL_FOR(v, NV)
                    vf32_store(more->to + i * 16 + v / BLOCK_NV * g->sum_block +
                                   v % BLOCK_NV * VF32_N,
                               sum[i * NV + v]);
        if (more->plus)
            UNROLL_FOR(i, P)
                UNROLL_FOR(v, NV)
                    sum[i * NV + v] =
                        vf32_add(sum[i * NV + v], vf32_load(more->plus + i * 16 +
                                                            v / BLOCK_NV * g->sum_block +
                                                            v % BLOCK_NV * VF32_N));
        if (more->bias)
            UNROLL_FOR(v, NV) {
                const vf32 b = vf32_load(more->bias + v * VF32_N);
                UNROLL_FOR(i, P)
                    sum[i * NV + v] = vf32_add(sum[i * NV + v], b);
            }
        in = more->in;
        in_block = more->block;
    }

    if (!bare && add)
        UNROLL_FOR(i, P)
            UNROLL_FOR(v, NV)
                sum[i * NV + v] =
                    vf32_add(sum[i * NV + v],
                             vf32_load(add + i * 16 + v / BLOCK_NV * g->add_block +
                                       v % BLOCK_NV * VF32_N));
    if (!bare && add)
        UNROLL_FOR(i, P)
            UNROLL_FOR(v, HV)
                half[i * HV + v] = vh32_add(
                    half[i * HV + v],
                    vh32_load(add + NV / BLOCK_NV * g->add_block + i * 16 + v * VH32_N));
    const vf32 lo = vf32_set1(g->lo), hi = vf32_set1(g->hi);
    UNROLL_FOR(i, P) {
        UNROLL_FOR(v, HV)
            vh32_store(out + half_at + conv_out_at(spans, g, i) + v * VH32_N,
                       vh32_min(vf32_low(hi), vh32_max(vf32_low(lo), half[i * HV + v])));
        UNROLL_FOR(v, HV)
            vh32_store(out + half_at + conv_out_at(spans, g, i) + 8 + v * VH32_N,
                       vh32_zero());
    }
    UNROLL_FOR(i, P)
        UNROLL_FOR(v, NV)
            vf32_store(out + conv_out_at(spans, g, i) + v / BLOCK_NV * out_block +
                           v % BLOCK_NV * VF32_N,
                       bare ? sum[i * NV + v]
                            : vf32_min(hi, vf32_max(lo, sum[i * NV + v])));
}

#define TILE(one, pixels, blocks, step)                                                \
    static CA_NOINLINE void tile_##one##_##pixels##x##blocks##_##step(                 \
        const CaConvGeo *g, float *out, const float *in, const float *w,               \
        const float *bias, const float *add, const float *start)                       \
    {                                                                                  \
        conv_tile(one, false, pixels, (blocks)*BLOCK_NV, 0, step, g, out, in, w, bias, \
                  add, start);                                                         \
    }
#define PRODUCT(pixels, blocks)                                                          \
    static CA_NOINLINE void product_##pixels##x##blocks(const CaConvGeo *g, float *out,  \
                                                        const float *in, const float *w) \
    {                                                                                    \
        conv_tile(true, true, pixels, (blocks)*BLOCK_NV, 0, 16, g, out, in, w, w, NULL,  \
                  NULL);                                                                 \
    }
#define ROW_PRODUCT(pixels, blocks) product_##pixels##x##blocks,
/* 1x1 of step 1, the last block of 8 results. */
#define TILE_HALF(pixels, blocks)                                                       \
    static CA_NOINLINE void tile_half_##pixels##x##blocks(                              \
        const CaConvGeo *g, float *out, const float *in, const float *w,                \
        const float *bias, const float *add, const float *start)                        \
    {                                                                                   \
        conv_tile(true, false, pixels, ((blocks)-1) * BLOCK_NV, 8 / VH32_N, 16, g, out, \
                  in, w, bias, add, start);                                             \
    }
#define ROW_HALF(pixels, blocks) tile_half_##pixels##x##blocks,
#define TILES_OF(pixels, blocks) \
    TILE(0, pixels, blocks, 16)  \
    TILE(0, pixels, blocks, 32)  \
    TILE(0, pixels, blocks, 1)   \
    TILE(0, pixels, blocks, 2)   \
    TILE(1, pixels, blocks, 16)  \
    TILE(1, pixels, blocks, 32)
#define TILE_ANY(pixels, blocks) TILE(0, pixels, blocks, 0)
#define ROW_0_16(pixels, blocks) tile_0_##pixels##x##blocks##_16,
#define ROW_0_32(pixels, blocks) tile_0_##pixels##x##blocks##_32,
#define ROW_0_1(pixels, blocks) tile_0_##pixels##x##blocks##_1,
#define ROW_0_2(pixels, blocks) tile_0_##pixels##x##blocks##_2,
#define ROW_1_16(pixels, blocks) tile_1_##pixels##x##blocks##_16,
#define ROW_1_32(pixels, blocks) tile_1_##pixels##x##blocks##_32,
#define ROW_ANY(pixels, blocks) tile_0_##pixels##x##blocks##_0,
#define TABLE(blocks)                                                        \
    static CaConvTile *const tiles_##blocks[2][2][MAX_PIXELS] = {            \
        {{EACH_PIXELS(ROW_0_16, blocks)}, {EACH_PIXELS(ROW_0_32, blocks)}},  \
        {{EACH_PIXELS(ROW_1_16, blocks)}, {EACH_PIXELS(ROW_1_32, blocks)}}}; \
    static CaConvTile *const planes_##blocks[2][MAX_PIXELS] = {              \
        {EACH_PIXELS(ROW_0_1, blocks)}, {EACH_PIXELS(ROW_0_2, blocks)}};     \
    static CaConvProduct *const products_##blocks[MAX_PIXELS] = {            \
        EACH_PIXELS(ROW_PRODUCT, blocks)};

EACH_PIXELS(TILES_OF, 1)
EACH_PIXELS(PRODUCT, 1)
EACH_PIXELS(TILE_ANY, 1)
TABLE(1)
static CaConvTile *const tiles_any[MAX_PIXELS] = {EACH_PIXELS(ROW_ANY, 1)};
EACH_PIXELS(TILE_HALF, 1)
static CaConvTile *const halves_1[MAX_PIXELS] = {EACH_PIXELS(ROW_HALF, 1)};
#if MAX_BLOCKS == 2
EACH_PIXELS(TILES_OF, 2)
EACH_PIXELS(PRODUCT, 2)
TABLE(2)
EACH_PIXELS(TILE_HALF, 2)
static CaConvTile *const halves_2[MAX_PIXELS] = {EACH_PIXELS(ROW_HALF, 2)};
#endif
#if WIDE_PIXELS
TILES_OF(7, 4)
static CaConvTile *const tiles_4[2][2] = {{tile_0_7x4_16, tile_0_7x4_32},
                                          {tile_1_7x4_16, tile_1_7x4_32}};
static CaConvTile *const planes_4[2] = {tile_0_7x4_1, tile_0_7x4_2};
#endif

static CaConvTile *conv_tile_of(bool one, int blocks, int pixels, CaConvStep step)
{
    if (step == CA_CONV_STEP_ANY)
        return tiles_any[pixels - 1];
    const bool planes = step >= CA_CONV_STEP_1;
    const int s = (int)step - (int)(planes ? CA_CONV_STEP_1 : CA_CONV_STEP_16);
#if WIDE_PIXELS
    if (blocks == 4)
        return planes ? planes_4[s] : tiles_4[one][s];
#endif
#if MAX_BLOCKS == 2
    if (blocks == 2)
        return planes ? planes_2[s][pixels - 1] : tiles_2[one][s][pixels - 1];
#endif
    (void)blocks;
    return planes ? planes_1[s][pixels - 1] : tiles_1[one][s][pixels - 1];
}

static CaConvProduct *conv_product_of(int blocks, int pixels)
{
#if MAX_BLOCKS == 2
    if (blocks == 2)
        return products_2[pixels - 1];
#endif
    (void)blocks;
    return products_1[pixels - 1];
}

static CaConvTile *conv_half_tile_of(int blocks, int pixels)
{
#if MAX_BLOCKS == 2
    if (blocks == 2)
        return halves_2[pixels - 1];
#endif
    (void)blocks;
    return halves_1[pixels - 1];
}

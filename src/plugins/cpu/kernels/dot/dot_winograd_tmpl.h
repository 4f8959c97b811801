/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Winograd F(2,3) of bf16: Y = A^T [(G g G^T) . (B^T d B)] A (Lavin and Gray 2016), points 0, 1, -1, infinity.
 *
 *      B^T =  1  0 -1  0        A^T = 1  1  1  0
 *             0  1  1  0              0  1 -1 -1
 *             0 -1  1  0
 *             0  1  0 -1
 *
 * Both transforms only add, in f32; what the product reads is rounded to bf16 once, but for the sum of four, which is
 * two numbers of bf16 (dot_winograd.c). The product is a tile of its own
 * beside dot_tile_tmpl.h's: sums start at zero and are stored as floats.
 * The includer gives what dot_tile_tmpl.h wants of it; this file is for bf16 only and comes behind that one.
 */

/* P tiles of V times NV vectors of results; a block of V is 16 channels of in_block bytes of tiles. */
CA_INLINE void product(const int P, const int NV, const CaDotProduct *g,
                       float *restrict out, const unsigned char *restrict in,
                       const unsigned char *restrict w)
{
    const unsigned char *next = g->next;
    vdot sum[28], row[4];

    UNROLL_FOR(i, P * NV)
        sum[i] = vf32_zero();
    for (int block = 0; block < g->n_blocks; block++, in += g->in_block) {
        const int n = block + 1 < g->n_blocks ? 16 / D : g->last;
        const float *to = out + (block < NV / BLOCK_NV ? block * g->out_block : 0);
        for (int q = 0; q < g->lines; q++, next += CA_CACHE_LINE)
            CA_PREFETCH_L2(next);
        for (int q = 0; q < n; q++, w += NV * VF32_N * 4) {
            CA_PREFETCH(in + P * 32 + q * CA_CACHE_LINE);
            CA_PREFETCH_W(to + q * 32);
            CA_PREFETCH_W(to + q * 32 + 16);
            UNROLL_FOR(v, NV)
                row[v] = vdot_row(w + v * VF32_N * 4);
            UNROLL_FOR(i, P) {
                const vdot x = vdot_word(in + i * 32 + q * 4);
                UNROLL_FOR(v, NV)
                    sum[i * NV + v] = vdot_step(sum[i * NV + v], x, row[v]);
            }
        }
    }
    UNROLL_FOR(i, P)
        UNROLL_FOR(v, NV)
            vf32_store(out + v / BLOCK_NV * g->out_block + i * 16 + v % BLOCK_NV * VF32_N,
                       vdot_float(sum[i * NV + v]));
}

#define PRODUCT(pixels, blocks)                                     \
    static CA_NOINLINE void product_##pixels##x##blocks(            \
        const CaDotProduct *g, float *out, const unsigned char *in, \
        const unsigned char *w)                                     \
    {                                                               \
        product(pixels, (blocks)*BLOCK_NV, g, out, in, w);          \
    }
#define PRODUCT_ROW(pixels, blocks) product_##pixels##x##blocks,

EACH_PIXELS(PRODUCT, 1)
static CaDotProductTile *const products_1[MAX_PIXELS] = {EACH_PIXELS(PRODUCT_ROW, 1)};
#if MAX_BLOCKS == 2
EACH_PIXELS(PRODUCT, 2)
static CaDotProductTile *const products_2[MAX_PIXELS] = {EACH_PIXELS(PRODUCT_ROW, 2)};
#endif

static CaDotProductTile *product_of(int blocks, int pixels)
{
#if MAX_BLOCKS == 2
    if (blocks == 2)
        return products_2[pixels - 1];
#endif
    (void)blocks;
    return products_1[pixels - 1];
}

/* Four numbers of a column or row by B^T. */
CA_INLINE void winograd_in_1d(vf32 *y, const vf32 *x)
{
    y[0] = vf32_sub(x[0], x[2]);
    y[1] = vf32_add(x[1], x[2]);
    y[2] = vf32_sub(x[2], x[1]);
    y[3] = vf32_sub(x[1], x[3]);
}

CA_INLINE void winograd_out_1d(vf32 *y, const vf32 *m)
{
    y[0] = vf32_add(vf32_add(m[0], m[1]), m[2]);
    y[1] = vf32_sub(vf32_sub(m[1], m[2]), m[3]);
}

/* Rows of the transformed columns, four of them from `at` on, become the planes of one tile. */
CA_INLINE void winograd_rows(unsigned char *v, ptrdiff_t xi_stride, vf32 columns[4][4])
{
    vf32 x[4], y[4];
    UNROLL_FOR(r, 4) {
        UNROLL_FOR(i, 4)
            x[i] = columns[i][r];
        winograd_in_1d(y, x);
        UNROLL_FOR(i, 4)
            narrow_store(v + ca_dot_winograd_plane(r * 4 + i) * xi_stride, y[i]);
        if (r == 1) { /* the sum of four: what its rounding left, and itself again */
            unsigned char *sum = v + CA_DOT_WINOGRAD_SUM * xi_stride;
            narrow_store(sum + xi_stride, vf32_sub(y[1], narrow_load(sum)));
            narrow_store(sum + 2 * xi_stride, y[1]);
        }
    }
}

/* A column of four rows at `in`, transformed. Rows outside [y0, y1) are not read. */
CA_INLINE void winograd_column(vf32 *y, const unsigned char *in, ptrdiff_t row_stride,
                               const bool whole, int y0, int y1)
{
    vf32 x[4];
    UNROLL_FOR(r, 4)
        x[r] =
            whole || (r >= y0 && r < y1) ? narrow_load(in + r * row_stride) : vf32_zero();
    winograd_in_1d(y, x);
}

/* n tiles of one row: each takes two columns over from the one before. */
CA_INLINE void winograd_run(unsigned char *v, ptrdiff_t xi_stride,
                            const unsigned char *in, ptrdiff_t row_stride, int n)
{
    vf32 columns[4][4];
    winograd_column(columns[2], in, row_stride, true, 0, 4);
    winograd_column(columns[3], in + 32, row_stride, true, 0, 4);
    for (int t = 0; t < n; t++, v += 32) {
        in += 64;
        UNROLL_FOR(r, 4) {
            columns[0][r] = columns[2][r];
            columns[1][r] = columns[3][r];
        }
        winograd_column(columns[2], in, row_stride, true, 0, 4);
        winograd_column(columns[3], in + 32, row_stride, true, 0, 4);
        winograd_rows(v, xi_stride, columns);
    }
}

static void winograd_in(unsigned char *v, ptrdiff_t xi_stride, const unsigned char *in,
                        ptrdiff_t row_stride, int n, int y0, int y1, int x0, int x1)
{
    vf32 columns[4][4];
    int t = 0;
    for (int lane = 0; lane < 16; lane += VF32_N) {
        unsigned char *to = v + lane * 2;
        const unsigned char *from = in + lane * 2;
        int whole = x0 <= 0 && y0 <= 0 && y1 >= 4 ? (x1 - 2) / 2 : 0;
        whole = whole < n ? whole : n;
        if (whole > 0)
            winograd_run(to, xi_stride, from, row_stride, whole);
        for (t = whole > 0 ? whole : 0; t < n; t++) {
            for (int i = 0; i < 4; i++) {
                const int x = 2 * t + i;
                const bool is_there = x >= x0 && x < x1;
                winograd_column(columns[i], from + x * 32, row_stride, false,
                                is_there ? y0 : 4, is_there ? y1 : 4);
            }
            winograd_rows(to + t * 32, xi_stride, columns);
        }
    }
}

CA_INLINE void winograd_out_as(CaElem out_elem, CaElem add_elem, bool has_add,
                               const CaDotGeo *g, unsigned char *out,
                               ptrdiff_t row_stride, int ny, int nx, const float *m,
                               ptrdiff_t xi_stride, const float *bias,
                               const unsigned char *add, ptrdiff_t add_row_stride)
{
    const ptrdiff_t out_size = out_elem == CA_ELEM_F32 ? 4 : E,
                    add_size = add_elem == CA_ELEM_F32 ? 4 : E;
    for (int lane = 0; lane < 16; lane += VF32_N) {
        const vf32 b = vf32_load(bias + lane);
        vf32 rows[4][2], x[4], y[2][2];
        UNROLL_FOR(r, 4) {
            UNROLL_FOR(i, 4)
                x[i] = vf32_load(m + lane + (r * 4 + i) * xi_stride);
            winograd_out_1d(rows[r], x);
        }
        UNROLL_FOR(i, 2) {
            vf32 z[2];
            UNROLL_FOR(r, 4)
                x[r] = rows[r][i];
            winograd_out_1d(z, x);
            y[0][i] = vf32_add(z[0], b);
            y[1][i] = vf32_add(z[1], b);
        }
        UNROLL_FOR(r, 2)
            UNROLL_FOR(i, 2)
                if (r < ny && i < nx)
                    dot_end(out_elem, add_elem, has_add, g,
                            out + r * row_stride + (i * 16 + lane) * out_size, y[r][i],
                            y[r][i], y[r][i],
                            has_add
                                ? add + r * add_row_stride + (i * 16 + lane) * add_size
                                : NULL);
    }
}

static void winograd_out(const CaDotGeo *g, unsigned char *out, ptrdiff_t row_stride,
                         int ny, int nx, const float *m, ptrdiff_t xi_stride,
                         const float *bias, const unsigned char *add,
                         ptrdiff_t add_row_stride)
{
    if (g->out == ELEM && !add && ny == 2 && nx == 2)
        winograd_out_as(ELEM, ELEM, false, g, out, row_stride, 2, 2, m, xi_stride, bias,
                        NULL, 0);
    else
        winograd_out_as(g->out, g->add, add != NULL, g, out, row_stride, ny, nx, m,
                        xi_stride, bias, add, add_row_stride);
}

static const CaDotWinograd winograd = {product_of, winograd_in, winograd_out};

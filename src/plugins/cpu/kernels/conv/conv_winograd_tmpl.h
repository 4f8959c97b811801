/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transforms of Winograd F(m,3), Y = A^T [(G g G^T) . (B^T d B)] A, m = 2 NP, points 0, +-p[i],
 * infinity (Lavin and Gray 2016; points after Barabasz et al. 2018, pairs measured better).
 *
 * Everything follows from the points. Row of B^T for point q: the coefficients of the product of
 * (x - r) over the other points r; for infinity, over all of them. A^T[i][q] = q^i, infinity in
 * the last row only. A pair +-p shares the even and the odd part of its rows.
 * One tile of 16 channels at a time. In: a row of places, or a pair of +-p, after the other, so that nothing waits in
 * memory. Out: rows after columns, through a buffer that stays in L1.
 */
CA_INLINE vf32 times(double k, vf32 x)
{
    return k == 1 ? x : vf32_mul(vf32_set1((float)k), x);
}

/* y + k x */
CA_INLINE vf32 plus_times(double k, vf32 x, vf32 y)
{
    return k == 1 ? vf32_add(y, x) : vf32_fma(vf32_set1((float)k), x, y);
}

/* Points 0 (of x[0], x[2], x[4]) and infinity (of x[1], x[3], x[5]). */
CA_INLINE vf32 winograd_in_outer(const int NP, const double *p, const vf32 *x)
{
    const double a = p[0] * p[0], b = p[NP - 1] * p[NP - 1];

    return NP == 1 ? plus_times(-a, x[0], x[2])
                   : plus_times(a * b, x[0], plus_times(-(a + b), x[2], x[4]));
}

/* Points p[i] and -p[i]. */
CA_INLINE void winograd_in_pair(const int NP, const double *p, const int i, const vf32 *x,
                                vf32 *plus, vf32 *minus)
{
    const double other = p[NP - 1 - i] * p[NP - 1 - i];
    const vf32 even = NP == 1 ? x[2] : plus_times(-other, x[2], x[4]);
    const vf32 odd = NP == 1 ? x[1] : plus_times(-other, x[1], x[3]);

    *plus = plus_times(p[i], odd, even);
    *minus = plus_times(-p[i], odd, even);
}

/* A row of the result, of what the columns gave. */
CA_INLINE void winograd_in_row(const int NP, const double *p, float *v,
                               ptrdiff_t xi_stride, const vf32 *x, bool has_last)
{
    vf32 y[6];

    y[0] = winograd_in_outer(NP, p, x);
    UNROLL_FOR(i, NP)
        winograd_in_pair(NP, p, i, x, &y[1 + 2 * i], &y[2 + 2 * i]);
    y[2 * NP + 1] = winograd_in_outer(NP, p, x + 1);
    UNROLL_FOR(i, 2 * NP + 1)
        vf32_store(v + i * xi_stride, y[i]);
    if (has_last)
        vf32_store(v + (2 * NP + 1) * xi_stride, y[2 * NP + 1]);
}

CA_INLINE void winograd_out_1d(const int NP, const double *p, const vf32 *m, vf32 *y)
{
    vf32 even[2], odd[2];

    UNROLL_FOR(i, NP) {
        even[i] = vf32_add(m[1 + 2 * i], m[2 + 2 * i]);
        odd[i] = vf32_sub(m[1 + 2 * i], m[2 + 2 * i]);
    }
    UNROLL_FOR(j, 2 * NP) {
        vf32 sum = m[0];
        UNROLL_FOR(i, NP) {
            double power = 1;
            UNROLL_FOR(q, j)
                power *= p[i];
            const vf32 z = j & 1 ? odd[i] : even[i];
            sum = i == 0 && j ? times(power, z) : plus_times(power, z, sum);
        }
        y[j] = j == 2 * NP - 1 ? vf32_add(sum, m[2 * NP + 1]) : sum;
    }
}

/* The tile's input with its zeros, A x A. */
static CA_NOINLINE void winograd_edge(float *to, const int A, const float *in,
                                      ptrdiff_t row_stride, const CaWinogradTile *tile)
{
    for (int r = 0; r < A; r++)
        for (int i = 0; i < A; i++, to += 16) {
            const bool is_there =
                r >= tile->y0 && r < tile->y1 && i >= tile->x0 && i < tile->x1;
            for (int lane = 0; lane < 16; lane += VF32_N)
                vf32_store(to + lane, is_there
                                          ? vf32_load(in + r * row_stride + i * 16 + lane)
                                          : vf32_zero());
        }
}

/* A column of the input; `last`: from its first row to its last. */
CA_INLINE void winograd_column(const int A, vf32 *x, const float *in,
                               ptrdiff_t row_stride, ptrdiff_t last)
{
    UNROLL_FOR(r, A - 1)
        x[r] = vf32_load(in + r * row_stride);
    x[A - 1] = vf32_load(in + last);
}

CA_INLINE void winograd_in(const int NP, const double *p, float *v, ptrdiff_t xi_stride,
                           const float *in, ptrdiff_t row_stride,
                           const CaWinogradTile *tile)
{
    const int A = 2 * NP + 2;
    const int rows = A - tile->is_short_y, cols = A - tile->is_short_x;
    const ptrdiff_t v_row = A * xi_stride;
    float edge[36 * 16];

    if (tile->y0 > 0 || tile->x0 > 0 || tile->y1 < rows || tile->x1 < cols) {
        winograd_edge(edge, A, in, row_stride, tile);
        in = edge;
        row_stride = A * 16;
    }
    /* A short tile's last row and column take part in nothing that is written: any will do. */
    const ptrdiff_t last_row = rows == A ? (A - 1) * row_stride : 0;
    const ptrdiff_t last_col = cols == A ? (A - 1) * 16 : 0;
    for (int lane = 0; lane < 16; lane += VF32_N, in += VF32_N, v += VF32_N) {
        vf32 x[6], plus[6], minus[6];
        UNROLL_FOR(k, NP) {
            UNROLL_FOR(i, A) {
                winograd_column(A, x, in + (i == A - 1 ? last_col : i * 16), row_stride,
                                last_row);
                winograd_in_pair(NP, p, k, x, &plus[i], &minus[i]);
            }
            winograd_in_row(NP, p, v + (1 + 2 * k) * v_row, xi_stride, plus, cols == A);
            winograd_in_row(NP, p, v + (2 + 2 * k) * v_row, xi_stride, minus, cols == A);
        }
        UNROLL_FOR(i, A) {
            winograd_column(A, x, in + (i == A - 1 ? last_col : i * 16), row_stride,
                            last_row);
            plus[i] = winograd_in_outer(NP, p, x);
            minus[i] = winograd_in_outer(NP, p, x + 1);
        }
        winograd_in_row(NP, p, v, xi_stride, plus, cols == A);
        if (rows == A)
            winograd_in_row(NP, p, v + (A - 1) * v_row, xi_stride, minus, cols == A);
    }
}

CA_INLINE void winograd_out(const int NP, const double *p, float *out,
                            ptrdiff_t row_stride, int ny, int nx, const float *m,
                            ptrdiff_t xi_stride, const CaWinogradEnd *end)
{
    const int A = 2 * NP + 2, M = 2 * NP;
    const bool last_y = !end->is_short_y, last_x = !end->is_short_x;
    const int cols = A - end->is_short_x;
    const vf32 lo = vf32_set1(end->lo), hi = vf32_set1(end->hi);

    for (int lane = 0; lane < 16; lane += VF32_N) {
        const vf32 bias = vf32_load(end->bias + lane);
        float buffer[4][6 * VF32_N];
        vf32 t[6], y[4];
        for (int i = 0; i < cols; i++) {
            UNROLL_FOR(r, A - 1)
                t[r] = vf32_load(m + lane + (r * A + i) * xi_stride);
            t[A - 1] = last_y ? vf32_load(m + lane + ((A - 1) * A + i) * xi_stride)
                              : vf32_zero();
            winograd_out_1d(NP, p, t, y);
            UNROLL_FOR(r, M)
                vf32_store(buffer[r] + i * VF32_N, y[r]);
        }
        for (int r = 0; r < ny; r++) {
            UNROLL_FOR(i, A - 1)
                t[i] = vf32_load(buffer[r] + i * VF32_N);
            t[A - 1] = last_x ? vf32_load(buffer[r] + (A - 1) * VF32_N) : vf32_zero();
            winograd_out_1d(NP, p, t, y);
            UNROLL_FOR(i, M) {
                if (i < nx) {
                    vf32 z = vf32_add(y[i], bias);
                    if (end->add)
                        z = vf32_add(z, vf32_load(end->add + lane +
                                                  r * end->add_row_stride + i * 16));
                    vf32_store(out + lane + r * row_stride + i * 16,
                               vf32_min(hi, vf32_max(lo, z)));
                }
            }
        }
    }
}

static void winograd_in_2(float *v, ptrdiff_t xi_stride, const float *in,
                          ptrdiff_t row_stride, const CaWinogradTile *tile)
{
    static const double p[] = {CA_WINOGRAD_POINTS_2};
    winograd_in(1, p, v, xi_stride, in, row_stride, tile);
}

static void winograd_in_4(float *v, ptrdiff_t xi_stride, const float *in,
                          ptrdiff_t row_stride, const CaWinogradTile *tile)
{
    static const double p[] = {CA_WINOGRAD_POINTS_4};
    winograd_in(2, p, v, xi_stride, in, row_stride, tile);
}

static void winograd_out_2(float *out, ptrdiff_t row_stride, int ny, int nx,
                           const float *m, ptrdiff_t xi_stride, const CaWinogradEnd *end)
{
    static const double p[] = {CA_WINOGRAD_POINTS_2};
    winograd_out(1, p, out, row_stride, ny, nx, m, xi_stride, end);
}

static void winograd_out_4(float *out, ptrdiff_t row_stride, int ny, int nx,
                           const float *m, ptrdiff_t xi_stride, const CaWinogradEnd *end)
{
    static const double p[] = {CA_WINOGRAD_POINTS_4};
    winograd_out(2, p, out, row_stride, ny, nx, m, xi_stride, end);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transforms of Winograd F(m,3), Y = A^T [(G g G^T) . (B^T d B)] A, m = 2 NP, points 0, +-p[i],
 * infinity (Lavin and Gray 2016; points after Barabasz et al. 2018, pairs measured better).
 *
 * Everything follows from the points. Row of B^T for point q: the coefficients of the product of
 * (x - r) over the other points r; for infinity, over all of them. A^T[i][q] = q^i, infinity in
 * the last row only. A pair +-p shares the even and the odd part of its rows.
 * One tile of 16 channels at a time, columns after rows, through a buffer that stays in L1.
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

CA_INLINE void winograd_in_1d(const int NP, const double *p, vf32 *x)
{
    const double a = p[0] * p[0], b = NP > 1 ? p[NP - 1] * p[NP - 1] : 0;

    if (NP == 1) {
        const vf32 first = plus_times(-a, x[0], x[2]), last = plus_times(-a, x[1], x[3]);
        const vf32 even = x[2], odd = times(p[0], x[1]);
        x[0] = first;
        x[1] = vf32_add(even, odd);
        x[2] = vf32_sub(even, odd);
        x[3] = last;
    } else {
        const vf32 first = plus_times(a * b, x[0], plus_times(-(a + b), x[2], x[4]));
        const vf32 last = plus_times(a * b, x[1], plus_times(-(a + b), x[3], x[5]));
        const vf32 even0 = plus_times(-b, x[2], x[4]), odd0 = plus_times(-b, x[1], x[3]);
        const vf32 even1 = plus_times(-a, x[2], x[4]), odd1 = plus_times(-a, x[1], x[3]);
        x[0] = first;
        x[1] = plus_times(p[0], odd0, even0);
        x[2] = plus_times(-p[0], odd0, even0);
        x[3] = plus_times(p[NP - 1], odd1, even1);
        x[4] = plus_times(-p[NP - 1], odd1, even1);
        x[5] = last;
    }
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

CA_INLINE void winograd_in(const int NP, const double *p, float *v, ptrdiff_t xi_stride,
                           const float *in, ptrdiff_t row_stride,
                           const CaWinogradTile *tile)
{
    const int A = 2 * NP + 2, rows = A - tile->is_short_y, cols = A - tile->is_short_x;
    const int y0 = tile->y0, y1 = tile->y1, x0 = tile->x0, x1 = tile->x1;
    const bool whole = y0 <= 0 && x0 <= 0 && y1 >= A && x1 >= A;

    for (int lane = 0; lane < 16; lane += VF32_N, in += VF32_N, v += VF32_N) {
        float buffer[36 * VF32_N];
        vf32 t[6];
        for (int r = 0; r < rows; r++) {
            UNROLL_FOR(i, A)
                t[i] = whole || (r >= y0 && r < y1 && i >= x0 && i < x1)
                           ? vf32_load(in + r * row_stride + i * 16)
                           : vf32_zero();
            winograd_in_1d(NP, p, t);
            UNROLL_FOR(i, A)
                vf32_store(buffer + (r * A + i) * VF32_N, t[i]);
        }
        for (int i = 0; i < cols; i++) {
            UNROLL_FOR(r, A - 1)
                t[r] = vf32_load(buffer + (r * A + i) * VF32_N);
            t[A - 1] =
                rows == A ? vf32_load(buffer + ((A - 1) * A + i) * VF32_N) : vf32_zero();
            winograd_in_1d(NP, p, t);
            UNROLL_FOR(r, A - 1)
                vf32_store(v + (r * A + i) * xi_stride, t[r]);
            if (rows == A)
                vf32_store(v + ((A - 1) * A + i) * xi_stride, t[A - 1]);
        }
    }
}

CA_INLINE void winograd_out(const int NP, const double *p, float *out,
                            ptrdiff_t row_stride, int ny, int nx, const float *m,
                            ptrdiff_t xi_stride, const CaWinogradEnd *end)
{
    const int A = 2 * NP + 2, M = 2 * NP;
    const int rows = A - end->is_short_y, cols = A - end->is_short_x;
    const vf32 lo = vf32_set1(end->lo), hi = vf32_set1(end->hi);

    for (int lane = 0; lane < 16; lane += VF32_N) {
        float buffer[24 * VF32_N];
        const vf32 bias = vf32_load(end->bias + lane);
        vf32 t[6], y[4];
        for (int i = 0; i < cols; i++) {
            UNROLL_FOR(r, A - 1)
                t[r] = vf32_load(m + lane + (r * A + i) * xi_stride);
            t[A - 1] = rows == A ? vf32_load(m + lane + ((A - 1) * A + i) * xi_stride)
                                 : vf32_zero();
            winograd_out_1d(NP, p, t, y);
            UNROLL_FOR(r, M)
                vf32_store(buffer + (r * A + i) * VF32_N, y[r]);
        }
        for (int r = 0; r < ny; r++) {
            UNROLL_FOR(i, A - 1)
                t[i] = vf32_load(buffer + (r * A + i) * VF32_N);
            t[A - 1] =
                cols == A ? vf32_load(buffer + (r * A + A - 1) * VF32_N) : vf32_zero();
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

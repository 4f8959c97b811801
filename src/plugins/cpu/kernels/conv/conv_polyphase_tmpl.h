/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transforms of Winograd for 3x3 of step 2. Along an axis a result is y[i] = g0 x[2i] + g1 x[2i + 1] + g2 x[2i + 2]:
 * the even inputs meet two taps, which is F(m,2) in m + 1 products for m results, and the odd ones meet one, m products:
 * 2m + 1 instead of 3m, both axes 81 of 144 (m = 4) or 25 of 36 (m = 2).
 *
 * m = 2 NP, points +-p[i] and infinity: the rows of F(m,3) (conv_winograd_tmpl.h) without those of the point 0, their
 * x[1], x[2], .. being the even inputs. Places along an axis: m points, infinity, then the m odd inputs as they are.
 * A short tile has neither infinity nor the last odd input.
 */

/* A row of 2m + 1 inputs to its places. */
CA_INLINE void polyphase_in_row(const int NP, const double *p, float *v,
                                ptrdiff_t xi_stride, const vf32 *x, bool is_short)
{
    const int M = 2 * NP;
    vf32 even[6], y[4];

    UNROLL_FOR(i, M + 1)
        even[1 + i] = x[2 * i];
    UNROLL_FOR(i, NP)
        winograd_in_pair(NP, p, i, even, &y[2 * i], &y[2 * i + 1]);
    UNROLL_FOR(i, M)
        vf32_store(v + i * xi_stride, y[i]);
    UNROLL_FOR(i, M - 1)
        vf32_store(v + (M + 1 + i) * xi_stride, x[2 * i + 1]);
    if (!is_short) {
        vf32_store(v + M * xi_stride, winograd_in_outer(NP, p, even + 1));
        vf32_store(v + 2 * M * xi_stride, x[2 * M - 1]);
    }
}

CA_INLINE void polyphase_in(const int NP, const double *p, float *v, ptrdiff_t xi_stride,
                            const float *in, ptrdiff_t row_stride,
                            const CaWinogradTile *tile)
{
    const int M = 2 * NP, D = 2 * M + 1;
    const bool short_y = tile->is_short_y, short_x = tile->is_short_x;
    const ptrdiff_t v_row = D * xi_stride;
    float edge[81 * 16];

    if (tile->y0 > 0 || tile->x0 > 0 || tile->y1 < D - 2 * short_y ||
        tile->x1 < D - 2 * short_x) {
        winograd_edge(edge, D, in, row_stride, tile);
        in = edge;
        row_stride = D * 16;
    }
    /* A short tile's last two rows and columns take part in nothing that is written: any will do. */
    const ptrdiff_t last_row = short_y ? 0 : 2 * M * row_stride;
    const ptrdiff_t last_col = short_x ? 0 : 16;
    for (int lane = 0; lane < 16; lane += VF32_N, in += VF32_N, v += VF32_N) {
        vf32 x[6], plus[9], minus[9];
        UNROLL_FOR(k, NP) {
            UNROLL_FOR(c, D) {
                const float *from = in + (c < D - 2 ? c * 16 : c * last_col);
                UNROLL_FOR(r, M)
                    x[1 + r] = vf32_load(from + 2 * r * row_stride);
                winograd_in_pair(NP, p, k, x, &plus[c], &minus[c]);
            }
            polyphase_in_row(NP, p, v + 2 * k * v_row, xi_stride, plus, short_x);
            polyphase_in_row(NP, p, v + (2 * k + 1) * v_row, xi_stride, minus, short_x);
        }
        UNROLL_FOR(c, D) {
            const float *from = in + (c < D - 2 ? c * 16 : c * last_col);
            UNROLL_FOR(r, M)
                x[1 + r] = vf32_load(from + 2 * r * row_stride);
            x[1 + M] = vf32_load(from + last_row);
            plus[c] = winograd_in_outer(NP, p, x + 1);
        }
        if (!short_y)
            polyphase_in_row(NP, p, v + M * v_row, xi_stride, plus, short_x);
        for (int j = 0; j < M - short_y; j++) {
            UNROLL_FOR(c, D)
                plus[c] = vf32_load(in + (2 * j + 1) * row_stride +
                                    (c < D - 2 ? c * 16 : c * last_col));
            polyphase_in_row(NP, p, v + (M + 1 + j) * v_row, xi_stride, plus, short_x);
        }
    }
}

/* m: 2M + 1 places, `stride` apart; those that a short tile has not are not read. */
CA_INLINE void polyphase_out_1d(const int NP, const double *p, const float *m,
                                ptrdiff_t stride, bool is_short, vf32 *y)
{
    const int M = 2 * NP;
    vf32 t[6], odd[4];

    UNROLL_FOR(i, M)
        t[1 + i] = vf32_load(m + i * stride);
    UNROLL_FOR(i, M - 1)
        odd[i] = vf32_load(m + (M + 1 + i) * stride);
    t[M + 1] = is_short ? vf32_zero() : vf32_load(m + M * stride);
    odd[M - 1] = is_short ? vf32_zero() : vf32_load(m + 2 * M * stride);
    t[0] = odd[0];
    winograd_out_1d(NP, p, t, y);
    UNROLL_FOR(i, M - 1)
        y[1 + i] = vf32_add(y[1 + i], odd[1 + i]);
}

CA_INLINE void polyphase_out(const int NP, const double *p, float *out,
                             ptrdiff_t row_stride, int ny, int nx, const float *m,
                             ptrdiff_t xi_stride, const CaWinogradEnd *end)
{
    const int M = 2 * NP, D = 2 * M + 1;
    const vf32 lo = vf32_set1(end->lo), hi = vf32_set1(end->hi);

    for (int lane = 0; lane < 16; lane += VF32_N) {
        const vf32 bias = vf32_load(end->bias + lane);
        float buffer[4][9 * VF32_N]; /* [column][place] */
        vf32 y[4];
        for (int r = 0; r < D; r++) {
            if (end->is_short_y && (r == M || r == 2 * M))
                continue;
            polyphase_out_1d(NP, p, m + lane + r * D * xi_stride, xi_stride,
                             end->is_short_x, y);
            UNROLL_FOR(i, M)
                vf32_store(buffer[i] + r * VF32_N, y[i]);
        }
        for (int i = 0; i < nx; i++) {
            float *to = out + lane + i * 16;
            const float *add = end->add ? end->add + lane + i * 16 : NULL;
            polyphase_out_1d(NP, p, buffer[i], VF32_N, end->is_short_y, y);
            UNROLL_FOR(r, M) {
                if (r < ny) {
                    vf32 z = vf32_add(y[r], bias);
                    if (add)
                        z = vf32_add(z, vf32_load(add + r * end->add_row_stride));
                    vf32_store(to + r * row_stride, vf32_min(hi, vf32_max(lo, z)));
                }
            }
        }
    }
}

static void polyphase_in_2(float *v, ptrdiff_t xi_stride, const float *in,
                           ptrdiff_t row_stride, const CaWinogradTile *tile)
{
    static const double p[] = {CA_POLYPHASE_POINTS_2};
    polyphase_in(1, p, v, xi_stride, in, row_stride, tile);
}

static void polyphase_in_4(float *v, ptrdiff_t xi_stride, const float *in,
                           ptrdiff_t row_stride, const CaWinogradTile *tile)
{
    static const double p[] = {CA_POLYPHASE_POINTS_4};
    polyphase_in(2, p, v, xi_stride, in, row_stride, tile);
}

static void polyphase_out_2(float *out, ptrdiff_t row_stride, int ny, int nx,
                            const float *m, ptrdiff_t xi_stride, const CaWinogradEnd *end)
{
    static const double p[] = {CA_POLYPHASE_POINTS_2};
    polyphase_out(1, p, out, row_stride, ny, nx, m, xi_stride, end);
}

static void polyphase_out_4(float *out, ptrdiff_t row_stride, int ny, int nx,
                            const float *m, ptrdiff_t xi_stride, const CaWinogradEnd *end)
{
    static const double p[] = {CA_POLYPHASE_POINTS_4};
    polyphase_out(2, p, out, row_stride, ny, nx, m, xi_stride, end);
}

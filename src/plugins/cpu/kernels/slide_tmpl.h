/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise 3x3 of step S (1 or 2), R rows of results at once: one vector of channels slides along the rows, column by
 * column. A column of the input is loaded once, R * S + 3 - S vectors for R results, and goes into the sums of all
 * results that it touches; filter and sums stay in registers. Sums run column by column, in each from top to bottom,
 * for every R: how rows are cut into strips does not show.
 *
 * The includer gives its simd_<isa>.h, slide.h, SLIDE_ROWS (3 with 32 registers, 2 with 16), and
 *      SLIDE_E                        bytes of an element of the input
 *      slide_load(p)                  VF32_N elements as floats
 *      slide_add(y, g, add)           y and VF32_N elements of the residual, whose first is at add
 *      slide_add_at(g, i)             bytes to the residual's element i
 *      slide_store(out, wide, y)      VF32_N results; wide: floats, whatever the input is
 * Registers, for 3 rows of step 1: 9 of the filter, 9 sums, 1 of the input, bias and bounds: 22 of 32.
 */
#include "slide.h"

typedef vf32 SlideSums[SLIDE_ROWS];

/* A column of the input: it is column k of the window of results a, k - S of b's, k - 2 S of c's. NULL: of no result's. */
CA_INLINE void slide_column(const int S, const int R, const CaSlide *g,
                            const unsigned char *in, const vf32 *f, vf32 bias, vf32 *a,
                            const int ka, vf32 *b, const int kb, vf32 *c, const int kc)
{
    UNROLL_FOR(r, (R - 1) * S + 3) {
        const vf32 x = slide_load(in + r * g->in_row);
        UNROLL_FOR(i, R) {
            const int ky = r - i * S;
            if (ky < 0 || ky > 2)
                continue;
            if (a)
                a[i] = vf32_fma(x, f[ky * 3 + ka], ka == 0 && ky == 0 ? bias : a[i]);
            if (b)
                b[i] = vf32_fma(x, f[ky * 3 + kb], kb == 0 && ky == 0 ? bias : b[i]);
            if (c)
                c[i] = vf32_fma(x, f[ky * 3 + kc], kc == 0 && ky == 0 ? bias : c[i]);
        }
    }
}

CA_INLINE void slide_end(const bool wide, const int R, const CaSlide *g,
                         unsigned char *out, const vf32 *sum, const unsigned char *add)
{
    const vf32 lo = vf32_set1(g->lo), hi = vf32_set1(g->hi);
    UNROLL_FOR(i, R) {
        vf32 y = sum[i];
        if (add)
            y = slide_add(y, g, add + i * g->add_row);
        slide_store(out + i * g->out_row, wide, vf32_min(hi, vf32_max(lo, y)));
    }
}

/* Where the strip is: of each operand the next pixel. */
typedef struct SlideAt {
    const unsigned char *in, *add;
    unsigned char *out;
} SlideAt;

/* The results a, whose last column is next, and what that column gives to those after them. */
CA_INLINE void slide_pixel(const bool wide, const int S, const int R, const CaSlide *g,
                           SlideAt *at, const vf32 *f, vf32 bias, vf32 *a, vf32 *b,
                           vf32 *c)
{
    enum { PIXEL = 16 * SLIDE_E };
    if (S == 2) {
        slide_column(S, R, g, at->in, f, bias, a, 1, NULL, 0, NULL, 0);
        at->in += PIXEL;
        slide_column(S, R, g, at->in, f, bias, a, 2, b, 0, NULL, 0);
    } else
        slide_column(S, R, g, at->in, f, bias, a, 2, b, 1, c, 0);
    at->in += PIXEL;
    slide_end(wide, R, g, at->out, a, at->add);
    at->out += 16 * (wide ? (int)sizeof(float) : SLIDE_E);
    at->add += at->add ? slide_add_at(g, 16) : 0;
}

CA_INLINE void slide_strip(const bool wide, const int S, const int R, const CaSlide *g,
                           SlideAt at, int n, const float *w, const float *bias)
{
    const int ahead = S == 1 ? 2 : 1; /* results that are begun before one is finished */
    const vf32 b = vf32_load(bias);
    vf32 f[9];
    SlideSums s[3];
    int left = n - ahead;

    UNROLL_FOR(i, 9)
        f[i] = vf32_load(w + i * 16);
    slide_column(S, R, g, at.in, f, b, s[0], 0, NULL, 0, NULL, 0);
    at.in += 16 * SLIDE_E;
    if (S == 1) {
        slide_column(S, R, g, at.in, f, b, s[0], 1, s[1], 0, NULL, 0);
        at.in += 16 * SLIDE_E;
    }
    for (; left > 0 && left % 3; left--) {
        slide_pixel(wide, S, R, g, &at, f, b, s[0], s[1], s[2]);
        UNROLL_FOR(i, R) {
            s[0][i] = s[1][i];
            s[1][i] = s[2][i];
        }
    }
    for (; left > 0; left -= 3) {
        slide_pixel(wide, S, R, g, &at, f, b, s[0], s[1], s[2]);
        slide_pixel(wide, S, R, g, &at, f, b, s[1], s[2], s[0]);
        slide_pixel(wide, S, R, g, &at, f, b, s[2], s[0], s[1]);
    }
    if (S == 1 && n > 1) {
        slide_pixel(wide, S, R, g, &at, f, b, s[0], s[1], NULL);
        UNROLL_FOR(i, R)
            s[0][i] = s[1][i];
    }
    slide_pixel(wide, S, R, g, &at, f, b, s[0], NULL, NULL);
}

CA_INLINE void slide(const bool wide, const int S, const CaSlide *g, unsigned char *out,
                     int n_rows, int n, const unsigned char *in, const float *w,
                     const float *bias, const unsigned char *add)
{
    const ptrdiff_t size = wide ? (ptrdiff_t)sizeof(float) : SLIDE_E;
    for (int row = 0, rows; row < n_rows; row += rows) {
        const int left = n_rows - row;
        rows = left < SLIDE_ROWS ? left : left == SLIDE_ROWS + 1 ? 2 : SLIDE_ROWS;
        for (int lane = 0; lane < 16; lane += VF32_N) {
            const SlideAt at = {in + lane * SLIDE_E,
                                add ? add + slide_add_at(g, lane) : NULL,
                                out + lane * size};
            if (rows == 1)
                slide_strip(wide, S, 1, g, at, n, w + lane, bias + lane);
            else if (rows == 2)
                slide_strip(wide, S, 2, g, at, n, w + lane, bias + lane);
            else
                slide_strip(wide, S, SLIDE_ROWS, g, at, n, w + lane, bias + lane);
        }
        in += rows * S * g->in_row;
        out += rows * g->out_row;
        add += add ? rows * g->add_row : 0;
    }
}

#define SLIDE(name, wide, S)                                                     \
    static void name(const CaSlide *g, unsigned char *out, int n_rows, int n,    \
                     const unsigned char *in, const float *w, const float *bias, \
                     const unsigned char *add)                                   \
    {                                                                            \
        slide(wide, S, g, out, n_rows, n, in, w, bias, add);                     \
    }

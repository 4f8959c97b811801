/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing against its definition: the weighted sum over the taps of both axes, in double.
 */
#include "kcheck.h"
#include "kcheck_acts.h"

#include "kernels/resize/resize.h"

#include <float.h>
#include <math.h>

/* A table of any weights at any places. */
static CaResizeAxis random_axis(int64_t in, int64_t out, int taps)
{
    int32_t *first = kc_bytes((size_t)out * sizeof *first);
    for (int64_t i = 0; i < out; i++)
        first[i] = kc_int((int)(in - taps) + 1);
    return (CaResizeAxis){in, out, taps, first, kc_floats((size_t)(out * taps))};
}

typedef struct Sum {
    double value, size;
} Sum;

/* One output from p, whose rows are row_step and pixels pixel_step floats apart. */
static Sum define(const CaResize *r, const float *p, ptrdiff_t row_step,
                  ptrdiff_t pixel_step, int64_t y, int64_t x)
{
    const int n_s = r->y.taps ? r->y.taps : 1, n_t = r->x.taps ? r->x.taps : 1;
    Sum sum = {0, 0};
    for (int s = 0; s < n_s; s++)
        for (int t = 0; t < n_t; t++) {
            const double wy = r->y.taps ? (double)r->y.weights[y * n_s + s] : 1,
                         wx = r->x.taps ? (double)r->x.weights[x * n_t + t] : 1;
            const ptrdiff_t row = r->y.taps ? r->y.first[y] + s : y,
                            col = r->x.taps ? r->x.first[x] + t : x;
            const double term = wy * wx * (double)p[row * row_step + col * pixel_step];
            sum.value += term;
            sum.size += fabs(term);
        }
    return sum;
}

/* Each tap of an axis is one product and one sum, and the product of two weights is rounded once. */
static double bound(const CaResize *r, double size)
{
    return 0.5 * FLT_EPSILON * (2 * r->y.taps + 2 * r->x.taps + 2) * size;
}

static void check_planes(const CaResizeKernel *k, int taps_y, int taps_x)
{
    enum { PLANES = 2 };
    const int64_t h = 6, w = 5 + kc_int(40), out_h = 1 + kc_int(9),
                  out_w = 1 + kc_int(50);
    const int n_threads = 1 + kc_int(4);
    CaResize r = {.n_planes = PLANES, .x = {.in = w}};
    if (taps_y)
        r.y = random_axis(h, out_h, taps_y);
    if (taps_x)
        r.x = random_axis(w, out_w, taps_x);
    const int64_t in_rows = taps_y ? h : 1, rows = taps_y ? out_h : 1,
                  columns = taps_x ? out_w : w;
    const float *in = kc_floats((size_t)(PLANES * in_rows * w));
    float *out = kc_floats((size_t)(PLANES * rows * columns)),
          *row = kc_floats((size_t)w);

    kc_case("planes %d x %d taps", taps_y, taps_x);
    for (int t = 0; t < n_threads; t++)
        k->planes(&r, out, in, row, t, n_threads);
    for (int64_t i = 0; i < PLANES * rows * columns; i++) {
        const float *p = in + i / (rows * columns) * in_rows * w;
        const Sum want = define(&r, p, w, 1, i / columns % rows, i % columns);
        kc_close("cell", (size_t)i, (double)out[i], want.value, bound(&r, want.size));
    }
    kc_free();
}

static void check_blocked(const CaResizeKernel *k, int taps_y, int taps_x)
{
    const int n = 2, c = 1 + kc_int(33), h = 6, w = 7, out_h = 1 + kc_int(9),
              out_w = 1 + kc_int(9), n_threads = 1 + kc_int(4);
    const CaResize r = {.y = random_axis(h, out_h, taps_y),
                        .x = random_axis(w, out_w, taps_x)};
    const CaActs in = kc_acts(n, c, h, w, kc_int(3)),
                 out = kc_acts_dirty(n, c, out_h, out_w, kc_int(3));

    kc_case("blocked %d x %d taps, %d channels", taps_y, taps_x, c);
    for (int t = 0; t < n_threads; t++)
        k->blocked(&r, &out, &in, t, n_threads);
    kc_acts_sealed(&out);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < c; j++)
            for (int y = 0; y < out_h; y++)
                for (int x = 0; x < out_w; x++) {
                    const Sum want = define(&r, kc_acts_cell(&in, i, j, 0, 0),
                                            in.row_stride, 16, y, x);
                    kc_close("cell", (size_t)j, (double)*kc_acts_cell(&out, i, j, y, x),
                             want.value, bound(&r, want.size));
                }
    kc_free();
}

/* Twice as large, by its formula: out[2i] = .75 x[i] + .25 x[i - 1], out[2i + 1] = .75 x[i] + .25 x[i + 1]. */
static void check_table(void)
{
    enum { N = 5 };
    const CaResizeRule rule = {.mode = CA_RESIZE_LINEAR_ONNX,
                               .coordinate = CA_RESIZE_HALF_PIXEL,
                               .scale = 2,
                               .stretch = 1};
    CaResizeAxis axis = {.in = N, .out = 2 * N};
    double row[N] = {0};
    kc_case("table of twice as large");
    axis.taps = ca_resize_count_taps(&axis, &rule, row);
    kc_true(axis.taps == 2, "two taps");
    axis.first = kc_bytes(2 * N * sizeof *axis.first);
    axis.weights = kc_floats(2 * N * 2);
    ca_resize_fill(&axis, &rule, row);
    for (int o = 0; o < 2 * N; o++)
        for (int i = 0; i < N; i++) {
            const int other = o % 2 ? o / 2 + 1 : o / 2 - 1;
            const int near = other < 0 ? 0 : other >= N ? N - 1 : other;
            const double want = (i == o / 2 ? 0.75 : 0) + (i == near ? 0.25 : 0);
            const int k = i - axis.first[o];
            kc_close("weight", (size_t)o,
                     k >= 0 && k < 2 ? (double)axis.weights[2 * o + k] : 0, want, 0);
        }
    kc_free();
}

void kcheck_resize(void);
void kcheck_resize(void)
{
    KC_GUARDED("resize_table", 0) { check_table(); }
    KC_EACH_KERNEL(k, ca_resize_kernels) {
        for (int y = 0; y <= 5; y++)
            for (int x = 0; x <= 5; x++) {
                if (y || x)
                    check_planes(k, y, x);
                if (y && x)
                    check_blocked(k, y, x);
            }
    }
}

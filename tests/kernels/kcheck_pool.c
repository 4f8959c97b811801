/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling against the definition: every tap tested by its coordinates, sums in double.
 */
#include "kcheck.h"
#include "kcheck_acts.h"

#include "kernels/pool/pool.h"

#include <float.h>
#include <math.h>

typedef struct {
    double max, sum, size;
    int n_inside, n_padded;
} Window;

static Window window_at(const CaActs *in, const CaPoolShape *s, int n, int c, int y,
                        int x)
{
    Window r = {.max = -INFINITY};
    for (int i = 0; i < s->kernel_h; i++)
        for (int j = 0; j < s->kernel_w; j++) {
            const int iy = y * s->stride_h - s->pad_top + i * s->dilation_h;
            const int ix = x * s->stride_w - s->pad_left + j * s->dilation_w;
            if (iy < in->h + s->pad_bottom && ix < in->w + s->pad_right)
                r.n_padded++;
            if (iy < 0 || iy >= in->h || ix < 0 || ix >= in->w)
                continue;
            const double v = (double)*kc_acts_cell(in, n, c, iy, ix);
            r.n_inside++;
            r.sum += v;
            r.size += fabs(v);
            r.max = v > r.max ? v : r.max;
        }
    return r;
}

static void check_cell(const CaActs *out, const CaActs *in, const CaPoolShape *s, int n,
                       int c, int y, int x)
{
    const Window r = window_at(in, s, n, c, y, x);
    const double got = (double)*kc_acts_cell(out, n, c, y, x);
    const size_t at = (size_t)((c * out->h + y) * out->w + x);
    const int divisor = s->exclude_pad ? r.n_inside : r.n_padded;

    if (s->kind == CA_POOL_MAX) {
        kc_close("max", at, got, r.n_inside ? r.max : -(double)FLT_MAX, 0);
        return;
    }
    /* kernel_w additions in a row, kernel_h of rows, one division: half an ulp each */
    const double slack = 0.5 * FLT_EPSILON * (s->kernel_w + s->kernel_h + 1);
    if (divisor == 0)
        kc_close("avg", at, got, 0, 0);
    else
        kc_close("avg", at, got, r.sum / divisor, slack * r.size / divisor);
}

static void check_all(const CaActs *out, const CaActs *in, const CaPoolShape *s)
{
    for (int n = 0; n < out->n; n++)
        for (int c = 0; c < out->c; c++)
            for (int y = 0; y < out->h; y++)
                for (int x = 0; x < out->w; x++)
                    check_cell(out, in, s, n, c, y, x);
    kc_acts_sealed(out);
}

static int out_size(int in, int pads, int kernel, int dilation, int stride, bool ceil)
{
    const int room = in + pads - ((kernel - 1) * dilation + 1);
    return room < 0 ? 1 : (room + (ceil ? stride - 1 : 0)) / stride + 1;
}

static void check_windows(const CaPool *pool, CaPoolKind kind)
{
    const CaPoolShape s = {
        kind,          1 + kc_int(5), 1 + kc_int(5), 1 + kc_int(3),
        1 + kc_int(3), 1 + kc_int(3), 1 + kc_int(2), kc_int(3),
        kc_int(4),     kc_int(3),     kc_int(4),     kc_int(2) == 1,
    };
    const CaActs in =
        kc_acts(2, 1 + kc_int(35), 1 + kc_int(9), 1 + kc_int(20), kc_int(3));
    const bool ceil = kc_int(2) == 1;
    const int h = out_size(in.h, s.pad_top + s.pad_bottom, s.kernel_h, s.dilation_h,
                           s.stride_h, ceil);
    const int w = out_size(in.w, s.pad_left + s.pad_right, s.kernel_w, s.dilation_w,
                           s.stride_w, ceil);
    const CaActs out = kc_acts_dirty(2, in.c, h, w, kc_int(3));
    CaActs again = kc_acts_dirty(2, in.c, h, w, out.halo);
    const int n_threads = 2 + kc_int(4);

    kc_case("kind %d kernel %dx%d stride %dx%d dilation %dx%d on %dx%dx%d", kind,
            s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.dilation_h, s.dilation_w,
            in.c, in.h, in.w);
    pool->run(&again, &in, &s, 0, 1);
    for (int t = 0; t < n_threads; t++)
        pool->run(&out, &in, &s, t, n_threads);
    check_all(&out, &in, &s);
    kc_acts_same(&out, &again, "threads change the result");
    kc_free();
}

static void check_global(const CaPool *pool, CaPoolKind kind)
{
    const CaActs in =
        kc_acts(2, 1 + kc_int(35), 1 + kc_int(9), 1 + kc_int(20), kc_int(3));
    const CaActs out = kc_acts_dirty(2, in.c, 1, 1, kc_int(2));
    const CaPoolShape s = {kind, in.h, in.w, 1, 1, 1, 1, 0, 0, 0, 0, true};

    kc_case("global, kind %d, %dx%dx%d", kind, in.c, in.h, in.w);
    for (int t = 0; t < 3; t++)
        pool->run_global(&out, &in, kind, t, 3);
    check_all(&out, &in, &s);
    kc_free();
}

/* Cases whose answers are known: operators.md, 4 x 4 of ones, kernel 3, stride 2, ceil. */
static void check_known(const CaPool *pool)
{
    static const double divisors[3][3] = {
        {4 / 9., 6 / 9., 2 / 6.}, {6 / 9., 1, 3 / 6.}, {2 / 6., 3 / 6., 1 / 4.}};
    const CaPoolShape avg = {CA_POOL_AVG, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, false};
    const CaPoolShape max = {CA_POOL_MAX, 1, 1, 3, 3, 1, 1, 0, 0, 0, 0, false};
    const CaActs in = kc_acts(1, 1, 4, 4, 0), out = kc_acts_dirty(1, 1, 3, 3, 0);

    kc_case("known answers");
    for (int i = 0; i < 16; i++)
        *kc_acts_cell(&in, 0, 0, i / 4, i % 4) = 1;
    pool->run(&out, &in, &avg, 0, 1);
    for (int i = 0; i < 9; i++)
        kc_close("ones", (size_t)i, (double)*kc_acts_cell(&out, 0, 0, i / 3, i % 3),
                 divisors[i / 3][i % 3], FLT_EPSILON / 2);
    *kc_acts_cell(&in, 0, 0, 0, 0) = NAN;
    *kc_acts_cell(&in, 0, 0, 0, 3) = -INFINITY;
    pool->run(&out, &in, &max, 0, 1);
    kc_close("only NaN", 0, (double)*kc_acts_cell(&out, 0, 0, 0, 0), -INFINITY, 0);
    kc_close("-inf", 0, (double)*kc_acts_cell(&out, 0, 0, 0, 1), -INFINITY, 0);
    kc_close("outside", 0, (double)*kc_acts_cell(&out, 0, 0, 2, 2), -FLT_MAX, 0);
    kc_acts_sealed(&out);
    kc_free();
}

void kcheck_pool(void);
void kcheck_pool(void)
{
    KC_EACH_KERNEL(pool, ca_pool_kernels) {
        for (int i = 0; i < 60; i++) {
            check_windows(pool, CA_POOL_MAX);
            check_windows(pool, CA_POOL_AVG);
            check_global(pool, CA_POOL_MAX);
            check_global(pool, CA_POOL_AVG);
        }
        check_known(pool);
    }
}

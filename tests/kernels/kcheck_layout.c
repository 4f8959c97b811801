/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts are copies: every element is compared exactly.
 */
#include "kcheck.h"
#include "kcheck_acts.h"

#include "kernels/layout/blocked.h"

#include <string.h>

enum { N = 2 };

static void check_pack(int c, int h, int w, int halo, int n_threads)
{
    const size_t size = (size_t)N * (size_t)c * (size_t)h * (size_t)w;
    const float *in = kc_floats(size);
    float *back = kc_zeros(size);
    const CaActs acts = kc_acts_dirty(N, c, h, w, halo);
    size_t at = 0;

    kc_case("pack %dx%dx%dx%d halo %d, %d threads", N, c, h, w, halo, n_threads);
    for (int t = 0; t < n_threads; t++)
        ca_pack_nchw(&acts, in, t, n_threads);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < c; j++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++, at++)
                    kc_close("cell", at, *kc_acts_cell(&acts, i, j, y, x), in[at], 0);
    kc_acts_sealed(&acts);
    for (int t = 0; t < n_threads; t++)
        ca_unpack_nchw(back, &acts, t, n_threads);
    kc_true(memcmp(back, in, size * sizeof(float)) == 0, "unpacked differs");
    kc_free();
}

/* Two inputs side by side, the second copied first. */
static void check_concat(int c0, int c1, int halo, int n_threads)
{
    const int h = 3, w = 5;
    const CaActs a = kc_acts(N, c0, h, w, 1), b = kc_acts(N, c1, h, w, 2);
    const CaActs out = kc_acts_dirty(N, c0 + c1, h, w, halo);
    const CaActs back = kc_acts_dirty(N, c1, h, w, 0);

    kc_case("concat %d + %d channels, halo %d", c0, c1, halo);
    for (int t = 0; t < n_threads; t++)
        ca_acts_copy(&out, c0, &b, 0, c1, t, n_threads);
    for (int t = 0; t < n_threads; t++)
        ca_acts_copy(&out, 0, &a, 0, c0, t, n_threads);
    for (int t = 0; t < n_threads; t++)
        ca_acts_copy(&back, 0, &out, c0, c1, t, n_threads);
    kc_acts_sealed(&out);
    kc_acts_sealed(&back);
    for (int i = 0; i < N; i++)
        for (int c = 0; c < c0 + c1; c++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    const float got = *kc_acts_cell(&out, i, c, y, x);
                    const float want = c < c0 ? *kc_acts_cell(&a, i, c, y, x)
                                              : *kc_acts_cell(&b, i, c - c0, y, x);
                    kc_close("channel", (size_t)c, got, want, 0);
                    if (c >= c0)
                        kc_close("slice", (size_t)c,
                                 *kc_acts_cell(&back, i, c - c0, y, x), want, 0);
                }
    kc_free();
}

static void check_halo(void)
{
    const CaActs a = kc_acts_dirty(2, 32, 4, 3, 2), b = kc_acts_dirty(2, 32, 4, 3, 2);

    kc_case("halo");
    memcpy(b.data - 2 * b.row_stride - 32, a.data - 2 * a.row_stride - 32,
           2 * (size_t)a.block_stride * sizeof(float));
    for (int t = 0; t < 3; t++)
        ca_acts_zero_halo(&a, t, 3);
    kc_acts_sealed(&a);
    for (int c = 0; c < 32; c++)
        for (int y = 0; y < 4; y++)
            kc_close("kept", (size_t)c, *kc_acts_cell(&a, 1, c, y, 2),
                     *kc_acts_cell(&b, 1, c, y, 2), 0);
    kc_free();
}

void kcheck_layout(void);
void kcheck_layout(void)
{
    KC_GUARDED("layout_blocked", 0)
    {
        for (int c = 1; c <= 33; c += c < 3 ? 1 : 15)
            for (int halo = 0; halo <= 2; halo++)
                for (int w = 1; w <= 18; w = 2 * w + 2)
                    check_pack(c, 1 + w % 5, w, halo, 1 + kc_int(5));
        for (int c0 = 1; c0 <= 34; c0 += c0 < 15 ? 5 : 1)
            for (int c1 = 1; c1 <= 49; c1 += 8)
                check_concat(c0, c1, kc_int(3), 1 + kc_int(4));
        check_halo();
    }
}

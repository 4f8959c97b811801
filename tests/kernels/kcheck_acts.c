/* SPDX-License-Identifier: Apache-2.0 */
#include "kcheck_acts.h"

#include "kcheck.h"

#include <string.h>

static size_t size_of(const CaActs *a)
{
    return (size_t)((a->c + 15) / 16) * (size_t)a->block_stride;
}

static float *start_of(const CaActs *a)
{
    return a->data - a->halo * a->row_stride - 16 * a->halo;
}

CaActs kc_acts_dirty(int n, int c, int h, int w, int halo)
{
    CaActs a = {.n = n, .c = c, .h = h, .w = w, .halo = halo};
    a.row_stride = 16 * (w + 2 * halo);
    a.image_stride = a.row_stride * (h + 2 * halo);
    a.block_stride = a.image_stride * n;
    a.data = kc_floats(size_of(&a)) + halo * a.row_stride + 16 * halo;
    return a;
}

float *kc_acts_cell(const CaActs *a, int n, int c, int y, int x)
{
    return a->data + c / 16 * a->block_stride + n * a->image_stride + y * a->row_stride +
           16 * x + c % 16;
}

CaActs kc_acts(int n, int c, int h, int w, int halo)
{
    CaActs a = kc_acts_dirty(n, c, h, w, halo);
    memset(start_of(&a), 0, size_of(&a) * sizeof(float));
    for (int i = 0; i < n; i++)
        for (int j = 0; j < c; j++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    *kc_acts_cell(&a, i, j, y, x) = kc_float();
    return a;
}

void kc_acts_sealed(const CaActs *a)
{
    for (int i = 0; i < a->n; i++)
        for (int c = 0; c < (a->c + 15) / 16 * 16; c++)
            for (int y = -a->halo; y < a->h + a->halo; y++)
                for (int x = -a->halo; x < a->w + a->halo; x++) {
                    const bool inside =
                        c < a->c && y >= 0 && y < a->h && x >= 0 && x < a->w;
                    if (inside || *kc_acts_cell(a, i, c, y, x) == 0)
                        continue;
                    kc_fail("image %d channel %d [%d, %d] must be zero", i, c, y, x);
                    return;
                }
    kc_true(true, "sealed");
}

void kc_acts_same(const CaActs *a, const CaActs *b, const char *what)
{
    kc_true(memcmp(start_of(a), start_of(b), size_of(a) * sizeof(float)) == 0, what);
}

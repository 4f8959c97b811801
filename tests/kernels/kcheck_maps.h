/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps in guarded memory for the checks of kernels/dot.
 */
#ifndef KCHECK_MAPS_H
#define KCHECK_MAPS_H

#include "kcheck.h"
#include "kernels/acts.h"

#include <string.h>

typedef struct {
    CaMap m;
    unsigned char *all;
    size_t n_all;
} Map;

/* Of random bits, the halo too. */
static inline Map map_of(CaElem elem, int n, int c, int h, int w, int halo)
{
    const int e = ca_elem_size(elem);
    const ptrdiff_t row = (ptrdiff_t)(w + 2 * halo) * 16 * e,
                    image = row * (h + 2 * halo);
    Map m = {.m = {.elem = elem,
                   .n = n,
                   .c = c,
                   .h = h,
                   .w = w,
                   .halo = halo,
                   .row_stride = row,
                   .image_stride = image,
                   .block_stride = image * n},
             .n_all = (size_t)(image * n * ((c + 15) / 16))};
    m.all = kc_bytes(m.n_all);
    m.m.data = m.all + halo * row + halo * 16 * e;
    return m;
}

static inline Map zero_map_of(CaElem elem, int n, int c, int h, int w, int halo)
{
    const Map m = map_of(elem, n, c, h, w, halo);
    memset(m.all, 0, m.n_all);
    return m;
}

static inline unsigned char *at(const CaMap *m, int n, int c, int y, int x)
{
    return m->data + c / 16 * m->block_stride + n * m->image_stride + y * m->row_stride +
           (x * 16 + c % 16) * ca_elem_size(m->elem);
}

#endif

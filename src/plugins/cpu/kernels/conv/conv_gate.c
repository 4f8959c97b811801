/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A number for each input channel, in front of a 1x1 convolution: it goes into the filter, which is smaller than the map
 * where pixels are more than results.
 */
#include "conv_kernels.h"

#include "../acts_rows.h"
#include "base/memory.h"

#include <string.h>

bool ca_conv_takes_gate(const CaConvPlan *p)
{
    return p->algorithm == CA_CONV_DIRECT && p->one && p->n_parts == 1;
}

bool ca_conv_gate_size(const CaConvPlan *p, int n, size_t *size)
{
    const size_t one = (p->packed_size + 63) & ~(size_t)63;
    return one >= p->packed_size && ca_mul_size(size, one, (size_t)n);
}

void *ca_conv_gated(const CaConvPlan *p, void *gated, int image)
{
    return (unsigned char *)gated + (size_t)image * ((p->packed_size + 63) & ~(size_t)63);
}

void ca_conv_gate(const CaConvPlan *p, void *gated, const void *packed,
                  const CaActs *gate, int image, int thread, int n_threads)
{
    const float *bias = packed, *from = ca_conv_filter(p, packed);
    float *out = ca_conv_gated(p, gated, image), *to = out + (from - bias);
    const int64_t all = (int64_t)p->n_groups * p->ci_blocks;
    int64_t at, stop;

    if (thread == 0)
        memcpy(out, bias, (size_t)(from - bias) * sizeof *out);
    ca_share(all, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int group = (int)(at / p->ci_blocks), block = (int)(at % p->ci_blocks);
        const int first = group * p->group_blocks, left = p->co_blocks - first;
        const int width = 16 * (left < p->group_blocks ? left : p->group_blocks);
        const ptrdiff_t row =
            (ptrdiff_t)first * 16 * p->ci + (ptrdiff_t)block * 16 * width;
        p->isa->scale_rows(to + row, from + row, ca_acts_row(gate, block, image, 0),
                           block + 1 < p->ci_blocks ? 16 : p->ci_last, width,
                           p->s.co - first * 16);
    }
}

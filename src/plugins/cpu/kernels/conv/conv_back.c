/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transposed convolution: rows of the output add rows of the input, or of its product with the filters.
 */
#include "conv_back.h"

#include "kernels/axis_runs.h"

#include <string.h>

enum {
    DIRECT_MAX = 4
}; /* channels a group, where a product would not pay for its columns */

static int64_t n_in(const CaConvBack *p)
{
    return p->axis[0].in * p->axis[1].in * p->axis[2].in;
}

static int64_t n_taps(const CaConvBack *p)
{
    return p->axis[0].kernel * p->axis[1].kernel * p->axis[2].kernel;
}

bool ca_conv_back_plan(CaConvBack *plan, const CaGemmKernel *gemm)
{
    const int64_t taps = n_taps(plan), positions = n_in(plan);
    int64_t rows = 0, cells = 0;
    if (__builtin_mul_overflow(plan->outs, taps, &rows) ||
        __builtin_mul_overflow(rows, positions, &cells) ||
        cells > INT64_MAX / (int64_t)sizeof(float))
        return false;
    plan->is_direct = plan->ins <= DIRECT_MAX;
    ca_gemm_plan(&plan->gemm, gemm, rows, positions, plan->ins, true);
    plan->columns_size = (size_t)cells * sizeof(float);
    return true;
}

/* y[i * stride + off] += w * x[i], where that lies in the row. */
static void add_row(float *y, const float *x, const CaConvAxis *a, int64_t off, float w)
{
    const int64_t s = a->stride, first = off < 0 ? (-off + s - 1) / s : 0;
    const int64_t room = a->out - off, end = room <= 0 ? 0
                                             : (room - 1) / s + 1 < a->in
                                                 ? (room - 1) / s + 1
                                                 : a->in;
    y += off;
    if (s == 1)
        for (int64_t i = first; i < end; i++)
            y[i] += w * x[i];
    else if (s == 2)
        for (int64_t i = first; i < end; i++)
            y[2 * i] += w * x[i];
    else
        for (int64_t i = first; i < end; i++)
            y[i * s] += w * x[i];
}

/* Which input an output at o has at tap k; -1: none. */
static int64_t source(const CaConvAxis *a, int64_t o, int64_t k)
{
    const int64_t at = o + a->begin - k * a->dilation;
    return at >= 0 && at % a->stride == 0 && at / a->stride < a->in ? at / a->stride : -1;
}

/* Row (oz, oy) of y: from x with the taps' weights w, or, where w is NULL, from x [taps, in..], one a tap. */
static void sum_row(const CaConvBack *p, float *y, const float *x, const float *w,
                    int64_t oz, int64_t oy)
{
    const CaConvAxis *const a = p->axis;
    const int64_t plane = n_in(p);
    for (int64_t tap = 0, kz = 0; kz < a[0].kernel; kz++)
        for (int64_t ky = 0; ky < a[1].kernel; ky++) {
            const int64_t z = source(&a[0], oz, kz), row = source(&a[1], oy, ky);
            for (int64_t kx = 0; kx < a[2].kernel; kx++, tap++)
                if (z >= 0 && row >= 0)
                    add_row(y, x + (w ? 0 : tap * plane) + (z * a[1].in + row) * a[2].in,
                            &a[2], kx * a[2].dilation - a[2].begin, w ? w[tap] : 1);
        }
}

void ca_conv_back_direct(const CaConvBack *p, float *y, const float *x, const float *w,
                         int thread, int n_threads)
{
    const CaConvAxis *const a = p->axis;
    const int64_t rows = a[0].out * a[1].out, taps = n_taps(p), plane = n_in(p);
    const int64_t n = p->batch * p->groups * p->outs * rows,
                  end = ca_share(n, thread + 1, n_threads);
    for (int64_t at = ca_share(n, thread, n_threads); at < end; at++) {
        const int64_t map = at / rows, group = map / p->outs % p->groups,
                      image = map / p->outs / p->groups, o = map % p->outs;
        float *row = y + at * a[2].out;
        memset(row, 0, (size_t)a[2].out * sizeof *row);
        for (int64_t c = 0; c < p->ins; c++) {
            const int64_t in = group * p->ins + c;
            sum_row(p, row, x + (image * p->groups * p->ins + in) * plane,
                    w + (in * p->outs + o) * taps, at % rows / a[1].out,
                    at % rows % a[1].out);
        }
    }
}

void ca_conv_back_pack(const CaConvBack *p, float *packed, const float *x, int thread,
                       int n_threads)
{
    const ptrdiff_t n = p->gemm.n_panels;
    ca_gemm_pack_b(&p->gemm, packed, x, p->gemm.n, false, ca_share(n, thread, n_threads),
                   ca_share(n, thread + 1, n_threads));
}

void ca_conv_back_multiply(const CaConvBack *p, float *columns, const float *w,
                           const float *packed, int thread, int n_threads)
{
    static const CaAct none = {CA_ACT_NONE, 0, 0};
    ca_gemm_run(&p->gemm, columns, p->gemm.n, w, p->gemm.m, packed, NULL, &none, thread,
                n_threads);
}

void ca_conv_back_add(const CaConvBack *p, float *y, const float *columns, int thread,
                      int n_threads)
{
    const CaConvAxis *const a = p->axis;
    const int64_t rows = a[0].out * a[1].out, n = p->outs * rows,
                  end = ca_share(n, thread + 1, n_threads);
    const int64_t each = n_taps(p) * n_in(p);
    for (int64_t at = ca_share(n, thread, n_threads); at < end; at++) {
        float *row = y + at * a[2].out;
        memset(row, 0, (size_t)a[2].out * sizeof *row);
        sum_row(p, row, columns + at / rows * each, NULL, at % rows / a[1].out,
                at % rows % a[1].out);
    }
}

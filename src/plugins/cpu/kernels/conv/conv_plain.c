/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain convolution: rows summed up directly, or patches packed as gemm.h wants them and multiplied.
 */
#include "conv_plain.h"

#include "kernels/axis_runs.h"

#include <string.h>

enum {
    DIRECT_MAX = 4, /* channels a group, where packing would cost what it gives */
    CHUNK_SIZE =
        2 << 20 /* bytes of patches: they stay in the second cache of two cores */
};

static int64_t n_in(const CaConvPlain *p)
{
    return p->axis[0].in * p->axis[1].in * p->axis[2].in;
}

static int64_t n_out(const CaConvPlain *p)
{
    return p->axis[0].out * p->axis[1].out * p->axis[2].out;
}

static int64_t n_taps(const CaConvPlain *p)
{
    return p->axis[0].kernel * p->axis[1].kernel * p->axis[2].kernel;
}

bool ca_conv_plain_plan(CaConvPlain *p, const CaGemmKernel *gemm)
{
    const int64_t n = n_out(p);
    int64_t depth = 0, size = 0;
    if (__builtin_mul_overflow(p->ins, n_taps(p), &depth) ||
        __builtin_mul_overflow(depth, (int64_t)(gemm->nr * (int)sizeof(float)), &size))
        return false;
    const int64_t panels = size > 0 && size < CHUNK_SIZE ? CHUNK_SIZE / size : 1;
    p->is_direct = p->ins <= DIRECT_MAX;
    p->chunk = panels * gemm->nr < n ? panels * gemm->nr : n;
    p->n_chunks = p->chunk ? (n + p->chunk - 1) / p->chunk : 0;
    ca_gemm_plan(&p->gemm, gemm, p->outs, p->chunk, depth, false);
    ca_gemm_plan(&p->last, gemm, p->outs, n - (p->n_chunks - 1) * p->chunk, depth, false);
    return true;
}

/* Outputs [*first, *end) of an axis whose input at tap offset `off` (their input is o * stride + off) is there. */
static void inside(const CaConvAxis *a, int64_t off, int64_t *first, int64_t *end)
{
    const int64_t room = a->in - off;
    *first = off < 0 ? (-off + a->stride - 1) / a->stride : 0;
    *end = room <= 0 ? 0 : (room - 1) / a->stride + 1;
    *end = *end < a->out ? *end : a->out;
}

static int64_t offset_of(const CaConvAxis *a, int64_t tap)
{
    return tap * a->dilation - a->begin;
}

static void add_row(float *y, const float *x, const CaConvAxis *a, int64_t tap, float w)
{
    const int64_t off = offset_of(a, tap), s = a->stride;
    int64_t first, end;
    inside(a, off, &first, &end);
    if (s == 1)
        for (int64_t i = first; i < end; i++)
            y[i] += w * x[i + off];
    else
        for (int64_t i = first; i < end; i++)
            y[i] += w * x[i * s + off];
}

/* Input row (z, row) that output row (oz, oy) has at taps (kz, ky); -1: none. */
static int64_t row_of(const CaConvPlain *p, int64_t oz, int64_t oy, int64_t kz,
                      int64_t ky)
{
    const CaConvAxis *const a = p->axis;
    const int64_t z = oz * a[0].stride + offset_of(&a[0], kz),
                  y = oy * a[1].stride + offset_of(&a[1], ky);
    return z < 0 || z >= a[0].in || y < 0 || y >= a[1].in ? -1 : z * a[1].in + y;
}

static void sum_row(const CaConvPlain *p, float *y, const float *x, const float *w,
                    int64_t oz, int64_t oy)
{
    const CaConvAxis *const a = p->axis;
    for (int64_t kz = 0; kz < a[0].kernel; kz++)
        for (int64_t ky = 0; ky < a[1].kernel; ky++) {
            const int64_t row = row_of(p, oz, oy, kz, ky);
            for (int64_t kx = 0; kx < a[2].kernel; kx++, w++)
                if (row >= 0)
                    add_row(y, x + row * a[2].in, &a[2], kx, *w);
        }
}

void ca_conv_plain_direct(const CaConvPlain *p, float *y, const float *x, const float *w,
                          int thread, int n_threads)
{
    const CaConvAxis *const a = p->axis;
    const int64_t rows = a[0].out * a[1].out, taps = n_taps(p), plane = n_in(p);
    const int64_t n = p->batch * p->groups * p->outs * rows,
                  end = ca_share(n, thread + 1, n_threads);
    for (int64_t at = ca_share(n, thread, n_threads); at < end; at++) {
        const int64_t map = at / rows, channel = map % (p->groups * p->outs),
                      group = channel / p->outs, image = map / (p->groups * p->outs);
        float *row = y + at * a[2].out;
        memset(row, 0, (size_t)a[2].out * sizeof *row);
        for (int64_t c = 0; c < p->ins; c++)
            sum_row(p, row, x + ((image * p->groups + group) * p->ins + c) * plane,
                    w + (channel * p->ins + c) * taps, at % rows / a[1].out,
                    at % rows % a[1].out);
    }
}

/* n neighbours of output row (oz, oy) from ox on, at one tap: into to. */
static void take_run(const CaConvPlain *p, float *to, const float *x, int64_t out,
                     int64_t n, int64_t kz, int64_t ky, int64_t kx)
{
    const CaConvAxis *const a = p->axis;
    const int64_t ox = out % a[2].out, oy = out / a[2].out % a[1].out,
                  oz = out / a[2].out / a[1].out, off = offset_of(&a[2], kx);
    const int64_t row = row_of(p, oz, oy, kz, ky), s = a[2].stride;
    int64_t first, end;
    inside(&a[2], off, &first, &end);
    first = row < 0 || first > ox + n ? ox + n : first < ox ? ox : first;
    end = end > ox + n ? ox + n : end < first ? first : end;
    for (int64_t i = ox; i < first; i++)
        *to++ = 0;
    const float *from = x + row * a[2].in + off;
    for (int64_t i = first; i < end; i++)
        *to++ = from[i * s];
    for (int64_t i = end; i < ox + n; i++)
        *to++ = 0;
}

/* One panel: k rows of nr outputs from `out` on, of which `columns` exist. */
static void pack_panel(const CaConvPlain *p, float *to, const float *x, int64_t out,
                       int64_t columns)
{
    const CaConvAxis *const a = p->axis;
    const int64_t nr = p->gemm.kernel->nr;
    for (int64_t c = 0; c < p->ins; c++, x += n_in(p))
        for (int64_t kz = 0; kz < a[0].kernel; kz++)
            for (int64_t ky = 0; ky < a[1].kernel; ky++)
                for (int64_t kx = 0; kx < a[2].kernel; kx++, to += nr) {
                    for (int64_t i = 0; i < columns;) {
                        const int64_t left = a[2].out - (out + i) % a[2].out,
                                      n = left < columns - i ? left : columns - i;
                        take_run(p, to + i, x, out + i, n, kz, ky, kx);
                        i += n;
                    }
                    for (int64_t i = columns; i < nr; i++)
                        to[i] = 0;
                }
}

void ca_conv_plain_pack(const CaConvPlain *p, float *packed, const float *x, int64_t at,
                        int thread, int n_threads)
{
    const CaGemm *gemm = at == p->n_chunks - 1 ? &p->last : &p->gemm;
    const int64_t nr = gemm->kernel->nr,
                  end = ca_share(gemm->n_panels, thread + 1, n_threads);
    for (int64_t i = ca_share(gemm->n_panels, thread, n_threads); i < end; i++) {
        const int64_t left = gemm->n - i * nr;
        pack_panel(p, packed + i * nr * gemm->k, x, at * p->chunk + i * nr,
                   left < nr ? left : nr);
    }
}

void ca_conv_plain_multiply(const CaConvPlain *p, float *y, const float *w,
                            const float *packed, int64_t at, int thread, int n_threads)
{
    static const CaAct none = {CA_ACT_NONE, 0, 0};
    const CaGemm *gemm = at == p->n_chunks - 1 ? &p->last : &p->gemm;
    ca_gemm_run(gemm, y + at * p->chunk, n_out(p), w, gemm->k, packed, NULL, &none,
                thread, n_threads);
}

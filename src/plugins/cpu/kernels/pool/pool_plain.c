/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows of plain maps, one output after the other.
 */
#include "pool_plain.h"

#include "kernels/axis_runs.h"

#include <float.h>
#include <math.h>

CaPoolTaps ca_pool_taps(int64_t first, int64_t kernel, int64_t dilation, int64_t in,
                        int64_t pad_end)
{
    const int64_t skipped = first < 0 ? (-first + dilation - 1) / dilation : 0;
    const int64_t room = in - first, padded = room + pad_end;
    const int64_t end = room <= 0 ? 0 : (room - 1) / dilation + 1,
                  end_padded = padded <= 0 ? 0 : (padded - 1) / dilation + 1;
    const int64_t last = end < kernel ? end : kernel,
                  last_padded = end_padded < kernel ? end_padded : kernel;
    return (CaPoolTaps){first + skipped * dilation,
                        (int32_t)(last > skipped ? last - skipped : 0),
                        (int32_t)last_padded};
}

typedef struct Window {
    CaPoolTaps taps[CA_POOL_PLAIN_AXES];
    const float *map;
} Window;

static Window window_of(const CaPoolPlain *p, const float *in, int64_t i)
{
    const CaPoolPlainAxis *const a = p->axis;
    Window w;
    for (int k = CA_POOL_PLAIN_AXES - 1; k >= 0; i /= a[k].out, k--)
        w.taps[k] = a[k].taps[i % a[k].out];
    w.map = in + i * a[0].in * a[1].in * a[2].in;
    return w;
}

/* Element of the map at taps z, y, 0. */
static int64_t row_at(const CaPoolPlain *p, const Window *w, int64_t z, int64_t y)
{
    const CaPoolPlainAxis *const a = p->axis;
    const int64_t d = w->taps[0].first + z * a[0].dilation,
                  h = w->taps[1].first + y * a[1].dilation;
    return (d * a[1].in + h) * a[2].in + w->taps[2].first;
}

static int64_t n_outputs(const CaPoolPlain *p)
{
    return p->n_maps * p->axis[0].out * p->axis[1].out * p->axis[2].out;
}

void ca_pool_plain_avg(const CaPoolPlain *p, float *out, const float *in, int thread,
                       int n_threads)
{
    const int64_t end = ca_share(n_outputs(p), thread + 1, n_threads);
    for (int64_t i = ca_share(n_outputs(p), thread, n_threads); i < end; i++) {
        const Window w = window_of(p, in, i);
        const CaPoolTaps *const t = w.taps;
        const int64_t n = p->exclude_pad
                              ? (int64_t)t[0].n * t[1].n * t[2].n
                              : (int64_t)t[0].n_padded * t[1].n_padded * t[2].n_padded;
        double sum = 0;
        for (int64_t z = 0; z < t[0].n; z++)
            for (int64_t y = 0; y < t[1].n; y++) {
                const float *row = w.map + row_at(p, &w, z, y);
                for (int64_t x = 0; x < t[2].n; x++)
                    sum += (double)row[x * p->axis[2].dilation];
            }
        out[i] = n ? (float)(sum / (double)n) : 0;
    }
}

/* Is x to replace the best so far? */
CA_INLINE bool beats(float x, float best)
{
    return x > best || (isnan(best) && !isnan(x));
}

void ca_pool_plain_max(const CaPoolPlain *p, float *out, int64_t *index, int32_t *index32,
                       const float *in, int thread, int n_threads)
{
    const int64_t end = ca_share(n_outputs(p), thread + 1, n_threads);
    for (int64_t i = ca_share(n_outputs(p), thread, n_threads); i < end; i++) {
        const Window w = window_of(p, in, i);
        const CaPoolTaps *const t = w.taps;
        float best = -FLT_MAX;
        int64_t at = -1;
        for (int64_t z = 0; z < t[0].n; z++)
            for (int64_t y = 0; y < t[1].n; y++) {
                const int64_t row = row_at(p, &w, z, y);
                for (int64_t x = 0; x < t[2].n; x++) {
                    const int64_t k = row + x * p->axis[2].dilation;
                    if (at < 0 || beats(w.map[k], best)) {
                        best = w.map[k];
                        at = k;
                    }
                }
            }
        out[i] = best;
        at = at < 0 ? 0 : (w.map - in + at) % p->span;
        if (index)
            index[i] = at;
        if (index32)
            index32[i] = (int32_t)at;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of places: their taps, then all channels.
 */
#include "sampling.h"

#include "kernels/axis_runs.h"

#include <math.h>

enum { MOST_TAPS = 16 };

/* Of a run; tap k of place p at [k][p]. offset -1: none. */
typedef struct Taps {
    int32_t offset[MOST_TAPS][CA_SAMPLING_RUN];
    float weight[MOST_TAPS][CA_SAMPLING_RUN];
} Taps;

/* Along one axis. */
typedef struct AxisTaps {
    int64_t at[4]; /* -1: none */
    double weight[4];
} AxisTaps;

/* --- Taps. */

/* -2^40 for what is no number: far outside, and within int64_t as all that follows is. */
static double scaled(const CaSampling *s, double place, int64_t size)
{
    const double v = s->align_corners ? (place + 1) / 2 * (double)(size - 1)
                                      : ((place + 1) * (double)size - 1) / 2;
    return fmin(fmax(v, -0x1p40), 0x1p40);
}

static int64_t mirrored(int64_t i, int64_t size, bool align_corners)
{
    const int64_t turn = align_corners ? 2 * size - 2 : 2 * size;
    if (turn == 0)
        return 0;
    i = (i % turn + turn) % turn;
    return i < size ? i : turn - i - (align_corners ? 0 : 1);
}

static int64_t stand_in(const CaSampling *s, int64_t i, int64_t size)
{
    if (i >= 0 && i < size)
        return i;
    switch (s->edge) {
    case CA_SAMPLING_ZEROS: return -1;
    case CA_SAMPLING_BORDER: return i < 0 ? 0 : size - 1;
    case CA_SAMPLING_REFLECTION: break;
    }
    return mirrored(i, size, s->align_corners);
}

/* Keys' kernel with a = -0.75 at the four elements around a place that is `part` behind the second. */
static void cubic(double weight[4], double part)
{
    const double a = -0.75, b = 1 - part, far = part + 1, far_b = b + 1;
    weight[0] = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a;
    weight[1] = ((a + 2) * part - (a + 3)) * part * part + 1;
    weight[2] = ((a + 2) * b - (a + 3)) * b * b + 1;
    weight[3] = ((a * far_b - 5 * a) * far_b + 8 * a) * far_b - 4 * a;
}

/* Returns how many. */
static int axis_taps(const CaSampling *s, AxisTaps *t, double place, int64_t size)
{
    const double v = scaled(s, place, size), below = floor(v), part = v - below;
    int64_t first = (int64_t)below;
    int n = 1;
    switch (s->mode) {
    case CA_SAMPLING_NEAREST:
        first = (int64_t)nearbyint(v);
        t->weight[0] = 1;
        break;
    case CA_SAMPLING_BILINEAR:
        n = 2;
        t->weight[0] = 1 - part;
        t->weight[1] = part;
        break;
    case CA_SAMPLING_BICUBIC:
        n = 4;
        first--;
        cubic(t->weight, part);
        break;
    }
    for (int k = 0; k < n; k++)
        t->at[k] = stand_in(s, first + k, size);
    return n;
}

static void find_taps(const CaSampling *s, Taps *t, const float *places, int n)
{
    for (int p = 0; p < n; p++) {
        AxisTaps rows, cols;
        const int n_rows = axis_taps(s, &rows, (double)places[2 * p + 1], s->h),
                  n_cols = axis_taps(s, &cols, (double)places[2 * p], s->w);
        for (int k = 0; k < n_rows * n_cols; k++) {
            const int64_t r = rows.at[k / n_cols], c = cols.at[k % n_cols];
            t->offset[k][p] = r < 0 || c < 0 ? -1 : (int32_t)(r * s->w + c);
            t->weight[k][p] = (float)(rows.weight[k / n_cols] * cols.weight[k % n_cols]);
        }
    }
}

/* --- Sums. */

CA_INLINE void sum_taps(float *out, const float *in, const Taps *t, int n, int n_taps)
{
    for (int p = 0; p < n; p++) {
        float sum = 0;
        for (int k = 0; k < n_taps; k++) {
            const int32_t at = t->offset[k][p];
            sum += at >= 0 ? t->weight[k][p] * in[at] : 0;
        }
        out[p] = sum;
    }
}

static void channel(const CaSampling *s, float *out, const float *in, const Taps *t,
                    int n)
{
    switch (s->mode) {
    case CA_SAMPLING_NEAREST: sum_taps(out, in, t, n, 1); break;
    case CA_SAMPLING_BILINEAR: sum_taps(out, in, t, n, 4); break;
    case CA_SAMPLING_BICUBIC: sum_taps(out, in, t, n, 16); break;
    }
}

void ca_sampling_run(const CaSampling *s, float *out, const float *in,
                     const float *places, int thread, int n_threads)
{
    const int64_t each = (s->n_places + CA_SAMPLING_RUN - 1) / CA_SAMPLING_RUN,
                  end = ca_share(s->n * each, thread + 1, n_threads);
    Taps taps;
    for (int64_t run = ca_share(s->n * each, thread, n_threads); run < end; run++) {
        const int64_t image = run / each, first = run % each * CA_SAMPLING_RUN;
        const int n = (int)(s->n_places - first < CA_SAMPLING_RUN ? s->n_places - first
                                                                  : CA_SAMPLING_RUN);
        find_taps(s, &taps, places + 2 * (image * s->n_places + first), n);
        for (int64_t c = image * s->channels; c < (image + 1) * s->channels; c++)
            channel(s, out + c * s->n_places + first, in + c * s->h * s->w, &taps, n);
    }
}

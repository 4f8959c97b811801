/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernels/sampling: every place is the sum over all elements near it, times the kernel of the mode at their distance;
 * what lies outside walks back inside step by step.
 */
#include "kcheck.h"

#include "kernels/sampling/sampling.h"

#include <float.h>
#include <math.h>

static double keys(double d)
{
    const double a = -0.75;
    if (d >= 2)
        return 0;
    return d <= 1 ? (a + 2) * d * d * d - (a + 3) * d * d + 1
                  : a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a;
}

/* What element i counts at place v. */
static double kernel(CaSamplingMode mode, double v, int64_t i)
{
    const double d = fabs(v - (double)i);
    return mode == CA_SAMPLING_NEAREST    ? nearbyint(v) == (double)i
           : mode == CA_SAMPLING_BILINEAR ? fmax(0, 1 - d)
                                          : keys(d);
}

static int64_t walk_back(const CaSampling *s, int64_t i, int64_t size)
{
    while (i < 0 || i >= size) {
        if (s->edge == CA_SAMPLING_ZEROS)
            return -1;
        if (s->edge == CA_SAMPLING_BORDER || (size == 1 && s->align_corners))
            i += i < 0 ? 1 : -1;
        else if (s->align_corners)
            i = i < 0 ? -i : 2 * (size - 1) - i;
        else
            i = i < 0 ? -1 - i : 2 * size - 1 - i;
    }
    return i;
}

static double scaled(const CaSampling *s, float place, int64_t size)
{
    return s->align_corners ? ((double)place + 1) / 2 * (double)(size - 1)
                            : (((double)place + 1) * (double)size - 1) / 2;
}

static double expected(const CaSampling *s, const float *x, const float *place,
                       double *size)
{
    const double row = scaled(s, place[1], s->h), col = scaled(s, place[0], s->w);
    const int64_t r0 = (int64_t)floor(row), c0 = (int64_t)floor(col);
    double sum = 0;
    *size = 0;
    for (int64_t i = r0 - 2; i <= r0 + 3; i++)
        for (int64_t j = c0 - 2; j <= c0 + 3; j++) {
            const int64_t r = walk_back(s, i, s->h), c = walk_back(s, j, s->w);
            if (r < 0 || c < 0)
                continue;
            const double term = kernel(s->mode, row, i) * kernel(s->mode, col, j) *
                                (double)x[r * s->w + c];
            sum += term;
            *size += fabs(term);
        }
    return sum;
}

/* taps + 2 roundings, half an ulp each; in double, distances from 2 on were rounded before. */
static void check(const CaSampling *s, float far)
{
    const size_t n_places = (size_t)(s->n * s->n_places);
    const int taps = s->mode == CA_SAMPLING_NEAREST    ? 1
                     : s->mode == CA_SAMPLING_BILINEAR ? 4
                                                       : 16;
    const float *x = kc_floats((size_t)(s->n * s->channels * s->h * s->w));
    float *places = kc_floats(2 * n_places),
          *y = kc_floats((size_t)s->channels * n_places);
    kc_case("[%d, %d, %d, %d] at %d places, mode %d, edge %d%s", (int)s->n,
            (int)s->channels, (int)s->h, (int)s->w, (int)s->n_places, (int)s->mode,
            (int)s->edge, s->align_corners ? ", corners aligned" : "");
    for (size_t i = 0; i < 2 * n_places; i++) /* some just on elements, and between two */
        places[i] = i % 3 ? far * places[i] : (float)(kc_int(17) - 8) / 4;
    for (int t = 0; t < 3; t++)
        ca_sampling_run(s, y, x, places, t, 3);
    for (int64_t i = 0; i < s->n * s->channels * s->n_places; i++) {
        const int64_t map = i / s->n_places,
                      place = map / s->channels * s->n_places + i % s->n_places;
        double size = 0;
        const double want = expected(s, x + map * s->h * s->w, places + 2 * place, &size);
        kc_close("sample", (size_t)i, (double)y[i], want,
                 0.5 * FLT_EPSILON * (taps + 2) * size + 1e-14);
    }
    kc_free();
}

void kcheck_sampling(void);
void kcheck_sampling(void)
{
    static const int64_t sizes[][2] = {{1, 1}, {1, 6}, {5, 7}, {8, 3}};
    KC_GUARDED("sampling", 0)
    {
        for (int i = 0; i < 3 * 3 * 2 * 4; i++) {
            const int64_t *size = sizes[i / 18];
            const CaSampling s = {1 + kc_int(2),
                                  1 + kc_int(5),
                                  size[0],
                                  size[1],
                                  1 + kc_int(3 * CA_SAMPLING_RUN),
                                  (CaSamplingMode)(i % 3),
                                  (CaSamplingEdge)(i / 3 % 3),
                                  i / 9 % 2};
            check(&s, i % 2 ? 1.25f : 5);
        }
    }
}

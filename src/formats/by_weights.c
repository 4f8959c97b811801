/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing by matrices of weights (tensorflow/core/kernels/image: resize_area_op, resize_bicubic_op,
 * scale_and_translate_op, sampling_kernels.h).
 */
#include "formats/by_weights.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MAX_WEIGHTS = 1 << 22, TABLE = 1024 };

static const double pi = 3.14159265358979323846;

typedef struct Axis {
    int64_t in, out;
    double scale, offset;
    double *w; /* [out, in] */
} Axis;

static int64_t within(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* --- Weights at a distance of 0 to the radius. */

static double box(double d) { return d < 0.5 ? 1 : d > 0.5 ? 0 : 0.5; }
static double triangle(double d) { return d < 1 ? 1 - d : 0; }

/* Keys' cubic with a = -1/2. */
static double cubic(double d)
{
    const double a = -0.5;
    if (d >= 2)
        return 0;
    return d < 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

static double mitchell(double d)
{
    if (d >= 2)
        return 0;
    return d < 1 ? (7.0 / 6 * d - 2) * d * d + 8.0 / 9
                 : ((-7.0 / 18 * d + 2) * d - 10.0 / 3) * d + 16.0 / 9;
}

/* sigma = radius / 3 */
static double gaussian(double d) { return d < 1.5 ? exp(-d * d / 0.5) : 0; }

static double lanczos(double d, double radius)
{
    if (d > radius)
        return 0;
    return d <= 1e-3 ? 1
                     : radius * sin(pi * d) * sin(pi * d / radius) / (pi * pi * d * d);
}
static double lanczos_1(double d) { return lanczos(d, 1); }
static double lanczos_3(double d) { return lanczos(d, 3); }
static double lanczos_5(double d) { return lanczos(d, 5); }

typedef double WeightFn(double distance);

static const struct {
    const char *name, *other;
    WeightFn *fn; /* NULL: a rule of its own */
    double radius;
} rules[] = {
    [CA_RESIZE_AREA] = {"area", "area", NULL, 0},
    [CA_RESIZE_CUBIC_TABLE] = {"bicubic", "bicubic", NULL, 2},
    [CA_RESIZE_BOX] = {"box", "box", box, 0.5},
    [CA_RESIZE_TRIANGLE] = {"triangle", "bilinear", triangle, 1},
    [CA_RESIZE_CUBIC] = {"keyscubic", "keyscubic", cubic, 2},
    [CA_RESIZE_MITCHELL] = {"mitchellcubic", "mitchellcubic", mitchell, 2},
    [CA_RESIZE_GAUSSIAN] = {"gaussian", "gaussian", gaussian, 1.5},
    [CA_RESIZE_LANCZOS_1] = {"lanczos1", "lanczos1", lanczos_1, 1},
    [CA_RESIZE_LANCZOS_3] = {"lanczos3", "lanczos3", lanczos_3, 3},
    [CA_RESIZE_LANCZOS_5] = {"lanczos5", "lanczos5", lanczos_5, 5},
};

bool ca_resize_rule(CaResizeRule *out, const char *name)
{
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].name, name) == 0 || strcmp(rules[i].other, name) == 0) {
            *out = (CaResizeRule)i;
            return true;
        }
    return false;
}

/* --- Rows of the matrix. */

/* Each element of the source that output i covers, by the part of it that is covered. */
static void area_row(const Axis *a, int64_t i)
{
    const double from = (double)i * a->scale, to = (double)(i + 1) * a->scale;
    double *row = a->w + i * a->in;
    for (int64_t k = (int64_t)floor(from); (double)k < to; k++) {
        const double begin = (double)k < from ? from : (double)k,
                     end = (double)(k + 1) > to ? to : (double)(k + 1);
        row[within(k, a->in)] += (end - begin) / a->scale;
    }
}

/* Four taps; those outside are dropped and the others made 1 again. Distances are rounded to 1/1024, as in the table
 * that TensorFlow reads. */
static void cubic_row(const Axis *a, int64_t i)
{
    const double at = ((double)i + 0.5) * a->scale - 0.5;
    const int64_t first = (int64_t)floor(at);
    const double part = rint((at - (double)first) * TABLE) / TABLE;
    const double w[4] = {cubic(1 + part), cubic(part), cubic(1 - part), cubic(2 - part)};
    double sum = 0;
    for (int64_t k = 0; k < 4; k++)
        if (first - 1 + k >= 0 && first - 1 + k < a->in)
            sum += w[k];
    for (int64_t k = 0; k < 4; k++)
        if (first - 1 + k >= 0 && first - 1 + k < a->in)
            a->w[i * a->in + first - 1 + k] += w[k] / sum;
}

/* All elements within the radius; outputs whose middle lies outside the image stay 0. In floats, as there: where an
 * element lies at the radius itself, they decide. */
static void sampled_row(const Axis *a, int64_t i, const CaResize *how)
{
    const float scale = (float)a->scale,
                at = ((float)i + 0.5f) * scale + (float)a->offset,
                wide = how->antialias && scale > 1 ? scale : 1, less = 1 / wide;
    const double reach = rules[how->rule].radius * (double)wide,
                 most = (double)(a->in - 1);
    double *row = a->w + i * a->in, sum = 0;
    if (!(at >= 0 && at <= (float)a->in))
        return;
    const double first = ceil((double)at - reach - 0.5),
                 last = floor((double)at + reach - 0.5);
    const int64_t from = (int64_t)(first < 0      ? 0
                                   : first > most ? most
                                                  : first),
                  to = (int64_t)(last < 0      ? 0
                                 : last > most ? most
                                               : last);
    for (int64_t k = from; k <= to; k++)
        sum += row[k] = rules[how->rule].fn((double)fabsf(((float)k + 0.5f - at) * less));
    for (int64_t k = from; k <= to && fabs(sum) >= 1000 * (double)FLT_MIN; k++)
        row[k] /= sum;
}

static CaValue *weights(CaBuild *b, const CaResize *how, const CaResizeAxis *axis,
                        int64_t in)
{
    Axis a = {.in = in, .out = axis->out, .scale = axis->scale, .offset = axis->offset};
    if (a.in < 1 || a.out < 1 || a.in > MAX_WEIGHTS / a.out) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "from %lld to %lld elements: sizes must be known and not absurd; "
                      "give the model's input shape",
                      (long long)a.in, (long long)a.out);
        return NULL;
    }
    a.w = ca_arena_array(b->work, (size_t)(a.in * a.out), sizeof *a.w);
    if (!a.w) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (int64_t i = 0; i < a.out; i++) {
        if (how->rule == CA_RESIZE_AREA && a.scale > 0)
            area_row(&a, i);
        else if (how->rule == CA_RESIZE_AREA)
            a.w[i * a.in] = 1;
        else if (how->rule == CA_RESIZE_CUBIC_TABLE)
            cubic_row(&a, i);
        else
            sampled_row(&a, i, how);
    }
    const int64_t dims[] = {a.out, a.in};
    const CarinaShape s = ca_shape(2, dims);
    return ca_build_reals(b, &s, a.w);
}

CaValue *ca_build_resized(CaBuild *b, CaValue *v, const CaResize *how)
{
    const CarinaShape s = ca_build_shape(b, v);
    if (s.rank != 4) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "its input has %d dimensions; it needs a batch of images", s.rank);
        return NULL;
    }
    CaValue *left = weights(b, how, &how->y, s.dims[2]),
            *right = weights(b, how, &how->x, s.dims[3]);
    if (!left || !right)
        return NULL;
    v = ca_build_2(b, "MatMul", ca_build_2(b, "MatMul", left, v), right);
    ca_build_set_text(b, v, "transpose_b", "true");
    return v;
}

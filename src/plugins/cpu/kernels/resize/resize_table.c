/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which inputs make an output, and how much each counts: OpenVINO's modes, coordinates and roundings.
 *
 * Weights are summed up in double in a row as long as the input, where taps that the edge clamps fall together.
 */
#include "resize.h"

#include <math.h>

typedef struct Row {
    const CaResizeRule *rule;
    int64_t in, out, first, last; /* weights are non-zero within [first, last) */
    double *weights;
} Row;

static double coordinate(const Row *r, int64_t o)
{
    const double i = (double)o, scale = r->rule->scale;
    if (scale == 1 || r->in == r->out)
        return i;
    switch (r->rule->coordinate) {
    case CA_RESIZE_PYTORCH_HALF_PIXEL: return r->out > 1 ? (i + 0.5) / scale - 0.5 : 0;
    case CA_RESIZE_ASYMMETRIC: return i / scale;
    case CA_RESIZE_TF_HALF_PIXEL_FOR_NN: return (i + 0.5) / scale;
    case CA_RESIZE_ALIGN_CORNERS:
        return r->out == 1 ? 0 : i * (double)(r->in - 1) / (double)(r->out - 1);
    case CA_RESIZE_HALF_PIXEL:
    case CA_N_RESIZE_COORDINATES: break;
    }
    return (i + 0.5) / scale - 0.5;
}

static double nearest(const CaResizeRule *r, double x)
{
    switch (r->round) {
    case CA_RESIZE_ROUND_PREFER_CEIL: return round(x);
    case CA_RESIZE_FLOOR: return floor(x);
    case CA_RESIZE_CEIL: return ceil(x);
    case CA_RESIZE_SIMPLE: return r->scale < 1 ? ceil(x) : trunc(x);
    case CA_RESIZE_ROUND_PREFER_FLOOR:
    case CA_N_RESIZE_ROUNDS: break;
    }
    return x == floor(x) + 0.5 ? floor(x) : round(x);
}

/* Index within the input, however far x lies outside. */
static int64_t clamped(const Row *r, double x)
{
    return (int64_t)fmin(fmax(x, 0), (double)(r->in - 1));
}

static void add(Row *r, double index, double weight)
{
    const int64_t i = clamped(r, index);
    r->weights[i] += weight;
    r->first = i < r->first ? i : r->first;
    r->last = i >= r->last ? i + 1 : r->last;
}

/* The cubic kernel with coefficient a at distance t. */
static double cubic(double a, double t)
{
    t = fabs(t);
    if (t <= 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

static void normalise(Row *r, double at)
{
    double sum = 0;
    for (int64_t i = r->first; i < r->last; i++)
        sum += r->weights[i];
    if (sum == 0)
        add(r, at, 1);
    for (int64_t i = r->first; i < r->last && sum != 0; i++)
        r->weights[i] /= sum;
}

/* Triangle of radius 1 * stretch, normalised over what lies inside. */
static void add_linear(Row *r, double at)
{
    const double reach = 2 * r->rule->stretch;
    const int64_t lo = clamped(r, floor(at - reach)), hi = clamped(r, ceil(at + reach));
    for (int64_t i = lo; i <= hi; i++) {
        const double w = 1 - fabs(at - (double)i) / r->rule->stretch;
        if (w > 0)
            add(r, (double)i, w);
    }
    normalise(r, at);
}

static void add_pillow(Row *r, int64_t o)
{
    const bool is_cubic = r->rule->mode == CA_RESIZE_BICUBIC_PILLOW;
    const double stretch = fmax(1 / r->rule->scale, 1),
                 reach = (is_cubic ? 2 : 1) * stretch;
    const double centre = ((double)o + 0.5) / r->rule->scale;
    const double lo = fmax(floor(centre - reach + 0.5), 0);
    const double hi = fmin(floor(centre + reach + 0.5), (double)r->in);
    for (double i = lo; i < hi; i++) {
        const double t = (i - centre + 0.5) / stretch;
        add(r, i, is_cubic ? cubic(r->rule->cube_coeff, t) : fmax(1 - fabs(t), 0));
    }
    normalise(r, centre);
}

static void fill_row(Row *r, int64_t o)
{
    const double p = coordinate(r, o), inside = fmin(fmax(p, 0), (double)(r->in - 1));
    r->first = r->in;
    r->last = 0;
    switch (r->rule->mode) {
    case CA_RESIZE_NEAREST: add(r, nearest(r->rule, p), 1); break;
    case CA_RESIZE_LINEAR: add_linear(r, p); break;
    case CA_RESIZE_LINEAR_ONNX:
        add(r, floor(inside), 1 - (inside - floor(inside)));
        add(r, floor(inside) + 1, inside - floor(inside));
        break;
    case CA_RESIZE_CUBIC:
        for (int k = -1; k <= 2; k++)
            add(r, floor(p) + k, cubic(r->rule->cube_coeff, floor(p) + k - p));
        break;
    case CA_RESIZE_BILINEAR_PILLOW:
    case CA_RESIZE_BICUBIC_PILLOW: add_pillow(r, o); break;
    case CA_N_RESIZE_MODES: break;
    }
}

static void clear(Row *r)
{
    for (int64_t i = r->first; i < r->last; i++)
        r->weights[i] = 0;
}

int ca_resize_count_taps(const CaResizeAxis *axis, const CaResizeRule *rule, double *row)
{
    Row r = {.rule = rule, .in = axis->in, .out = axis->out, .weights = row};
    int64_t most = 1;
    for (int64_t o = 0; o < axis->out; o++) {
        fill_row(&r, o);
        most = r.last - r.first > most ? r.last - r.first : most;
        clear(&r);
    }
    return (int)most;
}

void ca_resize_fill(CaResizeAxis *axis, const CaResizeRule *rule, double *row)
{
    Row r = {.rule = rule, .in = axis->in, .out = axis->out, .weights = row};
    for (int64_t o = 0; o < axis->out; o++) {
        fill_row(&r, o);
        const int64_t end = axis->in - axis->taps;
        const int64_t first = r.first > end ? end : r.first; /* taps stay inside */
        axis->first[o] = (int32_t)first;
        for (int k = 0; k < axis->taps; k++)
            axis->weights[o * axis->taps + k] = (float)row[first + k];
        clear(&r);
    }
}

void ca_resize_fill_same(CaResizeAxis *axis)
{
    for (int64_t o = 0; o < axis->out; o++) {
        axis->first[o] = (int32_t)o;
        axis->weights[o] = 1;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: resizing by weights. Along one axis every rule of resizing is a matrix [out, in], so an image is
 * multiplied by one from the left and by another from the right. The sizes must be known.
 */
#include "formats/tensorflow/tf_resize.h"

#include <math.h>
#include <string.h>

enum { MAX_WEIGHTS = 1 << 22, TABLE = 1024 };

typedef struct Axis {
    int64_t in, out;
    double scale;
    double *w; /* [out, in] */
} Axis;

static int64_t within(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

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

/* Keys' cubic with a = -1/2 at a distance of 0 to 2. */
static double cubic(double d)
{
    const double a = -0.5;
    return d < 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
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

static CaValue *weights(CaTfCall *c, Axis *a, bool area)
{
    CaBuild *b = c->b;
    const bool corners = ca_tf_attr_bool(c->r, c->node, "align_corners", false);
    if (a->in < 1 || a->out < 1 || a->in > MAX_WEIGHTS / a->out) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "from %lld to %lld elements: sizes must be known and not absurd; "
                      "give the model's input shape",
                      (long long)a->in, (long long)a->out);
        return NULL;
    }
    a->w = ca_arena_array(b->work, (size_t)(a->in * a->out), sizeof *a->w);
    if (!a->w) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    a->scale = corners && a->out > 1 ? (double)(a->in - 1) / (double)(a->out - 1)
                                     : (double)a->in / (double)a->out;
    for (int64_t i = 0; i < a->out; i++) {
        if (area && a->scale > 0)
            area_row(a, i);
        else if (area)
            a->w[i * a->in] = 1;
        else
            cubic_row(a, i);
    }
    const int64_t dims[] = {a->out, a->in};
    const CarinaShape s = ca_shape(2, dims);
    return ca_build_reals(b, &s, a->w);
}

void ca_tf_resize_by_weights(CaTfCall *c)
{
    CaBuild *b = c->b;
    const bool area = strcmp(c->node->op, "ResizeArea") == 0;
    int64_t size[2] = {0, 0};
    CaValue *x =
        ca_build_channels_first(b, ca_build_convert(b, ca_tf_in(c, 0), CARINA_F32));
    const CarinaShape s = ca_build_shape(b, x);
    if (ca_build_known_ints(b, ca_tf_in(c, 1), size, 2) != 2 || s.rank != 4) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "its sizes are not known; give the model's input shape");
        return;
    }
    Axis y = {.in = s.dims[2], .out = size[0]}, z = {.in = s.dims[3], .out = size[1]};
    CaValue *left = weights(c, &y, area), *right = weights(c, &z, area);
    CaValue *v = ca_build_2(b, "MatMul", left, x);
    v = ca_build_2(b, "MatMul", v, right);
    ca_build_set_text(b, v, "transpose_b", "true");
    ca_tf_out(c, 0, ca_build_channels_last(b, v));
}

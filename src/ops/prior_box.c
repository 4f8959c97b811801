/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PriorBox: the default boxes of SSD around each cell of a layer, and their variances. OpenVINO opset1; opset8 adds
 * min_max_aspect_ratios_order (opset1 has it true).
 *
 * Boxes of a cell: for each fixed_size its ratios or its density grid; for each min_size the square, then the
 * square of sqrt(min max) before the other ratios (after them where the order is false). Ratios: 1, the given ones
 * and with flip their reciprocals, without repetition. Grid boxes are cut at 0 below and at 1 above even without
 * clip. scale_all_sizes=false is MXNet's: sizes and step are parts of the image's height.
 */
#include "ops/check.h"
#include "ops/priors.h"

#include <float.h>
#include <math.h>

typedef struct {
    CarinaFloats min_size, max_size, aspect_ratio, density, fixed_ratio, fixed_size,
        variance;
    double step, offset;
    bool clip, flip, scale_all_sizes, min_max_aspect_ratios_order;
} Attrs;

#define COMMON                                                                 \
    CA_ATTR_FLOATS(Attrs, min_size, 0, FLT_MAX, CA_DEFAULT("")),               \
        CA_ATTR_FLOATS(Attrs, max_size, 0, FLT_MAX, CA_DEFAULT("")),           \
        CA_ATTR_FLOATS(Attrs, aspect_ratio, FLT_MIN, FLT_MAX, CA_DEFAULT("")), \
        CA_ATTR_FLOATS(Attrs, density, 1, 1024, CA_DEFAULT("")),               \
        CA_ATTR_FLOATS(Attrs, fixed_ratio, FLT_MIN, FLT_MAX, CA_DEFAULT("")),  \
        CA_ATTR_FLOATS(Attrs, fixed_size, 0, INT32_MAX, CA_DEFAULT("")),       \
        CA_ATTR_BOOL(Attrs, clip, CA_DEFAULT("false")),                        \
        CA_ATTR_BOOL(Attrs, flip, CA_DEFAULT("false")),                        \
        CA_ATTR_FLOAT(Attrs, step, -1, FLT_MAX, CA_DEFAULT("0")),              \
        CA_ATTR_FLOAT(Attrs, offset, -FLT_MAX, FLT_MAX, CA_REQUIRED),          \
        CA_ATTR_FLOATS(Attrs, variance, -FLT_MAX, FLT_MAX, CA_DEFAULT("")),    \
        CA_ATTR_BOOL(Attrs, scale_all_sizes, CA_DEFAULT("true"))

static const CarinaAttr attrs1[] = {COMMON, CA_ATTRS_END};
static const CarinaAttr attrs8[] = {
    COMMON,
    CA_ATTR_BOOL(Attrs, min_max_aspect_ratios_order, CA_DEFAULT("true")),
    CA_ATTRS_END,
};

enum { MAX_RATIOS = 128 };

/* One cell at a time; out NULL: only count. */
typedef struct {
    const Attrs *at;
    double ratios[MAX_RATIOS]; /* without 1 */
    int n_ratios;
    bool max_first;
    double x, y, width, height; /* centre; image */
    double min_scale;
    double *out;
    int64_t n;
} Cell;

static void put(Cell *c, double x, double y, double w, double h, bool cut)
{
    if (c->out) {
        double *b = c->out + 4 * c->n;
        b[0] = (x - w / 2) / c->width;
        b[1] = (y - h / 2) / c->height;
        b[2] = (x + w / 2) / c->width;
        b[3] = (y + h / 2) / c->height;
        for (int i = 0; i < 4 && cut; i++)
            b[i] = i < 2 ? fmax(b[i], 0) : fmin(b[i], 1);
        for (int i = 0; i < 4 && c->at->clip; i++)
            b[i] = fmin(fmax(b[i], 0), 1);
    }
    c->n++;
}

static void put_grid(Cell *c, double size, double density, double ratio)
{
    const int64_t n = (int64_t)density, shift = (int64_t)(size / (double)n);
    const double from = (double)((int64_t)size / 2 - shift / 2);
    for (int64_t row = 0; row < n; row++)
        for (int64_t col = 0; col < n; col++)
            put(c, c->x - from + (double)(col * shift),
                c->y - from + (double)(row * shift), size * sqrt(ratio),
                size / sqrt(ratio), true);
}

static void put_fixed(Cell *c)
{
    const Attrs *at = c->at;
    for (int i = 0; i < at->fixed_size.n; i++) {
        const double size = at->fixed_size.v[i];
        const double density = at->density.n ? at->density.v[i] : 1;
        for (int k = 0; k < at->fixed_ratio.n; k++)
            put_grid(c, size, density, at->fixed_ratio.v[k]);
        if (at->fixed_ratio.n)
            continue;
        if (at->density.n)
            put_grid(c, size, density, 1);
        for (int k = 0; k < c->n_ratios; k++)
            put_grid(c, size, density, c->ratios[k]);
    }
}

static void put_max(Cell *c, int i)
{
    if (i >= c->at->max_size.n)
        return;
    const double side = sqrt(c->at->min_size.v[i] * c->min_scale * c->at->max_size.v[i]);
    put(c, c->x, c->y, side, side, false);
}

static void put_sizes(Cell *c)
{
    const Attrs *at = c->at;
    for (int i = 0; i < at->min_size.n; i++) {
        const double side = at->min_size.v[i] * c->min_scale;
        const double of = at->min_size.v[at->scale_all_sizes ? i : 0] * c->min_scale;
        put(c, c->x, c->y, side, side, false);
        if (c->max_first)
            put_max(c, i);
        for (int k = 0; k < c->n_ratios; k++)
            if (at->scale_all_sizes || i == at->min_size.n - 1)
                put(c, c->x, c->y, of * sqrt(c->ratios[k]), of / sqrt(c->ratios[k]),
                    false);
        if (!c->max_first)
            put_max(c, i);
    }
}

static void add_ratio(Cell *c, double ratio)
{
    bool is_new = fabs(ratio - 1) >= 1e-6;
    for (int i = 0; i < c->n_ratios; i++)
        is_new = is_new && fabs(ratio - c->ratios[i]) >= 1e-6;
    if (is_new && c->n_ratios < MAX_RATIOS)
        c->ratios[c->n_ratios++] = ratio;
}

static Cell cell_of(const Attrs *at, bool max_first)
{
    Cell c = {.at = at, .max_first = max_first, .min_scale = 1};
    for (int i = 0; i < at->aspect_ratio.n; i++) {
        const int before = c.n_ratios;
        add_ratio(&c, at->aspect_ratio.v[i]);
        if (at->flip && c.n_ratios > before)
            add_ratio(&c, 1 / at->aspect_ratio.v[i]);
    }
    return c;
}

static int64_t boxes_of(const Attrs *at)
{
    Cell c = cell_of(at, true);
    put_fixed(&c);
    put_sizes(&c);
    return c.n;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    if (2 * at->aspect_ratio.n > MAX_RATIOS || at->fixed_size.n > 4096 ||
        at->fixed_ratio.n > MAX_RATIOS || at->min_size.n > 4096)
        return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                            "%d aspect ratios, %d min_size, %d fixed_size are too many",
                            (int)at->aspect_ratio.n, (int)at->min_size.n,
                            (int)at->fixed_size.n);
    if (at->density.n && at->density.n < at->fixed_size.n)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "density has %d numbers for %d of fixed_size",
                            (int)at->density.n, (int)at->fixed_size.n);
    return ca_priors_infer(a, boxes_of(at), at->variance, err);
}

static void boxes(CaRefArgs *r, bool max_first)
{
    const Attrs *at = (const Attrs *)r->attrs;
    int64_t layer[2];
    double image[2];
    if (!ca_priors_sizes(r, boxes_of(at), layer, image))
        return;
    Cell c = cell_of(at, max_first);
    double step = at->step;
    c.height = image[0];
    c.width = image[1];
    c.out = r->out[0].real;
    if (!at->scale_all_sizes) {
        c.min_scale = image[0];
        step = step == -1 ? image[0] / (double)layer[0] : step * image[0];
    }
    for (int64_t h = 0; h < layer[0]; h++)
        for (int64_t w = 0; w < layer[1]; w++) {
            const double y = (double)h, x = (double)w;
            c.x = step == 0 ? (x + 0.5) * image[1] / (double)layer[1]
                            : (at->offset + x) * step;
            c.y = step == 0 ? (y + 0.5) * image[0] / (double)layer[0]
                            : (at->offset + y) * step;
            put_fixed(&c);
            put_sizes(&c);
        }
    ca_priors_variance(r, at->variance);
}

static void ref1(CaRefArgs *r) { boxes(r, true); }
static void ref8(CaRefArgs *r)
{
    boxes(r, ((const Attrs *)r->attrs)->min_max_aspect_ratios_order);
}

const CaOp ca_op_prior_box = {
    .name = "PriorBox",
    .opset = 1,
    .summary = "default boxes of SSD around each cell",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs1,
    .infer = infer,
    .ref = ref1,
};

const CaOp ca_op_prior_box_8 = {
    .name = "PriorBox",
    .opset = 8,
    .summary = "default boxes of SSD around each cell, in a choice of orders",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs8,
    .infer = infer,
    .ref = ref8,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution, each algorithm on each instruction set, against the definition in double: edges,
 * steps, dilations, groups, residuals, ends, several images, thread counts.
 */
#include "base/cpu.h"
#include "kcheck.h"
#include "kernels/conv/conv_kernels.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A map: memory in blocks of 16 channels or of one (planes), with a larger halo than needed. */
typedef struct {
    CaActs a;
    int lanes;
    float *all;
    size_t n_all;
} Map;

static Map map_of(int lanes, int n, int c, int h, int w, int halo)
{
    const ptrdiff_t row = (ptrdiff_t)(w + 2 * halo) * lanes, image = row * (h + 2 * halo);
    const int blocks = (c + lanes - 1) / lanes;
    Map m = {.lanes = lanes,
             .a = {.n = n,
                   .c = c,
                   .h = h,
                   .w = w,
                   .halo = halo,
                   .row_stride = row,
                   .image_stride = image,
                   .block_stride = image * n},
             .n_all = (size_t)(image * n * blocks)};

    m.all = kc_zeros(m.n_all);
    m.a.data = m.all + halo * row + halo * lanes;
    return m;
}

static float *at(const Map *m, int n, int c, int y, int x)
{
    const CaActs *a = &m->a;
    return a->data + c / m->lanes * a->block_stride + n * a->image_stride +
           y * a->row_stride + x * m->lanes + c % m->lanes;
}

static void fill(const Map *m)
{
    for (int n = 0; n < m->a.n; n++)
        for (int c = 0; c < m->a.c; c++)
            for (int y = 0; y < m->a.h; y++)
                for (int x = 0; x < m->a.w; x++)
                    *at(m, n, c, y, x) = kc_float();
}

/* Halo and padding channels. */
static bool is_zero_outside(const Map *m)
{
    const CaActs *a = &m->a;
    double all = 0, inside = 0;

    for (size_t i = 0; i < m->n_all; i++)
        all += m->all[i] != 0;
    for (int n = 0; n < a->n; n++)
        for (int c = 0; c < a->c; c++)
            for (int y = 0; y < a->h; y++)
                for (int x = 0; x < a->w; x++)
                    inside += *at(m, n, c, y, x) != 0;
    return all == inside;
}

/* Largest sum, over the rows of A^T, of |A^T[i][xi]| |G[xi][.]| |B^T[xi][.]|: how much one dimension of
 * Winograd can enlarge the terms that are rounded. From the points alone. */
static double amplification(int m)
{
    static const double points2[] = {CA_WINOGRAD_POINTS_2},
                        points4[] = {CA_WINOGRAD_POINTS_4};
    const double *p = m == 2 ? points2 : points4;
    double q[5] = {0}, most = 0;

    for (int i = 0; i < m / 2; i++) {
        q[1 + 2 * i] = p[i];
        q[2 + 2 * i] = -p[i];
    }
    for (int i = 0; i < m; i++) {
        double sum = 0;
        for (int xi = 0; xi <= m + 1; xi++) {
            const bool infinity = xi == m + 1;
            double d = 1,
                   b = 1; /* b: the product of 1 + |r| bounds the row's coefficients */
            for (int j = 0; j <= m; j++) {
                d *= infinity || j == xi ? 1 : fabs(q[xi] - q[j]);
                b *= !infinity && j == xi ? 1 : 1 + fabs(q[j]);
            }
            const double g = infinity ? 1 : (1 + fabs(q[xi]) + q[xi] * q[xi]) / d;
            const double a = infinity ? i == m - 1 : i == 0 ? 1 : pow(fabs(q[xi]), i);
            sum += a * g * b;
        }
        most = sum > most ? sum : most;
    }
    return most;
}

/* The same for step 2: F(m,2) of the even inputs, points +-p[i] and infinity, and one tap of the odd ones. */
static double polyphase_amplification(int m)
{
    static const double points2[] = {CA_POLYPHASE_POINTS_2},
                        points4[] = {CA_POLYPHASE_POINTS_4};
    const double *p = m == 2 ? points2 : points4;
    double all = 1, most = 0;

    for (int j = 0; j < m; j++) /* 1 + |r| of all points: the row of infinity */
        all *= 1 + p[j / 2];
    for (int i = 0; i < m; i++) {
        double sum = 1 + (i == m - 1 ? all : 0);
        for (int xi = 0; xi < m; xi++) {
            const double q = p[xi / 2];
            double d = 2 * q;
            for (int j = 0; j < m / 2; j++)
                d *= j == xi / 2 ? 1 : fabs(q * q - p[j] * p[j]);
            sum += pow(q, i) * (1 + q) / d * all / (1 + q);
        }
        most = sum > most ? sum : most;
    }
    return most;
}

/* The ends of this test; the others are kcheck_act's. */
static double act_of(const CaAct *act, double x)
{
    if (act->kind == CA_ACT_RELU)
        return fmax(x, 0);
    if (act->kind == CA_ACT_CLAMP)
        return fmin(fmax(x, (double)act->a), (double)act->b);
    return act->kind == CA_ACT_SIGMOID ? 1 / (1 + exp(-x)) : x;
}

typedef struct {
    CaConvPlan plan;
    Map in, out, add;
    const float *oihw, *bias, *slope;
    void *packed;
    CaConvBefore before;
    CaConvEnd end;
} Case;

static double input_of(const Case *c, int n, int channel, int y, int x)
{
    const double v = (double)*at(&c->in, n, channel, y, x);
    const CaConvBefore *b = c->end.before;
    return b ? fmin(fmax(v * (double)b->scale[channel] + (double)b->shift[channel],
                         (double)b->lo),
                    (double)b->hi)
             : v;
}

static void check_results(const Case *c)
{
    const CaConvShape *s = &c->plan.s;
    const int ci = s->ci / s->groups, co = s->co / s->groups;
    const bool winograd = c->plan.algorithm == CA_CONV_WINOGRAD_2 ||
                          c->plan.algorithm == CA_CONV_WINOGRAD_4;
    const bool strassen = c->plan.algorithm == CA_CONV_STRASSEN;
    const double most = c->end.before ? 2 : 1; /* of the input: scaled and shifted */
    const double k = !winograd          ? 0
                     : s->stride_h == 2 ? polyphase_amplification(c->plan.m)
                                        : amplification(c->plan.m),
                 u = 0.5 * (double)FLT_EPSILON;

    for (int n = 0; n < s->n; n++)
        for (int o = 0; o < s->co; o++)
            for (int y = 0; y < s->oh; y++)
                for (int x = 0; x < s->ow; x++) {
                    double sum = (double)c->bias[o], size = fabs(sum);
                    for (int i = 0; i < ci; i++)
                        for (int ky = 0; ky < s->kh; ky++)
                            for (int kx = 0; kx < s->kw; kx++) {
                                const int iy =
                                    y * s->stride_h + ky * s->dilation_h - s->pad_top;
                                const int ix =
                                    x * s->stride_w + kx * s->dilation_w - s->pad_left;
                                if (iy < 0 || iy >= s->ih || ix < 0 || ix >= s->iw)
                                    continue;
                                const double t =
                                    input_of(c, n, o / co * ci + i, iy, ix) *
                                    (double)
                                        c->oihw[((o * ci + i) * s->kh + ky) * s->kw + kx];
                                sum += t;
                                size += fabs(t);
                            }
                    if (c->end.add) {
                        sum += (double)*at(&c->add, n, o, y, x);
                        size += fabs((double)*at(&c->add, n, o, y, x));
                    }
                    /* Direct: a product and a sum a term (ref rounds both), then bias, residual.
                     * Winograd: the sum of all terms is below ci k^2, as |d|, |g| < 1; 4 + 4
                     * roundings in, 1 of U, 2 a channel, 8 + 8 out, bias, residual. Step 2 has at most
                     * as many: F(m,2) has a point less, out 1 more to add the odd inputs.
                     * Strassen: the sum of all terms of a result is below 18 ci / 2 (conv/README.md); products
                     * and sums of four halves in a row, 3 roundings in each of T and S, 2 before, bias, 4 sums, residual.
                     * Then the end: slopes are 1 at most; 8 roundings of its result. */
                    const double terms = winograd ? (2 * ci + 27) * (ci * k * k + size)
                                         : strassen
                                             ? (4 * ci + 14) * (9 * ci * most + size)
                                             : (2.0 * ci * s->kh * s->kw + 3) * size;
                    if (c->slope && sum < 0)
                        sum *= (double)c->slope[o];
                    const double want = act_of(&c->end.act, sum);
                    kc_close("result", (size_t)(at(&c->out, n, o, y, x) - c->out.all),
                             (double)*at(&c->out, n, o, y, x), want,
                             u * (terms + 8 * fabs(want)));
                }
}

/* The threads of a phase, in turn: what they share they may not depend on. */
static void run(const Case *c, int n_threads)
{
    const CaConvPlan *p = &c->plan;
    float *shared = kc_floats(p->shared_scratch / sizeof(float));
    float *own[4];

    for (int t = 0; t < n_threads; t++)
        own[t] = kc_floats(p->thread_scratch / sizeof(float));
    for (int phase = 0; phase < p->n_phases; phase++)
        for (int t = n_threads - 1; t >= 0; t--)
            ca_conv_run(p, phase, t, n_threads, &c->out.a, &c->in.a, c->packed, &c->end,
                        shared, own[t]);
}

enum {
    WITH_ADD = 1,
    WITH_SLOPE = 2,
    NO_HALO = 4,
    OUT_HALO = 8, /* all the same */
    WITH_BEFORE = 16
};

static void check(const CaConvIsa *isa, CaConvAlgorithm algorithm, const CaConvShape *s,
                  CaAct act, int with)
{
    Case c = {.end = {.act = act}};
    const size_t n_weights = (size_t)(s->co * (s->ci / s->groups) * s->kh * s->kw);

    kc_case(
        "%s n%d %d->%d in %dx%d out %dx%d k%dx%d s%dx%d d%dx%d pad %d,%d g%d act %d with %d",
        isa->kernel[algorithm], s->n, s->ci, s->co, s->ih, s->iw, s->oh, s->ow, s->kh,
        s->kw, s->stride_h, s->stride_w, s->dilation_h, s->dilation_w, s->pad_top,
        s->pad_left, s->groups, (int)act.kind, with);
    if (!ca_conv_plan_as(&c.plan, s, isa, algorithm)) {
        kc_fail("no plan");
        return;
    }
    const int more =
        with & NO_HALO ? 0 : 1; /* halos larger than needed must do no harm */
    c.in = algorithm == CA_CONV_PLANES
               ? map_of(1, s->n, s->ci, s->ih, s->iw, 0)
               : map_of(16, s->n, s->ci, s->ih, s->iw, c.plan.in_halo + more);
    const int out_halo = with & OUT_HALO ? 1 : more;
    c.out = map_of(16, s->n, s->co, s->oh, s->ow, out_halo);
    c.add = map_of(16, s->n, s->co, s->oh, s->ow, 2 * more);
    fill(&c.in);
    fill(&c.add);
    c.oihw = kc_floats(n_weights);
    c.bias = kc_floats((size_t)s->co);
    if (with & WITH_SLOPE)
        c.end.slope = c.slope = kc_floats((size_t)(s->co + 15) / 16 * 16);
    c.before = (CaConvBefore){kc_floats((size_t)s->ci), kc_floats((size_t)s->ci),
                              act.kind == CA_ACT_RELU ? 0 : -0.5f, 1.5f};
    if (with & WITH_BEFORE)
        c.end.before = &c.before;
    if (with & WITH_ADD)
        c.end.add = &c.add.a;
    c.packed = kc_floats(c.plan.packed_size / sizeof(float));
    for (int i = c.plan.n_pack_items - 1; i >= 0; i--)
        ca_conv_pack(&c.plan, c.packed, c.oihw, c.bias, i, i + 1);

    run(&c, 1);
    check_results(&c);
    kc_true(is_zero_outside(&c.out), "halo and padding channels of the result are zero");
    const Map first = c.out;
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        c.out = map_of(16, s->n, s->co, s->oh, s->ow, out_halo);
        run(&c, n_threads);
        kc_true(memcmp(first.all, c.out.all, first.n_all * sizeof(float)) == 0,
                "more threads give the same bits");
    }
    kc_free();
}

static CaConvShape square(int n, int ci, int co, int ih, int iw, int k, int stride)
{
    const int pad = k / 2;

    return (CaConvShape){.n = n,
                         .ci = ci,
                         .co = co,
                         .ih = ih,
                         .iw = iw,
                         .oh = (ih + 2 * pad - k) / stride + 1,
                         .ow = (iw + 2 * pad - k) / stride + 1,
                         .kh = k,
                         .kw = k,
                         .stride_h = stride,
                         .stride_w = stride,
                         .dilation_h = 1,
                         .dilation_w = 1,
                         .pad_top = pad,
                         .pad_left = pad,
                         .groups = 1};
}

static const CaAct none = {CA_ACT_NONE, 0, 0}, relu = {CA_ACT_RELU, 0, 0};
static const CaAct relu6 = {CA_ACT_CLAMP, 0, 6}, sigmoid = {CA_ACT_SIGMOID, 0, 0};
static const CaAct above = {CA_ACT_CLAMP, 0.5f, 2}; /* act(0) is not 0 */

static void check_direct(const CaConvIsa *isa)
{
    CaConvShape s;

    for (int w = 1; w <= 31; w += w < 16 ? 1 : 5) { /* each width of a tile */
        for (int k = 1; k <= 3; k += 2)
            for (int stride = 1; stride <= 3; stride++) {
                s = square(1, 19, 40, 3, w, k, stride);
                check(isa, CA_CONV_DIRECT, &s, w & 1 ? relu : none, w & 2 ? WITH_ADD : 0);
            }
        s = square(2, 16, 32, 2, w, 1, 1); /* flat */
        check(isa, CA_CONV_DIRECT, &s, relu6, NO_HALO | (w & 1 ? WITH_ADD : 0));
        s = square(2, 19, 40, 3, w, 1, 1); /* flat but for the results */
        check(isa, CA_CONV_DIRECT, &s, w & 4 ? sigmoid : relu6,
              NO_HALO | OUT_HALO | (w & 1 ? WITH_ADD : 0) | (w & 2 ? WITH_SLOPE : 0));
    }
    for (int k = 1; k <= 3; k += 2) { /* the wide tile */
        s = square(2, 33, 64, 7, 7, k, 1);
        check(isa, CA_CONV_DIRECT, &s, sigmoid, WITH_ADD);
        check(isa, CA_CONV_DIRECT, &s, relu, k == 1 ? NO_HALO : 0);
        s = square(1, 33, 64, 14, 14, k, 2);
        check(isa, CA_CONV_DIRECT, &s, relu, 0);
    }
    s = square(1, 3, 20, 23, 17, 7, 2);
    check(isa, CA_CONV_DIRECT, &s, above, WITH_SLOPE);
    s = square(1, 3, 17, 31, 27, 11, 4);
    check(isa, CA_CONV_DIRECT, &s, sigmoid, 0);
    s = (CaConvShape){2, 5, 24, 13, 11, 9, 12, 2, 3, 1, 1, 3, 2, 0, 3, 1};
    check(isa, CA_CONV_DIRECT, &s, none, WITH_ADD | WITH_SLOPE);
    s = (CaConvShape){1, 20, 16, 9, 14, 5, 3, 3, 2, 2, 5, 1, 2, 2, 0, 1};
    check(isa, CA_CONV_DIRECT, &s, relu, WITH_ADD);
    s = square(1, 700, 48, 5, 5, 3, 1); /* chunks, panels fetched ahead */
    check(isa, CA_CONV_DIRECT, &s, relu, WITH_ADD);
    s = square(1, 1500, 200, 3, 4, 1, 1);
    check(isa, CA_CONV_DIRECT, &s, relu, WITH_ADD);
    s = square(1, 1500, 200, 3, 8, 1, 1);
    check(isa, CA_CONV_DIRECT, &s, relu, NO_HALO | OUT_HALO);
}

static void check_planes(const CaConvIsa *isa)
{
    CaConvShape s;

    for (int w = 1; w <= 31; w += w < 16 ? 1 : 5)
        for (int stride = 1; stride <= 3; stride++) {
            s = square(1, 3, 40, 4, w, 3, stride);
            check(isa, CA_CONV_PLANES, &s, w & 1 ? relu : none, w & 2 ? WITH_ADD : 0);
        }
    s = square(2, 3, 64, 14, 14, 7, 2); /* the wide tile; rows that are all padding */
    check(isa, CA_CONV_PLANES, &s, relu, 0);
    s = square(1, 1, 17, 31, 27, 11, 4);
    check(isa, CA_CONV_PLANES, &s, sigmoid, WITH_ADD | WITH_SLOPE);
    s = square(1, 4, 35, 12, 12, 1, 1);
    check(isa, CA_CONV_PLANES, &s, above, 0);
    s = (CaConvShape){2, 5, 24, 13, 11, 9, 12, 2, 3, 1, 1, 3, 2, 0, 3, 1};
    check(isa, CA_CONV_PLANES, &s, none, WITH_ADD | WITH_SLOPE);
    s = (CaConvShape){1, 3, 16, 2, 3, 4, 5, 3, 3, 2, 2, 1, 1, 4, 9, 1}; /* all padding */
    check(isa, CA_CONV_PLANES, &s, none, 0);
}

static void check_groups(const CaConvIsa *isa)
{
    static const int each[][3] = {/* groups, ci, co */ {2, 16, 32},
                                  {4, 8, 8},
                                  {8, 4, 6},
                                  {3, 5, 7},
                                  {6, 8, 16},
                                  {5, 1, 3}};

    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        for (int k = 1; k <= 3; k += 2) {
            CaConvShape s =
                square(1, each[i][0] * each[i][1], each[i][0] * each[i][2], 5, 9, k, 1);
            s.groups = each[i][0];
            check(isa, CA_CONV_DIRECT, &s, relu, WITH_ADD);
        }
}

static void check_winograd(const CaConvIsa *isa, CaConvAlgorithm algorithm)
{
    CaConvShape s;

    for (int h = 1; h <= 9; h += 2)
        for (int w = 1; w <= 31; w += 3) {
            s = square(1, 19, 40, h, w, 3, 1);
            check(isa, algorithm, &s, w & 1 ? relu : none, h & 2 ? WITH_ADD : 0);
        }
    s = square(2, 5, 17, 8, 7, 3, 1);
    check(isa, algorithm, &s, sigmoid, WITH_ADD | WITH_SLOPE);
    check(isa, algorithm, &s, above, NO_HALO);
    s = (CaConvShape){2, 33, 80, 9, 10, 9, 9, 3, 3, 1, 1, 1, 1, 2, 0, 1};
    check(isa, algorithm, &s, relu6, WITH_ADD);
    s = (CaConvShape){1, 16, 272, 9, 10, 7, 8, 3, 3, 1, 1, 1, 1, 0, 0, 1};
    check(isa, algorithm, &s, none, 0);
}

static void check_polyphase(const CaConvIsa *isa, CaConvAlgorithm algorithm)
{
    CaConvShape s;

    for (int h = 1; h <= 17; h += 3)
        for (int w = 1; w <= 37; w += 4) {
            s = square(1, 19, 40, h, w + (h & 1), 3, 2);
            check(isa, algorithm, &s, w & 2 ? relu : none, h & 2 ? WITH_ADD : 0);
        }
    s = square(2, 5, 17, 16, 14, 3, 2);
    check(isa, algorithm, &s, sigmoid, WITH_ADD | WITH_SLOPE);
    check(isa, algorithm, &s, above, NO_HALO);
    s = (CaConvShape){2, 33, 80, 18, 21, 9, 9, 3, 3, 2, 2, 1, 1, 2, 0, 1};
    check(isa, algorithm, &s, relu6, WITH_ADD);
    s = (CaConvShape){1, 16, 272, 19, 20, 9, 9, 3, 3, 2, 2, 1, 1, 0, 0, 1};
    check(isa, algorithm, &s, none, 0);
    s = square(2, 384, 176, 14, 13, 3, 2); /* shared V */
    check(isa, algorithm, &s, relu, WITH_ADD);
}

/* Shared V, in one block of tiles and in several. */
static void check_large_winograd(const CaConvIsa *isa)
{
    CaConvShape s = square(1, 176, 176, 16, 14, 3, 1);
    check(isa, CA_CONV_WINOGRAD_4, &s, relu, WITH_ADD);
    s = square(2, 384, 176, 7, 7, 3, 1);
    check(isa, CA_CONV_WINOGRAD_2, &s, relu, 0);
    s = square(2, 176, 384, 5, 5, 3, 1);
    check(isa, CA_CONV_WINOGRAD_4, &s, relu, 0);
}

/* Pairs of every width, in maps with and without gaps; groups that are not whole. */
static void check_strassen(const CaConvIsa *isa)
{
    const CaAct acts[] = {none, relu, relu6, above, sigmoid};
    CaConvShape s;

    for (int pixels = 1; pixels <= 57; pixels++) {
        s = square(1, 32, 32, 1, pixels, 1, 1);
        check(isa, CA_CONV_STRASSEN, &s, acts[pixels % 5],
              (pixels & 1 ? WITH_ADD : 0) | (pixels & 2 ? WITH_SLOPE : 0) |
                  (pixels & 4 ? NO_HALO : 0));
    }
    for (int with = 0; with < 8; with++)
        for (int act = 0; act < 5; act++) {
            s = square(1 + act % 2, 64, 96, 7, 7, 1, 1); /* 49 pixels */
            check(isa, CA_CONV_STRASSEN, &s, acts[act], with);
        }
    for (int w = 5; w <= 30; w += 5) {
        s = square(2, 32, 64, 3, w, 1, 1);
        check(isa, CA_CONV_STRASSEN, &s, relu, WITH_ADD);
        s = square(2, 32, 64, 9, w, 1, 2); /* step 2 */
        check(isa, CA_CONV_STRASSEN, &s, sigmoid, NO_HALO);
    }
    for (int with = 0; with < 8; with++) {
        s = square(2, 96, 64, 7, 5 + with, 1, 1);
        check(isa, CA_CONV_STRASSEN, &s, acts[with % 5], with | WITH_BEFORE);
    }
    s = square(1, 96, 32, 1, 197, 1, 1);
    check(isa, CA_CONV_STRASSEN, &s, none, NO_HALO);
    s = (CaConvShape){2, 32, 64, 9, 13, 5, 4, 1, 1, 2, 3, 1, 1, 0, 0, 1};
    check(isa, CA_CONV_STRASSEN, &s, none, WITH_ADD);
    s = square(1, 480, 608, 7, 7, 1, 1); /* T is shared */
    check(isa, CA_CONV_STRASSEN, &s, relu, WITH_ADD);
    check(isa, CA_CONV_STRASSEN, &s, sigmoid, WITH_ADD | WITH_SLOPE | NO_HALO);
    check(isa, CA_CONV_STRASSEN, &s, none, WITH_BEFORE | NO_HALO);
    s = square(2, 1568, 416, 5, 6, 1, 1); /* panels fetched ahead */
    check(isa, CA_CONV_STRASSEN, &s, relu, WITH_ADD | NO_HALO);
    check(isa, CA_CONV_STRASSEN, &s, sigmoid, 0);
}

/* What it does not do. */
static void check_not_strassen(const CaConvIsa *isa)
{
    CaConvPlan p;
    const int refused[][4] = {{48, 32, 1, 1}, {32, 48, 1, 1}, {40, 32, 1, 1},
                              {32, 20, 1, 1}, {32, 32, 3, 1}, {16, 16, 1, 1},
                              {64, 64, 1, 2}};

    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CaConvShape s = square(1, refused[i][0], refused[i][1], 7, 7, refused[i][2], 1);
        s.groups = refused[i][3];
        kc_case("%s %d->%d k%d g%d", isa->kernel[CA_CONV_STRASSEN], s.ci, s.co, s.kh,
                s.groups);
        kc_true(!ca_conv_plan_as(&p, &s, isa, CA_CONV_STRASSEN), "is refused");
    }
}

static void check_depthwise(const CaConvIsa *isa)
{
    CaConvShape s;

    for (int w = 1; w <= 17; w++)
        for (int k = 1; k <= 5; k++)
            for (int stride = 1; stride <= 3; stride++) {
                if (w + k / 2 * 2 < k)
                    continue;
                s = square(1 + (w & 1), 19, 19, 6, w, k, stride);
                s.groups = 19;
                check(isa, CA_CONV_DEPTHWISE, &s, w & 1 ? relu6 : sigmoid,
                      w & 2 ? WITH_ADD : 0);
            }
    s = (CaConvShape){1, 32, 32, 9, 14, 5, 12, 3, 3, 2, 1, 1, 2, 0, 1, 32};
    check(isa, CA_CONV_DEPTHWISE, &s, none, WITH_SLOPE);
}

/* A gate in the packed filter is the filter, multiplied, packed: number by number. Padding stays zero. */
static void check_gate(const CaConvIsa *isa, int ci, int co)
{
    const CaConvShape s = square(2, ci, co, 5, 5, 1, 1);
    CaConvPlan p;
    size_t size = 0;

    kc_case("%s gate %d->%d", isa->kernel[CA_CONV_DIRECT], ci, co);
    if (!ca_conv_plan_as(&p, &s, isa, CA_CONV_DIRECT) || !ca_conv_takes_gate(&p) ||
        !ca_conv_gate_size(&p, 2, &size)) {
        kc_fail("no plan");
        return;
    }
    const Map gate = map_of(16, 2, ci, 1, 1, 0);
    const float *oihw = kc_floats((size_t)(ci * co)), *bias = kc_floats((size_t)co);
    float *packed = kc_floats(p.packed_size / sizeof(float)),
          *want = kc_floats(p.packed_size / sizeof(float)),
          *times = kc_floats((size_t)(ci * co));
    fill(&gate);
    *at(&gate, 1, ci - 1, 0, 0) = INFINITY;
    ca_conv_pack(&p, packed, oihw, bias, 0, p.n_pack_items);
    for (int n_threads = 1; n_threads <= 4; n_threads++) {
        float *gated = kc_floats(size / sizeof(float));
        for (int image = 0; image < 2; image++) {
            for (int i = 0; i < co * ci; i++)
                times[i] = oihw[i] * *at(&gate, image, i % ci, 0, 0);
            ca_conv_pack(&p, want, times, bias, 0, p.n_pack_items);
            for (int t = n_threads - 1; t >= 0; t--)
                ca_conv_gate(&p, gated, packed, &gate.a, image, t, n_threads);
            const float *got = ca_conv_gated(&p, gated, image);
            for (size_t i = 0; i < p.packed_size / sizeof(float); i++)
                kc_true(got[i] == want[i], "the filter times the gate");
        }
    }
    kc_free();
}

/* What the rule gives, and what it must refuse. */
static void check_rule(void)
{
    CaConvPlan p;
    CaConvShape s = square(1, 64, 64, 56, 56, 3, 1);
    const uint32_t cpu = UINT32_MAX; /* plans depend on nothing else */

    kc_case("rule");
    kc_true(ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_WINOGRAD_4,
            "F(4,3) on 56x56");
    kc_true(ca_conv_plan(&p, &s, cpu, false) && p.algorithm == CA_CONV_DIRECT,
            "direct where Winograd is not allowed");
    kc_true(ca_conv_plan(&p, &s, 0, false) && strstr(p.kernel, "_ref") != NULL,
            "ref where the processor has nothing");
    s = square(1, 128, 128, 56, 56, 3, 2);
    kc_true(ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_WINOGRAD_4,
            "F(4,2) on 56x56, step 2");
    s.stride_w = 1;
    kc_true(!ca_conv_plan_as(&p, &s, ca_conv_isas[0], CA_CONV_WINOGRAD_4),
            "steps that differ are not Winograd's");
    s = square(1, 256, 512, 7, 7, 3, 1);
    /* On 7x7 the choice is close: costs that were measured decide, and those of NEON were not. */
    const bool is_measured = !(ca_conv_isas[0]->needs & CA_CPU_NEON);
    kc_true(!is_measured ||
                (ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_WINOGRAD_2),
            "F(2,3) on 7x7");
    s = square(1, 512, 512, 7, 7, 3, 1);
    kc_true(!is_measured ||
                (ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_WINOGRAD_2),
            "F(2,3) on 7x7 where its filter is large");
    s = square(1, 512, 512, 3, 3, 3, 1);
    kc_true(ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_DIRECT,
            "direct where tiles are mostly padding");
    s = square(1, 1, 64, 224, 224, 3, 1);
    kc_true(ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_DIRECT,
            "direct where transforms outweigh the sums");
    s = square(1, 256, 1024, 14, 14, 1, 1);
    kc_true(ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_STRASSEN,
            "Strassen where channels are many");
    kc_true(ca_conv_plan(&p, &s, cpu, false) && p.algorithm == CA_CONV_DIRECT,
            "direct where Strassen is not allowed");
    kc_true(ca_conv_plan_before(&p, &s, cpu) && p.algorithm == CA_CONV_STRASSEN,
            "a scale on the way");
    s = square(1, 256, 1024, 1, 1, 1, 1);
    kc_true(ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_DIRECT &&
                !ca_conv_plan_before(&p, &s, cpu),
            "direct where the filter is most of the work");
    s = square(1, 512, 512, 7, 7, 3, 1);
    s.groups = 512;
    kc_true(ca_conv_plan(&p, &s, cpu, true) && p.algorithm == CA_CONV_DEPTHWISE,
            "depthwise");
    kc_true(!ca_conv_plan_planes(&p, &s, cpu), "no planes of many channels");
    s.groups = 3;
    kc_true(!ca_conv_plan(&p, &s, cpu, true), "groups must divide the channels");
    s = square(1, 1 << 24, 1 << 24, 7, 7, 3, 1);
    s.kh = s.kw = 1 << 12;
    kc_true(!ca_conv_plan(&p, &s, cpu, true), "a filter larger than memory is refused");
    s = square(1, 1, 1, 7, 7, 1, 1);
    s.kh = s.kw = 1 << 13;
    kc_true(!ca_conv_plan(&p, &s, cpu, true), "a filter of too many taps is refused");
    s = square(1, 16, 16, 7, 7, 3, 1);
    s.stride_w = 0;
    kc_true(!ca_conv_plan(&p, &s, cpu, true), "step 0 is refused");
}

typedef struct {
    Case c;
    void *shared, *own;
} Bench;

static void bench_run(void *arg)
{
    const Bench *b = arg;
    for (int phase = 0; phase < b->c.plan.n_phases; phase++)
        ca_conv_run(&b->c.plan, phase, 0, 1, &b->c.out.a, &b->c.in.a, b->c.packed,
                    &b->c.end, b->shared, b->own);
}

static void bench(uint32_t cpu, const CaConvShape *s)
{
    Bench b = {.c = {.end = {.act = relu}}};
    char name[80];

    if (!kc_is_bench() || (!ca_conv_plan_planes(&b.c.plan, s, cpu) &&
                           !ca_conv_plan(&b.c.plan, s, cpu, true)))
        return;
    b.c.in = map_of(b.c.plan.algorithm == CA_CONV_PLANES ? 1 : 16, s->n, s->ci, s->ih,
                    s->iw, b.c.plan.in_halo);
    b.c.out = map_of(16, s->n, s->co, s->oh, s->ow, s->kh == 1);
    fill(&b.c.in);
    b.c.packed = kc_floats(b.c.plan.packed_size / sizeof(float));
    b.shared = kc_floats(b.c.plan.shared_scratch / sizeof(float));
    b.own = kc_floats(b.c.plan.thread_scratch / sizeof(float));
    snprintf(name, sizeof name, "%s %d->%d k%d s%d %dx%d", b.c.plan.kernel + 4, s->ci,
             s->co, s->kh, s->stride_h, s->oh, s->ow);
    kc_bench(name,
             2.0 * s->n * s->co * (s->ci / s->groups) * s->kh * s->kw * s->oh *
                 (double)s->ow,
             bench_run, &b);
    kc_free();
}

static void bench_all(const CaConvIsa *isa)
{
    static const int shapes[][5] = {/* ci, co, ih, k, step */ {3, 64, 224, 7, 2},
                                    {64, 64, 56, 1, 1},
                                    {64, 256, 56, 1, 1},
                                    {256, 64, 56, 1, 1},
                                    {512, 128, 28, 1, 1},
                                    {1024, 256, 14, 1, 1},
                                    {512, 2048, 7, 1, 1},
                                    {1024, 2048, 14, 1, 2},
                                    {128, 128, 56, 3, 2},
                                    {512, 512, 14, 3, 2},
                                    {64, 64, 56, 3, 1},
                                    {128, 128, 28, 3, 1},
                                    {256, 256, 14, 3, 1},
                                    {512, 512, 7, 3, 1},
                                    {128, 32, 28, 3, 1}};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const int *d = shapes[i];
        const CaConvShape s = square(1, d[0], d[1], d[2], d[2], d[3], d[4]);
        bench(isa->needs, &s);
    }
    for (int stride = 1; stride <= 2; stride++) {
        CaConvShape s = square(1, 144, 144, 56, 56, 3, stride);
        s.groups = 144;
        bench(isa->needs, &s);
    }
}

static void check_isa(const CaConvIsa *isa)
{
    KC_GUARDED(isa->kernel[CA_CONV_DIRECT], isa->needs)
    {
        check_direct(isa);
        check_groups(isa);
        check_gate(isa, 40, 24);
        check_gate(isa, 33, 100);
        check_gate(isa, 5, 16);
    }
    KC_GUARDED(isa->kernel[CA_CONV_WINOGRAD_2], isa->needs)
    {
        check_winograd(isa, CA_CONV_WINOGRAD_2);
        check_polyphase(isa, CA_CONV_WINOGRAD_2);
    }
    KC_GUARDED(isa->kernel[CA_CONV_WINOGRAD_4], isa->needs)
    {
        check_winograd(isa, CA_CONV_WINOGRAD_4);
        check_polyphase(isa, CA_CONV_WINOGRAD_4);
        check_large_winograd(isa);
    }
    KC_GUARDED(isa->kernel[CA_CONV_STRASSEN], isa->needs)
    {
        check_strassen(isa);
        check_not_strassen(isa);
    }
    KC_GUARDED(isa->kernel[CA_CONV_PLANES], isa->needs) { check_planes(isa); }
    KC_GUARDED(isa->kernel[CA_CONV_DEPTHWISE], isa->needs) { check_depthwise(isa); }
    KC_GUARDED("f32_conv_bench", isa->needs) { bench_all(isa); }
}

void kcheck_conv(void);
void kcheck_conv(void)
{
    const CaConvIsa *const *isa = ca_conv_isas;

    do
        check_isa(*isa);
    while ((*isa++)->needs); /* the last row needs nothing */
    KC_GUARDED("f32_conv_rule", 0) { check_rule(); }
}

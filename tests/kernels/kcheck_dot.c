/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution of u8 and bf16 on each instruction set, against the definition in double: whole numbers exactly,
 * their scaled results within f32's rounding and half a step; bf16 within the rounding of its sums.
 */
#include "base/cpu.h"
#include "base/half.h"
#include "kcheck_maps.h"
#include "kernels/dot/dot_kernels.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double get(const CaMap *m, int n, int c, int y, int x)
{
    const unsigned char *p = at(m, n, c, y, x);
    float f;
    uint16_t h;
    if (m->elem == CA_ELEM_U8)
        return *p;
    memcpy(&h, p, 2);
    if (m->elem == CA_ELEM_BF16)
        return (double)ca_bf16_to_f32(h);
    memcpy(&f, p, 4);
    return (double)f;
}

static void put(const CaMap *m, int n, int c, int y, int x)
{
    unsigned char *p = at(m, n, c, y, x);
    const float f = kc_float();
    const uint16_t h = ca_f32_to_bf16(f);
    if (m->elem == CA_ELEM_U8)
        *p = (unsigned char)kc_int(256);
    else if (m->elem == CA_ELEM_BF16)
        memcpy(p, &h, 2);
    else
        memcpy(p, &f, 4);
}

static void fill(const CaMap *m)
{
    for (int n = 0; n < m->n; n++)
        for (int c = 0; c < m->c; c++)
            for (int y = 0; y < m->h; y++)
                for (int x = 0; x < m->w; x++)
                    put(m, n, c, y, x);
}

static double act_of(const CaAct *act, double x)
{
    if (act->kind == CA_ACT_RELU)
        return fmax(x, 0);
    if (act->kind == CA_ACT_CLAMP)
        return fmin(fmax(x, (double)act->a), (double)act->b);
    return act->kind == CA_ACT_SIGMOID ? 1 / (1 + exp(-x)) : x;
}

typedef struct {
    CaDotPlan plan;
    Map in, out, add;
    CaMap source; /* what the run reads; `in` is what the definition does */
    float *oihw, *scale, *bias;
    const float *slope;
    int zero;
    CaDotEnd end;
    void *packed;
    bool is_whole; /* small whole numbers: Winograd rounds nothing */
} Case;

/* The sum over the filter, and over its terms' sizes. */
static double sum_at(const Case *c, double *size, int n, int o, int y, int x)
{
    const CaConvShape *s = &c->plan.s;
    const int ci = s->ci / s->groups, co = s->co / s->groups;
    double sum = 0;
    *size = 0;
    for (int i = 0; i < ci; i++)
        for (int ky = 0; ky < s->kh; ky++)
            for (int kx = 0; kx < s->kw; kx++) {
                const int iy = y * s->stride_h + ky * s->dilation_h - s->pad_top;
                const int ix = x * s->stride_w + kx * s->dilation_w - s->pad_left;
                if (iy < 0 || iy >= s->ih || ix < 0 || ix >= s->iw)
                    continue;
                float w = c->oihw[((o * ci + i) * s->kh + ky) * s->kw + kx];
                if (c->plan.type == CA_ELEM_BF16 && !c->plan.winograd)
                    w = ca_bf16_to_f32(ca_f32_to_bf16(w));
                const double t =
                    (get(&c->in.m, n, o / co * ci + i, iy, ix) - c->zero) * (double)w;
                sum += t;
                *size += fabs(t);
            }
    return sum;
}

/* F(2,3) of one result: the sum of the sizes of all that is added, A^T |(G g G^T)| . |(B^T d B)| A. */
static double winograd_size(const Case *c, double *all, int n, int o, int y, int x)
{
    static const double G[4][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}},
                        B[4][4] = {{1, 0, -1, 0},
                                   {0, 1, 1, 0},
                                   {0, -1, 1, 0},
                                   {0, 1, 0, -1}},
                        A[2][4] = {{1, 1, 1, 0}, {0, 1, 1, 1}};
    const CaConvShape *s = &c->plan.s;
    double size = 0;
    for (int i = 0; i < s->ci; i++)
        for (int p = 0; p < 4; p++)
            for (int q = 0; q < 4; q++) {
                double u = 0, v = 0;
                for (int k = 0; k < 9; k++)
                    u += G[p][k / 3] * G[q][k % 3] *
                         (double)c->oihw[(o * s->ci + i) * 9 + k];
                for (int k = 0; k < 16; k++) {
                    const int iy = y / 2 * 2 + k / 4 - s->pad_top,
                              ix = x / 2 * 2 + k % 4 - s->pad_left;
                    if (B[p][k / 4] * B[q][k % 4] != 0 && iy >= 0 && iy < s->ih &&
                        ix >= 0 && ix < s->iw)
                        v += B[p][k / 4] * B[q][k % 4] * get(&c->in.m, n, i, iy, ix);
                }
                /* the sums are held in twice the bits: 3 u^2 for 2 u */
                size += A[y % 2][p] * A[x % 2][q] * fabs(u * v) *
                        (p == 1 && q == 1 ? 1.5 * ldexp(1, -8) : 1);
                *all += A[y % 2][p] * A[x % 2][q] * fabs(u * v);
            }
    return size;
}

/* U and V are rounded to 8 bits each, and to f32 before, in two sums of 3; 3 ci products at most are added, then 9 sums. */
static double winograd_error(const Case *c, int n, int o, int y, int x)
{
    double all = 0;
    const double u = ldexp(1, -8), size = winograd_size(c, &all, n, o, y, x);
    return c->is_whole ? 0
                       : (2 * u + u * u) * size + (c->plan.s.ci + 24) * 0.5 *
                                                      (double)FLT_EPSILON *
                                                      (size + fabs((double)c->bias[o]));
}

static void check_result(const Case *c, int n, int o, int y, int x)
{
    const CaConvShape *s = &c->plan.s;
    const double u = 0.5 * (double)FLT_EPSILON, terms = s->ci * s->kh * s->kw;
    double size, sum = sum_at(c, &size, n, o, y, x);
    /* bf16: a rounding a term; u8: one of the sum, which is exact before. */
    double error = c->plan.type == CA_ELEM_BF16
                       ? terms * u * (size + fabs((double)c->bias[o]))
                       : u * fabs(sum) * (double)c->scale[o];
    if (c->plan.winograd)
        error = winograd_error(c, n, o, y, x);
    sum =
        sum * (c->plan.type == CA_ELEM_U8 ? (double)c->scale[o] : 1) + (double)c->bias[o];
    error += 2 * u * (fabs(sum) + fabs((double)c->bias[o]));
    if (c->end
            .mid) { /* its step may fall the other way within the error: then by one step more */
        const double v =
            fmin(fmax(sum, (double)c->end.mid->low), (double)c->end.mid->high);
        const bool is_near = fabs(v - floor(v) - 0.5) <= error;
        sum = rint(v) * (double)c->end.mid->scale + (double)c->end.mid->zero;
        error = (is_near ? (double)c->end.mid->scale : 0) + 3 * u * (fabs(sum) + 256);
    }
    if (c->end.add) {
        const double more = get(&c->add.m, n, o, y, x) * (double)c->end.add_scale;
        sum += more;
        error += 3 * u * (fabs(sum) + fabs(more));
    }
    if (c->slope && sum < 0)
        sum *= (double)c->slope[o];
    double want = act_of(&c->end.act, sum);
    error += 8 * u * fabs(want);
    const double got = get(&c->out.m, n, o, y, x);
    if (c->out.m.elem == CA_ELEM_U8) {
        want = want * (double)c->end.out.scale + (double)c->end.out.zero;
        error = error * (double)c->end.out.scale + 0.5 + 4 * u * (fabs(want) + 256);
        want = fmin(fmax(want, 0), 255);
    } else if (c->out.m.elem == CA_ELEM_BF16) {
        error += ldexp(fabs(want) + error, -8); /* half a step of 8 bits */
    }
    kc_close("result", (size_t)(((n * s->co + o) * s->oh + y) * s->ow + x), got, want,
             error);
}

static void run(const Case *c, int n_threads)
{
    void *shared = kc_bytes(c->plan.shared_scratch);
    for (int i = 0; i < c->plan.n_phases * n_threads; i++) {
        const int phase = i / n_threads, t = n_threads - 1 - i % n_threads;
        ca_dot_run(&c->plan, phase, t, n_threads, &c->out.m, &c->source, c->packed,
                   &c->end, shared, kc_bytes(c->plan.thread_scratch));
    }
}

enum {
    WITH_ADD = 1,
    WITH_F32_ADD = 2,
    WITH_SLOPE = 4,
    F32_OUT = 8,
    FIT = 16,
    WITH_MID = 32,
    WINOGRAD = 64,
    WHOLE = 128,
    BY_GROUP = 256,
    PIXELS = 512,
    BEFORE = 1024
};

static void set_weights(Case *c, const CaConvShape *s)
{
    const int n = s->co * (s->ci / s->groups) * s->kh * s->kw;
    c->oihw = kc_floats((size_t)n);
    c->scale = kc_floats((size_t)s->co);
    c->bias = kc_floats((size_t)s->co);
    for (int i = 0; c->plan.type == CA_ELEM_U8 && i < n; i++)
        c->oihw[i] = (float)(kc_int(256) - 128);
    for (int i = 0; c->is_whole && i < n; i++)
        c->oihw[i] = (float)(4 * (kc_int(9) - 4)); /* U is whole, 36 at most */
    for (int i = 0; c->is_whole && i < s->co; i++)
        c->bias[i] = (float)(kc_int(99) - 49);
    for (int i = 0; i < s->co; i++)
        c->scale[i] = kc_uniform(0.001f, 0.01f);
}

/* Whole numbers whose transforms need 7 bits. */
static void fill_whole(const CaMap *m)
{
    for (int i = 0; i < m->n * m->c * m->h * m->w; i++) {
        const uint16_t h = ca_f32_to_bf16((float)(kc_int(17) - 8));
        memcpy(at(m, i / (m->c * m->h * m->w), i / (m->h * m->w) % m->c, i / m->w % m->h,
                  i % m->w),
               &h, 2);
    }
}

static bool plan(Case *c, const CaConvShape *s, const CaDotIsa *isa, int with)
{
    if (with & PIXELS)
        return ca_dot_plan_packed_as(&c->plan, s, isa);
    if (with & BEFORE)
        return ca_dot_plan_before_as(&c->plan, s, isa);
    if (!(with & WINOGRAD))
        return ca_dot_plan_as(&c->plan, s, isa);
    if (!ca_dot_plan_winograd(&c->plan, s, isa))
        return false;
    c->is_whole = with & WHOLE;
    if (with & BY_GROUP) {
        c->plan.by_group = true;
        c->plan.block = (c->plan.block + 1) / 2;
        c->plan.n_phases = 4;
        c->plan.shared_scratch = c->plan.thread_scratch;
    }
    return true;
}

/* One number of a map, short as the definition of its type says. */
static void put_float(const CaMap *m, int n, int c, int y, int x, float f)
{
    const uint16_t h = ca_f32_to_bf16(f);
    unsigned char *p = at(m, n, c, y, x);
    if (m->elem == CA_ELEM_BF16)
        memcpy(p, &h, 2);
    else
        *p = (unsigned char)rintf(fminf(fmaxf(f, 0), 255));
}

static float any_float(CaElem type)
{
    return type == CA_ELEM_U8 ? kc_uniform(-20, 280) : kc_float();
}

/* The input as it comes, [n][c][h][w] floats, and as packed pixels; several threads. */
static void set_pixels(Case *c, CaElem type)
{
    const CaQuant q = {1, (float)c->zero, 0, 255};
    const CaConvShape *s = &c->plan.s;
    const int halo = c->in.m.halo, e = ca_elem_size(type);
    CaMap m = c->in.m;
    float *nchw = kc_floats((size_t)(s->n * s->ci * s->ih * s->iw));
    m.row_stride = (ptrdiff_t)(s->iw + 2 * halo) * s->ci * e;
    m.image_stride = m.row_stride * (s->ih + 2 * halo);
    m.data = (unsigned char *)kc_bytes((size_t)(m.image_stride * s->n) + 16) +
             halo * (m.row_stride + s->ci * e);
    for (int i = 0; i < s->n * s->ci * s->ih * s->iw; i++) {
        nchw[i] = any_float(type);
        put_float(&c->in.m, i / (s->ci * s->ih * s->iw), i / (s->ih * s->iw) % s->ci,
                  i / s->iw % s->ih, i % s->iw, nchw[i] + q.zero);
    }
    /* the words behind the last pixel meet weights of zero, and may be anything that is finite */
    memset(m.data + s->n * m.image_stride - halo * (m.row_stride + s->ci * e), 1, 16);
    for (int t = 0; t < 3; t++)
        ca_map_pack_pixels(&m, nchw, &q, kc_cpu(), t, 3,
                           kc_bytes(ca_map_pack_scratch(&m)));
    c->source = m;
}

/* f32 input and what is done to it while it is rounded. */
static void set_before(Case *c, CaDotBefore *before, CaElem type, int halo)
{
    const CaConvShape *s = &c->plan.s;
    const size_t n = (size_t)(s->ci + 15) / 16 * 16;
    float *scale = kc_floats(n), *shift = kc_floats(n);
    const Map f = zero_map_of(CA_ELEM_F32, s->n, s->ci, s->ih, s->iw, halo);
    *before = (CaDotBefore){scale, shift, type == CA_ELEM_U8 ? 3 : -0.25f,
                            type == CA_ELEM_U8 ? 200 : 0.75f};
    for (int i = 0; i < s->n * s->ci * s->ih * s->iw; i++) {
        const int b = i / (s->ci * s->ih * s->iw), k = i / (s->ih * s->iw) % s->ci,
                  y = i / s->iw % s->ih, x = i % s->iw;
        const float v = any_float(type);
        memcpy(at(&f.m, b, k, y, x), &v, sizeof v);
        put_float(&c->in.m, b, k, y, x,
                  fminf(fmaxf(v * scale[k] + shift[k], before->lo), before->hi));
    }
    c->source = f.m;
    c->end.before = before;
}

/* The filter as it is stored gives the same bytes. */
static void check_stored(const Case *c)
{
    const CaConvShape *s = &c->plan.s;
    const int n = s->co * (s->ci / s->groups) * s->kh * s->kw;
    int8_t *q = kc_bytes((size_t)n);
    void *packed = kc_bytes(c->plan.packed_size), *again = kc_bytes(c->plan.packed_size);
    for (int i = 0; i < n; i++)
        q[i] = (int8_t)c->oihw[i];
    ca_dot_pack(&c->plan, packed, c->oihw, c->scale, c->bias, c->zero, 0,
                c->plan.n_pack_items);
    ca_dot_pack_s8(&c->plan, again, q, c->scale, c->bias, c->zero, 0,
                   c->plan.n_pack_items);
    kc_true(memcmp(packed, again, c->plan.packed_size) == 0, "s8 is packed as it is");
}

static void check(const CaDotIsa *isa, const CaConvShape *s, CaAct act, int with)
{
    Case c = {.zero = isa->type == CA_ELEM_U8 ? kc_int(256) : 0};
    const int more = with & FIT ? 0 : 1;
    kc_case("%s n%d %d->%d in %dx%d out %dx%d k%dx%d s%d d%d g%d act %d with %d zero %d",
            isa->name, s->n, s->ci, s->co, s->ih, s->iw, s->oh, s->ow, s->kh, s->kw,
            s->stride_w, s->dilation_w, s->groups, (int)act.kind, with, c.zero);
    if (!plan(&c, s, isa, with)) {
        kc_fail("no plan");
        return;
    }
    const CaElem out = with & F32_OUT ? CA_ELEM_F32 : isa->type;
    c.end = (CaDotEnd){.act = act,
                       .out = {1, 0, 0, 255},
                       .add_scale = 0.37f,
                       .is_bounded = kc_int(4) > 0};
    if (out == CA_ELEM_U8 && act.kind == CA_ACT_SIGMOID) {
        c.end.out.scale = 255;
        c.end.out.zero = 3;
    }
    c.in = zero_map_of(isa->type, s->n, s->ci, s->ih, s->iw, c.plan.in_halo + more);
    c.out = zero_map_of(out, s->n, s->co, s->oh, s->ow, more);
    c.add = zero_map_of(with & WITH_F32_ADD ? CA_ELEM_F32 : isa->type, s->n, s->co, s->oh,
                        s->ow, more);
    if (c.is_whole)
        fill_whole(&c.in.m);
    else
        fill(&c.in.m);
    fill(&c.add.m);
    ca_map_fill_halo(&c.in.m, c.zero, 0, 1);
    c.source = c.in.m;
    if (with & PIXELS)
        set_pixels(&c, isa->type);
    CaDotBefore before;
    if (with & BEFORE)
        set_before(&c, &before, isa->type, more);
    set_weights(&c, s);
    if (with & WITH_SLOPE)
        c.end.slope = c.slope = kc_floats((size_t)(s->co + 15) / 16 * 16);
    const CaQuant mid = {0.7f, 31, 3, 251};
    if (with & WITH_MID)
        c.end.mid = &mid;
    if (with & (WITH_ADD | WITH_F32_ADD))
        c.end.add = &c.add.m;
    c.packed = kc_bytes(c.plan.packed_size);
    for (int i = c.plan.n_pack_items - 1; i >= 0; i--)
        ca_dot_pack(&c.plan, c.packed, c.oihw, c.scale, c.bias, c.zero, i, i + 1);
    run(&c, 1);
    for (int n = 0; n < s->n; n++)
        for (int o = 0; o < s->co; o++)
            for (int y = 0; y < s->oh; y++)
                for (int x = 0; x < s->ow; x++)
                    check_result(&c, n, o, y, x);
    if (isa->type == CA_ELEM_U8)
        check_stored(&c);
    const Map first = c.out;
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        c.out = zero_map_of(out, s->n, s->co, s->oh, s->ow, more);
        run(&c, n_threads);
        kc_true(memcmp(first.all, c.out.all, first.n_all) == 0,
                "more threads give the same bits");
    }
    kc_free();
}

static CaConvShape square(int n, int ci, int co, int ih, int iw, int k, int stride)
{
    const int pad = k / 2;
    return (CaConvShape){n,
                         ci,
                         co,
                         ih,
                         iw,
                         (ih + 2 * pad - k) / stride + 1,
                         (iw + 2 * pad - k) / stride + 1,
                         k,
                         k,
                         stride,
                         stride,
                         1,
                         1,
                         pad,
                         pad,
                         1};
}

static const CaAct none = {CA_ACT_NONE, 0, 0}, relu = {CA_ACT_RELU, 0, 0};
static const CaAct within = {CA_ACT_CLAMP, 20, 200}, sigmoid = {CA_ACT_SIGMOID, 0, 0};

static void check_isa(const CaDotIsa *isa)
{
    CaConvShape s;
    for (int w = 1; w <= 31; w += w < 16 ? 1 : 5) { /* each width of a tile */
        for (int k = 1; k <= 3; k += 2)
            for (int stride = 1; stride <= 3; stride++) {
                s = square(1, 19, 40, 3, w, k, stride);
                check(isa, &s, w & 1 ? relu : none,
                      (w & 2 ? WITH_ADD : 0) | (w & 4 ? F32_OUT : 0));
            }
        s = square(2, 16, 32, 2, w, 1, 1); /* flat */
        check(isa, &s, within, FIT | (w & 1 ? WITH_F32_ADD : 0));
    }
    for (int k = 1; k <= 3; k += 2) { /* the wide tile */
        s = square(2, 33, 64, 7, 7, k, 1);
        check(isa, &s, sigmoid, WITH_ADD);
        check(isa, &s, relu, k == 1 ? FIT : F32_OUT | WITH_SLOPE);
        s = square(1, 33, 64, 14, 14, k, 2);
        check(isa, &s, relu, 0);
    }
    s = square(1, 3, 20, 23, 17, 7, 2);
    check(isa, &s, within, F32_OUT);
    s = square(1, 3, 17, 31, 27, 11, 4);
    check(isa, &s, sigmoid, 0);
    s = (CaConvShape){1, 20, 16, 9, 14, 5, 3, 3, 2, 2, 5, 1, 2, 2, 0, 1};
    check(isa, &s, relu, WITH_ADD);
    s = square(1, 1500, 200, 3, 4, 1, 1);
    check(isa, &s, relu, WITH_ADD | WITH_SLOPE);
    for (int w = 5; w <= 14 && isa->type == CA_ELEM_U8; w += 3) {
        s = square(1, 19, 40, 3, w, 1, 1);
        check(isa, &s, within, WITH_ADD | WITH_MID);
        check(isa, &s, within, WITH_MID);
    }
    for (int w = 3; w <= 15;
         w += w < 9 ? 1 : 3) { /* strips of short sums, flat and in rows */
        const int mid = isa->type == CA_ELEM_U8 && w & 2 ? WITH_MID : 0;
        s = square(1, 16 + 4 * (w % 4), 48, w, w, 1, 1);
        check(isa, &s, within, FIT | mid | (w & 1 ? WITH_ADD : 0));
        s = square(2, 7, 64, w, 2 * w + 2, 1, 2);
        check(isa, &s, within, mid | (w & 4 ? WITH_ADD : 0));
    }
    for (int w = 1; w <= 17; w++)
        for (int k = 1; k <= 5; k += 2)
            for (int stride = 1; stride <= 3; stride++) {
                s = square(1 + (w & 1), 19, 19, 6, w, k, stride);
                s.groups = 19;
                check(isa, &s, w & 1 ? relu : sigmoid,
                      (w & 2 ? WITH_ADD : 0) | (w & 4 ? F32_OUT : 0));
            }
}

/* First layers: one to four channels side by side, each width of a tile. */
static void check_pixels(const CaDotIsa *isa)
{
    for (int w = 1; w <= 31; w += w < 16 ? 1 : 5)
        for (int k = 1; k <= 7; k += 2)
            for (int stride = 1; stride <= 3; stride++) {
                CaConvShape s =
                    square(1 + (w & 1), 1 + w % 4, 20, 3 + k % 3, w, k, stride);
                check(isa, &s, w & 1 ? relu : none,
                      PIXELS | (w & 2 ? WITH_ADD : 0) | (w & 4 ? F32_OUT : 0));
                s.ci = 3;
                check(isa, &s, w & 2 ? sigmoid : relu, PIXELS | (w & 1 ? WITH_ADD : 0));
            }
    CaConvShape s = square(1, 3, 64, 45, 45, 7, 2);
    check(isa, &s, relu, PIXELS);
}

/* 1x1 whose f32 input is scaled, shifted and bounded while it is rounded. */
static void check_before(const CaDotIsa *isa)
{
    for (int w = 1; w <= 31; w += w < 16 ? 1 : 5) {
        CaConvShape s = square(1 + (w & 1), 19 + w, 40, 3, w, 1, 1);
        check(isa, &s, w & 1 ? relu : none,
              BEFORE | (w & 2 ? WITH_ADD : 0) | (w & 4 ? F32_OUT : 0));
        check(isa, &s, sigmoid, BEFORE | FIT | (w & 2 ? F32_OUT : 0));
    }
    CaConvShape s = square(1, 200, 128, 7, 7, 1, 1);
    check(isa, &s, relu, BEFORE | FIT);
    check(isa, &s, none, BEFORE | FIT | F32_OUT);
}

/* Maps that tiles of 2x2 fill or not, paddings, channels that fill no block, blocks of tiles, ends. */
static void check_winograd(const CaDotIsa *isa)
{
    for (int w = 1; w <= 33; w += w < 9 ? 1 : 8)
        for (int pad = 0; pad <= 2; pad++) {
            CaConvShape s =
                square(1 + (w & 1), 1 + 7 * (w % 5), 20, 3 + w % 3, w + 2, 3, 1);
            s.pad_top = pad;
            s.pad_left = pad / 2;
            s.oh = s.ih + 2 * pad - 2;
            s.ow = s.iw + 2 * s.pad_left - 2;
            check(isa, &s, w & 2 ? relu : none,
                  WINOGRAD | WHOLE | F32_OUT | (w & 4 ? FIT : 0));
            check(isa, &s, w & 1 ? sigmoid : within,
                  WINOGRAD |
                      (w & 1   ? WITH_ADD
                       : w & 2 ? WITH_F32_ADD
                               : 0) |
                      (w & 4 ? BY_GROUP : 0));
        }
    CaConvShape s = square(1, 35, 264, 7, 7, 3, 1);
    check(isa, &s, relu, WINOGRAD | WHOLE | F32_OUT);
    check(isa, &s, relu, WINOGRAD | WITH_ADD | WITH_SLOPE);
    check(isa, &s, none, WINOGRAD | BY_GROUP);
    s = square(1, 512, 18, 12, 12, 3, 1); /* several blocks of tiles */
    check(isa, &s, none, WINOGRAD | WHOLE | F32_OUT);
}

/* There and back: half a step of u8, half a step of bf16's 8 bits. */
static void check_convert(CaElem type, uint32_t cpu)
{
    const CaQuant q = {31, 100, 5, 250};
    for (int c = 1; c <= 33; c += 16) {
        kc_case("convert of type %d, %d channels", (int)type, c);
        const Map x = zero_map_of(CA_ELEM_F32, 2, c, 5, 7, 1),
                  y = zero_map_of(type, 2, c, 5, 7, 2),
                  z = zero_map_of(CA_ELEM_F32, 2, c, 5, 7, 0);
        fill(&x.m);
        for (int t = 0; t < 3; t++)
            ca_map_convert(&y.m, &x.m, &q, cpu, t, 3);
        for (int t = 0; t < 2; t++)
            ca_map_convert(&z.m, &y.m, &q, cpu, t, 2);
        for (int i = 0; i < 2 * c * 5 * 7; i++) {
            const int n = i / (c * 35), k = i / 35 % c, r = i / 7 % 5, p = i % 7;
            const double from = get(&x.m, n, k, r, p), to = get(&z.m, n, k, r, p);
            const double want = type == CA_ELEM_U8
                                    ? fmin(fmax(from, (5 - 100) / 31.0), 150 / 31.0)
                                    : from;
            kc_close("value", (size_t)i, to, want,
                     type == CA_ELEM_U8 ? 0.5 / 31 + 1e-6 : ldexp(fabs(from), -8));
        }
        const int zero = type == CA_ELEM_U8 ? 100 : 0;
        kc_true(get(&y.m, 1, 0, -2, -2) == zero && get(&y.m, 0, 0, 6, 8) == zero,
                "the halo stands for 0");
        kc_free();
    }
}

/* Rows of a matrix to blocks of 16 columns and back, by several threads. */
static void check_matrix(void)
{
    for (int m = 1; m <= 5; m += 2)
        for (int c = 1; c <= 49; c += 12) {
            kc_case("matrix of %d by %d", m, c);
            const Map x = zero_map_of(CA_ELEM_BF16, 1, c, 1, m, 0),
                      y = zero_map_of(CA_ELEM_F32, 1, c, 1, m, 0);
            const float *from = kc_floats((size_t)(m * c));
            float *to = kc_floats((size_t)(m * c));
            fill(&y.m);
            for (int t = 0; t < 3; t++) {
                ca_map_pack_matrix(&x.m, from, kc_cpu(), t, 3);
                ca_map_unpack_matrix(to, &y.m, t, 3);
            }
            for (int i = 0; i < m * c; i++) {
                kc_close("packed", (size_t)i, get(&x.m, 0, i % c, 0, i / c),
                         (double)ca_bf16_to_f32(ca_f32_to_bf16(from[i])), 0);
                kc_close("unpacked", (size_t)i, (double)to[i],
                         get(&y.m, 0, i % c, 0, i / c), 0);
            }
            kc_true(c % 16 == 0 || get(&x.m, 0, c, 0, m - 1) == 0, "columns of zeros");
            kc_free();
        }
}

/* A filter that is stored the other way round packs to the same bytes. */
static void check_turned_filter(CaElem type)
{
    CaDotPlan p;
    const CaConvShape s = square(1, 37, 50, 3, 5, 1, 1);
    kc_case("filter [ci][co] of type %d", (int)type);
    float *w = kc_floats(37 * 50), *turned = kc_floats(37 * 50);
    for (int i = 0; i < 37 * 50; i++) {
        w[i] = type == CA_ELEM_U8 ? (float)(kc_int(256) - 128) : w[i];
        turned[i % 37 * 50 + i / 37] = w[i];
    }
    kc_true(ca_dot_plan(&p, &s, type, kc_cpu(), false), "plan");
    unsigned char *a = kc_bytes(p.packed_size), *b = kc_bytes(p.packed_size);
    ca_dot_pack(&p, a, w, NULL, NULL, 0, 0, p.n_pack_items);
    p.result_step = 1;
    p.channel_step = 50;
    ca_dot_pack(&p, b, turned, NULL, NULL, 0, 0, p.n_pack_items);
    kc_true(memcmp(a + p.filter_at, b + p.filter_at, p.packed_size - p.filter_at) == 0,
            "the same bytes");
    kc_free();
}

/* One convolution's sums, bit by bit, on all that this processor has. */
static void check_same_bits(int with)
{
    static float first[20 * 49];
    const CaConvShape s = square(1, 21, 20, 7, 7, 3, 1);
    bool is_first = true;
    kc_case("bf16 gives the same bits on all instruction sets, %d", with);
    const Map in = zero_map_of(CA_ELEM_BF16, 1, 21, 7, 7, 1);
    Case c = {.in = in, .end = {.act = none, .out = {1, 0, 0, 255}}};
    fill(&in.m);
    c.source = in.m;
    c.plan.type = CA_ELEM_BF16;
    set_weights(&c, &s);
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++) {
        if ((*isa)->type != CA_ELEM_BF16 || ((*isa)->needs & kc_cpu()) != (*isa)->needs)
            continue;
        c.out = zero_map_of(CA_ELEM_F32, 1, 20, 7, 7, 0);
        kc_true(plan(&c, &s, *isa, with), "plan");
        c.packed = kc_bytes(c.plan.packed_size);
        ca_dot_pack(&c.plan, c.packed, c.oihw, NULL, c.bias, 0, 0, c.plan.n_pack_items);
        run(&c, 1);
        for (int i = 0; i < 20 * 49; i++) {
            const float y = (float)get(&c.out.m, 0, i / 49, i / 7 % 7, i % 7);
            if (is_first)
                first[i] = y;
            else
                kc_true(first[i] == y, (*isa)->name);
        }
        is_first = false;
    }
    kc_free();
}

typedef struct {
    Case c;
    void *shared, *own;
} Bench;

static void bench_run(void *arg)
{
    const Bench *b = arg;
    for (int phase = 0; phase < b->c.plan.n_phases; phase++)
        ca_dot_run(&b->c.plan, phase, 0, 1, &b->c.out.m, &b->c.source, b->c.packed,
                   &b->c.end, b->shared, b->own);
}

static void bench(CaElem type, const CaConvShape *s, bool allow_winograd)
{
    Bench b = {.c = {.end = {.act = relu, .out = {1, 0, 0, 255}}}};
    char name[80];
    if (!kc_is_bench() || !ca_dot_plan(&b.c.plan, s, type, kc_cpu(), allow_winograd))
        return;
    b.c.in = zero_map_of(type, s->n, s->ci, s->ih, s->iw, b.c.plan.in_halo);
    b.c.out = zero_map_of(type, s->n, s->co, s->oh, s->ow, s->kh == 1);
    fill(&b.c.in.m);
    b.c.source = b.c.in.m;
    b.c.packed = kc_bytes(b.c.plan.packed_size);
    memset(b.c.packed, 0, b.c.plan.packed_size);
    b.shared = kc_bytes(b.c.plan.shared_scratch);
    b.own = kc_bytes(b.c.plan.thread_scratch);
    snprintf(name, sizeof name, "%s %d->%d k%d s%d %dx%d", b.c.plan.kernel, s->ci, s->co,
             s->kh, s->stride_h, s->oh, s->ow);
    kc_bench(name, 2.0 * s->n * s->oh * s->ow * s->co * s->ci / s->groups * s->kh * s->kw,
             bench_run, &b);
    kc_free();
}

static void guarded(const CaDotIsa *isa)
{
    KC_GUARDED(isa->name, isa->needs)
    {
        check_isa(isa);
        check_pixels(isa);
        check_before(isa);
    }
    if (isa->winograd)
        KC_GUARDED(isa->name_winograd, isa->needs) { check_winograd(isa); }
}

void kcheck_dot(void);
void kcheck_dot(void)
{
    for (int i = 0; ca_dot_isas[i]; i++)
        guarded(ca_dot_isas[i]);
    KC_GUARDED("dot_convert", 0)
    {
        check_convert(CA_ELEM_U8, kc_cpu());
        check_convert(CA_ELEM_BF16, kc_cpu());
        check_matrix();
        check_turned_filter(CA_ELEM_BF16);
        check_turned_filter(CA_ELEM_U8);
    }
    KC_GUARDED("dot_same_bits", 0)
    {
        check_same_bits(0);
        check_same_bits(WINOGRAD);
    }
    static const int shapes[][5] = {
        /* ci, co, size, k, stride */
        {64, 64, 56, 1, 1},   {64, 256, 56, 1, 1},   {64, 64, 56, 3, 1},
        {128, 128, 28, 3, 1}, {256, 1024, 14, 1, 1}, {1024, 256, 14, 1, 1},
        {256, 256, 14, 3, 1}, {512, 512, 7, 3, 1},   {512, 2048, 7, 1, 1},
        {128, 32, 28, 3, 1},  {512, 512, 28, 3, 1},  {3, 64, 224, 7, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const CaConvShape s = square(1, shapes[i][0], shapes[i][1], shapes[i][2],
                                     shapes[i][2], shapes[i][3], shapes[i][4]);
        bench(CA_ELEM_U8, &s, false);
        bench(CA_ELEM_BF16, &s, false);
        if (s.kh == 3)
            bench(CA_ELEM_BF16, &s, true);
    }
    CaConvShape s = square(1, 144, 144, 56, 56, 3, 1);
    s.groups = 144;
    bench(CA_ELEM_U8, &s, false);
    bench(CA_ELEM_BF16, &s, false);
}

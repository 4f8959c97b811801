/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution of u8 and bf16 on each instruction set, against the definition in double: whole numbers exactly,
 * their scaled results within f32's rounding and half a step; bf16 within the rounding of its sums.
 */
#include "base/cpu.h"
#include "base/half.h"
#include "kcheck.h"
#include "kernels/dot/dot_kernels.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    CaMap m;
    unsigned char *all;
    size_t n_all;
} Map;

static Map map_of(CaElem elem, int n, int c, int h, int w, int halo)
{
    const int e = ca_elem_size(elem);
    const ptrdiff_t row = (ptrdiff_t)(w + 2 * halo) * 16 * e,
                    image = row * (h + 2 * halo);
    Map m = {.m = {.elem = elem,
                   .n = n,
                   .c = c,
                   .h = h,
                   .w = w,
                   .halo = halo,
                   .row_stride = row,
                   .image_stride = image,
                   .block_stride = image * n},
             .n_all = (size_t)(image * n * ((c + 15) / 16))};
    m.all = kc_bytes(m.n_all);
    memset(m.all, 0, m.n_all);
    m.m.data = m.all + halo * row + halo * 16 * e;
    return m;
}

static unsigned char *at(const CaMap *m, int n, int c, int y, int x)
{
    return m->data + c / 16 * m->block_stride + n * m->image_stride + y * m->row_stride +
           (x * 16 + c % 16) * ca_elem_size(m->elem);
}

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
    float *oihw, *scale, *bias;
    const float *slope;
    int zero;
    CaDotEnd end;
    void *packed;
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
                if (c->plan.type == CA_ELEM_BF16)
                    w = ca_bf16_to_f32(ca_f32_to_bf16(w));
                const double t =
                    (get(&c->in.m, n, o / co * ci + i, iy, ix) - c->zero) * (double)w;
                sum += t;
                *size += fabs(t);
            }
    return sum;
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
    for (int t = n_threads - 1; t >= 0; t--)
        ca_dot_run(&c->plan, t, n_threads, &c->out.m, &c->in.m, c->packed, &c->end,
                   kc_bytes(c->plan.thread_scratch));
}

enum {
    WITH_ADD = 1,
    WITH_F32_ADD = 2,
    WITH_SLOPE = 4,
    F32_OUT = 8,
    FIT = 16,
    WITH_MID = 32
};

static void set_weights(Case *c, const CaConvShape *s)
{
    const int n = s->co * (s->ci / s->groups) * s->kh * s->kw;
    c->oihw = kc_floats((size_t)n);
    c->scale = kc_floats((size_t)s->co);
    c->bias = kc_floats((size_t)s->co);
    for (int i = 0; c->plan.type == CA_ELEM_U8 && i < n; i++)
        c->oihw[i] = (float)(kc_int(256) - 128);
    for (int i = 0; i < s->co; i++)
        c->scale[i] = kc_uniform(0.001f, 0.01f);
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
    if (!ca_dot_plan_as(&c.plan, s, isa)) {
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
    c.in = map_of(isa->type, s->n, s->ci, s->ih, s->iw, c.plan.in_halo + more);
    c.out = map_of(out, s->n, s->co, s->oh, s->ow, more);
    c.add = map_of(with & WITH_F32_ADD ? CA_ELEM_F32 : isa->type, s->n, s->co, s->oh,
                   s->ow, more);
    fill(&c.in.m);
    fill(&c.add.m);
    ca_map_fill_halo(&c.in.m, c.zero, 0, 1);
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
        c.out = map_of(out, s->n, s->co, s->oh, s->ow, more);
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
    for (int w = 1; w <= 17; w++)
        for (int k = 1; k <= 5; k += 2)
            for (int stride = 1; stride <= 3; stride++) {
                s = square(1 + (w & 1), 19, 19, 6, w, k, stride);
                s.groups = 19;
                check(isa, &s, w & 1 ? relu : sigmoid,
                      (w & 2 ? WITH_ADD : 0) | (w & 4 ? F32_OUT : 0));
            }
}

/* There and back: half a step of u8, half a step of bf16's 8 bits. */
static void check_convert(CaElem type, uint32_t cpu)
{
    const CaQuant q = {31, 100, 5, 250};
    for (int c = 1; c <= 33; c += 16) {
        kc_case("convert of type %d, %d channels", (int)type, c);
        const Map x = map_of(CA_ELEM_F32, 2, c, 5, 7, 1), y = map_of(type, 2, c, 5, 7, 2),
                  z = map_of(CA_ELEM_F32, 2, c, 5, 7, 0);
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

/* One convolution's sums, bit by bit, on all that this processor has. */
static void check_same_bits(void)
{
    static float first[20 * 49];
    const CaConvShape s = square(1, 21, 20, 7, 7, 3, 1);
    bool is_first = true;
    kc_case("bf16 gives the same bits on all instruction sets");
    const Map in = map_of(CA_ELEM_BF16, 1, 21, 7, 7, 1);
    Case c = {.in = in, .end = {.act = none, .out = {1, 0, 0, 255}}};
    fill(&in.m);
    c.plan.type = CA_ELEM_BF16;
    set_weights(&c, &s);
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++) {
        if ((*isa)->type != CA_ELEM_BF16 || ((*isa)->needs & kc_cpu()) != (*isa)->needs)
            continue;
        c.out = map_of(CA_ELEM_F32, 1, 20, 7, 7, 0);
        kc_true(ca_dot_plan_as(&c.plan, &s, *isa), "plan");
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
    void *own;
} Bench;

static void bench_run(void *arg)
{
    const Bench *b = arg;
    ca_dot_run(&b->c.plan, 0, 1, &b->c.out.m, &b->c.in.m, b->c.packed, &b->c.end, b->own);
}

static void bench(CaElem type, const CaConvShape *s)
{
    Bench b = {.c = {.end = {.act = relu, .out = {1, 0, 0, 255}}}};
    char name[80];
    if (!kc_is_bench() || !ca_dot_plan(&b.c.plan, s, type, kc_cpu()))
        return;
    b.c.in = map_of(type, s->n, s->ci, s->ih, s->iw, b.c.plan.in_halo);
    b.c.out = map_of(type, s->n, s->co, s->oh, s->ow, s->kh == 1);
    fill(&b.c.in.m);
    b.c.packed = kc_bytes(b.c.plan.packed_size);
    memset(b.c.packed, 0, b.c.plan.packed_size);
    b.own = kc_bytes(b.c.plan.thread_scratch);
    snprintf(name, sizeof name, "%s %d->%d k%d s%d %dx%d", b.c.plan.kernel, s->ci, s->co,
             s->kh, s->stride_h, s->oh, s->ow);
    kc_bench(name, 2.0 * s->n * s->oh * s->ow * s->co * s->ci / s->groups * s->kh * s->kw,
             bench_run, &b);
    kc_free();
}

static void guarded(const CaDotIsa *isa)
{
    KC_GUARDED(isa->name, isa->needs) { check_isa(isa); }
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
    }
    KC_GUARDED("dot_same_bits", 0)
    check_same_bits();
    static const int shapes[][5] = {
        /* ci, co, size, k, stride */
        {64, 64, 56, 1, 1},   {64, 256, 56, 1, 1},   {64, 64, 56, 3, 1},
        {128, 128, 28, 3, 1}, {256, 1024, 14, 1, 1}, {1024, 256, 14, 1, 1},
        {512, 512, 7, 3, 1},  {512, 2048, 7, 1, 1},  {3, 64, 224, 7, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const CaConvShape s = square(1, shapes[i][0], shapes[i][1], shapes[i][2],
                                     shapes[i][2], shapes[i][3], shapes[i][4]);
        bench(CA_ELEM_U8, &s);
        bench(CA_ELEM_BF16, &s);
    }
    CaConvShape s = square(1, 144, 144, 56, 56, 3, 1);
    s.groups = 144;
    bench(CA_ELEM_U8, &s);
    bench(CA_ELEM_BF16, &s);
}

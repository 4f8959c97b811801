/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions and other steps of u8 with ends in whole numbers, on each instruction set: bit by bit what the rules of
 * base/fixed.h give, halves included.
 */
#include "base/cpu.h"
#include "kcheck_maps.h"
#include "kernels/dot/dot_kernels.h"

#include <string.h>

#define EACH(map, i, j, k, l)                  \
    for (int i = 0; i < (map)->n; i++)         \
        for (int j = 0; j < (map)->c; j++)     \
            for (int k = 0; k < (map)->h; k++) \
                for (int l = 0; l < (map)->w; l++)

static void fill(const CaMap *m)
{
    EACH(m, n, c, y, x)
    *at(m, n, c, y, x) = (unsigned char)kc_int(256);
}

typedef struct {
    CaDotPlan plan;
    Map in, out;
    CaDotFixed fixed;
    float *oihw; /* less filter_zero */
    int32_t *bias, *mantissa, *exponent;
    int in_zero, filter_zero;
    void *packed;
} Case;

static int64_t want_at(const Case *c, int n, int o, int y, int x)
{
    const CaConvShape *s = &c->plan.s;
    const int ci = s->ci / s->groups, co = s->co / s->groups;
    int64_t sum = c->bias[o];
    for (int i = 0; i < ci; i++)
        for (int ky = 0; ky < s->kh; ky++)
            for (int kx = 0; kx < s->kw; kx++) {
                const int iy = y * s->stride_h + ky * s->dilation_h - s->pad_top;
                const int ix = x * s->stride_w + kx * s->dilation_w - s->pad_left;
                if (iy < 0 || iy >= s->ih || ix < 0 || ix >= s->iw)
                    continue;
                const int w = (int)c->oihw[((o * ci + i) * s->kh + ky) * s->kw + kx] -
                              c->filter_zero;
                sum += (*at(&c->in.m, n, o / co * ci + i, iy, ix) - c->in_zero) * w;
            }
    const CaFixed f = {c->mantissa[o], c->exponent[o]};
    const int64_t q = ca_fixed_times(c->fixed.rounding, sum, f) + c->fixed.zero;
    return q < c->fixed.low ? c->fixed.low : q > c->fixed.high ? c->fixed.high : q;
}

static void set_channels(Case *c)
{
    const CaConvShape *s = &c->plan.s;
    const int n = s->co * (s->ci / s->groups) * s->kh * s->kw,
              most = c->plan.depthwise ? 511 : 256;
    c->oihw = kc_floats((size_t)n);
    for (int i = 0; i < n; i++)
        c->oihw[i] = (float)(kc_int(most) - most / 2);
    c->bias = (int32_t *)kc_bytes((size_t)s->co * 4);
    c->mantissa = (int32_t *)kc_bytes((size_t)s->co * 4);
    c->exponent = (int32_t *)kc_bytes((size_t)s->co * 4);
    for (int o = 0; o < s->co; o++) {
        c->bias[o] = kc_int(20001) - 10000;
        /* Half of the channels divide by a power of two: sums that are halves come often. */
        c->mantissa[o] = o & 1 ? 1 << 30 : (1 << 30) + kc_int(1 << 29) + kc_int(1 << 29);
        c->exponent[o] = -kc_int(14);
    }
}

static void run(const Case *c, int n_threads)
{
    const CaConvShape *s = &c->plan.s;
    int32_t *sums = (int32_t *)kc_bytes((size_t)s->n * (size_t)(s->oh * s->ow) * 4);
    CaDotFixed fixed = c->fixed;
    const CaDotEnd end = {
        .act = {CA_ACT_NONE, 0, 0}, .out = {1, 0, 0, 255}, .fixed = &fixed};
    fixed.pixel_sums = c->filter_zero ? sums : NULL;
    for (int t = 0; c->filter_zero && t < n_threads; t++)
        ca_dot_pixel_sums(&c->plan, sums, &c->in.m, c->filter_zero, t, n_threads);
    for (int t = n_threads - 1; t >= 0; t--)
        ca_dot_run(&c->plan, 0, t, n_threads, &c->out.m, &c->in.m, c->packed, &end, NULL,
                   kc_bytes(c->plan.thread_scratch));
}

static void check(const CaDotIsa *isa, const CaConvShape *s, CaFixedRounding rounding,
                  int filter_zero, int more)
{
    Case c = {.in_zero = kc_int(256), .filter_zero = filter_zero};
    kc_case("%s n%d %d->%d in %dx%d k%d s%d g%d rounding %d zeros %d %d", isa->name, s->n,
            s->ci, s->co, s->ih, s->iw, s->kh, s->stride_w, s->groups, (int)rounding,
            c.in_zero, filter_zero);
    if (!ca_dot_plan_fixed_as(&c.plan, s, isa)) {
        kc_fail("no plan");
        return;
    }
    c.fixed =
        (CaDotFixed){.rounding = rounding, .zero = kc_int(256), .low = 3, .high = 250};
    c.in = zero_map_of(CA_ELEM_U8, s->n, s->ci, s->ih, s->iw, c.plan.in_halo + more);
    c.out = zero_map_of(CA_ELEM_U8, s->n, s->co, s->oh, s->ow, more);
    fill(&c.in.m);
    ca_map_fill_halo(&c.in.m, c.in_zero, 0, 1);
    set_channels(&c);
    c.packed = kc_bytes(c.plan.packed_size);
    ca_dot_pack(&c.plan, c.packed, c.oihw, NULL, NULL, c.in_zero, 0, c.plan.n_pack_items);
    ca_dot_pack_fixed(&c.plan, c.packed, c.bias, c.mantissa, c.exponent, c.in_zero,
                      filter_zero);
    run(&c, 1);
    EACH(&c.out.m, n, o, y, x)
    kc_true(*at(&c.out.m, n, o, y, x) == want_at(&c, n, o, y, x), "the rule's very step");
    const Map first = c.out;
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        c.out = zero_map_of(CA_ELEM_U8, s->n, s->co, s->oh, s->ow, more);
        run(&c, n_threads);
        kc_true(memcmp(first.all, c.out.all, first.n_all) == 0,
                "more threads give the same bits");
    }
    kc_free();
}

static CaConvShape square(int n, int ci, int co, int h, int w, int k, int stride)
{
    const int pad = k / 2;
    return (CaConvShape){.n = n,
                         .ci = ci,
                         .co = co,
                         .ih = h,
                         .iw = w,
                         .oh = (h + 2 * pad - k) / stride + 1,
                         .ow = (w + 2 * pad - k) / stride + 1,
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

static void check_convs(const CaDotIsa *isa)
{
    static const CaFixedRounding ways[] = {CA_FIXED_TWICE, CA_FIXED_ONCE};
    CaConvShape s;
    for (int w = 1; w <= 31; w += w < 16 ? 1 : 5)
        for (int k = 1; k <= 3; k += 2)
            for (int stride = 1; stride <= 2; stride++) {
                s = square(1, 19, 40, 3, w, k, stride);
                check(isa, &s, ways[w & 1], w & 2 ? -77 : 0, w & 4 ? 1 : 0);
                s = square(2, 16, 32, 2, w, 1, 1); /* flat */
                check(isa, &s, ways[w & 1], w & 2 ? 100 : 0, 0);
                s = square(1 + (w & 1), 19, 19, 6, w, k + 2, stride);
                s.groups = 19;
                check(isa, &s, ways[w & 1], 0, 1);
            }
    s = square(2, 33, 64, 7, 7, 3, 1); /* the wide tile */
    check(isa, &s, CA_FIXED_TWICE, 3, 1);
    s = square(1, 3, 20, 23, 17, 7, 2);
    check(isa, &s, CA_FIXED_TWICE, -128, 0);
    s = square(1, 1500, 50, 3, 4, 1, 1);
    check(isa, &s, CA_FIXED_ONCE, 0, 0);
}

/* --- What stands between convolutions. */

static int64_t pair_of(const CaMapFixed *f, int a, int b)
{
    const int64_t x = a - f->zero_a, y = b - f->zero_b;
    const int64_t u = ca_fixed_twice(x * (1 << f->left), f->a),
                  v = ca_fixed_twice(y * (1 << f->left), f->b);
    const int64_t q = ca_fixed_twice(f->mode == CA_FIXED_MUL   ? x * y
                                     : f->mode == CA_FIXED_ADD ? u + v
                                                               : u - v,
                                     f->y) +
                      f->zero_y;
    return q < f->low ? f->low : q > f->high ? f->high : q;
}

static void check_pairs(const CaDotIsa *isa)
{
    for (int i = 0; i < 30; i++) {
        const CaFixedMode mode = (CaFixedMode)(i % 3);
        const CaMapFixed how = {mode,
                                mode == CA_FIXED_MUL ? 0 : 20,
                                kc_int(256),
                                kc_int(256),
                                kc_int(256),
                                2,
                                253,
                                {1 << 30, 0},
                                {(1 << 30) + kc_int(1 << 29), -kc_int(5)},
                                {(1 << 30) + kc_int(1 << 29),
                                 mode == CA_FIXED_MUL ? -kc_int(9) : -15 - kc_int(6)}};
        const Map a = zero_map_of(CA_ELEM_U8, 2, 21, 5, 1 + i, 1),
                  b = zero_map_of(CA_ELEM_U8, 2, 21, 5, 1 + i, 0),
                  y = zero_map_of(CA_ELEM_U8, 2, 21, 5, 1 + i, 2);
        kc_case("%s: two tensors, way %d, width %d", isa->name, (int)mode, 1 + i);
        fill(&a.m);
        fill(&b.m);
        for (int t = 0; t < 3; t++)
            ca_map_fixed(&y.m, &a.m, &b.m, &how, 77, isa->needs, t, 3);
        EACH(&y.m, n, c, r, x)
        kc_true(*at(&y.m, n, c, r, x) ==
                    pair_of(&how, *at(&a.m, n, c, r, x), *at(&b.m, n, c, r, x)),
                "the rule's very step");
        kc_true(*at(&y.m, 1, 3, -2, -2) == 77, "the halo stands for 0");
        kc_free();
    }
}

static void check_mean(void)
{
    for (int i = 0; i < 12; i++) {
        const int k = 1 + i % 3, stride = 1 + i % 2, pad = i % 2 && k > 1,
                  less = i & 4 ? 128 : 0;
        const CaMapMean how = {{k, k, stride, stride, 1, 1, pad, pad}, less, 1, 254};
        const Map in = zero_map_of(CA_ELEM_U8, 2, 20, 6, 7, i & 1),
                  y = zero_map_of(CA_ELEM_U8, 2, 20, (6 + 2 * pad - k) / stride + 1,
                                  (7 + 2 * pad - k) / stride + 1, 1);
        kc_case("mean of %dx%d, stride %d, less %d", k, k, stride, less);
        fill(&in.m);
        for (int t = 0; t < 2; t++)
            ca_map_mean_pool(&y.m, &in.m, &how, 0, t, 2);
        EACH(&y.m, n, c, r, x)
        {
            int sum = 0, count = 0;
            for (int dy = 0; dy < k; dy++)
                for (int dx = 0; dx < k; dx++) {
                    const int iy = r * stride + dy - pad, ix = x * stride + dx - pad;
                    if (iy < 0 || iy >= 6 || ix < 0 || ix >= 7)
                        continue;
                    sum += *at(&in.m, n, c, iy, ix) - less;
                    count++;
                }
            const double mean = (double)sum / count;
            const int want = (int)(mean < 0 ? mean - 0.5 : mean + 0.5) + less;
            kc_true(*at(&y.m, n, c, r, x) == (want < 1     ? 1
                                              : want > 254 ? 254
                                                           : want),
                    "halves go away from zero");
        }
        kc_free();
    }
}

/* [N, C, H, W] of bytes to a map, through a table, and back. */
static void check_moves(void)
{
    for (int c = 1; c <= 33; c += 8) {
        const Map m = zero_map_of(CA_ELEM_U8, 2, c, 3, 5, 1),
                  y = zero_map_of(CA_ELEM_U8, 2, c, 3, 5, 0);
        const int n = 2 * c * 15, flip = c & 8 ? 0x80 : 0;
        unsigned char *from = kc_bytes((size_t)n), *to = kc_bytes((size_t)n), table[256];
        kc_case("bytes of %d channels there and back", c);
        for (int i = 0; i < n; i++)
            from[i] = (unsigned char)kc_int(256);
        for (int i = 0; i < 256; i++)
            table[i] = (unsigned char)(i * 7 + 3);
        for (int t = 0; t < 2; t++) {
            ca_map_pack(&m.m, from, flip, 9, t, 2);
        }
        for (int t = 0; t < 3; t++)
            ca_map_table(&y.m, &m.m, table, 0, t, 3);
        for (int t = 0; t < 2; t++)
            ca_map_unpack(to, &y.m, flip, t, 2);
        for (int i = 0; i < n; i++)
            kc_true(to[i] == (unsigned char)(table[from[i] ^ flip] ^ flip), "byte");
        kc_true(*at(&m.m, 1, 0, 3, 5) == 9, "the halo stands for 0");
        kc_free();
    }
}

static void guarded(const CaDotIsa *isa)
{
    KC_GUARDED(isa->name, isa->needs)
    {
        check_convs(isa);
        check_pairs(isa);
    }
}

void kcheck_fixed(void);
void kcheck_fixed(void)
{
    for (int i = 0; ca_dot_isas[i]; i++)
        if (ca_dot_isas[i]->fixed)
            guarded(ca_dot_isas[i]);
    KC_GUARDED("fixed_maps", 0)
    {
        check_mean();
        check_moves();
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps of u8 on each instruction set: stages and quantizing bit by bit as a product, a sum, clamp and rintf say; means within half
 * a step and float's rounding.
 */
#include "base/half.h"
#include "kcheck_maps.h"
#include "kernels/dot/dot_kernels.h"
#include "kernels/dot/u8_maps.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const char *const maxima[] = {
#define CA_DOT_ISA(type, isa) #type "_max_" #isa,
#include "kernels/dot/dot.def"
#undef CA_DOT_ISA
};
static const char *const names[] = {"u8_maps_avx512vnni", "u8_maps_avx2"};

static int number(const Map *m, int n, int c, int y, int x)
{
    return *at(&m->m, n, c, y, x);
}

static void check_halo(const Map *m, int zero)
{
    const int h = m->m.halo;
    if (h)
        kc_true(number(m, 0, 0, -h, -h) == zero &&
                    number(m, m->m.n - 1, 0, m->m.h, -1) == zero &&
                    number(m, 0, 0, 0, m->m.w) == zero,
                "the halo stands for 0");
}

static float staged(float x, const CaU8Stage *s, int n_stages, int c)
{
    for (int i = 0; i < n_stages; i++)
        x = rintf(fminf(s[i].high, fmaxf(s[i].low, x * s[i].k[c] + s[i].b[c])));
    return x;
}

static void check_stages(uint32_t cpu, int c, int w, int n_stages, int halos)
{
    const Map in = map_of(CA_ELEM_U8, 2, c, 3, w, halos & 1),
              out = map_of(CA_ELEM_U8, 2, c, 3, w, halos >> 1);
    CaU8Stage s[CA_U8_MOST_STAGES];
    const size_t room = ((size_t)c + 15) / 16 * 16;
    kc_case("%d stages of %d channels, width %d, halos %d", n_stages, c, w, halos);
    for (int i = 0; i < n_stages; i++) {
        float *k = kc_floats(room), *b = kc_floats(room);
        for (size_t j = 0; j < room; j++) {
            k[j] *= 2; /* half of them turn the order round */
            b[j] = 128 * b[j] + 64;
        }
        k[0] = 0.5f; /* ties */
        b[0] = 3;
        s[i] = (CaU8Stage){k, b, (float)kc_int(20), 255 - kc_uniform(0, 20)};
    }
    const int n_threads = 2 + kc_int(4);
    for (int t = n_threads - 1; t >= 0; t--)
        ca_u8_stages(&out.m, &in.m, s, n_stages, 77, cpu, t, n_threads);
    for (int i = 0; i < 2 * c * 3 * w; i++) {
        const int n = i / (c * 3 * w), k = i / (3 * w) % c, y = i / w % 3, x = i % w;
        kc_close("stage", (size_t)i, number(&out, n, k, y, x),
                 (double)staged((float)number(&in, n, k, y, x), s, n_stages, k), 0);
    }
    check_halo(&out, 77);
    kc_free();
}

static void check_mean_at(const Map *out, const Map *in, const CaU8Mean *m, int c, int y,
                          int x)
{
    double sum = 0, n = 0, places = 0;
    for (int ky = 0; ky < m->kernel_h; ky++)
        for (int kx = 0; kx < m->kernel_w; kx++) {
            const int iy = y * m->stride_h + ky - m->pad_top,
                      ix = x * m->stride_w + kx - m->pad_left;
            places += iy < in->m.h + m->pad_bottom && ix < in->m.w + m->pad_right;
            if (iy < 0 || ix < 0 || iy >= in->m.h || ix >= in->m.w)
                continue;
            n++;
            sum += number(in, 1, c, iy, ix) - m->in_zero;
        }
    const double divisor = m->exclude_pad ? n : places;
    const double want = m->zero + (divisor > 0 ? m->ratio * sum / divisor : 0);
    const double error = (double)FLT_EPSILON * (fabs(want) + 3 * 256 * m->ratio + 256);
    kc_close("mean", (size_t)x, number(out, 1, c, y, x),
             fmin(fmax(want, (double)m->low), (double)m->high), 0.5 + error);
}

static void check_mean(uint32_t cpu, int c, CaU8Mean m, int h, int w)
{
    const int oh = (h + m.pad_top + m.pad_bottom - m.kernel_h) / m.stride_h + 1,
              ow = (w + m.pad_left + m.pad_right - m.kernel_w) / m.stride_w + 1;
    const Map in = map_of(CA_ELEM_U8, 2, c, h, w, 1),
              out = map_of(CA_ELEM_U8, 2, c, oh, ow, 1);
    kc_case("mean of %dx%d step %d, %d channels, %dx%d", m.kernel_h, m.kernel_w,
            m.stride_h, c, h, w);
    m.ratio = (double)kc_uniform(0.3f, 3);
    m.zero = kc_int(256);
    m.in_zero = kc_int(256);
    m.low = 2;
    m.high = 250;
    for (int t = 0; t < 3; t++)
        ca_u8_mean(&out.m, &in.m, &m, cpu, t, 3);
    for (int k = 0; k < c; k++)
        for (int y = 0; y < oh; y++)
            for (int x = 0; x < ow; x++)
                check_mean_at(&out, &in, &m, k, y, x);
    check_halo(&out, (int)m.zero);
    kc_free();
}

static void check_quantize(uint32_t cpu, int c, int w)
{
    const CaQuant q = {50, 100, 3, 250};
    const Map out = map_of(CA_ELEM_U8, 2, c, 3, w, 1);
    const float *in = kc_floats((size_t)(2 * c * 3 * w));
    kc_case("quantize %d planes, width %d", c, w);
    for (int t = 0; t < 4; t++)
        ca_u8_quantize(&out.m, in, &q, cpu, t, 4);
    for (int i = 0; i < 2 * c * 3 * w; i++) {
        const float want = in[i] * q.scale + q.zero;
        kc_close("value", (size_t)i,
                 number(&out, i / (c * 3 * w), i / (3 * w) % c, i / w % 3, i % w),
                 (double)rintf(fminf(q.high, fmaxf(q.low, want))), 0);
    }
    check_halo(&out, 100);
    kc_free();
}

/* Of u8 or bf16: infinities and NaN too. */
static float real_number(const Map *m, int n, int c, int y, int x)
{
    uint16_t h = 0;
    if (m->m.elem == CA_ELEM_U8)
        return (float)number(m, n, c, y, x);
    memcpy(&h, at(&m->m, n, c, y, x), sizeof h);
    return ca_bf16_to_f32(h);
}

/* NaN is larger than nothing. */
static float largest_at(const Map *in, const CaMapPool *p, int c, int y, int x)
{
    float best = in->m.elem == CA_ELEM_U8 ? 0 : -INFINITY;
    for (int ky = 0; ky < p->kernel_h; ky++)
        for (int kx = 0; kx < p->kernel_w; kx++) {
            const int iy = y * p->stride_h + ky * p->dilation_h - p->pad_top,
                      ix = x * p->stride_w + kx * p->dilation_w - p->pad_left;
            if (iy >= 0 && ix >= 0 && iy < in->m.h && ix < in->m.w &&
                real_number(in, 1, c, iy, ix) > best)
                best = real_number(in, 1, c, iy, ix);
        }
    return best;
}

static void check_max(const CaDotIsa *isa, CaMapPool p, int c, int h, int w)
{
    const int oh = (h + 2 * p.pad_top - (p.kernel_h - 1) * p.dilation_h - 1) / p.stride_h,
              ow =
                  (w + 2 * p.pad_left - (p.kernel_w - 1) * p.dilation_w - 1) / p.stride_w;
    const Map in = map_of(isa->type, 2, c, h, w, 1),
              out = map_of(isa->type, 2, c, oh + 1, ow + 1, 1);
    const int n_threads = 1 + kc_int(5), zero = isa->type == CA_ELEM_U8 ? 9 : 0;
    kc_case("maximum of %dx%d step %d dilation %d, %d channels, %dx%d", p.kernel_h,
            p.kernel_w, p.stride_w, p.dilation_w, c, h, w);
    memset(at(&in.m, 1, 0, 0, 0), 0xff, 4 * sizeof(uint16_t)); /* NaN of bf16 */
    for (int t = 0; t < n_threads; t++)
        ca_map_max_pool(&out.m, &in.m, &p, zero, isa->needs, t, n_threads);
    for (int k = 0; k < c; k++)
        for (int y = 0; y <= oh; y++)
            for (int x = 0; x <= ow; x++)
                kc_true(real_number(&out, 1, k, y, x) == largest_at(&in, &p, k, y, x),
                        "the largest");
    check_halo(&out, zero);
    kc_free();
}

static void check_add(uint32_t cpu, int c, int w)
{
    const Map a = map_of(CA_ELEM_U8, 2, c, 3, w, 1),
              b = map_of(CA_ELEM_U8, 2, c, 3, w, 0),
              out = map_of(CA_ELEM_U8, 2, c, 3, w, 2);
    const CaMapAdd how = {0.5f, -0.25f, 31.5f, 2, 251};
    const int n_threads = 1 + kc_int(5);
    kc_case("sum of %d channels, width %d", c, w);
    for (int t = 0; t < n_threads; t++)
        ca_map_add(&out.m, &a.m, &b.m, &how, 13, cpu, t, n_threads);
    for (int i = 0; i < 2 * c * 3 * w; i++) {
        const int n = i / (c * 3 * w), k = i / (3 * w) % c, y = i / w % 3, x = i % w;
        const float more = (float)number(&b, n, k, y, x) * how.kb + how.k,
                    sum = (float)number(&a, n, k, y, x) * how.ka + more;
        kc_close("sum", (size_t)i, number(&out, n, k, y, x),
                 (double)rintf(fminf(how.high, fmaxf(how.low, sum))), 0);
    }
    check_halo(&out, 13);
    kc_free();
}

static void check_maxima(const CaDotIsa *isa)
{
    for (int k = 1; k <= 4; k++)
        for (int stride = 1; stride <= 3; stride++)
            for (int dilation = 1; dilation <= 2; dilation++)
                check_max(isa,
                          (CaMapPool){k, 5 - k, stride, stride, dilation, dilation, k / 2,
                                      (5 - k) / 2},
                          19, 9, 8 + k);
    check_max(isa, (CaMapPool){2, 3, 2, 2, 1, 1, 0, 1}, 3, 5, 700);
    check_max(isa, (CaMapPool){1, CA_MAP_POOL_WIDEST, 1, 1, 1, 1, 0, 3}, 1, 2, 300);
    check_max(isa, (CaMapPool){1, 1, 400, 400, 1, 1, 0, 0}, 1, 2, 900);
}

static void check_rows(uint32_t cpu)
{
    for (int w = 1; w <= 9; w++)
        for (int n = 1; n <= CA_U8_MOST_STAGES; n++)
            check_stages(cpu, w & 1 ? 32 : 19, w, n, w & 3);
    for (int exclude = 0; exclude < 2; exclude++)
        for (int stride = 1; stride <= 2; stride++) {
            check_mean(cpu, 19,
                       (CaU8Mean){.kernel_h = 3,
                                  .kernel_w = 2,
                                  .stride_h = stride,
                                  .stride_w = stride,
                                  .pad_top = 1,
                                  .pad_left = 1,
                                  .pad_bottom = stride,
                                  .pad_right = 1,
                                  .exclude_pad = exclude},
                       6, 7);
        }
    check_mean(cpu, 33,
               (CaU8Mean){.kernel_h = 9, .kernel_w = 8, .stride_h = 1, .stride_w = 1}, 9,
               8);
    for (int c = 1; c <= 20; c++) {
        check_quantize(cpu, c, c == 3 ? 150 : 2 + c);
        check_add(cpu, c, c);
    }
}

static void guarded(const char *name, uint32_t needs)
{
    KC_GUARDED(name, needs) { check_rows(needs); }
}

void kcheck_u8_maps(void);
void kcheck_u8_maps(void)
{
    for (int i = 0; ca_dot_isas[i]; i++)
        KC_GUARDED(maxima[i], ca_dot_isas[i]->needs) { check_maxima(ca_dot_isas[i]); }
    for (int i = 0; ca_u8_rows[i]->needs; i++)
        guarded(names[i], ca_u8_rows[i]->needs);
    guarded("u8_maps_ref", 0);
}

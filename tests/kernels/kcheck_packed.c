/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs for other sizes and numbers of images read each other's packed filters where the keys say so: plans of one
 * key must pack the same bytes, and plans that differ in nothing but the number of images must have one key.
 */
#include "base/memory.h"
#include "kcheck.h"
#include "kernels/conv/conv_cost.h"
#include "kernels/dot/dot.h"
#include "kernels/gemm/gemm_strassen.h"

#include <string.h>

enum { ROUNDS = 400 };

typedef struct Packing {
    uint64_t key;
    size_t size;
    unsigned char *bytes; /* NULL: not offered */
} Packing;

static CaConvShape image(CaConvShape s, int n, int side)
{
    s.n = n;
    s.ih = s.iw = side;
    s.oh = s.ow = (side + 2 * s.pad_top - s.kh) / s.stride_h + 1;
    return s;
}

static CaConvShape filter(void)
{
    static const int channels[] = {3, 16, 40, 64, 128};
    const int k = 1 + 2 * kc_int(2), stride = 1 + kc_int(2), ci = channels[kc_int(5)];
    CaConvShape s = {.ci = ci,
                     .co = channels[kc_int(5)],
                     .kh = k,
                     .kw = k,
                     .stride_h = stride,
                     .stride_w = stride,
                     .dilation_h = 1,
                     .dilation_w = 1,
                     .pad_top = k / 2,
                     .pad_left = k / 2,
                     .groups = 1};
    if (kc_int(4) == 0)
        s.groups = s.co = ci;
    return s;
}

/* What lies there before must not shine through. */
static Packing packing_of(uint64_t key, size_t size, int filler)
{
    Packing p = {key, size, ca_alloc(size)};
    if (p.bytes)
        memset(p.bytes, filler, size);
    return p;
}

static Packing conv_packing(const CaConvPlan *plan, const float *oihw, const float *bias,
                            int filler)
{
    Packing p = packing_of(ca_conv_pack_key(plan), plan->packed_size, filler);
    ca_conv_pack(plan, p.bytes, oihw, bias, 0, plan->n_pack_items);
    return p;
}

static Packing dot_packing(const CaConvShape *s, CaElem type, const float *oihw,
                           const float *bias, int filler)
{
    CaDotPlan plan;
    if (!ca_dot_plan(&plan, s, type, kc_cpu(), true))
        return (Packing){.bytes = NULL};
    Packing p = packing_of(ca_dot_pack_key(&plan), plan.packed_size, filler);
    ca_dot_pack(&plan, p.bytes, oihw, NULL, bias, 3, 0, plan.n_pack_items);
    return p;
}

/* Are they one piece? Then they must have the same bytes. */
static bool is_shared(Packing *a, Packing *b)
{
    const bool shared = a->bytes && b->bytes && a->key == b->key;
    if (shared)
        kc_true(a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0,
                "plans of one key pack the same bytes");
    ca_free(a->bytes);
    ca_free(b->bytes);
    a->bytes = b->bytes = NULL;
    return shared;
}

static int check_convs(const CaConvShape *a, const CaConvShape *b, const float *oihw,
                       const float *bias)
{
    CaConvCandidates x, y;
    int n = 0;
    if (!ca_conv_candidates(&x, a, kc_cpu(), true) ||
        !ca_conv_candidates(&y, b, kc_cpu(), true))
        return 0;
    for (int i = 0; i < x.n; i++)
        for (int k = 0; k < y.n; k++) {
            Packing p = conv_packing(&x.plans[i], oihw, bias, 1),
                    q = conv_packing(&y.plans[k], oihw, bias, 2);
            const bool alike = x.plans[i].algorithm == y.plans[k].algorithm;
            const bool shared = is_shared(&p, &q);
            kc_true(alike || !shared, "algorithms do not share");
            n += shared;
        }
    return n;
}

static void check_filters(void)
{
    int n_conv = 0, n_dot = 0;
    for (int round = 0; round < ROUNDS; round++) {
        const CaConvShape s = filter(), a = image(s, 1 + kc_int(3), 7 + kc_int(50)),
                          b = image(s, 1 + kc_int(3), 7 + kc_int(50)),
                          more = image(s, a.n + 1 + kc_int(8), a.ih);
        const size_t n = (size_t)(s.co * (s.ci / s.groups) * s.kh * s.kw);
        kc_case("%d->%d k%d s%d g%d, %d of %d and %d of %d", s.ci, s.co, s.kh, s.stride_h,
                s.groups, a.n, a.ih, b.n, b.ih);
        float *oihw = kc_floats(n), *bias = kc_floats((size_t)s.co);
        n_conv += check_convs(&a, &b, oihw, bias);
        const int of_more = check_convs(&a, &more, oihw, bias);
        kc_true(of_more > 0, "the number of images does not change how is packed");
        for (size_t i = 0; i < n; i++)
            oihw[i] = (float)(kc_int(255) - 127);
        for (CaElem type = CA_ELEM_BF16; type <= CA_ELEM_U8; type++) {
            Packing p = dot_packing(&a, type, oihw, bias, 1),
                    q = dot_packing(&b, type, oihw, bias, 2);
            n_dot += is_shared(&p, &q);
        }
        kc_free();
    }
    kc_case("filters of %d rounds", ROUNDS);
    kc_true(n_conv > ROUNDS / 2 && n_dot > ROUNDS / 2, "most are shared");
}

static void check_matrices(void)
{
    for (int round = 0; round < 100; round++) {
        const ptrdiff_t n = 1 + kc_int(100), k = 1 + kc_int(100);
        const bool transposed = kc_int(2) == 1;
        CaGemm plans[2];
        Packing p[2];
        kc_case("matrix %dx%d%s", (int)k, (int)n, transposed ? " transposed" : "");
        const float *b = kc_floats((size_t)(n * k));
        for (int i = 0; i < 2; i++) {
            ca_gemm_plan(&plans[i], ca_gemm_select(kc_cpu()), i ? 1 + kc_int(200) : 1, n,
                         k, false);
            p[i] = packing_of(ca_gemm_pack_key(&plans[i], transposed),
                              plans[i].packed_size, 1 + i);
            ca_gemm_pack_b(&plans[i], (float *)(void *)p[i].bytes, b, transposed ? k : n,
                           transposed, 0, plans[i].n_panels);
        }
        kc_true(ca_gemm_pack_key(&plans[0], !transposed) != p[0].key,
                "turned, it is another");
        kc_true(is_shared(&p[0], &p[1]), "rows of A do not change how B is packed");
        for (int i = 0; i < 2; i++) {
            CaStrassen s;
            ca_strassen_plan(&s, &plans[i]);
            p[i] = packing_of(ca_strassen_pack_key(&s, transposed), plans[i].packed_size,
                              1 + i);
            float *to = (float *)(void *)p[i].bytes;
            ca_gemm_pack_b(&plans[i], to, b, transposed ? k : n, transposed, 0,
                           plans[i].n_panels);
            ca_strassen_pack(&s, to, 0, (plans[i].n_panels + 1) / 2);
        }
        kc_true(ca_gemm_pack_key(&plans[0], transposed) != p[0].key,
                "Strassen's is another");
        kc_true(is_shared(&p[0], &p[1]), "nor how Strassen's is");
        kc_free();
    }
}

void kcheck_packed(void);
void kcheck_packed(void)
{
    KC_GUARDED("packed_filters", 0)
    check_filters();
    KC_GUARDED("packed_matrices", 0)
    check_matrices();
}

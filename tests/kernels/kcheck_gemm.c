/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of matrices: each element against its sum in double, inside guarded operands; all
 * thread counts to the bit.
 */
#include "kcheck.h"

#include "kernels/gemm/gemm.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int m, n, k;
    bool a_transposed, b_transposed, has_bias;
    CaAct act;
    bool is_crowded; /* rows of A 4 KiB apart */
} Shape;

typedef struct {
    CaGemm plan;
    ptrdiff_t lda, ldb;
    const float *a, *b, *bias;
    float *packed;
} Work;

/* rows of n floats, ld apart, nothing behind the last */
static const float *matrix(int m, int n, ptrdiff_t ld)
{
    return kc_floats(m ? (size_t)((m - 1) * ld + n) : 0);
}

static Work make(const CaGemmKernel *kernel, const Shape *s)
{
    Work w = {.lda = (s->a_transposed ? s->m : s->k) + 3,
              .ldb = (s->b_transposed ? s->k : s->n) + 5};

    if (s->is_crowded)
        w.lda = (w.lda + 1023) / 1024 * 1024;
    ca_gemm_plan(&w.plan, kernel, s->m, s->n, s->k, s->a_transposed);
    w.a = s->a_transposed ? matrix(s->k, s->m, w.lda) : matrix(s->m, s->k, w.lda);
    w.b = s->b_transposed ? matrix(s->n, s->k, w.ldb) : matrix(s->k, s->n, w.ldb);
    w.bias = s->has_bias ? kc_floats((size_t)s->n) : NULL;
    w.packed = kc_zeros(w.plan.packed_size / sizeof(float));
    for (ptrdiff_t p = 0; p < w.plan.n_panels; p++)
        ca_gemm_pack_b(&w.plan, w.packed, w.b, w.ldb, s->b_transposed, p, p + 1);
    return w;
}

static double act_of(const CaAct *act, double x)
{
    if (act->kind == CA_ACT_RELU)
        return x > 0 ? x : 0;
    if (act->kind == CA_ACT_CLAMP)
        return fmin(fmax(x, (double)act->a), (double)act->b);
    if (act->kind == CA_ACT_SIGMOID)
        return 1 / (1 + exp(-x));
    return x;
}

static void check_element(const Shape *s, const Work *w, const KcGrid *c, bool fuses,
                          int i, int j)
{
    double want = w->bias ? (double)w->bias[j] : 0, size = fabs(want);
    for (int p = 0; p < s->k; p++) {
        const float x = s->a_transposed ? w->a[p * w->lda + i] : w->a[i * w->lda + p];
        const float y = s->b_transposed ? w->b[j * w->ldb + p] : w->b[p * w->ldb + j];
        want += (double)x * (double)y;
        size += fabs((double)x * (double)y);
    }
    /* k + 3 roundings (joining sums of side-by-side steps is 3), twice that without fma, each half an
     * ulp of the sum of magnitudes. Slopes of these activations are at most 1; sigmoid adds its own 4u
     * of a result of at most 1. */
    double slack = 0.5 * FLT_EPSILON * (s->k + 3) * size * (fuses ? 1 : 2);
    if (s->act.kind == CA_ACT_SIGMOID)
        slack += 4 * 0.5 * FLT_EPSILON;
    kc_near(c, i, j, act_of(&s->act, want), slack);
}

static void check_threads(const Shape *s, const Work *w, const KcGrid *c)
{
    for (int n_threads = 2; n_threads <= 5; n_threads++) {
        float *again = kc_zeros((size_t)(s->m * s->n));
        for (int t = n_threads - 1; t >= 0; t--)
            ca_gemm_run(&w->plan, again, s->n, w->a, w->lda, w->packed, w->bias, &s->act,
                        t, n_threads);
        for (int i = 0; i < s->m; i++)
            kc_true(!memcmp(again + i * s->n, c->data + i * c->stride,
                            (size_t)s->n * sizeof(float)),
                    "threads change the result");
    }
}

static void check(const CaGemmKernel *kernel, const Shape *s)
{
    kc_case("m %d n %d k %d, A%s%s B%s%s act %d", s->m, s->n, s->k,
            s->a_transposed ? "'" : "", s->is_crowded ? " crowded" : "",
            s->b_transposed ? "'" : "", s->has_bias ? " bias" : "", (int)s->act.kind);
    const Work w = make(kernel, s);
    const KcGrid c = kc_grid(s->m, s->n);

    ca_gemm_run(&w.plan, c.data, c.stride, w.a, w.lda, w.packed, w.bias, &s->act, 0, 1);
    for (int i = 0; i < s->m; i++)
        for (int j = 0; j < s->n; j++)
            check_element(s, &w, &c, kernel->needs != 0, i, j);
    kc_margin_intact(&c);
    check_threads(s, &w, &c);
    kc_free();
}

static void check_random(const CaGemmKernel *kernel)
{
    static const CaAct acts[] = {{CA_ACT_NONE, 0, 0},
                                 {CA_ACT_RELU, 0, 0},
                                 {CA_ACT_CLAMP, -0.25f, 0.5f},
                                 {CA_ACT_SIGMOID, 0, 0}};
    for (int i = 0; i < 60; i++) {
        const Shape s = {1 + kc_int(40), 1 + kc_int(80), kc_int(70),      kc_int(2) > 0,
                         kc_int(2) > 0,  kc_int(2) > 0,  acts[kc_int(4)], kc_int(2) > 0};
        check(kernel, &s);
    }
}

/* NaN and infinities must reach the result through every end. */
static void check_nan(const CaGemmKernel *kernel)
{
    for (int kind = 0; kind < CA_N_ACTS; kind++) {
        const Shape s = {3, 5, 4, false, false, false, {(CaActKind)kind, -1, 1}};
        const Work w = make(kernel, &s);
        float *c = kc_zeros(15);
        kc_case("NaN through act %d", kind);
        memcpy(w.packed, &(float){NAN}, sizeof(float));
        ca_gemm_run(&w.plan, c, 5, w.a, w.lda, w.packed, NULL, &s.act, 0, 1);
        for (int i = 0; i < 3; i++) {
            kc_true(isnan(c[i * 5]) != 0, "NaN was lost");
            kc_true(isnan(c[i * 5 + 1]) == 0, "NaN spread");
        }
        kc_free();
    }
}

typedef struct {
    Work w;
    float *c;
    CaAct act;
} Bench;

static void work(void *arg)
{
    Bench *b = arg;
    ca_gemm_run(&b->w.plan, b->c, b->w.plan.n, b->w.a, b->w.lda, b->w.packed, NULL,
                &b->act, 0, 1);
}

static void bench(const CaGemmKernel *kernel, int m, int n, int k)
{
    const Shape s = {m, n, k, false, false, false, {CA_ACT_NONE, 0, 0}, false};
    if (!kc_is_bench())
        return;
    Bench b = {make(kernel, &s), kc_zeros((size_t)(m * n)), s.act};
    char name[80];
    snprintf(name, sizeof name, "%s %d x %d x %d", kernel->name, m, n, k);
    kc_bench(name, 2.0 * m * n * k, work, &b);
    kc_free();
}

void kcheck_gemm(void);
void kcheck_gemm(void)
{
    KC_EACH_KERNEL(g, ca_gemm_kernels) {
        const CaAct none = {CA_ACT_NONE, 0, 0};
        for (int m = 1; m <= 2 * g->mr + 1; m++)
            check(g, &(Shape){m, g->nr + m % g->nr, 9 + m, m % 2 > 0, false, true, none});
        for (int n = 1; n <= g->nr; n++)
            check(g, &(Shape){1 + n % g->mr, n, 5, false, n % 2 > 0, true, none});
        check(g, &(Shape){g->mr + 2, 3, 1100, false, true, true, {CA_ACT_SIGMOID, 0, 0}});
        check(g, &(Shape){4, 3, 1100, true, false, false, {CA_ACT_RELU, 0, 0}});
        check(g, &(Shape){2 * g->mr + 3,
                          5 * g->nr + 3,
                          1030,
                          false,
                          false,
                          true,
                          {CA_ACT_RELU, 0, 0},
                          true});
        check(g, &(Shape){g->mr + 1, 9 * g->nr, 512, false, false, false, none, true});
        check_random(g);
        check_nan(g);
        bench(g, 14 * 24, 768, 768);
        bench(g, 14 * 14 + 1, 768, 3072);
        bench(g, 49, 1024, 512);
        bench(g, 1, 1024, 1024);
        bench(g, 1, 4096, 4096);
        bench(g, 4, 4096, 4096);
    }
}

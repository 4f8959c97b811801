/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of matrices in seven eighths of the multiplications. On small multiples of a power of two nothing is rounded, and
 * the result must be that of ca_gemm_run; on others the error must stay below its bound. All thread counts to the bit.
 */
#include "kcheck.h"

#include "kernels/gemm/gemm_strassen.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    int m, n, k;
    bool has_bias;
    CaAct act;
    int gap; /* between rows of A */
} Shape;

typedef struct {
    CaStrassen plan;
    ptrdiff_t lda;
    float *a, *b, *bias, *packed, *plain;
} Work;

static Work make(const CaGemmKernel *kernel, const Shape *s)
{
    Work w = {.lda = s->k + s->gap};
    CaGemm plan;
    ca_gemm_plan(&plan, kernel, s->m, s->n, s->k, false);
    ca_strassen_plan(&w.plan, &plan);
    w.a = kc_floats((size_t)((s->m - 1) * w.lda + s->k));
    w.b = kc_floats((size_t)(s->k * s->n));
    w.bias = s->has_bias ? kc_floats((size_t)s->n) : NULL;
    w.packed = kc_zeros(plan.packed_size / sizeof(float));
    w.plain = kc_zeros(plan.packed_size / sizeof(float));
    return w;
}

static void pack(Work *w)
{
    const CaGemm *plan = &w->plan.plan;
    ca_gemm_pack_b(plan, w->plain, w->b, plan->n, false, 0, plan->n_panels);
    memcpy(w->packed, w->plain, plan->packed_size);
    for (ptrdiff_t i = 0; 2 * i < plan->n_panels; i++)
        ca_strassen_pack(&w->plan, w->packed, i, i + 1);
}

/* Multiples of 1/8 up to 1: sums of k of their products are exact as long as k < 2^17, with 3 bits for what is combined. */
static void round_eighths(float *x, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++)
        x[i] = rintf(x[i] * 8) / 8;
}

static void multiply(const Shape *s, const Work *w, float *c, ptrdiff_t ldc,
                     int n_threads)
{
    float *shared = kc_zeros(w->plan.shared_work / sizeof(float));
    for (int t = n_threads - 1; t >= 0; t--)
        ca_strassen_prepare(&w->plan, shared, w->a, w->lda, t, n_threads);
    for (int t = n_threads - 1; t >= 0; t--) {
        float *own = kc_bytes(w->plan.thread_work);
        ca_strassen_run(&w->plan, c, ldc, w->a, w->lda, w->packed, w->bias, &s->act,
                        shared, own, t, n_threads);
    }
}

static void name(const Shape *s, const char *what)
{
    kc_case("%s m %d n %d k %d,%s rows + %d, act %d", what, s->m, s->n, s->k,
            s->has_bias ? " bias," : "", s->gap, (int)s->act.kind);
}

static void check_exact(const CaGemmKernel *kernel, const Shape *s)
{
    name(s, "eighths");
    Work w = make(kernel, s);
    round_eighths(w.a, (s->m - 1) * w.lda + s->k);
    round_eighths(w.b, s->k * s->n);
    if (w.bias)
        round_eighths(w.bias, s->n);
    pack(&w);
    const KcGrid c = kc_grid(s->m, s->n);
    float *want = kc_zeros((size_t)(s->m * s->n));
    ca_gemm_run(&w.plan.plan, want, s->n, w.a, w.lda, w.plain, w.bias, &s->act, 0, 1);
    multiply(s, &w, c.data, c.stride, 1);
    for (int i = 0; i < s->m; i++)
        for (int j = 0; j < s->n; j++)
            kc_near(&c, i, j, (double)want[i * s->n + j],
                    0); /* zeros may differ in sign */
    kc_margin_intact(&c);
    kc_free();
}

/* An element is a sum of at most four of the products, whose operands are combinations of elements: y22 = w11 x11 + s2 t2 + s3 t3 +
 * s1 t1. Through s2, of three elements, s1 and s3 are sums of four magnitudes: for each step of half of k that is (1 + 9 + 8 + 8)
 * |A| |B| of the largest elements, 18 if s1 and s3 were made of two (Higham, Accuracy and Stability of Numerical Algorithms,
 * 2nd ed., 23.2.2). Every term is rounded at most 3 times in each
 * operand, then by the k steps of two halves twice, and 5 times at the ends of each chunk; half an ulp each, twice that
 * where fma rounds twice. */
static double bound_of(const Shape *s, const Work *w, bool fuses)
{
    double a = 0, b = 0, bias = 0;
    for (int i = 0; i < s->m; i++)
        for (int p = 0; p < s->k; p++)
            a = fmax(a, fabs((double)w->a[i * w->lda + p]));
    for (int i = 0; i < s->k * s->n; i++)
        b = fmax(b, fabs((double)w->b[i]));
    for (int j = 0; w->bias && j < s->n; j++)
        bias = fmax(bias, fabs((double)w->bias[j]));
    const double half = ceil(s->k / 2.0),
                 rounded = 6 + 4 * half + 5 * (double)w->plan.n_chunks;
    return 0.5 * FLT_EPSILON * rounded * (26 * half * a * b + bias) * (fuses ? 1 : 2);
}

static void check_error(const CaGemmKernel *kernel, const Shape *s)
{
    name(s, "random");
    Work w = make(kernel, s);
    pack(&w);
    const KcGrid c = kc_grid(s->m, s->n);
    const double bound = bound_of(s, &w, kernel->needs != 0);
    multiply(s, &w, c.data, c.stride, 1);
    for (int i = 0; i < s->m; i++)
        for (int j = 0; j < s->n; j++) {
            double want = w.bias ? (double)w.bias[j] : 0;
            for (int p = 0; p < s->k; p++)
                want += (double)w.a[i * w.lda + p] * (double)w.b[p * s->n + j];
            if (s->act.kind == CA_ACT_RELU)
                want = fmax(want, 0);
            kc_near(&c, i, j, want, bound);
        }
    kc_margin_intact(&c);
    for (int n_threads = 2; n_threads <= 5; n_threads++) {
        float *again = kc_zeros((size_t)(s->m * s->n));
        multiply(s, &w, again, s->n, n_threads);
        for (int i = 0; i < s->m; i++)
            kc_true(!memcmp(again + i * s->n, c.data + i * c.stride,
                            (size_t)s->n * sizeof(float)),
                    "threads change the result");
    }
    kc_free();
}

static Shape any_shape(void)
{
    return (Shape){.m = 1 + kc_int(40),
                   .n = 1 + kc_int(150),
                   .k = 1 + kc_int(90),
                   .has_bias = kc_int(2) > 0,
                   .gap = kc_int(3) * 5};
}

static void check_choice(const CaGemmKernel *kernel)
{
    CaGemm plan;
    CaStrassen s;
    kc_case("choice");
    ca_gemm_plan(&plan, kernel, 197, 3072, 768, false);
    ca_strassen_plan(&s, &plan);
    kc_true(ca_strassen_pays(&s), "a transformer's layer pays");
    kc_true(fabs(ca_strassen_operations(&s) - 1.75 * 197 * 3072 * 768) < 1,
            "seven eighths of the products");
    plan.a_transposed = true;
    ca_strassen_plan(&s, &plan);
    kc_true(!ca_strassen_pays(&s), "a transposed A is not offered");
    ca_gemm_plan(&plan, kernel, 1, 4096, 4096, false);
    ca_strassen_plan(&s, &plan);
    kc_true(!ca_strassen_pays(&s), "one row does not pay");
}

typedef struct {
    Work w;
    float *c, *shared, *own;
    CaAct act;
} Bench;

static void run_plain(void *arg)
{
    Bench *b = arg;
    ca_gemm_run(&b->w.plan.plan, b->c, b->w.plan.plan.n, b->w.a, b->w.lda, b->w.plain,
                NULL, &b->act, 0, 1);
}

static void run_strassen(void *arg)
{
    Bench *b = arg;
    ca_strassen_prepare(&b->w.plan, b->shared, b->w.a, b->w.lda, 0, 1);
    ca_strassen_run(&b->w.plan, b->c, b->w.plan.plan.n, b->w.a, b->w.lda, b->w.packed,
                    NULL, &b->act, b->shared, b->own, 0, 1);
}

static void bench(const CaGemmKernel *kernel, int m, int n, int k)
{
    const Shape s = {.m = m, .n = n, .k = k};
    if (!kc_is_bench())
        return;
    Bench b = {make(kernel, &s), kc_zeros((size_t)(m * n)), NULL, NULL, s.act};
    pack(&b.w);
    b.shared = kc_zeros(b.w.plan.shared_work / sizeof(float));
    b.own = kc_zeros(b.w.plan.thread_work / sizeof(float));
    char text[80];
    snprintf(text, sizeof text, "%s %d x %d x %d", kernel->name, m, n, k);
    kc_bench(text, 2.0 * m * n * k, run_plain, &b);
    snprintf(text, sizeof text, "%s %d x %d x %d", kernel->strassen_name, m, n, k);
    kc_bench(text, 2.0 * m * n * k, run_strassen, &b);
    kc_free();
}

void kcheck_strassen(void);
void kcheck_strassen(void)
{
    KC_EACH_KERNEL(g, ca_gemm_kernels) {
        for (int i = 0; i < 2 * CA_N_ACTS; i++) {
            Shape s = any_shape();
            s.act = (CaAct){(CaActKind)(i % CA_N_ACTS), -0.25f, 0.5f};
            check_exact(g, &s);
        }
        for (int m = 1; m <= 40; m++) {
            Shape s = any_shape();
            s.m = m;
            s.act.kind = m % 2 ? CA_ACT_RELU : CA_ACT_NONE;
            check_exact(g, &s);
            check_error(g, &s);
        }
        for (int k = 767; k <= 2048; k += 1281) { /* chunks */
            const Shape s = {
                .m = g->mr + 5, .n = 2 * g->nr + 1, .k = k, .has_bias = true};
            check_exact(g, &s);
            check_error(g, &s);
        }
        check_choice(g);
        bench(g, 197, 2304, 768);
        bench(g, 197, 768, 768);
        bench(g, 197, 3072, 768);
        bench(g, 197, 768, 3072);
    }
}

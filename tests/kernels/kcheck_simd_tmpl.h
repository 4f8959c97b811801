/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIMD(): each function of simd_<isa>.h, lane by lane against plain C. Partial loads and stores
 * touch guarded memory of exactly n floats.
 */
#include "kcheck.h"
#include "kcheck_simd.h"

#include <float.h>
#include <math.h>

static void check_partial(int n)
{
    const float *in = kc_floats((size_t)n);
    float *out = kc_zeros((size_t)n);
    float all[VF32_N];

    kc_case("load and store of %d lanes", n);
    const vf32 v = vf32_load_n(in, n);
    vf32_store_n(out, v, n);
    vf32_store(all, v);
    for (int i = 0; i < VF32_N; i++) {
        kc_close("lane", (size_t)i, all[i], i < n ? in[i] : 0, 0);
        if (i < n)
            kc_close("stored", (size_t)i, out[i], in[i], 0);
    }
    kc_free();
}

static void check_lanes(void)
{
    const float *pa = kc_floats(VF32_N), *pb = kc_floats(VF32_N), *pc = kc_floats(VF32_N);
    const vf32 a = vf32_load(pa), b = vf32_load(pb), c = vf32_load(pc);
    float *fma = kc_zeros(VF32_N), *most = kc_zeros(VF32_N), *least = kc_zeros(VF32_N);
    float *pick = kc_zeros(VF32_N), *near = kc_zeros(VF32_N), *pow2 = kc_zeros(VF32_N);
    double sum = 0, size = 0, largest = -1;

    kc_case("lanes");
    vf32_store(fma, vf32_fma(a, b, c));
    vf32_store(most, vf32_max(a, b));
    vf32_store(least, vf32_min(a, b));
    vf32_store(pick, vf32_select_lt(a, b, c, a));
    vf32_store(near, vf32_round(vf32_mul(a, vf32_set1(100))));
    vf32_store(pow2, vf32_pow2(vf32_round(vf32_mul(a, vf32_set1(100)))));
    for (size_t i = 0; i < VF32_N; i++) {
        const double x = pa[i], y = pb[i], product = x * y;
        /* two roundings at most, each half an ulp of what is rounded */
        const double slack = FLT_EPSILON * (fabs(product) + fabs((double)pc[i]));
        kc_close("fma", i, fma[i], product + (double)pc[i], slack);
        kc_close("max", i, most[i], x > y ? x : y, 0);
        kc_close("min", i, least[i], x < y ? x : y, 0);
        kc_close("select", i, pick[i], x < y ? pc[i] : pa[i], 0);
        kc_close("round", i, near[i], rintf(pa[i] * 100), 0);
        kc_close("pow2", i, pow2[i], ldexp(1, (int)rintf(pa[i] * 100)), 0);
        sum += x, size += fabs(x), largest = x > largest ? x : largest;
    }
    /* VF32_N - 1 additions, each half an ulp of at most the sum of magnitudes */
    kc_close("sum", 0, vf32_sum(a), sum, 0.5 * FLT_EPSILON * (VF32_N - 1) * size);
    kc_close("largest", 0, vf32_largest(a), largest, 0);
    kc_free();
}

static void check_transpose(void)
{
    const float *in = kc_floats((size_t)VF32_N * VF32_N);
    float *out = kc_zeros((size_t)VF32_N * VF32_N);
    vf32 v[VF32_N];

    kc_case("transpose");
    UNROLL_FOR(i, VF32_N)
        v[i] = vf32_load(in + i * VF32_N);
    vf32_transpose(v);
    UNROLL_FOR(i, VF32_N)
        vf32_store(out + i * VF32_N, v[i]);
    for (int i = 0; i < VF32_N * VF32_N; i++)
        kc_close("cell", (size_t)i, out[i], in[i % VF32_N * VF32_N + i / VF32_N], 0);
    kc_free();
}

void SIMD(void)
{
    check_transpose();
    for (int n = 0; n <= VF32_N; n++)
        check_partial(n);
    for (int i = 0; i < 100; i++)
        check_lanes();
}

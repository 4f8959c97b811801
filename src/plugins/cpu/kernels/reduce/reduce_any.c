/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One output after the other: its elements are converted run by run and taken in.
 */
#include "reduce_any.h"

#include "kernels/axis_runs.h"
#include "kernels/layout/convert_plain.h"

#include <math.h>

static void add_axis(CaAxes *a, int64_t dim, int64_t stride)
{
    a->n *= dim;
    if (dim == 1)
        return;
    a->dims[a->rank] = dim;
    a->strides[a->rank++] = stride;
}

void ca_reduce_any_plan(CaReduceAny *plan, int rank, const int64_t *dims, unsigned mask)
{
    int64_t strides[CA_REDUCE_ANY_RANK], stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i];
    }
    plan->kept = plan->reduced = (CaAxes){.n = 1};
    for (int i = 0; i < rank; i++)
        add_axis(mask >> i & 1 ? &plan->reduced : &plan->kept, dims[i], strides[i]);
}

static int64_t offset_of(const CaAxes *a, int64_t i)
{
    int64_t at = 0;
    for (int k = a->rank - 1; k >= 0; i /= a->dims[k], k--)
        at += i % a->dims[k] * a->strides[k];
    return at;
}

static double take_real(CaReduceAnyKind kind, double sum, double x)
{
    switch (kind) {
    case CA_REDUCE_ANY_SUM:
    case CA_REDUCE_ANY_MEAN: return sum + x;
    case CA_REDUCE_ANY_MAX: return isnan(sum) || isnan(x) ? NAN : x > sum ? x : sum;
    case CA_REDUCE_ANY_MIN: return isnan(sum) || isnan(x) ? NAN : x < sum ? x : sum;
    case CA_REDUCE_ANY_PROD: return sum * x;
    case CA_REDUCE_ANY_L1: return sum + fabs(x);
    case CA_REDUCE_ANY_L2: return sum + x * x;
    case CA_REDUCE_ANY_AND: return sum != 0 && x != 0;
    case CA_REDUCE_ANY_OR: return sum != 0 || x != 0;
    case CA_N_REDUCE_ANYS: break;
    }
    return sum;
}

/* Wraps; is_u64: the bits of unsigned numbers. */
static int64_t take_whole(CaReduceAnyKind kind, bool is_u64, int64_t sum, int64_t x)
{
    const uint64_t a = (uint64_t)sum, b = (uint64_t)x;
    const bool is_less = is_u64 ? b < a : x < sum;
    switch (kind) {
    case CA_REDUCE_ANY_SUM:
    case CA_REDUCE_ANY_MEAN: return (int64_t)(a + b);
    case CA_REDUCE_ANY_MAX: return is_less ? sum : x;
    case CA_REDUCE_ANY_MIN: return is_less ? x : sum;
    case CA_REDUCE_ANY_PROD: return (int64_t)(a * b);
    case CA_REDUCE_ANY_L1: return (int64_t)(x < 0 && !is_u64 ? a - b : a + b);
    case CA_REDUCE_ANY_L2: return (int64_t)(a + b * b);
    case CA_REDUCE_ANY_AND: return sum && x;
    case CA_REDUCE_ANY_OR: return sum || x;
    case CA_N_REDUCE_ANYS: break;
    }
    return sum;
}

/* What the first element makes: that of a start which changes nothing. */
static double first_real(CaReduceAnyKind kind, double x)
{
    return kind == CA_REDUCE_ANY_L1 || kind == CA_REDUCE_ANY_L2 ? take_real(kind, 0, x)
                                                                : x;
}
static int64_t first_whole(CaReduceAnyKind kind, bool is_u64, int64_t x)
{
    return kind == CA_REDUCE_ANY_L1 || kind == CA_REDUCE_ANY_L2
               ? take_whole(kind, is_u64, 0, x)
               : x;
}

static double end_real(CaReduceAnyKind kind, double sum, int64_t n)
{
    return kind == CA_REDUCE_ANY_MEAN ? sum / (double)n
           : kind == CA_REDUCE_ANY_L2 ? sqrt(sum)
                                      : sum;
}

static int64_t end_whole(CaReduceAnyKind kind, bool is_u64, int64_t sum, int64_t n)
{
    if (kind == CA_REDUCE_ANY_MEAN)
        return is_u64 ? (int64_t)((uint64_t)sum / (uint64_t)n) : sum / n;
    if (kind == CA_REDUCE_ANY_L2) {
        const double root = round(sqrt(is_u64 ? (double)(uint64_t)sum : (double)sum));
        return root >= 0 && root < 0x1p63 ? (int64_t)root : INT64_MIN;
    }
    return sum;
}

static void reduce_real(const CaReduceAny *p, void *out, const void *in, int64_t at)
{
    const int64_t base = offset_of(&p->kept, at);
    double sum = 0;
    for (int64_t i = 0; i < p->reduced.n; i++) {
        const int64_t k = base + offset_of(&p->reduced, i);
        const double x = p->type == CARINA_F64 ? ((const double *)in)[k]
                                               : (double)((const float *)in)[k];
        sum = i ? take_real(p->kind, sum, x) : first_real(p->kind, x);
    }
    sum = end_real(p->kind, sum, p->reduced.n);
    if (p->type == CARINA_F64)
        ((double *)out)[at] = sum;
    else
        ((float *)out)[at] = (float)sum;
}

static void reduce_whole(const CaReduceAny *p, void *out, const void *in, int64_t at)
{
    const bool is_u64 = p->type == CARINA_U64;
    const int64_t base = offset_of(&p->kept, at);
    int64_t sum = 0;
    for (int64_t i = 0; i < p->reduced.n; i++) {
        int64_t x = 0;
        ca_load_whole(&x, in, p->type, base + offset_of(&p->reduced, i), 1);
        sum = i ? take_whole(p->kind, is_u64, sum, x) : first_whole(p->kind, is_u64, x);
    }
    sum = end_whole(p->kind, is_u64, sum, p->reduced.n);
    ca_store_whole(out, p->type, &sum, at, 1);
}

void ca_reduce_any_run(const CaReduceAny *p, void *out, const void *in, int thread,
                       int n_threads)
{
    const bool is_real = p->type == CARINA_F32 || p->type == CARINA_F64;
    const int64_t end = ca_share(p->kept.n, thread + 1, n_threads);
    for (int64_t at = ca_share(p->kept.n, thread, n_threads); at < end; at++)
        if (is_real)
            reduce_real(p, out, in, at);
        else
            reduce_whole(p, out, in, at);
}

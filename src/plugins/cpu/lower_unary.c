/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions of one number that no chain has: the C library's, threaded; integers exactly; conversions.
 */
#include "cpu_program.h"
#include "kernels/layout/convert_plain.h"

#include <math.h>
#include <string.h>

typedef struct UnaryRow {
    const char *op;
    float (*f32)(float);
    double (*f64)(double);
    int64_t (*whole)(
        int64_t); /* of signed integers and those below 64 bits; NULL: none */
} UnaryRow;

static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
static float sign_f32(float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : x; }
static int64_t sign_whole(int64_t x) { return (x > 0) - (x < 0); }
static double soft_sign(double x) { return x / (1 + fabs(x)); }
static float soft_sign_f32(float x) { return x / (1 + fabsf(x)); }
static double negated(double x) { return -x; }
static int64_t negated_whole(int64_t x) { return (int64_t)(0 - (uint64_t)x); }
static int64_t absolute(int64_t x) { return x < 0 ? negated_whole(x) : x; }
static double rectified(double x) { return x > 0 || x != x ? x : 0; }
static int64_t rectified_whole(int64_t x) { return x < 0 ? 0 : x; }
static int64_t is_zero(int64_t x) { return x == 0; }
static int64_t itself(int64_t x) { return x; }

static const UnaryRow rows[] = {
    {"Sin", sinf, sin, NULL},
    {"Cos", cosf, cos, NULL},
    {"Tan", tanf, tan, NULL},
    {"Asin", asinf, asin, NULL},
    {"Acos", acosf, acos, NULL},
    {"Atan", atanf, atan, NULL},
    {"Sinh", sinhf, sinh, NULL},
    {"Cosh", coshf, cosh, NULL},
    {"Asinh", asinhf, asinh, NULL},
    {"Acosh", acoshf, acosh, NULL},
    {"Atanh", atanhf, atanh, NULL},
    {"Sign", sign_f32, sign, sign_whole},
    {"SoftSign", soft_sign_f32, soft_sign, NULL},
    {"Abs", NULL, fabs, absolute},
    {"Negative", NULL, negated, negated_whole},
    {"Relu", NULL, rectified, rectified_whole},
    {"ReLU", NULL, rectified, rectified_whole},
    {"Exp", NULL, exp, NULL},
    {"Log", NULL, log, NULL},
    {"Sqrt", NULL, sqrt, NULL},
    {"Tanh", NULL, tanh, NULL},
    {"Erf", NULL, erf, NULL},
    {"Floor", NULL, floor, itself},
    {"Ceiling", NULL, ceil, itself},
    {"LogicalNot", NULL, NULL, is_zero},
};

typedef struct UnaryStep {
    const UnaryRow *row;
    int in, out;
    int64_t n;
    CarinaType type, out_type;
    float alpha, lambda; /* Selu */
    int64_t lo, hi;      /* Clamp */
} UnaryStep;

enum { CHUNK = 256 };

static void share(int64_t *begin, int64_t *end, int64_t n, int thread, int n_threads)
{
    *begin = n * thread / n_threads;
    *end = n * (thread + 1) / n_threads;
}

static void run_unary(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const UnaryStep *d = s->data;
    const void *in = ca_cpu_at(r, d->in);
    void *out = ca_cpu_at(r, d->out);
    int64_t begin = 0, end = 0;
    (void)phase;
    share(&begin, &end, d->n, thread, n_threads);
    if (ca_cpu_is_float(d->type))
        for (int64_t i = begin; i < end; i++)
            ((float *)out)[i] = d->row->f32(((const float *)in)[i]);
    else if (d->type == CARINA_F64)
        for (int64_t i = begin; i < end; i++)
            ((double *)out)[i] = d->row->f64(((const double *)in)[i]);
    else
        for (int64_t i = begin; i < end; i += CHUNK) {
            int64_t whole[CHUNK];
            const int64_t n = end - i < CHUNK ? end - i : CHUNK;
            ca_load_whole(whole, in, d->type, i, n);
            for (int64_t k = 0; k < n; k++)
                whole[k] = d->row->whole(whole[k]);
            ca_store_whole(out, d->type, whole, i, n);
        }
}

static void run_clamp(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const UnaryStep *d = s->data;
    const void *in = ca_cpu_at(r, d->in);
    void *out = ca_cpu_at(r, d->out);
    int64_t begin = 0, end = 0, whole[CHUNK];
    (void)phase;
    share(&begin, &end, d->n, thread, n_threads);
    for (int64_t i = begin; i < end; i += CHUNK) {
        const int64_t n = end - i < CHUNK ? end - i : CHUNK;
        ca_load_whole(whole, in, d->type, i, n);
        for (int64_t k = 0; k < n; k++)
            whole[k] = whole[k] < d->lo ? d->lo : whole[k] > d->hi ? d->hi : whole[k];
        ca_store_whole(out, d->type, whole, i, n);
    }
}

static void run_selu(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const UnaryStep *d = s->data;
    const float *in = ca_cpu_at(r, d->in);
    float *out = ca_cpu_at(r, d->out);
    int64_t begin = 0, end = 0;
    (void)phase;
    share(&begin, &end, d->n, thread, n_threads);
    for (int64_t i = begin; i < end; i++)
        out[i] = d->lambda * (in[i] > 0 ? in[i] : d->alpha * expm1f(in[i]));
}

static void run_convert(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const UnaryStep *d = s->data;
    (void)phase;
    ca_convert_run(ca_cpu_at(r, d->out), d->out_type, ca_cpu_at(r, d->in), d->type, d->n,
                   thread, n_threads);
}

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, UnaryStep *d,
                         const char *kernel, CaCpuStepFn *fn)
{
    CaCpuStep *s = NULL;
    const CarinaValue *x = n->inputs[0].value;
    d->n = ca_cpu_count(&x->shape);
    d->type = ca_cpu_type(x->type);
    d->out_type = ca_cpu_type(n->outputs[0].type);
    CA_TRY(ca_cpu_plain(b, &d->in, x));
    CA_TRY(ca_cpu_new_plain(b, &d->out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof *d));
    *(UnaryStep *)s->data = *d;
    s->info.flop = (double)d->n;
    ca_cpu_use(b, d->in);
    ca_cpu_use(b, d->out);
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_unary(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaType type = n->inputs[0].value->type;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        UnaryStep d = {.row = &rows[i]};
        const bool fits = ca_cpu_is_float(type)   ? rows[i].f32 != NULL
                          : type == CARINA_F64    ? rows[i].f64 != NULL
                          : ca_cpu_is_bytes(type) ? rows[i].whole != NULL
                                                  : false;
        if (ca_cpu_is(n, rows[i].op) && fits && type != CARINA_U64)
            return emit(b, n, &d, "unary", run_unary);
    }
    return CARINA_ERR_UNSUPPORTED;
}

/* Integers: the whole numbers between the bounds. Those of 32 bits and less, whose bounds int64 holds. */
CarinaStatus ca_cpu_lower_clamp(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaType type = n->outputs[0].type;
    const double most = 0x1p40; /* past every number of these types */
    const double min = carina_node_float(n, "min", 0),
                 max = carina_node_float(n, "max", 0);
    if (ca_cpu_is_float(type) || !ca_cpu_is_bytes(type) || type == CARINA_BOOL ||
        ca_cpu_elem_size(type) == 8)
        return CARINA_ERR_UNSUPPORTED;
    const bool is_unsigned =
        type == CARINA_U8 || type == CARINA_U16 || type == CARINA_U32;
    const int bits = (int)(8 * ca_cpu_elem_size(type));
    const int64_t lowest = is_unsigned ? 0 : -((int64_t)1 << (bits - 1)),
                  highest = ((int64_t)1 << (is_unsigned ? bits : bits - 1)) - 1;
    UnaryStep d = {.lo = (int64_t)ceil(fmin(fmax(min, -most), most)),
                   .hi = (int64_t)floor(fmin(fmax(max, -most), most))};
    d.lo = d.lo < lowest ? lowest : d.lo > highest ? highest : d.lo;
    d.hi = d.hi < lowest ? lowest : d.hi > highest ? highest : d.hi;
    return emit(b, n, &d, "clamp", run_clamp);
}

CarinaStatus ca_cpu_lower_selu(CaCpuBuild *b, const CarinaNode *n)
{
    int64_t count = 0;
    const float *alpha = ca_cpu_floats(b, ca_cpu_in(n, 1), &count),
                *lambda = ca_cpu_floats(b, ca_cpu_in(n, 2), &count);
    UnaryStep d = {.alpha = alpha ? *alpha : 0, .lambda = lambda ? *lambda : 0};
    if (!ca_cpu_is_float(n->outputs[0].type) || !alpha || !lambda)
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, &d, "selu", run_selu);
}

CarinaStatus ca_cpu_lower_convert_any(CaCpuBuild *b, const CarinaNode *n)
{
    UnaryStep d = {.row = NULL};
    if (!ca_cpu_is_bytes(n->inputs[0].value->type) ||
        !ca_cpu_is_bytes(n->outputs[0].type))
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, &d, "convert", run_convert);
}

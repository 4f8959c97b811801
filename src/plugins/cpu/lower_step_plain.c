/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators on quantised integers that maps of u8 do not hold: 16 bits, other ranks, broadcasting, sums beyond int32.
 * On plain tensors, by base/fixed.h itself.
 */
#include "lower_conv.h"
#include "lower_parts.h"

#include "base/fixed_exp.h"
#include "base/fixed_inverse.h"
#include "base/threads.h"

#include <math.h>
#include <string.h>

static int64_t step_at(const void *p, CarinaType type, int64_t i)
{
    return type == CARINA_I8   ? ((const int8_t *)p)[i]
           : type == CARINA_U8 ? ((const uint8_t *)p)[i]
                               : ((const int16_t *)p)[i];
}

static void put_step(void *p, CarinaType type, int64_t i, int64_t q)
{
    if (type == CARINA_I8)
        ((int8_t *)p)[i] = (int8_t)q;
    else if (type == CARINA_U8)
        ((uint8_t *)p)[i] = (uint8_t)q;
    else
        ((int16_t *)p)[i] = (int16_t)q;
}

static bool is_steps(CarinaType type)
{
    return type == CARINA_I8 || type == CARINA_U8 || type == CARINA_I16;
}

static int64_t held(int64_t q, int64_t low, int64_t high)
{
    return q < low ? low : q > high ? high : q;
}

/* Do both bounds lie within the type? */
static bool bounds_fit(const CarinaNode *n, CarinaType type)
{
    const int64_t lowest = type == CARINA_U8   ? 0
                           : type == CARINA_I8 ? -128
                                               : -32768,
                  highest = lowest + (type == CARINA_I16 ? 65535 : 255);
    return carina_node_int(n, "low", 0) >= lowest &&
           carina_node_int(n, "high", 0) <= highest;
}

/* --- Two tensors. */

typedef enum Mode {
    ADD,
    SUB,
    MUL,
    SQUARED,
    DIV,
    PRELU,
    ADD_SHIFTED,
    SUB_SHIFTED,
    OTHER /* the reference's */
} Mode;
static const char *const modes[] = {"add", "sub",   "mul",         "squared_difference",
                                    "div", "prelu", "add_shifted", "sub_shifted"};

typedef struct PairStep {
    CaSpread plan;
    Mode mode;
    CarinaType type;
    int64_t left, zero_a, zero_b, zero_y, low, high;
    CaFixed a, b, y;
    int in[2], out;
} PairStep;

typedef struct PairJob {
    const PairStep *d;
    const void *a, *b;
    void *y;
} PairJob;

static int64_t shifted(int64_t x, CaFixed f)
{
    return ca_fixed_right(x, f.exponent < 0 ? -f.exponent : 0);
}

static int64_t combined(const PairStep *d, int64_t a, int64_t b)
{
    switch (d->mode) {
    case MUL: return ca_fixed_twice(a * b, d->y);
    case DIV: return ca_fixed_quotient((int32_t)a, (int32_t)b, d->y);
    case PRELU: return a >= 0 ? ca_fixed_twice(a, d->a) : ca_fixed_twice(a * b, d->y);
    case ADD_SHIFTED: return shifted(a, d->a) + shifted(b, d->b);
    case SUB_SHIFTED: return shifted(a, d->a) - shifted(b, d->b);
    case ADD:
    case SUB:
    case SQUARED:
    case OTHER: break;
    }
    const int64_t u = ca_fixed_twice(a * (INT64_C(1) << d->left), d->a),
                  v = ca_fixed_twice(b * (INT64_C(1) << d->left), d->b),
                  more = d->mode == ADD ? u + v : u - v;
    return ca_fixed_twice(d->mode == SQUARED ? more * more : more, d->y);
}

static void pair_piece(void *arg, const CaPiece *p)
{
    const PairJob *j = arg;
    const PairStep *d = j->d;
    for (int64_t i = 0; i < p->n; i++) {
        const int64_t a = step_at(j->a, d->type, p->in[0] + i * p->step[0]) - d->zero_a,
                      b = step_at(j->b, d->type, p->in[1] + i * p->step[1]) - d->zero_b;
        put_step(j->y, d->type, p->out + i,
                 held(combined(d, a, b) + d->zero_y, d->low, d->high));
    }
}

static void run_pair(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const PairStep *d = s->data;
    PairJob job = {d, ca_cpu_at(r, d->in[0]), ca_cpu_at(r, d->in[1]),
                   ca_cpu_at(r, d->out)};
    (void)phase;
    ca_spread_run(&d->plan, thread, n_threads, pair_piece, &job);
}

static CaFixed factor(const CarinaNode *n, const char *mantissa, const char *exponent)
{
    return (CaFixed){(int32_t)carina_node_int(n, mantissa, 0),
                     (int32_t)carina_node_int(n, exponent, 0)};
}

static Mode mode_of(const CarinaNode *n)
{
    const char *mode = carina_node_enum(n, "mode");
    int i = 0;
    while (i < OTHER && strcmp(mode, modes[i]) != 0)
        i++;
    return (Mode)i;
}

CarinaStatus ca_cpu_lower_step_pair(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *y = &n->outputs[0];
    PairStep d = {.mode = mode_of(n),
                  .type = y->type,
                  .left = carina_node_int(n, "left", 0),
                  .zero_a = carina_node_int(n, "zero_a", 0),
                  .zero_b = carina_node_int(n, "zero_b", 0),
                  .zero_y = carina_node_int(n, "zero_y", 0),
                  .low = carina_node_int(n, "low", 0),
                  .high = carina_node_int(n, "high", 0),
                  .a = factor(n, "mantissa_a", "exponent_a"),
                  .b = factor(n, "mantissa_b", "exponent_b"),
                  .y = factor(n, "mantissa_y", "exponent_y")};
    CaCpuStep *s = NULL;
    const int64_t *dims[2];
    int ranks[2];
    if (!is_steps(y->type) || !bounds_fit(n, y->type) || d.mode == OTHER)
        return CARINA_ERR_UNSUPPORTED;
    for (int k = 0; k < 2; k++) {
        dims[k] = n->inputs[k].value->shape.dims;
        ranks[k] = n->inputs[k].value->shape.rank;
    }
    if (!ca_spread_plan(&d.plan, y->shape.rank, y->shape.dims, 2, ranks, dims))
        return CARINA_ERR_UNSUPPORTED;
    for (int k = 0; k < 2; k++)
        CA_TRY(ca_cpu_plain(b, &d.in[k], n->inputs[k].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, y));
    CA_TRY(ca_cpu_add_step(b, &s, n, "fixed_plain", run_pair, sizeof d));
    *(PairStep *)s->data = d;
    ca_cpu_use(b, d.in[0]);
    ca_cpu_use(b, d.in[1]);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

/* --- Convolution: a row of results at a time, in 64 bits. */

typedef struct RowStep {
    CaConvShape s;
    CarinaType type;
    CaFixedRounding rounding;
    bool is_real; /* factors in double */
    int64_t zero_x, zero_y, low, high;
    const int64_t *w; /* [co][ci / groups][kh][kw], less its zero point */
    const int64_t *bias, *mantissa, *exponent;
    int in, out;
} RowStep;

/* Adds one filter row of one channel to sums; x: the input's row. */
static void add_row(const RowStep *d, int64_t *sums, const unsigned char *in, int64_t row,
                    const int64_t *w)
{
    const CaConvShape *s = &d->s;
    for (int kx = 0; kx < s->kw; kx++) {
        const int64_t from = (int64_t)kx * s->dilation_w - s->pad_left;
        for (int64_t x = 0; x < s->ow; x++) {
            const int64_t ix = x * s->stride_w + from;
            if (ix >= 0 && ix < s->iw)
                sums[x] += (step_at(in, d->type, row + ix) - d->zero_x) * w[kx];
        }
    }
}

static void sum_row(const RowStep *d, int64_t *sums, const unsigned char *in, int image,
                    int o, int y)
{
    const CaConvShape *s = &d->s;
    const int each = s->ci / s->groups, first = o / (s->co / s->groups) * each;
    for (int x = 0; x < s->ow; x++)
        sums[x] = d->bias[o];
    for (int c = 0; c < each; c++)
        for (int ky = 0; ky < s->kh; ky++) {
            const int64_t iy =
                (int64_t)y * s->stride_h + (int64_t)ky * s->dilation_h - s->pad_top;
            const int64_t plane = (int64_t)image * s->ci + first + c;
            if (iy >= 0 && iy < s->ih)
                add_row(d, sums, in, (plane * s->ih + iy) * s->iw,
                        d->w + (((int64_t)o * each + c) * s->kh + ky) * s->kw);
        }
}

static int64_t scaled(const RowStep *d, int64_t sum, int o)
{
    if (d->is_real)
        return (int64_t)fmin(fmax(round((double)sum * ldexp((double)d->mantissa[o],
                                                            (int)d->exponent[o] - 53)),
                                  -0x1p40),
                             0x1p40);
    return ca_fixed_times(d->rounding, sum,
                          (CaFixed){(int32_t)d->mantissa[o], (int32_t)d->exponent[o]});
}

static void run_rows(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const RowStep *d = s->data;
    int64_t *sums = ca_cpu_own(r, s, thread), at = 0, stop = 0;
    void *out = ca_cpu_at(r, d->out);
    (void)phase;
    ca_share((int64_t)d->s.n * d->s.co * d->s.oh, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        const int y = (int)(at % d->s.oh), o = (int)(at / d->s.oh % d->s.co),
                  image = (int)(at / d->s.oh / d->s.co);
        sum_row(d, sums, ca_cpu_at(r, d->in), image, o, y);
        for (int x = 0; x < d->s.ow; x++)
            put_step(out, d->type, at * d->s.ow + x,
                     held(scaled(d, sums[x], o) + d->zero_y, d->low, d->high));
    }
}

static int64_t number_at(const CarinaTensor *t, int64_t i)
{
    return t->type == CARINA_I64   ? ((const int64_t *)t->data)[i]
           : t->type == CARINA_I32 ? ((const int32_t *)t->data)[i]
                                   : step_at(t->data, t->type, i);
}

/* A constant's integers in the program's own memory, less `less`; NULL: not known, or no memory. */
static const int64_t *numbers(CaCpuBuild *b, const CarinaValue *v, int64_t less)
{
    const CarinaTensor *t = v->constant;
    const int64_t n = t ? ca_cpu_count(&t->shape) : 0;
    int64_t *out = t ? ca_arena_array(b->p->arena, (size_t)n + 1, sizeof *out) : NULL;
    if (!out || (t->type != CARINA_I64 && t->type != CARINA_I32 && !is_steps(t->type)))
        return NULL;
    for (int64_t i = 0; i < n; i++)
        out[i] = number_at(t, i) - less;
    return out;
}

static bool exponents_fit(const RowStep *d)
{
    for (int o = 0; o < d->s.co; o++)
        if (d->exponent[o] < (d->is_real ? -1000 : CA_FIXED_LOWEST_EXPONENT) ||
            d->exponent[o] > CA_FIXED_HIGHEST_EXPONENT)
            return false;
    return true;
}

CarinaStatus ca_cpu_lower_step_rows(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *y = &n->outputs[0];
    const char *rounding = carina_node_enum(n, "rounding");
    RowStep d = {.type = x->type,
                 .rounding = strcmp(rounding, "once") == 0    ? CA_FIXED_ONCE
                             : strcmp(rounding, "short") == 0 ? CA_FIXED_SHORT
                                                              : CA_FIXED_TWICE,
                 .is_real = strcmp(rounding, "real") == 0,
                 .zero_x = carina_node_int(n, "zero_x", 0),
                 .zero_y = carina_node_int(n, "zero_y", 0),
                 .low = carina_node_int(n, "low", 0),
                 .high = carina_node_int(n, "high", 0)};
    CaCpuStep *s = NULL;
    if (!is_steps(x->type) || !bounds_fit(n, x->type) || !ca_cpu_conv_shape(&d.s, n))
        return CARINA_ERR_UNSUPPORTED;
    d.s.groups = (int)carina_node_int(n, "groups", 1);
    d.w = numbers(b, n->inputs[1].value, carina_node_int(n, "zero_w", 0));
    d.bias = numbers(b, n->inputs[2].value, 0);
    d.mantissa = numbers(b, n->inputs[3].value, 0);
    d.exponent = numbers(b, n->inputs[4].value, 0);
    if (!d.w || !d.bias || !d.mantissa || !d.exponent || !exponents_fit(&d))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_plain(b, &d.in, x));
    CA_TRY(ca_cpu_new_plain(b, &d.out, y));
    CA_TRY(ca_cpu_add_step(b, &s, n, "fixed_rows", run_rows, sizeof d));
    *(RowStep *)s->data = d;
    s->thread_work = (size_t)d.s.ow * sizeof(int64_t);
    s->info.flop = 2.0 * (double)ca_cpu_count(&y->shape) *
                   (double)ca_cpu_count(&n->inputs[1].value->shape) / (double)d.s.co;
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

/* --- Softmax of 8 bits along the last axis. */

typedef struct SoftMaxStep {
    CarinaType type;
    int64_t rows, n, lowest;
    int32_t exps[256];
    int in, out;
} SoftMaxStep;

static void soft_max_row(const SoftMaxStep *d, void *out, const void *in, int64_t at)
{
    int64_t most = d->lowest, sum = 0;
    for (int64_t i = 0; i < d->n; i++) {
        const int64_t x = step_at(in, d->type, at + i);
        most = x > most ? x : most;
    }
    for (int64_t i = 0; i < d->n; i++)
        sum += ca_fixed_exp_part(d->exps[most - step_at(in, d->type, at + i)]);
    const CaFixedShare share = ca_fixed_share_of(sum);
    for (int64_t i = 0; i < d->n; i++) {
        const int32_t e = d->exps[most - step_at(in, d->type, at + i)];
        put_step(out, d->type, at + i,
                 held(ca_fixed_share(share, e) + d->lowest, d->lowest, d->lowest + 255));
    }
}

static void run_soft_max(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                         int n_threads)
{
    const SoftMaxStep *d = s->data;
    int64_t at = 0, stop = 0;
    (void)phase;
    ca_share(d->rows, thread, n_threads, &at, &stop);
    for (; at < stop; at++)
        soft_max_row(d, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in), at * d->n);
}

CarinaStatus ca_cpu_lower_step_soft_max(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value;
    const int64_t len = x->shape.rank > 0 ? x->shape.dims[x->shape.rank - 1] : 0;
    SoftMaxStep d = {.type = x->type,
                     .n = len,
                     .rows = len > 0 ? ca_cpu_count(&x->shape) / len : 0,
                     .lowest = x->type == CARINA_I8 ? -128 : 0};
    CaCpuStep *s = NULL;
    if (x->type != CARINA_I8 && x->type != CARINA_U8)
        return CARINA_ERR_UNSUPPORTED;
    ca_fixed_exps(d.exps, factor(n, "mantissa", "exponent"));
    CA_TRY(ca_cpu_plain(b, &d.in, x));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, "softmax_bytes", run_soft_max, sizeof d));
    *(SoftMaxStep *)s->data = d;
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

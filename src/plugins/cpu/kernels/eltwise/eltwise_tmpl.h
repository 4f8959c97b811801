/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element-wise chains, strip by strip of at most STRIP floats. The first step reads the input, the
 * last one writes the output, what is between them stays in a strip on the stack: operands may alias
 * the output, and x is read and written once however long the chain is.
 *
 * Steps in a row that are x * s + t between two bounds, or any two of these, are one pass in
 * registers, with the roundings of the steps (batch normalization and ReLU). A chain that is one
 * pass needs no strips.
 *
 * A strip is seen as pixels of 16 numbers. An operand is a pointer and the step to its next
 * pixel: 16 if it runs along, 0 if its 16 numbers repeat (a scalar, the vector of a block's
 * channels, a 1x1 image). So each operation has one loop. What is beyond the end of an array is
 * computed from zeros and not stored.
 *
 * Each result is the exact one rounded once, but: SQUARED_DIFF 1.5 ulp, LOG, ERF and POW the C
 * library's (below 1 ulp, number by number), FAKE_QUANTIZE see quantize, the rest act_tmpl.h.
 */
#include "../act_tmpl.h"
#include "../acts_rows.h"
#include "eltwise_isa.h"

#include <assert.h>
#include <math.h>

enum { STRIP = 64 * CA_LANES, MAX_OPERANDS = 4 };

typedef struct Source {
    const float *p;
    ptrdiff_t step; /* floats to the next pixel */
} Source;

typedef struct Scratch {
    _Alignas(64) float x[STRIP];
    _Alignas(64) float y[MAX_OPERANDS][STRIP]; /* operands that need a copy */
} Scratch;

/* What one pass reads and writes: out may be x. */
typedef struct Strip {
    float *out;
    Source x;
    int n_pixels;
} Strip;

/* y, but x where x is NaN: any other number is below 1 or above 0. */
CA_INLINE vf32 unless_nan(vf32 x, vf32 y)
{
    const vf32 zero = vf32_zero(), one = vf32_set1(1);
    return vf32_select_lt(x, one, y, vf32_select_lt(zero, x, y, x));
}

CA_INLINE vf32 negated(vf32 x) { return vf32_mul(x, vf32_set1(-1)); }

CA_INLINE vf32 floored(vf32 x)
{
    const vf32 r = vf32_round(x);
    return vf32_select_lt(x, r, vf32_sub(r, vf32_set1(1)), r);
}

/* |x| - round(|x|) is exact, and 0.5 only where a half went down to even. */
CA_INLINE vf32 rounded_away(vf32 x)
{
    const vf32 size = vf32_abs(x), r = vf32_round(size);
    const vf32 up = vf32_add(r, vf32_set1(1));
    const vf32 away = vf32_select_lt(vf32_sub(size, r), vf32_set1(0.5f), r, up);
    return vf32_select_lt(x, vf32_zero(), negated(away), away);
}

CA_INLINE vf32 by_lane(float (*f)(float), vf32 x)
{
    float v[VF32_N];
    vf32_store(v, x);
    for (int i = 0; i < VF32_N; i++)
        v[i] = f(v[i]);
    return vf32_load(v);
}

CA_INLINE vf32 power(vf32 x, vf32 y)
{
    float v[VF32_N], e[VF32_N];
    vf32_store(v, x);
    vf32_store(e, y);
    for (int i = 0; i < VF32_N; i++)
        v[i] = powf(v[i], e[i]);
    return vf32_load(v);
}

CA_INLINE vf32 squared(vf32 x) { return vf32_mul(x, x); }

CA_INLINE vf32 leaky(vf32 x, vf32 slope)
{
    return vf32_select_lt(x, vf32_zero(), vf32_mul(slope, x), x);
}

/* The third column of the table as functions, so that each is expanded only where it is meant. */
typedef vf32 Op(vf32 x, vf32 y, vf32 a, vf32 b);

#define CA_CHAIN_OP(name, n_operands, result)                            \
    CA_INLINE vf32 op_##name(vf32 x, vf32 y CA_UNUSED, vf32 a CA_UNUSED, \
                             vf32 b CA_UNUSED)                           \
    {                                                                    \
        return result;                                                   \
    }
#include "chain_ops.def"
#undef CA_CHAIN_OP

CA_INLINE void each(Op *op, const CaStep *s, const Strip *t, const Source *y)
{
    const vf32 a = vf32_set1(s->a), b = vf32_set1(s->b);
    const float *operands = y ? y->p : NULL;
    const ptrdiff_t step = y ? y->step : 0;
    for (int i = 0; i < t->n_pixels; i++)
        for (int j = 0; j < CA_LANES; j += VF32_N) {
            const vf32 x = vf32_load(t->x.p + i * t->x.step + j);
            const vf32 operand = y ? vf32_load(operands + i * step + j) : vf32_zero();
            vf32_store(t->out + i * CA_LANES + j, op(x, operand, a, b));
        }
}

/*
 * (x - il) / (ih - il) * (L - 1) has three roundings: where the exact value is that close to a
 * half, the level may be the neighbour. The level itself becomes a number with three more. */
static void quantize(const CaStep *s, const Strip *t, const Source *r)
{
    const vf32 top = vf32_set1((float)(s->levels - 1));
    for (int i = 0; i < t->n_pixels; i++)
        for (int j = 0; j < CA_LANES; j += VF32_N) {
            const vf32 v = vf32_load(t->x.p + i * t->x.step + j);
            const vf32 il = vf32_load(r[0].p + i * r[0].step + j);
            const vf32 ih = vf32_load(r[1].p + i * r[1].step + j);
            const vf32 ol = vf32_load(r[2].p + i * r[2].step + j);
            const vf32 oh = vf32_load(r[3].p + i * r[3].step + j);
            const vf32 at = vf32_div(vf32_sub(v, il), vf32_sub(ih, il));
            const vf32 level = vf32_div(vf32_round(vf32_mul(at, top)), top);
            const vf32 q = vf32_add(vf32_mul(level, vf32_sub(oh, ol)), ol);
            const vf32 low = vf32_select_lt(vf32_min(il, ih), v, q, ol);
            const vf32 y = vf32_select_lt(vf32_max(il, ih), v, oh, low);
            vf32_store(t->out + i * CA_LANES + j, unless_nan(v, y));
        }
}

static void square(const Strip *t)
{
    for (int i = 0; i < t->n_pixels; i++)
        for (int j = 0; j < CA_LANES; j += VF32_N) {
            const vf32 v = vf32_load(t->x.p + i * t->x.step + j);
            vf32_store(t->out + i * CA_LANES + j, vf32_mul(v, v));
        }
}

/* One function an operation: all in one is more than compilers digest with sanitizers on. */
typedef void Step(const CaStep *s, const Strip *t, const Source *y);

#define CA_CHAIN_OP(name, n_operands, result)                            \
    static CA_NOINLINE void step_##name(const CaStep *s, const Strip *t, \
                                        const Source *y)                 \
    {                                                                    \
        each(op_##name, s, t, (n_operands) ? y : NULL);                  \
    }
#include "chain_ops.def"
#undef CA_CHAIN_OP

static Step *const steps[] = {
#define CA_CHAIN_OP(name, n_operands, result) step_##name,
#include "chain_ops.def"
#undef CA_CHAIN_OP
};

static void run_step(const CaStep *s, const Strip *t, const Source *y)
{
    if (s->op == CA_CHAIN_FAKE_QUANTIZE) {
        quantize(s, t, y);
        return;
    }
    if (s->op == CA_CHAIN_POW && s->operand == CA_OPERAND_SCALAR && s->a == 2) {
        square(t);
        return;
    }
    steps[s->op](s, t, y);
}

/* --- Steps that are one pass: min(high, max(low, x * scale + shift)). */

typedef struct Fold {
    const CaStep *scale, *shift, *ends; /* NULL: none */
    int n_steps;
} Fold;

static bool is_fold_end(const CaStep *s)
{
    return s->op == CA_CHAIN_RELU || s->op == CA_CHAIN_CLAMP;
}

/* As many of the n steps at s as fit. */
static Fold fold_of(const CaStep *s, int n)
{
    Fold f = {NULL, NULL, NULL, 0};
    if (f.n_steps < n && s[f.n_steps].op == CA_CHAIN_MUL)
        f.scale = &s[f.n_steps++];
    if (f.n_steps < n && s[f.n_steps].op == CA_CHAIN_ADD)
        f.shift = &s[f.n_steps++];
    if (f.n_steps < n && is_fold_end(&s[f.n_steps]))
        f.ends = &s[f.n_steps++];
    return f;
}

CA_INLINE vf32 bounded(vf32 x, bool has_low, bool has_high, vf32 low, vf32 high)
{
    x = has_low ? vf32_max(low, x) : x;
    return has_high ? vf32_min(high, x) : x;
}

/* The same 16 factors and summands for all pixels. */
CA_INLINE void fold_still(bool has_scale, bool has_shift, bool has_low, bool has_high,
                          const Strip *t, const float *scale, const float *shift,
                          float low, float high)
{
    enum { N = CA_LANES / VF32_N };
    vf32 s[N], d[N];
    const vf32 lo = vf32_set1(low), hi = vf32_set1(high);
    const float *x = t->x.p;
    UNROLL_FOR(j, N) {
        s[j] = vf32_load(scale + j * VF32_N);
        d[j] = vf32_load(shift + j * VF32_N);
    }
    for (ptrdiff_t i = 0; i < t->n_pixels; i++)
        UNROLL_FOR(j, N) {
            vf32 y = vf32_load(x + i * t->x.step + j * VF32_N);
            y = has_scale ? vf32_mul(y, s[j]) : y;
            y = has_shift ? vf32_add(y, d[j]) : y;
            y = bounded(y, has_low, has_high, lo, hi);
            vf32_store(t->out + i * CA_LANES + j * VF32_N, y);
        }
}

/* Operands that run along. 1 and -0 change no number. */
static void fold_along(const Strip *t, Source scale, Source shift, float low, float high)
{
    const vf32 lo = vf32_set1(low), hi = vf32_set1(high);
    for (ptrdiff_t i = 0; i < t->n_pixels; i++)
        for (int j = 0; j < CA_LANES; j += VF32_N) {
            const vf32 s = vf32_load(scale.p + i * scale.step + j);
            const vf32 d = vf32_load(shift.p + i * shift.step + j);
            const vf32 x = vf32_mul(vf32_load(t->x.p + i * t->x.step + j), s);
            vf32_store(t->out + i * CA_LANES + j,
                       bounded(vf32_add(x, d), true, true, lo, hi));
        }
}

static void run_fold(const Fold *f, const Strip *t, Source scale, Source shift)
{
    const bool is_relu = f->ends && f->ends->op == CA_CHAIN_RELU;
    const float low = !f->ends ? -INFINITY : is_relu ? 0 : f->ends->a;
    const float high = !f->ends || is_relu ? INFINITY : f->ends->b;
    if (scale.step || shift.step)
        fold_along(t, scale, shift, low, high);
    else if (f->scale && f->shift && !f->ends)
        fold_still(true, true, false, false, t, scale.p, shift.p, low, high);
    else if (f->scale && f->shift && is_relu)
        fold_still(true, true, true, false, t, scale.p, shift.p, low, high);
    else if (f->shift && is_relu)
        fold_still(false, true, true, false, t, scale.p, shift.p, low, high);
    else
        fold_still(true, true, true, true, t, scale.p, shift.p, low, high);
}

/* The same number for all, the same 16 numbers for each pixel, or a run of n numbers. */
static Source repeated(float *store, float value)
{
    for (int i = 0; i < CA_LANES; i++)
        store[i] = value;
    return (Source){store, 0};
}

static Source lanes_of(float *store, const float *p, int lanes)
{
    for (int i = 0; i < CA_LANES; i++)
        store[i] = i < lanes ? p[i] : 0;
    return (Source){store, 0};
}

static void copy_padded(float *to, const float *from, int n)
{
    memcpy(to, from, (size_t)n * sizeof(float));
    for (int i = n; i % CA_LANES != 0; i++)
        to[i] = 0;
}

static Source run_of(float *store, const float *p, int n)
{
    if (n % CA_LANES == 0)
        return (Source){p, CA_LANES};
    copy_padded(store, p, n);
    return (Source){store, CA_LANES};
}

static int operands_of(const CaStep *s)
{
    if (s->op == CA_CHAIN_FAKE_QUANTIZE)
        return MAX_OPERANDS;
    return s->operand == CA_OPERAND_NONE ? 0 : 1;
}

/* The i-th vector of the step, however many it has. */
static const float *vector_of(const CaStep *s, int i)
{
    if (s->op == CA_CHAIN_FAKE_QUANTIZE)
        return s->range[i];
    return s->operand == CA_OPERAND_SCALAR ? &s->a : s->y;
}

/* The i-th operand of a step; store is for one that needs a copy. */
typedef Source Bind(const void *where, const CaStep *s, int i, float *store);

static void run_one(const CaStep *s, const Strip *t, Scratch *work, Bind *bind,
                    const void *where)
{
    Source y[MAX_OPERANDS];
    for (int i = 0; i < operands_of(s); i++)
        y[i] = bind(where, s, i, work->y[i]);
    run_step(s, t, y);
}

static void run_folded(const Fold *f, const Strip *t, Scratch *work, Bind *bind,
                       const void *where)
{
    const Source scale =
        f->scale ? bind(where, f->scale, 0, work->y[0]) : repeated(work->y[0], 1);
    const Source shift =
        f->shift ? bind(where, f->shift, 0, work->y[1]) : repeated(work->y[1], -0.0f);
    run_fold(f, t, scale, shift);
}

/* The whole chain on one strip. No steps at all are a copy. */
static void run_strip(const CaChain *chain, const Strip *strip, Scratch *work, Bind *bind,
                      const void *where)
{
    Strip t = *strip;
    int k = 0;
    do {
        const CaStep *s = &chain->steps[k];
        const Fold f = fold_of(s, chain->n_steps - k);
        k += f.n_steps > 1 ? f.n_steps : 1;
        t.out = k < chain->n_steps ? work->x : strip->out;
        if (f.n_steps > 1 || chain->n_steps == 0)
            run_folded(&f, &t, work, bind, where);
        else
            run_one(s, &t, work, bind, where);
        t.x = (Source){t.out, CA_LANES};
    } while (k < chain->n_steps);
}

static bool is_one_pass(const CaChain *chain)
{
    return chain->n_steps <= 1 ||
           fold_of(chain->steps, chain->n_steps).n_steps == chain->n_steps;
}

typedef struct ActsAt {
    CaRowAt row;
    int lanes, x0; /* channels of the block, first pixel */
} ActsAt;

static Source bind_acts(const void *where, const CaStep *s, int i, float *store)
{
    const ActsAt *at = where;
    const CaActs *y = s->acts;

    if (s->operand == CA_OPERAND_SCALAR)
        return repeated(store, *vector_of(s, i));
    if (s->operand == CA_OPERAND_CHANNEL)
        return lanes_of(store, vector_of(s, i) + at->row.block * CA_LANES, at->lanes);
    assert(s->operand == CA_OPERAND_ACTS);
    const int image = y->n == 1 ? 0 : at->row.image;
    if (y->h == 1 && y->w == 1)
        return (Source){ca_acts_row(y, at->row.block, image, 0), 0};
    return (Source){ca_acts_row(y, at->row.block, image, at->row.y) +
                        (ptrdiff_t)at->x0 * CA_LANES,
                    CA_LANES};
}

/* Channels that pad the last block become zeros. */
static void store_pixels(float *out, const float *x, int n_pixels, int lanes)
{
    for (int i = 0; i < n_pixels * CA_LANES; i++)
        out[i] = i % CA_LANES < lanes ? x[i] : 0;
}

static void chain_pixels(const CaChain *chain, float *out, const float *in, int n_pixels,
                         const ActsAt *at, Scratch *work)
{
    const bool is_whole = at->lanes == CA_LANES;
    const ptrdiff_t offset = (ptrdiff_t)at->x0 * CA_LANES;
    const Strip t = {
        is_whole ? out + offset : work->x, {in + offset, CA_LANES}, n_pixels};
    run_strip(chain, &t, work, bind_acts, at);
    if (!is_whole)
        store_pixels(out + offset, work->x, n_pixels, at->lanes);
}

static bool is_dense(const CaActs *a)
{
    return a->row_stride == (ptrdiff_t)a->w * CA_LANES;
}

static CaActs one_row(const CaActs *a)
{
    CaActs one = *a;
    one.w = a->w * a->h;
    one.h = 1;
    one.row_stride = a->row_stride * a->h;
    return one;
}

/* A whole map of a block as one row, where nothing lies between its rows: short rows cost more than their numbers. */
typedef struct Flat {
    CaChain chain;
    CaActs out, in, acts[CA_CHAIN_MAX_STEPS];
} Flat;

static bool flatten(Flat *f, const CaChain *chain, const CaActs *out, const CaActs *in)
{
    if (out->h == 1 || out->w > INT32_MAX / out->h || !is_dense(out) || !is_dense(in))
        return false;
    f->chain = *chain;
    f->out = one_row(out);
    f->in = one_row(in);
    for (int k = 0; k < chain->n_steps; k++) {
        const CaActs *y = chain->steps[k].acts;
        if (chain->steps[k].operand != CA_OPERAND_ACTS || (y->h == 1 && y->w == 1))
            continue;
        if (!is_dense(y))
            return false;
        f->acts[k] = one_row(y);
        f->chain.steps[k].acts = &f->acts[k];
    }
    return true;
}

/* Pixels that are done at once: a chain of several passes keeps them on the stack, and so does a padded block. */
static int strip_of(const CaChain *chain, const CaActs *out)
{
    enum { LEAST = STRIP / CA_LANES, MOST = 4 * LEAST };
    return out->c % CA_LANES == 0 && is_one_pass(chain) ? MOST : LEAST;
}

void CHAIN(const CaChain *chain, const CaActs *out, const CaActs *in, int thread,
           int n_threads)
{
    Flat flat;
    if (flatten(&flat, chain, out, in)) {
        chain = &flat.chain;
        out = &flat.out;
        in = &flat.in;
    }
    const int strip = strip_of(chain, out), n_strips = (out->w + strip - 1) / strip;
    const int64_t n_rows = (int64_t)ca_acts_n_blocks(out) * out->n * out->h;
    int64_t first, end;
    Scratch work;

    assert(0 <= thread && thread < n_threads && out->c == in->c && out->n == in->n);
    assert(out->h == in->h && out->w == in->w);
    ca_share(n_rows * n_strips, thread, n_threads, &first, &end);
    for (int64_t i = first; i < end; i++) {
        const CaRowAt row = ca_acts_row_at(out, i / n_strips);
        const int x0 = (int)(i % n_strips) * strip;
        const ActsAt at = {row, ca_acts_lanes(out, row.block), x0};
        float *to = ca_acts_row(out, row.block, row.image, row.y);
        chain_pixels(chain, to, ca_acts_row(in, row.block, row.image, row.y),
                     out->w - x0 < strip ? out->w - x0 : strip, &at, &work);
        if (x0 == 0)
            ca_acts_zero_beside(out, to, row.y, 0, CA_LANES);
    }
}

/* A plain array as rows. Channels run along the rows, or there is one for each row. */
typedef struct Rows {
    int64_t n, length, n_channels;
    bool channels_along;
} Rows;

static Rows rows_of(const CaChain *chain, int64_t n, int64_t c, int64_t inner)
{
    bool by_channel = false;
    for (int k = 0; k < chain->n_steps; k++)
        by_channel = by_channel || chain->steps[k].operand == CA_OPERAND_CHANNEL;
    if (!by_channel)
        return (Rows){1, n * c * inner, 1, false};
    if (inner == 1)
        return (Rows){n, c, c, true};
    return (Rows){n * c, inner, c, false};
}

typedef struct PlainAt {
    const Rows *rows;
    int64_t row, at; /* the strip's first number in its row */
    int n;
} PlainAt;

static Source bind_plain(const void *where, const CaStep *s, int i, float *store)
{
    const PlainAt *p = where;
    const Rows *rows = p->rows;
    if (s->operand == CA_OPERAND_SCALAR)
        return repeated(store, *vector_of(s, i));
    if (s->operand == CA_OPERAND_CHANNEL && rows->channels_along)
        return run_of(store, vector_of(s, i) + p->at, p->n);
    if (s->operand == CA_OPERAND_CHANNEL)
        return repeated(store, vector_of(s, i)[p->row % rows->n_channels]);
    assert(s->operand == CA_OPERAND_PLAIN);
    return run_of(store, s->y + p->row * rows->length + p->at, p->n);
}

/* The end of a row may be less than a pixel. */
static int n_pixels_of(int n) { return (n + CA_LANES - 1) / CA_LANES; }

void PLAIN(const CaChain *chain, float *out, const float *in, int64_t n, int64_t c,
           int64_t inner, int thread, int n_threads)
{
    const Rows rows = rows_of(chain, n, c, inner);
    const int64_t n_strips = (rows.length + STRIP - 1) / STRIP;
    int64_t first, end;
    Scratch work;

    assert(0 <= thread && thread < n_threads);
    ca_share(rows.n * n_strips, thread, n_threads, &first, &end);
    for (int64_t unit = first; unit < end; unit++) {
        const int64_t row = unit / n_strips, at = unit % n_strips * STRIP;
        const int64_t left = rows.length - at, offset = row * rows.length + at;
        const PlainAt where = {&rows, row, at, left < STRIP ? (int)left : STRIP};
        const bool is_whole = where.n % CA_LANES == 0;
        if (!is_whole)
            copy_padded(work.x, in + offset, where.n);
        const Strip t = {is_whole ? out + offset : work.x,
                         {is_whole ? in + offset : work.x, CA_LANES},
                         n_pixels_of(where.n)};
        run_strip(chain, &t, &work, bind_plain, &where);
        if (!is_whole)
            memcpy(out + offset, work.x, (size_t)where.n * sizeof(float));
    }
}

static void row_offsets(const CaBroadcast *p, int64_t row, int64_t *a, int64_t *b)
{
    *a = *b = 0;
    for (int i = p->rank - 2; i >= 0; i--) {
        *a += row % p->dims[i] * p->a_strides[i];
        *b += row % p->dims[i] * p->b_strides[i];
        row /= p->dims[i];
    }
}

void BINARY(const CaBroadcast *plan, CaChainOp op, float *out, const float *a,
            const float *b, int thread, int n_threads)
{
    const int last = plan->rank - 1;
    const int64_t length = plan->dims[last], n_strips = (length + STRIP - 1) / STRIP;
    const CaStep step = {.op = op, .operand = CA_OPERAND_PLAIN};
    int64_t first, end;
    Scratch work;

    assert(0 <= thread && thread < n_threads && op < CA_CHAIN_FAKE_QUANTIZE);
    ca_share(plan->n_rows * n_strips, thread, n_threads, &first, &end);
    for (int64_t unit = first; unit < end; unit++) {
        const int64_t row = unit / n_strips, at = unit % n_strips * STRIP;
        const int n = length - at < STRIP ? (int)(length - at) : STRIP;
        float *to = out + row * length + at;
        int64_t a_at, b_at;
        row_offsets(plan, row, &a_at, &b_at);
        const Source x = plan->a_strides[last] ? run_of(work.y[0], a + a_at + at, n)
                                               : repeated(work.y[0], a[a_at]);
        const Source y = plan->b_strides[last] ? run_of(work.y[1], b + b_at + at, n)
                                               : repeated(work.y[1], b[b_at]);
        const Strip t = {n % CA_LANES ? work.x : to, x, n_pixels_of(n)};
        run_step(&step, &t, &y);
        if (n % CA_LANES)
            memcpy(to, work.x, (size_t)n * sizeof(float));
    }
}

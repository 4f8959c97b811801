/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element-wise operators in all types, where no f32 chain takes them: arithmetic of integers and f64, comparisons,
 * logic, Select, and FakeQuantize and PReLU with operands that stretch anyhow.
 */
#include "lower_parts.h"

#include <math.h>
#include <string.h>

typedef struct TypedStep {
    CaSpread plan;
    CaTypedOp op;
    CaTypedKind kind;
    size_t elem_size;
    double levels;
    int in[CA_SPREAD_MAX_IN], n_in, out;
} TypedStep;

bool ca_cpu_typed_kind(CaTypedKind *kind, CarinaType type)
{
    static const signed char kinds[CARINA_N_TYPES] = {
        [CARINA_F32] = CA_TYPED_KIND_f32 + 1,  [CARINA_F16] = CA_TYPED_KIND_f32 + 1,
        [CARINA_BF16] = CA_TYPED_KIND_f32 + 1, [CARINA_F64] = CA_TYPED_KIND_f64 + 1,
        [CARINA_I8] = CA_TYPED_KIND_i8 + 1,    [CARINA_U8] = CA_TYPED_KIND_u8 + 1,
        [CARINA_I16] = CA_TYPED_KIND_i16 + 1,  [CARINA_U16] = CA_TYPED_KIND_u16 + 1,
        [CARINA_I32] = CA_TYPED_KIND_i32 + 1,  [CARINA_U32] = CA_TYPED_KIND_u32 + 1,
        [CARINA_I64] = CA_TYPED_KIND_i64 + 1,  [CARINA_U64] = CA_TYPED_KIND_u64 + 1,
        [CARINA_BOOL] = CA_TYPED_KIND_u8 + 1};
    *kind = kinds[type] ? (CaTypedKind)(kinds[type] - 1) : CA_TYPED_KIND_u8;
    return kinds[type] != 0;
}

static void run_typed(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                      int n_threads)
{
    const TypedStep *d = s->data;
    (void)phase;
    ca_typed_run(&d->plan, d->op, d->kind, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in[0]),
                 ca_cpu_at(r, d->in[1]), thread, n_threads);
}

static void run_select(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const TypedStep *d = s->data;
    (void)phase;
    ca_select_run(&d->plan, d->elem_size, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in[0]),
                  ca_cpu_at(r, d->in[1]), ca_cpu_at(r, d->in[2]), thread, n_threads);
}

typedef struct QuantizeJob {
    float *out;
    const float *in[5];
    double levels; /* less 1 */
} QuantizeJob;

/* In double, as the definition: a rounding more could choose another level. */
static void quantize_piece(void *arg, const CaPiece *p)
{
    const QuantizeJob *j = arg;
    for (int64_t i = 0; i < p->n; i++) {
        double v[5];
        for (int k = 0; k < 5; k++)
            v[k] = (double)j->in[k][p->in[k] + i * p->step[k]];
        const double y =
            rint((v[0] - v[1]) / (v[2] - v[1]) * j->levels) / j->levels * (v[4] - v[3]) +
            v[3];
        j->out[p->out + i] = (float)(v[0] <= fmin(v[1], v[2])  ? v[3]
                                     : v[0] > fmax(v[1], v[2]) ? v[4]
                                                               : y);
    }
}

static void run_quantize(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                         int n_threads)
{
    const TypedStep *d = s->data;
    QuantizeJob job = {.out = ca_cpu_at(r, d->out), .levels = d->levels - 1};
    (void)phase;
    for (int k = 0; k < 5; k++)
        job.in[k] = ca_cpu_at(r, d->in[k]);
    ca_spread_run(&d->plan, thread, n_threads, quantize_piece, &job);
}

/* --- Compiling. */

/* shapes[k]: what operand k counts as. */
static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, TypedStep *d,
                         const CarinaShape *shapes, const char *kernel, CaCpuStepFn *fn)
{
    const CarinaShape *y = &n->outputs[0].shape;
    const int64_t *dims[CA_SPREAD_MAX_IN];
    int ranks[CA_SPREAD_MAX_IN];
    CaCpuStep *s = NULL;
    for (int k = 0; k < d->n_in; k++) {
        dims[k] = shapes[k].dims;
        ranks[k] = shapes[k].rank;
    }
    if (!ca_spread_plan(&d->plan, y->rank, y->dims, d->n_in, ranks, dims))
        return CARINA_ERR_UNSUPPORTED;
    for (int k = 0; k < d->n_in; k++)
        CA_TRY(ca_cpu_plain(b, &d->in[k], n->inputs[k].value));
    CA_TRY(ca_cpu_new_plain(b, &d->out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof *d));
    *(TypedStep *)s->data = *d;
    s->info.flop = (double)ca_cpu_count(y);
    for (int k = 0; k < d->n_in; k++)
        ca_cpu_use(b, d->in[k]);
    ca_cpu_use(b, d->out);
    return CARINA_OK;
}

static bool take(TypedStep *d, CarinaShape *shapes, const CarinaNode *n, int n_in)
{
    d->n_in = n_in;
    for (int k = 0; k < n_in; k++) {
        if (!ca_cpu_in(n, k))
            return false;
        shapes[k] = n->inputs[k].value->shape;
    }
    return true;
}

typedef struct TypedRow {
    const char *op;
    CaTypedOp typed;
} TypedRow;
static const TypedRow rows[] = {
    {"Add", CA_TYPED_ADD},
    {"Subtract", CA_TYPED_SUB},
    {"Multiply", CA_TYPED_MUL},
    {"Divide", CA_TYPED_DIV},
    {"Mod", CA_TYPED_MOD},
    {"FloorMod", CA_TYPED_FLOOR_MOD},
    {"Power", CA_TYPED_POW},
    {"Maximum", CA_TYPED_MAX},
    {"Minimum", CA_TYPED_MIN},
    {"SquaredDifference", CA_TYPED_SQUARED_DIFF},
    {"PReLU", CA_TYPED_PRELU},
    {"Equal", CA_TYPED_EQUAL},
    {"NotEqual", CA_TYPED_NOT_EQUAL},
    {"Less", CA_TYPED_LESS},
    {"LessEqual", CA_TYPED_LESS_EQUAL},
    {"Greater", CA_TYPED_GREATER},
    {"GreaterEqual", CA_TYPED_GREATER_EQUAL},
    {"LogicalAnd", CA_TYPED_AND},
    {"LogicalOr", CA_TYPED_OR},
    {"LogicalXor", CA_TYPED_XOR},
};

/* Slopes [C] belong to axis 1 whatever the rank. */
static void align_slope(CarinaShape *slope, const CarinaShape *x)
{
    if (slope->rank != 1 || x->rank < 2 || slope->dims[0] != x->dims[1])
        return;
    slope->rank = x->rank - 1;
    for (int i = 1; i < slope->rank; i++)
        slope->dims[i] = 1;
}

CarinaStatus ca_cpu_lower_typed(CaCpuBuild *b, const CarinaNode *n)
{
    TypedStep d = {.op = CA_N_TYPED_OPS};
    CarinaShape shapes[CA_SPREAD_MAX_IN];
    if (n->n_inputs != 2 || !take(&d, shapes, n, 2) ||
        !ca_cpu_typed_kind(&d.kind, n->inputs[0].value->type) ||
        ca_cpu_type(n->inputs[0].value->type) != ca_cpu_type(n->inputs[1].value->type))
        return CARINA_ERR_UNSUPPORTED;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ca_cpu_is(n, rows[i].op))
            d.op = rows[i].typed;
    if (d.op == CA_N_TYPED_OPS ||
        (n->outputs[0].type == CARINA_BOOL && d.op < CA_TYPED_EQUAL))
        return CARINA_ERR_UNSUPPORTED;
    if (d.op == CA_TYPED_DIV && carina_node_bool(n, "m_pythondiv", true))
        d.op = CA_TYPED_DIV_DOWN;
    if (d.op == CA_TYPED_PRELU)
        align_slope(&shapes[1], &shapes[0]);
    return emit(b, n, &d, shapes, "typed", run_typed);
}

CarinaStatus ca_cpu_lower_select(CaCpuBuild *b, const CarinaNode *n)
{
    TypedStep d = {.elem_size = ca_cpu_elem_size(n->outputs[0].type)};
    CarinaShape shapes[CA_SPREAD_MAX_IN];
    if (!take(&d, shapes, n, 3) || !ca_cpu_is_bytes(n->outputs[0].type))
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, &d, shapes, "select", run_select);
}

CarinaStatus ca_cpu_lower_fake_quantize(CaCpuBuild *b, const CarinaNode *n)
{
    TypedStep d = {.levels = (double)carina_node_int(n, "levels", 256)};
    CarinaShape shapes[CA_SPREAD_MAX_IN];
    if (!take(&d, shapes, n, 5) || !ca_cpu_is_float(n->outputs[0].type))
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, &d, shapes, "fake_quantize", run_quantize);
}

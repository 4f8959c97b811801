/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators that walk along one axis in its order: TopK, CumSum, ReverseSequence.
 */
#include "cpu_program.h"
#include "kernels/topk/topk.h"

#include <string.h>

/* [outer, n, inner]; a row is the n elements of one outer and one inner place. */
typedef struct ScanStep {
    int in, out, second; /* second: indices, or lengths */
    int64_t outer, n, inner, k;
    CarinaType type, second_type;
    bool is_min, by_index, is_exclusive, is_reversed;
    size_t elem_size, row_size;
    CarinaShape shape; /* ReverseSequence: axes up to the later of the two */
    int batch, seq;
} ScanStep;

static int64_t key_of(const void *p, CarinaType type, int64_t i)
{
    switch (type) {
    case CARINA_F32:
    case CARINA_F16: /* held as f32 */
    case CARINA_BF16: return ca_topk_key_f32(((const float *)p)[i]);
    case CARINA_F64: return ca_topk_key_f64(((const double *)p)[i]);
    case CARINA_I64: return ((const int64_t *)p)[i];
    case CARINA_U64: return (int64_t)(((const uint64_t *)p)[i] ^ (uint64_t)INT64_MIN);
    case CARINA_I32: return ((const int32_t *)p)[i];
    case CARINA_U32: return ((const uint32_t *)p)[i];
    case CARINA_I16: return ((const int16_t *)p)[i];
    case CARINA_U16: return ((const uint16_t *)p)[i];
    case CARINA_I8: return ((const int8_t *)p)[i];
    case CARINA_BOOL:
    case CARINA_U8: return ((const uint8_t *)p)[i];
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4:
    case CARINA_UNKNOWN: break;
    }
    return 0; /* no other type is lowered */
}

static void run_topk(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const ScanStep *d = s->data;
    int64_t *keys = ca_cpu_own(r, s, thread), *best = keys + d->n;
    const char *in = ca_cpu_at(r, d->in);
    char *out = ca_cpu_at(r, d->out);
    void *where = ca_cpu_at(r, d->second);
    const int64_t rows = d->outer * d->inner, end = rows * (thread + 1) / n_threads;
    (void)phase;
    for (int64_t row = rows * thread / n_threads; row < end; row++) {
        const int64_t from = row / d->inner * d->n * d->inner + row % d->inner;
        const int64_t to = row / d->inner * d->k * d->inner + row % d->inner;
        for (int64_t i = 0; i < d->n; i++) {
            const int64_t key = key_of(in, d->type, from + i * d->inner);
            keys[i] = d->is_min ? ~key : key;
        }
        ca_topk_row(best, keys, d->n, d->k, d->by_index);
        for (int64_t i = 0; i < d->k; i++) {
            const int64_t o = to + i * d->inner;
            memcpy(out + (size_t)o * d->elem_size,
                   in + (size_t)(from + best[i] * d->inner) * d->elem_size, d->elem_size);
            if (d->second_type == CARINA_I64)
                ((int64_t *)where)[o] = best[i];
            else
                ((int32_t *)where)[o] = (int32_t)best[i];
        }
    }
}

/* Sums in double, as the definition has them; integers wrap. */
static void sum_row_real(const ScanStep *d, float *out, const float *in, int64_t step)
{
    double sum = 0;
    for (int64_t i = 0; i < d->n; i++, in += step, out += step) {
        const double before = sum;
        sum += (double)*in;
        *out = (float)(d->is_exclusive ? before : sum);
    }
}
static void sum_row_i64(const ScanStep *d, int64_t *out, const int64_t *in, int64_t step)
{
    uint64_t sum = 0;
    for (int64_t i = 0; i < d->n; i++, in += step, out += step) {
        const uint64_t before = sum;
        sum += (uint64_t)*in;
        *out = (int64_t)(d->is_exclusive ? before : sum);
    }
}
static void sum_row_i32(const ScanStep *d, int32_t *out, const int32_t *in, int64_t step)
{
    uint32_t sum = 0;
    for (int64_t i = 0; i < d->n; i++, in += step, out += step) {
        const uint32_t before = sum;
        sum += (uint32_t)*in;
        *out = (int32_t)(d->is_exclusive ? before : sum);
    }
}

static void run_cum_sum(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const ScanStep *d = s->data;
    const void *in = ca_cpu_at(r, d->in);
    void *out = ca_cpu_at(r, d->out);
    const int64_t rows = d->outer * d->inner, end = rows * (thread + 1) / n_threads;
    const int64_t step = d->is_reversed ? -d->inner : d->inner;
    (void)phase;
    for (int64_t row = rows * thread / n_threads; row < end; row++) {
        const int64_t at = row / d->inner * d->n * d->inner + row % d->inner +
                           (d->is_reversed ? (d->n - 1) * d->inner : 0);
        if (d->type == CARINA_I64)
            sum_row_i64(d, (int64_t *)out + at, (const int64_t *)in + at, step);
        else if (d->type == CARINA_I32)
            sum_row_i32(d, (int32_t *)out + at, (const int32_t *)in + at, step);
        else
            sum_row_real(d, (float *)out + at, (const float *)in + at, step);
    }
}

static int64_t length_at(const void *p, CarinaType type, int64_t i)
{
    if (type == CARINA_I64)
        return ((const int64_t *)p)[i];
    if (type == CARINA_I32)
        return ((const int32_t *)p)[i];
    const float x = ((const float *)p)[i];
    return x > -1 ? (x < 0x1p62f ? (int64_t)x : INT64_MAX) : x == x ? -1 : 0;
}

static void run_reverse(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const ScanStep *d = s->data;
    const char *in = ca_cpu_at(r, d->in);
    char *out = ca_cpu_at(r, d->out);
    const void *lengths = ca_cpu_at(r, d->second);
    const int64_t end = d->outer * (thread + 1) / n_threads, n = d->shape.dims[d->seq];
    (void)phase;
    for (int64_t row = d->outer * thread / n_threads; row < end; row++) {
        int64_t rest = row, at[CARINA_MAX_RANK], stride = 1, from = row;
        for (int k = d->shape.rank - 1; k >= 0; k--) {
            at[k] = rest % d->shape.dims[k];
            rest /= d->shape.dims[k];
        }
        for (int k = d->seq + 1; k < d->shape.rank; k++)
            stride *= d->shape.dims[k];
        const int64_t length = length_at(lengths, d->second_type, at[d->batch]);
        if (length < 0 || length > n) {
            ca_cpu_refuse(r, s, "a length is outside the sequence");
            return;
        }
        if (at[d->seq] < length)
            from += (length - 1 - 2 * at[d->seq]) * stride;
        memcpy(out + (size_t)row * d->row_size, in + (size_t)from * d->row_size,
               d->row_size);
    }
}

/* --- Compiling. */

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, ScanStep *d,
                         const char *kernel, CaCpuStepFn *fn, size_t thread_work)
{
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_plain(b, &d->in, n->inputs[0].value));
    CA_TRY(ca_cpu_new_plain(b, &d->out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof *d));
    *(ScanStep *)s->data = *d;
    s->thread_work = thread_work;
    s->info.bytes = 2.0 * (double)ca_cpu_count(&n->inputs[0].value->shape) *
                    (double)ca_cpu_elem_size(n->inputs[0].value->type);
    ca_cpu_use(b, d->in);
    ca_cpu_use(b, d->out);
    if (d->second >= 0)
        ca_cpu_use(b, d->second);
    return CARINA_OK;
}

static bool along(ScanStep *d, const CarinaNode *n, int64_t given)
{
    const CarinaValue *x = n->inputs[0].value;
    int axis = 0;
    if (!ca_cpu_axis(given, x->shape.rank, &axis))
        return false;
    d->outer = ca_cpu_product(&x->shape, 0, axis);
    d->n = x->shape.dims[axis];
    d->inner = ca_cpu_product(&x->shape, axis + 1, x->shape.rank);
    d->k = n->outputs[0].shape.dims[axis];
    d->type = x->type;
    d->elem_size = ca_cpu_elem_size(x->type);
    d->second = -1;
    return true;
}

CarinaStatus ca_cpu_lower_topk(CaCpuBuild *b, const CarinaNode *n)
{
    ScanStep d = {.is_min = strcmp(carina_node_enum(n, "mode"), "min") == 0,
                  .by_index = strcmp(carina_node_enum(n, "sort"), "index") == 0};
    int64_t k = 0;
    int count = 0;
    size_t work = 0;
    if (!along(&d, n, carina_node_int(n, "axis", 0)) || !ca_cpu_is_bytes(d.type) ||
        !ca_cpu_ints(ca_cpu_in(n, 1), &k, 1, &count) || count != 1 || k != d.k ||
        k > d.n || !ca_mul_size(&work, (size_t)(d.n + d.k), sizeof(int64_t)))
        return CARINA_ERR_UNSUPPORTED;
    d.second_type = n->outputs[1].type;
    CA_TRY(ca_cpu_new_plain(b, &d.second, &n->outputs[1]));
    return emit(b, n, &d, "topk", run_topk, work);
}

CarinaStatus ca_cpu_lower_cum_sum(CaCpuBuild *b, const CarinaNode *n)
{
    ScanStep d = {.is_exclusive = carina_node_bool(n, "exclusive", false),
                  .is_reversed = carina_node_bool(n, "reverse", false)};
    int64_t axis = 0;
    int count = 0;
    if (!ca_cpu_ints(ca_cpu_in(n, 1), &axis, 1, &count) || count != 1 ||
        !along(&d, n, axis) ||
        (!ca_cpu_is_float(d.type) && d.type != CARINA_I64 && d.type != CARINA_I32))
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, &d, "cum_sum", run_cum_sum, 0);
}

CarinaStatus ca_cpu_lower_reverse_sequence(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *lengths = n->inputs[1].value;
    ScanStep d = {.second_type = lengths->type, .shape = x->shape};
    if (!ca_cpu_axis(carina_node_int(n, "batch_axis", 0), x->shape.rank, &d.batch) ||
        !ca_cpu_axis(carina_node_int(n, "seq_axis", 1), x->shape.rank, &d.seq) ||
        !ca_cpu_is_bytes(x->type) ||
        (!ca_cpu_is_float(lengths->type) && lengths->type != CARINA_I64 &&
         lengths->type != CARINA_I32) ||
        ca_cpu_count(&lengths->shape) != x->shape.dims[d.batch])
        return CARINA_ERR_UNSUPPORTED;
    d.shape.rank = (d.batch > d.seq ? d.batch : d.seq) + 1;
    d.outer = ca_cpu_count(&d.shape);
    d.row_size = (size_t)ca_cpu_product(&x->shape, d.shape.rank, x->shape.rank) *
                 ca_cpu_elem_size(x->type);
    CA_TRY(ca_cpu_plain(b, &d.second, lengths));
    return emit(b, n, &d, "reverse_sequence", run_reverse, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QuantizedMatMul on plain tensors: a row of the left at a time with all rows of the right.
 */
#include "lower_parts.h"

#include "base/fixed.h"
#include "base/threads.h"

#include <string.h>

enum { CHUNK = 16384 }; /* products of bytes whose sum int32 holds */

typedef struct MatrixStep {
    CarinaType a_type, b_type;
    CaFixedRounding rounding;
    int64_t rows, cols, n, n_rows; /* n_rows: of all matrices of the result */
    int64_t zero_a, zero_b, zero_y, low, high;
    CaFixed factor;
    int rank;
    int64_t dims[CARINA_MAX_RANK], a_step[CARINA_MAX_RANK], b_step[CARINA_MAX_RANK];
    int in[2], out;
} MatrixStep;

static int64_t dot_i8(const MatrixStep *d, const int8_t *a, const int8_t *b)
{
    const int za = (int)d->zero_a, zb = (int)d->zero_b;
    int64_t sum = 0;
    for (int64_t k = 0; k < d->n; k += CHUNK) {
        const int64_t end = k + CHUNK < d->n ? k + CHUNK : d->n;
        int32_t part = 0;
        for (int64_t i = k; i < end; i++)
            part += (a[i] - za) * (b[i] - zb);
        sum += part;
    }
    return sum;
}

static int64_t dot_i16(const MatrixStep *d, const int16_t *a, const int16_t *b)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < d->n; k++)
        sum += (a[k] - d->zero_a) * (b[k] - d->zero_b);
    return sum;
}

static int64_t dot_mixed(const MatrixStep *d, const int16_t *a, const int8_t *b)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < d->n; k++)
        sum += (a[k] - d->zero_a) * (b[k] - d->zero_b);
    return sum;
}

static int64_t dot(const MatrixStep *d, const unsigned char *a, int64_t row,
                   const unsigned char *b, int64_t col)
{
    const void *pa = a + row * d->n * (d->a_type == CARINA_I8 ? 1 : 2),
               *pb = b + col * d->n * (d->b_type == CARINA_I8 ? 1 : 2);
    return d->a_type == CARINA_I8   ? dot_i8(d, pa, pb)
           : d->b_type == CARINA_I8 ? dot_mixed(d, pa, pb)
                                    : dot_i16(d, pa, pb);
}

static void run_matrix(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const MatrixStep *d = s->data;
    const unsigned char *a = ca_cpu_at(r, d->in[0]), *b = ca_cpu_at(r, d->in[1]);
    void *out = ca_cpu_at(r, d->out);
    int64_t at = 0, stop = 0;
    (void)phase;
    ca_share(d->n_rows, thread, n_threads, &at, &stop);
    for (; at < stop; at++) {
        int64_t left = at / d->rows, row = 0, col = 0;
        for (int i = d->rank - 1; i >= 0; left /= d->dims[i--]) {
            row += left % d->dims[i] * d->a_step[i];
            col += left % d->dims[i] * d->b_step[i];
        }
        for (int64_t j = 0; j < d->cols; j++) {
            const int64_t sum =
                dot(d, a, row * d->rows + at % d->rows, b, col * d->cols + j);
            const int64_t y = ca_fixed_times(d->rounding, sum, d->factor) + d->zero_y,
                          q = y < d->low    ? d->low
                              : y > d->high ? d->high
                                            : y;
            if (d->a_type == CARINA_I8)
                ((int8_t *)out)[at * d->cols + j] = (int8_t)q;
            else
                ((int16_t *)out)[at * d->cols + j] = (int16_t)q;
        }
    }
}

/* Matrices to go on by along each leading dimension of the result; 0 where it broadcasts. */
static void steps_of(int64_t *step, const CarinaShape *s, int rank)
{
    int64_t count = 1;
    for (int i = rank - 1; i >= 0; i--) {
        const int own = i - (rank - (s->rank - 2));
        step[i] = own >= 0 && s->dims[own] != 1 ? count : 0;
        count *= own >= 0 ? s->dims[own] : 1;
    }
}

static bool is_byte(int64_t zero) { return zero >= -128 && zero <= 127; }

static CaFixedRounding rounding_of(const CarinaNode *n)
{
    const char *rounding = carina_node_enum(n, "rounding");
    return strcmp(rounding, "once") == 0    ? CA_FIXED_ONCE
           : strcmp(rounding, "short") == 0 ? CA_FIXED_SHORT
                                            : CA_FIXED_TWICE;
}

CarinaStatus ca_cpu_lower_step_matmul(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value, *w = n->inputs[1].value,
                      *y = &n->outputs[0];
    MatrixStep d = {.a_type = x->type,
                    .b_type = w->type,
                    .rounding = rounding_of(n),
                    .zero_a = carina_node_int(n, "zero_a", 0),
                    .zero_b = carina_node_int(n, "zero_b", 0),
                    .zero_y = carina_node_int(n, "zero_y", 0),
                    .low = carina_node_int(n, "low", 0),
                    .high = carina_node_int(n, "high", 0),
                    .factor = {(int32_t)carina_node_int(n, "mantissa", 0),
                               (int32_t)carina_node_int(n, "exponent", 0)},
                    .rank = y->shape.rank - 2};
    const bool is_wide = x->type == CARINA_I16;
    CaCpuStep *s = NULL;
    if ((x->type != CARINA_I8 && !is_wide) ||
        (w->type != CARINA_I8 && (w->type != CARINA_I16 || !is_wide)) ||
        (!is_wide && (!is_byte(d.zero_a) || !is_byte(d.zero_b))) ||
        d.low < (is_wide ? -32768 : -128) || d.high > (is_wide ? 32767 : 127))
        return CARINA_ERR_UNSUPPORTED;
    d.rows = y->shape.dims[d.rank];
    d.cols = y->shape.dims[d.rank + 1];
    d.n = x->shape.dims[x->shape.rank - 1];
    d.n_rows = d.cols > 0 ? ca_cpu_count(&y->shape) / d.cols : 0;
    memcpy(d.dims, y->shape.dims, (size_t)d.rank * sizeof *d.dims);
    steps_of(d.a_step, &x->shape, d.rank);
    steps_of(d.b_step, &w->shape, d.rank);
    CA_TRY(ca_cpu_plain(b, &d.in[0], x));
    CA_TRY(ca_cpu_plain(b, &d.in[1], w));
    CA_TRY(ca_cpu_new_plain(b, &d.out, y));
    CA_TRY(ca_cpu_add_step(b, &s, n, "fixed_rows", run_matrix, sizeof d));
    *(MatrixStep *)s->data = d;
    s->info.flop = 2.0 * (double)ca_cpu_count(&y->shape) * (double)d.n;
    ca_cpu_use(b, d.in[0]);
    ca_cpu_use(b, d.in[1]);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

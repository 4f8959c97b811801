/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators that read or write by index: Gather, GatherElements, GatherND, ScatterUpdate, ScatterNDUpdate,
 * ScatterElementsUpdate, OneHot.
 *
 * Indices become int64 first: constants while compiling, others in a phase of their own; a tuple of indices becomes
 * the number of the row that it names. Scattering is a copy of the data and then the updates in their order.
 */
#include "kernels/layout/gather_plain.h"
#include "lower_parts.h"

#include <string.h>

typedef struct IndexStep {
    CaRows rows;
    CaAxisElements elements;
    int in, out, updates, raw, on, off; /* buffers; -1: none */
    const int64_t *constant;            /* indices; NULL: from raw, in the work space */
    CarinaType raw_type;
    int64_t n_index, n_rows; /* indices or tuples; rows a tuple can name */
    int tuple;               /* numbers a tuple; 0: plain indices */
    int64_t tuple_dims[CARINA_MAX_RANK];
    CarinaShape data, at; /* ScatterElementsUpdate */
    int axis;
    size_t data_size;
    bool wraps, refuses, combines; /* combines: by op, else updates replace */
    CaTypedOp op;
    CaTypedKind kind;
} IndexStep;

static const char outside[] = "an index is outside the axis";

static int64_t index_at(const void *p, CarinaType type, int64_t i)
{
    switch (type) {
    case CARINA_I64:
    case CARINA_U64: return ((const int64_t *)p)[i];
    case CARINA_I32: return ((const int32_t *)p)[i];
    case CARINA_U32: return ((const uint32_t *)p)[i];
    case CARINA_I16: return ((const int16_t *)p)[i];
    case CARINA_U16: return ((const uint16_t *)p)[i];
    case CARINA_I8: return ((const int8_t *)p)[i];
    case CARINA_BOOL:
    case CARINA_U8: return ((const uint8_t *)p)[i];
    case CARINA_F64:
    case CARINA_F32:
    case CARINA_F16:
    case CARINA_BF16:
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4:
    case CARINA_UNKNOWN: break;
    }
    return 0; /* no other type is lowered */
}

static bool is_index_type(CarinaType type)
{
    return ca_cpu_is_bytes(type) && !ca_cpu_is_float(type) && type != CARINA_F64;
}

/* The row that tuple i names; what no row has where it is outside. */
static int64_t row_of(const IndexStep *d, const void *p, CarinaType type, int64_t i)
{
    int64_t row = 0;
    bool is_inside = true;
    if (!d->tuple)
        return index_at(p, type, i);
    for (int k = 0; k < d->tuple; k++) {
        const int64_t n = d->tuple_dims[k], given = index_at(p, type, i * d->tuple + k);
        const int64_t at = given < 0 ? given + n : given;
        is_inside = is_inside && at >= 0 && at < n;
        row = is_inside ? row * n + at : 0;
    }
    return is_inside ? row : INT64_MAX;
}

static const int64_t *indices(const CaCpuRun *r, const IndexStep *d)
{
    return d->constant ? d->constant : (const int64_t *)(const void *)r->work;
}

/* A thread's share of the indices, as int64. */
static void widen(const IndexStep *d, const CaCpuRun *r, int thread, int n_threads)
{
    const void *raw = ca_cpu_at(r, d->raw);
    int64_t *to = (int64_t *)(void *)r->work;
    const int64_t end = d->n_index * (thread + 1) / n_threads;
    for (int64_t i = d->n_index * thread / n_threads; i < end; i++)
        to[i] = row_of(d, raw, d->raw_type, i);
}

static bool is_first_phase(const IndexStep *d, const CaCpuRun *r, int phase, int thread,
                           int n_threads)
{
    if (d->constant || phase > 0)
        return false;
    widen(d, r, thread, n_threads);
    return true;
}

static void run_gather(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const IndexStep *d = s->data;
    if (is_first_phase(d, r, phase, thread, n_threads))
        return;
    if (!ca_gather_rows(&d->rows, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in),
                        indices(r, d), thread, n_threads) &&
        d->refuses)
        ca_cpu_refuse(r, s, outside);
}

static void run_gather_elements(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                                int n_threads)
{
    const IndexStep *d = s->data;
    if (is_first_phase(d, r, phase, thread, n_threads))
        return;
    if (!ca_gather_elements(&d->elements, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in),
                            indices(r, d), thread, n_threads))
        ca_cpu_refuse(r, s, outside);
}

static void run_one_hot(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const IndexStep *d = s->data;
    if (is_first_phase(d, r, phase, thread, n_threads))
        return;
    ca_one_hot(&d->elements, ca_cpu_at(r, d->out), indices(r, d), ca_cpu_at(r, d->on),
               ca_cpu_at(r, d->off), d->wraps, thread, n_threads);
}

/* Before the last phase: the indices, and the data as it is. */
static bool is_before_scatter(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                              int n_threads)
{
    const IndexStep *d = s->data;
    if (phase == s->n_phases - 1)
        return false;
    const size_t begin = d->data_size * (size_t)thread / (size_t)n_threads,
                 end = d->data_size * ((size_t)thread + 1) / (size_t)n_threads;
    memcpy((char *)ca_cpu_at(r, d->out) + begin, (char *)ca_cpu_at(r, d->in) + begin,
           end - begin);
    if (!d->constant)
        widen(d, r, thread, n_threads);
    return true;
}

static void run_scatter(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const IndexStep *d = s->data;
    if (is_before_scatter(s, r, phase, thread, n_threads))
        return;
    if (!ca_scatter_rows(&d->rows, ca_cpu_at(r, d->out), ca_cpu_at(r, d->updates),
                         indices(r, d), thread, n_threads))
        ca_cpu_refuse(r, s, outside);
}

/* n elements of the updates meet those that are there. */
static void meet(const IndexStep *d, char *to, const char *from, size_t size, int64_t n)
{
    if (d->combines)
        ca_typed_combine(d->op, d->kind, to, from, n);
    else
        memcpy(to, from, (size_t)n * size);
}

/* Rows that combine, by one thread, in the order of the updates. */
static void run_scatter_combined(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                                 int n_threads)
{
    const IndexStep *d = s->data;
    const size_t size = d->elements.elem_size, row = d->rows.row_size;
    if (is_before_scatter(s, r, phase, thread, n_threads) || thread)
        return;
    const char *from = ca_cpu_at(r, d->updates);
    char *to = ca_cpu_at(r, d->out);
    for (int64_t i = 0; i < d->rows.n_index; i++) {
        const int64_t at = indices(r, d)[i];
        if (at < 0 || at >= d->rows.n)
            ca_cpu_refuse(r, s, outside);
        else
            meet(d, to + (size_t)at * row, from + (size_t)i * row, size,
                 (int64_t)(row / size));
    }
}

/* By one thread: later updates of a place win, or are combined in their order. */
static void run_scatter_elements(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                                 int n_threads)
{
    const IndexStep *d = s->data;
    const size_t size = d->elements.elem_size;
    if (is_before_scatter(s, r, phase, thread, n_threads) || thread)
        return;
    const int64_t *index = indices(r, d);
    const char *from = ca_cpu_at(r, d->updates);
    char *to = ca_cpu_at(r, d->out);
    for (int64_t i = 0; i < d->n_index; i++, from += size) {
        int64_t rest = i, at = 0, stride = 1;
        bool is_inside = true;
        for (int k = d->at.rank - 1; k >= 0; k--) {
            const int64_t n = d->data.dims[k];
            int64_t c = rest % d->at.dims[k];
            rest /= d->at.dims[k];
            if (k == d->axis)
                c = index[i] < 0 ? index[i] + n : index[i];
            is_inside = is_inside && c >= 0 && c < n;
            at += is_inside ? c * stride : 0;
            stride *= n;
        }
        if (is_inside)
            meet(d, to + (size_t)at * size, from, size, 1);
        else
            ca_cpu_refuse(r, s, outside);
    }
}

/* --- Compiling. */

static CarinaStatus no_memory(CaCpuBuild *b)
{
    return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

/* Constant indices as int64, or their buffer. */
static CarinaStatus take_indices(CaCpuBuild *b, IndexStep *d, const CarinaValue *v)
{
    d->raw = -1;
    d->raw_type = v->type;
    d->n_index = ca_cpu_count(&v->shape);
    if (d->tuple)
        d->n_index /= d->tuple;
    if (!v->constant)
        return ca_cpu_plain(b, &d->raw, v);
    int64_t *to = ca_arena_array(b->p->arena, (size_t)d->n_index + 1, sizeof *to);
    if (!to)
        return no_memory(b);
    for (int64_t i = 0; i < d->n_index; i++)
        to[i] = row_of(d, v->constant->data, v->type, i);
    d->constant = to;
    return CARINA_OK;
}

/* Data is input 0 and indices are input `at`; updates, on and off are taken where their number is not -1. */
static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, IndexStep d, int at,
                         CaCpuStepFn *fn, const char *kernel, bool scatters)
{
    CaCpuStep *s = NULL;
    const bool is_hot = at == 0;
    const CarinaValue *index = n->inputs[at].value;
    d.in = d.updates = d.on = d.off = -1;
    CA_TRY(take_indices(b, &d, index));
    if (!is_hot)
        CA_TRY(ca_cpu_plain(b, &d.in, n->inputs[0].value));
    if (scatters)
        CA_TRY(ca_cpu_plain(b, &d.updates, n->inputs[2].value));
    if (is_hot) {
        CA_TRY(ca_cpu_plain(b, &d.on, n->inputs[2].value));
        CA_TRY(ca_cpu_plain(b, &d.off, n->inputs[3].value));
    }
    d.data_size =
        (size_t)ca_cpu_count(&n->outputs[0].shape) * ca_cpu_elem_size(n->outputs[0].type);
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, kernel, fn, sizeof d));
    *(IndexStep *)s->data = d;
    s->n_phases = scatters || !d.constant ? 2 : 1;
    if (!d.constant)
        s->shared_work = ((size_t)d.n_index + 1) * sizeof(int64_t);
    s->info.bytes = 2.0 * (double)d.data_size;
    const int used[] = {d.in, d.updates, d.on, d.off, d.raw, d.out};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++)
        if (used[i] >= 0)
            ca_cpu_use(b, used[i]);
    return CARINA_OK;
}

/* The axis that input `at` holds; false where it is not known, or the types are none of ours. */
static bool known_axis(const CarinaNode *n, int at, int *axis)
{
    int64_t given = 0;
    int count = 0;
    const CarinaValue *x = n->inputs[0].value;
    return ca_cpu_ints(ca_cpu_in(n, at), &given, 1, &count) && count == 1 &&
           ca_cpu_axis(given, x->shape.rank, axis) && ca_cpu_is_bytes(x->type) &&
           is_index_type(n->inputs[1].value->type);
}

CarinaStatus ca_cpu_lower_gather(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *at = &n->inputs[1].value->shape;
    int axis = 0;
    int64_t batch = carina_node_int(n, "batch_dims", 0);
    batch += batch < 0 ? at->rank : 0;
    if (!known_axis(n, 2, &axis) || batch < 0 || batch > axis || batch > at->rank)
        return CARINA_ERR_UNSUPPORTED;
    IndexStep d = {.rows = {ca_cpu_product(x, 0, (int)batch),
                            ca_cpu_product(x, (int)batch, axis), x->dims[axis],
                            ca_cpu_product(at, (int)batch, at->rank),
                            (size_t)ca_cpu_product(x, axis + 1, x->rank) *
                                ca_cpu_elem_size(n->outputs[0].type)}};
    return emit(b, n, d, 1, run_gather, "gather", false);
}

CarinaStatus ca_cpu_lower_gather_elements(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *at = &n->inputs[1].value->shape;
    int axis = 0;
    if (!ca_cpu_axis(carina_node_int(n, "axis", 0), x->rank, &axis) ||
        x->rank != at->rank || !ca_cpu_is_bytes(n->outputs[0].type) ||
        !is_index_type(n->inputs[1].value->type))
        return CARINA_ERR_UNSUPPORTED;
    for (int i = 0; i < x->rank; i++)
        if (i != axis && x->dims[i] != at->dims[i])
            return CARINA_ERR_UNSUPPORTED;
    IndexStep d = {.elements = {ca_cpu_product(x, 0, axis), x->dims[axis], at->dims[axis],
                                ca_cpu_product(x, axis + 1, x->rank),
                                ca_cpu_elem_size(n->outputs[0].type)}};
    return emit(b, n, d, 1, run_gather_elements, "gather_elements", false);
}

/* Tuples of the last axis of `at` name rows of x behind `batch` axes. */
static bool take_tuples(IndexStep *d, const CarinaNode *n, int batch)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *at = &n->inputs[1].value->shape;
    if (at->rank < 1 || batch < 0 || batch >= at->rank ||
        !ca_cpu_is_bytes(n->outputs[0].type) || !is_index_type(n->inputs[1].value->type))
        return false;
    const int64_t tuple = at->dims[at->rank - 1];
    if (tuple < 1 || tuple > x->rank - batch)
        return false;
    d->tuple = (int)tuple;
    for (int i = 0; i < d->tuple; i++)
        d->tuple_dims[i] = x->dims[batch + i];
    d->rows = (CaRows){ca_cpu_product(x, 0, batch), 1,
                       ca_cpu_product(x, batch, batch + d->tuple),
                       ca_cpu_product(at, batch, at->rank - 1),
                       (size_t)ca_cpu_product(x, batch + d->tuple, x->rank) *
                           ca_cpu_elem_size(n->outputs[0].type)};
    d->refuses = true;
    return true;
}

CarinaStatus ca_cpu_lower_gather_nd(CaCpuBuild *b, const CarinaNode *n)
{
    IndexStep d = {.tuple = 0};
    if (!take_tuples(&d, n, (int)carina_node_int(n, "batch_dims", 0)))
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, d, 1, run_gather, "gather", false);
}

/* How updates meet the data. False where the reference does it: means, and data that does not count. */
static bool take_reduction(IndexStep *d, const CarinaNode *n)
{
    static const struct {
        const char *name;
        CaTypedOp op;
    } known[] = {{"sum", CA_TYPED_ADD},
                 {"sub", CA_TYPED_SUB},
                 {"prod", CA_TYPED_MUL},
                 {"min", CA_TYPED_MIN},
                 {"max", CA_TYPED_MAX}};
    const char *how = carina_node_enum(n, "reduction");
    d->elements.elem_size = ca_cpu_elem_size(n->outputs[0].type);
    if (!*how || strcmp(how, "none") == 0)
        return true;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(how, known[i].name) == 0) {
            d->combines = true;
            d->op = known[i].op;
        }
    return d->combines && n->outputs[0].type != CARINA_BOOL &&
           carina_node_bool(n, "use_init_val", true) &&
           ca_cpu_typed_kind(&d->kind, n->outputs[0].type);
}

CarinaStatus ca_cpu_lower_scatter_nd(CaCpuBuild *b, const CarinaNode *n)
{
    IndexStep d = {.tuple = 0};
    if (!take_reduction(&d, n) || !take_tuples(&d, n, 0))
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, d, 1, d.combines ? run_scatter_combined : run_scatter, "scatter",
                true);
}

CarinaStatus ca_cpu_lower_scatter(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *at = &n->inputs[1].value->shape;
    int axis = 0;
    if (!known_axis(n, 3, &axis))
        return CARINA_ERR_UNSUPPORTED;
    IndexStep d = {.rows = {1, ca_cpu_product(x, 0, axis), x->dims[axis],
                            ca_cpu_count(at),
                            (size_t)ca_cpu_product(x, axis + 1, x->rank) *
                                ca_cpu_elem_size(n->outputs[0].type)}};
    if (ca_cpu_count(&n->inputs[2].value->shape) *
            (int64_t)ca_cpu_elem_size(n->outputs[0].type) !=
        d.rows.n_outer * d.rows.n_index * (int64_t)d.rows.row_size)
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, d, 1, run_scatter, "scatter", true);
}

CarinaStatus ca_cpu_lower_scatter_elements(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *at = &n->inputs[1].value->shape;
    IndexStep d = {.data = *x, .at = *at};
    if (!take_reduction(&d, n) || !known_axis(n, 3, &d.axis) || x->rank != at->rank ||
        ca_cpu_count(at) != ca_cpu_count(&n->inputs[2].value->shape))
        return CARINA_ERR_UNSUPPORTED;
    return emit(b, n, d, 1, run_scatter_elements, "scatter_elements", true);
}

CarinaStatus ca_cpu_lower_one_hot(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *y = &n->outputs[0].shape;
    int axis = 0;
    if (!ca_cpu_axis(carina_node_int(n, "axis", 0), y->rank, &axis) ||
        !ca_cpu_is_bytes(n->outputs[0].type) || !is_index_type(n->inputs[0].value->type))
        return CARINA_ERR_UNSUPPORTED;
    IndexStep d = {
        .elements = {ca_cpu_product(y, 0, axis), y->dims[axis], 0,
                     ca_cpu_product(y, axis + 1, y->rank),
                     ca_cpu_elem_size(n->outputs[0].type)},
        .wraps = strcmp(carina_node_enum(n, "negative_indices_mode"), "normalize") == 0};
    return emit(b, n, d, 0, run_one_hot, "one_hot", false);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interpolate of all versions, modes and axes, for floats without pads: tables are made here, once.
 *
 * The last two axes are one step; axes before them a step each, through tensors of the scratch block. Height and width
 * of blocked activations stay blocked.
 */
#include "cpu_program.h"
#include "kernels/resize/resize.h"

#include <math.h>
#include <string.h>

typedef struct ResizeStep {
    const CaResizeKernel *kernel;
    CaResize resize;
    int in, out;
    CaCpuRef blocked_in, blocked_out;
} ResizeStep;

static void run_planes(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                       int n_threads)
{
    const ResizeStep *d = s->data;
    (void)phase;
    d->kernel->planes(&d->resize, ca_cpu_at(r, d->out), ca_cpu_at(r, d->in),
                      ca_cpu_own(r, s, thread), thread, n_threads);
}

static void run_blocked(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                        int n_threads)
{
    const ResizeStep *d = s->data;
    const CaActs in = ca_cpu_acts(r, &d->blocked_in),
                 out = ca_cpu_acts(r, &d->blocked_out);
    (void)phase;
    d->kernel->blocked(&d->resize, &out, &in, thread, n_threads);
}

/* --- What the node asks for. */

typedef struct Wish {
    CaResizeRule rule;
    bool antialias;
    int n_axes, axes[CARINA_MAX_RANK];
    double scales[CARINA_MAX_RANK];
} Wish;

static int index_of(const char *const *names, int n, const char *name)
{
    int i = 0;
    while (i < n && strcmp(names[i], name) != 0)
        i++;
    return i;
}

static bool is_zero(CarinaInts v)
{
    for (int i = 0; i < v.n; i++)
        if (v.v[i])
            return false;
    return true;
}

/* The first version in terms of the fourth. */
static void read_first(Wish *w, const CarinaNode *n, const char *mode)
{
    const CarinaInts axes = carina_node_ints(n, "axes");
    const int rank = n->outputs[0].shape.rank;
    const bool is_aligned = carina_node_bool(n, "align_corners", true),
               is_linear = strcmp(mode, "linear") == 0;
    const bool is_plane = rank == 4 && axes.n == 2 && axes.v[0] >= 2 && axes.v[1] >= 2 &&
                          axes.v[0] != axes.v[1];
    w->rule.coordinate = is_aligned               ? CA_RESIZE_ALIGN_CORNERS
                         : is_linear && !is_plane ? CA_RESIZE_HALF_PIXEL
                                                  : CA_RESIZE_ASYMMETRIC;
    w->rule.round = CA_RESIZE_SIMPLE;
    w->rule.cube_coeff = -0.75;
    if (is_linear && rank < 5)
        w->rule.mode = CA_RESIZE_LINEAR_ONNX;
}

static bool read_axes(Wish *w, const CarinaNode *n)
{
    const int rank = n->outputs[0].shape.rank;
    const CarinaValue *v = n->opset < 4 ? NULL : ca_cpu_in(n, n->opset < 11 ? 3 : 2);
    const CarinaInts listed = carina_node_ints(n, "axes");
    int64_t given[CARINA_MAX_RANK];
    w->n_axes = n->opset < 4 ? listed.n : rank;
    if ((v && !ca_cpu_ints(v, given, CARINA_MAX_RANK, &w->n_axes)) ||
        w->n_axes > CARINA_MAX_RANK)
        return false;
    for (int i = 0; i < w->n_axes; i++)
        if (!ca_cpu_axis(n->opset < 4 ? listed.v[i]
                         : v          ? given[i]
                                      : i,
                         rank, &w->axes[i]))
            return false;
    return true;
}

static bool read_scales(Wish *w, CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *y = &n->outputs[0].shape;
    const bool is_scaled =
        n->opset >= 4 &&
        strcmp(carina_node_enum(n, "shape_calculation_mode"), "scales") == 0;
    const CarinaValue *v = ca_cpu_in(n, n->opset < 11 ? 2 : 1);
    int64_t count = 0;
    const float *given = NULL;
    if (is_scaled && v && v->type == CARINA_F32)
        given = ca_cpu_floats(b, v, &count);
    if (is_scaled && (!given || count != w->n_axes))
        return false;
    for (int i = 0; i < w->n_axes; i++)
        w->scales[i] = is_scaled
                           ? (double)given[i]
                           : (double)y->dims[w->axes[i]] / (double)x->dims[w->axes[i]];
    return true;
}

static bool read_wish(Wish *w, CaCpuBuild *b, const CarinaNode *n)
{
    static const char *const modes[CA_N_RESIZE_MODES] = {
        "nearest", "linear", "linear_onnx", "cubic", "bilinear_pillow", "bicubic_pillow"};
    static const char *const coordinates[CA_N_RESIZE_COORDINATES] = {
        "half_pixel", "pytorch_half_pixel", "asymmetric", "tf_half_pixel_for_nn",
        "align_corners"};
    static const char *const rounds[CA_N_RESIZE_ROUNDS] = {
        "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "simple"};
    const char *mode = carina_node_enum(n, "mode");
    *w = (Wish){.antialias = carina_node_bool(n, "antialias", false)};
    w->rule = (CaResizeRule){
        .mode = (CaResizeMode)index_of(modes, CA_N_RESIZE_MODES, mode),
        .coordinate = (CaResizeCoordinate)index_of(
            coordinates, CA_N_RESIZE_COORDINATES,
            carina_node_enum(n, "coordinate_transformation_mode")),
        .round = (CaResizeRound)index_of(rounds, CA_N_RESIZE_ROUNDS,
                                         carina_node_enum(n, "nearest_mode")),
        .cube_coeff = carina_node_float(n, "cube_coeff", -0.75)};
    if (n->opset < 4)
        read_first(w, n, mode);
    return w->rule.mode < CA_N_RESIZE_MODES &&
           w->rule.coordinate < CA_N_RESIZE_COORDINATES &&
           w->rule.round < CA_N_RESIZE_ROUNDS &&
           is_zero(carina_node_ints(n, "pads_begin")) &&
           is_zero(carina_node_ints(n, "pads_end")) && read_axes(w, n) &&
           read_scales(w, b, n);
}

/* --- Tables. */

static CarinaStatus no_memory(CaCpuBuild *b)
{
    return ca_err(b->err, CARINA_ERR_MEMORY, "out of memory while compiling");
}

/* is_same: one tap an output; else the rule's, where there is anything to do: taps 0 where not. */
static CarinaStatus make_axis(CaCpuBuild *b, CaResizeAxis *axis, const Wish *w, int d,
                              int64_t in, int64_t out)
{
    CaResizeRule rule = w->rule;
    double least = 1;
    int at = -1;
    *axis = (CaResizeAxis){.in = in, .out = out};
    for (int i = 0; i < w->n_axes; i++) {
        least = fmin(least, w->scales[i]);
        at = w->axes[i] == d ? i : at;
    }
    const bool is_pillow =
        rule.mode == CA_RESIZE_BILINEAR_PILLOW || rule.mode == CA_RESIZE_BICUBIC_PILLOW;
    if (at < 0 || w->scales[at] == 1 || (in == out && !is_pillow))
        return CARINA_OK;
    rule.scale = w->scales[at];
    rule.stretch = w->antialias && least < 1 ? 1 / rule.scale : 1;
    double *row = ca_arena_array(b->p->arena, (size_t)in, sizeof *row);
    if (!row)
        return no_memory(b);
    axis->taps = ca_resize_count_taps(axis, &rule, row);
    axis->first = ca_arena_array(b->p->arena, (size_t)out, sizeof *axis->first);
    axis->weights = ca_arena_array(b->p->arena, (size_t)out,
                                   (size_t)axis->taps * sizeof *axis->weights);
    if (!axis->first || !axis->weights)
        return no_memory(b);
    ca_resize_fill(axis, &rule, row);
    return CARINA_OK;
}

static CarinaStatus fill_same(CaCpuBuild *b, CaResizeAxis *axis)
{
    if (axis->taps)
        return CARINA_OK;
    axis->taps = 1;
    axis->first = ca_arena_array(b->p->arena, (size_t)axis->out, sizeof *axis->first);
    axis->weights = ca_arena_array(b->p->arena, (size_t)axis->out, sizeof *axis->weights);
    if (!axis->first || !axis->weights)
        return no_memory(b);
    ca_resize_fill_same(axis);
    return CARINA_OK;
}

/* --- Steps. */

static CarinaStatus emit(CaCpuBuild *b, const CarinaNode *n, const ResizeStep *d,
                         bool is_blocked)
{
    const CaResize *r = &d->resize;
    CaCpuStep *s = NULL;
    CA_TRY(ca_cpu_add_step(b, &s, n, d->kernel->name,
                           is_blocked ? run_blocked : run_planes, sizeof *d));
    *(ResizeStep *)s->data = *d;
    if (!is_blocked && r->y.taps && r->x.taps)
        s->thread_work = (size_t)r->x.in * sizeof(float);
    s->info.flop = 2.0 * (double)ca_cpu_count(&n->outputs[0].shape) *
                   ((double)r->y.taps + (double)r->x.taps);
    ca_cpu_use(b, is_blocked ? d->blocked_in.buffer : d->in);
    ca_cpu_use(b, is_blocked ? d->blocked_out.buffer : d->out);
    return CARINA_OK;
}

static CarinaStatus resize_blocked(CaCpuBuild *b, const CarinaNode *n, ResizeStep *d,
                                   CaResizeAxis *axes)
{
    CA_TRY(fill_same(b, &axes[2]));
    CA_TRY(fill_same(b, &axes[3]));
    d->resize = (CaResize){.y = axes[2], .x = axes[3]};
    CA_TRY(ca_cpu_blocked(b, &d->blocked_in, n->inputs[0].value, 0));
    CA_TRY(ca_cpu_new_blocked(b, &d->blocked_out, &n->outputs[0]));
    return emit(b, n, d, true);
}

/* One step from shape, whose dimensions change, for the axis d: and for the one behind it too, where that is the last
 * and both change. out: -1 for a tensor between steps. */
static CarinaStatus resize_axis(CaCpuBuild *b, const CarinaNode *n, ResizeStep *d,
                                const CaResizeAxis *axes, int at, CarinaShape *shape)
{
    const int last = shape->rank - 1;
    const bool is_pair = at == last - 1 && axes[last].taps;
    if (at == last) {
        d->resize =
            (CaResize){.n_planes = ca_cpu_product(shape, 0, last), .x = axes[last]};
    } else {
        d->resize = (CaResize){.n_planes = ca_cpu_product(shape, 0, at), .y = axes[at]};
        d->resize.x.in = ca_cpu_product(shape, at + 1, shape->rank);
        if (is_pair)
            d->resize.x = axes[last];
    }
    shape->dims[at] = axes[at].out;
    shape->dims[last] = is_pair ? axes[last].out : shape->dims[last];
    if (memcmp(shape->dims, n->outputs[0].shape.dims,
               (size_t)shape->rank * sizeof *shape->dims) == 0) {
        CA_TRY(ca_cpu_new_plain(b, &d->out, &n->outputs[0]));
    } else {
        size_t size = 0;
        if (!ca_mul_size(&size, (size_t)ca_cpu_count(shape), sizeof(float)))
            return no_memory(b);
        CA_TRY(ca_cpu_add_buffer(b, &d->out, (CaCpuBuffer){.size = size}));
    }
    CA_TRY(emit(b, n, d, false));
    d->in = d->out;
    return CARINA_OK;
}

CarinaStatus ca_cpu_lower_resize(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaValue *x = n->inputs[0].value;
    const CarinaShape *y = &n->outputs[0].shape;
    CaResizeAxis axes[CARINA_MAX_RANK];
    ResizeStep d = {.kernel = ca_resize_select(b->host->cpu_flags)};
    CarinaShape shape = x->shape;
    int first = -1;
    Wish w;
    if (!ca_cpu_is_float(x->type) || !ca_cpu_count(&x->shape) || !read_wish(&w, b, n))
        return CARINA_ERR_UNSUPPORTED;
    for (int i = 0; i < y->rank; i++) {
        CA_TRY(make_axis(b, &axes[i], &w, i, x->shape.dims[i], y->dims[i]));
        if (!axes[i].taps && axes[i].in != axes[i].out)
            return CARINA_ERR_UNSUPPORTED;
        first = axes[i].taps && first < 0 ? i : first;
    }
    if (first < 0)
        return ca_cpu_plain(b, &ca_cpu_value(b, &n->outputs[0])->plain, x);
    if (y->rank == 4 && first >= 2 && ca_cpu_has_blocked(b, x))
        return resize_blocked(b, n, &d, axes);
    CA_TRY(ca_cpu_plain(b, &d.in, x));
    for (int i = first; i < y->rank; i++) {
        const bool is_done = i == y->rank - 1 && i > 0 && axes[i - 1].taps;
        if (axes[i].taps && !is_done)
            CA_TRY(resize_axis(b, n, &d, axes, i, &shape));
    }
    return CARINA_OK;
}

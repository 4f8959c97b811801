/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators whose output is the input's elements at regular distances: one kernel, one row an operator that says
 * where the elements lie.
 *
 * A view starts as the input itself; slicing, reversing, splitting, stretching and permuting its axes are arithmetic
 * on dimensions and strides. What a constant does not tell is left to the reference.
 */
#include "cpu_view.h"

#include <string.h>

static bool push(CaCpuView *v, int64_t dim, int64_t stride)
{
    if (v->rank == CA_STRIDED_MAX_RANK)
        return false;
    v->dims[v->rank] = dim;
    v->strides[v->rank++] = stride;
    return true;
}

/* Axis d as outer axes of n / inner and inner elements. */
static bool split(CaCpuView *v, int d, int64_t inner)
{
    if (v->rank == CA_STRIDED_MAX_RANK || inner <= 0 || v->dims[d] % inner)
        return false;
    memmove(v->dims + d + 1, v->dims + d, (size_t)(v->rank - d) * sizeof *v->dims);
    memmove(v->strides + d + 1, v->strides + d,
            (size_t)(v->rank - d) * sizeof *v->strides);
    v->rank++;
    v->dims[d] /= inner;
    v->dims[d + 1] = inner;
    v->strides[d] *= inner;
    return true;
}

static void permute(CaCpuView *v, const int *order)
{
    const CaCpuView x = *v;
    for (int i = 0; i < v->rank; i++) {
        v->dims[i] = x.dims[order[i]];
        v->strides[i] = x.strides[order[i]];
    }
}

static int64_t within(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

/* Axis d from start to stop, as Python cuts; step is not 0. */
static void cut(CaCpuView *v, int d, int64_t start, int64_t stop, int64_t step)
{
    const int64_t n = v->dims[d], lo = step > 0 ? 0 : -1, hi = step > 0 ? n : n - 1;
    const int64_t b = within(start < 0 ? start + n : start, lo, hi);
    const int64_t e = within(stop < 0 ? stop + n : stop, lo, hi);
    int64_t count = 0;
    if (step > 0 && b < e)
        count = (e - b - 1) / step + 1;
    else if (step < 0 && b > e)
        count = (int64_t)((uint64_t)(b - e - 1) / (0 - (uint64_t)step)) + 1;
    v->start += count > 0 ? b * v->strides[d] : 0;
    v->dims[d] = count;
    v->strides[d] = count > 1 ? v->strides[d] * step : 0;
}

/* --- The operators. Each makes the view of the input that is the output; false: not known here. */

static bool slice(CaCpuView *v, const CarinaNode *n)
{
    int64_t list[4][CARINA_MAX_RANK];
    int count[4] = {0};
    const bool has_axes = ca_cpu_in(n, 4) != NULL;
    for (int i = 0; i < 3 + has_axes; i++)
        if (!ca_cpu_ints(ca_cpu_in(n, i + 1), list[i], CARINA_MAX_RANK, &count[i]) ||
            count[i] != count[0])
            return false;
    for (int i = 0; i < count[0]; i++) {
        int d = i;
        if (!ca_cpu_axis(has_axes ? list[3][i] : i, v->rank, &d) || list[2][i] == 0)
            return false;
        cut(v, d, list[0][i], list[1][i], list[2][i]);
    }
    return true;
}

enum { MAX_ENTRIES = 2 * CARINA_MAX_RANK };

typedef struct Masks {
    CarinaInts begin, end, new_axis, shrink, ellipsis;
} Masks;

static bool bit(const CarinaInts *mask, int i) { return i < mask->n && mask->v[i] != 0; }

/* The axis d of x by entry i; what is left of it is appended to v. */
static bool entry(CaCpuView *v, CaCpuView *x, int d, int i, const Masks *m, int64_t begin,
                  int64_t end, int64_t step)
{
    if (bit(&m->shrink, i)) {
        const int64_t at = begin < 0 ? begin + x->dims[d] : begin;
        v->start += at * x->strides[d];
        return at >= 0 && at < x->dims[d];
    }
    if (step == 0)
        return false;
    if (bit(&m->begin, i))
        begin = step < 0 ? INT64_MAX : 0;
    if (bit(&m->end, i))
        end = step < 0 ? INT64_MIN : INT64_MAX;
    x->start = 0;
    cut(x, d, begin, end, step);
    v->start += x->start;
    return push(v, x->dims[d], x->strides[d]);
}

static bool strided_slice(CaCpuView *v, const CarinaNode *n)
{
    int64_t list[3][MAX_ENTRIES];
    int count[3] = {0}, d = 0, used = 0, n_ellipses = 0;
    const bool has_strides = ca_cpu_in(n, 3) != NULL;
    const Masks m = {carina_node_ints(n, "begin_mask"), carina_node_ints(n, "end_mask"),
                     carina_node_ints(n, "new_axis_mask"),
                     carina_node_ints(n, "shrink_axis_mask"),
                     carina_node_ints(n, "ellipsis_mask")};
    for (int i = 0; i < 2 + has_strides; i++)
        if (!ca_cpu_ints(ca_cpu_in(n, i + 1), list[i], MAX_ENTRIES, &count[i]) ||
            count[i] != count[0])
            return false;
    for (int i = 0; i < count[0]; i++) {
        n_ellipses += bit(&m.ellipsis, i);
        used += !bit(&m.ellipsis, i) && !bit(&m.new_axis, i);
    }
    CaCpuView x = *v;
    bool good = n_ellipses <= 1 && used <= x.rank;
    v->rank = 0;
    for (int i = 0; i < count[0] && good; i++) {
        if (bit(&m.ellipsis, i)) {
            for (int k = used; k < x.rank && good; k++, d++)
                good = push(v, x.dims[d], x.strides[d]);
        } else if (bit(&m.new_axis, i)) {
            good = push(v, 1, 0);
        } else {
            good = entry(v, &x, d, i, &m, list[0][i], list[1][i],
                         has_strides ? list[2][i] : 1);
            d++;
        }
    }
    for (; d < x.rank && good; d++)
        good = push(v, x.dims[d], x.strides[d]);
    return good;
}

/* The input's axes stand where axes_mapping says, or at the end, and are stretched. */
static bool broadcast(CaCpuView *v, const CarinaNode *n)
{
    const CarinaShape *out = &n->outputs[0].shape;
    const bool is_explicit = strcmp(carina_node_enum(n, "mode"), "explicit") == 0;
    int64_t at[CARINA_MAX_RANK];
    int count = v->rank;
    const CaCpuView x = *v;
    if (x.rank > out->rank)
        return false;
    for (int d = 0; d < x.rank; d++)
        at[d] = d + out->rank - x.rank;
    if (is_explicit && !ca_cpu_ints(ca_cpu_in(n, 2), at, CARINA_MAX_RANK, &count))
        return false;
    v->rank = 0;
    for (int d = 0; d < out->rank; d++)
        (void)push(v, out->dims[d], 0);
    for (int d = 0; d < x.rank && count == x.rank; d++) {
        if (at[d] < 0 || at[d] >= out->rank ||
            (x.dims[d] != 1 && x.dims[d] != out->dims[at[d]]))
            return false;
        v->strides[at[d]] = x.dims[d] == 1 ? 0 : x.strides[d];
    }
    return count == x.rank;
}

/* Each axis becomes two: which copy, and where in it. */
static bool tile(CaCpuView *v, const CarinaNode *n)
{
    const CarinaShape *out = &n->outputs[0].shape;
    const CaCpuView x = *v;
    const int ahead = out->rank - x.rank;
    v->rank = 0;
    if (!ca_cpu_count(out) || ahead < 0)
        return false;
    for (int d = 0; d < out->rank; d++) {
        const int64_t dim = d < ahead ? 1 : x.dims[d - ahead];
        if (!push(v, out->dims[d] / dim, 0) ||
            !push(v, dim, d < ahead ? 0 : x.strides[d - ahead]))
            return false;
    }
    return true;
}

static bool reverse(CaCpuView *v, const CarinaNode *n)
{
    const bool is_mask = strcmp(carina_node_enum(n, "mode"), "mask") == 0;
    bool is_reversed[CARINA_MAX_RANK] = {false};
    int64_t list[64];
    int count = 0;
    if (!ca_cpu_ints(ca_cpu_in(n, 1), list, 64, &count) || (is_mask && count != v->rank))
        return false;
    for (int i = 0; i < count; i++) {
        int d = i;
        if (!is_mask && !ca_cpu_axis(list[i], v->rank, &d))
            return false;
        is_reversed[d] = !is_mask || list[i] != 0;
    }
    for (int d = 0; d < v->rank; d++)
        if (is_reversed[d] && v->dims[d] > 0) {
            v->start += (v->dims[d] - 1) * v->strides[d];
            v->strides[d] = -v->strides[d];
        }
    return true;
}

static bool transpose(CaCpuView *v, const CarinaNode *n)
{
    int64_t list[CARINA_MAX_RANK];
    int order[CA_STRIDED_MAX_RANK], count = 0;
    unsigned seen = 0;
    if (ca_cpu_in(n, 1) && !ca_cpu_ints(ca_cpu_in(n, 1), list, CARINA_MAX_RANK, &count))
        return false;
    if (count && count != v->rank)
        return false;
    for (int i = 0; i < v->rank; i++) {
        order[i] = v->rank - 1 - i;
        if (count && !ca_cpu_axis(list[i], v->rank, &order[i]))
            return false;
        seen |= 1u << order[i];
    }
    permute(v, order);
    return seen == (1u << v->rank) - 1;
}

/* [N, blocks * C, D..] (or [N, C * blocks, D..]) to [N, C, D b, ..]: the channel axis is split into C and a place in
 * the block along each axis, which goes behind that axis. */
static bool depth_to_space(CaCpuView *v, const CarinaNode *n)
{
    const bool is_blocks_first = strcmp(carina_node_enum(n, "mode"), "blocks_first") == 0;
    const int64_t b = carina_node_int(n, "block_size", 1);
    const int spatial = v->rank - 2, first = is_blocks_first ? 1 : 2;
    int order[CA_STRIDED_MAX_RANK] = {0}, k = 0;
    if (is_blocks_first && !split(v, 1, n->outputs[0].shape.dims[1]))
        return false;                 /* [N, blocks, C, ..] */
    for (int i = 0; i < spatial; i++) /* the last axis first: its place counts fastest */
        if (!split(v, 1, b))
            return false;
    /* blocks_first: the axis of length 1 left over by the splits stands at 1, the places after it, then C */
    if (is_blocks_first && v->dims[1] != 1)
        return false;
    order[k++] = 0;
    order[k++] = is_blocks_first ? 2 + spatial : 1;
    for (int i = 0; i < spatial; i++) {
        order[k++] = v->rank - spatial + i;
        order[k++] = is_blocks_first ? first + 1 + i : first + i;
    }
    if (is_blocks_first)
        order[k++] = 1;
    permute(v, order);
    return k == v->rank;
}

/* [N, C, D b, ..] to [N, places.. C, D..] or [N, C places.., D..]. */
static bool space_to_depth(CaCpuView *v, const CarinaNode *n)
{
    const bool is_blocks_first = strcmp(carina_node_enum(n, "mode"), "blocks_first") == 0;
    const int64_t b = carina_node_int(n, "block_size", 1);
    const int spatial = v->rank - 2;
    int order[CA_STRIDED_MAX_RANK] = {0}, k = 1;
    for (int i = 0; i < spatial; i++) /* [N, C, D0, b, D1, b, ..] */
        if (!split(v, 2 + 2 * i, b))
            return false;
    if (!is_blocks_first)
        order[k++] = 1;
    for (int i = 0; i < spatial; i++)
        order[k++] = 3 + 2 * i;
    if (is_blocks_first)
        order[k++] = 1;
    for (int i = 0; i < spatial; i++)
        order[k++] = 2 + 2 * i;
    permute(v, order);
    return true;
}

static bool shuffle_channels(CaCpuView *v, const CarinaNode *n)
{
    const int64_t group = carina_node_int(n, "group", 1);
    int order[CA_STRIDED_MAX_RANK], d = 0;
    if (!ca_cpu_axis(carina_node_int(n, "axis", 1), v->rank, &d) || group <= 0 ||
        v->dims[d] % group || !v->dims[d] || !split(v, d, v->dims[d] / group))
        return false;
    for (int i = 0; i < v->rank; i++)
        order[i] = i == d ? d + 1 : i == d + 1 ? d : i;
    permute(v, order);
    return true;
}

/* Its arithmetic is on the elements' places in memory, so that the input must lie there as a dense tensor. */
static bool is_of_memory(const CarinaNode *n) { return ca_cpu_is(n, "ReorgYolo"); }

/* darknet's reorg: the image seen as [C / s^2, H, s, W, s] in memory, output [s, s, C / s^2, H, W]. */
static bool reorg_yolo(CaCpuView *v, const CarinaNode *n)
{
    const int64_t s = carina_node_int(n, "stride", 1);
    if (v->rank != 4 || s <= 0 || v->dims[1] % (s * s))
        return false;
    const int64_t c = v->dims[1], h = v->dims[2], w = v->dims[3];
    const int64_t images = v->dims[0], row = w * s;
    v->rank = 0;
    return push(v, images, c * h * w) && push(v, s, row) && push(v, s, 1) &&
           push(v, c / (s * s), h * s * row) && push(v, h, s * row) && push(v, w, s);
}

typedef bool ViewOf(CaCpuView *v, const CarinaNode *n);
typedef struct ViewRow {
    const char *op;
    ViewOf *view;
} ViewRow;
static const ViewRow rows[] = {
    {"Slice", slice},
    {"StridedSlice", strided_slice},
    {"Transpose", transpose},
    {"Broadcast", broadcast},
    {"Tile", tile},
    {"Reverse", reverse},
    {"DepthToSpace", depth_to_space},
    {"SpaceToDepth", space_to_depth},
    {"ShuffleChannels", shuffle_channels},
    {"ReorgYolo", reorg_yolo},
};

static ViewOf *view_of(const CarinaNode *n)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (ca_cpu_is(n, rows[i].op))
            return rows[i].view;
    return NULL;
}

/* The view of the input that is the output; of one that is a view itself, where the operator's arithmetic holds there. */
CarinaStatus ca_cpu_lower_strided(CaCpuBuild *b, const CarinaNode *n)
{
    ViewOf *const view = view_of(n);
    const CarinaValue *x = n->inputs[0].value;
    int buffer = 0;
    if (!view || !ca_cpu_is_bytes(n->outputs[0].type))
        return CARINA_ERR_UNSUPPORTED;
    if (ca_cpu_is_view(b, x)) {
        CaCpuView v = *ca_cpu_value(b, x)->view;
        v.same = NULL;
        if (!is_of_memory(n) && view(&v, n)) {
            const CarinaStatus status = ca_cpu_set_view(b, &n->outputs[0], &v);
            if (status != CARINA_ERR_UNSUPPORTED)
                return status;
        }
    }
    CaCpuView v = ca_cpu_dense_view(0, &x->shape);
    if (!view(&v, n))
        return CARINA_ERR_UNSUPPORTED;
    CA_TRY(ca_cpu_plain(b, &buffer, x));
    v.buffer = buffer;
    return ca_cpu_set_view(b, &n->outputs[0], &v);
}

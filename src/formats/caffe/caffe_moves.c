/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caffe: layers that only move elements.
 */
#include "formats/caffe/caffe_reader.h"

#include <string.h>

static void same(CaCaffeCall *c)
{
    for (size_t i = 0; i < c->layer->n_top; i++)
        c->out[i] = c->in[0];
}

static void concat(CaCaffeCall *c)
{
    const Caffe__Concat *p = c->layer->concat_param;
    const int64_t axis = !p ? 1 : p->has_concat_dim ? (int64_t)p->concat_dim : p->axis;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const int at = ca_build_axis(c->b, axis, x.rank);
    c->out[0] =
        c->n_in == 1 ? c->in[0] : ca_build_make_at(c->b, "Concat", 0, c->in, c->n_in, 1);
    if (c->n_in > 1)
        ca_build_set_int(c->b, c->out[0], "axis", at);
}

/* Where each part ends, to how long each is; without points all are equal. */
static const int64_t *part_lengths(CaCaffeCall *c, const Caffe__Slice *p, int64_t total)
{
    const size_t n = c->layer->n_top, n_points = p ? p->n_slice_point : 0;
    int64_t *lengths = ca_arena_array(c->r->b.work, n, sizeof *lengths);
    if (!lengths) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (n_points ? n_points != n - 1 : total % (int64_t)n != 0)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "%lld elements and %zu slice points do not make %zu outputs",
                      (long long)total, n_points, n);
    int64_t from = 0;
    for (size_t i = 0; i < n && c->b->status == CARINA_OK; i++) {
        const int64_t to = !n_points      ? from + total / (int64_t)n
                           : i < n_points ? (int64_t)p->slice_point[i]
                                          : total;
        if (to <= from || to > total)
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "slice point %lld does not lie between %lld and %lld",
                          (long long)to, (long long)from, (long long)total);
        lengths[i] = to - from;
        from = to;
    }
    return lengths;
}

static void slice(CaCaffeCall *c)
{
    const Caffe__Slice *p = c->layer->slice_param;
    const int64_t axis = !p ? 1 : p->has_slice_dim ? (int64_t)p->slice_dim : p->axis;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const int at = ca_build_axis(c->b, axis, x.rank), n = (int)c->layer->n_top;
    if (c->b->status != CARINA_OK)
        return;
    if (n < 2) {
        same(c);
        return;
    }
    const int64_t *lengths = part_lengths(c, p, x.dims[at]);
    if (c->b->status != CARINA_OK)
        return;
    CaValue *const in[] = {c->in[0], ca_build_scalar(c->b, at),
                           ca_build_vector(c->b, lengths, n)};
    CaValue *v = ca_build_make_at(c->b, "VariadicSplit", 0, in, 3, n);
    for (int i = 0; v && i < n; i++)
        c->out[i] = v + i;
}

static void flatten(CaCaffeCall *c)
{
    static const Caffe__Flatten none = CAFFE__FLATTEN__INIT;
    const Caffe__Flatten *p = c->layer->flatten_param ? c->layer->flatten_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const int from = ca_build_axis(c->b, p->axis, x.rank),
              to = ca_build_axis(c->b, p->end_axis, x.rank);
    int64_t dims[CARINA_MAX_RANK] = {0};
    int n = from;
    if (c->b->status == CARINA_OK && to < from)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "end_axis %d lies before axis %d", to,
                      from);
    if (c->b->status != CARINA_OK)
        return;
    dims[n++] = -1;
    for (int i = to + 1; i < x.rank; i++)
        dims[n++] = x.dims[i];
    c->out[0] = ca_build_reshape_0(c->b, c->in[0], dims, n);
}

/* Only the axes [axis, axis + num_axes) are replaced; 0 copies the axis at the same place. */
static void reshape(CaCaffeCall *c)
{
    static const Caffe__Reshape none = CAFFE__RESHAPE__INIT;
    const Caffe__Reshape *p = c->layer->reshape_param ? c->layer->reshape_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const int64_t from = p->axis >= 0 ? p->axis : (int64_t)p->axis + x.rank + 1;
    const int64_t to = p->num_axes == -1 ? x.rank : from + p->num_axes;
    const size_t n_new = p->shape ? p->shape->n_dim : 0;
    int64_t dims[CARINA_MAX_RANK] = {0};
    if (c->b->status == CARINA_OK &&
        (from < 0 || from > x.rank || p->num_axes < -1 || to > x.rank ||
         n_new > (size_t)(CARINA_MAX_RANK - x.rank)))
        ca_build_fail(
            c->b, CARINA_ERR_FORMAT,
            "axis %d, num_axes %d and %zu new dimensions do not fit an input of %d "
            "dimensions",
            p->axis, p->num_axes, n_new, x.rank);
    if (c->b->status != CARINA_OK)
        return;
    int n = (int)from;
    for (size_t i = 0; i < n_new; i++) {
        if (p->shape->dim[i] < -1 || (p->shape->dim[i] == 0 && n >= x.rank))
            ca_build_fail(c->b, CARINA_ERR_FORMAT,
                          "dimension %lld at %d of the new shape",
                          (long long)p->shape->dim[i], n);
        dims[n++] = p->shape->dim[i];
    }
    for (int i = (int)to; i < x.rank; i++)
        dims[n++] = x.dims[i];
    c->out[0] = ca_build_reshape_0(c->b, c->in[0], dims, n);
}

static void tile(CaCaffeCall *c)
{
    const Caffe__Tile *p = c->layer->tile_param;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    if (c->b->status == CARINA_OK && (!p || p->tiles < 1))
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "tiles is missing or not above 0");
    if (c->b->status != CARINA_OK)
        return;
    const CarinaShape times =
        ca_build_along(ca_build_axis(c->b, p->axis, x.rank), x.rank, p->tiles);
    c->out[0] =
        ca_build_2(c->b, "Tile", c->in[0], ca_build_vector(c->b, times.dims, x.rank));
}

/* The second bottom's size, from an offset on, in the axes from `axis` on. */
static void crop(CaCaffeCall *c)
{
    static const Caffe__Crop none = CAFFE__CROP__INIT;
    const Caffe__Crop *p = c->layer->crop_param ? c->layer->crop_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]),
                      like = ca_build_static_shape(c->b, c->in[1]);
    const int axis = ca_build_axis(c->b, p->axis, x.rank);
    int64_t begin[CARINA_MAX_RANK] = {0}, end[CARINA_MAX_RANK] = {0},
            whole[CARINA_MAX_RANK] = {0}, ones[CARINA_MAX_RANK];
    if (c->b->status == CARINA_OK &&
        (like.rank != x.rank ||
         (p->n_offset > 1 && p->n_offset != (size_t)(x.rank - axis))))
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "inputs of %d and %d dimensions with %zu offsets", x.rank,
                      like.rank, p->n_offset);
    if (c->b->status != CARINA_OK)
        return;
    for (int i = 0; i < x.rank; i++) {
        const int64_t offset =
            !p->n_offset ? 0 : p->offset[p->n_offset > 1 && i >= axis ? i - axis : 0];
        ones[i] = 1;
        whole[i] = i < axis;
        begin[i] = i < axis ? 0 : offset;
        end[i] = i < axis ? 0 : offset + like.dims[i];
        if (end[i] > x.dims[i])
            ca_build_fail(c->b, CARINA_ERR_SHAPE,
                          "offset %lld and size %lld do not fit dimension %d of %lld",
                          (long long)offset, (long long)like.dims[i], i,
                          (long long)x.dims[i]);
    }
    CaValue *const in[] = {c->in[0], ca_build_vector(c->b, begin, x.rank),
                           ca_build_vector(c->b, end, x.rank),
                           ca_build_vector(c->b, ones, x.rank)};
    c->out[0] = ca_build_make_at(c->b, "StridedSlice", 0, in, 4, 1);
    ca_build_set_ints(c->b, c->out[0], "begin_mask", whole, x.rank);
    ca_build_set_ints(c->b, c->out[0], "end_mask", whole, x.rank);
}

const CaCaffeOp ca_caffe_moves[] = {
    {"Dropout", same, 1, 1},       {"Split", same, 1, 1},
    {"EuclideanLoss", same, 1, 2}, {"Concat", concat, 1, CA_MAX_PORTS},
    {"Slice", slice, 1, 1},        {"Flatten", flatten, 1, 1},
    {"Reshape", reshape, 1, 1},    {"Tile", tile, 1, 1},
    {"Crop", crop, 2, 2},          {NULL, NULL, 0, 0},
};

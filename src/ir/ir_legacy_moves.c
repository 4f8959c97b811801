/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR versions 2 to 7: layers that move elements, and those that make shapes and numbers.
 */
#include "ir/ir_legacy.h"

#include <string.h>

static void same(CaLegacyCall *c)
{
    for (int i = 0; i < c->n_out; i++)
        c->out[i] = c->in[0];
}

static int axis_of(CaLegacyCall *c, const char *names, int64_t absent)
{
    const int rank = ca_build_rank(&c->b, c->in[0]);
    return ca_build_axis(&c->b, ca_legacy_int(c, names, -CARINA_MAX_RANK, absent), rank);
}

static void concat(CaLegacyCall *c)
{
    const int rank = ca_build_rank(&c->b, c->in[0]);
    const int axis = axis_of(c, "axis", rank > 1 ? 1 : 0);
    c->out[0] =
        c->n_in == 1 ? c->in[0] : ca_build_make(&c->b, "Concat", c->in, c->n_in, 1);
    if (c->n_in > 1)
        ca_build_set_int(&c->b, c->out[0], "axis", axis);
}

/* The stated shapes of the outputs are the lengths. */
static void split(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const int axis = axis_of(c, "axis", x.rank > 1 ? 1 : 0), n = c->n_out;
    int64_t *lengths = ca_arena_array(c->b.work, (size_t)n + 1, sizeof *lengths), sum = 0;
    bool is_even = true;
    if (!lengths)
        ca_build_fail(&c->b, CARINA_ERR_MEMORY, "out of memory");
    for (int i = 0; i < n && c->b.status == CARINA_OK; i++) {
        const CarinaShape s = ca_legacy_stated(c, i);
        lengths[i] = axis < s.rank ? s.dims[axis] : 1;
        is_even = is_even && lengths[i] == lengths[0];
        sum += lengths[i];
    }
    if (c->b.status == CARINA_OK && (n < 1 || sum != x.dims[axis]))
        ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                      "%d outputs have %lld together on axis %d, its input has %lld", n,
                      (long long)sum, axis, (long long)x.dims[axis]);
    if (c->b.status != CARINA_OK)
        return;
    CaValue *const in[] = {c->in[0], ca_build_scalar(&c->b, axis),
                           is_even ? NULL : ca_build_vector(&c->b, lengths, n)};
    CaValue *v =
        ca_build_make(&c->b, is_even ? "Split" : "VariadicSplit", in, is_even ? 2 : 3, n);
    if (is_even)
        ca_build_set_int(&c->b, v, "num_splits", n);
    for (int i = 0; v && i < n; i++)
        c->out[i] = v + i;
}

/* Only the axes [axis, axis + num_axes) are replaced; 0 copies the axis at the same place. */
static void reshape(CaLegacyCall *c)
{
    int64_t given[CARINA_MAX_RANK], dims[CARINA_MAX_RANK] = {0};
    const int rank = ca_build_rank(&c->b, c->in[0]);
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    const int n_new = ca_legacy_ints(c, "dim", given, CARINA_MAX_RANK);
    if (n_new < 0 && c->n_in > 1) {
        c->out[0] = ca_build_2(&c->b, "Reshape", c->in[0], ca_legacy_whole(c, c->in[1]));
        ca_build_set_text(&c->b, c->out[0], "special_zero", "true");
        return;
    }
    if (n_new < 0) { /* some files say it with the shape alone */
        const CarinaShape y = ca_legacy_stated(c, 0);
        c->out[0] = ca_build_reshape(&c->b, c->in[0], y.dims, y.rank);
        return;
    }
    int64_t from = ca_legacy_int(c, "axis", -CARINA_MAX_RANK, 0);
    const int64_t count = ca_legacy_int(c, "num_axes", -1, -1);
    from = from < 0 ? from + rank + 1 : from;
    const int64_t to = count == -1 ? rank : from + count;
    if (c->b.status == CARINA_OK && (from < 0 || from > rank || to > rank ||
                                     from + n_new + rank - to > CARINA_MAX_RANK))
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "axis %lld, num_axes %lld and %d dimensions do not fit an input of "
                      "%d dimensions",
                      (long long)from, (long long)count, n_new, rank);
    if (c->b.status != CARINA_OK)
        return;
    int n = (int)from;
    for (int i = 0; i < n_new; i++)
        dims[n++] = given[i];
    for (int i = (int)to; i < rank; i++)
        dims[n++] = x.dims[i];
    c->out[0] = ca_build_reshape_0(&c->b, c->in[0], dims, n);
}

/* Without an axis files mean 1 or 0: the rank of the output tells. */
static void flatten(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]),
                      y = ca_legacy_stated(c, 0);
    const int from = axis_of(c, "axis", y.rank == 1 ? 0 : 1),
              to = axis_of(c, "end_axis", -1);
    int64_t dims[CARINA_MAX_RANK] = {0};
    int n = from;
    if (c->b.status == CARINA_OK && to < from)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "end_axis %d lies before axis %d", to,
                      from);
    if (c->b.status != CARINA_OK)
        return;
    dims[n++] = -1;
    for (int i = to + 1; i < x.rank; i++)
        dims[n++] = x.dims[i];
    c->out[0] = ca_build_reshape_0(&c->b, c->in[0], dims, n);
}

static void permute(CaLegacyCall *c)
{
    int64_t order[CARINA_MAX_RANK];
    const int n = ca_legacy_ints(c, "order", order, CARINA_MAX_RANK);
    if (n < 0)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "attribute order is missing");
    c->out[0] =
        ca_build_2(&c->b, "Transpose", c->in[0], ca_build_vector(&c->b, order, n));
}

static void squeeze(CaLegacyCall *c)
{
    c->out[0] = c->n_in > 1
                    ? ca_build_2(&c->b, c->b.type, c->in[0], ca_legacy_whole(c, c->in[1]))
                    : ca_build_1(&c->b, c->b.type, c->in[0]);
}

/* --- Crop: axes, where each begins, and how long it is: by dim, by what is cut at the end, or like an input. */

typedef struct Cut {
    int64_t axis, begin, length;
} Cut;

static int crop_children(CaLegacyCall *c, Cut *cuts)
{
    int n = 0;
    for (const xmlNode *x = ca_xml_child(c->data, "crop"); x;
         x = ca_xml_next(x, "crop")) {
        Cut *cut = &cuts[n];
        if (n++ == CARINA_MAX_RANK || !ca_ir_number(x, "axis", &cut->axis) ||
            !ca_ir_number(x, "offset", &cut->begin) ||
            !ca_ir_number(x, "dim", &cut->length)) {
            ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                          "crop %d has no numbers for axis, offset and dim", n - 1);
            return 0;
        }
    }
    return n;
}

static int crop_lists(CaLegacyCall *c, Cut *cuts, const CarinaShape *x)
{
    int64_t axes[CARINA_MAX_RANK], begins[CARINA_MAX_RANK] = {0}, dims[CARINA_MAX_RANK],
                                   ends[CARINA_MAX_RANK];
    const CarinaShape y = ca_legacy_stated(c, 0);
    const int n = ca_legacy_ints(c, "axis", axes, CARINA_MAX_RANK);
    const int n_begins = ca_legacy_ints(c, "offset|crop_begin", begins, CARINA_MAX_RANK);
    const int n_dims = ca_legacy_ints(c, "dim", dims, CARINA_MAX_RANK);
    const int n_ends = ca_legacy_ints(c, "crop_end", ends, CARINA_MAX_RANK);
    if (c->b.status == CARINA_OK &&
        (n < 0 || n_begins != n || (n_dims >= 0 && n_dims != n) ||
         (n_ends >= 0 && n_ends != n)))
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "axis, offset and dim are lists of %d, %d and %d numbers",
                      n < 0 ? 0 : n, n_begins < 0 ? 0 : n_begins,
                      n_dims < 0 ? n_ends < 0 ? 0 : n_ends : n_dims);
    for (int i = 0; i < n && c->b.status == CARINA_OK; i++) {
        const int at = ca_build_axis(&c->b, axes[i], x->rank);
        cuts[i] = (Cut){at, begins[i],
                        n_dims >= 0   ? dims[i]
                        : n_ends >= 0 ? x->dims[at] - begins[i] - ends[i]
                        : at < y.rank ? y.dims[at]
                                      : 0};
    }
    return n;
}

static void crop(CaLegacyCall *c)
{
    const CarinaShape x = ca_build_static_shape(&c->b, c->in[0]);
    int64_t begin[CARINA_MAX_RANK] = {0}, end[CARINA_MAX_RANK] = {0},
            whole[CARINA_MAX_RANK];
    Cut cuts[CARINA_MAX_RANK + 1];
    int n = crop_children(c, cuts);
    if (!n && c->b.status == CARINA_OK)
        n = crop_lists(c, cuts, &x);
    for (int i = 0; i < x.rank; i++)
        whole[i] = 1;
    for (int i = 0; i < n && c->b.status == CARINA_OK; i++) {
        const int at = ca_build_axis(&c->b, cuts[i].axis, x.rank);
        if (c->b.status == CARINA_OK &&
            (cuts[i].begin < 0 || cuts[i].begin >= x.dims[at] || cuts[i].length < 1 ||
             cuts[i].length > x.dims[at] - cuts[i].begin))
            ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                          "%lld elements from %lld on do not lie in the %lld of axis %d",
                          (long long)cuts[i].length, (long long)cuts[i].begin,
                          (long long)x.dims[at], at);
        begin[at] = cuts[i].begin;
        end[at] = cuts[i].begin + cuts[i].length;
        whole[at] = 0;
    }
    CaValue *const in[] = {c->in[0], ca_build_vector(&c->b, begin, x.rank),
                           ca_build_vector(&c->b, end, x.rank)};
    c->out[0] = ca_build_make(&c->b, "StridedSlice", in, 3, 1);
    ca_build_set_ints(&c->b, c->out[0], "begin_mask", whole, x.rank);
    ca_build_set_ints(&c->b, c->out[0], "end_mask", whole, x.rank);
}

/* A mask says which numbers count here, which do not in the operator set. */
static void turned_mask(CaLegacyCall *c, CaValue *v, const char *name)
{
    int64_t mask[CARINA_MAX_RANK];
    const int n = ca_legacy_ints(c, name, mask, CARINA_MAX_RANK);
    for (int i = 0; i < n; i++)
        mask[i] = mask[i] == 0;
    ca_build_set_ints(&c->b, v, name, mask, n < 0 ? 0 : n);
}

static void strided_slice(CaLegacyCall *c)
{
    CaValue *in[4] = {c->in[0], NULL, NULL, NULL};
    for (int i = 1; i < c->n_in; i++)
        in[i] = ca_legacy_whole(c, c->in[i]);
    c->out[0] = ca_build_make(&c->b, "StridedSlice", in, c->n_in, 1);
    turned_mask(c, c->out[0], "begin_mask");
    turned_mask(c, c->out[0], "end_mask");
    ca_legacy_copy(c, c->out[0], "new_axis_mask,shrink_axis_mask,ellipsis_mask");
}

static void tile(CaLegacyCall *c)
{
    const int rank = ca_build_rank(&c->b, c->in[0]);
    const int axis = axis_of(c, "axis", -1);
    const CarinaShape times =
        ca_build_along(axis, rank, ca_legacy_need_int(c, "tiles", 1));
    c->out[0] =
        ca_build_2(&c->b, "Tile", c->in[0], ca_build_vector(&c->b, times.dims, rank));
}

static void pad(CaLegacyCall *c)
{
    int64_t begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
    const char *mode = ca_legacy_text(c, "pad_mode");
    const int n = ca_legacy_ints(c, "pads_begin", begin, CARINA_MAX_RANK),
              m = ca_legacy_ints(c, "pads_end", end, CARINA_MAX_RANK);
    const bool is_constant = !mode || ca_text_equal_nocase(mode, "constant");
    if (n < 0 || m < 0)
        ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                      "attribute pads_begin or pads_end is missing");
    if (c->b.status != CARINA_OK)
        return;
    CaValue *const in[] = {
        c->in[0], ca_build_vector(&c->b, begin, n), ca_build_vector(&c->b, end, m),
        is_constant ? ca_build_number(&c->b, c->in[0], ca_legacy_real(c, "pad_value", 0))
                    : NULL};
    c->out[0] = ca_build_make_at(&c->b, "Pad", 1, in, is_constant ? 4 : 3, 1);
    ca_build_set_text(&c->b, c->out[0], "pad_mode", mode ? mode : "constant");
}

static void gather(CaLegacyCall *c)
{
    const int64_t axis = ca_legacy_int(c, "axis", -CARINA_MAX_RANK, 0);
    CaValue *const in[] = {c->in[0], ca_legacy_whole(c, c->in[1]),
                           ca_build_scalar(&c->b, axis)};
    c->out[0] = ca_build_make_at(&c->b, "Gather", 1, in, 3, 1);
}

static void convert(CaLegacyCall *c)
{
    const char *to = ca_legacy_text(c, "precision|destination_type");
    if (!to && c->n_out)
        to = ca_xml_attr(c->l->out_ports[0], "precision");
    if (!to) {
        ca_build_fail(&c->b, CARINA_ERR_FORMAT, "attribute precision is missing");
        return;
    }
    c->out[0] = ca_build_convert(&c->b, c->in[0],
                                 ca_legacy_work_type(ca_legacy_precision(c, to)));
}

static void scatter_update(CaLegacyCall *c)
{
    const int64_t axis = ca_legacy_int(c, "axis", -CARINA_MAX_RANK, 0);
    CaValue *const in[] = {c->in[0], ca_legacy_whole(c, c->in[1]), c->in[2],
                           ca_build_scalar(&c->b, axis)};
    c->out[0] = ca_build_make_at(&c->b, "ScatterUpdate", 3, in, 4, 1);
}

static void shape_of(CaLegacyCall *c)
{
    c->out[0] = ca_build_make_at(&c->b, "ShapeOf", 3, c->in, 1, 1);
    ca_build_set_text(&c->b, c->out[0], "output_type", "i32");
}

static void broadcast(CaLegacyCall *c)
{
    CaValue *const in[] = {c->in[0], ca_legacy_whole(c, c->in[1])};
    c->out[0] = ca_build_make_at(&c->b, "Broadcast", 1, in, 2, 1);
}

static void fill(CaLegacyCall *c)
{
    CaValue *const in[] = {ca_build_to_scalar(&c->b, c->in[1]),
                           ca_legacy_whole(c, c->in[0])};
    c->out[0] = ca_build_make_at(&c->b, "Broadcast", 1, in, 2, 1);
}

static void range(CaLegacyCall *c)
{
    CaValue *in[3];
    for (int i = 0; i < 3; i++)
        in[i] = ca_build_to_scalar(
            &c->b, ca_build_convert(&c->b, c->in[i], ca_build_type(&c->b, c->in[0])));
    c->out[0] = ca_build_make_at(&c->b, "Range", 1, in, 3, 1);
}

static void blocks(CaLegacyCall *c)
{
    c->out[0] = ca_build_1(&c->b, c->b.type, c->in[0]);
    ca_build_set_int(&c->b, c->out[0], "block_size",
                     ca_legacy_int(c, "block_size", 1, 1));
    ca_build_set_text(&c->b, c->out[0], "mode", "blocks_first");
}

static void shuffle_channels(CaLegacyCall *c)
{
    c->out[0] = ca_build_1(&c->b, "ShuffleChannels", c->in[0]);
    ca_legacy_copy(c, c->out[0], "axis,group");
}

static void reverse_sequence(CaLegacyCall *c)
{
    c->out[0] =
        ca_build_2(&c->b, "ReverseSequence", c->in[0], ca_legacy_whole(c, c->in[1]));
    ca_legacy_copy(c, c->out[0], "batch_axis,seq_axis");
}

static void one_hot(CaLegacyCall *c)
{
    CaValue *const in[] = {
        ca_legacy_whole(c, c->in[0]),
        ca_build_scalar(&c->b, ca_legacy_need_int(c, "depth", 1)),
        ca_build_number(&c->b, NULL, ca_legacy_real(c, "on_value", 1)),
        ca_build_number(&c->b, NULL, ca_legacy_real(c, "off_value", 0))};
    c->out[0] = ca_build_make_at(&c->b, "OneHot", 1, in, 4, 1);
    ca_build_set_int(&c->b, c->out[0], "axis",
                     ca_legacy_int(c, "axis", -CARINA_MAX_RANK, -1));
}

/* --- The largest. */

static CaValue *top_k(CaLegacyCall *c, CaValue *x, int axis, CaValue *k, const char *mode,
                      const char *sort)
{
    CaValue *const in[] = {x, k};
    CaValue *v = ca_build_make_at(&c->b, "TopK", 3, in, 2, 2);
    ca_build_set_int(&c->b, v, "axis", axis);
    ca_build_set_text(&c->b, v, "mode", mode ? mode : "max");
    ca_build_set_text(&c->b, v, "sort", sort ? sort : "value");
    return ca_build_settle(&c->b) ? v : NULL;
}

static void top_k_layer(CaLegacyCall *c)
{
    CaValue *k = ca_build_to_scalar(&c->b, ca_legacy_whole(c, c->in[1]));
    CaValue *v = top_k(c, c->in[0], axis_of(c, "axis", -1), k, ca_legacy_text(c, "mode"),
                       ca_legacy_text(c, "sort"));
    for (int i = 0; v && i < c->n_out && i < 2; i++)
        c->out[i] = v + i;
}

/* Without an axis: of each sample as a whole, [N, 1 or 2, k]. */
static void arg_max(CaLegacyCall *c)
{
    const int64_t flat[] = {0, -1}, k = ca_legacy_int(c, "top_k", 1, 1);
    const bool has_axis = ca_legacy_text(c, "axis") != NULL,
               wants_values = ca_legacy_flag(c, "out_max_val", false);
    const int axis = has_axis ? axis_of(c, "axis", 1) : 1;
    CaValue *from = has_axis ? c->in[0] : ca_build_reshape_0(&c->b, c->in[0], flat, 2);
    CaValue *v = top_k(c, from, axis, ca_build_scalar(&c->b, k), "max", "value");
    if (!v)
        return;
    CaValue *at = ca_build_convert(&c->b, v + 1, CARINA_F32);
    if (has_axis) {
        c->out[0] = wants_values ? v : at;
        return;
    }
    const int64_t front[] = {1};
    CaValue *const both[] = {
        ca_build_2(&c->b, "Unsqueeze", at, ca_build_vector(&c->b, front, 1)),
        wants_values ? ca_build_2(&c->b, "Unsqueeze", v, ca_build_vector(&c->b, front, 1))
                     : NULL};
    c->out[0] = both[0];
    if (wants_values) {
        c->out[0] = ca_build_make(&c->b, "Concat", both, 2, 1);
        ca_build_set_int(&c->b, c->out[0], "axis", 1);
    }
}

const CaLegacyOp ca_legacy_moves[] = {
    {"Copy", same, 1, 1},
    {"Reorder", same, 1, 1},
    {"Dropout", same, 1, 1},
    {"Identity", same, 1, 1},
    {"Concat", concat, 1, CA_MAX_PORTS},
    {"Split", split, 1, 1},
    {"Slice", split, 1, 1},
    {"Reshape", reshape, 1, 2},
    {"Flatten", flatten, 1, 1},
    {"Permute", permute, 1, 1},
    {"Squeeze", squeeze, 1, 2},
    {"Unsqueeze", squeeze, 2, 2},
    {"Crop", crop, 1, 2},
    {"StridedSlice", strided_slice, 3, 4},
    {"Tile", tile, 1, 1},
    {"Pad", pad, 1, 1},
    {"Convert", convert, 1, 1},
    {"Gather", gather, 2, 2},
    {"ScatterUpdate", scatter_update, 3, 3},
    {"Shape", shape_of, 1, 1},
    {"ShapeOf", shape_of, 1, 1},
    {"Broadcast", broadcast, 2, 2},
    {"Fill", fill, 2, 2},
    {"Range", range, 3, 3},
    {"DepthToSpace", blocks, 1, 1},
    {"SpaceToDepth", blocks, 1, 1},
    {"ShuffleChannels", shuffle_channels, 1, 1},
    {"ReverseSequence", reverse_sequence, 2, 2},
    {"OneHot", one_hot, 1, 1},
    {"TopK", top_k_layer, 2, 2},
    {"ArgMax", arg_max, 1, 1},
    {NULL, NULL, 0, 0},
};

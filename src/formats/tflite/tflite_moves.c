/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: shapes, and what moves elements about without looking at them.
 */
#include "formats/tflite/tflite_reader.h"

#include <string.h>

enum { SPEC_MOST = 2 * CARINA_MAX_RANK };

/* --- Shapes. */

static void reshape(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    int64_t dims[CARINA_MAX_RANK];
    CaValue *x = ca_tflite_in(c, 0), *to = ca_tflite_opt(c, 1);
    int n = to ? ca_build_known_ints(b, to, dims, CARINA_MAX_RANK) : -1;
    if (!to) {
        const CaFlatVector v = ca_tflite_opt_ints(c, "new_shape");
        for (n = 0; n < (int)v.n && n < CARINA_MAX_RANK; n++)
            dims[n] = ca_flat_i32(&c->r->flat, &v, (uint32_t)n);
        if (v.n > CARINA_MAX_RANK)
            ca_build_fail(b, CARINA_ERR_LIMIT, "reshapes to %u dimensions; Carina has %d",
                          v.n, CARINA_MAX_RANK);
    }
    if (n >= 0) {
        ca_tflite_out(c, 0, ca_build_reshape(b, x, dims, n));
    } else {
        CaValue *v = ca_build_2(b, "Reshape", x, to);
        ca_build_set_text(b, v, "special_zero", "false");
        ca_tflite_out(c, 0, v);
    }
}

static void squeeze(CaTfliteCall *c)
{
    int64_t axes[CARINA_MAX_RANK];
    CaValue *x = ca_tflite_in(c, 0);
    const CaFlatVector v = ca_tflite_opt_ints(c, "dims");
    if (v.n > CARINA_MAX_RANK)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "squeezes %u dimensions", v.n);
    for (uint32_t i = 0; i < v.n && i < CARINA_MAX_RANK; i++)
        axes[i] = ca_flat_i32(&c->r->flat, &v, i);
    ca_tflite_out(
        c, 0,
        v.n ? ca_build_2(c->b, "Squeeze", x, ca_build_vector(c->b, axes, (int)v.n))
            : ca_build_1(c->b, "Squeeze", x));
}

static void expand_dims(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    const int axis = ca_tflite_axis(c, 1, ca_build_rank(c->b, x) + 1);
    ca_tflite_out(c, 0, ca_tflite_unsqueeze(c, x, axis));
}

static void transpose(CaTfliteCall *c)
{
    ca_tflite_out(c, 0,
                  ca_build_2(c->b, "Transpose", ca_tflite_in(c, 0), ca_tflite_in(c, 1)));
}

static void shape(CaTfliteCall *c)
{
    ca_tflite_out(
        c, 0,
        ca_tflite_shape_of(c, ca_tflite_in(c, 0),
                           ca_tflite_type((int32_t)ca_tflite_opt_int(c, "out_type"))));
}

static CaValue *whole_number(CaTfliteCall *c, int64_t v)
{
    return ca_build_convert(c->b, ca_build_scalar(c->b, v), CARINA_I32);
}

static void rank_of(CaTfliteCall *c)
{
    ca_tflite_out(c, 0, whole_number(c, ca_build_rank(c->b, ca_tflite_in(c, 0))));
}

static void zeros_like(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    ca_tflite_out(c, 0,
                  ca_build_2(c->b, "Broadcast", ca_build_number(c->b, x, 0),
                             ca_tflite_shape_of(c, x, CARINA_I64)));
}

static void fill(CaTfliteCall *c)
{
    ca_tflite_out(c, 0,
                  ca_build_2(c->b, "Broadcast",
                             ca_build_to_scalar(c->b, ca_tflite_in(c, 1)),
                             ca_tflite_in(c, 0)));
}

static void broadcast_to(CaTfliteCall *c)
{
    CaValue *v = ca_build_2(c->b, "Broadcast", ca_tflite_in(c, 0), ca_tflite_in(c, 1));
    ca_build_set_text(c->b, v, "mode", "bidirectional");
    ca_tflite_out(c, 0, v);
}

/* The shape that two shapes broadcast to. */
static void broadcast_args(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *v[2] = {ca_tflite_in(c, 0), ca_tflite_in(c, 1)};
    CarinaShape s[2] = {ca_build_static_shape(b, v[0]), ca_build_static_shape(b, v[1])};
    if (b->status != CARINA_OK || s[0].rank != 1 || s[1].rank != 1 ||
        s[0].dims[0] > CARINA_MAX_RANK || s[1].dims[0] > CARINA_MAX_RANK) {
        ca_build_fail(b, CARINA_ERR_SHAPE, "its inputs are no shapes");
        return;
    }
    const int small = s[0].dims[0] < s[1].dims[0] ? 0 : 1;
    const int64_t missing = s[1 - small].dims[0] - s[small].dims[0];
    if (missing > 0) {
        CaValue *ones = ca_build_2(b, "Broadcast", ca_build_number(b, v[small], 1),
                                   ca_build_vector(b, &missing, 1));
        v[small] = ca_tflite_concat(c, (CaValue *const[]){ones, v[small]}, 2, 0);
    }
    /* the other where one is 1: also where it is 0 */
    CaValue *is_one = ca_build_2(b, "Equal", v[0], ca_build_number(b, v[0], 1));
    ca_tflite_out(c, 0, ca_build_3(b, "Select", is_one, v[1], v[0]));
}

static void range(CaTfliteCall *c)
{
    CaValue *const in[] = {ca_build_to_scalar(c->b, ca_tflite_in(c, 0)),
                           ca_build_to_scalar(c->b, ca_tflite_in(c, 1)),
                           ca_build_to_scalar(c->b, ca_tflite_in(c, 2))};
    const CarinaType type = ca_build_type(c->b, in[0]);
    CaValue *v = ca_build_make(c->b, "Range", in, 3, 1);
    ca_build_set_text(c->b, v, "output_type", carina_type_name(type));
    ca_tflite_out(c, 0, v);
}

/* --- Joining and dividing. */

/* All inputs; NULL after a failure. */
static CaValue **all_inputs(CaTfliteCall *c)
{
    CaValue **in = ca_arena_array(c->b->work, (size_t)ca_tflite_n_in(c) + 1, sizeof *in);
    if (!in)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    if (ca_tflite_n_in(c) < 1)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "no inputs; the file is damaged");
    for (int i = 0; i < ca_tflite_n_in(c) && c->b->status == CARINA_OK; i++)
        in[i] = ca_tflite_in(c, i);
    return c->b->status == CARINA_OK ? in : NULL;
}

static void concatenation(CaTfliteCall *c)
{
    CaValue **in = all_inputs(c);
    if (in)
        ca_tflite_out(c, 0,
                      ca_tflite_act(c, ca_tflite_concat(c, in, ca_tflite_n_in(c),
                                                        ca_tflite_opt_int(c, "axis"))));
}

static void pack(CaTfliteCall *c)
{
    CaValue **in = all_inputs(c);
    if (!in)
        return;
    const int axis =
        ca_build_axis(c->b, ca_tflite_opt_int(c, "axis"), ca_build_rank(c->b, in[0]) + 1);
    for (int i = 0; i < ca_tflite_n_in(c); i++)
        in[i] = ca_tflite_unsqueeze(c, in[i], axis);
    ca_tflite_out(c, 0, ca_tflite_concat(c, in, ca_tflite_n_in(c), axis));
}

static CaValue *divided(CaTfliteCall *c, CaValue *x, int axis, int n)
{
    if (n < 1)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "no outputs; the file is damaged");
    CaValue *v =
        c->b->status == CARINA_OK
            ? ca_build_make(c->b, "Split",
                            (CaValue *const[]){x, ca_build_scalar(c->b, axis)}, 2, n)
            : NULL;
    ca_build_set_int(c->b, v, "num_splits", n);
    return v;
}

static void unpack(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0);
    const int n = ca_tflite_n_out(c);
    const int axis =
        ca_build_axis(c->b, ca_tflite_opt_int(c, "axis"), ca_build_rank(c->b, x));
    CaValue *v = divided(c, x, axis, n);
    for (int i = 0; v && i < n; i++)
        ca_tflite_out(c, i, ca_tflite_squeeze(c, v + i, axis));
}

static void split(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 1);
    const int n = ca_tflite_n_out(c), axis = ca_tflite_axis(c, 0, ca_build_rank(c->b, x));
    CaValue *v = divided(c, x, axis, n);
    for (int i = 0; v && i < n; i++)
        ca_tflite_out(c, i, v + i);
}

static void split_v(CaTfliteCall *c)
{
    CaValue *x = ca_tflite_in(c, 0), *sizes = ca_tflite_in(c, 1);
    const int n = ca_tflite_n_out(c), axis = ca_tflite_axis(c, 2, ca_build_rank(c->b, x));
    CaValue *const in[] = {x, ca_build_scalar(c->b, axis), sizes};
    if (n < 1)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "no outputs; the file is damaged");
    CaValue *v = ca_build_make(c->b, "VariadicSplit", in, 3, n);
    for (int i = 0; v && i < n; i++)
        ca_tflite_out(c, i, v + i);
}

static void tile(CaTfliteCall *c)
{
    ca_tflite_out(c, 0, ca_build_2(c->b, "Tile", ca_tflite_in(c, 0), ca_tflite_in(c, 1)));
}

/* --- Slices. */

/* begin and size, where -1 is all that remains. */
static void slice(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    int64_t begin[CARINA_MAX_RANK], size[CARINA_MAX_RANK], ones[CARINA_MAX_RANK];
    CaValue *x = ca_tflite_in(c, 0), *from = ca_tflite_in(c, 1),
            *many = ca_tflite_in(c, 2);
    const int rank = ca_build_rank(b, x);
    const int n_begin = ca_build_known_ints(b, from, begin, CARINA_MAX_RANK),
              n_size = ca_build_known_ints(b, many, size, CARINA_MAX_RANK);
    CaValue *to;
    if ((n_begin >= 0 && n_begin != rank) || (n_size >= 0 && n_size != rank))
        ca_build_fail(b, CARINA_ERR_SHAPE, "%d starts and %d sizes for %d dimensions",
                      n_begin, n_size, rank);
    for (int i = 0; i < rank; i++)
        ones[i] = 1;
    if (b->status != CARINA_OK)
        return;
    if (n_begin == rank && n_size == rank) {
        for (int i = 0; i < rank; i++) {
            if (size[i] < -1 || begin[i] < 0 || size[i] > INT32_MAX ||
                begin[i] > INT32_MAX)
                ca_build_fail(b, CARINA_ERR_FORMAT, "starts at %lld with size %lld",
                              (long long)begin[i], (long long)size[i]);
            size[i] = size[i] < 0 ? INT64_MAX : begin[i] + size[i];
        }
        from = ca_build_vector(b, begin, rank);
        to = ca_build_vector(b, size, rank);
    } else {
        CaValue *end = ca_build_2(b, "Add", from, many);
        CaValue *rest = ca_build_2(b, "Less", many, ca_build_number(b, many, 0));
        to = ca_build_3(b, "Select", rest, ca_build_number(b, many, INT32_MAX), end);
        from = ca_build_convert(b, from, CARINA_I64);
        to = ca_build_convert(b, to, CARINA_I64);
    }
    CaValue *const in[] = {x, from, to, ca_build_vector(b, ones, rank),
                           ca_build_iota(b, 0, rank)};
    ca_tflite_out(c, 0, ca_build_make(b, "Slice", in, 5, 1));
}

static void set_mask(CaTfliteCall *c, CaValue *v, const char *ours, const char *field,
                     int n)
{
    int64_t bits[SPEC_MOST];
    const int64_t mask = ca_tflite_opt_int(c, field);
    for (int i = 0; i < n; i++)
        bits[i] = mask >> i & 1;
    ca_build_set_ints(c->b, v, ours, bits, n);
}

static void strided_slice(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *in[4];
    for (int i = 0; i < 4; i++)
        in[i] = ca_tflite_in(c, i);
    const CarinaShape s = ca_build_shape(b, in[1]);
    const int n =
        s.rank == 1 && s.dims[0] >= 0 && s.dims[0] <= SPEC_MOST ? (int)s.dims[0] : -1;
    if (n < 0)
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "how many axes it cuts is not known; give the model's input shape");
    if (ca_tflite_opt_int(c, "offset"))
        in[2] = ca_build_2(b, "Add", in[1], in[2]);
    for (int i = 1; i < 4; i++)
        in[i] = ca_build_convert(b, in[i], CARINA_I64);
    CaValue *v = ca_build_make(b, "StridedSlice", in, 4, 1);
    if (b->status != CARINA_OK)
        return;
    set_mask(c, v, "begin_mask", "begin_mask", n);
    set_mask(c, v, "end_mask", "end_mask", n);
    set_mask(c, v, "new_axis_mask", "new_axis_mask", n);
    set_mask(c, v, "shrink_axis_mask", "shrink_axis_mask", n);
    set_mask(c, v, "ellipsis_mask", "ellipsis_mask", n);
    ca_tflite_out(c, 0, v);
}

/* An update written over x from start on; starts that would leave x are moved inside, as XLA does. */
static void dynamic_update_slice(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    int64_t start[CARINA_MAX_RANK], pads[2 * CARINA_MAX_RANK];
    CaValue *x = ca_tflite_in(c, 0), *update = ca_tflite_in(c, 1);
    const CarinaShape s = ca_build_static_shape(b, x),
                      u = ca_build_static_shape(b, update);
    const int n = ca_tflite_ints(c, 2, start, CARINA_MAX_RANK);
    if (b->status == CARINA_OK && (n != s.rank || u.rank != s.rank))
        ca_build_fail(b, CARINA_ERR_SHAPE, "%d starts for %d dimensions", n, s.rank);
    for (int i = 0; i < n && b->status == CARINA_OK; i++) {
        const int64_t last = s.dims[i] - u.dims[i];
        if (last < 0)
            ca_build_fail(b, CARINA_ERR_SHAPE, "the update is larger than its target");
        pads[i] = start[i] < 0 ? 0 : start[i] > last ? last : start[i];
        pads[n + i] = last - pads[i];
    }
    if (b->status != CARINA_OK)
        return;
    CaValue *ones = ca_build_2(b, "Broadcast", ca_build_number(b, NULL, 1),
                               ca_build_vector(b, u.dims, n));
    CaValue *where = ca_build_convert(
        b, ca_tflite_padded(c, ones, pads, n, "constant", NULL), CARINA_BOOL);
    ca_tflite_out(c, 0,
                  ca_build_3(b, "Select", where,
                             ca_tflite_padded(c, update, pads, n, "constant", NULL), x));
}

/* --- Padding. */

/* paddings [n, 2] as n begins and n ends. */
static int read_pads(CaTfliteCall *c, int64_t *pads, int rank)
{
    int64_t pairs[2 * CARINA_MAX_RANK];
    const int n = ca_tflite_ints(c, 1, pairs, 2 * CARINA_MAX_RANK);
    if (c->b->status == CARINA_OK && n != 2 * rank)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "%d pads for %d dimensions; it needs two each", n, rank);
    for (int i = 0; i < rank && n == 2 * rank; i++) {
        pads[i] = pairs[2 * i];
        pads[rank + i] = pairs[2 * i + 1];
    }
    return n;
}

static void pad(CaTfliteCall *c)
{
    int64_t pads[2 * CARINA_MAX_RANK] = {0};
    CaValue *x = ca_tflite_in(c, 0), *value = ca_tflite_opt(c, 2);
    const int rank = ca_build_rank(c->b, x);
    read_pads(c, pads, rank);
    if (value)
        value = ca_build_to_scalar(c->b, value);
    ca_tflite_out(c, 0, ca_tflite_padded(c, x, pads, rank, "constant", value));
}

static void mirror_pad(CaTfliteCall *c)
{
    int64_t pads[2 * CARINA_MAX_RANK] = {0};
    CaValue *x = ca_tflite_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    read_pads(c, pads, rank);
    ca_tflite_out(c, 0,
                  ca_tflite_padded(c, x, pads, rank,
                                   ca_tflite_opt_int(c, "mode") ? "symmetric" : "reflect",
                                   NULL));
}

/* --- Blocks. */

static void depth_to_space(CaTfliteCall *c)
{
    CaValue *v =
        ca_build_1(c->b, c->op->ours, ca_build_channels_first(c->b, ca_tflite_in(c, 0)));
    ca_build_set_text(c->b, v, "mode", "blocks_first");
    ca_build_set_int(c->b, v, "block_size", ca_tflite_opt_int(c, "block"));
    ca_tflite_out_last(c, 0, v);
}

typedef struct Blocks {
    int n, rank; /* dimensions in blocks, of all */
    int64_t block[CARINA_MAX_RANK], edges[2 * CARINA_MAX_RANK];
    CarinaShape shape;
} Blocks;

/* [N, spatial ..., rest ...], block and pads or crops known. */
static Blocks read_blocks(CaTfliteCall *c, CaValue *x)
{
    Blocks z = {.rank = ca_build_rank(c->b, x), .shape = ca_build_shape(c->b, x)};
    int64_t pairs[2 * CARINA_MAX_RANK];
    for (int i = 1; i < z.rank; i++)
        if (z.shape.dims[i] < 0)
            ca_build_fail(
                c->b, CARINA_ERR_SHAPE,
                "its input's sizes are not known; give the model's input shape");
    z.n = ca_tflite_ints(c, 1, z.block, CARINA_MAX_RANK);
    const int n = ca_tflite_ints(c, 2, pairs, 2 * CARINA_MAX_RANK);
    if (c->b->status == CARINA_OK &&
        (n != 2 * z.n || z.n >= z.rank || z.rank + z.n > CARINA_MAX_RANK))
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "%d blocks and %d edges do not fit an input of %d dimensions", z.n,
                      n, z.rank);
    for (int i = 0; i < z.n && c->b->status == CARINA_OK; i++) {
        z.edges[i + 1] = pairs[2 * i];
        z.edges[z.rank + i + 1] = pairs[2 * i + 1];
        if (z.block[i] < 1 || z.block[i] > INT32_MAX || pairs[2 * i] < 0 ||
            pairs[2 * i + 1] < 0 || pairs[2 * i] > INT32_MAX ||
            pairs[2 * i + 1] > INT32_MAX)
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "block %lld with edges %lld and %lld",
                          (long long)z.block[i], (long long)pairs[2 * i],
                          (long long)pairs[2 * i + 1]);
    }
    return z;
}

/* Pad, then [N, S/b, b, ...] to [b, ..., N, S/b, ...]. */
static void space_to_batch_nd(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tflite_in(c, 0);
    const Blocks z = read_blocks(c, x);
    int64_t dims[CARINA_MAX_RANK], out[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK], n = 0, at = 0;
    if (b->status != CARINA_OK)
        return;
    CaValue *v = ca_tflite_padded(c, x, z.edges, z.rank, "constant", NULL);
    const CarinaShape s = ca_build_shape(b, v);
    out[0] = dims[n++] = -1;
    for (int i = 1; i < z.rank; i++) {
        const int64_t block = i <= z.n ? z.block[i - 1] : 1;
        out[i] = s.dims[i] / block;
        dims[n++] = s.dims[i] / block;
        if (i <= z.n)
            dims[n++] = block;
    }
    for (int i = 0; i < z.n; i++)
        perm[at++] = 2 + 2 * i;
    perm[at++] = 0;
    for (int i = 0; i < z.n; i++)
        perm[at++] = 1 + 2 * i;
    for (int i = 1 + 2 * z.n; i < n; i++)
        perm[at++] = i;
    v = ca_build_transpose(b, ca_build_reshape(b, v, dims, n), perm, n);
    ca_tflite_out(c, 0, ca_build_reshape(b, v, out, z.rank));
}

/* [b..., N, S, ...] to [N, S * b, ...], then cropped. */
static void batch_to_space_nd(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    CaValue *x = ca_tflite_in(c, 0);
    const Blocks z = read_blocks(c, x);
    int64_t dims[CARINA_MAX_RANK], out[CARINA_MAX_RANK], crops[2 * CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK], n = 0, at = 0;
    if (b->status != CARINA_OK)
        return;
    for (int i = 0; i < z.n; i++)
        dims[n++] = z.block[i];
    dims[n++] = -1;
    for (int i = 1; i < z.rank; i++)
        dims[n++] = z.shape.dims[i];
    perm[at++] = z.n;
    for (int i = 0; i < z.n; i++) {
        perm[at++] = z.n + 1 + i;
        perm[at++] = i;
    }
    for (int i = 2 * z.n + 1; i < n; i++)
        perm[at++] = i;
    out[0] = -1;
    for (int i = 1; i < z.rank; i++)
        out[i] = z.shape.dims[i] * (i <= z.n ? z.block[i - 1] : 1);
    for (int i = 0; i < 2 * z.rank; i++)
        crops[i] = -z.edges[i];
    CaValue *v = ca_build_transpose(b, ca_build_reshape(b, x, dims, n), perm, n);
    v = ca_build_reshape(b, v, out, z.rank);
    ca_tflite_out(c, 0, ca_tflite_padded(c, v, crops, z.rank, "constant", NULL));
}

/* --- Turning round. */

static void reverse_v2(CaTfliteCall *c)
{
    CaValue *v = ca_build_make_at(
        c->b, "Reverse", 1, (CaValue *const[]){ca_tflite_in(c, 0), ca_tflite_in(c, 1)}, 2,
        1);
    ca_build_set_text(c->b, v, "mode", "index");
    ca_tflite_out(c, 0, v);
}

static void reverse_sequence(CaTfliteCall *c)
{
    CaValue *v =
        ca_build_2(c->b, "ReverseSequence", ca_tflite_in(c, 0), ca_tflite_in(c, 1));
    ca_build_set_int(c->b, v, "seq_axis", ca_tflite_opt_int(c, "seq_dim"));
    ca_build_set_int(c->b, v, "batch_axis", ca_tflite_opt_int(c, "batch_dim"));
    ca_tflite_out(c, 0, v);
}

const CaTfliteOp ca_tflite_moves[] = {
    {"BATCH_TO_SPACE_ND", batch_to_space_nd, NULL, true},
    {"BROADCAST_ARGS", broadcast_args, NULL, true},
    {"BROADCAST_TO", broadcast_to, NULL, true},
    {"CONCATENATION", concatenation, NULL, true},
    {"DEPTH_TO_SPACE", depth_to_space, "DepthToSpace", true},
    {"DYNAMIC_UPDATE_SLICE", dynamic_update_slice, NULL, true},
    {"EXPAND_DIMS", expand_dims, NULL, true},
    {"FILL", fill, NULL, true},
    {"MIRROR_PAD", mirror_pad, NULL, true},
    {"PACK", pack, NULL, true},
    {"PAD", pad, NULL, true},
    {"PADV2", pad, NULL, true},
    {"RANGE", range, NULL, false},
    {"RANK", rank_of, NULL, false},
    {"RESHAPE", reshape, NULL, true},
    {"REVERSE_SEQUENCE", reverse_sequence, NULL, true},
    {"REVERSE_V2", reverse_v2, NULL, true},
    {"SHAPE", shape, NULL, false},
    {"SLICE", slice, NULL, true},
    {"SPACE_TO_BATCH_ND", space_to_batch_nd, NULL, true},
    {"SPACE_TO_DEPTH", depth_to_space, "SpaceToDepth", true},
    {"SPLIT", split, NULL, true},
    {"SPLIT_V", split_v, NULL, true},
    {"SQUEEZE", squeeze, NULL, true},
    {"STRIDED_SLICE", strided_slice, NULL, true},
    {"TILE", tile, NULL, true},
    {"TRANSPOSE", transpose, NULL, true},
    {"UNPACK", unpack, NULL, true},
    {"ZEROS_LIKE", zeros_like, NULL, false},
    {NULL, NULL, NULL, false},
};

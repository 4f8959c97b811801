/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MXNet: shapes, and what moves elements about.
 */
#include "formats/mxnet/mxnet_reader.h"

#include <string.h>

static const int64_t far = INT32_MAX;
/* Elements of an index that is written into the graph. */
enum { MAX_INDEX = 1 << 20 };

/* --- Reshape, whose list of dimensions is a small language:
 * 0 copies, -1 infers, -2 copies all that is left, -3 joins two, -4 splits one into the two numbers that follow. */

typedef struct Shaper {
    const CarinaShape *in; /* dynamic dimensions are negative */
    int64_t codes[2 * CARINA_MAX_RANK];
    int n_codes, at; /* at: the next dimension of in */
    int64_t out[CARINA_MAX_RANK];
    bool joins_batch[CARINA_MAX_RANK], is_copy[CARINA_MAX_RANK];
    int n_out;
    const char *problem;
} Shaper;

static int64_t next_in(Shaper *s)
{
    if (s->at < s->in->rank)
        return s->in->dims[s->at++];
    s->problem = "copies a dimension that its input does not have";
    return 1;
}

static void put(Shaper *s, int64_t dim, bool is_copy, bool joins_batch)
{
    if (s->n_out == CARINA_MAX_RANK) {
        s->problem = "has too many dimensions";
        return;
    }
    s->is_copy[s->n_out] = is_copy && s->at - 1 == s->n_out;
    s->joins_batch[s->n_out] = joins_batch;
    s->out[s->n_out++] = dim;
}

/* -4, a, b: one of them may be -1. */
static void put_split(Shaper *s, int i)
{
    const int64_t whole = next_in(s);
    int64_t a = s->codes[i + 1], b = s->codes[i + 2];
    if (whole >= 0 && a == -1 && b > 0)
        a = whole / b;
    if (whole >= 0 && b == -1 && a > 0)
        b = whole / a;
    if ((a < 1 && a != -1) || (b < 1 && b != -1))
        s->problem = "splits a dimension into no numbers";
    put(s, a, false, false);
    put(s, b, false, false);
}

static void put_joined(Shaper *s)
{
    const bool has_batch = s->at == 0;
    const int64_t a = next_in(s), b = next_in(s);
    const bool known = a >= 0 && b >= 0 && a <= INT32_MAX && b <= INT32_MAX;
    put(s, known ? a * b : -1, false, has_batch);
}

static void shape_by_codes(Shaper *s)
{
    for (int i = 0; i < s->n_codes && !s->problem; i++) {
        const int64_t code = s->codes[i];
        if (code > 0 || code == -1) {
            s->at++; /* stands where a dimension of the input stood */
            put(s, code, false, false);
        } else if (code == 0) {
            put(s, next_in(s), true, false);
        } else if (code == -2) {
            while (s->at < s->in->rank)
                put(s, next_in(s), true, false);
        } else if (code == -3) {
            put_joined(s);
        } else if (code == -4 && i + 2 < s->n_codes) {
            put_split(s, i);
            i += 2;
        } else {
            s->problem = "has a number that means nothing";
        }
    }
}

static void reverse_list(int64_t *v, int n)
{
    for (int i = 0; i < n / 2; i++) {
        const int64_t t = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = t;
    }
}

/* At most one -1; copies become 0, so that another batch needs no other graph. */
static void finish_shape(Shaper *s, bool reversed)
{
    int n_open = 0;
    for (int i = 0; i < s->n_out; i++) {
        if (s->is_copy[i] && !reversed)
            s->out[i] = 0;
        n_open += s->out[i] < 0;
    }
    for (int i = 0; i < s->n_out && n_open == 0; i++)
        if (s->joins_batch[i] && !reversed) {
            s->out[i] = -1;
            n_open = 1;
        }
    if (n_open > 1)
        s->problem = "leaves more than one dimension open; give the model's input shape";
    if (reversed)
        reverse_list(s->out, s->n_out);
}

/* The NumPy operator numbers the same words otherwise. */
static int64_t npx_code(int64_t code)
{
    static const int64_t words[] = {-1, 0, -7, -2, -3, -4};
    return code < 0 && code >= -6 ? words[-code - 1] : code > 0 ? code : -7;
}

static void reshape(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const bool npx = strcmp(c->node->op, "_npx_reshape") == 0;
    const bool reversed = ca_mxnet_flag(c, "reverse", false);
    CarinaShape in = ca_build_shape(b, x);
    Shaper s = {.in = &in};
    const char *key = ca_mxnet_attr(c->node, "newshape") ? "newshape" : "shape";
    s.n_codes = ca_mxnet_list(c, key, s.codes, 2 * CARINA_MAX_RANK);
    if (s.n_codes <= 0) { /* of before 0.9: 0 infers */
        s.n_codes = ca_mxnet_list(c, "target_shape", s.codes, 2 * CARINA_MAX_RANK);
        for (int i = 0; i < s.n_codes; i++)
            s.codes[i] = s.codes[i] == 0 ? -1 : s.codes[i];
        if (s.n_codes > 0 && ca_mxnet_flag(c, "keep_highest", false))
            s.codes[0] = 0;
    }
    for (int i = 0; npx && i < s.n_codes; i++)
        s.codes[i] = npx_code(s.codes[i]);
    ca_build_rank(b, x);
    if (b->status != CARINA_OK)
        return;
    if (s.n_codes < 0)
        s.problem = "is missing; the file is damaged";
    if (reversed) {
        reverse_list(in.dims, in.rank);
        reverse_list(s.codes, s.n_codes < 0 ? 0 : s.n_codes);
    }
    shape_by_codes(&s);
    finish_shape(&s, reversed);
    if (s.problem)
        ca_build_fail(b, CARINA_ERR_SHAPE, "shape %.60s %s",
                      ca_mxnet_text(c, key, "(none)"), s.problem);
    else
        ca_mxnet_out(c, ca_build_reshape_0(b, x, s.out, s.n_out));
}

/* NumPy's own: -1 infers, no other words. */
static void numpy_reshape(CaMxnetCall *c)
{
    int64_t dims[CARINA_MAX_RANK];
    CaValue *x = ca_mxnet_in(c, 0);
    const int n = ca_mxnet_list(c, "newshape", dims, CARINA_MAX_RANK);
    for (int i = 0; i < n; i++)
        if (dims[i] < -1)
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "newshape has %lld",
                          (long long)dims[i]);
    ca_mxnet_out(c, ca_build_reshape(c->b, x, dims, n < 0 ? 0 : n));
}

static void reshape_like(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    static const char *const ranges[] = {"lhs_begin", "lhs_end", "rhs_begin", "rhs_end"};
    for (int i = 0; i < 4; i++)
        if (ca_mxnet_attr(c->node, ranges[i]))
            ca_build_fail(b, CARINA_ERR_UNSUPPORTED,
                          "%s, which Carina does not have; reshape all dimensions",
                          ranges[i]);
    CaValue *v = ca_build_2(b, "Reshape", x, ca_mxnet_shape_of(b, ca_mxnet_in(c, 1)));
    ca_build_set_text(b, v, "special_zero", "false");
    ca_mxnet_out(c, v);
}

static void flatten(CaMxnetCall *c)
{
    ca_mxnet_out(c, ca_build_flatten(c->b, ca_mxnet_in(c, 0), 1));
}

/* --- The order of dimensions, dimensions of 1. */

static void transpose(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    int64_t axes[CARINA_MAX_RANK];
    int perm[CARINA_MAX_RANK];
    const int n = ca_mxnet_list(c, "axes", axes, CARINA_MAX_RANK),
              rank = ca_build_rank(b, x);
    if (n > 0 && n != rank)
        ca_build_fail(b, CARINA_ERR_SHAPE, "%d axes for %d dimensions", n, rank);
    for (int i = 0; b->status == CARINA_OK && i < rank; i++) {
        perm[i] = n > 0 ? ca_build_axis(b, axes[i], rank) : rank - 1 - i;
        for (int k = 0; k < i; k++)
            if (perm[k] == perm[i])
                ca_build_fail(b, CARINA_ERR_FORMAT, "axes name %d twice", perm[i]);
    }
    if (b->status == CARINA_OK)
        ca_mxnet_out(c, ca_build_transpose(b, x, perm, rank));
}

static void swap_axes(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const int rank = ca_build_rank(b, x);
    const int first = ca_build_axis(b, ca_mxnet_int(c, "dim1", 0), rank);
    const int second = ca_build_axis(b, ca_mxnet_int(c, "dim2", 0), rank);
    ca_mxnet_out(c, ca_mxnet_transposed(b, x, first, second));
}

static void expand_dims(CaMxnetCall *c)
{
    const int64_t axis = ca_mxnet_int(c, "axis", 0);
    ca_mxnet_out(c, ca_build_2(c->b, "Unsqueeze", ca_mxnet_in(c, 0),
                               ca_build_vector(c->b, &axis, 1)));
}

static void squeeze(CaMxnetCall *c)
{
    int64_t axes[CARINA_MAX_RANK];
    CaValue *x = ca_mxnet_in(c, 0);
    const int n = ca_mxnet_list(c, "axis", axes, CARINA_MAX_RANK);
    ca_mxnet_out(c, n > 0 ? ca_build_2(c->b, "Squeeze", x, ca_build_vector(c->b, axes, n))
                          : ca_build_1(c->b, "Squeeze", x));
}

/* --- Joining and cutting. */

static CaValue *concat(CaMxnetCall *c, CaValue *const *v, int n, int64_t axis)
{
    CaValue *out = ca_build_make(c->b, "Concat", v, n, 1);
    ca_build_set_int(c->b, out, "axis", axis);
    return out;
}

static CaValue **all_inputs(CaMxnetCall *c)
{
    CaValue **v = ca_arena_array(c->b->work, (size_t)c->n_in + 1, sizeof(CaValue *));
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    if (c->n_in < 1)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "it has no inputs; the file is damaged");
    for (int i = 0; v && i < c->n_in; i++)
        v[i] = ca_mxnet_in(c, i);
    return c->b->status == CARINA_OK ? v : NULL;
}

static void concatenate(CaMxnetCall *c)
{
    CaValue **v = all_inputs(c);
    const bool by_axis = ca_mxnet_attr(c->node, "axis") != NULL;
    if (v)
        ca_mxnet_out(c,
                     concat(c, v, c->n_in, ca_mxnet_int(c, by_axis ? "axis" : "dim", 1)));
}

/* Gluon's weights of a recurrent network, each flat, become RNN's vector. */
static void rnn_concat(CaMxnetCall *c)
{
    CaValue **v = all_inputs(c);
    if (v)
        ca_mxnet_out(c, concat(c, v, c->n_in, ca_mxnet_int(c, "dim", 0)));
}

static void stack(CaMxnetCall *c)
{
    const int64_t axis = ca_mxnet_int(c, "axis", 0);
    CaValue **v = all_inputs(c);
    for (int i = 0; v && i < c->n_in; i++)
        v[i] = ca_build_2(c->b, "Unsqueeze", v[i], ca_build_vector(c->b, &axis, 1));
    if (v)
        ca_mxnet_out(c, concat(c, v, c->n_in, axis));
}

/* All parts, without their axis where that is asked and they are 1 there. */
static void parts_out(CaMxnetCall *c, CaValue *parts, int n, int64_t axis, bool squeezed)
{
    CaValue **v = ca_arena_array(c->b->work, (size_t)n, sizeof(CaValue *));
    if (!ca_build_settle(c->b) || !parts || !v)
        return;
    for (int i = 0; i < n; i++)
        v[i] = squeezed ? ca_build_2(c->b, "Squeeze", parts + i,
                                     ca_build_vector(c->b, &axis, 1))
                        : parts + i;
    ca_mxnet_outs(c, v, n);
}

static void split_evenly(CaMxnetCall *c, int64_t n, int64_t axis, bool squeezed)
{
    CaBuild *const b = c->b;
    CaValue *const in[] = {ca_mxnet_in(c, 0), ca_build_scalar(b, axis)};
    const CarinaShape s = ca_build_shape(b, in[0]);
    int at = 0;
    if (n < 1 || n > CA_MAX_PORTS ||
        (s.rank >= 0 && ca_axis(axis, s.rank, &at) && s.dims[at] >= 0 &&
         (s.dims[at] % n != 0 || n > s.dims[at]))) {
        ca_build_fail(b, CARINA_ERR_SHAPE, "its input does not divide into %lld parts",
                      (long long)n);
        return;
    }
    CaValue *v = ca_build_make(b, "Split", in, 2, (int)n);
    ca_build_set_int(b, v, "num_splits", n);
    parts_out(c, v, (int)n, axis, squeezed);
}

static void slice_channel(CaMxnetCall *c)
{
    split_evenly(c, ca_mxnet_int(c, "num_outputs", 0), ca_mxnet_int(c, "axis", 1),
                 ca_mxnet_flag(c, "squeeze_axis", false));
}

/* Where the parts begin, the first (0) included. */
static void split_v2(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    enum { MOST = 4096 };
    int64_t *begins = ca_arena_array(b->work, MOST + 1, sizeof *begins);
    const int64_t axis = ca_mxnet_int(c, "axis", 1), n = ca_mxnet_int(c, "sections", 0);
    const bool squeezed = ca_mxnet_flag(c, "squeeze_axis", false);
    if (n > 0) {
        split_evenly(c, n, axis, squeezed);
        return;
    }
    const int n_begins = begins ? ca_mxnet_list(c, "indices", begins, MOST) : 0;
    if (n_begins < 1 || begins[0] != 0)
        ca_build_fail(b, CARINA_ERR_FORMAT, "indices do not begin with 0");
    if (b->status != CARINA_OK)
        return;
    for (int i = 0; i + 1 < n_begins; i++)
        begins[i] = begins[i + 1] - begins[i];
    begins[n_begins - 1] = -1;
    CaValue *const in[] = {ca_mxnet_in(c, 0), ca_build_scalar(b, axis),
                           ca_build_vector(b, begins, n_begins)};
    parts_out(c, ca_build_make(b, "VariadicSplit", in, 3, n_begins), n_begins, axis,
              squeezed);
}

static CaValue *cut(CaBuild *b, CaValue *v, const int64_t *begin, const int64_t *end,
                    const int64_t *step, const int64_t *axes, int n)
{
    CaValue *const in[] = {v, ca_build_vector(b, begin, n), ca_build_vector(b, end, n),
                           ca_build_vector(b, step, n), ca_build_vector(b, axes, n)};
    return ca_build_make(b, "Slice", in, 5, 1);
}

static void slice(CaMxnetCall *c)
{
    int64_t begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK], step[CARINA_MAX_RANK],
        axes[CARINA_MAX_RANK];
    CaValue *x = ca_mxnet_in(c, 0);
    const int n = ca_mxnet_list(c, "begin", begin, CARINA_MAX_RANK);
    const int n_end = ca_mxnet_list(c, "end", end, CARINA_MAX_RANK);
    const int n_step = ca_mxnet_list(c, "step", step, CARINA_MAX_RANK);
    if (n < 1 || n != n_end || (n_step > 0 && n_step != n))
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "begin, end and step do not fit each other");
    for (int i = 0; c->b->status == CARINA_OK && i < n; i++) {
        axes[i] = i;
        if (n_step <= 0 || step[i] == INT64_MIN)
            step[i] = 1;
        if (begin[i] == INT64_MIN)
            begin[i] = step[i] < 0 ? far : 0;
        if (end[i] == INT64_MIN)
            end[i] = step[i] < 0 ? -far : far;
    }
    if (c->b->status == CARINA_OK)
        ca_mxnet_out(c, cut(c->b, x, begin, end, step, axes, n));
}

static void slice_axis(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    const int64_t end = ca_mxnet_int(c, "end", far);
    ca_mxnet_out(c, ca_mxnet_slice(c->b, x, ca_mxnet_int(c, "axis", 0),
                                   ca_mxnet_int(c, "begin", 0),
                                   end == INT64_MIN ? far : end));
}

/* The shape of the other input, at these axes. */
static CaValue *lengths_of(CaBuild *b, CaValue *like, const int64_t *axes, int n)
{
    return ca_build_3(b, "Gather", ca_mxnet_shape_of(b, like),
                      ca_build_vector(b, axes, n), ca_build_scalar(b, 0));
}

static CaValue *cut_like(CaBuild *b, CaValue *x, CaValue *like, const int64_t *axes,
                         int n, const int64_t *offset)
{
    int64_t ones[CARINA_MAX_RANK];
    bool shifted = false;
    for (int i = 0; i < n; i++) {
        ones[i] = 1;
        shifted = shifted || offset[i] != 0;
    }
    CaValue *begin = ca_build_vector(b, offset, n), *end = lengths_of(b, like, axes, n);
    if (shifted)
        end = ca_build_2(b, "Add", end, begin);
    CaValue *const in[] = {x, begin, end, ca_build_vector(b, ones, n),
                           ca_build_vector(b, axes, n)};
    return ca_build_make(b, "Slice", in, 5, 1);
}

static void slice_like(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    int64_t axes[CARINA_MAX_RANK];
    static const int64_t zeros[CARINA_MAX_RANK] = {0};
    CaValue *x = ca_mxnet_in(c, 0);
    int n = ca_mxnet_list(c, "axes", axes, CARINA_MAX_RANK);
    const int rank = ca_build_rank(b, x);
    for (int i = 0; i < n; i++)
        axes[i] = ca_build_axis(b, axes[i], rank);
    if (n <= 0)
        for (n = 0; n < rank; n++)
            axes[n] = n;
    ca_mxnet_out(c, cut_like(b, x, ca_mxnet_in(c, 1), axes, n, zeros));
}

/* Height and width: given, or those of a second input; from an offset, or out of the middle. */
static void crop(CaMxnetCall *c)
{
    static const int64_t axes[] = {2, 3}, ones[] = {1, 1};
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0), *like = ca_mxnet_opt(c, 1);
    int64_t offset[2] = {0, 0}, size[2] = {0, 0}, end[2];
    ca_mxnet_list(c, "offset", offset, 2);
    ca_mxnet_list(c, "h_w", size, 2);
    if (ca_mxnet_flag(c, "center_crop", false)) {
        const CarinaShape s = ca_build_static_shape(b, x),
                          t = like ? ca_build_static_shape(b, like) : s;
        for (int i = 0; i < 2 && s.rank == 4 && t.rank == 4; i++) {
            size[i] = like ? t.dims[2 + i] : size[i];
            offset[i] = (s.dims[2 + i] - size[i]) / 2;
        }
    }
    for (int i = 0; i < 2; i++) {
        if (offset[i] < 0 || offset[i] > far || size[i] < 0 || size[i] > far)
            ca_build_fail(b, CARINA_ERR_SHAPE, "offset %lld and size %lld fit no image",
                          (long long)offset[i], (long long)size[i]);
        end[i] = offset[i] + size[i];
    }
    if (b->status == CARINA_OK)
        ca_mxnet_out(c, like ? cut_like(b, x, like, axes, 2, offset)
                             : cut(b, x, offset, end, ones, axes, 2));
}

static void reverse(CaMxnetCall *c)
{
    int64_t axes[CARINA_MAX_RANK], begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK],
        step[CARINA_MAX_RANK];
    CaValue *x = ca_mxnet_in(c, 0);
    const int n = ca_mxnet_list(c, "axis", axes, CARINA_MAX_RANK);
    for (int i = 0; i < n; i++) {
        begin[i] = far;
        end[i] = -far;
        step[i] = -1;
    }
    ca_mxnet_out(c, n > 0 ? cut(c->b, x, begin, end, step, axes, n) : x);
}

/* --- Repeating and padding. */

static void repeat(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const int64_t n = ca_mxnet_int(c, "repeats", 1), all = -1;
    const bool flat = ca_mxnet_attr(c->node, "axis") == NULL;
    if (flat)
        x = ca_build_reshape(b, x, &all, 1);
    const CarinaShape s = ca_build_static_shape(b, x);
    const int axis = ca_build_axis(b, ca_mxnet_int(c, "axis", 0), s.rank);
    if (b->status != CARINA_OK)
        return;
    const int64_t length = s.dims[axis];
    if (n < 1 || n > MAX_INDEX || length > MAX_INDEX / n) {
        ca_build_fail(b, CARINA_ERR_LIMIT, "%lld repetitions of %lld; Carina reads %d",
                      (long long)n, (long long)length, MAX_INDEX);
        return;
    }
    int64_t *index = ca_arena_array(b->work, (size_t)(n * length) + 1, sizeof *index);
    if (!index) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int64_t i = 0; i < n * length; i++)
        index[i] = i / n;
    ca_mxnet_out(c,
                 ca_build_3(b, "Gather", x, ca_build_vector(b, index, (int)(n * length)),
                            ca_build_scalar(b, axis)));
}

static void tile(CaMxnetCall *c)
{
    int64_t reps[CARINA_MAX_RANK];
    CaValue *x = ca_mxnet_in(c, 0);
    const int n = ca_mxnet_list(c, "reps", reps, CARINA_MAX_RANK);
    ca_mxnet_out(c,
                 n > 0 ? ca_build_2(c->b, "Tile", x, ca_build_vector(c->b, reps, n)) : x);
}

static void pad(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    int64_t pads[2 * CARINA_MAX_RANK], begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
    const int rank = ca_build_rank(b, x),
              n = ca_mxnet_list(c, "pad_width", pads, 2 * CARINA_MAX_RANK);
    const char *mode = ca_mxnet_text(c, "mode", "constant");
    if (b->status == CARINA_OK && n != 2 * rank)
        ca_build_fail(b, CARINA_ERR_SHAPE, "pad_width has %d numbers, needs %d", n,
                      2 * rank);
    if (strcmp(mode, "maximum") == 0 || strcmp(mode, "minimum") == 0)
        ca_build_fail(
            b, CARINA_ERR_UNSUPPORTED,
            "mode %s, which Carina does not have; use constant, edge or reflect", mode);
    if (b->status != CARINA_OK)
        return;
    for (int i = 0; i < rank; i++) {
        begin[i] = pads[2 * i];
        end[i] = pads[2 * i + 1];
    }
    const double value = ca_mxnet_real(c, "constant_value", 0);
    CaValue *const in[] = {x, ca_build_vector(b, begin, rank),
                           ca_build_vector(b, end, rank), ca_build_number(b, x, value)};
    CaValue *v = ca_build_make(b, "Pad", in, 4, 1);
    ca_build_set_text(b, v, "pad_mode", mode);
    ca_mxnet_out(c, v);
}

/* --- Broadcasting: 1 in the target keeps what the input has. */

static CaValue *broadcast(CaBuild *b, CaValue *v, CaValue *target)
{
    CaValue *out = ca_build_2(b, "Broadcast", v, target);
    ca_build_set_text(b, out, "mode", "bidirectional");
    return out;
}

static void broadcast_to(CaMxnetCall *c)
{
    int64_t dims[CARINA_MAX_RANK];
    CaValue *x = ca_mxnet_in(c, 0);
    const int n = ca_mxnet_list(c, "shape", dims, CARINA_MAX_RANK);
    for (int i = 0; i < n; i++)
        dims[i] = dims[i] == 0 ? 1 : dims[i];
    ca_mxnet_out(c, n > 0 ? broadcast(c->b, x, ca_build_vector(c->b, dims, n)) : x);
}

static void broadcast_axis(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    int64_t axes[CARINA_MAX_RANK], sizes[CARINA_MAX_RANK], dims[CARINA_MAX_RANK];
    CaValue *x = ca_mxnet_in(c, 0);
    const int n = ca_mxnet_list(c, "axis", axes, CARINA_MAX_RANK),
              n_sizes = ca_mxnet_list(c, "size", sizes, CARINA_MAX_RANK);
    const int rank = ca_build_rank(b, x);
    if (n != n_sizes)
        ca_build_fail(b, CARINA_ERR_FORMAT, "%d axes but %d sizes", n, n_sizes);
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    for (int i = 0; i < n && b->status == CARINA_OK; i++)
        dims[ca_build_axis(b, axes[i], rank)] = sizes[i];
    ca_mxnet_out(c, broadcast(b, x, ca_build_vector(b, dims, rank)));
}

static void broadcast_like(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0), *like = ca_mxnet_in(c, 1);
    if (ca_mxnet_attr(c->node, "lhs_axes") || ca_mxnet_attr(c->node, "rhs_axes"))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "lhs_axes, which Carina does not have; broadcast all dimensions");
    ca_mxnet_out(c, broadcast(c->b, x, ca_mxnet_shape_of(c->b, like)));
}

/* --- Blocks and sequences. */

static void blocks(CaMxnetCall *c)
{
    CaValue *v = ca_build_1(c->b, c->op->ours, ca_mxnet_in(c, 0));
    ca_build_set_text(c->b, v, "mode", "blocks_first");
    ca_build_set_int(c->b, v, "block_size", ca_mxnet_int(c, "block_size", 0));
    ca_mxnet_out(c, v);
}

static bool has_lengths(CaMxnetCall *c)
{
    return ca_mxnet_flag(c, "use_sequence_length", false);
}

static void sequence_reverse(CaMxnetCall *c)
{
    static const int64_t first = far, last = -far, back = -1, time = 0;
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    if (!has_lengths(c)) {
        ca_mxnet_out(c, cut(b, x, &first, &last, &back, &time, 1));
        return;
    }
    CaValue *v =
        ca_build_2(b, "ReverseSequence", x, ca_mxnet_index(b, ca_mxnet_in(c, 1)));
    ca_build_set_int(b, v, "batch_axis", 1);
    ca_build_set_int(b, v, "seq_axis", 0);
    ca_mxnet_out(c, v);
}

static void sequence_last(CaMxnetCall *c)
{
    CaValue *x = ca_mxnet_in(c, 0);
    if (has_lengths(c))
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "use_sequence_length, which Carina does not have; take the last step");
    ca_mxnet_out(c, ca_build_3(c->b, "Gather", x, ca_build_scalar(c->b, -1),
                               ca_build_scalar(c->b, ca_mxnet_int(c, "axis", 0))));
}

/* value where the step is at or past its sequence's length. */
static void sequence_mask(CaMxnetCall *c)
{
    CaBuild *const b = c->b;
    CaValue *x = ca_mxnet_in(c, 0);
    const int64_t axis = ca_mxnet_int(c, "axis", 0);
    if (!has_lengths(c)) {
        ca_mxnet_out(c, x);
        return;
    }
    const CarinaShape s = ca_build_static_shape(b, x);
    if (b->status == CARINA_OK &&
        (s.rank < 2 || axis < 0 || axis > 1 || s.dims[axis == 0 ? 0 : 1] > MAX_INDEX))
        ca_build_fail(b, CARINA_ERR_SHAPE, "axis %lld of %d dimensions", (long long)axis,
                      s.rank);
    if (b->status != CARINA_OK)
        return;
    int64_t *steps = ca_arena_array(b->work, (size_t)s.dims[axis] + 1, sizeof *steps);
    if (!steps) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    for (int64_t i = 0; i < s.dims[axis]; i++)
        steps[i] = i;
    CaValue *step = ca_build_vector(b, steps, (int)s.dims[axis]);
    CaValue *length = ca_build_convert(b, ca_mxnet_in(c, 1), CARINA_I64);
    CaValue *inside =
        ca_build_2(b, "Less", ca_build_per_channel(b, step, (int)axis, s.rank),
                   ca_build_per_channel(b, length, 1 - (int)axis, s.rank));
    ca_mxnet_out(c, ca_build_3(b, "Select", inside, x,
                               ca_build_number(b, x, ca_mxnet_real(c, "value", 0))));
}

const CaMxnetOp ca_mxnet_moves[] = {
    {"Concat", concatenate, NULL, 0},
    {"Crop", crop, NULL, 0},
    {"Flatten", flatten, NULL, 0},
    {"Pad", pad, NULL, 0},
    {"Reshape", reshape, NULL, 0},
    {"SequenceLast", sequence_last, NULL, 0},
    {"SequenceMask", sequence_mask, NULL, 0},
    {"SequenceReverse", sequence_reverse, NULL, 0},
    {"SliceChannel", slice_channel, NULL, 0},
    {"SwapAxis", swap_axes, NULL, 0},
    {"_np_repeat", repeat, NULL, 0},
    {"_np_reshape", numpy_reshape, NULL, 0},
    {"_np_squeeze", squeeze, NULL, 0},
    {"_np_transpose", transpose, NULL, 0},
    {"_npi_broadcast_to", broadcast_to, NULL, 0},
    {"_npi_concatenate", concatenate, NULL, 0},
    {"_npi_expand_dims", expand_dims, NULL, 0},
    {"_npi_flip", reverse, NULL, 0},
    {"_npi_pad", pad, NULL, 0},
    {"_npi_reshape", reshape, NULL, 0},
    {"_npi_rnn_param_concat", rnn_concat, NULL, 0},
    {"_npi_slice", slice, NULL, 0},
    {"_npi_split", split_v2, NULL, 0},
    {"_npi_stack", stack, NULL, 0},
    {"_npi_swapaxes", swap_axes, NULL, 0},
    {"_npi_tile", tile, NULL, 0},
    {"_npx_batch_flatten", flatten, NULL, 0},
    {"_npx_reshape", reshape, NULL, 0},
    {"_npx_reshape_like", reshape_like, NULL, 0},
    {"_npx_sequence_mask", sequence_mask, NULL, 0},
    {"_rnn_param_concat", rnn_concat, NULL, 0},
    {"_split_v2", split_v2, NULL, 0},
    {"broadcast_axes", broadcast_axis, NULL, 0},
    {"broadcast_axis", broadcast_axis, NULL, 0},
    {"broadcast_like", broadcast_like, NULL, 0},
    {"broadcast_to", broadcast_to, NULL, 0},
    {"concat", concatenate, NULL, 0},
    {"crop", slice, NULL, 0},
    {"depth_to_space", blocks, "DepthToSpace", 0},
    {"expand_dims", expand_dims, NULL, 0},
    {"flatten", flatten, NULL, 0},
    {"flip", reverse, NULL, 0},
    {"pad", pad, NULL, 0},
    {"repeat", repeat, NULL, 0},
    {"reshape", reshape, NULL, 0},
    {"reshape_like", reshape_like, NULL, 0},
    {"reverse", reverse, NULL, 0},
    {"slice", slice, NULL, 0},
    {"slice_axis", slice_axis, NULL, 0},
    {"slice_like", slice_like, NULL, 0},
    {"space_to_depth", blocks, "SpaceToDepth", 0},
    {"split", slice_channel, NULL, 0},
    {"squeeze", squeeze, NULL, 0},
    {"stack", stack, NULL, 0},
    {"swapaxes", swap_axes, NULL, 0},
    {"tile", tile, NULL, 0},
    {"transpose", transpose, NULL, 0},
    {NULL, NULL, NULL, 0},
};

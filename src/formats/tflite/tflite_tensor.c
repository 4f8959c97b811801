/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: constants. Bytes stay in the mapped file; 4-bit integers and sparse tensors are unpacked.
 */
#include "formats/tflite/tflite_reader.h"

#include <string.h>

/* A sparse tensor may unpack to so many times its stored elements, and a little more. */
enum { SPARSE_TIMES = 256, SPARSE_MORE = 1 << 16 };

enum { SPARSE_ORDER = 0, SPARSE_BLOCK_MAP, SPARSE_DIMS };
enum {
    DIM_FORMAT = 0,
    DIM_DENSE,
    DIM_SEGMENTS_TYPE,
    DIM_SEGMENTS,
    DIM_INDICES_TYPE,
    DIM_INDICES
};
enum { MAX_LEVELS = 2 * CARINA_MAX_RANK };

/* --- Sparse tensors. */

typedef struct Numbers { /* Int32Vector, Uint16Vector, Uint8Vector */
    CaFlatVector v;
    CaFlatKind kind;
    size_t size;
} Numbers;

typedef struct Level { /* one loop over the stored elements, outer to inner */
    bool is_dense;
    int64_t size; /* of a dense one */
    Numbers segments, indices;
    int dim;       /* of the tensor */
    bool is_inner; /* inside a block */
} Level;

typedef struct Sparse {
    CaFlat *f;
    const CaTfliteTensor *t;
    int n_levels;
    Level levels[MAX_LEVELS];
    int64_t block[CARINA_MAX_RANK], strides[CARINA_MAX_RANK];
    int64_t outer[CARINA_MAX_RANK], inner[CARINA_MAX_RANK]; /* where the loops are */
    const unsigned char *data;
    int64_t n, at; /* stored elements, and how many are placed */
    unsigned char *out;
    size_t elem;
} Sparse;

static Numbers numbers(CaFlat *f, const CaFlatTable *dim, int type_field)
{
    static const struct {
        CaFlatKind kind;
        size_t size;
    } kinds[] = {{CA_FLAT_I32, 4}, {CA_FLAT_U16, 2}, {CA_FLAT_U8, 1}};
    const int64_t type = ca_flat_int(f, dim, type_field, CA_FLAT_U8, 0);
    const CaFlatTable list = ca_flat_table(f, dim, type_field + 1);
    Numbers out = {{0}, CA_FLAT_U8, 1};
    if (type < 1 || type > 3)
        ca_flat_fail(f, dim->at, "a list of a sparse tensor is of kind %lld",
                     (long long)type);
    else
        out = (Numbers){ca_flat_vector(f, &list, 0, kinds[type - 1].size),
                        kinds[type - 1].kind, kinds[type - 1].size};
    return out;
}

static int64_t number(const Sparse *s, const Numbers *list, int64_t i)
{
    return ca_flat_at(s->f, &list->v, (uint32_t)i, list->kind, list->size);
}

static void read_level(Sparse *s, Level *l, const CaFlatTable *dim)
{
    CaFlat *f = s->f;
    l->is_dense = ca_flat_int(f, dim, DIM_FORMAT, CA_FLAT_I8, 0) == 0;
    l->size = ca_flat_int(f, dim, DIM_DENSE, CA_FLAT_I32, 0);
    if (l->is_dense)
        return;
    l->segments = numbers(f, dim, DIM_SEGMENTS_TYPE);
    l->indices = numbers(f, dim, DIM_INDICES_TYPE);
}

/* The loops, which dimension each is of, and the blocks' sizes. */
static bool read_levels(Sparse *s)
{
    CaFlat *f = s->f;
    const CaFlatTable *p = &s->t->sparsity;
    const int rank = s->t->shape.rank;
    const CaFlatVector order = ca_flat_vector(f, p, SPARSE_ORDER, 4),
                       map = ca_flat_vector(f, p, SPARSE_BLOCK_MAP, 4),
                       dims = ca_flat_vector(f, p, SPARSE_DIMS, 4);
    if (f->status == CARINA_OK &&
        (order.n > MAX_LEVELS || order.n != dims.n || order.n != map.n + (uint32_t)rank))
        ca_flat_fail(f, p->at,
                     "a sparse tensor of %d dimensions has %u loops and %u blocks", rank,
                     order.n, map.n);
    for (int i = 0; i < rank; i++)
        s->block[i] = 1;
    s->n_levels = f->status == CARINA_OK ? (int)order.n : 0;
    for (int i = 0; i < s->n_levels && f->status == CARINA_OK; i++) {
        const CaFlatTable dim = ca_flat_item(f, &dims, (uint32_t)i);
        const int32_t of = ca_flat_i32(f, &order, (uint32_t)i);
        Level *l = &s->levels[i];
        read_level(s, l, &dim);
        l->is_inner = of >= rank;
        const int32_t at = l->is_inner && of - rank < (int32_t)map.n
                               ? ca_flat_i32(f, &map, (uint32_t)(of - rank))
                               : of;
        if (at < 0 || at >= rank || (l->is_inner && l->size < 1))
            ca_flat_fail(f, p->at, "loop %d of a sparse tensor is over dimension %d", i,
                         of);
        l->dim = at < 0 || at >= rank ? 0 : at;
        if (l->is_inner)
            s->block[l->dim] = l->size;
    }
    return f->status == CARINA_OK;
}

static void place(Sparse *s)
{
    int64_t offset = 0;
    for (int d = 0; d < s->t->shape.rank; d++) {
        const int64_t at = s->outer[d] * s->block[d] + s->inner[d];
        if (at < 0 || at >= s->t->shape.dims[d]) {
            ca_flat_fail(s->f, s->t->sparsity.at,
                         "a sparse element lies outside its tensor");
            return;
        }
        offset += at * s->strides[d];
    }
    if (s->at >= s->n) {
        ca_flat_fail(s->f, s->t->sparsity.at, "a sparse tensor has only %lld elements",
                     (long long)s->n);
        return;
    }
    memcpy(s->out + (size_t)offset * s->elem, s->data + (size_t)s->at++ * s->elem,
           s->elem);
}

/* Level by level: prev is the place among the loops above. */
static void walk(Sparse *s, int level, int64_t prev)
{
    if (level == s->n_levels) {
        place(s);
        return;
    }
    const Level *l = &s->levels[level];
    int64_t from = 0, to = l->size;
    if (!l->is_dense) {
        if (prev + 1 >= l->segments.v.n) {
            ca_flat_fail(s->f, s->t->sparsity.at, "a sparse tensor's segments end early");
            return;
        }
        from = number(s, &l->segments, prev);
        to = number(s, &l->segments, prev + 1);
        if (from < 0 || to > l->indices.v.n)
            ca_flat_fail(s->f, s->t->sparsity.at,
                         "a sparse tensor's segment is outside its "
                         "indices");
    }
    if (l->is_dense && l->size > s->t->shape.dims[l->dim])
        ca_flat_fail(s->f, s->t->sparsity.at, "a sparse tensor's loop is too long");
    for (int64_t i = from; i < to && s->f->status == CARINA_OK; i++) {
        const int64_t at = l->is_dense ? i : number(s, &l->indices, i);
        if (l->is_inner)
            s->inner[l->dim] = at;
        else
            s->outer[l->dim] = at;
        walk(s, level + 1, l->is_dense ? prev * l->size + i : i);
    }
}

static CarinaTensor *unpack_sparse(CaTfliteCall *c, const CaTfliteTensor *t, size_t size)
{
    Sparse s = {.f = &c->r->flat, .t = t, .elem = (size_t)carina_type_bits(t->type) / 8};
    CarinaTensor *out = NULL;
    if (!s.elem || (size > SPARSE_MORE && size / SPARSE_TIMES > t->data_size)) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "sparse weight '%s' has %llu bytes and would have %zu; convert "
                      "without sparsity",
                      t->name, (unsigned long long)t->data_size, size);
        return NULL;
    }
    if (read_levels(&s) &&
        ca_build_ok(c->b, carina_tensor_create(&out, t->type, &t->shape, s.f->err))) {
        ca_ref_strides(&t->shape, s.strides);
        s.data = s.f->data + t->data;
        s.n = (int64_t)(t->data_size / s.elem);
        s.out = out->data;
        walk(&s, 0, 0);
    }
    if (s.f->status != CARINA_OK) {
        c->b->status = s.f->status;
        carina_tensor_free(&out);
    }
    return out;
}

/* --- Dense tensors. */

static CarinaTensor *wrong_size(CaTfliteCall *c, const CaTfliteTensor *t, size_t size)
{
    char shape[CA_SHAPE_TEXT];
    ca_build_fail(
        c->b, CARINA_ERR_FORMAT,
        "weight '%s' has %llu bytes of data but shape %s %s needs %zu; the file "
        "is damaged or was cut",
        t->name, (unsigned long long)t->data_size,
        ca_shape_text(shape, sizeof shape, &t->shape), ca_tflite_type_text(t->code),
        size);
    return NULL;
}

/* 4-bit integers become bytes: low half first. */
static CarinaTensor *unpack_nibbles(CaTfliteCall *c, const CaTfliteTensor *t, int64_t n)
{
    const bool is_signed = t->type == CARINA_I4;
    const unsigned char *data = c->r->flat.data + t->data;
    CarinaTensor *out = NULL;
    if (!ca_build_ok(c->b, carina_tensor_create(&out, is_signed ? CARINA_I8 : CARINA_U8,
                                                &t->shape, c->r->flat.err)))
        return NULL;
    for (int64_t i = 0; i < n; i++) {
        const unsigned v = (unsigned)data[i / 2] >> (i % 2 * 4) & 15u;
        ((unsigned char *)out->data)[i] =
            (unsigned char)(is_signed && v > 7 ? v | 0xf0u : v);
    }
    return out;
}

static CarinaTensor *slice(CaTfliteCall *c, const CaTfliteTensor *t, size_t size)
{
    CaBuffer *file = c->r->source->file;
    CarinaError *err = c->r->flat.err;
    const size_t align = (size_t)carina_type_bits(t->type) / 8;
    const unsigned char *data = c->r->flat.data + t->data;
    CarinaTensor *out = NULL;
    if (size > 0 &&
        ((uintptr_t)data % align == 0 || ca_tensor_may_lie_anywhere(t->type, size)))
        ca_build_ok(c->b, ca_tensor_of_buffer(&out, t->type, &t->shape, file,
                                              (size_t)t->data, err));
    else if (ca_build_ok(c->b, carina_tensor_create(&out, t->type, &t->shape, err)) &&
             size)
        memcpy(out->data, data, size);
    return out;
}

static CarinaTensor *read_tensor(CaTfliteCall *c, const CaTfliteTensor *t)
{
    int64_t n = 0;
    size_t size = 0;
    if (t->type == CARINA_UNKNOWN) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "tensor '%s' has element type %s, which Carina does not compute; "
                      "convert a model of numbers",
                      t->name, ca_tflite_type_text(t->code));
        return NULL;
    }
    if (!ca_shape_count(&t->shape, &n) || !ca_type_size(t->type, n, &size)) {
        ca_build_fail(c->b, CARINA_ERR_LIMIT,
                      "weight '%s' has more elements than memory can hold; the file is "
                      "damaged",
                      t->name);
        return NULL;
    }
    if (t->sparsity.at)
        return unpack_sparse(c, t, size);
    if (t->data_size != size)
        return wrong_size(c, t, size);
    return t->type == CARINA_I4 || t->type == CARINA_U4 ? unpack_nibbles(c, t, n)
                                                        : slice(c, t, size);
}

CaValue *ca_tflite_constant(CaTfliteCall *c, CaTfliteTensor *t)
{
    if (t->graph != c->b->graph) { /* a loop's body sees nothing of the graph around it */
        t->graph = c->b->graph;
        t->raw = t->real = NULL;
    }
    if (t->raw || !ca_build_settle(c->b))
        return t->raw;
    CarinaTensor *tensor = read_tensor(c, t);
    if (!tensor)
        return NULL;
    t->raw = ca_build_tensor(c->b, t->name, tensor);
    if (t->raw && !t->raw->name)
        ca_value_set_name(c->b->graph, t->raw, t->name);
    return t->raw;
}

/* --- Dequantised constants. */

/* Scales or zero points as floats that broadcast against the reordered and split tensor. */
static CaValue *parameters(CaTfliteCall *c, const CaTfliteTensor *t, const int *perm,
                           int64_t split, bool zeros)
{
    const CaFlatVector *v = zeros ? &t->zeros : &t->scales;
    const CaFlat *f = &c->r->flat;
    const int rank = t->shape.rank;
    int axis = t->axis;
    CarinaShape shape = ca_shape(0, NULL);
    double *list = ca_arena_array(c->b->work, (size_t)v->n + 1, sizeof *list);
    if (!list) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (uint32_t i = 0; i < v->n; i++)
        list[i] = zeros ? (double)ca_flat_at(f, v, i, CA_FLAT_I64, 8)
                        : (double)ca_flat_load_f32(f->data + v->at + (size_t)i * 4);
    if (v->n > 1) {
        for (int i = 0; perm && i < rank; i++)
            if (perm[i] == t->axis)
                axis = i;
        shape = ca_build_along(axis, rank, (int64_t)v->n);
        if (split > 0) {
            int64_t dims[CARINA_MAX_RANK + 1] = {axis == 0 ? split : 1};
            memcpy(dims + 1, shape.dims, (size_t)rank * sizeof dims[0]);
            dims[1] = shape.dims[0] / dims[0];
            shape = ca_shape(rank + 1, dims);
        }
    }
    return ca_build_reals(c->b, &shape, list);
}

static bool any_zero_point(const CaFlat *f, const CaTfliteTensor *t)
{
    for (uint32_t i = 0; i < t->zeros.n; i++)
        if (ca_flat_at(f, &t->zeros, i, CA_FLAT_I64, 8) != 0)
            return true;
    return false;
}

/* [a, ...] to [split, a / split, ...]. */
static CaValue *split_first(CaTfliteCall *c, CaValue *v, int64_t split)
{
    const CarinaShape s = ca_build_static_shape(c->b, v);
    int64_t dims[CARINA_MAX_RANK + 1] = {split};
    if (c->b->status != CARINA_OK)
        return NULL;
    if (s.rank < 1 || s.rank >= CARINA_MAX_RANK || s.dims[0] % split) {
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "weight does not divide into %lld groups",
                      (long long)split);
        return NULL;
    }
    memcpy(dims + 1, s.dims, (size_t)s.rank * sizeof dims[0]);
    dims[1] = s.dims[0] / split;
    return ca_build_reshape(c->b, v, dims, s.rank + 1);
}

CaValue *ca_tflite_dequantized(CaTfliteCall *c, CaTfliteTensor *t, const int *perm,
                               int64_t split)
{
    CaValue *v = ca_tflite_constant(c, t);
    if (t->blocks.at) {
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "weight '%s' has scales in blocks; convert with one scale a channel",
            t->name);
        return NULL;
    }
    if (perm)
        v = ca_build_transpose(c->b, v, perm, t->shape.rank);
    if (split > 0)
        v = split_first(c, v, split);
    if (c->b->status != CARINA_OK)
        return NULL;
    if (t->type == CARINA_F16 || t->type == CARINA_BF16)
        return ca_build_convert(c->b, v, CARINA_F32);
    if (!t->scales.n)
        return v;
    v = ca_build_convert(c->b, v, CARINA_F32);
    if (any_zero_point(&c->r->flat, t))
        v = ca_build_2(c->b, "Subtract", v, parameters(c, t, perm, split, true));
    return ca_build_2(c->b, "Multiply", v, parameters(c, t, perm, split, false));
}

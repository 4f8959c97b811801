/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Permuted tensors hold what the definition says, whatever their sizes, and share what does not move.
 */
#include "test.h"

#include "graph/op.h"
#include "graph/permute.h"

#include <string.h>

static uint32_t seed = 11;
static int noise(int n)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)n);
}

/* A permutation of rank numbers, each as likely as the others. */
static void shuffle(int *perm, int rank)
{
    for (int i = 0; i < rank; i++) {
        const int j = noise(i + 1);
        perm[i] = perm[j];
        perm[j] = i;
    }
}

/* Element by element: out[i0, i1, ...] is t at the index that has i_k in dimension perm[k]. */
static bool is_permuted(const CarinaTensor *out, const CarinaTensor *t, const int *perm)
{
    const size_t size = (size_t)carina_type_bits(t->type) / 8;
    int64_t strides[CARINA_MAX_RANK];
    ca_ref_strides(&t->shape, strides);
    for (int64_t i = 0; i < ca_tensor_count(out); i++) {
        int64_t left = i, at = 0;
        for (int d = out->shape.rank - 1; d >= 0; left /= out->shape.dims[d], d--)
            at += left % out->shape.dims[d] * strides[perm[d]];
        if (memcmp((const char *)out->data + (size_t)i * size,
                   (const char *)t->data + (size_t)at * size, size) != 0)
            return false;
    }
    for (int d = 0; d < out->shape.rank; d++)
        if (out->shape.dims[d] != t->shape.dims[perm[d]])
            return false;
    return ca_tensor_count(out) == ca_tensor_count(t) && out->type == t->type;
}

/* A tensor of noise at an offset that need not suit its type, as large constants have in files. */
static CarinaTensor *tensor(CarinaType type, const CarinaShape *shape, size_t offset)
{
    CarinaTensor *t = NULL;
    int64_t n = 0;
    CaBuffer *b = NULL;
    const size_t size = (size_t)carina_type_bits(type) / 8;
    if (!ca_shape_count(shape, &n) || !(b = ca_buffer_create((size_t)n * size + offset)))
        return NULL;
    for (size_t i = 0; i < b->size; i++)
        ((unsigned char *)b->data)[i] = (unsigned char)noise(256);
    if (ca_tensor_of_buffer(&t, type, shape, b, offset, NULL) != CARINA_OK)
        t = NULL;
    ca_buffer_unref(&b);
    return t;
}

static bool holds(CarinaType type, const CarinaShape *shape, const int *perm)
{
    CarinaTensor *t = tensor(type, shape, (size_t)noise(4)), *out = NULL;
    const bool good = t && ca_tensor_permuted(&out, t, perm, NULL) == CARINA_OK &&
                      is_permuted(out, t, perm);
    carina_tensor_free(&t);
    carina_tensor_free(&out);
    return good;
}

TEST(permuted_tensors_are_the_definition)
{
    static const CarinaType types[] = {CARINA_U8, CARINA_F16, CARINA_F32, CARINA_I64};
    for (int i = 0; i < 2000; i++) {
        int perm[CARINA_MAX_RANK];
        CarinaShape s = {.rank = noise(6)};
        const int most = s.rank < 3 ? 300 : s.rank == 3 ? 40 : 9;
        for (int d = 0; d < s.rank; d++)
            s.dims[d] = noise(8) ? 1 + noise(most) : 1;
        if (noise(50) == 0 && s.rank)
            s.dims[noise(s.rank)] = 0;
        shuffle(perm, s.rank);
        CHECK(holds(types[noise(4)], &s, perm));
    }
}

TEST(filters_of_every_layout_are_permuted)
{
    static const int hwio[] = {3, 2, 0, 1}, ohwi[] = {0, 3, 1, 2}, hwcm[] = {2, 3, 0, 1};
    static const CarinaShape shapes[] = {
        {4, {3, 3, 64, 80}}, {4, {1, 1, 272, 528}}, {4, {7, 7, 3, 64}},
        {4, {17, 3, 3, 33}}, {4, {5, 5, 96, 1}},    {4, {16, 16, 16, 16}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        CHECK(holds(CARINA_F32, &shapes[i], hwio));
        CHECK(holds(CARINA_I8, &shapes[i], ohwi));
        CHECK(holds(CARINA_F32, &shapes[i], ohwi));
        CHECK(holds(CARINA_F16, &shapes[i], hwcm));
    }
}

TEST(what_does_not_move_is_shared)
{
    static const int perm[] = {0, 3, 1, 2};
    const CarinaShape s = {4, {6, 1, 1, 5}}, turned = {4, {6, 5, 1, 1}};
    CarinaTensor *t = tensor(CARINA_F32, &s, 0), *out = NULL;
    CHECK(t);
    CHECK_STATUS(ca_tensor_permuted(&out, t, perm, NULL), CARINA_OK);
    CHECK(out->data == t->data && out->buffer == t->buffer);
    CHECK(ca_shape_equal(&out->shape, &turned));
    carina_tensor_free(&t);
    CHECK(is_permuted(out, out, (const int[]){0, 1, 2, 3})); /* it keeps the bytes */
    carina_tensor_free(&out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shapes: counts, broadcasting, text; and the elements of tensors as numbers.
 */
#ifndef CA_GRAPH_SHAPE_H
#define CA_GRAPH_SHAPE_H

#include "base/error.h"
#include "base/text.h"
#include <carina/tensor.h>

CarinaShape ca_shape(int rank, const int64_t *dims);
CarinaShape ca_shape_unknown(void);     /* rank unknown */
CarinaShape ca_shape_of_rank(int rank); /* all dimensions unknown */
bool ca_shape_is_static(const CarinaShape *s);
bool ca_shape_equal(const CarinaShape *a, const CarinaShape *b);
/* Elements; false where dynamic or past INT64_MAX / 64. */
bool ca_shape_count(const CarinaShape *s, int64_t *n);
/* Product of dims [from, to), all of them known. */
int64_t ca_shape_product(const CarinaShape *s, int from, int to);
/* NumPy's rule, dynamic dimensions included; false where they do not fit. */
bool ca_shape_broadcast(CarinaShape *out, const CarinaShape *a, const CarinaShape *b);
/* "[1, 3, 224, 224]", "?" where dynamic, "[...]" for an unknown rank; writes at most room bytes. */
const char *ca_shape_text(char *text, size_t room, const CarinaShape *s);
#define CA_SHAPE_TEXT 160
/* axis in [-rank, rank) -> [0, rank); false otherwise. */
bool ca_axis(int64_t axis, int rank, int *out);

/* Bytes that n elements of type take; false on overflow. */
bool ca_type_size(CarinaType type, int64_t n, size_t *size);
bool ca_type_is_real(CarinaType type);  /* f32 f16 bf16 f64 */
bool ca_type_is_whole(CarinaType type); /* integers and boolean */
bool ca_type_is_unsigned(CarinaType type);
CarinaType ca_type_find(
    const char *name); /* "f32", "FP32", "boolean", "BOOL" ...: CARINA_UNKNOWN if none */

/* Element i as a number; any type. u64 above 2^63 wraps in the int form. */
double ca_get_real(CarinaType type, const void *data, int64_t i);
int64_t ca_get_int(CarinaType type, const void *data, int64_t i);
/* Rounded once (floats, nearest even) or as Convert does (reference/operators.md: truncate, wrap). */
void ca_put_real(CarinaType type, void *data, int64_t i, double v);
void ca_put_int(CarinaType type, void *data, int64_t i, int64_t v);
/* Large floating constants are used where they lie in the file, aligned or not: read them with ca_get_real or
 * memcpy. Small ones, which code looks at element by element, are aligned copies. */
static inline bool ca_tensor_may_lie_anywhere(CarinaType type, size_t size)
{
    return size >= (size_t)64 << 10 && ca_type_is_real(type);
}
/* Is a constant used where it lies in the file? A small copy costs less than the pages around it, which come back with
 * each look at it after the large ones are gone. */
static inline bool ca_tensor_may_stay(CarinaType type, size_t size, const void *data)
{
    const size_t align = (size_t)carina_type_bits(type) / 8;
    return ca_tensor_may_lie_anywhere(type, size) ||
           (size >= (size_t)64 << 10 && align && (uintptr_t)data % align == 0);
}
/* Number of elements of a tensor (its shape is always static). */
int64_t ca_tensor_count(const CarinaTensor *t);
/* A tensor that shares buffer [offset, +size): the buffer is counted, not consumed. */
CarinaStatus ca_tensor_of_buffer(CarinaTensor **out, CarinaType type,
                                 const CarinaShape *shape, struct CaBuffer *buffer,
                                 size_t offset, CarinaError *err);
/* carina_tensor_create without the zeros: all of it will be written. */
CarinaStatus ca_tensor_create_unset(CarinaTensor **out, CarinaType type,
                                    const CarinaShape *shape, CarinaError *err);
/* Another handle on the same data. */
CarinaStatus ca_tensor_share(CarinaTensor **out, const CarinaTensor *t, CarinaError *err);

#endif

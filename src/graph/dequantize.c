/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constants that were stored as integers become floats when a model is compiled: Convert, Subtract, Multiply over
 * millions of elements, for which a definition in double would take seconds. The same in f32 gives the same bits:
 * twice the precision and two bits more round innocuously (Figueroa, "When is Double Rounding Innocuous?", 1995).
 */
#include "graph/dequantize.h"

#include <string.h>

static float at(const CarinaTensor *t, int64_t i)
{
    float x;
    memcpy(&x, (const char *)t->data + (size_t)i * sizeof x, sizeof x);
    return x;
}

static bool convert(CarinaTensor *out, const CarinaTensor *in)
{
    const int64_t n = ca_tensor_count(out);
    float *y = out->data;
    if (in->type != CARINA_I8 && in->type != CARINA_U8)
        return false;
    for (int64_t i = 0; i < n; i++)
        y[i] = in->type == CARINA_I8 ? (float)((const int8_t *)in->data)[i]
                                     : (float)((const uint8_t *)in->data)[i];
    return true;
}

/* a whole tensor, and what lies along one of its axes or is one number: element i takes number i / inner % n of b. */
static bool follows_axis(int64_t *inner, int64_t *n, const CarinaShape *a,
                         const CarinaShape *b)
{
    *inner = 1;
    *n = 1;
    if (b->rank > a->rank)
        return false;
    for (int d = b->rank - 1, e = a->rank - 1; d >= 0; d--, e--) {
        if (b->dims[d] == 1) {
            *inner *= *n == 1 ? a->dims[e] : 1;
            continue;
        }
        if (*n != 1 || b->dims[d] != a->dims[e])
            return false;
        *n = b->dims[d];
    }
    if (*n == 1)
        *inner = 1;
    return true;
}

static bool binary(CarinaTensor *out, const CarinaTensor *a, const CarinaTensor *b,
                   bool is_product)
{
    int64_t inner, n;
    if (a->type != CARINA_F32 || b->type != CARINA_F32 ||
        !ca_shape_equal(&out->shape, &a->shape) ||
        !follows_axis(&inner, &n, &a->shape, &b->shape))
        return false;
    float *y = out->data;
    const int64_t all = ca_tensor_count(out);
    for (int64_t i = 0, k = 0; i < all; k = k + 1 == n ? 0 : k + 1) {
        const float x = at(b, k);
        for (const int64_t end = i + inner < all ? i + inner : all; i < end; i++)
            y[i] = is_product ? at(a, i) * x : at(a, i) - x;
    }
    return true;
}

bool ca_dequantize(const CaNode *node, CarinaTensor *const *outputs,
                   const CarinaTensor *const *inputs)
{
    if (node->n_outputs != 1 || outputs[0]->type != CARINA_F32 || node->n_inputs < 1 ||
        !inputs[0])
        return false;
    if (ca_node_is(node, "Convert"))
        return convert(outputs[0], inputs[0]);
    if (node->n_inputs != 2 || !inputs[1] ||
        strcmp(carina_node_enum(node, "auto_broadcast"), "numpy") != 0)
        return false;
    if (ca_node_is(node, "Multiply"))
        return binary(outputs[0], inputs[0], inputs[1], true) ||
               binary(outputs[0], inputs[1], inputs[0], true);
    return ca_node_is(node, "Subtract") &&
           binary(outputs[0], inputs[0], inputs[1], false);
}

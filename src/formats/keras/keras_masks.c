/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: masks. Embedding(mask_zero) and Masking say which steps of a sequence count; the layers behind them carry
 * that along, and some compute something else where a step does not.
 *
 * Keras 3 writes the operations that make a mask into the model and refers to them in the keyword "mask" of the call;
 * masks inside nested and sequential models, and all of Keras 2, are only implied. Both are read: a keyword goes first.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

static CaValue *as_truth(CaKerasCall *c, CaValue *mask)
{
    return !mask || ca_build_type(c->b, mask) == CARINA_BOOL
               ? mask
               : ca_build_convert(c->b, mask, CARINA_BOOL);
}

static CaValue *carried(CaKerasCall *c, int i)
{
    return c->in_masks && i >= 0 && i < c->n_in ? c->in_masks[i] : NULL;
}

CaValue *ca_keras_mask(CaKerasCall *c, int i)
{
    json_t *j = json_object_get(c->kwargs, "mask");
    CaValue *given = i == 0 ? ca_keras_value(c, j) : NULL;
    if (!given && json_is_array(j))
        given = ca_keras_value(c, json_array_get(j, (size_t)i));
    return as_truth(c, given ? given : carried(c, i));
}

CaValue *ca_keras_mask_named(CaKerasCall *c, const char *key, const char *of, int i)
{
    CaValue *v = ca_keras_value(c, json_object_get(c->kwargs, key));
    if (!v)
        v = ca_keras_value_mask(c, json_object_get(c->kwargs, of));
    return as_truth(c, v ? v : carried(c, i));
}

void ca_keras_give_mask(CaKerasCall *c, int i, CaValue *mask)
{
    if (!mask || i >= c->n_out || !ca_build_settle(c->b))
        return;
    if (!c->out_masks)
        c->out_masks =
            ca_arena_array(c->b->work, (size_t)c->n_out + 1, sizeof(CaValue *));
    if (!c->out_masks) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    c->out_masks[i] = mask;
}

CaValue *ca_keras_both_masks(CaKerasCall *c, CaValue *a, CaValue *b, bool any)
{
    return a && b ? ca_build_2(c->b, any ? "LogicalOr" : "LogicalAnd", a, b) : a ? a : b;
}

CaValue *ca_keras_where(CaKerasCall *c, CaValue *mask, int n, CaValue *v, CaValue *other)
{
    const int rank = ca_build_rank(c->b, mask);
    if (n)
        mask = ca_build_2(c->b, "Unsqueeze", mask,
                          ca_build_iota(c->b, n > 0 ? rank : rank - 1, n > 0 ? n : 1));
    return ca_build_3(c->b, "Select", mask, v, other);
}

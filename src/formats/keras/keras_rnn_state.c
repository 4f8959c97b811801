/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stateful recurrent layers: the last states of a run are the first of the next one of the same request.
 */
#include "formats/keras/keras_rnn.h"

/* What a stateful layer keeps from run to run of this call: v in the first. NULL: it keeps none. */
static const char *variable_of(CaKerasCall *c, int i)
{
    if (!ca_keras_bool(c, "stateful", false))
        return NULL;
    if (c->layer->n_calls > 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "it is stateful and called %d times; save the model without",
                      c->layer->n_calls);
    /* Of the two directions of one call, one goes backwards. */
    return ca_arena_printf(c->b->work, "%s/%d/%s%d", c->b->name, (int)c->r->n_calls,
                           ca_keras_bool(c, "go_backwards", false) ? "back" : "", i);
}

CaValue *ca_keras_state_before(CaKerasCall *c, int i, CaValue *v)
{
    const char *id = variable_of(c, i);
    if (!id)
        return v;
    v = ca_build_make_at(c->b, "ReadValue", 3, &v, 1, 1);
    ca_build_set_text(c->b, v, "variable_id", id);
    return v;
}

void ca_keras_keep_states(CaKerasCall *c, CaValue *const *states, int n)
{
    for (int i = 0; i < n && c->b->status == CARINA_OK; i++) {
        const char *id = variable_of(c, i);
        if (id)
            ca_build_set_text(c->b, ca_build_make_at(c->b, "Assign", 3, &states[i], 1, 1),
                              "variable_id", id);
    }
}

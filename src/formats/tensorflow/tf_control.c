/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: constants, variables, inputs, and what only passes on.
 */
#include "formats/tensorflow/tf.h"

#include <string.h>

static void pass_through(CaTfCall *c)
{
    for (int i = 0; i < c->n_in; i++)
        ca_tf_out(c, i, ca_tf_in(c, i));
}

/* What is checked or printed beside it does not matter. */
static void pass_first(CaTfCall *c) { ca_tf_out(c, 0, ca_tf_in(c, 0)); }

static void constant(CaTfCall *c)
{
    CaTfSpan span;
    CarinaTensor *t = NULL;
    const char *what =
        ca_arena_printf(c->b->work, "node '%s' (%s)", c->node->name, c->node->op);
    if (!ca_tf_attr_tensor(c->r, c->node, "value", &span)) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "it has no value; the file is damaged");
        return;
    }
    const CarinaStatus status = ca_tf_tensor(&t, c->r, what ? what : "a constant", span);
    if (status != CARINA_OK) {
        c->b->status = status; /* the sentence names the file and the node */
        return;
    }
    ca_tf_out(c, 0, ca_build_tensor(c->b, c->node->name, t));
}

static void variable(CaTfCall *c)
{
    CarinaTensor *t = NULL;
    if (!c->r->variable) {
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "its value is not in this file; give the SavedModel's folder or "
                      "the checkpoint, or freeze the graph");
        return;
    }
    const CarinaStatus status =
        c->r->variable(&t, c->r->variable_arg, c->node, c->b->err);
    if (status != CARINA_OK) {
        carina_tensor_free(&t);
        c->b->status = status;
        return;
    }
    ca_tf_out(c, 0, ca_build_tensor(c->b, c->node->name, t));
}

/* A placeholder that leads to the outputs has become an input before the walk, or its default stands. */
static void placeholder(CaTfCall *c)
{
    if (c->n_in > 0)
        ca_tf_out(c, 0, c->in[0]);
    else
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "only its first output is an input of the model");
}

/* What is added for broadcasting gradients: shapes against each other. */
static void broadcast_shapes(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t x[CARINA_MAX_RANK], y[CARINA_MAX_RANK];
    const int n = ca_build_known_ints(b, ca_tf_in(c, 0), x, CARINA_MAX_RANK),
              m = ca_build_known_ints(b, ca_tf_in(c, 1), y, CARINA_MAX_RANK);
    const CarinaShape a = ca_shape(n < 0 ? 0 : n, x), d = ca_shape(m < 0 ? 0 : m, y);
    CarinaShape out;
    if (n < 0 || m < 0 || !ca_shape_broadcast(&out, &a, &d)) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "the shapes are not known or do not fit; give the model's input "
                      "shape");
        return;
    }
    ca_tf_out(c, 0,
              ca_build_convert(b, ca_build_vector(b, out.dims, out.rank),
                               ca_build_type(b, c->in[0])));
}

const CaTfOp ca_tf_control[] = {
    {"BroadcastArgs", broadcast_shapes, NULL, 0},
    {"CheckNumerics", pass_first, NULL, 0},
    {"CheckNumericsV2", pass_first, NULL, 0},
    {"Const", constant, NULL, 0},
    {"EnsureShape", pass_first, NULL, 0},
    {"Identity", pass_first, NULL, CA_TF_TAKES_LISTS},
    {"IdentityN", pass_through, NULL, CA_TF_TAKES_LISTS},
    {"Placeholder", placeholder, NULL, 0},
    {"PlaceholderV2", placeholder, NULL, 0},
    {"PlaceholderWithDefault", placeholder, NULL, 0},
    {"PreventGradient", pass_first, NULL, 0},
    {"Print", pass_first, NULL, 0},
    {"ReadVariableOp", pass_first, NULL, 0},
    {"RefIdentity", pass_first, NULL, 0},
    {"Snapshot", pass_first, NULL, 0},
    {"StopGradient", pass_first, NULL, 0},
    {"VarHandleOp", variable, NULL, 0},
    {"Variable", variable, NULL, 0},
    {"VariableV2", variable, NULL, 0},
    {NULL, NULL, NULL, 0},
};

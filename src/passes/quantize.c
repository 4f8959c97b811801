/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers in INT8, in the form that OpenVINO takes too: FakeQuantize of one range before the layer, weights as
 * Const i8 -> Convert -> Multiply by the scale of each output channel.
 *
 * Readers of one value with one range share its FakeQuantize. Weights are symmetric, in [-127, 127]: -128 would make
 * negation inexact, and runtimes expect 255 levels.
 */
#include "passes/quantize.h"

#include "passes/rewrite.h"

#include <math.h>
#include <string.h>

enum { MOST = 127 };

static bool is_computed(const CaValue *v)
{
    return v && v->type == CARINA_F32 && !v->constant && !ca_rewrite_constant(v);
}

static bool is_weights(const CaValue *v, int lowest, int highest)
{
    return v && v->type == CARINA_F32 && v->shape.rank >= lowest &&
           v->shape.rank <= highest && ca_rewrite_constant(v);
}

int ca_quantize_n_inputs(const CaNode *n)
{
    const CaValue *x = ca_node_input(n, 0), *y = ca_node_input(n, 1);
    if (!is_computed(x) || !y)
        return 0;
    if (ca_node_is(n, "Convolution") || ca_node_is(n, "GroupConvolution"))
        return is_weights(y, 3, 6);
    if (ca_node_is(n, "MatMul"))
        return is_weights(y, 2, 2);
    if (!ca_node_is(n, "Add") || !is_computed(y) || x->shape.rank != 4 ||
        y->shape.rank != 4)
        return 0;
    return memcmp(x->shape.dims, y->shape.dims, 4 * sizeof *x->shape.dims) == 0 ? 2 : 0;
}

/* --- Activations. */

typedef struct Range {
    double low, high;
    int64_t levels;
} Range;

static bool has_range(const CaNode *n, const Range *r)
{
    const double want[4] = {r->low, r->high, r->low, r->high};
    if (!ca_node_is(n, "FakeQuantize") || carina_node_int(n, "levels", 0) != r->levels)
        return false;
    for (int i = 0; i < 4; i++) {
        double x = 0;
        if (!ca_rewrite_number(ca_node_input(n, i + 1), &x) ||
            x != (double)(float)want[i])
            return false;
    }
    return true;
}

/* Of v, right behind the node that makes it. */
static CarinaStatus fake_quantize(CaValue **out, CaGraph *g, CaValue *v, const Range *r,
                                  const char *name, CarinaError *err)
{
    const CarinaShape scalar = ca_shape(0, NULL);
    CaNode *before = v->node->next, *n = NULL;
    CaValue *low = NULL, *high = NULL;
    for (const CaUse *u = v->uses; u; u = u->next)
        if (u->index == 0 && has_range(u->node, r)) {
            *out = &u->node->outputs[0];
            return CARINA_OK;
        }
    CA_TRY(ca_graph_reals(&low, g, before, NULL, v->type, &scalar, &r->low, 1, err));
    CA_TRY(ca_graph_reals(&high, g, before, NULL, v->type, &scalar, &r->high, 1, err));
    CaValue *const in[5] = {v, low, high, low, high};
    CA_TRY(ca_graph_add(&n, g, before, "FakeQuantize", 0, name, in, 5, 1, err));
    CA_TRY(ca_node_set_int(g, n, "levels", r->levels, err));
    CA_TRY(ca_node_infer(g, n, err));
    *out = &n->outputs[0];
    return CARINA_OK;
}

/* --- Weights. */

/* Element i belongs to channel i / inner % n. */
typedef struct Channels {
    int64_t n, inner;
    CarinaShape shape; /* of the scales */
} Channels;

static Channels channels_of(const CaNode *layer)
{
    const CarinaShape *s = &layer->inputs[1].value->shape;
    Channels c = {1, 1, *s};
    int first = 0, last = 1; /* the axes of output channels */
    if (ca_node_is(layer, "GroupConvolution"))
        last = 2;
    else if (ca_node_is(layer, "MatMul")) {
        first = carina_node_bool(layer, "transpose_b", false) ? s->rank - 2 : s->rank - 1;
        last = first + 1;
    }
    for (int i = 0; i < s->rank; i++) {
        if (i >= last)
            c.inner *= s->dims[i];
        if (i >= first && i < last)
            c.n *= s->dims[i];
        else
            c.shape.dims[i] = 1;
    }
    return c;
}

static CarinaStatus find_scales(double *scale, const Channels *c, const double *w,
                                int64_t n, const char *name, CarinaError *err)
{
    for (int64_t i = 0; i < n; i++) {
        double *most = &scale[i / c->inner % c->n];
        if (!isfinite(w[i]))
            return ca_err(err, CARINA_ERR_ARGUMENT,
                          "layer '%s': weight %lld is not finite and cannot be quantized",
                          name, (long long)i);
        *most = fabs(w[i]) > *most ? fabs(w[i]) : *most;
    }
    for (int64_t i = 0; i < c->n; i++) {
        scale[i] = (double)(float)(scale[i] / MOST);
        if (scale[i] == 0)
            scale[i] = 1; /* a channel of zeros */
    }
    return CARINA_OK;
}

static CarinaStatus to_bytes(CarinaTensor **out, double *scale, const Channels *c,
                             const CaNode *layer, CarinaError *err)
{
    const CaValue *v = layer->inputs[1].value;
    double *w = ca_rewrite_reals(v);
    CarinaStatus status =
        w ? carina_tensor_create(out, CARINA_I8, &v->shape, err)
          : ca_err(err, CARINA_ERR_MEMORY, "out of memory for the weights of '%s'",
                   layer->name);
    const int64_t n = status == CARINA_OK ? ca_tensor_count(*out) : 0;
    if (status == CARINA_OK)
        status = find_scales(scale, c, w, n, layer->name, err);
    for (int64_t i = 0; i < n && status == CARINA_OK; i++) {
        const double q = rint(w[i] / scale[i / c->inner % c->n]);
        ((int8_t *)(*out)->data)[i] = (int8_t)(q > MOST ? MOST : q < -MOST ? -MOST : q);
    }
    if (status != CARINA_OK)
        carina_tensor_free(out);
    ca_free(w);
    return status;
}

static CarinaStatus weights(CaValue **out, CaGraph *g, CaNode *layer, const char *stem,
                            CarinaError *err)
{
    const Channels c = channels_of(layer);
    CaArena *arena = ca_graph_arena(g);
    CarinaTensor *t = NULL;
    CaValue *bytes = NULL, *scales = NULL;
    CaNode *wide = NULL, *product = NULL;
    double *scale = ca_arena_array(arena, (size_t)c.n + 1, sizeof *scale);
    const char *name = ca_arena_printf(arena, "%s/weights", stem);
    if (!scale || !name)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
    CA_TRY(to_bytes(&t, scale, &c, layer, err));
    CA_TRY(ca_graph_constant(&bytes, g, layer, name, t, err));
    CA_TRY(ca_graph_add(&wide, g, layer, "Convert", 0, NULL, &bytes, 1, 1, err));
    CA_TRY(ca_node_set_int(g, wide, "destination_type", CARINA_F32, err));
    CA_TRY(ca_node_infer(g, wide, err));
    CA_TRY(
        ca_graph_reals(&scales, g, layer, NULL, CARINA_F32, &c.shape, scale, c.n, err));
    CaValue *const in[2] = {&wide->outputs[0], scales};
    CA_TRY(ca_rewrite_add(&product, g, layer, "Multiply", NULL, in, 2, err));
    *out = &product->outputs[0];
    return CARINA_OK;
}

/* --- Bias. */

/* The constant that is added to each channel of the layer's output and nothing else; NULL where there is none. */
static CaUse *bias_of(const CaNode *layer, const CarinaShape *shape)
{
    CaNode *add = ca_pass_only_reader(layer);
    for (int i = 0; add && ca_node_is(add, "Add") && ca_rewrite_is_numpy(add) && i < 2;
         i++) {
        const CaValue *v = ca_node_input(add, i);
        const CarinaTensor *t = v ? ca_rewrite_constant(v) : NULL;
        int lead = t ? shape->rank - v->shape.rank : -1;
        bool fits = lead >= 0;
        for (int k = lead; fits && k < shape->rank; k++)
            fits = v->shape.dims[k - lead] == shape->dims[k];
        for (int k = 0; fits && k < lead; k++)
            fits = shape->dims[k] == 1;
        if (fits)
            return &add->inputs[i];
    }
    return NULL;
}

static CarinaStatus shift_bias(CaGraph *g, CaNode *layer, const CarinaQuantizeLayer *how,
                               CarinaError *err)
{
    CaValue *out = &layer->outputs[0], *fresh = NULL;
    CarinaShape s = {out->shape.rank, {0}};
    const int axis = ca_node_is(layer, "MatMul") ? s.rank - 1 : 1;
    CaNode *add = NULL;
    if (ca_node_is(layer, "Add") || s.rank < 2 || out->shape.dims[axis] != how->n_shift)
        return ca_err(err, CARINA_ERR_ARGUMENT,
                      "layer '%s': %d numbers to add are not one for each channel of it",
                      layer->name, how->n_shift);
    for (int i = 0; i < s.rank; i++)
        s.dims[i] = i == axis ? how->n_shift : 1;
    CaUse *bias = bias_of(layer, &s);
    double *sum = bias ? ca_rewrite_reals(bias->value) : NULL;
    for (int i = 0; sum && i < how->n_shift; i++)
        sum[i] += how->shift[i];
    CaNode *before = sum ? bias->node : layer->next;
    const CarinaStatus status = ca_graph_reals(&fresh, g, before, NULL, out->type, &s,
                                               sum ? sum : how->shift, how->n_shift, err);
    ca_free(sum);
    CA_TRY(status);
    if (sum) {
        ca_node_set_input(bias->node, bias->index, fresh);
        return CARINA_OK;
    }
    CaValue *const in[2] = {fresh, fresh};
    CA_TRY(ca_rewrite_add(&add, g, before, "Add", NULL, in, 2, err));
    ca_rewrite_overtake(out, &add->outputs[0]);
    ca_node_set_input(add, 0, out);
    out->name = NULL;
    if (strcmp(add->name, layer->name) == 0) /* an output's name, which the sum has now */
        layer->name = ca_arena_printf(ca_graph_arena(g), "%s/unshifted", add->name);
    return layer->name ? ca_node_infer(g, add, err)
                       : ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
}

/* --- Layers. */

static CarinaStatus set_inputs(CaGraph *g, CaNode *layer, const CarinaQuantizeLayer *how,
                               int levels, CarinaError *err)
{
    const int n = ca_quantize_n_inputs(layer);
    if (n == 0)
        return ca_err(err, CARINA_ERR_ARGUMENT,
                      "layer '%s' (%s) cannot be computed in integers", layer->name,
                      layer->op_name);
    for (int i = 0; i < n; i++) {
        const Range r = {how->low[i], how->high[i], levels};
        CaValue *v = NULL;
        const char *name =
            ca_arena_printf(ca_graph_arena(g), "%s/fq_input_%d", layer->name, i);
        if (!name)
            return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
        if (!isfinite(r.low) || !isfinite(r.high) || !(r.low <= 0 && r.high >= 0) ||
            !((float)r.low < (float)r.high))
            return ca_err(err, CARINA_ERR_ARGUMENT,
                          "layer '%s': input %d cannot have the range [%g, %g]; it must "
                          "be finite and hold 0",
                          layer->name, i, r.low, r.high);
        CA_TRY(fake_quantize(&v, g, layer->inputs[i].value, &r, name, err));
        ca_node_set_input(layer, i, v);
    }
    if (n == 1) {
        CaValue *w = NULL;
        CaNode *old = layer->inputs[1].value->node;
        CA_TRY(weights(&w, g, layer, layer->name, err));
        ca_node_set_input(layer, 1, w);
        ca_rewrite_drop(g, old);
    }
    return CARINA_OK;
}

CarinaStatus ca_quantize_layer(CaGraph *g, CaNode *layer, const CarinaQuantizeLayer *how,
                               int levels, CarinaError *err)
{
    CA_TRY(set_inputs(g, layer, how, levels, err));
    return how->n_shift ? shift_bias(g, layer, how, err) : CARINA_OK;
}

CarinaStatus ca_quantize_aside(CaGraph *g, CaNode *layer, const CarinaQuantizeLayer *how,
                               int levels, CarinaError *err)
{
    CaNode *twin = NULL;
    CaValue *in[2] = {ca_node_input(layer, 0), ca_node_input(layer, 1)};
    const char *name = ca_arena_printf(ca_graph_arena(g), "%s/int8", layer->name);
    if (!name)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
    CA_TRY(ca_graph_add(&twin, g, layer->next, layer->op_name, layer->opset, name, in, 2,
                        1, err));
    CA_TRY(ca_attrs_copy(g, twin, layer, err));
    CA_TRY(ca_node_infer(g, twin, err));
    CA_TRY(set_inputs(g, twin, how, levels, err));
    return ca_graph_result(g, name, &twin->outputs[0], err);
}

/* --- Lifting. */

/* FakeQuantize of one range, the only reader of a value whose elements all come from the inputs of its node. */
static CaNode *chooser(const CaNode *n, Range *r)
{
    const CaValue *x = ca_node_input(n, 0);
    if (!ca_node_is(n, "FakeQuantize") || !x || !x->uses || x->uses->next ||
        !ca_rewrite_number(ca_node_input(n, 1), &r->low) ||
        !ca_rewrite_number(ca_node_input(n, 2), &r->high))
        return NULL;
    r->levels = carina_node_int(n, "levels", 0);
    CaNode *from = x->node;
    const bool is_pool = ca_node_is(from, "MaxPool") && x->index == 0 &&
                         (from->n_outputs < 2 || !from->outputs[1].uses);
    return has_range(n, r) && r->low < r->high && (is_pool || ca_node_is(from, "Concat"))
               ? from
               : NULL;
}

static CarinaStatus lift(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    Range r = {0};
    CaNode *from = chooser(n, &r);
    if (!from)
        return CARINA_OK;
    const int n_in = ca_node_is(from, "Concat") ? from->n_inputs : 1;
    for (int i = 0; i < n_in; i++) {
        CaValue *q = NULL;
        const char *name = ca_arena_printf(ca_graph_arena(g), "%s/%d", n->name, i);
        if (!name)
            return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
        CA_TRY(fake_quantize(&q, g, from->inputs[i].value, &r, name, err));
        ca_node_set_input(from, i, q);
    }
    CA_TRY(ca_rewrite_same(g, &n->outputs[0], n->inputs[0].value, err));
    ca_rewrite_drop(g, n);
    ++*n_changes;
    return CARINA_OK;
}

/* From the end, so that what was lifted above one node is seen again at the next. */
static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    for (int before = -1; before != *n_changes;) {
        before = *n_changes;
        CA_EACH_NODE_SAFE(n, g)
        CA_TRY(lift(g, n, n_changes, err));
    }
    return *n_changes ? ca_graph_sort(g, err) : CARINA_OK;
}

const CaPass ca_pass_lift_quantize = {
    .name = "lift-quantize",
    .summary = "moves FakeQuantize above pooling and concatenation",
    .run = run,
};

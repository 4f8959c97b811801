/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes at a model's edges: the user's form of an input, and cutting a part out.
 */
#include "engine/model_own.h"
#include "graph/op.h"

#include <string.h>

/* What is put between the user's data and the network. */
typedef struct Chain {
    CaGraph *g;
    CaNode *before;
    CaValue *value;
    CarinaError *err;
} Chain;

static CarinaStatus add(Chain *c, const char *op, CaValue *second, CaValue *third)
{
    CaValue *in[3] = {c->value, second, third};
    CaNode *n = NULL;
    CA_TRY(ca_graph_add(&n, c->g, c->before, op, 0, NULL, in,
                        third    ? 3
                        : second ? 2
                                 : 1,
                        1, c->err));
    c->value = &n->outputs[0];
    return CARINA_OK;
}

static CarinaStatus add_inferred(Chain *c, const char *op, CaValue *second,
                                 CaValue *third)
{
    CA_TRY(add(c, op, second, third));
    return ca_node_infer(c->g, c->value->node, c->err);
}

static CarinaStatus convert(Chain *c, CarinaType type)
{
    if (c->value->type == type)
        return CARINA_OK;
    CA_TRY(add(c, "Convert", NULL, NULL));
    CA_TRY(ca_node_set_int(c->g, c->value->node, "destination_type", type, c->err));
    return ca_node_infer(c->g, c->value->node, c->err);
}

static CarinaStatus transpose(Chain *c, const int64_t order[4])
{
    CaValue *v = NULL;
    CA_TRY(ca_graph_ints(&v, c->g, c->before, NULL, NULL, order, 4, c->err));
    return add_inferred(c, "Transpose", v, NULL);
}

/* x op numbers, along the channels of an NCHW (axis 1) or otherwise last-axis shape. */
static CarinaStatus per_channel(Chain *c, const char *op, const double *v, int n)
{
    const int rank = c->value->shape.rank;
    CarinaShape s = ca_shape(0, NULL);
    CaValue *constant = NULL;
    if (rank == 4 && n > 1)
        s = ca_shape(4, (const int64_t[]){1, n, 1, 1});
    else if (n > 1)
        s = ca_shape(1, (const int64_t[]){n});
    CA_TRY(ca_graph_reals(&constant, c->g, c->before, NULL, c->value->type, &s, v, n,
                          c->err));
    return add_inferred(c, op, constant, NULL);
}

static CarinaStatus reverse(Chain *c, int64_t n_channels)
{
    int64_t order[64];
    const int64_t axis = 1;
    CaValue *indices = NULL, *at = NULL;
    const CarinaShape scalar = ca_shape(0, NULL);
    for (int64_t i = 0; i < n_channels; i++)
        order[i] = n_channels - 1 - i;
    CA_TRY(
        ca_graph_ints(&indices, c->g, c->before, NULL, NULL, order, n_channels, c->err));
    CA_TRY(ca_graph_ints(&at, c->g, c->before, NULL, &scalar, &axis, 1, c->err));
    return add_inferred(c, "Gather", indices, at);
}

static CarinaStatus check(const CarinaInput *in, const CarinaShape *s, bool is_nhwc,
                          const char *name, CarinaError *err)
{
    const int64_t channels = s->rank == 4  ? s->dims[1]
                             : s->rank > 0 ? s->dims[s->rank - 1]
                                           : 1;
    const int counts[2] = {in->n_mean, in->n_scale};
    for (int i = 0; i < 2; i++)
        if (counts[i] > 1 && counts[i] != channels)
            return ca_err(err, CARINA_ERR_ARGUMENT,
                          "input '%s': %d %s values for %lld channels", name, counts[i],
                          i ? "scale" : "mean", (long long)channels);
    if ((is_nhwc || in->reverse_channels) && s->rank != 4)
        return ca_err(err, CARINA_ERR_ARGUMENT,
                      "input '%s': has %d dimensions; a layout is for images of 4", name,
                      s->rank);
    if (in->reverse_channels && (channels < 2 || channels > 64))
        return ca_err(err, CARINA_ERR_ARGUMENT,
                      "input '%s': %lld channels cannot be reversed", name,
                      (long long)channels);
    for (int i = 0; i < in->n_scale; i++)
        if (in->scale[i] == 0)
            return ca_err(err, CARINA_ERR_ARGUMENT, "input '%s': scale %d is 0", name, i);
    return CARINA_OK;
}

static CarinaStatus prepare(Chain *c, const CarinaInput *in, CarinaType type,
                            bool is_nhwc, int64_t channels)
{
    const CarinaType work = ca_type_is_real(type) ? type : CARINA_F32;
    if (is_nhwc)
        CA_TRY(transpose(c, (const int64_t[]){0, 3, 1, 2}));
    if (in->n_mean || in->n_scale)
        CA_TRY(convert(c, work));
    if (in->n_mean)
        CA_TRY(per_channel(c, "Subtract", in->mean, in->n_mean));
    if (in->n_scale)
        CA_TRY(per_channel(c, "Divide", in->scale, in->n_scale));
    if (in->reverse_channels)
        CA_TRY(reverse(c, channels));
    return convert(c, type);
}

CarinaStatus carina_model_set_input(CarinaModel *m, int i, const CarinaInput *input,
                                    CarinaError *err)
{
    if (i < 0 || i >= m->graph->n_inputs)
        return ca_err(err, CARINA_ERR_ARGUMENT, "input %d: the model has %d", i,
                      m->graph->n_inputs);
    CarinaInput in = {0};
    memcpy(&in, input,
           input->struct_size && input->struct_size < sizeof in ? input->struct_size
                                                                : sizeof in);
    CaNode *node = m->graph->inputs[i];
    CaParameterAttrs *p = node->attrs;
    const CarinaShape net = p->shape;
    const CarinaType type = p->element_type;
    const bool is_nhwc = in.layout && strcmp(in.layout, "NHWC") == 0;
    CA_TRY(check(&in, &net, is_nhwc, node->name, err));
    if (is_nhwc)
        p->shape = ca_shape(
            4, (const int64_t[]){net.dims[0], net.dims[2], net.dims[3], net.dims[1]});
    if (in.type != CARINA_UNKNOWN)
        p->element_type = in.type;
    CA_TRY(ca_node_infer(m->graph, node, err));
    /* The readers move to the end of the chain; the chain itself reads the parameter. */
    CaNode *before = node->next;
    CaUse *old = node->outputs[0].uses;
    CaValue *end = NULL;
    node->outputs[0].uses = NULL;
    Chain c = {m->graph, before, &node->outputs[0], err};
    const CarinaStatus status =
        prepare(&c, &in, type, is_nhwc, net.rank == 4 ? net.dims[1] : 0);
    end = status == CARINA_OK ? c.value : &node->outputs[0];
    for (CaUse *u = old, *next = NULL; u; u = next) {
        next = u->next;
        u->value = NULL;
        u->next = u->prev = NULL;
        ca_node_set_input(u->node, u->index, end);
    }
    CA_TRY(status);
    return ca_graph_infer(m->graph, err);
}

/* A value by tensor name, layer name or "layer:port" / "layer.port". */
static CaValue *find_value(const CaGraph *g, const char *name, size_t n)
{
    CA_EACH_NODE(node, g) {
        for (int i = 0; i < node->n_outputs; i++) {
            const char *item = NULL;
            size_t m = 0;
            for (const char *p = node->outputs[i].name;
                 (p = ca_text_item(p, ',', &item, &m));)
                if (m == n && strncmp(item, name, n) == 0)
                    return &node->outputs[i];
        }
        if (node->n_outputs && strlen(node->name) == n &&
            strncmp(node->name, name, n) == 0 && !ca_node_is(node, "Result"))
            return &node->outputs[0];
    }
    return NULL;
}

static CarinaStatus cut_outputs(CaGraph *g, const char *outputs, CarinaError *err)
{
    const char *item = NULL;
    size_t n = 0;
    CaValue *values[256];
    const char *names[256];
    int count = 0;
    for (const char *p = outputs; (p = ca_text_item(p, ',', &item, &n));) {
        if (count == 256)
            return ca_err(err, CARINA_ERR_LIMIT, "more than 256 outputs");
        values[count] = find_value(g, item, n);
        names[count] = ca_arena_copy_n(ca_graph_arena(g), item, n);
        if (!values[count] || !names[count])
            return ca_err(err, CARINA_ERR_NOT_FOUND,
                          "there is no layer '%.*s' to be an output", (int)n, item);
        count++;
    }
    while (g->n_outputs)
        ca_graph_remove(g, g->outputs[0]);
    for (int i = 0; i < count; i++)
        CA_TRY(ca_graph_result(g, names[i], values[i], err));
    return CARINA_OK;
}

static CarinaStatus cut_inputs(CaGraph *g, const char *inputs, CarinaError *err)
{
    const char *item = NULL;
    size_t n = 0;
    for (const char *p = inputs; (p = ca_text_item(p, ',', &item, &n));) {
        CaValue *v = find_value(g, item, n), *fresh = NULL;
        if (!v)
            return ca_err(err, CARINA_ERR_NOT_FOUND,
                          "there is no layer '%.*s' to be an input", (int)n, item);
        if (ca_node_is(v->node, "Parameter"))
            continue;
        CA_TRY(ca_graph_parameter(&fresh, g, v->node->name, v->type, &v->shape, err));
        ca_value_replace(v, fresh);
    }
    return CARINA_OK;
}

CarinaStatus carina_model_cut(CarinaModel *m, const char *inputs, const char *outputs,
                              CarinaError *err)
{
    CaGraph *g = m->graph;
    if (inputs)
        CA_TRY(cut_inputs(g, inputs, err));
    if (outputs)
        CA_TRY(cut_outputs(g, outputs, err));
    (void)ca_graph_sweep(g);
    /* Parameters that nothing reads any more go too. */
    for (int i = g->n_inputs - 1; inputs && i >= 0; i--)
        if (!g->inputs[i]->outputs[0].uses &&
            !ca_text_in_list(inputs, g->inputs[i]->name))
            ca_graph_remove(g, g->inputs[i]);
    CA_TRY(ca_graph_sort(g, err));
    return ca_graph_infer(g, err);
}

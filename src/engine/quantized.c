/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models in INT8: copies, outputs to look at on the way, and the layers that are rewritten.
 */
#include "engine/model_own.h"
#include "passes/quantize.h"
#include "passes/statistics.h"

#include <string.h>

CarinaStatus carina_model_copy(CarinaModel **out, const CarinaModel *model,
                               CarinaError *err)
{
    CarinaModel *m = ca_alloc(sizeof *m);
    *out = NULL;
    if (!m)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the model");
    *m = *model;
    m->graph = NULL;
    const CarinaStatus status = ca_graph_copy(&m->graph, model->graph, err);
    if (status != CARINA_OK) {
        carina_model_free(&m);
        return status;
    }
    *out = m;
    return CARINA_OK;
}

/* Results have the names of what they show: they are no layers. */
static CarinaStatus find_layer(CaNode **out, const CaGraph *g, const char *name,
                               CarinaError *err)
{
    CA_EACH_NODE(n, g)
        if (!ca_node_is(n, "Result") && strcmp(n->name, name) == 0) {
            *out = n;
            return CARINA_OK;
        }
    return ca_err(err, CARINA_ERR_NOT_FOUND, "there is no layer '%s'", name);
}

CarinaStatus carina_model_add_output(CarinaModel *m, const char *layer, int port,
                                     CarinaError *err)
{
    CaNode *n = NULL;
    CA_TRY(find_layer(&n, m->graph, layer, err));
    if (port < 0 || port >= n->n_outputs)
        return ca_err(err, CARINA_ERR_ARGUMENT, "layer '%s' has %d outputs, none is %d",
                      layer, n->n_outputs, port);
    return ca_graph_result(m->graph, n->name, &n->outputs[port], err);
}

int carina_node_n_quantized(const CarinaNode *node) { return ca_quantize_n_inputs(node); }

CarinaStatus carina_model_quantize(CarinaModel *m, const CarinaQuantizeLayer *layers,
                                   int n, const CarinaQuantizeOptions *options,
                                   CarinaError *err)
{
    CarinaQuantizeOptions o = {0};
    int n_lifted = 0;
    if (options)
        memcpy(&o, options,
               options->struct_size && options->struct_size < sizeof o
                   ? options->struct_size
                   : sizeof o);
    const int levels = o.levels ? o.levels : 256;
    if (levels < 2 || levels > 256)
        return ca_err(err, CARINA_ERR_ARGUMENT, "%d levels; INT8 has 2 to 256", levels);
    for (int i = 0; i < n; i++) {
        CaNode *layer = NULL;
        CA_TRY(find_layer(&layer, m->graph, layers[i].layer, err));
        CA_TRY((o.aside ? ca_quantize_aside
                        : ca_quantize_layer)(m->graph, layer, &layers[i], levels, err));
    }
    if (!o.aside)
        CA_TRY(ca_pass_lift_quantize.run(m->graph, &n_lifted, err));
    (void)ca_graph_sweep(m->graph);
    CA_TRY(ca_graph_sort(m->graph, err));
    return ca_graph_infer(m->graph, err);
}

CarinaStatus carina_model_use_statistics(CarinaModel *m, int *n_layers, CarinaError *err)
{
    return ca_statistics_use(m->graph, n_layers, err);
}

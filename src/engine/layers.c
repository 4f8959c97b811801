/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models that stand for layers of another: each is read once, when a reader first meets its layer. One may have layers
 * that others stand for, but none that is itself.
 */
#include "engine/layers.h"

#include "base/text.h"
#include "engine/read.h"

#include <string.h>

enum { MOST_LAYERS = 1024 };

typedef struct Layer {
    const char *type, *path;
    CaGraph *graph; /* NULL: not read yet */
    bool is_open;   /* being read */
} Layer;

struct CaLayers {
    const CaCustoms *customs;
    int n;
    Layer list[];
};

static Layer *find(struct CaLayers *all, const char *type)
{
    for (int i = 0; i < all->n; i++)
        if (strcmp(all->list[i].type, type) == 0)
            return &all->list[i];
    return NULL;
}

static bool has_layer(void *arg, const char *type) { return find(arg, type) != NULL; }

static CarinaStatus layer(const CaGraph **out, void *arg, const char *type,
                          CarinaError *err)
{
    struct CaLayers *all = arg;
    Layer *l = find(all, type);
    const CarinaReadOptions none = {.struct_size = sizeof none};
    CaSource source = {
        .path = l->path, .options = &none, .customs = all->customs, .err = err};
    *out = NULL;
    if (l->is_open)
        return ca_err(err, CARINA_ERR_FORMAT,
                      "%s: stands for layers of type %s and has such a layer itself, so "
                      "that it would never end",
                      l->path, type);
    if (!l->graph) {
        l->is_open = true;
        const CarinaStatus status = ca_read(&l->graph, &source);
        l->is_open = false;
        CA_TRY(status);
    }
    *out = l->graph;
    return CARINA_OK;
}

CarinaStatus ca_layers_create(CaCustoms *customs, const CarinaReadOptions *o,
                              CarinaError *err)
{
    const int n = o->n_layers;
    if (n <= 0)
        return CARINA_OK;
    struct CaLayers *all =
        n > MOST_LAYERS ? NULL : ca_alloc(sizeof *all + (size_t)n * sizeof(Layer));
    if (!all)
        return ca_err(err, CARINA_ERR_LIMIT,
                      "%d layers that models stand for; at most %d are possible", n,
                      MOST_LAYERS);
    customs->has_layer = has_layer;
    customs->layer = layer;
    customs->layer_arg = all;
    all->customs = customs;
    for (int i = 0; i < n; i++) {
        const CarinaReadLayer *given = &o->layers[i];
        if (!given->type || !given->type[0] || !given->path || !given->path[0])
            return ca_err(err, CARINA_ERR_ARGUMENT,
                          "a layer that a model stands for needs a type and a file");
        if (find(all, given->type))
            return ca_err(err, CARINA_ERR_ARGUMENT,
                          "two models stand for layers of type %s; give one",
                          given->type);
        all->list[all->n++] = (Layer){.type = given->type, .path = given->path};
    }
    return CARINA_OK;
}

void ca_layers_free(CaCustoms *customs)
{
    struct CaLayers *all = customs->layer_arg;
    for (int i = 0; all && i < all->n; i++)
        ca_graph_free(&all->list[i].graph);
    ca_free(all);
    customs->layer_arg = NULL;
}

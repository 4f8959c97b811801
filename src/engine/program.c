/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: a graph with its shapes fixed, compiled for the device; of a model with dynamic dimensions one for each
 * set of shapes that is asked for, a bounded number of them.
 */
#include "engine/compiled.h"

#include "engine/cache.h"
#include "graph/op.h"
#include "passes/pass.h"
#include "passes/statistics.h"
#include "passes/whole_steps.h"

#include <string.h>

bool ca_graph_is_dynamic(const CaGraph *g)
{
    for (int i = 0; i < g->n_inputs; i++)
        if (!ca_shape_is_static(&((const CaParameterAttrs *)g->inputs[i]->attrs)->shape))
            return true;
    return false;
}

/* Loops whose length is known run by kernels, not by their definition. */
static CarinaStatus take_bodies_apart(CaGraph *g, CarinaError *err)
{
    int n_changes = 0;
    CA_EACH_NODE(n, g)
        if (n->n_bodies)
            return ca_pass_unroll_loops.run(g, &n_changes, err);
    return CARINA_OK;
}

/* Inputs get these shapes; where none are given, dynamic dimensions become 1. */
static CarinaStatus make_static(CaGraph *g, const CarinaShape *shapes, CarinaError *err)
{
    char text[CA_SHAPE_TEXT];
    const bool is_dynamic = ca_graph_is_dynamic(g);
    for (int i = 0; i < g->n_inputs; i++) {
        CaParameterAttrs *p = g->inputs[i]->attrs;
        if (shapes)
            p->shape = shapes[i];
        if (p->shape.rank < 0)
            return ca_err(err, CARINA_ERR_SHAPE,
                          "input '%s' has no shape; give one (--input-shape)",
                          g->inputs[i]->name);
        for (int d = 0; d < p->shape.rank; d++)
            if (p->shape.dims[d] < 0)
                p->shape.dims[d] = 1;
    }
    if (is_dynamic)
        CA_TRY(ca_graph_infer(g, err));
    CA_TRY(take_bodies_apart(g, err));
    CA_EACH_NODE(n, g)
        for (int i = 0; i < n->n_outputs; i++)
            if (!ca_shape_is_static(&n->outputs[i].shape))
                return ca_err(
                    err, CARINA_ERR_UNSUPPORTED,
                    "node '%s' (%s): its output %s depends on the data, which no device offers yet",
                    n->name, n->op_name,
                    ca_shape_text(text, sizeof text, &n->outputs[i].shape));
    return CARINA_OK;
}

/* Does some reader need the value's elements to be known itself? A Convert between floating types whose readers all
 * have other, unknown inputs is left to the device, which widens while packing. */
static bool is_worth_folding(const CaNode *n)
{
    if (!ca_node_is(n, "Convert") || !ca_type_is_real(n->outputs[0].type) ||
        !ca_type_is_real(n->inputs[0].value->type))
        return true;
    for (const CaUse *u = n->outputs[0].uses; u; u = u->next) {
        bool others_known = u->node->n_outputs > 0 && !ca_node_is(u->node, "Result");
        for (int i = 0; i < u->node->n_inputs; i++) {
            const CaValue *v = u->node->inputs[i].value;
            others_known = others_known && (!v || v->constant || v->node == n);
        }
        if (others_known)
            return true;
    }
    return false;
}

static const CaNode *only_reader(const CaNode *n)
{
    const CaUse *u = n->n_outputs == 1 ? n->outputs[0].uses : NULL;
    return u && !u->next ? u->node : NULL;
}

/* Integers that become the filter of a convolution or a product of matrices, by (x - zero) * scale: a device that
 * computes in INT8 packs them as they are. */
static bool is_stored_filter(const CaNode *n)
{
    if (!ca_node_is(n, "Convert") || n->outputs[0].type != CARINA_F32 ||
        n->inputs[0].value->type != CARINA_I8)
        return false;
    const CaNode *r = only_reader(n);
    if (r && ca_node_is(r, "Subtract"))
        r = only_reader(r);
    if (!r || !ca_node_is(r, "Multiply"))
        return false;
    const CaUse *u = r->outputs[0].uses;
    return u && !u->next && u->index == 1 &&
           (ca_node_is(u->node, "Convolution") || ca_node_is(u->node, "MatMul"));
}

/* What depends on constants only is computed here, once: INT8 weights, tables of anchors. */
static CarinaStatus fold(CaGraph *g, bool keeps_filters, CarinaError *err)
{
    CA_EACH_NODE(n, g) {
        bool is_known = ca_op_folds(n->op) && n->n_inputs > 0 && n->n_inputs <= 16 &&
                        n->n_outputs <= 16;
        for (int i = 0; is_known && i < n->n_inputs; i++)
            is_known = !n->inputs[i].value || n->inputs[i].value->constant;
        if (is_known && !n->outputs[0].constant && is_worth_folding(n) &&
            !(keeps_filters && is_stored_filter(n)))
            CA_TRY(ca_node_know(g, n, err));
    }
    return CARINA_OK;
}

static CarinaStatus ports(CaPortData **out, int *n_out, CaNode *const *nodes, int n,
                          bool is_output, CarinaError *err)
{
    *out = ca_alloc((size_t)n * sizeof **out + 1);
    if (!*out)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the compiled model");
    *n_out = n;
    for (int i = 0; i < n; i++) {
        const CaValue *v = is_output ? nodes[i]->inputs[0].value : &nodes[i]->outputs[0];
        const size_t size = strlen(nodes[i]->name) + 1;
        CaPortData *p = &(*out)[i];
        p->type = v->type;
        p->shape = v->shape;
        p->name = ca_alloc(size);
        if (!p->name)
            return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the compiled model");
        memcpy(p->name, nodes[i]->name, size);
    }
    return CARINA_OK;
}

static void free_ports(CaPortData *p, int n)
{
    for (int i = 0; p && i < n; i++)
        ca_free(p[i].name);
    ca_free(p);
}

void ca_program_unref(CaProgram **program, const CaDevice *device)
{
    CaProgram *p = *program;
    *program = NULL;
    if (!p || __atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (p->program)
        device->plugin->discard(p->program);
    ca_graph_free(&p->graph);
    free_ports(p->inputs, p->n_inputs);
    free_ports(p->outputs, p->n_outputs);
    ca_states_free(&p->first_states, p->n_states);
    ca_free(p->counters);
    ca_free(p);
}

/* The sum over the nodes that are left to compute; UINT64_MAX where the device refuses one. */
static uint64_t cost(const void *device, const CaGraph *g)
{
    const CaDevice *d = device;
    uint64_t sum = 0;
    CA_EACH_NODE(n, g) {
        if (n->n_inputs == 0 || n->n_outputs == 0 || n->outputs[0].constant)
            continue;
        const uint64_t c = d->plugin->node_cost(d->dev, n);
        if (c == 0 || c > UINT64_MAX - sum)
            return UINT64_MAX;
        sum += c;
    }
    return sum;
}

static CarinaStatus make(CaProgram *p, const CarinaCompiled *exe,
                         const CarinaShape *shapes, CarinaError *err)
{
    const bool is_dynamic = ca_graph_is_dynamic(p->graph);
    const CarinaPlugin *plugin = exe->device->plugin;
    char cache[1200] = "";
    const bool is_int8 = strcmp(exe->precision, "int8") == 0;
    int n_changes = 0;
    if (is_int8)
        CA_TRY(ca_statistics_use(p->graph, &n_changes, err));
    CA_TRY(make_static(p->graph, shapes, err));
    /* Passes that need shapes had none. */
    if (is_dynamic)
        CA_TRY(ca_passes_run(p->graph, NULL, NULL, NULL, err));
    if (is_int8)
        CA_TRY(ca_pass_whole_steps.run(p->graph, &n_changes, err));
    CA_TRY(fold(p->graph, plugin->node_cost && is_int8, err));
    const int n_in = p->graph->n_inputs, n_out = p->graph->n_outputs;
    CA_TRY(ca_states_expose(p, err));
    if (plugin->node_cost)
        CA_TRY(ca_passes_run_for_device(&p->graph, cost, exe->device, err));
    CaGraph *const g = p->graph;
    if (*exe->cache_dir)
        ca_cache_file(cache, sizeof cache, exe, g);
    const CarinaOption options[] = {{"precision", exe->precision},
                                    {"exact", exe->exact ? "yes" : "no"},
                                    {"memory", exe->is_low ? "low" : "fast"},
                                    {"cache", cache},
                                    {"tune", exe->tune ? "yes" : "no"},
                                    {"tuned", exe->tuned},
                                    {NULL, NULL}};
    CA_TRY(ports(&p->inputs, &p->n_inputs, g->inputs, n_in, false, err));
    CA_TRY(ports(&p->outputs, &p->n_outputs, g->outputs, n_out, true, err));
    CA_TRY(plugin->compile(&p->program, exe->device->dev, g, options, err));
    if (*cache)
        ca_cache_used(exe->cache_dir, cache);
    ca_graph_drop_constants(g);
    while (plugin->step && plugin->step(p->program, p->n_steps))
        p->n_steps++;
    p->counters = ca_alloc((size_t)p->n_steps * sizeof *p->counters + 1);
    return p->counters ? CARINA_OK
                       : ca_err(err, CARINA_ERR_MEMORY, "out of memory for counters");
}

CarinaStatus ca_program_create(CaProgram **out, CarinaCompiled *exe, CaGraph *graph,
                               const CarinaShape *shapes, CarinaError *err)
{
    *out = ca_alloc(sizeof **out);
    if (!*out) {
        ca_graph_free(&graph);
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the compiled model");
    }
    (*out)->refs = 1;
    (*out)->id = ++exe->n_made;
    (*out)->graph = graph;
    const CarinaStatus status = make(*out, exe, shapes, err);
    if (status != CARINA_OK)
        ca_program_unref(out, exe->device);
    return status;
}

static bool has_shapes(const CaProgram *p, const CarinaShape *shapes)
{
    for (int i = 0; i < p->n_inputs; i++)
        if (!ca_shape_equal(&p->inputs[i].shape, &shapes[i]))
            return false;
    return true;
}

/* One reference is the caller's and one stays in the list, in the place of the program that was asked for longest ago;
 * the first is never let go. */
CarinaStatus ca_program_find(CaProgram **out, CarinaCompiled *exe,
                             const CarinaShape *shapes, CarinaError *err)
{
    CaProgram *found = NULL, *oldest = NULL;
    int place = 0;
    CarinaStatus status = CARINA_OK;
    pthread_mutex_lock(
        &exe->making); /* one is made at a time: the second asker finds the first one's */
    pthread_mutex_lock(&exe->lock);
    if (has_shapes(exe->programs[0], shapes))
        found = exe->programs[0];
    for (int i = 1; i < CA_MAX_PROGRAMS && !found; i++) {
        CaProgram *p = exe->programs[i];
        if (p && has_shapes(p, shapes))
            found = p;
        else if (!place ||
                 (exe->programs[place] && (!p || p->asked < exe->programs[place]->asked)))
            place = i;
    }
    if (found) {
        found->asked = ++exe->n_asked;
        __atomic_add_fetch(&found->refs, 1, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&exe->lock);
    if (!found) {
        CaGraph *graph = NULL;
        status = ca_graph_copy(&graph, exe->model, err);
        if (status == CARINA_OK)
            status = ca_program_create(&found, exe, graph, shapes, err);
        if (status == CARINA_OK) {
            found->refs = 2;
            pthread_mutex_lock(&exe->lock);
            found->asked = ++exe->n_asked;
            oldest = exe->programs[place];
            exe->programs[place] = found;
            pthread_mutex_unlock(&exe->lock);
        }
    }
    pthread_mutex_unlock(&exe->making);
    ca_program_unref(&oldest, exe->device);
    *out = found;
    return status;
}

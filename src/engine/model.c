/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, looking at, reshaping and writing models.
 */
#include "engine/model_own.h"

#include "base/file.h"
#include "engine/extensions.h"
#include "engine/layers.h"
#include "engine/read.h"
#include "graph/op.h"
#include "ir/ir.h"
#include "passes/pass.h"
#include "passes/statistics.h"

#include <stdio.h>
#include <string.h>

CarinaStatus carina_model_read(CarinaModel **out, CarinaContext *ctx, const char *path,
                               const CarinaReadOptions *options, CarinaError *err)
{
    CarinaReadOptions o = {.struct_size = sizeof o};
    CaCustoms customs = {.extensions = ca_extensions(ctx)};
    CaSource source = {.path = path, .options = &o, .customs = &customs, .err = err};
    *out = NULL;
    if (options)
        memcpy(&o, options,
               options->struct_size && options->struct_size < sizeof o
                   ? options->struct_size
                   : sizeof o);
    CarinaModel *m = ca_alloc(sizeof *m);
    if (!m)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", path);
    m->ctx = ctx;
    CarinaStatus status = ca_layers_create(&customs, &o, err);
    if (status == CARINA_OK)
        status = ca_read(&m->graph, &source);
    ca_layers_free(&customs);
    memcpy(m->format, source.format, sizeof m->format);
    if (status != CARINA_OK) {
        carina_model_free(&m);
        return status;
    }
    *out = m;
    return CARINA_OK;
}

void carina_model_free(CarinaModel **model)
{
    if (!model || !*model)
        return;
    ca_graph_free(&(*model)->graph);
    ca_free(*model);
    *model = NULL;
}

const char *carina_model_format(const CarinaModel *m) { return m->format; }

const CarinaGraph *carina_model_graph(const CarinaModel *m) { return m->graph; }

const char *carina_model_metadata(const CarinaModel *m, const char *key)
{
    return ca_info_find(m->graph->info, key);
}

CarinaStatus carina_model_set_metadata(CarinaModel *m, const char *key, const char *value,
                                       CarinaError *err)
{
    if (!key || !key[0] || !value || strncmp(key, "ir.", 3) == 0)
        return ca_err(
            err, CARINA_ERR_ARGUMENT,
            "metadata needs a key, which does not begin with 'ir.', and a value");
    ca_graph_set_info(m->graph, key, value);
    return ca_text_equal(ca_info_find(m->graph->info, key), value)
               ? CARINA_OK
               : ca_err(err, CARINA_ERR_MEMORY, "out of memory for metadata '%s'", key);
}

int carina_model_n_inputs(const CarinaModel *m) { return m->graph->n_inputs; }

int carina_model_n_outputs(const CarinaModel *m) { return m->graph->n_outputs; }

/* Image-like: [N, 1..4, H, W] or [N, H, W, 1..4]. */
static const char *layout_of(const CarinaShape *s)
{
    if (s->rank != 4)
        return "";
    if (s->dims[1] >= 1 && s->dims[1] <= 4)
        return "NCHW";
    return s->dims[3] >= 1 && s->dims[3] <= 4 ? "NHWC" : "NCHW";
}

CarinaPort carina_model_input(const CarinaModel *m, int i)
{
    const CarinaPort none = {"", CARINA_UNKNOWN, {CARINA_DYNAMIC, {0}}, ""};
    if (i < 0 || i >= m->graph->n_inputs)
        return none;
    const CaNode *n = m->graph->inputs[i];
    return (CarinaPort){n->name, n->outputs[0].type, n->outputs[0].shape,
                        layout_of(&n->outputs[0].shape)};
}

/* A Result has the name of what it shows, as users know it: the tensor's own name where it has one. */
static const char *result_name(const CaNode *n) { return n->name; }

CarinaPort carina_model_output(const CarinaModel *m, int i)
{
    const CarinaPort none = {"", CARINA_UNKNOWN, {CARINA_DYNAMIC, {0}}, ""};
    if (i < 0 || i >= m->graph->n_outputs)
        return none;
    const CaNode *n = m->graph->outputs[i];
    const CaValue *v = n->inputs[0].value;
    return (CarinaPort){result_name(n), v->type, v->shape, layout_of(&v->shape)};
}

int carina_model_find_input(const CarinaModel *m, const char *name)
{
    for (int i = 0; i < m->graph->n_inputs; i++) {
        const CaNode *n = m->graph->inputs[i];
        if (strcmp(n->name, name) == 0 || ca_text_in_list(n->outputs[0].name, name))
            return i;
    }
    return -1;
}

int carina_model_find_output(const CarinaModel *m, const char *name)
{
    for (int i = 0; i < m->graph->n_outputs; i++) {
        const CaNode *n = m->graph->outputs[i];
        const CaValue *v = n->inputs[0].value;
        if (strcmp(n->name, name) == 0 || strcmp(v->node->name, name) == 0 ||
            ca_text_in_list(v->name, name))
            return i;
    }
    return -1;
}

static CaParameterAttrs *parameter(const CarinaModel *m, int i)
{
    return m->graph->inputs[i]->attrs;
}

CarinaStatus carina_model_reshape(CarinaModel *m, int i, const CarinaShape *shape,
                                  CarinaError *err)
{
    if (i < 0 || i >= m->graph->n_inputs)
        return ca_err(err, CARINA_ERR_ARGUMENT, "input %d: the model has %d", i,
                      m->graph->n_inputs);
    const CarinaShape old = parameter(m, i)->shape;
    parameter(m, i)->shape = *shape;
    const CarinaStatus status = ca_graph_infer(m->graph, err);
    if (status != CARINA_OK) {
        parameter(m, i)->shape = old;
        (void)ca_graph_infer(m->graph, NULL);
    }
    return status;
}

CarinaStatus carina_model_set_batch(CarinaModel *m, int64_t batch, CarinaError *err)
{
    for (int i = 0; i < m->graph->n_inputs; i++) {
        CarinaShape *s = &parameter(m, i)->shape;
        if (s->rank > 0)
            s->dims[0] = batch;
    }
    return ca_graph_infer(m->graph, err);
}

CarinaStatus carina_model_optimize(CarinaModel *m, const CarinaOptimizeOptions *options,
                                   CarinaError *err)
{
    /* They are of values that may be gone then. */
    ca_statistics_drop(m->graph);
    return ca_passes_run(m->graph, options ? options->disable : NULL,
                         options ? options->report : NULL,
                         options ? options->report_arg : NULL, err);
}

const char *carina_pass_name(int i)
{
    const CaPass *p = ca_pass_at(i);
    return p ? p->name : NULL;
}

const char *carina_pass_summary(int i)
{
    const CaPass *p = ca_pass_at(i);
    return p ? p->summary : NULL;
}

CarinaStatus carina_model_write(const CarinaModel *m, const char *stem,
                                const CarinaWriteOptions *options, CarinaError *err)
{
    const int version = options && options->ir_version ? options->ir_version : 11;
    if (version != 10 && version != 11)
        return ca_err(err, CARINA_ERR_ARGUMENT,
                      "IR version %d cannot be written, only 10 and 11", version);
    return ca_ir_write(m->graph, stem, version, options && options->fp16, err);
}

const char *carina_op_name(int i)
{
    const CaOp *op = ca_op_at(i);
    return op ? op->name : NULL;
}

const char *carina_op_summary(int i)
{
    const CaOp *op = ca_op_at(i);
    return op ? op->summary : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads IR versions 2 to 7: layers in the order of their edges, each by the function of its type; then the outputs,
 * the preparation of inputs and the statistics of calibration.
 */
#include "ir/ir_legacy.h"

#include "formats/custom_call.h"
#include "ir/ir.h"

#include <string.h>

static bool is_type(const CaIrLayer *l, const char *type)
{
    return ca_text_equal_nocase(l->type, type);
}

/* --- One layer. */

static const CaLegacyOp *find_op(const char *type)
{
    static const CaLegacyOp *const tables[] = {
        ca_legacy_ports,    ca_legacy_nn,     ca_legacy_math,
        ca_legacy_moves,    ca_legacy_detect, ca_legacy_regions,
        ca_legacy_sampling, ca_legacy_rnn,    ca_legacy_body};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const CaLegacyOp *op = tables[t]; op->type; op++)
            if (ca_text_equal_nocase(op->type, type))
                return op;
    return NULL;
}

/* <data>, or what older files call it: <convolution_data>, <fc>, <crop-data>. */
static const xmlNode *find_data(const xmlNode *layer)
{
    static const char others[] = "input,output,blobs,weights,biases,custom,rt_info,"
                                 "port_map,back_edges,body";
    const xmlNode *x = ca_xml_child(layer, "data");
    if (x)
        return x;
    for (x = ca_xml_child(layer, NULL); x; x = ca_xml_next(x, NULL))
        if (!ca_text_in_list(others, (const char *)x->name))
            return x;
    return NULL;
}

static CarinaStatus open_call(CaLegacyCall *c, CaLegacy *r, CaIrLayer *l)
{
    const char *precision = ca_xml_attr(l->xml, "precision");
    *c = (CaLegacyCall){.b = {.graph = r->graph,
                              .work = r->net.arena,
                              .path = r->net.path,
                              .err = r->net.err,
                              .noun = "layer",
                              .name = l->name,
                              .type = l->type,
                              .customs = r->customs},
                        .r = r,
                        .l = l,
                        .data = find_data(l->xml),
                        .first_id = r->graph->own->next_id,
                        .n_in = l->n_in,
                        .n_out = l->n_out};
    c->precision = precision ? ca_legacy_precision(c, precision) : CARINA_UNKNOWN;
    if (c->precision == CARINA_UNKNOWN)
        c->precision = r->precision;
    l->values = ca_arena_array(r->net.arena, (size_t)l->n_out + 1, sizeof *l->values);
    c->in = ca_arena_array(r->net.arena, (size_t)l->n_in + 1, sizeof *c->in);
    c->out = l->values;
    return l->values && c->in ? c->b.status : ca_ir_no_memory(&r->net);
}

static CarinaStatus take_inputs(CaLegacyCall *c, CaValue ***given)
{
    const int32_t index = (int32_t)(c->l - c->r->net.layers);
    for (int i = 0; i < c->n_in; i++) {
        const CaIrSource *s = &c->l->from[i];
        if (given && given[index] && given[index][i])
            c->in[i] = given[index][i];
        else if (s->layer >= 0)
            c->in[i] = c->r->net.layers[s->layer].values[s->port];
        if (!c->in[i])
            return ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                                 "no edge ends at input port %lld",
                                 (long long)c->l->in_ids[i]);
    }
    return CARINA_OK;
}

/* The type in which the file says output i comes: that of the port, else of the layer. */
static CarinaType stated_type(CaLegacyCall *c, int i)
{
    const char *precision = ca_xml_attr(c->l->out_ports[i], "precision");
    CarinaType type = precision ? ca_legacy_precision(c, precision) : CARINA_UNKNOWN;
    return ca_legacy_work_type(type != CARINA_UNKNOWN ? type : c->precision);
}

/* Indices and truths are numbers there; the sizes of whole numbers differ. */
static void settle_type(CaLegacyCall *c, int i)
{
    const CarinaType want = stated_type(c, i), have = ca_build_type(&c->b, c->out[i]);
    const bool is_number =
        ca_type_is_real(want) || want == CARINA_I32 || want == CARINA_I64;
    if (have != want && is_number && !ca_type_is_real(have))
        c->out[i] = ca_build_convert(&c->b, c->out[i], want);
}

/* Shapes without scalars: where only dimensions of 1 differ, the stated ones win. */
static void settle_shape(CaLegacyCall *c, int i)
{
    char theirs[CA_SHAPE_TEXT], ours[CA_SHAPE_TEXT];
    const CarinaShape want = ca_legacy_stated(c, i),
                      have = ca_build_shape(&c->b, c->out[i]);
    int64_t n = 0, m = 0;
    if (c->b.status != CARINA_OK || ca_shape_equal(&want, &have))
        return;
    if (ca_shape_count(&want, &n) && ca_shape_count(&have, &m) && n == m)
        c->out[i] = ca_build_reshape(&c->b, c->out[i], want.dims, want.rank);
    else if (ca_shape_is_static(&have))
        ca_build_fail(&c->b, CARINA_ERR_SHAPE,
                      "output port %lld says %s, but its inputs make it %s",
                      (long long)c->l->out_ids[i],
                      ca_shape_text(theirs, sizeof theirs, &want),
                      ca_shape_text(ours, sizeof ours, &have));
}

/* The node that makes the first output is called like the layer. */
static void name_outputs(CaLegacyCall *c)
{
    for (int i = 0; i < c->n_out && c->b.status == CARINA_OK; i++) {
        CaValue *v = c->out[i];
        if (v->node->id < c->first_id)
            continue; /* a layer that does nothing */
        if (i == 0)
            ca_build_ok(&c->b, ca_node_rename(c->b.graph, v->node, c->b.name, c->b.err));
        const char *names = ca_xml_attr(c->l->out_ports[i], "names");
        const char *name = names && names[0] ? names
                           : c->n_out == 1
                               ? c->b.name
                               : ca_arena_printf(c->b.work, "%s.%d", c->b.name, i);
        if (name)
            ca_value_set_name(c->b.graph, v, name);
    }
}

/* Nodes of one operator in one layer are numbered, so that no two have one name. */
static void tell_apart(CaLegacyCall *c)
{
    for (CaNode *n = c->b.graph->last; n && n->id >= c->first_id; n = n->prev) {
        int earlier = 1;
        for (const CaNode *m = n->prev; m && m->id >= c->first_id; m = m->prev)
            earlier += strcmp(m->name, n->name) == 0;
        const char *name =
            earlier > 1 ? ca_arena_printf(c->b.work, "%s_%d", n->name, earlier) : NULL;
        if (name)
            ca_build_ok(&c->b, ca_node_rename(c->b.graph, n, name, c->b.err));
    }
}

static void close_call(CaLegacyCall *c)
{
    for (int i = 0; ca_build_settle(&c->b) && i < c->n_out; i++) {
        if (!c->out[i]) {
            ca_build_fail(&c->b, CARINA_ERR_FORMAT,
                          "it has %d output ports, a layer of this type %d", c->n_out, i);
            return;
        }
        settle_type(c, i);
        settle_shape(c, i);
    }
    if (ca_build_settle(&c->b))
        name_outputs(c);
    if (ca_build_settle(&c->b))
        tell_apart(c);
}

static CarinaStatus read_layer(CaLegacy *r, CaIrLayer *l, CaValue ***given)
{
    CaLegacyCall c;
    const CaLegacyOp *op = find_op(l->type);
    CA_TRY(open_call(&c, r, l));
    CA_TRY(take_inputs(&c, given));
    const bool is_custom = ca_custom_is(&c.b, CARINA_FORMAT_IR, NULL, l->type);
    if (!op && !is_custom)
        return ca_build_fail(
            &c.b, CARINA_ERR_UNSUPPORTED,
            "a type of layer that Carina does not know; load an extension "
            "that has it (-l FILE), or convert the original model");
    if (is_custom) {
        ca_legacy_custom(&c);
        close_call(&c);
        return c.b.status;
    }
    if (c.n_in < op->min_in || c.n_in > op->max_in)
        return ca_build_fail(&c.b, CARINA_ERR_FORMAT,
                             "it has %d input ports, a layer of this type %s %d", c.n_in,
                             c.n_in < op->min_in ? "at least" : "at most",
                             c.n_in < op->min_in ? op->min_in : op->max_in);
    op->fn(&c);
    close_call(&c);
    return c.b.status;
}

/* Depth first along the edges, in the file's order where it is free; live: on the stack. */
CarinaStatus ca_legacy_layers(CaLegacy *r, CaValue ***given)
{
    CaIrNet *net = &r->net;
    int32_t *stack = ca_arena_array(net->arena, (size_t)net->n + 1, sizeof *stack);
    if (!stack)
        return ca_ir_no_memory(net);
    for (int32_t i = 0; i < net->n; i++) {
        CaIrLayer *l = &net->layers[i];
        if (!l->name[0])
            l->name = ca_arena_printf(net->arena, "%s_%lld", l->type, (long long)l->id);
        if (!l->name)
            return ca_ir_no_memory(net);
    }
    for (int32_t i = 0; i < net->n; i++)
        if (is_type(&net->layers[i], "Input"))
            CA_TRY(read_layer(r, &net->layers[i], given));
    for (int32_t i = 0; i < net->n; i++) {
        int32_t depth = 0;
        if (!net->layers[i].values)
            stack[depth++] = i;
        while (depth) {
            CaIrLayer *l = &net->layers[stack[depth - 1]];
            int32_t need = -1;
            l->live = true;
            for (int32_t k = 0; k < l->n_in && need < 0; k++)
                if (l->from[k].layer >= 0 && !net->layers[l->from[k].layer].values)
                    need = l->from[k].layer;
            if (need < 0) {
                CA_TRY(read_layer(r, l, given));
                depth--;
            } else if (net->layers[need].live) {
                return ca_ir_fail(net, &net->layers[need], CARINA_ERR_FORMAT,
                                  "it depends on itself: the edges make a cycle");
            } else {
                stack[depth++] = need;
            }
        }
    }
    return CARINA_OK;
}

/* --- Outputs: whatever nobody reads. */

static CarinaStatus make_output(CaLegacy *r, const CaIrLayer *l, int32_t port)
{
    CarinaError e = {0};
    const char *name = l->n_out == 1
                           ? l->name
                           : ca_arena_printf(r->net.arena, "%s.%d", l->name, (int)port);
    if (!name)
        return ca_ir_no_memory(&r->net);
    if (ca_graph_result(r->graph, name, l->values[port], &e) != CARINA_OK)
        return ca_err(r->net.err, e.code, "%s: %s", r->net.path, e.text);
    return CARINA_OK;
}

static CarinaStatus make_outputs(CaLegacy *r)
{
    const CaIrNet *net = &r->net;
    bool **is_read = ca_arena_array(net->arena, (size_t)net->n + 1, sizeof *is_read);
    bool any_side = false;
    for (int32_t i = 0; is_read && i < net->n; i++)
        if (!(is_read[i] = ca_arena_array(net->arena, (size_t)net->layers[i].n_out + 1,
                                          sizeof **is_read)))
            return ca_ir_no_memory(net);
    if (!is_read)
        return ca_ir_no_memory(net);
    for (int32_t i = 0; i < net->n; i++)
        for (int32_t k = 0; k < net->layers[i].n_in; k++)
            if (net->layers[i].from[k].layer >= 0)
                is_read[net->layers[i].from[k].layer][net->layers[i].from[k].port] = true;
    for (int32_t i = 0; i < net->n; i++) {
        const CaIrLayer *l = &net->layers[i];
        any_side = any_side || is_type(l, "Memory");
        for (int32_t k = 0; k < l->n_out && !is_type(l, "Input") && !is_type(l, "Const");
             k++)
            if (!is_read[i][k])
                CA_TRY(make_output(r, l, k));
    }
    if (!r->graph->n_outputs && !any_side)
        return ca_err(net->err, CARINA_ERR_FORMAT,
                      "%s: no layer computes anything that could be an output",
                      net->path);
    return CARINA_OK;
}

/* --- All of it. */

/* Layers that lost too much in INT8 were marked to stay as they are. */
static bool stays_real(const CaLegacy *r, const char *name)
{
    for (int32_t i = 0; i < r->net.n; i++) {
        const CaIrLayer *l = &r->net.layers[i];
        const xmlNode *data = ca_text_equal(l->name, name) ? find_data(l->xml) : NULL;
        if (data)
            return ca_text_equal(ca_xml_attr(data, "quantization_level"), "FP32");
    }
    return false;
}

/* Calibration's smallest and largest numbers of each channel of a layer go along with its node
 * (passes/statistics.h). */
static CarinaStatus keep_statistics(CaLegacy *r, const xmlNode *root)
{
    const xmlNode *list = ca_xml_child(ca_xml_child(root, "statistics"), "layers");
    for (const xmlNode *x = ca_xml_child(list, "layer"); x; x = ca_xml_next(x, "layer")) {
        const xmlNode *name = ca_xml_child(x, "name"), *low = ca_xml_child(x, "min"),
                      *high = ca_xml_child(x, "max");
        CaNode *node = name ? ca_graph_find(r->graph, ca_xml_text(name)) : NULL;
        if (!node || !low || !high)
            continue;
        CaText t = {.limit = 1 << 24};
        ca_text_add(&t, "version=\"0\" min=\"");
        ca_xml_escape(&t, ca_xml_text(low));
        ca_text_add(&t, "\" max=\"");
        ca_xml_escape(&t, ca_xml_text(high));
        ca_text_add(&t, "\"%s",
                    stays_real(r, ca_xml_text(name)) ? " level=\"FP32\"" : "");
        const bool good = t.data && !t.failed;
        if (good)
            ca_node_set_info(r->graph, node, "rt_info.statistics", t.data);
        ca_text_free(&t);
        if (!good)
            return ca_ir_no_memory(&r->net);
    }
    return CARINA_OK;
}

static CarinaStatus net_precision(CaLegacy *r, const xmlNode *root)
{
    const char *precision = ca_xml_attr(root, "precision");
    CaLegacyCall c = {.b = {.path = r->net.path,
                            .err = r->net.err,
                            .noun = "network",
                            .name = r->graph->name,
                            .type = "net"}};
    if (precision)
        r->precision = ca_legacy_precision(&c, precision);
    return c.b.status;
}

static CarinaStatus read_net(CaLegacy *r, xmlNode *root)
{
    const char *name = ca_xml_attr(root, "name");
    CarinaError e = {0};
    CA_TRY(ca_graph_create(&r->graph, r->net.err));
    if (name && name[0])
        r->graph->name = ca_arena_copy(ca_graph_arena(r->graph), name);
    if (!r->graph->name)
        return ca_ir_no_memory(&r->net);
    CA_TRY(net_precision(r, root));
    CA_TRY(ca_ir_net_read(&r->net, root));
    CA_TRY(ca_legacy_layers(r, NULL));
    CA_TRY(make_outputs(r));
    ca_graph_sweep(r->graph);
    if (ca_graph_infer(r->graph, &e) != CARINA_OK)
        return ca_err(r->net.err, e.code, "%s: %s", r->net.path, e.text);
    CA_TRY(keep_statistics(r, root));
    return ca_ir_keep_net_info(&r->net, r->graph, root, "pre-process,statistics");
}

CarinaStatus ca_legacy_read(CaGraph **out, const char *path, xmlNode *net,
                            CaBuffer *weights, const CaCustoms *customs, CarinaError *err)
{
    CarinaError spare; /* so that the parts can rewrite the sentence */
    CaLegacy r = {.net = {.path = path, .err = err ? err : &spare},
                  .weights = weights,
                  .customs = customs};
    *out = NULL;
    r.net.arena = ca_arena_create(0);
    const CarinaStatus status = r.net.arena ? read_net(&r, net) : ca_ir_no_memory(&r.net);
    ca_arena_free(&r.net.arena);
    if (status == CARINA_OK)
        *out = r.graph;
    else
        ca_graph_free(&r.graph);
    return status;
}

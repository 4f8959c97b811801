/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads IR versions 10 and 11, and hands 2 to 7 over to ir_legacy: layers by id, ports by id, edges in any order.
 *
 * Nothing in the file is trusted: ids may be sparse, ports may have any number (Model Optimizer numbers the
 * only output of a Const 1), constants may lie unaligned. The shapes it states are compared with ours.
 */
#include "ir/ir.h"

#include "graph/op.h"
#include "ir/ir_attr.h"
#include "ir/ir_legacy.h"
#include "ir/ir_reader.h"

#include <stdio.h>
#include <string.h>

/* What a deeper layer said about a node, with the file in front. */
static CarinaStatus located(CaIrReader *r, const CarinaError *e)
{
    return ca_err(r->net.err, e->code, "%s: %s", r->net.path, e->text);
}

/* Whatever a Result or an Assign needs is made, and every Parameter. */
static CarinaStatus mark_live(CaIrReader *r)
{
    int32_t *stack = ca_arena_array(r->net.arena, (size_t)r->net.n, sizeof *stack);
    int32_t depth = 0, n_results = 0;
    if (!stack)
        return ca_ir_no_memory(&r->net);
    for (int32_t i = 0; i < r->net.n; i++) {
        const char *type = r->net.layers[i].type;
        const bool result = ca_text_equal_nocase(type, "Result");
        n_results += result;
        if (result || ca_text_equal_nocase(type, "Assign")) {
            r->net.layers[i].live = true;
            stack[depth++] = i;
        } else if (ca_text_equal_nocase(type, "Parameter") &&
                   r->net.layers[i].n_in == 0) {
            r->net.layers[i].live = true;
        }
    }
    if (n_results == 0)
        return ca_err(r->net.err, CARINA_ERR_FORMAT,
                      "%s: no layer is a Result; the network computes nothing",
                      r->net.path);
    while (depth) {
        const CaIrLayer *l = &r->net.layers[stack[--depth]];
        for (int32_t i = 0; i < l->n_in; i++) {
            if (l->from[i].layer < 0)
                return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                                  "no edge ends at input port %lld",
                                  (long long)l->in_ids[i]);
            CaIrLayer *source = &r->net.layers[l->from[i].layer];
            if (!source->live) {
                source->live = true;
                stack[depth++] = l->from[i].layer;
            }
        }
    }
    return CARINA_OK;
}

/* --- Nodes. */

/* The opset whose table OpenVINO looks the type up in; 0: the newest. */
static CarinaStatus opset_of(CaIrReader *r, const CaIrLayer *l, int *opset)
{
    static const char *const since2[] = {"MVN", "ROIPooling", "ReorgYolo"};
    const char *version = ca_xml_attr(l->xml, "version");
    int64_t v = 0;
    *opset = 0;
    if (!version)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                          "it has no version, such as \"opset1\"");
    if (strncmp(version, "opset", 5) != 0) {
        if (strcmp(version, "experimental") == 0 ||
            (strcmp(version, "extension") == 0 && ca_op_find(l->type, 6)))
            *opset = 6;
        return CARINA_OK;
    }
    if (!ca_text_int(&v, version + 5, strlen(version + 5)) || v < 1 || v > 1000)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                          "its version is \"%s\", not one such as \"opset1\"", version);
    *opset = (int)v;
    for (size_t i = 0; v == 1 && i < sizeof since2 / sizeof *since2; i++)
        if (ca_text_equal_nocase(l->type, since2[i]))
            *opset = 2;
    return CARINA_OK;
}

static CarinaStatus find_op(CaIrReader *r, const CaIrLayer *l, const CaOp **op,
                            int *opset)
{
    *op = ca_custom_find_ir(r->customs, l->type);
    if (*op)
        return CARINA_OK;
    CA_TRY(opset_of(r, l, opset));
    *op = ca_op_find(l->type, *opset);
    const bool is_own = *op && ((*op)->flags & CA_OP_OWN);
    if (*op && !is_own)
        return CARINA_OK;
    if (!is_own && ca_op_find(l->type, 0))
        return ca_ir_fail(&r->net, l, CARINA_ERR_UNSUPPORTED,
                          "no %s of opset%d or before is known; the first is of opset%d",
                          l->type, *opset, ca_op_find(l->type, 0)->opset);
    const char *near = is_own ? NULL : ca_op_nearest(l->type);
    if (near)
        return ca_ir_fail(
            &r->net, l, CARINA_ERR_UNSUPPORTED,
            "there is no such operator (did they mean %s?); a custom operator "
            "comes with an extension: load it with -l FILE",
            near);
    return ca_ir_fail(
        &r->net, l, CARINA_ERR_UNSUPPORTED,
        "there is no such operator; a custom operator comes with an extension: load it "
        "with -l FILE");
}

static CarinaStatus read_type_and_shape(CaIrReader *r, const CaIrLayer *l,
                                        const xmlNode *data, CarinaType *type,
                                        CarinaShape *shape)
{
    const char *type_name = data ? ca_xml_attr(data, "element_type") : NULL;
    const char *dims = data ? ca_xml_attr(data, "shape") : NULL;
    if (!type_name || !dims)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT, "it has no %s",
                          type_name ? "shape" : "element_type");
    *type = ca_type_find(type_name);
    if (*type == CARINA_UNKNOWN)
        return ca_ir_fail(&r->net, l, CARINA_ERR_UNSUPPORTED,
                          "element type '%s' is not offered", type_name);
    if (!ca_dims_parse(shape, dims, strlen(dims)))
        return ca_ir_fail(&r->net, l, CARINA_ERR_SHAPE,
                          "its shape \"%s\" is no list of at most %d dimensions", dims,
                          CARINA_MAX_RANK);
    return CARINA_OK;
}

static void swap_nibbles(unsigned char *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        data[i] = (unsigned char)(data[i] << 4 | data[i] >> 4);
}

static CarinaStatus tensor_of(CaIrReader *r, CarinaTensor **out, CarinaType type,
                              const CarinaShape *shape, size_t offset, size_t need)
{
    CarinaError e = {0};
    const size_t align = (size_t)(carina_type_bits(type) + 7) / 8;
    const bool nibbles = type == CARINA_I4 || type == CARINA_U4;
    CarinaStatus status;
    if (need &&
        (((uintptr_t)r->weights->data + offset) % align == 0 ||
         ca_tensor_may_lie_anywhere(type, need)) &&
        !(nibbles && r->high_first)) {
        status = ca_tensor_of_buffer(out, type, shape, r->weights, offset, &e);
    } else {
        status = carina_tensor_create(out, type, shape, &e);
        if (status == CARINA_OK && need)
            memcpy((*out)->data, (const char *)r->weights->data + offset, need);
        if (status == CARINA_OK && nibbles && r->high_first) {
            swap_nibbles((*out)->data, need);
            r->swapped = true;
        }
    }
    return status == CARINA_OK ? status : located(r, &e);
}

static CarinaStatus make_constant(CaIrReader *r, CaIrLayer *l, const xmlNode *data)
{
    CarinaType type;
    CarinaShape shape;
    CA_TRY(read_type_and_shape(r, l, data, &type, &shape));
    int64_t offset = 0, size = 0, n = 0;
    size_t need = 0;
    if (!ca_ir_number(data, "offset", &offset) || !ca_ir_number(data, "size", &size) ||
        offset < 0 || size < 0)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                          "its offset or size is no number of 0 or more");
    if (!ca_shape_count(&shape, &n) || !ca_type_size(type, n, &need))
        return ca_ir_fail(&r->net, l, CARINA_ERR_SHAPE,
                          "its shape \"%s\" is not static, or too large",
                          ca_xml_attr(data, "shape"));
    if (need > (size_t)size)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                          "its size is %lld bytes but [%s] %s needs %zu", (long long)size,
                          ca_xml_attr(data, "shape"), carina_type_name(type), need);
    if (need && !r->weights)
        return ca_ir_fail(
            &r->net, l, CARINA_ERR_FILE,
            "its %lld bytes are in a weights file, and there is none; put the "
            ".bin beside the .xml",
            (long long)size);
    const size_t room = r->weights ? r->weights->size : 0;
    if (need && ((uint64_t)offset > room || (uint64_t)size > room - (uint64_t)offset))
        return ca_ir_fail(
            &r->net, l, CARINA_ERR_FORMAT,
            "bytes %lld to %llu of the weights file, which has %zu; the file was "
            "cut or belongs to another model",
            (long long)offset, (unsigned long long)offset + (unsigned long long)size,
            room);
    CarinaTensor *tensor = NULL;
    CaValue *value = NULL;
    CarinaError e = {0};
    CA_TRY(tensor_of(r, &tensor, type, &shape, (size_t)offset, need));
    if (ca_graph_constant(&value, r->graph, NULL, l->name[0] ? l->name : NULL, tensor,
                          &e) != CARINA_OK)
        return located(r, &e);
    l->node = value->node;
    return CARINA_OK;
}

static CarinaStatus make_parameter(CaIrReader *r, CaIrLayer *l, const xmlNode *data)
{
    CarinaType type;
    CarinaShape shape;
    CaValue *value = NULL;
    CarinaError e = {0};
    CA_TRY(read_type_and_shape(r, l, data, &type, &shape));
    if (ca_graph_parameter(&value, r->graph, l->name[0] ? l->name : NULL, type, &shape,
                           &e) != CARINA_OK)
        return located(r, &e);
    l->node = value->node;
    return CARINA_OK;
}

static CarinaStatus set_attributes(CaIrReader *r, const CaIrLayer *l, const xmlNode *data)
{
    for (const xmlAttr *a = data ? data->properties : NULL; a; a = a->next) {
        CarinaError e = {0};
        const char *name = (const char *)a->name;
        const CarinaStatus status =
            ca_node_set_text(r->graph, l->node, name, ca_xml_attr(data, name), &e);
        if (status != CARINA_OK && status != CARINA_ERR_NOT_FOUND)
            return located(r, &e);
    }
    /* A required number that was never set looks like a 0 that was: only here is the difference seen. */
    for (const CarinaAttr *a = l->node->attr_table; a && a->kind != CARINA_ATTR_END; a++)
        if (a->kind == CARINA_ATTR_INT && a->is_required &&
            (!data || !ca_xml_attr(data, a->name)))
            return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT, "attribute %s is missing",
                              a->name);
    return CARINA_OK;
}

static CarinaStatus make_node(CaIrReader *r, CaIrLayer *l)
{
    const xmlNode *data = ca_xml_child(l->xml, "data");
    const CaOp *op = NULL;
    int opset = 0;
    CarinaError e = {0};
    CA_TRY(find_op(r, l, &op, &opset));
    if (strcmp(op->name, "Const") == 0)
        return make_constant(r, l, data);
    if (strcmp(op->name, "Parameter") == 0)
        return make_parameter(r, l, data);
    int n_out = l->n_out;
    if (op->arity.n_out >= 0 && n_out > op->arity.n_out)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                          "it has %d output ports, the operator has %d", n_out,
                          op->arity.n_out);
    if (op->arity.n_out >= 0)
        n_out = op->arity.n_out;
    if (l->n_in < op->arity.min_in ||
        (op->arity.max_in >= 0 && l->n_in > op->arity.max_in))
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                          "it has %d input ports, the operator %d to %d", l->n_in,
                          op->arity.min_in, op->arity.max_in);
    CaValue **none = ca_arena_array(r->net.arena, (size_t)l->n_in, sizeof *none);
    if (l->n_in && !none)
        return ca_ir_no_memory(&r->net);
    if (ca_graph_add_op(&l->node, r->graph, NULL, op, l->name[0] ? l->name : NULL, none,
                        l->n_in, n_out, &e) != CARINA_OK)
        return located(r, &e);
    CA_TRY(set_attributes(r, l, data));
    return ca_ir_read_bodies(r, l);
}

static CaValue *source_of(const CaIrReader *r, const CaIrLayer *l, int32_t i)
{
    return &r->net.layers[l->from[i].layer].node->outputs[l->from[i].port];
}

static bool is_result(const CaIrLayer *l)
{
    return ca_text_equal_nocase(l->type, "Result");
}

static CarinaStatus make_result(CaIrReader *r, CaIrLayer *l)
{
    CarinaError e = {0};
    if (l->n_in != 1)
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT,
                          "it has %d input ports, a Result has 1", l->n_in);
    if (is_result(&r->net.layers[l->from[0].layer]))
        return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT, "it reads another Result");
    if (ca_graph_result(r->graph, l->name[0] ? l->name : NULL, source_of(r, l, 0), &e) !=
        CARINA_OK)
        return located(r, &e);
    l->node = r->graph->outputs[r->graph->n_outputs - 1];
    return CARINA_OK;
}

/* --- What is carried along. */

static CarinaStatus keep_rt_info(CaIrReader *r, const CaIrLayer *l, const xmlNode *parent,
                                 const char *prefix)
{
    const xmlNode *list = ca_xml_child(parent, "rt_info");
    for (const xmlNode *x = ca_xml_child(list, NULL); x; x = ca_xml_next(x, NULL)) {
        const bool user = ca_xml_is(x, "user_data");
        const char *name = ca_xml_attr(x, "name");
        if (!name || (!user && !ca_xml_is(x, "attribute")))
            continue;
        CaText t = {.limit = 1 << 20};
        ca_text_add(&t, "%s", "");
        for (const xmlAttr *a = x->properties; a; a = a->next) {
            if (strcmp((const char *)a->name, "name") == 0)
                continue;
            ca_text_add(&t, "%s%s=\"", t.size ? " " : "", (const char *)a->name);
            ca_xml_escape(&t, ca_xml_attr(x, (const char *)a->name));
            ca_text_add(&t, "\"");
        }
        const char *key = ca_arena_printf(r->net.arena, "%s%s.%s", prefix,
                                          user ? "user_data" : "rt_info", name);
        const bool good = key && !t.failed;
        if (good)
            ca_node_set_info(r->graph, l->node, key, t.data ? t.data : "");
        ca_text_free(&t);
        if (!good)
            return ca_ir_no_memory(&r->net);
    }
    return CARINA_OK;
}

static CarinaStatus keep_layer(CaIrReader *r, const CaIrLayer *l)
{
    char prefix[32];
    CA_TRY(keep_rt_info(r, l, l->xml, ""));
    for (int32_t i = 0; i < l->n_in; i++) {
        snprintf(prefix, sizeof prefix, "in%d.", (int)i);
        CA_TRY(keep_rt_info(r, l, l->in_ports[i], prefix));
    }
    for (int32_t i = 0; i < l->n_out && i < l->node->n_outputs; i++) {
        const char *names = ca_xml_attr(l->out_ports[i], "names");
        snprintf(prefix, sizeof prefix, "out%d.", (int)i);
        CA_TRY(keep_rt_info(r, l, l->out_ports[i], prefix));
        if (names && names[0])
            ca_value_set_name(r->graph, &l->node->outputs[i], names);
    }
    const char *output_names = ca_xml_attr(l->xml, "output_names");
    if (output_names)
        ca_node_set_info(r->graph, l->node, "output_names", output_names);
    return CARINA_OK;
}

static bool says_low_first(const xmlNode *own)
{
    for (const xmlNode *x = ca_xml_child(own, "info"); x; x = ca_xml_next(x, "info"))
        if (ca_text_equal(ca_xml_attr(x, "name"), "first_nibble") &&
            ca_text_equal(ca_xml_attr(x, "value"), "low"))
            return true;
    return false;
}

/* Up to 2023 the first of two 4-bit elements lay in the high half. We write the low half first, and say so
 * where the file keeps an old version's name. */
static bool is_high_first(const CaIrReader *r)
{
    static const char *const keys[] = {"Runtime_version", "MO_version"};
    for (const xmlNode *x = ca_xml_child(r->root, NULL); x; x = ca_xml_next(x, NULL))
        if (says_low_first(ca_xml_is(x, "carina") ? x : ca_xml_child(x, "carina")))
            return false;
    for (const xmlNode *x = ca_xml_child(r->root, NULL); x; x = ca_xml_next(x, NULL))
        for (int i = 0; i < 2; i++) {
            const xmlNode *version = ca_xml_child(x, keys[i]);
            const char *value = version ? ca_xml_attr(version, "value") : NULL;
            int64_t year = 0;
            if (value && strncmp(value, "carina", 6) == 0)
                return false;
            if (value && strlen(value) > 5 && value[4] == '.' &&
                ca_text_int(&year, value, 4))
                return year < 2024;
        }
    return r->version == 10;
}

/* --- All of it. */

/* Rank 0 and an unknown rank look the same: no <dim>. */
static CarinaStatus compare_shape(CaIrReader *r, const CaIrLayer *l, int32_t i)
{
    CarinaShape stated = ca_shape(0, NULL);
    const xmlNode *port = l->out_ports[i];
    for (const xmlNode *d = ca_xml_child(port, "dim"); d; d = ca_xml_next(d, "dim")) {
        const char *text = ca_xml_text(d);
        int64_t v = 0;
        if (stated.rank == CARINA_MAX_RANK)
            return ca_ir_fail(&r->net, l, CARINA_ERR_LIMIT,
                              "output port %lld has more than %d dimensions",
                              (long long)l->out_ids[i], CARINA_MAX_RANK);
        if (!ca_text_int(&v, text, strlen(text)) || v < -1)
            return ca_ir_fail(
                &r->net, l, CARINA_ERR_SHAPE,
                "output port %lld has a dimension \"%.40s\", not a number of -1 or "
                "more",
                (long long)l->out_ids[i], text);
        stated.dims[stated.rank++] = v;
    }
    const CarinaShape *ours = &l->node->outputs[i].shape;
    bool same = stated.rank == 0 || ours->rank < 0 || ours->rank == stated.rank;
    for (int k = 0; same && ours->rank == stated.rank && k < stated.rank; k++)
        same = stated.dims[k] < 0 || ours->dims[k] < 0 || stated.dims[k] == ours->dims[k];
    if (same)
        return CARINA_OK;
    char theirs_text[CA_SHAPE_TEXT], ours_text[CA_SHAPE_TEXT];
    return ca_ir_fail(&r->net, l, CARINA_ERR_SHAPE,
                      "output port %lld says %s, but its inputs make it %s",
                      (long long)l->out_ids[i],
                      ca_shape_text(theirs_text, sizeof theirs_text, &stated),
                      ca_shape_text(ours_text, sizeof ours_text, ours));
}

static CarinaStatus make_nodes(CaIrReader *r)
{
    for (int32_t i = 0; i < r->net.n; i++)
        if (r->net.layers[i].live && !is_result(&r->net.layers[i]))
            CA_TRY(make_node(r, &r->net.layers[i]));
    for (int32_t i = 0; i < r->net.n; i++) {
        CaIrLayer *l = &r->net.layers[i];
        for (int32_t k = 0; l->live && !is_result(l) && k < l->n_in; k++) {
            if (is_result(&r->net.layers[l->from[k].layer]))
                return ca_ir_fail(&r->net, l, CARINA_ERR_FORMAT, "it reads a Result");
            ca_node_set_input(l->node, k, source_of(r, l, k));
        }
    }
    for (int32_t i = 0; i < r->net.n; i++)
        if (r->net.layers[i].live && is_result(&r->net.layers[i]))
            CA_TRY(make_result(r, &r->net.layers[i]));
    return CARINA_OK;
}

CarinaStatus ca_ir_build(CaIrReader *r)
{
    CarinaError e = {0};
    CA_TRY(ca_ir_net_read(&r->net, r->root));
    CA_TRY(mark_live(r));
    if (ca_graph_create(&r->graph, &e) != CARINA_OK)
        return located(r, &e);
    CA_TRY(make_nodes(r));
    if (ca_graph_sort(r->graph, &e) != CARINA_OK)
        return located(r, &e);
    for (int32_t i = 0; i < r->net.n; i++)
        if (r->net.layers[i].live)
            CA_TRY(keep_layer(r, &r->net.layers[i]));
    return CARINA_OK;
}

static CarinaStatus build_model(CaIrReader *r)
{
    CarinaError e = {0};
    const char *name = ca_xml_attr(r->root, "name");
    CA_TRY(ca_ir_build(r));
    r->graph->name = ca_arena_copy(ca_graph_arena(r->graph), name ? name : "");
    if (!r->graph->name)
        return ca_ir_no_memory(&r->net);
    if (ca_graph_infer(r->graph, &e) != CARINA_OK)
        return located(r, &e);
    for (int32_t i = 0; i < r->net.n; i++) {
        const CaIrLayer *l = &r->net.layers[i];
        for (int32_t k = 0; l->live && k < l->n_out && k < l->node->n_outputs; k++)
            CA_TRY(compare_shape(r, l, k));
    }
    if (r->swapped)
        ca_graph_set_info(r->graph, "first_nibble", "low");
    return ca_ir_keep_net_info(&r->net, r->graph, r->root, NULL);
}

static CarinaStatus check_version(CaIrReader *r, xmlNode *root)
{
    int64_t v = 0;
    if (!ca_xml_is(root, "net"))
        return ca_err(r->net.err, CARINA_ERR_FORMAT,
                      "%s: its root element is <%.40s>, that of an IR is <net>",
                      r->net.path, (const char *)root->name);
    if (!ca_ir_number(root, "version", &v) || v < 1)
        return ca_err(r->net.err, CARINA_ERR_FORMAT,
                      "%s: <net> has no version; an IR has 10 or 11 there", r->net.path);
    if (v == 1 || v == 8 || v == 9)
        return ca_err(r->net.err, CARINA_ERR_UNSUPPORTED,
                      "%s: IR v%lld is not read, v2 to v7, v10 and v11 are; convert the "
                      "original model to v10 or v11",
                      r->net.path, (long long)v);
    if (v > 11)
        return ca_err(
            r->net.err, CARINA_ERR_UNSUPPORTED,
            "%s: IR v%lld is newer than the newest known, v11; write the model as "
            "v11",
            r->net.path, (long long)v);
    r->root = root;
    r->version = (int)v;
    return CARINA_OK;
}

static CarinaStatus read_all(CaIrReader *r, xmlDoc *doc)
{
    CA_TRY(check_version(r, xmlDocGetRootElement(doc)));
    if (r->version < 10)
        return ca_legacy_read(&r->graph, r->net.path, r->root, r->weights, r->customs,
                              r->net.err);
    r->high_first = is_high_first(r);
    return build_model(r);
}

CarinaStatus ca_ir_read(CaGraph **out, const char *path, CaBuffer *xml, CaBuffer *weights,
                        int *version, CarinaError *err)
{
    return ca_ir_read_with(out, path, xml, weights, NULL, version, err);
}

CarinaStatus ca_ir_read_with(CaGraph **out, const char *path, CaBuffer *xml,
                             CaBuffer *weights, const CaCustoms *customs, int *version,
                             CarinaError *err)
{
    CaIrReader r = {
        .net = {.path = path, .err = err}, .weights = weights, .customs = customs};
    xmlDoc *doc = NULL;
    *out = NULL;
    CA_TRY(ca_xml_parse(&doc, path, xml->data, xml->size, err));
    r.net.arena = ca_arena_create(0);
    const CarinaStatus status = r.net.arena ? read_all(&r, doc) : ca_ir_no_memory(&r.net);
    if (status == CARINA_OK) {
        *out = r.graph;
        if (version)
            *version = r.version;
    } else {
        ca_graph_free(&r.graph);
    }
    ca_arena_free(&r.net.arena);
    xmlFreeDoc(doc);
    return status;
}

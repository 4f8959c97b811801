/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From nodes to the functions of an extension: what they are given, and what of their answers is believed.
 */
#include "graph/custom.h"

#include <string.h>

enum { KNOWN_MOST = 4096 }; /* elements that infer is shown */

/* --- Finding. */

static bool answers(const CaCustomOp *c, CarinaFormat format, const char *domain,
                    const char *name)
{
    for (const CarinaAlias *a = c->table.aliases; a && a->format != CARINA_FORMAT_END;
         a++)
        if (a->format == format && strcmp(a->name, name) == 0 &&
            strcmp(a->domain ? a->domain : "", domain ? domain : "") == 0)
            return true;
    return false;
}

const CaOp *ca_custom_find(const CaCustoms *customs, CarinaFormat format,
                           const char *domain, const char *name)
{
    for (const CaExtension *e = customs ? customs->extensions : NULL; e; e = e->next)
        for (int i = 0; i < e->n_ops; i++)
            if (answers(&e->ops[i], format, domain, name))
                return &e->ops[i].op;
    return NULL;
}

const CaOp *ca_custom_find_ir(const CaCustoms *customs, const char *type)
{
    for (const CaExtension *e = customs ? customs->extensions : NULL; e; e = e->next)
        for (int i = 0; i < e->n_ops; i++)
            if (strcmp(e->ops[i].op.name, type) == 0 ||
                answers(&e->ops[i], CARINA_FORMAT_IR, NULL, type))
                return &e->ops[i].op;
    return NULL;
}

/* --- Calls. */

typedef struct Ports {
    CarinaCall call;
    CarinaTensor *tensors; /* inputs, then outputs; the block that all is in */
} Ports;

static const CarinaExtensionOp *table_of(const CaNode *node)
{
    return &((const CaCustomOp *)(const void *)node->op)->table;
}

/* The tensor as the extension sees it before there are data. */
static CarinaTensor outline(const CaValue *v)
{
    CarinaTensor t = {.type = v->type, .shape = v->shape};
    if (v->constant && ca_tensor_count(v->constant) <= KNOWN_MOST) {
        t.data = v->constant->data;
        t.size = v->constant->size;
    }
    return t;
}

/* Tensors for all ports, in one block; outputs are of unknown type unless with_outputs. */
static bool make_ports(Ports *p, const CaNode *node, bool with_outputs)
{
    const size_t n_in = (size_t)node->n_inputs, n_out = (size_t)node->n_outputs;
    CarinaTensor *t =
        ca_alloc((n_in + n_out + 1) * (sizeof(CarinaTensor) + sizeof(CarinaTensor *)));
    if (!t)
        return false;
    CarinaTensor **ports = (CarinaTensor **)(void *)(t + n_in + n_out + 1);
    for (size_t i = 0; i < n_in; i++)
        if (node->inputs[i].value) {
            t[i] = outline(node->inputs[i].value);
            ports[i] = &t[i];
        }
    for (size_t i = 0; i < n_out; i++) {
        ports[n_in + i] = &t[n_in + i];
        t[n_in + i] = with_outputs ? outline(&node->outputs[i])
                                   : (CarinaTensor){.shape = ca_shape_unknown()};
    }
    p->tensors = t;
    p->call = (CarinaCall){.struct_size = sizeof p->call,
                           .node = node->name,
                           .attrs = node->attrs,
                           .n_inputs = node->n_inputs,
                           .n_outputs = node->n_outputs,
                           .inputs = (const CarinaTensor *const *)ports,
                           .outputs = ports + n_in};
    return true;
}

/* What the extension said, as one sentence that names the node. */
static CarinaStatus refused(const CaNode *node, const char *what, CarinaStatus status,
                            CarinaError *said, CarinaError *err)
{
    const bool is_known = status < CARINA_OK && status >= CARINA_ERR_LIMIT;
    said->text[sizeof said->text - 1] = 0;
    if (said->text[0])
        return ca_err(err, is_known ? status : CARINA_ERR_ARGUMENT,
                      "node '%.80s' (%s): %.300s", node->name, node->op_name, said->text);
    return ca_err(
        err, is_known ? status : CARINA_ERR_ARGUMENT,
        "node '%.80s' (%s): the extension's %s failed (%s) and does not say why",
        node->name, node->op_name, what,
        is_known ? carina_status_name(status) : "a status that is none");
}

/* --- Shapes. */

static bool is_shape(const CarinaShape *s)
{
    if (s->rank == CARINA_DYNAMIC)
        return true;
    if (s->rank < 0 || s->rank > CARINA_MAX_RANK)
        return false;
    for (int i = 0; i < s->rank; i++)
        if (s->dims[i] < CARINA_DYNAMIC)
            return false;
    return true;
}

static CarinaStatus take_outputs(const CaInferArgs *a, const CarinaTensor *outputs,
                                 CarinaError *err)
{
    for (int i = 0; i < a->node->n_outputs; i++) {
        const CarinaTensor *t = &outputs[i];
        int64_t n = 0;
        size_t size = 0;
        if ((int)t->type <= CARINA_UNKNOWN || (int)t->type > CARINA_BOOL)
            return ca_infer_err(a, err, CARINA_ERR_TYPE,
                                "the extension gives output %d no type that there is", i);
        if (!is_shape(&t->shape))
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "the extension gives output %d a shape that is none (rank %d)", i,
                (int)t->shape.rank);
        if (ca_shape_is_static(&t->shape) &&
            (!ca_shape_count(&t->shape, &n) || !ca_type_size(t->type, n, &size)))
            return ca_infer_err(a, err, CARINA_ERR_LIMIT,
                                "the extension gives output %d a shape that is too large",
                                i);
        const CarinaShape s = t->shape.rank < 0 ? ca_shape_unknown()
                                                : ca_shape(t->shape.rank, t->shape.dims);
        ca_out(a, i, t->type, &s);
    }
    return CARINA_OK;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    Ports p;
    CarinaError said = {CARINA_OK, ""};
    if (!make_ports(&p, a->node, false))
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for shapes");
    CarinaStatus status = table_of(a->node)->infer(&p.call, &said);
    if (status != CARINA_OK)
        status = refused(a->node, "infer", status, &said, err);
    else
        status = take_outputs(a, p.tensors + a->node->n_inputs, err);
    ca_free(p.tensors);
    return status;
}

/* --- Values. */

static size_t work(const CaNode *node)
{
    Ports p;
    size_t size = 0;
    if (!table_of(node)->work_size)
        return 0;
    if (!make_ports(&p, node, true))
        return SIZE_MAX;
    for (int i = 0; i < node->n_inputs + node->n_outputs; i++) {
        p.tensors[i].data = NULL;
        p.tensors[i].size = 0;
    }
    size = table_of(node)->work_size(&p.call);
    ca_free(p.tensors);
    return size;
}

static bool is_aligned(const CarinaTensor *t)
{
    const uintptr_t size = (uintptr_t)carina_type_bits(t->type) / 8;
    return !t || size < 2 || (uintptr_t)t->data % size == 0;
}

/* Large constants are used where they lie in the file (ca_tensor_may_lie_anywhere); an extension gets aligned ones. */
static CarinaStatus align(CarinaTensor **copies, const CarinaTensor **given,
                          const CarinaTensor *const *inputs, int n, CarinaError *err)
{
    for (int i = 0; i < n; i++) {
        given[i] = inputs[i];
        if (!inputs[i] || is_aligned(inputs[i]))
            continue;
        CA_TRY(carina_tensor_create(&copies[i], inputs[i]->type, &inputs[i]->shape, err));
        memcpy(copies[i]->data, inputs[i]->data, inputs[i]->size);
        given[i] = copies[i];
    }
    return CARINA_OK;
}

static CarinaStatus evaluate(const CaNode *node, CarinaTensor *const *outputs,
                             const CarinaTensor *const *inputs, void *memory,
                             size_t work_size, CarinaError *err)
{
    CarinaError said = {CARINA_OK, ""};
    const CarinaCall call = {.struct_size = sizeof call,
                             .node = node->name,
                             .attrs = node->attrs,
                             .n_inputs = node->n_inputs,
                             .n_outputs = node->n_outputs,
                             .inputs = inputs,
                             .outputs = outputs,
                             .work = memory,
                             .work_size = work_size};
    const CarinaStatus status = table_of(node)->evaluate(&call, &said);
    return status == CARINA_OK ? status : refused(node, "evaluate", status, &said, err);
}

static CarinaStatus run_in(const CaNode *node, CarinaTensor *const *outputs,
                           const CarinaTensor *const *inputs, void *memory,
                           size_t work_size, CarinaError *err)
{
    bool aligned = true;
    const int n = node->n_inputs;
    for (int i = 0; i < n; i++)
        aligned = aligned && is_aligned(inputs[i]);
    if (aligned)
        return evaluate(node, outputs, inputs, memory, work_size, err);
    CarinaTensor **copies = ca_alloc(2 * (size_t)n * sizeof *copies);
    if (!copies)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the reference");
    const CarinaTensor **given = (const CarinaTensor **)(void *)(copies + n);
    CarinaStatus status = align(copies, given, inputs, n, err);
    if (status == CARINA_OK)
        status = evaluate(node, outputs, given, memory, work_size, err);
    for (int i = 0; i < n; i++)
        carina_tensor_free(&copies[i]);
    ca_free(copies);
    return status;
}

void ca_custom_bind(CaCustomOp *c)
{
    const CarinaExtensionOp *t = &c->table;
    c->op = (CaOp){
        .name = t->name,
        .opset = 1,
        .summary = t->summary ? t->summary : "",
        .arity = {t->min_inputs, t->max_inputs, t->n_outputs},
        .flags = CA_OP_CUSTOM,
        .attrs_size = t->attrs_size,
        .attrs = t->attrs,
        .infer = infer,
        .run_in = run_in,
        .work = work,
    };
}

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
        CarinaTensor *t = &p.tensors[i];
        t->data = NULL;
        t->size = 0;
        t->type = t->type == CARINA_F16 || t->type == CARINA_BF16 ? CARINA_F32 : t->type;
    }
    size = table_of(node)->work_size(&p.call);
    ca_free(p.tensors);
    return size;
}

static bool is_half(CarinaType type) { return type == CARINA_F16 || type == CARINA_BF16; }

/* May the extension be shown the tensor as it is? Large constants are used where they lie in the file
 * (ca_tensor_may_lie_anywhere), and halves are shown as f32. */
static bool is_fit(const CarinaTensor *t)
{
    const uintptr_t size = (uintptr_t)carina_type_bits(t->type) / 8;
    return !is_half(t->type) && (size < 2 || (uintptr_t)t->data % size == 0);
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

/* Copies of the tensors that do not suit, in shown; the others as they are. */
static CarinaStatus make_fit(CarinaTensor **copies, CarinaTensor **shown,
                             CarinaTensor *const *tensors, int n, bool is_read,
                             CarinaError *err)
{
    for (int i = 0; i < n; i++) {
        const CarinaTensor *t = tensors[i];
        shown[i] = tensors[i];
        if (!t || is_fit(t))
            continue;
        CA_TRY(carina_tensor_create(&copies[i], is_half(t->type) ? CARINA_F32 : t->type,
                                    &t->shape, err));
        if (is_read && copies[i]->type == t->type)
            memcpy(copies[i]->data, t->data, t->size);
        else if (is_read)
            for (int64_t k = 0, count = ca_tensor_count(t); k < count; k++)
                ca_put_real(CARINA_F32, copies[i]->data, k,
                            ca_get_real(t->type, t->data, k));
        shown[i] = copies[i];
    }
    return CARINA_OK;
}

static void store(CarinaTensor *out, const CarinaTensor *copy)
{
    if (copy->type == out->type)
        memcpy(out->data, copy->data, out->size);
    else
        for (int64_t k = 0, count = ca_tensor_count(out); k < count; k++)
            ca_put_real(out->type, out->data, k, ca_get_real(copy->type, copy->data, k));
}

static CarinaStatus run_on_copies(const CaNode *node, CarinaTensor *const *outputs,
                                  const CarinaTensor *const *inputs, void *memory,
                                  size_t work_size, CarinaError *err)
{
    const int n_in = node->n_inputs, n_out = node->n_outputs, n = n_in + n_out;
    CarinaTensor **copies = ca_alloc(2 * (size_t)n * sizeof(CarinaTensor *));
    if (!copies)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the reference");
    CarinaTensor **shown = copies + n;
    CarinaStatus status = make_fit(
        copies, shown, (CarinaTensor *const *)(uintptr_t)inputs, n_in, true, err);
    if (status == CARINA_OK)
        status = make_fit(copies + n_in, shown + n_in, outputs, n_out, false, err);
    if (status == CARINA_OK)
        status = evaluate(node, shown + n_in, (const CarinaTensor *const *)shown, memory,
                          work_size, err);
    for (int i = 0; status == CARINA_OK && i < n_out; i++)
        if (copies[n_in + i])
            store(outputs[i], copies[n_in + i]);
    for (int i = 0; i < n; i++)
        carina_tensor_free(&copies[i]);
    ca_free(copies);
    return status;
}

/* A device that runs the node has suited the tensors: nothing is taken from the heap then. */
static CarinaStatus run_in(const CaNode *node, CarinaTensor *const *outputs,
                           const CarinaTensor *const *inputs, void *memory,
                           size_t work_size, CarinaError *err)
{
    bool fit = true;
    for (int i = 0; i < node->n_inputs; i++)
        fit = fit && (!inputs[i] || is_fit(inputs[i]));
    for (int i = 0; i < node->n_outputs; i++)
        fit = fit && is_fit(outputs[i]);
    return fit ? evaluate(node, outputs, inputs, memory, work_size, err)
               : run_on_copies(node, outputs, inputs, memory, work_size, err);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An extension that is well, and with HOSTILE=n one that is wrong in one way: what the loader must refuse, and what must
 * come to a sentence when a model runs.
 */
#include <carina/extension.h>

#include <stddef.h>

#ifndef HOSTILE
#    define HOSTILE 0
#endif

enum {
    WELL,
    NO_SYMBOL,
    OTHER_MAJOR,
    NULL_TABLE,
    SHORT_TABLE,
    SHORT_OP,
    NO_EVALUATE,
    BUILT_IN_NAME,
    BAD_NAME,
    BAD_OFFSET,
    BAD_FALLBACK,
    TWICE,
    NO_OPS,
    ATTR_SIZE,
    BAD_ALIAS
};

typedef struct Attrs {
    int64_t mode; /* 0: copy; else one way to go wrong */
} Attrs;

static const CarinaAttr attrs[] = {
    {"mode", CARINA_ATTR_INT, HOSTILE == BAD_OFFSET ? 4096 : offsetof(Attrs, mode), false,
     HOSTILE == BAD_FALLBACK ? "many" : "0", 0, 100, NULL},
    {NULL, CARINA_ATTR_END, 0, false, NULL, 0, 0, NULL},
};

static const CarinaAlias aliases[] = {
    {CARINA_FORMAT_ONNX, HOSTILE == BAD_ALIAS ? NULL : "Odd", "odd"},
    {CARINA_FORMAT_END, NULL, NULL},
};

enum {
    INFER_FAILS = 1,
    NO_TYPE,
    BAD_RANK,
    BAD_DIM,
    EVALUATE_FAILS,
    NO_REASON,
    HUGE_WORK
};

static int64_t mode_of(const CarinaCall *c) { return ((const Attrs *)c->attrs)->mode; }

static CarinaStatus infer(const CarinaCall *c, CarinaError *err)
{
    CarinaTensor *out = c->outputs[0];
    if (mode_of(c) == INFER_FAILS)
        return carina_extension_fail(err, CARINA_ERR_SHAPE, "no shape suits me");
    out->type = mode_of(c) == NO_TYPE ? CARINA_UNKNOWN : c->inputs[0]->type;
    out->shape = c->inputs[0]->shape;
    if (mode_of(c) == BAD_RANK)
        out->shape.rank = 99;
    if (mode_of(c) == BAD_DIM)
        out->shape.dims[0] = -7;
    return CARINA_OK;
}

static size_t work_size(const CarinaCall *c)
{
    return mode_of(c) == HUGE_WORK ? SIZE_MAX : 0;
}

static CarinaStatus evaluate(const CarinaCall *c, CarinaError *err)
{
    if (mode_of(c) == EVALUATE_FAILS)
        return carina_extension_fail(err, CARINA_ERR_ARGUMENT, "not on a Wednesday");
    if (mode_of(c) == NO_REASON)
        return (CarinaStatus)77;
    memcpy(c->outputs[0]->data, c->inputs[0]->data, c->inputs[0]->size);
    return CARINA_OK;
}

static const CarinaExtensionOp op = {
    .struct_size = HOSTILE == SHORT_OP ? 8 : sizeof(CarinaExtensionOp),
    .name = HOSTILE == BUILT_IN_NAME ? "Relu"
            : HOSTILE == BAD_NAME    ? "no \"name\""
                                     : "odd.Copy",
    .min_inputs = 1,
    .max_inputs = 1,
    .n_outputs = 1,
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .aliases = aliases,
    .infer = infer,
    .work_size = work_size,
    .evaluate = HOSTILE == NO_EVALUATE ? NULL : evaluate,
};

/* --- All kinds of attributes. */

typedef struct All {
    int64_t i;
    double f;
    bool b;
    int32_t e;
    const char *s;
    CarinaInts li;
    CarinaFloats lf;
    CarinaType t;
    CarinaShape d;
} All;

static const char *const levels[] = {"low", "high", NULL};
static const CarinaAttr all_attrs[] = {
    {"i", CARINA_ATTR_INT, offsetof(All, i), true, NULL, -1000, 1000, NULL},
    {"f", CARINA_ATTR_FLOAT, offsetof(All, f), true, NULL, -1000, 1000, NULL},
    {"b", CARINA_ATTR_BOOL, offsetof(All, b), true, NULL, 0, 0, NULL},
    {"e", CARINA_ATTR_ENUM, offsetof(All, e), true, NULL, 0, 0, levels},
    {"s", CARINA_ATTR_STRING, offsetof(All, s), true, NULL, 0, 0, NULL},
    {"li", CARINA_ATTR_INTS, offsetof(All, li), true, NULL, -1000, 1000, NULL},
    {"lf", CARINA_ATTR_FLOATS, offsetof(All, lf), true, NULL, -1000, 1000, NULL},
    {"t", CARINA_ATTR_TYPE, offsetof(All, t), true, NULL, 0, 0, NULL},
    {"d", CARINA_ATTR_SHAPE, offsetof(All, d), true, NULL, 0, 0, NULL},
    {NULL, CARINA_ATTR_END, 0, false, NULL, 0, 0, NULL},
};

static const CarinaAlias all_names[] = {
    {CARINA_FORMAT_ONNX, "All", "odd"}, {CARINA_FORMAT_TENSORFLOW, "All", NULL},
    {CARINA_FORMAT_KERAS, "All", NULL}, {CARINA_FORMAT_CAFFE, "All", NULL},
    {CARINA_FORMAT_MXNET, "All", NULL}, {CARINA_FORMAT_TFLITE, "All", NULL},
    {CARINA_FORMAT_END, NULL, NULL},
};

static CarinaStatus all_infer(const CarinaCall *c, CarinaError *err)
{
    (void)err;
    c->outputs[0]->type = CARINA_F32;
    c->outputs[0]->shape = c->inputs[0]->shape;
    return CARINA_OK;
}

static CarinaStatus all_evaluate(const CarinaCall *c, CarinaError *err)
{
    (void)err;
    memcpy(c->outputs[0]->data, c->inputs[0]->data, c->inputs[0]->size);
    return CARINA_OK;
}

static const CarinaExtensionOp all = {
    .struct_size = sizeof(CarinaExtensionOp),
    .name = "odd.All",
    .min_inputs = 1,
    .max_inputs = 1,
    .n_outputs = 1,
    .attrs_size = sizeof(All),
    .attrs = all_attrs,
    .aliases = all_names,
    .infer = all_infer,
    .evaluate = all_evaluate,
};

static const CarinaExtensionOp *const ops[] = {&op, HOSTILE == TWICE ? &op : &all};

static const CarinaExtension extension = {
    .struct_size = HOSTILE == SHORT_TABLE ? offsetof(CarinaExtension, n_ops)
                                          : sizeof(CarinaExtension),
    .abi_major = HOSTILE == OTHER_MAJOR ? 9 : CARINA_EXTENSION_ABI_MAJOR,
    .abi_minor = CARINA_EXTENSION_ABI_MINOR,
    .name = "odd",
    .attr_size = HOSTILE == ATTR_SIZE ? 8 : sizeof(CarinaAttr),
    .n_ops = HOSTILE == NO_OPS ? 0 : 2,
    .ops = ops,
};

#if HOSTILE == 1
#    define carina_extension_entry carina_extension_door
#endif

CARINA_EXTENSION_EXPORT const CarinaExtension *carina_extension_entry(
    uint16_t host_major);

const CarinaExtension *carina_extension_entry(uint16_t host_major)
{
    (void)host_major;
    return HOSTILE == NULL_TABLE ? NULL : &extension;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An extension with two operators: an activation, and a layer with weights.
 *
 *   Snake   y = x + sin(alpha x)^2 / alpha. ONNX "Snake" of domain "example", TensorFlow and MXNet "Snake", Keras' class
 *           Snake, Caffe's layer Snake, TFLite's custom code "Snake".
 *   Radial  y[n, u] = exp(-gamma |x[n] - c[u]|^2) of x [..., K] and centres c [U, K]: Keras' class Radial, whose one weight
 *           the centres are; ONNX "Radial" of domain "example" with the centres as second input.
 *
 * Built by itself:  cc -std=c11 -O2 -shared -fPIC operators.c -o operators.so -lm
 */
#include <carina/extension.h>

#include <math.h>
#include <stddef.h>

static int64_t count(const CarinaShape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dims[i];
    return n;
}

/* --- Snake. */

typedef struct Snake {
    double alpha;
} Snake;

static const CarinaAttr snake_attrs[] = {
    {"alpha", CARINA_ATTR_FLOAT, offsetof(Snake, alpha), false, "1", 1e-6, 1e6, NULL},
    {NULL, CARINA_ATTR_END, 0, false, NULL, 0, 0, NULL},
};

static const CarinaAlias snake_names[] = {
    {CARINA_FORMAT_ONNX, "Snake", "example"}, {CARINA_FORMAT_TENSORFLOW, "Snake", NULL},
    {CARINA_FORMAT_KERAS, "Snake", NULL},     {CARINA_FORMAT_CAFFE, "Snake", NULL},
    {CARINA_FORMAT_MXNET, "Snake", NULL},     {CARINA_FORMAT_TFLITE, "Snake", NULL},
    {CARINA_FORMAT_IR, "Snake", NULL},        {CARINA_FORMAT_END, NULL, NULL},
};

static CarinaStatus snake_infer(const CarinaCall *c, CarinaError *err)
{
    const CarinaTensor *x = c->inputs[0];
    if (x->type != CARINA_F32 && x->type != CARINA_F16 && x->type != CARINA_F64)
        return carina_extension_fail(err, CARINA_ERR_TYPE,
                                     "its input must be f16, f32 or f64");
    c->outputs[0]->type = x->type;
    c->outputs[0]->shape = x->shape;
    return CARINA_OK;
}

static double snake(double x, double alpha)
{
    const double s = sin(alpha * x);
    return x + s * s / alpha;
}

static CarinaStatus snake_evaluate(const CarinaCall *c, CarinaError *err)
{
    const double alpha = ((const Snake *)c->attrs)->alpha;
    const CarinaTensor *x = c->inputs[0];
    const int64_t n = count(&x->shape);
    if (x->type == CARINA_F64) {
        for (int64_t i = 0; i < n; i++)
            ((double *)c->outputs[0]->data)[i] =
                snake(((const double *)x->data)[i], alpha);
        return CARINA_OK;
    }
    (void)err;
    for (int64_t i = 0; i < n; i++)
        ((float *)c->outputs[0]->data)[i] =
            (float)snake((double)((const float *)x->data)[i], alpha);
    return CARINA_OK;
}

static const CarinaExtensionOp snake_op = {
    .struct_size = sizeof(CarinaExtensionOp),
    .name = "example.Snake",
    .summary = "x + sin(alpha x)^2 / alpha",
    .min_inputs = 1,
    .max_inputs = 1,
    .n_outputs = 1,
    .attrs_size = sizeof(Snake),
    .attrs = snake_attrs,
    .aliases = snake_names,
    .infer = snake_infer,
    .evaluate = snake_evaluate,
};

/* --- Radial. */

typedef struct Radial {
    double gamma;
} Radial;

static const CarinaAttr radial_attrs[] = {
    {"gamma", CARINA_ATTR_FLOAT, offsetof(Radial, gamma), true, NULL, 0, 1e9, NULL},
    {NULL, CARINA_ATTR_END, 0, false, NULL, 0, 0, NULL},
};

static const CarinaAlias radial_names[] = {
    {CARINA_FORMAT_KERAS, "Radial", NULL},
    {CARINA_FORMAT_ONNX, "Radial", "example"},
    {CARINA_FORMAT_END, NULL, NULL},
};

static CarinaStatus radial_infer(const CarinaCall *c, CarinaError *err)
{
    const CarinaTensor *x = c->inputs[0], *centres = c->inputs[1];
    CarinaShape *out = &c->outputs[0]->shape;
    if (x->type != CARINA_F32 || centres->type != CARINA_F32)
        return carina_extension_fail(err, CARINA_ERR_TYPE, "its inputs must be f32");
    c->outputs[0]->type = CARINA_F32;
    if (x->shape.rank == CARINA_DYNAMIC || centres->shape.rank == CARINA_DYNAMIC)
        return CARINA_OK; /* nor is the output's known, which is how it comes */
    if (centres->shape.rank != 2 || x->shape.rank < 1)
        return carina_extension_fail(err, CARINA_ERR_SHAPE,
                                     "it needs x [..., K] and centres [U, K]");
    const int64_t k = x->shape.dims[x->shape.rank - 1], wanted = centres->shape.dims[1];
    if (k >= 0 && wanted >= 0 && k != wanted)
        return carina_extension_fail(
            err, CARINA_ERR_SHAPE, "x and the centres have different numbers of columns");
    *out = x->shape;
    out->dims[out->rank - 1] = centres->shape.dims[0];
    return CARINA_OK;
}

/* The centres' squared lengths: |x - c|^2 = |x|^2 - 2 x.c + |c|^2. */
static size_t radial_work(const CarinaCall *c)
{
    return (size_t)c->inputs[1]->shape.dims[0] * sizeof(double);
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static CarinaStatus radial_evaluate(const CarinaCall *c, CarinaError *err)
{
    const double gamma = ((const Radial *)c->attrs)->gamma;
    const CarinaTensor *x = c->inputs[0], *centres = c->inputs[1];
    const int64_t n_units = centres->shape.dims[0], k = centres->shape.dims[1];
    const int64_t n_rows = k ? count(&x->shape) / k : 0;
    double *lengths = c->work;
    float *out = c->outputs[0]->data;
    (void)err;
    for (int64_t u = 0; u < n_units; u++) {
        const float *centre = (const float *)centres->data + u * k;
        lengths[u] = dot(centre, centre, k);
    }
    for (int64_t i = 0; i < n_rows; i++) {
        const float *row = (const float *)x->data + i * k;
        const double length = dot(row, row, k);
        for (int64_t u = 0; u < n_units; u++) {
            const float *centre = (const float *)centres->data + u * k;
            const double distance = length - 2 * dot(row, centre, k) + lengths[u];
            out[i * n_units + u] = (float)exp(-gamma * distance);
        }
    }
    return CARINA_OK;
}

static const CarinaExtensionOp radial_op = {
    .struct_size = sizeof(CarinaExtensionOp),
    .name = "example.Radial",
    .summary = "exp(-gamma |x - c|^2)",
    .min_inputs = 2,
    .max_inputs = 2,
    .n_outputs = 1,
    .attrs_size = sizeof(Radial),
    .attrs = radial_attrs,
    .aliases = radial_names,
    .infer = radial_infer,
    .work_size = radial_work,
    .evaluate = radial_evaluate,
};

/* --- The table. */

static const CarinaExtensionOp *const ops[] = {&snake_op, &radial_op};

static const CarinaExtension extension = {
    .struct_size = sizeof(CarinaExtension),
    .abi_major = CARINA_EXTENSION_ABI_MAJOR,
    .abi_minor = CARINA_EXTENSION_ABI_MINOR,
    .name = "example",
    .attr_size = sizeof(CarinaAttr),
    .n_ops = sizeof ops / sizeof *ops,
    .ops = ops,
};

CARINA_EXTENSION_EXPORT const CarinaExtension *carina_extension_entry(
    uint16_t host_major);

const CarinaExtension *carina_extension_entry(uint16_t host_major)
{
    return host_major == CARINA_EXTENSION_ABI_MAJOR ? &extension : NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations in functional models: activations, pooling, images.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

static CaValue *operand(CaKerasCall *c)
{
    CaValue *v = ca_keras_operand(
        c, ca_keras_arg(c, 0, "x|inputs|input|features|logits|images|image|value"), NULL);
    return v && !ca_type_is_real(ca_build_type(c->b, v))
               ? ca_build_convert(c->b, v, CARINA_F32)
               : v;
}
static double real_of(CaKerasCall *c, int i, const char *names, double absent)
{
    json_t *j = ca_keras_arg(c, i, names);
    return json_is_number(j) ? json_number_value(j) : absent;
}
static int64_t int_of(CaKerasCall *c, int i, const char *names, int64_t absent)
{
    json_t *j = ca_keras_arg(c, i, names);
    return json_is_integer(j) ? json_integer_value(j) : absent;
}

/* By the activation's name, with its fallbacks. */
static void named(CaKerasCall *c)
{
    json_t *name = json_string(c->layer->op->ours);
    ca_keras_out(c, ca_keras_activated(c, operand(c), name));
    json_decref(name);
}
static void leaky(CaKerasCall *c)
{
    CaValue *v = operand(c);
    ca_keras_out(c, ca_build_2(c->b, "PReLU", v,
                               ca_build_number(
                                   c->b, v, real_of(c, 1, "negative_slope|alpha", 0.2))));
}
static void elu(CaKerasCall *c)
{
    CaValue *v = ca_build_1(c->b, "Elu", operand(c));
    ca_build_set_real(c->b, v, "alpha", real_of(c, 1, "alpha", 1));
    ca_keras_out(c, v);
}
/* keras.ops.gelu approximates unless told otherwise, tf.nn.gelu the other way round. */
static void gelu(CaKerasCall *c)
{
    json_t *j = ca_keras_arg(c, 1, "approximate");
    const bool is_tanh = j ? json_is_true(j) : c->layer->op->n != 0;
    CaValue *v = ca_build_1(c->b, "Gelu", operand(c));
    ca_build_set_text(c->b, v, "approximation_mode", is_tanh ? "tanh" : "erf");
    ca_keras_out(c, v);
}
static void softmax(CaKerasCall *c)
{
    CaValue *v = operand(c);
    const int rank = ca_build_rank(c->b, v);
    const int axis = ca_build_axis(c->b, int_of(c, 1, "axis", -1), rank);
    v = ca_build_1(c->b, c->layer->op->ours, v);
    ca_build_set_int(c->b, v, "axis", axis);
    ca_keras_out(c, v);
}

static void pool(CaKerasCall *c)
{
    CaValue *x = operand(c);
    const int n = ca_build_rank(c->b, x) - 2;
    int64_t kernel[CARINA_MAX_RANK] = {0}, strides[CARINA_MAX_RANK] = {0},
            zeros[CARINA_MAX_RANK] = {0};
    const int k = ca_keras_json_ints(c, kernel, CARINA_MAX_RANK,
                                     ca_keras_arg(c, 1, "pool_size|ksize"), "pool_size"),
              s = ca_keras_json_ints(c, strides, CARINA_MAX_RANK,
                                     ca_keras_arg(c, 2, "strides"), "strides");
    json_t *padding = ca_keras_arg(c, 3, "padding");
    const bool same =
        json_is_string(padding) && (json_string_value(padding)[0] | 32) == 's';
    if (n < 1 || n > 3 || k < 1 || (k != 1 && k != n) || (s > 1 && s != n))
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "pool_size has %d numbers for %d dimensions", k, n);
    if (c->b->status != CARINA_OK)
        return;
    for (int i = 0; i < n; i++) {
        kernel[i] = k == 1 ? kernel[0] : kernel[i];
        strides[i] = s < 0 ? kernel[i] : s == 1 ? strides[0] : strides[i];
    }
    x = ca_keras_to_work(c, x);
    CaValue *v = ca_build_make_at(c->b, c->layer->op->ours, 1, &x, 1, 1);
    ca_build_set_ints(c->b, v, "kernel", kernel, n);
    ca_build_set_ints(c->b, v, "strides", strides, n);
    ca_build_set_ints(c->b, v, "pads_begin", zeros, n);
    ca_build_set_ints(c->b, v, "pads_end", zeros, n);
    ca_build_set_text(c->b, v, "auto_pad", same ? "same_upper" : "explicit");
    if (strcmp(c->layer->op->ours, "AvgPool") == 0)
        ca_build_set_text(c->b, v, "exclude-pad", "true");
    ca_keras_out(c, ca_keras_from_work(c, v));
}

static void resize(CaKerasCall *c)
{
    CaValue *x = operand(c);
    json_t *how = ca_keras_arg(c, 2, "interpolation|method"),
           *fill = ca_keras_arg(c, -1, "fill_value");
    CaKerasResizing r = {.how = json_is_string(how) ? json_string_value(how) : "bilinear",
                         .antialias = json_is_true(ca_keras_arg(c, -1, "antialias")),
                         .crop =
                             json_is_true(ca_keras_arg(c, -1, "crop_to_aspect_ratio")),
                         .pad = json_is_true(ca_keras_arg(c, -1, "pad_to_aspect_ratio")),
                         .fill = json_is_number(fill) ? json_number_value(fill) : 0};
    const int n = ca_keras_json_ints(c, r.size, 2, ca_keras_arg(c, 1, "size"), "size");
    if (json_is_true(ca_keras_arg(c, -1, "preserve_aspect_ratio")))
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "preserve_aspect_ratio; resize before the model");
    if (n != 2)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "a size that is not constant");
    if (c->b->status == CARINA_OK)
        ca_keras_out(c, ca_keras_resized(c, x, &r));
}

/* Blocks of pixels and channels change places. */
static void blocks(CaKerasCall *c)
{
    CaValue *v = ca_build_1(c->b, c->layer->op->ours, ca_keras_to_work(c, operand(c)));
    ca_build_set_text(c->b, v, "mode", "blocks_first");
    ca_build_set_int(c->b, v, "block_size", int_of(c, 1, "block_size", 2));
    ca_keras_out(c, ca_keras_from_work(c, v));
}

static void one_hot(CaKerasCall *c)
{
    CaValue *x = ca_keras_operand(c, ca_keras_arg(c, 0, "x|indices"), NULL);
    if (!ca_type_is_whole(ca_build_type(c->b, x)))
        x = ca_build_convert(c->b, x, CARINA_I64);
    CaValue *const in[] = {x, ca_build_scalar(c->b, int_of(c, 1, "num_classes|depth", 1)),
                           ca_build_number(c->b, NULL, 1),
                           ca_build_number(c->b, NULL, 0)};
    CaValue *v = ca_build_make_at(c->b, "OneHot", 1, in, 4, 1);
    ca_build_set_int(c->b, v, "axis", int_of(c, 2, "axis", -1));
    ca_keras_out(c, v);
}

static void top_k(CaKerasCall *c)
{
    CaValue *x = operand(c);
    const int rank = ca_build_rank(c->b, x);
    CaValue *const in[] = {x, ca_build_scalar(c->b, int_of(c, 1, "k", 1))};
    CaValue *v = ca_build_make_at(c->b, "TopK", 3, in, 2, 2);
    ca_build_set_int(c->b, v, "axis", rank - 1);
    ca_build_set_text(c->b, v, "mode", "max");
    ca_build_set_text(c->b, v, "sort", "value");
    if (!ca_build_settle(c->b) || !v)
        return;
    ca_keras_out(c, v);
    ca_keras_out(c, v + 1);
}

static void bias_add(CaKerasCall *c)
{
    CaValue *x = operand(c);
    ca_keras_out(c, ca_build_2(c->b, "Add", x,
                               ca_keras_operand(c, ca_keras_arg(c, 1, "bias"), x)));
}

#define NAMED(class, symbol, name) \
    {class, named, name, 0, CA_KERAS_PASSES}, { symbol, named, name, 0, CA_KERAS_PASSES }

const CaKerasOp ca_keras_ops_nn[] = {
    NAMED("Relu", "nn.relu", "relu"),
    NAMED("Relu6", "nn.relu6", "relu6"),
    NAMED("Sigmoid", "math.sigmoid", "sigmoid"),
    NAMED("Tanh", "math.tanh", "tanh"),
    NAMED("Softplus", "math.softplus", "softplus"),
    NAMED("Softsign", "nn.softsign", "softsign"),
    NAMED("Silu", "nn.silu", "silu"),
    NAMED("Selu", "nn.selu", "selu"),
    NAMED("LogSigmoid", "math.log_sigmoid", "log_sigmoid"),
    NAMED("HardSigmoid", "keras.activations.hard_sigmoid", "hard_sigmoid"),
    NAMED("HardSilu", "nn.hard_swish", "hard_silu"),
    NAMED("Squareplus", "nn.squareplus", "squareplus"),
    NAMED("SparsePlus", "nn.sparse_plus", "sparse_plus"),
    NAMED("SparseSigmoid", "nn.sparse_sigmoid", "sparse_sigmoid"),
    NAMED("Sparsemax", "nn.sparsemax", "sparsemax"),
    NAMED("SoftShrink", "nn.soft_shrink", "soft_shrink"),
    NAMED("HardShrink", "nn.hard_shrink", "hard_shrink"),
    NAMED("TanhShrink", "nn.tanh_shrink", "tanh_shrink"),
    NAMED("HardTanh", "nn.hard_tanh", "hard_tanh"),
    NAMED("Glu", "nn.glu", "glu"),
    NAMED("Celu", "nn.celu", "celu"),
    NAMED("Mish", "nn.mish", "mish"),
    {"nn.swish", named, "silu", 0, CA_KERAS_PASSES},
    {"nn.sigmoid", named, "sigmoid", 0, CA_KERAS_PASSES},
    {"nn.tanh", named, "tanh", 0, CA_KERAS_PASSES},
    {"nn.softplus", named, "softplus", 0, CA_KERAS_PASSES},
    {"LeakyRelu", leaky, NULL, 0, CA_KERAS_PASSES},
    {"nn.leaky_relu", leaky, NULL, 0, CA_KERAS_PASSES},
    {"Elu", elu, NULL, 0, CA_KERAS_PASSES},
    {"nn.elu", elu, NULL, 0, CA_KERAS_PASSES},
    {"Gelu", gelu, NULL, 1, CA_KERAS_PASSES},
    {"nn.gelu", gelu, NULL, 0, CA_KERAS_PASSES},
    {"Softmax", softmax, "Softmax", 0, CA_KERAS_PASSES},
    {"nn.softmax", softmax, "Softmax", 0, CA_KERAS_PASSES},
    {"LogSoftmax", softmax, "LogSoftmax", 0, CA_KERAS_PASSES},
    {"nn.log_softmax", softmax, "LogSoftmax", 0, CA_KERAS_PASSES},
    {"MaxPool", pool, "MaxPool", 0, CA_KERAS_STOPS},
    {"AveragePool", pool, "AvgPool", 0, CA_KERAS_STOPS},
    {"nn.max_pool2d", pool, "MaxPool", 0, CA_KERAS_STOPS},
    {"nn.max_pool", pool, "MaxPool", 0, CA_KERAS_STOPS},
    {"nn.avg_pool2d", pool, "AvgPool", 0, CA_KERAS_STOPS},
    {"nn.avg_pool", pool, "AvgPool", 0, CA_KERAS_STOPS},
    {"Resize", resize, NULL, 0, CA_KERAS_STOPS},
    {"image.resize", resize, NULL, 0, CA_KERAS_STOPS},
    {"DepthToSpace", blocks, "DepthToSpace", 0, CA_KERAS_STOPS},
    {"nn.depth_to_space", blocks, "DepthToSpace", 0, CA_KERAS_STOPS},
    {"SpaceToDepth", blocks, "SpaceToDepth", 0, CA_KERAS_STOPS},
    {"nn.space_to_depth", blocks, "SpaceToDepth", 0, CA_KERAS_STOPS},
    {"OneHot", one_hot, NULL, 0, CA_KERAS_STOPS},
    {"one_hot", one_hot, NULL, 0, CA_KERAS_STOPS},
    {"TopK", top_k, NULL, 0, CA_KERAS_STOPS},
    {"math.top_k", top_k, NULL, 0, CA_KERAS_STOPS},
    {"nn.bias_add", bias_add, NULL, 0, CA_KERAS_PASSES},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};

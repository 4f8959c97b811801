/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: activations by name (keras.activations) and the layers that are one.
 */
#include "formats/keras/keras_reader.h"

#include <math.h>
#include <string.h>

/* --- By name. */

typedef CaValue *Activation(CaKerasCall *c, CaValue *v);
typedef struct Row {
    const char *name;
    Activation *fn;
    const char *ours; /* one node without attributes */
} Row;

static CaValue *clamp(CaKerasCall *c, CaValue *v, double low, double high)
{
    v = ca_build_1(c->b, "Clamp", v);
    ca_build_set_real(c->b, v, "min", low);
    ca_build_set_real(c->b, v, "max", high);
    return v;
}
static CaValue *elu_of(CaKerasCall *c, CaValue *v, double alpha)
{
    v = ca_build_1(c->b, "Elu", v);
    ca_build_set_real(c->b, v, "alpha", alpha);
    return v;
}
static CaValue *leaky(CaKerasCall *c, CaValue *v, double slope)
{
    return ca_build_2(c->b, "PReLU", v, ca_build_number(c->b, v, slope));
}
static CaValue *softmax_over(CaKerasCall *c, CaValue *v, int64_t axis, const char *op)
{
    const int rank = ca_build_rank(c->b, v);
    const int at = ca_build_axis(c->b, axis, rank);
    v = ca_build_1(c->b, op, v);
    ca_build_set_int(c->b, v, "axis", at);
    return v;
}

static CaValue *linear(CaKerasCall *c, CaValue *v)
{
    (void)c;
    return v;
}
static CaValue *relu6(CaKerasCall *c, CaValue *v) { return clamp(c, v, 0, 6); }
static CaValue *hard_tanh(CaKerasCall *c, CaValue *v) { return clamp(c, v, -1, 1); }
static CaValue *elu(CaKerasCall *c, CaValue *v) { return elu_of(c, v, 1); }
static CaValue *leaky_relu(CaKerasCall *c, CaValue *v) { return leaky(c, v, 0.2); }
static CaValue *softmax(CaKerasCall *c, CaValue *v)
{
    return softmax_over(c, v, -1, "Softmax");
}
static CaValue *log_softmax(CaKerasCall *c, CaValue *v)
{
    return softmax_over(c, v, -1, "LogSoftmax");
}
static CaValue *selu(CaKerasCall *c, CaValue *v)
{
    return ca_build_3(c->b, "Selu", v,
                      ca_build_number(c->b, v, 1.6732632423543772848170429916717),
                      ca_build_number(c->b, v, 1.0507009873554804934193349852946));
}
static CaValue *gelu_by(CaKerasCall *c, CaValue *v, bool is_tanh)
{
    v = ca_build_1(c->b, "Gelu", v);
    ca_build_set_text(c->b, v, "approximation_mode", is_tanh ? "tanh" : "erf");
    return v;
}
static CaValue *gelu(CaKerasCall *c, CaValue *v) { return gelu_by(c, v, false); }
/* Keras 3 has PyTorch's, Keras 2 its own. */
static CaValue *hard_sigmoid(CaKerasCall *c, CaValue *v)
{
    if (c->r->version >= 3)
        return ca_build_1(c->b, "HSigmoid", v);
    return ca_build_3(c->b, "HardSigmoid", v, ca_build_number(c->b, v, 0.2),
                      ca_build_number(c->b, v, 0.5));
}
static CaValue *log_sigmoid(CaKerasCall *c, CaValue *v)
{
    v = ca_build_1(c->b, "SoftPlus", ca_build_1(c->b, "Negative", v));
    return ca_build_1(c->b, "Negative", v);
}
static CaValue *glu(CaKerasCall *c, CaValue *v)
{
    CaValue *const in[] = {v, ca_build_scalar(c->b, -1)};
    CaValue *half = ca_build_make(c->b, "Split", in, 2, 2);
    ca_build_set_int(c->b, half, "num_splits", 2);
    if (!ca_build_settle(c->b))
        return NULL;
    return ca_build_2(c->b, "Multiply", half, ca_build_1(c->b, "Sigmoid", half + 1));
}
static CaValue *tanh_shrink(CaKerasCall *c, CaValue *v)
{
    return ca_build_2(c->b, "Subtract", v, ca_build_1(c->b, "Tanh", v));
}
static CaValue *soft_shrink(CaKerasCall *c, CaValue *v)
{
    CaValue *above = ca_build_1(c->b, "ReLU", ca_build_plus(c->b, v, -0.5));
    CaValue *below = ca_build_1(
        c->b, "ReLU", ca_build_plus(c->b, ca_build_1(c->b, "Negative", v), -0.5));
    return ca_build_2(c->b, "Subtract", above, below);
}
static CaValue *chosen(CaKerasCall *c, CaValue *condition, CaValue *yes, CaValue *no)
{
    return ca_build_3(c->b, "Select", condition, yes, no);
}
static CaValue *hard_shrink(CaKerasCall *c, CaValue *v)
{
    CaValue *large = ca_build_2(c->b, "Greater", ca_build_1(c->b, "Abs", v),
                                ca_build_number(c->b, v, 0.5));
    return chosen(c, large, v, ca_build_number(c->b, v, 0));
}
static CaValue *squareplus(CaKerasCall *c, CaValue *v)
{
    CaValue *root = ca_build_1(
        c->b, "Sqrt", ca_build_plus(c->b, ca_build_2(c->b, "Multiply", v, v), 4));
    return ca_build_times(c->b, ca_build_2(c->b, "Add", v, root), 0.5);
}
static CaValue *sparse_plus(CaKerasCall *c, CaValue *v)
{
    CaValue *half = ca_build_times(c->b, ca_build_plus(c->b, clamp(c, v, -1, 1), 1), 0.5);
    CaValue *beyond = ca_build_1(c->b, "ReLU", ca_build_plus(c->b, v, -1));
    return ca_build_2(c->b, "Add", ca_build_2(c->b, "Multiply", half, half), beyond);
}
static CaValue *sparse_sigmoid(CaKerasCall *c, CaValue *v)
{
    return ca_build_times(c->b, ca_build_plus(c->b, clamp(c, v, -1, 1), 1), 0.5);
}
/* max(x - t, 0), t from the sorted elements that stay positive. */
static CaValue *sparsemax(CaKerasCall *c, CaValue *v)
{
    const int rank = ca_build_rank(c->b, v);
    const CarinaShape s = ca_build_shape(c->b, v);
    const int64_t last = rank - 1;
    if (rank < 1 || s.dims[last] < 1)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "sparsemax over a dimension of unknown length");
    if (c->b->status != CARINA_OK)
        return NULL;
    CaValue *const top[] = {v, ca_build_scalar(c->b, s.dims[last])};
    CaValue *z = ca_build_make_at(c->b, "TopK", 3, top, 2, 2);
    ca_build_set_int(c->b, z, "axis", last);
    ca_build_set_text(c->b, z, "mode", "max");
    ca_build_set_text(c->b, z, "sort", "value");
    CaValue *sum = ca_build_plus(
        c->b, ca_build_2(c->b, "CumSum", z, ca_build_scalar(c->b, last)), -1);
    double *counts = ca_arena_array(c->b->work, (size_t)s.dims[last], sizeof *counts);
    const CarinaShape row = ca_shape(1, &s.dims[last]);
    for (int64_t i = 0; counts && i < s.dims[last]; i++)
        counts[i] = (double)(i + 1);
    if (!counts) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    CaValue *k = ca_build_reals(c->b, &row, counts);
    CaValue *stays = ca_build_2(c->b, "Greater", ca_build_2(c->b, "Multiply", z, k), sum);
    CaValue *one = ca_build_convert(c->b, stays, CARINA_F32);
    CaValue *n = ca_build_2(c->b, "ReduceSum", one, ca_build_vector(c->b, &last, 1));
    ca_build_set_text(c->b, n, "keep_dims", "true");
    /* Martins and Astudillo 2016 have the last of the sums here; Keras adds them all up, and so do we. */
    CaValue *total = ca_build_2(
        c->b, "ReduceSum", ca_build_2(c->b, "Multiply", ca_build_plus(c->b, sum, 1), one),
        ca_build_vector(c->b, &last, 1));
    ca_build_set_text(c->b, total, "keep_dims", "true");
    CaValue *t = ca_build_2(c->b, "Divide", ca_build_plus(c->b, total, -1), n);
    return ca_build_1(c->b, "ReLU", ca_build_2(c->b, "Subtract", v, t));
}
static CaValue *celu_of(CaKerasCall *c, CaValue *v, double alpha)
{
    return ca_build_times(c->b, elu_of(c, ca_build_times(c->b, v, 1 / alpha), 1), alpha);
}
static CaValue *celu(CaKerasCall *c, CaValue *v) { return celu_of(c, v, 1); }

static const Row rows[] = {
    {"linear", linear, NULL},
    {"relu", NULL, "ReLU"},
    {"relu6", relu6, NULL},
    {"sigmoid", NULL, "Sigmoid"},
    {"tanh", NULL, "Tanh"},
    {"softmax", softmax, NULL},
    {"softmax_v2", softmax, NULL},
    {"elu", elu, NULL},
    {"selu", selu, NULL},
    {"softplus", NULL, "SoftPlus"},
    {"softsign", NULL, "SoftSign"},
    {"exponential", NULL, "Exp"},
    {"exp", NULL, "Exp"},
    {"gelu", gelu, NULL},
    {"silu", NULL, "Swish"},
    {"swish", NULL, "Swish"},
    {"mish", NULL, "Mish"},
    {"leaky_relu", leaky_relu, NULL},
    {"log_softmax", log_softmax, NULL},
    {"hard_sigmoid", hard_sigmoid, NULL},
    {"hard_silu", NULL, "HSwish"},
    {"hard_swish", NULL, "HSwish"},
    {"hard_tanh", hard_tanh, NULL},
    {"celu", celu, NULL},
    {"glu", glu, NULL},
    {"log_sigmoid", log_sigmoid, NULL},
    {"tanh_shrink", tanh_shrink, NULL},
    {"soft_shrink", soft_shrink, NULL},
    {"hard_shrink", hard_shrink, NULL},
    {"squareplus", squareplus, NULL},
    {"sparse_plus", sparse_plus, NULL},
    {"sparse_sigmoid", sparse_sigmoid, NULL},
    {"sparsemax", sparsemax, NULL},
};

CaValue *ca_keras_activated(CaKerasCall *c, CaValue *v, json_t *j)
{
    const char *name = ca_keras_name_of(j);
    json_t *config = json_object_get(j, "config");
    if (!ca_build_settle(c->b) || !v || !j || json_is_null(j))
        return v;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].fn ? rows[i].fn(c, v) : ca_build_1(c->b, rows[i].ours, v);
    if (json_is_object(config) && json_is_string(json_object_get(j, "class_name"))) {
        CaKerasLayer *layer = ca_keras_layer(c->r, j, c->layer->scope);
        const CaKerasResult result =
            layer ? ca_keras_apply(c, layer, &v, NULL, 1) : (CaKerasResult){0};
        return result.n == 1 ? result.v[0] : NULL;
    }
    ca_build_fail(
        c->b, CARINA_ERR_UNSUPPORTED,
        "activation '%s', which is none of keras.activations; replace it and save "
        "again",
        name);
    return NULL;
}

CaValue *ca_keras_activation(CaKerasCall *c, CaValue *v)
{
    return ca_keras_activated(c, v, json_object_get(c->config, "activation"));
}

/* --- Layers. */

static void activation(CaKerasCall *c)
{
    ca_keras_out(c, ca_keras_activation(c, ca_keras_real_in(c, 0)));
}

static void identity(CaKerasCall *c)
{
    for (int i = 0; i < c->n_in; i++)
        ca_keras_out(c, c->in[i]);
}

/* x >= max: max; x >= t: x; else slope (x - t). */
static void relu_layer(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    const double slope = ca_keras_real(c, "negative_slope", ca_keras_real(c, "alpha", 0)),
                 t = ca_keras_real(c, "threshold", 0),
                 max = ca_keras_real(c, "max_value", INFINITY);
    if (!(t > 0) && !(t < 0) && !(slope > 0) && !(slope < 0)) {
        ca_keras_out(c, isinf(max) ? ca_build_1(c->b, "ReLU", x) : clamp(c, x, 0, max));
        return;
    }
    CaValue *below = ca_build_times(c->b, ca_build_plus(c->b, x, -t), slope);
    CaValue *v = slope > 0 || slope < 0 ? below : ca_build_number(c->b, x, 0);
    if (!(t > 0) && !(t < 0)) {
        v = leaky(c, x, slope);
    } else {
        CaValue *above =
            ca_build_2(c->b, slope > 0 || slope < 0 ? "GreaterEqual" : "Greater", x,
                       ca_build_number(c->b, x, t));
        v = chosen(c, above, x, v);
    }
    ca_keras_out(c, isinf(max)
                        ? v
                        : ca_build_2(c->b, "Minimum", v, ca_build_number(c->b, v, max)));
}

static void leaky_layer(CaKerasCall *c)
{
    const double slope =
        ca_keras_real(c, "negative_slope", ca_keras_real(c, "alpha", 0.3));
    ca_keras_out(c, leaky(c, ca_keras_real_in(c, 0), slope));
}

static void elu_layer(CaKerasCall *c)
{
    ca_keras_out(c, elu_of(c, ca_keras_real_in(c, 0), ca_keras_real(c, "alpha", 1)));
}

/* alpha has the input's shape with 1 along shared axes. */
static void prelu_layer(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    int64_t any[CARINA_MAX_RANK];
    for (int i = 0; i < rank && i < CARINA_MAX_RANK; i++)
        any[i] = -1;
    CaValue *alpha = ca_keras_weight(c, 0, "alpha", any, rank - 1, NULL);
    const CarinaShape s = ca_build_shape(c->b, alpha);
    bool is_channel = rank >= 3 && rank <= 5;
    for (int i = 0; i < rank - 2; i++)
        is_channel = is_channel && s.dims[i] == 1;
    if (c->b->status != CARINA_OK)
        return;
    if (is_channel) {
        alpha = ca_build_reshape(c->b, alpha, &s.dims[rank - 2], 1);
        CaValue *v = ca_build_2(c->b, "PReLU", ca_build_channels_first(c->b, x), alpha);
        ca_keras_out(c, ca_build_channels_last(c->b, v));
        return;
    }
    if (rank == 2) {
        ca_keras_out(c, ca_build_2(c->b, "PReLU", x, alpha));
        return;
    }
    CaValue *up = ca_build_1(c->b, "ReLU", x);
    CaValue *down = ca_build_1(c->b, "ReLU", ca_build_1(c->b, "Negative", x));
    ca_keras_out(
        c, ca_build_2(c->b, "Subtract", up, ca_build_2(c->b, "Multiply", down, alpha)));
}

/* exp(x - max) / sum over several axes; one axis is an operator. */
static CaValue *softmax_of_axes(CaKerasCall *c, CaValue *x, const int64_t *axes, int n)
{
    if (n <= 1)
        return softmax_over(c, x, axes[0], "Softmax");
    CaValue *list = ca_build_vector(c->b, axes, n);
    CaValue *max = ca_build_2(c->b, "ReduceMax", x, list);
    ca_build_set_text(c->b, max, "keep_dims", "true");
    CaValue *e = ca_build_1(c->b, "Exp", ca_build_2(c->b, "Subtract", x, max));
    CaValue *sum = ca_build_2(c->b, "ReduceSum", e, list);
    ca_build_set_text(c->b, sum, "keep_dims", "true");
    return ca_build_2(c->b, "Divide", e, sum);
}

/* What does not count becomes 0: Keras 3 says so of a row without anything that counts, too. */
static void softmax_layer(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0), *mask = ca_keras_mask(c, 0);
    int64_t axes[CARINA_MAX_RANK] = {-1};
    const int n = ca_keras_list(c, axes, CARINA_MAX_RANK, "axis");
    if (c->n_in > 1)
        mask = ca_build_convert(c->b, c->in[1], CARINA_BOOL);
    if (mask)
        x = ca_keras_where(c, mask, 0, x, ca_build_number(c->b, x, -1e9));
    CaValue *v = softmax_of_axes(c, x, axes, n);
    if (mask && c->r->version >= 3)
        v = ca_keras_where(c, mask, 0, v, ca_build_number(c->b, v, 0));
    ca_keras_out(c, v);
    ca_keras_give_mask(c, 0, ca_keras_mask(c, 0));
}

static void thresholded_relu(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    CaValue *above = ca_build_2(c->b, "Greater", x,
                                ca_build_number(c->b, x, ca_keras_real(c, "theta", 1)));
    ca_keras_out(c, chosen(c, above, x, ca_build_number(c->b, x, 0)));
}

#define DROPPED(name)                            \
    {                                            \
        name, identity, NULL, 0, CA_KERAS_PASSES \
    }

const CaKerasOp ca_keras_act[] = {
    {"Activation", activation, NULL, 0, CA_KERAS_PASSES},
    {"ReLU", relu_layer, NULL, 0, CA_KERAS_PASSES},
    {"LeakyReLU", leaky_layer, NULL, 0, CA_KERAS_PASSES},
    {"ELU", elu_layer, NULL, 0, CA_KERAS_PASSES},
    {"PReLU", prelu_layer, NULL, 0, CA_KERAS_PASSES},
    {"Softmax", softmax_layer, NULL, 0, CA_KERAS_USES},
    {"ThresholdedReLU", thresholded_relu, NULL, 0, CA_KERAS_PASSES},
    /* Nothing when the model runs. */
    DROPPED("ActivityRegularization"),
    DROPPED("AlphaDropout"),
    DROPPED("AugMix"),
    DROPPED("Dropout"),
    DROPPED("GaussianDropout"),
    DROPPED("GaussianNoise"),
    DROPPED("Identity"),
    DROPPED("RandAugment"),
    DROPPED("Solarization"),
    DROPPED("CutMix"),
    DROPPED("MixUp"),
    DROPPED("RandomBrightness"),
    DROPPED("RandomColorDegeneration"),
    DROPPED("RandomColorJitter"),
    DROPPED("RandomContrast"),
    DROPPED("RandomElasticTransform"),
    DROPPED("RandomErasing"),
    DROPPED("RandomFlip"),
    DROPPED("RandomGaussianBlur"),
    DROPPED("RandomGrayscale"),
    DROPPED("RandomHeight"),
    DROPPED("RandomHue"),
    DROPPED("RandomInvert"),
    DROPPED("RandomPerspective"),
    DROPPED("RandomPosterization"),
    DROPPED("RandomRotation"),
    DROPPED("RandomSaturation"),
    DROPPED("RandomSharpness"),
    DROPPED("RandomShear"),
    DROPPED("RandomTranslation"),
    DROPPED("RandomWidth"),
    DROPPED("RandomZoom"),
    DROPPED("SpatialDropout1D"),
    DROPPED("SpatialDropout2D"),
    DROPPED("SpatialDropout3D"),
    DROPPED("StochasticDepth"),
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};

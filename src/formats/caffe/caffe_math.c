/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caffe: activations, arithmetic, reductions.
 */
#include "formats/caffe/caffe_reader.h"

#include <math.h>
#include <string.h>

static void relu(CaCaffeCall *c)
{
    const Caffe__Relu *p = c->layer->relu_param;
    const double slope = p ? (double)p->negative_slope : 0;
    const CarinaShape one = ca_build_along(0, 1, 1);
    c->out[0] = slope == 0 ? ca_build_1(c->b, "ReLU", c->in[0])
                           : ca_build_2(c->b, "PRelu", c->in[0],
                                        ca_build_reals(c->b, &one, &slope));
}

static void prelu(CaCaffeCall *c)
{
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const bool shared = c->layer->prelu_param && c->layer->prelu_param->channel_shared;
    const CarinaShape shape = ca_build_along(0, 1, shared || x.rank < 2 ? 1 : x.dims[1]);
    c->out[0] = ca_build_2(c->b, "PRelu", c->in[0], ca_caffe_weight(c, 0, &shape));
}

static void power(CaCaffeCall *c)
{
    static const Caffe__Power none = CAFFE__POWER__INIT;
    const Caffe__Power *p = c->layer->power_param ? c->layer->power_param : &none;
    CaValue *v = ca_build_plus(c->b, ca_build_times(c->b, c->in[0], (double)p->scale),
                               (double)p->shift);
    c->out[0] = p->power == 1 ? v
                              : ca_build_2(c->b, "Power", v,
                                           ca_build_number(c->b, NULL, (double)p->power));
}

/* The logarithm of a base, which is e where it is -1; a base that has none fails. */
static double log_of_base(CaCaffeCall *c, const Caffe__Exponent *p)
{
    if (p->base_ == -1)
        return 1;
    if (!(p->base_ > 0) || (p->base_ == 1 && strcmp(c->type, "Log") == 0))
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "base is %g, must be above 0, or -1 for e",
                      (double)p->base_);
    return log((double)p->base_);
}

static void exponential(CaCaffeCall *c)
{
    static const Caffe__Exponent none = CAFFE__EXPONENT__INIT;
    const Caffe__Exponent *p = c->layer->exp_param ? c->layer->exp_param : &none;
    const double base = log_of_base(c, p);
    CaValue *v = ca_build_times(c->b, c->in[0], base * (double)p->scale);
    c->out[0] = ca_build_1(c->b, "Exp", ca_build_plus(c->b, v, base * (double)p->shift));
}

static void logarithm(CaCaffeCall *c)
{
    static const Caffe__Exponent none = CAFFE__EXPONENT__INIT;
    const Caffe__Exponent *p = c->layer->log_param ? c->layer->log_param : &none;
    const double base = log_of_base(c, p);
    CaValue *v = ca_build_plus(c->b, ca_build_times(c->b, c->in[0], (double)p->scale),
                               (double)p->shift);
    c->out[0] = ca_build_times(c->b, ca_build_1(c->b, "Log", v), 1 / base);
}

static void swish(CaCaffeCall *c)
{
    const double beta = c->layer->swish_param ? (double)c->layer->swish_param->beta : 1;
    c->out[0] = beta == 1 ? ca_build_1(c->b, "Swish", c->in[0])
                          : ca_build_2(c->b, "Swish", c->in[0],
                                       ca_build_number(c->b, NULL, beta));
}

static void threshold(CaCaffeCall *c)
{
    const Caffe__Threshold *p = c->layer->threshold_param;
    CaValue *v = ca_build_2(c->b, "Greater", c->in[0],
                            ca_build_number(c->b, NULL, p ? (double)p->threshold : 0));
    c->out[0] = ca_build_1(c->b, "Convert", v);
    ca_build_set_text(c->b, c->out[0], "destination_type", "f32");
}

static void softmax_loss(CaCaffeCall *c)
{
    const Caffe__Softmax *p = c->layer->softmax_param;
    c->out[0] = ca_build_1(c->b, "SoftMax", c->in[0]);
    ca_build_set_int(c->b, c->out[0], "axis", p ? p->axis : 1);
}

static void sigmoid_loss(CaCaffeCall *c)
{
    c->out[0] = ca_build_1(c->b, "Sigmoid", c->in[0]);
}

/* --- Two or more. */

static bool same_shapes(CaCaffeCall *c)
{
    char a[CA_SHAPE_TEXT], b[CA_SHAPE_TEXT];
    const CarinaShape first = ca_build_static_shape(c->b, c->in[0]);
    for (int i = 1; i < c->n_in; i++) {
        const CarinaShape s = ca_build_static_shape(c->b, c->in[i]);
        if (c->b->status == CARINA_OK && !ca_shape_equal(&first, &s))
            ca_build_fail(c->b, CARINA_ERR_SHAPE,
                          "inputs of different shapes, %s and %s; they must be equal",
                          ca_shape_text(a, sizeof a, &first),
                          ca_shape_text(b, sizeof b, &s));
    }
    return c->b->status == CARINA_OK;
}

static void eltwise(CaCaffeCall *c)
{
    static const Caffe__Eltwise none = CAFFE__ELTWISE__INIT;
    const Caffe__Eltwise *p = c->layer->eltwise_param ? c->layer->eltwise_param : &none;
    const bool is_sum = p->operation == CAFFE__ELTWISE__OPERATION__SUM;
    const char *op = is_sum                                            ? "Add"
                     : p->operation == CAFFE__ELTWISE__OPERATION__PROD ? "Multiply"
                                                                       : "Maximum";
    if (p->n_coeff && (!is_sum || p->n_coeff != (size_t)c->n_in))
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%zu coefficients for %d inputs%s",
                      p->n_coeff, c->n_in, is_sum ? "" : "; only a sum has them");
    if (!same_shapes(c))
        return;
    CaValue *v = ca_build_times(c->b, c->in[0], p->n_coeff ? (double)p->coeff[0] : 1);
    for (int i = 1; i < c->n_in; i++) {
        const double coeff = p->n_coeff ? (double)p->coeff[i] : 1;
        v = coeff == -1 ? ca_build_2(c->b, "Subtract", v, c->in[i])
                        : ca_build_2(c->b, op, v, ca_build_times(c->b, c->in[i], coeff));
    }
    c->out[0] = v;
}

/* The second operand of Scale and Bias: a weight or a bottom whose axes lie from `axis` on. */
static CaValue *aligned(CaCaffeCall *c, const Caffe__Scale *p, CarinaShape *shape)
{
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const CarinaShape second =
        c->n_in > 1 ? ca_build_static_shape(c->b, c->in[1]) : ca_shape(0, NULL);
    const int axis = x.rank ? ca_build_axis(c->b, p->axis, x.rank) : 0;
    const int n = c->n_in > 1         ? second.rank
                  : p->num_axes == -1 ? x.rank - axis
                                      : p->num_axes;
    if (c->b->status == CARINA_OK && (n < 0 || n > x.rank - axis))
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "%d axes from axis %d on, but its input has %d dimensions", n, axis,
                      x.rank);
    if (c->b->status != CARINA_OK)
        return NULL;
    *shape = ca_build_along(-1, x.rank, 1);
    for (int i = 0; i < n; i++)
        shape->dims[axis + i] = x.dims[axis + i];
    if (c->n_in == 1)
        return ca_caffe_weight(c, 0, shape);
    return ca_build_reshape(c->b, c->in[1], shape->dims, x.rank);
}

static void scale(CaCaffeCall *c)
{
    static const Caffe__Scale none = CAFFE__SCALE__INIT;
    const Caffe__Scale *p = c->layer->scale_param ? c->layer->scale_param : &none;
    CarinaShape shape = ca_shape(0, NULL);
    CaValue *v = ca_build_2(c->b, "Multiply", c->in[0], aligned(c, p, &shape));
    c->out[0] =
        p->bias_term
            ? ca_build_2(c->b, "Add", v, ca_caffe_weight(c, c->n_in == 1 ? 1 : 0, &shape))
            : v;
}

static void bias(CaCaffeCall *c)
{
    static const Caffe__Scale none = CAFFE__SCALE__INIT;
    CarinaShape shape = ca_shape(0, NULL);
    const Caffe__Scale *p = c->layer->bias_param ? c->layer->bias_param : &none;
    c->out[0] = ca_build_2(c->b, "Add", c->in[0], aligned(c, p, &shape));
}

/* s x + y, one s for each channel. */
static void axpy(CaCaffeCall *c)
{
    c->out[0] = ca_build_2(c->b, "Add", ca_build_2(c->b, "Multiply", c->in[1], c->in[0]),
                           c->in[2]);
}

/* --- Reductions. */

static void reduction(CaCaffeCall *c)
{
    static const Caffe__Reduction none = CAFFE__REDUCTION__INIT;
    const Caffe__Reduction *p =
        c->layer->reduction_param ? c->layer->reduction_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    const int axis = x.rank ? ca_build_axis(c->b, p->axis, x.rank) : 0;
    int64_t axes[CARINA_MAX_RANK];
    for (int i = axis; i < x.rank; i++)
        axes[i - axis] = i;
    CaValue *v = c->in[0];
    if (p->operation == CAFFE__REDUCTION__OPERATION__ASUM)
        v = ca_build_1(c->b, "Abs", v);
    if (p->operation == CAFFE__REDUCTION__OPERATION__SUMSQ)
        v = ca_build_2(c->b, "Multiply", v, v);
    v = ca_build_2(c->b,
                   p->operation == CAFFE__REDUCTION__OPERATION__MEAN ? "ReduceMean"
                                                                     : "ReduceSum",
                   v, ca_build_vector(c->b, axes, x.rank - axis));
    ca_build_set_text(c->b, v, "keep_dims", "false");
    c->out[0] = ca_build_times(c->b, v, (double)p->coeff);
}

static CaValue *top_k(CaCaffeCall *c, CaValue *x, int axis, int64_t k, CaValue **values)
{
    CaValue *const in[] = {x, ca_build_scalar(c->b, k)};
    CaValue *v = ca_build_make_at(c->b, "TopK", 3, in, 2, 2);
    ca_build_set_int(c->b, v, "axis", axis);
    ca_build_set_text(c->b, v, "mode", "max");
    ca_build_set_text(c->b, v, "sort", "value");
    if (!ca_build_settle(c->b))
        return NULL;
    *values = v;
    CaValue *at = ca_build_1(c->b, "Convert", v + 1);
    ca_build_set_text(c->b, at, "destination_type", "f32");
    return at;
}

/* Without an axis: of each sample as a whole, [N, 1 or 2, k]. */
static void arg_max(CaCaffeCall *c)
{
    static const Caffe__Argmax none = CAFFE__ARGMAX__INIT;
    const Caffe__Argmax *p = c->layer->argmax_param ? c->layer->argmax_param : &none;
    const CarinaShape x = ca_build_static_shape(c->b, c->in[0]);
    CaValue *values = NULL;
    if (c->b->status == CARINA_OK && x.rank < 1)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "needs an input with dimensions");
    const int axis = p->has_axis ? ca_build_axis(c->b, p->axis, x.rank) : 1;
    if (c->b->status != CARINA_OK)
        return;
    const int64_t flat[] = {0, -1}, k = p->top_k,
                  n = p->has_axis ? x.dims[axis] : ca_shape_product(&x, 1, x.rank);
    if (k < 1 || k > n) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "top_k is %lld, must be 1 to %lld",
                      (long long)k, (long long)n);
        return;
    }
    CaValue *from = p->has_axis ? c->in[0] : ca_build_reshape_0(c->b, c->in[0], flat, 2);
    CaValue *at = top_k(c, from, axis, k, &values);
    if (p->has_axis) {
        c->out[0] = p->out_max_val ? values : at;
        return;
    }
    int64_t dims[CARINA_MAX_RANK] = {x.dims[0], 1, k};
    const int rank = x.rank > 3 ? x.rank : 3;
    for (int i = 3; i < rank; i++)
        dims[i] = 1;
    at = ca_build_reshape(c->b, at, dims, rank);
    if (p->out_max_val) {
        at = ca_build_2(c->b, "Concat", at, ca_build_reshape(c->b, values, dims, rank));
        ca_build_set_int(c->b, at, "axis", 1);
    }
    c->out[0] = at;
}

const CaCaffeOp ca_caffe_math[] = {
    {"ReLU", relu, 1, 1},
    {"PReLU", prelu, 1, 1},
    {"Power", power, 1, 1},
    {"Exp", exponential, 1, 1},
    {"Log", logarithm, 1, 1},
    {"Swish", swish, 1, 1},
    {"Threshold", threshold, 1, 1},
    {"SoftmaxWithLoss", softmax_loss, 1, 3},
    {"SigmoidCrossEntropyLoss", sigmoid_loss, 1, 2},
    {"Eltwise", eltwise, 2, CA_MAX_PORTS},
    {"Scale", scale, 1, 2},
    {"Bias", bias, 1, 2},
    {"Axpy", axpy, 3, 3},
    {"Reduction", reduction, 1, 1},
    {"ArgMax", arg_max, 1, 1},
    {NULL, NULL, 0, 0},
};

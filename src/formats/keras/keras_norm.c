/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: normalisation.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

/* The axes of the configuration as places in a tensor of that rank, in rising order; how many. */
static int axes_of(CaKerasCall *c, int rank, int out[CARINA_MAX_RANK])
{
    int64_t list[CARINA_MAX_RANK] = {-1};
    bool is_axis[CARINA_MAX_RANK] = {false};
    int n = ca_keras_list(c, list, CARINA_MAX_RANK, "axis"), at = 0;
    if (n < 0)
        n = 1;
    for (int i = 0; i < n; i++) {
        const int axis = ca_build_axis(c->b, list[i], rank);
        if (c->b->status != CARINA_OK)
            return 0;
        is_axis[axis] = true;
    }
    for (int i = 0; i < rank; i++)
        if (is_axis[i])
            out[at++] = i;
    return at;
}

/* A weight over the axes as [1, C, 1, 1]. */
static CaValue *spread(CaKerasCall *c, CaValue *v, const int *axes, int n, int rank)
{
    int64_t dims[CARINA_MAX_RANK];
    const CarinaShape s = ca_build_shape(c->b, v);
    if (!v || s.rank != n)
        return v;
    for (int i = 0; i < rank; i++)
        dims[i] = 1;
    for (int i = 0; i < n; i++)
        dims[axes[i]] = s.dims[i];
    return ca_build_reshape(c->b, v, dims, rank);
}

static CaValue *axis_list(CaKerasCall *c, const int *axes, int n)
{
    int64_t list[CARINA_MAX_RANK];
    for (int i = 0; i < n; i++)
        list[i] = axes[i];
    return ca_build_vector(c->b, list, n);
}

static CaValue *vector_of(CaKerasCall *c, int64_t n, double value)
{
    double *v = ca_arena_array(c->b->work, (size_t)n + 1, sizeof *v);
    const CarinaShape s = ca_shape(1, &n);
    if (!v) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    for (int64_t i = 0; i < n; i++)
        v[i] = value;
    return ca_build_reals(c->b, &s, v);
}

/* gamma and beta come first and only where there are any. */
static void batch_norm(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    const double eps = ca_keras_real(c, "epsilon", 1e-3);
    const bool scale = ca_keras_bool(c, "scale", true),
               center = ca_keras_bool(c, "center", true);
    int axes[CARINA_MAX_RANK] = {0}, i = 0;
    const int n = axes_of(c, rank, axes);
    if (n != 1)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED, "%d axes; one is read", n);
    if (c->b->status != CARINA_OK)
        return;
    int64_t channels = ca_build_shape(c->b, x).dims[axes[0]];
    CaValue *gamma = scale ? ca_keras_weight(c, i++, "gamma", &channels, 1, NULL) : NULL;
    CaValue *beta = center ? ca_keras_weight(c, i++, "beta", &channels, 1, NULL) : NULL;
    CaValue *mean =
        ca_keras_weight(c, i++, "moving_mean|running_mean", &channels, 1, NULL);
    CaValue *variance = ca_keras_weight(c, i, "moving_variance|moving_var|running_std",
                                        &channels, 1, NULL);
    if (c->b->status != CARINA_OK)
        return;
    channels = ca_build_shape(c->b, mean).dims[0];
    gamma = gamma ? gamma : vector_of(c, channels, 1);
    beta = beta ? beta : vector_of(c, channels, 0);
    const bool is_last = axes[0] == rank - 1 && rank > 2 && rank <= 5;
    if (axes[0] != 1 && !is_last) { /* some other place: by its definition */
        CaValue *root = ca_build_1(c->b, "Sqrt", ca_build_plus(c->b, variance, eps));
        CaValue *by = ca_build_2(c->b, "Divide", gamma, root);
        CaValue *shift =
            ca_build_2(c->b, "Subtract", beta, ca_build_2(c->b, "Multiply", mean, by));
        CaValue *v = ca_build_2(c->b, "Multiply", x, spread(c, by, axes, 1, rank));
        ca_keras_out(c, ca_build_2(c->b, "Add", v, spread(c, shift, axes, 1, rank)));
        return;
    }
    CaValue *const in[] = {is_last ? ca_build_channels_first(c->b, x) : x, gamma, beta,
                           mean, variance};
    CaValue *v = ca_build_make(c->b, "BatchNormInference", in, 5, 1);
    ca_build_set_real(c->b, v, "epsilon", eps);
    ca_keras_out(c, is_last ? ca_build_channels_last(c->b, v) : v);
}

static CaValue *mean_square(CaKerasCall *c, CaValue *x, CaValue *axes)
{
    CaValue *v = ca_build_2(c->b, "ReduceMean", ca_build_2(c->b, "Multiply", x, x), axes);
    ca_build_set_text(c->b, v, "keep_dims", "true");
    return v;
}

/* x / sqrt(mean(x^2) + eps) */
static CaValue *rms(CaKerasCall *c, CaValue *x, CaValue *axes, double eps)
{
    CaValue *size =
        ca_build_1(c->b, "Sqrt", ca_build_plus(c->b, mean_square(c, x, axes), eps));
    return ca_build_2(c->b, "Divide", x, size);
}

static CaValue *standardised(CaKerasCall *c, CaValue *x, CaValue *axes, double eps)
{
    CaValue *v = ca_build_2(c->b, "MVN", x, axes);
    ca_build_set_text(c->b, v, "normalize_variance", "true");
    ca_build_set_real(c->b, v, "eps", eps);
    ca_build_set_text(c->b, v, "eps_mode", "inside_sqrt");
    return v;
}

static void layer_norm(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    const double eps = ca_keras_real(c, "epsilon", 1e-3);
    const bool is_rms = ca_keras_bool(c, "rms_scaling", false);
    int axes[CARINA_MAX_RANK] = {0}, i = 0;
    const int n = axes_of(c, rank, axes);
    if (c->b->status != CARINA_OK)
        return;
    CaValue *list = axis_list(c, axes, n);
    int64_t any[CARINA_MAX_RANK];
    for (int k = 0; k < n; k++)
        any[k] = -1;
    CaValue *v = is_rms ? rms(c, x, list, eps) : standardised(c, x, list, eps);
    if (ca_keras_bool(c, "scale", true) || is_rms)
        v = ca_build_2(
            c->b, "Multiply", v,
            spread(c, ca_keras_weight(c, i++, "gamma", any, n, NULL), axes, n, rank));
    if (ca_keras_bool(c, "center", true) && !is_rms)
        v = ca_build_2(
            c->b, "Add", v,
            spread(c, ca_keras_weight(c, i, "beta", any, n, NULL), axes, n, rank));
    ca_keras_out(c, v);
}

static void rms_norm(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    int axes[CARINA_MAX_RANK] = {0};
    const int n = axes_of(c, rank, axes);
    int64_t any[CARINA_MAX_RANK];
    for (int k = 0; k < n; k++)
        any[k] = -1;
    if (c->b->status != CARINA_OK)
        return;
    CaValue *v = rms(c, x, axis_list(c, axes, n), ca_keras_real(c, "epsilon", 1e-6));
    ca_keras_out(c,
                 ca_build_2(c->b, "Multiply", v,
                            spread(c, ca_keras_weight(c, 0, "scale|gamma", any, n, NULL),
                                   axes, n, rank)));
}

/* The axis is split into groups; each is standardised over itself and all other axes but the batch. */
static void group_norm(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    const int rank = ca_build_rank(c->b, x);
    const CarinaShape s = ca_build_shape(c->b, x);
    int axes[CARINA_MAX_RANK] = {0}, i = 0;
    const int n = axes_of(c, rank, axes);
    int64_t groups = ca_keras_int(c, "groups", 32);
    if (n != 1 || (axes[0] != rank - 1 && axes[0] != 1) || rank > 5)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "groups along an axis that is no channel");
    if (c->b->status != CARINA_OK)
        return;
    int64_t channels = s.dims[axes[0]];
    if (groups == -1)
        groups = channels;
    CaValue *gamma = ca_keras_bool(c, "scale", true)
                         ? ca_keras_weight(c, i++, "gamma", &channels, 1, NULL)
                         : NULL;
    CaValue *beta = ca_keras_bool(c, "center", true)
                        ? ca_keras_weight(c, i, "beta", &channels, 1, NULL)
                        : NULL;
    if (channels < 1 || groups < 1 || channels % groups)
        ca_build_fail(c->b, CARINA_ERR_SHAPE,
                      "%lld channels do not divide into %lld groups", (long long)channels,
                      (long long)groups);
    if (c->b->status != CARINA_OK)
        return;
    gamma = gamma ? gamma : vector_of(c, channels, 1);
    beta = beta ? beta : vector_of(c, channels, 0);
    const bool is_last = rank > 2 && axes[0] == rank - 1;
    CaValue *v = ca_build_3(c->b, "GroupNormalization",
                            is_last ? ca_build_channels_first(c->b, x) : x, gamma, beta);
    ca_build_set_int(c->b, v, "num_groups", groups);
    ca_build_set_real(c->b, v, "epsilon", ca_keras_real(c, "epsilon", 1e-3));
    ca_keras_out(c, is_last ? ca_build_channels_last(c->b, v) : v);
}

/* x / sqrt(max(sum x^2, 1e-12)) */
static void unit_norm(CaKerasCall *c)
{
    CaValue *x = ca_keras_real_in(c, 0);
    int axes[CARINA_MAX_RANK] = {0};
    const int n = axes_of(c, ca_build_rank(c->b, x), axes);
    CaValue *sum = ca_build_2(c->b, "ReduceSum", ca_build_2(c->b, "Multiply", x, x),
                              axis_list(c, axes, n));
    ca_build_set_text(c->b, sum, "keep_dims", "true");
    sum = ca_build_2(c->b, "Maximum", sum, ca_build_number(c->b, x, 1e-12));
    ca_keras_out(c, ca_build_2(c->b, "Divide", x, ca_build_1(c->b, "Sqrt", sum)));
}

/* keras.applications' ConvNeXt has this one of its own. */
static void layer_scale(CaKerasCall *c)
{
    const int64_t any = -1;
    ca_keras_out(c, ca_build_2(c->b, "Multiply", ca_keras_real_in(c, 0),
                               ca_keras_weight(c, 0, "gamma|layer_scale|variable", &any,
                                               1, NULL)));
}

const CaKerasOp ca_keras_norm[] = {
    {"BatchNormalization", batch_norm, NULL, 0, CA_KERAS_PASSES},
    {"BatchNormalizationV1", batch_norm, NULL, 0, CA_KERAS_PASSES},
    {"BatchNormalizationV2", batch_norm, NULL, 0, CA_KERAS_PASSES},
    {"SyncBatchNormalization", batch_norm, NULL, 0, CA_KERAS_PASSES},
    {"LayerNormalization", layer_norm, NULL, 0, CA_KERAS_PASSES},
    {"RMSNormalization", rms_norm, NULL, 0, CA_KERAS_STOPS},
    {"GroupNormalization", group_norm, NULL, 0, CA_KERAS_PASSES},
    {"UnitNormalization", unit_norm, NULL, 0, CA_KERAS_PASSES},
    {"LayerScale", layer_scale, NULL, 0, CA_KERAS_STOPS},
    {NULL, NULL, NULL, 0, CA_KERAS_PASSES},
};

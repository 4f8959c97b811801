/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keras: layers after model.quantize("int8"). Weights are whole numbers with a scale for each column or row, which
 * divides; Dense rounds its inputs too, by the largest of each row while it runs, so that all products are whole.
 */
#include "formats/keras/keras_reader.h"

#include <string.h>

static CaValue *stored(CaKerasCall *c, int i, const char *name, const int64_t *dims,
                       int rank)
{
    CaValue *v = ca_keras_weight(c, i, name, dims, rank, NULL);
    return ca_build_convert(c->b, v, CARINA_F32);
}

/* Rows of x between -127 and 127, whole; *scale: by what they were multiplied. */
static CaValue *rounded(CaKerasCall *c, CaValue *x, CaValue **scale)
{
    const int64_t last = -1;
    CaValue *most = ca_build_2(c->b, "ReduceMax", ca_build_1(c->b, "Abs", x),
                               ca_build_vector(c->b, &last, 1));
    ca_build_set_text(c->b, most, "keep_dims", "true");
    *scale = ca_build_2(c->b, "Divide", ca_build_number(c->b, x, 127),
                        ca_build_plus(c->b, most, 1e-7));
    CaValue *v = ca_build_1(c->b, "Round", ca_build_2(c->b, "Multiply", x, *scale));
    ca_build_set_text(c->b, v, "mode", "half_to_even");
    v = ca_build_1(c->b, "Clamp", v);
    ca_build_set_real(c->b, v, "min", -127);
    ca_build_set_real(c->b, v, "max", 127);
    return v;
}

static void dense(CaKerasCall *c)
{
    const int64_t units = ca_keras_int(c, "units", -1);
    const bool has_bias = ca_keras_bool(c, "use_bias", true);
    CaValue *x = ca_keras_real_in(c, 0), *scale = NULL;
    const CarinaShape s = ca_build_shape(c->b, x);
    const int64_t dims[] = {s.rank > 0 ? s.dims[s.rank - 1] : -1, units};
    json_t *how =
        json_object_get(json_object_get(c->config, "quantization_config"), "config");
    CaValue *kernel = stored(c, 0, "kernel", dims, 2),
            *by = stored(c, has_bias ? 2 : 1, "kernel_scale", &units, 1);
    if (!how || !json_is_null(json_object_get(how, "activation_quantizer")))
        x = rounded(c, x, &scale);
    CaValue *v = ca_build_2(c->b, "MatMul", x, kernel);
    v = ca_build_2(c->b, "Divide", v,
                   scale ? ca_build_2(c->b, "Multiply", by, scale) : by);
    if (has_bias)
        v = ca_build_2(c->b, "Add", v, stored(c, 1, "bias", &units, 1));
    ca_keras_out(c, ca_keras_activation(c, v));
}

static void embedding(CaKerasCall *c)
{
    const int64_t dims[] = {ca_keras_int(c, "input_dim", -1),
                            ca_keras_int(c, "output_dim", -1)},
                  rows[] = {dims[0], 1};
    CaValue *ids = ca_keras_in(c, 0);
    CaValue *table = stored(c, 0, "embeddings", dims, 2),
            *by = stored(c, 1, "embeddings_scale", dims, 1);
    table = ca_build_2(c->b, "Divide", table, ca_build_reshape(c->b, by, rows, 2));
    ca_keras_out(c, ca_build_3(c->b, "Gather", table,
                               ca_build_convert(c->b, ids, CARINA_I64),
                               ca_build_scalar(c->b, 0)));
    if (ca_keras_bool(c, "mask_zero", false))
        ca_keras_give_mask(
            c, 0, ca_build_2(c->b, "NotEqual", ids, ca_build_number(c->b, ids, 0)));
}

bool ca_keras_quantized(CaKerasCall *c)
{
    json_t *dtype = json_object_get(c->config, "dtype");
    const char *policy = json_string_value(json_object_get(dtype, "class_name")),
               *mode = json_string_value(
                   json_object_get(json_object_get(dtype, "config"), "mode"));
    const char *name = c->layer->class_name;
    if (!policy || strncmp(policy, "Quantized", 9) != 0)
        return false;
    if (mode && strcmp(mode, "int8") == 0 && strcmp(name, "Dense") == 0)
        dense(c);
    else if (mode && strcmp(mode, "int8") == 0 && strcmp(name, "Embedding") == 0)
        embedding(c);
    else
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "quantised by Keras (%s); of these, Dense and Embedding in int8 are "
            "read: save the model as it is before model.quantize",
            mode ? mode : "?");
    return true;
}

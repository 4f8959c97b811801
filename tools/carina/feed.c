/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tensors for a model's inputs: from .npy files, converted without loss, or random with a seed.
 */
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int64_t tensor_count(const CarinaTensor *t) { return shape_count(&t->shape); }

static float float_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static double half_get(uint16_t h)
{
    const int exponent = h >> 10 & 31;
    const double fraction = h & 1023;
    const double size = exponent == 31  ? (fraction != 0 ? (double)NAN : (double)INFINITY)
                        : exponent == 0 ? ldexp(fraction, -24)
                                        : ldexp(fraction + 1024, exponent - 25);
    return h & 0x8000 ? -size : size;
}

/* To nearest even. */
static uint16_t half_of(double v)
{
    const uint16_t sign = signbit(v) ? 0x8000 : 0;
    int exponent = 0;
    v = fabs(v);
    if (isnan(v))
        return (uint16_t)(sign | 0x7e00);
    if (v >= 65520)
        return (uint16_t)(sign | 0x7c00);
    (void)frexp(v, &exponent);
    if (v == 0 || exponent < -13) /* subnormal: whole multiples of 2^-24 */
        return (uint16_t)(sign | (uint16_t)nearbyint(ldexp(v, 24)));
    const uint32_t mantissa =
        (uint32_t)nearbyint(ldexp(v, 11 - exponent)); /* 1024..2048 */
    return (uint16_t)(sign | (((uint32_t)(exponent + 14) << 10) + mantissa - 1024));
}

double tensor_get(const CarinaTensor *t, int64_t i)
{
    switch (t->type) {
    case CARINA_F32: return ((const float *)t->data)[i];
    case CARINA_F64: return ((const double *)t->data)[i];
    case CARINA_F16: return half_get(((const uint16_t *)t->data)[i]);
    case CARINA_BF16:
        return float_of_bits((uint32_t)((const uint16_t *)t->data)[i] << 16);
    case CARINA_I8: return ((const int8_t *)t->data)[i];
    case CARINA_BOOL:
    case CARINA_U8: return ((const uint8_t *)t->data)[i];
    case CARINA_I16: return ((const int16_t *)t->data)[i];
    case CARINA_U16: return ((const uint16_t *)t->data)[i];
    case CARINA_I32: return ((const int32_t *)t->data)[i];
    case CARINA_U32: return ((const uint32_t *)t->data)[i];
    case CARINA_I64: return (double)((const int64_t *)t->data)[i];
    case CARINA_U64: return (double)((const uint64_t *)t->data)[i];
    case CARINA_UNKNOWN:
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4: return 0;
    }
    return 0;
}

/* Halfway cases away from zero: only the seeds of random bf16 inputs meet them. */
static uint16_t bf16_of(double v)
{
    const float f = (float)v;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)((isnan(f) ? bits : bits + 0x8000) >> 16);
}

static double clamped(double v, double low, double high)
{
    return v >= low ? (v <= high ? v : high) : low;
}

void tensor_put(CarinaTensor *t, int64_t i, double v)
{
    switch (t->type) {
    case CARINA_F32: ((float *)t->data)[i] = (float)v; break;
    case CARINA_F64: ((double *)t->data)[i] = v; break;
    case CARINA_F16: ((uint16_t *)t->data)[i] = half_of(v); break;
    case CARINA_BF16: ((uint16_t *)t->data)[i] = bf16_of(v); break;
    case CARINA_I8:
        ((int8_t *)t->data)[i] = (int8_t)clamped(v, INT8_MIN, INT8_MAX);
        break;
    case CARINA_U8: ((uint8_t *)t->data)[i] = (uint8_t)clamped(v, 0, UINT8_MAX); break;
    case CARINA_BOOL: ((uint8_t *)t->data)[i] = v != 0; break;
    case CARINA_I16:
        ((int16_t *)t->data)[i] = (int16_t)clamped(v, INT16_MIN, INT16_MAX);
        break;
    case CARINA_U16:
        ((uint16_t *)t->data)[i] = (uint16_t)clamped(v, 0, UINT16_MAX);
        break;
    case CARINA_I32:
        ((int32_t *)t->data)[i] = (int32_t)clamped(v, INT32_MIN, INT32_MAX);
        break;
    case CARINA_U32:
        ((uint32_t *)t->data)[i] = (uint32_t)clamped(v, 0, UINT32_MAX);
        break;
    case CARINA_I64:
        ((int64_t *)t->data)[i] = (int64_t)clamped(v, -0x1p62, 0x1p62);
        break;
    case CARINA_U64: ((uint64_t *)t->data)[i] = (uint64_t)clamped(v, 0, 0x1p62); break;
    case CARINA_UNKNOWN:
    case CARINA_U1:
    case CARINA_I4:
    case CARINA_U4: break;
    }
}

bool tensor_convert(CarinaTensor **t, CarinaType type)
{
    CarinaTensor *out = NULL;
    if ((*t)->type == type)
        return true;
    if (carina_tensor_create(&out, type, &(*t)->shape, NULL) != CARINA_OK)
        return false;
    const int64_t n = tensor_count(out);
    for (int64_t i = 0; i < n; i++) {
        const double v = tensor_get(*t, i);
        tensor_put(out, i, v);
        const double got = tensor_get(out, i);
        const bool is_whole_and_large = fabs(v) > 0x1p53 && isfinite(v);
        if ((got != v && !(isnan(v) && isnan(got))) || is_whole_and_large) {
            carina_tensor_free(&out);
            return false;
        }
    }
    carina_tensor_free(t);
    *t = out;
    return true;
}

void tensor_random(CarinaTensor *t, uint64_t seed)
{
    const bool is_real = t->type == CARINA_F32 || t->type == CARINA_F16 ||
                         t->type == CARINA_BF16 || t->type == CARINA_F64;
    const bool is_byte = t->type == CARINA_U8;
    const int64_t n = is_real || is_byte ? tensor_count(t) : 0;
    for (int64_t i = 0; i < n; i++) { /* splitmix64 */
        uint64_t z = seed += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        tensor_put(t, i, is_byte ? (double)(z >> 56) : (double)(z >> 40) * 0x1p-24);
    }
}

/* Does the shape suit the port, dynamic dimensions suiting any? */
static bool suits(const CarinaPort *port, const CarinaShape *s)
{
    if (port->shape.rank < 0)
        return true;
    if (port->shape.rank != s->rank)
        return false;
    for (int i = 0; i < s->rank; i++)
        if (port->shape.dims[i] >= 0 && port->shape.dims[i] != s->dims[i])
            return false;
    return true;
}

bool load_input(CarinaTensor **out, CarinaModel *model, int i, const char *path)
{
    CarinaError err = {0};
    CarinaTensor *t = NULL;
    const CarinaPort port = carina_model_input(model, i);
    if (carina_tensor_read_npy(&t, path, &err) != CARINA_OK) {
        complain("%s", err.text);
        return false;
    }
    if (!suits(&port, &t->shape)) {
        complain("%s: shape %s, but input '%s' takes %s", path, shape_text(&t->shape),
                 port.name, shape_text(&port.shape));
    } else if (!tensor_convert(&t, port.type)) {
        complain(
            "%s: values of %s that %s cannot hold, which input '%s' takes; save it as %s",
            path, carina_type_name(t->type), carina_type_name(port.type), port.name,
            carina_type_name(port.type));
    } else if (!shape_is_static(&port.shape) &&
               carina_model_reshape(model, i, &t->shape, &err) != CARINA_OK) {
        complain("%s", err.text);
    } else {
        *out = t;
        return true;
    }
    carina_tensor_free(&t);
    return false;
}

static void list_inputs(const CarinaModel *model, const char *what)
{
    char *all = text_of("%s", "");
    for (int i = 0; i < carina_model_n_inputs(model); i++) {
        const CarinaPort port = carina_model_input(model, i);
        char *longer = text_of("%s%s'%s' %s %s", all, i ? ", " : "", port.name,
                               carina_type_name(port.type), shape_text(&port.shape));
        free(all);
        all = longer;
    }
    complain("%s; the model takes %s", what, all);
    free(all);
}

/* Which input a word names, and its file. */
static int input_of(const CarinaModel *model, const char *word, const char **file,
                    int n_given)
{
    const char *equals = strchr(word, '=');
    int i = n_given;
    *file = word;
    if (equals) {
        char *name = text_of("%.*s", (int)(equals - word), word);
        i = carina_model_find_input(model, name);
        *file = equals + 1;
        if (i < 0) {
            char *what = text_of("no input '%s'", name);
            list_inputs(model, what);
            free(what);
        }
        free(name);
    } else if (i >= carina_model_n_inputs(model)) {
        list_inputs(model, "more files than inputs");
        i = -1;
    }
    return i;
}

bool load_inputs(CarinaTensor **inputs, CarinaModel *model, const List *words)
{
    for (int k = 0; k < words->n; k++) {
        const char *file = NULL;
        const int i = input_of(model, words->v[k], &file, k);
        if (i < 0)
            return false;
        const List one = {1, &file};
        List found = {0};
        if (!sources_expand(&found, &one, "npy"))
            return false;
        carina_tensor_free(&inputs[i]);
        const bool good = load_input(&inputs[i], model, i, found.v[0]);
        free(found.v);
        if (!good)
            return false;
    }
    return true;
}

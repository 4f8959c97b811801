/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images made smaller, larger and cut out. Pixel centres lie at halves everywhere.
 *
 * Each way is two passes, along rows and then along columns, with one list of weights per output
 * position. Plain bilinear keeps the middle in double and rounds once. The filtered one does as PIL
 * does: weights of 22 bits, rows first, the middle rounded to 8. Pillow 13 does the columns first for some
 * sizes, where results differ by 1 of 255.
 */
#include "base/memory.h"
#include <carina/tensor.h>

#include <math.h>
#include <string.h>

enum { FIXED_BITS = 22, MAX_SIDE = 1 << 28 };

/* What output position i is made of: n inputs from first on. */
typedef struct {
    int64_t first, n;
    const double *weight;
} Taps;

typedef struct {
    Taps *taps;      /* one per output position */
    double *weights; /* of all, `most` each */
} Axis;

static void axis_free(Axis *a)
{
    ca_free(a->taps);
    ca_free(a->weights);
}

static double clamp(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v;
}

/* Two neighbours, the edge repeated. */
static void taps_plain(Taps *t, double *weight, int64_t i, int64_t from, double scale)
{
    const double at = clamp(((double)i + 0.5) * scale - 0.5, 0, (double)(from - 1));
    const double low = floor(at);
    t->first = (int64_t)low;
    t->n = t->first + 1 < from ? 2 : 1;
    weight[0] = t->n == 2 ? 1 - (at - low) : 1;
    weight[1] = at - low;
}

/* A triangle `scale` wide to each side; the arithmetic is PIL's, step by step. */
static void taps_filtered(Taps *t, double *weight, int64_t i, int64_t from, double scale)
{
    const double width = scale < 1 ? 1 : scale;
    const double centre = ((double)i + 0.5) * scale;
    const double inverse = 1 / width;
    int64_t first = (int64_t)(centre - width + 0.5);
    int64_t end = (int64_t)(centre + width + 0.5);
    double sum = 0;
    first = first < 0 ? 0 : first;
    end = end > from ? from : end;
    for (int64_t k = first; k < end; k++) {
        const double x = fabs(((double)k - centre + 0.5) * inverse);
        weight[k - first] = x < 1 ? 1 - x : 0;
        sum += weight[k - first];
    }
    for (int64_t k = 0; k < end - first && sum != 0; k++)
        weight[k] /= sum;
    t->first = first;
    t->n = end - first;
}

static void taps_nearest(Taps *t, double *weight, int64_t i, int64_t from, double scale)
{
    const int64_t at = (int64_t)(((double)i + 0.5) * scale);
    t->first = at < from ? at : from - 1;
    t->n = 1;
    weight[0] = 1;
}

static CarinaStatus axis_make(Axis *a, int64_t to, int64_t from, CarinaResize how,
                              CarinaError *err)
{
    const double scale = (double)from / (double)to;
    const size_t most = 3 + 2 * (size_t)ceil(scale);
    size_t n = 0;
    memset(a, 0, sizeof *a);
    if (ca_mul_size(&n, most * sizeof(double), (size_t)to))
        a->weights = ca_alloc(n);
    a->taps = ca_alloc((size_t)to * sizeof *a->taps);
    if (!a->weights || !a->taps)
        return ca_err(err, CARINA_ERR_MEMORY, "resizing an image: out of memory");
    for (int64_t i = 0; i < to; i++) {
        double *weight = a->weights + (size_t)i * most;
        Taps *t = &a->taps[i];
        t->weight = weight;
        switch (how) {
        case CARINA_RESIZE_BILINEAR: taps_plain(t, weight, i, from, scale); break;
        case CARINA_RESIZE_ANTIALIAS: taps_filtered(t, weight, i, from, scale); break;
        case CARINA_RESIZE_NEAREST: taps_nearest(t, weight, i, from, scale); break;
        }
    }
    return CARINA_OK;
}

static int64_t fixed(double weight)
{
    return (int64_t)(weight * (1 << FIXED_BITS) + (weight < 0 ? -0.5 : 0.5));
}

/* stride: elements between the inputs of one sum. */
static uint8_t filtered(const Taps *t, const uint8_t *from, int64_t stride)
{
    int64_t sum = 1 << (FIXED_BITS - 1);
    for (int64_t k = 0; k < t->n; k++)
        sum += from[(t->first + k) * stride] * fixed(t->weight[k]);
    sum >>= FIXED_BITS;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static CarinaStatus resize_filtered(CarinaTensor *out, const CarinaTensor *image,
                                    const Axis *rows, const Axis *columns,
                                    CarinaError *err)
{
    const int64_t h = image->shape.dims[0], w = image->shape.dims[1];
    const int64_t c = image->shape.dims[2];
    const int64_t oh = out->shape.dims[0], ow = out->shape.dims[1];
    const uint8_t *from = image->data;
    uint8_t *middle = ca_alloc((size_t)(h * ow * c));
    uint8_t *to = out->data;
    if (!middle)
        return ca_err(err, CARINA_ERR_MEMORY, "resizing an image: out of memory");
    for (int64_t y = 0; y < h; y++)
        for (int64_t x = 0; x < ow; x++)
            for (int64_t k = 0; k < c; k++)
                middle[(y * ow + x) * c + k] =
                    filtered(&columns->taps[x], from + y * w * c + k, c);
    for (int64_t y = 0; y < oh; y++)
        for (int64_t x = 0; x < ow * c; x++)
            to[y * ow * c + x] = filtered(&rows->taps[y], middle + x, ow * c);
    ca_free(middle);
    return CARINA_OK;
}

/* At most two by two inputs: one sum, one rounding. */
static void resize_plain(CarinaTensor *out, const CarinaTensor *image, const Axis *rows,
                         const Axis *columns)
{
    const int64_t w = image->shape.dims[1], c = image->shape.dims[2];
    const uint8_t *from = image->data;
    uint8_t *to = out->data;
    for (int64_t y = 0; y < out->shape.dims[0]; y++)
        for (int64_t x = 0; x < out->shape.dims[1]; x++)
            for (int64_t k = 0; k < c; k++) {
                const Taps *r = &rows->taps[y], *t = &columns->taps[x];
                double sum = 0;
                for (int64_t i = 0; i < r->n; i++)
                    for (int64_t j = 0; j < t->n; j++)
                        sum += r->weight[i] * t->weight[j] *
                               from[((r->first + i) * w + t->first + j) * c + k];
                *to++ = (uint8_t)floor(clamp(sum + 0.5, 0, 255));
            }
}

static CarinaStatus check(const CarinaTensor *image, int height, int width,
                          CarinaError *err)
{
    if (image->type != CARINA_U8 || image->shape.rank != 3 || image->size == 0)
        return ca_err(err, CARINA_ERR_SHAPE,
                      "image: %s of rank %d; u8 [H, W, C] with pixels is needed",
                      carina_type_name(image->type), (int)image->shape.rank);
    if (height < 1 || width < 1 || height > MAX_SIDE / width)
        return ca_err(err, CARINA_ERR_LIMIT,
                      "image: cannot make it %d x %d; the limit is 2^28 pixels", height,
                      width);
    return CARINA_OK;
}

CarinaStatus carina_tensor_resize_image(CarinaTensor **out, const CarinaTensor *image,
                                        int height, int width, CarinaResize how,
                                        CarinaError *err)
{
    const CarinaShape shape = {3, {height, width, image->shape.dims[2]}};
    Axis rows = {0}, columns = {0};
    CarinaTensor *result = NULL;
    CA_TRY(check(image, height, width, err));
    CarinaStatus status = carina_tensor_create(&result, CARINA_U8, &shape, err);
    if (status == CARINA_OK)
        status = axis_make(&rows, height, image->shape.dims[0], how, err);
    if (status == CARINA_OK)
        status = axis_make(&columns, width, image->shape.dims[1], how, err);
    if (status == CARINA_OK) {
        if (how == CARINA_RESIZE_ANTIALIAS)
            status = resize_filtered(result, image, &rows, &columns, err);
        else
            resize_plain(result, image, &rows, &columns);
    }
    axis_free(&rows);
    axis_free(&columns);
    if (status == CARINA_OK)
        *out = result;
    else
        carina_tensor_free(&result);
    return status;
}

CarinaStatus carina_tensor_crop_image(CarinaTensor **out, const CarinaTensor *image,
                                      int height, int width, CarinaError *err)
{
    CA_TRY(check(image, height, width, err));
    const int64_t h = image->shape.dims[0], w = image->shape.dims[1];
    const int64_t c = image->shape.dims[2];
    const CarinaShape shape = {3, {height, width, c}};
    if (height > h || width > w)
        return ca_err(err, CARINA_ERR_SHAPE,
                      "image: cannot cut %d x %d out of %lld x %lld; resize it first",
                      height, width, (long long)h, (long long)w);
    CA_TRY(carina_tensor_create(out, CARINA_U8, &shape, err));
    const uint8_t *from =
        (const uint8_t *)image->data + ((h - height) / 2 * w + (w - width) / 2) * c;
    uint8_t *to = (*out)->data;
    const size_t line = (size_t)(width * c);
    for (int y = 0; y < height; y++, from += w * c, to += line)
        memcpy(to, from, line);
    return CARINA_OK;
}

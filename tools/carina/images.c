/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures from files and arrays: resized, cut, put in the model's order, (v - mean) / scale.
 *
 * Arrays of reals are taken as they are: whoever made them has prepared them.
 */
#include "images.h"

#include <stdlib.h>
#include <string.h>

static void add(ImageList *list, const Image *image)
{
    if (list->n == list->room) {
        const int room = list->room ? 2 * list->room : 64;
        Image *v = allocate((size_t)room, sizeof *v);
        if (list->n)
            memcpy(v, list->v, (size_t)list->n * sizeof *v);
        free(list->v);
        list->v = v;
        list->room = room;
    }
    list->v[list->n++] = *image;
}

static bool add_array(ImageList *list, const char *path)
{
    CarinaError err = {0};
    Image image = {.path = path, .n = 1};
    if (carina_tensor_read_npy(&image.array, path, &err) != CARINA_OK) {
        complain("%s", err.text);
        return false;
    }
    if (image.array->shape.rank == 4)
        image.n = image.array->shape.dims[0];
    if (image.n < 1 || image.array->shape.rank < 2) {
        complain("%s: shape %s holds no pictures; [N, C, H, W] or [N, H, W, C] does",
                 path, shape_text(&image.array->shape));
        carina_tensor_free(&image.array);
        return false;
    }
    for (image.index = 0; image.index < image.n; image.index++)
        add(list, &image);
    return true;
}

bool images_find(ImageList *out, const List *names)
{
    List files = {0};
    bool good = sources_expand(&files, names, IMAGE_FILES);
    for (int i = 0; i < files.n && good; i++) {
        const Image image = {.path = files.v[i], .n = 1};
        if (has_extension(files.v[i], "npy"))
            good = add_array(out, files.v[i]);
        else
            add(out, &image);
    }
    free(files.v);
    return good;
}

void images_free(ImageList *list)
{
    for (int i = 0; i < list->n; i++)
        if (list->v[i].index == list->v[i].n - 1)
            carina_tensor_free(&list->v[i].array);
    free(list->v);
}

char *image_name(const Image *image)
{
    return image->n > 1 ? text_of("%s[%lld]", image->path, (long long)image->index)
                        : text_of("%s", image->path);
}

static bool failed(const Image *image, const CarinaError *err)
{
    (void)image;
    complain("%s", err->text);
    return false;
}

/* Replaces *t where the sizes differ. */
static bool resize(CarinaTensor **t, int64_t height, int64_t width, CarinaResize how,
                   const Image *image)
{
    CarinaTensor *out = NULL;
    CarinaError err = {0};
    if ((*t)->shape.dims[0] == height && (*t)->shape.dims[1] == width)
        return true;
    if (carina_tensor_resize_image(&out, *t, (int)height, (int)width, how, &err) !=
        CARINA_OK)
        return failed(image, &err);
    carina_tensor_free(t);
    *t = out;
    return true;
}

static bool crop(CarinaTensor **t, const ImageRules *r, const Image *image)
{
    CarinaTensor *out = NULL;
    CarinaError err = {0};
    if (carina_tensor_crop_image(&out, *t, r->height, r->width, &err) != CARINA_OK)
        return failed(image, &err);
    carina_tensor_free(t);
    *t = out;
    return true;
}

/* The picture's sides times the factor that makes it cover the model's, or its short side resize_to. */
static bool fit(CarinaTensor **t, const ImageRules *r, const Image *image)
{
    const int64_t h = (*t)->shape.dims[0], w = (*t)->shape.dims[1];
    if (!r->has_crop)
        return resize(t, r->height, r->width, r->resize, image);
    const double by_height = (double)r->height / (double)h;
    const double by_width = (double)r->width / (double)w;
    double factor = by_height > by_width ? by_height : by_width;
    if (r->resize_to > 0)
        factor = (double)r->resize_to / (double)(h < w ? h : w);
    const int64_t height = (int64_t)((double)h * factor + 0.5);
    const int64_t width = (int64_t)((double)w * factor + 0.5);
    return resize(t, height, width, r->resize, image) && crop(t, r, image);
}

static int64_t place(const ImageRules *r, int64_t slot, int64_t y, int64_t x, int c)
{
    return r->is_nhwc ? ((slot * r->height + y) * r->width + x) * r->channels + c
                      : ((slot * r->channels + c) * r->height + y) * r->width + x;
}

static void put_picture(CarinaTensor *to, int64_t slot, const CarinaTensor *t,
                        const ImageRules *r)
{
    const uint8_t *from = t->data;
    for (int64_t y = 0; y < r->height; y++)
        for (int64_t x = 0; x < r->width; x++, from += r->channels)
            for (int c = 0; c < r->channels; c++) {
                const double v = from[r->reverse ? r->channels - 1 - c : c];
                tensor_put(to, place(r, slot, y, x, c), (v - r->mean[c]) / r->scale[c]);
            }
}

/* The array's own part of the batch, in the model's order already; bytes are pictures still. */
static void put_array(CarinaTensor *to, int64_t slot, const Image *image,
                      const ImageRules *r)
{
    const int64_t plane = (int64_t)r->height * r->width, n = plane * r->channels;
    const bool is_bytes = image->array->type == CARINA_U8;
    for (int64_t i = 0; i < n; i++) {
        const int64_t c = r->is_nhwc ? i % r->channels : i / plane;
        const double v = tensor_get(image->array, image->index * n + i);
        tensor_put(to, slot * n + i, is_bytes ? (v - r->mean[c]) / r->scale[c] : v);
    }
}

static bool has_model_shape(const Image *image, const ImageRules *r)
{
    const CarinaShape *s = &image->array->shape;
    const int64_t want[3] = {r->is_nhwc ? r->height : r->channels,
                             r->is_nhwc ? r->width : r->height,
                             r->is_nhwc ? r->channels : r->width};
    for (int i = 0; i < 3; i++) {
        const int d = s->rank - 3 + i;
        if ((d < 0 ? 1 : s->dims[d]) != want[i])
            return false;
    }
    return true;
}

/* A view of bytes [H, W, C] inside the array. */
static bool view(CarinaTensor **t, const Image *image, const ImageRules *r)
{
    CarinaError err = {0};
    const CarinaShape *s = &image->array->shape;
    CarinaShape shape = {3, {0, 0, 1}};
    for (int i = 0; i < 3 && i < s->rank; i++)
        shape.dims[i] = s->dims[s->rank == 2 ? i : s->rank - 3 + i];
    if (image->array->type != CARINA_U8 || shape.dims[2] != r->channels) {
        complain(
            "%s: shape %s %s is no picture for the model, which takes %d x %d x %d; save "
            "bytes [N, H, W, %d], or exactly what it takes",
            image->path, shape_text(s), carina_type_name(image->array->type), r->channels,
            r->height, r->width, r->channels);
        return false;
    }
    const size_t size = image->array->size / (size_t)image->n;
    uint8_t *data = (uint8_t *)image->array->data + (size_t)image->index * size;
    return carina_tensor_wrap(t, CARINA_U8, &shape, data, size, &err) == CARINA_OK ||
           failed(image, &err);
}

bool image_load(CarinaTensor *to, int64_t slot, const Image *image,
                const ImageRules *rules)
{
    CarinaTensor *t = NULL;
    CarinaError err = {0};
    bool good = true;
    if (image->array && has_model_shape(image, rules)) {
        put_array(to, slot, image, rules);
        return true;
    }
    if (image->array)
        good = view(&t, image, rules);
    else if (carina_tensor_read_image(&t, image->path, rules->channels, &err) !=
             CARINA_OK)
        good = failed(image, &err);
    good = good && fit(&t, rules, image);
    if (good)
        put_picture(to, slot, t, rules);
    carina_tensor_free(&t);
    return good;
}

bool image_numbers(double *to, const char *text, int channels, const char *option)
{
    double *v = NULL;
    int n = 0;
    const bool good = parse_numbers(&v, &n, text) && (n == 1 || n == channels);
    for (int c = 0; c < channels && good; c++)
        to[c] = v[n == 1 ? 0 : c];
    if (!good)
        complain("%s: '%s' is not one number, nor one for each of %d channels", option,
                 text, channels);
    free(v);
    return good;
}

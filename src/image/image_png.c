/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PNG through libpng: every depth, palettes, interlacing; alpha is dropped, 16 bits are scaled to 8.
 */
#include "image/image.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>

typedef struct {
    const CaImageFile *file;
    size_t at;
    png_structp png;
    png_infop info;
    CarinaTensor *image;
    png_bytep *rows;
    CarinaStatus status;
    char text[160];
} Reader;

static void fail(png_structp png, png_const_charp text)
{
    Reader *r = png_get_error_ptr(png);
    strncpy(r->text, text, sizeof r->text - 1);
    png_longjmp(png, 1);
}

static void no_output(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    Reader *r = png_get_io_ptr(png);
    if (n > r->file->size - r->at)
        png_error(png, "the data end early");
    memcpy(to, r->file->data + r->at, n);
    r->at += n;
}

static void set_transforms(png_structp png)
{
    png_set_scale_16(png);
    png_set_expand(png);
    png_set_strip_alpha(png);
    (void)png_set_interlace_handling(png);
}

static void find_orientation(Reader *r, int *orientation)
{
#if defined(PNG_eXIf_SUPPORTED)
    png_bytep exif = NULL;
    png_uint_32 size = 0;
    if (png_get_eXIf_1(r->png, r->info, &size, &exif))
        *orientation = ca_image_orientation(exif, size);
#else
    (void)r;
    (void)orientation;
#endif
}

static void read_all(Reader *r, int *orientation, CarinaError *err)
{
    png_structp png = r->png;
    png_set_read_fn(png, r, read_bytes);
    png_set_user_limits(png, (png_uint_32)CA_IMAGE_MAX_PIXELS,
                        (png_uint_32)CA_IMAGE_MAX_PIXELS);
    png_read_info(png, r->info);
    const png_uint_32 width = png_get_image_width(png, r->info);
    const png_uint_32 height = png_get_image_height(png, r->info);
    const bool is_grey = !(png_get_color_type(png, r->info) & PNG_COLOR_MASK_COLOR);
    set_transforms(png);
    png_read_update_info(png, r->info);
    const size_t stride = (size_t)width * (is_grey ? 1 : 3);
    r->status = ca_image_create(&r->image, r->file, width, height, is_grey ? 1 : 3, err);
    if (r->status != CARINA_OK)
        return;
    if (png_get_rowbytes(png, r->info) != stride)
        png_error(png, "the rows have an unexpected size");
    r->rows = ca_alloc(height * sizeof *r->rows);
    if (!r->rows) {
        r->status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", r->file->path);
        return;
    }
    for (size_t y = 0; y < height; y++)
        r->rows[y] = (png_bytep)r->image->data + y * stride;
    png_read_image(png, r->rows);
    png_read_end(png, r->info);
    find_orientation(r, orientation);
}

static void decode(Reader *r, int *orientation, CarinaError *err)
{
    if (setjmp(png_jmpbuf(r->png)) == 0)
        read_all(r, orientation, err);
    else
        r->status = ca_err(err, CARINA_ERR_FORMAT,
                           "%s: PNG data: %s; the file is damaged or was cut",
                           r->file->path, r->text);
}

CarinaStatus ca_image_png(CarinaTensor **out, int *orientation, const CaImageFile *file,
                          CarinaError *err)
{
    Reader *r = ca_alloc(sizeof *r); /* not on the stack: it is written after setjmp */
    if (!r)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", file->path);
    r->file = file;
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, fail, no_output);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (r->info)
        decode(r, orientation, err);
    else
        r->status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", file->path);
    png_destroy_read_struct(&r->png, &r->info, NULL);
    const CarinaStatus status = r->status;
    if (status == CARINA_OK)
        *out = r->image;
    else
        carina_tensor_free(&r->image);
    ca_free(r->rows);
    ca_free(r);
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images: each format against pictures made here, orientation, resizing, and files that were cut.
 */
#include "image/image.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

static const char *path_of(const char *name)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/carina_%ld_%s", (long)getpid(), name);
    return path;
}

static const char *file_of(const char *name, const void *data, size_t size)
{
    const char *path = path_of(name);
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(data, 1, size, f);
        fclose(f);
    }
    return path;
}

/* Reads the bytes as an image; the file is gone afterwards. */
static CarinaStatus read_bytes(CarinaTensor **out, const void *data, size_t size,
                               int channels, CarinaError *err)
{
    const char *path = file_of("image", data, size);
    const CarinaStatus status = carina_tensor_read_image(out, path, channels, err);
    unlink(path);
    return status;
}

/* Every shorter file must be refused with a sentence, and none must crash. */
static int all_cuts_fail(const uint8_t *data, size_t size)
{
    for (size_t n = 0; n < size; n++) {
        CarinaTensor *t = NULL;
        CarinaError err = {0};
        if (read_bytes(&t, data, n, 0, &err) == CARINA_OK || t || !err.text[0]) {
            printf("cut to %zu of %zu bytes was accepted\n", n, size);
            carina_tensor_free(&t);
            return 0;
        }
    }
    return 1;
}

static size_t jpeg_of(uint8_t **bytes, int w, int h, J_COLOR_SPACE space,
                      const uint8_t *exif, unsigned exif_size, bool is_progressive)
{
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr manager;
    unsigned long size = 0;
    const int n = space == JCS_GRAYSCALE ? 1 : space == JCS_CMYK ? 4 : 3;
    *bytes = NULL;
    c.err = jpeg_std_error(&manager);
    jpeg_create_compress(&c);
    jpeg_mem_dest(&c, bytes, &size);
    c.image_width = (JDIMENSION)w;
    c.image_height = (JDIMENSION)h;
    c.input_components = n;
    c.in_color_space = space;
    jpeg_set_defaults(&c);
    jpeg_set_quality(&c, 100, TRUE);
    if (is_progressive)
        jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    if (exif)
        jpeg_write_marker(&c, JPEG_APP0 + 1, exif, exif_size);
    while (c.next_scanline < c.image_height) {
        uint8_t line[4 * 64];
        JSAMPROW row = line;
        for (int x = 0; x < w * n; x++)
            line[x] = x < w * n / 2 ? 20 : 220; /* left dark, right bright */
        jpeg_write_scanlines(&c, &row, 1);
    }
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    return size;
}

TEST(a_jpeg_is_read_in_colour_and_grey_and_its_cuts_fail)
{
    uint8_t *bytes = NULL;
    for (int progressive = 0; progressive < 2; progressive++)
        for (int grey = 0; grey < 2; grey++) {
            const size_t size = jpeg_of(&bytes, 32, 16, grey ? JCS_GRAYSCALE : JCS_RGB,
                                        NULL, 0, progressive);
            CarinaTensor *t = NULL;
            CHECK_STATUS(read_bytes(&t, bytes, size, 0, NULL), CARINA_OK);
            CHECK_EQ(t->shape.dims[0], 16);
            CHECK_EQ(t->shape.dims[2], grey ? 1 : 3);
            const uint8_t *p = t->data;
            CHECK(abs(p[0] - 20) <= 2 && abs(p[t->size - 1] - 220) <= 2);
            carina_tensor_free(&t);
            /* The last two bytes are the end marker, which libjpeg supplies itself. */
            if (!progressive)
                CHECK(all_cuts_fail(bytes, size - 2));
            free(bytes);
        }
}

TEST(a_cmyk_jpeg_of_adobe_is_inverted)
{
    uint8_t *bytes = NULL;
    const size_t size = jpeg_of(&bytes, 16, 16, JCS_CMYK, NULL, 0, false);
    CarinaTensor *t = NULL;
    CHECK_STATUS(read_bytes(&t, bytes, size, 3, NULL), CARINA_OK);
    const uint8_t *p = t->data;
    CHECK(abs(p[0] - 20 * 20 / 255) <= 2);
    CHECK(abs(p[t->size - 1] - 220 * 220 / 255) <= 2);
    carina_tensor_free(&t);
    free(bytes);
}

TEST(exif_orientation_turns_the_picture)
{
    uint8_t exif[] = {'E', 'x', 'i', 'f',  0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8,
                      0,   1,   1,   0x12, 0, 3, 0,   0,   0, 1,  0, 6, 0, 0};
    uint8_t *bytes = NULL;
    const size_t size = jpeg_of(&bytes, 32, 16, JCS_GRAYSCALE, exif, sizeof exif, false);
    CarinaTensor *t = NULL;
    CHECK_STATUS(read_bytes(&t, bytes, size, 0, NULL), CARINA_OK);
    CHECK_EQ(t->shape.dims[0], 32);
    CHECK_EQ(t->shape.dims[1], 16);
    const uint8_t *p =
        t->data; /* 6: turned right by 90 degrees, the left side is on top */
    CHECK(abs(p[15] - 20) <= 2 && abs(p[31 * 16] - 220) <= 2);
    carina_tensor_free(&t);
    free(bytes);
    for (size_t n = 0; n < sizeof exif - 6 - 2; n++)
        CHECK_EQ(ca_image_orientation(exif + 6, n), 1);
    CHECK_EQ(ca_image_orientation(exif + 6, sizeof exif - 6), 6);
}

/* 5 x 3 pixels, depth and colour as given; sample i of a row is (i * 37) cut to the depth. */
static size_t png_of(uint8_t *bytes, size_t room, int depth, int color)
{
    FILE *f = tmpfile();
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_color palette[16];
    for (int i = 0; i < 16; i++)
        palette[i] = (png_color){(png_byte)(i * 3), (png_byte)(i * 5), (png_byte)(i * 7)};
    png_init_io(png, f);
    png_set_IHDR(png, info, 5, 3, depth, color, PNG_INTERLACE_ADAM7,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (color == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, palette, depth == 4 ? 16 : 2);
    png_write_info(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < 3; y++) {
            uint8_t row[5 * 4 * 2] = {0};
            for (size_t i = 0; i < sizeof row; i++)
                row[i] = (uint8_t)(depth == 16 ? 0x80 : 0x5a);
            png_write_row(png, row);
        }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    rewind(f);
    const size_t size = fread(bytes, 1, room, f);
    fclose(f);
    return size;
}

TEST(a_png_of_any_depth_is_read)
{
    static const struct {
        int depth, color, channels, first, second;
    } cases[] = {
        {1, PNG_COLOR_TYPE_GRAY, 1, 0, 255},    {2, PNG_COLOR_TYPE_GRAY, 1, 85, 85},
        {4, PNG_COLOR_TYPE_GRAY, 1, 85, 170},   {8, PNG_COLOR_TYPE_GRAY, 1, 90, 90},
        {16, PNG_COLOR_TYPE_GRAY, 1, 128, 128}, {8, PNG_COLOR_TYPE_RGB, 3, 90, 90},
        {16, PNG_COLOR_TYPE_RGBA, 3, 128, 128}, {8, PNG_COLOR_TYPE_GRAY_ALPHA, 1, 90, 90},
        {4, PNG_COLOR_TYPE_PALETTE, 3, 15, 25},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t bytes[4096];
        CarinaTensor *t = NULL;
        const size_t size = png_of(bytes, sizeof bytes, cases[i].depth, cases[i].color);
        CHECK_STATUS(read_bytes(&t, bytes, size, 0, NULL), CARINA_OK);
        CHECK_EQ(t->shape.dims[2], cases[i].channels);
        CHECK_EQ(((uint8_t *)t->data)[0], cases[i].first);
        if (cases[i].color != PNG_COLOR_TYPE_PALETTE)
            CHECK_EQ(((uint8_t *)t->data)[1], cases[i].second);
        carina_tensor_free(&t);
        CHECK(all_cuts_fail(bytes, size));
    }
}

TEST(a_bmp_is_read_bottom_up_and_its_cuts_fail)
{
    uint8_t bmp[14 + 40 + 16] = {
        'B', 'M', [10] = 54, [14] = 40, [18] = 2, [22] = 2, [26] = 1, [28] = 24};
    for (uint8_t i = 0; i < 16; i++)
        bmp[54 + i] = i; /* rows of 2 * 3 bytes and 2 of padding, BGR */
    CarinaTensor *t = NULL;
    CHECK_STATUS(read_bytes(&t, bmp, sizeof bmp, 0, NULL), CARINA_OK);
    static const uint8_t want[12] = {10, 9, 8, 13, 12, 11, 2, 1, 0, 5, 4, 3};
    CHECK_EQ(t->size, sizeof want);
    CHECK(memcmp(t->data, want, sizeof want) == 0);
    carina_tensor_free(&t);
    CHECK(all_cuts_fail(bmp, sizeof bmp));
    bmp[18 + 3] = 0x7f; /* width above the limit */
    CHECK_STATUS(read_bytes(&t, bmp, sizeof bmp, 0, NULL), CARINA_ERR_LIMIT);
}

TEST(ppm_of_each_kind_is_read)
{
    static const struct {
        const char *text;
        size_t size;
        int channels, first, last;
    } cases[] = {
        {"P1\n# note\n3 1\n0 10\n", 19, 1, 255, 255},
        {"P2 2 1 15 0 15 ", 15, 1, 0, 255},
        {"P3 1 1 255 1 2 3\n", 17, 3, 1, 3},
        {"P4 3 1\n\x40", 8, 1, 255, 255},
        {"P5 2 1 255\nab", 13, 1, 'a', 'b'},
        {"P6 1 1 65535\n\x80\x80\x00\x00\xff\xff", 19, 3, 128, 255},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CarinaTensor *t = NULL;
        CHECK_STATUS(read_bytes(&t, cases[i].text, cases[i].size, 0, NULL), CARINA_OK);
        CHECK_EQ(t->shape.dims[2], cases[i].channels);
        CHECK_EQ(((uint8_t *)t->data)[0], cases[i].first);
        CHECK_EQ(((uint8_t *)t->data)[t->size - 1], cases[i].last);
        carina_tensor_free(&t);
    }
    CHECK(all_cuts_fail((const uint8_t *)cases[5].text, cases[5].size));
}

static CarinaTensor *ramp(int h, int w)
{
    CarinaTensor *t = NULL;
    const CarinaShape shape = {3, {h, w, 1}};
    if (carina_tensor_create(&t, CARINA_U8, &shape, NULL) == CARINA_OK)
        for (int i = 0; i < h * w; i++)
            ((uint8_t *)t->data)[i] = (uint8_t)(i * 10);
    return t;
}

TEST(bilinear_resizing_has_its_centres_at_halves)
{
    CarinaTensor *image = ramp(1, 4), *t = NULL;
    CHECK_STATUS(
        carina_tensor_resize_image(&t, image, 1, 8, CARINA_RESIZE_BILINEAR, NULL),
        CARINA_OK);
    /* At -.25 .25 .75 1.25 ... of 0 10 20 30; halves are rounded up. */
    static const uint8_t larger[8] = {0, 3, 8, 13, 18, 23, 28, 30};
    CHECK(memcmp(t->data, larger, 8) == 0);
    carina_tensor_free(&t);
    CHECK_STATUS(
        carina_tensor_resize_image(&t, image, 1, 2, CARINA_RESIZE_BILINEAR, NULL),
        CARINA_OK);
    CHECK_EQ(((uint8_t *)t->data)[0], 5);
    carina_tensor_free(&t);
    carina_tensor_free(&image);
}

TEST(filtered_resizing_gives_what_pil_gives)
{
    CarinaTensor *image = ramp(1, 8), *t = NULL;
    CHECK_STATUS(
        carina_tensor_resize_image(&t, image, 1, 3, CARINA_RESIZE_ANTIALIAS, NULL),
        CARINA_OK);
    /* Recorded from PIL. By hand, the first: triangle of 8/3 to each side of 4/3, 26.25 / 2.375. */
    static const uint8_t want[3] = {11, 35, 59};
    for (int i = 0; i < 3; i++)
        CHECK_EQ(((uint8_t *)t->data)[i], want[i]);
    carina_tensor_free(&t);
    CHECK_STATUS(
        carina_tensor_resize_image(&t, image, 1, 8, CARINA_RESIZE_ANTIALIAS, NULL),
        CARINA_OK);
    CHECK(memcmp(t->data, image->data, 8) == 0);
    carina_tensor_free(&t);
    carina_tensor_free(&image);
}

TEST(the_crop_is_the_middle_and_not_larger_than_the_image)
{
    CarinaTensor *image = ramp(4, 4), *t = NULL;
    CHECK_STATUS(carina_tensor_crop_image(&t, image, 2, 2, NULL), CARINA_OK);
    static const uint8_t want[4] = {50, 60, 90, 100};
    CHECK(memcmp(t->data, want, 4) == 0);
    carina_tensor_free(&t);
    CHECK_STATUS(carina_tensor_crop_image(&t, image, 5, 2, NULL), CARINA_ERR_SHAPE);
    carina_tensor_free(&image);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG through libjpeg: baseline and progressive, grey, YCbCr, RGB, CMYK and YCCK (Adobe's inverted).
 *
 * libjpeg reports errors by calling out; the callback jumps back here. What it calls warnings of a
 * stream that ends early or is garbled are errors too: half a picture would be classified in silence.
 */
#include "image/image.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

enum {
    MAX_SCANS = 500
}; /* a progressive file has about ten; each costs a pass over the image */

typedef struct {
    struct jpeg_error_mgr manager; /* first: libjpeg hands it back */
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
} Errors;

typedef struct {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_progress_mgr progress;
    Errors errors;
    CarinaTensor *image;
    uint8_t *line; /* four components of CMYK */
    CarinaStatus status;
} Reader;

static void fail(j_common_ptr jpeg)
{
    Errors *errors = (Errors *)(void *)jpeg->err;
    errors->manager.format_message(jpeg, errors->text);
    longjmp(errors->back, 1);
}

static void warn(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 &&
        (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE))
        fail(jpeg);
}

static void no_output(j_common_ptr jpeg) { (void)jpeg; }

static void count_scans(j_common_ptr jpeg)
{
    if (((j_decompress_ptr)(void *)jpeg)->input_scan_number > MAX_SCANS)
        ERREXIT(jpeg, JERR_BAD_PROGRESSION);
}

static void find_orientation(const struct jpeg_decompress_struct *jpeg, int *orientation)
{
    for (const struct jpeg_marker_struct *m = jpeg->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 &&
            memcmp(m->data, "Exif\0", 6) == 0) {
            *orientation = ca_image_orientation(m->data + 6, m->data_length - 6);
            return;
        }
}

/* Adobe stores 255 minus the ink; without its marker a byte is the ink itself. */
static void cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, size_t n, bool is_inverted)
{
    const unsigned flip = is_inverted ? 0 : 255;
    for (size_t i = 0; i < n; i++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++)
            rgb[c] = (uint8_t)(((cmyk[c] ^ flip) * (cmyk[3] ^ flip) + 127) / 255);
}

static void read_lines(Reader *r)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    const size_t stride =
        (size_t)r->image->shape.dims[1] * (size_t)r->image->shape.dims[2];
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *to = (uint8_t *)r->image->data + jpeg->output_scanline * stride;
        JSAMPROW row = r->line ? r->line : to;
        if (jpeg_read_scanlines(jpeg, &row, 1) == 1 && r->line)
            cmyk_to_rgb(to, r->line, jpeg->output_width, jpeg->saw_Adobe_marker);
    }
    (void)jpeg_finish_decompress(jpeg);
}

static void read_all(Reader *r, int *orientation, const CaImageFile *file,
                     CarinaError *err)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    jpeg_mem_src(jpeg, file->data, (unsigned long)file->size);
    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    (void)jpeg_read_header(jpeg, TRUE);
    find_orientation(jpeg, orientation);
    const bool is_cmyk =
        jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    const bool is_grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    jpeg->out_color_space = is_cmyk ? JCS_CMYK : is_grey ? JCS_GRAYSCALE : JCS_RGB;
    r->status = ca_image_create(&r->image, file, jpeg->image_width, jpeg->image_height,
                                is_grey ? 1 : 3, err);
    if (r->status == CARINA_OK && is_cmyk) {
        r->line = ca_alloc(4 * (size_t)jpeg->image_width);
        if (!r->line)
            r->status = ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", file->path);
    }
    if (r->status != CARINA_OK)
        return;
    r->progress.progress_monitor = count_scans;
    jpeg->progress = &r->progress;
    (void)jpeg_start_decompress(jpeg);
    read_lines(r);
}

CarinaStatus ca_image_jpeg(CarinaTensor **out, int *orientation, const CaImageFile *file,
                           CarinaError *err)
{
    Reader *r = ca_alloc(sizeof *r); /* not on the stack: it is written after setjmp */
    if (!r)
        return ca_err(err, CARINA_ERR_MEMORY, "%s: out of memory", file->path);
    r->jpeg.err = jpeg_std_error(&r->errors.manager);
    r->errors.manager.error_exit = fail;
    r->errors.manager.emit_message = warn;
    r->errors.manager.output_message = no_output;
    if (setjmp(r->errors.back) == 0) {
        jpeg_create_decompress(&r->jpeg);
        read_all(r, orientation, file, err);
    } else {
        r->status = ca_err(err, CARINA_ERR_FORMAT,
                           "%s: JPEG data: %s; the file is damaged or was cut",
                           file->path, r->errors.text);
    }
    jpeg_destroy_decompress(&r->jpeg);
    const CarinaStatus status = r->status;
    if (status == CARINA_OK)
        *out = r->image;
    else
        carina_tensor_free(&r->image);
    ca_free(r->line);
    ca_free(r);
    return status;
}

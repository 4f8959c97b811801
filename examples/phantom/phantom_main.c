/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phantom: writes a series of chest phantoms as PNG files with labels.csv in the manner of
 * ChestX-ray14, as one .npy batch, or both. The same series gives the same bytes everywhere.
 */
#include "phantom.h"

#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct {
    const char *dir, *npy,
        *csv; /* csv: labels only; with dir they go to dir/labels.csv too */
    long n;
    unsigned long long series;
    int as_u8;
} Options;

static const char usage[] =
    "phantom: draws chest phantoms with known findings\n\n"
    "  phantom -o DIR -n 12 --seed 7              DIR/0001.png … and DIR/labels.csv\n"
    "  phantom --npy x.npy --labels y.csv -n 500  one batch, f32 [500, 1, 128, 128], 0..255\n"
    "  phantom --npy x.npy --u8 -n 500            the same in bytes\n\n"
    "  -o DIR         folder of images; it is made if missing\n"
    "  -n N           how many (12), 1 to 100000\n"
    "  --seed S       the series (1)\n"
    "  --npy FILE     all images as one NumPy array\n"
    "  --u8           the array in bytes instead of f32\n"
    "  --labels FILE  the labels, wherever the images go\n";

static int fail(const char *file, const char *what)
{
    fprintf(stderr, "phantom: %s: %s\n", file, what);
    return 1;
}

static int write_png(const char *path, const uint8_t *pixels)
{
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = PHANTOM_SIDE,
                       .height = PHANTOM_SIDE,
                       .format = PNG_FORMAT_GRAY};
    if (png_image_write_to_file(&image, path, 0, pixels, PHANTOM_SIDE, NULL))
        return 0;
    return fail(path, image.message);
}

/* NumPy format 1.0: magic, version, header length, a Python literal padded to 64 bytes. */
static void write_npy_header(FILE *f, const Options *o)
{
    char text[118];
    const int used =
        snprintf(text, sizeof text,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (%ld, 1, %d, %d), }",
                 o->as_u8 ? "|u1" : "<f4", o->n, PHANTOM_SIDE, PHANTOM_SIDE);
    memset(text + used, ' ', sizeof text - (size_t)used);
    text[sizeof text - 1] = '\n';
    fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
    fwrite(text, 1, sizeof text, f);
}

static void write_npy_image(FILE *f, const Options *o, const uint8_t *pixels)
{
    float values[PHANTOM_PIXELS];
    if (o->as_u8) {
        fwrite(pixels, 1, PHANTOM_PIXELS, f);
        return;
    }
    for (int i = 0; i < PHANTOM_PIXELS; i++)
        values[i] = pixels[i];
    fwrite(values, sizeof *values, PHANTOM_PIXELS, f);
}

static void write_label(FILE *f, long number, unsigned set)
{
    const char *bar = "";
    fprintf(f, "%04ld.png,", number);
    for (int i = 0; i < PHANTOM_FINDINGS; i++)
        if (set >> i & 1) {
            fprintf(f, "%s%s", bar, phantom_finding_name(i));
            bar = "|";
        }
    fprintf(f, "%s\n", set ? "" : "No Finding");
}

/* Closes a file that was written and says whether all of it arrived. */
static int finish(FILE *f, const char *path)
{
    const int bad = ferror(f);
    return (fclose(f) != 0 || bad) ? fail(path, "cannot be written; is the disk full?")
                                   : 0;
}

static int draw_series(const Options *o, FILE *csv, FILE *npy)
{
    uint8_t pixels[PHANTOM_PIXELS];
    char path[4096];
    fprintf(csv, "Image Index,Finding Labels\n");
    for (long i = 1; i <= o->n; i++) {
        const uint64_t seed = phantom_seed(o->series, (uint64_t)i);
        const unsigned set = phantom_pick_findings(seed);
        phantom_draw(pixels, seed, set);
        write_label(csv, i, set);
        if (npy)
            write_npy_image(npy, o, pixels);
        if (o->dir) {
            if (snprintf(path, sizeof path, "%s/%04ld.png", o->dir, i) >=
                (int)sizeof path)
                return fail(o->dir, "the name is too long");
            if (write_png(path, pixels))
                return 1;
        }
    }
    return 0;
}

static int write_series(const Options *o)
{
    char path[4096];
    const char *labels = o->csv ? o->csv : path;
    if (o->dir && mkdir(o->dir, 0777) != 0 && errno != EEXIST)
        return fail(o->dir, strerror(errno));
    if (snprintf(path, sizeof path, "%s/labels.csv", o->dir ? o->dir : ".") >=
        (int)sizeof path)
        return fail(o->dir, "the name is too long");
    if (!o->csv && !o->dir)
        labels = "/dev/null"; /* a batch alone, without labels */

    FILE *const csv = fopen(labels, "w");
    if (!csv)
        return fail(labels, strerror(errno));
    FILE *const npy = o->npy ? fopen(o->npy, "wb") : NULL;
    if (o->npy && !npy) {
        fclose(csv);
        return fail(o->npy, strerror(errno));
    }
    if (npy)
        write_npy_header(npy, o);
    int bad = draw_series(o, csv, npy);
    bad |= finish(csv, labels);
    if (npy)
        bad |= finish(npy, o->npy);
    return bad;
}

int main(int argc, char **argv)
{
    Options o = {.n = 12, .series = 1};
    for (int i = 1; i < argc; i++) {
        const char *const a = argv[i], *const value = i + 1 < argc ? argv[i + 1] : NULL;
        char *end = NULL;
        if (strcmp(a, "--help") == 0)
            return fputs(usage, stdout) == EOF;
        if (strcmp(a, "--u8") == 0) {
            o.as_u8 = 1;
            continue;
        }
        if (!value)
            return fail(a, "unknown option, or its value is missing; see phantom --help"),
                   2;
        i++;
        errno = 0;
        if (strcmp(a, "-o") == 0)
            o.dir = value;
        else if (strcmp(a, "--npy") == 0)
            o.npy = value;
        else if (strcmp(a, "--labels") == 0)
            o.csv = value;
        else if (strcmp(a, "-n") == 0)
            o.n = strtol(value, &end, 10);
        else if (strcmp(a, "--seed") == 0)
            o.series = strtoull(value, &end, 10);
        else
            return fail(a, "unknown option; see phantom --help"), 2;
        if (end && (*end || end == value || errno))
            return fail(a, "needs a whole number"), 2;
    }
    if (o.n < 1 || o.n > 100000)
        return fail("-n", "must be between 1 and 100000"), 2;
    if (!o.dir && !o.npy)
        return fputs(usage, stderr), 2;
    return write_series(&o);
}

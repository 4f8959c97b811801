/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resizing that none of our operators does as TensorFlow does.
 *
 * Along one axis every rule of resizing is a matrix [out, in], so an image is multiplied by one from the left and by
 * another from the right. The sizes must be known.
 */
#ifndef CA_FORMATS_BY_WEIGHTS_H
#define CA_FORMATS_BY_WEIGHTS_H

#include "formats/build.h"

typedef enum CaResizeRule {
    CA_RESIZE_AREA,        /* the part of each element that is covered */
    CA_RESIZE_CUBIC_TABLE, /* four taps from ResizeBicubic's table of 1,024 steps */
    CA_RESIZE_BOX,         /* the others as ScaleAndTranslate has them */
    CA_RESIZE_TRIANGLE,
    CA_RESIZE_CUBIC,
    CA_RESIZE_MITCHELL,
    CA_RESIZE_GAUSSIAN,
    CA_RESIZE_LANCZOS_1,
    CA_RESIZE_LANCZOS_3,
    CA_RESIZE_LANCZOS_5
} CaResizeRule;

typedef struct CaResizeAxis {
    int64_t out;
    double scale;  /* elements of the source to one of the result */
    double offset; /* in elements of the source */
} CaResizeAxis;

typedef struct CaResize {
    CaResizeRule rule;
    bool antialias; /* wider weights where the image shrinks */
    CaResizeAxis y, x;
} CaResize;

/* v [N, C, H, W]; all numbers real. */
CaValue *ca_build_resized(CaBuild *b, CaValue *v, const CaResize *how);

/* The rule by the name that TensorFlow and Keras give it ("lanczos3", "keyscubic"); false where it is none. */
bool ca_resize_rule(CaResizeRule *out, const char *name);

#endif

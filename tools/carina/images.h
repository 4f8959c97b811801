/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures as a model's input wants them.
 */
#ifndef CARINA_IMAGES_H
#define CARINA_IMAGES_H

#include "cli.h"

#define IMAGE_FILES "jpg,jpeg,png,bmp,ppm,pgm,pbm,pnm,npy"

typedef struct ImageRules {
    int height, width, channels;
    bool is_nhwc; /* the model's order */
    CarinaResize resize;
    bool
        has_crop; /* cover height x width, or make the short side resize_to, then cut the middle */
    int64_t resize_to; /* 0: as small as still covers */
    bool reverse;      /* the model takes BGR */
    double mean[4], scale[4];
} ImageRules;

/* One picture: a file, or one of many in a .npy. */
typedef struct Image {
    const char *path;
    CarinaTensor *array; /* shared by the images of one .npy; NULL: a picture's file */
    int64_t index, n;    /* which of how many in the array */
} Image;

typedef struct ImageList {
    int n, room;
    Image *v;
} ImageList;

/* Names become pictures; a .npy is read here. False: said why. */
bool images_find(ImageList *out, const List *names);
void images_free(ImageList *list);
char *image_name(const Image *image); /* to be freed */
/* Writes the picture as item `slot` of the batch in *to. */
bool image_load(CarinaTensor *to, int64_t slot, const Image *image,
                const ImageRules *rules);
/* Means and scales from text, one number or one a channel. */
bool image_numbers(double *to, const char *text, int channels, const char *option);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that say how pictures become a model's input, shared by the subcommands that take pictures.
 */
#ifndef CARINA_PREPARING_H
#define CARINA_PREPARING_H

#include "images.h"

typedef struct Preparing {
    const char *resize, *crop, *mean, *scale;
    int64_t resize_to;
    bool reverse;
} Preparing;

/* Rows for the table of a command whose struct V has a member `preparing`. */
#define PREPARING_OPTIONS(V)                                                          \
    {OPTION_GROUP, "preparation", NULL, NULL, 0},                                     \
        {OPTION_TEXT, "resize", "bilinear|antialias|nearest", "bilinear unless told", \
         offsetof(V, preparing.resize)},                                              \
        {OPTION_TEXT, "crop", "centre|center|none",                                   \
         "cut the middle of what covers the input", offsetof(V, preparing.crop)},     \
        {OPTION_INT, "resize-to", "N", "short side before the cut",                   \
         offsetof(V, preparing.resize_to)},                                           \
        {OPTION_TEXT, "mean-values", "LIST", "subtract, in 0..255",                   \
         offsetof(V, preparing.mean)},                                                \
        {OPTION_TEXT, "scale-values", "LIST", "then divide",                          \
         offsetof(V, preparing.scale)},                                               \
    {                                                                                 \
        OPTION_FLAG, "reverse-input-channels", NULL, "BGR instead of RGB, or back",   \
            offsetof(V, preparing.reverse)                                            \
    }

/* Gives the model's one input a known shape [batch, C, H, W] or [batch, H, W, C] (*batch 0: 1; set), and says in rules what
 * pictures must become for it; before the model is optimised. False: said why on stderr. */
bool prepare_pictures(ImageRules *rules, int64_t *batch, CarinaModel *model,
                      const char *path, const Preparing *how, bool is_openvino);

#endif

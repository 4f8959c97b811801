/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a model is to be read: options that formats of many files and many ends need, shared by the subcommands.
 */
#ifndef CARINA_READING_H
#define CARINA_READING_H

#include "cli.h"

/* What the user has besides Carina's own operators. */
typedef struct Custom {
    List extensions; /* shared objects */
    List layers;     /* TYPE=FILE: models that stand for layers */
} Custom;

typedef struct Reading {
    const char *weights;          /* second file, or a checkpoint */
    const char *checkpoint;       /* the same, in TensorFlow's word */
    const char *tags, *signature; /* which part of a SavedModel */
    const char *input, *output;   /* where the graph begins and ends */
    const char *input_shape;      /* of those, in order */
    const char *freeze, *framework;
    const char *prefix; /* of the names of weights (MXNet) */
    Custom custom;
} Reading;

/* Rows for the table of a command whose struct V has that member. */
#define CUSTOM_OPTIONS(V, member)                                                     \
    {OPTION_REPEAT, "l", "FILE", "an extension: operators that Carina does not know", \
     offsetof(V, member.extensions)},                                                 \
    {                                                                                 \
        OPTION_REPEAT, "layer", "CLASS=FILE",                                         \
            "a model that stands for layers of a class or operator",                  \
            offsetof(V, member.layers)                                                \
    }

/* Rows for the table of a command whose struct V has a member `reading`. */
#define READING_OPTIONS(V)                                                     \
    {OPTION_GROUP, "TensorFlow", NULL, NULL, 0},                               \
        {OPTION_TEXT, "input-checkpoint", "PREFIX", "the variables' values",   \
         offsetof(V, reading.checkpoint)},                                     \
        {OPTION_TEXT, "saved-model-tags", "TAGS",                              \
         "which of a SavedModel's graphs (serve)", offsetof(V, reading.tags)}, \
        {OPTION_TEXT, "signature", "NAME", "which ends (serving_default)",     \
         offsetof(V, reading.signature)},                                      \
    {                                                                          \
        OPTION_TEXT, "freeze-placeholder-with-value", "LIST",                  \
            "inputs that become constants: is_training->false",                \
            offsetof(V, reading.freeze)                                        \
    }

/* Loads the extensions, once a context; false: said why on stderr. */
bool load_extensions(CarinaContext *ctx, const Custom *custom);

/* Reads the model, in a folder too; false: said why on stderr. */
bool read_model(CarinaModel **out, CarinaContext *ctx, const char *path,
                const Reading *reading);

/* Size of the files that a model was read from, in MB. */
double model_mb(const char *path, const Reading *reading);
/* Has the model's format ends that are cut as it is read, so that --input and --output have been heeded? */
bool reads_ends(const CarinaModel *model);

/* Item `name[stuff]`, `name(stuff)` or `[stuff]` of a list: sets both parts, to be freed, and moves on. */
bool next_item(const char **text, char **name, char **stuff);
/* "data:0" and "0:data" are said of data; {type} goes. To be freed. */
char *plain_name(const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transposes_test: networks whose channels come last keep no Transpose inside; transposes_rows.def has a row for each.
 * Assets as in models_test; without them the test is skipped (77).
 */
#include <carina/carina.h>
#include <carina/plugin.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Row {
    const char *format, *model;
    int n;
    const char *why;
} Row;

static const Row rows[] = {
#define TRANSPOSES(format, model, n, why) {format, model, n, why},
#include "transposes_rows.def"
#undef TRANSPOSES
};
enum { N_ROWS = (int)(sizeof rows / sizeof *rows) };

static int n_failed, n_good, n_skipped;

static void fail(const char *model, const char *text)
{
    printf("FAILED  %s: %s\n", model, text);
    n_failed++;
}

static int is_one_of(const CarinaNode *n, const char *const *names)
{
    while (*names && strcmp(n->op_name, *names) != 0)
        names++;
    return *names != NULL;
}

/* What a network of images is made of, and what it wants in one order of axes. */
static int is_inner(const CarinaNode *n)
{
    static const char *const names[] = {"Convolution",
                                        "GroupConvolution",
                                        "ConvolutionBackpropData",
                                        "GroupConvolutionBackpropData",
                                        "MaxPool",
                                        "AvgPool",
                                        NULL};
    return is_one_of(n, names);
}

enum { BELOW_INNER = 1, ABOVE_INNER = 2 };

/* marks[id]: does an inner node stand before it, after it? */
static unsigned char *mark(const CarinaGraph *g)
{
    int32_t most = 0;
    for (const CarinaNode *n = g->first; n; n = n->next)
        most = n->id > most ? n->id : most;
    unsigned char *marks = calloc((size_t)most + 1, 1);
    for (const CarinaNode *n = g->first; marks && n; n = n->next)
        for (int i = 0; i < n->n_inputs; i++) {
            const CarinaNode *from = n->inputs[i].value ? n->inputs[i].value->node : NULL;
            if (from && (is_inner(from) || (marks[from->id] & BELOW_INNER)))
                marks[n->id] |= BELOW_INNER;
        }
    for (const CarinaNode *n = g->last; marks && n; n = n->prev)
        for (int i = 0; i < n->n_inputs; i++)
            if (n->inputs[i].value && (is_inner(n) || (marks[n->id] & ABOVE_INNER)))
                marks[n->inputs[i].value->node->id] |= ABOVE_INNER;
    return marks;
}

static void count(const Row *r, const CarinaGraph *g)
{
    unsigned char *marks = mark(g);
    char text[512];
    int n_all = 0;
    for (const CarinaNode *n = g->first; marks && n; n = n->next) {
        if (strcmp(n->op_name, "Transpose") != 0)
            continue;
        n_all++;
        if (marks[n->id] == (BELOW_INNER | ABOVE_INNER)) {
            snprintf(text, sizeof text, "Transpose '%s' is inside", n->name);
            fail(r->model, text);
        }
    }
    snprintf(text, sizeof text, "%d Transposes, the row has %d (%s)", n_all, r->n,
             r->why);
    if (!marks || n_all != r->n)
        fail(r->model, text);
    else
        n_good++;
    free(marks);
}

static int is_read(const char *format)
{
    const char *name;
    for (int i = 0; (name = carina_format_name(i)); i++)
        if (strcmp(name, format) == 0)
            return 1;
    return 0;
}

static void check(CarinaContext *ctx, const char *assets, const Row *r)
{
    CarinaModel *m = NULL;
    CarinaError err = {CARINA_OK, ""};
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", assets, r->model);
    if (!is_read(r->format))
        n_skipped++;
    else if (carina_model_read(&m, ctx, path, NULL, &err) != CARINA_OK ||
             carina_model_optimize(m, NULL, &err) != CARINA_OK)
        fail(r->model, err.text);
    else
        count(r, carina_model_graph(m));
    carina_model_free(&m);
}

/* A model that is new in the assets needs a row. */
static void look_for_others(const char *assets, const char *folder)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", assets, folder);
    DIR *dir = opendir(path);
    for (const struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
        int i = 0;
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        while (i < N_ROWS && strcmp(rows[i].model, path) != 0)
            i++;
        if (d->d_name[0] != '.' && i == N_ROWS)
            fail(path, "no row");
    }
    if (!dir)
        fail(folder, "no such folder");
    else
        closedir(dir);
}

int main(void)
{
    static const char *const folders[] = {"models/tf_frozen", "models/tf_savedmodel",
                                          "models/keras", "models/tflite"};
    const CarinaContextOptions options = {sizeof options, .plugin_dir = PLUGIN_DIR};
    const char *set = getenv("CARINA_ASSETS"), *assets = set ? set : ASSETS_DIR;
    CarinaContext *ctx = NULL;
    if (access(assets, R_OK) != 0) {
        printf("skipped: no assets in %s\n", assets);
        return 77;
    }
    if (carina_context_create(&ctx, &options, NULL) != CARINA_OK)
        return 1;
    for (int i = 0; i < N_ROWS; i++)
        check(ctx, assets, &rows[i]);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        look_for_others(assets, folders[i]);
    carina_context_free(&ctx);
    printf("%d models as their rows say, %d failures, %d skipped\n", n_good, n_failed,
           n_skipped);
    return n_failed > 0 || n_good == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agree_test: one network that came in several formats gives one result, whatever format it is read from;
 * agree_rows.def has a row for each file. Assets as in models_test; without them the test is skipped (77).
 */
#include <carina/carina.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BGR = 1,   /* its channels are the other way round */
    TURN = 2,  /* its height and width are swapped */
    LAST = 4,  /* its channels are last */
    FOLDED = 8 /* its converter rounded the weights anew: the manifest says 2.3e-4 */
};

typedef struct Row {
    const char *input, *format, *model;
    int how;
    const char *output;
} Row;

static const Row rows[] = {
#define AGREE(input, format, model, how, output) {input, format, model, how, output},
#include "agree_rows.def"
#undef AGREE
};
enum { N_ROWS = (int)(sizeof rows / sizeof *rows) };

/* Files hold the same weights; what differs is the order of the sums: the manifest's bound, of the largest. */
static const double bound = 1e-4;

static const char *assets;
static int n_failed, n_agreed, n_skipped;

static size_t count(const CarinaTensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->shape.rank; i++)
        n *= (size_t)t->shape.dims[i];
    return n;
}

/* The recorded input [N, C, H, W] as the row's file wants it. */
static CarinaStatus rearranged(CarinaTensor **out, const CarinaTensor *in, int how,
                               CarinaError *err)
{
    const int64_t n = in->shape.dims[0], c = in->shape.dims[1], h = in->shape.dims[2],
                  w = in->shape.dims[3];
    const CarinaShape shape = how & LAST   ? (CarinaShape){4, {n, h, w, c}}
                              : how & TURN ? (CarinaShape){4, {n, c, w, h}}
                                           : (CarinaShape){4, {n, c, h, w}};
    const float *from = in->data;
    const CarinaStatus status = carina_tensor_create(out, CARINA_F32, &shape, err);
    for (int64_t i = 0; status == CARINA_OK && i < n; i++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t y = 0; y < h; y++)
                for (int64_t x = 0; x < w; x++) {
                    const int64_t channel = how & BGR ? c - 1 - k : k;
                    const int64_t at = how & LAST   ? ((i * h + y) * w + x) * c + channel
                                       : how & TURN ? ((i * c + channel) * w + x) * h + y
                                                    : ((i * c + channel) * h + y) * w + x;
                    ((float *)(*out)->data)[at] = from[((i * c + k) * h + y) * w + x];
                }
    return status;
}

static CarinaStatus read_model(CarinaModel **m, CarinaContext *ctx, const Row *r,
                               CarinaError *err)
{
    char first[1024], second[1024];
    const char *bar = strchr(r->model, '|');
    snprintf(first, sizeof first, "%s/%.*s", assets,
             (int)(bar ? bar - r->model : (long)strlen(r->model)), r->model);
    snprintf(second, sizeof second, "%s/%s", assets, bar ? bar + 1 : "");
    const CarinaReadOptions options = {.struct_size = sizeof options,
                                       .weights = bar ? second : NULL};
    return carina_model_read(m, ctx, first, &options, err);
}

static int output_of(const CarinaModel *m, const char *name, size_t wanted)
{
    const int named = carina_model_find_output(m, name);
    for (int i = 0; named < 0 && i < carina_model_n_outputs(m); i++) {
        const CarinaShape s = carina_model_output(m, i).shape;
        size_t n = 1;
        for (int d = 0; d < s.rank; d++)
            n *= (size_t)s.dims[d];
        if (s.rank >= 0 && n == wanted)
            return i;
    }
    return named;
}

/* Runs the row on the first image of its input; *out is to be freed with free(). */
static CarinaStatus run(CarinaContext *ctx, const Row *r, size_t wanted, float **out,
                        size_t *n, CarinaError *err)
{
    CarinaModel *m = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaTensor *recorded = NULL, *in = NULL;
    const CarinaInput f32 = {sizeof f32, .type = CARINA_F32};
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", assets, r->input);
    CarinaStatus status = read_model(&m, ctx, r, err);
    if (status == CARINA_OK)
        status = carina_tensor_read_npy(&recorded, path, err);
    if (status == CARINA_OK)
        recorded->shape.dims[0] = 1;
    if (status == CARINA_OK)
        status = rearranged(&in, recorded, r->how, err);
    if (status == CARINA_OK && carina_model_input(m, 0).type != CARINA_F32)
        status = carina_model_set_input(m, 0, &f32, err);
    if (status == CARINA_OK)
        status = carina_model_reshape(m, 0, &in->shape, err);
    const int i = status == CARINA_OK ? output_of(m, r->output, wanted) : 0;
    if (status == CARINA_OK)
        status = carina_compile(&exe, ctx, m, "CPU", NULL, err);
    if (status == CARINA_OK)
        status = carina_request_create(&req, exe, err);
    if (status == CARINA_OK)
        status = carina_request_set_input(req, 0, in, err);
    if (status == CARINA_OK)
        status = carina_request_infer(req, err);
    const CarinaTensor *y = status == CARINA_OK ? carina_request_output(req, i) : NULL;
    if (y && y->type == CARINA_F32) {
        *n = count(y);
        *out = malloc(y->size);
        if (*out)
            memcpy(*out, y->data, y->size);
    }
    carina_request_free(&req);
    carina_compiled_free(&exe);
    carina_model_free(&m);
    carina_tensor_free(&recorded);
    carina_tensor_free(&in);
    return status;
}

static int is_read(const char *format)
{
    const char *name;
    for (int i = 0; (name = carina_format_name(i)); i++)
        if (strcmp(name, format) == 0)
            return 1;
    return 0;
}

static void compare(const Row *r, const float *got, size_t n, const float *want,
                    size_t n_want)
{
    double most = 0, worst = 0;
    for (size_t i = 0; i < n_want; i++)
        most = fmax(most, fabs((double)want[i]));
    for (size_t i = 0; i < n && n == n_want; i++) {
        const double d = fabs((double)got[i] - (double)want[i]);
        worst = d <= worst ? worst : d; /* NaN counts */
    }
    const double limit = r->how & FOLDED ? 2.3e-4 : bound;
    if (n == n_want && most > 0 && worst <= limit * most) {
        n_agreed++;
        return;
    }
    printf(
        "FAILED  %s: %zu elements for %zu, off by %.3g of the largest, %.3g is allowed\n",
        r->model, n, n_want, most > 0 ? worst / most : worst, limit);
    n_failed++;
}

/* The rows of one network from r on; how many. */
static int check_network(CarinaContext *ctx, const Row *r)
{
    float *want = NULL;
    size_t n_want = 0;
    int i = 0;
    for (; r + i < rows + N_ROWS && strcmp(r[i].input, r->input) == 0; i++) {
        CarinaError err = {CARINA_OK, ""};
        float *got = NULL;
        size_t n = 0;
        const CarinaStatus status = is_read(r[i].format)
                                        ? run(ctx, &r[i], n_want, &got, &n, &err)
                                        : CARINA_ERR_UNSUPPORTED;
        if (!is_read(r[i].format)) {
            printf("skipped %s: %s is not read\n", r[i].model, r[i].format);
            n_skipped++;
        } else if (status != CARINA_OK || !got) {
            printf("FAILED  %s: %s\n", r[i].model, err.text);
            n_failed++;
        } else if (want) {
            compare(&r[i], got, n, want, n_want);
        } else {
            want = got;
            n_want = n;
            got = NULL;
        }
        free(got);
    }
    free(want);
    return i;
}

int main(void)
{
    const CarinaContextOptions options = {sizeof options, .plugin_dir = PLUGIN_DIR};
    const char *set = getenv("CARINA_ASSETS");
    CarinaContext *ctx = NULL;
    char path[1024];
    assets = set ? set : ASSETS_DIR;
    snprintf(path, sizeof path, "%s/io", assets);
    if (access(path, R_OK) != 0) {
        printf("skipped: no assets in %s\n", assets);
        return 77;
    }
    if (carina_context_create(&ctx, &options, NULL) != CARINA_OK)
        return 1;
    for (int i = 0; i < N_ROWS;)
        i += check_network(ctx, &rows[i]);
    carina_context_free(&ctx);
    printf("%d agree, %d failed, %d skipped\n", n_agreed, n_failed, n_skipped);
    return n_failed > 0 || n_agreed == 0;
}

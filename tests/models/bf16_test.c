/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bf16_test: networks in bf16 against themselves in f32. Winograd must not be further off than its rounding says of
 * direct sums, and any number of threads gives the same bits. Assets as in models_test; without them it is skipped (77).
 */
#include <carina/carina.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Row {
    const char *model, *input; /* .npy, or NULL: seeded noise */
    bool is_softmax;           /* compared as logarithms */
} Row;

static const Row rows[] = {
    {"models/onnx/samplenet.onnx", "io/samplenet_10cifar_rgb_input.npy"},
    {"models/onnx/squeezenet1.1_fp16.onnx", NULL, true},
    {"models/onnx/version-RFB-320.onnx", "io/rfb320_hopper_input_1x3x240x320.npy"},
    {"models/onnx/super_resolution_irversion1.onnx", NULL},
};

/* A step of 8 bits is 2^-8 of a number, its rms 0.29 of that; a layer rounds its filter and its result, and errors of
 * ReLU networks pass on about as they are: 40 layers of 2.4e-3 each, adding up as the root, are 1.5e-2. Twice that. */
static const double direct_bound = 3e-2;
/* Winograd rounds alike (kernels/dot/README.md); two networks' errors are samples of that: measured between 0.7 and 1.5. */
static const double winograd_bound = 2;

static const char *assets;
static int n_failed;

typedef struct Result {
    float *v;
    size_t n;
} Result;

static void noise(CarinaTensor *t)
{
    uint32_t s = 1;
    for (size_t i = 0; i < t->size / sizeof(float); i++) {
        s = s * 1664525u + 1013904223u;
        ((float *)t->data)[i] = (float)(s >> 8) / 16777216.0f;
    }
}

static CarinaStatus input_of(CarinaTensor **in, CarinaModel *m, const Row *r,
                             CarinaError *err)
{
    const CarinaInput f32 = {sizeof f32, .type = CARINA_F32};
    CarinaStatus status = CARINA_OK;
    char path[1024];
    if (carina_model_input(m, 0).type != CARINA_F32)
        status = carina_model_set_input(m, 0, &f32, err);
    if (status != CARINA_OK)
        return status;
    if (!r->input) {
        const CarinaShape shape = carina_model_input(m, 0).shape;
        status = carina_tensor_create(in, CARINA_F32, &shape, err);
        if (status == CARINA_OK)
            noise(*in);
        return status;
    }
    snprintf(path, sizeof path, "%s/%s", assets, r->input);
    status = carina_tensor_read_npy(in, path, err);
    return status == CARINA_OK ? carina_model_reshape(m, 0, &(*in)->shape, err) : status;
}

static CarinaStatus run(Result *out, CarinaContext *ctx, CarinaModel *m, CarinaTensor *in,
                        const char *precision, bool exact, int n_threads,
                        CarinaError *err)
{
    const CarinaCompileOptions o = {.struct_size = sizeof o,
                                    .n_threads = n_threads,
                                    .precision = precision,
                                    .exact = exact};
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaStatus status = carina_compile(&exe, ctx, m, "CPU", &o, err);
    if (status == CARINA_OK)
        status = carina_request_create(&req, exe, err);
    if (status == CARINA_OK)
        status = carina_request_set_input(req, 0, in, err);
    if (status == CARINA_OK)
        status = carina_request_infer(req, err);
    const CarinaTensor *y = status == CARINA_OK ? carina_request_output(req, 0) : NULL;
    *out = (Result){NULL, y ? y->size / sizeof(float) : 0};
    if (y && (out->v = malloc(y->size + 1)))
        memcpy(out->v, y->data, y->size);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    return status;
}

static double score(const Result *r, size_t i, bool is_softmax)
{
    return is_softmax ? log(fmax((double)r->v[i], 1e-30)) : (double)r->v[i];
}

/* rms of the difference over the rms of b about its mean */
static double error_of(const Result *a, const Result *b, bool is_softmax)
{
    double mean = 0, spread = 0, error = 0;
    for (size_t i = 0; i < b->n; i++)
        mean += score(b, i, is_softmax) / (double)b->n;
    for (size_t i = 0; i < b->n; i++) {
        spread += pow(score(b, i, is_softmax) - mean, 2);
        error += pow(score(a, i, is_softmax) - score(b, i, is_softmax), 2);
    }
    return sqrt(error / spread);
}

static void expect(const Row *r, bool ok, const char *what, double value, double limit)
{
    if (ok)
        return;
    printf("FAILED  %s: %s: %.3g, %.3g is allowed\n", r->model, what, value, limit);
    n_failed++;
}

static void check(CarinaContext *ctx, const Row *r)
{
    CarinaError err = {CARINA_OK, ""};
    CarinaModel *m = NULL;
    CarinaTensor *in = NULL;
    Result f32 = {0}, direct = {0}, fast[4] = {{0}};
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", assets, r->model);
    CarinaStatus status = carina_model_read(&m, ctx, path, NULL, &err);
    if (status == CARINA_OK)
        status = input_of(&in, m, r, &err);
    if (status == CARINA_OK)
        status = run(&f32, ctx, m, in, "f32", true, 1, &err);
    if (status == CARINA_OK)
        status = run(&direct, ctx, m, in, "bf16", true, 1, &err);
    for (int i = 0; status == CARINA_OK && i < 4; i++)
        status = run(&fast[i], ctx, m, in, "bf16", false, i + 1, &err);
    if (status == CARINA_OK) {
        const double e = error_of(&direct, &f32, r->is_softmax),
                     w = error_of(&fast[0], &f32, r->is_softmax);
        printf("%-60s direct %.2e, as compiled %.2e\n", r->model, e, w);
        expect(r, e <= direct_bound, "direct sums", e, direct_bound);
        expect(r, w <= winograd_bound * e, "Winograd", w, winograd_bound * e);
        for (int i = 1; i < 4; i++)
            expect(r, memcmp(fast[i].v, fast[0].v, fast[0].n * sizeof(float)) == 0,
                   "other bits with more threads", i + 1, 1);
    } else {
        printf("FAILED  %s: %s\n", r->model, err.text);
        n_failed++;
    }
    for (int i = 0; i < 4; i++)
        free(fast[i].v);
    free(f32.v);
    free(direct.v);
    carina_tensor_free(&in);
    carina_model_free(&m);
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
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(ctx, &rows[i]);
    carina_context_free(&ctx);
    return n_failed > 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * classify_async MODEL IMAGE...: the best class of each picture, several requests in flight.
 */
#include <carina/carina.h>

#include <err.h>
#include <stdio.h>

enum { N_REQUESTS = 4 };
typedef struct Job {
    CarinaRequest *req;
    const char *path;
} Job;

static CarinaError e;
static void must(CarinaStatus status)
{
    if (status != CARINA_OK)
        errx(1, "%s", e.text);
}

/* Called on the thread that ran, while the main thread reads the next picture. */
static void done(void *arg, CarinaRequest *req, CarinaStatus status)
{
    const CarinaTensor *out = carina_request_output(req, 0);
    const float *p = out->data;
    size_t best = 0;
    for (size_t i = 1; i < out->size / sizeof *p; i++)
        best = p[i] > p[best] ? i : best;
    if (status == CARINA_OK)
        printf("%s: %zu  %9.6f\n", ((const Job *)arg)->path, best, (double)p[best]);
}

static void load(Job *job, const char *path)
{
    CarinaTensor *file = NULL, *image = NULL;
    CarinaTensor *input = carina_request_input(job->req, 0); /* [1, H, W, C] */
    const int h = (int)input->shape.dims[1], w = (int)input->shape.dims[2];
    must(carina_tensor_read_image(&file, path, (int)input->shape.dims[3], &e));
    must(carina_tensor_resize_image(&image, file, h, w, CARINA_RESIZE_BILINEAR, &e));
    memcpy(input->data, image->data, image->size);
    job->path = path;
    carina_tensor_free(&image);
    carina_tensor_free(&file);
}

int main(int argc, char **argv)
{
    CarinaContext *ctx = NULL;
    CarinaModel *model = NULL;
    CarinaCompiled *exe = NULL;
    Job jobs[N_REQUESTS] = {{NULL, NULL}};
    if (argc < 3)
        return puts("usage: classify_async MODEL IMAGE..."), 2;
    must(carina_context_create(&ctx, NULL, &e));
    must(carina_model_read(&model, ctx, argv[1], NULL, &e));
    const CarinaInput how = {
        .struct_size = sizeof how, .type = CARINA_U8, .layout = "NHWC"};
    const CarinaCompileOptions fast = {.struct_size = sizeof fast,
                                       .hint = CARINA_HINT_THROUGHPUT};
    must(carina_model_set_input(model, 0, &how, &e));
    must(carina_compile(&exe, ctx, model, "CPU", &fast, &e));
    for (int i = 0; i < N_REQUESTS; i++) {
        must(carina_request_create(&jobs[i].req, exe, &e));
        carina_request_set_callback(jobs[i].req, done, &jobs[i]);
    }
    for (int i = 2; i < argc; i++) {
        Job *job = &jobs[i % N_REQUESTS];
        must(carina_request_wait(job->req, 0, &e)); /* at once, before its first start */
        load(job, argv[i]);
        must(carina_request_start(job->req, &e));
    }
    for (int i = 0; i < N_REQUESTS; i++)
        carina_request_free(&jobs[i].req); /* waits */
    carina_compiled_free(&exe);
    carina_model_free(&model);
    carina_context_free(&ctx);
}

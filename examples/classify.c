/* SPDX-License-Identifier: Apache-2.0 */
/*
 * classify MODEL IMAGE [DEVICE [MEAN SCALE [reverse]]]: what a network sees in a picture (MEAN: 104,117,123).
 */
#include <carina/carina.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

static CarinaError e;
static void must(CarinaStatus status)
{
    if (status != CARINA_OK)
        errx(1, "%s", e.text);
}

static int numbers(double v[4], const char *text)
{
    char *end = NULL;
    int n = 0;
    for (; text && *text && n < 4; text = *end == ',' ? end + 1 : "")
        v[n++] = strtod(text, &end);
    return n;
}

/* The five highest; labels has one a line, or is NULL. */
static void print_top(const CarinaTensor *t, const char *labels)
{
    float *const p = t->data;
    for (size_t top = 0, n = t->size / sizeof *p; top < 5 && top < n; top++) {
        size_t best = 0;
        for (size_t i = 1; i < n; i++)
            best = p[i] > p[best] ? i : best;
        const char *s = labels ? labels : "";
        for (size_t i = 0; i < best && *s; i++)
            s += strcspn(s, "\n") + (strchr(s, '\n') != NULL);
        printf("%5zu  %9.6f  %.*s\n", best, (double)p[best], (int)strcspn(s, "\n"), s);
        p[best] = -1e30f; /* next the second */
    }
}

int main(int argc, char **argv)
{
    CarinaContext *ctx = NULL;
    CarinaModel *model = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaTensor *file = NULL, *image = NULL, *input = NULL;
    double mean[4], scale[4];
    if (argc < 3)
        return puts("usage: classify MODEL IMAGE [DEVICE [MEAN SCALE [reverse]]]"), 2;
    must(carina_context_create(&ctx, NULL, &e));
    must(carina_model_read(&model, ctx, argv[1], NULL, &e));    /* 1 read */
    const CarinaShape net = carina_model_input(model, 0).shape; /* [N, C, H, W] */
    const int c = (int)net.dims[1], h = (int)net.dims[2], w = (int)net.dims[3];
    CarinaInput how = {.struct_size = sizeof how, .type = CARINA_U8, .layout = "NHWC"};
    how.mean = mean, how.scale = scale, how.reverse_channels = argc > 6;
    how.n_mean = numbers(mean, argc > 5 ? argv[4] : NULL);
    how.n_scale = numbers(scale, argc > 5 ? argv[5] : NULL);
    must(carina_model_set_input(model, 0, &how, &e)); /* 2 prepare inputs */
    must(carina_compile(&exe, ctx, model, argc > 3 ? argv[3] : "CPU", NULL,
                        &e));                   /* 3, 4 */
    must(carina_request_create(&req, exe, &e)); /* 5 the user's memory */
    must(carina_tensor_read_image(&file, argv[2], c, &e));
    must(carina_tensor_resize_image(&image, file, h, w, CARINA_RESIZE_BILINEAR, &e));
    must(carina_tensor_wrap(&input, CARINA_U8, &(CarinaShape){4, {1, h, w, c}},
                            image->data, image->size, &e));
    must(carina_request_set_input(req, 0, input, &e));
    must(carina_request_infer(req, &e)); /* 6 now */
    print_top(carina_request_output(req, 0), carina_model_metadata(model, "labels"));
    carina_request_free(&req);
    carina_compiled_free(&exe);
    carina_model_free(&model);
    carina_tensor_free(&input);
    carina_tensor_free(&image);
    carina_tensor_free(&file);
    carina_context_free(&ctx);
}

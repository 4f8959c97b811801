/* SPDX-License-Identifier: Apache-2.0 */
/*
 * models_test [PART]: real models against results that others computed; models_rows.def has a row for each.
 *
 * Each model runs as it is read, optimised, and after convert to IR v10, v11 and v11 with FP16 weights. Assets lie
 * in $CARINA_ASSETS or beside the project; without them the test is skipped (77).
 */
#include <carina/carina.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 1, /* the input file holds several images: set_batch */
    BGR = 2,   /* the input's channels are to be reversed */
    IDX = 4,   /* MNIST's format: one image at a time */
    CUT = 8,   /* the outputs are inside the network */
    NCHW = 16, /* the input file is channels first, the network channels last */
    STEPS =
        32, /* 8-bit integers go in and come out; outputs are steps of 1/256 from the lowest */
    SHAPE = 64, /* the model takes any size: the input file's */
    TURN = 128  /* height and width of the input are to be swapped */
};

/* Bounds, relative to the largest expected element. The results were computed in another order of summation:
 * the manifest names 1e-4. */
#define F32_BOUND 1e-4
/* A network whose values are f16 at n places of a path: each rounds by 2^-11, to the sums' magnitude. */
#define F16_BOUND(n) ((n)*0x1p-11)
/* A sum, or a pixel of a resized image, on the other side of a rounding moves one 8-bit step. */
#define U8_STEP (1.0 / 255)
/* n steps where the largest expected element has `of`. */
#define LSB(n, of) ((double)(n) / (of))
/* n steps of the logits before a softmax, each `size`: p (1 - p) <= 1/4 of that in a probability, and its own step. */
#define LOGIT_STEPS(n, size, largest) (((n) * (size) / 4 + 1.0 / 256) / (largest))

typedef struct Row {
    const char *model, *input;
    int how;
    const char *output, *expected;
    double bound;
} Row;

static const Row rows[] = {
#define MODEL_ROW(model, input, how, output, expected, bound) \
    {model, input, how, output, expected, bound},
#include "models_rows.def"
#undef MODEL_ROW
};
enum { N_ROWS = (int)(sizeof rows / sizeof *rows), MAX_OUT = 8, N_MNIST = 100 };

typedef enum Way { DIRECT, OPTIMIZED, IR10, IR11, IR11_FP16, N_WAYS } Way;
static const char *const way_names[N_WAYS] = {"direct", "optimized", "IR v10", "IR v11",
                                              "IR v11 FP16"};

/* The rows of one model and input. */
typedef struct Group {
    CarinaContext *ctx;
    const char *assets;
    const Row *rows;
    int n;
    CarinaTensor *input;         /* NULL: made from the model's shape */
    CarinaTensor *want[MAX_OUT]; /* read, or what the direct way gave */
} Group;

static int n_failed, n_checked, n_skipped;

static void fail(const Group *g, Way way, const char *text)
{
    printf("FAILED  %-12s %s: %s\n", way_names[way], g->rows->model, text);
    n_failed++;
}

static const char *in_assets(const Group *g, const char *name, char path[1024])
{
    snprintf(path, 1024, "%s/%s", g->assets, name);
    return path;
}

/* --- Numbers. --------------------------------------------------------------------------------------- */

static size_t count(const CarinaTensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->shape.rank; i++)
        n *= (size_t)t->shape.dims[i];
    return n;
}

static double half(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    const double sign = h & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    return sign *
           (exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24));
}

static double element(const CarinaTensor *t, size_t i)
{
    if (t->type == CARINA_F16)
        return half(((const uint16_t *)t->data)[i]);
    if (t->type == CARINA_U8)
        return ((const uint8_t *)t->data)[i] / 256.0;
    if (t->type == CARINA_I8)
        return (((const int8_t *)t->data)[i] + 128) / 256.0;
    return t->type == CARINA_F32 ? (double)((const float *)t->data)[i] : (double)NAN;
}

static CarinaTensor *f32_copy(const CarinaTensor *t)
{
    CarinaTensor *out = NULL;
    if (carina_tensor_create(&out, CARINA_F32, &t->shape, NULL) == CARINA_OK)
        for (size_t i = 0; i < count(t); i++)
            ((float *)out->data)[i] = (float)element(t, i);
    return out;
}

/* Elements [from, from + count(got)) of want; the largest of all of want measures. */
static int near_enough(const CarinaTensor *got, const CarinaTensor *want, size_t from,
                       double bound, char *text, size_t room)
{
    double most = 0, worst = 0;
    for (size_t i = 0; i < count(want); i++)
        most = fmax(most, fabs(element(want, i)));
    if (from + count(got) > count(want) || (from == 0 && count(want) % count(got) != 0)) {
        snprintf(text, room, "%zu elements, %zu are known", count(got), count(want));
        return 0;
    }
    for (size_t i = 0; i < count(got); i++) {
        const double d = fabs(element(got, i) - element(want, from + i));
        worst = d <= worst ? worst : d; /* NaN counts */
    }
    snprintf(text, room, "off by %.3g of the largest, %.3g is allowed", worst / most,
             bound);
    return worst <= bound * most;
}

/* --- Input. ----------------------------------------------------------------------------------------- */

static void reverse_channels(CarinaTensor *t)
{
    const int64_t *d = t->shape.dims;
    const size_t plane = (size_t)(d[2] * d[3]) * sizeof(float);
    char *const copy = malloc(t->size);
    if (!copy)
        return;
    memcpy(copy, t->data, t->size);
    for (int64_t n = 0; n < d[0]; n++)
        for (int64_t c = 0; c < d[1]; c++)
            memcpy((char *)t->data + (size_t)(n * d[1] + c) * plane,
                   copy + (size_t)(n * d[1] + d[1] - 1 - c) * plane, plane);
    free(copy);
}

static int is_image(const Row *r)
{
    return r->input && (strstr(r->input, ".jpg") || strstr(r->input, ".png"));
}
static CarinaStatus turn(CarinaTensor **t, CarinaError *err)
{
    const int64_t *d = (*t)->shape.dims;
    const CarinaShape shape = {4, {d[0], d[1], d[3], d[2]}};
    CarinaTensor *out = NULL;
    const CarinaStatus status = carina_tensor_create(&out, CARINA_F32, &shape, err);
    for (int64_t p = 0; status == CARINA_OK && p < d[0] * d[1]; p++)
        for (int64_t y = 0; y < d[2]; y++)
            for (int64_t x = 0; x < d[3]; x++)
                ((float *)out->data)[(p * d[3] + x) * d[2] + y] =
                    ((const float *)(*t)->data)[(p * d[2] + y) * d[3] + x];
    if (status == CARINA_OK) {
        carina_tensor_free(t);
        *t = out;
    }
    return status;
}

static CarinaStatus read_idx(CarinaTensor **out, const char *path, CarinaError *err)
{
    const CarinaShape shape = {4, {N_MNIST, 1, 28, 28}};
    unsigned char head[16], pixels[784];
    FILE *f = fopen(path, "rb");
    if (!f)
        return CARINA_ERR_FILE;
    CarinaStatus status = carina_tensor_create(out, CARINA_F32, &shape, err);
    if (status == CARINA_OK && fread(head, 1, 16, f) != 16)
        status = CARINA_ERR_FILE;
    for (int i = 0; status == CARINA_OK && i < N_MNIST; i++) {
        if (fread(pixels, 1, 784, f) != 784)
            status = CARINA_ERR_FILE;
        for (int p = 0; p < 784; p++)
            ((float *)(*out)->data)[784 * i + p] = pixels[p];
    }
    fclose(f);
    return status;
}

/* [1, H, W, 3] of the network's size. */
static CarinaStatus read_image(CarinaTensor **out, const char *path, CarinaPort port,
                               CarinaError *err)
{
    CarinaTensor *image = NULL, *small = NULL;
    const CarinaShape shape = {4, {1, port.shape.dims[2], port.shape.dims[3], 3}};
    CarinaStatus status = carina_tensor_read_image(&image, path, 3, err);
    if (status == CARINA_OK)
        status =
            carina_tensor_resize_image(&small, image, (int)shape.dims[1],
                                       (int)shape.dims[2], CARINA_RESIZE_BILINEAR, err);
    if (status == CARINA_OK)
        status = carina_tensor_create(out, CARINA_U8, &shape, err);
    if (status == CARINA_OK)
        memcpy((*out)->data, small->data, small->size);
    carina_tensor_free(&image);
    carina_tensor_free(&small);
    return status;
}

/* Numbers of [0, 1) that look like noise and are the same everywhere; bytes where the port has bytes. */
static CarinaStatus make_noise(CarinaTensor **out, const CarinaPort *port,
                               CarinaError *err)
{
    uint32_t state = 1;
    CarinaShape shape = port->shape;
    const int is_bytes = port->type == CARINA_U8 || port->type == CARINA_I8;
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = shape.dims[i] < 0 ? 1 : shape.dims[i];
    const CarinaStatus status =
        carina_tensor_create(out, is_bytes ? port->type : CARINA_F32, &shape, err);
    for (size_t i = 0; status == CARINA_OK && i < count(*out); i++) {
        state = state * 1664525u + 1013904223u;
        if (is_bytes)
            ((uint8_t *)(*out)->data)[i] = (uint8_t)(state >> 24);
        else
            ((float *)(*out)->data)[i] = (float)(state >> 8) * 0x1p-24f;
    }
    return status;
}

/* [N, C, H, W] to [N, H, W, C]. */
static CarinaStatus channels_last(CarinaTensor **t, CarinaError *err)
{
    const int64_t *d = (*t)->shape.dims;
    const CarinaShape shape = {4, {d[0], d[2], d[3], d[1]}};
    const int64_t plane = d[2] * d[3];
    CarinaTensor *out = NULL;
    const CarinaStatus status = carina_tensor_create(&out, CARINA_F32, &shape, err);
    for (int64_t i = 0; status == CARINA_OK && i < d[0] * plane; i++)
        for (int64_t c = 0; c < d[1]; c++)
            ((float *)out->data)[i * d[1] + c] =
                ((const float *)(*t)->data)[(i / plane * d[1] + c) * plane + i % plane];
    if (status == CARINA_OK) {
        carina_tensor_free(t);
        *t = out;
    }
    return status;
}

static CarinaStatus read_input(Group *g, CarinaPort port, CarinaError *err)
{
    char path[1024];
    if (g->input)
        return CARINA_OK;
    if (!g->rows->input)
        return make_noise(&g->input, &port, err);
    in_assets(g, g->rows->input, path);
    if (g->rows->how & IDX)
        return read_idx(&g->input, path, err);
    if (is_image(g->rows))
        return read_image(&g->input, path, port, err);
    CarinaStatus status = carina_tensor_read_npy(&g->input, path, err);
    if (status == CARINA_OK && (g->rows->how & NCHW))
        return channels_last(&g->input, err);
    if (status == CARINA_OK && (g->rows->how & BGR))
        reverse_channels(g->input);
    if (status == CARINA_OK && (g->rows->how & TURN))
        status = turn(&g->input, err);
    return status;
}

/* --- Models. ---------------------------------------------------------------------------------------- */

static int is_static(const CarinaShape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (s->dims[i] < 0)
            return 0;
    return s->rank >= 0;
}

/* What the rows ask for at the model's edges; the same for every way. */
static CarinaStatus prepare(const Group *g, CarinaModel *m, CarinaError *err)
{
    CarinaInput in = {sizeof in, .type = CARINA_F32};
    char names[512] = "";
    if (g->rows->how & STEPS)
        in.type = carina_model_input(m, 0).type;
    if (is_image(g->rows)) {
        in.type = CARINA_U8;
        in.layout = "NHWC";
        in.reverse_channels = (g->rows->how & BGR) != 0;
    }
    for (int i = 0; (g->rows->how & CUT) && i < g->n; i++) {
        strcat(names, i ? "," : "");
        strcat(names, g->rows[i].output);
    }
    CarinaStatus status = *names ? carina_model_cut(m, NULL, names, err) : CARINA_OK;
    if (status == CARINA_OK && carina_model_input(m, 0).type != in.type)
        status = carina_model_set_input(m, 0, &in, err);
    if (status == CARINA_OK && (g->rows->how & SHAPE))
        status = carina_model_reshape(m, 0, &g->input->shape, err);
    if (status == CARINA_OK && (g->rows->how & BATCH))
        status = carina_model_set_batch(m, g->input->shape.dims[0], err);
    const CarinaShape shape = carina_model_input(m, 0).shape;
    if (status == CARINA_OK && !is_static(&shape)) /* not in files of all formats */
        status = carina_model_reshape(m, 0, &g->input->shape, err);
    return status;
}

static CarinaStatus through_ir(const Group *g, CarinaModel **m, Way way, CarinaError *err)
{
    char stem[512], file[520];
    const CarinaWriteOptions options = {sizeof options, way == IR10 ? 10 : 11,
                                        way == IR11_FP16};
    snprintf(stem, sizeof stem, "%s/model_%ld", SCRATCH_DIR, (long)getpid());
    CarinaStatus status = carina_model_optimize(*m, NULL, err);
    if (status == CARINA_OK)
        status = carina_model_write(*m, stem, &options, err);
    carina_model_free(m);
    snprintf(file, sizeof file, "%s.bin", stem);
    char xml[520];
    snprintf(xml, sizeof xml, "%s.xml", stem);
    if (status == CARINA_OK)
        status = carina_model_read(m, g->ctx, xml, NULL, err);
    unlink(xml);
    unlink(file);
    return status;
}

/* Convolutions and products: as many roundings of weights lie on no path more. */
static int n_layers(const CarinaModel *m)
{
    int n = 0;
    for (const CarinaNode *node = carina_model_graph(m)->first; node; node = node->next)
        n += strstr(node->op_name, "Convolution") || strcmp(node->op_name, "MatMul") == 0;
    return n;
}

/* "817 0.836, 511 0.095": elements that somebody published. */
static int is_published(const Row *r)
{
    return r->expected && r->expected[0] >= '0' && r->expected[0] <= '9';
}

static void check_published(const Group *g, const Row *r, Way way,
                            const CarinaTensor *got, double bound)
{
    char line[300];
    for (const char *at = r->expected; at; at = strchr(at + 1, ',')) {
        char *rest = NULL;
        const size_t i = strtoul(at + (*at == ','), &rest, 10);
        const double want = strtod(rest, NULL),
                     seen = i < count(got) ? element(got, i) : (double)NAN;
        n_checked++;
        if (fabs(seen - want) <= bound)
            continue;
        snprintf(line, sizeof line, "output %s: element %zu is %.7g, published is %.7g",
                 r->output, i, seen, want);
        fail(g, way, line);
    }
}

static void check_output(Group *g, int i, Way way, const CarinaTensor *got, size_t from,
                         double bound)
{
    char text[160], line[300];
    if (is_published(&g->rows[i])) {
        check_published(g, &g->rows[i], way, got, bound);
        return;
    }
    if (!g->want[i])
        g->want[i] = f32_copy(got);
    n_checked++;
    if (!g->want[i] || !near_enough(got, g->want[i], from, bound, text, sizeof text)) {
        snprintf(line, sizeof line, "output %s: %s", g->rows[i].output, text);
        fail(g, way, line);
    }
}

/* The input's images in turn, as many a run as the model takes. */
static CarinaStatus run(Group *g, CarinaCompiled *exe, const int *outputs, Way way,
                        double extra, CarinaError *err)
{
    CarinaRequest *req = NULL;
    CarinaStatus status = carina_request_create(&req, exe, err);
    const int failed_before = n_failed;
    CarinaTensor *in = status == CARINA_OK ? carina_request_input(req, 0) : NULL;
    if (in && g->input->size % in->size != 0)
        fail(g, way, "the input does not fit the model");
    for (size_t at = 0; in && g->input->size % in->size == 0 && at < g->input->size;
         at += in->size) {
        memcpy(in->data, (char *)g->input->data + at, in->size);
        status = carina_request_infer(req, err);
        if (status != CARINA_OK || n_failed > failed_before)
            break;
        for (int i = 0; i < g->n; i++) {
            CarinaTensor *out = carina_request_output(req, outputs[i]);
            check_output(g, i, way, out, at / in->size * count(out),
                         g->rows[i].bound + extra);
        }
        if (!g->rows->expected)
            break; /* the first image stands for all */
    }
    carina_request_free(&req);
    return status;
}

static CarinaStatus compile_and_run(Group *g, const CarinaModel *m, Way way,
                                    CarinaError *err)
{
    int outputs[MAX_OUT];
    char text[200];
    CarinaCompiled *exe = NULL;
    /* FP16 weights: as F16_BOUND, for each layer with weights. */
    const double extra = way == IR11_FP16 ? F16_BOUND(n_layers(m)) : 0;
    for (int i = 0; i < g->n; i++) {
        outputs[i] = carina_model_find_output(m, g->rows[i].output);
        if (outputs[i] < 0) {
            snprintf(text, sizeof text, "has no output %s", g->rows[i].output);
            fail(g, way, text);
            return CARINA_OK;
        }
    }
    CarinaStatus status = carina_compile(&exe, g->ctx, m, "CPU", NULL, err);
    if (status == CARINA_OK)
        status = run(g, exe, outputs, way, extra, err);
    carina_compiled_free(&exe);
    return status;
}

/* The row's model: FILE, or FILE|WEIGHTS where the second file has a name of its own. */
static CarinaStatus read_model(const Group *g, CarinaModel **m, CarinaError *err)
{
    char first[1024], second[1024];
    const char *bar = strchr(g->rows->model, '|');
    const CarinaReadOptions options = {sizeof options,
                                       bar ? in_assets(g, bar + 1, second) : NULL};
    in_assets(g, g->rows->model, first);
    if (strchr(first, '|'))
        *strchr(first, '|') = 0;
    return carina_model_read(m, g->ctx, first, &options, err);
}

static CarinaStatus check_way(Group *g, Way way, CarinaError *err)
{
    CarinaModel *m = NULL;
    CarinaStatus status = read_model(g, &m, err);
    if (status == CARINA_OK)
        status = read_input(g, carina_model_input(m, 0), err);
    if (status == CARINA_OK)
        status = prepare(g, m, err);
    if (status == CARINA_OK && way == OPTIMIZED)
        status = carina_model_optimize(m, NULL, err);
    if (status == CARINA_OK && way >= IR10)
        status = through_ir(g, &m, way, err);
    if (status == CARINA_OK)
        status = compile_and_run(g, m, way, err);
    carina_model_free(&m);
    return status;
}

/* A whole format that this build does not read, told so by the library, is no failure. */
static int is_unread_format(const Group *g, CarinaStatus status, const CarinaError *err)
{
    return status == CARINA_ERR_FORMAT && strstr(g->rows->model, "/caffe/") &&
           strstr(err->text, "no model that is known by its content");
}

static void check_group(Group *g)
{
    char path[1024];
    CarinaError err = {CARINA_OK, ""};
    CarinaStatus status = CARINA_OK;
    for (int i = 0; i < g->n && status == CARINA_OK; i++)
        if (g->rows[i].expected && !is_published(&g->rows[i]))
            status = carina_tensor_read_npy(
                &g->want[i], in_assets(g, g->rows[i].expected, path), &err);
    if (status != CARINA_OK)
        fail(g, DIRECT, err.text);
    for (Way way = DIRECT; status == CARINA_OK && way < N_WAYS; way++) {
        const CarinaStatus result = check_way(g, way, &err);
        if (way == DIRECT && is_unread_format(g, result, &err)) {
            printf("skipped %s: %s\n", g->rows->model, err.text);
            n_skipped++;
            break;
        }
        if (result != CARINA_OK)
            fail(g, way, err.text);
    }
    carina_tensor_free(&g->input);
    for (int i = 0; i < g->n; i++)
        carina_tensor_free(&g->want[i]);
}

int main(int argc, char **argv)
{
    const CarinaContextOptions options = {sizeof options, .plugin_dir = PLUGIN_DIR};
    const char *set = getenv("CARINA_ASSETS");
    Group g = {.assets = set ? set : ASSETS_DIR};
    char path[1024];
    if (access(in_assets(&g, "io", path), R_OK) != 0) {
        printf("skipped: no assets in %s\n", g.assets);
        return 77;
    }
    if (carina_context_create(&g.ctx, &options, NULL) != CARINA_OK)
        return 1;
    for (int i = 0; i < N_ROWS; i += g.n) {
        g.rows = &rows[i];
        for (g.n = 1; i + g.n < N_ROWS &&
                      strcmp(rows[i].model, rows[i + g.n].model) == 0 &&
                      strcmp(rows[i].input ? rows[i].input : "",
                             rows[i + g.n].input ? rows[i + g.n].input : "") == 0;)
            g.n++;
        if (argc < 2 || strstr(rows[i].model, argv[1]))
            check_group(&g);
    }
    printf("%d outputs checked, %d failed, %d models skipped\n", n_checked, n_failed,
           n_skipped);
    carina_context_free(&g.ctx);
    if (n_failed == 0 && n_checked == 0 && n_skipped > 0)
        return 77;
    return n_failed > 0 || n_checked == 0;
}

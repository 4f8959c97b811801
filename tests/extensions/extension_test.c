/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Extensions and models that stand for layers, from loading to running: what is well gives the numbers of the definition,
 * what is not gives its sentence.
 */
#include "test.h"
#include "test_allocations.h"

#include "base/context.h"
#include "base/file.h"
#include "graph/op.h"
#include "ir/ir.h"
#include <carina/carina.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define HERE MODELS_DIR "/"

static const float samples[] = {-1.5f, 0.25f, 2, 0, -0.75f, 3};
static const char all_kinds[] = " i=7 f=0.5 b=true e=\"high\" s=\"a b\" li=[1, -2] "
                                "lf=[0.5, 2] t=f16 d=[2,?] : f32 [2, 3]";
static const double centres[2][3] = {{0.5, -1, 2}, {0, 1, -0.5}};

/* --- What the example's operators are. */

static double snake(double x, double alpha)
{
    return x + sin(alpha * x) * sin(alpha * x) / alpha;
}

static double radial(const float *x, const double *c, double gamma)
{
    double sum = 0;
    for (int k = 0; k < 3; k++)
        sum += ((double)x[k] - c[k]) * ((double)x[k] - c[k]);
    return exp(-gamma * sum);
}

/* --- Running. */

/* x of [2, 3], one operator of an extension, y. */
static bool write_ir(const char *path, const char *type, const char *op, const char *data)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    fprintf(f,
            "<?xml version=\"1.0\"?>\n<net name=\"odd\" version=\"11\"><layers>\n"
            "<layer id=\"0\" name=\"x\" type=\"Parameter\" version=\"opset1\">"
            "<data shape=\"2,3\" element_type=\"%s\"/>"
            "<output><port id=\"0\"><dim>2</dim><dim>3</dim></port>"
            "</output></layer>\n"
            "<layer id=\"1\" name=\"odd\" type=\"%s\" version=\"extension\">"
            "<data %s/><input><port id=\"0\"/></input>"
            "<output><port id=\"1\"/></output></layer>\n"
            "<layer id=\"2\" name=\"y\" type=\"Result\" version=\"opset1\">"
            "<input><port id=\"0\"/></input></layer></layers>\n<edges>"
            "<edge from-layer=\"0\" from-port=\"0\" to-layer=\"1\" to-port=\"0\"/>"
            "<edge from-layer=\"1\" from-port=\"1\" to-layer=\"2\" to-port=\"0\"/>"
            "</edges></net>\n",
            type, op, data);
    return fclose(f) == 0;
}

typedef struct Task {
    CarinaContext *ctx;
    CarinaModel *model;
    CarinaError err;
} Task;

static void finish(Task *t)
{
    carina_model_free(&t->model);
    carina_context_free(&t->ctx);
}

/* With n_layers models that stand for layers. */
static CarinaStatus open_with(Task *t, const char *extension, const char *path,
                              const CarinaReadLayer *layers, int n_layers)
{
    const CarinaContextOptions options = {
        .struct_size = sizeof options, .n_threads = 2, .plugin_dir = PLUGIN_DIR};
    const CarinaReadOptions reading = {
        .struct_size = sizeof reading, .n_layers = n_layers, .layers = layers};
    CarinaStatus status = carina_context_create(&t->ctx, &options, &t->err);
    if (status == CARINA_OK && extension)
        status = carina_extension_load(t->ctx, extension, &t->err);
    if (status == CARINA_OK)
        status = carina_model_read(&t->model, t->ctx, path, &reading, &t->err);
    return status;
}

TEST(a_run_takes_nothing_from_the_heap)
{
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    Task t = {0};
    if (!test_counts_allocations())
        SKIP("another heap");
    CHECK_EQ(open_with(&t, EXAMPLE, HERE "radial.keras", NULL, 0), CARINA_OK);
    CHECK_EQ(carina_compile(&exe, t.ctx, t.model, "CPU", NULL, &t.err), CARINA_OK);
    CHECK_EQ(carina_request_create(&req, exe, &t.err), CARINA_OK);
    CHECK_EQ(carina_request_infer(req, &t.err), CARINA_OK);
    const long before = test_allocations();
    CHECK_EQ(carina_request_infer(req, &t.err), CARINA_OK);
    CHECK_EQ(test_allocations() - before, 0);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    finish(&t);
}

/* The first output for the samples, with that many threads: n numbers into out. */
static CarinaStatus run_into(float *out, int64_t n, Task *t, int n_threads)
{
    const CarinaCompileOptions options = {.struct_size = sizeof options,
                                          .n_threads = n_threads};
    const CarinaShape shape = {2, {2, 3}};
    float data[6];
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaTensor *in = NULL;
    memcpy(data, samples, sizeof data);
    CarinaStatus status =
        carina_compile(&exe, t->ctx, t->model, "CPU", &options, &t->err);
    if (status == CARINA_OK)
        status = carina_tensor_wrap(&in, CARINA_F32, &shape, data, sizeof data, &t->err);
    if (status == CARINA_OK)
        status = carina_request_create(&req, exe, &t->err);
    if (status == CARINA_OK)
        status = carina_request_set_input(req, 0, in, &t->err);
    if (status == CARINA_OK)
        status = carina_request_infer(req, &t->err);
    if (status == CARINA_OK && ca_tensor_count(carina_request_output(req, 0)) != n)
        status = CARINA_ERR_SHAPE;
    if (status == CARINA_OK)
        memcpy(out, carina_request_output(req, 0)->data, (size_t)n * sizeof *out);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    carina_tensor_free(&in);
    return status;
}

/* One rounding to float of a value computed in double: half an ulp, and a few roundings of the double. */
static bool is_near(double got, double want)
{
    return fabs(got - want) <= FLT_EPSILON * fabs(want) + 1e-30;
}

static int count_of(const CarinaModel *model, const char *op)
{
    int n = 0;
    for (const CarinaNode *x = carina_model_graph(model)->first; x; x = x->next)
        n += strcmp(x->op_name, op) == 0;
    return n;
}

static void expect_snake(const char *path)
{
    Task t = {0};
    float one[6], three[6];
    CHECK_EQ(open_with(&t, EXAMPLE, path, NULL, 0), CARINA_OK);
    CHECK_EQ(count_of(t.model, "example.Snake"), 1);
    CHECK_EQ(run_into(one, 6, &t, 1), CARINA_OK);
    CHECK_EQ(run_into(three, 6, &t, 3), CARINA_OK);
    CHECK(memcmp(one, three, sizeof one) == 0);
    for (int i = 0; i < 6; i++) {
        const double want = snake((double)samples[i], 2);
        CHECK(is_near((double)one[i], want > 0 ? want : 0));
    }
    finish(&t);
}

TEST(an_extension_runs_an_operator_of_onnx) { expect_snake(HERE "snake.onnx"); }
TEST(an_extension_runs_an_operator_of_tensorflow) { expect_snake(HERE "snake.pbtxt"); }
TEST(an_extension_runs_a_layer_of_old_ir) { expect_snake(HERE "snake_v6.xml"); }
TEST(an_extension_runs_a_layer_of_caffe) { expect_snake(HERE "snake.prototxt"); }
TEST(an_extension_runs_an_operator_of_tflite) { expect_snake(HERE "snake.tflite"); }
TEST(an_extension_runs_an_operator_of_mxnet) { expect_snake(HERE "snake-symbol.json"); }
TEST(an_extension_runs_an_op_type_of_mxnet)
{
    expect_snake(HERE "snake_python-symbol.json");
}

TEST(an_operator_of_an_extension_survives_ir)
{
    static const int versions[] = {10, 11};
    for (int i = 0; i < 2; i++) {
        Task t = {0};
        const CarinaWriteOptions options = {.struct_size = sizeof options,
                                            .ir_version = versions[i]};
        CHECK_EQ(open_with(&t, EXAMPLE, HERE "snake.onnx", NULL, 0), CARINA_OK);
        CHECK_EQ(carina_model_optimize(t.model, NULL, &t.err), CARINA_OK);
        CHECK_EQ(carina_model_write(t.model, SCRATCH_DIR "/snake", &options, &t.err),
                 CARINA_OK);
        finish(&t);
        expect_snake(SCRATCH_DIR "/snake.xml");
    }
}

TEST(an_ir_says_which_operator_it_lacks)
{
    Task t = {0};
    CHECK_EQ(open_with(&t, EXAMPLE, HERE "snake.onnx", NULL, 0), CARINA_OK);
    CHECK_EQ(carina_model_write(t.model, SCRATCH_DIR "/lacks", NULL, &t.err), CARINA_OK);
    finish(&t);
    CHECK_EQ(open_with(&t, NULL, SCRATCH_DIR "/lacks.xml", NULL, 0),
             CARINA_ERR_UNSUPPORTED);
    CHECK_STR(t.err.text,
              SCRATCH_DIR "/lacks.xml: layer 1 'wave' (example.Snake): there is no such "
                          "operator; a custom operator comes with an extension: load it "
                          "with -l FILE");
    finish(&t);
}

/* A network of halves: the operator computes in f32, and its results are rounded once. */
TEST(halves_are_f32_to_an_extension)
{
    const CarinaShape shape = {2, {2, 3}};
    CarinaTensor *in = NULL, *out = NULL;
    CarinaRequest *req = NULL;
    CarinaCompiled *exe = NULL;
    Task t = {0};
    CHECK(write_ir(SCRATCH_DIR "/half.xml", "f16", "example.Snake", "alpha=\"2\""));
    CHECK_EQ(open_with(&t, EXAMPLE, SCRATCH_DIR "/half.xml", NULL, 0), CARINA_OK);
    CHECK_EQ(carina_tensor_create(&in, CARINA_F16, &shape, &t.err), CARINA_OK);
    for (int i = 0; i < 6; i++)
        ca_put_real(CARINA_F16, in->data, i, (double)samples[i]);
    CHECK_EQ(carina_compile(&exe, t.ctx, t.model, "CPU", NULL, &t.err), CARINA_OK);
    CHECK_EQ(carina_request_create(&req, exe, &t.err), CARINA_OK);
    CHECK_EQ(carina_request_set_input(req, 0, in, &t.err), CARINA_OK);
    CHECK_EQ(carina_request_infer(req, &t.err), CARINA_OK);
    const CarinaTensor *fast = carina_request_output(req, 0);
    CHECK_EQ(ca_reference_run(carina_model_graph(t.model), &out,
                              (const CarinaTensor *const[]){in}, &t.err),
             CARINA_OK);
    CHECK_EQ(fast->type, CARINA_F16);
    CHECK(memcmp(fast->data, out->data, out->size) == 0);
    for (int i = 0; i < 6; i++) {
        uint16_t want = 0;
        ca_put_real(CARINA_F16, &want, 0, (double)(float)snake((double)samples[i], 2));
        CHECK_EQ(((const uint16_t *)out->data)[i], want);
    }
    carina_tensor_free(&in);
    carina_tensor_free(&out);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    finish(&t);
}

/* Constants go through evaluate when the passes fold. */
TEST(an_operator_of_an_extension_is_folded)
{
    Task t = {0};
    float out[4];
    CHECK_EQ(open_with(&t, EXAMPLE, HERE "radial.onnx", NULL, 0), CARINA_OK);
    CHECK_EQ(carina_model_optimize(t.model, NULL, &t.err), CARINA_OK);
    CHECK_EQ(count_of(t.model, "example.Snake"), 0);
    CHECK_EQ(run_into(out, 4, &t, 2), CARINA_OK);
    for (int i = 0; i < 4; i++) {
        double c[3];
        for (int k = 0; k < 3; k++)
            c[k] = (double)(float)snake(centres[i % 2][k], 1);
        /* The example expands the square: three sums of at most 3 terms of size 16 in double. */
        const double want = radial(&samples[i / 2 * 3], c, 0.5);
        CHECK(fabs((double)out[i] - want) <= FLT_EPSILON * want + 1e-13);
    }
    finish(&t);
}

static void expect_radial(const char *path)
{
    Task t = {0};
    float out[4];
    CHECK_EQ(open_with(&t, EXAMPLE, path, NULL, 0), CARINA_OK);
    CHECK_EQ(run_into(out, 4, &t, 2), CARINA_OK);
    for (int i = 0; i < 4; i++) {
        const double h = radial(&samples[i / 2 * 3], centres[i % 2], 0.5);
        /* Snake's slope is at most 2: the rounding of h counts twice, that of the result once. */
        CHECK(fabs((double)out[i] - snake(h, 0.5)) <= 3 * FLT_EPSILON * h + 1e-12);
    }
    finish(&t);
}

TEST(a_keras_layer_with_weights_is_an_extension_s) { expect_radial(HERE "radial.keras"); }
TEST(a_keras_layer_of_an_old_file_is_an_extension_s) { expect_radial(HERE "radial.h5"); }

/* Files that were changed in one byte are read or refused, with callbacks that look at what is in them. */
static void change(const char *path, const char *name, const CarinaReadLayer *layer)
{
    char copy[1024], second[1024];
    CaBuffer *file = NULL;
    CarinaContext *ctx = NULL;
    CHECK_EQ(ca_file_map(&file, path, NULL), CARINA_OK);
    CHECK_EQ(carina_context_create(&ctx, NULL, NULL), CARINA_OK);
    CHECK_EQ(carina_extension_load(ctx, EXAMPLE, NULL), CARINA_OK);
    CHECK_EQ(carina_extension_load(ctx, HOSTILE_DIR "/hostile_0.so", NULL), CARINA_OK);
    (void)snprintf(copy, sizeof copy, SCRATCH_DIR "/changed_%s", name);
    (void)snprintf(second, sizeof second, "%.*s.caffemodel",
                   (int)(strrchr(path, '.') - path), path);
    const CarinaReadOptions options = {.struct_size = sizeof options,
                                       .weights =
                                           strstr(name, ".prototxt") ? second : NULL,
                                       .n_layers = 1,
                                       .layers = layer};
    const size_t step = file->size / 200 + 1;
    for (size_t i = 0; i < file->size; i += step) {
        CarinaModel *model = NULL;
        FILE *f = fopen(copy, "wb");
        CHECK(f != NULL);
        const unsigned char other =
            (unsigned char)(((unsigned char *)file->data)[i] ^ (1u << (i / step % 8)));
        CHECK_EQ(fwrite(file->data, 1, i, f), i);
        fputc(other, f);
        fwrite((const char *)file->data + i + 1, 1, file->size - i - 1, f);
        CHECK_EQ(fclose(f), 0);
        (void)carina_model_read(&model, ctx, copy, &options, NULL);
        carina_model_free(&model);
    }
    ca_buffer_unref(&file);
    carina_context_free(&ctx);
}

TEST(changed_files_are_read_or_refused)
{
    static const char *const names[] = {
        "all.onnx",     "all.pbtxt",  "all.h5",         "all.tflite",
        "all.prototxt", "snake.onnx", "snake.tflite",   "gain.h5",
        "gain.keras",   "radial.h5",  "gain_user.onnx", "all-symbol.json"};
    const CarinaReadLayer layer = {"Gain", HERE "gain.onnx"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, HERE "%s", names[i]);
        change(path, names[i], &layer);
    }
}

/* Attributes of all kinds are the same in every format, and after a way through IR. */
TEST(attributes_of_all_kinds_come_from_every_format)
{
    static const char *const files[] = {
        HERE "all.onnx",   HERE "all.pbtxt",       HERE "all.keras",   HERE "all.h5",
        HERE "all.tflite", HERE "all-symbol.json", HERE "all.prototxt"};
    const char *path = NULL;
    for (size_t i = 0; i < 2 * sizeof files / sizeof *files; i++) {
        Task t = {0};
        CaText text = {.limit = 4096};
        path = i % 2 ? SCRATCH_DIR "/all.xml" : files[i / 2];
        CHECK_EQ(open_with(&t, HOSTILE_DIR "/hostile_0.so", path, NULL, 0), CARINA_OK);
        ca_ir_text(&text, carina_model_graph(t.model));
        const char *at = strstr(text.data, " i=");
        CHECK(at && strncmp(at, all_kinds, strlen(all_kinds)) == 0);
        CHECK_EQ(carina_model_write(t.model, SCRATCH_DIR "/all", NULL, &t.err),
                 CARINA_OK);
        ca_text_free(&text);
        finish(&t);
    }
}

/* --- Models that stand for layers. */

static void expect_gain(const char *path, const char *extension)
{
    static const float w[] = {1, 2, -1}, b[] = {0.5f, 0, 1};
    const CarinaReadLayer gain = {"Gain", HERE "gain.onnx"};
    Task t = {0};
    float out[6];
    CHECK_EQ(open_with(&t, extension, path, &gain, 1), CARINA_OK);
    CHECK_EQ(run_into(out, 6, &t, 2), CARINA_OK);
    for (int i = 0; i < 6; i++) /* small multiples of 1/4: exact */
        CHECK_EQ(out[i] == (samples[i] * w[i % 3] + b[i % 3]) * w[i % 3] + b[i % 3], 1);
    finish(&t);
}

TEST(a_model_stands_for_a_keras_layer) { expect_gain(HERE "gain.keras", NULL); }
TEST(a_model_stands_for_a_layer_of_an_old_file) { expect_gain(HERE "gain.h5", NULL); }
TEST(a_model_stands_for_a_caffe_layer) { expect_gain(HERE "gain.prototxt", NULL); }
TEST(a_model_stands_for_an_onnx_operator) { expect_gain(HERE "gain_user.onnx", EXAMPLE); }

TEST(what_a_model_cannot_stand_for_is_said)
{
    static const struct {
        const char *path, *model, *text;
    } rows[] = {
#define ROW(path, model, text) {HERE path, HERE model, HERE text},
#include "layers.def"
#undef ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const CarinaReadLayer layer = {"Gain", rows[i].model};
        Task t = {0};
        CHECK(open_with(&t, NULL, rows[i].path, &layer, 1) != CARINA_OK);
        CHECK_STR(t.err.text, rows[i].text);
        finish(&t);
    }
}

TEST(two_models_for_one_layer_are_one_too_many)
{
    const CarinaReadLayer layers[] = {{"Gain", HERE "gain.onnx"},
                                      {"Gain", HERE "gain_wide.onnx"}};
    Task t = {0};
    CHECK_EQ(open_with(&t, NULL, HERE "gain_user.onnx", layers, 2), CARINA_ERR_ARGUMENT);
    CHECK_STR(t.err.text, "two models stand for layers of type Gain; give one");
    finish(&t);
}

/* Each waits for the other. */
TEST(models_that_stand_for_each_other_do_not_end)
{
    const CarinaReadLayer layers[] = {{"Gain", HERE "snake.onnx"},
                                      {"Snake", HERE "gain_self.onnx"}};
    Task t = {0};
    CHECK_EQ(open_with(&t, NULL, HERE "gain_user.onnx", layers, 2), CARINA_ERR_FORMAT);
    CHECK_STR(t.err.text,
              HERE "snake.onnx: stands for layers of type Gain and has such a "
                   "layer itself, so that it would never end");
    finish(&t);
}

/* --- Extensions that are refused. */

static const struct {
    int number;
    const char *text; /* behind the path */
} refused[] = {
#define ROW(number, text) {number, text},
#include "hostile.def"
#undef ROW
};

TEST(a_wrong_extension_is_refused_with_its_sentence)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char path[1024], want[1600];
        Task t = {0};
        (void)snprintf(path, sizeof path, HOSTILE_DIR "/hostile_%d.so",
                       refused[i].number);
        (void)snprintf(want, sizeof want, "%s: %s", path, refused[i].text);
        CHECK(open_with(&t, path, HERE "snake.onnx", NULL, 0) != CARINA_OK);
        CHECK_STR(t.err.text, want);
        CHECK(!t.ctx->extensions);
        finish(&t);
    }
}

TEST(what_is_no_extension_is_refused)
{
    Task t = {0};
    CHECK_EQ(open_with(&t, HERE "snake.onnx", HERE "snake.onnx", NULL, 0),
             CARINA_ERR_FILE);
    CHECK(strstr(t.err.text, "cannot be loaded as an extension"));
    finish(&t);
    CHECK_EQ(open_with(&t, HERE "nowhere.so", HERE "snake.onnx", NULL, 0),
             CARINA_ERR_FILE);
    CHECK(strstr(t.err.text, "No such file"));
    finish(&t);
    CHECK_EQ(open_with(&t, PLUGIN_DIR "/carina_cpu.so", HERE "snake.onnx", NULL, 0),
             CARINA_ERR_FORMAT);
    CHECK(strstr(t.err.text, "it is a device's plugin"));
    finish(&t);
}

TEST(an_extension_is_loaded_once)
{
    Task t = {0};
    CHECK_EQ(open_with(&t, EXAMPLE, HERE "snake.onnx", NULL, 0), CARINA_OK);
    CHECK_EQ(carina_extension_load(t.ctx, EXAMPLE, &t.err), CARINA_ERR_FORMAT);
    CHECK(strstr(t.err.text, "operator example.Snake has been loaded before"));
    CHECK_EQ(carina_extension_load(t.ctx, HOSTILE_DIR "/hostile_0.so", &t.err),
             CARINA_OK);
    finish(&t);
}

/* --- Extensions that fail when they are asked. */

TEST(a_callback_that_fails_is_a_sentence)
{
    static const struct {
        int mode;
        bool is_read; /* it fails when it runs, not when it is read */
        CarinaStatus status;
        const char *text;
    } rows[] = {
        {0, true, CARINA_OK, ""},
        {1, false, CARINA_ERR_SHAPE, "node 'odd' (odd.Copy): no shape suits me"},
        {2, false, CARINA_ERR_TYPE, "the extension gives output 0 no type that there is"},
        {3, false, CARINA_ERR_SHAPE,
         "the extension gives output 0 a shape that is none (rank 99)"},
        {4, false, CARINA_ERR_SHAPE, "the extension gives output 0 a shape that is none"},
        {5, true, CARINA_ERR_ARGUMENT, "node 'odd' (odd.Copy): not on a Wednesday"},
        {6, true, CARINA_ERR_ARGUMENT,
         "the extension's evaluate failed (a status that is none) and does not say why"},
        {7, true, CARINA_ERR_LIMIT, "its work space is too large for this machine"},
        {101, false, CARINA_ERR_FORMAT, "attribute mode is 101, must be from 0 to 100"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Task t = {0};
        float out[6];
        char data[32];
        (void)snprintf(data, sizeof data, "mode=\"%d\"", rows[i].mode);
        CHECK(write_ir(SCRATCH_DIR "/odd.xml", "f32", "odd.Copy", data));
        CarinaStatus status =
            open_with(&t, HOSTILE_DIR "/hostile_0.so", SCRATCH_DIR "/odd.xml", NULL, 0);
        CHECK_EQ(status == CARINA_OK, rows[i].is_read);
        if (status == CARINA_OK)
            status = run_into(out, 6, &t, 2);
        CHECK_EQ(status, rows[i].status);
        CHECK(status == CARINA_OK || strstr(t.err.text, rows[i].text));
        CHECK(status != CARINA_OK || memcmp(out, samples, sizeof out) == 0);
        finish(&t);
    }
}

/* --- Files whose attributes or inputs do not suit. */

TEST(a_node_that_does_not_suit_its_operator_is_a_sentence)
{
    static const struct {
        const char *path, *text;
    } rows[] = {
        {HERE "radial_no_gamma.onnx",
         HERE "radial_no_gamma.onnx: node 'bumps' (Radial): has no 'gamma', which the "
              "extension's example.Radial needs"},
        {HERE "snake_text.onnx",
         HERE "snake_text.onnx: node 'wave' (Snake): its 'alpha' is of another kind than "
              "the extension wants: a number"},
        {HERE "snake_two.onnx",
         HERE "snake_two.onnx: node 'wave' (example.Snake): has 2 inputs, needs 1 to 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Task t = {0};
        CHECK_EQ(open_with(&t, EXAMPLE, rows[i].path, NULL, 0), CARINA_ERR_FORMAT);
        CHECK_STR(t.err.text, rows[i].text);
        finish(&t);
    }
}

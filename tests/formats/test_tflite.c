/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TFLite reader on the small files of tflite/ (made by tflite/make.py): what becomes of each, which numbers they
 * give, and what is said of broken ones.
 */
#include "test.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/tflite/tflite.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 1024 };

static CarinaStatus read_signature(CaGraph **out, const char *name, const char *signature,
                                   CarinaError *err)
{
    char path[PATH_ROOM];
    const CarinaReadOptions options = {sizeof options, .signature = signature};
    CaSource source = {.path = path, .options = &options, .err = err};
    *out = NULL;
    snprintf(path, sizeof path, "%s/tflite/%s.tflite", FORMATS_DIR, name);
    CarinaStatus status = ca_file_map(&source.file, path, err);
    if (status == CARINA_OK)
        status = ca_reader_tflite.read(out, &source);
    ca_buffer_unref(&source.file);
    return status;
}

static CarinaStatus read_named(CaGraph **out, const char *name, CarinaError *err)
{
    return read_signature(out, name, NULL, err);
}

/* "Convolution Add -> [1, 3, 3, 7]": the operators that compute, and the outputs' types and shapes. */
static void summary(CaText *text, const CaGraph *g)
{
    char shape[CA_SHAPE_TEXT];
    CA_EACH_NODE(n, g)
        if (!ca_node_is(n, "Const") && !ca_node_is(n, "Parameter") &&
            !ca_node_is(n, "Result"))
            ca_text_add(text, "%s ", n->op_name);
    ca_text_add(text, "->");
    for (int i = 0; i < g->n_outputs; i++) {
        const CaValue *v = g->outputs[i]->inputs[0].value;
        ca_text_add(text, " %s%s", v->type == CARINA_F32 ? "" : carina_type_name(v->type),
                    ca_shape_text(shape, sizeof shape, &v->shape));
    }
}

static const char *const files[][2] = {
#include "tflite_summaries.def"
};

TEST(tflite_files_become_the_expected_graphs)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        CaGraph *g = NULL;
        CarinaError err = {CARINA_OK, ""};
        CaText text = {.limit = 4096};
        const CarinaStatus status = read_named(&g, files[i][0], &err);
        ca_text_add(&text, "%s: ", files[i][0]);
        if (status == CARINA_OK)
            summary(&text, g);
        else
            ca_text_add(&text, "%s", err.text);
        char expected[PATH_ROOM];
        snprintf(expected, sizeof expected, "%s: %s", files[i][0], files[i][1]);
        ca_graph_free(&g);
        const int same =
            test_equal_text(__FILE__, __LINE__, "summary", text.data, expected);
        ca_text_free(&text);
        if (!same)
            return;
    }
}

static const char *const sentences[][2] = {
#include "tflite_sentences.def"
};

TEST(tflite_broken_files_are_answered_with_one_sentence)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        CaGraph *g = NULL;
        CarinaError err = {CARINA_OK, ""};
        char expected[PATH_ROOM * 2];
        const CarinaStatus status = read_named(&g, sentences[i][0], &err);
        CHECK(status != CARINA_OK && g == NULL);
        snprintf(expected, sizeof expected, "%s/tflite/%s.tflite: %s", FORMATS_DIR,
                 sentences[i][0], sentences[i][1]);
        CHECK_STR(err.text, expected);
        CHECK_EQ(err.code, status);
    }
}

/* Reads n bytes at data. */
static void read_bytes(const void *data, size_t n)
{
    const CarinaReadOptions options = {sizeof options, NULL};
    CaGraph *g = NULL;
    CaSource source = {.path = "damaged", .options = &options};
    source.file = ca_buffer_create(n + 1);
    memcpy(source.file->data, data, n);
    source.file->size = n;
    if (ca_reader_tflite.read(&g, &source) == CARINA_OK)
        CHECK(g != NULL);
    ca_graph_free(&g);
    ca_buffer_unref(&source.file);
}

/* Any prefix of a file, and the file with any byte or any word changed, is read or refused, never more. */
TEST(tflite_reader_survives_damage)
{
    static const char *const names[] = {"conv",          "quantised_i8", "labels",
                                        "sparse_blocks", "loop",         "dilated",
                                        "variables",     "signatures"};
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        char path[PATH_ROOM];
        CaBuffer *file = NULL;
        snprintf(path, sizeof path, "%s/tflite/%s.tflite", FORMATS_DIR, names[f]);
        CHECK_EQ(ca_file_map(&file, path, NULL), CARINA_OK);
        unsigned char *copy = malloc(file->size);
        CHECK(copy != NULL);
        for (size_t i = 0; i < file->size; i++) {
            read_bytes(file->data, i);
            memcpy(copy, file->data, file->size);
            copy[i] ^= (unsigned char)(1u << (i % 8));
            read_bytes(copy, file->size);
            if (i % 4 == 0 && i + 4 <= file->size) {
                memcpy(copy, file->data, file->size);
                memset(copy + i, 0xff, 4);
                read_bytes(copy, file->size);
            }
        }
        free(copy);
        ca_buffer_unref(&file);
    }
}

TEST(tflite_names_and_labels_stay_visible)
{
    CaGraph *g = NULL;
    CHECK_EQ(read_named(&g, "conv", NULL), CARINA_OK);
    CHECK_STR(g->inputs[0]->name, "x");
    CHECK_STR(g->outputs[0]->name, "y");
    CHECK_STR(g->outputs[0]->inputs[0].value->name, "y");
    CHECK_STR(ca_info_find(g->info, "description"), "make.py");
    ca_graph_free(&g);
    CHECK_EQ(read_named(&g, "labels", NULL), CARINA_OK);
    CHECK_STR(ca_info_find(g->info, "labels"), "cat\ndog, small\nbird");
    CHECK_STR(ca_info_find(g->info, "name"), "pets");
    CHECK_STR(ca_info_find(g->info, "description"), "tells cats from dogs");
    CHECK_STR(ca_info_find(g->info, "producer"), "TensorFlow Lite");
    ca_graph_free(&g);
}

TEST(tflite_signatures_choose_a_subgraph_and_name_its_edges)
{
    CaGraph *g = NULL;
    CarinaError err = {CARINA_OK, ""};
    CHECK_EQ(read_named(&g, "signatures", NULL), CARINA_OK);
    CHECK_STR(g->inputs[0]->outputs[0].name, "x,image");
    CHECK_STR(g->outputs[0]->inputs[0].value->name, "y,label");
    ca_graph_free(&g);
    CHECK_EQ(read_signature(&g, "signatures", "other", NULL), CARINA_OK);
    CHECK_STR(g->inputs[0]->outputs[0].name, "a,in");
    ca_graph_free(&g);
    CHECK(read_signature(&g, "signatures", "none", &err) == CARINA_ERR_NOT_FOUND);
    CHECK(strstr(err.text, ": no signature 'none'; there are serving_default, other") !=
          NULL);
}

/* The scale and the zero point of a quantised tensor can be had from its FakeQuantize. */
TEST(tflite_steps_are_kept_exactly)
{
    CaGraph *g = NULL;
    CHECK_EQ(read_named(&g, "quantised_i8", NULL), CARINA_OK);
    int seen = 0;
    CA_EACH_NODE(n, g)
        if (ca_node_is(n, "FakeQuantize")) {
            const char *kept = ca_info_find(n->info, "user_data.quantization");
            CHECK(kept != NULL);
            seen += strcmp(kept, "value=\"scale 0.5, zero point -10\"") == 0;
        }
    CHECK_EQ(seen, 1);
    ca_graph_free(&g);
}

typedef struct Run {
    const char *name;
    double x[32];
    int n_out;
    double y[32];
} Run;

/* One input, one output, all values exact. */
static bool runs_to(const Run *run)
{
    CaGraph *g = NULL;
    CarinaTensor *in = NULL, *out = NULL;
    CarinaError err = {CARINA_OK, ""};
    bool good = read_named(&g, run->name, &err) == CARINA_OK &&
                carina_tensor_create(&in, g->inputs[0]->outputs[0].type,
                                     &g->inputs[0]->outputs[0].shape, &err) == CARINA_OK;
    if (good) {
        for (int64_t i = 0; i < ca_tensor_count(in); i++)
            ca_put_real(in->type, in->data, i, run->x[i]);
        const CarinaTensor *const inputs[] = {in};
        good = ca_reference_run(g, &out, inputs, &err) == CARINA_OK &&
               ca_tensor_count(out) == run->n_out;
    }
    for (int64_t i = 0; good && i < run->n_out; i++)
        good = fabs(ca_get_real(out->type, out->data, i) - run->y[i]) == 0;
    if (!good)
        printf("%s: %s\n", run->name, err.text);
    carina_tensor_free(&in);
    carina_tensor_free(&out);
    ca_graph_free(&g);
    return good;
}

/* Weights count -3 -2 -1 0 | 1 2 3 -3 | -2 -1 0 1. */
static const Run runs[] = {
    {"half", {1, 2, 3, 4}, 3, {-10, 2, 0}},
    {"hybrid", {1, 2, 3, 4}, 3, {-5, 1, 0}},
    /* nibbles, low first: 0 1 2 3 | -2 -1 -1 -8 | 1 7 2 0 */
    {"nibbles", {1, 2, 3, 4}, 3, {20, -39, 21}},
    /* rows 0 0 1 0 | 0 0 0 0 | 2 0 0 3 | 0 4 0 0 */
    {"sparse_rows", {1, 2, 3, 4}, 4, {3, 0, 14, 8}},
    /* blocks: upper right 1 2 3 4, lower left 5 6 7 8 */
    {"sparse_blocks", {1, 2, 3, 4}, 4, {11, 25, 17, 23}},
    {"variables", {1, 2}, 2, {-2, 0}},
    {"loop", {1, -2}, 2, {8, -16}},
    {"loop_none", {1, -2}, 2, {1, -2}},
    {"loop_by_data", {1, -2}, 2, {8, -16}},
    {"branch", {1, -2}, 2, {2, -4}},
    {"branch", {-1, -2}, 2, {1, 2}},
    {"composite", {1, -2}, 2, {1, 0}},
    /* x (q + 10) / 2: 2 2 3 4; sums -13 3 -2, times 1/4 1/2 1; b 1/4 -1 1/2; y = sum / 0.5 - 28 */
    {"quantised_i8", {-6, -6, -4, -2}, 3, {-34, -27, -31}},
    {"quantised_moves", {3, 4, 5, 127, -128, 2}, 6, {0, 2, 4, 127, -128, -2}},
};

TEST(tflite_constants_of_every_kind_have_their_values)
{
    for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++)
        CHECK(runs_to(&runs[i]));
}

/* [1, 4, 4, 2]: of each window of 2 x 2 the largest element stays where it was. */
TEST(tflite_unpooling_puts_maxima_back)
{
    Run run = {.name = "max_unpooling", .n_out = 32};
    for (int i = 0; i < 32; i++) {
        const int y = i / 8, x = i / 2 % 4;
        run.x[i] = i % 2 ? -i : i;
        run.y[i] = (y % 2 && x % 2) == (i % 2 == 0) && y % 2 == x % 2 ? run.x[i] : 0;
    }
    CHECK(runs_to(&run));
}

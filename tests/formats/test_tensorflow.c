/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TensorFlow reader on the small files of tensorflow/ (made by tensorflow/make.py): what becomes of each, what is
 * said of broken ones, and where users cut.
 */
#include "test.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/reader.h"
#include "formats/tensorflow/tf.h"

#include <stdio.h>
#include <string.h>

enum { PATH_ROOM = 1024 };

extern const CaReader ca_reader_tensorflow;

static CarinaStatus read_with(CaGraph **out, const char *name,
                              const CarinaReadOptions *options, CarinaError *err)
{
    char path[PATH_ROOM];
    CaBuffer *file = NULL;
    *out = NULL;
    snprintf(path, sizeof path, "%s/tensorflow/%s", FORMATS_DIR, name);
    CarinaStatus status = ca_file_map(&file, path, err);
    if (status == CARINA_OK)
        status = ca_tf_read(out, path, file, options, err);
    ca_buffer_unref(&file);
    return status;
}

/* "Convolution Add -> [1, 3, 3, 7]": the operators that compute, and the outputs' shapes. */
static void summary(CaText *text, const CaGraph *g)
{
    char shape[CA_SHAPE_TEXT];
    CA_EACH_NODE(n, g)
        if (!ca_node_is(n, "Const") && !ca_node_is(n, "Parameter") &&
            !ca_node_is(n, "Result"))
            ca_text_add(text, "%s ", n->op_name);
    ca_text_add(text, "->");
    for (int i = 0; i < g->n_outputs; i++)
        ca_text_add(
            text, " %s",
            ca_shape_text(shape, sizeof shape, &g->outputs[i]->inputs[0].value->shape));
}

/* The summary or the sentence; the caller frees. */
static CaText answer(const char *name, const CarinaReadOptions *options)
{
    CaGraph *g = NULL;
    CarinaError err = {CARINA_OK, ""};
    CaText text = {.limit = 4096};
    if (read_with(&g, name, options, &err) == CARINA_OK)
        summary(&text, g);
    else
        ca_text_add(&text, "%s",
                    strstr(err.text, name) ? strstr(err.text, name) : err.text);
    ca_graph_free(&g);
    return text;
}

static bool answers(const char *name, const CarinaReadOptions *options,
                    const char *expected)
{
    char line[PATH_ROOM * 2];
    CaText text = answer(name, options), got = {.limit = 8192};
    snprintf(line, sizeof line, "%s: %s", name, expected);
    ca_text_add(&got, "%s: %s", name, text.data);
    const bool same = test_equal_text(__FILE__, __LINE__, "summary", got.data, line);
    ca_text_free(&text);
    ca_text_free(&got);
    return same;
}

static const char *const files[][2] = {
#include "tensorflow_summaries.def"
};

TEST(tensorflow_files_become_the_expected_graphs)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (!answers(files[i][0], NULL, files[i][1]))
            return;
}

static const char *const sentences[][2] = {
#include "tensorflow_sentences.def"
};

TEST(tensorflow_broken_files_are_answered_with_one_sentence)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        CaGraph *g = NULL;
        CarinaError err = {CARINA_OK, ""};
        char expected[PATH_ROOM * 2];
        const CarinaStatus status = read_with(&g, sentences[i][0], NULL, &err);
        CHECK(status != CARINA_OK && g == NULL);
        snprintf(expected, sizeof expected, "%s/tensorflow/%s: %s", FORMATS_DIR,
                 sentences[i][0], sentences[i][1]);
        CHECK_STR(err.text, expected);
        CHECK_EQ(err.code, status);
    }
}

TEST(tensorflow_files_are_known_by_their_content)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[PATH_ROOM];
        CaSource s = {.path = path};
        snprintf(path, sizeof path, "%s/tensorflow/%s", FORMATS_DIR, files[i][0]);
        CHECK_EQ(ca_file_map(&s.file, path, NULL), CARINA_OK);
        CHECK(ca_reader_tensorflow.match(&s));
        ca_buffer_unref(&s.file);
    }
    static const char *const others[] = {
        "onnx/conv.onnx",         "caffe/conv.prototxt",
        "caffe/conv.caffemodel",  "ir/add.xml",
        "tensorflow/make.py",     "tensorflow/bad_other.pb",
        "tensorflow/bad_empty.pb"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char path[PATH_ROOM];
        CaSource s = {.path = path};
        snprintf(path, sizeof path, "%s/%s", FORMATS_DIR, others[i]);
        CHECK_EQ(ca_file_map(&s.file, path, NULL), CARINA_OK);
        CHECK(!ca_reader_tensorflow.match(&s));
        ca_buffer_unref(&s.file);
    }
}

/* Any prefix of a file, and the file with any byte changed, is read or refused, never more. */
TEST(tensorflow_reader_survives_damage)
{
    static const char *const names[] = {
        "conv_same.pb", "conv_blocks.pb", "lists.pb",           "strided_slice.pb",
        "text.pbtxt",   "loop.pb",        "lists_of_tensors.pb"};
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        char path[PATH_ROOM];
        CaBuffer *file = NULL;
        snprintf(path, sizeof path, "%s/tensorflow/%s", FORMATS_DIR, names[f]);
        CHECK_EQ(ca_file_map(&file, path, NULL), CARINA_OK);
        for (size_t i = 0; i < file->size; i++) {
            CaGraph *g = NULL;
            CaBuffer *part = ca_buffer_create(i + 1);
            memcpy(part->data, file->data, i + 1);
            part->size = i;
            CHECK((ca_tf_read(&g, path, part, NULL, NULL) == CARINA_OK) == (g != NULL));
            ca_graph_free(&g);
            ca_buffer_unref(&part);
            CaBuffer *changed = ca_buffer_create(file->size);
            memcpy(changed->data, file->data, file->size);
            ((unsigned char *)changed->data)[i] ^= (unsigned char)(1u << (i % 8));
            (void)ca_tf_read(&g, path, changed, NULL, NULL);
            ca_graph_free(&g);
            ca_buffer_unref(&changed);
        }
        ca_buffer_unref(&file);
    }
}

TEST(tensorflow_names_stay_visible)
{
    CaGraph *g = NULL;
    CHECK_EQ(read_with(&g, "two_outputs.pb", NULL, NULL), CARINA_OK);
    CHECK_STR(g->inputs[0]->name, "x");
    CHECK_STR(g->outputs[0]->name, "a");
    CHECK_STR(g->outputs[1]->name, "b");
    CHECK(ca_graph_find(g, "a") != NULL);
    ca_graph_free(&g);
}

/* --- Cutting, as mo does it. */

static bool cut(const char *name, const char *input, const char *outputs,
                const char *freeze, const char *expected)
{
    const CarinaReadInput in = {input, {3, {4, 5, 6}}};
    const CarinaReadOptions options = {.struct_size = sizeof options,
                                       .n_inputs = input ? 1 : 0,
                                       .inputs = &in,
                                       .outputs = outputs,
                                       .freeze = freeze};
    return answers(name, &options, expected);
}

TEST(tensorflow_graphs_are_cut_where_users_say)
{
    CHECK(cut("unsorted.pb", NULL, "a", NULL, "Exp -> [2, 3]"));
    CHECK(cut("unsorted.pb", NULL, "a:0,y", NULL, "Exp Negative -> [2, 3] [2, 3]"));
    CHECK(cut("unsorted.pb", NULL, "0:y", NULL, "Exp -> [2, 3]"));
    CHECK(cut("unsorted.pb", "x", NULL, NULL, "Exp Negative -> [4, 5, 6]"));
    CHECK(cut("unsorted.pb", "a:0", NULL, NULL, "Negative -> [4, 5, 6]"));
    CHECK(cut("unsorted.pb", "0:y", NULL, NULL, "Negative -> [4, 5, 6]"));
    CHECK(cut("unsorted.pb", "y", NULL, NULL, "Negative -> [4, 5, 6]"));
    CHECK(cut("unsorted.pb", "y", "y", NULL, "Negative -> [4, 5, 6]"));
    CHECK(cut("bad_operator.pb", "y:0", "y", NULL, "-> [4, 5, 6]"));
    CHECK(cut("split.pb", NULL, "s:1", NULL, "Split -> [2, 2]"));
    CHECK(cut("switches.pb", NULL, NULL, "p->True", "Select -> [2, 3]"));
    CHECK(cut("default.pb", NULL, NULL, "d->[1 2 3]", "Multiply -> [2, 3]"));
    CHECK(cut("unsorted.pb", NULL, "z", NULL,
              "unsorted.pb: output 'z' is no node of the graph (did you mean 'y'?); name "
              "one of its nodes"));
    CHECK(cut("unsorted.pb", "nowhere", NULL, NULL,
              "unsorted.pb: input 'nowhere' is no node of the graph; name one of its "
              "nodes"));
    CHECK(cut("default.pb", "y", NULL, NULL,
              "default.pb: input 'y' reads several tensors; say which with '0:y', or cut "
              "behind it with 'y:0'"));
    CHECK(cut("switches.pb", NULL, NULL, "p->maybe",
              "switches.pb: 'maybe' is no value for the frozen input 'p'; give a number, "
              "True, False or a list in brackets"));
}

/* --- Values. */

/* Runs a model of one input and one output of floats; values as expected, which are all exact. */
static bool runs_to(const char *name, const float *x, const float *expected, int64_t n)
{
    CaGraph *g = NULL;
    CarinaTensor *in = NULL, *out = NULL;
    CarinaError err = {CARINA_OK, ""};
    bool good = read_with(&g, name, NULL, &err) == CARINA_OK &&
                carina_tensor_create(&in, CARINA_F32, &g->inputs[0]->outputs[0].shape,
                                     &err) == CARINA_OK;
    if (good) {
        memcpy(in->data, x, in->size);
        const CarinaTensor *const inputs[] = {in};
        good = ca_reference_run(g, &out, inputs, &err) == CARINA_OK &&
               ca_tensor_count(out) == n;
    }
    for (int64_t i = 0; good && i < n; i++)
        good = ca_get_real(out->type, out->data, i) == (double)expected[i];
    carina_tensor_free(&in);
    carina_tensor_free(&out);
    ca_graph_free(&g);
    return good;
}

TEST(tensorflow_constants_of_every_form_have_their_values)
{
    const float two[] = {1, 2}, sums[] = {4.25f, -1.75f};
    CHECK(runs_to("lists.pb", two, sums, 2)); /* + (1.5, -2) + (1.5, -2) + 1/4 + 0 */
    float pixels[9], both[18];
    for (int i = 0; i < 9; i++) {
        pixels[i] = (float)i;
        both[2 * i] = (float)i + 0.5f; /* x and -2 x, and the bias */
        both[2 * i + 1] = (float)(-2 * i) - 0.25f;
    }
    CHECK(runs_to("text.pbtxt", pixels, both, 18));
}

TEST(tensorflow_loops_run_as_often_as_they_say)
{
    const float x[] = {1, -2}, y[] = {-8, 16};
    CHECK(runs_to("loop.pb", x, y, 2)); /* doubled three times, then negated */
    const float rows[] = {1, 2, 3, 4, 5, 6}, backwards[] = {5, 6, 3, 4, 1, 2};
    CHECK(runs_to("lists_of_tensors.pb", rows, backwards, 6));
    CHECK(runs_to("frames.pb", x, y, 2)); /* the same, as TensorFlow 1 makes it */
    CHECK(runs_to("frames_of_arrays.pb", rows, backwards, 6));
}

TEST(tensorflow_loops_run_as_often_as_the_data_says)
{
    const float x[] = {1, -2}, y[] = {-128, 256};
    CHECK(runs_to("loop_by_data.pb", x, y, 2)); /* doubled until one is 100 */
    const float large[] = {200, 1}, same[] = {-200, -1};
    CHECK(runs_to("loop_by_data.pb", large, same, 2));
    const float scaled[] = {-256, 0.125f};
    CHECK(
        runs_to("loop_with_weight.pb", x, scaled, 2)); /* times 4 and a half, 4 rounds */
    const float three[] = {3, -2}, eightfold[] = {-24, 16};
    CHECK(
        runs_to("frames_by_data.pb", three, eightfold, 2)); /* as often as the largest */
}

/* Written as blocks, and as it is: y[i] = sum of w[k] x[i + 2 k - 2]. */
TEST(tensorflow_blocks_around_a_convolution_are_its_dilation)
{
    float x[70], got[105];
    int at = 0;
    for (int i = 0; i < 70; i++)
        x[i] = (float)(i * 5 % 11 - 5);
    for (int h = 0; h < 7; h++)
        for (int w = 0; w < 5; w++)
            for (int o = 0; o < 3; o++) {
                float sum = 0;
                for (int k = 0; k < 3; k++)
                    for (int l = 0; l < 3; l++)
                        for (int c = 0; c < 2; c++) {
                            const int i = h + 2 * k - 2, j = w + 2 * l - 2;
                            if (i >= 0 && i < 7 && j >= 0 && j < 5)
                                sum += x[(i * 5 + j) * 2 + c] *
                                       (float)((((k * 3 + l) * 2 + c) * 3 + o) % 7 - 3);
                        }
                got[at++] = sum;
            }
    CHECK(runs_to("conv_blocks.pb", x, got, 105));
}

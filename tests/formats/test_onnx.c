/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ONNX reader on the small files of onnx/ (made by onnx/make.py): what becomes of each, and what is said of
 * broken ones.
 */
#include "small_files.h"
#include "test.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/onnx/onnx.h"
#include "graph/op.h"

#include <stdio.h>
#include <string.h>

enum { PATH_ROOM = 1024 };

static CarinaStatus read_named(CaGraph **out, const char *name, CarinaError *err)
{
    char path[PATH_ROOM];
    CaBuffer *file = NULL;
    int opset = 0;
    *out = NULL;
    snprintf(path, sizeof path, "%s/onnx/%s.onnx", FORMATS_DIR, name);
    CarinaStatus status = ca_file_map(&file, path, err);
    if (status == CARINA_OK)
        status = ca_onnx_read(out, path, file, &opset, err);
    ca_buffer_unref(&file);
    return status;
}

static const char *const files[][2] = {
#include "onnx_summaries.def"
};

TEST(onnx_files_become_the_expected_graphs)
{
    small_files_become(read_named, files, sizeof files / sizeof *files);
}

static const char *const sentences[][2] = {
#include "onnx_sentences.def"
};

TEST(onnx_broken_files_are_answered_with_one_sentence)
{
    small_files_are_answered(read_named, FORMATS_DIR "/onnx/", sentences,
                             sizeof sentences / sizeof *sentences);
}

/* Any prefix of a file, and the file with any byte changed, is read or refused, never more. */
TEST(onnx_reader_survives_damage)
{
    static const char *const names[] = {"conv", "resize_13", "quantize_pair",
                                        "typed_lists", "external"};
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        char path[PATH_ROOM];
        CaBuffer *file = NULL;
        snprintf(path, sizeof path, "%s/onnx/%s.onnx", FORMATS_DIR, names[f]);
        CHECK_EQ(ca_file_map(&file, path, NULL), CARINA_OK);
        for (size_t i = 0; i < file->size; i++) {
            CaGraph *g = NULL;
            CaBuffer *part = ca_buffer_create(i + 1);
            memcpy(part->data, file->data, i + 1);
            part->size = i;
            if (ca_onnx_read(&g, path, part, NULL, NULL) == CARINA_OK)
                CHECK(g != NULL);
            ca_graph_free(&g);
            ca_buffer_unref(&part);
            CaBuffer *changed = ca_buffer_create(file->size);
            memcpy(changed->data, file->data, file->size);
            ((unsigned char *)changed->data)[i] ^= (unsigned char)(1u << (i % 8));
            (void)ca_onnx_read(&g, path, changed, NULL, NULL);
            ca_graph_free(&g);
            ca_buffer_unref(&changed);
        }
        ca_buffer_unref(&file);
    }
}

TEST(onnx_names_and_information_stay_visible)
{
    CaGraph *g = NULL;
    CHECK_EQ(read_named(&g, "conv", NULL), CARINA_OK);
    CHECK_STR(g->inputs[0]->name, "x");
    CHECK_STR(g->outputs[0]->name, "y");
    CaNode *conv = ca_graph_find(g, "n_Conv");
    CHECK(conv != NULL);
    CHECK_STR(conv->outputs[0].name, "y");
    ca_graph_free(&g);
    CHECK_EQ(read_named(&g, "info", NULL), CARINA_OK);
    CHECK_STR(ca_info_find(g->info, "labels"), "cat\ndog");
    CHECK_STR(ca_info_find(g->info, "producer"), "make.py");
    CHECK_STR(ca_info_find(g->info, "producer_version"), "1");
    ca_graph_free(&g);
}

/* Runs a model of one input and one output of floats; values as expected, which are all exact. */
static bool runs_to(const char *name, const float *x, const float *expected, int64_t n)
{
    CaGraph *g = NULL;
    CarinaTensor *in = NULL, *out = NULL;
    CarinaError err = {CARINA_OK, ""};
    bool good = read_named(&g, name, &err) == CARINA_OK &&
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

TEST(onnx_weights_of_every_kind_have_their_values)
{
    const float two[] = {1, 2}, sums[] = {4, -2};
    CHECK(runs_to("typed_lists", two, sums, 2)); /* x + (1.5, -2) + (1.5, -2) */
    const float zeros[6] = {0}, stored[] = {1, 2, 3, 4, 5, 6};
    CHECK(runs_to("external", zeros, stored, 6)); /* offset 4 in 0, 1, 2 ... */
    const float ones[] = {1, 1, 1, 1, 1, 1}, half[] = {-1.5f, -1, -0.5f, 0, 0.5f, 1};
    CHECK(runs_to("dequantize_weight", ones, half, 6));
    const float row[] = {1, 2, 3, -1, 0, 1}; /* 0.5 x W' + b, W and b counting -3 .. 3 */
    float gemm[8];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++) {
            gemm[i * 4 + j] = (float)(j % 7 - 3);
            for (int k = 0; k < 3; k++)
                gemm[i * 4 + j] += 0.5f * row[i * 3 + k] * (float)((j * 3 + k) % 7 - 3);
        }
    CHECK(runs_to("gemm", row, gemm, 8));
}

/* Volumes are made of operators: what ONNX Runtime reads at whole places of 0, 1, 2 ..., of which some lie outside. */
TEST(onnx_volumes_are_read_at_their_places)
{
    const float nearest[24] = {[3] = 84, [9] = 189, [16] = 294, [22] = 399},
                linear[24] = {20,  66,  63,  84,  73,  38,  125, 171, 168, 189, 178, 143,
                              230, 230, 276, 273, 294, 283, 335, 335, 381, 378, 399, 388};
    float x[2 * 2 * 3 * 5 * 7];
    for (int i = 0; i < 2 * 2 * 3 * 5 * 7; i++)
        x[i] = (float)i;
    CHECK(runs_to("grid_sample_nearest_volume", x, nearest, 24));
    CHECK(runs_to("grid_sample_volume", x, linear, 24));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Caffe reader on the small files of caffe/ (made by caffe/make.py): what becomes of each, and what is said of
 * broken ones.
 */
#include "small_files.h"
#include "test.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/caffe/caffe.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PATH_ROOM = 1024 };

typedef struct Pair {
    char text_path[PATH_ROOM], model_path[PATH_ROOM];
    CaBuffer *text, *model;
} Pair;

static CarinaStatus map_pair(Pair *p, const char *name, CarinaError *err)
{
    *p = (Pair){.text = NULL};
    snprintf(p->text_path, sizeof p->text_path, "%s/caffe/%s.prototxt", FORMATS_DIR,
             name);
    snprintf(p->model_path, sizeof p->model_path, "%s/caffe/%s.caffemodel", FORMATS_DIR,
             name);
    CA_TRY(ca_file_map(&p->text, p->text_path, err));
    return ca_file_map(&p->model, p->model_path, err);
}

static void unmap_pair(Pair *p)
{
    ca_buffer_unref(&p->text);
    ca_buffer_unref(&p->model);
}

static CarinaStatus read_named(CaGraph **out, const char *name, CarinaError *err)
{
    Pair p;
    *out = NULL;
    CarinaStatus status = map_pair(&p, name, err);
    if (status == CARINA_OK)
        status = ca_caffe_read(out, p.text_path, p.text, p.model_path, p.model, err);
    unmap_pair(&p);
    return status;
}

static const char *const files[][2] = {
#include "caffe_summaries.def"
};

TEST(caffe_files_become_the_expected_graphs)
{
    small_files_become(read_named, files, sizeof files / sizeof *files);
}

/* {file, what is said}; the folder is left out of the sentence before they are compared. */
static const char *const sentences[][2] = {
#include "caffe_sentences.def"
};

TEST(caffe_broken_files_are_answered_with_one_sentence)
{
    small_files_are_answered(read_named, FORMATS_DIR "/caffe/", sentences,
                             sizeof sentences / sizeof *sentences);
}

/* Both files as they are, but one cut at i or with a bit of byte i changed. */
static void damage(const Pair *p, bool of_text, size_t i, bool is_cut)
{
    CaGraph *g = NULL;
    const CaBuffer *from = of_text ? p->text : p->model;
    CaBuffer *now = ca_buffer_create(from->size);
    memcpy(now->data, from->data, from->size);
    if (is_cut)
        now->size = i;
    else
        ((unsigned char *)now->data)[i] ^= (unsigned char)(1u << (i % 8));
    const CarinaStatus status =
        ca_caffe_read(&g, p->text_path, of_text ? now : p->text, p->model_path,
                      of_text ? p->model : now, NULL);
    CHECK((status == CARINA_OK) == (g != NULL));
    ca_graph_free(&g);
    ca_buffer_unref(&now);
}

TEST(caffe_reader_survives_damage)
{
    static const char *const names[] = {"conv", "generation_0", "generation_1", "ssd",
                                        "weights_single"};
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        Pair p;
        CHECK_EQ(map_pair(&p, names[f], NULL), CARINA_OK);
        for (size_t i = 0; i < 2 * p.text->size; i++)
            damage(&p, true, i / 2, i % 2);
        for (size_t i = 0; i < 2 * p.model->size; i++)
            damage(&p, false, i / 2, i % 2);
        unmap_pair(&p);
    }
}

TEST(caffe_names_stay_visible)
{
    CaGraph *g = NULL;
    CHECK_EQ(read_named(&g, "in_place", NULL), CARINA_OK);
    CHECK_STR(g->name, "net");
    CHECK_STR(g->inputs[0]->name, "x");
    CHECK_EQ(g->n_outputs, 1);
    CHECK_STR(g->outputs[0]->name, "y");
    const CaNode *relu = ca_graph_find(g, "l"), *sigmoid = ca_graph_find(g, "s");
    CHECK(relu && sigmoid && ca_node_is(relu, "PReLU") && ca_node_is(sigmoid, "Sigmoid"));
    CHECK_STR(relu->outputs[0].name, "y/before/s");
    CHECK_STR(sigmoid->outputs[0].name, "y");
    ca_graph_free(&g);
}

/* Runs a model of one input and one output of floats; values to a rounding of the reference's doubles. */
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
        good =
            fabs(ca_get_real(out->type, out->data, i) - (double)expected[i]) <=
            4 * ldexp(fabs((double)expected[i]), -24); /* four roundings to f32 at most */
    carina_tensor_free(&in);
    carina_tensor_free(&out);
    ca_graph_free(&g);
    return good;
}

TEST(caffe_weights_of_every_kind_have_their_values)
{
    static const char *const names[] = {"inner_product", "weights_single",
                                        "weights_double", "weights_legacy"};
    const float x[] = {1, 2, 3, -1, 0, 1};
    float y[8];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++) {
            y[i * 4 + j] = (float)(j % 7 - 3);
            for (int k = 0; k < 3; k++)
                y[i * 4 + j] += x[i * 3 + k] * (float)((j * 3 + k) % 7 - 3);
        }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        CHECK(runs_to(names[i], x, y, 8));
}

TEST(caffe_arithmetic_has_its_values)
{
    const float two[] = {3, 4}, three[] = {0, 2, 4}, positive[] = {1, 2, 8};
    CHECK(runs_to("batch_norm", two, (float[]){1, 0.5f},
                  2)); /* (x - m / 2) / sqrt(v / 2) */
    CHECK(runs_to("scale", two, (float[]){7, 15}, 2));
    CHECK(runs_to("power", three, (float[]){1, 4, 9}, 3));
    CHECK(runs_to("exp", three, (float[]){2, 8, 32}, 3));
    CHECK(runs_to("log", positive, (float[]){0, 1, 3}, 3));
    CHECK(runs_to("eltwise", three, (float[]){0, 2, 4}, 3));
}

/* Of ones, an average is the share of a window that lies inside: padding counts, what is past it does not. */
TEST(caffe_average_counts_padding_but_no_overhang)
{
    float x[16];
    for (int i = 0; i < 16; i++)
        x[i] = 1;
    const float a = 2.0f / 3, b = 1, c = 0.5f; /* windows of 3, 3 and 2 cut by the end */
    CHECK(runs_to(
        "ave_pool_overhang", x,
        (float[]){a * a, a * b, a * c, a * b, b * b, b * c, a * c, b * c, c * c}, 9));
}

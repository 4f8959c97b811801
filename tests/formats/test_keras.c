/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Keras reader on the small files of keras/ (made by keras/make.py): what becomes of each, what numbers it
 * computes, and what is said of broken ones.
 */
#include "small_files.h"
#include "test.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/keras/keras.h"
#include "formats/reader.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

extern const CaReader ca_reader_keras;
enum { PATH_ROOM = 1024 };

static CarinaStatus map_named(CaBuffer **out, char path[PATH_ROOM], const char *name,
                              CarinaError *err)
{
    snprintf(path, PATH_ROOM, "%s/keras/%s", FORMATS_DIR, name);
    return ca_file_map(out, path, err);
}

static CarinaStatus read_named(CaGraph **out, const char *name, CarinaError *err)
{
    static const CarinaReadOptions none = {.struct_size = sizeof none};
    char path[PATH_ROOM];
    CaSource s = {.path = path, .options = &none, .err = err};
    *out = NULL;
    CA_TRY(map_named(&s.file, path, name, err));
    const CarinaStatus status =
        ca_reader_keras.match(&s) ? ca_reader_keras.read(out, &s)
                                  : ca_err(err, CARINA_ERR_FORMAT, "%s: not Keras", path);
    ca_buffer_unref(&s.file);
    return status;
}

static const char *const files[][2] = {
#include "keras_summaries.def"
};

TEST(keras_files_become_the_expected_graphs)
{
    small_files_become(read_named, files, sizeof files / sizeof *files);
}

/* {file, what is said}; the folder is left out of the sentence before they are compared. */
static const char *const sentences[][2] = {
#include "keras_sentences.def"
};

TEST(keras_broken_files_are_answered_with_one_sentence)
{
    small_files_are_answered(read_named, FORMATS_DIR "/keras/", sentences,
                             sizeof sentences / sizeof *sentences);
}

/* The file as it is, but cut at i or with a bit of byte i changed. */
static void damage(const char *path, const CaBuffer *from, size_t i, bool is_cut)
{
    CaGraph *g = NULL;
    char version[16];
    CaBuffer *now = ca_buffer_create(from->size);
    memcpy(now->data, from->data, from->size);
    if (is_cut)
        now->size = i;
    else
        ((unsigned char *)now->data)[i] ^= (unsigned char)(1u << (i % 8));
    const CarinaStatus status = ca_keras_read(&g, path, now, version, NULL);
    CHECK((status == CARINA_OK) == (g != NULL));
    ca_graph_free(&g);
    ca_buffer_unref(&now);
}

TEST(keras_reader_survives_damage)
{
    static const char *const names[] = {"dense.h5", "dense_gzip.h5",
                                        "dense_deflated.keras"};
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        char path[PATH_ROOM];
        CaBuffer *from = NULL;
        CHECK_EQ(map_named(&from, path, names[f], NULL), CARINA_OK);
        for (size_t i = 0; i < 2 * from->size; i++)
            damage(path, from, i / 2, i % 2);
        ca_buffer_unref(&from);
    }
}

TEST(keras_labels_that_people_add_are_read)
{
    static const char *const names[] = {"labels.h5", "labels.keras"};
    for (int i = 0; i < 2; i++) {
        CaGraph *g = NULL;
        CHECK_EQ(read_named(&g, names[i], NULL), CARINA_OK);
        CHECK_STR(ca_info_find(g->info, "labels"), "cat\ndog, small\nbird");
        CHECK_STR(ca_info_find(g->info, "producer"), "Keras");
        CHECK_STR(ca_info_find(g->info, "producer_version"), i ? "3.5.0" : "2.4.0");
        ca_graph_free(&g);
    }
}

TEST(keras_names_stay_visible)
{
    CaGraph *g = NULL;
    CHECK_EQ(read_named(&g, "functional.keras", NULL), CARINA_OK);
    CHECK_STR(g->name, "functional");
    CHECK_EQ(g->n_inputs, 2);
    CHECK_STR(g->inputs[0]->name, "x");
    CHECK_STR(g->inputs[1]->name, "y");
    CHECK_EQ(g->n_outputs, 2);
    CHECK_STR(g->outputs[0]->name, "bn");
    const CaNode *bn = ca_graph_find(g, "bn");
    CHECK(bn && ca_node_is(bn, "BatchNormInference"));
    CHECK(ca_graph_find(g, "both") && ca_graph_find(g, "both_1")); /* called twice */
    ca_graph_free(&g);
}

static const char *variable_of(const CaNode *n)
{
    return *(const char *const *)carina_node_attr(n, "variable_id", CARINA_ATTR_STRING);
}

static int n_assigned(const CaGraph *g, const char *variable)
{
    int n = 0;
    for (const CaNode *node = g->first; node; node = node->next)
        n += ca_node_is(node, "Assign") && strcmp(variable_of(node), variable) == 0;
    return n;
}

/* The two directions of a GRU, and the two states of an LSTM. */
TEST(keras_stateful_layers_store_what_they_begin_with)
{
    CaGraph *g = NULL;
    int n = 0;
    CHECK_EQ(read_named(&g, "stateful.keras", NULL), CARINA_OK);
    for (const CaNode *node = g->first; node; node = node->next)
        if (ca_node_is(node, "ReadValue")) {
            CHECK_EQ(n_assigned(g, variable_of(node)), 1);
            n++;
        }
    CHECK_EQ(n, 4);
    ca_graph_free(&g);
}

/* The dense layer of make.py, y = x W + b; exact in f16. */
TEST(keras_weights_of_every_kind_have_their_values)
{
    static const char *const names[] = {
        "dense.h5",      "dense_f2.h5", "dense_f8.h5",         "dense_big_f4.h5",
        "dense_gzip.h5", "dense.keras", "dense_deflated.keras"};
    const float x[] = {1, 2, 3, -1, 0, 1};
    const int64_t dims[] = {2, 3};
    const CarinaShape shape = ca_shape(2, dims);
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        CaGraph *g = NULL;
        CarinaTensor *in = NULL, *out = NULL;
        CarinaError err = {CARINA_OK, ""};
        CHECK_EQ(read_named(&g, names[f], &err), CARINA_OK);
        CHECK_EQ(carina_tensor_create(&in, CARINA_F32, &shape, &err), CARINA_OK);
        memcpy(in->data, x, sizeof x);
        ((CaParameterAttrs *)g->inputs[0]->attrs)->shape = shape;
        CHECK_EQ(ca_graph_infer(g, &err), CARINA_OK);
        const CarinaTensor *const inputs[] = {in};
        CHECK_EQ(ca_reference_run(g, &out, inputs, &err), CARINA_OK);
        for (int i = 0; i < 2; i++)
            for (int j = 0; j < 4; j++) {
                double y = j % 7 - 3;
                for (int k = 0; k < 3; k++)
                    y += (double)x[i * 3 + k] * ((j * 3 + k) % 7 - 3);
                CHECK(fabs(ca_get_real(out->type, out->data, i * 4 + j) - y) <= 0);
            }
        carina_tensor_free(&in);
        carina_tensor_free(&out);
        ca_graph_free(&g);
    }
}

/* --- Values. */

static const struct {
    const char *name;
    int n;
    const double *v;
} values[] = {
#define VALUES(name, n, ...) {name, n, (const double[]){__VA_ARGS__}},
#include "keras_values.def"
#undef VALUES
};

/* make.py's pattern() */
static CarinaTensor *pattern(const CaNode *input, CarinaError *err)
{
    const CaValue *v = &input->outputs[0];
    CarinaTensor *in = NULL;
    if (carina_tensor_create(&in, v->type, &v->shape, err) != CARINA_OK)
        return NULL;
    for (int64_t i = 0; i < ca_tensor_count(in); i++) {
        if (in->type == CARINA_I32)
            ((int32_t *)in->data)[i] = (int32_t)(i * 7 % 11 % 3);
        else
            ((float *)in->data)[i] = (float)(i * 5 % 11 - 5) / 4;
    }
    return in;
}

/* Keras computed in f32 in an order of its own. The longest chain here is of five steps of a recurrent layer, each of
 * two sums of two products and an activation, some 30 roundings in a row: 64 half ulps of the largest are above that.
 * ResizeBicubic reads its weights from a table of floats: a half ulp more for each of four taps. */
static bool has_values(const char *name, const double *want, int n)
{
    CaGraph *g = NULL;
    CarinaTensor *in = NULL, *out = NULL;
    CarinaError err = {CARINA_OK, ""};
    bool good = read_named(&g, name, &err) == CARINA_OK && g->n_inputs == 1 &&
                g->n_outputs == 1 && (in = pattern(g->inputs[0], &err));
    if (good) {
        const CarinaTensor *const inputs[] = {in};
        good = ca_reference_run(g, &out, inputs, &err) == CARINA_OK &&
               small_numbers_are(out, want, n, 64);
    }
    if (!good)
        printf("%s: %s\n", name, err.text[0] ? err.text : "other values");
    carina_tensor_free(&in);
    carina_tensor_free(&out);
    ca_graph_free(&g);
    return good;
}

TEST(keras_files_compute_what_keras_does)
{
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        CHECK(has_values(values[i].name, values[i].v, values[i].n));
}

/* How many constants are slices of the file; -1 where it is not read. */
static int n_in_file(const char *name)
{
    CaGraph *g = NULL;
    char path[PATH_ROOM], version[16];
    CaBuffer *file = NULL;
    int n = 0;
    if (map_named(&file, path, name, NULL) != CARINA_OK ||
        ca_keras_read(&g, path, file, version, NULL) != CARINA_OK ||
        strcmp(version, "2.4.0") != 0)
        n = -1;
    for (const CaNode *node = n ? NULL : g->first; node; node = node->next) {
        const CarinaTensor *t =
            ca_node_is(node, "Const") ? node->outputs[0].constant : NULL;
        if (t && (char *)t->data >= (char *)file->data &&
            (char *)t->data < (char *)file->data + file->size)
            n++;
    }
    ca_graph_free(&g);
    ca_buffer_unref(&file);
    return n;
}

TEST(large_keras_weights_are_used_where_they_lie)
{
    CHECK_EQ(n_in_file("dense_wide.h5"), 1); /* the kernel, not the bias */
    CHECK_EQ(n_in_file("dense.h5"), 0);
}

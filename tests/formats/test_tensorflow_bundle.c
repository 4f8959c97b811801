/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TensorFlow's graphs come in, on the files of tensorflow_bundle/ (made by its make.py): checkpoints, meta graphs
 * and SavedModels give what TensorFlow computed; what is said of broken ones.
 */
#include "test.h"

#include "base/crc32c.h"
#include "base/file.h"
#include "base/text.h"
#include "engine/read.h"
#include "formats/tensorflow/tf_bundle.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_ROOM = 1024, MAX_OUT = 4 };
static const char folder[] = FORMATS_DIR "/tensorflow_bundle/";

/* Names are relative to the folder, so that sentences have no other path in them. */
static const char *in_folder(char path[PATH_ROOM], const char *name)
{
    snprintf(path, PATH_ROOM, "%s", chdir(folder) == 0 ? name : "no such folder");
    return path;
}

/* --- The parts. */

TEST(crc32c_has_the_standard_value)
{
    unsigned char data[3000];
    CHECK_EQ(ca_crc32c(0, "123456789", 9), 0xe3069283u); /* RFC 3720, B.4 has more */
    memset(data, 0, 32);
    CHECK_EQ(ca_crc32c(0, data, 32), 0x8a9136aau);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7 + i / 256);
    const uint32_t whole = ca_crc32c_tables(0, data, sizeof data);
    uint32_t parts = 0; /* bit by bit */
    for (size_t i = 0; i < sizeof data; i += 100)
        parts = ca_crc32c_tables(parts, data + i, 100);
    CHECK_EQ(whole, parts);
}

TEST(crc32c_is_the_same_in_whichever_way)
{
    unsigned char data[1100];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 11 + i / 256);
    for (size_t n = 0; n + 8 < sizeof data; n++)
        CHECK_EQ(ca_crc32c((uint32_t)n, data + n % 8, n),
                 ca_crc32c_tables((uint32_t)n, data + n % 8, n));
}

static bool bundle_is(const char *prefix, const char *key, const char *part,
                      const char *expected)
{
    char path[PATH_ROOM];
    CaTfBundle *b = NULL;
    CarinaTensor *t = NULL;
    CaText text = {.limit = 4096};
    CarinaError err = {CARINA_OK, ""};
    if (ca_tf_bundle_open(&b, in_folder(path, prefix), &err) == CARINA_OK &&
        ca_tf_bundle_part(&t, b, key, part, &err) == CARINA_OK) {
        char shape[CA_SHAPE_TEXT];
        ca_text_add(&text, "%s %s", carina_type_name(t->type),
                    ca_shape_text(shape, sizeof shape, &t->shape));
        for (int64_t i = 0; i < ca_tensor_count(t); i++)
            ca_text_add(&text, " %g", ca_get_real(t->type, t->data, i));
    } else {
        ca_text_add(&text, "%s", err.text);
    }
    const int same = test_equal_text(__FILE__, __LINE__, key, text.data, expected);
    ca_text_free(&text);
    carina_tensor_free(&t);
    ca_tf_bundle_free(&b);
    return same;
}

TEST(tf_bundle_variables_have_their_values)
{
    CHECK(bundle_is("good", "x", "", "f32 [2] 1 2"));
    CHECK(bundle_is("good", "x", "2 1,1", "f32 [1] 2"));
    CHECK(bundle_is("train", "global_step", "", "i64 [] 0"));
}

/* The whole of a partitioned variable against its parts, saved ones and others. */
TEST(tf_bundle_puts_partitioned_variables_together)
{
    char path[PATH_ROOM];
    CaTfBundle *b = NULL;
    CarinaTensor *whole = NULL, *part = NULL;
    CHECK_EQ(ca_tf_bundle_open(&b, in_folder(path, "train"), NULL), CARINA_OK);
    CHECK_EQ(ca_tf_bundle_tensor(&whole, b, "dense/w", NULL), CARINA_OK);
    CHECK(whole->shape.rank == 2 && whole->shape.dims[0] == 3 &&
          whole->shape.dims[1] == 4);
    static const struct {
        const char *part;
        int row, column, rows, columns;
    } parts[] = {{"3 4 0,2:-", 0, 0, 2, 4},
                 {"3 4 2,1:-", 2, 0, 1, 4},
                 {"3 4 1,2:1,3", 1, 1, 2, 3}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        CHECK_EQ(ca_tf_bundle_part(&part, b, "dense/w", parts[i].part, NULL), CARINA_OK);
        CHECK_EQ(ca_tensor_count(part), parts[i].rows * parts[i].columns);
        for (int y = 0; y < parts[i].rows; y++)
            for (int x = 0; x < parts[i].columns; x++)
                CHECK(ca_get_real(CARINA_F32, part->data, y * parts[i].columns + x) ==
                      ca_get_real(CARINA_F32, whole->data,
                                  (parts[i].row + y) * 4 + parts[i].column + x));
        carina_tensor_free(&part);
    }
    carina_tensor_free(&whole);
    ca_tf_bundle_free(&b);
}

static const char *const sentences[][2] = {
#include "tensorflow_bundle_sentences.def"
};

TEST(tf_bundle_broken_checkpoints_are_answered_with_one_sentence)
{
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++)
        CHECK(bundle_is(sentences[i][0], "x", "", sentences[i][1]));
}

static void read_all(const CaBuffer *index, CaBuffer *const *shards)
{
    CaTfBundle *b = NULL;
    CaBuffer *copy = ca_buffer_create(index->size);
    memcpy(copy->data, index->data, index->size);
    const CarinaStatus status = ca_tf_bundle_make(&b, "damaged", copy, shards, 2, NULL);
    CHECK((status == CARINA_OK) == (b != NULL));
    for (size_t i = 0; b && ca_tf_bundle_key(b, i); i++) {
        CarinaTensor *t = NULL;
        (void)ca_tf_bundle_tensor(&t, b, ca_tf_bundle_key(b, i), NULL);
        carina_tensor_free(&t);
    }
    ca_tf_bundle_free(&b);
    ca_buffer_unref(&copy);
}

/* Each bit that the sums cover: none may go unseen, and none may do harm. */
TEST(tf_bundle_survives_damage)
{
    char path[PATH_ROOM];
    CaBuffer *index = NULL, *now = NULL, *shards[2] = {NULL, NULL};
    CHECK_EQ(ca_file_map(&index, in_folder(path, "train.index"), NULL), CARINA_OK);
    CHECK_EQ(ca_file_map(&shards[0], in_folder(path, "train.data-00000-of-00002"), NULL),
             CARINA_OK);
    CHECK_EQ(ca_file_map(&shards[1], in_folder(path, "train.data-00001-of-00002"), NULL),
             CARINA_OK);
    now = ca_buffer_create(index->size);
    for (size_t i = 0; i < index->size; i++) {
        memcpy(now->data, index->data, index->size);
        ((unsigned char *)now->data)[i] ^= (unsigned char)(1u << (i % 8));
        read_all(now, shards);
        now->size = i;
        read_all(now, shards);
        now->size = index->size;
    }
    ca_buffer_unref(&now);
    ca_buffer_unref(&index);
    ca_buffer_unref(&shards[0]);
    ca_buffer_unref(&shards[1]);
}

TEST(tf_bundle_sees_each_changed_bit_of_the_data)
{
    char path[PATH_ROOM];
    CaBuffer *index = NULL, *data = NULL;
    CHECK_EQ(ca_file_map(&index, in_folder(path, "good.index"), NULL), CARINA_OK);
    CHECK_EQ(ca_file_map(&data, in_folder(path, "good.data-00000-of-00001"), NULL),
             CARINA_OK);
    for (size_t bit = 0; bit < 8 * data->size; bit++) {
        CaTfBundle *b = NULL;
        CarinaTensor *t = NULL;
        CaBuffer *now = ca_buffer_create(data->size);
        memcpy(now->data, data->data, data->size);
        ((unsigned char *)now->data)[bit / 8] ^= (unsigned char)(1u << (bit % 8));
        CHECK_EQ(ca_tf_bundle_make(&b, "good", index, &now, 1, NULL), CARINA_OK);
        CHECK_EQ(ca_tf_bundle_tensor(&t, b, "x", NULL), CARINA_ERR_FORMAT);
        ca_tf_bundle_free(&b);
        ca_buffer_unref(&now);
    }
    ca_buffer_unref(&index);
    ca_buffer_unref(&data);
}

/* --- Models. */

typedef struct Model {
    const char *path, *checkpoint, *signature, *tags, *outputs, *freeze;
    const char *output; /* compared with NAME.y.npy, of the input NAME.x.npy; */
    const char *name;   /* or, where output is NULL, what is said */
} Model;

static const Model models[] = {
#include "tensorflow_bundle_models.def"
};

static CarinaStatus read_model(CaGraph **out, const Model *m, CarinaError *err)
{
    char path[PATH_ROOM], checkpoint[PATH_ROOM];
    const CarinaReadOptions options = {
        .struct_size = sizeof options,
        .weights = m->checkpoint ? in_folder(checkpoint, m->checkpoint) : NULL,
        .signature = m->signature,
        .tags = m->tags,
        .outputs = m->outputs,
        .freeze = m->freeze,
    };
    CaSource source = {.path = in_folder(path, m->path), .options = &options, .err = err};
    return ca_read(out, &source);
}

static int output_named(const CaGraph *g, const char *name)
{
    for (int i = 0; i < g->n_outputs; i++)
        if (strcmp(g->outputs[i]->name, name) == 0)
            return i;
    return -1;
}

static CarinaStatus read_npy(CarinaTensor **out, const char *name, const char *end)
{
    char path[PATH_ROOM], file[PATH_ROOM / 4];
    snprintf(file, sizeof file, "%s.%s.npy", name, end);
    return carina_tensor_read_npy(out, in_folder(path, file), NULL);
}

/* Both computed in f32 by sums of at most 64 terms, through at most four layers: each rounds by 2^-24 of its sum. */
static const double tolerance = 4 * 64 * 0x1p-24;

static bool gives(CaGraph *g, const Model *m)
{
    CarinaTensor *x = NULL, *want = NULL, *out[MAX_OUT] = {NULL};
    const int which = output_named(g, m->output);
    double largest = 0;
    bool good = which >= 0 && g->n_outputs <= MAX_OUT && g->n_inputs == 1 &&
                read_npy(&x, m->name, "x") == CARINA_OK &&
                read_npy(&want, m->name, "y") == CARINA_OK;
    if (good) {
        CaParameterAttrs *p = g->inputs[0]->attrs;
        p->shape = x->shape; /* the batch may be open */
        const CarinaTensor *const inputs[] = {x};
        good = ca_graph_infer(g, NULL) == CARINA_OK &&
               ca_reference_run(g, out, inputs, NULL) == CARINA_OK &&
               ca_shape_equal(&out[which]->shape, &want->shape);
    }
    for (int64_t i = 0; good && i < ca_tensor_count(want); i++)
        largest = fmax(largest, fabs(ca_get_real(CARINA_F32, want->data, i)));
    for (int64_t i = 0; good && i < ca_tensor_count(want); i++)
        good = fabs(ca_get_real(CARINA_F32, out[which]->data, i) -
                    ca_get_real(CARINA_F32, want->data, i)) <= tolerance * largest;
    for (int i = 0; i < MAX_OUT; i++)
        carina_tensor_free(&out[i]);
    carina_tensor_free(&want);
    carina_tensor_free(&x);
    return good;
}

TEST(tf_models_give_what_tensorflow_gave)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const Model *m = &models[i];
        CaGraph *g = NULL;
        CarinaError err = {CARINA_OK, ""};
        const CarinaStatus status = read_model(&g, m, &err);
        if (!m->output) {
            CHECK(status != CARINA_OK && g == NULL);
            CHECK_STR(err.text, m->name);
            continue;
        }
        CHECK_STR(err.text, "");
        const bool good = gives(g, m);
        ca_graph_free(&g);
        CHECK_STR(good ? "" : m->path, "");
    }
}

/* A cut or changed model is refused or read; nothing else happens. */
TEST(tf_containers_survive_damage)
{
    static const char *const names[] = {"functional_if.pb", "objects_graph.pb",
                                        "module/saved_model.pb"};
    char path[PATH_ROOM], scratch[PATH_ROOM];
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        CaBuffer *file = NULL;
        CHECK_EQ(ca_file_map(&file, in_folder(path, names[f]), NULL), CARINA_OK);
        snprintf(scratch, sizeof scratch, "%s/tf_damaged.pb", SCRATCH_DIR);
        for (size_t i = 0; i < file->size; i += 1 + file->size / 1000) {
            FILE *out = fopen(scratch, "wb");
            CHECK(out && fwrite(file->data, 1, file->size, out) == file->size);
            CHECK(fseek(out, (long)i, SEEK_SET) == 0);
            fputc(((const unsigned char *)file->data)[i] ^ (1 << (i % 8)), out);
            CHECK(fclose(out) == 0);
            const CarinaReadOptions options = {.struct_size = sizeof options};
            CaSource source = {.path = scratch, .options = &options};
            CaGraph *g = NULL;
            const CarinaStatus status = ca_read(&g, &source);
            CHECK((status == CARINA_OK) == (g != NULL));
            ca_graph_free(&g);
        }
        ca_buffer_unref(&file);
        remove(scratch);
    }
}

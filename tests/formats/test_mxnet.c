/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The MXNet reader on the small files of mxnet/ (made by mxnet/make.py): what becomes of each, that it computes what
 * MXNet does, and what is said of broken ones.
 */
#include "small_files.h"
#include "test.h"

#include "base/file.h"
#include "base/text.h"
#include "formats/mxnet/mxnet.h"
#include "formats/mxnet/mxnet_symbol.h"
#include "formats/reader.h"
#include "graph/op.h"

#include <stdio.h>
#include <string.h>

enum { PATH_ROOM = 1024 };
extern const CaReader ca_reader_mxnet;

static CarinaStatus read_path(CaGraph **out, const char *path,
                              const CarinaReadOptions *options, char format[64],
                              CarinaError *err)
{
    static const CarinaReadOptions none = {.struct_size = sizeof none};
    CaSource s = {.path = path, .options = options ? options : &none, .err = err};
    *out = NULL;
    CA_TRY(ca_file_map(&s.file, path, err));
    const CarinaStatus status = ca_reader_mxnet.read(out, &s);
    ca_buffer_unref(&s.file);
    memcpy(format, s.format, 64);
    return status;
}

/* "conv", or "conv|-0000.params" for its other file. */
static CarinaStatus read_named(CaGraph **out, const char *name, CarinaError *err)
{
    char path[PATH_ROOM], format[64];
    const char *bar = strchr(name, '|');
    snprintf(path, sizeof path, "%s/mxnet/%.*s%s", FORMATS_DIR,
             (int)(bar ? bar - name : (long)strlen(name)), name,
             bar ? bar + 1 : "-symbol.json");
    return read_path(out, path, NULL, format, err);
}

static const char *const files[][2] = {
#include "mxnet_summaries.def"
};

TEST(mxnet_files_become_the_expected_graphs)
{
    small_files_become(read_named, files, sizeof files / sizeof *files);
}

/* --- Values. */

static const struct {
    const char *name;
    int n;
    const double *v;
} values[] = {
#define VALUES(name, n, ...) {name, n, (const double[]){__VA_ARGS__}},
#include "mxnet_values.def"
#undef VALUES
};

static bool run(CaGraph *g, CarinaTensor **out, CarinaError *err)
{
    CarinaTensor *in = NULL;
    if (g->n_inputs != 1 || g->n_outputs < 1 || g->n_outputs > 4 ||
        carina_tensor_create(&in, CARINA_F32, &g->inputs[0]->outputs[0].shape, err) !=
            CARINA_OK)
        return false;
    for (int64_t i = 0; i < ca_tensor_count(in); i++)
        ((float *)in->data)[i] = (float)(i * 5 % 11 - 5) / 4;
    const CarinaTensor *const inputs[] = {in};
    CarinaTensor *outputs[4] = {NULL};
    const bool good = ca_reference_run(g, outputs, inputs, err) == CARINA_OK;
    for (int i = 1; i < 4; i++)
        carina_tensor_free(&outputs[i]);
    carina_tensor_free(&in);
    *out = outputs[0];
    return good;
}

/* MXNet computed in f32 in an order of its own. The longest sum here is of 2 x 3 x 3 products below 2 in size, or
 * some 20 roundings in a row in the recurrent ones: 64 half ulps of the largest result is above all of them. */
static bool has_values(const char *name, const double *want, int n)
{
    CaGraph *g = NULL;
    CarinaTensor *out = NULL;
    CarinaError err = {CARINA_OK, ""};
    bool good = read_named(&g, name, &err) == CARINA_OK && run(g, &out, &err) &&
                small_numbers_are(out, want, n, 64);
    if (!good)
        printf("%s: %s\n", name, err.text[0] ? err.text : "other values");
    carina_tensor_free(&out);
    ca_graph_free(&g);
    return good;
}

TEST(mxnet_files_compute_what_mxnet_does)
{
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        CHECK(has_values(values[i].name, values[i].v, values[i].n));
}

/* --- Sentences. */

/* {file, what is said}; the folder is left out of the sentence before they are compared. */
static const char *const sentences[][2] = {
#include "mxnet_sentences.def"
};

TEST(mxnet_broken_files_are_answered_with_one_sentence)
{
    small_files_are_answered(read_named, FORMATS_DIR "/mxnet/", sentences,
                             sizeof sentences / sizeof *sentences);
}

/* --- Damage. */

typedef struct Pair {
    char symbol_path[PATH_ROOM], params_path[PATH_ROOM];
    CaBuffer *symbol, *params;
} Pair;

static CarinaStatus map_pair(Pair *p, const char *name)
{
    *p = (Pair){.symbol = NULL};
    snprintf(p->symbol_path, PATH_ROOM, "%s/mxnet/%s-symbol.json", FORMATS_DIR, name);
    snprintf(p->params_path, PATH_ROOM, "%s/mxnet/%s-0000.params", FORMATS_DIR, name);
    CA_TRY(ca_file_map(&p->symbol, p->symbol_path, NULL));
    return ca_file_map(&p->params, p->params_path, NULL);
}

/* Both files as they are, but one cut at i or with a bit of byte i changed. */
static void damage(const Pair *p, bool of_symbol, size_t i, bool is_cut)
{
    static const CarinaReadOptions none = {.struct_size = sizeof none};
    const CaBuffer *from = of_symbol ? p->symbol : p->params;
    CaBuffer *now = ca_buffer_create(from->size);
    CaGraph *g = NULL;
    int64_t version = 0;
    memcpy(now->data, from->data, from->size);
    if (is_cut)
        now->size = i;
    else
        ((unsigned char *)now->data)[i] ^= (unsigned char)(1u << (i % 8));
    const CaMxnetFile symbol = {p->symbol_path, of_symbol ? now : p->symbol},
                      params = {p->params_path, of_symbol ? p->params : now};
    const CarinaStatus status =
        ca_mxnet_read(&g, &symbol, &params, 1, &none, NULL, &version, NULL);
    CHECK((status == CARINA_OK) == (g != NULL));
    ca_graph_free(&g);
    ca_buffer_unref(&now);
}

TEST(mxnet_reader_survives_damage)
{
    static const char *const names[] = {"conv", "attr_0_9", "gru", "reshape_codes",
                                        "zero_state"};
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        Pair p;
        CHECK_EQ(map_pair(&p, names[f]), CARINA_OK);
        for (size_t i = 0; i < 2 * p.symbol->size; i++)
            damage(&p, true, i / 2, i % 2);
        for (size_t i = 0; i < 2 * p.params->size; i++)
            damage(&p, false, i / 2, i % 2);
        ca_buffer_unref(&p.symbol);
        ca_buffer_unref(&p.params);
    }
}

/* --- Names, pairs, options. */

TEST(mxnet_names_stay_visible)
{
    CaGraph *g = NULL;
    CHECK_EQ(read_named(&g, "attrs_v1", NULL), CARINA_OK);
    CHECK_STR(g->name, "attrs_v1");
    CHECK_EQ(g->n_inputs, 1);
    CHECK_STR(g->inputs[0]->name, "x");
    CHECK_EQ(g->n_outputs, 1);
    CHECK_STR(g->outputs[0]->name, "softmax");
    const CaNode *c = ca_graph_find(g, "c");
    CHECK(c && ca_node_is(c, "Add"));
    CHECK_STR(c->outputs[0].name, "c_output");
    ca_graph_free(&g);
}

TEST(mxnet_either_file_of_the_pair_is_enough)
{
    CaGraph *g = NULL;
    CHECK_EQ(read_named(&g, "conv|-0000.params", NULL), CARINA_OK);
    CHECK(g && g->n_inputs == 1 && strcmp(g->name, "conv") == 0);
    ca_graph_free(&g);
}

TEST(mxnet_versions_are_told)
{
    CaGraph *g = NULL;
    char path[PATH_ROOM], format[64] = "";
    snprintf(path, sizeof path, "%s/mxnet/conv-symbol.json", FORMATS_DIR);
    CHECK_EQ(read_path(&g, path, NULL, format, NULL), CARINA_OK);
    CHECK_STR(format, "MXNet 1.9.1");
    ca_graph_free(&g);
    snprintf(path, sizeof path, "%s/mxnet/param_0_8-symbol.json", FORMATS_DIR);
    CHECK_EQ(read_path(&g, path, NULL, format, NULL), CARINA_OK);
    CHECK_STR(format, "MXNet");
    ca_graph_free(&g);
}

TEST(mxnet_input_shapes_are_as_the_caller_says)
{
    CaGraph *g = NULL;
    char path[PATH_ROOM], format[64];
    const int64_t dims[] = {1, 2, 7, 9};
    const CarinaReadInput in = {"data", ca_shape(4, dims)};
    const CarinaReadOptions options = {
        .struct_size = sizeof options, .n_inputs = 1, .inputs = &in};
    snprintf(path, sizeof path, "%s/mxnet/derived_shape-symbol.json", FORMATS_DIR);
    CHECK_EQ(read_path(&g, path, &options, format, NULL), CARINA_OK);
    CHECK(ca_shape_equal(&g->inputs[0]->outputs[0].shape, &in.shape));
    ca_graph_free(&g);
}

static bool ends_at(const char *outputs, const char *want)
{
    CaGraph *g = NULL;
    CarinaError err = {CARINA_OK, ""};
    CaText text = {.limit = 4096};
    char path[PATH_ROOM], format[64];
    const CarinaReadOptions options = {.struct_size = sizeof options, .outputs = outputs};
    snprintf(path, sizeof path, "%s/mxnet/split-symbol.json", FORMATS_DIR);
    if (read_path(&g, path, &options, format, &err) == CARINA_OK)
        small_file_summary(&text, g);
    else
        ca_text_add(&text, "%s", strrchr(err.text, '/') + 1);
    ca_graph_free(&g);
    const bool same = strcmp(text.data, want) == 0;
    if (!same)
        printf("%s: %s\n", outputs, text.data);
    ca_text_free(&text);
    return same;
}

TEST(mxnet_networks_end_where_the_caller_says)
{
    CHECK(ends_at("part:1", "Split -> [1, 1, 2, 3]"));
    CHECK(ends_at("part_output0,part_output2", "Split -> [1, 1, 2, 3] [1, 1, 2, 3]"));
    CHECK(ends_at("y_output", "Split Concat -> [1, 2, 2, 3]"));
    CHECK(ends_at("z", "split-symbol.json: no node 'z' to end at; correct the name"));
    CHECK(ends_at("part:7",
                  "split-symbol.json: output 7 of 'part' (SliceChannel) is an "
                  "output of the network, which Carina does not compute; export "
                  "for inference"));
}

TEST(mxnet_missing_prefix_is_answered)
{
    CaGraph *g = NULL;
    CarinaError err = {CARINA_OK, ""};
    char path[PATH_ROOM], format[64];
    const CarinaReadOptions options = {.struct_size = sizeof options, .prefix = "tuned"};
    snprintf(path, sizeof path, "%s/mxnet/conv-symbol.json", FORMATS_DIR);
    CHECK_EQ(read_path(&g, path, &options, format, &err), CARINA_ERR_FILE);
    CHECK(strstr(err.text, "neither tuned_args.nd nor tuned_auxs.nd is beside it"));
}

TEST(mxnet_lists_of_numbers_are_read_in_every_spelling)
{
    int64_t v[4];
    CHECK_EQ(ca_mxnet_ints("(3, 4)", v, 4, 0), 2);
    CHECK(v[0] == 3 && v[1] == 4);
    CHECK_EQ(ca_mxnet_ints("[3,4]", v, 4, 0), 2);
    CHECK_EQ(ca_mxnet_ints("(2L, 3L)", v, 4, 0), 2);
    CHECK(v[0] == 2 && v[1] == 3);
    CHECK_EQ(ca_mxnet_ints("7", v, 4, 0), 1);
    CHECK_EQ(ca_mxnet_ints("()", v, 4, 0), 0);
    CHECK_EQ(ca_mxnet_ints("(1,)", v, 4, 0), 1);
    CHECK_EQ(ca_mxnet_ints("((1, 2), (3, 4))", v, 4, 0), 4);
    CHECK_EQ(ca_mxnet_ints("(None, 1)", v, 4, -9), 2);
    CHECK_EQ(v[0], -9);
    CHECK_EQ(ca_mxnet_ints("(1, 2, 3, 4, 5)", v, 4, 0), -1);
    CHECK_EQ(ca_mxnet_ints("(1; 2)", v, 4, 0), -1);
    CHECK_EQ(ca_mxnet_ints("9999999999999999999", v, 4, 0), -1);
}

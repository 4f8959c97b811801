/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR of versions 2 to 7, on the small files of ir_legacy/ (what each becomes: test_ir.c): no layer is without one, and
 * what is made of many operators computes what the Inference Engine did.
 */
#include "small_files.h"
#include "test.h"

#include "base/file.h"
#include "graph/op.h"
#include "ir/ir.h"
#include "ir/ir_legacy.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* --- Every layer. */

static const char *const listed[] = {
#define LAYER(type) #type,
#include "ir_legacy_layers.def"
#undef LAYER
};

/* The text of all files that are read, in one. */
static char *all_files(void)
{
    CaText t = {.limit = 1 << 24};
    DIR *dir = opendir(FORMATS_DIR "/ir_legacy");
    for (const struct dirent *d; dir && (d = readdir(dir));) {
        char path[1024];
        CaBuffer *b = NULL;
        const size_t n = strlen(d->d_name);
        if (n < 4 || strcmp(d->d_name + n - 4, ".xml") != 0 ||
            strncmp(d->d_name, "bad_", 4) == 0)
            continue;
        snprintf(path, sizeof path, FORMATS_DIR "/ir_legacy/%s", d->d_name);
        if (ca_file_map(&b, path, NULL) == CARINA_OK)
            ca_text_add_n(&t, (const char *)b->data, b->size);
        ca_buffer_unref(&b);
    }
    if (dir)
        closedir(dir);
    return t.data;
}

static bool has_layer(const char *files, const char *type)
{
    const size_t n = strlen(type);
    for (const char *p = files; (p = strstr(p, " type=\"")); p++) {
        char name[128] = "";
        const char *from = p + strlen(" type=\"");
        snprintf(name, sizeof name, "%.*s", (int)strcspn(from, "\""), from);
        if (strlen(name) == n && ca_text_equal_nocase(name, type))
            return true;
    }
    return false;
}

static bool is_refused(const char *type)
{
    static const char *const types[] = {
#define LEGACY_REFUSED(type, why) type,
#include "ir/ir_legacy_refused.def"
#undef LEGACY_REFUSED
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i], type) == 0)
            return true;
    return false;
}

TEST(every_layer_of_old_versions_has_a_file_that_is_read)
{
    static const CaLegacyOp *const tables[] = {
        ca_legacy_ports,    ca_legacy_nn,     ca_legacy_math,
        ca_legacy_moves,    ca_legacy_detect, ca_legacy_regions,
        ca_legacy_sampling, ca_legacy_rnn,    ca_legacy_body};
    char *files = all_files();
    int n = 0, n_bad = 0;
    CHECK(files);
    for (size_t i = 0; i < sizeof listed / sizeof *listed; i++, n++)
        if (!has_layer(files, listed[i])) {
            printf("ir_legacy/ has no file with a layer %s\n", listed[i]);
            n_bad++;
        }
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (const CaLegacyOp *op = tables[t]; op->type; op++)
            if (!is_refused(op->type) && !has_layer(files, op->type)) {
                printf("ir_legacy/ has no file with a layer %s, which is read\n",
                       op->type);
                n_bad++;
            }
    CHECK(n >= 90);
    CHECK_EQ(n_bad, 0);
    ca_free(files);
}

/* --- Values. */

/* Input k holds scale[k] * (5 i mod 11 - 5) / 4; one of three numbers is height, width and scale of an image. */
static const struct {
    const char *name;
    double scale[3];
    int n;
    const double *v;
} values[] = {
#define VALUES(name, s0, s1, s2, n, ...) \
    {name, {s0, s1, s2}, n, (const double[]){__VA_ARGS__}},
#include "ir_legacy_values.def"
#undef VALUES
};

static void fill(CarinaTensor *t, double scale)
{
    static const double image[] = {40, 60, 1};
    const int64_t n = ca_tensor_count(t);
    for (int64_t i = 0; i < n; i++)
        ca_put_real(t->type, t->data, i,
                    n == 3 ? image[i] : scale * (double)(5 * i % 11 - 5) / 4);
}

static bool gives(const char *name, const double scale[3], const double *want, int n)
{
    char path[1024];
    CaBuffer *xml = NULL;
    CaGraph *g = NULL;
    CarinaTensor *in[3] = {NULL}, *out = NULL;
    int version = 0;
    snprintf(path, sizeof path, FORMATS_DIR "/ir_legacy/%s.xml", name);
    bool good = ca_file_map(&xml, path, NULL) == CARINA_OK &&
                ca_ir_read(&g, path, xml, NULL, &version, NULL) == CARINA_OK &&
                g->n_inputs <= 3 && g->n_outputs == 1;
    for (int k = 0; good && k < g->n_inputs; k++) {
        good = carina_tensor_create(&in[k], CARINA_F32, &g->inputs[k]->outputs[0].shape,
                                    NULL) == CARINA_OK;
        if (good)
            fill(in[k], scale[k]);
    }
    good =
        good &&
        ca_reference_run(g, &out, (const CarinaTensor *const *)in, NULL) == CARINA_OK &&
        small_numbers_are(out, want, n, 64); /* some 30 operators, each rounds */
    for (int k = 0; k < 3; k++)
        carina_tensor_free(&in[k]);
    carina_tensor_free(&out);
    ca_graph_free(&g);
    ca_buffer_unref(&xml);
    return good;
}

TEST(regions_and_transformers_of_old_versions_have_their_values)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const bool good =
            gives(values[i].name, values[i].scale, values[i].v, values[i].n);
        if (!good)
            printf("%s: other values\n", values[i].name);
        CHECK(good);
    }
}

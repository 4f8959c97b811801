/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IR files: each ir/NAME.xml gives the graph of NAME.graph or the sentence of NAME.error ('*' stands for any
 * characters); what is written reads back as the same graph.
 */
#include "base/file.h"
#include "graph/shape.h"
#include "ir/ir.h"
#include "test.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEM SCRATCH_DIR "/ir_written"

/* The file as text that ends with 0, or NULL. */
static char *slurp(const char *path)
{
    CaBuffer *b = NULL;
    if (access(path, R_OK) != 0 || ca_file_map(&b, path, NULL) != CARINA_OK)
        return NULL;
    char *text = ca_alloc(b->size + 1);
    memcpy(text, b->data, b->size);
    ca_buffer_unref(&b);
    return text;
}

/* stem.xml, with stem.bin where there is one; label speaks in messages. */
static CarinaStatus read_stem(CaGraph **graph, const char *stem, const char *label,
                              CarinaError *err)
{
    char path[1024];
    CaBuffer *xml = NULL, *bin = NULL;
    int version = 0;
    *graph = NULL;
    snprintf(path, sizeof path, "%s.bin", stem);
    if (access(path, R_OK) == 0)
        (void)ca_file_map(&bin, path, NULL);
    snprintf(path, sizeof path, "%s.xml", stem);
    CarinaStatus status = ca_file_map(&xml, path, err);
    if (status == CARINA_OK)
        status = ca_ir_read(graph, label, xml, bin, &version, err);
    ca_buffer_unref(&xml);
    ca_buffer_unref(&bin);
    return status;
}

static bool matches(const char *pattern, const char *text)
{
    for (; *pattern && *pattern != '*'; pattern++, text++)
        if (*pattern != *text)
            return false;
    if (!*pattern)
        return !*text;
    for (; *text; text++)
        if (matches(pattern + 1, text))
            return true;
    return matches(pattern + 1, text);
}

static void cut_line(char *text)
{
    const size_t n = strlen(text);
    if (n && text[n - 1] == '\n')
        text[n - 1] = 0;
}

static bool is_xml(const char *name)
{
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".xml") == 0;
}

/* Returns whether NAME of the folder gave what is beside it. */
static bool as_expected(const char *folder, const char *file)
{
    char stem[512], path[600];
    CaGraph *graph = NULL;
    CarinaError e = {0};
    CaText text = {.limit = 1 << 20};
    snprintf(stem, sizeof stem, "%s/%.*s", folder, (int)strlen(file) - 4, file);
    snprintf(path, sizeof path, "%s.graph", stem);
    char *expected = slurp(path);
    const bool good = expected;
    if (!expected) {
        snprintf(path, sizeof path, "%s.error", stem);
        expected = slurp(path);
    }
    const CarinaStatus status = read_stem(&graph, stem, file, &e);
    if (graph)
        ca_ir_text(&text, graph);
    if (expected && !good)
        cut_line(expected);
    const char *seen = status == CARINA_OK ? (text.data ? text.data : "") : e.text;
    const bool same = expected && (status == CARINA_OK) == good &&
                      (good ? strcmp(expected, seen) == 0 : matches(expected, seen)) &&
                      (status == CARINA_OK) == (graph != NULL);
    if (!same)
        printf("%s: expected\n%s\nseen\n%s\n", file, expected ? expected : "(no file)",
               seen);
    ca_graph_free(&graph);
    ca_text_free(&text);
    ca_free(expected);
    return same;
}

/* All files of a folder; returns how many there were. */
static int check_folder(const char *folder, int *n_bad)
{
    DIR *dir = opendir(folder);
    int n = 0;
    for (const struct dirent *d; dir && (d = readdir(dir));)
        if (is_xml(d->d_name)) {
            n++;
            *n_bad += !as_expected(folder, d->d_name);
        }
    if (dir)
        closedir(dir);
    return n;
}

TEST(each_small_ir_gives_its_graph_or_its_error)
{
    int n_bad = 0;
    CHECK(check_folder(FORMATS_DIR "/ir", &n_bad) >= 30);
    CHECK_EQ(n_bad, 0);
}

TEST(each_small_ir_before_version_10_gives_its_graph_or_its_error)
{
    int n_bad = 0;
    CHECK(check_folder(FORMATS_DIR "/ir_legacy", &n_bad) >= 180);
    CHECK_EQ(n_bad, 0);
}

/* --- Round trips. */

static char *text_of(const CaGraph *graph)
{
    CaText t = {.limit = 1 << 26};
    ca_ir_text(&t, graph);
    return t.failed ? NULL : t.data;
}

static bool same_file(const char *a, const char *b)
{
    char *x = slurp(a), *y = slurp(b);
    const bool same = x && y && strcmp(x, y) == 0;
    ca_free(x);
    ca_free(y);
    return same;
}

/* Read, written, read: an equal graph. Written again: an equal file. */
static bool round_trips(const char *stem, int version)
{
    CaGraph *first = NULL, *second = NULL;
    CarinaError e = {0};
    char *a = NULL, *b = NULL;
    bool good = read_stem(&first, stem, stem, &e) == CARINA_OK &&
                ca_ir_write(first, STEM, version, false, &e) == CARINA_OK &&
                read_stem(&second, STEM, STEM, &e) == CARINA_OK &&
                ca_ir_write(second, STEM "2", version, false, &e) == CARINA_OK;
    if (good) {
        a = text_of(first);
        b = text_of(second);
        good = a && b && strcmp(a, b) == 0 && same_file(STEM ".xml", STEM "2.xml") &&
               ca_text_equal(first->name, second->name);
    }
    if (!good)
        printf("%s as v%d: %s\n%s\n%s\n", stem, version, e.text, a ? a : "", b ? b : "");
    ca_graph_free(&first);
    ca_graph_free(&second);
    ca_free(a);
    ca_free(b);
    return good;
}

TEST(what_is_written_reads_back_equal)
{
    static const char *const stems[] = {
        "add",         "order",        "unaligned",       "info",
        "dynamic",     "nibbles2023",  "nibbles2024",     "loop",
        "loop_nested", "loop_by_data", "tensor_iterator", "if_known",
        "if_by_data",  "state_opset3", "state_opset6"};
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
        char stem[512];
        snprintf(stem, sizeof stem, FORMATS_DIR "/ir/%s", stems[i]);
        CHECK(round_trips(stem, 10));
        CHECK(round_trips(stem, 11));
    }
}

/* Has version 10 all operators that the file becomes? */
static bool fits_version_10(const char *stem)
{
    CaGraph *g = NULL;
    bool fits = read_stem(&g, stem, stem, NULL) == CARINA_OK;
    if (fits)
        CA_EACH_NODE(n, g)
            fits = fits && !ca_node_is(n, "GridSample");
    ca_graph_free(&g);
    return fits;
}

TEST(what_was_read_from_older_versions_reads_back_equal)
{
    DIR *dir = opendir(FORMATS_DIR "/ir_legacy");
    int n = 0, n_newer = 0;
    CHECK(dir);
    for (const struct dirent *d; (d = readdir(dir));) {
        char stem[512];
        if (!is_xml(d->d_name) || strncmp(d->d_name, "bad_", 4) == 0)
            continue;
        snprintf(stem, sizeof stem, FORMATS_DIR "/ir_legacy/%.*s",
                 (int)strlen(d->d_name) - 4, d->d_name);
        if (fits_version_10(stem))
            CHECK(round_trips(stem, 10));
        else
            n_newer++;
        CHECK(round_trips(stem, 11));
        n++;
    }
    closedir(dir);
    CHECK(n >= 190);
    CHECK_EQ(n_newer, 2); /* spatial transformers */
}

TEST(real_models_read_back_equal)
{
    static const char *const stems[] = {
        "SampLeNet_IRv10_FP32/SampLeNet",
        "squeezenet1.1_IRv6_FP16/squeezenet1.1",
        "face-detection-retail-0004_IRv11_FP16/face-detection-retail-0004",
        "landmarks-regression-retail-0009/FP16-INT8/landmarks-regression-retail-0009",
        "landmarks-regression-retail-0009/FP16/landmarks-regression-retail-0009",
        "landmarks-regression-retail-0009/FP32/landmarks-regression-retail-0009"};
    if (access(ASSETS_DIR "/models/openvino", R_OK) != 0)
        SKIP("no models in ../shared/assets");
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
        char stem[512];
        snprintf(stem, sizeof stem, ASSETS_DIR "/models/openvino/%s", stems[i]);
        CaGraph *graph = NULL;
        CarinaError e = {0};
        const CarinaStatus status = read_stem(&graph, stem, stems[i], &e);
        ca_graph_free(&graph);
        if (status == CARINA_ERR_UNSUPPORTED) {
            test_skip(e.text);
            continue;
        }
        CHECK(round_trips(stem, 10));
        CHECK(round_trips(stem, 11));
    }
}

/* New labels take the place of the old ones, beside what else the Model API wrote; those that its form cannot hold
 * come back in full. */
TEST(labels_are_written_as_the_model_api_reads_them)
{
    static const char *const all[][2] = {
        {"a big cat\ndog, small", "<labels value=\"a_big_cat dog,_small\"/>"},
        {"a_b\n\nc  d", "<labels value=\"a_b _ c__d\"/>"},
    };
    for (int i = 0; i < 2; i++) {
        CaGraph *g = NULL;
        CaBuffer *xml = NULL;
        CHECK_STATUS(read_stem(&g, FORMATS_DIR "/ir/info", "info", NULL), CARINA_OK);
        ca_graph_set_info(g, "labels", all[i][0]);
        CHECK_STATUS(ca_ir_write(g, STEM, 11, false, NULL), CARINA_OK);
        ca_graph_free(&g);
        CHECK_STATUS(ca_file_map(&xml, STEM ".xml", NULL), CARINA_OK);
        CaText text = {.limit = 1 << 20};
        ca_text_add_n(&text, (const char *)xml->data, xml->size);
        ca_buffer_unref(&xml);
        CHECK(strstr(text.data, all[i][1]) != NULL);
        CHECK(strstr(text.data, "<model_type value=\"Classification\"/>") != NULL);
        CHECK(strstr(strstr(text.data, "<labels ") + 1, "<labels ") == NULL);
        CHECK((strstr(text.data, "name=\"labels\"") != NULL) == (i == 1));
        ca_text_free(&text);
        CHECK_STATUS(read_stem(&g, STEM, "info", NULL), CARINA_OK);
        CHECK_STR(ca_info_find(g->info, "labels"), all[i][0]);
        ca_graph_free(&g);
    }
}

TEST(rt_info_names_and_labels_are_kept)
{
    for (int version = 10; version <= 11; version++) {
        CaGraph *g = NULL;
        CarinaError e = {0};
        CHECK_STATUS(read_stem(&g, FORMATS_DIR "/ir/info", "info", &e), CARINA_OK);
        ca_graph_set_info(g, "carina's", "a \"b\" <c>");
        CHECK_STR(ca_info_find(g->info, "producer"), "OpenVINO");
        CHECK_STR(ca_info_find(g->info, "producer_version"), "2024.1.0");
        CHECK_STATUS(ca_ir_write(g, STEM, version, false, &e), CARINA_OK);
        ca_graph_free(&g);
        CHECK_STATUS(read_stem(&g, STEM, "info", &e), CARINA_OK);
        CHECK_STR(ca_info_find(g->info, "labels"), "cat\nsmall dog");
        CHECK_STR(ca_info_find(g->info, "carina's"), "a \"b\" <c>");
        if (version == 11) {
            CHECK_STR(g->inputs[0]->outputs[0].name, "in\\,put,x");
            CHECK_STR(ca_info_find(g->outputs[0]->info, "output_names"), "o");
            CHECK_STR(ca_info_find(ca_graph_find(g, "y")->info, "rt_info.fused_names"),
                      "version=\"0\" value=\"a, &lt;b&gt;\"");
        }
        ca_graph_free(&g);
    }
}

/* --- Text. */

static const char *const small_graph =
    "x = Parameter-1() : f32 [1, 4]\n"
    "\"a b\" = Const-1() : f32 [4] {0, 0.1, 65504, -3}\n"
    "big = Const-1() : f32 [1, 4] {70000, -1e+30, 1e-08, nan}\n"
    "y = Add-1(x, \"a b\") : f32 [1, 4]\n"
    "z = Add-1(y, big) : f32 [1, 4]\n"
    "r = Result-1(z)\n";

TEST(text_prints_as_it_was_parsed)
{
    CaGraph *g = NULL;
    CarinaError e = {0};
    if (ca_ir_parse(&g, "small", small_graph, &e) != CARINA_OK)
        printf("%s\n", e.text);
    CHECK(g);
    char *text = text_of(g);
    CHECK_STR(text, small_graph);
    ca_free(text);
    ca_graph_free(&g);
}

TEST(text_keeps_attributes_and_ports)
{
    static const char *const graph =
        "x = Parameter-1() : f32 [1, 2, ?, 8]\n"
        "w = Const-1() : f32 [1, 2, 1, 1] {0.5, 2}\n"
        "lengths = Const-1() : i64 [2] {3, 5}\n"
        "axis = Const-1() : i64 [] {3}\n"
        "c = Convolution-1(x, w) strides=[1, 2] dilations=[1, 1] pads_begin=[0, 1] "
        "pads_end=[0, 1] : f32 [1, 1, ?, 5]\n"
        "m = Clamp-1(x) min=-1.5 max=6 : f32 [1, 2, ?, 8]\n"
        "s = VariadicSplit-1(m, axis, lengths) : f32 [1, 2, ?, 3], f32 [1, 2, ?, 5]\n"
        "g = Gelu-7(s:1) approximation_mode=\"TANH\" : f32 [1, 2, ?, 5]\n"
        "r = Result-1(c)\n"
        "q = Result-1(g)\n";
    CaGraph *g = NULL;
    CarinaError e = {0};
    if (ca_ir_parse(&g, "small", graph, &e) != CARINA_OK)
        printf("%s\n", e.text);
    CHECK(g);
    char *text = text_of(g);
    CHECK_STR(text, graph);
    ca_free(text);
    CaGraph *back = NULL;
    CHECK_STATUS(ca_ir_write(g, STEM, 11, true, &e), CARINA_OK);
    CHECK_STATUS(read_stem(&back, STEM, STEM, &e), CARINA_OK);
    CHECK(ca_node_is(ca_graph_find(back, "w"), "Convert"));
    CHECK(ca_node_is(ca_graph_find(back, "lengths"), "Const"));
    ca_graph_free(&back);
    ca_graph_free(&g);
}

TEST(text_errors_name_the_line)
{
    static const char *const cases[][2] = {
        {"x = Parameter-1() : f32 [1]\nr = Result(y)\n",
         "t: line 2: no node 'y' stands above"},
        {"x = Parameter-1() : f99 [1]\n", "t: line 1: there is no element type 'f99'"},
        {"c = Const() : f32 [2] {1}\n", "t: line 1: {1} is no list of 2 numbers"},
        {"c = Const() : f32 [2] {1, 2, 3}\n",
         "t: line 1: {1, 2, 3} is no list of 2 numbers"},
        {"c = Const() : f32 [99] {#0}\n", "t: line 1: {#0} is no list of 99 numbers"},
        {"x = Parameter() : f32 [1]\ny = ReLU(x:1)\n", "t: line 2: 'x' has no output 1"},
        {"x = Parameter() : f32 [1]\ny = ReLU(x) : f32 [2]\n",
         "t: line 2: output 0 is f32 [1]"},
        {"x = Parameter() : f32 [1]\nx = ReLU(x)\n",
         "t: line 2: there is a node 'x' already"},
        {"x = Parameter(\n", "t: line 1: a name is missing"},
        {"\"x\n", "t: line 1: a quote is not closed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CaGraph *g = NULL;
        CarinaError e = {0};
        CHECK(ca_ir_parse(&g, "t", cases[i][0], &e) != CARINA_OK);
        CHECK_STR(e.text, cases[i][1]);
        CHECK(!g);
    }
}

/* Version 10 is for runtimes that end with opset8. */
TEST(operators_that_version_10_does_not_know_are_refused_there)
{
    static const char *const graph = "x = Parameter-1() : f32 [1, 2, 5, 7]\n"
                                     "p = Parameter-1() : f32 [1, 3, 4, 2]\n"
                                     "y = GridSample-9(x, p) align_corners=true "
                                     "mode=\"nearest\" : f32 [1, 2, 3, 4]\n"
                                     "r = Result-1(y)\n";
    CaGraph *g = NULL, *back = NULL;
    CarinaError e = {0};
    if (ca_ir_parse(&g, "small", graph, &e) != CARINA_OK)
        printf("%s\n", e.text);
    CHECK(g);
    CHECK_STATUS(ca_ir_write(g, STEM, 10, false, &e), CARINA_ERR_UNSUPPORTED);
    CHECK_STR(e.text, "node 'y' (GridSample): is of opset9, and runtimes that need IR "
                      "v10 know no operator of that name; write v11 (--ir-version 11)");
    CHECK_STATUS(ca_ir_write(g, STEM, 11, false, &e), CARINA_OK);
    CHECK_STATUS(read_stem(&back, STEM, "small", &e), CARINA_OK);
    char *text = text_of(back);
    CHECK_STR(text, graph);
    ca_free(text);
    ca_graph_free(&back);
    ca_graph_free(&g);
}

TEST(fp16_clamps_flushes_and_keeps_nan)
{
    CaGraph *g = NULL, *back = NULL;
    CarinaError e = {0};
    CHECK_STATUS(ca_ir_parse(&g, "small", small_graph, &e), CARINA_OK);
    CHECK_STATUS(ca_ir_write(g, STEM, 11, true, &e), CARINA_OK);
    if (read_stem(&back, STEM, STEM, &e) != CARINA_OK)
        printf("%s\n", e.text);
    CHECK(back);
    const CaNode *c = ca_graph_find(back, "big_compressed");
    CHECK(c && c->outputs[0].type == CARINA_F16);
    const CarinaTensor *t = c->outputs[0].constant;
    CHECK(ca_get_real(t->type, t->data, 0) == 65504);
    CHECK(ca_get_real(t->type, t->data, 1) == -65504);
    CHECK(ca_get_real(t->type, t->data, 2) == 0);
    const double nan = ca_get_real(t->type, t->data, 3);
    CHECK(nan != nan);
    const CaNode *convert = ca_graph_find(back, "big");
    CHECK(convert && ca_node_is(convert, "Convert"));
    CHECK_STR(ca_info_find(convert->info, "rt_info.decompression"), "version=\"0\"");
    CHECK(ca_node_input_node(convert, 0) == c);
    ca_graph_free(&g);
    ca_graph_free(&back);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs in a line, and sentences without folders.
 */
#include "small_files.h"

#include "test.h"

#include "base/text.h"
#include "graph/shape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void operators(CaText *text, const CaGraph *g)
{
    CA_EACH_NODE(n, g) {
        if (ca_node_is(n, "Const") || ca_node_is(n, "Parameter") ||
            ca_node_is(n, "Result"))
            continue;
        ca_text_add(text, "%s ", n->op_name);
        for (int i = 0; i < n->n_bodies; i++) {
            ca_text_add(text, "{ ");
            operators(text, n->bodies[i].graph);
            ca_text_add(text, "} ");
        }
    }
}

void small_file_summary(CaText *text, const CaGraph *g)
{
    char shape[CA_SHAPE_TEXT];
    operators(text, g);
    ca_text_add(text, "->");
    for (int i = 0; i < g->n_outputs; i++)
        ca_text_add(
            text, " %s",
            ca_shape_text(shape, sizeof shape, &g->outputs[i]->inputs[0].value->shape));
}

void small_files_become(SmallRead *read, const char *const (*files)[2], size_t n)
{
    int same = 1;
    for (size_t i = 0; i < n && same; i++) {
        CaGraph *g = NULL;
        CarinaError err = {CARINA_OK, ""};
        CaText is = {.limit = 4096}, should = {.limit = 4096};
        ca_text_add(&is, "%s: ", files[i][0]);
        ca_text_add(&should, "%s: %s", files[i][0], files[i][1]);
        if (read(&g, files[i][0], &err) == CARINA_OK)
            small_file_summary(&is, g);
        else
            ca_text_add(&is, "%s", err.text);
        ca_graph_free(&g);
        same = test_equal_text(__FILE__, __LINE__, "summary", is.data, should.data);
        ca_text_free(&is);
        ca_text_free(&should);
    }
}

static void without_folder(char *out, size_t room, const char *folder, const char *text)
{
    const size_t n = strlen(folder);
    size_t to = 0;
    while (*text && to + 1 < room) {
        if (strncmp(text, folder, n) == 0)
            text += n;
        else
            out[to++] = *text++;
    }
    out[to] = 0;
}

void small_files_are_answered(SmallRead *read, const char *folder,
                              const char *const (*sentences)[2], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CaGraph *g = NULL;
        CarinaError err = {CARINA_OK, ""};
        char said[1024];
        const CarinaStatus status = read(&g, sentences[i][0], &err);
        CHECK(status != CARINA_OK && g == NULL);
        without_folder(said, sizeof said, folder, err.text);
        CHECK_STR(said, sentences[i][1]);
        CHECK_EQ(err.code, status);
    }
}

bool small_numbers_are(const CarinaTensor *t, const double *want, int n, int half_ulps)
{
    double most = 1;
    bool good = ca_tensor_count(t) == n;
    for (int i = 0; i < n; i++)
        most = fmax(most, fabs(want[i]));
    for (int i = 0; good && i < n; i++)
        good = fabs(ca_get_real(t->type, t->data, i) - want[i]) <=
               half_ulps * ldexp(most, -24);
    return good;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels of classes, in the forms in which files hold them.
 */
#include "test.h"

#include "graph/labels.h"

#include <string.h>

static const struct {
    CaLabelsForm form;
    const char *text, *labels; /* NULL: these are none */
} cases[] = {
    {CA_LABELS_LINES, "cat\r\ndog, small \n\nbird\n\n", "cat\ndog, small\n\nbird"},
    {CA_LABELS_LINES, "\n\n", NULL},
    {CA_LABELS_WORDS, " cat  small_dog\n", "cat\nsmall dog"},
    {CA_LABELS_VALUE, "cat, dog", "cat\ndog"},
    {CA_LABELS_VALUE, "cat\ndog, small", "cat\ndog, small"},
    {CA_LABELS_VALUE, "['cat', \"dog's\"]", "cat\ndog's"},
    {CA_LABELS_VALUE, "[\"a\\\"b\", \"c\\nd\"]", "a\"b\ncnd"},
    {CA_LABELS_VALUE, "{0: 'cat', 1: 'dog, small'}", "cat\ndog, small"},
    {CA_LABELS_VALUE, "{\"0\": \"cat\", \"1\":\"dog\"}", "cat\ndog"},
    {CA_LABELS_VALUE, "{\"cat\": 0, \"dog\": 1}", "cat\ndog"},
    {CA_LABELS_VALUE, "{\"cat\": 1, \"dog\": 0}", NULL}, /* not in order */
    {CA_LABELS_VALUE, "{\"width\": 224}", NULL},
    {CA_LABELS_VALUE, "[\"cat\", ", NULL},
    {CA_LABELS_VALUE, "[\"cat", NULL},
    {CA_LABELS_VALUE, "[1, 2]", NULL},
    {CA_LABELS_VALUE, "[]", NULL},
    {CA_LABELS_VALUE, "", NULL},
};

TEST(labels_are_read_in_every_form)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CaGraph *g = NULL;
        CHECK_EQ(ca_graph_create(&g, NULL), CARINA_OK);
        ca_labels_set(g, cases[i].text, strlen(cases[i].text), cases[i].form);
        CHECK_STR(ca_info_find(g->info, "labels"), cases[i].labels);
        ca_graph_free(&g);
    }
}

TEST(labels_for_the_model_api_say_what_they_lose)
{
    static const struct {
        const char *labels, *words;
        bool is_same;
    } all[] = {{"cat\nsmall dog", "cat small_dog", true},
               {"a_b", "a_b", false},
               {"a\n\nb", "a _ b", false},
               {"a\tb", "a_b", false}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        CaText t = {.limit = 100};
        CHECK_EQ(ca_labels_words(&t, all[i].labels), all[i].is_same);
        CHECK_STR(t.data, all[i].words);
        ca_text_free(&t);
    }
}

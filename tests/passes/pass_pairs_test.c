/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each row of pairs.def: a graph, one pass, and the graph it must become (or stay). Both are also run: the pass
 * must not change what the graph computes.
 */
#include "base/file.h"
#include "graph_diff.h"
#include "ir/ir.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static CarinaStatus load(CaGraph **g, const char *name, const char *end, CarinaError *err)
{
    char path[512];
    CaBuffer *b = NULL;
    snprintf(path, sizeof path, "%s/%s.%s", PAIRS_DIR, name, end);
    CA_TRY(ca_file_map(&b, path, err));
    CaText t = {.limit = 1 << 20};
    ca_text_add_n(&t, (const char *)b->data, b->size);
    const CarinaStatus status = ca_ir_parse(g, path, t.data, err);
    ca_text_free(&t);
    ca_buffer_unref(&b);
    return status == CARINA_OK ? ca_graph_infer(*g, err) : status;
}

/* Rounding of the type, once for each node of the graph, on numbers as large as the largest seen or 1; folding
 * may sum weights in another order, which costs another factor: 16. */
static double tolerance(const CaGraph *g, double most)
{
    const CarinaType type = g->n_outputs ? g->outputs[0]->outputs[0].type : CARINA_F32;
    const double u = type == CARINA_F16 ? 0x1p-11 : 0x1p-24;
    return 16 * u * g->n_nodes * fmax(1, most);
}

static void check_pair(const char *pass_name, const char *name, bool changes)
{
    CarinaError err = {0};
    CaGraph *before = NULL, *g = NULL, *after = NULL;
    CaText is = {.limit = 1 << 20}, should = {.limit = 1 << 20};
    const CaPass *pass = pass_named(pass_name);
    int n = 0;
    double most = 0;
    const char *fault = NULL;
    bool ran = pass && load(&before, name, "before", &err) == CARINA_OK &&
               load(&g, name, "before", &err) == CARINA_OK &&
               load(&after, name, changes ? "after" : "before", &err) == CARINA_OK &&
               pass->run(g, &n, &err) == CARINA_OK;
    if (ran) {
        fault = graph_fault(g);
        ca_ir_text(&is, g);
        ca_ir_text(&should, after);
        const double d = graph_diff(before, g, 1, 2, &most);
        if (!(d <= tolerance(before, most)))
            fault = "the results differ";
        if (changes != (n > 0))
            fault = changes ? "the pass counted no change" : "the pass counted a change";
    }
    if (!ran || fault)
        printf("%s: %s: %s\n", pass_name, name,
               fault  ? fault
               : pass ? err.text
                      : "no such pass");
    const bool is_equal =
        ran && test_equal_text(__FILE__, __LINE__, name, is.data, should.data);
    ca_text_free(&is);
    ca_text_free(&should);
    ca_graph_free(&before);
    ca_graph_free(&g);
    ca_graph_free(&after);
    if (is_equal)
        CHECK(!fault);
    else
        CHECK(ran);
}

#define BECOMES(pass, name) \
    TEST(name##_becomes) { check_pair(pass, #name, true); }
#define STAYS(pass, name) \
    TEST(name##_stays) { check_pair(pass, #name, false); }
#include "pairs.def"
#undef BECOMES
#undef STAYS

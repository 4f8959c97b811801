/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unroll-loops on the small files of formats/ir: each STEM.xml becomes pairs/unroll_STEM.after, or stays, and
 * computes the same.
 */
#include "base/file.h"
#include "graph_diff.h"
#include "ir/ir.h"
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static CarinaStatus read_ir(CaGraph **g, const char *stem, CarinaError *err)
{
    char path[512];
    CaBuffer *xml = NULL, *bin = NULL;
    snprintf(path, sizeof path, "%s/%s.bin", IR_DIR, stem);
    if (access(path, R_OK) == 0)
        CA_TRY(ca_file_map(&bin, path, err));
    snprintf(path, sizeof path, "%s/%s.xml", IR_DIR, stem);
    CarinaStatus status = ca_file_map(&xml, path, err);
    if (status == CARINA_OK)
        status = ca_ir_read(g, path, xml, bin, NULL, err);
    ca_buffer_unref(&xml);
    ca_buffer_unref(&bin);
    return status;
}

static bool is_as_expected(const CaGraph *g, const char *stem)
{
    char path[512];
    CaBuffer *b = NULL;
    CaText is = {.limit = 1 << 20}, should = {.limit = 1 << 20};
    snprintf(path, sizeof path, "%s/unroll_%s.after", PAIRS_DIR, stem);
    ca_ir_text(&is, g);
    if (ca_file_map(&b, path, NULL) == CARINA_OK)
        ca_text_add_n(&should, (const char *)b->data, b->size);
    ca_buffer_unref(&b);
    const bool same = test_equal_text(__FILE__, __LINE__, stem, is.data,
                                      should.data ? should.data : "");
    ca_text_free(&is);
    ca_text_free(&should);
    return same;
}

static void check(const char *stem, int n_expected)
{
    CaGraph *before = NULL, *g = NULL;
    CarinaError err = {0};
    int n = 0;
    double most = 0;
    const CaPass *pass = pass_named("unroll-loops");
    CHECK(pass);
    CHECK_STATUS(read_ir(&before, stem, &err), CARINA_OK);
    CHECK_STATUS(read_ir(&g, stem, &err), CARINA_OK);
    CHECK_STATUS(pass->run(g, &n, &err), CARINA_OK);
    CHECK_EQ(n, n_expected);
    CHECK(!graph_fault(g));
    /* The same operations in the same order: the same numbers. */
    CHECK(graph_diff(before, g, 1, 2, &most) == 0);
    if (n)
        CHECK(is_as_expected(g, stem));
    ca_graph_free(&before);
    ca_graph_free(&g);
}

TEST(loops_of_known_length_are_laid_out)
{
    check("tensor_iterator", 1);
    check("loop", 1);
    check("loop_nested", 3); /* the Loop, and its two TensorIterators */
}

TEST(a_known_branch_is_taken) { check("if_known", 1); }

TEST(what_depends_on_data_stays)
{
    check("loop_by_data", 0);
    check("if_by_data", 0);
}

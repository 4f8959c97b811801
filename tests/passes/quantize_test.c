/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers quantized in place and aside: the graph becomes pairs/quantize_NAME.after.
 */
#include "base/file.h"
#include "graph_diff.h"
#include "ir/ir.h"
#include "passes/quantize.h"
#include "test.h"

#include <math.h>
#include <stdio.h>

static CarinaStatus load(CaGraph **g, const char *name, CarinaError *err)
{
    char path[512];
    CaBuffer *b = NULL;
    snprintf(path, sizeof path, "%s/%s", PAIRS_DIR, name);
    CA_TRY(ca_file_map(&b, path, err));
    CaText t = {.limit = 1 << 20};
    ca_text_add_n(&t, (const char *)b->data, b->size);
    const CarinaStatus status = ca_ir_parse(g, path, t.data, err);
    ca_text_free(&t);
    ca_buffer_unref(&b);
    return status == CARINA_OK ? ca_graph_infer(*g, err) : status;
}

static const double shift[] = {0.5, -0.5};
/* Steps of 1/64, so that ranges hold 0 as a step and floats are exact. */
static const CarinaQuantizeLayer layers[] = {
    {.layer = "conv", .low = {-2}, .high = {127 / 64.0}, .n_shift = 2, .shift = shift},
    {.layer = "each", .low = {0}, .high = {255 / 64.0}, .n_shift = 2, .shift = shift},
    {.layer = "res", .low = {-2, 0}, .high = {127 / 64.0, 255 / 64.0}},
    {.layer = "dot", .low = {-4}, .high = {127 / 32.0}, .n_shift = 2, .shift = shift},
};

typedef CarinaStatus QuantizeFn(CaGraph *g, CaNode *layer, const CarinaQuantizeLayer *how,
                                int levels, CarinaError *err);

static CarinaStatus quantize_all(CaGraph *g, QuantizeFn *quantize, CarinaError *err)
{
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        CA_TRY(quantize(g, ca_graph_find(g, layers[i].layer), &layers[i], 256, err));
    (void)ca_graph_sweep(g);
    return ca_graph_infer(g, err);
}

static void check(QuantizeFn *quantize, const char *after_name)
{
    CarinaError err = {0};
    CaGraph *g = NULL, *after = NULL;
    CaText is = {.limit = 1 << 20}, should = {.limit = 1 << 20};
    CHECK_STATUS(load(&g, "quantize_layers.before", &err), CARINA_OK);
    CHECK_STATUS(load(&after, after_name, &err), CARINA_OK);
    CHECK_STATUS(quantize_all(g, quantize, &err), CARINA_OK);
    const char *fault = graph_fault(g);
    ca_ir_text(&is, g);
    ca_ir_text(&should, after);
    const bool same =
        test_equal_text(__FILE__, __LINE__, after_name, is.data, should.data);
    ca_text_free(&is);
    ca_text_free(&should);
    ca_graph_free(&g);
    ca_graph_free(&after);
    CHECK(!fault);
    CHECK(same);
}

TEST(layers_are_quantized_in_place) { check(ca_quantize_layer, "quantize_layers.after"); }

TEST(layers_get_quantized_twins) { check(ca_quantize_aside, "quantize_aside.after"); }

TEST(only_what_computes_in_integers_is_quantized)
{
    CarinaError err = {0};
    CaGraph *g = NULL;
    CHECK_STATUS(load(&g, "quantize_layers.before", &err), CARINA_OK);
    CHECK_EQ(ca_quantize_n_inputs(ca_graph_find(g, "conv")), 1);
    CHECK_EQ(ca_quantize_n_inputs(ca_graph_find(g, "sum")), 0); /* a bias */
    CHECK_EQ(ca_quantize_n_inputs(ca_graph_find(g, "act")), 0);
    CHECK_EQ(ca_quantize_n_inputs(ca_graph_find(g, "res")), 2);
    CHECK_STATUS(quantize_all(g, ca_quantize_layer, &err), CARINA_OK);
    CHECK_EQ(ca_quantize_n_inputs(ca_graph_find(g, "conv")), 0); /* it is already */
    ca_graph_free(&g);
}

TEST(ranges_without_zero_and_shifts_of_other_counts_are_refused)
{
    CarinaQuantizeLayer wrong[] = {
        {.layer = "conv", .low = {0.5}, .high = {1}},
        {.layer = "conv", .low = {0}, .high = {0}},
        {.layer = "conv", .low = {0}, .high = {(double)INFINITY}},
        {.layer = "conv", .low = {0}, .high = {1}, .n_shift = 1, .shift = shift},
        {.layer = "act", .low = {0}, .high = {1}},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CarinaError err = {0};
        CaGraph *g = NULL;
        CHECK_STATUS(load(&g, "quantize_layers.before", &err), CARINA_OK);
        CHECK_STATUS(
            ca_quantize_layer(g, ca_graph_find(g, wrong[i].layer), &wrong[i], 256, &err),
            CARINA_ERR_ARGUMENT);
        ca_graph_free(&g);
    }
}

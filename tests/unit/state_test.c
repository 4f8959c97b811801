/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model keeps from run to run belongs to the request.
 */
#include "test.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include "graph/shape.h"
#include <carina/engine.h>

#include <stdio.h>
#include <string.h>

/* sum = x + old, which the next run finds as old; y = relu(sum). The state begins with 0.5, or with x. */
static CarinaStatus build(CaGraph *g, bool begins_with_x)
{
    const CarinaShape shape = {1, {2}};
    CaValue *x = NULL, *first = NULL;
    CaNode *read = NULL, *sum = NULL, *assign = NULL, *relu = NULL;
    CA_TRY(ca_graph_parameter(&x, g, "x", CARINA_F32, &shape, NULL));
    CA_TRY(ca_graph_reals(&first, g, NULL, "first", CARINA_F32, &shape,
                          (const double[]){0.5, 0.5}, 2, NULL));
    CA_TRY(ca_graph_add(&read, g, NULL, "ReadValue", 0, "read",
                        begins_with_x ? &x : &first, 1, 1, NULL));
    CA_TRY(ca_node_set_text(g, read, "variable_id", "v", NULL));
    CA_TRY(ca_graph_add(&sum, g, NULL, "Add", 0, "sum",
                        (CaValue *const[]){x, &read->outputs[0]}, 2, 1, NULL));
    CA_TRY(ca_graph_add(&assign, g, NULL, "Assign", 0, "assign",
                        (CaValue *const[]){&sum->outputs[0]}, 1, 1, NULL));
    CA_TRY(ca_node_set_text(g, assign, "variable_id", "v", NULL));
    CA_TRY(ca_graph_add(&relu, g, NULL, "ReLU", 0, "relu",
                        (CaValue *const[]){&sum->outputs[0]}, 1, 1, NULL));
    CA_TRY(ca_graph_result(g, "y", &relu->outputs[0], NULL));
    return ca_graph_infer(g, NULL);
}

static bool runs_to(CarinaRequest *req, float x, float y)
{
    float *in = carina_request_input(req, 0)->data;
    in[0] = x;
    in[1] = -x;
    if (carina_request_infer(req, NULL) != CARINA_OK)
        return false;
    const float *out = carina_request_output(req, 0)->data;
    return out[0] == y;
}

static CarinaStatus compile(CarinaCompiled **exe, CarinaContext **ctx, bool begins_with_x,
                            CarinaError *err)
{
    const CarinaContextOptions options = {sizeof options, .plugin_dir = PLUGIN_DIR};
    CarinaModel model = {.graph = NULL};
    CA_TRY(carina_context_create(ctx, &options, err));
    model.ctx = *ctx;
    CA_TRY(ca_graph_create(&model.graph, err));
    CarinaStatus status = build(model.graph, begins_with_x);
    if (status == CARINA_OK)
        status = carina_compile(exe, *ctx, &model, "CPU", NULL, err);
    ca_graph_free(&model.graph);
    return status;
}

TEST(a_request_keeps_its_state_from_run_to_run)
{
    CarinaContext *ctx = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *a = NULL, *b = NULL;
    CarinaError err = {CARINA_OK, ""};
    CHECK_STATUS(compile(&exe, &ctx, false, &err), CARINA_OK);
    CHECK_EQ(carina_compiled_n_inputs(exe), 1);
    CHECK_EQ(carina_compiled_n_outputs(exe), 1);
    CHECK_STATUS(carina_request_create(&a, exe, &err), CARINA_OK);
    CHECK_STATUS(carina_request_create(&b, exe, &err), CARINA_OK);
    CHECK(runs_to(a, 1, 1.5f));
    CHECK(runs_to(a, 2, 3.5f));
    CHECK(runs_to(b, 4, 4.5f)); /* another request begins anew */
    CHECK(runs_to(a, 1, 4.5f));
    CHECK(runs_to(a, -5, 0)); /* -0.5 is kept, relu shows 0 */
    CHECK(runs_to(a, 1, 0.5f));
    CHECK(runs_to(b, 1, 5.5f));
    carina_request_free(&a);
    carina_request_free(&b);
    carina_compiled_free(&exe);
    carina_context_free(&ctx);
}

TEST(a_state_may_begin_with_an_input)
{
    CarinaContext *ctx = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *a = NULL;
    CarinaError err = {CARINA_OK, ""};
    CHECK_STATUS(compile(&exe, &ctx, true, &err), CARINA_OK);
    CHECK_EQ(carina_compiled_n_inputs(exe), 1);
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(carina_request_create(&a, exe, &err), CARINA_OK);
        CHECK(runs_to(a, 3, 6)); /* x and x */
        CHECK(runs_to(a, 2, 8));
        CHECK(runs_to(a, 1, 9));
        carina_request_free(&a);
    }
    carina_compiled_free(&exe);
    carina_context_free(&ctx);
}

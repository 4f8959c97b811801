/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A large fully connected layer on the CPU, by Strassen's products and without: which one a step takes, the sums themselves,
 * the same bits for any number of threads; matrices turned, of 16 bits, and with a panel that has no neighbour.
 */
#include "test.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include <carina/engine.h>

#include <math.h>
#include <string.h>

enum { BATCH = 2, ROWS = 101, M = BATCH * ROWS, K = 771, N = 970 };

static uint32_t state;
/* Sixteenths in [-1, 1]. */
static float noise(void)
{
    state = state * 1664525u + 1013904223u;
    return rintf((float)(state >> 8) * 0x1p-19f) / 16 - 1;
}

typedef struct Case {
    bool is_turned, is_half, is_exact, is_low;
} Case;

static float x[M * K], weights[K * N], bias[N];
static double reals[K * N];

static double weight(const Case *c, int k, int j)
{
    return (double)weights[c->is_turned ? j * K + k : k * N + j];
}

static CarinaStatus build(CaGraph *g, const Case *c)
{
    const CarinaShape in_shape = {3, {BATCH, ROWS, K}}, one = {1, {N}},
                      shape = {2, {c->is_turned ? N : K, c->is_turned ? K : N}};
    CaValue *in[2], *b = NULL;
    CaNode *n = NULL;
    CA_TRY(ca_graph_parameter(&in[0], g, "x", CARINA_F32, &in_shape, NULL));
    for (int i = 0; i < K * N; i++)
        reals[i] = (double)weights[i];
    CA_TRY(ca_graph_reals(&in[1], g, NULL, NULL, c->is_half ? CARINA_F16 : CARINA_F32,
                          &shape, reals, K * N, NULL));
    for (int i = 0; i < N; i++)
        reals[i] = (double)bias[i];
    CA_TRY(ca_graph_reals(&b, g, NULL, NULL, CARINA_F32, &one, reals, N, NULL));
    if (c->is_half) {
        CA_TRY(ca_graph_add(&n, g, NULL, "Convert", 0, NULL, &in[1], 1, 1, NULL));
        CA_TRY(ca_node_set_text(g, n, "destination_type", "f32", NULL));
        in[1] = &n->outputs[0];
    }
    CA_TRY(ca_graph_add(&n, g, NULL, "MatMul", 0, NULL, in, 2, 1, NULL));
    CA_TRY(ca_node_set_text(g, n, "transpose_b", c->is_turned ? "true" : "false", NULL));
    in[0] = &n->outputs[0];
    in[1] = b;
    CA_TRY(ca_graph_add(&n, g, NULL, "Add", 0, NULL, in, 2, 1, NULL));
    in[0] = &n->outputs[0];
    CA_TRY(ca_graph_add(&n, g, NULL, "ReLU", 0, NULL, in, 1, 1, NULL));
    CA_TRY(ca_graph_result(g, "y", &n->outputs[0], NULL));
    return ca_graph_infer(g, NULL);
}

static void fill(void)
{
    state = 7;
    for (int i = 0; i < M * K; i++)
        x[i] = noise();
    for (int i = 0; i < K * N; i++)
        weights[i] = noise();
    for (int i = 0; i < N; i++)
        bias[i] = noise();
}

static bool is_strassen(const CarinaCompiled *exe)
{
    const CarinaStep *s = NULL;
    bool found = false;
    for (int i = 0; (s = carina_compiled_step(exe, i, NULL)) != NULL; i++)
        found = found || strncmp(s->kernel, "strassen_", 9) == 0;
    return found;
}

/* False, too, where the step took the other algorithm. */
static bool answer(float *y, const Case *c, int n_threads)
{
    const CarinaContextOptions options = {
        .struct_size = sizeof options, .n_threads = n_threads, .plugin_dir = PLUGIN_DIR};
    const CarinaCompileOptions how = {.struct_size = sizeof how,
                                      .n_threads = n_threads,
                                      .n_streams = 1,
                                      .precision = "f32",
                                      .exact = c->is_exact,
                                      .memory = c->is_low ? CARINA_MEMORY_LOW
                                                          : CARINA_MEMORY_FAST};
    CarinaModel model = {.graph = NULL};
    CarinaContext *ctx = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaError err = {CARINA_OK, ""};
    bool ok = carina_context_create(&ctx, &options, &err) == CARINA_OK &&
              ca_graph_create(&model.graph, &err) == CARINA_OK &&
              build(model.graph, c) == CARINA_OK && (model.ctx = ctx, true) &&
              carina_compile(&exe, ctx, &model, "CPU", &how, &err) == CARINA_OK &&
              carina_request_create(&req, exe, &err) == CARINA_OK;
    if (ok)
        memcpy(carina_request_input(req, 0)->data, x, sizeof x);
    ok = ok && carina_request_infer(req, &err) == CARINA_OK;
    if (ok) {
        memcpy(y, carina_request_output(req, 0)->data, sizeof(float) * M * N);
        ok = is_strassen(exe) == !(c->is_exact || c->is_low);
    } else
        test_fail(__FILE__, __LINE__, err.text);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    ca_graph_free(&model.graph);
    carina_context_free(&ctx);
    return ok;
}

/* Some rows. Numbers are sixteenths up to 1, so that no partial sum is rounded: 26 * 386 * 256 is below 2^24. */
static bool is_right(const float *y, const Case *c)
{
    for (int i = 0; i < M; i += 37)
        for (int j = 0; j < N; j++) {
            double sum = (double)bias[j];
            for (int k = 0; k < K; k++)
                sum += (double)x[i * K + k] * weight(c, k, j);
            if ((double)y[i * N + j] != fmax(sum, 0))
                return false;
        }
    return true;
}

static void check(Case c)
{
    static float first[M * N], y[M * N];
    fill();
    CHECK(answer(first, &c, 1));
    CHECK(is_right(first, &c));
    for (int n_threads = 2; n_threads <= 4; n_threads++) {
        CHECK(answer(y, &c, n_threads));
        CHECK(memcmp(y, first, sizeof y) == 0);
    }
}

TEST(a_large_fully_connected_layer_is_strassens) { check((Case){.is_turned = false}); }
TEST(so_is_a_turned_one_of_16_bits) { check((Case){.is_turned = true, .is_half = true}); }
TEST(exact_has_eight_products) { check((Case){.is_turned = true, .is_exact = true}); }
TEST(low_memory_has_eight_products) { check((Case){.is_low = true}); }

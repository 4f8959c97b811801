/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A factor and a number for each channel and ReLU in front of a 1x1 convolution, on the CPU: in its step where the
 * convolution is Strassen's product and nobody else reads them, else steps of their own; right, and the same bits for any
 * number of threads.
 */
#include "test.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include <carina/engine.h>

#include <float.h>
#include <math.h>
#include <string.h>

enum { N = 2, C = 256, CO = 128, H = 9, W = 13, PIXELS = H * W };

static uint32_t state;
static float noise(void)
{
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) * 0x1p-23f - 1;
}

typedef struct Case {
    bool is_exact, has_shift, is_read_twice;
} Case;

static float x[N * C * PIXELS], scale[C], shift[C], filter[CO * C];

static CarinaStatus constant(CaValue **out, CaGraph *g, float *values, int n,
                             const CarinaShape *shape)
{
    static double wide[CO * C];
    for (int i = 0; i < n; i++)
        wide[i] = (double)(values[i] = noise());
    return ca_graph_reals(out, g, NULL, NULL, CARINA_F32, shape, wide, n, NULL);
}

static CarinaStatus build(CaGraph *g, const Case *c)
{
    static const char *const names[] = {"strides", "dilations", "pads_begin", "pads_end"};
    const CarinaShape map = {4, {N, C, H, W}}, one = {4, {1, C, 1, 1}},
                      oihw = {4, {CO, C, 1, 1}};
    CaValue *in[2], *by = NULL, *plus = NULL, *w = NULL;
    CaNode *n = NULL;
    state = 5;
    CA_TRY(constant(&by, g, scale, C, &one));
    CA_TRY(constant(&plus, g, shift, C, &one));
    CA_TRY(constant(&w, g, filter, CO * C, &oihw));
    CA_TRY(ca_graph_parameter(&in[0], g, "x", CARINA_F32, &map, NULL));
    in[1] = by;
    CA_TRY(ca_graph_add(&n, g, NULL, "Multiply", 0, NULL, in, 2, 1, NULL));
    in[0] = &n->outputs[0];
    in[1] = plus;
    if (c->has_shift) {
        CA_TRY(ca_graph_add(&n, g, NULL, "Add", 0, NULL, in, 2, 1, NULL));
        in[0] = &n->outputs[0];
    }
    CA_TRY(ca_graph_add(&n, g, NULL, "ReLU", 0, NULL, in, 1, 1, NULL));
    in[0] = &n->outputs[0];
    in[1] = w;
    if (c->is_read_twice)
        CA_TRY(ca_graph_result(g, "z", in[0], NULL));
    CA_TRY(ca_graph_add(&n, g, NULL, "Convolution", 0, NULL, in, 2, 1, NULL));
    for (int i = 0; i < 4; i++)
        CA_TRY(ca_node_set_text(g, n, names[i], i < 2 ? "1,1" : "0,0", NULL));
    CA_TRY(ca_graph_result(g, "y", &n->outputs[0], NULL));
    return ca_graph_infer(g, NULL);
}

typedef struct Answer {
    float y[N * CO * PIXELS];
    int n_steps; /* that are no convolution */
} Answer;

static bool answer(Answer *a, const Case *c, int n_threads)
{
    const CarinaContextOptions options = {
        .struct_size = sizeof options, .n_threads = n_threads, .plugin_dir = PLUGIN_DIR};
    const CarinaCompileOptions how = {.struct_size = sizeof how,
                                      .n_threads = n_threads,
                                      .n_streams = 1,
                                      .precision = "f32",
                                      .exact = c->is_exact};
    CarinaModel model = {.graph = NULL};
    CarinaContext *ctx = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaError err = {CARINA_OK, ""};
    const CarinaStep *s = NULL;
    memset(a, 0, sizeof *a);
    bool ok = carina_context_create(&ctx, &options, &err) == CARINA_OK &&
              ca_graph_create(&model.graph, &err) == CARINA_OK &&
              build(model.graph, c) == CARINA_OK && (model.ctx = ctx, true) &&
              carina_compile(&exe, ctx, &model, "CPU", &how, &err) == CARINA_OK &&
              carina_request_create(&req, exe, &err) == CARINA_OK;
    state = 77;
    for (int i = 0; i < N * C * PIXELS; i++)
        x[i] = noise();
    if (ok)
        memcpy(carina_request_input(req, 0)->data, x, sizeof x);
    ok = ok && carina_request_infer(req, &err) == CARINA_OK;
    for (int i = 0; ok && (s = carina_compiled_step(exe, i, NULL)) != NULL; i++)
        a->n_steps += strcmp(s->type, "Multiply") == 0 || strcmp(s->type, "Add") == 0 ||
                      strcmp(s->type, "ReLU") == 0;
    if (ok)
        memcpy(a->y, carina_request_output(req, c->is_read_twice)->data, sizeof a->y);
    else
        test_fail(__FILE__, __LINE__, err.text);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    ca_graph_free(&model.graph);
    carina_context_free(&ctx);
    return ok;
}

/* kernels/conv/README.md: Strassen's bound, as |filter| < 1 and what it reads is below 2. Exact: two roundings before, a
 * product and a sum a term. */
static bool is_right(const Answer *a, const Case *c)
{
    for (int i = 0; i < N * CO * PIXELS; i++) {
        const int image = i / (CO * PIXELS), o = i / PIXELS % CO, at = i % PIXELS;
        double sum = 0, size = 0;
        for (int k = 0; k < C; k++) {
            const double v = (double)x[(image * C + k) * PIXELS + at] * (double)scale[k] +
                             (c->has_shift ? (double)shift[k] : 0);
            sum += fmax(v, 0) * (double)filter[o * C + k];
            size += 2 * fabs((double)filter[o * C + k]);
        }
        const double terms =
            c->is_exact ? (2 * C + 2) * size : (4 * C + 14) * (9.0 * C * 2 + size);
        if (!(fabs((double)a->y[i] - sum) <= 0.5 * (double)FLT_EPSILON * terms))
            return false;
    }
    return true;
}

static bool is_right_on_all_threads(const Case *c, bool is_inside)
{
    static Answer first, a;
    if (!answer(&first, c, 1) || !is_right(&first, c) ||
        (first.n_steps == 0) != is_inside)
        return false;
    for (int n = 2; n <= 4; n++)
        if (!answer(&a, c, n) || memcmp(first.y, a.y, sizeof a.y) != 0)
            return false;
    return true;
}

TEST(a_scale_and_relu_are_taken_into_the_convolution)
{
    CHECK(is_right_on_all_threads(&(Case){false, true, false}, true));
    CHECK(is_right_on_all_threads(&(Case){false, false, false}, true));
}

TEST(a_scale_and_relu_are_steps_where_others_read_them_or_sums_are_exact)
{
    CHECK(is_right_on_all_threads(&(Case){true, true, false}, false));
    CHECK(is_right_on_all_threads(&(Case){false, true, true}, false));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map times a number for each channel in front of a 1x1 convolution, on the CPU: in the filter where pixels are at
 * least as many as results, else a step of its own; the same sums, and the same bits for any number of threads.
 */
#include "test.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include <carina/engine.h>

#include <float.h>
#include <math.h>
#include <string.h>

enum { N = 2, C = 40, CO = 24, MOST_PIXELS = 6 * 7 };

static uint32_t state;
static float noise(void)
{
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) * 0x1p-23f - 1;
}

typedef struct Case {
    int h, w, n_gates; /* gates of one image or of all */
    bool is_second;    /* the map is Multiply's second operand */
    bool is_read_twice;
} Case;

static float x[N * C * MOST_PIXELS], gate[N * C], filter[CO * C];

static CarinaStatus build(CaGraph *g, const Case *c)
{
    const CarinaShape map = {4, {N, C, c->h, c->w}}, one = {4, {c->n_gates, C, 1, 1}},
                      oihw = {4, {CO, C, 1, 1}};
    static const char *const names[] = {"strides", "dilations", "pads_begin", "pads_end"};
    CaValue *in[2], *w = NULL;
    CaNode *n = NULL;
    double weights[CO * C];
    state = 5;
    for (int i = 0; i < CO * C; i++)
        weights[i] = (double)(filter[i] = noise());
    CA_TRY(ca_graph_parameter(&in[c->is_second], g, "x", CARINA_F32, &map, NULL));
    CA_TRY(ca_graph_parameter(&in[!c->is_second], g, "gate", CARINA_F32, &one, NULL));
    CA_TRY(ca_graph_reals(&w, g, NULL, NULL, CARINA_F32, &oihw, weights, CO * C, NULL));
    CA_TRY(ca_graph_add(&n, g, NULL, "Multiply", 0, NULL, in, 2, 1, NULL));
    in[0] = &n->outputs[0];
    in[1] = w;
    if (c->is_read_twice)
        CA_TRY(ca_graph_result(g, "gated", in[0], NULL));
    CA_TRY(ca_graph_add(&n, g, NULL, "Convolution", 0, NULL, in, 2, 1, NULL));
    for (int i = 0; i < 4; i++)
        CA_TRY(ca_node_set_text(g, n, names[i], i < 2 ? "1,1" : "0,0", NULL));
    in[0] = &n->outputs[0];
    CA_TRY(ca_graph_add(&n, g, NULL, "ReLU", 0, NULL, in, 1, 1, NULL));
    CA_TRY(ca_graph_result(g, "y", &n->outputs[0], NULL));
    return ca_graph_infer(g, NULL);
}

typedef struct Answer {
    float y[N * CO * MOST_PIXELS];
    int n_products;
} Answer;

static void fill(CarinaRequest *req, const Case *c)
{
    state = 77;
    for (int i = 0; i < N * C * c->h * c->w; i++)
        x[i] = noise();
    for (int i = 0; i < c->n_gates * C; i++)
        gate[i] = noise();
    for (int i = 0; i < 2; i++) {
        const CarinaTensor *t = carina_request_input(req, i);
        memcpy(t->data, t->shape.dims[2] == 1 ? gate : x, t->size);
    }
}

static bool answer(Answer *a, const Case *c, int n_threads)
{
    const CarinaContextOptions options = {
        .struct_size = sizeof options, .n_threads = n_threads, .plugin_dir = PLUGIN_DIR};
    const CarinaCompileOptions how = {.struct_size = sizeof how,
                                      .n_threads = n_threads,
                                      .n_streams = 1,
                                      .precision = "f32"};
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
    if (ok)
        fill(req, c);
    ok = ok && carina_request_infer(req, &err) == CARINA_OK;
    for (int i = 0; ok && (s = carina_compiled_step(exe, i, NULL)) != NULL; i++)
        a->n_products += strcmp(s->type, "Multiply") == 0;
    if (ok)
        memcpy(a->y, carina_request_output(req, c->is_read_twice)->data,
               (size_t)(N * CO * c->h * c->w) * sizeof *a->y);
    else
        test_fail(__FILE__, __LINE__, err.text);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    ca_graph_free(&model.graph);
    carina_context_free(&ctx);
    return ok;
}

/* Each term is rounded once by the gate, once in its product and C times in the sum. */
static bool is_right(const Answer *a, const Case *c)
{
    const int n_pixels = c->h * c->w;
    for (int i = 0; i < N * CO * n_pixels; i++) {
        const int image = i / (CO * n_pixels), o = i / n_pixels % CO, at = i % n_pixels;
        double sum = 0, size = 0;
        for (int k = 0; k < C; k++) {
            const double term = (double)x[(image * C + k) * n_pixels + at] *
                                (double)gate[c->n_gates == 1 ? k : image * C + k] *
                                (double)filter[o * C + k];
            sum += term;
            size += fabs(term);
        }
        if (!(fabs((double)a->y[i] - fmax(sum, 0)) <=
              0.5 * (double)FLT_EPSILON * (C + 2) * size))
            return false;
    }
    return true;
}

static bool is_right_on_all_threads(const Case *c, int n_products)
{
    Answer first, a;
    if (!answer(&first, c, 1) || !is_right(&first, c) || first.n_products != n_products)
        return false;
    for (int n = 2; n <= 4; n++)
        if (!answer(&a, c, n) || memcmp(first.y, a.y, sizeof a.y) != 0)
            return false;
    return true;
}

TEST(a_gate_goes_into_the_filter_where_pixels_are_many)
{
    CHECK(is_right_on_all_threads(&(Case){6, 7, N, false, false}, 0));
    CHECK(is_right_on_all_threads(&(Case){4, 6, N, true, false}, 0));
    CHECK(is_right_on_all_threads(&(Case){6, 7, 1, true, false}, 0));
}

TEST(a_gate_multiplies_the_map_where_pixels_are_few_or_others_read_it)
{
    CHECK(is_right_on_all_threads(&(Case){3, 5, N, false, false}, 1));
    CHECK(is_right_on_all_threads(&(Case){6, 7, N, false, true}, 1));
}

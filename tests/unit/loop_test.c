/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops whose rounds the data counts, on the CPU: what the definition gives, for any number of threads, without the
 * heap.
 */
#include "test.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include "graph/shape.h"
#include "ir/ir.h"
#include "test_allocations.h"
#include <carina/engine.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Adds the number of the round, until the sum is at least 20. */
static const char *const counts = "i = Parameter-1() : i64 []\n"
                                  "a = Parameter-1() : f32 [1, 2]\n"
                                  "real = Convert-1(i) destination_type=f32 : f32 []\n"
                                  "next = Add-1(a, real) : f32 [1, 2]\n"
                                  "limit = Const-1() : f32 [] {20}\n"
                                  "axes = Const-1() : i64 [2] {0, 1}\n"
                                  "total = ReduceSum-1(next, axes) : f32 []\n"
                                  "on = Less-1(total, limit) : boolean []\n"
                                  "more = Result-1(on)\n"
                                  "handed = Result-1(next)\n";

/* A convolution over a map that is large enough for all threads. */
static const char *const convolves =
    "i = Parameter-1() : i64 []\n"
    "a = Parameter-1() : f32 [1, 8, 40, 40]\n"
    "w = Const-1() : f32 [8, 8, 3, 3] {seed 7}\n"
    "c = Convolution-1(a, w) strides=[1, 1] dilations=[1, 1] pads_begin=[1, 1] "
    "pads_end=[1, 1] : f32 [1, 8, 40, 40]\n"
    "less = Const-1() : f32 [] {0.0138888889}\n"
    "mean = Multiply-1(c, less) : f32 [1, 8, 40, 40]\n"
    "next = Tanh-1(mean) : f32 [1, 8, 40, 40]\n"
    "last = Const-1() : i64 [] {4}\n"
    "on = Less-1(i, last) : boolean []\n"
    "more = Result-1(on)\n"
    "handed = Result-1(next)\n";

/* y = Loop(trips, sum of x below 20, x), with that body; trips below 0: any number. The output is what is handed on,
 * or only what a round makes. */
static CarinaStatus build(CaGraph **out, const char *text, int64_t trips, bool hands_on,
                          CarinaError *err)
{
    CaGraph *g = NULL, *body = NULL;
    CaValue *x = NULL, *limit = NULL, *n = NULL, *axes = NULL;
    CaNode *sum = NULL, *first = NULL, *loop = NULL;
    const CarinaShape scalar = ca_shape(0, NULL), four = {1, {4}};
    const double all[] = {0, 1, 2, 3}, count = (double)trips, most = 20;
    CA_TRY(ca_ir_parse(&body, "body", text, err));
    CA_TRY(ca_graph_create(&g, err));
    *out = g;
    const CarinaShape shape = body->inputs[1]->outputs[0].shape;
    const CarinaShape axes_shape = shape.rank == 4 ? four : (CarinaShape){1, {2}};
    CA_TRY(ca_graph_parameter(&x, g, "x", CARINA_F32, &shape, err));
    CA_TRY(ca_graph_reals(&limit, g, NULL, "limit", CARINA_F32, &scalar, &most, 1, err));
    CA_TRY(ca_graph_reals(&n, g, NULL, "n", CARINA_I64, &scalar, &count, 1, err));
    CA_TRY(ca_graph_reals(&axes, g, NULL, "axes", CARINA_I64, &axes_shape, all,
                          axes_shape.dims[0], err));
    CA_TRY(ca_graph_add(&sum, g, NULL, "ReduceSum", 0, "sum", (CaValue *const[]){x, axes},
                        2, 1, err));
    CA_TRY(ca_graph_add(&first, g, NULL, "Less", 0, "first",
                        (CaValue *const[]){&sum->outputs[0], limit}, 2, 1, err));
    CA_TRY(ca_graph_add(&loop, g, NULL, "Loop", 0, "loop",
                        (CaValue *const[]){n, &first->outputs[0], x}, 3, 1, err));
    CA_TRY(ca_node_set_body(g, loop, 1, 0, body, 1, 1, hands_on, err));
    CarinaBody *b = &loop->bodies[0];
    b->iteration_input = 0;
    b->condition_output = 0;
    b->inputs[0] = (CarinaPortMap){.outer = 2, .inner = 1, .stride = 1, .part_size = 1};
    b->outputs[0] = (CarinaPortMap){.outer = 0, .inner = 1, .stride = 1, .part_size = 1};
    if (hands_on)
        b->back_edges[0] = (CarinaBackEdge){1, 1};
    CA_TRY(ca_graph_result(g, "y", &loop->outputs[0], err));
    return ca_graph_infer(g, err);
}

typedef struct Work {
    CarinaContext *ctx;
    CarinaCompiled *exe;
    CarinaRequest *req;
    CaGraph *graph;
} Work;

static CarinaStatus open_loop(Work *w, const char *text, int64_t trips, bool hands_on,
                              int n_threads, CarinaError *err)
{
    const CarinaContextOptions context = {sizeof context, .plugin_dir = PLUGIN_DIR};
    const CarinaCompileOptions options = {sizeof options, .n_threads = n_threads};
    *w = (Work){NULL};
    CA_TRY(carina_context_create(&w->ctx, &context, err));
    CA_TRY(build(&w->graph, text, trips, hands_on, err));
    CarinaModel model = {.ctx = w->ctx, .graph = w->graph};
    CA_TRY(carina_compile(&w->exe, w->ctx, &model, "CPU", &options, err));
    return carina_request_create(&w->req, w->exe, err);
}

static void close_loop(Work *w)
{
    carina_request_free(&w->req);
    carina_compiled_free(&w->exe);
    carina_context_free(&w->ctx);
    ca_graph_free(&w->graph);
}

/* Runs with x everywhere, a little more in each element; out as the device gave it. Two runs, the second without the
 * heap. */
static bool runs_as_defined(Work *w, float x, double relative, const float **out,
                            int64_t *n)
{
    CarinaTensor *in = carina_request_input(w->req, 0), *want = NULL;
    for (int64_t i = 0; i < ca_tensor_count(in); i++)
        ((float *)in->data)[i] = x + (float)i / 1024;
    bool good = carina_request_infer(w->req, NULL) == CARINA_OK;
    const long before = test_counts_allocations() ? test_allocations() : 0;
    good = good && carina_request_infer(w->req, NULL) == CARINA_OK;
    good = good && (!test_counts_allocations() || test_allocations() == before);
    const CarinaTensor *got = carina_request_output(w->req, 0);
    good = good && ca_reference_run(w->graph, &want, (const CarinaTensor *const[]){in},
                                    NULL) == CARINA_OK;
    *out = got->data;
    *n = ca_tensor_count(got);
    for (int64_t i = 0; good && i < *n; i++)
        good =
            fabs((double)(*out)[i] - ca_get_real(want->type, want->data, i)) <= relative;
    carina_tensor_free(&want);
    return good;
}

TEST(a_loop_runs_until_its_condition_is_false)
{
    static const int64_t trips[] = {-1, 0, 1, 2, 3, 100};
    static const float firsts[] = {0, -50, 9.5f, 10};
    for (size_t t = 0; t < sizeof trips / sizeof *trips; t++) {
        Work w;
        CarinaError err = {CARINA_OK, ""};
        const float *out = NULL;
        int64_t n = 0;
        CHECK_STATUS(open_loop(&w, counts, trips[t], true, 2, &err), CARINA_OK);
        for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++)
            CHECK(
                runs_as_defined(&w, firsts[i], 0, &out, &n)); /* all numbers are exact */
        close_loop(&w);
    }
}

TEST(a_loop_gives_the_same_bits_for_any_number_of_threads)
{
    static float first[8 * 40 * 40];
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        Work w;
        CarinaError err = {CARINA_OK, ""};
        const float *out = NULL;
        int64_t n = 0;
        CHECK_STATUS(open_loop(&w, convolves, -1, true, n_threads, &err), CARINA_OK);
        /* 5 rounds of 72 products and 8 roundings more, each 2^-24 of what is at most 10 in the first, 1 later; the
         * weights of a sum are at most 1 in all, so that no round enlarges what came in */
        CHECK(runs_as_defined(&w, -3, (10 + 5) * 80 * ldexp(1, -24), &out, &n));
        CHECK_EQ(n, 8 * 40 * 40);
        if (n_threads == 1)
            memcpy(first, out, sizeof first);
        CHECK(memcmp(first, out, sizeof first) == 0);
        close_loop(&w);
    }
}

TEST(what_only_a_round_makes_is_refused_where_there_is_none)
{
    Work w;
    CarinaError err = {CARINA_OK, ""};
    CHECK_STATUS(open_loop(&w, counts, 1, false, 1, &err), CARINA_OK);
    float *in = carina_request_input(w.req, 0)->data;
    in[0] = in[1] = 1;
    CHECK_STATUS(carina_request_infer(w.req, &err), CARINA_OK);
    in[0] = in[1] = 100;
    CHECK(carina_request_infer(w.req, &err) != CARINA_OK);
    CHECK(strstr(err.text, "there is none") != NULL);
    close_loop(&w);
}

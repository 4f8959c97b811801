/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quantized network in int8: what the CPU does in one step of u8, that all of it is near what FakeQuantize says in
 * floats, with the same bits for any number of threads.
 */
#include "test.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include "graph/shape.h"
#include <carina/engine.h>

#include <math.h>
#include <string.h>

enum { C = 16, H = 10, W = 12, N_OUT = 20, MOST_IN = 5 };

static uint32_t state;
static double noise(void)
{
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) * 0x1p-23 - 1;
}

typedef struct Attr {
    const char *name, *value;
} Attr;

static CarinaStatus add(CaGraph *g, CaValue **v, const char *op, int opset, CaValue **in,
                        int n_in, const Attr *attrs)
{
    CaNode *n = NULL;
    CA_TRY(ca_graph_add(&n, g, NULL, op, opset, NULL, in, n_in, 1, NULL));
    for (; attrs && attrs->name; attrs++)
        CA_TRY(ca_node_set_text(g, n, attrs->name, attrs->value, NULL));
    *v = &n->outputs[0];
    return CARINA_OK;
}

/* n numbers of [low, high], of this shape. */
static CarinaStatus reals(CaGraph *g, CaValue **out, CarinaShape shape, double low,
                          double high)
{
    double v[64 * 64];
    int64_t n = 1;
    for (int i = 0; i < shape.rank; i++)
        n *= shape.dims[i];
    for (int64_t i = 0; i < n; i++)
        v[i] = low + (high - low) * 0.5 * (noise() + 1);
    return ca_graph_reals(out, g, NULL, NULL, CARINA_F32, &shape, v, n, NULL);
}

/* The value in 256 steps, of which `zero` is 0. */
static CarinaStatus quantize(CaGraph *g, CaValue **v, double step, int zero)
{
    const CarinaShape one = {0, {0}};
    const double low = -step * zero, high = step * (255 - zero);
    CaValue *in[MOST_IN] = {*v};
    for (int i = 1; i < 5; i++)
        CA_TRY(reals(g, &in[i], one, i % 2 ? low : high, i % 2 ? low : high));
    return add(g, v, "FakeQuantize", 1, in, 5,
               (const Attr[]){{"levels", "256"}, {NULL, NULL}});
}

/* A filter of s8: (integers - zero) * scale by result. */
static CarinaStatus filter(CaGraph *g, CaValue **out, CarinaShape shape, int zero)
{
    CarinaTensor *t = NULL;
    CarinaShape by_result = shape;
    CaValue *in[2], *integers = NULL;
    for (int i = 1; i < shape.rank; i++)
        by_result.dims[i] = 1;
    CA_TRY(carina_tensor_create(&t, CARINA_I8, &shape, NULL));
    for (size_t i = 0; i < t->size; i++)
        ((int8_t *)t->data)[i] = (int8_t)(noise() * 100);
    CA_TRY(ca_graph_constant(&integers, g, NULL, NULL, t, NULL));
    in[0] = integers;
    CA_TRY(add(g, &in[0], "Convert", 0, in, 1,
               (const Attr[]){{"destination_type", "f32"}, {NULL, NULL}}));
    CA_TRY(reals(g, &in[1], (CarinaShape){0, {0}}, zero, zero));
    CA_TRY(add(g, &in[0], "Subtract", 0, in, 2, NULL));
    CA_TRY(reals(g, &in[1], by_result, 0.002, 0.004));
    return add(g, out, "Multiply", 0, in, 2, NULL);
}

static CarinaStatus convolve(CaGraph *g, CaValue **v, CarinaShape shape, int zero)
{
    CaValue *in[2] = {*v};
    const char *pad = shape.dims[2] == 3 ? "1,1" : "0,0";
    CA_TRY(filter(g, &in[1], shape, zero));
    return add(g, v, "Convolution", 0, in, 2,
               (const Attr[]){{"strides", "1,1"},
                              {"dilations", "1,1"},
                              {"pads_begin", pad},
                              {"pads_end", pad},
                              {NULL, NULL}});
}

/* Concatenated with what it was made of, in unequal steps; normalised, cut off, quantized: a layer of DenseNet. */
static CarinaStatus dense(CaGraph *g, CaValue **v)
{
    CaValue *in[MOST_IN] = {*v};
    CA_TRY(convolve(g, &in[0], (CarinaShape){4, {2 * C, C, 3, 3}}, 0));
    CA_TRY(quantize(g, &in[0], 0.03, 120));
    in[1] = *v;
    CA_TRY(add(g, v, "Concat", 0, in, 2, (const Attr[]){{"axis", "1"}, {NULL, NULL}}));
    CA_TRY(quantize(g, v, 0.035, 128));
    in[0] = *v;
    for (int i = 1; i < 5; i++)
        CA_TRY(reals(g, &in[i], (CarinaShape){1, {3 * C}}, i == 4 ? 0.5 : -1, 1));
    CA_TRY(add(g, v, "BatchNormInference", 5, in, 5,
               (const Attr[]){{"epsilon", "0.001"}, {NULL, NULL}}));
    CA_TRY(add(g, v, "ReLU", 0, v, 1, NULL));
    return quantize(g, v, 0.02, 0);
}

/* Two convolutions beside each other, each in its steps, and both in one's: written there at once. */
static CarinaStatus beside(CaGraph *g, CaValue **v, int zero)
{
    CaValue *in[2] = {*v, *v};
    CA_TRY(convolve(g, &in[0], (CarinaShape){4, {C, 3 * C, 1, 1}}, 0));
    CA_TRY(quantize(g, &in[0], 0.05, 128));
    CA_TRY(convolve(g, &in[1], (CarinaShape){4, {C, 3 * C, 1, 1}}, zero));
    CA_TRY(add(g, &in[1], "ReLU", 0, &in[1], 1, NULL));
    CA_TRY(quantize(g, &in[1], 0.025, 0));
    CA_TRY(add(g, v, "Concat", 0, in, 2, (const Attr[]){{"axis", "1"}, {NULL, NULL}}));
    return quantize(g, v, 0.06, 120);
}

static CarinaStatus classify(CaGraph *g, CaValue **v)
{
    CaValue *in[2] = {*v};
    CA_TRY(ca_graph_ints(&in[1], g, NULL, NULL, NULL, (const int64_t[]){2, 3}, 2, NULL));
    CA_TRY(add(g, v, "ReduceMean", 0, in, 2,
               (const Attr[]){{"keep_dims", "true"}, {NULL, NULL}}));
    CA_TRY(quantize(g, v, 0.01, 128));
    in[0] = *v;
    CA_TRY(ca_graph_ints(&in[1], g, NULL, NULL, NULL, (const int64_t[]){-1, 2 * C}, 2,
                         NULL));
    CA_TRY(add(g, v, "Reshape", 0, in, 2, NULL));
    in[0] = *v;
    CA_TRY(filter(g, &in[1], (CarinaShape){2, {N_OUT, 2 * C}}, 0));
    return add(g, v, "MatMul", 0, in, 2,
               (const Attr[]){{"transpose_b", "true"}, {NULL, NULL}});
}

/* zero: of the third convolution's filter; one that is not 0 keeps it in floats. */
static CarinaStatus build(CaGraph *g, int zero)
{
    const CarinaShape input = {4, {2, C, H, W}};
    CaValue *v = NULL;
    state = 1;
    CA_TRY(ca_graph_parameter(&v, g, "image", CARINA_F32, &input, NULL));
    CA_TRY(quantize(g, &v, 1.0 / 127, 128));
    CA_TRY(dense(g, &v));
    CA_TRY(beside(g, &v, zero));
    CA_TRY(add(g, &v, "AvgPool", 0, &v, 1,
               (const Attr[]){{"kernel", "2,3"},
                              {"strides", "2,2"},
                              {"pads_begin", "0,1"},
                              {"pads_end", "0,1"},
                              {"exclude-pad", "true"},
                              {NULL, NULL}}));
    CA_TRY(quantize(g, &v, 0.04, 100));
    CA_TRY(classify(g, &v));
    CA_TRY(ca_graph_result(g, "classes", v, NULL));
    return ca_graph_infer(g, NULL);
}

static int n_steps_of(const CarinaCompiled *exe, const char *kernel)
{
    int n = 0;
    const CarinaStep *s = NULL;
    for (int i = 0; (s = carina_compiled_step(exe, i, NULL)) != NULL; i++)
        n += strncmp(s->kernel, kernel, strlen(kernel)) == 0;
    return n;
}

typedef struct Answer {
    float y[2 * N_OUT];
    int n_stages, n_means, n_norms, n_products;
} Answer;

static bool answer(Answer *a, int zero, int n_threads, const char *precision)
{
    const CarinaContextOptions options = {
        .struct_size = sizeof options, .n_threads = n_threads, .plugin_dir = PLUGIN_DIR};
    const CarinaCompileOptions how = {.struct_size = sizeof how,
                                      .n_threads = n_threads,
                                      .n_streams = 1,
                                      .precision = precision};
    CarinaModel model = {.graph = NULL};
    CarinaContext *ctx = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaError err = {CARINA_OK, ""};
    const bool ok = carina_context_create(&ctx, &options, &err) == CARINA_OK &&
                    ca_graph_create(&model.graph, &err) == CARINA_OK &&
                    build(model.graph, zero) == CARINA_OK && (model.ctx = ctx, true) &&
                    carina_compile(&exe, ctx, &model, "CPU", &how, &err) == CARINA_OK &&
                    carina_request_create(&req, exe, &err) == CARINA_OK;
    if (ok) {
        float *in = carina_request_input(req, 0)->data;
        state = 77;
        for (int i = 0; i < 2 * C * H * W; i++)
            in[i] = (float)noise();
    }
    const bool ran = ok && carina_request_infer(req, &err) == CARINA_OK;
    if (ran) {
        memcpy(a->y, carina_request_output(req, 0)->data, sizeof a->y);
        a->n_stages = n_steps_of(exe, "u8_stages");
        a->n_means = n_steps_of(exe, "u8_mean");
        a->n_norms = n_steps_of(exe, "batch_norm");
        a->n_products = n_steps_of(exe, "u8_conv");
    }
    if (!ran)
        test_fail(__FILE__, __LINE__, err.text);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    ca_graph_free(&model.graph);
    carina_context_free(&ctx);
    return ran;
}

/* The product's input may lie a step of 0.01 off where a sum falls between two steps, and one more for what came before
 * it; each of 32 weights is at most 100 * 0.004. */
static bool is_near(const Answer *a, const Answer *b)
{
    for (int i = 0; i < 2 * N_OUT; i++)
        if (!(fabsf(a->y[i] - b->y[i]) <= 2 * 0.01f * 2 * C * 100 * 0.004f))
            return false;
    return true;
}

static bool differs(const Answer *a)
{
    float low = a->y[0], high = a->y[0];
    for (int i = 1; i < 2 * N_OUT; i++) {
        low = fminf(low, a->y[i]);
        high = fmaxf(high, a->y[i]);
    }
    return high - low > 0.5f;
}

TEST(quantized_layers_between_convolutions_are_steps_of_u8)
{
    Answer a, f;
    CHECK(answer(&f, 0, 1, "f32") && answer(&a, 0, 1, "int8"));
    CHECK_EQ(a.n_stages, 1);
    CHECK_EQ(a.n_means, 2);
    CHECK_EQ(a.n_norms, 0);
    CHECK_EQ(a.n_products, 4);
    CHECK_EQ(f.n_norms, 1);
    CHECK(differs(&a) && is_near(&a, &f));
}

TEST(a_stored_filter_that_is_no_s8_becomes_floats)
{
    Answer a, f;
    CHECK(answer(&f, 60, 1, "f32") && answer(&a, 60, 1, "int8"));
    CHECK_EQ(a.n_products, 3);
    CHECK_EQ(a.n_stages, 2); /* its part of the concatenation comes later */
    CHECK(differs(&a) && is_near(&a, &f));
}

TEST(int8_gives_the_same_bits_on_any_number_of_threads)
{
    Answer first, a;
    CHECK(answer(&first, 0, 1, "int8"));
    for (int n = 2; n <= 4; n++) {
        CHECK(answer(&a, 0, n, "int8"));
        CHECK(memcmp(first.y, a.y, sizeof a.y) == 0);
    }
}

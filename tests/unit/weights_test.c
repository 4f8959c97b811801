/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compiled models hold: packed weights are shared by shapes, batches and models of a context, without a change of
 * the answers; least memory; and models that are taken.
 */
#include "test.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include "graph/shape.h"
#include <carina/engine.h>

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    CHANNELS = 32,
    SIDE = 28,
    N_CLASSES = 10,
    N_FILTER = CHANNELS * CHANNELS * 9,
    N_MATRIX = CHANNELS * SIDE * SIDE * N_CLASSES,
    /* rows of a panel and blocks of channels that are not full, biases */
    MOST_PADDING = CHANNELS * SIDE * SIDE * 64 * 4 + 4096
};

typedef struct Shelf {
    CarinaContext *ctx;
    CarinaModel *model; /* of any batch */
} Shelf;

static CarinaTensor *noise(const CarinaShape *shape, uint32_t seed)
{
    CarinaTensor *t = NULL;
    if (carina_tensor_create(&t, CARINA_F32, shape, NULL) != CARINA_OK)
        return NULL;
    for (int64_t i = 0, n = ca_tensor_count(t); i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        ((float *)t->data)[i] = (float)(seed >> 8) * 0x1p-23f - 1;
    }
    return t;
}

static CarinaStatus add(CaGraph *g, CaNode **n, CaValue **v, const char *op,
                        CarinaShape shape, uint32_t seed)
{
    CaValue *in[2] = {*v, NULL};
    CA_TRY(ca_graph_constant(&in[1], g, NULL, NULL, noise(&shape, seed), NULL));
    CA_TRY(ca_graph_add(n, g, NULL, op, 0, NULL, in, 2, 1, NULL));
    *v = &(*n)->outputs[0];
    return CARINA_OK;
}

/* A convolution 3x3, and a product with 10 classes. */
static CarinaStatus build(CaGraph *g)
{
    const CarinaShape input = {4, {CARINA_DYNAMIC, CHANNELS, SIDE, SIDE}};
    CaValue *v = NULL, *flat = NULL;
    CaNode *n = NULL;
    CA_TRY(ca_graph_parameter(&v, g, "image", CARINA_F32, &input, NULL));
    CA_TRY(
        add(g, &n, &v, "Convolution", (CarinaShape){4, {CHANNELS, CHANNELS, 3, 3}}, 1));
    for (const char *const *a =
             (const char *const[]){"strides", "1,1", "pads_begin", "1,1", "pads_end",
                                   "1,1", "dilations", "1,1", NULL};
         *a; a += 2)
        CA_TRY(ca_node_set_text(g, n, a[0], a[1], NULL));
    CA_TRY(ca_graph_ints(&flat, g, NULL, NULL, NULL,
                         (const int64_t[]){-1, CHANNELS * SIDE * SIDE}, 2, NULL));
    CaValue *in[2] = {v, flat};
    CA_TRY(ca_graph_add(&n, g, NULL, "Reshape", 0, NULL, in, 2, 1, NULL));
    v = &n->outputs[0];
    CA_TRY(add(g, &n, &v, "MatMul", (CarinaShape){2, {CHANNELS * SIDE * SIDE, N_CLASSES}},
               2));
    CA_TRY(ca_graph_result(g, "classes", v, NULL));
    return ca_graph_infer(g, NULL);
}

static bool shelf_open(Shelf *s)
{
    const CarinaContextOptions options = {
        .struct_size = sizeof options, .n_threads = 2, .plugin_dir = PLUGIN_DIR};
    s->model = ca_alloc(sizeof *s->model);
    return s->model && carina_context_create(&s->ctx, &options, NULL) == CARINA_OK &&
           ca_graph_create(&s->model->graph, NULL) == CARINA_OK &&
           build(s->model->graph) == CARINA_OK;
}

static void shelf_close(Shelf *s)
{
    carina_model_free(&s->model);
    carina_context_free(&s->ctx);
}

static CarinaCompiled *compiled(const Shelf *s, CarinaMemory memory)
{
    const CarinaCompileOptions how = {.struct_size = sizeof how, .memory = memory};
    CarinaCompiled *exe = NULL;
    return carina_compile(&exe, s->ctx, s->model, "CPU", &how, NULL) == CARINA_OK ? exe
                                                                                  : NULL;
}

static CarinaMemoryUse use_of(CarinaCompiled *exe)
{
    CarinaMemoryUse use = {.struct_size = sizeof use};
    return carina_compiled_memory(exe, &use) ? use : (CarinaMemoryUse){0, 0, 0, 0};
}

/* The classes of the last of n images. */
static bool answer(CarinaCompiled *exe, int n, float out[N_CLASSES])
{
    const CarinaShape shape = {4, {n, CHANNELS, SIDE, SIDE}};
    CarinaTensor *in = noise(&shape, 3);
    CarinaRequest *req = NULL;
    const bool good = in && carina_request_create(&req, exe, NULL) == CARINA_OK &&
                      carina_request_set_input(req, 0, in, NULL) == CARINA_OK &&
                      carina_request_infer(req, NULL) == CARINA_OK;
    if (good)
        memcpy(out,
               (const float *)carina_request_output(req, 0)->data +
                   (size_t)(n - 1) * N_CLASSES,
               N_CLASSES * sizeof *out);
    carina_request_free(&req);
    carina_tensor_free(&in);
    return good;
}

TEST(shapes_and_models_share_what_is_packed)
{
    Shelf s = {NULL, NULL};
    CHECK(shelf_open(&s));
    CarinaCompiled *first = compiled(&s, CARINA_MEMORY_FAST);
    CHECK(first);
    const CarinaMemoryUse one = use_of(first);
    CHECK(one.packed_weights >= (N_FILTER + N_MATRIX) * sizeof(float));
    CHECK_EQ(one.shared_weights, 0);
    CHECK(one.activations >= CHANNELS * SIDE * SIDE * sizeof(float));
    /* The product is packed in one way, whatever the batch is; the convolution perhaps in another. */
    float shared[N_CLASSES], alone[N_CLASSES];
    CHECK(answer(first, 5, shared));
    const CarinaMemoryUse two = use_of(first);
    CHECK(two.shared_weights >= N_MATRIX * sizeof(float));
    CHECK_EQ(two.packed_weights + two.shared_weights >= 2 * N_MATRIX * sizeof(float), 1);
    CHECK(two.packed_weights < one.packed_weights + 36 * N_FILTER * sizeof(float));
    CHECK(two.activations > one.activations);
    /* The same model once more packs nothing, and does not need the first to live on. */
    CarinaCompiled *second = compiled(&s, CARINA_MEMORY_FAST);
    CHECK(second);
    CHECK_EQ(use_of(second).packed_weights, 0);
    CHECK_EQ(use_of(second).shared_weights, one.packed_weights);
    carina_compiled_free(&first);
    CHECK(answer(second, 5, alone));
    CHECK_EQ(memcmp(shared, alone, sizeof alone), 0);
    carina_compiled_free(&second);
    /* Nobody reads it any more: it is gone. */
    first = compiled(&s, CARINA_MEMORY_FAST);
    CHECK_EQ(use_of(first).packed_weights, one.packed_weights);
    CHECK(answer(first, 5, alone));
    CHECK_EQ(memcmp(shared, alone, sizeof alone), 0);
    carina_compiled_free(&first);
    shelf_close(&s);
}

TEST(another_weight_is_not_shared)
{
    Shelf s = {NULL, NULL};
    CHECK(shelf_open(&s));
    CarinaCompiled *first = compiled(&s, CARINA_MEMORY_FAST);
    float before[N_CLASSES], after[N_CLASSES];
    CHECK(first && answer(first, 1, before));
    size_t n_changed = 0;
    CA_EACH_NODE(n, s.model->graph)
        if (n->n_outputs && n->outputs[0].constant && n->outputs[0].shape.rank == 4) {
            ((float *)n->outputs[0].constant->data)[N_FILTER - 1] += 1;
            n_changed++;
        }
    CHECK_EQ(n_changed, 1);
    CarinaCompiled *second = compiled(&s, CARINA_MEMORY_FAST);
    CHECK(second && answer(second, 1, after));
    CHECK(use_of(second).packed_weights >= N_FILTER * sizeof(float));
    CHECK(use_of(second).shared_weights >= N_MATRIX * sizeof(float));
    CHECK(memcmp(before, after, sizeof after) != 0);
    carina_compiled_free(&first);
    carina_compiled_free(&second);
    shelf_close(&s);
}

TEST(least_memory_packs_no_filter_larger_than_it_is)
{
    Shelf s = {NULL, NULL};
    float fast_answer[N_CLASSES], low_answer[N_CLASSES];
    CHECK(shelf_open(&s));
    CarinaCompiled *fast = compiled(&s, CARINA_MEMORY_FAST);
    CHECK(fast && answer(fast, 1, fast_answer));
    const size_t most = use_of(fast).packed_weights;
    carina_compiled_free(&fast);
    CarinaCompiled *low = compiled(&s, CARINA_MEMORY_LOW);
    CHECK(low && answer(low, 1, low_answer));
    const size_t least = use_of(low).packed_weights;
    CHECK(least <= most);
    CHECK(least >= (N_FILTER + N_MATRIX) * sizeof(float));
    CHECK(least <= (N_FILTER + N_MATRIX) * sizeof(float) + MOST_PADDING);
    /* Winograd errs by 1e-5 of the largest result, which is at most 288 here, in each term of the product; its own sums
     * err by an epsilon of themselves a term. */
    const float terms = CHANNELS * SIDE * SIDE, largest = CHANNELS * 9;
    for (int i = 0; i < N_CLASSES; i++)
        CHECK(fabsf(low_answer[i] - fast_answer[i]) <=
              terms * largest * 1e-5F + terms * FLT_EPSILON * fabsf(fast_answer[i]));
    carina_compiled_free(&low);
    shelf_close(&s);
}

TEST(a_taken_model_answers_as_a_borrowed_one)
{
    Shelf s = {NULL, NULL};
    CarinaCompiled *lent = NULL, *taken = NULL;
    CarinaError err = {CARINA_OK, ""};
    float want[N_CLASSES], got[N_CLASSES];
    const CarinaShape one = {4, {1, CHANNELS, SIDE, SIDE}};
    CHECK(shelf_open(&s));
    CHECK_STATUS(carina_model_reshape(s.model, 0, &one, &err), CARINA_OK);
    CHECK_STATUS(carina_compile(&lent, s.ctx, s.model, "CPU", NULL, &err), CARINA_OK);
    CHECK(answer(lent, 1, want));
    carina_compiled_free(&lent); /* or nothing would be packed */
    CHECK_STATUS(carina_compile_take(&taken, s.ctx, &s.model, "CPU", NULL, &err),
                 CARINA_OK);
    CHECK(!s.model);
    CHECK(use_of(taken).packed_weights > 0);
    CHECK(answer(taken, 1, got));
    CHECK_EQ(memcmp(want, got, sizeof want), 0);
    carina_compiled_free(&taken);
    shelf_close(&s);
    CHECK(shelf_open(&s));
    CHECK_STATUS(carina_compile_take(&taken, s.ctx, &s.model, "TPU", NULL, &err),
                 CARINA_ERR_NOT_FOUND);
    CHECK(!taken && !s.model);
    shelf_close(&s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices, permutations and reshapes on the CPU, in chains that are copied once or not at all: the elements of the
 * reference, whoever else reads what is between; and attention that reads and writes through them.
 */
#include "test.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include <carina/engine.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_RESULTS = 12 };

static uint32_t state;
static int noise(int n)
{
    state = state * 1664525u + 1013904223u;
    return (int)((state >> 8) % (uint32_t)n);
}

typedef struct Chain {
    CaGraph *g;
    CaValue *v;
    int n_results;
} Chain;

static CaValue *ints(const Chain *c, const CarinaShape *shape, const int64_t *v, int n)
{
    CaValue *out = NULL;
    (void)ca_graph_ints(&out, c->g, NULL, NULL, shape, v, n, NULL);
    return out;
}

static CarinaStatus add(Chain *c, const char *op, CaValue *const *in, int n_in, int n_out)
{
    CaNode *n = NULL;
    CA_TRY(ca_graph_add(&n, c->g, NULL, op, 0, NULL, in, n_in, n_out, NULL));
    if (strcmp(op, "Split") == 0)
        CA_TRY(ca_node_set_int(c->g, n, "num_splits", n_out, NULL));
    if (strcmp(op, "Reverse") == 0)
        CA_TRY(ca_node_set_text(c->g, n, "mode", "index", NULL));
    CA_TRY(ca_node_infer(c->g, n, NULL));
    c->v = &n->outputs[noise(n_out)];
    return CARINA_OK;
}

static CarinaStatus turn(Chain *c)
{
    int64_t order[CARINA_MAX_RANK];
    const int rank = c->v->shape.rank;
    for (int i = 0; i < rank; i++) {
        const int j = noise(i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    return add(c, "Transpose", (CaValue *[]){c->v, ints(c, NULL, order, rank)}, 2, 1);
}

/* Two axes become one, or one becomes two, or an axis of 1 is put in. */
static CarinaStatus reshape(Chain *c)
{
    const CarinaShape s = c->v->shape;
    int64_t dims[CARINA_MAX_RANK];
    const int at = noise(s.rank), how = noise(3);
    int n = 0;
    for (int i = 0; i < s.rank; i++) {
        const int64_t part = s.dims[i] % 2 == 0 ? 2 : 1;
        if (how == 0 && i == at && i + 1 < s.rank) {
            dims[n++] = s.dims[i] * s.dims[i + 1];
            i++;
        } else if (how == 1 && i == at && s.rank < 6) {
            dims[n++] = part;
            dims[n++] = s.dims[i] / part;
        } else if (how == 2 && i == at && s.rank < 6) {
            dims[n++] = 1;
            dims[n++] = s.dims[i];
        } else {
            dims[n++] = s.dims[i];
        }
    }
    return add(c, "Reshape", (CaValue *[]){c->v, ints(c, NULL, dims, n)}, 2, 1);
}

static CarinaStatus slice(Chain *c)
{
    const int64_t axis = noise(c->v->shape.rank), n = c->v->shape.dims[axis],
                  first = noise((int)n), step = noise(4) == 0 ? -1 : 1 + noise(2);
    const int64_t stop = step > 0 ? n : -n - 1;
    return add(c, "Slice",
               (CaValue *[]){c->v, ints(c, NULL, &first, 1), ints(c, NULL, &stop, 1),
                             ints(c, NULL, &step, 1), ints(c, NULL, &axis, 1)},
               5, 1);
}

static CarinaStatus split(Chain *c)
{
    const int64_t axis = noise(c->v->shape.rank);
    const CarinaShape scalar = {.rank = 0};
    const int parts = c->v->shape.dims[axis] % 3 == 0   ? 3
                      : c->v->shape.dims[axis] % 2 == 0 ? 2
                                                        : 1;
    return add(c, "Split", (CaValue *[]){c->v, ints(c, &scalar, &axis, 1)}, 2, parts);
}

static CarinaStatus reverse(Chain *c)
{
    const int64_t axis = noise(c->v->shape.rank);
    return add(c, "Reverse", (CaValue *[]){c->v, ints(c, NULL, &axis, 1)}, 2, 1);
}

/* Read by a result, or by a step that needs the numbers one behind the other. */
static CarinaStatus result(Chain *c)
{
    char name[16];
    (void)snprintf(name, sizeof name, "y%d", c->n_results++);
    return ca_graph_result(c->g, name, c->v, NULL);
}

static CarinaStatus build_chain(CaGraph *g, int seed)
{
    static CarinaStatus (*const links[])(Chain *) = {turn,  turn,  reshape, reshape,
                                                     slice, split, reverse};
    CarinaShape shape = {.rank = 2 + noise(3)};
    Chain c = {g, NULL, 0};
    state = (uint32_t)seed;
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = 1 + noise(12);
    CA_TRY(ca_graph_parameter(&c.v, g, "x", CARINA_F32, &shape, NULL));
    if (noise(2))
        CA_TRY(add(&c, "Negative", (CaValue *[]){c.v}, 1, 1));
    for (int i = 2 + noise(8); i > 0; i--) {
        CA_TRY(links[noise((int)(sizeof links / sizeof *links))](&c));
        if (noise(4) == 0 && c.n_results < MOST_RESULTS - 1)
            CA_TRY(result(&c));
        if (noise(8) == 0)
            CA_TRY(add(&c, "Abs", (CaValue *[]){c.v}, 1, 1));
    }
    CA_TRY(result(&c));
    return ca_graph_infer(g, NULL);
}

/* --- Attention over one product's queries, keys and values. */

enum { ROWS = 23, HEADS = 3, DEPTH = 8 };

static CarinaStatus heads_of(CaValue **out, Chain *c, CaValue *qkv, int which,
                             int n_batches)
{
    const int64_t first = which * HEADS * DEPTH, stop = first + HEADS * DEPTH, one = 1,
                  axis = 2, split[] = {ROWS, n_batches * HEADS, DEPTH},
                  order[] = {1, 0, 2}, apart[] = {n_batches, HEADS, ROWS, DEPTH};
    CA_TRY(add(c, "Slice",
               (CaValue *[]){qkv, ints(c, NULL, &first, 1), ints(c, NULL, &stop, 1),
                             ints(c, NULL, &one, 1), ints(c, NULL, &axis, 1)},
               5, 1));
    CA_TRY(add(c, "Reshape", (CaValue *[]){c->v, ints(c, NULL, split, 3)}, 2, 1));
    CA_TRY(add(c, "Transpose", (CaValue *[]){c->v, ints(c, NULL, order, 3)}, 2, 1));
    CA_TRY(add(c, "Reshape", (CaValue *[]){c->v, ints(c, NULL, apart, 4)}, 2, 1));
    *out = c->v;
    return CARINA_OK;
}

static CarinaStatus build_attention(CaGraph *g, int n_batches)
{
    const CarinaShape shape = {3, {ROWS, n_batches, 3 * HEADS * DEPTH}};
    const int64_t order[] = {2, 0, 1, 3}, flat[] = {ROWS * n_batches, HEADS * DEPTH};
    CaValue *qkv = NULL, *in[3] = {NULL};
    Chain c = {g, NULL, 0};
    CA_TRY(ca_graph_parameter(&qkv, g, "qkv", CARINA_F32, &shape, NULL));
    for (int i = 0; i < 3; i++)
        CA_TRY(heads_of(&in[i], &c, qkv, i, n_batches));
    CA_TRY(add(&c, "ScaledDotProductAttention", in, 3, 1));
    CA_TRY(add(&c, "Transpose", (CaValue *[]){c.v, ints(&c, NULL, order, 4)}, 2, 1));
    CA_TRY(add(&c, "Reshape", (CaValue *[]){c.v, ints(&c, NULL, flat, 2)}, 2, 1));
    CA_TRY(result(&c));
    return ca_graph_infer(g, NULL);
}

/* --- Both on the CPU and by the reference. */

typedef CarinaStatus Build(CaGraph *g, int which);

static double worst_of(const CarinaTensor *a, const CarinaTensor *b)
{
    double worst = 0;
    if (a->size != b->size)
        return INFINITY;
    for (size_t i = 0; i < a->size / sizeof(float); i++) {
        const double x = (double)((const float *)a->data)[i],
                     y = (double)((const float *)b->data)[i];
        worst = fabs(x - y) <= worst ? worst : fabs(x - y);
    }
    return worst;
}

/* The largest difference; how many steps copy. */
static double difference(Build *build, int which, int n_threads, int *n_copies)
{
    const CarinaContextOptions options = {
        .struct_size = sizeof options, .n_threads = n_threads, .plugin_dir = PLUGIN_DIR};
    const CarinaCompileOptions how = {
        .struct_size = sizeof how, .n_threads = n_threads, .n_streams = 1};
    CarinaModel model = {.graph = NULL};
    CarinaTensor *want[MOST_RESULTS] = {NULL};
    CarinaContext *ctx = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaError err = {CARINA_OK, ""};
    const CarinaStep *s = NULL;
    double worst = INFINITY;
    if (carina_context_create(&ctx, &options, &err) != CARINA_OK ||
        ca_graph_create(&model.graph, &err) != CARINA_OK ||
        build(model.graph, which) != CARINA_OK || (model.ctx = ctx, false) ||
        carina_compile(&exe, ctx, &model, "CPU", &how, &err) != CARINA_OK ||
        carina_request_create(&req, exe, &err) != CARINA_OK)
        goto out;
    const CarinaTensor *x = carina_request_input(req, 0);
    for (size_t i = 0; i < x->size / sizeof(float); i++)
        ((float *)x->data)[i] = (float)noise(2001) / 1000 - 1;
    if (carina_request_infer(req, &err) != CARINA_OK ||
        ca_reference_run(model.graph, want, &x, &err) != CARINA_OK)
        goto out;
    worst = 0;
    for (int i = 0; i < model.graph->n_outputs; i++)
        worst = fmax(worst, worst_of(carina_request_output(req, i), want[i]));
    *n_copies = 0;
    for (int i = 0; (s = carina_compiled_step(exe, i, NULL)) != NULL; i++)
        *n_copies += strcmp(s->kernel, "strided") == 0;
out:
    if (worst == INFINITY)
        test_fail(__FILE__, __LINE__, err.text);
    for (int i = 0; i < MOST_RESULTS; i++)
        carina_tensor_free(&want[i]);
    carina_request_free(&req);
    carina_compiled_free(&exe);
    ca_graph_free(&model.graph);
    carina_context_free(&ctx);
    return worst;
}

TEST(chains_of_views_are_the_reference)
{
    for (int seed = 1; seed <= 300; seed++) {
        int n_copies = 0;
        CHECK(difference(build_chain, seed, 1 + seed % 3, &n_copies) == 0);
    }
}

/* Numbers are below 1, scores below sqrt(DEPTH). A score has DEPTH + 5 roundings, an exponential 3 of its argument and 3
 * of its own, sums and the second product one a row: twice in numerator and denominator. */
TEST(attention_needs_no_copies_around_it)
{
    const double size = sqrt((double)DEPTH),
                 bound = 0.5 * (double)FLT_EPSILON *
                         (2 * ((DEPTH + 5) * size + 6 * size + 3) + 2 * ROWS + 9);
    int n_copies = 0;
    for (int n = 1; n <= 4; n++) {
        CHECK(difference(build_attention, 1, n, &n_copies) <= bound);
        CHECK(n_copies == 0);
        CHECK(difference(build_attention, 2, n, &n_copies) <= bound);
    }
}

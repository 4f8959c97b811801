/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine on a small network: requests in all the ways they can be run, from several threads, without leaks,
 * without allocations, with the same bits.
 */
#include "test.h"
#include "test_allocations.h"

#include "engine/model_own.h"
#include "graph/op.h"
#include "graph/shape.h"
#include <carina/engine.h>

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIDE = 12, N_IN = 3 * SIDE * SIDE, N_CLASSES = 10 };

typedef struct Net {
    CarinaContext *ctx;
    CarinaModel model;
    CarinaCompiled *exe;
} Net;

/* --- conv 3x3 to 20 channels, bias, PReLU, conv 3x3 to 16, ReLU, product with 10 classes. ---- */

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

static CarinaStatus add(CaGraph *g, CaValue **v, const char *op, CaValue *second)
{
    CaValue *in[2] = {*v, second};
    CaNode *n = NULL;
    CA_TRY(ca_graph_add(&n, g, NULL, op, 0, NULL, in, second ? 2 : 1, 1, NULL));
    *v = &n->outputs[0];
    if (strcmp(op, "Convolution") == 0)
        for (const char *const *a =
                 (const char *const[]){"strides", "1,1", "pads_begin", "1,1", "pads_end",
                                       "1,1", "dilations", "1,1", NULL};
             *a; a += 2)
            CA_TRY(ca_node_set_text(g, n, a[0], a[1], NULL));
    return CARINA_OK;
}

static CarinaStatus weigh(CaGraph *g, CaValue **v, const char *op, CarinaShape shape,
                          uint32_t seed)
{
    CaValue *w = NULL;
    CA_TRY(ca_graph_constant(&w, g, NULL, NULL, noise(&shape, seed), NULL));
    return add(g, v, op, w);
}

static CarinaStatus build(CaGraph *g)
{
    const CarinaShape input = {4, {1, 3, SIDE, SIDE}};
    CaValue *v = NULL, *flat = NULL;
    CA_TRY(ca_graph_parameter(&v, g, "image", CARINA_F32, &input, NULL));
    CA_TRY(weigh(g, &v, "Convolution", (CarinaShape){4, {20, 3, 3, 3}}, 1));
    CA_TRY(weigh(g, &v, "Add", (CarinaShape){4, {1, 20, 1, 1}}, 2));
    CA_TRY(weigh(g, &v, "PReLU", (CarinaShape){1, {20}}, 5));
    CA_TRY(weigh(g, &v, "Convolution", (CarinaShape){4, {16, 20, 3, 3}}, 3));
    CA_TRY(add(g, &v, "ReLU", NULL));
    CA_TRY(ca_graph_ints(&flat, g, NULL, NULL, NULL,
                         (const int64_t[]){-1, 16 * SIDE * SIDE}, 2, NULL));
    CA_TRY(add(g, &v, "Reshape", flat));
    CA_TRY(weigh(g, &v, "MatMul", (CarinaShape){2, {16 * SIDE * SIDE, N_CLASSES}}, 4));
    CA_TRY(ca_graph_result(g, "classes", v, NULL));
    return ca_graph_infer(g, NULL);
}

static bool net_open_as(Net *net, const CarinaCompileOptions *how)
{
    const CarinaContextOptions options = {.struct_size = sizeof options,
                                          .n_threads = how->n_threads,
                                          .plugin_dir = PLUGIN_DIR};
    CarinaError err = {CARINA_OK, ""};
    *net = (Net){.ctx = NULL};
    if (carina_context_create(&net->ctx, &options, &err) == CARINA_OK &&
        ca_graph_create(&net->model.graph, &err) == CARINA_OK &&
        build(net->model.graph) == CARINA_OK) {
        net->model.ctx = net->ctx;
        if (carina_compile(&net->exe, net->ctx, &net->model, "CPU", how, &err) ==
            CARINA_OK)
            return true;
    }
    test_fail(__FILE__, __LINE__, err.text);
    return false;
}

static bool net_open(Net *net, int n_threads, int n_streams)
{
    const CarinaCompileOptions how = {
        .struct_size = sizeof how, .n_threads = n_threads, .n_streams = n_streams};
    return net_open_as(net, &how);
}

static void net_close(Net *net)
{
    carina_compiled_free(&net->exe);
    ca_graph_free(&net->model.graph);
    carina_context_free(&net->ctx);
}

static void feed(CarinaRequest *req, uint32_t seed)
{
    CarinaTensor *in = carina_request_input(req, 0), *t = noise(&in->shape, seed);
    memcpy(in->data, t->data, t->size);
    carina_tensor_free(&t);
}

/* What the network says to the image of that seed, on one thread of its own. */
static bool answer(CarinaCompiled *exe, uint32_t seed, float out[N_CLASSES])
{
    CarinaRequest *req = NULL;
    if (carina_request_create(&req, exe, NULL) != CARINA_OK)
        return false;
    feed(req, seed);
    const bool ok = carina_request_infer(req, NULL) == CARINA_OK;
    memcpy(out, carina_request_output(req, 0)->data, N_CLASSES * sizeof *out);
    carina_request_free(&req);
    return ok;
}

static bool says(CarinaRequest *req, const float want[N_CLASSES])
{
    return memcmp(carina_request_output(req, 0)->data, want, N_CLASSES * sizeof *want) ==
           0;
}

/* --- Ways to run. ----------------------------------------------------------------------------------- */

TEST(a_started_run_and_one_in_place_give_the_same)
{
    Net net;
    CarinaRequest *req = NULL;
    float want[N_CLASSES], other[N_CLASSES];
    CHECK(net_open(&net, 2, 1));
    CHECK(answer(net.exe, 1, want) && answer(net.exe, 2, other));
    CHECK(memcmp(want, other, sizeof want) != 0); /* the input matters */
    CHECK_STATUS(carina_request_create(&req, net.exe, NULL), CARINA_OK);
    CHECK_STATUS(carina_request_wait(req, 0, NULL), CARINA_OK); /* nothing to wait for */
    feed(req, 1);
    CHECK_STATUS(carina_request_start(req, NULL), CARINA_OK);
    CHECK_STATUS(carina_request_wait(req, 60000, NULL), CARINA_OK);
    CHECK_STATUS(carina_request_status(req), CARINA_OK);
    CHECK(says(req, want));
    carina_request_free(&req);
    net_close(&net);
}

/* The product sums 2304 terms, more than any layer before it: each may be off by eps of the largest result. */
TEST(the_network_says_what_its_definition_says)
{
    Net net;
    CarinaTensor *in = NULL, *want = NULL;
    float got[N_CLASSES];
    const CarinaShape shape = {4, {1, 3, SIDE, SIDE}};
    CHECK(net_open(&net, 2, 1));
    for (uint32_t seed = 1; seed < 4; seed++) {
        in = noise(&shape, seed);
        CHECK(in && answer(net.exe, seed, got));
        CHECK_STATUS(ca_reference_run(net.model.graph, &want,
                                      (const CarinaTensor *const *)&in, NULL),
                     CARINA_OK);
        const float *w = want->data;
        float most = 0;
        for (int i = 0; i < N_CLASSES; i++)
            most = fmaxf(most, fabsf(w[i]));
        for (int i = 0; i < N_CLASSES; i++)
            CHECK(fabsf(got[i] - w[i]) <= 2304 * FLT_EPSILON * most);
        carina_tensor_free(&in);
        carina_tensor_free(&want);
    }
    net_close(&net);
}

TEST(each_step_has_a_bound)
{
    Net net;
    const CarinaStep *step = NULL;
    double flop = 0;
    CHECK(net_open(&net, 2, 2)); /* of one thread */
    for (int i = 0; (step = carina_compiled_step(net.exe, i, NULL)); i++) {
        CarinaBound b = {.struct_size = sizeof b};
        CHECK(carina_compiled_bound(net.exe, i, &b));
        CHECK(b.compute_ns >= 0 && b.memory_ns > 0 && step->bytes > 0);
        CHECK((b.operations > 0) == (step->flop > 0) && b.operations <= step->flop);
        flop += step->flop;
        b.struct_size = 8; /* a caller that knows less than there is */
        CHECK(!carina_compiled_bound(net.exe, i, &b));
        b.struct_size = sizeof b;
        CHECK(!carina_compiled_bound(net.exe, i + 1000, &b));
    }
    CHECK(flop >= 2.0 * SIDE * SIDE * (27 * 20 + 180 * 16));
    net_close(&net);
}

typedef struct Gate {
    sem_t entered, open;
} Gate;

static void hold(void *arg, CarinaRequest *req, CarinaStatus status)
{
    Gate *gate = arg;
    (void)req, (void)status;
    sem_post(&gate->entered);
    sem_wait(&gate->open);
}

/* One stream has one worker: while it stands in the first request's callback, the second stays queued. */
TEST(a_queued_request_is_busy_times_out_and_can_be_cancelled)
{
    Net net;
    Gate gate;
    CarinaRequest *first = NULL, *second = NULL;
    CHECK(net_open(&net, 1, 1));
    sem_init(&gate.entered, 0, 0);
    sem_init(&gate.open, 0, 0);
    CHECK_STATUS(carina_request_create(&first, net.exe, NULL), CARINA_OK);
    CHECK_STATUS(carina_request_create(&second, net.exe, NULL), CARINA_OK);
    carina_request_set_callback(first, hold, &gate);
    CHECK_STATUS(carina_request_start(first, NULL), CARINA_OK);
    sem_wait(&gate.entered);
    CHECK_STATUS(carina_request_wait(first, 1, NULL), CARINA_ERR_TIMEOUT);
    CHECK_STATUS(carina_request_start(second, NULL), CARINA_OK);
    CHECK_STATUS(carina_request_status(second), CARINA_ERR_BUSY);
    CHECK_STATUS(carina_request_start(second, NULL), CARINA_ERR_BUSY);
    CHECK_STATUS(
        carina_request_set_input(second, 0, carina_request_input(second, 0), NULL),
        CARINA_ERR_BUSY);
    CHECK_STATUS(carina_request_wait(second, 5, NULL), CARINA_ERR_TIMEOUT);
    carina_request_cancel(second);
    sem_post(&gate.open);
    CHECK_STATUS(carina_request_wait(second, 0, NULL), CARINA_ERR_CANCELLED);
    CHECK_STATUS(carina_request_status(second), CARINA_ERR_CANCELLED);
    CHECK_STATUS(carina_request_wait(first, 0, NULL), CARINA_OK);
    CHECK_STATUS(carina_request_infer(second, NULL),
                 CARINA_OK); /* good for another run */
    carina_request_free(&first);
    carina_request_free(&second);
    net_close(&net);
}

typedef struct Laps {
    int n;
    sem_t done;
} Laps;

static void again(void *arg, CarinaRequest *req, CarinaStatus status)
{
    Laps *laps = arg;
    if (status == CARINA_OK && ++laps->n < 5 &&
        carina_request_start(req, NULL) == CARINA_OK)
        return;
    sem_post(&laps->done);
}

TEST(a_callback_may_start_the_request_again)
{
    Net net;
    Laps laps = {.n = 0};
    CarinaRequest *req = NULL;
    CHECK(net_open(&net, 2, 2));
    sem_init(&laps.done, 0, 0);
    CHECK_STATUS(carina_request_create(&req, net.exe, NULL), CARINA_OK);
    carina_request_set_callback(req, again, &laps);
    CHECK_STATUS(carina_request_start(req, NULL), CARINA_OK);
    sem_wait(&laps.done);
    CHECK_STATUS(carina_request_wait(req, 0, NULL), CARINA_OK);
    CHECK_EQ(laps.n, 5);
    carina_request_free(&req);
    net_close(&net);
}

TEST(many_requests_in_flight_each_get_their_own_answer)
{
    enum { N = 32 };
    Net net;
    CarinaRequest *reqs[N];
    float want[N_CLASSES];
    CHECK(net_open(&net, 2, 2));
    for (uint32_t i = 0; i < N; i++) {
        CHECK_STATUS(carina_request_create(&reqs[i], net.exe, NULL), CARINA_OK);
        feed(reqs[i], i);
        CHECK_STATUS(carina_request_start(reqs[i], NULL), CARINA_OK);
    }
    for (uint32_t i = 0; i < N; i++) {
        CHECK_STATUS(carina_request_wait(reqs[i], 0, NULL), CARINA_OK);
        CHECK(answer(net.exe, i, want) && says(reqs[i], want));
        carina_request_free(&reqs[i]);
    }
    net_close(&net);
}

TEST(what_does_not_fit_a_request_is_refused)
{
    Net net;
    CarinaRequest *req = NULL;
    CarinaTensor *small = NULL;
    CarinaError err = {CARINA_OK, ""};
    const CarinaShape shape = {2, {1, 4}};
    CHECK(net_open(&net, 1, 1));
    CHECK_STATUS(carina_request_create(&req, net.exe, NULL), CARINA_OK);
    CHECK_STATUS(carina_tensor_create(&small, CARINA_F32, &shape, NULL), CARINA_OK);
    CHECK_STATUS(carina_request_set_input(req, 0, small, &err), CARINA_ERR_SHAPE);
    CHECK(strstr(err.text, "[1, 3, 12, 12]") && strstr(err.text, "[1, 4]"));
    CHECK_STATUS(carina_request_set_input(req, 1, small, &err), CARINA_ERR_ARGUMENT);
    CHECK_STATUS(carina_request_set_output(req, -1, small, &err), CARINA_ERR_ARGUMENT);
    CHECK(!carina_request_output(req, 1));
    carina_tensor_free(&small);
    carina_request_free(&req);
    CarinaCompiled *none = NULL;
    CHECK_STATUS(carina_compile(&none, net.ctx, &net.model, "TPU", NULL, &err),
                 CARINA_ERR_NOT_FOUND);
    CHECK(!none && strstr(err.text, "TPU"));
    net_close(&net);
}

/* Batches of 1 to 12 and back, each row what the one image alone gives; at most CA_MAX_PROGRAMS are kept. */
TEST(a_request_may_have_another_batch)
{
    Net net;
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaError err = {CARINA_OK, ""};
    float want[N_CLASSES];
    const CarinaShape any = {4, {CARINA_DYNAMIC, 3, SIDE, SIDE}};
    CHECK(net_open(&net, 2, 1));
    CHECK(answer(net.exe, 1, want));
    CHECK_STATUS(carina_model_reshape(&net.model, 0, &any, &err), CARINA_OK);
    CHECK_STATUS(carina_compile(&exe, net.ctx, &net.model, "CPU", NULL, &err), CARINA_OK);
    CHECK_STATUS(carina_request_create(&req, exe, &err), CARINA_OK);
    for (int turn = 0; turn < 24; turn++) {
        const int n = turn < 12 ? turn + 1 : 24 - turn;
        const CarinaShape shape = {4, {n, 3, SIDE, SIDE}}, one = {4, {1, 3, SIDE, SIDE}};
        CarinaTensor *in = NULL, *image = noise(&one, 1);
        CHECK_STATUS(carina_tensor_create(&in, CARINA_F32, &shape, NULL), CARINA_OK);
        for (int i = 0; i < n; i++)
            memcpy((char *)in->data + (size_t)i * image->size, image->data, image->size);
        CHECK_STATUS(carina_request_set_input(req, 0, in, &err), CARINA_OK);
        CHECK_STATUS(carina_request_infer(req, &err), CARINA_OK);
        const CarinaTensor *out = carina_request_output(req, 0);
        CHECK_EQ(out->shape.dims[0], n);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < N_CLASSES; k++)
                CHECK(fabsf(((const float *)out->data)[i * N_CLASSES + k] - want[k]) <=
                      2304 * FLT_EPSILON * 16);
        const CarinaShape wide = {4, {n, 3, SIDE, SIDE + 1}};
        CarinaTensor *wrong = noise(&wide, 1);
        CHECK_STATUS(carina_request_set_input(req, 0, wrong, &err), CARINA_ERR_SHAPE);
        CHECK(strstr(err.text, "?, 3, 12, 12"));
        carina_tensor_free(&wrong);
        carina_tensor_free(&in);
        carina_tensor_free(&image);
    }
    carina_request_free(&req);
    carina_compiled_free(&exe);
    net_close(&net);
}

/* --- Several threads. ------------------------------------------------------------------------------- */

typedef struct Worker {
    Net *net;
    uint32_t seed;
    int n_wrong;
} Worker;

static void *run_often(void *arg)
{
    Worker *w = arg;
    float first[N_CLASSES], next[N_CLASSES];
    w->n_wrong += !answer(w->net->exe, w->seed, first);
    for (int i = 0; i < 20; i++)
        w->n_wrong +=
            !answer(w->net->exe, w->seed, next) || memcmp(first, next, sizeof first) != 0;
    return NULL;
}

static void *compile_often(void *arg)
{
    Worker *w = arg;
    for (int i = 0; i < 5; i++) {
        CarinaCompiled *exe = NULL;
        float out[N_CLASSES];
        w->n_wrong += carina_compile(&exe, w->net->ctx, &w->net->model, "CPU", NULL,
                                     NULL) != CARINA_OK ||
                      !answer(exe, w->seed, out);
        carina_compiled_free(&exe);
    }
    return NULL;
}

TEST(four_threads_run_while_a_fifth_compiles)
{
    Net net;
    pthread_t threads[5];
    Worker workers[5];
    CHECK(net_open(&net, 2, 2));
    for (uint32_t i = 0; i < 5; i++) {
        workers[i] = (Worker){&net, i, 0};
        CHECK_EQ(pthread_create(&threads[i], NULL, i < 4 ? run_often : compile_often,
                                &workers[i]),
                 0);
    }
    for (int i = 0; i < 5; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(workers[i].n_wrong, 0);
    net_close(&net);
}

TEST(threads_and_streams_do_not_change_a_bit)
{
    float want[N_CLASSES], got[N_CLASSES];
    for (int n_threads = 1; n_threads <= 4; n_threads++)
        for (int n_streams = 1; n_streams <= n_threads; n_streams++) {
            Net net;
            CHECK(net_open(&net, n_threads, n_streams));
            CHECK_EQ(carina_compiled_n_streams(net.exe), n_streams);
            CHECK(answer(net.exe, 7, n_threads == 1 ? want : got));
            CHECK(n_threads == 1 || memcmp(want, got, sizeof want) == 0);
            net_close(&net);
        }
}

/* --- Memory. ---------------------------------------------------------------------------------------- */

TEST(a_run_takes_nothing_from_the_heap)
{
    Net net;
    CarinaRequest *req = NULL;
    if (!test_counts_allocations())
        SKIP("the heap is not counted here");
    CHECK(net_open(&net, 2, 1));
    CHECK_STATUS(carina_request_create(&req, net.exe, NULL), CARINA_OK);
    feed(req, 1);
    CHECK_STATUS(carina_request_infer(req, NULL), CARINA_OK); /* makes the scratch */
    CHECK_STATUS(carina_request_start(req, NULL), CARINA_OK); /* makes the worker */
    CHECK_STATUS(carina_request_wait(req, 0, NULL), CARINA_OK);
    const long before = test_allocations();
    for (int i = 0; i < 50; i++) {
        CHECK_STATUS(carina_request_infer(req, NULL), CARINA_OK);
        CHECK_STATUS(carina_request_start(req, NULL), CARINA_OK);
        CHECK_STATUS(carina_request_wait(req, 0, NULL), CARINA_OK);
    }
    CHECK_EQ(test_allocations() - before, 0);
    carina_request_free(&req);
    CHECK(test_allocations() >= before);
    net_close(&net);
}

static bool cycle(Net *net, bool with_compile)
{
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    if (with_compile &&
        carina_compile(&exe, net->ctx, &net->model, "CPU", NULL, NULL) != CARINA_OK)
        return false;
    const bool ok =
        carina_request_create(&req, with_compile ? exe : net->exe, NULL) == CARINA_OK &&
        carina_request_input(req, 0) && carina_request_output(req, 0);
    carina_compiled_free(&exe); /* before its request: any order is good */
    carina_request_free(&req);
    return ok;
}

TEST(ten_thousand_cycles_leave_nothing_behind)
{
    Net net;
    if (!test_counts_allocations())
        SKIP("the heap is not counted here");
    CHECK(net_open(&net, 1, 1));
    CHECK(cycle(&net, false) && cycle(&net, true));
    const long before = test_live_blocks();
    for (int i = 0; i < 10000; i++)
        CHECK(cycle(&net, i % 100 == 0));
    CHECK_EQ(test_live_blocks() - before, 0);
    CHECK(before > 0); /* the count counts */
    net_close(&net);
}

/* --- Tuning. ---------------------------------------------------------------------------------------- */

/* The folder's file of answers to path; everything is removed where path is NULL. */
static bool look_into(char *path, size_t room, const char *folder)
{
    char file[600];
    bool found = false;
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        (void)snprintf(file, sizeof file, "%s/%s", folder, e->d_name);
        if (!path)
            (void)unlink(file);
        else if (strstr(e->d_name, ".carina-tuned"))
            found = snprintf(path, room, "%s", file) < (int)room;
    }
    if (dir)
        closedir(dir);
    return found;
}

static bool write_text(const char *path, const char *head, const char *rest)
{
    FILE *f = fopen(path, "w");
    const bool good = f && fputs(head, f) >= 0 && fputs(rest, f) >= 0;
    return f && fclose(f) == 0 && good;
}

/* The second convolution's kernel: the one that has several algorithms. */
static bool uses(const Net *net, const char *algorithm)
{
    const CarinaStep *s = NULL;
    for (int i = 0; (s = carina_compiled_step(net->exe, i, NULL)); i++)
        if (strcmp(s->type, "Convolution") == 0 && s->shape.dims[1] == 16)
            return strstr(s->kernel, algorithm) != NULL;
    return false;
}

#define SHAPE "1 20 16 12 12 12 12 3 3 1 1 1 1 1 1 1 "

/* Of the network with these options; the kernel is checked where algorithm is not NULL. */
static bool answer_as(const CarinaCompileOptions *how, const char *algorithm,
                      float out[N_CLASSES])
{
    Net net;
    const bool good = net_open_as(&net, how) && answer(net.exe, 1, out) &&
                      (!algorithm || uses(&net, algorithm));
    net_close(&net);
    return good;
}

TEST(tuning_keeps_its_answers_with_what_was_packed_for_them)
{
    char folder[] = "/tmp/carina_tune_XXXXXX", path[600], head[200] = "";
    float direct[N_CLASSES], first[N_CLASSES], again[N_CLASSES];
    CarinaCompileOptions how = {.struct_size = sizeof how, .n_threads = 2, .exact = true};
    CHECK(answer_as(&how, "direct", direct));
    CHECK(mkdtemp(folder) != NULL);
    how = (CarinaCompileOptions){
        .struct_size = sizeof how, .n_threads = 2, .cache_dir = folder, .tune = true};
    CHECK(answer_as(&how, NULL, first) && look_into(path, sizeof path, folder));
    FILE *f = fopen(path, "r");
    CHECK(f && fgets(head, sizeof head, f));
    if (f)
        fclose(f);
    CHECK(write_text(path, head, SHAPE "winograd4\n"));
    CHECK(answer_as(&how, "winograd4", first) && answer_as(&how, "winograd4", again));
    CHECK(memcmp(first, again, sizeof first) == 0 &&
          memcmp(first, direct, sizeof first) != 0);
    CHECK(write_text(path, head, SHAPE "direct\n"));
    CHECK(answer_as(&how, "direct", again) && memcmp(again, direct, sizeof again) == 0);
    CHECK(answer_as(&how, "direct", again) && memcmp(again, direct, sizeof again) == 0);
    (void)look_into(NULL, 0, folder);
    CHECK(rmdir(folder) == 0);
}

TEST(a_file_of_answers_may_hold_anything)
{
    static const char *const rests[] = {
        "1 2 3\n",
        SHAPE "planes\n",
        SHAPE "direct more\n",
        "1 20 16 12 12 12 12 3 3 1 1 1 1 1 1 -1 direct\n",
        "99999999999999999999 20 16 12 12 12 12 3 3 1 1 1 1 1 1 1 direct\n",
        "\n\n\n",
        SHAPE "dir", /* cut */
        SHAPE "direct\n" SHAPE "winograd4\n",
    };
    char folder[] = "/tmp/carina_tune_XXXXXX", path[600], head[200] = "", now[200] = "";
    float got[N_CLASSES];
    CHECK(mkdtemp(folder) != NULL);
    const CarinaCompileOptions how = {
        .struct_size = sizeof how, .n_threads = 2, .cache_dir = folder, .tune = true};
    CHECK(answer_as(&how, NULL, got) && look_into(path, sizeof path, folder));
    for (size_t i = 0; i < 2 * sizeof rests / sizeof *rests; i++) {
        FILE *f = fopen(path, "r");
        CHECK(f && fgets(now, sizeof now, f)); /* it is a good one again */
        CHECK(!i || strcmp(now, head) == 0);
        memcpy(head, now, sizeof head);
        if (f)
            fclose(f);
        CHECK(write_text(path, i & 1 ? "carina tuned 1: another\n" : head, rests[i / 2]));
        CHECK(answer_as(&how, NULL, got));
    }
    (void)look_into(NULL, 0, folder);
    CHECK(rmdir(folder) == 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole-steps on small TFLite files: every operator in integers, and the very bytes of TensorFlow Lite's reference
 * kernels, also from the graph as IR keeps it and after all other passes.
 */
#include "base/file.h"
#include "formats/tflite/tflite.h"
#include "graph_diff.h"
#include "ir/ir.h"
#include "passes/whole_steps.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

typedef enum Way { AS_READ, AFTER_PASSES, THROUGH_IR_10, THROUGH_IR_11 } Way;

static CarinaStatus load(CaGraph **g, const char *name, CarinaError *err)
{
    char path[1024];
    const CarinaReadOptions options = {sizeof options, NULL};
    CaSource source = {.path = path, .options = &options, .err = err};
    snprintf(path, sizeof path, "%s/%s.tflite", TFLITE_DIR, name);
    CA_TRY(ca_file_map(&source.file, path, err));
    const CarinaStatus status = ca_reader_tflite.read(g, &source);
    ca_buffer_unref(&source.file);
    return status == CARINA_OK ? ca_graph_infer(*g, err) : status;
}

#define STEM SCRATCH_DIR "/whole_steps"

static CarinaStatus through_ir(CaGraph **g, int as, CarinaError *err)
{
    CaBuffer *xml = NULL, *bin = NULL;
    CaGraph *again = NULL;
    int version = 0;
    CarinaStatus status = ca_ir_write(*g, STEM, as, false, err);
    if (status == CARINA_OK)
        status = ca_file_map(&xml, STEM ".xml", err);
    if (status == CARINA_OK)
        status = ca_file_map(&bin, STEM ".bin", err);
    if (status == CARINA_OK)
        status = ca_ir_read(&again, STEM ".xml", xml, bin, &version, err);
    ca_buffer_unref(&xml);
    ca_buffer_unref(&bin);
    ca_graph_free(g);
    *g = again;
    return status == CARINA_OK ? ca_graph_infer(*g, err) : status;
}

static CarinaStatus prepare(CaGraph **g, const char *name, Way way, int *n,
                            CarinaError *err)
{
    CA_TRY(load(g, name, err));
    if (way != AS_READ)
        CA_TRY(ca_passes_run(*g, NULL, NULL, NULL, err));
    if (way == THROUGH_IR_10 || way == THROUGH_IR_11)
        CA_TRY(through_ir(g, way == THROUGH_IR_10 ? 10 : 11, err));
    return ca_pass_whole_steps.run(*g, n, err);
}

static CarinaStatus answer(CarinaTensor **outs, const CaGraph *g, int times, int plus,
                           CarinaError *err)
{
    const CaValue *v = &g->inputs[0]->outputs[0];
    CarinaTensor *in = NULL;
    CA_TRY(carina_tensor_create(&in, v->type, &v->shape, err));
    const int lowest = v->type == CARINA_I8 ? -128 : 0;
    for (int64_t i = 0; i < ca_tensor_count(in); i++)
        ca_put_int(in->type, in->data, i, (i * times + plus) % 256 + lowest);
    const CarinaStatus status =
        ca_reference_run(g, outs, (const CarinaTensor *const[]){in}, err);
    carina_tensor_free(&in);
    return status;
}

static bool is_left_in_floats(const CaGraph *g)
{
    CA_EACH_NODE(n, g)
        if (ca_node_is(n, "FakeQuantize"))
            return true;
    return false;
}

static void check(const char *name, int times, int plus, int output, const int *want,
                  int n_want, Way way)
{
    CarinaError err = {CARINA_OK, ""};
    CaGraph *g = NULL;
    CarinaTensor *outs[4] = {NULL};
    int n = 0, n_differ = 0;
    CHECK_STATUS(prepare(&g, name, way, &n, &err), CARINA_OK);
    CHECK(n > 0);
    CHECK(!graph_fault(g));
    CHECK(!is_left_in_floats(g));
    CHECK_STATUS(answer(outs, g, times, plus, &err), CARINA_OK);
    CHECK_EQ(ca_tensor_count(outs[output]), n_want);
    for (int i = 0; i < n_want; i++)
        n_differ += ca_get_int(outs[output]->type, outs[output]->data, i) != want[i];
    for (int i = 0; i < 4; i++)
        carina_tensor_free(&outs[i]);
    ca_graph_free(&g);
    CHECK_EQ(n_differ, 0);
}

static void check_all(Way way)
{
#define WHOLE_STEPS(name, times, plus, output, ...)               \
    check(#name, times, plus, output, (const int[]){__VA_ARGS__}, \
          (int)(sizeof((const int[]){__VA_ARGS__}) / sizeof(int)), way);
#include "whole_steps.def"
#undef WHOLE_STEPS
}

TEST(whole_steps_are_the_reference_kernels) { check_all(AS_READ); }
TEST(whole_steps_survive_the_other_passes) { check_all(AFTER_PASSES); }
TEST(whole_steps_survive_ir_10) { check_all(THROUGH_IR_10); }
TEST(whole_steps_survive_ir_11) { check_all(THROUGH_IR_11); }

/* Without the marks of the TFLite reader nothing is rewritten. */
TEST(whole_steps_need_the_marks)
{
    CarinaError err = {CARINA_OK, ""};
    CaGraph *g = NULL;
    int n = 0;
    CHECK_STATUS(load(&g, "quantised_i8", &err), CARINA_OK);
    CA_EACH_NODE(node, g)
        node->info = NULL;
    CHECK_STATUS(ca_pass_whole_steps.run(g, &n, &err), CARINA_OK);
    CHECK_EQ(n, 0);
    CHECK(is_left_in_floats(g));
    ca_graph_free(&g);
}

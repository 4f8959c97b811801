/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What constants become in f32 has the bits of the definition in double.
 */
#include "test.h"

#include "graph/dequantize.h"
#include "graph/op.h"

#include <string.h>

static uint32_t seed = 7;
static uint32_t noise(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static CarinaTensor *tensor(CarinaType type, const CarinaShape *shape)
{
    CarinaTensor *t = NULL;
    if (carina_tensor_create(&t, type, shape, NULL) != CARINA_OK)
        return NULL;
    for (size_t i = 0; i < t->size; i++)
        ((unsigned char *)t->data)[i] = (unsigned char)noise();
    for (int64_t i = 0; type == CARINA_F32 && i < ca_tensor_count(t);
         i++) /* far apart in size */
        ((float *)t->data)[i] =
            ((float)noise() - 0x1p23f) * (noise() % 2 ? 0x1p-30f : 0x1p10f);
    return t;
}

/* 1: both gave the same; 0: the fast way is not for this node; -1: they differ. */
static int agree(const char *op, CarinaTensor *a, CarinaTensor *b)
{
    CaGraph *g = NULL;
    CaNode *n = NULL;
    CaValue *in[2] = {NULL, NULL};
    CarinaTensor *fast = NULL, *slow = NULL;
    int said = -1;
    if (ca_graph_create(&g, NULL) != CARINA_OK ||
        ca_graph_constant(&in[0], g, NULL, NULL, a, NULL) != CARINA_OK ||
        (b && ca_graph_constant(&in[1], g, NULL, NULL, b, NULL) != CARINA_OK) ||
        ca_graph_add(&n, g, NULL, op, 0, NULL, in, b ? 2 : 1, 1, NULL) != CARINA_OK ||
        (!b && ca_node_set_text(g, n, "destination_type", "f32", NULL) != CARINA_OK) ||
        ca_node_infer(g, n, NULL) != CARINA_OK)
        return -1;
    const CarinaTensor *const ins[2] = {in[0]->constant, b ? in[1]->constant : NULL};
    if (carina_tensor_create(&fast, CARINA_F32, &n->outputs[0].shape, NULL) ==
            CARINA_OK &&
        carina_tensor_create(&slow, CARINA_F32, &n->outputs[0].shape, NULL) ==
            CARINA_OK &&
        ca_reference_node(n, &slow, ins, NULL) == CARINA_OK) {
        const bool is_done = ca_dequantize(n, &fast, ins);
        said = !is_done ? 0 : memcmp(fast->data, slow->data, fast->size) == 0 ? 1 : -1;
    }
    carina_tensor_free(&fast);
    carina_tensor_free(&slow);
    ca_graph_free(&g);
    return said;
}

TEST(constants_in_f32_have_the_bits_of_their_definition)
{
    const CarinaShape filter = {4, {5, 3, 2, 3}}, per_result = {4, {5, 1, 1, 1}},
                      per_input = {3, {3, 1, 1}}, number = {0, {0}}, one = {1, {1}},
                      last = {1, {3}};
    const CarinaShape *const others[] = {&per_result, &per_input, &number,
                                         &one,        &last,      &filter};
    CHECK_EQ(agree("Convert", tensor(CARINA_I8, &filter), NULL), 1);
    CHECK_EQ(agree("Convert", tensor(CARINA_U8, &filter), NULL), 1);
    CHECK_EQ(agree("Convert", tensor(CARINA_I64, &filter), NULL), 0);
    for (int turn = 0; turn < 50; turn++)
        for (size_t i = 0; i < 5; i++)
            for (int op = 0; op < 2; op++)
                CHECK_EQ(agree(op ? "Multiply" : "Subtract", tensor(CARINA_F32, &filter),
                               tensor(CARINA_F32, others[i])),
                         1);
    CHECK_EQ(
        agree("Multiply", tensor(CARINA_F32, &per_result), tensor(CARINA_F32, &filter)),
        1);
    CHECK_EQ(
        agree("Subtract", tensor(CARINA_F32, &per_result), tensor(CARINA_F32, &filter)),
        0);
    CHECK_EQ(agree("Multiply", tensor(CARINA_F32, &filter), tensor(CARINA_F32, &filter)),
             0);
    CHECK_EQ(agree("Add", tensor(CARINA_F32, &filter), tensor(CARINA_F32, &one)), 0);
}

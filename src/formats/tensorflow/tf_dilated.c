/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: convolutions with dilation that were written as SpaceToBatchND, convolution, BatchToSpaceND. They are
 * joined before the translation: the convolution reads what SpaceToBatchND read and gets its block, its pads and the
 * crops as further inputs; what stands between it and BatchToSpaceND may only add or scale channels.
 */
#include "formats/tensorflow/tf_ends.h"

#include <string.h>

static bool is_one_of(const char *op, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(op, *list) == 0)
            return true;
    return false;
}

static const char *const convolutions[] = {"Conv2D", "DepthwiseConv2dNative", "Conv3D",
                                           NULL};
/* Element by element, whatever the batch is. */
static const char *const between[] = {
    "BiasAdd", "Relu", "Relu6", "Identity", "Elu", "Tanh", "Sigmoid", "LeakyRelu", NULL};

static bool is_plain(CaTf *r, const CaTfNode *n)
{
    int64_t list[CARINA_MAX_RANK];
    static const char *const names[] = {"strides", "dilations"};
    for (int k = 0; k < 2; k++) {
        const int count = ca_tf_attr_ints(r, n, names[k], list, CARINA_MAX_RANK);
        for (int i = 0; i < count; i++)
            if (list[i] != 1)
                return false;
    }
    return strcmp(ca_tf_attr_text(r, n, "padding", ""), "VALID") == 0 &&
           strncmp(ca_tf_attr_text(r, n, "data_format", "NHWC"), "NC", 2) != 0;
}

/* Both block shapes are the same constant, or constants of the same value. */
static bool same_block(CaTf *r, const CaTfEdge *a, const CaTfEdge *b)
{
    CaTfSpan x, y;
    if (!a->node || !b->node)
        return false;
    if (a->node == b->node && a->port == b->port)
        return true;
    const char *data = r->file->data;
    return ca_tf_attr_tensor(r, a->node, "value", &x) &&
           ca_tf_attr_tensor(r, b->node, "value", &y) && x.end - x.at == y.end - y.at &&
           memcmp(data + x.at, data + y.at, x.end - x.at) == 0;
}

static CarinaStatus join(CaTf *r, CaTfNode *conv, const CaTfNode *before,
                         CaTfNode *behind)
{
    CaTfEdge *in = ca_arena_array(r->b.work, 5, sizeof *in);
    if (!in)
        return ca_tf_no_memory(r);
    in[0] = before->in[0];
    in[1] = conv->in[1];
    in[2] = before->in[1];
    in[3] = before->in[2];
    in[4] = behind->in[2];
    conv->in = in;
    conv->n_in = 5;
    behind->op = "Identity";
    behind->n_in = 1;
    return CARINA_OK;
}

/* How many nodes read each: a convolution that others read stays as it is. */
static void count_readers(const CaTf *r, int32_t *n_readers)
{
    for (int32_t i = 0; i < r->n_nodes; i++)
        r->nodes[i]->place = i;
    for (int32_t i = 0; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in; k++)
            if (r->nodes[i]->in[k].node)
                n_readers[r->nodes[i]->in[k].node->place]++;
}

CarinaStatus ca_tf_join_dilations(CaTf *r)
{
    int32_t *n_readers =
        ca_arena_array(r->b.work, (size_t)r->n_nodes + 1, sizeof *n_readers);
    if (!n_readers)
        return ca_tf_no_memory(r);
    count_readers(r, n_readers);
    for (int32_t i = 0; i < r->n_nodes; i++) {
        CaTfNode *behind = r->nodes[i], *n = behind;
        if (strcmp(behind->op, "BatchToSpaceND") != 0 || behind->n_in != 3)
            continue;
        n = behind->in[0].node;
        for (int hops = 0; n && n->n_in > 0 && hops < 4 && is_one_of(n->op, between) &&
                           n_readers[n->place] == 1;
             hops++)
            n = n->in[0].node;
        if (!n || !is_one_of(n->op, convolutions) || n->n_in != 2 ||
            n_readers[n->place] != 1 || !is_plain(r, n))
            continue;
        const CaTfNode *before = n->in[0].node;
        if (before && before->n_in == 3 && strcmp(before->op, "SpaceToBatchND") == 0 &&
            same_block(r, &before->in[1], &behind->in[1]))
            CA_TRY(join(r, n, before, behind));
    }
    return r->b.status;
}

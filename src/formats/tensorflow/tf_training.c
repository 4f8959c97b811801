/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the network of a graph with variables ends, where nobody says it: at what is computed from data, belongs to neither loss,
 * optimiser, input pipeline nor log, and is read by these only.
 *
 * Whatever reads a loss or the labels that go into one belongs to training; so do gradients, by their name.
 */
#include "formats/tensorflow/tf_container.h"

#include <string.h>

enum { FROM_DATA = 1, TRAINING = 2, READ = 4 };

/* Where data come from. */
static const char sources[] =
    "Placeholder,PlaceholderV2,IteratorGetNext,QueueDequeueV2,"
    "QueueDequeueManyV2,QueueDequeueUpToV2,QueueDequeue,QueueDequeueMany";
/* The labels are input 1 of each. */
static const char losses[] =
    "SparseSoftmaxCrossEntropyWithLogits,SoftmaxCrossEntropyWithLogits,CTCLoss,InTopK,"
    "InTopKV2";
/* Parts of operators' names. */
static const char *const parts[] = {
    "Summary", "Save",    "Restore", "Assign",    "Enqueue",    "Apply",   "Assert",
    "Barrier", "Scatter", "Grad",    "QueueSize", "QueueClose", "Iterator"};

static bool is_training(const CaTfNode *n)
{
    if (strncmp(n->name, "gradients", 9) == 0 || strstr(n->name, "/gradients/") ||
        strncmp(n->name, "save/", 5) == 0 || ca_text_in_list("NoOp,Print", n->op))
        return true;
    if (ca_text_in_list(sources, n->op))
        return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(n->op, parts[i]))
            return true;
    return false;
}

/* The source of the labels that go into a loss, past casts and reshapes; NULL where it is that of the data too. */
static const CaTfNode *labels_of(const CaTfNode *loss)
{
    const CaTfNode *n = loss->n_in > 1 ? loss->in[1].node : NULL;
    for (int hops = 0; n && hops < 64; hops++) {
        if (n->n_in == 0)
            return ca_text_in_list(sources, n->op) ? n : NULL;
        n = n->in[0].node;
    }
    return NULL;
}

/* Marks travel from what is read to what reads, in any order of the nodes, until nothing changes. Each round gets on
 * by one node at least; in a file's usual order there are two. */
static void spread(const CaTf *r, unsigned char *marks)
{
    bool changed = true;
    for (int round = 0; changed && round < 1000; round++) {
        changed = false;
        for (int32_t i = 0; i < r->n_nodes; i++) {
            unsigned char now = marks[i];
            const CaTfNode *n = r->nodes[i];
            for (int32_t k = 0; k < n->n_in; k++)
                if (n->in[k].node)
                    now |= marks[n->in[k].node->place] & (FROM_DATA | TRAINING);
            changed = changed || now != marks[i];
            marks[i] = now;
        }
    }
}

bool ca_tf_is_pivot(const CaTfNode *n)
{
    const CaTfNode *from = n->n_in == 1 ? n->in[0].node : NULL;
    const char *slash = strrchr(n->name, '/');
    return (from && from->n_in == 2 && strcmp(from->op, "Switch") == 0) ||
           strcmp(n->op, "Switch") == 0 ||
           (from && slash && strcmp(slash, "/pred_id") == 0);
}

CarinaStatus ca_tf_guess_trained(CaTf *r)
{
    unsigned char *marks = ca_arena_alloc(r->b.work, (size_t)r->n_nodes + 1);
    bool has_training = false;
    if (!marks)
        return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
    for (int32_t i = 0; i < r->n_nodes; i++) {
        const CaTfNode *n = r->nodes[i];
        if (ca_text_in_list(sources, n->op))
            marks[i] |= FROM_DATA;
        if (ca_text_in_list(losses, n->op)) {
            marks[i] |= TRAINING;
            has_training = true;
            const CaTfNode *labels = labels_of(n);
            if (labels)
                marks[labels->place] |= TRAINING;
        }
        if (is_training(n)) {
            marks[i] |= TRAINING;
            has_training = has_training || strstr(n->op, "Apply") ||
                           strncmp(n->op, "Assign", 6) == 0;
        }
    }
    if (!has_training)
        return CARINA_OK;
    spread(r, marks);
    for (int32_t i = 0; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in && !(marks[i] & TRAINING); k++)
            if (r->nodes[i]->in[k].node)
                marks[r->nodes[i]->in[k].node->place] |= READ;
    for (int32_t i = 0; i < r->n_nodes; i++) {
        CaTfNode *n = r->nodes[i];
        if (marks[i] != FROM_DATA || ca_text_in_list(sources, n->op) || ca_tf_is_pivot(n))
            continue;
        const CaTfEnd end = {.name = n->name, .edge = {n->name, n, 0}};
        CA_TRY(ca_tf_add_output(r, &end));
    }
    return CARINA_OK;
}

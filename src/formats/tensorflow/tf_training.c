/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the network of a graph with variables ends, where nobody says it: at what is computed from data, belongs to neither loss,
 * optimiser, input pipeline nor log, and is read by these only.
 *
 * What is read by assignments and summaries only serves these. Whatever reads a loss or the labels that go into one belongs to training; so do gradients, by their name.
 */
#include "formats/tensorflow/tf_container.h"

#include <string.h>

enum { FROM_DATA = 1, TRAINING = 2, READ = 4, UPDATE = 8, MAX_ROUNDS = 1000 };

/* Where data come from. */
static const char sources[] =
    "Placeholder,PlaceholderV2,IteratorGetNext,QueueDequeueV2,"
    "QueueDequeueManyV2,QueueDequeueUpToV2,QueueDequeue,QueueDequeueMany";
/* The labels are input 1 of each. */
static const char losses[] =
    "SparseSoftmaxCrossEntropyWithLogits,SoftmaxCrossEntropyWithLogits,CTCLoss,InTopK,"
    "InTopKV2";
/* Parts of the names of operators that only change, write or check something. */
static const char *const parts[] = {
    "Summary", "Save",    "Restore",  "Assign",    "Enqueue",    "Apply",
    "Assert",  "Barrier", "Iterator", "QueueSize", "QueueClose", "ResourceScatter"};

static bool is_update(const CaTfNode *n)
{
    if (ca_text_in_list("NoOp,Print,ScatterUpdate,ScatterAdd,ScatterSub", n->op))
        return true;
    if (ca_text_in_list(sources, n->op))
        return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(n->op, parts[i]))
            return true;
    return false;
}

static bool is_training(const CaTfNode *n)
{
    const char *grad = strstr(n->op, "Grad"); /* but not StopGradient */
    return (grad && strncmp(grad, "Gradient", 8) != 0) ||
           strncmp(n->name, "gradients", 9) == 0 || strstr(n->name, "/gradients/") ||
           strncmp(n->name, "save/", 5) == 0 || is_update(n);
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
    for (int round = 0; changed && round < MAX_ROUNDS; round++) {
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

/* And against the edges: what is read, and only by updates, is part of them. A loss is none: what it reads is the
 * network. */
static void spread_back(const CaTf *r, unsigned char *marks, int32_t *n_others,
                        int32_t *n_readers)
{
    bool changed = true;
    for (int round = 0; changed && round < MAX_ROUNDS; round++) {
        changed = false;
        for (int32_t i = 0; i < r->n_nodes; i++)
            n_others[i] = n_readers[i] = 0;
        for (int32_t i = 0; i < r->n_nodes; i++)
            for (int32_t k = 0; k < r->nodes[i]->n_in; k++) {
                const CaTfNode *from = r->nodes[i]->in[k].node;
                if (!from)
                    continue;
                n_readers[from->place]++;
                n_others[from->place] += !(marks[i] & UPDATE);
            }
        for (int32_t i = 0; i < r->n_nodes; i++)
            if (!(marks[i] & UPDATE) && n_readers[i] > 0 && n_others[i] == 0) {
                marks[i] |= UPDATE;
                changed = true;
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

/* What the nodes are by themselves. Is anything trained here? */
static bool mark(const CaTf *r, unsigned char *marks, bool summaries_update)
{
    bool found = false;
    for (int32_t i = 0; i < r->n_nodes; i++) {
        const CaTfNode *n = r->nodes[i];
        marks[i] = ca_text_in_list(sources, n->op) ? FROM_DATA : 0;
        if (is_training(n) || ca_text_in_list(losses, n->op))
            marks[i] |= TRAINING;
        if (is_update(n) && (summaries_update || !strstr(n->op, "Summary")))
            marks[i] |= UPDATE;
        found = found || ca_text_in_list(losses, n->op) || strstr(n->op, "Apply") ||
                strncmp(n->op, "Assign", 6) == 0;
    }
    for (int32_t i = 0; i < r->n_nodes; i++) {
        const CaTfNode *n = r->nodes[i],
                       *labels = ca_text_in_list(losses, n->op) ? labels_of(n) : NULL;
        if (labels)
            marks[labels->place] |= TRAINING;
    }
    return found;
}

static CarinaStatus add_ends(CaTf *r, unsigned char *marks)
{
    for (int32_t i = 0; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in && !(marks[i] & (TRAINING | UPDATE));
             k++)
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

CarinaStatus ca_tf_guess_trained(CaTf *r)
{
    const size_t n_nodes = (size_t)r->n_nodes + 1;
    unsigned char *marks = ca_arena_alloc(r->b.work, n_nodes);
    int32_t *n_others = ca_arena_array(r->b.work, n_nodes, sizeof *n_others),
            *n_readers = ca_arena_array(r->b.work, n_nodes, sizeof *n_readers);
    if (!marks || !n_others || !n_readers)
        return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
    /* Summaries are of what is computed for them, unless that leaves nothing: then of the network's own result. */
    for (int i = 0; i < 2 && r->n_outputs == 0; i++) {
        if (!mark(r, marks, i == 0))
            return CARINA_OK;
        spread(r, marks);
        spread_back(r, marks, n_others, n_readers);
        CA_TRY(add_ends(r, marks));
    }
    return CARINA_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: translates the nodes that the outputs need, producers first; a loop is found on the way.
 */
#include "formats/tensorflow/tf.h"

#include "formats/custom_call.h"
#include "formats/tensorflow/tf_ends.h"
#include "formats/tensorflow/tf_loops.h"

#include <string.h>

static const CaTfOp *const tables[] = {
    ca_tf_nn,    ca_tf_math,     ca_tf_reduce,  ca_tf_moves,    ca_tf_parts,
    ca_tf_image, ca_tf_quantize, ca_tf_control, ca_tf_rnn,      ca_tf_branches,
    ca_tf_loops, ca_tf_frames,   ca_tf_lists,   ca_tf_segments, ca_tf_detect,
};

const CaTfOp *ca_tf_op_find(const char *name)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const CaTfOp *op = tables[t]; op->name; op++)
            if (strcmp(op->name, name) == 0)
                return op;
    return NULL;
}

const char *ca_tf_operator_name(int i)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const CaTfOp *op = tables[t]; op->name; op++)
            if (i-- == 0)
                return op->name;
    return NULL;
}

/* --- What a row's function sees. */

CaValue *ca_tf_opt(CaTfCall *c, int i) { return i < c->n_in ? c->in[i] : NULL; }

CaValue *ca_tf_in(CaTfCall *c, int i)
{
    CaValue *v = ca_tf_opt(c, i);
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "input %d is missing; the file is damaged",
                      i);
    return v;
}

bool ca_tf_out_used(const CaTfCall *c, int i)
{
    return (c->node->used >> (i < 63 ? i : 63) & 1) != 0;
}

/* Nodes made for this call carry its name: the last of them the node's own. */
void ca_tf_out(CaTfCall *c, int i, CaValue *v)
{
    CaBuild *b = c->b;
    if (!ca_build_settle(b) || !v || !ca_tf_out_used(c, i))
        return;
    const char *name =
        i == 0 ? c->node->name : ca_arena_printf(b->work, "%s:%d", c->node->name, i);
    if (ca_tf_set_value(c->r, c->node, i, v) != CARINA_OK || !name)
        return;
    if (!v->node) /* dead, or a list */
        return;
    if (v->node->id >= c->first_id) {
        if (i == 0)
            ca_build_ok(b, ca_node_rename(b->graph, v->node, c->node->name, b->err));
        ca_value_set_name(b->graph, v, name);
    } else if (!v->name) {
        ca_value_set_name(b->graph, v, name);
    }
}

/* --- One node. */

static const char *advice(const char *op)
{
    static const char *const rows[][2] = {
        {"Variable",
         "the graph is not frozen: give the checkpoint or SavedModel with its values"},
        {"VarHandle",
         "the graph is not frozen: give the checkpoint or SavedModel with its values"},
        {"Unique",
         "how many values differ is not known before the run; cut the model with "
         "--input and --output"},
        {"ListDiff",
         "how many values stay is not known before the run; cut the model with "
         "--input and --output"},
        {"LookupTable", "cut the model behind it with --input"},
        {"Iterator", "cut the model behind it with --input"},
        {"Queue", "cut the model behind it with --input"},
        {"Decode", "cut the model behind it with --input"},
        {"Parse", "cut the model behind it with --input"},
        {"String", "cut the model behind it with --input"},
        {"HashTable", "cut the model behind it with --input"},
        {"Random",
         "random numbers belong to training: export the model for inference, or freeze its "
         "condition with --freeze-placeholder-with-value"},
        {"Apply", "it belongs to training; name the model's outputs with --output"},
        {"Grad", "it belongs to training; name the model's outputs with --output"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strstr(op, rows[i][0]))
            return rows[i][1];
    return "load an extension that has it (-l FILE), cut the model before it with --output, "
           "or export it without this operator";
}

static CarinaStatus no_input(CaTf *r, const CaTfNode *n, const CaTfEdge *edge)
{
    if (!edge->node)
        return ca_build_fail(&r->b, CARINA_ERR_FORMAT,
                             "input '%s' is no node of the graph; the file was cut or is "
                             "damaged",
                             edge->text ? edge->text : "");
    return ca_build_fail(&r->b, CARINA_ERR_UNSUPPORTED,
                         "reads output %d of node '%s' (%s), which Carina does not "
                         "compute; cut the model before '%s' with --output",
                         edge->port, edge->node->name, edge->node->op, n->name);
}

static CarinaStatus translate(CaTf *r, CaTfNode *n)
{
    const bool is_custom = ca_custom_is(&r->b, CARINA_FORMAT_TENSORFLOW, NULL, n->op);
    const CaTfOp *op = is_custom ? NULL : ca_tf_op_find(n->op);
    CaTfCall c = {.r = r, .b = &r->b, .node = n, .first_id = r->b.graph->own->next_id};
    r->b.name = n->name;
    r->b.type = n->op;
    c.in = ca_arena_array(r->b.work, (size_t)n->n_in + 1, sizeof *c.in);
    if (!c.in)
        return ca_tf_no_memory(r);
    c.n_in = n->n_in;
    c.row = op;
    for (int32_t i = 0; i < n->n_in; i++) {
        c.in[i] = ca_tf_value(&n->in[i]);
        if (!c.in[i])
            return no_input(r, n, &n->in[i]);
        n->is_dead = n->is_dead ||
                     (c.in[i] == &ca_tf_dead && !(op && (op->flags & CA_TF_TAKES_DEAD)));
    }
    if (n->is_dead)
        return CARINA_OK;
    for (int32_t i = 0; (op || is_custom) && i < n->n_in; i++)
        if (!c.in[i]->node && c.in[i] != &ca_tf_dead &&
            !(op && (op->flags & CA_TF_TAKES_LISTS)))
            return ca_build_fail(&r->b, CARINA_ERR_UNSUPPORTED,
                                 "reads a list of tensors as a whole; cut the model "
                                 "before it with --output");
    if (!op && !is_custom)
        return ca_build_fail(&r->b, CARINA_ERR_UNSUPPORTED,
                             "operator %s is not supported; %s", n->op, advice(n->op));
    if (is_custom)
        ca_tf_custom(&c);
    else
        op->fn(&c);
    ca_build_settle(&r->b);
    return r->b.status;
}

/* --- The walk. */

typedef struct Frame {
    CaTfNode *node;
    int32_t input; /* the next to look at */
} Frame;
enum { UNSEEN, OPEN, DONE };

/* The next node that the frame's node reads and that is not translated; NULL if none. */
static CaTfNode *next_producer(Frame *f)
{
    while (f->input < f->node->n_in) {
        const CaTfEdge *edge = &f->node->in[f->input++];
        if (edge->node && edge->node->visit != DONE && !ca_tf_value(edge))
            return edge->node;
    }
    return NULL;
}

static CarinaStatus walk(CaTf *r, CaTfNode *root, Frame *stack)
{
    int32_t depth = 1;
    stack[0] = (Frame){root, 0};
    root->visit = OPEN;
    while (depth > 0) {
        Frame *f = &stack[depth - 1];
        CaTfNode *producer = next_producer(f);
        if (!producer) {
            CA_TRY(translate(r, f->node));
            f->node->visit = DONE;
            depth--;
        } else if (producer->visit == OPEN) {
            r->b.name = producer->name;
            r->b.type = producer->op;
            return ca_build_fail(&r->b, CARINA_ERR_FORMAT,
                                 "it depends on its own output; the file is damaged, or "
                                 "has a loop, which Carina does not run");
        } else {
            producer->visit = OPEN;
            stack[depth++] = (Frame){producer, 0};
        }
    }
    return CARINA_OK;
}

CarinaStatus ca_tf_translate_edge(CaTf *r, const CaTfEdge *edge, int32_t first)
{
    if (ca_tf_value(edge) || edge->node->visit != UNSEEN)
        return r->b.status;
    Frame *stack = ca_alloc(((size_t)(r->n_nodes - first) + 2) * sizeof *stack);
    if (!stack)
        return ca_tf_no_memory(r);
    const CarinaStatus status = walk(r, edge->node, stack);
    ca_free(stack);
    return r->b.status = status;
}

static CarinaStatus translate_outputs(CaTf *r)
{
    Frame *stack = ca_arena_array(r->b.work, (size_t)r->n_nodes + 1, sizeof *stack);
    if (!stack)
        return ca_tf_no_memory(r);
    for (int32_t i = 0; i < r->n_outputs; i++) {
        CaTfEnd *end = &r->outputs[i];
        if (!ca_tf_value(&end->edge) && end->edge.node->visit == UNSEEN)
            CA_TRY(walk(r, end->edge.node, stack));
        CaValue *v = ca_tf_value(&end->edge);
        if (v && !v->node && v != &ca_tf_dead && end->is_guessed && r->n_outputs > 1)
            continue; /* a list that a loop leaves behind */
        if (!v || !v->node)
            return ca_err(r->b.err, CARINA_ERR_UNSUPPORTED,
                          "%s: output '%s': node '%s' (%s) does not compute its output "
                          "%d; name another with --output",
                          r->b.path, end->name, end->edge.node->name, end->edge.node->op,
                          end->edge.port);
        CA_TRY(ca_graph_result(r->b.graph, end->name, v, r->b.err));
    }
    return CARINA_OK;
}

CarinaStatus ca_tf_finish(CaGraph **out, CaTf *r)
{
    *out = NULL;
    CA_TRY(r->b.status);
    CA_TRY(ca_tf_settle_ends(r));
    CA_TRY(ca_tf_find_frames(r));
    CA_TRY(translate_outputs(r));
    ca_graph_sweep(r->b.graph);
    *out = r->b.graph;
    r->b.graph = NULL;
    return CARINA_OK;
}

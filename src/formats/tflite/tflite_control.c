/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: control flow and variables.
 *
 * A loop whose condition is known while reading, as that of a counter is, is written out turn by turn; a branch
 * whose condition is known is the branch taken. Others become Loop and If. Variables have the value that CALL_ONCE
 * gives them.
 */
#include "formats/tflite/tflite_reader.h"

#include <string.h>

enum { TURNS_MOST = 1024, COMPOSITE_SUBGRAPH = 1, OPERATOR_OPTIONS_2 = 12 };
enum { VAR_CONTAINER = 0, VAR_NAME };

/* The inputs from `first` on; NULL after a failure. */
static CaValue **inputs_from(CaTfliteCall *c, int first, int *n)
{
    *n = ca_tflite_n_in(c) - first;
    CaValue **v = ca_arena_array(c->b->work, (size_t)(*n > 0 ? *n : 0) + 1, sizeof *v);
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    for (int i = 0; i < *n && c->b->status == CARINA_OK; i++)
        v[i] = ca_tflite_in(c, first + i);
    return c->b->status == CARINA_OK ? v : NULL;
}

static CaValue **outputs_room(CaTfliteCall *c)
{
    CaValue **v = ca_arena_array(c->b->work, (size_t)ca_tflite_n_out(c) + 1, sizeof *v);
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
    return v;
}

static void all_out(CaTfliteCall *c, CaValue *const *v)
{
    for (int i = 0; i < ca_tflite_n_out(c); i++)
        ca_tflite_out(c, i, v[i]);
}

/* --- Bodies: graphs of their own. */

/* A subgraph on Parameters like those values, with a Result for each of its n_out outputs; condition >= 0: one more
 * for what that subgraph says of them. NULL after a failure. */
static CaGraph *body_of(CaTfliteCall *c, int64_t index, CaValue *const *like, int n,
                        int n_out, int64_t condition)
{
    CaBuild *b = c->b;
    CaGraph *outer = b->graph, *body = NULL;
    CaValue **in = ca_arena_array(b->work, (size_t)n + 1, sizeof *in);
    CaValue **out = ca_arena_array(b->work, (size_t)n_out + 2, sizeof *out);
    if (!in || !out) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    if (!ca_build_settle(b) || !ca_build_ok(b, ca_graph_create(&body, b->err)))
        return NULL;
    b->graph = body;
    for (int i = 0; i < n && b->status == CARINA_OK; i++) {
        const char *name = ca_arena_printf(b->work, "in%d", i);
        ca_build_ok(b, ca_graph_parameter(&in[i], body, name ? name : "in", like[i]->type,
                                          &like[i]->shape, b->err));
    }
    bool good = b->status == CARINA_OK &&
                ca_tflite_subgraph(c, index, in, n, out, n_out, "") &&
                (condition < 0 ||
                 ca_tflite_subgraph(c, condition, out, n_out, &out[n_out], 1, ""));
    if (good && condition >= 0)
        out[n_out] = ca_build_to_scalar(b, out[n_out]);
    good = good && ca_build_settle(b);
    for (int i = 0; good && i < n_out + (condition >= 0); i++) {
        const char *name = ca_arena_printf(b->work, "out%d", i);
        good = ca_build_ok(b, ca_graph_result(body, name ? name : "out", out[i], b->err));
    }
    b->graph = outer;
    if (!good)
        ca_graph_free(&body);
    else
        ca_graph_sweep(body);
    return body;
}

/* Body i of k: its ports in order, the node's inputs from `first` on. The body is consumed. */
static void set_body(CaTfliteCall *c, CaValue *v, int k, int i, CaGraph *body, int first,
                     bool is_loop)
{
    CaBuild *b = c->b;
    if (!v || !body || b->status != CARINA_OK) {
        ca_graph_free(&body);
        return;
    }
    const int n = body->n_inputs, n_out = v->node->n_outputs;
    if (!ca_build_ok(b, ca_node_set_body(b->graph, v->node, k, i, body, n, n_out,
                                         is_loop ? n : 0, b->err)))
        return;
    CarinaBody *to = &v->node->bodies[i];
    for (int p = 0; p < n; p++)
        to->inputs[p] = (CarinaPortMap){.outer = first + p, .inner = p};
    for (int p = 0; p < n_out; p++)
        to->outputs[p] = (CarinaPortMap){.outer = p, .inner = p};
    for (int p = 0; is_loop && p < n; p++)
        to->back_edges[p] = (CarinaBackEdge){p, p};
    to->iteration_input = -1;
    to->condition_output = is_loop ? n_out : -1;
}

/* --- Branches. */

static void if_of(CaTfliteCall *c, CaValue *condition, CaValue *const *values, int n)
{
    CaBuild *b = c->b;
    const int n_out = ca_tflite_n_out(c);
    CaValue **in = ca_arena_array(b->work, (size_t)n + 1, sizeof *in);
    if (!in || n_out < 1) {
        ca_build_fail(b, CARINA_ERR_FORMAT, "a branch without outputs");
        return;
    }
    in[0] = condition;
    memcpy(in + 1, values, (size_t)n * sizeof *in);
    CaGraph *yes = body_of(c, ca_tflite_opt_int(c, "then_graph"), values, n, n_out, -1);
    CaGraph *no =
        yes ? body_of(c, ca_tflite_opt_int(c, "else_graph"), values, n, n_out, -1) : NULL;
    CaValue *v = no ? ca_build_make(b, "If", in, n + 1, n_out) : NULL;
    set_body(c, v, 2, 0, yes, 1, false);
    set_body(c, v, 2, 1, no, 1, false);
    for (int i = 0; v && ca_build_settle(b) && i < n_out; i++)
        ca_tflite_out(c, i, v + i);
}

/* Both branches computed, the result chosen: they have no effects. An If where their outputs differ in shape. */
static void choose(CaTfliteCall *c, CaValue *condition, CaValue *const *in, int n)
{
    CaBuild *b = c->b;
    CaValue **yes = outputs_room(c), **no = outputs_room(c);
    const int n_out = ca_tflite_n_out(c);
    if (!yes || !no ||
        !ca_tflite_subgraph(c, ca_tflite_opt_int(c, "then_graph"), in, n, yes, n_out,
                            ca_arena_printf(b->work, "%s/then/", b->name)) ||
        !ca_tflite_subgraph(c, ca_tflite_opt_int(c, "else_graph"), in, n, no, n_out,
                            ca_arena_printf(b->work, "%s/else/", b->name)))
        return;
    condition = ca_build_to_scalar(b, condition);
    for (int i = 0; i < n_out && b->status == CARINA_OK; i++) {
        const CarinaShape s = ca_build_shape(b, yes[i]), t = ca_build_shape(b, no[i]);
        if (!ca_shape_is_static(&s) || !ca_shape_equal(&s, &t)) {
            if_of(c, condition, in, n);
            return;
        }
    }
    for (int i = 0; i < n_out && b->status == CARINA_OK; i++)
        ca_tflite_out(c, i, ca_build_3(b, "Select", condition, yes[i], no[i]));
}

static void branch(CaTfliteCall *c)
{
    int64_t taken = 0;
    int n = 0;
    CaValue *condition = ca_tflite_in(c, 0), **in = inputs_from(c, 1, &n),
            **out = outputs_room(c);
    if (!in || !out)
        return;
    if (ca_build_known_ints(c->b, condition, &taken, 1) != 1) {
        choose(c, condition, in, n);
        return;
    }
    const char *prefix = ca_arena_printf(c->b->work, "%s/", c->b->name);
    if (ca_tflite_subgraph(c, ca_tflite_opt_int(c, taken ? "then_graph" : "else_graph"),
                           in, n, out, ca_tflite_n_out(c), prefix))
        all_out(c, out);
}

/* --- Loops. */

/* A Loop: goes_on says whether it turns at all. */
static void loop_of(CaTfliteCall *c, CaValue *goes_on, CaValue *const *values, int n)
{
    CaBuild *b = c->b;
    CaValue **in = ca_arena_array(b->work, (size_t)n + 2, sizeof *in);
    if (!in) {
        ca_build_fail(b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    in[0] = ca_build_scalar(b, -1); /* as often as it likes */
    in[1] = ca_build_to_scalar(b, goes_on);
    memcpy(in + 2, values, (size_t)n * sizeof *in);
    CaGraph *body = body_of(c, ca_tflite_opt_int(c, "body_graph"), values, n, n,
                            ca_tflite_opt_int(c, "cond_graph"));
    CaValue *v = body ? ca_build_make(b, "Loop", in, n + 2, n) : NULL;
    set_body(c, v, 1, 0, body, 2, true);
    for (int i = 0; v && ca_build_settle(b) && i < n; i++)
        ca_tflite_out(c, i, v + i);
}

/* Written out as long as the condition is known. */
static void loop(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    const int64_t condition = ca_tflite_opt_int(c, "cond_graph"),
                  body = ca_tflite_opt_int(c, "body_graph");
    int n = 0;
    CaValue **first = inputs_from(c, 0, &n), **in = inputs_from(c, 0, &n);
    CaValue **out = outputs_room(c), *at_first = NULL;
    if (in && n != ca_tflite_n_out(c))
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "%d values go in and %d come out; the file is damaged", n,
                      ca_tflite_n_out(c));
    for (int turn = 0; first && in && out && b->status == CARINA_OK; turn++) {
        CaValue *goes_on = NULL;
        int64_t answer = 0;
        const char *prefix = ca_arena_printf(b->work, "%s/%d/", b->name, turn);
        if (!ca_tflite_subgraph(c, condition, in, n, &goes_on, 1, prefix))
            return;
        at_first = turn ? at_first : goes_on;
        if (ca_build_known_ints(b, goes_on, &answer, 1) != 1 || turn >= TURNS_MOST) {
            loop_of(c, at_first, first, n);
            return;
        }
        if (!answer) {
            all_out(c, in);
            return;
        }
        if (!ca_tflite_subgraph(c, body, in, n, out, n, prefix))
            return;
        memcpy(in, out, (size_t)n * sizeof *in);
    }
}

/* --- Operators that are a subgraph: STABLEHLO_COMPOSITE. */

static void composite(CaTfliteCall *c)
{
    if (!ca_tflite_readable(c))
        return;
    const CaFlatTable options =
        ca_flat_table(&c->r->flat, &c->node->table, OPERATOR_OPTIONS_2);
    const int64_t graph =
        ca_flat_int(&c->r->flat, &options, COMPOSITE_SUBGRAPH, CA_FLAT_I32, -1);
    int n = 0;
    if (!ca_tflite_readable(c))
        return;
    CaValue **in = inputs_from(c, 0, &n), **out = outputs_room(c);
    const char *prefix = ca_arena_printf(c->b->work, "%s/", c->b->name);
    if (in && out &&
        ca_tflite_subgraph(c, graph, in, n, out, ca_tflite_n_out(c),
                           prefix ? prefix : ""))
        all_out(c, out);
}

/* --- Variables. */

static CaTfliteVariable *variable(CaTfliteCall *c, const char *container,
                                  const char *name)
{
    CaTflite *r = c->r;
    for (CaTfliteVariable *v = r->variables; v; v = v->next)
        if (ca_text_equal(v->container, container) && ca_text_equal(v->name, name))
            return v;
    CaTfliteVariable *v = ca_arena_alloc(c->b->work, sizeof *v);
    if (!v) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return NULL;
    }
    *v = (CaTfliteVariable){container, name, NULL, NULL, r->variables};
    return r->variables = v;
}

static void var_handle(CaTfliteCall *c)
{
    CaFlat *f = &c->r->flat;
    if (!ca_tflite_readable(c))
        return;
    const char *container = ca_flat_text(f, &c->node->options, VAR_CONTAINER),
               *name = ca_flat_text(f, &c->node->options, VAR_NAME);
    CaTfliteTensor *t = ca_tflite_out_tensor(c, 0);
    if (t)
        c->s->handles[t - c->s->graph->tensors] =
            variable(c, container ? container : "", name ? name : "");
}

static CaTfliteVariable *handle(CaTfliteCall *c)
{
    const CaTfliteTensor *t = ca_tflite_in_tensor(c, 0);
    CaTfliteVariable *v = t ? c->s->handles[t - c->s->graph->tensors] : NULL;
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "its variable is handed over between subgraphs; freeze the model's "
                      "variables and convert again");
    return v;
}

static void read_variable(CaTfliteCall *c)
{
    const CaTfliteVariable *v = handle(c);
    if (v && v->value && v->graph != c->b->graph)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "variable '%s' is read inside a loop or branch; freeze the model's "
                      "variables and convert again",
                      v->name);
    if (v && !v->value)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "variable '%s' is never given a value; freeze the model's variables and "
            "convert again",
            v->name);
    if (v)
        ca_tflite_out(c, 0, v->value);
}

static void assign_variable(CaTfliteCall *c)
{
    CaTfliteVariable *v = handle(c);
    if (v && !c->r->is_in_init)
        ca_build_fail(
            c->b, CARINA_ERR_UNSUPPORTED,
            "variable '%s' changes while the model runs; make it an input and an "
            "output",
            v->name);
    if (v && c->b->status == CARINA_OK)
        *v = (CaTfliteVariable){v->container, v->name, ca_tflite_in(c, 1), c->b->graph,
                                v->next};
}

static void call_once(CaTfliteCall *c)
{
    const bool before = c->r->is_in_init;
    c->r->is_in_init = true;
    ca_tflite_subgraph(c, ca_tflite_opt_int(c, "init_graph"), NULL, 0, NULL, 0, "");
    c->r->is_in_init = before;
}

const CaTfliteOp ca_tflite_control[] = {
    {"ASSIGN_VARIABLE", assign_variable, NULL, true},
    {"CALL_ONCE", call_once, NULL, true},
    {"IF", branch, NULL, true},
    {"READ_VARIABLE", read_variable, NULL, true},
    {"STABLEHLO_COMPOSITE", composite, NULL, true},
    {"VAR_HANDLE", var_handle, NULL, true},
    {"WHILE", loop, NULL, true},
    {NULL, NULL, NULL, false},
};

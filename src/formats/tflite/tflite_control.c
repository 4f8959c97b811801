/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: control flow and variables.
 *
 * A loop whose condition is known while reading, as that of a counter is, is written out turn by turn; a branch
 * whose condition is known is the branch taken. Variables have the value that CALL_ONCE gives them.
 */
#include "formats/tflite/tflite_reader.h"

#include <string.h>

enum { TURNS_MOST = 4096, COMPOSITE_SUBGRAPH = 1, OPERATOR_OPTIONS_2 = 12 };
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

/* --- Branches. */

/* Both branches computed, the result chosen: they have no effects. Only where their outputs have one shape. */
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
        if (!ca_shape_is_static(&s) || !ca_shape_equal(&s, &t))
            ca_build_fail(
                b, CARINA_ERR_UNSUPPORTED,
                "its branches give outputs of different shapes, and which is taken "
                "is not known while reading; convert with a fixed condition");
        else
            ca_tflite_out(c, i, ca_build_3(b, "Select", condition, yes[i], no[i]));
    }
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
                           in, n, out, ca_tflite_n_out(c), prefix ? prefix : ""))
        all_out(c, out);
}

/* --- Loops. */

static void loop(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    const int64_t condition = ca_tflite_opt_int(c, "cond_graph"),
                  body = ca_tflite_opt_int(c, "body_graph");
    int n = 0;
    CaValue **in = inputs_from(c, 0, &n), **out = outputs_room(c);
    if (!in || !out)
        return;
    if (n != ca_tflite_n_out(c))
        ca_build_fail(b, CARINA_ERR_FORMAT,
                      "%d values go in and %d come out; the file is damaged", n,
                      ca_tflite_n_out(c));
    for (int turn = 0; b->status == CARINA_OK; turn++) {
        CaValue *goes_on = NULL;
        int64_t answer = 0;
        const char *prefix = ca_arena_printf(b->work, "%s/%d/", b->name, turn);
        if (!ca_tflite_subgraph(c, condition, in, n, &goes_on, 1, prefix ? prefix : ""))
            return;
        if (ca_build_known_ints(b, goes_on, &answer, 1) != 1)
            ca_build_fail(
                b, CARINA_ERR_UNSUPPORTED,
                "how often the loop turns depends on the data%s; Carina writes out "
                "loops that count, convert with fixed shapes",
                turn ? "" : " or on an unknown shape");
        else if (answer && turn >= TURNS_MOST)
            ca_build_fail(b, CARINA_ERR_LIMIT, "the loop turns more than %d times",
                          TURNS_MOST);
        if (b->status != CARINA_OK || !answer)
            break;
        if (!ca_tflite_subgraph(c, body, in, n, out, n, prefix ? prefix : ""))
            return;
        memcpy(in, out, (size_t)n * sizeof *in);
    }
    if (b->status == CARINA_OK)
        all_out(c, in);
}

/* --- Operators that are a subgraph: STABLEHLO_COMPOSITE. */

static void composite(CaTfliteCall *c)
{
    const CaFlatTable options =
        ca_flat_table(&c->r->flat, &c->node->table, OPERATOR_OPTIONS_2);
    const int64_t graph =
        ca_flat_int(&c->r->flat, &options, COMPOSITE_SUBGRAPH, CA_FLAT_I32, -1);
    int n = 0;
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
    *v = (CaTfliteVariable){container, name, NULL, r->variables};
    return r->variables = v;
}

static void var_handle(CaTfliteCall *c)
{
    CaFlat *f = &c->r->flat;
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
        v->value = ca_tflite_in(c, 1);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions: calls become the nodes of their functions' bodies, and a functional If becomes its taken branch or, where
 * the condition is not known, Switch and Merge around both.
 *
 * The call's node stays as an IdentityN of the results, so nothing that reads it changes. Functions that call
 * themselves are refused: a graph without loops cannot hold them.
 */
#include "formats/tensorflow/tf_container.h"
#include "formats/tensorflow/tf_loops.h"

#include <string.h>

enum { MAX_DEPTH = 64, MAX_ARGUMENTS = 1 << 14 };

typedef struct Function {
    const char *name;
    CaTfSpan def; /* a FunctionDef */
    const char **args, **outs;
    int32_t n_args, n_outs;
    /* What follows is known once the function is first expanded. */
    bool is_open;
    CaTfSpan *nodes;
    const char **results; /* where each of outs comes from */
    int32_t n_nodes;
} Function;

/* What a name means in a body, or where a result of that name comes from. */
typedef struct Name {
    const char *key;
    CaTfNode *node;
    const CaTfEdge *arg;
    const char *text;
} Name;

typedef struct Inliner {
    CaTf *r;
    Function *functions; /* open addressing */
    size_t functions_room;
    unsigned char
        *depth; /* of each node of r: in how many bodies it lies; 255: not met */
    int32_t depth_room;
    int32_t *stack;
    int32_t n_stack, stack_room;
    int32_t base; /* nodes before it are not walked */
} Inliner;

enum { NOT_MET = 255 };

typedef struct Names {
    Name *v;
    size_t room;
} Names;

static CarinaStatus no_memory(const CaTf *r)
{
    return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
}

static CarinaStatus fail(const CaTf *r, const CaTfNode *n, const char *what)
{
    return ca_err(r->b.err, CARINA_ERR_FORMAT, "%s: node '%s' (%s): %s", r->b.path,
                  n->name, n->op, what);
}

/* --- The library. */

static size_t slot(const char *key, size_t room)
{
    return (size_t)ca_hash(key, strlen(key), 0) & (room - 1);
}

static Function *find_function(const Inliner *in, const char *name)
{
    if (!in->functions_room)
        return NULL;
    size_t i = slot(name, in->functions_room);
    while (in->functions[i].name && strcmp(in->functions[i].name, name) != 0)
        i = (i + 1) & (in->functions_room - 1);
    return &in->functions[i];
}

/* The names of a signature's arguments: fields `number` of an OpDef. */
static const char **argument_names(CaTf *r, CaTfSpan signature, uint64_t number,
                                   int32_t *n)
{
    CaTfField f, name;
    int32_t count = 0;
    *n = 0;
    for (CaTfSpan rest = signature; ca_tf_next(r, &f, &rest);)
        count += f.number == number && f.wire == 2;
    const char **names = count <= MAX_ARGUMENTS
                             ? ca_arena_array(r->b.work, (size_t)count + 1, sizeof *names)
                             : NULL;
    for (CaTfSpan rest = signature; names && *n < count && ca_tf_next(r, &f, &rest);)
        if (f.number == number && f.wire == 2)
            names[(*n)++] = ca_tf_field(r, &name, f.span, 1) && name.wire == 2
                                ? ca_tf_text(r, name.span)
                                : "";
    return names;
}

static CarinaStatus add_function(Inliner *in, CaTfSpan def)
{
    CaTf *r = in->r;
    CaTfField signature, name;
    if (!ca_tf_field(r, &signature, def, 1) || signature.wire != 2 ||
        !ca_tf_field(r, &name, signature.span, 1) || name.wire != 2)
        return r->b.status; /* nothing can call it */
    const char *text = ca_tf_text(r, name.span);
    if (!text)
        return r->b.status;
    Function *f = find_function(in, text);
    f->name = text;
    f->def = def;
    f->args = argument_names(r, signature.span, 2, &f->n_args);
    f->outs = argument_names(r, signature.span, 3, &f->n_outs);
    if (r->b.status == CARINA_OK && (!f->args || !f->outs))
        r->b.status = no_memory(r);
    return r->b.status;
}

static CarinaStatus read_library(Inliner *in)
{
    CaTf *r = in->r;
    CaTfField f;
    size_t n = 0;
    for (CaTfSpan rest = r->library; ca_tf_next(r, &f, &rest);)
        n += f.number == 1 && f.wire == 2;
    if (n > 0) {
        for (in->functions_room = 16; in->functions_room < 2 * n + 2;)
            in->functions_room *= 2;
        in->functions =
            ca_arena_array(r->b.work, in->functions_room, sizeof *in->functions);
        if (!in->functions)
            return no_memory(r);
    }
    for (CaTfSpan rest = r->library; ca_tf_next(r, &f, &rest);)
        if (f.number == 1 && f.wire == 2)
            CA_TRY(add_function(in, f.span));
    return r->b.status;
}

/* --- Names in a body. */

static Name *name_in(const Names *names, const char *key, size_t n)
{
    size_t i = (size_t)ca_hash(key, n, 0) & (names->room - 1);
    while (names->v[i].key &&
           (strncmp(names->v[i].key, key, n) != 0 || names->v[i].key[n] != 0))
        i = (i + 1) & (names->room - 1);
    return &names->v[i];
}

/* "node:argument:k", "argument" or "argument:k". */
static CarinaStatus resolve(const Inliner *in, const Names *names, const CaTfNode *reader,
                            CaTfEdge *e)
{
    const CaTf *r = in->r;
    const char *colon = strchr(e->text, ':'),
               *second = colon ? strchr(colon + 1, ':') : NULL;
    const size_t n = colon ? (size_t)(colon - e->text) : strlen(e->text);
    const Name *name = name_in(names, e->text, n);
    int64_t k = 0;
    if (!name->key)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: node '%s' (%s): reads '%s', which its function does not have; "
                      "the file is damaged",
                      r->b.path, reader->name, reader->op, e->text);
    if (name->arg) {
        e->node = name->arg->node;
        e->port = name->arg->port;
        e->text = name->arg->text;
        return CARINA_OK;
    }
    e->node = name->node;
    e->port = 0;
    if (!colon)
        return CARINA_OK;
    if (second && !ca_text_int(&k, second + 1, strlen(second + 1)))
        return fail(r, reader,
                    "an input that is no output of a node; the file is damaged");
    if (!second && ca_text_int(&k, colon + 1, strlen(colon + 1)))
        second = colon; /* "node:k", as outside of functions */
    if (k < 0 || k > MAX_ARGUMENTS)
        return fail(r, reader,
                    "an input that is no output of a node; the file is damaged");
    const char *arg = ca_arena_copy_n(
        r->b.work, colon + 1,
        second && second > colon ? (size_t)(second - colon - 1) : strlen(colon + 1));
    const Function *f = find_function(in, name->node->op);
    if (!arg)
        return no_memory(r);
    if (second == colon)
        e->port = (int32_t)k;
    else if (!f || !f->name)
        e->port = ca_tf_port(name->node->op, arg, (int32_t)k);
    else
        for (int32_t i = 0; i < f->n_outs; i++)
            if (strcmp(f->outs[i], arg) == 0)
                e->port = i;
    return CARINA_OK;
}

/* --- A body. */

static CarinaStatus meet(Inliner *in, const CaTfNode *n, int depth)
{
    CaTf *r = in->r;
    if (n->place >= in->depth_room) {
        const int32_t room = 2 * r->n_nodes + 64;
        unsigned char *grown = ca_arena_alloc(r->b.work, (size_t)room);
        if (!grown)
            return no_memory(r);
        memset(grown, NOT_MET, (size_t)room);
        if (in->depth_room)
            memcpy(grown, in->depth, (size_t)in->depth_room);
        in->depth = grown;
        in->depth_room = room;
    }
    in->depth[n->place] = (unsigned char)depth;
    return CARINA_OK;
}

static int depth_of(const Inliner *in, const CaTfNode *n)
{
    return n->place < in->depth_room && in->depth[n->place] != NOT_MET
               ? in->depth[n->place]
               : 0;
}

/* The nodes' places and the results' sources: looked for once, however often the function is called. */
static CarinaStatus open_function(CaTf *r, Function *fn)
{
    CaTfField f, key, value;
    Names rets = {NULL, 16};
    size_t n = 0, n_rets = 0;
    if (fn->is_open)
        return CARINA_OK;
    for (CaTfSpan rest = fn->def; ca_tf_next(r, &f, &rest);) {
        n += f.number == 3 && f.wire == 2;
        n_rets += f.number == 4 && f.wire == 2;
    }
    while (rets.room < 2 * n_rets + 2)
        rets.room *= 2;
    rets.v = ca_arena_array(r->b.work, rets.room, sizeof *rets.v);
    fn->nodes = ca_arena_array(r->b.work, n + 1, sizeof *fn->nodes);
    fn->results = ca_arena_array(r->b.work, (size_t)fn->n_outs + 1, sizeof *fn->results);
    if (!rets.v || !fn->nodes || !fn->results)
        return no_memory(r);
    for (CaTfSpan rest = fn->def; ca_tf_next(r, &f, &rest);) {
        if (f.number == 3 && f.wire == 2)
            fn->nodes[fn->n_nodes++] = f.span;
        if (f.number == 4 && f.wire == 2 && ca_tf_field(r, &key, f.span, 1) &&
            key.wire == 2 && ca_tf_field(r, &value, f.span, 2) && value.wire == 2) {
            const char *k = ca_tf_text(r, key.span), *v = ca_tf_text(r, value.span);
            if (k && v)
                *name_in(&rets, k, strlen(k)) = (Name){k, NULL, NULL, v};
        }
    }
    for (int32_t i = 0; i < fn->n_outs; i++)
        fn->results[i] = name_in(&rets, fn->outs[i], strlen(fn->outs[i]))->text;
    fn->is_open = true;
    return r->b.status;
}

/* A call whose name says nothing, "StatefulPartitionedCall_1", lends none to its body. */
static const char *prefix_of(const CaTf *r, const CaTfNode *call)
{
    const char *slash = strrchr(call->name, '/'), *stem = slash ? slash + 1 : call->name;
    if (strncmp(stem, "StatefulPartitionedCall", 23) != 0 &&
        strncmp(stem, "PartitionedCall", 15) != 0)
        return ca_arena_printf(r->b.work, "%s/", call->name);
    return ca_arena_copy_n(r->b.work, call->name, (size_t)(stem - call->name));
}

/* The edges that the function's results are, its body having become nodes. */
static CarinaStatus expand(Inliner *in, CaTfEdge **results, Function *fn,
                           const CaTfEdge *args, int32_t n_args, const CaTfNode *call)
{
    CaTf *r = in->r;
    const int depth = depth_of(in, call) + 1;
    const char *prefix = prefix_of(r, call);
    Names names = {NULL, 16};
    CA_TRY(open_function(r, fn));
    if (depth > MAX_DEPTH)
        return fail(r, call,
                    "functions that call each other more than 64 deep; Carina "
                    "reads no function that calls itself");
    if (n_args != fn->n_args)
        return fail(r, call,
                    "its function takes another number of inputs; the file is "
                    "damaged");
    if (r->n_nodes > CA_MAX_NODES - fn->n_nodes)
        return fail(r, call,
                    "its functions make more than a million nodes; Carina reads "
                    "no such model");
    while (names.room < 2 * ((size_t)fn->n_nodes + (size_t)n_args) + 2)
        names.room *= 2;
    names.v = ca_arena_array(r->b.work, names.room, sizeof *names.v);
    *results = ca_arena_array(r->b.work, (size_t)fn->n_outs + 1, sizeof **results);
    if (!names.v || !*results || !prefix)
        return no_memory(r);
    for (int32_t i = 0; i < n_args; i++)
        *name_in(&names, fn->args[i], strlen(fn->args[i])) =
            (Name){fn->args[i], NULL, &args[i], NULL};
    const int32_t first = r->n_nodes;
    for (int32_t i = 0; i < fn->n_nodes; i++) {
        CaTfNode *node = NULL;
        CA_TRY(ca_tf_parse_node(&node, r, fn->nodes[i], prefix));
        const char *own = node->name + strlen(prefix);
        *name_in(&names, own, strlen(own)) = (Name){own, node, NULL, NULL};
        node->is_inner = true;
        CA_TRY(meet(in, node, depth));
    }
    CA_TRY(r->b.status);
    for (int32_t i = first; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in; k++)
            CA_TRY(resolve(in, &names, r->nodes[i], &r->nodes[i]->in[k]));
    for (int32_t i = 0; i < fn->n_outs; i++) {
        CaTfEdge *e = &(*results)[i];
        e->text = fn->results[i];
        if (!e->text)
            return fail(
                r, call,
                "its function does not say where a result comes from; the file is "
                "damaged");
        CA_TRY(resolve(in, &names, call, e));
    }
    return r->b.status;
}

/* The node of a call becomes one that hands the results on. */
static void hand_on(CaTfNode *call, CaTfEdge *results, int32_t n)
{
    call->op = n ? "IdentityN" : "NoOp";
    call->in = results;
    call->n_in = n;
    call->attrs = NULL;
    call->n_attrs = 0;
}

static bool is_hand_on(const CaTfNode *n)
{
    return n->n_attrs == 0 && strcmp(n->op, "IdentityN") == 0;
}

/* --- If. */

static CarinaStatus add_switch(CaTf *r, CaTfEdge *out, const CaTfEdge *value,
                               const CaTfEdge *condition, int port, const CaTfNode *call)
{
    CaTfNode *n = NULL;
    CA_TRY(ca_tf_add_node(&n, r, ca_arena_printf(r->b.work, "%s/Switch", call->name),
                          "Switch", 2));
    n->is_inner = true;
    n->in[0] = *value;
    n->in[1] = *condition;
    *out = (CaTfEdge){n->name, n, port};
    return CARINA_OK;
}

/* One branch, what it reads and what it gives behind Switches, so that it is left out where it is not taken. */
static CarinaStatus expand_branch(Inliner *in, CaTfEdge **results, Function *fn,
                                  const CaTfNode *call, int port)
{
    CaTf *r = in->r;
    const CaTfEdge condition = call->in[0];
    CaTfEdge *args = ca_arena_array(r->b.work, (size_t)call->n_in, sizeof *args);
    if (!args)
        return no_memory(r);
    for (int32_t i = 1; i < call->n_in; i++)
        CA_TRY(add_switch(r, &args[i - 1], &call->in[i], &condition, port, call));
    CA_TRY(expand(in, results, fn, args, call->n_in - 1, call));
    for (int32_t i = 0; i < fn->n_outs; i++) {
        const CaTfEdge inner = (*results)[i];
        CA_TRY(add_switch(r, &(*results)[i], &inner, &condition, port, call));
    }
    return CARINA_OK;
}

static CarinaStatus expand_both(Inliner *in, CaTfNode *call, Function *yes, Function *no)
{
    CaTf *r = in->r;
    CaTfEdge *taken = NULL, *other = NULL;
    CA_TRY(expand_branch(in, &taken, yes, call, 1));
    CA_TRY(expand_branch(in, &other, no, call, 0));
    for (int32_t i = 0; i < yes->n_outs; i++) {
        CaTfNode *merge = NULL;
        CA_TRY(ca_tf_add_node(
            &merge, r, ca_arena_printf(r->b.work, "%s/Merge", call->name), "Merge", 2));
        merge->is_inner = true;
        merge->in[0] = other[i];
        merge->in[1] = taken[i];
        taken[i] = (CaTfEdge){merge->name, merge, 0};
    }
    hand_on(call, taken, yes->n_outs);
    return CARINA_OK;
}

static Function *branch_of(const Inliner *in, const CaTfNode *call, const char *attr)
{
    const char *name = ca_tf_attr_function(in->r, call, attr);
    Function *f = name ? find_function(in, name) : NULL;
    return f && f->name ? f : NULL;
}

static CarinaStatus expand_if(Inliner *in, CaTfNode *call)
{
    CaTf *r = in->r;
    Function *yes = branch_of(in, call, "then_branch"),
             *no = branch_of(in, call, "else_branch");
    bool known = false;
    CaTfEdge *results = NULL;
    CA_TRY(r->b.status);
    if (!yes || !no || call->n_in < 1 || yes->n_outs != no->n_outs)
        return fail(r, call,
                    "a branch is missing or gives another number of results; the "
                    "file is damaged");
    if (!ca_tf_known_condition(r, &call->in[0], &known))
        return expand_both(in, call, yes, no);
    Function *fn = known ? yes : no;
    CA_TRY(expand(in, &results, fn, call->in + 1, call->n_in - 1, call));
    hand_on(call, results, fn->n_outs);
    return CARINA_OK;
}

/* --- The walk. */

static CarinaStatus expand_call(Inliner *in, CaTfNode *n)
{
    CaTf *r = in->r;
    CaTfEdge *results = NULL;
    if (strcmp(n->op, "If") == 0 || strcmp(n->op, "StatelessIf") == 0)
        return expand_if(in, n);
    const bool is_call = strcmp(n->op, "PartitionedCall") == 0 ||
                         strcmp(n->op, "StatefulPartitionedCall") == 0;
    Function *fn = is_call ? branch_of(in, n, "f") : find_function(in, n->op);
    CA_TRY(r->b.status);
    if (is_call && !fn)
        return fail(r, n,
                    "calls a function that the file does not have; the file is damaged");
    if (!fn || !fn->name)
        return CARINA_OK;
    CA_TRY(expand(in, &results, fn, n->in, n->n_in, n));
    hand_on(n, results, fn->n_outs);
    return CARINA_OK;
}

static CarinaStatus push(Inliner *in, const CaTfNode *n)
{
    if (in->n_stack == in->stack_room) {
        const int32_t room = in->stack_room ? 2 * in->stack_room : 256;
        int32_t *grown = ca_arena_array(in->r->b.work, (size_t)room, sizeof *grown);
        if (!grown)
            return no_memory(in->r);
        if (in->n_stack)
            memcpy(grown, in->stack, (size_t)in->n_stack * sizeof *grown);
        in->stack = grown;
        in->stack_room = room;
    }
    in->stack[in->n_stack++] = n->place;
    return CARINA_OK;
}

/* A node is walked once: its mark is in `seen`, beside depth, which a body's nodes have before they are reached. */
static CarinaStatus walk_seen(Inliner *in, unsigned char **seen)
{
    CaTf *r = in->r;
    int32_t room = 0;
    while (in->n_stack > 0) {
        CaTfNode *n = r->nodes[in->stack[--in->n_stack]];
        if (n->place < in->base)
            continue;
        if (r->n_nodes - in->base > room) {
            const int32_t more = 2 * (r->n_nodes - in->base);
            *seen = ca_grow(*seen, (size_t)room, (size_t)more, 1);
            if (!*seen)
                return no_memory(r);
            room = more;
        }
        if ((*seen)[n->place - in->base])
            continue;
        (*seen)[n->place - in->base] = 1;
        CA_TRY(expand_call(in, n));
        for (int32_t i = 0; i < n->n_in; i++)
            if (n->in[i].node)
                CA_TRY(push(in, n->in[i].node));
    }
    return r->b.status;
}

static CarinaStatus walk(Inliner *in)
{
    unsigned char *seen = NULL;
    const CarinaStatus status = walk_seen(in, &seen);
    ca_free(seen);
    return status;
}

/* Past the nodes that only hand on, so that what one result needs is not what all need. */
static void bypass(CaTfEdge *e, unsigned char *passed)
{
    for (int hops = 0; hops < 4 * MAX_DEPTH && e->node && is_hand_on(e->node) &&
                       e->port < e->node->n_in;
         hops++) {
        const CaTfEdge *next = &e->node->in[e->port];
        if (!next->node)
            return;
        passed[e->node->place] = 1;
        *e = *next;
    }
}

/* Calls that are passed have no readers any more, which must not make them look like outputs. */
static CarinaStatus bypass_all(CaTf *r)
{
    unsigned char *passed = ca_arena_alloc(r->b.work, (size_t)r->n_nodes + 1);
    const char *item, *names = r->options ? r->options->outputs : NULL;
    size_t n;
    if (!passed)
        return no_memory(r);
    for (int32_t i = 0; i < r->n_nodes; i++)
        for (int32_t k = 0; k < r->nodes[i]->n_in; k++)
            bypass(&r->nodes[i]->in[k], passed);
    for (int32_t i = 0; i < r->n_outputs; i++)
        bypass(&r->outputs[i].edge, passed);
    while ((names = ca_text_item(names, ',', &item, &n)) != NULL) {
        CaTfEdge e;
        const char *name = ca_arena_copy_n(r->b.work, item, n);
        if (!name)
            return no_memory(r);
        ca_tf_find_edge(r, &e, name);
        if (e.node)
            passed[e.node->place] = 0; /* it is read yet */
    }
    for (int32_t i = 0; i < r->n_nodes; i++)
        if (passed[i])
            hand_on(r->nodes[i], NULL, 0);
    return CARINA_OK;
}

CarinaStatus ca_tf_instantiate(CaTfEdge **results, int32_t *n_results, CaTf *r,
                               const char *function, const CaTfEdge *args, int32_t n_args,
                               const CaTfNode *call)
{
    Inliner *in = r->inliner;
    if (!in) {
        in = ca_arena_alloc(r->b.work, sizeof *in);
        if (!in)
            return no_memory(r);
        in->r = r;
        CA_TRY(read_library(in));
        r->inliner = in;
    }
    Function *fn = find_function(in, function);
    if (!fn || !fn->name)
        return fail(r, call,
                    "calls a function that the file does not have; the file is damaged");
    in->base = r->n_nodes;
    CA_TRY(expand(in, results, fn, args, n_args, call));
    *n_results = fn->n_outs;
    for (int32_t i = 0; i < fn->n_outs; i++)
        if ((*results)[i].node && (*results)[i].node->n_value == 0)
            CA_TRY(push(in, (*results)[i].node));
    return walk(in);
}

CarinaStatus ca_tf_inline_call(CaTf *r, CaTfNode *call)
{
    Inliner in = {.r = r};
    CA_TRY(read_library(&in));
    CA_TRY(push(&in, call));
    CA_TRY(walk(&in));
    return bypass_all(r);
}

CarinaStatus ca_tf_inline(CaTf *r)
{
    Inliner in = {.r = r};
    const char *item;
    size_t n;
    bool from_all = true;
    CA_TRY(read_library(&in));
    for (int32_t i = 0; i < r->n_outputs; i++)
        if (r->outputs[i].edge.node) {
            from_all = false;
            CA_TRY(push(&in, r->outputs[i].edge.node));
        }
    for (const char *at = r->options ? r->options->outputs : NULL;
         (at = ca_text_item(at, ',', &item, &n)) != NULL;) {
        CaTfEdge e;
        const char *name = ca_arena_copy_n(r->b.work, item, n);
        if (!name)
            return no_memory(r);
        ca_tf_find_edge(r, &e, name);
        if (e.node) {
            from_all = false;
            CA_TRY(push(&in, e.node));
        }
    }
    for (int32_t i = r->n_nodes; from_all && i-- > 0;)
        CA_TRY(push(&in, r->nodes[i]));
    CA_TRY(walk(&in));
    return bypass_all(r);
}

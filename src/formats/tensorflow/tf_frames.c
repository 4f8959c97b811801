/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: loops as frames - Enter, Merge, Switch, NextIteration, Exit, LoopCond - which TensorFlow 1 makes, and
 * freezing a newer graph too. They are unrolled as functional loops are, as long as the condition of each round is known
 * while the graph is read; from there on they are ours.
 *
 *      Enter -> Merge -> Switch -1-> body -> NextIteration -> Merge       one of these for each value that goes round
 *                 |        |  \0-> Exit
 *                 v        |
 *              condition -> LoopCond
 *
 * Before the walk an Exit's inputs become the Enters of its frame, so the walk meets no circle. A round then forgets
 * what the body's nodes were in the round before, sets what comes out of the Switches, and translates the body anew.
 */
#include "formats/tensorflow/tf_by_data.h"
#include "formats/tensorflow/tf_loops.h"

#include <string.h>

enum {
    MAX_FRAMES = 4096,
    MAX_ROUNDS = 4096,
    MAX_ROUNDS_IN_ALL = 1 << 14,
    MAX_NESTED = 8,
    MAX_INSIDE_IN_ALL = 1 << 24
};

typedef struct Carried { /* a value that goes round */
    CaTfNode *enter, *merge, *sw;
    const CaTfEdge *next; /* what NextIteration hands on */
    CaValue *now;
} Carried;

typedef struct CaTfFrame {
    CaTfNode *condition; /* LoopCond */
    const char *name;
    Carried *carried;
    int32_t n_carried, room;
    CaTfNode **inside; /* to be translated in each round */
    int32_t n_inside;
    CaTfNode **constants; /* of its rounds, which stay what they are */
    int32_t n_constants;
    CaTfEdge *enters;
    int32_t n_enters;
    bool is_done, is_running;
    struct CaTfFrame *next;
} CaTfFrame;

struct CaTfFrames {
    CaTfFrame *all;
    CaTfFrame **of; /* by the place of an Exit, or of a LoopCond */
    Carried **what; /* by the place of an Exit or Merge */
    int32_t n_nodes, n_frames;
    int64_t n_inside;
};

static bool is_op(const CaTfNode *n, const char *ops)
{
    return n && ca_text_in_list(ops, n->op);
}

static CarinaStatus damaged(CaTf *r, const CaTfNode *n)
{
    r->b.name = n->name;
    r->b.type = n->op;
    return ca_build_fail(&r->b, CARINA_ERR_FORMAT,
                         "it is no part of a loop of Enter, Merge, Switch, "
                         "NextIteration and Exit; the file is damaged");
}

/* --- Before the walk. */

static CaTfFrame *frame_of(CaTf *r, CaTfNode *condition)
{
    CaTfFrames *all = r->frames;
    if (all->of[condition->place])
        return all->of[condition->place];
    CaTfFrame *f = ca_arena_alloc(r->b.work, sizeof *f);
    if (!f || ++all->n_frames > MAX_FRAMES) {
        (void)ca_build_fail(&r->b, f ? CARINA_ERR_LIMIT : CARINA_ERR_MEMORY,
                            "more than %d loops", MAX_FRAMES);
        return NULL;
    }
    f->condition = condition;
    f->next = all->all;
    all->all = f;
    return all->of[condition->place] = f;
}

/* Is it what a loop's values come in by: a Merge of an Enter and a NextIteration? */
static bool is_round(const CaTfNode *n)
{
    return is_op(n, "Merge,RefMerge") && n->n_in == 2 &&
           is_op(n->in[0].node, "Enter,RefEnter") &&
           is_op(n->in[1].node, "NextIteration,RefNextIteration") &&
           n->in[0].node->n_in > 0 && n->in[1].node->n_in > 0;
}

/* sw NULL: nothing inside and nothing behind the loop reads the value, only its condition does. */
static CarinaStatus carry(CaTf *r, CaTfFrame *f, CaTfNode *merge, CaTfNode *sw)
{
    if (f->n_carried == f->room) {
        const int32_t room = f->room ? 2 * f->room : 8;
        Carried *grown = ca_arena_array(r->b.work, (size_t)room, sizeof *grown);
        if (!grown)
            return ca_tf_no_memory(r);
        if (f->n_carried)
            memcpy(grown, f->carried, (size_t)f->n_carried * sizeof *grown);
        f->carried = grown;
        f->room = room;
    }
    f->carried[f->n_carried++] = (Carried){.enter = merge->in[0].node,
                                           .merge = merge,
                                           .sw = sw,
                                           .next = &merge->in[1].node->in[0]};
    r->frames->what[merge->place] = f->carried; /* taken; which one, its Exit knows */
    return CARINA_OK;
}

static CarinaStatus take_switch(CaTf *r, CaTfNode *sw)
{
    CaTfNode *merge = sw->in[0].node;
    CaTfFrame *f = frame_of(r, sw->in[1].node);
    if (!f)
        return r->b.status;
    if (!is_round(merge) || r->frames->what[merge->place])
        return damaged(r, sw);
    f->name = ca_tf_attr_text(r, merge->in[0].node, "frame_name", "");
    return carry(r, f, merge, sw);
}

/* A Merge whose Switch was cut away when the graph was frozen: its frame is known by name. */
static CarinaStatus take_merge(CaTf *r, CaTfNode *merge)
{
    const char *name = ca_tf_attr_text(r, merge->in[0].node, "frame_name", "");
    for (CaTfFrame *f = r->frames->all; f; f = f->next)
        if (f->name && strcmp(f->name, name) == 0)
            return carry(r, f, merge, NULL);
    return CARINA_OK;
}

/* Everything that a round computes: backwards from the condition and from what goes round, up to the frame's own
 * Enters, which become inputs of its Exits. seen[place] == stamp: found. */
static CarinaStatus look_inside(CaTf *r, CaTfFrame *f, int32_t *seen, int32_t stamp,
                                CaTfNode **todo, CaTfNode **enters)
{
    int32_t n = 0, i = 0;
    for (int32_t k = 0; k < f->n_carried; k++) {
        seen[f->carried[k].merge->place] = stamp;
        if (seen[f->carried[k].enter->place] != stamp)
            enters[f->n_enters++] = f->carried[k].enter;
        seen[f->carried[k].enter->place] = stamp;
    }
    seen[f->condition->place] = stamp;
    todo[n++] = f->condition;
    for (int32_t k = 0; k < f->n_carried; k++) {
        CaTfNode *next = f->carried[k].merge->in[1].node;
        if (next->is_needed && seen[next->place] != stamp) {
            seen[next->place] = stamp;
            todo[n++] = next;
        }
    }
    for (; i < n; i++)
        for (int32_t k = 0; k < todo[i]->n_in; k++) {
            CaTfNode *from = todo[i]->in[k].node;
            if (!from || seen[from->place] == stamp)
                continue;
            seen[from->place] = stamp;
            if (is_op(from, "Enter,RefEnter") &&
                strcmp(ca_tf_attr_text(r, from, "frame_name", ""), f->name) == 0)
                enters[f->n_enters++] = from;
            else
                todo[n++] = from;
        }
    if ((r->frames->n_inside += n) > MAX_INSIDE_IN_ALL)
        return ca_build_fail(&r->b, CARINA_ERR_LIMIT, "loops that share their bodies");
    f->inside = ca_arena_array(r->b.work, (size_t)n + 1, sizeof *f->inside);
    f->constants = ca_arena_array(r->b.work, (size_t)n + 1, sizeof *f->constants);
    f->enters = ca_arena_array(r->b.work, (size_t)f->n_enters + 1, sizeof *f->enters);
    if (!f->inside || !f->constants || !f->enters)
        return ca_tf_no_memory(r);
    for (i = 0; i < n; i++)
        if (todo[i]->n_in > 0)
            f->inside[f->n_inside++] = todo[i];
        else
            f->constants[f->n_constants++] = todo[i];
    for (i = 0; i < f->n_enters; i++)
        f->enters[i] = (CaTfEdge){enters[i]->name, enters[i], 0};
    return CARINA_OK;
}

static CarinaStatus settle_exits(CaTf *r)
{
    for (int32_t i = 0; i < r->frames->n_nodes; i++) {
        CaTfNode *n = r->nodes[i];
        if (!is_op(n, "Exit,RefExit") || !n->is_needed)
            continue;
        const CaTfNode *sw = n->n_in == 1 ? n->in[0].node : NULL;
        const CaTfNode *condition = sw && sw->n_in == 2 ? sw->in[1].node : NULL;
        CaTfFrame *f = is_op(sw, "Switch,RefSwitch") && is_op(condition, "LoopCond")
                           ? r->frames->of[condition->place]
                           : NULL;
        Carried *what = NULL;
        for (int32_t k = 0; f && k < f->n_carried && !what; k++)
            if (f->carried[k].sw == sw)
                what = &f->carried[k];
        if (!what)
            return damaged(r, n);
        r->frames->of[n->place] = f;
        r->frames->what[n->place] = what;
    }
    for (int32_t i = 0; i < r->frames->n_nodes; i++) {
        CaTfNode *n = r->nodes[i];
        const CaTfFrame *f = is_op(n, "Exit,RefExit") ? r->frames->of[i] : NULL;
        if (f) {
            n->in = f->enters;
            n->n_in = f->n_enters;
        }
    }
    return CARINA_OK;
}

CarinaStatus ca_tf_find_frames(CaTf *r)
{
    bool any = false;
    for (int32_t i = 0; i < r->n_nodes && !any; i++)
        any = r->nodes[i]->is_needed && is_op(r->nodes[i], "Exit,RefExit");
    if (!any)
        return CARINA_OK;
    const size_t n = (size_t)r->n_nodes + 1;
    CaTfFrames *all = ca_arena_alloc(r->b.work, sizeof *all);
    int32_t *seen = ca_arena_array(r->b.work, n, sizeof *seen), stamp = 0;
    CaTfNode **todo = ca_arena_array(r->b.work, n, sizeof *todo),
             **enters = ca_arena_array(r->b.work, n, sizeof *enters);
    r->frames = all;
    if (!all || !seen || !todo || !enters ||
        !(all->of = ca_arena_array(r->b.work, n, sizeof *all->of)) ||
        !(all->what = ca_arena_array(r->b.work, n, sizeof *all->what)))
        return ca_tf_no_memory(r);
    all->n_nodes = r->n_nodes;
    for (int32_t i = 0; i < all->n_nodes; i++) {
        CaTfNode *node = r->nodes[i];
        if (is_op(node, "Switch,RefSwitch") && node->n_in == 2 && node->in[0].node &&
            node->in[0].node->is_needed && is_op(node->in[1].node, "LoopCond"))
            CA_TRY(take_switch(r, node));
    }
    for (int32_t i = 0; i < all->n_nodes; i++)
        if (r->nodes[i]->is_needed && is_round(r->nodes[i]) && !all->what[i])
            CA_TRY(take_merge(r, r->nodes[i]));
    for (CaTfFrame *f = all->all; f; f = f->next)
        CA_TRY(look_inside(r, f, seen, ++stamp, todo, enters));
    return settle_exits(r);
}

/* --- During it. */

static void forget(CaTf *r, const CaTfFrame *f)
{
    for (int32_t i = 0; i < f->n_inside; i++) {
        CaTfNode *n = f->inside[i];
        n->visit = 0;
        n->is_dead = false;
        n->n_value = 0;
        n->value = NULL;
        if (n->place < r->frames->n_nodes && r->frames->of[n->place] && n != f->condition)
            r->frames->of[n->place]->is_done = false;
    }
}

/* The frame's node is known: port holds v. */
static bool hand(CaTf *r, CaTfNode *n, int32_t port, CaValue *v)
{
    n->visit = 2; /* done */
    return ca_tf_set_value(r, n, port, v) == CARINA_OK;
}

static CaValue *computed(CaTfCall *c, const CaTfEdge *edge)
{
    if (edge->node)
        c->r->b.status = ca_tf_translate_edge(c->r, edge, 0);
    c->b->name = c->node->name;
    c->b->type = c->node->op;
    CaValue *v = edge->node ? ca_tf_value(edge) : NULL;
    if (!v)
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "something in its loop is not computed, '%s'",
                      edge->text ? edge->text : "?");
    return v;
}

/* A round begins with these. */
static bool begin_round(CaTfCall *c, CaTfFrame *f, CaValue *const *now)
{
    forget(c->r, f);
    for (int32_t k = 0; k < f->n_carried; k++)
        if (!hand(c->r, f->carried[k].merge, 0, now[k]) ||
            (f->carried[k].sw && (!hand(c->r, f->carried[k].sw, 0, &ca_tf_dead) ||
                                  !hand(c->r, f->carried[k].sw, 1, now[k]))))
            return false;
    return true;
}

static CaValue *condition_of(CaTfCall *c, const CaTfFrame *f)
{
    return f->condition->n_in == 1 ? computed(c, &f->condition->in[0]) : NULL;
}

/* *answer is NULL where the condition is known. */
static bool goes_on(CaTfCall *c, CaTfFrame *f, CaValue *const *now, CaValue **answer)
{
    int64_t yes = 0;
    *answer = NULL;
    CaValue *v = begin_round(c, f, now) ? condition_of(c, f) : NULL;
    if (c->b->status != CARINA_OK)
        return false;
    if (v && v->node && ca_build_known_ints(c->b, v, &yes, 1) == 1)
        return ca_build_settle(c->b) && yes != 0;
    bool is_plain = v && v->node;
    for (int32_t k = 0; k < f->n_carried; k++)
        is_plain = is_plain && now[k] && now[k]->node;
    for (int32_t k = 0; k < f->n_enters; k++)
        is_plain =
            is_plain && ca_tf_value(&f->enters[k]) && ca_tf_value(&f->enters[k])->node;
    if (is_plain && ca_build_settle(c->b))
        *answer = v;
    else
        ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                      "how often its loop runs is not known before the run, and it "
                      "hands on lists; give the model's input shape, or cut the model "
                      "with --input and --output");
    return false;
}

/* --- Rounds that the data counts. */

/* What a node was in the graph around. */
typedef struct Kept {
    CaTfNode *node;
    CaValue **value;
    int32_t n_value;
    uint8_t visit;
} Kept;

/* Constants are made anew in the body; of other nodes of the graph around nothing may be read there. */
static void keep(Kept *to, CaTfNode *n)
{
    *to = (Kept){n, n->value, n->n_value, n->visit};
    n->visit =
        strcmp(n->op, "Const") == 0 ? 0 : 2; /* 2: done, and here without a value */
    n->value = NULL;
    n->n_value = 0;
}

static bool is_carried(const CaTfFrame *f, const CaTfNode *enter)
{
    for (int32_t k = 0; k < f->n_carried; k++)
        if (f->carried[k].enter == enter)
            return true;
    return false;
}

/* One round. state: what goes round, then other Enters; now and next: of the former, in the body. */
static void make_body(CaTfCall *c, CaTfFrame *f, CaTfByData *d, CaValue *const *state,
                      const Kept *enters, CaValue **inner)
{
    CaValue **next = inner + d->n_states;
    for (int32_t k = 0; k < d->n_states; k++) {
        const CaTfEdge *from =
            k < f->n_carried ? ca_tf_behind_identities(f->carried[k].next) : NULL;
        d->stays[k] =
            !from || (from->node == f->carried[k].sw && from->node && from->port == 1);
    }
    if (!ca_tf_by_data_enter(d, state, inner))
        return;
    for (int32_t k = f->n_carried; k < d->n_states; k++)
        if (!hand(c->r, enters[k - f->n_carried].node, 0, inner[k]))
            return;
    if (!begin_round(c, f, inner))
        return;
    for (int32_t k = 0; k < f->n_carried && c->b->status == CARINA_OK; k++)
        next[k] = d->stays[k] ? inner[k] : computed(c, f->carried[k].next);
    if (c->b->status == CARINA_OK && begin_round(c, f, next))
        ca_tf_by_data_leave(d, condition_of(c, f), next);
}

static void run_by_data(CaTfCall *c, CaTfFrame *f, CaValue *condition, CaValue **now)
{
    CaTfByData d;
    const size_t n = (size_t)f->n_carried + (size_t)f->n_enters;
    CaValue **state = ca_arena_array(c->b->work, 3 * n + 1, sizeof *state);
    Kept *kept =
        ca_arena_array(c->b->work, 2 * n + (size_t)f->n_constants + 1, sizeof *kept);
    int n_states = f->n_carried, n_kept = 0;
    if (!state || !kept) {
        ca_build_fail(c->b, CARINA_ERR_MEMORY, "out of memory");
        return;
    }
    if (f->n_carried)
        memcpy(state, now, (size_t)f->n_carried * sizeof *state);
    for (int32_t k = 0; k < f->n_enters; k++)
        if (!is_carried(f, f->enters[k].node)) {
            state[n_states++] = ca_tf_value(&f->enters[k]);
            kept[n_kept++].node = f->enters[k].node;
        }
    if (!ca_tf_by_data_begin(&d, c, condition, n_states))
        return;
    for (int k = 0; k < n_kept; k++)
        keep(&kept[k], kept[k].node);
    for (int32_t k = 0; k < f->n_constants; k++)
        keep(&kept[n_kept++], f->constants[k]);
    for (int32_t k = 0; k < f->n_carried; k++)
        keep(&kept[n_kept++], f->carried[k].enter);
    make_body(c, f, &d, state, kept, state + n);
    while (n_kept--) { /* backwards: a node may have been kept twice */
        const int k = n_kept;
        kept[k].node->value = kept[k].value;
        kept[k].node->n_value = kept[k].n_value;
        kept[k].node->visit = kept[k].visit;
    }
    forget(c->r, f);
    ca_tf_by_data_end(&d, state);
    if (f->n_carried)
        memcpy(now, state, (size_t)f->n_carried * sizeof *state);
}

static void run_frame(CaTfCall *c, CaTfFrame *f)
{
    CaTf *r = c->r;
    const size_t n = (size_t)f->n_carried;
    CaValue **now = ca_arena_array(c->b->work, 2 * n + 1, sizeof *now), *answer = NULL;
    if (!now || f->is_running || r->loop_depth == MAX_NESTED) {
        ca_build_fail(c->b, now ? CARINA_ERR_LIMIT : CARINA_ERR_MEMORY,
                      "loops inside each other more than %d deep", MAX_NESTED);
        return;
    }
    for (int32_t k = 0; k < f->n_carried; k++)
        now[k] = ca_tf_value(&(CaTfEdge){NULL, f->carried[k].enter, 0});
    f->is_running = true;
    r->loop_depth++;
    for (int round = 0; goes_on(c, f, now, &answer); round++) {
        if (round == MAX_ROUNDS || ++r->n_rounds > MAX_ROUNDS_IN_ALL)
            ca_build_fail(c->b, CARINA_ERR_LIMIT,
                          "more than %d rounds, or %d of all loops; Carina unrolls no "
                          "such loop",
                          MAX_ROUNDS, MAX_ROUNDS_IN_ALL);
        for (int32_t k = 0; k < f->n_carried && c->b->status == CARINA_OK; k++)
            now[n + (size_t)k] = computed(c, f->carried[k].next);
        if (c->b->status != CARINA_OK)
            break;
        if (n)
            memcpy(now, now + n, n * sizeof *now);
    }
    r->loop_depth--;
    if (answer && c->b->status == CARINA_OK)
        run_by_data(c, f, answer, now);
    for (int32_t k = 0; k < f->n_carried; k++)
        f->carried[k].now = now[k];
    f->is_running = false;
    f->is_done = c->b->status == CARINA_OK;
}

static void leave(CaTfCall *c)
{
    const CaTfNode *n = c->node;
    const CaTfFrames *all = c->r->frames;
    CaTfFrame *f = all && n->place < all->n_nodes ? all->of[n->place] : NULL;
    if (!f) {
        (void)damaged(c->r, n);
        return;
    }
    if (!f->is_done)
        run_frame(c, f);
    if (f->is_done)
        ca_tf_out(c, 0, all->what[n->place]->now);
}

static void pass(CaTfCall *c) { ca_tf_out(c, 0, ca_tf_in(c, 0)); }

const CaTfOp ca_tf_frames[] = {
    {"Enter", pass, NULL, CA_TF_TAKES_LISTS},
    {"Exit", leave, NULL, CA_TF_TAKES_LISTS},
    {"LoopCond", pass, NULL, 0},
    {"NextIteration", pass, NULL, CA_TF_TAKES_LISTS},
    {"RefEnter", pass, NULL, CA_TF_TAKES_LISTS},
    {"RefExit", leave, NULL, CA_TF_TAKES_LISTS},
    {"RefNextIteration", pass, NULL, CA_TF_TAKES_LISTS},
    {NULL, NULL, NULL, 0},
};

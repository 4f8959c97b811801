/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sink-transposes: as few Transposes as there can be between operators that fix the order of axes.
 *
 * A Transpose shows a tensor in two orders. Operators that do not care (commute.c) can compute in either; the others,
 * as convolutions, inputs and outputs, are fixed. So each value that is reached from a Transpose has two forms, A and
 * B, each operator that does not care has to choose one, and where a value is made in one form and read in the other
 * stands one Transpose for all its readers. The cheapest choice is a minimum cut: no number of Transposes smaller
 * than the one this pass leaves is possible by choosing forms.
 *
 * A is channels first where the Transposes are of images. At equal cost pointwise operators choose A, so that they
 * meet convolutions, and operators with axes stay as they are. Where no operator of images is near, nothing changes
 * unless Transposes are saved.
 */
#include "passes/commute.h"
#include "passes/min_cut.h"
#include "passes/rewrite.h"

/* What it costs to read a value in its other form: a Transpose, a Reshape; and to leave the present form for nothing. */
enum { STAY = 1, RESHAPE = 1 << 8, TRANSPOSE = 1 << 20 };

typedef struct Form {
    CaValue *v;
    bool is_known, is_b; /* v itself is in form B */
    bool of_images;      /* seen at a Transpose of images */
    CaOrder
        other; /* Transpose(v, other) is the other form; the identity: both are the same */
    int root;  /* the value that this one is a form of */
    int next;  /* the next form of the same root; 0: none */
} Form;

typedef struct Site {
    CaNode *n;
    int first;           /* of its outputs' forms */
    CaCommutes kind;     /* as long as all its ports have forms */
    bool is_alias;       /* a Transpose between the two forms */
    bool is_transpose;   /* with a constant order, not the identity */
    uint8_t n_expanded;  /* bit 0: from an input, bit 1: from an output */
    bool is_b, is_moved; /* the form it has; whether it changes */
    int vertex;          /* of the network; 0: fixed */
    bool stays;          /* in its form, where that costs nothing */
    int group; /* sites whose choices depend on each other: the first of them, by links */
} Site;

typedef struct Sink {
    CaGraph *g;
    CarinaError *err;
    Site *sites;
    Form *forms;
    int *at;    /* node id -> site; -1: made by this pass */
    int *queue; /* forms whose neighbours are to be seen */
    int n_sites, n_forms, n_ids, n_queue, n_vertices;
    bool of_images;      /* what forms are now learnt from */
    bool *is_source;     /* by vertex: chooses B */
    bool *is_image;      /* by site that heads a group */
    int64_t *was, *will; /* cost of the group before and after */
    int n_changes;
} Sink;

static Site *site_of(const Sink *s, const CaNode *n)
{
    return n->id < s->n_ids && s->at[n->id] >= 0 ? &s->sites[s->at[n->id]] : NULL;
}

static int form_at(const Sink *s, const CaValue *v)
{
    return site_of(s, v->node)->first + v->index;
}

static Form *form_of(const Sink *s, const CaValue *v) { return &s->forms[form_at(s, v)]; }

static CaValue *value_at(const CaNode *n, int port)
{
    return port < 0 ? &n->outputs[~port] : ca_node_input(n, port);
}

static bool is_image_operator(const CaNode *n)
{
    static const char *const names[] = {"Convolution",
                                        "GroupConvolution",
                                        "ConvolutionBackpropData",
                                        "GroupConvolutionBackpropData",
                                        "BinaryConvolution",
                                        "DeformableConvolution",
                                        "MaxPool",
                                        "AvgPool",
                                        "AdaptiveAvgPool",
                                        "AdaptiveMaxPool",
                                        "BatchNormInference",
                                        "DepthToSpace",
                                        "SpaceToDepth",
                                        "GroupNormalization"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (ca_node_is(n, names[i]))
            return true;
    return false;
}

/* --- Forms, spread from Transposes. */

static void learn(Sink *s, CaValue *v, bool is_b, const CaOrder *other)
{
    Form *f = form_of(s, v);
    if (f->is_known || v->shape.rank != other->rank || ca_order_is_identity(other))
        return;
    f->is_known = true;
    f->is_b = is_b;
    f->of_images = s->of_images;
    f->other = *other;
    s->queue[s->n_queue++] = form_at(s, v);
}

/* Through y = Transpose(x, p): y is x's other form, or an operator on x in either form. */
static void spread_transpose(Sink *s, const CaNode *n, bool forward)
{
    CaValue *x = ca_node_input(n, 0), *y = &n->outputs[0];
    const Form *f = form_of(s, forward ? x : y);
    CaOrder p;
    ca_order_read(&p, n);
    const CaOrder back = ca_order_inverse(&p);
    const CaOrder *there = forward ? &p : &back, *other = forward ? &back : &p;
    if (ca_order_equal(&f->other, there))
        learn(s, forward ? y : x, !f->is_b, other);
    else
        learn(s, forward ? y : x, f->is_b, &f->other);
}

static void spread_node(Sink *s, Site *site, int port)
{
    const CaNode *n = site->n;
    const uint8_t mark = port < 0 ? 2 : 1;
    if (site->is_transpose && (port < 0 || port == 0)) {
        spread_transpose(s, n, port == 0);
        return;
    }
    if (site->kind == CA_COMMUTES_NOT || !ca_commute_is_port(n, port) ||
        (site->n_expanded & mark))
        return;
    site->n_expanded |= mark;
    const Form f = *form_of(s, value_at(n, port));
    for (int to = -n->n_outputs; to < n->n_inputs; to++) {
        CaValue *v = value_at(n, to);
        CaOrder p;
        if (v && to != port && ca_commute_is_port(n, to) &&
            ca_commute_relate(n, port, &f.other, to, &p))
            learn(s, v, f.is_b, &p);
    }
}

static void spread(Sink *s)
{
    while (s->n_queue > 0) {
        const CaValue *v = s->forms[s->queue[--s->n_queue]].v;
        spread_node(s, site_of(s, v->node), ~v->index);
        for (const CaUse *u = v->uses; u; u = u->next)
            spread_node(s, site_of(s, u->node), u->index);
    }
}

static bool reads_image_operator(const CaValue *v)
{
    for (const CaUse *u = v->uses; u; u = u->next)
        if (is_image_operator(u->node))
            return true;
    return false;
}

/* 1: from channels first to last, -1: from last to first, 0: another order. */
static int direction(const CaNode *n, const CaOrder *p)
{
    CaOrder last = {.rank = p->rank};
    for (int i = 1; i < p->rank; i++)
        last.at[i] = (int8_t)(i + 1 < p->rank ? i + 1 : 1);
    const CaOrder first = ca_order_inverse(&last);
    const bool is_last = ca_order_equal(p, &last), is_first = ca_order_equal(p, &first);
    if (p->rank < 3 || (!is_last && !is_first))
        return 0;
    if (is_last && is_first)
        return is_image_operator(ca_node_input_node(n, 0)) ? 1
               : reads_image_operator(&n->outputs[0])      ? -1
                                                           : 0;
    return is_last ? 1 : -1;
}

static void seed(Sink *s, bool of_images)
{
    s->of_images = of_images;
    for (int i = 0; i < s->n_sites; i++) {
        const CaNode *n = s->sites[i].n;
        CaOrder p;
        if (!s->sites[i].is_transpose || !ca_order_read(&p, n) ||
            form_of(s, ca_node_input(n, 0))->is_known ||
            form_of(s, &n->outputs[0])->is_known)
            continue;
        const int to = direction(n, &p);
        if ((to != 0) != of_images)
            continue;
        learn(s, ca_node_input(n, 0), to < 0, &p);
        spread(s);
    }
}

/* --- What the forms make of the nodes. */

/* Joins a source of the graph to a Result: such a Transpose stays. */
static bool is_bridge(const Sink *s, const CaNode *n)
{
    const Form *root = &s->forms[form_of(s, ca_node_input(n, 0))->root];
    return root->is_b == form_of(s, &n->outputs[0])->is_b &&
           ca_rewrite_is_bridge(&n->outputs[0], root->v);
}

static bool is_alias(const Sink *s, const CaNode *n)
{
    const CaValue *x = ca_node_input(n, 0);
    const Form *f = form_of(s, x), *y = form_of(s, &n->outputs[0]);
    CaOrder p;
    if (!f->is_known || !y->is_known || f->is_b == y->is_b || !ca_order_read(&p, n))
        return false;
    const CaOrder back = ca_order_inverse(&p);
    return ca_order_equal(&f->other, &p) && ca_order_equal(&y->other, &back) &&
           !is_bridge(s, n);
}

/* Does the port have the forms that the node wants for it? *is_still: they are one and the same. */
static bool fits(const Sink *s, const CaNode *n, int from, int port, bool *is_still)
{
    const Form *f = form_of(s, value_at(n, from)), *o = form_of(s, value_at(n, port));
    CaOrder p;
    if (!ca_commute_relate(n, from, &f->other, port, &p))
        return false;
    *is_still = ca_order_is_identity(&p);
    return *is_still ||
           (o->is_known && o->is_b == f->is_b && ca_order_equal(&p, &o->other));
}

/* All ports in the same form, or all inputs and no output? */
static CaCommutes kind_of(const Sink *s, const Site *site)
{
    const CaNode *n = site->n;
    int from = 0, n_still = 0, n_ports = 0;
    if (site->kind == CA_COMMUTES_NOT)
        return CA_COMMUTES_NOT;
    while (from < n->n_inputs && !ca_commute_is_port(n, from))
        from++;
    if (from == n->n_inputs || !value_at(n, from) ||
        !form_of(s, value_at(n, from))->is_known)
        return CA_COMMUTES_NOT;
    if (ca_commute_absorbs(n, &form_of(s, value_at(n, from))->other))
        return CA_COMMUTES_INPUT;
    for (int port = -n->n_outputs; port < n->n_inputs; port++) {
        bool is_still;
        if (!value_at(n, port) || !ca_commute_is_port(n, port))
            continue;
        if (!fits(s, n, from, port, &is_still) || (is_still && port >= 0))
            return CA_COMMUTES_NOT;
        n_ports += port < 0;
        n_still += is_still;
    }
    return n_still == 0         ? CA_COMMUTES
           : n_still == n_ports ? CA_COMMUTES_INPUT
                                : CA_COMMUTES_NOT;
}

/* Is it done next to a product, whose coefficients it may become? */
static bool follows_product(const Sink *s, const CaNode *n)
{
    for (int i = 0; i < n->n_inputs; i++) {
        const CaNode *from = ca_node_input_node(n, i);
        if (from && (ca_node_is(from, "MatMul") ||
                     (ca_commute_is_pointwise(from) && site_of(s, from)->stays)))
            return true;
    }
    return false;
}

static void settle(Sink *s)
{
    for (int i = s->n_sites - 1; i >= 0; i--)
        s->sites[i].group = i;
    for (int i = 0; i < s->n_sites; i++) {
        Site *site = &s->sites[i];
        const CaNode *n = site->n;
        for (int k = 0; k < n->n_outputs; k++)
            s->forms[site->first + k].root = site->first + k;
        site->is_alias = site->is_transpose && is_alias(s, n);
        if (site->is_alias)
            s->forms[site->first].root = form_of(s, ca_node_input(n, 0))->root;
        site->kind = site->is_alias ? CA_COMMUTES_NOT : kind_of(s, site);
        site->stays = !ca_commute_is_pointwise(n) || follows_product(s, n);
        if (site->kind == CA_COMMUTES_NOT)
            continue;
        int port = 0;
        while (!ca_commute_is_port(n, port))
            port++;
        site->is_b = form_of(s, value_at(n, port))->is_b;
        site->vertex = CA_CUT_FIRST + s->n_vertices++;
    }
    for (int i = s->n_forms - 1; i > 0; i--)
        if (s->forms[i].root != i) {
            s->forms[i].next = s->forms[s->forms[i].root].next;
            s->forms[s->forms[i].root].next = i;
        }
}

/* --- The network. */

/* One value: who makes it and who reads it, in which form. visit is called for each reader but aliases. */
typedef struct Reader {
    CaUse *use;
    const Form *form;
    Site *site; /* NULL: fixed */
} Reader;

typedef void Visit(Sink *s, const Reader *r, void *arg);

static void each_reader(Sink *s, int root, Visit *visit, void *arg)
{
    int i = root;
    do {
        const Form *f = &s->forms[i];
        for (CaUse *u = f->v->uses, *next; u; u = next) {
            Site *site = site_of(s, u->node);
            next = u->next;
            if (site && site->is_alias)
                continue;
            const bool chooses =
                site && site->vertex && ca_commute_is_port(u->node, u->index);
            visit(s, &(Reader){u, f, chooses ? site : NULL}, arg);
        }
        i = f->next;
    } while (i);
}

static int vertex(const Reader *r)
{
    return r->site ? r->site->vertex : r->form->is_b ? CA_CUT_SOURCE : CA_CUT_SINK;
}

static int64_t cost(const Form *f)
{
    if (ca_node_is(f->v->node, "Const"))
        return 0;
    return ca_order_moves_ones(&f->other, &f->v->shape) ? RESHAPE : TRANSPOSE;
}

/* The node that makes the value, if it chooses its form. */
static Site *maker_of(const Sink *s, const Form *f)
{
    Site *site = site_of(s, f->v->node);
    return site->vertex && site->kind == CA_COMMUTES ? site : NULL;
}

static int maker_vertex(const Sink *s, const Form *f)
{
    const Site *site = maker_of(s, f);
    return site ? site->vertex : f->is_b ? CA_CUT_SOURCE : CA_CUT_SINK;
}

static bool is_choice(const Form *f, int i) { return f->is_known && f->root == i; }

static int head(Sink *s, int site)
{
    while (s->sites[site].group != site) {
        s->sites[site].group = s->sites[s->sites[site].group].group;
        site = s->sites[site].group;
    }
    return site;
}

typedef struct Join {
    int site; /* -1: none yet */
    bool is_image;
} Join;

static void join(Sink *s, int site, Join *j)
{
    const int a = head(s, site);
    if (j->site >= 0) {
        const int b = head(s, j->site);
        s->sites[a > b ? a : b].group = a > b ? b : a;
        s->is_image[a > b ? b : a] = s->is_image[a] || s->is_image[b];
    }
    j->site = head(s, a);
}

static void join_reader(Sink *s, const Reader *r, void *arg)
{
    Join *j = arg;
    j->is_image = j->is_image || (r->form->of_images && is_image_operator(r->use->node));
    if (r->site)
        join(s, (int)(r->site - s->sites), j);
}

static void find_groups(Sink *s)
{
    for (int i = 0; i < s->n_forms; i++) {
        const Form *f = &s->forms[i];
        Join j = {.site = -1};
        if (!is_choice(f, i))
            continue;
        const Site *maker = maker_of(s, f);
        j.is_image = f->of_images && is_image_operator(f->v->node);
        if (maker)
            join(s, (int)(maker - s->sites), &j);
        each_reader(s, i, join_reader, &j);
        if (j.site >= 0)
            s->is_image[j.site] = s->is_image[j.site] || j.is_image;
    }
}

typedef struct Wires {
    CaCut *cut;
    int any_a, any_b; /* vertices: does some reader want A, B? */
} Wires;

static void wire_reader(Sink *s, const Reader *r, void *arg)
{
    const Wires *w = arg;
    (void)s;
    ca_cut_edge(w->cut, w->any_a, vertex(r), CA_CUT_INFINITE);
    ca_cut_edge(w->cut, vertex(r), w->any_b, CA_CUT_INFINITE);
}

static void wire(Sink *s, CaCut *cut)
{
    int extra = CA_CUT_FIRST + s->n_vertices;
    for (int i = 0; i < s->n_forms; i++) {
        const Form *f = &s->forms[i];
        Wires w = {cut, extra, extra + 1};
        if (!is_choice(f, i) || cost(f) == 0)
            continue;
        extra += 2;
        const int maker = maker_vertex(s, f);
        ca_cut_edge(cut, maker, w.any_a, cost(f));
        ca_cut_edge(cut, w.any_b, maker, cost(f));
        each_reader(s, i, wire_reader, &w);
    }
    for (int i = 0; i < s->n_sites; i++) {
        const Site *site = &s->sites[i];
        if (!site->vertex || !site->stays)
            continue;
        if (site->is_b)
            ca_cut_edge(cut, CA_CUT_SOURCE, site->vertex, STAY);
        else
            ca_cut_edge(cut, site->vertex, CA_CUT_SINK, STAY);
    }
}

/* --- The choice. */

typedef struct Count {
    bool was[2], will[2]; /* is it read in form A, in form B? */
    int group;
} Count;

static bool chosen(const Sink *s, const Site *site) { return s->is_source[site->vertex]; }

static void count_reader(Sink *s, const Reader *r, void *arg)
{
    Count *c = arg;
    c->was[r->form->is_b] = true;
    c->will[r->site ? chosen(s, r->site) : r->form->is_b] = true;
    if (r->site)
        c->group = head(s, (int)(r->site - s->sites));
}

/* Groups away from images change only where that saves Transposes. */
static void choose(Sink *s)
{
    for (int i = 0; i < s->n_forms; i++) {
        const Form *f = &s->forms[i];
        Count c = {.group = -1};
        if (!is_choice(f, i))
            continue;
        const Site *maker = maker_of(s, f);
        const bool now = maker ? chosen(s, maker) : f->is_b;
        each_reader(s, i, count_reader, &c);
        if (maker)
            c.group = head(s, (int)(maker - s->sites));
        if (c.group < 0)
            continue;
        s->was[c.group] += c.was[!f->is_b] ? cost(f) : 0;
        s->will[c.group] += c.will[!now] ? cost(f) : 0;
    }
    for (int i = 0; i < s->n_sites; i++) {
        Site *site = &s->sites[i];
        const int at = head(s, i);
        if (!site->vertex || chosen(s, site) == site->is_b)
            continue;
        site->is_moved = s->is_image[at] || s->will[at] + TRANSPOSE / 2 < s->was[at];
    }
}

static CarinaStatus cut(Sink *s, bool *is_found)
{
    CaCut *c = NULL;
    size_t n_edges = (size_t)s->n_sites, n_values = 0;
    for (int i = 0; i < s->n_sites; i++)
        n_edges += 2 * (size_t)s->sites[i].n->n_inputs;
    for (int i = 0; i < s->n_forms; i++)
        n_values += is_choice(&s->forms[i], i);
    const size_t n = (size_t)CA_CUT_FIRST + (size_t)s->n_vertices + 2 * n_values;
    s->is_source = ca_alloc(n);
    if (!s->is_source || n > INT32_MAX / 2)
        return ca_err(s->err, CARINA_ERR_MEMORY, "out of memory for the graph");
    const CarinaStatus status = ca_cut_create(&c, (int)n, n_edges + 2 * n_values, s->err);
    if (status == CARINA_OK) {
        find_groups(s);
        wire(s, c);
        *is_found = ca_cut_run(c, s->is_source);
    }
    ca_cut_free(&c);
    return status;
}

/* --- The rewrite. */

static CarinaStatus move_nodes(Sink *s)
{
    for (int i = 0; i < s->n_sites; i++) {
        const Site *site = &s->sites[i];
        int port = 0;
        if (!site->is_moved)
            continue;
        while (!ca_commute_is_port(site->n, port))
            port++;
        const CaOrder p = form_of(s, value_at(site->n, port))->other;
        CA_TRY(ca_commute_apply(s->g, site->n, &p, s->err));
        s->n_changes++;
    }
    return CARINA_OK;
}

static bool is_moved(const Sink *s, const Form *f)
{
    const Site *maker = maker_of(s, f);
    return maker && maker->is_moved;
}

/* A value as it is made now, and its other form. */
typedef struct Two {
    CaValue *made, *other;
    bool is_b; /* made is */
    bool is_wrong;
    bool wants_other;
} Two;

static bool wants_b(const Reader *r)
{
    return r->form->is_b != (r->site && r->site->is_moved);
}

static bool is_result(const CaNode *n) { return ca_node_is(n, "Result"); }

static bool feeds_result(const CaValue *v)
{
    for (const CaUse *u = v->uses; u; u = u->next)
        if (is_result(u->node))
            return true;
    return false;
}

static void look(Sink *s, const Reader *r, void *arg)
{
    Two *t = arg;
    const CaValue *v = r->use->value;
    (void)s;
    t->is_wrong = t->is_wrong || wants_b(r) != r->form->is_b;
    if (wants_b(r) == t->is_b) {
        t->is_wrong = t->is_wrong || v != t->made;
        return;
    }
    t->is_wrong = t->is_wrong || (t->other && v != t->other);
    t->wants_other = true;
    if (wants_b(r) == r->form->is_b)
        t->other = r->use->value;
}

static void give(Sink *s, const Reader *r, void *arg)
{
    const Two *t = arg;
    (void)s;
    CaValue *v = wants_b(r) == t->is_b ? t->made : t->other;
    if (r->use->value == v || (t->other && r->use->node == t->other->node))
        return;
    if (is_result(r->use->node) && v->node->n_outputs == 1 && !feeds_result(v) &&
        !ca_node_is(v->node, "Parameter") && !ca_node_is(v->node, "Const"))
        v->node->name = r->use->value->node->name;
    ca_node_set_input(r->use->node, r->use->index, v);
}

/* Tensor names go to the form that they named. */
static CarinaStatus take_names(Sink *s, const Form *f, const Two *t)
{
    for (int i = f->next; i; i = s->forms[i].next) {
        const Form *y = &s->forms[i];
        CaValue *to = y->is_b == t->is_b ? t->made : t->other;
        if (!to || !y->v->name || ca_text_equal(y->v->name, to->name))
            continue;
        to->name = to->name ? ca_arena_printf(ca_graph_arena(s->g), "%s,%s", to->name,
                                              y->v->name)
                            : y->v->name;
        if (!to->name)
            return ca_err(s->err, CARINA_ERR_MEMORY, "out of memory for the graph");
    }
    return CARINA_OK;
}

static CarinaStatus put_other(Sink *s, const Form *f, Two *t)
{
    const bool moved = is_moved(s, f);
    const CaOrder back = ca_order_inverse(&f->other);
    const CarinaShape there = ca_order_shape(&f->other, &f->v->shape);
    CaNode *made = f->v->node;
    /* An alias hands its name on: it goes. */
    const Site *before = t->other ? site_of(s, t->other->node) : NULL;
    const char *name =
        before && before->is_alias
            ? before->n->name
            : ca_arena_printf(ca_graph_arena(s->g), "%s/transposed", made->name);
    CA_TRY(ca_order_put(&t->other, s->g, made->next, name, f->v,
                        moved ? &there : &f->v->shape, moved ? &back : &f->other,
                        s->err));
    if (moved && t->other != f->v) {
        t->other->name = f->v->name;
        f->v->name = NULL;
    }
    return CARINA_OK;
}

static CarinaStatus connect(Sink *s, int root)
{
    const Form *f = &s->forms[root];
    const bool moved = is_moved(s, f);
    const char *name = f->v->node->name;
    Two t = {.made = f->v, .is_b = f->is_b != moved};
    each_reader(s, root, look, &t);
    t.is_wrong =
        t.is_wrong || moved ||
        (t.other && cost(f) < TRANSPOSE && ca_node_is(t.other->node, "Transpose"));
    if (!t.is_wrong)
        return CARINA_OK;
    if (t.wants_other)
        CA_TRY(put_other(s, f, &t));
    else if (moved)
        f->v->name = NULL;
    CA_TRY(take_names(s, f, &t));
    each_reader(s, root, give, &t);
    s->n_changes++;
    if (ca_node_is(f->v->node, "Const"))
        ca_rewrite_drop(s->g, f->v->node);
    else if (t.other && t.other != f->v && t.other->node->name == name)
        return ca_node_rename(s->g, f->v->node,
                              ca_arena_printf(ca_graph_arena(s->g), "%s/moved", name),
                              s->err);
    return CARINA_OK;
}

static CarinaStatus rewrite(Sink *s)
{
    CA_TRY(move_nodes(s));
    for (int i = 0; i < s->n_forms; i++)
        if (is_choice(&s->forms[i], i))
            CA_TRY(connect(s, i));
    if (s->n_changes == 0)
        return CARINA_OK;
    /* What falls with a Transpose stands before it and was seen. */
    for (int i = 0; i < s->n_sites; i++)
        if (s->sites[i].is_alias && !s->sites[i].n->outputs[0].uses)
            ca_rewrite_drop(s->g, s->sites[i].n);
    return ca_graph_infer(s->g, s->err);
}

/* --- The graph as arrays. */

static CarinaStatus number(Sink *s)
{
    const int n_ids = s->g->own->next_id;
    size_t n_outputs = 0;
    CA_EACH_NODE(n, s->g)
        n_outputs += (size_t)n->n_outputs;
    if (n_outputs > INT32_MAX / 4)
        return ca_err(s->err, CARINA_ERR_LIMIT, "the graph has too many values");
    s->n_ids = n_ids;
    s->at = ca_alloc((size_t)n_ids * sizeof *s->at + 1);
    s->sites = ca_alloc((size_t)s->g->n_nodes * sizeof *s->sites + 1);
    s->forms = ca_alloc(n_outputs * sizeof *s->forms + 1);
    s->queue = ca_alloc(n_outputs * sizeof *s->queue + 1);
    s->is_image = ca_alloc((size_t)s->g->n_nodes + 1);
    s->was = ca_alloc((size_t)s->g->n_nodes * sizeof *s->was + 1);
    s->will = ca_alloc((size_t)s->g->n_nodes * sizeof *s->will + 1);
    if (!s->at || !s->sites || !s->forms || !s->queue || !s->is_image || !s->was ||
        !s->will)
        return ca_err(s->err, CARINA_ERR_MEMORY, "out of memory for the graph");
    for (int i = 0; i < n_ids; i++)
        s->at[i] = -1;
    CA_EACH_NODE(n, s->g) {
        Site *site = &s->sites[s->n_sites];
        CaOrder p;
        *site = (Site){.n = n, .first = s->n_forms, .kind = ca_commute_kind(n)};
        site->is_transpose = ca_order_read(&p, n) && !ca_order_is_identity(&p);
        s->at[n->id] = s->n_sites++;
        for (int i = 0; i < n->n_outputs; i++, s->n_forms++)
            s->forms[s->n_forms] = (Form){.v = &n->outputs[i], .root = s->n_forms};
    }
    return CARINA_OK;
}

static CarinaStatus sink(Sink *s)
{
    bool is_found = false;
    CA_TRY(number(s));
    seed(s, true);
    seed(s, false);
    settle(s);
    CA_TRY(cut(s, &is_found));
    if (!is_found)
        return CARINA_OK;
    choose(s);
    return rewrite(s);
}

static bool has_transpose(const CaGraph *g)
{
    CA_EACH_NODE(n, g)
        if (ca_node_is(n, "Transpose"))
            return true;
    return false;
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    Sink s = {.g = g, .err = err};
    const CarinaStatus status = has_transpose(g) ? sink(&s) : CARINA_OK;
    *n_changes += s.n_changes;
    ca_free(s.at);
    ca_free(s.sites);
    ca_free(s.forms);
    ca_free(s.queue);
    ca_free(s.is_image);
    ca_free(s.was);
    ca_free(s.will);
    ca_free(s.is_source);
    return status;
}

const CaPass ca_pass_sink_transposes = {
    .name = "sink-transposes",
    .summary = "leaves as few Transposes as the layouts of the operators allow",
    .run = run,
};

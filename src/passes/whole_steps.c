/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole-steps: the walk over the graph. A FakeQuantize that says its steps becomes (q - zero) * scale of an integer q:
 * the model's own input, the result of an operator on integers, or what the floats before it round to. Nodes that only
 * move numbers of one tensor's steps move the integers instead. What is then left of the floats nobody reads.
 */
#include "passes/whole_steps.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool fails(CaStepsPass *p, CarinaStatus status)
{
    if (p->status == CARINA_OK)
        p->status = status;
    return p->status != CARINA_OK;
}

bool ca_steps_same(const CaSteps *a, const CaSteps *b)
{
    return a->type == b->type && a->scale == b->scale && a->zero == b->zero;
}

static bool type_range(CaSteps *s)
{
    if (s->type != CARINA_I8 && s->type != CARINA_U8 && s->type != CARINA_I16)
        return false;
    s->lowest = s->type == CARINA_I8 ? -128 : s->type == CARINA_U8 ? 0 : -32768;
    s->highest = s->lowest + (s->type == CARINA_I16 ? 65535 : 255);
    return true;
}

/* --- Making nodes. */

CaValue *ca_steps_node(CaStepsPass *p, const char *op, CaValue *const *in, int n_in,
                       const CaStepAttr *attrs, int n_attrs)
{
    CaNode *n = NULL;
    if (p->status != CARINA_OK)
        return NULL;
    for (int i = 0; i < n_in; i++)
        if (!in[i])
            return NULL;
    if (fails(p, ca_graph_add(&n, p->g, p->before, op, 0, NULL, in, n_in, 1, p->err)))
        return NULL;
    for (int i = 0; i < n_attrs; i++)
        if (fails(p, ca_node_set_int(p->g, n, attrs[i].name, attrs[i].v, p->err)))
            return NULL;
    return &n->outputs[0];
}

static CaValue *inferred(CaStepsPass *p, CaValue *v)
{
    return v && !fails(p, ca_node_infer(p->g, v->node, p->err)) ? v : NULL;
}

CaValue *ca_steps_ints(CaStepsPass *p, CarinaType type, const int64_t *v, int64_t n)
{
    const CarinaShape shape = ca_shape(1, &n);
    CarinaTensor *t = NULL;
    CaValue *out = NULL;
    if (p->status != CARINA_OK ||
        fails(p, carina_tensor_create(&t, type, &shape, p->err)))
        return NULL;
    for (int64_t i = 0; i < n; i++)
        ca_put_int(type, t->data, i, v[i]);
    return fails(p, ca_graph_constant(&out, p->g, p->before, NULL, t, p->err)) ? NULL
                                                                               : out;
}

static CaValue *number(CaStepsPass *p, double x)
{
    const CarinaShape scalar = ca_shape(0, NULL);
    CaValue *out = NULL;
    return fails(p, ca_graph_reals(&out, p->g, p->before, NULL, CARINA_F32, &scalar, &x,
                                   1, p->err))
               ? NULL
               : out;
}

static CaValue *convert(CaStepsPass *p, CaValue *v, CarinaType type)
{
    CaValue *out = ca_steps_node(p, "Convert", &v, 1, NULL, 0);
    if (!out || fails(p, ca_node_set_text(p->g, out->node, "destination_type",
                                          carina_type_name(type), p->err)))
        return NULL;
    return inferred(p, out);
}

/* (q - zero) * scale. */
static CaValue *in_floats(CaStepsPass *p, CaValue *q, const CaSteps *s)
{
    CaValue *v = q ? convert(p, q, CARINA_F32) : NULL;
    if (v && s->zero) {
        CaValue *const in[] = {v, number(p, (double)s->zero)};
        v = inferred(p, ca_steps_node(p, "Subtract", in, 2, NULL, 0));
    }
    CaValue *const in[] = {v, v ? number(p, s->scale) : NULL};
    return inferred(p, ca_steps_node(p, "Multiply", in, 2, NULL, 0));
}

/* --- Values that are known in integers. */

/* Constants are stored forms of weights: a few nodes deep. */
enum { MOST_DEEP = 6 };

static const CarinaTensor *known(CaStepsPass *p, CaValue *v, int depth)
{
    CaNode *n = v->node;
    if (v->constant || ca_node_is(n, "Const") || n->n_inputs < 1 || n->n_inputs > 4 ||
        n->n_outputs != 1 || !n->op->ref || depth > MOST_DEEP)
        return v->constant;
    for (int i = 0; i < n->n_inputs; i++) {
        CaValue *from = ca_node_input(n, i);
        if (from && !known(p, from, depth + 1))
            return NULL;
    }
    return fails(p, ca_node_know(p->g, n, p->err)) ? NULL : v->constant;
}

const CarinaTensor *ca_steps_known(CaStepsPass *p, CaValue *v) { return known(p, v, 0); }

static bool scalar_of(CaStepsPass *p, const CaNode *n, int i, double *x)
{
    CaValue *v = ca_node_input(n, i);
    const CarinaTensor *t = v && ca_node_is(v->node, "Const") ? v->constant : NULL;
    (void)p;
    if (!t || ca_tensor_count(t) != 1)
        return false;
    *x = ca_get_real(t->type, t->data, 0);
    return true;
}

CaTwin ca_steps_twin(CaStepsPass *p, CaValue *v)
{
    CaTwin t = {NULL, {.scale = 1}};
    const CaTwin none = {NULL, {0}};
    double zero = 0;
    if (ca_node_is(v->node, "Multiply")) {
        if (!scalar_of(p, v->node, 1, &t.s.scale))
            return none;
        v = ca_node_input(v->node, 0);
    }
    if (ca_node_is(v->node, "Subtract")) {
        if (!scalar_of(p, v->node, 1, &zero))
            return none;
        v = ca_node_input(v->node, 0);
    }
    if (!ca_node_is(v->node, "Convert") || !(t.s.scale > 0) || zero != rint(zero))
        return none;
    t.q = ca_node_input(v->node, 0);
    t.s.type = t.q->type;
    t.s.zero = (int64_t)zero;
    return type_range(&t.s) ? t : none;
}

/* --- Nodes that move. */

enum { ALL = -1 };
typedef struct Move {
    const char *op;
    int first, n; /* inputs that are moved; n ALL: to the last */
} Move;
static const Move moves[] = {
    {"Broadcast", 0, 1},    {"Concat", 0, ALL},  {"DepthToSpace", 0, 1},
    {"Gather", 0, 1},       {"GatherND", 0, 1},  {"Identity", 0, 1},
    {"MaxPool", 0, 1},      {"Maximum", 0, 2},   {"Minimum", 0, 2},
    {"Pad", 0, 1},          {"ReduceMax", 0, 1}, {"ReduceMin", 0, 1},
    {"Reshape", 0, 1},      {"Reverse", 0, 1},   {"ReverseSequence", 0, 1},
    {"Select", 1, 2},       {"Slice", 0, 1},     {"SpaceToDepth", 0, 1},
    {"Split", 0, 1},        {"Squeeze", 0, 1},   {"StridedSlice", 0, 1},
    {"Tile", 0, 1},         {"Transpose", 0, 1}, {"Unsqueeze", 0, 1},
    {"VariadicSplit", 0, 1}};

static const Move *move_of(const CaNode *n)
{
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (ca_node_is(n, moves[i].op))
            return &moves[i];
    return NULL;
}

/* Does Pad put zeros, if anything? Then in steps it puts the zero point. */
static bool pads_zero(const CaNode *n)
{
    const CaValue *v = ca_node_input(n, 3);
    double x = 1;
    return !v || (ca_rewrite_number(v, &x) && x == 0);
}

/* The same node on integers, put before p->before. */
static CaNode *moved(CaStepsPass *p, const CaNode *n, const Move *m, CaValue *const *q,
                     const CaSteps *s)
{
    CaNode *out = NULL;
    CaValue **in =
        ca_arena_array(ca_graph_arena(p->g), (size_t)n->n_inputs + 4, sizeof *in);
    int n_in = n->n_inputs;
    if (!in) {
        fails(p, ca_err(p->err, CARINA_ERR_MEMORY, "out of memory"));
        return NULL;
    }
    const int count = m->n == ALL ? n->n_inputs : m->n;
    for (int i = 0; i < n->n_inputs; i++)
        in[i] =
            i >= m->first && i < m->first + count ? q[i - m->first] : ca_node_input(n, i);
    if (ca_node_is(n, "Pad")) {
        CaValue *zero = ca_steps_ints(p, s->type, &s->zero, 1);
        const int64_t none = 0;
        CaValue *const shaped[] = {zero, ca_steps_ints(p, CARINA_I64, &none, 1)};
        in[3] = inferred(p, ca_steps_node(p, "Squeeze", shaped, 2, NULL, 0));
        n_in = 4;
    }
    if (p->status != CARINA_OK ||
        fails(p, ca_graph_add(&out, p->g, p->before, n->op_name, n->op->opset, n->name,
                              in, n_in, n->n_outputs, p->err)) ||
        fails(p, ca_attrs_copy(p->g, out, n, p->err)) ||
        fails(p, ca_node_infer(p->g, out, p->err)))
        return NULL;
    return out;
}

static void move(CaStepsPass *p, CaNode *n)
{
    const Move *m = move_of(n);
    const int count = m ? m->n == ALL ? n->n_inputs : m->n : 0;
    CaTwin first = {NULL, {0}};
    if (!m || m->first + count > n->n_inputs || n->outputs[0].type != CARINA_F32 ||
        (ca_node_is(n, "Pad") && !pads_zero(n)))
        return;
    CaValue **q = ca_arena_array(ca_graph_arena(p->g), (size_t)count + 1, sizeof *q);
    for (int i = 0; q && i < count; i++) {
        const CaTwin t = ca_steps_twin(p, ca_node_input(n, m->first + i));
        if (!t.q || (i > 0 && !ca_steps_same(&t.s, &first.s)))
            return;
        first = t;
        q[i] = t.q;
    }
    p->before = n;
    const CaNode *out = q ? moved(p, n, m, q, &first.s) : NULL;
    for (int i = 0; out && i < n->n_outputs; i++)
        if (n->outputs[i].uses) {
            CaValue *now = n->outputs[i].type == CARINA_F32
                               ? in_floats(p, &out->outputs[i], &first.s)
                               : &out->outputs[i];
            if (now)
                ca_value_replace(&n->outputs[i], now);
        }
}

static void compared(CaStepsPass *p, CaNode *n)
{
    const char *mark = ca_info_find(n->info, "user_data.quantization");
    if (n->n_outputs != 1 || n->outputs[0].type != CARINA_BOOL || !mark)
        return;
    p->before = n;
    CaValue *y = ca_steps_compare(p, n);
    if (y)
        ca_value_replace(&n->outputs[0], y);
    *p->n_changes += y != NULL;
}

/* --- FakeQuantize. */

/* value="scale 0.5, zero point 3", and behind it ", of NAME" where the operator's kind is not seen in the graph. */
static bool read_mark(const char *kept, CaSteps *s, double *zero, CaStepsOf *of)
{
    static const char *const names[] = {"\"", ", of shifted sum\"", ", of BATCH_MATMUL\"",
                                        ", of floats\""};
    int end = 0;
    if (!kept ||
        sscanf(kept, "value=\"scale %lf, zero point %lf%n", &s->scale, zero, &end) != 2)
        return false;
    for (int i = 0; i < 4; i++)
        if (strcmp(kept + end, names[i]) == 0) {
            *of = (CaStepsOf)i;
            return true;
        }
    return false;
}

/* The node's steps, as the file says them; to_whole, from_whole: its ends are integers. */
static bool steps_of(const CaNode *n, CaSteps *s, CaStepsOf *of, bool *from_whole,
                     bool *to_whole)
{
    double zero = 0, ends[4];
    if (!ca_node_is(n, "FakeQuantize") ||
        !read_mark(ca_info_find(n->info, "user_data.quantization"), s, &zero, of))
        return false;
    s->scale = (double)(float)s->scale; /* nine digits give the float back */
    const int64_t levels = carina_node_int(n, "levels", 0);
    if (!(s->scale > 0) || !isfinite(s->scale) || zero != rint(zero) ||
        fabs(zero) > 65535 || (levels != 256 && levels != 65536) ||
        n->outputs[0].type != CARINA_F32)
        return false;
    s->zero = (int64_t)zero;
    for (int i = 0; i < 4; i++)
        if (!ca_rewrite_number(ca_node_input(n, i + 1), &ends[i]))
            return false;
    const CaValue *x = ca_node_input(n, 0);
    *from_whole = ca_node_is(x->node, "Convert") &&
                  !ca_type_is_real(ca_node_input(x->node, 0)->type);
    *to_whole = false;
    for (const CaUse *u = n->outputs[0].uses; u; u = u->next)
        *to_whole = *to_whole || (ca_node_is(u->node, "Convert") &&
                                  !ca_type_is_real(u->node->outputs[0].type));
    if (*from_whole && *to_whole)
        return false;
    const double low = *to_whole     ? ends[2]
                       : *from_whole ? ends[0]
                                     : rint(ends[0] / s->scale) + zero;
    s->type = levels == 65536 ? CARINA_I16 : low < 0 ? CARINA_I8 : CARINA_U8;
    return type_range(s) && (double)s->lowest == low;
}

/* Floats as they round to steps: the model's own, and what no rule is known for. */
static CaValue *rounded(CaStepsPass *p, CaValue *v, const CaSteps *s)
{
    const CaStepAttr zero = {"zero", s->zero};
    CaValue *out = ca_steps_node(p, "QuantizedRound", &v, 1, &zero, 1);
    if (out && !fails(p, ca_node_set_float(p->g, out->node, "scale", s->scale, p->err)))
        fails(p, ca_node_set_text(p->g, out->node, "type", carina_type_name(s->type),
                                  p->err));
    return inferred(p, out);
}

/* An activation behind an operator narrows the range, by TensorFlow Lite's rounding: in f32. */
static bool narrow(const CaNode *n, const CaSteps *s, CaStepRange *r)
{
    double low = 0, high = INFINITY;
    if (ca_node_is(n, "Clamp")) {
        low = carina_node_float(n, "min", -INFINITY);
        high = carina_node_float(n, "max", INFINITY);
    } else if (!ca_node_is(n, "ReLU")) {
        return false;
    }
    const double least = (double)roundf((float)low / (float)s->scale) + (double)s->zero,
                 most = (double)roundf((float)high / (float)s->scale) + (double)s->zero;
    r->has_activation = true;
    r->low = least > (double)r->low ? (int64_t)fmin(least, (double)s->highest) : r->low;
    r->high = most < (double)r->high ? (int64_t)fmax(most, (double)s->lowest) : r->high;
    return true;
}

static CaValue *by_rule(CaStepsPass *p, CaValue *core, const CaSteps *s,
                        const CaStepRange *range)
{
    const CaTwin t = ca_steps_twin(p, core);
    if (t.q && ca_steps_same(&t.s, s) && range->low == s->lowest &&
        range->high == s->highest)
        return t.q;
    CaValue *out = ca_steps_convolution(p, core, s, range);
    if (!out)
        out = ca_steps_arithmetic(p, core, s, range);
    if (!out)
        out = ca_steps_rows(p, core, s);
    return out ? out : ca_steps_table(p, core, s, range);
}

/* Tensors of 16 bits are concatenated as they are, even where their scales differ. */
static CaValue *joined_16(CaStepsPass *p, const CaNode *n, const CaSteps *s)
{
    CaValue **q =
        ca_arena_array(ca_graph_arena(p->g), (size_t)n->n_inputs + 1, sizeof *q);
    for (int i = 0; q && i < n->n_inputs; i++) {
        const CaTwin t = ca_steps_twin(p, ca_node_input(n, i));
        if (!t.q || t.s.type != s->type || t.s.zero != 0 || s->zero != 0)
            return NULL;
        q[i] = t.q;
    }
    const CaNode *out = q ? moved(p, n, move_of(n), q, s) : NULL;
    return out ? (CaValue *)&out->outputs[0] : NULL;
}

enum { MOST_MOVES = 8 };

/* What is rounded to steps s, in integers: activations and moves between operator and rounding are looked through. */
static CaValue *whole(CaStepsPass *p, CaValue *v, const CaSteps *s, CaStepsOf of)
{
    CaStepRange range = {.low = s->lowest, .high = s->highest, .of = of};
    const CaNode *later[MOST_MOVES];
    int n_later = 0;
    CaValue *core = v;
    for (;;) {
        const CaNode *n = core->node;
        const Move *m = move_of(n);
        if (m && m->first == 0 && m->n == 1 && n->n_outputs == 1 &&
            !ca_node_is(n, "Pad") && !ca_steps_twin(p, core).q && n_later < MOST_MOVES)
            later[n_later++] = n;
        else if (!narrow(n, s, &range))
            break;
        core = ca_node_input(n, 0);
    }
    CaValue *q = by_rule(p, core, s, &range);
    if (!q && ca_node_is(core->node, "Concat") && s->type == CARINA_I16)
        q = joined_16(p, core->node, s);
    while (q && n_later > 0) {
        const CaNode *n = later[--n_later];
        const CaNode *out = moved(p, n, move_of(n), &q, s);
        q = out ? (CaValue *)&out->outputs[0] : NULL;
    }
    return q;
}

static void quantized(CaStepsPass *p, CaNode *n)
{
    CaSteps s;
    CaStepsOf of = CA_STEPS_OF_ANY;
    bool from_whole = false, to_whole = false;
    if (!steps_of(n, &s, &of, &from_whole, &to_whole))
        return;
    CaValue *x = ca_node_input(n, 0), *q = NULL;
    p->before = n->next;
    if (from_whole) {
        q = ca_node_input(x->node, 0);
        if (q->type != s.type)
            return;
    } else {
        q = of == CA_STEPS_OF_FLOATS ? NULL : whole(p, x, &s, of);
        *p->n_changes += q != NULL;
        if (!q && p->status == CARINA_OK)
            q = rounded(p, x, &s);
    }
    if (!q || p->status != CARINA_OK)
        return;
    if (!to_whole) {
        CaValue *now = in_floats(p, q, &s);
        if (now)
            ca_value_replace(&n->outputs[0], now);
        return;
    }
    CaValue *now = convert(p, q, CARINA_F32);
    for (CaUse *u = n->outputs[0].uses; u; u = u->next)
        if (ca_node_is(u->node, "Convert") && u->node->outputs[0].type == s.type)
            ca_value_replace(&u->node->outputs[0], q);
    if (now)
        ca_value_replace(&n->outputs[0], now);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CaStepsPass p = {.g = g, .err = err, .status = CARINA_OK, .n_changes = n_changes};
    bool any = false;
    CA_EACH_NODE(n, g)
        any = any || ca_info_find(n->info, "user_data.quantization");
    if (!any)
        return CARINA_OK;
    CA_EACH_NODE_SAFE(n, g)
    {
        move(&p, n);
        if (p.status == CARINA_OK)
            compared(&p, n);
        if (p.status == CARINA_OK)
            quantized(&p, n);
        CA_TRY(p.status);
    }
    (void)ca_graph_sweep(g);
    CA_TRY(ca_graph_sort(g, err));
    return ca_graph_infer(g, err);
}

const CaPass ca_pass_whole_steps = {
    .name = "whole-steps",
    .summary = "computes quantised models as TensorFlow Lite's reference kernels do",
    .run = run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * steps_oracle MODEL.tflite IN.npy OUT.npy: a quantised TFLite model computed in whole numbers, step for step as
 * TensorFlow Lite's reference kernels do: the oracle for integer kernels.
 *
 * It walks the graph that the reader makes and takes scales and zero points from its FakeQuantize nodes. A value is
 * kept as whole numbers q (in f64, where sums of products are exact) and one scale or one a channel: real = q *
 * scale. What reaches a FakeQuantize is rounded to its steps by the rule of the operator that made it.
 */
#include "base/file.h"
#include "base/fixed.h"
#include "formats/tflite/tflite.h"
#include "graph/op.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How the value became what it is, which says how it is rounded. */
typedef enum Kind {
    NOTHING, /* a constant as it is stored */
    STEPS,   /* q of a quantised tensor, its zero point subtracted */
    SUM,     /* products summed up, scale of both factors */
    TWO,     /* the sum or difference of two tensors of other scales: `a`, `b` */
    MEAN,    /* an average of steps */
    REALS    /* floats: a softmax, a sigmoid */
} Kind;

typedef struct Value {
    Kind kind;
    CarinaTensor *q;
    double *scales;
    int64_t n_scales, channel_stride,
        n_channels;   /* scale of element i: [i / stride % n] */
    double zero;      /* STEPS, MEAN */
    double low, high; /* an activation waiting to be applied, in reals */
    const struct Value *a, *b;
    double sign;      /* of b */
    bool rounds_once; /* a fully connected layer's sum */
} Value;

typedef struct Oracle {
    CaGraph *graph;
    Value *values; /* by node id; nodes here have one output */
    const CaNode *node;
} Oracle;

typedef struct Steps {
    double scale, zero, lowest, highest;
} Steps;

static void stop(const Oracle *o, const char *what)
{
    fprintf(stderr, "steps_oracle: node '%s' (%s): %s\n", o->node->name, o->node->op_name,
            what);
    exit(1);
}

static void *room(size_t n, size_t size)
{
    void *p = calloc(n + 1, size);
    if (!p)
        exit(1);
    return p;
}

static Value *value_of(const Oracle *o, int i)
{
    const CaNode *from = ca_node_input_node(o->node, i);
    return from ? &o->values[from->id] : NULL;
}

static double *elements(const CarinaTensor *t) { return t->data; }

static CarinaTensor *new_tensor(const CarinaShape *shape)
{
    CarinaTensor *t = NULL;
    if (carina_tensor_create(&t, CARINA_F64, shape, NULL) != CARINA_OK)
        exit(1);
    return t;
}

static CarinaTensor *in_f64(const CarinaTensor *t)
{
    CarinaTensor *out = new_tensor(&t->shape);
    for (int64_t i = 0; i < ca_tensor_count(t); i++)
        elements(out)[i] = ca_get_real(t->type, t->data, i);
    return out;
}

/* The node's definition on these tensors; the first of them may be whole numbers of any meaning. */
static CarinaTensor *defined(const Oracle *o, const CarinaTensor *const *in)
{
    CarinaTensor *out = new_tensor(&o->node->outputs[0].shape);
    CarinaError err;
    if (ca_reference_node(o->node, &out, in, &err) != CARINA_OK)
        stop(o, err.text);
    return out;
}

/* The same with input 0 replaced: the others are constants of the graph. */
static CarinaTensor *moved(const Oracle *o, const CarinaTensor *q)
{
    const CarinaTensor *in[8] = {q};
    for (int i = 1; i < o->node->n_inputs && i < 8; i++) {
        const CaValue *v = ca_node_input(o->node, i);
        in[i] = v ? v->constant : NULL;
        if (v && !in[i])
            in[i] = o->values[v->node->id].q;
    }
    return defined(o, in);
}

/* --- Rounding. */

static double scale_at(const Value *v, int64_t i)
{
    return v->scales[v->n_scales > 1 ? i / v->channel_stride % v->n_channels : 0];
}

static double rounded_two(const Value *v, int64_t i, const Steps *s)
{
    const double sa = v->a->scales[0], sb = v->b->scales[0], twice = 2 * fmax(sa, sb);
    const int64_t n_a = ca_tensor_count(v->a->q), n_b = ca_tensor_count(v->b->q);
    const int64_t qa = (int64_t)elements(v->a->q)[n_a == 1 ? 0 : i],
                  qb = (int64_t)elements(v->b->q)[n_b == 1 ? 0 : i];
    const int64_t sum =
        ca_fixed_twice(qa * (1 << 20), ca_fixed_of(sa / twice)) +
        (int64_t)v->sign * ca_fixed_twice(qb * (1 << 20), ca_fixed_of(sb / twice));
    return (double)ca_fixed_twice(sum, ca_fixed_of(twice / ((1 << 20) * s->scale)));
}

static int64_t summed(const Value *v, int64_t i, const Steps *s)
{
    const CaFixed f = ca_fixed_of(scale_at(v, i) / s->scale);
    const int64_t q = (int64_t)elements(v->q)[i];
    return v->rounds_once ? ca_fixed_once(q, f) : ca_fixed_twice(q, f);
}

/* Element i of v in steps of s, zero point included. */
static double in_steps(const Oracle *o, const Value *v, int64_t i, const Steps *s)
{
    const double q = elements(v->q ? v->q : v->a->q)[i];
    switch (v->kind) {
    case SUM: return (double)summed(v, i, s) + s->zero;
    case TWO: return rounded_two(v, i, s) + s->zero;
    case MEAN: return round(q);
    case REALS: return rint(q / s->scale) + s->zero;
    case STEPS:
        return v->scales[0] == s->scale && v->zero == s->zero
                   ? q + s->zero
                   : (double)ca_fixed_twice((int64_t)q,
                                            ca_fixed_of(v->scales[0] / s->scale)) +
                         s->zero;
    case NOTHING: break;
    }
    stop(o, "quantises what is no number");
    return 0;
}

/* to_whole: the node leads out of the model, to whole numbers. */
static Steps steps_of(const Oracle *o, bool to_whole)
{
    Steps s = {0};
    const char *kept = ca_info_find(o->node->info, "user_data.quantization");
    const double levels = (double)carina_node_int(o->node, "levels", 0);
    if (!kept ||
        sscanf(kept, "value=\"scale %lf, zero point %lf\"", &s.scale, &s.zero) != 2)
        stop(o, "does not say its scale");
    s.scale = (double)(float)s.scale; /* nine digits give the float back */
    const CarinaTensor *low = ca_node_input(o->node, 3)->constant;
    const double end = ca_get_real(low->type, low->data, 0);
    s.lowest = to_whole ? end : round(end / s.scale) + s.zero;
    s.highest = s.lowest + levels - 1;
    return s;
}

static void fake_quantize(const Oracle *o, Value *out)
{
    const Value *v = value_of(o, 0);
    const CarinaTensor *like = v->q ? v->q : v->a->q;
    const bool from_whole = v->kind == NOTHING;
    const bool to_whole =
        !from_whole && ca_node_is(o->node->outputs[0].uses->node, "Convert");
    const Steps s = steps_of(o, to_whole);
    const double low = fmax(s.lowest, s.zero + round(v->low / s.scale)),
                 high = fmin(s.highest, s.zero + round(v->high / s.scale));
    out->kind = to_whole ? NOTHING : STEPS;
    out->q = new_tensor(&like->shape);
    out->scales = room(1, sizeof *out->scales);
    out->scales[0] = s.scale;
    out->n_scales = 1;
    out->zero = s.zero;
    for (int64_t i = 0; i < ca_tensor_count(like); i++) {
        const double q = from_whole ? elements(v->q)[i] : in_steps(o, v, i, &s);
        elements(out->q)[i] = fmin(fmax(q, low), high) - (to_whole ? 0 : s.zero);
    }
}

/* --- Operators. */

/* [O * I...] weights: the scales are those of the first dimensions that are not 1 in the scales' shape. */
static void multiply_scales(const Oracle *o, Value *out)
{
    const Value *v = value_of(o, 0);
    const CaValue *by = ca_node_input(o->node, 1);
    if (v->kind != NOTHING || !by->constant)
        stop(o, "is no weight's scale");
    *out = *v;
    out->n_scales = ca_tensor_count(by->constant);
    out->scales = room((size_t)out->n_scales, sizeof *out->scales);
    for (int64_t i = 0; i < out->n_scales; i++)
        out->scales[i] = ca_get_real(by->constant->type, by->constant->data, i);
}

/* Products of steps and weights: channels are dimension 1 of a convolution, the last of a product. */
static void products(const Oracle *o, Value *out)
{
    const Value *x = value_of(o, 0), *w = value_of(o, 1);
    if (x->kind != STEPS || !w->scales)
        stop(o, "multiplies what is not quantised");
    out->q = defined(o, (const CarinaTensor *const[]){x->q, w->q});
    const CarinaShape *s = &out->q->shape;
    const int axis = ca_node_is(o->node, "MatMul") ? s->rank - 1 : 1;
    out->kind = SUM;
    out->n_scales = w->n_scales;
    out->n_channels = s->dims[axis];
    out->channel_stride = ca_shape_product(s, axis + 1, s->rank);
    out->scales = room((size_t)w->n_scales, sizeof *out->scales);
    out->rounds_once = ca_node_is(o->node, "MatMul");
    for (int64_t i = 0; i < w->n_scales; i++)
        out->scales[i] = x->scales[0] * w->scales[i];
}

/* A bias, which counts in the sum's own scale, or two tensors of steps. */
static void add(const Oracle *o, Value *out, double sign)
{
    const Value *a = value_of(o, 0), *b = value_of(o, 1);
    if (a->kind == STEPS && b->kind == STEPS) {
        *out = (Value){.kind = TWO,
                       .a = a,
                       .b = b,
                       .sign = sign,
                       .low = -INFINITY,
                       .high = INFINITY};
        return;
    }
    if (a->kind != SUM || b->kind != NOTHING)
        stop(o, "adds what has no common scale");
    *out = *a;
    out->q = defined(o, (const CarinaTensor *const[]){a->q, b->q});
}

static void activation(const Oracle *o, Value *out)
{
    *out = *value_of(o, 0);
    if (ca_node_is(o->node, "Clamp")) {
        out->low = fmax(out->low, carina_node_float(o->node, "min", -INFINITY));
        out->high = fmin(out->high, carina_node_float(o->node, "max", INFINITY));
    } else {
        out->low = fmax(out->low, 0);
    }
}

/* The mean of steps with their zero point, rounded where it is stored. */
static void average(const Oracle *o, Value *out)
{
    const Value *x = value_of(o, 0);
    CarinaTensor *full = in_f64(x->q);
    for (int64_t i = 0; i < ca_tensor_count(full); i++)
        elements(full)[i] += x->zero;
    *out = *x;
    out->kind = MEAN;
    out->q = moved(o, full);
    carina_tensor_free(&full);
}

/* Computed in floats: a table of 256 entries would hold the same. */
static void reals(const Oracle *o, Value *out)
{
    const Value *x = value_of(o, 0);
    CarinaTensor *real = in_f64(x->q);
    for (int64_t i = 0; i < ca_tensor_count(real); i++)
        elements(real)[i] *= x->scales[0];
    *out = *x;
    out->kind = REALS;
    out->q = moved(o, real);
    carina_tensor_free(&real);
}

static void movement(const Oracle *o, Value *out)
{
    const Value *x = value_of(o, 0);
    *out = *x;
    out->q = moved(o, x->q);
    if (x->kind == SUM &&
        x->n_scales > 1) { /* only channels first to channels last happens */
        const CarinaShape *s = &out->q->shape;
        out->channel_stride = 1;
        out->n_channels = s->dims[s->rank - 1];
    }
}

static void zeros_away(const Oracle *o, Value *out)
{
    const Value *x = value_of(o, 0);
    *out = *x;
    out->q = moved(o, x->q);
}

typedef void Rule(const Oracle *o, Value *out);
static void plus(const Oracle *o, Value *out) { add(o, out, 1); }
static void minus(const Oracle *o, Value *out)
{
    if (value_of(o, 0)->kind == NOTHING)
        zeros_away(o, out);
    else
        add(o, out, -1);
}
static void same(const Oracle *o, Value *out) { *out = *value_of(o, 0); }

static const struct {
    const char *op;
    Rule *rule;
} rules[] = {
    {"Add", plus},
    {"AvgPool", average},
    {"Clamp", activation},
    {"Convert", same},
    {"Convolution", products},
    {"FakeQuantize", fake_quantize},
    {"GroupConvolution", products},
    {"MatMul", products},
    {"MaxPool", movement},
    {"Multiply", multiply_scales},
    {"ReLU", activation},
    {"Reshape", movement},
    {"Sigmoid", reals},
    {"SoftMax", reals},
    {"Squeeze", movement},
    {"Subtract", minus},
    {"Tanh", reals},
    {"Transpose", movement},
};

static void run_node(Oracle *o, const CaNode *n, const CarinaTensor *input)
{
    Value *out = &o->values[n->id];
    o->node = n;
    *out = (Value){.low = -INFINITY, .high = INFINITY};
    if (ca_node_is(n, "Parameter"))
        out->q = in_f64(input);
    else if (ca_node_is(n, "Const"))
        out->q = in_f64(n->outputs[0].constant);
    else if (!ca_node_is(n, "Result")) {
        for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
            if (ca_node_is(n, rules[i].op)) {
                rules[i].rule(o, out);
                return;
            }
        stop(o, "has no rule here");
    }
}

/* The model with its unknown dimensions set to the input's. */
static CaGraph *read_model(const char *path, const CarinaTensor *input)
{
    const CarinaReadOptions options = {sizeof options, NULL};
    CarinaError err = {CARINA_OK, ""};
    CaSource source = {.path = path, .options = &options, .err = &err};
    CaGraph *g = NULL;
    CarinaStatus status = ca_file_map(&source.file, path, &err);
    if (status == CARINA_OK)
        status = ca_reader_tflite.read(&g, &source);
    if (status == CARINA_OK && g->n_inputs == 1 && g->n_outputs == 1) {
        ((CaParameterAttrs *)g->inputs[0]->attrs)->shape = input->shape;
        status = ca_graph_infer(g, &err);
    }
    ca_buffer_unref(&source.file);
    if (status != CARINA_OK) {
        fprintf(stderr, "steps_oracle: %s\n", err.text);
        exit(1);
    }
    return g;
}

int main(int argc, char **argv)
{
    CarinaTensor *input = NULL, *answer = NULL;
    CarinaError err = {CARINA_OK, ""};
    if (argc != 4 || carina_tensor_read_npy(&input, argv[2], &err) != CARINA_OK) {
        fprintf(stderr, "steps_oracle MODEL.tflite IN.npy OUT.npy %s\n", err.text);
        return 2;
    }
    Oracle o = {.graph = read_model(argv[1], input)};
    o.values = room((size_t)o.graph->own->next_id, sizeof *o.values);
    CA_EACH_NODE(n, o.graph)
        run_node(&o, n, input);
    const CaValue *last = ca_node_input(o.graph->outputs[0], 0);
    const Value *v = &o.values[last->node->id];
    if (carina_tensor_create(&answer, last->type, &v->q->shape, &err) != CARINA_OK)
        return 1;
    for (int64_t i = 0; i < ca_tensor_count(answer); i++)
        ca_put_int(answer->type, answer->data, i, (int64_t)elements(v->q)[i]);
    return carina_tensor_write_npy(answer, argv[3], &err) == CARINA_OK ? 0 : 1;
}

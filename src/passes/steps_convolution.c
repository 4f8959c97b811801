/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole-steps: convolutions and fully connected layers. Weights are found as they are stored, the bias is counted in
 * the sum's own scale.
 */
#include "passes/whole_steps.h"

#include "base/text.h"

#include <math.h>
#include <string.h>

typedef struct Weights {
    CaValue *q; /* integers */
    int64_t zero;
    const CarinaTensor *scales; /* NULL: 1 */
    CarinaShape shape;
} Weights;

/* Integers -> Convert -> Subtract their zero point -> Multiply by their scales, with or without the last two. */
static bool weights_of(CaStepsPass *p, Weights *w, CaValue *v)
{
    *w = (Weights){.shape = v->shape};
    if (ca_node_is(v->node, "Multiply")) {
        w->scales = ca_steps_known(p, ca_node_input(v->node, 1));
        if (!w->scales || w->scales->type != CARINA_F32)
            return false;
        v = ca_node_input(v->node, 0);
    }
    if (ca_node_is(v->node, "Subtract")) {
        double zero = 0;
        if (!ca_rewrite_number(ca_node_input(v->node, 1), &zero) || zero != rint(zero))
            return false;
        w->zero = (int64_t)zero;
        v = ca_node_input(v->node, 0);
    }
    if (!ca_node_is(v->node, "Convert"))
        return false;
    w->q = ca_node_input(v->node, 0);
    return (w->q->type == CARINA_I8 || w->q->type == CARINA_U8) &&
           ca_steps_known(p, w->q) && ca_shape_equal(&w->q->shape, &w->shape);
}

/* A layer as a convolution. */
typedef struct Layer {
    CaNode *product;
    CaValue *bias; /* or NULL */
    Weights w;
    CaTwin x;
    int64_t co, each, groups;     /* each: input channels of a filter */
    bool is_dense, is_transposed; /* weights [C, O] */
    bool is_back;                 /* ConvolutionBackpropData, weights [C, O, h, w] */
    const CarinaTensor
        *whole; /* the bias as the file has it, where floats do not hold it */
} Layer;

static bool dense(CaStepsPass *p, Layer *l)
{
    const CaNode *n = l->product;
    const CarinaShape *s = &l->w.shape;
    (void)p;
    if (s->rank != 2 || carina_node_bool(n, "transpose_a", false) ||
        l->x.q->shape.rank < 1)
        return false;
    l->is_dense = true;
    l->is_transposed = !carina_node_bool(n, "transpose_b", false);
    l->co = s->dims[l->is_transposed ? 1 : 0];
    l->each = s->dims[l->is_transposed ? 0 : 1];
    l->groups = 1;
    return true;
}

static bool pads_inwards(const CaNode *n)
{
    static const char *const lists[] = {"pads_begin", "pads_end"};
    for (int k = 0; k < 2; k++) {
        const CarinaInts v = carina_node_ints(n, lists[k]);
        for (int i = 0; i < v.n; i++)
            if (v.v[i] < 0)
                return true;
    }
    return false;
}

static bool layer_of(CaStepsPass *p, Layer *l, CaValue *core)
{
    *l = (Layer){.product = core->node};
    if (ca_node_is(core->node, "Add") && core->node->n_inputs == 2) {
        l->product = ca_node_input_node(core->node, 0);
        l->bias = ca_node_input(core->node, 1);
    }
    const CaNode *n = l->product;
    const bool grouped = ca_node_is(n, "GroupConvolution");
    l->is_back = ca_node_is(n, "ConvolutionBackpropData") && !ca_node_input(n, 2);
    if (!grouped && !l->is_back && !ca_node_is(n, "Convolution") &&
        !ca_node_is(n, "MatMul"))
        return false;
    l->x = ca_steps_twin(p, ca_node_input(n, 0));
    if (!l->x.q || !weights_of(p, &l->w, ca_node_input(n, 1)))
        return false;
    const CarinaShape *s = &l->w.shape;
    if (ca_node_is(n, "MatMul"))
        return dense(p, l);
    if (n->outputs[0].shape.rank != 4 || s->rank != (grouped ? 5 : 4) || pads_inwards(n))
        return false;
    l->groups = grouped ? s->dims[0] : 1;
    l->co = l->groups * s->dims[grouped || l->is_back ? 1 : 0];
    l->each = s->dims[grouped ? 2 : l->is_back ? 0 : 1];
    return true;
}

/* The real scale of channel o's weights; -1: they differ along other dimensions. */
static double scale_of(const Layer *l, int64_t o)
{
    const CarinaTensor *t = l->w.scales;
    const int64_t n = t ? ca_tensor_count(t) : 1;
    if (n != 1 && n != l->co)
        return -1;
    return t ? ca_get_real(t->type, t->data, n == 1 ? 0 : o) : 1;
}

/* Scales of all channels lie along the dimensions of the channels. */
static bool scales_fit(const Layer *l)
{
    const CarinaTensor *t = l->w.scales;
    int64_t along = 1;
    if (!t || ca_tensor_count(t) == 1)
        return true;
    const int n = t->shape.rank, lead = l->w.shape.rank == 5 ? 2 : 1;
    if (n != l->w.shape.rank)
        return false;
    for (int i = 0; i < lead; i++)
        along *= t->shape.dims[l->is_transposed ? n - 1 - i : l->is_back ? 1 : i];
    return along == l->co && ca_tensor_count(t) == l->co;
}

/* The integers that a bias is converted from, where the file's reader says so. */
static const CarinaTensor *stored_bias(CaStepsPass *p, CaValue *v)
{
    static const char *const moves[] = {"Reshape", "Unsqueeze", "Squeeze", "Transpose"};
    for (int i = 0; i < 4 && v; i++)
        if (ca_node_is(v->node, moves[i])) {
            v = ca_node_input(v->node, 0);
            i = -1;
        }
    if (!v || !ca_node_is(v->node, "Multiply"))
        return NULL;
    CaValue *from = ca_node_input(v->node, 0);
    const char *mark = ca_info_find(from->node->info, "user_data.quantization");
    if (!ca_node_is(from->node, "Convert") || !mark ||
        !ca_text_equal(mark, "value=\"bias\""))
        return NULL;
    const CarinaTensor *t = ca_steps_known(p, ca_node_input(from->node, 0));
    return t && (t->type == CARINA_I32 || t->type == CARINA_I64) ? t : NULL;
}

/* What 16-bit kernels say that their sums are within. */
#define MOST_BIAS (INT64_C(1) << 46)

/* The bias in whole steps of its sum; false: it is none, to the precision of the floats that it is stored in. */
static bool whole_bias(CaStepsPass *p, Layer *l, int64_t *out)
{
    l->whole = l->bias ? stored_bias(p, l->bias) : NULL;
    const CarinaTensor *t = l->whole  ? l->whole
                            : l->bias ? ca_steps_known(p, l->bias)
                                      : NULL;
    const int64_t n = t ? ca_tensor_count(t) : 0;
    if (l->bias &&
        (!t || (!l->whole && !ca_type_is_real(t->type)) || (n != 1 && n != l->co)))
        return false;
    for (int64_t o = 0; o < l->co; o++) {
        const float scale = (float)l->x.s.scale * (float)scale_of(l, o);
        const int64_t at = n == 1 ? 0 : o;
        const double b =
            t && !l->whole ? ca_get_real(t->type, t->data, at) / (double)scale : 0;
        if (!(fabs(b) < 0x1p23) || fabs(b - rint(b)) > 0.4)
            return false;
        out[o] = l->whole ? ca_get_int(t->type, t->data, at) : (int64_t)rint(b);
        if (out[o] < -MOST_BIAS || out[o] > MOST_BIAS)
            return false;
    }
    return true;
}

/* --- Factors. */

static const char *rounding(const Layer *l)
{
    const bool is_32 = l->whole && l->whole->type == CARINA_I32;
    return l->is_dense ? "once" : l->x.s.type == CARINA_I16 && !is_32 ? "short" : "twice";
}

/* The sum's scale in steps of the result; that of u8 convolutions is a product in f32. */
static double scale_in(const Layer *l, int64_t o, const CaSteps *s)
{
    const double w = scale_of(l, o);
    return (l->x.s.type == CARINA_U8 && !l->is_dense
                ? (double)((float)l->x.s.scale * (float)w)
                : l->x.s.scale * w) /
           s->scale;
}

/* Is the factor, rounded once, what the scale in double gives for every sum? Both grow with the sum, so it is enough to
 * look at where the result changes. */
static bool is_once_real(CaFixed f, double scale, const CaSteps *s)
{
    for (int64_t q = s->lowest - s->zero - 1; q <= s->highest - s->zero; q++) {
        const int64_t from = (int64_t)floor(((double)q + 0.5) / scale) - 1;
        if (from < -(INT64_C(1) << 30) || from > INT64_C(1) << 30)
            continue;
        for (int64_t sum = from; sum < from + 4; sum++)
            if (ca_fixed_once(sum, f) != (int64_t)round((double)sum * scale))
                return false;
    }
    return true;
}

/* Fully connected layers multiply in double: in fixed point where that is the same. */
static bool needs_double(const Layer *l, const CaSteps *s)
{
    if (!l->is_dense || s->type == CARINA_I16)
        return l->is_dense;
    for (int64_t o = 0; o < l->co; o++) {
        const double scale = scale_in(l, o, s);
        if (!(scale > 0x1p-30 && scale < 0x1p20) ||
            !is_once_real(ca_fixed_of(scale), scale, s))
            return true;
    }
    return false;
}

static void put_factor(int64_t *mantissa, int64_t *exponent, double scale, bool is_real)
{
    int e = 0;
    const bool is_number = scale > 0x1p-900 && scale < 0x1p30;
    const CaFixed f = ca_fixed_of(scale);
    scale = is_number ? scale : 0;
    *mantissa = is_real ? (int64_t)(frexp(scale, &e) * 0x1p53) : f.mantissa;
    *exponent = is_real ? e : f.exponent;
}

static bool fits_32(const int64_t *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (v[i] < INT32_MIN || v[i] > INT32_MAX)
            return false;
    return true;
}

/* Bias and factors of all channels, as three constants. */
static bool channels(CaStepsPass *p, CaValue *out[3], Layer *l, const CaSteps *s,
                     bool is_real)
{
    int64_t *v = ca_alloc(((size_t)l->co * 3 + 1) * sizeof *v);
    if (!v) {
        p->status = ca_err(p->err, CARINA_ERR_MEMORY, "out of memory");
        return false;
    }
    const bool good = whole_bias(p, l, v);
    for (int64_t o = 0; good && o < l->co; o++) {
        put_factor(&v[l->co + o], &v[2 * l->co + o], scale_in(l, o, s), is_real);
    }
    for (int i = 0; i < 3; i++) {
        const int64_t *row = v + i * l->co;
        out[i] = good ? ca_steps_ints(p, fits_32(row, l->co) ? CARINA_I32 : CARINA_I64,
                                      row, l->co)
                      : NULL;
    }
    ca_free(v);
    return out[0] && out[1] && out[2];
}

static CaValue *inferred(CaStepsPass *p, CaValue *v)
{
    if (!v || p->status != CARINA_OK)
        return NULL;
    p->status = ca_node_infer(p->g, v->node, p->err);
    return p->status == CARINA_OK ? v : NULL;
}

static CaValue *reshaped(CaStepsPass *p, CaValue *v, const int64_t *dims, int n)
{
    CaValue *const in[] = {v, ca_steps_ints(p, CARINA_I64, dims, n)};
    return inferred(p, ca_steps_node(p, "Reshape", in, 2, NULL, 0));
}

/* [C, O, h, w] turned round: [O, C, h, w] from the last tap to the first. */
static CaValue *turned_filter(CaStepsPass *p, const Layer *l)
{
    const CarinaTensor *w = ca_steps_known(p, l->w.q);
    const int64_t *d = l->w.shape.dims, taps = d[2] * d[3];
    const CarinaShape shape = ca_shape(4, (const int64_t[]){d[1], d[0], d[2], d[3]});
    CarinaTensor *t = NULL;
    CaValue *out = NULL;
    if (!w || p->status != CARINA_OK)
        return NULL;
    p->status = carina_tensor_create(&t, w->type, &shape, p->err);
    if (p->status != CARINA_OK)
        return NULL;
    for (int64_t i = 0; i < d[0] * d[1] * taps; i++) {
        const int64_t tap = i % taps, o = i / taps % d[1], c = i / taps / d[1];
        ca_put_int(w->type, t->data, (o * d[0] + c) * taps + taps - 1 - tap,
                   ca_get_int(w->type, w->data, i));
    }
    p->status = ca_graph_constant(&out, p->g, p->before, NULL, t, p->err);
    return p->status == CARINA_OK ? out : NULL;
}

/* [O, each, h, w], dense layers as 1x1. */
static CaValue *filter(CaStepsPass *p, const Layer *l)
{
    if (l->is_back)
        return turned_filter(p, l);
    static const int64_t turned[] = {1, 0};
    const int rank = l->w.shape.rank;
    CaValue *w = l->w.q;
    if (l->is_transposed) {
        CaValue *const in[] = {w, ca_steps_ints(p, CARINA_I64, turned, 2)};
        w = inferred(p, ca_steps_node(p, "Transpose", in, 2, NULL, 0));
    }
    const int64_t dims[] = {l->co, l->each, l->is_dense ? 1 : l->w.shape.dims[rank - 2],
                            l->is_dense ? 1 : l->w.shape.dims[rank - 1]};
    w = w ? reshaped(p, w, dims, 4) : NULL;
    if (w && !ca_steps_known(p, w))
        return NULL;
    return w;
}

/* The padding of the plain convolution that a transposed one is on its input with zeros between; negative at the
 * beginning: there is none. */
static void back_pads(const Layer *l, int64_t begin[2], int64_t end[2])
{
    const CarinaInts strides = carina_node_ints(l->product, "strides"),
                     pads = carina_node_ints(l->product, "pads_begin");
    for (int i = 0; i < 2; i++) {
        const int64_t taps = l->w.shape.dims[2 + i],
                      out = l->product->outputs[0].shape.dims[2 + i],
                      spread = l->x.q->shape.dims[2 + i] * strides.v[i];
        begin[i] = taps - 1 - pads.v[i];
        end[i] = out + taps - 1 - spread - begin[i];
    }
}

/* Zeros between elements cost as much as elements. */
enum { MOST_SPREAD = 4 };

static bool is_back_offered(const Layer *l)
{
    const CarinaNode *n = l->product;
    const CarinaInts strides = carina_node_ints(n, "strides"),
                     dilations = carina_node_ints(n, "dilations"),
                     pads = carina_node_ints(n, "pads_begin");
    const char *mode = carina_node_enum(n, "auto_pad");
    int64_t begin[2], end[2];
    if (!l->is_back)
        return true;
    if (strides.n != 2 || dilations.n != 2 || dilations.v[0] != 1 ||
        dilations.v[1] != 1 || pads.n != 2 || !ca_text_equal(mode, "explicit") ||
        strides.v[0] > MOST_SPREAD || strides.v[1] > MOST_SPREAD)
        return false;
    back_pads(l, begin, end);
    for (int i = 0; i < 2; i++)
        if (begin[i] < 0 || -end[i] >= l->x.q->shape.dims[2 + i] * strides.v[i])
            return false;
    return true;
}

static CaValue *padded(CaStepsPass *p, CaValue *v, const int64_t *ends, int n,
                       const CaSteps *s)
{
    static const int64_t none[CARINA_MAX_RANK] = {0};
    CaValue *zero = ca_steps_ints(p, s->type, &s->zero, 1);
    CaValue *const shaped[] = {zero, ca_steps_ints(p, CARINA_I64, none, 1)};
    zero = inferred(p, ca_steps_node(p, "Squeeze", shaped, 2, NULL, 0));
    CaValue *const in[] = {v, ca_steps_ints(p, CARINA_I64, none, n),
                           ca_steps_ints(p, CARINA_I64, ends, n), zero};
    CaValue *y = ca_steps_node(p, "Pad", in, 4, NULL, 0);
    if (y)
        p->status = ca_node_set_text(p->g, y->node, "pad_mode", "constant", p->err);
    return inferred(p, y);
}

static CaValue *cut(CaStepsPass *p, CaValue *v, const int64_t *to)
{
    static const int64_t zeros[] = {0, 0}, ones[] = {1, 1}, axes[] = {2, 3};
    CaValue *const in[] = {
        v, ca_steps_ints(p, CARINA_I64, zeros, 2), ca_steps_ints(p, CARINA_I64, to, 2),
        ca_steps_ints(p, CARINA_I64, ones, 2), ca_steps_ints(p, CARINA_I64, axes, 2)};
    return inferred(p, ca_steps_node(p, "Slice", in, 5, NULL, 0));
}

/* The input of a transposed convolution with zeros between its elements, as many as the stride asks for. */
static CaValue *spread(CaStepsPass *p, const Layer *l)
{
    const CarinaInts strides = carina_node_ints(l->product, "strides");
    const int64_t *d = l->x.q->shape.dims;
    const int64_t apart[] = {d[0], d[1], d[2], 1, d[3], 1},
                  ends[] = {0, 0, 0, strides.v[0] - 1, 0, strides.v[1] - 1},
                  wide[] = {d[0], d[1], d[2] * strides.v[0], d[3] * strides.v[1]};
    int64_t begin[2], end[2];
    CaValue *v = l->x.q;
    if (strides.v[0] > 1 || strides.v[1] > 1) {
        v = reshaped(p, v, apart, 6);
        v = v ? padded(p, v, ends, 6, &l->x.s) : NULL;
        v = v ? reshaped(p, v, wide, 4) : NULL;
    }
    back_pads(l, begin, end);
    const int64_t to[] = {wide[2] + (end[0] < 0 ? end[0] : 0),
                          wide[3] + (end[1] < 0 ? end[1] : 0)};
    return v && (end[0] < 0 || end[1] < 0) ? cut(p, v, to) : v;
}

static bool set_back_window(CaStepsPass *p, CaNode *to, const Layer *l)
{
    static const int64_t ones[] = {1, 1};
    int64_t begin[2], end[2];
    back_pads(l, begin, end);
    for (int i = 0; i < 2; i++)
        end[i] = end[i] < 0 ? 0 : end[i];
    const struct {
        const char *name;
        const int64_t *v;
    } lists[] = {
        {"strides", ones}, {"dilations", ones}, {"pads_begin", begin}, {"pads_end", end}};
    for (int i = 0; i < 4 && p->status == CARINA_OK; i++)
        p->status = ca_node_set_ints(p->g, to, lists[i].name, lists[i].v, 2, p->err);
    return p->status == CARINA_OK;
}

static bool set_window(CaStepsPass *p, CaNode *to, const Layer *l)
{
    if (l->is_back)
        return set_back_window(p, to, l);
    static const char *const lists[] = {"strides", "dilations", "pads_begin", "pads_end"};
    static const int64_t ones[] = {1, 1}, zeros[] = {0, 0};
    for (int i = 0; i < 4 && p->status == CARINA_OK; i++) {
        const CarinaInts v = carina_node_ints(l->product, lists[i]);
        const bool is_given = !l->is_dense && v.n == 2;
        p->status = ca_node_set_ints(p->g, to, lists[i],
                                     is_given ? v.v
                                     : i < 2  ? ones
                                              : zeros,
                                     2, p->err);
    }
    const char *pads = l->is_dense ? NULL : carina_node_enum(l->product, "auto_pad");
    if (p->status == CARINA_OK && pads)
        p->status = ca_node_set_text(p->g, to, "auto_pad", pads, p->err);
    return p->status == CARINA_OK;
}

CaValue *ca_steps_convolution(CaStepsPass *p, CaValue *core, const CaSteps *s,
                              const CaStepRange *range)
{
    Layer l;
    CaValue *rows[3];
    if (range->of == CA_STEPS_OF_BATCH_MATMUL || !layer_of(p, &l, core) ||
        l.x.s.type != s->type || !scales_fit(&l) || !is_back_offered(&l))
        return NULL;
    const bool is_real = needs_double(&l, s);
    if (!channels(p, rows, &l, s, is_real))
        return NULL;
    CaValue *x = l.x.q;
    const CarinaShape out = core->shape;
    if (l.is_dense) {
        const int64_t dims[] = {-1, l.each, 1, 1};
        x = reshaped(p, x, dims, 4);
    } else if (l.is_back) {
        x = spread(p, &l);
    }
    CaValue *const in[] = {x, filter(p, &l), rows[0], rows[1], rows[2]};
    const CaStepAttr attrs[] = {{"groups", l.groups}, {"zero_x", l.x.s.zero},
                                {"zero_w", l.w.zero}, {"zero_y", s->zero},
                                {"low", range->low},  {"high", range->high}};
    CaValue *y = ca_steps_node(p, "QuantizedConvolution", in, 5, attrs, 6);
    if (!y || !set_window(p, y->node, &l))
        return NULL;
    p->status = ca_node_set_text(p->g, y->node, "rounding",
                                 is_real ? "real" : rounding(&l), p->err);
    if (p->status == CARINA_OK)
        p->status = ca_node_rename(p->g, y->node, l.product->name, p->err);
    y = inferred(p, y);
    return y && l.is_dense ? reshaped(p, y, out.dims, out.rank) : y;
}

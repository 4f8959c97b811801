/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of LSTM, GRU and RNN, and the walk along sequences.
 */
#include "ops/recurrent.h"
#include "ops/check.h"

#include <math.h>
#include <string.h>

const char *const ca_recurrent_directions[] = {"forward", "reverse", "bidirectional",
                                               NULL};
enum { FORWARD, REVERSE, BIDIRECTIONAL };

enum { SIGMOID, TANH, RELU, HARD_SIGMOID, N_FUNCTIONS };
static const char *const functions[] = {"sigmoid", "tanh", "relu", "hardsigmoid"};

typedef struct {
    int code[3];
    double alpha[3], beta[3];
} Functions;

static int n_functions(CaRecurrentKind kind) { return (int)kind + 1; }
static int n_gates(CaRecurrentKind kind)
{
    return kind == CA_LSTM ? 4 : kind == CA_GRU ? 3 : 1;
}

static bool read_functions(Functions *f, const CaRecurrentAttrs *at, int n)
{
    const char *p = at->activations, *item;
    size_t size;
    int n_read = 0;
    while (p && *p && n_read < n) {
        p = ca_text_item(p, ',', &item, &size);
        int code = 0;
        char name[16] = "";
        if (size >= sizeof name)
            return false;
        memcpy(name, item, size);
        while (code < N_FUNCTIONS && !ca_text_equal_nocase(functions[code], name))
            code++;
        if (code == N_FUNCTIONS)
            return false;
        f->code[n_read] = code;
        f->alpha[n_read] =
            n_read < at->activations_alpha.n ? at->activations_alpha.v[n_read] : 0.2;
        f->beta[n_read] =
            n_read < at->activations_beta.n ? at->activations_beta.v[n_read] : 0.5;
        n_read++;
    }
    return n_read == n;
}

static double apply(const Functions *f, int i, double x)
{
    switch (f->code[i]) {
    case SIGMOID: return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
    case TANH: return tanh(x);
    case RELU: return isnan(x) || x > 0 ? x : 0;
    default: return fmin(fmax(f->alpha[i] * x + f->beta[i], 0), 1);
    }
}

/* Where the inputs are: x, h[, c][, lengths], w, r, b. */
typedef struct {
    int h, c, lengths, w, r, b, n;
} Ports;

static Ports ports_of(CaRecurrentKind kind, bool is_sequence)
{
    Ports p = {.h = 1, .c = -1, .lengths = -1};
    int next = 2;
    if (kind == CA_LSTM)
        p.c = next++;
    if (is_sequence)
        p.lengths = next++;
    p.w = next++;
    p.r = next++;
    p.b = next++;
    p.n = next;
    return p;
}

static CarinaStatus check_inputs(const CaInferArgs *a, CaRecurrentKind kind, Ports p,
                                 bool seq, CarinaError *err)
{
    const CaRecurrentAttrs *at = (const CaRecurrentAttrs *)a->attrs;
    const int s = seq ? 1 : 0;
    const CarinaShape x = ca_in_shape(a, 0);
    const int64_t hidden = at->hidden_size, gates = n_gates(kind) * hidden;
    const int64_t biases =
        gates + (kind == CA_GRU && at->linear_before_reset ? hidden : 0);
    int64_t batch = ca_dim(&x, 0), width = ca_dim(&x, 1 + s);
    int64_t dirs = at->direction == BIDIRECTIONAL ? 2 : 1;
    bool fits = true;
    CA_TRY(ca_check_rank(a, 0, 2 + s, 2 + s, err));
    for (int i = 0; i < p.n; i++) {
        const CarinaShape t = ca_in_shape(a, i);
        const bool is_state = i == p.h || i == p.c;
        if (i == p.lengths) {
            CA_TRY(ca_check_whole(a, i, err));
            CA_TRY(ca_check_rank(a, i, 1, 1, err));
            fits = fits && ca_dim_meet(&batch, ca_dim(&t, 0));
            continue;
        }
        if (ca_in_type(a, i) != ca_in_type(a, 0) || !ca_type_is_real(ca_in_type(a, i)))
            return ca_infer_err(a, err, CARINA_ERR_TYPE,
                                "input %d is %s; give all but lengths one floating type",
                                i, carina_type_name(ca_in_type(a, i)));
        if (i == 0)
            continue;
        const int rank = (i == p.b ? 1 : 2) + s;
        CA_TRY(ca_check_rank(a, i, rank, rank, err));
        int64_t want = is_state ? hidden : i == p.b ? biases : i == p.w ? width : hidden;
        fits = fits && ca_dim_meet(&want, ca_dim(&t, rank - 1));
        if (i == p.w)
            fits = fits && ca_dim_meet(&width, ca_dim(&t, rank - 1));
        want = gates;
        if (i == p.w || i == p.r)
            fits = fits && ca_dim_meet(&want, ca_dim(&t, s));
        if (is_state)
            fits = fits && ca_dim_meet(&batch, ca_dim(&t, 0));
        if (seq)
            fits = fits && ca_dim_meet(&dirs, ca_dim(&t, is_state ? 1 : 0));
        if (!fits) {
            char text[CA_SHAPE_TEXT];
            return ca_infer_err(
                a, err, CARINA_ERR_SHAPE,
                "input %d has shape %s, which does not fit hidden_size %lld and the others",
                i, ca_shape_text(text, sizeof text, &t), (long long)hidden);
        }
    }
    return CARINA_OK;
}

CarinaStatus ca_recurrent_infer(const CaInferArgs *a, CaRecurrentKind kind,
                                bool is_sequence, CarinaError *err)
{
    const CaRecurrentAttrs *at = (const CaRecurrentAttrs *)a->attrs;
    const CarinaShape x = ca_in_shape(a, 0);
    const CarinaType type = ca_in_type(a, 0);
    const int64_t dirs = at->direction == BIDIRECTIONAL ? 2 : 1;
    Functions f;
    CA_TRY(check_inputs(a, kind, ports_of(kind, is_sequence), is_sequence, err));
    if (!read_functions(&f, at, n_functions(kind)))
        return ca_infer_err(
            a, err, CARINA_ERR_UNSUPPORTED,
            "activations '%s': give %d of sigmoid, tanh, relu, hardsigmoid",
            at->activations, n_functions(kind));
    int next = 0;
    if (is_sequence) {
        const CarinaShape y = ca_shape(
            4, (const int64_t[]){ca_dim(&x, 0), dirs, ca_dim(&x, 1), at->hidden_size});
        ca_out(a, next++, type, &y);
    }
    const CarinaShape h =
        is_sequence ? ca_shape(3, (const int64_t[]){ca_dim(&x, 0), dirs, at->hidden_size})
                    : ca_shape(2, (const int64_t[]){ca_dim(&x, 0), at->hidden_size});
    ca_out(a, next++, type, &h);
    if (kind == CA_LSTM)
        ca_out(a, next, type, &h);
    return CARINA_OK;
}

typedef struct {
    const CaRecurrentAttrs *at;
    CaRecurrentKind kind;
    Functions f;
    int64_t width;
    const double *w, *r, *b; /* of one direction */
    double *gates;           /* work space: 4 * hidden */
} Step;

static double limit(const Step *s, double v)
{
    return s->at->clip > 0 ? fmin(fmax(v, -s->at->clip), s->at->clip) : v;
}

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* W x of row k, and R h of row k. */
static double from_x(const Step *s, int64_t k, const double *x)
{
    return dot(s->w + k * s->width, x, s->width);
}
static double from_h(const Step *s, int64_t k, const double *h)
{
    return dot(s->r + k * s->at->hidden_size, h, s->at->hidden_size);
}

static void step_lstm(const Step *s, const double *x, double *h, double *c)
{
    const int64_t n = s->at->hidden_size;
    for (int64_t k = 0; k < 4 * n; k++)
        s->gates[k] = apply(&s->f, k / n == 2 ? 1 : 0,
                            limit(s, from_x(s, k, x) + from_h(s, k, h) + s->b[k]));
    for (int64_t k = 0; k < n; k++) {
        c[k] = s->gates[k] * c[k] + s->gates[n + k] * s->gates[2 * n + k];
        h[k] = s->gates[3 * n + k] * apply(&s->f, 2, c[k]);
    }
}

static void step_gru(const Step *s, const double *x, double *h)
{
    const int64_t n = s->at->hidden_size;
    double *z = s->gates, *r = z + n, *rh = r + n, *g = rh + n;
    for (int64_t k = 0; k < 2 * n; k++)
        z[k] = apply(&s->f, 0, limit(s, from_x(s, k, x) + from_h(s, k, h) + s->b[k]));
    for (int64_t k = 0; k < n; k++)
        rh[k] = r[k] * h[k];
    for (int64_t k = 0; k < n; k++) {
        double v = from_x(s, 2 * n + k, x) + s->b[2 * n + k];
        if (s->at->linear_before_reset)
            v += r[k] * (from_h(s, 2 * n + k, h) + s->b[3 * n + k]);
        else
            v += from_h(s, 2 * n + k, rh);
        g[k] = apply(&s->f, 1, limit(s, v));
    }
    for (int64_t k = 0; k < n; k++)
        h[k] = (1 - z[k]) * g[k] + z[k] * h[k];
}

static void step_rnn(const Step *s, const double *x, double *h)
{
    const int64_t n = s->at->hidden_size;
    for (int64_t k = 0; k < n; k++)
        s->gates[k] =
            apply(&s->f, 0, limit(s, from_x(s, k, x) + from_h(s, k, h) + s->b[k]));
    for (int64_t k = 0; k < n; k++)
        h[k] = s->gates[k];
}

/* One sequence in one direction; h and c hold the state; y (NULL: a single step) is `steps` rows. */
static void walk(const Step *s, const double *x, int64_t steps, int64_t length,
                 bool backwards, double *h, double *c, double *y)
{
    const int64_t n = s->at->hidden_size;
    for (int64_t i = 0; y && i < steps * n; i++)
        y[i] = 0;
    for (int64_t i = 0; i < length; i++) {
        const int64_t t = backwards ? length - 1 - i : i;
        if (s->kind == CA_LSTM)
            step_lstm(s, x + t * s->width, h, c);
        else if (s->kind == CA_GRU)
            step_gru(s, x + t * s->width, h);
        else
            step_rnn(s, x + t * s->width, h);
        for (int64_t k = 0; y && k < n; k++)
            y[t * n + k] = h[k];
    }
}

size_t ca_recurrent_work(const CarinaNode *node)
{
    const CaRecurrentAttrs *at = (const CaRecurrentAttrs *)node->attrs;
    return ca_work_array(0, 4 * at->hidden_size, sizeof(double));
}

void ca_recurrent_ref(CaRefArgs *r, CaRecurrentKind kind, bool is_sequence)
{
    const CaRecurrentAttrs *at = (const CaRecurrentAttrs *)r->attrs;
    const Ports p = ports_of(kind, is_sequence);
    const CarinaShape *xs = &r->in[0].shape, *ws = &r->in[p.w].shape;
    const int64_t n = at->hidden_size, gates = n_gates(kind) * n;
    const int64_t steps = is_sequence ? xs->dims[1] : 1,
                  dirs = is_sequence ? ws->dims[0] : 1;
    const int64_t biases = r->in[p.b].shape.dims[is_sequence ? 1 : 0];
    Step s = {.at = at, .kind = kind, .width = xs->dims[xs->rank - 1]};
    s.gates = ca_ref_doubles(r, 4 * n);
    if (!s.gates || !read_functions(&s.f, at, n_functions(kind))) {
        r->problem = "out of memory, or unknown activations";
        return;
    }
    double *last = r->out[is_sequence ? 1 : 0].real;
    double *cells = kind == CA_LSTM ? r->out[is_sequence ? 2 : 1].real : NULL;
    for (int64_t i = 0; i < xs->dims[0] * dirs; i++) {
        const int64_t b = i / dirs, d = i % dirs;
        const int64_t length = is_sequence ? r->in[p.lengths].whole[b] : 1;
        if (length < 0 || length > steps) {
            r->problem = "a sequence length is negative or more than the steps there are";
            return;
        }
        s.w = r->in[p.w].real + d * gates * s.width;
        s.r = r->in[p.r].real + d * gates * n;
        s.b = r->in[p.b].real + d * biases;
        for (int64_t k = 0; k < n; k++) {
            last[i * n + k] = r->in[p.h].real[i * n + k];
            if (cells)
                cells[i * n + k] = r->in[p.c].real[i * n + k];
        }
        walk(&s, r->in[0].real + b * steps * s.width, steps, length,
             at->direction == REVERSE || d == 1, last + i * n,
             cells ? cells + i * n : NULL,
             is_sequence ? r->out[0].real + i * steps * n : NULL);
    }
}

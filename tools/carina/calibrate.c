/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calibration: pictures run through the network with what is looked at as further outputs.
 *
 * A layer's loss is its own: it is quantized alone, beside the FP32 layer and on the same values, so that one layer's
 * noise is not counted again in all that follow.
 */
#include "calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_BINS = 2048 };

static bool failed(const CarinaError *err)
{
    complain("%s", err->text);
    return false;
}

/* Does something with the outputs for picture i; false: said why. */
typedef bool SeeFn(Calibration *c, int i, CarinaRequest *request);

static bool see_all(Calibration *c, CarinaRequest *request, const char *what, SeeFn *see)
{
    CarinaError err = {0};
    const double begun = now_ms();
    for (int i = 0; i < c->images.n; i++) {
        if (is_interrupted() ||
            !image_load(carina_request_input(request, 0), 0, &c->images.v[i], &c->rules))
            return false;
        if (carina_request_infer(request, &err) != CARINA_OK)
            return failed(&err);
        if (!see(c, i, request))
            return false;
        progress(what, i + 1, c->images.n, (i + 1) * 1e3 / (now_ms() - begun), "img/s");
    }
    return true;
}

static bool run_all(Calibration *c, const CarinaModel *model, const char *precision,
                    const char *what, SeeFn *see)
{
    CarinaError err = {0};
    CarinaCompiled *exe = NULL;
    CarinaRequest *request = NULL;
    const CarinaCompileOptions options = {.struct_size = sizeof options,
                                          .precision = precision};
    bool good = carina_compile(&exe, c->ctx, model, "CPU", &options, &err) == CARINA_OK &&
                carina_request_create(&request, exe, &err) == CARINA_OK;
    if (!good)
        failed(&err);
    good = good && see_all(c, request, what, see);
    carina_request_free(&request);
    carina_compiled_free(&exe);
    return good;
}

/* --- What there is. */

static int watch(Calibration *c, const CarinaValue *v)
{
    /* Pooling by the largest gives no value that was not there: one range does for both sides. */
    while (strcmp(v->node->op_name, "MaxPool") == 0 && v->index == 0)
        v = v->node->inputs[0].value;
    for (int i = 0; i < c->n_watched; i++)
        if (c->watched[i].layer == v->node->name && c->watched[i].port == v->index)
            return i;
    c->watched[c->n_watched] =
        (Watched){.layer = v->node->name,
                  .port = v->index,
                  .range = {.low = INFINITY, .high = -INFINITY, .n_bins = 0}};
    return c->n_watched++;
}

void calibration_find(Calibration *c)
{
    const CarinaGraph *g = carina_model_graph(c->model);
    c->layers = allocate((size_t)g->n_nodes + 1, sizeof *c->layers);
    c->watched = allocate(2 * (size_t)g->n_nodes + 1, sizeof *c->watched);
    for (const CarinaNode *n = g->first; n; n = n->next) {
        const int n_inputs = carina_node_n_quantized(n);
        const CarinaShape *s = n->n_outputs > 0 ? &n->outputs[0].shape : NULL;
        if (n_inputs == 0 || s->rank < 2)
            continue;
        QuantLayer *layer = &c->layers[c->n_layers++];
        *layer = (QuantLayer){.node = n, .n_inputs = n_inputs};
        for (int i = 0; i < n_inputs; i++)
            layer->watched[i] = watch(c, n->inputs[i].value);
        layer->n_channels = s->dims[strcmp(n->op_name, "MatMul") == 0 ? s->rank - 1 : 1];
        layer->shift = allocate((size_t)layer->n_channels + 1, sizeof *layer->shift);
        layer->channels =
            allocate((size_t)layer->n_channels + 1, sizeof *layer->channels);
    }
    c->scores = allocate((size_t)c->images.n + 1, sizeof *c->scores);
}

void calibration_free(Calibration *c)
{
    for (int i = 0; i < c->n_layers; i++) {
        free(c->layers[i].shift);
        free(c->layers[i].channels);
    }
    for (int i = 0; i < c->n_watched; i++)
        free(c->watched[i].counts);
    free(c->layers);
    free(c->watched);
    for (int i = 0; c->scores && i < c->images.n; i++)
        free(c->scores[i]);
    free(c->scores);
    images_free(&c->images);
    carina_model_free(&c->model);
}

/* --- Ranges. */

static void keep_scores(Calibration *c, int i, const CarinaTensor *t)
{
    const int64_t n = tensor_count(t);
    free(c->scores[i]);
    c->scores[i] = allocate((size_t)n + 1, sizeof *c->scores[i]);
    for (int64_t k = 0; k < n; k++)
        c->scores[i][k] = tensor_get(t, k);
}

static const CarinaTensor *watched_tensor(const Calibration *c, int i, CarinaRequest *r)
{
    return carina_request_output(r, carina_model_n_outputs(c->model) + i);
}

static bool see_range(Calibration *c, int i, CarinaRequest *request)
{
    keep_scores(c, i, carina_request_output(request, 0));
    for (int k = 0; k < c->n_watched; k++) {
        const CarinaTensor *t = watched_tensor(c, k, request);
        const float *x = t->data;
        CarinaHistogram *range = &c->watched[k].range;
        float low = INFINITY, high = -INFINITY;
        for (int64_t j = 0; j < tensor_count(t); j++) {
            low = x[j] < low ? x[j] : low;
            high = x[j] > high ? x[j] : high;
        }
        range->low = low < range->low ? low : range->low;
        range->high = high > range->high ? high : range->high;
    }
    return true;
}

static bool see_counts(Calibration *c, int i, CarinaRequest *request)
{
    (void)i;
    for (int k = 0; k < c->n_watched; k++) {
        const CarinaTensor *t = watched_tensor(c, k, request);
        const float *x = t->data;
        const Watched *w = &c->watched[k];
        const double width = w->range.high - w->range.low;
        for (int64_t j = 0; j < tensor_count(t) && width > 0; j++) {
            const double at = ((double)x[j] - w->range.low) / width * N_BINS;
            if (at >= 0 && at <= N_BINS) /* NaN does not */
                w->counts[at < N_BINS ? (int)at : N_BINS - 1]++;
        }
    }
    return true;
}

static bool choose(Calibration *c, CarinaRangeRule rule, double percentile)
{
    CarinaError err = {0};
    for (int k = 0; k < c->n_watched; k++) {
        Watched *w = &c->watched[k];
        if (carina_range_choose(&w->low, &w->high, &w->range, rule, percentile, 256,
                                &err) != CARINA_OK) {
            complain("layer '%s': %s", w->layer, err.text);
            return false;
        }
    }
    return true;
}

bool calibration_ranges(Calibration *c, CarinaRangeRule rule, double percentile)
{
    CarinaError err = {0};
    CarinaModel *model = NULL;
    bool good = carina_model_copy(&model, c->model, &err) == CARINA_OK || failed(&err);
    for (int k = 0; k < c->n_watched && good; k++)
        good = carina_model_add_output(model, c->watched[k].layer, c->watched[k].port,
                                       &err) == CARINA_OK ||
               failed(&err);
    good = good && run_all(c, model, "f32", "ranges", see_range);
    if (rule != CARINA_RANGE_MINMAX && good) {
        for (int k = 0; k < c->n_watched; k++) {
            Watched *w = &c->watched[k];
            w->counts = allocate(N_BINS, sizeof *w->counts);
            w->range.counts = w->counts;
            w->range.n_bins = N_BINS;
        }
        good = run_all(c, model, "f32", "histograms", see_counts);
    }
    carina_model_free(&model);
    return good && choose(c, rule, percentile);
}

/* --- Losses. */

static void describe(CarinaQuantizeLayer *to, const Calibration *c,
                     const QuantLayer *layer)
{
    *to = (CarinaQuantizeLayer){.layer = layer->node->name};
    for (int i = 0; i < layer->n_inputs; i++) {
        to->low[i] = c->watched[layer->watched[i]].low;
        to->high[i] = c->watched[layer->watched[i]].high;
    }
}

static void add_loss(QuantLayer *layer, const CarinaTensor *is, const CarinaTensor *want)
{
    const float *x = want->data, *y = is->data;
    const bool is_last = strcmp(layer->node->op_name, "MatMul") == 0;
    int64_t inner = 1;
    for (int i = 2; i < want->shape.rank && !is_last; i++)
        inner *= want->shape.dims[i];
    for (int64_t i = 0; i < tensor_count(want); i++) {
        const int64_t k = i / inner % layer->n_channels;
        const double d = (double)x[i] - (double)y[i];
        ChannelLoss *c = &layer->channels[k];
        c->sum += (double)x[i];
        c->squares += (double)x[i] * (double)x[i];
        c->noise += d * d;
        c->n++;
        layer->shift[k] += d; /* a mean in the end */
    }
}

static bool see_losses(Calibration *c, int i, CarinaRequest *request)
{
    const int first = carina_model_n_outputs(c->model);
    (void)i;
    for (int k = 0; k < c->n_layers; k++)
        add_loss(&c->layers[k], carina_request_output(request, first + c->n_layers + k),
                 carina_request_output(request, first + k));
    return true;
}

bool calibration_losses(Calibration *c)
{
    CarinaError err = {0};
    CarinaModel *model = NULL;
    const CarinaQuantizeOptions options = {.struct_size = sizeof options, .aside = true};
    CarinaQuantizeLayer *layers = allocate((size_t)c->n_layers + 1, sizeof *layers);
    bool good = carina_model_copy(&model, c->model, &err) == CARINA_OK || failed(&err);
    for (int k = 0; k < c->n_layers && good; k++) {
        describe(&layers[k], c, &c->layers[k]);
        good = carina_model_add_output(model, layers[k].layer, 0, &err) == CARINA_OK ||
               failed(&err);
    }
    good =
        good &&
        (carina_model_quantize(model, layers, c->n_layers, &options, &err) == CARINA_OK ||
         failed(&err)) &&
        run_all(c, model, "f32", "losses", see_losses);
    for (int k = 0; k < c->n_layers && good; k++)
        for (int64_t i = 0; i < c->layers[k].n_channels; i++)
            if (c->layers[k].channels[i].n > 0)
                c->layers[k].shift[i] /= (double)c->layers[k].channels[i].n;
    carina_model_free(&model);
    free(layers);
    return good;
}

double layer_sqnr(const QuantLayer *layer)
{
    double noise = 0;
    int64_t n = 0;
    for (int64_t k = 0; k < layer->n_channels; k++) {
        const ChannelLoss *c = &layer->channels[k];
        const double signal = c->squares - c->sum * c->sum / (double)c->n;
        if (c->n == 0 || !(signal > 1e-6 * c->squares)) /* it never changes */
            continue;
        noise += c->noise / signal;
        n++;
    }
    return noise > 0 ? -10 * log10(noise / (double)n) : (double)INFINITY;
}

/* --- The result. */

bool calibration_apply(CarinaModel **out, const Calibration *c, bool corrects_bias)
{
    CarinaError err = {0};
    CarinaQuantizeLayer *layers = allocate((size_t)c->n_layers + 1, sizeof *layers);
    int n = 0;
    *out = NULL;
    for (int k = 0; k < c->n_layers; k++) {
        const QuantLayer *layer = &c->layers[k];
        if (layer->kept)
            continue;
        describe(&layers[n], c, layer);
        if (corrects_bias && layer->n_inputs == 1) {
            layers[n].n_shift = (int32_t)layer->n_channels;
            layers[n].shift = layer->shift;
        }
        n++;
    }
    const bool good = (carina_model_copy(out, c->model, &err) == CARINA_OK &&
                       carina_model_quantize(*out, layers, n, NULL, &err) == CARINA_OK) ||
                      failed(&err);
    free(layers);
    if (!good)
        carina_model_free(out);
    return good;
}

/* --- Effects on the scores. */

enum { EFFECT_PICTURES = 32 };

typedef struct Effect {
    Calibration c; /* first, so that see_effect finds the sum */
    double sum;
} Effect;

static bool see_effect(Calibration *c, int i, CarinaRequest *request)
{
    const CarinaTensor *t = carina_request_output(request, 0);
    for (int64_t k = 0; k < tensor_count(t); k++) {
        const double lost = tensor_get(t, k) - c->scores[i][k];
        ((Effect *)(void *)c)->sum += lost * lost;
    }
    return true;
}

/* The one layer that is quantized in `alone`. */
static bool effect_of(QuantLayer *layer, const Calibration *alone, bool corrects_bias)
{
    Effect e = {*alone, 0};
    CarinaModel *model = NULL;
    if (e.c.images.n > EFFECT_PICTURES)
        e.c.images.n = EFFECT_PICTURES;
    const bool good = calibration_apply(&model, alone, corrects_bias) &&
                      run_all(&e.c, model, "int8", layer->node->name, see_effect);
    carina_model_free(&model);
    layer->effect = e.sum;
    return good;
}

bool calibration_effects(Calibration *c, bool corrects_bias)
{
    Calibration alone = *c;
    bool good = true;
    alone.layers = allocate((size_t)c->n_layers + 1, sizeof *alone.layers);
    for (int k = 0; k < c->n_layers && good; k++) {
        for (int j = 0; j < c->n_layers; j++) {
            alone.layers[j] = c->layers[j];
            if (j != k)
                alone.layers[j].kept = "other";
        }
        good = c->layers[k].kept || effect_of(&c->layers[k], &alone, corrects_bias);
    }
    free(alone.layers);
    return good;
}

/* --- Agreement. */

typedef struct Count {
    Calibration c; /* first, so that see_agreement finds the count */
    int n_agreeing, n_sure;
} Count;

/* Is the class that leads in FP32 first too when what quantizing adds counts `times`? */
static bool leads(const double *exact, const CarinaTensor *t, double times)
{
    int64_t best = 0, now = 0;
    double most = -INFINITY;
    for (int64_t i = 0; i < tensor_count(t); i++) {
        const double x = exact[i] + times * (tensor_get(t, i) - exact[i]);
        best = exact[i] > exact[best] ? i : best;
        now = x > most ? i : now;
        most = x > most ? x : most;
    }
    return best == now;
}

static bool see_agreement(Calibration *c, int i, CarinaRequest *request)
{
    Count *count = (Count *)(void *)c;
    const CarinaTensor *t = carina_request_output(request, 0);
    count->n_agreeing += leads(c->scores[i], t, 1);
    count->n_sure += leads(c->scores[i], t, 1) && leads(c->scores[i], t, 2);
    return true;
}

bool calibration_agreement(int *n_agreeing, int *n_sure, const Calibration *c,
                           const CarinaModel *quantized)
{
    Count count = {*c, 0, 0};
    const bool good = run_all(&count.c, quantized, "int8", "agreement", see_agreement);
    *n_agreeing = count.n_agreeing;
    *n_sure = count.n_sure;
    return good;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first two generations of prototxt, brought to the third.
 */
#include "formats/caffe/caffe_reader.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

typedef struct Name {
    const char *first, *second, *now;
} Name;

/* In the order of V1LayerParameter.LayerType, which is also written as a number. */
static const Name names[] = {
    {"none", "NONE", "None"},
    {"accuracy", "ACCURACY", "Accuracy"},
    {"bnll", "BNLL", "BNLL"},
    {"concat", "CONCAT", "Concat"},
    {"conv", "CONVOLUTION", "Convolution"},
    {"data", "DATA", "Data"},
    {"dropout", "DROPOUT", "Dropout"},
    {"euclidean_loss", "EUCLIDEAN_LOSS", "EuclideanLoss"},
    {"flatten", "FLATTEN", "Flatten"},
    {"hdf5_data", "HDF5_DATA", "HDF5Data"},
    {"hdf5_output", "HDF5_OUTPUT", "HDF5Output"},
    {"im2col", "IM2COL", "Im2col"},
    {"images", "IMAGE_DATA", "ImageData"},
    {"infogain_loss", "INFOGAIN_LOSS", "InfogainLoss"},
    {"innerproduct", "INNER_PRODUCT", "InnerProduct"},
    {"lrn", "LRN", "LRN"},
    {"multinomial_logistic_loss", "MULTINOMIAL_LOGISTIC_LOSS", "MultinomialLogisticLoss"},
    {"pool", "POOLING", "Pooling"},
    {"relu", "RELU", "ReLU"},
    {"sigmoid", "SIGMOID", "Sigmoid"},
    {"softmax", "SOFTMAX", "Softmax"},
    {"softmax_loss", "SOFTMAX_LOSS", "SoftmaxWithLoss"},
    {"split", "SPLIT", "Split"},
    {"tanh", "TANH", "TanH"},
    {"window_data", "WINDOW_DATA", "WindowData"},
    {"eltwise", "ELTWISE", "Eltwise"},
    {"power", "POWER", "Power"},
    {"sigmoid_cross_entropy_loss", "SIGMOID_CROSS_ENTROPY_LOSS",
     "SigmoidCrossEntropyLoss"},
    {"hinge_loss", "HINGE_LOSS", "HingeLoss"},
    {"memory_data", "MEMORY_DATA", "MemoryData"},
    {"argmax", "ARGMAX", "ArgMax"},
    {"threshold", "THRESHOLD", "Threshold"},
    {"dummy_data", "DUMMY_DATA", "DummyData"},
    {"slice", "SLICE", "Slice"},
    {"mvn", "MVN", "MVN"},
    {"absval", "ABSVAL", "AbsVal"},
    {"silence", "SILENCE", "Silence"},
    {"contrastive_loss", "CONTRASTIVE_LOSS", "ContrastiveLoss"},
    {"exp", "EXP", "Exp"},
    {"deconvolution", "DECONVOLUTION", "Deconvolution"},
};
enum { N_NAMES = sizeof names / sizeof names[0] };

/* What is in no list stays: it is refused by that name. */
static void rename_type(Caffe__Layer *l)
{
    char number[16];
    for (size_t i = 0; l->type && i < N_NAMES; i++) {
        snprintf(number, sizeof number, "%zu", i);
        if (strcmp(l->type, names[i].second) == 0 ||
            strcmp(l->type, names[i].first) == 0 || strcmp(l->type, number) == 0) {
            memcpy(&l->type, &(const char *){names[i].now}, sizeof l->type);
            return;
        }
    }
}

/* A list of one. */
static uint32_t *one(CaArena *arena, uint32_t v)
{
    uint32_t *list = ca_arena_alloc(arena, sizeof *list);
    if (list)
        *list = v;
    return list;
}

static bool spread_convolution(CaArena *arena, Caffe__Layer *l, const Caffe__OldLayer *o)
{
    Caffe__Convolution *p = ca_arena_alloc(arena, sizeof *p);
    if (!p)
        return false;
    caffe__convolution__init(p);
    p->num_output = o->num_output;
    p->bias_term = o->biasterm;
    p->group = o->group;
    p->n_pad = p->n_kernel_size = p->n_stride = 1;
    p->pad = one(arena, o->pad);
    p->kernel_size = one(arena, o->kernelsize);
    p->stride = one(arena, o->stride);
    l->convolution_param = p;
    return p->pad && p->kernel_size && p->stride;
}

static bool spread_pooling(CaArena *arena, Caffe__Layer *l, const Caffe__OldLayer *o)
{
    Caffe__Pooling *p = ca_arena_alloc(arena, sizeof *p);
    if (!p)
        return false;
    caffe__pooling__init(p);
    p->pool = o->pool;
    p->has_kernel_size = p->has_stride = p->has_pad = 1;
    p->kernel_size = o->kernelsize;
    p->stride = o->stride;
    p->pad = o->pad;
    l->pooling_param = p;
    return true;
}

static bool spread_rest(CaArena *arena, Caffe__Layer *l, const Caffe__OldLayer *o)
{
    Caffe__InnerProduct *product = ca_arena_alloc(arena, sizeof *product);
    Caffe__Lrn *lrn = ca_arena_alloc(arena, sizeof *lrn);
    Caffe__Concat *concat = ca_arena_alloc(arena, sizeof *concat);
    if (!product || !lrn || !concat)
        return false;
    caffe__inner_product__init(product);
    product->num_output = o->num_output;
    product->bias_term = o->biasterm;
    caffe__lrn__init(lrn);
    lrn->local_size = o->local_size;
    lrn->alpha = o->alpha;
    lrn->beta = o->beta;
    lrn->k = o->k;
    caffe__concat__init(concat);
    concat->axis = (int32_t)(o->concat_dim & INT32_MAX);
    l->inner_product_param = product;
    l->lrn_param = lrn;
    l->concat_param = concat;
    return true;
}

/* A layer of zeros is part of the layer behind it. */
static const Caffe__OldLayer *padding_before(const Caffe__Net *net, size_t i,
                                             const Caffe__Layer **layer)
{
    const Caffe__Layer *l = net->layers[i];
    for (size_t k = i; l->n_bottom && k-- > 0;) {
        *layer = net->layers[k];
        const Caffe__OldLayer *o = net->layers[k]->layer;
        if ((*layer)->n_top && strcmp((*layer)->top[0], l->bottom[0]) == 0)
            return o && o->type && strcmp(o->type, "padding") == 0 ? o : NULL;
    }
    return NULL;
}

static bool spread(CaArena *arena, const Caffe__Net *net, size_t i)
{
    Caffe__Layer *l = net->layers[i];
    Caffe__OldLayer *o = l->layer;
    const Caffe__Layer *before = NULL;
    if (!o)
        return true;
    l->name = o->name ? o->name : l->name;
    l->type = o->type ? o->type : l->type;
    const Caffe__OldLayer *padding = padding_before(net, i, &before);
    if (padding && before->n_bottom && o->type &&
        (strcmp(o->type, "conv") == 0 || strcmp(o->type, "pool") == 0)) {
        o->pad = padding->pad;
        l->bottom[0] = before->bottom[0];
    }
    return spread_convolution(arena, l, o) && spread_pooling(arena, l, o) &&
           spread_rest(arena, l, o);
}

CarinaStatus ca_caffe_upgrade(CaCaffe *r, Caffe__Net *net)
{
    if (net->n_layers && net->n_layer)
        return ca_err(r->b.err, CARINA_ERR_FORMAT,
                      "%s: both 'layers' and 'layer'; write all of them as 'layer'",
                      r->b.path);
    r->layers = net->n_layers ? net->layers : net->layer;
    for (size_t i = 0; i < net->n_layers; i++)
        if (!spread(r->b.work, net, i))
            return ca_err(r->b.err, CARINA_ERR_MEMORY, "%s: out of memory", r->b.path);
    size_t n = 0;
    for (size_t i = 0; i < net->n_layers; i++) {
        const bool is_padding = net->layers[i]->layer && net->layers[i]->type &&
                                strcmp(net->layers[i]->type, "padding") == 0;
        rename_type(net->layers[i]);
        if (!is_padding)
            net->layers[n++] = net->layers[i];
    }
    r->n_layers = net->n_layers ? n : net->n_layer;
    return CARINA_OK;
}

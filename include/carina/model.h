/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models: read any supported format, inspect, reshape, prepare inputs, optimise, write IR.
 */
#ifndef CARINA_MODEL_H
#define CARINA_MODEL_H

#include <carina/base.h>
#include <carina/plugin.h>
#include <carina/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Immutable once compiled from; before that, it belongs to one thread. */
typedef struct CarinaModel CarinaModel;

/* An input as the reader is to make it. Some formats do not say where a graph begins, or how large its inputs are. */
typedef struct CarinaReadInput {
    const char
        *name; /* a layer's or tensor's, "layer:port"; NULL: the input at this place */
    CarinaShape shape; /* rank -1: as the file says */
} CarinaReadInput;

/* A model that stands for layers of a type (a class, an operator) which the reader does not know, or knows otherwise. Its
 * inputs are the layer's inputs, then its weights in the file's order; its outputs are the layer's. */
typedef struct CarinaReadLayer {
    const char
        *type; /* as the file calls it; of a Keras class the part behind '>' will do */
    const char
        *path; /* of a model in any format; it is put in wherever the layer is used */
} CarinaReadLayer;

/* Zero members: what the file itself says. */
typedef struct CarinaReadOptions {
    size_t struct_size;
    const char *
        weights; /* second file where its name does not follow: .bin, .caffemodel, .params, a checkpoint */
    int32_t n_inputs;
    const CarinaReadInput *inputs;
    const char *outputs;   /* where the graph ends: names, comma-separated */
    const char *freeze;    /* inputs that become constants: "name->value,..." */
    const char *tags;      /* a SavedModel's meta graph, comma-separated */
    const char *signature; /* which of a file's signatures */
    const char *prefix;    /* of the names of weights (MXNet) */
    int32_t n_layers;
    const CarinaReadLayer *layers;
} CarinaReadOptions;

/* [any thread] Reads any supported format, told apart by content. path is a file, or a folder for formats that are
 * one. options may be NULL. */
CARINA_API CarinaStatus carina_model_read(CarinaModel **out, CarinaContext *ctx,
                                          const char *path,
                                          const CarinaReadOptions *options,
                                          CarinaError *err);
CARINA_API void carina_model_free(CarinaModel **model);

/* What it was read from: "OpenVINO IR v11", "ONNX opset 13", "Caffe". */
CARINA_API const char *carina_model_format(const CarinaModel *model);
/* The graph, to look at; belongs to the model. */
CARINA_API const CarinaGraph *carina_model_graph(const CarinaModel *model);
/* A string the model carries, such as "labels" (of classes, one a line), "producer", "producer_version", "signature";
 * NULL if none. */
CARINA_API const char *carina_model_metadata(const CarinaModel *model, const char *key);
/* Sets it; IR that is written has it. value is copied. */
CARINA_API CarinaStatus carina_model_set_metadata(CarinaModel *model, const char *key,
                                                  const char *value, CarinaError *err);

typedef struct CarinaPort {
    const char *name;
    CarinaType type;
    CarinaShape shape;
    const char *layout; /* "NCHW" or "NHWC" where it is known, else "" */
} CarinaPort;
CARINA_API int carina_model_n_inputs(const CarinaModel *model);
CARINA_API int carina_model_n_outputs(const CarinaModel *model);
CARINA_API CarinaPort carina_model_input(const CarinaModel *model, int i);
CARINA_API CarinaPort carina_model_output(const CarinaModel *model, int i);
/* Index of the input with that name, or -1. A name may be the layer's or the tensor's. */
CARINA_API int carina_model_find_input(const CarinaModel *model, const char *name);
CARINA_API int carina_model_find_output(const CarinaModel *model, const char *name);

/* Give input i another shape, and infer all shapes again. Dimensions may stay dynamic. */
CARINA_API CarinaStatus carina_model_reshape(CarinaModel *model, int i,
                                             const CarinaShape *shape, CarinaError *err);
/* Set the first dimension of every input, and infer all shapes again. */
CARINA_API CarinaStatus carina_model_set_batch(CarinaModel *model, int64_t batch,
                                               CarinaError *err);

/* How the user's data for one input look; the conversion becomes part of the graph. Zero members keep
 * what the model has. mean and scale count channels: y = (x - mean) / scale. */
typedef struct CarinaInput {
    size_t struct_size;
    CarinaType type;
    const char *layout; /* "NHWC" or "NCHW" */
    int32_t n_mean, n_scale;
    const double *mean, *scale;
    bool reverse_channels;
} CarinaInput;
CARINA_API CarinaStatus carina_model_set_input(CarinaModel *model, int i,
                                               const CarinaInput *input,
                                               CarinaError *err);

/* Keep only what leads from these values (layer or tensor names, comma-separated, NULL: as they are) to those. */
CARINA_API CarinaStatus carina_model_cut(CarinaModel *model, const char *inputs,
                                         const char *outputs, CarinaError *err);

typedef struct CarinaOptimizeOptions {
    size_t struct_size;
    const char *disable; /* pass names, comma-separated */
    /* Called after each pass that changed something: how many places. */
    void (*report)(void *arg, const char *pass, const char *summary, int n_changes);
    void *report_arg;
} CarinaOptimizeOptions;
/* Run the passes. options may be NULL. */
CARINA_API CarinaStatus carina_model_optimize(CarinaModel *model,
                                              const CarinaOptimizeOptions *options,
                                              CarinaError *err);
/* Name and one-line summary of pass i in order; NULL past the last. */
CARINA_API const char *carina_pass_name(int i);
CARINA_API const char *carina_pass_summary(int i);

/* A model of its own; constants are shared. */
CARINA_API CarinaStatus carina_model_copy(CarinaModel **out, const CarinaModel *model,
                                          CarinaError *err);
/* One output more, after those there are: what the layer (by its own name) gives at port. */
CARINA_API CarinaStatus carina_model_add_output(CarinaModel *model, const char *layer,
                                                int port, CarinaError *err);

/* --- INT8. Layers are found by their own names, as the graph has them. */

/* How many inputs of the node need a range for it to be computed in integers: 1 of Convolution, GroupConvolution
 * and MatMul of f32 with constant weights, 2 of Add of two images; 0: it cannot be. */
CARINA_API int carina_node_n_quantized(const CarinaNode *node);

/* A layer to be computed in integers. */
typedef struct CarinaQuantizeLayer {
    const char *layer;
    double low[2], high[2]; /* of its inputs; 0 is in each */
    int32_t n_shift;        /* 0, or how many channels it gives */
    const double *shift;    /* is added to them */
} CarinaQuantizeLayer;

typedef struct CarinaQuantizeOptions {
    size_t struct_size;
    int levels; /* of inputs, 2 to 256; 0: 256 */
    /* The model stays as it is; what each layer would give in integers becomes an output "LAYER/int8". */
    bool aside;
} CarinaQuantizeOptions;
/* FakeQuantize before each of the layers, weights of s8 with a scale for each output channel. options may be NULL. Where
 * it fails the model is unusable, except to be freed. */
CARINA_API CarinaStatus carina_model_quantize(CarinaModel *model,
                                              const CarinaQuantizeLayer *layers, int n,
                                              const CarinaQuantizeOptions *options,
                                              CarinaError *err);

/* The same by the statistics of calibration that IR of versions 4 to 6 may hold; *n_layers says for how many. To be
 * called on the model as it was read: optimising forgets them. carina_compile for int8 calls it itself on what was not
 * optimised. */
CARINA_API CarinaStatus carina_model_use_statistics(CarinaModel *model, int *n_layers,
                                                    CarinaError *err);

/* How often values fell into each of n_bins equal parts of [low, high]. */
typedef struct CarinaHistogram {
    double low, high;
    int32_t n_bins;
    const uint64_t *counts;
} CarinaHistogram;
typedef enum CarinaRangeRule {
    CARINA_RANGE_MINMAX = 0,     /* all of it */
    CARINA_RANGE_PERCENTILE = 1, /* all but (100 - percentile) percent at either end */
    CARINA_RANGE_KL =
        2 /* what loses least information (Kullback-Leibler) in that many levels */
} CarinaRangeRule;
/* The range for FakeQuantize: it holds 0, which is one of its steps. percentile is read by that rule only: 50 to 100. */
CARINA_API CarinaStatus carina_range_choose(double *low, double *high,
                                            const CarinaHistogram *histogram,
                                            CarinaRangeRule rule, double percentile,
                                            int levels, CarinaError *err);

typedef struct CarinaWriteOptions {
    size_t struct_size;
    int ir_version; /* 10 or 11; 0: 11 */
    bool fp16;      /* store float constants as f16 */
} CarinaWriteOptions;
/* Write stem.xml and stem.bin, both under temporary names first. options may be NULL. */
CARINA_API CarinaStatus carina_model_write(const CarinaModel *model, const char *stem,
                                           const CarinaWriteOptions *options,
                                           CarinaError *err);

/* Operator i known to this build, in the order of their names: NULL past the last. */
CARINA_API const char *carina_op_name(int i);
CARINA_API const char *carina_op_summary(int i);
/* The formats whose files become operator i, IR first: "IR, ONNX, Caffe". */
CARINA_API const char *carina_op_formats(int i);

/* Format i that is read: "OpenVINO IR", "ONNX" ...; NULL past the last. */
CARINA_API const char *carina_format_name(int i);
/* Operator k of format i in that format's own words, in no order; NULL past the last. */
CARINA_API const char *carina_format_op(int i, int k);

#ifdef __cplusplus
}
#endif
#endif

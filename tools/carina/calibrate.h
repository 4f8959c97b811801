/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is learnt from running pictures through a network: ranges of values, what quantizing each layer loses, and how
 * often the first class stays.
 */
#ifndef CARINA_CALIBRATE_H
#define CARINA_CALIBRATE_H

#include "images.h"

/* A value that quantized layers read. */
typedef struct Watched {
    const char *layer; /* that gives it, at port */
    int port;
    CarinaHistogram range;
    uint64_t *counts;
    double low, high; /* of its FakeQuantize */
} Watched;

typedef struct ChannelLoss {
    double sum, squares; /* of the output */
    double noise;        /* squares of what quantizing adds to it */
    int64_t n;
} ChannelLoss;

typedef struct QuantLayer {
    const CarinaNode *node;
    int n_inputs, watched[2];
    int64_t n_channels;
    ChannelLoss *channels;
    double *shift;    /* mean of what quantizing takes away, by channel */
    double effect;    /* of quantizing it alone: squares of what the scores lose */
    const char *kept; /* why it stays in FP32; NULL: quantized */
} QuantLayer;

typedef struct Calibration {
    CarinaContext *ctx;
    CarinaModel *model; /* FP32, prepared and optimised */
    ImageList images;
    ImageRules rules;
    int n_layers, n_watched;
    QuantLayer *layers;
    Watched *watched;
    double **scores; /* of FP32, by picture: the first output */
} Calibration;

/* Layers that can be computed in integers, and the values they read. */
void calibration_find(Calibration *c);
void calibration_free(Calibration *c); /* all but ctx */
/* Runs the pictures: ranges of all watched values by the rule, and first classes. False: said why. */
bool calibration_ranges(Calibration *c, CarinaRangeRule rule, double percentile);
/* signal, noise and shift of each layer, quantized alone on FP32's values. */
bool calibration_losses(Calibration *c);
/* The model with all layers quantized that are not kept. */
bool calibration_apply(CarinaModel **out, const Calibration *c, bool corrects_bias);
/* Each layer's effect, on some pictures. */
bool calibration_effects(Calibration *c, bool corrects_bias);
/* How many pictures keep their first class when the model runs in INT8; and how many of them would with twice the error. */
bool calibration_agreement(int *n_agreeing, int *n_sure, const Calibration *c,
                           const CarinaModel *quantized);
/* Signal to noise in dB, INFINITY where there is no noise. The signal is what varies in a channel, and noise is relative to
 * its channel: what follows can scale channels as it likes. */
double layer_sqnr(const QuantLayer *layer);

#endif

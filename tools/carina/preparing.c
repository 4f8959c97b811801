/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How pictures become a model's input, from what the user says, the model, and else the habit of its format.
 */
#include "preparing.h"

#include <string.h>
#include <strings.h>

/* Does the graph begin by shifting or scaling its input? */
static bool prepares_itself(const CarinaModel *model)
{
    const CarinaNode *in = carina_model_graph(model)->inputs[0];
    const CarinaUse *use = in->n_outputs > 0 ? in->outputs[0].uses : NULL;
    const char *op = use ? use->node->op_name : "";
    return strcmp(op, "Subtract") == 0 || strcmp(op, "Divide") == 0 ||
           strcmp(op, "Multiply") == 0 || strcmp(op, "Add") == 0 ||
           strcmp(op, "Convert") == 0;
}

/* What pictures become where neither the user nor the model says: the habit of the format. */
static void guess(ImageRules *r, const CarinaModel *model, const Preparing *v,
                  bool is_openvino)
{
    const bool is_caffe = strncmp(carina_model_format(model), "Caffe", 5) == 0;
    const bool is_prepared = carina_model_metadata(model, "mean_values") ||
                             carina_model_metadata(model, "scale_values") ||
                             strncmp(carina_model_format(model), "OpenVINO", 8) == 0 ||
                             prepares_itself(model);
    const bool is_raw = carina_model_input(model, 0).type == CARINA_U8 || is_prepared ||
                        is_caffe || is_openvino;
    const bool is_bgr = is_caffe || is_openvino;
    if (v->mean || v->scale)
        return;
    r->reverse = r->channels == 3 && (is_bgr != v->reverse);
    for (int c = 0; c < r->channels && !is_raw; c++)
        r->scale[c] = 255;
    if (!is_prepared) /* else the model said so itself */
        note("assuming %s, %s: give --mean-values and --scale-values to change",
             r->channels == 1 ? "grey"
             : r->reverse     ? "BGR"
                              : "RGB",
             is_raw ? "0..255" : "0..1");
}

static bool set_rules(ImageRules *r, const CarinaModel *model, const Preparing *v,
                      bool is_openvino)
{
    for (int c = 0; c < 4; c++)
        r->scale[c] = 1;
    r->reverse = v->reverse;
    r->resize =
        v->resize && strcasecmp(v->resize, "antialias") == 0 ? CARINA_RESIZE_ANTIALIAS
        : v->resize && strcasecmp(v->resize, "nearest") == 0 ? CARINA_RESIZE_NEAREST
                                                             : CARINA_RESIZE_BILINEAR;
    r->resize_to = v->resize_to;
    r->has_crop =
        v->crop ? strcasecmp(v->crop, "centre") == 0 || strcasecmp(v->crop, "center") == 0
                : v->resize_to > 0;
    if (v->mean && !image_numbers(r->mean, v->mean, r->channels, "--mean-values"))
        return false;
    if (v->scale && !image_numbers(r->scale, v->scale, r->channels, "--scale-values"))
        return false;
    for (int c = 0; c < r->channels; c++)
        if (r->scale[c] == 0) {
            complain("--scale-values: 0 cannot divide");
            return false;
        }
    guess(r, model, v, is_openvino);
    return true;
}

static bool is_channels(int64_t n) { return n == 1 || n == 3; }

/* Makes the one input [batch, C, H, W] or [batch, H, W, C], all known. */
static bool shape_input(ImageRules *r, int64_t *batch, CarinaModel *model,
                        const char *path)
{
    enum { USUAL_SIDE = 224 };
    CarinaError err = {0};
    if (carina_model_n_inputs(model) != 1) {
        complain("%s: %d inputs; pictures go into models with one: use 'carina run'",
                 path, carina_model_n_inputs(model));
        return false;
    }
    const CarinaPort port = carina_model_input(model, 0);
    CarinaShape s = port.shape;
    r->is_nhwc = strcmp(port.layout, "NHWC") == 0 ||
                 (s.rank == 4 && !is_channels(s.dims[1]) && is_channels(s.dims[3]));
    const int c = r->is_nhwc ? 3 : 1, h = r->is_nhwc ? 1 : 2;
    if (s.rank != 4 || (s.dims[c] >= 0 && !is_channels(s.dims[c])) ||
        s.dims[h] > 1 << 14 || s.dims[h + 1] > 1 << 14) {
        complain("%s: input '%s' is %s, which takes no pictures of 1 or 3 channels: use "
                 "'carina run'",
                 path, port.name, shape_text(&port.shape));
        return false;
    }
    s.dims[c] = s.dims[c] < 0 ? 3 : s.dims[c];
    for (int i = h; i < h + 2; i++)
        s.dims[i] = s.dims[i] < 0 ? USUAL_SIDE : s.dims[i];
    s.dims[0] = *batch > 0 ? *batch : 1;
    r->channels = (int)s.dims[c];
    r->height = (int)s.dims[h];
    r->width = (int)s.dims[h + 1];
    *batch = s.dims[0];
    if (memcmp(&s, &port.shape, sizeof s) != 0 &&
        carina_model_reshape(model, 0, &s, &err) != CARINA_OK)
        return complain("%s", err.text) == EXIT_GOOD;
    return true;
}

bool prepare_pictures(ImageRules *rules, int64_t *batch, CarinaModel *model,
                      const char *path, const Preparing *how, bool is_openvino)
{
    return shape_input(rules, batch, model, path) &&
           set_rules(rules, model, how, is_openvino);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: resizing by weights (formats/by_weights.h).
 */
#include "formats/tensorflow/tf_resize.h"

#include "formats/by_weights.h"

#include <string.h>

static CaResizeAxis axis_of(int64_t in, int64_t out, bool corners)
{
    const CaResizeAxis a = {.out = out,
                            .scale = corners && out > 1
                                         ? (double)(in - 1) / (double)(out - 1)
                                         : (double)in / (double)(out ? out : 1)};
    return a;
}

void ca_tf_resize_by_weights(CaTfCall *c)
{
    CaBuild *b = c->b;
    const bool corners = ca_tf_attr_bool(c->r, c->node, "align_corners", false);
    int64_t size[2] = {0, 0};
    CaValue *x =
        ca_build_channels_first(b, ca_build_convert(b, ca_tf_in(c, 0), CARINA_F32));
    const CarinaShape s = ca_build_shape(b, x);
    if (ca_build_known_ints(b, ca_tf_in(c, 1), size, 2) != 2 || s.rank != 4) {
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "its sizes are not known; give the model's input shape");
        return;
    }
    const CaResize how = {.rule = strcmp(c->node->op, "ResizeArea") == 0
                                      ? CA_RESIZE_AREA
                                      : CA_RESIZE_CUBIC_TABLE,
                          .y = axis_of(s.dims[2], size[0], corners),
                          .x = axis_of(s.dims[3], size[1], corners)};
    ca_tf_out(c, 0, ca_build_channels_last(b, ca_build_resized(b, x, &how)));
}

void ca_tf_scale_and_translate(CaTfCall *c)
{
    CaBuild *b = c->b;
    int64_t size[2] = {0, 0};
    double scale[2] = {0, 0}, move[2] = {0, 0};
    CaResize how = {.antialias = ca_tf_attr_bool(c->r, c->node, "antialias", true)};
    CaValue *x =
        ca_build_channels_first(b, ca_build_convert(b, ca_tf_in(c, 0), CARINA_F32));
    if (ca_build_known_ints(b, ca_tf_in(c, 1), size, 2) != 2 ||
        ca_build_known_reals(b, ca_tf_in(c, 2), scale, 2) != 2 ||
        ca_build_known_reals(b, ca_tf_in(c, 3), move, 2) != 2 || !(scale[0] > 0) ||
        !(scale[1] > 0))
        ca_build_fail(b, CARINA_ERR_SHAPE,
                      "its size, scale or translation is not known; give the model's "
                      "input shape");
    const char *rule = ca_tf_attr_text(c->r, c->node, "kernel_type", "lanczos3");
    if (!ca_resize_rule(&how.rule, rule))
        ca_build_fail(b, CARINA_ERR_UNSUPPORTED, "kernel_type '%s'", rule);
    if (b->status != CARINA_OK)
        return;
    for (int i = 0; i < 2; i++) { /* in floats, as there */
        const float back = 1 / (float)scale[i];
        *(i ? &how.x : &how.y) =
            (CaResizeAxis){size[i], (double)back, (double)(-back * (float)move[i])};
    }
    ca_tf_out(c, 0, ca_build_channels_last(b, ca_build_resized(b, x, &how)));
}

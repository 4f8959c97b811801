/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFLite: the custom operators of MediaPipe and of the object detection API, whose options are FlexBuffers.
 */
#include "formats/tflite/tflite_flex.h"
#include "formats/tflite/tflite_reader.h"

#include <math.h>
#include <string.h>

enum { OPERATOR_CUSTOM_OPTIONS = 5 };

static CaFlatVector custom_options(CaTfliteCall *c)
{
    const CaFlatVector none = {0};
    const CaFlatVector v =
        ca_tflite_readable(c)
            ? ca_flat_vector(&c->r->flat, &c->node->table, OPERATOR_CUSTOM_OPTIONS, 1)
            : none;
    return ca_tflite_readable(c) ? v : none;
}

/* --- TFLite_Detection_PostProcess: boxes from anchors, and the choice of the best. */

typedef struct Detection {
    int64_t most, classes_each, per_class, n_classes;
    double score, iou, scale[4]; /* y, x, h, w */
    bool is_regular;             /* each class chooses for itself */
} Detection;

static Detection read_detection(CaTfliteCall *c)
{
    const CaFlatVector bytes = custom_options(c);
    const CaFlex x =
        ca_flex_map(c->r->flat.data + bytes.at, bytes.is_there ? bytes.n : 0);
    Detection d = {
        .most = (int64_t)ca_flex_number(&x, "max_detections", 0),
        .classes_each = (int64_t)ca_flex_number(&x, "max_classes_per_detection", 1),
        .per_class = (int64_t)ca_flex_number(&x, "detections_per_class", 100),
        .n_classes = (int64_t)ca_flex_number(&x, "num_classes", 0),
        .score = ca_flex_number(&x, "nms_score_threshold", 0),
        .iou = ca_flex_number(&x, "nms_iou_threshold", 0.5),
        .scale = {ca_flex_number(&x, "y_scale", 1), ca_flex_number(&x, "x_scale", 1),
                  ca_flex_number(&x, "h_scale", 1), ca_flex_number(&x, "w_scale", 1)},
        .is_regular = ca_flex_number(&x, "use_regular_nms", 0) != 0,
    };
    bool good = d.most > 0 && d.most < 1 << 20 && d.n_classes > 0 &&
                d.n_classes < 1 << 20 && d.classes_each > 0 &&
                d.classes_each <= d.n_classes && d.per_class > 0 && d.per_class < 1 << 20;
    for (int i = 0; i < 4; i++)
        good = good && d.scale[i] > 0;
    if (!good)
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "its options are missing or out of range (max_detections %lld, "
                      "num_classes %lld); the file is damaged",
                      (long long)d.most, (long long)d.n_classes);
    return d;
}

/* Column i of the last dimension of [..., 4]. */
static CaValue *column(CaTfliteCall *c, CaValue *v, int i)
{
    return ca_tflite_sliced(c, v, i, i + 1, ca_build_rank(c->b, v) - 1);
}

/* [1, A, 4] of (ymin, xmin, ymax, xmax). */
static CaValue *decoded_boxes(CaTfliteCall *c, const Detection *d)
{
    CaBuild *b = c->b;
    CaValue *code = ca_tflite_in(c, 0), *anchors = ca_tflite_in(c, 2), *low[2], *high[2];
    for (int i = 0; i < 2; i++) {
        CaValue *size = column(c, anchors, 2 + i);
        CaValue *centre = ca_build_times(b, column(c, code, i), 1 / d->scale[i]);
        centre = ca_build_2(b, "Add", ca_build_2(b, "Multiply", centre, size),
                            column(c, anchors, i));
        CaValue *half = ca_build_1(
            b, "Exp", ca_build_times(b, column(c, code, 2 + i), 1 / d->scale[2 + i]));
        half = ca_build_times(b, ca_build_2(b, "Multiply", half, size), 0.5);
        low[i] = ca_build_2(b, "Subtract", centre, half);
        high[i] = ca_build_2(b, "Add", centre, half);
    }
    return ca_tflite_concat(c, (CaValue *const[]){low[0], low[1], high[0], high[1]}, 4,
                            2);
}

/* boxes [1, A, 4], scores [1, C, A]: rows (batch, class, box), best first, and their scores. */
static CaValue *chosen(CaTfliteCall *c, const Detection *d, CaValue *boxes,
                       CaValue *scores, int64_t most)
{
    CaBuild *b = c->b;
    /* scores at the threshold take part */
    const double below = (double)nextafterf((float)d->score, -INFINITY);
    CaValue *const in[] = {boxes, scores, ca_build_scalar(b, most),
                           ca_build_number(b, boxes, d->iou),
                           ca_build_number(b, boxes, below)};
    CaValue *v = ca_build_make(b, "NonMaxSuppression", in, 5, 3);
    ca_build_set_text(b, v, "box_encoding", "corner");
    ca_build_set_text(b, v, "sort_result_descending", "true");
    ca_build_set_text(b, v, "output_type", "i64");
    ca_build_settle(b);
    return v;
}

/* The detections' four outputs, each padded with zeros to `rows`. boxes [R, 4], the others [R]; valid: 1 or 0. */
static void detected(CaTfliteCall *c, CaValue *boxes, CaValue *classes, CaValue *scores,
                     CaValue *valid, int64_t rows)
{
    CaBuild *b = c->b;
    const CarinaShape s = ca_build_static_shape(b, valid);
    const int64_t missing = b->status == CARINA_OK && s.rank == 1 ? rows - s.dims[0] : 0;
    const int64_t pads2[] = {0, 0, missing, 0}, pads1[] = {0, missing};
    CaValue *count = ca_tflite_reduced(c, "ReduceSum", valid, 0, true);
    boxes = ca_build_2(b, "Multiply", boxes, ca_tflite_unsqueeze(c, valid, 1));
    classes = ca_build_2(b, "Multiply", ca_build_convert(b, classes, CARINA_F32), valid);
    scores = ca_build_2(b, "Multiply", scores, valid);
    if (missing) { /* a negative pad cuts */
        boxes = ca_tflite_padded(c, boxes, pads2, 2, "constant", NULL);
        classes = ca_tflite_padded(c, classes, pads1, 1, "constant", NULL);
        scores = ca_tflite_padded(c, scores, pads1, 1, "constant", NULL);
        CaValue *kept = ca_tflite_padded(c, valid, pads1, 1, "constant", NULL);
        count = ca_tflite_reduced(c, "ReduceSum", kept, 0, true);
    }
    ca_tflite_out(c, 0, ca_tflite_unsqueeze(c, boxes, 0));
    ca_tflite_out(c, 1, ca_tflite_unsqueeze(c, classes, 0));
    ca_tflite_out(c, 2, ca_tflite_unsqueeze(c, scores, 0));
    ca_tflite_out(c, 3, count);
}

/* Indices below 0 are rows that are not used. */
static CaValue *is_used(CaTfliteCall *c, CaValue *index)
{
    return ca_build_convert(
        c->b, ca_build_2(c->b, "GreaterEqual", index, ca_build_number(c->b, index, 0)),
        CARINA_F32);
}
static CaValue *at_least_0(CaTfliteCall *c, CaValue *index)
{
    return ca_build_2(c->b, "Maximum", index, ca_build_number(c->b, index, 0));
}

/* Every class chooses, and the best of all classes stay. scores [1, A, C]. */
static void regular_choice(CaTfliteCall *c, const Detection *d, CaValue *boxes,
                           CaValue *scores)
{
    static const int turned[] = {0, 2, 1};
    CaBuild *b = c->b;
    CaValue *v =
        chosen(c, d, boxes, ca_build_transpose(b, scores, turned, 3), d->per_class);
    if (!v)
        return;
    CaValue *class = ca_tflite_squeeze(c, ca_tflite_sliced(c, v, 1, 2, 1), 1);
    CaValue *box = ca_tflite_squeeze(c, ca_tflite_sliced(c, v, 2, 3, 1), 1);
    CaValue *score = ca_tflite_squeeze(c, ca_tflite_sliced(c, v + 1, 2, 3, 1), 1);
    CaValue *valid = is_used(c, box);
    boxes = ca_tflite_gather(c, ca_tflite_squeeze(c, boxes, 0), at_least_0(c, box), 0);
    detected(c, boxes, class, score, valid, d->most);
}

/* The best score of a box chooses; its best classes are all reported, one row each (TensorFlow Lite's kernel leaves
 * gaps between them where there are several). scores [1, A, C]. */
static void fast_choice(CaTfliteCall *c, const Detection *d, CaValue *boxes,
                        CaValue *scores)
{
    CaBuild *b = c->b;
    const int64_t k = d->classes_each, flat = -1;
    CaValue *v = chosen(
        c, d, boxes,
        ca_tflite_unsqueeze(c, ca_tflite_reduced(c, "ReduceMax", scores, 2, false), 1),
        d->most);
    if (!v)
        return;
    CaValue *box = ca_tflite_squeeze(c, ca_tflite_sliced(c, v, 2, 3, 1), 1);
    CaValue *const in[] = {ca_tflite_squeeze(c, scores, 0), ca_build_scalar(b, k)};
    CaValue *top = ca_build_make(b, "TopK", in, 2, 2);
    ca_build_set_int(b, top, "axis", 1);
    ca_build_set_text(b, top, "mode", "max");
    ca_build_set_text(b, top, "sort", "value");
    ca_build_set_text(b, top, "index_element_type", "i32");
    ca_build_set_text(b, top, "stable", "true");
    if (!ca_build_settle(b) || !top)
        return;
    /* [R] to [R * k]: each box once for each of its classes */
    CaValue *each = ca_build_2(b, "Broadcast", ca_tflite_unsqueeze(c, box, 1),
                               ca_build_vector(b, (const int64_t[]){1, k}, 2));
    ca_build_set_text(b, each, "mode", "bidirectional");
    each = ca_build_reshape(b, each, &flat, 1);
    CaValue *rows = at_least_0(c, box);
    CaValue *class = ca_build_reshape(b, ca_tflite_gather(c, top + 1, rows, 0), &flat, 1);
    CaValue *score = ca_build_reshape(b, ca_tflite_gather(c, top, rows, 0), &flat, 1);
    boxes = ca_tflite_gather(c, ca_tflite_squeeze(c, boxes, 0), at_least_0(c, each), 0);
    detected(c, boxes, class, score, is_used(c, each), d->most * k);
}

static void detection_post_process(CaTfliteCall *c)
{
    const Detection d = read_detection(c);
    CaValue *boxes = ca_build_settle(c->b) ? decoded_boxes(c, &d) : NULL;
    CaValue *scores = ca_tflite_in(c, 1);
    const CarinaShape s = ca_build_shape(c->b, scores);
    const int64_t extra = s.rank == 3 && s.dims[2] >= 0 ? s.dims[2] - d.n_classes : -1;
    if (c->b->status == CARINA_OK && (extra < 0 || extra > 1))
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its scores do not fit %lld classes",
                      (long long)d.n_classes);
    if (extra == 1) /* the background comes first */
        scores = ca_tflite_sliced(c, scores, 1, s.dims[2], 2);
    if (c->b->status != CARINA_OK)
        return;
    if (d.is_regular)
        regular_choice(c, &d, boxes, scores);
    else
        fast_choice(c, &d, boxes, scores);
}

/* --- MediaPipe's: their options are C structs. */

typedef struct Struct {
    int64_t padding, v[4];
} Struct;

/* TfLiteTransposeConvParams {padding, stride_w, stride_h} and TfLitePoolParams {padding, stride_w, stride_h,
 * filter_w, filter_h}, of 32-bit numbers; there VALID is 2 and SAME 1. */
static bool read_struct(CaTfliteCall *c, Struct *out, int n)
{
    const CaFlatVector bytes = custom_options(c);
    bool good = bytes.is_there && bytes.n >= (uint32_t)(n + 1) * 4;
    if (good)
        out->padding = ca_flat_load(c->r->flat.data + bytes.at, CA_FLAT_I32);
    for (int i = 0; i < n && good; i++) {
        out->v[i] =
            ca_flat_load(c->r->flat.data + bytes.at + 4 * (size_t)(i + 1), CA_FLAT_I32);
        good = out->v[i] > 0;
    }
    if (!good || (out->padding != 1 && out->padding != 2))
        ca_build_fail(c->b, CARINA_ERR_FORMAT,
                      "its options are missing or out of range; the file is damaged");
    return c->b->status == CARINA_OK;
}

/* Inputs: x, filter OHWI, bias. */
static void transpose_bias(CaTfliteCall *c)
{
    static const int to_iohw[] = {3, 0, 1, 2};
    CaBuild *b = c->b;
    Struct o;
    CaValue *x = ca_build_channels_first(b, ca_tflite_in(c, 0));
    CaValue *w = ca_tflite_weight(c, 1, 4, to_iohw, 0), *bias = ca_tflite_bias(c, 2);
    const CarinaShape s = ca_build_shape(b, w);
    int64_t begin[2], end[2], extra[2];
    if (!read_struct(c, &o, 2) || s.rank != 4)
        return;
    const int64_t strides[] = {o.v[1], o.v[0]}, ones[] = {1, 1};
    for (int i = 0; i < 2; i++) { /* SAME: strides times as large */
        const int64_t total = o.padding == 1 ? s.dims[2 + i] - strides[i] : 0;
        begin[i] = total > 0 ? total / 2 : 0;
        end[i] = total > 0 ? total - total / 2 : 0;
        extra[i] = total < 0 ? -total : 0;
    }
    CaValue *v = ca_build_2(b, "ConvolutionBackpropData", x, w);
    ca_build_set_ints(b, v, "strides", strides, 2);
    ca_build_set_ints(b, v, "dilations", ones, 2);
    ca_build_set_ints(b, v, "pads_begin", begin, 2);
    ca_build_set_ints(b, v, "pads_end", end, 2);
    ca_build_set_ints(b, v, "output_padding", extra, 2);
    if (bias)
        v = ca_build_2(b, "Add", v, ca_build_per_channel(b, bias, 1, 4));
    ca_tflite_out_last(c, 0, v);
}

/* Places of maxima: of their plane, as MaxUnpooling2D wants them here. What MediaPipe's kernels hand from one to the
 * other is their own affair as long as nobody else looks. */
static void max_pool_argmax(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    Struct o;
    CaValue *x = ca_build_channels_first(b, ca_tflite_in(c, 0));
    if (!read_struct(c, &o, 4))
        return;
    const int64_t strides[] = {o.v[1], o.v[0]}, kernel[] = {o.v[3], o.v[2]},
                  zeros[] = {0, 0}, ones[] = {1, 1};
    CaValue *v = ca_build_make_at(b, "MaxPool", 8, &x, 1, 2);
    ca_build_set_ints(b, v, "strides", strides, 2);
    ca_build_set_ints(b, v, "dilations", ones, 2);
    ca_build_set_ints(b, v, "kernel", kernel, 2);
    ca_build_set_ints(b, v, "pads_begin", zeros, 2);
    ca_build_set_ints(b, v, "pads_end", zeros, 2);
    ca_build_set_text(b, v, "auto_pad", o.padding == 1 ? "same_upper" : "valid");
    ca_build_set_text(b, v, "rounding_type", "floor");
    ca_build_set_text(b, v, "index_element_type", "i64");
    ca_build_set_int(b, v, "axis", 2);
    ca_tflite_out_last(c, 0, v);
    const CaTfliteTensor *places = ca_tflite_out_tensor(c, 1);
    const CaTfliteNode *reader =
        places && places->reader >= 0 ? &c->s->graph->nodes[places->reader] : NULL;
    if (places && places->n_readers > 0 &&
        (places->n_readers > 1 || !reader || strcmp(reader->type, "MaxUnpooling2D") != 0))
        ca_build_fail(
            b, CARINA_ERR_UNSUPPORTED,
            "places of maxima for others than one MaxUnpooling2D; cut the model "
            "before it");
    if (places && v && places->n_readers > 0)
        ca_tflite_out_last(c, 1, v + 1);
}

/* Inputs x and places, [N, h, w, C]; the rest of the larger plane is zero. */
static void max_unpooling(CaTfliteCall *c)
{
    CaBuild *b = c->b;
    Struct o;
    CaValue *x = ca_build_channels_first(b, ca_tflite_in(c, 0)),
            *places = ca_build_channels_first(b, ca_tflite_in(c, 1));
    const CarinaShape s = ca_build_static_shape(b, x), ps = ca_build_shape(b, places);
    if (!read_struct(c, &o, 4))
        return;
    if (s.rank != 4 || !ca_shape_equal(&s, &ps) || s.dims[2] > 1 << 20 ||
        s.dims[3] > 1 << 20 || o.v[0] > 1 << 10 || o.v[1] > 1 << 10) {
        ca_build_fail(b, CARINA_ERR_SHAPE, "its inputs do not fit each other");
        return;
    }
    const bool same = o.padding == 1;
    const int64_t h = same ? s.dims[2] * o.v[1] : (s.dims[2] - 1) * o.v[1] + o.v[3],
                  w = same ? s.dims[3] * o.v[0] : (s.dims[3] - 1) * o.v[0] + o.v[2];
    const int64_t flat[] = {s.dims[0], s.dims[1], -1},
                  plane[] = {s.dims[0], s.dims[1], h * w},
                  out[] = {s.dims[0], s.dims[1], h, w};
    CaValue *const in[] = {
        ca_build_2(b, "Broadcast", ca_build_number(b, x, 0),
                   ca_build_vector(b, plane, 3)),
        ca_build_convert(b, ca_build_reshape(b, places, flat, 3), CARINA_I64),
        ca_build_reshape(b, x, flat, 3), ca_build_scalar(b, 2)};
    CaValue *v = ca_build_make(b, "ScatterElementsUpdate", in, 4, 1);
    ca_tflite_out_last(c, 0, ca_build_reshape(b, v, out, 4));
}

const CaTfliteOp ca_tflite_custom[] = {
    {"Convolution2DTransposeBias", transpose_bias, NULL, false},
    {"MaxPoolingWithArgmax2D", max_pool_argmax, NULL, true},
    {"MaxUnpooling2D", max_unpooling, NULL, false},
    {"TFLite_Detection_PostProcess", detection_post_process, NULL, false},
    {NULL, NULL, NULL, false},
};

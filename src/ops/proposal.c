/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proposal: the region proposals of Faster R-CNN: anchors moved by deltas, sorted, suppressed. OpenVINO opset1;
 * opset4 gives the scores too.
 *
 * Inputs: scores [N, 2A, H, W] (the second half says "object"), deltas [N, 4A, H, W], image (height, width, scale or
 * one scale each). Anchors: each ratio with each scale. framework "tensorflow": sides without the 1 that Caffe adds,
 * no rounding, anchors around 0, y before x in the deltas, anchors clipped first. Rows (batch, x1, y1, x2, y2), post_nms_topn
 * for each image; unused ones are 0, and the first of them begins with -1.
 */
#include "ops/check.h"

#include "base/sort.h"

#include <float.h>
#include <math.h>

typedef struct {
    CarinaFloats ratio, scale;
    int64_t base_size, pre_nms_topn, post_nms_topn, feat_stride, min_size;
    double nms_thresh, box_size_scale, box_coordinate_scale;
    const char *framework;
    bool clip_before_nms, clip_after_nms, normalize;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(Attrs, base_size, 1, 1 << 24, CA_REQUIRED),
    CA_ATTR_INT(Attrs, pre_nms_topn, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTR_INT(Attrs, post_nms_topn, 1, INT32_MAX, CA_REQUIRED),
    CA_ATTR_FLOAT(Attrs, nms_thresh, -FLT_MAX, FLT_MAX, CA_REQUIRED),
    CA_ATTR_INT(Attrs, feat_stride, 1, 1 << 24, CA_REQUIRED),
    CA_ATTR_INT(Attrs, min_size, 0, 1 << 24, CA_REQUIRED),
    CA_ATTR_FLOATS(Attrs, ratio, FLT_MIN, FLT_MAX, CA_REQUIRED),
    CA_ATTR_FLOATS(Attrs, scale, 0, FLT_MAX, CA_REQUIRED),
    CA_ATTR_BOOL(Attrs, clip_before_nms, CA_DEFAULT("true")),
    CA_ATTR_BOOL(Attrs, clip_after_nms, CA_DEFAULT("false")),
    CA_ATTR_BOOL(Attrs, normalize, CA_DEFAULT("false")),
    CA_ATTR_FLOAT(Attrs, box_size_scale, FLT_MIN, FLT_MAX, CA_DEFAULT("1")),
    CA_ATTR_FLOAT(Attrs, box_coordinate_scale, FLT_MIN, FLT_MAX, CA_DEFAULT("1")),
    CA_ATTR_STRING(Attrs, framework, CA_DEFAULT("")),
    CA_ATTRS_END,
};

static CarinaStatus rows_of(const CaInferArgs *a, int64_t *rows, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    const CarinaShape s = ca_in_shape(a, 0), d = ca_in_shape(a, 1), i = ca_in_shape(a, 2);
    const int64_t anchors = (int64_t)at->ratio.n * at->scale.n;
    int64_t n = ca_dim(&s, 0), h = ca_dim(&s, 2), w = ca_dim(&s, 3), info;
    CA_TRY(ca_check_real(a, 0, 3, err));
    CA_TRY(ca_check_rank(a, 0, 4, 4, err));
    CA_TRY(ca_check_rank(a, 1, 4, 4, err));
    CA_TRY(ca_check_rank(a, 2, 1, 2, err));
    if (anchors < 1 || anchors > 1 << 20)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "%d ratios and %d scales make no useful number of anchors",
                            (int)at->ratio.n, (int)at->scale.n);
    if ((ca_dim(&s, 1) >= 0 && ca_dim(&s, 1) != 2 * anchors) ||
        (ca_dim(&d, 1) >= 0 && ca_dim(&d, 1) != 4 * anchors) ||
        !ca_dim_meet(&n, ca_dim(&d, 0)) || !ca_dim_meet(&h, ca_dim(&d, 2)) ||
        !ca_dim_meet(&w, ca_dim(&d, 3))) {
        char ts[CA_SHAPE_TEXT], td[CA_SHAPE_TEXT];
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "scores %s and deltas %s do not fit %lld anchors",
                            ca_shape_text(ts, sizeof ts, &s),
                            ca_shape_text(td, sizeof td, &d), (long long)anchors);
    }
    if (ca_shape_is_static(&i) && ca_shape_count(&i, &info) && info != 3 && info != 4)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "the image input has %lld numbers; give 3 or 4",
                            (long long)info);
    if (!ca_dim_times(rows, n, at->post_nms_topn))
        return ca_infer_err(a, err, CARINA_ERR_LIMIT, "too many rows of output");
    return CARINA_OK;
}

static CarinaStatus infer1(const CaInferArgs *a, CarinaError *err)
{
    int64_t rows;
    CA_TRY(rows_of(a, &rows, err));
    const CarinaShape y = ca_shape(2, (const int64_t[]){rows, 5});
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static CarinaStatus infer4(const CaInferArgs *a, CarinaError *err)
{
    int64_t rows;
    CA_TRY(infer1(a, err));
    CA_TRY(rows_of(a, &rows, err));
    const CarinaShape y = ca_shape(1, &rows);
    ca_out(a, 1, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

typedef struct {
    double box[4], score;
    int64_t index;
} Region;

typedef struct {
    const Attrs *at;
    bool is_tf;
    double one; /* what a side has more than the difference of its ends */
    double height, width, least_h, least_w;
    double *anchors;
    Region *regions;
    int64_t n_anchors, h, w;
} Work;

static void make_anchors(Work *k)
{
    const Attrs *at = k->at;
    const double base = (double)at->base_size, middle = 0.5 * (base - k->one);
    double *p = k->anchors;
    for (int r = 0; r < at->ratio.n; r++) {
        double w = sqrt(base * base / at->ratio.v[r]), h = w * at->ratio.v[r];
        if (!k->is_tf) {
            w = round(w);
            h = round(w * at->ratio.v[r]);
        }
        for (int s = 0; s < at->scale.n; s++, p += 4) {
            const double shift = middle - (k->is_tf ? base / 2 : 0);
            p[0] = shift - 0.5 * (w * at->scale.v[s] - k->one);
            p[1] = shift - 0.5 * (h * at->scale.v[s] - k->one);
            p[2] = shift + 0.5 * (w * at->scale.v[s] - k->one);
            p[3] = shift + 0.5 * (h * at->scale.v[s] - k->one);
        }
    }
}

static void clip(const Work *k, double box[4])
{
    for (int i = 0; i < 4; i++)
        box[i] = fmin(fmax(box[i], 0), (i % 2 ? k->height : k->width) - k->one);
}

/* d: the anchor's four deltas, `step` apart. */
static void decode(const Work *k, const double *anchor, int64_t row, int64_t col,
                   const double *d, int64_t step, double box[4])
{
    const Attrs *at = k->at;
    double a[4];
    for (int i = 0; i < 4; i++)
        a[i] = anchor[i] + (double)((i % 2 ? row : col) * at->feat_stride);
    if (k->is_tf)
        clip(k, a);
    for (int i = 0; i < 2; i++) {
        const int from = k->is_tf ? 1 - i : i;
        const double side = a[2 + i] - a[i] + k->one;
        const double middle =
            a[i] + 0.5 * side + d[from * step] / at->box_coordinate_scale * side;
        const double half = 0.5 * side * exp(d[(2 + from) * step] / at->box_size_scale);
        box[i] = middle - half;
        box[2 + i] = middle + half;
    }
    if (at->clip_before_nms)
        clip(k, box);
}

static int by_score(const void *pa, const void *pb)
{
    const Region *a = (const Region *)pa, *b = (const Region *)pb;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static double overlap(const double *a, const double *b, double one)
{
    const double w = fmin(a[2], b[2]) - fmax(a[0], b[0]) + one;
    const double h = fmin(a[3], b[3]) - fmax(a[1], b[1]) + one;
    if (!(w > 0 && h > 0))
        return 0;
    return w * h /
           ((a[2] - a[0] + one) * (a[3] - a[1] + one) +
            (b[2] - b[0] + one) * (b[3] - b[1] + one) - w * h);
}

/* The regions of one image, best first; returns how many remain. */
static int64_t propose(Work *k, const double *scores, const double *deltas)
{
    const int64_t plane = k->h * k->w;
    int64_t n = 0, kept = 0;
    for (int64_t p = 0; p < plane; p++)
        for (int64_t a = 0; a < k->n_anchors; a++) {
            Region *g = &k->regions[n];
            decode(k, k->anchors + 4 * a, p / k->w, p % k->w, deltas + 4 * a * plane + p,
                   plane, g->box);
            const bool is_large = g->box[2] - g->box[0] + k->one >= k->least_w &&
                                  g->box[3] - g->box[1] + k->one >= k->least_h;
            const double score = scores[(k->n_anchors + a) * plane + p];
            g->score = is_large && !isnan(score) ? score : 0;
            g->index = n++;
        }
    if (n)
        ca_sort(k->regions, (size_t)n, sizeof *k->regions, by_score);
    if (n > k->at->pre_nms_topn)
        n = k->at->pre_nms_topn;
    for (int64_t i = 0; i < n && kept < k->at->post_nms_topn; i++) {
        bool keep = true;
        for (int64_t j = 0; j < kept && keep; j++)
            keep = !(overlap(k->regions[j].box, k->regions[i].box, k->one) >
                     k->at->nms_thresh);
        if (keep)
            k->regions[kept++] = k->regions[i];
    }
    return kept;
}

static void write(CaRefArgs *r, Work *k, int64_t image, int64_t n)
{
    const int64_t post = k->at->post_nms_topn;
    for (int64_t i = 0; i < post; i++) {
        double *y = r->out[0].real + (image * post + i) * 5;
        if (r->n_out > 1)
            r->out[1].real[image * post + i] = i < n ? k->regions[i].score : 0;
        y[0] = i < n ? (double)image : i == n ? -1 : 0;
        if (i < n && k->at->clip_after_nms)
            clip(k, k->regions[i].box);
        for (int c = 0; c < 4; c++) {
            const double side = k->at->normalize ? (c % 2 ? k->height : k->width) : 1;
            y[1 + c] = i < n ? k->regions[i].box[c] / side : 0;
        }
    }
}

static void ref(CaRefArgs *r)
{
    const Attrs *at = (const Attrs *)r->attrs;
    const CarinaShape *s = &r->in[0].shape;
    const double *info = r->in[2].real;
    Work k = {.at = at, .is_tf = ca_text_equal(at->framework, "tensorflow")};
    k.one = k.is_tf ? 0 : 1;
    k.height = info[0];
    k.width = info[1];
    k.least_h = (double)at->min_size * info[2];
    k.least_w = (double)at->min_size * info[r->in[2].n == 4 ? 3 : 2];
    k.n_anchors = (int64_t)at->ratio.n * at->scale.n;
    k.h = s->dims[2];
    k.w = s->dims[3];
    const int64_t all = k.n_anchors * k.h * k.w;
    k.anchors = ca_ref_doubles(r, 4 * k.n_anchors);
    k.regions = (Region *)ca_arena_array(r->arena, (size_t)all, sizeof *k.regions);
    if (!k.anchors || !k.regions) {
        r->problem = "out of memory for work space";
        return;
    }
    make_anchors(&k);
    for (int64_t i = 0; i < s->dims[0]; i++)
        write(r, &k, i,
              propose(&k, r->in[0].real + i * 2 * all, r->in[1].real + i * 4 * all));
}

static size_t work(const CarinaNode *node)
{
    const Attrs *at = (const Attrs *)node->attrs;
    const int64_t n = (int64_t)at->ratio.n * at->scale.n;
    int64_t all = 0;
    if (!ca_dim_times(&all, n, ca_node_dim(node, 0, 2)) ||
        !ca_dim_times(&all, all, ca_node_dim(node, 0, 3)))
        return SIZE_MAX;
    return ca_work_array(ca_work_array(0, 4 * n, sizeof(double)), all, sizeof(Region));
}

const CaOp ca_op_proposal = {
    .name = "Proposal",
    .opset = 1,
    .summary = "region proposals from anchors",
    .arity = {3, 3, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer1,
    .ref = ref,
    .work = work,
};

const CaOp ca_op_proposal_4 = {
    .name = "Proposal",
    .opset = 4,
    .summary = "region proposals from anchors, and their scores",
    .arity = {3, 3, 2},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer4,
    .ref = ref,
    .work = work,
};

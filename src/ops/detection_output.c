/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DetectionOutput: SSD's last layer: boxes decoded from priors, suppressed class by class, the best kept. OpenVINO
 * opset1; opset8 derives num_classes from the shapes.
 *
 * Rows are (image, label, score, xmin, ymin, xmax, ymax), grouped by image, then by class, the best first; a row
 * beginning with -1 ends them. decrease_label_id is MXNet's way: one class a prior, labels less 1. Inputs 3 and 4
 * (scores and boxes of a refinement stage) correct the priors first and silence those below objectness_score.
 */
#include "ops/check.h"

#include "base/sort.h"

#include <float.h>
#include <math.h>

enum { CODE_CORNER, CODE_CENTER_SIZE };
static const char *const codes[] = {"caffe.priorboxparameter.corner",
                                    "caffe.priorboxparameter.center_size", NULL};

typedef struct {
    CarinaInts keep_top_k;
    int64_t num_classes, background_label_id, top_k, input_height, input_width;
    double nms_threshold, confidence_threshold, objectness_score;
    int32_t code_type;
    bool variance_encoded_in_target, share_location, clip_after_nms, clip_before_nms;
    bool decrease_label_id, normalized;
} Attrs;

#define COMMON                                                                          \
    CA_ATTR_INT(Attrs, background_label_id, -1, INT32_MAX, CA_DEFAULT("0")),            \
        CA_ATTR_INT(Attrs, top_k, -1, INT32_MAX, CA_DEFAULT("-1")),                     \
        CA_ATTR_BOOL(Attrs, variance_encoded_in_target, CA_DEFAULT("false")),           \
        CA_ATTR_INTS(Attrs, keep_top_k, -1, INT32_MAX, CA_REQUIRED),                    \
        CA_ATTR_ENUM(Attrs, code_type, codes,                                           \
                     CA_DEFAULT("caffe.PriorBoxParameter.CORNER")),                     \
        CA_ATTR_BOOL(Attrs, share_location, CA_DEFAULT("true")),                        \
        CA_ATTR_FLOAT(Attrs, nms_threshold, -FLT_MAX, FLT_MAX, CA_REQUIRED),            \
        CA_ATTR_FLOAT(Attrs, confidence_threshold, -FLT_MAX, FLT_MAX, CA_DEFAULT("0")), \
        CA_ATTR_BOOL(Attrs, clip_after_nms, CA_DEFAULT("false")),                       \
        CA_ATTR_BOOL(Attrs, clip_before_nms, CA_DEFAULT("false")),                      \
        CA_ATTR_BOOL(Attrs, decrease_label_id, CA_DEFAULT("false")),                    \
        CA_ATTR_BOOL(Attrs, normalized, CA_DEFAULT("false")),                           \
        CA_ATTR_INT(Attrs, input_height, 1, INT32_MAX, CA_DEFAULT("1")),                \
        CA_ATTR_INT(Attrs, input_width, 1, INT32_MAX, CA_DEFAULT("1")),                 \
        CA_ATTR_FLOAT(Attrs, objectness_score, -FLT_MAX, FLT_MAX, CA_DEFAULT("0"))

static const CarinaAttr attrs1[] = {
    CA_ATTR_INT(Attrs, num_classes, 1, INT32_MAX, CA_REQUIRED),
    COMMON,
    CA_ATTRS_END,
};
static const CarinaAttr attrs8[] = {COMMON, CA_ATTRS_END};

/* What the shapes say; -1 where unknown. */
typedef struct {
    int64_t images, priors, classes, locations; /* locations: boxes a prior */
} Sizes;

/* Empty where all fits, else the sentence. */
static const char *measure(Sizes *z, const Attrs *at, const CarinaShape s[5])
{
    const int64_t each = at->normalized ? 4 : 5;
    int64_t n = ca_dim(&s[2], 2), want;
    *z = (Sizes){ca_dim(&s[0], 0), -1, at->num_classes ? at->num_classes : -1, 1};
    if (!ca_dim_meet(&z->images, ca_dim(&s[1], 0)))
        return "boxes and scores are for different numbers of images";
    if (n >= 0 && n % each)
        return at->normalized
                   ? "proposals do not come in fours"
                   : "proposals do not come in fives, as they do unless normalized";
    z->priors = n < 0 ? -1 : n / each;
    if (z->priors > 0 && ca_dim(&s[1], 1) >= 0 && z->classes < 0)
        z->classes = ca_dim(&s[1], 1) / z->priors;
    if (z->classes == 0)
        return "there are fewer scores than priors";
    if (!at->share_location)
        z->locations = z->classes;
    if (!ca_dim_times(&want, z->priors, z->classes) ||
        !ca_dim_meet(&want, ca_dim(&s[1], 1)))
        return "scores are not priors x classes";
    if (!ca_dim_times(&want, z->priors, z->locations) || !ca_dim_times(&want, want, 4) ||
        !ca_dim_meet(&want, ca_dim(&s[0], 1)))
        return "boxes are not 4 a prior (and class, unless locations are shared)";
    n = ca_dim(&s[2], 0);
    if (n >= 0 && n != 1 && z->images >= 0 && n != z->images)
        return "proposals are neither for one image nor for all";
    n = ca_dim(&s[2], 1);
    if (n >= 0 && n != (at->variance_encoded_in_target ? 1 : 2))
        return "proposals have the wrong number of rows: 2 with variances, 1 without";
    return NULL;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const Attrs *at = (const Attrs *)a->attrs;
    const bool is_refined = ca_node_input(a->node, 3) != NULL;
    CarinaShape s[5];
    Sizes z;
    int64_t each, rows;
    CA_TRY(ca_check_real(a, 0, is_refined ? 5 : 3, err));
    for (int i = 0; i < 5; i++) {
        CA_TRY(ca_check_rank(a, i, i == 2 ? 3 : 2, i == 2 ? 3 : 2, err));
        s[i] = ca_in_shape(a, i);
    }
    if (at->keep_top_k.n < 1)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT, "keep_top_k is empty");
    const char *problem = measure(&z, at, s);
    if (!problem && is_refined) {
        int64_t scores, boxes;
        if (!ca_dim_times(&scores, z.priors, 2) ||
            !ca_dim_meet(&scores, ca_dim(&s[3], 1)) ||
            !ca_dim_times(&boxes, z.priors, 4 * (z.locations < 0 ? 1 : z.locations)) ||
            (z.locations > 0 && !ca_dim_meet(&boxes, ca_dim(&s[4], 1))) ||
            !ca_dim_meet(&z.images, ca_dim(&s[3], 0)) ||
            !ca_dim_meet(&z.images, ca_dim(&s[4], 0)))
            problem = "inputs 3 and 4 are not [N, 2 priors] and [N, 4 priors]";
    }
    if (problem)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", problem);
    if (at->keep_top_k.v[0] > 0)
        each = at->keep_top_k.v[0];
    else if (!ca_dim_times(&each, at->top_k > 0 ? at->top_k : z.priors, z.classes))
        each = INT64_MAX;
    if (!ca_dim_times(&rows, each, z.images))
        return ca_infer_err(a, err, CARINA_ERR_LIMIT, "too many rows of output");
    const CarinaShape y = ca_shape(4, (const int64_t[]){1, 1, rows, 7});
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

typedef struct {
    double score;
    int64_t label, prior;
} Hit;

typedef struct {
    CaRefArgs *r;
    const Attrs *at;
    Sizes z;
    double *boxes;  /* of one image: locations x priors x 4 */
    double *scores; /* of one image: classes x priors */
    Hit *hits;      /* classes x priors at most */
    int64_t n_hits;
    int64_t row, n_rows;
} Work;

static void decode(const Attrs *at, const double prior[4], const double var[4],
                   const double *d, double out[4])
{
    const double w = prior[2] - prior[0], h = prior[3] - prior[1];
    if (at->code_type == CODE_CORNER) {
        for (int k = 0; k < 4; k++)
            out[k] = prior[k] + var[k] * d[k];
        return;
    }
    const double cx = var[0] * d[0] * w + (prior[0] + prior[2]) / 2;
    const double cy = var[1] * d[1] * h + (prior[1] + prior[3]) / 2;
    const double ow = exp(var[2] * d[2]) * w, oh = exp(var[3] * d[3]) * h;
    out[0] = cx - ow / 2;
    out[1] = cy - oh / 2;
    out[2] = cx + ow / 2;
    out[3] = cy + oh / 2;
}

static void decode_image(Work *w, int64_t image)
{
    const Attrs *at = w->at;
    const CaRefTensor *p = &w->r->in[2];
    const int each = at->normalized ? 4 : 5;
    const int64_t row = p->shape.dims[2];
    const double *priors =
        p->real + (p->shape.dims[0] == 1 ? 0 : image) * p->shape.dims[1] * row;
    const int64_t per_image = w->z.priors * w->z.locations * 4;
    for (int64_t i = 0; i < w->z.priors; i++)
        for (int64_t l = 0; l < w->z.locations; l++) {
            const double *own = priors + i * each + each - 4;
            const int64_t at_box = image * per_image + (i * w->z.locations + l) * 4;
            double prior[4], var[4] = {1, 1, 1, 1},
                             *box = w->boxes + (l * w->z.priors + i) * 4;
            for (int k = 0; k < 4; k++) {
                prior[k] = own[k];
                if (!at->normalized)
                    prior[k] /= (double)(k % 2 ? at->input_height : at->input_width);
                if (!at->variance_encoded_in_target)
                    var[k] = priors[row + i * 4 + k];
            }
            if (ca_ref_has(w->r, 4)) {
                double refined[4];
                decode(at, prior, var, w->r->in[4].real + at_box, refined);
                for (int k = 0; k < 4; k++)
                    prior[k] = refined[k];
            }
            decode(at, prior, var, w->r->in[0].real + at_box, box);
            for (int k = 0; k < 4 && at->clip_before_nms; k++)
                box[k] = fmin(fmax(box[k], 0), 1);
        }
}

static void score_image(Work *w, int64_t image)
{
    const int64_t n = w->z.priors, classes = w->z.classes;
    for (int64_t i = 0; i < n; i++) {
        const bool silent =
            ca_ref_has(w->r, 3) &&
            w->r->in[3].real[(image * n + i) * 2 + 1] < w->at->objectness_score;
        for (int64_t c = 0; c < classes; c++)
            w->scores[c * n + i] = silent
                                       ? c == w->at->background_label_id
                                       : w->r->in[1].real[(image * n + i) * classes + c];
    }
}

static const double *box_of(const Work *w, const Hit *h)
{
    return w->boxes +
           ((w->at->share_location ? 0 : h->label) * w->z.priors + h->prior) * 4;
}

static double overlap(const double *a, const double *b)
{
    const double area_a = (a[2] - a[0]) * (a[3] - a[1]);
    const double area_b = (b[2] - b[0]) * (b[3] - b[1]);
    const double w = fmin(a[2], b[2]) - fmax(a[0], b[0]);
    const double h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    if (!(a[2] > a[0] && a[3] > a[1] && b[2] > b[0] && b[3] > b[1] && w > 0 && h > 0))
        return 0;
    return w * h / (area_a + area_b - w * h);
}

static int by_score(const void *pa, const void *pb)
{
    const Hit *a = (const Hit *)pa, *b = (const Hit *)pb;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->prior != b->prior)
        return a->prior < b->prior ? -1 : 1;
    return (a->label > b->label) - (a->label < b->label);
}

static int by_label(const void *pa, const void *pb)
{
    const Hit *a = (const Hit *)pa, *b = (const Hit *)pb;
    if (a->label != b->label)
        return a->label < b->label ? -1 : 1;
    return by_score(pa, pb);
}

/* Sorts candidates [from, n_hits), cuts them to top_k and drops those that overlap a better one of their class. */
static void suppress(Work *w, int64_t from)
{
    int64_t n = w->n_hits - from, kept = 0;
    Hit *h = w->hits + from;
    if (n)
        ca_sort(h, (size_t)n, sizeof *h, by_score);
    if (w->at->top_k > -1 && n > w->at->top_k)
        n = w->at->top_k;
    for (int64_t i = 0; i < n; i++) {
        bool keep = true;
        for (int64_t k = 0; k < kept && keep; k++)
            keep = h[k].label != h[i].label ||
                   !(overlap(box_of(w, &h[k]), box_of(w, &h[i])) > w->at->nms_threshold);
        if (keep)
            h[kept++] = h[i];
    }
    w->n_hits = from + kept;
}

static void find_each_class(Work *w)
{
    for (int64_t c = 0; c < w->z.classes; c++) {
        const int64_t from = w->n_hits;
        if (c == w->at->background_label_id)
            continue;
        for (int64_t i = 0; i < w->z.priors; i++) {
            const double score = w->scores[c * w->z.priors + i];
            if (score > w->at->confidence_threshold)
                w->hits[w->n_hits++] = (Hit){score, c, i};
        }
        suppress(w, from);
    }
}

static void find_best_class(Work *w)
{
    for (int64_t i = 0; i < w->z.priors && w->z.classes > 1; i++) {
        Hit best = {w->scores[w->z.priors + i], 1, i};
        for (int64_t c = 2; c < w->z.classes; c++)
            if (w->scores[c * w->z.priors + i] > best.score)
                best = (Hit){w->scores[c * w->z.priors + i], c, i};
        if (best.score >= w->at->confidence_threshold)
            w->hits[w->n_hits++] = best;
    }
    suppress(w, 0);
}

static void write(Work *w, int64_t image)
{
    const int64_t keep = w->at->keep_top_k.v[0];
    if (keep > -1 && w->n_hits > keep) {
        ca_sort(w->hits, (size_t)w->n_hits, sizeof *w->hits, by_score);
        w->n_hits = keep;
    }
    if (w->n_hits)
        ca_sort(w->hits, (size_t)w->n_hits, sizeof *w->hits, by_label);
    for (int64_t i = 0; i < w->n_hits && w->row < w->n_rows; i++) {
        const Hit *h = &w->hits[i];
        const double *box = box_of(w, h);
        double *y = w->r->out[0].real + 7 * w->row++;
        y[0] = (double)image;
        y[1] = (double)(h->label - w->at->decrease_label_id);
        y[2] = h->score;
        for (int k = 0; k < 4; k++)
            y[3 + k] = w->at->clip_after_nms ? fmin(fmax(box[k], 0), 1) : box[k];
    }
}

static void ref(CaRefArgs *r)
{
    Work w = {.r = r, .at = (const Attrs *)r->attrs, .n_rows = r->out[0].shape.dims[2]};
    CarinaShape s[5];
    for (int i = 0; i < 5; i++)
        s[i] = ca_ref_has(r, i) ? r->in[i].shape : ca_shape_unknown();
    r->problem = measure(&w.z, w.at, s);
    if (r->problem)
        return;
    w.z.classes = w.z.priors ? w.z.classes : 0;
    w.z.locations = w.at->share_location ? 1 : w.z.classes;
    const int64_t n = w.z.classes * w.z.priors;
    w.boxes = ca_ref_doubles(r, w.z.priors * w.z.locations * 4);
    w.scores = ca_ref_doubles(r, n);
    w.hits = (Hit *)ca_arena_array(r->arena, (size_t)n, sizeof *w.hits);
    if (!w.boxes || !w.scores || !w.hits) {
        r->problem = "out of memory for work space";
        return;
    }
    for (int64_t i = 0; i < r->out[0].n; i++)
        r->out[0].real[i] = 0;
    for (int64_t image = 0; image < w.z.images; image++) {
        w.n_hits = 0;
        decode_image(&w, image);
        score_image(&w, image);
        if (w.at->decrease_label_id)
            find_best_class(&w);
        else
            find_each_class(&w);
        write(&w, image);
    }
    if (w.row < w.n_rows)
        r->out[0].real[7 * w.row] = -1;
}

static size_t work(const CarinaNode *node)
{
    const int64_t boxes = ca_node_dim(node, 0, 1), scores = ca_node_dim(node, 1, 1);
    const size_t total = ca_work_array(0, boxes, sizeof(double));
    return ca_work_array(ca_work_array(total, scores, sizeof(double)), scores,
                         sizeof(Hit));
}

const CaOp ca_op_detection_output = {
    .name = "DetectionOutput",
    .opset = 1,
    .summary = "decodes, suppresses and keeps SSD's boxes",
    .arity = {3, 5, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs1,
    .infer = infer,
    .ref = ref,
    .work = work,
};

const CaOp ca_op_detection_output_8 = {
    .name = "DetectionOutput",
    .opset = 8,
    .summary =
        "decodes, suppresses and keeps SSD's boxes; classes follow from the shapes",
    .arity = {3, 5, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs8,
    .infer = infer,
    .ref = ref,
    .work = work,
};

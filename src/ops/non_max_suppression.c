/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NonMaxSuppression: the best boxes of each class, without those that overlap a better one too much. OpenVINO
 * opset1 (indices only), opset3 (their type), opset5 and opset9 (scores, count, soft suppression).
 *
 * A box takes part where its score is above the threshold, best first, the lower index first among equals; it is
 * suppressed where its overlap with a chosen one is above iou_threshold (equal stays). With soft_nms_sigma > 0 each
 * choice multiplies the other scores by exp(-0.5 iou^2 / sigma) instead. Outputs have room for every possible
 * choice; unused rows hold -1 and the count says how many are used.
 */
#include "ops/check.h"

#include "base/sort.h"

#include <math.h>

enum { CORNER, CENTER };
static const char *const encodings[] = {"corner", "center", NULL};

typedef struct {
    int32_t box_encoding;
    bool sort_result_descending;
    CarinaType output_type;
} Attrs;

static const CarinaAttr attrs1[] = {
    CA_ATTR_ENUM(Attrs, box_encoding, encodings, CA_DEFAULT("corner")),
    CA_ATTR_BOOL(Attrs, sort_result_descending, CA_DEFAULT("true")),
    CA_ATTRS_END,
};
static const CarinaAttr attrs3[] = {
    CA_ATTR_ENUM(Attrs, box_encoding, encodings, CA_DEFAULT("corner")),
    CA_ATTR_BOOL(Attrs, sort_result_descending, CA_DEFAULT("true")),
    CA_ATTR_TYPE(Attrs, output_type, CA_DEFAULT("i64")),
    CA_ATTRS_END,
};

/* Rows: batches * classes * the most boxes a class may keep; dynamic where unknown. */
static CarinaStatus rows_of(const CaInferArgs *a, int64_t *rows, CarinaError *err)
{
    const CarinaShape b = ca_in_shape(a, 0), s = ca_in_shape(a, 1);
    int64_t batches = ca_dim(&b, 0), boxes = ca_dim(&b, 1), most = boxes, v;
    int n;
    if (!ca_dim_meet(&batches, ca_dim(&s, 0)) || !ca_dim_meet(&boxes, ca_dim(&s, 2)) ||
        (b.rank == 3 && b.dims[2] >= 0 && b.dims[2] != 4)) {
        char tb[CA_SHAPE_TEXT], ts[CA_SHAPE_TEXT];
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE,
            "boxes %s and scores %s do not fit; give [N, B, 4] and [N, C, B]",
            ca_shape_text(tb, sizeof tb, &b), ca_shape_text(ts, sizeof ts, &s));
    }
    most = boxes;
    if (!ca_node_input(a->node, 2))
        most = 0;
    else if (ca_in_ints(a, 2, &v, 1, &n) && n == 1)
        most = v < 0                     ? 0
               : boxes >= 0 && v > boxes ? boxes
               : boxes < 0               ? CARINA_DYNAMIC
                                         : v;
    if (!ca_dim_times(rows, batches, ca_dim(&s, 1)) || !ca_dim_times(rows, *rows, most))
        return ca_infer_err(a, err, CARINA_ERR_LIMIT, "too many boxes and classes");
    return CARINA_OK;
}

static CarinaStatus infer_rows(const CaInferArgs *a, int64_t *rows, CarinaError *err)
{
    CA_TRY(ca_check_real(a, 0, 2, err));
    CA_TRY(ca_check_rank(a, 0, 3, 3, err));
    CA_TRY(ca_check_rank(a, 1, 3, 3, err));
    if (ca_node_input(a->node, 2))
        CA_TRY(ca_check_whole(a, 2, err));
    for (int i = 3; i < 6; i++)
        if (ca_node_input(a->node, i))
            CA_TRY(ca_check_real(a, i, 1, err));
    for (int i = 2; i < 6; i++) {
        const CarinaShape s = ca_in_shape(a, i);
        int64_t n;
        if (ca_shape_is_static(&s) && ca_shape_count(&s, &n) && n != 1)
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "input %d has %lld numbers; give one", i, (long long)n);
    }
    return rows_of(a, rows, err);
}

static CarinaStatus infer1(const CaInferArgs *a, CarinaError *err)
{
    int64_t rows;
    CA_TRY(infer_rows(a, &rows, err));
    const CarinaShape y = ca_shape(2, (const int64_t[]){rows, 3});
    ca_out(a, 0, CARINA_I64, &y);
    return CARINA_OK;
}

static CarinaStatus check_type(const CaInferArgs *a, CarinaError *err)
{
    const CarinaType type = ((const Attrs *)a->attrs)->output_type;
    if (type == CARINA_I64 || type == CARINA_I32)
        return CARINA_OK;
    return ca_infer_err(a, err, CARINA_ERR_TYPE, "output_type is %s; give i32 or i64",
                        carina_type_name(type));
}

static CarinaStatus infer3(const CaInferArgs *a, CarinaError *err)
{
    int64_t rows;
    CA_TRY(check_type(a, err));
    CA_TRY(infer_rows(a, &rows, err));
    const CarinaShape y = ca_shape(2, (const int64_t[]){rows, 3});
    ca_out(a, 0, ((const Attrs *)a->attrs)->output_type, &y);
    return CARINA_OK;
}

static CarinaStatus infer5(const CaInferArgs *a, CarinaError *err)
{
    int64_t rows;
    CA_TRY(check_type(a, err));
    CA_TRY(infer_rows(a, &rows, err));
    const CarinaType type = ((const Attrs *)a->attrs)->output_type;
    const CarinaShape y = ca_shape(2, (const int64_t[]){rows, 3});
    const CarinaShape one = ca_shape(1, (const int64_t[]){1});
    ca_out(a, 0, type, &y);
    ca_out(a, 1, ca_in_type(a, 1), &y);
    ca_out(a, 2, type, &one);
    return CARINA_OK;
}

typedef struct {
    double score;
    int64_t batch, cls, box;
} Choice;

typedef struct {
    int64_t most;
    double iou, score, sigma;
    bool is_center;
} Rule;

static void corners(const double *b, bool is_center, double c[4])
{
    if (is_center) {
        c[0] = b[1] - b[3] / 2, c[1] = b[0] - b[2] / 2;
        c[2] = b[1] + b[3] / 2, c[3] = b[0] + b[2] / 2;
        return;
    }
    c[0] = fmin(b[0], b[2]), c[1] = fmin(b[1], b[3]);
    c[2] = fmax(b[0], b[2]), c[3] = fmax(b[1], b[3]);
}

static double overlap(const double *a, const double *b, bool is_center)
{
    double p[4], q[4];
    corners(a, is_center, p);
    corners(b, is_center, q);
    const double area_p = (p[2] - p[0]) * (p[3] - p[1]);
    const double area_q = (q[2] - q[0]) * (q[3] - q[1]);
    const double h = fmin(p[2], q[2]) - fmax(p[0], q[0]);
    const double w = fmin(p[3], q[3]) - fmax(p[1], q[1]);
    if (!(area_p > 0 && area_q > 0 && h > 0 && w > 0))
        return 0;
    return h * w / (area_p + area_q - h * w);
}

/* Chooses among n boxes of one class; live holds scores, dead ones are -infinity. Returns how many. */
static int64_t choose(const Rule *rule, const double *boxes, double *live, int64_t n,
                      Choice *out)
{
    int64_t chosen = 0;
    for (int64_t i = 0; i < n; i++)
        if (!(live[i] > rule->score))
            live[i] = -INFINITY;
    while (chosen < rule->most) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++)
            if (live[i] > (best < 0 ? -INFINITY : live[best]))
                best = i;
        if (best < 0)
            break;
        out[chosen++] = (Choice){live[best], 0, 0, best};
        live[best] = -INFINITY;
        for (int64_t i = 0; i < n; i++) {
            if (live[i] == -INFINITY)
                continue;
            const double iou = overlap(boxes + 4 * best, boxes + 4 * i, rule->is_center);
            if (rule->sigma > 0)
                live[i] *= exp(-0.5 * iou * iou / rule->sigma);
            else if (iou > rule->iou)
                live[i] = -INFINITY;
            if (!(live[i] > rule->score))
                live[i] = -INFINITY;
        }
    }
    return chosen;
}

static int by_score(const void *pa, const void *pb)
{
    const Choice *a = (const Choice *)pa, *b = (const Choice *)pb;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->batch != b->batch)
        return a->batch < b->batch ? -1 : 1;
    if (a->cls != b->cls)
        return a->cls < b->cls ? -1 : 1;
    return (a->box > b->box) - (a->box < b->box);
}

static Rule rule_of(const CaRefArgs *r, int64_t boxes)
{
    Rule rule = {0, 0, 0, 0, ((const Attrs *)r->attrs)->box_encoding == CENTER};
    if (ca_ref_has(r, 2) && r->in[2].n == 1)
        rule.most = r->in[2].whole[0];
    rule.most = rule.most < 0 ? 0 : rule.most > boxes ? boxes : rule.most;
    if (ca_ref_has(r, 3) && r->in[3].n == 1)
        rule.iou = r->in[3].real[0];
    if (ca_ref_has(r, 4) && r->in[4].n == 1)
        rule.score = r->in[4].real[0];
    if (ca_ref_has(r, 5) && r->in[5].n == 1)
        rule.sigma = r->in[5].real[0];
    return rule;
}

static void write(CaRefArgs *r, const Choice *c, int64_t n, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++) {
        int64_t *index = r->out[0].whole + 3 * i;
        index[0] = i < n ? c[i].batch : -1;
        index[1] = i < n ? c[i].cls : -1;
        index[2] = i < n ? c[i].box : -1;
        if (r->n_out > 1) {
            double *score = r->out[1].real + 3 * i;
            score[0] = (double)index[0];
            score[1] = (double)index[1];
            score[2] = i < n ? c[i].score : -1;
        }
    }
    if (r->n_out > 2)
        r->out[2].whole[0] = n;
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *s = &r->in[1].shape;
    const int64_t batches = s->dims[0], classes = s->dims[1], boxes = s->dims[2];
    const int64_t rows = r->out[0].shape.dims[0];
    const Rule rule = rule_of(r, boxes);
    if (rows < batches * classes * rule.most) {
        r->problem =
            "max_output_boxes_per_class is larger than when the shapes were computed";
        return;
    }
    Choice *c = (Choice *)ca_arena_array(r->arena, (size_t)rows, sizeof *c);
    double *live = ca_ref_doubles(r, boxes);
    if (!c || !live) {
        r->problem = "out of memory for work space";
        return;
    }
    int64_t n = 0;
    for (int64_t b = 0; b < batches; b++)
        for (int64_t k = 0; k < classes; k++) {
            for (int64_t i = 0; i < boxes; i++)
                live[i] = r->in[1].real[(b * classes + k) * boxes + i];
            const int64_t more =
                choose(&rule, r->in[0].real + b * boxes * 4, live, boxes, c + n);
            for (int64_t i = n; i < n + more; i++) {
                c[i].batch = b;
                c[i].cls = k;
            }
            n += more;
        }
    if (((const Attrs *)r->attrs)->sort_result_descending && n)
        ca_sort(c, (size_t)n, sizeof *c, by_score);
    write(r, c, n, rows);
}

static size_t work(const CarinaNode *node)
{
    const size_t rows = ca_work_array(0, node->outputs[0].shape.dims[0], sizeof(Choice));
    return ca_work_array(rows, ca_node_dim(node, 1, 2), sizeof(double));
}

const CaOp ca_op_non_max_suppression = {
    .name = "NonMaxSuppression",
    .opset = 1,
    .summary = "the best boxes of each class that do not overlap",
    .arity = {2, 5, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs1,
    .infer = infer1,
    .ref = ref,
    .work = work,
};

const CaOp ca_op_non_max_suppression_3 = {
    .name = "NonMaxSuppression",
    .opset = 3,
    .summary = "the best boxes of each class that do not overlap",
    .arity = {2, 5, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs3,
    .infer = infer3,
    .ref = ref,
    .work = work,
};

const CaOp ca_op_non_max_suppression_5 = {
    .name = "NonMaxSuppression",
    .opset = 5,
    .summary = "the best boxes of each class that do not overlap, hard or soft",
    .arity = {2, 6, 3},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs3,
    .infer = infer5,
    .ref = ref,
    .work = work,
};

const CaOp ca_op_non_max_suppression_9 = {
    .name = "NonMaxSuppression",
    .opset = 9,
    .summary = "the best boxes of each class that do not overlap, hard or soft",
    .arity = {2, 6, 3},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs3,
    .infer = infer5,
    .ref = ref,
    .work = work,
};

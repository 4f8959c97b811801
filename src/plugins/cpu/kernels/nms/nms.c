/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Choosing from a list that shrinks in place and keeps its order.
 */
#include "nms.h"

#include "base/sort.h"

#include <math.h>

static void set_corners(double c[4], const float *b, bool is_center)
{
    const double v[4] = {(double)b[0], (double)b[1], (double)b[2], (double)b[3]};
    c[0] = is_center ? v[1] - v[3] / 2 : fmin(v[0], v[2]);
    c[1] = is_center ? v[0] - v[2] / 2 : fmin(v[1], v[3]);
    c[2] = is_center ? v[1] + v[3] / 2 : fmax(v[0], v[2]);
    c[3] = is_center ? v[0] + v[2] / 2 : fmax(v[1], v[3]);
}

static double overlap(const double p[4], const double q[4])
{
    const double area_p = (p[2] - p[0]) * (p[3] - p[1]);
    const double area_q = (q[2] - q[0]) * (q[3] - q[1]);
    const double h = fmin(p[2], q[2]) - fmax(p[0], q[0]);
    const double w = fmin(p[3], q[3]) - fmax(p[1], q[1]);
    if (!(area_p > 0 && area_q > 0 && h > 0 && w > 0))
        return 0;
    return h * w / (area_p + area_q - h * w);
}

static int64_t list(const CaNmsRule *rule, CaNmsBox *left, const float *boxes,
                    const float *scores, int64_t n)
{
    int64_t n_left = 0;
    for (int64_t i = 0; i < n; i++)
        if ((double)scores[i] > rule->score) {
            left[n_left].score = (double)scores[i];
            left[n_left].index = i;
            set_corners(left[n_left++].corners, boxes + 4 * i, rule->is_center);
        }
    return n_left;
}

/* What the chosen box leaves of the list; the box itself goes too. */
static int64_t suppress(const CaNmsRule *rule, CaNmsBox *left, int64_t n, int64_t chosen)
{
    const CaNmsBox best = left[chosen];
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        const double iou = overlap(best.corners, left[i].corners);
        double score = left[i].score;
        if (rule->sigma > 0)
            score *= exp(-0.5 * iou * iou / rule->sigma);
        if (i == chosen || (!(rule->sigma > 0) && iou > rule->iou) ||
            !(score > rule->score))
            continue;
        left[kept] = left[i];
        left[kept++].score = score;
    }
    return kept;
}

int64_t ca_nms_choose(const CaNmsRule *rule, CaNmsChoice *out, const float *boxes,
                      const float *scores, int64_t n, CaNmsBox *work)
{
    int64_t n_left = list(rule, work, boxes, scores, n), n_chosen = 0;
    while (n_left > 0 && n_chosen < rule->most) {
        int64_t best = 0;
        for (int64_t i = 1; i < n_left; i++)
            if (work[i].score > work[best].score)
                best = i;
        out[n_chosen++] =
            (CaNmsChoice){.score = work[best].score, .box = work[best].index};
        n_left = suppress(rule, work, n_left, best);
    }
    return n_chosen;
}

static int by_score(const void *pa, const void *pb)
{
    const CaNmsChoice *a = pa, *b = pb;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->batch != b->batch)
        return a->batch < b->batch ? -1 : 1;
    if (a->cls != b->cls)
        return a->cls < b->cls ? -1 : 1;
    return (a->box > b->box) - (a->box < b->box);
}

void ca_nms_sort(CaNmsChoice *choices, int64_t n)
{
    ca_sort(choices, (size_t)n, sizeof *choices, by_score);
}

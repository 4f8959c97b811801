/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The best boxes of one class that do not overlap a better one too much.
 */
#ifndef CA_CPU_NMS_H
#define CA_CPU_NMS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct CaNmsRule {
    int64_t most; /* boxes of a class */
    double iou, score,
        sigma;      /* sigma above 0: scores fade instead of boxes being dropped */
    bool is_center; /* boxes are [x, y, width, height], else two corners [y, x, y, x] */
} CaNmsRule;

typedef struct CaNmsChoice {
    double score;
    int64_t batch, cls, box;
} CaNmsChoice;

/* A box that is left: work space, one for each box. */
typedef struct CaNmsBox {
    double score, corners[4];
    int64_t index;
} CaNmsBox;

/* The choices among n boxes [n, 4], best first, the lower index first among equals; at most rule->most. batch and cls
 * are left to the caller. Returns how many. */
int64_t ca_nms_choose(const CaNmsRule *rule, CaNmsChoice *out, const float *boxes,
                      const float *scores, int64_t n, CaNmsBox *work);

/* By falling score, then batch, class and box. */
void ca_nms_sort(CaNmsChoice *choices, int64_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What evaluate.c measures and report.c shows. */
#ifndef EVALUATE_H
#define EVALUATE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EVALUATE_FINDINGS 5

extern const char *const evaluate_findings[EVALUATE_FINDINGS];

/* The area under a ROC curve with its 95 % interval (DeLong 1988). */
typedef struct {
    double area, low, high;
    long positives, negatives;
} Area;

typedef struct {
    char file[64];
    uint8_t set; /* true findings, one bit each */
} Label;

typedef struct {
    long n;
    const Label *labels;
    const float *scores; /* [n, EVALUATE_FINDINGS] */
    Area areas[EVALUATE_FINDINGS];
} Series;

typedef struct {
    const char *images; /* folder of the shown images; their labels are in shown */
    const char *bench;  /* carina benchmark -json; NULL: none */
    const char *command, *version;
    Series test, shown;
} Report;

/* Indices of the series, highest score of a finding first; the caller frees. */
long *evaluate_order(const Series *s, int finding);

/* Writes the page. 0, or 1 after saying on stderr what was wrong. */
int report_write(const char *path, const Report *r);

/* What the page carries with it. */
extern const char page_style[], page_script[];

#endif

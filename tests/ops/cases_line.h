/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a .cases file:
 *
 *   name(2x3:f32, 2:i64{1,-1}, :f32{.5}, alpha=0.5, list="1,1") -> 2x3, 2:i64{0,1}
 *   name(2x3:f32, alpha=nan) -> error "words that occur"
 */
#ifndef TESTS_CASES_LINE_H
#define TESTS_CASES_LINE_H

#include "graph/graph.h"

enum { CASE_MAX_IN = 32, CASE_MAX_OUT = 32, CASE_MAX_ATTRS = 32 };

typedef struct CaseTensor {
    CarinaType type; /* CARINA_UNKNOWN: not said */
    CarinaShape shape;
    CarinaTensor *values; /* NULL: none written */
} CaseTensor;

typedef struct CaseLine {
    char name[64];
    int n_in, n_out, n_attrs;
    CaseTensor in[CASE_MAX_IN], out[CASE_MAX_OUT];
    const char *attr[CASE_MAX_ATTRS], *text[CASE_MAX_ATTRS]; /* lie in the line */
    const char *error; /* NULL: the line must work */
} CaseLine;

/* Cuts line up. False with a sentence in problem where it is not of that form. */
bool case_line_parse(CaseLine *c, char *line, const char **problem);
void case_line_free(CaseLine *c);

#endif

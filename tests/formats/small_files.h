/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the readers do with the small files of a format.
 */
#ifndef SMALL_FILES_H
#define SMALL_FILES_H

#include "base/text.h"
#include "graph/graph.h"

/* Reads the file that a table names; *out is NULL on failure. */
typedef CarinaStatus SmallRead(CaGraph **out, const char *name, CarinaError *err);

/* "Convolution Loop { Add } -> [1, 3, 3, 7]": the operators that compute, those of their bodies, and the outputs' shapes.
 */
void small_file_summary(CaText *text, const CaGraph *g);
/* {file, its summary}. Ends at the first that differs. */
void small_files_become(SmallRead *read, const char *const (*files)[2], size_t n);
/* {file, what is said of it}; the folder, with a slash, is left out of what is said. */
void small_files_are_answered(SmallRead *read, const char *folder,
                              const char *const (*sentences)[2], size_t n);
/* Are the tensor's n numbers these, within so many half ulps of the largest, or of 1 where all are smaller? */
bool small_numbers_are(const CarinaTensor *t, const double *want, int n, int half_ulps);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model's classes are called.
 */
#ifndef CARINA_NAMING_H
#define CARINA_NAMING_H

#include "cli.h"
#include "options.h"

/* Those of the file, if one is given; else the model's own; else those beside it: STEM.labels, as OpenVINO's samples
 * have it, and synset.txt beside an MXNet model. None: no labels. False: said why on stderr. */
bool find_labels(List *labels, const CarinaModel *model, const char *path,
                 const char *file);
/* The model gets them, if there are any. */
bool keep_labels(CarinaModel *model, const List *labels);
/* "3: cat | dog | bird", cut where it becomes long; to be freed. */
char *labels_text(const char *labels);

#endif

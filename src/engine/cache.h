/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program cache: one file for each model, set of shapes, options, device and processor. What is in it is the
 * plugin's business; its name is a hash of all that the program depends on.
 */
#ifndef CA_ENGINE_CACHE_H
#define CA_ENGINE_CACHE_H

#include "engine/compiled.h"

/* folder, made where it is not there, to out. */
CarinaStatus ca_cache_open(char *out, size_t room, const char *folder, CarinaError *err);
/* The file for this graph, whether or not it is there; empty where the graph has no name of its own (bodies).
 * Constants in mapped files count as the file they are in, others by content. */
void ca_cache_file(char *out, size_t room, const CarinaCompiled *exe, const CaGraph *g);
/* The file was just read or written: it becomes the newest, and the oldest go while all are more than 8 GiB. */
void ca_cache_used(const char *folder, const char *file);
/* The file of the device's answers of tuning, in the cache's folder or the user's; empty: there is no place. */
void ca_cache_tuned(char *out, size_t room, const CarinaCompiled *exe);

#endif

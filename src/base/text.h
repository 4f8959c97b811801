/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text: numbers read strictly and printed the same in every locale, lists, near names.
 */
#ifndef CA_BASE_TEXT_H
#define CA_BASE_TEXT_H

#include "base/memory.h"

/* The whole of text [0, n) must be the number, blanks around it aside. */
bool ca_text_int(int64_t *out, const char *text, size_t n);
bool ca_text_real(double *out, const char *text, size_t n);
bool ca_text_equal(const char *a, const char *b); /* both may be NULL */
bool ca_text_equal_nocase(const char *a, const char *b);
/* Is name one of the comma-separated list? NULL list: no. */
bool ca_text_in_list(const char *list, const char *name);
/* Next item of a separated list: sets *item, *n (blanks trimmed) and returns where to go on, or NULL at the end. */
const char *ca_text_item(const char *list, char separator, const char **item, size_t *n);
/* Edit distance, bounded by 99: for "did you mean". */
int ca_text_distance(const char *a, const char *b);

/* A growing string with a maximum. */
typedef struct CaText {
    char *data; /* never NULL once something was added; ends with 0 */
    size_t size, room, limit;
    bool failed; /* out of memory or past the limit: contents cut there */
} CaText;
void ca_text_add(CaText *t, const char *format, ...) CA_PRINTF(2, 3);
void ca_text_add_n(CaText *t, const char *data, size_t n);
void ca_text_free(CaText *t);

/* Deterministic 64-bit hash (FNV-1a). */
uint64_t ca_hash(const void *data, size_t size, uint64_t seed);
/* Another one, for large data: at the speed of memory. */
uint64_t ca_hash_data(const void *data, size_t size, uint64_t seed);

#endif

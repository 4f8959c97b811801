/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FlexBuffers: the map of numbers that custom operators keep their options in.
 */
#ifndef CA_FORMATS_TFLITE_FLEX_H
#define CA_FORMATS_TFLITE_FLEX_H

#include <stdbool.h>
#include <stddef.h>

typedef struct CaFlex {
    const unsigned char *data;
    size_t size;
    size_t at;    /* of the map's first element; 0: no map */
    size_t n;     /* elements */
    size_t width; /* bytes of an element */
} CaFlex;

/* The map that these bytes hold; anything else is a map without elements. */
CaFlex ca_flex_map(const unsigned char *data, size_t size);
/* A number or boolean of the map; absent where there is none. */
double ca_flex_number(const CaFlex *map, const char *key, double absent);
bool ca_flex_has(const CaFlex *map, const char *key);
/* A text of n bytes, without an end; NULL where it is none. */
const char *ca_flex_text(const CaFlex *map, const char *key, size_t *n);
/* Numbers of a typed vector: how many, -1 where it is none or has more than max. */
int ca_flex_list(const CaFlex *map, const char *key, double *out, int max);

#endif

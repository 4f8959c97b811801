/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators of a file that are not the reader's own: an extension has them, or another model stands for them. Asked for
 * first, so that a user's operator wins over one of the tables.
 */
#ifndef CA_FORMATS_CUSTOM_CALL_H
#define CA_FORMATS_CUSTOM_CALL_H

#include "formats/build.h"

/* An attribute as the file has it. */
typedef enum CaCustomKind {
    CA_CUSTOM_ABSENT = 0,
    CA_CUSTOM_INT, /* booleans too; an element type as a CarinaType */
    CA_CUSTOM_REAL,
    CA_CUSTOM_TEXT, /* as IR spells the value */
    CA_CUSTOM_INTS, /* shapes too */
    CA_CUSTOM_REALS,
    CA_CUSTOM_OTHER /* nothing that an attribute can hold */
} CaCustomKind;
typedef struct CaCustomValue {
    CaCustomKind kind;
    int64_t whole;
    double real;
    const char *text;
    int n;
    const int64_t *ints;
    const double *reals;
} CaCustomValue;
/* The attribute of that name; wanted: what it is to be. */
typedef CaCustomValue CaCustomAttrFn(void *arg, const char *name, CarinaAttrKind wanted);

typedef struct CaCustomCall {
    CarinaFormat format;
    const char *domain, *type; /* of the operator, as the file calls it */
    CaValue *const *in;        /* inputs, then weights */
    int n_in;
    int n_weights; /* of these */
    int n_out; /* that the file wants at least; where the operator has any number, that many */
    CaCustomAttrFn *attr;
    void *arg;
    CaValue **out; /* is made, of n_made */
    int n_made;
} CaCustomCall;

bool ca_custom_is(const CaBuild *b, CarinaFormat format, const char *domain,
                  const char *type);
void ca_custom_call(CaBuild *b, CaCustomCall *c);

#endif

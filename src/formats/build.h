/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the readers' translations are written in: making nodes of the operator set.
 *
 * Translating is straight-line code: the first failure sticks (status), and everything after it does nothing and
 * yields NULL. Shapes are inferred as nodes are made, so a translation may look at them.
 */
#ifndef CA_FORMATS_BUILD_H
#define CA_FORMATS_BUILD_H

#include "graph/custom.h"

typedef struct CaBuild {
    CaGraph *graph;
    CaArena *work; /* gone when reading ends */
    const char *path;
    CarinaError *err;
    const char *noun;         /* what the format calls a node: "node", "layer" */
    const char *name, *type;  /* of the one being translated */
    const CaCustoms *customs; /* NULL: none */
    CaNode *pending;          /* made, shapes not yet inferred */
    CarinaStatus status;
} CaBuild;

/* "PATH: NOUN 'NAME' (TYPE): ..."; the first failure stays. */
CarinaStatus ca_build_fail(CaBuild *b, CarinaStatus code, const char *format, ...)
    CA_PRINTF(3, 4);
/* The status of one of the graph's own functions, which say where in the graph but not in which file. */
bool ca_build_ok(CaBuild *b, CarinaStatus status);

CaValue *ca_build_make(CaBuild *b, const char *op, CaValue *const *in, int n_in,
                       int n_out);
/* The same at an older version of the operator, which more runtimes can read. */
CaValue *ca_build_make_at(CaBuild *b, const char *op, int opset, CaValue *const *in,
                          int n_in, int n_out);
CaValue *ca_build_1(CaBuild *b, const char *op, CaValue *v);
CaValue *ca_build_2(CaBuild *b, const char *op, CaValue *v, CaValue *w);
CaValue *ca_build_3(CaBuild *b, const char *op, CaValue *v, CaValue *w, CaValue *x);
/* Attributes of the node just made; nothing where v is NULL. */
void ca_build_set_int(CaBuild *b, CaValue *v, const char *attr, int64_t x);
void ca_build_set_real(CaBuild *b, CaValue *v, const char *attr, double x);
void ca_build_set_text(CaBuild *b, CaValue *v, const char *attr, const char *x);
void ca_build_set_ints(CaBuild *b, CaValue *v, const char *attr, const int64_t *x, int n);
void ca_build_set_floats(CaBuild *b, CaValue *v, const char *attr, const float *x,
                         size_t n);

/* Infers what is pending; false once anything has failed. */
bool ca_build_settle(CaBuild *b);
CarinaShape ca_build_shape(CaBuild *b, CaValue *v);
CarinaShape ca_build_static_shape(CaBuild *b, CaValue *v); /* fails where it is not */
CarinaType ca_build_type(CaBuild *b, CaValue *v);
int ca_build_rank(CaBuild *b, CaValue *v); /* fails where unknown */
int ca_build_axis(CaBuild *b, int64_t axis, int rank);
/* Known elements as integers or reals: how many, -1 where unknown or more than max. */
int ca_build_known_ints(CaBuild *b, CaValue *v, int64_t *out, int max);
int ca_build_known_reals(CaBuild *b, CaValue *v, double *out, int max);

CaValue *ca_build_vector(CaBuild *b, const int64_t *v, int n); /* i64 */
CaValue *ca_build_scalar(CaBuild *b, int64_t v);               /* i64, rank 0 */
CaValue *ca_build_iota(CaBuild *b, int from, int n);           /* from, from + 1 ... */
CaValue *ca_build_number(CaBuild *b, CaValue *like, double v); /* rank 0; NULL: f32 */
CaValue *ca_build_reals(CaBuild *b, const CarinaShape *shape, const double *v); /* f32 */
/* A constant; the tensor is consumed. name NULL: made up. */
CaValue *ca_build_tensor(CaBuild *b, const char *name, CarinaTensor *t);

/* Dimensions of 0 are 0; a constant keeps its bytes and gets no node. */
CaValue *ca_build_reshape(CaBuild *b, CaValue *v, const int64_t *dims, int rank);
/* 0 stands for the input's dimension there. */
CaValue *ca_build_reshape_0(CaBuild *b, CaValue *v, const int64_t *dims, int rank);
/* [prod(:axis), prod(axis:)] */
CaValue *ca_build_flatten(CaBuild *b, CaValue *v, int64_t axis);
CaValue *ca_build_to_scalar(CaBuild *b, CaValue *v);
/* [C] to [1, C, 1, 1] of that rank. */
CaValue *ca_build_per_channel(CaBuild *b, CaValue *v, int axis, int rank);
/* [1, n, 1, 1] for an axis of a tensor of that rank. */
CarinaShape ca_build_along(int axis, int rank, int64_t n);
CaValue *ca_build_convert(CaBuild *b, CaValue *v, CarinaType type);
/* Times 1 and plus 0 make no node. */
CaValue *ca_build_times(CaBuild *b, CaValue *v, double factor);
CaValue *ca_build_plus(CaBuild *b, CaValue *v, double term);

/* Dimension i of the result is dimension perm[i] of v. A constant is permuted at once, and its pages of the file
 * are given back; anything else gets a Transpose, none where perm changes nothing. */
CaValue *ca_build_transpose(CaBuild *b, CaValue *v, const int *perm, int rank);
/* [N, ..., C] to [N, C, ...] and back, ranks 3 to 5; smaller ranks stay. */
CaValue *ca_build_channels_first(CaBuild *b, CaValue *v);
CaValue *ca_build_channels_last(CaBuild *b, CaValue *v);

#endif

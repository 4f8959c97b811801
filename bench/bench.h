/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bench of kernels: shapes of real networks, measured one by one beside what the machine can do.
 */
#ifndef BENCH_H
#define BENCH_H

#include "kernels/conv/conv.h"
#include "kernels/machine/machine.h"

#include <stdio.h>

typedef enum BenchKind {
    BENCH_CONV,
    BENCH_MATMUL,
    BENCH_MAX_POOL,
    BENCH_AVG_POOL
} BenchKind;

/* A line of a shape file. */
typedef struct BenchShape {
    BenchKind kind;
    int count;     /* layers of the network that have it */
    CaConvShape s; /* pooling: co = ci = groups; matmul: [n, ci] times [ci, co] */
    char name[64]; /* of the first of them */
} BenchShape;

/* Reads the file; NULL: said why. The list ends with count 0 and is to be freed. */
BenchShape *bench_read(const char *path);

typedef struct BenchResult {
    const char *kernel; /* NULL: not offered */
    double seconds;
    double flop;                /* of the definition */
    double operations;          /* of the algorithm */
    double filter_bytes, bytes; /* packed; all: input and output once too */
} BenchResult;

typedef struct BenchHow {
    uint32_t cpu;
    int runs;
    int algorithm; /* of CaConvAlgorithm, -1: the one that is chosen */
    bool exact;
    void *sweep; /* or NULL */
} BenchHow;

void bench_measure(BenchResult *r, const BenchShape *shape, CaElem elem,
                   const BenchHow *how);

#endif

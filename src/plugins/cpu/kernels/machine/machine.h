/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast this machine is, measured: what a kernel's time is compared with.
 */
#ifndef CA_CPU_MACHINE_H
#define CA_CPU_MACHINE_H

#include "../acts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CA_N_ELEMS = CA_ELEM_U8 + 1 };
typedef enum CaLevel { CA_LEVEL_L2, CA_LEVEL_L3, CA_LEVEL_MEMORY, CA_N_LEVELS } CaLevel;

/* Of one core. A multiply-add is 2 operations. */
typedef struct CaMachine {
    double flops[CA_N_ELEMS]; /* a second, by CaElem: of the kernels that cpu allows */
    const char *peak[CA_N_ELEMS]; /* which instructions: "u8_avx512vnni" */
    double read[CA_N_LEVELS];     /* bytes a second; 0: no memory to measure with */
} CaMachine;

/* The highest of several short runs, 20 to 40 ms in all; allocates 64 MiB meanwhile. cpu: CA_CPU_ flags. */
void ca_machine_measure(CaMachine *m, uint32_t cpu);
/* Where `size` bytes that are used again and again lie. */
CaLevel ca_machine_level(double size);
/* Reads a word of each line of 64 bytes. */
uint64_t ca_machine_touch(const void *data, size_t size);

/* A kernel as it runs in a network: its filter is cold, its input was just written. */
typedef struct CaTrial {
    void (*run)(void *arg);
    void *arg;
    const void *warm; /* read before each run, or NULL */
    size_t warm_size;
    void *
        sweep; /* CA_SWEEP_SIZE bytes that are read first, or NULL: all stays in the caches */
} CaTrial;
enum { CA_SWEEP_SIZE = 32 << 20 };
/* Seconds: the least of runs. */
double ca_trial(const CaTrial *t, int runs);

#endif

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

/* Of one core. A multiply-add is 2 operations. */
typedef struct CaMachine {
    double flops[CA_N_ELEMS]; /* a second, by CaElem: of the kernels that cpu allows */
    const char *peak[CA_N_ELEMS]; /* which instructions: "u8_avx512vnni" */
    double read;                  /* bytes a second from memory; 0: no memory for it */
} CaMachine;

/* The highest of several short runs, 10 to 30 ms in all; allocates 64 MiB meanwhile. cpu: CA_CPU_ flags. */
void ca_machine_measure(CaMachine *m, uint32_t cpu);

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

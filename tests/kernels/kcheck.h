/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proof of the kernels: each row of each table that this processor can run is compared with
 * the definition in double. Operands end at a guard page, so a read or write behind one is a crash;
 * a crash is caught, named and counted, and the run goes on. Results lie inside margins that
 * must not change. The seed is printed and can be given.
 */
#ifndef KCHECK_H
#define KCHECK_H

#include "base/compiler.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the processor and CARINA_CPU allow. */
uint32_t kc_cpu(void);
bool kc_is_bench(void);

/* Random numbers from the seed: [0, n), [-1, 1), [lo, hi). */
int kc_int(int n);
float kc_float(void);
float kc_uniform(float lo, float hi);

/* Memory that ends at a guard page (and starts aligned to 64 bytes where its size allows),
 * until kc_free. kc_floats is random in [-1, 1), kc_bytes random bits, kc_zeros zero. */
float *kc_floats(size_t n);
float *kc_zeros(size_t n);
void *kc_bytes(size_t size);
void kc_free(void);

/* m rows of n random floats inside a margin; `before` keeps the start values. */
typedef struct {
    float *data; /* [m, stride] */
    ptrdiff_t stride;
    int m, n;
    float *all, *before_all;
} KcGrid;
KcGrid kc_grid(int m, int n);
double kc_before(const KcGrid *g, int i, int j);
void kc_near(const KcGrid *g, int i, int j, double want, double tolerance);
void kc_margin_intact(const KcGrid *g);

/* Says what is being checked (named when it fails or crashes), then the checks themselves. */
void kc_case(const char *format, ...) CA_PRINTF(1, 2);
void kc_fail(const char *format, ...) CA_PRINTF(1, 2);
void kc_close(const char *what, size_t at, double got, double want, double tolerance);
void kc_true(bool ok, const char *what);

/* Each row of a table that this processor can run and --only names. The table's rows have `name` and
 * `needs`, its last row needs nothing. A crash in the body leaves the row and takes the next. */
#define KC_EACH_KERNEL(k, table)                                                   \
    for (__typeof__(&(table)[0]) volatile k = (table), k##_last = NULL; !k##_last; \
         k##_last = k->needs ? NULL : k, k++)                                      \
        if (kc_enter(k->name, k->needs) && !sigsetjmp(kc_jump, 1))

/* The same for a piece of work that has no table. */
#define KC_GUARDED(name, needs) if (kc_enter((name), (needs)) && !sigsetjmp(kc_jump, 1))

extern sigjmp_buf kc_jump;
bool kc_enter(const char *name, uint32_t needs);

/* With --bench: the median time of a call, and its speed beside the peak of FMA in this run. */
typedef void KcWork(void *arg);
double kc_time(KcWork *work, void *arg); /* seconds */
void kc_bench(const char *name, double flops, KcWork *work, void *arg);
double kc_fma_peak(void); /* FLOP/s of one core, measured once */

#endif

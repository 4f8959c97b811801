/* SPDX-License-Identifier: Apache-2.0 */
/* What kcheck's main needs of kcheck.c and no family does. */
#ifndef KCHECK_RUN_H
#define KCHECK_RUN_H

typedef struct {
    const char *name;
    void (*run)(void);
} KcFamily;

int kc_main(int argc, char **argv, const KcFamily *families, int n);

#endif

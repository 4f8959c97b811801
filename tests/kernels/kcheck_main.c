/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kcheck [--seed N] [--only NAME] [--bench]: runs each family of kcheck.def.
 */
#include "kcheck_run.h"

#define CA_KCHECK(family) void kcheck_##family(void);
#include "kcheck.def"
#undef CA_KCHECK

static const KcFamily families[] = {
#define CA_KCHECK(family) {#family, kcheck_##family},
#include "kcheck.def"
#undef CA_KCHECK
};

int main(int argc, char **argv)
{
    return kc_main(argc, argv, families, (int)(sizeof families / sizeof *families));
}

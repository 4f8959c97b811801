/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How errors are spoken and passed on.
 */
#ifndef CA_BASE_ERROR_H
#define CA_BASE_ERROR_H

#include "base/compiler.h"
#include <carina/base.h>

/* Writes the sentence and returns code; err may be NULL. */
CarinaStatus ca_err(CarinaError *err, CarinaStatus code, const char *format, ...)
    CA_PRINTF(3, 4);

/* Returns from the calling function with any status but CARINA_OK. Only where nothing must be released. */
#define CA_TRY(call)                            \
    do {                                        \
        const CarinaStatus ca_status_ = (call); \
        if (ca_status_ != CARINA_OK)            \
            return ca_status_;                  \
    } while (0)

#endif

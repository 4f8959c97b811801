/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error sentences and status names.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

CarinaStatus ca_err(CarinaError *err, CarinaStatus code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        if (vsnprintf(err->text, sizeof err->text, format, args) < 0)
            err->text[0] = 0;
        va_end(args);
    }
    return code;
}

const char *carina_status_name(CarinaStatus status)
{
    switch (status) {
    case CARINA_OK: return "ok";
    case CARINA_ERR_MEMORY: return "memory";
    case CARINA_ERR_ARGUMENT: return "argument";
    case CARINA_ERR_FILE: return "file";
    case CARINA_ERR_FORMAT: return "format";
    case CARINA_ERR_SHAPE: return "shape";
    case CARINA_ERR_TYPE: return "type";
    case CARINA_ERR_UNSUPPORTED: return "unsupported";
    case CARINA_ERR_NOT_FOUND: return "not found";
    case CARINA_ERR_BUSY: return "busy";
    case CARINA_ERR_TIMEOUT: return "timeout";
    case CARINA_ERR_CANCELLED: return "cancelled";
    case CARINA_ERR_LIMIT: return "limit";
    }
    return "unknown";
}

const char *carina_version(void) { return CARINA_VERSION; }

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status, error, version, context and log: what every other header needs.
 */
#ifndef CARINA_BASE_H
#define CARINA_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#    define CARINA_API __attribute__((visibility("default")))
#else
#    define CARINA_API
#endif

#define CARINA_VERSION_MAJOR 0
#define CARINA_VERSION_MINOR 1
#define CARINA_VERSION_PATCH 0

/* 0 is good, negative is bad; values are never reused. */
typedef enum CarinaStatus {
    CARINA_OK = 0,
    CARINA_ERR_MEMORY = -1,      /* out of memory */
    CARINA_ERR_ARGUMENT = -2,    /* the caller's mistake */
    CARINA_ERR_FILE = -3,        /* cannot open, read or write */
    CARINA_ERR_FORMAT = -4,      /* a damaged file, or not the format it claims */
    CARINA_ERR_SHAPE = -5,       /* shapes that do not fit */
    CARINA_ERR_TYPE = -6,        /* element types that do not fit */
    CARINA_ERR_UNSUPPORTED = -7, /* understood, and not offered */
    CARINA_ERR_NOT_FOUND = -8,   /* no such device, layer, input, plugin */
    CARINA_ERR_BUSY = -9,        /* the request is running */
    CARINA_ERR_TIMEOUT = -10,    /* not done in the time given */
    CARINA_ERR_CANCELLED = -11,  /* ended by cancel */
    CARINA_ERR_LIMIT = -12       /* a bound on size, depth or count was met */
} CarinaStatus;

/* One sentence for people: what, where in the model, and which limit. Lives with the caller; nothing to free. */
typedef struct CarinaError {
    CarinaStatus code;
    char text[508];
} CarinaError;

/* By how often a message comes: per failure, per oddity, per load, per node. */
typedef enum CarinaLogLevel {
    CARINA_LOG_ERROR = 0,
    CARINA_LOG_WARN = 1,
    CARINA_LOG_INFO = 2,
    CARINA_LOG_DEBUG = 3
} CarinaLogLevel;

/* Called from any thread, one call at a time. text has no newline and is not kept. */
typedef void CarinaLogFn(void *arg, CarinaLogLevel level, const char *text);

/* A zero value means the default. */
typedef struct CarinaContextOptions {
    size_t struct_size;
    int n_threads; /* 0: the processors this process may use */
    const char *
        cpu; /* highest instruction set, as CARINA_CPU: "avx512", "avx2", "ref"; NULL: all */
    const char *plugin_dir; /* NULL: carina-<abi> beside the library */
    CarinaLogFn *log;       /* NULL: silence */
    void *log_arg;
    CarinaLogLevel log_level;
} CarinaContextOptions;

/* All state that outlives a call: threads, plugins, log. Share one per process, or have several: they do not meet. */
typedef struct CarinaContext CarinaContext;

/* [any thread] options may be NULL. The environment's CARINA_CPU applies where options->cpu is NULL. */
CARINA_API CarinaStatus carina_context_create(CarinaContext **out,
                                              const CarinaContextOptions *options,
                                              CarinaError *err);
/* [any thread] Accepts NULL inside and outside. Everything made from the context must be gone first. */
CARINA_API void carina_context_free(CarinaContext **ctx);

/* "0.1.0" */
CARINA_API const char *carina_version(void);
/* A short name for a status, such as "shape". */
CARINA_API const char *carina_status_name(CarinaStatus status);

#ifdef __cplusplus
}
#endif
#endif

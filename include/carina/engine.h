/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices, compiled models and requests.
 */
#ifndef CARINA_ENGINE_H
#define CARINA_ENGINE_H

#include <carina/model.h>
#include <carina/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Immutable and shared: any thread. */
typedef struct CarinaCompiled CarinaCompiled;
/* Belongs to one thread at a time. */
typedef struct CarinaRequest CarinaRequest;

/* Name of device i ("CPU"), or NULL past the last. Loads the plugins on first use. */
CARINA_API const char *carina_device_name(CarinaContext *ctx, int i);
/* What the device is, in words; NULL with err where there is none. Belongs to the context. */
CARINA_API const char *carina_device_describe(CarinaContext *ctx, const char *device,
                                              CarinaError *err);

typedef enum CarinaHint {
    CARINA_HINT_LATENCY = 0,   /* all threads on one request */
    CARINA_HINT_THROUGHPUT = 1 /* several requests at once where that is faster */
} CarinaHint;

typedef enum CarinaMemory {
    CARINA_MEMORY_FAST = 0,
    CARINA_MEMORY_LOW =
        1 /* no packed filter is larger than the filter itself (no Winograd, no Strassen); one
                             stream, unless n_streams says more */
} CarinaMemory;

typedef struct CarinaCompileOptions {
    size_t struct_size;
    CarinaHint hint;
    int n_threads;         /* 0: the context's */
    int n_streams;         /* 0: by hint */
    const char *precision; /* "f32" (also NULL) */
    bool exact;            /* no Winograd, no Strassen */
    bool profile;          /* count time per step */
    /* A folder (made where there is none) for what compiling took time for, packed weights above all: the same model,
     * options and machine start from it the next time. It is kept below 8 GiB. NULL: none. */
    const char *cache_dir;
    /* Measure on this machine, while compiling, which algorithm of a convolution is fastest, instead of estimating it. Answers
     * are kept in cache_dir, or else in $XDG_CACHE_HOME/carina or ~/.cache/carina, and the same from then on. */
    bool tune;
    CarinaMemory memory;
} CarinaCompileOptions;

/* [any thread] The model is borrowed for the call and not changed. Dynamic dimensions are taken as 1 at
 * first; a request whose inputs have other shapes gets a program of its own when it starts (compiled then; the last 8
 * are kept). Programs of one context, of whatever shapes and models, share the packed weights that are the same.
 * options may be NULL. */
CARINA_API CarinaStatus carina_compile(CarinaCompiled **out, CarinaContext *ctx,
                                       const CarinaModel *model, const char *device,
                                       const CarinaCompileOptions *options,
                                       CarinaError *err);
/* The same; *model is freed, on failure too, and set to NULL. Weights that are not part of a mapped file (of formats that
 * hold them in another order, or compressed) go as they are packed, and are not held twice. */
CARINA_API CarinaStatus carina_compile_take(CarinaCompiled **out, CarinaContext *ctx,
                                            CarinaModel **model, const char *device,
                                            const CarinaCompileOptions *options,
                                            CarinaError *err);
/* Requests keep what they need: free in any order. */
CARINA_API void carina_compiled_free(CarinaCompiled **exe);
CARINA_API int carina_compiled_n_inputs(const CarinaCompiled *exe);
CARINA_API int carina_compiled_n_outputs(const CarinaCompiled *exe);
CARINA_API CarinaPort carina_compiled_input(const CarinaCompiled *exe, int i);
CARINA_API CarinaPort carina_compiled_output(const CarinaCompiled *exe, int i);
CARINA_API int carina_compiled_n_streams(const CarinaCompiled *exe);
CARINA_API int carina_compiled_n_threads(const CarinaCompiled *exe);
/* Step i of the program and its time so far over all requests (zero unless `profile`); NULL past the last. */
CARINA_API const CarinaStep *carina_compiled_step(const CarinaCompiled *exe, int i,
                                                  CarinaCounter *counter);

/* What step i cannot be faster than on the threads of one stream, from peaks that are measured when this is first called
 * (about 50 ms); out->struct_size is set by the caller. false: the device does not know. */
CARINA_API bool carina_compiled_bound(const CarinaCompiled *exe, int i, CarinaBound *out);

/* Of all its programs together; activations: of the program that needs most. out->struct_size is set by the caller.
 * false: the device does not know. */
CARINA_API bool carina_compiled_memory(CarinaCompiled *exe, CarinaMemoryUse *out);

/* [any thread] Inputs and outputs get memory of their own on first use. */
CARINA_API CarinaStatus carina_request_create(CarinaRequest **out, CarinaCompiled *exe,
                                              CarinaError *err);
/* Waits for a run in flight. */
CARINA_API void carina_request_free(CarinaRequest **req);

/* Lend the user's tensor; its type must be the model's, its shape too up to dynamic dimensions. It must live until
 * replaced or the request is freed. */
CARINA_API CarinaStatus carina_request_set_input(CarinaRequest *req, int i,
                                                 CarinaTensor *tensor, CarinaError *err);
CARINA_API CarinaStatus carina_request_set_output(CarinaRequest *req, int i,
                                                  CarinaTensor *tensor, CarinaError *err);
/* The tensor that is read or written; lent. NULL for a wrong index. Outputs may be others after a run with inputs of
 * other shapes. */
CARINA_API CarinaTensor *carina_request_input(CarinaRequest *req, int i);
CARINA_API CarinaTensor *carina_request_output(CarinaRequest *req, int i);

/* start + wait. */
CARINA_API CarinaStatus carina_request_infer(CarinaRequest *req, CarinaError *err);
/* Queue the run and return. CARINA_ERR_BUSY if it runs already. */
CARINA_API CarinaStatus carina_request_start(CarinaRequest *req, CarinaError *err);
/* timeout_ms: 0 for ever. CARINA_ERR_TIMEOUT if not done by then; else what the run gave. */
CARINA_API CarinaStatus carina_request_wait(CarinaRequest *req, int64_t timeout_ms,
                                            CarinaError *err);
/* CARINA_OK done, CARINA_ERR_BUSY queued or running, else what the last run gave. Never waits. */
CARINA_API CarinaStatus carina_request_status(CarinaRequest *req);
/* Stop at the next step. Wait then returns CARINA_ERR_CANCELLED. */
CARINA_API void carina_request_cancel(CarinaRequest *req);
/* Called on the thread that ran, before wait returns; may start the request again, must not free it. */
typedef void CarinaDoneFn(void *arg, CarinaRequest *req, CarinaStatus status);
CARINA_API void carina_request_set_callback(CarinaRequest *req, CarinaDoneFn *fn,
                                            void *arg);

#ifdef __cplusplus
}
#endif
#endif

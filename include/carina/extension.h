/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators of your own: a shared object that brings them, and the call that loads it. docs/extensions.md walks through one.
 *
 * The object includes this header, links to nothing of the library, and exports one symbol. Structs are append only.
 * What is passed to a callback is lent for that call; what an operator's table points to must stay as long as the object
 * is loaded, which is until the context is freed.
 */
#ifndef CARINA_EXTENSION_H
#define CARINA_EXTENSION_H

#include <carina/base.h>
#include <carina/plugin.h>
#include <carina/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CARINA_EXTENSION_ABI_MAJOR 1
#define CARINA_EXTENSION_ABI_MINOR 0

/* [any thread] Loads the object; models that are read from the context afterwards may have its operators. A path without
 * a slash is a file of the working directory. Refused: another ABI, a damaged table, a name that is taken. */
CARINA_API CarinaStatus carina_extension_load(CarinaContext *ctx, const char *path,
                                              CarinaError *err);

/* --- What files call the operator. In IR it is written with its name as type, which needs no row. -------- */

typedef enum CarinaFormat {
    CARINA_FORMAT_END = 0,
    CARINA_FORMAT_ONNX = 1,       /* operator and domain */
    CARINA_FORMAT_CAFFE = 2,      /* type of layer; its blobs are further inputs */
    CARINA_FORMAT_TENSORFLOW = 3, /* operator */
    CARINA_FORMAT_KERAS = 4,  /* class, without its package; weights are further inputs */
    CARINA_FORMAT_MXNET = 5,  /* operator; of Custom its op_type */
    CARINA_FORMAT_TFLITE = 6, /* code of the custom operator */
    CARINA_FORMAT_IR = 7 /* type of layer, besides the operator's own name; read only */
} CarinaFormat;

typedef struct CarinaAlias {
    CarinaFormat format; /* CARINA_FORMAT_END ends the list */
    const char *name;
    const char *domain; /* ONNX; NULL or "": that of ONNX itself */
} CarinaAlias;

/* --- One use of the operator, as its functions see it. --------------------------------------------------- */

typedef struct CarinaCall {
    size_t struct_size;
    const char *node;  /* its name in the model */
    const void *attrs; /* the struct that the table `attrs` describes, filled */
    int32_t n_inputs, n_outputs;
    const CarinaTensor *const *inputs; /* NULL: an optional one that is absent */
    CarinaTensor *const *outputs;
    void *work; /* evaluate: work_size() bytes, aligned to 16; else NULL */
    size_t work_size;
} CarinaCall;

/* --- The operator. --------------------------------------------------------------------------------------- */

typedef struct CarinaExtensionOp {
    size_t struct_size; /* sizeof(CarinaExtensionOp) as the object was compiled */
    const char *name; /* its type in IR: letters, digits and _.-; none of Carina's own */
    const char *summary;            /* a few words */
    int32_t min_inputs, max_inputs; /* max -1: any number */
    int32_t n_outputs;              /* -1: as many as the node has */
    size_t attrs_size;              /* of the attributes' struct */
    const CarinaAttr *attrs;        /* ends with CARINA_ATTR_END; NULL: none */
    const CarinaAlias *aliases;     /* NULL: none */

    /* [any thread] Sets type and shape of each output, which come without a type and with an unknown rank. Inputs have a type (CARINA_UNKNOWN: not known yet) and a shape,
     * of which dimensions or the rank may be CARINA_DYNAMIC; data where there are at most 4096 elements that are known
     * before the model runs, else NULL. */
    CarinaStatus (*infer)(const CarinaCall *call, CarinaError *err);
    /* [any thread] Bytes of work space that evaluate wants; inputs and outputs are as evaluate will have them, without data.
     * NULL: none. */
    size_t (*work_size)(const CarinaCall *call);
    /* [any thread, several at once] Fills the outputs' data. Plain row-major tensors, aligned, of the types and shapes of
     * infer, but that f16 and bf16 arrive as f32, outputs too, and are rounded behind. Must depend on inputs and attributes
     * only, as it is also asked while compiling; must not allocate per run, start threads or keep anything. */
    CarinaStatus (*evaluate)(const CarinaCall *call, CarinaError *err);

    /* --- since extension ABI 1.1 goes below this line ----------------------------------------- */
} CarinaExtensionOp;

/* --- The table. ------------------------------------------------------------------------------------------ */

typedef struct CarinaExtension {
    size_t struct_size; /* sizeof(CarinaExtension) as the object was compiled */
    uint16_t abi_major, abi_minor;
    const char *name; /* for messages */
    size_t attr_size; /* sizeof(CarinaAttr) */
    int32_t n_ops;
    const CarinaExtensionOp *const *ops;

    /* --- since extension ABI 1.1 goes below this line ----------------------------------------- */
} CarinaExtension;

/* The one symbol that an extension exports, carina_extension_entry: NULL where host_abi_major does not suit. */
typedef const CarinaExtension *CarinaExtensionEntry(uint16_t host_abi_major);

/* [any thread] Operator i of all that is loaded, the newest extension's first: NULL past the last. Lives as long as the
 * context. */
CARINA_API const CarinaExtensionOp *carina_extension_op(CarinaContext *ctx, int i);

#if defined(__GNUC__)
#    define CARINA_EXTENSION_EXPORT __attribute__((visibility("default")))
#else
#    define CARINA_EXTENSION_EXPORT
#endif

/* For a callback that refuses: the sentence is put behind the node's name. Returns code. */
static inline CarinaStatus carina_extension_fail(CarinaError *err, CarinaStatus code,
                                                 const char *text)
{
    if (err) {
        const size_t room = sizeof err->text - 1, n = strlen(text);
        err->code = code;
        memcpy(err->text, text, n < room ? n : room);
        err->text[n < room ? n : room] = 0;
    }
    return code;
}

#ifdef __cplusplus
}
#endif
#endif

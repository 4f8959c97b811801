/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Element types, shapes and tensors, and the files that hold tensors (.npy, images).
 */
#ifndef CARINA_TENSOR_H
#define CARINA_TENSOR_H

#include <carina/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum CarinaType {
    CARINA_UNKNOWN = 0,
    CARINA_F32 = 1,
    CARINA_F16 = 2,
    CARINA_BF16 = 3,
    CARINA_F64 = 4,
    CARINA_I8 = 5,
    CARINA_U8 = 6,
    CARINA_I16 = 7,
    CARINA_U16 = 8,
    CARINA_I32 = 9,
    CARINA_U32 = 10,
    CARINA_I64 = 11,
    CARINA_U64 = 12,
    CARINA_BOOL = 13, /* one byte, 0 or 1 */
    CARINA_U1 = 14,   /* storage only: 8 a byte, first in the highest bit */
    CARINA_I4 = 15,   /* storage only: 2 a byte, first in the low half */
    CARINA_U4 = 16
} CarinaType;
#define CARINA_N_TYPES 17

#define CARINA_MAX_RANK 8
#define CARINA_DYNAMIC (-1) /* a dimension, or a rank, that is not known yet */

typedef struct CarinaShape {
    int32_t rank; /* 0..CARINA_MAX_RANK, or CARINA_DYNAMIC */
    int64_t dims[CARINA_MAX_RANK];
} CarinaShape;

/* Row-major, no gaps. Read the members, change them only through functions; data may be written. */
typedef struct CarinaTensor {
    CarinaType type;
    CarinaShape shape;
    void *data;
    size_t size;             /* bytes */
    struct CaBuffer *buffer; /* owner of data; NULL: the user's memory */
} CarinaTensor;

/* "f32"; never NULL. */
CARINA_API const char *carina_type_name(CarinaType type);
/* Bits of one element: 32 for f32, 4 for i4, 8 for boolean; 0 for CARINA_UNKNOWN. */
CARINA_API int carina_type_bits(CarinaType type);

/* [any thread] A zeroed tensor with memory of its own, aligned to 64 bytes. Free with carina_tensor_free. */
CARINA_API CarinaStatus carina_tensor_create(CarinaTensor **out, CarinaType type,
                                             const CarinaShape *shape, CarinaError *err);
/* [any thread] A tensor over the user's memory, which must outlive it and hold at least size bytes. */
CARINA_API CarinaStatus carina_tensor_wrap(CarinaTensor **out, CarinaType type,
                                           const CarinaShape *shape, void *data,
                                           size_t size, CarinaError *err);
CARINA_API void carina_tensor_free(CarinaTensor **tensor);

/* NumPy's .npy, versions 1 to 3, C or Fortran order (read), little or big endian (read). */
CARINA_API CarinaStatus carina_tensor_read_npy(CarinaTensor **out, const char *path,
                                               CarinaError *err);
/* Written under a temporary name, then renamed. */
CARINA_API CarinaStatus carina_tensor_write_npy(const CarinaTensor *tensor,
                                                const char *path, CarinaError *err);

/* An image as u8 [H, W, C], RGB or grey (C = 1): JPEG, PNG, BMP, PPM/PGM; EXIF orientation honoured.
 * channels: 3 (grey is repeated), 1 (colour is weighted), 0 as stored. Alpha is dropped. */
CARINA_API CarinaStatus carina_tensor_read_image(CarinaTensor **out, const char *path,
                                                 int channels, CarinaError *err);

typedef enum CarinaResize {
    CARINA_RESIZE_BILINEAR =
        0, /* half-pixel centres, no filter, as OpenCV's INTER_LINEAR */
    CARINA_RESIZE_ANTIALIAS =
        1, /* triangle filter as wide as the reduction, as PIL's BILINEAR */
    CARINA_RESIZE_NEAREST = 2
} CarinaResize;

/* [H, W, C] u8 to [height, width, C] u8. */
CARINA_API CarinaStatus carina_tensor_resize_image(CarinaTensor **out,
                                                   const CarinaTensor *image, int height,
                                                   int width, CarinaResize how,
                                                   CarinaError *err);
/* The middle height x width of [H, W, C] u8. */
CARINA_API CarinaStatus carina_tensor_crop_image(CarinaTensor **out,
                                                 const CarinaTensor *image, int height,
                                                 int width, CarinaError *err);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One spatial axis of a plain convolution; there are always three, unused ones with lengths of 1. */
#ifndef CA_CONV_AXIS_H
#define CA_CONV_AXIS_H

#include <stdint.h>

enum { CA_CONV_AXES = 3 };

typedef struct CaConvAxis {
    int64_t in, out, kernel, stride, dilation, begin; /* begin: the padding before */
} CaConvAxis;

#endif

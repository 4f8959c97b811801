/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of one instruction set's convolution. The includer gives ISA, NEEDS, MAX_PIXELS,
 * MAX_BLOCKS, WIDE_PIXELS and SPANS_ROWS (1: tiles of 1x1 may go on in the next row of results) after its simd_<isa>.h.
 */
#include "../act_tmpl.h"
#include "../finish_tmpl.h"
#include "base/cpu.h"
#include "conv_kernels.h"

#include "conv_tile_tmpl.h"

#include "conv_winograd_tmpl.h"

#include "conv_polyphase_tmpl.h"

#include "conv_strassen_tmpl.h"

#include "conv_depthwise_tmpl.h"

#include "conv_gate_tmpl.h"

#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

const CaConvIsa PASTE(ca_f32_conv_, ISA) = {
    .kernel = {[CA_CONV_DIRECT] = "f32_conv_direct_" TEXT(ISA),
               [CA_CONV_WINOGRAD_2] = "f32_conv_winograd2_" TEXT(ISA),
               [CA_CONV_WINOGRAD_4] = "f32_conv_winograd4_" TEXT(ISA),
               [CA_CONV_STRASSEN] = "f32_conv_strassen_" TEXT(ISA),
               [CA_CONV_PLANES] = "f32_conv_planes_" TEXT(ISA),
               [CA_CONV_DEPTHWISE] = "f32_conv_depthwise_" TEXT(ISA)},
    .needs = NEEDS,
    .max_pixels = MAX_PIXELS,
    .max_blocks = MAX_BLOCKS,
    .wide_pixels = WIDE_PIXELS,
    .spans_rows = SPANS_ROWS,
    .tile = conv_tile_of,
    .product = conv_product_of,
    .half_tile = conv_half_tile_of,
    .winograd_in = {{winograd_in_2, winograd_in_4}, {polyphase_in_2, polyphase_in_4}},
    .winograd_out = {{winograd_out_2, winograd_out_4},
                     {polyphase_out_2, polyphase_out_4}},
    .strassen_in = strassen_in,
    .strassen_place = strassen_place,
    .slide = {slide_1, slide_2},
    .depthwise_5 = {depthwise_5_1, depthwise_5_2},
    .depthwise_any = depthwise_any,
    .finish = finish,
    .scale_rows = scale_rows,
};

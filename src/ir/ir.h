/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenVINO's Intermediate Representation, and the text form of graphs. Versions 10 and 11 are read and written,
 * 2 to 7 are read (ir_legacy.h).
 *
 * What the operator set has no place for is carried along as info, so that a file that is read and written
 * again says the same:
 *   node  "rt_info.NAME"        the other XML attributes of <attribute name="NAME" ...>: version="0" value="a"
 *         "user_data.NAME"      the same for <user_data>
 *         "in0.rt_info.NAME"    of input port 0; "out0.rt_info.NAME" of output port 0
 *         "output_names"        of a Result
 *   graph "labels"              <rt_info><model_info><labels value="a great_b">, as the Model API writes them
 *         "producer[_version]"  Runtime_version or MO_version, if <carina> has none
 *         "ir.rt_info" ...      each element of <net> besides layers and edges, as XML
 *         anything else         in <carina>, of <rt_info> in version 11, of <net> in version 10
 */
#ifndef CA_IR_IR_H
#define CA_IR_IR_H

#include "base/text.h"
#include "graph/custom.h"

/* path only speaks in messages. weights NULL: there are no constants. version may be NULL. Layers that lead
 * to no Result are left out, as OpenVINO does. */
CarinaStatus ca_ir_read(CaGraph **out, const char *path, CaBuffer *xml, CaBuffer *weights,
                        int *version, CarinaError *err);
/* The same with operators of extensions. */
CarinaStatus ca_ir_read_with(CaGraph **out, const char *path, CaBuffer *xml,
                             CaBuffer *weights, const CaCustoms *customs, int *version,
                             CarinaError *err);
/* stem.xml and stem.bin. version is 10 or 11. fp16: float32 constants become float16 ones with a Convert,
 * all but those that shapes are computed from. The graph is inferred. */
CarinaStatus ca_ir_write(const CaGraph *graph, const char *stem, int version, bool fp16,
                         CarinaError *err);

/* One line a node:
 *   x = Parameter-1() : f32 [1, 3, ?, 8]
 *   w = Const-1() : f32 [4] {0.5, 1, 2, 3}
 *   y = Convolution-1(x, w) strides=[1, 1] auto_pad="valid" : f32 [1, 4, ?, 6]
 *   t = TopK-11(y, k) axis=1 : f32 [2], i64 [2]
 *   r = Result-1(t:1)
 * Names that are not of A-Za-z0-9_./- stand in quotes; _ is an absent input; attributes at their fallback are
 * left out; of more than 16 elements only a hash is shown: {#0123456789abcdef}. The bodies of a node stand indented
 * below it, each after a line that says how its ports are joined; ca_ir_parse does not read those. */
void ca_ir_text(CaText *t, const CaGraph *graph);
/* Reads the same, more loosely: no opset means the newest, types of computed values may be left out (given
 * ones are checked), lines that start with # are skipped, {v ...} fills a constant with v, {seed 7} with
 * numbers of [-1, 1). */
CarinaStatus ca_ir_parse(CaGraph **out, const char *path, const char *text,
                         CarinaError *err);

#endif

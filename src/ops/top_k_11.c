/* SPDX-License-Identifier: Apache-2.0 */
/* TopK: the k largest or smallest along an axis, and their indices. OpenVINO opset11. */
#include "ops/topk_ref.h"

static const CarinaAttr attrs[] = {
    CA_ATTR_INT(CaTopkAttrs, axis, -CARINA_MAX_RANK, CARINA_MAX_RANK - 1, CA_REQUIRED),
    CA_ATTR_ENUM(CaTopkAttrs, mode, ca_topk_modes, CA_REQUIRED),
    CA_ATTR_ENUM(CaTopkAttrs, sort, ca_topk_sorts, CA_REQUIRED),
    CA_ATTR_TYPE(CaTopkAttrs, index_element_type, CA_DEFAULT("i32")),
    CA_ATTR_BOOL(CaTopkAttrs, stable, CA_DEFAULT("false")),
    CA_ATTRS_END,
};

const CaOp ca_op_top_k_11 = {
    .name = "TopK",
    .opset = 11,
    .summary = "the k largest or smallest along an axis",
    .arity = {2, 2, 2},
    .attrs_size = sizeof(CaTopkAttrs),
    .attrs = attrs,
    .infer = ca_infer_topk,
    .ref = ca_ref_topk,
    .work = ca_work_topk,
};

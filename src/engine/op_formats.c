/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which formats an operator is read: the IR spells all; the others by a rule of the operator's own, or by
 * code in the reader, whose products are listed here.
 */
#include "base/text.h"
#include "graph/op.h"
#include <carina/model.h>

static const char onnx_makes[] =
    "Add,AvgPool,BatchNormInference,Broadcast,Concat,Convolution,ConvolutionBackpropData,"
    "Divide,Einsum,FakeQuantize,GroupConvolution,GroupConvolutionBackpropData,"
    "GroupNormalization,LRN,MVN,MatMul,MaxPool,Maximum,Multiply,NonMaxSuppression,OneHot,Pad,"
    "ReduceL1,ReduceL2,ReduceMax,ReduceMean,ReLU,Reshape,ShapeOf,Softmax,TopK";
static const char caffe_makes[] =
    "Add,AvgPool,BatchNormInference,Concat,Convolution,ConvolutionBackpropData,"
    "GroupConvolution,LRN,MatMul,MaxPool,Maximum,Multiply,ReLU,Reshape,Softmax";

static bool is_read(const CaOp *op, CaFormat format, const char *makes)
{
    for (const CaImportRule *r = op->imports; r && r->format != CA_FORMAT_NONE; r++)
        if (r->format == format)
            return true;
    return ca_text_in_list(makes, op->name);
}

const char *carina_op_formats(int i)
{
    static const char *const names[] = {"IR", "IR ONNX", "IR Caffe", "IR ONNX Caffe"};
    const CaOp *op = ca_op_at(i);
    if (!op)
        return NULL;
    return names[(is_read(op, CA_FORMAT_ONNX, onnx_makes) ? 1 : 0) +
                 (is_read(op, CA_FORMAT_CAFFE, caffe_makes) ? 2 : 0)];
}

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes NAME.xml and NAME.bin of this folder: small IRs of versions 2 to 7, one a layer and spelling.

NAME.graph says what each becomes, NAME.error what is said of it (see test_ir.c); those are written by hand."""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
CODES = {"FP32": "f", "FP16": "e", "I32": "i", "I64": "q", "U8": "B", "I8": "b", "BIN": "B"}


class Bin:
    def __init__(self):
        self.data = b""

    def add(self, values, precision="FP32"):
        packed = struct.pack("<%d%s" % (len(values), CODES[precision]), *values)
        self.data += packed
        return 'offset="%d" size="%d"' % (len(self.data) - len(packed), len(packed))


def ramp(n, step=0.25, start=-1.0):
    return [start + step * i for i in range(n)]


def port(number, dims, precision=None):
    more = ' precision="%s"' % precision if precision else ""
    return '<port id="%d"%s>%s</port>' % (number, more, "".join("<dim>%d</dim>" % d for d in dims))


def layer(number, name, kind, data="", ins=(), outs=(), blobs="", precision="FP32", first_out=None, element="data",
          inside=""):
    """ins, outs: lists of dims, or of (dims, precision)."""
    split = [p if p and isinstance(p[0], (tuple, list)) else (p, None) for p in list(ins) + list(outs)]
    first_out = len(ins) if first_out is None else first_out
    a = "".join(port(i, *split[i]) for i in range(len(ins)))
    b = "".join(port(first_out + i, *split[len(ins) + i]) for i in range(len(outs)))
    return '\t\t<layer id="%d" name="%s" precision="%s" type="%s">%s%s%s%s%s</layer>\n' % (
        number, name, precision, kind,
        "<%s %s>%s</%s>" % (element, data, inside, element) if data or inside else "",
        "<input>%s</input>" % a if ins else "", "<output>%s</output>" % b if outs else "",
        "<blobs>%s</blobs>" % blobs if blobs else "", "")


def edge(a, ap, b, bp):
    return '\t\t<edge from-layer="%d" from-port="%d" to-layer="%d" to-port="%d"/>\n' % (a, ap, b, bp)


def net(layers, edges, version=6, tail="", attributes=""):
    return ('<?xml version="1.0" ?>\n<net batch="1" name="small" version="%d"%s>\n\t<layers>\n%s\t</layers>\n'
            '\t<edges>\n%s\t</edges>\n%s</net>\n' % (version, attributes, layers, edges, tail))


def save(name, xml, data=b""):
    (HERE / (name + ".xml")).write_text(xml)
    if data:
        (HERE / (name + ".bin")).write_bytes(data)


def one(name, kind, data, ins, outs, blobs=(), version=6, precision="FP32", tail="", more=None, **kw):
    """A layer behind inputs. ins: dims of an Input, or (dims, values, precision) of a Const."""
    weights, layers, edges = Bin(), "", ""
    dims = []
    for i, x in enumerate(ins):
        if x and isinstance(x[0], (tuple, list)):
            where = weights.add(x[1], x[2])
            layers += layer(i, "c%d" % i, "Const", outs=[x[0]], blobs="<custom %s/>" % where, precision=x[2], first_out=1)
            edges += edge(i, 1, len(ins), i)
            dims.append(x[0])
        else:
            layers += layer(i, "x%d" % i, "Input", outs=[x], precision=precision)
            edges += edge(i, 0, len(ins), i)
            dims.append(x)
    inner = "".join("<%s %s/>" % (b[0], weights.add(b[1], b[2] if len(b) > 2 else precision)) for b in blobs)
    layers += layer(len(ins), "l", kind, data, dims, outs, inner, precision, first_out=len(ins) + len(blobs), **kw)
    if more:
        layers, edges, tail = more(layers, edges, tail, weights)
    save(name, net(layers, edges, version, tail), weights.data)


X = (1, 2, 5, 7)


def convolutions():
    v2 = 'output="2" kernel-x="3" kernel-y="1" stride-x="2" stride-y="1" pad-x="1" pad-y="0" dilation-x="1" dilation-y="1" group="1" stride="1,1,1,2"'
    v3 = 'output="2" kernel="1,3" strides="1,2" pads_begin="0,1" pads_end="0,1" dilations="1,1" group="1"'
    w, b = ("weights", ramp(12)), ("biases", [0.5, -0.5])
    one("convolution_v2", "Convolution", v2, [X], [(1, 2, 5, 4)], [w, b], 2)
    one("convolution_v3", "Convolution", v3, [X], [(1, 2, 5, 4)], [w, b], 3)
    one("convolution_fp16", "Convolution", v3, [X], [(1, 2, 5, 4)], [w, b], 6, "FP16")
    one("convolution_data", "Convolution", v2.replace(' pad-y="0"', ''), [X], [(1, 2, 5, 4)], [w], 2, element="convolution_data")
    one("convolution_end", "Convolution", v2.replace('group', 'pad-r="2" pad-b="1" group'), [X], [(1, 2, 6, 4)], [w, b], 2)
    one("convolution_group", "Convolution", 'output="4" kernel="1,3" strides="1,1" auto_pad="same_upper" group="2"', [X],
        [(1, 4, 5, 7)], [("weights", ramp(12))], 5)
    one("convolution_3d", "Convolution", 'output="1" kernel="2,1,1" strides="2,1,1"', [(1, 1, 4, 2, 2)], [(1, 1, 2, 2, 2)],
        [("weights", [1, 2])], 4)
    one("convolution_inputs", "Convolution", v3, [X, ((2, 2, 1, 3), ramp(12), "FP32"), ((2,), [1, 2], "FP32")],
        [(1, 2, 5, 4)], version=7)
    one("deconvolution", "Deconvolution", 'output="2" kernel-x="2" kernel-y="2" stride-x="2" stride-y="2"', [X],
        [(1, 2, 10, 14)], [("weights", ramp(16)), b], 2)
    one("deconvolution_group", "Deconvolution", 'output="2" kernel="2,2" strides="2,2" group="2"', [X], [(1, 2, 10, 14)],
        [("weights", ramp(8))], 5)
    one("deformable", "DeformableConvolution", 'output="2" kernel="1,1" strides="1,1" num_deformable_group="1"',
        [X, (1, 2, 5, 7)], [(1, 2, 5, 7)], [("weights", ramp(4))], 5)
    one("binary", "BinaryConvolution", 'output="2" input="4" kernel="1,1" strides="1,1" mode="xnor-popcount" pad_value="-1.0"',
        [(1, 4, 5, 7)], [(1, 2, 5, 7)], [("weights", [0xa5], "BIN")], 4)


def poolings():
    one("pool_max_v2", "Pooling", 'pool-method="max" kernel-x="3" kernel-y="3" stride-x="2" stride-y="2" pad-x="0" pad-y="0" rounding-type="ceil"',
        [(1, 2, 6, 8)], [(1, 2, 3, 4)], version=2)
    one("pool_floor", "Pooling", 'pool-method="max" kernel="3,3" strides="2,2" pads_begin="0,0" pads_end="0,0" rounding_type="floor"',
        [(1, 2, 6, 8)], [(1, 2, 2, 3)], version=4)
    one("pool_rounding_absent", "Pooling", 'pool-method="max" kernel="3,3" strides="2,2"', [(1, 2, 6, 8)], [(1, 2, 3, 4)], version=3)
    one("pool_floor_by_shape", "Pooling", 'pool-method="max" kernel="3,3" strides="2,2"', [(1, 2, 6, 8)], [(1, 2, 2, 3)], version=3)
    one("pool_clipped", "Pooling", 'pool-method="max" kernel="2,2" strides="2,2" pads_begin="1,1" pads_end="1,1" rounding_type="ceil"',
        [(1, 2, 3, 5)], [(1, 2, 2, 3)], version=4)
    one("pool_avg", "Pooling", 'pool-method="avg" exclude-pad="false" kernel="3,3" strides="1,1" pads_begin="1,1" pads_end="1,1" rounding_type="ceil"',
        [X], [X], version=5)
    one("pool_avg_overhang", "Pooling", 'pool-method="avg" exclude-pad="false" kernel="3,3" strides="2,2" pads_begin="1,1" pads_end="1,1" rounding_type="ceil"',
        [(1, 2, 6, 8)], [(1, 2, 4, 5)], version=5)
    one("pool_avg_exclude", "Pooling", 'pool-method="avg" exclude-pad="true" kernel="3,3" strides="2,2" pads_begin="1,1" pads_end="1,1" rounding_type="ceil"',
        [(1, 2, 6, 8)], [(1, 2, 4, 5)], version=5)
    one("pool_avg_whole", "Pooling", 'pool-method="avg" exclude-pad="false" kernel="5,7" rounding_type="ceil"', [X], [(1, 2, 1, 1)])
    one("pool_turned_pads", "Pooling", 'pool-method="max" kernel-x="1" kernel-y="3" stride-x="1" stride-y="1" pad-x="1" pad-y="0" rounding-type="floor"',
        [X], [X], version=2)
    one("pool_same_upper", "Pooling", 'pool-method="max" kernel="3,3" strides="2,2" auto_pad="same_upper"', [X], [(1, 2, 3, 4)])


def dense():
    one("fully_connected", "FullyConnected", 'out-size="3"', [(2, 4)], [(2, 3)], [("weights", ramp(12)), ("biases", [1, 2, 3])], 2)
    one("fully_connected_4d", "FullyConnected", 'out-size="3"', [(1, 2, 1, 2)], [(1, 3)], [("weights", ramp(12))], 2, element="fc")
    one("inner_product", "InnerProduct", 'out-size="3"', [(2, 4)], [(2, 3)], [("weights", ramp(12))], 3, "FP16")
    one("gemm", "Gemm", 'alpha="2.0" beta="0.5" transpose_a="0" transpose_b="1"', [(2, 4), (3, 4), (2, 3)], [(2, 3)], version=5)


def normalisation():
    c2 = [("weights", [4, 9]), ("biases", [1, -1])]
    one("batch_normalization", "BatchNormalization", 'epsilon="0.001"', [X], [X], c2, 2)
    one("scale_shift", "ScaleShift", 'broadcast="2"', [X], [X], c2, 2)
    one("scale_only", "ScaleShift", "", [X], [X], c2[:1], 3)
    one("shift_only", "ScaleShift", "", [(1, 2)], [(1, 2)], c2[1:], 3)
    one("lrn", "LRN", 'alpha="0.0001" beta="0.75" local_size="5" region="across"', [X], [X], version=2, element="lrn")
    one("norm_across", "Norm", 'alpha="0.0001" beta="0.75" local-size="5" region="across"', [X], [X], version=2)
    one("norm_same", "Norm", 'alpha="0.0001" beta="0.75" local-size="3" region="same"', [X], [X], version=4)
    one("mvn", "MVN", 'across_channels="1" normalize_variance="1" eps="1e-09"', [X], [X], version=4)
    one("grn", "GRN", 'bias="1.0"', [X], [X], version=4)
    one("normalize", "Normalize", 'across_spatial="0" channel_shared="0" eps="1e-10"', [X], [X], [("weights", [20, 30])], 2)
    one("normalize_shared", "Normalize", 'across_spatial="1" channel_shared="1" eps="1e-10"', [X], [X], [("weights", [20])], 2)


def mathematics():
    for kind in ("Sigmoid", "Logistic", "TanH", "Exp", "Ceil", "Neg", "Softplus", "Not", "Reciprocal", "ReLU6", "HardSigmoid", "Selu",
                 "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cos", "Cosh", "Erf", "Floor", "Log", "Sign", "Sin", "Sinh",
                 "Softsign", "Sqrt", "Tan", "LogicalNot", "Dropout", "Identity", "Reorder"):
        one(kind.lower(), kind, "", [(1, 3)], [(1, 3)], version=6)
    one("relu", "ReLU", "", [X], [X], version=2)
    one("relu_slope", "ReLU", 'negative_slope="0.1"', [X], [X], version=2)
    one("prelu", "PReLU", 'channel_shared="0"', [X], [X], [("weights", [0.1, 0.2])], 2)
    one("prelu_shared", "PReLU", 'channel_shared="1"', [X], [X], [("weights", [0.1])], 2)
    one("clamp", "Clamp", 'min="0" max="6"', [X], [X], version=2)
    one("elu", "ELU", 'alpha="0.5"', [X], [X], version=2)
    for kind in ("relu", "sigmoid", "tanh", "clamp", "elu", "relu6", "not", "exp"):
        one("activation_" + kind, "Activation", 'type="%s" min="-1" max="1"' % kind, [(1, 3)], [(1, 3)], version=3)
    one("softmax", "SoftMax", 'axis="1"', [X], [X], version=2)
    one("softmax_absent", "SoftMax", "", [(1, 3)], [(1, 3)], version=2)
    one("logsoftmax", "LogSoftmax", 'axis="1"', [X], [X], version=7)
    one("power", "Power", 'power="2" scale="0.5" shift="1"', [X], [X], version=2)
    one("power_scale", "Power", 'power="1" scale="0.5" shift="0.0"', [X], [X], version=2)
    for operation in ("sum", "mul", "prod", "max", "sub", "div", "min", "squared_diff", "floor_mod", "pow", "less", "logical_and",
                      "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_or", "logical_xor"):
        one("eltwise_" + operation, "Eltwise", 'operation="%s"' % operation, [(1, 3), (1, 3)], [(1, 3)], version=6)
    one("eltwise_coeff", "Eltwise", 'operation="sum" coeff="1.0,-1.0,0.5"', [(1, 3)] * 3, [(1, 3)], version=2)
    one("eltwise_data", "Eltwise", 'operation="sum"', [(1, 3), (1, 3)], [(1, 3)], version=2, element="elementwise_data")
    one("eltwise_broadcast", "Eltwise", 'operation="mul"', [X, (1, 2, 1, 1)], [X], version=6)
    for kind in ("LogicalAnd", "LogicalOr", "LogicalXor"):
        one(kind.lower(), kind, "", [(1, 3), (1, 3)], [(1, 3)], version=7)
    one("select", "Select", "", [(1, 3), (1, 3), (1, 3)], [(1, 3)], version=6)
    limit = lambda v: ((1, 1, 1, 1), [v], "FP32")
    one("quantize", "Quantize", 'levels="256"', [X, limit(-1), limit(1), limit(-2), limit(2)], [X], version=5)
    one("fake_quantize", "FakeQuantize", 'levels="2"', [X, limit(0), limit(1), limit(0), limit(1)], [X], version=7)
    axes = ((2,), [2, 3], "I32")
    for kind in ("Sum", "Mean", "Max", "L2", "And", "LogSumExp", "SumSquare", "L1", "LogSum", "Min", "Or", "Prod"):
        one("reduce_" + kind.lower(), "Reduce" + kind, 'keep_dims="1"', [X, axes], [(1, 2, 1, 1)], version=6)
    one("reduce_flat", "ReduceMean", 'keep_dims="False"', [X, axes], [(1, 2)], version=6)


def moves():
    one("concat", "Concat", 'axis="1"', [X, X], [(1, 4, 5, 7)], version=2)
    one("split", "Split", 'axis="1" num_split="2"', [X], [(1, 1, 5, 7), (1, 1, 5, 7)], version=4)
    one("slice", "Slice", 'axis="3"', [X], [(1, 2, 5, 3), (1, 2, 5, 4)], version=2)
    one("reshape_dim", "Reshape", 'dim="0,-1" axis="0" num_axes="-1"', [X], [(1, 70)], version=2)
    one("reshape_axis", "Reshape", 'dim="10,7" axis="1" num_axes="3"', [X], [(1, 10, 7)], version=2)
    one("reshape_input", "Reshape", "", [X, ((2,), [0, -1], "I32")], [(1, 70)], version=6)
    one("flatten", "Flatten", 'axis="1" end_axis="-1"', [X], [(1, 70)], version=2)
    one("flatten_middle", "Flatten", 'axis="1" end_axis="2"', [X], [(1, 10, 7)], version=2)
    one("flatten_all", "Flatten", "", [X], [(70,)], version=2)
    one("permute", "Permute", 'order="0,2,3,1"', [X], [(1, 5, 7, 2)], version=2)
    one("squeeze", "Squeeze", "", [X, ((1,), [0], "I32")], [(2, 5, 7)], version=6)
    one("unsqueeze", "Unsqueeze", "", [(2, 3), ((1,), [1], "FP32")], [(2, 1, 3)], version=6)
    one("crop_dim", "Crop", 'axis="2,3" offset="1,2" dim="3,4"', [X], [(1, 2, 3, 4)], version=3)
    one("crop_ends", "Crop", 'axis="2,3" crop_begin="1,2" crop_end="1,1"', [X], [(1, 2, 3, 4)], version=5)
    one("crop_like", "Crop", 'axis="2,3" offset="1,2"', [X, (1, 2, 3, 4)], [(1, 2, 3, 4)], version=3)
    one("crop_children", "Crop", "", [X], [(1, 2, 3, 7)], version=2, element="crop-data", inside='<crop axis="2" offset="1" dim="3"/>')
    one("strided_slice", "StridedSlice", 'begin_mask="0,1,0,0" end_mask="0,1,0,0" shrink_axis_mask="0,1,0,0" new_axis_mask="0,0,0,0" ellipsis_mask="0,0,0,0"',
        [X, ((4,), [0, 1, 0, 0], "I32"), ((4,), [0, 2, 0, 0], "I32"), ((4,), [1, 1, 1, 1], "I32")], [(1, 5, 7)], version=6)
    one("tile", "Tile", 'axis="1" tiles="3"', [X], [(1, 6, 5, 7)], version=2)
    one("pad", "Pad", 'pads_begin="0,0,1,1" pads_end="0,0,0,2" pad_mode="constant" pad_value="1.5"', [X], [(1, 2, 6, 10)], version=5)
    one("pad_edge", "Pad", 'pads_begin="0,0,1,1" pads_end="0,0,0,2" pad_mode="edge"', [X], [(1, 2, 6, 10)], version=5)
    one("gather", "Gather", 'axis="1"', [X, ((1,), [1], "FP32")], [(1, 1, 5, 7)], version=5)
    one("scatter_update", "ScatterUpdate", 'axis="1"', [X, ((1,), [1], "FP32"), (1, 1, 5, 7)], [X], version=7)
    one("convert", "Convert", 'precision="I32"', [X], [(X, "I32")], version=7)
    one("shape_of", "ShapeOf", "", [X], [((4,), "I32")], version=7)
    one("shape", "Shape", "", [X], [((4,), "I32")], version=6)
    one("broadcast", "Broadcast", "", [(2, 1), ((2,), [2, 3], "I32")], [(2, 3)], version=6)
    one("fill", "Fill", "", [((2,), [2, 3], "I32"), ((1,), [5], "FP32")], [(2, 3)], version=6)
    one("range", "Range", "", [((1,), [5], "I32"), ((1,), [15], "I32"), ((1,), [2], "I32")], [((5,), "I32")], version=6)
    one("depth_to_space", "DepthToSpace", 'block_size="2"', [(1, 4, 2, 3)], [(1, 1, 4, 6)], version=5)
    one("space_to_depth", "SpaceToDepth", 'block_size="2"', [(1, 1, 4, 6)], [(1, 4, 2, 3)], version=5)
    one("shuffle_channels", "ShuffleChannels", 'axis="1" group="2"', [(1, 4, 2, 3)], [(1, 4, 2, 3)], version=5)
    one("reverse_sequence", "ReverseSequence", 'batch_axis="0" seq_axis="1"', [(2, 5), ((2,), [3, 5], "I32")], [(2, 5)], version=5)
    one("one_hot", "OneHot", 'axis="-1" depth="3" on_value="2.0" off_value="-1.0"', [(4,)], [(4, 3)], version=6)
    one("top_k", "TopK", 'axis="1" mode="max" sort="value"', [(2, 5), ((1,), [2], "I32")], [(2, 2), ((2, 2), "I32")], version=5)
    one("arg_max", "ArgMax", 'top_k="2" out_max_val="0" axis="1"', [X], [(1, 2, 5, 7)], version=2)
    one("arg_max_flat", "ArgMax", 'top_k="2" out_max_val="1"', [X], [(1, 2, 2)], version=2)
    one("copy", "Copy", "", [X], [X], version=2)


def detectors():
    one("interp", "Interp", 'height="9" width="13" align_corners="1" pad_beg="0" pad_end="0"', [X], [(1, 2, 9, 13)], version=3)
    one("interp_asymmetric", "Interp", 'factor="2" align_corners="0"', [X], [(1, 2, 10, 14)], version=3)
    one("resample_nearest", "Resample", 'antialias="0" factor="2" type="caffe.ResampleParameter.NEAREST"', [X], [(1, 2, 10, 14)], version=3)
    one("resample_linear", "Resample", 'antialias="0" factor="2" type="caffe.ResampleParameter.LINEAR"', [X], [(1, 2, 10, 14)], version=3)
    one("resample_antialias", "Resample", 'antialias="1" type="caffe.ResampleParameter.LINEAR"', [(1, 2, 6, 8)], [(1, 2, 3, 4)], version=3)
    one("prior_box", "PriorBox", 'min_size="4.0" max_size="8.0" aspect_ratio="2.0" flip="1" clip="0" step="0.0" offset="0.5" variance="0.1,0.1,0.2,0.2" scale_all_sizes="1"',
        [(1, 2, 1, 2), (1, 3, 8, 16)], [(1, 2, 32)], version=3)
    one("prior_box_sizes", "PriorBox", 'min_size="4.0" max_size="" aspect_ratio="" flip="0" clip="1" step="8" offset="0.5" variance="0.1" img_h="8" img_w="16"',
        [(1, 2, 1, 2), (1, 3, 8, 16)], [(1, 2, 8)], version=2)
    one("prior_box_clustered", "PriorBoxClustered", 'width="2.0,4.0" height="2.0,1.0" clip="0" flip="0" step="8.0" offset="0.5" variance="0.1,0.1,0.2,0.2"',
        [(1, 2, 1, 2), (1, 3, 8, 16)], [(1, 2, 16)], version=4)
    one("detection_output", "DetectionOutput", 'num_classes="2" background_label_id="0" top_k="10" keep_top_k="5" variance_encoded_in_target="0" '
        'code_type="caffe.PriorBoxParameter.CENTER_SIZE" share_location="1" nms_threshold="0.45" confidence_threshold="0.01" clip="1" normalized="1" objectness_score="0"',
        [(1, 8), (1, 4), (1, 2, 8)], [(1, 1, 5, 7)], version=4)
    one("region_yolo", "RegionYolo", 'anchors="1.0,2.0" axis="1" classes="1" coords="4" do_softmax="0" end_axis="3" mask="0" num="3"',
        [(1, 6, 2, 2)], [(1, 6, 2, 2)], version=4)
    one("reorg_yolo", "ReorgYolo", 'stride="2"', [(1, 4, 4, 6)], [(1, 16, 2, 3)], version=4)
    one("proposal", "Proposal", 'base_size="16" feat_stride="16" min_size="16" nms_thresh="0.7" post_nms_topn="3" pre_nms_topn="6" ratio="0.5,1.0" scale="8.0"',
        [(1, 4, 2, 2), (1, 8, 2, 2), (1, 3)], [(3, 5)], version=3)
    one("roi_pooling", "ROIPooling", 'pooled_h="2" pooled_w="3" spatial_scale="0.0625"', [X, (4, 5)], [(4, 2, 2, 3)], version=3)
    one("psroi_pooling", "PSROIPooling", 'group_size="2" output_dim="1" spatial_scale="0.0625"', [(1, 4, 5, 7), (3, 5)], [(3, 1, 2, 2)], version=3)
    one("simpler_nms", "SimplerNMS", 'cls_threshold="0.5" feat_stride="16" iou_threshold="0.7" max_num_proposals="300" min_bbox_size="16" '
        'post_nms_topn="3" pre_nms_topn="6000" scale="1,2"', [(1, 12, 1, 2), (1, 24, 1, 2), (1, 3)], [(3, 5)], version=2)
    one("simpler_nms_moves_first", "SimplerNMS", 'feat_stride="16" iou_threshold="0.5" min_bbox_size="4" post_nms_topn="6" pre_nms_topn="2" scale="1"',
        [(1, 12, 1, 1), (1, 6, 1, 1), (1, 3, 1, 1)], [(6, 5)], version=3)
    one("power_file", "PowerFile", 'shift_file="shift.txt"', [(2, 6)], [(2, 6)], version=3)
    one("spatial_transformer", "SpatialTransformer", 'sampler_type="bilinear" to_compute_dU="1" transform_type="affine"', [X, (1, 6)], [X], version=3)
    one("spatial_transformer_size", "SpatialTransformer", 'output_H="4" output_W="3" theta_1_1="0.5" theta_1_2="0.0" theta_2_1="0.0" theta_2_2="0.25"',
        [(2, 2, 5, 7), (2, 2, 1, 1)], [(2, 2, 4, 3)], version=2)
    one("non_max_suppression", "NonMaxSuppression", 'center_point_box="0"',
        [(1, 4, 4), (1, 1, 4), ((1,), [3], "I32"), ((1,), [0.5], "FP32"), ((1,), [0.1], "FP32")], [((3, 3), "I32")], version=6)


def recurrent():
    one("lstm_cell", "LSTMCell", 'hidden_size="2"', [(1, 3), (1, 2), (1, 2)], [(1, 2), (1, 2)],
        [("weights", ramp(40)), ("biases", ramp(8))], 6)
    one("gru_cell", "GRUCell", 'hidden_size="2" linear_before_reset="1"', [(1, 3), (1, 2)], [(1, 2)],
        [("weights", ramp(30)), ("biases", ramp(8))], 6, "FP16")
    one("rnn_cell", "RNNCell", 'hidden_size="2" activations="tanh"', [(1, 3), (1, 2)], [(1, 2)], [("weights", ramp(10))], 6)
    one("lstm_sequence", "LSTMSequence", 'hidden_size="2" axis="1" direction="Forward"', [(1, 4, 3), (1, 2), (1, 2)],
        [(1, 4, 2), (1, 2), (1, 2)], [("weights", ramp(40)), ("biases", ramp(8))], 6)
    one("rnn_sequence", "RNNSequence", 'hidden_size="2" axis="1" direction="Forward" activations="tanh"', [(1, 4, 3), (1, 2)],
        [(1, 4, 2), (1, 2)], [("weights", ramp(10)), ("biases", ramp(2))], 6)
    one("gru_sequence", "GRUSequence", 'hidden_size="2" axis="0" direction="Backward"', [(4, 1, 3), (1, 2)],
        [(4, 1, 2), (1, 2)], [("weights", ramp(30)), ("biases", ramp(6))], 6)


ITERATOR = """<port_map><input axis="0" end="0" external_port_id="0" internal_layer_id="0" internal_port_id="0" part_size="1" start="-1" stride="-1"/>
<input external_port_id="1" internal_layer_id="1" internal_port_id="1"/>
<output axis="0" end="0" external_port_id="2" internal_layer_id="2" internal_port_id="1" part_size="1" start="-1" stride="-1"/>
<output external_port_id="3" internal_layer_id="1" internal_port_id="4"/></port_map>
<back_edges><edge from-layer="1" from-port="4" to-layer="1" to-port="1"/></back_edges>"""


def iterator(name, change=lambda text: text):
    """As MO wrote a GRU: reshape, cell, reshape, backwards through time."""
    weights = Bin()
    cell = "<weights %s/><biases %s/>" % (weights.add(ramp(30)), weights.add(ramp(8)))
    body = (layer(0, "squeeze", "Reshape", 'dim="-1,3"', [(1, 1, 3)], [(1, 3)]) +
            layer(1, "cell", "GRUCell", 'hidden_size="2" linear_before_reset="1"', [(1, 3), (1, 2)], [(1, 2)], cell, first_out=4) +
            layer(2, "unsqueeze", "Reshape", 'dim="1,-1,2"', [(1, 2)], [(1, 1, 2)]))
    edges = edge(0, 1, 1, 0) + edge(1, 4, 2, 0)
    ti = layer(2, "l", "TensorIterator", "", [(4, 1, 3), (1, 2)], [(4, 1, 2), (1, 2)])
    ti = ti.replace("</layer>", ITERATOR + "<body><layers>%s</layers><edges>%s</edges></body></layer>" % (body, edges))
    layers = layer(0, "x0", "Input", outs=[(4, 1, 3)]) + layer(1, "x1", "Input", outs=[(1, 2)]) + ti
    save(name, net(change(layers), edge(0, 0, 2, 0) + edge(1, 0, 2, 1)), weights.data)


def bodies():
    iterator("tensor_iterator")
    iterator("tensor_iterator_part", lambda t: t.replace('end="0" external_port_id="0"', 'end="1" external_port_id="0"').replace(
        'end="0" external_port_id="2"', 'end="0" external_port_id="2"').replace(
        '<output><port id="2"><dim>4</dim>', '<output><port id="2"><dim>3</dim>'))
    iterator("bad_ti_port", lambda t: t.replace('internal_port_id="4"', 'internal_port_id="9"'))
    iterator("bad_ti_edge", lambda t: t.replace('to-layer="1" to-port="1"/></back', 'to-layer="2" to-port="0"/></back'))
    iterator("bad_ti_parts", lambda t: t.replace('start="-1" stride="-1"/>\n<input', 'start="9" stride="-1"/>\n<input'))
    iterator("bad_ti_body", lambda t: t.replace("<body>", "<b>").replace("</body>", "</b>"))
    memory = (layer(0, "x", "Input", outs=[(1, 2)]) + layer(1, "old", "Memory", 'id="r" index="1" size="2"', outs=[(1, 2)]) +
              layer(2, "sum", "Eltwise", 'operation="sum"', [(1, 2), (1, 2)], [(1, 2)]) +
              layer(3, "new", "Memory", 'id="r" index="0" size="2"', [(1, 2)]) + layer(4, "y", "ReLU", "", [(1, 2)], [(1, 2)]))
    save("memory", net(memory, edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0) + edge(2, 2, 4, 0), 3))
    save("bad_memory", net(memory.replace('id="r" index="1"', 'index="1"'),
                           edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0) + edge(2, 2, 4, 0), 3))


def inputs():
    channels = "".join('<channel id="%d"><mean value="%g"/><scale value="%g"/></channel>' % v for v in ((0, 104, 2), (1, 117, 4)))
    one("mean_values", "ReLU", "", [X], [X], tail='\t<pre-process reference-layer-name="x0">%s</pre-process>\n' % channels, version=2)

    def image(layers, edges, tail, weights):
        where = [weights.add(ramp(6, 1, 10 * i)) for i in range(2)]
        tail = '\t<pre-process mean-precision="FP32">%s</pre-process>\n' % "".join(
            '<channel id="%d"><mean %s/></channel>' % (i, w) for i, w in enumerate(where))
        return layers, edges, tail
    one("mean_image", "ReLU", "", [(1, 2, 2, 3)], [(1, 2, 2, 3)], version=3, more=image)
    one("input_u8", "ReLU", "", [(1, 3)], [(1, 3)], more=lambda l, e, t, w: (l.replace('"FP32" type="Input"', '"U8" type="Input"'), e, t))
    statistics = '\t<statistics><layers><layer><name>l</name><min>-1,-2</min><max>1,2</max></layer></layers></statistics>\n'
    one("statistics", "ReLU", "", [X], [X], version=5, tail=statistics + '\t<meta_data><MO_version value="1.5"/></meta_data>\n')
    one("ctc", "CTCGreedyDecoder", 'ctc_merge_repeated="1"', [(2, 1, 3), (2, 1)], [(1, 2, 1, 1)])
    # Calibrated for INT8: l is to be computed so, m is not.
    def two(layers, edges, tail, weights):
        data = 'output="2" kernel="1,1" strides="1,1" pads_begin="0,0" pads_end="0,0" group="1" quantization_level="FP32"'
        blobs = "<weights %s/>" % weights.add(ramp(4))
        return (layers + layer(2, "r", "ReLU", "", [X], [X]) + layer(3, "m", "Convolution", data, [X], [X], blobs, first_out=2),
                edges + edge(1, 3, 2, 0) + edge(2, 1, 3, 0), tail)
    ranges = "".join("<layer><name>%s</name><min>%s</min><max>%s</max></layer>" % r for r in (
        ("x0", "-1,-2", "1, 1.984375"), ("l", "-4,-4", "4,4"), ("r", "0,0", "4,3"), ("m", "-9,-9", "9,9")))
    one("statistics_conv", "Convolution", 'output="2" kernel="1,1" strides="1,1" pads_begin="0,0" pads_end="0,0" group="1"', [X], [X],
        [("weights", [1, -0.5, 0.25, 2]), ("biases", [0.5, -0.5])], version=6,
        tail="\t<statistics><layers>%s</layers></statistics>\n" % ranges, more=two)
    # An older network: no precision but that of <net>, weights beside <blobs>, the order of layers free.
    w = Bin()
    where = w.add([2, 3], "FP16")
    l = (layer(7, "y", "ScaleShift", "", [X], [X], first_out=3) + layer(4, "data", "input", outs=[X])).replace(' precision="FP32"', "")
    l = l.replace("</output></layer>\n\t\t<layer id=\"4\"", '</output><weights %s/></layer>\n\t\t<layer id="4"' % where)
    save("net_precision", net(l, edge(4, 0, 7, 0), 2, attributes=' precision="FP16"'), w.data)


def bad():
    v3 = 'output="2" kernel="1,3" strides="1,2" pads_begin="0,1" pads_end="0,1" group="1"'
    w = ("weights", ramp(12))
    y = [(1, 2, 5, 4)]
    one("bad_no_weights", "Convolution", v3, [X], y, [])
    one("bad_size", "Convolution", v3, [X], y, [("weights", ramp(11))])
    one("bad_group", "Convolution", v3.replace('group="1"', 'group="3"'), [X], y, [w])
    one("bad_kernel", "Convolution", v3.replace('kernel="1,3"', 'kernel="1,x"'), [X], y, [w])
    one("bad_kernel_absent", "Convolution", v3.replace('kernel="1,3"', ''), [X], y, [w])
    one("bad_kernel_3", "Convolution", v3.replace('kernel="1,3"', 'kernel="1,3,3"'), [X], y, [w])
    one("bad_output", "Convolution", v3.replace('output="2"', ''), [X], y, [w])
    one("bad_shape", "Convolution", v3, [X], [(1, 2, 5, 5)], [w])
    one("bad_type", "OwnLayer", "", [X], [X])
    one("bad_ctc", "CTCGreedyDecoder", "", [(2, 1, 3), (2, 1, 1)], [(1, 2, 1, 1)])
    one("bad_power_file", "PowerFile", 'shift_file="shift.txt"', [X], [X])
    nms = 'feat_stride="16" iou_threshold="0.7" min_bbox_size="16" post_nms_topn="3" pre_nms_topn="6000" '
    one("bad_simpler_nms", "SimplerNMS", nms + 'scale="1,2"', [(1, 18, 1, 2), (1, 36, 1, 2), (1, 3)], [(3, 5)])
    one("bad_simpler_nms_scale", "SimplerNMS", nms + 'scale="1,0"', [(1, 12, 1, 2), (1, 24, 1, 2), (1, 3)], [(3, 5)])
    one("bad_simpler_nms_none", "SimplerNMS", nms, [(1, 12, 1, 2), (1, 24, 1, 2), (1, 3)], [(3, 5)])
    one("bad_spatial_transformer", "SpatialTransformer", 'transform_type="projective"', [X, (1, 8)], [X])
    one("bad_spatial_transformer_theta", "SpatialTransformer", 'theta_1_1="0.5"', [X, (1, 6)], [X])
    one("bad_convert", "Convert", "", [X], [X])
    one("bad_bucketize", "Bucketize", "", [X, (3,)], [X])
    one("bad_unique", "Unique", "", [(4,)], [(4,)])
    one("bad_detectron", "ExperimentalDetectronTopKROIs", 'max_rois="4"', [(8, 4), (8,)], [(4, 4)])
    one("bad_operation", "Eltwise", 'operation="modulo"', [X, X], [X])
    one("bad_coeff", "Eltwise", 'operation="sum" coeff="1,2,3"', [X, X], [X])
    one("bad_ports", "Eltwise", 'operation="sum"', [X, X], [X, X])
    one("bad_inputs", "SoftMax", "", [X, X], [X])
    one("bad_axis", "Concat", 'axis="4"', [X, X], [X])
    one("bad_split", "Split", 'axis="1"', [X], [(1, 1, 5, 7), (1, 2, 5, 7)])
    one("bad_crop", "Crop", 'axis="2" offset="4" dim="3"', [X], [X])
    one("bad_pool", "Pooling", 'pool-method="stochastic" kernel="1,1"', [X], [X])
    one("bad_blob", "Convolution", v3, [X], y, [w], more=lambda l, e, t, b: (l.replace('offset="0"', 'offset="none"'), e, t))
    one("bad_cut", "Convolution", v3, [X], y, [w], more=lambda l, e, t, b: (l.replace('offset="0"', 'offset="4"'), e, t))
    one("bad_dim", "ReLU", "", [X], [(1, 2, 0, 7)])
    one("bad_q78", "ReLU", "", [X], [X], more=lambda l, e, t, b: (l.replace('"FP32"', '"Q78"'), e, t))
    one("bad_precision", "ReLU", "", [X], [X], more=lambda l, e, t, b: (l.replace('"FP32"', '"FP99"'), e, t))
    one("bad_edge", "ReLU", "", [X], [X], more=lambda l, e, t, b: (l, "", t))
    cycle = layer(0, "a", "ReLU", "", [X], [X]) + layer(1, "b", "ReLU", "", [X], [X])
    save("bad_cycle", net(cycle, edge(0, 1, 1, 0) + edge(1, 1, 0, 0)))
    save("bad_no_output", net(layer(0, "x", "Input", outs=[X]), ""))
    save("bad_no_bin", net(layer(0, "c", "Const", outs=[(2,)], blobs='<custom offset="0" size="8"/>', first_out=1) +
                           layer(1, "y", "ReLU", "", [(2,)], [(2,)]), edge(0, 1, 1, 0)))
    one("bad_scale", "ReLU", "", [X], [X], tail='\t<pre-process><channel id="0"><scale value="0"/></channel></pre-process>\n')
    one("bad_mean", "ReLU", "", [X], [X], tail='\t<pre-process><channel id="0"><mean value="x"/></channel></pre-process>\n')
    one("bad_mean_image", "ReLU", "", [X], [X], tail='\t<pre-process><channel id="0"><mean offset="0" size="7"/></channel></pre-process>\n')
    one("bad_lstm", "LSTMCell", 'hidden_size="2"', [(1, 3), (1, 2), (1, 2)], [(1, 2), (1, 2)], [("weights", ramp(39))])
    one("bad_eta", "DetectionOutput", 'num_classes="2" keep_top_k="5" nms_threshold="0.45" eta="0.5"', [(1, 8), (1, 4), (1, 2, 8)], [(1, 1, 5, 7)])


for part in (convolutions, poolings, dense, normalisation, mathematics, moves, detectors, recurrent, bodies, inputs, bad):
    part()

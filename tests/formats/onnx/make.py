#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py: writes the .onnx files of this folder, one small thing each; needs the `onnx` package."""
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
F = TensorProto.FLOAT


def weight(name, *shape, dtype=np.float32):
    n = int(np.prod(shape))
    return numpy_helper.from_array((np.arange(n) % 7 - 3).reshape(shape).astype(dtype), name)


def vector(name, values, dtype=np.int64):
    return numpy_helper.from_array(np.array(values, dtype), name)


def info(name, shape, kind=F):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, shape, weights=(), opset=13, kind=F, out=F, outputs=("y",), ir=None, domains=()):
    graph = helper.make_graph(nodes, "g", [info("x", shape, kind)], [info(o, None, out) for o in outputs],
                              list(weights))
    imports = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
    m = helper.make_model(graph, opset_imports=imports, producer_name="make.py", producer_version="1")
    m.ir_version = ir or 7
    return m


def save(name, m):
    data = m.SerializeToString()
    assert len(data) < 1024, (name, len(data))
    (HERE / (name + ".onnx")).write_bytes(data)
    return data


def node(op, inputs, outputs=("y",), **attrs):
    return helper.make_node(op, list(inputs), list(outputs), name="n_" + op, **attrs)


def good():
    x4 = [1, 2, 5, 7]
    save("conv", model([node("Conv", ["x", "w", "b"], strides=[2, 1], pads=[1, 0, 1, 2])], x4,
                       [weight("w", 3, 2, 3, 3), weight("b", 3)]))
    save("conv_group", model([node("Conv", ["x", "w"], group=2, auto_pad="SAME_UPPER")], x4,
                             [weight("w", 4, 1, 3, 3)]))
    save("conv_transpose", model([node("ConvTranspose", ["x", "w"], strides=[2, 2], output_shape=[10, 14])], x4,
                                 [weight("w", 2, 3, 3, 3)]))
    save("gemm", model([node("Gemm", ["x", "w", "b"], alpha=0.5, transB=1)], [2, 3],
                       [weight("w", 4, 3), weight("b", 4)]))
    save("max_pool_ceil", model([node("MaxPool", ["x"], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)],
                                [1, 2, 6, 8]))
    save("average_pool_ceil", model([node("AveragePool", ["x"], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1,
                                          pads=[1, 1, 1, 1], count_include_pad=1)], [1, 2, 6, 8]))
    save("global_average", model([node("GlobalAveragePool", ["x"])], x4))
    save("batch_norm", model([node("BatchNormalization", ["x", "s", "b", "m", "v"])], x4,
                             [weight(n, 2) for n in "sbm"] + [vector("v", [1, 2], np.float32)]))
    save("softmax_11", model([node("Softmax", ["x"], axis=1)], [2, 3, 4], opset=11))
    save("softmax_13", model([node("Softmax", ["x"], axis=1)], [2, 3, 4]))
    save("clip_6", model([node("Clip", ["x"], min=0.0, max=6.0)], x4, opset=7))
    save("clip_11", model([node("Clip", ["x", "", "h"])], x4, [vector("h", 6, np.float32)], opset=11))
    save("add_broadcast_6", model([node("Add", ["x", "b"], broadcast=1, axis=1)], x4, [weight("b", 2)], opset=6))
    save("slice_9", model([node("Slice", ["x"], starts=[1], ends=[9223372036854775807], axes=[3])], x4, opset=9))
    save("slice_10", model([node("Slice", ["x", "s", "e"])], x4, [vector("s", [0, 1]), vector("e", [1, 2])], opset=10))
    save("split_18", model([node("Split", ["x"], ["y", "z"], axis=3, num_outputs=2)], x4, opset=18,
                           outputs=("y", "z")))
    save("pad_2", model([node("Pad", ["x"], pads=[0, 0, 1, 2, 0, 0, 3, 4], value=1.5)], x4, opset=7))
    save("resize_13", model([node("Resize", ["x", "", "s"], mode="linear")], x4,
                            [vector("s", [1, 1, 2, 3], np.float32)]))
    save("upsample_9", model([node("Upsample", ["x", "s"])], x4, [vector("s", [1, 1, 2, 2], np.float32)], opset=9))
    save("reduce_mean_18", model([node("ReduceMean", ["x", "a"], keepdims=0)], x4, [vector("a", [2, 3])], opset=18))
    save("reduce_noop", model([node("ReduceSum", ["x"], noop_with_empty_axes=1)], x4))
    save("reshape_zero", model([node("Reshape", ["x", "s"])], x4, [vector("s", [0, -1])]))
    save("arg_max", model([node("ArgMax", ["x"], axis=1, keepdims=0)], x4, out=TensorProto.INT64))
    save("layer_norm", model([node("LayerNormalization", ["x", "s", "b"])], [2, 3, 4],
                             [weight("s", 4), weight("b", 4)], opset=17))
    save("prelu_7", model([node("PRelu", ["x", "s"])], x4, [weight("s", 2, 1, 1)], opset=7))
    save("hard_sigmoid", model([node("HardSigmoid", ["x"], alpha=0.25)], x4))
    save("constant_of_shape", model([node("Shape", ["x"], ["s"]), node("ConstantOfShape", ["s"], ["c"]),
                                     node("Add", ["x", "c"])], x4))
    scale = [vector("s", 0.5, np.float32), vector("z", 3, np.uint8)]
    save("quantize_pair", model([node("QuantizeLinear", ["x", "s", "z"], ["q"]),
                                 node("DequantizeLinear", ["q", "s", "z"])], x4, scale))
    save("dequantize_weight", model([node("DequantizeLinear", ["w", "s"], ["f"]), node("Mul", ["x", "f"])], [2, 3],
                                    [weight("w", 2, 3, dtype=np.int8), scale[0]]))
    save("fused_conv", model([helper.make_node("FusedConv", ["x", "w"], ["y"], "n", domain="com.microsoft",
                                               activation="Relu")], x4, [weight("w", 3, 2, 1, 1)],
                             domains=["com.microsoft"]))
    save("dynamic", model([node("Flatten", ["x"])], ["N", 2, 5, 7]))
    save("unsorted", model([node("Exp", ["a"]), node("Neg", ["x"], ["a"])], x4))
    typed = [helper.make_tensor("a", F, [2], [1.5, -2]), helper.make_tensor("b", TensorProto.FLOAT16, [2], [1.5, -2])]
    save("typed_lists", model([node("Cast", ["b"], ["c"], to=F), node("Sum", ["x", "a", "c"])], [2], typed))
    m = model([node("Identity", ["x"], ["t"]), node("Dropout", ["t"], ["u"]), node("Tanh", ["u"])], x4)
    helper.set_model_props(m, {"labels": "cat,dog"})
    save("info", m)
    old = model([node("Reshape", ["x"], shape=[2, -1])], x4, opset=1, ir=1)
    del old.opset_import[:]
    for a in old.graph.node[0].attribute:
        a.ClearField("type")
    save("ir_version_1", old)


def external(name, location, **entries):
    m = model([node("Add", ["x", "w"])], [2, 3], [weight("w", 2, 3)])
    t = m.graph.initializer[0]
    t.ClearField("raw_data")
    t.data_location = TensorProto.EXTERNAL
    for key, value in dict(location=location, **entries).items():
        entry = t.external_data.add()
        entry.key, entry.value = key, str(value)
    save(name, m)


def grids():
    x4, x5, theta = [2, 2, 5, 7], [2, 2, 3, 5, 7], weight("t", 2, 2, 3)
    def sample(name, op, x, places, **kw):
        save(name, model([node("GridSample", ["x", "p"], **op)], x, [places], **kw))
    sample("grid_sample_16", {"mode": "bicubic", "padding_mode": "border"}, x4, weight("p", 2, 3, 4, 2), opset=16)
    sample("grid_sample_20", {"mode": "linear", "align_corners": 1}, x4, weight("p", 2, 3, 4, 2), opset=20)
    sample("grid_sample_nearest_volume", {"mode": "nearest"}, x5, weight("p", 2, 1, 3, 2, 3), opset=20)
    sample("grid_sample_volume", {"padding_mode": "reflection"}, x5, weight("p", 2, 1, 3, 2, 3), opset=22)
    save("affine_grid", model([node("AffineGrid", ["t", "s"], ["g"], align_corners=1), node("GridSample", ["x", "g"])], x4,
                              [theta, vector("s", [2, 2, 3, 4])], opset=20))
    save("affine_grid_by_shape", model([node("Shape", ["x"], ["s"]), node("AffineGrid", ["t", "s"], ["g"]),
                                        node("GridSample", ["x", "g"])], [2, 2, "h", "w"], [theta], opset=20))
    save("bad_affine_grid", model([node("AffineGrid", ["x", "s"])], [2, 2, 3], [vector("s", [2, 2, 3])], opset=20))
    sample("bad_grid_sample", {"mode": "cubic"}, x5, weight("p", 2, 1, 3, 2, 3), opset=20)
    sample("bad_grid_sample_shape", {}, [2, 2, 3, "h", 7], weight("p", 2, 1, 3, 2, 3), opset=20)


def bad():
    x4 = [1, 2, 5, 7]
    whole = save("bad_short_weight", model([node("Conv", ["x", "w"])], x4, [weight("w", 3, 2, 3, 3)]))
    m = onnx.ModelProto.FromString(whole)
    (HERE / "bad_cut.onnx").write_bytes(whole[:-40])
    m.graph.initializer[0].raw_data = m.graph.initializer[0].raw_data[:100]
    save("bad_short_weight", m)
    m.graph.initializer[0].ClearField("raw_data")
    save("bad_no_data", m)
    m.graph.initializer[0].dims[0] = -3
    save("bad_dims", m)
    del m.graph.initializer[0].dims[:]
    m.graph.initializer[0].dims.extend([1 << 40, 1 << 40, 3, 3])
    save("bad_huge_dims", m)
    save("bad_cycle", model([node("Add", ["x", "b"], ["a"]), node("Neg", ["a"], ["b"]), node("Exp", ["b"])], x4))
    save("bad_missing_input", model([node("Add", ["x", "w"])], x4))
    save("bad_twice", model([node("Neg", ["x"]), node("Exp", ["x"])], x4))
    save("bad_operator", model([node("Blur", ["x"])], x4))
    save("bad_domain", model([helper.make_node("Forest", ["x"], ["y"], "f", domain="ai.onnx.ml")], x4))
    save("bad_opset", model([node("Neg", ["x"])], x4, opset=99))
    save("bad_output", model([node("Neg", ["x"])], x4, outputs=("nowhere",)))
    save("bad_training", model([node("BatchNormalization", ["x", "s", "s", "s", "s"], training_mode=1)], x4,
                               [weight("s", 2)], opset=14))
    external("bad_external_path", "../secret.bin")
    external("bad_external_size", "external.bin", offset=8, length=24)
    external("external", "external.bin", offset=4, length=24)
    (HERE / "external.bin").write_bytes(np.arange(7, dtype=np.float32).tobytes())
    (HERE / "bad_empty.onnx").write_bytes(b"")
    (HERE / "bad_text.onnx").write_bytes(b"this is no model, only a line of text\n")
    (HERE / "bad_no_graph.onnx").write_bytes(b"\x08\x07")


def body(nodes, inputs, outputs, weights=()):
    return helper.make_graph(nodes, "b", inputs, outputs, list(weights))


def control():
    """Bodies that see x, and the weight w, of the graph around them."""
    bool_, i64 = TensorProto.BOOL, TensorProto.INT64
    then = body([helper.make_node("Add", ["x", "w"], ["t"])], [], [info("t", None)])
    other = body([helper.make_node("Neg", ["x"], ["e"])], [], [info("e", None)])
    truth = vector("c", True, np.bool_)
    less = [helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0), helper.make_node("Less", ["s", "l"], ["c"])]
    limit = vector("l", 1, np.float32)
    save("if_known", model([node("If", ["c"], then_branch=then, else_branch=other)], [1, 2], [truth, weight("w", 2)]))
    save("if_by_data", model(less + [node("If", ["c"], then_branch=then, else_branch=other)], [1, 2], [limit, weight("w", 2)]))
    step = body([helper.make_node("Identity", ["ci"], ["co"]), helper.make_node("Add", ["a", "x"], ["b"]),
                 helper.make_node("Mul", ["b", "w"], ["p"])],
                [info("i", [], i64), info("ci", [], bool_), info("a", [1, 2])], [info("co", [], bool_), info("b", None), info("p", None)])
    save("loop", model([node("Loop", ["m", "c", "x"], ["y", "z"], body=step)], [1, 2],
                       [vector("m", 3), truth, weight("w", 2)], outputs=("y", "z")))
    save("loop_without_end", model([node("Loop", ["", "c", "x"], ["y", "z"], body=step)], [1, 2],
                                   [truth, weight("w", 2)], outputs=("y",)))
    inner = body([helper.make_node("If", ["ci"], ["n"], then_branch=body([helper.make_node("Add", ["a", "x"], ["u"])], [], [info("u", None)]),
                                   else_branch=body([helper.make_node("Sub", ["a", "w"], ["v"])], [], [info("v", None)])),
                  helper.make_node("Identity", ["ci"], ["co"])],
                 [info("i", [], i64), info("ci", [], bool_), info("a", [1, 2])], [info("co", [], bool_), info("n", None)])
    save("loop_if", model([node("Loop", ["m", "", "x"], body=inner)], [1, 2], [vector("m", 2), weight("w", 2)]))
    part = body([helper.make_node("Add", ["s", "p"], ["n"]), helper.make_node("Mul", ["p", "w"], ["q"])],
                [info("s", [2]), info("p", [2])], [info("n", None), info("q", None)])
    save("scan", model([node("Scan", ["h", "x"], ["y", "z"], body=part, num_scan_inputs=1, scan_input_directions=[1],
                             scan_output_axes=[1])], [3, 2], [weight("h", 2), weight("w", 2)], outputs=("y", "z")))
    save("bad_if", model([node("If", ["c"], then_branch=then)], [1, 2], [truth, weight("w", 2)]))
    save("bad_loop", model([node("Loop", ["m", "c"], ["y"], body=step)], [1, 2], [vector("m", 3), truth, weight("w", 2)]))
    save("bad_scan", model([node("Scan", ["h", "x"], body=part, num_scan_inputs=5)], [3, 2], [weight("h", 2), weight("w", 2)]))
    save("bad_scan_8", model([node("Scan", ["h", "x"], body=part, num_scan_inputs=1)], [3, 2], [weight("h", 2), weight("w", 2)], opset=8))
    lost = body([helper.make_node("Neg", ["nowhere"], ["t"])], [], [info("t", None)])
    save("bad_body_input", model([node("If", ["c"], then_branch=lost, else_branch=other)], [1, 2], [truth, weight("w", 2)]))
    own = body([helper.make_node("Neg", ["y"], ["t"])], [], [info("t", None)])
    save("bad_body_cycle", model([node("If", ["c"], then_branch=own, else_branch=other)], [1, 2], [truth, weight("w", 2)]))


good()
control()
grids()
bad()

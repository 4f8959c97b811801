#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py: writes the .pb and .pbtxt files of this folder, one small thing each; needs nothing but Python.

Messages are written byte by byte: a field is its number and wire type, then a number or a length and bytes."""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
FLOAT, INT32, STRING, INT64, BOOL, HALF = 1, 3, 7, 9, 10, 19


# --- Wire.

def varint(v):
    v &= (1 << 64) - 1
    out = bytearray()
    while v >= 128:
        out.append(v & 127 | 128)
        v >>= 7
    out.append(v)
    return bytes(out)


def number(field, v):
    return varint(field << 3) + varint(v)


def inner(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def single(field, v):
    return varint(field << 3 | 5) + struct.pack("<f", v)


# --- TensorFlow's messages.

def shape(dims):
    if dims is None:
        return number(3, 1)
    return b"".join(inner(2, number(1, d)) for d in dims)


def tensor(kind, dims, data=None, fields=b""):
    return number(1, kind) + inner(2, shape(dims)) + (inner(4, data) if data is not None else b"") + fields


def floats(values):
    return struct.pack("<%df" % len(values), *values)


def counting(*dims):
    n = 1
    for d in dims:
        n *= d
    return tensor(FLOAT, dims, floats([i % 7 - 3 for i in range(n)]))


def ints(values, dims=None, kind=INT32):
    code = "<%d%s" % (len(values), "i" if kind == INT32 else "q")
    return tensor(kind, [len(values)] if dims is None else dims, struct.pack(code, *values))


class Type(int):
    pass


class Shape(list):
    pass


def value(v):
    if isinstance(v, Type):
        return number(6, v)
    if isinstance(v, Function):
        return inner(10, inner(1, v))
    if isinstance(v, bool):
        return number(5, v)
    if isinstance(v, int):
        return number(3, v)
    if isinstance(v, float):
        return single(4, v)
    if isinstance(v, str):
        return inner(2, v)
    if isinstance(v, Shape):
        return inner(7, shape(v))
    if v is None:
        return inner(7, shape(None))
    if isinstance(v, bytes):
        return inner(8, v)
    return inner(1, b"".join(number(3, i) for i in v))


def node(name, op, inputs=(), **attrs):
    out = inner(1, name) + inner(2, op) + b"".join(inner(3, i) for i in inputs)
    for key, v in attrs.items():
        out += inner(5, inner(1, key) + inner(2, value(v)))
    return inner(1, out)


def x(*dims, kind=FLOAT):
    return node("x", "Placeholder", dtype=Type(kind), shape=Shape(dims))


def const(name, data):
    return node(name, "Const", value=data)


def graph(*nodes, producer=1087):
    return b"".join(nodes) + (inner(4, number(1, producer)) if producer else b"")


def save(name, *nodes, **options):
    data = graph(*nodes, **options)
    assert len(data) < 2048, (name, len(data))
    (HERE / (name + ".pb")).write_bytes(data)
    return data


class Function(str):
    pass


def function(name, args, outs, nodes, results):
    """args and outs: names with their types; results: out -> "node:output:0"."""
    signature = inner(1, name) + b"".join(
        inner(field, inner(1, n) + number(3, t)) for field, list_ in ((2, args), (3, outs)) for n, t in list_)
    body = b"".join(inner(3, strip(n)) for n in nodes)
    return inner(1, inner(1, signature) + body + b"".join(
        inner(4, inner(1, k) + inner(2, v)) for k, v in results.items()))


def strip(field):
    """A node as a message, without the field that it is of a graph."""
    at = 1
    while field[at] & 128:
        at += 1
    return field[at + 1:]


def library(*functions):
    return inner(2, b"".join(functions))


# --- Files.

def convolutions():
    four = x(1, 7, 5, 2)
    for padding in ("SAME", "VALID"):
        save("conv_" + padding.lower(), four, const("w", counting(3, 3, 2, 3)),
             node("y", "Conv2D", ["x", "w"], strides=[1, 2, 2, 1], padding=padding))
    save("conv_nchw", x(1, 2, 7, 5), const("w", counting(3, 3, 2, 3)),
         node("y", "Conv2D", ["x", "w"], strides=[1, 1, 2, 2], padding="EXPLICIT", data_format="NCHW",
              explicit_paddings=[0, 0, 0, 0, 1, 2, 0, 1]))
    save("conv_group", x(1, 7, 5, 4), const("w", counting(3, 3, 2, 6)),
         node("y", "Conv2D", ["x", "w"], strides=[1, 1, 1, 1], padding="SAME"))
    save("conv_dynamic", x(-1, -1, -1, 2), const("w", counting(3, 3, 2, 3)),
         node("y", "Conv2D", ["x", "w"], strides=[1, 2, 2, 1], padding="SAME"))
    save("depthwise", four, const("w", counting(3, 3, 2, 2)),
         node("y", "DepthwiseConv2dNative", ["x", "w"], strides=[1, 1, 1, 1], padding="SAME"))
    save("conv_3d", x(1, 4, 5, 6, 2), const("w", counting(2, 2, 2, 2, 1)),
         node("y", "Conv3D", ["x", "w"], strides=[1, 1, 1, 1, 1], padding="VALID"))
    save("conv_transposed", four, const("w", counting(3, 3, 3, 2)), const("s", ints([1, 14, 9, 3])),
         node("y", "Conv2DBackpropInput", ["s", "w", "x"], strides=[1, 2, 2, 1], padding="SAME"))
    for name, crop in (("conv_blocks", 0), ("conv_blocks_crop", 1)):
        save(name, four, const("w", counting(3, 3, 2, 3)), const("b", ints([2, 2])),
             const("p", ints([2, 3, 2, 3], [2, 2])), const("c", ints([0, 1, 0, 1 + crop], [2, 2])),
             node("s", "SpaceToBatchND", ["x", "b", "p"]),
             node("v", "Conv2D", ["s", "w"], strides=[1, 1, 1, 1], padding="VALID"),
             node("y", "BatchToSpaceND", ["v", "b", "c"]))
    save("max_pool", four, node("y", "MaxPool", ["x"], ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="SAME"))
    save("avg_pool", four, node("y", "AvgPool", ["x"], ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID"))
    numbers = [const(n, counting(2)) for n in "som"] + [const("v", tensor(FLOAT, [2], floats([1, 2])))]
    save("batch_norm", four, *numbers,
         node("y", "FusedBatchNormV3", ["x", "s", "o", "m", "v"], is_training=False, epsilon=0.25))
    save("batch_norm_training", four, *numbers[:2], const("e", tensor(FLOAT, [0])),
         node("y", "FusedBatchNorm", ["x", "s", "o", "e", "e"]))
    save("lrn", four, node("y", "LRN", ["x"], depth_radius=1))


def moves():
    save("strided_slice", x(2, 3, 4, 5), const("b", ints([1, 0, 0, 1])), const("e", ints([2, 0, 0, 3])),
         const("s", ints([1, 1, 1, 1])), node("y", "StridedSlice", ["x", "b", "e", "s"], shrink_axis_mask=1,
                                              new_axis_mask=2, ellipsis_mask=4))
    save("pack_reshape", x(-1, 3, 4), node("s", "Shape", ["x"]), const("0", ints([0])), const("1", ints([1])),
         node("n", "StridedSlice", ["s", "0", "1", "1"], shrink_axis_mask=1), const("k", ints([12], [])),
         node("p", "Pack", ["n", "k"]), node("y", "Reshape", ["x", "p"]))
    save("split", x(2, 6), const("a", ints([1], [])), node("s", "Split", ["a", "x"], num_split=3),
         node("y", "ConcatV2", ["s:2", "s", "s:1", "a"]))
    save("resize", x(1, 4, 5, 2), const("s", ints([8, 15])),
         node("y", "ResizeBilinear", ["x", "s"], half_pixel_centers=True))
    save("pad", x(2, 3), const("p", ints([1, 0, 0, 2], [2, 2])), node("y", "Pad", ["x", "p"]))
    save("arg_max", x(2, 3), const("a", ints([1], [])), node("y", "ArgMax", ["x", "a"]))
    save("mean", x(1, 4, 5, 2), const("a", ints([1, 2])), node("y", "Mean", ["x", "a"], keep_dims=True))
    save("fake_quant", x(2, 3), node("y", "FakeQuantWithMinMaxArgs", ["x"]))


def forms():
    save("training", x(2, 3), node("y", "Relu", ["x"]), node("v", "VariableV2", shape=Shape([3]), dtype=Type(FLOAT)),
         node("loss", "ScalarSummary", ["y", "y"]), node("step", "AssignAdd", ["v", "y"]),
         node("gradients/z", "Neg", ["y"]), node("init", "NoOp", ["^step"]), node("z", "Tanh", ["y", "^step"]))
    save("two_outputs", x(2, 3), node("a", "Relu", ["x"]), node("b", "Tanh", ["x:0"]))
    save("default", x(2, 3), const("c", counting(3)), node("d", "PlaceholderWithDefault", ["c"], dtype=Type(FLOAT),
                                                           shape=Shape([3])), node("y", "Mul", ["x", "d"]))
    save("switches", x(2, 3), node("p", "Placeholder", dtype=Type(BOOL), shape=Shape([])),
         node("y", "Select", ["p", "x", "x"]))
    save("old_shape", node("x", "Placeholder", dtype=Type(FLOAT), shape=Shape([])), node("y", "Relu", ["x"]),
         producer=21)
    save("unsorted", node("y", "Neg", ["a"]), node("a", "Exp", ["x"]), x(2, 3))
    lists = b"".join(single(5, v) for v in (1.5, -2))
    packed = inner(13, varint(0x3E00) + varint(0xC000))  # 1.5, -2
    save("lists", x(2), const("a", tensor(FLOAT, [2], fields=lists)), const("b", tensor(HALF, [2], fields=packed)),
         const("c", tensor(FLOAT, [2], fields=single(5, 0.25))), const("z", tensor(FLOAT, [2])),
         node("f", "Cast", ["b"], DstT=Type(FLOAT)), node("y", "AddN", ["x", "a", "f", "c", "z"]))
    save("unread_string", x(2), const("s", tensor(STRING, [], fields=inner(8, "no number"))),
         node("t", "TensorSummary", ["x", "s"]), node("y", "Neg", ["x"]))
    (HERE / "text.pbtxt").write_text("""# one convolution, its filter as escaped bytes
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: 1 } dim { size: 3 } dim { size: 3 } dim { size: 1 } } } } }
node { name: 'w' op: 'Const' attr { key: 'value' value { tensor { dtype: DT_FLOAT
  tensor_shape { dim { size: 1 } dim { size: 1 } dim { size: 1 } dim { size: 2 } }
  tensor_content: "\\000\\000\\200?" "\\000\\000\\000\\300" } } } }   # 1, -2
node { name: "b" op: "Const" device: "/cpu:0" attr { key: "value" value { tensor { dtype: DT_FLOAT
  tensor_shape { dim < size: 2 > } float_val: [0.5, -0.25] } } } }
node { name: "c" op: "Conv2D" input: "x" input: "w" attr { key: "strides" value { list { i: [1, 1, 1, 1] } } }
  attr { key: "padding" value { s: "VALID" } } }
node { name: "y" op: "BiasAdd" input: "c" input: "b" }
versions { producer: 1087 }
""")


def loops():
    """Three rounds of x = 2 x, and the rows of x put into a list backwards."""
    state = [("i", INT32), ("v", FLOAT)]
    cond = function("go_on", state, [("y", BOOL)],
                    [const("n", ints([3], [])), node("less", "Less", ["i", "n:output:0"])], {"y": "less:z:0"})
    body = function("twice", state, [("j", INT32), ("w", FLOAT)],
                    [const("one", ints([1], [])), node("next", "AddV2", ["i", "one:output:0"]),
                     node("sum", "AddV2", ["v", "v"])], {"j": "next:z:0", "w": "sum:z:0"})
    start = const("zero", ints([0], []))
    rounds = dict(cond=Function("go_on"), body=Function("twice"))
    save("loop", x(2), start, node("l", "StatelessWhile", ["zero", "x"], **rounds), node("y", "Neg", ["l:1"]),
         library(cond, body))
    lists = function("put", [*state, ("l", 21)], [("j", INT32), ("w", FLOAT), ("k", 21)],
                     [const("one", ints([1], [])), const("two", ints([2], [])), const("s", ints([2])),
                      node("next", "AddV2", ["i", "one:output:0"]), node("back", "Sub", ["two:output:0", "i"]),
                      node("all", "TensorListFromTensor", ["v", "s:output:0"]),
                      node("row", "TensorListGetItem", ["all:output_handle:0", "i", "s:output:0"]),
                      node("set", "TensorListSetItem", ["l", "back:z:0", "row:item:0"])],
                     {"j": "next:z:0", "w": "v", "k": "set:output_handle:0"})
    more = function("go_on", [*state, ("l", 21)], [("y", BOOL)],
                    [const("n", ints([3], [])), node("less", "Less", ["i", "n:output:0"])], {"y": "less:z:0"})
    save("lists_of_tensors", x(3, 2), start, const("s", ints([2])), const("n", ints([3], [])),
         node("r", "TensorListReserve", ["s", "n"], element_dtype=Type(FLOAT)),
         node("l", "While", ["zero", "x", "r"], cond=Function("go_on"), body=Function("put")),
         node("y", "TensorListStack", ["l:2", "s"]), library(more, lists))
    endless = function("go_on", state, [("y", BOOL)],
                       [const("n", ints([3], [])), node("less", "LessEqual", ["n:output:0", "n:output:0"])],
                       {"y": "less:z:0"})
    save("bad_endless", x(2), start, node("l", "While", ["zero", "x"], **rounds), node("y", "Neg", ["l:1"]),
         library(endless, body))
    def by_data(*more):
        """While the largest of v is below 100."""
        return function("go_on", [*state, *more], [("y", BOOL)],
                        [const("axis", ints([0])), const("most", tensor(FLOAT, [], floats([100]))),
                         node("m", "Max", ["v", "axis:output:0"]), node("less", "Less", ["m:output:0", "most:output:0"])],
                        {"y": "less:z:0"})
    save("loop_by_data", x(2), start, node("l", "StatelessWhile", ["zero", "x"], **rounds), node("y", "Neg", ["l:1"]),
         library(by_data(), body))
    scaled = function("twice", [*state, ("s", FLOAT)], [("j", INT32), ("w", FLOAT), ("t", FLOAT)],
                      [const("one", ints([1], [])), node("next", "AddV2", ["i", "one:output:0"]),
                       node("product", "Mul", ["v", "s"]), node("same", "Identity", ["s"])],
                      {"j": "next:z:0", "w": "product:z:0", "t": "same:output:0"})
    save("loop_with_weight", x(2), start, const("by", tensor(FLOAT, [2], floats([4, 0.5]))),
         node("l", "While", ["zero", "x", "by"], **rounds), node("y", "Neg", ["l:1"]), library(by_data(("s", FLOAT)), scaled))
    save("bad_rounds", x(3, 2), start, const("s", ints([2])), const("n", ints([3], [])),
         node("r", "TensorListReserve", ["s", "n"], element_dtype=Type(FLOAT)),
         node("l", "While", ["zero", "x", "r"], cond=Function("go_on"), body=Function("put")),
         node("y", "TensorListStack", ["l:2", "s"]), library(by_data(("l", 21)), lists))
    same = function("twice", state, [("j", INT32), ("w", FLOAT)], [], {"j": "i", "w": "v"})
    save("bad_still", x(2), start, node("l", "While", ["zero", "x"], **rounds), node("y", "Neg", ["l:1"]),
         library(by_data(), same))
    nested = function("twice", state, [("j", INT32), ("w", FLOAT)],
                      [node("again", "While", ["i", "v"], **rounds)], {"j": "again:output:0", "w": "again:output:1"})
    save("bad_nested", x(2), start, node("l", "While", ["zero", "x"], **rounds), node("y", "Neg", ["l:1"]),
         library(cond, nested))
    save("bad_function", x(2), start, node("l", "While", ["zero", "x"], **rounds), node("y", "Neg", ["l:1"]),
         library(cond))
    save("bad_list", x(2), const("s", ints([2])), const("n", ints([3], [])),
         node("r", "TensorListReserve", ["s", "n"], element_dtype=Type(FLOAT)), node("y", "Neg", ["r"]))


def frame(body, last, start):
    """A loop of frames that carries i and v: body makes of "s_i:1" and "s_v:1" what last names; while i < last."""
    def carried(name, first):
        return [node("e_" + name, "Enter", [first], frame_name="f"),
                node("m_" + name, "Merge", ["e_" + name, "n_" + name]),
                node("s_" + name, "Switch", ["m_" + name, "go_on"]),
                node("x_" + name, "Exit", ["s_" + name])]
    return [*carried("i", "zero"), *carried("v", start), const("zero", ints([0], [])), const("one", ints([1], [])),
            node("less", "Less", ["m_i", last]), node("go_on", "LoopCond", ["less"]),
            node("add", "AddV2", ["s_i:1", "one"]), node("n_i", "NextIteration", ["add"]), *body]


def frames():
    """Three rounds of v = 2 v, and the rows of x put backwards into an array by a loop."""
    twice = [node("twice", "AddV2", ["s_v:1", "s_v:1"]), node("n_v", "NextIteration", ["twice"])]
    three = const("three", ints([3], []))
    save("frames", x(2), three, *frame(twice, "three", "x"), node("y", "Neg", ["x_v"]))
    puts = [const("two", ints([2], [])), node("back", "Sub", ["two", "s_i:1"]),
            node("e_a", "Enter", ["a"], frame_name="f", is_constant=True),
            node("e_b", "Enter", ["b"], frame_name="f", is_constant=True),
            node("e_f", "Enter", ["all"], frame_name="f", is_constant=True),
            node("row", "TensorArrayReadV3", ["e_b", "s_i:1", "e_f"], dtype=Type(FLOAT)),
            node("put", "TensorArrayWriteV3", ["e_a", "back", "row", "s_v:1"]),
            node("n_v", "NextIteration", ["put"])]
    save("frames_of_arrays", x(3, 2), three, const("order", ints([0, 1, 2])),
         node("a", "TensorArrayV3", ["three"], dtype=Type(FLOAT)), node("b", "TensorArrayV3", ["three"], dtype=Type(FLOAT)),
         node("all", "TensorArrayScatterV3", ["b", "order", "x", "b:1"]), *frame(puts, "three", "a:1"),
         node("y", "TensorArrayGatherV3", ["a", "order", "x_v"], dtype=Type(FLOAT)))
    save("bad_frame", x(2), node("e", "Enter", ["x"], frame_name="f"), node("l", "Exit", ["e"]), node("y", "Neg", ["l"]))
    most = [const("axis", ints([0])), node("most", "Max", ["e_x", "axis"]),
            node("e_x", "Enter", ["x"], frame_name="f", is_constant=True),
            node("c", "Cast", ["most"], SrcT=Type(FLOAT), DstT=Type(INT32))]
    save("frames_by_data", x(2), *most, *frame(twice, "c", "x"), node("y", "Neg", ["x_v"]))
    around = [node("twice", "AddV2", ["s_v:1", "e_v"]), node("n_v", "NextIteration", ["twice"])]
    save("bad_frame_around", x(2), *most, *frame(around, "c", "x"), node("y", "Neg", ["x_v"]))
    whole = [node("last", "Max", ["e_x", "axis_2"]), const("axis_2", ints([0, 1])),
             node("e_x", "Enter", ["x"], frame_name="f", is_constant=True),
             node("c", "Cast", ["last"], SrcT=Type(FLOAT), DstT=Type(INT32))]
    save("bad_frame_rounds", x(3, 2), three, const("order", ints([0, 1, 2])), *whole,
         node("a", "TensorArrayV3", ["three"], dtype=Type(FLOAT)), node("b", "TensorArrayV3", ["three"], dtype=Type(FLOAT)),
         node("all", "TensorArrayScatterV3", ["b", "order", "x", "b:1"]), *frame(puts, "c", "a:1"),
         node("y", "TensorArrayGatherV3", ["a", "order", "x_v"], dtype=Type(FLOAT)))
    never = [p for p in frame(twice, "same", "x") if b"\x0a\x04less" not in p]
    save("bad_frame_endless", x(2), const("same", ints([3], [])), *never, node("less", "LessEqual", ["same", "same"]),
         node("y", "Neg", ["x_v"]))


def bad():
    whole = graph(x(1, 3, 3, 1), const("w", counting(3, 3, 1, 2)),
                  node("y", "Conv2D", ["x", "w"], strides=[1, 1, 1, 1], padding="SAME"))
    (HERE / "bad_cut.pb").write_bytes(whole[:120])
    (HERE / "bad_empty.pb").write_bytes(b"")
    (HERE / "bad_other.pb").write_bytes(b"\x08\x07\x12\x00")
    (HERE / "bad_text.pbtxt").write_text('node { name: "x"\n  op: "Placeholder\n}\n')
    (HERE / "bad_open.pbtxt").write_text('node { name: "x"\n  op: "Placeholder"\n')
    (HERE / "bad_value.pbtxt").write_text('node { name: "x" op: "Const"\n  attr { key: "n" value { i: many } } }\n')
    conv = dict(strides=[1, 1, 1, 1], padding="SAME")
    save("bad_short", x(1, 3, 3, 1), const("w", tensor(FLOAT, [3, 3, 1, 2], floats([1] * 5))),
         node("y", "Conv2D", ["x", "w"], **conv))
    save("bad_many", x(2), const("w", tensor(FLOAT, [2], fields=b"".join(single(5, 1) for _ in range(3)))),
         node("y", "Add", ["x", "w"]))
    save("bad_huge", x(2), const("w", tensor(FLOAT, [1 << 40, 1 << 40])), node("y", "Add", ["x", "w"]))
    save("bad_balloon", x(2), const("w", tensor(FLOAT, [1 << 28, 2])), node("y", "Add", ["x", "w"]))
    save("bad_negative", x(2), const("w", tensor(FLOAT, [-2])), node("y", "Add", ["x", "w"]))
    save("bad_string", x(2), const("w", tensor(STRING, [2])), node("y", "Add", ["x", "w"]))
    save("bad_no_value", x(2), node("w", "Const"), node("y", "Add", ["x", "w"]))
    save("bad_cycle", x(2), node("a", "Add", ["x", "b"]), node("b", "Neg", ["a"]), node("y", "Exp", ["b"]))
    save("bad_missing", x(2), node("y", "Add", ["x", "w"]))
    save("bad_port", x(2), node("a", "Relu", ["x"]), node("y", "Add", ["x", "a:3"]))
    save("bad_inputs", x(2), node("y", "Add", ["x"]))
    save("bad_operator", x(2), node("y", "Blur", ["x"]))
    save("bad_random", x(2), const("s", ints([2])), node("r", "RandomUniform", ["s"]), node("y", "Add", ["x", "r"]))
    save("bad_variable", x(2), node("v", "VariableV2", dtype=Type(FLOAT), shape=Shape([2])),
         node("y", "Add", ["x", "v"]))
    save("bad_twice", x(2), node("y", "Relu", ["x"]), node("y", "Tanh", ["x"]))
    save("bad_type", x(2, kind=STRING), node("y", "Relu", ["x"]))
    save("bad_nothing", const("w", counting(2)), node("init", "NoOp"))
    save("bad_rank", node("x", "Placeholder", dtype=Type(FLOAT)), node("y", "Softmax", ["x"]))
    save("bad_strides", x(1, 3, 3, 1), const("w", counting(3, 3, 1, 2)),
         node("y", "Conv2D", ["x", "w"], strides=[1, 0, 1, 1], padding="SAME"))
    save("bad_batch_stride", x(1, 3, 3, 1),
         node("y", "MaxPool", ["x"], ksize=[1, 2, 2, 1], strides=[2, 1, 1, 1], padding="SAME"))
    save("bad_padding", x(1, 3, 3, 1), const("w", counting(3, 3, 1, 2)),
         node("y", "Conv2D", ["x", "w"], strides=[1, 1, 1, 1], padding="AROUND"))
    save("bad_layout", x(1, 3, 3, 1), node("y", "MaxPool", ["x"], ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1],
                                           padding="SAME", data_format="CHWN"))
    save("bad_deep_shape", node("x", "Placeholder", dtype=Type(FLOAT), shape=Shape([1] * 40)),
         node("y", "Relu", ["x"]))


convolutions()
moves()
forms()
loops()
frames()
bad()

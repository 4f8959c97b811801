#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py: writes the small TFLite files beside it. FlatBuffers are written by the few lines below, so that the
files can also lie about themselves."""
import io
import pathlib
import struct
import sys
import zipfile

HERE = pathlib.Path(__file__).parent
F32, F16, I32, U8, I64, STRING, BOOL, I16, I8 = 0, 1, 2, 3, 4, 5, 6, 7, 9
FORMATS = {"i8": "b", "u8": "B", "bool": "?", "i16": "h", "u16": "H", "i32": "i", "u32": "I", "i64": "q", "u64": "Q",
           "f32": "f"}
ELEMENTS = {F32: "f", F16: "e", I32: "i", U8: "B", I64: "q", BOOL: "?", I16: "h", I8: "b"}


class Vector:
    """Scalars of one kind, or tables and texts (kind None)."""

    def __init__(self, kind, items, align=4):
        self.kind, self.items, self.align = kind, list(items), align


def number(kind, value):
    return struct.pack("<" + FORMATS[kind], value)


class Writer:
    """A table is a dict {field id: (kind, value) or table or Vector or str or bytes}. What is pointed at comes after."""

    def __init__(self):
        self.out = bytearray()

    def pad(self, align, ahead=0):
        while (len(self.out) + ahead) % align:
            self.out.append(0)

    def point(self, at, to):
        struct.pack_into("<I", self.out, at, to - at)

    def any(self, value):
        if isinstance(value, dict):
            return self.table(value)
        if isinstance(value, str):
            value = value.encode()
            self.pad(4)
            at = len(self.out)
            self.out += number("u32", len(value)) + value + b"\0"
            return at
        if isinstance(value, bytes):
            value = Vector("u8", value, 16)
        self.pad(max(4, value.align), 4)
        at = len(self.out)
        self.out += number("u32", len(value.items))
        if value.kind == "u8":
            self.out += bytes(value.items)
        elif value.kind:
            for item in value.items:
                self.out += number(value.kind, item)
        else:
            first = len(self.out)
            self.out += bytes(4 * len(value.items))
            for i, item in enumerate(value.items):
                self.point(first + 4 * i, self.any(item))
        return at

    def table(self, fields):
        fields = {k: v for k, v in fields.items() if v is not None}
        slots, body, offset = [0] * (max(fields, default=-1) + 1), [], 4
        for k in sorted(fields):
            v = fields[k]
            data = number(*v) if isinstance(v, tuple) else bytes(4)
            offset += -offset % len(data)
            slots[k] = offset
            body.append((offset, data))
            offset += len(data)
        self.pad(8)
        vtable = len(self.out)
        self.out += struct.pack("<HH", 4 + 2 * len(slots), offset) + struct.pack("<%dH" % len(slots), *slots)
        self.pad(8)
        at = len(self.out)
        self.out += bytes(offset)
        struct.pack_into("<i", self.out, at, at - vtable)
        for place, data in body:
            self.out[at + place:at + place + len(data)] = data
        for k in sorted(fields):
            if not isinstance(fields[k], tuple):
                self.point(at + slots[k], self.any(fields[k]))
        return at


def flat(root, identifier=b"TFL3"):
    w = Writer()
    w.out += bytes(4) + identifier
    w.point(0, w.table(root))
    return bytes(w.out)


def ints(values):
    return None if values is None else Vector("i32", values)


def tensor(name, shape, type=F32, data=None, scale=None, zero=None, axis=0, signature=None, raw=None, **more):
    return dict(name=name, shape=shape, type=type, data=data, scale=scale, zero=zero, axis=axis, signature=signature,
                raw=raw, more=more)


def op(code, inputs, outputs, options=None, custom=None, custom_options=None):
    """options: (type in the union, fields)."""
    return dict(code=code, inputs=inputs, outputs=outputs, options=options, custom=custom,
                custom_options=custom_options)


def subgraph(tensors, ops, inputs, outputs, codes, buffers, name="main"):
    index = {t["name"]: i for i, t in enumerate(tensors)}
    where = lambda names: ints([n if isinstance(n, int) else index[n] for n in names])
    tables, nodes = [], []
    for t in tensors:
        raw, q = t["raw"], None
        if raw is None and t["data"] is not None:
            raw = struct.pack("<%d%s" % (len(t["data"]), ELEMENTS[t["type"]]), *t["data"])
        if t["scale"] is not None:
            q = {2: Vector("f32", t["scale"]), 3: Vector("i64", t["zero"] or [0] * len(t["scale"]), 8),
                 6: ("i32", t["axis"])}
        table = {0: ints(t["shape"]), 1: ("i8", t["type"]), 2: ("u32", 0 if raw is None else len(buffers)),
                 3: t["name"], 4: q, 7: ints(t["signature"])}
        table.update(t["more"].get("fields", {}))
        tables.append(table)
        if raw is not None:
            buffers.append({0: raw})
    for o in ops:
        key = (o["code"], o["custom"])
        if key not in codes:
            codes.append(key)
        kind, fields = o["options"] or (0, None)
        nodes.append({0: ("u32", codes.index(key)), 1: where(o["inputs"]), 2: where(o["outputs"]),
                      3: ("u8", kind) if kind else None, 4: fields, 5: o["custom_options"]})
    return {0: Vector(None, tables), 1: where(inputs), 2: where(outputs), 3: Vector(None, nodes), 4: name}


def model(*graphs, version=3, signatures=None, metadata=None, **more):
    """graphs: (tensors, ops, inputs, outputs)."""
    codes, buffers = [], [{}]
    parts = [subgraph(*g, codes, buffers) for g in graphs]
    table = {0: ("u32", version), 2: Vector(None, parts), 3: "make.py"}
    if metadata is not None:
        table[6] = Vector(None, [{0: "TFLITE_METADATA", 1: ("u32", len(buffers))}])
        buffers.append({0: metadata})
    table[1] = Vector(None, [{0: ("i8", min(c, 127)), 1: custom, 3: ("i32", c)} for c, custom in codes])
    table[4] = Vector(None, buffers)
    if signatures:
        table[7] = Vector(None, [{0: Vector(None, [{0: n, 1: ("u32", i)} for n, i in ins]),
                                  1: Vector(None, [{0: n, 1: ("u32", i)} for n, i in outs]), 2: key,
                                  4: ("u32", graph)} for key, graph, ins, outs in signatures])
    table.update(more.get("fields", {}))
    return flat(table)


# --- The files. -------------------------------------------------------------------------------------

ADD, AVERAGE_POOL, CONCAT, CONV, DEPTHWISE, DEQUANTIZE, DENSE, MAX_POOL = 0, 1, 2, 3, 4, 6, 9, 17
LOGISTIC, MUL, RESIZE_BILINEAR = 14, 18, 23
RELU, RESHAPE, SOFTMAX, PAD, SPACE_TO_BATCH, BATCH_TO_SPACE, STRIDED_SLICE = 19, 22, 25, 34, 38, 37, 45
SUB, TRANSPOSE_CONV, SHAPE, PACK, LESS, IF, WHILE, QUANTIZE, DENSIFY, SEQUENCE_LSTM = 41, 67, 77, 83, 58, 118, 119, 114, 124, 44
CALL_ONCE, VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE, COMPOSITE, HASHTABLE, CUSTOM = 129, 142, 143, 144, 206, 136, 32


def counting(n):
    return [k % 7 - 3 for k in range(n)]


def product(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def weight(name, *shape, **more):
    return tensor(name, list(shape), data=counting(product(shape)), **more)


def whole(name, values, shape=None, type=I32):
    return tensor(name, shape if shape is not None else [len(values)], type, data=values)


def conv_options(padding=0, stride=1, act=0, dilation=1):
    return 1, {0: ("i8", padding), 1: ("i32", stride), 2: ("i32", stride), 3: ("i8", act), 4: ("i32", dilation),
               5: ("i32", dilation)}


def save(name, data):
    assert len(data) < 8192, (name, len(data))
    (HERE / (name + ".tflite")).write_bytes(data)
    return data


def conv_model(**more):
    return model(([tensor("x", [1, 5, 6, 2], signature=[-1, 5, 6, 2]), weight("w", 3, 3, 3, 2), weight("b", 3),
                   tensor("y", [1, 3, 3, 3])],
                  [op(CONV, ["x", "w", "b"], ["y"], conv_options(0, 2, 3))], ["x"], ["y"]), **more)


def unary(code, shape=(2, 3), out=None, options=None, extra=(), custom=None, custom_options=None, **more):
    names = ["x"] + [t["name"] for t in extra]
    return model(([tensor("x", list(shape)), *extra, tensor("y", list(out or shape))],
                  [op(code, names, ["y"], options, custom, custom_options)], ["x"], ["y"]), **more)


def quantised(type=I8, zero=-10):
    lowest = 0 if type == U8 else -128
    return model(([tensor("x", [1, 4], type, scale=[0.5], zero=[zero]),
                   tensor("w", [3, 4], I8 if type == I8 else U8, counting(12) if type == I8 else [k + 3 for k in counting(12)],
                          scale=[0.25] if type == U8 else [0.25, 0.5, 1.0], zero=[3] if type == U8 else None),
                   tensor("b", [3], I32, [2, -4, 1], scale=[0.125] if type == U8 else [0.125, 0.25, 0.5]),
                   tensor("y", [1, 3], type, scale=[0.5], zero=[lowest + 100])],
                  [op(DENSE, ["x", "w", "b"], ["y"], (8, {0: ("i8", 0)}))], ["x"], ["y"]))


def steps(type=I8):
    """Many quantised operators, one after the other, whose steps all differ."""
    lowest = 0 if type == U8 else -128
    zero_w = 101 if type == U8 else 0
    tensors, ops = [], []

    def act(name, shape, scale, zero):
        tensors.append(tensor(name, shape, type, scale=[scale], zero=[zero + lowest + 128]))
        return name

    def filters(name, shape, channels, axis, factor):
        n = product(shape)
        scales = [0.001 + 0.0003 * k for k in range(channels)] if type == I8 else [0.0013]
        tensors.append(tensor(name, shape, type, [k * factor % 255 - 127 + (128 if type == U8 else 0) for k in range(n)],
                              scale=scales, zero=[zero_w] * len(scales), axis=axis))
        return name

    def bias(name, n, scale):
        scales = [scale * (0.001 + 0.0003 * k) for k in range(n)] if type == I8 else [scale * 0.0013]
        tensors.append(tensor(name, [n], I32, [k * 37 % 101 - 50 for k in range(n)], scale=scales))
        return name

    x = act("x", [1, 6, 6, 3], 0.05, -7)
    a = act("a", [1, 6, 6, 8], 0.03, -100)
    ops.append(op(CONV, [x, filters("w1", [8, 3, 3, 3], 8, 0, 59), bias("b1", 8, 0.05)], [a], conv_options(0, 1, 3)))
    b = act("b", [1, 6, 6, 8], 0.021, 13)
    ops.append(op(DEPTHWISE, [a, filters("w2", [1, 3, 3, 8], 8, 3, 83), bias("b2", 8, 0.03)], [b],
                  (2, {0: ("i8", 0), 1: ("i32", 1), 2: ("i32", 1), 3: ("i32", 1), 4: ("i8", 0)})))
    c = act("c", [1, 6, 6, 8], 0.047, 3)
    ops.append(op(ADD, [a, b], [c], (11, {0: ("i8", 1)})))
    d = act("d", [1, 3, 3, 8], 0.047, 3)
    ops.append(op(AVERAGE_POOL, [c], [d], (5, {0: ("i8", 1), 1: ("i32", 2), 2: ("i32", 2), 3: ("i32", 2), 4: ("i32", 3)})))
    e = act("e", [1, 3, 3, 8], 1 / 256, -128)
    ops.append(op(LOGISTIC, [d], [e]))
    f = act("f", [1, 3, 3, 8], 0.019, -30)
    ops.append(op(MUL, [d, e], [f], (21, {0: ("i8", 0)})))
    g = act("g", [1, 5, 4, 8], 0.019, -30)
    tensors.append(whole("size", [5, 4]))
    ops.append(op(RESIZE_BILINEAR, [f, "size"], [g], (15, {3: ("bool", True)})))
    h = act("h", [1, 7, 6, 8], 0.019, -30)
    tensors.append(whole("pads", [0, 0, 1, 1, 1, 1, 0, 0], [4, 2]))
    ops.append(op(PAD, [g, "pads"], [h], (22, {})))
    i = act("i", [1, 3, 2, 5], 0.04, 9)
    ops.append(op(CONV, [h, filters("w3", [5, 3, 3, 8], 5, 0, 71), bias("b3", 5, 0.019)], [i], conv_options(1, 2, 0)))
    tensors.append(whole("to", [1, 30]))
    j = act("j", [1, 30], 0.04, 9)
    ops.append(op(RESHAPE, [i, "to"], [j]))
    k = act("k", [1, 7], 0.05, -20)
    ops.append(op(DENSE, [j, filters("w4", [7, 30], 7, 0, 97), bias("b4", 7, 0.04)], [k], (8, {0: ("i8", 0)})))
    y = act("y", [1, 7], 1 / 256, -128)
    ops.append(op(SOFTMAX, [k], [y], (9, {0: ("f32", 1.0)})))
    return model((tensors, ops, [x], [y, k]))


def labels():
    archive = io.BytesIO()
    about = flat({0: "pets", 1: "tells cats from dogs",
                  3: Vector(None, [{3: Vector(None, [{6: Vector(None, [{0: "labels.txt", 2: ("i8", 2)}])}])}])}, b"M001")
    data = unary(SOFTMAX, options=(9, {0: ("f32", 1.0)}), metadata=about)
    archive.write(data)
    with zipfile.ZipFile(archive, "a") as z:
        z.writestr(zipfile.ZipInfo("labels.txt", (2020, 1, 1, 0, 0, 0)), "cat\ndog, small\nbird\n")
    return archive.getvalue()


def sparse(block):
    """[4, 4] in rows of CSR, or in blocks of 2 x 2."""
    dense = lambda n: {0: ("i8", 0), 1: ("i32", n)}
    csr = lambda segments, indices: {0: ("i8", 1), 2: ("u8", 3), 3: {0: Vector("u8", segments)}, 4: ("u8", 1), 5: {0: ints(indices)}}
    if block:
        fields = {0: ints([0, 1, 2, 3]), 1: ints([0, 1]), 2: Vector(None, [dense(2), csr([0, 1, 2], [1, 0]), dense(2), dense(2)])}
        data = [1, 2, 3, 4, 5, 6, 7, 8]
    else:
        fields = {0: ints([0, 1]), 2: Vector(None, [dense(4), csr([0, 1, 1, 3, 4], [2, 0, 3, 1])])}
        data = [1, 2, 3, 4]
    return model(([tensor("x", [1, 4]), tensor("s", [4, 4], data=data, fields={6: fields}), tensor("w", [4, 4]), tensor("y", [1, 4])],
                  [op(DENSIFY, ["s"], ["w"]), op(DENSE, ["x", "w"], ["y"], (8, {}))], ["x"], ["y"]))


def sparse_large():
    """A few elements that would unpack to a gigabyte."""
    dense = {0: ("i8", 0), 1: ("i32", 16384)}
    csr = {0: ("i8", 1), 2: ("u8", 3), 3: {0: Vector("u8", [0, 1])}, 4: ("u8", 1), 5: {0: ints([2])}}
    fields = {0: ints([0, 1]), 2: Vector(None, [dense, csr])}
    return model(([tensor("x", [1, 16384]), tensor("s", [16384, 16384], raw=bytes(4), fields={6: fields}), tensor("w", [16384, 16384]), tensor("y", [1, 16384])],
                  [op(DENSIFY, ["s"], ["w"]), op(DENSE, ["x", "w"], ["y"], (8, {}))], ["x"], ["y"]))


def variables():
    handle = lambda: tensor("handle", [], 13)
    name = (111, {0: "", 1: "counter"})
    main = ([tensor("x", [2]), handle(), tensor("v", [2]), tensor("y", [2])],
            [op(CALL_ONCE, [], [], (103, {0: ("i32", 1)})), op(VAR_HANDLE, [], ["handle"], name),
             op(READ_VARIABLE, ["handle"], ["v"]), op(ADD, ["x", "v"], ["y"], (11, {}))], ["x"], ["y"])
    init = ([handle(), weight("first", 2)], [op(VAR_HANDLE, [], ["handle"], name), op(ASSIGN_VARIABLE, ["handle", "first"], [])], [], [])
    return model(main, init)


def loop(limit=3, by_data=False):
    """while (i < limit) { i++; v += v; }"""
    main = ([whole("zero", [0], []), tensor("x", [2]), tensor("i", [], I32), tensor("y", [2])],
            [op(WHILE, ["zero", "x"], ["i", "y"], (93, {0: ("i32", 1), 1: ("i32", 2)}))], ["x"], ["y"])
    if by_data:
        condition = ([tensor("i", [], I32), tensor("v", [2]), tensor("limit", [1], data=[5]), tensor("s", [1]), tensor("go", [1], BOOL), whole("axis", [0])],
                     [op(82, ["v", "axis"], ["s"], (27, {0: ("bool", True)})), op(LESS, ["s", "limit"], ["go"])], ["i", "v"], ["go"])
    else:
        condition = ([tensor("i", [], I32), tensor("v", [2]), whole("limit", [limit], []), tensor("go", [], BOOL)],
                     [op(LESS, ["i", "limit"], ["go"])], ["i", "v"], ["go"])
    body = ([tensor("i", [], I32), tensor("v", [2]), whole("one", [1], []), tensor("j", [], I32), tensor("w", [2])],
            [op(ADD, ["i", "one"], ["j"], (11, {})), op(ADD, ["v", "v"], ["w"], (11, {}))], ["i", "v"], ["j", "w"])
    return model(main, condition, body)


def branch(same):
    """x[0] > 0 ? x + x : -x, or a part of it."""
    main = ([tensor("x", [2]), whole("b", [0]), whole("e", [1]), tensor("f", [1]), tensor("zero", [], data=[0]), tensor("p", [1], BOOL), tensor("y", [2])],
            [op(STRIDED_SLICE, ["x", "b", "e", "e"], ["f"], (32, {})), op(LESS, ["zero", "f"], ["p"]),
             op(IF, ["p", "x"], ["y"], (92, {0: ("i32", 1), 1: ("i32", 2)}))], ["x"], ["y"])
    then = ([tensor("x", [2]), tensor("y", [2])], [op(ADD, ["x", "x"], ["y"], (11, {}))], ["x"], ["y"])
    other = ([tensor("x", [2]), tensor("y", [2])], [op(59, ["x"], ["y"])], ["x"], ["y"]) if same else \
        ([tensor("x", [2]), whole("b", [1]), whole("e", [2]), whole("o", [1]), tensor("y", [1])],
         [op(STRIDED_SLICE, ["x", "b", "e", "o"], ["y"], (32, {}))], ["x"], ["y"])
    return model(main, then, other)


def composite(graph=1):
    main = ([tensor("x", [2]), tensor("y", [2])],
            [op(COMPOSITE, ["x"], ["y"])], ["x"], ["y"])
    inner = ([tensor("a", [2]), tensor("b", [2])], [op(RELU, ["a"], ["b"])], ["a"], ["b"])
    parts = [main, inner]
    global subgraph
    plain = subgraph

    def with_options(tensors, ops, *rest):
        out = plain(tensors, ops, *rest)
        for o, node in zip(ops, out[3].items):
            if o["code"] == COMPOSITE:
                node[11], node[12] = ("u8", 21), {0: "ours", 1: ("i32", graph)}
        return out
    subgraph = with_options
    try:
        return model(*parts)
    finally:
        subgraph = plain


def dilated():
    return model(([tensor("x", [1, 6, 7, 2], signature=[-1, 6, 7, 2]), whole("block", [2, 2]), whole("pads", [2, 2, 2, 3], [2, 2]), tensor("t", [4, 5, 6, 2]),
                   weight("w", 3, 3, 3, 2), weight("b", 3), tensor("u", [4, 3, 4, 3]), whole("crops", [0, 0, 0, 1], [2, 2]), tensor("y", [1, 6, 7, 3])],
                  [op(SPACE_TO_BATCH, ["x", "block", "pads"], ["t"]), op(CONV, ["t", "w", "b"], ["u"], conv_options(1)),
                   op(BATCH_TO_SPACE, ["u", "block", "crops"], ["y"])], ["x"], ["y"]))


def signatures(keys=("serving_default", "other")):
    first = ([tensor("x", [2]), tensor("y", [2])], [op(RELU, ["x"], ["y"])], ["x"], ["y"])
    second = ([tensor("a", [2]), tensor("b", [2])], [op(28, ["a"], ["b"])], ["a"], ["b"])
    return model(first, second, signatures=[(keys[0], 0, [("image", 0)], [("label", 1)]), (keys[1], 1, [("in", 0)], [("out", 1)])])


def good():
    save("conv", conv_model())
    save("conv_group", model(([tensor("x", [1, 5, 6, 4]), weight("w", 6, 3, 3, 2), tensor("y", [1, 5, 6, 6])],
                              [op(CONV, ["x", "w"], ["y"], conv_options())], ["x"], ["y"])))
    save("depthwise", model(([tensor("x", [1, 5, 6, 2]), weight("w", 1, 3, 3, 4), weight("b", 4), tensor("y", [1, 3, 4, 4])],
                             [op(DEPTHWISE, ["x", "w", "b"], ["y"], (2, {0: ("i8", 1), 1: ("i32", 1), 2: ("i32", 1), 3: ("i32", 2), 4: ("i8", 1)}))],
                             ["x"], ["y"])))
    save("dilated", dilated())
    save("dense", model(([tensor("x", [2, 2, 2], signature=[-1, 2, 2]), weight("w", 3, 4), tensor("y", [2, 3])],
                         [op(DENSE, ["x", "w", -1], ["y"], (8, {0: ("i8", 1)}))], ["x"], ["y"])))
    save("half", model(([tensor("x", [1, 4]), tensor("w16", [3, 4], F16, counting(12)), tensor("w", [3, 4]), tensor("y", [1, 3])],
                        [op(DEQUANTIZE, ["w16"], ["w"]), op(DENSE, ["x", "w"], ["y"], (8, {}))], ["x"], ["y"])))
    save("hybrid", model(([tensor("x", [1, 4]), tensor("w", [3, 4], I8, counting(12), scale=[0.5]), tensor("y", [1, 3])],
                          [op(DENSE, ["x", "w"], ["y"], (8, {}))], ["x"], ["y"])))
    save("nibbles", model(([tensor("x", [1, 4]), tensor("w", [3, 4], 17, raw=bytes([0x10, 0x32, 0xfe, 0x8f, 0x71, 0x02]), scale=[1.0]), tensor("y", [1, 3])],
                           [op(DENSE, ["x", "w"], ["y"], (8, {}))], ["x"], ["y"])))
    save("quantised_i8", quantised())
    save("quantised_u8", quantised(U8, 120))
    save("steps_i8", steps())
    save("steps_u8", steps(U8))
    q = dict(scale=[0.5], zero=[3])
    save("quantised_moves", model(([tensor("x", [2, 3], I8, **q), whole("to", [3, 2]), tensor("t", [3, 2], I8, **q), tensor("y", [3, 2], I8, scale=[0.25], zero=[0])],
                                   [op(RESHAPE, ["x", "to"], ["t"]), op(QUANTIZE, ["t"], ["y"])], ["x"], ["y"])))
    save("quantised_axis_3", model(([tensor("x", [1, 4], I8, scale=[1.0]), tensor("w", [3, 4], I8, counting(12), scale=[1.0]),
                                     tensor("b", [3], I32, [1, 2, 3], scale=[1.0, 1.0, 1.0], axis=3), tensor("y", [1, 3], I8, scale=[1.0])],
                                    [op(DENSE, ["x", "w", "b"], ["y"], (8, {}))], ["x"], ["y"])))
    save("labels", labels())
    save("sparse_rows", sparse(False))
    save("sparse_blocks", sparse(True))
    save("variables", variables())
    save("loop", loop())
    save("loop_none", loop(0))
    save("loop_by_data", loop(by_data=True))
    save("loop_long", loop(5000))
    save("branch", branch(True))
    save("branch_shapes", branch(False))
    save("composite", composite())
    save("signatures", signatures())
    save("unsigned_code", unary(RELU))
    save("unneeded", model(([tensor("x", [2]), tensor("y", [2]), tensor("z", [2], STRING)],
                            [op(RELU, ["x"], ["y"]), op(HASHTABLE, ["x"], ["z"])], ["x"], ["y"])))
    save("shape", model(([tensor("x", [1, 3], signature=[-1, 3]), tensor("s", [2], I32), whole("b", [0]), whole("e", [1]), whole("o", [1]),
                          tensor("n", [], I32), whole("k", [3], []), tensor("to", [2], I32), tensor("y", [1, 3])],
                         [op(SHAPE, ["x"], ["s"], (55, {0: ("i8", I32)})), op(STRIDED_SLICE, ["s", "b", "e", "o"], ["n"], (32, {4: ("i32", 1)})),
                          op(PACK, ["n", "k"], ["to"], (59, {0: ("i32", 2), 1: ("i32", 0)})), op(RESHAPE, ["x", "to"], ["y"])], ["x"], ["y"])))
    bias = struct.pack("<3i", 1, 2, 2)
    save("transpose_bias", model(([tensor("x", [1, 3, 4, 2]), weight("w", 3, 2, 2, 2), weight("b", 3), tensor("y", [1, 6, 8, 3])],
                                  [op(CUSTOM, ["x", "w", "b"], ["y"], None, "Convolution2DTransposeBias", bias)], ["x"], ["y"])))
    pool = struct.pack("<5i", 1, 2, 2, 2, 2)
    save("max_unpooling", model(([tensor("x", [1, 4, 4, 2]), tensor("t", [1, 2, 2, 2]), tensor("i", [1, 2, 2, 2]), tensor("y", [1, 4, 4, 2])],
                                 [op(CUSTOM, ["x"], ["t", "i"], None, "MaxPoolingWithArgmax2D", pool),
                                  op(CUSTOM, ["t", "i"], ["y"], None, "MaxUnpooling2D", pool)], ["x"], ["y"])))
    save("empty_constant", model(([tensor("x", [2, 3]), tensor("e", [0, 3], raw=b""), tensor("y", [2, 3])],
                                  [op(CONCAT, ["x", "e"], ["y"], (10, {0: ("i32", 0)}))], ["x"], ["y"])))


def changed(data, at, kind, value):
    data = bytearray(data)
    new = number(kind, value)
    data[at:at + len(new)] = new
    return bytes(data)


def bad():
    conv = conv_model()
    root = struct.unpack_from("<I", conv)[0]
    save("bad_empty", b"\x08\0\0\0TFL3")
    save("bad_cut", conv[:len(conv) // 2])
    save("bad_root", changed(conv, 0, "u32", 1 << 30))
    save("bad_vtable", changed(conv, root, "i32", -(1 << 24)))
    vtable = root - struct.unpack_from("<i", conv, root)[0]
    save("bad_vtable_size", changed(conv, vtable, "u16", 3))
    save("bad_table_size", changed(conv, vtable + 2, "u16", 0xffff))
    save("bad_field", changed(conv, vtable + 4 + 2 * 2, "u16", 200))
    subgraphs = root + struct.unpack_from("<H", conv, vtable + 4 + 2 * 2)[0]
    save("bad_vector", changed(conv, subgraphs + struct.unpack_from("<I", conv, subgraphs)[0], "u32", 0x7fffffff))
    save("bad_offset", changed(conv, subgraphs, "u32", 0xfffffff0))
    save("bad_version", conv_model(version=1))
    save("bad_no_subgraph", model())
    save("bad_operator", unary(HASHTABLE))
    save("bad_unknown", unary(999))
    save("bad_flex", unary(CUSTOM, custom="FlexErf"))
    save("bad_custom", unary(CUSTOM, custom="Mine"))
    save("bad_string", model(([tensor("x", [2], STRING), tensor("y", [2], STRING)], [op(RELU, ["x"], ["y"])], ["x"], ["y"])))
    save("bad_text_weight", unary(ADD, (2,), options=(11, {}), extra=[tensor("s", [2], STRING, raw=b"abc")]))
    save("bad_shuffled", unary(DENSE, (2, 4), (2, 3), (8, {1: ("i8", 1)}), [weight("w", 3, 4)]))
    save("bad_short_weight", unary(ADD, (2, 3), options=(11, {}), extra=[tensor("w", [2, 3], raw=bytes(20))]))
    save("bad_huge_weight", unary(ADD, (2, 3), options=(11, {}), extra=[tensor("w", [1 << 30, 1 << 30, 1 << 30], raw=bytes(20))]))
    save("bad_negative", unary(ADD, (2, 3), options=(11, {}), extra=[tensor("w", [-5], raw=bytes(20))]))
    save("bad_buffer", unary(ADD, (2, 3), options=(11, {}), extra=[tensor("w", [5], fields={2: ("u32", 77)})]))
    save("bad_rank", model(([tensor("x", [1] * 9), tensor("y", [1])], [op(RELU, ["x"], ["y"])], ["x"], ["y"])))
    save("bad_tensor_index", model(([tensor("x", [2]), tensor("y", [2])], [op(RELU, [9], ["y"])], ["x"], ["y"])))
    save("bad_order", model(([tensor("x", [2]), tensor("t", [2]), tensor("y", [2])],
                             [op(RELU, ["t"], ["y"]), op(RELU, ["x"], ["t"])], ["x"], ["y"])))
    save("bad_twice", model(([tensor("x", [2]), tensor("y", [2])], [op(RELU, ["x"], ["y"]), op(RELU, ["x"], ["y"])], ["x"], ["y"])))
    save("bad_input_twice", model(([tensor("x", [2]), tensor("y", [2])], [op(RELU, ["x"], ["y"])], ["x", "x"], ["y"])))
    save("bad_missing_input", unary(CONV, (1, 5, 6, 2), options=conv_options()))
    save("bad_no_output", model(([tensor("x", [2]), tensor("y", [2])], [op(RELU, ["x"], ["y"])], ["x"], [])))
    save("bad_options", unary(CONV, (1, 5, 6, 2), options=(5, {}), extra=[weight("w", 3, 3, 3, 2)]))
    save("bad_stride", unary(CONV, (1, 5, 6, 2), options=conv_options(0, 0), extra=[weight("w", 3, 3, 3, 2)]))
    save("bad_padding", unary(CONV, (1, 5, 6, 2), options=conv_options(7), extra=[weight("w", 3, 3, 3, 2)]))
    save("bad_activation", unary(ADD, (2,), options=(11, {0: ("i8", 9)}), extra=[weight("w", 2)]))
    save("bad_scale", unary(DENSE, (2, 4), (2, 3), (8, {}), [weight("w", 3, 4, type=I8, scale=[-1.0])]))
    save("bad_scales", unary(DENSE, (2, 4), (2, 3), (8, {}), [weight("w", 3, 4, type=I8, scale=[1.0, 2.0])]))
    save("bad_sparse", sparse(False).replace(bytes([5, 0, 0, 0, 0, 1, 1, 3, 4]), bytes([5, 0, 0, 0, 0, 1, 1, 3, 9])))
    save("bad_sparse_large", sparse_large())
    save("bad_external", unary(ADD, (2,), options=(11, {}), extra=[tensor("w", [2], fields={10: ("u32", 1)})]))
    save("bad_recursion", composite(0))
    save("bad_subgraph", composite(9))
    save("bad_signatures", signatures(("one", "two")))
    pool = struct.pack("<5i", 1, 2, 2, 2, 2)
    save("bad_places", model(([tensor("x", [1, 4, 4, 2]), tensor("y", [1, 2, 2, 2]), tensor("i", [1, 2, 2, 2])],
                              [op(CUSTOM, ["x"], ["y", "i"], None, "MaxPoolingWithArgmax2D", pool)], ["x"], ["y", "i"])))
    save("bad_blocks", unary(DENSE, (2, 4), (2, 3), (8, {}), [tensor("w", [3, 4], I8, counting(12), fields={4: {2: Vector("f32", [1.0]), 4: ("u8", 2), 5: {2: ("i32", 2)}}})]))


if __name__ == "__main__":
    good()
    bad()

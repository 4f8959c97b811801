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

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the files of this folder: for each NAME.xml there is a NAME.graph or NAME.error (see test_ir.c)."""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def port(number, dims, precision="FP32", more=""):
    return '<port id="%d" precision="%s"%s>%s</port>' % (
        number, precision, more, "".join("<dim>%s</dim>" % d for d in dims))


def layer(number, name, kind, data="", ins="", outs="", version="opset1", extra="", more=""):
    return '\t\t<layer id="%d" name="%s" type="%s" version="%s"%s>%s%s%s%s</layer>\n' % (
        number, name, kind, version, more, "<data %s/>" % data if data else "", extra,
        "<input>%s</input>" % ins if ins else "", "<output>%s</output>" % outs if outs else "")


def edge(a, ap, b, bp):
    return '\t\t<edge from-layer="%d" from-port="%d" to-layer="%d" to-port="%d"/>\n' % (a, ap, b, bp)


def net(layers, edges, version=11, tail="", name="small"):
    return '<?xml version="1.0"?>\n<net name="%s" version="%d">\n\t<layers>\n%s\t</layers>\n\t<edges>\n%s\t</edges>\n%s</net>\n' % (
        name, version, layers, edges, tail)


D = (2, 3)
X = layer(0, "x", "Parameter", 'element_type="f32" shape="2,3"', outs=port(0, D))
W = layer(1, "w", "Const", 'element_type="f32" offset="0" shape="1, 3" size="12"', outs=port(0, (1, 3)))
ADD = layer(2, "y", "Add", 'auto_broadcast="numpy"', port(0, D) + port(1, (1, 3)), port(2, D))
RELU = layer(3, "z", "ReLU", "", port(0, D), port(1, D))
R = layer(4, "r", "Result", "", port(0, D))
EDGES = edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0) + edge(3, 1, 4, 0)
GOOD = net(X + W + ADD + RELU + R, EDGES)
WEIGHTS = struct.pack("<3f", 0.5, -1, 2)
TEXT = """x = Parameter-1() : f32 [2, 3]
w = Const-1() : f32 [1, 3] {0.5, -1, 2}
y = Add-1(x, w) : f32 [2, 3]
z = ReLU-1(y) : f32 [2, 3]
r = Result-1(z)
"""


def save(name, xml, expected, weights=None, kind="error"):
    (HERE / (name + ".xml")).write_text(xml)
    (HERE / ("%s.%s" % (name, kind))).write_text(expected if expected.endswith("\n") else expected + "\n")
    if weights is not None:
        (HERE / (name + ".bin")).write_bytes(weights)


def good():
    save("add", GOOD, TEXT, WEIGHTS, "graph")
    # Edges and layers in any order, sparse ids, the output of a Const numbered 1, a layer nobody needs.
    order = (layer(40, "r", "Result", "", port(7, D)) + RELU.replace('id="3"', 'id="30"', 1) + ADD +
             W.replace('<port id="0"', '<port id="1"') + X + layer(99, "unused", "NoSuchThing", outs=port(0, D)))
    edges = edge(30, 1, 40, 7) + edge(2, 2, 30, 0) + edge(1, 1, 2, 1) + edge(0, 0, 2, 0)
    save("order", net(order, edges, 10), TEXT, WEIGHTS, "graph")
    # Four bytes from an odd offset on: copied, not mapped.
    save("unaligned", GOOD.replace('offset="0"', 'offset="1"'), TEXT, b"\0" + WEIGHTS, "graph")
    rt = '<rt_info><attribute name="fused_names" version="0" value="a, &lt;b&gt;"/></rt_info>'
    tail = ('\t<rt_info>\n\t\t<Runtime_version value="2024.1.0"/>\n\t\t<model_info>\n\t\t\t'
            '<labels value="cat dog"/>\n\t\t</model_info>\n\t</rt_info>\n')
    info = net(X.replace('FP32"', 'FP32" names="in\\,put,x"') + W + ADD.replace("<input>", rt + "<input>") + RELU +
               layer(4, "r", "Result", "", port(0, D), more=' output_names="o"'), EDGES, 11, tail)
    save("info", info, TEXT, WEIGHTS, "graph")
    dynamic = GOOD.replace('shape="2,3"', 'shape="1..8,3"').replace("<dim>2</dim>", "<dim>-1</dim>")
    save("dynamic", dynamic, TEXT.replace("[2, 3]", "[?, 3]"), WEIGHTS, "graph")


    # 4-bit elements, the first of two in the high half as up to 2023, and in the low one as since.
    nibbles = (layer(0, "w", "Const", 'element_type="u4" offset="0" shape="3" size="2"', outs=port(0, (3,), "U4")) +
               layer(1, "r", "Result", "", port(0, (3,), "U4")))
    for year, weights in ((2023, b"\x12\x30"), (2024, b"\x21\x03")):
        tail = '\t<rt_info>\n\t\t<Runtime_version value="%d.1.0-1"/>\n\t</rt_info>\n' % year
        save("nibbles%d" % year, net(nibbles, edge(0, 0, 1, 0), 11, tail),
             "w = Const-1() : u4 [3] {1, 2, 3}\nr = Result-1(w)\n", weights, "graph")


def bad():
    f = "%s.xml: "
    save("truncated", GOOD[:len(GOOD) // 2], "truncated.xml: line *: not well-formed XML (*); the file is damaged or was cut")
    save("notxml", "PK\3\4 not XML\n", "notxml.xml: line 1: not well-formed XML (*); the file is damaged or was cut")
    save("root", "<model version=\"11\"/>\n", "root.xml: its root element is <model>, that of an IR is <net>")
    save("noversion", "<net/>\n", "noversion.xml: <net> has no version; an IR has 10 or 11 there")
    save("version9", GOOD.replace('version="11"', 'version="9"'),
         "version9.xml: IR v9 is not read, v2 to v7, v10 and v11 are; convert the original model to v10 or v11", WEIGHTS)
    save("version99", GOOD.replace('version="11"', 'version="99"'),
         "version99.xml: IR v99 is newer than the newest known, v11; write the model as v11", WEIGHTS)
    save("unknown", GOOD.replace('"ReLU"', '"ReLUu"'),
         "unknown.xml: layer 3 'z' (ReLUu): there is no such operator (did they mean ReLU?); "
         "a custom operator comes with an extension", WEIGHTS)
    save("nobin", GOOD, "nobin.xml: layer 1 'w' (Const): its 12 bytes are in a weights file, and there is none; "
         "put the .bin beside the .xml")
    save("cutbin", GOOD, "cutbin.xml: layer 1 'w' (Const): bytes 0 to 12 of the weights file, which has 8; "
         "the file was cut or belongs to another model", WEIGHTS[:8])
    save("hugeoffset", GOOD.replace('offset="0"', 'offset="9223372036854775807"'),
         "hugeoffset.xml: layer 1 'w' (Const): bytes 9223372036854775807 to 9223372036854775819 of the weights file, "
         "which has 12; the file was cut or belongs to another model", WEIGHTS)
    save("smallsize", GOOD.replace('size="12"', 'size="8"'),
         "smallsize.xml: layer 1 'w' (Const): its size is 8 bytes but [1, 3] f32 needs 12", WEIGHTS)
    save("negative", GOOD.replace("<dim>2</dim>", "<dim>-2</dim>"),
         "negative.xml: layer 0 'x' (Parameter): output port 0 has a dimension \"-2\", not a number of -1 or more",
         WEIGHTS)
    save("negativeshape", GOOD.replace('shape="2,3"', 'shape="-2,3"'),
         "negativeshape.xml: layer 0 'x' (Parameter): its shape \"-2,3\" is no list of at most 8 dimensions", WEIGHTS)
    save("hugeshape", GOOD.replace('shape="1, 3"', 'shape="4294967296, 4294967296"'),
         "hugeshape.xml: layer 1 'w' (Const): its shape \"4294967296, 4294967296\" is not static, or too large",
         WEIGHTS)
    save("shape", GOOD.replace(RELU, RELU.replace("<dim>2</dim>", "<dim>5</dim>")),
         "shape.xml: layer 3 'z' (ReLU): output port 1 says [5, 3], but its inputs make it [2, 3]", WEIGHTS)
    save("cycle", net(X + W + ADD + RELU + R, edge(3, 1, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0) + edge(3, 1, 4, 0)),
         "cycle.xml: *cycle*", WEIGHTS)
    save("nolayer", net(X + W + ADD + RELU + R, EDGES + edge(9, 0, 4, 0)),
         "nolayer.xml: edge 4: there is no layer 9; the file is damaged", WEIGHTS)
    save("noport", GOOD.replace(edge(3, 1, 4, 0), edge(3, 5, 4, 0)),
         "noport.xml: layer 3 'z' (ReLU): edge 3 starts at output port 5, which it has not", WEIGHTS)
    save("noinport", GOOD.replace(edge(3, 1, 4, 0), edge(3, 1, 4, 6)),
         "noinport.xml: layer 4 'r' (Result): edge 3 ends at input port 6, which it has not", WEIGHTS)
    save("twoedges", net(X + W + ADD + RELU + R, EDGES + edge(0, 0, 4, 0)),
         "twoedges.xml: layer 4 'r' (Result): two edges end at input port 0", WEIGHTS)
    save("noedge", net(X + W + ADD + RELU + R, EDGES.replace(edge(1, 0, 2, 1), "")),
         "noedge.xml: layer 2 'y' (Add): no edge ends at input port 1", WEIGHTS)
    save("duplicate", net(X + W + ADD + RELU.replace('id="3"', 'id="2"', 1) + R, EDGES),
         "duplicate.xml: layer 2 'z' (ReLU): layer 'y' has the same id", WEIGHTS)
    save("doctype", '<?xml version="1.0"?>\n<!DOCTYPE net [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">'
         '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>\n<net name="&c;" version="11"/>\n',
         "doctype.xml: it holds a DOCTYPE, which no IR has; entities are not read")
    save("deep", "<net version=\"11\">" + "<a>" * 500 + "</a>" * 500 + "</net>\n",
         "deep.xml: line *: elements are nested deeper than 64")
    save("nolayers", net("", ""), "nolayers.xml: the network has no layers")
    save("noresult", net(X, ""), "noresult.xml: no layer is a Result; the network computes nothing")
    save("empty", "", "empty.xml: the file is empty")
    save("attribute", GOOD.replace('auto_broadcast="numpy"', 'auto_broadcast="sideways"'),
         "attribute.xml: node 'y' (Add): *sideways*", WEIGHTS)
    save("opset", GOOD.replace(RELU, RELU.replace("opset1", "opsetX")),
         "opset.xml: layer 3 'z' (ReLU): its version is \"opsetX\", not one such as \"opset1\"", WEIGHTS)
    save("noattribute", GOOD.replace('"ReLU"', '"Concat"'),
         "noattribute.xml: layer 3 'z' (Concat): attribute axis is missing", WEIGHTS)


good()
bad()

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


def body_layer(number, name, kind, ins, outs, bodies, version):
    """A layer with bodies: (element of the port map, its rows, element of the body, layers, edges)."""
    text = "".join('<%s>%s</%s>%s<%s><layers>%s</layers><edges>%s</edges></%s>' % (m, rows, m, back, e, layers, edges, e)
                   for m, rows, back, e, layers, edges in bodies)
    return layer(number, name, kind, "", ins, outs, version).replace("</layer>", text + "</layer>")


def parameter(number, name, dims, kind="f32", precision="FP32"):
    return layer(number, name, "Parameter", 'element_type="%s" shape="%s"' % (kind, ",".join(map(str, dims))),
                 outs=port(0, dims, precision))


def result(number, name, dims, precision="FP32"):
    return layer(number, name, "Result", "", port(0, dims, precision))


def constant(number, name, dims, kind, offset, size, precision):
    return layer(number, name, "Const", 'element_type="%s" offset="%d" shape="%s" size="%d"' % (
        kind, offset, ",".join(map(str, dims)), size), outs=port(0, dims, precision))


def add(number, name, dims, kind="Add", out=None, precision="FP32"):
    return layer(number, name, kind, "", port(0, dims) + port(1, dims), port(2, out or dims, precision))


ROW, ALL = (1, 2), (3, 2)


def iterator():
    """h += x[i], last row first; y[i] = h, put together likewise."""
    layers = parameter(0, "xi", ROW) + parameter(1, "h", ROW) + add(2, "sum", ROW) + result(3, "h/next", ROW) + result(4, "y/part", ROW)
    edges = edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0) + edge(2, 2, 4, 0)
    part = ' axis="0" start="-1" end="0" stride="-1" part_size="1"'
    rows = ('<input external_port_id="0" internal_layer_id="0"%s/><input external_port_id="1" internal_layer_id="1"/>'
            '<output external_port_id="2" internal_layer_id="4"%s/><output external_port_id="3" internal_layer_id="3"/>' % (part, part))
    back = '<back_edges><edge from-layer="3" from-port="0" to-layer="1" to-port="0"/></back_edges>'
    ti = body_layer(2, "ti", "TensorIterator", port(0, ALL) + port(1, ROW), port(2, ALL) + port(3, ROW),
                    [("port_map", rows, back, "body", layers, edges)], "opset1")
    net_layers = parameter(0, "x", ALL) + parameter(1, "h0", ROW) + ti + result(3, "y", ALL) + result(4, "last", ROW)
    return net_layers, edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0) + edge(2, 3, 4, 0)


def loop(condition_is_data=False):
    """a += i three times, y[i] = a; or as long as the sum of a is below a limit."""
    layers = (parameter(0, "i", (), "i64", "I64") + parameter(1, "a", ROW) +
              layer(2, "i/real", "Convert", 'destination_type="f32"', port(0, (), "I64"), port(1, ())) +
              layer(3, "a/next", "Add", "", port(0, ROW) + port(1, ()), port(2, ROW)) +
              result(4, "a/result", ROW) + result(5, "y/part", ROW))
    edges = edge(0, 0, 2, 0) + edge(1, 0, 3, 0) + edge(2, 1, 3, 1) + edge(3, 2, 4, 0) + edge(3, 2, 5, 0)
    if condition_is_data:
        layers += (constant(6, "limit", (), "f32", 9, 4, "FP32") + constant(7, "axes", (2,), "i64", 13, 16, "I64") +
                   layer(8, "total", "ReduceSum", 'keep_dims="false"', port(0, ROW) + port(1, (2,), "I64"), port(2, ())) +
                   add(9, "goes_on", (), "Less", precision="BOOL"))
        edges += edge(3, 2, 8, 0) + edge(7, 0, 8, 1) + edge(8, 2, 9, 0) + edge(6, 0, 9, 1) + edge(9, 2, 10, 0)
    else:
        layers += constant(6, "true", (), "boolean", 8, 1, "BOOL")
        edges += edge(6, 0, 10, 0)
    layers += result(10, "condition", (), "BOOL")
    rows = ('<input external_port_id="-1" internal_layer_id="0" purpose="current_iteration"/>'
            '<input external_port_id="2" internal_layer_id="1"/>'
            '<output external_port_id="-1" internal_layer_id="10" purpose="execution_condition"/>'
            '<output external_port_id="3" internal_layer_id="4"/>' +
            ("" if condition_is_data else '<output external_port_id="4" internal_layer_id="5" axis="0"/>'))
    back = '<back_edges><edge from-layer="4" from-port="0" to-layer="1" to-port="0"/></back_edges>'
    node = body_layer(3, "loop", "Loop", port(0, (), "I64") + port(1, (), "BOOL") + port(2, ROW),
                      port(3, ROW) + ("" if condition_is_data else port(4, ALL)),
                      [("port_map", rows, back, "body", layers, edges)], "opset5")
    net_layers = (constant(0, "trips", (), "i64", 0, 8, "I64") + constant(1, "first", (), "boolean", 8, 1, "BOOL") +
                  parameter(2, "a0", ROW) + node + result(4, "last", ROW) + ("" if condition_is_data else result(5, "y", ALL)))
    net_edges = edge(0, 0, 3, 0) + edge(1, 0, 3, 1) + edge(2, 0, 3, 2) + edge(3, 3, 4, 0)
    return net_layers, net_edges + ("" if condition_is_data else edge(3, 4, 5, 0))


def choice(known):
    """x + 1 or -x."""
    then = parameter(0, "t", ROW) + constant(1, "one", (), "f32", 0, 4, "FP32") + layer(
        2, "plus", "Add", "", port(0, ROW) + port(1, ()), port(2, ROW)) + result(3, "t/result", ROW)
    other = parameter(0, "e", ROW) + layer(1, "minus", "Negative", "", port(0, ROW), port(1, ROW)) + result(2, "e/result", ROW)
    rows = '<input external_port_id="1" internal_layer_id="0"/><output external_port_id="0" internal_layer_id="%d"/>'
    node = body_layer(2, "if", "If", port(0, (), "BOOL") + port(1, ROW), port(2, ROW),
                      [("then_port_map", rows % 3, "", "then_body", then, edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0)),
                       ("else_port_map", rows % 2, "", "else_body", other, edge(0, 0, 1, 0) + edge(1, 1, 2, 0))], "opset8")
    condition = constant(0, "c", (), "boolean", 4, 1, "BOOL") if known else parameter(0, "c", (), "boolean", "BOOL")
    return condition + parameter(1, "x", ROW) + node + result(3, "y", ROW), edge(0, 0, 2, 0) + edge(1, 0, 2, 1) + edge(2, 2, 3, 0)


TRIPS = struct.pack("<qBf2q", 3, 1, 20, 0, 1)


def bodies():
    save_only("tensor_iterator", net(*iterator()))
    save_only("loop", net(*loop()), TRIPS)
    save_only("loop_by_data", net(*loop(True)), struct.pack("<q", -1) + TRIPS[8:])
    save_only("if_known", net(*choice(True)), struct.pack("<fB", 1, 0))
    save_only("if_by_data", net(*choice(False)), struct.pack("<fB", 1, 0))
    # A Loop around the TensorIterator: h goes round twice.
    inner, inner_edges = iterator()
    inner = inner.replace('<layer id="0" name="x"', '<layer id="0" name="xx"')
    rows = ('<input external_port_id="2" internal_layer_id="0"/><input external_port_id="3" internal_layer_id="1"/>'
            '<output external_port_id="-1" internal_layer_id="6" purpose="execution_condition"/>'
            '<output external_port_id="4" internal_layer_id="4"/>')
    back = '<back_edges><edge from-layer="4" from-port="0" to-layer="1" to-port="0"/></back_edges>'
    inner += constant(5, "true", (), "boolean", 8, 1, "BOOL") + result(6, "condition", (), "BOOL")
    node = body_layer(4, "outer", "Loop", port(0, (), "I64") + port(1, (), "BOOL") + port(2, ALL) + port(3, ROW), port(4, ROW),
                      [("port_map", rows, back, "body", inner, inner_edges + edge(5, 0, 6, 0))], "opset5")
    save_only("loop_nested", net(constant(0, "trips", (), "i64", 0, 8, "I64") + constant(1, "first", (), "boolean", 8, 1, "BOOL") +
                                 parameter(2, "x", ALL) + parameter(3, "h0", ROW) + node + result(5, "last", ROW),
                                 edge(0, 0, 4, 0) + edge(1, 0, 4, 1) + edge(2, 0, 4, 2) + edge(3, 0, 4, 3) + edge(4, 4, 5, 0)),
              struct.pack("<qB", 2, 1))
    deep, deep_edges = iterator()
    ids = (0, 1, 4)
    for level in range(7):
        rows = ('<input external_port_id="2" internal_layer_id="%d"/><input external_port_id="3" internal_layer_id="%d"/>'
                '<output external_port_id="-1" internal_layer_id="99" purpose="execution_condition"/>'
                '<output external_port_id="4" internal_layer_id="%d"/>' % ids)
        back = '<back_edges><edge from-layer="%d" from-port="0" to-layer="%d" to-port="0"/></back_edges>' % (ids[2], ids[1])
        deep += constant(98, "true", (), "boolean", 8, 1, "BOOL") + result(99, "condition", (), "BOOL")
        node = body_layer(4, "l%d" % level, "Loop", port(0, (), "I64") + port(1, (), "BOOL") + port(2, ALL) + port(3, ROW), port(4, ROW),
                          [("port_map", rows, back, "body", deep, deep_edges + edge(98, 0, 99, 0))], "opset5")
        deep = (constant(0, "trips", (), "i64", 0, 8, "I64") + constant(1, "first", (), "boolean", 8, 1, "BOOL") +
                parameter(2, "x", ALL) + parameter(3, "h0", ROW) + node + result(5, "last", ROW))
        deep_edges = edge(0, 0, 4, 0) + edge(1, 0, 4, 1) + edge(2, 0, 4, 2) + edge(3, 0, 4, 3) + edge(4, 4, 5, 0)
        ids = (2, 3, 5)
    save_only("bodies_deep", net(deep, deep_edges), struct.pack("<qB", 2, 1))
    variable = 'variable_id="v"%s'
    more = ' variable_type="f32" variable_shape="1,2"'
    for version, extra in (("opset3", ""), ("opset6", more)):
        state = (parameter(0, "x", ROW) + layer(1, "read", "ReadValue", variable % extra, port(0, ROW), port(1, ROW), version) +
                 add(2, "sum", ROW) + layer(3, "assign", "Assign", variable % extra, port(0, ROW), port(1, ROW), version) +
                 result(4, "y", ROW))
        save_only("state_" + version, net(state, edge(0, 0, 1, 0) + edge(0, 0, 2, 0) + edge(1, 1, 2, 1) + edge(2, 2, 3, 0) + edge(2, 2, 4, 0)))
    ti, e = iterator()
    save_only("ti_no_parts", net(ti.replace(' axis="0"', ""), e))
    save_only("ti_no_body", net(ti.replace("<body>", "<bodies>").replace("</body>", "</bodies>"), e))
    save_only("ti_no_inner", net(ti.replace('internal_layer_id="4"', 'internal_layer_id="2"'), e))
    save_only("ti_no_outer", net(ti.replace('external_port_id="3"', 'external_port_id="7"'), e))
    save_only("ti_back_edge", net(ti.replace('<edge from-layer="3" from-port="0" to-layer="1"', '<edge from-layer="3" from-port="0" to-layer="2"'), e))
    save_only("ti_axis", net(ti.replace('axis="0"', 'axis="2"'), e))
    save_only("ti_axis_text", net(ti.replace('axis="0"', 'axis="x"'), e))
    save_only("ti_stride", net(ti.replace('stride="-1"', 'stride="-2"').replace('end="0"', 'end="1"'), e))
    save_only("ti_stride_0", net(ti.replace('stride="-1"', 'stride="0"'), e))
    save_only("ti_twice", net(ti.replace('<input external_port_id="1" internal_layer_id="1"/>', '<input external_port_id="1" internal_layer_id="0"/>'), e))
    save_only("ti_inside", net(ti.replace('name="sum" type="Add"', 'name="sum" type="MatMul"'), e))


def save_only(name, xml, weights=None):
    """What it gives stands beside it, written by hand."""
    (HERE / (name + ".xml")).write_text(xml)
    if weights is not None:
        (HERE / (name + ".bin")).write_bytes(weights)


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
         "a custom operator comes with an extension: load it with -l FILE", WEIGHTS)
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
bodies()
bad()

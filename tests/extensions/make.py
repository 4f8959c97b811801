#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the small models of this folder, whose operators no reader knows.

    python3 make.py onnx         needs onnx
    python3 make.py keras        needs keras, tf_keras, tensorflow
    python3 make.py others       needs nothing but Python"""
import importlib.util
import json
import os
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).parent


def onnx_files():
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    def save(name, nodes, inputs, weights=(), domains=("example",), outputs=("y",)):
        graph = helper.make_graph(
            nodes, "g", [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in inputs],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs],
            [numpy_helper.from_array(np.array(v, "f4"), n) for n, v in weights])
        m = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)] +
                              [helper.make_opsetid(d, 1) for d in domains])
        m.ir_version = 7
        (HERE / (name + ".onnx")).write_bytes(m.SerializeToString())

    node = helper.make_node
    save("snake", [node("Snake", ["x"], ["h"], name="wave", domain="example", alpha=2.0),
                   node("Relu", ["h"], ["y"], name="relu")], [("x", ["N", 3])])
    save("radial", [node("Snake", ["c0"], ["c"], name="folded", domain="example"),
                    node("Radial", ["x", "c"], ["y"], name="bumps", domain="example", gamma=0.5)],
         [("x", [2, 3])], [("c0", [[0.5, -1, 2], [0, 1, -0.5]])])
    save("radial_no_gamma", [node("Radial", ["x", "x"], ["y"], name="bumps", domain="example")], [("x", [2, 3])])
    save("snake_text", [node("Snake", ["x"], ["y"], name="wave", domain="example", alpha=[1, 2])], [("x", [2, 3])])
    save("snake_two", [node("Snake", ["x", "x"], ["y"], name="wave", domain="example")], [("x", [2, 3])])

    save("all", [node("All", ["x"], ["y"], name="odd", domain="odd", i=7, f=0.5, b=1, e="high", s="a b", li=[1, -2],
                      lf=[0.5, 2.0], t=TensorProto.FLOAT16, d=[2, -1])], [("x", [2, 3])], domains=("odd",))
    gain = [node("Mul", ["x", "w"], ["h"], name="times"), node("Add", ["h", "b"], ["y"], name="plus")]
    ends = [("x", ["N", "K"]), ("w", ["K"]), ("b", ["K"])]
    save("gain", gain, ends, domains=())
    save("gain_wide", gain, [("x", ["N", 5]), ("w", [5]), ("b", [5])], domains=())
    save("gain_short", gain[:1] + [node("Relu", ["h"], ["y"])], ends[:2], domains=())
    save("gain_self", [node("Gain", ["x", "w", "b"], ["y"], name="again", domain="mine")], ends, domains=("mine",))
    save("gain_user", [node("Gain", ["x", "w", "b"], ["h"], name="one", domain="mine"),
                       node("Gain", ["h", "w", "b"], ["y"], name="two", domain="mine")],
         [("x", ["N", 3])], [("w", [1, 2, -1]), ("b", [0.5, 0, 1])], domains=("mine",))


def keras_files():
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    import keras
    import numpy as np
    import tf_keras

    for k, folder in ((keras, "keras"), (tf_keras, "h5")):
        @k.utils.register_keras_serializable("Mine")
        class Radial(k.layers.Layer):
            def __init__(self, units, gamma, **other):
                super().__init__(**other)
                self.units, self.gamma = units, gamma

            def build(self, shape):
                self.centres = self.add_weight(name="centres", shape=(self.units, shape[-1]))

            def call(self, x):
                return x[..., :1] * self.centres[0, 0]

            def compute_output_shape(self, shape):
                return (*shape[:-1], self.units)

            def get_config(self):
                return {**super().get_config(), "units": self.units, "gamma": self.gamma}

        @k.utils.register_keras_serializable("Mine")
        class Gain(k.layers.Layer):
            def build(self, shape):
                self.w = self.add_weight(name="w", shape=shape[-1:])
                self.b = self.add_weight(name="b", shape=shape[-1:])

            def call(self, x):
                return x * self.w + self.b

        @k.utils.register_keras_serializable("Mine")
        class Snake(k.layers.Layer):
            def __init__(self, alpha=1.0, **other):
                super().__init__(**other)
                self.alpha = alpha

            def call(self, x):
                return x

            def get_config(self):
                return {**super().get_config(), "alpha": self.alpha}

        @k.utils.register_keras_serializable("Mine")
        class All(k.layers.Layer):
            def call(self, x):
                return x

            def get_config(self):
                return {**super().get_config(), "i": 7, "f": 0.5, "b": True, "e": "high", "s": "a b", "li": (1, -2),
                        "lf": [0.5, 2], "t": "float16", "d": [2, None]}

        x = k.Input((3,), batch_size=2, name="x")
        k.Model(x, All(name="odd")(x), name="all").save(HERE / ("all." + folder))
        x = k.Input((3,), name="x")
        m = k.Model(x, Snake(0.5, name="wave")(Radial(2, 0.5, name="bumps")(x)), name="radial")
        # tf_keras takes the output's shape from call(), which gives one column here; its weights do not care.
        m.set_weights([np.array([[0.5, -1, 2], [0, 1, -0.5]], "f4")])
        m.save(HERE / ("radial." + folder))
        gain = Gain(name="gain")
        m = k.Model(x, gain(gain(x)), name="gain")
        m.set_weights([np.array([1, 2, -1], "f4"), np.array([0.5, 0, 1], "f4")])
        m.save(HERE / ("gain." + folder))


def field(number, data):
    key = number << 3 | 2
    return (bytes([key]) if key < 128 else bytes([key & 127 | 128, key >> 7])) + bytes([len(data)]) + data


def blob(values):
    return field(5, struct.pack("<%df" % len(values), *values)) + field(7, field(1, bytes([len(values)])))


def caffe(name, layers, weights):
    """weights: of each layer by name, its blobs."""
    text = 'name: "net"\ninput: "x"\ninput_shape { dim: 2 dim: 3 }\n'
    (HERE / (name + ".prototxt")).write_text(text + "".join("layer { %s }\n" % l for l in layers))
    (HERE / (name + ".caffemodel")).write_bytes(field(1, b"net") + b"".join(
        field(100, field(1, n.encode()) + b"".join(field(7, blob(b)) for b in blobs)) for n, blobs in weights.items()))


def other_files():
    caffe("snake", ['name: "wave" type: "Snake" bottom: "x" top: "h" snake_param { note: "a" alpha: 2 rest { alpha: 3 } }',
                    'name: "relu" type: "ReLU" bottom: "h" top: "y"'], {"other": []})
    gain = 'name: "%s" type: "Gain" bottom: "%s" top: "%s"'
    both = [[1, 2, -1], [0.5, 0, 1]]
    caffe("gain", [gain % ("one", "x", "h"), gain % ("two", "h", "y")], {"one": both, "two": both})

    (HERE / "snake.pbtxt").write_text("""node { name: "x" op: "Placeholder"
  attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: -1 } dim { size: 3 } } } } }
node { name: "wave" op: "Snake" input: "x"
  attr { key: "alpha" value { f: 2 } } attr { key: "T" value { type: DT_FLOAT } } }
node { name: "y" op: "Relu" input: "wave" attr { key: "T" value { type: DT_FLOAT } } }
""")

    caffe("all", ['name: "odd" type: "All" bottom: "x" top: "y" all_param { i: 7 f: 0.5 b: true e: high s: "a b" li: 1 '
                  'li: -2 lf: [0.5, 2] t: "f16" d: 2 d: -1 }'], {"other": []})
    (HERE / "all.pbtxt").write_text("""node { name: "x" op: "Placeholder"
  attr { key: "dtype" value { type: DT_FLOAT } }
  attr { key: "shape" value { shape { dim { size: 2 } dim { size: 3 } } } } }
node { name: "odd" op: "All" input: "x"
  attr { key: "i" value { i: 7 } } attr { key: "f" value { f: 0.5 } } attr { key: "b" value { b: true } }
  attr { key: "e" value { s: "high" } } attr { key: "s" value { s: "a b" } }
  attr { key: "li" value { list { i: 1 i: -2 } } } attr { key: "lf" value { list { f: 0.5 f: 2 } } }
  attr { key: "t" value { type: DT_HALF } }
  attr { key: "d" value { shape { dim { size: 2 } dim { size: -1 } } } } }
""")

    def node(op, name, inputs, **attrs):
        return {"op": op, "name": name, "inputs": [[i, 0, 0] for i in inputs], "attrs": attrs}

    def symbol(name, nodes):
        (HERE / (name + "-symbol.json")).write_text(json.dumps(
            {"nodes": nodes, "arg_nodes": [0], "heads": [[len(nodes) - 1, 0, 0]],
             "attrs": {"mxnet_version": ["int", 10901]}}, indent=1) + "\n")

    symbol("all", [node("null", "x", [], __shape__="(2, 3)"),
                   node("All", "odd", [0], i="7", f="0.5", b="True", e="high", s="a b", li="(1, -2)", lf="[0.5, 2]",
                        t="float16", d="(2, None)")])

    for name, op, more in (("snake", "Snake", {}), ("snake_python", "Custom", {"op_type": "Snake"})):
        nodes = [node("null", "x", [], __shape__="(2, 3)"), node(op, "wave", [0], alpha="2.0", **more),
                 node("Activation", "y", [1], act_type="relu")]
        symbol(name, nodes)

    spec = importlib.util.spec_from_file_location("tflite", HERE / "../formats/tflite/make.py")
    t = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(t)
    # What flexbuffers.Builder makes of {"alpha": 2.0}.
    options = bytes.fromhex("616c706861000107010000000100000001000000000000400e052601")
    ops = [t.op(32, ["x"], ["h"], custom="Snake", custom_options=options), t.op(19, ["h"], ["y"])]
    tensors = [t.tensor(n, [2, 3]) for n in ("x", "h", "y")]
    (HERE / "snake.tflite").write_bytes(t.model((tensors, ops, ["x"], ["y"])))
    # The same of all kinds: i 7, f 0.5, b true, e "high", s "a b", li and d typed, lf untyped, t "f16".
    options = bytes.fromhex("620064000202ff6500046869676800660069006c66000000020000000000003f020000000e066c69000201fe73"
                            "00036120620074000366313600093b3a362f2e2d1b1610090000000100000009000000010000004f0000004e00"
                            "00000000003f07000000480000003e0000003d0000003a0000006a2c140e062a2c14142d2601")
    ops = [t.op(32, ["x"], ["y"], custom="All", custom_options=options)]
    (HERE / "all.tflite").write_bytes(t.model(([tensors[0], tensors[2]], ops, ["x"], ["y"])))


{"onnx": onnx_files, "keras": keras_files, "others": other_files}[sys.argv[1]]()

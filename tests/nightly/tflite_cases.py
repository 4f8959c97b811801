# SPDX-License-Identifier: Apache-2.0
"""One small network an operator of TensorFlow Lite: a TensorFlow function and the shapes of its inputs, which the
converter turns into a file; and files of our own for the operators that it never writes."""
import importlib.util
import pathlib
import struct

import numpy as np
import tensorflow as tf

CASES = {}


def case(name, fn, *shapes, kind="both", low=-1.0, high=1.0, dtype=None, kernels="reference"):
    """kind: all types, float, int8 and int16 (both), or float only. low, high: what the inputs hold. kernels: default where
    those called reference are themselves wrong (SUM of int8 gives -1, LOCAL_RESPONSE_NORMALIZATION differs)."""
    hows = dict(all=("float16", "int8", "int16"), both=("int8", "int16"), float=())[kind]
    CASES[name] = dict(fn=fn, shapes=shapes, hows=hows, low=low, high=high, dtype=dtype or tf.float32, kernels=kernels)


def weights(*shape, seed=1, scale=0.5):
    return tf.constant(np.random.default_rng(seed).uniform(-scale, scale, shape).astype(np.float32))


X4, X2 = (1, 9, 8, 6), (3, 10)
raw = tf.raw_ops


def convolutions():
    for padding in "SAME", "VALID":
        for stride in 1, 2:
            case("conv_%s_%d" % (padding, stride), lambda x, p=padding, s=stride: tf.nn.relu(tf.nn.bias_add(
                tf.nn.conv2d(x, weights(3, 4, 6, 5), s, p), weights(5, seed=2))), X4, kind="all")
            case("depthwise_%s_%d" % (padding, stride), lambda x, p=padding, s=stride: tf.nn.relu6(
                tf.nn.depthwise_conv2d(x, weights(3, 3, 6, 2), [1, s, s, 1], p)), X4, kind="all")
            case("max_pool_%s_%d" % (padding, stride), lambda x, p=padding, s=stride: tf.nn.max_pool2d(x, [3, 2], s, p), X4)
            case("avg_pool_%s_%d" % (padding, stride), lambda x, p=padding, s=stride: tf.nn.avg_pool2d(x, [3, 2], s, p), X4)
            case("transpose_conv_%s_%d" % (padding, stride), lambda x, p=padding, s=stride: tf.nn.conv2d_transpose(
                x, weights(3, 3, 4, 6), [1, 9 * s + (2 if p == "VALID" else 0) + (1 - s if p == "VALID" else 0),
                                         8 * s + (2 if p == "VALID" else 0) + (1 - s if p == "VALID" else 0), 4], s, p), X4)
            case("conv_3d_%s_%d" % (padding, stride), lambda x, p=padding, s=stride: tf.nn.conv3d(
                x, weights(2, 3, 3, 4, 5), [1, s, s, s, 1], p), (1, 5, 6, 7, 4), kind="float")
    case("conv_dilated", lambda x: tf.nn.conv2d(x, weights(3, 3, 6, 5), 1, "SAME", dilations=2), X4)
    case("depthwise_dilated", lambda x: tf.nn.depthwise_conv2d(x, weights(3, 3, 6, 1), [1, 1, 1, 1], "SAME", dilations=[2, 2]), X4)
    case("conv_grouped", lambda x: tf.nn.conv2d(x, weights(3, 3, 3, 4), 1, "SAME"), X4, kind="float")
    case("conv_tanh", lambda x: tf.nn.tanh(tf.nn.conv2d(x, weights(1, 1, 6, 5), 1, "SAME")), X4)
    case("conv_3d_transpose", lambda x: tf.nn.conv3d_transpose(x, weights(2, 3, 3, 5, 4), [1, 10, 12, 14, 5], 2, "SAME"),
         (1, 5, 6, 7, 4), kind="float")
    case("dense", lambda x: tf.nn.relu(tf.matmul(x, weights(10, 7)) + weights(7, seed=4)), X2, kind="all")
    case("dense_3d", lambda x: tf.tensordot(x, weights(10, 7), 1), (2, 3, 10))
    case("batch_matmul", lambda x, y: tf.matmul(x, y), (2, 3, 4), (2, 4, 5))
    case("batch_matmul_adjoint", lambda x, y: tf.matmul(x, y, adjoint_a=True, adjoint_b=True), (2, 4, 3), (2, 5, 4))
    case("local_response", lambda x: tf.nn.local_response_normalization(x, 2, 1.5, 0.3, 0.7), X4, kind="float",
         kernels="default")
    case("l2_normalize", lambda x: tf.nn.l2_normalize(x, -1), X4)
    case("softmax", lambda x: tf.nn.softmax(x), X2)
    case("log_softmax", lambda x: tf.nn.log_softmax(x), X2)
    case("fake_quant", lambda x: tf.quantization.fake_quant_with_min_max_args(x, -0.7, 0.9), X4, kind="float")


def resizes():
    for corners, half in (False, False), (True, False), (False, True):
        for size in (18, 16), (5, 13), (9, 3):
            name = "%d%d_%dx%d" % (corners, half, *size)
            case("bilinear_" + name, lambda x, s=size, c=corners, h=half: tf.compat.v1.raw_ops.ResizeBilinear(
                images=x, size=s, align_corners=c, half_pixel_centers=h), X4)
            case("nearest_" + name, lambda x, s=size, c=corners, h=half: raw.ResizeNearestNeighbor(
                images=x, size=s, align_corners=c, half_pixel_centers=h), X4)


def elementwise():
    unary = dict(abs=tf.abs, ceil=tf.math.ceil, cos=tf.cos, elu=tf.nn.elu, exp=tf.exp, floor=tf.floor,
                 gelu=lambda x: tf.nn.gelu(x), gelu_tanh=lambda x: tf.nn.gelu(x, approximate=True), neg=tf.negative,
                 leaky_relu=lambda x: tf.nn.leaky_relu(x, 0.3), logistic=tf.sigmoid, relu=tf.nn.relu, relu6=tf.nn.relu6,
                 relu_n1=lambda x: tf.clip_by_value(x, -1.0, 1.0), relu_01=lambda x: tf.clip_by_value(x, 0.0, 1.0),
                 round=tf.round, sign=tf.sign, sin=tf.sin, square=tf.square, tanh=tf.tanh,
                 hard_swish=lambda x: x * tf.nn.relu6(x + 3.0) * (1 / 6), zeros_like=tf.zeros_like)
    for name, fn in unary.items():
        case(name, lambda x, f=fn: f(x), X4, low=-3.0, high=3.0,
             kind="float" if name in ("ceil", "floor", "round", "sign", "cos", "sin", "zeros_like", "relu_01") else "both")
    for name, fn in dict(log=tf.math.log, sqrt=tf.sqrt, rsqrt=tf.math.rsqrt).items():
        case(name, lambda x, f=fn: f(x), X4, low=0.2, high=3.0)
    binary = dict(add=tf.add, sub=tf.subtract, mul=tf.multiply, maximum=tf.maximum, minimum=tf.minimum,
                  squared_difference=tf.math.squared_difference)
    for name, fn in binary.items():
        case(name, lambda x, y, f=fn: f(x, y), X4, X4)
        case(name + "_broadcast", lambda x, y, f=fn: f(x, y), X4, (6,))
        case(name + "_constant", lambda x, f=fn: f(x, weights(6, seed=9)), X4)
    for name, fn in dict(div=tf.divide, floor_div=tf.math.floordiv, floor_mod=tf.math.floormod, pow=tf.pow,
                         atan2=tf.math.atan2).items():
        case(name, lambda x, y, f=fn: f(x, y), X4, X4, low=0.3, high=2.0, kind="float")
    case("atan2_signs", lambda x, y: tf.math.atan2(x, y), X4, X4, kind="float")
    for name, fn in dict(floor_div=tf.math.floordiv, floor_mod=tf.math.floormod, add=tf.add, mul=tf.multiply,
                         pow=tf.pow, maximum=tf.maximum).items():
        case("int_" + name, lambda x, y, f=fn: f(x, y), X2, X2, dtype=tf.int32, low=1, high=6, kind="float")
    for name, fn in dict(equal=tf.equal, not_equal=tf.not_equal, less=tf.less, less_equal=tf.less_equal,
                         greater=tf.greater, greater_equal=tf.greater_equal).items():
        case(name, lambda x, y, f=fn: tf.cast(f(x, y), tf.float32), X2, X2, kind="float")
    case("logical", lambda x, y: tf.cast(tf.logical_or(tf.logical_and(x > 0, y > 0), tf.logical_not(x > y)), tf.int32),
         X2, X2, kind="float")
    case("select_v2", lambda x, y: tf.where(x > y, x, y), X4, (6,), kind="float")
    case("select", lambda x, y: raw.Select(condition=x[:, 0] > 0, x=x, y=y), X2, X2, kind="float")
    case("add_n", lambda x, y: tf.add_n([x, y, x]), X2, X2)
    case("prelu", lambda x: tf.nn.relu(x) - weights(6, seed=5) * tf.nn.relu(-x), X4)
    case("cast", lambda x: tf.cast(tf.cast(x * 5, tf.int32), tf.float32), X4, kind="float")
    case("cast_bool", lambda x: tf.cast(tf.cast(x, tf.bool), tf.int64), X2, kind="float")
    case("bucketize", lambda x: raw.Bucketize(input=x, boundaries=[-0.5, 0.0, 0.25]), X2, kind="float")


def reductions():
    for name, fn in dict(mean=tf.reduce_mean, sum=tf.reduce_sum, reduce_max=tf.reduce_max, reduce_min=tf.reduce_min,
                         reduce_prod=tf.reduce_prod).items():
        quant = "both" if name not in ("reduce_prod",) else "float"
        kernels = "default" if name == "sum" else "reference"
        case(name, lambda x, f=fn: f(x, [1, 2]), X4, kind=quant, kernels=kernels)
        case(name + "_keep", lambda x, f=fn: f(x, [-1], keepdims=True), X4, kind=quant, kernels=kernels)
    case("reduce_all", lambda x: tf.cast(tf.reduce_all(x > -0.8, 1), tf.int32), X2, kind="float")
    case("reduce_any", lambda x: tf.cast(tf.reduce_any(x > 0.8, 1), tf.int32), X2, kind="float")
    case("arg_max", lambda x: tf.argmax(x, -1), X4, kind="float")
    case("arg_min", lambda x: tf.argmin(x, 1, output_type=tf.int32), X4, kind="float")
    case("top_k", lambda x: tf.math.top_k(x, 3), X2, kind="float")
    case("cumsum", lambda x: tf.cumsum(x, 1), X4, kind="float")
    case("cumsum_reverse", lambda x: tf.cumsum(x, 1, exclusive=True, reverse=True), X4, kind="float")


def moves():
    case("reshape", lambda x: tf.reshape(x, [2, -1]), X4)
    case("squeeze", lambda x: tf.squeeze(x), X4)
    case("expand_dims", lambda x: tf.expand_dims(x, 2), X2)
    case("transpose", lambda x: tf.transpose(x, [0, 2, 1, 3]), X4)
    case("concat", lambda x, y: tf.concat([x, y], -1), X4, (1, 9, 8, 2))
    case("concat_relu", lambda x, y: tf.concat([x, tf.nn.relu(y) * 3.0], 1), X4, X4)
    case("pack", lambda x, y: tf.stack([x, y], 1), X2, X2)
    case("unpack", lambda x: tf.unstack(x, axis=1)[2] + 0.5, (2, 4, 3))
    case("split", lambda x: tf.split(x, 3, -1)[1], X4)
    case("split_all", lambda x: tf.split(x, 3, -1), X4)
    case("split_v", lambda x: tf.split(x, [1, 2, 3], -1)[2], X4)
    case("tile", lambda x: tf.tile(x, [2, 3]), X2, kind="float")
    case("slice", lambda x: tf.slice(x, [0, 1, 2, 0], [1, 4, -1, 3]), X4)
    case("strided_slice", lambda x: x[:, 1:8:2, ::-1, tf.newaxis, 2:5], X4, kind="float")
    case("strided_slice_shrink", lambda x: x[0, ..., -1], X4)
    case("pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 0], [0, 1]]), X4)
    case("pad_v2", lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 0], [0, 0]], constant_values=0.5), X4)
    case("mirror_pad", lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 0], [0, 0]], "REFLECT"), X4)
    case("mirror_pad_symmetric", lambda x: tf.pad(x, [[0, 0], [1, 2], [3, 0], [0, 0]], "SYMMETRIC"), X4)
    case("space_to_depth", lambda x: tf.nn.space_to_depth(x, 2), (1, 4, 6, 3))
    case("depth_to_space", lambda x: tf.nn.depth_to_space(x, 2), (1, 4, 6, 8))
    case("space_to_batch", lambda x: tf.space_to_batch(x, [2, 2], [[1, 0], [0, 2]]), (1, 5, 6, 3))
    case("batch_to_space", lambda x: tf.batch_to_space(x, [2, 2], [[1, 0], [0, 2]]), (8, 4, 5, 3))
    case("reverse", lambda x: tf.reverse(x, [1]), X4, kind="float")
    case("reverse_sequence", lambda x: tf.reverse_sequence(x, [3, 5, 1], seq_axis=1, batch_axis=0), (3, 6, 2), kind="float")
    case("shape", lambda x: tf.shape(x) + tf.cast(x[0, 0, 0, :4], tf.int32), X4, kind="float")
    case("fill", lambda x: tf.fill([2, 3], x[0, 0]), X2, kind="float")
    case("range", lambda x: tf.range(0.0, 5.0) + x[0, :5], X2, kind="float")
    case("broadcast_to", lambda x: tf.broadcast_to(x, [4, 3, 10]), X2)
    case("gather", lambda x: tf.gather(x, [2, 0, 2], axis=1), X4)
    case("gather_batch", lambda x: tf.gather(x, [[2, 0], [1, 1], [0, 9]], axis=1, batch_dims=1), X2)
    case("gather_nd", lambda x: tf.gather_nd(x, [[0, 1, 2], [0, 8, 7]]), X4, kind="float")
    case("scatter_nd", lambda x: tf.scatter_nd([[0], [2], [0]], x, [4, 10]), X2, kind="float")
    case("one_hot", lambda x: tf.one_hot(tf.cast(x * 4, tf.int32), 5), X2, low=-0.5, high=1.5, kind="float")
    case("embedding", lambda x: tf.nn.embedding_lookup(weights(7, 4), tf.cast(x, tf.int32)), X2, low=0, high=6.9, kind="float")
    case("matrix_diag", lambda x: tf.linalg.diag(x), X2, kind="float")
    case("matrix_set_diag", lambda x, y: tf.linalg.set_diag(x, y), (2, 4, 4), (2, 4), kind="float")
    case("where", lambda x: tf.where(x > 0.1), X2, kind="float")
    case("segment_sum", lambda x: tf.math.segment_sum(x, [0, 0, 1]), X2, kind="float")
    for name in "sum", "prod", "max", "min":
        case("unsorted_segment_" + name, lambda x, f=getattr(tf.math, "unsorted_segment_" + name): f(x, [1, 0, 1], 2), X2, kind="float")
    case("sparse_to_dense", lambda x: raw.SparseToDense(sparse_indices=[[0, 1], [1, 2], [2, 0]], output_shape=[3, 4],
                                                        sparse_values=x[:, 0], default_value=0.25), X2, kind="float")
    case("dynamic_update_slice", lambda x: tf.tensor_scatter_nd_update(x, [[1]], x[:1] * 2), X2, kind="float")
    case("nms_v4", lambda b, s: raw.NonMaxSuppressionV4(boxes=b, scores=s, max_output_size=4, iou_threshold=0.5,
         score_threshold=0.2, pad_to_max_output_size=True), (9, 4), (9,), low=0.0, high=1.0, kind="float")
    case("nms_v5", lambda b, s: tf.raw_ops.NonMaxSuppressionV5(boxes=b, scores=s, max_output_size=6, iou_threshold=0.5,
         score_threshold=0.2, soft_nms_sigma=0.0, pad_to_max_output_size=True), (9, 4), (9,), low=0.0, high=1.0, kind="float")


def keras_layer(make, shape):
    layer = {}

    def fn(x):
        if "it" not in layer:
            tf.keras.utils.set_random_seed(3)
            layer["it"] = make()
        return layer["it"](x)
    return fn


def small_network():
    """All that image networks have, one after another."""
    k = tf.keras.layers
    return tf.keras.Sequential([
        k.Conv2D(16, 3, 2, "same", activation="relu6"), k.DepthwiseConv2D(3, 1, "same", activation="relu"), k.Conv2D(24, 1),
        Residual(), k.Conv2D(32, 3, activation="tanh"), k.MaxPooling2D(2), k.UpSampling2D(2, interpolation="bilinear"),
        k.Conv2D(8, 3, activation="sigmoid"), k.Conv2DTranspose(8, 2, 2, activation="gelu"), k.AveragePooling2D(2), k.Flatten(),
        k.Dense(20, activation="leaky_relu"), k.Dense(10, activation="softmax")])


class Residual(tf.keras.layers.Layer):
    def build(self, shape):
        self.one = tf.keras.layers.Conv2D(shape[-1], 3, padding="same", activation="relu")
        self.gate = tf.keras.layers.Dense(shape[-1], activation="sigmoid")
        self.one.build(shape)
        self.gate.build((None, shape[-1]))

    def call(self, x):
        y = self.one(x)
        return x + y * self.gate(tf.reduce_mean(y, [1, 2], keepdims=True))


class Attention(tf.keras.layers.Layer):
    def build(self, shape):
        self.heads = tf.keras.layers.MultiHeadAttention(2, 4)
        self.heads.build(shape, shape)

    def call(self, x):
        return self.heads(x, x)


def recurrent():
    k = tf.keras.layers
    case("lstm", keras_layer(lambda: k.LSTM(5, return_sequences=True), None), (1, 6, 4), kind="float")
    case("lstm_long", keras_layer(lambda: k.LSTM(5, return_sequences=True), None), (1, 24, 4), kind="float")
    case("gru", keras_layer(lambda: k.GRU(5, return_sequences=True), None), (1, 6, 4), kind="float")
    case("einsum_dense", keras_layer(lambda: k.EinsumDense("abc,cde->abde", (None, 3, 4), bias_axes="de"), None), (2, 5, 6))
    case("einsum_dense_back", keras_layer(lambda: k.EinsumDense("abcd,cde->abe", (None, 7), bias_axes="e"), None), (2, 5, 3, 4))
    case("lstm_unrolled", keras_layer(lambda: k.LSTM(5, return_sequences=True, unroll=True), None), (1, 6, 4))
    case("network", keras_layer(lambda: small_network(), None), (1, 24, 24, 3))
    case("attention", keras_layer(lambda: Attention(), None), (1, 6, 8))
    case("simple_rnn", keras_layer(lambda: k.SimpleRNN(5, return_sequences=True), None), (1, 6, 4), kind="float")
    case("while", lambda x: tf.while_loop(lambda i, v: i < 5, lambda i, v: (i + 1, v * 0.5 + x), (0, x))[1], X2, kind="float")
    case("while_by_data", lambda x: tf.while_loop(lambda v: tf.reduce_sum(v) < 50.0, lambda v: v * 1.5 + 1.0, (x,))[0], X2, kind="float")
    case("cond_shapes", lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x[:2] * 2.0, lambda: x[1:2] - 1.0), X2, kind="float")
    case("nms_padded", lambda b, s: tf.image.non_max_suppression_padded(b, s, 4, 0.5, 0.2, pad_to_max_output_size=True)[0],
         (9, 4), (9,), low=0.0, high=1.0, kind="float")
    case("cond", lambda x: tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: x - 1.0), X2, kind="float")


for part in convolutions, resizes, elementwise, reductions, moves, recurrent:
    part()



# --- Files of our own. ------------------------------------------------------------------------------

spec = importlib.util.spec_from_file_location(
    "tflite_make", pathlib.Path(__file__).parent.parent / "formats" / "tflite" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)
T, OP = make.tensor, make.op
CODES = {}
for line in (pathlib.Path(__file__).parents[2] / "src/formats/tflite/tflite_codes.def").read_text().splitlines():
    if line.startswith("CA_TFLITE_CODE("):
        code, name, options = line[15:-1].split(", ")
        CODES[name] = (int(code), int(options))


def const(name, shape, seed=1, type=make.F32, scale=None, zero=None, axis=0, low=-0.5, high=0.5, values=None):
    n = int(np.prod(shape, dtype=int))
    data = values if values is not None else np.random.default_rng(seed).uniform(low, high, n)
    data = [float(v) for v in data] if type in (make.F32, make.F16) else [int(round(v)) for v in data]
    return T(name, shape, type, data, scale, zero, axis)


def f32s(**fields):
    return fields


def hand(name, feeds_shapes, operator, consts=(), out=None, options=None, order=None, outs=None, low=-1.0, high=1.0,
         states=(), x_type=make.F32, x_quant=None, out_type=make.F32, out_quant=None, custom=None, custom_options=None, shown=None,
         ends=None):
    """One operator: inputs x0, x1 ..., constants and states in the order given (None: absent). x_quant, ends: of all inputs, or a
    list of each one's."""
    names = ["x%d" % i for i in range(len(feeds_shapes))]
    quants = x_quant if isinstance(x_quant, list) else [x_quant or {}] * len(names)
    tensors = [T(n, list(s), x_type, **q) for n, s, q in zip(names, feeds_shapes, quants)] + list(consts)
    tensors += [T(n, list(s), fields={5: ("bool", True)}) for n, s in states]
    outs = outs or ["y"]
    shapes = out if outs != ["y"] else [out]
    tensors += [T(n, list(s), out_type, **(out_quant or {})) for n, s in zip(outs, shapes)]
    inputs = [-1 if n is None else n for n in (order or names + [c["name"] for c in consts])]
    code, kind = CODES[operator] if not custom else (32, 0)
    node = OP(code, inputs, outs, (kind, options) if options is not None else None, custom, custom_options)
    data = make.model((tensors, [node], names, outs[:shown]))
    random = np.random.default_rng(77)
    feeds = [random.uniform(*e, s).astype(np.float32) for s, e in zip(feeds_shapes, ends or [(low, high)] * len(names))]
    return name, lambda: (data, feeds)


def lstm_weights(h, i, projection=0, peephole=False, coupled=False, norms=False, prefix="", bias_scale=0.5):
    """Constants and their order, 17 inputs."""
    out, order = [], []

    def add(name, shape, present=True, low=-0.8, high=0.8):
        if present:
            out.append(const(prefix + name, shape, seed=len(prefix) * 50 + len(order) + 2, low=low, high=high))
        order.append(prefix + name if present else None)
    p = projection or h
    for g in "ifco":
        add("w" + g, [h, i], not (coupled and g == "i"))
    for g in "ifco":
        add("r" + g, [h, p], not (coupled and g == "i"))
    for g in "ifo":
        add("p" + g, [h], peephole and not (coupled and g == "i"))
    for g in "ifco":
        add("b" + g, [h], not (coupled and g == "i"))
    add("proj", [projection, h], projection > 0)
    add("proj_b", [projection], projection > 0)
    return out, order


def lstm_case(name, t=6, h=5, i=4, clip=10.0, projection=0, proj_clip=0.0, time_major=False, norms=False, step=False, **more):
    consts, order = lstm_weights(h, i, projection, norms=norms, **more)
    states = [("h0", [1, projection or h]), ("c0", [1, h])]
    names = ["x0"] + order + ["h0", "c0"]
    if norms:
        for k, g in enumerate("ifco"):
            present = not (more.get("coupled") and g == "i")
            if present:
                consts.append(const("n" + g, [h], seed=70 + k, low=0.5, high=1.5))
            names.append("n" + g if present else None)
    x = (1, i) if step else (t, 1, i) if time_major else (1, t, i)
    y = (1, projection or h) if step else (t, 1, projection or h) if time_major else (1, t, projection or h)
    fields = {0: ("i8", 4), 1: ("f32", clip), 2: ("f32", proj_clip)}
    if not step:
        fields[3] = ("bool", time_major)
    return hand(name, [x], "LSTM" if step else "UNIDIRECTIONAL_SEQUENCE_LSTM", consts, y, fields, names, states=states,
                low=-2.0, high=2.0)


def bidirectional_lstm(name, merge):
    t, h, i = 5, 3, 4
    one, order = lstm_weights(h, i, prefix="f_")
    two, order2 = lstm_weights(h, i, prefix="bw_")
    states = [(n, [1, h]) for n in ("h1", "c1", "h2", "c2")]
    names = ["x0"] + order + order2 + ["h1", "c1", "h2", "c2"] + [None] * 9
    return hand(name, [(1, t, i)], "BIDIRECTIONAL_SEQUENCE_LSTM", one + two,
                (1, t, 2 * h) if merge else [(1, t, h), (1, t, h)],
                {0: ("i8", 4), 1: ("f32", 10.0), 3: ("bool", merge), 4: ("bool", False)}, names, states=states,
                outs=["y"] if merge else ["y", "y2"])


def rnn_cases():
    t, h, i = 6, 5, 4
    w = lambda p: [const(p + "w", [h, i], 2), const(p + "r", [h, h], 3), const(p + "b", [h], 4)]
    for name, act in ("relu", 1), ("tanh", 4), ("relu6", 3):
        yield hand("rnn_" + name, [(2, i)], "RNN", w(""), (2, h), {0: ("i8", act)}, ["x0", "w", "r", "b", "h0"],
                   states=[("h0", [2, h])])
        yield hand("sequence_rnn_" + name, [(2, t, i)], "UNIDIRECTIONAL_SEQUENCE_RNN", w(""), (2, t, h),
                   {0: ("bool", False), 1: ("i8", act)}, ["x0", "w", "r", "b", "h0"], states=[("h0", [2, h])])
    yield hand("sequence_rnn_time_major", [(t, 2, i)], "UNIDIRECTIONAL_SEQUENCE_RNN", w(""), (t, 2, h),
               {0: ("bool", True), 1: ("i8", 4)}, ["x0", "w", "r", "b", "h0"], states=[("h0", [2, h])])
    yield hand("bidirectional_rnn", [(2, t, i)], "BIDIRECTIONAL_SEQUENCE_RNN", w("f") + w("g"), [(2, t, h), (2, t, h)],
               {0: ("bool", False), 1: ("i8", 4), 2: ("bool", False)},
               ["x0", "fw", "fr", "fb", "h1", "gw", "gr", "gb", "h2", None, None, None],
               states=[("h1", [2, h]), ("h2", [2, h])], outs=["y", "y2"])
    for rank in 1, 2:
        yield hand("svdf_%d" % rank, [(2, i)], "SVDF", [const("w", [6, i], 2), const("t", [6, 3], 3), const("b", [6 // rank], 4)],
                   (2, 6 // rank), {0: ("i32", rank), 1: ("i8", 1)}, ["x0", "w", "t", "b", "s"], states=[("s", [2, 18])])
    yield hand("lstm_basic", [(1, i), (1, h), (1, h)], "LSTM", [const("w", [4 * h, i + h], 2), const("b", [4 * h], 3)],
               [(1, h), (1, h), (1, i + h), (1, 4 * h)], {0: ("i8", 4), 1: ("f32", 0.3), 3: ("i8", 1)},
               ["x0", "x1", "w", "b", "x2"], outs=["y", "c", "z1", "z2"], shown=2)


def lstm_cases():
    yield lstm_case("lstm_plain")
    yield lstm_case("lstm_unclipped", clip=0.0, t=12)
    yield lstm_case("lstm_clipped", clip=0.2, t=12)
    yield lstm_case("lstm_steps", t=14)
    yield lstm_case("lstm_time_major", time_major=True)
    yield lstm_case("lstm_peephole", peephole=True)
    yield lstm_case("lstm_coupled", coupled=True)
    yield lstm_case("lstm_coupled_peephole", coupled=True, peephole=True)
    yield lstm_case("lstm_projection", projection=3, proj_clip=0.1)
    yield lstm_case("lstm_norms", norms=True)
    yield lstm_case("lstm_everything", norms=True, peephole=True, projection=3)
    yield lstm_case("lstm_one_step", step=True, peephole=True)
    yield bidirectional_lstm("bidirectional_lstm", False)
    yield bidirectional_lstm("bidirectional_lstm_merged", True)


def detection(name, regular, classes_each=1, background=1, most=6):
    from flatbuffers import flexbuffers
    b = flexbuffers.Builder()
    with b.Map():
        for key, value in dict(max_detections=most, max_classes_per_detection=classes_each, detections_per_class=4,
                               num_classes=3).items():
            b.Int(key, value)
        b.Bool("use_regular_nms", regular)
        for key, value in dict(nms_score_threshold=0.3, nms_iou_threshold=0.4, y_scale=10.0, x_scale=10.0, h_scale=5.0,
                               w_scale=5.0).items():
            b.Float(key, value)
    random = np.random.default_rng(5)
    a = 20
    anchors = np.concatenate([random.uniform(0.2, 0.8, (a, 2)), random.uniform(0.2, 0.5, (a, 2))], 1)
    n = most * classes_each
    return hand(name, [(1, a, 4), (1, a, 3 + background)], "CUSTOM", [const("anchors", [a, 4], values=anchors.ravel())],
                [(1, n, 4), (1, n), (1, n), (1,)], outs=["y", "y2", "y3", "y4"], low=0.0, high=1.0,
                custom="TFLite_Detection_PostProcess", custom_options=bytes(b.Finish()))


def old_uint8():
    """The asymmetric files of TensorFlow 1: zero points in the weights."""
    q = dict(x_type=make.U8, x_quant=dict(scale=[0.02], zero=[120]), out_type=make.U8)
    w = dict(type=make.U8, scale=[0.013], zero=[97], low=0, high=255)
    b = dict(type=make.I32, scale=[0.02 * 0.013], low=-900, high=900)
    out = dict(out_quant=dict(scale=[0.05], zero=[101]))
    yield hand("u8_conv", [(1, 7, 6, 3)], "CONV_2D", [const("w", [4, 3, 3, 3], **w), const("b", [4], 2, **b)], (1, 4, 3, 4),
               {0: ("i8", 0), 1: ("i32", 2), 2: ("i32", 2), 3: ("i8", 3)}, **q, **out)
    yield hand("u8_depthwise", [(1, 7, 6, 3)], "DEPTHWISE_CONV_2D", [const("w", [1, 3, 3, 6], **w), const("b", [6], 2, **b)],
               (1, 5, 4, 6), {0: ("i8", 1), 1: ("i32", 1), 2: ("i32", 1), 3: ("i32", 2), 4: ("i8", 1)}, **q, **out)
    yield hand("u8_dense", [(2, 12)], "FULLY_CONNECTED", [const("w", [5, 12], **w), const("b", [5], 2, **b)], (2, 5),
               {0: ("i8", 0)}, **q, **out)
    yield hand("u8_softmax", [(2, 12)], "SOFTMAX", [], (2, 12), {0: ("f32", 1.0)}, **q, out_quant=dict(scale=[1 / 256], zero=[0]))
    yield hand("u8_softmax_beta", [(2, 12)], "SOFTMAX", [], (2, 12), {0: ("f32", 0.5)}, **q, out_quant=dict(scale=[1 / 256], zero=[0]))
    yield hand("u8_logistic", [(2, 12)], "LOGISTIC", [], (2, 12), **q, out_quant=dict(scale=[1 / 256], zero=[0]))
    yield hand("u8_average_pool", [(1, 7, 6, 3)], "AVERAGE_POOL_2D", [], (1, 4, 3, 3),
               {0: ("i8", 0), 1: ("i32", 2), 2: ("i32", 2), 3: ("i32", 3), 4: ("i32", 3)}, **q, out_quant=dict(scale=[0.02], zero=[120]))
    yield hand("u8_add", [(2, 12), (2, 12)], "ADD", [], (2, 12), {}, **q, **out)
    yield hand("u8_mul", [(2, 12), (2, 12)], "MUL", [], (2, 12), {}, **q, **out)
    yield hand("u8_bilinear", [(1, 3, 4, 2)], "RESIZE_BILINEAR", [const("s", [2], type=make.I32, values=[6, 8])], (1, 6, 8, 2),
               {}, **q, out_quant=dict(scale=[0.02], zero=[120]))


def odd_scales():
    """Operators of 8 bits whose scales and zero points are no round numbers, each on all its integers."""
    random = np.random.default_rng(31)
    one = dict(LOGISTIC=None, TANH=None, HARD_SWISH=None, LEAKY_RELU={0: ("f32", 0.37)}, RELU=None, RELU6=None, RELU_N1_TO_1=None,
               QUANTIZE={}, SOFTMAX={0: ("f32", 1.0)}, ELU=None, EXP={}, SQRT=None, ABS=None)
    two = dict(ADD={0: ("i8", 1)}, SUB={0: ("i8", 3)}, MUL={0: ("i8", 0)}, SQUARED_DIFFERENCE={})
    fixed = dict(LOGISTIC=(1 / 256, 0), TANH=(1 / 128, 128), SOFTMAX=(1 / 256, 0))
    of_i8_only = ("ELU", "EXP", "SQRT", "ABS", "SQUARED_DIFFERENCE")
    for kind, name, lowest in (make.I8, "i8", -128), (make.U8, "u8", 0):
        for operator, options in [*one.items(), *two.items()]:
            if kind == make.U8 and operator in of_i8_only:
                continue
            for k in range(2):
                x, y = [(float(np.float32(np.exp(random.uniform(-5, -2)))), int(random.integers(lowest, lowest + 256))) for _ in "xy"]
                if operator in fixed:
                    y = (fixed[operator][0], fixed[operator][1] + lowest)
                low, high = [(end - x[1]) * x[0] for end in (lowest, lowest + 255)]
                if operator == "SQRT":
                    low = 0.0
                shape = (4, 200)
                yield hand("odd_%s_%s_%d" % (operator.lower(), name, k), [shape] * (2 if operator in two else 1), operator, [], shape,
                           options, low=low, high=high, x_type=kind, x_quant=dict(scale=[x[0]], zero=[x[1]]), out_type=kind,
                           out_quant=dict(scale=[y[0]], zero=[y[1]]))


def others():
    pool = {0: ("i8", 0), 1: ("i32", 2), 2: ("i32", 2), 3: ("i32", 3), 4: ("i32", 2), 5: ("i8", 0)}
    yield hand("l2_pool", [(1, 7, 6, 3)], "L2_POOL_2D", [], (1, 4, 3, 3), pool)
    yield hand("relu_0_to_1", [X2], "RELU_0_TO_1", [], X2, low=-2, high=2)
    yield hand("relu_n1_to_1", [X2], "RELU_N1_TO_1", [], X2, low=-2, high=2)
    for name in "CEIL", "ROUND", "ELU", "ZEROS_LIKE":
        yield hand(name.lower() + "_alone", [X2], name, [], X2, low=-2, high=2)
    i32 = lambda name, values, shape=None: const(name, shape or [len(values)], type=make.I32, values=values)
    yield hand("prelu_channels", [X4], "PRELU", [const("a", [1, 1, 6])], X4)
    yield hand("segment_sum_alone", [X2], "SEGMENT_SUM", [i32("s", [0, 0, 1])], (2, 10))
    yield hand("squeeze_alone", [X4], "SQUEEZE", [], X4[1:], {0: make.ints([0])})
    yield hand("squeeze_all", [X4], "SQUEEZE", [], X4[1:], {})
    yield hand("expand_dims_alone", [X2], "EXPAND_DIMS", [i32("axis", [-1], [1])], (3, 10, 1))
    yield hand("embedding_lookup", [(7, 4)], "EMBEDDING_LOOKUP", [i32("ids", [3, 0, 3])], (3, 4), order=["ids", "x0"])
    yield hand("dynamic_update_slice_alone", [(4, 5), (2, 3)], "DYNAMIC_UPDATE_SLICE", [i32("at", [1, 9])], (4, 5))
    yield hand("fake_quant_alone", [X2], "FAKE_QUANT", [], X2, {0: ("f32", -0.7), 1: ("f32", 0.9), 2: ("i32", 8)})
    yield hand("reshape_by_option", [X2], "RESHAPE", [], (5, 6), {0: make.ints([5, 6])}, order=["x0"])
    yield hand("reshape_by_input", [X2], "RESHAPE", [i32("to", [-1, 2])], (15, 2))
    yield hand("dense_3d_kept", [(2, 3, 10)], "FULLY_CONNECTED", [const("w", [4, 10])], (2, 3, 4), {2: ("bool", True)}, order=["x0", "w", None])
    yield hand("dense_flat", [(2, 5, 2)], "FULLY_CONNECTED", [const("w", [4, 10])], (2, 4), {}, order=["x0", "w", None])
    yield hand("transpose_conv_bias", [(1, 5, 4, 6)], "TRANSPOSE_CONV", [i32("s", [1, 10, 8, 3]), const("w", [3, 3, 3, 6]), const("b", [3])],
               (1, 10, 8, 3), {0: ("i8", 0), 1: ("i32", 2), 2: ("i32", 2)}, ["s", "w", "x0", "b"])
    yield hand("conv_explicit_group", [(1, 6, 5, 4)], "CONV_2D", [const("w", [6, 3, 2, 2]), const("b", [6])], (1, 6, 5, 6),
               {0: ("i8", 0), 1: ("i32", 1), 2: ("i32", 1)})
    yield hand("concatenation_negative", [(2, 3), (2, 3)], "CONCATENATION", [], (2, 6), {0: ("i32", -1)})
    yield hand("strided_slice_offset", [(6, 7)], "STRIDED_SLICE", [i32("b", [1, -5]), i32("e", [4, 3]), i32("s", [2, 1])],
               (2, 3), {5: ("bool", True)})
    yield hand("strided_slice_masks", [(6, 7, 3)], "STRIDED_SLICE", [i32("b", [1, 2, -1]), i32("e", [4, 3, 0]), i32("s", [2, -1, 1])],
               (2, 3, 1), {0: ("i32", 2), 1: ("i32", 2), 4: ("i32", 4)})
    yield hand("resize_nearest_up", [(1, 3, 4, 2)], "RESIZE_NEAREST_NEIGHBOR", [i32("s", [7, 9])], (1, 7, 9, 2), {})


def whole_files():
    """The files of tests/formats/tflite that say something about numbers."""
    folder = pathlib.Path(__file__).parent.parent / "formats" / "tflite"
    for name, shape in dict(conv=(1, 5, 6, 2), depthwise=(1, 5, 6, 2), dilated=(1, 6, 7, 2),
                            half=(1, 4), sparse_rows=(1, 4), sparse_blocks=(1, 4), variables=(2,), loop=(2,), branch=(2,),
                            loop_none=(2,), composite=(2,), shape=(1, 3), quantised_u8=(1, 4), quantised_moves=(2, 3),
                            quantised_i8=(1, 4), steps_i8=(1, 6, 6, 3), steps_u8=(1, 6, 6, 3)).items():
        data = (folder / (name + ".tflite")).read_bytes()
        yield "file_" + name, lambda d=data, s=shape: (d, [np.random.default_rng(3).uniform(-1, 1, s).astype(np.float32)])


def shapes():
    i32 = lambda name, values, shape=None: const(name, shape or [len(values)], type=make.I32, values=values)
    fixed = lambda *a, **k: hand(*a, out_type=make.I32, **k)
    yield fixed("shape_alone", [X4], "SHAPE", [], (4,), {0: ("i8", make.I32)})
    yield fixed("rank_alone", [X4], "RANK", [], ())
    yield fixed("broadcast_args", [X2], "BROADCAST_ARGS", [i32("a", [4, 1, 3]), i32("b", [5, 1])], (3,), order=["a", "b"])
    yield hand("range_float", [X2], "RANGE", [const("a", [], values=[0.5]), const("b", [], values=[-2.0]), const("s", [], values=[-0.75])],
               (4,), order=["a", "b", "s"])
    yield hand("reverse_v2_two", [X4], "REVERSE_V2", [i32("axes", [1])], X4)
    yield hand("gather_scalar", [X2], "GATHER", [i32("i", [2], [])], (10,), {0: ("i32", 0)})
    yield hand("gather_last", [X2], "GATHER", [i32("i", [2, 0, 9, 1], [2, 2])], (3, 2, 2), {0: ("i32", -1)})
    yield hand("split_negative", [X2], "SPLIT", [i32("axis", [-1], [])], [(3, 5), (3, 5)], {0: ("i32", 2)}, ["axis", "x0"], outs=["y", "y2"])
    yield hand("unpack_last", [(2, 4, 3)], "UNPACK", [], [(2, 4)] * 3, {0: ("i32", 3), 1: ("i32", -1)}, outs=["y", "y2", "y3"])
    yield hand("pack_last", [X2, X2], "PACK", [], (3, 10, 2), {0: ("i32", 2), 1: ("i32", -1)})
    yield hand("mean_negative", [X4], "MEAN", [i32("axes", [-1, 1])], (1, 8), {0: ("bool", False)})
    yield hand("mean_twice", [X4], "MEAN", [i32("axes", [1, -3])], (1, 8, 6), {0: ("bool", False)})
    yield hand("one_hot_axis", [X2], "ONE_HOT", [i32("i", [2, 0, 9, -1]), i32("d", [4], []), const("on", [], values=[2.5]), const("off", [], values=[-1.0])],
               (4, 4), {0: ("i32", 0)}, ["i", "d", "on", "off"])
    yield hand("space_to_batch_3d", [(2, 6, 3)], "SPACE_TO_BATCH_ND", [i32("b", [2]), i32("p", [1, 1], [1, 2])], (4, 4, 3))
    yield hand("batch_to_space_3d", [(4, 4, 3)], "BATCH_TO_SPACE_ND", [i32("b", [2]), i32("p", [1, 1], [1, 2])], (2, 6, 3))


def by_hand():
    cases = dict(lstm_cases())
    for part in rnn_cases, old_uint8, odd_scales, others, shapes, whole_files:
        cases.update(part())
    cases.update([detection("detection_fast", False), detection("detection_regular", True),
                  detection("detection_no_background", False, background=0),
                  detection("detection_many", True, most=30)])
    return cases

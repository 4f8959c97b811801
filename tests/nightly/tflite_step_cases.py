# SPDX-License-Identifier: Apache-2.0
"""Every operator of TensorFlow Lite that has kernels for quantised integers, in each type that it has them for (i8, u8,
i16), written by hand with scales and zero points that are no round numbers. What the reference kernels refuse is not
counted: that they refuse is what shows that there is nothing to be equal to."""
import numpy as np

import tflite_cases as base

make, const = base.make, base.const
I8, U8, I16, I32, I64, F32 = make.I8, make.U8, make.I16, make.I32, make.I64, make.F32
NAMES = {I8: "i8", U8: "u8", I16: "i16", I32: "i32", F32: "f32"}
ENDS = {I8: (-128, 127), U8: (0, 255), I16: (-32768, 32767)}
X4 = (1, 7, 6, 3)


def odd(random, kind):
    """A scale and a zero point; the scale so that values are about as large in every type."""
    low, high = ENDS[kind]
    scale = float(np.float32(np.exp(random.uniform(-4, -2)))) * (1 if kind != I16 else 1 / 256)
    return float(np.float32(scale)), 0 if kind == I16 else int(random.integers(low + 20, high - 19))


def quant(step):
    return dict(scale=[step[0]], zero=[step[1]])


def one(name, kinds, operator, xs, out, options=None, consts=(), order=None, like=False, fixed=None, outs=None, seed=0, low=None,
        out_kind=None, same=False, runs=2):
    """A case per type. xs: shapes of the inputs; fixed: the output's steps by type; like: the output has the input's
    steps; same: all inputs have the same steps; consts: of the type and the first input's steps, a list or a function of them."""
    for kind in kinds:
        for run in range(runs):
            random = np.random.default_rng(1000 * seed + 10 * run + kind)
            steps = [odd(random, kind)]
            steps += [steps[0] if same else odd(random, kind) for _ in xs[1:]]
            to = out_kind or kind
            y = steps[0] if like else fixed[kind] if fixed else odd(random, to)
            ends = [[(e - s[1]) * s[0] for e in ENDS[kind]] for s in steps]
            if low is not None:
                ends = [[low, e[1]] for e in ends]
            data = consts(kind, steps[0]) if callable(consts) else consts
            yield base.hand("step_%s_%s_%d" % (name, NAMES[kind], run), list(xs), operator, list(data), out, options, order,
                            outs=outs, ends=ends, x_type=kind, x_quant=[quant(s) for s in steps], out_type=to, out_quant=quant(y))


ALL, BYTES, SIGNED = (I8, U8, I16), (I8, U8), (I8, I16)


def functions():
    s = (8, 1500)
    logistic, tanh = {I8: (1 / 256, -128), U8: (1 / 256, 0), I16: (1 / 32768, 0)}, {I8: (1 / 128, 0), U8: (1 / 128, 128), I16: (1 / 32768, 0)}
    yield from one("logistic", ALL, "LOGISTIC", [s], s, fixed=logistic)
    yield from one("tanh", ALL, "TANH", [s], s, fixed=tanh)
    for name in "HARD_SWISH", "ELU", "EXP", "ABS", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "SQUARE", "SIN", "CEIL", "ROUND", "FLOOR", "SIGN":
        yield from one(name.lower(), ALL, name, [s], s, {} if name == "EXP" else None, runs=3)
    for name in "LOG", "SQRT", "RSQRT":
        yield from one(name.lower(), ALL, name, [s], s, low=0.0, runs=3)
    yield from one("neg", ALL, "NEG", [s], s)
    yield from one("neg_like", ALL, "NEG", [s], s, like=True)
    for i, alpha in enumerate((0.37, -0.2, 1.7)):
        yield from one("leaky_relu_%d" % i, ALL, "LEAKY_RELU", [s], s, {0: ("f32", alpha)})
    for exact in False, True:
        yield from one("gelu_%d" % exact, ALL, "GELU", [s], s, {0: ("bool", exact)}, runs=3)
    for kind in ALL:
        for to in ALL:
            yield from one("quantize_%s" % NAMES[to], [kind], "QUANTIZE", [s], s, {}, out_kind=to, seed=to)
    soft = {I8: (1 / 256, -128), U8: (1 / 256, 0), I16: (1 / 32768, 0)}
    for beta in 1.0, 0.3:
        yield from one("softmax_%g" % beta, ALL, "SOFTMAX", [(40, 30)], (40, 30), {0: ("f32", beta)}, fixed=soft)
    yield from one("softmax_long", ALL, "SOFTMAX", [(3, 2000)], (3, 2000), {0: ("f32", 1.0)}, fixed=soft)
    yield from one("softmax_4d", ALL, "SOFTMAX", [X4], X4, {0: ("f32", 1.0)}, fixed=soft)
    logs = {I8: (16 / 256, 127), U8: (16 / 256, 255)}
    yield from one("log_softmax", BYTES, "LOG_SOFTMAX", [(40, 30)], (40, 30), fixed=logs, runs=4)
    yield from one("log_softmax_many", BYTES, "LOG_SOFTMAX", [(20000, 5)], (20000, 5), fixed=logs, runs=3)
    yield from one("softmax_many", ALL, "SOFTMAX", [(20000, 5)], (20000, 5), {0: ("f32", 1.0)}, fixed=soft, runs=3)
    yield from one("log_softmax_long", BYTES, "LOG_SOFTMAX", [(3, 2000)], (3, 2000), fixed=logs)
    norm = {I8: (1 / 128, 0), U8: (1 / 128, 128)}
    yield from one("l2_normalization", BYTES, "L2_NORMALIZATION", [(60, 17)], (60, 17), {0: ("i8", 0)}, fixed=norm, runs=3)
    yield from one("l2_normalization_4d", BYTES, "L2_NORMALIZATION", [X4], X4, {0: ("i8", 0)}, fixed=norm)


def pairs():
    s, channels = (3, 4, 500), (500,)
    for kind in ALL:
        for sign in 1, -1:
            for act in 0, 1:
                steps = [(0.02, 0) if kind == I16 else (0.02, ENDS[kind][0] + 100) for _ in "xy"]
                scale = 1 / 256 if kind == I16 else 1
                yield base.hand("step_div_%s_%d_%d" % (NAMES[kind], sign, act), [s, s], "DIV", [], s, {0: ("i8", act)}, x_type=kind,
                                x_quant=[quant((q[0] * scale, q[1])) for q in steps], out_type=kind, out_quant=quant((0.013 * scale, steps[0][1])),
                                ends=[(-1.9, 1.9), (0.03, 1.9) if sign > 0 else (-1.9, -0.03)])
    for name, options in dict(ADD={0: ("i8", 0)}, SUB={0: ("i8", 0)}, MUL={0: ("i8", 0)}, SQUARED_DIFFERENCE={},
                              FLOOR_DIV={}, FLOOR_MOD={}, POW={}).items():
        yield from one(name.lower(), ALL, name, [s, s], s, options, runs=3)
        yield from one(name.lower() + "_broadcast", ALL, name, [s, channels], s, options)
    for name in "ADD", "SUB":
        yield from one(name.lower() + "_general", [I16], name, [s, s], s, {0: ("i8", 1), 1: ("bool", False)})
        for general in True, False:
            for shifted in 0, 1, 3:
                for swapped in False, True:
                    p, q = (2.0 ** -10, 0), (2.0 ** (-10 - shifted), 0)
                    a, b = (q, p) if swapped else (p, q)
                    yield base.hand("step_%s_shifted_%d_%d_%d" % (name.lower(), shifted, swapped, general), [s, s], name, [], s,
                                    {0: ("i8", 0), 1: ("bool", not general)}, x_type=I16, x_quant=[quant(a), quant(b)], out_type=I16,
                                    out_quant=quant(p), ends=[(-32, 32), (-32, 32)])
    for act in 1, 2, 3:
        for name in "ADD", "SUB", "MUL":
            yield from one("%s_act%d" % (name.lower(), act), ALL, name, [s, s], s, {0: ("i8", act)})
    for name in "MAXIMUM", "MINIMUM":
        yield from one(name.lower(), ALL, name, [s, channels], s, {}, like=True, same=True)
    for label, shape in ("channels", [1, 1, 30]), ("whole", [20, 30, 30]):
        yield from one("prelu_" + label, ALL, "PRELU", [(1, 20, 30, 30)], (1, 20, 30, 30), runs=3, consts=lambda k, t, s=shape: [
            const("a", s, 5, k if k == U8 else I8, [0.01], [130 if k == U8 else 11 if k == I8 else 0], low=0 if k == U8 else -128, high=255 if k == U8 else 127)])
    for adj_x, adj_y in (0, 0), (0, 1), (1, 0), (1, 1):
        x, y = ((2, 3, 9, 70) if not adj_x else (2, 3, 70, 9)), ((2, 3, 70, 11) if not adj_y else (2, 3, 11, 70))
        yield from one("batch_matmul_%d%d" % (adj_x, adj_y), SIGNED, "BATCH_MATMUL", [x, y], (2, 3, 9, 11),
                       {0: ("bool", adj_x), 1: ("bool", adj_y)}, fixed={I8: (0.7, 5), I16: (0.7 / 256, 0)})
    yield from one("batch_matmul_broadcast", SIGNED, "BATCH_MATMUL", [(2, 3, 9, 70), (70, 11)], (2, 3, 9, 11), {}, fixed={I8: (0.7, 5), I16: (0.7 / 256, 0)})
    yield from one("batch_matmul_constant", SIGNED, "BATCH_MATMUL", [(3, 9, 70)], (3, 9, 11), {}, fixed={I8: (0.3, 5), I16: (0.3 / 256, 0)},
                   consts=lambda k, t: [const("w", [70, 11], 5, k, [0.01], [0], low=-120, high=120)])
    yield from one("batch_matmul_mixed", [I16], "BATCH_MATMUL", [(3, 9, 70)], (3, 9, 11), {}, fixed={I16: (0.3 / 256, 0)},
                   consts=lambda k, t: [const("w", [70, 11], 5, I8, [0.01], [0], low=-120, high=120)])
    yield from one("concatenation", ALL, "CONCATENATION", [s, s], (6, 4, 500), {0: ("i32", 0)})
    yield from one("concatenation_same", ALL, "CONCATENATION", [s, s], (3, 4, 1000), {0: ("i32", -1)}, like=True, same=True)


def windows():
    for act in 0, 1, 3:
        for padding in 0, 1:
            pool = {0: ("i8", padding), 1: ("i32", 2), 2: ("i32", 2), 3: ("i32", 3), 4: ("i32", 2), 5: ("i8", act)}
            out = (1, 3, 2, 3) if padding else (1, 4, 3, 3)
            for name in "AVERAGE_POOL_2D", "MAX_POOL_2D":
                yield from one("%s_%d%d" % (name.lower(), act, padding), ALL, name, [X4], out, pool, like=True)
    i32 = lambda name, values: const(name, [len(values)], type=I32, values=values)
    for mode in (False, False), (True, False), (False, True):
        for size in (14, 12), (5, 9), (7, 3), (3, 2), (21, 40):
            for name in "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR":
                k = 2 if name == "RESIZE_BILINEAR" else 0
                yield from one("%s_%d%d_%dx%d" % (name[7:].lower(), *mode, *size), ALL, name, [X4], (1, *size, 3),
                               {k: ("bool", mode[0]), k + 1: ("bool", mode[1])}, [i32("s", size)], like=True, runs=1)


def weights_of(kind, shape, co, axis, each, seed, kind_w=I8, bias_kind=None, bias=900, steps=(0.02, 0)):
    """Weights [shape] of as many scales as channels (each) or one, and their bias: in the scale of its sum."""
    random = np.random.default_rng(seed)
    scales = [float(np.float32(v)) for v in random.uniform(0.004, 0.02, co if each else 1)]
    zero = [0] * len(scales) if kind_w != U8 else [117] * len(scales)
    low, high = (-127, 127) if kind_w == I8 else (0, 255) if kind_w == U8 else (-7, 7)
    out = [const("w", list(shape), seed, kind_w, scales, zero, axis, low=low, high=high)]
    if bias_kind is not None:
        b = [float(np.float32(np.float32(steps[0]) * np.float32(v))) for v in scales]
        out.append(const("b", [co], seed + 1, bias_kind, b, [0] * len(b), 0, low=-bias, high=bias))
    return out


def layers():
    """Convolutions and fully connected layers: one scale and one a channel, no bias, a small and a large one."""
    layers = {"conv": ("CONV_2D", (5, 3, 3, 3), 5, 0, (1, 4, 3, 5), {0: ("i8", 0), 1: ("i32", 2), 2: ("i32", 2)}, 3),
              "depthwise": ("DEPTHWISE_CONV_2D", (1, 3, 3, 6), 6, 3, (1, 7, 6, 6), {0: ("i8", 0), 1: ("i32", 1), 2: ("i32", 1), 3: ("i32", 2)}, 4)}
    for name, (operator, shape, co, axis, out, options, act) in layers.items():
        for kind in ALL:
            for each in (False, True) if kind != U8 else (False,):
                for bias_kind, bias in ((None, 0), (I32, 900), (I32, 1 << 26), (I64, 1 << 26), (I64, 1 << 36)):
                    if bias_kind == I64 and kind != I16:
                        continue
                    for fused in 0, 1:
                        step = odd(np.random.default_rng(kind + fused), kind)
                        y = (step[0] * 3 + bias * step[0] * 0.016 / ENDS[kind][1], 0 if kind == I16 else step[1])
                        data = weights_of(kind, shape, co, axis, each, 3, U8 if kind == U8 else I8, bias_kind, bias, step)
                        yield base.hand("step_%s_%s_%s%s_%d_%d" % (name, NAMES[kind], "each" if each else "one", "" if bias_kind is None else bias_kind, bias, fused),
                                        [X4], operator, data, out, {**options, act: ("i8", fused), **({6: ("i8", bias_kind or 0)} if kind == I16 and operator == "CONV_2D" else {})}, x_type=kind, x_quant=[quant(step)], out_type=kind,
                                        out_quant=quant(y), ends=[[(e - step[1]) * step[0] for e in ENDS[kind]]], order=["x0", "w", None] if bias_kind is None and operator == "none" else None)
    for kind in ALL:
        for each in (False, True) if kind != U8 else (False,):
            for bias_kind, bias in ((None, 0), (I32, 900), (I32, 1 << 26), (I64, 1 << 26), (I64, 1 << 36)):
                if bias_kind == I64 and kind != I16:
                    continue
                step = odd(np.random.default_rng(kind), kind)
                y = (step[0] * 3 + bias * step[0] * 0.016 / ENDS[kind][1], 0 if kind == I16 else step[1])
                data = weights_of(kind, (7, 60), 7, 0, each, 3, U8 if kind == U8 else I8, bias_kind, bias, step)
                yield base.hand("step_dense_%s_%s%s_%d" % (NAMES[kind], "each" if each else "one", "" if bias_kind is None else bias_kind, bias),
                                [(4, 60)], "FULLY_CONNECTED", data, (4, 7), {0: ("i8", 0), **({4: ("i8", bias_kind or 0)} if kind == I16 else {})}, x_type=kind, x_quant=[quant(step)], out_type=kind,
                                out_quant=quant(y), ends=[[(e - step[1]) * step[0] for e in ENDS[kind]]],
                                order=["x0", "w", None] if bias_kind is None else None)
                data = weights_of(kind, (5, 3, 3, 3), 5, 0, each, 3, U8 if kind == U8 else I8, bias_kind, bias, step)
                shape = const("s", [4], type=I32, values=[1, 14, 12, 5])
                yield base.hand("step_transpose_conv_%s_%s%s_%d" % (NAMES[kind], "each" if each else "one", "" if bias_kind is None else bias_kind, bias),
                                [X4], "TRANSPOSE_CONV", [shape, *data], (1, 14, 12, 5),
                                {0: ("i8", 0), 1: ("i32", 2), 2: ("i32", 2), **({4: ("i8", bias_kind or 0)} if kind == I16 else {})}, ["s", "w", "x0"] + (["b"] if bias_kind is not None else []), x_type=kind, x_quant=[quant(step)], out_type=kind,
                                out_quant=quant(y), ends=[[(e - step[1]) * step[0] for e in ENDS[kind]]])


def nibbles():
    """Weights of 4 bits: two a byte, the low half first."""
    for operator, shape, out, options, data in (
            ("CONV_2D", (5, 3, 3, 3), (1, 4, 3, 5), {0: ("i8", 0), 1: ("i32", 2), 2: ("i32", 2)}, X4),
            ("FULLY_CONNECTED", (7, 60), (4, 7), {0: ("i8", 0)}, (4, 60))):
        for kind in SIGNED:
            random = np.random.default_rng(kind)
            step, values = odd(random, kind), random.integers(-8, 8, int(np.prod(shape)))
            pairs = np.append(values, np.zeros(len(values) % 2, int)).reshape(-1, 2) & 15
            w = make.tensor("w", list(shape), 17, None, [0.07], [0], 0, raw=bytes((pairs[:, 0] | pairs[:, 1] << 4).astype(np.uint8)))
            b = const("b", [shape[0]], 3, I32 if kind == I8 else I64, [float(np.float32(np.float32(step[0]) * np.float32(0.07)))], [0], low=-90, high=90)
            yield base.hand("step_nibbles_%s_%s" % (operator.lower(), NAMES[kind]), [data], operator, [w, b], out, options, x_type=kind,
                            x_quant=[quant(step)], out_type=kind, out_quant=quant((step[0] * 2, step[1])), ends=[[(e - step[1]) * step[0] for e in ENDS[kind]]])


def reductions():
    i32 = lambda values: [const("axes", [len(values)], type=I32, values=values)]
    for name in "MEAN", "SUM", "REDUCE_PROD":
        for keep in False, True:
            for label, axes, out in ("image", [1, 2], (1, 1, 1, 3) if keep else (1, 3)), ("last", [-1], (1, 7, 6, 1) if keep else (1, 7, 6)), \
                    ("all", [0, 1, 2, 3], (1, 1, 1, 1) if keep else ()):
                yield from one("%s_%s_%d" % (name.lower(), label, keep), ALL, name, [X4], out, {0: ("bool", keep)}, i32(axes))
    for name in "REDUCE_MAX", "REDUCE_MIN":
        yield from one(name.lower(), ALL, name, [X4], (1, 3), {0: ("bool", False)}, i32([1, 2]), like=True)
    for name in "ARG_MAX", "ARG_MIN":
        for kind in ALL:
            step = odd(np.random.default_rng(kind), kind)
            yield base.hand("step_%s_%s" % (name.lower(), NAMES[kind]), [X4], name, [const("axis", [], type=I32, values=[-1])], (1, 7, 6),
                            {0: ("i8", I32)}, x_type=kind, x_quant=[quant(step)], out_type=I32, ends=[[(e - step[1]) * step[0] for e in ENDS[kind]]])
    for name in "LESS", "EQUAL", "GREATER_EQUAL", "NOT_EQUAL":
        for kind in ALL:
            steps = [odd(np.random.default_rng(kind + k), kind) for k in range(2)]
            yield base.hand("step_%s_%s" % (name.lower(), NAMES[kind]), [X4, X4], name, [], X4, {}, x_type=kind, x_quant=[quant(s) for s in steps],
                            out_type=make.BOOL, ends=[[(e - s[1]) * s[0] for e in ENDS[kind]] for s in steps])
    for kind in ALL:
        step = odd(np.random.default_rng(kind), kind)
        yield base.hand("step_dequantize_%s" % NAMES[kind], [X4], "DEQUANTIZE", [], X4, {}, x_type=kind, x_quant=[quant(step)],
                        ends=[[(e - step[1]) * step[0] for e in ENDS[kind]]])
        for k, long in enumerate([(40, 2000), (40, 2000), (3, 9)]):
            step = odd(np.random.default_rng(kind + k), kind)
            ends = [(e - step[1]) * step[0] * 1.2 for e in ENDS[kind]]
            yield base.hand("step_quantize_f32_%s_%d" % (NAMES[kind], k), [long], "QUANTIZE", [], long, {}, out_type=kind, out_quant=quant(step), ends=[ends])


def moves():
    i32 = lambda name, values, shape=None: const(name, shape or [len(values)], type=I32, values=values)
    x = (2, 4, 6, 8)
    plain = {"reshape": ("RESHAPE", (8, 48), {0: make.ints([8, 48])}, [i32("to", [8, 48])]), "squeeze": ("SQUEEZE", (2, 4, 6, 8), {0: make.ints([])}, []),
             "transpose": ("TRANSPOSE", (2, 6, 4, 8), {}, [i32("p", [0, 2, 1, 3])]), "slice": ("SLICE", (1, 2, 3, 5), {}, [i32("b", [1, 1, 2, 3]), i32("n", [1, 2, 3, 5])]),
             "strided_slice": ("STRIDED_SLICE", (2, 2, 3, 8), {}, [i32("b", [0, 0, 0, 0]), i32("e", [2, 4, 6, 8]), i32("s", [1, 2, 2, 1])]),
             "pad": ("PAD", (2, 5, 8, 8), {}, [i32("p", [0, 0, 1, 0, 1, 1, 0, 0], [4, 2])]), "mirror_pad": ("MIRROR_PAD", (2, 5, 8, 8), {0: ("i8", 0)}, [i32("p", [0, 0, 1, 0, 1, 1, 0, 0], [4, 2])]),
             "space_to_depth": ("SPACE_TO_DEPTH", (2, 2, 3, 32), {0: ("i32", 2)}, []), "depth_to_space": ("DEPTH_TO_SPACE", (2, 8, 12, 2), {0: ("i32", 2)}, []),
             "space_to_batch": ("SPACE_TO_BATCH_ND", (8, 3, 4, 8), {}, [i32("k", [2, 2]), i32("p", [1, 1, 0, 2], [2, 2])]),
             "batch_to_space": ("BATCH_TO_SPACE_ND", (1, 7, 6, 8), {}, [i32("k", [2, 1]), i32("p", [1, 0, 0, 0], [2, 2])]),
             "gather": ("GATHER", (2, 4, 3, 8), {0: ("i32", 2)}, [i32("i", [5, 0, 5])]), "gather_nd": ("GATHER_ND", (2, 6, 8), {}, [i32("i", [0, 1, 1, 3], [2, 2])]),
             "tile": ("TILE", (2, 8, 6, 16), {}, [i32("t", [1, 2, 1, 2])]), "expand_dims": ("EXPAND_DIMS", (2, 4, 1, 6, 8), {}, [i32("axis", [2])]),
             "reverse_v2": ("REVERSE_V2", x, {}, [i32("axis", [2])]), "reverse_sequence": ("REVERSE_SEQUENCE", x, {0: ("i32", 2), 1: ("i32", 0)}, [i32("n", [3, 5])]),
             "broadcast_to": ("BROADCAST_TO", (3, 2, 4, 6, 8), {}, [i32("to", [3, 2, 4, 6, 8])])}
    for name, (operator, out, options, consts) in plain.items():
        yield from one("move_" + name, ALL, operator, [x], out, options, consts, like=True, runs=1)
    yield from one("move_pad_v2", ALL, "PADV2", [x], (2, 5, 8, 8), {}, lambda k, t: [
        i32("p", [0, 0, 1, 0, 1, 1, 0, 0], [4, 2]), const("v", [1], type=k, scale=[t[0]], zero=[t[1]], values=[t[1] + 17])], like=True, runs=1)
    yield from one("move_split", ALL, "SPLIT", [x], [(2, 4, 3, 8)] * 2, {0: ("i32", 2)}, [i32("axis", [2], [])], order=["axis", "x0"], outs=["y", "y2"], like=True, runs=1)
    yield from one("move_unpack", ALL, "UNPACK", [(2, 4, 3)], [(2, 4)] * 3, {0: ("i32", 3), 1: ("i32", -1)}, outs=["y", "y2", "y3"], like=True, runs=1)
    yield from one("move_pack", ALL, "PACK", [x, x], (2, 2, 4, 6, 8), {0: ("i32", 2), 1: ("i32", 1)}, like=True, same=True, runs=1)


def kernels_of(name):
    """bits: the reference kernels are themselves further from the floats than two steps: tables of lines, positions of 10
    bits, numbers taken for what they do not stand for. default bits: their SUM takes i8 and i16 for u8."""
    if not name.startswith("step_"):
        return "reference"
    rough = ("neg", "floor_", "reduce_prod", "bilinear", "move_concat")
    if name.startswith("step_sum_") and "_u8_" not in name:
        return "default bits"
    return "bits" if "_i16" in name or any(name.startswith("step_" + r) for r in rough) else "reference"


def by_hand():
    cases = {}
    for part in functions, pairs, windows, layers, nibbles, reductions, moves:
        cases.update(part())
    return cases

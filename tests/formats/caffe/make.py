#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py: writes the .prototxt and .caffemodel files of this folder, one small thing each; needs no package.

Weights count -3 .. 3; a layer is (name, [(shape, values or None)]).
"""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def varint(v):
    out = b""
    while True:
        out += bytes([v & 127 | (128 if v > 127 else 0)])
        v >>= 7
        if not v:
            return out


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def integer(number, v):
    return varint(number << 3) + varint(v)


def numbers(shape, values=None):
    n = 1
    for d in shape:
        n *= d
    return values if values is not None else [float(i % 7 - 3) for i in range(n)]


def blob(shape, values=None, how="packed", cut=0):
    v = numbers(shape, values)
    if how == "legacy":
        dims = [1] * (4 - len(shape)) + list(shape)
        head = b"".join(integer(i + 1, d) for i, d in enumerate(dims))
    else:
        head = field(7, field(1, b"".join(varint(d) for d in shape)))
    if how == "double":
        return head + field(8, struct.pack("<%dd" % len(v), *v))
    if how == "single":
        return head + b"".join(varint(5 << 3 | 5) + struct.pack("<f", x) for x in v)
    data = struct.pack("<%df" % len(v), *v)
    return field(5, data[:len(data) - cut]) + head


def layer(name, blobs, generation=2):
    if generation == 2:
        return field(100, field(1, name.encode()) + b"".join(field(7, b) for b in blobs))
    if generation == 1:
        return field(2, field(4, name.encode()) + b"".join(field(6, b) for b in blobs))
    return field(2, field(1, field(1, name.encode()) + b"".join(field(50, b) for b in blobs)))


NO_WEIGHTS = [layer("other", [])]


def save(name, text, layers=NO_WEIGHTS, raw=None):
    (HERE / (name + ".prototxt")).write_text(text.strip() + "\n" if text else "")
    data = raw if raw is not None else field(1, b"net") + b"".join(layers)
    assert len(data) < 2048, (name, len(data))
    (HERE / (name + ".caffemodel")).write_bytes(data)
    return data


def net(body, shape=(1, 2, 5, 7)):
    dims = " ".join("dim: %d" % d for d in shape)
    return 'name: "net"\nlayer { name: "x" type: "Input" top: "x" input_param { shape { %s } } }\n%s' % (dims, body)


def one(kind, params="", bottoms=("x",), tops=("y",)):
    text = "".join(' bottom: "%s"' % b for b in bottoms) + "".join(' top: "%s"' % t for t in tops)
    return 'layer { name: "l" type: "%s"%s %s }' % (kind, text, params)


def good():
    conv = "convolution_param { num_output: 3 kernel_size: 3 stride: 2 stride: 1 pad_h: 1 pad_w: 0 " \
           "weight_filler { type: 'xavier' } }"
    w, b = blob((3, 2, 3, 3)), blob((3,))
    save("conv", net(one("Convolution", conv)), [layer("l", [w, b])])
    save("conv_group", net(one("Convolution", "convolution_param { num_output: 4 kernel_h: 3 kernel_w: 1 group: 2 "
                               "dilation: 2 bias_term: false }")), [layer("l", [blob((4, 1, 3, 1))])])
    save("deconv", net(one("Deconvolution", "convolution_param { num_output: 3 kernel_size: 4 stride: 2 pad: 1 }")),
         [layer("l", [blob((2, 3, 4, 4)), b])])
    v1 = """
name: "net" # the second generation
input: "x" input_dim: [1, 2, 5, 7]
layers { name: "l" type: CONVOLUTION bottom: "x" top: "c" convolution_param < num_output: 3; kernel_size: 3 > }
layers { name: 'r' type: 18 bottom: "c" top: "c" blobs_lr: 1 param: "shared" }
layers { name: "p" type: POOLING bottom: "c" top: "y" pooling_param { pool: 1 kernel_size: 0x2 stride: 2 } }
layers { name: "a" type: ACCURACY bottom: "y" bottom: "label" top: "a" include { phase: TEST } }"""
    v0 = """
input: "x" input_dim: 1 input_dim: 2 input_dim: 5 input_dim: 7
layers { layer { name: "pad" type: "padding" pad: 1 } bottom: "x" top: "z" }
layers { layer { name: "l" type: "conv" num_output: 3 kernelsize: 3 weight_filler { std: 0.1 } } bottom: "z" top: "c" }
layers { layer { name: "r" type: "relu" } bottom: "c" top: "c" }
layers { layer { name: "p" type: "pool" pool: AVE kernelsize: 2 stride: 2 } bottom: "c" top: "y" }"""
    legacy = [blob((3, 2, 3, 3), how="legacy"), blob((3,), how="legacy")]
    save("generation_1", v1, [layer("l", legacy, 1)])
    save("generation_0", v0, [layer("l", legacy, 0)])
    pool = "pooling_param { pool: %s kernel_size: %d stride: %d pad: %d %s }"
    save("max_pool_ceil", net(one("Pooling", pool % ("MAX", 3, 2, 0, "")), (1, 2, 6, 8)))
    save("max_pool_padded", net(one("Pooling", pool % ("MAX", 3, 2, 1, "")), (1, 2, 6, 8)))
    save("max_pool_clipped", net(one("Pooling", pool % ("MAX", 2, 2, 1, "")), (1, 2, 5, 7)))
    save("max_pool_floor", net(one("Pooling", pool % ("MAX", 3, 2, 0, "round_mode: FLOOR")), (1, 2, 6, 8)))
    save("ave_pool_overhang", net(one("Pooling", pool % ("AVE", 3, 2, 1, "")), (1, 1, 4, 4)))
    save("global_pool", net(one("Pooling", "pooling_param { pool: AVE global_pooling: true }")))
    ip = "inner_product_param { num_output: 4 %s }"
    for name, how in (("inner_product", "packed"), ("weights_single", "single"), ("weights_double", "double"),
                      ("weights_legacy", "legacy")):
        save(name, net(one("InnerProduct", ip % ""), (2, 3, 1, 1)),
             [layer("l", [blob((4, 3), how=how), blob((4,), how=how)])])
    save("inner_product_transposed", net(one("InnerProduct", ip % "transpose: true bias_term: false"), (2, 3)),
         [layer("l", [blob((3, 4))])])
    save("in_place", net(one("ReLU", "relu_param { negative_slope: -.5e0f }", ("x",), ("y",)) + "\n"
                         'layer { name: "d" type: "Dropout" bottom: "y" top: "y" }\n'
                         'layer { name: "s" type: "Sigmoid" bottom: "y" top: "y" }'))
    save("prelu", net(one("PReLU")), [layer("l", [blob((2,))])])
    save("batch_norm", net(one("BatchNorm", "batch_norm_param { eps: 0 }"), (1, 2, 1, 1)),
         [layer("l", [blob((2,), [2.0, 4.0]), blob((2,), [8.0, 32.0]), blob((1,), [2.0])])])
    save("scale", net(one("Scale", "scale_param { bias_term: true }"), (1, 2, 1, 1)),
         [layer("l", [blob((2,), [2.0, 4.0]), blob((2,), [1.0, -1.0])])])
    save("scale_two", net('layer { name: "f" type: "Flatten" bottom: "x" top: "f" flatten_param { axis: 1 end_axis: 1 } }'
                          '\nlayer { name: "r" type: "Reduction" bottom: "x" top: "r" reduction_param { axis: 2 } }\n'
                          + one("Scale", "scale_param { axis: 0 }", ("f", "r"))))
    save("power", net(one("Power", "power_param { power: 2 scale: .5 shift: 1. }"), (1, 3)))
    save("exp", net(one("Exp", "exp_param { base: 2 shift: 1 }"), (1, 3)))
    save("log", net(one("Log", "log_param { base: 2 }"), (1, 3)))
    save("elu", net(one("ELU", "elu_param { alpha: 0.5 }")))
    save("softmax", net(one("Softmax", "softmax_param { axis: -1 }")))
    save("eltwise", net(one("Eltwise", "eltwise_param { operation: SUM coeff: [2, -1] }", ("x", "x")), (1, 3)))
    save("concat", net(one("Concat", "concat_param { concat_dim: 1 }", ("x", "x"))))
    save("slice", net(one("Slice", "slice_param { axis: 2 slice_point: 1 slice_point: 3 }", tops=("a", "b", "c"))))
    save("reshape", net(one("Reshape", "reshape_param { shape { dim: 0 dim: -1 dim: 1 } axis: 1 num_axes: 2 }")))
    save("permute", net(one("Permute", "permute_param { order: 0 order: 2 }")))
    save("lrn", net(one("LRN", "lrn_param { local_size: 3 k: 2 }")))
    save("lrn_within", net(one("LRN", "lrn_param { local_size: 3 norm_region: WITHIN_CHANNEL }")))
    save("mvn", net(one("MVN", "mvn_param { across_channels: true }")))
    save("arg_max", net(one("ArgMax", "argmax_param { out_max_val: true top_k: 2 }")))
    save("crop", net('layer { name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param { kernel_size: 2 } }\n'
                     + one("Crop", "crop_param { offset: 1 offset: 0 }", ("x", "p"))))
    save("interp", net(one("Interp", "interp_param { zoom_factor: 2 }")))
    save("normalize", net(one("Normalize", "norm_param { across_spatial: false channel_shared: false }")),
         [layer("l", [blob((2,))])])
    save("ssd", """
input: "image" input_shape { dim: 1 dim: 3 dim: 30 dim: 30 }
input: "f" input_shape { dim: 1 dim: 2 dim: 2 dim: 2 }
input: "loc" input_shape { dim: 1 dim: 64 }
input: "conf" input_shape { dim: 1 dim: 32 }
layer { name: "p" type: "PriorBox" bottom: "f" bottom: "image" top: "p"
  prior_box_param { min_size: 10.9 max_size: 20 aspect_ratio: 2 variance: [0.1, 0.1, 0.2, 0.2] } }
layer { name: "d" type: "DetectionOutput" bottom: "loc" bottom: "conf" bottom: "p" top: "y"
  detection_output_param { num_classes: 2 code_type: CENTER_SIZE keep_top_k: 5 nms_param { nms_threshold: 0.4 top_k: 10 }
    confidence_threshold: 0.01 save_output_param { label_map_file: "x" } } }""")
    save("phases", net("""
layer { name: "t" type: "Nonsense" top: "n" include { phase: TRAIN } }
layer { name: "e" type: "Nonsense" top: "n" exclude { phase: TEST } }
layer { name: "h" type: "ReLU" bottom: "x" top: "h" include { phase: TEST stage: "deploy" } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "h" bottom: "label" }""") + '\nstate { stage: "deploy" }')
    save("data_layer", 'layer { name: "x" type: "MemoryData" top: "x" top: "label" memory_data_param { batch_size: 1 '
         "channels: 2 height: 5 width: 7 } transform_param { mirror: true } }\n" + one("TanH"))


def bad():
    conv = "convolution_param { num_output: 3 kernel_size: 3 }"
    w, b = blob((3, 2, 3, 3)), blob((3,))
    text = net(one("Convolution", conv))
    whole = save("bad_cut", text, [layer("l", [w, b])])
    save("bad_cut", text, raw=whole[:len(whole) // 2])
    save("bad_missing", text)
    save("bad_one_missing", text, [layer("l", [w])])
    save("bad_shape", text, [layer("l", [blob((3, 2, 5, 5)), b])])
    save("bad_short", text, [layer("l", [blob((3, 2, 3, 3), cut=8), b])])
    save("bad_half", text, [layer("l", [blob((3, 2, 3, 3), cut=2), b])])
    save("bad_huge", text, [layer("l", [blob((1 << 40, 1 << 40), []), b])])
    save("bad_negative", text, [layer("l", [blob((3, (1 << 64) - 2, 3, 3), []), b])])
    save("bad_no_layer", text, [])
    save("bad_binary", text, raw=b"hello, this is text")
    save("bad_empty", text, raw=b"")
    save("bad_text_empty", "")
    save("bad_open", net("layer { name: 'l' relu_param {"))
    save("bad_quote", net("layer { name: 'l\n}"))
    save("bad_value", net(one("Convolution", "convolution_param { num_output: many }")))
    save("bad_negative_pad", net(one("Convolution", "convolution_param { num_output: 1 kernel_size: 3 pad: -1 }")))
    save("bad_signs", net(one("Tile", "tile_param { tiles: - -9223372036854775808 }")))
    save("bad_field", net(one("Convolution", "convolution_param { num_output: 3 kernel_size: 3 winograd: 1 }")))
    save("bad_colon", net("layer { name 'l' }"))
    save("bad_deep", net("a " + "{ a " * 70))
    save("bad_bottom", net(one("ReLU", "", ("z",))))
    save("bad_cycle", net('layer { name: "a" type: "ReLU" bottom: "v" top: "u" }\n'
                          'layer { name: "b" type: "ReLU" bottom: "u" top: "v" }'))
    save("bad_twice", net(one("ReLU") + "\n" + one("TanH")))
    save("bad_type", net(one("Blur")))
    save("bad_no_type", net('layer { name: "l" bottom: "x" top: "y" }'))
    save("bad_zero_input", net(one("ReLU"), (1, 0, 5, 7)))
    save("bad_no_shape", 'input: "x"\n' + one("ReLU"))
    save("bad_data", 'layer { name: "d" type: "Data" top: "x" }\n' + one("ReLU"))
    save("bad_both", net('layers { name: "l" type: RELU bottom: "x" top: "y" }'))
    save("bad_group", net(one("Convolution", "convolution_param { num_output: 3 kernel_size: 3 group: 2 }")))
    save("bad_kernel", net(one("Pooling", "pooling_param { stride: 2 }")))
    save("bad_window", net(one("Pooling", "pooling_param { kernel_size: 9 }")))
    save("bad_stochastic", net(one("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }")))
    save("bad_slice", net(one("Slice", "slice_param { slice_point: 4 }", tops=("a", "b"))))
    save("bad_axis", net(one("Concat", "concat_param { axis: 4 }", ("x", "x"))))
    save("bad_bottoms", net(one("Eltwise")))
    save("bad_order", net(one("Permute", "permute_param { order: 0 order: 0 }")))


good()
bad()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py: writes the -symbol.json and -0000.params files of this folder, one small thing each; needs no package.

Weights count -3 .. 3 in halves (variances 1 .. 4). values.def holds what MXNet 1.9.1 computes from them with the
input that test_mxnet.c makes: x[i] = (5 i mod 11 - 5) / 4.
"""
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
V0, V1, V2, V3 = 0, 0xF993FAC8, 0xF993FAC9, 0xF993FACA
TYPES = {"f": 0, "d": 1, "e": 2, "B": 3, "i": 4, "b": 5, "q": 6}


def count(shape):
    n = 1
    for d in shape:
        n *= d
    return n


def weights(name, shape):
    if "var" in name:
        return [float(1 + i % 4) for i in range(count(shape))]
    return [(i % 7 - 3) / 2 for i in range(count(shape))]


def record(name, shape, version=V2, kind="f", values=None):
    v = values if values is not None else weights(name, shape)
    if version == V0:
        head = struct.pack("<I", len(shape)) + struct.pack("<%dI" % len(shape), *shape)
    else:
        head = struct.pack("<I", version)
        head += struct.pack("<i", 0) if version != V1 else b""
        head += struct.pack("<I", len(shape)) + struct.pack("<%dq" % len(shape), *shape)
    head += struct.pack("<iii", 1, 0, TYPES[kind])
    return head + struct.pack("<%d%s" % (len(v), kind), *v)


def listed(records, names):
    out = struct.pack("<QQQ", 0x112, 0, len(records)) + b"".join(records)
    out += struct.pack("<Q", len(names))
    return out + b"".join(struct.pack("<Q", len(n)) + n.encode() for n in names)


class Net:
    """The spelling of the attributes' key and the arrays' version can be another MXNet's."""

    def __init__(self, key="attrs", version=V2, kind="f"):
        self.nodes, self.arrays, self.key, self.version, self.kind = [], [], key, version, kind

    def put(self, op, name, inputs, attrs):
        node = {"op": op, "name": name, "inputs": [list(i) + [0] for i in inputs]}
        if attrs:
            node[self.key] = {k: str(v) for k, v in attrs.items()}
        self.nodes.append(node)
        return (len(self.nodes) - 1, 0)

    def var(self, name, shape=None, **attrs):
        if shape:
            attrs["__shape__"] = tuple(shape)
        return self.put("null", name, [], attrs)

    def weight(self, name, *shape, aux=False, values=None):
        self.arrays.append(("aux:" if aux else "arg:", name, shape, values))
        return self.put("null", name, [], {})

    def op(self, op, name, inputs, **attrs):
        return self.put(op, name, inputs, attrs)

    def symbol(self, heads, mxnet=10901):
        return {"nodes": self.nodes, "arg_nodes": [i for i, n in enumerate(self.nodes) if n["op"] == "null"],
                "heads": [list(h) + [0] for h in heads],
                **({"attrs": {"mxnet_version": ["int", mxnet]}} if mxnet else {})}

    def params(self):
        return listed([record(n, s, self.version, self.kind, v) for _, n, s, v in self.arrays],
                      [p + n for p, n, _, _ in self.arrays])

    def write(self, name, *heads, mxnet=10901):
        write(name, json.dumps(self.symbol(heads, mxnet), indent=1), self.params())


def write(name, symbol, params):
    if symbol is not None:
        (HERE / (name + "-symbol.json")).write_bytes(symbol if isinstance(symbol, bytes) else symbol.encode())
    if params is not None:
        (HERE / (name + "-0000.params")).write_bytes(params)


def one(name, op, dims, more=(), **attrs):
    """x, then weights (name, shape...), then one operator."""
    n = Net()
    x = n.var("x", dims)
    ins = [x] + [n.weight(w[0], *w[1:], aux="moving" in w[0]) for w in more]
    n.write(name, n.op(op, "y", ins, **attrs))


def operators():
    w, b = ("y_weight", 4, 2, 3, 3), ("y_bias", 4)
    norm = [("y_gamma", 3), ("y_beta", 3)]
    stats = [("y_moving_mean", 3), ("y_moving_var", 3)]
    image, small = (1, 2, 5, 4), (1, 3, 2, 3)
    one("conv", "Convolution", image, [w, b], kernel=(3, 3), num_filter=4, stride=(2, 1), pad=(1, 0))
    one("conv_group", "Convolution", image, [("y_weight", 4, 1, 3, 3)], kernel=(3, 3), num_filter=4, num_group=2,
        no_bias=True, dilate=(2, 1))
    one("deconv", "Deconvolution", image, [("y_weight", 2, 3, 3, 3)], kernel=(3, 3), num_filter=3, stride=(2, 2),
        pad=(1, 1), adj=(1, 0))
    one("deconv_target", "Deconvolution", image, [("y_weight", 2, 3, 4, 4)], kernel=(4, 4), num_filter=3, stride=(2, 2),
        target_shape=(10, 8))
    one("pool_max", "Pooling", image, kernel=(2, 2), stride=(2, 2))
    one("pool_full", "Pooling", image, kernel=(2, 3), stride=(2, 2), pooling_convention="full")
    one("pool_full_padded", "Pooling", image, kernel=(3, 3), stride=(2, 3), pad=(1, 1), pooling_convention="full")
    one("pool_average_full", "Pooling", image, kernel=(3, 3), stride=(2, 3), pad=(1, 1), pool_type="avg",
        pooling_convention="full")
    one("pool_average", "Pooling", image, kernel=(3, 3), pad=(1, 1), pool_type="avg", count_include_pad=False)
    one("pool_sum", "Pooling", image, kernel=(2, 2), pool_type="sum")
    one("pool_global", "Pooling", image, kernel=(1, 1), pool_type="avg", global_pool=True)
    one("fc", "FullyConnected", (2, 2, 2), [("y_weight", 3, 4), ("y_bias", 3)], num_hidden=3)
    one("fc_last", "FullyConnected", (2, 2, 2), [("y_weight", 3, 2)], num_hidden=3, no_bias=True, flatten=False)
    one("batch_norm", "BatchNorm", small, norm + stats, fix_gamma=False, eps=0.01)
    one("batch_norm_fixed", "BatchNorm", small, norm + stats)
    one("batch_norm_last", "BatchNorm", (1, 2, 3), norm + stats, axis=-1, fix_gamma=False)
    one("instance_norm", "InstanceNorm", small, norm)
    one("layer_norm", "LayerNorm", small, norm)
    one("l2_normalization", "L2Normalization", small, mode="channel")
    one("lrn", "LRN", small, nsize=3, alpha=0.5)
    one("prelu", "LeakyReLU", small, [("y_gamma", 3)], act_type="prelu")
    one("elu", "LeakyReLU", small, act_type="elu", slope=0.5)
    one("gelu", "LeakyReLU", small, act_type="gelu")
    one("softrelu", "Activation", small, act_type="softrelu")
    one("softmax", "softmax", small, axis=1, temperature=2)
    one("softmax_channel", "SoftmaxActivation", small, mode="channel")
    one("div_scalar", "_div_scalar", small, scalar=3)
    one("rminus_scalar", "_rminus_scalar", small, scalar=1.5)
    one("greater_scalar", "_greater_scalar", small, scalar=0.25)
    one("rint", "rint", small)
    one("round", "round", small)
    one("smooth_l1", "smooth_l1", small, scalar=2)
    one("clip", "clip", small, a_min=-0.5, a_max=1)
    one("reshape_codes", "Reshape", (1, 6, 2, 2), shape=(0, -4, 3, -1, -3))
    one("reshape_reverse", "Reshape", (1, 6, 2, 2), shape=(-1, 0), reverse=True)
    one("transpose", "transpose", small, axes=(0, 2, 3, 1))
    one("slice", "slice", small, begin="(0, None, 1)", end="(None, 2, None)", step="(1, 1, -1)")
    one("slice_axis", "slice_axis", small, axis=1, begin=1, end="None")
    one("repeat", "repeat", (2, 3), repeats=2, axis=1)
    one("pad_edge", "Pad", image, mode="edge", pad_width=(0, 0, 0, 0, 1, 0, 2, 1))
    one("mean_exclude", "mean", small, axis=1, exclude=True)
    one("norm", "norm", small, axis=(1,), keepdims=1)
    one("argmax", "argmax", small, axis=1)
    one("topk", "topk", (2, 5), k=2, ret_typ="value")
    one("embedding", "Embedding", (2, 2), [("y_weight", 4, 3)], input_dim=4, output_dim=3)
    one("up_nearest", "UpSampling", small, scale=2, sample_type="nearest", num_args=1)
    one("up_bilinear", "UpSampling", (1, 3, 2, 3), [("y_weight", 3, 1, 4, 4)], scale=2, sample_type="bilinear",
        num_filter=3, num_args=2)
    one("resize", "_contrib_BilinearResize2D", small, height=3, width=5)
    one("prior", "_contrib_MultiBoxPrior", (1, 1, 2, 3), sizes=(0.5, 0.25), ratios=(1, 2))
    one("lstm", "RNN", (3, 1, 2), [("y_parameters", 84), ("y_state", 1, 1, 3), ("y_state_cell", 1, 1, 3)],
        state_size=3, num_layers=1, mode="lstm", p=0)
    one("gru", "RNN", (3, 1, 2), [("y_parameters", 2 * 9 * 7 + 2 * 9 * 11), ("y_state", 4, 1, 3)],
        state_size=3, num_layers=2, mode="gru", bidirectional=True)
    one("rnn_tanh", "RNN", (3, 1, 2), [("y_parameters", 21), ("y_state", 1, 1, 3)], state_size=3, num_layers=1,
        mode="rnn_tanh")
    n = Net()
    x = n.var("x", small)
    parts = n.op("SliceChannel", "part", [x], num_outputs=3, axis=1)[0]
    n.write("split", n.op("Concat", "y", [(parts, 2), (parts, 0)], dim=1, num_args=2))
    n = Net()
    x = n.var("x", small)
    n.write("arithmetic", n.op("broadcast_mul", "y", [n.op("elemwise_add", "s", [x, x]),
                                                     n.weight("k", 1, 3, 1, 1)]))
    n = Net()
    a, k = n.var("x", (2, 3)), n.weight("k", 3, 2)
    n.write("dot", n.op("dot", "y", [a, k]))


def detectors():
    one("deformable", "_contrib_DeformableConvolution", (1, 2, 3, 4),
        [("y_offset", 1, 18, 3, 4), ("y_weight", 2, 2, 3, 3), ("y_bias", 2)], kernel=(3, 3), num_filter=2, pad=(1, 1))
    n = Net()
    x = n.var("x", (1, 3, 2, 3))  # scores of 3 classes for 6 boxes around the cells
    scores = n.op("Reshape", "scores", [n.op("softmax", "p", [x], axis=1)], shape=(0, 0, -1))
    anchors = n.op("_contrib_MultiBoxPrior", "anchors", [x], sizes=(0.5,))
    n.write("detection", n.op("_contrib_MultiBoxDetection", "y", [scores, n.weight("moves", 1, 24), anchors],
                              nms_threshold=0.9, threshold=0.3))


def boxes():
    n = Net()
    rows = [[0, 0.9, 0, 0, 4, 4], [1, 0.8, 0, 0, 4, 4], [0, 0.95, 1, 0, 4, 4], [-1, 0.99, 0, 0, 4, 4], [0, 0.05, 9, 9, 10, 10],
            [0, 0.5, 5, 5, 9, 9.0]]
    x = n.var("x", (1, 6, 6))
    r = n.weight("r", 1, 6, 6, values=sum(rows, []))
    n.write("box_nms", n.op("_contrib_box_nms", "y", [n.op("broadcast_add", "s", [n.op("_mul_scalar", "z", [x], scalar=0.0), r])],
                            overlap_thresh=0.5, valid_thresh=0.1, id_index=0, topk=5))
    n = Net()
    x = n.var("x", (1, 4, 2, 3))
    n.write("proposal", n.op("_contrib_Proposal", "y", [x, n.weight("moves", 1, 8, 2, 3), n.weight("size", 1, 3, values=[15.0, 21, 1])],
                             scales=(1, 2), ratios=(1,), feature_stride=8, rpn_min_size=5, rpn_pre_nms_top_n=10,
                             rpn_post_nms_top_n=6, threshold=0.4))
    n = Net()
    x = n.var("x", (1, 2, 5, 4))
    n.write("roi_align", n.op("_contrib_ROIAlign", "y", [x, n.weight("r", 2, 5, values=[0.0, 0, 1, 6, 9, 0, 2, 2, 3, 2.5])],
                              pooled_size=(2, 1), spatial_scale=0.5))


def sampling():
    """The examples of MXNet's manual: twice as far out, and one to the left."""
    picture = [1, 4, 3, 6, 1, 8, 8, 9, 0, 4, 1, 5, 1, 0, 1, 3]
    def constant(n, x, name, *shape, values):
        return n.op("broadcast_add", name, [n.op("_mul_scalar", name + "_0", [x], scalar=0.0), n.weight(name + "_w", *shape, values=values)])
    n = Net()
    x = n.var("x", (1, 1, 1, 1))
    grid = n.op("GridGenerator", "g", [n.weight("t", 1, 6, values=[2, 0, 0, 0, 2, 0])], transform_type="affine", target_shape=(4, 4))
    n.write("bilinear_sampler", n.op("BilinearSampler", "y", [constant(n, x, "m", 1, 1, 4, 4, values=picture), grid]))
    n = Net()
    x = n.var("x", (1, 1, 1, 1))
    grid = n.op("GridGenerator", "g", [constant(n, x, "f", 1, 2, 4, 4, values=16 * [1] + 16 * [0])], transform_type="warp")
    n.write("grid_warp", n.op("BilinearSampler", "y", [n.weight("m", 1, 1, 4, 4, values=picture), grid]))
    n = Net()
    x = n.var("x", (1, 1, 5, 4))
    n.write("spatial_transformer", n.op("SpatialTransformer", "y", [x, n.weight("t", 1, 6, values=[0.5, 0, 0.25, 0, -1, 0])],
                                        transform_type="affine", sampler_type="bilinear", target_shape=(3, 2)))
    n = Net()
    n.write("bad_grid_line", n.op("GridGenerator", "y", [n.var("x", (1, 6))], transform_type="affine", target_shape=(1, 4)))
    n = Net()
    n.write("bad_grid_flow", n.op("GridGenerator", "y", [n.var("x", (1, 3, 4, 4))], transform_type="warp"))
    n = Net()
    n.write("bad_grid_type", n.op("GridGenerator", "y", [n.var("x", (1, 3, 4, 4))], transform_type="fold"))


def old_and_odd():
    """Earlier spellings and arrays; networks as people have them."""
    for name, key, version, mxnet in (("attr_0_9", "attr", V0, None), ("param_0_8", "param", V0, None),
                                      ("attrs_v1", "attrs", V1, 10000), ("attrs_v3", "attrs", V3, 10600)):
        n = Net(key, version)
        x = n.var("x", (1, 2, 5, 4))
        w, b = n.weight("c_weight", 4, 2, 3, 3), n.weight("c_bias", 4)
        c = n.op("Convolution", "c", [x, w, b], kernel="(3, 3)", num_filter=4, workspace=1024)
        label = n.var("softmax_label")
        f = n.op("Flatten", "f", [c])
        n.write(name, n.op("SoftmaxOutput", "softmax", [f, label]), mxnet=mxnet)
    n = Net("param", V0)  # statistics are no nodes yet
    n.arrays = [("arg:", "b_gamma", (3,), None), ("arg:", "b_beta", (3,), None),
                ("aux:", "b_moving_mean", (3,), None), ("aux:", "b_moving_var", (3,), None)]
    x = n.var("x", (1, 3, 2, 3))
    n.write("no_aux_nodes", n.op("BatchNorm", "b", [x, n.var("b_gamma"), n.var("b_beta")], fix_gamma="False"),
            mxnet=None)
    n = Net(kind="e")
    x = n.var("x", (2, 4))
    n.write("half", n.op("FullyConnected", "y", [x, n.weight("w", 3, 4), n.weight("b", 3)], num_hidden=3))
    n = Net(kind="d")
    x = n.var("x", (2, 4))
    n.write("double", n.op("FullyConnected", "y", [x, n.weight("w", 3, 4), n.weight("b", 3)], num_hidden=3))
    n = Net()  # the shape follows from the first convolution
    x = n.op("_mul_scalar", "scaled", [n.var("data")], scalar=0.5)
    w = n.weight("c_weight", 4, 1, 3, 3)
    n.write("derived_shape", n.op("Convolution", "c", [x, w], kernel=(3, 3), num_filter=4, num_group=2, no_bias=True))
    n = Net()  # a chain that leads to a label only is left out, whatever it is made of
    x = n.var("x", (2, 4))
    label = n.op("NoSuchOperator", "mystery", [n.var("softmax_label")])
    n.write("label_chain", n.op("SoftmaxOutput", "softmax", [x, label]))
    n = Net()
    x = n.var("x", (3, 1, 2))
    n.write("zero_state", n.op("RNN", "y", [x, n.weight("p", 21), n.var("rnn_begin_state_0")], state_size=3,
                               num_layers=1, mode="rnn_relu", state_outputs=True))
    n = Net()
    x = n.var("x", (1, 3, 2, 3))
    parts = n.op("SliceChannel", "part", [x], num_outputs=3, axis=1, squeeze_axis=1)[0]
    n.write("two_heads", (parts, 2), (parts, 0))


def broken():
    n = Net()
    x = n.var("x", (1, 2, 5, 4))
    y = n.op("Convolution", "c", [x, n.weight("c_weight", 4, 2, 3, 3), n.weight("c_bias", 4)], kernel=(3, 3),
             num_filter=4)
    good, params = json.dumps(n.symbol([y]), indent=1), n.params()
    write("bad_cut_json", good[:len(good) // 2], params)
    write("bad_cut_params", good, params[:len(params) // 2])
    write("bad_magic", good, b"\x13" + params[1:])
    write("bad_empty_params", good, b"")
    write("bad_trailing", good, params + b"more")
    write("bad_count", good, params[:16] + struct.pack("<Q", 1 << 60) + params[24:])
    write("bad_dims", good, params.replace(struct.pack("<I4q", 4, 4, 2, 3, 3), struct.pack("<I4q", 4, 1 << 40, 1 << 40, 3, 3)))
    write("bad_negative", good, params.replace(struct.pack("<I4q", 4, 4, 2, 3, 3), struct.pack("<I4q", 4, -4, 2, 3, 3)))
    write("bad_rank", good, params.replace(struct.pack("<I4q", 4, 4, 2, 3, 3), struct.pack("<I4q", 400, 4, 2, 3, 3)))
    write("bad_sparse", good, params.replace(struct.pack("<Ii", V2, 0), struct.pack("<Ii", V2, 1), 1))
    write("bad_type", good, params.replace(struct.pack("<qiii", 3, 1, 0, 0), struct.pack("<qiii", 3, 1, 0, 99), 1))
    write("bad_version", good, params.replace(struct.pack("<I", V2), struct.pack("<I", 0xF993FACF), 1))
    write("bad_unnamed", good, listed([record("c_weight", (4, 2, 3, 3))], []))
    write("bad_name", good, listed([record("c_weight", (4, 2, 3, 3))], [""]))
    write("bad_missing", good, listed([record("c_weight", (4, 2, 3, 3))], ["arg:c_weight"]))
    write("bad_structural", good, listed([record("w", (4, 2, 3, 3))], ["features.0.weight"]))
    write("bad_kernel", good.replace("(3, 3)", "(5, 5)"), params)
    write("bad_attribute", good.replace("(3, 3)", "(3; 3)"), params)
    write("bad_no_params", good, None)
    write("bad_no_symbol", None, params)
    write("bad_bomb", '{"nodes": ' + "[" * 5000 + "]" * 5000 + ', "arg_nodes": [], "heads": []}', params)
    write("bad_no_heads", json.dumps({"nodes": n.nodes, "arg_nodes": [0], "heads": []}), params)
    write("bad_no_nodes", '{"nodes": [], "arg_nodes": [], "heads": [[0, 0]]}', params)
    write("bad_nodes", '{"nodes": 3, "arg_nodes": [], "heads": [[0, 0]]}', params)
    write("bad_head", json.dumps({**n.symbol([y]), "heads": [[77, 0]]}), params)
    loop = json.loads(good)
    loop["nodes"][3]["inputs"][0] = [3, 0, 0]
    write("bad_loop", json.dumps(loop), params)
    odd = json.loads(good)
    odd["nodes"][3]["attrs"]["kernel"] = [3, 3]
    write("bad_attr_kind", json.dumps(odd), params)
    odd = json.loads(good)
    del odd["nodes"][1]["name"]
    write("bad_no_name", json.dumps(odd), params)
    odd = json.loads(good)
    odd["nodes"][3]["inputs"][0] = [0, 5, 0]
    write("bad_port", json.dumps(odd), params)

    def refused(name, op, **attrs):
        k = Net()
        k.write(name, k.op(op, "y", [k.var("x", (1, 2, 4, 4))], **attrs))
    refused("bad_operator", "Correlation", kernel_size=1)
    refused("bad_custom", "Custom", op_type="mine")
    refused("bad_proposal", "_contrib_Proposal")
    refused("bad_quantized", "_contrib_quantize_v2")
    refused("bad_pool_type", "Pooling", kernel=(2, 2), pool_type="lp", p_value=2)
    refused("bad_act", "Activation", act_type="log_sigmoid")
    refused("bad_reshape", "Reshape", shape=(0, -9))
    refused("bad_split", "SliceChannel", num_outputs=3, axis=1)
    refused("bad_always", "Dropout", mode="always")
    refused("bad_axis", "softmax", axis=7)
    k = Net()
    k.write("bad_no_shape", k.op("transpose", "y", [k.var("data")]))
    k = Net()
    k.write("bad_vector", k.op("RNN", "y", [k.var("x", (3, 1, 2)), k.weight("p", 20)], state_size=3, num_layers=1,
                               mode="rnn_tanh"))


if __name__ == "__main__":
    for old in list(HERE.glob("*.json")) + list(HERE.glob("*.params")):
        old.unlink()
    operators()
    detectors()
    boxes()
    sampling()
    old_and_odd()
    broken()

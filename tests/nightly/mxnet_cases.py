# SPDX-License-Identifier: Apache-2.0
"""The cases of 75-mxnet: name, how MXNet builds it from its variables v.x, v.w ..., inputs, weights."""
import collections

Case = collections.namedtuple("Case", "name build inputs weights aux limit boxes")
LIMIT = 1e-5
LONG = 1e-4  # sums of hundreds of terms


def cases(np):
    random = np.random.default_rng(7)
    found = []

    def r(*shape, low=-2.0, high=2.0):
        return random.uniform(low, high, shape).astype("float32")

    def case(name, build, x, limit=LIMIT, aux=None, y=None, z=None, boxes=False, **weights):
        inputs = {k: v for k, v in (("x", x), ("y", y), ("z", z)) if v is not None}
        found.append(Case(name, build, inputs, weights, aux or {}, limit, boxes))

    image, cube, small = r(2, 3, 7, 9), r(2, 3, 4), r(2, 5)

    # --- Convolution, pooling, products, normalisation.
    case("conv", lambda s, v: s.Convolution(v.x, v.w, v.b, kernel=(3, 3), num_filter=4, stride=(2, 1), pad=(1, 0)),
         image, w=r(4, 3, 3, 3), b=r(4))
    case("conv_group", lambda s, v: s.Convolution(v.x, v.w, kernel=(3, 3), num_filter=6, num_group=3, dilate=(2, 2),
                                                  no_bias=True), image, w=r(6, 1, 3, 3))
    case("conv_1d", lambda s, v: s.Convolution(v.x, v.w, v.b, kernel=(3,), num_filter=4, pad=(1,)), r(2, 3, 9),
         w=r(4, 3, 3), b=r(4))
    case("conv_3d", lambda s, v: s.Convolution(v.x, v.w, v.b, kernel=(2, 3, 2), num_filter=4, pad=(1, 1, 0)),
         r(1, 3, 4, 5, 6), w=r(4, 3, 2, 3, 2), b=r(4))
    case("deconv", lambda s, v: s.Deconvolution(v.x, v.w, v.b, kernel=(3, 3), num_filter=4, stride=(2, 2), pad=(1, 1),
                                                adj=(1, 0), no_bias=False), image, w=r(3, 4, 3, 3), b=r(4))
    case("deconv_group", lambda s, v: s.Deconvolution(v.x, v.w, kernel=(3, 3), num_filter=6, num_group=3), image,
         w=r(3, 2, 3, 3))
    for convention in ("valid", "full"):
        for kind in ("max", "avg", "sum"):
            for pad in ((0, 0), (1, 1)):
                for counts in (True, False):
                    if (kind == "sum" and convention == "full") or (kind != "avg" and not counts):
                        continue
                    case("pool_%s_%s_%d_%d" % (convention, kind, pad[0], counts),
                         lambda s, v, c=convention, k=kind, p=pad, n=counts: s.Pooling(
                             v.x, kernel=(3, 3), stride=(2, 3), pad=p, pool_type=k, pooling_convention=c,
                             count_include_pad=n), r(1, 2, 6, 8))
    for kind in ("max", "avg", "sum"):
        case("pool_global_" + kind, lambda s, v, k=kind: s.Pooling(v.x, kernel=(3, 3), global_pool=True, pool_type=k),
             image)
    case("pool_adaptive", lambda s, v: s.contrib.AdaptiveAvgPooling2D(v.x, output_size=(3, 2)), image)
    case("fc", lambda s, v: s.FullyConnected(v.x, v.w, v.b, num_hidden=5), image, LONG, w=r(5, 189), b=r(5))
    case("fc_last", lambda s, v: s.FullyConnected(v.x, v.w, v.b, num_hidden=5, flatten=False), image, w=r(5, 9), b=r(5))
    for fixed in (True, False):
        case("batch_norm_%d" % fixed, lambda s, v, f=fixed: s.BatchNorm(v.x, v.w, v.b, v.mean, v.var, fix_gamma=f),
             image, aux={"mean": r(3), "var": r(3, low=0.5)}, w=r(3), b=r(3))
    case("batch_norm_axis", lambda s, v: s.BatchNorm(v.x, v.w, v.b, v.mean, v.var, fix_gamma=False, axis=3, eps=1e-2),
         image, aux={"mean": r(9), "var": r(9, low=0.5)}, w=r(9), b=r(9))
    case("instance_norm", lambda s, v: s.InstanceNorm(v.x, v.w, v.b), image, w=r(3), b=r(3))
    case("layer_norm", lambda s, v: s.LayerNorm(v.x, v.w, v.b), image, w=r(9), b=r(9))
    case("layer_norm_1", lambda s, v: s.LayerNorm(v.x, v.w, v.b, axis=1), image, w=r(3), b=r(3))
    case("group_norm", lambda s, v: s.GroupNorm(v.x, v.w, v.b, num_groups=3), r(2, 6, 3, 4), w=r(6), b=r(6))
    for mode in ("instance", "channel", "spatial"):
        case("l2_" + mode, lambda s, v, m=mode: s.L2Normalization(v.x, mode=m), image)
    case("lrn", lambda s, v: s.LRN(v.x, nsize=3), image)

    # --- Activations and losses.
    for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign"):
        case("act_" + kind, lambda s, v, k=kind: s.Activation(v.x, act_type=k), image)
    for kind in ("leaky", "elu", "selu", "gelu"):
        case("leaky_" + kind, lambda s, v, k=kind: s.LeakyReLU(v.x, act_type=k), image)
    case("rrelu", lambda s, v: s.LeakyReLU(v.x, act_type="rrelu")[0], image)
    case("prelu", lambda s, v: s.LeakyReLU(v.x, v.w, act_type="prelu"), image, w=r(3))
    case("prelu_one", lambda s, v: s.LeakyReLU(v.x, v.w, act_type="prelu"), image, w=r(1))
    case("softmax", lambda s, v: s.softmax(v.x, axis=1, temperature=2.5), image)
    case("log_softmax", lambda s, v: s.log_softmax(v.x), image)
    case("softmin", lambda s, v: s.softmin(v.x), image)
    case("softmax_activation", lambda s, v: s.SoftmaxActivation(v.x), image)
    case("softmax_channel", lambda s, v: s.SoftmaxActivation(v.x, mode="channel"), image)
    case("softmax_output", lambda s, v: s.SoftmaxOutput(v.x, v.softmax_label), small)
    case("softmax_multi", lambda s, v: s.SoftmaxOutput(v.x, v.softmax_label, multi_output=True), image)
    case("softmax_preserve", lambda s, v: s.SoftmaxOutput(v.x, v.softmax_label, preserve_shape=True), image)
    case("logistic", lambda s, v: s.LogisticRegressionOutput(v.x, v.label), small)
    case("linear", lambda s, v: s.LinearRegressionOutput(v.x, v.label), small)
    case("dropout", lambda s, v: s.Dropout(v.x) + 1, image)

    # --- Element by element.
    for name in ("relu sigmoid tanh exp abs sign floor ceil negative erf softsign sin cos tan arctan sinh cosh arcsinh "
                 "square rint round fix trunc degrees radians hard_sigmoid cbrt expm1").split():
        case(name, lambda s, v, n=name: getattr(s, n)(v.x), image)
    for name in "log log2 log10 log1p sqrt rsqrt rcbrt reciprocal".split():
        case(name, lambda s, v, n=name: getattr(s, n)(v.x), r(2, 3, 4, low=0.1))
    for name in "arcsin arccos arctanh".split():
        case(name, lambda s, v, n=name: getattr(s, n)(v.x), r(2, 3, low=-0.9, high=0.9))
    case("arccosh", lambda s, v: s.arccosh(v.x), r(2, 3, low=1.1, high=4))
    halves = np.array([[-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]], "float32")
    case("round_halves", lambda s, v: s.round(v.x), halves)
    case("rint_halves", lambda s, v: s.rint(v.x), halves)
    case("logical_not", lambda s, v: s.logical_not(v.x), np.array([[0, 1, 2, 0]], "float32"))
    for name in ("add sub mul div mod maximum minimum hypot equal not_equal greater greater_equal lesser lesser_equal "
                 "logical_and logical_or logical_xor").split():
        case("broadcast_" + name, lambda s, v, n=name: getattr(s, "broadcast_" + n)(v.x, v.y), cube, y=r(2, 1, 4))
    case("broadcast_power", lambda s, v: s.broadcast_power(v.x, v.y), r(2, 3, 4, low=0.1), y=r(1, 3, 1))
    case("add_n", lambda s, v: s.add_n(v.x, v.y, v.x), cube, y=r(2, 3, 4))
    case("elemwise", lambda s, v: (v.x + v.y) * (v.x - v.y) / v.y, cube, y=r(2, 3, 4, low=0.5))
    for name, build in (("plus", lambda q: q + 2.5), ("minus", lambda q: q - 2.5), ("rminus", lambda q: 2.5 - q),
                        ("mul", lambda q: q * 3), ("div", lambda q: q / 3), ("rdiv", lambda q: 3 / q),
                        ("mod", lambda q: q % 1.5), ("rmod", lambda q: 2 % q), ("power", lambda q: q ** 2),
                        ("rpower", lambda q: 2 ** q), ("equal", lambda q: q == 1), ("greater", lambda q: q > 0.3),
                        ("lesser_equal", lambda q: q <= 0.3), ("not_equal", lambda q: q != 1)):
        case("scalar_" + name, lambda s, v, f=build: f(v.x), cube)
    case("scalar_maximum", lambda s, v: s.maximum(v.x, 0.5), cube)
    case("scalar_minimum", lambda s, v: s.minimum(v.x, 0.5), cube)
    case("clip", lambda s, v: s.clip(v.x, -0.5, 0.7), cube)
    case("smooth_l1", lambda s, v: s.smooth_l1(v.x, scalar=1.5), cube)
    case("quadratic", lambda s, v: s.contrib.quadratic(v.x, a=1, b=2, c=3), cube)
    case("div_sqrt_dim", lambda s, v: s.contrib.div_sqrt_dim(v.x), cube)
    case("where", lambda s, v: s.where(v.x, v.y, v.y * 2), np.array([[0, 1, 0], [1, 1, 0]], "float32"), y=r(2, 3))
    case("where_rows", lambda s, v: s.where(v.x, v.y, v.y * 2), np.array([0, 1], "float32"), y=r(2, 3))
    case("cast", lambda s, v: s.Cast(s.Cast(v.x, dtype="int32"), dtype="float32"), cube)

    # --- Shapes and moves.
    for shape, reverse in (((0, -1), False), ((-2,), False), ((0, 0, -1), False), ((0, -3, -2), False),
                           ((-3, -3), False), ((2, -1, 9), False), ((-1, 0), True), ((0, -1, 3), True)):
        case("reshape_%s_%d" % ("_".join(map(str, shape)), reverse),
             lambda s, v, q=shape, b=reverse: s.Reshape(v.x, shape=q, reverse=b), image)
    case("reshape_split", lambda s, v: s.Reshape(v.x, shape=(0, -4, -1, 3, -2)), r(2, 6, 7, 9))
    case("flatten", lambda s, v: s.Flatten(v.x), image)
    case("transpose", lambda s, v: s.transpose(v.x, axes=(0, 2, 3, 1)), image)
    case("transpose_all", lambda s, v: s.transpose(v.x), image)
    case("swap_axis", lambda s, v: s.SwapAxis(v.x, dim1=1, dim2=3), image)
    case("expand_dims", lambda s, v: s.expand_dims(v.x, axis=1), cube)
    case("squeeze", lambda s, v: s.squeeze(v.x), r(2, 1, 3, 1))
    case("squeeze_axis", lambda s, v: s.squeeze(v.x, axis=(1,)), r(2, 1, 3, 1))
    case("concat", lambda s, v: s.Concat(v.x, v.y, v.x, dim=1), cube, y=r(2, 2, 4))
    case("stack", lambda s, v: s.stack(v.x, v.y, axis=1), cube, y=r(2, 3, 4))
    case("split", lambda s, v: s.SliceChannel(v.x, num_outputs=3, axis=1, squeeze_axis=True), cube)
    case("split_v2", lambda s, v: s.Group(list(s.split_v2(v.x, (1, 3), axis=2))), r(2, 3, 7))
    case("slice", lambda s, v: s.slice(v.x, begin=(0, 1, None), end=(2, 3, None), step=(1, 1, -1)), cube)
    case("slice_axis", lambda s, v: s.slice_axis(v.x, axis=-1, begin=-3, end=-1), cube)
    case("slice_like", lambda s, v: s.slice_like(v.x, v.y, axes=(1,)), cube, y=r(1, 2, 2))
    case("crop", lambda s, v: s.Crop(v.x, offset=(1, 2), h_w=(3, 4)), image)
    case("crop_center", lambda s, v: s.Crop(v.x, h_w=(3, 4), center_crop=True), image)
    case("crop_like", lambda s, v: s.Crop(v.x, v.y, offset=(1, 2)), image, y=r(1, 1, 3, 4))
    case("flip", lambda s, v: s.flip(v.x, axis=1), cube)
    case("repeat", lambda s, v: s.repeat(v.x, repeats=2, axis=1), cube)
    case("repeat_flat", lambda s, v: s.repeat(v.x, repeats=2), cube)
    case("tile", lambda s, v: s.tile(v.x, reps=(2, 2, 1, 3)), cube)
    for mode in ("constant", "edge", "reflect"):
        case("pad_" + mode, lambda s, v, m=mode: s.Pad(v.x, mode=m, pad_width=(0, 0, 0, 0, 1, 2, 2, 1),
                                                       constant_value=3), image)
    case("broadcast_to", lambda s, v: s.broadcast_to(v.x, shape=(0, 5, 0)), r(2, 1, 4))
    case("broadcast_axis", lambda s, v: s.broadcast_axis(v.x, axis=(1,), size=(5,)), r(2, 1, 4))
    case("broadcast_like", lambda s, v: s.broadcast_like(v.x, v.y), r(2, 1, 4), y=r(2, 5, 4))
    case("reshape_like", lambda s, v: s.reshape_like(v.x, v.y), r(2, 6), y=r(3, 4))
    case("depth_to_space", lambda s, v: s.depth_to_space(v.x, 2), r(1, 8, 2, 3))
    case("space_to_depth", lambda s, v: s.space_to_depth(v.x, 2), r(1, 2, 4, 6))
    lengths = np.array([2, 4], "float32")
    case("sequence_reverse", lambda s, v: s.SequenceReverse(v.x), r(4, 2, 3))
    case("sequence_reverse_lengths", lambda s, v: s.SequenceReverse(v.x, v.y, use_sequence_length=True), r(4, 2, 3),
         y=lengths)
    case("sequence_last", lambda s, v: s.SequenceLast(v.x), r(4, 2, 3))
    case("sequence_mask", lambda s, v: s.SequenceMask(v.x, v.y, use_sequence_length=True, value=-1), r(4, 2, 3),
         y=lengths)

    # --- Reductions, sorting, indexing, matrices.
    for name in "sum mean max min prod nansum".split():
        case(name, lambda s, v, n=name: getattr(s, n)(v.x, axis=1), cube)
        case(name + "_keep", lambda s, v, n=name: getattr(s, n)(v.x, axis=(0, 2), keepdims=True), cube)
        case(name + "_all", lambda s, v, n=name: getattr(s, n)(v.x), cube, LONG)
    case("mean_exclude", lambda s, v: s.mean(v.x, axis=1, exclude=True), cube)
    case("norm", lambda s, v: s.norm(v.x, axis=1), cube)
    case("norm_1", lambda s, v: s.norm(v.x, ord=1, axis=(1, 2)), cube)
    case("moments", lambda s, v: s.moments(v.x, axes=(1,)), cube)
    case("argmax", lambda s, v: s.argmax(v.x, axis=1), cube)
    case("argmin", lambda s, v: s.argmin(v.x, axis=2, keepdims=True), cube)
    case("argmax_all", lambda s, v: s.argmax(v.x), cube)
    case("topk", lambda s, v: s.topk(v.x, k=2), cube)
    case("topk_both", lambda s, v: s.topk(v.x, k=2, axis=1, ret_typ="both", is_ascend=True), cube)
    case("sort", lambda s, v: s.sort(v.x), cube)
    case("argsort", lambda s, v: s.argsort(v.x), cube)
    case("cumsum", lambda s, v: s.cumsum(v.x, axis=1), cube)
    case("take", lambda s, v: s.take(v.x, v.y), cube, y=np.array([[0, 1], [5, -1]], "float32"))
    case("take_wrap", lambda s, v: s.take(v.x, v.y, axis=1, mode="wrap"), cube, y=np.array([[0, 2], [5, -1]], "float32"))
    case("embedding", lambda s, v: s.Embedding(v.x, v.w, input_dim=4, output_dim=3),
         np.array([[0, 2], [5, -1]], "float32"), w=r(4, 3))
    case("pick", lambda s, v: s.pick(v.x, v.y, axis=1), r(3, 4), y=np.array([0, 3, 1], "float32"))
    case("gather_nd", lambda s, v: s.gather_nd(v.x, v.y), cube, y=np.array([[0, 1, 1], [2, 0, 1]], "float32"))
    case("scatter_nd", lambda s, v: s.scatter_nd(v.x, v.y, shape=(2, 3)), r(2), y=np.array([[0, 1], [2, 0]], "float32"))
    case("one_hot", lambda s, v: s.one_hot(v.x, depth=4, on_value=2, off_value=-1), np.array([0, 3, 1], "float32"))
    case("dot", lambda s, v: s.dot(v.x, v.y), r(2, 3), y=r(3, 4))
    case("dot_transposed", lambda s, v: s.dot(v.x, v.y, transpose_a=True, transpose_b=True), r(3, 2), y=r(4, 3))
    case("dot_3", lambda s, v: s.dot(v.x, v.y), r(2, 5, 3), y=r(3, 4, 2))
    case("batch_dot", lambda s, v: s.batch_dot(v.x, v.y, transpose_b=True), r(2, 5, 3), y=r(2, 4, 3))
    case("gemm2", lambda s, v: s.linalg.gemm2(v.x, v.y, alpha=2, transpose_b=True), r(2, 5, 3), y=r(2, 4, 3))
    case("gemm", lambda s, v: s.linalg.gemm(v.x, v.y, v.z, alpha=2, beta=0.5), r(2, 5, 3), y=r(2, 3, 4), z=r(2, 5, 4))
    case("selfatt_qk", lambda s, v: s.contrib.interleaved_matmul_selfatt_qk(v.x, heads=2), r(5, 3, 24))
    case("selfatt_valatt", lambda s, v: s.contrib.interleaved_matmul_selfatt_valatt(v.x, v.y, heads=2), r(5, 3, 24),
         y=r(6, 5, 5))
    case("encdec_qk", lambda s, v: s.contrib.interleaved_matmul_encdec_qk(v.x, v.y, heads=2), r(5, 3, 8), y=r(7, 3, 16))
    case("encdec_valatt", lambda s, v: s.contrib.interleaved_matmul_encdec_valatt(v.x, v.y, heads=2), r(7, 3, 16),
         y=r(6, 5, 7))
    case("zeros", lambda s, v: s.zeros((2, 3)) + v.x, r(2, 3))
    case("full", lambda s, v: s.full((2, 3), 2.5) * v.x, r(2, 3))
    case("ones_like", lambda s, v: s.ones_like(v.x) + v.x, cube)
    case("arange_like", lambda s, v: s.contrib.arange_like(v.x) + v.x, r(2, 4))

    # --- Pictures and detectors.
    case("up_nearest", lambda s, v: s.UpSampling(v.x, scale=2, sample_type="nearest", num_args=1), image)
    case("up_two", lambda s, v: s.UpSampling(v.x, v.y, scale=4, sample_type="nearest", num_args=2), r(1, 2, 3, 4),
         y=r(1, 3, 6, 8))
    case("up_bilinear", lambda s, v: s.UpSampling(v.x, v.w, scale=3, sample_type="bilinear", num_filter=3, num_args=2),
         image, w=r(3, 1, 5, 5))
    case("resize", lambda s, v: s.contrib.BilinearResize2D(v.x, height=11, width=5), image)
    case("resize_half_pixel", lambda s, v: s.contrib.BilinearResize2D(v.x, height=11, width=5, align_corners=False),
         image)
    case("roi_pooling", lambda s, v: s.ROIPooling(v.x, v.y, pooled_size=(2, 3), spatial_scale=0.5), r(1, 2, 8, 8),
         y=np.array([[0, 0, 0, 10, 12], [0, 3, 2, 15, 9]], "float32"))
    regions = np.array([[0, 0, 0, 10, 12], [0, 3, 2, 15, 9], [1, -3, 4, 5, 30], [1, 2, 2, 2.5, 2.25]], "float32")
    likely = np.exp(r(2, 12, 4, 6))
    likely = (likely / likely.sum(1, keepdims=True)).astype("float32")
    rpn = dict(scales=(2, 4), ratios=(0.5, 1, 2), feature_stride=8, rpn_min_size=6, rpn_pre_nms_top_n=60,
                    rpn_post_nms_top_n=25, threshold=0.5)
    case("proposal", lambda s, v: s.contrib.Proposal(v.x, v.y, v.z, **rpn), likely[:1], y=r(1, 24, 4, 6, low=-0.7, high=0.7),
         z=np.array([[31, 45, 1]], "float32"))
    case("proposal_scores", lambda s, v: s.contrib.Proposal(v.x, v.y, v.z, output_score=True, **rpn), likely[:1],
         y=r(1, 24, 4, 6, low=-0.7, high=0.7), z=np.array([[22, 30, 1.5]], "float32"))
    case("multi_proposal", lambda s, v: s.contrib.MultiProposal(v.x, v.y, v.z, **rpn), likely,
         y=r(2, 24, 4, 6, low=-0.7, high=0.7), z=np.array([[32, 48, 1], [30, 40, 2]], "float32"))
    for name, more in (("", {}), ("_two", {"sample_ratio": 2}), ("_aligned", {"aligned": True})):
        case("roi_align" + name, lambda s, v, m=more: s.contrib.ROIAlign(v.x, v.y, pooled_size=(2, 3), spatial_scale=0.5, **m),
             r(2, 2, 8, 8), y=regions)
    turn = np.array([[0.6, -0.3, 0.1, 0.2, 0.7, -0.05], [0.4, 0.3, 0, -0.2, 0.5, 0.1]], "float32")
    case("spatial_transformer", lambda s, v: s.SpatialTransformer(v.x, v.y, transform_type="affine", sampler_type="bilinear",
                                                                  target_shape=(5, 4)), r(2, 3, 6, 7), y=turn)
    case("grid_affine", lambda s, v: s.BilinearSampler(v.x, s.GridGenerator(v.y, transform_type="affine", target_shape=(5, 4))),
         r(2, 3, 6, 7), y=2 * turn)
    case("grid_warp", lambda s, v: s.BilinearSampler(v.x, s.GridGenerator(v.y, transform_type="warp")), r(2, 3, 6, 7),
         y=r(2, 2, 6, 7, low=-3, high=3))
    case("prior", lambda s, v: s.contrib.MultiBoxPrior(v.x, sizes=(0.3, 0.5), ratios=(1, 2, 0.5)), r(1, 2, 3, 5))
    case("prior_steps", lambda s, v: s.contrib.MultiBoxPrior(v.x, sizes=(0.3,), ratios=(1.5, 2), clip=True,
                                                             steps=(0.2, 0.3), offsets=(0.4, 0.6)), r(1, 2, 3, 5))
    corners = np.sort(r(1, 12, 2, 2, low=0, high=1), axis=2).reshape(1, 12, 4)
    scores = np.exp(r(1, 4, 12))
    scores /= scores.sum(1, keepdims=True)
    case("detection", lambda s, v: s.contrib.MultiBoxDetection(v.x, v.y, v.z, threshold=0.2, nms_threshold=0.3), scores,
         y=r(1, 48, low=-1, high=1), z=corners, boxes=True)
    rows = np.concatenate([random.integers(-1, 3, (2, 30, 1)), r(2, 30, 1, low=0, high=1),
                           np.sort(r(2, 30, 2, 2, low=0, high=50), axis=2).reshape(2, 30, 4)], axis=2).astype("float32")
    for name, more in (("", {}), ("_ids", {"id_index": 0}), ("_force", {"id_index": 0, "force_suppress": True}),
                       ("_topk", {"id_index": 0, "topk": 9}), ("_ground", {"id_index": 0, "background_id": 1})):
        case("box_nms" + name, lambda s, v, m=more: s.contrib.box_nms(v.x, overlap_thresh=0.3, valid_thresh=0.1, **m), rows)
    wide = np.concatenate([r(30, 1, low=0, high=1), r(30, 4, low=1, high=9)], axis=1)
    case("box_nms_center", lambda s, v: s.contrib.box_nms(v.x, overlap_thresh=0.4, coord_start=1, score_index=0,
                                                          in_format="center", out_format="center"), wide)
    for form in ("center", "corner"):
        case("box_decode_" + form, lambda s, v, f=form: s.contrib.box_decode(v.x, v.y, 0.1, 0.1, 0.2, 0.2, clip=0.3, format=f),
             r(2, 12, 4), y=corners)
    case("deformable", lambda s, v: s.contrib.DeformableConvolution(v.x, v.y, v.w, v.b, kernel=(3, 3), num_filter=4,
                                                                    pad=(1, 1)), r(1, 2, 5, 6),
         y=r(1, 18, 5, 6, low=-1.5, high=1.5), w=r(4, 2, 3, 3), b=r(4))

    # --- Recurrent networks.
    for mode, gates in (("lstm", 4), ("gru", 3), ("rnn_tanh", 1), ("rnn_relu", 1)):
        for layers, directions in ((1, 1), (2, 2)):
            hidden, size = 3, 4
            n = sum(directions * gates * hidden * ((size if layer == 0 else directions * hidden) + hidden + 2)
                    for layer in range(layers))
            state = r(layers * directions, 2, hidden)
            settings = dict(state_size=hidden, num_layers=layers, mode=mode, bidirectional=directions == 2,
                            state_outputs=True)
            if mode == "lstm":
                case("lstm_%d" % layers, lambda s, v, k=settings: s.RNN(v.x, v.w, v.y, v.z, **k), r(5, 2, size),
                     y=state, z=r(layers * directions, 2, hidden), w=r(n, low=-0.5, high=0.5))
            else:
                case("%s_%d" % (mode, layers), lambda s, v, k=settings: s.RNN(v.x, v.w, v.y, **k), r(5, 2, size),
                     y=state, w=r(n, low=-0.5, high=0.5))
    return found

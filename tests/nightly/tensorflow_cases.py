# SPDX-License-Identifier: Apache-2.0
"""The cases of 71-tensorflow: name, inputs, and how TensorFlow builds it."""
import collections

Case = collections.namedtuple("Case", "name inputs build text limit")
LIMIT = 1e-4
TABLE = 2e-3  # TensorFlow reads cubic weights from a table of 1,024 steps


def cases(np):
    random = np.random.default_rng(11)
    found = []

    def reals(*shape, low=-1.0, high=1.0):
        return list(shape), random.uniform(low, high, shape).astype("float32")

    def ints(*shape, low=0, high=5, dtype="int32"):
        return list(shape), random.integers(low, high, shape).astype(dtype)

    def truths(*shape):
        return list(shape), random.integers(0, 2, shape).astype(bool)

    def weight(*shape):
        return random.uniform(-1, 1, shape).astype("float32")

    def case(name, inputs, build, text=False, limit=LIMIT):
        inputs = inputs if isinstance(inputs, list) else [inputs]
        found.append(Case(name, inputs, build, text, limit))

    # --- Convolution and pooling.
    image = reals(2, 9, 8, 6)
    for padding in ("SAME", "VALID"):
        for stride in (1, 2, 3):
            w = weight(3, 3, 6, 5)
            case("conv_%s_%d" % (padding, stride), image,
                 lambda tf, x, w=w, p=padding, s=stride: tf.nn.conv2d(x, w, s, p))
            w = weight(3, 2, 6, 2)
            case("depthwise_%s_%d" % (padding, stride), image,
                 lambda tf, x, w=w, p=padding, s=stride: tf.nn.depthwise_conv2d(x, w, [1, s, s, 1], p))
            case("max_pool_%s_%d" % (padding, stride), image,
                 lambda tf, x, p=padding, s=stride: tf.nn.max_pool2d(x, [3, 2], s, p))
            case("avg_pool_%s_%d" % (padding, stride), image,
                 lambda tf, x, p=padding, s=stride: tf.nn.avg_pool2d(x, [3, 2], s, p))
            w = weight(3, 3, 4, 6)
            for more in (0, 1):
                if stride > more:
                    out = 9 * stride - more if padding == "SAME" else 8 * stride + 3 + more
                    wide = 8 * stride - more if padding == "SAME" else 7 * stride + 3 + more
                    case("conv_transposed_%s_%d_%d" % (padding, stride, more), image,
                         lambda tf, x, w=w, p=padding, s=stride, o=out, v=wide:
                         tf.nn.conv2d_transpose(x, w, [2, o, v, 4], s, p))
    for out in (17, 18):
        case("depthwise_transposed_%d" % out, reals(2, 9, 8, 6), lambda tf, x, w=weight(3, 3, 3, 2), o=out:
             tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                 input_sizes=[2, o, 16, 3], filter=w, out_backprop=x, strides=[1, 2, 2, 1], padding="SAME"))
    w = weight(3, 3, 6, 5)
    case("conv_dilated_attribute", image, lambda tf, x, w=w: tf.nn.conv2d(x, w, 1, "SAME", dilations=2))
    case("conv_explicit", image, lambda tf, x, w=w: tf.nn.conv2d(x, w, 2, [[0, 0], [1, 2], [0, 1], [0, 0]]))
    w2 = weight(3, 3, 2, 6)
    case("conv_grouped", image, lambda tf, x, w=w2: tf.nn.conv2d(x, w, 1, "SAME"))
    case("conv_dynamic", ([None, None, None, 6], image[1]), lambda tf, x, w=w: tf.nn.conv2d(x, w, 2, "SAME"))
    case("conv_text", image, lambda tf, x, w=w: tf.nn.conv2d(x, w, 2, "SAME"), text=True)

    def blocks(tf, x, w, rate, pads, crops):
        x = tf.space_to_batch(x, [rate, rate], pads)
        x = tf.nn.conv2d(x, w, 1, "VALID")
        return tf.batch_to_space(tf.nn.relu(x), [rate, rate], crops)

    case("conv_dilated_blocks", image, lambda tf, x, w=w: blocks(tf, x, w, 2, [[2, 3], [2, 2]], [[0, 1], [0, 0]]))
    case("conv_dilated_blocks_crop", image,
         lambda tf, x, w=w: blocks(tf, x, w, 2, [[2, 3], [3, 3]], [[1, 1], [1, 0]]))
    case("space_to_batch", image, lambda tf, x: tf.space_to_batch(x, [2, 3], [[1, 0], [0, 1]]))
    case("batch_to_space", reals(12, 3, 4, 5), lambda tf, x: tf.batch_to_space(x, [2, 3], [[1, 0], [0, 2]]))
    w = weight(2, 3, 3, 3, 4)
    volume = reals(1, 5, 6, 7, 3)
    case("conv_3d", volume, lambda tf, x, w=w: tf.nn.conv3d(x, w, [1, 1, 2, 2, 1], "SAME"))
    w = weight(2, 3, 3, 4, 3)
    case("conv_3d_transposed", volume,
         lambda tf, x, w=w: tf.nn.conv3d_transpose(x, w, [1, 10, 12, 14, 4], [1, 2, 2, 2, 1], "SAME"))
    case("max_pool_3d", volume, lambda tf, x: tf.nn.max_pool3d(x, 2, 2, "SAME"))
    case("avg_pool_3d", volume, lambda tf, x: tf.nn.avg_pool3d(x, [1, 2, 3, 2, 1], 2, "SAME"))
    case("max_pool_v2", image,
         lambda tf, x: tf.raw_ops.MaxPoolV2(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID"))
    for batch in (False, True):
        case("max_pool_index_%d" % batch, image,
             lambda tf, x, b=batch: tf.nn.max_pool_with_argmax(x, 2, 2, "SAME", include_batch_in_index=b))
    case("conv_1d", reals(2, 12, 4), lambda tf, x, w=weight(3, 4, 5): tf.nn.conv1d(x, w, 2, "SAME"))

    # --- Normalisation, products.
    four = [weight(6) for _ in range(4)]
    four[3] = np.abs(four[3]) + np.float32(0.1)
    for training in (False, True):
        case("batch_norm_fused_%d" % training, image, lambda tf, x, t=training: tf.raw_ops.FusedBatchNormV3(
            x=x, scale=four[0], offset=four[1], mean=four[2] if not t else np.zeros(0, "float32"),
            variance=four[3] if not t else np.zeros(0, "float32"), epsilon=1e-3, is_training=t)[0])
    case("batch_norm_unfused", image,
         lambda tf, x: tf.nn.batch_normalization(x, four[2], four[3], four[1], four[0], 1e-3))
    case("bias_add", image, lambda tf, x: tf.nn.bias_add(x, four[0]))
    case("bias_add_nchw", reals(2, 6, 3, 4), lambda tf, x: tf.nn.bias_add(x, four[0], data_format="NCHW"))
    case("lrn", image, lambda tf, x: tf.nn.lrn(x, depth_radius=2, bias=1.5, alpha=0.3, beta=0.75))
    matrix = reals(5, 7)
    case("softmax", matrix, lambda tf, x: tf.nn.softmax(x))
    case("log_softmax", matrix, lambda tf, x: tf.nn.log_softmax(x))
    case("l2_loss", matrix, lambda tf, x: tf.nn.l2_loss(x))
    for a in (False, True):
        for b in (False, True):
            case("mat_mul_%d%d" % (a, b), reals(*((7, 5) if a else (5, 7))),
                 lambda tf, x, a=a, b=b, w=weight(*((3, 7) if b else (7, 3))): tf.linalg.matmul(
                     x, w, transpose_a=a, transpose_b=b))
    pair = [reals(2, 3, 4, 5), reals(2, 3, 4, 6)]
    case("batch_mat_mul", pair, lambda tf, x, y: tf.raw_ops.BatchMatMulV2(x=x, y=y, adj_x=True))
    case("batch_mat_mul_stretched", [reals(2, 1, 4, 5), reals(3, 6, 5)],
         lambda tf, x, y: tf.raw_ops.BatchMatMulV2(x=x, y=y, adj_y=True))
    case("einsum", [reals(2, 3, 4), reals(4, 5)], lambda tf, x, y: tf.raw_ops.Einsum(
        inputs=[x, y], equation="abc,cd->adb"))

    # --- Element by element.
    wide, positive, unit = reals(3, 40, low=-4, high=4), reals(3, 40, low=0.05, high=4), reals(3, 40, low=-0.99, high=0.99)
    for op in ("Abs Ceil Cos Cosh Elu Erf Erfc Exp Expm1 Floor IsFinite IsInf IsNan Neg Relu Relu6 Rint Round Selu "
               "Sigmoid Sign Sin Sinh Softplus Softsign Square Tan Tanh Atan Asinh Inv Reciprocal").split():
        keyword = "features" if op in ("Elu", "Relu", "Relu6", "Selu", "Softplus", "Softsign") else "x"
        case("unary_" + op, wide, lambda tf, x, op=op, k=keyword: getattr(tf.raw_ops, op)(**{k: x}))
    case("expm1_small", reals(3, 40, low=-1e-3, high=1e-3), lambda tf, x: tf.math.expm1(x) * 1000)
    case("log1p_small", reals(3, 40, low=-1e-3, high=1e-3), lambda tf, x: tf.math.log1p(x) * 1000)
    for op in "Log Log1p Sqrt Rsqrt".split():
        case("unary_" + op, positive, lambda tf, x, op=op: getattr(tf.raw_ops, op)(x=x))
    for op in "Asin Acos Atanh".split():
        case("unary_" + op, unit, lambda tf, x, op=op: getattr(tf.raw_ops, op)(x=x))
    case("unary_Acosh", reals(3, 40, low=1.01, high=5), lambda tf, x: tf.math.acosh(x))
    case("leaky_relu", wide, lambda tf, x: tf.raw_ops.LeakyRelu(features=x))
    two = [reals(3, 4, 5, low=-3, high=3), reals(4, 1, low=0.5, high=3)]
    for op in ("Add AddV2 Sub Mul RealDiv Div FloorDiv FloorMod Maximum Minimum SquaredDifference DivNoNan Xdivy "
               "Atan2 Equal NotEqual Less LessEqual Greater GreaterEqual TruncateMod").split():
        names = ("y", "x") if op == "Atan2" else ("x", "y")
        case("binary_" + op, two, lambda tf, a, b, op=op, n=names: getattr(tf.raw_ops, op)(**{n[0]: a, n[1]: b}))
    for op in "Pow Xlogy MulNoNan".split():
        case("binary_" + op, [reals(3, 4, low=0.1, high=3), reals(4, low=0.1, high=2)],
             lambda tf, a, b, op=op: getattr(tf.raw_ops, op)(x=a, y=b))
    whole = [ints(3, 8, low=-9, high=10), ints(8, low=1, high=5)]
    for op in "Add Sub Mul Div FloorDiv TruncateDiv FloorMod Mod TruncateMod Maximum Minimum Equal Less".split():
        case("whole_" + op, whole, lambda tf, a, b, op=op: getattr(tf.raw_ops, op)(x=a, y=b))
    zeros = ([3, 4], np.array([[0, 1, 0, 2]] * 3, "float32"))
    for op in "DivNoNan MulNoNan Xdivy Xlogy".split():
        case("zeros_" + op, [reals(3, 4, low=0.1, high=2), zeros], lambda tf, a, b, op=op: getattr(tf.raw_ops, op)(
            **({"x": a, "y": b} if op in ("DivNoNan", "MulNoNan") else {"x": b, "y": a})))
    case("atan2_quarters", [([9], np.array([0, 1, -1, 0, 1, -1, 0, 1, -1], "float32")),
                            ([9], np.array([1, 0, 0, -1, -1, -1, 1, 1, 1], "float32"))],
         lambda tf, y, x: tf.math.atan2(y, x))
    case("add_n", [matrix, reals(5, 7), reals(5, 7)], lambda tf, x, y, z: tf.raw_ops.AddN(inputs=[x, y, z]))
    bools = [truths(3, 4), truths(4)]
    case("logical", bools, lambda tf, x, y: [tf.logical_and(x, y), tf.logical_or(x, y), tf.logical_not(x),
                                             tf.math.logical_xor(x, y)])
    case("select_rows", [truths(5), matrix, reals(5, 7)],
         lambda tf, t, x, y: tf.raw_ops.Select(condition=t, x=x, y=y))
    case("select_new", [truths(5, 1), matrix, reals(7)], lambda tf, t, x, y: tf.raw_ops.SelectV2(condition=t, t=x, e=y))
    case("clip", wide, lambda tf, x: tf.clip_by_value(x, -1.5, 2.0))
    case("cast", wide, lambda tf, x: [tf.cast(x, tf.int32), tf.cast(tf.cast(x, tf.bool), tf.float32),
                                      tf.cast(tf.cast(x, tf.int64), tf.float32)])

    # --- Reductions.
    block = reals(2, 3, 4, 5)
    for op in "Mean Sum Max Min Prod EuclideanNorm".split():
        for axis, keep in (([1, 2], False), ([-1], True), (0, False), ([], False)):
            case("reduce_%s_%s_%d" % (op, axis, keep), block, lambda tf, x, op=op, a=axis, k=keep: getattr(
                tf.raw_ops, op)(input=x, axis=np.array(a, "int32"), keep_dims=k))
    case("reduce_truths", truths(3, 4), lambda tf, x: [tf.reduce_all(x, 1), tf.reduce_any(x, 0, keepdims=True)])
    case("arg", block, lambda tf, x: [tf.argmax(x, 3), tf.argmin(x, 1, output_type=tf.int32)])
    case("top_k", block, lambda tf, x: tf.math.top_k(x, 3))
    case("in_top_k", [reals(6, 9), ints(6, high=9)], lambda tf, x, t: tf.math.in_top_k(t, x, 3))
    for exclusive in (False, True):
        for reverse in (False, True):
            case("cumsum_%d%d" % (exclusive, reverse), block,
                 lambda tf, x, e=exclusive, r=reverse: tf.cumsum(x, 2, e, r))

    # --- Shapes and moves.
    case("reshape", block, lambda tf, x: [tf.reshape(x, [-1, 10]), tf.reshape(x, [2, 60]),
                                          tf.reshape(x, [tf.shape(x)[0], -1])])
    case("flatten_dynamic", ([None, 3, 4], reals(2, 3, 4)[1]), lambda tf, x: tf.reshape(
        x, tf.stack([tf.shape(x)[0], 12])))
    case("squeeze", reals(1, 3, 1, 4), lambda tf, x: [tf.squeeze(x), tf.squeeze(x, [2]), tf.expand_dims(x, -1),
                                                      tf.expand_dims(x, 1)])
    case("transpose", block, lambda tf, x: tf.transpose(x, [3, 0, 2, 1]))
    case("concat", [block, reals(2, 3, 1, 5)], lambda tf, x, y: [tf.concat([x, y, x], 2), tf.concat([x, y], -2)])
    case("pack", [matrix, reals(5, 7)], lambda tf, x, y: [tf.stack([x, y], 0), tf.stack([x, y, x], -1)])
    case("unpack", block, lambda tf, x: tf.unstack(x, axis=1))
    case("split", block, lambda tf, x: tf.split(x, 2, 2) + tf.split(x, [1, 3, 1], -1) + tf.split(x, [2, -1], 3))
    case("tile", block, lambda tf, x: tf.tile(x, [1, 2, 3, 1]))
    case("fill", matrix, lambda tf, x: x + tf.fill([5, 7], 2.5) + tf.zeros_like(x) + tf.ones_like(x))
    case("broadcast_to", reals(4, 1), lambda tf, x: tf.broadcast_to(x, [3, 4, 5]))
    case("shapes", ([None, 3, 4, 5], block[1]), lambda tf, x: [tf.shape(x), tf.size(x), tf.rank(x) + tf.shape(x)[1],
                                                              tf.cast(tf.shape(x, out_type=tf.int64), tf.float32)])
    case("range", ints(7), lambda tf, x: tf.range(2, tf.shape(x)[0] * 3, 4) + x[:5])
    case("lin_space", reals(2), lambda tf, x: tf.linspace(x[0], x[1], 7))
    case("one_hot", ints(3, 4, low=-1, high=6), lambda tf, x: [tf.one_hot(x, 5), tf.one_hot(x, 5, 2.0, -1.0, axis=0)])
    case("pad", matrix, lambda tf, x: [tf.pad(x, [[1, 2], [0, 3]]), tf.pad(x, [[1, 2], [2, 3]], "REFLECT"),
                                       tf.pad(x, [[1, 2], [2, 3]], "SYMMETRIC"),
                                       tf.pad(x, [[1, 0], [0, 1]], constant_values=7.0)])
    case("reverse", block, lambda tf, x: [tf.reverse(x, [1, -1]), tf.raw_ops.Reverse(tensor=x, dims=[True, False, False, True])])
    case("reverse_sequence", reals(3, 6, 2), lambda tf, x: tf.reverse_sequence(x, [2, 6, 4], seq_axis=1, batch_axis=0))
    case("roll", block, lambda tf, x: tf.roll(x, [1, -2], [2, 3]))
    case("invert_permutation", ([5], np.array([3, 0, 4, 1, 2], "int32")), lambda tf, x: tf.math.invert_permutation(x))
    case("where", ([6, 2], ints(6, 2, dtype="int64")[1]), lambda tf, x: tf.where(np.eye(3, 4) + np.eye(3, 4, 1) > 0) + x)

    # --- Parts.
    case("slice", block, lambda tf, x: [tf.slice(x, [0, 1, 0, 2], [2, -1, 3, 2]), tf.slice(x, [1, 0, 0, 0], [1, 3, 4, -1])])
    for name, cut in (("plain", lambda x: x[1:, :2, ::2]), ("negative", lambda x: x[:, -2:, ::-1, 3::-2]),
                      ("shrink", lambda x: x[0, :, -1]), ("ellipsis", lambda x: x[..., 1:3]),
                      ("middle", lambda x: x[0, ..., 2]), ("ellipsis_shrink", lambda x: x[..., 0, -1])):
        case("strided_" + name, block, lambda tf, x, cut=cut: cut(x))
    case("strided_new", block, lambda tf, x: [x[:, tf.newaxis, 1:2], x[tf.newaxis, ..., tf.newaxis],
                                              x[1, tf.newaxis, ..., 0]])
    case("gather", [block, ints(2, 3, high=4)], lambda tf, x, i: [tf.gather(x, i, axis=2), tf.gather(x, [1, 0, 1])])
    case("gather_batch", [reals(2, 5, 4), ints(2, 3, high=5)], lambda tf, x, i: tf.gather(x, i, axis=1, batch_dims=1))
    case("gather_nd", [block, ([3, 2], np.array([[0, 2], [1, 1], [0, 0]], "int32"))], lambda tf, x, i: tf.gather_nd(x, i))
    case("gather_nd_batch", [reals(2, 5, 4), ints(2, 3, 1, high=5)], lambda tf, x, i: tf.gather_nd(x, i, batch_dims=1))
    case("scatter_nd", reals(4, 3), lambda tf, x: tf.scatter_nd([[1], [4], [1], [0]], x, [6, 3]))
    for op in "Update Add Sub Max Min".split():
        case("tensor_scatter_" + op, [reals(6, 3), reals(2, 3)], lambda tf, x, u, op=op: getattr(
            tf.raw_ops, "TensorScatter" + op)(tensor=x, indices=[[1], [4]], updates=u))
    case("sparse_to_dense", reals(3), lambda tf, x: tf.raw_ops.SparseToDense(
        sparse_indices=[[0, 1], [1, 3], [2, 0]], output_shape=[3, 4], sparse_values=x, default_value=-1.0))
    case("segment_sum", reals(5, 3), lambda tf, x: tf.math.unsorted_segment_sum(x, [0, 3, 0, 1, 3], 4))
    case("patches", reals(2, 7, 6, 3), lambda tf, x: [
        tf.raw_ops.ExtractImagePatches(images=x, ksizes=[1, 3, 2, 1], strides=[1, 2, 1, 1], rates=[1, 1, 2, 1],
                                       padding=p) for p in ("SAME", "VALID")])
    case("matrix_band", reals(2, 4, 5), lambda tf, x: [tf.linalg.band_part(x, 1, 0), tf.linalg.band_part(x, -1, 1)])
    case("matrix_diagonal", matrix, lambda tf, x: [tf.raw_ops.MatrixDiag(diagonal=x), tf.linalg.diag(x)])
    case("diagonal_part", reals(2, 4, 5), lambda tf, x: [tf.linalg.diag_part(x), tf.raw_ops.MatrixDiagPart(
        input=tf.transpose(x, [0, 2, 1]))])

    # --- Images.
    deep = reals(2, 4, 6, 8)
    case("depth_to_space", deep, lambda tf, x: tf.nn.depth_to_space(x, 2))
    case("space_to_depth", deep, lambda tf, x: tf.nn.space_to_depth(x, 2))
    for op in "ResizeBilinear ResizeNearestNeighbor ResizeBicubic".split():
        for corners, half in ((False, False), (True, False), (False, True)):
            for size in ([7, 11], [3, 4], [8, 12]):
                if op == "ResizeBicubic" and size == [3, 4]:
                    continue
                case("%s_%d%d_%d" % (op, corners, half, size[0]), deep,
                     lambda tf, x, op=op, c=corners, h=half, s=size: getattr(tf.raw_ops, op)(
                         images=x, size=s, align_corners=c, half_pixel_centers=h),
                     limit=TABLE if op == "ResizeBicubic" else LIMIT)
    for corners in (False, True):
        for size in ([2, 3], [7, 11], [4, 5]):
            case("resize_area_%d_%d" % (corners, size[0]), deep, lambda tf, x, c=corners, s=size: tf.raw_ops.ResizeArea(
                images=x, size=s, align_corners=c))
    for how in ("lanczos3", "lanczos5", "gaussian", "mitchellcubic", "bicubic", "bilinear", "area", "nearest"):
        for size in ([7, 11], [3, 4]):
            for soft in (False, True):
                case("image_resize_%s_%d_%d" % (how, size[0], soft), deep, lambda tf, x, h=how, s=size, a=soft:
                     tf.image.resize(x, s, h, antialias=a), limit=TABLE if how == "bicubic" and not soft else LIMIT)
    case("scale_and_translate", deep, lambda tf, x: tf.raw_ops.ScaleAndTranslate(
        images=x, size=[5, 7], scale=[1.5, 0.8], translation=[0.7, -1.2], kernel_type="triangle", antialias=True))
    boxes = np.array([[0, 0, 1, 1], [0.1, 0.2, 0.8, 0.7], [0.3, 0.1, 0.6, 0.9]], "float32")
    case("crop_and_resize", deep, lambda tf, x: tf.image.crop_and_resize(x, boxes, [0, 1, 1], [3, 5]))
    corner = random.uniform(0, 5, (20, 2))
    spread = np.concatenate([corner, corner + random.uniform(1, 4, (20, 2))], 1).astype("float32")
    nms = [([20, 4], spread), reals(20, low=0, high=1)]
    case("nms", nms, lambda tf, b, s: tf.image.non_max_suppression(b, s, 6, 0.4))
    case("nms_score", nms, lambda tf, b, s: tf.image.non_max_suppression(b, s, 12, 0.5, 0.3))
    case("nms_v4", nms, lambda tf, b, s: tf.raw_ops.NonMaxSuppressionV4(
        boxes=b, scores=s, max_output_size=8, iou_threshold=0.5, score_threshold=0.3))
    case("nms_v4_padded", nms, lambda tf, b, s: tf.raw_ops.NonMaxSuppressionV4(
        boxes=b, scores=s, max_output_size=30, iou_threshold=0.5, score_threshold=0.3, pad_to_max_output_size=True))
    for sigma in (0.0, 0.4):
        case("nms_v5_%g" % sigma, nms, lambda tf, b, s, g=sigma: tf.raw_ops.NonMaxSuppressionV5(
            boxes=b, scores=s, max_output_size=8, iou_threshold=0.5, score_threshold=0.3, soft_nms_sigma=g))

    for q, most, each, per in ((1, 6, 4, False), (3, 6, 4, False), (1, 30, 2, False), (1, 30, 2, True), (3, 100, 50, False)):
        box = np.sort(random.uniform(-0.2, 1.2, (2, 12, q, 2, 2)), axis=3).reshape(2, 12, q, 4).astype("float32")
        case("nms_combined_%d_%d_%d" % (q, most, per), [([2, 12, q, 4], box), reals(2, 12, 3, low=0, high=1)],
             lambda tf, b, s, m=most, e=each, p=per: list(tf.image.combined_non_max_suppression(
                 b, s, e, m, 0.3, 0.4, pad_per_class=p)))

    for exclusive in (False, True):
        for reverse in (False, True):
            case("cumprod_%d%d" % (exclusive, reverse), block,
                 lambda tf, x, e=exclusive, r=reverse: tf.math.cumprod(x, 2, e, r))
    case("xlog1py", [reals(3, 4), reals(3, 4, low=-0.5, high=2)], lambda tf, x, y: tf.raw_ops.Xlog1py(x=x, y=y))
    case("xlog1py_zero", [zeros, reals(3, 4, low=-0.5, high=2)], lambda tf, x, y: tf.raw_ops.Xlog1py(x=x, y=y))
    case("nearly_equal", [reals(30, low=0, high=0.1), reals(30, low=0, high=0.1)],
         lambda tf, x, y: tf.raw_ops.ApproximateEqual(x=x, y=y, tolerance=0.02))
    case("cross", [reals(4, 3), reals(4, 3)], lambda tf, x, y: tf.linalg.cross(x, y))
    case("diag", reals(4), lambda tf, x: [tf.raw_ops.Diag(diagonal=x), tf.raw_ops.DiagPart(input=tf.linalg.diag(x) + 1.0)])
    case("set_diag", [reals(2, 4, 5), reals(2, 4)], lambda tf, x, d: [
        tf.raw_ops.MatrixSetDiag(input=x, diagonal=d), tf.linalg.set_diag(x, d),
        tf.linalg.set_diag(x, d, k=1), tf.linalg.set_diag(x, d[:, :3], k=-1), tf.linalg.set_diag(x, d[:, :2], k=3)])
    case("set_diag_tall", [reals(5, 3), reals(3)], lambda tf, x, d: [
        tf.linalg.set_diag(x, d), tf.linalg.set_diag(x, d, k=-2), tf.linalg.set_diag(x, d[:2], k=1)])
    case("permuted_sizes", reals(2, 3, 4, 5), lambda tf, x: tf.reshape(x, tf.raw_ops.DataFormatVecPermute(x=tf.shape(x))))

    # --- Segments, places, counts.
    rows = reals(6, 3)
    for op in ("Max", "Min", "Prod"):
        case("unsorted_" + op, rows, lambda tf, x, op=op: getattr(tf.raw_ops, "UnsortedSegment" + op)(
            data=x, segment_ids=[0, 3, 0, 1, 3, 3], num_segments=5) * 1e-3)
    for op in ("Sum", "Mean", "Max", "Min", "Prod"):
        case("segments_" + op, rows, lambda tf, x, op=op: getattr(tf.raw_ops, "Segment" + op)(
            data=x, segment_ids=[0, 0, 1, 3, 3, 3]))
    case("stitch", [reals(2, 3), reals(2, 2, 3)], lambda tf, x, y: [
        tf.dynamic_stitch([[0, 4], [[1, 2], [3, 5]]], [x, y]), tf.dynamic_stitch([[0, 1], [[1, 2], [3, 0]]], [x, y])])
    case("partition", rows, lambda tf, x: tf.dynamic_partition(x, [0, 1, 0, 1, 1, 0], 2))
    case("bincount", ints(9), lambda tf, x: [
        tf.raw_ops.Bincount(arr=x, size=7, weights=tf.constant([], tf.float32)),
        tf.raw_ops.DenseBincount(input=x, size=7, weights=np.arange(9, dtype="float32"))])
    case("bincount_rows", ints(3, 4), lambda tf, x: [tf.raw_ops.DenseBincount(
        input=x, size=6, weights=tf.constant([], tf.float32), binary_output=b) for b in (False, True)])

    # --- Fake quantisation: TensorFlow may round a value that lies between two steps the other way.
    steps = ([4, 6], (np.arange(24).reshape(4, 6).astype("float32") - 12) / 3)
    for bits, narrow in ((8, False), (8, True), (4, False)):
        case("fake_quant_args_%d_%d" % (bits, narrow), steps, lambda tf, x, b=bits, n=narrow:
             tf.quantization.fake_quant_with_min_max_args(x, -2.0, 3.1, b, n))
        case("fake_quant_vars_%d_%d" % (bits, narrow), steps, lambda tf, x, b=bits, n=narrow:
             tf.quantization.fake_quant_with_min_max_vars(x, -1.0, 2.3, b, n))
    case("fake_quant_channels", steps, lambda tf, x: tf.quantization.fake_quant_with_min_max_vars_per_channel(
        x, np.linspace(-4, -1, 6, dtype="float32"), np.linspace(1, 4, 6, dtype="float32")))

    for signed, narrow in ((True, False), (True, True), (False, False)):
        case("there_and_back_%d%d" % (signed, narrow), steps, lambda tf, x, s=signed, n=narrow:
             tf.raw_ops.QuantizeAndDequantizeV2(input=x, input_min=-1.5, input_max=3.0, signed_input=s, num_bits=8,
                                                range_given=True, narrow_range=n))
    for mode in "MIN_COMBINED MIN_FIRST SCALED".split():
        for kind in "quint8 qint8".split():
            stored = random.integers(0, 120, (4, 6)) - (60 if kind == "qint8" else 0)
            case("dequantize_%s_%s" % (mode, kind), reals(4, 6), lambda tf, x, m=mode, k=kind, v=stored:
                 x + tf.raw_ops.Dequantize(input=tf.constant(v, getattr(tf, k)), min_range=-2.0, max_range=2.5, mode=m))

    # --- Recurrent cells.
    w, bias = weight(5 + 4, 16), weight(16)
    state = [reals(2, 5), reals(2, 4), reals(2, 4)]
    none = np.zeros(4, "float32")
    case("lstm_cell", state, lambda tf, x, c, h: [tf.raw_ops.LSTMBlockCell(
        x=x, cs_prev=c, h_prev=h, w=w, wci=none, wcf=none, wco=none, b=bias, cell_clip=0)[i] for i in (1, 6)])
    for op in "BlockLSTM BlockLSTMV2".split():
        case(op, [reals(3, 2, 5), *state[1:]], lambda tf, x, c, h, op=op: getattr(tf.raw_ops, op)(
            seq_len_max=np.int64(3), x=x, cs_prev=c, h_prev=h, w=w, wci=none, wcf=none, wco=none, b=bias,
            cell_clip=0)[6])
    case("gru_cell", [reals(2, 5), reals(2, 4)], lambda tf, x, h: tf.raw_ops.GRUBlockCell(
        x=x, h_prev=h, w_ru=weight(9, 8), w_c=weight(9, 4), b_ru=weight(8), b_c=weight(4))[3])

    # --- Loops as TensorFlow 1 makes them, of frames; all else above and below has those of TensorFlow 2.
    def frames(name, inputs, build):
        def old(tf, *places):
            tf.compat.v1.disable_control_flow_v2()
            try:
                return build(tf, *places)
            finally:
                tf.compat.v1.enable_control_flow_v2()
        case("frames_" + name, inputs, old)
        case("loop_" + name, inputs, build)

    def power(tf, x, n=3):
        return tf.while_loop(lambda i, v: i < n, lambda i, v: (i + 1, v * x + 0.5), [0, x])[1]

    def two_deep(tf, x):
        def outer(i, v):
            inner = tf.while_loop(lambda j, u: j < i + 1, lambda j, u: (j + 1, u + v * tf.cast(j, tf.float32)), [0, v])
            return i + 1, tf.tanh(inner[1])
        return tf.while_loop(lambda i, v: i < 3, outer, [0, x])[1]

    def with_choice(tf, x):
        def body(i, v):
            v = tf.cond(tf.equal(i % 2, 0), lambda: v * 2.0, lambda: v - x)
            return i + 1, tf.cond(tf.reduce_sum(v) > 0.0, lambda: v + 1.0, lambda: v - 1.0)
        return tf.while_loop(lambda i, v: i < tf.shape(x)[0], body, [0, x])[1]

    def swapped(tf, x):
        def body(i, a, b, again):
            return i + 1, b + 1.0, a * 0.5, i < 3
        return tf.while_loop(lambda i, a, b, again: again, body, [0, x, -x, True])[1:3]

    frames("power", matrix, power)
    frames("none", matrix, lambda tf, x: power(tf, x, 0))
    frames("two_deep", matrix, two_deep)
    frames("choice", matrix, with_choice)
    frames("swapped", matrix, swapped)
    frames("two_in_a_row", matrix, lambda tf, x: power(tf, power(tf, x)))
    frames("weight", matrix, lambda tf, x, w=weight(7, 7): tf.while_loop(
        lambda i, v: i < 3, lambda i, v: (i + 1, tf.tanh(tf.linalg.matmul(v, tf.constant(w)))), [0, x])[1])
    def until_large(tf, x, w=weight(7, 7)):
        return tf.while_loop(lambda i, v, u: tf.logical_and(i < 20, tf.reduce_sum(v * v) < 5000.0),
                             lambda i, v, u: (i + 1, v * 1.25 + 0.01, u + tf.linalg.matmul(v, tf.constant(w))), [0, x, x])

    def two_by_data(tf, x):
        def outer(i, v):
            inner = tf.while_loop(lambda u: tf.reduce_sum(u) < tf.cast(i, tf.float32), lambda u: (u + 0.125,), [v])[0]
            return i + 1, tf.while_loop(lambda j, u: j < 2, lambda j, u: (j + 1, u * 0.5 + 0.25), [0, inner])[1]
        return tf.while_loop(lambda i, v: tf.logical_and(i < 6, tf.reduce_max(v) > 0.3), outer, [0, x])
    frames("by_data", matrix, until_large)
    frames("by_data_nested", matrix, two_by_data)
    frames("map", matrix, lambda tf, x: tf.map_fn(lambda row: tf.nn.softmax(row) * tf.reduce_max(row), x))
    frames("map_two", [matrix, reals(5, 3)], lambda tf, x, y: tf.map_fn(
        lambda t: tf.concat([t[0], t[1]], 0), (x, y), fn_output_signature=tf.float32))
    frames("scan", matrix, lambda tf, x: tf.scan(lambda a, row: a * 0.5 + row, x))
    frames("fold", matrix, lambda tf, x: tf.foldl(lambda a, row: a * row + 1.0, x))

    def written(tf, x):
        a = tf.TensorArray(tf.float32, 3, element_shape=[7], clear_after_read=False)
        for i in range(3):
            a = a.write(2 - i, x[i] + 1.0)
        return [a.stack(), a.gather([2, 0]), a.read(1),
                tf.TensorArray(tf.float32, 2, infer_shape=False).split(x, [2, 3]).read(1), tf.TensorArray(tf.float32, 5).unstack(x).gather([4, 1])]
    frames("array", matrix, written)

    def cut_away(tf, x):
        """Frozen: without what nothing behind the loop reads."""
        graph = tf.Graph()
        tf.compat.v1.disable_control_flow_v2()
        with graph.as_default():
            place = tf.compat.v1.placeholder(tf.float32, [5, 7], name="v")
            tf.identity(swapped(tf, place)[0], name="out")
        tf.compat.v1.enable_control_flow_v2()
        whole = graph.as_graph_def()
        return tf.import_graph_def(tf.compat.v1.graph_util.extract_sub_graph(whole, ["out"]), {"v:0": x}, ["out:0"])
    case("frames_cut", matrix, cut_away)

    def keras_lstm(tf, x):
        import threading
        import tf_keras
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
        made = []

        def eagerly():  # a thread begins without a graph
            tf.random.set_seed(1)
            model = tf_keras.Sequential([tf_keras.layers.InputLayer((4, 3), batch_size=2), tf_keras.layers.LSTM(
                5, return_sequences=True), tf_keras.layers.GRU(4)])
            call = tf.function(lambda v: model(v)).get_concrete_function(tf.TensorSpec([2, 4, 3], tf.float32))
            frozen = convert_variables_to_constants_v2(call, lower_control_flow=True)
            made.extend([frozen.graph.as_graph_def(), frozen.inputs[0].name, frozen.outputs[0].name])
        thread = threading.Thread(target=eagerly)
        thread.start()
        thread.join()
        return tf.import_graph_def(made[0], {made[1]: x}, [made[2]], name="net")
    case("frames_keras", reals(2, 4, 3), keras_lstm)

    # --- Patterns.
    case("prelu", image, lambda tf, x: tf.nn.relu(x) + four[0] * (x - tf.abs(x)) * 0.5)
    case("l2_normalize", matrix, lambda tf, x: tf.nn.l2_normalize(x, 1))
    case("moments", image, lambda tf, x: list(tf.nn.moments(x, [1, 2], keepdims=True)))
    case("default", matrix, lambda tf, x: x * tf.compat.v1.placeholder_with_default(np.float32(3), []))
    return found

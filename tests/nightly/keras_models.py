# SPDX-License-Identifier: Apache-2.0
"""One small model a class of layer, an activation and an operation of functional models, for 73-keras.

Each entry is name -> function(K) that returns a model; K is keras or tf_keras."""
import numpy as np

IMAGE, LINE, CUBE, STEPS = (9, 8, 6), (10, 4), (5, 6, 4, 3), (5, 4)


def one(K, layer, shape, dtype="float32"):
    x = K.Input(shape, dtype=dtype, name="x")
    return K.Model(x, layer(x))


def layers(K):
    L, is3 = K.layers, not hasattr(K, "__internal__") or K.__version__.startswith("3")
    new = int(K.__version__.split(".")[0]) >= 3
    cases = {}

    def add(name, shape, make, dtype="float32"):
        cases[name] = lambda: one(K, make(), shape, dtype)

    for n, shape in ((1, LINE), (2, IMAGE), (3, CUBE)):
        d = "%dD" % n
        conv = getattr(L, "Conv" + d)
        add("Conv" + d, shape, lambda conv=conv: conv(6, 3, activation="relu"))
        add("Conv%s_same_stride" % d, shape, lambda conv=conv: conv(4, 3, strides=2, padding="same"))
        add("Conv%s_dilated" % d, shape, lambda conv=conv: conv(4, 2, dilation_rate=2, use_bias=False))
        if n < 3:
            add("Conv%s_groups" % d, shape, lambda conv=conv: conv(4, 3, groups=2, padding="same"))
        back = getattr(L, "Conv%sTranspose" % d)
        for padding in ("valid", "same"):
            for k, s in ((3, 1), (3, 2), (2, 3), (4, 2)):
                add("Conv%sTranspose_%s_%d_%d" % (d, padding, k, s), shape,
                    lambda back=back, k=k, s=s, padding=padding: back(3, k, strides=s, padding=padding))
        add("Conv%sTranspose_output_padding" % d, shape,
            lambda back=back: back(3, 3, strides=2, padding="same", output_padding=1))
        for kind in ("Max", "Average"):
            pool = getattr(L, "%sPooling%s" % (kind, d))
            add("%sPooling%s" % (kind, d), shape, lambda pool=pool: pool(2))
            add("%sPooling%s_same" % (kind, d), shape, lambda pool=pool: pool(3, strides=2, padding="same"))
            glob = getattr(L, "Global%sPooling%s" % (kind, d))
            add("Global%sPooling%s" % (kind, d), shape, lambda glob=glob: glob())
            add("Global%sPooling%s_keepdims" % (kind, d), shape, lambda glob=glob: glob(keepdims=True))
            if hasattr(L, "Adaptive%sPooling%s" % (kind, d)):
                pool = getattr(L, "Adaptive%sPooling%s" % (kind, d))
                add("Adaptive%sPooling%s" % (kind, d), shape, lambda pool=pool: pool(3))
        add("ZeroPadding" + d, shape, lambda d=d: getattr(L, "ZeroPadding" + d)(2))
        add("Cropping" + d, shape, lambda d=d: getattr(L, "Cropping" + d)(1))
        add("UpSampling" + d, shape, lambda d=d: getattr(L, "UpSampling" + d)(2))
        add("SpatialDropout" + d, shape, lambda d=d: getattr(L, "SpatialDropout" + d)(0.5))
        steps = {1: (3, 6, 2), 2: (3, 6, 5, 2), 3: (2, 4, 5, 4, 2)}[n]
        lstm = getattr(L, "ConvLSTM" + d)
        add("ConvLSTM" + d, steps, lambda lstm=lstm: lstm(3, 3, padding="same"))
        add("ConvLSTM%s_sequences" % d, steps, lambda lstm=lstm: lstm(2, 2, return_sequences=True))
    for n, shape in ((1, LINE), (2, IMAGE)):
        d = "%dD" % n
        add("DepthwiseConv" + d, shape, lambda d=d: getattr(L, "DepthwiseConv" + d)(3, depth_multiplier=2))
        add("SeparableConv" + d, shape,
            lambda d=d: getattr(L, "SeparableConv" + d)(5, 3, padding="same", depth_multiplier=2, activation="relu"))
    add("Conv1D_causal", LINE, lambda: L.Conv1D(4, 3, padding="causal", dilation_rate=2))
    add("Conv2D_softmax", IMAGE, lambda: L.Conv2D(4, 3, activation="softmax"))
    add("Conv2D_rectangle", IMAGE, lambda: L.Conv2D(4, (3, 2), strides=(2, 1), padding="same"))
    add("ZeroPadding2D_sides", IMAGE, lambda: L.ZeroPadding2D(((1, 0), (2, 3))))
    add("Cropping2D_sides", IMAGE, lambda: L.Cropping2D(((1, 0), (2, 1))))
    add("UpSampling2D_bilinear", IMAGE, lambda: L.UpSampling2D((2, 3), interpolation="bilinear"))

    # Normalisation
    for shape in (IMAGE, LINE, (7,), CUBE):
        rank = len(shape)
        add("BatchNormalization_%d" % rank, shape, L.BatchNormalization)
        add("LayerNormalization_%d" % rank, shape, L.LayerNormalization)
    add("BatchNormalization_plain", IMAGE, lambda: L.BatchNormalization(scale=False, center=False))
    add("BatchNormalization_axis1", IMAGE, lambda: L.BatchNormalization(axis=1))
    add("BatchNormalization_axis2", IMAGE, lambda: L.BatchNormalization(axis=2, scale=False))
    add("LayerNormalization_axes", IMAGE, lambda: L.LayerNormalization(axis=[1, 2, 3]))
    add("LayerNormalization_plain", IMAGE, lambda: L.LayerNormalization(scale=False, center=False))
    add("UnitNormalization", IMAGE, L.UnitNormalization)
    add("GroupNormalization", IMAGE, lambda: L.GroupNormalization(groups=3))
    add("GroupNormalization_instance", IMAGE, lambda: L.GroupNormalization(groups=-1))
    if hasattr(L, "RMSNormalization"):
        add("RMSNormalization", LINE, L.RMSNormalization)
    if hasattr(L, "SpectralNormalization"):
        add("SpectralNormalization", IMAGE, lambda: L.SpectralNormalization(L.Conv2D(3, 3)))

    # Merging
    def merge(name, make, *shapes):
        def build():
            x = [K.Input(s, name="x%d" % i) for i, s in enumerate(shapes)]
            return K.Model(x, make()(x))
        cases[name] = build
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
        merge(name, getattr(L, name), LINE, LINE, LINE)
    merge("Add_broadcast", L.Add, (5, 4), (4,))
    merge("Concatenate_axis1", lambda: L.Concatenate(axis=1), (5, 4), (3, 4))
    merge("Subtract", L.Subtract, LINE, LINE)
    merge("Dot_2", lambda: L.Dot(axes=1), (6,), (6,))
    merge("Dot_3", lambda: L.Dot(axes=(2, 1)), (3, 5), (5, 4))
    merge("Dot_cosine", lambda: L.Dot(axes=-1, normalize=True), (3, 5), (4, 5))
    merge("Dot_mixed", lambda: L.Dot(axes=(1, 2)), (5,), (3, 5))

    # Shapes
    add("Flatten", IMAGE, L.Flatten)
    add("Reshape", IMAGE, lambda: L.Reshape((-1, 12)))
    add("Permute", IMAGE, lambda: L.Permute((3, 1, 2)))
    add("RepeatVector", (5,), lambda: L.RepeatVector(3))
    add("Dense", (6,), lambda: L.Dense(5, activation="tanh"))
    add("Dense_3d", LINE, lambda: L.Dense(5, use_bias=False))
    add("EinsumDense", LINE, lambda: L.EinsumDense("abc,cd->abd", output_shape=(None, 6), bias_axes="d"))
    add("EinsumDense_heads", LINE, lambda: L.EinsumDense("abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"))
    add("EinsumDense_odd", LINE, lambda: L.EinsumDense("abc,bd->adc", output_shape=(6, None)))
    add("Embedding", (6,), lambda: L.Embedding(9, 4), "int32")
    if hasattr(L, "ReversibleEmbedding"):
        add("ReversibleEmbedding", (6,), lambda: L.ReversibleEmbedding(9, 4), "int32")

    # Activations
    for name, make in {
            "Activation": lambda: L.Activation("relu"), "ReLU": L.ReLU, "ReLU_all": lambda: L.ReLU(0.7, 0.1, 0.2),
            "ReLU_max": lambda: L.ReLU(0.5), "ReLU_threshold": lambda: L.ReLU(threshold=0.3),
            "LeakyReLU": L.LeakyReLU, "ELU": lambda: L.ELU(0.7), "PReLU": L.PReLU,
            "PReLU_shared": lambda: L.PReLU(shared_axes=[1, 2]), "Softmax": L.Softmax,
            "Softmax_axes": lambda: L.Softmax(axis=[1, 2]), "Dropout": lambda: L.Dropout(0.5),
            "GaussianNoise": lambda: L.GaussianNoise(0.5), "GaussianDropout": lambda: L.GaussianDropout(0.5),
            "AlphaDropout": lambda: L.AlphaDropout(0.5), "ActivityRegularization": L.ActivityRegularization}.items():
        add(name, IMAGE, make)
    if hasattr(L, "Identity"):
        add("Identity", IMAGE, L.Identity)
    if hasattr(L, "ThresholdedReLU"):
        add("ThresholdedReLU", IMAGE, lambda: L.ThresholdedReLU(0.4))
    if hasattr(L, "LocallyConnected1D"):
        add("LocallyConnected1D", LINE, lambda: L.LocallyConnected1D(3, 3, strides=2))
        add("LocallyConnected2D", IMAGE, lambda: L.LocallyConnected2D(3, (3, 2)))
    for name in dir(K.activations):
        if name[0].isalpha() and name not in ("deserialize", "get", "serialize", "threshold"):
            if name in ("keras_export",) or not callable(getattr(K.activations, name)):
                continue
            add("activation_" + name, LINE, lambda name=name: L.Dense(6, activation=name))
    add("activation_layer", LINE, lambda: L.Dense(6, activation=L.LeakyReLU(0.2)))

    # Preprocessing
    add("Rescaling", IMAGE, lambda: L.Rescaling(1 / 127.5, offset=-1.0))
    add("Rescaling_list", (9, 8, 3), lambda: L.Rescaling([0.5, 0.25, 2.0], offset=[1.0, 0.0, -1.0]))
    add("Normalization_given", (9, 8, 3), lambda: L.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 2.0, 3.0]))
    add("Normalization_invert", (9, 8, 3), lambda: L.Normalization(mean=0.1, variance=0.5, axis=None, invert=True))

    def adapted():
        layer = L.Normalization()
        layer.adapt(np.random.default_rng(3).normal(2, 3, (16, 9, 8, 3)).astype("float32"))
        return layer
    add("Normalization_adapted", (9, 8, 3), adapted)
    add("Resizing", IMAGE, lambda: L.Resizing(12, 5))
    add("Resizing_nearest", IMAGE, lambda: L.Resizing(12, 5, interpolation="nearest"))
    add("Resizing_crop", IMAGE, lambda: L.Resizing(6, 3, crop_to_aspect_ratio=True))
    for how in ["bicubic", "lanczos3", "lanczos5"] + ([] if new else ["area", "gaussian", "mitchellcubic"]):
        for size in ((12, 5), (4, 3), (18, 16)):
            add("Resizing_%s_%d" % (how, size[0]), IMAGE, lambda how=how, size=size: L.Resizing(*size, interpolation=how))
        add("UpSampling2D_" + how, IMAGE, lambda how=how: L.UpSampling2D((2, 3), interpolation=how))
    if new:
        for how in ("bilinear", "bicubic", "lanczos3", "nearest"):
            add("Resizing_antialias_" + how, IMAGE, lambda how=how: L.Resizing(4, 5, interpolation=how, antialias=True))
        add("Resizing_pad", IMAGE, lambda: L.Resizing(6, 3, pad_to_aspect_ratio=True, fill_value=0.25))
        add("Resizing_pad_wide", IMAGE, lambda: L.Resizing(4, 9, interpolation="bicubic", pad_to_aspect_ratio=True))
    add("Resizing_crop_wide", IMAGE, lambda: L.Resizing(4, 9, interpolation="bicubic", crop_to_aspect_ratio=True))
    add("CenterCrop", IMAGE, lambda: L.CenterCrop(4, 5))
    add("CenterCrop_larger", IMAGE, lambda: L.CenterCrop(12, 5))
    add("RandomCrop", IMAGE, lambda: L.RandomCrop(5, 4))
    add("Discretization", (6,), lambda: L.Discretization([-0.5, 0.0, 0.5]))
    add("Discretization_one_hot", (1,), lambda: L.Discretization([-0.5, 0.0, 0.5], output_mode="one_hot"))
    for mode in ("one_hot", "multi_hot", "count"):
        add("CategoryEncoding_" + mode, (1 if mode == "one_hot" else 4,),
            lambda mode=mode: L.CategoryEncoding(num_tokens=5, output_mode=mode), "int32")
    add("IntegerLookup", (4,), lambda: L.IntegerLookup(vocabulary=[1, 5, 7]), "int64")
    for name, args in {"RandomFlip": (), "RandomRotation": (0.2,), "RandomZoom": (0.2,), "RandomContrast": (0.2,),
                       "RandomTranslation": (0.2, 0.2), "RandomBrightness": (0.2,), "RandomErasing": (),
                       "RandomShear": (0.2, 0.2), "RandomHue": (0.2,), "RandomSaturation": (0.2,),
                       "RandomColorJitter": (), "RandomGrayscale": (), "RandomInvert": (), "RandomPosterization": (4,),
                       "RandomSharpness": (0.2,), "RandomGaussianBlur": (), "RandomPerspective": (),
                       "RandomElasticTransform": (), "RandomColorDegeneration": (0.2,), "Solarization": (),
                       "AutoContrast": ((-1.0, 1.0),)}.items():
        if hasattr(L, name):
            add(name, (9, 8, 3), lambda name=name, args=args: getattr(L, name)(*args))

    # Recurrence
    for kind in ("LSTM", "GRU", "SimpleRNN"):
        rnn = getattr(L, kind)
        add(kind, STEPS, lambda rnn=rnn: rnn(3))
        add(kind + "_sequences", STEPS, lambda rnn=rnn: rnn(3, return_sequences=True))
        add(kind + "_state", STEPS, lambda rnn=rnn: rnn(3, return_sequences=True, return_state=True))
        add(kind + "_back", STEPS, lambda rnn=rnn: rnn(3, return_sequences=True, go_backwards=True, use_bias=False))
        add(kind + "_relu", STEPS, lambda rnn=rnn: rnn(3, activation="relu"))
        add(kind + "_elu", STEPS, lambda rnn=rnn: rnn(3, activation="elu", return_sequences=True))
        add(kind + "_cell", STEPS, lambda kind=kind: L.RNN(getattr(L, kind + "Cell")(3), return_sequences=True))
        for mode in ("concat", "sum", "mul", "ave", None):
            add("Bidirectional_%s_%s" % (kind, mode), STEPS, lambda rnn=rnn, mode=mode: L.Bidirectional(
                rnn(3, return_sequences=mode != "sum"), merge_mode=mode))

        def given(rnn=rnn, kind=kind):
            x, h = K.Input(STEPS, name="x"), [K.Input((3,), name="h%d" % i) for i in range(1 + (kind == "LSTM"))]
            return K.Model([x, *h], rnn(3)(x, initial_state=h))
        cases[kind + "_initial_state"] = given
    add("LSTM_hard_sigmoid", STEPS, lambda: L.LSTM(3, recurrent_activation="hard_sigmoid"))
    add("GRU_hard_sigmoid", STEPS, lambda: L.GRU(3, recurrent_activation="hard_sigmoid"))
    add("GRU_reset_before", STEPS, lambda: L.GRU(3, reset_after=False, return_sequences=True))
    add("GRU_reset_before_elu", STEPS, lambda: L.GRU(3, reset_after=False, activation="elu"))
    add("StackedRNNCells", STEPS, lambda: L.RNN([L.LSTMCell(3), L.GRUCell(4), L.LSTMCell(2)]))
    add("Bidirectional_state", STEPS, lambda: L.Bidirectional(L.LSTM(3, return_state=True)))
    add("TimeDistributed_dense", STEPS, lambda: L.TimeDistributed(L.Dense(3)))
    add("TimeDistributed_conv", (4, 6, 5, 2), lambda: L.TimeDistributed(L.Conv2D(3, 3)))
    add("TimeDistributed_model", STEPS, lambda: L.TimeDistributed(
        K.Sequential([L.Input((4,)) if new else L.InputLayer((4,)), L.Dense(3), L.BatchNormalization()])))
    add("Masking", STEPS, lambda: L.Masking(0.25))

    # Attention
    merge("Attention", L.Attention, (5, 4), (6, 4))
    merge("Attention_scaled", lambda: L.Attention(use_scale=True), (5, 4), (6, 4), (6, 4))
    merge("Attention_concat", lambda: L.Attention(score_mode="concat"), (5, 4), (6, 4))
    merge("AdditiveAttention", L.AdditiveAttention, (5, 4), (6, 4))

    def heads(make, **more):
        def build():
            q, v = K.Input((5, 4), name="q"), K.Input((6, 3), name="v")
            return K.Model([q, v], make()(q, v, **more))
        return build
    cases["MultiHeadAttention"] = heads(lambda: L.MultiHeadAttention(2, 3))
    cases["MultiHeadAttention_value_dim"] = heads(lambda: L.MultiHeadAttention(2, 3, value_dim=5, output_shape=7))
    cases["MultiHeadAttention_causal"] = heads(lambda: L.MultiHeadAttention(2, 3, use_bias=False), use_causal_mask=True)
    cases["MultiHeadAttention_scores"] = heads(lambda: L.MultiHeadAttention(2, 3), return_attention_scores=True)

    def planes():
        x = K.Input((3, 4, 5), name="x")
        return K.Model(x, L.MultiHeadAttention(2, 3)(x, x))
    cases["MultiHeadAttention_planes"] = planes
    name = "GroupQueryAttention" if hasattr(L, "GroupQueryAttention") else "GroupedQueryAttention"
    if hasattr(L, name):
        def grouped():
            x = K.Input((5, 4), name="x")
            return K.Model(x, getattr(L, name)(head_dim=3, num_query_heads=4, num_key_value_heads=2)(x, x))
        cases[name] = grouped
    return cases


def first_channels(K):
    """Layers that TensorFlow cannot run on a CPU in channels_first: their weights go to a channels_last twin."""
    L = K.layers
    return {"first_" + n: f for n, f in {
        "Conv2D": lambda d: L.Conv2D(4, 3, padding="same", data_format=d),
        "DepthwiseConv2D": lambda d: L.DepthwiseConv2D(3, data_format=d),
        "MaxPooling2D": lambda d: L.MaxPooling2D(data_format=d),
        "AveragePooling2D": lambda d: L.AveragePooling2D(3, padding="same", data_format=d),
        "GlobalAveragePooling2D": lambda d: L.GlobalAveragePooling2D(data_format=d),
        "ZeroPadding2D": lambda d: L.ZeroPadding2D(((1, 0), (2, 3)), data_format=d),
        "Cropping2D": lambda d: L.Cropping2D(((1, 0), (2, 3)), data_format=d),
        "UpSampling2D": lambda d: L.UpSampling2D(2, data_format=d),
        "SeparableConv2D": lambda d: L.SeparableConv2D(4, 3, data_format=d),
        "Conv2DTranspose": lambda d: L.Conv2DTranspose(4, 3, strides=2, data_format=d),
    }.items()}


def graphs(K):
    """Models by their form: sequences, nesting, sharing, several inputs and outputs."""
    L = K.layers
    new = int(K.__version__.split(".")[0]) >= 3

    def start(shape):
        return L.Input(shape) if new else L.InputLayer(shape)

    def sequential():
        return K.Sequential([start((8, 8, 3)), L.Conv2D(4, 3), L.Flatten(), L.Dense(2, activation="softmax")])

    def built_late():
        m = K.Sequential([L.Dense(4, activation="relu"), L.Dense(2)])
        m.build((None, 5))
        return m

    def shared():
        x, y = K.Input((5,), name="x"), K.Input((5,), name="y")
        d = L.Dense(5, activation="tanh", name="both")
        return K.Model([x, y], L.Add()([d(x), d(d(y))]))

    def nested():
        inner = K.Sequential([start((5,)), L.Dense(5, name="same"), L.BatchNormalization()], name="enc")
        x, y = K.Input((5,), name="x"), K.Input((5,), name="y")
        a = K.Input((5,), name="a")
        other = K.Model(a, [L.Dense(3, name="same")(inner(a)), L.Dense(2)(a)], name="dec")
        p, q = other(inner(x))
        r, s = other(y)
        return K.Model([x, y], [p, L.Concatenate()([q, r]), s])

    def quantized():
        x = K.Input((3,), name="x", dtype="int32")
        h = L.Dense(4)(L.Dense(5, activation="relu", use_bias=False)(L.Embedding(5, 6)(x)))
        m = K.Model(x, h)
        m.quantize("int8")
        return m

    def names_that_collide():
        x = K.Input((5,), name="x")
        h = L.Dense(4, name="dense_1")(x)
        h = L.Dense(4, name="dense")(h)
        h = L.ReLU(name="dense_2")(h)
        return K.Model(x, [L.Dense(3, name="conv2d")(h), L.Dense(2, name="relu")(h)])

    def dict_inputs():
        x, y = K.Input((5,), name="x"), K.Input((5,), name="y")
        return K.Model({"x": x, "y": y}, {"sum": L.Add(name="sum")([L.Dense(5)(x), y])})

    def frozen():
        inner = K.Sequential([start((5,)), L.Dense(4, name="d1"), L.BatchNormalization(name="b1"),
                              L.Dense(4, name="d2"), L.BatchNormalization(name="b2")], name="enc")
        inner.layers[0].trainable = False
        x = K.Input((5,), name="x")
        return K.Model(x, inner(x))

    def deep():
        x = h = K.Input((4,), name="x")
        for i in range(60):
            h = L.Add()([h, L.Dense(4, kernel_initializer="zeros")(h)])
        return K.Model(x, h)

    def of_sequentials():
        return K.Sequential([K.Sequential([start((6,)), L.Dense(5)]), L.ReLU(), K.Sequential([L.Dense(4), L.Dense(3)])])
    return {"form_" + f.__name__: f for f in (sequential, built_late, shared, nested, names_that_collide,
                                              *([quantized] if new else []), dict_inputs, frozen, deep, of_sequentials)}


def masks(K):
    """Steps that do not count, at the front, in the middle and at the end (ids are 0 to 4, 0 does not count)."""
    L = K.layers
    new = int(K.__version__.split(".")[0]) >= 3
    cases = {}

    def words(name="x", n=7):
        x = K.Input((n,), name=name, dtype="int32")
        return x, L.Embedding(5, 4, mask_zero=True)(x)

    def one_of(name, make):
        def build():
            x, h = words()
            return K.Model(x, make(h))
        cases["mask_" + name] = build

    def two_of(name, make):
        def build():
            (x, a), (y, b) = words(), words("y")
            return K.Model([x, y], make(a, b))
        cases["mask_" + name] = build

    for kind in ("LSTM", "GRU", "SimpleRNN"):
        rnn = getattr(L, kind)
        cell = getattr(L, kind + "Cell")
        one_of(kind, rnn(3))
        one_of(kind + "_sequences", rnn(3, return_sequences=True))
        one_of(kind + "_state", rnn(3, return_sequences=True, return_state=True))
        one_of(kind + "_back", rnn(3, return_sequences=True, return_state=True, go_backwards=True))
        one_of(kind + "_back_last", rnn(3, go_backwards=True))
        one_of(kind + "_elu", rnn(3, activation="elu", return_sequences=True, return_state=True))
        one_of(kind + "_elu_back", rnn(3, activation="elu", return_sequences=True, go_backwards=True))
        one_of(kind + "_cell", L.RNN(cell(3), return_sequences=True))
        one_of(kind + "_zeros", L.RNN(cell(3), return_sequences=True, zero_output_for_mask=True))
        one_of(kind + "_elu_zeros", L.RNN(cell(3, activation="elu"), return_sequences=True, zero_output_for_mask=True))
        one_of(kind + "_zeros_last", L.RNN(cell(3), zero_output_for_mask=True))
        one_of(kind + "_two", lambda h, rnn=rnn: rnn(2)(rnn(3, return_sequences=True)(h)))
        for mode in ("concat", "sum", None):
            one_of("Bidirectional_%s_%s" % (kind, mode), L.Bidirectional(
                rnn(3, return_sequences=mode != "sum"), merge_mode=mode))
        one_of("Bidirectional_%s_two" % kind, lambda h, rnn=rnn: L.Bidirectional(rnn(2))(
            L.Dropout(0.5)(L.Bidirectional(rnn(3, return_sequences=True))(h))))

        def given(rnn=rnn, kind=kind):
            x, h = words()
            states = [K.Input((3,), name="h%d" % i) for i in range(1 + (kind == "LSTM"))]
            first = states[0] if kind == "SimpleRNN" else states
            return K.Model([x, *states], rnn(3, return_sequences=True, return_state=True)(h, initial_state=first))
        cases["mask_%s_initial_state" % kind] = given
    one_of("Bidirectional_state", L.Bidirectional(L.LSTM(3, return_state=True)))
    one_of("StackedRNNCells", L.RNN([L.LSTMCell(3), L.GRUCell(4)], return_sequences=True))
    one_of("Dense", lambda h: L.GRU(3)(L.Dense(3, activation="tanh")(h)))
    one_of("stops", lambda h: L.GRU(3)(L.Conv1D(3, 3)(h)))
    one_of("norm", lambda h: L.GRU(3)(L.Activation("tanh")(L.LayerNormalization()(h))))
    one_of("TimeDistributed", lambda h: L.GRU(3)(L.TimeDistributed(L.Dense(3))(h)))
    one_of("GlobalAveragePooling1D", L.GlobalAveragePooling1D())
    one_of("GlobalAveragePooling1D_keepdims", L.GlobalAveragePooling1D(keepdims=True))
    one_of("GlobalMaxPooling1D", L.GlobalMaxPooling1D())
    for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
        two_of(name, lambda a, b, name=name: [L.GRU(3)(getattr(L, name)()([a, b])), getattr(L, name)()([a, b])])
    two_of("Subtract", lambda a, b: L.GRU(3)(L.Subtract()([a, b])))
    two_of("Concatenate_steps", lambda a, b: L.GRU(3)(L.Concatenate(axis=1)([a, b])))
    for name in ("Add", "Multiply", "Maximum", "Concatenate"):
        two_of(name + "_half", lambda a, b, name=name: L.GRU(3)(getattr(L, name)()([a, L.Conv1D(
            4, 1)(b)])))
    two_of("Attention", lambda a, b: L.Attention()([a, b]))
    two_of("Attention_then", lambda a, b: L.GRU(3)(L.Attention()([a, b])))
    two_of("Attention_causal", lambda a, b: L.Attention()([a, b], use_causal_mask=True))
    two_of("AdditiveAttention", lambda a, b: L.AdditiveAttention()([a, b]))
    two_of("MultiHeadAttention", lambda a, b: L.MultiHeadAttention(2, 3)(a, b))
    two_of("MultiHeadAttention_then", lambda a, b: L.GRU(3)(L.MultiHeadAttention(2, 3)(a, b)))
    one_of("MultiHeadAttention_causal", lambda h: L.MultiHeadAttention(2, 3)(h, h, use_causal_mask=True))
    one_of("MultiHeadAttention_add", lambda h: L.GlobalAveragePooling1D()(L.LayerNormalization()(
        L.Add()([h, L.MultiHeadAttention(2, 3)(h, h)]))))
    def masking():
        x = K.Input((7, 1), name="x")
        return K.Model(x, [L.GRU(3)(L.Masking()(L.ReLU()(x))), L.Masking()(L.ReLU()(x))])
    cases["mask_Masking"] = masking

    def sequential():
        start = L.Input((7,)) if new else L.InputLayer((7,), dtype="int32")
        return K.Sequential([start, L.Embedding(5, 4, mask_zero=True), L.Bidirectional(L.LSTM(
            3, return_sequences=True)), L.LSTM(2), L.Dense(1, activation="sigmoid")])
    cases["mask_sequential"] = sequential

    def nested():
        h = K.Input((7, 4), name="h")
        inner = K.Model(h, L.LSTM(3, return_sequences=True)(L.Dense(4)(h)), name="inner")
        x, e = words()
        return K.Model(x, L.GRU(2)(inner(e)))
    cases["mask_nested"] = nested

    def softmax():
        x, m = K.Input((3, 5), name="x"), K.Input((3, 5), name="m", dtype="bool")
        return K.Model([x, m], L.Softmax()(x, mask=m))
    cases["mask_Softmax"] = softmax

    def convolved():
        x = K.Input((4, 5, 1), name="x")
        return K.Model(x, L.ConvLSTM1D(2, 3, return_sequences=True)(x, mask=K.ops.any(
            x[:, :, :, 0] > 0.5, axis=-1) if new else None))
    cases["mask_ConvLSTM1D"] = convolved
    return cases


def operations_3(K):
    """keras.ops on symbolic tensors."""
    O = K.ops
    binary = {n: getattr(O, n) for n in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "greater",
                                         "less_equal", "equal", "logaddexp", "floor_divide", "mod")}
    cases = {n: (lambda x, y, f=f: O.cast(f(x, y), "float32")) for n, f in binary.items()}
    cases.update({
        "scalars": lambda x, y: 2.0 - x * 3.0 + 1 / (y + 3.0), "power": lambda x, y: O.abs(x) ** 2.5,
        "negative": lambda x, y: -x, "matmul": lambda x, y: O.matmul(x, O.transpose(y, (0, 1, 3, 2))),
        "einsum": lambda x, y: O.einsum("abcd,abed->abce", x, y), "concatenate": lambda x, y: O.concatenate([x, y], axis=1),
        "stack": lambda x, y: O.stack([x, y], axis=2), "where": lambda x, y: O.where(x > 0.1, x, y),
        "where_scalar": lambda x, y: O.where(x > y, x, 0.0), "logical": lambda x, y: O.cast(O.logical_and(x > 0, y < 0.5), "float32"),
        "hstack": lambda x, y: O.hstack([x, y]), "getitem": lambda x, y: x[:, 1:, None, ..., 2] + y[:, :-1, None, ..., 0],
        "getitem_step": lambda x, y: x[:, ::2, -1],
    })
    one = {
        "transpose": lambda x: O.transpose(x, (0, 3, 1, 2)), "reshape": lambda x: O.reshape(x, (-1, 24, 4)),
        "expand_squeeze": lambda x: O.squeeze(O.expand_dims(x, 1), 1), "split": lambda x: O.split(x, 2, axis=-1)[1],
        "split_places": lambda x: O.split(x, [1, 3], axis=-1)[1], "pad": lambda x: O.pad(x, [[0, 0], [1, 1], [2, 0], [0, 0]]),
        "pad_reflect": lambda x: O.pad(x, [[0, 0], [1, 1], [2, 0], [0, 0]], mode="reflect"),
        "tile": lambda x: O.tile(x, [1, 2, 1, 1]), "take": lambda x: O.take(x, [0, 2], axis=-1),
        "repeat": lambda x: O.repeat(x, 2, axis=1), "flip": lambda x: O.flip(x, axis=1),
        "average_pool": lambda x: O.average_pool(x, 2, 2, padding="same"), "max_pool": lambda x: O.max_pool(x, 2),
        "resize": lambda x: O.image.resize(x, (4, 5)), "softmax": lambda x: O.softmax(x, axis=1),
        "leaky_relu": lambda x: O.leaky_relu(x, 0.1), "gelu": O.gelu, "gelu_erf": lambda x: O.gelu(x, approximate=False),
        "moveaxis": lambda x: O.moveaxis(x, 1, 3), "swapaxes": lambda x: O.swapaxes(x, 1, 2),
        "mean": lambda x: O.mean(x, axis=(1, 2), keepdims=True), "mean_all": lambda x: O.mean(x, axis=-1),
        "sum": lambda x: O.sum(x, axis=1), "max": lambda x: O.max(x, axis=2), "min": lambda x: O.min(x, axis=[1, 3]),
        "prod": lambda x: O.prod(x, axis=3), "var": lambda x: O.var(x, axis=1), "std": lambda x: O.std(x, axis=-1),
        "logsumexp": lambda x: O.logsumexp(x, axis=-1), "argmax": lambda x: O.cast(O.argmax(x, axis=-1), "float32"),
        "cumsum": lambda x: O.cumsum(x, axis=1), "clip": lambda x: O.clip(x, -0.5, 0.25), "square": O.square,
        "sqrt": lambda x: O.sqrt(O.abs(x)), "rsqrt": lambda x: O.rsqrt(O.abs(x) + 1.0), "exp": O.exp,
        "log1p": lambda x: O.log1p(O.abs(x)), "log2": lambda x: O.log2(O.abs(x) + 1.0), "expm1": O.expm1, "sign": O.sign,
        "floor": O.floor, "ceil": O.ceil, "round": O.round, "sin": O.sin, "cos": O.cos, "tanh": O.tanh, "erf": O.erf,
        "reciprocal": lambda x: O.reciprocal(x + 3.0), "normalize": O.normalize, "top_k": lambda x: O.top_k(x, 2)[0],
        "one_hot": lambda x: O.one_hot(O.cast(O.abs(x) * 3.0, "int32"), 3), "unstack": lambda x: O.unstack(x, axis=2)[1],
        "zeros_like": lambda x: O.zeros_like(x) + O.ones_like(x), "slice": lambda x: O.slice(x, (0, 1, 1, 0), (1, 2, 2, 4)),
        "relu_max": lambda x: K.activations.relu(x, max_value=0.5), "norm": lambda x: O.norm(x, axis=-1),
    }
    for n in ("relu", "relu6", "sigmoid", "softplus", "softsign", "silu", "selu", "elu", "hard_sigmoid", "hard_silu",
              "log_sigmoid", "log_softmax", "hard_tanh", "celu", "glu", "squareplus", "soft_shrink", "hard_shrink",
              "tanh_shrink", "sparse_plus", "sparsemax", "sparse_sigmoid"):
        if hasattr(O, n):
            one[n] = getattr(O, n)
    for n in ("depth_to_space", "space_to_depth"):
        if hasattr(O.nn, n):
            one[n] = lambda x, f=getattr(O.nn, n): f(x, 2)

    def two(f):
        x, y = K.Input((4, 6, 4), name="x"), K.Input((4, 6, 4), name="y")
        return K.Model([x, y], f(x, y))

    def single(f):
        x = K.Input((4, 6, 4), name="x")
        return K.Model(x, f(x))
    return {**{"ops_" + n: (lambda f=f: two(f)) for n, f in cases.items()},
            **{"ops_" + n: (lambda f=f: single(f)) for n, f in one.items()}}


def operations_2(K):
    """TensorFlow's functions on symbolic tensors of Keras 2."""
    import tensorflow as tf
    one = {
        "arithmetic": lambda x: 2.0 - x * 3.0 + 1 / (x + 3.0), "power": lambda x: tf.abs(x) ** 2.0, "minus": lambda x: -x,
        "concat": lambda x: tf.concat([x, x * 2.0], axis=-1), "stack": lambda x: tf.stack([x, x], axis=1),
        "getitem": lambda x: x[:, 1:3, tf.newaxis, ..., 0], "mean": lambda x: tf.reduce_mean(x, axis=[1, 2], keepdims=True),
        "sum": lambda x: tf.reduce_sum(x, axis=-1), "max": lambda x: tf.reduce_max(x, 1), "reshape": lambda x: tf.reshape(x, (-1, 24, 4)),
        "transpose": lambda x: tf.transpose(x, [0, 3, 1, 2]), "split": lambda x: tf.split(x, 2, axis=3)[1],
        "split_sizes": lambda x: tf.split(x, [1, 3], axis=3)[1], "cast": lambda x: tf.cast(tf.cast(x * 5.0, tf.int32), tf.float32),
        "pad": lambda x: tf.pad(x, [[0, 0], [1, 1], [0, 2], [0, 0]]), "expand": lambda x: tf.squeeze(tf.expand_dims(x, 1), 1),
        "resize": lambda x: tf.image.resize(x, (6, 5)), "resize_nearest": lambda x: tf.image.resize(x, (6, 5), method="nearest"),
        "space_to_depth": lambda x: tf.nn.space_to_depth(x, 2), "depth_to_space": lambda x: tf.nn.depth_to_space(x, 2),
        "clip": lambda x: tf.clip_by_value(x, -0.5, 0.25), "relu": tf.nn.relu, "relu6": tf.nn.relu6, "sigmoid": tf.sigmoid,
        "tanh": tf.tanh, "softmax": tf.nn.softmax, "leaky_relu": tf.nn.leaky_relu, "sqrt": lambda x: tf.sqrt(tf.abs(x)),
        "exp": tf.exp, "square": tf.square, "rsqrt": lambda x: tf.math.rsqrt(tf.abs(x) + 1.0), "tile": lambda x: tf.tile(x, [1, 2, 1, 1]),
        "matmul": lambda x: tf.matmul(x, x, transpose_b=True), "l2_normalize": lambda x: tf.math.l2_normalize(x, axis=-1),
        "maximum": lambda x: tf.maximum(x, 0.25), "minimum": lambda x: tf.minimum(0.25, x), "gelu": tf.nn.gelu, "silu": tf.nn.silu,
        "elu": tf.nn.elu, "gather": lambda x: tf.gather(x, [0, 2], axis=3), "argmax": lambda x: tf.cast(tf.argmax(x, axis=-1), tf.float32),
        "add_n": lambda x: tf.add_n([x, x, x]), "max_pool": lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"),
        "where": lambda x: tf.where(x > 0.0, x, 0.1 * x), "unstack": lambda x: tf.unstack(x, axis=1)[1],
    }

    def single(f):
        x = K.Input((4, 6, 4), name="x")
        return K.Model(x, f(x))
    return {"tf_" + n: (lambda f=f: single(f)) for n, f in one.items()}


def applications(K):
    A = K.applications
    return {n: (lambda n=n, s=s: getattr(A, n)(weights=None, input_shape=(s, s, 3), classes=10)) for n, s in {
        "MobileNetV2": 96, "ResNet50": 64, "DenseNet121": 64, "VGG16": 32, "Xception": 71, "InceptionV3": 75,
        "EfficientNetB0": 64, "NASNetMobile": 224, "ConvNeXtTiny": 64, "MobileNet": 64, "MobileNetV3Small": 64,
        "ResNet50V2": 64, "EfficientNetV2B0": 64, "InceptionResNetV2": 75}.items()}

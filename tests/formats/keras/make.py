#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the small files that test_keras.c reads: what Keras 3 and tf_keras save, and what nobody should.

    python3 make.py        needs keras, tf_keras, tensorflow, h5py"""
import io
import json
import os
import pathlib
import zipfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import h5py
import numpy as np

HERE = pathlib.Path(__file__).parent


def saved():
    """By Keras itself."""
    import keras
    import tensorflow as tf
    import tf_keras
    keras.utils.set_random_seed(1)
    L, O = keras.layers, keras.ops

    x, y = keras.Input((4, 5, 2), name="x"), keras.Input((4, 5, 2), name="y")
    both = L.Conv2D(2, 3, padding="same", activation="relu", name="both")
    h = L.Add()([both(x), both(y)]) * 2.0
    out = L.BatchNormalization(name="bn")(h)
    keras.Model([x, y], [out, O.mean(h[:, 1:, ..., 0], axis=1)], name="functional").save(HERE / "functional.keras")

    inner = keras.Sequential([L.Input((3,)), L.Dense(3, name="same")], name="inner")
    x = keras.Input((3,), name="x")
    keras.Model(x, L.Dense(2, name="same")(inner(inner(x))), name="nested").save(HERE / "nested.keras")

    x = keras.Input((3, 4), name="x")
    keras.Model(x, L.MultiHeadAttention(2, 2, name="heads")(x, x), name="attention").save(HERE / "attention.keras")

    K, L = tf_keras, tf_keras.layers
    inner = K.Sequential([L.InputLayer((3,)), L.Dense(3, name="same")], name="inner")
    x = K.Input((3,), name="x")
    K.Model(x, L.Dense(2, name="same")(inner(inner(x))), name="nested").save(HERE / "nested_2.h5")
    K.Sequential([L.InputLayer((3, 2), name="x"), L.Bidirectional(L.LSTM(2), name="two")], name="rnn").save(HERE / "rnn.h5")
    x = K.Input((4, 2), name="x")
    z = tf.concat([x, 1.0 - x], axis=-1)[:, 1:, tf.newaxis]
    K.Model(x, tf.nn.relu(z), name="lambdas").save(HERE / "lambdas.h5")
    K.Sequential([L.InputLayer((6, 5, 2), name="x"), L.SeparableConv2D(2, 3, padding="same"), L.DepthwiseConv2D(2),
                  L.Conv2DTranspose(2, 3, strides=2, padding="same"), L.AveragePooling2D(padding="same"),
                  L.GlobalAveragePooling2D()], name="convolutions").save(HERE / "convolutions.h5")


def pattern(x):
    """What test_keras.c feeds: of whole numbers as many 0 as others."""
    i = np.arange(int(np.prod(x.shape)))
    values = i * 7 % 11 % 3 if "int" in str(x.dtype) else (i * 5 % 11 - 5) / 4
    return values.reshape(tuple(x.shape)).astype(str(getattr(x.dtype, "name", x.dtype)))


def valued():
    """Models whose numbers are kept as well, in keras_values.def."""
    import keras
    import tf_keras
    rows = []

    def keep(file, model):
        for i, w in enumerate(model.weights):
            if "float" in str(w.dtype) and not "scale" in w.name:
                shape = tuple(w.shape)
                w.assign(((np.arange(int(np.prod(shape))) * 3 + i) % 7 / 8 - 0.375).reshape(shape))
        model.save(HERE / file)
        out = model(pattern(model.inputs[0]))
        out = np.asarray(out[0] if isinstance(out, (list, tuple)) else out).ravel()
        rows.append("VALUES(\"%s\", %d, %s)" % (file, len(out), ", ".join("%.8g" % v for v in out)))

    def words(K):
        x = K.Input(batch_size=2, shape=(5,), name="x", dtype="int32")
        return x, K.layers.Embedding(3, 2, mask_zero=True, name="e")(x)
    for K, file in ((keras, "%s.keras"), (tf_keras, "%s.h5")):
        L = K.layers
        x, e = words(K)
        keep(file % "mask_lstm", K.Model(x, L.LSTM(2, return_sequences=True, name="d")(e), name="net"))
        x, e = words(K)
        keep(file % "mask_back", K.Model(x, L.GRU(2, go_backwards=True, activation="elu", name="d")(e), name="net"))
        x, e = words(K)
        two = L.Bidirectional(L.SimpleRNN(2, return_sequences=True, name="d"), name="two")(e)
        keep(file % "mask_two", K.Model(x, L.GlobalAveragePooling1D(name="m")(two), name="net"))
    x, e = words(keras)
    keep("mask_heads.keras", keras.Model(x, keras.layers.MultiHeadAttention(1, 2, name="h")(e, e), name="net"))
    L = keras.layers
    x = keras.Input(batch_size=1, shape=(3, 2), name="x")
    two = L.Bidirectional(L.GRU(2, stateful=True, return_sequences=True), name="two")(x)
    keep("stateful.keras", keras.Model(x, L.LSTM(2, stateful=True, name="d")(two), name="net"))
    for file, make in {"resizing_lanczos.keras": L.Resizing(3, 5, "lanczos3", antialias=True, name="r"),
                       "resizing_pad.keras": L.Resizing(2, 4, "bicubic", pad_to_aspect_ratio=True, name="r"),
                       "contrast.keras": L.AutoContrast(name="c")}.items():
        x = keras.Input(batch_size=1, shape=(4, 3, 1), name="x")
        keep(file, keras.Model(x, make(x), name="net"))
    x = keras.Input(batch_size=2, shape=(3,), name="x")
    model = keras.Model(x, L.Dense(4, activation="relu", name="d")(x), name="net")
    keras.utils.set_random_seed(1)
    model.quantize("int8")
    keep("int8.keras", model)
    (HERE.parent / "keras_values.def").write_text(
        "/* SPDX-License-Identifier: Apache-2.0 */\n/* VALUES(file, how many, what Keras computes from it) */\n"
        + "\n".join(sorted(rows)) + "\n")


WEIGHTS = {"d": {"d/kernel:0": np.array([[(j * 3 + k) % 7 - 3 for j in range(4)] for k in range(3)], "f4"),
                 "d/bias:0": np.arange(4, dtype="f4") % 7 - 3}}


def layer(class_name, name, inputs=(), **config):
    calls = [[[i, 0, 0, {}] for i in inputs]] if inputs else []
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": calls}


X = layer("InputLayer", "x", batch_input_shape=[None, 3], dtype="float32")
DENSE = layer("Dense", "d", ["x"], units=4, activation="linear", use_bias=True)


def model(*layers, inputs=("x",), outputs=("d",)):
    return {"class_name": "Functional", "config": {
        "name": "net", "layers": list(layers), "input_layers": [[i, 0, 0] for i in inputs],
        "output_layers": [[o, 0, 0] for o in outputs]}}


def h5(name, config, weights=WEIGHTS, version="2.4.0", how=None, change=None):
    with h5py.File(HERE / name, "w", libver="latest") as f:
        if config is not None:
            # Text of fixed length, as old versions wrote it: what Keras itself saves below has the other kind.
            f.attrs["model_config"] = np.bytes_(config if isinstance(config, str) else json.dumps(config))
            f.attrs["keras_version"] = np.bytes_(version)
            f.attrs["backend"] = np.bytes_("tensorflow")
        top = f.create_group("model_weights") if config is not None else f
        top.attrs["layer_names"] = np.array([n.encode() for n in weights]) if weights else np.array([])
        for group, values in weights.items():
            g = top.create_group(group)
            g.attrs["weight_names"] = np.array([n.encode() for n in values])
            for key, v in values.items():
                (how or (lambda g, k, v: g.create_dataset(k, data=v)))(g, key, v)
        if change:
            change(f)


def keras_zip(name, config, weights=(), compression=zipfile.ZIP_STORED, pad=0, labels=None):
    data = io.BytesIO()
    with h5py.File(data, "w", libver="latest") as f:
        for key, v in weights:
            f[key] = v
    with zipfile.ZipFile(HERE / name, "w", compression) as z:
        def put(member, content):
            info = zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if pad and member != "config.json" else compression
            z.writestr(info, content)
        put("metadata.json", json.dumps({"keras_version": "3.5.0"}))
        if config is not None:
            put("config.json", json.dumps(config) + " " * pad)
        put("model.weights.h5", data.getvalue())
        if labels:
            put("labels.txt", labels)


def weights_of_every_kind():
    plain = model(X, DENSE)
    h5("dense.h5", plain)
    n = 5462  # a kernel just past 64 KiB
    h5("dense_wide.h5", model(X, layer("Dense", "d", ["x"], units=n, activation="linear", use_bias=True)),
       {"d": {"d/kernel:0": np.zeros((3, n), "f4"), "d/bias:0": np.zeros(n, "f4")}})
    for kind in ("f2", "f8", ">f4"):
        h5("dense_%s.h5" % kind.replace(">", "big_"), plain,
           how=lambda g, k, v, kind=kind: g.create_dataset(k, data=v.astype(kind)))
    h5("dense_gzip.h5", plain, how=lambda g, k, v: g.create_dataset(k, data=v, chunks=v.shape, compression="gzip", shuffle=True))
    tree = [("layers/dense/vars/%d" % i, v) for i, v in enumerate(WEIGHTS["d"].values())]
    keras_zip("dense.keras", plain, tree)
    keras_zip("dense_deflated.keras", plain, tree, zipfile.ZIP_DEFLATED)
    # Keras 2.13 counted layers with weights twice.
    two = model(X, layer("Dense", "e", ["x"], units=2), layer("ReLU", "r", ["e"]), layer("Dense", "d", ["r"], units=4))
    keras_zip("dense_2_13.keras", two, [("_layer_checkpoint_dependencies/%s/vars/%d" % (n, i), np.zeros(s, "f4"))
                                        for n, k, u in (("dense", 3, 2), ("dense_2", 2, 4))
                                        for i, s in enumerate(((k, u), (u,)))])
    names = ["cat", "dog, small", "bird"]
    h5("labels.h5", plain, change=lambda f: f.attrs.create("class_names", np.array([n.encode() for n in names])))
    keras_zip("labels.keras", plain, tree, labels="\n".join(names) + "\n")
    # Before Keras 2.2.3 the configuration of a Sequential was the list.
    first = layer("Dense", "d", units=4, activation="relu", batch_input_shape=[None, 3])
    h5("dense_list.h5", {"class_name": "Sequential", "config": [first]}, version="2.0.5")


def broken():
    plain = model(X, DENSE)

    def bad(name, *args, **more):
        h5("bad_%s.h5" % name, *args, **more)
    bad("external_link", plain, weights={}, change=lambda f: f["model_weights"].__setitem__("d", h5py.ExternalLink("other.h5", "/d")))
    bad("soft_link", plain, weights={}, change=lambda f: f["model_weights"].__setitem__("d", h5py.SoftLink("/elsewhere")))
    bad("external_storage", plain, how=lambda g, k, v: g.create_dataset(k, v.shape, "f4", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)]))

    def virtual(g, k, v):
        layout = h5py.VirtualLayout(v.shape, "f4")
        layout[...] = h5py.VirtualSource("other.h5", "v", v.shape)
        g.create_virtual_dataset(k, layout)
    bad("virtual", plain, how=virtual)
    bad("filter", plain, how=lambda g, k, v: g.create_dataset(k, data=v, chunks=v.shape, compression="lzf"))
    wide = 1 << 20  # of chunks that were never written
    bad("swollen", model(X, layer("Dense", "d", ["x"], units=wide)),
        how=lambda g, k, v: g.create_dataset(k, (*v.shape[:-1], wide), "f4", chunks=(1,) * (v.ndim - 1) + (wide,)))
    bad("text_weight", plain, how=lambda g, k, v: g.create_dataset(k, data=np.full(v.shape, b"x")))
    bad("deep_json", "[" * 3000)
    bad("json", "{\"class_name\": }")
    deep = plain
    for i in range(20):
        deep = {"class_name": "Sequential", "config": {"name": "s%d" % i, "layers": [deep]}}
    bad("deep_models", deep)
    bad("weights_only", None)
    bad("shape", plain, weights={"d": {"d/kernel:0": np.zeros((3, 5), "f4"), "d/bias:0": np.zeros(4, "f4")}})
    bad("missing_weight", plain, weights={"d": {"d/kernel:0": WEIGHTS["d"]["d/kernel:0"]}})
    bad("missing_dataset", plain, change=lambda f: f["model_weights/d/d"].__delitem__("bias:0"))
    bad("keras_1", {"class_name": "Sequential", "config": [layer("Convolution2D", "c", nb_filter=3, border_mode="same")]}, version="1.2.2")
    bad("keras_1_no_version", {"class_name": "Sequential", "config": [layer("Dense", "d", border_mode="same")]}, version="2.0.0")
    bad("subclass", {"class_name": "MyModel", "config": {"name": "m"}})
    bad("empty", {"class_name": "Sequential", "config": {"name": "m", "layers": []}})
    bad("no_class", model(X, {"name": "d", "config": {}}))
    bad("lambda", model(X, layer("Lambda", "d", ["x"], function=["4wEAAAA=", None, None])))
    bad("custom", model(X, layer("Mine>Swirl", "d", ["x"])))
    bad("hashing", model(X, layer("Hashing", "d", ["x"], num_bins=3)))
    bad("activation", model(X, layer("Dense", "d", ["x"], units=4, activation="Mine>snake")))
    bad("operation", model(X, layer("TFOpLambda", "d", ["x"], function="math.lgamma")))
    bad("cycle", model(X, layer("Add", "a", ["d", "x"]), layer("ReLU", "d", ["a"])))
    bad("reference", model(X, layer("ReLU", "d", ["y"])))
    bad("output", model(X, DENSE, outputs=("e",)))
    bad("two_names", model(X, DENSE, DENSE))
    bad("no_shape", model(layer("InputLayer", "x", dtype="float32"), DENSE))
    bad("text_input", model(layer("InputLayer", "x", batch_input_shape=[None, 3], dtype="string"), DENSE))
    bad("sparse", model(layer("InputLayer", "x", batch_input_shape=[None, 3], sparse=True), DENSE))
    bad("quantized", model(X, layer("Dense", "d", ["x"], units=4, dtype={
        "module": "keras", "class_name": "QuantizedDTypePolicy", "config": {"mode": "int4", "source_name": "float32"}})))
    bad("units", model(X, layer("Dense", "d", ["x"], units="many")))
    bad("strides", model(layer("InputLayer", "x", batch_input_shape=[None, 5, 5, 1]),
                         layer("MaxPooling2D", "d", ["x"], pool_size=[2, 2], strides=[0, 1])))
    bad("theano", plain, change=lambda f: f.attrs.__setitem__("backend", np.bytes_("theano")))
    with h5py.File(HERE / "bad_no_keras.h5", "w", libver="latest") as f:
        f["x"] = np.zeros(3, "f4")
    with h5py.File(HERE / "bad_weights_tree.h5", "w", libver="latest") as f:
        f["layers/dense/vars/0"] = np.zeros(3, "f4")
    whole = (HERE / "dense.h5").read_bytes()
    (HERE / "bad_cut.h5").write_bytes(whole[:len(whole) // 2])
    keras_zip("bad_config.keras", None)
    keras_zip("bad_bomb.keras", plain, pad=80 << 20, compression=zipfile.ZIP_BZIP2)
    keras_zip("bad_no_weights.keras", plain)
    (HERE / "bad_zip.keras").write_bytes((HERE / "dense.keras").read_bytes()[:-100])
    (HERE / "bad_architecture.json").write_text(json.dumps(plain))


if __name__ == "__main__":
    weights_of_every_kind()
    broken()
    saved()
    valued()

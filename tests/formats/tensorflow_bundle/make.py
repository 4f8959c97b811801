#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py [NAME...]: the SavedModels, meta graphs and checkpoints of this folder, their expected results, and damaged ones.

Needs TensorFlow 2.21 with Keras 3. Each model NAME has NAME.x.npy, an input, and NAME.y.npy, what TensorFlow makes
of it. The files are checked in: running this again gives others that mean the same (uuids, map orders). NAME: only what that function makes."""
import glob
import os
import shutil
import struct
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
import keras
import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
os.chdir(os.path.dirname(os.path.abspath(__file__)))
rng = np.random.default_rng(7)


def numbers(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def keep(name, x, y):
    np.save(name + ".x.npy", np.asarray(x))
    np.save(name + ".y.npy", np.asarray(y))


def tidy(folder):
    for name in ("fingerprint.pb", "keras_metadata.pb"):
        if os.path.exists(os.path.join(folder, name)):
            os.remove(os.path.join(folder, name))
    for name in ("assets", "assets.extra"):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)


# --- SavedModels of TensorFlow 2.

class Net(tf.Module):
    """Variables in a list, two of one name, a function in a function, a captured constant, two signatures."""

    def __init__(self):
        super().__init__()
        self.layers_of = [tf.Variable(numbers(4, 4), name="v"), tf.Variable(numbers(4, 3), name="v")]
        self.bias = tf.Variable(numbers(3), name="a/b.c")
        self.scale = tf.constant(numbers(3))

    @tf.function
    def inner(self, x, w):
        return tf.nn.relu(tf.matmul(x, w))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
    def main(self, x):
        y = self.inner(x, self.layers_of[0])
        return {"result": self.inner(y, self.layers_of[1]) * self.scale + self.bias, "hidden": y}

    @tf.function(input_signature=[tf.TensorSpec([2, 4], tf.float32, "left"),
                                  tf.TensorSpec([2, 4], tf.float32, "right")])
    def both(self, left, right):
        return {"sum": left + 2 * right}


def module():
    net = Net()
    tf.saved_model.save(net, "module", signatures={"serving_default": net.main, "both": net.both})
    tidy("module")
    x = numbers(2, 4)
    keep("module", x, net.main(x)["result"])


def keras_export():
    model = keras.Sequential([keras.Input((6, 6, 2)), keras.layers.Conv2D(3, 3, strides=2, padding="same"),
                              keras.layers.BatchNormalization(), keras.layers.ReLU(),
                              keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(4, activation="softmax")])
    for variable in model.variables:
        if "seed" not in variable.path:
            variable.assign(np.abs(numbers(*variable.shape)) + 0.1)
    model.export("keras_export", verbose=False)
    tidy("keras_export")
    x = numbers(1, 6, 6, 2)
    keep("keras_export", x, model(x))


class Branches(tf.Module):
    """A condition that depends on data, which becomes a choice of elements, and a loop."""

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32, "x")])
    def choose(self, x):
        return {"y": tf.cond(x[0] > 0, lambda: x * 2, lambda: x - 1)}

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32, "x")])
    def loop(self, x):
        return {"y": tf.while_loop(lambda v: v[0] < 10, lambda v: (v * 2,), (x,))[0]}


def branches():
    net = Branches()
    tf.saved_model.save(net, "branches", signatures={"choose": net.choose, "loop": net.loop})
    tidy("branches")
    shutil.rmtree("branches/variables")
    x = np.array([-1.5, 2], np.float32)
    keep("branches", x, net.choose(x)["y"])
    keep("branches_loop", -x, net.loop(-x)["y"])


# --- TensorFlow 1.

def batch_norm(x, training):
    c = x.shape[-1]
    gamma = v1.get_variable("gamma", initializer=np.abs(numbers(c)) + 0.1)
    beta = v1.get_variable("beta", initializer=numbers(c))
    mean = v1.get_variable("moving_mean", initializer=numbers(c), trainable=False)
    variance = v1.get_variable("moving_variance", initializer=np.abs(numbers(c)) + 0.1, trainable=False)

    def of_batch():
        y, m, v = v1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-3)
        noise = v1.random_uniform([2, 4, 4, int(c)])
        with tf.control_dependencies([m, v]):
            return y + noise

    return v1.cond(training, of_batch,
                   lambda: v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, epsilon=1e-3,
                                                  is_training=False)[0])


def network(x, training):
    with v1.variable_scope("conv"):
        w = v1.get_variable("w", initializer=numbers(3, 3, 2, 3))
        y = batch_norm(tf.nn.conv2d(x, w, 1, "SAME"), training)
    y = tf.reduce_mean(tf.nn.relu(y), [1, 2])
    with v1.variable_scope("dense", partitioner=v1.fixed_size_partitioner(2)):
        w = v1.get_variable("w", [3, 4], initializer=v1.random_normal_initializer(seed=3))
    return tf.identity(tf.matmul(y, tf.convert_to_tensor(w)), name="logits")


def train():
    """A training script's files: loss, optimiser, summaries, a queue, moving averages; variables in two shards."""
    v1.disable_control_flow_v2()
    with tf.Graph().as_default(), v1.Session() as session:
        v1.disable_resource_variables()
        queue = v1.FIFOQueue(4, [tf.float32], shapes=[[2, 4, 4, 2]])
        queue.enqueue([tf.zeros([2, 4, 4, 2])])
        x = v1.placeholder(tf.float32, [2, 4, 4, 2], "images")
        labels = v1.placeholder(tf.int64, [2], "labels")
        training = v1.placeholder_with_default(False, [], "is_training")
        logits = network(x, training)
        loss = tf.reduce_mean(v1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        v1.summary.scalar("loss", loss)
        v1.summary.merge_all()
        step = v1.train.get_or_create_global_step()
        v1.train.MomentumOptimizer(0.1, 0.9).minimize(loss, step)
        saver = v1.train.Saver()
        session.run(v1.global_variables_initializer())
        data = numbers(2, 4, 4, 2)
        keep("train", data, session.run(logits, {x: data}))
        saver.save(session, "one/whole")
        v1.train.export_meta_graph("train.meta", saver_def=saver.as_saver_def())
        v1.train.write_graph(v1.graph_util.extract_sub_graph(session.graph.as_graph_def(), ["logits"]), ".",
                             "train_graph.pbtxt")
        v1.train.write_graph(session.graph, ".", "train_graph.pb", as_text=False)
    two_shards("one/whole", "train")
    shutil.rmtree("one")
    os.mkdir("latest")
    with open("latest/checkpoint", "w") as f:
        f.write('model_checkpoint_path: "../train"\nall_model_checkpoint_paths: "../train"\n')


def two_shards(source, target):
    """The same checkpoint in two data files: each partitioned variable in both."""
    reader = tf.train.load_checkpoint(source)
    shapes = reader.get_variable_to_shape_map()
    names = sorted(shapes)
    prefixes = ["part_0", "part_1"]
    for i, prefix in enumerate(prefixes):
        keys, specs, values = [], [], []
        for j, name in enumerate(names):
            value = reader.get_tensor(name)
            if name == "dense/w":
                half = value.shape[0] - value.shape[0] // 2
                part = value[:half] if i == 0 else value[half:]
                keys.append(name)
                specs.append("%d %d %d,%d:-" % (*value.shape, 0 if i == 0 else half, len(part)))
                values.append(part)
            elif j % 2 == i:
                keys.append(name)
                specs.append("")
                values.append(value)
        tf.raw_ops.SaveV2(prefix=prefix, tensor_names=keys, shape_and_slices=specs, tensors=values)
    tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=prefixes, destination_prefix=target, delete_old_dirs=False)


def updates():
    """Moving averages beside the network, whose decision is a placeholder without a default."""
    v1.disable_control_flow_v2()
    with tf.Graph().as_default(), v1.Session() as session:
        v1.disable_resource_variables()
        x = v1.placeholder(tf.float32, [2, 3], "x")
        training = v1.placeholder(tf.bool, [], "is_training")
        mean = v1.get_variable("mean", initializer=numbers(3), trainable=False)
        w = v1.get_variable("w", initializer=numbers(3, 2))
        used = v1.cond(training, lambda: tf.reduce_mean(x, 0), lambda: tf.identity(mean))
        v1.assign_sub(mean, (mean - used) * 0.1)
        y = tf.nn.softmax(tf.matmul(tf.stop_gradient(x - used), w), name="y")
        v1.summary.histogram("y", y)
        session.run(v1.global_variables_initializer())
        data = numbers(2, 3)
        keep("updates", data, session.run(y, {x: data, training: False}))
        v1.train.Saver().save(session, "updates", write_state=False)


def saved_1():
    """A SavedModel of TensorFlow 1: its only functions are the branches of an If."""
    v1.enable_control_flow_v2()
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [2, 4, 4, 2], "images")
        logits = network(x, tf.constant(False))
        session.run(v1.global_variables_initializer())
        data = numbers(2, 4, 4, 2)
        keep("saved_1", data, session.run(logits, {x: data}))
        v1.saved_model.simple_save(session, "saved_1", {"images": x}, {"scores": logits})


def object_checkpoint():
    """A graph of TensorFlow 1 whose variables were saved as objects: keys are found through their full names."""
    with tf.Graph().as_default(), v1.Session() as session:
        v1.enable_resource_variables()
        x = v1.placeholder(tf.float32, [1, 3], "x")
        w = v1.get_variable("scope/w", initializer=numbers(3, 2))
        y = tf.identity(tf.matmul(x, w), "y")
        session.run(w.initializer)
        data = numbers(1, 3)
        keep("objects", data, session.run(y, {x: data}))
        value = session.run(w)
        v1.train.write_graph(session.graph, ".", "objects_graph.pb", as_text=False)
    holder = tf.Module()
    holder.kernel = tf.Variable(value, name="scope/w")
    tf.train.Checkpoint(net=holder).write("objects")


def functional_if():
    """If with a condition that is known: the branch of training has a random number."""
    v1.enable_control_flow_v2()
    with tf.Graph().as_default() as graph, v1.Session() as session:
        x = v1.placeholder(tf.float32, [2, 3], "x")
        training = v1.placeholder_with_default(False, [], "keras_learning_phase")
        y = v1.cond(training, lambda: x * v1.random_uniform([2, 3]), lambda: x * 3 + 1)
        y = tf.identity(y, "y")
        data = numbers(2, 3)
        keep("functional_if", data, session.run(y, {x: data}))
        v1.train.write_graph(graph, ".", "functional_if.pb", as_text=False)
    v1.disable_control_flow_v2()


# --- Damage.

def changed(source, target, at=None, cut=None, xor=1):
    data = bytearray(open(source, "rb").read())
    if at is not None:
        data[at] ^= xor
    open(target, "wb").write(data[:cut] if cut is not None else data)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1))
    crc ^= 0xFFFFFFFF
    return (((crc >> 15 | crc << 17) & 0xFFFFFFFF) + 0xA282EAD8) & 0xFFFFFFFF


def varint(v):
    out = b""
    while True:
        out += bytes([v & 0x7F | (0x80 if v > 0x7F else 0)])
        v >>= 7
        if not v:
            return out


def table(rows, kind=0):
    """An .index of one block; rows: (key, value), ascending."""
    entries = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in rows)
    out, places = b"", []
    for block in (entries + struct.pack("<II", 0, 1), struct.pack("<II", 0, 1)):
        places.append(varint(len(out)) + varint(len(block)))
        out += block + bytes([kind]) + struct.pack("<I", crc32c(block + bytes([kind])))
    index = varint(0) + varint(1) + varint(len(places[0])) + b"z" + places[0] + struct.pack("<II", 0, 1)
    footer = places[1] + varint(len(out)) + varint(len(index))
    out += index + bytes([kind]) + struct.pack("<I", crc32c(index + bytes([kind])))
    return out + footer + bytes(40 - len(footer)) + struct.pack("<Q", 0xDB4775248B80FB57)


def bundle(name, header=b"\x08\x01\x1a\x02\x08\x01", data=None, kind=0, **fields):
    """One variable x of two floats, with fields changed."""
    data = struct.pack("<2f", 1, 2) if data is None else data
    f = dict(dtype=1, shape=(2,), shard=0, offset=0, size=8, crc=crc32c(data))
    f.update(fields)
    shape = b"".join(b"\x12" + varint(len(b"\x08" + varint(d))) + b"\x08" + varint(d) for d in f["shape"])
    value = (b"\x08" + varint(f["dtype"]) + b"\x12" + varint(len(shape)) + shape + b"\x18" + varint(f["shard"]) +
             b"\x20" + varint(f["offset"]) + b"\x28" + varint(f["size"]) + b"\x35" + struct.pack("<I", f["crc"]))
    open(name + ".index", "wb").write(table([(b"", header), (b"x", value)], kind))
    open(name + ".data-00000-of-00001", "wb").write(data)


def broken():
    bundle("good")
    changed("good.index", "bad_cut.index", cut=60)
    changed("good.index", "bad_footer.index", at=78, xor=0x40)
    changed("good.index", "bad_block.index", at=5)
    bundle("bad_sum", crc=0x12345678)
    bundle("bad_snappy", kind=1)
    bundle("bad_endian", header=b"\x08\x01\x10\x01")
    bundle("bad_header", header=b"\x08\x00")
    bundle("bad_old", header=b"\x0a\x02\x08\x01")
    bundle("bad_shard", shard=3)
    bundle("bad_past", offset=4)
    bundle("bad_size", shape=(3,))
    bundle("bad_type", dtype=7)
    bundle("bad_huge", shape=(1 << 40, 1 << 40))
    bundle("bad_missing")
    os.remove("bad_missing.data-00000-of-00001")
    for name in ("bad_cut", "bad_block", "bad_footer"):
        shutil.copy("good.data-00000-of-00001", name + ".data-00000-of-00001")


def main(names):
    makers = (module, keras_export, branches, train, updates, saved_1, object_checkpoint, functional_if, broken)
    if names:
        for make in makers:
            if make.__name__ in names:
                make()
        return
    for name in glob.glob("*"):
        if os.path.isdir(name):
            shutil.rmtree(name)
        elif not name.endswith(".py"):
            os.remove(name)
    for make in makers:
        make()


main(sys.argv[1:])

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the demo's network on chest phantoms and writes it as ONNX.

    build/phantom must exist; then: /usr/bin/python3 examples/phantom/train.py build/phantom

Needs PyTorch and onnx (Debian: python3-torch python3-onnx). One thread, about ten minutes.
The series of phantoms are fixed: 1 trains, 2 chooses nothing but is printed while training,
and the demo's own series (500 and 12) are never seen here.
"""
import argparse
import csv
import os
import subprocess
import tempfile
import time

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

FINDINGS = ["Effusion", "Nodule", "Cardiomegaly", "Pneumothorax", "Consolidation"]


class Block(nn.Module):
    """Two 3x3 convolutions with a residual; the first halves height and width."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=2, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.short = nn.Conv2d(n_in, n_out, 1, stride=2, bias=False)
        self.norm3 = nn.BatchNorm2d(n_out)

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.norm3(self.short(x)))


class PhantomNet(nn.Module):
    """Grey values 0..255 [N, 1, 128, 128] to logits [N, 5]; 139,173 parameters."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(16)
        self.block1 = Block(16, 24)
        self.block2 = Block(24, 48)
        self.block3 = Block(48, 80)
        self.head = nn.Linear(160, len(FINDINGS))

    def forward(self, x):
        x = (x - 120.0) / 60.0
        x = F.relu(self.norm(self.stem(x)))
        x = self.block3(self.block2(self.block1(x)))
        mean = F.adaptive_avg_pool2d(x, 1)
        peak = F.adaptive_max_pool2d(x, 1)  # one small nodule must not drown in a mean
        return self.head(torch.flatten(torch.cat([mean, peak], 1), 1))


class WithSigmoid(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return torch.sigmoid(self.net(x))


def draw(program, n, series):
    """n phantoms of a series as bytes [n, 1, 128, 128] and labels [n, 5]."""
    with tempfile.TemporaryDirectory() as folder:
        npy, labels = os.path.join(folder, "x.npy"), os.path.join(folder, "y.csv")
        subprocess.run([program, "--npy", npy, "--u8", "--labels", labels, "-n", str(n),
                        "--seed", str(series)], check=True)
        with open(labels, newline="") as f:
            sets = [row["Finding Labels"].split("|") for row in csv.DictReader(f)]
        y = np.array([[name in s for name in FINDINGS] for s in sets], dtype=np.float32)
        return torch.from_numpy(np.load(npy)), torch.from_numpy(y)


def auroc(score, label):
    """The probability that a positive scores above a negative, ties counting half."""
    positive, negative = score[label > 0.5], np.sort(score[label < 0.5])
    below = np.searchsorted(negative, positive, "left")
    upto = np.searchsorted(negative, positive, "right")
    return float((below + upto).mean() / 2 / len(negative))


def predict(net, x):
    net.eval()
    with torch.no_grad():
        return torch.cat([torch.sigmoid(net(part.float())) for part in x.split(100)]).numpy()


def jitter(x):
    """Shifts a batch by up to two pixels and varies exposure and contrast of each image."""
    dy, dx = (int(v) for v in torch.randint(-2, 3, (2,)))
    x = torch.roll(x.float(), (dy, dx), (2, 3))
    gain = 1 + 0.10 * (2 * torch.rand(len(x), 1, 1, 1) - 1)
    return torch.clamp(x * gain + 10 * (2 * torch.rand(len(x), 1, 1, 1) - 1), 0, 255)


def train(net, x, y, validation, args):
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.lr, weight_decay=1e-3)
    steps = args.epochs * (len(x) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, args.lr, total_steps=steps)
    start = time.time()
    for epoch in range(args.epochs):
        net.train()
        total = 0.0
        order = torch.randperm(len(x))[: len(x) // args.batch * args.batch]
        for part in order.split(args.batch):
            loss = F.binary_cross_entropy_with_logits(net(jitter(x[part])), y[part])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(part)
        score, label = predict(net, validation[0]), validation[1].numpy()
        areas = " ".join(f"{auroc(score[:, i], label[:, i]):.3f}" for i in range(len(FINDINGS)))
        print(f"epoch {epoch + 1:2d}/{args.epochs}  loss {total / len(order):.4f}  "
              f"AUROC {areas}  {time.time() - start:4.0f} s", flush=True)


def export(net, path):
    """ONNX opset 13, any batch, batch norms kept (Carina folds them), labels inside."""
    net.eval()
    torch.onnx.export(
        WithSigmoid(net).eval(), torch.zeros(1, 1, 128, 128), path, opset_version=13,
        input_names=["image"], output_names=["findings"],
        dynamic_axes={"image": {0: "N"}, "findings": {0: "N"}},
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    model = onnx.load(path)
    model.graph.name = "phantom"
    model.doc_string = "findings in chest phantoms; not for people"
    onnx.helper.set_model_props(model, {
        "labels": ",".join(FINDINGS), "mean_values": "120", "scale_values": "60"})
    onnx.checker.check_model(model)
    onnx.save(model, path)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the phantom generator")
    parser.add_argument("-o", default=os.path.join(here, "phantom.onnx"), help="the ONNX file")
    parser.add_argument("-n", type=int, default=8000, help="training images")
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=4e-3)
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(1)
    net = PhantomNet()
    print(f"{sum(p.numel() for p in net.parameters()):,} parameters, {args.n:,} phantoms")
    x, y = draw(args.program, args.n, 1)
    train(net, x, y, draw(args.program, 500, 2), args)
    export(net, args.o)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""What the Python parts of the nightly tests share: the program under test, noise, and how answers compare."""
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np

CARINA = os.environ.get("CARINA", "build/carina")
SHARED = pathlib.Path(os.environ.get("CARINA_SHARED", "../shared"))


def need(path):
    if not path.exists():
        print("skipped: no %s" % path.name)
        sys.exit(77)
    return path


def need_module(name):
    try:
        return __import__(name)
    except ImportError:
        print("skipped: no Python package %s; scripts/setup nightly" % name)
        sys.exit(77)


def models(work):
    """The folder of bench/make_models.py's networks: CARINA_MODELS, or made here."""
    if os.environ.get("CARINA_MODELS"):
        return pathlib.Path(os.environ["CARINA_MODELS"])
    maker = need(SHARED / "bench" / "make_models.py")
    folder = work / "models"
    if not (folder / ".complete").exists():
        subprocess.run(["/usr/bin/python3", str(maker), str(folder)], check=True)
        (folder / ".complete").touch()
    return folder


class Refused(Exception):
    pass


def carina(*args):
    """Runs a subcommand. A clean refusal is Refused; anything else that is not success ends the test."""
    done = subprocess.run([CARINA, *map(str, args)], capture_output=True, text=True, errors="replace")
    said = (done.stderr.strip().splitlines() or [""])[-1]
    if done.returncode == 1:
        raise Refused(said)
    if done.returncode:
        raise SystemExit("BAD carina %s: exit %d %s" % (" ".join(map(str, args)), done.returncode, said))
    return done.stdout


def safe(name):
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)


def run(model, feeds, folder, *more):
    """The outputs of `carina run` by file name; feeds: name -> array. more: options."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.npy"):
        old.unlink()
    args = []
    for name, value in feeds.items():
        path = folder / ("in_%s.npy" % safe(name))
        np.save(path, value)
        args += ["--in", "%s=%s" % (name, path)]
    out = folder / "out"
    out.mkdir(exist_ok=True)
    for old in out.glob("*.npy"):
        old.unlink()
    carina("run", model, *args, "--out-dir", out, *more)
    return {p.stem: np.load(p) for p in out.glob("*.npy")}


INNER = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData", "MaxPool", "AvgPool")


def inner_transposes(model, folder):
    """Names of the Transposes that `carina convert` leaves between convolutions and pooling: a network of images whose
    channels come last has none. Those at the edges, with nothing of that kind before or behind them, are not counted."""
    carina("convert", model, "--model-name", "transposes", "-o", folder)
    root = xml.etree.ElementTree.parse(folder / "transposes.xml").getroot()
    layers = {l.get("id"): l for l in root.iterfind("layers/layer")}
    before, behind = {i: set() for i in layers}, {i: set() for i in layers}
    for edge in root.iterfind("edges/edge"):
        before[edge.get("to-layer")].add(edge.get("from-layer"))
        behind[edge.get("from-layer")].add(edge.get("to-layer"))

    def reaches(start, steps):
        seen, left = set(), [start]
        while left:
            for i in steps[left.pop()] - seen:
                if layers[i].get("type") in INNER:
                    return True
                seen.add(i)
                left.append(i)
        return False
    return [l.get("name") for i, l in layers.items()
            if l.get("type") == "Transpose" and reaches(i, before) and reaches(i, behind)]


def noise(shape, dtype, seed=7):
    """Numbers of [-1, 1), or small whole ones; unknown dimensions are 1."""
    dims = [d if isinstance(d, int) and d > 0 else 1 for d in shape]
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return random.uniform(-1, 1, dims).astype(dtype)
    return random.integers(0, 2, dims).astype(dtype)


def error(got, want):
    """The largest difference, relative to the largest value where that is above 1."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape:
        return float("inf")
    if got.size == 0:
        return 0.0
    same = (got == want) | (np.isnan(got) & np.isnan(want))
    worst = np.where(same, 0, np.abs(got - want)).max()
    return float(worst / max(1.0, np.abs(want[np.isfinite(want)]).max(initial=0)))

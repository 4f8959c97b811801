#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make.py: writes the files of this folder, the first bytes of formats that are refused; needs no package."""
import json
import pathlib
import struct
import zipfile

HERE = pathlib.Path(__file__).parent


def put(name, data):
    path = HERE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def archive(name, *members):
    with zipfile.ZipFile(HERE / name, "w") as z:
        for m in members:
            z.writestr(zipfile.ZipInfo(m), "x")


OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."

put("pointer.onnx", "version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12\n")
put("page.onnx", "<!DOCTYPE html>\n<html><body>not found</body></html>\n")
put("model.onnx.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\3")
put("model.onnx.xz", b"\xfd7zXZ\0\0\4")
put("model.tar", b"a" * 257 + b"ustar\0" + b"00" + bytes(247))
put("array.npy", b"\x93NUMPY\1\0v\0{}")
put("array.nd", struct.pack("<IiIq", 0xF993FAC9, 0, 1, 1))
archive("script.pt", "net/data.pkl", "net/constants.pkl", "net/code/__torch__.py", "net/version")
archive("program.pt2", "net/archive_format", "net/models/model.json")
archive("weights.pth", "net/data.pkl", "net/data/0", "net/version")
put("old.pth", OLD_TORCH)
put("torch.pkl", b"\x80\x04\x95\0\0\0\0\0\0\0\0\x8c\x0ctorch._utils\x94.")
header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
put("weights.safetensors", struct.pack("<Q", len(header)) + header + bytes(4))
put("hub/config.json", "{}")
put("hub/model.safetensors", struct.pack("<Q", len(header)) + header + bytes(4))
put("net.pdmodel", b"\x0a\x13\x08\x00\x10" + b"\xff" * 9 + b"\x01\x1a\x04\x0a\x02ab")
put("net.pdiparams", bytes(16) + struct.pack("<i", 4) + b"\x08\x05\x10\x01" + bytes(4))
put("pir.json", '{"base_code":{"magic":"pir","version":1},"program":{}}')
put("net.ort", b"\x14\0\0\0ORTM" + bytes(16))
put("tfjs.json", '{"format":"layers-model","modelTopology":{},"weightsManifest":[]}')
put("net.mlmodel", b"\x08\x01\x12\x02\x0a\x00\xa2\x1f\x02\x0a\x00")
put("package/Manifest.json", "{}")
(HERE / "package/Data").mkdir(parents=True, exist_ok=True)
put("package/Data/com.apple.CoreML/model.mlmodel", b"\x08\x01")
put("net.param", "7767517\n2 2\nInput data 0 1 data\n")
put("net.ncnn.bin", struct.pack("<I", 0x01306B47) + bytes(8))
put("net.cfg", "# a comment\n\n[net]\nbatch=1\nwidth=416\n")
put("net.weights", struct.pack("<iiiQ", 0, 2, 5, 32013312) + bytes(16))
put("net.gguf", b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
put("net.nnet", b"\0B<Nnet> ")
put("net.t7", struct.pack("<iii", 4, 1, 3) + b"V 1")
put("tree.joblib", b"\x80\x04\x95\0\0\0\0\0\0\0\0\x8c\x15sklearn.tree._classes\x94.")
put("small.joblib", b"\x78\x9c\3\0\0\0\0\1")
archive("arrays.npz", "x.npy", "y.npy")
archive("saved.zip", "m/saved_model.pb", "m/variables/variables.index")
put("plain.pkl", b"\x80\x04K\1.")
put("protocol0.pkl", "ccopy_reg\n_reconstructor\np0\n.")
archive("papers.zip", "word/document.xml")
put("cut.zip", b"PK\3\4\x14\0\0\0")
put("data.json", json.dumps({"a": 1}))

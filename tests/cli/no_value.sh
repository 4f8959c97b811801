# SPDX-License-Identifier: Apache-2.0
"$CARINA" run model.onnx --in=x.npy -d

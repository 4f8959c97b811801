# SPDX-License-Identifier: Apache-2.0
"$CARINA" convert --imput_shape [1,3,224,224] model.onnx

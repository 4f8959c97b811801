# SPDX-License-Identifier: Apache-2.0
"$CARINA" benchmark -m model.onnx -api serial

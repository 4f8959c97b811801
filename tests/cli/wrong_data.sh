# SPDX-License-Identifier: Apache-2.0
# Inputs that are absent, misnamed or of the wrong device.
model=$(dirname "$0")/../../examples/phantom/phantom.onnx
"$CARINA" run "$model"
"$CARINA" run "$model" --in imag=x.npy
"$CARINA" run "$model" --random -d GPU
"$CARINA" run "$model" --random -d cpu
"$CARINA" benchmark -m "$model" -t 0
"$CARINA" convert "$model" --disable-pass no_such_pass

# SPDX-License-Identifier: Apache-2.0
# The ways to name MXNet's files, as the Model Optimizer had them; and a format's operators.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$(dirname "$0")/../formats/mxnet" || exit 1
convert() { "$CARINA" convert "$@" -o "$work" -n net 2>&1 | sed "s|$work/||; s|, [0-9.e-]* MB.*||"; }
convert --input_model=conv-0000.params
convert --input_symbol=conv-symbol.json --input_model=conv-0000.params --framework mxnet
convert --input_symbol=conv-symbol.json --pretrained_model_name=conv --legacy_mxnet_model
convert --input_symbol=conv-symbol.json --pretrained_model_name=conv --input_model=x-0003.params
convert --pretrained_model_name=conv
convert --input_model=conv-0000.params --nd_prefix_name=tuned
convert --input_model=derived_shape-symbol.json --input_shape=[1,2,9,9]
convert --input_model=bad_no_shape-symbol.json --input_shape=[2,3]
convert --input_model=bad_no_shape-symbol.json
convert --input_model=conv-symbol.json --framework onnx
"$CARINA" info bad_no_shape-symbol.json --input_shape=[2,3] | sed -n 2,3p
"$CARINA" run bad_no_shape-symbol.json --input_shape [2,3] --random | grep -o '^  y  *f32  *[^ ]* [^ ]*'
"$CARINA" info ../refused/hub 2>&1
"$CARINA" ops Convolution | sed -n "1p;3p"
"$CARINA" ops --format mxnet | grep -c Convolution
"$CARINA" ops --format MXNet Convolution 2>&1
"$CARINA" ops --format caffee 2>&1

# SPDX-License-Identifier: Apache-2.0
# One dash or two, '-' or '_', '=' or a space: all reach the model, which is not there.
"$CARINA" convert --input_model=net.caffemodel --input_proto=net.prototxt --data_type=FP16
"$CARINA" convert -input-model net.onnx -n name -o out -s 255 -b 4 --reverse_input_channels
"$CARINA" convert -m net.onnx --input-shape '[1,3,224,224]' --mean_values '(1,2,3)' --silent

# SPDX-License-Identifier: Apache-2.0
# A picture of one grey; the classes are the model's own labels.
model=$(dirname "$0")/../../examples/phantom/phantom.onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
case $model in /*) ;; *) model=$OLDPWD/$model ;; esac
{ echo "P5 4 4 255" && printf '%16s' ''; } >grey.pgm
"$CARINA" classify -m "$model" -i grey.pgm -nt 2
"$CARINA" classify -m "$model" -i . --format openvino -nt 1
"$CARINA" classify -m "$model" -i gray.pgm

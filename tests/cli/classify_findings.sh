# SPDX-License-Identifier: Apache-2.0
# A model that ends in a Sigmoid: every finding of a picture in one row, in the model's order; the JSON ranks them.
model=$(dirname "$0")/../../examples/phantom/phantom.onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
{ echo "P5 4 4 255" && printf '%16s' ''; } >"$folder/grey.pgm"
"$CARINA" classify -m "$model" -i "$folder" --json "$folder/c.json"
grep -c '"score"' "$folder/c.json"
"$CARINA" convert "$model" -o "$folder" --data_type=FP16 --quiet >/dev/null
"$CARINA" classify -m "$folder/phantom.xml" -i "$folder/grey.pgm" | head -1

# SPDX-License-Identifier: Apache-2.0
# The nearest name in the folder is offered.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" && touch resnet50.onnx
"$CARINA" info resnet5.onnx
"$CARINA" info nothing_like_it.onnx
"$CARINA" info ./resnet50.onix

# SPDX-License-Identifier: Apache-2.0
# The example network in INT8: layers, agreement, what lies on the disk; the IR runs and differs little.
model=$(cd "$(dirname "$0")/../../examples/phantom" && pwd)/phantom.onnx
phantom=$(dirname "$CARINA")/phantom
[ -x "$phantom" ] || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$phantom" -o "$folder/x" -n 16 --seed 5 >/dev/null
cd "$folder" || exit
"$CARINA" quantize "$model" -i x -o q --json q.json 2>/dev/null
ls q
"$CARINA" compare "$model" -m2 q/phantom.xml --layers none --limit 0.1 | tail -1
"$CARINA" quantize "$model" -i x -o q --model-name kl --ir-version 10 --preset kl --bias-correction \
    --keep-first --keep-last --skip /net/block1/Add | grep -E 'FP32|wrote'
"$CARINA" quantize "$model" -i x -o cut --preset percentile --percentile 60 --max-drop 0 | sed -n -E 's/.*(FP32, accuracy)$/\1/p; /^agreement/p' | sort -u
# Nothing is written where something is wrong.
"$CARINA" quantize "$model" -i x -o none --skip /net/block1/Ad || echo "exit $?"
"$CARINA" quantize "$model" -i x -o none --max-drop 2 || echo "exit $?"
"$CARINA" quantize "$model" -i x -o none --percentile 3 || echo "exit $?"
"$CARINA" quantize "$model" -i x/nothing.png -o none || echo "exit $?"
"$CARINA" quantize "$model" -o none || echo "exit $?"
"$CARINA" quantize "$model" -i x || echo "exit $?"
[ ! -e none ] && echo "nothing written"

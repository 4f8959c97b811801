# SPDX-License-Identifier: Apache-2.0
# The example network: read, converted, and the two compared; a run writes its output.
model=$(dirname "$0")/../../examples/phantom/phantom.onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$CARINA" info "$model" | head -3
"$CARINA" convert "$model" -o "$folder/new/ir" --model-name p --quiet >/dev/null && ls "$folder/new/ir"
"$CARINA" compare "$model" -m2 "$folder/new/ir/p.xml" | tail -1
"$CARINA" run "$folder/new/ir" --random --out-dir "$folder/out" --json "$folder/run.json" >/dev/null && ls "$folder/out"
"$CARINA" benchmark -m "$model" -t 0 -niter 1 -json "$folder/b.json" -pc >/dev/null
grep -c -E '"(throughput_fps|median|read_ms|compile_ms|first_infer_ms|peak_rss_mb|layers)"' "$folder/b.json"

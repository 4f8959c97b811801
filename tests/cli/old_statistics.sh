# SPDX-License-Identifier: Apache-2.0
# The calibration in an IR of version 6: nothing in f32, INT8 where it is asked for, and IR v11 with FakeQuantize.
model=$(dirname "$0")/../formats/ir_legacy/statistics_conv.xml
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$CARINA" convert "$model" -o "$folder" --quiet >/dev/null
grep -c 'type="FakeQuantize"' "$folder/statistics_conv.xml" || true
"$CARINA" convert "$model" -o "$folder" --use-statistics | grep ^statistics
grep -c -e 'type="FakeQuantize"' -e 'element_type="i8"' "$folder/statistics_conv.xml"
"$CARINA" compare "$model" -infer-precision2 f32 --layers none --limit 1e-6 | tail -1
"$CARINA" compare "$model" -infer-precision2 int8 --layers none --limit 1e-3 | tail -1
"$CARINA" compare "$model" -infer-precision2 int8 --layers none --limit 0.02 | tail -1

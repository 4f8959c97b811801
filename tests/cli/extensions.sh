# SPDX-License-Identifier: Apache-2.0
# Operators of an extension (-l) and models that stand for layers (--layer), through the subcommands.
cd "$(dirname "$0")/../extensions" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
lib=$(dirname "$CARINA")/examples/extension/operators.so
say() { "$CARINA" "$@" 2>&1 | sed "s|$work/||g; s|$lib|operators.so|g; s|, [0-9.e-]* MB.*||"; }

say ops -l "$lib"
say info snake.onnx
say info snake.onnx -l "$lib" | tail -n 3
say convert radial.keras -l "$lib" -o "$work" -n radial
grep -A 1 'version="extension"' "$work/radial.xml" | grep -v -e --
say info "$work/radial.xml" --batch 2
say info "$work/radial.xml" --batch 2 -l="$lib" | sed -n '2,$p'
say compare radial.keras -m2 "$work/radial.xml" -l "$lib" | tail -n 1
say compare snake.pbtxt -m2 snake.onnx -l "$lib" --cpu2 ref | tail -n 1
"$CARINA" benchmark "$work/radial.xml" -l "$lib" -niter 2 -nthreads 2 >"$work/speed" 2>&1 && echo benchmarked
"$CARINA" run snake.onnx -l "$lib" --random -o "$work" >/dev/null 2>&1; ls "$work"/*.npy | sed "s|$work/||"

say convert gain.keras --layer Gain=gain.onnx -o "$work" -n gain
say info "$work/gain.xml" | sed -n '2,$p'
say info gain_user.onnx --layer Gain=gain_self.onnx
say info gain.keras --layer Gain=gain_wide.onnx
say info gain.keras --layer Gain
say info gain.keras --layer Gain=nowhere.onnx
say info snake.onnx -l nowhere.so
say info snake.onnx -l snake.onnx
say info snake.onnx -l "$lib" -l "$lib"
say info snake.onnx -l

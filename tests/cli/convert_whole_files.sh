# SPDX-License-Identifier: Apache-2.0
# A conversion that cannot end, for want of space or because it was killed, leaves no NAME.xml or NAME.bin that is
# cut: the old ones, the new ones or none. Only a killed one may leave files of temporary names.
model=$(dirname "$0")/../../examples/phantom/phantom.onnx
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
whole() { # FOLDER: each of p.xml, p.bin is absent or the same as the right one
    for file in p.xml p.bin; do
        [ ! -e "$1/$file" ] || cmp -s "$1/$file" "$folder/right/$file" || echo "$1/$file is cut"
    done
}
convert() { "$CARINA" convert "$model" -o "$1" --model-name p --quiet >/dev/null; }
convert "$folder/right" && ls "$folder/right"
size=$(stat -c %s "$folder/right/p.bin")

# No file may grow past a limit: nothing, a tenth, a half, and one kilobyte short of it.
for limit in 0 $((size / 10240)) $((size / 2048)) $((size / 1024)); do
    mkdir "$folder/full$limit"
    (trap '' XFSZ; ulimit -f "$limit"; convert "$folder/full$limit"; echo "exit $?") 2>&1 |
        sed "s|$folder/||"
    ls -A "$folder/full$limit"
    whole "$folder/full$limit"
done

# The same over files that are there: they stay.
cp -r "$folder/right" "$folder/old"
(trap '' XFSZ; ulimit -f $((size / 2048)); convert "$folder/old") 2>/dev/null
ls -A "$folder/old"
whole "$folder/old"

# Killed at twenty moments.
for moment in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19; do
    mkdir "$folder/kill"
    "$CARINA" convert "$model" -o "$folder/kill" --model-name p --quiet >/dev/null 2>&1 &
    sleep "0.$(printf '%03d' $((moment * 2)))"
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    whole "$folder/kill"
    ls -A "$folder/kill" | grep -v -x -e p.xml -e p.bin -e 'p\.xml\.......' -e 'p\.bin\.......'
    rm -rf "$folder/kill"
done
echo done

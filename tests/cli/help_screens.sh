# SPDX-License-Identifier: Apache-2.0
# Each fits a screen of 50 lines and 100 columns, and says its name and three parts.
for command in convert info run classify benchmark compare quantize devices ops version help; do
    "$CARINA" $command --help >"${TMPDIR:-/tmp}/carina_help.$$" || echo "$command: failed"
    awk -v c=$command 'length($0) > 100 { print c ": too wide: " $0 } END { if (NR > 50) print c ": too long" }' \
        "${TMPDIR:-/tmp}/carina_help.$$"
    head -1 "${TMPDIR:-/tmp}/carina_help.$$"
done
rm -f "${TMPDIR:-/tmp}/carina_help.$$"

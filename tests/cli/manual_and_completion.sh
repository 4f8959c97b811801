# SPDX-License-Identifier: Apache-2.0
# Every command and its options are in both; the completion is valid bash.
"$CARINA" help --completion | bash -n && echo "completion parses"
eval "$("$CARINA" help --completion)"
COMP_WORDS=(carina benchmark --inf) COMP_CWORD=2
_carina
echo "${COMPREPLY[@]}"
COMP_WORDS=(carina cl) COMP_CWORD=1
_carina
echo "${COMPREPLY[@]}"
"$CARINA" help --man | grep -c '^\.TP' | sed 's/[0-9][0-9][0-9]*/many/'

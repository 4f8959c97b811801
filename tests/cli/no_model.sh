# SPDX-License-Identifier: Apache-2.0
# Each command says what is missing, with the exit status of wrong usage.
for command in convert info run benchmark classify compare; do
    "$CARINA" $command
    echo "$command $?"
done

# SPDX-License-Identifier: Apache-2.0
"$CARINA" clasify -m x

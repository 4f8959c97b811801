/* SPDX-License-Identifier: Apache-2.0 */
/* sweep: removes nodes that lead to no Result. */
#include "passes/pass.h"

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    (void)err;
    *n_changes += ca_graph_sweep(g);
    return CARINA_OK;
}

const CaPass ca_pass_sweep = {
    .name = "sweep",
    .summary = "removes what no output depends on",
    .run = run,
};

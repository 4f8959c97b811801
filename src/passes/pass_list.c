/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of passes, made from passes.def, and what several passes need.
 */
#include "passes/pass.h"

#include <string.h>

#define CA_PASS(name, when) extern const CaPass ca_pass_##name;
#include "passes/passes.def"
#undef CA_PASS

enum { BOTH, DEVICE };
static const CaPass *const passes[] = {
#define CA_PASS(name, when) &ca_pass_##name,
#include "passes/passes.def"
#undef CA_PASS
    NULL,
};
static const int whens[] = {
#define CA_PASS(name, when) when,
#include "passes/passes.def"
#undef CA_PASS
};
enum { N_PASSES = sizeof passes / sizeof *passes - 1, ROUNDS = 2 };

const CaPass *ca_pass_at(int i) { return i >= 0 && i < N_PASSES ? passes[i] : NULL; }

static CarinaStatus check_names(const char *disable, CarinaError *err)
{
    const char *item = NULL;
    size_t n = 0;
    for (const char *p = disable; (p = ca_text_item(p, ',', &item, &n));) {
        bool is_known = n == 0;
        for (int i = 0; i < N_PASSES && !is_known; i++)
            is_known =
                strlen(passes[i]->name) == n && strncmp(passes[i]->name, item, n) == 0;
        if (!is_known)
            return ca_err(err, CARINA_ERR_NOT_FOUND,
                          "there is no pass '%.*s'; --list-passes shows them", (int)n,
                          item);
    }
    return CARINA_OK;
}

CarinaStatus ca_passes_run(CaGraph *g, const char *disable,
                           void (*report)(void *arg, const char *pass,
                                          const char *summary, int n_changes),
                           void *arg, CarinaError *err)
{
    int totals[N_PASSES + 1] = {0};
    CA_TRY(check_names(disable, err));
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < N_PASSES; i++) {
            int n = 0;
            if (whens[i] == DEVICE || ca_text_in_list(disable, passes[i]->name))
                continue;
            CA_TRY(passes[i]->run(g, &n, err));
            totals[i] += n;
        }
    for (int i = 0; report && i < N_PASSES; i++)
        if (totals[i])
            report(arg, passes[i]->name, passes[i]->summary, totals[i]);
    return CARINA_OK;
}

CarinaStatus ca_passes_run_for_device(CaGraph **graph,
                                      uint64_t (*cost)(const void *device,
                                                       const CaGraph *graph),
                                      const void *device, CarinaError *err)
{
    for (int i = 0; i < N_PASSES; i++) {
        CaGraph *copy = NULL;
        int n = 0;
        if (whens[i] != DEVICE)
            continue;
        CarinaStatus status = ca_graph_copy(&copy, *graph, err);
        if (status == CARINA_OK)
            status = passes[i]->run(copy, &n, err);
        if (status == CARINA_OK && n > 0 && cost(device, copy) <= cost(device, *graph)) {
            ca_graph_free(graph);
            *graph = copy;
            continue;
        }
        ca_graph_free(&copy);
        CA_TRY(status);
    }
    return CARINA_OK;
}

const CarinaTensor *ca_pass_constant(const CaNode *node, int i)
{
    const CaValue *v = ca_node_input(node, i);
    return v ? v->constant : NULL;
}

bool ca_pass_is_number(const CaNode *node, int i, double x)
{
    const CarinaTensor *t = ca_pass_constant(node, i);
    const int64_t n = t ? ca_tensor_count(t) : 0;
    for (int64_t k = 0; k < n; k++)
        if (ca_get_real(t->type, t->data, k) != x)
            return false;
    return n > 0;
}

CaNode *ca_pass_only_reader(const CaNode *node)
{
    const CaUse *u = node->n_outputs == 1 ? node->outputs[0].uses : NULL;
    return u && !u->next ? u->node : NULL;
}

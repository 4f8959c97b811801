/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges from the statistics of old IR.
 *
 * One range for a tensor: the smallest minimum and the largest maximum of its channels, made to hold 0 as one of 256
 * steps, as `carina quantize` does it.
 */
#include "passes/statistics.h"

#include "passes/quantize.h"
#include "passes/rewrite.h"

#include <math.h>
#include <string.h>

enum { LEVELS = 256, MAX_BEHIND = 4 };

/* The numbers of NAME="a, b, ..." as their smallest and largest; false where there are none. */
static bool extremes(const char *text, const char *name, double *least, double *most)
{
    const char *at = strstr(text, name), *item = NULL;
    char list[64];
    size_t n = 0;
    int count = 0;
    if (!at)
        return false;
    at += strlen(name);
    *least = INFINITY;
    *most = -INFINITY;
    for (const char *end = strchr(at, '"'); end && at < end; at += n + 1, count++) {
        double v = 0;
        item = at;
        n = strcspn(item, ",\"");
        if (n >= sizeof list || !ca_text_real(&v, item, n) || !isfinite(v))
            return false;
        *least = v < *least ? v : *least;
        *most = v > *most ? v : *most;
    }
    return count > 0;
}

static bool range_of(const CaValue *v, double *low, double *high)
{
    const char *text = v ? ca_info_find(v->node->info, CA_STATISTICS) : NULL;
    double ignored = 0;
    if (!text || v->index != 0 || !extremes(text, "min=\"", low, &ignored) ||
        !extremes(text, "max=\"", &ignored, high) || *low > *high)
        return false;
    const CarinaHistogram seen = {.low = *low, .high = *high};
    return carina_range_choose(low, high, &seen, CARINA_RANGE_MINMAX, 100, LEVELS,
                               NULL) == CARINA_OK &&
           (float)*low < (float)*high;
}

/* The statistics of the layer that the node is of: its bias, say, has them. */
static const char *own_statistics(const CaNode *n)
{
    for (int i = 0; n && i < MAX_BEHIND; i++, n = ca_pass_only_reader(n)) {
        const char *text = ca_info_find(n->info, CA_STATISTICS);
        if (text)
            return text;
    }
    return NULL;
}

CarinaStatus ca_statistics_use(CaGraph *g, int *n_layers, CarinaError *err)
{
    int n_lifted = 0;
    *n_layers = 0;
    CA_EACH_NODE_SAFE(n, g)
    {
        const int n_in = ca_quantize_n_inputs(n);
        const char *own = n_in > 0 ? own_statistics(n) : NULL;
        CarinaQuantizeLayer how = {.layer = n->name};
        int i = 0;
        while (own && i < n_in &&
               range_of(ca_node_input(n, i), &how.low[i], &how.high[i]))
            i++;
        if (!own || i < n_in || strstr(own, "level=\"FP32\""))
            continue;
        CA_TRY(ca_quantize_layer(g, n, &how, LEVELS, err));
        ++*n_layers;
    }
    return *n_layers ? ca_pass_lift_quantize.run(g, &n_lifted, err) : CARINA_OK;
}

void ca_statistics_drop(CaGraph *g)
{
    CA_EACH_NODE(n, g)
        for (const CarinaInfo **at = &n->info; *at;)
            if (strcmp((*at)->key, CA_STATISTICS) == 0)
                *at = (*at)->next;
            else
                at = (const CarinaInfo **)(uintptr_t) & (*at)->next;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cheapest cut: Dinic's algorithm, E. A. Dinic, "Algorithm for solution of a problem of maximum flow in networks
 * with power estimation", Soviet Math. Doklady 11 (1970). Steps are counted, so that a stranger's network cannot hold
 * it for long.
 */
#include "passes/min_cut.h"

#include "base/memory.h"

#define MAX_STEPS (INT64_C(1) << 28)

typedef struct Edge {
    int to,
        next; /* -1: the last of the vertex; the edge back is the neighbour, index ^ 1 */
    int64_t left;
} Edge;

struct CaCut {
    int n;
    int n_edges;
    int64_t n_steps;
    Edge *edges;
    int *head, *now, *level, *queue, *path;
};

CarinaStatus ca_cut_create(CaCut **out, int n, size_t most_edges, CarinaError *err)
{
    CaCut *c = ca_alloc(sizeof *c);
    size_t size = 0, room = (size_t)n * sizeof(int);
    *out = c;
    if (c && ca_mul_size(&size, most_edges, 2 * sizeof(Edge)) &&
        most_edges < INT32_MAX / 2) {
        c->n = n;
        c->edges = ca_alloc(size);
        c->head = ca_alloc(room);
        c->now = ca_alloc(room);
        c->level = ca_alloc(room);
        c->queue = ca_alloc(room);
        c->path = ca_alloc(room);
    }
    if (!c || !c->edges || !c->head || !c->now || !c->level || !c->queue || !c->path) {
        ca_cut_free(out);
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for the graph");
    }
    for (int i = 0; i < n; i++)
        c->head[i] = -1;
    return CARINA_OK;
}

void ca_cut_free(CaCut **cut)
{
    CaCut *c = *cut;
    if (!c)
        return;
    ca_free(c->edges);
    ca_free(c->head);
    ca_free(c->now);
    ca_free(c->level);
    ca_free(c->queue);
    ca_free(c->path);
    ca_free(c);
    *cut = NULL;
}

static void half(CaCut *c, int from, int to, int64_t capacity)
{
    c->edges[c->n_edges] = (Edge){to, c->head[from], capacity};
    c->head[from] = c->n_edges++;
}

void ca_cut_edge(CaCut *c, int from, int to, int64_t capacity)
{
    if (from == to)
        return;
    half(c, from, to, capacity);
    half(c, to, from, 0);
}

/* Distances from the source over what is left; does it reach the sink? */
static bool search(CaCut *c)
{
    int first = 0, n = 0;
    for (int i = 0; i < c->n; i++) {
        c->level[i] = -1;
        c->now[i] = c->head[i];
    }
    c->level[CA_CUT_SOURCE] = 0;
    c->queue[n++] = CA_CUT_SOURCE;
    while (first < n) {
        const int v = c->queue[first++];
        for (int e = c->head[v]; e >= 0; e = c->edges[e].next, c->n_steps++) {
            const int to = c->edges[e].to;
            if (c->edges[e].left > 0 && c->level[to] < 0) {
                c->level[to] = c->level[v] + 1;
                c->queue[n++] = to;
            }
        }
    }
    return c->level[CA_CUT_SINK] >= 0;
}

/* Sends what the path of n edges can carry; returns how many edges from its start are still open. */
static int push(CaCut *c, int n)
{
    int64_t least = INT64_MAX;
    int keep = 0;
    for (int i = 0; i < n; i++)
        least = c->edges[c->path[i]].left < least ? c->edges[c->path[i]].left : least;
    for (int i = n - 1; i >= 0; i--) {
        c->edges[c->path[i]].left -= least;
        c->edges[c->path[i] ^ 1].left += least;
        keep = c->edges[c->path[i]].left == 0 ? i : keep;
    }
    c->n_steps += n;
    return keep;
}

/* All paths along rising levels. */
static void fill(CaCut *c)
{
    int n = 0, v = CA_CUT_SOURCE;
    while (c->n_steps < MAX_STEPS) {
        if (v == CA_CUT_SINK) {
            n = push(c, n);
            v = c->edges[c->path[n] ^ 1].to;
            continue;
        }
        const int e = c->now[v];
        c->n_steps++;
        if (e < 0) {
            if (n == 0)
                return;
            v = c->edges[c->path[--n] ^ 1].to;
            c->now[v] = c->edges[c->now[v]].next;
        } else if (c->edges[e].left > 0 && c->level[c->edges[e].to] == c->level[v] + 1) {
            c->path[n++] = e;
            v = c->edges[e].to;
        } else {
            c->now[v] = c->edges[e].next;
        }
    }
}

bool ca_cut_run(CaCut *c, bool *is_source)
{
    while (search(c)) {
        fill(c);
        if (c->n_steps >= MAX_STEPS)
            return false;
    }
    for (int i = 0; i < c->n; i++)
        is_source[i] = c->level[i] >= 0;
    return true;
}

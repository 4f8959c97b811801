/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuse-pad: a Pad with zeros goes into the padding of the convolution or pooling behind it, its only reader.
 *
 * AvgPool must count its padding, or have none yet. MaxPool takes zeros only where its input is never negative, and
 * only as many as keep some real input in every window.
 */
#include "passes/rewrite.h"

#include <string.h>

typedef struct Amounts {
    int n; /* spatial axes */
    int64_t begin[CARINA_MAX_RANK], end[CARINA_MAX_RANK];
} Amounts;

/* The padding of spatial axes; false if others are padded, or it is negative or unknown. */
static bool read_pad(const CaNode *n, Amounts *p)
{
    const CarinaTensor *begin = ca_pass_constant(n, 1), *end = ca_pass_constant(n, 2);
    const int64_t rank = begin && end ? ca_tensor_count(begin) : 0;
    if (strcmp(carina_node_enum(n, "pad_mode"), "constant") != 0 || rank < 3 ||
        rank > CARINA_MAX_RANK || ca_tensor_count(end) != rank ||
        !(ca_node_input(n, 3) == NULL || ca_pass_is_number(n, 3, 0)))
        return false;
    p->n = (int)rank - 2;
    for (int i = 0; i < (int)rank; i++) {
        const int64_t b = ca_get_int(begin->type, begin->data, i);
        const int64_t e = ca_get_int(end->type, end->data, i);
        if (b < 0 || e < 0 || b > INT32_MAX || e > INT32_MAX || (i < 2 && (b || e)))
            return false;
        if (i >= 2) {
            p->begin[i - 2] = b;
            p->end[i - 2] = e;
        }
    }
    return true;
}

/* Adds what the node pads itself; false where its padding is automatic. */
static bool add_own(const CaNode *n, Amounts *p, bool *has_own)
{
    const char *mode = carina_node_enum(n, "auto_pad");
    const CarinaInts begin = carina_node_ints(n, "pads_begin");
    const CarinaInts end = carina_node_ints(n, "pads_end");
    *has_own = false;
    if (strcmp(mode, "valid") == 0)
        return true;
    if (strcmp(mode, "explicit") != 0)
        return false;
    for (int i = 0; i < p->n; i++) {
        const int64_t b = begin.n == p->n ? begin.v[i] : 0;
        const int64_t e = end.n == p->n ? end.v[i] : 0;
        if (b < 0 || e < 0 || (begin.n && begin.n != p->n) || (end.n && end.n != p->n))
            return false;
        *has_own = *has_own || b || e;
        p->begin[i] += b;
        p->end[i] += e;
        if (p->begin[i] > 1 << 20 || p->end[i] > 1 << 20)
            return false;
    }
    return true;
}

static bool is_never_negative(const CaNode *n)
{
    static const char *const names[] = {"ReLU",     "Sigmoid", "Abs",
                                        "HSigmoid", "SoftMax", NULL};
    for (int i = 0; names[i]; i++)
        if (ca_node_is(n, names[i]))
            return true;
    return ca_node_is(n, "Clamp") && carina_node_float(n, "min", -1) >= 0;
}

static bool all_windows_see_input(const CaNode *n, const Amounts *p)
{
    const CarinaInts kernel = carina_node_ints(n, "kernel");
    const CarinaInts dilations = carina_node_ints(n, "dilations");
    for (int i = 0; i < p->n; i++)
        if (kernel.n != p->n || (dilations.n && dilations.v[i] != 1) ||
            p->begin[i] >= kernel.v[i] || p->end[i] >= kernel.v[i])
            return false;
    return true;
}

static bool can_take(const CaNode *n, const CaNode *pad, const Amounts *p, bool has_own)
{
    const bool is_floor = strcmp(carina_node_enum(n, "rounding_type"), "floor") == 0;
    if (ca_node_is(n, "Convolution") || ca_node_is(n, "GroupConvolution"))
        return true;
    if (ca_node_is(n, "AvgPool"))
        return is_floor && all_windows_see_input(n, p) &&
               (!has_own || !carina_node_bool(n, "exclude-pad", true));
    return ca_node_is(n, "MaxPool") && is_floor && all_windows_see_input(n, p) &&
           n->n_outputs == 1 && is_never_negative(ca_node_input_node(pad, 0));
}

static CarinaStatus fuse(CaGraph *g, CaNode *n, int *n_changes, CarinaError *err)
{
    CaNode *pad = ca_node_input_node(n, 0);
    Amounts p;
    bool has_own = false;
    if (!ca_node_is(pad, "Pad") || ca_pass_only_reader(pad) != n ||
        !ca_node_input(pad, 0) || !read_pad(pad, &p) || !add_own(n, &p, &has_own) ||
        !can_take(n, pad, &p, has_own))
        return CARINA_OK;
    CA_TRY(ca_node_set_ints(g, n, "pads_begin", p.begin, p.n, err));
    CA_TRY(ca_node_set_ints(g, n, "pads_end", p.end, p.n, err));
    CA_TRY(ca_node_set_text(g, n, "auto_pad", "explicit", err));
    if (ca_node_is(n, "AvgPool"))
        CA_TRY(ca_node_set_text(g, n, "exclude-pad", "false", err));
    ca_node_set_input(n, 0, ca_node_input(pad, 0));
    ca_rewrite_drop(g, pad);
    ++*n_changes;
    return ca_node_infer(g, n, err);
}

static CarinaStatus run(CaGraph *g, int *n_changes, CarinaError *err)
{
    CA_EACH_NODE_SAFE(n, g)
    if (n->n_inputs > 0)
        CA_TRY(fuse(g, n, n_changes, err));
    return CARINA_OK;
}

const CaPass ca_pass_fuse_pad = {
    .name = "fuse-pad",
    .summary = "takes zero padding into convolutions and pooling",
    .run = run,
};

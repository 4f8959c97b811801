/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TensorFlow: data_format, and lists in its order.
 */
#include "formats/tensorflow/tf_layout.h"

#include <string.h>

bool ca_tf_channels_last(CaTfCall *c)
{
    const char *format = ca_tf_attr_text(c->r, c->node, "data_format", "NHWC");
    const size_t n = strlen(format);
    if (n >= 3 && n <= 5 && format[0] == 'N' && format[n - 1] == 'C')
        return true;
    if (n >= 3 && n <= 5 && strncmp(format, "NC", 2) == 0)
        return false;
    ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                  "data_format %s; export with NHWC or NCHW", format);
    return true;
}

int ca_tf_channel_axis(CaTfCall *c, int rank)
{
    return ca_tf_channels_last(c) ? rank - 1 : 1;
}

static CaValue *moved(CaTfCall *c, CaValue *v, int n, bool to_first)
{
    int perm[CARINA_MAX_RANK] = {0};
    for (int i = 1; i < n + 2; i++)
        perm[i] = to_first ? (i == 1 ? n + 1 : i - 1) : (i == n + 1 ? 1 : i + 1);
    return ca_build_transpose(c->b, v, perm, n + 2);
}

CaValue *ca_tf_first(CaTfCall *c, CaValue *x, int n)
{
    const CarinaShape s = ca_build_shape(c->b, x);
    if (s.rank >= 0 && s.rank != n + 2)
        ca_build_fail(c->b, CARINA_ERR_SHAPE, "its input has %d dimensions, needs %d",
                      s.rank, n + 2);
    return ca_tf_channels_last(c) ? moved(c, x, n, true) : x;
}

CaValue *ca_tf_back(CaTfCall *c, CaValue *v, int n)
{
    return ca_tf_channels_last(c) ? moved(c, v, n, false) : v;
}

void ca_tf_spatial_of(CaTfCall *c, int64_t *out, const char *what, const int64_t *list,
                      int count, int n)
{
    const int first = ca_tf_channels_last(c) ? 1 : 2;
    for (int i = 0; i < n; i++)
        out[i] = 1;
    if (count != n + 2) {
        ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s has %d numbers, needs %d", what, count,
                      n + 2);
        return;
    }
    for (int i = 0; i < n + 2; i++) {
        const bool spatial = i >= first && i < first + n;
        if (list[i] < 1 || list[i] > 1 << 24)
            ca_build_fail(c->b, CARINA_ERR_FORMAT, "%s has %lld; it must be positive",
                          what, (long long)list[i]);
        else if (!spatial && list[i] != 1)
            ca_build_fail(c->b, CARINA_ERR_UNSUPPORTED,
                          "%s of %lld over batch or channels, which Carina does not "
                          "compute",
                          what, (long long)list[i]);
        else if (spatial)
            out[i - first] = list[i];
    }
}

void ca_tf_spatial(CaTfCall *c, int64_t *out, const char *attr, int n)
{
    int64_t list[CARINA_MAX_RANK];
    CaTfSpan span;
    for (int i = 0; i < n; i++)
        out[i] = 1;
    if (!ca_tf_attr(c->r, c->node, attr, &span))
        return;
    const int count = ca_tf_attr_ints(c->r, c->node, attr, list, CARINA_MAX_RANK);
    if (count != 0)
        ca_tf_spatial_of(c, out, attr, list, count, n);
}

int ca_tf_some_ints(CaTfCall *c, int input, int64_t *out, int max)
{
    CaValue *v = ca_tf_in(c, input);
    const int n = ca_build_known_ints(c->b, v, out, max);
    if (n >= 0 || c->b->status != CARINA_OK)
        return n;
    const CaTfNode *pack = c->node->in[input].node;
    while (pack && pack->n_in == 1 &&
           (strcmp(pack->op, "Cast") == 0 || strcmp(pack->op, "Identity") == 0))
        pack = pack->in[0].node;
    if (!pack || strcmp(pack->op, "Pack") != 0 || pack->n_in > max)
        return -1;
    for (int i = 0; i < pack->n_in; i++)
        if (ca_build_known_ints(c->b, ca_tf_value(&pack->in[i]), &out[i], 1) != 1)
            out[i] = -1;
    return pack->n_in;
}

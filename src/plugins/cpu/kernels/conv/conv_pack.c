/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters into the order in which the kernels read them, strictly forward.
 *
 *      direct      [group][ci / 16][kh][kw][16 or what is left][channels of the group]
 *      planes      the same of one channel a block
 *      Winograd    [group][xi][panel][ci][channels of the panel]     U = G g G^T, rounded once; step 2 too
 *      Strassen    [group][panel][ci / 2][channels of the group]
 *      depthwise   [c / 16][kh][kw][16]
 */
#include "base/compiler.h"
#include "base/text.h"
#include "conv_kernels.h"

/* Results of a group: blocks [first, first + n) of all results (Strassen: and as many of the lower half), of which `part`
 * is the merged group. */
typedef struct {
    int first, n, part;
} Group;

static Group group_of(const CaConvPlan *p, int item)
{
    const int per_part = p->n_groups / p->n_parts, j = item % per_part * p->group_blocks;
    const int all = p->algorithm == CA_CONV_STRASSEN ? p->co_blocks / 2 : p->co_blocks;
    Group g = {.part = item / per_part, .n = all - j};

    g.first = g.part * p->co_blocks + j;
    if (g.n > p->group_blocks)
        g.n = p->group_blocks;
    return g;
}

/* The filter of result o and input c (of the part's ci); NULL where merged groups do not meet. */
static const float *taps_of(const CaConvPlan *p, const float *oihw, int part, int o,
                            int c)
{
    const CaConvShape *s = &p->s;
    const int ci = s->ci / s->groups, co = s->co / s->groups;

    if (o >= s->co || o / co != (part * p->ci + c) / ci)
        return NULL;
    return oihw + ((size_t)o * (size_t)ci + (size_t)(c % ci)) * (size_t)(s->kh * s->kw);
}

/* n input channels of 16 whole filters, whose rows begin at k and are `row` apart: a line is written at a time. */
CA_READS_UNALIGNED static void pack_16(float *w, const float *k, size_t row, int n,
                                       int taps, int width)
{
    for (int c = 0; c < n; c++)
        for (int t = 0; t < taps; t++) {
            const float *from = k + c * taps + t;
            float *to = w + (ptrdiff_t)(t * n + c) * width;
            for (int o = 0; o < 16; o++, from += row)
                to[o] = *from;
        }
}

/* The same where filters end, or merged groups do not meet. */
CA_READS_UNALIGNED static void pack_some(const CaConvPlan *p, float *w, const float *oihw,
                                         Group g, int o, int c0, int n)
{
    const int taps = p->s.kh * p->s.kw, width = g.n * 16;

    for (int i = 0; i < 16; i++)
        for (int c = 0; c < n; c++) {
            const float *k = taps_of(p, oihw, g.part, g.first * 16 + o + i, c0 + c);
            for (int t = 0; t < taps; t++)
                w[(ptrdiff_t)(t * n + c) * width + i] = k ? k[t] : 0;
        }
}

/* Reads forward too: the 16 channels that are scattered at a time stay in L1. */
static void pack_direct(const CaConvPlan *p, float *filter, const float *oihw, Group g)
{
    const int taps = p->s.kh * p->s.kw, width = g.n * 16;
    const size_t row = (size_t)p->ci * (size_t)taps;
    float *w = filter + (size_t)g.first * 16 * row;

    const int block = p->algorithm == CA_CONV_PLANES ? 1 : 16;
    for (int c0 = 0; c0 < p->ci; c0 += block) {
        const int n = p->ci - c0 < block ? p->ci - c0 : block;
        for (int o = 0; o < width; o += 16) {
            const int first = g.first * 16 + o;
            if (p->s.groups == 1 && first + 16 <= p->s.co)
                pack_16(w + o, oihw + (size_t)first * row + (size_t)(c0 * taps), row, n,
                        taps, width);
            else
                pack_some(p, w + o, oihw, g, o, c0, n);
        }
        w += (ptrdiff_t)taps * n * width;
    }
}

/* Row of G for point q: (1, q, q^2) / product of q - r over the other points; (0, 0, 1) for infinity. */
static void filter_transform(int m, double G[6][3])
{
    static const double p2[] = {CA_WINOGRAD_POINTS_2}, p4[] = {CA_WINOGRAD_POINTS_4};
    const double *p = m == 2 ? p2 : p4;
    double q[5] = {0};

    for (int i = 0; i < m / 2; i++) {
        q[1 + 2 * i] = p[i];
        q[2 + 2 * i] = -p[i];
    }
    for (int i = 0; i <= m; i++) {
        double d = 1;
        for (int j = 0; j <= m; j++)
            d *= i == j ? 1 : q[i] - q[j];
        G[i][0] = 1 / d;
        G[i][1] = q[i] / d;
        G[i][2] = q[i] * q[i] / d;
    }
    G[m + 1][0] = G[m + 1][1] = 0;
    G[m + 1][2] = 1;
}

/* Of step 2: the outer taps as (1, 0, q) / product, (0, 0, 1) for infinity; then the middle one. */
static void polyphase_filter_transform(int m, double G[6][3])
{
    static const double p2[] = {CA_POLYPHASE_POINTS_2}, p4[] = {CA_POLYPHASE_POINTS_4};
    const double *p = m == 2 ? p2 : p4;

    for (int i = 0; i < m; i++) {
        const double q = i % 2 ? -p[i / 2] : p[i / 2];
        double d = 2 * q;
        for (int j = 0; j < m / 2; j++)
            d *= j == i / 2 ? 1 : q * q - p[j] * p[j];
        G[i][0] = 1 / d;
        G[i][1] = 0;
        G[i][2] = q / d;
    }
    G[m][0] = G[m][1] = G[m + 1][0] = G[m + 1][2] = 0;
    G[m][2] = G[m + 1][1] = 1;
}

/* Of 16 filters k [9][16]: U = G k G^T, a * a rows of 16 numbers, xi_stride apart. */
static void transform(double G[6][3], int a, float k[9][16], float *u, size_t xi_stride)
{
    double t[3][16];

    for (int i = 0; i < a; i++) {
        for (int j = 0; j < 3; j++)
            for (int l = 0; l < 16; l++)
                t[j][l] = G[i][0] * (double)k[j][l] + G[i][1] * (double)k[3 + j][l] +
                          G[i][2] * (double)k[6 + j][l];
        for (int j = 0; j < a; j++, u += xi_stride)
            for (int l = 0; l < 16; l++)
                u[l] = (float)(t[0][l] * G[j][0] + t[1][l] * G[j][1] + t[2][l] * G[j][2]);
    }
}

/* 16 filters of one input channel at a time: whole lines are written. */
CA_READS_UNALIGNED static void pack_winograd(const CaConvPlan *p, float *filter,
                                             const float *oihw, Group g)
{
    const int a = p->m + 2, panel = p->isa->max_blocks;
    const size_t ci = (size_t)p->ci, xi_stride = (size_t)g.n * 16 * ci;
    double G[6][3];
    float k[9][16];

    if (p->s.stride_h == 2)
        polyphase_filter_transform(p->m, G);
    else
        filter_transform(p->m, G);
    float *u = filter + (size_t)g.first * 16 * ci * (size_t)(a * a);
    for (int b = 0; b < g.n; b += panel) {
        const int blocks = g.n - b < panel ? g.n - b : panel;
        for (int c = 0; c < p->ci; c++)
            for (int o = 0; o < blocks; o++, u += 16) {
                for (int l = 0; l < 16; l++) {
                    const float *from =
                        taps_of(p, oihw, 0, (g.first + b + o) * 16 + l, c);
                    for (int i = 0; i < 9; i++)
                        k[i][l] = from ? from[i] : 0;
                }
                transform(G, a, k, u, xi_stride);
            }
    }
}

/* 16 input channels of 16 results of the four quarters of the filter. */
CA_READS_UNALIGNED static void quarters_of(const CaConvPlan *p, float q[4][16][16],
                                           const float *oihw, int o, int c)
{
    const size_t ci = (size_t)p->ci, down = (size_t)p->co / 2 * ci, right = ci / 2;
    const float *from = oihw + (size_t)o * ci + (size_t)c;

    for (int i = 0; i < 16; i++, from += ci)
        for (int j = 0; j < 16; j++) {
            q[0][j][i] = from[j];
            q[1][j][i] = from[right + (size_t)j];
            q[2][j][i] = from[down + (size_t)j];
            q[3][j][i] = from[down + right + (size_t)j];
        }
}

/* The panels in the order of conv_strassen.c: W11, S2, S3, -W22, W12, S1, S4. Group g is of the upper half. */
static void pack_strassen(const CaConvPlan *p, float *filter, const float *oihw, Group g)
{
    const int half = p->ci_blocks / 2, width = g.n * 16;
    const ptrdiff_t panel = (ptrdiff_t)half * 16 * width;
    float q[4][16][16];

    float *w = filter + (size_t)g.first * 16 * 7 * (size_t)half * 16;
    for (int block = 0; block < half; block++, w += (ptrdiff_t)16 * width)
        for (int b = 0; b < g.n; b++) {
            quarters_of(p, q, oihw, (g.first + b) * 16, block * 16);
            float *to = w + b * 16;
            for (int c = 0; c < 16; c++, to += width)
                for (int o = 0; o < 16; o++) {
                    const float w11 = q[0][c][o], w12 = q[1][c][o], w21 = q[2][c][o],
                                w22 = q[3][c][o];
                    const float s1 = w21 + w22, s2 = s1 - w11;
                    to[o] = w11;
                    to[panel + o] = s2;
                    to[2 * panel + o] = w11 - w21;
                    to[3 * panel + o] = -w22;
                    to[4 * panel + o] = w12;
                    to[5 * panel + o] = s1;
                    to[6 * panel + o] = w12 - s2;
                }
        }
}

CA_READS_UNALIGNED static void pack_depthwise(const CaConvPlan *p, float *filter,
                                              const float *oihw, Group g)
{
    const int taps = p->s.kh * p->s.kw;
    float *w = filter + (size_t)g.first * 16 * (size_t)taps;

    for (int t = 0; t < taps; t++)
        for (int c = g.first * 16; c < g.first * 16 + 16; c++)
            *w++ = c < p->co ? oihw[(size_t)c * (size_t)taps + (size_t)t] : 0;
}

static void set_bias(const CaConvPlan *p, float *biases, const float *bias, int first,
                     int n)
{
    for (int o = first * 16; o < (first + n) * 16; o++)
        biases[o] = bias && o < p->s.co ? bias[o] : 0;
}

void ca_conv_pack(const CaConvPlan *p, void *packed, const float *oihw, const float *bias,
                  int item_begin, int item_end)
{
    float *const biases = packed, *const filter =
                                      biases + (ca_conv_filter(p, biases) - biases);

    for (int item = item_begin; item < item_end; item++) {
        const Group g = group_of(p, item);
        set_bias(p, biases, bias, g.first, g.n);
        if (p->algorithm == CA_CONV_STRASSEN) {
            set_bias(p, biases, bias, p->co_blocks / 2 + g.first, g.n);
            pack_strassen(p, filter, oihw, g);
        } else if (p->algorithm == CA_CONV_DIRECT || p->algorithm == CA_CONV_PLANES)
            pack_direct(p, filter, oihw, g);
        else if (p->algorithm == CA_CONV_DEPTHWISE)
            pack_depthwise(p, filter, oihw, g);
        else
            pack_winograd(p, filter, oihw, g);
    }
}

uint64_t ca_conv_pack_key(const CaConvPlan *p)
{
    const CaConvShape *s = &p->s;
    const bool is_winograd =
        p->algorithm == CA_CONV_WINOGRAD_2 || p->algorithm == CA_CONV_WINOGRAD_4;
    const bool is_polyphase = is_winograd && s->stride_h == 2;
    const int64_t what[] = {is_polyphase,    p->algorithm, s->ci,
                            s->co,           s->kh,        s->kw,
                            s->groups,       p->m,         p->n_parts,
                            p->ci,           p->co,        p->co_blocks,
                            p->group_blocks, p->n_groups,  (int64_t)p->packed_size};
    return ca_hash(what, sizeof what, (uint64_t)(uintptr_t)p->isa);
}

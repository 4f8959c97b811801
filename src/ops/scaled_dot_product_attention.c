/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ScaledDotProductAttention: softmax(q kT scale + mask) v. OpenVINO opset13.
 *
 * Inputs: q [.., L, E], k [.., S, E], v [.., S, Ev], mask boolean (true: keep) or added, scale (default 1 / sqrt(E)).
 * Leading dimensions broadcast. causal: position l sees s <= l and the mask is not read. A row with nothing to see
 * gives NaN, as in OpenVINO.
 */
#include "ops/check.h"

#include <math.h>

typedef struct {
    bool causal;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_BOOL(Attrs, causal, CA_REQUIRED),
    CA_ATTRS_END,
};

static CarinaShape leading(const CarinaShape *s)
{
    return ca_shape(s->rank - 2, s->dims);
}

static CarinaStatus check_mask(const CaInferArgs *a, const CarinaShape *scores,
                               CarinaError *err)
{
    const CarinaShape m = ca_in_shape(a, 3);
    CarinaShape both;
    if (!ca_node_input(a->node, 3))
        return CARINA_OK;
    if (ca_in_type(a, 3) != CARINA_BOOL && !ca_type_is_real(ca_in_type(a, 3)))
        return ca_infer_err(a, err, CARINA_ERR_TYPE,
                            "the mask is %s; give boolean or a floating type",
                            carina_type_name(ca_in_type(a, 3)));
    if (m.rank >= 0 && (!ca_shape_broadcast(&both, scores, &m) ||
                        (ca_shape_is_static(scores) && ca_shape_is_static(&m) &&
                         !ca_shape_equal(&both, scores)))) {
        char tm[CA_SHAPE_TEXT], ts[CA_SHAPE_TEXT];
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE, "the mask %s does not stretch over the scores %s",
            ca_shape_text(tm, sizeof tm, &m), ca_shape_text(ts, sizeof ts, scores));
    }
    return CARINA_OK;
}

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape q = ca_in_shape(a, 0), k = ca_in_shape(a, 1), v = ca_in_shape(a, 2);
    CarinaShape y = ca_shape_unknown();
    CA_TRY(ca_check_real(a, 0, 3, err));
    for (int i = 0; i < 3; i++)
        CA_TRY(ca_check_rank(a, i, 2, CARINA_MAX_RANK, err));
    if (ca_node_input(a->node, 4))
        CA_TRY(ca_check_real(a, 4, 1, err));
    const CarinaShape scale = ca_in_shape(a, 4);
    int64_t n;
    if (ca_shape_is_static(&scale) && ca_shape_count(&scale, &n) && n != 1)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "scale has %lld numbers; give one",
                            (long long)n);
    if (q.rank < 0 || k.rank < 0 || v.rank < 0) {
        ca_out(a, 0, ca_in_type(a, 0), &y);
        return CARINA_OK;
    }
    const CarinaShape lq = leading(&q), lk = leading(&k), lv = leading(&v);
    int64_t e = q.dims[q.rank - 1], s = k.dims[k.rank - 2];
    if (!ca_dim_meet(&e, k.dims[k.rank - 1]) || !ca_dim_meet(&s, v.dims[v.rank - 2]))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "queries are %lld wide, keys %lld x %lld, values %lld long",
                            (long long)q.dims[q.rank - 1], (long long)k.dims[k.rank - 2],
                            (long long)k.dims[k.rank - 1], (long long)v.dims[v.rank - 2]);
    if (!ca_shape_broadcast(&y, &lq, &lk) || !ca_shape_broadcast(&y, &y, &lv))
        return ca_infer_err(
            a, err, CARINA_ERR_SHAPE,
            "the leading dimensions of queries, keys and values do not broadcast");
    y.dims[y.rank++] = q.dims[q.rank - 2];
    y.dims[y.rank++] = s;
    CA_TRY(check_mask(a, &y, err));
    y.dims[y.rank - 1] = v.dims[v.rank - 1];
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

/* One query: weights of the S keys into w. at: flat number of the query's first score. */
static void weigh(const CaRefArgs *r, const CarinaShape *scores, const double *q,
                  const double *k, int64_t row, int64_t at, double scale, double *w)
{
    const bool causal = ((const Attrs *)r->attrs)->causal;
    const int64_t e_n = r->in[0].shape.dims[r->in[0].shape.rank - 1];
    const int64_t s_n = scores->dims[scores->rank - 1];
    double most = -INFINITY, sum = 0;
    for (int64_t s = 0; s < s_n; s++) {
        w[s] = 0;
        for (int64_t e = 0; e < e_n; e++)
            w[s] += q[e] * k[s * e_n + e];
        w[s] *= scale;
        if (causal) {
            w[s] = s <= row ? w[s] : -INFINITY;
        } else if (ca_ref_has(r, 3)) {
            const CaRefTensor *m = &r->in[3];
            const int64_t i = ca_ref_broadcast(scores, &m->shape, at + s);
            if (m->whole)
                w[s] = m->whole[i] ? w[s] : -INFINITY;
            else
                w[s] += m->real[i];
        }
        most = fmax(most, w[s]);
    }
    for (int64_t s = 0; s < s_n; s++)
        sum += w[s] = exp(w[s] - most);
    for (int64_t s = 0; s < s_n; s++)
        w[s] /= sum;
}

static void ref(CaRefArgs *r)
{
    const CarinaShape *qs = &r->in[0].shape, *ks = &r->in[1].shape, *vs = &r->in[2].shape;
    const CarinaShape lq = leading(qs), lk = leading(ks), lv = leading(vs);
    const CarinaShape batch = leading(&r->out[0].shape);
    const int64_t l_n = qs->dims[qs->rank - 2], e_n = qs->dims[qs->rank - 1];
    const int64_t s_n = ks->dims[ks->rank - 2], ev_n = vs->dims[vs->rank - 1];
    CarinaShape scores = r->out[0].shape;
    scores.dims[scores.rank - 1] = s_n;
    const double scale = ca_ref_has(r, 4) ? r->in[4].real[0] : 1 / sqrt((double)e_n);
    double *w = ca_ref_doubles(r, s_n), *y = r->out[0].real;
    if (!w || r->out[0].n == 0)
        return;
    const int64_t n = r->out[0].n / (l_n * ev_n);
    for (int64_t b = 0; b < n; b++) {
        const double *q = r->in[0].real + ca_ref_broadcast(&batch, &lq, b) * l_n * e_n;
        const double *k = r->in[1].real + ca_ref_broadcast(&batch, &lk, b) * s_n * e_n;
        const double *v = r->in[2].real + ca_ref_broadcast(&batch, &lv, b) * s_n * ev_n;
        for (int64_t l = 0; l < l_n; l++) {
            weigh(r, &scores, q + l * e_n, k, l, (b * l_n + l) * s_n, scale, w);
            for (int64_t i = 0; i < ev_n; i++, y++) {
                *y = 0;
                for (int64_t s = 0; s < s_n; s++)
                    *y += w[s] * v[s * ev_n + i];
            }
        }
    }
}

/* The weights of one query: as many as there are keys. */
static size_t work(const CarinaNode *node)
{
    const int rank = node->inputs[1].value->shape.rank;
    return ca_work_array(0, ca_node_dim(node, 1, rank - 2), sizeof(double));
}

const CaOp ca_op_scaled_dot_product_attention = {
    .name = "ScaledDotProductAttention",
    .opset = 13,
    .summary = "attention: softmax(q kT scale + mask) v",
    .arity = {3, 5, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
    .work = work,
};

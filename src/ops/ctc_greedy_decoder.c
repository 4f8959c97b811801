/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CTCGreedyDecoder: the likeliest class of each step, of x [T, N, C], without blanks (class C - 1) and, where
 * ctc_merge_repeated, without repeats that no blank parts. OpenVINO opset1.
 *
 * A sequence ends at the first 0 of its mask [T, N]. y [N, T, 1, 1], filled up with -1. Of equal scores the first
 * counts.
 */
#include "ops/check.h"

typedef struct {
    bool ctc_merge_repeated;
} Attrs;

static const CarinaAttr attrs[] = {
    CA_ATTR_BOOL(Attrs, ctc_merge_repeated, CA_DEFAULT("true")),
    CA_ATTRS_END,
};

static CarinaStatus infer(const CaInferArgs *a, CarinaError *err)
{
    const CarinaShape x = ca_in_shape(a, 0), mask = ca_in_shape(a, 1);
    CA_TRY(ca_check_real(a, 0, 2, err));
    CA_TRY(ca_check_rank(a, 0, 3, 3, err));
    CA_TRY(ca_check_rank(a, 1, 2, 2, err));
    for (int d = 0; d < 2; d++)
        if (ca_dim(&x, d) >= 0 && ca_dim(&mask, d) >= 0 &&
            ca_dim(&x, d) != ca_dim(&mask, d))
            return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                                "the mask has %lld where the data have %lld %s",
                                (long long)ca_dim(&mask, d), (long long)ca_dim(&x, d),
                                d ? "sequences" : "steps");
    if (ca_dim(&x, 2) == 0)
        return ca_infer_err(a, err, CARINA_ERR_SHAPE,
                            "there are no classes; one is the blank");
    const CarinaShape y =
        ca_shape(4, (const int64_t[]){ca_dim(&x, 1), ca_dim(&x, 0), 1, 1});
    ca_out(a, 0, ca_in_type(a, 0), &y);
    return CARINA_OK;
}

static int64_t likeliest(const double *p, int64_t n)
{
    int64_t best = 0;
    for (int64_t c = 1; c < n; c++)
        best = p[c] > p[best] ? c : best;
    return best;
}

static void ref(CaRefArgs *r)
{
    const Attrs *const at = r->attrs;
    const int64_t *dims = r->in[0].shape.dims, n_steps = dims[0], n = dims[1],
                  n_classes = dims[2];
    for (int64_t i = 0; i < n; i++) {
        double *y = r->out[0].real + i * n_steps;
        int64_t count = 0, before = -1;
        for (int64_t t = 0; t < n_steps; t++)
            y[t] = -1;
        for (int64_t t = 0; t < n_steps && r->in[1].real[t * n + i] != 0; t++) {
            const int64_t c =
                likeliest(r->in[0].real + (t * n + i) * n_classes, n_classes);
            if (c != n_classes - 1 && !(at->ctc_merge_repeated && c == before))
                y[count++] = (double)c;
            before = c;
        }
    }
}

const CaOp ca_op_ctc_greedy_decoder = {
    .name = "CTCGreedyDecoder",
    .opset = 1,
    .summary = "likeliest classes of sequences, without blanks and repeats",
    .arity = {2, 2, 1},
    .attrs_size = sizeof(Attrs),
    .attrs = attrs,
    .infer = infer,
    .ref = ref,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A product of channels with a matrix as a 1x1 Convolution.
 *
 * Images only, of rank 4 or 5: sequences of rank 3 belong to attention, whose other products want features last. The
 * weights are a Const, or one that a Convert widens, which stays behind the weights in their new order.
 */
#include "passes/products.h"

#include "passes/rewrite.h"

#include <string.h>

static const CaNode *weights_of(const CaNode *n)
{
    const CaNode *w = ca_node_input_node(n, 1);
    if (w && ca_node_is(w, "Convert"))
        w = ca_node_input_node(w, 0);
    return w && ca_node_is(w, "Const") && w->outputs[0].constant ? w : NULL;
}

bool ca_product_can_move(const CaNode *n)
{
    const CaValue *x = ca_node_input(n, 0), *w = ca_node_input(n, 1);
    return ca_node_is(n, "MatMul") && x && w && weights_of(n) &&
           (w->type == CARINA_F32 || w->type == CARINA_F16) &&
           (x->shape.rank == 4 || x->shape.rank == 5) && w->shape.rank == 2 &&
           carina_type_bits(weights_of(n)->outputs[0].type) % 8 == 0 &&
           !carina_node_bool(n, "transpose_a", false);
}

bool ca_product_fits(const CaOrder *p)
{
    for (int i = 0; i < p->rank; i++)
        if (p->at[i] != (i == 0 ? 0 : i == 1 ? p->rank - 1 : i - 1))
            return false;
    return p->rank > 2;
}

/* [C, M], or [M, C] if it is transposed, as filters [M, C, 1, ...]. */
static CarinaStatus filters(CarinaTensor **out, const CarinaTensor *w, bool is_transposed,
                            int rank, CarinaError *err)
{
    const int64_t c = w->shape.dims[is_transposed], m = w->shape.dims[!is_transposed];
    const size_t size = (size_t)carina_type_bits(w->type) / 8;
    CarinaShape s = {.rank = rank};
    for (int d = 0; d < rank; d++)
        s.dims[d] = d == 0 ? m : d == 1 ? c : 1;
    CA_TRY(carina_tensor_create(out, w->type, &s, err));
    if (is_transposed) {
        memcpy((*out)->data, w->data, (size_t)(m * c) * size);
        return CARINA_OK;
    }
    for (int64_t i = 0; i < m; i++)
        for (int64_t k = 0; k < c; k++)
            memcpy((char *)(*out)->data + (size_t)(i * c + k) * size,
                   (const char *)w->data + (size_t)(k * m + i) * size, size);
    return CARINA_OK;
}

/* Input 1, in its new order. */
static CarinaStatus move_weights(CaGraph *g, CaNode *n, int rank, CarinaError *err)
{
    const CaNode *w = weights_of(n);
    CaNode *old = ca_node_input_node(n, 1), *convert = NULL;
    const bool is_heir = ca_pass_only_reader(old) && ca_pass_only_reader(w);
    CarinaTensor *t = NULL;
    CaValue *v = NULL;
    CA_TRY(filters(&t, w->outputs[0].constant, carina_node_bool(n, "transpose_b", false),
                   rank, err));
    CA_TRY(ca_graph_constant(&v, g, n, is_heir ? w->name : NULL, t, err));
    if (old != w) {
        CA_TRY(ca_graph_add(&convert, g, n, "Convert", old->opset,
                            is_heir ? old->name : NULL, (CaValue *[]){v}, 1, 1, err));
        CA_TRY(ca_attrs_copy(g, convert, old, err));
        convert->info = old->info;
        CA_TRY(ca_node_infer(g, convert, err));
        v = &convert->outputs[0];
    }
    ca_node_set_input(n, 1, v);
    ca_rewrite_drop(g, old);
    return CARINA_OK;
}

CarinaStatus ca_product_move(CaGraph *g, CaNode *n, const CaOrder *p, CarinaError *err)
{
    static const char *const pads[] = {"pads_begin", "pads_end"}, *const steps[] = {
                                                                      "strides",
                                                                      "dilations"};
    static const int64_t zeros[CARINA_MAX_RANK] = {0};
    int64_t ones[CARINA_MAX_RANK];
    CA_TRY(move_weights(g, n, p->rank, err));
    CA_TRY(ca_node_become(g, n, "Convolution", 1, err));
    for (int i = 0; i < p->rank; i++)
        ones[i] = 1;
    for (int i = 0; i < 2; i++) {
        CA_TRY(ca_node_set_ints(g, n, pads[i], zeros, p->rank - 2, err));
        CA_TRY(ca_node_set_ints(g, n, steps[i], ones, p->rank - 2, err));
    }
    return CARINA_OK;
}

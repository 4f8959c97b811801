/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends that are too long for every kernel, on results that are still in L1: act(prelu(x)) on `lanes` channels of n
 * pixels in place, 0 in the other channels. The includer has act_tmpl.h.
 * Each kind of activation has its loop, with its constants in registers.
 */
CA_INLINE void finish_as(const CaActKind kind, float *x, int n, const CaAct *act)
{
    const CaAct as = {kind, act->a, act->b};
    for (int i = 0; i < n * 16; i += VF32_N)
        vf32_store(x + i, vf32_act(&as, vf32_load(x + i)));
}

static void finish_act(float *x, int n, const CaAct *act)
{
    switch (act->kind) {
    case CA_ACT_NONE:
    case CA_N_ACTS: break;
    case CA_ACT_RELU: finish_as(CA_ACT_RELU, x, n, act); break;
    case CA_ACT_CLAMP: finish_as(CA_ACT_CLAMP, x, n, act); break;
    case CA_ACT_LEAKY: finish_as(CA_ACT_LEAKY, x, n, act); break;
    case CA_ACT_SIGMOID: finish_as(CA_ACT_SIGMOID, x, n, act); break;
    case CA_ACT_TANH: finish_as(CA_ACT_TANH, x, n, act); break;
    case CA_ACT_GELU_ERF: finish_as(CA_ACT_GELU_ERF, x, n, act); break;
    case CA_ACT_GELU_TANH: finish_as(CA_ACT_GELU_TANH, x, n, act); break;
    case CA_ACT_SWISH: finish_as(CA_ACT_SWISH, x, n, act); break;
    case CA_ACT_HSWISH: finish_as(CA_ACT_HSWISH, x, n, act); break;
    case CA_ACT_HSIGMOID: finish_as(CA_ACT_HSIGMOID, x, n, act); break;
    case CA_ACT_ELU: finish_as(CA_ACT_ELU, x, n, act); break;
    case CA_ACT_MISH: finish_as(CA_ACT_MISH, x, n, act); break;
    case CA_ACT_SOFTPLUS: finish_as(CA_ACT_SOFTPLUS, x, n, act); break;
    case CA_ACT_EXP: finish_as(CA_ACT_EXP, x, n, act); break;
    }
}

static void finish(float *x, int n, const CaAct *act, const float *slope, int lanes)
{
    for (int i = 0; slope && i < n * 16; i += VF32_N) {
        const vf32 z = vf32_load(x + i), steep = vf32_load(slope + i % 16);
        vf32_store(x + i, vf32_select_lt(z, vf32_zero(), vf32_mul(steep, z), z));
    }
    finish_act(x, n, act);
    for (int lane = lanes; lane < 16; lane++)
        for (int i = 0; i < n; i++)
            x[i * 16 + lane] = 0;
}

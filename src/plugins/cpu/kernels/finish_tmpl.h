/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends that are too long for every kernel, on results that are still in L1: act(prelu(x)) on `lanes` channels of n
 * pixels in place, 0 in the other channels. The includer has act_tmpl.h.
 */
static void finish(float *x, int n, const CaAct *act, const float *slope, int lanes)
{
    for (int lane = 0; lane < 16; lane += VF32_N)
        for (int i = 0; i < n; i++) {
            float *at = x + i * 16 + lane;
            vf32 z = vf32_load(at);
            if (slope)
                z = vf32_select_lt(z, vf32_zero(), vf32_mul(vf32_load(slope + lane), z),
                                   z);
            vf32_store(at, vf32_act(act, z));
        }
    for (int lane = lanes; lane < 16; lane++)
        for (int i = 0; i < n; i++)
            x[i * 16 + lane] = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is around Strassen's products (conv_strassen.c): the sums of inputs, and results to where rows end.
 */
static void strassen_in(float *restrict to, ptrdiff_t to_stride,
                        const float *const half[2], const ptrdiff_t *const at[2], int n,
                        bool copies)
{
    for (int i = 0; i < n; i++)
        for (int lane = 0; lane < 16; lane += VF32_N, to += VF32_N) {
            const vf32 x11 = vf32_load(half[0] + at[0][i] + lane),
                       x12 = vf32_load(half[0] + at[1][i] + lane),
                       x21 = vf32_load(half[1] + at[0][i] + lane),
                       x22 = vf32_load(half[1] + at[1][i] + lane);
            const vf32 t1 = vf32_sub(x12, x11), t2 = vf32_sub(x22, t1);
            vf32_store(to, t1);
            vf32_store(to + to_stride, t2);
            vf32_store(to + 2 * to_stride, vf32_sub(x22, x12));
            vf32_store(to + 3 * to_stride, vf32_sub(t2, x21));
            if (copies) {
                vf32_store(to + 4 * to_stride, x11);
                vf32_store(to + 5 * to_stride, x21);
                vf32_store(to + 6 * to_stride, x22);
            }
        }
}

static void strassen_place(float *restrict out, const float *restrict x, const float *add,
                           int n, float lo, float hi)
{
    const vf32 least = vf32_set1(lo), most = vf32_set1(hi);

    for (int i = 0; i < n * 16; i += VF32_N) {
        vf32 y = vf32_load(x + i);
        if (add)
            y = vf32_add(y, vf32_load(add + i));
        vf32_store(out + i, vf32_min(most, vf32_max(least, y)));
    }
}

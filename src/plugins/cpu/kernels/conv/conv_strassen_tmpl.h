/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is around Strassen's products (conv_strassen.c): the sums of inputs, and results to where rows end.
 */
CA_INLINE void strassen_in_of(const bool before, const bool copies, float *restrict to,
                              ptrdiff_t to_stride, const CaStrassenFrom *from, int n)
{
    const vf32 lo = vf32_set1(before ? from->before->lo : 0),
               hi = vf32_set1(before ? from->before->hi : 0);

    for (int lane = 0; lane < 16; lane += VF32_N, to += VF32_N) {
        vf32 scale[2], shift[2];
        UNROLL_FOR(h, 2) {
            scale[h] = before ? vf32_load(from->scale[h] + lane) : lo;
            shift[h] = before ? vf32_load(from->shift[h] + lane) : lo;
        }
        for (int i = 0; i < n; i++) {
            vf32 x[2][2];
            UNROLL_FOR(h, 2)
                UNROLL_FOR(j, 2) {
                    x[h][j] = vf32_load(from->half[h] + from->at[j][i] + lane);
                    if (before)
                        x[h][j] = vf32_min(
                            hi, vf32_max(lo, vf32_fma(x[h][j], scale[h], shift[h])));
                }
            const vf32 t1 = vf32_sub(x[0][1], x[0][0]), t2 = vf32_sub(x[1][1], t1);
            float *out = to + i * 16;
            vf32_store(out, t1);
            vf32_store(out + to_stride, t2);
            vf32_store(out + 2 * to_stride, vf32_sub(x[1][1], x[0][1]));
            vf32_store(out + 3 * to_stride, vf32_sub(t2, x[1][0]));
            if (copies) {
                vf32_store(out + 4 * to_stride, x[0][0]);
                vf32_store(out + 5 * to_stride, x[1][0]);
                vf32_store(out + 6 * to_stride, x[1][1]);
            }
        }
    }
}

static void strassen_in(float *to, ptrdiff_t to_stride, const CaStrassenFrom *from, int n)
{
    if (from->before)
        strassen_in_of(true, true, to, to_stride, from, n);
    else if (from->copies)
        strassen_in_of(false, true, to, to_stride, from, n);
    else
        strassen_in_of(false, false, to, to_stride, from, n);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of a packed filter, `width` floats each, times a number each; from column n_real on they are padding and stay
 * zero, whatever the numbers are.
 */
static void scale_rows(float *restrict out, const float *restrict in, const float *by,
                       int n_rows, int width, int n_real)
{
    for (int i = 0; i < n_rows; i++, out += width, in += width) {
        const vf32 scale = vf32_set1(by[i]);
        for (int x = 0; x < width; x += VF32_N) {
            const int n = n_real - x;
            vf32_store(out + x, vf32_load(in + x));
            if (n >= VF32_N)
                vf32_store(out + x, vf32_mul(vf32_load(in + x), scale));
            else if (n > 0)
                vf32_store_n(out + x, vf32_mul(vf32_load_n(in + x, n), scale), n);
        }
    }
}

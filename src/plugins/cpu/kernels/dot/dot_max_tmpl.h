/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The largest of windows, in dot_tile_tmpl.h: of the window's rows first, all columns at once, then of the columns of each
 * result. Numbers are compared as whole numbers of their order; bf16's is that of signed ones but for the bits of negative
 * ones, which are turned, and NaN is as minus infinity, which is least.
 */
#if HAS_FIXED /* u8 */
typedef unsigned char Order;
enum { LEAST = 0 };
CA_INLINE Order order_of(Order x) { return x; }
CA_INLINE Order number_of(Order x) { return x; }
#else
typedef int16_t Order;
enum { LEAST = -0x7f81 };
CA_INLINE Order number_of(Order x) { return (Order)(x ^ ((x >> 15) & 0x7fff)); }
CA_INLINE Order order_of(Order x) { return (x & 0x7fff) > 0x7f80 ? LEAST : number_of(x); }
#endif

/* n numbers of a row; the first row is there alone. */
static void max_rows(void *strip, const unsigned char *from, bool is_first, int n)
{
    Order *to = strip;
    for (int i = 0; is_first && i < n; i++) {
        Order x;
        memcpy(&x, from + (ptrdiff_t)i * E, sizeof x);
        to[i] = order_of(x);
    }
    for (int i = 0; !is_first && i < n; i++) {
        Order x;
        memcpy(&x, from + (ptrdiff_t)i * E, sizeof x);
        x = order_of(x);
        to[i] = to[i] > x ? to[i] : x;
    }
}

/* One pixel: columns first, first + step ... below limit. */
static void max_columns(unsigned char *out, const void *strip, int first, int step,
                        int limit)
{
    Order best[16];
    for (int i = 0; i < 16; i++)
        best[i] = LEAST;
    for (int x = first; x < limit; x += step) {
        const Order *p = (const Order *)strip + (ptrdiff_t)x * 16;
        for (int i = 0; i < 16; i++)
            best[i] = best[i] > p[i] ? best[i] : p[i];
    }
    for (int i = 0; i < 16; i++)
        best[i] = number_of(best[i]);
    memcpy(out, best, sizeof best);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges from known histograms: 0 is a step of each, and each rule cuts what it should.
 */
#include "test.h"

#include <carina/model.h>

#include <math.h>
#include <string.h>

enum { N = 2048, LEVELS = 256 };

static bool zero_is_a_step(double low, double high)
{
    const double zero = -low / ((high - low) / (LEVELS - 1));
    return low <= 0 && high >= 0 && low < high && fabs(zero - rint(zero)) < 1e-9;
}

static bool is_near(double x, double y) { return fabs(x - y) <= 1e-12 * fabs(y); }

TEST(minmax_is_stretched_until_zero_is_a_step)
{
    static const double cases[][2] = {
        {-1, 1}, {-0.3, 5}, {0, 6},     {2, 3},          {-4, -1},
        {0, 0},  {-1e9, 3}, {-1e-7, 1}, {-1e-20, 1e-20}, {-123.7, 151.1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const CarinaHistogram h = {.low = cases[i][0], .high = cases[i][1]};
        double low = 0, high = 0;
        CHECK_STATUS(
            carina_range_choose(&low, &high, &h, CARINA_RANGE_MINMAX, 0, LEVELS, NULL),
            CARINA_OK);
        const double step = (high - low) / (LEVELS - 1);
        CHECK(zero_is_a_step(low, high));
        /* Nothing is cut but an end within half a step of 0; nothing is stretched by more than one step in 127. */
        CHECK(low <= h.low || h.low > -step / 2);
        CHECK(high >= h.high || h.high < step / 2);
        CHECK(high - low <= (fmax(h.high, 0) - fmin(h.low, 0)) * (1 + 1 / 127.0) ||
              h.low == h.high);
    }
}

TEST(minmax_of_both_signs_is_known)
{
    const CarinaHistogram h = {.low = -1, .high = 1};
    double low = 0, high = 0;
    CHECK_STATUS(
        carina_range_choose(&low, &high, &h, CARINA_RANGE_MINMAX, 0, LEVELS, NULL),
        CARINA_OK);
    CHECK(is_near(low, -1) && is_near(high, 128 / 127.0));
}

TEST(percentile_cuts_the_share_it_says_at_either_end)
{
    static uint64_t counts[N];
    const CarinaHistogram h = {-1, 1, N, counts};
    double low = 0, high = 0;
    for (int i = 0; i < N; i++)
        counts[i] = 100;
    /* Of uniform values in [-1, 1] 10 % are above 0.8, and in 2,048 bins above the next edge of one. */
    CHECK_STATUS(
        carina_range_choose(&low, &high, &h, CARINA_RANGE_PERCENTILE, 90, LEVELS, NULL),
        CARINA_OK);
    CHECK(zero_is_a_step(low, high));
    CHECK(high >= 0.8 && high < 0.8 + 2.0 / N + 0.8 / 127);
    CHECK(low <= -0.8 && low > -0.8 - 2.0 / N - 0.8 / 127);
    /* One value far out goes, the last bin that is left keeps all others. */
    memset(counts, 0, sizeof counts);
    counts[N / 2 + 9] = 100000;
    counts[N - 1] = 1;
    CHECK_STATUS(carina_range_choose(&low, &high, &h, CARINA_RANGE_PERCENTILE, 99.99,
                                     LEVELS, NULL),
                 CARINA_OK);
    CHECK(low == 0 && is_near(high, 10 * 2.0 / N));
    CHECK_STATUS(
        carina_range_choose(&low, &high, &h, CARINA_RANGE_PERCENTILE, 100, LEVELS, NULL),
        CARINA_OK);
    CHECK(low == 0 && is_near(high, 1));
}

TEST(divergence_keeps_what_is_even_and_cuts_long_tails)
{
    static uint64_t counts[N];
    const CarinaHistogram h = {0, 64, N, counts};
    double low = 0, high = 0;
    for (int i = 0; i < N; i++)
        counts[i] = 1000;
    CHECK_STATUS(carina_range_choose(&low, &high, &h, CARINA_RANGE_KL, 0, LEVELS, NULL),
                 CARINA_OK);
    CHECK(low == 0 && is_near(high, 64));
    /* exp(-x) in bins of 1 / 32, one far value, and zeros without number, which are exact in any range. */
    for (int i = 0; i < N; i++)
        counts[i] = (uint64_t)(1e6 * exp(-i / 32.0));
    counts[N - 1] = 1;
    counts[0] = (uint64_t)1e9;
    CHECK_STATUS(carina_range_choose(&low, &high, &h, CARINA_RANGE_KL, 0, LEVELS, NULL),
                 CARINA_OK);
    /* In 64 a step is 1/4, and within a step the density falls by a fifth; above 8 lies a value in 3,000. */
    CHECK(low == 0 && high < 32 && high > 7);
}

TEST(wrong_levels_percentiles_and_ranges_are_refused)
{
    const CarinaHistogram h = {.low = -1, .high = 1}, upside = {.low = 1, .high = -1},
                          nan = {.low = (double)NAN, .high = 1};
    double low = 0, high = 0;
    CHECK_STATUS(carina_range_choose(&low, &high, &h, CARINA_RANGE_MINMAX, 0, 1, NULL),
                 CARINA_ERR_ARGUMENT);
    CHECK_STATUS(
        carina_range_choose(&low, &high, &h, CARINA_RANGE_PERCENTILE, 101, LEVELS, NULL),
        CARINA_ERR_ARGUMENT);
    CHECK_STATUS(
        carina_range_choose(&low, &high, &upside, CARINA_RANGE_MINMAX, 0, LEVELS, NULL),
        CARINA_ERR_ARGUMENT);
    CHECK_STATUS(
        carina_range_choose(&low, &high, &nan, CARINA_RANGE_MINMAX, 0, LEVELS, NULL),
        CARINA_ERR_ARGUMENT);
}

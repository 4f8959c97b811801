/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ranges of FakeQuantize from how often values occur: all of them, all but a few, or those that keep the distribution
 * (S. Migacz, "8-bit inference with TensorRT", 2017, for one-sided and for two-sided values).
 */
#include "base/error.h"
#include "base/memory.h"
#include <carina/model.h>

#include <math.h>

/* The smallest step by which `most` of them reach from l <= 0 to h >= 0 when 0 is that many steps above l. */
static double step_of(double l, double h, double zero, double most)
{
    return fmax(zero > 0 ? -l / zero : 0, zero < most ? h / (most - zero) : 0);
}

/* [low, high] grown to hold 0, and stretched until 0 is a step. An end that is less than half a step away from 0 is cut
 * off. */
static void align(double *low, double *high, int levels)
{
    const double most = levels - 1;
    double l = fmin(*low, 0), h = fmax(*high, 0);
    if (!(h - l > 1e-30)) /* nothing but zeros: any step will do */
        h = 1;
    const double at = -l / (h - l) * most;
    double zero = floor(at), step = step_of(l, h, zero, most);
    if (rint(at) != 0 && (rint(at) == most || step_of(l, h, ceil(at), most) < step))
        zero = ceil(at);
    step = step_of(l, h, zero, most);
    *low = 0 - zero * step; /* not -0 */
    *high = (most - zero) * step;
}

static double edge(const CarinaHistogram *h, double bin)
{
    return h->low + (h->high - h->low) * bin / h->n_bins;
}

static double total(const CarinaHistogram *h)
{
    double n = 0;
    for (int i = 0; i < h->n_bins; i++)
        n += (double)h->counts[i];
    return n;
}

/* First and last bins that are left when the share is cut off at either end. */
static void cut_tails(int *first, int *last, const CarinaHistogram *h, double share)
{
    const double limit = total(h) * share;
    double seen = 0;
    for (*first = 0; *first < h->n_bins - 1; ++*first)
        if ((seen += (double)h->counts[*first]) > limit)
            break;
    seen = 0;
    for (*last = h->n_bins - 1; *last > *first; --*last)
        if ((seen += (double)h->counts[*last]) > limit)
            break;
}

/* The bin of 0, which stays exact whatever the range is, so that zeros tell nothing about it; -1: none. */
static int zero_bin(const CarinaHistogram *h)
{
    const double at = -h->low / (h->high - h->low) * h->n_bins;
    return at >= 0 && at < h->n_bins ? (int)at : -1;
}

static double count_at(const CarinaHistogram *h, int i, int zero)
{
    return i == zero ? 0 : (double)h->counts[i];
}

/* How much the values inside [first, last] tell when what lies outside is clipped to the ends and `levels` steps stand
 * for them: each step's count is spread evenly over those of its bins that are not empty. */
static double divergence(const CarinaHistogram *h, int first, int last, int levels)
{
    const int width = last - first + 1, zero = zero_bin(h);
    const double tiny = 1e-4 / width;
    double below = 0, above = 0, sum = 0, inside = 0;
    for (int i = 0; i < h->n_bins; i++) {
        const double c = count_at(h, i, zero);
        below += i < first ? c : 0;
        above += i > last ? c : 0;
        inside += i >= first && i <= last ? c : 0;
    }
    const double n = below + inside + above;
    if (!(inside > 0))
        return INFINITY;
    for (int s = 0; s < levels; s++) {
        const int begin = first + (int)((int64_t)width * s / levels),
                  end = first + (int)((int64_t)width * (s + 1) / levels);
        double count = 0;
        int filled = 0;
        for (int i = begin; i < end; i++) {
            count += count_at(h, i, zero);
            filled += count_at(h, i, zero) > 0;
        }
        for (int i = begin; i < end; i++) {
            const double c = count_at(h, i, zero),
                         outside = (i == first ? below : 0) + (i == last ? above : 0),
                         p = (c + outside) / n, q = c > 0 ? count / filled / inside : 0;
            if (p > 0)
                sum += p * log(p / fmax(q, tiny));
        }
    }
    return sum;
}

/* Windows around 0 that shrink both ends alike. */
static void least_divergence(int *first, int *last, const CarinaHistogram *h, int levels)
{
    enum { STEP = 8 };
    const double zero =
        fmin(fmax(-h->low / (h->high - h->low) * h->n_bins, 0), h->n_bins);
    double best = INFINITY;
    *first = 0;
    *last = h->n_bins - 1;
    for (int width = h->n_bins; width >= levels; width -= STEP) {
        const double share = (double)width / h->n_bins;
        const int a = (int)rint(zero * (1 - share)),
                  b = (int)rint(zero + (h->n_bins - zero) * share) - 1;
        if (b - a + 1 < levels)
            break;
        const double d = divergence(h, a, b, levels);
        if (d < best) {
            best = d;
            *first = a;
            *last = b;
        }
    }
}

static CarinaStatus check(const CarinaHistogram *h, double percentile, int levels,
                          CarinaError *err)
{
    if (levels < 2 || levels > 256)
        return ca_err(err, CARINA_ERR_ARGUMENT, "%d levels; INT8 has 2 to 256", levels);
    if (!isfinite(h->low) || !isfinite(h->high) || h->low > h->high)
        return ca_err(err, CARINA_ERR_ARGUMENT, "[%g, %g] is no range of numbers", h->low,
                      h->high);
    if (!(percentile >= 50 && percentile <= 100))
        return ca_err(err, CARINA_ERR_ARGUMENT,
                      "percentile %g; it must be 50 to 100, as 99.99", percentile);
    return CARINA_OK;
}

CarinaStatus carina_range_choose(double *low, double *high, const CarinaHistogram *h,
                                 CarinaRangeRule rule, double percentile, int levels,
                                 CarinaError *err)
{
    int first = 0, last = h->n_bins - 1;
    CA_TRY(check(h, rule == CARINA_RANGE_PERCENTILE ? percentile : 100, levels, err));
    *low = h->low;
    *high = h->high;
    if (rule != CARINA_RANGE_MINMAX && h->n_bins > 0 && h->high > h->low &&
        total(h) > 0) {
        if (rule == CARINA_RANGE_PERCENTILE)
            cut_tails(&first, &last, h, (100 - percentile) / 100);
        else
            least_divergence(&first, &last, h, levels);
        *low = edge(h, first);
        *high = edge(h, last + 1);
    }
    align(low, high, levels);
    return CARINA_OK;
}

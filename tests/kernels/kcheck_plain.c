/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels over plain tensors that slide windows: convolution and its transpose, pooling, LRN; regions and reductions over
 * any axes. Each against its definition in double, element by element.
 */
#include "kcheck.h"

#include "kernels/conv/conv_back.h"
#include "kernels/conv/conv_plain.h"
#include "kernels/nms/nms.h"
#include "kernels/norm/local_norm.h"
#include "kernels/pool/pool_plain.h"
#include "kernels/reduce/reduce_any.h"
#include "kernels/roi/roi.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { AXES = CA_CONV_AXES };

/* rank axes with anything in them; out by the convolution's rule, or, for the transposed one, by its. */
static int64_t random_axes(CaConvAxis *a, int rank, bool is_back)
{
    int64_t taps = 1;
    for (int i = 0; i < AXES; i++) {
        a[i] = (CaConvAxis){1, 1, 1, 1, 1, 0};
        if (i < AXES - rank)
            continue;
        a[i].kernel = 1 + kc_int(3);
        a[i].stride = 1 + kc_int(3);
        a[i].dilation = 1 + kc_int(2);
        a[i].in = 5 + kc_int(i == AXES - 1 ? 40 : 4);
        a[i].begin = kc_int(3);
        const int64_t extent = (a[i].kernel - 1) * a[i].dilation + 1;
        a[i].out = is_back ? (a[i].in - 1) * a[i].stride + extent - a[i].begin
                           : (a[i].in + a[i].begin + 1 - extent) / a[i].stride + 1;
        taps *= a[i].kernel;
    }
    return taps;
}

/* Position of tap t seen from position o of the sliding side (an output, or, transposed, an input); -1: outside. */
static int64_t meet(const CaConvAxis *a, int64_t o, int64_t t, bool is_back)
{
    int64_t at[AXES], flat = 0;
    for (int i = AXES - 1; i >= 0; i--) {
        const int64_t n = is_back ? a[i].in : a[i].out;
        at[i] = o % n * a[i].stride + t % a[i].kernel * a[i].dilation - a[i].begin;
        o /= n;
        t /= a[i].kernel;
    }
    for (int i = 0; i < AXES; i++) {
        const int64_t n = is_back ? a[i].out : a[i].in;
        if (at[i] < 0 || at[i] >= n)
            return -1;
        flat = flat * n + at[i];
    }
    return flat;
}

static int64_t count(const CaConvAxis *a, bool is_out)
{
    int64_t n = 1;
    for (int i = 0; i < AXES; i++)
        n *= is_out ? a[i].out : a[i].in;
    return n;
}

/* Sums and sums of magnitudes of y [batch, groups * outs, out..]. */
static void define(double *want, double *size, const float *x, const float *w,
                   int64_t batch, int64_t groups, int64_t ins, int64_t outs,
                   const CaConvAxis *a, int64_t taps, bool is_back)
{
    const int64_t n_x = count(a, false), n_y = count(a, true),
                  slides = is_back ? n_x : n_y;
    for (int64_t i = 0; i < batch * groups * outs * n_y; i++)
        want[i] = size[i] = 0;
    for (int64_t m = 0; m < batch * groups * outs * ins; m++) {
        const int64_t c = m % ins, o = m / ins % outs, bg = m / ins / outs,
                      g = bg % groups;
        const float *map = x + (bg * ins + c) * n_x;
        const float *k =
            w + (is_back ? (g * ins + c) * outs + o : (g * outs + o) * ins + c) * taps;
        double *to = want + (bg * outs + o) * n_y, *total = size + (bg * outs + o) * n_y;
        for (int64_t s = 0; s < slides; s++)
            for (int64_t t = 0; t < taps; t++) {
                const int64_t at = meet(a, s, t, is_back);
                if (at < 0)
                    continue;
                const double term = (double)map[is_back ? s : at] * (double)k[t];
                to[is_back ? at : s] += term;
                total[is_back ? at : s] += fabs(term);
            }
    }
}

static void check_conv(int rank, int64_t ins, bool is_back)
{
    const int64_t batch = 1 + kc_int(2), groups = 1 + kc_int(2), outs = 1 + kc_int(7);
    const int n_threads = 1 + kc_int(4);
    CaConvAxis a[AXES];
    const int64_t taps = random_axes(a, rank, is_back), n_y = count(a, true),
                  n_x = count(a, false), n = batch * groups * outs * n_y;
    const float *x = kc_floats((size_t)(batch * groups * ins * n_x)),
                *w = kc_floats((size_t)(groups * ins * outs * taps));
    float *y = kc_floats((size_t)n);
    double *want = kc_bytes((size_t)n * sizeof *want),
           *size = kc_bytes((size_t)n * sizeof *size);
    const CaGemmKernel *gemm = ca_gemm_select(kc_cpu());
    kc_case("%s of %d axes, %d channels", is_back ? "transposed" : "plain", rank,
            (int)ins);
    define(want, size, x, w, batch, groups, ins, outs, a, taps, is_back);
    if (is_back) {
        CaConvBack p = {.batch = batch, .groups = groups, .ins = ins, .outs = outs};
        memcpy(p.axis, a, sizeof a);
        kc_true(ca_conv_back_plan(&p, gemm), "plan refused");
        float *packed = kc_floats(p.gemm.packed_size / sizeof(float)),
              *columns = kc_floats(p.columns_size / sizeof(float));
        for (int t = 0; t < n_threads && p.is_direct; t++)
            ca_conv_back_direct(&p, y, x, w, t, n_threads);
        for (int64_t i = 0; i < batch * groups && !p.is_direct; i++) {
            for (int t = 0; t < n_threads; t++)
                ca_conv_back_pack(&p, packed, x + i * ins * n_x, t, n_threads);
            for (int t = 0; t < n_threads; t++)
                ca_conv_back_multiply(&p, columns, w + i % groups * ins * outs * taps,
                                      packed, t, n_threads);
            for (int t = 0; t < n_threads; t++)
                ca_conv_back_add(&p, y + i * outs * n_y, columns, t, n_threads);
        }
    } else {
        CaConvPlain p = {.batch = batch, .groups = groups, .ins = ins, .outs = outs};
        memcpy(p.axis, a, sizeof a);
        kc_true(ca_conv_plain_plan(&p, gemm), "plan refused");
        float *packed = kc_floats(p.gemm.packed_size / sizeof(float));
        for (int t = 0; t < n_threads && p.is_direct; t++)
            ca_conv_plain_direct(&p, y, x, w, t, n_threads);
        for (int64_t i = 0; i < batch * groups * p.n_chunks && !p.is_direct; i++) {
            const int64_t at = i / p.n_chunks, chunk = i % p.n_chunks;
            for (int t = 0; t < n_threads; t++)
                ca_conv_plain_pack(&p, packed, x + at * ins * n_x, chunk, t, n_threads);
            for (int t = 0; t < n_threads; t++)
                ca_conv_plain_multiply(&p, y + at * outs * n_y,
                                       w + at % groups * ins * outs * taps, packed, chunk,
                                       t, n_threads);
        }
    }
    /* ins * taps products and sums: a rounding of half an ulp each. */
    for (int64_t i = 0; i < n; i++)
        kc_close("cell", (size_t)i, (double)y[i], want[i],
                 0.5 * FLT_EPSILON * (double)(2 * ins * taps) * size[i]);
    kc_free();
}

static void check_pool(int rank, bool is_max)
{
    CaConvAxis a[AXES];
    const int64_t taps = random_axes(a, rank, false), maps = 3, n_y = count(a, true),
                  n_x = count(a, false);
    const int n_threads = 1 + kc_int(4);
    CaPoolPlain p = {.n_maps = maps, .exclude_pad = true, .span = n_x};
    const float *x = kc_floats((size_t)(maps * n_x));
    float *y = kc_floats((size_t)(maps * n_y));
    int32_t *index = kc_bytes((size_t)(maps * n_y) * sizeof *index);
    kc_case("pool of %d axes, %s", rank, is_max ? "max" : "mean");
    for (int i = 0; i < AXES; i++) {
        CaPoolTaps *t = kc_bytes((size_t)a[i].out * sizeof *t);
        for (int64_t o = 0; o < a[i].out; o++)
            t[o] = ca_pool_taps(o * a[i].stride - a[i].begin, a[i].kernel, a[i].dilation,
                                a[i].in, 1);
        p.axis[i] = (CaPoolPlainAxis){a[i].in, a[i].out, a[i].dilation, t};
    }
    for (int t = 0; t < n_threads; t++)
        if (is_max)
            ca_pool_plain_max(&p, y, NULL, index, x, t, n_threads);
        else
            ca_pool_plain_avg(&p, y, x, t, n_threads);
    for (int64_t i = 0; i < maps * n_y; i++) {
        const float *map = x + i / n_y * n_x;
        int64_t best = -1, n = 0;
        double sum = 0;
        for (int64_t t = 0; t < taps; t++) {
            const int64_t at = meet(a, i % n_y, t, false);
            if (at < 0)
                continue;
            best = best < 0 || map[at] > map[best] ? at : best;
            sum += (double)map[at];
            n++;
        }
        if (is_max) {
            kc_close("max", (size_t)i, (double)y[i],
                     best < 0 ? -FLT_MAX : (double)map[best], 0);
            kc_true(index[i] == (best < 0 ? 0 : best), "another place");
        } else {
            kc_close("mean", (size_t)i, (double)y[i], n ? sum / (double)n : 0,
                     FLT_EPSILON);
        }
    }
    kc_free();
}

static void check_lrn(float beta)
{
    const ptrdiff_t outer = 2, axis = 1 + kc_int(9), inner = 1 + kc_int(150),
                    half = kc_int(4);
    const CaLrnPass pass = {outer, axis, inner, half};
    const CaLrn lrn = {1.5f, 0.25f, beta};
    const int n_threads = 1 + kc_int(4);
    const size_t n = (size_t)(outer * axis * inner);
    const float *x = kc_floats(n);
    float *y = kc_floats(n), *sums = kc_floats(n);
    kc_case("LRN, beta %g", (double)beta);
    for (int t = 0; t < n_threads; t++) {
        ca_lrn_finish(&lrn, &pass, y, x, x, true, t, n_threads);
        ca_lrn_sum(&pass, sums, x, true, t, n_threads);
    }
    for (ptrdiff_t i = 0; i < (ptrdiff_t)n; i++) {
        const ptrdiff_t at = i / inner % axis;
        double sum = 0;
        for (ptrdiff_t k = at - half; k <= at + half; k++)
            if (k >= 0 && k < axis) {
                const double v = (double)x[i + (k - at) * inner];
                sum += v * v;
            }
        const double want = (double)x[i] / pow(1.5 + 0.25 * sum, (double)beta);
        /* 2 * window roundings of the sum, two roots or a power, two products and a quotient */
        const double u = 0.5 * FLT_EPSILON * (double)(2 * (2 * half + 1) + 8);
        kc_close("sum", (size_t)i, (double)sums[i], sum, u * sum);
        kc_close("y", (size_t)i, (double)y[i], want, u * fabs(want));
    }
    kc_free();
}

static void check_reduce(CaReduceAnyKind kind)
{
    enum { RANK = 4 };
    int64_t dims[RANK], n = 1, n_out = 1;
    const unsigned mask = (unsigned)kc_int(1 << RANK);
    CaReduceAny plan = {.kind = kind, .type = CARINA_F32};
    for (int i = 0; i < RANK; i++) {
        n *= dims[i] = 1 + kc_int(5);
        n_out *= mask >> i & 1 ? 1 : dims[i];
    }
    float *x = kc_floats((size_t)n), *y = kc_floats((size_t)n_out);
    double *want = kc_bytes((size_t)n_out * sizeof *want);
    bool *has = kc_bytes((size_t)n_out);
    memset(has, 0, (size_t)n_out);
    kc_case("reduction %d over mask %u", (int)kind, mask);
    for (int64_t i = 0; i < n && kind >= CA_REDUCE_ANY_AND; i++)
        x[i] = (float)kc_int(2);
    ca_reduce_any_plan(&plan, RANK, dims, mask);
    for (int t = 0; t < 3; t++)
        ca_reduce_any_run(&plan, y, x, t, 3);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, at = 0, stride = 1;
        for (int d = RANK - 1; d >= 0; rest /= dims[d], d--)
            if (!(mask >> d & 1)) {
                at += rest % dims[d] * stride;
                stride *= dims[d];
            }
        const double v = (double)x[i], old = want[at];
        const double first = kind == CA_REDUCE_ANY_L1   ? fabs(v)
                             : kind == CA_REDUCE_ANY_L2 ? v * v
                                                        : v;
        const double next = kind == CA_REDUCE_ANY_MAX    ? fmax(old, v)
                            : kind == CA_REDUCE_ANY_MIN  ? fmin(old, v)
                            : kind == CA_REDUCE_ANY_PROD ? old * v
                            : kind == CA_REDUCE_ANY_AND  ? old * v
                            : kind == CA_REDUCE_ANY_OR   ? fmax(old, v)
                                                         : old + first;
        want[at] = has[at] ? next : first;
        has[at] = true;
    }
    for (int64_t i = 0; i < n_out; i++) {
        const double end = kind == CA_REDUCE_ANY_MEAN ? want[i] / (double)(n / n_out)
                           : kind == CA_REDUCE_ANY_L2 ? sqrt(want[i])
                                                      : want[i];
        kc_close("output", (size_t)i, (double)y[i], end,
                 0.5 * FLT_EPSILON * fabs(end) + 1e-12);
    }
    kc_free();
}

/* The maximum of whole regions, cut into bins of one pixel: the map itself. */
static void check_roi(void)
{
    enum { H = 5, W = 7, C = 3 };
    const CaRoi roi = {2, 2, C, H, W, C, H, W, false, 1, 1, 1};
    const float regions[10] = {1, 0, 0, W - 1, H - 1, 0, 0, 0, W - 1, H - 1};
    const float *x = kc_floats(2 * C * H * W);
    float *y = kc_floats(2 * C * H * W);
    kc_case("regions that are whole maps");
    for (int t = 0; t < 3; t++)
        ca_roi_run(&roi, y, x, regions, 2, t, 3);
    for (size_t i = 0; i < 2 * C * H * W; i++)
        kc_close("pixel", i, (double)y[i], (double)x[(i + C * H * W) % (2 * C * H * W)],
                 0);
    for (int t = 0; t < 3; t++)
        ca_roi_run(&roi, y, x, regions, 1, t, 3);
    for (size_t i = C * H * W; i < 2 * C * H * W; i++)
        kc_close("unused", i, (double)y[i], 0, 0);
    kc_free();
}

static double shared_part(const float *a, const float *b)
{
    const double h = fmin((double)fmaxf(a[0], a[2]), (double)fmaxf(b[0], b[2])) -
                     fmax((double)fminf(a[0], a[2]), (double)fminf(b[0], b[2]));
    const double w = fmin((double)fmaxf(a[1], a[3]), (double)fmaxf(b[1], b[3])) -
                     fmax((double)fminf(a[1], a[3]), (double)fminf(b[1], b[3]));
    const double area_a =
                     fabs(((double)a[2] - (double)a[0]) * ((double)a[3] - (double)a[1])),
                 area_b =
                     fabs(((double)b[2] - (double)b[0]) * ((double)b[3] - (double)b[1]));
    return h > 0 && w > 0 ? h * w / (area_a + area_b - h * w) : 0;
}

/* A box is chosen where no chosen one before it, in the order of scores, overlaps it too much. */
static void check_nms(int64_t n)
{
    const CaNmsRule rule = {n, 0.3, -0.5, 0, false};
    float *boxes = kc_floats((size_t)n * 4), *scores = kc_floats((size_t)n);
    CaNmsChoice *out = kc_bytes((size_t)n * sizeof *out);
    CaNmsBox *work = kc_bytes((size_t)n * sizeof *work);
    bool *is_left = kc_bytes((size_t)n);
    int64_t count = 0;
    kc_case("boxes of one class, %d", (int)n);
    for (int64_t i = 0; i < n; i++) {
        scores[i] = (float)kc_int(20) / 10 - 1; /* with equals */
        is_left[i] = (double)scores[i] > rule.score;
    }
    const int64_t got = ca_nms_choose(&rule, out, boxes, scores, n, work);
    for (;; count++) {
        int64_t best = -1;
        for (int64_t i = 0; i < n; i++)
            if (is_left[i] && (best < 0 || scores[i] > scores[best]))
                best = i;
        if (best < 0)
            break;
        kc_true(count < got && out[count].box == best, "another box");
        is_left[best] = false;
        for (int64_t i = 0; i < n; i++)
            is_left[i] =
                is_left[i] && shared_part(boxes + 4 * best, boxes + 4 * i) <= 0.3;
    }
    kc_true(got == count, "another number of boxes");
    kc_free();
}

void kcheck_plain(void);
void kcheck_plain(void)
{
    KC_GUARDED("conv_plain", 0)
    {
        for (int rank = 1; rank <= 3; rank++)
            for (int64_t ins = 1; ins <= 40; ins = 3 * ins + 1) {
                check_conv(rank, ins, false);
                check_conv(rank, ins, true);
            }
    }
    KC_GUARDED("pool_plain", 0)
    {
        for (int i = 0; i < 24; i++)
            check_pool(1 + i % 3, i & 1);
    }
    KC_GUARDED("lrn", 0)
    {
        static const float betas[] = {0.75f, 0.5f, 1, 0.6f};
        for (int i = 0; i < 12; i++)
            check_lrn(betas[i % 4]);
    }
    KC_GUARDED("reduce_any", 0)
    {
        for (int i = 0; i < 10 * CA_N_REDUCE_ANYS; i++)
            check_reduce((CaReduceAnyKind)(i % CA_N_REDUCE_ANYS));
    }
    KC_GUARDED("roi", 0) { check_roi(); }
    KC_GUARDED("nms", 0)
    {
        for (int64_t n = 1; n <= 200; n = 2 * n + 3)
            check_nms(n);
    }
}

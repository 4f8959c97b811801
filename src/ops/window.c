/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output lengths, automatic padding and positions of sliding windows.
 */
#include "ops/window.h"
#include "ops/check.h"

#include <stdio.h>

const char *const ca_window_auto_pads[] = {"explicit", "same_upper", "same_lower",
                                           "valid", NULL};
const char *const ca_window_roundings[] = {"floor", "ceil", NULL};
const char *const ca_window_roundings3[] = {"floor", "ceil", "ceil_torch", NULL};

static int64_t entry(CarinaInts list, int i, int64_t absent)
{
    return list.n ? list.v[i] : absent;
}

static bool counts_fit(CaWindow *w, const CaWindowAttrs *a, int n)
{
    const struct {
        const char *name;
        int n;
    } lists[] = {{"strides", a->strides.n},
                 {"dilations", a->dilations.n},
                 {"pads_begin", a->pads_begin.n},
                 {"pads_end", a->pads_end.n},
                 {"output_padding", a->output_padding.n}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (lists[i].n && lists[i].n != n) {
            snprintf(w->problem, sizeof w->problem,
                     "%s has %d numbers; the data has %d spatial dimensions",
                     lists[i].name, lists[i].n, n);
            return false;
        }
    return true;
}

/* Taps of all axes together stay countable. */
static bool taps_fit(CaWindow *w)
{
    int64_t taps = 1;
    for (int i = 0; i < CA_WINDOW_AXES; i++) {
        const int64_t k = w->axis[i].kernel < 0 ? 1 : w->axis[i].kernel;
        if (taps > INT64_MAX / 64 / k) {
            snprintf(w->problem, sizeof w->problem, "the kernel has too many elements");
            return false;
        }
        taps *= k;
    }
    return true;
}

/* Everything but lengths of the output and automatic padding. */
static bool prepare(CaWindow *w, const CaWindowAttrs *a, const int64_t *in,
                    const int64_t *kernel, int n)
{
    const int skip = CA_WINDOW_AXES - n;
    w->n = n;
    w->problem[0] = 0;
    if (n < 1 || n > CA_WINDOW_AXES) {
        snprintf(w->problem, sizeof w->problem,
                 "the data has %d spatial dimensions; 1 to 3 are offered", n);
        return false;
    }
    if (!counts_fit(w, a, n))
        return false;
    for (int i = 0; i < skip; i++)
        w->axis[i] = (CaWindowAxis){1, 1, 1, 1, 1, 0, 0};
    for (int i = 0; i < n; i++) {
        if (in[i] > CA_WINDOW_MAX_SIZE || kernel[i] > CA_WINDOW_MAX_SIZE ||
            kernel[i] == 0) {
            snprintf(
                w->problem, sizeof w->problem,
                "spatial dimension %d is %lld long and its kernel %lld; lengths of 1 to %d are offered",
                i, (long long)in[i], (long long)kernel[i], CA_WINDOW_MAX_SIZE);
            return false;
        }
        w->axis[skip + i] = (CaWindowAxis){in[i],
                                           CARINA_DYNAMIC,
                                           kernel[i],
                                           entry(a->strides, i, 1),
                                           entry(a->dilations, i, 1),
                                           entry(a->pads_begin, i, 0),
                                           entry(a->pads_end, i, 0)};
    }
    return taps_fit(w);
}

static int64_t extent(const CaWindowAxis *x) { return (x->kernel - 1) * x->dilation + 1; }

static void set_same(CaWindowAxis *x, bool upper)
{
    x->out = x->in / x->stride + (x->in % x->stride != 0);
    x->begin = x->end = 0;
    if (x->kernel < 0 || x->out == 0)
        return;
    const int64_t total = (x->out - 1) * x->stride + extent(x) - x->in;
    if (total <= 0)
        return;
    x->begin = upper ? total / 2 : total - total / 2;
    x->end = total - x->begin;
}

static bool set_axis(CaWindow *w, int i, int auto_pad, int rounding)
{
    CaWindowAxis *x = &w->axis[i];
    if (auto_pad == CA_PAD_VALID) {
        x->begin = x->end = 0;
        rounding = CA_ROUND_FLOOR;
    }
    if (x->in < 0)
        return true;
    if (auto_pad == CA_PAD_SAME_UPPER || auto_pad == CA_PAD_SAME_LOWER) {
        set_same(x, auto_pad == CA_PAD_SAME_UPPER);
        return true;
    }
    if (x->kernel < 0)
        return true;
    const int64_t room = x->in + x->begin + x->end - extent(x);
    if (room < 0) {
        snprintf(
            w->problem, sizeof w->problem,
            "the kernel covers %lld of spatial dimension %d and the padded input is only %lld long",
            (long long)extent(x), i - (CA_WINDOW_AXES - w->n),
            (long long)(x->in + x->begin + x->end));
        return false;
    }
    x->out = room / x->stride + 1;
    if (rounding != CA_ROUND_FLOOR && room % x->stride)
        x->out++;
    if (rounding == CA_ROUND_CEIL_TORCH && x->out > 1 &&
        (x->out - 1) * x->stride >= x->in + x->begin)
        x->out--;
    return true;
}

bool ca_window_set(CaWindow *w, const CaWindowAttrs *a, const int64_t *in,
                   const int64_t *kernel, int n)
{
    if (!prepare(w, a, in, kernel, n))
        return false;
    for (int i = CA_WINDOW_AXES - n; i < CA_WINDOW_AXES; i++)
        if (!set_axis(w, i, a->auto_pad, a->rounding_type))
            return false;
    return true;
}

static bool set_axis_back(CaWindow *w, int i, int auto_pad, int64_t padding,
                          int64_t asked)
{
    CaWindowAxis *x = &w->axis[i];
    if (auto_pad != CA_PAD_EXPLICIT)
        x->begin = x->end = 0;
    x->out = asked;
    if (x->in < 0 || x->kernel < 0)
        return true;
    const int64_t full = x->stride * (x->in - 1) + extent(x) + padding;
    if (asked < 0)
        x->out = full - x->begin - x->end;
    if (x->in == 0 || x->out < 0 || x->out > CA_WINDOW_MAX_SIZE) {
        snprintf(
            w->problem, sizeof w->problem,
            "spatial dimension %d: an input of %lld would give an output of %lld; change pads or strides",
            i - (CA_WINDOW_AXES - w->n), (long long)x->in, (long long)x->out);
        return false;
    }
    if (asked >= 0 && auto_pad != CA_PAD_EXPLICIT) {
        const int64_t total = full > asked ? full - asked : 0;
        x->end = total / 2;
        if (auto_pad != CA_PAD_SAME_UPPER)
            x->end = total - total / 2;
        x->begin = total - x->end;
    }
    return true;
}

bool ca_window_set_back(CaWindow *w, const CaWindowAttrs *a, const int64_t *in,
                        const int64_t *kernel, const int64_t *out, int n)
{
    if (!prepare(w, a, in, kernel, n))
        return false;
    for (int k = 0; k < n; k++)
        if (!set_axis_back(w, CA_WINDOW_AXES - n + k, a->auto_pad,
                           entry(a->output_padding, k, 0), out ? out[k] : CARINA_DYNAMIC))
            return false;
    return true;
}

void ca_window_out(const CaWindow *w, int64_t *dims)
{
    for (int i = 0; i < w->n; i++)
        dims[i] = w->axis[CA_WINDOW_AXES - w->n + i].out;
}

CarinaStatus ca_window_infer_pool(const CaInferArgs *a, CarinaShape *y, CarinaError *err)
{
    const CaWindowAttrs *at = (const CaWindowAttrs *)a->attrs;
    const int n = at->kernel.n;
    CarinaShape x = ca_in_shape(a, 0);
    CaWindow w;
    if (n < 1 || n > CA_WINDOW_AXES)
        return ca_infer_err(a, err, CARINA_ERR_ARGUMENT,
                            "kernel has %d numbers; 1 to 3 are offered", n);
    CA_TRY(ca_check_rank(a, 0, n + 2, n + 2, err));
    if (x.rank < 0)
        x = ca_shape_of_rank(n + 2);
    if (!ca_window_set(&w, at, x.dims + 2, at->kernel.v, n))
        return ca_infer_err(a, err, CARINA_ERR_SHAPE, "%s", w.problem);
    *y = x;
    ca_window_out(&w, y->dims + 2);
    return CARINA_OK;
}

int64_t ca_window_n_in(const CaWindow *w)
{
    return w->axis[0].in * w->axis[1].in * w->axis[2].in;
}

int64_t ca_window_n_out(const CaWindow *w)
{
    return w->axis[0].out * w->axis[1].out * w->axis[2].out;
}

int64_t ca_window_n_taps(const CaWindow *w)
{
    return w->axis[0].kernel * w->axis[1].kernel * w->axis[2].kernel;
}

void ca_window_at(const CaWindow *w, int64_t out, int64_t tap, int64_t at[CA_WINDOW_AXES])
{
    for (int i = CA_WINDOW_AXES - 1; i >= 0; i--) {
        const CaWindowAxis *x = &w->axis[i];
        at[i] = out % x->out * x->stride + tap % x->kernel * x->dilation - x->begin;
        out /= x->out;
        tap /= x->kernel;
    }
}

int64_t ca_window_index(const CaWindow *w, const int64_t at[CA_WINDOW_AXES])
{
    int64_t flat = 0;
    for (int i = 0; i < CA_WINDOW_AXES; i++) {
        if (at[i] < 0 || at[i] >= w->axis[i].in)
            return -1;
        flat = flat * w->axis[i].in + at[i];
    }
    return flat;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * whole-steps: functions of 16 bits as TensorFlow Lite approximates them: 512 lines over the type's range, moved by half
 * of what they are wrong by in their middles; logistic and tanh by 256 lines of the logistic function.
 */
#include "passes/whole_steps.h"

#include <math.h>

enum { LINES = 512, LOWEST = -32768, HIGHEST = 32767 };

static float held(float x) { return fminf(fmaxf(x, LOWEST), HIGHEST); }

/* The i-th of 513 values, in f32. */
static int64_t value_at(const CaStepFunction *f, int i)
{
    const float scale = (float)f->from->scale, to = (float)f->to->scale;
    const float least = scale * (float)(LOWEST - f->from->zero),
                most = scale * (float)(HIGHEST - f->from->zero),
                step = (most - least) / LINES;
    const float by = 65536.0f / (to * (float)(HIGHEST - f->to->zero) -
                                 to * (float)(LOWEST - f->to->zero));
    if (i == LINES)
        return (int64_t)held(roundf(f->real(most, f) * by));
    const float x = least + (float)i * step;
    const float here = roundf(f->real(x, f) * by),
                next = f->real(least + (float)(i + 1) * step, f) * by,
                middle = roundf(f->real(x + step / 2, f) * by);
    return (int64_t)held(here - roundf((roundf((next + here) / 2) - middle) / 2));
}

static int64_t wrapped_16(int64_t x) { return (x & 0xffff) - (x & 0x8000 ? 0x10000 : 0); }

static int64_t on_line(int64_t from, int64_t to, int64_t part)
{
    return wrapped_16(from + ((wrapped_16(to - from) * part + 64) >> 7));
}

int64_t ca_step_on_lines(const int64_t *values, int64_t x)
{
    const int64_t i = (x - LOWEST) >> 7;
    return on_line(values[i], values[i + 1], x & 127);
}

int64_t ca_step_by_lines(const CaStepFunction *f, int64_t x)
{
    const int i = (int)((x - LOWEST) >> 7);
    return on_line(value_at(f, i), value_at(f, i + 1), x & 127);
}

/* --- Logistic and tanh: lines from i / 24 to (i + 1) / 24, 1 is 2^16. */

static double logistic(double i) { return 65536 / (1 + exp(-i / 24)); }

static int64_t logistic_at(int i)
{
    const double middle = (logistic(i) + logistic(i + 1)) / 2 - logistic(i + 0.5);
    return i == 255 ? 65535 : (int64_t)(logistic(i) - middle / 2 + 0.5);
}

/* x in units of 1 / (3 * 4096): scales of 2^-12 (tanh: 2^-11 too) exactly, others by 15 bits. */
static int64_t in_units(const CaStepFunction *f, int64_t x, bool is_tanh)
{
    double by = f->from->scale * 4096 * 3;
    int shift = 0;
    if (by == 3 || (is_tanh && by == 6))
        return x * (int64_t)by;
    while (by <= 32767.0 / 2 && shift <= 30) {
        shift++;
        by *= 2;
    }
    return (x * (int64_t)by + (shift > 0 ? INT64_C(1) << (shift - 1) : 0)) >> shift;
}

/* The line with 2^bits units, its end also bits behind the point; `most` beyond the last. */
static int64_t on_logistic(int64_t x, int bits, int64_t most)
{
    const int64_t line = x >> bits, part = x & ((1 << bits) - 1);
    if (line >= 255)
        return most;
    const int64_t from = logistic_at((int)line), to = logistic_at((int)line + 1);
    return (from << bits) + part * (to - from);
}

int64_t ca_step_logistic_16(const CaStepFunction *f, int64_t x)
{
    const int64_t v = in_units(f, x, false);
    const int64_t y = on_logistic(v < 0 ? -v : v, 9, 0x7fff << 10);
    return (v >= 0 ? y + (1 << 9) : (1 << 25) - y + (1 << 9) - 1) >> 10;
}

/* 2 logistic(2 x) - 1 */
int64_t ca_step_tanh_16(const CaStepFunction *f, int64_t x)
{
    const int64_t v = in_units(f, x, true);
    const int64_t y = on_logistic(v < 0 ? -v : v, 8, 0xffff << 8);
    return (v >= 0 ? y - (1 << 23) + (1 << 7) : (1 << 23) - y + (1 << 7) - 1) >> 8;
}

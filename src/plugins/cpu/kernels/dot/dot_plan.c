/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans of convolutions by dot products, and the instruction sets that there are.
 */
#include "../cost.h"
#include "base/memory.h"
#include "dot_kernels.h"

#define CA_DOT_ISA(type, isa) extern const CaDotIsa ca_dot_##type##_##isa;
#include "dot.def"
#undef CA_DOT_ISA

const CaDotIsa *const ca_dot_isas[] = {
#define CA_DOT_ISA(type, isa) &ca_dot_##type##_##isa,
#include "dot.def"
#undef CA_DOT_ISA
    NULL};

enum { MOST_TERMS = 65000 };

static int up(int a, int b) { return (a + b - 1) / b; }

/* conv/ knows shapes and halos. */
static bool set_shape(CaDotPlan *p, const CaConvShape *s)
{
    CaConvPlan like;
    if (!ca_conv_plan(&like, s, 0, false) || (s->groups != 1 && s->groups != s->ci))
        return false;
    p->depthwise = s->groups == s->ci && s->co == s->ci && s->groups > 1;
    p->in_halo = like.in_halo;
    return p->depthwise ? s->kh * s->kw <= 512
                        : s->groups == 1 && (int64_t)s->ci * s->kh * s->kw <= MOST_TERMS;
}

/* Windows start at each phase that the stride gives within 4 pixels, and touch one or two words. */
static int n_words(int stride, int kw)
{
    int n = 0;
    for (int phase = 0; phase < 4; phase += stride)
        n += up(phase + kw, 4);
    return n;
}

/* Packed: start, scale and bias of each channel, then the filter, group_size bytes for each block of results. */
static bool set_packed(CaDotPlan *p)
{
    size_t filter = 0, biases = 0;
    if (!ca_mul_size(&filter, p->group_size, (size_t)p->co_blocks) ||
        !ca_mul_size(&biases, (size_t)p->co_blocks, 3 * 64) ||
        !ca_add_size(&p->packed_size, filter, biases) || p->packed_size > SIZE_MAX / 4)
        return false;
    p->filter_at = biases;
    p->n_groups = p->n_pack_items = up(p->co_blocks, p->group_blocks);
    return true;
}

static bool start_plan(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    *p = (CaDotPlan){
        .s = *s, .isa = isa, .type = isa->type, .kernel = isa->name, .n_phases = 1};
    if (!set_shape(p, s))
        return false;
    p->ci_blocks = up(s->ci, 16);
    p->co_blocks = up(s->co, 16);
    p->last = up(s->ci - 16 * (p->ci_blocks - 1), ca_dot_word(isa->type));
    return true;
}

size_t ca_dot_input_words(const CaDotPlan *p)
{
    return (size_t)((p->ci_blocks - 1) * (16 / ca_dot_word(p->type)) + p->last);
}

bool ca_dot_plan_direct(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa,
                        bool by_words)
{
    const int taps = s->kh * s->kw;

    if (!start_plan(p, s, isa))
        return false;
    p->result_step = (size_t)(s->ci / s->groups) * (size_t)taps;
    p->channel_step = (size_t)taps;
    p->one = taps == 1 && s->stride_w <= 2;
    p->group_blocks = s->stride_w > 2 ? 1 : isa->max_blocks;
    if (isa->wide_pixels == s->ow && p->co_blocks % 4 == 0 && s->stride_w <= 2)
        p->group_blocks = 4;
    if (p->depthwise) {
        p->kernel = isa->name_depthwise;
        p->group_blocks = 1;
        if (by_words && isa->words && s->dilation_w == 1 &&
            isa->words(s->stride_w, s->kw))
            p->words = n_words(s->stride_w, s->kw);
    }
    /* of one block of 16 results */
    p->group_size = p->words
                        ? (size_t)s->kh * (size_t)p->words * 64
                        : (size_t)taps * 64 * (p->depthwise ? 1 : ca_dot_input_words(p));
    p->thread_scratch =
        (size_t)(p->depthwise ? CA_DOT_SLIDE_ROWS * s->ow : 4 * 14) * 16 * sizeof(float);
    return set_packed(p);
}

bool ca_dot_plan_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    return ca_dot_plan_direct(p, s, isa, true);
}

bool ca_dot_plan_before_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    size_t tile = 0;
    if (!ca_dot_plan_as(p, s, isa) || !p->one || s->groups != 1 || s->stride_h != 1 ||
        s->stride_w != 1 || s->pad_top || s->pad_left || s->oh != s->ih || s->ow != s->iw)
        return false;
    p->before = true;
    p->tile_at = p->thread_scratch;
    return ca_mul_size(&tile, (size_t)p->ci_blocks * 14 * 16,
                       (size_t)ca_elem_size(p->type)) &&
           ca_add_size(&p->thread_scratch, p->thread_scratch, tile);
}

bool ca_dot_plan_before(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu)
{
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++)
        if ((*isa)->type == type && ((*isa)->needs & cpu) == (*isa)->needs)
            return ca_dot_plan_before_as(p, s, *isa);
    return false;
}

bool ca_dot_plan_packed_as(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    if (!start_plan(p, s, isa) || s->groups != 1 || s->dilation_w != 1 || s->ci > 4)
        return false;
    p->kernel = isa->name_packed;
    p->packed_pixels = true;
    p->group_blocks = s->ci == 3 && s->stride_w <= 2 ? isa->max_blocks : 1;
    p->ci_blocks = 1;
    p->last = up(s->kw * s->ci, ca_dot_word(isa->type));
    p->group_size = (size_t)s->kh * 64 * (size_t)p->last;
    p->thread_scratch = (size_t)isa->max_pixels * 2 * 16 * sizeof(float);
    return set_packed(p);
}

bool ca_dot_plan_packed(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu)
{
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++)
        if ((*isa)->type == type && ((*isa)->needs & cpu) == (*isa)->needs)
            return ca_dot_plan_packed_as(p, s, *isa);
    return false;
}

bool ca_dot_plan_winograd(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa)
{
    if (!isa->winograd || !start_plan(p, s, isa) || s->kh != 3 || s->kw != 3 ||
        s->stride_h != 1 || s->stride_w != 1 || s->dilation_h != 1 ||
        s->dilation_w != 1 || s->groups != 1)
        return false;
    p->kernel = isa->name_winograd;
    p->winograd = true;
    p->group_blocks = p->co_blocks >= 16 ? 4 : 2;
    return ca_dot_winograd_sizes(p) && set_packed(p);
}

/* Winograd where the estimates say so. */
static bool plan_best(CaDotPlan *p, const CaConvShape *s, const CaDotIsa *isa,
                      bool allow_winograd)
{
    CaDotPlan other;
    if (!ca_dot_plan_as(p, s, isa))
        return false;
    p->why = "only";
    if (!ca_dot_plan_winograd(&other, s, isa))
        return true;
    if (allow_winograd &&
        ca_dot_estimate(&other) * CA_WINOGRAD_MARGIN < ca_dot_estimate(p))
        *p = other;
    p->why = allow_winograd ? "estimate" : "exact";
    return true;
}

bool ca_dot_plan(CaDotPlan *p, const CaConvShape *s, CaElem type, uint32_t cpu,
                 bool allow_winograd)
{
    for (const CaDotIsa *const *isa = ca_dot_isas; *isa; isa++)
        if ((*isa)->type == type && ((*isa)->needs & cpu) == (*isa)->needs)
            return plan_best(p, s, *isa, allow_winograd);
    return false;
}

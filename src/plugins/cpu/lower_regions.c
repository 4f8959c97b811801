/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RegionYolo, ROIPooling, PSROIPooling.
 */
#include "cpu_program.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/roi/roi.h"
#include "kernels/softmax/softmax.h"

#include <string.h>

/* --- RegionYolo: [regions, entries, plane]; coords numbers, an objectness, classes. */

typedef struct YoloStep {
    const CaEltwise *eltwise;
    CaSoftmax softmax;
    int64_t n_regions, coords, classes, plane;
    bool has_softmax;
    int in, out;
} YoloStep;

static void sigmoid(const YoloStep *d, float *y, const float *x, int64_t n, int thread,
                    int n_threads)
{
    static const CaChain chain = {
        .n_steps = 1, .steps = {{.op = CA_CHAIN_SIGMOID, .operand = CA_OPERAND_NONE}}};
    d->eltwise->run_plain(&chain, y, x, 1, 1, n, thread, n_threads);
}

static void run_yolo(const CaCpuStep *s, CaCpuRun *r, int phase, int thread,
                     int n_threads)
{
    const YoloStep *d = s->data;
    const int64_t entries = d->coords + 1 + d->classes, plane = d->plane;
    const int64_t n_places = d->coords < 2 ? d->coords : 2, n_stay = d->coords - n_places;
    (void)phase;
    for (int64_t i = 0; i < d->n_regions; i++) {
        const float *x = (float *)ca_cpu_at(r, d->in) + i * entries * plane;
        float *y = (float *)ca_cpu_at(r, d->out) + i * entries * plane;
        const int64_t first = n_places * plane, behind = d->coords * plane,
                      begin = first + n_stay * plane * thread / n_threads,
                      end = first + n_stay * plane * (thread + 1) / n_threads;
        sigmoid(d, y, x, first, thread, n_threads);
        memcpy(y + begin, x + begin, (size_t)(end - begin) * sizeof *y);
        sigmoid(d, y + behind, x + behind,
                (1 + (d->has_softmax ? 0 : d->classes)) * plane, thread, n_threads);
        if (d->has_softmax && d->classes)
            ca_softmax_run(&d->softmax, y + behind + plane, x + behind + plane, thread,
                           n_threads);
    }
}

CarinaStatus ca_cpu_lower_region_yolo(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape;
    YoloStep d = {.eltwise = ca_eltwise_select(b->host->cpu_flags),
                  .coords = carina_node_int(n, "coords", 0),
                  .classes = carina_node_int(n, "classes", 0),
                  .has_softmax = carina_node_bool(n, "do_softmax", true)};
    CaCpuStep *s = NULL;
    const int64_t regions =
        d.has_softmax ? carina_node_int(n, "num", 0) : carina_node_ints(n, "mask").n;
    if (x->rank != 4 || !ca_cpu_is_float(n->outputs[0].type) ||
        regions * (d.coords + 1 + d.classes) != x->dims[1])
        return CARINA_ERR_UNSUPPORTED;
    d.n_regions = x->dims[0] * regions;
    d.plane = x->dims[2] * x->dims[3];
    d.softmax = (CaSoftmax){ca_softmax_select(b->host->cpu_flags), 1,
                            (ptrdiff_t)d.classes, (ptrdiff_t)d.plane, false};
    CA_TRY(ca_cpu_plain(b, &d.in, n->inputs[0].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, "region_yolo", run_yolo, sizeof d));
    *(YoloStep *)s->data = d;
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

/* --- Regions of interest. */

typedef struct RoiStep {
    CaRoi roi;
    bool is_ps, ends_at_minus; /* ROIPooling: a batch of -1 ends the list */
    int in, regions, out;
} RoiStep;

/* Regions in use; refuses one that names no image. */
static int64_t count_used(const CaCpuStep *s, CaCpuRun *r, const float *regions)
{
    const RoiStep *d = s->data;
    for (int64_t i = 0; i < d->roi.n_regions; i++) {
        const float image = regions[5 * i];
        if (d->ends_at_minus && image == -1)
            return i;
        if (!(image >= 0 && image < (float)d->roi.n_images)) {
            ca_cpu_refuse(r, s, "a region names a batch that is not there");
            return -1;
        }
    }
    return d->roi.n_regions;
}

static void run_roi(const CaCpuStep *s, CaCpuRun *r, int phase, int thread, int n_threads)
{
    const RoiStep *d = s->data;
    const float *regions = ca_cpu_at(r, d->regions), *in = ca_cpu_at(r, d->in);
    float *out = ca_cpu_at(r, d->out);
    const int64_t n_used = count_used(s, r, regions);
    (void)phase;
    if (n_used < 0)
        return;
    if (d->is_ps)
        ca_psroi_run(&d->roi, out, in, regions, thread, n_threads);
    else
        ca_roi_run(&d->roi, out, in, regions, n_used, thread, n_threads);
}

CarinaStatus ca_cpu_lower_roi(CaCpuBuild *b, const CarinaNode *n)
{
    const CarinaShape *x = &n->inputs[0].value->shape, *y = &n->outputs[0].shape,
                      *regions = &n->inputs[1].value->shape;
    RoiStep d = {.is_ps = ca_cpu_is(n, "PSROIPooling")};
    CaCpuStep *s = NULL;
    if (x->rank != 4 || y->rank != 4 || !ca_cpu_is_float(n->outputs[0].type) ||
        !ca_cpu_is_float(n->inputs[1].value->type) || regions->rank != 2 ||
        regions->dims[1] != 5)
        return CARINA_ERR_UNSUPPORTED;
    d.ends_at_minus = !d.is_ps;
    d.roi =
        (CaRoi){y->dims[0],
                x->dims[0],
                x->dims[1],
                x->dims[2],
                x->dims[3],
                y->dims[1],
                y->dims[2],
                y->dims[3],
                strcmp(carina_node_enum(n, d.is_ps ? "mode" : "method"), "bilinear") == 0,
                carina_node_float(n, "spatial_scale", 1),
                carina_node_int(n, "spatial_bins_y", 1),
                carina_node_int(n, "spatial_bins_x", 1)};
    CA_TRY(ca_cpu_plain(b, &d.in, n->inputs[0].value));
    CA_TRY(ca_cpu_plain(b, &d.regions, n->inputs[1].value));
    CA_TRY(ca_cpu_new_plain(b, &d.out, &n->outputs[0]));
    CA_TRY(ca_cpu_add_step(b, &s, n, d.is_ps ? "psroi" : "roi", run_roi, sizeof d));
    *(RoiStep *)s->data = d;
    ca_cpu_use(b, d.in);
    ca_cpu_use(b, d.regions);
    ca_cpu_use(b, d.out);
    return CARINA_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions (batch, x1, y1, x2, y2) of plain maps [batch, channels, h, w].
 */
#ifndef CA_CPU_ROI_H
#define CA_CPU_ROI_H

#include <stdbool.h>
#include <stdint.h>

typedef struct CaRoi {
    int64_t n_regions, n_images, channels, h, w; /* of the maps */
    int64_t out_channels, out_h, out_w;
    bool is_bilinear;
    double scale;
    int64_t parts_y, parts_x; /* PSROI, bilinear */
} CaRoi;

/* Thread's share of the regions' channels. n_used: regions from there on give zeros. */
void ca_roi_run(const CaRoi *r, float *out, const float *in, const float *regions,
                int64_t n_used, int thread, int n_threads);
void ca_psroi_run(const CaRoi *r, float *out, const float *in, const float *regions,
                  int thread, int n_threads);

#endif

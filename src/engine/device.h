/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices: plugins found by exact name in one folder, opened once per context.
 */
#ifndef CA_ENGINE_DEVICE_H
#define CA_ENGINE_DEVICE_H

#include "base/context.h"

typedef struct CaDevice {
    const CarinaPlugin *plugin; /* a whole table: a short one is completed with NULL */
    CarinaPlugin table;
    CarinaDevice *dev;
    void *library;
    uint64_t identity; /* of the plugin's file */
} CaDevice;

/* The device of that name; an error names those there are. Belongs to the context. */
CarinaStatus ca_device_find(const CaDevice **out, CarinaContext *ctx, const char *name,
                            CarinaError *err);

#endif

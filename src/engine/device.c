/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading plugins.
 */
#include "engine/device.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "graph/op.h"
#include <carina/engine.h>

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* File names tried, in this order; what is not there is not offered. */
static const char *const plugin_files[] = {"carina_cpu.so"};
enum { N_PLUGINS = sizeof plugin_files / sizeof *plugin_files };

struct CaDevices {
    CarinaHost host;
    int n;
    CaDevice list[N_PLUGINS];
};

static void free_devices(struct CaDevices **devices)
{
    struct CaDevices *d = *devices;
    for (int i = 0; d && i < d->n; i++) {
        if (d->list[i].dev)
            d->list[i].plugin->close(d->list[i].dev);
        dlclose(d->list[i].library);
    }
    ca_free(d);
    *devices = NULL;
}

/* carina-<abi> beside this very library. */
static void find_folder(char *out, size_t room, const CarinaContext *ctx)
{
    Dl_info info;
    *out = 0;
    if (ctx->plugin_dir) {
        (void)snprintf(out, room, "%s", ctx->plugin_dir);
    } else if (dladdr((const void *)(uintptr_t)&carina_version, &info) &&
               info.dli_fname) {
        const char *slash = strrchr(info.dli_fname, '/');
        const int n = slash ? (int)(slash - info.dli_fname) : 0;
        (void)snprintf(out, room, "%.*s/carina-%d", n, info.dli_fname, CARINA_ABI);
    }
}

static void host_log(CarinaContext *ctx, CarinaLogLevel level, const char *text)
{
    ca_log(ctx, level, "%s", text);
}

static int host_n_threads(CarinaContext *ctx) { return ctx->n_threads; }

static CarinaStatus open_plugin(struct CaDevices *all, const char *path, CarinaError *err)
{
    CaDevice *d = &all->list[all->n];
    *d = (CaDevice){.library = dlopen(path, RTLD_NOW | RTLD_LOCAL),
                    .identity = ca_file_identity(path)};
    if (!d->library)
        return ca_err(err, CARINA_ERR_NOT_FOUND, "%s", dlerror());
    CarinaPluginEntry *entry = NULL;
    *(void **)&entry = dlsym(d->library, "carina_plugin_entry");
    const CarinaPlugin *p = entry ? entry(CARINA_ABI_MAJOR) : NULL;
    CarinaStatus status = CARINA_OK;
    if (!p || p->abi_major != CARINA_ABI_MAJOR) {
        status = ca_err(err, CARINA_ERR_UNSUPPORTED,
                        "%s: is for plugin ABI %d, this library has %d.%d", path,
                        p ? p->abi_major : 0, CARINA_ABI_MAJOR, CARINA_ABI_MINOR);
    } else {
        memcpy(&d->table, p,
               p->struct_size < sizeof d->table ? p->struct_size : sizeof d->table);
        d->plugin = &d->table;
        status = p->open(&d->dev, &all->host, (const CarinaOption[]){{NULL, NULL}}, err);
    }
    if (status == CARINA_OK)
        all->n++;
    else
        dlclose(d->library);
    return status;
}

static CarinaStatus load_all(CarinaContext *ctx, CarinaError *err)
{
    char folder[3072], path[4096];
    CarinaError why = {CARINA_OK, ""};
    struct CaDevices *all = ca_alloc(sizeof *all);
    if (!all)
        return ca_err(err, CARINA_ERR_MEMORY, "out of memory for devices");
    all->host = (CarinaHost){sizeof all->host,    ctx,
                             ctx->cpu_flags,      host_log,
                             ca_parallel_for,     host_n_threads,
                             ca_reference_node,   ca_reference_work,
                             ca_reference_node_in};
    find_folder(folder, sizeof folder, ctx);
    for (int i = 0; i < N_PLUGINS; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, plugin_files[i]);
        if (open_plugin(all, path, &why) != CARINA_OK)
            ca_log(ctx, CARINA_LOG_WARN, "%s", why.text);
    }
    if (!all->n) {
        ca_free(all);
        return ca_err(err, CARINA_ERR_NOT_FOUND, "no device plugin in %s: %.300s", folder,
                      why.text);
    }
    ctx->devices = all;
    ctx->devices_free = free_devices;
    return CARINA_OK;
}

/* open() may want the context's threads, whose lock this must not hold: loading has a lock of its own. */
static CarinaStatus loaded(CarinaContext *ctx, CarinaError *err)
{
    pthread_mutex_lock(&ctx->devices_lock);
    const CarinaStatus status = ctx->devices ? CARINA_OK : load_all(ctx, err);
    pthread_mutex_unlock(&ctx->devices_lock);
    return status;
}

const char *carina_device_name(CarinaContext *ctx, int i)
{
    if (loaded(ctx, NULL) != CARINA_OK || i < 0 || i >= ctx->devices->n)
        return NULL;
    return ctx->devices->list[i].plugin->name;
}

CarinaStatus ca_device_find(const CaDevice **out, CarinaContext *ctx, const char *name,
                            CarinaError *err)
{
    char there[256] = "";
    *out = NULL;
    CA_TRY(loaded(ctx, err));
    for (int i = 0; i < ctx->devices->n; i++) {
        const CaDevice *d = &ctx->devices->list[i];
        if (ca_text_equal_nocase(d->plugin->name, name)) {
            *out = d;
            return CARINA_OK;
        }
        const size_t at = strlen(there);
        (void)snprintf(there + at, sizeof there - at, "%s%s", i ? ", " : "",
                       d->plugin->name);
    }
    return ca_err(err, CARINA_ERR_NOT_FOUND, "no device %.60s; there %s %s", name,
                  ctx->devices->n == 1 ? "is" : "are", there);
}

const char *carina_device_describe(CarinaContext *ctx, const char *device,
                                   CarinaError *err)
{
    const CaDevice *d = NULL;
    if (ca_device_find(&d, ctx, device, err) != CARINA_OK)
        return NULL;
    return d->plugin->describe ? d->plugin->describe(d->dev) : d->plugin->name;
}

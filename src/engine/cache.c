/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of cached programs, and the folder's size.
 */
#include "engine/cache.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t most_bytes = (int64_t)8 << 30;
static const char suffix[] = ".carina-program";

CarinaStatus ca_cache_open(char *out, size_t room, const char *folder, CarinaError *err)
{
    struct stat st;
    if (strlen(folder) + 64 >= room)
        return ca_err(err, CARINA_ERR_ARGUMENT, "%s: the path is too long", folder);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return ca_err(err, CARINA_ERR_FILE, "%s: %s", folder, strerror(errno));
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode))
        return ca_err(err, CARINA_ERR_FILE, "%s: is not a folder", folder);
    memcpy(out, folder, strlen(folder) + 1);
    return CARINA_OK;
}

/* --- The name. */

static uint64_t of_attr(const CaNode *n, const CarinaAttr *a, uint64_t h)
{
    const char *at = (const char *)n->attrs + a->offset;
    const CarinaInts *ints = (const CarinaInts *)(const void *)at;
    const CarinaFloats *floats = (const CarinaFloats *)(const void *)at;
    const CarinaShape *shape = (const CarinaShape *)(const void *)at;
    const char *text = NULL;
    switch (a->kind) {
    case CARINA_ATTR_INT:
    case CARINA_ATTR_FLOAT: return ca_hash(at, 8, h);
    case CARINA_ATTR_BOOL: return ca_hash(at, sizeof(bool), h);
    case CARINA_ATTR_ENUM: return ca_hash(at, sizeof(int32_t), h);
    case CARINA_ATTR_TYPE: return ca_hash(at, sizeof(CarinaType), h);
    case CARINA_ATTR_STRING:
        memcpy(&text, at, sizeof text);
        return text ? ca_hash(text, strlen(text), h) : h + 1;
    case CARINA_ATTR_INTS:
        return ca_hash(ints->v, (size_t)ints->n * sizeof *ints->v, h + (uint64_t)ints->n);
    case CARINA_ATTR_FLOATS:
        return ca_hash(floats->v, (size_t)floats->n * sizeof *floats->v,
                       h + (uint64_t)floats->n);
    case CARINA_ATTR_SHAPE:
        return shape->rank > 0
                   ? ca_hash(shape->dims, (size_t)shape->rank * sizeof *shape->dims, h)
                   : h + (uint64_t)(shape->rank + 2);
    case CARINA_ATTR_END: break;
    }
    return h;
}

static uint64_t of_value(const CaValue *v, uint64_t h)
{
    const int64_t what[] = {(int64_t)v->type, v->shape.rank};
    h = ca_hash(what, sizeof what, h);
    if (v->shape.rank > 0)
        h = ca_hash(v->shape.dims, (size_t)v->shape.rank * sizeof *v->shape.dims, h);
    const CarinaTensor *t = v->constant;
    return t ? ca_buffer_hash(t->buffer, t->data, t->size, h) : h;
}

static uint64_t of_node(const CaNode *n, uint64_t h)
{
    const int32_t what[] = {n->id, n->opset, n->n_inputs, n->n_outputs};
    h = ca_hash(what, sizeof what, h);
    h = ca_hash(n->op_name, strlen(n->op_name), h);
    for (const CarinaAttr *a = n->attr_table; a && a->kind != CARINA_ATTR_END; a++)
        h = of_attr(n, a, h);
    for (int i = 0; i < n->n_inputs; i++) {
        const CaValue *v = n->inputs[i].value;
        const int32_t from[] = {v ? v->node->id : -1, v ? v->index : 0};
        h = ca_hash(from, sizeof from, h);
    }
    for (int i = 0; i < n->n_outputs; i++)
        h = of_value(&n->outputs[i], h);
    return h;
}

void ca_cache_file(char *out, size_t room, const CarinaCompiled *exe, const CaGraph *g)
{
    uint64_t h = exe->device->identity;
    const char *what = exe->device->plugin->describe
                           ? exe->device->plugin->describe(exe->device->dev)
                           : "";
    *out = 0;
    h = ca_hash(what, strlen(what), h);
    h = ca_hash(exe->precision, strlen(exe->precision),
                h + exe->exact + 2 * (uint64_t)exe->tune + 4 * (uint64_t)exe->is_low);
    CA_EACH_NODE(n, g) {
        if (n->n_bodies)
            return;
        h = of_node(n, h);
    }
    (void)snprintf(out, room, "%s/%016llx%s", exe->cache_dir, (unsigned long long)h,
                   suffix);
}

/* --- The folder. */

/* The oldest of the folder's programs to path, and the size of all. */
static int64_t look(char *oldest, size_t room, const char *folder)
{
    char path[1200];
    struct stat st;
    int64_t all = 0, age = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        const size_t n = strlen(e->d_name), tail = sizeof suffix - 1;
        if (n <= tail || strcmp(e->d_name + n - tail, suffix) != 0 ||
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name) >= (int)sizeof path ||
            stat(path, &st) != 0)
            continue;
        all += (int64_t)st.st_size;
        if (!age || (int64_t)st.st_mtim.tv_sec < age) {
            age = (int64_t)st.st_mtim.tv_sec;
            (void)snprintf(oldest, room, "%s", path);
        }
    }
    if (dir)
        closedir(dir);
    return all;
}

void ca_cache_used(const char *folder, const char *file)
{
    char oldest[1200] = "";
    (void)utimensat(AT_FDCWD, file, NULL, 0);
    while (look(oldest, sizeof oldest, folder) > most_bytes &&
           strcmp(oldest, file) != 0 && unlink(oldest) == 0)
        ;
}

/* --- Answers of tuning. */

/* $XDG_CACHE_HOME or ~/.cache, then /carina; false: there is none, or it cannot be made. */
static bool users_folder(char *out, size_t room)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    char parent[1000];
    const bool has_base = base && base[0] == '/';
    if (!has_base && !(home && home[0] == '/'))
        return false;
    if (snprintf(parent, sizeof parent, "%s%s", has_base ? base : home,
                 has_base ? "" : "/.cache") >= (int)sizeof parent ||
        snprintf(out, room, "%s/carina", parent) >= (int)room)
        return false;
    return (mkdir(parent, 0700) == 0 || errno == EEXIST) &&
           (mkdir(out, 0700) == 0 || errno == EEXIST);
}

void ca_cache_tuned(char *out, size_t room, const CarinaCompiled *exe)
{
    char folder[1100];
    const CarinaPlugin *plugin = exe->device->plugin;
    const char *what = plugin->describe ? plugin->describe(exe->device->dev) : "";
    *out = 0;
    if (*exe->cache_dir)
        (void)snprintf(folder, sizeof folder, "%s", exe->cache_dir);
    else if (!users_folder(folder, sizeof folder))
        return;
    if (snprintf(out, room, "%s/%016llx.carina-tuned", folder,
                 (unsigned long long)ca_hash(what, strlen(what), 0)) >= (int)room)
        *out = 0;
}

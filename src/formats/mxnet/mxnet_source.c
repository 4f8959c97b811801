/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader's row: one file of the pair was given, the other is found beside it.
 *
 *      PREFIX-symbol.json    PREFIX-0012.params (of several epochs the last), or PREFIX.params
 */
#include "formats/mxnet/mxnet.h"

#include "base/file.h"
#include "formats/mxnet/mxnet_params.h"
#include "formats/mxnet/mxnet_reader.h"
#include "formats/mxnet/mxnet_symbol.h"
#include "formats/reader.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { ROOM = 4096, EPOCH = 5 }; /* EPOCH: "-0012" */

static bool match(const CaSource *s)
{
    return s->file && (ca_mxnet_is_params(s->file) || ca_mxnet_is_symbol(s->file));
}

/* --- Names. */

static bool ends_with(const char *text, size_t n, const char *end)
{
    const size_t length = strlen(end);
    return n >= length && memcmp(text + n - length, end, length) == 0;
}

/* "-0012" at the end of text [0, n)? */
static bool ends_with_epoch(const char *text, size_t n)
{
    if (n <= EPOCH || text[n - EPOCH] != '-')
        return false;
    return strspn(text + n - EPOCH + 1, "0123456789") >= EPOCH - 1;
}

/* How much of the path is the prefix that both files share. */
static size_t prefix_length(const char *path)
{
    size_t n = strlen(path);
    const char *const ends[] = {".params", "-symbol.json", ".json"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ends_with(path, n, ends[i])) {
            n -= strlen(ends[i]);
            break;
        }
    return ends_with_epoch(path, n) ? n - EPOCH : n;
}

static bool beside(char out[ROOM], const char *path, size_t n, const char *end)
{
    const int length =
        snprintf(out, ROOM, "%.*s%s", (int)(n < ROOM ? n : ROOM - 1), path, end);
    return length > 0 && length < ROOM && ca_path_exists(out);
}

/* PREFIX-NNNN.params with the largest number. */
static bool last_epoch(char out[ROOM], const char *path, size_t n)
{
    char folder[ROOM], best[ROOM] = "";
    size_t head = n;
    while (head > 0 && path[head - 1] != '/')
        head--;
    if (n >= ROOM - 16)
        return false;
    (void)snprintf(folder, sizeof folder, "%.*s", (int)head, path);
    DIR *dir = opendir(head ? folder : ".");
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        const size_t length = strlen(e->d_name), stem = n - head;
        if (length == stem + EPOCH + strlen(".params") && length < ROOM &&
            memcmp(e->d_name, path + head, stem) == 0 &&
            ends_with_epoch(e->d_name, stem + EPOCH) &&
            ends_with(e->d_name, length, ".params") && strcmp(e->d_name, best) > 0)
            memcpy(best, e->d_name, length + 1);
    }
    if (dir)
        closedir(dir);
    return *best && snprintf(out, ROOM, "%.*s%s", (int)head, path, best) < ROOM;
}

static bool find_params(char out[ROOM], const char *path)
{
    const size_t n = prefix_length(path);
    return last_epoch(out, path, n) || beside(out, path, n, ".params") ||
           ca_path_only(out, ROOM, path, ".params");
}

static bool find_symbol(char out[ROOM], const char *path)
{
    const size_t n = prefix_length(path), stem = strlen(path) - strlen(".params");
    return beside(out, path, n, "-symbol.json") || beside(out, path, n, ".json") ||
           (strlen(path) > strlen(".params") &&
            beside(out, path, stem, "-symbol.json")) ||
           ca_path_only(out, ROOM, path, "-symbol.json");
}

/* --- Files. */

typedef struct Files {
    char symbol_path[ROOM], params_path[ROOM], args_path[ROOM], auxs_path[ROOM];
    CaBuffer *owned[4]; /* mapped here, to be let go */
    int n_owned;
    CaMxnetFile symbol, params[3];
    int n_params;
} Files;

static CarinaStatus map(Files *f, CaMxnetFile *out, const char *path, CarinaError *err)
{
    CA_TRY(ca_file_map(&f->owned[f->n_owned], path, err));
    out->path = path;
    out->data = f->owned[f->n_owned++];
    return CARINA_OK;
}

/* The given file and the second one, whichever is which. */
static CarinaStatus map_pair(Files *f, const CaSource *s)
{
    const bool has_params = ca_mxnet_is_params(s->file);
    const CaMxnetFile first = {s->path, s->file};
    const char *second = s->options->weights;
    if (has_params) {
        f->params[f->n_params++] = first;
        if (!second && !find_symbol(f->symbol_path, s->path))
            return ca_err(s->err, CARINA_ERR_FILE,
                          "%s: the -symbol.json file that goes with it is not beside it; "
                          "name it too",
                          s->path);
        return map(f, &f->symbol, second ? second : f->symbol_path, s->err);
    }
    f->symbol = first;
    if (!second && find_params(f->params_path, s->path))
        second = f->params_path;
    if (second) /* without, there may be nothing to read */
        CA_TRY(map(f, &f->params[f->n_params++], second, s->err));
    return CARINA_OK;
}

/* PREFIX_args.nd and PREFIX_auxs.nd stand above the .params; the prefix is beside the model or a path of its own. */
static CarinaStatus map_more(Files *f, const CaSource *s)
{
    static const char *const ends[] = {"_args.nd", "_auxs.nd"};
    char *const paths[] = {f->args_path, f->auxs_path};
    const char *prefix = s->options->prefix, *slash = strrchr(s->path, '/');
    const int folder = slash ? (int)(slash - s->path) + 1 : 0;
    int n = 0;
    for (int i = 0; prefix && *prefix && i < 2; i++) {
        const int length =
            snprintf(paths[i], ROOM, "%.*s%s%s", folder, s->path, prefix, ends[i]);
        const bool near = length > 0 && length < ROOM && ca_path_exists(paths[i]);
        if (!near && !beside(paths[i], prefix, strlen(prefix), ends[i]))
            continue;
        CA_TRY(map(f, &f->params[f->n_params++], paths[i], s->err));
        n++;
    }
    if (prefix && *prefix && n == 0)
        return ca_err(s->err, CARINA_ERR_FILE,
                      "%s: neither %s_args.nd nor %s_auxs.nd is beside it; correct the "
                      "prefix",
                      s->path, prefix, prefix);
    return CARINA_OK;
}

/* What both files are called. */
static void name_graph(CaGraph *g, const char *path)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    const size_t n = prefix_length(path);
    char *name = n > (size_t)(stem - path)
                     ? ca_arena_copy_n(ca_graph_arena(g), stem, n - (size_t)(stem - path))
                     : NULL;
    if (name)
        g->name = name;
}

static CarinaStatus read_source(CaGraph **out, CaSource *s)
{
    Files f = {.n_owned = 0};
    int64_t version = 0;
    *out = NULL;
    CarinaStatus status = map_pair(&f, s);
    if (status == CARINA_OK)
        status = map_more(&f, s);
    if (status == CARINA_OK)
        status = ca_mxnet_read(out, &f.symbol, f.params, f.n_params, s->options,
                               s->customs, &version, s->err);
    if (status == CARINA_OK)
        name_graph(*out, s->path);
    for (int i = 0; i < f.n_owned; i++)
        ca_buffer_unref(&f.owned[i]);
    if (version > 0)
        (void)snprintf(s->format, sizeof s->format, "MXNet %d.%d.%d",
                       (int)(version / 10000 % 100), (int)(version / 100 % 100),
                       (int)(version % 100));
    else
        (void)snprintf(s->format, sizeof s->format, "MXNet");
    return status;
}

const CaReader ca_reader_mxnet = {"MXNet", match, read_source, ca_mxnet_op_name};

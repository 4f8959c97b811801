/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of readers, and the way through it.
 */
#include "engine/read.h"

#include "base/file.h"
#include "base/text.h"

#include <string.h>
#include <sys/stat.h>

#define CA_READER(name) extern const CaReader ca_reader_##name;
#include "engine/readers.def"
#undef CA_READER

static const CaReader *const readers[] = {
#define CA_READER(name) &ca_reader_##name,
#include "engine/readers.def"
#undef CA_READER
};

const CaReader *ca_reader_at(int i)
{
    return i >= 0 && (size_t)i < sizeof readers / sizeof *readers ? readers[i] : NULL;
}

/* path without its folder and extension. */
static void name_after(CaGraph *g, const char *path)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path,
               *dot = strrchr(stem, '.');
    char *name = ca_arena_copy_n(ca_graph_arena(g), stem,
                                 dot && dot > stem ? (size_t)(dot - stem) : strlen(stem));
    if (name && *name)
        g->name = name;
}

static const CaReader *find(const CaSource *s)
{
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i]->match(s))
            return readers[i];
    return NULL;
}

static CarinaStatus unknown(const CaSource *s)
{
    CaText names = {.limit = 200};
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++)
        if (readers[i]->name)
            ca_text_add(&names, "%s%s", names.size ? ", " : "", readers[i]->name);
    const CarinaStatus status =
        ca_err(s->err, CARINA_ERR_FORMAT,
               "%s: is no model that is known by its content; read are %s", s->path,
               names.data ? names.data : "none");
    ca_text_free(&names);
    return status;
}

CarinaStatus ca_read(CaGraph **out, CaSource *s)
{
    struct stat st;
    CarinaStatus status = CARINA_OK;
    *out = NULL;
    s->file = NULL;
    if (stat(s->path, &st) != 0 || !S_ISDIR(st.st_mode))
        CA_TRY(ca_file_map(&s->file, s->path, s->err));
    const CaReader *reader = find(s);
    if (s->file && !s->file->size)
        status = ca_err(s->err, CARINA_ERR_FORMAT, "%s: the file is empty", s->path);
    else if (!reader)
        status = unknown(s);
    else
        status = reader->read(out, s);
    if (s->file) /* constants that lie there come back when they are used */
        ca_buffer_drop(s->file, s->file->data, s->file->size);
    ca_buffer_unref(&s->file);
    if (status == CARINA_OK && strcmp((*out)->name, "model") == 0)
        name_after(*out, s->path); /* the file gave none */
    return status;
}

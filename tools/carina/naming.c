/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where labels come from.
 */
#include "naming.h"

#include <stdlib.h>
#include <string.h>

static void add(List *labels, const char *text, size_t n)
{
    list_add(labels, text_of("%.*s", (int)n, text));
}

/* One label a line; "n02123045 " of ImageNet's lists is left out. */
static void add_lines(List *labels, FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, f) >= 0) {
        const char *at = line;
        line[strcspn(line, "\r\n")] = 0;
        if (at[0] == 'n' && strspn(at + 1, "0123456789") == 8 && at[9] == ' ')
            at += 10;
        add(labels, at, strlen(at));
    }
    free(line);
}

static bool read_file(List *labels, const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        const List one = {1, &path};
        List none = {0};
        return sources_expand(&none, &one, "txt") &&
               complain("%s: cannot be read", path) == 0;
    }
    add_lines(labels, f);
    fclose(f);
    return true;
}

/* False: there is no such file. */
static bool read_beside(List *labels, const char *path, size_t n, const char *end)
{
    char *beside = text_of("%.*s%s", (int)n, path, end);
    FILE *f = fopen(beside, "r");
    free(beside);
    if (!f)
        return false;
    add_lines(labels, f);
    fclose(f);
    return true;
}

bool find_labels(List *labels, const CarinaModel *model, const char *path,
                 const char *file)
{
    const char *own = carina_model_metadata(model, "labels");
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    if (file)
        return read_file(labels, file);
    for (const char *at = own; at; at = *at ? at + 1 : NULL) {
        add(labels, at, strcspn(at, "\n"));
        at += strcspn(at, "\n");
    }
    if (!own &&
        !read_beside(labels, path, (size_t)((dot ? dot : base + strlen(base)) - path),
                     ".labels") &&
        strncmp(carina_model_format(model), "MXNet", 5) == 0)
        read_beside(labels, path, (size_t)(base - path), "synset.txt");
    return true;
}

bool keep_labels(CarinaModel *model, const List *labels)
{
    CarinaError err = {0};
    size_t n = 1;
    for (int i = 0; i < labels->n; i++)
        n += strlen(labels->v[i]) + 1;
    char *text = allocate(n, 1), *to = text;
    for (int i = 0; i < labels->n; i++) {
        const size_t size = strlen(labels->v[i]);
        if (i > 0)
            *to++ = '\n';
        memcpy(to, labels->v[i], size);
        to += size;
    }
    *to = 0;
    const bool good = labels->n == 0 ||
                      carina_model_set_metadata(model, "labels", text, &err) == CARINA_OK;
    free(text);
    return good || complain("%s", err.text) == 0;
}

char *labels_text(const char *labels)
{
    enum { MOST = 60 };
    int n = 1;
    for (const char *p = labels; *p; p++)
        n += *p == '\n';
    char *text = text_of("%d: ", n);
    for (const char *p = labels; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        char *longer = strlen(text) > MOST
                           ? text_of("%s…", text)
                           : text_of("%s%.*s%s", text, (int)strcspn(p, "\n"), p,
                                     strchr(p, '\n') ? " | " : "");
        const bool is_cut = strlen(text) > MOST;
        free(text);
        text = longer;
        if (is_cut)
            break;
    }
    return text;
}

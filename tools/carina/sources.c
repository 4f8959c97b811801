/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words that name files: files, folders, patterns and @lists become a plain list of files.
 */
#include "cli.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *stem_of(const char *path)
{
    const char *base = base_name(path);
    const char *dot = strrchr(base, '.');
    return text_of("%.*s", dot && dot > base ? (int)(dot - base) : (int)strlen(base),
                   base);
}

bool has_extension(const char *path, const char *extensions)
{
    const char *dot = strrchr(base_name(path), '.');
    const size_t n = dot ? strlen(dot + 1) : 0;
    for (const char *at = extensions; dot && at;) {
        const char *comma = strchr(at, ',');
        const size_t m = comma ? (size_t)(comma - at) : strlen(at);
        if (n == m && strncasecmp(at, dot + 1, n) == 0)
            return true;
        at = comma ? comma + 1 : NULL;
    }
    return false;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static bool add_folder(List *out, const char *path, const char *extensions)
{
    struct dirent **names = NULL;
    const int n = scandir(path, &names, NULL, alphasort);
    const int before = out->n;
    if (n < 0) {
        complain("%s: cannot be read (%s)", path, strerror(errno));
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.' && has_extension(names[i]->d_name, extensions))
            list_add(out,
                     text_of("%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/",
                             names[i]->d_name));
        free(names[i]);
    }
    free(names);
    if (out->n == before)
        complain("%s: the folder holds none of %s", path, extensions);
    return out->n > before;
}

/* The nearest name in the folder where the file was looked for. */
static bool missing(const char *path)
{
    const char *base = base_name(path);
    char *folder =
        base == path ? text_of(".") : text_of("%.*s", (int)(base - path), path);
    struct dirent **names = NULL;
    const int n = scandir(folder, &names, NULL, alphasort);
    List list = {0};
    for (int i = 0; i < n; i++)
        list_add(&list, names[i]->d_name);
    list_add(&list, NULL);
    const char *near = nearest(list.v, base);
    if (near && strcmp(near, ".") != 0 && strcmp(near, "..") != 0)
        complain("%s: no such file; do you mean '%s'?", path, near);
    else
        complain("%s: no such file", path);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    free(list.v);
    free(folder);
    return false;
}

static bool add_pattern(List *out, const char *pattern)
{
    glob_t g = {0};
    if (glob(pattern, 0, NULL, &g) != 0) {
        complain("%s: no file matches", pattern);
        globfree(&g);
        return false;
    }
    for (size_t i = 0; i < g.gl_pathc; i++)
        list_add(out, text_of("%s", g.gl_pathv[i]));
    globfree(&g);
    return true;
}

static bool add(List *out, const char *word, const char *extensions, int depth);

/* One word a line; '#' starts a comment. */
static bool add_list(List *out, const char *path, const char *extensions, int depth)
{
    char *line = NULL;
    size_t room = 0;
    bool good = true;
    FILE *f = depth < 4 ? fopen(path, "r") : NULL;
    if (!f) {
        complain("%s: the list cannot be read (%s)", path,
                 depth < 4 ? strerror(errno) : "lists in lists are too deep");
        return false;
    }
    while (good && getline(&line, &room, f) >= 0) {
        line[strcspn(line, "\r\n")] = 0;
        if (line[0] && line[0] != '#')
            good = add(out, line, extensions, depth + 1);
    }
    free(line);
    fclose(f);
    return good;
}

static bool add(List *out, const char *word, const char *extensions, int depth)
{
    if (word[0] == '@')
        return add_list(out, word + 1, extensions, depth);
    if (is_folder(word))
        return add_folder(out, word, extensions);
    if (is_there(word) || strcmp(word, "-") == 0) {
        list_add(out, text_of("%s", word));
        return true;
    }
    return strpbrk(word, "*?[") ? add_pattern(out, word) : missing(word);
}

bool sources_expand(List *out, const List *words, const char *extensions)
{
    for (int i = 0; i < words->n; i++)
        if (!add(out, words->v[i], extensions, 0))
            return false;
    return true;
}

bool make_folders(const char *path)
{
    char *part = text_of("%s", path);
    for (char *at = part + 1;; at++) {
        if (*at && *at != '/')
            continue;
        const char kept = *at;
        *at = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            complain("%s: cannot be made (%s)", part, strerror(errno));
            free(part);
            return false;
        }
        *at = kept;
        if (!kept)
            break;
    }
    free(part);
    return true;
}

double file_mb(const char *stem, const char *extension)
{
    struct stat st;
    char *path = text_of("%s%s", stem, extension);
    const double mb = stat(path, &st) == 0 ? (double)st.st_size / 1e6 : 0;
    free(path);
    return mb;
}

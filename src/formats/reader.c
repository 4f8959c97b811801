/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readers ask of the files that they are given.
 */
#include "formats/reader.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *ca_source_text(const CaSource *s, size_t *n)
{
    const char *p = s->file ? s->file->data : NULL;
    size_t left = s->file ? s->file->size : 0;
    if (left >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3, left -= 3;
    while (left && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++, left--;
    *n = left;
    return p;
}

bool ca_source_has(const CaSource *s, size_t at, const void *bytes, size_t n)
{
    return s->file && s->file->size >= n && at <= s->file->size - n &&
           memcmp((const char *)s->file->data + at, bytes, n) == 0;
}

void ca_path_beside(char *out, size_t room, const char *path, const char *extension)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    const size_t n = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);
    (void)snprintf(out, room, "%.*s%s", (int)(n < room ? n : room - 1), path, extension);
}

bool ca_path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool ca_path_only(char *out, size_t room, const char *path, const char *extension)
{
    const char *slash = strrchr(path, '/');
    const int n = slash ? (int)(slash - path) + 1 : 0;
    char folder[4096];
    int found = 0;
    if ((size_t)n >= sizeof folder)
        return false;
    (void)snprintf(folder, sizeof folder, "%.*s", n, path);
    DIR *dir = opendir(n ? folder : ".");
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        const size_t length = strlen(e->d_name), tail = strlen(extension);
        if (length <= tail || strcmp(e->d_name + length - tail, extension) != 0)
            continue;
        if (strlen(folder) + length >= room)
            continue;
        found++;
        memcpy(out, folder, strlen(folder));
        memcpy(out + strlen(folder), e->d_name, length + 1);
    }
    if (dir)
        closedir(dir);
    return found == 1;
}

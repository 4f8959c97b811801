/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small writer of JSON.
 */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_DEPTH = 16 };

struct Json {
    FILE *f;
    char *path, *temporary;
    int depth;
    char close[MAX_DEPTH];
    bool has_items[MAX_DEPTH];
};

bool json_open(Json **out, const char *path)
{
    *out = NULL;
    if (!path)
        return true;
    Json *j = allocate(1, sizeof *j);
    j->path = text_of("%s", path);
    j->temporary = text_of("%s.%ld.part", path, (long)getpid());
    j->f = fopen(j->temporary, "w");
    if (!j->f) {
        complain("%s: cannot be written (%s)", path, strerror(errno));
        free(j->path);
        free(j->temporary);
        free(j);
        return false;
    }
    *out = j;
    json_object(j, NULL);
    return true;
}

static void put_text(Json *j, const char *text)
{
    fputc('"', j->f);
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(j->f, "\\%c", c);
        else if (c < 0x20)
            fprintf(j->f, "\\u%04x", c);
        else
            fputc(c, j->f);
    }
    fputc('"', j->f);
}

static void start_item(Json *j, const char *key)
{
    if (j->depth > 0) {
        fprintf(j->f, "%s\n%*s", j->has_items[j->depth - 1] ? "," : "", 2 * j->depth, "");
        j->has_items[j->depth - 1] = true;
    }
    if (key) {
        put_text(j, key);
        fputs(": ", j->f);
    }
}

static void open_level(Json *j, const char *key, char open, char close)
{
    if (!j || j->depth == MAX_DEPTH)
        return;
    start_item(j, key);
    fputc(open, j->f);
    j->close[j->depth] = close;
    j->has_items[j->depth++] = false;
}

void json_object(Json *j, const char *key) { open_level(j, key, '{', '}'); }
void json_list(Json *j, const char *key) { open_level(j, key, '[', ']'); }

void json_end(Json *j)
{
    if (!j || j->depth == 0)
        return;
    j->depth--;
    if (j->has_items[j->depth])
        fprintf(j->f, "\n%*s", 2 * j->depth, "");
    fputc(j->close[j->depth], j->f);
}

void json_text(Json *j, const char *key, const char *value)
{
    if (!j)
        return;
    start_item(j, key);
    put_text(j, value ? value : "");
}

void json_number(Json *j, const char *key, double value)
{
    if (!j)
        return;
    start_item(j, key);
    if (isfinite(value))
        fprintf(j->f, "%.9g", value);
    else
        fputs("null", j->f);
}

void json_shape(Json *j, const char *key, const CarinaShape *s)
{
    if (!j)
        return;
    start_item(j, key);
    fputc('[', j->f);
    for (int i = 0; i < s->rank; i++)
        fprintf(j->f, "%s%lld", i ? ", " : "", (long long)s->dims[i]);
    fputc(']', j->f);
}

bool json_close(Json **json)
{
    Json *j = *json;
    *json = NULL;
    if (!j)
        return true;
    while (j->depth > 0)
        json_end(j);
    fputc('\n', j->f);
    const bool is_bad = ferror(j->f) != 0;
    const bool good = fclose(j->f) == 0 && !is_bad && rename(j->temporary, j->path) == 0;
    if (!good) {
        complain("%s: cannot be written (%s)", j->path, strerror(errno));
        unlink(j->temporary);
    }
    free(j->path);
    free(j->temporary);
    free(j);
    return good;
}

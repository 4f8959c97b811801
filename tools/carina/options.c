/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsing of command lines from tables of options.
 */
#include "cli.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const Option common_options[] = {
    {OPTION_GROUP, "everywhere", NULL, NULL, 0},
    {OPTION_TEXT, "json", "FILE", "write every number that is printed, and more",
     offsetof(CommonOptions, json)},
    {OPTION_FLAG, "quiet,q,silent", NULL, "no notes, warnings or progress",
     offsetof(CommonOptions, quiet)},
    {OPTION_FLAG, "strict", NULL, "warnings are errors", offsetof(CommonOptions, strict)},
    {OPTION_TEXT, "cpu", "avx512|avx2|neon|ref", "highest instruction set to use",
     offsetof(CommonOptions, cpu)},
    {OPTION_TEXT, "log-level", "CRITICAL|ERROR|WARN|WARNING|INFO|DEBUG|NOTSET",
     "what to say of the work (WARN)", offsetof(CommonOptions, log_level)},
    {OPTION_FLAG, "help,h", NULL, "this text", offsetof(CommonOptions, help)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

void list_add(List *list, const char *text)
{
    if ((list->n & (list->n - 1)) == 0) { /* full at each power of two */
        const size_t room = list->n ? 2 * (size_t)list->n : 1;
        const char **v = allocate(room, sizeof *v);
        if (list->n)
            memcpy(v, list->v, (size_t)list->n * sizeof *v);
        free(list->v);
        list->v = v;
    }
    list->v[list->n++] = text;
}

/* Edit distance with '-' and '_' the same; 99 for long words. */
static int distance(const char *a, const char *b)
{
    enum { MAX = 63 };
    const size_t n = strlen(a), m = strlen(b);
    int row[MAX + 1];
    if (n > MAX || m > MAX)
        return 99;
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int corner = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            const int x = a[i - 1] == '_' ? '-' : tolower((unsigned char)a[i - 1]);
            const int y = b[j - 1] == '_' ? '-' : tolower((unsigned char)b[j - 1]);
            int best = corner + (x != y);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

const char *nearest(const char *const *names, const char *typed)
{
    const char *found = NULL;
    int best = 1 + (int)strlen(typed) / 3; /* a third of the letters may be wrong */
    for (; *names; names++) {
        const int d = distance(*names, typed);
        if (d <= best && (!found || d < best)) {
            best = d;
            found = *names;
        }
    }
    return found;
}

static bool same_name(const char *name, size_t n, const char *typed, size_t m)
{
    if (n != m)
        return false;
    for (size_t i = 0; i < n; i++)
        if (name[i] != typed[i] && !(name[i] == '-' && typed[i] == '_'))
            return false;
    return true;
}

static bool has_name(const Option *o, const char *typed, size_t m)
{
    for (const char *name = o->names; name;) {
        const char *comma = strchr(name, ',');
        const size_t n = comma ? (size_t)(comma - name) : strlen(name);
        if (same_name(name, n, typed, m))
            return true;
        name = comma ? comma + 1 : NULL;
    }
    return false;
}

static const Option *find(const Option *table, const char *typed, size_t m)
{
    for (; table->kind != OPTION_END; table++)
        if (table->kind != OPTION_GROUP && has_name(table, typed, m))
            return table;
    return NULL;
}

static void add_names(List *names, const Option *table)
{
    for (; table->kind != OPTION_END; table++) {
        if (table->kind == OPTION_GROUP)
            continue;
        char *copy =
            text_of("%s", table->names); /* lives to the end: a few names, once */
        for (char *name = strtok(copy, ","); name; name = strtok(NULL, ","))
            if (strlen(name) > 1)
                list_add(names, name);
    }
}

static bool unknown(const Command *command, const char *typed, size_t m)
{
    List names = {0};
    char *word = text_of("%.*s", (int)m, typed);
    add_names(&names, command->options);
    add_names(&names, common_options);
    list_add(&names, NULL);
    const char *near = nearest(names.v, word);
    if (near)
        complain("%s: no option --%s; do you mean --%s?", command->name, word, near);
    else
        complain("%s: no option --%s; 'carina %s --help' lists them", command->name, word,
                 command->name);
    free(names.v);
    free(word);
    return false;
}

static bool is_choice(const char *choices, const char *value)
{
    const size_t n = strlen(value);
    for (const char *at = choices; at;) {
        const char *bar = strchr(at, '|');
        const size_t m = bar ? (size_t)(bar - at) : strlen(at);
        if (n == m && strncasecmp(at, value, n) == 0)
            return true;
        at = bar ? bar + 1 : NULL;
    }
    return false;
}

static bool set_flag(bool *to, const char *value)
{
    *to = !value || is_choice("true|yes|on|1", value);
    return *to || is_choice("false|no|off|0", value);
}

/* The value as the option's kind wants it. */
static bool set(const Option *o, void *values, const char *value)
{
    char *end = NULL;
    void *to = (char *)values + o->offset;
    switch (o->kind) {
    case OPTION_END:
    case OPTION_GROUP: return false;
    case OPTION_FLAG: return set_flag(to, value);
    case OPTION_TEXT:
        *(const char **)to = value;
        return !strchr(o->value, '|') || is_choice(o->value, value);
    case OPTION_INT: *(int64_t *)to = strtoll(value, &end, 10); break;
    case OPTION_REAL: *(double *)to = strtod(value, &end); break;
    case OPTION_LIST:
    case OPTION_REPEAT: list_add(to, value); return true;
    }
    const bool is_number = *value && !*end;
    return is_number &&
           (o->kind == OPTION_INT ? *(int64_t *)to >= 0 : *(double *)to >= 0);
}

static const char *expected(const Option *o)
{
    if (o->kind == OPTION_FLAG)
        return "true or false";
    if (o->kind == OPTION_INT)
        return "a whole number";
    return o->kind == OPTION_REAL ? "a number" : o->value;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] && !isdigit((unsigned char)word[1]) &&
           word[1] != '.';
}

typedef struct {
    const Command *command;
    void *values;
    int argc, at;
    char **argv;
} Parser;

static bool take(Parser *p, CommonOptions *everywhere)
{
    const char *name = p->argv[p->at] + (p->argv[p->at][1] == '-' ? 2 : 1);
    const char *equals = strchr(name, '=');
    const size_t m = equals ? (size_t)(equals - name) : strlen(name);
    const char *value = equals ? equals + 1 : NULL;
    void *to = p->values;
    const Option *o = find(p->command->options, name, m);
    if (!o) {
        o = find(common_options, name, m);
        to = everywhere;
    }
    if (!o)
        return unknown(p->command, name, m);
    if (!value && o->kind != OPTION_FLAG) {
        if (p->at + 1 >= p->argc) {
            complain("%s: --%.*s: no value given; it takes %s", p->command->name, (int)m,
                     name, o->value);
            return false;
        }
        value = p->argv[++p->at];
    }
    if (!set(o, to, value)) {
        complain("%s: --%.*s: '%s' is not one of its values; it takes %s",
                 p->command->name, (int)m, name, value, expected(o));
        return false;
    }
    while (o->kind == OPTION_LIST && p->at + 1 < p->argc &&
           !is_option(p->argv[p->at + 1]))
        list_add((List *)(void *)((char *)to + o->offset), p->argv[++p->at]);
    return true;
}

bool options_parse(const Command *command, void *values, CommonOptions *everywhere,
                   List *words, int argc, char **argv)
{
    Parser p = {command, values, argc, 0, argv};
    bool is_over = false;
    for (; p.at < argc; p.at++) {
        if (is_over || !is_option(argv[p.at]))
            list_add(words, argv[p.at]);
        else if (strcmp(argv[p.at], "--") == 0)
            is_over = true;
        else if (!take(&p, everywhere))
            return false;
    }
    return true;
}

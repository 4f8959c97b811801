/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels of classes in the forms in which files hold them.
 */
#include "graph/labels.h"

#include <string.h>

static const size_t limit = (size_t)4 << 20;

typedef struct Span {
    const char *at, *end;
} Span;

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static void skip_blanks(Span *s)
{
    while (s->at < s->end && is_blank(*s->at))
        s->at++;
}

static bool take(Span *s, char c)
{
    skip_blanks(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* One character of a label: those that would end a line become blanks, NUL is left out. */
static void add_char(CaText *t, char c)
{
    if (c != 0)
        ca_text_add_n(t, c == '\n' || c == '\r' ? " " : &c, 1);
}

/* Parts between separators as lines; blanks around a part go, empty ones at the end too. */
static void add_parts(CaText *t, Span s, char separator)
{
    while (s.at < s.end) {
        const char *end = memchr(s.at, separator, (size_t)(s.end - s.at));
        const char *next = end ? end + 1 : s.end;
        end = end ? end : s.end;
        while (s.at < end && is_blank(*s.at))
            s.at++;
        while (end > s.at && is_blank(end[-1]))
            end--;
        for (const char *p = s.at; p < end; p++)
            add_char(t, *p);
        ca_text_add_n(t, "\n", 1);
        s.at = next;
    }
}

static void add_words(CaText *t, Span s)
{
    for (skip_blanks(&s); s.at < s.end; skip_blanks(&s)) {
        for (; s.at < s.end && !is_blank(*s.at); s.at++)
            add_char(t, *s.at == '_' ? ' ' : *s.at);
        ca_text_add_n(t, "\n", 1);
    }
}

/* 'text' or "text", with backslashes, as JSON and Python write it. */
static bool add_quoted(CaText *t, Span *s)
{
    const char quote = s->at < s->end ? *s->at : 0;
    if (quote != '"' && quote != '\'')
        return false;
    for (s->at++; s->at < s->end && *s->at != quote; s->at++) {
        if (*s->at == '\\' && s->end - s->at > 1)
            s->at++;
        add_char(t, *s->at);
    }
    return take(s, quote);
}

/* A number in quotes or without. */
static bool is_index(Span *s, int64_t wanted)
{
    const char quote = s->at < s->end && (*s->at == '"' || *s->at == '\'') ? *s->at : 0;
    int64_t v = 0;
    const char *first = s->at += quote != 0;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - first < 10)
        v = v * 10 + (*s->at++ - '0');
    return s->at > first && v == wanted && (!quote || take(s, quote));
}

/* Item i of a list or of a dictionary, whose keys or values count from 0. */
static bool add_item(CaText *t, Span *s, bool is_dictionary, int64_t i)
{
    skip_blanks(s);
    if (!is_dictionary)
        return add_quoted(t, s);
    const Span item = *s;
    if (is_index(s, i) && take(s, ':')) {
        skip_blanks(s);
        return add_quoted(t, s);
    }
    *s = item;
    if (!add_quoted(t, s) || !take(s, ':'))
        return false;
    skip_blanks(s);
    return is_index(s, i);
}

/* False: it is something else. */
static bool add_literal(CaText *t, Span s)
{
    const bool is_dictionary = take(&s, '{');
    if (!is_dictionary && !take(&s, '['))
        return false;
    const char close = is_dictionary ? '}' : ']';
    for (int64_t i = 0; !take(&s, close); i++) {
        if ((i > 0 && !take(&s, ',')) || !add_item(t, &s, is_dictionary, i))
            return false;
        ca_text_add_n(t, "\n", 1);
    }
    skip_blanks(&s);
    return s.at == s.end;
}

static bool add_value(CaText *t, Span s)
{
    skip_blanks(&s);
    if (s.at < s.end && (*s.at == '[' || *s.at == '{'))
        return add_literal(t, s);
    add_parts(t, s, memchr(s.at, '\n', (size_t)(s.end - s.at)) ? '\n' : ',');
    return true;
}

void ca_labels_set(CaGraph *g, const char *text, size_t n, CaLabelsForm form)
{
    CaText t = {.limit = limit};
    const Span s = {text, text + n};
    bool is_good = true;
    switch (form) {
    case CA_LABELS_LINES: add_parts(&t, s, '\n'); break;
    case CA_LABELS_WORDS: add_words(&t, s); break;
    case CA_LABELS_VALUE: is_good = add_value(&t, s); break;
    }
    while (t.size > 0 && t.data[t.size - 1] == '\n')
        t.data[--t.size] = 0;
    if (is_good && !t.failed && t.size > 0)
        ca_graph_set_info(g, "labels", t.data);
    ca_text_free(&t);
}

bool ca_labels_is_key(const char *key)
{
    static const char *const keys[] = {"labels",      "names",    "classes",
                                       "class_names", "id2label", "label2id"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (ca_text_equal_nocase(key, keys[i]))
            return true;
    return false;
}

bool ca_labels_words(CaText *t, const char *labels)
{
    char before = '\n';
    bool is_same = true;
    for (const char *p = labels; *p; before = *p++) {
        const bool is_end = *p == '\n';
        const char word = is_end ? ' ' : is_blank(*p) ? '_' : *p;
        is_same = is_same && *p != '_' && (*p == ' ' || !is_blank(*p) || is_end) &&
                  !(is_end && before == '\n');
        if (is_end && before == '\n') /* a class without a name */
            ca_text_add_n(t, "_", 1);
        ca_text_add_n(t, &word, 1);
    }
    return is_same;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict numbers, lists, near names, a bounded string.
 */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/* A copy without blanks around it; false where it is empty or too long for a number. */
static bool trimmed(char *out, size_t room, const char *text, size_t n)
{
    while (n && blank(*text))
        text++, n--;
    while (n && blank(text[n - 1]))
        n--;
    if (!n || n >= room)
        return false;
    memcpy(out, text, n);
    out[n] = 0;
    return true;
}

bool ca_text_int(int64_t *out, const char *text, size_t n)
{
    char copy[32], *end = NULL;
    if (!trimmed(copy, sizeof copy, text, n))
        return false;
    errno = 0;
    const long long v = strtoll(copy, &end, 10);
    if (*end || errno)
        return false;
    *out = v;
    return true;
}

bool ca_text_real(double *out, const char *text, size_t n)
{
    char copy[128], *end = NULL;
    if (!trimmed(copy, sizeof copy, text, n))
        return false;
    /* The file's numbers have a point whatever the user's locale says. */
    static locale_t c_locale;
    locale_t loc = __atomic_load_n(&c_locale, __ATOMIC_ACQUIRE);
    if (!loc) {
        locale_t none = (locale_t)0, made = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (!made)
            return false;
        if (__atomic_compare_exchange_n(&c_locale, &none, made, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            loc = made;
        else {
            freelocale(made);
            loc = none;
        }
    }
    const double v = strtod_l(copy, &end, loc);
    if (*end)
        return false;
    *out = v;
    return true;
}

bool ca_text_equal(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }

bool ca_text_equal_nocase(const char *a, const char *b)
{
    return a && b && strcasecmp(a, b) == 0;
}

const char *ca_text_item(const char *list, char separator, const char **item, size_t *n)
{
    if (!list)
        return NULL;
    const char *end = strchr(list, separator);
    const char *next = end ? end + 1 : list + strlen(list);
    if (!end) {
        if (!*list)
            return NULL;
        end = next;
    }
    while (list < end && blank(*list))
        list++;
    while (end > list && blank(end[-1]))
        end--;
    *item = list;
    *n = (size_t)(end - list);
    return next;
}

bool ca_text_in_list(const char *list, const char *name)
{
    const char *item = NULL;
    size_t n = 0;
    for (const char *p = list; (p = ca_text_item(p, ',', &item, &n));)
        if (n == strlen(name) && strncmp(item, name, n) == 0)
            return true;
    return false;
}

int ca_text_distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    const size_t n = strlen(a), m = strlen(b);
    if (n >= MOST || m >= MOST)
        return 99;
    int row[MOST + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            const int swap = diagonal + (tolower((unsigned char)a[i - 1]) !=
                                         tolower((unsigned char)b[j - 1]));
            diagonal = row[j];
            int best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = swap < best ? swap : best;
        }
    }
    return row[m];
}

void ca_text_add_n(CaText *t, const char *data, size_t n)
{
    const size_t limit = t->limit ? t->limit : (size_t)1 << 30;
    if (t->failed)
        return;
    if (n > limit || t->size > limit - n) {
        t->failed = true;
        return;
    }
    if (t->size + n + 1 > t->room) {
        const size_t want = 2 * (t->size + n + 1), room = want < 256 ? 256 : want;
        char *p = ca_grow(t->data, t->size, room, 1);
        t->data = p;
        t->room = p ? room : 0;
        if (!p) {
            t->size = 0;
            t->failed = true;
            return;
        }
    }
    memcpy(t->data + t->size, data, n);
    t->size += n;
    t->data[t->size] = 0;
}

void ca_text_add(CaText *t, const char *format, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(small, sizeof small, format, args);
    if (n >= 0 && (size_t)n < sizeof small) {
        ca_text_add_n(t, small, (size_t)n);
    } else if (n >= 0) {
        char *big = ca_alloc((size_t)n + 1);
        if (big) {
            (void)vsnprintf(big, (size_t)n + 1, format, again);
            ca_text_add_n(t, big, (size_t)n);
            ca_free(big);
        } else {
            t->failed = true;
        }
    }
    va_end(again);
    va_end(args);
}

void ca_text_free(CaText *t)
{
    ca_free(t->data);
    t->data = NULL;
    t->size = t->room = 0;
}

uint64_t ca_hash(const void *data, size_t size, uint64_t seed)
{
    const unsigned char *p = data;
    uint64_t h = seed ^ 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * 1099511628211u;
    return h;
}

/* Four words at a time. A multiplication carries bits only upwards, so the upper half comes down after each; both steps
 * lose nothing, so data that differ in one word have different lanes. */
uint64_t ca_hash_data(const void *data, size_t size, uint64_t seed)
{
    enum { LANES = 4 };
    const unsigned char *p = data;
    uint64_t lanes[LANES] = {size, 1, 2, 3}, words[LANES];
    for (; size >= sizeof words; size -= sizeof words, p += sizeof words) {
        memcpy(words, p, sizeof words);
        for (int i = 0; i < LANES; i++) {
            lanes[i] = (lanes[i] ^ words[i]) * 0x9e3779b97f4a7c15u;
            lanes[i] ^= lanes[i] >> 32;
        }
    }
    return ca_hash(p, size, ca_hash(lanes, sizeof lanes, seed));
}

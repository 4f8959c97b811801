/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of tuning, in the device and in a text file: a line that names the processor, then
 *
 *     N CI CO IH IW OH OW KH KW SH SW DH DW PAD_TOP PAD_LEFT GROUPS ALGORITHM
 *
 * The file may come from anywhere. An answer only picks one of the plans that are made anyway, so the worst that a wrong one
 * does is to be slow; a file with a line that is none is not believed at all.
 */
#include "conv_tune.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/text.h"
#include "kernels/conv/conv_trial.h"
#include "kernels/cost.h"
#include "kernels/machine/machine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { N_SIZES = 16, MOST_ANSWERS = 4096, MOST_BYTES = 1 << 20, LARGEST = 1 << 24 };
_Static_assert(sizeof(CaConvShape) == N_SIZES * sizeof(int), "a shape is its numbers");

typedef struct Answer {
    int sizes[N_SIZES];
    int algorithm;
    double seconds[CA_MOST_CANDIDATES]; /* as measured by this device; 0: not */
} Answer;

struct CaCpuTune {
    pthread_mutex_t
        lock; /* held while a program is compiled: measuring would disturb another */
    Answer *answers;
    int n, room;
    bool is_changed;
    void *sweep;
};

struct CaCpuTune *ca_cpu_tune_create(void)
{
    struct CaCpuTune *t = ca_alloc(sizeof *t);
    if (t)
        pthread_mutex_init(&t->lock, NULL);
    return t;
}

void ca_cpu_tune_free(struct CaCpuTune **tune)
{
    struct CaCpuTune *t = *tune;
    *tune = NULL;
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    ca_free(t->answers);
    ca_free(t);
}

static Answer *find(const struct CaCpuTune *t, const int *sizes)
{
    for (int i = 0; i < t->n; i++)
        if (memcmp(t->answers[i].sizes, sizes, sizeof t->answers[i].sizes) == 0)
            return &t->answers[i];
    return NULL;
}

/* What is known already stays. */
static void add(struct CaCpuTune *t, const Answer *a)
{
    if (find(t, a->sizes) || t->n == MOST_ANSWERS)
        return;
    if (t->n == t->room) {
        const int room = t->room ? 2 * t->room : 64;
        t->answers = ca_grow(t->answers, (size_t)t->n, (size_t)room, sizeof *t->answers);
        t->room = t->answers ? room : 0;
        t->n = t->answers ? t->n : 0;
    }
    if (t->answers)
        t->answers[t->n++] = *a;
}

/* --- The file. */

static void head_of(char *out, size_t room, const CaCpuBuild *b)
{
    char name[49];
    ca_cpu_name(name);
    (void)snprintf(out, room, "carina tuned 1: %s, flags %x", name, b->host->cpu_flags);
}

static bool algorithm_of(int *out, const char *name, size_t n)
{
    for (int a = CA_CONV_DIRECT; a <= CA_CONV_STRASSEN; a++) {
        const char *known = ca_conv_algorithm_name(a);
        if (strlen(known) == n && memcmp(known, name, n) == 0) {
            *out = a;
            return true;
        }
    }
    return false;
}

static bool parse(Answer *a, const char *line)
{
    const char *item = NULL;
    size_t n = 0;
    for (int i = 0; i < N_SIZES; i++) {
        int64_t v = 0;
        line = line ? ca_text_item(line, ' ', &item, &n) : NULL;
        if (!line || !ca_text_int(&v, item, n) || v < 0 || v > LARGEST)
            return false;
        a->sizes[i] = (int)v;
    }
    return (line = ca_text_item(line, ' ', &item, &n)) && !*line &&
           algorithm_of(&a->algorithm, item, n);
}

/* Number of the first line that is wrong, from 1; 0: none. Lines are ended in place. */
static int parse_all(struct CaCpuTune *t, char *text, const char *head)
{
    int number = 0;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        Answer a = {.algorithm = 0};
        *end = 0;
        number++;
        if (number == 1 ? strcmp(line, head) != 0 : !parse(&a, line))
            return number;
        if (number > 1 && t)
            add(t, &a);
    }
    return 0;
}

/* The file's text, ended by 0; NULL: there is none. */
static char *text_of(const char *path)
{
    CaBuffer *file = NULL;
    char *text = NULL;
    if (ca_file_map(&file, path, NULL) != CARINA_OK)
        return NULL;
    if (file->size <= MOST_BYTES && (text = ca_alloc(file->size + 1)))
        memcpy(text, file->data, file->size);
    ca_buffer_unref(&file);
    return text;
}

static void load(CaCpuBuild *b, const char *path)
{
    char head[128], warning[1400];
    head_of(head, sizeof head, b);
    char *first = text_of(path), *again = first ? text_of(path) : NULL;
    const int bad = again ? parse_all(NULL, first, head) : 0;
    if (again && !bad)
        (void)parse_all(b->tune, again, head);
    if (bad) {
        (void)snprintf(
            warning, sizeof warning,
            "%s: line %d: is no answer of tuning for this processor; all is measured anew",
            path, bad);
        b->host->log(b->host->ctx, CARINA_LOG_WARN, warning);
    }
    ca_free(first);
    ca_free(again);
}

static CarinaStatus write_all(CaWriter *w, const CaCpuBuild *b)
{
    char head[128];
    head_of(head, sizeof head, b);
    CA_TRY(ca_writer_printf(w, NULL, "%s\n", head));
    for (int i = 0; i < b->tune->n; i++) {
        const Answer *a = &b->tune->answers[i];
        for (int k = 0; k < N_SIZES; k++)
            CA_TRY(ca_writer_printf(w, NULL, "%d ", a->sizes[k]));
        CA_TRY(ca_writer_printf(w, NULL, "%s\n", ca_conv_algorithm_name(a->algorithm)));
    }
    return CARINA_OK;
}

static void save(const CaCpuBuild *b, const char *path)
{
    CaWriter *w = NULL;
    if (ca_writer_open(&w, path, NULL) != CARINA_OK)
        return;
    if (write_all(w, b) == CARINA_OK)
        (void)ca_writer_commit(&w, NULL);
    else
        ca_writer_abandon(&w);
}

void ca_cpu_tune_begin(CaCpuBuild *b, const char *path)
{
    b->tune = b->dev->tune;
    if (!b->tune)
        return;
    pthread_mutex_lock(&b->tune->lock);
    b->tune->is_changed = false;
    b->tune_path = path;
    if (*path)
        load(b, path);
}

void ca_cpu_tune_end(CaCpuBuild *b)
{
    if (!b->tune)
        return;
    if (b->tune->is_changed && *b->tune_path)
        save(b, b->tune_path);
    ca_free(b->tune->sweep);
    b->tune->sweep = NULL;
    pthread_mutex_unlock(&b->tune->lock);
    b->tune = NULL;
}

/* --- Measuring. */

/* Plans that are estimated at several times the best are not tried; false: nothing could be measured. */
static bool measure(struct CaCpuTune *t, double *seconds, int *best,
                    const CaConvCandidates *c)
{
    if (!t->sweep)
        t->sweep = ca_alloc_huge(CA_SWEEP_SIZE);
    *best = -1;
    for (int i = 0; i < c->n && t->sweep; i++) {
        const double about = 0.05 / c->seconds[i];
        seconds[i] = 0;
        if (c->seconds[i] > 3 * c->seconds[c->best])
            continue;
        seconds[i] = ca_conv_trial(&c->plans[i], t->sweep,
                                   about < 2   ? 2
                                   : about > 7 ? 7
                                               : (int)about);
        const double must = *best < 0 ? 0 : seconds[*best];
        if (seconds[i] > 0 && (*best < 0 || seconds[i] * CA_WINOGRAD_MARGIN < must))
            *best = i;
    }
    return *best >= 0;
}

int ca_cpu_tuned(CaCpuBuild *b, double *seconds, const CaConvCandidates *c)
{
    Answer a = {.algorithm = 0};
    int best = 0;
    memcpy(a.sizes, &c->plans[0].s, sizeof a.sizes);
    Answer *known = find(b->tune, a.sizes);
    for (int i = 0; known && i < c->n; i++)
        if (known->algorithm == c->plans[i].algorithm) {
            memcpy(seconds, known->seconds, sizeof known->seconds);
            return i;
        }
    if (!measure(b->tune, a.seconds, &best, c))
        return c->best;
    a.algorithm = c->plans[best].algorithm;
    memcpy(seconds, a.seconds, sizeof a.seconds);
    if (known)
        *known = a;
    else
        add(b->tune, &a);
    b->tune->is_changed = true;
    return best;
}

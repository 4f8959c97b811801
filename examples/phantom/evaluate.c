/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evaluate: AUROC per finding from findings.npy [n, 5] and labels.csv, and the HTML report.
 *
 *   evaluate SCORES.npy LABELS.csv [--shown SCORES.npy LABELS.csv FOLDER] [--bench FILE.json]
 *            [--command TEXT] [--version TEXT] [--report FILE.html]
 */
#include "evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_IMAGES = 100000 };

const char *const evaluate_findings[EVALUATE_FINDINGS] = {
    "Effusion", "Nodule", "Cardiomegaly", "Pneumothorax", "Consolidation",
};

static int fail(const char *file, const char *what)
{
    fprintf(stderr, "evaluate: %s: %s\n", file, what);
    return 1;
}

/* Reads a NumPy file of little-endian f32 [n, 5] whose size matches its header. */
static int read_scores(const char *path, Series *s)
{
    uint8_t head[10];
    char text[65536];
    long rows = 0, columns = 0;
    FILE *const f = fopen(path, "rb");
    if (!f)
        return fail(path, "cannot be opened");
    int bad = fread(head, 1, 10, f) != 10 || memcmp(head, "\x93NUMPY\x01", 7) != 0;
    const size_t size = (size_t)head[8] | (size_t)head[9] << 8;
    bad = bad || fread(text, 1, size, f) != size;
    text[bad ? 0 : size] = 0;
    const char *const shape = bad ? NULL : strstr(text, "'shape': (");
    bad = bad || !shape || !strstr(text, "<f4") || strstr(text, "True") ||
          sscanf(shape, "'shape': (%ld, %ld", &rows, &columns) != 2 || rows < 1 ||
          rows > MAX_IMAGES || columns != EVALUATE_FINDINGS;
    const size_t count = bad ? 0 : (size_t)rows * EVALUATE_FINDINGS;
    float *const values = bad ? NULL : malloc(count * sizeof *values);
    bad = bad || !values || fread(values, sizeof *values, count, f) != count;
    fclose(f);
    for (size_t i = 0; !bad && i < count; i++)
        bad = !isfinite(values[i]);
    if (bad) {
        free(values);
        return fail(path, "is not a whole .npy file of finite f32 [n, 5]");
    }
    s->scores = values;
    s->n = rows;
    return 0;
}

static uint8_t findings_of(const char *text)
{
    unsigned set = 0;
    for (unsigned i = 0; i < EVALUATE_FINDINGS; i++)
        set |= (unsigned)(strstr(text, evaluate_findings[i]) != NULL) << i;
    return (uint8_t)set;
}

/* Reads as many labels as there are scores, no fewer and no more. */
static int read_labels(const char *path, Series *s)
{
    char line[256];
    FILE *const f = fopen(path, "r");
    if (!f)
        return fail(path, "cannot be opened");
    Label *const labels = calloc((size_t)s->n, sizeof *labels);
    int bad = !labels || !fgets(line, sizeof line, f);
    long n = 0;
    while (!bad && fgets(line, sizeof line, f)) {
        char *const comma = strchr(line, ',');
        bad = n == s->n || !comma || comma - line >= (long)sizeof labels->file;
        if (bad)
            break;
        memcpy(labels[n].file, line, (size_t)(comma - line));
        labels[n++].set = findings_of(comma);
    }
    fclose(f);
    if (bad || n != s->n) {
        free(labels);
        return fail(
            path,
            "does not have one line 'Image Index,Finding Labels' per row of scores");
    }
    s->labels = labels;
    return 0;
}

/*
 * DeLong, DeLong, Clarke-Pearson (Biometrics 44, 1988): the area is the mean over all pairs of
 * psi = 1, 1/2 or 0; its variance is that of psi's means per positive over the positives, and
 * the same for the negatives. The pairs are counted plainly: 500 images need no better.
 */
static Area area_of(const Series *s, int k)
{
    Area a = {.area = NAN, .low = NAN, .high = NAN};
    double sum[2] = {0, 0}, square[2] = {0, 0};
    for (long i = 0; i < s->n; i++)
        *(s->labels[i].set >> k & 1 ? &a.positives : &a.negatives) += 1;
    if (a.positives < 2 || a.negatives < 2)
        return a;
    for (long i = 0; i < s->n; i++) {
        const int mine = s->labels[i].set >> k & 1;
        const double x = s->scores[i * EVALUATE_FINDINGS + k];
        double wins = 0;
        for (long j = 0; j < s->n; j++) {
            const double y = s->scores[j * EVALUATE_FINDINGS + k];
            if ((s->labels[j].set >> k & 1) != mine)
                wins += x == y ? 0.5 : (x > y) == mine;
        }
        const double v = wins / (double)(mine ? a.negatives : a.positives);
        sum[mine] += v;
        square[mine] += v * v;
    }
    const double p = (double)a.positives, n = (double)a.negatives;
    a.area = sum[1] / p;
    const double var = (square[1] - sum[1] * sum[1] / p) / (p - 1) / p +
                       (square[0] - sum[0] * sum[0] / n) / (n - 1) / n;
    const double reach = 1.96 * sqrt(var > 0 ? var : 0);
    a.low = a.area - reach > 0 ? a.area - reach : 0;
    a.high = a.area + reach < 1 ? a.area + reach : 1;
    return a;
}

typedef struct {
    float score;
    long index;
} Ranked;

static int by_score(const void *a, const void *b)
{
    const Ranked *const x = a, *const y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score)
                                : (x->index > y->index) - (x->index < y->index);
}

long *evaluate_order(const Series *s, int finding)
{
    Ranked *const r = malloc((size_t)s->n * sizeof *r);
    long *const order = malloc((size_t)s->n * sizeof *order);
    if (r && order) {
        for (long i = 0; i < s->n; i++)
            r[i] = (Ranked){s->scores[i * EVALUATE_FINDINGS + finding], i};
        qsort(r, (size_t)s->n, sizeof *r, by_score);
        for (long i = 0; i < s->n; i++)
            order[i] = r[i].index;
    }
    free(r);
    return order;
}

static void print_areas(const Series *s)
{
    printf("%-14s %6s %15s %9s\n", "finding", "AUROC", "95 % interval", "positive");
    for (int k = 0; k < EVALUATE_FINDINGS; k++) {
        const Area *const a = &s->areas[k];
        printf("%-14s %6.3f   %5.3f - %5.3f %9ld\n", evaluate_findings[k], a->area,
               a->low, a->high, a->positives);
    }
    printf("%ld phantoms; interval: DeLong 1988\n", s->n);
}

static int usage(void)
{
    fputs(
        "evaluate SCORES.npy LABELS.csv [--shown SCORES.npy LABELS.csv FOLDER]\n"
        "         [--bench FILE.json] [--command TEXT] [--version TEXT] [--report FILE.html]\n",
        stderr);
    return 2;
}

static int evaluate(Report *r, int argc, char **argv)
{
    const char *page = NULL;
    if (argc < 3)
        return usage();
    if (read_scores(argv[1], &r->test) || read_labels(argv[2], &r->test))
        return 1;
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--shown") == 0 && i + 3 < argc) {
            if (read_scores(argv[i + 1], &r->shown) ||
                read_labels(argv[i + 2], &r->shown))
                return 1;
            r->images = argv[i += 3];
        } else if (strcmp(argv[i], "--bench") == 0 && i + 1 < argc) {
            r->bench = argv[++i];
        } else if (strcmp(argv[i], "--command") == 0 && i + 1 < argc) {
            r->command = argv[++i];
        } else if (strcmp(argv[i], "--version") == 0 && i + 1 < argc) {
            r->version = argv[++i];
        } else if (strcmp(argv[i], "--report") == 0 && i + 1 < argc) {
            page = argv[++i];
        } else {
            return usage();
        }
    }
    for (int k = 0; k < EVALUATE_FINDINGS; k++)
        r->test.areas[k] = area_of(&r->test, k);
    print_areas(&r->test);
    return page ? report_write(page, r) : 0;
}

static void series_free(Series *s)
{
    free((void *)(uintptr_t)s->labels);
    free((void *)(uintptr_t)s->scores);
}

int main(int argc, char **argv)
{
    Report r = {.command = "make demo", .version = "Carina"};
    const int status = evaluate(&r, argc, argv);
    series_free(&r.test);
    series_free(&r.shown);
    return status;
}

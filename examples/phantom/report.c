/* SPDX-License-Identifier: Apache-2.0 */
/* One HTML page that needs nothing else: the answer, pictures, tables, and how it was made. */
#include "evaluate.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double threshold = 0.5; /* a finding is reported from here on */

static int fail(const char *file, const char *what)
{
    fprintf(stderr, "evaluate: %s: %s\n", file, what);
    return 1;
}

static void put(FILE *f, const char *text)
{
    for (; text && *text; text++)
        switch (*text) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        default: fputc(*text, f);
        }
}

static double real(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static const char *string(const json_t *object, const char *key)
{
    const char *const text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* Three significant digits, no exponent. */
static const char *three(double v)
{
    static char text[4][32];
    static int turn;
    char *const to = text[turn = (turn + 1) % 4];
    const int whole = v > 0 ? (int)floor(log10(v)) : 0;
    snprintf(to, sizeof text[0], "%.*f", whole >= 2 ? 0 : whole < -4 ? 6 : 2 - whole, v);
    return to;
}

static double mean_area(const Series *s)
{
    double sum = 0;
    for (int k = 0; k < EVALUATE_FINDINGS; k++)
        sum += s->areas[k].area;
    return sum / EVALUATE_FINDINGS;
}

static int is_said(const Series *s, long i, int k)
{
    return s->scores[i * EVALUATE_FINDINGS + k] >= threshold;
}

static int is_true(const Series *s, long i, int k) { return s->labels[i].set >> k & 1; }

static void write_head(FILE *f, const Report *r, const json_t *bench)
{
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<title>Findings in chest phantoms</title>\n<style>\n",
          f);
    fputs(page_style, f);
    fputs(
        "</style></head><body><main>\n<h1>Carina demo: findings in chest phantoms</h1>\n",
        f);
    fprintf(
        f,
        "<div class=\"answer\">Mean AUROC %.3f over %d findings in %ld phantoms that the "
        "network has never seen",
        mean_area(&r->test), EVALUATE_FINDINGS, r->test.n);
    if (bench)
        fprintf(f, ", at %s images per second", three(real(bench, "throughput_fps")));
    fputs(
        ".</div>\n<p>Phantoms are drawings with known findings, for testing programs. They say "
        "nothing about people.</p>\n",
        f);
}

/* Calls for each corner of the curve: x false and y true positives, both from 0 to 1. */
static void walk(FILE *f, const Series *s, int k,
                 void (*corner)(FILE *f, int k, double x, double y, double score))
{
    const Area *const a = &s->areas[k];
    long *const order = evaluate_order(s, k);
    long hits = 0, alarms = 0;
    corner(f, k, 0, 0, 1);
    for (long i = 0; order && i < s->n; i++) {
        const float score = s->scores[order[i] * EVALUATE_FINDINGS + k];
        *(is_true(s, order[i], k) ? &hits : &alarms) += 1;
        if (i + 1 < s->n && s->scores[order[i + 1] * EVALUATE_FINDINGS + k] == score)
            continue; /* ties move together */
        corner(f, k, (double)alarms / (double)a->negatives,
               (double)hits / (double)a->positives, (double)score);
    }
    free(order);
}

enum { PLOT = 140, LEFT = 26, TOP = 6 };

static void draw_corner(FILE *f, int k, double x, double y, double score)
{
    (void)k;
    (void)score;
    fprintf(f, " %.1f,%.1f", LEFT + PLOT * x, TOP + PLOT * (1 - y));
}

static void list_corner(FILE *f, int k, double x, double y, double score)
{
    fprintf(f, "%s,%.7g,%.5f,%.5f\n", evaluate_findings[k], score, x, y);
}

static void write_curve(FILE *f, const Series *s, int k)
{
    const Area *const a = &s->areas[k];
    const int bottom = TOP + PLOT, right = LEFT + PLOT;
    fprintf(
        f,
        "<figure><figcaption><b>%s</b>AUROC %.3f<br><small>%.3f to %.3f</small></figcaption>\n",
        evaluate_findings[k], a->area, a->low, a->high);
    fprintf(f,
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"ROC curve of %s\">\n",
            right + 6, bottom + 26, evaluate_findings[k]);
    fprintf(f, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
            LEFT, TOP, PLOT, PLOT);
    fprintf(f, "<path class=\"chance\" d=\"M%d %dL%d %d\"/>\n", LEFT, bottom, right, TOP);
    if (a->positives && a->negatives) {
        fprintf(f, "<polygon class=\"area\" points=\"%d,%d", LEFT, bottom);
        walk(f, s, k, draw_corner);
        fprintf(f, " %d,%d\"/>\n<polyline class=\"roc\" points=\"", right, bottom);
        walk(f, s, k, draw_corner);
        fputs("\"/>\n", f);
    }
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">1</text>", LEFT - 5, TOP + 8);
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">0</text>", LEFT - 5, bottom);
    fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">1</text>", right,
            bottom + 13);
    fprintf(f,
            "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">false positive rate</text>",
            LEFT + PLOT / 2, bottom + 13);
    fprintf(
        f,
        "<text transform=\"translate(%d %d) rotate(-90)\" text-anchor=\"middle\">true "
        "positive rate</text></svg></figure>\n",
        LEFT - 9, TOP + PLOT / 2);
}

static void write_curves(FILE *f, const Series *s)
{
    fputs(
        "<h2>How well each finding is told apart <button data-of=\"curves\">copy curves as CSV"
        "</button></h2>\n<p>The curve runs over all thresholds: the nearer to the upper left "
        "corner, the better. Below the area stands its 95 % interval (DeLong 1988).</p>\n"
        "<div class=\"curves\">\n",
        f);
    for (int k = 0; k < EVALUATE_FINDINGS; k++)
        write_curve(f, s, k);
    fputs("</div>\n<script type=\"text/csv\" id=\"curves\">\n"
          "finding,threshold,false positive rate,true positive rate\n",
          f);
    for (int k = 0; k < EVALUATE_FINDINGS; k++)
        if (s->areas[k].positives && s->areas[k].negatives)
            walk(f, s, k, list_corner);
    fputs("</script>\n", f);
}

static void write_areas(FILE *f, const Series *s)
{
    fputs(
        "<h2>In numbers <button data-of=\"areas\">copy as CSV</button></h2>\n"
        "<p>Sensitivity and specificity where a finding is reported from probability 0.5 on.</p>"
        "\n<div class=\"scroll\"><table id=\"areas\"><thead><tr><th>finding<th>AUROC<th>95 % low"
        "<th>95 % high<th>with finding<th>without<th>sensitivity<th>specificity</tr></thead>"
        "<tbody>\n",
        f);
    for (int k = 0; k < EVALUATE_FINDINGS; k++) {
        const Area *const a = &s->areas[k];
        long hits = 0, alarms = 0;
        for (long i = 0; i < s->n; i++)
            if (is_said(s, i, k))
                *(is_true(s, i, k) ? &hits : &alarms) += 1;
        fprintf(f,
                "<tr><td>%s<td>%.3f<td>%.3f<td>%.3f<td>%ld<td>%ld<td>%.3f<td>%.3f</tr>\n",
                evaluate_findings[k], a->area, a->low, a->high, a->positives,
                a->negatives, (double)hits / (double)a->positives,
                1 - (double)alarms / (double)a->negatives);
    }
    fputs("</tbody></table></div>\n", f);
}

/* The file as a data URI; images of the demo are a few kilobytes. */
static int write_image(FILE *f, const char *path)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char b[3];
    size_t n;
    FILE *const in = fopen(path, "rb");
    if (!in)
        return fail(path, strerror(errno));
    fputs("data:image/png;base64,", f);
    while ((n = fread(b, 1, sizeof b, in)) > 0) {
        const unsigned x = (unsigned)b[0] << 16 | (n > 1 ? (unsigned)b[1] << 8 : 0) |
                           (n > 2 ? (unsigned)b[2] : 0);
        fputc(digits[x >> 18], f);
        fputc(digits[x >> 12 & 63], f);
        fputc(n > 1 ? digits[x >> 6 & 63] : '=', f);
        fputc(n > 2 ? digits[x & 63] : '=', f);
    }
    const int bad = ferror(in);
    fclose(in);
    return bad ? fail(path, "cannot be read") : 0;
}

/* One card: what is there, and what the network says about each finding. */
static int write_shot(FILE *f, const Report *r, long i)
{
    const Series *const s = &r->shown;
    char path[4096];
    int n_true = 0;
    if (snprintf(path, sizeof path, "%s/%s", r->images, s->labels[i].file) >=
        (int)sizeof path)
        return fail(r->images, "the name is too long");
    fputs("<figure><img alt=\"\" src=\"", f);
    if (write_image(f, path))
        return 1;
    fputs("\"><figcaption><b>", f);
    for (int k = 0; k < EVALUATE_FINDINGS; k++)
        if (is_true(s, i, k))
            fprintf(f, "%s%s", n_true++ ? ", " : "", evaluate_findings[k]);
    fprintf(f, "%s</b>", n_true ? "" : "No finding");
    for (int k = 0; k < EVALUATE_FINDINGS; k++) {
        const double p = s->scores[i * EVALUATE_FINDINGS + k];
        const int there = is_true(s, i, k), said = is_said(s, i, k);
        fprintf(
            f,
            "<div class=\"p%s\"><i style=\"width:%.1f%%\"></i><span>%s</span><span>%s%s"
            "</span><span>%.3f</span></div>",
            there == said ? "" : " wrong", 100 * p, there ? "&#9679;" : "",
            evaluate_findings[k],
            there == said ? ""
            : said        ? ", false alarm"
                          : ", missed",
            p);
    }
    fputs("</figcaption></figure>\n", f);
    return 0;
}

static int write_shots(FILE *f, const Report *r)
{
    const Series *const s = &r->shown;
    long right = 0;
    for (long i = 0; i < s->n; i++)
        for (int k = 0; k < EVALUATE_FINDINGS; k++)
            right += is_true(s, i, k) == is_said(s, i, k);
    fprintf(
        f,
        "<h2>%ld phantoms and what the network says <button data-of=\"shots\">copy as CSV"
        "</button></h2>\n<p>Above: what was drawn, marked &#9679; below. Numbers are "
        "probabilities; from 0.5 on a finding counts as reported. %ld of %ld answers are "
        "right%s.</p>\n<div class=\"shots\">\n",
        s->n, right, s->n * EVALUATE_FINDINGS,
        right < s->n * EVALUATE_FINDINGS ? "; the others are in red" : "");
    for (long i = 0; i < s->n; i++)
        if (write_shot(f, r, i))
            return 1;
    fputs(
        "</div>\n<script type=\"text/csv\" id=\"shots\">\nimage,finding,present,probability\n",
        f);
    for (long i = 0; i < s->n; i++)
        for (int k = 0; k < EVALUATE_FINDINGS; k++)
            fprintf(f, "%s,%s,%d,%.6f\n", s->labels[i].file, evaluate_findings[k],
                    is_true(s, i, k), (double)s->scores[i * EVALUATE_FINDINGS + k]);
    fputs("</script>\n", f);
    return 0;
}

static void write_layer(FILE *f, const json_t *layer, double most, double sum)
{
    const double ms = real(layer, "real_ms"), gflops = real(layer, "gflops");
    const json_t *const shape = json_object_get(layer, "shape");
    fprintf(
        f,
        "<tr><td style=\"background:linear-gradient(90deg,var(--wash) %.1f%%,transparent 0)\">",
        100 * ms / most);
    put(f, string(layer, "name"));
    fputs("<td class=\"t\">", f);
    put(f, string(layer, "type"));
    fputs("<td class=\"t\">", f);
    put(f, string(layer, "kernel"));
    fputs("<td class=\"t\">", f);
    for (size_t i = 1; i < json_array_size(shape); i++)
        fprintf(f, "%s%lld", i > 1 ? " &times; " : "",
                (long long)json_integer_value(json_array_get(shape, i)));
    fprintf(f, "<td data-v=\"%.9g\">%s<td data-v=\"%.9g\">%.1f<td data-v=\"%.9g\">%s",
            ms * 1e3, three(ms * 1e3), 100 * ms / sum, 100 * ms / sum, gflops,
            gflops > 0 ? three(gflops) : "");
}

static void write_layers(FILE *f, const json_t *bench)
{
    const json_t *const layers = json_object_get(bench, "layers");
    const json_t *const latency = json_object_get(bench, "latency_ms");
    double most = 0, sum = 0;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const double ms = real(json_array_get(layers, i), "real_ms");
        most = ms > most ? ms : most;
        sum += ms;
    }
    fputs(
        "<h2>Where the time goes <button data-of=\"layers\">copy as CSV</button></h2>\n",
        f);
    fprintf(
        f,
        "<p>%s images per second; latency %s ms median, %s ms at the 99th percentile: "
        "%.0f measured runs on %.0f threads, %s, the first run not counted.",
        three(real(bench, "throughput_fps")), three(real(latency, "median")),
        three(real(latency, "p99")), real(bench, "iterations"), real(bench, "threads"),
        string(bench, "precision"));
    if (most <= 0 || sum <= 0) {
        fputs(" Layers were not timed.</p>\n", f);
        return;
    }
    fprintf(
        f,
        " Layers together take %s ms.</p>\n<div class=\"scroll\"><table id=\"layers\">"
        "<thead><tr><th>layer<th class=\"t\">type<th class=\"t\">kernel<th class=\"t\">output"
        "<th>&micro;s<th>share, %%<th>GFLOP/s</tr></thead><tbody>\n",
        three(sum));
    for (size_t i = 0; i < json_array_size(layers); i++)
        write_layer(f, json_array_get(layers, i), most, sum);
    fputs("</tbody></table></div>\n", f);
}

/* The processor's name as Linux gives it, or that it is unknown. */
static void read_machine(char *to, size_t size)
{
    char line[512];
    FILE *const f = fopen("/proc/cpuinfo", "r");
    snprintf(to, size, "unknown processor");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            line[strcspn(line, "\n")] = 0;
            snprintf(to, size, "%s", strchr(line, ':') + 2);
            break;
        }
    if (f)
        fclose(f);
}

static void write_foot(FILE *f, const Report *r)
{
    char machine[256], date[64];
    const time_t now = time(NULL);
    struct tm tm;
    read_machine(machine, sizeof machine);
    strftime(date, sizeof date, "%Y-%m-%d %H:%M UTC", gmtime_r(&now, &tm));
    fputs("<footer><code>", f);
    put(f, r->command);
    fputs("</code> &middot; ", f);
    put(f, r->version);
    fputs(" &middot; ", f);
    put(f, machine);
    fprintf(f, ", %ld processors &middot; %s</footer>\n</main>\n<script>\n",
            sysconf(_SC_NPROCESSORS_ONLN), date);
    fputs(page_script, f);
    fputs("</script></body></html>\n", f);
}

int report_write(const char *path, const Report *r)
{
    json_error_t problem;
    json_t *const bench = r->bench ? json_load_file(r->bench, 0, &problem) : NULL;
    if (r->bench && !bench)
        return fail(r->bench, problem.text);
    FILE *const f = fopen(path, "w");
    if (!f) {
        json_decref(bench);
        return fail(path, strerror(errno));
    }
    write_head(f, r, bench);
    write_curves(f, &r->test);
    int bad = r->images ? write_shots(f, r) : 0;
    write_areas(f, &r->test);
    if (bench)
        write_layers(f, bench);
    write_foot(f, r);
    json_decref(bench);
    const int lost = ferror(f);
    if (fclose(f) != 0 || lost)
        bad |= fail(path, "cannot be written; is the disk full?");
    return bad;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages, the terminal and Ctrl-C, and numbers as people read them.
 */
#include "cli.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

PRINTF_LIKE(1, 0) static void say(const char *format, va_list args)
{
    fflush(stdout);
    fputs("carina: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return EXIT_BAD;
}

int complain_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    return EXIT_USAGE;
}

bool warn(const char *format, ...)
{
    va_list args;
    const bool errors_only =
        common.log_level && (strcasecmp(common.log_level, "ERROR") == 0 ||
                             strcasecmp(common.log_level, "CRITICAL") == 0);
    va_start(args, format);
    if ((!common.quiet && !errors_only) || common.strict)
        say(format, args);
    va_end(args);
    return !common.strict;
}

void note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (!common.quiet)
        say(format, args);
    va_end(args);
}

void *allocate(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p) {
        complain("out of memory (%zu x %zu bytes)", n, size);
        exit(EXIT_BAD);
    }
    return p;
}

char *text_of(const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    char *text = allocate((size_t)(n < 0 ? 0 : n) + 1, 1);
    if (n > 0)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    va_end(args);
    return text;
}

double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

int terminal_columns(void)
{
    struct winsize size = {0};
    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 ||
        size.ws_col == 0 || size.ws_col > 100)
        return 100;
    return size.ws_col;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    if (interrupted)
        _exit(EXIT_INTERRUPTED); /* asked twice */
    interrupted = 1;
}

bool is_interrupted(void) { return interrupted; }

void hold_interrupts(void)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void release_interrupts(void)
{
    if (interrupted) {
        fflush(stdout);
        exit(EXIT_INTERRUPTED);
    }
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

void progress(const char *what, double done, double total, double rate, const char *unit)
{
    static double last, started;
    const double now = now_ms();
    if (common.quiet || !isatty(STDERR_FILENO))
        return;
    started = started > 0 ? started : now;
    if (done >= total) {
        fprintf(stderr, "\r\033[K");
        started = 0;
        return;
    }
    if (now - started < 1000 || now - last < 100)
        return;
    last = now;
    fprintf(stderr, "\r%s  %3.0f %%   %s %s   left %.0f s \033[K", what,
            100 * done / total, three(rate), unit,
            done > 0 ? (now - started) * (total - done) / done / 1e3 : 0);
}

/* Numbers for one line of output each have a place of their own. */
static char *place(void)
{
    static char places[16][192];
    static int next;
    next = (next + 1) % 16;
    return places[next];
}

const char *grouped(int64_t v)
{
    char digits[32], *to = place();
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)v);
    int k = 0;
    for (int i = 0; i < n; i++) {
        to[k++] = digits[i];
        if (digits[i] != '-' && i + 1 < n && (n - 1 - i) % 3 == 0)
            to[k++] = ',';
    }
    to[k] = 0;
    return to;
}

const char *three(double v)
{
    char *to = place();
    const double size = fabs(v);
    if (!isfinite(v) || size == 0)
        snprintf(to, 192, "%g", v);
    else if (size >= 999.5)
        return grouped(llround(v));
    else if (size < 1e-3)
        snprintf(to, 192, "%.2e", v);
    else
        snprintf(to, 192, "%.*f",
                 (size < 99.95) + (size < 9.995) + (size < 0.9995) + (size < 0.09995) +
                     (size < 0.009995),
                 v);
    return to;
}

const char *si(double v)
{
    static const char *const units[] = {"", " k", " M", " G", " T"};
    int i = 0;
    for (; v >= 999.5 && i < 4; i++)
        v /= 1000;
    char *to = place();
    if (i == 0)
        snprintf(to, 192, "%.0f", v);
    else
        snprintf(to, 192, "%s%s", three(v), units[i]);
    return to;
}

static const char *join(const CarinaShape *s, int from, const char *between,
                        const char *open, const char *close)
{
    char *to = place();
    size_t k = (size_t)snprintf(to, 192, "%s", open);
    for (int i = from; i < s->rank; i++) {
        if (s->dims[i] < 0)
            k += (size_t)snprintf(to + k, 192 - k, "?");
        else
            k += (size_t)snprintf(to + k, 192 - k, "%lld", (long long)s->dims[i]);
        if (i + 1 < s->rank)
            k += (size_t)snprintf(to + k, 192 - k, "%s", between);
    }
    snprintf(to + k, 192 - k, "%s", close);
    return to;
}

const char *shape_text(const CarinaShape *s)
{
    return s->rank < 0 ? "[...]" : join(s, 0, ", ", "[", "]");
}

const char *size_text(const CarinaShape *s)
{
    return s->rank < 0   ? "?"
           : s->rank < 2 ? join(s, 0, " x ", "", "")
                         : join(s, 1, " x ", "", "");
}

int64_t shape_count(const CarinaShape *s)
{
    int64_t n = 1;
    for (int i = 0; i < s->rank; i++)
        n *= s->dims[i] < 0 ? 1 : s->dims[i];
    return n;
}

bool shape_is_static(const CarinaShape *s)
{
    for (int i = 0; i < s->rank; i++)
        if (s->dims[i] < 0)
            return false;
    return s->rank >= 0;
}

bool parse_shape(CarinaShape *out, const char **text)
{
    const char *at = *text + strspn(*text, " ");
    const char close = *at == '(' ? ')' : ']';
    if (*at != '(' && *at != '[')
        return false;
    at++;
    for (out->rank = 0;; out->rank++) {
        char *end = NULL;
        at += strspn(at, " ");
        if (*at == close)
            break;
        if (out->rank == CARINA_MAX_RANK)
            return false;
        if (*at == '?') {
            out->dims[out->rank] = CARINA_DYNAMIC;
            at++;
        } else {
            out->dims[out->rank] = strtoll(at, &end, 10);
            if (end == at || out->dims[out->rank] < -1)
                return false;
            at = end;
        }
        at += strspn(at, " ,");
    }
    *text = at + 1;
    return true;
}

bool parse_numbers(double **out, int *n, const char *text)
{
    const size_t most = strlen(text) / 2 + 1;
    *out = allocate(most, sizeof **out);
    *n = 0;
    for (const char *at = text + strspn(text, "[( ");;) {
        char *end = NULL;
        at += strspn(at, ", ");
        if (!*at || *at == ']' || *at == ')')
            break;
        const double v = strtod(at, &end);
        if (end == at || !isfinite(v) || (size_t)*n >= most)
            return false;
        (*out)[(*n)++] = v;
        at = end;
    }
    return *n > 0;
}

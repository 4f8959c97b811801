/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shape files: a line for each different layer, its kind, then how many layers have it, numbers and a name; # comments.
 *
 *     conv    COUNT N CI IH IW CO KH KW SH SW DH DW PAD_TOP PAD_LEFT OH OW GROUPS NAME
 *     maxpool COUNT N C IH IW KH KW SH SW PAD_TOP PAD_LEFT OH OW NAME          avgpool: the same
 *     matmul  COUNT M N K NAME
 */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SHAPES = 4096, MOST_NUMBERS = 17 };

/* Up to max numbers from *at on, which moves behind them; each in [0, 1 << 24]. */
static int numbers(int *out, int max, char **at)
{
    int n = 0;
    for (char *end = NULL; n < max; n++, *at = end) {
        const long v = strtol(*at, &end, 10);
        if (end == *at || v < 0 || v > 1 << 24)
            break;
        out[n] = (int)v;
    }
    return n;
}

static void set_conv(CaConvShape *s, const int *v)
{
    *s = (CaConvShape){.n = v[0],
                       .ci = v[1],
                       .ih = v[2],
                       .iw = v[3],
                       .co = v[4],
                       .kh = v[5],
                       .kw = v[6],
                       .stride_h = v[7],
                       .stride_w = v[8],
                       .dilation_h = v[9],
                       .dilation_w = v[10],
                       .pad_top = v[11],
                       .pad_left = v[12],
                       .oh = v[13],
                       .ow = v[14],
                       .groups = v[15]};
}

static void set_pool(CaConvShape *s, const int *v)
{
    const int all[] = {v[0], v[1], v[2], v[3], v[1], v[4],  v[5],  v[6],
                       v[7], 1,    1,    v[8], v[9], v[10], v[11], v[1]};
    set_conv(s, all);
}

static bool parse(BenchShape *out, char *line)
{
    static const struct {
        const char *name;
        BenchKind kind;
        int n; /* numbers, the count included */
    } kinds[] = {{"conv ", BENCH_CONV, 17},
                 {"maxpool ", BENCH_MAX_POOL, 13},
                 {"avgpool ", BENCH_AVG_POOL, 13},
                 {"matmul ", BENCH_MATMUL, 4}};
    int v[MOST_NUMBERS];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const size_t size = strlen(kinds[i].name);
        char *at = line + size;
        if (strncmp(line, kinds[i].name, size) != 0)
            continue;
        if (numbers(v, kinds[i].n, &at) != kinds[i].n || v[0] < 1)
            return false;
        *out = (BenchShape){.kind = kinds[i].kind, .count = v[0]};
        if (kinds[i].kind == BENCH_CONV)
            set_conv(&out->s, v + 1);
        else if (kinds[i].kind == BENCH_MATMUL)
            out->s = (CaConvShape){.n = v[1], .co = v[2], .ci = v[3], .groups = 1};
        else
            set_pool(&out->s, v + 1);
        at += strspn(at, " ");
        (void)snprintf(out->name, sizeof out->name, "%.*s", (int)strcspn(at, "\n\"\\"),
                       at);
        return out->s.n > 0 && out->s.ci > 0 && out->s.co > 0 && out->s.groups > 0;
    }
    return false;
}

BenchShape *bench_read(const char *path)
{
    char line[512];
    int n = 0, number = 0;
    FILE *f = fopen(path, "r");
    BenchShape *all = calloc(MOST_SHAPES + 1, sizeof *all);
    if (!f || !all) {
        fprintf(stderr, "carina_bench: %s: %s\n", path, strerror(errno));
        free(all);
        if (f)
            fclose(f);
        return NULL;
    }
    while (all && fgets(line, sizeof line, f)) {
        number++;
        if (line[0] == '#' || line[0] == '\n')
            continue;
        if (n < MOST_SHAPES && parse(&all[n], line)) {
            n++;
            continue;
        }
        fprintf(stderr, "carina_bench: %s: line %d: no shape (%.*s)\n", path, number,
                (int)strcspn(line, "\n"), line);
        free(all);
        all = NULL;
    }
    fclose(f);
    return all;
}

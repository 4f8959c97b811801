/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables: cells are collected, then printed as wide as they need; what does not fit is left out
 * from the right.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

struct Table {
    const char *const *heads;
    int n_columns;
    List cells; /* row by row */
};

Table *table_create(const char *const *heads)
{
    Table *t = allocate(1, sizeof *t);
    t->heads = heads;
    while (heads[t->n_columns])
        t->n_columns++;
    return t;
}

void table_cell(Table *t, const char *text) { list_add(&t->cells, text_of("%s", text)); }

/* Characters, not bytes, of UTF-8. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static const char *head_of(const Table *t, int column)
{
    return t->heads[column] + (t->heads[column][0] == '<');
}

static void print_cell(const Table *t, int column, int width, const char *text,
                       bool is_last, FILE *f)
{
    const int pad = width - width_of(text);
    if (t->heads[column][0] == '<')
        fprintf(f, "  %s%*s", text, is_last ? 0 : pad, "");
    else
        fprintf(f, "  %*s%s", pad, "", text);
}

static int column_width(const Table *t, int column)
{
    int width = width_of(head_of(t, column));
    for (int i = column; i < t->cells.n; i += t->n_columns) {
        const int w = width_of(t->cells.v[i]);
        width = w > width ? w : width;
    }
    return width;
}

static void print_all(const Table *t, FILE *f)
{
    const int room = terminal_columns();
    int *widths = allocate((size_t)t->n_columns, sizeof *widths);
    int n = 0, sum = 0;
    for (; n < t->n_columns; n++) {
        widths[n] = column_width(t, n);
        sum += 2 + widths[n];
        if (sum > room && n > 0)
            break;
    }
    for (int c = 0; c < n; c++)
        print_cell(t, c, widths[c], head_of(t, c), c + 1 == n, f);
    fputc('\n', f);
    for (int i = 0; i + t->n_columns <= t->cells.n; i += t->n_columns) {
        for (int c = 0; c < n; c++)
            print_cell(t, c, widths[c], t->cells.v[i + c], c + 1 == n, f);
        fputc('\n', f);
    }
    free(widths);
}

void table_print(Table *t, FILE *f)
{
    if (f)
        print_all(t, f);
    for (int i = 0; i < t->cells.n; i++)
        free((void *)(uintptr_t)t->cells.v[i]);
    free(t->cells.v);
    free(t);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of graphs: for Graphviz, and as SVG with a layout of our own (a row per depth).
 */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    FILE *f;
    char *temporary;
    const char *path;
} File;

static bool open_file(File *file, const char *path)
{
    file->path = path;
    file->temporary = text_of("%s.%ld.part", path, (long)getpid());
    file->f = fopen(file->temporary, "w");
    if (!file->f) {
        complain("%s: cannot be written (%s)", path, strerror(errno));
        free(file->temporary);
    }
    return file->f != NULL;
}

static bool close_file(File *file)
{
    const bool is_bad = ferror(file->f) != 0;
    const bool good =
        fclose(file->f) == 0 && !is_bad && rename(file->temporary, file->path) == 0;
    if (!good) {
        complain("%s: cannot be written (%s)", file->path, strerror(errno));
        unlink(file->temporary);
    }
    free(file->temporary);
    return good;
}

static bool is_drawn(const CarinaNode *n)
{
    return strncmp(n->op_name, "Const", 5) != 0 || n->n_inputs > 0;
}

static const char *detail(const CarinaNode *n)
{
    return n->n_outputs > 0 ? shape_text(&n->outputs[0].shape) : "";
}

static void put_quoted(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
}

bool draw_dot(const CarinaGraph *g, const char *path)
{
    File file;
    if (!open_file(&file, path))
        return false;
    fprintf(file.f, "digraph model {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (const CarinaNode *n = g->first; n; n = n->next) {
        if (!is_drawn(n))
            continue;
        fprintf(file.f, "  n%d [label=\"", n->id);
        put_quoted(file.f, n->name);
        fprintf(file.f, "\\n%s\\n%s\"];\n", n->op_name, detail(n));
        for (int i = 0; i < n->n_inputs; i++)
            if (n->inputs[i].value && is_drawn(n->inputs[i].value->node))
                fprintf(file.f, "  n%d -> n%d;\n", n->inputs[i].value->node->id, n->id);
    }
    fprintf(file.f, "}\n");
    return close_file(&file);
}

/* --- SVG. */
enum { BOX_W = 190, BOX_H = 40, GAP_X = 20, GAP_Y = 28 };

typedef struct {
    int depth, column;
} Place;

typedef struct {
    Place *places; /* by node id */
    int n_rows, n_columns;
} Layout;

static void put_xml(FILE *f, const char *text, size_t most)
{
    for (size_t i = 0; text[i] && i < most; i++) {
        if (text[i] == '<')
            fputs("&lt;", f);
        else if (text[i] == '&')
            fputs("&amp;", f);
        else if ((unsigned char)text[i] >= 0x20)
            fputc(text[i], f);
    }
}

/* A node lies one row below the lowest of what it reads. */
static void lay_out(Layout *l, const CarinaGraph *g)
{
    int most = 0;
    for (const CarinaNode *n = g->first; n; n = n->next)
        most = n->id > most ? n->id : most;
    l->places = allocate((size_t)most + 1, sizeof *l->places);
    int *filled = allocate((size_t)g->n_nodes + 2, sizeof *filled);
    for (const CarinaNode *n = g->first; n; n = n->next) {
        Place *p = &l->places[n->id];
        for (int i = 0; i < n->n_inputs; i++) {
            const CarinaValue *value = n->inputs[i].value;
            if (value && is_drawn(value->node) &&
                l->places[value->node->id].depth >= p->depth)
                p->depth = l->places[value->node->id].depth + 1;
        }
        if (!is_drawn(n))
            continue;
        p->column = filled[p->depth]++;
        l->n_rows = p->depth + 1 > l->n_rows ? p->depth + 1 : l->n_rows;
        l->n_columns = p->column + 1 > l->n_columns ? p->column + 1 : l->n_columns;
    }
    free(filled);
}

static int left_of(const Place *p) { return GAP_X + p->column * (BOX_W + GAP_X); }
static int top_of(const Place *p) { return GAP_Y + p->depth * (BOX_H + GAP_Y); }

static void draw_node(FILE *f, const Layout *l, const CarinaNode *n)
{
    const Place *p = &l->places[n->id];
    const int x = left_of(p), y = top_of(p);
    for (int i = 0; i < n->n_inputs; i++) {
        const CarinaValue *value = n->inputs[i].value;
        if (!value || !is_drawn(value->node))
            continue;
        const Place *from = &l->places[value->node->id];
        const int x0 = left_of(from) + BOX_W / 2, y0 = top_of(from) + BOX_H,
                  x1 = x + BOX_W / 2;
        fprintf(f, "<path class=\"e\" d=\"M%d %dC%d %d %d %d %d %d\"/>\n", x0, y0, x0,
                y0 + GAP_Y, x1, y - GAP_Y, x1, y);
    }
    fprintf(f, "<g><title>");
    put_xml(f, n->name, 1000);
    fprintf(f, " %s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>",
            detail(n), x, y, BOX_W, BOX_H);
    fprintf(f, "<text x=\"%d\" y=\"%d\" class=\"b\">", x + 8, y + 16);
    put_xml(f, n->op_name, 24);
    fprintf(f, "</text><text x=\"%d\" y=\"%d\">", x + 8, y + 32);
    put_xml(f, detail(n), 28);
    fprintf(f, "</text></g>\n");
}

bool draw_svg(const CarinaGraph *g, const char *path)
{
    File file;
    Layout l = {0};
    if (!open_file(&file, path))
        return false;
    lay_out(&l, g);
    const int width = GAP_X + l.n_columns * (BOX_W + GAP_X);
    const int height = 2 * GAP_Y + l.n_rows * (BOX_H + GAP_Y);
    fprintf(
        file.f,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "font-family=\"sans-serif\" font-size=\"11\">\n<style>rect{fill:#eef3f8;stroke:#58708a}"
        ".e{fill:none;stroke:#8899aa}.b{font-weight:bold}"
        "@media(prefers-color-scheme:dark){svg{background:#15191e}rect{fill:#243240}"
        "text{fill:#e6edf3}}</style>\n",
        width, height);
    for (const CarinaNode *n = g->first; n; n = n->next)
        if (is_drawn(n))
            draw_node(file.f, &l, n);
    fprintf(file.f, "</svg>\n");
    free(l.places);
    return close_file(&file);
}

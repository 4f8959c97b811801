/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops_tests [--references] [STEM...]: every line of tests/ops/STEM.cases (all: one file a row of ops.def), three ways.
 *
 *   shape     type and shape rule, and that an error says what the line says
 *   numbers   the definition gives the numbers that the line holds
 *   device    a model of that one node, compiled for the CPU, gives what the definition gives, in the second
 *             run too, which takes nothing from the heap; with three threads the bits are the same
 *
 * --references: also says how many of an operator's runs on the device call its definition.
 *
 * and: each row of ops.def that computes has a summary and cases, each cases file has a row.
 */
#include "cases_line.h"

#include "base/half.h"
#include "base/text.h"
#include "engine/model_own.h"
#include "graph/op.h"
#include "test_allocations.h"
#include <carina/engine.h>

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CA_OP(name) extern const CaOp ca_op_##name;
#include "ops/ops.def"
#undef CA_OP

static const struct {
    const char *stem;
    const CaOp *op;
} rows[] = {
#define CA_OP(name) {#name, &ca_op_##name},
#include "ops/ops.def"
#undef CA_OP
};
enum { N_ROWS = (int)(sizeof rows / sizeof *rows) };

typedef struct Run {
    CarinaContext *ctx;
    const char *stem;
    int line;
    const char *text;
    int n_lines, n_vectors, n_devices, n_refused, n_failed;
    int n_references; /* of n_devices */
} Run;

/* A case at work: the node's graph and the tensors it is fed with. */
typedef struct Work {
    Run *run;
    const CaOp *op;
    const CaseLine *c;
    CaGraph *graph;
    CaNode *node;
    CarinaTensor *in[CASE_MAX_IN];
    CarinaTensor *out[CASE_MAX_OUT];
} Work;

static void fail(Run *r, const char *what, const char *detail)
{
    printf("%s.cases:%d: %s: %s\n    %s\n", r->stem, r->line, what, detail, r->text);
    r->n_failed++;
}

/* --- Data. ------------------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Reals from [-1, 1), whole numbers from [lowest, lowest + 5): repeatable, since the line is the seed. */
static CarinaTensor *random_tensor(const CaseTensor *t, uint64_t *state, int lowest)
{
    CarinaTensor *out = NULL;
    if (carina_tensor_create(&out, t->type, &t->shape, NULL) != CARINA_OK)
        return NULL;
    for (int64_t i = 0, n = ca_tensor_count(out); i < n; i++) {
        const uint64_t r = next_random(state) >> 11;
        if (ca_type_is_real(t->type))
            ca_put_real(t->type, out->data, i, (double)r * 0x1p-52 - 1);
        else
            ca_put_int(t->type, out->data, i,
                       t->type == CARINA_BOOL || lowest == 0 ? (int64_t)(r & 1)
                                                             : lowest + (int64_t)(r % 5));
    }
    return out;
}

static bool fill(Work *w, int lowest)
{
    uint64_t state = ca_hash(w->run->text, strlen(w->run->text), 1) | 1;
    for (int i = 0; i < w->c->n_in; i++) {
        const CaseTensor *t = &w->c->in[i];
        carina_tensor_free(&w->in[i]);
        if (t->values) {
            if (ca_tensor_share(&w->in[i], t->values, NULL) != CARINA_OK)
                return false;
        } else if (!(w->in[i] = random_tensor(t, &state, lowest))) {
            return false;
        }
    }
    return true;
}

static void work_free(Work *w)
{
    for (int i = 0; i < CASE_MAX_IN; i++)
        carina_tensor_free(&w->in[i]);
    for (int i = 0; i < CASE_MAX_OUT; i++)
        carina_tensor_free(&w->out[i]);
    ca_graph_free(&w->graph);
}

/* --- The graph of one node: operand i is a Parameter where bit i of parameters is set. --------------- */

static CarinaStatus add_operands(Work *w, CaGraph *g, uint32_t parameters,
                                 CaValue **values, CarinaError *err)
{
    for (int i = 0; i < w->c->n_in; i++) {
        char name[16];
        snprintf(name, sizeof name, "in%d", i);
        if (parameters >> i & 1) {
            CA_TRY(ca_graph_parameter(&values[i], g, name, w->c->in[i].type,
                                      &w->c->in[i].shape, err));
            continue;
        }
        CarinaTensor *t = NULL;
        CA_TRY(ca_tensor_share(&t, w->in[i], err));
        CA_TRY(ca_graph_constant(&values[i], g, NULL, name, t, err));
    }
    return CARINA_OK;
}

static CarinaStatus build_node(Work *w, CaGraph *g, CaNode **node, uint32_t parameters,
                               CarinaError *err)
{
    CaValue *values[CASE_MAX_IN] = {NULL};
    const int n_out = w->op->arity.n_out >= 0 ? w->op->arity.n_out
                      : w->c->n_out > 0       ? w->c->n_out
                                              : 2;
    CA_TRY(add_operands(w, g, parameters, values, err));
    CA_TRY(ca_graph_add(node, g, NULL, w->op->name, w->op->opset, "case", values,
                        w->c->n_in, n_out, err));
    for (int i = 0; i < w->c->n_attrs; i++)
        CA_TRY(ca_node_set_text(g, *node, w->c->attr[i], w->c->text[i], err));
    for (int i = 0; i < n_out; i++) {
        char name[16];
        snprintf(name, sizeof name, "out%d", i);
        CA_TRY(ca_graph_result(g, name, &(*node)->outputs[i], err));
    }
    return ca_graph_infer(g, err);
}

static CarinaStatus build(Work *w, CaGraph **graph, CaNode **node, uint32_t parameters,
                          CarinaError *err)
{
    CA_TRY(ca_graph_create(graph, err));
    return build_node(w, *graph, node, parameters, err);
}

/* Operands without written values arrive at run time. */
static uint32_t unwritten(const CaseLine *c)
{
    uint32_t mask = 0;
    for (int i = 0; i < c->n_in && i < 32; i++)
        mask |= (uint32_t)!c->in[i].values << i;
    return mask;
}

static bool outputs_are_static(const CaNode *n)
{
    for (int i = 0; i < n->n_outputs; i++)
        if (!ca_shape_is_static(&n->outputs[i].shape))
            return false;
    return true;
}

/* The definition on w->in into w->out. */
static CarinaStatus define(Work *w, CarinaError *err)
{
    for (int i = 0; i < w->node->n_outputs; i++) {
        carina_tensor_free(&w->out[i]);
        CA_TRY(carina_tensor_create(&w->out[i], w->node->outputs[i].type,
                                    &w->node->outputs[i].shape, err));
    }
    return ca_reference_node(w->node, w->out, (const CarinaTensor *const *)w->in, err);
}

/* --- Comparing. ------------------------------------------------------------------------------------- */

static double type_epsilon(CarinaType type)
{
    if (type == CARINA_F16)
        return 0x1p-10;
    if (type == CARINA_BF16)
        return 0x1p-7;
    return type == CARINA_F64 ? DBL_EPSILON : FLT_EPSILON;
}

static double largest(const CarinaTensor *t)
{
    double most = 0;
    for (int64_t i = 0, n = ca_tensor_count(t); i < n; i++) {
        const double x = fabs(ca_get_real(t->type, t->data, i));
        if (isfinite(x) && x > most)
            most = x;
    }
    return most;
}

/* |got - want| <= relative * |want| + absolute for reals (NaN equals NaN), equality for whole numbers. */
static bool same(const CarinaTensor *got, const CarinaTensor *want, double relative,
                 double absolute, char *detail, size_t room)
{
    for (int64_t i = 0, n = ca_tensor_count(want); i < n; i++) {
        if (!ca_type_is_real(want->type)) {
            const int64_t a = ca_get_int(got->type, got->data, i);
            const int64_t b = ca_get_int(want->type, want->data, i);
            snprintf(detail, room, "element %lld is %lld, not %lld", (long long)i,
                     (long long)a, (long long)b);
            if (a != b)
                return false;
            continue;
        }
        const double a = ca_get_real(got->type, got->data, i);
        const double b = ca_get_real(want->type, want->data, i);
        snprintf(detail, room, "element %lld is %.9g, not %.9g (within %.3g)",
                 (long long)i, a, b, relative * fabs(b) + absolute);
        if (isnan(a) != isnan(b) ||
            (!isnan(a) && a != b && !(fabs(a - b) <= relative * fabs(b) + absolute)))
            return false;
    }
    return true;
}

/* --- The three uses. -------------------------------------------------------------------------------- */

static bool check_shapes(Work *w)
{
    char detail[2 * CA_SHAPE_TEXT + 64], a[CA_SHAPE_TEXT], b[CA_SHAPE_TEXT];
    if (w->c->n_out > w->node->n_outputs) {
        fail(w->run, "shape", "the line has more outputs than the operator");
        return false;
    }
    for (int i = 0; i < w->c->n_out; i++) {
        const CaValue *got = &w->node->outputs[i];
        const CaseTensor *want = &w->c->out[i];
        if (!ca_shape_equal(&got->shape, &want->shape)) {
            snprintf(detail, sizeof detail, "output %d is %s, not %s", i,
                     ca_shape_text(a, sizeof a, &got->shape),
                     ca_shape_text(b, sizeof b, &want->shape));
            fail(w->run, "shape", detail);
            return false;
        }
        if (want->type != CARINA_UNKNOWN && got->type != want->type) {
            snprintf(detail, sizeof detail, "output %d is %s, not %s", i,
                     carina_type_name(got->type), carina_type_name(want->type));
            fail(w->run, "type", detail);
            return false;
        }
    }
    return true;
}

/* Written numbers have six digits or more: 1e-5 of the number; where terms cancel, an ulp or two of the
 * tensor's largest element besides. */
static void check_vectors(Work *w)
{
    char detail[160];
    bool is_written = false;
    for (int i = 0; i < w->c->n_out; i++) {
        const CarinaTensor *want = w->c->out[i].values;
        if (!want)
            continue;
        const double eps = type_epsilon(want->type);
        is_written = true;
        if (!same(w->out[i], want, 1e-5 + (eps > FLT_EPSILON ? eps : 0),
                  2 * FLT_EPSILON * largest(want), detail, sizeof detail))
            fail(w->run, "numbers", detail);
    }
    w->run->n_vectors += is_written;
}

/* Each output element is a sum of at most T terms, T the elements of the largest operand; each term and each of
 * at most 16 further roundings (the function of an element, a bias, a scale) errs by eps of the largest
 * magnitude that occurs. One rounding to the output's type comes on top. */
static double device_bound(const Work *w, const CarinaTensor *want)
{
    int64_t terms = 1;
    double magnitude = fmax(1, largest(want));
    for (int i = 0; i < w->c->n_in; i++) {
        const int64_t n = ca_tensor_count(w->in[i]);
        terms = n > terms ? n : terms;
    }
    return (double)(terms + 16) * FLT_EPSILON * magnitude;
}

static CarinaStatus infer_on_device(Work *w, const CaGraph *g, uint32_t parameters,
                                    int n_threads, CarinaCompiled **exe,
                                    CarinaRequest **req, CarinaError *err)
{
    const CarinaCompileOptions options = {sizeof options, .n_threads = n_threads,
                                          .exact = true};
    CarinaModel model = {.ctx = w->run->ctx, .format = "case"};
    CA_TRY(ca_graph_copy(&model.graph, g, err));
    const CarinaStatus status =
        carina_compile(exe, w->run->ctx, &model, "CPU", &options, err);
    ca_graph_free(&model.graph);
    CA_TRY(status);
    CA_TRY(carina_request_create(req, *exe, err));
    for (int i = 0, at = 0; i < w->c->n_in; i++)
        if (parameters >> i & 1)
            CA_TRY(carina_request_set_input(*req, at++, w->in[i], err));
    CA_TRY(carina_request_infer(*req, err)); /* makes the scratch */
    const long before = test_counts_allocations() ? test_allocations() : 0;
    CA_TRY(carina_request_infer(*req, err));
    if (test_counts_allocations() && test_allocations() != before)
        return ca_err(err, CARINA_ERR_MEMORY, "a run takes %ld blocks from the heap",
                      test_allocations() - before);
    return CARINA_OK;
}

static bool calls_definition(const CarinaCompiled *exe)
{
    const CarinaStep *s = NULL;
    for (int i = 0; (s = carina_compiled_step(exe, i, NULL)); i++)
        if (strcmp(s->kernel, "reference") == 0)
            return true;
    return false;
}

/* Three threads give the bits that one gives. */
static bool has_same_bits(Work *w, const CaGraph *g, uint32_t parameters,
                          CarinaRequest *one, CarinaError *err)
{
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    bool same = infer_on_device(w, g, parameters, 3, &exe, &req, err) == CARINA_OK;
    for (int i = 0; same && i < g->n_outputs; i++) {
        const CarinaTensor *a = carina_request_output(one, i),
                           *b = carina_request_output(req, i);
        same = memcmp(a->data, b->data, a->size) == 0;
        if (!same)
            snprintf(err->text, sizeof err->text,
                     "output %d of three threads has other bits than that of one", i);
    }
    carina_request_free(&req);
    carina_compiled_free(&exe);
    return same;
}

static void check_device(Work *w, uint32_t parameters, const char *what)
{
    CaGraph *g = NULL;
    CaNode *node = NULL;
    CarinaCompiled *exe = NULL;
    CarinaRequest *req = NULL;
    CarinaError err = {CARINA_OK, ""};
    char detail[160];
    /* An operand that decides the shape cannot be a Parameter: such a graph is not this case. */
    if (build(w, &g, &node, parameters, &err) == CARINA_OK && outputs_are_static(node)) {
        if (infer_on_device(w, g, parameters, 1, &exe, &req, &err) != CARINA_OK ||
            !has_same_bits(w, g, parameters, req, &err)) {
            fail(w->run, what, err.text);
        } else {
            w->run->n_devices++;
            w->run->n_references += calls_definition(exe);
            for (int i = 0; i < node->n_outputs; i++) {
                const CarinaTensor *got = carina_request_output(req, i);
                if (!same(got, w->out[i], type_epsilon(got->type),
                          device_bound(w, w->out[i]), detail, sizeof detail)) {
                    fail(w->run, what, detail);
                    break;
                }
            }
        }
    }
    carina_request_free(&req);
    carina_compiled_free(&exe);
    ca_graph_free(&g);
}

/* --- A line, a file, all files. --------------------------------------------------------------------- */

static void check_error(Work *w, CarinaStatus status, const CarinaError *err)
{
    char detail[600];
    if (status == CARINA_OK)
        fail(w->run, "error", "the line must fail and does not");
    else if (!strstr(err->text, w->c->error)) {
        snprintf(detail, sizeof detail, "says \"%s\"", err->text);
        fail(w->run, "error", detail);
    }
}

static void check_line(Run *r, const CaOp *op, const CaseLine *c)
{
    Work w = {.run = r, .op = op, .c = c};
    CarinaError err = {CARINA_OK, ""};
    const uint32_t parameters = unwritten(c);
    CarinaStatus status =
        fill(&w, 1) ? build(&w, &w.graph, &w.node, parameters, &err) : CARINA_ERR_MEMORY;
    if (c->error) {
        if (status == CARINA_OK && outputs_are_static(w.node))
            status = define(&w, &err);
        check_error(&w, status, &err);
    } else if (status != CARINA_OK) {
        fail(r, "shape", err.text);
    } else if (check_shapes(&w) && outputs_are_static(w.node)) {
        status = define(&w, &err);
        if (status != CARINA_OK && fill(&w, 0)) /* indices past a small axis */
            status = define(&w, &err);
        if (status != CARINA_OK && parameters == 0) {
            fail(r, "numbers", err.text);
        } else if (status != CARINA_OK) {
            r->n_refused++; /* random data that the definition refuses, rightly */
        } else {
            check_vectors(&w);
            check_device(&w, parameters, "device, operands at run time");
            if (c->n_in > 0 && parameters != 1)
                check_device(&w, 1, "device, constant operands");
        }
    }
    r->n_lines++;
    work_free(&w);
}

/* Lines of STEM.cases; 0 where there is no such file. */
static int check_file(Run *r, const char *stem, const CaOp *op)
{
    char path[512], *line = NULL;
    size_t room = 0;
    int n = 0;
    snprintf(path, sizeof path, "%s/%s.cases", CASES_DIR, stem);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    r->stem = stem;
    for (r->line = 1; getline(&line, &room, f) > 0; r->line++) {
        line[strcspn(line, "\n")] = 0;
        if (*line == 0 || *line == '#')
            continue;
        CaseLine c;
        const char *problem = NULL;
        char *copy = strdup(line);
        r->text = line;
        if (!copy || !case_line_parse(&c, copy, &problem))
            fail(r, "line", problem);
        else if (strcmp(c.name, stem) != 0)
            fail(r, "line", "names another operator than the file");
        else
            check_line(r, op, &c);
        case_line_free(&c);
        free(copy);
        n++;
    }
    free(line);
    fclose(f);
    return n;
}

/* A file that no row of ops.def reads would never run. */
static void check_no_stray_files(Run *r)
{
    DIR *dir = opendir(CASES_DIR);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        const char *dot = strrchr(e->d_name, '.');
        bool is_row = !dot || strcmp(dot, ".cases") != 0;
        for (int i = 0; !is_row && i < N_ROWS; i++)
            is_row = strlen(rows[i].stem) == (size_t)(dot - e->d_name) &&
                     strncmp(rows[i].stem, e->d_name, strlen(rows[i].stem)) == 0;
        if (!is_row) {
            printf("%s: no row of ops.def has that name\n", e->d_name);
            r->n_failed++;
        }
    }
    if (dir)
        closedir(dir);
}

static bool is_wanted(const char *stem, int argc, char **argv)
{
    int n_stems = 0;
    for (int i = 1; i < argc; i++) {
        n_stems += *argv[i] != '-';
        if (strcmp(argv[i], stem) == 0)
            return true;
    }
    return n_stems == 0;
}

int main(int argc, char **argv)
{
    const CarinaContextOptions options = {sizeof options, .plugin_dir = PLUGIN_DIR};
    CarinaError err;
    Run r = {0};
    const bool lists = argc > 1 && strcmp(argv[1], "--references") == 0;
    if (carina_context_create(&r.ctx, &options, &err) != CARINA_OK) {
        printf("%s\n", err.text);
        return 1;
    }
    for (int i = 0; i < N_ROWS; i++) {
        const CaOp *op = rows[i].op;
        if (!is_wanted(rows[i].stem, argc, argv))
            continue;
        const int n_devices = r.n_devices, n_references = r.n_references;
        const int n = check_file(&r, rows[i].stem, op);
        if (lists && r.n_references > n_references)
            printf("%s: %d of %d runs call the definition\n", rows[i].stem,
                   r.n_references - n_references, r.n_devices - n_devices);
        if (!op->summary || !*op->summary || (op->ref && n == 0)) {
            printf("ops.def: %s has %s\n", rows[i].stem, n ? "no summary" : "no cases");
            r.n_failed++;
        }
    }
    check_no_stray_files(&r);
    printf(
        "%d lines: %d with written numbers, %d runs on the device, %d with random data "
        "that the definition refuses; %d failed\n",
        r.n_lines, r.n_vectors, r.n_devices, r.n_refused, r.n_failed);
    carina_context_free(&r.ctx);
    return r.n_failed > 0 || r.n_lines == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina devices, ops and version: what this build and this machine have.
 */
#include "reading.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int run_devices(const void *values, const List *words)
{
    static const char *const heads[] = {"<device", "<what it is", NULL};
    Json *json = NULL;
    (void)values;
    if (words->n > 0)
        return complain_usage("devices: '%s' is one word too many", words->v[0]);
    CarinaContext *ctx = open_context(0, NULL);
    if (!ctx || !json_open(&json, common.json)) {
        carina_context_free(&ctx);
        return EXIT_BAD;
    }
    Table *t = table_create(heads);
    const char *name;
    int n = 0;
    json_list(json, "devices");
    for (; (name = carina_device_name(ctx, n)); n++) {
        CarinaError err = {0};
        const char *what = carina_device_describe(ctx, name, &err);
        table_cell(t, name);
        table_cell(t, what ? what : err.text);
        json_object(json, NULL);
        json_text(json, "name", name);
        json_text(json, "description", what ? what : err.text);
        json_end(json);
    }
    table_print(t, n ? stdout : NULL);
    const bool good = json_close(&json);
    carina_context_free(&ctx);
    if (n == 0)
        return complain("no device: the plugins were not found beside the library");
    return good ? EXIT_GOOD : EXIT_BAD;
}

static const Option none[] = {{OPTION_END, NULL, NULL, NULL, 0}};

const Command command_devices = {
    .name = "devices",
    .purpose = "list what models can run on",
    .usage = "",
    .examples = {"carina devices", "carina devices --json devices.json",
                 "CARINA_CPU=avx2 carina devices"},
    .options = none,
    .values_size = 0,
    .run = run_devices,
};

typedef struct {
    const char *format;
    Custom custom;
} OpsValues;

/* Formats as people write them. */
static const char *full_format(const char *typed)
{
    static const char *const names[][2] = {{"ir", "OpenVINO IR"},
                                           {"openvino", "OpenVINO IR"},
                                           {"tf", "TensorFlow"},
                                           {"tflite", "TensorFlow Lite"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(typed, names[i][0]) == 0)
            return names[i][1];
    return typed;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The operators of one format, in its own words. */
static int list_format(const char *typed)
{
    static const char *const heads[] = {"<operator", NULL};
    List names = {0};
    Json *json = NULL;
    const char *wanted = full_format(typed), *name;
    int i = 0, n = 0;
    while ((name = carina_format_name(i)) && strcasecmp(name, wanted) != 0) {
        list_add(&names, name);
        i++;
    }
    if (!name) {
        list_add(&names, NULL);
        const char *near = nearest(names.v, wanted);
        free(names.v);
        return near ? complain("no format %s; do you mean %s?", typed, near)
                    : complain("no format %s; 'carina ops' names them", typed);
    }
    names.n = 0;
    for (int k = 0; carina_format_op(i, k); k++)
        list_add(&names, carina_format_op(i, k));
    if (names.n > 0)
        qsort(names.v, (size_t)names.n, sizeof *names.v, by_name);
    if (!json_open(&json, common.json)) {
        free(names.v);
        return EXIT_BAD;
    }
    Table *t = table_create(heads);
    json_text(json, "format", name);
    json_list(json, "operators");
    for (int k = 0; k < names.n; k++) {
        if (k > 0 && strcmp(names.v[k], names.v[k - 1]) == 0)
            continue; /* of another version or domain */
        table_cell(t, names.v[k]);
        json_text(json, NULL, names.v[k]);
        n++;
    }
    json_end(json);
    table_print(t, stdout);
    printf("%d operators of %s\n", n, name);
    free(names.v);
    return json_close(&json) ? EXIT_GOOD : EXIT_BAD;
}

static int unknown_op(const char *typed)
{
    List names = {0};
    for (int i = 0; carina_op_name(i); i++)
        list_add(&names, carina_op_name(i));
    list_add(&names, NULL);
    const char *near = nearest(names.v, typed);
    if (near)
        complain("no operator %s; do you mean %s?", typed, near);
    else
        complain("no operator %s; 'carina ops' lists them", typed);
    free(names.v);
    return EXIT_BAD;
}

static bool is_asked(const List *words, const char *name)
{
    for (int i = 0; i < words->n; i++)
        if (strcmp(words->v[i], name) == 0)
            return true;
    return words->n == 0;
}

/* Another opset's version of an operator has its name: it is listed once. */
static bool is_repeated(int i)
{
    for (int k = 0; k < i; k++)
        if (strcmp(carina_op_name(k), carina_op_name(i)) == 0)
            return true;
    return false;
}

/* "IR, ONNX, TensorFlow Lite" as "IR ONNX TFLite", so that a table has room for it. To be freed. */
static char *short_formats(const char *formats)
{
    char *all = text_of("%s", "");
    for (const char *at = formats; *at;) {
        const size_t n = strcspn(at, ",");
        const char *name = n == 10 && strncmp(at, "TensorFlow", n) == 0        ? "TF"
                           : n == 15 && strncmp(at, "TensorFlow Lite", n) == 0 ? "TFLite"
                                                                               : NULL;
        char *longer = name ? text_of("%s%s%s", all, *all ? " " : "", name)
                            : text_of("%s%s%.*s", all, *all ? " " : "", (int)n, at);
        free(all);
        all = longer;
        at += n;
        at += strspn(at, ", ");
    }
    return all;
}

/* "IR", and what the operator's other names are of. To be freed. */
static char *alias_formats(const CarinaExtensionOp *op)
{
    static const char *const names[] = {"",      "ONNX",  "Caffe", "TF",
                                        "Keras", "MXNet", "TFLite"};
    char *all = text_of("IR");
    for (size_t f = 1; f < sizeof names / sizeof *names; f++)
        for (const CarinaAlias *a = op->aliases; a && a->format != CARINA_FORMAT_END; a++)
            if ((size_t)a->format == f) {
                char *longer = text_of("%s %s", all, names[f]);
                free(all);
                all = longer;
                break;
            }
    return all;
}

/* What extensions bring. */
static int list_extensions(const Custom *custom)
{
    static const char *const heads[] = {"<operator", "<what it does", "<read from", NULL};
    const CarinaExtensionOp *op;
    Json *json = NULL;
    int n = 0;
    CarinaContext *ctx = open_context(0, NULL);
    const bool good =
        ctx && load_extensions(ctx, custom) && json_open(&json, common.json);
    Table *t = table_create(heads);
    json_list(json, "operators");
    for (; good && (op = carina_extension_op(ctx, n)); n++) {
        const char *summary = op->summary ? op->summary : "";
        char *formats = alias_formats(op);
        table_cell(t, op->name);
        char *line = text_of("%.28s%s", summary, strlen(summary) > 28 ? "…" : "");
        table_cell(t, line);
        free(line);
        table_cell(t, formats);
        json_object(json, NULL);
        json_text(json, "name", op->name);
        json_text(json, "summary", summary);
        json_text(json, "formats", formats);
        json_end(json);
        free(formats);
    }
    json_end(json);
    table_print(t, good ? stdout : NULL);
    if (good)
        printf("%d operators\n", n);
    carina_context_free(&ctx);
    return good && json_close(&json) ? EXIT_GOOD : EXIT_BAD;
}

static int run_ops(const void *values, const List *words)
{
    static const char *const heads[] = {"<operator", "<what it does", "<read from", NULL};
    const OpsValues *v = values;
    Json *json = NULL;
    for (int k = 0; k < words->n; k++) {
        int i = 0;
        while (carina_op_name(i) && strcmp(carina_op_name(i), words->v[k]) != 0)
            i++;
        if (!carina_op_name(i))
            return unknown_op(words->v[k]);
    }
    if (v->custom.extensions.n)
        return list_extensions(&v->custom);
    if (v->format)
        return words->n ? complain_usage("ops: --format lists a format's own operators; "
                                         "leave '%s' out",
                                         words->v[0])
                        : list_format(v->format);
    if (!json_open(&json, common.json))
        return EXIT_BAD;
    Table *t = table_create(heads);
    int n = 0;
    json_list(json, "operators");
    for (int i = 0; carina_op_name(i); i++) {
        const char *formats = carina_op_formats(i);
        if (is_repeated(i) || !is_asked(words, carina_op_name(i)))
            continue;
        table_cell(t, carina_op_name(i));
        const char *summary = carina_op_summary(i);
        char *line = text_of("%.28s%s", summary, strlen(summary) > 28 ? "…" : "");
        table_cell(t, line);
        free(line);
        char *few = short_formats(formats);
        table_cell(t, few);
        free(few);
        json_object(json, NULL);
        json_text(json, "name", carina_op_name(i));
        json_text(json, "summary", carina_op_summary(i));
        json_text(json, "formats", formats);
        json_end(json);
        n++;
    }
    table_print(t, stdout);
    printf("%d operators\n", n);
    return json_close(&json) ? EXIT_GOOD : EXIT_BAD;
}

static const Option ops_options[] = {
    {OPTION_TEXT, "format,f", "FORMAT", "the operators of that format, in its own words",
     offsetof(OpsValues, format)},
    {OPTION_REPEAT, "l", "FILE", "those of an extension",
     offsetof(OpsValues, custom.extensions)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_ops = {
    .name = "ops",
    .purpose = "list the operators",
    .usage = "[OPERATOR...] [--format FORMAT] [-l FILE]",
    .examples = {"carina ops", "carina ops --format Caffe", "carina ops Convolution"},
    .options = ops_options,
    .values_size = sizeof(OpsValues),
    .run = run_ops,
};

static int run_version(const void *values, const List *words)
{
    Json *json = NULL;
    (void)values;
    (void)words;
    if (!json_open(&json, common.json))
        return EXIT_BAD;
    printf("carina %s, plugin ABI %d.%d, extension ABI %d.%d\n", carina_version(),
           CARINA_ABI_MAJOR, CARINA_ABI_MINOR, CARINA_EXTENSION_ABI_MAJOR,
           CARINA_EXTENSION_ABI_MINOR);
    json_text(json, "version", carina_version());
    json_number(json, "abi_major", CARINA_ABI_MAJOR);
    json_number(json, "abi_minor", CARINA_ABI_MINOR);
    json_number(json, "extension_abi_major", CARINA_EXTENSION_ABI_MAJOR);
    json_number(json, "extension_abi_minor", CARINA_EXTENSION_ABI_MINOR);
    return json_close(&json) ? EXIT_GOOD : EXIT_BAD;
}

const Command command_version = {
    .name = "version",
    .purpose = "say which version this is",
    .usage = "",
    .examples = {"carina version", "carina version --json version.json", NULL},
    .options = none,
    .values_size = 0,
    .run = run_version,
};

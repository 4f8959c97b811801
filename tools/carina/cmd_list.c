/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carina devices, ops and version: what this build and this machine have.
 */
#include "cli.h"

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
} OpsValues;

/* Is the format one of the words of the list? */
static bool reads(const char *formats, const char *format)
{
    const size_t n = format ? strlen(format) : 0;
    for (const char *at = formats; format && *at; at += strcspn(at, " ,")) {
        at += strspn(at, " ,");
        if (strcspn(at, " ,") == n && strncasecmp(at, format, n) == 0)
            return true;
    }
    return !format;
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
    if (!json_open(&json, common.json))
        return EXIT_BAD;
    Table *t = table_create(heads);
    int n = 0;
    json_list(json, "operators");
    for (int i = 0; carina_op_name(i); i++) {
        const char *formats = carina_op_formats(i);
        if (is_repeated(i) || !is_asked(words, carina_op_name(i)) ||
            !reads(formats, v->format))
            continue;
        table_cell(t, carina_op_name(i));
        const char *summary = carina_op_summary(i);
        char *line = text_of("%.50s%s", summary, strlen(summary) > 50 ? "…" : "");
        table_cell(t, line);
        free(line);
        table_cell(t, formats);
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
    {OPTION_TEXT, "format,f", "FORMAT", "only those read from IR, ONNX or Caffe",
     offsetof(OpsValues, format)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_ops = {
    .name = "ops",
    .purpose = "list the operators",
    .usage = "[OPERATOR...] [--format FORMAT]",
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
    printf("carina %s, plugin ABI %d.%d\n", carina_version(), CARINA_ABI_MAJOR,
           CARINA_ABI_MINOR);
    json_text(json, "version", carina_version());
    json_number(json, "abi_major", CARINA_ABI_MAJOR);
    json_number(json, "abi_minor", CARINA_ABI_MINOR);
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

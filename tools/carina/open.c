/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening contexts and devices, with answers for names that are nearly right.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void on_log(void *arg, CarinaLogLevel level, const char *text)
{
    (void)arg;
    if (level == CARINA_LOG_ERROR || !common.quiet)
        fprintf(stderr, "carina: %s\n", text);
}

/* In the words of the Model Optimizer: CRITICAL and ERROR, WARN and WARNING are the same here. */
static CarinaLogLevel log_level(void)
{
    static const struct {
        const char *word;
        CarinaLogLevel level;
    } words[] = {{"CRITICAL", CARINA_LOG_ERROR}, {"ERROR", CARINA_LOG_ERROR},
                 {"WARN", CARINA_LOG_WARN},      {"WARNING", CARINA_LOG_WARN},
                 {"INFO", CARINA_LOG_INFO},      {"DEBUG", CARINA_LOG_DEBUG},
                 {"NOTSET", CARINA_LOG_DEBUG}};
    for (size_t i = 0; common.log_level && i < sizeof words / sizeof *words; i++)
        if (strcasecmp(words[i].word, common.log_level) == 0)
            return words[i].level;
    return CARINA_LOG_WARN;
}

CarinaContext *open_context(int64_t n_threads, const char *cpu)
{
    CarinaContext *ctx = NULL;
    CarinaError err = {0};
    if (n_threads > 4096) {
        complain("%lld threads; the limit is 4,096", (long long)n_threads);
        return NULL;
    }
    const CarinaContextOptions options = {
        .struct_size = sizeof options,
        .n_threads = (int)n_threads,
        .cpu = cpu ? cpu : common.cpu,
        .log = on_log,
        .log_level = log_level(),
    };
    if (carina_context_create(&ctx, &options, &err) != CARINA_OK)
        complain("%s", err.text);
    return ctx;
}

bool optimize_model(CarinaModel *model, const char *precision)
{
    CarinaError err = {0};
    int n = 0;
    const bool is_int8 = precision && strcmp(precision, "int8") == 0;
    if ((!is_int8 || carina_model_use_statistics(model, &n, &err) == CARINA_OK) &&
        carina_model_optimize(model, NULL, &err) == CARINA_OK)
        return true;
    complain("%s", err.text);
    return false;
}

bool check_device(CarinaContext *ctx, const char *device)
{
    List names = {0};
    char *all = text_of("%s", "");
    bool is_there = false;
    const char *name;
    for (int i = 0; (name = carina_device_name(ctx, i)); i++) {
        char *longer = text_of("%s%s%s", all, i ? ", " : "", name);
        free(all);
        all = longer;
        list_add(&names, name);
        is_there = is_there || strcmp(name, device) == 0;
    }
    list_add(&names, NULL);
    const char *near = nearest(names.v, device);
    if (!is_there && names.n == 1)
        complain("no device %s; there is none: the plugins were not found", device);
    else if (!is_there && near && strcasecmp(near, device) == 0)
        complain("no device %s; do you mean %s?", device, near);
    else if (!is_there)
        complain("no device %s; there are %s", device, all);
    free(names.v);
    free(all);
    return is_there;
}

const char *model_word(const char *option, const List *words)
{
    if (option && words->n > 0)
        complain("'%s' is one word too many: the model is %s", words->v[0], option);
    else if (words->n > 1)
        complain("'%s' is one word too many: the model is %s", words->v[1], words->v[0]);
    else if (!option && words->n == 0)
        complain("no model given; name one with -m or as a word");
    else
        return option ? option : words->v[0];
    return NULL;
}

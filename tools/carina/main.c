/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: finds the subcommand, has its options parsed, runs it.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

const Command *const commands[] = {
    &command_convert,   &command_info,    &command_run,      &command_classify,
    &command_benchmark, &command_compare, &command_quantize, &command_devices,
    &command_ops,       &command_version, &command_help,     NULL,
};

CommonOptions common;

static const Command *find_command(const char *name)
{
    for (int i = 0; commands[i]; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *typed)
{
    List names = {0};
    for (int i = 0; commands[i]; i++)
        list_add(&names, commands[i]->name);
    list_add(&names, NULL);
    const char *near = nearest(names.v, typed);
    if (near)
        complain("no command '%s'; do you mean '%s'?", typed, near);
    else
        complain("no command '%s'; 'carina help' lists them", typed);
    free(names.v);
    return EXIT_USAGE;
}

typedef struct {
    bool man, completion;
} HelpValues;

static int run_help(const void *values, const List *words)
{
    const HelpValues *v = values;
    if (v->man)
        options_man();
    else if (v->completion)
        options_completion();
    else if (words->n == 0)
        options_overview();
    for (int i = 0; i < words->n; i++) {
        const Command *command = find_command(words->v[i]);
        if (!command)
            return unknown_command(words->v[i]);
        options_help(command);
    }
    return EXIT_GOOD;
}

static const Option help_options[] = {
    {OPTION_FLAG, "man", NULL, "the manual page, for man -l -",
     offsetof(HelpValues, man)},
    {OPTION_FLAG, "completion", NULL, "completion for bash, to be sourced",
     offsetof(HelpValues, completion)},
    {OPTION_END, NULL, NULL, NULL, 0},
};

const Command command_help = {
    .name = "help",
    .purpose = "explain a command",
    .usage = "[COMMAND]",
    .examples = {"carina help convert", "carina help --man | man -l -",
                 "source <(carina help --completion)"},
    .options = help_options,
    .values_size = sizeof(HelpValues),
    .run = run_help,
};

static int run_command(const Command *command, int argc, char **argv)
{
    List words = {0};
    void *values = allocate(1, command->values_size + 1);
    int status = EXIT_USAGE;
    if (options_parse(command, values, &common, &words, argc, argv)) {
        if (common.help) {
            options_help(command);
            status = EXIT_GOOD;
        } else {
            status = command->run(values, &words);
        }
    }
    free(words.v);
    free(values);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        options_overview();
        return EXIT_GOOD;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "-help") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-version") == 0)
        name = "version";
    const Command *command = find_command(name);
    if (!command)
        return unknown_command(name);
    int status = run_command(command, argc - 2, argv + 2);
    if (fflush(stdout) != 0 && status == EXIT_GOOD)
        status = complain("standard output: cannot be written; is the disk full?");
    return status;
}

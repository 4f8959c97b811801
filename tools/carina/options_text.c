/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tables of options say to people and shells: --help, the manual page, completion.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* "--input-model, -m, -w FILE"; to be freed. */
static char *spelt(const Option *o)
{
    char *all = text_of("%s", "");
    for (const char *name = o->names; name;) {
        const char *comma = strchr(name, ',');
        const int n = comma ? (int)(comma - name) : (int)strlen(name);
        const bool is_first = name == o->names;
        char *longer = text_of("%s%s%s%.*s", all, is_first ? "" : ", ",
                               is_first && n > 1 ? "--" : "-", n, name);
        free(all);
        all = longer;
        name = comma ? comma + 1 : NULL;
    }
    char *result = text_of("%s%s%s", all, o->value ? " " : "", o->value ? o->value : "");
    free(all);
    return result;
}

static void print_options(const Option *o)
{
    enum { WIDTH = 36, SCREEN = 100 };
    for (; o->kind != OPTION_END; o++) {
        if (o->kind == OPTION_GROUP) {
            printf("%s\n", o->names);
            continue;
        }
        if (!o->help)
            continue;
        char *text = spelt(o);
        if (strlen(text) > WIDTH && strlen(text) + strlen(o->help) + 4 > SCREEN)
            printf("  %s\n  %-*s  %s\n", text, WIDTH, "", o->help);
        else
            printf("  %-*s  %s\n", WIDTH, text, o->help);
        free(text);
    }
}

void options_help(const Command *command)
{
    printf("carina %s: %s\n\n  carina %s %s\n\nexamples\n", command->name,
           command->purpose, command->name, command->usage);
    for (int i = 0; i < 3; i++)
        if (command->examples[i])
            printf("  %s\n", command->examples[i]);
    printf("\n");
    print_options(command->options);
    print_options(common_options);
    printf(
        "\nOptions take one dash or two; the manual page: carina help --man | man -l -\n");
}

void options_overview(void)
{
    printf("carina: reads trained networks, optimises them, and runs them\n\n"
           "  carina COMMAND [OPTIONS]\n\nexamples\n"
           "  carina info model.onnx\n"
           "  carina convert model.onnx -o ir\n"
           "  carina classify -m ir/model.xml -i cat.jpg\n\ncommands\n");
    for (int i = 0; commands[i]; i++)
        printf("  %-10s  %s\n", commands[i]->name, commands[i]->purpose);
    printf(
        "\n'carina COMMAND --help' says more; the manual page: carina help --man | man -l -\n");
}

/* Dashes and leading dots mean something to troff. */
static void print_escaped(const char *text)
{
    for (; *text; text++) {
        if (*text == '-')
            putchar('\\');
        if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
}

static void man_options(const Option *o)
{
    for (; o->kind != OPTION_END; o++) {
        if (o->kind == OPTION_GROUP)
            continue;
        char *text = spelt(o);
        printf(".TP\n.B ");
        print_escaped(text);
        printf("\n");
        print_escaped(o->help ? o->help : "Accepted for command lines of other tools.");
        printf("\n");
        free(text);
    }
}

void options_man(void)
{
    printf(
        ".TH CARINA 1 \"\" \"carina %s\"\n.SH NAME\ncarina \\- read, optimise and run "
        "trained networks\n.SH SYNOPSIS\n.B carina\n.I COMMAND\n[options]\n"
        ".SH DESCRIPTION\nLong options take one dash or two, '\\-' and '_' are the same "
        "inside a name, and '=' or a space separates the value.\n",
        carina_version());
    for (int i = 0; commands[i]; i++) {
        printf(".SH ");
        print_escaped(commands[i]->name);
        printf("\n");
        print_escaped(commands[i]->purpose);
        printf("\n.PP\n.B carina %s ", commands[i]->name);
        print_escaped(commands[i]->usage);
        printf("\n");
        man_options(commands[i]->options);
    }
    printf(".SH COMMON OPTIONS\n");
    man_options(common_options);
    printf(".SH EXIT STATUS\n0 good, 1 failed, 2 wrong usage, 130 interrupted.\n");
}

static void completion_words(const Option *o)
{
    for (; o->kind != OPTION_END; o++) {
        const size_t n = strcspn(o->names, ",");
        if (o->kind != OPTION_GROUP)
            printf(" --%.*s", (int)n, o->names);
    }
}

void options_completion(void)
{
    printf("# bash completion: source <(carina help --completion)\n_carina()\n{\n"
           "    local word=${COMP_WORDS[COMP_CWORD]} words=\n"
           "    if [ \"$COMP_CWORD\" = 1 ]; then\n        words=\"");
    for (int i = 0; commands[i]; i++)
        printf("%s%s", i ? " " : "", commands[i]->name);
    printf("\"\n    else\n        case ${COMP_WORDS[1]} in\n");
    for (int i = 0; commands[i]; i++) {
        printf("        %s) words=\"", commands[i]->name);
        completion_words(commands[i]->options);
        completion_words(common_options);
        printf("\" ;;\n");
    }
    printf("        esac\n    fi\n    [[ $word == -* || $COMP_CWORD = 1 ]] && "
           "COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
           "complete -o default -F _carina carina\n");
}

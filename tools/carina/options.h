/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: one table per subcommand drives parsing, --help, the manual page and completion.
 *
 * A name may be written with one dash or two, '-' and '_' are the same inside it, and '=' or a space
 * separates the value. "--" ends the options.
 */
#ifndef CARINA_OPTIONS_H
#define CARINA_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct List {
    int n;
    const char **v;
} List;

typedef enum OptionKind {
    OPTION_END = 0,
    OPTION_GROUP, /* names is the heading of what follows */
    OPTION_FLAG,  /* bool; also --name=false */
    OPTION_TEXT,  /* const char *; choices are checked, without regard to case */
    OPTION_INT,   /* int64_t >= 0 */
    OPTION_REAL,  /* double >= 0 */
    OPTION_LIST, /* List; may be repeated, and takes the following words up to the next option */
    OPTION_REPEAT /* List; may be repeated, of one word each time */
} OptionKind;

typedef struct Option {
    OptionKind kind;
    const char *names; /* "input-model,m,w": the first is the one to print */
    const char *value; /* "FILE", or the choices: "sync|async" */
    const char *help;  /* NULL: understood, and shown in the manual page only */
    size_t offset;     /* in the command's struct */
} Option;

/* The row of commands that compile; `member` of their struct V is the flag. */
#define LOW_MEMORY_OPTION(V, member)                                   \
    {                                                                  \
        OPTION_FLAG, "low-memory", NULL,                               \
            "least memory, not most speed: small filters, one stream", \
            offsetof(V, member)                                        \
    }

typedef struct Command {
    const char *name, *purpose;
    const char *usage; /* after "carina NAME" */
    const char *examples[3];
    const Option *options;
    size_t values_size;
    int (*run)(const void *values, const List *words); /* exit status */
} Command;

/* What every command takes. */
typedef struct CommonOptions {
    bool help, quiet, strict;
    const char *json, *cpu, *log_level;
} CommonOptions;
extern const Option common_options[];
extern const Command *const commands[]; /* NULL-terminated */

/* Fills *values (zeroed, values_size bytes) and the words that are no options. False: said why on stderr. */
bool options_parse(const Command *command, void *values, CommonOptions *common,
                   List *words, int argc, char **argv);
void options_help(const Command *command);
void options_overview(void);
void options_man(void);
void options_completion(void);
/* The name of the NULL-terminated list nearest to what was typed; NULL where none is near. */
const char *nearest(const char *const *names, const char *typed);
void list_add(List *list, const char *text);

#endif

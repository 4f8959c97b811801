/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the subcommands share: messages, the terminal, opening models and devices, tensors from files.
 */
#ifndef CARINA_CLI_H
#define CARINA_CLI_H

#include "options.h"
#include <carina/carina.h>

#include <stdio.h>

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

#if defined(__GNUC__)
#    define PRINTF_LIKE(text, args) __attribute__((format(printf, text, args)))
#else
#    define PRINTF_LIKE(text, args)
#endif

extern CommonOptions common;

/* "carina: TEXT" on stderr; returns EXIT_BAD. */
int complain(const char *format, ...) PRINTF_LIKE(1, 2);
int complain_usage(const char *format, ...) PRINTF_LIKE(1, 2); /* returns EXIT_USAGE */
/* On stderr unless --quiet; with --strict the caller must fail where this returns false. */
bool warn(const char *format, ...) PRINTF_LIKE(1, 2);
void note(const char *format, ...) PRINTF_LIKE(1, 2);
void *allocate(size_t n,
               size_t size); /* zeroed; leaves the program where there is none */
char *text_of(const char *format, ...) PRINTF_LIKE(1, 2); /* to be freed */

/* --- Terminal. */
double now_ms(void);
int terminal_columns(void); /* of stdout; 100 at most, and in a pipe */
bool is_interrupted(void);  /* Ctrl-C during hold_interrupts */
/* Between the two Ctrl-C is remembered; elsewhere it ends the program at once. */
void hold_interrupts(void);
void release_interrupts(void); /* exits with 130 if one came */
/* "\r"-progress on stderr where that is a terminal and not --quiet; done == total ends the line. */
void progress(const char *what, double done, double total, double rate, const char *unit);

/* Three significant digits: "0.349", "22.1", "1,240". Returns a rotating buffer. */
const char *three(double v);
const char *grouped(int64_t v); /* 1,234,567 */
/* 1240000 -> "1.24 M" */
const char *si(double v);
const char *shape_text(const CarinaShape *s); /* "[1, 3, ?, 224]" */
const char *size_text(const CarinaShape *s);  /* "64 x 113 x 113" without the batch */
bool parse_shape(CarinaShape *out, const char **text); /* [..] or (..); moves on */
bool parse_numbers(double **out, int *n,
                   const char *text);      /* "1,2,3", "[1 2 3]"; to be freed */
int64_t shape_count(const CarinaShape *s); /* dynamic dimensions count as 1 */
bool shape_is_static(const CarinaShape *s);

/* --- Tables. */
typedef struct Table Table;
/* heads: one per column; a '<' in front aligns left. The list ends with NULL. */
Table *table_create(const char *const *heads);
void table_cell(Table *t, const char *text); /* copied; fills rows from left to right */
void table_print(Table *t, FILE *f);         /* frees it; f NULL: only that */

/* --- JSON, under a temporary name until closed. A NULL writer takes everything and does nothing. */
typedef struct Json Json;
bool json_open(Json **out, const char *path); /* NULL path: NULL writer */
void json_object(Json *j, const char *key);   /* key NULL inside lists */
void json_list(Json *j, const char *key);
void json_end(Json *j);
void json_text(Json *j, const char *key, const char *value);
void json_number(Json *j, const char *key, double value);
void json_shape(Json *j, const char *key, const CarinaShape *s);
bool json_close(Json **j); /* false: said why on stderr */

/* --- Sources: files, folders, globs, @lists; sorted inside a folder or glob. */
bool sources_expand(List *out, const List *words, const char *extensions);
bool has_extension(const char *path,
                   const char *extensions); /* "jpg,png": without regard to case */
const char *base_name(const char *path);
char *stem_of(const char *path); /* file name without folder and extension; to be freed */
bool make_folders(const char *path); /* all of them; false: said why */
double file_mb(const char *stem, const char *extension); /* 0: no such file */

/* --- Models and devices. */
CarinaContext *open_context(int64_t n_threads, const char *cpu); /* NULL: said why */
/* By the passes; for int8 (precision may be NULL) with the ranges that old IR brings. */
bool optimize_model(CarinaModel *model, const char *precision);
bool check_device(CarinaContext *ctx, const char *device);
/* The one word or option that names the model; NULL: said so. */
const char *model_word(const char *option, const List *words);
/* Each layer's time, what it cannot be faster than on this machine, and what was chosen (counters.c). */
void print_counters(const CarinaCompiled *exe, Json *json, bool is_printed);

/* --- Tensors. */
double tensor_get(const CarinaTensor *t, int64_t i);
void tensor_put(CarinaTensor *t, int64_t i, double v);
int64_t tensor_count(const CarinaTensor *t);
/* Takes *t and gives it the type; false, with *t as it was, where a value would change. */
bool tensor_convert(CarinaTensor **t, CarinaType type);
/* Seeded: uniform in [0, 1) for reals, 0..255 for bytes, 0 for other integers. */
void tensor_random(CarinaTensor *t, uint64_t seed);
/* The npy FILE, as input i of the model wants it; reshapes the model along dynamic dimensions. */
bool load_input(CarinaTensor **out, CarinaModel *model, int i, const char *path);
/* Fills inputs[] from words "NAME=FILE.npy" or "FILE.npy"; NULL where none was given. */
bool load_inputs(CarinaTensor **inputs, CarinaModel *model, const List *words);

/* --- Pictures of a graph. */
bool draw_dot(const CarinaGraph *g, const char *path);
bool draw_svg(const CarinaGraph *g, const char *path);

extern const Command command_convert, command_info, command_run, command_classify,
    command_benchmark, command_compare, command_quantize, command_devices, command_ops,
    command_version, command_help;

#endif

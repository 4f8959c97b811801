/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the registered tests: unit_tests [--file STEM] [PART-OF-A-NAME]. Fails when none matched,
 * so that a misspelt filter cannot pass.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

static Test *tests;
static int failures;

void test_register(Test *test)
{
    test->next = tests;
    tests = test;
}

void test_fail(const char *file, int line, const char *text)
{
    printf("%s:%d: failed: %s\n", file, line, text);
    failures++;
}

void test_skip(const char *why) { printf("skipped: %s\n", why); }

int test_equal(const char *file, int line, const char *text, long long a, long long b)
{
    if (a == b)
        return 1;
    test_fail(file, line, text);
    printf("    left %lld, right %lld\n", a, b);
    return 0;
}

int test_equal_text(const char *file, int line, const char *text, const char *a,
                    const char *b)
{
    if (a == b || (a && b && strcmp(a, b) == 0))
        return 1;
    test_fail(file, line, text);
    printf("    left \"%s\"\n    right \"%s\"\n", a ? a : "(null)", b ? b : "(null)");
    return 0;
}

static int in_file(const Test *test, const char *stem)
{
    const char *slash = strrchr(test->file, '/');
    const char *base = slash ? slash + 1 : test->file;
    const size_t length = strlen(stem);
    return strncmp(base, stem, length) == 0 &&
           (strcmp(base + length, ".c") == 0 || strcmp(base + length, ".def") == 0);
}

int main(int argc, char **argv)
{
    const char *stem = NULL;
    const char *part = NULL;
    int ran = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--file") == 0 && i + 1 < argc)
            stem = argv[++i];
        else
            part = argv[i];
    }
    for (const Test *test = tests; test; test = test->next) {
        const int before = failures;
        if ((stem && !in_file(test, stem)) || (part && !strstr(test->name, part)))
            continue;
        test->run();
        ran++;
        if (failures > before)
            printf("FAILED %s\n", test->name);
    }
    printf("%d tests, %d checks failed\n", ran, failures);
    return failures > 0 || ran == 0;
}

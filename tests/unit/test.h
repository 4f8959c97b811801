/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit tests' harness. A failed check ends its test (it returns), the others still run.
 *   TEST(arena_refuses_a_size_that_overflows) { CHECK(...); }
 */
#ifndef CA_TEST_H
#define CA_TEST_H

#include "base/compiler.h"

typedef struct Test {
    const char *name;
    const char *file;
    void (*run)(void);
    struct Test *next;
} Test;

void test_register(Test *test);
void test_fail(const char *file, int line, const char *text);
void test_skip(const char *why);
int test_equal(const char *file, int line, const char *text, long long a, long long b);
int test_equal_text(const char *file, int line, const char *text, const char *a,
                    const char *b);

#define TEST(sentence)                                         \
    static void sentence(void);                                \
    CA_CONSTRUCTOR static void register_##sentence(void)       \
    {                                                          \
        static Test test = {#sentence, __FILE__, sentence, 0}; \
        test_register(&test);                                  \
    }                                                          \
    static void sentence(void)

#define CHECK(condition)                               \
    do {                                               \
        if (!(condition)) {                            \
            test_fail(__FILE__, __LINE__, #condition); \
            return;                                    \
        }                                              \
    } while (0)

#define CHECK_EQ(a, b)                                                    \
    do {                                                                  \
        if (!test_equal(__FILE__, __LINE__, #a " == " #b, (long long)(a), \
                        (long long)(b)))                                  \
            return;                                                       \
    } while (0)
#define CHECK_STATUS(status, expected) CHECK_EQ(status, expected)

#define CHECK_STR(a, b)                                                   \
    do {                                                                  \
        if (!test_equal_text(__FILE__, __LINE__, #a " == " #b, (a), (b))) \
            return;                                                       \
    } while (0)

#define SKIP(why)       \
    do {                \
        test_skip(why); \
        return;         \
    } while (0)

#endif

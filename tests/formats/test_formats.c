/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the library says of itself: formats, their operators, and the formats that an operator is made from.
 */
#include "test.h"

#include <carina/model.h>

#include <stdio.h>
#include <string.h>

static int format_named(const char *name, size_t n)
{
    const char *format;
    for (int i = 0; (format = carina_format_name(i)); i++)
        if (strlen(format) == n && memcmp(format, name, n) == 0)
            return i;
    return -1;
}

static int n_operators(const char *format)
{
    const int i = format_named(format, strlen(format));
    int n = 0;
    while (i >= 0 && carina_format_op(i, n))
        n++;
    return n;
}

TEST(formats_list_their_operators)
{
    static const char *const names[] = {"OpenVINO IR", "ONNX",  "Caffe",          "MXNet",
                                        "TensorFlow",  "Keras", "TensorFlow Lite"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        CHECK(n_operators(names[i]) >= 40);
    CHECK(!carina_format_name(-1) && !carina_format_name(1000));
    CHECK(!carina_format_op(0, -1) && !carina_format_op(-1, 0) &&
          !carina_format_op(1000, 0));
}

/* "IR" stands first; what follows are names of formats. */
TEST(formats_of_operators_are_formats)
{
    const char *formats;
    for (int i = 0; (formats = carina_op_formats(i)); i++) {
        CHECK(strcmp(formats, "IR") == 0 || strncmp(formats, "IR, ", 4) == 0);
        for (const char *at = formats + 2; *at; at += strcspn(at, ",")) {
            at += strspn(at, ", ");
            CHECK(format_named(at, strcspn(at, ",")) >= 0);
        }
    }
    CHECK(!carina_op_formats(-1));
}

/* Taken from the readers' sources when they are built: these are known. */
TEST(formats_of_some_operators_are_known)
{
    const char *name;
    int n = 0;
    for (int i = 0; (name = carina_op_name(i)); i++) {
        const bool is_sequence = strcmp(name, "LSTMSequence") == 0;
        if (strcmp(name, "Convolution") != 0 && !is_sequence)
            continue;
        n++;
        CHECK(strstr(carina_op_formats(i), "MXNet") &&
              strstr(carina_op_formats(i), "Keras"));
        CHECK((strstr(carina_op_formats(i), "Caffe") != NULL) == !is_sequence);
    }
    CHECK(n >= 2);
}

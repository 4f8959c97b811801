/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .npy files: what is written is read back, the forms NumPy writes, and files that were cut.
 */
#include "test.h"
#include <carina/tensor.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *path_of(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/carina_%ld.npy", (long)getpid());
    return path;
}

static CarinaStatus read_bytes(CarinaTensor **out, const void *bytes, size_t size,
                               CarinaError *err)
{
    FILE *f = fopen(path_of(), "wb");
    if (f) {
        fwrite(bytes, 1, size, f);
        fclose(f);
    }
    const CarinaStatus status = carina_tensor_read_npy(out, path_of(), err);
    unlink(path_of());
    return status;
}

/* A file of the version with this header and data; its size. */
static size_t npy_of(char *bytes, int version, const char *header, const void *data,
                     size_t data_size)
{
    const size_t n = strlen(header), start = version == 1 ? 10 : 12;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (char)version;
    bytes[7] = bytes[9] = bytes[10] = bytes[11] = 0;
    bytes[8] = (char)n;
    memcpy(bytes + start, header, n);
    memcpy(bytes + start + n, data, data_size);
    return start + n + data_size;
}

TEST(a_tensor_is_written_and_read_back)
{
    static const CarinaType types[] = {CARINA_F32, CARINA_F16, CARINA_F64, CARINA_I8,
                                       CARINA_U8,  CARINA_I64, CARINA_BOOL};
    for (size_t k = 0; k < sizeof types / sizeof *types; k++)
        for (int rank = 0; rank < 4; rank++) {
            const CarinaShape shape = {rank, {3, 1, 2}};
            CarinaTensor *t = NULL, *back = NULL;
            CHECK_STATUS(carina_tensor_create(&t, types[k], &shape, NULL), CARINA_OK);
            for (size_t i = 0; i < t->size; i++)
                ((char *)t->data)[i] = (char)(types[k] == CARINA_BOOL ? i % 2 : i);
            CHECK_STATUS(carina_tensor_write_npy(t, path_of(), NULL), CARINA_OK);
            CHECK_STATUS(carina_tensor_read_npy(&back, path_of(), NULL), CARINA_OK);
            CHECK_EQ(back->type, types[k]);
            CHECK_EQ(back->shape.rank, rank);
            CHECK_EQ(back->size, t->size);
            CHECK(memcmp(back->data, t->data, t->size) == 0);
            carina_tensor_free(&t);
            carina_tensor_free(&back);
            unlink(path_of());
        }
}

TEST(fortran_order_and_big_endian_are_turned)
{
    char bytes[512];
    static const uint8_t data[12] = {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6};
    static const int16_t want[6] = {1, 3, 5, 2, 4, 6};
    CarinaTensor *t = NULL;
    const size_t size =
        npy_of(bytes, 2, "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }\n",
               data, 12);
    CHECK_STATUS(read_bytes(&t, bytes, size, NULL), CARINA_OK);
    CHECK_EQ(t->type, CARINA_I16);
    CHECK_EQ(t->shape.dims[1], 3);
    CHECK(memcmp(t->data, want, sizeof want) == 0);
    carina_tensor_free(&t);
    for (size_t n = 0; n < size; n++) {
        CarinaError err = {0};
        CHECK(read_bytes(&t, bytes, n, &err) != CARINA_OK);
        CHECK(err.text[0] && !t);
    }
}

TEST(a_header_that_lies_is_refused)
{
    static const char *const headers[] = {
        "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 4), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<f4', 'shape': (1,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,",
        "{'descr': '<f4",
        "",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char bytes[512];
        CarinaTensor *t = NULL;
        CarinaError err = {0};
        const size_t size = npy_of(bytes, 1, headers[i], "\0\0\0\0", 4);
        CHECK(read_bytes(&t, bytes, size, &err) != CARINA_OK);
        CHECK(err.text[0] && !t);
    }
}
